package enginetest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// world is random data around a moment at which calendars are strange, with cutoffs.
type world struct {
	zone     *time.Location
	base     kequn.Instant
	cutoffs  []kequn.Cutoff
	datasets []Rows
}

// strange are moments in zones near which days are not 24 hours, years have 366 days, or begin.
var strange = []struct{ zone, at string }{
	{"UTC", "2024-02-29T00:00:00Z"},
	{"Europe/Berlin", "2024-03-31T00:00:00+01:00"},     // 23 hours
	{"Europe/Berlin", "2023-10-29T00:00:00+02:00"},     // 25 hours
	{"America/Sao_Paulo", "2018-11-04T01:00:00-02:00"}, // no midnight
	{"Australia/Lord_Howe", "2024-04-07T00:00:00+11:00"},
	{"Asia/Shanghai", "2024-01-01T00:00:00+08:00"},
	{"Asia/Kolkata", "1969-12-31T12:00:00+05:30"}, // negative instants
	{"America/New_York", "2023-03-12T02:30:00-05:00"},
}

const minute = kequn.Instant(60_000_000)

// instant draws a time near the base: often exactly at a cutoff, a minute beside it, or at a time drawn before.
func (w *world) instant(t *rapid.T, label string) kequn.Instant {
	at := w.base
	if len(w.cutoffs) > 0 && rapid.IntRange(0, 3).Draw(t, label+" near") == 0 {
		at = rapid.SampledFrom(w.cutoffs).Draw(t, label+" cutoff")
		return at + kequn.Instant(rapid.IntRange(-1, 1).Draw(t, label+" beside"))*minute
	}
	days := rapid.SampledFrom([]int{0, 0, -1, 1, -2, 3, -7, 8, -30, 40, -60, -366}).Draw(t, label+" days")
	at += kequn.Instant(days) * 1440 * minute
	return at + kequn.Instant(rapid.SampledFrom([]int{0, 0, 10, 20, 31, 60, 90, 360, 719, 1320}).Draw(t, label+" minutes"))*minute
}

func drawWorld(t *rapid.T) *world {
	s := rapid.SampledFrom(strange).Draw(t, "moment")
	zone, err := time.LoadLocation(s.zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, s.at)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{zone: zone, base: kequn.At(at)}
	for range rapid.IntRange(1, 4).Draw(t, "cutoffs") {
		w.cutoffs = append(w.cutoffs, w.instant(t, "cutoff"))
	}
	w.datasets = []Rows{w.customers(t), w.events(t), w.orders(t), w.products(t)}
	return w
}

// column draws a column of n values.
func column(t *rapid.T, name string, kind table.Kind, n int, value func(c *table.Column)) *table.Column {
	c := table.NewColumn(name, kind, n)
	for range n {
		if rapid.IntRange(0, 6).Draw(t, name+" missing") == 0 {
			c.AppendMissing()
		} else {
			value(c)
		}
	}
	return c
}

func texts(t *rapid.T, name string, values ...string) func(*table.Column) {
	return func(c *table.Column) { c.AppendString(rapid.SampledFrom(values).Draw(t, name)) }
}

func ints(t *rapid.T, name string, lo, hi int) func(*table.Column) {
	return func(c *table.Column) { c.Int = append(c.Int, int64(rapid.IntRange(lo, hi).Draw(t, name))) }
}

func floats(t *rapid.T, name string) func(*table.Column) {
	return func(c *table.Column) {
		c.Num = append(c.Num, rapid.SampledFrom([]float64{0, 0.1, -2.5, 3.7, 1e6, 0.1}).Draw(t, name))
	}
}

// owners draws whose the rows are.
func owners(t *rapid.T, n int) *table.Column {
	c := table.NewColumn(engine.CustomerColumn, table.Text, n)
	for range n {
		c.AppendString(rapid.SampledFrom([]string{"007", "C1", "C2", "客"}).Draw(t, "customer"))
	}
	return c
}

func (w *world) times(t *rapid.T, n int) *table.Column {
	c := table.NewColumn(engine.TimeColumn, table.Time, n)
	for range n {
		c.Int = append(c.Int, int64(w.instant(t, "time")))
	}
	return c
}

// known draws when rows were known: mostly when they happened.
func (w *world) known(t *rapid.T, times *table.Column) *table.Column {
	c := table.NewColumn(engine.KnownColumn, table.Time, times.Len())
	for _, at := range times.Int {
		if rapid.IntRange(0, 2).Draw(t, "late") == 0 {
			at = max(at, int64(w.instant(t, "known")))
		}
		c.Int = append(c.Int, at)
	}
	return c
}

func (w *world) events(t *rapid.T) Rows {
	n := rapid.IntRange(0, 24).Draw(t, "events")
	d := Rows{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: "events", Role: kequn.Events, Columns: []plan.Column{
		{Name: "type", Kind: table.Category, Role: kequn.ColType},
		{Name: "item", Kind: table.Text, Role: kequn.ColItem},
		{Name: "value", Kind: table.Number, Role: kequn.ColAttribute},
		{Name: "mobile", Kind: table.Bool, Role: kequn.ColAttribute},
	}}}}
	d.Table = table.New(owners(t, n), w.times(t, n),
		column(t, "type", table.Category, n, texts(t, "type", "view", "cart", "search")),
		column(t, "item", table.Text, n, texts(t, "item", "p1", "p2", "p3")),
		column(t, "value", table.Number, n, floats(t, "value")),
		column(t, "mobile", table.Bool, n, ints(t, "mobile", 0, 1)))
	if rapid.Bool().Draw(t, "events late") {
		d.Table.Columns = append(d.Table.Columns, w.known(t, d.Table.Columns[1]))
	}
	return d
}

func (w *world) orders(t *rapid.T) Rows {
	n := rapid.IntRange(0, 24).Draw(t, "orders")
	d := Rows{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{
		{Name: "basket", Kind: table.Text, Role: kequn.ColOrder},
		{Name: "product_id", Kind: table.Text, Role: kequn.ColItem},
		{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2},
		{Name: "qty", Kind: table.Integer, Role: kequn.ColQuantity},
	}}}}
	if rapid.Bool().Draw(t, "rows are orders") {
		d.Columns[0].Role = kequn.ColAttribute
	}
	amount := column(t, "amount", table.Money, n, ints(t, "amount", -500, 3000))
	amount.Scale = 2
	d.Table = table.New(owners(t, n), w.times(t, n),
		column(t, "basket", table.Text, n, texts(t, "basket", "b1", "b2", "b3", "b4", "b5")),
		column(t, "product_id", table.Text, n, texts(t, "product", "p1", "p2", "p3", "p9")),
		amount, column(t, "qty", table.Integer, n, ints(t, "qty", -1, 4)))
	switch rapid.IntRange(0, 2).Draw(t, "orders history") {
	case 1:
		d.Table.Columns = append(d.Table.Columns, w.known(t, d.Table.Columns[1]))
	case 2:
		d.Table.Columns = append(d.Table.Columns, w.known(t, d.Table.Columns[1]),
			column(t, engine.IDColumn, table.Text, n, texts(t, "id", "i1", "i2", "i3", "i4", "i5", "i6")),
			tombstones(t, n))
	}
	return d
}

func tombstones(t *rapid.T, n int) *table.Column {
	c := table.NewColumn(engine.GoneColumn, table.Bool, n)
	for range n {
		gone := int64(0)
		if rapid.IntRange(0, 5).Draw(t, "gone") == 0 {
			gone = 1
		}
		c.Int = append(c.Int, gone)
	}
	return c
}

func (w *world) customers(t *rapid.T) Rows {
	d := Rows{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: "customers", Role: kequn.Customers, Columns: []plan.Column{
		{Name: "city", Kind: table.Category, Role: kequn.ColAttribute},
		{Name: "birth", Kind: table.Time, Role: kequn.ColBirth, Fixed: rapid.Bool().Draw(t, "birth is fixed")},
		{Name: "vip", Kind: table.Bool, Role: kequn.ColAttribute},
		{Name: "points", Kind: table.Integer, Role: kequn.ColAttribute},
		{Name: "limit", Kind: table.Money, Role: kequn.ColAttribute, Scale: 2},
		{Name: "favourite", Kind: table.Text, Role: kequn.ColItem},
	}}}}
	d.LoadedAt = w.instant(t, "loaded")
	n := rapid.IntRange(0, 6).Draw(t, "customer rows")
	births := func(c *table.Column) {
		days := rapid.SampledFrom([]int{0, 1, 365, 366, 1461, 9000, 19724}).Draw(t, "age")
		c.Int = append(c.Int, int64(w.base)-int64(days)*1440*int64(minute)+int64(rapid.IntRange(-1, 1).Draw(t, "birth minute"))*int64(minute))
	}
	limit := column(t, "limit", table.Money, n, ints(t, "limit", 0, 999))
	limit.Scale = 2
	d.Table = table.New(owners(t, n),
		column(t, "city", table.Category, n, texts(t, "city", "上海", "Paris", "Rome")),
		column(t, "birth", table.Time, n, births),
		column(t, "vip", table.Bool, n, ints(t, "vip", 0, 1)),
		column(t, "points", table.Integer, n, ints(t, "points", -3, 3)),
		limit,
		column(t, "favourite", table.Text, n, texts(t, "favourite", "p1", "p2", "p8")))
	if rapid.Bool().Draw(t, "customers have history") {
		known := table.NewColumn(engine.KnownColumn, table.Time, n)
		for range n {
			at := d.LoadedAt // often together, so that the later row must win
			if rapid.Bool().Draw(t, "known apart") {
				at = w.instant(t, "known")
			}
			known.Int = append(known.Int, int64(at))
		}
		d.Table.Columns = append(d.Table.Columns, known)
		if rapid.Bool().Draw(t, "customers go") {
			d.Table.Columns = append(d.Table.Columns, tombstones(t, n))
		}
	}
	return d
}

func (w *world) products(t *rapid.T) Rows {
	d := Rows{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: "products", Role: kequn.Lookup, Columns: []plan.Column{
		{Name: "product_id", Kind: table.Text, Role: kequn.ColKey},
		{Name: "department", Kind: table.Category, Role: kequn.ColCategory},
		{Name: "price", Kind: table.Number, Role: kequn.ColAttribute},
	}}}}
	keys := table.NewColumn("product_id", table.Text, 0)
	for _, k := range []string{"p1", "p2", "p3", "p8", "p1"} {
		keys.AppendString(k)
	}
	d.Table = table.New(keys,
		column(t, "department", table.Category, keys.Len(), texts(t, "department", "food", "drinks")),
		column(t, "price", table.Number, keys.Len(), floats(t, "price")))
	switch rapid.IntRange(0, 2).Draw(t, "products have history") {
	case 2: // and say so themselves
		d.Columns = append(d.Columns, plan.Column{Name: "valid_from", Kind: table.Time, Role: kequn.ColKnownAt})
		fallthrough
	case 1:
		known := table.NewColumn(engine.KnownColumn, table.Time, keys.Len())
		for range keys.Len() {
			known.Int = append(known.Int, int64(w.instant(t, "product known")))
		}
		d.Table.Columns = append(d.Table.Columns, known)
	}
	return d
}

// definitions draws trees over a world's datasets.
//
// Floats are only compared with numbers that nothing sums up to, and only divided by whole numbers: where two ways of
// adding differ in the last bit, no answer may hang on it.
type definitions struct {
	t     *rapid.T
	ahead bool // an outcome's windows may lie after the cutoff
	row   string

	member bool // of a group: groups do not stand within groups
}

// group draws a fold over a customer's group.
func (d *definitions) group() *query.Node {
	in := &definitions{t: d.t, member: true}
	g := query.Group{Key: query.AttrOf("customers", choose(d, "key", textColumns["customers"]...), query.Text), Fn: choose(d, "roll-up", query.Count, query.Sum, query.Mean, query.MinOf, query.MaxOf),
		Others: d.pick("others", 2) == 0}
	if d.pick("odd key", 4) == 0 {
		g.Key = in.text(1)
	}
	if g.Fn != query.Count {
		g.Of = in.number(1)
	}
	return query.GroupOf(g)
}

func (d *definitions) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(d.t, label) }

func choose[T any](d *definitions, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(d.t, label)
}

func (d *definitions) window() query.Window {
	spans := []kequn.Span{{}, {}, kequn.Days(1), kequn.Days(2), kequn.Days(7), kequn.Days(30), {Exact: 24 * time.Hour}, {Exact: 90 * time.Minute}}
	skips := []kequn.Span{{}, {}, {}, kequn.Days(1), {Exact: time.Hour}, kequn.Days(8)}
	if d.ahead && d.pick("ahead", 2) == 0 {
		return query.Window{Ahead: true, Span: choose(d, "span", spans[2:]...), Skip: choose(d, "skip", skips...)}
	}
	return query.Window{Span: choose(d, "span", spans...), Skip: choose(d, "skip", skips...)}
}

// columns of datasets by what they hold.
var (
	textColumns   = map[string][]string{"events": {"type", "item", "item.department"}, "orders": {"basket", "product_id", "product_id.department"}, "customers": {"city", "favourite", "favourite.department"}}
	numberColumns = map[string][]string{"events": {"value", "mobile", "item.price"}, "orders": {"amount", "qty", "product_id.price"}, "customers": {"points", "limit", "vip"}}
)

func (d *definitions) agg(fn query.Fn, kinds ...map[string][]string) *query.Agg {
	a := &query.Agg{Dataset: choose(d, "dataset", "events", "orders"), Fn: fn, Window: d.window(), Lines: d.pick("lines", 2) == 0}
	if len(kinds) > 0 {
		a.Column = choose(d, "column", choose(d, "kind of column", kinds...)[a.Dataset]...)
	}
	a.Where = d.where(a.Dataset)
	hit, then := fn.Needs()
	if hit {
		in := &definitions{t: d.t, row: a.Dataset}
		a.Hit = in.truth(1)
	}
	if then {
		a.Window.Ahead = false
		step := query.Step{Dataset: choose(d, "then", "events", "orders")}
		step.Where = d.where(step.Dataset)
		a.Then, a.Within = &step, choose(d, "within", kequn.Days(1), kequn.Days(7), kequn.Span{Exact: time.Hour})
	}
	return a
}

func (d *definitions) where(dataset string) *query.Node {
	if d.pick("where", 2) == 0 {
		return nil
	}
	in := &definitions{t: d.t, row: dataset}
	return in.truth(2)
}

// whole draws a number that is computed without rounding.
func (d *definitions) whole(depth int) *query.Node {
	if d.row != "" {
		return query.FieldOf(choose(d, "field", map[string][]string{"events": {"mobile"}, "orders": {"qty", "amount"}}[d.row]...), query.Number)
	}
	switch d.pick("whole", 10) {
	case 8:
		return query.AggOf(*d.agg(query.Fresh, textColumns, numberColumns), query.Number)
	case 9:
		return query.AggOf(*d.agg(choose(d, "fn", query.GapLast, query.GapMax, query.SessionsWith, query.SessionsEnding, query.Answered, query.Unanswered)), query.Number)
	case 0:
		return query.AttrOf("customers", choose(d, "attribute", "points", "vip"), query.Number)
	case 1:
		return query.AggOf(*d.agg(query.Distinct, textColumns, numberColumns), query.Number)
	case 2:
		return query.AggOf(*d.agg(choose(d, "fn", query.ActiveDays, query.Sessions, query.DaysFirst, query.DaysLast)), query.Number)
	case 3:
		return query.AggOf(*d.agg(choose(d, "fn", query.First, query.Last, query.MinOf, query.MaxOf), numberColumns), query.Number)
	case 4:
		return query.Apply(query.YearsSince, query.Number, d.moment())
	case 5:
		return query.Apply(query.DaysBetween, query.Number, d.moment(), d.moment())
	}
	return query.AggOf(*d.agg(query.Count), query.Number)
}

// moment draws a time.
func (d *definitions) moment() *query.Node {
	switch d.pick("moment", 4) {
	case 0:
		return &query.Node{Op: query.Now, Type: query.Time}
	case 1:
		a := d.agg(choose(d, "fn", query.First, query.Last, query.MinOf, query.MaxOf))
		a.Column = engine.TimeColumn
		return query.AggOf(*a, query.Time)
	}
	return query.AttrOf("customers", "birth", query.Time)
}

// number draws any number.
func (d *definitions) number(depth int) *query.Node {
	if depth == 0 || d.row != "" {
		if d.row != "" {
			return query.FieldOf(choose(d, "field", numberColumns[d.row]...), query.Number)
		}
		switch d.pick("number leaf", 10) {
		case 9:
			if d.member || d.ahead {
				break
			}
			return d.group()
		case 6:
			return query.AggOf(*d.agg(choose(d, "fn", query.GapRecent, query.SessionMinutes, query.SessionLongest, query.HourEntropy, query.WeekdayEntropy, query.MonthTurn,
				query.SameMonth, query.SameQuarter, query.OrderSingle)), query.Number)
		case 7:
			return query.AggOf(*d.agg(choose(d, "fn", query.OrderMean, query.OrderSD, query.OrderMax, query.OrderLast, query.OrderSlope), numberColumns), query.Number)
		case 8:
			return query.AggOf(*d.agg(query.OrderDistinct, textColumns, numberColumns), query.Number)
		case 0:
			return query.AttrOf("customers", choose(d, "attribute", numberColumns["customers"]...), query.Number)
		case 1:
			return query.AggOf(*d.agg(choose(d, "fn", query.Sum, query.Mean, query.SD, query.Slope), numberColumns), query.Number)
		case 2:
			return query.AggOf(*d.agg(choose(d, "fn", query.GapMean, query.GapSD, query.Weekend, query.Night)), query.Number)
		case 3:
			return query.AggOf(*d.agg(choose(d, "fn", query.Entropy, query.ModeShare), textColumns), query.Number)
		}
		return d.whole(depth)
	}
	n := func() *query.Node { return d.number(depth - 1) }
	switch d.pick("number", 8) {
	case 0:
		return query.Apply(choose(d, "op", query.Add, query.Mul, query.Min, query.Max), query.Number, n(), n())
	case 1:
		return query.Apply(query.Sub, query.Number, n(), n())
	case 2:
		return query.Apply(query.Div, query.Number, n(), d.whole(0))
	case 3:
		return query.Apply(choose(d, "op", query.Neg, query.Abs), query.Number, n())
	case 4:
		return query.Apply(query.Log1p, query.Number, query.Apply(query.Abs, query.Number, n()))
	case 5:
		return query.Apply(query.If, query.Number, d.truth(depth-1), n(), n())
	case 6:
		return query.Apply(query.Else, query.Number, n(), query.Num(float64(d.pick("constant", 4))))
	}
	return n()
}

func (d *definitions) text(depth int) *query.Node {
	if d.row != "" {
		return query.FieldOf(choose(d, "field", textColumns[d.row]...), query.Text)
	}
	switch d.pick("text", 8) {
	case 0, 1:
		return query.AttrOf("customers", choose(d, "attribute", textColumns["customers"]...), query.Text)
	case 2:
		if depth > 0 {
			return query.Apply(query.If, query.Text, d.truth(depth-1), d.text(depth-1), d.text(depth-1))
		}
	case 3:
		if depth > 0 {
			return query.Apply(query.Else, query.Text, d.text(depth-1), query.Str("p1"))
		}
	case 4:
		dataset := choose(d, "dataset", "events", "orders")
		return &query.Node{Op: query.LifeO, Type: query.Text, Life: &query.Lifecycle{Dataset: dataset, Where: d.where(dataset), Period: choose(d, "period", kequn.Days(1), kequn.Days(7), kequn.Span{Exact: time.Hour})}}
	case 5:
		return query.Apply(query.Label, query.Text, query.AggOf(*d.agg(query.Count), query.Number))
	case 6:
		return query.CustomerID()
	}
	return query.AggOf(*d.agg(choose(d, "fn", query.First, query.Last, query.Mode), textColumns), query.Text)
}

var comparisons = []query.Op{query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge}

func (d *definitions) truth(depth int) *query.Node {
	if depth > 0 {
		switch d.pick("truth", 8) {
		case 0, 1:
			return query.Apply(query.And, query.Bool, d.truth(depth-1), d.truth(depth-1))
		case 2:
			return query.Apply(query.Or, query.Bool, d.truth(depth-1), d.truth(depth-1), d.truth(depth-1))
		case 3:
			return query.Apply(query.Not, query.Bool, d.truth(depth-1))
		}
	}
	op := choose(d, "comparison", comparisons...)
	word := func() *query.Node {
		return query.Str(choose(d, "word", "view", "cart", "p1", "p2", "b2", "food", "上海", "regular", "first", ""))
	}
	switch d.pick("atom", 10) {
	case 0:
		return query.Apply(op, query.Bool, d.number(max(0, depth-1)), query.Num(float64(d.pick("constant", 40))/3+0.137))
	case 1:
		return query.Apply(op, query.Bool, d.whole(0), query.Num(float64(d.pick("constant", 4)-1)))
	case 2:
		return query.Apply(op, query.Bool, query.Num(1), d.whole(0))
	case 3:
		return query.Apply(op, query.Bool, d.text(max(0, depth-1)), word())
	case 4:
		return query.Apply(query.In, query.Bool, d.text(max(0, depth-1)), word(), word())
	case 5:
		return query.Apply(choose(d, "test", query.Contains, query.StartsWith, query.EndsWith, query.Matches), query.Bool, d.text(0), query.Str(choose(d, "part", "1", "p", "上", "t$")))
	case 6:
		if d.pick("has yes or no", 3) == 0 {
			return query.Apply(query.Has, query.Bool, d.flag()) // missing, though as a condition it is false
		}
		return query.Apply(query.Has, query.Bool, choose(d, "has", d.text, d.number)(0))
	case 7:
		return query.Apply(op, query.Bool, d.text(0), d.text(0))
	}
	if d.row == "orders" {
		return query.Apply(op, query.Bool, d.whole(0), d.whole(0))
	}
	if d.row != "" || d.pick("flag", 2) == 0 {
		return d.flag()
	}
	switch d.pick("customer atom", 2) {
	case 0:
		return query.Apply(op, query.Bool, d.moment(), d.moment())
	}
	return d.sequence()
}

// flag draws a column or an aggregate that is yes or no by itself.
func (d *definitions) flag() *query.Node {
	switch {
	case d.row == "orders":
		return query.FieldOf("qty", query.Bool)
	case d.row != "":
		return query.FieldOf("mobile", query.Bool)
	}
	switch d.pick("flag of", 3) {
	case 0:
		return query.AggOf(*d.agg(query.Exists), query.Bool)
	case 1:
		a := query.Agg{Dataset: "events", Fn: choose(d, "fn", query.First, query.Last, query.MaxOf), Column: "mobile", Window: d.window()}
		return query.AggOf(a, query.Bool)
	}
	return query.AttrOf("customers", "vip", query.Bool)
}

func (d *definitions) sequence() *query.Node {
	step := func() query.Step {
		s := query.Step{Dataset: choose(d, "step", "events", "orders")}
		if s.Dataset == "events" {
			s.Where = query.Apply(query.Eq, query.Bool, query.FieldOf("type", query.Text), query.Str(choose(d, "type", "view", "cart")))
		}
		if d.pick("any", 4) == 0 {
			s.Where = nil
		}
		return s
	}
	q := &query.Sequence{Window: d.window(), Gap: choose(d, "gap", kequn.Span{}, kequn.Span{}, kequn.Days(1), kequn.Span{Exact: 30 * time.Minute})}
	for range 1 + d.pick("steps", 3) {
		q.Steps = append(q.Steps, step())
	}
	for range d.pick("without", 2) {
		q.Without = append(q.Without, step())
	}
	if d.pick("same", 2) == 0 {
		q.Same = choose(d, "same column", "item.department", "item", "")
		for i := range q.Steps {
			q.Steps[i] = query.Step{Dataset: "events", Where: q.Steps[i].Where}
			if w := q.Steps[i].Where; w == nil {
				q.Steps[i].Where = query.Apply(query.Ne, query.Bool, query.FieldOf("type", query.Text), query.Str("search"))
			}
		}
	}
	return &query.Node{Op: query.SeqOp, Type: query.Bool, Seq: q}
}

func drawRequest(t *rapid.T, w *world) engine.Request {
	r := engine.Request{Cutoffs: w.cutoffs, Zone: w.zone, AnyTime: rapid.Bool().Draw(t, "any time"), Threads: 1}
	d := &definitions{t: t}
	for i := range rapid.IntRange(1, 6).Draw(t, "features") {
		f := query.Feature{Name: fmt.Sprint("f", i)}
		switch i % 4 {
		case 0:
			f.Node = d.text(2)
		case 1:
			f.Node = query.AggOf(*d.agg(query.HourMean), query.Number)
		case 2:
			f.Node = d.truth(2)
		default:
			f.Node = d.number(2)
		}
		r.Features = append(r.Features, f)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "rules") {
		r.Rules = append(r.Rules, engine.Rule{Name: fmt.Sprint("r", i), Node: d.truth(3)})
	}
	if rapid.IntRange(0, 2).Draw(t, "who") == 0 {
		r.Who = d.truth(1)
	}
	if rapid.Bool().Draw(t, "known by") {
		r.KnownBy = w.instant(t, "known by")
	} else if rapid.Bool().Draw(t, "known by each") {
		for range r.Cutoffs {
			r.KnownByEach = append(r.KnownByEach, w.instant(t, "known by"))
		}
	}
	ahead := &definitions{t: t, ahead: true}
	for i := range rapid.IntRange(0, 3).Draw(t, "outcomes") {
		a := ahead.agg(choose(ahead, "fn", query.Count, query.Sum, query.Mean, query.DaysFirst, query.Fresh, query.OrderMean), numberColumns)
		if a.Fn == query.Count {
			a.Column = ""
		}
		r.Outcomes = append(r.Outcomes, engine.Outcome{Name: fmt.Sprint("y", i), Node: query.AggOf(*a, query.Number)})
	}
	return r
}
