package lifetime

import (
	"math"

	"kequn/internal/kernel"
)

// paretoNBD: while alive, orders at rate λ ~ Gamma(r, rate α); leaves after a time that is exponential with rate μ ~ Gamma(s, rate β). With R = r + x,
//
//	L(x, t_x, T) = Γ(R)/Γ(r)·αʳ·(α+T)⁻ᴿ·(β/(β+T))ˢ · (1 + D)
//	D = ∫_{t_x}^T ((α+T)/(α+y))ᴿ·((β+T)/(β+y))ˢ·s/(β+y) dy
//
// and P(alive) = 1/(1+D). The literature writes D as a difference of two hypergeometric functions, which overflow and cancel each other; as an
// integral every term is positive and below a known bound. It is computed in z = log(min(α, β)+y), where the integrand falls exponentially and its
// nearest singularity is π away, by 16-point Gauss rules on panels short enough for 11 digits.
type paretoNBD struct{}

func (paretoNBD) starts(rate float64) [][]float64 {
	return [][]float64{
		{0.5, 0.5 / rate, 0.5, 0.5},
		{1, 1 / rate, 0.3, 2},
		{0.5, 0.3 / rate, 1, 0.2},
		{2, 2 / rate, 0.02, 0.5}, // hardly anybody leaves
	}
}

// left returns log D and, where grad is set, the derivatives of D by r, α, s, β, divided by D.
func left(r, alpha, s, beta, big, tx, t float64, grad *[4]float64) float64 {
	if t <= tx {
		return math.Inf(-1)
	}
	m := min(alpha, beta)
	end, bEnd := alpha+t, beta+t
	logA, logB := math.Log(end/(alpha+tx)), math.Log(bEnd/(beta+tx))
	peak := big*logA + s*logB                                                         // log of the integrand's powers at t_x, their largest
	fall := func(e float64) float64 { return big*e/(alpha-m+e) + (s+1)*e/(beta-m+e) } // of the exponent, at e = m+y
	sum, gr, gAlpha, gs, gBeta := 0.0, 0.0, 0.0, 0.0, 0.0
	for e, last := m+tx, m+t; e < last*(1-1e-15); {
		step := min(4, 16/fall(e), math.Log(last/e))
		for step*fall(e*math.Exp(step)) > 28 { // the rate may grow along the panel
			step /= 2
		}
		to := e * math.Exp(step)
		half, part := step/2, 0.0
		gauss := &gauss16
		if step <= 2 && step*fall(to) <= 4 {
			gauss = &gauss8 // as exact on so short a panel
		}
		centre := e * math.Exp(half)
		for i, node := range gauss.nodes {
			at := centre * math.Exp(half*node)
			ya, yb := alpha-m+at, beta-m+at // α+y, β+y
			la, lb := math.Log(end/ya), math.Log(bEnd/yb)
			f := gauss.weights[i] * math.Exp(big*la+s*lb-peak) * s * at / yb
			part += f
			if grad != nil {
				gr += half * f * la
				gAlpha += half * f * (1/end - 1/ya)
				gs += half * f * lb
				gBeta += half * f * (s/bEnd - (s+1)/yb)
			}
		}
		part *= half
		sum += part
		if part < 1e-16*sum {
			break
		}
		e = to
	}
	if grad != nil {
		grad[0], grad[1], grad[2], grad[3] = gr/sum, big*gAlpha/sum, gs/sum+1/s, gBeta/sum
	}
	return peak + math.Log(sum)
}

// likelihood returns Σ log L and its gradient in the logarithms of r, α, s, β.
func (paretoNBD) likelihood(theta []float64, g *groups, threads int) (float64, []float64) {
	r, alpha, s, beta := theta[0], theta[1], theta[2], theta[3]
	up, dUp := rising(r, 1, g.unique)
	sum := kernel.Reduce(len(g.x), threads, 512, func(lo, hi int) (acc [5]float64) {
		for i := lo; i < hi; i++ {
			w, x, tx, t := g.weight[i], float64(g.x[i]), g.recency[i], g.age[i]
			la, lb := math.Log1p(t/alpha), math.Log1p(t/beta)
			ll := up[g.kind[i]] - r*la - x*math.Log(alpha+t) - s*lb
			dr, dAlpha, ds, dBeta := dUp[g.kind[i]]-la, r*t/(alpha*(alpha+t))-x/(alpha+t), -lb, s*t/(beta*(beta+t))
			var d [4]float64
			if logD := left(r, alpha, s, beta, r+x, tx, t, &d); !math.IsInf(logD, -1) {
				all := logSum(0, logD)
				gone := math.Exp(logD - all)
				ll += all
				dr += gone * d[0]
				dAlpha += gone * d[1]
				ds += gone * d[2]
				dBeta += gone * d[3]
			}
			acc[0] += w * ll
			acc[1] += w * dr
			acc[2] += w * dAlpha
			acc[3] += w * ds
			acc[4] += w * dBeta
		}
		return acc
	}, addFive)
	return sum[0], []float64{sum[1] * r, sum[2] * alpha, sum[3] * s, sum[4] * beta}
}

func (paretoNBD) state(theta []float64, s Summary, to *state) {
	r, alpha, shape, beta := theta[0], theta[1], theta[2], theta[3]
	big := r + float64(s.Repeats)
	to.k, to.shape, to.rate = 1, big, alpha+s.Age
	to.ticks = append(to.ticks[:0], 1)
	to.alive = 1 / (1 + math.Exp(left(r, alpha, shape, beta, big, s.Recency, s.Age, nil)))
	to.leaveA, to.stayB = 0, 1
	to.hazardShape, to.hazardRate = shape, beta+s.Age
}
