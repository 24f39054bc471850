package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Threads returns n, or the number of usable processors when n is 0 or less.
func Threads(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// NBlocks returns how many blocks of the given size cover n items: ⌈n/size⌉.
func NBlocks(n, size int) int {
	if size <= 0 || n < 0 {
		panic(errRange)
	}
	return (n + size - 1) / size
}

// Parallel calls f for [0, grain), [grain, 2·grain), … up to n, on up to threads goroutines (0: all processors), and
// returns when all calls have. Borders depend on n and grain only; which goroutine takes which chunk, and when, is open,
// so f must write to places that belong to its rows. A grain of 0 or less means 4096 rows.
//
// A panic in f is raised again in the caller's goroutine, after the other chunks under way have ended.
func Parallel(n, threads, grain int, f func(lo, hi int)) {
	if grain <= 0 {
		grain = 4096 // large enough that taking a chunk costs nothing, small enough to spread a table of 10,000 rows
	}
	Blocks(n, threads, grain, func(_, lo, hi int) { f(lo, hi) })
}

// Blocks is [Parallel] with the block's index, block = lo/size, for partial results that are combined in block order.
func Blocks(n, threads, size int, f func(block, lo, hi int)) {
	Workers(n, threads, size, func(_, block, lo, hi int) { f(block, lo, hi) })
}

// Workers is [Blocks] with the index of the goroutine, worker < min(threads, blocks), for scratch memory that is reused.
// Scratch must not carry anything from one block to the next that changes a result.
func Workers(n, threads, size int, f func(worker, block, lo, hi int)) {
	nBlocks := NBlocks(n, size)
	threads = min(Threads(threads), nBlocks)
	if threads <= 1 {
		for b := range nBlocks {
			f(0, b, b*size, min(n, (b+1)*size))
		}
		return
	}
	var (
		next   atomic.Int64
		group  sync.WaitGroup
		failed atomic.Pointer[any]
	)
	for w := range threads {
		group.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					failed.CompareAndSwap(nil, &r)
				}
			}()
			for failed.Load() == nil {
				b := int(next.Add(1)) - 1
				if b >= nBlocks {
					return
				}
				f(w, b, b*size, min(n, (b+1)*size))
			}
		})
	}
	group.Wait()
	if r := failed.Load(); r != nil {
		panic(*r)
	}
}

// Reduce returns join(… join(join(p₀, p₁), p₂) …, pₘ) where p_b = part(lo, hi) of block b: the same value for any number
// of threads, even where join is only nearly associative, as the addition of floats is. It returns the zero T when n is 0.
func Reduce[T any](n, threads, size int, part func(lo, hi int) T, join func(a, b T) T) T {
	parts := make([]T, NBlocks(n, size))
	Blocks(n, threads, size, func(b, lo, hi int) { parts[b] = part(lo, hi) })
	var total T
	for b, p := range parts {
		if b == 0 {
			total = p
		} else {
			total = join(total, p)
		}
	}
	return total
}
