package additive

import (
	"fmt"
	"strings"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/onnx"
	"kequn/internal/treekit"
)

var (
	_ model.ONNXer = (*Model)(nil)
	_ model.SQLer  = (*Model)(nil)
)

// ONNX implements [model.ONNXer]: a column's cell is found by its borders or level, and names a row of a table of what it adds.
func (m *Model) ONNX(g *onnx.Graph) (onnx.Value, error) {
	b, k := m.body, len(m.body.base)
	cells := make([]*onnx.Value, len(b.cuts)) // of the columns that are asked
	cell := func(c int) onnx.Value {
		if cells[c] == nil {
			v := cellONNX(g, m.header.Columns[c], &b.cuts[c])
			cells[c] = &v
		}
		return *cells[c]
	}
	parts := []onnx.Value{g.Repeat(b.base...)}
	for t := range b.columns {
		s := &b.columns[t]
		parts = append(parts, g.Lookup(cell(s.column), k, s.byCell()))
	}
	for t := range b.pairs {
		p := &b.pairs[t]
		row := g.LookupWhole(cell(p.a), wholes(p.ofA, p.nb))
		at := g.Op("Add", row, g.LookupWhole(cell(p.b), wholes(p.ofB, 1)))
		parts = append(parts, g.Lookup(at, k, p.byCell()))
	}
	margin := g.Sum(parts...)
	switch m.header.Task {
	case kequn.Binary:
		return model.LogisticONNX(g, margin), nil
	case kequn.Multiclass:
		return g.Softmax(margin), nil
	}
	return margin, nil
}

// cellONNX returns a column's cell, as whole numbers.
func cellONNX(g *onnx.Graph, c model.Column, cut *treekit.Cut) onnx.Value {
	missing := int64(cut.MissingBin())
	if cut.IsCategory() {
		bins := make([]int64, 0, len(c.Levels)+1)
		for l := range c.Levels {
			bins = append(bins, int64(cut.BinLevel(int32(l))))
		}
		return g.LookupWhole(g.Codes(c.Name, c.Levels), append(bins, missing))
	}
	return g.Place(g.Input(c.Name), cut.Upper, missing)
}

// byCell returns the values cell by cell: (cells, outputs).
func (s *shape) byCell() []float64 {
	var out []float64
	for c := range s.value[0] {
		for k := range s.value {
			out = append(out, s.value[k][c])
		}
	}
	return out
}

func wholes(of []uint8, times int) []int64 {
	out := make([]int64, len(of))
	for i, v := range of {
		out[i] = int64(v) * int64(times)
	}
	return out
}

// mostSQLCells is the number of cells, of shapes and pairs, beyond which a model is not written as SQL.
const mostSQLCells = 20_000

// SQL implements [model.SQLer]: a CASE per shape over its cells; of a pair, two helpers tell its steps.
func (m *Model) SQL(q *model.Query) ([]model.SQLValue, error) {
	b, cells := m.body, 0
	for t := range b.columns {
		cells += len(b.columns[t].weight)
	}
	for t := range b.pairs {
		cells += len(b.pairs[t].weight)
	}
	if cells *= len(b.base); cells > mostSQLCells {
		return nil, kequn.Errorf(kequn.KindUsage, "", "%s has %d cells, more than the %d that databases take as SQL", m.header.Family, cells, mostSQLCells).
			WithHint("export it --to onnx, or train a simpler one: --models linear, tree or rulelist")
	}
	at := make([]model.SQLValue, len(b.pairs)) // the cell of each pair
	for t := range b.pairs {
		p := &b.pairs[t]
		row := q.Let(m.cellSQL(q, p.a, func(cell int) string { return fmt.Sprint(int(p.ofA[cell]) * p.nb) }))
		col := q.Let(m.cellSQL(q, p.b, func(cell int) string { return fmt.Sprint(p.ofB[cell]) }))
		at[t] = q.Let(row.String()+" + "+col.String(), row, col)
	}
	margins := make([]model.SQLValue, len(b.base))
	for k := range margins {
		parts := []string{q.Double(b.base[k])}
		for t := range b.columns {
			value := b.columns[t].value[k]
			parts = append(parts, m.cellSQL(q, b.columns[t].column, func(cell int) string { return q.Number(value[cell]) }))
		}
		for t := range b.pairs {
			var s strings.Builder
			fmt.Fprintf(&s, "CASE %s", at[t])
			for cell, v := range b.pairs[t].value[k] {
				fmt.Fprintf(&s, " WHEN %d THEN %s", cell, q.Number(v))
			}
			parts = append(parts, s.String()+" END")
		}
		margins[k] = q.Let(q.Sum(parts), at...)
	}
	switch m.header.Task {
	case kequn.Binary:
		return []model.SQLValue{q.Logistic(margins[0])}, nil
	case kequn.Multiclass:
		return q.Softmax(margins), nil
	}
	return margins, nil
}

// cellSQL writes what a column's cell stands for; neighbours that stand for the same are one.
func (m *Model) cellSQL(q *model.Query, column int, text func(cell int) string) string {
	c, cut := m.header.Columns[column], &m.body.cuts[column]
	missing := text(int(cut.MissingBin()))
	var s strings.Builder
	if cut.IsCategory() {
		chosen := map[string][]bool{} // by text; walked in the order of levels
		for l := range c.Levels {
			says := text(int(cut.BinLevel(int32(l))))
			if chosen[says] == nil {
				chosen[says] = make([]bool, len(c.Levels))
			}
			chosen[says][l] = true
		}
		for l := range c.Levels {
			says := text(int(cut.BinLevel(int32(l))))
			if is := chosen[says]; is != nil && says != missing {
				s.WriteString("\n  WHEN " + q.Among(c, is, false) + " THEN " + says)
			}
			chosen[says] = nil
		}
		return caseOf(s.String(), missing)
	}
	s.WriteString("\n  WHEN " + q.Missing(c) + " THEN " + missing)
	for cell, border := range cut.Upper {
		if says := text(cell); says != text(cell+1) {
			s.WriteString("\n  WHEN " + q.AtMost(c, border, false) + " THEN " + says)
		}
	}
	return caseOf(s.String(), text(len(cut.Upper)))
}

func caseOf(when, otherwise string) string {
	if when == "" {
		return otherwise
	}
	return "CASE" + when + "\n  ELSE " + otherwise + " END"
}
