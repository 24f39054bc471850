package audience

import (
	"context"
	"strconv"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/rule"
)

// Why says for one customer whether a rule holds, condition by condition, with the values behind it.
type Why struct {
	Customer   string      `json:"customer"`
	Rule       string      `json:"rule"`
	Cutoff     string      `json:"cutoff"`
	Member     bool        `json:"member"`
	There      bool        `json:"there"` // belongs to the population at all
	Conditions []Condition `json:"conditions"`
}

// Condition is one condition that all must meet, with the single tests that it is made of.
type Condition struct {
	Rule  string `json:"rule"`
	Words string `json:"words"`
	Holds bool   `json:"holds"`
	Tests []Test `json:"tests"`
}

// Test is an atom of a rule: a comparison or test that nothing divides further.
type Test struct {
	Rule   string  `json:"rule"`
	Words  string  `json:"words"`
	Holds  bool    `json:"holds"`
	Values []Value `json:"values"`
}

// Value is what an operand of a test came to.
type Value struct {
	Rule    string `json:"rule"`
	Words   string `json:"words"`
	Value   any    `json:"value"` // number, text, true or false, RFC 3339; null where missing
	Text    string `json:"text"`  // the same to be read
	Missing bool   `json:"missing,omitempty"`
}

// Why explains a membership. The engine must be able to answer for one customer. A customer who is not in the data is a
// usage error; one outside the population is told so and is no member.
func (s Source) Why(ctx context.Context, text, customer string, lang kequn.Lang) (*Why, error) {
	n, err := rule.Compile(text, s.Catalogue)
	if err != nil {
		return nil, err
	}
	e, ok := s.Engine.(engine.Valuer)
	if !ok {
		return nil, kequn.Errorf(kequn.KindUsage, "", "this engine cannot answer for one customer").WithHint("ask with --engine local")
	}
	q := questions{}
	there := q.ask(s.population())
	type plannedTest struct {
		node   *query.Node
		at     int
		values []int
	}
	type planned struct {
		node  *query.Node
		at    int
		tests []plannedTest
	}
	var conditions []planned
	for _, c := range conjuncts(n) {
		p := planned{node: c, at: q.ask(c)}
		for _, atom := range atoms(c, nil) {
			t := plannedTest{node: atom, at: q.ask(atom)}
			for _, operand := range operands(atom) {
				t.values = append(t.values, q.ask(operand))
			}
			p.tests = append(p.tests, t)
		}
		conditions = append(conditions, p)
	}
	answers, err := e.Values(ctx, s.Data, s.request(), customer, q.nodes)
	if err != nil {
		return nil, err
	}
	is := answers[0]
	out := &Why{Customer: customer, Rule: text, Cutoff: kequn.FormatZone(s.Cutoff, s.Zone), There: is[there].Bool, Member: is[there].Bool}
	for _, p := range conditions {
		c := Condition{Rule: rule.Print(p.node), Words: rule.Words(p.node, lang, s.Zone), Holds: is[p.at].Bool}
		for _, t := range p.tests {
			test := Test{Rule: rule.Print(t.node), Words: rule.Words(t.node, lang, s.Zone), Holds: is[t.at].Bool}
			for _, v := range t.values {
				test.Values = append(test.Values, s.valueOf(q.nodes[v], is[v], lang))
			}
			c.Tests = append(c.Tests, test)
		}
		out.Member = out.Member && c.Holds
		out.Conditions = append(out.Conditions, c)
	}
	return out, nil
}

// questions are trees to be answered, each once.
type questions struct{ nodes []*query.Node }

func (q *questions) ask(n *query.Node) int {
	for i, m := range q.nodes {
		if m == n {
			return i
		}
	}
	q.nodes = append(q.nodes, n)
	return len(q.nodes) - 1
}

// population is the condition of being there at all, as the engine has it: a row before the cutoff, and Who.
func (s Source) population() *query.Node {
	or := &query.Node{Op: query.Or, Type: query.Bool}
	for _, d := range s.Data.Datasets() {
		counts := d.Role == kequn.Events || d.Role == kequn.Orders || d.Role == kequn.Items
		if counts || s.Who != nil && d.Role.HasTime() {
			or.Args = append(or.Args, query.AggOf(query.Agg{Dataset: d.Name, Fn: query.Exists}, query.Bool))
		}
		if s.Who == nil || d.Role != kequn.Customers || !(d.Late || d.Versioned || d.LoadedAt > 0) {
			continue
		}
		// With a population of its own, somebody of whom only attributes are known is there too.
		for _, c := range d.Columns {
			if c.Role == kequn.ColCustomer || c.Role == kequn.ColIgnore || c.Role.Personal() {
				continue
			}
			t := query.Number
			if c.Kind.InCode() {
				t = query.Text
			}
			or.Args = append(or.Args, query.Apply(query.Has, query.Bool, query.AttrOf(d.Name, c.Name, t)))
		}
	}
	if s.Who == nil {
		return or
	}
	return query.Apply(query.And, query.Bool, or, s.Who)
}

// atoms lists the tests of a condition from left to right.
func atoms(n *query.Node, out []*query.Node) []*query.Node {
	switch n.Op {
	case query.And, query.Or, query.Not:
		for _, a := range n.Args {
			out = atoms(a, out)
		}
		return out
	case query.Const:
		return out
	}
	return append(out, n)
}

// operands lists what a test compares, constants left out: they stand in its words. An aggregate that is itself the test
// is shown by how many rows there are.
func operands(atom *query.Node) []*query.Node {
	var out []*query.Node
	switch atom.Op {
	case query.AggOp:
		if atom.Agg.Fn == query.Exists {
			count := *atom.Agg
			count.Fn, count.Lines = query.Count, true
			return []*query.Node{query.AggOf(count, query.Number)}
		}
		return []*query.Node{atom}
	case query.Attr, query.SeqOp:
		return []*query.Node{atom}
	}
	for _, a := range atom.Args {
		if a.Op != query.Const {
			out = append(out, a)
		}
	}
	return out
}

func (s Source) valueOf(n *query.Node, v engine.Value, lang kequn.Lang) Value {
	out := Value{Rule: rule.Print(n), Words: rule.Words(n, lang, s.Zone), Missing: v.Missing}
	if v.Missing {
		out.Text = lang.Pick("缺失", "missing")
		return out
	}
	switch v.Type {
	case query.Bool:
		out.Value, out.Text = v.Bool, lang.Pick("否", "no")
		if v.Bool {
			out.Text = lang.Pick("是", "yes")
		}
	case query.Text:
		out.Value, out.Text = v.Text, v.Text
	case query.Time:
		at := v.Time.Time()
		if s.Zone != nil {
			at = at.In(s.Zone)
		}
		out.Value, out.Text = at.Format(time.RFC3339Nano), at.Format("2006-01-02 15:04")
	default:
		out.Value, out.Text = v.Num, strconv.FormatFloat(v.Num, 'g', 6, 64)
	}
	return out
}
