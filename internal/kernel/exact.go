package kernel

import (
	"math"
	"math/bits"
)

// ExactSum returns at(0) + … + at(n−1) with every number rounded to 2⁻⁶² of the largest, so that the sum does not depend
// on the order: it is one of whole numbers of 128 bits. at is called twice for every index and must give finite numbers.
func ExactSum(n int, at func(i int) float64) float64 {
	most := 0.0
	for i := range n {
		most = max(most, math.Abs(at(i)))
	}
	if most == 0 {
		return 0
	}
	_, e := math.Frexp(most)
	unit := math.Ldexp(1, max(e-62, -1022)) // below the smallest normal number, crumbs are lost
	var hi int64
	var lo uint64
	for i := range n {
		q := int64(at(i) / unit)
		var carry uint64
		lo, carry = bits.Add64(lo, uint64(q), 0)
		hi += q>>63 + int64(carry)
	}
	return (float64(hi)*0x1p64 + float64(lo)) * unit
}
