package treekit

import (
	"fmt"
	"testing"

	"kequn/internal/kernel"
)

// BenchmarkAttributeForest tells how long a few rows through a large forest of deep trees take.
func BenchmarkAttributeForest(b *testing.B) {
	s := kernel.NewStream(7)
	x := randomTable(s, 10_000, 28, 0, 1)
	e := randomEnsemble(s, x, 250, 1000, 1, 1)
	for _, n := range []int{1, 8, 64, 256, 1000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			few := x.Slice(0, n)
			b.ReportAllocs()
			for b.Loop() {
				e.Attribute(few, 0, 0)
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/float64(n)*1000, "ms/row")
		})
	}
}
