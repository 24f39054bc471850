package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/metric"
	"kequn/internal/plan"
)

// Readiness is what the data can answer today.
type Readiness struct {
	Cutoff    string      `json:"cutoff"`
	First     string      `json:"first"`
	Last      string      `json:"last"`
	Customers int         `json:"customers"` // with an event before the cutoff
	Goals     []ReadyGoal `json:"goals"`
	Uplift    ReadyGoal   `json:"uplift"`
	Opens     []ReadyOpen `json:"opens"` // horizons that nobody can be asked about yet
}

// ReadyGoal is one question.
type ReadyGoal struct {
	Name      string   `json:"name"`
	Question  string   `json:"question,omitempty"`
	Ready     bool     `json:"ready"`
	Eligible  int      `json:"eligible,omitempty"`  // customers at the judging cutoff
	Positives int      `json:"positives,omitempty"` // of them, those who did it
	Mean      float64  `json:"mean,omitempty"`
	Cutoffs   []string `json:"cutoffs,omitempty"` // learnt from and judged at
	Why       string   `json:"why"`
	Of        int      `json:"of,omitempty"` // customers at the judging cutoff, before the goal's population was chosen from them

	Opens []ReadyOpen `json:"opens"` // what becomes possible with more data
}

// Ready tells for every goal of the plan whether it can be answered, and for uplift whether a past send was randomised.
func (s *Shop) Ready(ctx context.Context) (*Readiness, error) {
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	ask, err := v.cutoff("")
	if err != nil {
		return nil, err
	}
	_, last := v.span()
	first, err := v.begins(ctx, ask)
	if err != nil {
		return nil, err
	}
	if first == kequn.NoTime {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", s.Lang.Pick("截止 %s 之前还没有任何行为记录", "nothing was known to have happened before %s"), day(ask, v))
	}
	out := &Readiness{Cutoff: kequn.FormatZone(ask, v.zone), First: kequn.FormatZone(first, v.zone), Last: kequn.FormatZone(last, v.zone), Goals: []ReadyGoal{}}
	all, err := engine.Collect(ctx, s.Engine, v.data, engine.Request{Cutoffs: []kequn.Cutoff{ask}, Zone: v.zone, Threads: s.Threads})
	if err != nil {
		return nil, err
	}
	out.Customers = all.NRows()
	for i, g := range s.Plan.Goals {
		s.Progress(s.Lang.Pick("检查目标", "check goals"), int64(i), int64(len(s.Plan.Goals)))
		r, err := s.readyGoal(ctx, v, g, ask)
		if err != nil {
			return nil, err
		}
		out.Goals = append(out.Goals, r)
	}
	if out.Uplift, err = s.readyUplift(ctx, v, all.NRows(), baseOf(out.Goals)); err != nil {
		return nil, err
	}
	out.Opens = s.horizonOpens(v, first, ask)
	for i := range out.Goals {
		if out.Goals[i].Opens == nil {
			out.Goals[i].Opens = []ReadyOpen{}
		}
	}
	if out.Uplift.Opens == nil {
		out.Uplift.Opens = []ReadyOpen{}
	}
	if out.Opens == nil {
		out.Opens = []ReadyOpen{}
	}
	return out, nil
}

func (s *Shop) readyGoal(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) (ReadyGoal, error) {
	first, err := v.beginning(ctx, g, ask)
	if err != nil {
		return ReadyGoal{}, err
	}
	if isListed(g) {
		r, err := s.readyListed(ctx, v, g, ask)
		if r.Opens == nil {
			r.Opens = s.historyOpens(v, first, g, ask)
		}
		return r, err
	}
	r := ReadyGoal{Name: g.Name, Question: Question(g, s.Lang), Opens: s.historyOpens(v, first, g, ask)}
	cuts, notes, err := s.readyCutoffs(ctx, v, first, g, ask)
	if kequn.KindOf(err) == kequn.KindNotEnough {
		r.Why = answerable(err, s.Lang)
		return r, nil
	}
	if err != nil {
		return r, err
	}
	counted := g
	if g.Column == "" {
		counted.Within = cuts.Within
	}
	outcome, err := feature.Outcome(counted, v.plans())
	if err != nil {
		return r, err
	}
	defs, err := s.definitions(ctx, v, cuts.All()[0])
	if err != nil {
		return r, err
	}
	who, err := s.who(v, g.Who, defs)
	if err != nil {
		return r, err
	}
	p, err := engine.Collect(ctx, s.Engine, v.data, engine.Request{Cutoffs: cuts.All(), Zone: v.zone, Outcomes: []engine.Outcome{{Name: g.Name, Node: outcome}}, Who: who, KnownBy: ask, Threads: s.Threads})
	if err != nil {
		return r, err
	}
	for _, c := range cuts.All() {
		r.Cutoffs = append(r.Cutoffs, kequn.FormatZone(c, v.zone))
	}
	t := &study{lang: s.Lang, goal: g, cuts: cuts, panel: p}
	judge, sum := int32(len(cuts.Learn)), 0.0
	for i, c := range p.Cutoff {
		if y := p.Y.Columns[0].Num[i]; c == judge && !math.IsNaN(y) {
			r.Eligible++
			sum += y
		}
	}
	if g.Task() == kequn.Binary {
		r.Positives = int(sum)
	}
	if r.Eligible > 0 {
		r.Mean = sum / float64(r.Eligible)
	}
	if r.Of, _, err = s.populationEffect(ctx, v, g, who, cuts.Judge); err != nil {
		return r, err
	}
	framed := t.frame(s.Seed)
	rows, rarer, judged := t.sizes()
	r.Opens = append(r.Opens, s.rowOpens(v, t, rows, rarer, judged, ask)...)
	if err := framed; err != nil {
		var e *kequn.Error
		if !errors.As(err, &e) {
			return r, err
		}
		r.Why = e.Message
		if e.Hint != "" {
			r.Why += s.Lang.Pick("；", "; ") + e.Hint
		}
		return r, nil
	}
	r.Ready = true
	if g.Task() == kequn.Binary {
		r.Why = s.Lang.Pick(fmt.Sprintf("%d 位适用客户中有 %d 位（%.1f%%）", r.Eligible, r.Positives, 100*r.Mean),
			fmt.Sprintf("%d of %d eligible customers did (%.1f %%)", r.Positives, r.Eligible, 100*r.Mean))
	} else {
		r.Why = s.Lang.Pick(fmt.Sprintf("%d 位适用客户，均值 %.2f", r.Eligible, r.Mean), fmt.Sprintf("%d eligible customers, mean %.2f", r.Eligible, r.Mean))
	}
	if r.Of > 0 {
		r.Why += s.Lang.Pick(fmt.Sprintf("；适用人群规则从 %d 位中选出 %d 位", r.Of, r.Eligible), fmt.Sprintf("; the population's rule leaves %d of %d", r.Eligible, r.Of))
	}
	for _, n := range notes {
		r.Why += s.Lang.Pick("；", "; ") + n
	}
	if cuts.SameTime && g.Column == "" {
		r.Why += s.Lang.Pick("；历史只够一个截止时刻，只能在其他客户上评判", "; history has room for one cutoff only, so models are judged on other customers, not on later time")
	}
	return r, nil
}

// readyCutoffs are where a goal would be learnt and judged: within a shorter time than its horizon where history does not hold that, as notes then say.
func (s *Shop) readyCutoffs(ctx context.Context, v *view, first kequn.Instant, g plan.Goal, ask kequn.Cutoff) (Cutoffs, []string, error) {
	cuts, notes, err := s.cutoffsOf(ctx, v, g, ask)
	if kequn.KindOf(err) != kequn.KindNotEnough || !isValue(g) {
		return cuts, notes, err
	}
	c, ok := s.cutoffsOfValue(first, ask, g, v)
	if !ok {
		return cuts, notes, err
	}
	n := c.window[c.judge]
	cuts = Cutoffs{Learn: c.learn, Judge: c.judge, Ask: ask, Within: kequn.Days(n), Rounds: []CutoffRound{{Judge: len(c.learn)}}}
	for i := range c.learn {
		cuts.Rounds[0].Learn = append(cuts.Rounds[0].Learn, i)
	}
	return cuts, []string{fmt.Sprintf(s.Lang.Pick("历史只有 %d 天：在 %d 天内评判，再推算到 %s", "history is %d days: judged within %d days and drawn out to %s"), daysBetween(first, ask), n, spanWords(g.Within, s.Lang))}, nil
}

// contactsFor returns how many contacts, half of them control, show an effect of the given size at a base rate with 80 %
// power at 5 % error.
func contactsFor(base, effect float64) int {
	n := metric.Design{}.NeededForRates(base, effect, .5)
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return 0
	}
	return int(math.Ceil(n))
}

// controlWords are what sends call customers who were deliberately not contacted.
var controlWords = []string{"control", "control group", "holdout", "none", "no contact", "no e-mail", "no email", "对照", "对照组", "未触达"}

// isControl tells whether an arm is the control.
func isControl(arm string) bool {
	return slices.Contains(controlWords, strings.ToLower(strings.TrimSpace(arm)))
}

// baseGuess is the share that buys where the data do not tell: what a designed send is sized for.
const baseGuess = 0.10

// baseOf returns the share of yes of the first goal about a deed that can be answered, by which a send is sized.
func baseOf(goals []ReadyGoal) float64 {
	for _, g := range goals {
		if g.Ready && g.Positives > 0 && g.Mean > .005 && g.Mean < .97 {
			return g.Mean
		}
	}
	return baseGuess
}

// visible is the effect that a designed send shall be able to show: two points.
const visible = 0.02

// readyUplift looks for a past send whose arms include a control.
func (s *Shop) readyUplift(ctx context.Context, v *view, customers int, base float64) (ReadyGoal, error) {
	r := ReadyGoal{Name: "uplift", Question: s.Lang.Pick("优惠能带来多少原本不会发生的购买？", "What does an offer cause that would not have happened anyway?")}
	ask, err := v.cutoff("")
	if err != nil {
		return r, err
	}
	p, err := feature.TakeProfile(ctx, v.data, ask, s.Threads)
	if err != nil {
		return r, err
	}
	for _, d := range v.datasets {
		arm := d.With(kequn.ColArm)
		if d.Role != kequn.Sends || arm == nil || d.Rows == 0 {
			continue
		}
		set := p.Set(d.Name)
		var control, treated int64
		var arms []string
		for _, top := range set.Column(arm.Name).Top {
			if isControl(top.Value) {
				control += top.Rows
			} else {
				treated += top.Rows
				arms = append(arms, top.Value)
			}
		}
		if control > 0 && treated > 0 {
			r.Ready, r.Eligible = true, int(control+treated)
			r.Why = s.Lang.Pick(fmt.Sprintf("找到一次带对照组的投放：对照 %d 人，%s 共 %d 人；决策时会检查是否随机", control, strings.Join(arms, "、"), treated),
				fmt.Sprintf("a past send has a control group: %d control, %d with %s; decide checks that it was random", control, treated, strings.Join(arms, ", ")))
			if n := contactsFor(base, visible); int64(n) > control+treated {
				r.Opens = append(r.Opens, s.opening(s.Lang.Pick(fmt.Sprintf("看清 %.0f 个百分点的效果", 100*visible), fmt.Sprintf("an effect of %.0f points can be seen", 100*visible)), unitContacts, int64(n), control+treated, ask, v))
			}
			return r, nil
		}
	}
	n := contactsFor(base, visible)
	r.Opens = append(r.Opens, s.opening(s.Lang.Pick("优惠的增益", "what an offer causes"), unitContacts, int64(n), 0, ask, v))
	r.Why = s.Lang.Pick(fmt.Sprintf("没有带随机对照组的投放记录。要看清 %.0f%% 基础上 %.0f 个百分点的效果，约需 %d 次触达、另 %d 人作对照（现有 %d 位客户）", 100*base, 100*visible, n/2, n/2, customers),
		fmt.Sprintf("no past send has a random control group. To see %.0f points at a base of %.0f %% takes about %d contacts and as many controls (there are %d customers)", 100*visible, 100*base, n/2, customers))
	return r, nil
}
