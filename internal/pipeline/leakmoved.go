package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/evaluate"
	"kequn/internal/kernel"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Limits of what counts as a value that moved with the cutoff.
const (
	movedShare  = 0.01 // of customers whose attribute changed although it is marked as fixed
	movedLeast  = 10
	todayShare  = 0.5 // of customers who did something since the judging cutoff have an attribute that counts it already
	thenShare   = 0.1 // and no more than this share one that does not
	todayLeast  = 30
	mostToday   = 60 // figures of today that attributes are compared with
	sameFigure  = 1e-6
	mostMatched = 200_000 // customers that are compared
)

// moved names attributes whose values are not those of the cutoffs at which they count: marked as fixed and yet changed by a later
// load, or equal to what a customer has done until today, where at the judging cutoff he had done less.
//
//	           judging cutoff                today
//	orders so far     3                        5
//	total_orders      5   ← written today
func (s *Shop) moved(ctx context.Context, t *study, known []evaluate.Leak) ([]evaluate.Leak, error) {
	if t.view == nil {
		return nil, nil
	}
	var attrs, figures []int // positions in t.defs
	for i, f := range t.defs {
		switch {
		case !unguarded(f):
			if lifelong(f.Node) && len(figures) < mostToday {
				figures = append(figures, i)
			}
		case (f.Node.Op == query.Attr || f.Unit == "days") && !slices.ContainsFunc(known, func(l evaluate.Leak) bool { return l.Column == f.Name }):
			attrs = append(attrs, i)
		}
	}
	if len(attrs) == 0 {
		return nil, nil
	}
	then, customers := t.judged()
	if len(then) == 0 {
		return nil, nil
	}
	defs := []query.Feature{}
	for _, i := range slices.Concat(attrs, figures) {
		defs = append(defs, t.defs[i])
	}
	today, err := engine.Collect(ctx, s.Engine, t.view.data, engine.Request{Cutoffs: []kequn.Cutoff{t.cuts.Ask}, Zone: t.view.zone, Features: defs, KnownBy: t.cuts.Ask, Threads: s.Threads})
	if err != nil {
		return nil, err
	}
	at := map[string]int32{} // looked up only
	for i := range today.NRows() {
		at[today.Customer.String(i)] = int32(i)
	}
	var was, is []int32 // rows of the panel and of today of the same customers
	for k, c := range customers {
		if i, ok := at[c]; ok {
			was, is = append(was, then[k]), append(is, i)
		}
	}
	found := make([]*evaluate.Leak, len(attrs))
	kernel.Parallel(len(attrs), s.Threads, 1, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			f := t.defs[attrs[k]]
			then, now := t.panel.X.Columns[attrs[k]].Take(was), today.X.Columns[k].Take(is)
			if f.Node.Op == query.Attr && t.fixed(f.Node) {
				if found[k] = overwritten(f, then, now); found[k] != nil {
					continue
				}
			}
			for j, i := range figures {
				if found[k] = t.ofToday(f, t.defs[i], then, t.panel.X.Columns[i].Take(was), today.X.Columns[len(attrs)+j].Take(is)); found[k] != nil {
					break
				}
			}
		}
	})
	var out []evaluate.Leak
	for _, l := range found {
		if l != nil {
			out = append(out, *l)
		}
	}
	return out, nil
}

// judged returns the rows of the judging cutoff and their customers, a sample of very many.
func (t *study) judged() (rows []int32, customers []string) {
	for i, c := range t.panel.Cutoff {
		if int(c) == len(t.cuts.Learn) && len(rows) < mostMatched {
			rows, customers = append(rows, int32(i)), append(customers, t.panel.Customer.String(i))
		}
	}
	return rows, customers
}

// lifelong tells whether a definition folds all that a customer did before the cutoff.
func lifelong(n *query.Node) bool {
	if n.Op != query.AggOp || n.Agg.Window != (query.Window{}) {
		return false
	}
	switch n.Agg.Fn {
	case query.Count, query.Sum, query.Distinct, query.Mean, query.MaxOf, query.DaysLast, query.ActiveDays, query.Sessions:
		return true
	}
	return false
}

// fixed tells whether the plan says that an attribute counts at any cutoff.
func (t *study) fixed(n *query.Node) bool {
	for _, d := range t.view.datasets {
		if d.Name == n.Dataset {
			c := d.Column(n.Name)
			return c != nil && c.Fixed
		}
	}
	return false
}

// overwritten finds a fixed attribute that has changed since.
func overwritten(f query.Feature, then, now *table.Column) *evaluate.Leak {
	changed, known := 0, 0
	for i := range then.Len() {
		if then.IsMissing(i) || now.IsMissing(i) {
			continue
		}
		known++
		if then.Kind.InCode() && then.String(i) != now.String(i) || !then.Kind.InCode() && then.Float(i) != now.Float(i) {
			changed++
		}
	}
	if changed < movedLeast || float64(changed) < movedShare*float64(known) {
		return nil
	}
	share := 100 * float64(changed) / float64(known)
	return &evaluate.Leak{Column: f.Name, Reason: evaluate.LeakMoved, Evidence: evaluate.Text{
		Zh: fmt.Sprintf("它标为 fixed（任何时刻都算数），可是 %.1f%% 的客户后来换了值：更早的截止时刻用到的可能是后来的值", share),
		En: fmt.Sprintf("it is marked as fixed, to count at any time, yet it has changed for %.1f %% of customers: earlier cutoffs may read values of later", share)}}
}

// ofToday compares an attribute, as it counts at the judging cutoff, with a figure of what customers did until then and until today.
func (t *study) ofToday(f, figure query.Feature, attribute, then, now *table.Column) *evaluate.Leak {
	if attribute.Kind != table.Number || then.Kind != table.Number {
		return nil
	}
	ago := figure.Node.Agg.Fn == query.DaysLast
	if ago != (f.Unit == "days" && f.Node.Op != query.Attr) {
		return nil
	}
	shift := 0.0
	if ago { // both count days: from the judging cutoff, and from today
		shift = float64(t.cuts.Ask-t.cuts.Judge) / float64(kequn.Day.Microseconds())
	}
	tolerance := func(v float64) float64 {
		if ago {
			return 1 // a date lies up to a day before its moment
		}
		return sameFigure * math.Max(1, math.Abs(v))
	}
	did, today, before := 0, 0, 0
	var values, figures []float64 // of those who did something
	for i, v := range attribute.Num {
		a, b := then.Num[i], now.Num[i]-shift
		if v != v || b != b || a == a && math.Abs(a-b) <= 2*tolerance(b) {
			continue // he did nothing since
		}
		did++
		values, figures = append(values, v), append(figures, b)
		if math.Abs(v-b) <= tolerance(b) {
			today++
		}
		if a == a && math.Abs(v-a) <= tolerance(a) {
			before++
		}
	}
	if today < todayLeast || float64(today) < todayShare*float64(did) || float64(before) > thenShare*float64(did) {
		return nil
	}
	// A consent that is 1 for nearly everybody equals every figure that is mostly 1: agreement counts beyond that by chance.
	if lot := agreeByLot(values, figures, tolerance); float64(today)-lot < todayShare*(float64(did)-lot) {
		return nil
	}
	return &evaluate.Leak{Column: f.Name, Reason: evaluate.LeakMoved, Evidence: evaluate.Text{
		Zh: fmt.Sprintf("它是今天的值，不是当时的：截止时刻之后又有行为的 %d 位客户里，%d 位的这个值已经等于今天的“%s”", did, today, figure.TextZH),
		En: fmt.Sprintf("it is a value of today, not of then: of %d customers who did something after the cutoff, %d already have what is today's %q", did, today, figure.TextEN)}}
}

// agreeByLot returns how many figures would equal a value if values were dealt to customers at random: Σ over figures of the share of
// values within tolerance of it.
func agreeByLot(values, figures []float64, tolerance func(float64) float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	agree := 0
	for _, b := range figures {
		lo, _ := slices.BinarySearch(sorted, b-tolerance(b))
		hi, _ := slices.BinarySearch(sorted, math.Nextafter(b+tolerance(b), math.Inf(1)))
		agree += hi - lo
	}
	return float64(agree) / float64(max(1, len(sorted)))
}
