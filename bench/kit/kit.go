// Package kit is what the measuring commands share: arrays from files, processor time, memory and profiles.
package kit

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"

	"kequn/internal/table"
)

// Exit ends the program with the text of the error, if it is one.
func Exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Meta reads dir/meta.json, in which a peer's script says what it wrote, into the struct that m points to.
func Meta(dir string, m any) error {
	b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, m)
}

// Float32s reads a whole file of little-endian float32. Beside the result it takes 64 KB.
func Float32s[T float32 | float64](path string) ([]T, error) {
	return read(path, 4, func(b []byte) T { return T(math.Float32frombits(binary.LittleEndian.Uint32(b))) })
}

// Float64s reads a whole file of little-endian float64.
func Float64s(path string) ([]float64, error) {
	return read(path, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
}

// Int32s reads a whole file of little-endian int32.
func Int32s(path string) ([]int32, error) {
	return read(path, 4, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) })
}

// Columns reads a table from a file that has its columns one after the other as little-endian float32: c000, c001, … For each
// column levels says 0 for numbers, else how many levels its codes have; NaN is a missing value of either.
func Columns(path string, rows int, levels []int) (*table.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<16)
	x := &table.Table{}
	for c, n := range levels {
		v := make([]float64, rows)
		if err := fill(r, v, 4, func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }); err != nil {
			return nil, fmt.Errorf("%s, column %d: %w", filepath.Base(path), c, err)
		}
		x.Columns = append(x.Columns, column(fmt.Sprintf("c%03d", c), v, n))
	}
	return x, nil
}

func column(name string, v []float64, levels int) *table.Column {
	if levels == 0 {
		return &table.Column{Name: name, Kind: table.Number, Num: v}
	}
	col := table.NewColumn(name, table.Category, len(v))
	for k := range levels {
		col.AppendString(fmt.Sprintf("l%06d", k))
	}
	col.Reset()
	for _, k := range v {
		if k != k {
			k = -1
		}
		col.Code = append(col.Code, int32(k))
	}
	return col
}

func read[T any](path string, size int, decode func([]byte) T) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return nil, err
	}
	v := make([]T, int(about.Size())/size)
	return v, fill(bufio.NewReaderSize(f, 1<<16), v, size, decode)
}

func fill[T any](r io.Reader, v []T, size int, decode func([]byte) T) error {
	var b [8]byte
	for i := range v {
		if _, err := io.ReadFull(r, b[:size]); err != nil {
			return err
		}
		v[i] = decode(b[:size])
	}
	return nil
}

// Profile writes a CPU profile to the file, if it has a name, until stop is called.
func Profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

// CPUSeconds returns what all threads of the process have used so far, 0 where the system does not tell.
func CPUSeconds() float64 {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var user, system float64
	fmt.Sscan(f[11], &user)
	fmt.Sscan(f[12], &system)
	return (user + system) / 100 // clock ticks of Linux
}

// PeakMB returns the largest resident memory so far, 0 where the system does not tell.
func PeakMB() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb := 0.0
			fmt.Sscan(rest, &kb)
			return math.Round(kb / 1024)
		}
	}
	return 0
}
