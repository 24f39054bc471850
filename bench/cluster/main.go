// Command cluster measures internal/model/cluster on rows that compare.py wrote, and prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"kequn/bench/kit"
	"kequn/internal/model/cluster"
)

// meta describes a table: x.f32 has its rows one after the other as little-endian float32.
type meta struct {
	Rows int `json:"rows"`
	Cols int `json:"cols"`
	K    int `json:"k"`
}

func main() {
	dir := flag.String("data", "", "folder with meta.json, x.f32, begin.i32")
	what := flag.String("what", "kmeans", "kmeans, minibatch, diag or full")
	threads := flag.Int("threads", 2, "processors used")
	iterations := flag.Int("iterations", 100, "the most iterations")
	flag.Parse()
	kit.Exit(run(*dir, *what, *threads, *iterations))
}

func run(dir, what string, threads, iterations int) error {
	runtime.GOMAXPROCS(threads)
	var m meta
	if err := kit.Meta(dir, &m); err != nil {
		return err
	}
	x, err := kit.Float32s[float32](filepath.Join(dir, "x.f32"))
	if err != nil {
		return err
	}
	begin, err := kit.Int32s(filepath.Join(dir, "begin.i32"))
	if err != nil {
		return err
	}
	runtime.GC()
	out := map[string]any{"system": "kequn " + what}
	began, cpu := time.Now(), kit.CPUSeconds()
	ctx := context.Background()
	switch what {
	case "kmeans", "minibatch":
		set := cluster.KMeans{K: m.K, MaxIterations: iterations, Threads: threads}
		if what == "minibatch" {
			set.Batch, set.Starts = 4096, 1
		} else {
			set.Begin = x[:m.K*m.Cols]
		}
		g, err := set.Fit(ctx, x, m.Cols)
		if err != nil {
			return err
		}
		out["iterations"], out["inertia"] = g.Iterations, g.Inertia
	default:
		// Both sides begin with the same groups and take the same number of iterations.
		g, err := cluster.Mixture{K: m.K, Diagonal: what == "diag", Begin: begin, MaxIterations: iterations, Tolerance: 1e-3, Floor: 1e-6, Threads: threads}.Fit(ctx, x, m.Cols)
		if err != nil {
			return err
		}
		out["iterations"], out["log_likelihood"] = g.Iterations, g.LogLikelihood
	}
	out["fit_s"], out["cpu_s"] = time.Since(began).Seconds(), kit.CPUSeconds()-cpu
	return json.NewEncoder(os.Stdout).Encode(out)
}
