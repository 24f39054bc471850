package linear

import (
	"math"

	"kequn"
	"kequn/internal/kernel"
)

// A penalty of λ on a standardised number asks how much of its coefficient is noise. So that a level of a category is asked the same, its
// 0/1 column is penalised as if it were standardised too, by λ·s(1−s) where s is its share of rows; the coefficient itself would
// be shrunk the more the rarer the level. But the fewer rows a level has the less there is to know, so that beside this, each level is
// penalised by 1, as in a prior that gives effects of levels a deviation of 1 (or by λ where that is less):
//
//	½·λ·Σ_numbers β² + ½·Σ_levels (λ·s(1−s) + min(λ, 1))·β²
type penalty struct {
	scaled []float64 // by column of the design: multiplies λ
	fixed  []float64 // multiplies min(λ, 1)
}

// setPenalty sets the penalty of each column, given the means of the encoding's columns.
func (p *problem) setPenalty(e *encoding) {
	p.means = e.means(p)
	p.pen = penalty{make([]float64, p.p), make([]float64, p.p)}
	for j := range p.p {
		p.pen.scaled[j] = 1
	}
	flag := func(coef int) {
		if coef >= 0 {
			s := p.means[coef]
			p.pen.scaled[p.column[coef]], p.pen.fixed[p.column[coef]] = s*(1-s), 1
		}
	}
	for _, t := range e.terms {
		for _, k := range t.slots {
			flag(int(k))
		}
		flag(t.other)
		flag(t.none)
	}
}

// ridge returns what multiplies ½β² of column j of the design.
func (p *problem) ridge(j int, l2 float64) float64 {
	return l2*p.pen.scaled[j] + min(l2, 1)*p.pen.fixed[j]
}

// ridges returns that of all columns.
func (p *problem) ridges(l2 float64) []float64 {
	out := make([]float64, p.p)
	for j := range out {
		out[j] = p.ridge(j, l2)
	}
	return out
}

func (p *problem) penalty(beta []float64, l2 float64) float64 {
	sum := 0.0
	for c := range p.k {
		for j, b := range beta[c*p.q : c*p.q+p.p] {
			sum += p.ridge(j, l2) * b * b
		}
	}
	return 0.5 * sum
}

// penaltySlope returns the penalty's derivative by coefficient j of all classes'.
func (p *problem) penaltySlope(beta []float64, j int, l2 float64) float64 {
	if j%p.q == p.p {
		return 0
	}
	return p.ridge(j%p.q, l2) * beta[j]
}

// penalised returns a copy of the Hessian with the penalty on its diagonal.
func (p *problem) penalised(hess []float64, l2 float64) []float64 {
	a := append([]float64(nil), hess...)
	for j := range p.p {
		a[j*p.q+j] += p.ridge(j, l2)
	}
	return a
}

// dispersion returns what the outcome's variance is a multiple of: 1 but for amounts.
func (p *problem) dispersion(s *solution) float64 {
	if p.task != kequn.Regression || p.power == 1 {
		return 1
	}
	return s.sigma
}

// covariance returns A⁻¹·H·A⁻¹ (q×q), A being the Hessian H with the penalty, times the dispersion; nil if the Hessian was not made.
func (p *problem) covariance(s *solution) []float64 {
	if s.hess == nil {
		return nil
	}
	inv := p.inverse(s.hess, s.l2)
	if inv == nil {
		return nil
	}
	// H·A⁻¹ = I − Λ·A⁻¹, so that A⁻¹·H·A⁻¹ = A⁻¹ − A⁻¹·Λ·A⁻¹: no product with H is needed.
	scale := p.dispersion(s)
	root := p.ridges(s.l2)
	for j, v := range root {
		root[j] = math.Sqrt(v)
	}
	q := p.q
	half := make([]float64, q*p.p) // A⁻¹·√Λ
	for i := range q {
		for j, r := range root {
			half[i*p.p+j] = inv[i*q+j] * r
		}
	}
	cov := make([]float64, q*q)
	kernel.Parallel(q, p.threads, 16, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			for j := range i + 1 {
				cov[i*q+j] = scale * (inv[i*q+j] - kernel.Dot(half[i*p.p:(i+1)*p.p], half[j*p.p:(j+1)*p.p]))
			}
		}
	})
	for i := range q {
		for j := range i {
			cov[j*q+i] = cov[i*q+j]
		}
	}
	return cov
}
