package store

import (
	"math"
	"slices"
	"strconv"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
	"kequn/internal/vault"
)

// chunkBits is the binary logarithm of a chunk's rows: a row of the buffer is (chunk << chunkBits) + row.
const chunkBits = 16

const chunkRows = 1 << chunkBits

// buffer takes rows as they come, in chunks whose text columns share a dictionary each, until they are sorted.
// Growing by chunks never copies what is there.
type buffer struct {
	l      *layout
	keys   *vault.Keyring // makes pseudonyms; nil when not sealed
	chunks []*block
	rows   int
	first  int64 // sequence number of the first row

	cust   *table.Dict
	hash   []uint64
	id     *table.Dict
	fields []*table.Dict
	clear  []*table.Dict
	known  bool // a known-at column is kept

	codes []codeMap // for each text column: customer, id, fields, clear
	text  []byte    // scratch
}

// codeMap remembers what the codes of a source's dictionary are here. Sources keep one dictionary for a whole file, make
// one for each batch, or empty one and use it again; all are quick.
type codeMap struct {
	of    *table.Dict
	round uint32  // of the dictionary
	to    []int32 // code here + 1, 0 when not met yet
}

func newBuffer(l *layout, keys *vault.Keyring, known bool, first int64) *buffer {
	b := &buffer{l: l, keys: keys, known: known, first: first}
	b.codes = make([]codeMap, 2+len(l.fields)+len(l.clear))
	b.renew()
	return b
}

// renew empties the buffer with fresh dictionaries; sequence numbers go on.
func (b *buffer) renew() {
	b.first += int64(b.rows)
	b.chunks, b.rows, b.hash = nil, 0, nil
	b.cust, b.id = table.NewDict(), table.NewDict()
	b.fields, b.clear = make([]*table.Dict, len(b.l.fields)), make([]*table.Dict, len(b.l.clear))
	for i := range b.fields {
		b.fields[i] = table.NewDict()
	}
	for i := range b.clear {
		b.clear[i] = table.NewDict()
	}
	for i := range b.codes {
		b.codes[i] = codeMap{}
	}
}

// bytes estimates the memory that the rows hold, and what sorting them will add.
func (b *buffer) bytes() int64 {
	width := int64(8) // the order while sorting, twice
	if b.l.keyed {
		width += 4
	}
	if b.l.timed {
		width += 8
	}
	if b.known {
		width += 8
	}
	if b.l.hasID {
		width += 4
	}
	for _, f := range b.l.fields {
		width += int64(fieldWidth(f))
	}
	width += 4 * int64(len(b.l.clear))
	n := int64(len(b.chunks)) * chunkRows * width
	n += int64(b.cust.Size()+b.id.Size()) + 16*int64(b.cust.Len())
	for _, d := range b.fields {
		n += int64(d.Size())
	}
	for _, d := range b.clear {
		n += int64(d.Size())
	}
	return n
}

func fieldWidth(f field) int {
	if f.Kind.InCode() {
		return 4
	}
	return 8
}

// room returns the chunk that takes the next rows.
func (b *buffer) room() *block {
	if n := len(b.chunks); n > 0 && b.chunks[n-1].n < chunkRows {
		return b.chunks[n-1]
	}
	c := &block{first: b.first + int64(b.rows)}
	text := func(d *table.Dict) *table.Column {
		return &table.Column{Kind: table.Text, Code: make([]int32, 0, chunkRows), Dict: d}
	}
	if b.l.keyed {
		c.cust = text(b.cust)
	}
	if b.l.timed {
		c.time = make([]int64, 0, chunkRows)
	}
	if b.known {
		c.known = make([]int64, 0, chunkRows)
	}
	if b.l.hasID {
		c.id = text(b.id)
	}
	for i, f := range b.l.fields {
		col := table.NewColumn(f.Name, f.Kind, chunkRows)
		col.Scale = f.Scale
		if f.Kind.InCode() {
			col.Dict = b.fields[i]
		}
		c.fields = append(c.fields, col)
	}
	for i := range b.l.clear {
		c.clear = append(c.clear, text(b.clear[i]))
	}
	b.chunks = append(b.chunks, c)
	return c
}

// batch is a loaded table's columns by what they are.
type batch struct {
	cust, time, known, id *table.Column
	fields, clear         []*table.Column // nil where the table lacks it
}

// match finds the columns of a loaded table. Kinds must be the plan's.
func (l *layout) match(t *table.Table) (*batch, error) {
	b := &batch{fields: make([]*table.Column, len(l.fields)), clear: make([]*table.Column, len(l.clear))}
	role := func(own string) *table.Column {
		if name := l.aliases[own]; name != "" {
			return t.Column(name)
		}
		return t.Column(own)
	}
	if l.keyed {
		if b.cust = role(customerColumn); b.cust == nil {
			return nil, kequn.Errorf(kequn.KindPlan, "", "the dataset has no customer column").WithHint("choose one with --customer")
		}
	}
	if l.timed {
		if b.time = role(timeColumn); b.time == nil || b.time.Kind != table.Time {
			return nil, kequn.Errorf(kequn.KindPlan, "", "the dataset has no time column").WithHint("choose one with --time")
		}
	}
	if name := l.aliases[knownColumn]; name != "" {
		if b.known = t.Column(name); b.known != nil && b.known.Kind != table.Time {
			return nil, kequn.Errorf(kequn.KindPlan, "", "column %q is no time and cannot say when rows were known", name)
		}
	}
	if l.hasID {
		if b.id = role(idColumn); b.id == nil {
			return nil, kequn.Errorf(kequn.KindInput, "", "no column %q, which identifies rows", l.aliases[idColumn])
		}
	}
	for i, f := range l.fields {
		c := t.Column(f.from)
		if c != nil && c.Kind != f.Kind && !(c.Kind.InCode() && f.Kind.InCode()) {
			return nil, kequn.Errorf(kequn.KindPlan, "", "column %q is %s, the plan says %s", f.Name, c.Kind, f.Kind)
		}
		if c != nil && c.Kind == table.Money && c.Scale != f.Scale {
			return nil, kequn.Errorf(kequn.KindPlan, "", "column %q has %d decimal digits, the plan says %d", f.Name, c.Scale, f.Scale)
		}
		b.fields[i] = c
	}
	for i, f := range l.clear {
		b.clear[i] = t.Column(f.from)
	}
	return b, nil
}

// add takes the rows of a batch that are listed.
func (b *buffer) add(in *batch, rows []int32) {
	for len(rows) > 0 {
		c := b.room()
		n := min(len(rows), chunkRows-c.n)
		take := rows[:n]
		slot := 0
		if c.cust != nil {
			b.addText(c.cust, in.cust, take, slot)
			for i := len(b.hash); i < b.cust.Len(); i++ {
				b.hash = append(b.hash, customerHash(b.cust.Bytes(i)))
			}
		}
		slot++
		if c.time != nil {
			c.time = appendTaken(c.time, in.time.Int, take)
		}
		if c.known != nil {
			if in.known != nil {
				c.known = appendTaken(c.known, in.known.Int, take)
			} else {
				for range take {
					c.known = append(c.known, table.Missing)
				}
			}
		}
		if c.id != nil {
			b.addText(c.id, in.id, take, slot)
		}
		slot++
		for i, f := range c.fields {
			b.addField(f, in.fields[i], take, slot, b.l.fields[i].Role)
			slot++
		}
		for i, f := range c.clear {
			if in.clear[i] == nil {
				appendMissing(f, n)
			} else {
				b.addText(f, in.clear[i], take, slot)
			}
			slot++
		}
		c.n += n
		b.rows += n
		rows = rows[n:]
	}
	for _, c := range b.chunks {
		c.hash = b.hash
	}
}

func (b *buffer) addField(to, from *table.Column, rows []int32, slot int, role kequn.ColumnRole) {
	switch {
	case from == nil:
		appendMissing(to, len(rows))
	case to.Kind.InCode() && b.keys != nil && b.l.keyed && role.Personal():
		b.addMapped(to, from, rows, slot, func(text []byte) []byte {
			return append(b.text[:0], b.keys.Pseudonym(string(role), string(text))...)
		})
	case to.Kind.InCode():
		b.addText(to, from, rows, slot)
	case to.Kind == table.Number:
		to.Num = appendTaken(to.Num, from.Num, rows)
	default:
		to.Int = appendTaken(to.Int, from.Int, rows)
	}
}

// addText adds texts; numbers are written as text.
func (b *buffer) addText(to, from *table.Column, rows []int32, slot int) {
	if from.Kind.InCode() {
		b.addMapped(to, from, rows, slot, nil)
		return
	}
	for _, r := range rows {
		if from.IsMissing(int(r)) {
			to.Code = append(to.Code, -1)
			continue
		}
		b.text = appendPlain(b.text[:0], from, int(r))
		if to.Dict == b.id {
			to.Code = append(to.Code, to.Dict.Push(b.text))
		} else {
			to.AppendBytes(b.text)
		}
	}
}

// appendPlain writes a number, which serves as an identifier, as text.
func appendPlain(text []byte, c *table.Column, r int) []byte {
	switch {
	case c.Kind == table.Number:
		return strconv.AppendFloat(text, c.Num[r], 'f', -1, 64)
	case c.Kind == table.Time:
		return kequn.Instant(c.Int[r]).Time().AppendFormat(text, "2006-01-02T15:04:05.999999Z")
	case c.Kind == table.Money && c.Scale > 0:
		return strconv.AppendFloat(text, float64(c.Int[r])/math.Pow10(c.Scale), 'f', c.Scale, 64)
	}
	return strconv.AppendInt(text, c.Int[r], 10)
}

// addMapped adds texts by way of the code map, changed by f if there is one.
func (b *buffer) addMapped(to, from *table.Column, rows []int32, slot int, f func([]byte) []byte) {
	m := &b.codes[slot]
	if m.of != from.Dict || m.round != from.Dict.Round() {
		m.of, m.round, m.to = from.Dict, from.Dict.Round(), m.to[:0]
	}
	if n := from.Dict.Len() - len(m.to); n > 0 {
		m.to = append(m.to, make([]int32, n)...)
	}
	for _, r := range rows {
		code := from.Code[r]
		if code < 0 {
			to.Code = append(to.Code, -1)
			continue
		}
		k := m.to[code]
		if k == 0 {
			text := from.Dict.Bytes(int(code))
			if f != nil {
				text = f(text)
			}
			if to.Dict == b.id {
				k = to.Dict.Push(text) + 1 // ids hardly repeat
			} else {
				k = to.Dict.Intern(text) + 1
			}
			m.to[code] = k
		}
		to.Code = append(to.Code, k-1)
	}
}

func appendTaken[T any](to, from []T, rows []int32) []T {
	for _, r := range rows {
		to = append(to, from[r])
	}
	return to
}

func appendMissing(c *table.Column, n int) {
	for range n {
		c.AppendMissing()
	}
}

// sorted returns the rows in the store's order: by customer (hash, then text), time, known-at and arrival.
//
// Customers are ranked first; rows are then counted to their customer's place, which keeps their order of arrival, and
// only customers whose rows did not come in order of time are sorted. O(n + c·log c).
func (b *buffer) sorted(threads int) []int32 {
	order := make([]int32, b.rows)
	if !b.l.keyed {
		for i := range order {
			order[i] = int32(i)
		}
		return order
	}
	nCust := b.cust.Len()
	byRank := make([]int32, nCust)
	for i := range byRank {
		byRank[i] = int32(i)
	}
	slices.SortFunc(byRank, func(x, y int32) int {
		return compareCustomers(b.hash[x], b.hash[y], b.cust.Bytes(int(x)), b.cust.Bytes(int(y)))
	})
	// start[rank] is where the rows of the customer of that rank begin.
	rank := make([]int32, nCust)
	for r, code := range byRank {
		rank[code] = int32(r)
	}
	start := make([]int32, nCust+1)
	for _, c := range b.chunks {
		for _, code := range c.cust.Code {
			start[rank[code]+1]++
		}
	}
	for r := range nCust {
		start[r+1] += start[r]
	}
	next := slices.Clone(start[:nCust])
	for i, c := range b.chunks {
		at := int32(i << chunkBits)
		for r, code := range c.cust.Code {
			slot := &next[rank[code]]
			order[*slot] = at + int32(r)
			*slot++
		}
	}
	if !b.l.timed && !b.known {
		return order
	}
	kernel.Parallel(nCust, threads, 1024, func(lo, hi int) {
		var scratch []timedRow
		for r := lo; r < hi; r++ {
			scratch = b.sortByTime(order[start[r]:start[r+1]], scratch)
		}
	})
	return order
}

type timedRow struct {
	time, known int64
	row         int32
}

func (b *buffer) sortByTime(rows []int32, scratch []timedRow) []timedRow {
	if len(rows) < 2 {
		return scratch
	}
	scratch = scratch[:0]
	inOrder := true
	for i, row := range rows {
		c, r := b.chunks[row>>chunkBits], int(row&(chunkRows-1))
		t := timedRow{time: c.timeOf(r), row: row}
		if c.known != nil {
			t.known = c.known[r]
			if t.known == table.Missing {
				t.known = t.time
			}
		}
		inOrder = inOrder && (i == 0 || compareTimed(scratch[i-1], t) <= 0)
		scratch = append(scratch, t)
	}
	if inOrder {
		return scratch
	}
	slices.SortFunc(scratch, compareTimed)
	for i := range rows {
		rows[i] = scratch[i].row
	}
	return scratch
}

func compareTimed(a, b timedRow) int {
	switch {
	case a.time < b.time:
		return -1
	case a.time > b.time:
		return 1
	case a.known < b.known:
		return -1
	case a.known > b.known:
		return 1
	}
	return int(a.row) - int(b.row)
}
