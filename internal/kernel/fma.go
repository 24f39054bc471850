//go:build !arm64

package kernel

import "math"

// fma32 returns a·b + c rounded once, as vector instructions do it.
//
// The product is exact in float64. The sum is rounded to float64 and again to float32, which goes wrong only where the
// first rounding lands half-way between two float32 (one sum in 2²⁹), or below their normal range.
func fma32(a, b, c float32) float32 {
	s := float64(a)*float64(b) + float64(c)
	bits := math.Float64bits(s)
	if bits&(1<<29-1) == 1<<28 || (s < 0x1p-125 && s > -0x1p-125 && s != 0) {
		return fma32Slow(a, b, c)
	}
	return float32(s)
}

// fma32Slow rounds the first time to odd, so that the second rounding sees on which side of half-way the sum lies
// (Boldo and Melquiond, 2008).
func fma32Slow(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	if math.IsInf(s, 0) || math.IsNaN(s) {
		return float32(s)
	}
	t := s - p
	rest := (p - (s - t)) + (q - t) // s + rest is the sum without rounding
	bits := math.Float64bits(s)
	if rest != 0 && bits&1 == 0 {
		if (rest > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}
