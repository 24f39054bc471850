package feature

import (
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// LifetimePrefix begins the names of what lifetime models read.
const LifetimePrefix = "lifetime_"

// Lifetime returns what lifetime models read of a customer's history: of the rows that a goal of a count or a sum asks about, on how many days there were any, when the
// first and the last were, how regular the gaps are, and of sums what they added up to. Names are those of package lifetime, which this floor does not know.
//
// ok is false for other goals.
func Lifetime(g plan.Goal, datasets []plan.Dataset) (out []query.Feature, ok bool, err error) {
	var d *plan.Dataset
	var where *query.Node
	var money *plan.Column
	switch {
	case g.Count != "":
		if d, where, err = rowsOf(datasets, g.Count); err != nil {
			return nil, false, at(err, "goal "+g.Name)
		}
	case g.Sum != "":
		if d, money, err = columnOf(datasets, g.Sum); err != nil {
			return nil, false, at(err, "goal "+g.Name)
		}
		if !d.Role.HasTime() || money.Kind.InCode() || money.Kind == table.Time {
			return nil, false, nil
		}
		where = purchase(d)
	default:
		return nil, false, nil
	}
	add := func(name string, fn query.Fn, column, unit, missing, zh, en string) {
		n := query.AggOf(query.Agg{Dataset: d.Name, Column: column, Fn: fn, Where: where}, query.Number)
		source := []string{d.Name}
		if column != "" {
			source = []string{d.Name + "." + column}
		}
		out = append(out, query.Feature{Name: LifetimePrefix + name, Node: n, Kind: query.Behaviour, Unit: unit, Missing: missing, Sources: source, TextZH: zh, TextEN: en})
	}
	add("active_days", query.ActiveDays, "", "days", never0, "至今有记录的天数（"+d.Name+"）", "days with any "+d.Name+" so far")
	add("first", query.DaysFirst, "", "days", noRows, "距首次的天数（"+d.Name+"）", "days since the first of "+d.Name)
	add("last", query.DaysLast, "", "days", noRows, "距最近一次的天数（"+d.Name+"）", "days since the last of "+d.Name)
	add("gap_mean", query.GapMean, "", "days", tooFew, "两次之间的平均天数（"+d.Name+"）", "mean days between "+d.Name)
	add("gap_sd", query.GapSD, "", "days", tooFew, "间隔天数的波动（"+d.Name+"）", "how much the days between "+d.Name+" vary")
	if money == nil {
		add("rows", query.Count, "", "", never0, "至今的次数（"+d.Name+"）", "number of "+d.Name+" so far")
		return out, true, nil
	}
	where = nil // refunds are taken off what was spent, and are no purchase
	add("amount", query.Sum, money.Name, money.Currency, never0, "至今合计（"+g.Sum+"）", "total "+g.Sum+" so far")
	where = purchase(d)
	add("begins", query.First, money.Name, money.Currency, noRows, "首次的 "+g.Sum, "first "+g.Sum)
	return out, true, nil
}
