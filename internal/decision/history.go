package decision

import (
	"math"
	"slices"

	"kequn/internal/metric"
	"kequn/internal/receipt"
)

// History is a randomised send of the past: who got which arm, and what was earned from each afterwards, the costs of
// the arm taken off. Arm 0 is control; arm o+1 is offer o.
type History struct {
	Arm    []int
	Share  []float64 // per arm: the probability with which it was drawn
	Profit []float64 // per customer: margin earned within the horizon, less the costs of what was sent

	// Predicted is what a model that never saw the customer expects as profit under each arm; nil where there is none.
	// It only makes intervals narrower: estimates are unbiased whatever it says.
	Predicted [][]float64
}

// Gain returns, per customer, an unbiased estimate of the profit of an offer over no contact:
//
//	DRᵢ(a) = μₐ(xᵢ) + 1{Aᵢ = a}·(Yᵢ − μₐ(xᵢ))/πₐ,   gainᵢ = DRᵢ(offer) − DRᵢ(control)
//
// the doubly robust score, which without predictions (μ = 0) is inverse propensity weighting. offer −1 is no contact: 0.
//
// Reference: Dudík, Langford, Li, Doubly Robust Policy Evaluation and Learning, ICML 2011.
func (h History) Gain(i, offer int) float64 {
	if offer < 0 {
		return 0
	}
	return h.score(i, offer+1) - h.score(i, 0)
}

func (h History) score(i, arm int) float64 {
	mu := 0.0
	if h.Predicted != nil {
		mu = h.Predicted[arm][i]
	}
	if h.Arm[i] != arm {
		return mu
	}
	return mu + (h.Profit[i]-mu)/h.Share[arm]
}

// Value returns the profit per customer of history of a policy that sends offer[i] (−1: none) to customer i, over sending
// nothing to anybody, with its 95 % interval.
func (h History) Value(offer []int) metric.Interval {
	gain := make([]float64, len(offer))
	for i, o := range offer {
		gain[i] = h.Gain(i, o)
	}
	return metric.MeanInterval(gain, nil, 0.95)
}

// Curve returns the profit of contacting the best n customers of history for about points values of n, scaled to a
// population of the given size. rank orders customers, highest first; offer is what each would get.
func (h History) Curve(rank []float64, offer []int, size, points int) []receipt.Point {
	n := len(rank)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(rank[b], rank[a]) })
	out := []receipt.Point{{}}
	sum, square := 0.0, 0.0
	next := 1
	for k, i := range order {
		g := h.Gain(i, offer[i])
		sum += g
		square += g * g
		if k+1 != n*next/points {
			continue
		}
		next++
		mean := sum / float64(n)
		se := math.Sqrt(math.Max(0, square/float64(n)-mean*mean) / float64(n))
		scale := float64(size)
		out = append(out, receipt.Point{
			Contacted: int(math.Round(float64(k+1) / float64(n) * scale)),
			Profit:    metric.Interval{Mean: scale * mean, Low: scale * (mean - 1.96*se), High: scale * (mean + 1.96*se)},
		})
	}
	return out
}

// BestSingle returns the offer that earns most when sent to everybody.
func (h History) BestSingle(nOffers int) int {
	best, value := 0, math.Inf(-1)
	all := make([]int, len(h.Arm))
	for o := range nOffers {
		for i := range all {
			all[i] = o
		}
		if v := h.Value(all).Mean; v > value {
			best, value = o, v
		}
	}
	return best
}
