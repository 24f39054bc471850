// Package enginetest is the conformance kit of engines: random data and random definitions, whose answers must be those of
// the slow plain evaluator of package rule, hand-made tables, and what no engine may ever do: see the future.
package enginetest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"math/bits"
	"slices"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Rows is one dataset: its definition and its rows in any order.
//
// Datasets of customers hold engine.CustomerColumn, those with event times engine.TimeColumn. KnownColumn (by default the
// event time, or LoadedAt), SeqColumn (the row's number), IDColumn and GoneColumn may be left out. A lookup is its table, with
// KnownColumn where it has history.
type Rows struct {
	engine.Dataset
	Table *table.Table
}

// Memory is [engine.Data] in memory. Partitions are stretches of the customers' hashes, as in the store, so the order of
// customers does not depend on their number. Each partition has dictionaries of its own.
type Memory struct {
	defs    []engine.Dataset
	lookups map[string]*table.Table
	parts   []memoryPart
}

type memoryPart struct {
	customers *table.Column
	sets      []memorySet // per dataset
}

type memorySet struct {
	rows  *table.Table
	start []int32 // per customer of the partition
}

// NewMemory sorts datasets into nParts partitions and fills in their facts: Rows, First, Last, Late and Versioned.
func NewMemory(nParts int, datasets ...Rows) *Memory {
	m := &Memory{lookups: map[string]*table.Table{}, parts: make([]memoryPart, nParts)}
	ids := table.NewDict()
	codes := make([][]int32, len(datasets))
	full := make([]*table.Table, len(datasets))
	for i := range datasets {
		d := &datasets[i]
		if d.Role == kequn.Lookup {
			m.lookups[d.Name] = d.Table
			d.Rows, d.Late = int64(d.Table.NRows()), d.Table.Column(engine.KnownColumn) != nil
		} else {
			full[i] = complete(d)
			c := full[i].Column(engine.CustomerColumn)
			trans := make([]int32, c.Dict.Len())
			for j := range trans {
				trans[j] = ids.Intern(c.Dict.Bytes(j))
			}
			for _, code := range c.Code {
				codes[i] = append(codes[i], trans[code])
			}
		}
		m.defs = append(m.defs, d.Dataset)
	}
	rank, part := orderCustomers(ids, nParts)
	byRank := make([]int32, ids.Len())
	for id, r := range rank {
		byRank[r] = int32(id)
	}
	next := 0
	for p := range m.parts {
		c := table.NewColumn(engine.CustomerColumn, table.Text, 0)
		first := next
		for next < len(byRank) && part[byRank[next]] == p {
			c.AppendBytes(ids.Bytes(int(byRank[next])))
			next++
		}
		m.parts[p].customers = c
		m.parts[p].sets = make([]memorySet, len(datasets))
		for i := range datasets {
			if full[i] != nil {
				m.parts[p].sets[i] = cut(full[i], codes[i], rank, first, next)
			}
		}
	}
	return m
}

// orderCustomers ranks customers by the hash of their id and tells their partitions.
func orderCustomers(ids *table.Dict, nParts int) (rank []int32, part []int) {
	hash := make([]uint64, ids.Len())
	order := make([]int32, ids.Len())
	part = make([]int, ids.Len())
	for i := range hash {
		hash[i] = kernel.Hash64(0, ids.Bytes(i))
		hi, _ := bits.Mul64(hash[i], uint64(nParts))
		part[i] = int(hi)
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if c := cmp.Compare(hash[a], hash[b]); c != 0 {
			return c
		}
		return bytes.Compare(ids.Bytes(int(a)), ids.Bytes(int(b)))
	})
	rank = make([]int32, len(order))
	for r, id := range order {
		rank[id] = int32(r)
	}
	return rank, part
}

// complete adds the columns that were left out and notes the facts.
func complete(d *Rows) *table.Table {
	t := &table.Table{Columns: slices.Clone(d.Table.Columns)}
	n := t.NRows()
	times := t.Column(engine.TimeColumn)
	if t.Column(engine.KnownColumn) == nil {
		known := table.NewColumn(engine.KnownColumn, table.Time, n)
		for i := range n {
			v := int64(d.LoadedAt)
			if times != nil {
				v = times.Int[i]
			}
			known.Int = append(known.Int, v)
		}
		t.Columns = append(t.Columns, known)
	}
	if t.Column(engine.SeqColumn) == nil {
		seq := table.NewColumn(engine.SeqColumn, table.Integer, n)
		for i := range n {
			seq.Int = append(seq.Int, int64(i))
		}
		t.Columns = append(t.Columns, seq)
	}
	d.Rows = int64(n)
	d.First, d.Last = kequn.NoTime, kequn.NoTime
	known := t.Column(engine.KnownColumn)
	for i := range n {
		if times == nil {
			d.Late = d.Late || known.Int[i] != int64(d.LoadedAt)
			continue
		}
		at := kequn.Instant(times.Int[i])
		if at != kequn.NoTime && (d.First == kequn.NoTime || at < d.First) {
			d.First = at
		}
		d.Last = max(d.Last, at)
		d.Late = d.Late || known.Int[i] > times.Int[i]
	}
	id, gone := t.Column(engine.IDColumn), t.Column(engine.GoneColumn)
	if gone != nil {
		d.Versioned = d.Versioned || slices.Contains(gone.Int, 1)
	}
	if id != nil {
		seen := make([]bool, id.Dict.Len())
		for _, c := range id.Code {
			if c >= 0 {
				d.Versioned = d.Versioned || seen[c]
				seen[c] = true
			}
		}
	}
	if d.Versioned && id == nil {
		id = table.NewColumn(engine.IDColumn, table.Text, n)
		for range n {
			id.AppendMissing()
		}
		t.Columns = append(t.Columns, id)
	}
	if d.Versioned && gone == nil {
		gone = table.NewColumn(engine.GoneColumn, table.Bool, n)
		gone.Int = make([]int64, n)
		t.Columns = append(t.Columns, gone)
	}
	return t
}

// cut takes the rows of customers with ranks [first, end), sorted as the store sorts them.
func cut(t *table.Table, customer, rank []int32, first, end int) memorySet {
	var rows []int32
	for i, c := range customer {
		if r := int(rank[c]); r >= first && r < end {
			rows = append(rows, int32(i))
		}
	}
	times, known, seq := t.Column(engine.TimeColumn), t.Column(engine.KnownColumn), t.Column(engine.SeqColumn)
	slices.SortStableFunc(rows, func(a, b int32) int {
		if c := cmp.Compare(rank[customer[a]], rank[customer[b]]); c != 0 {
			return c
		}
		if times != nil {
			if c := cmp.Compare(times.Int[a], times.Int[b]); c != 0 {
				return c
			}
		}
		if c := cmp.Compare(known.Int[a], known.Int[b]); c != 0 {
			return c
		}
		return cmp.Compare(seq.Int[a], seq.Int[b])
	})
	s := memorySet{start: make([]int32, end-first+1)}
	for _, r := range rows {
		s.start[int(rank[customer[r]])-first+1]++
	}
	for i := range end - first {
		s.start[i+1] += s.start[i]
	}
	taken := t.Take(rows)
	s.rows = &table.Table{}
	for _, c := range taken.Columns { // a dictionary of its own
		own := table.NewColumn(c.Name, c.Kind, c.Len())
		own.Scale = c.Scale
		if err := table.New(own).Append(table.New(c)); err != nil {
			panic(err)
		}
		s.rows.Columns = append(s.rows.Columns, own)
	}
	return s
}

// Datasets implements [engine.Data].
func (m *Memory) Datasets() []engine.Dataset { return m.defs }

// NParts implements [engine.Data].
func (m *Memory) NParts() int { return len(m.parts) }

// Part implements [engine.Data].
func (m *Memory) Part(_ context.Context, p int, want []table.Want) (*table.Partition, error) {
	part := &m.parts[p]
	sets := make([]memorySet, len(want))
	for i, w := range want {
		at := slices.IndexFunc(m.defs, func(d engine.Dataset) bool { return d.Name == w.Dataset })
		rows, err := part.sets[at].rows.Select(w.Columns...)
		if err != nil {
			return nil, err
		}
		sets[i] = memorySet{rows, part.sets[at].start}
	}
	// Only customers with a row in one of the sets are there.
	var here []int32
	for c := range part.customers.Len() {
		if slices.ContainsFunc(sets, func(s memorySet) bool { return s.start[c] < s.start[c+1] }) {
			here = append(here, int32(c))
		}
	}
	out := &table.Partition{Customer: part.customers.Take(here)}
	for _, s := range sets {
		start := make([]int32, 0, len(here)+1)
		for _, c := range here {
			start = append(start, s.start[c])
		}
		out.Sets = append(out.Sets, table.Set{Rows: s.rows, Start: append(start, s.start[len(s.start)-1])})
	}
	return out, nil
}

// Lookup implements [engine.Data].
func (m *Memory) Lookup(_ context.Context, name string, columns []string) (*table.Table, error) {
	t := m.lookups[name]
	known := t.Column(engine.KnownColumn)
	if known == nil || slices.Contains(columns, engine.KnownColumn) {
		return t.Select(columns...)
	}
	d := m.defs[slices.IndexFunc(m.defs, func(d engine.Dataset) bool { return d.Name == name })]
	key, newest := t.Column(d.With(kequn.ColKey).Name), map[string]int32{}
	for i := range known.Int {
		if at, ok := newest[key.String(i)]; !ok || known.Int[i] > known.Int[at] {
			newest[key.String(i)] = int32(i)
		}
	}
	out, err := t.Select(columns...)
	if err != nil {
		return nil, err
	}
	return out.Take(slices.Sorted(maps.Values(newest))), nil
}
