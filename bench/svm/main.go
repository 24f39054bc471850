// Command svm measures internal/model/svm on a table that compare.py wrote, and prints one line of JSON.
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
	"strings"
	"time"

	"kequn"
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
	if err := run(*dir, *what, *threads); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir, what string, threads int) error {
	runtime.GOMAXPROCS(threads)
	var m meta
	b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	v, err := floats(filepath.Join(dir, "x.f64"))
	if err != nil {
		return err
	}
	y, err := floats(filepath.Join(dir, "y.f64"))
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
	began, cpu := time.Now(), cpuSeconds()
	fitted, err := l.Fit(context.Background(), train, model.Outcome{Task: kequn.Binary, Y: y[:m.Train]}, nil)
	if err != nil {
		return err
	}
	fit, fitCPU := time.Since(began).Seconds(), cpuSeconds()-cpu
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

func floats(path string) ([]float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v := make([]float64, len(b)/8)
	for i := range v {
		var u uint64
		for k := range 8 {
			u |= uint64(b[8*i+k]) << (8 * k)
		}
		v[i] = math.Float64frombits(u)
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
