package model

import (
	"math"

	"kequn/internal/kernel"
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
		h[i] = kernel.Mix(seed)
	}
	for _, c := range inputs.Columns {
		name := kernel.ID(c.Name)
		if c.Kind.InCode() {
			values := make([]uint64, c.Dict.Len())
			for k := range values {
				values[k] = kernel.ID(c.Dict.At(k))
			}
			for i, k := range c.Code {
				v := uint64(1)
				if k >= 0 {
					v = values[k]
				}
				h[i] = kernel.Mix(h[i] ^ name ^ v)
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
			h[i] = kernel.Mix(h[i] ^ name ^ kernel.Mix(bits))
		}
	}
	return h
}
