package gbdt

import (
	"context"
	"fmt"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// booster adds trees until there are enough or nothing is gained any more.
type booster struct {
	ctx       context.Context
	l         Learner
	bins      *treekit.Bins
	w         []float64
	kind      weightKind
	objective objective
	grower    *grower

	score       [][]float64 // per output and row
	derivatives []derivative
	train       []int32 // rows that trees are grown on; nil: all rows of the table
	heldOut     []int32
	hash        []uint64 // per row, if rows are sampled

	trees []boosted
	ends  []int // trees after each round
	notes []string
}

// boosted is a tree with its leaf values.
type boosted struct {
	out    int
	tree   *grown
	values []float64
}

func newBooster(ctx context.Context, l Learner, y model.Outcome, w []float64, bins *treekit.Bins, inputs *table.Table) *booster {
	b := &booster{
		ctx: ctx, l: l, bins: bins, w: w, kind: kindOf(w), objective: objectiveOf(y, w), derivatives: make([]derivative, len(y.Y)),
	}
	b.grower = newGrower(ctx, l, bins, &b.kind)
	if l.RowShare < 1 || l.Patience > 0 {
		b.hash = model.RowHash(inputs, l.Seed)
	}
	b.chooseRows()
	return b
}

// What random numbers are for; each draws from a stream of its own.
var (
	forHeldOut = kernel.ID("gbdt: rows held out")
	forRows    = kernel.ID("gbdt: rows of a tree")
	forColumns = kernel.ID("gbdt: columns of a tree")
)

// drawn tells whether a row is in a sample of the given share. It depends on the row's values only, so that equal rows
// stay together and the order of rows does not matter.
func (b *booster) drawn(row int, stream uint64, share float64) bool {
	return float64(kernel.Mix(b.hash[row]^stream)>>11) < share*(1<<53)
}

// chooseRows leaves out rows without weight and those held out.
func (b *booster) chooseRows() {
	n := b.bins.NRows
	whole := b.l.Patience == 0
	for i := 0; i < n && whole; i++ {
		whole = b.w == nil || b.w[i] > 0
	}
	if whole {
		return
	}
	b.train = make([]int32, 0, n)
	for i := range n {
		switch {
		case b.w != nil && b.w[i] == 0:
		case b.l.Patience > 0 && b.drawn(i, forHeldOut, b.l.HeldOut):
			b.heldOut = append(b.heldOut, int32(i))
		default:
			b.train = append(b.train, int32(i))
		}
	}
	if b.l.Patience > 0 && (len(b.heldOut) == 0 || len(b.train) == 0) {
		b.notes = append(b.notes, "too few different rows to hold some out: all trees grown")
		b.train, b.heldOut = append(b.train, b.heldOut...), nil
	}
}

func (b *booster) run() error {
	for _, v := range b.objective.base() {
		s := make([]float64, b.bins.NRows)
		for i := range s {
			s[i] = v
		}
		b.score = append(b.score, s)
	}
	if b.bins.NCols == 0 {
		return b.ctx.Err()
	}
	best, bestRound := math.Inf(1), -1
	if b.heldOut != nil {
		best = b.heldOutLoss()
	}
	for round := range b.l.Trees {
		kernel.Parallel(b.bins.NRows, b.l.Threads, rowGrain, func(lo, hi int) { b.objective.prepare(lo, hi, b.score) })
		before := len(b.trees)
		for k := range b.score {
			if err := b.addTree(round, k); err != nil {
				return err
			}
		}
		b.ends = append(b.ends, len(b.trees))
		if len(b.trees) == before && b.l.RowShare == 1 && b.l.ColumnShare == 1 {
			b.notes = append(b.notes, fmt.Sprintf("growing ended after %d of %d rounds: no question gains anything", round, b.l.Trees))
			break
		}
		if b.heldOut == nil {
			continue
		}
		if loss := b.heldOutLoss(); loss < best {
			best, bestRound = loss, round
		} else if round-bestRound >= b.l.Patience {
			break
		}
	}
	if b.heldOut != nil {
		keep := 0
		if bestRound >= 0 {
			keep = b.ends[bestRound]
		}
		b.trees = b.trees[:keep]
		b.notes = append(b.notes, fmt.Sprintf("%d rounds lower the loss on held-out rows", bestRound+1))
	}
	return nil
}

// heldOutLoss returns the mean loss of the rows held out.
func (b *booster) heldOutLoss() float64 {
	weight := func(i int) float64 {
		if b.w == nil {
			return 1
		}
		return b.w[b.heldOut[i]]
	}
	total := exactSum(len(b.heldOut), weight)
	return exactSum(len(b.heldOut), func(i int) float64 {
		return weight(i) * b.objective.loss(int(b.heldOut[i]), b.score)
	}) / total
}

// addTree grows a tree for output k and adds it to the scores. A tree without questions is not kept.
func (b *booster) addTree(round, k int) error {
	n := b.bins.NRows
	e := kernel.Reduce(n, b.l.Threads, rowGrain, func(lo, hi int) extent {
		b.objective.gradient(k, lo, hi, b.score, b.derivatives)
		return extentOf(b.derivatives, b.kind, lo, hi)
	}, extent.join)
	f := quantise(b.derivatives, e, b.kind, b.grower.gh, b.l.Threads)
	rows, all := b.sampleRows(round)
	if rows == 0 {
		return nil
	}
	b.sampleColumns(round, k)
	r := b.l.rulesOf(f, b.objective.unit())
	grow := b.grower.grow
	if b.l.Symmetric {
		grow = b.grower.growSymmetric
	}
	tree, err := grow(rows, all, f, r)
	if err != nil || len(tree.nodes) == 0 {
		return err
	}
	t := boosted{out: k, tree: tree, values: make([]float64, len(tree.leaves))}
	for i := range tree.leaves {
		v := &tree.leaves[i].value
		t.values[i] = -b.l.Rate * (v.g / (v.h + v.l2)) * (f.gUnit / f.hUnit)
	}
	b.trees = append(b.trees, t)
	b.addScores(t, round, rows)
	return nil
}

// sampleRows lists the rows of a tree in the grower and returns how many they are, and whether they are all of the table.
func (b *booster) sampleRows(round int) (n int, all bool) {
	rows := b.grower.rows
	if b.l.RowShare == 1 {
		if b.train != nil {
			return copy(rows, b.train), false
		}
		kernel.Parallel(len(rows), b.l.Threads, rowGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				rows[i] = int32(i)
			}
		})
		return len(rows), true
	}
	stream := kernel.Mix(forRows + uint64(round))
	if b.train == nil {
		for i := range rows {
			if b.drawn(i, stream, b.l.RowShare) {
				rows[n] = int32(i)
				n++
			}
		}
		return n, false
	}
	for _, i := range b.train {
		if b.drawn(int(i), stream, b.l.RowShare) {
			rows[n] = i
			n++
		}
	}
	return n, false
}

func (b *booster) sampleColumns(round, k int) {
	n := b.bins.NCols
	take := n
	if b.l.ColumnShare < 1 {
		take = max(1, int(math.Round(b.l.ColumnShare*float64(n))))
	}
	b.grower.columns = b.grower.columns[:0]
	for _, c := range kernel.NewStream(b.l.Seed, forColumns, uint64(round), uint64(k)).Sample(n, take) {
		b.grower.columns = append(b.grower.columns, int(c))
	}
}

// addScores adds the tree to the score of every row: by leaf for those it was grown on, by its questions for others.
func (b *booster) addScores(t boosted, round, grownOn int) {
	score, rows := b.score[t.out], b.grower.rows
	kernel.Parallel(len(t.tree.leaves), b.l.Threads, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			v := t.values[i]
			for _, r := range rows[t.tree.leaves[i].lo:t.tree.leaves[i].hi] {
				score[r] += v
			}
		}
	})
	if grownOn == len(rows) {
		return
	}
	if b.l.RowShare < 1 {
		stream := kernel.Mix(forRows + uint64(round))
		b.addOthers(t, b.train, b.bins.NRows, func(i int) bool { return !b.drawn(i, stream, b.l.RowShare) })
	}
	b.addOthers(t, b.heldOut, len(b.heldOut), func(int) bool { return true })
}

// addOthers adds the tree to rows it was not grown on: those of the first n listed (nil: of the table) that wanted picks.
func (b *booster) addOthers(t boosted, list []int32, n int, wanted func(row int) bool) {
	if list != nil {
		n = len(list)
	}
	score := b.score[t.out]
	kernel.Parallel(n, b.l.Threads, rowGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := i
			if list != nil {
				row = int(list[i])
			}
			if wanted(row) {
				score[row] += t.values[t.tree.leafOf(b.bins, row)]
			}
		}
	})
}

// leafOf walks the questions in terms of bins.
func (t *grown) leafOf(bins *treekit.Bins, row int) int32 {
	for k := int32(0); ; {
		n := &t.nodes[k]
		bin := 0
		if n.split.wide != nil {
			bin = int(bins.Wide[n.split.col][row])
		} else {
			bin = int(bins.Cols[n.split.col][row])
		}
		if n.split.goesLeft(bin) {
			k = n.left
		} else {
			k = n.right
		}
		if k < 0 {
			return ^k
		}
	}
}

// ensemble writes the trees in terms of values; used has the index of each binned column among all.
func (b *booster) ensemble(cuts []treekit.Cut, used []int) *treekit.Ensemble {
	unit := b.objective.unit()
	base := b.objective.base()
	for k := range base {
		base[k] *= unit
	}
	e := treekit.NewEnsemble(cuts, base)
	for _, t := range b.trees {
		tree := treekit.Tree{Out: t.out, Width: 1}
		for _, n := range t.tree.nodes {
			s := &n.split
			node := treekit.Node{
				Col: int32(used[s.col]), Set: -1, MissingLeft: s.missingLeft, Left: n.left, Right: n.right, Gain: n.gain, Cover: n.cover,
			}
			switch upper := b.bins.Cuts[s.col].Upper; {
			case s.wide != nil:
				node.Set = int32(len(tree.WideSets))
				tree.WideSets = append(tree.WideSets, s.wide)
			case s.isSet:
				node.Set = int32(len(tree.Sets))
				tree.Sets = append(tree.Sets, s.left)
			case s.bin < len(upper):
				node.Threshold = upper[s.bin]
			default:
				node.Threshold = math.Inf(1) // every value goes left, only missing ones right
			}
			tree.Nodes = append(tree.Nodes, node)
		}
		for i, l := range t.tree.leaves {
			tree.Leaf = append(tree.Leaf, t.values[i]*unit)
			tree.Cover = append(tree.Cover, l.weight)
		}
		e.Trees = append(e.Trees, tree)
	}
	return e
}
