// Package decision turns offers, costs, budget, consent and control into who gets what, and writes the receipt.
//
// It sees customers as numbers: what each offer should earn and cost for each of them. Where these come from (uplift from
// randomised history, or calibrated response) is said in the receipt by whoever made them.
package decision

import (
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/receipt"
)

// Problem is a decision to be made. Value and Cost have a row per offer and a column per customer.
type Problem struct {
	Customers []string
	Excluded  []string    // why a customer may not be contacted, "" where allowed
	Offers    []string    // names
	Value     [][]float64 // expected profit of contacting over not contacting, costs taken off
	Cost      [][]float64 // expected cost of contacting, > 0 where a budget is set
	Fixed     []float64   // per offer: cost once, if anybody gets it

	Budget     float64 // most that contacting may cost in expectation; 0 is no limit
	Control    float64 // share of the chosen that is held back
	Experiment string  // names the random draw
	Seed       uint64
}

// Solution says what is done with each customer.
type Solution struct {
	Members     []receipt.Member // in the order of Problem.Customers
	Contact     int
	Control     int
	LeftAlone   int
	Cost        float64 // expected, of those contacted, fixed costs included
	Value       float64 // expected profit of those contacted, fixed costs taken off
	ShadowPrice float64 // what one more unit of budget would earn
	Threshold   float64 // the least profit per unit of cost that was still chosen
}

// Reasons why somebody is left alone, besides those of Problem.Excluded.
const (
	ReasonNoGain = "no_gain" // every offer is expected to cost more than it earns, or to do harm
	ReasonBudget = "budget"  // the budget went to better ones
)

// InControl tells whether the keyed hash draws a customer into the share held back. It depends on nothing but the
// customer, the experiment and the seed, so it stays the same when other customers join.
func InControl(customer, experiment string, seed uint64, share float64) bool {
	return kernel.HashUnit(seed^kernel.ID(experiment), customer) < share
}

// step is one more unit of spending on a customer: taking the first offer, or going from one offer to a dearer one.
type step struct {
	customer int32
	offer    int8
	value    float64 // gained by this step
	cost     float64 // paid for this step
}

// Choose decides. At most one offer goes to a customer, and only where it is expected to earn more than it costs.
//
// Under a budget this is the multiple-choice knapsack problem. Per customer only offers on the upper concave hull of
// (cost, value) can be chosen in its linear relaxation; the hull's steps, sorted by profit per unit of cost, are taken
// until the next one does not fit (Sinha & Zoltners, 1979). The profit per unit at which this stops is the shadow price.
// The same threshold divides those drawn as control, who cost nothing, so that contact and control differ by chance only.
// The result is within one step's profit of the optimum: at a thousand customers already under a thousandth of it.
// Money is counted in hundredths of a cent, so that the budget is never exceeded by a rounding error.
//
// Time is O(n·m log(n·m)) for n customers and m offers.
func Choose(p Problem) Solution {
	n := len(p.Customers)
	control := make([]bool, n)
	for i, c := range p.Customers {
		control[i] = p.Control > 0 && InControl(c, p.Experiment, p.Seed, p.Control)
	}
	steps := p.steps()
	slices.SortFunc(steps, func(a, b step) int {
		if c := compare(b.value*a.cost, a.value*b.cost); c != 0 { // value/cost, descending, without dividing by 0
			return c
		}
		return int(a.customer) - int(b.customer)
	})

	chosen := make([]int8, n)
	for i := range chosen {
		chosen[i] = -1
	}
	s := Solution{Members: make([]receipt.Member, n)}
	budget, spent := units(p.Budget), int64(0)
	used := make([]bool, len(p.Offers))
	full := false
	for _, st := range steps {
		cost := units(st.cost)
		if !used[st.offer] {
			cost += units(p.Fixed[st.offer])
		}
		if !control[st.customer] && p.Budget > 0 && spent+cost > budget {
			s.ShadowPrice, full = st.value/st.cost, true
			break
		}
		chosen[st.customer] = st.offer
		if !control[st.customer] {
			spent += cost
			used[st.offer] = true
		}
		s.Threshold = st.value / math.Max(st.cost, 1e-12)
	}

	for i, c := range p.Customers {
		m := receipt.Member{Customer: c}
		switch o := chosen[i]; {
		case p.Excluded[i] != "":
			m.Group, m.Reason = receipt.LeftAlone, p.Excluded[i]
		case o >= 0 && control[i]:
			m.Group, m.Offer, m.Value = receipt.Control, p.Offers[o], p.Value[o][i]
		case o >= 0:
			m.Group, m.Offer, m.Value = receipt.Contact, p.Offers[o], p.Value[o][i]
			s.Cost += p.Cost[o][i]
			s.Value += p.Value[o][i]
		case full && p.best(i) > 0:
			m.Group, m.Reason, m.Value = receipt.LeftAlone, ReasonBudget, p.best(i)
		default:
			m.Group, m.Reason, m.Value = receipt.LeftAlone, ReasonNoGain, p.best(i)
		}
		switch m.Group {
		case receipt.Contact:
			s.Contact++
		case receipt.Control:
			s.Control++
		default:
			s.LeftAlone++
		}
		s.Members[i] = m
	}
	for o, u := range used {
		if u {
			s.Cost += p.Fixed[o]
			s.Value -= p.Fixed[o]
		}
	}
	return s
}

// best returns the highest value of any offer for a customer.
func (p Problem) best(i int) float64 {
	best := math.Inf(-1)
	for o := range p.Offers {
		best = math.Max(best, p.Value[o][i])
	}
	return best
}

// units turns money into hundredths of a cent, rounded up: what is planned is never below what is paid.
func units(money float64) int64 { return int64(math.Ceil(money*1e4 - 1e-6)) }

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// steps lists the hull steps of every customer who may be contacted. Without a budget, cost does not matter and the best
// offer is one step.
func (p Problem) steps() []step {
	var out []step
	options := make([]step, 0, len(p.Offers))
	for i := range p.Customers {
		if p.Excluded[i] != "" {
			continue
		}
		options = options[:0]
		for o := range p.Offers {
			if v := p.Value[o][i]; v > 0 {
				options = append(options, step{customer: int32(i), offer: int8(o), value: v, cost: p.Cost[o][i]})
			}
		}
		if p.Budget == 0 && len(options) > 1 {
			best := slices.MaxFunc(options, func(a, b step) int { return compare(a.value, b.value) })
			options = append(options[:0], best)
		}
		out = appendHull(out, options)
	}
	return out
}

// appendHull adds the steps along the upper concave hull from (0, 0) through the options, cheapest first.
func appendHull(out, options []step) []step {
	slices.SortStableFunc(options, func(a, b step) int {
		if c := compare(a.cost, b.cost); c != 0 {
			return c
		}
		return compare(b.value, a.value)
	})
	hull := make([]step, 0, 4)
	for _, o := range options {
		if len(hull) > 0 && o.value <= hull[len(hull)-1].value {
			continue // dearer and no better
		}
		for len(hull) > 0 {
			last := hull[len(hull)-1]
			var before step
			if len(hull) > 1 {
				before = hull[len(hull)-2]
			}
			// last lies below the line from before to o: it is never worth stopping at
			if (last.value-before.value)*(o.cost-before.cost) > (o.value-before.value)*(last.cost-before.cost) {
				break
			}
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, o)
	}
	var before step
	for _, h := range hull {
		out = append(out, step{customer: h.customer, offer: h.offer, value: h.value - before.value, cost: h.cost - before.cost})
		before = h
	}
	return out
}
