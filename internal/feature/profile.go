package feature

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// Profile is what the choice of features needs to know of the data: which types and categories are common. It is made of
// what was known before one cutoff only; a choice made with knowledge of the future would leak it.
type Profile struct {
	Cutoff kequn.Cutoff
	Sets   []SetProfile // in the datasets' order; lookups have none
}

// SetProfile describes the rows of one dataset.
type SetProfile struct {
	Name      string
	Rows      int64
	Customers int64
	First     kequn.Instant // NoTime where there is no row, or no time
	Last      kequn.Instant
	Clock     bool            // times say more than the date
	Columns   []ColumnProfile // those that may become features
}

// ColumnProfile describes one column, or an attribute of a lookup through one ("product_id.department").
type ColumnProfile struct {
	Name     string
	Kind     table.Kind
	Values   int64  // rows with a value
	Distinct int    // different texts; not counted for products
	Top      []Seen // commonest texts first, smaller text first on a tie; at most maxTop
	Negative int64  // numbers below 0
	Positive int64  // numbers above 0
	Min, Max float64
}

// Seen is a text and how often it occurs.
type Seen struct {
	Value string
	Rows  int64
}

const maxTop = 50

// Set returns the profile of a dataset, or an empty one.
func (p *Profile) Set(name string) SetProfile {
	for _, s := range p.Sets {
		if s.Name == name {
			return s
		}
	}
	return SetProfile{Name: name, First: kequn.NoTime, Last: kequn.NoTime}
}

// Column returns the profile of a column, or an empty one.
func (s *SetProfile) Column(name string) ColumnProfile {
	for _, c := range s.Columns {
		if c.Name == name {
			return c
		}
	}
	return ColumnProfile{Name: name}
}

// TakeProfile reads what happened and was known before a cutoff. Counts are of rows as they came, corrections counted beside
// what they correct. Of a customer's attributes the row known newest counts; where none was known yet, only fixed attributes do,
// and of lookups what engines see. One pass, partitions in parallel; the same profile for any number of threads and partitions.
func TakeProfile(ctx context.Context, data engine.Data, before kequn.Cutoff, threads int) (*Profile, error) {
	return takeProfile(ctx, data, before, false, threads)
}

// TakeProfileAnyTime is TakeProfile for who uses attributes at cutoffs before they were known, as with [engine.Request.AnyTime].
func TakeProfileAnyTime(ctx context.Context, data engine.Data, before kequn.Cutoff, threads int) (*Profile, error) {
	return takeProfile(ctx, data, before, true, threads)
}

func takeProfile(ctx context.Context, data engine.Data, before kequn.Cutoff, anyTime bool, threads int) (*Profile, error) {
	defs := data.Datasets()
	plans := make([]plan.Dataset, len(defs))
	for i := range defs {
		plans[i] = defs[i].Dataset
	}
	var takers []taker
	var wants []table.Want
	lookups := map[string]*lookup{}
	for i := range defs {
		d := &defs[i]
		if d.Role == kequn.Lookup || strings.HasPrefix(d.Name, "_") {
			continue
		}
		t, err := newTaker(ctx, data, d, defs, plans, lookups, before, anyTime)
		if err != nil {
			return nil, err
		}
		takers = append(takers, t)
		wants = append(wants, table.Want{Dataset: d.Name, Columns: t.columns})
	}
	n := data.NParts()
	parts := make([][]tally, n)
	errs := make([]error, n)
	kernel.Blocks(n, threads, 1, func(p, _, _ int) {
		if errs[p] = ctx.Err(); errs[p] != nil {
			return
		}
		part, err := data.Part(ctx, p, wants)
		if err != nil {
			errs[p] = err
			return
		}
		for i := range takers {
			parts[p] = append(parts[p], takers[i].take(&part.Sets[i], int64(before)))
		}
	})
	out := &Profile{Cutoff: before}
	for i := range takers {
		total := takers[i].empty()
		for p := range parts {
			if errs[p] != nil {
				return nil, errs[p]
			}
			total.add(&parts[p][i])
		}
		out.Sets = append(out.Sets, takers[i].profile(total))
	}
	return out, nil
}

// taker profiles one dataset.
type taker struct {
	def     *engine.Dataset
	columns []string
	time    int // positions in columns, −1 without
	known   int
	gone    int
	anyTime bool
	sources []columnSource
}

// columnSource is a column to be profiled, directly or through a lookup.
type columnSource struct {
	name   string
	column int
	kind   table.Kind
	plain  bool // products are too many to count one by one
	fixed  bool // an attribute that counts at any cutoff
	via    *lookup
	value  *table.Column // of the lookup
}

func newTaker(ctx context.Context, data engine.Data, d *engine.Dataset, defs []engine.Dataset, plans []plan.Dataset, lookups map[string]*lookup, before kequn.Cutoff, anyTime bool) (taker, error) {
	t := taker{def: d, time: -1, known: -1, gone: -1, anyTime: anyTime}
	add := func(name string) int {
		if i := slices.Index(t.columns, name); i >= 0 {
			return i
		}
		t.columns = append(t.columns, name)
		return len(t.columns) - 1
	}
	if d.Role.HasTime() {
		t.time = add(engine.TimeColumn)
	}
	if d.Late || d.Versioned {
		t.known = add(engine.KnownColumn)
		if d.Role == kequn.Customers && d.Versioned {
			t.gone = add(engine.GoneColumn)
		}
	}
	for _, c := range d.Columns {
		if !usable(c) {
			continue
		}
		t.sources = append(t.sources, columnSource{name: c.Name, column: add(c.Name), kind: c.Kind, plain: c.Role == kequn.ColItem, fixed: c.Fixed})
	}
	for _, c := range d.Columns {
		for _, a := range lookupAttributes(plans, d.Columns, c) {
			_, at, attribute, err := plan.LookupOf(plans, d.Columns, c.Name+"."+a.Name)
			if err != nil {
				continue
			}
			via := lookups[plans[at].Name]
			if via == nil {
				if via, err = readLookup(ctx, data, &defs[at], before, anyTime); err != nil {
					return t, err
				}
				lookups[plans[at].Name] = via
			}
			t.sources = append(t.sources, columnSource{name: c.Name + "." + attribute, column: add(c.Name), kind: a.Kind, fixed: c.Fixed, via: via, value: via.rows.Column(attribute)})
		}
	}
	if len(t.columns) == 0 {
		add(engine.CustomerColumn)
	}
	return t, nil
}

// tally is the counts of one dataset.
type tally struct {
	rows, customers int64
	first, last     int64
	odd             bool   // some time is no full quarter of an hour
	hours           uint32 // hours of the day in UTC that occur
	columns         []columnTally
}

type columnTally struct {
	values, negative, positive int64
	min, max                   float64
	texts                      map[string]int64
}

func (t *taker) empty() *tally {
	out := &tally{first: table.Missing, last: table.Missing, columns: make([]columnTally, len(t.sources))}
	for i := range out.columns {
		out.columns[i].texts = map[string]int64{}
	}
	return out
}

func (t *taker) take(s *table.Set, before int64) tally {
	if t.time < 0 {
		return t.takeCustomers(s, before)
	}
	out := t.empty()
	n := s.Rows.NRows()
	var rows []int32 // that count
	var times []int64
	if t.time >= 0 {
		times = s.Rows.Columns[t.time].Int
	}
	for c := range len(s.Start) - 1 {
		some := false
		for r := s.Start[c]; r < s.Start[c+1] && int(r) < n; r++ {
			if times != nil {
				if times[r] >= before || times[r] == table.Missing || t.known >= 0 && s.Rows.Columns[t.known].Int[r] >= before {
					continue
				}
				if out.first == table.Missing || times[r] < out.first {
					out.first = times[r]
				}
				out.last = max(out.last, times[r])
				out.clock(times[r])
			}
			some = true
			rows = append(rows, r)
		}
		if some {
			out.customers++
		}
	}
	out.rows = int64(len(rows))
	for i, src := range t.sources {
		out.columns[i].count(src, s.Rows.Columns[src.column], rows)
	}
	return *out
}

// takeCustomers counts the one row of each customer that attributes are read from at the cutoff: see engine/local.
func (t *taker) takeCustomers(s *table.Set, before int64) tally {
	out := t.empty()
	var known, fixed []int32 // rows that all attributes, and fixed ones, are read from
	for c := range len(s.Start) - 1 {
		row, oldest := t.rowOf(s.Rows, s.Start[c], s.Start[c+1], before)
		if row >= 0 {
			known = append(known, row)
			oldest = row
		}
		if oldest >= 0 {
			fixed = append(fixed, oldest)
		}
	}
	if t.anyTime {
		known = fixed
	}
	rows := known
	for i, src := range t.sources {
		if src.fixed {
			out.columns[i].count(src, s.Rows.Columns[src.column], fixed)
			rows = fixed
			continue
		}
		out.columns[i].count(src, s.Rows.Columns[src.column], known)
	}
	out.rows, out.customers = int64(len(rows)), int64(len(rows))
	return *out
}

// rowOf returns the customer's row known newest before an instant, and the one known first; −1 for none.
func (t *taker) rowOf(rows *table.Table, from, to int32, before int64) (newest, oldest int32) {
	newest, oldest = -1, -1
	if from == to {
		return newest, oldest
	}
	if t.known < 0 {
		if at := t.def.LoadedAt; at == 0 || at == kequn.NoTime || int64(at) < before {
			newest = to - 1
		}
		return newest, to - 1
	}
	known := rows.Columns[t.known].Int
	gone := func(r int32) bool { return t.gone >= 0 && rows.Columns[t.gone].Int[r] == 1 }
	for r := from; r < to; r++ {
		if known[r] < before && (newest < 0 || known[r] >= known[newest]) {
			newest = r
		}
		if !gone(r) && (oldest < 0 || known[r] <= known[oldest]) {
			oldest = r
		}
	}
	if newest >= 0 && gone(newest) {
		newest = -1
	}
	return newest, oldest
}

// clock notes what a time says about the hour. Dates are midnights of some zone: full quarters of an hour, at one hour of the day
// in UTC, or at two or three where the zone changes.
func (t *tally) clock(at int64) {
	const quarter, hour = 900_000_000, 3_600_000_000
	if t.odd {
		return
	}
	t.odd = at%quarter != 0
	h := at / hour % 24
	if at%hour < 0 {
		h--
	}
	t.hours |= 1 << ((h + 24) % 24)
}

func (c *columnTally) count(src columnSource, col *table.Column, rows []int32) {
	if !col.Kind.InCode() {
		for _, r := range rows {
			if !col.IsMissing(int(r)) && col.Kind != table.Time {
				c.number(col.Float(int(r)), 1)
			} else if !col.IsMissing(int(r)) {
				c.values++
			}
		}
		return
	}
	counts := make([]int64, col.Dict.Len())
	for _, r := range rows {
		if k := col.Code[r]; k >= 0 {
			counts[k]++
		}
	}
	var classes []int64 // of the lookup's texts
	if src.via != nil && src.value.Kind.InCode() {
		classes = make([]int64, src.value.Dict.Len())
	}
	for k, n := range counts {
		switch {
		case n == 0:
			continue
		case src.plain:
			c.values += n
			continue
		case src.via == nil:
			c.values += n
			c.texts[col.Dict.At(k)] += n
			continue
		}
		at := src.via.row(col.Dict.At(k))
		switch {
		case at < 0 || src.value.IsMissing(at):
		case classes != nil:
			c.values += n
			classes[src.value.Code[at]] += n
		case src.value.Kind != table.Time:
			c.number(src.value.Float(at), n)
		}
	}
	for k, n := range classes {
		if n > 0 {
			c.texts[src.value.Dict.At(k)] += n
		}
	}
}

// lookup is a lookup dataset with its usable columns; of rows with one key the first counts, or where there is history the one
// that engines see at the cutoff.
type lookup struct {
	rows  *table.Table
	keys  *table.Dict
	first []int32
}

func readLookup(ctx context.Context, data engine.Data, d *engine.Dataset, before kequn.Cutoff, anyTime bool) (*lookup, error) {
	key := d.With(kequn.ColKey).Name
	columns := []string{key}
	for _, c := range d.Columns {
		if usable(c) && c.Name != key {
			columns = append(columns, c.Name)
		}
	}
	if d.HasHistory() {
		columns = append(columns, engine.KnownColumn)
	}
	rows, err := data.Lookup(ctx, d.Name, columns)
	if err != nil {
		return nil, err
	}
	l := &lookup{rows: rows, keys: table.NewDict()}
	c := rows.Columns[0]
	for _, i := range asOf(d, rows, before, anyTime) {
		if c.IsMissing(i) {
			continue
		}
		text := ""
		switch {
		case c.Kind.InCode():
			text = c.String(i)
		case c.Kind == table.Integer:
			text = strconv.FormatInt(c.Int[i], 10)
		default:
			continue
		}
		if k := l.keys.InternString(text); int(k) == len(l.first) {
			l.first = append(l.first, int32(i))
		}
	}
	return l, nil
}

// asOf returns a lookup's rows, the one of each key that counts at a cutoff first: the newest known before it, then, unless the
// lookup says itself when rows were known, the oldest.
func asOf(d *engine.Dataset, rows *table.Table, before kequn.Cutoff, anyTime bool) []int {
	order := make([]int, rows.NRows())
	for i := range order {
		order[i] = i
	}
	if !d.HasHistory() {
		return order
	}
	known := rows.Columns[len(rows.Columns)-1].Int
	seen := func(i int) bool { return known[i] < int64(before) }
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case seen(i) && seen(j):
			return cmp.Compare(known[j], known[i])
		case seen(i):
			return -1
		case seen(j):
			return 1
		}
		return cmp.Compare(known[i], known[j])
	})
	if !anyTime && d.With(kequn.ColKnownAt) != nil {
		order = slices.DeleteFunc(order, func(i int) bool { return !seen(i) })
	}
	return order
}

// row returns the row of a key, −1 without one.
func (l *lookup) row(key string) int {
	if k := l.keys.Find(key); k >= 0 {
		return int(l.first[k])
	}
	return -1
}

func (c *columnTally) number(x float64, n int64) {
	if c.values == 0 || x < c.min {
		c.min = x
	}
	if c.values == 0 || x > c.max {
		c.max = x
	}
	c.values += n
	switch {
	case x < 0:
		c.negative += n
	case x > 0:
		c.positive += n
	}
}

func (t *tally) add(o *tally) {
	t.rows, t.customers = t.rows+o.rows, t.customers+o.customers
	if o.first != table.Missing && (t.first == table.Missing || o.first < t.first) {
		t.first = o.first
	}
	t.last = max(t.last, o.last)
	t.odd, t.hours = t.odd || o.odd, t.hours|o.hours
	for i := range t.columns {
		a, b := &t.columns[i], &o.columns[i]
		if b.values > 0 {
			if a.values == 0 || b.min < a.min {
				a.min = b.min
			}
			if a.values == 0 || b.max > a.max {
				a.max = b.max
			}
		}
		a.values, a.negative, a.positive = a.values+b.values, a.negative+b.negative, a.positive+b.positive
		for text, n := range b.texts { // sums do not depend on the order
			a.texts[strings.Clone(text)] += n
		}
	}
}

func (t *taker) profile(c *tally) SetProfile {
	out := SetProfile{Name: t.def.Name, Rows: c.rows, Customers: c.customers, First: kequn.Instant(c.first), Last: kequn.Instant(c.last), Clock: c.odd || bits.OnesCount32(c.hours) > 3}
	for i, src := range t.sources {
		ct := &c.columns[i]
		p := ColumnProfile{Name: src.name, Kind: src.kind, Values: ct.values, Distinct: len(ct.texts), Negative: ct.negative, Positive: ct.positive, Min: ct.min, Max: ct.max}
		for text, n := range ct.texts {
			p.Top = append(p.Top, Seen{text, n})
		}
		slices.SortFunc(p.Top, func(a, b Seen) int {
			if c := cmp.Compare(b.Rows, a.Rows); c != 0 {
				return c
			}
			return cmp.Compare(a.Value, b.Value)
		})
		p.Top = p.Top[:min(len(p.Top), maxTop)]
		out.Columns = append(out.Columns, p)
	}
	return out
}
