package gbdt

import (
	"container/heap"
	"context"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/treekit"
)

// grower grows one tree after the other, always splitting the leaf that gains most:
//
//	rows   [ · · · · · · · · · · · · ]      the root holds all rows
//	       [ · · · · · | · · · · · · · ]    its rows are partitioned in place, order kept
//	       [ · · · · · | · · · | · · · · ]  and so on: a leaf is a stretch of rows
//
// The histogram of the larger child is its parent's less the smaller child's, so only the smaller one is counted.
type grower struct {
	ctx     context.Context
	l       Learner
	bins    *treekit.Bins
	kind    *weightKind
	counter *counter
	gh      []int64
	rows    []int32 // of all leaves
	spare   []int32

	packed  []packedColumn // by column
	finder  finder
	columns []int // that this tree may ask
	found   [2][]split
	levels  []levelScratch

	free     []histogram
	holding  int // histograms that leaves keep
	mostHeld int
}

// histogramMemory is what the histograms of waiting leaves may take. Beyond, they are dropped and counted again.
const histogramMemory = 256 << 20

func newGrower(ctx context.Context, l Learner, bins *treekit.Bins, kind *weightKind) *grower {
	g := &grower{
		ctx: ctx, l: l, bins: bins, kind: kind, counter: newCounter(bins, l.Threads),
		gh: make([]int64, bins.NRows), rows: make([]int32, bins.NRows), spare: make([]int32, bins.NRows),
	}
	g.packed = make([]packedColumn, bins.NCols)
	for i := range bins.Packs {
		p := &bins.Packs[i]
		for k, c := range p.Cols {
			g.packed[c] = packedColumn{p.Rows, p.Place(k), p.Radix[k]}
		}
	}
	g.finder = finder{cuts: bins.Cuts, layout: g.counter.layout}
	g.found = [2][]split{make([]split, bins.NCols), make([]split, bins.NCols)}
	g.levels = make([]levelScratch, g.counter.threads)
	g.mostHeld = max(2, histogramMemory/(16*max(1, g.counter.layout.nCells)))
	return g
}

// packedColumn is where the bins of a packed column are.
type packedColumn struct {
	rows         []uint8 // nil: the column is not packed
	place, radix int
}

func (p *packedColumn) bin(v uint8) int { return int(v) / p.place % p.radix }

// leaf is a stretch of rows that may still be split.
type leaf struct {
	sums
	id, lo, hi int
	depth      int
	parent     int32 // node whose child it is, −1 for the root
	right      bool
	value      leafValue
	hist       histogram
	best       split
}

// leafValue is what a leaf adds to the score, and the rows it is taken from.
type leafValue struct {
	step   float64 // −g/(h + l2) within limits
	lo, hi int
}

// grown is a tree in terms of bins.
type grown struct {
	nodes  []grownNode
	leaves []leaf
}

type grownNode struct {
	split       split
	left, right int32 // node, or ^leaf
	gain        float64
	cover       float64
}

// rulesOf brings the parameters into the units of a round.
func (l Learner) rulesOf(f fixed, unit float64) rules {
	return rules{
		l2: l.L2 / f.hUnit, categoryL2: l.CategoryL2 / f.hUnit,
		minHessian: l.MinHessian / f.hUnit, minRows: l.MinRows,
		minGain: l.MinGain / unit / unit / f.gUnit / f.gUnit * f.hUnit,
		smooth:  l.CategorySmooth / f.hUnit, smoothRows: l.CategorySmooth,
		groupRows: l.CategoryRows, maxLevels: l.CategoryLevels, maxSingle: l.SingleLevels,
	}
}

// grow grows a tree on rows[:n], which are all rows of the table in order if all is set. Afterwards each leaf's rows are
// rows[lo:hi].
func (g *grower) grow(n int, all bool, f fixed, r rules) (*grown, error) {
	g.finder.rules = r
	root := g.root(n, all, f)
	t := &grown{}
	leaves := []*leaf{root}
	waiting := &leafHeap{}
	g.evaluate(waiting, root, nil)
	for len(leaves) < g.l.Leaves && waiting.Len() > 0 {
		if err := g.ctx.Err(); err != nil {
			return nil, err
		}
		l := heap.Pop(waiting).(*leaf)
		left, right := g.split(l, int32(len(t.nodes)), len(leaves))
		t.nodes = append(t.nodes, grownNode{
			split: l.best, left: ^int32(left.id), right: ^int32(right.id),
			gain: l.best.gain * f.gUnit * f.gUnit / f.hUnit, cover: l.weight,
		})
		if l.parent >= 0 {
			at := int32(len(t.nodes) - 1)
			if l.right {
				t.nodes[l.parent].right = at
			} else {
				t.nodes[l.parent].left = at
			}
		}
		leaves[l.id] = left
		leaves = append(leaves, right)
		if len(leaves) < g.l.Leaves {
			g.countChildren(waiting, l, left, right, f)
		} else {
			g.release(l)
		}
	}
	for _, l := range leaves {
		g.release(l)
		t.leaves = append(t.leaves, *l)
	}
	return t, nil
}

// root returns the leaf of rows[:n] with its histogram.
func (g *grower) root(n int, all bool, f fixed) *leaf {
	r := &g.finder.rules
	root := &leaf{hi: n, parent: -1, hist: g.histogram()}
	g.counter.count(root.hist, g.rows[:n], all, g.gh, f)
	var sumG, sumH float64
	for _, c := range root.hist[:g.bins.Cuts[0].Cells()] {
		sumG += c.g
		sumH += c.h
	}
	root.sums = r.sumsOf(sumG, sumH, g.kind.sum(g.rows[:n], g.l.Threads), limits{g.finder.direction != nil, math.Inf(-1), math.Inf(1)})
	root.value = leafValue{root.limits.value(root.g, root.h, r.l2), 0, n}
	return root
}

// split partitions the rows of a leaf.
func (g *grower) split(l *leaf, node int32, nextID int) (left, right *leaf) {
	s := &l.best
	mid := 0
	switch goes := s.goes(); {
	case s.wide != nil:
		mid = partition(g, g.bins.Wide[s.col], goes, l.lo, l.hi)
	case g.packed[s.col].rows != nil:
		p := &g.packed[s.col]
		var byByte [256]uint8
		for v := range byByte {
			byByte[v] = goes[p.bin(uint8(v))]
		}
		mid = partition(g, p.rows, byByte[:], l.lo, l.hi)
	default:
		mid = partition(g, g.bins.Cols[s.col], goes, l.lo, l.hi)
	}
	r := &g.finder.rules
	left = &leaf{id: l.id, lo: l.lo, hi: mid, depth: l.depth + 1, parent: node}
	right = &leaf{id: nextID, lo: mid, hi: l.hi, depth: l.depth + 1, parent: node, right: true}
	var weight float64 // of the left rows; exact, so that it does not matter which side is added up
	if mid-l.lo < l.hi-mid {
		weight = g.kind.sum(g.rows[l.lo:mid], g.l.Threads)
	} else {
		weight = l.weight - g.kind.sum(g.rows[mid:l.hi], g.l.Threads)
	}
	within, beyond := l.limits, l.limits
	if direction := g.finder.directed(s.col); direction != 0 {
		mid := (l.limits.value(s.g, s.h, s.l2) + l.limits.value(l.g-s.g, l.h-s.h, s.l2)) / 2
		within, beyond = l.limits.halves(mid, direction)
	}
	left.sums = r.sumsOf(s.g, s.h, weight, within)
	right.sums = r.sumsOf(l.g-s.g, l.h-s.h, l.weight-weight, beyond)
	left.value = leafValue{l.limits.value(left.g, left.h, s.l2), left.lo, left.hi}
	right.value = leafValue{l.limits.value(right.g, right.h, s.l2), right.lo, right.hi}
	return left, right
}

func (g *grower) mayGrow(l *leaf) bool {
	return g.finder.rules.splittable(l.sums) && (g.l.Depth == 0 || l.depth < g.l.Depth)
}

// countChildren gives the children of l their histograms and best questions.
func (g *grower) countChildren(waiting *leafHeap, l, left, right *leaf, f fixed) {
	small, large := left, right
	if right.hi-right.lo < left.hi-left.lo {
		small, large = right, left
	}
	growSmall, growLarge := g.mayGrow(small), g.mayGrow(large)
	if !growSmall && !growLarge {
		g.release(l)
		return
	}
	if growSmall || l.hist != nil {
		small.hist = g.histogram()
		g.counter.count(small.hist, g.rows[small.lo:small.hi], false, g.gh, f)
	}
	switch {
	case !growLarge:
		g.release(l)
		g.evaluate(waiting, small, nil)
	case l.hist != nil:
		large.hist, l.hist = l.hist, nil
		g.evaluate(waiting, large, small)
	default:
		large.hist = g.histogram()
		g.counter.count(large.hist, g.rows[large.lo:large.hi], false, g.gh, f)
		g.evaluate(waiting, large, nil)
		if growSmall {
			g.evaluate(waiting, small, nil)
		}
	}
}

// evaluate finds the best question of a leaf and lets it wait if there is one. If sibling is not nil, its histogram is
// first taken off the leaf's, which was their parent's, and the sibling is evaluated too.
func (g *grower) evaluate(waiting *leafHeap, l, sibling *leaf) {
	grain := g.bins.NCols
	if g.counter.layout.nCells > 2048 {
		grain = 4
	}
	both := sibling != nil && g.mayGrow(sibling)
	alone := g.mayGrow(l)
	kernel.Workers(g.bins.NCols, g.l.Threads, grain, func(worker, _, lo, hi int) {
		for c := lo; c < hi; c++ {
			if sibling != nil {
				g.subtract(l.hist, sibling.hist, c)
			}
			g.found[0][c], g.found[1][c] = split{}, split{}
		}
		for _, c := range g.columnsIn(lo, hi) {
			if alone {
				g.found[0][c] = g.finder.column(l.hist, c, l.sums, &g.levels[worker])
			}
			if both {
				g.found[1][c] = g.finder.column(sibling.hist, c, sibling.sums, &g.levels[worker])
			}
		}
	})
	g.wait(waiting, l, g.found[0])
	if sibling != nil {
		g.wait(waiting, sibling, g.found[1])
	}
}

// columnsIn returns the columns in [lo, hi) that this tree may ask.
func (g *grower) columnsIn(lo, hi int) []int {
	from, to := 0, len(g.columns)
	for from < to && g.columns[from] < lo {
		from++
	}
	for to > from && g.columns[to-1] >= hi {
		to--
	}
	return g.columns[from:to]
}

func (g *grower) subtract(h, other histogram, c int) {
	at := g.counter.layout.first[c]
	end := at + g.bins.Cuts[c].Cells()
	own, off := h[at:end], other[at:end]
	for b := range own {
		own[b].g -= off[b].g
		own[b].h -= off[b].h
	}
}

// wait keeps the best of the questions found, the first column's among equals.
func (g *grower) wait(waiting *leafHeap, l *leaf, found []split) {
	for _, s := range found {
		if s.gain > l.best.gain {
			l.best = s
		}
	}
	if l.best.gain == 0 || g.holding > g.mostHeld {
		g.release(l)
	}
	if l.best.gain > 0 {
		heap.Push(waiting, l)
	}
}

func (g *grower) histogram() histogram {
	g.holding++
	if n := len(g.free); n > 0 {
		h := g.free[n-1]
		g.free = g.free[:n-1]
		return h
	}
	return make(histogram, g.counter.layout.nCells)
}

func (g *grower) release(l *leaf) {
	if l.hist != nil {
		g.free = append(g.free, l.hist)
		l.hist = nil
		g.holding--
	}
}

const moveGrain = 4096 // rows partitioned by one worker at a time

// goes returns for every bin whether it goes left (1) or right (0).
func (s *split) goes() []uint8 {
	goes := make([]uint8, max(256, 64*len(s.wide)))
	for b := range goes {
		if s.goesLeft(b) {
			goes[b] = 1
		}
	}
	return goes
}

func (s *split) goesLeft(bin int) bool {
	if s.wide != nil {
		return s.wide.Has(uint16(bin))
	}
	return s.left.Has(uint8(bin))
}

// partition moves the rows whose bin goes left before the others, keeping the order on both sides, and returns the border.
func partition[B uint8 | uint16](g *grower, col []B, goes []uint8, lo, hi int) int {
	rows, spare := g.rows[lo:hi], g.spare[lo:hi]
	if len(rows) <= 3*moveGrain || g.counter.threads == 1 {
		// Rows that stay are moved up in place, the others wait in spare.
		l, r := 0, 0
		for _, i := range rows {
			rows[l] = i
			spare[r] = i
			c := int(goes[col[i]])
			l += c
			r += 1 - c
		}
		copy(rows[l:], spare[:r])
		return lo + l
	}
	// Every block fills its stretch of spare from both ends; then the place of each is known.
	lefts := make([]int, kernel.NBlocks(len(rows), moveGrain)+1)
	kernel.Blocks(len(rows), g.l.Threads, moveGrain, func(block, from, to int) {
		out := spare[from:to]
		l, r := 0, len(out)-1
		for _, i := range rows[from:to] {
			out[l] = i
			out[r] = i
			c := int(goes[col[i]])
			l += c
			r -= 1 - c
		}
		lefts[block+1] = l
	})
	for b := 1; b < len(lefts); b++ {
		lefts[b] += lefts[b-1]
	}
	mid := lefts[len(lefts)-1]
	kernel.Blocks(len(rows), g.l.Threads, moveGrain, func(block, from, to int) {
		out := spare[from:to]
		n := lefts[block+1] - lefts[block]
		copy(rows[lefts[block]:], out[:n])
		dst := rows[mid+from-lefts[block]:][:len(out)-n]
		for k := range dst {
			dst[k] = out[len(out)-1-k]
		}
	})
	return lo + mid
}

// leafHeap has the leaf with the most to gain on top; among equals the older one.
type leafHeap []*leaf

func (h leafHeap) Len() int { return len(h) }
func (h leafHeap) Less(i, j int) bool {
	if h[i].best.gain != h[j].best.gain {
		return h[i].best.gain > h[j].best.gain
	}
	return h[i].id < h[j].id
}
func (h leafHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *leafHeap) Push(x any)   { *h = append(*h, x.(*leaf)) }
func (h *leafHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
