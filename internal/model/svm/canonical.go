package svm

import (
	"sort"

	"kequn/internal/model"
	"kequn/internal/table"
)

// canonical returns the rows sorted by a hash of their values and by outcome, with equal rows merged into one of their
// summed weight. An iterative solver stops near the solution, not at it, and where depends on the order of its rows: so
// the order is made a property of the rows. It is random as to their meaning, so that the first rows are a fair sample.
func canonical(inputs *table.Table, y model.Outcome, w []float64) (*table.Table, model.Outcome, []float64) {
	h := model.RowHash(inputs, 0)
	n := len(h)
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	weight := func(i int32) float64 {
		if w == nil {
			return 1
		}
		return w[i]
	}
	sort.SliceStable(order, func(a, b int) bool {
		i, j := order[a], order[b]
		if h[i] != h[j] {
			return h[i] < h[j]
		}
		if y.Y[i] != y.Y[j] {
			return y.Y[i] < y.Y[j]
		}
		return weight(i) < weight(j) // a sum of weights depends on their order
	})
	keep, merged := order[:0:0], make([]float64, 0, n)
	for k, i := range order {
		if k > 0 {
			if last := keep[len(keep)-1]; h[last] == h[i] && y.Y[last] == y.Y[i] {
				merged[len(merged)-1] += weight(i)
				continue
			}
		}
		keep, merged = append(keep, i), append(merged, weight(i))
	}
	return inputs.Take(keep), y.Take(keep), merged
}

// foldsOf says for each row in which of k parts of the data it lies: classes are dealt out evenly, amounts by row, so that
// rows alike in all columns stay together.
func foldsOf(inputs []uint64, label []float64, classes int, k int) []int8 {
	out := make([]int8, len(label))
	if classes == 0 {
		group := -1
		for i := range out {
			if i == 0 || inputs[i] != inputs[i-1] {
				group++
			}
			out[i] = int8(group % k)
		}
		return out
	}
	dealt := make([]int, classes)
	for i, c := range label {
		out[i] = int8(dealt[int(c)] % k)
		dealt[int(c)]++
	}
	return out
}
