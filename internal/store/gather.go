package store

import (
	"kequn/internal/table"
)

// pick is a row chosen for output: row r of blocks[b]. Known-at may have been changed by a correction; gone makes a row
// that only says that its id has left the customer.
type pick struct {
	b, r  int32
	known int64
	seq   int64
	gone  bool
}

// gatherer copies picked rows into fresh columns. Text columns get dictionaries of their own, numbered in order of
// appearance, so that the result does not depend on where the rows lay.
type gatherer struct {
	slots []gatherSlot
	ints  [][]int64 // scratch: a column of each block
	nums  [][]float64
	codes [][]int32
	dicts [][]int32 // the code map of each block
}

// gatherSlot translates the codes of one column.
type gatherSlot struct {
	maps map[*table.Dict][]int32 // code there → code here + 1
	used []usedCode
}

type usedCode struct {
	in   []int32
	code int32
}

const keptMaps = 64 // code maps kept from one output to the next; those of blocks long gone are dropped

func (g *gatherer) slot(i int) *gatherSlot {
	for i >= len(g.slots) {
		g.slots = append(g.slots, gatherSlot{maps: map[*table.Dict][]int32{}})
	}
	return &g.slots[i]
}

// text gathers a text column. column finds it in a block; it may be nil there.
func (g *gatherer) text(slot int, f field, blocks []*block, picks []pick, column func(*block) *table.Column) *table.Column {
	s := g.slot(slot)
	if len(s.maps) > keptMaps {
		clear(s.maps)
	}
	out := table.NewColumn(f.Name, f.Kind, len(picks))
	g.codes, g.dicts = g.codes[:0], g.dicts[:0]
	from := make([]*table.Dict, len(blocks))
	for i, b := range blocks {
		var codes, m []int32
		if c := column(b); c != nil {
			codes, from[i] = c.Code, c.Dict
			m = s.maps[c.Dict]
			if len(m) < c.Dict.Len() {
				m = append(m, make([]int32, c.Dict.Len()-len(m))...)
				s.maps[c.Dict] = m
			}
		}
		g.codes, g.dicts = append(g.codes, codes), append(g.dicts, m)
	}
	for _, p := range picks {
		codes := g.codes[p.b]
		if codes == nil || codes[p.r] < 0 {
			out.Code = append(out.Code, -1)
			continue
		}
		code, m := codes[p.r], g.dicts[p.b]
		k := m[code]
		if k == 0 {
			k = out.Dict.Intern(from[p.b].Bytes(int(code))) + 1
			m[code] = k
			s.used = append(s.used, usedCode{m, code})
		}
		out.Code = append(out.Code, k-1)
	}
	for _, u := range s.used {
		u.in[u.code] = 0
	}
	s.used = s.used[:0]
	return out
}

// ids gathers the id column, whose texts hardly repeat: its dictionary may hold a text twice.
func (g *gatherer) ids(blocks []*block, picks []pick) *table.Column {
	out := &table.Column{Name: idColumn, Kind: table.Text, Code: make([]int32, 0, len(picks)), Dict: table.NewDict()}
	for _, p := range picks {
		c := blocks[p.b].id
		if c == nil || c.Code[p.r] < 0 {
			out.Code = append(out.Code, -1)
			continue
		}
		out.Code = append(out.Code, out.Dict.Push(c.Dict.Bytes(int(c.Code[p.r]))))
	}
	return out
}

// integers gathers integers; blocks for which column is nil give the filler.
func (g *gatherer) integers(blocks []*block, picks []pick, filler int64, column func(*block) []int64) []int64 {
	g.ints = g.ints[:0]
	for _, b := range blocks {
		g.ints = append(g.ints, column(b))
	}
	out := make([]int64, len(picks))
	for i, p := range picks {
		if v := g.ints[p.b]; v != nil {
			out[i] = v[p.r]
		} else {
			out[i] = filler
		}
	}
	return out
}

// field gathers column i of the layout's fields.
func (g *gatherer) field(i int, f field, blocks []*block, picks []pick) *table.Column {
	get := func(b *block) *table.Column { return b.fields[i] }
	switch {
	case f.Kind.InCode():
		return g.text(i+1, f, blocks, picks, get)
	case f.Kind == table.Number:
		g.nums = g.nums[:0]
		for _, b := range blocks {
			var v []float64
			if c := get(b); c != nil {
				v = c.Num
			}
			g.nums = append(g.nums, v)
		}
		out := table.NewColumn(f.Name, f.Kind, len(picks))
		for _, p := range picks {
			if v := g.nums[p.b]; v != nil {
				out.Num = append(out.Num, v[p.r])
			} else {
				out.AppendMissing()
			}
		}
		return out
	}
	out := &table.Column{Name: f.Name, Kind: f.Kind, Scale: f.Scale}
	out.Int = g.integers(blocks, picks, table.Missing, func(b *block) []int64 {
		if c := get(b); c != nil {
			return c.Int
		}
		return nil
	})
	return out
}

// seqs lists the picks' sequence numbers.
func seqs(picks []pick) []int64 {
	out := make([]int64, len(picks))
	for i, p := range picks {
		out[i] = p.seq
	}
	return out
}

// columns gathers the columns of a part, in the order of layout.partFields(known, gone).
func (g *gatherer) columns(l *layout, blocks []*block, picks []pick, known, gone bool) []*table.Column {
	var out []*table.Column
	ints := func(name string, kind table.Kind, v []int64) {
		out = append(out, &table.Column{Name: name, Kind: kind, Int: v})
	}
	if l.keyed {
		f := field{column: column{Name: customerColumn, Kind: table.Text}}
		out = append(out, g.text(0, f, blocks, picks, func(b *block) *table.Column { return b.cust }))
	}
	if l.timed {
		ints(timeColumn, table.Time, g.integers(blocks, picks, table.Missing, func(b *block) []int64 { return b.time }))
	}
	if known {
		v := make([]int64, len(picks))
		for i, p := range picks {
			v[i] = p.known
		}
		ints(knownColumn, table.Time, v)
	}
	ints(seqColumn, table.Integer, seqs(picks))
	if l.hasID {
		out = append(out, g.ids(blocks, picks))
	}
	if gone {
		v := make([]int64, len(picks))
		for i, p := range picks {
			if p.gone {
				v[i] = 1
			}
		}
		ints(goneColumn, table.Bool, v)
	}
	for i, f := range l.fields {
		out = append(out, g.field(i, f, blocks, picks))
	}
	return out
}

// clear gathers clear personal values.
func (g *gatherer) clear(l *layout, blocks []*block, picks []pick) []*table.Column {
	var out []*table.Column
	for i, f := range l.clear {
		f.Kind = table.Text
		out = append(out, g.text(1+len(l.fields)+i, f, blocks, picks, func(b *block) *table.Column {
			if b.clear == nil {
				return nil
			}
			return b.clear[i]
		}))
	}
	return out
}

// take gathers rows into a block, as a spilled run keeps them.
func (g *gatherer) take(l *layout, blocks []*block, picks []pick, known bool) *block {
	out := &block{n: len(picks), seq: seqs(picks)}
	if l.keyed {
		out.cust = g.text(0, textField, blocks, picks, func(b *block) *table.Column { return b.cust })
	}
	if l.timed {
		out.time = g.integers(blocks, picks, table.Missing, func(b *block) []int64 { return b.time })
	}
	if known {
		out.known = g.integers(blocks, picks, table.Missing, func(b *block) []int64 { return b.known })
	}
	if l.hasID {
		out.id = g.ids(blocks, picks)
	}
	for i, f := range l.fields {
		out.fields = append(out.fields, g.field(i, f, blocks, picks))
	}
	out.clear = g.clear(l, blocks, picks)
	return out
}
