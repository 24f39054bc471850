// Package report prints the page: one self-contained HTML file, readable by a marketer, in Chinese or English.
//
// The page asks the network for nothing: pictures are SVG within it, there is no script, and its style follows the reader's
// light or dark setting. It holds aggregates only, never a customer.
package report

import (
	"slices"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/measure"
	"kequn/internal/metric"
	"kequn/internal/receipt"
)

// Text is one thing said in both languages.
type Text struct{ ZH, EN string }

// Data is everything that the page shows.
type Data struct {
	Lang      kequn.Lang
	Name      string // of the workspace
	Created   string
	Program   string
	Cutoff    string
	First     string // earliest and latest event
	Last      string
	Customers int
	Currency  string
	Sealed    bool

	Loads    []Load
	Months   []Month
	Segments []Segmentation
	Goals    []Goal
	Decision []Decision
}

// Load is what became of the rows of one dataset.
type Load struct {
	Name, Role                      string
	Read, Kept, Rejected, Duplicate int64
	Reasons                         []Count // why rows were rejected
	Warnings                        []Count // oddities of rows that were kept
}

// Count is a word with a number.
type Count struct {
	Word Text
	N    int64
}

// Month is what happened in one calendar month.
type Month struct {
	Name    string // 2026-03
	Orders  float64
	Revenue float64
}

// Segmentation is one division of the customers.
type Segmentation struct {
	Name     string
	Title    Text
	Note     Text // how it was made, how stable it is
	Grid     *Grid
	Segments []Segment
}

// Grid is the RFM picture: recency down, frequency across.
type Grid struct {
	Rows, Cols []string
	Cells      [][]GridCell
	X, Y       Text
}

// GridCell is a cell of it.
type GridCell struct {
	Name  Text
	Count int
}

// Segment is one segment.
type Segment struct {
	Name    Text
	Size    int
	Share   float64
	Revenue float64 // share of revenue, NaN where unknown
	Profile Text    // in which it differs from everybody
}

// Goal is one goal with its ladder.
type Goal struct {
	Name     string
	Question Text
	Grade    Text
	Advice   Text
	Why      Text
	Binary   bool
	Rows     int // customers judged on
	Rate     float64
	Rungs    []Rung
	Skipped  string        // why the goal was not answered, in which case the page says that and nothing else
	Gains    []chart.Point // share contacted, share of buyers reached
	Calib    []CalibPoint
	Drivers  []Driver
	Notes    []Text
	Card     *CardPage // its language is the page's; nil for none
}

// Noise tells whether any rung's score has a standard error.
func (g Goal) Noise() bool {
	return slices.ContainsFunc(g.Rungs, func(r Rung) bool { return r.SE > 0 })
}

// Rung is one rung of the ladder.
type Rung struct {
	Name    string
	Title   Text
	Score   float64 // AUC or R²
	SE      float64
	Loss    float64 // log loss or RMSE
	Seconds float64
	Chosen  bool
}

// CalibPoint is one bin: what was predicted and what happened.
type CalibPoint struct{ Predicted, Actual, Share float64 }

// Driver is a feature that moves the score.
type Driver struct {
	Text  Text
	Share float64
	Kind  string
}

// Decision is one decision, and what came of it.
type Decision struct {
	Receipt *receipt.Receipt
	ID      string
	Result  *measure.Result
}

// Interval is a figure with its 95 % interval.
type Interval = metric.Interval
