package additive

import (
	"cmp"
	"math"
	"slices"

	"kequn/internal/kernel"
)

// coarse says how the cells of a column become steps of a grid: step 0 is for missing values, then follow the numbers in
// order, or the levels in the order of their shape.
type coarse struct {
	of [][]uint8 // of[used column][cell]
	n  []int     // steps
}

// ownPairsRows is up to how many rows a bag's own choice of pairs differs from that of all.
const ownPairsRows = 20_000

// nPairs returns how many pairs are looked for.
func (b *booster) nPairs() int {
	p := len(b.used)
	n := b.l.Pairs
	if n == 0 {
		n = min(3*p, 100)
	}
	if b.objective.outputs() > 1 {
		return 0
	}
	return min(n, p*(p-1)/2)
}

// addPairs finds the pairs and boosts them. How long is found out first, where it makes a difference, with pairs that every
// bag has chosen by itself: pairs that all rows have chosen look good on any rows, held out or not.
func (b *booster) addPairs(n int) error {
	for _, g := range b.bags {
		g.best = nil
	}
	b.coarse = b.coarsen()
	var took course
	if b.rows.n <= ownPairsRows && b.heldOut() > 0 {
		var err error
		took, err = b.boost(func(g *bag) *stage { return b.pairStage(b.detect(n, g), 1) }, course{})
		if err != nil || took == (course{}) {
			return err
		}
		for _, g := range b.bags {
			g.best = nil
		}
		b.each(func(g *bag, _ int) { b.rescore(g) })
	}
	found := b.detect(n, nil)
	if len(found) == 0 || b.ctx.Err() != nil {
		return b.ctx.Err()
	}
	b.pairs = b.pairStage(found, b.threads)
	if _, err := b.boost(func(*bag) *stage { return b.pairs }, took); err != nil {
		return err
	}
	b.keep()
	return nil
}

func (b *booster) pairStage(found []term, threads int) *stage {
	return newStage(found, pairCells, b.rows, threads, func(t int, out []uint16) {
		p := found[t]
		ca, cb := b.bins.Cols[b.used[p.a]], b.bins.Cols[b.used[p.b]]
		oa, ob := b.coarse.of[p.a], b.coarse.of[p.b]
		for i, row := range b.rows.source {
			out[i] = uint16(int(oa[ca[row]])*p.nb + int(ob[cb[row]]))
		}
	})
}

// coarsen groups cells into steps of about equal weight.
func (b *booster) coarsen() *coarse {
	c := &coarse{of: make([][]uint8, len(b.used)), n: make([]int, len(b.used))}
	// A grid of about four rows a cell: finer ones of few rows cost time and say nothing more.
	most := min(b.l.PairBins, max(8, int(math.Sqrt(b.rows.total/4))))
	for u := range b.used {
		cut := b.columns.terms[u].cut
		weight := b.columns.weights(u, -1, b.rows.unit)[:cut.NBins]
		order := make([]int, cut.NBins)
		for i := range order {
			order[i] = i
		}
		if cut.IsCategory() {
			shape := make([]float64, cut.NBins)
			for _, g := range b.bags {
				for i := range shape {
					shape[i] += g.fits[0][u][0][i]
				}
			}
			slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(shape[x], shape[y]) })
		}
		c.of[u] = make([]uint8, cut.Cells())
		steps, rest := most, 0.0
		for _, w := range weight {
			rest += w
		}
		step, in := 1, 0.0
		for i, cell := range order {
			c.of[u][cell] = uint8(step)
			in += weight[cell]
			left := len(order) - 1 - i
			if left == 0 {
				break
			}
			if left <= steps-step || in >= rest/float64(steps-step+1) {
				if step < steps {
					step++
					rest -= in
					in = 0
				}
			}
		}
		c.n[u] = step + 1
	}
	return c
}

// detect returns the n pairs of columns that differ most from a sum of their two. A pair is judged on rows that the scores
// have not seen: cut both columns once, take what is left of the gradient in the four quarters, and test
//
//	(r₁₁ − r₁₂ − r₂₁ + r₂₂)² / (1/h₁₁ + 1/h₁₂ + 1/h₂₁ + 1/h₂₂)     r = Σg/Σh of a quarter
//
// which is χ² with one degree of freedom if the two only add up. The best of all cuts counts.
func (b *booster) detect(n int, own *bag) []term {
	rows := b.heldOut()
	score := [][]float32{make([]float32, rows)}
	for _, g := range b.bags {
		lo, hi := b.rows.from[g.part], b.rows.from[g.part+1]
		copy(score[0][lo:hi], g.score[0][lo:hi])
	}
	if own != nil {
		copy(score[0], own.score[0][:rows])
	}
	gh := make([]int64, rows)
	b.objective.gradient(0, rows, score, [][]int64{gh})
	if own != nil {
		clear(gh[b.rows.from[own.part]:b.rows.from[own.part+1]])
	}
	steps := make([][]uint8, len(b.used))
	threads := b.threads
	if own != nil {
		threads = 1
	}
	kernel.Parallel(len(b.used), threads, 1, func(lo, hi int) {
		for u := lo; u < hi; u++ {
			steps[u] = make([]uint8, rows)
			col, of := b.bins.Cols[b.used[u]], b.coarse.of[u]
			for i, row := range b.rows.source[:rows] {
				steps[u][i] = of[col[row]]
			}
		}
	})
	var pairs []term
	for x := range b.used {
		for y := x + 1; y < len(b.used); y++ {
			pairs = append(pairs, term{a: x, b: y, cells: b.coarse.n[x] * b.coarse.n[y], na: b.coarse.n[x], nb: b.coarse.n[y]})
		}
	}
	strength := make([]float64, len(pairs))
	kernel.Parallel(len(pairs), threads, 4, func(lo, hi int) {
		d := newDetector(b)
		for i := lo; i < hi && b.ctx.Err() == nil; i++ {
			strength[i] = d.strength(pairs[i], steps, gh)
		}
	})
	order := make([]int, len(pairs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(strength[y], strength[x]) })
	var out []term
	for _, i := range order[:min(n, len(order))] {
		if strength[i] > 0 {
			out = append(out, pairs[i])
		}
	}
	return out
}

// detector is scratch memory for judging pairs.
type detector struct {
	b          *booster
	hist, g, h []int64
	w          []uint64
	cg, ch, cw []float64
}

func newDetector(b *booster) *detector {
	d := &detector{b: b, hist: make([]int64, pairCells), g: make([]int64, pairCells), h: make([]int64, pairCells), w: make([]uint64, pairCells)}
	d.cg, d.ch, d.cw = make([]float64, pairCells), make([]float64, pairCells), make([]float64, pairCells)
	return d
}

func (d *detector) strength(p term, steps [][]uint8, gh []int64) float64 {
	clear(d.g)
	clear(d.h)
	clear(d.w)
	pour := d.b.rows.pourRows()
	for from := 0; from < len(gh); from += pour {
		to := min(from+pour, len(gh))
		sa, sb := steps[p.a][from:to], steps[p.b][from:to]
		clear(d.hist)
		for i, v := range gh[from:to] {
			d.hist[(int(sa[i])*p.nb+int(sb[i]))&1023] += v
		}
		if d.b.rows.units == nil {
			for i := range sa {
				d.w[(int(sa[i])*p.nb+int(sb[i]))&1023]++
			}
		} else {
			for i := range sa {
				d.w[(int(sa[i])*p.nb+int(sb[i]))&1023] += d.b.rows.units[from+i]
			}
		}
		for c, v := range d.hist {
			g, h := d.b.objective.split(v)
			d.g[c] += g
			d.h[c] += h
		}
	}
	gUnit, hUnit := d.b.objective.scale()
	// Running sums over both columns: at (i, j) all cells with lower steps.
	for i := range p.na {
		var g, h, w float64
		for j := range p.nb {
			c := i*p.nb + j
			weight := float64(d.w[c]) * d.b.rows.unit
			g += float64(d.g[c]) * gUnit
			w += weight
			if hUnit == 0 {
				h += weight
			} else {
				h += float64(d.h[c]) * hUnit
			}
			d.cg[c], d.ch[c], d.cw[c] = g, h, w
			if i > 0 {
				d.cg[c] += d.cg[c-p.nb]
				d.ch[c] += d.ch[c-p.nb]
				d.cw[c] += d.cw[c-p.nb]
			}
		}
	}
	best := 0.0
	last := (p.na - 1) * p.nb
	end := last + p.nb - 1
	least := max(d.b.l.MinRows, 4)
	for i := range p.na - 1 {
		right := i*p.nb + p.nb - 1
		for j := range p.nb - 1 {
			c, low := i*p.nb+j, last+j
			w1, w2, w3 := d.cw[c], d.cw[right]-d.cw[c], d.cw[low]-d.cw[c]
			w4 := d.cw[end] - w1 - w2 - w3
			if min(w1, w2, w3, w4) < least {
				continue
			}
			h1, h2, h3 := d.ch[c], d.ch[right]-d.ch[c], d.ch[low]-d.ch[c]
			h4 := d.ch[end] - h1 - h2 - h3
			if !(min(h1, h2, h3, h4) > 0) {
				continue
			}
			g1, g2, g3 := d.cg[c], d.cg[right]-d.cg[c], d.cg[low]-d.cg[c]
			g4 := d.cg[end] - g1 - g2 - g3
			r := g1/h1 - g2/h2 - g3/h3 + g4/h4
			if v := r * r / (1/h1 + 1/h2 + 1/h3 + 1/h4); v > best {
				best = v
			}
		}
	}
	return best
}
