package local

import (
	"math"

	"kequn/internal/query"
	"kequn/internal/table"
)

// Values of the calendar that rows are counted by.

// hours and weekdays are how many different values there are.
const (
	hours    = 24
	weekdays = 7
)

// dayRows returns the rows that begin a day; day number n (as nDays counts) begins at the n-th of them.
func (f *folder) dayRows() []int32 {
	if f.dayBegins == nil {
		f.calendar()
		f.dayBegins = f.b.w.i32.get(f.v.n)
		n := 0
		for r, begins := range f.newDay[:f.v.n] {
			if begins {
				f.dayBegins[n] = int32(r)
				n++
			}
		}
	}
	return f.dayBegins
}

// recentGaps answers for the newest gaps between active days, and for the longest.
func (f *folder) recentGaps(o op) {
	rows := f.dayRows()
	day := func(n int32) int32 { return f.days[rows[n]] }
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = math.NaN()
			if a == b {
				continue
			}
			first, last := f.nDays[a], f.nDays[b]-1
			if !f.newDay[a] {
				first--
			}
			if first == last {
				continue
			}
			switch o.fn {
			case query.GapLast:
				out[i] = float64(day(last) - day(last-1))
			case query.GapRecent:
				n := min(recentGaps, last-first)
				out[i] = float64(day(last)-day(last-n)) / float64(n)
			default:
				longest := int32(0)
				for n := first; n < last; n++ {
					longest = max(longest, day(n+1)-day(n))
				}
				out[i] = float64(longest)
			}
		}
	})
}

// recentGaps is how many gaps GapRecent averages.
const recentGaps = 3

// season is the share of rows in the cutoff's month or quarter.
func (f *folder) season(o op) {
	w, v := f.b.w, f.v
	if f.months == nil {
		f.calendar()
		f.months = w.i32.get(v.n)
		last, month := int32(math.MinInt32), int32(0)
		for r, d := range f.days[:v.n] {
			if d != last {
				_, m, _ := civil(int64(d))
				last, month = d, int32(m)
			}
			f.months[r] = month
		}
	}
	per := int32(1)
	if o.fn == query.SameQuarter {
		per = 3
	}
	var before [12][]int32 // by the cutoffs' months or quarters
	f.span(o, func(lo, hi []int32, out []float64, k int) {
		want := (w.p.moments[k].month() - 1) / per
		if before[want] == nil {
			count := w.i32.get(v.n + 1)
			n := int32(0)
			for r, m := range f.months[:v.n] {
				count[r] = n
				if (m-1)/per == want {
					n++
				}
			}
			count[v.n] = n
			before[want] = count
		}
		count := before[want]
		for i := range out {
			a, b := lo[i], hi[i]
			out[i] = math.NaN()
			if b > a {
				out[i] = float64(count[b]-count[a]) / float64(b-a)
			}
		}
	})
}

// month returns the moment's month, from 1.
func (m civilMoment) month() int32 { return int32(m.within / dayMicros / 32) }

// clock walks for the entropy of hours or of weekdays.
func (f *folder) clock(walks []walk, weekday bool) {
	v, all := f.v, f.b.walls()
	code := f.b.w.i32.get(v.n)
	for r := range int32(v.n) {
		wall := all[f.row(r)]
		day := floorDiv(wall, dayMicros)
		if weekday {
			code[r] = int32((day%weekdays + weekdays) % weekdays)
		} else {
			code[r] = int32((wall - day*dayMicros) / hourMicros)
		}
	}
	f.tallyKinds(walks, code, (*table.Dict)(nil), hours)
}

// fresh counts the values that a customer's rows show for the first time.
func (f *folder) fresh(o op) {
	w, v := f.b.w, f.v
	if f.firsts == nil {
		col := f.b.text(f.cg.ref)
		code := col.code
		if v.rows != nil {
			code = gather(w.i32.get(v.n), col.code, v.rows)
		}
		f.firsts = w.i32.get(v.n + 1)
		seen := w.seen(w.nCodes(col))
		n := int32(0)
		for i := range f.nc {
			w.nextEpoch()
			for r, end := v.start[i], v.start[i+1]; r < end; r++ {
				f.firsts[r] = n
				if c := code[r]; seen[c] != w.epoch {
					seen[c] = w.epoch
					n++
				}
			}
		}
		f.firsts[v.n] = n
	}
	f.span(o, func(lo, hi []int32, out []float64, _ int) {
		for i := range out {
			out[i] = float64(f.firsts[hi[i]] - f.firsts[lo[i]])
		}
	})
}
