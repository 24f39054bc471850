package pipeline

import (
	"bytes"
	"context"
	"math"
	"slices"

	"kequn"
	"kequn/internal/explain"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/plan"
	"kequn/internal/query"
)

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
	Offered   int             `json:"features_offered,omitempty"` // before those that add nothing were left out
	Dropped   []Unlearnt      `json:"dropped,omitempty"`          // which, and why
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
	Next      *Next           `json:"next,omitempty"`      // of a goal that asks which values come next
	When      *When           `json:"when,omitempty"`      // of a goal that asks when the next one comes
	Lifetime  []LifetimeFacts `json:"lifetime,omitempty"`  // of a count or an amount: how customers come, leave and spend
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

// describe turns a learnt goal into what people and the report see.
func (s *Shop) describe(v *view, l *learned) *Prediction {
	t, g := l.study, l.study.goal
	p := &Prediction{Goal: g, Name: g.Name, Question: Question(g, s.Lang), Task: t.y.Task, Cutoff: kequn.FormatZone(t.cuts.Ask, v.zone), SameTime: t.cuts.SameTime,
		Judged: kequn.FormatZone(t.cuts.Judge, v.zone), Learned: []string{}, Rows: l.ladder.Rows, Positives: l.ladder.Positives, Models: l.ladder.Models, Chosen: l.line, Simple: l.ladder.Simple,
		Why: l.ladder.Why(s.Lang), Brief: l.ladder.Brief(s.Lang), WhyZH: l.ladder.Brief(kequn.Chinese), WhyEN: l.ladder.Brief(kequn.English), Features: len(t.defs), Leaks: []Leak{}, Notes: append(v.moneyNotes(), t.notes...)}
	for _, c := range t.cuts.Learn {
		p.Learned = append(p.Learned, kequn.FormatZone(c, v.zone))
	}
	if t.value != nil {
		p.Lifetime = t.value.lifetimeFacts(s.Lang)
		for _, c := range t.value.cutoffs {
			p.Learned = append(p.Learned, kequn.FormatZone(c, v.zone))
		}
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
	if p.Dropped = unlearnt(t.selection, s.Lang); p.Dropped != nil {
		p.Offered = len(t.selection.Kept) + len(p.Dropped)
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
	switch {
	case g.Next != "":
		return s.predictNext(ctx, v, g, ask, f)
	case g.When != "":
		return s.predictWhen(ctx, v, g, ask, f)
	}
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
	if err := p.write(f.Out, func(path string) error { return writeScores(path, sc) }); err != nil {
		return nil, err
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
	if err := s.keepBehaviour(tx, l.study.defs); err != nil {
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
