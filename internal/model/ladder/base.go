package ladder

import (
	"context"
	"io"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Base is rung zero: it gives everybody the same score, the rate of the training rows. What does not beat it knows nothing.
type Base struct{}

// Name returns "base".
func (Base) Name() string { return BaseName }

// Fit returns the constant. It uses no column, so it takes a table without any.
func (Base) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	n, err := model.Check(x, y, w)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	total := float64(len(y.Y))
	if w != nil {
		total = kernel.Sum(w)
	}
	m := &constant{h: model.Header{Family: BaseName, Version: 1, Task: y.Task, Classes: y.Classes, Rows: n}}
	m.value = make([]float64, y.NOut())
	for i, v := range y.Y {
		weight := 1.0
		if w != nil {
			weight = w[i]
		}
		switch {
		case weight == 0:
		case y.Task == kequn.Multiclass:
			m.value[int(v)] += weight / total
		default:
			m.value[0] += weight * v / total
		}
	}
	return m, nil
}

type constant struct {
	h     model.Header
	value []float64
}

func (m *constant) Header() model.Header { return m.h }

func (m *constant) Predict(x *table.Table) ([]float64, error) {
	out := make([]float64, 0, x.NRows()*len(m.value))
	for range x.NRows() {
		out = append(out, m.value...)
	}
	return out, nil
}

// Attribute implements [model.Attributor]: nothing contributes.
func (m *constant) Attribute(x *table.Table, class int) (float64, []float64, error) {
	if m.h.Task == kequn.Binary {
		return logit(m.value[0]), nil, nil
	}
	if m.h.Task == kequn.Multiclass {
		return math.Log(max(m.value[class], edge)), nil, nil
	}
	return m.value[0], nil, nil
}

// Margin implements [model.Marginer].
func (m *constant) Margin(x *table.Table) ([]float64, error) {
	out := make([]float64, x.NRows())
	base, _, _ := m.Attribute(x, 0)
	for i := range out {
		out[i] = base
	}
	return out, nil
}

func (m *constant) Encode(w io.Writer) error {
	a := model.NewArrayWriter(w)
	a.Float64s(m.value)
	return a.Err()
}

// DecodeBase reads the model of [Base].
func DecodeBase(h model.Header, r io.Reader) (model.Model, error) {
	if err := h.UpTo(1); err != nil {
		return nil, err
	}
	a := model.NewArrayReader(r)
	m := &constant{h: h, value: a.FiniteN(h.NOut())}
	if h.Task != kequn.Regression {
		for _, p := range m.value {
			if p < 0 || p > 1 {
				a.Fail()
			}
		}
	}
	return m, a.End()
}

// edge holds probabilities away from 0 and 1 before their logarithm is taken.
const edge = 1e-12

func logit(p float64) float64 {
	p = max(edge, min(1-edge, p))
	return math.Log(p / (1 - p))
}

func logistic(m float64) float64 {
	if m < 0 {
		e := math.Exp(m)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-m))
}
