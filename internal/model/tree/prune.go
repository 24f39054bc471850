package tree

import (
	"context"
	"math"
	"slices"

	"kequn"
)

// nParts is into how many parts rows are cut to choose how far to prune. On large tables fewer are held out: of the rows that
// choose, there are enough in two parts, and then in one.
const (
	nParts    = 5
	largeRows = 40_000  // from here on two parts
	hugeRows  = 200_000 // from here on one
)

// pulls are the amounts of smoothing to choose from, in rows. The first is the one for who holds nothing out.
var pulls = []float64{1, 5, 25, 125}

// prune cuts the tree back to the subtree that is best at the price that held-out rows choose, and returns the smoothing that
// they choose with it. Prices are per unit of the training weight, so that those of a tree on four fifths of the rows mean the same.
func (s *sample) prune(ctx context.Context, l Learner, full *grown, hash []uint64) (smoothing float64, err error) {
	try := pulls
	if l.Smoothing > 0 {
		try = []float64{l.Smoothing}
	}
	s.setAlphas(full.root, s.total)
	prices := s.prices(full.root)
	if l.NoPrune {
		prices = prices[:1]
	}
	if full.root.kids == nil || len(prices)*len(try) == 1 {
		return try[0], nil
	}
	table := newLosses(len(prices), len(try))
	held := 0.0
	for part := range uint64(nParts) {
		var train, test []int32
		for _, r := range s.rows {
			if hash[r]%nParts == part {
				test = append(test, r)
			} else {
				train = append(train, r)
			}
		}
		if len(train) == 0 || len(test) == 0 {
			continue // all rows are alike, or nearly
		}
		g, err := s.grow(ctx, l, train)
		if err != nil {
			return 0, err
		}
		s.setAlphas(g.root, s.weightIn(g.root.stat))
		for k, pull := range try {
			s.judge(g, test, prices, pull, table.sum[k], table.square[k])
		}
		held += s.weightIn(s.stats(test))
		if len(s.rows) > hugeRows || len(s.rows) > largeRows && part == 1 {
			break
		}
	}
	if held == 0 {
		return try[0], nil
	}
	pull, price := table.best(held, l.OneSE)
	full.leaves = s.cut(full.root, prices[price])
	return try[pull], nil
}

// losses are Σ w·loss and Σ w·loss² of held-out rows by smoothing and price.
type losses struct{ sum, square [][]float64 }

func newLosses(prices, pulls int) *losses {
	l := &losses{}
	for range pulls {
		l.sum, l.square = append(l.sum, make([]float64, prices)), append(l.square, make([]float64, prices))
	}
	return l
}

// best returns the place of the least loss; a tie, also one but for rounding, goes to the smaller tree.
func (l *losses) best(held float64, oneSE bool) (pull, price int) {
	least := math.Inf(1)
	for k := range l.sum {
		for i, v := range l.sum[k] {
			if v < least-1e-9*math.Abs(least) || (k == pull && v <= least+1e-9*math.Abs(least)) {
				least, pull, price = v, k, i
			}
		}
	}
	if oneSE {
		mean := least / held
		limit := least + math.Sqrt(max(l.square[pull][price]/held-mean*mean, 0)*held)
		for i, v := range l.sum[pull] {
			if v <= limit {
				price = max(price, i)
			}
		}
	}
	return pull, price
}

// setAlphas gives each node the price per leaf above which it is better as a leaf (weakest-link pruning): the loss that its
// subtree takes away per leaf that it adds, but never more than its parent's, for who loses the parent loses the node.
func (s *sample) setAlphas(root *node, weight float64) {
	type sub struct {
		gain  float64
		extra float64
	}
	// Weakest links first: pruning a node changes what its ancestors' subtrees gain, so each round prunes one price.
	var measure func(o *node) sub
	price := 0.0
	var weakest float64
	measure = func(o *node) sub {
		if o.kids == nil || o.alpha >= 0 {
			return sub{}
		}
		a, b := measure(o.kids[0]), measure(o.kids[1])
		t := sub{o.split.gain + a.gain + b.gain, 1 + a.extra + b.extra}
		weakest = min(weakest, t.gain/t.extra)
		return t
	}
	var mark func(o *node) sub
	mark = func(o *node) sub {
		if o.kids == nil || o.alpha >= 0 {
			return sub{}
		}
		a, b := mark(o.kids[0]), mark(o.kids[1])
		t := sub{o.split.gain + a.gain + b.gain, 1 + a.extra + b.extra}
		if t.gain/t.extra <= price*weight*(1+1e-12) {
			s.markAll(o, price)
			return sub{}
		}
		return t
	}
	s.markAll(root, -1)
	for {
		weakest = math.Inf(1)
		measure(root)
		if math.IsInf(weakest, 1) {
			return
		}
		price = max(price, weakest/weight)
		mark(root)
	}
}

// markAll sets the price of the node and of all below that have none yet (or, with -1, of all).
func (s *sample) markAll(o *node, price float64) {
	if o.kids == nil {
		return
	}
	if price < 0 || o.alpha < 0 {
		o.alpha = price
	}
	s.markAll(o.kids[0], price)
	s.markAll(o.kids[1], price)
}

// prices returns a price within each range of prices that leaves the same subtree, in increasing order: 0 for the whole tree,
// then geometric means of neighbouring thresholds, as rpart takes them, last one that leaves the root only.
func (s *sample) prices(root *node) []float64 {
	var alphas []float64
	var walk func(o *node)
	walk = func(o *node) {
		if o.kids != nil {
			alphas = append(alphas, o.alpha)
			walk(o.kids[0])
			walk(o.kids[1])
		}
	}
	walk(root)
	slices.Sort(alphas)
	alphas = slices.Compact(alphas)
	out := []float64{0}
	for i, a := range alphas {
		if i+1 < len(alphas) {
			out = append(out, math.Sqrt(a*alphas[i+1]))
		} else {
			out = append(out, 2*a)
		}
	}
	return out
}

// judge adds the loss of the test rows at each price.
func (s *sample) judge(g *grown, test []int32, prices []float64, smoothing float64, loss, square []float64) {
	margins := map[*node][]float64{}
	var estimate func(o *node, above []float64)
	estimate = func(o *node, above []float64) {
		e := s.estimate(o.stat, above, smoothing)
		margins[o] = s.margin(e)
		if o.kids != nil {
			estimate(o.kids[0], e)
			estimate(o.kids[1], e)
		}
	}
	estimate(g.root, nil)
	var path []*node
	for _, r := range test {
		path = append(path[:0], g.root)
		for o := g.root; o.kids != nil; path = append(path, o) {
			if o.split.goes.Has(s.bins.Cols[o.split.col][r]) {
				o = o.kids[0]
			} else {
				o = o.kids[1]
			}
		}
		// As the price rises the row ends higher up: prices on a path never rise on the way down.
		w, end := s.weightOf(int(r)), len(path)-1
		last := s.rowLoss(margins[path[end]], r)
		for p, price := range prices {
			before := end
			for end > 0 && path[end-1].alpha <= price {
				end--
			}
			if end != before {
				last = s.rowLoss(margins[path[end]], r)
			}
			loss[p] += w * last
			square[p] += w * last * last
		}
	}
}

func (s *sample) rowLoss(margin []float64, r int32) float64 {
	switch s.task {
	case kequn.Regression:
		d := s.y[r] - margin[0]
		return d * d
	case kequn.Binary:
		m := margin[0]
		if s.class[r] == 1 {
			m = -m
		}
		return max(m, 0) + math.Log1p(math.Exp(-math.Abs(m)))
	}
	return -margin[s.class[r]]
}

// cut makes leaves of all nodes whose alpha is at most the price and returns how many leaves are left.
func (s *sample) cut(o *node, price float64) int {
	if o.kids == nil {
		return 1
	}
	if o.alpha <= price {
		o.kids = nil
		return 1
	}
	return s.cut(o.kids[0], price) + s.cut(o.kids[1], price)
}
