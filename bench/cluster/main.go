// Command cluster measures internal/model/cluster on rows that compare.py wrote, and prints one line of JSON.
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
	if err := run(*dir, *what, *threads, *iterations); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir, what string, threads, iterations int) error {
	runtime.GOMAXPROCS(threads)
	var m meta
	b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	if b, err = os.ReadFile(filepath.Join(dir, "x.f32")); err != nil {
		return err
	}
	x := make([]float32, m.Rows*m.Cols)
	for i := range x {
		x[i] = math.Float32frombits(uint32(b[4*i]) | uint32(b[4*i+1])<<8 | uint32(b[4*i+2])<<16 | uint32(b[4*i+3])<<24)
	}
	if b, err = os.ReadFile(filepath.Join(dir, "begin.i32")); err != nil {
		return err
	}
	begin := make([]int32, m.Rows)
	for i := range begin {
		begin[i] = int32(b[4*i])
	}
	b = nil
	runtime.GC()
	out := map[string]any{"system": "kequn " + what}
	began, cpu := time.Now(), cpuSeconds()
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
	out["fit_s"], out["cpu_s"] = time.Since(began).Seconds(), cpuSeconds()-cpu
	return json.NewEncoder(os.Stdout).Encode(out)
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
