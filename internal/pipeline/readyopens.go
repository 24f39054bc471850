package pipeline

import (
	"context"
	"fmt"
	"sort"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/model/ladder"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// ReadyOpen is something that becomes possible with more data: what, what it needs, and how much of that there is.
type ReadyOpen struct {
	What  string `json:"what"`
	Unit  string `json:"unit"` // days, customers, positives, contacts
	Needs int64  `json:"needs"`
	Has   int64  `json:"has"`
	More  int64  `json:"more"`
	Text  string `json:"text"`
}

// The units of what is needed.
const (
	unitDays      = "days"
	unitCustomers = "customers"
	unitPositives = "positives"
	unitContacts  = "contacts"
)

// opening says what opens with more of a unit.
func (s *Shop) opening(what, unit string, needs, has int64, at kequn.Instant, v *view) ReadyOpen {
	o := ReadyOpen{What: what, Unit: unit, Needs: needs, Has: has, More: max(0, needs-has)}
	words := map[string][2]string{unitDays: {"天历史", "days of history"}, unitCustomers: {"位客户", "customers"}, unitPositives: {"位少数一方的客户", "customers of the rarer answer"}, unitContacts: {"次随机触达（含对照）", "randomised contacts, controls included"}} // looked up only
	o.Text = fmt.Sprintf(s.Lang.Pick("%s：还需 %d %s", "%s: %d more %s"), what, o.More, s.Lang.Pick(words[unit][0], words[unit][1]))
	if unit == unitDays {
		o.Text += fmt.Sprintf(s.Lang.Pick("（约 %s）", " (about %s)"), day(kequn.Days(int(o.More)).After(at, v.zone), v))
	}
	return o
}

// maxWait bounds what is looked for: nobody waits longer.
const maxWait = 20 * 366

// daysUntil returns after how many more days of history something about the cutoffs of a goal holds, −1 if never.
func daysUntil(first kequn.Instant, ask kequn.Cutoff, g plan.Goal, v *view, holds func(c Cutoffs, ok bool) bool) int {
	// Later asking with the same beginning is the same as an earlier beginning, but for the calendar.
	n := sort.Search(maxWait, func(d int) bool {
		return holds(ChooseCutoffs(first, kequn.Days(d).After(ask, v.zone), g.Gap, g.Within, v.zone))
	})
	if n == maxWait {
		return -1
	}
	return n
}

// historyOpens tells what more history would open for a goal: an answer at all, judging on later time, learning from several
// moments.
func (s *Shop) historyOpens(v *view, first kequn.Instant, g plan.Goal, ask kequn.Cutoff) []ReadyOpen {
	if g.Within.IsZero() {
		return nil
	}
	has := int64((ask - first) / kequn.Instant(microsPerDay))
	var out []ReadyOpen
	for _, x := range []struct {
		zh, en string
		holds  func(c Cutoffs, ok bool) bool
	}{
		{"可以作答", "an answer", func(c Cutoffs, ok bool) bool { return ok || s.shortened(first, c.Ask, g, v) }},
		{"可按完整的效果期学习，并用更晚的时间评判", "learnt within the whole horizon and judged on later time", func(c Cutoffs, ok bool) bool { return ok && !c.SameTime }},
		{"从多个时刻学习", "learnt from several moments", func(c Cutoffs, ok bool) bool { return ok && len(c.Learn) >= maxLearn }},
	} {
		if d := daysUntil(first, ask, g, v, x.holds); d > 0 {
			out = append(out, s.opening(s.Lang.Pick(x.zh, x.en), unitDays, has+int64(d), has, ask, v))
			break // one step at a time
		}
	}
	return out
}

// shortened tells whether a goal can be learnt within a shorter time than its horizon.
func (s *Shop) shortened(first kequn.Instant, ask kequn.Cutoff, g plan.Goal, v *view) bool {
	ok := false
	switch {
	case isValue(g):
		_, ok = s.cutoffsOfValue(first, ask, g, v)
	case g.Event != "":
		_, ok = Shorter(first, ask, g.Gap, g.Within, v.zone)
	}
	return ok
}

const microsPerDay = 24 * 3600 * 1_000_000

// rowOpens tells what more customers would open for a goal: an answer, then the first model of the ladder that is not tried yet.
// rows and rarer are those of the training cutoffs; judged the rarer answers of the judging one.
func (s *Shop) rowOpens(v *view, t *study, rows, rarer, judged int, ask kequn.Cutoff) []ReadyOpen {
	if t.y.Task == kequn.Binary {
		if rarer < minLearn || judged < minJudge {
			needs, has := minLearn, rarer
			if minJudge-judged > needs-has {
				needs, has = minJudge, judged
			}
			return []ReadyOpen{s.opening(s.Lang.Pick("可以作答", "an answer"), unitPositives, int64(needs), int64(has), ask, v)}
		}
	} else if rows < 2*minLearn {
		return []ReadyOpen{s.opening(s.Lang.Pick("可以作答", "an answer"), unitCustomers, 2*minLearn, int64(rows), ask, v)}
	}
	var names []string
	for _, l := range s.Learners {
		names = append(names, l.Name)
	}
	columns := 0
	if t.panel != nil && t.panel.X != nil {
		columns = len(t.panel.X.Columns)
	}
	facts := func(factor float64) ladder.Facts {
		return ladder.Facts{Task: t.y.Task, Rows: int(float64(rows) * factor), Rarer: int(float64(rarer) * factor), Columns: columns, Threads: s.Threads}
	}
	tried := func(name string, factor float64) bool {
		for _, verdict := range ladder.Policy(facts(factor), names, nil) {
			if verdict.Name == name {
				return verdict.Try
			}
		}
		return false
	}
	var out []ReadyOpen
	best, at := "", 0.0
	for _, name := range names {
		if tried(name, 1) || rows == 0 {
			continue
		}
		const steps = 400 // of 5 %, up to some hundred million times as many
		k := sort.Search(steps, func(k int) bool { return tried(name, grown(k)) })
		if k < steps && (best == "" || grown(k) < at) {
			best, at = name, grown(k)
		}
	}
	if best == "" {
		return nil
	}
	what := fmt.Sprintf(s.Lang.Pick("模型 %s", "the model %s"), best)
	if t.y.Task == kequn.Binary && !triedByRows(facts(1), names, best, facts(at).Rows) {
		// The fewest of the rarer answer, found exactly.
		needs := sort.Search(int(float64(rarer)*at)+2, func(n int) bool {
			f := facts(at)
			f.Rarer = n
			for _, verdict := range ladder.Policy(f, names, nil) {
				if verdict.Name == best {
					return verdict.Try
				}
			}
			return false
		})
		return append(out, s.opening(what, unitPositives, int64(needs), int64(rarer), ask, v))
	}
	needs := sort.Search(int(float64(rows)*at)+2, func(n int) bool { return triedByRows(facts(at), names, best, n) })
	return append(out, s.opening(what, unitCustomers, int64(needs), int64(rows), ask, v))
}

// triedByRows tells whether more rows alone would open a model.
func triedByRows(f ladder.Facts, names []string, name string, rows int) bool {
	f.Rows = rows
	for _, verdict := range ladder.Policy(f, names, nil) {
		if verdict.Name == name {
			return verdict.Try
		}
	}
	return false
}

// grown returns the factor of the k-th step of growth.
func grown(k int) float64 {
	x := 1.0
	for range k {
		x *= 1.05
	}
	return x
}

// populationEffect says how many customers a goal's population leaves of all who could be asked about at the judging cutoff.
func (s *Shop) populationEffect(ctx context.Context, v *view, g plan.Goal, who *query.Node, judge kequn.Cutoff) (of, left int, err error) {
	if who == nil {
		return 0, 0, nil
	}
	p, err := engine.Collect(ctx, s.Engine, v.data, engine.Request{Cutoffs: []kequn.Cutoff{judge}, Zone: v.zone, Rules: []engine.Rule{{Name: g.Name, Node: who}}, Threads: s.Threads})
	if err != nil {
		return 0, 0, err
	}
	for _, in := range p.Rules[0] {
		if in {
			left++
		}
	}
	return p.NRows(), left, nil
}

// horizonOpens tells from when on the usual long horizons can be asked about.
func (s *Shop) horizonOpens(v *view, first kequn.Instant, ask kequn.Cutoff) []ReadyOpen {
	has := int64((ask - first) / kequn.Instant(microsPerDay))
	name := ""
	for _, d := range v.datasets {
		if d.Rows > 0 && (d.Role == kequn.Orders || name == "" && (d.Role == kequn.Items || d.Role == kequn.Events)) {
			name = d.Name
		}
	}
	var out []ReadyOpen
	for _, days := range []int{90, 180, 365} {
		g := plan.Goal{Name: name, Within: kequn.Days(days)}
		if d := daysUntil(first, ask, g, v, func(c Cutoffs, ok bool) bool { return ok && !c.SameTime }); d > 0 {
			what := fmt.Sprintf(s.Lang.Pick("%[2]s内的 %[1]s（金额或次数）", "%s within %s (whether, how many, how much)"), name, spanWords(kequn.Days(days), s.Lang))
			out = append(out, s.opening(what, unitDays, has+int64(d), has, ask, v))
			break
		}
	}
	return out
}

// sizes returns the rows to learn from, the rarer answer among them, and the rarer answer of those to judge on: of the round with
// the fewest. Without rounds all are 0.
func (t *study) sizes() (rows, rarer, judged int) {
	few := func(list []int32) int {
		yes := 0
		for _, i := range list {
			yes += int(t.y.Y[i])
		}
		return min(yes, len(list)-yes)
	}
	for i, r := range t.rounds {
		n, a, b := len(r.Train), 0, 0
		if t.y.Task == kequn.Binary {
			a, b = few(r.Train), few(r.Test)
		}
		if i == 0 || a < rarer || a == rarer && n < rows {
			rows, rarer, judged = n, a, b
		}
	}
	return rows, rarer, judged
}
