package gbdt

import (
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
)

// checkLoss refuses losses and outcomes that do not go together.
func (l Learner) checkLoss(y model.Outcome, w []float64) error {
	if y.Task != kequn.Regression {
		return nil
	}
	switch {
	case l.Power != 0 && l.Quantile != 0:
		return kequn.Errorf(kequn.KindUsage, "quantile", "is set beside power; a model has one loss").WithHint("leave one at 0")
	case l.Quantile != 0 && len(l.Monotone) > 0:
		return kequn.Errorf(kequn.KindUsage, "quantile", "cannot be held to rise or fall with a column").WithHint("leave out the columns named as monotone")
	case l.Power != 0 && l.Power < 1:
		return kequn.Errorf(kequn.KindUsage, "power", "is %v, of which there is no distribution", l.Power).
			WithHint("0 is squared error, 1 Poisson, between 1 and 2 Tweedie, 2 gamma")
	}
	if l.Power == 0 {
		return nil
	}
	for i, v := range y.Y {
		if w != nil && w[i] == 0 {
			continue
		}
		if v < 0 || l.Power == 2 && v == 0 {
			return kequn.Errorf(kequn.KindInput, "", "gbdt: the outcome of row %d is no amount that power %v allows", i, l.Power).
				WithHint("powers from 1 want amounts ≥ 0, and 2 wants amounts > 0; power 0 takes any")
		}
	}
	return nil
}

// powers is the deviance of amounts ≥ 0 whose mean is μ = e^s and whose variance is as μ^p, in so far as s changes it:
//
//	μ^(2−p)/(2−p) − y·μ^(1−p)/(1−p)        (p = 1: μ − y·s;  p = 2: s + y/μ)
//	g = μ^(2−p) − y·μ^(1−p),    h = (2−p)·μ^(2−p) − (1−p)·y·μ^(1−p)
//
// Poisson's h is taken as e^0.7·μ, LightGBM's guard against steps that overshoot where μ is small. Amounts far from 1 are
// divided by a power of two, so that derivatives stay within float32.
//
// Reference: Jørgensen, The Theory of Dispersion Models (1997).
type powers struct {
	y, w  []float64
	power float64
	scale float64
	start float64
}

const poissonGuard = 2.0137527074704766 // e^0.7

func newPowers(y, w []float64, power float64) *powers {
	o := &powers{y: y, w: w, power: power, scale: 1}
	most := 0.0
	for i, v := range y {
		if w == nil || w[i] > 0 {
			most = max(most, v)
		}
	}
	if _, e := math.Frexp(most); most > 0 && (e > 40 || e < -40) {
		o.scale = math.Ldexp(1, min(e, 1000))
		o.y = make([]float64, len(y))
		for i, v := range y {
			o.y[i] = v / o.scale
		}
	}
	// Nobody bought anything: the least mean that is left is far below one in all rows together.
	o.start = math.Log(max(mean(o.y, w), 1e-9/float64(max(1, len(y)))))
	return o
}

func (o *powers) outputs() int                  { return 1 }
func (o *powers) unit() float64                 { return 1 }
func (o *powers) shift() float64                { return math.Log(o.scale) }
func (o *powers) prepare(int, int, [][]float64) {}
func (o *powers) base() []float64               { return []float64{o.start} }

func (o *powers) loss(i int, score [][]float64) float64 {
	s, y := score[0][i], o.y[i]
	switch o.power {
	case 1:
		return math.Exp(s) - y*s
	case 2:
		return s + y*math.Exp(-s)
	}
	a := math.Exp((1 - o.power) * s)
	return a*math.Exp(s)/(2-o.power) - y*a/(1-o.power)
}

func (o *powers) gradient(_, lo, hi int, score [][]float64, out []derivative) {
	y := o.y[lo:hi]
	out = out[lo:hi]
	p := o.power
	for i, s := range score[0][lo:hi] {
		mu := exp(s)
		switch p {
		case 1:
			out[i] = derivative{float32(mu - y[i]), float32(poissonGuard * mu)}
		case 2:
			r := y[i] / mu
			out[i] = derivative{float32(1 - r), float32(r)}
		default:
			r := exp((1 - p) * s)
			out[i] = derivative{float32(mu*r - y[i]*r), float32((2-p)*mu*r + (p-1)*y[i]*r)}
		}
	}
}

// quantiles is (y − s)·(α − [y < s]): g = [s ≥ y] − α, and h = 1. Steps along g would be far too small, so a leaf takes
// the α-quantile of what is left in its rows (Friedman 2001).
type quantiles struct {
	*squares
	alpha float64
	start float64
	units []uint32 // weights as whole numbers; nil: 1 each
	copy  float64  // how many of these one row has
}

func newQuantiles(y, w []float64, alpha float64, kind *weightKind) *quantiles {
	o := &quantiles{squares: newSquares(y, w), alpha: alpha, units: kind.units, copy: 1}
	if !kind.whole {
		// Weights that are no counts: the mean weight is a row.
		var sum uint64
		n := 0
		for _, u := range o.units {
			sum += uint64(u)
			if u > 0 {
				n++
			}
		}
		o.copy = float64(sum) / float64(max(1, n))
	}
	rows := make([]int32, 0, len(y))
	for i := range y {
		if w == nil || w[i] > 0 {
			rows = append(rows, int32(i))
		}
	}
	o.start = o.rest(rows, make([]float64, len(y)))
	return o
}

func (o *quantiles) base() []float64 { return []float64{o.start} }

func (o *quantiles) loss(i int, score [][]float64) float64 {
	d := o.y[i] - score[0][i]
	if d < 0 {
		return (o.alpha - 1) * d
	}
	return o.alpha * d
}

func (o *quantiles) gradient(_, lo, hi int, score [][]float64, out []derivative) {
	y := o.y[lo:hi]
	out = out[lo:hi]
	above, below := float32(1-o.alpha), float32(-o.alpha)
	for i, s := range score[0][lo:hi] {
		out[i] = derivative{below, 1}
		if s >= y[i] {
			out[i].g = above
		}
	}
}

// rest returns the α-quantile of y − score over rows, 0 without any. Laid out in decreasing order as v₁, v₂, …, vₙ with as many
// copies as they weigh, it is between v_k and v_k+1 where k + f = 1 + (1−α)·(n−1): v_k − f·(v_k − v_k+1).
func (o *quantiles) rest(rows []int32, score []float64) float64 {
	if len(rows) == 0 {
		return 0
	}
	v := make([]float64, len(rows))
	for k, r := range rows {
		v[k] = score[r] - o.y[r] // the other way round, to sort in increasing order
	}
	order := kernel.Argsort(v)
	units := func(k int32) uint64 { return 1 }
	total := uint64(len(rows))
	if o.units != nil {
		units = func(k int32) uint64 { return uint64(o.units[rows[k]]) }
		total = 0
		for _, r := range rows {
			total += uint64(o.units[r])
		}
	}
	n := float64(total) / o.copy
	place := 1 + (1-o.alpha)*(n-1)
	k := math.Floor(place)
	switch {
	case k < 1:
		return -v[order[0]]
	case k >= n:
		return -v[order[len(order)-1]]
	}
	var sum uint64
	first := -1
	for at, r := range order {
		sum += units(r)
		upTo := float64(sum)/o.copy + 1e-9 // a whole number may be met from below
		if first < 0 && upTo > k {
			first = at
		}
		if upTo > k+1 || at == len(order)-1 {
			a, b := -v[order[first]], -v[r]
			return a - (place-k)*(a-b)
		}
	}
	return -v[order[len(order)-1]]
}
