package gbdt

import "math"

// exp returns e^x to a relative 1e-10, in a third of math.Exp's time: gradients are rounded far more coarsely.
//
// With j the whole number nearest to 64·x/ln 2 and r the rest, e^x = 2^(j/64)·e^r; the first factor is an entry of a
// table with j/64 added to its exponent, and |r| < 0.0055 makes a cubic enough for the second.
func exp(x float64) float64 {
	const (
		point  = 3 << 51 // moves the point of the sum to the lowest bit
		perBit = 64 / math.Ln2
		step   = math.Ln2 / 64
	)
	x = min(max(x, -700), 700)
	sum := x*perBit + point
	j := int64(int32(math.Float64bits(sum)))
	r := x - (sum-point)*step
	power := math.Float64frombits(math.Float64bits(roots[j&63]) + uint64(j>>6)<<52)
	return power + power*r*(1+r*(0.5+r*(1.0/6)))
}

// roots has 2^(i/64).
var roots = func() (t [64]float64) {
	for i := range t {
		t[i] = math.Exp2(float64(i) / 64)
	}
	return t
}()

// sigmoid returns 1/(1+e^−s) for gradients; predictions take math.Exp.
func sigmoid(s float64) float64 { return 1 / (1 + exp(-s)) }
