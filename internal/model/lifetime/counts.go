package lifetime

import "math"

// state is what is known of a customer at the end of history: alive with some probability, and then the rate of ticks is Gamma(shape+j, rate)
// when j ticks (weights ticks) have passed since the last order; every k-th tick is an order. He leaves after an order with a
// probability that is Beta(leaveA, stayB), or, where hazardShape > 0, at a rate that is Gamma(hazardShape, hazardRate).
type state struct {
	alive                   float64
	k                       int
	ticks                   []float64
	shape, rate             float64
	leaveA, stayB           float64
	hazardShape, hazardRate float64
}

// negligible is a probability that no forecast shows.
const negligible = 1e-12

// maxTerms bounds the sums over orders to come: beyond a million orders ahead of one customer the rest is left out.
const maxTerms = 1 << 20

// atLeast appends P(N ≥ 1), P(N ≥ 2), … of the orders within the horizon until they are negligible, and returns their sum, the mean.
//
// For the beta-geometric family, P(N ≥ g | alive) = Σⱼ weightⱼ·P(j + M ≥ k·g)·B(a, b+g−1)/B(a, b), M negative binomial: the
// next g orders fall within the horizon, and he stays after each but the last. All terms are positive, there is nothing to cancel, and
// the mean agrees with the literature's closed form for k = 1 (a test holds it).
func (s *state) atLeast(horizon float64, dst []float64) (tail []float64, mean float64) {
	if horizon <= 0 || s.alive <= 0 {
		return dst, 0
	}
	if s.hazardShape > 0 {
		return s.atLeastPareto(horizon, dst)
	}
	start := len(dst)
	for j, weight := range s.ticks {
		if weight*s.alive < negligible {
			continue
		}
		nb := newTicks(s.shape+float64(j), s.rate, horizon)
		stay := s.alive * weight
		for g := 1; g < maxTerms; g++ {
			p := nb.atLeast(g*s.k-j) * stay
			if p < negligible*(1+mean) {
				break
			}
			if i := start + g - 1; i < len(dst) {
				dst[i] += p
			} else {
				dst = append(dst, p)
			}
			mean += p
			stay *= (s.stayB + float64(g-1)) / (s.leaveA + s.stayB + float64(g-1))
		}
	}
	return dst, mean
}

// atLeastPareto mixes negative binomials over the time he stays: all of the horizon, or a part y of it with density h·cʰ/(c+y)ʰ⁺¹, h and c the
// hazard's shape and rate; in z = log(c+y) by Gauss rules. The mean has a closed form.
func (s *state) atLeastPareto(horizon float64, dst []float64) (tail []float64, mean float64) {
	start := len(dst)
	mix := func(exposure, weight float64) {
		if weight < negligible {
			return
		}
		nb := newTicks(s.shape, s.rate, exposure)
		for g := 1; g < maxTerms; g++ {
			p := nb.atLeast(g) * weight
			if p < negligible {
				break
			}
			if i := start + g - 1; i < len(dst) {
				dst[i] += p
			} else {
				dst = append(dst, p)
			}
		}
	}
	h, c := s.hazardShape, s.hazardRate
	length := math.Log1p(horizon / c)
	mix(horizon, s.alive*math.Exp(-h*length))
	panels := max(1, math.Ceil(min(length, 40/h)/min(4, 16/h))) // beyond 40/h nobody is left
	if s.shape > 100 {
		panels *= 2 // steep in the time he stays
	}
	step := min(length, 40/h) / panels
	for p := range int(panels) {
		for i, node := range gauss16.nodes {
			z := (float64(p) + 0.5 + node/2) * step
			mix(c*math.Expm1(z), s.alive*gauss16.weights[i]*step/2*h*math.Exp(-h*z))
		}
	}
	return dst, s.alive * s.shape / s.rate * c * expectedStay(h-1, length)
}

// mean returns the expected orders within the horizon.
func (s *state) mean(horizon float64) float64 {
	if s.hazardShape > 0 {
		if horizon <= 0 {
			return 0
		}
		return s.alive * s.shape / s.rate * s.hazardRate * expectedStay(s.hazardShape-1, math.Log1p(horizon/s.hazardRate))
	}
	var room [256]float64
	_, mean := s.atLeast(horizon, room[:0])
	return mean
}

// expectedStay returns (1 − e^{−d·l})/d, which is l at d = 0.
func expectedStay(d, l float64) float64 {
	if math.Abs(d*l) < 1e-9 {
		return l * (1 - d*l/2)
	}
	return -math.Expm1(-d*l) / d
}

// ticks walks along a negative binomial distribution: counts of a Poisson process over a time, its rate Gamma(shape, rate).
type ticks struct {
	shape, ratio float64
	at           int // P(M ≥ at) is upper, P(M = at) is here
	here, upper  float64
}

func newTicks(shape, rate, time float64) ticks {
	t := ticks{shape: shape, ratio: time / (rate + time), upper: 1}
	log0 := -shape * math.Log1p(time/rate)
	if log0 > -700 {
		t.here = math.Exp(log0)
		return t
	}
	// P(M = 0) underflows: begin where all but 1e-16 lies ahead.
	mean := shape * time / rate
	t.at = max(0, int(mean-9*math.Sqrt(mean*(1+time/rate))))
	lf, _ := math.Lgamma(float64(t.at) + 1)
	t.here = math.Exp(log0 + logRising(shape, float64(t.at)) - lf + float64(t.at)*math.Log(t.ratio))
	return t
}

// atLeast returns P(M ≥ m); m must not fall from call to call.
func (t *ticks) atLeast(m int) float64 {
	for t.at < m {
		t.upper -= t.here
		t.here *= (t.shape + float64(t.at)) / float64(t.at+1) * t.ratio
		t.at++
		if t.upper <= 1e-15 { // what is left is rounding
			t.upper, t.at = 0, math.MaxInt
		}
	}
	return t.upper
}
