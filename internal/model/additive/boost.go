package additive

import (
	"context"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/treekit"
)

// booster fits the bags, all at the same sweep, and stops them together: the rows that a bag holds out tell for each sweep
// how well it does, and the sum over all bags has far less noise than one bag's.
type booster struct {
	ctx       context.Context
	l         Learner
	threads   int
	bins      *treekit.Bins
	used      []int
	rows      *rows
	objective objective
	bags      []*bag
	byRows    bool // threads share the rows of a bag, not the bags
	counters  []*counter
	steppers  []*stepper

	columns *stage
	pairs   *stage
	coarse  *coarse
	notes   []string
}

// bag is one of the models that are averaged.
type bag struct {
	part    int // held out
	score   [][]float32
	up      [][]float32 // per output: the last updates of a block
	pending *block      // whose updates the training rows have not seen yet

	stage *stage
	shape [][][]float64   // shape[term][output][cell], of the stage under way
	best  [][][]float64   // the same at the best sweep so far
	start [][][]float64   // the same when the doubt was last changed
	fits  [][][][]float64 // best, of every stage so far

	weight [][]float64 // of training rows, per term and cell
}

// Few rows are averaged over many bags, many rows over few: what averaging gains falls with the rows, what a bag costs grows.
//
//	rows up to   50,000   500,000   more
//	bags              8         4      2
func bagsFor(rows int) int {
	switch {
	case rows <= 50_000:
		return 8
	case rows <= 500_000:
		return 4
	}
	return 2
}

const (
	fewestParts = 8    // a bag holds out an eighth of the rows or less
	stride      = 5    // sweeps between two looks at the rows held out
	tolerance   = 5e-5 // a lower loss by less, relative, is taken but not waited for

	worthwhile = 1e-3 // going on with another doubt must lower the loss by this, relative: the least of many sweeps is lower by chance

	// Steps grow as a stage goes on: the first sweeps are where little data stops, and many sweeps are needed only where
	// much data bears large steps. Above mostRate, 8 equal columns of a block would together go too far (8·¼ = 2).
	rateGrowth = 1.1 // per stride
	mostRate   = 0.24
	pairRate   = 0.4 // of the rate of columns: there are more pairs, and more noise in them
	pairRows   = 2   // times MinRows are in a quarter at least
)

// A step is shortened to 1 − doubt·noise/gain of its length, to none where that is negative: of a gain as much is left as noise
// does not explain (James and Stein's estimator). That keeps noise out while a stage begins; then all is taken that helps the
// rows held out, for what is narrow has little gain at any one border; in the end only what stands out goes on.
var columnDoubts, pairDoubts = [3]float64{1, 0, 2}, [3]float64{0.7, 0, 2}

func newBooster(ctx context.Context, l Learner, hash []uint64, bins *treekit.Bins, y model.Outcome, w []float64, used []int) *booster {
	n := 0
	for i := range y.Y {
		if w == nil || w[i] > 0 {
			n++
		}
	}
	if l.Bags == 0 {
		l.Bags = bagsFor(n)
	}
	b := &booster{ctx: ctx, l: l, threads: kernel.Threads(l.Threads), bins: bins, used: used}
	b.rows = sortRows(hash, y.Y, w, n, max(l.Bags, fewestParts))
	b.objective = objectiveOf(y, b.rows)
	b.byRows = n >= 100_000
	for range b.threads {
		b.counters = append(b.counters, newCounter(b.objective.outputs(), b.rows.pourRows()))
		b.steppers = append(b.steppers, newStepper(l))
	}
	return b
}

func (b *booster) run() error {
	for i := range b.l.Bags {
		g := &bag{part: i}
		for _, v := range b.objective.base() {
			s := make([]float32, b.rows.n)
			for j := range s {
				s[j] = float32(v)
			}
			g.score = append(g.score, s)
			g.up = append(g.up, make([]float32, blockRoom))
		}
		b.bags = append(b.bags, g)
	}
	b.columns = columnStage(b.bins, b.used, b.rows, b.threads)
	if len(b.used) == 0 {
		return b.ctx.Err()
	}
	if _, err := b.boost(func(*bag) *stage { return b.columns }, course{}); err != nil {
		return err
	}
	b.keep()
	if n := b.nPairs(); n > 0 {
		return b.addPairs(n)
	}
	return nil
}

// course says for how many sweeps a stage is boosted with each of its doubts.
type course [3]int

// boost runs sweeps over the stage's terms until the loss of the rows held out falls no more, first over all terms and then
// over those that stand out from noise, and leaves every bag as it was when the loss was least. A course that is given is
// followed without a look at that loss.
func (b *booster) boost(stageOf func(*bag) *stage, given course) (course, error) {
	outputs := b.objective.outputs()
	losses := make([]int64, len(b.bags))
	b.each(func(g *bag, _ int) {
		g.stage = stageOf(g)
		g.shape, g.best, g.start = newShapes(g.stage, outputs), newShapes(g.stage, outputs), newShapes(g.stage, outputs)
		g.weight = make([][]float64, len(g.stage.terms))
		for t := range g.weight {
			g.weight[t] = g.stage.weights(t, g.part, b.rows.unit)
		}
		g.pending = nil
		losses[g.part] = b.loss(g)
	})
	follow := given != course{}
	if !follow {
		given = course{b.l.Sweeps, b.l.Sweeps, b.l.Sweeps}
		if b.heldOut() == 0 {
			given = course{min(b.l.Patience, b.l.Sweeps)}
			follow = true
		}
	}
	rate, doubts := b.l.Rate, columnDoubts
	if b.bags[0].stage.cells == pairCells {
		rate, doubts = rate*pairRate, pairDoubts
	}
	best := sum(losses)
	phase := func(sweeps int, doubt, worth float64) (bestSweep int, err error) {
		start, last := best, 0 // sweep of the last gain that is worth the time
		for _, g := range b.bags {
			copyShapes(g.start, g.best)
		}
		for sweep := 0; sweep < sweeps && (follow || sweep-last < b.l.Patience); {
			n := min(stride, sweeps-sweep)
			noise := doubt * b.noise(sum(losses))
			b.each(func(g *bag, worker int) {
				st := b.steppers[worker]
				st.rate, st.noise, st.minRows = rate, noise, b.l.MinRows
				if g.stage.cells == pairCells {
					st.minRows *= pairRows
				}
				for range n {
					b.sweep(g, worker)
				}
				losses[g.part] = b.loss(g)
			})
			if err := b.ctx.Err(); err != nil {
				return 0, err
			}
			sweep += n
			rate = min(mostRate, rate*rateGrowth)
			if loss := sum(losses); loss < best || follow {
				if float64(best-loss) > tolerance*float64(best) {
					last = sweep
				}
				best, bestSweep = loss, sweep
				for _, g := range b.bags {
					copyShapes(g.best, g.shape)
				}
			}
		}
		if !follow && float64(start-best) < worth*float64(start) {
			best, bestSweep = start, 0
			for _, g := range b.bags {
				copyShapes(g.best, g.start)
			}
		}
		b.each(func(g *bag, _ int) {
			copyShapes(g.shape, g.best)
			b.rescore(g)
		})
		return bestSweep, b.ctx.Err()
	}
	var took course
	for i, sweeps := range given {
		worth := 0.0
		if i > 0 {
			worth = worthwhile
		}
		var err error
		if took[i], err = phase(sweeps, doubts[i], worth); err != nil {
			return took, err
		}
	}
	return took, nil
}

// noise returns the mean gain of a tree of two leaves where there is nothing to find. As gains are twice the logarithm of a
// likelihood ratio, it is 1, but for squares, whose unit is the variance of what is left: that of the rows held out.
func (b *booster) noise(loss int64) float64 {
	if _, ok := b.objective.(*squares); !ok {
		return 1
	}
	weight := 0.0
	for i := range b.heldOut() {
		weight += b.rows.weight(i)
	}
	if b.rows.share != nil {
		weight /= b.rows.most
	}
	if weight == 0 {
		return 1
	}
	return float64(loss) * lossUnit / squareLoss / weight
}

// keep makes the stage under way one of the model's.
func (b *booster) keep() {
	for _, g := range b.bags {
		g.fits = append(g.fits, g.best)
	}
}

func sum(v []int64) (total int64) {
	for _, x := range v {
		total += x
	}
	return total
}

// heldOut returns how many rows some bag holds out.
func (b *booster) heldOut() int { return b.rows.from[len(b.bags)] }

// each calls f for every bag: side by side, or one after the other where threads share a bag's rows.
func (b *booster) each(f func(g *bag, worker int)) {
	if b.byRows {
		for _, g := range b.bags {
			f(g, 0)
		}
		return
	}
	kernel.Workers(len(b.bags), b.threads, 1, func(worker, i, _, _ int) { f(b.bags[i], worker) })
}

// sweep takes one step for every term.
func (b *booster) sweep(g *bag, worker int) {
	s := g.stage
	for i := range s.blocks {
		if b.ctx.Err() != nil {
			return
		}
		next := &s.blocks[i]
		c := b.count(g, s, next, worker)
		b.step(g, s, next, c, worker)
		g.pending = next
		lo, hi := b.rows.from[g.part], b.rows.from[g.part+1]
		s.update(next, g.up, g.score, lo, hi)
	}
}

// count brings the training rows up to date and adds up their gradients per cell of block next.
func (b *booster) count(g *bag, s *stage, next *block, worker int) *counter {
	lo, hi := b.rows.from[g.part], b.rows.from[g.part+1]
	if !b.byRows {
		c := b.counters[worker]
		c.clear(s, next)
		c.count(b.objective, s, g.pending, g.up, next, g.score, 0, lo)
		c.count(b.objective, s, g.pending, g.up, next, g.score, hi, b.rows.n)
		return c
	}
	for _, c := range b.counters {
		c.clear(s, next)
	}
	kernel.Workers(b.rows.n, b.threads, 8*pourRows, func(worker, _, from, to int) {
		c := b.counters[worker]
		c.count(b.objective, s, g.pending, g.up, next, g.score, from, min(to, max(lo, from)))
		c.count(b.objective, s, g.pending, g.up, next, g.score, max(from, min(hi, to)), to)
	})
	c := b.counters[0]
	for _, o := range b.counters[1:] {
		c.add(o, s, next)
	}
	return c
}

// step grows the trees of a block and adds them to the shapes.
func (b *booster) step(g *bag, s *stage, block *block, c *counter, worker int) {
	st := b.steppers[worker]
	gUnit, hUnit := b.objective.scale()
	for k := range g.up {
		for t := block.from; t < block.to; t++ {
			at := (t - block.from) * s.cells
			n := s.terms[t].cells
			st.w = g.weight[t]
			for i, v := range c.g[k][at : at+n] {
				st.g[i] = float64(v) * gUnit
			}
			if hUnit == 0 {
				copy(st.h, st.w)
			} else {
				for i, v := range c.h[k][at : at+n] {
					st.h[i] = float64(v) * hUnit
				}
			}
			up := g.up[k][at : at+n]
			if s.terms[t].cut != nil {
				st.column(s.terms[t].cut, up)
			} else {
				st.pair(s.terms[t].na, s.terms[t].nb, up)
			}
			for i, v := range up {
				g.shape[t][k][i] += float64(v)
			}
		}
		clear(g.up[k][(block.to-block.from)*s.cells:])
	}
}

// loss returns the loss of the rows that the bag holds out.
func (b *booster) loss(g *bag) int64 {
	return b.objective.loss(b.rows.from[g.part], b.rows.from[g.part+1], g.score)
}

// rescore sets the scores of all rows to those of the stages kept and the best of the one under way.
func (b *booster) rescore(g *bag) {
	g.pending = nil
	for k := range g.up {
		clear(g.up[k])
	}
	threads := 1
	if b.byRows {
		threads = b.threads
	}
	base := b.objective.base()
	kernel.Parallel(b.rows.n, threads, 8*pourRows, func(lo, hi int) {
		up := make([][]float32, len(base))
		for k, v := range base {
			up[k] = make([]float32, len(g.up[k]))
			for i := lo; i < hi; i++ {
				g.score[k][i] = float32(v)
			}
		}
		add := func(s *stage, shape [][][]float64) {
			for i := range s.blocks {
				block := &s.blocks[i]
				for k := range up {
					clear(up[k])
					for t := block.from; t < block.to; t++ {
						for c, v := range shape[t][k] {
							up[k][(t-block.from)*s.cells+c] = float32(v)
						}
					}
				}
				s.update(block, up, g.score, lo, hi)
			}
		}
		if len(g.fits) > 0 {
			add(b.columns, g.fits[0])
		}
		if g.best != nil {
			add(g.stage, g.best)
		}
	})
}

func newShapes(s *stage, outputs int) [][][]float64 {
	out := make([][][]float64, len(s.terms))
	for t := range out {
		out[t] = make([][]float64, outputs)
		for k := range out[t] {
			out[t][k] = make([]float64, s.terms[t].cells)
		}
	}
	return out
}

func copyShapes(to, from [][][]float64) {
	for t := range from {
		for k := range from[t] {
			copy(to[t][k], from[t][k])
		}
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
