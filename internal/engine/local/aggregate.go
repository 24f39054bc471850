package local

import (
	"math"

	"kequn/internal/query"
)

// folder computes the aggregates of one column group over a view whose rows all have a value.
//
// Most aggregates are differences of running sums between the ends of a window, whatever the number of windows and cutoffs:
//
//	rows         r0  r1  r2 | r3  r4  r5 | r6
//	sum so far 0  s1  s2  s3   s4  s5  s6   s7        sum of [3, 6) = s6 − s3
//
// Integers are summed as such, floats in 106 bits. What has no such difference (extremes, different values) is answered by
// one walk backwards from each end, for all windows that end there.
type folder struct {
	b  *rowBlock
	v  *view
	cg *columnGroup
	nc int

	days     []int32 // local day of each row
	newDay   []bool
	nDays    []int32 // new days among the rows before
	gaps2    []int64 // squares of the gaps of new days among the rows before
	values   []float64
	sums     []exact // from the customer's first row up to and including the row
	squares  []exact
	intSums  []int64
	starters []int32 // rows that begin an order
	begins   []bool
	mixed    []bool // customers whose orders do not lie together

	begun, opening []int32 // see sessionRows
	dayBegins      []int32 // see dayRows
	months         []int32
	firsts         []int32 // first rows with their value, among the rows before
}

// span hands each pair of ends and its results to f.
func (f *folder) span(o op, f2 func(lo, hi []int32, out []float64, cutoff int)) {
	g, nc := f.v.grid, f.nc
	out := f.b.w.num(o.slot)
	for k := range g.nCutoffs {
		lo := f.v.at[g.lo[o.window][k]*nc:][:nc]
		hi := f.v.at[g.hi[o.window][k]*nc:][:nc]
		f2(lo, hi, out[(f.v.k0+k)*nc:][:nc], f.v.k0+k)
	}
}

func (f *folder) run() {
	for _, o := range f.cg.ops {
		switch o.fn {
		case query.Count:
			if o.orders {
				f.countOrders(o)
			} else {
				f.countRows(o)
			}
		case query.Exists:
			f.exists(o)
		case query.DaysFirst, query.DaysLast:
			f.recency(o)
		case query.ActiveDays, query.GapMean, query.GapSD:
			f.activity(o)
		case query.Weekend, query.Night, query.MonthTurn:
			f.share(o)
		case query.HourMean:
			f.hour(o)
		case query.Sessions:
			f.sessions(o)
		case query.SessionMinutes:
			f.sessionMinutes(o)
		case query.SessionLongest:
			f.sessionLongest(o)
		case query.SessionsWith, query.SessionsEnding:
			f.sessionHits(o)
		case query.GapLast, query.GapRecent, query.GapMax:
			f.recentGaps(o)
		case query.SameMonth, query.SameQuarter:
			f.season(o)
		case query.Fresh:
			f.fresh(o)
		case query.Sum, query.Mean:
			f.sum(o)
		case query.SD:
			f.deviation(o)
		case query.Slope:
			f.slope(o)
		case query.First, query.Last:
			f.end(o)
		}
	}
	w := f.v.grid.walks[f.cg]
	if len(w.extremes) > 0 {
		f.extremes(w.extremes)
	}
	if len(w.kinds) > 0 {
		f.kinds(w.kinds)
	}
	if len(w.hours) > 0 {
		f.clock(w.hours, false)
	}
	if len(w.weekdays) > 0 {
		f.clock(w.weekdays, true)
	}
	if len(w.orders) > 0 {
		f.ordersOf(w.orders)
	}
}

func (f *folder) countRows(o op) {
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			out[i] = float64(hi[i] - lo[i])
		}
	})
}

func (f *folder) exists(o op) {
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			out[i] = 0
			if hi[i] > lo[i] {
				out[i] = 1
			}
		}
	})
}

// countOrders counts the rows that begin an order, and one more where the window begins within an order. That is right
// where the rows of each order lie together, as they do when they have the same time; other customers are walked.
func (f *folder) countOrders(o op) {
	f.orders()
	w := f.b.w
	order := f.b.text(f.b.s.order)
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			switch {
			case a == b:
				out[i] = 0
			case !f.mixed[i]:
				n := f.starters[b] - f.starters[a]
				if !f.begins[a] {
					n++
				}
				out[i] = float64(n)
			default:
				w.nextEpoch()
				seen, n := w.seen(w.nCodes(order)), 0
				for r := a; r < b; r++ {
					if c := order.code[f.row(r)]; c < 0 {
						n++
					} else if seen[c] != w.epoch {
						seen[c] = w.epoch
						n++
					}
				}
				out[i] = float64(n)
			}
		}
	})
}

// row returns the row of the block that is row r of the view.
func (f *folder) row(r int32) int32 {
	if f.v.rows == nil {
		return r
	}
	return f.v.rows[r]
}

func (f *folder) orders() {
	if f.starters != nil {
		return
	}
	w, v := f.b.w, f.v
	order := f.b.text(f.b.s.order)
	code := order.code
	if v.rows != nil {
		code = gather(w.i32.get(v.n), order.code, v.rows)
	}
	f.starters, f.begins, f.mixed = w.i32.get(v.n+1), w.u8.get(v.n), w.u8.get(f.nc)
	seen := w.seen(w.nCodes(order))
	n := int32(0)
	for i := range f.nc {
		w.nextEpoch()
		f.mixed[i] = false
		for r, end := v.start[i], v.start[i+1]; r < end; r++ {
			f.starters[r] = n
			c := code[r]
			begins := r == v.start[i] || c < 0 || c != code[r-1]
			f.begins[r] = begins
			if begins {
				n++
				if c >= 0 {
					if seen[c] == w.epoch {
						f.mixed[i] = true
					}
					seen[c] = w.epoch
				}
			}
		}
	}
	f.starters[v.n] = n
}

func (f *folder) recency(o op) {
	nan := math.NaN()
	cutoffs := f.b.w.p.cutoffs
	f.span(o, func(lo, hi []int32, out []float64, k int) {
		c := cutoffs[k]
		for i := range out {
			a, b := lo[i], hi[i]
			switch {
			case a == b:
				out[i] = nan
			case o.fn == query.DaysFirst:
				out[i] = float64(c-f.v.time[a]) / dayMicros
			default:
				out[i] = float64(c-f.v.time[b-1]) / dayMicros
			}
		}
	})
}

// calendar numbers the local days of rows.
func (f *folder) calendar() {
	if f.days != nil {
		return
	}
	w, v, walls := f.b.w, f.v, f.b.walls()
	f.days, f.newDay, f.nDays, f.gaps2 = w.i32.get(v.n), w.u8.get(v.n), w.i32.get(v.n+1), w.i64.get(v.n+1)
	n, g := int32(0), int64(0)
	for i := range f.nc {
		from := v.start[i]
		for r, end := from, v.start[i+1]; r < end; r++ {
			f.nDays[r], f.gaps2[r] = n, g
			d := int32(floorDiv(walls[f.row(r)], dayMicros))
			f.days[r] = d
			f.newDay[r] = r == from || d != f.days[r-1]
			if f.newDay[r] {
				n++
				if r > from {
					gap := int64(d - f.days[r-1])
					g += gap * gap
				}
			}
		}
	}
	f.nDays[v.n], f.gaps2[v.n] = n, g
}

// activity counts active days; with m gaps of sum S and sum of squares Q between them, the mean gap is S/m and the variance
// (m·Q − S²)/(m·(m−1)).
func (f *folder) activity(o op) {
	f.calendar()
	nan := math.NaN()
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			if a == b {
				out[i] = nan
				if o.fn == query.ActiveDays {
					out[i] = 0
				}
				continue
			}
			m := int64(f.nDays[b] - f.nDays[a]) // gaps: days but the first
			if f.newDay[a] {
				m--
			}
			s := int64(f.days[b-1] - f.days[a])
			switch {
			case o.fn == query.ActiveDays:
				out[i] = float64(m + 1)
			case o.fn == query.GapMean && m >= 1:
				out[i] = float64(s) / float64(m)
			case o.fn == query.GapSD && m >= 2:
				q := f.gaps2[b] - f.gaps2[a+1]
				out[i] = math.Sqrt(float64(m*q-s*s) / (float64(m) * float64(m-1)))
			default:
				out[i] = nan
			}
		}
	})
}

// share counts rows of the weekend, of the night, or of the turn of a month.
func (f *folder) share(o op) {
	w, v, walls := f.b.w, f.v, f.b.walls()
	before := w.i32.get(v.n + 1)
	n := int32(0)
	lastDay, turn := int64(math.MinInt64), false
	for r := range int32(v.n) {
		before[r] = n
		wall := walls[f.row(r)]
		day := floorDiv(wall, dayMicros)
		if o.fn == query.MonthTurn {
			if day != lastDay {
				lastDay = day
				_, _, dom := civil(day)
				turn = dom >= 25 || dom <= 5
			}
			if turn {
				n++
			}
		} else if o.fn == query.Weekend {
			if wd := (day%7 + 7 + 4) % 7; wd == 0 || wd == 6 { // day 0 was a Thursday
				n++
			}
		} else if hour := (wall - day*dayMicros) / hourMicros; hour >= 22 || hour < 6 {
			n++
		}
	}
	before[v.n] = n
	nan := math.NaN()
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = nan
			if b > a {
				out[i] = float64(before[b]-before[a]) / float64(b-a)
			}
		}
	})
}

// running returns, per row, the sum of x from its customer's first row on, up to and including it.
func (f *folder) running(x []float64) []exact {
	out := f.b.exacts.get(f.v.n)
	for i := range f.nc {
		var s exact
		from, to := f.v.start[i], f.v.start[i+1]
		part := out[from:to]
		for r, v := range x[from:to] {
			s = s.addFloat(v)
			part[r] = s
		}
	}
	return out
}

// runningProduct is running of x·y.
func (f *folder) runningProduct(x, y []float64) []exact {
	out := f.b.exacts.get(f.v.n)
	for i := range f.nc {
		var s exact
		for r, to := f.v.start[i], f.v.start[i+1]; r < to; r++ {
			p, e := twoProduct(x[r], y[r])
			s = s.add(exact{p, e})
			out[r] = s
		}
	}
	return out
}

// between returns the sum of customer i's rows [a, b), which are not none.
func (f *folder) between(sums []exact, i int, a, b int32) exact {
	if a == f.v.start[i] {
		return sums[b-1]
	}
	return sums[b-1].sub(sums[a-1])
}

func (f *folder) hour(o op) {
	v, walls := f.v, f.b.walls()
	w := f.b.w
	sin, cos := w.f64.get(v.n), w.f64.get(v.n)
	lastTod, s, c := int64(-1), 0.0, 0.0
	for r := range int32(v.n) {
		wall := walls[f.row(r)]
		tod := wall - floorDiv(wall, dayMicros)*dayMicros
		if tod != lastTod {
			lastTod = tod
			s, c = math.Sincos(2 * math.Pi * float64(tod) / dayMicros)
		}
		sin[r], cos[r] = s, c
	}
	sines, cosines := f.running(sin), f.running(cos)
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = math.NaN()
			if a == b {
				continue
			}
			y, x := f.between(sines, i, a, b).value(), f.between(cosines, i, a, b).value()
			if math.Hypot(x, y) < 1e-9*float64(b-a) {
				continue // the hours cancel: no direction
			}
			h := math.Atan2(y, x) * 24 / (2 * math.Pi)
			if h < 0 {
				h += 24
			}
			if h >= 24 {
				h = 0
			}
			out[i] = h
		}
	})
}

// load fetches the column's values in the view's order.
func (f *folder) load() (unit float64) {
	ref := f.b.s.refs[f.cg.ref]
	if f.values == nil {
		f.values = f.b.number(f.cg.ref).num
		if f.v.rows != nil {
			f.values = gather(f.b.w.f64.get(f.v.n), f.values, f.v.rows)
		}
	}
	return ref.unit()
}

func (f *folder) sum(o op) {
	mean := o.fn == query.Mean
	empty := 0.0
	if mean {
		empty = math.NaN()
	}
	if ints := f.b.number(f.cg.ref).ints; ints != nil {
		unit := f.b.s.refs[f.cg.ref].unit()
		if f.intSums == nil {
			f.intSums = f.b.w.i64.get(f.v.n + 1)
			s := int64(0)
			if f.v.rows == nil {
				for r, x := range ints[:f.v.n] {
					f.intSums[r] = s
					s += x
				}
			} else {
				for r, at := range f.v.rows {
					f.intSums[r] = s
					s += ints[at]
				}
			}
			f.intSums[f.v.n] = s
		}
		f.span(o, func(lo, hi []int32, out []float64, _ int) {
			for i := range out {
				a, b := lo[i], hi[i]
				if a == b {
					out[i] = empty
					continue
				}
				out[i] = float64(f.intSums[b]-f.intSums[a]) / unit
				if mean {
					out[i] /= float64(b - a)
				}
			}
		})
		return
	}
	f.load()
	f.runningValues()
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			if a == b {
				out[i] = empty
				continue
			}
			out[i] = finite(f.between(f.sums, i, a, b).value())
			if mean {
				out[i] /= float64(b - a)
			}
		}
	})
}

func finite(x float64) float64 {
	if x-x != 0 {
		return math.NaN()
	}
	return x
}

func (f *folder) runningValues() {
	if f.sums == nil {
		f.sums = f.running(f.values)
	}
}

// deviation is √((n·Q − S²)/(n·(n−1))) with S and Q the sums of values and of squares, which 106 bits make safe.
func (f *folder) deviation(o op) {
	unit := f.load()
	f.runningValues()
	if f.squares == nil {
		f.squares = f.runningProduct(f.values, f.values)
	}
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = math.NaN()
			if b-a < 2 {
				continue
			}
			n := float64(b - a)
			s, q := f.between(f.sums, i, a, b), f.between(f.squares, i, a, b)
			nq := q.mul(exact{n, 0})
			d := nq.sub(s.mul(s)).value()
			if d <= nq.hi*1e-30 { // equal values, but for what 106 bits lose
				d = 0
			}
			out[i] = finite(math.Sqrt(d/(n*(n-1))) / unit)
		}
	})
}

// slope is (n·Σtx − Σt·Σx)/(n·Σt² − (Σt)²) with t in microseconds since the customer's first row, which are exact.
func (f *folder) slope(o op) {
	unit := f.load()
	f.runningValues()
	v := f.v
	t := f.b.w.f64.get(v.n)
	for i := range f.nc {
		for r := v.start[i]; r < v.start[i+1]; r++ {
			t[r] = float64(v.time[r] - v.time[v.start[i]])
		}
	}
	st, stt, stx := f.running(t), f.runningProduct(t, t), f.runningProduct(t, f.values)
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = math.NaN()
			if b-a < 2 || v.time[a] == v.time[b-1] {
				continue
			}
			n := exact{float64(b - a), 0}
			sum, sx := f.between(st, i, a, b), f.between(f.sums, i, a, b)
			top := f.between(stx, i, a, b).mul(n).sub(sum.mul(sx)).value()
			bottom := f.between(stt, i, a, b).mul(n).sub(sum.mul(sum)).value()
			out[i] = finite(top / bottom * (30 * dayMicros) / unit)
		}
	})
}

// end takes the oldest or the newest row's value.
func (f *folder) end(o op) {
	ref := f.b.s.refs[f.cg.ref]
	pick := func(lo, hi int32) int32 {
		if o.fn == query.First {
			return f.row(lo)
		}
		return f.row(hi - 1)
	}
	if ref.kind.InCode() {
		v := f.b.text(f.cg.ref)
		f.spanText(o, v, func(lo, hi int32) int32 { return v.code[pick(lo, hi)] })
		return
	}
	v := f.b.number(f.cg.ref)
	unit := ref.unit()
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			out[i] = math.NaN()
			if hi[i] > lo[i] {
				out[i] = v.num[pick(lo[i], hi[i])] / unit
			}
		}
	})
}

// spanText is span for texts; windows without a row are missing.
func (f *folder) spanText(o op, v *values, pick func(lo, hi int32) int32) {
	g, nc := f.v.grid, f.nc
	out := f.b.w.code(o.slot, v.dict)
	for k := range g.nCutoffs {
		lo, hi := f.v.at[g.lo[o.window][k]*nc:], f.v.at[g.hi[o.window][k]*nc:]
		for i := range nc {
			c := int32(-1)
			if hi[i] > lo[i] {
				c = pick(lo[i], hi[i])
			}
			out[(f.v.k0+k)*nc+i] = c
		}
	}
}

// extremes walks for minima and maxima.
func (f *folder) extremes(walks []walk) {
	unit := f.load()
	v, nc := f.v, f.nc
	for _, wk := range walks {
		hi := v.at[wk.hi*nc:][:nc]
		for i := range nc {
			j := hi[i]
			least, most := math.NaN(), math.NaN()
			if j > v.start[i] {
				least, most = math.Inf(1), math.Inf(-1)
			}
			for _, st := range wk.stops {
				a := v.at[st.lo*nc+i]
				for j > a {
					j--
					x := f.values[j]
					if x < least {
						least = x
					}
					if x > most {
						most = x
					}
				}
				for _, id := range st.ops {
					o := f.cg.ops[id]
					x := least
					if o.fn == query.MaxOf {
						x = most
					}
					f.b.w.num(o.slot)[(v.k0+wk.k)*nc+i] = finite(x) / unit
				}
			}
		}
	}
}
