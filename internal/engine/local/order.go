package local

import (
	"math"
	"slices"

	"kequn/internal/query"
)

// Orders of a window are met by one walk backwards, as extremes are: an order closes at the row that begins it.
//
//	rows      r0  r1  r2 | r3  r4 | r5      three orders
//	walk              ◀──  order 2 ◀── order 3 closes at r5
//
// A window that begins at r1 sees of the first order r1 and r2 only. That is right where the rows of each order lie together;
// other customers' windows are gathered order by order.

// orderTotals are the closed orders of a walk.
type orderTotals struct {
	n, single, distinct  int32
	sum, squares         exact
	time, timeTime, tied exact // Σt, Σt², Σt·value
	most, newest         float64
	oldestAt, newestAt   int64
}

// orderAt is one order.
type orderAt struct {
	rows, distinct int32
	value          exact
	at             int64
}

func (t *orderTotals) add(o *orderAt, origin int64) {
	x := o.value.value()
	if t.n == 0 {
		t.most, t.newest, t.newestAt = x, x, o.at
	}
	t.n++
	if o.rows == 1 {
		t.single++
	}
	t.distinct += o.distinct
	t.most = max(t.most, x)
	t.oldestAt = o.at
	t.sum, t.squares = t.sum.add(o.value), t.squares.add(o.value.mul(o.value))
	when := float64(o.at - origin)
	p, e := twoProduct(when, when)
	t.time, t.timeTime, t.tied = t.time.addFloat(when), t.timeTime.add(exact{p, e}), t.tied.add(o.value.mul(exact{when, 0}))
}

// answer returns an aggregate of the closed orders, in stored units divided by unit.
func (t *orderTotals) answer(fn query.Fn, unit float64) float64 {
	if t.n == 0 {
		return math.NaN()
	}
	n := float64(t.n)
	switch fn {
	case query.OrderMean:
		return finite(t.sum.value()) / n / unit
	case query.OrderMax:
		return finite(t.most) / unit
	case query.OrderLast:
		return finite(t.newest) / unit
	case query.OrderSingle:
		return float64(t.single) / n
	case query.OrderDistinct:
		return float64(t.distinct) / n
	case query.OrderSD:
		if t.n < 2 {
			return math.NaN()
		}
		nq := t.squares.mul(exact{n, 0})
		d := nq.sub(t.sum.mul(t.sum)).value()
		if d <= nq.hi*1e-30 { // equal values, but for what 106 bits lose
			d = 0
		}
		return finite(math.Sqrt(d/(n*(n-1))) / unit)
	}
	if t.oldestAt == t.newestAt {
		return math.NaN()
	}
	many := exact{n, 0}
	top := t.tied.mul(many).sub(t.time.mul(t.sum)).value()
	bottom := t.timeTime.mul(many).sub(t.time.mul(t.time)).value()
	return finite(top / bottom * (30 * dayMicros) / unit)
}

// ordersOf walks for the folds over orders.
func (f *folder) ordersOf(walks []walk) {
	w, v, nc := f.b.w, f.v, f.nc
	whole, values, kinds := false, false, false // what the aggregates want
	for _, o := range f.cg.ops {
		whole = whole || o.fn.OverOrders() && o.orders
		kinds = kinds || o.fn == query.OrderDistinct
		values = values || o.fn.OverOrders() && o.fn != query.OrderDistinct && o.fn != query.OrderSingle
	}
	if whole {
		f.orders()
	}
	unit := 1.0
	if values {
		unit = f.load()
	}
	g := gatherer{f: f, values: values}
	if kinds {
		col := f.b.text(f.cg.ref)
		g.code = col.code
		if v.rows != nil {
			g.code = gather(w.i32.get(v.n), col.code, v.rows)
		}
		g.nCodes = w.nCodes(col)
	}
	for _, wk := range walks {
		hi := v.at[wk.hi*nc:][:nc]
		for i := range nc {
			if hi[i] == v.start[i] {
				f.noOrders(wk, i)
				continue
			}
			if whole && f.mixed[i] {
				g.apart(wk, i, unit)
				continue
			}
			g.together(wk, i, unit, whole)
		}
	}
}

func (f *folder) noOrders(wk walk, i int) {
	for _, st := range wk.stops {
		for _, id := range st.ops {
			f.b.w.num(f.cg.ops[id].slot)[(f.v.k0+wk.k)*f.nc+i] = math.NaN()
		}
	}
}

// gatherer makes orders of rows.
type gatherer struct {
	f      *folder
	values bool
	code   []int32 // of OrderDistinct's column
	nCodes int
	pairs  []uint64
}

// together walks where the rows of each order lie together.
func (g *gatherer) together(wk walk, i int, unit float64, whole bool) {
	f := g.f
	w, v := f.b.w, f.v
	origin := v.time[v.start[i]]
	var seen []uint32
	if g.code != nil {
		seen = w.seen(g.nCodes)
		w.nextEpoch()
	}
	var closed orderTotals
	var open orderAt
	j := v.at[wk.hi*f.nc+i]
	for _, st := range wk.stops {
		for a := v.at[st.lo*f.nc+i]; j > a; {
			j--
			open.rows++
			open.at = v.time[j]
			if g.values {
				open.value = open.value.addFloat(f.values[j])
			}
			if g.code != nil {
				if c := g.code[j]; seen[c] != w.epoch {
					seen[c] = w.epoch
					open.distinct++
				}
			}
			if !whole || f.begins[j] {
				closed.add(&open, origin)
				open = orderAt{}
				if g.code != nil {
					w.nextEpoch()
				}
			}
		}
		all := closed
		if open.rows > 0 {
			all.add(&open, origin)
		}
		for _, id := range st.ops {
			o := f.cg.ops[id]
			w.num(o.slot)[(v.k0+wk.k)*f.nc+i] = all.answer(o.fn, unit)
		}
	}
}

// apart gathers the orders of each window, whose rows lie anywhere in it.
func (g *gatherer) apart(wk walk, i int, unit float64) {
	f := g.f
	w, v := f.b.w, f.v
	order := f.b.text(f.b.s.order)
	tallies := w.tally(w.nCodes(order))
	hi := v.at[wk.hi*f.nc+i]
	var orders []orderAt
	for _, st := range wk.stops {
		w.nextEpoch()
		orders, g.pairs = orders[:0], g.pairs[:0]
		for j := v.at[st.lo*f.nc+i]; j < hi; j++ {
			at := int32(len(orders))
			if c := order.code[f.row(j)]; c >= 0 && tallies[c].epoch == w.epoch {
				at = tallies[c].n
			} else {
				if c >= 0 {
					tallies[c] = tally{w.epoch, at}
				}
				orders = append(orders, orderAt{at: v.time[j]})
			}
			o := &orders[at]
			o.rows++
			if g.values {
				o.value = o.value.addFloat(f.values[j])
			}
			if g.code != nil {
				g.pairs = append(g.pairs, uint64(at)<<32|uint64(uint32(g.code[j])))
			}
		}
		slices.Sort(g.pairs)
		for _, p := range slices.Compact(g.pairs) {
			orders[p>>32].distinct++
		}
		var all orderTotals
		for n := len(orders) - 1; n >= 0; n-- {
			all.add(&orders[n], v.time[v.start[i]])
		}
		for _, id := range st.ops {
			o := f.cg.ops[id]
			w.num(o.slot)[(v.k0+wk.k)*f.nc+i] = all.answer(o.fn, unit)
		}
	}
}
