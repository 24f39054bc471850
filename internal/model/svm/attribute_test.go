package svm

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The closed form of the integrals along a line is what a fine sum gives, near and far, short and long.
func TestAlongIsTheIntegral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gamma := math.Exp(rapid.Float64Range(-8, 3).Draw(t, "log γ"))
		c := math.Exp(rapid.Float64Range(-12, 6).Draw(t, "log c"))
		b := rapid.Float64Range(-3, 3).Draw(t, "b/c") * c
		a := b*b/c + math.Exp(rapid.Float64Range(-10, 5).Draw(t, "log distance²"))
		k0, k1 := along(gamma, a, b, c)
		// Gauss's eight nodes on pieces shorter than the bell.
		pieces := int(math.Ceil(4*math.Sqrt(gamma*c))) + 1
		var want0, want1 float64
		for p := range pieces {
			for i, node := range nodes {
				s := (float64(p) + node) / float64(pieces)
				e := weights[i] / float64(pieces) * math.Exp(-gamma*(a+s*(2*b+s*c)))
				want0 += e
				want1 += s * e
			}
		}
		if math.Abs(k0-want0) > 1e-12 || math.Abs(k1-want1) > 1e-11 {
			t.Fatalf("γ %v, a %v, b %v, c %v: %v and %v, want %v and %v", gamma, a, b, c, k0, k1, want0, want1)
		}
	})
}

// A matrix whose rows are made when asked for, and forgotten, is the whole matrix.
func TestLazyGramIsTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, width := rapid.IntRange(1, 150).Draw(t, "n"), rapid.IntRange(1, 12).Draw(t, "width")
		p := newPoints(n, width)
		for i := range n {
			for j := range width {
				p.row(i)[j] = float64((i*7+j*13)%17) / 5
			}
		}
		p.norms(1)
		whole := newGram(p, 0.3, 2)
		lazy := &gram{p: p, gamma: 0.3}
		lazy.setLazy(2)
		for k := range 40 {
			i, j := k*31%n, k*17%n
			a, b := lazy.row(i), lazy.row(j)
			for c := range n {
				if a[c] != whole.row(i)[c] || b[c] != whole.row(j)[c] {
					t.Fatalf("rows %d and %d differ at %d", i, j, c)
				}
			}
			if a[i] != 1 {
				t.Fatalf("a row is %v alike to itself", a[i])
			}
		}
	})
}
