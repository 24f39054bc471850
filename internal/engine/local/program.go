package local

import (
	"fmt"
	"regexp"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/query"
)

// program is a list of operations, operands before what uses them, equal ones once.
type program struct{ nodes []node }

type node struct {
	op   query.Op
	typ  query.Type
	args []int
	leaf int               // slot or ref of leaves
	con  query.Value       // of Const
	test func(string) bool // tests of one text against constants, decided once per different text
}

// Leaves and helpers of our own, beside those of query.
const (
	opSlot     query.Op = "slot"     // a value per customer and cutoff
	opRef      query.Op = "ref"      // a column of the row at hand
	opTruth    query.Op = "truth"    // Number → Bool: 1 is true, all else false
	opNumber   query.Op = "number"   // Bool → Number
	opTest     query.Op = "test"     // Text → Bool by node.test
	opTextIs   query.Op = "text_is"  // Text → Bool: equals con
	opLife     query.Op = "life6"    // last, previous, earlier → Text
	opCustomer query.Op = "customer" // the customer's own name
)

// builder turns trees into operations of a program.
type builder struct {
	c     *compiler
	out   *program
	src   *source // set where trees are about rows
	index map[string]int
	ahead bool // outcomes: windows may look ahead, attributes are as known by then
}

func (b *builder) add(n node, extra string) int {
	key := fmt.Sprintf("%s|%d|%v|%d|%q|%v|%s", n.op, n.typ, n.args, n.leaf, n.con.Text, n.con, extra)
	if i, ok := b.index[key]; ok {
		return i
	}
	b.out.nodes = append(b.out.nodes, n)
	i := len(b.out.nodes) - 1
	b.index[key] = i
	return i
}

func badNode(n *query.Node, format string, args ...any) error {
	return kequn.Errorf(kequn.KindPlan, "", "%s: %s", n.Op, fmt.Sprintf(format, args...))
}

func (b *builder) typeOf(i int) query.Type { return b.out.nodes[i].typ }

// boolean builds a tree that must be yes or no.
func (b *builder) boolean(n *query.Node) (int, error) {
	i, err := b.build(n)
	if err != nil {
		return 0, err
	}
	if b.typeOf(i) != query.Bool {
		return 0, badNode(n, "is not yes or no")
	}
	return i, nil
}

// number builds a tree whose value is a number, a time, or yes and no as 1 and 0.
func (b *builder) number(n *query.Node) (int, error) {
	i, err := b.build(n)
	if err != nil {
		return 0, err
	}
	switch b.typeOf(i) {
	case query.Text:
		return 0, badNode(n, "is a text where a number is wanted")
	case query.Bool:
		return b.add(node{op: opNumber, typ: query.Number, args: []int{i}}, ""), nil
	}
	return i, nil
}

func (b *builder) build(n *query.Node) (int, error) {
	if n == nil {
		return 0, kequn.Errorf(kequn.KindInternal, "", "a definition without a tree")
	}
	switch n.Op {
	case query.Const:
		if n.Value == nil {
			return 0, badNode(n, "without a value")
		}
		return b.add(node{op: query.Const, typ: n.Value.Type, con: *n.Value}, ""), nil
	case query.Field:
		return b.field(n)
	case query.Attr, query.AggOp, query.SeqOp, query.LifeO, query.Now, query.YearsSince, query.GroupOp:
		if b.src != nil {
			return 0, badNode(n, "a condition on rows knows columns of its rows only")
		}
		return b.customerLeaf(n)
	case query.And, query.Or, query.Not:
		return b.logic(n)
	case query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge:
		return b.comparison(n)
	case query.In:
		return b.in(n)
	case query.Contains, query.StartsWith, query.EndsWith, query.Matches:
		return b.textTest(n)
	case query.Has:
		return b.has(n)
	case query.If, query.Else:
		return b.choice(n)
	case query.Label:
		return b.label(n)
	}
	return b.arithmetic(n)
}

func (b *builder) field(n *query.Node) (int, error) {
	if b.src == nil {
		return 0, badNode(n, "column %q is of a row; outside row conditions there is none", n.Name)
	}
	r, err := b.c.refAs(b.src, n.Name, b.ahead)
	if err != nil {
		return 0, err
	}
	text := b.src.refs[r].kind.InCode()
	return b.leafAs(n, node{op: opRef, leaf: r}, text)
}

// leafAs gives a leaf the type that its node declares.
func (b *builder) leafAs(n *query.Node, leaf node, text bool) (int, error) {
	if text != (n.Type == query.Text) {
		return 0, badNode(n, "%q is declared as another type than its column's", n.Name)
	}
	leaf.typ = n.Type
	if n.Type != query.Bool {
		return b.add(leaf, ""), nil
	}
	leaf.typ = query.Number
	raw := b.add(leaf, "")
	return b.add(node{op: opTruth, typ: query.Bool, args: []int{raw}}, ""), nil
}

func (b *builder) customerLeaf(n *query.Node) (int, error) {
	switch n.Op {
	case query.Now:
		return b.add(node{op: query.Now, typ: query.Time}, ""), nil
	case query.YearsSince:
		a, err := b.number(n.Args[0])
		if err != nil {
			return 0, err
		}
		return b.add(node{op: query.YearsSince, typ: query.Number, args: []int{a}}, ""), nil
	case query.AggOp:
		slot, err := b.c.agg(n.Agg, b.ahead)
		if err != nil {
			return 0, err
		}
		t := *n
		t.Name = string(n.Agg.Fn)
		if t.Type == query.Time && n.Agg.Column == "" {
			return 0, badNode(n, "%s is not a time", n.Agg.Fn)
		}
		return b.leafAs(&t, node{op: opSlot, leaf: slot}, b.c.slots[slot].text)
	case query.SeqOp:
		slot, err := b.c.sequence(n.Seq, b.ahead)
		if err != nil {
			return 0, err
		}
		return b.leafAs(&query.Node{Op: n.Op, Type: query.Bool}, node{op: opSlot, leaf: slot}, false)
	case query.LifeO:
		return b.lifecycle(n.Life)
	case query.GroupOp:
		return b.rollup(n)
	}
	if n.Name == engine.CustomerColumn {
		return b.add(node{op: opCustomer, typ: query.Text}, ""), nil
	}
	slot, err := b.c.attr(n, b.ahead)
	if err != nil {
		return 0, err
	}
	return b.leafAs(n, node{op: opSlot, leaf: slot}, b.c.slots[slot].text)
}

// lifecycle asks whether there are rows in the last period, in the one before, and earlier.
func (b *builder) lifecycle(l *query.Lifecycle) (int, error) {
	two := kequn.Span{Days: 2 * l.Period.Days, Exact: 2 * l.Period.Exact}
	windows := []query.Window{{Span: l.Period}, {Span: two, Skip: l.Period}, {Skip: two}}
	n := node{op: opLife, typ: query.Text}
	for _, w := range windows {
		slot, err := b.c.agg(&query.Agg{Dataset: l.Dataset, Fn: query.Exists, Window: w, Where: l.Where}, false)
		if err != nil {
			return 0, err
		}
		n.args = append(n.args, b.add(node{op: opSlot, typ: query.Number, leaf: slot}, ""))
	}
	return b.add(n, ""), nil
}

func (b *builder) logic(n *query.Node) (int, error) {
	out := node{op: n.Op, typ: query.Bool}
	for _, a := range n.Args {
		i, err := b.boolean(a)
		if err != nil {
			return 0, err
		}
		out.args = append(out.args, i)
	}
	if n.Op == query.Not && len(out.args) != 1 {
		return 0, badNode(n, "takes one operand")
	}
	return b.add(out, ""), nil
}

func (b *builder) comparison(n *query.Node) (int, error) {
	if len(n.Args) != 2 {
		return 0, badNode(n, "takes two operands")
	}
	x, err := b.build(n.Args[0])
	if err != nil {
		return 0, err
	}
	y, err := b.build(n.Args[1])
	if err != nil {
		return 0, err
	}
	tx, ty := b.typeOf(x), b.typeOf(y)
	switch {
	case tx == query.Text && ty == query.Text:
		return b.compareTexts(n.Op, x, y), nil
	case tx == query.Text || ty == query.Text:
		return 0, badNode(n, "compares a text with a number")
	}
	for _, p := range []*int{&x, &y} {
		if b.typeOf(*p) == query.Bool {
			*p = b.add(node{op: opNumber, typ: query.Number, args: []int{*p}}, "")
		}
	}
	return b.add(node{op: n.Op, typ: query.Bool, args: []int{x, y}}, ""), nil
}

// mirrored is the comparison with its operands exchanged.
var mirrored = map[query.Op]query.Op{query.Eq: query.Eq, query.Ne: query.Ne, query.Lt: query.Gt, query.Le: query.Ge, query.Gt: query.Lt, query.Ge: query.Le}

func (b *builder) compareTexts(op query.Op, x, y int) int {
	if b.out.nodes[x].op == query.Const && b.out.nodes[y].op != query.Const {
		x, y, op = y, x, mirrored[op]
	}
	if c := b.out.nodes[y]; c.op == query.Const {
		want := c.con.Text
		if op == query.Eq {
			return b.add(node{op: opTextIs, typ: query.Bool, args: []int{x}, con: c.con}, "")
		}
		return b.add(node{op: opTest, typ: query.Bool, args: []int{x}, test: func(s string) bool { return holds(op, strings.Compare(s, want)) }}, string(op)+" "+want)
	}
	return b.add(node{op: op, typ: query.Bool, args: []int{x, y}}, "texts")
}

// holds tells whether a comparison holds of operands that compare as c does with 0.
func holds(op query.Op, c int) bool {
	switch op {
	case query.Eq:
		return c == 0
	case query.Ne:
		return c != 0
	case query.Lt:
		return c < 0
	case query.Le:
		return c <= 0
	case query.Gt:
		return c > 0
	}
	return c >= 0
}

func (b *builder) in(n *query.Node) (int, error) {
	if len(n.Args) == 0 {
		return 0, badNode(n, "takes a value and a list")
	}
	x, err := b.build(n.Args[0])
	if err != nil {
		return 0, err
	}
	if b.typeOf(x) == query.Text {
		set := map[string]bool{}
		var key strings.Builder
		for _, a := range n.Args[1:] {
			if a.Op != query.Const || a.Value.Type != query.Text {
				return b.inOneByOne(n)
			}
			set[a.Value.Text] = true
			fmt.Fprintf(&key, "%q,", a.Value.Text)
		}
		return b.add(node{op: opTest, typ: query.Bool, args: []int{x}, test: func(s string) bool { return set[s] }}, "in "+key.String()), nil
	}
	return b.inOneByOne(n)
}

func (b *builder) inOneByOne(n *query.Node) (int, error) {
	or := &query.Node{Op: query.Or}
	for _, a := range n.Args[1:] {
		or.Args = append(or.Args, query.Apply(query.Eq, query.Bool, n.Args[0], a))
	}
	return b.logic(or)
}

func (b *builder) textTest(n *query.Node) (int, error) {
	if len(n.Args) != 2 {
		return 0, badNode(n, "takes two texts")
	}
	x, err := b.build(n.Args[0])
	if err != nil {
		return 0, err
	}
	y, err := b.build(n.Args[1])
	if err != nil {
		return 0, err
	}
	if b.typeOf(x) != query.Text || b.typeOf(y) != query.Text {
		return 0, badNode(n, "takes texts")
	}
	c := b.out.nodes[y]
	if c.op != query.Const {
		if n.Op == query.Matches {
			return 0, badNode(n, "takes a literal pattern")
		}
		return b.add(node{op: n.Op, typ: query.Bool, args: []int{x, y}}, ""), nil
	}
	want := c.con.Text
	test := func(s string) bool { return textHolds(n.Op, s, want) }
	if n.Op == query.Matches {
		re, err := regexp.Compile(want)
		if err != nil {
			return 0, badNode(n, "pattern %q is not RE2", want)
		}
		test = re.MatchString
	}
	return b.add(node{op: opTest, typ: query.Bool, args: []int{x}, test: test}, string(n.Op)+" "+want), nil
}

func textHolds(op query.Op, s, want string) bool {
	switch op {
	case query.Contains:
		return strings.Contains(s, want)
	case query.StartsWith:
		return strings.HasPrefix(s, want)
	}
	return strings.HasSuffix(s, want)
}

func (b *builder) has(n *query.Node) (int, error) {
	if len(n.Args) != 1 {
		return 0, badNode(n, "takes one operand")
	}
	x, err := b.build(n.Args[0])
	if err != nil {
		return 0, err
	}
	if b.typeOf(x) == query.Bool {
		if m := b.out.nodes[x]; m.op == opTruth { // a Bool column can be missing before it is made two-valued
			x = m.args[0]
		} else {
			return b.add(node{op: query.Const, typ: query.Bool, con: query.Value{Type: query.Bool, Bool: true}}, ""), nil
		}
	}
	return b.add(node{op: query.Has, typ: query.Bool, args: []int{x}}, ""), nil
}

func (b *builder) label(n *query.Node) (int, error) {
	if len(n.Args) != 1 {
		return 0, badNode(n, "takes one operand")
	}
	x, err := b.build(n.Args[0])
	if err != nil || b.typeOf(x) == query.Text {
		return x, err
	}
	return b.add(node{op: query.Label, typ: query.Text, args: []int{x}}, ""), nil
}

// choice builds If and Else, whose operands agree in type but for Bool, which becomes a number beside numbers.
func (b *builder) choice(n *query.Node) (int, error) {
	out := node{op: n.Op}
	rest := n.Args
	if n.Op == query.If {
		if len(n.Args) != 3 {
			return 0, badNode(n, "takes a condition and two values")
		}
		c, err := b.boolean(n.Args[0])
		if err != nil {
			return 0, err
		}
		out.args, rest = []int{c}, n.Args[1:]
	}
	if len(rest) == 0 {
		return 0, badNode(n, "takes values")
	}
	types := map[query.Type]bool{}
	var values []int
	for _, a := range rest {
		i, err := b.build(a)
		if err != nil {
			return 0, err
		}
		values = append(values, i)
		types[b.typeOf(i)] = true
	}
	out.typ = b.typeOf(values[0])
	switch {
	case types[query.Text] && len(types) > 1:
		return 0, badNode(n, "mixes texts and numbers")
	case len(types) > 1:
		out.typ = query.Number
	}
	for _, i := range values {
		if out.typ == query.Number && b.typeOf(i) == query.Bool {
			i = b.add(node{op: opNumber, typ: query.Number, args: []int{i}}, "")
		}
		out.args = append(out.args, i)
	}
	return b.add(out, ""), nil
}

func (b *builder) arithmetic(n *query.Node) (int, error) {
	least, most := 2, 2
	out := node{op: n.Op, typ: query.Number}
	switch n.Op {
	case query.Add, query.Mul, query.Min, query.Max:
		least, most = 1, len(n.Args)
	case query.Sub, query.Div, query.DaysBetween:
	case query.Neg, query.Log1p, query.Abs:
		least, most = 1, 1
	default:
		return 0, badNode(n, "is not an operation")
	}
	if len(n.Args) < least || len(n.Args) > most {
		return 0, badNode(n, "takes another number of operands")
	}
	for _, a := range n.Args {
		i, err := b.number(a)
		if err != nil {
			return 0, err
		}
		out.args = append(out.args, i)
	}
	if n.Type == query.Time {
		out.typ = query.Time
	}
	return b.add(out, ""), nil
}
