package pipeline

import (
	"context"
	"math"

	"kequn/internal/evaluate"
	"kequn/internal/explain"
	"kequn/internal/kernel"
)

// Leak is a column that seems to know the outcome.
type Leak struct {
	Column     string   `json:"column"`
	Kind       string   `json:"kind"`
	Evidence   string   `json:"evidence"`
	EvidenceZH string   `json:"evidence_zh"`
	EvidenceEN string   `json:"evidence_en"`
	AUCWith    *float64 `json:"auc_with,omitempty"` // R² for amounts
	AUCWithout *float64 `json:"auc_without,omitempty"`
	Dropped    bool     `json:"dropped"`             // left out of training
	Confirmed  bool     `json:"confirmed,omitempty"` // somebody said that it is none
}

// Card is how far to trust a model.
type Card = evaluate.Card

// leakRounds bounds how often the rest is probed again after suspects were left out: one leak can hide another.
const leakRounds = 3

// futureShare is the share of rows whose date may lie after the cutoff: typing mistakes, and a handful of time zones.
const futureShare = 0.005

// weights are 0 for rows without a known outcome.
func (t *study) weights() []float64 {
	w := make([]float64, t.panel.NRows())
	for _, r := range t.rounds {
		for _, i := range r.Train {
			w[i] = 1
		}
		for _, i := range r.Test {
			w[i] = 1
		}
	}
	return w
}

// maxTrainScores bounds the training rows that the card compares with the judged ones.
const maxTrainScores = 20_000

// card judges the chosen model on the rows it was not trained on, and explains it. A brief card is made of fewer rows.
func (s *Shop) card(ctx context.Context, v *view, l *learned, brief bool) (*Card, *explain.Global, error) {
	t := l.study
	_, round, err := l.ladder.OutOfSample(l.line)
	if err != nil {
		return nil, nil, err
	}
	j := &judging{Options: s.Options, ladder: l.ladder, line: l.line, x: t.panel.X, y: t.y, group: t.group, rounds: t.rounds, fitted: l.choice,
		later: !t.cuts.SameTime, words: wordsOf(t.defs), brief: brief}
	var train []int32
	for i, r := range round {
		if r < 0 && kernel.HashUnit(s.Seed^kernel.ID("card"), t.panel.Customer.String(i)) < maxTrainScores/math.Max(maxTrainScores, float64(len(round))) {
			train = append(train, int32(i))
		}
	}
	if len(train) > 0 {
		fitted, err := l.choice.Predict(t.panel.X.Take(train))
		if err != nil {
			return nil, nil, err
		}
		j.train = evaluate.Scored{Y: t.y.Take(train).Y, Score: fitted}
	}
	card, why, err := j.judge(ctx)
	if err == nil {
		card.Fairness, err = s.fairness(ctx, v, l)
	}
	return card, why, err
}
