package feature

import (
	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// personal adds what customers are: their attributes as known at the cutoff, age, and how long ago dates lie.
func (b *builder) personal(d *engine.Dataset) {
	if !b.begin(d) {
		return
	}
	for _, c := range b.columns(func(plan.Column) bool { return true }) {
		if c.profile.Values == 0 {
			continue // nobody has a value, or it is a lookup's that nobody's key finds
		}
		if isAmount(c.Column) && c.profile.Min == c.profile.Max && c.profile.Values == b.set.Rows {
			continue // everybody has the same
		}
		b.attribute(c)
	}
}

// idLike is the share of customers with different texts from which on a column rather names people than describes them.
const idLike = 0.5

func (b *builder) attribute(c column) {
	f := query.Feature{Name: c.stem, Kind: kindOf(c.Column), Missing: noValue, Sources: b.source(c.name), Sensitive: Sensitive(c.Column), TextZH: c.Name, TextEN: c.Name}
	n := query.AttrOf(b.d.Name, c.name, typeOf(c.Kind))
	switch {
	case c.Role == kequn.ColBirth && c.Kind == table.Time:
		f.Name, f.Node, f.Unit, f.TextZH, f.TextEN = "age", query.Apply(query.YearsSince, query.Number, n), "years", "年龄", "age"
	case c.Role == kequn.ColBirth && !c.Kind.InCode(): // a year of birth: it grows less true by one each year, but orders people
		f.Node, f.Unit = n, "year"
	case c.Kind == table.Time:
		f.Name, f.Unit = "days_since_"+c.stem, "days"
		f.Node = query.Apply(query.DaysBetween, query.Number, n, &query.Node{Op: query.Now, Type: query.Time})
		f.TextZH, f.TextEN = "距 "+c.Name+" 的天数", "days since "+c.Name
	case c.Kind.InCode():
		if float64(c.profile.Distinct) > idLike*float64(max(b.set.Customers, 20)) || c.profile.Distinct < 2 {
			return
		}
		f.Node = n
	default:
		f.Node = n
		switch c.Kind {
		case table.Money:
			f.Unit = b.currency(&c.Column)
		case table.Bool:
			f.Unit = "yes or no"
		}
	}
	if c.Role == kequn.ColConsent {
		f.TextZH, f.TextEN = "同意联系（"+c.Name+"）", "consent to contact ("+c.Name+")"
	}
	b.add(f)
}
