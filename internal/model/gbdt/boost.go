package gbdt

import (
	"context"
	"fmt"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/model"
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

	derivatives []derivative
	hash        []uint64 // per row, if rows are sampled

	trees []boosted
	notes []string
}

// course is boosting on some of the rows. Several may run in turns: they share the booster's room.
type course struct {
	*booster
	score   [][]float64 // per output and row
	train   []int32     // rows that trees are grown on; nil: all rows of the table
	heldOut []int32
	losses  []float64 // of the rows held out

	trees []boosted
	ends  []int // trees after each round
	done  bool  // no question gains anything
}

// boosted is a tree with its leaf values.
type boosted struct {
	out    int
	tree   *grown
	values []float64
}

func newBooster(ctx context.Context, l Learner, y model.Outcome, w []float64, bins *treekit.Bins, hash []uint64) *booster {
	b := &booster{
		ctx: ctx, l: l, bins: bins, w: w, kind: kindOf(w), derivatives: make([]derivative, len(y.Y)), hash: hash,
	}
	b.objective = l.objectiveOf(y, &b.kind)
	b.grower = newGrower(ctx, l, bins, &b.kind)
	return b
}

// What random numbers are for; each draws from a stream of its own.
var (
	forHeldOut = kernel.ID("gbdt: rows held out")
	forRows    = kernel.ID("gbdt: rows of a tree")
	forColumns = kernel.ID("gbdt: columns of a tree")
)

// draw returns a number in [0, 1) for a row. It depends on the row's values, so that the order of rows does not matter and equal rows stay
// together unless the table has few others ([model.Spread]).
func (b *booster) draw(row int, stream uint64) float64 {
	return float64(kernel.Mix(b.hash[row]^stream)>>11) / (1 << 53)
}

// newCourse takes all rows with weight, less those held out: part k has the rows whose number is in [k, k+1)·HeldOut; -1 has none.
func (b *booster) newCourse(part int) *course {
	c := &course{booster: b}
	n := b.bins.NRows
	whole := part < 0
	for i := 0; i < n && whole; i++ {
		whole = b.w == nil || b.w[i] > 0
	}
	if !whole {
		c.train = make([]int32, 0, n)
		for i := range n {
			switch {
			case b.w != nil && b.w[i] == 0:
			case part >= 0 && int(b.draw(i, forHeldOut)/b.l.HeldOut) == part:
				c.heldOut = append(c.heldOut, int32(i))
			default:
				c.train = append(c.train, int32(i))
			}
		}
	}
	for _, v := range b.objective.base() {
		s := make([]float64, n)
		for i := range s {
			s[i] = v
		}
		c.score = append(c.score, s)
	}
	return c
}

func (b *booster) run() error {
	if b.bins.NCols == 0 {
		return b.ctx.Err()
	}
	rounds, stopped := b.l.Trees, false
	if b.l.Patience > 0 {
		best, chosen, err := b.listen()
		if err != nil {
			return err
		}
		if chosen != nil && !b.l.Refit {
			b.trees = chosen
			return nil
		}
		if chosen != nil {
			rounds, stopped = best, true
		}
	}
	all := b.newCourse(-1)
	for round := range rounds {
		if err := all.round(round); err != nil {
			return err
		}
		if all.done {
			if !stopped {
				b.notes = append(b.notes, fmt.Sprintf("growing ended after %d of %d rounds: no question gains anything", round, rounds))
			}
			break
		}
	}
	b.trees = all.trees
	return nil
}

// listen finds the number of rounds after which the loss on held-out rows is least. Each part of the rows that is held out
// has a course of its own on all others; their losses are added up. It also returns the trees of the first course up to
// there, nil if there are too few different rows to hold some out.
func (b *booster) listen() (rounds int, trees []boosted, err error) {
	var courses []*course
	for part := range b.parts() {
		if c := b.newCourse(part); len(c.heldOut) > 0 && len(c.train) > 0 {
			courses = append(courses, c)
		}
	}
	if len(courses) == 0 {
		b.notes = append(b.notes, "too few different rows to hold some out: all trees grown")
		return 0, nil, nil
	}
	lossOf := func() (sum float64) {
		for _, c := range courses {
			sum += c.heldOutLoss()
		}
		return sum
	}
	least := lossOf()
	for round := range b.l.Trees {
		done := true
		for _, c := range courses {
			if err := c.round(round); err != nil {
				return 0, nil, err
			}
			done = done && c.done
		}
		if loss := lossOf(); loss < least {
			least, rounds = loss, round+1
		} else if round+1-rounds >= b.l.Patience || done {
			break
		}
	}
	b.notes = append(b.notes, fmt.Sprintf("%d rounds lower the loss on held-out rows", rounds))
	first := courses[0]
	trees = []boosted{}
	if rounds > 0 {
		trees = first.trees[:first.ends[rounds-1]]
	}
	return rounds, trees, nil
}

// enoughHeldOut is how many rows are held out at least, together, if trees are then grown again on all rows. With fewer, the
// number of rounds is a matter of luck; every further part costs as much as the fit itself.
const enoughHeldOut = 1000

// parts returns how many parts of the rows are held out, each in its turn.
func (b *booster) parts() int {
	if !b.l.Refit {
		return 1
	}
	all := max(1, int(1/b.l.HeldOut+1e-9))
	return min(all, int(math.Ceil(enoughHeldOut/(b.l.HeldOut*weightOf(b.bins.NRows, b.w)))))
}

// round adds a tree for each output.
func (c *course) round(round int) error {
	if !c.done {
		kernel.Parallel(c.bins.NRows, c.l.Threads, rowGrain, func(lo, hi int) { c.objective.prepare(lo, hi, c.score) })
		before := len(c.trees)
		for k := range c.score {
			if err := c.addTree(round, k); err != nil {
				return err
			}
		}
		c.done = len(c.trees) == before && c.l.RowShare == 1 && c.l.ColumnShare == 1
	}
	c.ends = append(c.ends, len(c.trees))
	return nil
}

// heldOutLoss returns the summed loss of the rows held out.
func (c *course) heldOutLoss() float64 {
	if c.losses == nil {
		c.losses = make([]float64, len(c.heldOut))
	}
	kernel.Parallel(len(c.heldOut), c.l.Threads, rowGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := int(c.heldOut[i])
			c.losses[i] = c.objective.loss(row, c.score)
			if c.w != nil {
				c.losses[i] *= c.w[row]
			}
		}
	})
	return exactSum(len(c.losses), func(i int) float64 { return c.losses[i] })
}

// addTree grows a tree for output k and adds it to the scores. A tree without questions is not kept.
func (c *course) addTree(round, k int) error {
	n := c.bins.NRows
	e := kernel.Reduce(n, c.l.Threads, rowGrain, func(lo, hi int) extent {
		c.objective.gradient(k, lo, hi, c.score, c.derivatives)
		return extentOf(c.derivatives, c.kind, lo, hi)
	}, extent.join)
	f := quantise(c.derivatives, e, c.kind, c.grower.gh, c.l.Threads)
	rows, all := c.sampleRows(round)
	if rows == 0 {
		return nil
	}
	c.sampleColumns(round, k)
	r := c.l.rulesOf(f, c.objective.unit())
	grow := c.grower.grow
	if c.l.Symmetric {
		grow = c.grower.growSymmetric
	}
	tree, err := grow(rows, all, f, r)
	if err != nil || len(tree.nodes) == 0 {
		return err
	}
	t := boosted{out: k, tree: tree, values: make([]float64, len(tree.leaves))}
	if o, ok := c.objective.(leafwise); ok {
		kernel.Parallel(len(tree.leaves), c.l.Threads, 1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				v := &tree.leaves[i].value
				t.values[i] = c.l.Rate * o.rest(c.grower.rows[v.lo:v.hi], c.score[k])
			}
		})
	} else {
		for i := range tree.leaves {
			t.values[i] = c.l.Rate * tree.leaves[i].value.step * (f.gUnit / f.hUnit)
		}
	}
	c.trees = append(c.trees, t)
	c.addScores(t, round, rows)
	return nil
}

// sampleRows lists the rows of a tree in the grower and returns how many they are, and whether they are all of the table.
func (c *course) sampleRows(round int) (n int, all bool) {
	rows := c.grower.rows
	if c.l.RowShare == 1 {
		if c.train != nil {
			return copy(rows, c.train), false
		}
		kernel.Parallel(len(rows), c.l.Threads, rowGrain, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				rows[i] = int32(i)
			}
		})
		return len(rows), true
	}
	stream := kernel.Mix(forRows + uint64(round))
	if c.train == nil {
		for i := range rows {
			if c.draw(i, stream) < c.l.RowShare {
				rows[n] = int32(i)
				n++
			}
		}
		return n, false
	}
	for _, i := range c.train {
		if c.draw(int(i), stream) < c.l.RowShare {
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
func (c *course) addScores(t boosted, round, grownOn int) {
	score, rows := c.score[t.out], c.grower.rows
	kernel.Parallel(len(t.tree.leaves), c.l.Threads, 1, func(lo, hi int) {
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
	if c.l.RowShare < 1 {
		stream := kernel.Mix(forRows + uint64(round))
		c.addOthers(t, c.train, c.bins.NRows, func(i int) bool { return c.draw(i, stream) >= c.l.RowShare })
	}
	c.addOthers(t, c.heldOut, len(c.heldOut), func(int) bool { return true })
}

// addOthers adds the tree to rows it was not grown on: those of the first n listed (nil: of the table) that wanted picks.
func (c *course) addOthers(t boosted, list []int32, n int, wanted func(row int) bool) {
	if list != nil {
		n = len(list)
	}
	score := c.score[t.out]
	kernel.Parallel(n, c.l.Threads, rowGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := i
			if list != nil {
				row = int(list[i])
			}
			if wanted(row) {
				score[row] += t.values[t.tree.leafOf(c.grower, row)]
			}
		}
	})
}

// leafOf walks the questions in terms of bins.
func (t *grown) leafOf(g *grower, row int) int32 {
	for k := int32(0); ; {
		n := &t.nodes[k]
		col, bin := n.split.col, 0
		switch {
		case n.split.wide != nil:
			bin = int(g.bins.Wide[col][row])
		case g.packed[col].rows != nil:
			bin = g.packed[col].bin(g.packed[col].rows[row])
		default:
			bin = int(g.bins.Cols[col][row])
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
		base[k] = base[k]*unit + b.objective.shift()
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
