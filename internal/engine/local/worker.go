package local

import (
	"context"
	"math"

	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Blocks end at this many customers and cutoffs, or rows, whichever comes first: small enough for the values in hand to stay in
// the processor's second cache, large enough that going from one operation to the next costs nothing.
const (
	blockCells = 768
	blockRows  = 4096
)

// worker works through partitions, one at a time, with memory of its own.
type worker struct {
	p    *pass
	part *table.Partition

	first, nCustomers int // the block

	nums  [][]float64 // per slot: value of customer i at cutoff k is [k*nCustomers+i]
	codes [][]int32
	dicts []*table.Dict

	expr   *run
	blocks []*rowBlock // per source
	memos  map[memoKey]*lookupMemo
	rolls  []rollMemo // per key of roll-ups

	i32 arena[int32]
	i64 arena[int64]
	f64 arena[float64]
	u8  arena[bool]

	rowBufs  [4][]int32
	epochs   []uint32 // of texts seen in the walk at hand
	tallies  []tally
	epoch    uint32
	coder    coder
	matcher  matcher
	cutoffAt []float64 // per cell, the cutoff in microseconds
}

type memoKey struct {
	via         *lookup
	set, column int
}

func newWorker(p *pass) *worker {
	n := len(p.slots)
	w := &worker{p: p, nums: make([][]float64, n), codes: make([][]int32, n), dicts: make([]*table.Dict, n), expr: newRun(p.program), memos: map[memoKey]*lookupMemo{}}
	for _, s := range p.sources {
		w.blocks = append(w.blocks, newRowBlock(w, s))
	}
	return w
}

// arena hands out scratch memory that is taken back all at once.
type arena[T any] struct {
	buf []T
	off int
}

// get returns n values of unknown content, never nil.
func (a *arena[T]) get(n int) []T {
	if a.buf == nil || a.off+n > len(a.buf) {
		a.buf, a.off = make([]T, max(2*len(a.buf), 2*n, 4096)), 0
	}
	s := a.buf[a.off : a.off+n : a.off+n]
	a.off += n
	return s
}

type marks struct{ i32, i64, f64, u8 int }

func (w *worker) mark() marks { return marks{w.i32.off, w.i64.off, w.f64.off, w.u8.off} }
func (w *worker) release(m marks) {
	w.i32.off, w.i64.off, w.f64.off, w.u8.off = m.i32, m.i64, m.f64, m.u8
}

func (w *worker) rowBuf(i, n int) []int32 {
	if cap(w.rowBufs[i]) < n {
		w.rowBufs[i] = make([]int32, 2*n)
	}
	return w.rowBufs[i][:n]
}

func (w *worker) cells() int { return w.nCustomers * len(w.p.cutoffs) }

// num returns the memory of a slot of numbers.
func (w *worker) num(slot int) []float64 {
	n := w.cells()
	if cap(w.nums[slot]) < n {
		w.nums[slot] = make([]float64, 2*n)
	}
	w.nums[slot] = w.nums[slot][:n]
	return w.nums[slot]
}

// code returns the memory of a slot of texts.
func (w *worker) code(slot int, d *table.Dict) []int32 {
	n := w.cells()
	if cap(w.codes[slot]) < n {
		w.codes[slot] = make([]int32, 2*n)
	}
	w.codes[slot], w.dicts[slot] = w.codes[slot][:n], d
	return w.codes[slot]
}

func (w *worker) lookupMemo(via *lookup, set, column int) *lookupMemo {
	key := memoKey{via, set, column}
	m := w.memos[key]
	if m == nil {
		m = &lookupMemo{}
		w.memos[key] = m
	}
	return m
}

// partition computes the panel of one partition.
func (w *worker) partition(ctx context.Context, part *table.Partition) (*engine.Panel, error) {
	w.begin(part)
	out := w.newOutput(part)
	n := part.Customer.Len()
	for first := 0; first < n; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		count := w.blockLength(first, n)
		w.block(first, count)
		w.emit(out)
		first += count
	}
	return out.panel(), nil
}

func (w *worker) begin(part *table.Partition) {
	w.part = part
	w.expr.renew()
	w.matcher.texts = table.NewDict()
	for _, b := range w.blocks {
		b.table = part.Sets[b.s.set].Rows
		b.filters.renew()
	}
}

// blockLength returns how many customers from first on make a block.
func (w *worker) blockLength(first, n int) int {
	most := min(n-first, max(1, blockCells/len(w.p.cutoffs)))
	count := 0
	for count < most {
		rows := 0
		for _, s := range w.p.sources {
			start := w.part.Sets[s.set].Start
			rows = max(rows, int(start[first+count+1]-start[first]))
		}
		if rows > blockRows && count > 0 {
			break
		}
		count++
	}
	return count
}

// block computes all slots and operations of some customers.
func (w *worker) block(first, count int) {
	w.first, w.nCustomers = first, count
	w.release(marks{})
	for _, b := range w.blocks {
		b.begin()
		for _, v := range b.past {
			b.groups(b.s.past, v)
		}
		b.groups(b.s.future, b.future)
	}
	for _, s := range w.p.sequences {
		w.sequence(s)
	}
	for _, a := range w.p.answers {
		w.answer(a)
	}
	for _, t := range w.p.tables {
		w.attributes(t)
	}
	w.expr.eval(w, w.cells())
}

// leaf implements leaves for operations on customers.
func (w *worker) leaf(n *node, rows int) vec {
	switch n.op {
	case query.Now:
		if len(w.cutoffAt) < rows {
			w.cutoffAt = make([]float64, 2*rows)
		}
		for k, c := range w.p.cutoffs {
			fill(w.cutoffAt[k*w.nCustomers:(k+1)*w.nCustomers], float64(c))
		}
		return vec{num: w.cutoffAt[:rows]}
	case opCustomer:
		out := w.i32.get(rows)
		for k := range w.p.cutoffs {
			copy(out[k*w.nCustomers:], w.part.Customer.Code[w.first:w.first+w.nCustomers])
		}
		return vec{code: out, dict: w.part.Customer.Dict}
	}
	if w.p.slots[n.leaf].text {
		return vec{code: w.codes[n.leaf], dict: w.dicts[n.leaf]}
	}
	return vec{num: w.nums[n.leaf]}
}

// years implements leaves.
func (w *worker) years(birth, out []float64) {
	for k, now := range w.p.moments {
		cut := float64(w.p.cutoffs[k])
		for i := k * w.nCustomers; i < (k+1)*w.nCustomers; i++ {
			out[i] = math.NaN()
			if birth[i] <= cut {
				t := int64(birth[i])
				_, _, off := w.p.zone.stretch(t)
				out[i] = float64(now.yearsFrom(momentOf(t + off)))
			}
		}
	}
}
