package kernel

import "math"

// Dot returns Σ aᵢ·bᵢ, in four running sums that are added at the end.
func Dot(a, b []float64) float64 {
	if len(a) != len(b) {
		panic(errLength)
	}
	var s0, s1, s2, s3 float64
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		s0 += v * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// Dot32 is [Dot] for float32 in float32.
func Dot32(a, b []float32) float32 {
	if len(a) != len(b) {
		panic(errLength)
	}
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		s0 += v * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// Axpy adds a·x to y.
func Axpy(a float64, x, y []float64) {
	if len(x) != len(y) {
		panic(errLength)
	}
	for i, v := range x {
		y[i] += a * v
	}
}

// Axpy32 is [Axpy] for float32.
func Axpy32(a float32, x, y []float32) {
	if len(x) != len(y) {
		panic(errLength)
	}
	for i, v := range x {
		y[i] += a * v
	}
}

// Scale multiplies x by a.
func Scale(a float64, x []float64) {
	for i := range x {
		x[i] *= a
	}
}

// Distance2 returns the squared Euclidean distance Σ (aᵢ−bᵢ)².
func Distance2(a, b []float64) float64 {
	if len(a) != len(b) {
		panic(errLength)
	}
	var s0, s1 float64
	for len(a) >= 2 && len(b) >= 2 {
		d0, d1 := a[0]-b[0], a[1]-b[1]
		s0 += d0 * d0
		s1 += d1 * d1
		a, b = a[2:], b[2:]
	}
	if len(a) > 0 {
		d := a[0] - b[0]
		s0 += d * d
	}
	return s0 + s1
}

// Distance2f32 is [Distance2] for float32 in float32.
func Distance2f32(a, b []float32) float32 {
	if len(a) != len(b) {
		panic(errLength)
	}
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		d0, d1, d2, d3 := a[0]-b[0], a[1]-b[1], a[2]-b[2], a[3]-b[3]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		d := v - b[i]
		s0 += d * d
	}
	return (s0 + s1) + (s2 + s3)
}

// sumBlock is where pairwise summation stops halving: short enough to keep the error bound, long enough to run fast.
const sumBlock = 256

// Sum returns Σ vᵢ by pairwise summation: the error grows with log n instead of n.
func Sum(v []float64) float64 {
	if len(v) <= sumBlock {
		var s0, s1, s2, s3 float64
		for len(v) >= 4 {
			s0 += v[0]
			s1 += v[1]
			s2 += v[2]
			s3 += v[3]
			v = v[4:]
		}
		for _, x := range v {
			s0 += x
		}
		return (s0 + s1) + (s2 + s3)
	}
	half := (len(v)/2 + sumBlock - 1) / sumBlock * sumBlock
	return Sum(v[:half]) + Sum(v[half:])
}

// SumProduct returns Σ vᵢ·wᵢ by pairwise summation, or Sum(v) when w is nil.
func SumProduct(v, w []float64) float64 {
	if w == nil {
		return Sum(v)
	}
	if len(v) != len(w) {
		panic(errLength)
	}
	if len(v) <= sumBlock {
		return Dot(v, w)
	}
	half := (len(v)/2 + sumBlock - 1) / sumBlock * sumBlock
	return SumProduct(v[:half], w[:half]) + SumProduct(v[half:], w[half:])
}

// MeanVar returns the weighted mean and the population variance Σ wᵢ(vᵢ−mean)²/Σ wᵢ, in two passes. w may be nil for all
// ones. Both are NaN when the weights sum to 0.
func MeanVar(v, w []float64) (mean, variance float64) {
	total := float64(len(v))
	if w != nil {
		total = Sum(w)
	}
	mean = SumProduct(v, w) / total
	if math.IsNaN(mean) || math.IsInf(mean, 0) {
		return math.NaN(), math.NaN()
	}
	return mean, sumSquares(v, w, mean) / total
}

func sumSquares(v, w []float64, mean float64) float64 {
	if len(v) > sumBlock {
		half := (len(v)/2 + sumBlock - 1) / sumBlock * sumBlock
		if w == nil {
			return sumSquares(v[:half], nil, mean) + sumSquares(v[half:], nil, mean)
		}
		return sumSquares(v[:half], w[:half], mean) + sumSquares(v[half:], w[half:], mean)
	}
	s := 0.0
	for i, x := range v {
		d := x - mean
		if w == nil {
			s += d * d
		} else {
			s += w[i] * d * d
		}
	}
	return s
}

// SumSquares32 returns Σ vᵢ², squared and summed in float64 in four running sums.
func SumSquares32(v []float32) float64 {
	var s0, s1, s2, s3 float64
	for len(v) >= 4 {
		s0 += float64(v[0]) * float64(v[0])
		s1 += float64(v[1]) * float64(v[1])
		s2 += float64(v[2]) * float64(v[2])
		s3 += float64(v[3]) * float64(v[3])
		v = v[4:]
	}
	for _, x := range v {
		s0 += float64(x) * float64(x)
	}
	return (s0 + s1) + (s2 + s3)
}

// Take returns the values of v at rows, in that order; nil for nil, as weights of all ones are written.
func Take[T any](v []T, rows []int32) []T {
	if v == nil {
		return nil
	}
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = v[r]
	}
	return out
}
