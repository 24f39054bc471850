package rule

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// checker turns CEL's tree into a query tree, and refuses what has no meaning.
type checker struct {
	Catalogue
	*source
	info *ast.SourceInfo
	row  *rowScope              // inside where
	open []string               // audiences being read, outermost first
	done map[string]*query.Node // audiences read

	title string // what errors call the text, "" for a rule or an audience
	own   *own   // the plan's features, while these are read
}

// rowScope is what a where sees: one row of a dataset, under a name ("" where its columns go by bare names).
type rowScope struct {
	name string
	d    *plan.Dataset
}

func compile(text string, c Catalogue, within *checker) (*query.Node, place, error) {
	ch := &checker{Catalogue: c, done: map[string]*query.Node{}}
	where := "rule"
	if within != nil {
		ch.open, ch.done, ch.own = within.open, within.done, within.own
		if where = within.title; where == "" {
			where = "audience " + within.open[len(within.open)-1]
		}
	}
	tree, s, err := parse(where, text)
	ch.source = s
	if err != nil {
		return nil, place{s, 0}, err
	}
	ch.info = tree.SourceInfo()
	n, err := ch.value(tree.Expr())
	at := ch.place(tree.Expr())
	if err != nil {
		return nil, at, err
	}
	return n, place{s, 0}, checkSize(n, place{s, 0})
}

// checkSize refuses a tree that is too deep or too large, counting shared parts as often as they are used.
func checkSize(n *query.Node, at place) error {
	nodes, depth := 0, 0
	var walk func(n *query.Node, level int)
	walk = func(n *query.Node, level int) {
		if n == nil || nodes > MaxNodes {
			return
		}
		nodes++
		depth = max(depth, level)
		for _, below := range children(n) {
			walk(below, level+1)
		}
	}
	walk(n, 1)
	switch {
	case nodes > MaxNodes:
		return at.errorf("the rule is too long, at most %d operations are read (named audiences and features count in full)", MaxNodes)
	case depth > MaxDepth:
		return at.errorf("the rule is nested too deeply, at most %d levels are read", MaxDepth)
	}
	return nil
}

// children returns all trees right below a node.
func children(n *query.Node) []*query.Node {
	out := slices.Clone(n.Args)
	if n.Agg != nil {
		out = append(out, n.Agg.Where)
	}
	if n.Life != nil {
		out = append(out, n.Life.Where)
	}
	if n.Seq != nil {
		for _, s := range n.Seq.Steps {
			out = append(out, s.Where)
		}
		for _, s := range n.Seq.Without {
			out = append(out, s.Where)
		}
	}
	return out
}

func (c *checker) place(e ast.Expr) place {
	r, ok := c.info.GetOffsetRange(e.ID())
	if !ok {
		return place{c.source, 0}
	}
	return c.at(r.Start)
}

func (c *checker) errorf(e ast.Expr, format string, args ...any) *kequn.Error {
	return c.place(e).errorf(format, args...)
}

// here puts a place on an error that has none.
func (c *checker) here(e ast.Expr, err error) error {
	if k, ok := err.(*kequn.Error); ok && k.Where == "" {
		at := *k
		at.Where = c.errorf(e, "").Where
		return &at
	}
	return err
}

// value reads an expression that is a value.
func (c *checker) value(e ast.Expr) (*query.Node, error) {
	switch e.Kind() {
	case ast.LiteralKind:
		return c.literal(e)
	case ast.IdentKind:
		return c.name(e)
	case ast.SelectKind:
		return c.selection(e)
	case ast.CallKind:
		return c.call(e)
	case ast.ListKind:
		return nil, c.errorf(e, "a list stands only after in").WithHint(`for example city in ["上海", "北京"]`)
	}
	return nil, c.errorf(e, "rules have no maps, objects or loops")
}

func (c *checker) literal(e ast.Expr) (*query.Node, error) {
	switch v := e.AsLiteral().(type) {
	case types.Bool:
		if v {
			return query.True(), nil
		}
		return &query.Node{Op: query.Const, Type: query.Bool, Value: &query.Value{}}, nil
	case types.Int:
		return query.Num(float64(v)), nil
	case types.Uint:
		return query.Num(float64(v)), nil
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, c.errorf(e, "the number is too large")
		}
		return query.Num(float64(v)), nil
	case types.String:
		return query.Str(string(v)), nil
	case types.Null:
		return nil, c.errorf(e, "null is no value here").WithHint("ask has(name) or !has(name)")
	}
	return nil, c.errorf(e, "bytes have no meaning in a rule").WithHint("leave out the b before the quotes")
}

// name reads a bare name.
func (c *checker) name(e ast.Expr) (*query.Node, error) {
	name := c.original(e.AsIdent())
	if c.row != nil {
		return c.nameInRow(e, name)
	}
	if name == query.CustomerColumn {
		return query.CustomerID(), nil
	}
	if n, err := c.attribute(name, false); n != nil || err != nil {
		return n, c.here(e, err)
	}
	if n, err := c.feature(name); n != nil || err != nil {
		return n, c.here(e, err)
	}
	if n, err := c.attribute(name, true); n != nil || err != nil {
		return n, c.here(e, err)
	}
	if name == "cutoff" {
		return &query.Node{Op: query.Now, Type: query.Time}, nil
	}
	// Whatever the file calls its customer column, that name means the id.
	for i := range c.Datasets {
		if col := c.Datasets[i].With(kequn.ColCustomer); col != nil && (col.Name == name || name == "customer") {
			return query.CustomerID(), nil
		}
	}
	if d := c.datasetOf(name); d != nil {
		return nil, c.errorf(e, "%s is a dataset, not a value", name).WithHint(`ask something of it, for example %s.last("30d").count()`, name)
	}
	return nil, unknown(c.place(e), "name", name, c.names())
}

// names lists what a bare name can be.
func (c *checker) names() []string {
	var out []string
	for _, d := range c.Datasets {
		if d.Role == kequn.Customers {
			for _, col := range d.Columns {
				if !col.Role.Personal() && col.Role != kequn.ColIgnore && col.Role != kequn.ColCustomer {
					out = append(out, col.Name)
				}
			}
		}
	}
	for _, d := range c.Datasets {
		if d.Role != kequn.Lookup && d.Role != kequn.Customers {
			out = append(out, d.Name)
		}
	}
	for _, f := range c.Features {
		out = append(out, f.Name)
	}
	out = append(out, c.ownNames()...)
	return append(out, "customer", "cutoff")
}

func (c *checker) feature(name string) (*query.Node, error) {
	if f := c.featureNamed(name); f != nil {
		return f.Node, nil
	}
	return c.ownFeature(name)
}

func (c *checker) nameInRow(e ast.Expr, name string) (*query.Node, error) {
	if c.row.name == "" {
		col, err := c.columnOf(c.row.d, name)
		if err == nil {
			return query.FieldOf(col.name, col.queryType()), nil
		}
		if err != errNoColumn {
			return nil, c.here(e, err)
		}
	}
	switch {
	case name == "cutoff":
		return nil, c.errorf(e, "where is about rows, which know no cutoff").WithHint(`windows do: last("30d"), between("60d", "30d")`)
	case name == c.row.name && name != "":
		return nil, c.errorf(e, "%s is a whole row", name).WithHint("name a column, for example %s.%s", name, c.row.d.Columns[0].Name)
	case c.row.name == "":
		return nil, c.here(e, missingColumn(c.row.d, name))
	}
	if _, err := c.columnOf(c.row.d, name); err == nil {
		return nil, c.errorf(e, "the name %q is unknown inside where", name).WithHint("did you mean %s.%s?", c.row.name, name)
	}
	return nil, c.errorf(e, "the name %q is unknown inside where, which sees the columns of %s only", name, c.row.d.Name).WithHint("move conditions on the customer out of where")
}

// path returns the names of a.b.c, or nil if the expression is something else.
func (c *checker) path(e ast.Expr) []string {
	switch e.Kind() {
	case ast.IdentKind:
		return []string{c.original(e.AsIdent())}
	case ast.SelectKind:
		if s := e.AsSelect(); !s.IsTestOnly() {
			if p := c.path(s.Operand()); p != nil {
				return append(p, c.original(s.FieldName()))
			}
		}
	}
	return nil
}

// selection reads customers.city, o.channel and o.product_id.department.
func (c *checker) selection(e ast.Expr) (*query.Node, error) {
	p := c.path(e)
	if p == nil {
		return nil, c.errorf(e, "a value has no parts").WithHint("a name after a dot is a column: o.channel inside where, or customers.city")
	}
	if c.row != nil {
		if c.row.name != "" {
			if p[0] != c.row.name {
				return nil, c.errorf(e, "the name %q is unknown inside where, which sees the columns of %s as %s.…", p[0], c.row.d.Name, c.row.name)
			}
			p = p[1:]
		}
		col, err := c.columnOf(c.row.d, strings.Join(p, "."))
		if err == errNoColumn {
			err = missingColumn(c.row.d, p[0])
		}
		if err != nil {
			return nil, c.here(e, err)
		}
		return query.FieldOf(col.name, col.queryType()), nil
	}
	d := c.datasetOf(p[0])
	if d == nil {
		for i := range c.Datasets { // an attribute's lookup: district_id.region
			if t := &c.Datasets[i]; len(p) == 2 && t.Role == kequn.Customers && t.Column(p[0]) != nil {
				n, err := c.attributeNode(t, p[0]+"."+p[1])
				return n, c.here(e, err)
			}
		}
		return nil, unknown(c.place(e), "dataset", p[0], c.datasetNames())
	}
	if d.Role != kequn.Customers {
		return nil, c.errorf(e, "%s has many rows a customer, so %s.%s is no single value", d.Name, p[0], p[1]).
			WithHint(`say which, for example %s.latest(%q), or %s.where(r, r.%s == …)`, p[0], p[1], p[0], p[1])
	}
	n, err := c.attributeNode(d, strings.Join(p[1:], "."))
	return n, c.here(e, err)
}

func (c *checker) datasetNames() []string {
	var out []string
	for _, d := range c.Datasets {
		if d.Role != kequn.Lookup {
			out = append(out, d.Name)
		}
	}
	return out
}

func (c *checker) call(e ast.Expr) (*query.Node, error) {
	call := e.AsCall()
	name := c.original(call.FunctionName())
	if call.IsMemberFunction() {
		if op, ok := textMethods[name]; ok {
			return c.textTest(e, op, append([]ast.Expr{call.Target()}, call.Args()...))
		}
		return c.finish(e)
	}
	args := call.Args()
	if op, ok := operatorsOf[name]; ok {
		return c.operation(e, op, args)
	}
	if f, ok := functions[name]; ok {
		if len(args) < f.least || f.most >= 0 && len(args) > f.most {
			return nil, c.errorf(e, "%s has %d arguments", name, len(args)).WithHint("write %s", f.usage)
		}
		if c.row != nil && f.customer {
			return nil, c.errorf(e, "%s is about a customer, and where is about one row", name).WithHint("move it out of where")
		}
		return f.read(c, e, args)
	}
	switch name {
	case operators.Modulo, operators.Index, operators.OptIndex, operators.OptSelect:
		return nil, c.errorf(e, "rules have no %s", map[string]string{operators.Modulo: "%"}[name]+" sign or brackets here")
	case "sequence":
		return nil, c.errorf(e, "a sequence is not yet a condition").WithHint("add .exists()")
	}
	if d := c.datasetOf(name); d != nil {
		return nil, c.errorf(e, "%s is a dataset, not a function", name).WithHint("leave out the brackets")
	}
	return nil, unknown(c.place(e), "function", name, functionNames())
}

// typed reads a value and demands a type. A text that reads as a time may stand where a time is wanted.
func (c *checker) typed(e ast.Expr, t query.Type) (*query.Node, error) {
	n, err := c.value(e)
	if err != nil {
		return nil, err
	}
	if t == query.Time && n.Op == query.Const && n.Type == query.Text {
		return c.timeLiteral(e, n.Value.Text)
	}
	if n.Type != t {
		return nil, c.errorf(e, "this is %s, want %s", typeWord(n.Type), typeWord(t)).WithHint("%s", hintFor(n, t))
	}
	return n, nil
}

func hintFor(n *query.Node, want query.Type) string {
	switch {
	case want == query.Bool && n.Type == query.Number:
		return "compare it, for example … >= 2"
	case want == query.Bool:
		return `compare it, for example … == "yes"`
	case want == query.Number && n.Op == query.Const && n.Type == query.Text:
		return "write numbers without quotes"
	case want == query.Text && n.Op == query.Const && n.Type == query.Number:
		return "write texts in quotes"
	case want == query.Text:
		return "string(…) makes a text of it"
	case want == query.Time:
		return `write date("2017-10-01")`
	}
	return "see the column's kind in kequn.yaml"
}

func (c *checker) timeLiteral(e ast.Expr, text string) (*query.Node, error) {
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	t, err := kequn.ParseTime(text, zone)
	if err != nil {
		return nil, c.here(e, err)
	}
	return &query.Node{Op: query.Const, Type: query.Time, Value: &query.Value{Type: query.Time, Time: t}}, nil
}

// operatorsOf maps CEL's operators to ours.
var operatorsOf = map[string]query.Op{
	operators.LogicalAnd: query.And, operators.LogicalOr: query.Or, operators.LogicalNot: query.Not,
	operators.Equals: query.Eq, operators.NotEquals: query.Ne, operators.Less: query.Lt, operators.LessEquals: query.Le,
	operators.Greater: query.Gt, operators.GreaterEquals: query.Ge, operators.In: query.In,
	operators.Add: query.Add, operators.Subtract: query.Sub, operators.Multiply: query.Mul, operators.Divide: query.Div,
	operators.Negate: query.Neg, operators.Conditional: query.If,
}

var textMethods = map[string]query.Op{"contains": query.Contains, "startsWith": query.StartsWith, "endsWith": query.EndsWith, "matches": query.Matches}

func (c *checker) operation(e ast.Expr, op query.Op, args []ast.Expr) (*query.Node, error) {
	switch op {
	case query.And, query.Or, query.Not:
		nodes, err := c.all(args, query.Bool)
		if err != nil {
			return nil, err
		}
		if op == query.Not {
			return not(nodes[0]), nil
		}
		return join(op, nodes...), nil
	case query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge:
		return c.comparison(e, op, args)
	case query.In:
		return c.membership(e, args)
	case query.If:
		return c.choice(args)
	}
	nodes := make([]*query.Node, len(args))
	for i, a := range args {
		n, err := c.value(a)
		if err != nil {
			return nil, err
		}
		if n.Type == query.Time {
			return nil, c.errorf(a, "times are not added or subtracted").WithHint("days_between(a, b) and days_since(t) count days; ages are years_since(t)")
		}
		if n.Type != query.Number {
			return nil, c.errorf(a, "this is %s, want a number", typeWord(n.Type)).WithHint("%s", hintFor(n, query.Number))
		}
		nodes[i] = n
	}
	return query.Apply(op, query.Number, nodes...), nil
}

func (c *checker) all(args []ast.Expr, t query.Type) ([]*query.Node, error) {
	out := make([]*query.Node, len(args))
	for i, a := range args {
		n, err := c.typed(a, t)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// not returns the negation, in the form that has no double one.
func not(n *query.Node) *query.Node {
	if n.Op == query.Not {
		return n.Args[0]
	}
	return query.Apply(query.Not, query.Bool, n)
}

// join returns And or Or of the conditions, in the form where neither stands right below itself.
func join(op query.Op, nodes ...*query.Node) *query.Node {
	var flat []*query.Node
	for _, n := range nodes {
		if n.Op == op {
			flat = append(flat, n.Args...)
		} else {
			flat = append(flat, n)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return query.Apply(op, query.Bool, flat...)
}

// pair reads two values that are to be compared.
func (c *checker) pair(e ast.Expr, args []ast.Expr) (a, b *query.Node, err error) {
	if a, err = c.value(args[0]); err != nil {
		return nil, nil, err
	}
	if b, err = c.value(args[1]); err != nil {
		return nil, nil, err
	}
	return c.reconcile(e, args[0], args[1], a, b)
}

// reconcile makes the types of two values equal where a literal can give way.
func (c *checker) reconcile(e, ea, eb ast.Expr, a, b *query.Node) (*query.Node, *query.Node, error) {
	if a.Type == b.Type {
		return a, b, nil
	}
	if a.Op == query.Const && b.Op != query.Const {
		b, a, err := c.reconcile(e, eb, ea, b, a)
		return a, b, err
	}
	if b.Op == query.Const {
		switch {
		case b.Type == query.Text && a.Type == query.Time:
			b, err := c.timeLiteral(eb, b.Value.Text)
			return a, b, err
		case b.Type == query.Text && a.Type == query.Number:
			return nil, nil, c.errorf(eb, "a number is compared with a text").WithHint("write the number without quotes")
		case b.Type == query.Number && a.Type == query.Text:
			return nil, nil, c.errorf(eb, "a text is compared with a number").WithHint("write it in quotes: \"%s\"", number(b.Value.Num))
		case b.Type == query.Number && a.Type == query.Bool:
			return nil, nil, c.errorf(eb, "a condition is compared with a number").WithHint("a condition stands by itself, or with ! before it")
		}
	}
	return nil, nil, c.errorf(e, "%s is compared with %s", typeWord(a.Type), typeWord(b.Type))
}

func (c *checker) comparison(e ast.Expr, op query.Op, args []ast.Expr) (*query.Node, error) {
	a, b, err := c.pair(e, args)
	if err != nil {
		return nil, err
	}
	equality := op == query.Eq || op == query.Ne
	if !equality && a.Type == query.Bool {
		return nil, c.errorf(e, "a condition is neither more nor less than another")
	}
	if a.Type == query.Bool {
		return sameTruth(op, a, b), nil
	}
	if err := c.checkState(args, a, b); err != nil {
		return nil, err
	}
	return query.Apply(op, query.Bool, a, b), nil
}

// sameTruth compares two conditions. A boolean column equal to false must not be missing.
func sameTruth(op query.Op, a, b *query.Node) *query.Node {
	if a.Op == query.Const {
		a, b = b, a
	}
	if b.Op == query.Const {
		if b.Value.Bool == (op == query.Eq) {
			return a
		}
		if a.Op == query.Attr || a.Op == query.Field || a.Op == query.AggOp {
			return join(query.And, query.Apply(query.Has, query.Bool, a), not(a))
		}
		return not(a)
	}
	n := join(query.Or, join(query.And, a, b), join(query.And, not(a), not(b)))
	if op == query.Ne {
		return not(n)
	}
	return n
}

// checkState refuses a state of a lifecycle or a segment that cannot be.
func (c *checker) checkState(args []ast.Expr, values ...*query.Node) error {
	var known []string
	what := ""
	for _, v := range values {
		switch {
		case v.Op == query.LifeO:
			known, what = lifeStates, "state of a lifecycle"
		case v.Op == query.Attr && v.Dataset == query.SegmentSet:
			for _, s := range c.Segments {
				if s.Name == v.Name {
					known, what = s.Values, "segment of "+s.Name
				}
			}
		}
	}
	if len(known) == 0 {
		return nil
	}
	for i, v := range values {
		if v.Op == query.Const && !slices.Contains(known, v.Value.Text) {
			return unknown(c.place(args[min(i, len(args)-1)]), what, v.Value.Text, known)
		}
	}
	return nil
}

var lifeStates = []string{query.LifeFirst, query.LifeRegular, query.LifeBack, query.LifeStopped, query.LifeDormant, query.LifeNever}

func (c *checker) membership(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	if args[1].Kind() != ast.ListKind {
		return nil, c.errorf(args[1], "a list stands after in").WithHint(`for example city in ["上海", "北京"]`)
	}
	x, err := c.value(args[0])
	if err != nil {
		return nil, err
	}
	if x.Type == query.Bool {
		return nil, c.errorf(args[0], "a condition is in no list")
	}
	nodes := []*query.Node{x}
	elements := args[1].AsList().Elements()
	for _, el := range elements {
		n, err := c.value(el)
		if err != nil {
			return nil, err
		}
		if _, n, err = c.reconcile(e, args[0], el, x, n); err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	if err := c.checkState(append([]ast.Expr{args[0]}, elements...), nodes...); err != nil {
		return nil, err
	}
	return query.Apply(query.In, query.Bool, nodes...), nil
}

// choice reads condition ? then : else.
func (c *checker) choice(args []ast.Expr) (*query.Node, error) {
	cond, err := c.typed(args[0], query.Bool)
	if err != nil {
		return nil, err
	}
	a, b, err := c.pair(args[1], args[1:])
	if err != nil {
		return nil, err
	}
	if a.Type == query.Bool {
		return join(query.Or, join(query.And, cond, a), join(query.And, not(cond), b)), nil
	}
	return query.Apply(query.If, a.Type, cond, a, b), nil
}

func (c *checker) textTest(e ast.Expr, op query.Op, args []ast.Expr) (*query.Node, error) {
	if len(args) != 2 {
		return nil, c.errorf(e, "%s wants one text", e.AsCall().FunctionName()).WithHint(`for example city.startsWith("上")`)
	}
	nodes, err := c.all(args, query.Text)
	if err != nil {
		return nil, err
	}
	if op == query.Matches {
		if nodes[1].Op != query.Const {
			return nil, c.errorf(args[1], "a pattern is a text in quotes")
		}
		if err := checkPattern(nodes[1].Value.Text); err != nil {
			return nil, c.errorf(args[1], "%v", err).WithHint("patterns are of the RE2 kind, see github.com/google/re2/wiki/Syntax")
		}
	}
	return query.Apply(op, query.Bool, nodes...), nil
}

// maxPattern bounds a pattern: RE2 runs in linear time, but its program grows with repetitions.
const maxPattern = 1000

func checkPattern(p string) error {
	if len(p) > maxPattern {
		return kequn.Errorf(kequn.KindUsage, "", "the pattern is %d bytes long, at most %d are read", len(p), maxPattern)
	}
	_, err := regexp.Compile(p)
	return err
}
