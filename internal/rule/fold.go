package rule

import (
	"fmt"
	"math"
	"slices"
	"time"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// aggregate folds the rows of one dataset in a window into one value.
func (w *World) aggregate(n *query.Node, c *Customer) *query.Value {
	a := n.Agg
	d := w.dataset(a.Dataset)
	rows := w.rows(a.Window, a.Dataset, a.Where, c)
	if a.Fn == query.Count {
		if order := d.With(kequn.ColOrder); order != nil && !a.Lines {
			return numberValue(float64(countOrders(rows, order.Name)))
		}
		return numberValue(float64(len(rows)))
	}
	switch a.Fn {
	case query.Answered, query.Unanswered:
		answered, since := w.answers(a, rows, c)
		if a.Fn == query.Answered {
			return numberValue(float64(answered))
		}
		return numberValue(float64(since))
	case query.Fresh:
		return numberValue(float64(w.fresh(a, d, rows, c)))
	}
	// Rows without a value in the column are passed over.
	var cells []Cell
	if a.Column != "" {
		var with []*Row
		for _, r := range rows {
			if cell, ok := w.cell(d, r, a.Column, w.asked(a.Window)); ok {
				with, cells = append(with, r), append(cells, cell)
			}
		}
		rows = with
	}
	if a.Fn == query.Exists {
		if n.Type == query.Bool {
			return boolValue(len(rows) > 0)
		}
		return asCount(len(rows) > 0)
	}
	switch a.Fn {
	case query.Sum:
		return numberValue(sum(cells))
	case query.Distinct:
		return numberValue(float64(len(shares(cells))))
	case query.ActiveDays:
		return numberValue(float64(len(w.activeDays(rows))))
	case query.Sessions:
		return numberValue(float64(len(sessions(rows))))
	case query.SessionsWith, query.SessionsEnding:
		n := 0
		for _, s := range sessions(rows) {
			if a.Fn == query.SessionsEnding {
				s = s[len(s)-1:]
			}
			if slices.ContainsFunc(s, func(r *Row) bool { return w.meets(a.Hit, a.Dataset, r, c, w.asked(a.Window)) }) {
				n++
			}
		}
		return numberValue(float64(n))
	}
	if len(rows) == 0 {
		return missing(n.Type)
	}
	k := len(rows)
	switch a.Fn {
	case query.First:
		return cells[0].as(n.Type)
	case query.Last:
		return cells[k-1].as(n.Type)
	case query.MinOf, query.MaxOf:
		best := cells[0]
		for _, cell := range cells {
			if a.Fn == query.MinOf && cell.number() < best.number() || a.Fn == query.MaxOf && cell.number() > best.number() {
				best = cell
			}
		}
		return best.as(n.Type)
	case query.Mean:
		return numberValue(sum(cells) / float64(k))
	case query.SD:
		if k < 2 {
			return nil
		}
		return numberValue(deviation(numbers(cells)))
	case query.Mode:
		word, _ := mode(cells)
		return textValue(word)
	case query.ModeShare:
		_, count := mode(cells)
		return numberValue(float64(count) / float64(k))
	case query.Entropy:
		h := 0.0
		for _, s := range shares(cells) {
			p := float64(s.count) / float64(k)
			h -= p * math.Log(p)
		}
		return numberValue(h)
	case query.DaysFirst:
		return numberValue(days(rows[0].Time, w.Cutoff))
	case query.DaysLast:
		return numberValue(days(rows[k-1].Time, w.Cutoff))
	case query.GapMean, query.GapSD, query.GapLast, query.GapRecent, query.GapMax:
		return w.gaps(a.Fn, rows)
	case query.SessionMinutes, query.SessionLongest:
		total, longest := 0.0, 0.0
		all := sessions(rows)
		for _, s := range all {
			minutes := days(s[0].Time, s[len(s)-1].Time) * 1440
			total, longest = total+minutes, max(longest, minutes)
		}
		if a.Fn == query.SessionLongest {
			return numberValue(longest)
		}
		return numberValue(total / float64(len(all)))
	case query.HourEntropy, query.WeekdayEntropy, query.MonthTurn, query.SameMonth, query.SameQuarter:
		return w.calendar(a.Fn, rows)
	case query.Slope:
		return slope(rows, numbers(cells))
	case query.Weekend, query.Night:
		hits := 0
		for _, r := range rows {
			t := time.UnixMicro(int64(r.Time)).In(w.zone())
			if a.Fn == query.Weekend && (t.Weekday() == time.Saturday || t.Weekday() == time.Sunday) || a.Fn == query.Night && (t.Hour() >= 22 || t.Hour() < 6) {
				hits++
			}
		}
		return numberValue(float64(hits) / float64(k))
	case query.HourMean:
		return w.hourMean(rows)
	}
	if a.Fn.OverOrders() {
		return orderFold(a.Fn, ordersOf(d, rows, cells))
	}
	panic(fmt.Sprintf("rule: no aggregate %q", a.Fn))
}

func asCount(b bool) *query.Value {
	if b {
		return numberValue(1)
	}
	return numberValue(0)
}

// countOrders counts different values of the order column; a row without one is an order of its own.
func countOrders(rows []*Row, column string) int {
	n := 0
	seen := map[Cell]bool{}
	for _, r := range rows {
		if cell, ok := r.Cells[column]; !ok || !seen[cell] {
			n++
			seen[cell] = ok
		}
	}
	return n
}

// sum adds money in its integer unit, all else as numbers.
func sum(cells []Cell) float64 {
	units, total, scale := int64(0), 0.0, 0
	for _, c := range cells {
		if c.Kind.InInt() {
			units, scale = units+c.Int, c.Scale
		} else {
			total += c.Num
		}
	}
	return total + float64(units)/math.Pow10(scale)
}

func numbers(cells []Cell) []float64 {
	out := make([]float64, len(cells))
	for i, c := range cells {
		out[i] = c.number()
	}
	return out
}

// deviation is the sample standard deviation, in two passes.
func deviation(x []float64) float64 {
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	ss := 0.0
	for _, v := range x {
		ss += (v - mean) * (v - mean)
	}
	return math.Sqrt(ss / float64(len(x)-1))
}

type share struct {
	cell  Cell
	count int
}

// shares counts different values, in order of first appearance.
func shares(cells []Cell) []share {
	var out []share
next:
	for _, c := range cells {
		for i := range out {
			if out[i].cell.same(c) {
				out[i].count++
				continue next
			}
		}
		out = append(out, share{c, 1})
	}
	return out
}

// mode returns the commonest text and how often it occurs; the smaller text on a tie.
func mode(cells []Cell) (string, int) {
	best := share{}
	for _, s := range shares(cells) {
		if s.count > best.count || s.count == best.count && s.cell.Text < best.cell.Text {
			best = s
		}
	}
	return best.cell.Text, best.count
}

// activeDays returns the different calendar days of the rows, as days since 1970, in order.
func (w *World) activeDays(rows []*Row) []int {
	var out []int
	for _, r := range rows {
		y, m, d := time.UnixMicro(int64(r.Time)).In(w.zone()).Date()
		day := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
		if y < 1970 {
			day = int(math.Floor(float64(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()) / 86400))
		}
		if len(out) == 0 || out[len(out)-1] != day {
			out = append(out, day)
		}
	}
	return out
}

func (w *World) gaps(fn query.Fn, rows []*Row) *query.Value {
	active := w.activeDays(rows)
	var gaps []float64
	for i := 1; i < len(active); i++ {
		gaps = append(gaps, float64(active[i]-active[i-1]))
	}
	if fn == query.GapSD {
		if len(gaps) < 2 {
			return nil
		}
		return numberValue(deviation(gaps))
	}
	if len(gaps) == 0 {
		return nil
	}
	switch fn {
	case query.GapLast:
		return numberValue(gaps[len(gaps)-1])
	case query.GapMax:
		return numberValue(slices.Max(gaps))
	case query.GapRecent:
		last := gaps[max(0, len(gaps)-3):]
		total := 0.0
		for _, g := range last {
			total += g
		}
		return numberValue(total / float64(len(last)))
	}
	return numberValue(float64(active[len(active)-1]-active[0]) / float64(len(gaps)))
}

// slope is Σ(t−t̄)(y−ȳ) / Σ(t−t̄)², with t in units of 30 days.
func slope(rows []*Row, y []float64) *query.Value {
	k := float64(len(rows))
	meanT, meanY := 0.0, 0.0
	t := make([]float64, len(rows))
	for i, r := range rows {
		t[i] = days(rows[0].Time, r.Time) / 30
		meanT, meanY = meanT+t[i]/k, meanY+y[i]/k
	}
	top, bottom := 0.0, 0.0
	for i := range t {
		top += (t[i] - meanT) * (y[i] - meanY)
		bottom += (t[i] - meanT) * (t[i] - meanT)
	}
	if rows[0].Time == rows[len(rows)-1].Time {
		return nil
	}
	return numberValue(top / bottom)
}

// hourMean is the direction of the mean of the hours' points on a clock of 24 hours.
func (w *World) hourMean(rows []*Row) *query.Value {
	x, y := 0.0, 0.0
	for _, r := range rows {
		t := time.UnixMicro(int64(r.Time)).In(w.zone())
		hour := float64(t.Hour()) + float64(t.Minute())/60 + (float64(t.Second())+float64(t.Nanosecond())/1e9)/3600
		x, y = x+math.Cos(hour/12*math.Pi)/float64(len(rows)), y+math.Sin(hour/12*math.Pi)/float64(len(rows))
	}
	if math.Hypot(x, y) < 1e-9 {
		return nil
	}
	h := math.Atan2(y, x) / math.Pi * 12
	if h < 0 {
		h += 24
	}
	if h >= 24 {
		h = 0
	}
	return numberValue(h)
}

// sessions cuts rows into stretches without a pause of over 30 minutes.
func sessions(rows []*Row) [][]*Row {
	var out [][]*Row
	for i, r := range rows {
		if i == 0 || r.Time-rows[i-1].Time > kequn.Instant((30*time.Minute).Microseconds()) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], r)
	}
	return out
}

// calendar folds what the rows' wall clocks and dates say.
func (w *World) calendar(fn query.Fn, rows []*Row) *query.Value {
	cutoff := w.Cutoff.Time().In(w.zone())
	counts := map[int]int{}
	hits := 0
	for _, r := range rows {
		t := time.UnixMicro(int64(r.Time)).In(w.zone())
		hit := false
		switch fn {
		case query.HourEntropy:
			counts[t.Hour()]++
		case query.WeekdayEntropy:
			counts[int(t.Weekday())]++
		case query.MonthTurn:
			hit = t.Day() >= 25 || t.Day() <= 5
		case query.SameMonth:
			hit = t.Month() == cutoff.Month()
		case query.SameQuarter:
			hit = (t.Month()-1)/3 == (cutoff.Month()-1)/3
		}
		if hit {
			hits++
		}
	}
	if fn != query.HourEntropy && fn != query.WeekdayEntropy {
		return numberValue(float64(hits) / float64(len(rows)))
	}
	h := 0.0
	for k := range 24 {
		if p := float64(counts[k]) / float64(len(rows)); p > 0 {
			h -= p * math.Log(p)
		}
	}
	return numberValue(h)
}

// fresh counts different values of the rows that none of the rows before the window has.
func (w *World) fresh(a *query.Agg, d *plan.Dataset, rows []*Row, c *Customer) int {
	from, _ := w.bounds(a.Window)
	var old []Cell
	for _, r := range w.everything(a.Window, a.Dataset, a.Where, c) {
		if cell, ok := w.cell(d, r, a.Column, w.asked(a.Window)); ok && r.Time < from {
			old = append(old, cell)
		}
	}
	n := 0
	var seen []Cell
	for _, r := range rows {
		cell, ok := w.cell(d, r, a.Column, w.asked(a.Window))
		if ok && !slices.ContainsFunc(old, cell.same) && !slices.ContainsFunc(seen, cell.same) {
			seen = append(seen, cell)
			n++
		}
	}
	return n
}

// answers counts the rows that rows of another dataset follow in time, and the rows after the newest of these.
func (w *World) answers(a *query.Agg, rows []*Row, c *Customer) (answered, since int) {
	then := w.rows(query.Window{}, a.Then.Dataset, a.Then.Where, c)
	for _, r := range rows {
		end := a.Within.After(r.Time, w.zone())
		since++
		if slices.ContainsFunc(then, func(q *Row) bool { return q.Time >= r.Time && q.Time < end }) {
			answered++
			since = 0
		}
	}
	return answered, since
}

// order is the rows of one order with their cells.
type order struct {
	first *Row
	rows  int
	cells []Cell
}

// ordersOf gathers rows by their order, in the order of the first rows; a row without one is an order of its own.
func ordersOf(d *plan.Dataset, rows []*Row, cells []Cell) []order {
	var out []order
	at := map[Cell]int{}
	column := d.With(kequn.ColOrder)
	for i, r := range rows {
		k := len(out)
		if column != nil {
			if cell, ok := r.Cells[column.Name]; ok {
				if j, seen := at[cell]; seen {
					k = j
				} else {
					at[cell] = k
				}
			}
		}
		if k == len(out) {
			out = append(out, order{first: r})
		}
		out[k].rows++
		if cells != nil {
			out[k].cells = append(out[k].cells, cells[i])
		}
	}
	return out
}

func orderFold(fn query.Fn, orders []order) *query.Value {
	var values []float64
	var firsts []*Row
	single, distinct, total := 0, 0, 0.0
	for _, o := range orders {
		if o.rows == 1 {
			single++
		}
		distinct += len(shares(o.cells))
		firsts = append(firsts, o.first)
		if fn != query.OrderDistinct && fn != query.OrderSingle {
			values = append(values, sum(o.cells))
			total += sum(o.cells)
		}
	}
	n := float64(len(orders))
	switch fn {
	case query.OrderMean:
		return numberValue(total / n)
	case query.OrderSD:
		if len(orders) < 2 {
			return nil
		}
		return numberValue(deviation(values))
	case query.OrderMax:
		return numberValue(slices.Max(values))
	case query.OrderLast:
		return numberValue(values[len(values)-1])
	case query.OrderSlope:
		return slope(firsts, values)
	case query.OrderSingle:
		return numberValue(float64(single) / n)
	}
	return numberValue(float64(distinct) / n)
}
