package kernel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Each version gives what the definition gives, and touches nothing else.
func TestGramIsTheSumOfProducts(t *testing.T) {
	withInstructions(func(name string) {
		rapid.Check(t, func(t *rapid.T) {
			nA := GramSide * rapid.IntRange(0, 4).Draw(t, "a")
			nB := GramSide * rapid.IntRange(0, 4).Draw(t, "b")
			n := GramLanes * rapid.IntRange(0, 9).Draw(t, "n")
			stride := n + rapid.IntRange(0, 20).Draw(t, "gap")
			lower := rapid.Bool().Draw(t, "lower")
			s := NewStream(rapid.Uint64().Draw(t, "seed"))
			draw := func(n int) []float64 {
				v := make([]float64, n)
				for i := range v {
					v[i] = s.Norm()
				}
				return v
			}
			a, b, c := draw(nA*stride), draw(nB*stride), draw(nA*nB+1)
			got := append([]float64(nil), c...)
			AddGram(a, b, nA, nB, n, stride, got, lower)
			if got[nA*nB] != c[nA*nB] {
				t.Fatal("wrote beyond the end")
			}
			for i := range nA {
				for j := range nB {
					want := c[i*nB+j]
					if !lower || j/GramSide <= i/GramSide {
						for r := range n {
							want += a[i*stride+r] * b[j*stride+r]
						}
					}
					if math.Abs(got[i*nB+j]-want) > 1e-12*float64(n+1) {
						t.Fatalf("%s: (%d, %d) is %v, want %v", name, i, j, got[i*nB+j], want)
					}
				}
			}
		})
	})
}

func BenchmarkGram(b *testing.B) {
	const n, p = 256, 256
	s := NewStream(1)
	x, c := make([]float64, n*p), make([]float64, p*p)
	for i := range x {
		x[i] = s.Norm()
	}
	withInstructions(func(name string) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				AddGram(x, x, p, p, n, n, c, true)
			}
			b.ReportMetric(float64(n*p*p/2)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "mults/ns")
		})
	})
}
