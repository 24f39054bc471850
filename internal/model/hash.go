package model

import (
	"math"

	"kequn/internal/table"
)

// RowHash returns a number per row that depends on the row's values and the seed only. Learners that hold rows back to
// choose a parameter choose them by it: then neither the order of rows nor of columns matters, a row of weight 2 stays
// together as would its two copies, and equal rows never lie on both sides.
//
// inputs is what [Inputs] returns: Number and Category columns in order of name. All NaN are one value, and so are 0 and −0.
// Categories count by their text.
func RowHash(inputs *table.Table, seed uint64) []uint64 {
	h := make([]uint64, inputs.NRows())
	for i := range h {
		h[i] = Mix64(seed)
	}
	for _, c := range inputs.Columns {
		name := hashText(c.Name)
		if c.Kind.InCode() {
			values := make([]uint64, c.Dict.Len())
			for k := range values {
				values[k] = hashText(c.Dict.At(k))
			}
			for i, k := range c.Code {
				v := uint64(1)
				if k >= 0 {
					v = values[k]
				}
				h[i] = Mix64(h[i] ^ name ^ v)
			}
			continue
		}
		for i := range h {
			v := c.Float(i)
			bits := math.Float64bits(v)
			switch {
			case v == 0:
				bits = 0
			case v != v:
				bits = 1
			}
			h[i] = Mix64(h[i] ^ name ^ Mix64(bits))
		}
	}
	return h
}

// Mix64 spreads every bit of x over all bits of the result (the finaliser of SplitMix64, Steele et al. 2014).
func Mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashText is FNV-1a, whose result is the same in every run.
func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
