package modeltest

import (
	"context"
	"io"
	"testing"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/linear"
	"kequn/internal/table"
)

// spoilt is a good learner with one fault. A kit that lets the fault pass checks nothing.
type spoilt struct {
	model.Learner
	fit   func(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, w []float64) (model.Model, error)
	after func(m model.Model, x *table.Table, p []float64) []float64
}

func (s spoilt) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	fit := s.fit
	if fit == nil {
		fit = func(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
			return l.Fit(ctx, x, y, w)
		}
	}
	m, err := fit(ctx, s.Learner, x, y, w)
	if err != nil || s.after == nil {
		return m, err
	}
	return spoiltModel{m.(*linear.Model), s.after}, nil
}

type spoiltModel struct {
	*linear.Model
	after func(m model.Model, x *table.Table, p []float64) []float64
}

func (m spoiltModel) Predict(x *table.Table) ([]float64, error) {
	p, err := m.Model.Predict(x)
	if err == nil {
		p = m.after(m.Model, x, p)
	}
	return p, err
}

func (m spoiltModel) Encode(w io.Writer) error { return m.Model.Encode(w) }

func TestFaultsAreFound(t *testing.T) {
	good := linear.Learner{}
	calls := 0
	for _, c := range []struct {
		check string
		l     spoilt
	}{
		{"ready/beats-constant", spoilt{after: func(_ model.Model, _ *table.Table, p []float64) []float64 {
			for i := range p {
				p[i] = 1 - p[i]
			}
			return p
		}}},
		{"repeatable/twice", spoilt{fit: func(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
			calls++
			return linear.Learner{L2: 1 + float64(calls%7)}.Fit(ctx, x, y, w)
		}}},
		{"repeatable/inputs", spoilt{fit: func(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
			x.Column("noise").Num[0] = 17
			return l.Fit(ctx, x, y, w)
		}}},
		{"fair/zero", spoilt{fit: func(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
			for i := range w {
				w[i] = 1
			}
			for i := range y.Y {
				if y.Y[i] != 1 {
					y.Y[i] = 0
				}
			}
			return l.Fit(ctx, x, y, w)
		}}},
		{"fair/twice", spoilt{fit: func(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, _ []float64) (model.Model, error) {
			return l.Fit(ctx, x, y, nil)
		}}},
		{"ready/few-levels", spoilt{after: func(_ model.Model, _ *table.Table, p []float64) []float64 {
			for i := range p {
				p[i] = 0.5
			}
			return p
		}}},
		{"fair/few-levels", spoilt{fit: func(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, _ []float64) (model.Model, error) {
			return l.Fit(ctx, x, y, nil)
		}}},
		{"fair/row-order", spoilt{fit: func(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
			half := x.NRows() / 2
			y.Y = y.Y[:half]
			return l.Fit(ctx, x.Slice(0, half), y, nil)
		}}},
		{"fair/batch", spoilt{after: func(_ model.Model, _ *table.Table, p []float64) []float64 {
			p[0] += 0.001 * float64(len(p)) / 1000
			return p
		}}},
		{"fair/contributions", spoilt{after: func(_ model.Model, _ *table.Table, p []float64) []float64 {
			for i := range p {
				p[i] *= 0.99
			}
			return p
		}}},
		{"careful/one-class", spoilt{fit: func(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
			y.Y = append([]float64{1 - y.Y[0]}, y.Y[1:]...)
			return l.Fit(ctx, x, y, w)
		}}},
		{"careful/cancel", spoilt{fit: func(_ context.Context, l model.Learner, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
			return l.Fit(context.Background(), x, y, w)
		}}},
	} {
		c.l.Learner = good
		s := newSubject(c.l, linear.Decode, kequn.Binary)
		found := false
		for _, check := range checks {
			if check.name == c.check {
				found = true
				if s.run(check) == nil {
					t.Errorf("a fault against %s was not found", c.check)
				}
			}
		}
		if !found {
			t.Errorf("there is no check %s", c.check)
		}
	}
}
