package pipeline

import (
	"context"
	"math"
	"slices"
	"strings"

	"kequn/internal/explain"
	"kequn/internal/feature"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/query"
	"kequn/internal/table"
)

// plausible holds values that a feature takes, evenly spread over the customers: what may be supposed of one of them. It tells nothing
// of anybody: the least and the greatest value are not in it.
type plausible struct {
	Feature string    `json:"feature"`
	Values  []float64 `json:"values,omitempty"`
	Levels  []string  `json:"levels,omitempty"`
}

const (
	plausibleValues = 32
	leastPlausible  = 20 // customers that share a level before it is supposed of another
	bestFifth       = 0.8
)

// plausibleOf draws the plausible values of a panel's features.
func plausibleOf(x *table.Table, defs []query.Feature) []plausible {
	var out []plausible
	for _, f := range defs {
		c := x.Column(f.Name)
		if c == nil {
			continue
		}
		p := plausible{Feature: f.Name}
		if c.Kind.InCode() {
			p.Levels = spreadLevels(c)
		} else if v := slices.DeleteFunc(slices.Clone(c.Floats()), math.IsNaN); len(v) > 0 {
			at := make([]float64, plausibleValues)
			for i := range at {
				at[i] = (float64(i) + 0.5) / plausibleValues
			}
			p.Values = kernel.Quantiles(v, at...)
		}
		if p.Levels != nil || p.Values != nil {
			out = append(out, p)
		}
	}
	return out
}

// spreadLevels returns levels as often as their share of the customers says, most frequent first.
func spreadLevels(c *table.Column) []string {
	count := make([]float64, c.Dict.Len())
	for _, k := range c.Code {
		if k >= 0 {
			count[k]++
		}
	}
	var out []string
	for _, k := range kernel.ArgsortDesc(count) {
		if count[k] < leastPlausible {
			break
		}
		for range max(1, int(math.Round(plausibleValues*count[k]/float64(c.Len())))) {
			out = append(out, strings.Clone(c.Dict.At(int(k))))
		}
	}
	return out[:min(len(out), plausibleValues)]
}

// background makes a table of plausible values; features without any are missing in it.
func background(defs []query.Feature, all []plausible) *table.Table {
	x := &table.Table{}
	for _, f := range defs {
		i := slices.IndexFunc(all, func(p plausible) bool { return p.Feature == f.Name })
		if f.Node.Type == query.Text {
			c := table.NewColumn(f.Name, table.Category, plausibleValues)
			for k := range plausibleValues {
				if i >= 0 && len(all[i].Levels) > 0 {
					c.AppendString(all[i].Levels[k*len(all[i].Levels)/plausibleValues])
				} else {
					c.AppendMissing()
				}
			}
			x.Columns = append(x.Columns, c)
			continue
		}
		c := &table.Column{Name: f.Name, Kind: table.Number, Num: slices.Repeat([]float64{math.NaN()}, plausibleValues)}
		if i >= 0 && len(all[i].Values) == plausibleValues {
			copy(c.Num, all[i].Values)
		}
		x.Columns = append(x.Columns, c)
	}
	return x
}

// whyChange returns the nearest change that would take a customer into the best scored fifth or out of it, nil where that cannot be said.
func (s *Shop) whyChange(ctx context.Context, v *view, doc goalDoc, m model.Model, x *table.Table, score float64) (*WhyChange, error) {
	t, _, err := v.snap.Table(query.ScoreSet)
	if err != nil || len(doc.Plausible) == 0 || t.Column(doc.Goal.Name) == nil {
		return nil, nil
	}
	all := slices.DeleteFunc(slices.Clone(t.Column(doc.Goal.Name).Num), math.IsNaN)
	if len(all) < leastPlausible {
		return nil, nil
	}
	border := kernel.Quantiles(all, bestFifth)[0]
	c, err := explain.Flip(ctx, m, x, 0, border, explain.FlipOptions{Background: background(doc.Definitions, doc.Plausible), Fixed: boundTogether(doc.Definitions), Words: wordsOf(doc.Definitions), Seed: s.Seed})
	if err != nil {
		return nil, err
	}
	enters := score < border
	text := s.Lang.Pick("离开分数最高的五分之一：", "to leave the best scored fifth: ")
	if enters {
		text = s.Lang.Pick("进入分数最高的五分之一：", "to be among the best scored fifth: ")
	}
	return &WhyChange{Enters: enters, Threshold: border, Steps: c.Steps, To: c.To, Text: text + s.Lang.Pick(c.Zh, c.En)}, nil
}

// boundTogether names the columns that no change can touch alone. Those of the lifetime models are one history in several figures: a
// first order later than the last one, or more active days than days, are nobody's.
func boundTogether(defs []query.Feature) []string {
	var out []string
	for _, f := range defs {
		if strings.HasPrefix(f.Name, feature.LifetimePrefix) {
			out = append(out, f.Name)
		}
	}
	return out
}
