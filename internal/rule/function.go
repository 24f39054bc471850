package rule

import (
	"slices"
	"sort"
	"strings"

	"cel.dev/cel-go/common/ast"

	"kequn"
	"kequn/internal/query"
)

// function is one function of the language that is no method.
type function struct {
	least, most int // number of arguments; most is -1 for any
	usage       string
	customer    bool // about a customer, so not inside where
	read        func(c *checker, e ast.Expr, args []ast.Expr) (*query.Node, error)
}

var functions map[string]function

func functionNames() []string {
	out := []string{"sequence"}
	for name := range functions {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

func init() { // the readers call back into the table
	functions = map[string]function{
		"has":          {1, 1, "has(city)", false, (*checker).has},
		"coalesce":     {1, -1, "coalesce(a, b)", false, (*checker).coalesce},
		"min":          {2, -1, "min(a, b)", false, numeric(query.Min)},
		"max":          {2, -1, "max(a, b)", false, numeric(query.Max)},
		"abs":          {1, 1, "abs(x)", false, numeric(query.Abs)},
		"log1p":        {1, 1, "log1p(x)", false, numeric(query.Log1p)},
		"double":       {1, 1, "double(x)", false, (*checker).double},
		"string":       {1, 1, "string(x)", false, (*checker).label},
		"timestamp":    {1, 1, `timestamp("2017-10-01T08:00:00+08:00")`, false, (*checker).timestamp},
		"date":         {1, 1, `date("2017-10-01")`, false, (*checker).timestamp},
		"days_between": {2, 2, "days_between(from, to)", false, (*checker).daysBetween},
		"days_since":   {1, 1, "days_since(signup_date)", true, (*checker).daysSince},
		"years_since":  {1, 1, "years_since(signup_date)", true, (*checker).yearsSince},
		"age":          {1, 1, "age(birth_date)", true, (*checker).yearsSince},
		"now":          {0, 0, "now()", true, (*checker).now},
		"score":        {1, 1, `score("churn")`, true, (*checker).score},
		"percentile":   {1, 1, `percentile("churn")`, true, (*checker).score},
		"segment":      {1, 1, `segment("rfm")`, true, (*checker).segment},
		"in_audience":  {1, 1, `in_audience("vip")`, true, (*checker).inAudience},
		"consent":      {1, 1, `consent("email")`, true, (*checker).consent},
		"feature":      {1, 1, `feature("orders_30d")`, true, (*checker).featureByName},
		"lifecycle":    {2, 2, `lifecycle("orders", "30d")`, true, (*checker).lifecycle},
	}
	groupFunctions(func(name string, f function) { functions[name] = f })
}

func numeric(op query.Op) func(*checker, ast.Expr, []ast.Expr) (*query.Node, error) {
	return func(c *checker, e ast.Expr, args []ast.Expr) (*query.Node, error) {
		nodes, err := c.all(args, query.Number)
		if err != nil {
			return nil, err
		}
		return query.Apply(op, query.Number, nodes...), nil
	}
}

func (c *checker) has(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	n, err := c.value(args[0])
	if err != nil {
		return nil, err
	}
	return query.Apply(query.Has, query.Bool, n), nil
}

func (c *checker) coalesce(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	first, err := c.value(args[0])
	if err != nil {
		return nil, err
	}
	if first.Type == query.Bool {
		return nil, c.errorf(args[0], "a condition is never missing")
	}
	nodes := []*query.Node{first}
	for _, a := range args[1:] {
		n, err := c.typed(a, first.Type)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return query.Apply(query.Else, first.Type, nodes...), nil
}

func (c *checker) double(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	return c.typed(args[0], query.Number)
}

func (c *checker) label(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	n, err := c.value(args[0])
	switch {
	case err != nil:
		return nil, err
	case n.Type == query.Text:
		return n, nil
	case n.Op == query.Const && n.Type == query.Number:
		return query.Str(number(n.Value.Num)), nil
	}
	return query.Apply(query.Label, query.Text, n), nil
}

func (c *checker) timestamp(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	n, err := c.typed(args[0], query.Time)
	if err == nil && n.Op != query.Const {
		return n, nil // already a time
	}
	return n, err
}

func (c *checker) now(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	return &query.Node{Op: query.Now, Type: query.Time}, nil
}

func (c *checker) daysBetween(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	nodes, err := c.all(args, query.Time)
	if err != nil {
		return nil, err
	}
	return query.Apply(query.DaysBetween, query.Number, nodes...), nil
}

func (c *checker) daysSince(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	n, err := c.typed(args[0], query.Time)
	if err != nil {
		return nil, err
	}
	return query.Apply(query.DaysBetween, query.Number, n, &query.Node{Op: query.Now, Type: query.Time}), nil
}

func (c *checker) yearsSince(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	n, err := c.typed(args[0], query.Time)
	if err != nil {
		return nil, err
	}
	return query.Apply(query.YearsSince, query.Number, n), nil
}

// text reads an argument that must be a text in quotes, or a bare name in its place.
func (c *checker) text(e ast.Expr, what string) (string, error) {
	if p := c.path(e); p != nil {
		return strings.Join(p, "."), nil
	}
	if e.Kind() == ast.LiteralKind {
		if s, ok := e.AsLiteral().Value().(string); ok {
			return s, nil
		}
	}
	return "", c.errorf(e, "want %s in quotes", what)
}

func (c *checker) score(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	goal, err := c.text(args[0], "the name of a goal")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.Goals, goal) {
		return nil, unknown(c.place(args[0]), "goal", goal, c.Goals)
	}
	set := query.ScoreSet
	if e.AsCall().FunctionName() == "percentile" {
		set = query.PercentileSet
	}
	return query.AttrOf(set, goal, query.Number), nil
}

func (c *checker) segment(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	name, err := c.text(args[0], "the name of a segmentation")
	if err != nil {
		return nil, err
	}
	var known []string
	for _, s := range c.Segments {
		if s.Name == name {
			return query.AttrOf(query.SegmentSet, name, query.Text), nil
		}
		known = append(known, s.Name)
	}
	return nil, unknown(c.place(args[0]), "segmentation", name, known)
}

func (c *checker) inAudience(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	name, err := c.text(args[0], "the name of an audience")
	if err != nil {
		return nil, err
	}
	if i := slices.Index(c.open, name); i >= 0 {
		return nil, c.errorf(args[0], "audience %q is defined by itself: %s", name, strings.Join(append(slices.Clone(c.open[i:]), name), " → ")).
			WithHint("take one of these references away")
	}
	if n := c.done[name]; n != nil {
		return n, nil
	}
	var known []string
	for _, a := range c.Audiences {
		if a.Name == name {
			inner := &checker{open: append(slices.Clone(c.open), name), done: c.done, own: c.own}
			n, at, err := compile(a.Rule, c.Catalogue, inner)
			if err == nil && n.Type != query.Bool {
				err = at.errorf("the rule is %s, not a condition", typeWord(n.Type))
			}
			if err != nil {
				return nil, err
			}
			c.done[name] = n
			return n, nil
		}
		known = append(known, a.Name)
	}
	return nil, unknown(c.place(args[0]), "audience", name, known)
}

func (c *checker) consent(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	channel, err := c.text(args[0], "a channel")
	if err != nil {
		return nil, err
	}
	n, columns, err := c.consentOf(channel)
	if err != nil {
		return nil, c.here(e, err)
	}
	if n == nil {
		err := c.errorf(args[0], "there is no consent column for %q", channel)
		if len(columns) == 0 {
			return nil, err.WithHint("set role: %s on the column that says it, for example consent_%s", kequn.ColConsent, channel)
		}
		return nil, err.WithHint("columns with role consent are %s", strings.Join(columns, ", "))
	}
	return n, nil
}

func (c *checker) featureByName(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	name, err := c.text(args[0], "the name of a feature")
	if err != nil {
		return nil, err
	}
	if n, err := c.feature(name); n != nil || err != nil {
		return n, c.here(e, err)
	}
	var known []string
	for _, f := range c.Features {
		known = append(known, f.Name)
	}
	known = append(known, c.ownNames()...)
	return nil, unknown(c.place(args[0]), "feature", name, known)
}
