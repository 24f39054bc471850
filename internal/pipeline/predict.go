package pipeline

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/explain"
	"kequn/internal/feature"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// GoalFlags name a goal of the plan, change it, or define one.
type GoalFlags struct {
	Goal              string
	Event, Sum, Count string
	Column, Positive  string
	Absent            bool
	Within, Gap, Who  string
	Models, Prefer    string
	ConfirmLeak       []string
	Cutoff, Out       string

	dropLeaks bool // leave suspects out instead of stopping
}

// Prediction is a goal's ladder, the model chosen, and what it says of the customers.
type Prediction struct {
	Goal      plan.Goal       `json:"-"`
	Name      string          `json:"goal"`
	Question  string          `json:"question"`
	Task      kequn.Task      `json:"task"`
	Cutoff    string          `json:"cutoff"`
	Judged    string          `json:"judged_at"`           // cutoff of the judging, "" where other customers judged
	Learned   []string        `json:"learned_at"`          // cutoffs that were learnt from
	SameTime  bool            `json:"same_time,omitempty"` // judged on other customers at the same cutoff
	Rows      int             `json:"rows"`                // customers × cutoffs
	Positives int             `json:"positives,omitempty"` //
	Rate      float64         `json:"rate"`                // share of yes, or mean amount, among those judged
	Models    []ladder.Entry  `json:"models"`
	Chosen    string          `json:"chosen"`
	Simple    string          `json:"simple"`
	Why       string          `json:"why"`
	Brief     string          `json:"brief"` // the same in a few sentences
	WhyZH     string          `json:"-"`
	WhyEN     string          `json:"-"`
	Leaks     []Leak          `json:"leaks"`
	Features  int             `json:"features"`
	Scored    int             `json:"scored"`
	Out       string          `json:"out,omitempty"`
	Actual    *Backtest       `json:"backtest,omitempty"`
	Gains     []metric.Gain   `json:"gains,omitempty"`
	Calib     []metric.Bin    `json:"calibration,omitempty"`
	Drivers   []Driver        `json:"drivers,omitempty"`
	Notes     []string        `json:"notes,omitempty"`
	Card      *Card           `json:"card,omitempty"`
	Reasons   *explain.Global `json:"reasons,omitempty"`
	DataHash  string          `json:"data_hash,omitempty"` // of everything that it was learnt from
	Terms     []Term          `json:"terms,omitempty"`     // what the columns are that the card speaks of
	Skipped   string          `json:"skipped,omitempty"`   // why the last run did not answer it
}

// Term is a column in plain words.
type Term struct {
	Column string `json:"column"`
	TextZH string `json:"text_zh"`
	TextEN string `json:"text_en"`
}

// Words says what a column is in both languages, "" where nobody said.
func (p *Prediction) Words(column string) (zh, en string) {
	for _, t := range p.Terms {
		if t.Column == column {
			return t.TextZH, t.TextEN
		}
	}
	return "", ""
}

// Driver is a feature with its share of the model's importance.
type Driver struct {
	Feature string     `json:"feature"`
	TextZH  string     `json:"text_zh"`
	TextEN  string     `json:"text_en"`
	Kind    query.Kind `json:"kind"`
	Share   float64    `json:"share"`
}

// Backtest compares scores with what happened.
type Backtest struct {
	Rows   int     `json:"rows"`
	AUC    float64 `json:"auc,omitempty"`
	Loss   float64 `json:"log_loss,omitempty"`
	RMSE   float64 `json:"rmse,omitempty"`
	MAE    float64 `json:"mae,omitempty"`
	Mean   float64 `json:"mean_score"`
	Actual float64 `json:"mean_actual"`
}

// resolve returns the goal that the flags mean.
func (s *Shop) resolve(f GoalFlags) (plan.Goal, error) {
	g := plan.Goal{Name: f.Goal}
	if f.Goal != "" {
		found := s.Plan.Goal(f.Goal)
		if found == nil {
			names := make([]string, len(s.Plan.Goals))
			for i, x := range s.Plan.Goals {
				names[i] = x.Name
			}
			return g, kequn.Errorf(kequn.KindUsage, "", "there is no goal %q", f.Goal).WithHint("goals are %s; or define one with --event, --sum, --count", strings.Join(names, ", "))
		}
		g = *found
	}
	if f.Event+f.Sum+f.Count+f.Column != "" {
		g.Event, g.Sum, g.Count, g.Column, g.Absent, g.Positive = f.Event, f.Sum, f.Count, f.Column, f.Absent, f.Positive
	}
	if g.Name == "" {
		g.Name = adHocName(g)
	}
	for _, x := range []struct {
		text string
		to   *kequn.Span
	}{{f.Within, &g.Within}, {f.Gap, &g.Gap}} {
		if x.text != "" {
			span, err := kequn.ParseSpan(x.text)
			if err != nil {
				return g, err
			}
			*x.to = span
		}
	}
	if f.Who != "" {
		g.Who = f.Who
	}
	if g.Event+g.Sum+g.Count+g.Column == "" {
		return g, kequn.Errorf(kequn.KindUsage, "", "which goal?").WithHint("name one of kequn.yaml, or define one: --event orders --within 90d")
	}
	if err := s.Plan.CheckGoal(g); err != nil {
		// What was said on the command line is a mistake of use, not of the plan.
		if k, ok := err.(*kequn.Error); ok && f.Event+f.Sum+f.Count+f.Column != "" {
			c := *k
			c.Kind, c.Where = kequn.KindUsage, ""
			return g, &c
		}
		return g, err
	}
	return g, nil
}

// adHocName makes a name of a goal given by flags.
func adHocName(g plan.Goal) string {
	name := g.Event + g.Sum + g.Count + g.Column
	switch {
	case g.Absent:
		name = "no_" + name
	case g.Sum != "":
		name = "sum_" + name
	case g.Count != "":
		name = "count_" + name
	}
	return strings.ReplaceAll(name, ".", "_")
}

// Question says a goal in words.
func Question(g plan.Goal, l kequn.Lang) string {
	within := spanWords(g.Within, l)
	if !g.Gap.IsZero() {
		within += l.Pick("内（间隔 "+spanWords(g.Gap, l)+"之后）", ", beginning "+spanWords(g.Gap, l)+" from now")
	} else {
		within += l.Pick("内", "")
	}
	ask := func(zh, en string, thing string) string { return fmt.Sprintf(l.Pick(zh, en), thing, within) }
	switch {
	case g.Absent:
		return ask("未来 %[2]s不会有%[1]s吗？", "Will there be no %s within %s?", deeds(g.Event, l))
	case g.Event != "":
		return ask("未来 %[2]s会有%[1]s吗？", "Will there be %s within %s?", deeds(g.Event, l))
	case g.Sum != "":
		return ask("未来 %[2]s %[1]s 合计多少？", "What will %s add up to within %s?", g.Sum)
	case g.Count != "":
		return ask("未来 %[2]s有多少%[1]s？", "How many %s within %s?", deeds(g.Count, l))
	case g.Positive != "":
		return l.Pick(fmt.Sprintf("%s 会是 %s 吗？", g.Column, g.Positive), fmt.Sprintf("Will %s be %s?", g.Column, g.Positive))
	}
	return l.Pick(fmt.Sprintf("%s 会是多少？", g.Column), fmt.Sprintf("What will %s be?", g.Column))
}

// deeds says a dataset's name in a sentence: those that are named after their role have a word, others stay as they are.
func deeds(name string, l kequn.Lang) string {
	if l != kequn.Chinese {
		return name
	}
	switch name {
	case "orders":
		return "订单"
	case "events":
		return "行为"
	case "items":
		return "购买"
	}
	return " " + name + " "
}

// spanWords says a length of time: 30 days, 30 天.
func spanWords(s kequn.Span, l kequn.Lang) string {
	text := s.String()
	n, unit := text[:max(0, len(text)-1)], text[max(0, len(text)-1):]
	words := map[string][2]string{"s": {"秒", "second"}, "m": {"分钟", "minute"}, "h": {"小时", "hour"}, "d": {"天", "day"}, "w": {"周", "week"}} // looked up only
	w, ok := words[unit]
	if _, err := strconv.Atoi(n); err != nil || !ok {
		return text
	}
	if l == kequn.Chinese {
		return n + " " + w[0]
	}
	if n == "1" {
		return n + " " + w[1]
	}
	return n + " " + w[1] + "s"
}

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
}

// prepare makes the panel of a goal as known at ask.
func (s *Shop) prepare(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) (*study, error) {
	first, _ := v.span()
	t := &study{lang: s.Lang, goal: g}
	var ok bool
	if t.cuts, ok = ChooseCutoffs(first, ask, g.Gap, g.Within, v.zone); !ok {
		return nil, kequn.Errorf(kequn.KindNotEnough, g.Name, s.Lang.Pick("历史始于 %s，不足以容纳 %s的效果期（截止 %s）", "history begins on %s, too late for a horizon of %s before %s"),
			day(first, v), spanWords(g.Within, s.Lang), day(ask, v)).WithHint("%s", s.Lang.Pick("缩短效果期（--within），或加载更多历史", "a shorter horizon (--within), or more history"))
	}
	all := t.cuts.All()
	var err error
	if t.defs, err = s.definitions(ctx, v, all[0]); err != nil {
		return nil, err
	}
	if t.outcome, err = feature.Outcome(g, v.plans()); err != nil {
		return nil, err
	}
	if t.who, err = s.who(v, g.Who, t.defs); err != nil {
		return nil, err
	}
	s.Progress(s.Lang.Pick("特征 ", "features of ")+g.Name, 0, 0)
	t.panel, err = engine.Collect(ctx, s.Engine, v.data, engine.Request{
		Cutoffs: all, Zone: v.zone, Features: t.defs, Outcomes: []engine.Outcome{{Name: g.Name, Node: t.outcome}},
		Who: t.who, KnownBy: ask, Threads: s.Threads,
	})
	if err != nil {
		return nil, err
	}
	if most := maxCells / max(1, len(t.defs)); t.panel.NRows() > most {
		thin(t.panel, float64(most)/float64(t.panel.NRows()), s.Seed)
		t.notes = append(t.notes, fmt.Sprintf("learnt from a sample of %d rows", t.panel.NRows()))
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
	judge := int32(len(t.cuts.Learn))
	if t.cuts.SameTime {
		fold := ladder.Folds(t.panel.X, t.y, t.group, 5, seed)
		for i := range fold {
			if !known[i] {
				fold[i] = -1
			}
		}
		t.rounds = ladder.FoldRounds(fold)
	} else {
		var r ladder.Round
		for i, c := range t.panel.Cutoff {
			switch {
			case !known[i]:
			case c == judge:
				r.Test = append(r.Test, int32(i))
			default:
				r.Train = append(r.Train, int32(i))
			}
		}
		t.rounds = []ladder.Round{r}
	}
	return t.enough(rows)
}

// enough refuses a goal with too few customers or too few of one kind, naming what is missing.
func (t *study) enough(rows int) error {
	if rows == 0 || len(t.rounds) == 0 {
		return kequn.Errorf(kequn.KindNotEnough, t.goal.Name, "%s", t.lang.Pick("适用人群中没有客户的结果已知", "no eligible customer has a known outcome")).
			WithHint("%s", t.lang.Pick("放宽适用人群（who），或缩短效果期", "widen the population (who), or shorten the horizon"))
	}
	if t.y.Task != kequn.Binary {
		if rows < 2*minLearn {
			return kequn.Errorf(kequn.KindNotEnough, t.goal.Name, t.lang.Pick("只有 %d 位客户的结果已知，至少需要 %d 位", "%d customers with a known outcome, at least %d are needed"), rows, 2*minLearn)
		}
		return nil
	}
	for _, r := range t.rounds {
		for _, part := range []struct {
			rows   []int32
			least  int
			zh, en string
		}{{r.Train, minLearn, "可供学习", "learn from"}, {r.Test, minJudge, "可供评判", "judge on"}} {
			yes := 0
			for _, i := range part.rows {
				yes += int(t.y.Y[i])
			}
			no := len(part.rows) - yes
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

// remedy says what to do about too few of one answer: a longer horizon has more deeds in it, a shorter one fewer.
func (t *study) remedy(rareYes bool) string {
	if rareYes != t.goal.Absent {
		return t.lang.Pick("延长效果期（--within），或加载更多历史、更多客户", "a longer horizon (--within), more history or more customers")
	}
	return t.lang.Pick("缩短效果期（--within），或换一个更少发生的行为来问", "a shorter horizon (--within), or ask about something that happens less often")
}

// rungs returns the learners that --models names, or all.
func (s *Shop) rungs(models string) ([]model.Named, error) {
	if models == "" || models == ladder.AutoName {
		return s.Learners, nil
	}
	var out []model.Named
	for _, name := range strings.Split(models, ",") {
		name = strings.TrimSpace(name)
		if name == ladder.AutoName || name == "simple" {
			continue
		}
		i := slices.IndexFunc(s.Learners, func(n model.Named) bool { return n.Name == name })
		if i < 0 {
			known := make([]string, len(s.Learners))
			for k, l := range s.Learners {
				known[k] = l.Name
			}
			return nil, kequn.Errorf(kequn.KindUsage, "--models", "there is no model %q", name).WithHint("models are %s, auto and simple", strings.Join(known, ", "))
		}
		out = append(out, s.Learners[i])
	}
	if out == nil {
		return s.Learners, nil
	}
	return out, nil
}

// goalEffort is what is planned for the models of one goal: `run` has several goals, every week.
const goalEffort = 8 * time.Second

// learned is a goal's chosen model with its ladder.
type learned struct {
	study  *study
	ladder *ladder.Result
	choice *ladder.Choice
	line   string
}

// learn climbs the ladder and fits the chosen model on everything known.
func (s *Shop) learn(ctx context.Context, t *study, models, prefer string) (*learned, error) {
	rungs, err := s.rungs(models)
	if err != nil {
		return nil, err
	}
	r, err := ladder.Run(ctx, ladder.Input{X: t.panel.X, Y: t.y, Rungs: rungs, Rounds: t.rounds, Group: t.group}, ladder.Options{
		Seed: s.Seed, Threads: s.Threads, Memory: s.Memory, Effort: goalEffort,
		Progress: func(done, of float64, doing string) {
			s.Progress(s.Lang.Pick("模型 ", "models of ")+t.goal.Name, int64(1000*done/math.Max(of, 1e-9)), 1000)
		},
	})
	if err != nil {
		return nil, err
	}
	line := r.Chosen
	switch prefer {
	case "", ladder.AutoName:
	case "simple":
		line = r.Simple
	default:
		return nil, kequn.Errorf(kequn.KindUsage, "--prefer", "%q is neither auto nor simple", prefer)
	}
	choice, err := r.Fit(ctx, line)
	if err != nil {
		return nil, err
	}
	return &learned{study: t, ladder: r, choice: choice, line: line}, nil
}

// learnGoal makes the panel of a goal, probes it for leaks, and climbs the ladder.
func (s *Shop) learnGoal(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags) (*learned, []Leak, error) {
	t, err := s.prepare(ctx, v, g, ask)
	if err != nil {
		return nil, nil, err
	}
	leaks, err := s.leaks(ctx, t, f.ConfirmLeak, f.dropLeaks)
	if err != nil {
		return nil, nil, err
	}
	l, err := s.learn(ctx, t, f.Models, f.Prefer)
	return l, leaks, err
}

// describe turns a learnt goal into what people and the report see.
func (s *Shop) describe(v *view, l *learned) *Prediction {
	t, g := l.study, l.study.goal
	p := &Prediction{Goal: g, Name: g.Name, Question: Question(g, s.Lang), Task: t.y.Task, Cutoff: kequn.FormatZone(t.cuts.Ask, v.zone), SameTime: t.cuts.SameTime,
		Judged: kequn.FormatZone(t.cuts.Judge, v.zone), Learned: []string{}, Rows: l.ladder.Rows, Positives: l.ladder.Positives, Models: l.ladder.Models, Chosen: l.line, Simple: l.ladder.Simple,
		Why: l.ladder.Why(s.Lang), Brief: l.ladder.Brief(s.Lang), WhyZH: l.ladder.Brief(kequn.Chinese), WhyEN: l.ladder.Brief(kequn.English), Features: len(t.defs), Leaks: []Leak{}, Notes: t.notes}
	for _, c := range t.cuts.Learn {
		p.Learned = append(p.Learned, kequn.FormatZone(c, v.zone))
	}
	score, round, err := l.ladder.OutOfSample(l.line)
	if err == nil {
		var y, f []float64
		for i := range score {
			if round[i] >= 0 {
				y, f = append(y, t.y.Y[i]), append(f, score[i])
			}
		}
		p.Rate = kernel.Sum(y) / math.Max(1, float64(len(y)))
		if t.y.Task == kequn.Binary {
			p.Gains = metric.Gains(y, f, nil, 20)
		}
		p.Calib = reliability(t.y.Task, y, f)
	}
	p.Drivers = drivers(l.choice, t.defs, 10)
	for _, c := range l.choice.Header().Columns {
		if i := slices.IndexFunc(t.defs, func(f query.Feature) bool { return f.Name == c.Name }); i >= 0 {
			p.Terms = append(p.Terms, Term{c.Name, t.defs[i].TextZH, t.defs[i].TextEN})
		}
	}
	p.DataHash = v.fingerprint()
	return p
}

// reliability compares scores with outcomes in ten groups of equal size, lowest scores first.
func reliability(task kequn.Task, y, score []float64) []metric.Bin {
	if task == kequn.Binary {
		return metric.ReliabilityByRank(y, score, nil, 10)
	}
	order := kernel.Argsort(score)
	var out []metric.Bin
	for b := range 10 {
		rows := order[len(order)*b/10 : len(order)*(b+1)/10]
		if len(rows) == 0 {
			continue
		}
		bin := metric.Bin{Rows: len(rows), Weight: float64(len(rows)), Low: score[rows[0]], High: score[rows[len(rows)-1]]}
		for _, i := range rows {
			bin.Predicted += score[i] / bin.Weight
			bin.Rate += y[i] / bin.Weight
		}
		out = append(out, bin)
	}
	return out
}

// drivers returns the features that mattered most.
func drivers(c *ladder.Choice, defs []query.Feature, most int) []Driver {
	words := wordsOf(defs)
	var out []Driver
	for _, w := range explain.Importance(c) {
		if t := words(w.Column); t.En != "" && len(out) < most {
			out = append(out, Driver{Feature: w.Column, TextZH: t.Zh, TextEN: t.En, Kind: query.Kind(t.Kind), Share: w.Share})
		}
	}
	return out
}

// scores are the chosen model's scores of every eligible customer at a cutoff.
type scores struct {
	customer []string
	score    []float64
	actual   []float64 // backtest: what happened
}

// score asks the model about every eligible customer, partition by partition.
func (s *Shop) score(ctx context.Context, v *view, l *learned, actual bool) (*scores, error) {
	t := l.study
	r := engine.Request{Cutoffs: []kequn.Cutoff{t.cuts.Ask}, Zone: v.zone, Features: t.defs, Who: t.who, Threads: s.Threads}
	if actual {
		r.Outcomes = []engine.Outcome{{Name: t.goal.Name, Node: t.outcome}}
	}
	out := &scores{}
	err := s.Engine.Stream(ctx, v.data, r, func(p *engine.Panel) error {
		f, err := l.choice.Predict(p.X)
		if err != nil {
			return err
		}
		out.score = append(out.score, f...)
		for i := range p.NRows() {
			out.customer = append(out.customer, strings.Clone(p.Customer.String(i)))
		}
		if actual {
			out.actual = append(out.actual, p.Y.Columns[0].Num...)
		}
		s.Progress(s.Lang.Pick("打分 ", "scores of ")+t.goal.Name, int64(len(out.score)), 0)
		return nil
	})
	return out, err
}

// asked returns the goal that the flags mean, the newest data, and the cutoff.
func (s *Shop) asked(f GoalFlags) (plan.Goal, *view, kequn.Cutoff, error) {
	g, err := s.resolve(f)
	if err != nil {
		return g, nil, 0, err
	}
	v, err := s.look()
	if err != nil {
		return g, nil, 0, err
	}
	ask, err := v.cutoff(f.Cutoff)
	return g, v, ask, err
}

// Predict learns a goal, scores every eligible customer, and keeps model and scores.
func (s *Shop) Predict(ctx context.Context, f GoalFlags) (*Prediction, error) {
	g, v, ask, err := s.asked(f)
	if err != nil {
		return nil, err
	}
	var p *Prediction
	err = s.locked(ctx, "predict", func() error {
		p, err = s.predict(ctx, v, g, ask, f)
		return err
	})
	return p, err
}

func (s *Shop) predict(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags) (*Prediction, error) {
	l, leaks, err := s.learnGoal(ctx, v, g, ask, f)
	if err != nil {
		return nil, err
	}
	p := s.describe(v, l)
	p.Leaks = leaks
	if p.Card, p.Reasons, err = s.card(ctx, v, l, f.dropLeaks); err != nil {
		return nil, err
	}
	sc, err := s.score(ctx, v, l, false)
	if err != nil {
		return nil, err
	}
	p.Scored = len(sc.score)
	if f.Out != "" {
		if err := writeScores(f.Out, sc); err != nil {
			return nil, err
		}
		p.Out = f.Out
	}
	return p, s.keepGoal(ctx, v, l, p, sc)
}

// keepGoal stores model, document and scores in one write.
func (s *Shop) keepGoal(ctx context.Context, v *view, l *learned, p *Prediction, sc *scores) error {
	tx, err := s.ws.Begin(ctx, "predict "+p.Name)
	if err != nil {
		return err
	}
	defer tx.Abort()
	var b bytes.Buffer
	if err := model.Save(&b, l.choice); err != nil {
		return err
	}
	if _, err := tx.PutBlob("models", p.Name, b.Bytes()); err != nil {
		return err
	}
	if err := putDoc(tx, "goal."+p.Name, goalDoc{Prediction: p, Goal: p.Goal, WhyZH: p.WhyZH, WhyEN: p.WhyEN, Ask: l.study.cuts.Ask, Definitions: l.study.defs, Plausible: plausibleOf(l.study.panel.X, l.study.defs)}); err != nil {
		return err
	}
	if err := s.putScores(ctx, tx, v, p.Name, l.study.cuts.Ask, sc); err != nil {
		return err
	}
	return tx.Commit()
}

// goalDoc is what is kept of a goal.
type goalDoc struct {
	Prediction  *Prediction     `json:"prediction"`
	Goal        plan.Goal       `json:"goal"`
	WhyZH       string          `json:"why_zh"`
	WhyEN       string          `json:"why_en"`
	Ask         kequn.Cutoff    `json:"ask"`
	Definitions []query.Feature `json:"definitions"`
	Plausible   []plausible     `json:"plausible,omitempty"` // per feature, for the nearest change of a score
}

// Backtest learns a goal as if it were the cutoff, and compares with what happened. Nothing is kept.
func (s *Shop) Backtest(ctx context.Context, f GoalFlags) (*Prediction, error) {
	g, v, ask, err := s.asked(f)
	if err != nil {
		return nil, err
	}
	_, last := v.span()
	if ask > last {
		return nil, kequn.Errorf(kequn.KindNotEnough, g.Name, "the data end on %s, so nothing after %s can be compared", kequn.FormatZone(last, v.zone), kequn.FormatZone(ask, v.zone)).
			WithHint("choose an earlier --cutoff")
	}
	l, leaks, err := s.learnGoal(ctx, v, g, ask, f)
	if err != nil {
		return nil, err
	}
	sc, err := s.score(ctx, v, l, true)
	if err != nil {
		return nil, err
	}
	p := s.describe(v, l)
	p.Leaks, p.Scored, p.Actual = leaks, len(sc.score), compareScores(l.study.y.Task, sc)
	if f.Out != "" {
		if err := writeScores(f.Out, sc); err != nil {
			return nil, err
		}
		p.Out = f.Out
	}
	return p, nil
}

func compareScores(task kequn.Task, sc *scores) *Backtest {
	var y, f []float64
	for i, a := range sc.actual {
		if !math.IsNaN(a) {
			y, f = append(y, a), append(f, sc.score[i])
		}
	}
	b := &Backtest{Rows: len(y)}
	if len(y) == 0 {
		return b
	}
	b.Mean, b.Actual = kernel.Sum(f)/float64(len(f)), kernel.Sum(y)/float64(len(y))
	if task == kequn.Binary {
		b.AUC, b.Loss = orZero(metric.AUC(y, f, nil)), orZero(metric.LogLoss(y, f, nil))
	} else {
		b.RMSE, b.MAE = metric.RMSE(y, f, nil), metric.MAE(y, f, nil)
	}
	return b
}

func orZero(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// writeScores writes customer,score(,actual) sorted by customer; the file appears whole or not at all.
func writeScores(path string, sc *scores) error {
	order := make([]int, len(sc.customer))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(sc.customer[a], sc.customer[b]) })
	return writeFile(path, func(w *csv.Writer) error {
		head := []string{"customer", "score"}
		if sc.actual != nil {
			head = append(head, "actual")
		}
		if err := w.Write(head); err != nil {
			return err
		}
		for _, i := range order {
			row := []string{sc.customer[i], strconv.FormatFloat(sc.score[i], 'g', -1, 64)}
			if sc.actual != nil {
				row = append(row, missingOr(sc.actual[i]))
			}
			if err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	})
}

func missingOr(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// writeFile writes a CSV file beside its place and renames it, so that nothing half-written is left.
func writeFile(path string, fill func(*csv.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return kequn.Errorf(kequn.KindUsage, path, "cannot be written: %v", err)
	}
	defer os.Remove(tmp.Name())
	w := csv.NewWriter(tmp)
	if err := fill(w); err != nil {
		tmp.Close()
		return err
	}
	w.Flush()
	if err := w.Error(); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
