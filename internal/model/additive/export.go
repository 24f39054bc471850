package additive

import (
	"kequn"
	"kequn/internal/model"
	"kequn/internal/onnx"
	"kequn/internal/treekit"
)

var _ model.ONNXer = (*Model)(nil)

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
