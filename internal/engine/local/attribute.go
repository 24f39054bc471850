package local

import (
	"math"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/table"
)

// attrTable is a dataset with attributes of customers.
//
// At a cutoff a customer has the row that was known newest before it, and none before the first was known. A row is
// known at the dataset's LoadedAt, or at its own known-at time where the dataset has late or versioned rows. Where there is
// none yet, fixed attributes, and all with Request.AnyTime, are read from the oldest row. Outcomes read the newest row known
// before Request.KnownBy. Datasets without LoadedAt and history (scores, segments) are read as they are.
type attrTable struct {
	def     *engine.Dataset
	set     int
	columns []string
	refs    []*attrRef
	slots   []int // of refs
	known   int   // position of KnownColumn and GoneColumn, −1 where there is nothing to ask
	gone    int
}

// attrRef is an attribute, or (known) whether the customer has a row at all.
type attrRef struct {
	ref
	fixed  bool
	future bool
	known  bool
}

func isSet(i kequn.Instant) bool { return i != 0 && i != kequn.NoTime }

func (c *compiler) attrTable(at int) *attrTable {
	for _, t := range c.tables {
		if t.def == &c.defs[at] {
			return t
		}
	}
	t := &attrTable{def: &c.defs[at], known: -1, gone: -1}
	if t.def.Late || t.def.Versioned {
		t.known = position(&t.columns, engine.KnownColumn)
	}
	if t.def.Versioned {
		t.gone = position(&t.columns, engine.GoneColumn)
	}
	c.tables = append(c.tables, t)
	return t
}

func (c *compiler) attrSlot(t *attrTable, r *attrRef) int {
	slot := c.slot(slotDef{text: !r.known && r.kind.InCode(), attr: r})
	t.refs, t.slots = append(t.refs, r), append(t.slots, slot)
	return slot
}

// attr returns the slot of an attribute.
func (c *compiler) attr(n *query.Node, future bool) (int, error) {
	at, err := c.dataset(n.Dataset)
	if err != nil {
		return 0, err
	}
	d := &c.defs[at]
	if d.Role != kequn.Customers {
		return 0, kequn.Errorf(kequn.KindPlan, "", "%s.%s: dataset %q has many rows a customer; count, sum or take the last of them", n.Dataset, n.Name, n.Dataset)
	}
	t := c.attrTable(at)
	for i, r := range t.refs {
		if r.name == n.Name && r.future == future && !r.known {
			return t.slots[i], nil
		}
	}
	base, err := c.newRef(d, &t.columns, n.Name, future)
	if err != nil {
		return 0, err
	}
	r := &attrRef{ref: *base, future: future}
	r.name = n.Name
	if col := d.Column(n.Name); col != nil {
		r.fixed = col.Fixed
	}
	return c.attrSlot(t, r), nil
}

// attributes fills the slots of a block's attributes.
func (w *worker) attributes(t *attrTable) {
	set := &w.part.Sets[t.set]
	nc, b := len(w.p.cutoffs), w.nCustomers
	past, fixed, future := w.rowBuf(0, nc*b), w.rowBuf(1, nc*b), w.rowBuf(2, nc*b)
	for i := range b {
		from, to := set.Start[w.first+i], set.Start[w.first+i+1]
		for k, c := range w.p.cutoffs {
			at := k*b + i
			past[at] = w.newest(t, set.Rows, from, to, c)
			fixed[at] = past[at]
			if fixed[at] < 0 && from < to {
				fixed[at] = w.oldest(t, set.Rows, from, to)
			}
		}
		by := w.p.knownBy()
		row := int32(-1)
		if from < to {
			row = w.newest(t, set.Rows, from, to, by)
			if t.known < 0 {
				row = to - 1
			}
		}
		for k := range nc {
			future[k*b+i] = row
		}
	}
	for j, r := range t.refs {
		rows := past
		switch {
		case r.future:
			rows = future
		case r.fixed || w.p.req.AnyTime:
			rows = fixed
		}
		w.attribute(t, r, set.Rows, rows, t.slots[j])
	}
}

// newest returns the row of [from, to) that counts for who asks at an instant, −1 for none.
func (w *worker) newest(t *attrTable, rows *table.Table, from, to int32, at int64) int32 {
	if from == to {
		return -1
	}
	if t.known < 0 {
		if isSet(t.def.LoadedAt) && int64(t.def.LoadedAt) >= at {
			return -1
		}
		return to - 1
	}
	known := rows.Columns[t.known].Int
	row := int32(-1)
	for i := from; i < to; i++ {
		if known[i] < at && (row < 0 || known[i] >= known[row]) {
			row = i
		}
	}
	if row >= 0 && t.gone >= 0 && rows.Columns[t.gone].Int[row] == 1 {
		return -1
	}
	return row
}

// oldest returns the row known first that is not taken back, the later of two known together.
func (w *worker) oldest(t *attrTable, rows *table.Table, from, to int32) int32 {
	if t.known < 0 {
		return to - 1
	}
	known := rows.Columns[t.known].Int
	row := int32(-1)
	for i := from; i < to; i++ {
		if t.gone >= 0 && rows.Columns[t.gone].Int[i] == 1 {
			continue
		}
		if row < 0 || known[i] <= known[row] {
			row = i
		}
	}
	return row
}

func (w *worker) attribute(t *attrTable, r *attrRef, rows *table.Table, at []int32, slot int) {
	if r.known {
		out := w.num(slot)
		for i, row := range at {
			out[i] = 0
			if row >= 0 {
				out[i] = 1
			}
		}
		return
	}
	c := rows.Columns[r.column]
	if r.via != nil {
		m := w.lookupMemo(r.via, t.set, r.column)
		from := w.rowBuf(3, len(at))
		for i, row := range at {
			from[i] = -1
			if row >= 0 {
				r.via.translate(c, int(row), int(row)+1, m, from[i:i+1])
			}
		}
		c, at = r.via.rows.Columns[r.attr], from
	}
	if c.Kind.InCode() {
		out := w.code(slot, c.Dict)
		for i, row := range at {
			out[i] = -1
			if row >= 0 {
				out[i] = c.Code[row]
			}
		}
		return
	}
	out, nan := w.num(slot), math.NaN()
	unit := math.Pow10(c.Scale)
	for i, row := range at {
		switch {
		case row < 0:
			out[i] = nan
		case c.Kind == table.Number:
			out[i] = c.Num[row]
		case c.Int[row] == table.Missing:
			out[i] = nan
		case c.Kind == table.Money:
			out[i] = float64(c.Int[row]) / unit
		default:
			out[i] = float64(c.Int[row])
		}
	}
}
