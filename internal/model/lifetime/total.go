package lifetime

import (
	"context"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/metric"
)

// Total is what all customers together will do.
type Total struct{ Orders, Spend Range }

// Total forecasts the sum over customers within a horizon. Its interval holds what customers may do, independently of each other, and how well the
// parameters are known: draws parameter sets from their asymptotic normal distribution in the logarithms (0 means 40), by a stream of the given
// seed, on at most 2,000 of the customers. It does not hold that next season may differ from the last ones; no interval of such a model does. The median is
// put at the mean.
//
// Time is a few microseconds for each customer, and 2,000 more for each draw.
func (m *Model) Total(ctx context.Context, all []Summary, horizon float64, draws int, seed uint64, threads int) (Total, error) {
	if draws <= 0 {
		draws = 40
	}
	type sums struct{ orders, spend, ordersVar, spendVar float64 }
	join := func(a, b sums) sums {
		return sums{a.orders + b.orders, a.spend + b.spend, a.ordersVar + b.ordersVar, a.spendVar + b.spendVar}
	}
	all0 := kernel.Reduce(len(all), threads, 1024, func(lo, hi int) (s sums) {
		if ctx.Err() != nil {
			return s
		}
		f := newForecaster(m)
		for _, c := range all[lo:hi] {
			mean, variance, spend, spendVar := f.moments(c, horizon)
			s = join(s, sums{mean, spend, variance, spendVar})
		}
		return s
	}, join)
	if err := ctx.Err(); err != nil {
		return Total{}, err
	}
	step := (len(all) + 1999) / 2000
	var some []Summary
	for i := step / 2; i < len(all) && step > 0; i += step {
		some = append(some, all[i])
	}
	drawn := make([]sums, draws)
	kernel.Blocks(draws, threads, 1, func(d, _, _ int) {
		other := m.draw(kernel.NewStream(seed, kernel.ID("lifetime total"), uint64(d)))
		for _, c := range some {
			if ctx.Err() != nil {
				return
			}
			_, orders, spend := other.Means(c, horizon)
			drawn[d] = join(drawn[d], sums{orders: orders, spend: spend})
		}
	})
	if err := ctx.Err(); err != nil {
		return Total{}, err
	}
	spread := func(of func(sums) float64) float64 { // relative, of the total over draws
		mean, square := 0.0, 0.0
		for _, s := range drawn {
			mean += of(s) / float64(draws)
		}
		for _, s := range drawn {
			square += (of(s) - mean) * (of(s) - mean) / float64(max(1, draws-1))
		}
		if mean <= 0 {
			return 0
		}
		return math.Sqrt(square) / mean
	}
	z := metric.NormQuantile(0.5 + m.level/2)
	about := func(mean, variance, relative float64) Range {
		if mean <= 0 {
			return Range{}
		}
		// On the scale of logarithms, so that it stays above 0.
		wide := z * math.Sqrt(math.Log1p(variance/(mean*mean)+relative*relative))
		return Range{Mean: mean, Median: mean, Low: mean * math.Exp(-wide), High: mean * math.Exp(wide)}
	}
	return Total{
		about(all0.orders, all0.ordersVar, spread(func(s sums) float64 { return s.orders })),
		about(all0.spend, all0.spendVar, spread(func(s sums) float64 { return s.spend })),
	}, nil
}

// moments returns mean and variance of one customer's orders and spend. The variance of a gamma mixture is infinite where Q ≤ 2; then Q = 2.1 stands
// in, so that one customer does not make the interval of all.
func (f *forecaster) moments(s Summary, horizon float64) (mean, variance, spend, spendVar float64) {
	if s.fault() != "" || !(horizon > 0) || math.IsInf(horizon, 0) {
		return 0, 0, 0, 0
	}
	m := f.members[0]
	_, mean = f.distribution(s, horizon)
	second := 0.0 // E N² = Σ (2g − 1)·P(N ≥ g)
	for i, p := range f.tail {
		second += float64(2*i+1) * p
	}
	variance = max(0, second-mean*mean)
	per := m.perOrder(s)
	spend = mean * per
	if per == 0 {
		return mean, variance, 0, 0
	}
	if m.spend.p == 0 {
		return mean, variance, spend, variance * per * per
	}
	// Given N, S has mean N·per; its second moment is E[p·N(p·N+1)]·V²/((Q−1)(Q−2)).
	p := m.spend.p
	q := max(m.spend.q+p*float64(s.Repeats), 2.1)
	v := per * (q - 1) / p
	return mean, variance, spend, max(0, (p*p*second+p*mean)*v*v/((q-1)*(q-2))-spend*spend)
}

// draw returns a model with other parameters, as far off as the data leave open. Loose ones stay.
func (m *Model) draw(s *kernel.Stream) *Model {
	other := *m
	other.theta = make([]float64, len(m.theta))
	for i, d := range normal(m.cov, len(m.theta), s) {
		other.theta[i] = m.theta[i] * math.Exp(d)
	}
	if m.spend != nil && m.spend.p > 0 {
		d := normal(m.spend.cov, 3, s)
		spend := *m.spend
		spend.p *= math.Exp(d[0])
		spend.q = 1 + (spend.q-1)*math.Exp(d[1])
		spend.v *= math.Exp(d[2])
		if m.spend.q >= 1.2 && spend.q >= 1.2 {
			spend.newcomer = spend.p * spend.v / (spend.q - 1)
		}
		other.spend = &spend
	}
	return &other
}

// normal returns a draw from the normal distribution of mean 0 and covariance cov, whose rows of zeros stay 0.
func normal(cov []float64, n int, s *kernel.Stream) []float64 {
	var free []int
	for i := range n {
		if cov[i*n+i] > 0 {
			free = append(free, i)
		}
	}
	k := len(free)
	l := make([]float64, k*k)
	for a, i := range free {
		for b, j := range free {
			l[a*k+b] = cov[i*n+j]
		}
	}
	out := make([]float64, n)
	if !kernel.Cholesky(l, k) {
		return out
	}
	z := make([]float64, k)
	for i := range z {
		z[i] = s.Norm()
	}
	for a, i := range free {
		for b := 0; b <= a; b++ {
			out[i] += l[a*k+b] * z[b]
		}
	}
	return out
}

// Residual returns DERT, the expected orders of a customer from now on when each counts less by the factor e^(−rate·t) at time t from now:
//
//	∫₀^∞ e^(−rate·t) dE(t) = ∫₀^∞ E(u/rate)·e^(−u) du
//
// where E(t) are the expected orders within t. Multiplied by the spend on an order it is the customer's remaining worth. By Gauss rules in √u to
// u = 30, to about 1e-6. rate is per unit of time: 0.15 a year is 0.15·7/365.25 a week.
func (m *Model) Residual(s Summary, rate float64) float64 {
	if s.fault() != "" || !(rate > 0) {
		return 0
	}
	var st state
	processOf(m.Process, m.K).state(m.theta, s, &st)
	const panels = 2
	step := math.Sqrt(30.0) / panels
	sum := 0.0
	for p := range panels {
		for i, node := range gauss16.nodes {
			z := (float64(p) + 0.5 + node/2) * step
			sum += gauss16.weights[i] * step / 2 * 2 * z * math.Exp(-z*z) * st.mean(z*z/rate)
		}
	}
	return sum
}
