package tree

import (
	"math"
	"strings"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/onnx"
)

var (
	_ model.ONNXer = (*Model)(nil)
	_ model.SQLer  = (*Model)(nil)
	_ model.ONNXer = (*ForestModel)(nil)
	_ model.ONNXer = (*RuleListModel)(nil)
	_ model.SQLer  = (*RuleListModel)(nil)
)

// ONNX implements [model.ONNXer].
func (m *Model) ONNX(g *onnx.Graph) (onnx.Value, error) {
	margin, err := model.TreesONNX(g, m.h.Columns, m.trees)
	return linkONNX(g, m.h, margin), err
}

func linkONNX(g *onnx.Graph, h model.Header, margin onnx.Value) onnx.Value {
	switch h.Task {
	case kequn.Binary:
		return model.LogisticONNX(g, margin)
	case kequn.Multiclass:
		return g.Softmax(margin)
	}
	return margin
}

// SQL implements [model.SQLer]. Leaves are what they predict.
func (m *Model) SQL(q *model.Query) ([]model.SQLValue, error) {
	t, k := &m.trees.Trees[0], m.h.NOut()
	if len(t.Nodes)*k > model.MostSQLNodes {
		_, err := q.TreesSQL(m.h.Family, m.h.Columns, m.trees) // says why not
		return nil, err
	}
	predictions := make([]float64, 0, len(t.Leaf))
	for leaf := range t.NLeaves() {
		row := make([]float64, k)
		for c := range row {
			row[c] = m.trees.Base[c] + t.Leaf[leaf*k+c]
		}
		toPredictions(m.h, row)
		predictions = append(predictions, row...)
	}
	out := make([]model.SQLValue, k)
	for c := range out {
		out[c] = q.Let(q.TreeSQL(m.h.Columns, m.trees, t, func(leaf int) string { return q.Number(predictions[leaf*k+c]) }))
	}
	return out, nil
}

// ONNX implements [model.ONNXer].
func (m *ForestModel) ONNX(g *onnx.Graph) (onnx.Value, error) {
	p, err := model.TreesONNX(g, m.h.Columns, m.trees)
	if err != nil || m.h.Task == kequn.Regression {
		return p, err
	}
	p = g.Clamp(p, surest, 1-surest)
	x := g.Op("Log", p)
	if m.h.NOut() == 1 {
		x = g.Op("Log", g.Op("Div", p, g.Op("Sub", g.Row(1), p)))
	}
	margin := g.Op("Mul", x, g.Row(m.link.slope))
	if m.h.NOut() == 1 {
		margin = g.Op("Add", margin, g.Row(m.link.shift))
	}
	return linkONNX(g, m.h, margin), nil
}

// prediction returns what a rule predicts.
func (m *RuleListModel) prediction(r *listRule) float64 {
	if m.h.Task == kequn.Binary {
		return logistic(r.margin)
	}
	return r.margin
}

// ONNX implements [model.ONNXer]: from the last rule to the first, each overrules those after it.
func (m *RuleListModel) ONNX(g *onnx.Graph) (onnx.Value, error) {
	last := len(m.rules) - 1
	out := g.Repeat(m.prediction(&m.rules[last]))
	for i := last - 1; i >= 0; i-- {
		var holds onnx.Value
		for j := range m.rules[i].conditions {
			c := m.rules[i].conditions[j].onnx(g, m.h.Columns[m.rules[i].conditions[j].col])
			if j > 0 {
				c = g.Op("And", holds, c)
			}
			holds = c
		}
		out = g.Op("Where", holds, g.Row(m.prediction(&m.rules[i])), out)
	}
	return out, nil
}

// onnx returns whether the condition holds.
func (c *condition) onnx(g *onnx.Graph, col model.Column) onnx.Value {
	if c.levels != nil {
		table := make([]float64, len(c.levels)+1)
		for k, ok := range append(append([]bool(nil), c.levels...), c.missing) {
			if ok {
				table[k] = 1
			}
		}
		return g.Op("Greater", g.Lookup(g.Codes(col.Name, col.Levels), 1, table), g.Row(0.5))
	}
	x := g.Input(col.Name)
	holds := g.Op("LessOrEqual", x, g.Row(c.hi)) // false for NaN
	if !math.IsInf(c.lo, -1) {
		holds = g.Op("And", holds, g.Op("Greater", x, g.Row(c.lo)))
	}
	if c.missing {
		holds = g.Op("Or", holds, g.Op("IsNaN", x))
	}
	return holds
}

// SQL implements [model.SQLer].
func (m *RuleListModel) SQL(q *model.Query) ([]model.SQLValue, error) {
	var b strings.Builder
	last := len(m.rules) - 1
	for i := range last {
		var parts []string
		for j := range m.rules[i].conditions {
			c := &m.rules[i].conditions[j]
			parts = append(parts, c.sql(q, m.h.Columns[c.col]))
		}
		b.WriteString("\n  WHEN " + strings.Join(parts, " AND ") + " THEN " + q.Number(m.prediction(&m.rules[i])))
	}
	e := q.Number(m.prediction(&m.rules[last]))
	if last > 0 {
		e = "CASE" + b.String() + "\n  ELSE " + e + " END"
	}
	return []model.SQLValue{q.Let(e)}, nil
}

func (c *condition) sql(q *model.Query, col model.Column) string {
	if c.levels != nil {
		return q.Among(col, c.levels, c.missing)
	}
	holds := q.AtMost(col, c.hi, false)
	if !math.IsInf(c.lo, -1) {
		holds += " AND " + q.Quote(col.Name) + " > " + q.Number(c.lo)
	}
	if c.missing {
		return "(" + holds + " OR " + q.Missing(col) + ")"
	}
	return holds
}
