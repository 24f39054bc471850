package tree

import (
	"context"
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/treekit"
)

// term is a condition on bins: those in goes, the missing one among them, pass.
type term struct {
	col  int
	goes treekit.Set
}

// foundRule is a rule with what it takes of the rows that reach it, and what it leaves.
type foundRule struct {
	terms []term
	stat  []int64
	rest  []int64
	gain  float64 // how much the loss falls
	pass  []int64 // by set of terms: the weight of the rows that reach the rule and pass at least these
}

func (u *foundRule) fits(s *sample, r int32) bool {
	for i := range u.terms {
		if !u.terms[i].goes.Has(s.bins.Cols[u.terms[i].col][r]) {
			return false
		}
	}
	return true
}

// ruleFinder looks for rules.
type ruleFinder struct {
	*sample
	l     RuleList
	cols  []int
	all   []int64   // stats of all rows
	prior []float64 // their estimate
}

func newRuleFinder(s *sample, l RuleList) *ruleFinder {
	f := &ruleFinder{sample: s, l: l, cols: allColumns(s.bins), all: s.stats(s.rows)}
	f.prior = s.estimate(f.all, nil, 0)
	return f
}

const (
	beam        = 4    // beginnings that are lengthened
	longer      = 1.05 // how much better a rule with one condition more must be
	mostColumns = 12   // that a list asks: people lose track, and contributions are exact by trying all sets of them
)

// list learns up to nRules rules on the rows.
func (f *ruleFinder) list(ctx context.Context, rows []int32, focus float64, nRules int) ([]foundRule, error) {
	rest := slices.Clone(rows)
	stat := f.stats(rest)
	var out []foundRule
	used := map[int]bool{}
	for len(out) < nRules {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		cols := f.cols
		if len(used) >= mostColumns {
			cols = nil
			for _, c := range f.cols {
				if used[c] {
					cols = append(cols, c)
				}
			}
		}
		rule, ok := f.best(cols, mostColumns-len(used), used, rest, stat, focus)
		if !ok {
			break
		}
		for _, t := range rule.terms {
			used[t.col] = true
		}
		left := rest[:0]
		for _, r := range rest {
			if !rule.fits(f.sample, r) {
				left = append(left, r)
			}
		}
		rest = left
		stat = rule.rest
		out = append(out, rule)
	}
	return out, nil
}

// beginning is a rule that may be lengthened, with the rows that it takes.
type beginning struct {
	foundRule
	rows  []int32
	score float64
}

// best returns the best rule for the rows, of the columns; at most nNew of them may be ones not used before.
func (f *ruleFinder) best(cols []int, nNew int, used map[int]bool, rows []int32, stat []int64, focus float64) (best foundRule, ok bool) {
	whole := f.loss(stat)
	top := 0.0
	open := []beginning{{rows: rows}}
	for range f.l.MaxConditions {
		var next []beginning
		for _, o := range open {
			found := make([]beginning, len(cols))
			grain := 1
			if len(o.rows) < 5000 {
				grain = len(cols)
			}
			kernel.Parallel(len(cols), f.threads, grain, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					found[i] = f.lengthen(o, cols[i], stat, whole, focus)
				}
			})
			for _, b := range found {
				if b.score > 0 && newColumns(b.terms, used) <= nNew {
					next = append(next, b)
				}
			}
		}
		slices.SortStableFunc(next, func(a, b beginning) int {
			switch {
			case a.score > b.score:
				return -1
			case a.score < b.score:
				return 1
			}
			return 0
		})
		next = slices.CompactFunc(next, func(a, b beginning) bool { return slices.Equal(a.stat, b.stat) })
		open = next[:min(beam, len(next))]
		if len(open) == 0 {
			break
		}
		if open[0].score > top*longer {
			top, best, ok = open[0].score, open[0].foundRule, true
		}
		for i := range open {
			o := &open[i]
			last := o.terms[len(o.terms)-1]
			bin := f.bins.Cols[last.col]
			var taken []int32
			for _, r := range o.rows {
				if last.goes.Has(bin[r]) {
					taken = append(taken, r)
				}
			}
			o.rows = taken
		}
	}
	if !ok {
		return best, false
	}
	best.terms = merge(best.terms)
	best.rest = minus(stat, best.stat)
	return best, f.weightIn(best.rest) > 0
}

func newColumns(terms []term, used map[int]bool) int {
	n := 0
	for i, t := range terms {
		if !used[t.col] && !slices.ContainsFunc(terms[:i], func(u term) bool { return u.col == t.col }) {
			n++
		}
	}
	return n
}

// merge makes one term of those that ask the same column.
func merge(terms []term) []term {
	var out []term
	for _, t := range terms {
		i := slices.IndexFunc(out, func(u term) bool { return u.col == t.col })
		if i < 0 {
			out = append(out, t)
			continue
		}
		for w := range t.goes {
			out[i].goes[w] &= t.goes[w]
		}
	}
	return out
}

// lengthen returns the beginning with its best condition on the column. all are the stats of the rows that reach the rule.
func (f *ruleFinder) lengthen(o beginning, c int, all []int64, whole, focus float64) (best beginning) {
	cut, k := &f.bins.Cuts[c], f.nStats
	hist := make([]int64, cut.Cells()*k)
	bin := f.bins.Cols[c]
	if f.class != nil {
		for _, r := range o.rows {
			hist[int(bin[r])*k+int(f.class[r])] += f.sample.weight[r]
		}
	} else {
		for _, r := range o.rows {
			h := hist[int(bin[r])*2:][:2]
			h[0] += f.sample.weight[r]
			h[1] += f.moment[r]
		}
	}
	var order []int
	for b := range cut.NBins {
		if f.weightIn(hist[b*k:b*k+k]) > 0 {
			order = append(order, b)
		}
	}
	if cut.IsCategory() {
		(&finder{sample: f.sample}).sortLevels(order, hist, all)
	}
	none := hist[cut.NBins*k:]
	missing := f.weightIn(none) > 0
	known := make([]int64, k)
	for _, b := range order {
		for j := range known {
			known[j] += hist[b*k+j]
		}
	}
	low, taken, left := make([]int64, k), make([]int64, k), make([]int64, k)
	from, to, withMissing := 0, 0, false
	try := func(lo, hi int, suffix, withNone bool) {
		for j := range taken {
			taken[j] = low[j]
			if suffix {
				taken[j] = known[j] - low[j]
			}
			if withNone {
				taken[j] += none[j]
			}
			left[j] = all[j] - taken[j]
		}
		w := f.weightIn(taken)
		if w < f.l.MinRows || f.weightIn(left) <= 0 {
			return
		}
		gain := whole - f.loss(taken) - f.loss(left)
		if gain <= 1e-9*math.Abs(whole) {
			return
		}
		if score := gain / math.Pow(w, focus); score > best.score*edge {
			best.score, best.gain, best.stat = score, gain, append(best.stat[:0], taken...)
			from, to, withMissing = lo, hi, withNone
		}
	}
	for i := range len(order) + 1 {
		// The first i levels or bins in order, and the others.
		for _, withNone := range []bool{false, true} {
			if withNone && !missing {
				break
			}
			if i > 0 && (i < len(order) || missing && !withNone) {
				try(0, i, false, withNone)
			}
			if i < len(order) && (i > 0 || missing && !withNone) || i == len(order) && withNone {
				try(i, len(order), true, withNone)
			}
		}
		if i < len(order) {
			for j := range low {
				low[j] += hist[order[i]*k+j]
			}
		}
	}
	if best.score == 0 {
		return best
	}
	t := term{col: c}
	if cut.IsCategory() || from == to {
		for _, b := range order[from:to] {
			t.goes.Add(uint8(b))
		}
	} else {
		// A range reaches as far as no row contradicts it: half the way is not to be known here, so borders stay where they were seen.
		first, last := 0, cut.NBins-1
		if from > 0 {
			first = order[from-1] + 1
		}
		if to < len(order) {
			last = order[to-1]
		}
		for b := first; b <= last; b++ {
			t.goes.Add(uint8(b))
		}
	}
	// Where no training row is missing, missing values pass if most rows do.
	if withMissing || !cut.Missing && 2*f.weightIn(best.stat) >= f.weightIn(known) {
		t.goes.Add(cut.MissingBin())
	}
	best.terms = append(slices.Clone(o.terms), t)
	best.rows = o.rows
	return best
}

// count counts the rules again on the rows: what each takes and leaves, and the weight that passes each set of its terms.
func (f *ruleFinder) count(list []foundRule, rows []int32) {
	rest := slices.Clone(rows)
	for i := range list {
		u := &list[i]
		u.stat, u.pass = make([]int64, f.nStats), make([]int64, 1<<len(u.terms))
		left := rest[:0]
		for _, r := range rest {
			passed := 0
			for j := range u.terms {
				if u.terms[j].goes.Has(f.bins.Cols[u.terms[j].col][r]) {
					passed |= 1 << j
				}
			}
			u.pass[passed] += f.sample.weight[r]
			if passed == len(u.pass)-1 {
				f.add(u.stat, r)
			} else {
				left = append(left, r)
			}
		}
		rest = left
		u.rest = f.stats(rest)
		for j := range u.terms { // sums over supersets
			for set := range u.pass {
				if set>>j&1 == 0 {
					u.pass[set] += u.pass[set|1<<j]
				}
			}
		}
	}
}

// gains returns the share of each column in what the rules take away of the loss, a rule's divided evenly among its conditions.
func (f *ruleFinder) gains(list []foundRule) []float64 {
	out := make([]float64, len(f.bins.Cuts))
	total := 0.0
	for _, u := range list {
		for _, t := range u.terms {
			out[t.col] += u.gain / float64(len(u.terms))
		}
		total += u.gain
	}
	if total > 0 {
		kernel.Scale(1/total, out)
	}
	return out
}

// rules returns the rules in values instead of bins, and last the one for who none fits.
func (f *ruleFinder) rules(list []foundRule, cols []model.Column) []listRule {
	margins := f.margins(list, len(list))
	out := make([]listRule, len(list)+1)
	for i, u := range list {
		out[i] = listRule{margin: margins[i], weight: f.weightIn(u.stat), pass: make([]float64, len(u.pass))}
		for set := range u.pass {
			// The share that passes the other terms too.
			out[i].pass[set] = float64(u.pass[len(u.pass)-1]) / float64(u.pass[set])
		}
		for _, t := range u.terms {
			out[i].conditions = append(out[i].conditions, f.condition(t, cols[t.col]))
		}
	}
	out[len(list)] = listRule{margin: margins[len(list)], weight: f.weightIn(f.all), pass: []float64{1}}
	for _, r := range out[:len(list)] {
		out[len(list)].weight -= r.weight
	}
	out[len(list)].weight = max(0, out[len(list)].weight)
	return out
}

// condition returns the term in values.
func (f *ruleFinder) condition(t term, col model.Column) condition {
	cut := &f.bins.Cuts[t.col]
	c := condition{col: t.col, lo: math.Inf(1), hi: math.Inf(-1), missing: t.goes.Has(cut.MissingBin())}
	if cut.IsCategory() {
		c.levels = make([]bool, len(col.Levels))
		for k, b := range cut.Level {
			c.levels[k] = t.goes.Has(b)
		}
		return c
	}
	for b := range cut.NBins {
		if !t.goes.Has(uint8(b)) {
			continue
		}
		if math.IsInf(c.lo, 1) {
			c.lo = math.Inf(-1)
			if b > 0 {
				c.lo = cut.Upper[b-1]
			}
		}
		if c.hi = math.Inf(1); b < len(cut.Upper) {
			c.hi = cut.Upper[b]
		}
	}
	return c
}
