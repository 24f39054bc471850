package store

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
	"kequn/internal/vault"
)

// chunkBits is the binary logarithm of a chunk's rows: a row of the buffer is (chunk << chunkBits) + row.
const chunkBits = 16

const chunkRows = 1 << chunkBits

// buffer takes rows as they come, in chunks, until they are sorted. Growing by chunks never copies what is there.
//
// A chunk that is full is settled, while the next one fills: its rows are counted into buckets, one for each 256th of the
// customers' hashes, in order of arrival, and its customers are renumbered likewise. Sorting a bucket (see sorter) then reads
// a short stretch of every chunk, and all it does stays in the processor's cache:
//
//	chunk 0   [ bucket 0 | bucket 1 | bucket 2 | … ]
//	chunk 1   [ bucket 0 | bucket 1 | bucket 2 | … ]
//	              └──────────┴─ rows of bucket 1, sorted as one
type buffer struct {
	l      *layout
	keys   *vault.Keyring // makes pseudonyms; nil when not sealed
	chunks []*chunk
	rows   int
	first  int64 // sequence number of the first row

	id     *table.Dict
	fields []*table.Dict
	clear  []*table.Dict
	known  bool // a known-at column is kept

	codes []codeMap // for each text column: customer, id, fields, clear
	text  []byte    // scratch

	threads  int
	settled  int // chunks[:settled] are settled, or on the way
	settling sync.WaitGroup
	tickets  chan struct{}
	spare    spareColumns
	names    atomic.Int64 // bytes of the settled chunks' customers
}

// chunk is up to chunkRows rows: as they came until it is settled, by bucket afterwards.
type chunk struct {
	block
	at    []uint16 // settled: where each row stood; rows of nobody stay where they are and have none
	rows  []int32  // settled: bucket k has the rows [rows[k], rows[k+1])
	names []int32  // and the customers [names[k], names[k+1])
	tags  []uint32 // of each customer, bits 24 to 55 of the hash
	ends  []uint32 // and where the text ends in texts
	texts []byte
}

// spareColumns is memory that settling one column leaves for the next.
type spareColumns struct {
	mu   sync.Mutex
	ints [][]int64
	i32  [][]int32
	nums [][]float64
	hash [][]uint64
	dict []*table.Dict
}

func takeSpare[T any](s *spareColumns, list *[][]T) []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(*list); n > 0 {
		out := (*list)[n-1]
		*list = (*list)[:n-1]
		return out
	}
	return make([]T, 0, chunkRows)
}

// newDict returns an empty dictionary.
func (s *spareColumns) newDict() *table.Dict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.dict); n > 0 {
		out := s.dict[n-1]
		s.dict = s.dict[:n-1]
		return out
	}
	return table.NewDict()
}

// giveDict takes back a dictionary that nobody knows any more.
func (s *spareColumns) giveDict(d *table.Dict) {
	d.Reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dict = append(s.dict, d)
}

func giveSpare[T any](s *spareColumns, list *[][]T, v []T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, v[:0])
}

// codeMap remembers what the codes of a source's dictionary are here. Sources keep one dictionary for a whole file, make
// one for each batch, or empty one and use it again; all are quick.
type codeMap struct {
	of, into  *table.Dict // there, and here
	round     uint32      // of the dictionaries
	intoRound uint32
	to        []int32 // code here + 1, 0 when not met yet
}

func newBuffer(l *layout, keys *vault.Keyring, known bool, first int64, threads int) *buffer {
	b := &buffer{l: l, keys: keys, known: known, first: first, threads: kernel.Threads(threads)}
	b.tickets = make(chan struct{}, b.threads)
	b.codes = make([]codeMap, 2+len(l.fields)+len(l.clear))
	b.renew()
	return b
}

// renew empties the buffer with fresh dictionaries; sequence numbers go on.
func (b *buffer) renew() {
	b.settling.Wait()
	b.first += int64(b.rows)
	b.chunks, b.rows, b.settled = nil, 0, 0
	b.names.Store(0)
	b.id = table.NewDict()
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
	width := int64(8) // the place in the chunk, and what sorting some buckets takes
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
	n += int64(b.id.Size()) + b.names.Load()
	for _, c := range b.chunks[b.settled:] {
		if c.cust != nil {
			n += int64(c.cust.Dict.Size())
		}
	}
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
func (b *buffer) room() *chunk {
	if n := len(b.chunks); n > 0 && b.chunks[n-1].n < chunkRows {
		return b.chunks[n-1]
	}
	c := &chunk{block: block{first: b.first + int64(b.rows)}}
	text := func(d *table.Dict) *table.Column {
		return &table.Column{Kind: table.Text, Code: takeSpare(&b.spare, &b.spare.i32), Dict: d}
	}
	if b.l.keyed {
		c.cust = text(b.spare.newDict())
		c.hash = takeSpare(&b.spare, &b.spare.hash)
	}
	if b.l.timed {
		c.time = takeSpare(&b.spare, &b.spare.ints)
	}
	if b.known {
		c.known = takeSpare(&b.spare, &b.spare.ints)
	}
	if b.l.hasID {
		c.id = text(b.id)
	}
	for i, f := range b.l.fields {
		col := &table.Column{Name: f.Name, Kind: f.Kind, Scale: f.Scale}
		switch {
		case f.Kind.InCode():
			col.Code, col.Dict = takeSpare(&b.spare, &b.spare.i32), b.fields[i]
		case f.Kind == table.Number:
			col.Num = takeSpare(&b.spare, &b.spare.nums)
		default:
			col.Int = takeSpare(&b.spare, &b.spare.ints)
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

// add takes the rows of a batch that are listed. They stay in order of arrival until the next call.
func (b *buffer) add(in *batch, rows []int32) {
	b.settle(false)
	for len(rows) > 0 {
		c := b.room()
		n := min(len(rows), chunkRows-c.n)
		take := rows[:n]
		slot := 0
		if c.cust != nil {
			b.addText(c.cust, in.cust, take, slot)
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
		if to.Dict == b.id || slot == 0 {
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
	if m.of != from.Dict || m.round != from.Dict.Round() || m.into != to.Dict || m.intoRound != to.Dict.Round() {
		*m = codeMap{of: from.Dict, into: to.Dict, round: from.Dict.Round(), intoRound: to.Dict.Round(), to: m.to[:0]}
	}
	if n := from.Dict.Len(); n > len(m.to) {
		was := len(m.to)
		m.to = slices.Grow(m.to, n-was)[:n]
		clear(m.to[was:])
	}
	push := to.Dict == b.id || slot == 0
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
			if push {
				k = to.Dict.Push(text) + 1 // ids hardly repeat, and sorting brings the same customers together
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

type timedRow struct {
	time, known int64
	row         int32
}

func compareTimed(a, b timedRow) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.known, b.known), cmp.Compare(a.row, b.row))
}
