package ladder

import (
	"fmt"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/onnx"
)

var (
	_ model.ONNXer = (*Choice)(nil)
	_ model.SQLer  = (*Choice)(nil)
	_ model.ONNXer = (*constant)(nil)
	_ model.SQLer  = (*constant)(nil)
)

// ONNX implements [model.ONNXer].
func (m *constant) ONNX(g *onnx.Graph) (onnx.Value, error) { return g.Repeat(m.value...), nil }

// SQL implements [model.SQLer].
func (m *constant) SQL(q *model.Query) ([]model.SQLValue, error) {
	out := make([]model.SQLValue, len(m.value))
	for i, v := range m.value {
		out[i] = q.Let(q.Double(v))
	}
	return out, nil
}

// SetOutcome keeps in the header which column was predicted and, of yes or no, which value counts as yes. It is called before the model is
// shared.
func (c *Choice) SetOutcome(column, positive string) { c.h.Outcome, c.h.Positive = column, positive }

// Calibrations returns the kind of calibration of the whole and of each member.
func (c *Choice) Calibrations() (whole string, each []string) {
	for _, k := range c.each {
		each = append(each, k.Kind)
	}
	return c.calibration.Kind, each
}

// cannotExport names the member that cannot be written.
func (c *Choice) cannotExport(i int, to string) error {
	err := model.CannotExport(c.members[i].Header(), to)
	if len(c.members) > 1 {
		err.Message = fmt.Sprintf("the blend has a member that cannot be written as %s: %s", to, c.names[i])
	}
	return err
}

// calibrationEdge is how far calibrations hold probabilities from 0 and 1 (see metric.Calibration).
const calibrationEdge = 1e-6

// ONNX implements [model.ONNXer]: the members, each with its calibration, their blend and its calibration.
func (c *Choice) ONNX(g *onnx.Graph) (onnx.Value, error) {
	var parts []onnx.Value
	for i, m := range c.members {
		o, ok := m.(model.ONNXer)
		if !ok {
			return onnx.Value{}, c.cannotExport(i, "ONNX")
		}
		p, err := o.ONNX(g)
		if err != nil {
			return onnx.Value{}, err
		}
		if c.h.Task == kequn.Binary {
			p = calibrationONNX(g, c.each[i], p)
			if len(c.members) > 1 {
				p = g.Clamp(p, edge, 1-edge)
				p = g.Op("Log", g.Op("Div", p, g.Op("Sub", g.Row(1), p)))
			}
		}
		if len(c.members) > 1 || c.h.Task != kequn.Binary {
			p = g.Op("Mul", p, g.Row(c.weights[i]))
		}
		parts = append(parts, p)
	}
	out := g.Sum(parts...)
	if c.h.Task != kequn.Binary {
		return out, nil
	}
	if len(parts) > 1 {
		out = model.LogisticONNX(g, out)
	}
	return calibrationONNX(g, c.calibration, out), nil
}

// calibrationONNX applies a calibration to probabilities.
func calibrationONNX(g *onnx.Graph, k metric.Calibration, p onnx.Value) onnx.Value {
	switch k.Kind {
	case metric.Isotonic:
		return g.Interpolate(p, k.X, k.Y, 1)
	case metric.Platt, metric.Beta:
		p = g.Clamp(p, calibrationEdge, 1-calibrationEdge)
		a, b, c := logs(k)
		yes := g.Op("Mul", g.Op("Log", p), g.Row(a))
		no := g.Op("Mul", g.Op("Log", g.Op("Sub", g.Row(1), p)), g.Row(-b))
		return model.LogisticONNX(g, g.Sum(yes, no, g.Row(c)))
	}
	return p
}

// logs returns a calibration by logarithms as σ(a·ln p − b·ln(1−p) + c).
func logs(k metric.Calibration) (a, b, c float64) {
	if k.Kind == metric.Platt {
		return k.A, k.A, k.B
	}
	return k.A, k.B, k.C
}

// SQL implements [model.SQLer].
func (c *Choice) SQL(q *model.Query) ([]model.SQLValue, error) {
	members := make([][]model.SQLValue, len(c.members))
	for i, m := range c.members {
		s, ok := m.(model.SQLer)
		if !ok {
			return nil, c.cannotExport(i, "SQL")
		}
		p, err := s.SQL(q)
		if err != nil {
			return nil, err
		}
		if c.h.Task == kequn.Binary {
			p = []model.SQLValue{calibrationSQL(q, c.each[i], p[0])}
			if len(c.members) > 1 {
				held := q.Let(q.Clamp(p[0].String(), edge, 1-edge), p[0])
				p[0] = q.Let(fmt.Sprintf("LN(%s / (1e0 - %s))", held, held), held)
			}
		}
		members[i] = p
	}
	if len(members) == 1 {
		if c.h.Task == kequn.Binary {
			members[0][0] = calibrationSQL(q, c.calibration, members[0][0])
		}
		return members[0], nil
	}
	out := make([]model.SQLValue, c.h.NOut())
	for k := range out {
		var parts []string
		var uses []model.SQLValue
		for i, p := range members {
			parts, uses = append(parts, q.Number(c.weights[i])+" * "+p[k].String()), append(uses, p[k])
		}
		out[k] = q.Let(q.Sum(parts), uses...)
	}
	if c.h.Task == kequn.Binary {
		out[0] = calibrationSQL(q, c.calibration, q.Logistic(out[0]))
	}
	return out, nil
}

func calibrationSQL(q *model.Query, k metric.Calibration, p model.SQLValue) model.SQLValue {
	switch k.Kind {
	case metric.Isotonic:
		return q.Interpolate(p, k.X, k.Y)
	case metric.Platt, metric.Beta:
		held := q.Let(q.Clamp(p.String(), calibrationEdge, 1-calibrationEdge), p)
		a, b, c := logs(k)
		return q.Logistic(q.Let(fmt.Sprintf("%s * LN(%s) - %s * LN(1e0 - %s) + %s", q.Number(a), held, q.Number(b), held, q.Number(c)), held))
	}
	return p
}

// WithCalibration returns the choice with another calibration of the whole.
func (c *Choice) WithCalibration(k metric.Calibration) *Choice {
	other := *c
	other.calibration = k
	return &other
}
