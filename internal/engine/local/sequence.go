package local

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"kequn"
	"kequn/internal/query"
	"kequn/internal/table"
)

// maxSteps is the most steps of a sequence: a row's steps are bits of a word.
const maxSteps = 64

// sequence is a compiled query.Sequence.
type sequence struct {
	slot   int
	nSteps int
	gap    kequn.Span
	same   bool
	parts  []seqPart // datasets in the plan's order
	future bool
}

// seqPart is what one dataset contributes.
type seqPart struct {
	source  int // position among the sources
	window  int // of the source's side
	steps   []int
	filters []int // of steps: node of source.rows, −1 for every row
	without []int // filters of forbidden rows
	same    int   // ref, −1 where there is none
}

// sequence compiles a sequence and returns its slot.
func (c *compiler) sequence(q *query.Sequence, ahead bool) (int, error) {
	if q.Window.Ahead && !ahead {
		return 0, kequn.Errorf(kequn.KindInternal, "", "a sequence ahead of the cutoff is the future: only outcomes may look there")
	}
	if len(q.Steps) == 0 || len(q.Steps) > maxSteps {
		return 0, kequn.Errorf(kequn.KindPlan, "", "a sequence has 1 to %d steps, not %d", maxSteps, len(q.Steps))
	}
	s := &sequence{nSteps: len(q.Steps), gap: q.Gap, same: q.Same != "", future: q.Window.Ahead}
	part := func(dataset string) (*source, *seqPart, error) {
		src, err := c.source(dataset)
		if err != nil {
			return nil, nil, err
		}
		at := slices.Index(c.sources, src)
		for i := range s.parts {
			if s.parts[i].source == at {
				return src, &s.parts[i], nil
			}
		}
		s.parts = append(s.parts, seqPart{source: at, window: src.side(q.Window.Ahead).window(q.Window), same: -1})
		return src, &s.parts[len(s.parts)-1], nil
	}
	kinds := map[bool]bool{}
	for i, st := range q.Steps {
		src, p, err := part(st.Dataset)
		if err != nil {
			return 0, err
		}
		f, err := c.filterAs(src, st.Where, q.Window.Ahead)
		if err != nil {
			return 0, err
		}
		if q.Same != "" {
			if p.same, err = c.refAs(src, q.Same, q.Window.Ahead); err != nil {
				return 0, err
			}
			kinds[src.refs[p.same].kind.InCode()] = true
		}
		p.steps, p.filters = append(p.steps, i), append(p.filters, f)
	}
	if len(kinds) > 1 {
		return 0, kequn.Errorf(kequn.KindPlan, "", "column %q is a text in one dataset of the sequence and a number in another", q.Same)
	}
	for _, st := range q.Without {
		src, p, err := part(st.Dataset)
		if err != nil {
			return 0, err
		}
		f, err := c.filterAs(src, st.Where, q.Window.Ahead)
		if err != nil {
			return 0, err
		}
		p.without = append(p.without, f)
	}
	sort.SliceStable(s.parts, func(i, j int) bool { return c.sources[s.parts[i].source].at < c.sources[s.parts[j].source].at })
	key := fmt.Sprint("sequence", *s)
	if slot, ok := c.aggs[key]; ok {
		return slot, nil
	}
	s.slot = c.slot(slotDef{})
	c.aggs[key] = s.slot
	c.sequences = append(c.sequences, s)
	return s.slot, nil
}

// item is a row that is a step or forbidden.
type item struct {
	time   int64
	steps  uint64
	same   uint64
	place  int32 // in the order of the customer's rows
	lastNo int32 // place of the newest forbidden row before it, −1 without one
	no     bool
	known  bool // same is not missing
}

// candidate is a partial match: where it began, and until when its next step must come.
type candidate struct {
	begin  int32
	expiry int64
}

// matcher finds sequences among items.
//
// Let begin(s, j) be the latest place at which a match of the first s steps that ends with item j can begin. Then
//
//	begin(1, j) = place of j                       if j is step 1
//	begin(s, j) = max of begin(s−1, i), i before j and within the gap      if j is step s
//
// and there is a sequence if for some j no forbidden row lies between begin(n, j) and j: the latest beginning is the best.
// The maximum over the gap is kept in a queue of falling begins, so the time is O(items · steps).
type matcher struct {
	items  []item
	spare  []item
	queues [][]candidate
	heads  []int
	texts  *table.Dict // values that rows of different dictionaries share
}

// sequence computes a sequence's slot for the block.
func (w *worker) sequence(s *sequence) {
	out := w.num(s.slot)
	m := &w.matcher
	for k := range w.p.cutoffs {
		for i := range w.nCustomers {
			m.items = m.items[:0]
			out[k*w.nCustomers+i] = 0
			if !w.canMatch(s, k, i) {
				continue
			}
			reach := uint64(0)
			for pi := range s.parts {
				before := len(m.items)
				reach |= w.collect(s, &s.parts[pi], k, i)
				m.merge(before)
			}
			if reach == 1<<s.nSteps-1 && m.match(s, w) {
				out[k*w.nCustomers+i] = 1
			}
		}
	}
}

// rowsOf returns a customer's rows of one dataset in the sequence's window.
func (w *worker) rowsOf(s *sequence, p *seqPart, k, i int) (v *view, lo, hi int32) {
	b := w.blocks[p.source]
	v = b.future
	if !s.future {
		v = b.past[0]
		if len(b.past) > 1 {
			v, k = b.past[k], 0
		}
	}
	nc := w.nCustomers
	return v, v.at[v.grid.lo[p.window][k]*nc+i], v.at[v.grid.hi[p.window][k]*nc+i]
}

// canMatch tells whether a customer has rows for every step at all.
func (w *worker) canMatch(s *sequence, k, i int) bool {
	for pi := range s.parts {
		p := &s.parts[pi]
		if _, lo, hi := w.rowsOf(s, p, k, i); len(p.steps) > 0 && lo == hi {
			return false
		}
	}
	return true
}

// merge puts the items from mid on among those before it, by time; of the same time, those before come first.
func (m *matcher) merge(mid int) {
	if mid == 0 || mid == len(m.items) || m.items[mid-1].time <= m.items[mid].time {
		return
	}
	m.spare = append(m.spare[:0], m.items[:mid]...)
	a, b, out := m.spare, m.items[mid:], m.items
	for i := range out {
		switch {
		case len(a) == 0:
			return // the rest is in place
		case len(b) > 0 && b[0].time < a[0].time:
			out[i], b = b[0], b[1:]
		default:
			out[i], a = a[0], a[1:]
		}
	}
}

// collect adds a customer's rows of one dataset that matter, and returns which steps they are.
func (w *worker) collect(s *sequence, p *seqPart, k, i int) (reach uint64) {
	b := w.blocks[p.source]
	v, lo, hi := w.rowsOf(s, p, k, i)
	holds := func(filter int, row int32) bool { return filter < 0 || b.filters.vecs[filter].bit[row] }
	for r := lo; r < hi; r++ {
		row := r
		if v.rows != nil {
			row = v.rows[r]
		}
		it := item{time: b.time[row]}
		for j, st := range p.steps {
			if holds(p.filters[j], row) {
				it.steps |= 1 << st
			}
		}
		for _, f := range p.without {
			it.no = it.no || holds(f, row)
		}
		if s.same && it.steps != 0 {
			if it.same, it.known = w.sameOf(b, p.same, row); !it.known {
				it.steps = 0
			}
		}
		if it.steps != 0 || it.no {
			w.matcher.items = append(w.matcher.items, it)
			reach |= it.steps
		}
	}
	return reach
}

// sameOf returns a number that two rows share when they hold the same value.
func (w *worker) sameOf(b *rowBlock, ref int, row int32) (uint64, bool) {
	if !b.s.refs[ref].kind.InCode() {
		x := b.number(ref).num[row] / b.s.refs[ref].unit()
		return math.Float64bits(x + 0), x == x
	}
	v := b.text(ref)
	c := v.code[row]
	if c < 0 {
		return 0, false
	}
	m := &w.matcher
	if v.sharedOf != m.texts || len(v.shared) < v.dict.Len() {
		v.sharedOf, v.shared = m.texts, make([]int32, v.dict.Len())
		fill(v.shared, -1)
	}
	if v.shared[c] < 0 {
		v.shared[c] = m.texts.Intern(v.dict.Bytes(int(c)))
	}
	return uint64(v.shared[c]), true
}

func (m *matcher) match(s *sequence, w *worker) bool {
	no := int32(-1)
	for j := range m.items {
		it := &m.items[j]
		it.place, it.lastNo = int32(j), no
		if it.no {
			no = int32(j)
		}
	}
	if !s.same {
		return m.run(s, m.items, w)
	}
	slices.SortFunc(m.items, func(a, b item) int {
		switch {
		case a.same != b.same && a.same < b.same:
			return -1
		case a.same != b.same:
			return 1
		}
		return int(a.place - b.place)
	})
	for from := 0; from < len(m.items); {
		to := from + 1
		for to < len(m.items) && m.items[to].same == m.items[from].same {
			to++
		}
		if m.run(s, m.items[from:to], w) {
			return true
		}
		from = to
	}
	return false
}

func (m *matcher) run(s *sequence, items []item, w *worker) bool {
	for len(m.queues) < s.nSteps {
		m.queues, m.heads = append(m.queues, nil), append(m.heads, 0)
	}
	for st := range s.nSteps {
		m.queues[st], m.heads[st] = m.queues[st][:0], 0
	}
	for j := range items {
		it := &items[j]
		if it.steps == 0 {
			continue
		}
		expiry := int64(dusk)
		if !s.gap.IsZero() {
			expiry = w.after(s.gap, it.time)
		}
		for st := s.nSteps - 1; st >= 0; st-- { // later steps first: an item is not its own predecessor
			if it.steps&(1<<st) == 0 {
				continue
			}
			begin := it.place
			if st > 0 {
				var ok bool
				if begin, ok = m.best(st-1, it.time); !ok {
					continue
				}
			}
			if st == s.nSteps-1 {
				if it.lastNo <= begin {
					return true
				}
				continue
			}
			m.push(st, candidate{begin, expiry})
		}
	}
	return false
}

// best returns the latest beginning of a match of steps up to st that may still go on at a time.
func (m *matcher) best(st int, at int64) (begin int32, ok bool) {
	q := m.queues[st]
	for m.heads[st] < len(q) && q[m.heads[st]].expiry < at {
		m.heads[st]++
	}
	if m.heads[st] == len(q) {
		return 0, false
	}
	return q[m.heads[st]].begin, true
}

func (m *matcher) push(st int, c candidate) {
	q := m.queues[st]
	for len(q) > m.heads[st] && q[len(q)-1].begin <= c.begin {
		q = q[:len(q)-1]
	}
	m.queues[st] = append(q, c)
}

// after returns the instant one span after another; days are calendar days in the zone.
func (w *worker) after(s kequn.Span, at int64) int64 {
	if s.Days == 0 {
		return at + s.Exact.Microseconds()
	}
	return int64(s.After(kequn.Instant(at), w.p.zone.zone))
}
