package model

import (
	"kequn"
	"kequn/internal/table"
)

// Matcher finds a model's columns in tables. A model that scores single rows keeps one, since it has looked at the levels
// already. It may be used by several goroutines at once.
type Matcher struct {
	columns []Column
	dicts   []*table.Dict
}

// NewMatcher returns a matcher for the columns of a model.
func NewMatcher(columns []Column) *Matcher {
	m := &Matcher{columns: columns, dicts: make([]*table.Dict, len(columns))}
	for i, c := range columns {
		if c.Kind == table.Category {
			m.dicts[i] = table.DictOf(c.Levels...)
		}
	}
	return m
}

// Match does what the function [Match] does. Number columns of x, and x itself if it is what the model wants, are given
// back as they are: they must not be changed.
func (m *Matcher) Match(x *table.Table) (*table.Table, error) {
	if m.isMatched(x) {
		return x, nil
	}
	out := &table.Table{Columns: make([]*table.Column, len(m.columns))}
	var missing []string
	next := 0
	for i := range m.columns {
		want := &m.columns[i]
		// Tables mostly have their columns in the model's order, with others between them.
		for next < len(x.Columns) && x.Columns[next].Name < want.Name {
			next++
		}
		var c *table.Column
		if next < len(x.Columns) && x.Columns[next].Name == want.Name {
			c = x.Columns[next]
		} else {
			c = x.Column(want.Name)
		}
		switch {
		case c == nil:
			missing = append(missing, want.Name)
		case want.Kind == table.Text && !c.Kind.InCode():
			return nil, kequn.Errorf(kequn.KindInput, want.Name, "is %s, the model wants text", c.Kind)
		case want.Kind == table.Text:
			out.Columns[i] = &table.Column{Name: want.Name, Kind: table.Text, Dict: c.Dict, Code: c.Code}
		case want.Kind == table.Category && !c.Kind.InCode():
			return nil, kequn.Errorf(kequn.KindInput, want.Name, "is %s, the model wants categories", c.Kind)
		case want.Kind == table.Category:
			out.Columns[i] = &table.Column{Name: want.Name, Kind: table.Category, Dict: m.dicts[i], Code: matchLevels(c, m.dicts[i])}
		case c.Kind.InCode():
			return nil, kequn.Errorf(kequn.KindInput, want.Name, "is %s, the model wants numbers", c.Kind)
		case c.Kind == table.Number:
			out.Columns[i] = c
		default:
			out.Columns[i] = &table.Column{Name: want.Name, Kind: table.Number, Num: c.Floats()}
		}
	}
	if missing != nil {
		return nil, MissingColumns(len(m.columns), len(x.Columns), missing)
	}
	return out, nil
}

// isMatched tells whether x is what Match would return: number columns only, by the model's names and in its order.
func (m *Matcher) isMatched(x *table.Table) bool {
	if len(x.Columns) != len(m.columns) {
		return false
	}
	for i, c := range x.Columns {
		if want := &m.columns[i]; want.Kind != table.Number || c.Kind != table.Number || c.Name != want.Name {
			return false
		}
	}
	return true
}

// matchLevels returns the codes of c in dict, -1 for values it does not hold.
func matchLevels(c *table.Column, dict *table.Dict) []int32 {
	code := make([]int32, len(c.Code))
	if len(code) < c.Dict.Len() {
		for i, k := range c.Code {
			code[i] = -1
			if k >= 0 {
				code[i] = dict.Find(c.Dict.At(int(k)))
			}
		}
		return code
	}
	to := make([]int32, c.Dict.Len())
	for k := range to {
		to[k] = dict.Find(c.Dict.At(k))
	}
	for i, k := range c.Code {
		code[i] = -1
		if k >= 0 {
			code[i] = to[k]
		}
	}
	return code
}
