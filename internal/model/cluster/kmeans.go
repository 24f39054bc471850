package cluster

import (
	"context"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
)

// MaxGroups is the most groups that may be asked for: beyond it nobody can name them, and memory per block is bounded.
const MaxGroups = 1000

// KMeans looks for centres c₀ … c₍ₖ₋₁₎ that make Σᵢ min_c ‖xᵢ − c‖² small, by Lloyd's method from seeds that k-means++ draws.
// The zero value of every field but K means its default.
//
// Starts run on a random sample of Sample rows, and the best of them goes on with all rows: seeds and the basin they
// lead to are settled by far fewer rows than the centres' last digits.
type KMeans struct {
	K             int
	Starts        int       // default 10
	Sample        int       // rows on which the starts run; default 20,000
	MaxIterations int       // default 300
	Tolerance     float64   // stop when Σ‖centre moved‖² ≤ Tolerance × mean variance of a column; default 1e-4
	Begin         []float32 // (K, nCols): begin here, with one start and all rows, instead of drawing seeds
	Batch         int       // mini-batch: each round looks at so many random rows; 0: at all rows. See minibatch.go
	Seed          uint64
	Threads       int
}

// Groups is what [KMeans.Fit] found.
type Groups struct {
	K          int       // may be below the K asked for where fewer rows differ
	Centres    []float32 // (K, nCols), largest group first; each row's nearest centre is its group's
	Sizes      []int
	Label      []int32 // of each row
	Inertia    float64 // Σ‖xᵢ − centre‖², exact to float64 rounding
	Iterations int     // over all rows, or batches; the last assignment not counted
}

func (k KMeans) defaults() KMeans {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&k.Starts, 10)
	set(&k.Sample, 20_000)
	set(&k.MaxIterations, 300)
	if k.Tolerance <= 0 {
		k.Tolerance = 1e-4
	}
	return k
}

// Fit returns the groups of x, which is (n, nCols) row-major, finite, and best standardised: float32 loses digits of
// columns far from 0. A K below 1 or above [MaxGroups], or no rows, is an error. x is not changed.
//
// Time is O(n·nCols·K) an iteration, memory 4 bytes a value beside x. Sums run over blocks of 4,096 rows in block order,
// so the result does not depend on the number of threads.
func (k KMeans) Fit(ctx context.Context, x []float32, nCols int) (*Groups, error) {
	if nCols < 1 || len(x)%nCols != 0 || k.Begin != nil && len(k.Begin) != k.K*nCols {
		panic("cluster: length mismatch")
	}
	n := len(x) / nCols
	if k.K < 1 || k.K > MaxGroups {
		return nil, kequn.Errorf(kequn.KindUsage, "", "k is %d, want 1 to %d", k.K, MaxGroups)
	}
	if n == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", "groups need rows, and there are none")
	}
	k = k.defaults()
	all := newLloyd(x, nCols, k)
	begin := k.Begin
	if begin == nil {
		var err error
		if begin, err = k.bestStart(ctx, x, nCols, all); err != nil {
			return nil, err
		}
	}
	run := all.run
	if k.Batch > 0 && k.Batch < n {
		run = all.batches
	}
	if err := run(ctx, begin); err != nil {
		return nil, err
	}
	return all.groups(), nil
}

// bestStart returns the centres of the start with the smallest inertia on the sample.
func (k KMeans) bestStart(ctx context.Context, x []float32, nCols int, all *lloyd) ([]float32, error) {
	n := len(x) / nCols
	on := all
	if n > k.Sample {
		rows := kernel.NewStream(k.Seed, kernel.ID("k-means sample")).Sample(n, k.Sample)
		part := make([]float32, 0, len(rows)*nCols)
		for _, r := range rows {
			part = append(part, x[int(r)*nCols:(int(r)+1)*nCols]...)
		}
		on = newLloyd(part, nCols, k)
	}
	var best []float32
	least := math.Inf(1)
	for start := range k.Starts {
		seeds := on.plusPlus(kernel.NewStream(k.Seed, kernel.ID("k-means start"), uint64(start)))
		if err := on.run(ctx, seeds); err != nil {
			return nil, err
		}
		if inertia := on.inertia(); inertia < least {
			least, best = inertia, slices.Clone(on.centre)
		}
	}
	return best, nil
}

// Assign returns for each row of x, (n, nCols) row-major, the nearest of the centres, the first of equals.
func Assign(x []float32, nCols int, centres []float32, threads int) []int32 {
	n := len(x) / nCols
	tiles, points := kernel.NewTiles(x, nCols, threads), kernel.NewPoints(centres, nCols)
	out := make([]int32, n)
	scratch := make([]found, kernel.Threads(threads))
	kernel.Workers(n, threads, blockRows, func(worker, _, lo, hi int) {
		f := scratch[worker].ready()
		tiles.Nearest(lo, hi, points, f.label, f.best)
		copy(out[lo:hi], f.label)
	})
	return out
}

// blockRows is the number of rows whose sums are taken together: 128 tiles, which
// are 0.5 MB at 30 columns and stay in the second-level cache.
const blockRows = 4096

// found is one goroutine's memory for a block's answers.
type found struct {
	label []int32
	best  []float32
}

func (f *found) ready() *found {
	if f.label == nil {
		f.label, f.best = make([]int32, blockRows), make([]float32, blockRows)
	}
	return f
}
