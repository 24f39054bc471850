package local

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/table"
)

// A roll-up folds a value over a customer's group: over people, not rows. It takes one streaming pass of its own before the
// main one, which evaluates the group's key and the members' values at the same cutoffs and keeps totals by group:
//
//	pass 1   customer, cutoff → key, values      totals[key, cutoff] += values
//	pass 2   customer, cutoff → key, own values  totals, less the customer's own where others are asked for
//
// Memory is proportional to groups and cutoffs, not to customers. Sums have 106 bits, so that taking one's own value out
// again leaves what adding the others would have given, in whatever order the partitions came.

// opRollup: key[, value] → Number.
const opRollup query.Op = "rollup"

// rollup is a compiled query.Group.
type rollup struct {
	fn     query.Fn
	others bool
	key    int // of the pass's keys
	value  int // of the pass's values, −1 for Count
}

// rollups are what a pass wants to know of groups.
type rollups struct {
	defs   []rollup
	keys   []*query.Node
	values []rollValue
	totals *totals
}

// rollValue is a value that is folded over the groups of a key.
type rollValue struct {
	key int
	of  *query.Node
}

// rollup compiles a roll-up.
func (b *builder) rollup(n *query.Node) (int, error) {
	g := n.Group
	if b.ahead {
		return 0, badNode(n, "looks at other people, and an outcome is a customer's own")
	}
	if g == nil || g.Key == nil || (g.Of == nil) != (g.Fn == query.Count) {
		return 0, badNode(n, "takes a key and, unless it counts, a value")
	}
	nested := false
	for _, x := range []*query.Node{g.Key, g.Of} {
		x.Walk(func(x *query.Node) { nested = nested || x.Op == query.GroupOp })
	}
	if nested {
		return 0, badNode(n, "stands within another")
	}
	switch g.Fn {
	case query.Count, query.Sum, query.Mean, query.MinOf, query.MaxOf:
	default:
		return 0, badNode(n, "does not know %q", g.Fn)
	}
	key, err := b.build(g.Key)
	if err != nil {
		return 0, err
	}
	if b.typeOf(key) != query.Text {
		return 0, badNode(n, "takes a text as its key")
	}
	out := node{op: opRollup, typ: query.Number, args: []int{key}}
	r := rollup{fn: g.Fn, others: g.Others, value: -1, key: b.c.rollKey(key, g.Key)}
	if g.Of != nil {
		of, err := b.number(g.Of)
		if err != nil {
			return 0, err
		}
		out.args = append(out.args, of)
		r.value = b.c.rollValue(r.key, of, g.Of)
	}
	rolls := &b.c.rollups
	if out.leaf = slices.Index(rolls.defs, r); out.leaf < 0 {
		out.leaf = len(rolls.defs)
		rolls.defs = append(rolls.defs, r)
	}
	return b.add(out, ""), nil
}

// rollKey and rollValue number equal trees, which the program has as one operation, once.
func (c *compiler) rollKey(operation int, n *query.Node) int {
	if i := slices.Index(c.rollKeys, operation); i >= 0 {
		return i
	}
	c.rollKeys = append(c.rollKeys, operation)
	c.rollups.keys = append(c.rollups.keys, n)
	return len(c.rollKeys) - 1
}

func (c *compiler) rollValue(key, operation int, n *query.Node) int {
	at := [2]int{key, operation}
	if i := slices.Index(c.rollValues, at); i >= 0 {
		return i
	}
	c.rollValues = append(c.rollValues, at)
	c.rollups.values = append(c.rollups.values, rollValue{key, n})
	return len(c.rollValues) - 1
}

// totals are the groups of each key and their folds.
type totals struct {
	nCutoffs int
	groups   []*table.Dict // per key
	members  [][]int32     // per key: [group*nCutoffs+cutoff]
	folds    [][]rollFold  // per value: the same
}

// rollFold is the values of a group's members at a cutoff that are not missing. least and most are the two smallest and the two
// largest, so that one can be left out.
type rollFold struct {
	n           int32
	sum         exact
	least, most [2]float64
}

func (f *rollFold) add(x float64) {
	switch {
	case f.n == 0:
		f.least, f.most = [2]float64{x, math.NaN()}, [2]float64{x, math.NaN()}
	default:
		switch {
		case x < f.least[0]:
			f.least = [2]float64{x, f.least[0]}
		case !(x >= f.least[1]):
			f.least[1] = x
		}
		switch {
		case x > f.most[0]:
			f.most = [2]float64{x, f.most[0]}
		case !(x <= f.most[1]):
			f.most[1] = x
		}
	}
	f.n++
	f.sum = f.sum.addFloat(x)
}

// less returns the fold's answer, without own where that is among its values.
func (f *rollFold) less(fn query.Fn, own float64, without bool) float64 {
	n, sum, least, most := f.n, f.sum, f.least[0], f.most[0]
	if without && own == own && n > 0 {
		n--
		sum = sum.addFloat(-own)
		if own == least {
			least = f.least[1]
		}
		if own == most {
			most = f.most[1]
		}
	}
	switch {
	case fn == query.Sum && n == 0:
		return 0
	case fn == query.Sum:
		return finite(sum.value())
	case n == 0:
		return math.NaN()
	case fn == query.Mean:
		return finite(sum.value()) / float64(n)
	case fn == query.MinOf:
		return least
	}
	return most
}

// rollUp fills the totals that the passes ask for. Members are customers with a key who are known at the cutoff, in whatever
// population the request asks about.
func rollUp(ctx context.Context, d engine.Data, r engine.Request, passes []*pass) error {
	want := &passes[0].rollups
	if len(want.defs) == 0 {
		return nil
	}
	first := engine.Request{Cutoffs: r.Cutoffs, Zone: r.Zone, AnyTime: r.AnyTime, Threads: r.Threads}
	who := &query.Node{Op: query.Or, Type: query.Bool}
	for i, k := range want.keys {
		first.Features = append(first.Features, query.Feature{Name: fmt.Sprint("key ", i), Node: k})
		who.Args = append(who.Args, query.Apply(query.Has, query.Bool, k))
	}
	for i, v := range want.values {
		first.Features = append(first.Features, query.Feature{Name: fmt.Sprint("value ", i), Node: v.of})
	}
	first.Who = who
	t := &totals{nCutoffs: len(r.Cutoffs), members: make([][]int32, len(want.keys)), folds: make([][]rollFold, len(want.values))}
	for range want.keys {
		t.groups = append(t.groups, table.NewDict())
	}
	err := Engine{}.Stream(ctx, d, first, func(p *engine.Panel) error {
		for k := range want.keys {
			if p.NRows() > 0 {
				t.add(want, k, p)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range passes {
		p.rollups.totals = t
	}
	return nil
}

// add counts a panel's customers among the groups of one key.
func (t *totals) add(want *rollups, key int, p *engine.Panel) {
	column := p.X.Columns[key]
	at := make([]int32, column.Dict.Len())
	fill(at, -1)
	cells := make([]int32, p.NRows())
	for i, c := range column.Code {
		if cells[i] = -1; c < 0 {
			continue
		}
		if at[c] < 0 {
			at[c] = t.groups[key].Intern(column.Dict.Bytes(int(c)))
		}
		cells[i] = at[c]*int32(t.nCutoffs) + p.Cutoff[i]
	}
	n := t.groups[key].Len() * t.nCutoffs
	members := slices.Grow(t.members[key], n-len(t.members[key]))[:n]
	t.members[key] = members
	for _, c := range cells {
		if c >= 0 {
			members[c]++
		}
	}
	for v, value := range want.values {
		if value.key != key {
			continue
		}
		folds := slices.Grow(t.folds[v], n-len(t.folds[v]))[:n]
		t.folds[v] = folds
		x := p.X.Columns[len(want.keys)+v].Num
		for i, c := range cells {
			if c >= 0 && x[i] == x[i] {
				folds[c].add(x[i])
			}
		}
	}
}

// rollMemo remembers the group of each text of a dictionary; −2 is not asked yet, −1 no group.
type rollMemo struct {
	dict  *table.Dict
	group []int32
}

// rollup implements leaves.
func (w *worker) rollup(n *node, key *vec, own *vec, out []float64) {
	rolls := &w.p.rollups
	def, t := rolls.defs[n.leaf], rolls.totals
	if w.rolls == nil {
		w.rolls = make([]rollMemo, len(rolls.keys))
	}
	m := &w.rolls[def.key]
	if m.dict != key.dict {
		m.dict, m.group = key.dict, m.group[:0]
	}
	for key.dict != nil && len(m.group) < key.dict.Len() {
		m.group = append(m.group, -2)
	}
	for i := range out {
		out[i] = math.NaN()
		c := key.code[i]
		if c < 0 {
			continue
		}
		if m.group[c] == -2 {
			m.group[c] = t.groups[def.key].Find(key.dict.At(int(c)))
		}
		var f rollFold
		members := int32(0)
		if g := m.group[c]; g >= 0 {
			at := int(g)*t.nCutoffs + int(w.p.places[i/w.nCustomers])
			members = t.members[def.key][at]
			if def.value >= 0 {
				f = t.folds[def.value][at]
			}
		}
		if def.fn == query.Count {
			if def.others && members > 0 {
				members--
			}
			out[i] = float64(members)
			continue
		}
		out[i] = f.less(def.fn, own.num[i], def.others)
	}
}

// rollup implements leaves; row filters know no groups.
func (b *rowBlock) rollup(_ *node, _, _ *vec, _ []float64) {
	panic(kequn.Errorf(kequn.KindInternal, "", "a row has no group"))
}
