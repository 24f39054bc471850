// Command additive measures internal/model/additive on a table that compare.py wrote, and prints one line of JSON.
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
	"kequn/internal/model/additive"
	"kequn/internal/table"
)

// meta describes a table: x.f32 has its columns one after the other as little-endian float32, y.f32 the outcome.
type meta struct {
	Rows   int   `json:"rows"`
	Train  int   `json:"train"`  // the first rows are fitted, the others scored
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
	var m meta
	x, y, err := load(dir, &m)
	if err != nil {
		return err
	}
	in, out := x.Slice(0, m.Train), x.Slice(m.Train, m.Rows)
	debug.FreeOSMemory()
	began, cpu := time.Now(), kit.CPUSeconds()
	f, err := additive.Learner{Threads: threads}.Fit(context.Background(), in, model.Outcome{Task: kequn.Binary, Y: y[:m.Train]}, nil)
	if err != nil {
		return err
	}
	fit, fitCPU := time.Since(began).Seconds(), kit.CPUSeconds()-cpu
	began = time.Now()
	p, err := f.Predict(out)
	if err != nil {
		return err
	}
	score := time.Since(began).Seconds()
	one := out.Slice(0, 1)
	const times = 2000
	began = time.Now()
	for range times {
		if _, err := f.Predict(one); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"system": "kequn", "fit_s": fit, "fit_cpu_s": fitCPU, "auc": metric.AUC(y[m.Train:], p, nil), "loss": metric.LogLoss(y[m.Train:], p, nil),
		"scored_per_s": float64(m.Rows-m.Train) / score, "one_us": 1e6 * time.Since(began).Seconds() / times, "peak_mb": kit.PeakMB(),
	})
}

func load(dir string, m *meta) (*table.Table, []float64, error) {
	if err := kit.Meta(dir, m); err != nil {
		return nil, nil, err
	}
	x, err := kit.Columns(filepath.Join(dir, "x.f32"), m.Rows, m.Levels)
	if err != nil {
		return nil, nil, err
	}
	y, err := kit.Float32s[float64](filepath.Join(dir, "y.f32"))
	return x, y, err
}
