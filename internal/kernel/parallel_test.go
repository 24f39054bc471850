package kernel

import (
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func TestParallelCoversEachRowOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 5000).Draw(t, "n")
		threads := rapid.IntRange(0, 9).Draw(t, "threads")
		grain := rapid.IntRange(0, 600).Draw(t, "grain")
		seen := make([]int32, n)
		Parallel(n, threads, grain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				atomic.AddInt32(&seen[i], 1)
			}
		})
		for i, s := range seen {
			if s != 1 {
				t.Fatalf("row %d was visited %d times", i, s)
			}
		}
	})
}

func TestReduceDoesNotDependOnThreads(t *testing.T) {
	s := NewStream(1)
	v := make([]float64, 100_003)
	for i := range v {
		v[i] = s.Norm() * math.Exp(5*s.Norm())
	}
	sum := func(threads int) float64 {
		return Reduce(len(v), threads, 777, func(lo, hi int) float64 { return Sum(v[lo:hi]) }, func(a, b float64) float64 { return a + b })
	}
	want := sum(1)
	for _, threads := range []int{2, 3, 4, 8, 64} {
		if got := sum(threads); got != want {
			t.Errorf("%d threads: %v, want %v", threads, got, want)
		}
	}
	if got := Reduce(0, 2, 10, func(lo, hi int) int { return 1 }, func(a, b int) int { return a + b }); got != 0 {
		t.Errorf("nothing reduces to %d", got)
	}
}

func TestWorkersStayInRange(t *testing.T) {
	var used [3]atomic.Int32
	Workers(1000, 3, 10, func(w, b, lo, hi int) {
		if lo != b*10 || hi != lo+10 {
			t.Errorf("block %d is [%d, %d)", b, lo, hi)
		}
		used[w].Add(1)
	})
	if used[0].Load()+used[1].Load()+used[2].Load() != 100 {
		t.Error("blocks were lost")
	}
}

func TestParallelPanicReachesTheCaller(t *testing.T) {
	for _, threads := range []int{1, 4} {
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("%d threads: recovered %v", threads, r)
				}
			}()
			Parallel(100, threads, 1, func(lo, hi int) {
				if lo == 50 {
					panic("boom")
				}
			})
		}()
	}
}

func TestNBlocks(t *testing.T) {
	got := []int{NBlocks(0, 5), NBlocks(1, 5), NBlocks(5, 5), NBlocks(6, 5)}
	if !slices.Equal(got, []int{0, 1, 1, 2}) {
		t.Error(got)
	}
}
