package feature

import (
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Outcome returns the definition of what a goal asks about the time after the cutoff: the window
// [cutoff+gap, cutoff+gap+within).
//
//	Event   Bool: does such a row occur; with Absent, does none
//	Sum     Number: the amount, refunds taken off
//	Count   Number: how many purchases or rows; orders, not their lines
//	Column  Number: 1 where the attribute, as known later, is Positive, 0 where it has another value; or the attribute itself
//
// Purchases are rows whose amount is not negative or zero: a refund is no purchase, and giving money back does not make a
// customer buy again. Where the dataset has no amount, every row counts. "events.cart" is rows of type cart.
func Outcome(g plan.Goal, datasets []plan.Dataset) (*query.Node, error) {
	w := query.Window{Span: g.Within, Skip: g.Gap, Ahead: true}
	where := "goal " + g.Name
	if g.Column == "" && g.Within.IsZero() {
		return nil, kequn.Errorf(kequn.KindPlan, where, "the horizon is missing").WithHint("within: 90d")
	}
	switch {
	case g.Event != "":
		d, rows, err := rowsOf(datasets, g.Event)
		if err != nil {
			return nil, at(err, where)
		}
		n := query.AggOf(query.Agg{Dataset: d.Name, Fn: query.Exists, Window: w, Where: rows}, query.Bool)
		if g.Absent {
			n = query.Apply(query.Not, query.Bool, n)
		}
		return n, nil
	case g.Count != "":
		d, rows, err := rowsOf(datasets, g.Count)
		if err != nil {
			return nil, at(err, where)
		}
		return query.AggOf(query.Agg{Dataset: d.Name, Fn: query.Count, Window: w, Where: rows}, query.Number), nil
	case g.Sum != "":
		d, col, err := columnOf(datasets, g.Sum)
		if err != nil {
			return nil, at(err, where)
		}
		if !d.Role.HasTime() || col.Kind.InCode() || col.Kind == table.Time {
			return nil, kequn.Errorf(kequn.KindPlan, where, "%s cannot be summed over time", g.Sum).WithHint("sums want a number of a dataset with event times, for example orders.amount")
		}
		return query.AggOf(query.Agg{Dataset: d.Name, Column: col.Name, Fn: query.Sum, Window: w}, query.Number), nil
	case g.Column != "":
		return fact(g, datasets, where)
	}
	if g.When+g.Next != "" {
		return nil, kequn.Errorf(kequn.KindPlan, where, "is answered with dates or lists, not with one number").WithHint("here a goal with event, sum, count or column is wanted")
	}
	return nil, kequn.Errorf(kequn.KindPlan, where, "nothing is asked").WithHint("one of event, sum, count and column")
}

func at(err error, where string) error {
	if e, ok := err.(*kequn.Error); ok {
		c := *e
		c.Where = where
		return &c
	}
	return err
}

// missing is a number that is not there.
func missing() *query.Node { return query.Apply(query.Div, query.Number, query.Num(0), query.Num(0)) }

func fact(g plan.Goal, datasets []plan.Dataset, where string) (*query.Node, error) {
	d, col, err := columnOf(datasets, g.Column)
	if err != nil {
		return nil, at(err, where)
	}
	if d.Role != kequn.Customers {
		return nil, kequn.Errorf(kequn.KindPlan, where, "%s has many rows a customer", d.Name).WithHint("a column goal wants a dataset of customers; for rows after the cutoff use event, sum or count")
	}
	attr := query.AttrOf(d.Name, col.Name, typeOf(col.Kind))
	if g.Positive == "" {
		if typeOf(col.Kind) != query.Number {
			return nil, kequn.Errorf(kequn.KindPlan, where, "%s is no number", g.Column).WithHint("say which value counts as yes: positive: …")
		}
		return attr, nil
	}
	yes := query.Apply(query.Eq, query.Bool, attr, query.Str(g.Positive))
	if typeOf(col.Kind) != query.Text {
		x, err := strconv.ParseFloat(g.Positive, 64)
		if b, isWord := words[strings.ToLower(g.Positive)]; err != nil && isWord && col.Kind == table.Bool {
			x, err = b, nil
		}
		if err != nil || typeOf(col.Kind) == query.Time {
			return nil, kequn.Errorf(kequn.KindPlan, where, "%q is not a value of %s, which is %s", g.Positive, g.Column, col.Kind)
		}
		yes = query.Apply(query.Eq, query.Bool, attr, query.Num(x))
	}
	value := query.Apply(query.If, query.Number, yes, query.Num(1), query.Num(0))
	return query.Apply(query.If, query.Number, query.Apply(query.Has, query.Bool, attr), value, missing()), nil
}

var words = map[string]float64{"true": 1, "yes": 1, "y": 1, "t": 1, "是": 1, "false": 0, "no": 0, "n": 0, "f": 0, "否": 0}

// dataset finds a dataset by name, or by role where none has the name.
func dataset(datasets []plan.Dataset, name string) *plan.Dataset {
	for i := range datasets {
		if datasets[i].Name == name {
			return &datasets[i]
		}
	}
	for i := range datasets {
		if string(datasets[i].Role) == name {
			return &datasets[i]
		}
	}
	return nil
}

func names(datasets []plan.Dataset) string {
	var out []string
	for _, d := range datasets {
		out = append(out, d.Name)
	}
	return strings.Join(out, ", ")
}

// rowsOf reads "orders" or "events.cart".
func rowsOf(datasets []plan.Dataset, name string) (*plan.Dataset, *query.Node, error) {
	d := dataset(datasets, name)
	var where *query.Node
	if d == nil {
		set, value, _ := strings.Cut(name, ".")
		if d = dataset(datasets, set); d != nil {
			col := d.With(kequn.ColType)
			if col == nil || !col.Kind.InCode() {
				return nil, nil, kequn.Errorf(kequn.KindPlan, "", "%s has no column with the type of a row", d.Name).WithHint("give one the role type, or ask about %s", d.Name)
			}
			where = query.Apply(query.Eq, query.Bool, query.FieldOf(col.Name, query.Text), query.Str(value))
		}
	}
	if d == nil {
		return nil, nil, kequn.Errorf(kequn.KindPlan, "", "no dataset %q", name).WithHint("datasets are %s", names(datasets))
	}
	if !d.Role.HasTime() {
		return nil, nil, kequn.Errorf(kequn.KindPlan, "", "%s has no event times, so nothing of it happens after a cutoff", d.Name)
	}
	if p := purchase(d); p != nil {
		if where != nil {
			p = query.Apply(query.And, query.Bool, where, p)
		}
		where = p
	}
	return d, where, nil
}

// purchase is the condition that a row is bought, not given back: its amount is not zero or less. A missing amount passes.
// It is nil where every row counts.
func purchase(d *plan.Dataset) *query.Node {
	amount := d.With(kequn.ColAmount)
	if amount == nil || d.Role != kequn.Orders && d.Role != kequn.Items || typeOf(amount.Kind) != query.Number {
		return nil
	}
	return query.Apply(query.Not, query.Bool, query.Apply(query.Le, query.Bool, query.FieldOf(amount.Name, query.Number), query.Num(0)))
}

// columnOf reads "orders.amount"; a role's name stands for a column where none has it.
func columnOf(datasets []plan.Dataset, name string) (*plan.Dataset, *plan.Column, error) {
	for i := range datasets {
		if rest, ok := strings.CutPrefix(name, datasets[i].Name+"."); ok {
			if c := datasets[i].Column(rest); c != nil {
				return &datasets[i], c, nil
			}
		}
	}
	set, column, ok := strings.Cut(name, ".")
	if !ok {
		return nil, nil, kequn.Errorf(kequn.KindPlan, "", "%q names no column", name).WithHint("for example orders.amount")
	}
	d := dataset(datasets, set)
	if d == nil {
		return nil, nil, kequn.Errorf(kequn.KindPlan, "", "no dataset %q", set).WithHint("datasets are %s", names(datasets))
	}
	c := d.Column(column)
	if c == nil {
		c = d.With(kequn.ColumnRole(column))
	}
	if c == nil {
		return nil, nil, kequn.Errorf(kequn.KindPlan, "", "dataset %s has no column %q", d.Name, column)
	}
	return d, c, nil
}
