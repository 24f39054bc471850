package pipeline

import (
	"context"

	"kequn"
)

// Leak is a column that seems to know the outcome.
type Leak struct {
	Column     string  `json:"column"`
	Evidence   string  `json:"evidence"`
	AUCWith    float64 `json:"auc_with"`
	AUCWithout float64 `json:"auc_without"`
}

// Card is how far to trust a model.
type Card struct{}

func (c *Card) Verdict(l kequn.Lang) string { return "" }
func (c *Card) Grade(l kequn.Lang) string   { return "" }
func (c *Card) Advice(l kequn.Lang) string  { return "" }

func (s *Shop) leaks(ctx context.Context, t *study, confirmed []string) ([]Leak, error) {
	return []Leak{}, nil
}

func (s *Shop) card(v *view, l *learned, p *Prediction) *Card { return nil }
