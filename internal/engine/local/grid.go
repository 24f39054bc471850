package local

import (
	"math"
	"slices"

	"kequn"
	"kequn/internal/query"
)

// grid is the instants at which the windows of some cutoffs begin and end, so that each customer's rows are searched
// once for all of them.
type grid struct {
	instants []int64
	lo, hi   [][]int // window, cutoff → position in instants
	nCutoffs int
	used     [][]int // per group: positions of the instants it needs
	walks    map[*columnGroup]walks
}

// A walk goes through a customer's rows from one instant backwards and answers windows as it passes where they begin.
type walk struct {
	k, hi int
	stops []stop // in the order in which they are met
}

type stop struct {
	lo  int
	ops []int // of the column group
}

// walks are those of the aggregates over numbers, over different values and over orders.
type walks struct{ extremes, kinds, hours, weekdays, orders []walk }

const (
	dawn   = math.MinInt64 + 1 // after NoTime: rows without a time are in no window
	dusk   = math.MaxInt64
	noTime = int64(kequn.NoTime)
)

func newGrid(p *pass, s *side, cutoffs []int64) *grid {
	windows := s.windows
	g := &grid{nCutoffs: len(cutoffs), walks: map[*columnGroup]walks{}}
	type ends struct{ lo, hi int64 }
	all := make([][]ends, len(windows))
	for w, win := range windows {
		for _, c := range cutoffs {
			lo, hi := bounds(p, win, c)
			all[w] = append(all[w], ends{lo, hi})
			g.instants = append(g.instants, lo, hi)
		}
	}
	slices.Sort(g.instants)
	g.instants = slices.Compact(g.instants)
	for w := range windows {
		lo, hi := make([]int, len(cutoffs)), make([]int, len(cutoffs))
		for k, e := range all[w] {
			lo[k], _ = slices.BinarySearch(g.instants, e.lo)
			hi[k], _ = slices.BinarySearch(g.instants, e.hi)
		}
		g.lo, g.hi = append(g.lo, lo), append(g.hi, hi)
	}
	for _, group := range s.groups {
		var used []int
		for _, cg := range group.columns {
			for _, o := range cg.ops {
				used = append(append(used, g.lo[o.window]...), g.hi[o.window]...)
			}
			g.walks[cg] = walks{g.plan(cg, isExtreme), g.plan(cg, isKind), g.plan(cg, is(query.HourEntropy)), g.plan(cg, is(query.WeekdayEntropy)),
				g.plan(cg, func(o op) bool { return o.fn.OverOrders() })}
		}
		slices.Sort(used)
		g.used = append(g.used, slices.Compact(used))
	}
	return g
}

func isExtreme(o op) bool { return o.fn == query.MinOf || o.fn == query.MaxOf }

func is(fn query.Fn) func(op) bool { return func(o op) bool { return o.fn == fn } }

func isKind(o op) bool {
	return o.fn == query.Distinct || o.fn == query.Mode || o.fn == query.ModeShare || o.fn == query.Entropy
}

// plan lays out the walks of some of a column group's aggregates: windows that end together share one.
func (g *grid) plan(cg *columnGroup, wanted func(op) bool) []walk {
	var out []walk
	for k := range g.nCutoffs {
		first := len(out)
	ops:
		for i, o := range cg.ops {
			if !wanted(o) {
				continue
			}
			lo, hi := g.lo[o.window][k], g.hi[o.window][k]
			for j := first; j < len(out); j++ {
				if w := &out[j]; w.hi == hi {
					w.add(lo, i)
					continue ops
				}
			}
			out = append(out, walk{k: k, hi: hi, stops: []stop{{lo, []int{i}}}})
		}
	}
	return out
}

func (w *walk) add(lo, op int) {
	at, found := slices.BinarySearchFunc(w.stops, lo, func(s stop, lo int) int { return lo - s.lo }) // later instants first
	if found {
		w.stops[at].ops = append(w.stops[at].ops, op)
		return
	}
	w.stops = slices.Insert(w.stops, at, stop{lo, []int{op}})
}

// bounds returns the half-open window of a cutoff; an inverted one is empty.
func bounds(p *pass, w query.Window, cutoff int64) (lo, hi int64) {
	c, zone := kequn.Instant(cutoff), p.zone.zone
	if w.Ahead {
		from := w.Skip.After(c, zone)
		if w.Span.IsZero() {
			return int64(from), dusk
		}
		return int64(from), int64(w.Span.After(from, zone))
	}
	lo, hi = dawn, int64(w.Skip.Before(c, zone))
	if !w.Span.IsZero() {
		lo = int64(w.Span.Before(c, zone))
	}
	return min(lo, hi), hi
}

// search writes, for each instant of the grid, how many of the sorted times lie before it, plus base: to
// out[j*stride], j counting instants.
func (g *grid) search(times []int64, base int32, out []int32, stride int) {
	n := len(times)
	if n > 8*len(g.instants) {
		from := 0
		for j, at := range g.instants {
			k, _ := slices.BinarySearch(times[from:], at) // the first of equal times
			from += k
			out[j*stride] = base + int32(from)
		}
		return
	}
	i := 0
	for j, at := range g.instants {
		for i < n && times[i] < at {
			i++
		}
		out[j*stride] = base + int32(i)
	}
}
