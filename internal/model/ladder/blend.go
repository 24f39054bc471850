package ladder

import (
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
)

// A blend is a weighted mean of members' calibrated scores: of log-odds for probabilities of yes, of values for amounts, of
// probabilities for several classes. Weights come from bagged greedy selection (Caruana et al., Ensemble Selection from Libraries of
// Models, 2004; Getting the Most Out of Ensemble Selection, 2006): starting from the best member, the member whose addition lowers
// the loss most is added, members counting as often as they were added; and that is done many times, each on half of the rows
// and three quarters of the members, for on few rows one greedy choice is mostly luck. Weights are the mean.
const (
	firstVotes = 2    // of the best member
	blendVotes = 20   // in one selection
	selections = 20   // how many
	rowShare   = 0.5  // of each selection
	rungShare  = 0.75 // of each selection, where there are manyRungs
	manyRungs  = 4
	// leastWeight is the weight below which a member is left out: it adds nothing that is worth its training.
	leastWeight = 0.03
	// blendRows is the number of rows, about, from which one selection chooses.
	blendRows = 10_000
	// blendWorth is how many paired standard errors a blend must save against its best member to be worth its weight.
	blendWorth = 0.5
)

// candidate is a member's scores of the rows on which blends are judged.
type candidate struct {
	rung  *rung
	raw   []float64          // n×k
	each  metric.Calibration // of raw
	score []float64          // n×k: log-odds after calibration for binary, else raw
}

// blend chooses weights on the rows. It returns one weight per candidate, summing to 1; only one is not 0 if no blend is worth it.
func (r *Result) blend(c []candidate, rows []int32) []float64 {
	weight := r.bestBlend(c, rows)
	f := slices.IndexFunc(c, func(c candidate) bool { return c.rung.named.Name == r.o.Favourite })
	if f < 0 || weight[f] == 1 {
		return weight
	}
	sum := make([]float64, len(c[0].score))
	for j := range weight {
		for i, v := range c[j].score {
			sum[i] += weight[j] * v
		}
	}
	alone, together := make([]float64, len(rows)), make([]float64, len(rows))
	r.lossOf(c[f].score, 1, rows, alone)
	r.lossOf(sum, 1, rows, together)
	if gap := r.gap(rows, alone, together); gap.Loss > favour*gap.SE {
		return weight
	}
	only := make([]float64, len(c))
	only[f] = 1
	return only
}

// favour is how many paired standard errors a favourite is given.
const favour = 2

// bestBlend is [Result.blend] without a favourite.
func (r *Result) bestBlend(c []candidate, rows []int32) []float64 {
	best, alone := 0, []float64(nil)
	least := math.Inf(1)
	for j := range c {
		each := make([]float64, len(rows))
		// The simpler one wins where the difference is rounding.
		if l := r.lossOf(c[j].score, 1, rows, each); l < least*(1-1e-9) {
			best, least, alone = j, l, each
		}
	}
	only := make([]float64, len(c))
	only[best] = 1
	if len(c) == 1 {
		return only
	}
	weight := make([]float64, len(c))
	picks := make([][]float64, selections)
	kernel.Parallel(selections, r.o.Threads, 1, func(lo, hi int) {
		for s := lo; s < hi; s++ {
			picks[s] = r.selection(c, rows, uint64(s))
		}
	})
	for _, pick := range picks {
		for j, w := range pick {
			weight[j] += w / selections
		}
	}
	total := 0.0
	for j, w := range weight {
		if w < leastWeight && j != best {
			weight[j] = 0
		}
		total += weight[j]
	}
	sum := make([]float64, len(c[0].score))
	for j := range weight {
		weight[j] /= total
		for i, v := range c[j].score {
			sum[i] += weight[j] * v
		}
	}
	together := make([]float64, len(rows))
	r.lossOf(sum, 1, rows, together)
	gap := r.gap(rows, alone, together)
	if !(gap.Loss > blendWorth*gap.SE) {
		return only
	}
	return weight
}

// selection is one greedy selection on a draw of the rows and of the candidates.
func (r *Result) selection(all []candidate, rows []int32, number uint64) []float64 {
	share := min(rowShare, blendRows/float64(len(rows)))
	seed := kernel.Mix(r.o.Seed + 11*number + 6)
	var at, of []int32
	for i, row := range rows {
		if unit(seed^r.key(row)) < share {
			at, of = append(at, int32(i)), append(of, row)
		}
	}
	if len(at) == 0 {
		for i, row := range rows {
			at, of = append(at, int32(i)), append(of, row)
		}
	}
	var drawn []int
	for j, g := range all {
		if len(all) < manyRungs || unit(seed^kernel.ID(g.rung.named.Name)) < rungShare {
			drawn = append(drawn, j)
		}
	}
	if len(drawn) == 0 {
		for j := range all {
			drawn = append(drawn, j)
		}
	}
	score := make([][]float64, len(drawn))
	for i, j := range drawn {
		score[i] = pick(all[j].score, at, r.in.Y.NOut())
	}
	best, least := 0, math.Inf(1)
	for i := range score {
		if l := r.lossOf(score[i], 1, of, nil); l < least*(1-1e-9) {
			best, least = i, l
		}
	}
	count := make([]float64, len(all))
	count[drawn[best]] = firstVotes
	sum := make([]float64, len(score[best]))
	for i, v := range score[best] {
		sum[i] = firstVotes * v
	}
	trial := make([]float64, len(sum))
	total := float64(firstVotes)
	for total < blendVotes {
		add, now := -1, least
		for j := range score {
			for i, v := range score[j] {
				trial[i] = sum[i] + v
			}
			if l := r.lossOf(trial, total+1, of, nil); l < now-1e-9*math.Abs(now) {
				add, now = j, l
			}
		}
		if add < 0 {
			break
		}
		for i, v := range score[add] {
			sum[i] += v
		}
		count[drawn[add]]++
		total++
		least = now
	}
	for j := range count {
		count[j] /= total
	}
	return count
}

// unit spreads a number over [0, 1).
func unit(x uint64) float64 { return float64(kernel.Mix(x)>>11) / (1 << 53) }

// lossOf is the mean loss of the scores sum/total of the rows; each gets every row's if it is not nil.
func (r *Result) lossOf(sum []float64, total float64, rows []int32, each []float64) float64 {
	k := r.in.Y.NOut()
	all, weight := 0.0, 0.0
	p := make([]float64, k)
	for i, row := range rows {
		w := r.weightOf(row)
		for c := range p {
			p[c] = sum[i*k+c] / total
		}
		v := 0.0
		if r.Task == kequn.Binary { // log(1 + e^±m), without the detour over the probability
			m := p[0]
			if r.in.Y.Y[row] == 1 {
				m = -m
			}
			v = max(m, 0) + math.Log1p(math.Exp(-math.Abs(m)))
		} else {
			v = r.rowLoss(row, p)
		}
		if each != nil {
			each[i] = v
		}
		all += w * v
		weight += w
	}
	return all / weight
}

// chooseAuto makes the line "auto": in each round the blend and its calibration are chosen on inner scores, and applied to the
// rows judged; the final one is chosen on all rows judged.
func (r *Result) chooseAuto() {
	k := r.in.Y.NOut()
	r.auto = &outOfSample{raw: nan(len(r.round) * k)}
	r.auto.final = nan(len(r.round) * k)
	recipes := make([]*recipe, len(r.in.Rounds)+1)
	rows := r.judged()
	kernel.Parallel(len(recipes), r.o.Threads, 1, func(lo, hi int) {
		for at := lo; at < hi; at++ {
			if at == len(r.in.Rounds) {
				recipes[at] = r.cook((*rung).whole, func(g *rung) ([]float64, metric.Calibration) { return pick(g.raw, rows, k), g.recipe.calibration }, rows)
			} else {
				in := func(g *rung) bool { return g.in(at) }
				recipes[at] = r.cook(in, func(g *rung) ([]float64, metric.Calibration) { return g.inner[at], g.rounds[at] }, r.in.Rounds[at].Train)
			}
			if recipes[at] == nil { // nothing could be held out inside
				recipes[at] = r.fallback()
			}
		}
	})
	for at, round := range r.in.Rounds {
		recipe := recipes[at]
		members := make([][]float64, len(recipe.rungs))
		for j, g := range recipe.rungs {
			members[j] = pick(g.raw, round.Test, k)
		}
		raw, final := blendScores(r.Task, recipe.weights, recipe.each, recipe.calibration, members)
		for i, row := range round.Test {
			copy(r.auto.raw[int(row)*k:(int(row)+1)*k], raw[i*k:(i+1)*k])
			copy(r.auto.final[int(row)*k:(int(row)+1)*k], final[i*k:(i+1)*k])
		}
	}
	r.auto.recipe = recipes[len(r.in.Rounds)]
	r.auto.first = recipes[0]
}

func (r *Result) fallback() *recipe {
	for _, g := range r.rungs[1:] {
		if g.whole() {
			return &recipe{rungs: []*rung{g}, weights: []float64{1}, each: []metric.Calibration{{}}}
		}
	}
	return r.rungs[0].recipe
}

// cook chooses members and weights on scores of the rows (n×k, NaN where there are none) and the calibrations that belong to
// them, and calibrates the blend. It returns nil if no row has a score of every rung.
func (r *Result) cook(in func(*rung) bool, scores func(*rung) ([]float64, metric.Calibration), rows []int32) *recipe {
	k := r.in.Y.NOut()
	known := make([]bool, len(rows))
	for i := range known {
		known[i] = true
	}
	var all []candidate
	for _, g := range r.rungs {
		if !in(g) {
			continue
		}
		c := candidate{rung: g}
		c.raw, c.each = scores(g)
		for i := range known {
			known[i] = known[i] && !math.IsNaN(c.raw[i*k])
		}
		all = append(all, c)
	}
	n := 0
	for _, ok := range known {
		if ok {
			n++
		}
	}
	keep := r.enoughOf(n)
	var at, of []int32 // places in rows, and the rows there
	for i, ok := range known {
		if ok && keep(rows[i]) {
			at, of = append(at, int32(i)), append(of, rows[i])
		}
	}
	if len(at) == 0 {
		return nil
	}
	for j := range all {
		c := &all[j]
		c.raw = pick(c.raw, at, k)
		c.score = c.raw
		if r.Task == kequn.Binary {
			c.score = make([]float64, len(c.raw))
			for i, p := range c.raw {
				c.score[i] = logit(c.each.Apply(p))
			}
		}
	}
	out := &recipe{}
	var members [][]float64
	for j, w := range r.blend(all, of) {
		if w > 0 {
			out.rungs, out.weights, out.each = append(out.rungs, all[j].rung), append(out.weights, w), append(out.each, all[j].each)
			members = append(members, all[j].raw)
		}
	}
	if r.Task == kequn.Binary && len(out.rungs) > 1 {
		raw, _ := blendScores(r.Task, out.weights, out.each, out.calibration, members)
		out.calibration = r.calibration(raw, of)
	}
	return out
}

// blendScores blends members' raw scores by their weights: before and after the whole's calibration.
func blendScores(task kequn.Task, weights []float64, each []metric.Calibration, whole metric.Calibration, members [][]float64) (raw, final []float64) {
	raw = make([]float64, len(members[0]))
	for j, m := range members {
		for i, p := range m {
			if task == kequn.Binary {
				p = each[j].Apply(p)
				if len(members) == 1 {
					raw[i] = p
					continue
				}
				p = logit(p)
			}
			raw[i] += weights[j] * p
		}
	}
	if task != kequn.Binary {
		return raw, raw
	}
	if len(members) > 1 {
		for i, v := range raw {
			raw[i] = logistic(v)
		}
	}
	return raw, whole.ApplyAll(raw)
}

// pick returns the k numbers of each of the rows.
func pick(v []float64, rows []int32, k int) []float64 {
	out := make([]float64, 0, len(rows)*k)
	for _, r := range rows {
		out = append(out, v[int(r)*k:(int(r)+1)*k]...)
	}
	return out
}

// judged returns the rows that some round judged.
func (r *Result) judged() []int32 {
	var rows []int32
	for i, k := range r.round {
		if k >= 0 {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

func (r *Result) weightOf(row int32) float64 {
	if r.in.W == nil {
		return 1
	}
	return r.in.W[row]
}
