package rule

import (
	"math"
	"strconv"
	"time"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// World is what surrounds a customer when a tree is evaluated by the book: the referee's view. Everything in it is plain,
// nothing is fast. Engines must give the same answers; engine/enginetest holds them to it.
type World struct {
	Datasets []plan.Dataset
	Lookups  map[string]*table.Table // by dataset, with the key column, and query.KnownColumn where there is history
	Cutoff   kequn.Cutoff
	Zone     *time.Location // nil is UTC

	// KnownBy hides from windows ahead what was known at it or later; NoTime or 0 hides nothing.
	KnownBy kequn.Instant

	// Everybody is the customers whose groups may be asked about.
	Everybody []Customer

	// AnyTime lets attributes be used at cutoffs before they were known.
	AnyTime bool
}

// Customer is one customer's rows in every dataset, the customers' own included.
type Customer struct {
	ID   string
	Rows map[string][]Row
}

// Row is one row of a dataset, one version of it where it has an id.
type Row struct {
	Time  kequn.Instant // NoTime where the dataset has none
	Known kequn.Instant
	Seq   int64
	ID    string // "" without one
	Gone  bool   // this version says that the row is no longer this customer's
	Cells map[string]Cell
}

// Cell is a value that is not missing. Which field is set follows from the kind, as in [table.Column].
type Cell struct {
	Kind  table.Kind
	Scale int
	Int   int64
	Num   float64
	Text  string
}

// CellAt returns value i of a column; false where it is missing.
func CellAt(c *table.Column, i int) (Cell, bool) {
	if c.IsMissing(i) {
		return Cell{}, false
	}
	out := Cell{Kind: c.Kind, Scale: c.Scale}
	switch {
	case c.Kind == table.Number:
		out.Num = c.Num[i]
	case c.Kind.InInt():
		out.Int = c.Int[i]
	default:
		out.Text = c.String(i)
	}
	return out, true
}

// RowsOf turns rows [from, to) of a table into plain rows. The store's own columns (query.TimeColumn …) are taken apart
// by their names; where the table has no KnownColumn, a row was known when it happened.
func RowsOf(t *table.Table, from, to int) []Row {
	var out []Row
	for i := from; i < to; i++ {
		r := Row{Time: kequn.NoTime, Known: kequn.NoTime, Seq: int64(i), Cells: map[string]Cell{}}
		known := false
		for _, c := range t.Columns {
			cell, ok := CellAt(c, i)
			if !ok {
				continue
			}
			switch c.Name {
			case query.TimeColumn:
				r.Time = kequn.Instant(cell.Int)
			case query.KnownColumn:
				r.Known, known = kequn.Instant(cell.Int), true
			case query.SeqColumn:
				r.Seq = cell.Int
			case query.IDColumn:
				r.ID = cell.Text
			case query.GoneColumn:
				r.Gone = cell.Int == 1
			default:
				r.Cells[c.Name] = cell
			}
		}
		if !known {
			r.Known = r.Time
		}
		out = append(out, r)
	}
	return out
}

// CustomersOf turns a partition into plain customers; names are the sets' datasets in order.
func CustomersOf(p *table.Partition, names []string) []Customer {
	out := make([]Customer, p.Customer.Len())
	for i := range out {
		out[i] = Customer{ID: p.Customer.String(i), Rows: map[string][]Row{}}
		for s, name := range names {
			out[i].Rows[name] = RowsOf(p.Sets[s].Rows, int(p.Sets[s].Start[i]), int(p.Sets[s].Start[i+1]))
		}
	}
	return out
}

// as returns a cell as a value of a type, or nil where it cannot be one.
func (c Cell) as(t query.Type) *query.Value {
	switch t {
	case query.Bool:
		return &query.Value{Type: t, Bool: c.Kind == table.Bool && c.Int == 1 || c.Kind.InInt() && c.Int == 1 || c.Kind == table.Number && c.Num == 1}
	case query.Text:
		return &query.Value{Type: t, Text: c.Text}
	case query.Time:
		return &query.Value{Type: t, Time: kequn.Instant(c.Int)}
	}
	return numberValue(c.number())
}

// number returns a cell as a number: money in whole units of its currency, times in microseconds.
func (c Cell) number() float64 {
	switch c.Kind {
	case table.Number:
		return c.Num
	case table.Money:
		return float64(c.Int) / math.Pow10(c.Scale)
	}
	return float64(c.Int)
}

// same tells whether two cells hold the same value.
func (c Cell) same(d Cell) bool {
	return c.Int == d.Int && c.Num == d.Num && c.Text == d.Text
}

// numberValue returns a number, or nil (missing) where it is not finite.
func numberValue(x float64) *query.Value {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &query.Value{Type: query.Number, Num: x}
}

func boolValue(b bool) *query.Value { return &query.Value{Type: query.Bool, Bool: b} }

func textValue(s string) *query.Value { return &query.Value{Type: query.Text, Text: s} }

func timeValue(t kequn.Instant) *query.Value { return &query.Value{Type: query.Time, Time: t} }

func (w *World) dataset(name string) *plan.Dataset {
	for i := range w.Datasets {
		if w.Datasets[i].Name == name {
			return &w.Datasets[i]
		}
	}
	return &plan.Dataset{Name: name, Role: kequn.Customers}
}

func (w *World) zone() *time.Location {
	if w.Zone == nil {
		return time.UTC
	}
	return w.Zone
}

// cell returns a row's value in a column, or in "column.attribute", its lookup as known before the moment of asking.
func (w *World) cell(d *plan.Dataset, r *Row, name string, asked kequn.Instant) (Cell, bool) {
	column, at, attribute, err := plan.LookupOf(w.Datasets, d.Columns, name)
	if err != nil {
		panic("rule: " + err.Error())
	}
	cell, ok := r.cell(column)
	if at < 0 || !ok {
		return cell, ok
	}
	lookup := w.Lookups[w.Datasets[at].Name]
	key, value := lookup.Column(w.Datasets[at].With(kequn.ColKey).Name), lookup.Column(attribute)
	var rows []int
	for i := range lookup.NRows() {
		if k, ok := CellAt(key, i); ok && k.word() == cell.word() {
			rows = append(rows, i)
		}
	}
	if i := w.rowAsOf(&w.Datasets[at], lookup.Column(query.KnownColumn), rows, asked); i >= 0 {
		return CellAt(value, i)
	}
	return Cell{}, false
}

// rowAsOf returns which of a lookup's rows of one key counts, −1 for none: the newest known before the moment of asking. Where
// none was known yet it is the oldest, unless the lookup says itself when rows were known. The first of rows known together
// counts, and the first of all in a lookup without history.
func (w *World) rowAsOf(d *plan.Dataset, known *table.Column, rows []int, asked kequn.Instant) int {
	newest, oldest := -1, -1
	for _, i := range rows {
		if known == nil {
			return i
		}
		if kequn.Instant(known.Int[i]) < asked && (newest < 0 || known.Int[i] > known.Int[newest]) {
			newest = i
		}
		if oldest < 0 || known.Int[i] < known.Int[oldest] {
			oldest = i
		}
	}
	if newest < 0 && (w.AnyTime || d.With(kequn.ColKnownAt) == nil) {
		return oldest
	}
	return newest
}

// asked is when a window's rows and their attributes must have been known: the cutoff, or KnownBy for a window ahead.
func (w *World) asked(win query.Window) kequn.Instant {
	switch {
	case !win.Ahead:
		return w.Cutoff
	case w.KnownBy == 0 || w.KnownBy == kequn.NoTime:
		return math.MaxInt64
	}
	return w.KnownBy
}

// cell returns the row's value in a column of its own.
func (r *Row) cell(column string) (Cell, bool) {
	switch column {
	case query.TimeColumn:
		return Cell{Kind: table.Time, Int: int64(r.Time)}, r.Time != kequn.NoTime
	case query.KnownColumn:
		return Cell{Kind: table.Time, Int: int64(r.Known)}, r.Known != kequn.NoTime
	case query.SeqColumn:
		return Cell{Kind: table.Integer, Int: r.Seq}, true
	case query.IDColumn:
		return Cell{Kind: table.Text, Text: r.ID}, r.ID != ""
	}
	cell, ok := r.Cells[column]
	return cell, ok
}

// word returns a key as text: keys are equal if they are written alike.
func (c Cell) word() string {
	if c.Kind.InCode() {
		return c.Text
	}
	return strconv.FormatInt(c.Int, 10)
}
