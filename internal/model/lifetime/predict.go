package lifetime

import (
	"context"
	"math"

	"kequn/internal/kernel"
)

// Range is a forecast of an amount: its mean, and of its distribution the median and the interval at the model's level. The mean is best where errors
// are squared or totals count, the median where they count as they are.
type Range struct{ Mean, Median, Low, High float64 }

// Prediction is what to expect of one customer within a horizon.
type Prediction struct {
	Alive  float64 // P(still a customer at the end of history)
	Orders Range
	Spend  Range // zero where the model knows no spend
}

// Expect forecasts one customer over the horizon that follows the end of history, in the unit of the summaries. Parameters are taken as known: the
// interval is of what the customer may do, beside which the parameters' uncertainty is small for all but tiny fits ([Model.Total] has both).
//
// A horizon of 0 or less, or a summary that cannot be, gives the zero Prediction.
func (m *Model) Expect(s Summary, horizon float64) Prediction {
	return newForecaster(m).expect(s, horizon)
}

// Means is the cheap part of [Model.Expect]: P(alive), expected orders and expected spend.
func (m *Model) Means(s Summary, horizon float64) (alive, orders, spend float64) {
	if s.fault() != "" || !(horizon > 0) {
		return 0, 0, 0
	}
	var st state
	var room [mostK]float64
	st.ticks = room[:0]
	processOf(m.Process, m.K).state(m.theta, s, &st)
	orders = st.mean(horizon)
	return st.alive, orders, orders * m.perOrder(s)
}

// perOrder returns the expected spend of a customer on an order to come.
func (m *Model) perOrder(s Summary) float64 {
	switch {
	case m.spend == nil:
		return 0
	case m.spend.p == 0:
		return m.spend.flat
	case s.Repeats == 0:
		return m.spend.newcomer
	}
	_, _, mean := m.spend.posterior(s)
	return mean
}

// Predict writes the prediction of each summary to out, which has their length. Time is O(n), a few microseconds each; memory does not grow with n.
func (m *Model) Predict(ctx context.Context, all []Summary, horizon float64, threads int, out []Prediction) error {
	return predict(ctx, all, horizon, threads, out, func() *forecaster { return newForecaster(m) })
}

func predict(ctx context.Context, all []Summary, horizon float64, threads int, out []Prediction, fresh func() *forecaster) error {
	if len(out) != len(all) {
		panic("lifetime: length mismatch")
	}
	scratch := make([]*forecaster, min(kernel.Threads(threads), max(1, len(all))))
	kernel.Workers(len(all), threads, 256, func(worker, _, lo, hi int) {
		if ctx.Err() != nil {
			return
		}
		if scratch[worker] == nil {
			scratch[worker] = fresh()
		}
		for i := lo; i < hi; i++ {
			out[i] = scratch[worker].expect(all[i], horizon)
		}
	})
	return ctx.Err()
}

// forecaster is a mixture of models in equal shares, mostly one, with room for one customer's distribution, and the last answer: summaries often repeat.
type forecaster struct {
	members   []*Model
	processes []process
	state     state
	part      []float64
	tail      []float64
	amount    amount
	last      Summary
	horizon   float64
	answer    Prediction
}

func newForecaster(members ...*Model) *forecaster {
	f := &forecaster{members: members, horizon: -1}
	for _, m := range members {
		f.processes = append(f.processes, processOf(m.Process, m.K))
	}
	return f
}

// distribution fills tail with P(N ≥ 1), P(N ≥ 2), …, and returns P(alive) and the mean.
func (f *forecaster) distribution(s Summary, horizon float64) (alive, mean float64) {
	f.tail = f.tail[:0]
	share := 1 / float64(len(f.members))
	for i, m := range f.members {
		var one float64
		f.processes[i].state(m.theta, s, &f.state)
		alive += f.state.alive * share
		if len(f.members) == 1 {
			f.tail, mean = f.state.atLeast(horizon, f.tail)
			break
		}
		f.part, one = f.state.atLeast(horizon, f.part[:0])
		mean += one * share
		for g, p := range f.part {
			if g == len(f.tail) {
				f.tail = append(f.tail, 0)
			}
			f.tail[g] += p * share
		}
	}
	return alive, mean
}

func (f *forecaster) expect(s Summary, horizon float64) Prediction {
	if s.fault() != "" || !(horizon > 0) || math.IsInf(horizon, 0) {
		return Prediction{}
	}
	if s == f.last && horizon == f.horizon {
		return f.answer
	}
	alive, mean := f.distribution(s, horizon)
	m := f.members[0] // the spend model is the same for all
	low, high := (1-m.level)/2, (1+m.level)/2
	p := Prediction{Alive: alive}
	p.Orders = Range{mean, countQuantile(f.tail, 0.5), countQuantile(f.tail, low), countQuantile(f.tail, high)}
	if per := m.perOrder(s); per > 0 {
		p.Spend.Mean = mean * per
		if m.spend.p == 0 {
			p.Spend = Range{mean * per, p.Orders.Median * per, p.Orders.Low * per, p.Orders.High * per}
		} else {
			a := &f.amount
			a.fill(m.spend, s, f.tail)
			p.Spend.Low = a.quantile(low, per)
			p.Spend.Median = a.quantile(0.5, max(per, p.Spend.Low))
			p.Spend.High = a.quantile(high, max(per, p.Spend.Median))
		}
	}
	f.last, f.horizon, f.answer = s, horizon, p
	return p
}

// countQuantile returns the least n with P(N ≤ n) ≥ q, where tail[i] = P(N ≥ i+1).
func countQuantile(tail []float64, q float64) float64 {
	lo, hi := 0, len(tail)
	for lo < hi { // tail falls: bisect
		if mid := (lo + hi) / 2; tail[mid] <= 1-q {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return float64(lo)
}

// amount is the distribution of a customer's spend within a horizon. n orders cost V·G(pn)/G(Q) for independent gamma variables, so
//
//	P(S ≤ s) = P(N = 0) + Σₙ P(N = n)·I_{s/(s+V)}(pn, Q)
//
// with the incomplete beta function I. Neighbouring n share a term, at their mean, where there are more than a few.
type amount struct {
	q, v   float64
	none   float64
	shape  []float64
	weight []float64
	beta   []float64 // log B(shape, q)
}

// fewTerms is how many different numbers of orders a spend distribution tells apart; medians move by less than 1 % from here on.
const fewTerms = 24

// fill makes a the distribution of a customer whose orders have the given P(N ≥ 1), P(N ≥ 2), …
func (a *amount) fill(m *spendModel, s Summary, tail []float64) {
	a.none, a.shape, a.weight, a.beta = 1, a.shape[:0], a.weight[:0], a.beta[:0]
	if len(tail) == 0 {
		return
	}
	a.q, a.v = m.q+m.p*float64(s.Repeats), m.v+float64(s.Repeats)*s.Spend
	a.none = 1 - tail[0]
	share := tail[0] / fewTerms
	mass, sum := 0.0, 0.0
	for i, t := range tail {
		p := t
		if i+1 < len(tail) {
			p -= tail[i+1]
		}
		mass += p
		sum += p * float64(i+1)
		if (mass >= share || i+1 == len(tail)) && mass > 0 {
			shape := m.p * sum / mass
			a.shape = append(a.shape, shape)
			a.weight = append(a.weight, mass)
			a.beta = append(a.beta, logBeta(shape, a.q))
			mass, sum = 0, 0
		}
	}
}

func (a *amount) cdf(s float64) float64 {
	p := a.none
	x, y := s/(s+a.v), a.v/(s+a.v)
	for i, shape := range a.shape {
		p += a.weight[i] * incompleteBeta(shape, a.q, x, y, a.beta[i])
	}
	return p
}

// quantile returns s with P(S ≤ s) = level, 0 where nothing is more likely than that: from a guess, by doubling, then by the Illinois method in
// log s, to 1e-6.
func (a *amount) quantile(level, guess float64) float64 {
	if a.none >= level-1e-9 {
		return 0
	}
	lo := math.Log(guess)
	hi := lo
	flo := a.cdf(guess) - level
	fhi := flo
	for step := 0.7; flo > 0 && step < 1e3; step *= 2 {
		hi, fhi = lo, flo
		lo -= step
		flo = a.cdf(math.Exp(lo)) - level
	}
	for step := 0.7; fhi < 0 && step < 1e3; step *= 2 {
		lo, flo = hi, fhi
		hi += step
		fhi = a.cdf(math.Exp(hi)) - level
	}
	side := 0
	for range 60 {
		if hi-lo < 1e-6 || fhi <= flo {
			break
		}
		mid := (lo*fhi - hi*flo) / (fhi - flo)
		if !(mid > lo && mid < hi) {
			mid = (lo + hi) / 2
		}
		f := a.cdf(math.Exp(mid)) - level
		if math.Abs(f) < 1e-9 {
			return math.Exp(mid)
		}
		if f < 0 {
			lo, flo = mid, f
			if side == -1 {
				fhi /= 2
			}
			side = -1
		} else {
			hi, fhi = mid, f
			if side == 1 {
				flo /= 2
			}
			side = 1
		}
	}
	return math.Exp((lo + hi) / 2)
}
