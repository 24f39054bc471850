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
	border int // numbers: the last bin that goes left; the last of all where the question is whether there is a value
	goes   treekit.Set
	gain   float64 // 0: no question
	left   []int64
}

// finder looks for the best question of a node. cols are the columns it may ask.
type finder struct {
	*sample
	minLeaf float64
	cols    []int

	kept  int   // bytes of histograms that open nodes hold
	value []row // of the node's rows, one after the other
}

// row is what a row adds to its bin.
type row struct {
	class  int32
	weight int64
	moment int64
}

// keptMost is how many bytes of histograms are kept for nodes that may be split: their larger child's is then a difference.
const keptMost = 256 << 20

// edge is how much better, relatively, a question must be to displace another: less is rounding, and the first column of equal
// ones should win on every machine.
const edge = 1 + 1e-9

// find sets the node's best question. A node whose rows all have one outcome has none. What a bin holds is whole numbers, so a
// histogram that is a difference is the one that would be counted.
func (f *finder) find(o *node, rows []int32) {
	whole := f.loss(o.stat)
	if f.weightIn(o.stat) < 2*f.minLeaf {
		f.release(o)
		return
	}
	f.count(o, rows)
	best := make([]split, len(f.cols))
	f.each(o.n, func(k int) { best[k] = f.column(f.cols[k], o.hist[k], o.stat, whole) })
	for _, s := range best {
		if s.gain > o.split.gain*edge {
			o.split = s
		}
	}
	// What is lost in the digits of the loss is no gain.
	if o.split.gain <= 1e-10*math.Abs(whole) {
		o.split = split{}
	}
	if o.split.gain == 0 || f.kept > keptMost {
		f.release(o)
	}
}

// findKids sets the best questions of a split node's kids.
func (f *finder) findKids(o *node, rows []int32) {
	small, large := o.kids[0], o.kids[1]
	if small.n > large.n {
		small, large = large, small
	}
	if o.hist != nil && f.weightIn(large.stat) >= 2*f.minLeaf {
		f.count(small, rows)
		large.hist, o.hist = o.hist, nil
		f.each(o.n, func(k int) {
			to := large.hist[k]
			for j, v := range small.hist[k] {
				to[j] -= v
			}
		})
	}
	f.release(o)
	f.find(o.kids[0], rows)
	f.find(o.kids[1], rows)
}

// each calls do for each column, for a node of n rows.
func (f *finder) each(n int, do func(k int)) {
	grain := 1
	if n < 2000 {
		grain = max(len(f.cols), 1) // too little work to hand around
	}
	kernel.Parallel(len(f.cols), f.threads, grain, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			do(k)
		}
	})
}

// count makes the node's histograms, unless it has them.
func (f *finder) count(o *node, all []int32) {
	if o.hist != nil {
		return
	}
	rows := all[o.at : o.at+o.n]
	f.value = f.value[:0]
	for _, r := range rows {
		v := row{weight: f.weight[r]}
		if f.class != nil {
			v.class = f.class[r]
		} else {
			v.moment = f.moment[r]
		}
		f.value = append(f.value, v)
	}
	o.hist = make([][]int64, len(f.cols))
	for _, c := range f.cols {
		f.kept += 8 * f.bins.Cuts[c].Cells() * f.nStats
	}
	f.each(o.n, func(k int) {
		n, hist := f.nStats, make([]int64, f.bins.Cuts[f.cols[k]].Cells()*f.nStats)
		bin := f.bins.Cols[f.cols[k]]
		if f.class != nil {
			for i, r := range rows {
				v := &f.value[i]
				hist[int(bin[r])*n+int(v.class)] += v.weight
			}
		} else {
			for i, r := range rows {
				b, v := int(bin[r])*2, &f.value[i]
				hist[b] += v.weight
				hist[b+1] += v.moment
			}
		}
		o.hist[k] = hist
	})
}

// release lets the node's histograms go.
func (f *finder) release(o *node) {
	if o.hist != nil {
		for _, h := range o.hist {
			f.kept -= 8 * len(h)
		}
		o.hist = nil
	}
}

// column returns the best question to column c, hist being what its bins hold.
func (f *finder) column(c int, hist, all []int64, whole float64) split {
	cut := &f.bins.Cuts[c]
	k := f.nStats
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
