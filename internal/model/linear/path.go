package linear

import (
	"context"
	"math"

	"kequn"
)

// On tables that are long for their width the penalty hardly matters, and on large or very wide ones choosing costs more than
// it gives: then defaultL2 is taken.
const (
	longTable = 200 // rows per coefficient
	wideTable = 600 // coefficients
	dearTable = 1e9 // rows × coefficients²: a step of a logistic regression takes some tenths of a second from here on
)

// worthwhile is the improvement of the criterion, in nats, for which the penalty is moved on: less is noise, and on a flat
// stretch the larger coefficients of a smaller penalty are not worth having.
const worthwhile = 0.1

// path chooses the penalty: from λ = 1 it goes by factors of √10 in the direction that improves the criterion until it no
// longer does, each fit starting at the last one's coefficients.
//
// The criterion is the loss expected on other rows. Binary: Σ loss + tr((H+λD)⁻¹·J), H being the Hessian and J = Σ wᵢ·rᵢ²·xᵢxᵢᵀ
// the variation of the gradient (Takeuchi's criterion, to which leaving one row out tends). Regression: n/2 times
// the logarithm of the generalised cross-validation, n·RSS/(n − edf)². Unlike held-out rows, neither depends on the order of rows, and a row of weight 2
// counts as the row twice.
//
// Reference: Konishi and Kitagawa, Information Criteria and Statistical Modeling, §3.4; Golub, Heath and Wahba (1979).
func (p *problem) path(ctx context.Context, maxSteps int) (*solution, error) {
	start, err := p.warm(ctx, defaultL2)
	if err != nil {
		return nil, err
	}
	first, err := p.newton(ctx, start, defaultL2, maxSteps)
	if err != nil || p.weight > float64(longTable*p.q) || p.q > wideTable ||
		p.task == kequn.Binary && float64(p.n)*float64(p.q)*float64(p.q) > dearTable {
		return first, err
	}
	best, score := first, 0.0
	if score, err = p.criterion(ctx, first); err != nil {
		return nil, err
	}
	factor := math.Sqrt(10)
	for _, up := range []bool{true, false} {
		moved := false
		for step := 1; step <= 8; step++ {
			l2 := math.Pow(factor, float64(step))
			if !up {
				l2 = 1 / l2
			}
			s, err := p.newton(ctx, best.beta, l2, maxSteps)
			if err != nil {
				return nil, err
			}
			c, err := p.criterion(ctx, s)
			if err != nil {
				return nil, err
			}
			if !(c < score-worthwhile) {
				break
			}
			best, score, moved = s, c, true
		}
		if moved {
			break
		}
	}
	return best, nil
}

func (p *problem) criterion(ctx context.Context, s *solution) (float64, error) {
	if p.task == kequn.Regression && p.power == 0 {
		left := p.weight - s.edf
		if left <= 0 {
			return math.Inf(1), nil
		}
		rss := s.sigma * max(left, 1)
		return 0.5 * p.weight * math.Log(p.weight*rss/(left*left)), nil
	}
	at, err := p.pass(ctx, s.beta, scores2, 1)
	if err != nil {
		return 0, err
	}
	s.edf = p.effective(s.hess, at.hess, s.l2)
	return at.loss + s.edf, nil
}
