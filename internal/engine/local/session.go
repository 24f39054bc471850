package local

import (
	"math"

	"kequn/internal/query"
)

// minuteMicros is a minute in the unit of instants.
const minuteMicros = 60_000_000

// sessionRows says where sessions begin: how many rows before each row begin one after a pause, and which rows those are.
//
// Rows of all customers lie one after the other, so a customer's first row may or may not count as a beginning; windows
// never ask, for their first row always begins a session.
func (f *folder) sessionRows() {
	if f.begun != nil {
		return
	}
	w, v := f.b.w, f.v
	f.begun, f.opening = w.i32.get(v.n+1), w.i32.get(v.n)
	n := int32(0)
	for r := range v.n {
		f.begun[r] = n
		if r > 0 && v.time[r]-v.time[r-1] > sessionPause {
			f.opening[n] = int32(r)
			n++
		}
	}
	f.begun[v.n] = n
}

// firstEnd returns the end of the first session of rows [a, b), which are not none.
func (f *folder) firstEnd(a, b int32) int32 {
	if n := f.begun[a+1]; n < f.begun[f.v.n] {
		return min(f.opening[n], b)
	}
	return b
}

func (f *folder) sessions(o op) {
	f.sessionRows()
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = 0
			if b > a {
				out[i] = float64(f.begun[b] - f.begun[a+1] + 1)
			}
		}
	})
}

// sessionMinutes adds up the time between consecutive rows of a session: the mean is a difference of running sums.
func (f *folder) sessionMinutes(o op) {
	f.sessionRows()
	v := f.v
	inside := f.b.w.i64.get(v.n + 1) // inside[r] is the time within sessions up to row r
	total := int64(0)
	for r := range v.n {
		if r > 0 {
			if gap := v.time[r] - v.time[r-1]; gap >= 0 && gap <= sessionPause {
				total += gap
			}
		}
		inside[r] = total
	}
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = math.NaN()
			if b > a {
				out[i] = float64(inside[b-1]-inside[a]) / float64(f.begun[b]-f.begun[a+1]+1) / minuteMicros
			}
		}
	})
}

func (f *folder) sessionLongest(o op) {
	f.sessionRows()
	time := f.v.time
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = math.NaN()
			if a == b {
				continue
			}
			end := f.firstEnd(a, b)
			longest := time[end-1] - time[a]
			for n := f.begun[a+1]; end < b; n++ {
				from := end
				end = b
				if n+1 < f.begun[b] {
					end = f.opening[n+1]
				}
				longest = max(longest, time[end-1]-time[from])
			}
			out[i] = float64(longest) / minuteMicros
		}
	})
}

// hitRows are counts among the rows before each row: of rows that meet a condition, of those that are the first of their
// session to meet it, and of those that are the newest of their session.
type hitRows struct{ hits, first, newest []int32 }

func (f *folder) hitRows(hit int) hitRows {
	w, v := f.b.w, f.v
	out := hitRows{w.i32.get(v.n + 1), w.i32.get(v.n + 1), w.i32.get(v.n + 1)}
	var bits []bool
	if hit >= 0 {
		bits = f.b.filters.vecs[hit].bit
	}
	var hits, first, newest int32
	for i := range f.nc {
		seen := false
		for r, end := v.start[i], v.start[i+1]; r < end; r++ {
			out.hits[r], out.first[r], out.newest[r] = hits, first, newest
			if r > v.start[i] && v.time[r]-v.time[r-1] > sessionPause {
				seen = false
			}
			if bits != nil && !bits[f.row(r)] {
				continue
			}
			hits++
			if !seen {
				first++
				seen = true
			}
			if r+1 == end || v.time[r+1]-v.time[r] > sessionPause {
				newest++
			}
		}
	}
	out.hits[v.n], out.first[v.n], out.newest[v.n] = hits, first, newest
	return out
}

// sessionHits counts sessions with a row that meets a condition, or whose newest row does. The window may cut into its first
// and its last session: of the first it sees the rows from a on, of the last the row before b is the newest.
func (f *folder) sessionHits(o op) {
	f.sessionRows()
	h := f.hitRows(o.hit)
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = 0
			switch {
			case a == b:
			case o.fn == query.SessionsWith:
				end := f.firstEnd(a, b)
				n := h.first[b] - h.first[end]
				if h.hits[end] > h.hits[a] {
					n++
				}
				out[i] = float64(n)
			default:
				n := h.newest[b-1] - h.newest[a]
				if h.hits[b] > h.hits[b-1] {
					n++
				}
				out[i] = float64(n)
			}
		}
	})
}
