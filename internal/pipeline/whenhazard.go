package pipeline

import (
	"context"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// whenModel tells survival curves.
//
// A hazard model has a row for each customer and each stretch of the horizon that he entered and was watched through: did the next one
// come in it? Its answer h is the chance that it does, given that it did not before:
//
//	S(edge k) = Π (1 − h₁)…(1 − hₖ)
//
// Spells give rows for the stretches that were watched to their end, and no others, so that the end of what is known biases nothing. Reference: Singer, Willett, It's about time: discrete-time survival analysis (1993).
type whenModel struct {
	edges    []float64
	horizon  float64
	all      []float64 // everybody's curve
	typical  float64   // mean gap where a customer has none
	features []string
	learnt   map[string]model.Model // by way; looked up only
}

const (
	stretchColumn = "_stretch" // index of the stretch
	elapsedColumn = "_elapsed" // days at which it begins
	pastColumn    = "_past"    // days since the last one, at the stretch's beginning
	paceColumn    = "_pace"    // the same over the customer's mean gap
	gapColumn     = "_mean_gap"
)

// teachWhen learns the wanted ways.
func (s *Shop) teachWhen(ctx context.Context, g plan.Goal, t *whenStudy, horizon float64, names []string) (*whenModel, error) {
	m := &whenModel{edges: edgesOf(t.y, horizon), horizon: horizon, learnt: map[string]model.Model{}}
	m.all = overall(t.y, m.edges)
	var gaps []float64
	for _, x := range t.gap {
		if !math.IsNaN(x) {
			gaps = append(gaps, x)
		}
	}
	m.typical = horizon
	if len(gaps) > 0 {
		slices.Sort(gaps)
		m.typical = gaps[len(gaps)/2]
	}
	if !slices.Contains(names, whenLinear) && !slices.Contains(names, whenTrees) {
		return m, nil
	}
	if err := m.choose(ctx, t); err != nil {
		return nil, err
	}
	rows := m.rows(t)
	if most := whenCells / (len(m.features) + 5); len(rows) > most {
		share := float64(most) / float64(len(rows))
		kept := rows[:0:0]
		for _, r := range rows {
			if float64(kernel.Mix(s.Seed^uint64(r.row)*0x9e3779b97f4a7c15)>>11)/(1<<53) < share {
				kept = append(kept, r)
			}
		}
		rows = kept
	}
	x := m.table(t, rows)
	y := make([]float64, len(rows))
	for i, r := range rows {
		if r.ended {
			y[i] = 1
		}
	}
	for _, way := range []struct {
		name    string
		learner model.Learner
	}{{whenLinear, s.named("linear")}, {whenTrees, fewLeaves}} {
		l := way.learner
		if l == nil || !slices.Contains(names, way.name) {
			continue
		}
		fitted, err := l.Fit(ctx, x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
		if err != nil {
			return nil, err
		}
		m.learnt[way.name] = fitted
	}
	return m, nil
}

// choose picks the features that matter for whether one comes at all: the stretches repeat every row, so the rest would only cost memory.
func (m *whenModel) choose(ctx context.Context, t *whenStudy) error {
	m.features = nil
	if len(t.x.Columns) <= whenFeatures {
		m.features = t.x.Names()
		return nil
	}
	// By the median stretch about half have come: that tells the eager from the slow, where the whole horizon may hold nearly everybody.
	middle := m.edges[len(m.edges)/2]
	var rows []int32
	var y []float64
	for i, x := range t.y {
		if x.seen >= middle {
			rows = append(rows, int32(i))
			y = append(y, 0)
			if x.event && x.days < middle {
				y[len(y)-1] = 1
			}
		}
	}
	fitted, err := fewLeaves.Fit(ctx, t.x.Take(rows), model.Outcome{Task: kequn.Binary, Y: y}, nil)
	if err != nil {
		return err
	}
	if imp, ok := fitted.(model.Importancer); ok {
		share := imp.Importance()
		columns := fitted.Header().Columns
		for _, k := range kernel.ArgsortDesc(share)[:min(whenFeatures, len(share))] {
			if share[k] > 0 {
				m.features = append(m.features, columns[k].Name)
			}
		}
	}
	slices.Sort(m.features)
	return nil
}

// wants are the columns that curves need.
func (m *whenModel) wants() []string { return m.features }

// period is a customer's row in one stretch.
type period struct {
	row   int32
	bin   int32
	ended bool
}

// rows returns the stretches that each spell entered and was watched through.
func (m *whenModel) rows(t *whenStudy) []period {
	var out []period
	for i, s := range t.y {
		from := 0.0
		for k, to := range m.edges {
			if s.days < from || s.seen < to {
				break
			}
			ended := s.event && inStretch(s.days, from, to, k == len(m.edges)-1)
			out = append(out, period{int32(i), int32(k), ended})
			if ended {
				break
			}
			from = to
		}
	}
	return out
}

// table has the chosen features and the stretch of each row.
func (m *whenModel) table(t *whenStudy, rows []period) *table.Table {
	at := make([]int32, len(rows))
	extra := make([][]float64, 5)
	for k := range extra {
		extra[k] = make([]float64, len(rows))
	}
	for i, r := range rows {
		at[i] = r.row
		from := 0.0
		if r.bin > 0 {
			from = m.edges[r.bin-1]
		}
		past, gap := t.since[r.row]+from, t.gap[r.row]
		extra[0][i], extra[1][i], extra[2][i], extra[3][i], extra[4][i] = float64(r.bin), from, past, past/math.Max(gap, 0.5), gap
		if math.IsNaN(gap) {
			extra[3][i] = math.NaN()
		}
	}
	x, err := t.x.Select(m.features...)
	if err != nil {
		x = &table.Table{}
	}
	x = x.Take(at)
	for k, name := range []string{stretchColumn, elapsedColumn, pastColumn, paceColumn, gapColumn} {
		x.Columns = append(x.Columns, &table.Column{Name: name, Kind: table.Number, Num: extra[k]})
	}
	// Each stretch has a column of its own, so that a regression may give it its own height.
	for k := range m.edges {
		v := make([]float64, len(rows))
		for i, r := range rows {
			if int(r.bin) == k {
				v[i] = 1
			}
		}
		x.Columns = append(x.Columns, &table.Column{Name: "_in_" + number(float64(k)), Kind: table.Number, Num: v})
	}
	return x
}

// curves returns everybody's curve by one of the ways.
func (m *whenModel) curves(name string, t *whenStudy) (*curves, error) {
	n, k := len(t.y), len(m.edges)
	c := &curves{edges: m.edges, s: make([]float64, n*k)}
	switch name {
	case whenOverall:
		for i := range n {
			copy(c.row(i), m.all)
		}
		return c, nil
	case whenOwnGap:
		for i := range n {
			next := m.ownGap(t, i)
			for b, to := range m.edges {
				if next > to {
					c.row(i)[b] = 1
				}
			}
		}
		return c, nil
	}
	const block = 4096 // customers at a time: each has a row per stretch
	for lo := 0; lo < n; lo += block {
		hi := min(n, lo+block)
		rows := make([]period, 0, (hi-lo)*k)
		for i := lo; i < hi; i++ {
			for b := range k {
				rows = append(rows, period{row: int32(i), bin: int32(b)})
			}
		}
		h, err := m.learnt[name].Predict(m.table(t, rows))
		if err != nil {
			return nil, err
		}
		for i := lo; i < hi; i++ {
			s := 1.0
			for b := range k {
				s *= 1 - h[(i-lo)*k+b]
				c.row(i)[b] = s
			}
		}
	}
	return c, nil
}

// ownGap is the customer's last one plus his own mean gap, in days from now; at once where that is past.
func (m *whenModel) ownGap(t *whenStudy, i int) float64 {
	gap := t.gap[i]
	if math.IsNaN(gap) {
		gap = m.typical
	}
	since := t.since[i]
	if math.IsNaN(since) {
		since = 0
	}
	return math.Max(0, gap-since)
}

// judge compares the ways at a later cutoff and chooses: a way takes the place of the best simpler one where its integrated Brier score is
// lower by more than noise, customer by customer.
func (m *whenModel) judge(t *whenStudy, names []string, _ string) (scores []WhenScore, chosen, simple string, err error) {
	var loss [][]float64
	for _, name := range whenNames {
		if !slices.Contains(names, name) {
			continue
		}
		if _, ok := m.learnt[name]; !ok && name != whenOverall && name != whenOwnGap {
			continue
		}
		c, err := m.curves(name, t)
		if err != nil {
			return nil, "", "", err
		}
		s, l := m.score(name, c, t)
		scores, loss = append(scores, s), append(loss, l)
	}
	base := 0
	for i := range scores {
		if (scores[i].Name == whenOverall || scores[i].Name == whenOwnGap) && scores[i].Curve < scores[base].Curve {
			base = i
		}
	}
	best, least := base, base
	for i := range scores {
		scores[i].Gain = lossGain(loss[base], loss[i])
		if i > best && lossGain(loss[best], loss[i]).Low > 0 {
			best = i
		}
		if scores[i].Curve < scores[least].Curve {
			least = i
		}
	}
	simple = scores[best].Name
	for i := range scores {
		if d := lossGain(loss[i], loss[least]); d.Mean <= (d.High-d.Mean)/1.96 {
			simple = scores[i].Name
			break
		}
	}
	return scores, scores[best].Name, simple, nil
}

func lossGain(a, b []float64) metric.Interval {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return metric.MeanInterval(d, nil, 0.95)
}

// mostPairs bounds the customers whose pairs are compared: a draw of them tells the concordance to a third of a percent.
const mostPairs = 3000

// score judges curves against spells that were watched to the horizon. Spells cut off earlier count up to where they were watched.
func (m *whenModel) score(name string, c *curves, t *whenStudy) (WhenScore, []float64) {
	n := len(t.y)
	out := WhenScore{Name: name, Customers: n}
	loss := make([]float64, n)
	var missed, came, held, brier, watched float64
	expected := make([]float64, n)
	for i, y := range t.y {
		expected[i] = c.mean(i)
		if name == whenOwnGap {
			expected[i] = m.ownGap(t, i)
		}
		from, seen := 0.0, 0.0
		for k, to := range m.edges {
			if y.seen < to {
				break
			}
			alive := 0.0
			if !y.event || y.days >= to && !(k == len(m.edges)-1 && y.days <= to) {
				alive = 1
			}
			d := c.row(i)[k] - alive
			loss[i] += d * d * (to - from)
			seen, from = to, to
		}
		if seen > 0 {
			loss[i] /= seen
		}
		if seen == m.horizon {
			watched++
			p, yes := c.within(i), 0.0
			if y.event {
				yes = 1
			}
			brier += (p - yes) * (p - yes)
			out.Mean += p
			out.Actual += yes
			low, high := c.quantile(i, whenLow), c.quantile(i, whenHigh)
			if (math.IsNaN(high) || y.event && y.days <= high) && (math.IsNaN(low) && !y.event || y.days >= low) {
				held++
			}
		}
		if y.event {
			guess := c.quantile(i, 0.5)
			if name == whenOwnGap {
				guess = m.ownGap(t, i)
			}
			if math.IsNaN(guess) {
				guess = m.horizon
			}
			missed += math.Abs(math.Min(guess, m.horizon) - y.days)
			came++
		}
	}
	watched, came = math.Max(1, watched), math.Max(1, came)
	out.Brier, out.Mean, out.Actual, out.MAE = brier/watched, out.Mean/watched, out.Actual/watched, missed/came
	if name != whenOwnGap {
		out.Coverage = held / watched
	}
	out.Curve = kernel.Sum(loss) / math.Max(1, float64(n))
	out.Concordance = concordance(t.y, expected)
	return out, loss
}

// concordance is Harrell's C: of pairs where it is known who came first, the share whose expected days are in that order; ties count half.
func concordance(y []spell, expected []float64) float64 {
	step := max(1, (len(y)+mostPairs-1)/mostPairs)
	right, all := 0.0, 0.0
	for i := 0; i < len(y); i += step {
		if !y[i].event {
			continue
		}
		for j := 0; j < len(y); j += step {
			if y[j].days > y[i].days || y[j].days == y[i].days && !y[j].event {
				all++
				switch {
				case expected[i] < expected[j]:
					right++
				case expected[i] == expected[j]:
					right += 0.5
				}
			}
		}
	}
	return right / math.Max(1, all)
}
