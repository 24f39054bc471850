package store

import (
	"bytes"
	"slices"

	"kequn/internal/table"
)

// cursor walks over the rows of one sorted source between two hashes: blocks that come one after the other.
type cursor struct {
	load func() (*block, error) // the next block, nil at the end

	b    *block // the row it stands on
	bi   int32
	r    int32
	hash uint64
	time int64
	seq  int64
}

// less orders cursors by the row they stand on. Known-at is left to the sorting of rows of the same customer and time.
func (c *cursor) less(d *cursor) bool {
	if c.hash != d.hash {
		return c.hash < d.hash
	}
	if k := bytes.Compare(c.b.custOf(int(c.r)), d.b.custOf(int(d.r))); k != 0 {
		return k < 0
	}
	if c.time != d.time {
		return c.time < d.time
	}
	return c.seq < d.seq
}

// merger merges sorted sources into the store's order and hands the rows on, groupRows at a time: the same pieces
// wherever the rows came from.
type merger struct {
	l        *layout
	from, to uint64 // hashes; a to of 0 is the end
	verdict  *verdict
	loadedAt int64
	contents *contents // to count identical lines; nil when rows have ids
	sink     func(blocks []*block, picks []pick) error

	blocks    []*block
	heap      []*cursor
	picks     []pick
	done      int // picks[:done] are in final order
	identical int64
	scratch   []uint64
}

// buffer adds the rows of a settled buffer.
func (m *merger) buffer(b *buffer, s *sorter, from, to int) error {
	s.open(b, from, to)
	return m.stream(func() (*block, error) { return s.next(groupRows), nil })
}

// stream adds a source of blocks, whose rows before m.from are passed over.
func (m *merger) stream(load func() (*block, error)) error {
	c := &cursor{load: load}
	for {
		more, err := m.advance(c)
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
		if c.hash >= m.from {
			m.heap = append(m.heap, c)
			return nil
		}
	}
}

// run adds a spilled run.
func (m *merger) run(r *run) error {
	next := 0
	if len(r.blocks) == 0 {
		return nil
	}
	for next+1 < len(r.blocks) && r.blocks[next+1].first < m.from {
		next++
	}
	return m.stream(func() (*block, error) {
		if next == len(r.blocks) || m.to != 0 && r.blocks[next].first >= m.to {
			return nil, nil
		}
		next++
		return r.read(next - 1)
	})
}

// advance moves a cursor to its next row, and tells whether there is one.
func (m *merger) advance(c *cursor) (bool, error) {
	c.r++
	for c.b == nil || int(c.r) >= c.b.n {
		b, err := c.load()
		if b == nil || err != nil {
			return false, err
		}
		c.b, c.bi, c.r = b, int32(len(m.blocks)), 0
		m.blocks = append(m.blocks, b)
	}
	c.hash, c.time, c.seq = c.b.hashOf(int(c.r)), c.b.timeOf(int(c.r)), c.b.seqOf(int(c.r))
	return m.to == 0 || c.hash < m.to, nil
}

// merge runs to the end of the sources.
func (m *merger) merge() error {
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.sift(i)
	}
	var last pick // a row of the group under way
	var lastHash uint64
	var lastTime int64
	open := false
	for len(m.heap) > 0 {
		c := m.heap[0]
		if m.l.keyed && !(open && lastHash == c.hash && lastTime == c.time && m.sameCustomer(last, c)) {
			if err := m.endGroup(); err != nil {
				return err
			}
			open, lastHash, lastTime = false, c.hash, c.time
		}
		if m.take(c) {
			last, open = m.picks[len(m.picks)-1], true
		}
		if !m.l.keyed && len(m.picks) >= 2*groupRows {
			if err := m.endGroup(); err != nil {
				return err
			}
		}
		more, err := m.advance(c)
		if err != nil {
			return err
		}
		if !more {
			m.heap[0] = m.heap[len(m.heap)-1]
			m.heap = m.heap[:len(m.heap)-1]
		}
		if len(m.heap) > 1 {
			m.sift(0)
		}
	}
	if err := m.endGroup(); err != nil {
		return err
	}
	return m.flush(0)
}

func (m *merger) sift(i int) {
	for {
		k := 2*i + 1
		if k >= len(m.heap) {
			return
		}
		if k+1 < len(m.heap) && m.heap[k+1].less(m.heap[k]) {
			k++
		}
		if !m.heap[k].less(m.heap[i]) {
			return
		}
		m.heap[i], m.heap[k] = m.heap[k], m.heap[i]
		i = k
	}
}

func (m *merger) sameCustomer(p pick, c *cursor) bool {
	b := m.blocks[p.b]
	if b.cust.Dict == c.b.cust.Dict {
		return b.cust.Code[p.r] == c.b.cust.Code[c.r]
	}
	return bytes.Equal(b.custOf(int(p.r)), c.b.custOf(int(c.r)))
}

// take picks the row under a cursor unless it was dropped, and with it the mark that its id has left the customer, where
// that is so.
func (m *merger) take(c *cursor) bool {
	known := m.knownOf(c)
	isNew := false
	if m.verdict != nil {
		if isNew = !m.verdict.idle && m.verdict.isNew(c.seq); isNew {
			if m.verdict.dropped(c.seq) {
				return false
			}
			if k, ok := m.verdict.fixed(c.seq); ok {
				known = k
			}
		}
	}
	m.picks = append(m.picks, pick{c.bi, c.r, known, c.seq, c.b.goneOf(int(c.r))})
	if isNew {
		for _, t := range m.verdict.left(c.seq) {
			m.picks = append(m.picks, pick{c.bi, c.r, t.known, t.seq, true})
		}
	}
	return true
}

func (m *merger) knownOf(c *cursor) int64 {
	if c.b.known != nil {
		if k := c.b.known[c.r]; k != table.Missing {
			return k
		}
	}
	if m.l.timed {
		return c.time
	}
	return m.loadedAt
}

// endGroup puts the rows of one customer and time in order, counts those that repeat another, and hands on full pieces.
func (m *merger) endGroup() error {
	g := m.picks[m.done:]
	if len(g) > 1 && m.l.keyed {
		if !slices.IsSortedFunc(g, compareKnown) {
			slices.SortFunc(g, compareKnown)
		}
		m.countIdentical(g)
	}
	m.done = len(m.picks)
	if m.done < groupRows {
		return nil
	}
	return m.flush(groupRows)
}

func compareKnown(a, b pick) int {
	switch {
	case a.known < b.known:
		return -1
	case a.known > b.known:
		return 1
	case a.seq < b.seq:
		return -1
	case a.seq > b.seq:
		return 1
	}
	return 0
}

func (m *merger) countIdentical(g []pick) {
	if m.contents == nil {
		return
	}
	m.scratch = m.scratch[:0]
	for _, p := range g {
		if m.verdict == nil || m.verdict.isNew(p.seq) {
			m.scratch = append(m.scratch, m.contents.row(m.blocks[p.b], int(p.r)))
		}
	}
	slices.Sort(m.scratch)
	for i := 1; i < len(m.scratch); i++ {
		if m.scratch[i] == m.scratch[i-1] {
			m.identical++
		}
	}
}

// flush hands on pieces of size rows while there are as many; a size of 0 hands on what is left.
func (m *merger) flush(size int) error {
	from := 0
	for left := m.done; left > 0 && left >= size; left = m.done - from {
		n := min(left, groupRows)
		if err := m.sink(m.blocks, m.picks[from:from+n]); err != nil {
			return err
		}
		from += n
	}
	m.picks = append(m.picks[:0], m.picks[from:]...)
	m.done -= from
	m.forget()
	return nil
}

// forget lets go of blocks that neither a pick nor a cursor refers to.
func (m *merger) forget() {
	to := make([]int32, len(m.blocks))
	for i := range to {
		to[i] = -1
	}
	var kept []*block
	keep := func(i int32) int32 {
		if to[i] < 0 {
			to[i] = int32(len(kept))
			kept = append(kept, m.blocks[i])
		}
		return to[i]
	}
	for i := range m.picks {
		m.picks[i].b = keep(m.picks[i].b)
	}
	for _, c := range m.heap {
		c.bi = keep(c.bi)
	}
	m.blocks = kept
	if m.contents != nil && len(m.contents.texts) > 4*keptMaps {
		m.contents.forget()
	}
}
