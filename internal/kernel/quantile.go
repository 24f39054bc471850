package kernel

import (
	"math"
	"slices"
)

// QuantileSorted returns the q-quantile of values in increasing order by linear interpolation between them (type 7 of
// Hyndman & Fan: numpy's and R's default), NaN when there are none. q lies in [0, 1].
func QuantileSorted(v []float64, q float64) float64 {
	if !(q >= 0 && q <= 1) {
		panic(errRange)
	}
	if len(v) == 0 {
		return math.NaN()
	}
	h := q * float64(len(v)-1)
	i := int(h)
	if i+1 >= len(v) {
		return v[len(v)-1]
	}
	if f := h - float64(i); f > 0 {
		return v[i] + f*(v[i+1]-v[i])
	}
	return v[i]
}

// Quantiles returns the quantiles of v at q as [QuantileSorted] does. Missing values (NaN) are left out; v stays as it is.
func Quantiles(v []float64, q ...float64) []float64 {
	s := make([]float64, 0, len(v))
	for _, x := range v {
		if x == x {
			s = append(s, x)
		}
	}
	slices.Sort(s)
	out := make([]float64, len(q))
	for i := range q {
		out[i] = QuantileSorted(s, q[i])
	}
	return out
}

// Median returns the 0.5-quantile of v, NaN when it has no value.
func Median(v []float64) float64 { return Quantiles(v, 0.5)[0] }

// WeightedQuantiles returns, for each q in [0, 1], the smallest value x of v such that values ≤ x hold at least the share
// q of the weight (the inverted distribution function). A row of weight 2 counts as the row twice and a row of weight 0
// not at all; w may be nil for all ones. Missing values (NaN) are left out; with no weight left the answer is NaN.
func WeightedQuantiles(v, w, q []float64) []float64 {
	if w != nil && len(w) != len(v) {
		panic(errLength)
	}
	order := Argsort(v)
	values := make([]float64, 0, len(v))
	below := make([]float64, 0, len(v)) // weight of values up to and including this one
	total := 0.0
	for _, i := range order {
		x, wi := v[i], 1.0
		if w != nil {
			wi = w[i]
		}
		if !(wi >= 0) {
			panic(errRange)
		}
		if x != x || wi == 0 {
			continue
		}
		total += wi
		values, below = append(values, x), append(below, total)
	}
	out := make([]float64, len(q))
	for i, share := range q {
		if !(share >= 0 && share <= 1) {
			panic(errRange)
		}
		if len(values) == 0 {
			out[i] = math.NaN()
			continue
		}
		k, _ := slices.BinarySearch(below, share*total)
		out[i] = values[min(k, len(values)-1)]
	}
	return out
}
