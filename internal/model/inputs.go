package model

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/ngram"
	"kequn/internal/table"
)

// TextInputs is [Inputs] for learners that take free text: a Text column that reads like prose ([IsText]) is an input of Kind Text, in the
// header's columns as among the inputs. Where its value is missing, so is all text.
//
// A learner that has called TextInputs finds the column in what [Match] returns, with a dictionary of whatever table is scored.
func TextInputs(x *table.Table, w []float64) (cols []Column, inputs *table.Table, notes []string) {
	return inputsOf(x, w, true)
}

// IsText tells whether a column is free text that learners can use: of Kind Text, with at least three words a value (a
// character of a script without spaces is half a word) on average over the rows of weight > 0 (w nil: all). Codes and names are not.
func IsText(c *table.Column, w []float64) bool {
	return c.Kind == table.Text && ngram.Prose(ngram.Cells{Texts: c.Dict, Code: c.Code}, w)
}

func inputsOf(x *table.Table, w []float64, text bool) (cols []Column, inputs *table.Table, notes []string) {
	order := slices.Clone(x.Columns)
	slices.SortStableFunc(order, func(a, b *table.Column) int { return strings.Compare(a.Name, b.Name) })
	inputs = &table.Table{}
	for _, c := range order {
		switch {
		case text && IsText(c, w):
			cols = append(cols, Column{Name: c.Name, Kind: table.Text})
			inputs.Columns = append(inputs.Columns, c)
			continue
		case text && c.Kind == table.Text && !empty(c, w):
			notes = append(notes, fmt.Sprintf("%s: codes or names that hardly repeat, not used", c.Name))
			continue
		case c.Kind == table.Text:
			notes = append(notes, fmt.Sprintf("%s: text, not used", c.Name))
			continue
		case empty(c, w):
			notes = append(notes, fmt.Sprintf("%s: no value at all, not used", c.Name))
			continue
		case c.Kind == table.Category:
			want := Column{Name: c.Name, Kind: table.Category, Levels: levels(c, w)}
			dict := table.DictOf(want.Levels...)
			cols = append(cols, want)
			inputs.Columns = append(inputs.Columns, &table.Column{Name: c.Name, Kind: table.Category, Dict: dict, Code: matchLevels(c, dict)})
		default:
			cols = append(cols, Column{Name: c.Name, Kind: table.Number})
			inputs.Columns = append(inputs.Columns, &table.Column{Name: c.Name, Kind: table.Number, Num: c.Floats()})
		}
	}
	return cols, inputs, notes
}

func empty(c *table.Column, w []float64) bool {
	for i := range c.Len() {
		if (w == nil || w[i] > 0) && !c.IsMissing(i) {
			return false
		}
	}
	return true
}

func levels(c *table.Column, w []float64) []string {
	seen := make([]bool, c.Dict.Len())
	for i, k := range c.Code {
		if k >= 0 && (w == nil || w[i] > 0) {
			seen[k] = true
		}
	}
	var out []string
	for k, ok := range seen {
		if ok {
			out = append(out, strings.Clone(c.Dict.At(k)))
		}
	}
	slices.Sort(out)
	return out
}

func checkValues(y Outcome, w []float64) (rows int, err error) {
	first, two := math.NaN(), false
	for i, v := range y.Y {
		if w != nil {
			if !(w[i] >= 0) || math.IsInf(w[i], 0) {
				return 0, fmt.Errorf("model: weight of row %d is %v", i, w[i])
			}
			if w[i] == 0 {
				continue
			}
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("model: outcome of row %d is %v", i, v)
		}
		if y.Task == kequn.Binary && v != 0 && v != 1 {
			return 0, fmt.Errorf("model: outcome of row %d is %v, want 0 or 1", i, v)
		}
		if y.Task == kequn.Multiclass && (v != math.Trunc(v) || v < 0 || v >= float64(len(y.Classes))) {
			return 0, fmt.Errorf("model: outcome of row %d is %v, want the index of one of %d classes", i, v, len(y.Classes))
		}
		if rows++; rows == 1 {
			first = v
		} else if v != first {
			two = true
		}
	}
	switch {
	case rows == 0:
		return 0, ErrNoRows
	case !two && y.Task != kequn.Regression:
		return rows, ErrOneClass
	}
	return rows, nil
}
