package pipeline

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/metric"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// When is what a "when" goal came to: how well each way told the day of the next one at a later cutoff.
type When struct {
	Horizon   float64     `json:"horizon_days"`
	Rows      int         `json:"rows"`   // customers × cutoffs learnt from
	Judged    int         `json:"judged"` // customers
	Rate      float64     `json:"rate"`   // of them, those with one within the horizon
	Edges     []float64   `json:"edges"`  // days: borders of the stretches whose hazards are learnt
	Models    []WhenScore `json:"models"`
	Chosen    string      `json:"chosen"`
	Simple    string      `json:"simple"`
	Features  []string    `json:"features"`
	Median    *float64    `json:"median"` // of all customers' medians; null where it is beyond the horizon
	Beyond    int         `json:"beyond"` // customers whose median is beyond the horizon
	Happened  []WhenScore `json:"happened,omitempty"`
	Customers int         `json:"customers"`
}

// WhenScore is how one way did at a later cutoff.
type WhenScore struct {
	Name        string          `json:"name"`
	Customers   int             `json:"customers"`
	Concordance float64         `json:"concordance"`       // share of pairs put in the right order, 0.5 is chance
	Brier       float64         `json:"brier"`             // mean squared error of the chance of one within the horizon
	Curve       float64         `json:"integrated_brier"`  // the same, over the horizon's stretches
	MAE         float64         `json:"mae_days"`          // of the median, among those who did, beyond the horizon taken as the horizon
	Coverage    float64         `json:"interval_coverage"` // share inside the 80 % interval; 0 where there is none
	Mean        float64         `json:"mean_within"`       // mean chance
	Actual      float64         `json:"rate"`              // and what happened
	Gain        metric.Interval `json:"gain"`              // integrated Brier of the best baseline less this one's, customer by customer
}

// The ways to tell when, simplest first.
const (
	whenOverall = "overall"  // everybody's curve
	whenOwnGap  = "own_gap"  // the last one plus the customer's own mean gap
	whenLinear  = "logistic" // hazards by logistic regression
	whenTrees   = "gbdt"     // hazards by boosted trees
)

var whenNames = []string{whenOverall, whenOwnGap, whenLinear, whenTrees}

const (
	whenBins     = 12 // stretches of the horizon
	whenFeatures = 24 // the rows of a customer are repeated for each stretch: only what matters goes along
	whenCells    = 8_000_000
	whenLow      = 0.1 // the interval holds the next one with 80 %
	whenHigh     = 0.9
)

// curves is a survival curve per customer: (n, nEdges), the chance that nothing came by each edge.
type curves struct {
	edges []float64
	s     []float64
}

func (c *curves) row(i int) []float64 { return c.s[i*len(c.edges) : (i+1)*len(c.edges)] }

// within returns the chance of one within the horizon.
func (c *curves) within(i int) float64 { return 1 - c.row(i)[len(c.edges)-1] }

// quantile returns the days by which one came with chance p, NaN where that is beyond the horizon. The hazard is even within a stretch.
func (c *curves) quantile(i int, p float64) float64 {
	before, from := 1.0, 0.0
	for k, s := range c.row(i) {
		if 1-s >= p {
			if s >= before {
				return c.edges[k]
			}
			share := 1.0
			if s > 0 {
				share = math.Log(before/(1-p)) / math.Log(before/s)
			} else {
				share = (before - (1 - p)) / before
			}
			return from + share*(c.edges[k]-from)
		}
		before, from = s, c.edges[k]
	}
	return math.NaN()
}

// mean returns the mean days until the next one, those beyond the horizon counted as the horizon.
func (c *curves) mean(i int) float64 {
	area, before, from := 0.0, 1.0, 0.0
	for k, s := range c.row(i) {
		area += (before + s) / 2 * (c.edges[k] - from)
		before, from = s, c.edges[k]
	}
	return area
}

// spell is one customer at one cutoff: after how many days one came, or until when none was seen to come; and how many days were
// watched, whether one came or not. A stretch that was not watched to its end says nothing: those who came early in it would be
// seen, those who did not would not.
type spell struct {
	days  float64
	event bool
	seen  float64
}

// edgesOf cuts the horizon where equal numbers of the spells ended.
func edgesOf(y []spell, horizon float64) []float64 {
	var t []float64
	for _, s := range y {
		if s.event {
			t = append(t, s.days)
		}
	}
	slices.Sort(t)
	var out []float64
	for k := 1; k < whenBins && len(t) > 0; k++ {
		q := math.Ceil(t[len(t)*k/whenBins]) // whole days: what comes once a day does not come at a fraction of it
		if q > 0 && q < horizon && (len(out) == 0 || q > out[len(out)-1]) {
			out = append(out, q)
		}
	}
	return append(out, horizon)
}

// overall is everybody's curve: deaths over those at risk, stretch by stretch (Kaplan and Meier).
func overall(y []spell, edges []float64) []float64 {
	out := make([]float64, len(edges))
	s := 1.0
	for k := range edges {
		from := 0.0
		if k > 0 {
			from = edges[k-1]
		}
		risk, ended := 0.0, 0.0
		for _, x := range y {
			if x.days < from || x.seen < edges[k] {
				continue
			}
			risk++
			if x.event && inStretch(x.days, from, edges[k], k == len(edges)-1) {
				ended++
			}
		}
		if risk > 0 {
			s *= 1 - ended/risk
		}
		out[k] = s
	}
	return out
}

// inStretch tells whether days lie in [from, to); the last stretch holds its end.
func inStretch(days, from, to float64, last bool) bool {
	return days >= from && (days < to || last && days <= to)
}

// whenStudy is the goal's panel at several cutoffs.
type whenStudy struct {
	x       *table.Table
	gap     []float64 // customer's mean days between two
	since   []float64 // days since the last one
	y       []spell
	cutoffs []int32
}

// whenPanel computes features and spells at cutoffs, as known by the moment and watched until then.
func (s *Shop) whenPanel(ctx context.Context, v *view, g plan.Goal, defs []query.Feature, who *query.Node, cutoffs []kequn.Cutoff, by kequn.Instant, horizon float64) (*whenStudy, error) {
	outcome, gap, since, err := whenNodes(g, v.plans())
	if err != nil {
		return nil, err
	}
	own := []query.Feature{{Name: "_gap", Node: gap}, {Name: "_since", Node: since}}
	p, err := engine.Collect(ctx, s.Engine, v.data, engine.Request{Cutoffs: cutoffs, Zone: v.zone, Features: append(slices.Clone(defs), own...),
		Outcomes: []engine.Outcome{{Name: "days", Node: outcome}}, Who: who, KnownBy: by, Threads: s.Threads})
	if err != nil {
		return nil, err
	}
	if p.NRows() == 0 {
		return &whenStudy{x: &table.Table{}}, nil
	}
	if most := maxCells / max(1, len(defs)); p.NRows() > most {
		thin(p, float64(most)/float64(p.NRows()), s.Seed)
	}
	t := &whenStudy{x: p.X.Drop("_gap", "_since"), gap: p.X.Column("_gap").Num, since: p.X.Column("_since").Num, cutoffs: p.Cutoff}
	for i := range p.NRows() {
		from := g.Gap.After(cutoffs[p.Cutoff[i]], v.zone)
		days := p.Y.Columns[0].Num[i] - float64(from-cutoffs[p.Cutoff[i]])/dayMicro
		seen := math.Min(horizon, float64(by-from)/dayMicro)
		if math.IsNaN(days) || days > seen {
			t.y = append(t.y, spell{math.Max(0, seen), false, seen})
		} else {
			t.y = append(t.y, spell{math.Max(0, days), true, seen})
		}
	}
	return t, nil
}

const dayMicro = 24 * 3600 * 1e6

// whenNodes defines the days until the next one, the mean gap between two, and the days since the last.
func whenNodes(g plan.Goal, datasets []plan.Dataset) (outcome, gap, since *query.Node, err error) {
	as := g
	as.Event, as.When = g.When, ""
	n, err := feature.Outcome(as, datasets)
	if err != nil {
		return nil, nil, nil, err
	}
	agg := *n.Agg
	agg.Fn = query.DaysFirst
	outcome = query.Apply(query.Neg, query.Number, query.AggOf(agg, query.Number))
	agg.Window = query.Window{}
	agg.Fn = query.GapMean
	gap = query.AggOf(agg, query.Number)
	agg.Fn = query.DaysLast
	return outcome, gap, query.AggOf(agg, query.Number), nil
}

// whenCutoffs are where hazards are learnt before a moment, oldest first: some from which the whole horizon was watched by then, and
// some later ones, whose spells are cut at the moment. None where the whole horizon was watched from nowhere.
func whenCutoffs(first kequn.Instant, before kequn.Cutoff, g plan.Goal, v *view) []kequn.Cutoff {
	begin := kequn.Days(minHistory).After(first, v.zone)
	whole := g.Gap.Before(g.Within.Before(before, v.zone), v.zone)
	if whole < begin {
		begin = first + (whole-first)/3
	}
	if whole <= first {
		return nil
	}
	step := kequn.Days(min(30, max(3, g.Within.Days/4, int(g.Within.Exact/kequn.Day)/4)))
	out := []kequn.Cutoff{whole}
	for t := step.Before(whole, v.zone); len(out) < 3 && t >= begin && t > first; t = step.Before(t, v.zone) {
		out = append(out, t)
	}
	slices.Reverse(out)
	third := kequn.Span{Exact: asDuration((before - whole) / 3)}
	for t := third.After(whole, v.zone); len(out) < 5 && t < before; t = third.After(t, v.zone) {
		out = append(out, kequn.Midnight(t, v.zone))
	}
	return out
}

// whenGoal learns a "when" goal as known at ask and tells it for every eligible customer.
func (s *Shop) whenGoal(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags, actual bool) (*Prediction, *whenTimes, error) {
	wanted, err := whenModels(f)
	if err != nil {
		return nil, nil, err
	}
	first, err := v.beginning(ctx, g, ask)
	if err != nil {
		return nil, nil, err
	}
	horizon := g.Within.Duration().Hours() / 24
	cuts, learn, err := s.whenTime(v, g, first, ask)
	if err != nil {
		return nil, nil, err
	}
	defs, err := s.definitions(ctx, v, learn[0])
	if err != nil {
		return nil, nil, err
	}
	who, err := s.who(v, g.Who, defs)
	if err != nil {
		return nil, nil, err
	}
	s.Progress(s.Lang.Pick("特征 ", "features of ")+g.Name, 0, 0)
	earlier, err := s.whenPanel(ctx, v, g, defs, who, learn, cuts.Judge, horizon)
	if err != nil {
		return nil, nil, err
	}
	judge, err := s.whenPanel(ctx, v, g, defs, who, []kequn.Cutoff{cuts.Judge}, ask, horizon)
	if err != nil {
		return nil, nil, err
	}
	if err := s.enoughSpells(g, earlier.y, judge.y); err != nil {
		return nil, nil, err
	}
	s.Progress(s.Lang.Pick("模型 ", "models of ")+g.Name, 1, 4)
	m, err := s.teachWhen(ctx, g, earlier, horizon, wanted)
	if err != nil {
		return nil, nil, err
	}
	w := &When{Horizon: horizon, Rows: len(earlier.y), Judged: len(judge.y), Edges: m.edges, Features: m.features}
	if w.Models, w.Chosen, w.Simple, err = m.judge(judge, wanted, ""); err != nil {
		return nil, nil, err
	}
	chosen := w.Chosen
	if f.Prefer == "simple" {
		chosen = w.Simple
		w.Chosen = chosen
	}
	for _, x := range judge.y {
		if x.event {
			w.Rate += 1 / float64(len(judge.y))
		}
	}
	s.Progress(s.Lang.Pick("模型 ", "models of ")+g.Name, 2, 4)
	final := whenCutoffs(first, ask, g, v)
	all, err := s.whenPanel(ctx, v, g, defs, who, final, ask, horizon)
	if err != nil {
		return nil, nil, err
	}
	names := []string{chosen}
	if actual {
		names = wanted
	}
	if m, err = s.teachWhen(ctx, g, all, horizon, names); err != nil {
		return nil, nil, err
	}
	s.Progress(s.Lang.Pick("模型 ", "models of ")+g.Name, 3, 4)
	times, err := s.whenTimes(ctx, v, g, defs, who, ask, m, chosen, horizon, actual)
	if err != nil {
		return nil, nil, err
	}
	w.Customers = len(times.customer)
	w.Median, w.Beyond = times.middle()
	if actual {
		if w.Happened, _, _, err = m.judge(times.study, names, ""); err != nil {
			return nil, nil, err
		}
	}
	p := &Prediction{Goal: g, Name: g.Name, Question: Question(g, s.Lang), Task: kequn.Regression, Cutoff: kequn.FormatZone(ask, v.zone), Judged: kequn.FormatZone(cuts.Judge, v.zone),
		Learned: []string{}, Rows: w.Rows, Rate: w.Rate, Chosen: w.Chosen, Simple: w.Simple, Leaks: []Leak{}, Features: len(m.features), Scored: w.Customers, When: w, DataHash: v.fingerprint()}
	for _, c := range learn {
		p.Learned = append(p.Learned, kequn.FormatZone(c, v.zone))
	}
	p.WhyZH, p.WhyEN = whenWhy(w, kequn.Chinese), whenWhy(w, kequn.English)
	p.Why = s.Lang.Pick(p.WhyZH, p.WhyEN)
	p.Brief = p.Why
	return p, times, nil
}

// whenTime says where a "when" goal is learnt and judged.
func (s *Shop) whenTime(v *view, g plan.Goal, first kequn.Instant, ask kequn.Cutoff) (Cutoffs, []kequn.Cutoff, error) {
	cuts, ok := ChooseCutoffs(first, ask, g.Gap, g.Within, v.zone)
	learn := []kequn.Cutoff{}
	if ok {
		learn = whenCutoffs(first, cuts.Judge, g, v)
	}
	if len(learn) == 0 {
		return cuts, nil, kequn.Errorf(kequn.KindNotEnough, g.Name, s.Lang.Pick("历史始于 %s，不足以先学习、再在之后 %s内评判（截止 %s）", "history begins on %s, too late to learn and then judge over %s before %s"),
			day(first, v), spanWords(g.Within, s.Lang), day(ask, v)).WithHint(s.Lang.Pick("效果期最长约 %d 天（--within），或加载更多历史", "a horizon of at most about %d days (--within), or more history"), longestHorizon(first, ask))
	}
	return cuts, learn, nil
}

// longestHorizon is about how many days fit twice, with a little history before.
func longestHorizon(first kequn.Instant, ask kequn.Cutoff) int {
	return max(1, int(float64(ask-first)/dayMicro*3/8))
}

// whenModels reads --models of a "when" goal.
func whenModels(f GoalFlags) ([]string, error) {
	if f.Prefer != "" && f.Prefer != "auto" && f.Prefer != "simple" {
		return nil, kequn.Errorf(kequn.KindUsage, "--prefer", "%q is neither auto nor simple", f.Prefer)
	}
	if f.Models == "" || f.Models == "auto" {
		return whenNames, nil
	}
	out := []string{whenOverall, whenOwnGap} // what the others are compared with
	for _, name := range strings.Split(f.Models, ",") {
		switch name = strings.TrimSpace(name); {
		case name == "auto" || name == "simple" || slices.Contains(out, name):
		case name == "linear":
			out = append(out, whenLinear)
		case slices.Contains(whenNames, name):
			out = append(out, name)
		default:
			return nil, kequn.Errorf(kequn.KindUsage, "--models", "there is no model %q of a when goal", name).WithHint("models are %s", strings.Join(whenNames, ", "))
		}
	}
	return out, nil
}

func (s *Shop) enoughSpells(g plan.Goal, learn, judge []spell) error {
	count := func(y []spell) (yes int) {
		for _, x := range y {
			if x.event {
				yes++
			}
		}
		return yes
	}
	if a, b := count(learn), count(judge); a < 2*minLearn || b < 2*minJudge {
		return kequn.Errorf(kequn.KindNotEnough, g.Name, s.Lang.Pick("可供学习的再次发生只有 %d 次（至少 %d 次），可供评判的只有 %d 次（至少 %d 次）", "only %d next ones to learn from (at least %d) and %d to judge on (at least %d)"), a, 2*minLearn, b, 2*minJudge).
			WithHint("%s", s.Lang.Pick("延长效果期（--within），或加载更多历史、更多客户", "a longer horizon (--within), more history or more customers"))
	}
	return nil
}

func whenWhy(w *When, l kequn.Lang) string {
	var c, base WhenScore
	for _, m := range w.Models {
		if m.Name == w.Chosen {
			c = m
		}
		if m.Name == whenOwnGap {
			base = m
		}
	}
	return l.Pick(fmt.Sprintf("选用 %s：在之后的 %d 位客户上，先后顺序对了 %.1f%%（“上次加自己的平均间隔”为 %.1f%%），来了的客户平均误差 %.1f 天（%.1f 天），80%% 区间实际包含 %.1f%%；会在 %.0f 天内来的平均把握 %.1f%%，实际 %.1f%%。", whenWord(w.Chosen, l), c.Customers, 100*c.Concordance, 100*base.Concordance, c.MAE, base.MAE, 100*c.Coverage, w.Horizon, 100*c.Mean, 100*c.Actual),
		fmt.Sprintf("Chosen: %s. Of %d later customers, %.1f %% of pairs are in the right order (last one plus own mean gap: %.1f %%), those who came are missed by %.1f days on average (%.1f), the 80 %% interval held %.1f %%; the mean chance within %.0f days is %.1f %%, %.1f %% came.", whenWord(w.Chosen, l), c.Customers, 100*c.Concordance, 100*base.Concordance, c.MAE, base.MAE, 100*c.Coverage, w.Horizon, 100*c.Mean, 100*c.Actual))
}

// whenWord says a way in words.
func whenWord(name string, l kequn.Lang) string {
	switch name {
	case whenOverall:
		return l.Pick("所有人同一条曲线", "everybody's curve")
	case whenOwnGap:
		return l.Pick("上次加自己的平均间隔", "the last one plus the customer's own mean gap")
	case whenLinear:
		return l.Pick("逐段风险（逻辑回归）", "hazards by logistic regression")
	}
	return l.Pick("逐段风险（提升树）", "hazards by boosted trees")
}

// whenTimes is what is told of each customer.
type whenTimes struct {
	customer               []string
	score, low, high       []float64
	within, expected, real []float64
	study                  *whenStudy // backtest
}

// middle returns the median of the medians, nil where it is beyond the horizon, and how many are beyond.
func (t *whenTimes) middle() (*float64, int) {
	var in []float64
	for _, x := range t.score {
		if !math.IsNaN(x) {
			in = append(in, x)
		}
	}
	slices.Sort(in)
	if at := len(t.score) / 2; at < len(in) {
		return &in[at], len(t.score) - len(in)
	}
	return nil, len(t.score) - len(in)
}

func (s *Shop) whenTimes(ctx context.Context, v *view, g plan.Goal, defs []query.Feature, who *query.Node, ask kequn.Cutoff, m *whenModel, chosen string, horizon float64, actual bool) (*whenTimes, error) {
	outcome, gap, since, err := whenNodes(g, v.plans())
	if err != nil {
		return nil, err
	}
	r := engine.Request{Cutoffs: []kequn.Cutoff{ask}, Zone: v.zone, Who: who, Threads: s.Threads, Features: append(slices.Clone(defs), query.Feature{Name: "_gap", Node: gap}, query.Feature{Name: "_since", Node: since})}
	if actual {
		r.Outcomes = []engine.Outcome{{Name: "days", Node: outcome}}
	}
	_, last := v.span()
	from := g.Gap.After(ask, v.zone)
	seen := math.Min(horizon, float64(kequn.DefaultCutoff(last, v.zone)-from)/dayMicro)
	out := &whenTimes{}
	if actual {
		out.study = &whenStudy{x: &table.Table{}}
	}
	err = s.Engine.Stream(ctx, v.data, r, func(p *engine.Panel) error {
		if p.NRows() == 0 {
			return nil
		}
		t := &whenStudy{x: p.X, gap: p.X.Column("_gap").Num, since: p.X.Column("_since").Num, y: make([]spell, p.NRows())}
		c, err := m.curves(chosen, t)
		if err != nil {
			return err
		}
		for i := range p.NRows() {
			out.customer = append(out.customer, strings.Clone(p.Customer.String(i)))
			out.score, out.low, out.high = append(out.score, c.quantile(i, 0.5)), append(out.low, c.quantile(i, whenLow)), append(out.high, c.quantile(i, whenHigh))
			out.within, out.expected = append(out.within, c.within(i)), append(out.expected, c.mean(i))
			if !actual {
				continue
			}
			days := p.Y.Columns[0].Num[i] - float64(from-ask)/dayMicro
			out.real = append(out.real, days)
			y := spell{math.Max(0, seen), false, seen}
			if !math.IsNaN(days) {
				y = spell{math.Max(0, days), true, seen}
			}
			out.study.y = append(out.study.y, y)
		}
		if actual {
			x, err := p.X.Select(m.wants()...)
			if err != nil {
				return err
			}
			if len(out.study.x.Columns) == 0 {
				for _, c := range x.Columns {
					e := table.NewColumn(c.Name, c.Kind, 0)
					e.Scale = c.Scale
					out.study.x.Columns = append(out.study.x.Columns, e)
				}
			}
			out.study.gap, out.study.since = append(out.study.gap, t.gap...), append(out.study.since, t.since...)
			if err := out.study.x.Append(x); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// writeTimes writes customer,score,low,high,within(,actual), customers sorted. Days that are beyond the horizon are empty.
func writeTimes(path string, t *whenTimes) error {
	order := make([]int, len(t.customer))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(t.customer[a], t.customer[b]) })
	return writeFile(path, func(w *csv.Writer) error {
		head := []string{"customer", "score", "low", "high", "within"}
		if t.real != nil {
			head = append(head, "actual")
		}
		if err := w.Write(head); err != nil {
			return err
		}
		for _, i := range order {
			row := []string{t.customer[i], missingOr(t.score[i]), missingOr(t.low[i]), missingOr(t.high[i]), missingOr(t.within[i])}
			if t.real != nil {
				row = append(row, missingOr(t.real[i]))
			}
			if err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Shop) backtestWhen(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags) (*Prediction, error) {
	p, t, err := s.whenGoal(ctx, v, g, ask, f, true)
	if err != nil {
		return nil, err
	}
	return p, p.write(f.Out, func(path string) error { return writeTimes(path, t) })
}

// whenDoc is what is kept of each customer of a "when" goal; −1 is beyond the horizon.
type whenDoc struct {
	Customer []string  `json:"customers"`
	Score    []float64 `json:"score"`
	Low      []float64 `json:"low"`
	High     []float64 `json:"high"`
	Within   []float64 `json:"within"`
}

func (s *Shop) predictWhen(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags) (*Prediction, error) {
	p, t, err := s.whenGoal(ctx, v, g, ask, f, false)
	if err != nil {
		return nil, err
	}
	if err := p.write(f.Out, func(path string) error { return writeTimes(path, t) }); err != nil {
		return nil, err
	}
	tx, err := s.ws.Begin(ctx, "predict "+p.Name)
	if err != nil {
		return nil, err
	}
	defer tx.Abort()
	if err := putDoc(tx, "goal."+p.Name, goalDoc{Prediction: p, Goal: g, WhyZH: p.WhyZH, WhyEN: p.WhyEN, Ask: ask}); err != nil {
		return nil, err
	}
	beyond := func(x []float64) []float64 {
		out := slices.Clone(x)
		for i := range out {
			if math.IsNaN(out[i]) {
				out[i] = -1
			}
		}
		return out
	}
	if err := putDoc(tx, "times."+p.Name, whenDoc{t.customer, beyond(t.score), beyond(t.low), beyond(t.high), t.within}); err != nil {
		return nil, err
	}
	if err := s.putColumn(ctx, tx, v, query.ScoreSet, p.Name, ask, t.customer, numbers(p.Name, t.score)); err != nil {
		return nil, err
	}
	if err := s.putColumn(ctx, tx, v, query.PercentileSet, p.Name, ask, t.customer, numbers(p.Name, percentiles(t.expected))); err != nil {
		return nil, err
	}
	return p, tx.Commit()
}
