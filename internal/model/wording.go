package model

import (
	"context"

	"kequn"
	"kequn/internal/table"
)

// Wording is how rules call columns and predictions. A nil field leaves a model's own words.
type Wording struct {
	Column func(name string) string
	Value  func(v float64) string // of what a rule predicts, on the scale of Predict; not used for several classes
}

// WordedRuler is a [Ruler] that can use other words for columns and predictions.
type WordedRuler interface {
	Ruler
	RulesIn(lang kequn.Lang, words Wording) []string
}

// PathStep is a model at one strength of its penalty.
type PathStep struct {
	Penalty float64
	Columns []string // those that count, in the order of the table's names
	Chosen  bool     // the one that Fit would return
	Model   Model
}

// Pather fits models along a path of penalties, the simplest first.
type Pather interface {
	// Path returns one step for each set of columns on the path, at most the given number, evenly chosen among more; the chosen one is always kept.
	Path(ctx context.Context, x *table.Table, y Outcome, w []float64, most int) ([]PathStep, error)
}
