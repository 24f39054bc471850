package pipeline

import (
	"slices"
	"time"

	"kequn"
)

// Cutoffs is where a goal is learnt, judged and asked. Outcome windows do not overlap the future:
//
//	 learn   learn   learn        judge              ask
//	───┼───────┼───────┼─ gap+horizon ┼─ gap+horizon ────┼────▶ time
//	                                                     now
//
// Each learning cutoff's outcome ends by the judging cutoff, and the judging cutoff's outcome ends by the asking one,
// so that nothing judged or asked was seen while learning.
type Cutoffs struct {
	Learn []kequn.Cutoff // oldest first
	Judge kequn.Cutoff
	Ask   kequn.Cutoff

	// SameTime is set where history is too short for a cutoff to learn at before the judging one: the rungs are then
	// judged on other customers at the same cutoff, not on later time.
	SameTime bool
}

// All returns the learning cutoffs and the judging one.
func (c Cutoffs) All() []kequn.Cutoff { return append(slices.Clone(c.Learn), c.Judge) }

// maxLearn is the most learning cutoffs: each further one repeats the same customers a little earlier.
const maxLearn = 4

// minHistory is how much history a learning cutoff needs before it: without any, every feature is empty.
const minHistory = 28

// ChooseCutoffs picks cutoffs for a goal with a gap and horizon, asked at ask, from data that begins at first.
// Learning cutoffs are spaced by the shorter of the horizon and 30 days, but at least 7.
// Where not even one outcome window of history lies before ask, ok is false.
func ChooseCutoffs(first kequn.Instant, ask kequn.Cutoff, gap, within kequn.Span, zone *time.Location) (c Cutoffs, ok bool) {
	back := func(t kequn.Instant) kequn.Instant { return gap.Before(within.Before(t, zone), zone) }
	c.Ask, c.Judge = ask, back(ask)
	begin := kequn.Days(minHistory).After(first, zone)
	if c.Judge < begin {
		begin = first + (c.Judge-first)/3 // little history: take what there is
	}
	if c.Judge <= first {
		return c, false
	}
	step := kequn.Days(min(30, max(7, int(within.Duration()/kequn.Day))))
	for t := back(c.Judge); len(c.Learn) < maxLearn && t >= begin && t > first; t = step.Before(t, zone) {
		c.Learn = append(c.Learn, t)
	}
	slices.Reverse(c.Learn)
	c.SameTime = len(c.Learn) == 0
	return c, true
}
