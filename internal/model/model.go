// Package model says what a learner, a parameter and a model are, and how a model is saved.
//
// A [Learner] is a struct whose exported fields are its parameters; its zero value works. Fit leaves it and its inputs
// alone and returns a [Model]: immutable, safe to share, and the only thing that can predict. What else a model can do is
// said by further interfaces ([Attributor], [Importancer], …), which callers ask for by type assertion.
//
// Every family passes modeltest.Exercise.
package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// Outcome is what is to be predicted, row by row.
type Outcome struct {
	Task kequn.Task

	// Y has a value per row: 0 or 1 (binary), the amount (regression), or an index into Classes (multiclass).
	// It is never missing or infinite.
	Y []float64

	Classes []string // multiclass: the classes' names
}

// NOut returns how many numbers a model predicts for one row: the number of classes for multiclass, else 1.
func (o Outcome) NOut() int {
	if o.Task == kequn.Multiclass {
		return len(o.Classes)
	}
	return 1
}

// Take returns the outcome of the given rows.
func (o Outcome) Take(rows []int32) Outcome {
	y := make([]float64, len(rows))
	for i, r := range rows {
		y[i] = o.Y[r]
	}
	return Outcome{Task: o.Task, Y: y, Classes: o.Classes}
}

// Trouble that the data cause, for callers that can do something about it.
var (
	ErrOneClass = errors.New("model: the outcome has one value only")
	ErrNoRows   = errors.New("model: no rows with weight")
	ErrNoColumn = errors.New("model: no usable column")
)

// Learner fits models of one family. Its exported fields are parameters, declared with a param tag (see [Params]).
//
// Fit uses the Number and Category columns of x (Integer, Money, Time and Bool are read as numbers by
// [table.Column.Float]; Text columns are used by families that take text, see [TextInputs], and left out by others), y with one value per row, and w, one weight ≥ 0 per row or nil for
// all ones. A row of weight 0 is as if absent; weight 2 is the row twice. Missing values are allowed.
// Shapes that do not fit and weights or outcomes that are negative, missing or infinite are refused.
// The same input, parameters and seed give the same bytes for any number of threads.
type Learner interface {
	// Name returns the family's name, such as "gbdt".
	Name() string
	// Fit returns the model of x and y. It stops soon after ctx is cancelled and returns ctx's error.
	Fit(ctx context.Context, x *table.Table, y Outcome, w []float64) (Model, error)
}

// Named is a learner under the name by which users choose it.
type Named struct {
	Name    string
	Learner Learner
}

// Model is a fitted model. Its methods may be called by several goroutines at once.
//
// Columns of x are matched by name; further columns are passed over. A missing column is an error that names it.
// A category never seen in training is treated as missing. Scores are never NaN.
type Model interface {
	// Header says what the model is and what it wants.
	Header() Header

	// Predict returns NOut numbers per row, row-major: the probability of the positive class (binary), the value
	// (regression), or one probability per class (multiclass). Probabilities lie in [0, 1].
	Predict(x *table.Table) ([]float64, error)

	// Encode writes the model's arrays. [Save] puts the header before it.
	Encode(w io.Writer) error
}

// Attributor explains scores: exact contributions that add up on the model's margin.
type Attributor interface {
	// Attribute returns base and one contribution per row and column of Header().Columns, row-major, such that for
	// each row base + Σ contributions = margin: the log-odds (binary) or the value (regression), to 1e-9.
	// Multiclass models are explained for the class with the given index.
	Attribute(x *table.Table, class int) (base float64, phi []float64, err error)
}

// Marginer gives the raw score on which contributions add up: log-odds (binary) or value (regression).
type Marginer interface {
	Margin(x *table.Table) ([]float64, error)
}

// Importancer says how much each column of Header().Columns mattered in training. The numbers are ≥ 0 and sum to 1,
// or are all 0 where no column mattered.
type Importancer interface {
	Importance() []float64
}

// Ruler prints a model as rules that people read.
type Ruler interface {
	// Rules returns the rules in the language, most important first.
	Rules(lang kequn.Lang) []string
}

// Header describes a model.
type Header struct {
	Family  string     `json:"family"`            // the learner's name
	Version int        `json:"version"`           // format version of the family's arrays
	Task    kequn.Task `json:"task"`              //
	Classes []string   `json:"classes,omitempty"` // multiclass

	// Outcome and Positive are the column that was predicted and the value of it that counts as yes, where a caller has said so.
	Outcome  string `json:"outcome,omitempty"`
	Positive string `json:"positive,omitempty"`

	Columns []Column `json:"columns"`         // what Predict wants, in the order of Attribute and Importance
	Params  []Value  `json:"params"`          // parameters in effect, defaults resolved
	Rows    int      `json:"rows"`            // rows of weight > 0 in training
	Seconds float64  `json:"-"`               // how long Fit took; never saved, so that files repeat bit for bit
	Notes   []string `json:"notes,omitempty"` // what was done with odd columns: "region: constant, not used"
}

// ErrNewer says that a model's arrays are of a version that this program does not know yet. [Load] says it to people.
var ErrNewer = errors.New("arrays of a newer version")

// UpTo returns [ErrNewer] if the arrays' version is above the newest that a decoder knows, and ErrArrays below 1. Every decoder asks it first.
func (h Header) UpTo(newest int) error {
	switch {
	case h.Version > newest:
		return ErrNewer
	case h.Version < 1:
		return ErrArrays
	}
	return nil
}

// NOut returns how many numbers Predict gives for one row.
func (h Header) NOut() int {
	if h.Task == kequn.Multiclass {
		return len(h.Classes)
	}
	return 1
}

// Column is one input of a model.
type Column struct {
	Name   string     `json:"name"`
	Kind   table.Kind `json:"kind"`             // Number or Category; Text for learners that take it
	Levels []string   `json:"levels,omitempty"` // Category: the values seen in training, by code
}

// Value is a parameter with its value in effect.
type Value struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// MissingColumns is the error for a table that lacks columns of a model.
func MissingColumns(want, have int, missing []string) error {
	return kequn.Errorf(kequn.KindInput, "", "the table has %d columns, the model wants %d (missing: %s)", have, want, strings.Join(missing, ", "))
}

// Match returns the columns of x that the model wants, in its order: Number columns as numbers, Category columns as
// codes into the model's own levels (-1 for missing and unseen), Text columns as they are, with the dictionary of x (a category is
// text too). No column of x is changed.
func Match(columns []Column, x *table.Table) (*table.Table, error) {
	return NewMatcher(columns).Match(x)
}

// Inputs returns the columns of x that learners may use, in x's order sorted by name so that a model does not depend
// on the order of columns: Number and Category as they are, other numeric kinds as Number. Levels of a category are the
// values that occur in rows of weight > 0, sorted, so that they do not depend on the order of rows either.
// Text columns and columns without any value are left out and named in notes; learners that take text call [TextInputs].
func Inputs(x *table.Table, w []float64) (cols []Column, inputs *table.Table, notes []string) {
	return inputsOf(x, w, false)
}

// Check refuses shapes and values that no learner takes. It returns the number of rows of weight > 0.
func Check(x *table.Table, y Outcome, w []float64) (rows int, err error) {
	n := x.NRows()
	if len(y.Y) != n || (w != nil && len(w) != n) {
		return 0, fmt.Errorf("model: %d rows, %d outcomes, %d weights", n, len(y.Y), len(w))
	}
	return checkValues(y, w)
}
