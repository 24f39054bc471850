package tree

import (
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/treekit"
)

// split is a question: rows whose bin is in goes go left.
type split struct {
	col    int
	border int // numbers: the last bin that goes left
	goes   treekit.Set
	gain   float64 // 0: no question
	left   []int64
}

// finder looks for the best question of a node. cols are the columns it may ask.
type finder struct {
	*sample
	minLeaf float64
	cols    []int
}

// edge is how much better, relatively, a question must be to displace another: less is rounding, and the first column of equal
// ones should win on every machine.
const edge = 1 + 1e-9

// find sets the node's best question. A node whose rows all have one outcome has none.
func (f *finder) find(o *node, rows []int32) {
	rows = rows[o.at : o.at+o.n]
	whole := f.loss(o.stat)
	if f.weightIn(o.stat) < 2*f.minLeaf {
		return
	}
	best := make([]split, len(f.cols))
	grain := 1
	if o.n < 2000 {
		grain = len(f.cols) // too little work to hand around
	}
	kernel.Parallel(len(f.cols), f.threads, max(grain, 1), func(lo, hi int) {
		for k := lo; k < hi; k++ {
			best[k] = f.column(f.cols[k], o.stat, whole, rows)
		}
	})
	for _, s := range best {
		if s.gain > o.split.gain*edge {
			o.split = s
		}
	}
	// What is lost in the digits of the loss is no gain.
	if o.split.gain <= 1e-10*math.Abs(whole) {
		o.split = split{}
	}
}

// column returns the best question to column c.
func (f *finder) column(c int, all []int64, whole float64, rows []int32) split {
	cut := &f.bins.Cuts[c]
	k := f.nStats
	hist := make([]int64, cut.Cells()*k)
	bin := f.bins.Cols[c]
	if f.class != nil {
		for _, r := range rows {
			hist[int(bin[r])*k+int(f.class[r])] += f.weight[r]
		}
	} else {
		for _, r := range rows {
			b := int(bin[r]) * 2
			hist[b] += f.weight[r]
			hist[b+1] += f.moment[r]
		}
	}
	order := make([]int, 0, cut.NBins)
	for b := range cut.NBins {
		if f.weightIn(hist[b*k:b*k+k]) > 0 {
			order = append(order, b)
		}
	}
	if cut.IsCategory() {
		f.sortLevels(order, hist, all)
	}
	none := hist[cut.NBins*k:]
	missing := f.weightIn(none) > 0
	best := split{col: c}
	left, right := make([]int64, k), make([]int64, k)
	try := func(upTo int, missingLeft bool) {
		for j := range right {
			right[j] = all[j] - left[j]
		}
		a, b := f.weightIn(left), f.weightIn(right)
		if a < f.minLeaf || b < f.minLeaf {
			return
		}
		gain := whole - f.loss(left) - f.loss(right)
		if gain <= best.gain*edge || gain <= 0 {
			return
		}
		if !missing { // what never was missing goes with the most
			missingLeft = a >= b
		}
		best.gain, best.left, best.goes = gain, append(best.left[:0], left...), treekit.Set{}
		for _, b := range order[:upTo] {
			best.goes.Add(uint8(b))
		}
		if upTo > 0 {
			best.border = order[upTo-1]
		}
		if missingLeft {
			best.goes.Add(cut.MissingBin())
		}
	}
	for _, missingLeft := range []bool{false, true} {
		clear(left)
		if missingLeft {
			if !missing {
				break
			}
			copy(left, none)
		}
		for i, b := range order {
			for j := range left {
				left[j] += hist[b*k+j]
			}
			if i+1 < len(order) || (missing && !missingLeft) {
				try(i+1, missingLeft)
			}
		}
	}
	if best.gain > 0 && !cut.IsCategory() {
		// Bins of which this node has no row lie on the side of their neighbours, so that bins and thresholds agree.
		best.border = min(best.border, len(cut.Upper)-1)
		missingLeft := best.goes.Has(cut.MissingBin())
		best.goes = treekit.Set{}
		for b := range best.border + 1 {
			best.goes.Add(uint8(b))
		}
		if missingLeft {
			best.goes.Add(cut.MissingBin())
		}
	}
	return best
}

// levelSmoothing is the weight of the node's own mean in a level's when levels are put in order: a level of three rows must not
// stand at the end because all three bought.
const levelSmoothing = 10

// sortLevels puts the bins of a category in order of their mean outcome: of the amount, of "yes", or, with several classes, of
// the class with most weight. For two classes and for amounts, the best cut in two lies along this order.
func (f *finder) sortLevels(order []int, hist, all []int64) {
	k := f.nStats
	top := 1
	if f.class != nil && k > 2 {
		for c := range all {
			if c == 0 || all[c] > all[top] {
				top = c
			}
		}
	}
	mean := func(stat []int64) float64 {
		return float64(stat[top]) / (f.weightIn(stat) * f.wUnit)
	}
	overall := mean(all)
	score := make([]float64, f.bins.Cuts[0].NBins)
	if n := len(hist) / k; len(score) < n {
		score = make([]float64, n)
	}
	for _, b := range order {
		w := f.weightIn(hist[b*k : b*k+k])
		score[b] = (mean(hist[b*k:b*k+k])*w + overall*levelSmoothing) / (w + levelSmoothing)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case score[a] < score[b]:
			return -1
		case score[a] > score[b]:
			return 1
		}
		return a - b
	})
}
