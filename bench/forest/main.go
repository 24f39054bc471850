// Command forest measures the forests of internal/model/tree on a table that compare.py wrote, and prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

// meta describes a table: x.f32 has its columns one after the other as little-endian float32, y.f32 the outcome. Of the rows,
// the first Train are trained on and the others scored.
type meta struct {
	Rows  int `json:"rows"`
	Cols  int `json:"cols"`
	Train int `json:"train"`
}

func main() {
	var l tree.Forest
	dir := flag.String("data", "", "folder with meta.json, x.f32, y.f32")
	explain := flag.Int("explain", 200, "rows to attribute")
	profile := flag.String("profile", "", "write a CPU profile of the fit")
	flag.IntVar(&l.Threads, "threads", 2, "processors used")
	flag.IntVar(&l.Trees, "trees", 100, "trees")
	flag.IntVar(&l.Columns, "columns", 0, "columns a question is chosen from")
	flag.BoolVar(&l.Extra, "extra", false, "extra trees")
	flag.Parse()
	if err := run(*dir, l, *explain, *profile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string, l tree.Forest, explain int, profile string) error {
	runtime.GOMAXPROCS(l.Threads)
	x, y, m, err := load(dir)
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	base := peakMB()
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		pprof.StartCPUProfile(f)
	}
	began, cpu := time.Now(), cpuSeconds()
	fitted, err := l.Fit(context.Background(), x.Slice(0, m.Train), model.Outcome{Task: kequn.Binary, Y: y[:m.Train]}, nil)
	fit, fitCPU := time.Since(began).Seconds(), cpuSeconds()-cpu
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	peak := peakMB()
	test := x.Slice(m.Train, m.Rows)
	p, err := fitted.Predict(test)
	if err != nil {
		return err
	}
	began = time.Now()
	if _, err := fitted.Predict(test); err != nil {
		return err
	}
	scored := time.Since(began).Seconds()
	few := test.Slice(0, min(explain, test.NRows()))
	began = time.Now()
	if _, _, err := fitted.(model.Attributor).Attribute(few, 0); err != nil {
		return err
	}
	explained := time.Since(began).Seconds()
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"system": "kequn", "fit_s": fit, "fit_cpu_s": fitCPU, "auc": metric.AUC(y[m.Train:], p, nil), "log_loss": metric.LogLoss(y[m.Train:], p, nil),
		"leaves": fitted.(*tree.ForestModel).NLeaves() / l.Trees, "predict_rows_s": float64(test.NRows()) / scored,
		"attribute_rows_s": float64(few.NRows()) / explained, "loaded_mb": base, "peak_mb": peak,
	})
}

func load(dir string) (*table.Table, []float64, meta, error) {
	var m meta
	b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return nil, nil, m, err
	}
	f, err := os.Open(filepath.Join(dir, "x.f32"))
	if err != nil {
		return nil, nil, m, err
	}
	defer f.Close()
	x := &table.Table{}
	for c := range m.Cols {
		v, err := readFloats(f, m.Rows)
		if err != nil {
			return nil, nil, m, err
		}
		x.Columns = append(x.Columns, &table.Column{Name: fmt.Sprintf("c%03d", c), Kind: table.Number, Num: v})
	}
	y, err := readFile(filepath.Join(dir, "y.f32"), m.Rows)
	return x, y, m, err
}

func readFile(path string, n int) ([]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readFloats(f, n)
}

func readFloats(r io.Reader, n int) ([]float64, error) {
	v := make([]float64, n)
	var buf [1 << 16]byte
	for i := 0; i < n; {
		part := buf[:4*min(n-i, len(buf)/4)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
		for ; len(part) > 0; part = part[4:] {
			v[i] = float64(math.Float32frombits(uint32(part[0]) | uint32(part[1])<<8 | uint32(part[2])<<16 | uint32(part[3])<<24))
			i++
		}
	}
	return v, nil
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

// peakMB returns the largest resident memory so far, 0 where the system does not tell.
func peakMB() float64 {
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
