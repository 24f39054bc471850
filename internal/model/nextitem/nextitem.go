// Package nextitem ranks for each customer the values that come next: products, categories, films.
//
// A list is made in three steps, each in a file of its own:
//
//	stats.go      everybody's rows before a moment → how popular values are, which go together, which follow which
//	candidate.go  one customer's rows before it    → a few hundred candidates, each with two dozen facts
//	rank.go       candidates and facts             → an order: by popularity, by habit, by company, or learnt from what came
//
// What is learnt, and which order is used, is decided on what came next at earlier moments (fit.go), and judged on later ones
// that were not learnt from (judge.go).
//
// References: Sarwar et al., Item-based collaborative filtering (2001); Rendle et al., Factorizing personalized Markov chains
// (2010); Covington et al., Deep neural networks for YouTube recommendations (2016), for candidates first and ranking after;
// Hu et al., Modeling personalized item frequency for next-basket recommendation (2020), for how far own habits go.
package nextitem

import (
	"slices"

	"kequn"
)

// History is what customers had, and when. Customer i's rows are [Start[i], Start[i+1]), oldest first.
type History struct {
	Start []int32
	Code  []int32         // the value
	Time  []kequn.Instant // when
	Known []kequn.Instant // when it was known; nil where that is always Time
	Visit []int32         // which order, or which instant, of the customer's: counted from 0, never falling; holds no value twice
}

// NCustomers returns the number of customers.
func (h *History) NCustomers() int { return max(0, len(h.Start)-1) }

// Add appends one customer's rows, oldest first. visit numbers orders or instants; rows that repeat a value within a visit are left out.
func (h *History) Add(code []int32, time, known []kequn.Instant, visit []int32) {
	if len(h.Start) == 0 {
		h.Start = append(h.Start, 0)
	}
	begin := len(h.Code)
	for i, c := range code {
		again := false
		for k := len(h.Code) - 1; k >= begin && h.Visit[k] == visit[i]; k-- {
			if again = h.Code[k] == c; again {
				break
			}
		}
		if again {
			continue
		}
		h.Code, h.Time, h.Visit = append(h.Code, c), append(h.Time, time[i]), append(h.Visit, visit[i])
		if known != nil {
			h.Known = append(h.Known, known[i])
		}
	}
	h.Start = append(h.Start, int32(len(h.Code)))
}

// known tells whether a row was known before the moment.
func (h *History) known(row int32, at kequn.Instant) bool { return h.Known == nil || h.Known[row] < at }

// before returns the customer's rows that happened before the moment. Those not known by then are still among them.
func (h *History) before(customer int32, at kequn.Instant) (lo, hi int32) {
	lo, hi = h.Start[customer], h.Start[customer+1]
	n, _ := slices.BinarySearch(h.Time[lo:hi], at)
	return lo, lo + int32(n)
}

// Query asks what comes next for one customer at one moment.
type Query struct {
	Customer int32
	At       kequn.Instant // only rows before it, and known before it, may be looked at
	Relevant []int32       // what came: sorted, each value once

	context int // whose statistics answer it
}

// Within returns a query for each customer with a row before the moment and a value in [from, to). A nil set of customers is all.
// With fresh, values that the customer had before do not count.
func (h *History) Within(at, from, to kequn.Instant, customers []bool, fresh bool) []Query {
	var out []Query
	for c := range int32(h.NCustomers()) {
		if customers != nil && !customers[c] {
			continue
		}
		lo, hi := h.before(c, at)
		if lo == hi {
			continue
		}
		a, _ := slices.BinarySearch(h.Time[lo:h.Start[c+1]], from)
		b, _ := slices.BinarySearch(h.Time[lo:h.Start[c+1]], to)
		if q := (Query{Customer: c, At: at, Relevant: h.values(lo, hi, lo+int32(a), lo+int32(b), fresh)}); len(q.Relevant) > 0 {
			out = append(out, q)
		}
	}
	return out
}

// After returns a query for each customer with a row before the moment and a visit in [from, to): what came with the first such visit.
func (h *History) After(at, from, to kequn.Instant, customers []bool, fresh bool) []Query {
	var out []Query
	for c := range int32(h.NCustomers()) {
		if customers != nil && !customers[c] {
			continue
		}
		if lo, hi := h.before(c, at); lo < hi {
			if q := (Query{Customer: c, At: at, Relevant: h.Next(c, at, from, to, false, fresh)}); len(q.Relevant) > 0 {
				out = append(out, q)
			}
		}
	}
	return out
}

// Visits returns queries for the last visits of each customer in [from, to), at most so many, that have a visit before them: what came
// with the visit, asked at its beginning.
func (h *History) Visits(from, to kequn.Instant, most int, customers []bool, fresh bool) []Query {
	var out []Query
	for c := range int32(h.NCustomers()) {
		if customers != nil && !customers[c] {
			continue
		}
		lo, end := h.before(c, to)
		for k := 0; k < most && end > lo; k++ {
			begin := end - 1
			for begin > lo && h.Visit[begin-1] == h.Visit[end-1] {
				begin--
			}
			at := h.Time[begin]
			_, past := h.before(c, at)
			if at < from || past == lo {
				break
			}
			if q := (Query{Customer: c, At: at, Relevant: h.values(lo, past, begin, end, fresh)}); len(q.Relevant) > 0 {
				out = append(out, q)
			}
			end = begin
		}
	}
	return out
}

// Next returns what came with the customer's first visit at or after from and before to, or within [from, to) all that came.
func (h *History) Next(customer int32, at, from, to kequn.Instant, whole, fresh bool) []int32 {
	lo, hi := h.before(customer, at)
	end := h.Start[customer+1]
	a, _ := slices.BinarySearch(h.Time[lo:end], from)
	b, _ := slices.BinarySearch(h.Time[lo:end], to)
	begin, stop := lo+int32(a), lo+int32(b)
	if !whole {
		for k := begin; k < stop; k++ {
			if h.Visit[k] != h.Visit[begin] {
				stop = k
			}
		}
	}
	return h.values(lo, hi, begin, stop, fresh)
}

// values returns the distinct values of rows [from, to), sorted; with fresh, without those of rows [lo, hi).
func (h *History) values(lo, hi, from, to int32, fresh bool) []int32 {
	if from >= to {
		return nil
	}
	v := slices.Clone(h.Code[from:to])
	slices.Sort(v)
	v = slices.Compact(v)
	if fresh {
		v = slices.DeleteFunc(v, func(c int32) bool { return slices.Contains(h.Code[lo:hi], c) })
	}
	return v
}

// LastVisits returns, for each customer with two visits or more before the moment, when the last one began, sorted.
func (h *History) LastVisits(at kequn.Instant) []kequn.Instant {
	var out []kequn.Instant
	for c := range int32(h.NCustomers()) {
		if lo, hi := h.before(c, at); hi > lo && h.Visit[hi-1] != h.Visit[lo] {
			out = append(out, h.Time[hi-1])
		}
	}
	slices.Sort(out)
	return out
}
