package tree

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

// RuleListFamily is the name of the rule list's family in model files.
const RuleListFamily = "rulelist"

// RuleList learns an ordered list of rules: "if …, then 62 %; else if …, then 31 %; …; else 4 %". Who a rule fits goes no further.
//
// A rule is up to MaxConditions conditions, found on the rows that no earlier rule took. A number is asked for a range, a category
// for a set of levels: those that are first, or last, in the order of their outcomes. Of all rules, the one is taken that lowers
//
//	(loss(rows) − loss(taken) − loss(left))/taken^focus
//
// most, where the loss is the deviance or the sum of squares; a focus above 0 prefers rules for few rows that are alike, since rows
// taken are not asked again. The search keeps the best few beginnings and lengthens each; a longer rule must be clearly better.
//
// Focus and number of rules are chosen on held-out rows (5 parts by a hash of the rows' values, 3 on large tables), and so is how
// far probabilities are pulled together, since the best of many rules looks better than it is: log-odds are those of the training
// rows, times a slope, plus a shift (Platt's scaling) that make the held-out rows likeliest.
//
// Time is O(n·c) a rule and condition, on at most 100,000 rows drawn by their hash; probabilities are counted on all rows.
//
// Reference: Clark, Niblett, The CN2 Induction Algorithm (1989); Cohen, Fast Effective Rule Induction (1995); Letham, Rudin and
// others, Interpretable Classifiers Using Rules and Bayesian Analysis (2015).
type RuleList struct {
	MaxRules      int     `param:"default=16,min=1,max=50" doc:"the most rules before the last, which takes everybody else"`
	MaxConditions int     `param:"default=2,min=1,max=5" doc:"the most conditions of a rule"`
	MinRows       float64 `param:"default=20,min=1e-9,max=1e12" doc:"the least weight of training rows that a rule takes"`
	NoPrune       bool    `param:"default=0" doc:"keep as many rules as were found"`
	OneSE         bool    `param:"default=0" doc:"keep the fewest rules within one standard error of the best"`
	Seed          uint64  `param:"default=0" doc:"seed of the parts of rows that are held out"`

	Threads int // 0: all processors
}

// Name returns "rulelist".
func (RuleList) Name() string { return RuleListFamily }

const (
	ruleBins     = 64      // of a number: borders that people can name
	mostSearched = 100_000 // rows that rules are searched on
	rulePull     = 2       // rows of the mean outcome that each rule's estimate is pulled to
)

// Fit returns the list. See [RuleList] and [model.Learner]. It predicts two classes or amounts.
func (l RuleList) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	l, start, err := model.Begin(ctx, l, x, y, w, kequn.Binary, kequn.Regression)
	if err != nil {
		return nil, err
	}
	cols, inputs, notes := model.Inputs(x, w)
	if len(cols) == 0 {
		return nil, model.ErrNoColumn
	}
	inputs, y, w, hash := model.Spread(inputs, y, w, l.Seed)
	s := newSample(inputs, y, w, l.Threads, ruleBins)
	f := newRuleFinder(s, l)
	searched := s.rows
	if share := mostSearched / float64(len(s.rows)); share < 1 {
		searched = nil
		for _, r := range s.rows {
			if float64(hash[r]>>11)/(1<<53) < share {
				searched = append(searched, r)
			}
		}
	}
	focus, nRules, link, err := f.choose(ctx, searched, hash)
	if err != nil {
		return nil, err
	}
	found, err := f.list(ctx, searched, focus, nRules)
	if err != nil {
		return nil, err
	}
	m := &RuleListModel{h: start.Header(1, cols, notes)}
	f.count(found, s.rows)
	m.rules, m.total = f.rules(found, cols), s.total
	for i := range m.rules {
		if m.h.Task == kequn.Binary {
			m.rules[i].margin = link.slope*m.rules[i].margin + link.shift
		}
	}
	m.gain = f.gains(found)
	m.sometimesMissing = make([]byte, len(cols))
	for c := range cols {
		if s.bins.Cuts[c].Missing {
			m.sometimesMissing[c] = 1
		}
	}
	m.h.Seconds = start.Seconds()
	return m, nil
}

// choose tries focuses and numbers of rules on held-out rows. It returns the best, and the calibration of the held-out margins.
func (f *ruleFinder) choose(ctx context.Context, rows []int32, hash []uint64) (focus float64, nRules int, link calibration, err error) {
	link = calibration{slope: 1}
	parts := uint64(nParts)
	if len(rows) > manyRows {
		parts = 3
	}
	type trial struct {
		list []foundRule
		test []int32
	}
	tries := focuses
	trials := make([][]trial, len(tries))
	sum, square := make([][]float64, len(tries)), make([][]float64, len(tries))
	held := 0.0
	for part := range parts {
		var train, test []int32
		for _, r := range rows {
			if hash[r]%parts == part {
				test = append(test, r)
			} else {
				train = append(train, r)
			}
		}
		if len(train) == 0 || len(test) == 0 {
			continue
		}
		for i, focus := range tries {
			list, err := f.list(ctx, train, focus, f.l.MaxRules)
			if err != nil {
				return 0, 0, link, err
			}
			trials[i] = append(trials[i], trial{list, test})
			if sum[i] == nil {
				sum[i], square[i] = make([]float64, f.l.MaxRules+1), make([]float64, f.l.MaxRules+1)
			}
			f.judge(list, test, sum[i], square[i])
		}
		held += f.weightIn(f.stats(test))
	}
	if held == 0 {
		return tries[0], f.l.MaxRules, link, nil
	}
	least, best := sum[0][0], 0
	for i := range tries {
		for k, v := range sum[i] {
			if v < least-1e-9*math.Abs(least) {
				least, best, nRules = v, i, k
			}
		}
	}
	if f.l.OneSE {
		mean := least / held
		limit := least + math.Sqrt(max(square[best][nRules]/held-mean*mean, 0)*held)
		for k, v := range sum[best][:nRules] {
			if v <= limit {
				nRules = k
				break
			}
		}
	}
	if f.l.NoPrune {
		nRules = f.l.MaxRules
	}
	if f.task == kequn.Binary {
		var p, truth, weight []float64
		n := [2]float64{}
		for _, t := range trials[best] {
			margins := f.margins(t.list, nRules)
			for _, r := range t.test {
				p = append(p, logistic(margins[min(f.match(t.list, r), min(nRules, len(t.list)))]))
				truth, weight = append(truth, f.y[r]), append(weight, f.weightOf(int(r)))
				n[f.class[r]] += f.weightOf(int(r))
			}
		}
		if min(n[0], n[1]) >= leastJudges && nRules > 0 {
			link, _ = calibrate(p, truth, weight, 1)
		}
	}
	return tries[best], nRules, link, nil
}

// manyRows is from how many rows on three parts are enough.
const manyRows = 10_000

// focuses are the ones to choose from.
var focuses = []float64{0, 0.15, 0.3, 0.45}

// match returns the index of the first rule that fits row r, len(list) if none does.
func (f *ruleFinder) match(list []foundRule, r int32) int {
	for i := range list {
		if list[i].fits(f.sample, r) {
			return i
		}
	}
	return len(list)
}

// margins returns the margins of the first n rules and of who none of them fits.
func (f *ruleFinder) margins(list []foundRule, n int) []float64 {
	n = min(n, len(list))
	out := make([]float64, n+1)
	for i := range out {
		stat := f.all
		switch {
		case i < n:
			stat = list[i].stat
		case n > 0:
			stat = list[n-1].rest
		}
		out[i] = f.sample.margin(f.estimate(stat, f.prior, rulePull))[0]
	}
	return out
}

// judge adds the loss of the test rows with the first 0, 1, … rules of the list.
func (f *ruleFinder) judge(list []foundRule, test []int32, loss, square []float64) {
	last := make([]float64, len(list)+1) // of who no rule fits
	for k := range last {
		last[k] = f.margins(list, k)[k]
	}
	own := f.margins(list, len(list))
	for _, r := range test {
		w, hit := f.weightOf(int(r)), f.match(list, r)
		for k := range loss {
			m := last[min(k, len(list))]
			if hit < min(k, len(list)) {
				m = own[hit]
			}
			v := f.rowLoss([]float64{m}, r)
			loss[k] += w * v
			square[k] += w * v * v
		}
	}
}
