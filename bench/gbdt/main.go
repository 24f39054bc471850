// Command gbdt measures internal/model/gbdt on a table that compare.py wrote, and prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"kequn"
	"kequn/bench/kit"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/table"
)

// meta describes a table: x.f32 has its columns one after the other as little-endian float32, y.f32 the outcome, w.f32 the
// weights if there are any. Of the rows, the first Train are trained on and the others scored.
type meta struct {
	Rows    int   `json:"rows"`
	Train   int   `json:"train"`
	Levels  []int `json:"levels"` // per column: 0 number, else how many levels the codes have
	Weights bool  `json:"weights"`
}

func main() {
	dir := flag.String("data", "", "folder with meta.json, x.f32, y.f32")
	threads := flag.Int("threads", 2, "processors used")
	explain := flag.Int("explain", 10_000, "rows to attribute")
	profile := flag.String("profile", "", "write a CPU profile of the fit")
	trees := flag.Int("trees", 100, "rounds")
	symmetric := flag.Bool("symmetric", false, "symmetric trees of depth 6, as CatBoost's")
	skip := flag.Int("skip", 0, "leave out the first rows, to see how much a change of data moves AUC")
	flag.Parse()
	l := gbdt.Learner{Trees: *trees, Threads: *threads}
	if *symmetric {
		l.Symmetric, l.L2, l.MinRows = true, 3, 1
	}
	kit.Exit(run(l, *dir, *threads, *explain, *profile, *skip))
}

func run(l gbdt.Learner, dir string, threads, explain int, profile string, skip int) error {
	runtime.GOMAXPROCS(threads)
	x, y, w, m, err := load(dir)
	if err != nil {
		return err
	}
	outcome := model.Outcome{Task: kequn.Binary, Y: y[skip:m.Train]}
	if w != nil {
		w = w[skip:m.Train]
	}
	debug.FreeOSMemory()
	base := kit.PeakMB()
	stop, err := kit.Profile(profile)
	if err != nil {
		return err
	}
	began, cpu := time.Now(), kit.CPUSeconds()
	fitted, err := l.Fit(context.Background(), x.Slice(skip, m.Train), outcome, w)
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
	scored := math.Inf(1)
	for range 3 {
		began = time.Now()
		if _, err := fitted.Predict(test); err != nil {
			return err
		}
		scored = min(scored, time.Since(began).Seconds())
	}
	one := test.Slice(0, 1)
	began = time.Now()
	for range 1000 {
		fitted.Predict(one)
	}
	single := time.Since(began).Seconds() / 1000
	few := test.Slice(0, min(explain, test.NRows()))
	began = time.Now()
	if _, _, err := fitted.(model.Attributor).Attribute(few, 0); err != nil {
		return err
	}
	explained := time.Since(began).Seconds()
	system := "kequn"
	if l.Symmetric {
		system = "kequn symmetric"
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"system": system, "threads": threads, "fit_s": fit, "fit_cpu_s": fitCPU, "auc": metric.AUC(y[m.Train:], p, nil), "log_loss": metric.LogLoss(y[m.Train:], p, nil),
		"predict_rows_s": float64(test.NRows()) / scored, "one_row_us": single * 1e6, "attribute_rows_s": float64(few.NRows()) / explained,
		"loaded_mb": base, "peak_mb": peak,
	})
}

func load(dir string) (*table.Table, []float64, []float64, meta, error) {
	var m meta
	if err := kit.Meta(dir, &m); err != nil {
		return nil, nil, nil, m, err
	}
	x, err := kit.Columns(filepath.Join(dir, "x.f32"), m.Rows, m.Levels)
	if err != nil {
		return nil, nil, nil, m, err
	}
	y, err := kit.Float32s[float64](filepath.Join(dir, "y.f32"))
	if err != nil || !m.Weights {
		return x, y, nil, m, err
	}
	w, err := kit.Float32s[float64](filepath.Join(dir, "w.f32"))
	return x, y, w, m, err
}
