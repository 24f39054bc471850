// Package uplift is the family of learners of caused change: what an offer does to a customer, from randomised arms.
package uplift

import (
	"context"
	"fmt"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// T is the two-model learner, for any number of arms: one model of the outcome per arm,
//
//	upliftₐ(x) = E[Y | X = x, A = a] − E[Y | X = x, A = 0],
//
// which is caused by the arm where arms were drawn at random given x.
//
// Reference: Künzel, Sekhon, Bickel, Yu, Metalearners for estimating heterogeneous treatment effects, PNAS 2019.
type T struct {
	Base model.Learner // fits each arm
}

// Model predicts the outcome under each arm.
type Model struct {
	Arms []model.Model
}

// Fit fits the base learner to each arm's rows. arm holds 0 for control and 1 … nArms−1 for the offers. An arm whose
// outcome has one value only, or of fewer than MinRows rows, is a not-enough error that names the arm by its number.
func (l T) Fit(ctx context.Context, x *table.Table, arm []int, nArms int, y model.Outcome) (*Model, error) {
	m := &Model{Arms: make([]model.Model, nArms)}
	for a := range m.Arms {
		rows := rowsOf(arm, a)
		if len(rows) < MinRows {
			return nil, kequn.Errorf(kequn.KindNotEnough, "", "arm %d has %d customers, at least %d are needed", a, len(rows), MinRows)
		}
		fitted, err := l.Base.Fit(ctx, x.Take(rows), y.Take(rows), nil)
		if err != nil {
			return nil, fmt.Errorf("arm %d: %w", a, err)
		}
		m.Arms[a] = fitted
	}
	return m, nil
}

// MinRows is the fewest customers of an arm that a model is fitted to: below, effects of a few points drown in noise
// whatever the method.
const MinRows = 200

func rowsOf(arm []int, a int) []int32 {
	var rows []int32
	for i, v := range arm {
		if v == a {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// Predict returns the expected outcome per arm and row.
func (m *Model) Predict(x *table.Table) ([][]float64, error) {
	out := make([][]float64, len(m.Arms))
	for a, arm := range m.Arms {
		p, err := arm.Predict(x)
		if err != nil {
			return nil, err
		}
		out[a] = p
	}
	return out, nil
}

// CrossFit predicts every row by models that did not see it: folds by the hash of the customer, so that the same customer
// always lies in the same fold. It returns the expected outcome per arm and row.
func (l T) CrossFit(ctx context.Context, x *table.Table, customers *table.Column, arm []int, nArms int, y model.Outcome, folds int, seed uint64) ([][]float64, error) {
	n := x.NRows()
	fold := make([]int, n)
	for i := range fold {
		fold[i] = int(kernel.Hash64(seed, customers.String(i)) % uint64(folds))
	}
	out := make([][]float64, nArms)
	for a := range out {
		out[a] = make([]float64, n)
	}
	for f := range folds {
		var in, held []int32
		for i := range fold {
			if fold[i] == f {
				held = append(held, int32(i))
			} else {
				in = append(in, int32(i))
			}
		}
		armIn := make([]int, len(in))
		for k, i := range in {
			armIn[k] = arm[i]
		}
		m, err := l.Fit(ctx, x.Take(in), armIn, nArms, y.Take(in))
		if err != nil {
			return nil, err
		}
		p, err := m.Predict(x.Take(held))
		if err != nil {
			return nil, err
		}
		for a := range p {
			for k, i := range held {
				out[a][i] = p[a][k]
			}
		}
	}
	return out, nil
}
