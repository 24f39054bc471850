package tree

import (
	"context"
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/treekit"
)

// branch is a question of a growing tree: cells ≤ cut go left, and missing ones where missingLeft says.
type branch struct {
	col         int32
	left, right int32 // index of a branch, or ^leaf
	cut         uint8
	missingLeft bool
	gain        float32
}

// sapling is a grown tree before its leaves have values. Sums are of the outcome over draws: of the amount, of "yes", or one number
// of draws per class.
type sapling struct {
	rank     [][]uint8 // of category columns: the rank of each bin
	branches []branch
	draws    []int64 // per leaf
	sum      []int64 // leaves × k
}

// A thicket grows one tree after another in the same memory.
type thicket struct {
	*bag
	l    Forest
	nTry int // columns that a question chooses from

	cells    []uint8   // the bag's, or a copy where the tree has orders of its own
	rank     [][]uint8 // the same
	random   *kernel.Stream
	times    []int32 // how often each entry is drawn
	rows     []int32 // entries drawn; those of a node lie together
	spare    []int32
	value    []int64 // packed, of the entries drawn
	columns  []int32 // that can be asked, shuffled as they are drawn
	hist     [lanes][256]int64
	occupied [lanes][4]uint64
	classes  []int32 // (256, k): draws by bin and class, where there are several classes
	tally    [3][]int64

	tree sapling
}

func newThicket(b *bag, l Forest, nTry int) *thicket {
	n := len(b.row)
	g := &thicket{bag: b, l: l, nTry: nTry, times: make([]int32, n), rows: make([]int32, 0, n), spare: make([]int32, n), value: make([]int64, n)}
	g.cells, g.rank = b.cells, b.rank
	if len(b.loose) > 0 {
		g.cells = slices.Clone(b.cells)
	}
	if b.k > 1 {
		g.classes = make([]int32, 256*b.k)
		for i := range g.tally {
			g.tally[i] = make([]int64, b.k)
		}
	}
	return g
}

// part is a node that waits for its question: its rows, and where its number goes.
type part struct {
	lo, hi int
	depth  int
	parent int32 // −1 at the root
	left   bool
}

// grow grows the tree of the given number into g.tree: depth first, so that a node's rows are still in the cache when its children
// ask them.
func (g *thicket) grow(ctx context.Context, number int) error {
	g.random = kernel.NewStream(g.l.Seed, kernel.ID("forest"), uint64(number))
	g.rows = g.draw(g.random.Uint64(), g.times, g.rows)
	g.order()
	g.columns = g.columns[:0]
	for c := range g.cuts {
		if g.cuts[c].NBins > 1 || g.cuts[c].NBins == 1 && g.cuts[c].Missing {
			g.columns = append(g.columns, int32(c))
		}
	}
	for _, e := range g.rows {
		g.value[e] = int64(g.times[e]) * g.packed(e)
	}
	t := &g.tree
	t.branches, t.draws, t.sum = t.branches[:0], t.draws[:0], t.sum[:0]
	stack := []part{{hi: len(g.rows), parent: -1}}
	for steps := 0; len(stack) > 0; steps++ {
		if steps&255 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		rows := g.rows[p.lo:p.hi]
		q := g.ask(rows, p.depth)
		at := int32(len(t.branches))
		if q.gain > 0 {
			mid := p.lo + g.divide(rows, q)
			t.branches = append(t.branches, branch{col: q.col, cut: q.cut, missingLeft: q.missingLeft, gain: float32(min(q.gain, math.MaxFloat32))})
			stack = append(stack, part{lo: mid, hi: p.hi, depth: p.depth + 1, parent: at}, part{lo: p.lo, hi: mid, depth: p.depth + 1, parent: at, left: true})
		} else {
			at = ^g.addLeaf(rows)
		}
		switch {
		case p.parent < 0:
		case p.left:
			t.branches[p.parent].left = at
		default:
			t.branches[p.parent].right = at
		}
	}
	return nil
}

// order makes the tree's own orders of levels, by the rows that it did not draw: of these the tree's own rows know nothing, so that an
// order made by chance is of no use to them. It hides bag.order.
func (g *thicket) order() {
	if len(g.loose) == 0 {
		return
	}
	g.rank = slices.Clone(g.bag.rank)
	for _, c := range g.loose {
		bins := g.bag.cells[c:]
		// Shares of copies are rounded to 2⁻²⁰, so that their sums do not depend on the order of rows.
		rank := g.rankLevels(g.cuts[c].NBins, levelDraws, func(e int) (uint8, float64) {
			copies := float64(g.weight[e]) / g.wUnit * max(1, g.rate)
			return bins[e*g.nCols], math.Round(copies*g.leftOut(int32(e), g.times[e])*(1<<20)) / (1 << 20)
		})
		for e := range g.row {
			g.cells[e*g.nCols+c] = rank[bins[e*g.nCols]]
		}
		g.rank[c] = rank
	}
}

// divide puts the rows that go left before the others, each in their order, and returns how many they are.
func (g *thicket) divide(rows []int32, q question) int {
	var goes [256]uint8
	for b := range int(q.cut) + 1 {
		goes[b] = 1
	}
	goes[g.cuts[q.col].NBins] = 0
	if q.missingLeft {
		goes[g.cuts[q.col].NBins] = 1
	}
	l, r := 0, 0
	cells, n := g.cells[q.col:], g.nCols
	for _, e := range rows {
		left := int(goes[cells[int(e)*n]])
		rows[l], g.spare[r] = e, e
		l += left
		r += 1 - left
	}
	copy(rows[l:], g.spare[:r])
	return l
}

func (g *thicket) addLeaf(rows []int32) int32 {
	t := &g.tree
	n, at := int64(0), len(t.sum)
	t.sum = append(t.sum, make([]int64, g.k)...)
	for _, e := range rows {
		times := int64(g.times[e])
		n += times
		switch {
		case g.class == nil:
			t.sum[at] += times * g.amount[e]
		case g.k == 1:
			t.sum[at] += times * int64(g.class[e])
		default:
			t.sum[at+int(g.class[e])] += times
		}
	}
	t.draws = append(t.draws, n)
	return int32(len(t.draws) - 1)
}

// take returns a copy of the tree just grown that is no longer than it must be.
func (g *thicket) take() sapling {
	return sapling{g.rank, append([]branch(nil), g.tree.branches...), append([]int64(nil), g.tree.draws...), append([]int64(nil), g.tree.sum...)}
}

// leafOf returns the leaf of an entry in the tree that g has just grown.
func (t *sapling) leafOf(g *thicket, e int32) int {
	if len(t.branches) == 0 {
		return 0
	}
	cells := g.cells[int(e)*g.nCols:][:g.nCols]
	for at := int32(0); ; {
		q := &t.branches[at]
		cell := cells[q.col]
		left := cell <= q.cut
		if cell == g.cuts[q.col].MissingBin() {
			left = q.missingLeft
		}
		if at = q.right; left {
			at = q.left
		}
		if at < 0 {
			return int(^at)
		}
	}
}

// sums returns draws and sums of all branches, from those of their leaves.
func (t *sapling) sums(k int) (draws, sum []int64) {
	draws, sum = make([]int64, len(t.branches)), make([]int64, len(t.branches)*k)
	for i := len(t.branches) - 1; i >= 0; i-- {
		for _, kid := range [2]int32{t.branches[i].left, t.branches[i].right} {
			d, s := t.draws, t.sum
			if kid < 0 {
				kid = ^kid
			} else {
				d, s = draws, sum
			}
			draws[i] += d[kid]
			for c := range k {
				sum[i*k+c] += s[int(kid)*k+c]
			}
		}
	}
	return draws, sum
}

// estimates returns what each leaf says (leaves × k): a node's estimate is (Σ + m·v)/(draws + m), v being its parent's and m the
// smoothing; the root's parent is the mean of all rows.
func (t *sapling) estimates(b *bag, smoothing float64, dst []float64) []float64 {
	k := b.k
	unit := 1.0
	if b.class == nil {
		unit = 1 / b.yUnit
	}
	draws, sum := t.sums(k)
	above := make([]float64, len(t.branches)*k)
	if len(dst) < len(t.sum) {
		dst = make([]float64, len(t.sum))
	}
	estimate := func(dst []float64, draws int64, sum []int64, parent []float64) {
		for c := range dst {
			dst[c] = (float64(sum[c])*unit + smoothing*parent[c]) / (float64(draws) + smoothing)
		}
	}
	if len(t.branches) == 0 {
		estimate(dst[:k], t.draws[0], t.sum, b.prior)
		return dst
	}
	estimate(above[:k], draws[0], sum[:k], b.prior)
	for i := range t.branches {
		parent := above[i*k : i*k+k]
		for _, kid := range [2]int32{t.branches[i].left, t.branches[i].right} {
			if j := int(^kid); kid < 0 {
				estimate(dst[j*k:j*k+k], t.draws[j], t.sum[j*k:j*k+k], parent)
			} else {
				j := int(kid)
				estimate(above[j*k:j*k+k], draws[j], sum[j*k:j*k+k], parent)
			}
		}
	}
	return dst
}

// plant returns the tree as treekit's, its leaves multiplied by scale.
func (t *sapling) plant(b *bag, smoothing, scale float64) treekit.Tree {
	out := treekit.Tree{Width: b.k, Nodes: make([]treekit.Node, len(t.branches)), Leaf: t.estimates(b, smoothing, nil), Cover: make([]float64, len(t.draws))}
	kernel.Scale(scale, out.Leaf)
	for i, n := range t.draws {
		out.Cover[i] = float64(n)
	}
	draws, _ := t.sums(b.k)
	type cutOf struct {
		col int32
		cut uint8
	}
	sets := map[cutOf]int32{}
	for i, q := range t.branches {
		n := treekit.Node{Col: q.col, Set: -1, MissingLeft: q.missingLeft, Left: q.left, Right: q.right, Gain: float64(q.gain), Cover: float64(draws[i])}
		cut := &b.cuts[q.col]
		switch {
		case cut.IsCategory():
			at, ok := sets[cutOf{q.col, q.cut}]
			if !ok {
				var s treekit.Set
				for bin, rank := range t.rank[q.col][:cut.NBins] {
					if rank <= q.cut {
						s.Add(uint8(bin))
					}
				}
				at = int32(len(out.Sets))
				out.Sets = append(out.Sets, s)
				sets[cutOf{q.col, q.cut}] = at
			}
			n.Set = at
		case int(q.cut) < len(cut.Upper):
			n.Threshold = cut.Upper[q.cut]
		default:
			n.Threshold = math.Inf(1) // every number goes left: only missing values do not
		}
		out.Nodes[i] = n
	}
	return out
}
