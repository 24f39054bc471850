package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/model"
	"kequn/internal/query"
	"kequn/internal/table"
)

// leaks probes the features that no clock guards: attributes of customers, whose values may have been written at any time; and the customers'
// own ids. What customers did is cut off by its own time and cannot come from the future.
//
// With drop, suspects are left out of the study; else the first that nobody confirmed is an input error.
func (s *Shop) leaks(ctx context.Context, t *study, confirmed []string, drop bool) ([]Leak, error) {
	out := []Leak{}
	written, err := s.writtenLater(ctx, t)
	if err != nil {
		return nil, err
	}
	for round := range leakRounds {
		found, err := s.probe(ctx, t, written)
		if err != nil {
			return nil, err
		}
		if round == 0 && !drop { // an id is never learnt from: it cannot be left out
			ids, err := s.probeID(ctx, t)
			if err != nil {
				return nil, err
			}
			found = append(found, ids...)
		}
		fresh := false
		for _, f := range found {
			l := Leak{Column: f.Column, Kind: f.Reason, Evidence: f.Evidence.In(s.Lang), EvidenceZH: f.Evidence.In(kequn.Chinese), EvidenceEN: f.Evidence.In(kequn.English), AUCWith: f.AUCWith, AUCWithout: f.AUCWithout}
			switch {
			case slices.ContainsFunc(out, func(o Leak) bool { return o.Column == l.Column }):
				continue
			case t.confirms(confirmed, f.Column):
				l.Confirmed = true
			case drop:
				l.Dropped, fresh = true, true
				t.leave(f.Column)
			default:
				return nil, s.stopped(t, f)
			}
			out = append(out, l)
		}
		if !fresh {
			break
		}
	}
	return out, nil
}

// confirms tells whether somebody said that a feature is no leak, by its name or that of the column it is made of.
func (t *study) confirms(confirmed []string, name string) bool {
	return slices.ContainsFunc(confirmed, func(c string) bool {
		return c == name || c == t.source(name) || "customers."+c == t.source(name)
	})
}

// stopped is the error of a finding that nobody confirmed: what is suspected, why, what it is worth, and what to do.
func (s *Shop) stopped(t *study, f evaluate.Leak) error {
	text := f.Evidence.In(s.Lang)
	if f.AUCWith != nil && f.AUCWithout != nil && f.Reason != evaluate.LeakVanishes { // which says it itself
		name := "AUC"
		if t.y.Task != kequn.Binary {
			name = "R²"
		}
		text += fmt.Sprintf(s.Lang.Pick("（%s %.3f，去掉后 %.3f）", " (%s %.3f, without it %.3f)"), name, *f.AUCWith, *f.AUCWithout)
	}
	err := kequn.Errorf(kequn.KindInput, f.Column, s.Lang.Pick("可能泄漏了结果：%s", "may know the outcome: %s"), text)
	if f.Column == customerID {
		return err.WithHint(s.Lang.Pick("查清客户编号是怎么发的；确认无妨后加 --confirm-leak %s", "find out how customers were numbered; if it does no harm: --confirm-leak %s"), f.Column)
	}
	return err.WithHint(s.Lang.Pick("它是结果发生之后才写下的吗？若是，在 kequn.yaml 中把 %s 设为 role: ignore；若不是，加 --confirm-leak %s",
		"was it written down after the outcome? Then set role: ignore for %s in kequn.yaml; if not: --confirm-leak %s"), t.source(f.Column), f.Column)
}

// customerID is what a finding about the customers' ids is called.
const customerID = "customer"

// leakProbe is what all probes of a study have in common. A missing value means that nothing was known of the customer then.
func (s *Shop) leakProbe(t *study) evaluate.LeakProbe {
	return evaluate.LeakProbe{X: t.panel.X, Y: t.y, W: t.weights(), Sparse: true, Learner: s.prober(), Seed: s.Seed, Threads: s.Threads}
}

// unclocked returns the features that no clock guards.
func (t *study) unclocked() *table.Table {
	x := &table.Table{}
	for i, f := range t.defs {
		if unguarded(f) {
			x.Columns = append(x.Columns, t.panel.X.Columns[i])
		}
	}
	return x
}

// writtenLater finds attributes that were written after the cutoffs at which they count. What else is learnt from makes no difference to
// that, so that it is found out once.
func (s *Shop) writtenLater(ctx context.Context, t *study) ([]evaluate.Leak, error) {
	x := t.unclocked()
	if len(x.Columns) == 0 || t.y.Task == kequn.Multiclass {
		return nil, nil
	}
	late := futureDates(x, t.defs)
	moved, err := s.moved(ctx, t, late)
	return append(late, moved...), err
}

// probe weighs what was written later, and looks for what else knows the outcome.
func (s *Shop) probe(ctx context.Context, t *study, written []evaluate.Leak) ([]evaluate.Leak, error) {
	x := t.unclocked()
	if len(x.Columns) == 0 || t.y.Task == kequn.Multiclass {
		return nil, nil
	}
	// Suspects are judged beside everything else that is known, so that honest columns share what they know.
	p := s.leakProbe(t)
	all, err := evaluate.Leaks(ctx, p)
	if err != nil {
		return nil, err
	}
	// What says why comes before what only says how much.
	still := slices.DeleteFunc(slices.Clone(written), func(l evaluate.Leak) bool { return x.Column(l.Column) == nil })
	late, err := evaluate.WeighLeaks(ctx, p, still)
	if err != nil {
		return nil, err
	}
	late = slices.DeleteFunc(late, harmless)
	return append(late, slices.DeleteFunc(all, func(l evaluate.Leak) bool {
		return x.Column(l.Column) == nil || slices.ContainsFunc(late, func(k evaluate.Leak) bool { return k.Column == l.Column })
	})...), nil
}

// harmless tells whether a value of today gives nothing away: a model knows as much without it. Dates after the cutoff are wrong in any case.
func harmless(l evaluate.Leak) bool {
	return l.Reason == evaluate.LeakMoved && l.AUCWith != nil && l.AUCWithout != nil && *l.AUCWith <= *l.AUCWithout
}

// probeID asks whether the customers' ids tell the outcome, at the judging cutoff only: over several, customers are like themselves.
func (s *Shop) probeID(ctx context.Context, t *study) ([]evaluate.Leak, error) {
	if t.y.Task == kequn.Multiclass || t.panel.Customer == nil {
		return nil, nil
	}
	p := s.leakProbe(t)
	var rows []int32
	for i, c := range t.panel.Cutoff {
		if int(c) == len(t.cuts.Learn) && p.W[i] > 0 {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) < minLearn {
		return nil, nil
	}
	id := t.panel.Customer.Take(rows)
	id.Name = customerID
	p.X, p.Y, p.W, p.Others = p.X.Take(rows), p.Y.Take(rows), nil, table.New(id)
	found, err := evaluate.Leaks(ctx, p)
	if errors.Is(err, model.ErrOneClass) {
		return nil, nil
	}
	return slices.DeleteFunc(found, func(l evaluate.Leak) bool { return l.Column != customerID }), err
}

// futureDates names attributes that are dates of the past (days since …) and yet lie after cutoffs at which they count as known:
// they were written down later than their known-at time says.
func futureDates(x *table.Table, defs []query.Feature) []evaluate.Leak {
	var out []evaluate.Leak
	for _, c := range x.Columns {
		i := slices.IndexFunc(defs, func(f query.Feature) bool { return f.Name == c.Name })
		if c.Kind != table.Number || defs[i].Unit != "days" {
			continue
		}
		after, filled := 0, 0
		for _, v := range c.Num {
			if v < 0 {
				after++
			}
			if !math.IsNaN(v) {
				filled++
			}
		}
		if share := float64(after) / math.Max(1, float64(filled)); share > futureShare {
			out = append(out, evaluate.Leak{Column: c.Name, Reason: evaluate.LeakFuture, Evidence: evaluate.Text{
				Zh: fmt.Sprintf("%.1f%% 的日期晚于它被视为已知的截止时刻，说明是事后写入的", 100*share),
				En: fmt.Sprintf("%.1f %% of its dates lie after the cutoff at which they count as known: they were written down later", 100*share)}})
		}
	}
	return out
}

// unguarded tells whether a feature reads an attribute of the customer.
func unguarded(f query.Feature) bool {
	found := false
	f.Node.Walk(func(n *query.Node) { found = found || n.Op == query.Attr })
	return found
}

// prober is a small boosted model, quick and able to find what there is; nil where the ladder has none.
func (s *Shop) prober() model.Learner {
	for _, l := range s.Learners {
		if l.Name != "gbdt" {
			continue
		}
		small, err := model.With(l.Learner, "trees", 40)
		if err != nil {
			return l.Learner
		}
		return small
	}
	return nil
}

// source names the column that a feature is made of.
func (t *study) source(name string) string {
	for _, f := range t.defs {
		if f.Name == name && len(f.Sources) > 0 {
			return f.Sources[0]
		}
	}
	return "its column"
}

// leave takes a feature out of the study.
func (t *study) leave(name string) {
	t.panel.X = t.panel.X.Drop(name)
	t.defs = slices.DeleteFunc(slices.Clone(t.defs), func(f query.Feature) bool { return f.Name == name })
}
