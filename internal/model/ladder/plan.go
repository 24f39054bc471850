package ladder

import (
	"math"
	"slices"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
)

// Plan is what the ladder sets out to do. It follows from the shape of the data, the budget and the number of threads, not from
// the clock; replayed, it gives the same bytes.
type Plan struct {
	Facts   Facts   `json:"facts"`
	Inner   int     `json:"inner_folds"`      // parts that training rows are cut into, to choose and to calibrate
	InnerOf int     `json:"inner_folds_used"` // how many of the parts are held out in turn
	Heats   []Heat  `json:"heats,omitempty"`  // where time is short: families that cost much are tried on few rows first
	Steps   []Step  `json:"steps"`
	Seconds float64 `json:"seconds"`          // estimated
	Budget  float64 `json:"budget,omitempty"` // seconds; 0: none
}

// Heat is a round of successive halving (Jamieson, Talwalkar, 2016): families are trained on few rows, and the best go on.
type Heat struct {
	Rows    int     `json:"rows"` // to train on
	Keep    int     `json:"keep"` // how many go on
	Seconds float64 `json:"seconds"`
}

// Step is one rung in the plan.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"` // estimated
	Run     bool    `json:"run"`
	Heat    bool    `json:"heat,omitempty"` // it must come through the heats first
	Rule    string  `json:"rule"`           // which of the policy's criteria spoke: problem, size, compute, or asked
	Reason  Text    `json:"reason"`         // why it is run, or not
	Done    bool    `json:"done"`
}

// Text is a sentence in both languages.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// In returns the text in the language.
func (t Text) In(l kequn.Lang) string { return l.Pick(t.Zh, t.En) }

// The size of training tables from which on fewer inner parts do.
const (
	fewParts = 20_000 // from here on 3 instead of 5, and one part of them where there is a favourite: it has less to choose
	onePart  = 30_000 // from here on one part of 3 is held out, once
)

// The sizes of heats.
const (
	leastHeat = 2000 // rows: fewer tell little
	heatShare = 16   // the first heat has this fraction of the rows, each further one four times as many
	cheapCell = 0.5  // families that cost no more than this per million cells need no heat
)

// planShare is the part of the budget that may be planned for: the rest is for the final fit and for what the table of costs
// does not know.
const planShare = 0.8

// MakePlan returns the plan that [Run] sets out with: callers can see beforehand what a budget leaves room for.
func MakePlan(in Input, o Options) Plan { return makePlan(in, o) }

func makePlan(in Input, o Options) Plan {
	f := factsOf(in, o)
	p := Plan{Facts: f, Inner: 5, InnerOf: 5, Budget: o.Budget.Seconds()}
	switch {
	case f.Rows >= onePart || f.Rows >= fewParts && o.Favourite != "" && f.Task == kequn.Regression:
		p.Inner, p.InnerOf = 3, 1
	case f.Rows >= fewParts:
		p.Inner, p.InnerOf = 3, 3
	}
	var names []string
	for _, n := range rungs(in.Rungs) {
		names = append(names, n.Name)
	}
	for _, v := range Policy(f, names, o.Asked) {
		p.Steps = append(p.Steps, Step{Name: v.Name, Run: v.Try, Rule: v.Rule, Reason: v.Reason})
	}
	p.estimate(in, o)
	limit := o.Effort.Seconds()
	if p.Budget > 0 && (limit <= 0 || p.Budget*planShare < limit) {
		limit = p.Budget * planShare
	}
	if limit > 0 {
		p.fit(in, o, limit)
	}
	return p
}

// Enough tells whether the plan keeps to its budget without leaving out a rung that costs little.
func (p Plan) Enough() bool {
	if p.Budget > 0 && p.Seconds > planShare*p.Budget {
		return false
	}
	for _, s := range p.Steps {
		if !s.Run && s.Rule == "compute" && Cheap(s.Name) {
			return false
		}
	}
	return true
}

// fit makes the plan fit into the seconds: first fewer inner parts, then heats, then fewer rungs, the dearest first.
func (p *Plan) fit(in Input, o Options, limit float64) {
	for _, parts := range [][2]int{{3, 3}, {5, 1}} {
		if p.Seconds > limit && p.InnerOf > parts[1] {
			p.Inner, p.InnerOf = parts[0], parts[1]
			p.estimate(in, o)
		}
	}
	if p.Seconds <= limit {
		return
	}
	// A family that would take most of the time by itself is not worth a heat.
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Run && dear(s.Name, o) && s.Seconds > 0.6*limit {
			s.leaveOut(limit)
		}
	}
	p.estimate(in, o)
	if p.Seconds <= limit {
		return
	}
	p.plan(in, o, limit)
	for p.Seconds > limit {
		dearest := -1
		for i, s := range p.Steps {
			if s.Run && i > 1 && (dearest < 0 || s.Seconds > p.Steps[dearest].Seconds) {
				dearest = i
			}
		}
		if dearest < 0 {
			return
		}
		p.Steps[dearest].leaveOut(limit)
		p.estimate(in, o)
	}
}

func (s *Step) leaveOut(limit float64) {
	s.Run, s.Heat, s.Rule = false, false, "compute"
	s.Reason = text("预计需要 %.0f 秒，超出给定的 %.0f 秒", "would take about %.0f s of the %.0f s given", s.Seconds, limit)
}

// plan sets up heats for the families that cost much, such that the most that can go on fit into the seconds.
func (p *Plan) plan(in Input, o Options, limit float64) {
	var costs []float64
	for i := range p.Steps {
		s := &p.Steps[i]
		s.Heat = s.Run && dear(s.Name, o)
		if s.Heat {
			costs = append(costs, s.Seconds)
		}
	}
	slices.Sort(costs)
	for keep := len(costs) - 1; keep >= 1; keep-- {
		var heats []Heat
		rows := max(leastHeat, p.Facts.Rows/heatShare)
		for n := len(costs); n > keep && rows <= p.Facts.Rows/2; rows *= 4 {
			n = max(keep, (n+1)/2)
			heats = append(heats, Heat{Rows: rows, Keep: n})
		}
		if len(heats) == 0 {
			break // too few rows for heats
		}
		heats[len(heats)-1].Keep = keep
		p.Heats = heats
		if p.estimate(in, o); p.Seconds <= limit {
			return
		}
	}
	p.Heats = nil
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Heat {
			s.leaveOut(limit)
		}
	}
	p.estimate(in, o)
}

// dear tells whether a family costs so much that it must earn its place in a heat.
func dear(name string, o Options) bool {
	return !slices.Contains(o.Asked, name) && !Cheap(name)
}

// estimate fills in the seconds of the steps, of the heats and of the whole. Of the families in heats the dearest are taken to
// come through.
func (p *Plan) estimate(in Input, o Options) {
	threads := speedup(threadsOf(o))
	p.Seconds = 0
	var heated []float64
	for i := range p.Steps {
		s := &p.Steps[i]
		t := traitOf(s.Name)
		s.Seconds = 0
		for _, r := range in.Rounds {
			inner := min(innerRows, len(r.Train)*(p.Inner-1)/p.Inner)
			s.Seconds += t.seconds(len(r.Train), p.Facts.Columns, p.Facts.Classes) + float64(p.InnerOf)*t.seconds(inner, p.Facts.Columns, p.Facts.Classes)
		}
		s.Seconds /= threads
		switch {
		case !s.Run:
		case s.Heat && len(p.Heats) > 0:
			heated = append(heated, s.Seconds)
		default:
			p.Seconds += s.Seconds
		}
	}
	if len(p.Heats) == 0 {
		return
	}
	left := len(heated)
	for h := range p.Heats {
		heat := &p.Heats[h]
		heat.Seconds = 0
		var each []float64
		for _, s := range p.Steps {
			if s.Run {
				t := traitOf(s.Name)
				c := float64(len(in.Rounds)) * t.seconds(heat.Rows, p.Facts.Columns, p.Facts.Classes) / threads
				if s.Heat {
					each = append(each, c)
				} else {
					heat.Seconds += c
				}
			}
		}
		slices.Sort(each)
		for _, c := range each[len(each)-min(left, len(each)):] {
			heat.Seconds += c
		}
		left = heat.Keep
		p.Seconds += heat.Seconds
	}
	slices.Sort(heated)
	for _, c := range heated[len(heated)-min(left, len(heated)):] {
		p.Seconds += c
	}
}

// speedup is what threads give: not quite their number.
func speedup(threads int) float64 { return math.Pow(float64(threads), 0.9) }

func threadsOf(o Options) int { return kernel.Threads(o.Threads) }

// rungs puts the constant before the given ones.
func rungs(given []model.Named) []model.Named {
	out := []model.Named{{Name: BaseName, Learner: Base{}}}
	for _, n := range given {
		if n.Name != BaseName {
			out = append(out, n)
		}
	}
	return out
}

// rarer returns the number of training rows of the rarer class.
func rarer(in Input) int {
	least := len(in.Y.Y)
	for _, r := range in.Rounds {
		yes := 0
		for _, i := range r.Train {
			if in.Y.Y[i] == 1 {
				yes++
			}
		}
		least = min(least, yes, len(r.Train)-yes)
	}
	return least
}

// deadline returns when rungs must have ended, so that the final fit still has its share.
func (r *Result) deadline() (time.Time, bool) {
	if r.o.Budget <= 0 || r.o.Plan != nil {
		return time.Time{}, false
	}
	left := r.o.Budget
	if r.o.Left > 0 {
		left = r.o.Left
	}
	return r.began.Add(left * 85 / 100), true
}
