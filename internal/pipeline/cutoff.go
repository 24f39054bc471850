package pipeline

import (
	"slices"
	"time"

	"kequn"
)

// Cutoffs is where a goal is learnt, judged and asked. Outcome windows do not overlap the future:
//
//	 learn   learn   learn        judge         judge              ask
//	───┼───────┼───────┼─ gap+horizon ┼─ gap+horizon ┼─ gap+horizon ──┼────▶ time
//	                                                                  now
//
// Each learning cutoff's outcome ends by the judging cutoff it is learnt for, and a judging cutoff's outcome ends by the next one
// or the asking one, so that nothing judged or asked was seen while learning. An earlier judging cutoff is learnt from for the
// later ones.
type Cutoffs struct {
	Learn []kequn.Cutoff // before the last judging one, oldest first
	Judge kequn.Cutoff   // the last judging one
	Ask   kequn.Cutoff

	// Rounds are the judging cutoffs, the last first, with what is learnt from for each, as places in All. Their outcome
	// windows do not overlap, so that what differs between them is noise and time, not one window seen twice.
	Rounds []CutoffRound

	// Within is the horizon that is learnt. It is shorter than the goal's where history is too short for that one.
	Within kequn.Span

	// SameTime is set where history is too short for a cutoff to learn at before the judging one: the rungs are then
	// judged on other customers at the same cutoff, not on later time.
	SameTime bool
}

// CutoffRound is one judging cutoff and those learnt from for it, as places in [Cutoffs.All].
type CutoffRound struct {
	Learn []int
	Judge int
}

// All returns the learning cutoffs and the judging one.
func (c Cutoffs) All() []kequn.Cutoff { return append(slices.Clone(c.Learn), c.Judge) }

// Judged returns the judging cutoffs, oldest first.
func (c Cutoffs) Judged() []kequn.Cutoff {
	all, out := c.All(), []kequn.Cutoff{}
	for _, r := range c.Rounds {
		out = append(out, all[r.Judge])
	}
	slices.Reverse(out)
	return out
}

// KnownBy returns for each cutoff of All when its outcome must have been known to be learnt from: by the first judging cutoff
// that it is learnt for, or by the asking one.
func (c Cutoffs) KnownBy() []kequn.Instant {
	all := c.All()
	out := make([]kequn.Instant, len(all))
	for i := range out {
		out[i] = c.Ask
	}
	for _, r := range c.Rounds { // the last first
		for _, i := range r.Learn {
			out[i] = all[r.Judge]
		}
	}
	return out
}

const (
	// maxLearn is the most learning cutoffs of a judging one: each further one repeats the same customers a little earlier.
	maxLearn = 4
	// maxJudge is the most judging cutoffs. Each costs another climb of the ladder.
	maxJudge = 2
)

// minHistory is how many days of history a cutoff needs before it: without any, every feature is empty.
const minHistory = 28

// ChooseCutoffs picks cutoffs for a goal with a gap and horizon, asked at ask, from data that begins at first.
//
// Learning cutoffs are spaced by the shorter of the horizon and 30 days, but at least 7. All are in phase with the asking one:
// on its day of the week where the horizon is short (a week's days differ, and a month has four or five of each), and on the
// first of a month where that is asked on (salaries, statements, budgets). Where not even one outcome window of history lies
// before ask, ok is false.
func ChooseCutoffs(first kequn.Instant, ask kequn.Cutoff, gap, within kequn.Span, zone *time.Location) (c Cutoffs, ok bool) {
	p := phase{ask: ask, gap: gap, within: within, zone: zone}
	c.Ask, c.Within, c.Judge = ask, within, p.back(ask)
	if c.Judge <= first { // in phase there is no room
		c.Judge = p.before(ask)
	}
	if c.Judge <= first {
		return c, false
	}
	begin := kequn.Days(minHistory).After(first, zone)
	if c.Judge < begin {
		begin = first + (c.Judge-first)/3 // little history: take what there is
	}
	step := kequn.Days(min(30, max(7, int(within.Duration()/kequn.Day))))
	there := func(t kequn.Instant) bool { return t >= begin && t > first }
	for t := p.back(c.Judge); len(c.Learn) < maxLearn && there(t); t = p.align(step.Before(t, zone)) {
		c.Learn = append(c.Learn, t)
	}
	// What earlier judging cutoffs learn from.
	for t, n := c.Judge, 0; n < maxJudge && len(c.Learn) > 0; n++ {
		if t = p.back(t); there(t) {
			c.Learn = append(c.Learn, t)
		}
	}
	slices.Sort(c.Learn)
	c.Learn = slices.Compact(c.Learn)
	c.SameTime = len(c.Learn) == 0
	c.Rounds = p.rounds(c)
	return c, true
}

// rounds finds the judging cutoffs and what is learnt from for each.
func (p phase) rounds(c Cutoffs) []CutoffRound {
	all := c.All()
	var out []CutoffRound
	for judge := len(all) - 1; judge >= 0 && len(out) < maxJudge; {
		r := CutoffRound{Judge: judge}
		next := -1
		for i := judge - 1; i >= 0; i-- {
			if p.end(all[i]) > all[judge] {
				continue
			}
			next = max(next, i)
			if len(r.Learn) <= maxLearn {
				r.Learn = append(r.Learn, i)
			}
		}
		if r.Learn == nil && len(out) > 0 {
			break
		}
		slices.Sort(r.Learn)
		out = append(out, r)
		judge = next
	}
	return out
}

// phase is how cutoffs are stepped through: so that outcomes end in time, and in step with the asking one.
type phase struct {
	ask         kequn.Cutoff
	gap, within kequn.Span
	zone        *time.Location
}

// end returns when the outcome of a cutoff is over.
func (p phase) end(t kequn.Cutoff) kequn.Instant {
	return p.within.After(p.gap.After(t, p.zone), p.zone)
}

// before returns a cutoff whose outcome ends by t. Days taken and added again may differ by an hour over a clock change.
func (p phase) before(t kequn.Instant) kequn.Cutoff {
	c := p.gap.Before(p.within.Before(t, p.zone), p.zone)
	for p.end(c) > t {
		c -= p.end(c) - t
	}
	return c
}

// back returns the newest cutoff in phase whose outcome ends by t.
func (p phase) back(t kequn.Instant) kequn.Cutoff { return p.align(p.before(t)) }

// shortHorizon is the horizon in days from which on every window holds all days of the week about alike.
const shortHorizon = 28

// align returns the newest instant in phase with the asking cutoff that is not after t.
func (p phase) align(t kequn.Instant) kequn.Instant {
	asked, at := p.wall(p.ask), p.wall(t)
	days := 0
	switch length := p.gap.Duration() + p.within.Duration(); {
	case length%kequn.Day != 0 || length == 0: // hours are of no day
		return t
	case length < shortHorizon*kequn.Day:
		days = (int(at.Weekday()) - int(asked.Weekday()) + 7) % 7
	case asked.Day() == 1 && asked.Hour() == 0:
		days = at.Day() - 1
	}
	return kequn.Days(days).Before(t, p.zone)
}

func (p phase) wall(t kequn.Instant) time.Time {
	zone := p.zone
	if zone == nil {
		zone = time.UTC
	}
	return time.UnixMicro(int64(t)).In(zone)
}

// maxStretch is how many times as long as the history the horizon may be that is learnt within a shorter time. Who does a thing within a month tells who does it
// within a quarter; of the coming ten years it tells nothing.
const maxStretch = 3

// Shorter is where to learn a goal for whose horizon history is too short: a third of the history goes to features, one to what is
// learnt from and one to judging. Who does a thing within that time is mostly who does it within the longer one; how many do,
// nobody can know yet. ok is false where a third is less than a week, or the history shorter than a third of the horizon.
func Shorter(first kequn.Instant, ask kequn.Cutoff, gap, within kequn.Span, zone *time.Location) (c Cutoffs, ok bool) {
	history := ask - first - 2*kequn.Instant(gap.Duration().Microseconds())
	days := int(history / kequn.Instant(3*kequn.Day/time.Microsecond))
	if days < 7 || history*maxStretch < kequn.Instant(within.Duration().Microseconds()) {
		return c, false
	}
	if days >= 14 {
		days -= days % 7 // whole weeks
	}
	c, ok = ChooseCutoffs(first, ask, gap, kequn.Days(days), zone)
	return c, ok && !c.SameTime
}

// shorterFrom returns when [Shorter] first has history enough.
func shorterFrom(first kequn.Instant, gap, within kequn.Span, zone *time.Location) kequn.Instant {
	days := max(3*7, int((within.Duration()+maxStretch*kequn.Day-1)/(maxStretch*kequn.Day)))
	return kequn.Days(days).After(gap.After(gap.After(first, zone), zone), zone)
}

// needed returns when there is history enough to learn a goal's own horizon and judge it on later time.
func needed(first kequn.Instant, gap, within kequn.Span, zone *time.Location) kequn.Instant {
	t := kequn.Days(minHistory).After(first, zone)
	for range 2 {
		t = within.After(gap.After(t, zone), zone)
	}
	return t
}
