package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// The fewest yes and no that a goal can be learnt from and judged on. Below, intervals say nothing.
const (
	minLearn = 20
	minJudge = 10
)

// maxCells bounds what is learnt from: rows × features. Beyond it, customers are drawn by hash, each with all cutoffs. On the demo
// shop, twice as much takes twice the time for an AUC of 0.792 instead of 0.791.
const maxCells = 10_000_000

// study is a goal with its panel, ready to be learnt.
type study struct {
	lang    kequn.Lang
	goal    plan.Goal
	cuts    Cutoffs
	defs    []query.Feature
	outcome *query.Node
	who     *query.Node
	panel   *engine.Panel
	y       model.Outcome
	rounds  []ladder.Round
	group   []int64
	notes   []string
	value   *valueStudy // of counts and amounts

	selection *feature.Selection // what is learnt from, nil for everything
	view      *view              // what it was made from; nil where the rows came from elsewhere
}

// prepare makes the panel of a goal as known at ask.
func (s *Shop) prepare(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) (*study, error) {
	if g.Column != "" {
		return s.prepareFact(ctx, v, g, ask)
	}
	t := &study{lang: s.Lang, goal: g}
	var err error
	if t.cuts, t.notes, err = s.cutoffsOf(ctx, v, g, ask); err != nil {
		return nil, err
	}
	all := t.cuts.All()
	if t.defs, err = s.definitions(ctx, v, all[0]); err != nil {
		return nil, err
	}
	t.notes = append(t.notes, s.lateAttributes(v, all[0])...)
	if t.outcome, err = feature.Outcome(g, v.plans()); err != nil {
		return nil, err
	}
	learnt, outcome := g, t.outcome
	if learnt.Within = t.cuts.Within; learnt.Within != g.Within {
		if outcome, err = feature.Outcome(learnt, v.plans()); err != nil {
			return nil, err
		}
	}
	if t.who, err = s.who(v, g.Who, t.defs); err != nil {
		return nil, err
	}
	s.Progress(s.Lang.Pick("特征 ", "features of ")+g.Name, 0, 0)
	t.panel, err = engine.Collect(ctx, s.Engine, v.data, engine.Request{
		Cutoffs: all, Zone: v.zone, Features: t.defs, Outcomes: []engine.Outcome{{Name: g.Name, Node: outcome}},
		Who: t.who, KnownByEach: v.knownBy(t.cuts), KnownBy: ask, Threads: s.Threads,
	})
	if err != nil {
		return nil, err
	}
	if most := maxCells / max(1, len(t.defs)); t.panel.NRows() > most {
		thin(t.panel, float64(most)/float64(t.panel.NRows()), s.Seed)
		t.notes = append(t.notes, fmt.Sprintf(s.Lang.Pick("学习所用为抽取的 %d 行", "learnt from a sample of %d rows"), t.panel.NRows()))
	}
	return t, t.frame(s.Seed)
}

// thin keeps the rows of a share of customers, drawn by hash, so that a customer stays with all cutoffs or goes.
func thin(p *engine.Panel, share float64, seed uint64) {
	var rows []int32
	for i := range p.NRows() {
		if kernel.HashUnit(seed^kernel.ID("sample"), p.Customer.String(i)) < share {
			rows = append(rows, int32(i))
		}
	}
	p.Customer, p.X, p.Y = p.Customer.Take(rows), p.X.Take(rows), p.Y.Take(rows)
	cut := make([]int32, len(rows))
	for k, r := range rows {
		cut[k] = p.Cutoff[r]
	}
	p.Cutoff = cut
	for i := range p.Rules {
		rule := make([]bool, len(rows))
		for k, r := range rows {
			rule[k] = p.Rules[i][r]
		}
		p.Rules[i] = rule
	}
}

// frame turns the panel into outcomes and rounds, and refuses what is too little.
func (t *study) frame(seed uint64) error {
	n := t.panel.NRows()
	if n == 0 {
		return t.enough(0)
	}
	y := t.panel.Y.Columns[0].Num
	t.y = model.Outcome{Task: t.goal.Task(), Y: y}
	t.group = make([]int64, n)
	for i := range t.group {
		t.group[i] = int64(kernel.Hash64(0, t.panel.Customer.String(i)) >> 1)
	}
	// Outcomes that nobody knows yet (a fact learnt later that has not been learnt) are neither learnt from nor judged.
	known := make([]bool, n)
	var rows int
	for i, v := range y {
		if known[i] = !math.IsNaN(v); known[i] {
			rows++
		} else {
			y[i] = 0
		}
	}
	if t.cuts.SameTime {
		fold := ladder.Folds(t.panel.X, t.y, t.group, 5, seed)
		for i := range fold {
			if !known[i] {
				fold[i] = -1
			}
		}
		t.rounds = ladder.FoldRounds(fold)
	} else {
		for n, at := range t.cuts.Rounds {
			r := t.round(at, known)
			if n == 0 || t.tells(r) { // an earlier judging cutoff that says nothing is none
				t.rounds = append(t.rounds, r)
			}
		}
	}
	return t.enough(rows)
}

// round returns the rows of one judging cutoff and of those learnt from for it.
func (t *study) round(at CutoffRound, known []bool) (r ladder.Round) {
	learn := make([]bool, at.Judge+1)
	for _, c := range at.Learn {
		learn[c] = true
	}
	for i, c := range t.panel.Cutoff {
		switch {
		case !known[i]:
		case int(c) == at.Judge:
			r.Test = append(r.Test, int32(i))
		case int(c) < at.Judge && learn[c]:
			r.Train = append(r.Train, int32(i))
		}
	}
	return r
}

// parts are what a round's rows must suffice for.
var parts = []struct {
	least  int
	zh, en string
}{{minLearn, "可供学习", "learn from"}, {minJudge, "可供评判", "judge on"}}

// answers counts the yes and no among rows.
func (t *study) answers(rows []int32) (yes, no int) {
	for _, i := range rows {
		yes += int(t.y.Y[i])
	}
	return yes, len(rows) - yes
}

// tells tells whether a round has enough of both answers, or enough rows of amounts.
func (t *study) tells(r ladder.Round) bool {
	for k, rows := range [][]int32{r.Train, r.Test} {
		yes, no := t.answers(rows)
		if t.y.Task == kequn.Binary && min(yes, no) < parts[k].least || len(rows) < 2*parts[k].least {
			return false
		}
	}
	return true
}

// enough refuses a goal with too few customers or too few of one kind, naming what is missing.
func (t *study) enough(rows int) error {
	if rows == 0 || len(t.rounds) == 0 {
		return kequn.Errorf(kequn.KindNotEnough, t.goal.Name, "%s", t.lang.Pick("适用人群中没有客户的结果已知", "no eligible customer has a known outcome")).
			WithHint("%s", t.lang.Pick("放宽适用人群（who），或缩短效果期", "widen the population (who), or shorten the horizon"))
	}
	if t.y.Task != kequn.Binary {
		if rows < 2*minLearn || !t.tells(t.rounds[0]) {
			return kequn.Errorf(kequn.KindNotEnough, t.goal.Name, t.lang.Pick("只有 %d 位客户的结果已知，至少需要 %d 位", "%d customers with a known outcome, at least %d are needed"), rows, 2*minLearn)
		}
		return nil
	}
	if err := t.oneAnswer(); err != nil {
		return err
	}
	for _, r := range t.rounds {
		for k, rows := range [][]int32{r.Train, r.Test} {
			part := parts[k]
			yes, no := t.answers(rows)
			if yes < part.least || no < part.least {
				return kequn.Errorf(kequn.KindNotEnough, t.goal.Name, t.lang.Pick(
					"%[5]s的客户中 %[1]d 位为是、%[2]d 位为否，各需至少 %[4]d 位", "%[1]d customers with yes and %[2]d with no to %[3]s, at least %[4]d of each are needed"),
					yes, no, part.en, part.least, part.zh).
					WithHint("%s", t.remedy(yes < no))
			}
		}
	}
	return nil
}

// oneAnswer refuses a goal that nobody, or everybody, reaches.
func (t *study) oneAnswer() error {
	r := t.rounds[0]
	yes, no := t.answers(append(slices.Clone(r.Train), r.Test...))
	switch {
	case yes == 0:
		return kequn.Errorf(kequn.KindNotEnough, t.goal.Name, t.lang.Pick("%d 位次客户中没有一位为是：没有可以区分的", "nobody reaches it: of %d customers at the cutoffs, not one, so there is nothing to tell apart"), no).
			WithHint("%s", t.remedy(true))
	case no == 0:
		return kequn.Errorf(kequn.KindNotEnough, t.goal.Name, t.lang.Pick("%d 位次客户全部为是：没有可以区分的", "everybody reaches it: all of %d customers at the cutoffs, so there is nothing to tell apart"), yes).
			WithHint("%s", t.remedy(false))
	}
	return nil
}

// remedy says what to do about too few of one answer: a longer horizon has more deeds in it, a shorter one fewer.
func (t *study) remedy(rareYes bool) string {
	if rareYes != t.goal.Absent {
		return t.lang.Pick("延长效果期（--within），或加载更多历史、更多客户", "a longer horizon (--within), more history or more customers")
	}
	return t.lang.Pick("缩短效果期（--within），或换一个更少发生的行为来问", "a shorter horizon (--within), or ask about something that happens less often")
}
