package additive

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"kequn/internal/treekit"
)

func drawCells(t *rapid.T, n int) (g, h, w []float64) {
	for range n {
		rows := float64(rapid.IntRange(0, 30).Draw(t, "rows"))
		g = append(g, rapid.Float64Range(-1, 1).Draw(t, "g")*rows)
		h = append(h, rapid.Float64Range(0.05, 0.25).Draw(t, "h")*rows)
		w = append(w, rows)
	}
	return g, h, w
}

// tree is what the trees of one border or crossing are worth: leaf of each cell, and the gain of the whole.
type tree struct {
	value []float64
	gain  float64
}

// mean is the plain form of what stepper does with running sums.
func (s *stepper) mean(trees []tree, cells int) []float64 {
	out := make([]float64, cells)
	var sum, square float64
	for _, t := range trees {
		sum += t.gain
		square += t.gain * t.gain
		for c := range out {
			out[c] += t.gain * t.value[c]
		}
	}
	for c := range out {
		if sum > 0 {
			out[c] *= -s.rate / sum * max(0, 1-s.noise*sum/square)
		}
	}
	return out
}

// grow makes the tree of cells that leaf puts together.
func (s *stepper) grow(leaves, cells int, leaf func(c int) int, strict bool) (tree, bool) {
	g, h, w := make([]float64, leaves), make([]float64, leaves), make([]float64, leaves)
	var allG, allH float64
	for c := range cells {
		l := leaf(c)
		g[l], h[l], w[l] = g[l]+s.g[c], h[l]+s.h[c], w[l]+s.w[c]
		allG, allH = allG+s.g[c], allH+s.h[c]
	}
	t := tree{value: make([]float64, cells)}
	worth := make([]float64, leaves)
	for l := range leaves {
		small := w[l] < s.minRows || !(h[l] > 0)
		if small && strict {
			return t, false
		}
		if !small {
			worth[l] = g[l] / (h[l] + s.l2)
			t.gain += worth[l] * g[l]
		}
	}
	if allH > 0 {
		t.gain -= allG * allG / (allH + s.l2)
	}
	for c := range cells {
		t.value[c] = worth[leaf(c)]
	}
	return t, t.gain > 1e-9
}

func sameUpdate(t *rapid.T, got []float32, want []float64) {
	for c := range want {
		if math.Abs(float64(got[c])-want[c]) > 1e-5*max(1, math.Abs(want[c])) {
			t.Fatalf("cell %d moves by %v, the plain loop says %v", c, got[c], want[c])
		}
	}
}

func drawStepper(t *rapid.T, n int) *stepper {
	s := newStepper(Learner{L2: rapid.Float64Range(0, 3).Draw(t, "l2"), CategorySmooth: 10})
	s.rate, s.noise, s.minRows = 0.1, rapid.Float64Range(0, 2).Draw(t, "noise"), float64(rapid.IntRange(1, 40).Draw(t, "min"))
	g, h, w := drawCells(t, n)
	copy(s.g, g)
	copy(s.h, h)
	s.w = w
	return s
}

func TestStepOfColumnIsMeanOverBorders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "cells")
		s := drawStepper(t, n+1)
		var trees []tree
		for border := 1; border < n; border++ {
			leaf := func(c int) int {
				if c < border {
					return 0
				}
				return 1
			}
			if tree, ok := s.grow(2, n, leaf, true); ok {
				trees = append(trees, tree)
			}
		}
		out := make([]float32, n+1)
		s.column(&treekit.Cut{NBins: n}, out)
		sameUpdate(t, out[:n], s.mean(trees, n))
		if s.h[n] > 0 {
			if want := -0.1 * s.g[n] / (s.h[n] + 10); math.Abs(float64(out[n])-want) > 1e-6 {
				t.Fatalf("missing values move by %v, want %v", out[n], want)
			}
		}
	})
}

func TestStepOfPairIsMeanOverCrossings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		na, nb := rapid.IntRange(2, 6).Draw(t, "rows"), rapid.IntRange(2, 6).Draw(t, "columns")
		n := na * nb
		s := drawStepper(t, n)
		rows, cols := make([]float64, na), make([]float64, nb)
		for c, w := range s.w {
			rows[c/nb] += w
			cols[c%nb] += w
		}
		part := func(v []float64, from, to int) (sum float64) {
			for _, x := range v[from:to] {
				sum += x
			}
			return sum
		}
		var trees []tree
		for i := 1; i < na; i++ {
			for j := 1; j < nb; j++ {
				if part(rows, 0, i) == 0 || part(rows, i, na) == 0 || part(cols, 0, j) == 0 || part(cols, j, nb) == 0 {
					continue
				}
				leaf := func(c int) (q int) {
					if c/nb >= i {
						q = 2
					}
					if c%nb >= j {
						q++
					}
					return q
				}
				if tree, ok := s.grow(4, n, leaf, false); ok {
					trees = append(trees, tree)
				}
			}
		}
		out := make([]float32, n)
		s.pair(na, nb, out)
		sameUpdate(t, out, s.mean(trees, n))
	})
}

func TestPurify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		na, nb := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 5).Draw(t, "columns")
		value, weight := make([]float64, na*nb), make([]float64, na*nb)
		for c := range value {
			value[c] = rapid.Float64Range(-2, 2).Draw(t, "value")
			weight[c] = float64(rapid.IntRange(0, 9).Draw(t, "weight"))
		}
		before := append([]float64(nil), value...)
		rows, cols := purify(value, weight, na, nb)
		means := make([]float64, na+nb)
		for c, v := range value {
			if d := v + rows[c/nb] + cols[c%nb] - before[c]; math.Abs(d) > 1e-9 {
				t.Fatalf("cell %d and what was taken out of it are %g off", c, d)
			}
			means[c/nb] += weight[c] * v
			means[na+c%nb] += weight[c] * v
		}
		for _, m := range means {
			if math.Abs(m) > 1e-6 {
				t.Fatalf("a side keeps %g", m)
			}
		}
	})
}

// Numbers are rounded to whole ones by the magic of float32; sums of them come apart again.
func TestPacking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sum, wantG, wantH int64
		for range rapid.IntRange(1, 200).Draw(t, "rows") {
			g, h := rapid.Float32Range(-packing, packing).Draw(t, "g"), rapid.Float32Range(0, packing).Draw(t, "h")
			a, b := nearest(g), nearest(h)
			if math.Abs(float64(a)-float64(g)) > 0.5 || math.Abs(float64(b)-float64(h)) > 0.5 {
				t.Fatalf("%v and %v become %d and %d", g, h, a, b)
			}
			sum, wantG, wantH = sum+a<<32+b, wantG+a, wantH+b
		}
		if g, h := unpack(sum); g != wantG || h != wantH {
			t.Fatalf("got %d and %d, want %d and %d", g, h, wantG, wantH)
		}
	})
}

func TestExp(t *testing.T) {
	for x := float32(0); x > -79; x -= 0.037 {
		if got, want := float64(exp(x)), math.Exp(float64(x)); math.Abs(got-want) > 1e-5*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	if exp(-1000) < 0 {
		t.Error("exp(-1000) < 0")
	}
}
