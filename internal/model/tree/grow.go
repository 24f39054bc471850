package tree

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// sample is the training table in bins, its outcome as whole numbers. Sums of whole numbers do not depend on their order, so
// neither does the tree: not on the order of rows, not on the number of threads, and a row of weight 2 is the row twice.
//
//	classes   a row adds its weight to stat[class]        k stats
//	amounts   a row adds weight and weight·(y − centre)   2 stats
type sample struct {
	task    kequn.Task
	bins    *treekit.Bins
	y       []float64
	w       []float64
	class   []int32 // classes
	weight  []int64 // of a row, in units of 1/wUnit
	moment  []int64 // amounts: weight·(y − centre) in units of 1/yUnit
	wUnit   float64
	yUnit   float64
	centre  float64
	k       int // numbers a leaf predicts
	nStats  int
	rows    []int32 // those of weight > 0
	total   float64
	logs    []float64 // classes with weights of whole numbers: log 1, log 2, …, and 0 at 0
	threads int
}

// mostLogs is up to which weight logarithms are looked up: as many as a second-level cache holds.
const mostLogs = 1 << 17

// newSample cuts numbers into at most maxBins bins (0: 255).
func newSample(x *table.Table, y model.Outcome, w []float64, threads, maxBins int) *sample {
	n := x.NRows()
	s := &sample{task: y.Task, y: y.Y, w: w, k: y.NOut(), threads: threads, wUnit: 1}
	s.bins = treekit.Bin(x, w, treekit.Options{MaxBins: maxBins, Threads: threads})
	whole := true
	for i := range n {
		if v := s.weightOf(i); v > 0 {
			s.rows = append(s.rows, int32(i))
			s.total += v
			whole = whole && v == math.Trunc(v)
		}
	}
	if !whole || s.total > 1<<52 {
		s.wUnit = math.Exp2(math.Floor(52 - math.Log2(s.total)))
	}
	s.weight = make([]int64, n)
	for _, i := range s.rows {
		s.weight[i] = int64(math.RoundToEven(s.weightOf(int(i)) * s.wUnit))
	}
	if y.Task == kequn.Regression {
		s.nStats = 2
		s.prepareAmounts()
	} else {
		s.nStats = max(2, s.k)
		s.class = make([]int32, n)
		for _, i := range s.rows {
			s.class[i] = int32(y.Y[i])
		}
		if s.wUnit == 1 {
			s.logs = make([]float64, int(min(s.total, mostLogs))+1)
			for v := 1; v < len(s.logs); v++ {
				s.logs[v] = math.Log(float64(v))
			}
		}
	}
	return s
}

// prepareAmounts turns amounts into whole numbers around their median: sums of squares keep their digits near it.
func (s *sample) prepareAmounts() {
	v := make([]float64, len(s.y))
	for i := range v {
		v[i] = math.NaN()
	}
	for _, i := range s.rows {
		v[i] = s.y[i]
	}
	s.centre = kernel.WeightedQuantiles(v, s.w, []float64{0.5})[0]
	size := 0.0
	for _, i := range s.rows {
		size = max(size, math.Abs(s.y[i]-s.centre))
	}
	s.yUnit = 1
	if most := size * s.total; most > 0 && !math.IsInf(most, 0) {
		s.yUnit = math.Exp2(math.Floor(60 - math.Log2(most)))
	}
	s.moment = make([]int64, len(s.y))
	for _, i := range s.rows {
		s.moment[i] = int64(math.RoundToEven(s.weightOf(int(i)) * (s.y[i] - s.centre) * s.yUnit))
	}
}

func (s *sample) weightOf(i int) float64 {
	if s.w == nil {
		return 1
	}
	return s.w[i]
}

// add adds row i to the stats.
func (s *sample) add(stat []int64, i int32) {
	if s.class != nil {
		stat[s.class[i]] += s.weight[i]
		return
	}
	stat[0] += s.weight[i]
	stat[1] += s.moment[i]
}

func (s *sample) stats(rows []int32) []int64 {
	stat := make([]int64, s.nStats)
	for _, i := range rows {
		s.add(stat, i)
	}
	return stat
}

// weightIn returns the weight in the stats.
func (s *sample) weightIn(stat []int64) float64 {
	if s.class == nil {
		return float64(stat[0]) / s.wUnit
	}
	sum := int64(0)
	for _, v := range stat {
		sum += v
	}
	return float64(sum) / s.wUnit
}

// loss returns the training loss of a leaf with the stats: the deviance of classes, or the sum of squares of amounts, up to
// a constant that is the same for all trees. Parts have together no more loss than the whole.
func (s *sample) loss(stat []int64) float64 {
	if s.class == nil {
		if stat[0] == 0 {
			return 0
		}
		m := float64(stat[1]) / s.yUnit
		return -m * m / (float64(stat[0]) / s.wUnit)
	}
	sum := int64(0)
	for _, v := range stat {
		sum += v
	}
	loss := 0.0
	if sum < int64(len(s.logs)) {
		whole := s.logs[sum]
		for _, v := range stat {
			loss -= float64(v) * (s.logs[v] - whole)
		}
		return loss
	}
	for _, v := range stat {
		if v > 0 {
			loss -= float64(v) * math.Log(float64(v)/float64(sum))
		}
	}
	return loss / s.wUnit
}

// estimate returns what a node with the stats predicts, given its parent's estimate (nil at the root): the value, or the
// share of each class.
func (s *sample) estimate(stat []int64, parent []float64, smoothing float64) []float64 {
	weight := s.weightIn(stat)
	if s.class == nil {
		sum := float64(stat[1]) / s.yUnit
		if parent == nil {
			return []float64{s.centre + sum/weight}
		}
		return []float64{s.centre + (sum+smoothing*(parent[0]-s.centre))/(weight+smoothing)}
	}
	out := make([]float64, s.nStats)
	for c, v := range stat {
		own := float64(v) / s.wUnit
		if parent == nil {
			out[c] = own / weight
		} else {
			out[c] = (own + smoothing*parent[c]) / (weight + smoothing)
		}
	}
	return out
}

// margin turns an estimate into what a leaf adds to the margin (k numbers).
func (s *sample) margin(estimate []float64) []float64 {
	switch s.task {
	case kequn.Regression:
		return estimate
	case kequn.Binary:
		return []float64{math.Log(max(estimate[1], leastShare)) - math.Log(max(estimate[0], leastShare))}
	}
	out := make([]float64, s.k)
	for c := range out {
		out[c] = math.Log(max(estimate[c], leastShare))
	}
	return out
}

// leastShare holds the logarithm of a class without any row where exp still tells it from others.
const leastShare = 1e-15

// node is a node of a tree that grows: a leaf until it has kids.
type node struct {
	stat  []int64
	depth int
	split split
	kids  *[2]*node
	at    int // its rows are rows[at : at+n]
	n     int
	hist  [][]int64 // by column asked: stats of each bin; nil where they are not kept
	alpha float64   // pruning: the price per leaf above which it becomes a leaf
}

// grown is a tree before it is laid flat.
type grown struct {
	root   *node
	leaves int
}

// grow grows a tree on the rows, best leaf first. rows is not changed.
func (s *sample) grow(ctx context.Context, l Learner, rows []int32) (*grown, error) {
	rows = append([]int32(nil), rows...)
	f := &finder{sample: s, minLeaf: l.MinLeaf, cols: allColumns(s.bins)}
	g := &grown{root: &node{stat: s.stats(rows), n: len(rows)}, leaves: 1}
	open := []*node{g.root}
	f.find(g.root, rows)
	side := make([]int32, len(rows))
	for g.leaves < l.MaxLeaves {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		best := -1
		for i, o := range open {
			if o.split.gain > 0 && (best < 0 || o.split.gain > open[best].split.gain) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		o := open[best]
		left := s.part(o, rows[o.at:o.at+o.n], side)
		o.kids = &[2]*node{
			{stat: o.split.left, depth: o.depth + 1, at: o.at, n: left},
			{stat: minus(o.stat, o.split.left), depth: o.depth + 1, at: o.at + left, n: o.n - left},
		}
		open = append(open[:best], open[best+1:]...)
		if o.depth+1 < l.MaxDepth {
			f.findKids(o, rows)
		} else {
			f.release(o)
		}
		open = append(open, o.kids[0], o.kids[1])
		g.leaves++
	}
	return g, nil
}

func minus(a, b []int64) []int64 {
	out := make([]int64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// part puts the rows that go left first, both sides in their order, and returns how many they are.
func (s *sample) part(o *node, rows, side []int32) int {
	bin := s.bins.Cols[o.split.col]
	left, right := 0, 0
	for _, r := range rows {
		if o.split.goes.Has(bin[r]) {
			rows[left] = r
			left++
		} else {
			side[right] = r
			right++
		}
	}
	copy(rows[left:], side[:right])
	return left
}

// ensemble lays the tree flat.
func (s *sample) ensemble(g *grown, smoothing float64) *treekit.Ensemble {
	base := make([]float64, s.k)
	e := treekit.NewEnsemble(s.bins.Cuts, base)
	t := treekit.Tree{Width: s.k}
	var lay func(o *node, above []float64) int32
	lay = func(o *node, above []float64) int32 {
		estimate := s.estimate(o.stat, above, smoothing)
		if o.kids == nil {
			leaf := len(t.Cover)
			t.Leaf = append(t.Leaf, s.margin(estimate)...)
			t.Cover = append(t.Cover, s.weightIn(o.stat))
			return ^int32(leaf)
		}
		at := len(t.Nodes)
		cut := &s.bins.Cuts[o.split.col]
		n := treekit.Node{Col: int32(o.split.col), Set: -1, MissingLeft: o.split.goes.Has(cut.MissingBin()), Gain: o.split.gain, Cover: s.weightIn(o.stat)}
		if cut.IsCategory() {
			n.Set = int32(len(t.Sets))
			t.Sets = append(t.Sets, o.split.goes)
		} else if n.Threshold = math.Inf(1); o.split.border < len(cut.Upper) {
			n.Threshold = cut.Upper[o.split.border]
		}
		t.Nodes = append(t.Nodes, n)
		left := lay(o.kids[0], estimate)
		right := lay(o.kids[1], estimate)
		t.Nodes[at].Left, t.Nodes[at].Right = left, right
		return int32(at)
	}
	lay(g.root, nil)
	e.Trees = []treekit.Tree{t}
	return e
}

func allColumns(b *treekit.Bins) []int {
	var cols []int
	for c := range b.Cuts {
		if b.Cuts[c].Cells() > 1 {
			cols = append(cols, c)
		}
	}
	return cols
}
