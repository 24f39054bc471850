package linear

import (
	"context"
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
)

// history is how many steps L-BFGS remembers. With a good metric to start from, more bring nothing.
const history = 10

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
	value, grad, err := p.penalisedLoss(ctx, s.beta, l2)
	if err != nil {
		return nil, err
	}
	var steps, changes [][]float64
	quiet := 0
	for s.steps = 1; s.steps <= 10*maxSteps; s.steps++ {
		dir := direction(grad, steps, changes, metric)
		slope := kernel.Dot(dir, grad)
		if slope <= 1e-20*(1+value) {
			break
		}
		size := 1.0
		var trial, g []float64
		var v float64
		for ; size > 1e-10; size /= 2 {
			trial = append([]float64(nil), s.beta...)
			kernel.Axpy(-size, dir, trial)
			if v, g, err = p.penalisedLoss(ctx, trial, l2); err != nil {
				return nil, err
			}
			if v <= value-1e-4*size*slope || math.Abs(v-value) <= 1e-13*(1+math.Abs(value)) {
				break
			}
		}
		if size <= 1e-10 {
			break
		}
		step, change := make([]float64, len(g)), make([]float64, len(g))
		for j := range g {
			step[j], change[j] = trial[j]-s.beta[j], g[j]-grad[j]
		}
		if kernel.Dot(step, change) > 0 {
			steps, changes = append(steps, step), append(changes, change)
			if len(steps) > history {
				steps, changes = steps[1:], changes[1:]
			}
		}
		// Near the end the loss no longer tells steps apart, but the gradient still does: go on until it is down.
		if value-v <= 1e-13*(1+math.Abs(value)) {
			quiet++
		} else {
			quiet = 0
		}
		s.beta, value, grad = trial, v, g
		if quiet >= 8 {
			break
		}
	}
	if s.steps > 10*maxSteps {
		s.notes = append(s.notes, fmt.Sprintf("the coefficients did not settle in %d steps", 10*maxSteps))
	}
	if p.task == kequn.Regression {
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
	bound := 0.5
	if p.q > maxNewton {
		scale := make([]float64, p.q) // levels and the intercept: weight × variance, at most
		for j := range scale {
			scale[j] = 1 / (bound*p.weight + l2)
		}
		return func(v []float64) {
			for j := range v {
				v[j] *= scale[j%p.q]
			}
		}, nil
	}
	at, err := p.pass(ctx, make([]float64, p.k*p.q), hessian, 1)
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

// direction returns the approximate inverse Hessian times the gradient, by the two-loop recursion.
func direction(grad []float64, steps, changes [][]float64, metric func([]float64)) []float64 {
	d := append([]float64(nil), grad...)
	alpha := make([]float64, len(steps))
	for i := len(steps) - 1; i >= 0; i-- {
		alpha[i] = kernel.Dot(steps[i], d) / kernel.Dot(steps[i], changes[i])
		kernel.Axpy(-alpha[i], changes[i], d)
	}
	metric(d)
	for i := range steps {
		beta := kernel.Dot(changes[i], d) / kernel.Dot(steps[i], changes[i])
		kernel.Axpy(alpha[i]-beta, steps[i], d)
	}
	return d
}
