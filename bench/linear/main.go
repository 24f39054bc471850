// Command linear measures internal/model/linear on a table that compare.py wrote, and prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/linear"
	"kequn/internal/table"
)

// meta describes a table: x.f32 has its columns one after the other as little-endian float32, y.f32 the outcome.
type meta struct {
	Rows   int   `json:"rows"`
	Levels []int `json:"levels"` // per column: 0 number, else how many levels the codes have
}

func main() {
	dir := flag.String("data", "", "folder with meta.json, x.f32, y.f32")
	threads := flag.Int("threads", 2, "processors used")
	flag.Parse()
	if err := run(*dir, *threads); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string, threads int) error {
	runtime.GOMAXPROCS(threads)
	x, y, err := load(dir)
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	began, cpu := time.Now(), cpuSeconds()
	// Levels of fewer than 10 rows share a coefficient by default; scikit-learn gives each its own.
	l := linear.Learner{L2: 1, NoLog: true, Straight: true, MinCount: 1, MaxLevels: 5000, Threads: threads}
	m, err := l.Fit(context.Background(), x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
	if err != nil {
		return err
	}
	fit, fitCPU := time.Since(began).Seconds(), cpuSeconds()-cpu
	p, err := m.Predict(x)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"system": "kequn", "fit_s": fit, "fit_cpu_s": fitCPU, "loss": metric.LogLoss(y, p, nil), "auc": metric.AUC(y, p, nil), "peak_mb": peakMB(),
	})
}

func load(dir string) (*table.Table, []float64, error) {
	var m meta
	b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return nil, nil, err
	}
	all, err := readFloats(filepath.Join(dir, "x.f32"))
	if err != nil {
		return nil, nil, err
	}
	y, err := readFloats(filepath.Join(dir, "y.f32"))
	if err != nil {
		return nil, nil, err
	}
	x := &table.Table{}
	for c, levels := range m.Levels {
		v := all[c*m.Rows : (c+1)*m.Rows]
		col := &table.Column{Name: fmt.Sprintf("c%03d", c), Kind: table.Number, Num: v}
		if levels > 0 {
			col = table.NewColumn(col.Name, table.Category, m.Rows)
			for k := range levels {
				col.AppendString(fmt.Sprintf("l%06d", k))
			}
			col.Reset()
			for _, k := range v {
				col.Code = append(col.Code, int32(k))
			}
		}
		x.Columns = append(x.Columns, col)
	}
	return x, y, nil
}

func readFloats(path string) ([]float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v := make([]float64, len(b)/4)
	for i := range v {
		part := b[4*i:]
		v[i] = float64(math.Float32frombits(uint32(part[0]) | uint32(part[1])<<8 | uint32(part[2])<<16 | uint32(part[3])<<24))
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
	for _, line := range strings.Split(string(b), "\n") {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 0
}
