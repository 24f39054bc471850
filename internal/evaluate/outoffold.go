package evaluate

import (
	"math"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

const (
	nBins  = 32
	nFolds = 3
)

// outOfFold returns for each row the mean of y over the rows of its bin that lie in other folds, pulled toward the overall mean: what
// a column by itself says of y to somebody who has not seen the row. bin is 0 to n−1, hash%nFolds is a row's fold, w may be nil.
func outOfFold(bin []int32, n int, hash []uint64, y, w []float64) []float64 {
	mean := foldMeans(bin, n, hash, y, w)
	out := make([]float64, len(bin))
	for i, b := range bin {
		out[i] = mean[cell(hash[i], b, n)]
	}
	return out
}

// cell is the place of a row's fold and bin.
func cell(hash uint64, bin int32, n int) int { return int(hash%nFolds)*n + int(bin) }

// foldMeans returns those means by cell, nFolds × n.
func foldMeans(bin []int32, n int, hash []uint64, y, w []float64) []float64 {
	const pull = 5
	sum, weight := make([]float64, n*nFolds), make([]float64, n*nFolds)
	total, all := make([]float64, nFolds), make([]float64, nFolds)
	for i, b := range bin {
		wi := 1.0
		if w != nil {
			wi = w[i]
		}
		own := int(hash[i] % nFolds)
		for f := range nFolds {
			if own != f {
				sum[f*n+int(b)] += wi * y[i]
				weight[f*n+int(b)] += wi
				total[f] += wi * y[i]
				all[f] += wi
			}
		}
	}
	for f := range nFolds {
		mean := 0.0
		if all[f] > 0 {
			mean = total[f] / all[f]
		}
		for k := f * n; k < (f+1)*n; k++ {
			sum[k] = (sum[k] + pull*mean) / (weight[k] + pull)
		}
	}
	return sum
}

// bins cuts a column: numbers at quantiles, categories by level; missing values are bin 0.
func bins(c *table.Column) (bin []int32, n int) {
	bin = make([]int32, c.Len())
	if c.Kind.InCode() {
		for i, k := range c.Code {
			bin[i] = k + 1
		}
		return bin, c.Dict.Len() + 1
	}
	q := make([]float64, nBins-1)
	for k := range q {
		q[k] = float64(k+1) / nBins
	}
	v := make([]float64, c.Len())
	for i := range v {
		v[i] = max(-math.MaxFloat64/4, min(math.MaxFloat64/4, c.Float(i))) // so that borders between infinities exist
	}
	border := kernel.Quantiles(v, q...)
	for i, x := range v {
		if x == x {
			lo, hi := 0, len(border)
			for lo < hi {
				if mid := (lo + hi) / 2; border[mid] < x {
					lo = mid + 1
				} else {
					hi = mid
				}
			}
			bin[i] = int32(lo + 1)
		}
	}
	return bin, nBins + 1
}
