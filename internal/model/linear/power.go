package linear

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
)

// Amounts with a logarithmic link: μ = eᵐ, and a variance of φ·μ^power. The loss is half of the unit deviance,
//
//	Poisson, 1:       μ − y − y·log(μ/y)
//	Tweedie, 1 to 2:  μ^(2−p)/(2−p) − y·μ^(1−p)/(1−p) − (the same at μ = y)
//	gamma, 2:         y/μ − 1 + log(μ/y)
//
// whose derivative by m is μ^(2−p) − y·μ^(1−p), whatever p; the second derivative is positive for 1 ≤ p ≤ 2.
//
// Reference: McCullagh and Nelder, Generalized Linear Models; Jørgensen, The Theory of Dispersion Models.

// checkPower refuses powers and outcomes that do not go together.
func checkPower(power float64, y model.Outcome, w []float64) error {
	if power == 0 || y.Task != kequn.Regression {
		return nil
	}
	if power < 1 {
		return kequn.Errorf(kequn.KindUsage, "power", "is %v, of which there is no distribution", power).
			WithHint("0 is without a link, 1 Poisson, between 1 and 2 Tweedie, 2 gamma")
	}
	for i, v := range y.Y {
		if w != nil && w[i] == 0 {
			continue
		}
		if v < 0 || power == 2 && v == 0 {
			return kequn.Errorf(kequn.KindInput, "", "linear: the outcome of row %d is no amount that power %v allows", i, power).
				WithHint("powers from 1 want amounts ≥ 0, and 2 wants amounts > 0; power 0 takes any")
		}
	}
	return nil
}

// unitLoss returns the loss less what does not depend on m.
func unitLoss(y, m, power float64) float64 {
	switch power {
	case 1:
		return math.Exp(m) - y*m
	case 2:
		return y*math.Exp(-m) + m
	}
	a := math.Exp((1 - power) * m)
	return a*math.Exp(m)/(2-power) - y*a/(1-power)
}

// saturated returns for each row the unit loss of its exact prediction.
func saturated(y []float64, power float64) []float64 {
	out := make([]float64, len(y))
	for i, v := range y {
		if v > 0 {
			out[i] = unitLoss(v, math.Log(v), power)
		}
	}
	return out
}

// powerDerivatives is derivatives for amounts with a logarithmic link.
func (p *problem) powerDerivatives(lo, n int, what want, s *scratch, part *sums) (loss float64) {
	for i := range n {
		w, m, y := p.weightOf(lo+i), s.margin[i], p.y[lo+i]
		mu := math.Exp(m)
		a := 1.0 // μ^(1−p)
		if p.power != 1 {
			a = math.Exp((1 - p.power) * m)
		}
		d := a * (mu - y)
		s.r[i] = w * d
		switch what {
		case scores2:
			s.h[i] = w * d * d
		case information:
			s.h[i] = w * a * mu
			part.pearson += w * (mu - y) * (mu - y) * a / mu
		default:
			s.h[i] = w * a * ((2-p.power)*mu - (1-p.power)*y)
		}
		if w > 0 {
			loss += w * (unitLoss(y, m, p.power) - p.sat[lo+i])
		}
	}
	return loss
}

// logMean returns the logarithm of the mean outcome; of nothing but zeros, of as little as makes no difference.
func (p *problem) logMean() float64 {
	return math.Log(max(kernel.SumProduct(p.y, p.w)/p.weight, 1e-12))
}

// setInformation replaces the Hessian by its expectation, as tables of coefficients are commonly based on, and sets the dispersion: Pearson's
// Σ w·(y−μ)²/μ^p over the degrees of freedom.
func (p *problem) setInformation(ctx context.Context, s *solution) error {
	at, err := p.pass(ctx, s.beta, information, 1)
	if err != nil {
		return err
	}
	s.hess = at.hess
	edf := p.effective(s.hess, s.hess, s.l2)
	s.sigma = at.pearson / max(p.weight-edf, 1)
	return nil
}
