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

// Match does what the function [Match] does.
func (m *Matcher) Match(x *table.Table) (*table.Table, error) {
	out := &table.Table{Columns: make([]*table.Column, len(m.columns))}
	var missing []string
	for i, want := range m.columns {
		c := x.Column(want.Name)
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
		default:
			out.Columns[i] = &table.Column{Name: want.Name, Kind: table.Number, Num: c.Floats()}
		}
	}
	if missing != nil {
		return nil, MissingColumns(len(m.columns), len(x.Columns), missing)
	}
	return out, nil
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
