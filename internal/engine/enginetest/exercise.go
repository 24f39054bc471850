package enginetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/rule"
	"kequn/internal/table"
)

// Exercise holds an engine to the definitions.
func Exercise(t *testing.T, e engine.Engine) {
	t.Run("tables", func(t *testing.T) { exerciseTables(t, e) })
	t.Run("agrees with the plain evaluator", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { agrees(t, e) }) })
	t.Run("never sees the future", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { blind(t, e) }) })
	t.Run("parts, threads and company change nothing", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { indifferent(t, e) }) })
	if v, ok := e.(engine.Valuer); ok {
		t.Run("one customer is answered alike", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { alone(t, e, v) }) })
	}
	t.Run("a crowd", func(t *testing.T) { exerciseCrowd(t, e) })
	t.Run("the future is refused", func(t *testing.T) { refusesFuture(t, e) })
	t.Run("cancelling ends it", func(t *testing.T) { cancels(t, e) })
}

type failer interface {
	Fatalf(format string, args ...any)
	Helper()
}

// answer is everything an engine says about one customer at one cutoff, as values that compare.
type answer struct {
	x     []string // features, floats by their bits
	num   []float64
	rules []bool
	y     []float64
}

type cell struct {
	customer string
	cutoff   int32
}

func collect(t failer, e engine.Engine, m engine.Data, r engine.Request) map[cell]answer {
	t.Helper()
	p, err := engine.Collect(context.Background(), e, m, r)
	if err != nil {
		t.Fatalf("collect: %v", err)
	}
	if p.Customer.Len() != p.NRows() {
		t.Fatalf("%d customers in %d rows", p.Customer.Len(), p.NRows())
	}
	out := map[cell]answer{}
	for i := range p.NRows() {
		a := answer{}
		for _, c := range p.X.Columns {
			if c.Kind == table.Category {
				a.x, a.num = append(a.x, fmt.Sprintf("%q %t", c.String(i), c.IsMissing(i))), append(a.num, math.NaN())
				continue
			}
			bits := math.Float64bits(c.Num[i])
			if math.IsNaN(c.Num[i]) {
				bits = 1 // all missing values are alike
			}
			a.x, a.num = append(a.x, fmt.Sprintf("%v %x", c.Num[i], bits)), append(a.num, c.Num[i])
		}
		for _, b := range p.Rules {
			a.rules = append(a.rules, b[i])
		}
		for _, c := range p.Y.Columns {
			a.y = append(a.y, c.Num[i])
		}
		key := cell{p.Customer.String(i), p.Cutoff[i]}
		if _, twice := out[key]; twice {
			t.Fatalf("customer %s twice at cutoff %d", key.customer, key.cutoff)
		}
		out[key] = a
	}
	return out
}

// near compares numbers as two ways of adding them may differ.
func near(a, b float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return math.Abs(a-b) <= 1e-9*(1+max(math.Abs(a), math.Abs(b)))
}

// referee is the plain evaluator at one of the request's cutoffs.
func referee(m *Memory, r engine.Request, k int) *rule.World {
	w := &rule.World{Lookups: m.lookups, Cutoff: r.Cutoffs[k], Zone: r.Zone, KnownBy: r.KnownFor(k), AnyTime: r.AnyTime}
	for _, d := range m.defs {
		w.Datasets = append(w.Datasets, d.Dataset)
	}
	return w
}

// plainCustomers returns all customers with all their rows.
func plainCustomers(m *Memory) []rule.Customer {
	var names []string
	for _, d := range m.defs {
		if d.Role != kequn.Lookup {
			names = append(names, d.Name)
		}
	}
	var out []rule.Customer
	for p := range m.parts {
		part := &table.Partition{Customer: m.parts[p].customers}
		for i, d := range m.defs {
			if d.Role != kequn.Lookup {
				part.Sets = append(part.Sets, table.Set{Rows: m.parts[p].sets[i].rows, Start: m.parts[p].sets[i].start})
			}
		}
		out = append(out, rule.CustomersOf(part, names)...)
	}
	return out
}

// there tells who belongs to the population, by the words of engine.Request.Who.
func there(w *rule.World, r engine.Request, c *rule.Customer) bool {
	if r.Who == nil {
		return w.InPopulation(c)
	}
	return w.Holds(r.Who, c) && w.Known(c)
}

func agrees(t *rapid.T, e engine.Engine) {
	w := drawWorld(t)
	r := drawRequest(t, w)
	m := NewMemory(rapid.IntRange(1, 3).Draw(t, "parts"), w.datasets...)
	got := collect(t, e, m, r)
	n := 0
	for k, cutoff := range r.Cutoffs {
		world := referee(m, r, k)
		world.Everybody = plainCustomers(m)
		for _, c := range world.Everybody {
			a, ok := got[cell{c.ID, int32(k)}]
			if want := there(world, r, &c); ok != want {
				t.Fatalf("customer %s at %s: in the population %t, want %t", c.ID, cutoff, ok, want)
			}
			if !ok {
				continue
			}
			n++
			for i, f := range r.Features {
				same(t, fmt.Sprintf("%s of %s at %s: %s", f.Name, c.ID, cutoff, rule.Print(f.Node)), f.Node, a.x[i], a.num[i], world.Eval(f.Node, &c))
			}
			for i, f := range r.Rules {
				if want := world.Holds(f.Node, &c); a.rules[i] != want {
					t.Fatalf("rule %s of %s at %s: %t, want %t", rule.Print(f.Node), c.ID, cutoff, a.rules[i], want)
				}
			}
			for i, f := range r.Outcomes {
				same(t, fmt.Sprintf("outcome of %s at %s: %s", c.ID, cutoff, rule.Print(f.Node)), f.Node, "", a.y[i], world.Eval(f.Node, &c))
			}
		}
	}
	if n != len(got) {
		t.Fatalf("%d rows, want %d", len(got), n)
	}
}

func same(t failer, what string, n *query.Node, text string, num float64, want *query.Value) {
	t.Helper()
	if n.Type == query.Text {
		w := `"" true`
		if want != nil {
			w = fmt.Sprintf("%q false", want.Text)
		}
		if text != w {
			t.Fatalf("%s\nis %s, want %s", what, text, w)
		}
		return
	}
	x := math.NaN()
	if want != nil {
		switch want.Type {
		case query.Bool:
			x = 0
			if want.Bool {
				x = 1
			}
		case query.Number:
			x = want.Num
		case query.Time:
			x = float64(want.Time)
		}
	}
	clock := n.Op == query.AggOp && n.Agg.Fn == query.HourMean // a circle: 0 and 24 are neighbours
	if !near(num, x) && !(clock && near(math.Mod(num+12, 24), math.Mod(x+12, 24))) {
		t.Fatalf("%s\nis %v, want %v", what, num, x)
	}
}

// blind deletes every row at or after the cutoff, or known at or after it: no feature changes by a bit.
func blind(t *rapid.T, e engine.Engine) {
	w := drawWorld(t)
	r := drawRequest(t, w)
	r.Cutoffs, r.KnownByEach, r.Outcomes, r.AnyTime = w.cutoffs[:1], nil, nil, false
	cutoff := int64(r.Cutoffs[0])
	var past []Rows
	for i := range w.datasets {
		d := &w.datasets[i]
		for j := range d.Columns {
			d.Columns[j].Fixed = false
		}
		if d.Role == kequn.Lookup {
			past = append(past, Rows{Dataset: d.Dataset, Table: knownBefore(d, cutoff)})
			continue
		}
		full := complete(d)
		d.Table = full
		var rows []int32
		for row := range full.NRows() {
			if at := full.Column(engine.TimeColumn); at != nil && at.Int[row] >= cutoff && !d.Versioned {
				continue // a version that moves a row past the cutoff takes the earlier one's place: it stays
			}
			if full.Column(engine.KnownColumn).Int[row] < cutoff {
				rows = append(rows, int32(row))
			}
		}
		past = append(past, Rows{Dataset: d.Dataset, Table: full.Take(rows)})
	}
	before := collect(t, e, NewMemory(2, w.datasets...), r)
	after := collect(t, e, NewMemory(2, past...), r)
	equal(t, r, before, after)
}

// knownBefore deletes a lookup's rows known at or after the cutoff, if it says itself when they were known. Others are taken
// to have been always as they came first.
func knownBefore(d *Rows, cutoff int64) *table.Table {
	known := d.Table.Column(engine.KnownColumn)
	if known == nil {
		return d.Table
	}
	first := map[string]int{}
	key := d.Table.Column(d.With(kequn.ColKey).Name)
	for i := range known.Int {
		if at, ok := first[key.String(i)]; !ok || known.Int[i] < known.Int[at] {
			first[key.String(i)] = i
		}
	}
	var rows []int32
	for i, at := range known.Int {
		if at < cutoff || d.With(kequn.ColKnownAt) == nil && first[key.String(i)] == i {
			rows = append(rows, int32(i))
		}
	}
	return d.Table.Take(rows)
}

func equal(t failer, r engine.Request, a, b map[cell]answer) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d rows, then %d", len(a), len(b))
	}
	for key, x := range a {
		y, ok := b[key]
		if !ok {
			t.Fatalf("customer %s at cutoff %d is gone", key.customer, key.cutoff)
		}
		for i := range x.x {
			if x.x[i] != y.x[i] {
				t.Fatalf("%s of %s at cutoff %d was %s, is %s", rule.Print(r.Features[i].Node), key.customer, key.cutoff, x.x[i], y.x[i])
			}
		}
		if !slices.Equal(x.rules, y.rules) {
			t.Fatalf("rules of %s were %v, are %v", key.customer, x.rules, y.rules)
		}
		for i := range x.y {
			if math.Float64bits(x.y[i]) != math.Float64bits(y.y[i]) && !(math.IsNaN(x.y[i]) && math.IsNaN(y.y[i])) {
				t.Fatalf("outcomes of %s were %v, are %v", key.customer, x.y, y.y)
			}
		}
	}
}

// indifferent changes the number of partitions and threads, the order of rows in the file, and asks for one cutoff alone.
func indifferent(t *rapid.T, e engine.Engine) {
	w := drawWorld(t)
	r := drawRequest(t, w)
	one := collect(t, e, NewMemory(1, w.datasets...), r)
	many := r
	many.Threads = 4
	equal(t, r, one, collect(t, e, NewMemory(7, w.datasets...), many))

	k := rapid.IntRange(0, len(r.Cutoffs)-1).Draw(t, "cutoff alone")
	single := r
	single.Cutoffs = r.Cutoffs[k : k+1]
	if r.KnownByEach != nil {
		single.KnownByEach = r.KnownByEach[k : k+1]
	}
	only := map[cell]answer{}
	for key, a := range one {
		if key.cutoff == int32(k) {
			only[cell{key.customer, 0}] = a
		}
	}
	equal(t, r, only, collect(t, e, NewMemory(2, w.datasets...), single))
}

// alone asks for one customer's values.
func alone(t *rapid.T, e engine.Engine, v engine.Valuer) {
	w := drawWorld(t)
	r := drawRequest(t, w)
	m := NewMemory(2, w.datasets...)
	all := collect(t, e, m, r)
	var nodes []*query.Node
	for _, f := range r.Features {
		nodes = append(nodes, f.Node)
	}
	for key, a := range all {
		got, err := v.Values(context.Background(), m, r, key.customer, nodes)
		if err != nil {
			t.Fatalf("values: %v", err)
		}
		for i, g := range got[key.cutoff] {
			want, is := a.x[i], ""
			switch g.Type {
			case query.Text:
				is = fmt.Sprintf("%q %t", g.Text, g.Missing)
			case query.Bool:
				x := 0.0
				if g.Bool {
					x = 1
				}
				is = fmt.Sprintf("%v %x", x, math.Float64bits(x))
			default:
				x, bits := g.Num, math.Float64bits(g.Num)
				if g.Missing {
					x, bits = math.NaN(), 1
				}
				is = fmt.Sprintf("%v %x", x, bits)
			}
			if is != want {
				t.Fatalf("%s of %s: %s alone, %s among all", rule.Print(nodes[i]), key.customer, is, want)
			}
		}
	}
	if _, err := v.Values(context.Background(), m, r, "nobody", nodes); kequn.KindOf(err) != kequn.KindUsage {
		t.Fatalf("an unknown customer is answered with %v", err)
	}
}

func small() (*Memory, engine.Request) {
	who := table.NewColumn(engine.CustomerColumn, table.Text, 0)
	at := table.NewColumn(engine.TimeColumn, table.Time, 0)
	for i := range 100 {
		who.AppendString(fmt.Sprint("c", i))
		at.Int = append(at.Int, int64(i)*int64(minute))
	}
	m := NewMemory(8, Rows{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: "events", Role: kequn.Events}}, Table: table.New(who, at)})
	count := query.AggOf(query.Agg{Dataset: "events", Fn: query.Count}, query.Number)
	return m, engine.Request{Cutoffs: []kequn.Cutoff{1000 * minute}, Features: []query.Feature{{Name: "n", Node: count}}}
}

func refusesFuture(t *testing.T, e engine.Engine) {
	m, r := small()
	ahead := query.AggOf(query.Agg{Dataset: "events", Fn: query.Count, Window: query.Window{Span: kequn.Days(1), Ahead: true}}, query.Number)
	r.Features = append(r.Features, query.Feature{Name: "tomorrow", Node: ahead})
	if _, err := engine.Collect(context.Background(), e, m, r); err == nil {
		t.Error("a feature that looks ahead of the cutoff was computed")
	}
}

func cancels(t *testing.T, e engine.Engine) {
	m, r := small()
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	err := e.Stream(ctx, m, r, func(*engine.Panel) error {
		calls++
		cancel()
		return nil
	})
	if err == nil || calls > 7 {
		t.Errorf("after cancelling: error %v, %d calls", err, calls)
	}
	stop := fmt.Errorf("enough")
	if err := e.Stream(context.Background(), m, r, func(*engine.Panel) error { return stop }); err != stop {
		t.Errorf("the callee's error came back as %v", err)
	}
	cancel()
}
