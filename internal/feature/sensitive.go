package feature

import (
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Attributes returns what customers are that must not decide about them, used as features or not: to compare how a model treats their
// groups. Dates are years since; the rest is as it stands. Names are the columns', age for a date of birth, and may repeat.
func Attributes(datasets []engine.Dataset) []query.Feature {
	plans := make([]plan.Dataset, len(datasets))
	for i := range datasets {
		plans[i] = datasets[i].Dataset
	}
	var out []query.Feature
	add := func(d *engine.Dataset, name string, c plan.Column) {
		if !usable(c) || !About(c) {
			return
		}
		f := query.Feature{Name: c.Name, Node: query.AttrOf(d.Name, name, typeOf(c.Kind)), Kind: query.Trait, Missing: noValue, Sources: []string{d.Name + "." + name},
			Sensitive: true, TextZH: c.Name, TextEN: c.Name}
		if c.Kind == table.Time {
			f.Node, f.Unit = query.Apply(query.YearsSince, query.Number, f.Node), "years"
			if c.Role == kequn.ColBirth {
				f.Name, f.TextZH, f.TextEN = "age", "年龄", "age"
			}
		}
		if c.Kind == table.Bool {
			f.Unit = "yes or no"
		}
		out = append(out, f)
	}
	for i := range datasets {
		d := &datasets[i]
		if d.Role != kequn.Customers || strings.HasPrefix(d.Name, "_") {
			continue
		}
		for _, c := range d.Columns {
			add(d, c.Name, c)
		}
		for _, c := range d.Columns {
			for _, a := range lookupAttributes(plans, d.Columns, c) {
				add(d, c.Name+"."+a.Name, a)
			}
		}
	}
	return out
}
