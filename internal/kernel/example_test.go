package kernel_test

import (
	"fmt"

	"kequn/internal/kernel"
)

// Each block has its own stream and its own partial sum: the answer is the same for any number of threads.
func ExampleReduce() {
	inside := kernel.Reduce(1_000_000, 0, 10_000, func(lo, hi int) int {
		s, n := kernel.NewStream(1, kernel.ID("pi"), uint64(lo)), 0
		for range hi - lo {
			x, y := s.Float64(), s.Float64()
			if x*x+y*y < 1 {
				n++
			}
		}
		return n
	}, func(a, b int) int { return a + b })
	fmt.Printf("%.2f\n", 4*float64(inside)/1_000_000)
	// Output: 3.14
}

// A person's arm follows from a secret seed and an id, today and in ten years.
func ExampleHashUnit() {
	for _, id := range []string{"C10482", "C10483"} {
		fmt.Println(id, kernel.HashUnit(2024, "spring\x00"+id) < 0.2)
	}
	// Output:
	// C10482 false
	// C10483 true
}
