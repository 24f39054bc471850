package pipeline

import (
	"context"
	"slices"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/evaluate"
	"kequn/internal/explain"
	"kequn/internal/feature"
	"kequn/internal/model"
	"kequn/internal/query"
	"kequn/internal/table"
)

// mostSensitive bounds the attributes whose groups are compared.
const mostSensitive = 12

// fairness compares how the scores of the rows judged treat the groups of customers' sensitive attributes, which are no features unless
// the plan allows it. Attributes are as they are known now: what is judged is the treatment of people, not a forecast.
func (s *Shop) fairness(ctx context.Context, v *view, l *learned) ([]evaluate.Fairness, error) {
	t := l.study
	attributes := feature.Attributes(v.datasets)
	attributes = attributes[:min(len(attributes), mostSensitive)]
	score, round, err := l.ladder.OutOfSample(l.line)
	if err != nil || len(attributes) == 0 || t.y.Task == kequn.Multiclass {
		return nil, err
	}
	cutoff := t.cuts.Judge
	if t.cuts.SameTime {
		cutoff = t.cuts.All()[0]
	}
	names := make([]string, len(attributes))
	for i := range attributes {
		names[i], attributes[i].Name = attributes[i].Name, attributes[i].Sources[0]
	}
	s.Progress(s.Lang.Pick("公平性 ", "fairness of ")+t.goal.Name, 0, 0)
	p, err := engine.Collect(ctx, s.Engine, v.data, engine.Request{Cutoffs: []kequn.Cutoff{cutoff}, Zone: v.zone, Features: attributes, Who: t.who, AnyTime: true, Threads: s.Threads})
	if err != nil {
		return nil, err
	}
	at := make([]int32, p.Customer.Dict.Len()) // by customer: the row of p, counted from 1
	for i, k := range p.Customer.Code {
		at[k] = int32(i + 1)
	}
	in := evaluate.FairInput{Task: t.y.Task, X: t.panel.X, Weight: weightsOf(l.choice), Seed: s.Seed, Threads: s.Threads}
	var from []int32 // of each judged row: that of p, −1 where there is none
	for i, r := range round {
		if r < 0 {
			continue
		}
		in.Y, in.Score, in.XRow = append(in.Y, t.y.Y[i]), append(in.Score, score[i]), append(in.XRow, int32(i))
		row := int32(-1)
		if k := p.Customer.Dict.Find(t.panel.Customer.String(i)); k >= 0 {
			row = at[k] - 1
		}
		from = append(from, row)
	}
	var out []evaluate.Fairness
	for i, a := range attributes {
		in.Attribute, in.Group = names[i], aligned(p.X.Columns[i], from, a.Unit == "yes or no")
		in.Used = slices.ContainsFunc(t.defs, func(f query.Feature) bool { return slices.Contains(f.Sources, a.Sources[0]) })
		f, err := evaluate.FairnessOf(in)
		if err != nil {
			return nil, err
		}
		out = append(out, *f)
	}
	return out, nil
}

// aligned returns the column's values at rows, missing at −1; numbers that mean yes or no as such.
func aligned(c *table.Column, rows []int32, yesNo bool) *table.Column {
	kind := c.Kind
	if yesNo && kind == table.Number {
		kind = table.Bool
	}
	out := table.NewColumn(c.Name, kind, len(rows))
	if c.Kind.InCode() {
		out.Dict = c.Dict
	}
	for _, r := range rows {
		switch {
		case r < 0 || c.IsMissing(int(r)):
			out.AppendMissing()
		case c.Kind.InCode():
			out.Code = append(out.Code, c.Code[r])
		case kind == table.Bool:
			out.Int = append(out.Int, int64(c.Num[r]))
		case kind == table.Number:
			out.Num = append(out.Num, c.Num[r])
		default:
			out.Int = append(out.Int, c.Int[r])
		}
	}
	return out
}

// weightsOf returns the share of a column in the model's importance, nil of a model that does not know it.
func weightsOf(m model.Model) func(column string) float64 {
	if m == nil {
		return nil
	}
	weights := explain.Importance(m)
	if weights == nil {
		return nil
	}
	return func(column string) float64 {
		for _, w := range weights {
			if w.Column == column {
				return w.Share
			}
		}
		return 0
	}
}
