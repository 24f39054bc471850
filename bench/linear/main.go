// Command linear measures internal/model/linear on a table that compare.py wrote, and prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"kequn"
	"kequn/bench/kit"
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
	kit.Exit(run(*dir, *threads))
}

func run(dir string, threads int) error {
	runtime.GOMAXPROCS(threads)
	x, y, err := load(dir)
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	began, cpu := time.Now(), kit.CPUSeconds()
	// Levels of fewer than 10 rows share a coefficient by default; scikit-learn gives each its own.
	l := linear.Learner{L2: 1, NoLog: true, Straight: true, MinCount: 1, MaxLevels: 5000, Threads: threads}
	m, err := l.Fit(context.Background(), x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
	if err != nil {
		return err
	}
	fit, fitCPU := time.Since(began).Seconds(), kit.CPUSeconds()-cpu
	p, err := m.Predict(x)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"system": "kequn", "fit_s": fit, "fit_cpu_s": fitCPU, "loss": metric.LogLoss(y, p, nil), "auc": metric.AUC(y, p, nil), "peak_mb": kit.PeakMB(),
	})
}

func load(dir string) (*table.Table, []float64, error) {
	var m meta
	if err := kit.Meta(dir, &m); err != nil {
		return nil, nil, err
	}
	x, err := kit.Columns(filepath.Join(dir, "x.f32"), m.Rows, m.Levels)
	if err != nil {
		return nil, nil, err
	}
	y, err := kit.Float32s[float64](filepath.Join(dir, "y.f32"))
	return x, y, err
}
