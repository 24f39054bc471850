// Command gbdt measures internal/model/gbdt on a table that compare.py wrote, and prints one line of JSON.
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
	if err := run(l, *dir, *threads, *explain, *profile, *skip); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
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
	fitted, err := l.Fit(context.Background(), x.Slice(skip, m.Train), outcome, w)
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
	b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return nil, nil, nil, m, err
	}
	f, err := os.Open(filepath.Join(dir, "x.f32"))
	if err != nil {
		return nil, nil, nil, m, err
	}
	defer f.Close()
	x := &table.Table{}
	for c, levels := range m.Levels {
		v, err := readFloats(f, m.Rows)
		if err != nil {
			return nil, nil, nil, m, err
		}
		col := &table.Column{Name: fmt.Sprintf("c%03d", c), Kind: table.Number, Num: v}
		if levels > 0 {
			col = table.NewColumn(col.Name, table.Category, m.Rows)
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
		}
		x.Columns = append(x.Columns, col)
	}
	y, err := readFile(filepath.Join(dir, "y.f32"), m.Rows)
	if err != nil || !m.Weights {
		return x, y, nil, m, err
	}
	w, err := readFile(filepath.Join(dir, "w.f32"), m.Rows)
	return x, y, w, m, err
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
