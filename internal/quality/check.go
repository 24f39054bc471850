package quality

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
)

// Check proposes rules, takes those of the plan, and judges all of them in one pass over the data. A rule of the plan replaces
// the proposed one of its name; level off switches it off. The same data give the same report for any number of threads.
func Check(ctx context.Context, data engine.Data, o Options) (*Report, error) {
	sc := &scan{o: o}
	if err := sc.prepare(ctx, data); err != nil {
		return nil, err
	}
	own, err := sc.own()
	if err != nil {
		return nil, err
	}
	if err := sc.markAhead(own); err != nil {
		return nil, err
	}
	if err := sc.run(ctx, data); err != nil {
		return nil, err
	}
	rep := &Report{scan: sc, data: data}
	for _, t := range sc.tallies {
		rep.Rows += t.total()
	}
	rep.judge(own)
	return rep, nil
}

// own returns the plan's rules, checked.
func (sc *scan) own() (map[string]Rule, error) {
	out := map[string]Rule{}
	for _, q := range sc.o.Rules {
		r := Rule{Quality: q}
		if r.Level == "" {
			r.Level = Warn
		}
		out[q.Name] = r
		if r.Level == Off || !sc.wanted(r.Dataset) {
			continue
		}
		if sc.setOf(r.Dataset) == nil {
			continue // not loaded yet
		}
		k := kindNamed(r.Check)
		at := plan.FileName + ": quality: " + q.Name
		if k == nil {
			return nil, kequn.Errorf(kequn.KindPlan, at, "there is no check %q", r.Check).WithHint("checks are %s", kindNames())
		}
		if k.needs != nil {
			if missing := k.needs(&r); missing != "" {
				return nil, kequn.Errorf(kequn.KindPlan, at, "check %s needs %s", r.Check, missing).WithHint("docs/quality.md says what each check needs")
			}
		}
		if r.Column != "" && sc.setOf(r.Dataset).column(r.Column) < 0 {
			if sc.o.Sealed {
				continue // a personal column, of which nothing can be read
			}
			return nil, kequn.Errorf(kequn.KindPlan, at, "%s has no column %q that was loaded", r.Dataset, r.Column)
		}
	}
	return out, nil
}

func (sc *scan) wanted(dataset string) bool {
	return sc.o.Datasets == nil || slices.Contains(sc.o.Datasets, dataset)
}

// markAhead prepares the rules whose rows are found in the pass.
func (sc *scan) markAhead(own map[string]Rule) error {
	add := func(r Rule) error {
		k, s := kindNamed(r.Check), sc.setOf(r.Dataset)
		find, err := k.find(sc, s, &r)
		if err != nil {
			return err
		}
		sc.marks = append(sc.marks, &mark{rule: r, kind: k, set: s, find: find})
		return nil
	}
	for _, s := range sc.sets {
		if !sc.wanted(s.Name) || s.Rows == 0 {
			continue
		}
		for _, k := range kinds() {
			if k.ahead == nil {
				continue
			}
			for _, r := range k.ahead(sc, s) {
				if _, mine := own[r.Name]; mine {
					continue
				}
				if err := add(r); err != nil {
					return err
				}
			}
		}
	}
	for _, q := range sc.o.Rules {
		r := own[q.Name]
		k := kindNamed(r.Check)
		if k == nil || k.find == nil || r.Level == Off || k.value || !sc.wanted(r.Dataset) || sc.setOf(r.Dataset) == nil ||
			r.Column != "" && sc.setOf(r.Dataset).column(r.Column) < 0 {
			continue
		}
		if err := add(r); err != nil {
			return err
		}
	}
	return nil
}

// kept takes what the pass counted for a mark.
func (m *mark) kept(t markTally) { m.tally = t }

// judge makes the results of all rules.
func (rep *Report) judge(own map[string]Rule) {
	sc := rep.scan
	done := map[string]bool{}
	add := func(k *kind, r Rule, m measure) {
		if done[r.Name] {
			return
		}
		done[r.Name] = true
		rep.Results = append(rep.Results, sc.result(k, r, m))
	}
	for _, m := range sc.marks {
		r := m.rule
		if r.Proposed {
			m.learn(sc.tallies[m.set.at], &r)
		}
		add(m.kind, r, measure{found: m.tally.found[0] + m.tally.found[1], of: m.tally.of})
	}
	for _, q := range sc.o.Rules { // in the plan's order
		r := own[q.Name]
		k := kindNamed(r.Check)
		s := sc.setOf(r.Dataset)
		switch {
		case r.Level == Off:
			done[r.Name] = true
		case k == nil || s == nil || !sc.wanted(r.Dataset) || k.measure == nil:
		default:
			add(k, r, k.measure(sc, sc.tallies[s.at], &r))
		}
	}
	for _, t := range sc.tallies {
		if !sc.wanted(t.set.Name) || t.total() == 0 {
			continue
		}
		for _, k := range kinds() {
			if k.propose == nil {
				continue
			}
			for _, r := range k.propose(sc, t) {
				if !done[r.Name] {
					add(k, r, k.measure(sc, t, &r))
				}
			}
		}
	}
	rep.order()
}

// AddRule adds what was found of a rule of the rule language: how many customers of how many break it.
func (rep *Report) AddRule(q plan.Quality, found, of int64) {
	r := Rule{Quality: q}
	if r.Level == "" {
		r.Level = Warn
	}
	res := rep.scan.result(ruleKind, r, measure{found: found, of: of, zh: q.Rule, en: q.Rule})
	res.Rows = true
	rep.Results = append(rep.Results, res)
	rep.order()
}

// order sorts the results by severity and counts the broken ones.
func (rep *Report) order() {
	slices.SortStableFunc(rep.Results, severity)
	rep.Stops, rep.Warns = 0, 0
	for _, r := range rep.Results {
		if r.Status == Broken && r.Level == Stop {
			rep.Stops++
		} else if r.Status == Broken {
			rep.Warns++
		}
	}
}

// learn sets what a proposed rule allows, from the side before: what nearly a third of the rows break is how these data are,
// and only more of it in a new load is news; then, if much more, it stops.
func (m *mark) learn(t *setTally, r *Rule) {
	if t.total() == 0 {
		return
	}
	share := func(k int) float64 { return float64(m.tally.found[k]) / float64(max(1, t.rows[k])) }
	before := share(0)
	if !t.set.byLoad {
		before = float64(rows2(m.tally.found)) / float64(t.total())
	}
	usual := .3
	if m.kind == discountKind {
		usual = .005 // then the amount is what is left after the discount
	}
	if before > usual && r.Share < usual {
		r.Share = max(r.Share, min(.99, 1.2*before))
	}
	if t.set.byLoad && t.rows[0] >= minBefore && t.rows[1] >= minAfter && share(1) > before+.3 && m.kind.weight == 3 {
		r.Level = Stop
		r.Share = min(r.Share, before)
	}
}

// severity orders results: what stops, what warns, the rest; then by weight and share.
func severity(a, b Result) int {
	rank := func(r Result) int {
		switch {
		case r.Status == Broken && r.Level == Stop:
			return 0
		case r.Status == Broken:
			return 1
		case r.Status == OK:
			return 2
		}
		return 3
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.weight, a.weight), cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name))
}

func (sc *scan) result(k *kind, r Rule, m measure) Result {
	out := Result{Name: r.Name, Kind: k.name, Dataset: r.Dataset, Column: r.Column, Level: r.Level, Status: OK, Family: k.family, Own: !r.Proposed,
		Found: m.found, Of: m.of, Approx: m.approx, Rows: k.find != nil && !(k.name == "unique" && m.approx), Rule: r, weight: k.weight}
	if m.of > 0 {
		out.Share = float64(m.found) / float64(m.of)
	}
	if k.value {
		out.Value = m.value
	}
	switch {
	case m.unknown || k.value && math.IsNaN(m.value):
		out.Status, out.Value = Unknown, 0
	case k.value && (r.Max != nil && m.value > *r.Max || r.Min != nil && m.value < *r.Min):
		out.Status = Broken
	case !k.value && m.found > 0 && out.Share > r.Share:
		out.Status = Broken
	}
	out.Words = [2]string{sc.text(kequn.Chinese, k, r, m, out), sc.text(kequn.English, k, r, m, out)}
	out.Text = sc.o.Lang.Pick(out.Words[0], out.Words[1])
	return out
}

// text says a result in words.
func (sc *scan) text(l kequn.Lang, k *kind, r Rule, m measure, out Result) string {
	what := r.Dataset
	if r.Column != "" {
		what += "." + r.Column
	}
	detail := l.Pick(m.zh, m.en)
	if detail != "" {
		detail = l.Pick("（"+detail+"）", " ("+detail+")")
	}
	about := ""
	if m.approx {
		about = l.Pick("约 ", "about ")
	}
	figure := short(m.value)
	if k.percent {
		figure = percent(m.value)
	}
	noun := "rows"
	nounZH := "行"
	if k.days {
		noun, nounZH = "days", "天"
	}
	share := percent(out.Share)
	switch {
	case out.Status == Unknown:
		return what + l.Pick("：数据不足，无法判断", ": too little data to judge")
	case k.value && l == kequn.Chinese:
		return fmt.Sprintf("%s：%s %s%s", what, figure, k.zh, detail)
	case k.value:
		return fmt.Sprintf("%s: %s %s%s", what, figure, k.en, detail)
	case m.found == 0:
		return what + l.Pick("：没有发现问题", ": nothing found")
	case l == kequn.Chinese:
		return fmt.Sprintf("%s %s：%s %s中%s %s %s（%s）%s", what, k.zh, grouped(m.of), nounZH, about, grouped(m.found), nounZH, share, detail)
	}
	return fmt.Sprintf("%s %s in %s%s of %s %s (%s)%s", what, k.en, about, grouped(m.found), grouped(m.of), noun, share, detail)
}

// grouped writes a whole number with thousands separators.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Named returns the result of a name, or nil.
func (rep *Report) Named(name string) *Result {
	for i := range rep.Results {
		if rep.Results[i].Name == name {
			return &rep.Results[i]
		}
	}
	return nil
}

// Broken lists the broken rules, in order of severity.
func (rep *Report) Broken() []Result {
	var out []Result
	for _, r := range rep.Results {
		if r.Status == Broken {
			out = append(out, r)
		}
	}
	return out
}

// Proposals returns the proposed rules as the plan would hold them. Values that could be a person's are never among them.
func (rep *Report) Proposals() []plan.Quality {
	var out []plan.Quality
	for _, r := range rep.Results {
		if r.Rule.Proposed {
			out = append(out, r.Rule.Quality)
		}
	}
	slices.SortFunc(out, func(a, b plan.Quality) int { return strings.Compare(a.Name, b.Name) })
	return out
}
