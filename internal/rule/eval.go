package rule

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kequn"
	"kequn/internal/query"
)

// Eval answers a tree for one customer at the world's cutoff, by the definitions of package query. nil is a missing value;
// a Bool never is one. It panics on a tree that no rule or feature can be.
func (w *World) Eval(n *query.Node, c *Customer) *query.Value {
	return w.eval(n, c, nil)
}

// Holds answers a condition.
func (w *World) Holds(n *query.Node, c *Customer) bool { return w.Eval(n, c).Bool }

// InPopulation tells whether a customer is there at the cutoff at all: has an event, order or item before it, known by then.
func (w *World) InPopulation(c *Customer) bool {
	for _, d := range w.Datasets {
		if d.Role == kequn.Events || d.Role == kequn.Orders || d.Role == kequn.Items {
			if len(w.rows(query.Window{}, d.Name, nil, c)) > 0 {
				return true
			}
		}
	}
	return false
}

// Known tells whether a customer is known at the cutoff at all: has a row of a dataset with event times, or of a dataset of
// customers, that counts then.
func (w *World) Known(c *Customer) bool {
	for _, d := range w.Datasets {
		if d.Role.HasTime() && len(w.rows(query.Window{}, d.Name, nil, c)) > 0 {
			return true
		}
		if d.Role != kequn.Customers {
			continue
		}
		var newest *Row
		for i := range c.Rows[d.Name] {
			row := &c.Rows[d.Name][i]
			if w.AnyTime && !row.Gone {
				return true
			}
			if row.Known < w.Cutoff && (newest == nil || row.Known >= newest.Known) {
				newest = row
			}
		}
		if newest != nil && !newest.Gone {
			return true
		}
	}
	return false
}

// group folds a value over the customers with the same key.
func (w *World) group(g *query.Group, c *Customer) *query.Value {
	key := w.Eval(g.Key, c)
	if key == nil {
		return nil
	}
	members := 0
	var values []float64
	for i := range w.Everybody {
		m := &w.Everybody[i]
		if g.Others && m.ID == c.ID || !w.Known(m) {
			continue
		}
		if k := w.Eval(g.Key, m); k == nil || k.Text != key.Text {
			continue
		}
		members++
		if g.Of != nil {
			switch v := w.Eval(g.Of, m); {
			case v == nil:
			case v.Type == query.Bool:
				values = append(values, asCount(v.Bool).Num)
			default:
				values = append(values, v.Num)
			}
		}
	}
	total := 0.0
	for _, v := range values {
		total += v
	}
	switch {
	case g.Fn == query.Count:
		return numberValue(float64(members))
	case g.Fn == query.Sum:
		return numberValue(total)
	case len(values) == 0:
		return nil
	case g.Fn == query.Mean:
		return numberValue(total / float64(len(values)))
	case g.Fn == query.MinOf:
		return numberValue(slices.Min(values))
	}
	return numberValue(slices.Max(values))
}

// here is the row at hand inside where.
type here struct {
	dataset string
	row     *Row
	asked   kequn.Instant
}

func (w *World) eval(n *query.Node, c *Customer, at *here) *query.Value {
	switch n.Op {
	case query.Const:
		return n.Value
	case query.Now:
		return timeValue(w.Cutoff)
	case query.Attr:
		return w.attribute(n, c)
	case query.Field:
		return w.field(n, c, at)
	case query.AggOp:
		return w.aggregate(n, c)
	case query.SeqOp:
		return boolValue(w.sequence(n.Seq, c))
	case query.LifeO:
		return textValue(w.lifecycle(n.Life, c))
	case query.GroupOp:
		return w.group(n.Group, c)
	case query.If:
		if w.eval(n.Args[0], c, at).Bool {
			return w.eval(n.Args[1], c, at)
		}
		return w.eval(n.Args[2], c, at)
	case query.Has:
		return boolValue(w.has(n.Args[0], c, at))
	}
	args := make([]*query.Value, len(n.Args))
	for i, a := range n.Args {
		args[i] = w.eval(a, c, at)
	}
	switch n.Op {
	case query.And:
		return boolValue(!slices.ContainsFunc(args, func(v *query.Value) bool { return !v.Bool }))
	case query.Or:
		return boolValue(slices.ContainsFunc(args, func(v *query.Value) bool { return v.Bool }))
	case query.Not:
		return boolValue(!args[0].Bool)
	case query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge:
		return boolValue(compareValues(n.Op, args[0], args[1]))
	case query.In:
		return boolValue(slices.ContainsFunc(args[1:], func(v *query.Value) bool { return compareValues(query.Eq, args[0], v) }))
	case query.Else:
		for _, v := range args {
			if v != nil {
				return v
			}
		}
		return nil
	}
	// What is left is missing, or false, if any operand is missing.
	for _, v := range args {
		if v == nil {
			if n.Type == query.Bool {
				return boolValue(false)
			}
			return nil
		}
	}
	switch n.Op {
	case query.Contains:
		return boolValue(strings.Contains(args[0].Text, args[1].Text))
	case query.StartsWith:
		return boolValue(strings.HasPrefix(args[0].Text, args[1].Text))
	case query.EndsWith:
		return boolValue(strings.HasSuffix(args[0].Text, args[1].Text))
	case query.Matches:
		return boolValue(regexp.MustCompile(args[1].Text).MatchString(args[0].Text))
	case query.Label:
		return textValue(label(args[0]))
	case query.DaysBetween:
		return numberValue(days(args[0].Time, args[1].Time))
	case query.YearsSince:
		return w.yearsSince(args[0].Time)
	}
	x := make([]float64, len(args))
	for i, v := range args {
		x[i] = asNumber(v)
	}
	return numberValue(arithmetic(n.Op, x))
}

func arithmetic(op query.Op, x []float64) float64 {
	out := x[0]
	switch op {
	case query.Neg:
		return -x[0]
	case query.Abs:
		return math.Abs(x[0])
	case query.Log1p:
		return math.Log1p(x[0])
	case query.Sub:
		return x[0] - x[1]
	case query.Div:
		if x[1] == 0 {
			return math.NaN()
		}
		return x[0] / x[1]
	}
	for _, y := range x[1:] {
		switch op {
		case query.Add:
			out += y
		case query.Mul:
			out *= y
		case query.Min:
			out = min(out, y)
		case query.Max:
			out = max(out, y)
		default:
			panic(fmt.Sprintf("rule: no operation %q", op))
		}
	}
	return out
}

// asNumber returns a value where numbers are wanted: yes is 1, no is 0, a time its microseconds.
func asNumber(v *query.Value) float64 {
	switch v.Type {
	case query.Bool:
		if v.Bool {
			return 1
		}
		return 0
	case query.Time:
		return float64(v.Time)
	case query.Number:
		return v.Num
	}
	panic("rule: a text where a number is wanted")
}

// compareValues compares texts byte by byte and all else as numbers. Nothing holds of a missing value.
func compareValues(op query.Op, a, b *query.Value) bool {
	if a == nil || b == nil {
		return false
	}
	order := 0
	if a.Type == query.Text {
		order = strings.Compare(a.Text, b.Text)
	} else if x, y := asNumber(a), asNumber(b); x < y {
		order = -1
	} else if x > y {
		order = 1
	}
	switch op {
	case query.Eq:
		return order == 0
	case query.Ne:
		return order != 0
	case query.Lt:
		return order < 0
	case query.Le:
		return order <= 0
	case query.Gt:
		return order > 0
	}
	return order >= 0
}

func label(v *query.Value) string {
	switch v.Type {
	case query.Bool:
		return strconv.FormatBool(v.Bool)
	case query.Time:
		return v.Time.Time().Format(time.RFC3339Nano)
	case query.Number:
		return strconv.FormatFloat(v.Num, 'f', -1, 64)
	}
	return v.Text
}

// days returns whole and part days of 24 hours.
func days(from, to kequn.Instant) float64 { return float64(to-from) / (24 * 3600 * 1e6) }

// yearsSince counts the birthdays from b to the cutoff. It tries year after year.
func (w *World) yearsSince(b kequn.Instant) *query.Value {
	if b > w.Cutoff {
		return nil
	}
	birth := time.UnixMicro(int64(b)).In(w.zone())
	now := time.UnixMicro(int64(w.Cutoff)).In(w.zone())
	years := now.Year() - birth.Year()
	// By date and time of day on the wall: 29 February becomes 1 March, as in any calendar that adds years.
	wall := func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	}
	if wall(birth).AddDate(years, 0, 0).After(wall(now)) {
		years--
	}
	return numberValue(float64(max(years, 0)))
}

// has tells whether a value is there. A Bool column can be missing, though as a condition it is then false.
func (w *World) has(n *query.Node, c *Customer, at *here) bool {
	if n.Type == query.Bool && (n.Op == query.Attr || n.Op == query.Field || n.Op == query.AggOp && n.Agg.Fn != query.Exists) {
		raw := *n
		raw.Type = query.Number
		n = &raw
	}
	return w.eval(n, c, at) != nil
}

// attribute returns the customer's value in a table of customers: of the row known newest before the cutoff, or (fixed
// attributes, and all with AnyTime) of the oldest where none was known yet.
func (w *World) attribute(n *query.Node, c *Customer) *query.Value {
	if n.Dataset == "" && n.Name == query.CustomerColumn {
		return textValue(c.ID)
	}
	d := w.dataset(n.Dataset)
	var row *Row
	for i := range c.Rows[n.Dataset] {
		if r := &c.Rows[n.Dataset][i]; r.Known < w.Cutoff && (row == nil || r.Known >= row.Known) {
			row = r
		}
	}
	if row != nil && row.Gone {
		row = nil
	}
	if col := d.Column(n.Name); row == nil && (w.AnyTime || col != nil && col.Fixed) {
		for i := range c.Rows[n.Dataset] {
			if r := &c.Rows[n.Dataset][i]; !r.Gone && (row == nil || r.Known <= row.Known) {
				row = r
			}
		}
	}
	if row == nil {
		return missing(n.Type)
	}
	cell, ok := w.cell(d, row, n.Name, w.Cutoff)
	if !ok {
		return missing(n.Type)
	}
	return cell.as(n.Type)
}

func missing(t query.Type) *query.Value {
	if t == query.Bool {
		return boolValue(false)
	}
	return nil
}

func (w *World) field(n *query.Node, c *Customer, at *here) *query.Value {
	if n.Name == query.CustomerColumn {
		return textValue(c.ID)
	}
	if cell, ok := w.cell(w.dataset(at.dataset), at.row, n.Name, at.asked); ok {
		return cell.as(n.Type)
	}
	return missing(n.Type)
}

// rows returns a customer's rows of a dataset in a window that meet a condition, in the store's order: by time, then
// known-at, then arrival. Only what was known before the cutoff counts (before KnownBy, in a window ahead), and of each id
// only its version known last.
func (w *World) rows(win query.Window, dataset string, where *query.Node, c *Customer) []*Row {
	from, to := w.bounds(win)
	return slices.DeleteFunc(w.everything(win, dataset, where, c), func(r *Row) bool { return r.Time < from || r.Time >= to })
}

// everything returns the rows of any time that count for who asks about a window, and meet a condition.
func (w *World) everything(win query.Window, dataset string, where *query.Node, c *Customer) []*Row {
	asked := w.asked(win)
	newest := map[string]*Row{}
	var known []*Row
	for i := range c.Rows[dataset] {
		r := &c.Rows[dataset][i]
		if r.Known >= asked {
			continue
		}
		if r.ID == "" {
			known = append(known, r)
		} else if n := newest[r.ID]; n == nil || r.Known > n.Known || r.Known == n.Known && r.Seq > n.Seq {
			newest[r.ID] = r
		}
	}
	for _, r := range newest {
		known = append(known, r)
	}
	slices.SortFunc(known, before)
	var out []*Row
	for _, r := range known {
		if !r.Gone && r.Time != kequn.NoTime && w.meets(where, dataset, r, c, asked) {
			out = append(out, r)
		}
	}
	return out
}

// before puts rows of one dataset in the store's order.
func before(a, b *Row) int {
	for _, d := range []int64{int64(a.Time - b.Time), int64(a.Known - b.Known), a.Seq - b.Seq} {
		if d < 0 {
			return -1
		}
		if d > 0 {
			return 1
		}
	}
	return 0
}

func (w *World) meets(where *query.Node, dataset string, r *Row, c *Customer, asked kequn.Instant) bool {
	return where == nil || w.eval(where, c, &here{dataset, r, asked}).Bool
}

// bounds returns the window's first instant and the first after it.
func (w *World) bounds(win query.Window) (from, to kequn.Instant) {
	if win.Ahead {
		from = win.Skip.After(w.Cutoff, w.zone())
		return from, win.Span.After(from, w.zone())
	}
	from, to = kequn.Instant(math.MinInt64), win.Skip.Before(w.Cutoff, w.zone())
	if !win.Span.IsZero() {
		from = win.Span.Before(w.Cutoff, w.zone())
	}
	return from, to
}

// lifecycle looks at the last period, the one before, and all before that.
func (w *World) lifecycle(l *query.Lifecycle, c *Customer) string {
	two := kequn.Span{Days: 2 * l.Period.Days, Exact: 2 * l.Period.Exact}
	some := func(win query.Window) bool { return len(w.rows(win, l.Dataset, l.Where, c)) > 0 }
	last, previous, earlier := some(query.Window{Span: l.Period}), some(query.Window{Span: two, Skip: l.Period}), some(query.Window{Skip: two})
	switch {
	case last && previous:
		return query.LifeRegular
	case last && earlier:
		return query.LifeBack
	case last:
		return query.LifeFirst
	case previous:
		return query.LifeStopped
	case earlier:
		return query.LifeDormant
	}
	return query.LifeNever
}

// sequence tries every combination of rows.
func (w *World) sequence(s *query.Sequence, c *Customer) bool {
	var all []placed
	for i, d := range w.Datasets {
		for j, r := range w.rows(s.Window, d.Name, nil, c) {
			all = append(all, placed{dataset: d.Name, at: i, row: r, nth: j})
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		for _, d := range []int64{int64(a.row.Time - b.row.Time), int64(a.at - b.at), int64(a.nth - b.nth)} {
			if d != 0 {
				return int(max(-1, min(1, d)))
			}
		}
		return 0
	})
	meets := func(step query.Step, p placed) bool {
		return step.Dataset == p.dataset && w.meets(step.Where, p.dataset, p.row, c, w.asked(s.Window))
	}
	var match []int
	var try func() bool
	try = func() bool {
		if len(match) == len(s.Steps) {
			for i := match[0] + 1; i < match[len(match)-1]; i++ {
				if slices.ContainsFunc(s.Without, func(step query.Step) bool { return meets(step, all[i]) }) {
					return false
				}
			}
			return true
		}
		first := 0
		if len(match) > 0 {
			first = match[len(match)-1] + 1
		}
		for i := first; i < len(all); i++ {
			if !meets(s.Steps[len(match)], all[i]) {
				continue
			}
			if len(match) > 0 && !s.Gap.IsZero() && all[i].row.Time > s.Gap.After(all[first-1].row.Time, w.zone()) {
				continue
			}
			if s.Same != "" {
				cell, ok := w.cell(w.dataset(all[i].dataset), all[i].row, s.Same, w.asked(s.Window))
				if !ok {
					continue
				}
				if len(match) > 0 {
					firstRow := all[match[0]]
					if other, _ := w.cell(w.dataset(firstRow.dataset), firstRow.row, s.Same, w.asked(s.Window)); !alike(cell, other) {
						continue
					}
				}
			}
			match = append(match, i)
			if try() {
				return true
			}
			match = match[:len(match)-1]
		}
		return false
	}
	return try()
}

// placed is a row with its place among the rows of all datasets.
type placed struct {
	dataset string
	at, nth int
	row     *Row
}

// alike tells whether values of two datasets' columns are the same: texts as texts, all else as numbers.
func alike(a, b Cell) bool {
	if a.Kind.InCode() || b.Kind.InCode() {
		return a.Kind.InCode() && b.Kind.InCode() && a.Text == b.Text
	}
	return a.number() == b.number()
}
