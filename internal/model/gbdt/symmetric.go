package gbdt

import (
	"math"

	"kequn/internal/kernel"
	"kequn/internal/treekit"
)

// A symmetric tree asks all leaves of a level the same question, the one whose gains add up to most:
//
//	            age ≤ 30                   level 0
//	       /                \
//	  city ∈ {沪}          city ∈ {沪}      level 1
//	  /      \             /      \
//
// It is a weaker tree than one grown leaf by leaf, and for that reason overfits less; and a row's leaf is a number of Depth
// bits, one per question, so that it scores and explains faster. Rows are partitioned and histograms taken off each other
// as in grow.go, leaf by leaf.
//
// A leaf in which a side of the level's question would be too small (MinRows, MinHessian) takes no part in it: it adds no
// gain, and both its halves keep its value.
//
// Reference: Kohavi, Bottom-up induction of oblivious read-once decision graphs (1994); Prokhorenkova et al., CatBoost (2018).

// growSymmetric is grow for symmetric trees.
func (g *grower) growSymmetric(n int, all bool, f fixed, r rules) (*grown, error) {
	g.finder.rules = r
	level := []*leaf{g.root(n, all, f)}
	defer func() {
		for _, l := range level {
			g.release(l)
		}
	}()
	t := &grown{}
	for depth := range g.l.Depth {
		if err := g.ctx.Err(); err != nil {
			return nil, err
		}
		if len(level) > g.mostHeld {
			break // beyond what histograms may take
		}
		q := g.questionOf(level)
		if q.gain == 0 {
			break
		}
		last := depth+1 == g.l.Depth
		next := make([]*leaf, 0, 2*len(level))
		for _, l := range level {
			left, right, gain := g.ask(l, q)
			at := int32(len(t.nodes))
			t.nodes = append(t.nodes, grownNode{split: l.best, left: 2*at + 1, right: 2*at + 2, gain: gain * f.gUnit * f.gUnit / f.hUnit, cover: l.weight})
			if last {
				g.release(l)
			} else {
				g.countHalves(l, left, right, f)
			}
			next = append(next, left, right)
		}
		level = next
	}
	// The children of the last level are leaves.
	for k := len(t.nodes) / 2; k < len(t.nodes); k++ {
		t.nodes[k].left, t.nodes[k].right = ^(t.nodes[k].left - int32(len(t.nodes))), ^(t.nodes[k].right - int32(len(t.nodes)))
	}
	for _, l := range level {
		t.leaves = append(t.leaves, *l)
	}
	return t, nil
}

// ask splits a leaf by the level's question and returns what that gains in it.
func (g *grower) ask(l *leaf, q split) (left, right *leaf, gain float64) {
	l.best = q
	if l.hist != nil {
		l.best.g, l.best.h = q.leftSums(l.hist[g.counter.layout.first[q.col]:][:g.bins.Cuts[q.col].Cells()])
	}
	left, right = g.split(l, 0, 0)
	worth := math.Inf(-1) // takes no part
	if l.hist != nil && l.best.h >= l.least && l.h-l.best.h >= l.least {
		worth = l.limits.pair(left.g, left.h, right.g, right.h, q.l2, g.finder.directed(q.col))
	}
	if math.IsInf(worth, -1) {
		if l.hist == nil { // its sums were not worth counting; nothing below is
			left.sums, right.sums = sums{weight: left.weight}, sums{weight: right.weight}
		} else if l.limits.on {
			left.limits, right.limits = l.limits.halves(l.value.step, g.finder.directed(q.col))
		}
		left.value, right.value = l.value, l.value
		return left, right, 0
	}
	return left, right, max(0, worth-l.alone)
}

// leftSums adds up the cells of the question's column that go left.
func (s *split) leftSums(cells []cell) (g, h float64) {
	for b, v := range cells {
		if s.goesLeft(b) {
			g += v.g
			h += v.h
		}
	}
	return g, h
}

// countHalves gives the halves of l their histograms, where they may be split again.
func (g *grower) countHalves(l, left, right *leaf, f fixed) {
	small, large := left, right
	if right.hi-right.lo < left.hi-left.lo {
		small, large = right, left
	}
	r := &g.finder.rules
	growSmall, growLarge := r.splittable(small.sums), r.splittable(large.sums)
	if !growSmall && !growLarge {
		g.release(l)
		return
	}
	small.hist = g.histogram()
	g.counter.count(small.hist, g.rows[small.lo:small.hi], false, g.gh, f)
	if growLarge {
		large.hist, l.hist = l.hist, nil
		for c := range g.bins.Cuts {
			g.subtract(large.hist, small.hist, c)
		}
	}
	g.release(l)
	if !growSmall {
		g.release(small)
	}
}

// questionOf returns the question to all leaves of a level that gains most; the first column's among equals.
func (g *grower) questionOf(level []*leaf) split {
	var asked []*leaf
	for _, l := range level {
		if l.hist != nil && g.finder.rules.splittable(l.sums) {
			asked = append(asked, l)
		}
	}
	if len(asked) == 0 {
		return split{}
	}
	grain := g.bins.NCols
	if g.counter.layout.nCells*len(asked) > 2048 {
		grain = 1
	}
	kernel.Workers(g.bins.NCols, g.l.Threads, grain, func(worker, _, lo, hi int) {
		for c := lo; c < hi; c++ {
			g.found[0][c] = split{}
		}
		for _, c := range g.columnsIn(lo, hi) {
			g.found[0][c] = g.finder.levelColumn(asked, c, &g.levels[worker])
		}
	})
	var best split
	for _, s := range g.found[0] {
		if s.gain > best.gain {
			best = s
		}
	}
	return best
}

// levelColumn returns the best question to column c for all leaves together.
func (f *finder) levelColumn(leaves []*leaf, c int, scratch *levelScratch) split {
	cut := &f.cuts[c]
	first, nCells := f.layout.first[c], cut.Cells()
	scratch.hists = scratch.hists[:0]
	bar := 0.0
	for _, l := range leaves {
		scratch.hists = append(scratch.hists, l.hist[first:first+nCells])
		bar += l.bar - l.alone
	}
	var best split
	switch {
	case !cut.IsCategory():
		best = f.levelNumber(leaves, scratch, bar, f.directed(c))
	case cut.NBins <= f.rules.maxSingle:
		best = f.levelSingle(leaves, scratch, bar)
	default:
		best = f.levelGroups(leaves, scratch, bar, cut.IsWide())
	}
	best.col = c
	return best
}

// levelNumber is number for all leaves together.
func (f *finder) levelNumber(leaves []*leaf, scratch *levelScratch, bar float64, direction int8) split {
	nValues := len(scratch.hists[0]) - 1
	var all cell // with missing value
	for _, cells := range scratch.hists {
		all.g, all.h = max(all.g, -cells[nValues].g, cells[nValues].g), max(all.h, cells[nValues].h)
	}
	none := all == cell{}
	borders := nValues
	if none {
		borders--
	}
	best := split{l2: f.rules.l2}
	from, to := -1, 0 // borders that gain the same
	for _, missingLeft := range [2]bool{false, true} {
		if missingLeft {
			if none {
				break
			}
			borders = nValues - 1
		}
		total := scratch.totals(borders)
		for i, l := range leaves {
			f.addScan(total, scratch.hists[i], missingLeft, l, direction)
		}
		for b, gain := range total {
			if gain > bar && gain > best.gain {
				best.gain, best.missingLeft = gain, missingLeft
				for from, to = b, b; to+1 < len(total) && total[to+1] == gain; to++ {
				}
			}
		}
	}
	if from < 0 {
		return split{}
	}
	best.bin = from + (to-from)/2 // bins without rows lie between: the middle is fairest to new rows
	for b := 0; b <= best.bin; b++ {
		best.left.Add(uint8(b))
	}
	if none {
		var left, h float64
		for i, l := range leaves {
			_, hl := best.leftSums(scratch.hists[i])
			left, h = left+hl, h+l.h
		}
		best.missingLeft = 2*left > h // none came here: with the heavier side
	}
	if best.missingLeft {
		best.left.Add(uint8(nValues))
	}
	return best
}

// addScan adds to total, per border, what it gains in a leaf.
func (f *finder) addScan(total []float64, cells []cell, missingLeft bool, l *leaf, direction int8) {
	l2, least := f.rules.l2, l.least
	most := l.h - least
	var g, h, now float64
	if missingLeft {
		missing := cells[len(cells)-1]
		g, h = missing.g, missing.h
	}
	for b, v := range cells[:len(total)] {
		if v.h != 0 || v.g != 0 {
			g += v.g
			h += v.h
			if h > most {
				return
			}
			switch {
			case h < least:
			case l.limits.on:
				now = max(0, l.limits.pair(g, h, l.g-g, l.h-h, l2, direction)-l.alone)
			default:
				gr, hl, hr := l.g-g, h+l2, l.h-h+l2
				now = (g*g*hr+gr*gr*hl)/(hl*hr) - l.alone
			}
		}
		total[b] += now
	}
}

// levelSingle is singleLevel for all leaves together. Rare levels are not asked for, as in levelGroup.
func (f *finder) levelSingle(leaves []*leaf, scratch *levelScratch, bar float64) split {
	l2 := f.rules.l2
	total := scratch.totals(len(scratch.hists[0]))
	pooled := scratch.pool(len(total))
	for i, l := range leaves {
		for b, v := range scratch.hists[i] {
			pooled[b].weight += v.h * l.perH
			if v.h >= l.least && l.h-v.h >= l.least {
				total[b] += l.limits.pair(v.g, v.h, l.g-v.g, l.h-v.h, l2, 0) - l.alone
			}
		}
	}
	best := split{l2: l2, isSet: true}
	bin := -1
	for b, gain := range total {
		if gain > bar && gain > best.gain && pooled[b].weight >= f.rules.smoothRows-0.5 {
			best.gain, bin = gain, b
		}
	}
	if bin < 0 {
		return split{}
	}
	best.missingLeft = bin == len(total)-1
	best.left.Add(uint8(bin))
	return best
}

// levelGroups is levelGroup for all leaves together. Levels are ordered by what the leaves do not tell yet,
//
//	Σ_leaves (g − h·G/H) / (Σ_leaves h + smooth)      G, H: sums of the leaf
//
// for a tree that has asked the column once has little to gain from the same order.
func (f *finder) levelGroups(leaves []*leaf, scratch *levelScratch, bar float64, wide bool) split {
	r := &f.rules
	nCells := len(scratch.hists[0])
	pooled := scratch.pool(nCells)
	var total float64 // weight
	for i, l := range leaves {
		mean := l.g / l.h
		total += l.weight
		for b, v := range scratch.hists[i] {
			if v.h != 0 || v.g != 0 {
				p := &pooled[b]
				p.rest += v.g - v.h*mean
				p.h += v.h
				p.weight += v.h * l.perH
			}
		}
	}
	low, high, n := scratch.low[:0], scratch.high[:0], 0
	lower := level.before
	higher := func(a, b level) bool { return b.before(a) }
	for b, p := range pooled {
		if p.weight < r.smoothRows-0.5 {
			continue
		}
		n++
		l := level{p.rest / (p.h + r.smooth), uint16(b)}
		low = insert(low, l, r.maxLevels, lower)
		high = insert(high, l, r.maxLevels, higher)
	}
	scratch.low, scratch.high = low, high
	l2 := r.l2 + r.categoryL2
	most := min(r.maxLevels, (n+1)/2)
	best, bestLevels := split{l2: l2, isSet: true}, []level(nil)
	for _, side := range [2][]level{low, high} {
		gains := scratch.totals(most)
		for i, l := range leaves {
			var g, h float64
			for k, at := range side[:most] {
				v := scratch.hists[i][at.bin]
				g += v.g
				h += v.h
				if h < l.least {
					continue
				}
				if l.h-h < l.least {
					break
				}
				gains[k] += l.limits.pair(g, h, l.g-g, l.h-h, l2, 0) - l.alone
			}
		}
		var weight, group float64
		for k, at := range side[:most] {
			weight += pooled[at.bin].weight
			group += pooled[at.bin].weight
			if total-weight < r.groupRows-0.5 {
				break
			}
			if group < r.groupRows-0.5 {
				continue
			}
			group = 0
			if gains[k] > bar && gains[k] > best.gain {
				best.gain, bestLevels = gains[k], side[:k+1]
			}
		}
	}
	if bestLevels == nil {
		return split{}
	}
	best.collect(bestLevels, nCells, wide)
	return best
}

// pooledLevel is what the leaves of a level have in one bin together.
type pooledLevel struct{ rest, h, weight float64 }

func (s *levelScratch) pool(n int) []pooledLevel {
	if len(s.pooled) < n {
		s.pooled = make([]pooledLevel, n)
	}
	clear(s.pooled[:n])
	return s.pooled[:n]
}

func (s *levelScratch) totals(n int) []float64 {
	if len(s.total) < n {
		s.total = make([]float64, n)
	}
	clear(s.total[:n])
	return s.total[:n]
}

// collect puts levels into the set that goes left.
func (s *split) collect(levels []level, nCells int, wide bool) {
	if wide {
		s.wide = treekit.NewWideSet(nCells)
	}
	for _, l := range levels {
		if wide {
			s.wide.Add(l.bin)
		} else {
			s.left.Add(uint8(l.bin))
		}
		s.missingLeft = s.missingLeft || int(l.bin) == nCells-1
	}
}
