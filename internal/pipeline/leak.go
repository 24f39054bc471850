package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/model"
	"kequn/internal/query"
	"kequn/internal/table"
)

// leaks probes the features that no clock guards: attributes of customers, whose values may have been written at any time. What
// customers did is cut off by its own time and cannot come from the future.
//
// With drop, suspects are left out of the study; else the first that nobody confirmed is an input error.
func (s *Shop) leaks(ctx context.Context, t *study, confirmed []string, drop bool) ([]Leak, error) {
	out := []Leak{}
	for range leakRounds {
		found, err := s.probe(ctx, t)
		if err != nil {
			return nil, err
		}
		fresh := false
		for _, f := range found {
			l := Leak{Column: f.Column, Evidence: f.Evidence.In(s.Lang), EvidenceZH: f.Evidence.In(kequn.Chinese), EvidenceEN: f.Evidence.In(kequn.English), AUCWith: f.AUCWith, AUCWithout: f.AUCWithout}
			switch {
			case slices.ContainsFunc(out, func(o Leak) bool { return o.Column == l.Column }):
				continue
			case slices.Contains(confirmed, f.Column):
			case drop:
				l.Dropped, fresh = true, true
				t.leave(f.Column)
			default:
				return nil, kequn.Errorf(kequn.KindInput, f.Column, "may know the outcome: %s", l.Evidence).
					WithHint("was it written down after the outcome? Then set role: ignore for %s in kequn.yaml; if not: --confirm-leak %s", t.source(f.Column), f.Column)
			}
			out = append(out, l)
		}
		if !fresh {
			break
		}
	}
	return out, nil
}

func (s *Shop) probe(ctx context.Context, t *study) ([]evaluate.Leak, error) {
	x := &table.Table{}
	for i, f := range t.defs {
		if unguarded(f) {
			x.Columns = append(x.Columns, t.panel.X.Columns[i])
		}
	}
	if len(x.Columns) == 0 || t.y.Task == kequn.Multiclass {
		return nil, nil
	}
	// Suspects are judged beside everything else that is known, so that honest columns share what they know.
	all, err := evaluate.Leaks(ctx, evaluate.LeakProbe{X: t.panel.X, Y: t.y, W: t.weights(), Learner: s.prober(), Seed: s.Seed, Threads: s.Threads})
	if err != nil {
		return nil, err
	}
	suspects := slices.DeleteFunc(all, func(l evaluate.Leak) bool { return x.Column(l.Column) == nil })
	return append(futureDates(x, t.defs, suspects), suspects...), nil
}

// futureDates names attributes that are dates of the past (days since …) and yet lie after cutoffs at which they count as known:
// they were written down later than their known-at time says.
func futureDates(x *table.Table, defs []query.Feature, known []evaluate.Leak) []evaluate.Leak {
	var out []evaluate.Leak
	for _, c := range x.Columns {
		i := slices.IndexFunc(defs, func(f query.Feature) bool { return f.Name == c.Name })
		if c.Kind != table.Number || defs[i].Unit != "days" || slices.ContainsFunc(known, func(l evaluate.Leak) bool { return l.Column == c.Name }) {
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
			out = append(out, evaluate.Leak{Column: c.Name, Reason: "future", Evidence: evaluate.Text{
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
