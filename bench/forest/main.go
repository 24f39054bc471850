// Command forest measures the forests of internal/model/tree on a table that compare.py wrote, and prints one line of JSON.
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
	kit.Exit(run(*dir, l, *explain, *profile))
}

func run(dir string, l tree.Forest, explain int, profile string) error {
	runtime.GOMAXPROCS(l.Threads)
	x, y, m, err := load(dir)
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	base := kit.PeakMB()
	stop, err := kit.Profile(profile)
	if err != nil {
		return err
	}
	began, cpu := time.Now(), kit.CPUSeconds()
	fitted, err := l.Fit(context.Background(), x.Slice(0, m.Train), model.Outcome{Task: kequn.Binary, Y: y[:m.Train]}, nil)
	fit, fitCPU := time.Since(began).Seconds(), kit.CPUSeconds()-cpu
	stop()
	if err != nil {
		return err
	}
	peak := kit.PeakMB()
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
	if err := kit.Meta(dir, &m); err != nil {
		return nil, nil, m, err
	}
	x, err := kit.Columns(filepath.Join(dir, "x.f32"), m.Rows, make([]int, m.Cols))
	if err != nil {
		return nil, nil, m, err
	}
	y, err := kit.Float32s[float64](filepath.Join(dir, "y.f32"))
	return x, y, m, err
}
