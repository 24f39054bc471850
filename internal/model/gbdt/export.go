package gbdt

import (
	"kequn/internal/model"
	"kequn/internal/onnx"
)

var (
	_ model.ONNXer = (*Model)(nil)
	_ model.SQLer  = (*Model)(nil)
)

// ONNX implements [model.ONNXer].
func (m *Model) ONNX(g *onnx.Graph) (onnx.Value, error) {
	margin, err := model.TreesONNX(g, m.header.Columns, m.trees)
	if err != nil {
		return margin, err
	}
	switch m.link {
	case logistic:
		return model.LogisticONNX(g, margin), nil
	case exponential:
		return model.ExpONNX(g, margin), nil
	case softmax:
		return g.Softmax(margin), nil
	}
	return margin, nil
}

// SQL implements [model.SQLer].
func (m *Model) SQL(q *model.Query) ([]model.SQLValue, error) {
	margins, err := q.TreesSQL(m.header.Family, m.header.Columns, m.trees)
	if err != nil {
		return nil, err
	}
	switch m.link {
	case logistic:
		return []model.SQLValue{q.Logistic(margins[0])}, nil
	case exponential:
		return []model.SQLValue{q.Exp(margins[0])}, nil
	case softmax:
		return q.Softmax(margins), nil
	}
	return margins, nil
}
