// Command svm measures internal/model/svm on a table that compare.py wrote, and prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"kequn"
	"kequn/bench/kit"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/svm"
	"kequn/internal/table"
)

// meta describes a table: x.f64 has its standardised columns one after the other, little-endian, y.f64 the outcome. The
// first Train rows are trained on.
type meta struct {
	Rows  int     `json:"rows"`
	Train int     `json:"train"`
	Cols  int     `json:"cols"`
	Gamma float64 `json:"gamma"`
}

func main() {
	dir := flag.String("data", "", "folder with meta.json, x.f64, y.f64")
	what := flag.String("what", "hinge", "hinge, squared, linear, or auto: everything at its default")
	threads := flag.Int("threads", 1, "processors used")
	flag.Parse()
	kit.Exit(run(*dir, *what, *threads))
}

func run(dir, what string, threads int) error {
	runtime.GOMAXPROCS(threads)
	var m meta
	if err := kit.Meta(dir, &m); err != nil {
		return err
	}
	v, err := kit.Float64s(filepath.Join(dir, "x.f64"))
	if err != nil {
		return err
	}
	y, err := kit.Float64s(filepath.Join(dir, "y.f64"))
	if err != nil {
		return err
	}
	train, test := &table.Table{}, &table.Table{}
	for j := range m.Cols {
		c := v[j*m.Rows : (j+1)*m.Rows]
		name := fmt.Sprintf("c%03d", j)
		train.Columns = append(train.Columns, &table.Column{Name: name, Num: c[:m.Train]})
		test.Columns = append(test.Columns, &table.Column{Name: name, Num: c[m.Train:]})
	}
	l := svm.Learner{Threads: threads}
	switch what {
	case "hinge":
		l.Kernel, l.C, l.Gamma, l.Hinge, l.NoLog = svm.RBF, 1, m.Gamma, true, true
	case "squared":
		l.Kernel, l.C, l.Gamma, l.NoLog = svm.RBF, 1, m.Gamma, true
	case "linear":
		l.Kernel, l.C, l.NoLog = svm.Linear, 1, true
	}
	began, cpu := time.Now(), kit.CPUSeconds()
	fitted, err := l.Fit(context.Background(), train, model.Outcome{Task: kequn.Binary, Y: y[:m.Train]}, nil)
	if err != nil {
		return err
	}
	fit, fitCPU := time.Since(began).Seconds(), kit.CPUSeconds()-cpu
	began = time.Now()
	p, err := fitted.Predict(test)
	if err != nil {
		return err
	}
	truth := y[m.Train:]
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"system": "kequn " + what, "fit_s": fit, "cpu_s": fitCPU, "predict_s": time.Since(began).Seconds(),
		"auc": metric.AUC(truth, p, nil), "log_loss": metric.LogLoss(truth, p, nil), "vectors": fitted.(*svm.Model).Vectors(),
	})
}
