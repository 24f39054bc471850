package linear

import (
	"context"
	"fmt"

	"kequn"
	"kequn/internal/kernel"
)

// lbfgs minimises the penalised loss by the limited-memory BFGS method with Armijo steps. Where the sums of squares fit, the
// metric to begin with is the inverse of Böhning's bound (½·XᵀWX + λD, for each class), otherwise its diagonal.
//
// Reference: Nocedal and Wright, Numerical Optimization, §7.2; Böhning (1992), Multinomial logistic regression algorithm.
func (p *problem) lbfgs(ctx context.Context, l2 float64, maxSteps int) (*solution, error) {
	s := &solution{beta: p.start(), l2: l2}
	metric, err := p.metric(ctx, l2)
	if err != nil {
		return nil, err
	}
	// Near the end the loss no longer tells steps apart, but the gradient still does: go on until it is down.
	search := kernel.LBFGS{MaxSteps: 10 * maxSteps, Quiet: 8, Metric: metric}
	beta, value, settled, err := search.Minimise(s.beta, func(beta []float64) (float64, []float64, error) { return p.penalisedLoss(ctx, beta, l2) })
	if err != nil {
		return nil, err
	}
	s.beta = beta
	if !settled {
		s.notes = append(s.notes, fmt.Sprintf("the coefficients did not settle in %d steps", 10*maxSteps))
	}
	if p.task == kequn.Regression && p.power == 0 {
		s.sigma = 2 * (value - p.penalty(s.beta, l2)) / max(p.weight-float64(p.q), 1)
	}
	return s, nil
}

func (p *problem) penalisedLoss(ctx context.Context, beta []float64, l2 float64) (float64, []float64, error) {
	at, err := p.pass(ctx, beta, gradient, 1)
	if err != nil {
		return 0, nil, err
	}
	for j := range at.grad {
		at.grad[j] += p.penaltySlope(beta, j, l2)
	}
	return at.loss + p.penalty(beta, l2), at.grad, nil
}

// metric returns a function that multiplies a vector by an approximate inverse of the Hessian.
func (p *problem) metric(ctx context.Context, l2 float64) (func(v []float64), error) {
	bound, at0 := 0.5, make([]float64, p.k*p.q)
	if p.k == 1 {
		bound, at0 = 1, p.start()
	}
	if p.q > maxNewton {
		scale := make([]float64, p.q) // levels and the intercept: weight × variance, at most
		for j := range scale {
			scale[j] = 1 / (bound * p.weight)
			if j < p.p {
				scale[j] = 1 / (bound*p.weight + p.ridge(j, l2))
			}
		}
		return func(v []float64) {
			for j := range v {
				v[j] *= scale[j%p.q]
			}
		}, nil
	}
	at, err := p.pass(ctx, at0, hessian, 1)
	if err != nil {
		return nil, err
	}
	kernel.Scale(bound, at.hess)
	l := p.penalised(at.hess, l2)
	for ridge := 1e-12; !kernel.Cholesky(l, p.q); ridge *= 10 {
		l = p.penalised(at.hess, l2)
		for j := range p.q {
			l[j*p.q+j] = l[j*p.q+j]*(1+ridge) + ridge
		}
	}
	return func(v []float64) {
		for c := range p.k {
			kernel.CholeskySolve(l, p.q, v[c*p.q:(c+1)*p.q])
		}
	}, nil
}
