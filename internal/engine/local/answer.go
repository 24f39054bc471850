package local

import (
	"fmt"
	"slices"
	"sort"

	"kequn"
	"kequn/internal/query"
)

// answer is rows of one source that rows of another may follow: query.Answered and query.Unanswered.
type answer struct {
	rows, then seqPart // one filter each
	within     kequn.Span
	outs       []answerOut
}

type answerOut struct {
	fn     query.Fn
	window int // of the rows' source
	slot   int
}

// answer compiles an aggregate over rows of two datasets and returns its slot.
func (c *compiler) answer(a *query.Agg) (int, error) {
	switch {
	case a.Window.Ahead:
		return 0, kequn.Errorf(kequn.KindPlan, "", "%s looks back only: an answer must come before the cutoff", a.Fn)
	case a.Then == nil || a.Within.IsZero() || a.Column != "" || a.Hit != nil:
		return 0, kequn.Errorf(kequn.KindPlan, "", "%s of dataset %q takes rows that answer and a duration, and no column", a.Fn, a.Dataset)
	}
	part := func(dataset string, w query.Window, where *query.Node) (seqPart, error) {
		s, err := c.source(dataset)
		if err != nil {
			return seqPart{}, err
		}
		f, err := c.filter(s, where)
		return seqPart{source: slices.Index(c.sources, s), window: s.past.window(w), filters: []int{f}}, err
	}
	rows, err := part(a.Dataset, a.Window, a.Where)
	if err != nil {
		return 0, err
	}
	then, err := part(a.Then.Dataset, query.Window{}, a.Then.Where)
	if err != nil {
		return 0, err
	}
	window := rows.window
	rows.window = -1
	key := fmt.Sprint("answer", rows, then, a.Within)
	at, ok := c.answerAt[key]
	if !ok {
		at = len(c.answers)
		c.answerAt[key] = at
		c.answers = append(c.answers, &answer{rows: rows, then: then, within: a.Within})
	}
	set := c.answers[at]
	for _, o := range set.outs {
		if o.fn == a.Fn && o.window == window {
			return o.slot, nil
		}
	}
	slot := c.slot(slotDef{})
	set.outs = append(set.outs, answerOut{a.Fn, window, slot})
	return slot, nil
}

// answer computes its slots for the block.
func (w *worker) answer(s *answer) {
	past := sequence{} // rowsOf wants to know that windows look back
	rows, then := w.blocks[s.rows.source], w.blocks[s.then.source]
	bits := func(b *rowBlock, filter int) []bool {
		if filter < 0 {
			return nil
		}
		return b.filters.vecs[filter].bit
	}
	meets, answers := bits(rows, s.rows.filters[0]), bits(then, s.then.filters[0])
	for k := range w.p.cutoffs {
		for i := range w.nCustomers {
			for _, o := range s.outs {
				part := s.rows
				part.window = o.window
				v, lo, hi := w.rowsOf(&past, &part, k, i)
				tv, at, end := w.rowsOf(&past, &s.then, k, i)
				if lo < hi {
					at += int32(sort.Search(int(end-at), func(n int) bool { return tv.time[int(at)+n] >= v.time[lo] }))
				}
				answered, since := 0, 0
				for r := lo; r < hi; r++ {
					if meets != nil && !meets[v.row(r)] {
						continue
					}
					for at < end && (tv.time[at] < v.time[r] || answers != nil && !answers[tv.row(at)]) {
						at++
					}
					since++
					if at < end && tv.time[at] < w.after(s.within, v.time[r]) {
						answered++
						since = 0
					}
				}
				x := answered
				if o.fn == query.Unanswered {
					x = since
				}
				w.num(o.slot)[k*w.nCustomers+i] = float64(x)
			}
		}
	}
}

// row returns the row of the block that is row r of the view.
func (v *view) row(r int32) int32 {
	if v.rows == nil {
		return r
	}
	return v.rows[r]
}
