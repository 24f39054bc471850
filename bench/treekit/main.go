// Command treekit measures internal/treekit on trees and rows that compare.py wrote, and prints one line of JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"encoding/binary"

	"kequn/internal/table"
	"kequn/internal/treekit"
)

func main() {
	rows := flag.String("x", "", "file of little-endian float32, column after column")
	columns := flag.Int("columns", 28, "how many columns it has")
	trees := flag.String("trees", "", "file with an ensemble as treekit writes it")
	check := flag.String("check", "", "file of little-endian float64: what the ensemble must score")
	threads := flag.Int("threads", 2, "processors used")
	explain := flag.Int("explain", 10_000, "rows to attribute")
	profile := flag.String("profile", "", "write a CPU profile")
	flag.Parse()
	if err := run(*rows, *columns, *trees, *check, *threads, *explain, *profile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rows string, columns int, trees, check string, threads, explain int, profile string) error {
	runtime.GOMAXPROCS(threads)
	x, err := load(rows, columns)
	if err != nil {
		return err
	}
	f, err := os.Open(trees)
	if err != nil {
		return err
	}
	defer f.Close()
	e, err := treekit.Decode(f)
	if err != nil {
		return err
	}
	if err := compare(e.Predict(x, threads), check); err != nil {
		return err
	}
	if profile != "" {
		p, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer p.Close()
		pprof.StartCPUProfile(p)
		defer pprof.StopCPUProfile()
	}
	result := map[string]any{"score": clock(x.NRows(), func() { e.Predict(x, threads) })}
	if few := x.Slice(0, min(explain, x.NRows())); few.NRows() > 0 {
		result["explain"] = clock(few.NRows(), func() { e.Attribute(few, 0, threads) })
	}
	one := x.Slice(0, 1)
	result["one_us"] = 1e6 / clock(1, func() { e.Predict(one, threads) })[0]
	return json.NewEncoder(os.Stdout).Encode(result)
}

// compare returns an error if a score is not what it must be, but for rounding.
func compare(score []float64, check string) error {
	if check == "" {
		return nil
	}
	b, err := os.ReadFile(check)
	if err != nil || len(b) != 8*len(score) {
		return fmt.Errorf("%d bytes of scores, want %d: %w", len(b), 8*len(score), err)
	}
	for i, s := range score {
		if want := math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:])); math.Abs(s-want) > 1e-6 {
			return fmt.Errorf("score %d is %v, the peer's is %v", i, s, want)
		}
	}
	return nil
}

// clock returns rows a second of wall time, the best call's, and of processor time, over all calls.
func clock(n int, f func()) [2]float64 {
	best, calls := math.Inf(1), 0
	began, cpu := time.Now(), cpuSeconds()
	for time.Since(began).Seconds() < 1.5 {
		t := time.Now()
		f()
		best = min(best, time.Since(t).Seconds())
		calls++
	}
	return [2]float64{float64(n) / best, float64(n*calls) / (cpuSeconds() - cpu)}
}

func load(path string, columns int) (*table.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	n := len(all) / 4 / columns
	x := &table.Table{}
	for c := range columns {
		col := table.NewColumn(fmt.Sprintf("c%03d", c), table.Number, n)
		for i := range n {
			col.Num = append(col.Num, float64(math.Float32frombits(binary.LittleEndian.Uint32(all[4*(c*n+i):]))))
		}
		x.Columns = append(x.Columns, col)
	}
	return x, nil
}

// cpuSeconds returns what all threads of the process have used so far, 0 where the system does not tell.
func cpuSeconds() float64 {
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
