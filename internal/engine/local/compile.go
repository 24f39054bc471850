package local

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// pass is a compiled request: what to read, what to compute from it, and what to put together from that. It is
// read-only once compiled; workers share it.
type pass struct {
	req     engine.Request
	cutoffs []int64
	sorted  []int64 // cutoffs in increasing order
	moments []civilMoment
	zone    *zoneTable
	places  []int32 // of the cutoffs, among those of the request: see compileAll

	defs    []engine.Dataset
	plans   []plan.Dataset // the same, as plan.LookupOf wants them
	sources []*source
	tables  []*attrTable
	lookups []*lookup
	wants   []table.Want

	slots     []slotDef // values per customer and cutoff that come from rows
	sequences []*sequence
	answers   []*answer
	rollups   rollups
	exists    []int // slots of which one must be 1 for a customer to be there at a cutoff
	program   *program

	features, rules, outcomes []int // nodes of program
	who                       int   // node, or −1
	userNodes                 []int // of Values
}

// slotDef is one value per customer and cutoff.
type slotDef struct {
	text bool
	attr *attrRef // set for slots that attribute tables fill
}

// source is a dataset with time, read row by row.
type source struct {
	def     *engine.Dataset
	at      int // position among the datasets: the order of rows of the same time in sequences
	set     int // position in wants
	columns []string
	refs    []*ref
	rows    *program // row filters
	rowIDs  map[string]int
	past    *side
	future  *side
	order   int  // ref of the order column, −1 without one
	locals  bool // some aggregate wants wall clocks
}

// ref is a column of a source, or of a lookup through one.
type ref struct {
	name   string
	column int // position in columns
	kind   table.Kind
	scale  int
	via    *lookup
	attr   int // position in via.columns
}

// unit is what a stored number is divided by to become a value: money lies in its smallest unit.
func (r *ref) unit() float64 {
	if r.kind == table.Money {
		return math.Pow10(r.scale)
	}
	return 1
}

// side is what one source is asked about the past or about the future.
type side struct {
	ahead   bool
	windows []query.Window
	groups  []*group
	grid    *grid   // all cutoffs
	single  []*grid // one cutoff each, for blocks in which cutoffs see different rows
}

// group is the rows of a side that meet one filter.
type group struct {
	filter  int // node of source.rows, −1 for all rows
	columns []*columnGroup
}

// columnGroup is the rows of a group that have a value in one column.
type columnGroup struct {
	ref int // −1: no column, all rows
	ops []op
}

// op is one aggregate.
type op struct {
	fn     query.Fn
	window int
	slot   int
	orders bool // rows of one order value are one order
	hit    int  // of SessionsWith and SessionsEnding: node of source.rows, −1 for every row
}

type compiler struct {
	*pass
	ctx   context.Context
	data  engine.Data
	read  lookupTables
	aggs  map[string]int
	attrs map[string]int

	answerAt map[string]int // into answers

	rollKeys   []int    // operations of the keys of rollups
	rollValues [][2]int // key and operation of its values
}

func compile(ctx context.Context, d engine.Data, r engine.Request, read lookupTables, extra ...*query.Node) (*pass, error) {
	if len(r.Cutoffs) == 0 {
		return nil, kequn.Errorf(kequn.KindInternal, "", "a request without a cutoff")
	}
	p := &pass{req: r, zone: newZoneTable(r.Zone), defs: d.Datasets(), who: -1}
	for _, c := range r.Cutoffs {
		p.cutoffs = append(p.cutoffs, int64(c))
		_, _, off := p.zone.stretch(int64(c))
		p.moments = append(p.moments, momentOf(int64(c)+off))
	}
	p.places = places(len(r.Cutoffs))
	p.sorted = slices.Sorted(slices.Values(p.cutoffs))
	for i := range p.defs {
		p.plans = append(p.plans, p.defs[i].Dataset)
	}
	c := &compiler{pass: p, ctx: ctx, data: d, read: read, aggs: map[string]int{}, attrs: map[string]int{}, answerAt: map[string]int{}}
	if err := c.population(); err != nil {
		return nil, err
	}
	p.program = &program{}
	past := &builder{c: c, out: p.program, index: map[string]int{}}
	for _, f := range r.Features {
		i, err := past.build(f.Node)
		if err != nil {
			return nil, named(err, "feature "+f.Name)
		}
		p.features = append(p.features, i)
	}
	for _, f := range r.Rules {
		i, err := past.boolean(f.Node)
		if err != nil {
			return nil, named(err, "rule "+f.Name)
		}
		p.rules = append(p.rules, i)
	}
	if r.Who != nil {
		i, err := past.boolean(r.Who)
		if err != nil {
			return nil, named(err, "who")
		}
		p.who = i
	}
	for _, n := range extra {
		i, err := past.build(n)
		if err != nil {
			return nil, err
		}
		p.userNodes = append(p.userNodes, i)
	}
	ahead := &builder{c: c, out: p.program, index: past.index, ahead: true}
	for _, f := range r.Outcomes {
		if f.Node.Type == query.Text {
			return nil, kequn.Errorf(kequn.KindPlan, "outcome "+f.Name, "an outcome is a number or yes and no, not a text")
		}
		i, err := ahead.build(f.Node)
		if err != nil {
			return nil, named(err, "outcome "+f.Name)
		}
		p.outcomes = append(p.outcomes, i)
	}
	return p, c.finish()
}

// named says in which definition an error lies.
func named(err error, what string) error {
	if e, ok := err.(*kequn.Error); ok {
		c := *e
		if c.Where == "" {
			c.Where = what
		} else {
			c.Where = what + ": " + c.Where
		}
		return &c
	}
	return fmt.Errorf("%s: %w", what, err)
}

// population asks for what decides who is there: rows before the cutoff.
func (c *compiler) population() error {
	for i := range c.defs {
		d := &c.defs[i]
		counts := d.Role == kequn.Events || d.Role == kequn.Orders || d.Role == kequn.Items
		if c.req.Who != nil {
			counts = d.Role.HasTime()
		}
		switch {
		case counts:
			s, err := c.agg(&query.Agg{Dataset: d.Name, Fn: query.Exists}, false)
			if err != nil {
				return err
			}
			c.exists = append(c.exists, s)
		case d.Role == kequn.Customers && c.req.Who != nil && !strings.HasPrefix(d.Name, "_"): // the house's own sets are of known customers
			c.exists = append(c.exists, c.attrSlot(c.attrTable(i), &attrRef{known: true}))
		}
	}
	return nil
}

func (c *compiler) dataset(name string) (int, error) {
	for i := range c.defs {
		if c.defs[i].Name == name {
			return i, nil
		}
	}
	return 0, kequn.Errorf(kequn.KindPlan, "", "no dataset %q", name)
}

func (c *compiler) source(name string) (*source, error) {
	for _, s := range c.sources {
		if s.def.Name == name {
			return s, nil
		}
	}
	i, err := c.dataset(name)
	if err != nil {
		return nil, err
	}
	d := &c.defs[i]
	if !d.Role.HasTime() {
		return nil, kequn.Errorf(kequn.KindPlan, "", "dataset %q has no event times to count in", name).
			WithHint("its role is %s; windows need events, orders, items or sends", d.Role)
	}
	s := &source{def: d, at: i, rows: &program{}, rowIDs: map[string]int{}, order: -1, past: &side{}, future: &side{ahead: true}}
	s.columns = []string{engine.TimeColumn}
	if d.Late || d.Versioned {
		s.columns = append(s.columns, engine.KnownColumn)
	}
	if d.Versioned {
		s.columns = append(s.columns, engine.IDColumn, engine.GoneColumn, engine.SeqColumn)
	}
	c.sources = append(c.sources, s)
	return s, nil
}

// storeName returns the store's name of a column and its kind.
func storeName(d *engine.Dataset, name string) (string, table.Kind, int, bool) {
	switch name {
	case engine.CustomerColumn, engine.IDColumn:
		return name, table.Text, 0, true
	case engine.TimeColumn, engine.KnownColumn:
		return name, table.Time, 0, true
	case engine.SeqColumn:
		return name, table.Integer, 0, true
	}
	col := d.Column(name)
	if col == nil {
		col = d.With(kequn.ColumnRole(name)) // a role's name, where no column has it
	}
	if col == nil {
		return "", 0, 0, false
	}
	switch col.Role {
	case kequn.ColCustomer:
		return engine.CustomerColumn, table.Text, 0, true
	case kequn.ColTime:
		if d.Role.HasTime() {
			return engine.TimeColumn, table.Time, 0, true
		}
	case kequn.ColKnownAt:
		return engine.KnownColumn, table.Time, 0, true
	case kequn.ColID:
		return engine.IDColumn, table.Text, 0, true
	case kequn.ColIgnore:
		return "", 0, 0, false
	}
	return col.Name, col.Kind, col.Scale, true
}

func position(list *[]string, name string) int {
	if i := slices.Index(*list, name); i >= 0 {
		return i
	}
	*list = append(*list, name)
	return len(*list) - 1
}

// ref returns the source's reference to a column, adding it.
func (c *compiler) ref(s *source, name string) (int, error) { return c.refAs(s, name, false) }

// refAs is ref, with attributes of lookups as known at Request.KnownBy where the rows lie ahead.
func (c *compiler) refAs(s *source, name string, ahead bool) (int, error) {
	for i, r := range s.refs {
		if r.name == name && (r.via == nil || !r.via.def.HasHistory() || r.via.ahead == ahead) {
			return i, nil
		}
	}
	r, err := c.newRef(s.def, &s.columns, name, ahead)
	if err != nil {
		return 0, err
	}
	s.refs = append(s.refs, r)
	return len(s.refs) - 1, nil
}

func (c *compiler) newRef(d *engine.Dataset, columns *[]string, name string, ahead bool) (*ref, error) {
	base, via, attribute, err := plan.LookupOf(c.plans, d.Columns, name)
	if err != nil {
		return nil, err
	}
	stored, kind, scale, ok := storeName(d, base)
	if !ok {
		return nil, kequn.Errorf(kequn.KindPlan, "", "dataset %q has no column %q", d.Name, base)
	}
	r := &ref{name: name, column: position(columns, stored), kind: kind, scale: scale}
	if via >= 0 {
		r.via = c.lookup(via, ahead)
		col := c.plans[via].Column(attribute)
		r.attr, r.kind, r.scale = position(&r.via.columns, attribute), col.Kind, col.Scale
	}
	return r, nil
}

// lookup returns a lookup as known at the cutoff or, ahead, at Request.KnownBy.
func (c *compiler) lookup(at int, ahead bool) *lookup {
	ahead = ahead && c.defs[at].HasHistory()
	for _, l := range c.lookups {
		if l.def == &c.defs[at] && l.ahead == ahead {
			return l
		}
	}
	l := &lookup{def: &c.defs[at], ahead: ahead, known: -1}
	l.columns = []string{l.def.With(kequn.ColKey).Name}
	if l.def.HasHistory() {
		l.known = position(&l.columns, engine.KnownColumn)
	}
	c.lookups = append(c.lookups, l)
	return l
}

// slot adds a value per customer and cutoff.
func (c *compiler) slot(d slotDef) int {
	c.slots = append(c.slots, d)
	return len(c.slots) - 1
}

func (s *source) side(ahead bool) *side {
	if ahead {
		return s.future
	}
	return s.past
}

func (s *side) window(w query.Window) int {
	if i := slices.Index(s.windows, w); i >= 0 {
		return i
	}
	s.windows = append(s.windows, w)
	return len(s.windows) - 1
}

func (s *side) group(filter, column int) *columnGroup {
	var g *group
	for _, h := range s.groups {
		if h.filter == filter {
			g = h
		}
	}
	if g == nil {
		g = &group{filter: filter}
		s.groups = append(s.groups, g)
	}
	for _, cg := range g.columns {
		if cg.ref == column {
			return cg
		}
	}
	cg := &columnGroup{ref: column}
	g.columns = append(g.columns, cg)
	return cg
}

// filter compiles a row condition; −1 means every row.
func (c *compiler) filter(s *source, where *query.Node) (int, error) {
	return c.filterAs(s, where, false)
}

// filterAs is filter, with attributes of lookups as known at Request.KnownBy where the rows lie ahead.
func (c *compiler) filterAs(s *source, where *query.Node, ahead bool) (int, error) {
	if where == nil {
		return -1, nil
	}
	b := &builder{c: c, out: s.rows, src: s, index: s.rowIDs, ahead: ahead}
	i, err := b.boolean(where)
	if err != nil {
		return 0, err
	}
	if n := s.rows.nodes[i]; n.op == query.Const && n.con.Bool {
		return -1, nil
	}
	return i, nil
}

// agg returns the slot of an aggregate.
func (c *compiler) agg(a *query.Agg, ahead bool) (int, error) {
	if a.Window.Ahead && !ahead {
		return 0, kequn.Errorf(kequn.KindInternal, "", "a window ahead of the cutoff is the future: only outcomes may look there")
	}
	if _, then := a.Fn.Needs(); then {
		return c.answer(a)
	}
	s, err := c.source(a.Dataset)
	if err != nil {
		return 0, err
	}
	f, err := c.filterAs(s, a.Where, a.Window.Ahead)
	if err != nil {
		return 0, err
	}
	o := op{fn: a.Fn, hit: -1}
	if hit, _ := a.Fn.Needs(); hit {
		if o.hit, err = c.filterAs(s, a.Hit, a.Window.Ahead); err != nil {
			return 0, err
		}
	}
	column := -1
	if a.Column != "" && a.Fn != query.Count {
		if column, err = c.refAs(s, a.Column, a.Window.Ahead); err != nil {
			return 0, err
		}
	}
	def := slotDef{}
	if def.text, err = checkFn(s, a.Fn, column); err != nil {
		return 0, err
	}
	if a.Fn == query.Count && !a.Lines || a.Fn.OverOrders() {
		if col := s.def.With(kequn.ColOrder); col != nil {
			if s.order, err = c.ref(s, col.Name); err != nil {
				return 0, err
			}
			o.orders = true
		}
	}
	side := s.side(a.Window.Ahead)
	o.window = side.window(a.Window)
	key := fmt.Sprint(s.at, a.Window.Ahead, f, column, o)
	if slot, ok := c.aggs[key]; ok {
		return slot, nil
	}
	o.slot = c.slot(def)
	c.aggs[key] = o.slot
	switch a.Fn {
	case query.ActiveDays, query.GapMean, query.GapSD, query.Weekend, query.Night, query.HourMean, query.GapLast, query.GapRecent, query.GapMax,
		query.HourEntropy, query.WeekdayEntropy, query.MonthTurn, query.SameMonth, query.SameQuarter:
		s.locals = true
	}
	g := side.group(f, column)
	g.ops = append(g.ops, o)
	return o.slot, nil
}

// checkFn tells whether an aggregate can be taken of a column, and whether its value is a text.
func checkFn(s *source, fn query.Fn, column int) (text bool, err error) {
	needs := func(ok bool, what string) error {
		if ok {
			return nil
		}
		if column < 0 {
			return kequn.Errorf(kequn.KindPlan, "", "%s of dataset %q needs a column", fn, s.def.Name)
		}
		return kequn.Errorf(kequn.KindPlan, "", "%s of %s.%s needs %s; the column is %s", fn, s.def.Name, s.refs[column].name, what, s.refs[column].kind)
	}
	kind := table.Text
	if column >= 0 {
		kind = s.refs[column].kind
	}
	switch fn {
	case query.Count, query.Exists, query.DaysFirst, query.DaysLast, query.ActiveDays, query.GapMean, query.GapSD, query.Weekend,
		query.Night, query.HourMean, query.Sessions, query.GapLast, query.GapRecent, query.GapMax, query.SessionMinutes, query.SessionLongest,
		query.SessionsWith, query.SessionsEnding, query.HourEntropy, query.WeekdayEntropy, query.MonthTurn, query.SameMonth, query.SameQuarter, query.OrderSingle:
		return false, nil
	case query.Sum, query.Mean, query.SD, query.Slope, query.OrderMean, query.OrderSD, query.OrderMax, query.OrderLast, query.OrderSlope:
		return false, needs(column >= 0 && !kind.InCode() && kind != table.Time, "numbers")
	case query.MinOf, query.MaxOf:
		return false, needs(column >= 0 && !kind.InCode(), "numbers or times")
	case query.Distinct, query.ModeShare, query.Entropy, query.Fresh, query.OrderDistinct:
		return false, needs(column >= 0, "")
	case query.First, query.Last:
		return column >= 0 && kind.InCode(), needs(column >= 0, "")
	case query.Mode:
		return true, needs(column >= 0 && kind.InCode(), "texts")
	}
	return false, kequn.Errorf(kequn.KindInternal, "", "no aggregate %q", fn)
}

// finish reads the lookups, lays out the grids and says what is to be read.
func (c *compiler) finish() error {
	p := c.pass
	for _, s := range p.sources {
		s.set = len(p.wants)
		p.wants = append(p.wants, table.Want{Dataset: s.def.Name, Columns: s.columns})
		for _, side := range []*side{s.past, s.future} {
			side.grid = newGrid(p, side, p.cutoffs)
			if (s.def.Late || s.def.Versioned) && !side.ahead {
				for k := range p.cutoffs {
					side.single = append(side.single, newGrid(p, side, p.cutoffs[k:k+1]))
				}
			}
		}
	}
	for _, t := range p.tables {
		t.set = len(p.wants)
		p.wants = append(p.wants, table.Want{Dataset: t.def.Name, Columns: t.columns})
	}
	for _, l := range p.lookups {
		t, err := c.read.lookup(c.ctx, c.data, l.def.Name, l.columns)
		if err != nil {
			return err
		}
		asked := p.cutoffs[0]
		if l.ahead {
			asked = p.knownBy()
		}
		if err := l.index(t, asked, c.req.AnyTime); err != nil {
			return err
		}
	}
	return nil
}
