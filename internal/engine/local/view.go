package local

import (
	"math"
	"slices"

	"kequn/internal/table"
)

// rowBlock is the rows of a block's customers in one source. Rows are numbered within the block.
type rowBlock struct {
	w       *worker
	s       *source
	table   *table.Table
	from    int // row 0 in the partition
	n       int
	start   []int32 // customer i has rows [start[i], start[i+1])
	time    []int64
	local   []int64 // wall clocks
	filters *run

	values []values // per ref

	past   []*view // one for all cutoffs, or one for each
	future *view

	// Memory of what is worked out once a block; the worker's is taken back after each group.
	i32 arena[int32]
	i64 arena[int64]
	f64 arena[float64]

	exacts arena[exact] // running sums of the column group at hand
}

// values is one column of a block in the forms that were asked for.
type values struct {
	ready struct{ num, code bool }
	num   []float64 // money in its integer unit
	code  []int32
	dict  *table.Dict
	ints  []int64
	hole  bool // some value is missing
	rows  []int32
	found bool

	shared   []int32 // number of each text in sharedOf, −1 where not asked yet
	sharedOf *table.Dict
}

// view is rows of a block that count for some cutoffs, and where the windows lie among them.
type view struct {
	rows  []int32 // rows of the block; nil is all of them
	n     int
	start []int32 // customer i has [start[i], start[i+1])
	time  []int64
	grid  *grid
	k0    int     // the grid's first cutoff
	at    []int32 // [instant*customers+i]: how many of the view's rows of customer i lie before the instant, plus start[i]
}

func newRowBlock(w *worker, s *source) *rowBlock {
	return &rowBlock{w: w, s: s, filters: newRun(s.rows), values: make([]values, len(s.refs))}
}

// begin reads the block's rows, tests the filters and lays out what each cutoff sees.
func (b *rowBlock) begin() {
	w := b.w
	set := &w.part.Sets[b.s.set]
	b.from = int(set.Start[w.first])
	b.start = w.i32.get(w.nCustomers + 1)
	for i := range b.start {
		b.start[i] = set.Start[w.first+i] - int32(b.from)
	}
	b.n = int(b.start[w.nCustomers])
	b.time = b.table.Columns[0].Int[b.from : b.from+b.n]
	b.local = nil
	b.i32.off, b.i64.off, b.f64.off = 0, 0, 0
	for i := range b.values {
		v := &b.values[i]
		v.ready.num, v.ready.code, v.found = false, false, false
	}
	b.filters.eval(b, b.n)

	b.past, b.future = b.past[:0], nil
	if len(b.s.past.windows) > 0 {
		if b.settled() {
			b.past = append(b.past, b.newView(nil, b.s.past.grid, 0))
		} else {
			for k, c := range w.p.cutoffs {
				b.past = append(b.past, b.newView(b.visible(c), b.s.past.single[k], k))
			}
		}
	}
	if len(b.s.future.windows) > 0 {
		by := w.p.knownBy()
		var rows []int32
		if b.s.def.Versioned || by < dusk {
			rows = b.visible(by)
		}
		b.future = b.newView(rows, b.s.future.grid, 0)
	}
}

// settled tells whether every cutoff sees each row that happened before it: nothing was known late, corrected or taken back.
func (b *rowBlock) settled() bool {
	d := b.s.def
	if d.Late || d.Versioned {
		known := b.table.Columns[1].Int[b.from : b.from+b.n]
		for i, t := range b.time {
			if known[i] <= t {
				continue
			}
			if k, _ := slices.BinarySearch(b.w.p.sorted, t+1); k < len(b.w.p.sorted) && b.w.p.sorted[k] <= known[i] {
				return false
			}
		}
	}
	if d.Versioned {
		id, gone := b.table.Columns[2].Code[b.from:b.from+b.n], b.table.Columns[3].Int[b.from:b.from+b.n]
		seen := b.w.seen(b.table.Columns[2].Dict.Len())
		for i := range b.w.nCustomers {
			b.w.nextEpoch()
			for r := b.start[i]; r < b.start[i+1]; r++ {
				if gone[r] == 1 {
					return false
				}
				if c := id[r]; c >= 0 {
					if seen[c] == b.w.epoch {
						return false
					}
					seen[c] = b.w.epoch
				}
			}
		}
	}
	return true
}

// visible returns the rows known before an instant, of each id the newest known, in order.
func (b *rowBlock) visible(at int64) []int32 {
	w := b.w
	known := b.time // where nothing else was said
	if b.s.def.Late || b.s.def.Versioned {
		known = b.table.Columns[1].Int[b.from : b.from+b.n]
	}
	rows := w.i32.get(b.n)[:0]
	if !b.s.def.Versioned {
		for r := range b.n {
			if known[r] < at {
				rows = append(rows, int32(r))
			}
		}
		return rows
	}
	idColumn := b.table.Columns[2]
	id, gone := idColumn.Code[b.from:b.from+b.n], b.table.Columns[3].Int[b.from:b.from+b.n]
	seen := w.seen(idColumn.Dict.Len())
	tallies := w.tally(idColumn.Dict.Len())
	for i := range w.nCustomers {
		w.nextEpoch()
		for r := b.start[i]; r < b.start[i+1]; r++ {
			c := id[r]
			if c < 0 || known[r] >= at {
				continue
			}
			if seen[c] != w.epoch || b.later(known, r, tallies[c].n) {
				seen[c] = w.epoch
				tallies[c].n = r
			}
		}
		for r := b.start[i]; r < b.start[i+1]; r++ {
			c := id[r]
			if known[r] < at && gone[r] != 1 && (c < 0 || tallies[c].n == r) {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// later tells whether version r was known after version q; known together, the one that arrived later counts.
func (b *rowBlock) later(known []int64, r, q int32) bool {
	if known[r] != known[q] {
		return known[r] > known[q]
	}
	seq := b.table.Columns[4].Int
	return seq[b.from+int(r)] > seq[b.from+int(q)]
}

func (b *rowBlock) newView(rows []int32, g *grid, k0 int) *view {
	w, nc := b.w, b.w.nCustomers
	v := &view{rows: rows, grid: g, k0: k0, n: b.n, start: b.start, time: b.time}
	if rows != nil {
		v.n = len(rows)
		v.time = gather(w.i64.get(v.n), b.time, rows)
		v.start = w.i32.get(nc + 1)
		r := 0
		for i := range nc + 1 {
			for r < v.n && rows[r] < b.start[i] {
				r++
			}
			v.start[i] = int32(r)
		}
	}
	v.at = w.i32.get(len(g.instants) * nc)
	for i := range nc {
		g.search(v.time[v.start[i]:v.start[i+1]], v.start[i], v.at[i:], nc)
	}
	return v
}

// narrow returns the view's rows for which keep (of rows of the block) holds, with the instants used.
func (b *rowBlock) narrow(v *view, keep []bool, used []int) *view {
	w, nc := b.w, b.w.nCustomers
	before := w.i32.get(v.n + 1) // how many of the rows are kept, before each
	rows := w.i32.get(v.n)
	n := int32(0)
	if v.rows == nil {
		for r, k := range keep[:v.n] {
			before[r] = n
			rows[n] = int32(r)
			if k {
				n++
			}
		}
	} else {
		for j, r := range v.rows {
			before[j] = n
			rows[n] = r
			if keep[r] {
				n++
			}
		}
	}
	before[v.n] = n
	if int(n) == v.n {
		return v
	}
	out := &view{rows: rows[:n], n: int(n), grid: v.grid, k0: v.k0}
	out.time = gather(w.i64.get(out.n), b.time, out.rows)
	out.start = w.i32.get(nc + 1)
	for i, s := range v.start {
		out.start[i] = before[s]
	}
	out.at = w.i32.get(len(v.at))
	for _, j := range used {
		from, to := v.at[j*nc:(j+1)*nc], out.at[j*nc:(j+1)*nc]
		for i, x := range from {
			to[i] = before[x]
		}
	}
	return out
}

func gather[T any](out, v []T, rows []int32) []T {
	out = out[:len(rows)]
	for i, r := range rows {
		out[i] = v[r]
	}
	return out
}

// column returns the stored column behind a ref and, through a lookup, the lookup's row of each of the block's rows.
func (b *rowBlock) column(r int) (c *table.Column, rows []int32) {
	ref, v := b.s.refs[r], &b.values[r]
	c = b.table.Columns[ref.column]
	if ref.via == nil {
		return c, nil
	}
	if !v.found {
		v.rows = b.i32.get(b.n)
		ref.via.translate(c, b.from, b.from+b.n, b.w.lookupMemo(ref.via, b.s.set, ref.column), v.rows)
		v.found = true
	}
	return ref.via.rows.Columns[ref.attr], v.rows
}

// number returns a column's values in its stored unit, NaN where missing, and as integers where they are.
func (b *rowBlock) number(r int) *values {
	v := &b.values[r]
	if v.ready.num {
		return v
	}
	v.ready.num, v.hole, v.ints = true, false, nil
	c, rows := b.column(r)
	nan := math.NaN()
	if c.Kind == table.Number {
		if rows == nil {
			v.num = c.Num[b.from : b.from+b.n]
		} else {
			v.num = b.f64.get(b.n)
			for i, at := range rows {
				v.num[i] = nan
				if at >= 0 {
					v.num[i] = c.Num[at]
				}
			}
		}
		for _, x := range v.num {
			if x != x {
				v.hole = true
				break
			}
		}
		return v
	}
	if rows == nil {
		v.ints = c.Int[b.from : b.from+b.n]
	} else {
		v.ints = b.i64.get(b.n)
		for i, at := range rows {
			v.ints[i] = table.Missing
			if at >= 0 {
				v.ints[i] = c.Int[at]
			}
		}
	}
	v.num = b.f64.get(b.n)
	for i, x := range v.ints {
		if x == table.Missing {
			v.num[i], v.hole = nan, true
		} else {
			v.num[i] = float64(x)
		}
	}
	return v
}

// text returns a column's values as numbers of different values: of a dictionary for texts, of the block for others.
func (b *rowBlock) text(r int) *values {
	v := &b.values[r]
	if v.ready.code {
		return v
	}
	if !b.s.refs[r].kind.InCode() {
		b.number(r)
		v.code = b.i32.get(b.n)
		b.w.coder.encode(v.num, v.code)
		v.ready.code, v.dict = true, nil
		return v
	}
	c, rows := b.column(r)
	v.ready.code, v.hole, v.dict = true, false, c.Dict
	if rows == nil {
		v.code = c.Code[b.from : b.from+b.n]
	} else {
		v.code = b.i32.get(b.n)
		for i, at := range rows {
			v.code[i] = -1
			if at >= 0 {
				v.code[i] = c.Code[at]
			}
		}
	}
	for _, k := range v.code {
		if k < 0 {
			v.hole = true
			break
		}
	}
	return v
}

// present returns which rows have a value in a column; nil when all have.
func (b *rowBlock) present(r int) []bool {
	if b.s.refs[r].kind.InCode() {
		v := b.text(r)
		if !v.hole {
			return nil
		}
		keep := b.w.u8.get(b.n)
		for i, c := range v.code {
			keep[i] = c >= 0
		}
		return keep
	}
	v := b.number(r)
	if !v.hole {
		return nil
	}
	keep := b.w.u8.get(b.n)
	for i, x := range v.num {
		keep[i] = x == x
	}
	return keep
}

// walls returns the wall clock of each row, microseconds since 1970 in local time.
func (b *rowBlock) walls() []int64 {
	if b.local == nil {
		b.local = b.i64.get(b.n)
		b.w.p.zone.local(b.time, b.local)
	}
	return b.local
}

// leaf implements leaves for row filters.
func (b *rowBlock) leaf(n *node, rows int) vec {
	ref := b.s.refs[n.leaf]
	if ref.kind.InCode() {
		v := b.text(n.leaf)
		return vec{code: v.code, dict: v.dict}
	}
	v := b.number(n.leaf)
	if ref.kind != table.Money {
		return vec{num: v.num}
	}
	out, unit := b.f64.get(rows), math.Pow10(ref.scale)
	for i, x := range v.num {
		out[i] = x / unit
	}
	return vec{num: out}
}

// years implements leaves; row filters know no cutoff.
func (b *rowBlock) years(_, _ []float64) { panic("local: a row has no cutoff") }

// groups computes the aggregates of one side for the cutoffs of a view.
func (b *rowBlock) groups(s *side, v *view) {
	if v == nil {
		return
	}
	w := b.w
	for gi, g := range s.groups {
		m := w.mark()
		gv, used := v, v.grid.used[gi]
		if g.filter >= 0 {
			gv = b.narrow(v, b.filters.vecs[g.filter].bit, used)
		}
		for _, cg := range g.columns {
			inner := w.mark()
			cv := gv
			if cg.ref >= 0 {
				if keep := b.present(cg.ref); keep != nil {
					cv = b.narrow(gv, keep, used)
				}
			}
			b.exacts.off = 0
			f := folder{b: b, v: cv, cg: cg, nc: w.nCustomers}
			f.run()
			w.release(inner)
		}
		w.release(m)
	}
}
