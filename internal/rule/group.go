package rule

import (
	"strings"

	"cel.dev/cel-go/common/ast"

	"kequn"
	"kequn/internal/query"
)

// groupFolds are the folds over a customer's group by the end of their function's name: group_sum(key, x) folds over
// everybody of the group, others_sum(key, x) over the others.
var groupFolds = []struct {
	name string
	fn   query.Fn
}{{"count", query.Count}, {"sum", query.Sum}, {"mean", query.Mean}, {"min", query.MinOf}, {"max", query.MaxOf}}

// groupFunctions are the functions over groups.
func groupFunctions(add func(name string, f function)) {
	for _, g := range groupFolds {
		for _, who := range []string{"group_", "others_"} {
			name, args, n := who+g.name, "(household_id)", 1
			if g.fn != query.Count {
				args, n = `(household_id, orders.last("90d").count())`, 2
			}
			fn, others := g.fn, who == "others_"
			add(name, function{n, n, name + args, true, func(c *checker, e ast.Expr, args []ast.Expr) (*query.Node, error) {
				return c.group(e, fn, others, args)
			}})
		}
	}
}

// group reads a fold over the customers with the same key.
func (c *checker) group(e ast.Expr, fn query.Fn, others bool, args []ast.Expr) (*query.Node, error) {
	if c.Ahead {
		return nil, c.errorf(e, "an outcome is a customer's own, and a group is other people")
	}
	key, err := c.value(args[0])
	if err != nil {
		return nil, err
	}
	switch key.Type {
	case query.Text:
	case query.Number:
		key = query.Apply(query.Label, query.Text, key)
	default:
		return nil, c.errorf(args[0], "this is %s, and a group's key is a text", typeWord(key.Type)).WithHint("for example household_id or city")
	}
	g := query.Group{Key: key, Fn: fn, Others: others}
	if len(args) > 1 {
		if g.Of, err = c.value(args[1]); err != nil {
			return nil, err
		}
		if g.Of.Type != query.Number {
			return nil, c.errorf(args[1], "this is %s, want a number", typeWord(g.Of.Type)).WithHint("%s", hintFor(g.Of, query.Number))
		}
	}
	nested := false
	for _, n := range []*query.Node{g.Key, g.Of} {
		n.Walk(func(n *query.Node) { nested = nested || n.Op == query.GroupOp })
	}
	if nested {
		return nil, c.errorf(e, "a group stands within another group")
	}
	return query.GroupOf(g), nil
}

func (p *printer) group(g *query.Group) {
	name := "group_"
	if g.Others {
		name = "others_"
	}
	for _, f := range groupFolds {
		if f.fn == g.Fn {
			name += f.name
		}
	}
	p.b.WriteString(name + "(")
	p.value(g.Key, 0)
	if g.Of != nil {
		p.b.WriteString(", ")
		p.value(g.Of, 0)
	}
	p.b.WriteByte(')')
}

// groupWords are folds over groups in Chinese, after the value, and in English, before it.
var groupWords = map[query.Fn][2]string{query.Sum: {"合计", "total "}, query.Mean: {"均值", "mean "}, query.MinOf: {"最小值", "smallest "}, query.MaxOf: {"最大值", "greatest "}}

func (w words) group(g *query.Group) string {
	key := w.say(g.Key)
	who := w.pick("同一 "+key+" 的全体客户", "everybody of the same "+key)
	if g.Others {
		who = w.pick("同一 "+key+" 的其他客户", "the others of the same "+key)
	}
	if g.Fn == query.Count {
		return w.pick(who+"人数", "number of "+strings.TrimPrefix(who, "the "))
	}
	fold := groupWords[g.Fn]
	return w.pick(who+"的"+w.bracket(g.Of)+fold[0], fold[1]+w.bracket(g.Of)+" of "+who)
}

// group prints a fold over the people known, by the same key.
func (p *sqlPrinter) group(g *query.Group) string {
	if p.person == "q" {
		return "NULL" // groups do not stand within groups
	}
	key := p.value(g.Key)
	var known []string
	for _, d := range p.datasets {
		switch {
		case d.Role.HasTime():
			known = append(known, "SELECT _customer FROM "+p.visible(&d, query.Window{}, "r", nil))
		case d.Role == kequn.Customers && !strings.HasPrefix(d.Name, "_"):
			known = append(known, "SELECT _customer FROM "+sqlName(d.Name))
		}
	}
	p.person = "q"
	theirs, of := p.value(g.Key), ""
	if g.Of != nil {
		of = p.value(g.Of)
	}
	p.person = "p"
	from := " FROM (" + strings.Join(known, " UNION ") + ") q WHERE " + theirs + " = " + key
	if g.Others {
		from += " AND q._customer <> p._customer"
	}
	fold := map[query.Fn]string{query.Count: "count(*)", query.Sum: "coalesce(sum(" + of + "), 0)", query.Mean: "avg(" + of + ")", query.MinOf: "min(" + of + ")", query.MaxOf: "max(" + of + ")"}[g.Fn]
	return "(CASE WHEN " + key + " IS NOT NULL THEN (SELECT " + fold + from + ") END)"
}
