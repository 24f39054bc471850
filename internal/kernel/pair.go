package kernel

import "math"

// The functions of this file are the two passes of sequential minimal optimisation, which take nearly all of its time. They
// give the same bits with AVX-512, AVX2 and portable Go.

// PairMove sets f = f − δ·(ki − kj), element by element, and returns the element of the largest f + add and that sum: the
// first of equals, −1 and −∞ where all are −∞. Nothing is NaN.
func PairMove(f, add []float64, ki, kj []float32, delta float64) (row int, best float64) {
	if len(add) != len(f) || len(ki) != len(f) || len(kj) != len(f) {
		panic(errLength)
	}
	row, best, done := pairMove(f, add, ki, kj, delta)
	for t := done; t < len(f); t++ {
		v := f[t] - float64(delta*float64(ki[t]-kj[t])) // the conversion keeps it from being fused
		f[t] = v
		if u := v + add[t]; u > best {
			row, best = t, u
		}
	}
	return row, best
}

// PairGain returns the smallest f + add, and of the elements where top − (f+add) = diff is above 0 the one of the largest
// diff² / max(1e-12, base + d − 2k): the first of equals, −1 if there are none. Nothing is NaN.
func PairGain(f, add, d []float64, k []float32, top, base float64) (row int, bottom float64) {
	if len(add) != len(f) || len(d) != len(f) || len(k) != len(f) {
		panic(errLength)
	}
	row, best, bottom, done := pairGain(f, add, d, k, top, base)
	for t := done; t < len(f); t++ {
		down := f[t] + add[t]
		bottom = min(bottom, down)
		if diff := top - down; diff > 0 {
			if g := diff * diff / max(1e-12, base+d[t]-2*float64(k[t])); g > best {
				row, best = t, g
			}
		}
	}
	return row, bottom
}

// firstBest joins what lanes found: the largest value, of equals the first element.
func firstBest(value []float64, index []int64) (row int, best float64) {
	row, best = -1, math.Inf(-1)
	for l, v := range value {
		if i := int(index[l]); i >= 0 && (v > best || v == best && i < row) {
			row, best = i, v
		}
	}
	return row, best
}
