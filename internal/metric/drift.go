package metric

import (
	"math"
	"slices"

	"kequn/internal/kernel"
)

// PSI returns the population stability index Σ (qᵢ−pᵢ)·ln(qᵢ/pᵢ) of two distributions over the same bins, given as counts of
// rows. A bin that is empty on one side counts as half a row there, so that it does not make the index infinite; one that
// is empty on both is left out. Below 0.1 is usually called stable, above 0.25 a drift. NaN when a side is empty.
func PSI(before, after []float64) float64 {
	if len(before) != len(after) {
		panic(errLength)
	}
	checkWeight(len(before), before)
	checkWeight(len(after), after)
	a, b := kernel.Sum(before), kernel.Sum(after)
	if a == 0 || b == 0 {
		return math.NaN()
	}
	sum := 0.0
	for i := range before {
		if before[i] == 0 && after[i] == 0 {
			continue
		}
		p, q := max(before[i], 0.5)/a, max(after[i], 0.5)/b
		sum += (q - p) * math.Log(q/p)
	}
	return sum
}

// DriftOf returns the [PSI] of a number between two sets of rows: bins are the deciles of before (equal values stay
// together), and missing values (NaN) are a bin of their own. NaN when a side has no rows.
func DriftOf(before, after []float64) float64 {
	const bins = 10
	q := make([]float64, bins-1)
	for i := range q {
		q[i] = float64(i+1) / bins
	}
	edges := slices.Compact(kernel.WeightedQuantiles(before, nil, q))
	if len(edges) > 0 && math.IsNaN(edges[0]) {
		edges = nil // before is all missing
	}
	count := func(v []float64) []float64 {
		out := make([]float64, len(edges)+2)
		for _, x := range v {
			if x != x {
				out[len(out)-1]++
				continue
			}
			k, _ := slices.BinarySearch(edges, x)
			out[k]++
		}
		return out
	}
	return PSI(count(before), count(after))
}
