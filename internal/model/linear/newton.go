package linear

import (
	"context"
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
)

// settled is the decrease, relative to the loss, below which one more Newton step is the last: steps converge
// quadratically, so the step after a decrease of 1e-9 is exact to rounding.
const settled = 1e-9

// newton minimises the penalised loss from beta. A step that makes it worse is halved.
func (p *problem) newton(ctx context.Context, beta []float64, l2 float64, maxSteps int) (*solution, error) {
	s := &solution{beta: append([]float64(nil), beta...), l2: l2}
	if p.task == kequn.Regression && p.power == 0 { // one step solves it
		at, err := p.atZero(ctx)
		if err != nil {
			return nil, err
		}
		if s.beta, s.steps, s.hess = p.newtonStep(at, make([]float64, p.q), l2), 1, at.hess; s.beta == nil {
			return nil, errNotFinite
		}
		kernel.Scale(-1, s.beta)
		p.residualVariance(s, at)
		return s, nil
	}
	left, err := p.descend(ctx, s, maxSteps, 1, settled)
	if err == nil && s.steps == maxSteps && left > 1e-6 {
		s.notes = append(s.notes, fmt.Sprintf("the coefficients did not settle in %d steps", maxSteps))
	}
	if err == nil && p.power > 0 {
		err = p.setInformation(ctx, s)
	}
	return s, err
}

// atZero returns the sums of a regression with all coefficients 0, which are all that it needs whatever the penalty.
func (p *problem) atZero(ctx context.Context) (*sums, error) {
	if p.zero == nil {
		at, err := p.pass(ctx, make([]float64, p.q), hessian, 1)
		if err != nil {
			return nil, err
		}
		p.zero = at
	}
	return p.zero, nil
}

// descend makes Newton steps from s.beta on each every-th lot of rows, until one more step is expected to save less than
// precision of the loss (relative). It takes that step and returns what it was expected to save.
func (p *problem) descend(ctx context.Context, s *solution, maxSteps, every int, precision float64) (left float64, err error) {
	at, err := p.pass(ctx, s.beta, hessian, every)
	if err != nil {
		return 0, err
	}
	value := at.loss + p.penalty(s.beta, s.l2)
	for s.steps = 1; ; s.steps++ {
		step := p.newtonStep(at, s.beta, s.l2)
		if step == nil {
			return 0, errNotFinite
		}
		slope := 0.0
		for j, g := range at.grad {
			slope += (g + p.penaltySlope(s.beta, j, s.l2)) * step[j]
		}
		if slope <= precision*(1+value) || s.steps == maxSteps {
			kernel.Axpy(-1, step, s.beta)
			s.hess = at.hess
			return slope / (1 + value), nil
		}
		size := 1.0
		for {
			trial := append([]float64(nil), s.beta...)
			kernel.Axpy(-size, step, trial)
			next, err := p.pass(ctx, trial, hessian, every)
			if err != nil {
				return 0, err
			}
			if v := next.loss + p.penalty(trial, s.l2); v <= value || size < 1e-6 {
				s.beta, at, value = trial, next, v
				break
			}
			size /= 2
		}
	}
}

// A logistic regression of many rows begins at the solution for some of them: that is close enough for the last two or
// three steps, and all steps before cost a fraction. It has so many rows for each coefficient at least:
const (
	startRows    = 8192
	startPerCoef = 20
	startMost    = 8 // the sample is no less than an eighth: it costs little more than one step then
)

// warm returns coefficients to begin with: the solution for a sample of rows where there are many, else [problem.start].
func (p *problem) warm(ctx context.Context, l2 float64) ([]float64, error) {
	start := p.start()
	every := min(startMost, p.n/max(startRows, startPerCoef*p.q))
	if p.task != kequn.Binary || every < 2 {
		return start, nil
	}
	s := &solution{beta: append([]float64(nil), start...), l2: l2}
	if _, err := p.descend(ctx, s, 12, every, 1e-5); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return start, nil
	}
	// The sample may be unlike the rest, if rows come in some order: it must do better than where it started.
	from, err := p.pass(ctx, s.beta, gradient, 1)
	if err != nil {
		return nil, err
	}
	mean := kernel.SumProduct(p.y, p.w) / p.weight
	if !(from.loss+p.penalty(s.beta, l2) < -p.weight*(mean*math.Log(mean)+(1-mean)*math.Log(1-mean))) {
		return start, nil
	}
	return s.beta, nil
}

func (p *problem) newtonStep(at *sums, beta []float64, l2 float64) []float64 {
	g := make([]float64, p.q)
	for j := range g {
		g[j] = at.grad[j] + p.penaltySlope(beta, j, l2)
	}
	step, _ := kernel.SolveSPD(p.penalised(at.hess, l2), p.q, g)
	return step
}

// residualVariance sets the variance of residuals of a regression, RSS/(n − edf), from the sums at the start (β = 0, where
// the gradient is −Xᵀy and the loss half of yᵀy).
func (p *problem) residualVariance(s *solution, at *sums) {
	s.edf = p.effective(s.hess, s.hess, s.l2)
	s.sigma = p.rss(s.beta, at) / max(p.weight-s.edf, 1)
}

func (p *problem) rss(beta []float64, at *sums) float64 {
	rss := 2*at.loss + 2*kernel.Dot(at.grad, beta)
	for i := range p.q {
		row := at.hess[i*p.q : i*p.q+i]
		rss += beta[i] * (2*kernel.Dot(row, beta[:i]) + at.hess[i*p.q+i]*beta[i])
	}
	return max(rss, 0)
}

// effective returns the trace of (H + λD)⁻¹·J, where D is the identity without the intercept: with J = H the effective number
// of coefficients.
func (p *problem) effective(hess, j []float64, l2 float64) float64 {
	inv := p.inverse(hess, l2)
	if inv == nil {
		return float64(p.q)
	}
	trace := 0.0
	for r := range p.q {
		row := j[r*p.q : r*p.q+r]
		trace += 2*kernel.Dot(row, inv[r*p.q:r*p.q+r]) + j[r*p.q+r]*inv[r*p.q+r]
	}
	return trace
}

// inverse returns (H + λD)⁻¹, or nil if there is none.
func (p *problem) inverse(hess []float64, l2 float64) []float64 {
	for ridge := 0.0; ridge < 1e-3; ridge = max(1e-10, ridge*10) {
		a := p.penalised(hess, l2)
		for j := range p.q {
			a[j*p.q+j] *= 1 + ridge
		}
		if kernel.Cholesky(a, p.q) {
			return kernel.CholeskyInverse(a, p.q)
		}
	}
	return nil
}
