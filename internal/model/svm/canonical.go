package svm

import (
	"sort"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// canonical returns the rows sorted by a hash of their values and by outcome, with equal rows merged into one of their
// summed weight. An iterative solver stops near the solution, not at it, and where depends on the order of its rows: so
// the order is made a property of the rows. It is random as to their meaning, so that the first rows are a fair sample.
//
// A table of few different rows is not merged so far that there is nothing left to hold out ([model.Spread]): it is cut into
// enough pieces to choose parameters by. draw tells rows apart that may be held out one without the other.
func canonical(inputs *table.Table, y model.Outcome, w []float64) (x *table.Table, out model.Outcome, weights []float64, draw []uint64) {
	x, out, weights, h := model.SpreadTo(searchRows, inputs, y, w, 0)
	n := len(h)
	if x != nil {
		order := make([]int32, n)
		for i := range order {
			order[i] = int32(i)
		}
		sort.SliceStable(order, func(a, b int) bool { return h[order[a]] < h[order[b]] })
		if weights == nil {
			weights = make([]float64, n)
			for i := range weights {
				weights[i] = 1
			}
		}
		return x.Take(order), out.Take(order), kernel.Take(weights, order), kernel.Take(h, order)
	}
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
	return inputs.Take(keep), y.Take(keep), merged, kernel.Take(h, keep)
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
