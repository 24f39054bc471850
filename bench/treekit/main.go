// Command treekit measures internal/treekit on trees and rows that compare.py wrote, and prints one line of JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"

	"kequn/bench/kit"
	"kequn/internal/treekit"
)

func main() {
	rows := flag.String("x", "", "file of little-endian float32, column after column")
	columns := flag.Int("columns", 28, "how many columns it has")
	trees := flag.String("trees", "", "file with an ensemble as treekit writes it")
	check := flag.String("check", "", "file of little-endian float64: what the ensemble must score")
	threads := flag.Int("threads", 2, "processors used")
	explain := flag.Int("explain", 10_000, "rows to attribute")
	profile := flag.String("profile", "", "write a CPU profile")
	flag.Parse()
	kit.Exit(run(*rows, *columns, *trees, *check, *threads, *explain, *profile))
}

func run(rows string, columns int, trees, check string, threads, explain int, profile string) error {
	runtime.GOMAXPROCS(threads)
	about, err := os.Stat(rows)
	if err != nil {
		return err
	}
	x, err := kit.Columns(rows, int(about.Size())/4/columns, make([]int, columns))
	if err != nil {
		return err
	}
	f, err := os.Open(trees)
	if err != nil {
		return err
	}
	defer f.Close()
	e, err := treekit.Decode(f)
	if err != nil {
		return err
	}
	if err := compare(e.Predict(x, threads), check); err != nil {
		return err
	}
	stop, err := kit.Profile(profile)
	if err != nil {
		return err
	}
	defer stop()
	result := map[string]any{"score": clock(x.NRows(), func() { e.Predict(x, threads) })}
	if few := x.Slice(0, min(explain, x.NRows())); few.NRows() > 0 {
		result["explain"] = clock(few.NRows(), func() { e.Attribute(few, 0, threads) })
	}
	one := x.Slice(0, 1)
	result["one_us"] = 1e6 / clock(1, func() { e.Predict(one, threads) })[0]
	return json.NewEncoder(os.Stdout).Encode(result)
}

// compare returns an error if a score is not what it must be, but for rounding.
func compare(score []float64, check string) error {
	if check == "" {
		return nil
	}
	peer, err := kit.Float64s(check)
	if err != nil {
		return err
	}
	if len(peer) != len(score) {
		return fmt.Errorf("%d scores to compare with, want %d", len(peer), len(score))
	}
	for i, s := range score {
		if want := peer[i]; math.Abs(s-want) > 1e-6 {
			return fmt.Errorf("score %d is %v, the peer's is %v", i, s, want)
		}
	}
	return nil
}

// clock returns rows a second of wall time, the best call's, and of processor time, over all calls.
func clock(n int, f func()) [2]float64 {
	best, calls := math.Inf(1), 0
	began, cpu := time.Now(), kit.CPUSeconds()
	for time.Since(began).Seconds() < 1.5 {
		t := time.Now()
		f()
		best = min(best, time.Since(t).Seconds())
		calls++
	}
	return [2]float64{float64(n) / best, float64(n*calls) / (kit.CPUSeconds() - cpu)}
}
