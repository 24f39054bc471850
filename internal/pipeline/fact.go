package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// A fact learnt later is a column of a customer table: did he default, which tariff did he take, what was the survey's answer. It has
// no horizon; it is known from some day on, and that day is its known-at time, or the table's loading where nothing else is said.
//
// It is learnt from customers whose fact was not known at the cutoff and is known now, and judged on other customers than those
// learnt from: the same fact at several cutoffs is one fact. A customer whose fact was known already is not asked about.

// factCutoffs is at how many cutoffs a dated fact is learnt: before most facts were known, so that there are many, and lately.
const factCutoffs = 3

// prepareFact makes the panel of a goal that asks for a fact.
func (s *Shop) prepareFact(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) (*study, error) {
	t := &study{lang: s.Lang, goal: g, cuts: Cutoffs{Judge: ask, Ask: ask, SameTime: true}}
	var err error
	if t.outcome, err = feature.Outcome(g, v.plans()); err != nil {
		return nil, err
	}
	d, column := factColumn(v, t.outcome)
	by := kequn.NoTime // a fact without a date counts as soon as it is loaded, at whatever cutoff is asked
	cutoffs := []kequn.Cutoff{ask}
	if d.Late || d.Versioned {
		by = ask
		first, err := v.beginning(ctx, g, ask)
		if err != nil {
			return nil, err
		}
		step := (ask - first) / (2 * factCutoffs)
		cutoffs = nil
		for k := kequn.Instant(factCutoffs); k >= 1; k-- {
			cutoffs = append(cutoffs, kequn.Midnight(ask-k*step, v.zone))
		}
		t.cuts.Learn, t.cuts.Judge = cutoffs[:len(cutoffs)-1], cutoffs[len(cutoffs)-1]
	}
	all, err := s.definitions(ctx, v, cutoffs[0])
	if err != nil {
		return nil, err
	}
	for _, f := range all { // the fact itself, and what is made of it, tells nothing
		if !slices.Contains(f.Sources, d.Name+"."+column) {
			t.defs = append(t.defs, f)
		}
	}
	if t.who, err = s.who(v, g.Who, all); err != nil {
		return nil, err
	}
	s.Progress(s.Lang.Pick("特征 ", "features of ")+g.Name, 0, 0)
	known := query.Feature{Name: knownFact, Node: query.Apply(query.Has, query.Bool, query.AttrOf(d.Name, column, attrType(t.outcome)))}
	t.panel, err = engine.Collect(ctx, s.Engine, v.data, engine.Request{
		Cutoffs: cutoffs, Zone: v.zone, Features: append(slices.Clone(t.defs), known), Outcomes: []engine.Outcome{{Name: g.Name, Node: t.outcome}},
		Who: t.who, KnownBy: by, Threads: s.Threads,
	})
	if err != nil {
		return nil, err
	}
	if t.panel.NRows() > 0 {
		already := t.panel.X.Column(knownFact).Num
		t.panel.X = t.panel.X.Drop(knownFact)
		y := t.panel.Y.Columns[0].Num
		rows := 0
		for i := range y {
			if already[i] == 1 && by != kequn.NoTime {
				y[i] = math.NaN()
			}
			if !math.IsNaN(y[i]) {
				rows++
			}
		}
		if rows == 0 {
			return nil, kequn.Errorf(kequn.KindNotEnough, g.Name, s.Lang.Pick("截止时刻 %s 之前，没有客户的 %s 是已知的", "no customer's %[2]s was known before the cutoff %[1]s"), day(ask, v), g.Column).
				WithHint("%s", s.Lang.Pick("选更晚的截止时刻，或加载已知结果的客户", "a later cutoff, or customers whose fact is known"))
		}
	}
	if most := maxCells / max(1, len(t.defs)); t.panel.NRows() > most {
		thin(t.panel, float64(most)/float64(t.panel.NRows()), s.Seed)
		t.notes = append(t.notes, fmt.Sprintf("learnt from a sample of %d rows", t.panel.NRows()))
	}
	return t, t.frame(s.Seed)
}

// knownFact is the name of the column that tells whether the fact was known at the cutoff already.
const knownFact = "_fact_known"

// factColumn returns the dataset and the column that an outcome reads.
func factColumn(v *view, n *query.Node) (d *engine.Dataset, column string) {
	n.Walk(func(x *query.Node) {
		if x.Op == query.Attr && d == nil {
			column = x.Name
			for i := range v.datasets {
				if v.datasets[i].Name == x.Dataset {
					d = &v.datasets[i]
				}
			}
		}
	})
	return d, column
}

func attrType(n *query.Node) (t query.Type) {
	n.Walk(func(x *query.Node) {
		if x.Op == query.Attr {
			t = x.Type
		}
	})
	return t
}

// heldOut gives customers that the model learnt from the score of a model that did not: a fact is compared with what was said of the
// customer without it.
func (l *learned) heldOut(sc *scores) {
	score, round, err := l.ladder.OutOfSample(l.line)
	if err != nil {
		return
	}
	t := l.study
	at := make(map[string]int, len(score)) // looked up only
	for i := range score {
		if round[i] >= 0 { // of several cutoffs the latest counts
			at[t.panel.Customer.String(i)] = i
		}
	}
	for i, c := range sc.customer {
		if k, ok := at[c]; ok {
			sc.score[i] = score[k]
		}
	}
}
