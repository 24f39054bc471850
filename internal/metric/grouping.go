package metric

import (
	"math"

	"kequn/internal/kernel"
)

// AdjustedRand returns how well two groupings of the same rows agree, beyond chance: 1 is the same grouping under any
// numbering, about 0 is chance (Hubert & Arabie, 1985). Labels are not negative. 1 when both put all rows in one group or each
// row in its own; NaN without rows.
func AdjustedRand(a, b []int32) float64 {
	if len(a) != len(b) {
		panic(errLength)
	}
	if len(a) == 0 {
		return math.NaN()
	}
	nA, nB := nLabels(a), nLabels(b)
	both, rowSum, colSum := make([]float64, nA*nB), make([]float64, nA), make([]float64, nB)
	for i := range a {
		both[int(a[i])*nB+int(b[i])]++
		rowSum[a[i]]++
		colSum[b[i]]++
	}
	pairs := func(v []float64) float64 {
		s := 0.0
		for _, n := range v {
			s += n * (n - 1) / 2
		}
		return s
	}
	n := float64(len(a))
	together, inA, inB := pairs(both), pairs(rowSum), pairs(colSum)
	all := n * (n - 1) / 2
	if all == 0 {
		return 1
	}
	expected, most := inA*inB/all, (inA+inB)/2
	if most == expected {
		return 1
	}
	return (together - expected) / (most - expected)
}

func nLabels(label []int32) int {
	top := int32(-1)
	for _, l := range label {
		if l < 0 {
			panic(errRange)
		}
		top = max(top, l)
	}
	return int(top) + 1
}

// Silhouette returns the mean over rows of (b−a)/max(a, b), a being a row's mean distance to its own group and b that to the
// nearest other group; 0 for a row alone in its group (Rousseeuw, 1987). x is (n, nCols), row-major; distance is Euclidean.
// With more than sample rows, a random sample by seed stands for all (0: 2,000). NaN unless the rows looked at
// fall into two groups at least. Time is O(sample²·nCols), the same result for any number of threads.
func Silhouette(x []float32, nCols int, label []int32, sample int, seed uint64, threads int) float64 {
	if len(x) != len(label)*nCols {
		panic(errLength)
	}
	if sample <= 0 {
		sample = 2000
	}
	rows := kernel.NewStream(seed, kernel.ID("silhouette")).Sample(len(label), sample)
	k := nLabels(label)
	size := make([]float64, k)
	for _, r := range rows {
		size[label[r]]++
	}
	filled := 0
	for _, s := range size {
		if s > 0 {
			filled++
		}
	}
	if filled < 2 {
		return math.NaN()
	}
	const block = 32
	total := kernel.Reduce(len(rows), threads, block, func(lo, hi int) float64 {
		sum := 0.0
		far := make([]float64, k)
		for i := lo; i < hi; i++ {
			clear(far)
			r := int(rows[i])
			a := x[r*nCols : (r+1)*nCols]
			for _, q := range rows {
				far[label[q]] += math.Sqrt(float64(kernel.Distance2f32(a, x[int(q)*nCols:(int(q)+1)*nCols])))
			}
			sum += width(far, size, int(label[r]))
		}
		return sum
	}, func(a, b float64) float64 { return a + b })
	return total / float64(len(rows))
}

// width returns one row's silhouette from its summed distances to each group.
func width(far, size []float64, own int) float64 {
	if size[own] <= 1 {
		return 0
	}
	a, b := far[own]/(size[own]-1), math.Inf(1)
	for c, n := range size {
		if c != own && n > 0 {
			b = min(b, far[c]/n)
		}
	}
	if m := max(a, b); m > 0 {
		return (b - a) / m
	}
	return 0
}
