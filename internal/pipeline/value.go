package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/model/lifetime"
	"kequn/internal/model/value"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Counts and amounts are learnt otherwise than yes and no: what somebody spends grows with the horizon, so that a window that is shorter than what is asked about
// still tells, once it is stretched; and a lifetime model stretches it as customers really behave, who come less often and leave. So cutoffs to learn from may lie
// nearer to the present than the horizon is long, and half of the history is enough:
//
//	 learn (5, near each other)   windows end by judge       learn (5)    windows end by ask
//	───┼┼┼┼┼────────────────────── judge ────────────────────┼┼┼┼┼─────────────── ask ──▶ time
//
// Rungs are learnt at the first five cutoffs and judged at the judging one, over its window; what is chosen is learnt once more at the second five.
type valueStudy struct {
	money        bool
	horizon, gap float64            // days asked about
	judging      *lifetime.Forecast // fitted at the judging cutoff, for its window
	asking       *lifetime.Forecast // fitted at the asking cutoff, for the horizon
	factors      [2]float64         // by which forecasts of the two are corrected: √(outcome/forecast) of the cutoff before
	x            *table.Table       // the judging panel with the three columns of package value
	cutoffs      []kequn.Cutoff     // the second five
	later        *engine.Panel      // customers at them
	laterX       *table.Table       // with the three columns
	laterY       []float64          //
	power        float64            // of the variance
}

// shares of the window length at which cutoffs to learn from lie before the end of what may be seen: different ages and seasons steady what is learnt.
var learnAt = []float64{1.2, 1.1, 1, 0.9, 0.8}

// leastWindow is the shortest window, in days, that counts and amounts are learnt from.
const leastWindow = 2

// valueCutoffs are where a count or an amount is learnt, judged and asked.
type valueCutoffs struct {
	learn, later []kequn.Cutoff // oldest first
	judge, ask   kequn.Cutoff
	window       map[kequn.Cutoff]int // days, of all but ask
}

// maxValueStretch is how many times as long as what is judged the horizon of a count or an amount may be: what lies farther ahead is a guess.
const maxValueStretch = 3

// valueFrom returns when there is history enough to learn a count or an amount within a shorter time than its horizon.
func valueFrom(first kequn.Instant, g plan.Goal, zone *time.Location) kequn.Instant {
	days := max(4*leastWindow, 2*int(math.Ceil(g.Within.Duration().Hours()/24/maxValueStretch)))
	return kequn.Days(days).After(g.Gap.After(first, zone), zone)
}

// isValue tells whether a goal is learnt as a count or an amount within some days.
func isValue(g plan.Goal) bool {
	return (g.Count != "" || g.Sum != "") && g.Within.Duration() >= leastWindow*kequn.Day
}

// cutoffsOfValue chooses cutoffs for a goal asked at ask, from data that begin at first; ok is false where the history is too short to learn anything.
func (s *Shop) cutoffsOfValue(first kequn.Instant, ask kequn.Cutoff, g plan.Goal, v *view) (c valueCutoffs, ok bool) {
	days := func(from, to kequn.Instant) float64 { return float64(to-from) / float64(kequn.Day.Microseconds()) }
	horizon := g.Within.Duration().Hours() / 24
	c.ask, c.window = ask, map[kequn.Cutoff]int{}
	// back puts cutoffs before an end such that their windows end there.
	back := func(end kequn.Cutoff, shares ...float64) (out []kequn.Cutoff, window float64) {
		room := days(first, g.Gap.Before(end, v.zone))
		window = math.Min(horizon, room/2)
		for _, f := range shares {
			n := max(leastWindow, int(math.Round(f*window)))
			at := g.Gap.Before(kequn.Days(n).Before(end, v.zone), v.zone)
			if at <= first || slices.Contains(out, at) {
				continue
			}
			out, c.window[at] = append(out, at), n
		}
		return out, window
	}
	judge, window := back(ask, 1)
	if len(judge) == 0 || window < leastWindow {
		return c, false
	}
	c.judge = judge[0]
	c.learn, window = back(c.judge, learnAt...)
	if len(c.learn) == 0 || window < leastWindow || horizon > maxValueStretch*float64(c.window[c.judge]) {
		return c, false
	}
	n := c.window[c.judge]
	c.later, _ = back(ask, learnAt...)
	c.window[c.judge] = n
	return c, true
}

// prepareValue makes the panels of a count or an amount as known at ask. It returns nil where the history is too short, or nobody repeats.
func (s *Shop) prepareValue(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) (*study, error) {
	first, err := v.begins(ctx, ask)
	if err != nil || first == kequn.NoTime {
		return nil, err
	}
	reads, ok, err := feature.Lifetime(g, v.plans())
	if err != nil || !ok {
		return nil, err
	}
	c, ok := s.cutoffsOfValue(first, ask, g, v)
	if !ok {
		return nil, nil
	}
	judged := g
	judged.Within = kequn.Days(c.window[c.judge])
	if err := s.coveredUntil(v, judged, ask); err != nil {
		return nil, err
	}
	t := &study{lang: s.Lang, goal: g, cuts: Cutoffs{Learn: c.learn, Judge: c.judge, Ask: ask, Within: g.Within, Rounds: []CutoffRound{{Judge: len(c.learn)}}}}
	for i := range c.learn {
		t.cuts.Rounds[0].Learn = append(t.cuts.Rounds[0].Learn, i)
	}
	if t.defs, err = s.definitions(ctx, v, c.later[0]); err != nil {
		return nil, err
	}
	if t.who, err = s.who(v, g.Who, t.defs); err != nil {
		return nil, err
	}
	t.defs = append(t.defs, reads...)
	if t.outcome, err = feature.Outcome(g, v.plans()); err != nil {
		return nil, err
	}
	s.Progress(s.Lang.Pick("特征 ", "features of ")+g.Name, 0, 0)
	n := &valueStudy{money: g.Sum != "", horizon: g.Within.Duration().Hours() / 24, gap: g.Gap.Duration().Hours() / 24, power: 1}
	if n.money {
		n.power = amountPower
	}
	base, customers, err := s.lifetimes(ctx, v, g, c, n, reads)
	if err != nil {
		return nil, err
	}
	panels := [2]*engine.Panel{}
	for k, cuts := range [2][]kequn.Cutoff{append(slices.Clone(c.learn), c.judge), c.later} {
		share := 1.0
		if rows := customers * len(cuts); rows*len(t.defs) > maxCells {
			share = maxCells / float64(rows*len(t.defs))
		}
		outcomes, at, err := outcomesOf(g, v, cuts, c.window)
		if err != nil {
			return nil, err
		}
		p, err := engine.Collect(ctx, drawn{s.Engine, share, s.Seed}, v.data, engine.Request{
			Cutoffs: cuts, Zone: v.zone, Features: t.defs, Outcomes: outcomes, Who: t.who, KnownByEach: knownBy(cuts, c), Threads: s.Threads})
		if err != nil {
			return nil, err
		}
		if share < 1 && k == 0 {
			t.notes = append(t.notes, fmt.Sprintf("learnt from a sample of %d rows", p.NRows()))
		}
		// The outcome of a row is that of its own cutoff's window.
		y := make([]float64, p.NRows())
		for i, cut := range p.Cutoff {
			y[i] = p.Y.Columns[at[cut]].Num[i]
		}
		p.Y = table.New(&table.Column{Name: g.Name, Kind: table.Number, Num: y})
		panels[k] = p
	}
	t.panel, n.later, n.cutoffs = panels[0], panels[1], c.later
	if err := t.frame(s.Seed); err != nil {
		return nil, err
	}
	n.laterY = n.later.Y.Columns[0].Num
	for i, y := range n.laterY {
		if math.IsNaN(y) {
			n.laterY[i] = 0
		}
	}
	if n.x, err = s.withBase(t.panel, append(slices.Clone(c.learn), c.judge), c, n, base, float64(c.window[c.judge])); err != nil {
		return nil, err
	}
	for i, f := range n.x.Column(value.ScaleColumn).Num { // those judged have 1
		t.y.Y[i] *= f
	}
	if n.laterX, err = s.withBase(n.later, c.later, c, n, base, n.horizon); err != nil {
		return nil, err
	}
	for i, f := range n.laterX.Column(value.ScaleColumn).Num {
		n.laterY[i] *= f
	}
	t.value = n
	return t, nil
}

// amountPower is how the variance of amounts grows with their mean, between counts (1) and a constant share (2).
const amountPower = 1.5

// drawn is an engine whose panels hold a share of the customers.
type drawn struct {
	engine.Engine
	share float64
	seed  uint64
}

func (d drawn) Stream(ctx context.Context, data engine.Data, r engine.Request, each func(*engine.Panel) error) error {
	return d.Engine.Stream(ctx, data, r, func(p *engine.Panel) error {
		if d.share < 1 {
			thin(p, d.share, d.seed)
		}
		return each(p)
	})
}

// outcomesOf returns an outcome for every different window of the cutoffs, and which of them is whose.
func outcomesOf(g plan.Goal, v *view, cuts []kequn.Cutoff, window map[kequn.Cutoff]int) (out []engine.Outcome, at []int, err error) {
	var spans []int
	for _, c := range cuts {
		n := window[c]
		i := slices.Index(spans, n)
		if i < 0 {
			i = len(spans)
			spans = append(spans, n)
			g.Within = kequn.Days(n)
			node, err := feature.Outcome(g, v.plans())
			if err != nil {
				return nil, nil, err
			}
			out = append(out, engine.Outcome{Name: fmt.Sprintf("%s %d", g.Name, n), Node: node})
		}
		at = append(at, i)
	}
	return out, at, nil
}

// knownBy says, for each cutoff, by when its outcome must have been known: what the judging cutoff learnt from, by then.
func knownBy(cuts []kequn.Cutoff, c valueCutoffs) []kequn.Instant {
	out := make([]kequn.Instant, len(cuts))
	for i, at := range cuts {
		if out[i] = c.ask; slices.Contains(c.learn, at) {
			out[i] = c.judge
		}
	}
	return out
}

// mostSummaries bounds the customers that a lifetime model is fitted to: four numbers do not need more.
const mostSummaries = 200_000

// lifetimes fits a lifetime model at every cutoff, to all customers of that time: who is eligible for the goal says nothing about how people come and go. It returns the
// models by cutoff, without any where too few customers repeat, and the number of customers at the asking cutoff.
func (s *Shop) lifetimes(ctx context.Context, v *view, g plan.Goal, c valueCutoffs, n *valueStudy, reads []query.Feature) (map[kequn.Cutoff]*lifetime.Forecast, int, error) {
	cuts := append(append(slices.Clone(c.learn), c.judge), c.later...)
	cuts = append(cuts, c.ask)
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	outcomes, at, err := outcomesOf(g, v, cuts[:len(cuts)-1], c.window)
	if err != nil {
		return nil, 0, err
	}
	type cohort struct {
		all  []lifetime.Summary
		hash []float64
		rows []float64
		y    []float64
	}
	all := make([]cohort, len(cuts))
	share, customers := 1.0, 0
	err = s.Engine.Stream(ctx, v.data, engine.Request{Cutoffs: cuts, Zone: v.zone, Features: reads, Outcomes: outcomes, KnownByEach: knownBy(cuts, c), Threads: s.Threads}, func(p *engine.Panel) error {
		summaries, err := lifetime.Summaries(p.X, n.money)
		if err != nil {
			return err
		}
		rows := p.X.Column("lifetime_rows")
		for i, cut := range p.Cutoff {
			if int(cut) == len(cuts)-1 {
				customers++
			}
			h := kernel.HashUnit(s.Seed^kernel.ID("lifetime"), p.Customer.String(i))
			if h >= share || summaries[i].Repeats < 0 {
				continue
			}
			k := &all[cut]
			k.all, k.hash = append(k.all, summaries[i]), append(k.hash, h)
			if rows != nil {
				k.rows = append(k.rows, rows.Num[i])
			} else {
				k.rows = append(k.rows, float64(summaries[i].Repeats+1))
			}
			if int(cut) < len(at) {
				k.y = append(k.y, zeroIfMissing(p.Y.Columns[at[cut]].Num[i]))
			}
		}
		for len(all[len(all)-1].all) > mostSummaries {
			share /= 2
			for j := range all {
				k := &all[j]
				m := 0
				for i := range k.all {
					if k.hash[i] < share {
						k.all[m], k.hash[m], k.rows[m] = k.all[i], k.hash[i], k.rows[i]
						if k.y != nil {
							k.y[m] = k.y[i]
						}
						m++
					}
				}
				k.all, k.hash, k.rows = k.all[:m], k.hash[:m], k.rows[:m]
				if k.y != nil {
					k.y = k.y[:m]
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	out := map[kequn.Cutoff]*lifetime.Forecast{}
	ratio := map[kequn.Cutoff]float64{}
	var near *lifetime.Blend // customers of one cutoff are much like those of the next
	for j, cut := range slices.Backward(cuts) {
		k := &all[j]
		b, err := lifetime.FitBlend(ctx, k.all, nil, lifetime.Options{Threads: s.Threads, NoSpend: !n.money, Near: near})
		if kequn.KindOf(err) == kequn.KindNotEnough {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		near = b
		q := lifetime.Question{Money: n.money, Gap: n.gap, Horizon: n.horizon, Rows: 1}
		if cut != c.ask {
			q.Horizon = float64(c.window[cut])
		}
		days := 0.0
		for _, s := range k.all {
			days += float64(s.Repeats + 1)
		}
		if rows := kernel.Sum(k.rows); rows > 0 && !n.money {
			q.Rows = rows / days
		}
		f := lifetime.NewForecast(b, q)
		if n.money && !f.HasSpend() {
			continue
		}
		out[cut] = f
		if k.y != nil {
			ratio[cut] = value.Ratio(k.y, f.Means(k.all, s.Threads))
		}
	}
	n.judging, n.asking = out[c.judge], out[c.ask]
	n.factors = [2]float64{halfway(ratio[c.learn[len(c.learn)/2]]), halfway(ratio[c.judge])}
	return out, customers, nil
}

// halfway is the square root of a ratio, within a factor of 2: half of what an earlier forecast missed is its own.
func halfway(r float64) float64 {
	if !(r > 0) {
		return 1
	}
	return math.Sqrt(max(0.25, min(4, r)))
}

// withBase returns a panel's features with the three columns of package value. An outcome is stretched to the horizon half (in the logarithm) by days, as if nobody ever
// left, and half as the lifetime model sees the customer leave: young cohorts leave faster than their models know, old ones slower.
func (s *Shop) withBase(p *engine.Panel, cuts []kequn.Cutoff, c valueCutoffs, n *valueStudy, base map[kequn.Cutoff]*lifetime.Forecast, horizon float64) (*table.Table, error) {
	mean, chance, scale := make([]float64, p.NRows()), make([]float64, p.NRows()), make([]float64, p.NRows())
	for from := 0; from < p.NRows(); {
		cut, to := p.Cutoff[from], from
		for to < p.NRows() && p.Cutoff[to] == cut {
			to++
		}
		at := cuts[cut]
		straight := horizon / float64(c.window[at])
		if f := base[at]; f != nil {
			m, ch, err := f.Outlook(p.X.Slice(from, to))
			if err != nil {
				return nil, err
			}
			copy(mean[from:to], m)
			copy(chance[from:to], ch)
			if n.judging != nil && n.asking != nil {
				ask := f.Question()
				ask.Horizon = horizon
				if m, _, err = lifetime.NewForecast(f.Blend(), ask).Outlook(p.X.Slice(from, to)); err != nil {
					return nil, err
				}
				whole := value.Ratio(m, mean[from:to])
				for i, v := range m {
					curved := whole
					if mean[from+i] > 0 {
						curved = v / mean[from+i]
					}
					scale[from+i] = math.Sqrt(straight * curved)
				}
			}
		}
		for i := from; i < to; i++ {
			if !(scale[i] > 0) {
				scale[i] = straight
			}
		}
		from = to
	}
	columns := append(slices.Clone(p.X.Columns), &table.Column{Name: value.ScaleColumn, Kind: table.Number, Num: scale})
	if n.judging != nil && n.asking != nil {
		columns = append(columns, &table.Column{Name: value.BaseColumn, Kind: table.Number, Num: mean}, &table.Column{Name: value.ChanceColumn, Kind: table.Number, Num: chance})
	}
	return table.New(columns...), nil
}

// Names of the rungs for counts and amounts beside the ladder's own.
const (
	lifetimeRung = "lifetime"
	twoPartRung  = "twopart"
	valueRung    = "value"
)

// boosted returns the menu's boosted trees set up for counts and amounts, nil where the menu has none: small steps and small trees on parts of rows and columns, for
// what is to be learnt is weak.
func (s *Shop) boosted(n *valueStudy, power float64, set ...any) model.Learner {
	i := slices.IndexFunc(s.Learners, func(r model.Named) bool { return r.Name == "gbdt" })
	if i < 0 {
		return nil
	}
	l := s.Learners[i].Learner
	rows := max(20, min(100, float64(n.later.NRows())/100))
	set = append([]any{"rate", 0.03, "leaves", 8.0, "min_rows", rows, "row_share", 0.8, "column_share", 0.5, "power", power}, set...)
	for i := 0; i < len(set); i += 2 {
		if m, err := model.With(l, set[i].(string), set[i+1].(float64)); err == nil {
			l = m
		}
	}
	return l
}

// valueRungs returns the rungs for counts and amounts that --models asks for: base is the lifetime model of the cutoff that is to be scored.
func (s *Shop) valueRungs(n *valueStudy, models string, base *lifetime.Forecast, factor float64) ([]model.Named, error) {
	learner := value.Learner{Power: n.power, Fits: &value.Fits{},
		Correct: func(p float64) model.Learner { return s.boosted(n, p, "trees", 60.0) },
		Alone:   func(p float64) model.Learner { return s.boosted(n, p, "trees", 200.0) },
		Whether: func() model.Learner { return s.boosted(n, 0, "trees", 100.0) },
	}
	var all []model.Named
	if base != nil {
		learner.Base = base
		learner.Factor = factor
	}
	add := func(name string, parts ...value.Kind) {
		l := learner
		l.Parts = parts
		all = append(all, model.Named{Name: name, Learner: l})
	}
	if base != nil {
		add(lifetimeRung, value.Base)
	}
	for _, r := range s.Learners {
		all = append(all, model.Named{Name: r.Name, Learner: value.Bare{Learner: r.Learner}})
	}
	if s.boosted(n, 0) != nil {
		if base != nil {
			add(twoPartRung, value.TwoPart)
			add(valueRung, value.Base, value.Poisson, value.Tweedie, value.TwoPart)
		} else {
			add(valueRung, value.Poisson, value.Tweedie)
		}
	}
	usual := []string{lifetimeRung, "linear", "gbdt", twoPartRung, valueRung}
	return pickRungs(all, models, usual)
}

// pickRungs returns the rungs that --models names, or those that are tried where nobody asks.
func pickRungs(all []model.Named, models string, usual []string) ([]model.Named, error) {
	var names []string
	for _, name := range strings.Split(models, ",") {
		if name = strings.TrimSpace(name); name != "" && name != ladder.AutoName && name != "simple" {
			names = append(names, name)
		}
	}
	var known []string
	for _, l := range all {
		known = append(known, l.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, kequn.Errorf(kequn.KindUsage, "--models", "there is no model %q", name).WithHint("models are %s, auto and simple", strings.Join(known, ", "))
		}
	}
	if names == nil {
		names = usual
	}
	var out []model.Named
	for _, l := range all {
		if slices.Contains(names, l.Name) {
			out = append(out, l)
		}
	}
	return out, nil
}

// learnValue climbs the ladder of a count or an amount, and fits what was chosen at the cutoffs nearest to the present.
func (s *Shop) learnValue(ctx context.Context, t *study, models, prefer string) (*learned, error) {
	n := t.value
	n.x, n.laterX = known(n.x, t.panel.X), known(n.laterX, t.panel.X)
	early, err := s.valueRungs(n, models, n.judging, n.factors[0])
	if err != nil {
		return nil, err
	}
	late, err := s.valueRungs(n, models, n.asking, n.factors[1])
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range early {
		names = append(names, r.Name)
	}
	r, err := ladder.Run(ctx, ladder.Input{X: n.x, Y: t.y, Rungs: early, Rounds: t.rounds, Group: t.group}, ladder.Options{
		Seed: s.Seed, Threads: s.Threads, Memory: s.Memory, Asked: names, Favourite: valueRung,
		Progress: func(done, of float64, doing string) {
			s.Progress(s.Lang.Pick("模型 ", "models of ")+t.goal.Name, int64(1000*done/math.Max(of, 1e-9)), 1000)
		},
	})
	if err != nil {
		return nil, err
	}
	if r.Overrule() {
		t.notes = append(t.notes, fmt.Sprintf(s.Lang.Pick("自动组合按较早的数据选出，在评判期明显更差，因此选用 %s", "the blend chosen by earlier data was clearly worse in the judged period, so %s is chosen"), r.Chosen))
	}
	line, err := preferred(r, prefer)
	if err != nil {
		return nil, err
	}
	choice, err := r.FitOn(ctx, line, ladder.Input{X: n.laterX, Y: model.Outcome{Task: kequn.Regression, Y: n.laterY}, Rungs: late})
	if err != nil {
		return nil, err
	}
	l := &learned{study: t, ladder: r, choice: choice, line: line}
	l.median, err = s.medianOf(ctx, n)
	return l, err
}

// medianOf returns a forecast of the middle: the mean of the lifetime model's median and of trees that aim at it.
func (s *Shop) medianOf(ctx context.Context, n *valueStudy) (func(*table.Table) ([]float64, error), error) {
	var trees model.Model
	if l := s.boosted(n, 0, "trees", 200.0, "quantile", 0.5); l != nil {
		var err error
		trees, err = value.Bare{Learner: l, Seed: s.Seed, Threads: s.Threads}.Fit(ctx, n.laterX.Drop(value.BaseColumn, value.ChanceColumn), model.Outcome{Task: kequn.Regression, Y: n.laterY}, nil)
		if err != nil {
			return nil, err
		}
	}
	return func(x *table.Table) ([]float64, error) {
		out := make([]float64, x.NRows())
		parts := 0.0
		if trees != nil {
			f, err := trees.Predict(x)
			if err != nil {
				return nil, err
			}
			for i, v := range f {
				out[i] += max(0, v)
			}
			parts++
		}
		if n.asking != nil {
			e, err := n.asking.Expect(x, s.Threads, true)
			if err != nil {
				return nil, err
			}
			for i := range e {
				out[i] += e[i].Median
			}
			parts++
		}
		for i := range out {
			out[i] /= max(1, parts)
		}
		return out, nil
	}, nil
}

// known returns the table without features that the study has dropped since.
func known(x, kept *table.Table) *table.Table {
	var gone []string
	for _, c := range x.Columns {
		if !strings.HasPrefix(c.Name, "~") && kept.Index(c.Name) < 0 {
			gone = append(gone, c.Name)
		}
	}
	return x.Drop(gone...)
}

// LifetimeFacts is what the lifetime model found about how customers come, leave and spend.
type LifetimeFacts struct {
	Process    lifetime.Process     `json:"process"`
	K          int                  `json:"k"`
	Customers  int                  `json:"customers"`
	Buyers     int                  `json:"repeat_buyers"`
	Correction float64              `json:"correction"` // of its forecasts, by what an earlier one missed
	Parameters []lifetime.Parameter `json:"parameters"` // per day, with errors and intervals
	Notes      []string             `json:"notes,omitempty"`
}

// lifetimeFacts describes the lifetime models of the asking cutoff, nil where there is none.
func (n *valueStudy) lifetimeFacts(l kequn.Lang) []LifetimeFacts {
	if n == nil || n.asking == nil {
		return nil
	}
	var out []LifetimeFacts
	for _, m := range n.asking.Blend().Members {
		out = append(out, LifetimeFacts{Process: m.Process, K: m.K, Customers: m.Customers, Buyers: m.Buyers, Correction: n.factors[1], Parameters: m.Parameters(), Notes: m.Notes(l)})
	}
	return out
}

// Outlook is what a lifetime model says of one customer.
type Outlook struct {
	Alive  float64 `json:"p_alive"`         // still a customer
	Orders float64 `json:"expected_orders"` // days with an order, within the horizon
	Value  float64 `json:"expected"`        // of what the goal asks about
	Median float64 `json:"median"`
}

// outlookOf returns what the lifetime model inside a chosen model says of a row, nil where there is none.
func outlookOf(m model.Model, x *table.Table) *Outlook {
	c, ok := m.(*ladder.Choice)
	if !ok {
		return nil
	}
	members, _ := c.Members()
	for _, one := range members {
		v, ok := one.(*value.Model)
		if !ok {
			continue
		}
		if f, ok := v.Base().(*lifetime.Forecast); ok {
			if e, err := f.Expect(x, 1, true); err == nil && len(e) == 1 {
				return &Outlook{e[0].Alive, e[0].Orders, e[0].Mean, e[0].Median}
			}
		}
	}
	return nil
}
