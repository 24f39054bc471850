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

// Silhouette returns the mean of [SilhouetteRows] over a random sample of rows by seed (0: 2,000 rows; all if there are
// fewer). NaN unless the rows looked at fall into two groups at least.
func Silhouette(x []float32, nCols int, label []int32, sample int, seed uint64, threads int) float64 {
	if sample <= 0 {
		sample = 2000
	}
	rows := kernel.NewStream(seed, kernel.ID("silhouette")).Sample(len(label), sample)
	widths := SilhouetteRows(x, nCols, label, rows, threads)
	return kernel.Sum(widths) / float64(len(widths))
}

// SilhouetteRows returns for each of the rows (b−a)/max(a, b), a being its mean distance to the rest of its own group and b
// that to the nearest other group; 0 for a row alone in its group (Rousseeuw, 1987). Only the rows given count, for both;
// where they all are of one group the answers are NaN. x is (n, nCols), row-major; distance is Euclidean.
// Time is O(len(rows)²·nCols), the same result for any number of threads.
func SilhouetteRows(x []float32, nCols int, label, rows []int32, threads int) []float64 {
	if len(x) != len(label)*nCols {
		panic(errLength)
	}
	k := nLabels(label)
	size := make([]float64, k)
	near := make([]float32, 0, len(rows)*nCols) // the rows side by side: the loop below reads them len(rows) times
	for _, r := range rows {
		size[label[r]]++
		near = append(near, x[int(r)*nCols:(int(r)+1)*nCols]...)
	}
	out := make([]float64, len(rows))
	kernel.Parallel(len(rows), threads, 32, func(lo, hi int) {
		far := make([]float64, k)
		for i := lo; i < hi; i++ {
			clear(far)
			own := near[i*nCols : (i+1)*nCols]
			for j, r := range rows {
				far[label[r]] += math.Sqrt(float64(kernel.Distance2f32(own, near[j*nCols:(j+1)*nCols])))
			}
			out[i] = width(far, size, int(label[rows[i]]))
		}
	})
	return out
}

// width returns one row's silhouette from its summed distances to each group.
func width(far, size []float64, own int) float64 {
	b := math.Inf(1)
	for c, n := range size {
		if c != own && n > 0 {
			b = min(b, far[c]/n)
		}
	}
	switch {
	case math.IsInf(b, 1):
		return math.NaN()
	case size[own] == 1:
		return 0
	}
	a := far[own] / (size[own] - 1)
	if m := max(a, b); m > 0 {
		return (b - a) / m
	}
	return 0
}
