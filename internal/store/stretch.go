package store

import (
	"bytes"
	"slices"
	"sync"

	"kequn"
	"kequn/internal/table"
)

// stretch is the rows of one dataset between two hashes, in order.
type stretch struct {
	cust *table.Column // nil of lookups
	hash []uint64      // of each text of cust.Dict, 0 where not computed
	rows *table.Table
}

// selection says which columns of a dataset are read.
type selection struct {
	fields []field  // as stored: the wanted ones, then the store's own that go with them
	names  []string // as asked for
}

// selectColumns resolves the names of wanted columns and adds the store's own.
func (s *Snapshot) selectColumns(d *dataset, names []string) (*selection, error) {
	l := layoutOf(d, s.w.keys != nil)
	all := l.partFields(true, true)
	sel := &selection{}
	add := func(name, as string) bool {
		i := slices.IndexFunc(all, func(f field) bool { return f.Name == name })
		if i < 0 {
			return false
		}
		sel.fields = append(sel.fields, all[i])
		sel.names = append(sel.names, as)
		return true
	}
	for _, n := range names {
		if !add(l.stored(n), n) {
			return nil, kequn.Errorf(kequn.KindInput, "", "dataset %q has no column %q", d.Name, n)
		}
	}
	also := func(name string, yes bool) {
		if yes && !slices.Contains(sel.names, name) {
			add(name, name)
		}
	}
	also(timeColumn, l.timed)
	also(knownColumn, d.Late && l.keyed)
	also(idColumn, d.Versioned && l.hasID)
	also(goneColumn, d.Versioned && l.keyed)
	return sel, nil
}

// stretch reads the rows of the range [from, to) of 256ths.
func (s *Snapshot) stretch(d *dataset, from, to int, names []string) (*stretch, error) {
	sel, err := s.selectColumns(d, names)
	if err != nil {
		return nil, err
	}
	var pieces []*block
	for _, p := range d.Parts {
		if p.To <= from || p.From >= to {
			continue
		}
		b, err := s.piece(d, p, from, to, sel)
		if err != nil {
			return nil, err
		}
		if b.n > 0 {
			pieces = append(pieces, b)
		}
	}
	l := &layout{keyed: d.ByCustomer, timed: d.ByCustomer && d.Role.HasTime(), fields: sel.fields}
	out := &block{}
	switch len(pieces) {
	case 0:
		out = emptyBlock(l)
	case 1:
		out = pieces[0]
	default:
		if out, err = mergePieces(l, pieces, from, to); err != nil {
			return nil, err
		}
	}
	t := &table.Table{}
	for i, c := range out.fields {
		c.Name = sel.names[i]
		t.Columns = append(t.Columns, c)
	}
	return &stretch{cust: out.cust, hash: out.hash, rows: t}, nil
}

func emptyBlock(l *layout) *block {
	b := &block{}
	if l.keyed {
		b.cust = table.NewColumn(customerColumn, table.Text, 0)
	}
	for _, f := range l.fields {
		c := table.NewColumn(f.Name, f.Kind, 0)
		c.Scale = f.Scale
		b.fields = append(b.fields, c)
	}
	return b
}

// piece reads the rows of one part that lie in the range, with everything needed to merge them.
func (s *Snapshot) piece(d *dataset, p part, from, to int, sel *selection) (*block, error) {
	if from <= p.From && to >= p.To {
		return s.w.readPiece(d, p, p.From, p.To, sel, len(d.Parts) > 1)
	}
	// The part reaches beyond the range: askers come for all of it, one range after the other.
	whole, err := s.cache.get(p, sel, func() (*block, error) {
		return s.w.readPiece(d, p, p.From, p.To, sel, true)
	})
	if err != nil {
		return nil, err
	}
	return whole.between(bounds(from, to)), nil
}

// readPiece reads the row groups of a part that hold a range. For merging, rows need time, known-at and sequence.
func (w *Workspace) readPiece(d *dataset, p part, from, to int, sel *selection, merging bool) (*block, error) {
	r, err := w.openPart(p)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	a, e := r.groupsIn(bounds(from, to))
	b := &block{}
	for g := a; g < e; g++ {
		b.n += r.groups[g].rows
	}
	own := func(name string, kind table.Kind) (*table.Column, error) {
		if !r.has(name) {
			return nil, nil
		}
		c, err := r.read(a, e, []field{{column: column{Name: name, Kind: kind}}})
		if err != nil {
			return nil, err
		}
		return c[0], nil
	}
	if d.ByCustomer {
		if b.cust, err = own(customerColumn, table.Text); err != nil {
			return nil, err
		}
		if b.cust == nil {
			return nil, damaged(r.path, "has no customers")
		}
	}
	ints := map[string][]int64{}
	for _, n := range []string{timeColumn, knownColumn, seqColumn} {
		wanted := slices.ContainsFunc(sel.fields, func(f field) bool { return f.Name == n || f.Name == knownColumn && n == timeColumn })
		if !merging && !wanted {
			continue
		}
		c, err := own(n, table.Time)
		if err != nil {
			return nil, err
		}
		if c != nil {
			ints[n] = c.Int
		}
	}
	b.time, b.known, b.seq = ints[timeColumn], ints[knownColumn], ints[seqColumn]
	for _, f := range sel.fields {
		c := &table.Column{Name: f.Name, Kind: f.Kind, Scale: f.Scale}
		switch {
		case f.Name == customerColumn:
			c.Code, c.Dict = slices.Clone(b.cust.Code), b.cust.Dict
		case f.Name == timeColumn:
			c.Int = b.time
		case f.Name == knownColumn && b.known == nil:
			c.Int = slices.Clone(b.time) // every row was known when it happened
		case f.Name == knownColumn:
			c.Int = b.known
		case f.Name == seqColumn:
			c.Int = b.seq
		case f.Name == goneColumn && !r.has(goneColumn):
			c.Int = make([]int64, b.n)
		default:
			cs, err := r.read(a, e, []field{f})
			if err != nil {
				return nil, err
			}
			c = cs[0]
		}
		if c.Len() != b.n {
			return nil, damaged(r.path, "lacks a column")
		}
		b.fields = append(b.fields, c)
	}
	return b, nil
}

// between copies the rows whose customers' hashes lie in [from, to); a to of 0 is the end. Rows are in order of hash, so
// the borders are found by halving.
func (b *block) between(from, to uint64) *block {
	find := func(h uint64) int {
		lo, hi := 0, b.n
		for lo < hi {
			mid := (lo + hi) / 2
			if customerHash(b.custOf(mid)) < h {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return lo
	}
	lo, hi := find(from), b.n
	if to != 0 {
		hi = find(to)
	}
	out := &block{n: hi - lo, cust: freshCopy(b.cust, lo, hi)}
	cut := func(v []int64) []int64 {
		if v == nil {
			return nil
		}
		return slices.Clone(v[lo:hi])
	}
	out.time, out.known, out.seq = cut(b.time), cut(b.known), cut(b.seq)
	for _, c := range b.fields {
		out.fields = append(out.fields, freshCopy(c, lo, hi))
	}
	return out
}

// freshCopy copies rows of a column with a dictionary of only the texts in them: what a caller gets is theirs to change.
func freshCopy(c *table.Column, lo, hi int) *table.Column {
	if !c.Kind.InCode() {
		out := c.Slice(lo, hi)
		out.Num, out.Int = slices.Clone(out.Num), slices.Clone(out.Int)
		return out
	}
	out := table.NewColumn(c.Name, c.Kind, hi-lo)
	to := make([]int32, c.Dict.Len())
	for _, k := range c.Code[lo:hi] {
		if k < 0 {
			out.Code = append(out.Code, -1)
			continue
		}
		if to[k] == 0 {
			to[k] = out.Dict.Intern(c.Dict.Bytes(int(k))) + 1
		}
		out.Code = append(out.Code, to[k]-1)
	}
	return out
}

// mergePieces merges sorted pieces into one.
func mergePieces(l *layout, pieces []*block, from, to int) (*block, error) {
	lo, hi := bounds(from, to)
	m := &merger{l: l, from: lo, to: hi}
	out := emptyBlock(l)
	total := 0
	for _, b := range pieces {
		b.hashCustomers()
		total += b.n
	}
	var g gatherer
	m.sink = func(blocks []*block, picks []pick) error {
		if l.keyed {
			appendColumn(out.cust, g.text(0, textField, blocks, picks, func(b *block) *table.Column { return b.cust }))
		}
		for i, f := range l.fields {
			appendColumn(out.fields[i], g.field(i, f, blocks, picks))
		}
		out.n += len(picks)
		return nil
	}
	for _, b := range pieces {
		if err := m.stream(once(b)); err != nil {
			return nil, err
		}
	}
	return out, m.merge()
}

// once gives a single block.
func once(b *block) func() (*block, error) {
	return func() (*block, error) {
		out := b
		b = nil
		return out, nil
	}
}

// appendColumn adds the values of d to c.
func appendColumn(c, d *table.Column) {
	a, b := *c, *d
	b.Name = a.Name
	t := table.New(&a)
	if err := t.Append(table.New(&b)); err != nil {
		panic("store: columns of one layout differ")
	}
	*c = a
}

// align finds the customers of all sets and where each one's rows begin.
func align(sets []*stretch) *table.Partition {
	out := &table.Partition{Customer: table.NewColumn(customerColumn, table.Text, 0)}
	type walker struct {
		s     *stretch
		at    int // first row of the customer it stands on
		end   int // behind it
		hash  uint64
		text  []byte
		start []int32
	}
	step := func(w *walker) {
		w.at = w.end
		codes := w.s.cust.Code
		if w.at == len(codes) {
			return
		}
		k := codes[w.at]
		for w.end < len(codes) && codes[w.end] == k {
			w.end++
		}
		w.text = w.s.cust.Dict.Bytes(int(k))
		w.hash = customerHash(w.text)
	}
	walkers := make([]*walker, len(sets))
	for i, s := range sets {
		walkers[i] = &walker{s: s}
		step(walkers[i])
	}
	for {
		var first *walker
		for _, w := range walkers {
			if w.at < len(w.s.cust.Code) && (first == nil || compareCustomers(w.hash, first.hash, w.text, first.text) < 0) {
				first = w
			}
		}
		if first == nil {
			break
		}
		hash, text := first.hash, first.text
		out.Customer.AppendBytes(text)
		for _, w := range walkers {
			w.start = append(w.start, int32(w.at))
			if w.at < len(w.s.cust.Code) && w.hash == hash && bytes.Equal(w.text, text) {
				step(w)
			}
		}
	}
	for i, w := range walkers {
		out.Sets = append(out.Sets, table.Set{Rows: sets[i].rows, Start: append(w.start, int32(w.at))})
	}
	return out
}

// partCache keeps the parts read last that reach over several partitions, so that asking for one partition after the other
// reads each only once or twice.
type partCache struct {
	mu      sync.Mutex
	entries []*cacheEntry // the last used one at the end
}

type cacheEntry struct {
	id      string
	columns []string
	once    sync.Once
	b       *block
	err     error
}

const maxCached = 16 // parts: those of a few datasets, each with a few runs

func (c *partCache) get(p part, sel *selection, read func() (*block, error)) (*block, error) {
	var columns []string
	for _, f := range sel.fields {
		columns = append(columns, f.Name)
	}
	c.mu.Lock()
	i := slices.IndexFunc(c.entries, func(e *cacheEntry) bool { return e.id == p.ID && slices.Equal(e.columns, columns) })
	var e *cacheEntry
	if i >= 0 {
		e = c.entries[i]
		c.entries = slices.Delete(c.entries, i, i+1)
	} else {
		e = &cacheEntry{id: p.ID, columns: columns}
		if len(c.entries) >= maxCached {
			c.entries = slices.Delete(c.entries, 0, 1)
		}
	}
	c.entries = append(c.entries, e)
	c.mu.Unlock()
	e.once.Do(func() { e.b, e.err = read() })
	return e.b, e.err
}
