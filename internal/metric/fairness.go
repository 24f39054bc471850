package metric

import "math"

// GroupRates are the rates of one group of people of whom some were selected: W is the weight of its rows, and
//
//	Selection  W(selected)/W            Accuracy   W(selected = outcome)/W
//	TPR        W(selected, yes)/W(yes)  FNR        1 − TPR where there is a yes
//	FPR        W(selected, no)/W(no)    TNR        1 − FPR where there is a no
//
// As in Fairlearn, a rate among the yes (or the no) of a group that has none is 0, so that TPR and FNR are both 0 then, and
// Selection and Accuracy of a group without weight are NaN. Who does not want a 0 that means nothing looks at Yes and No first.
type GroupRates struct {
	Rows    int     // of weight > 0
	Weight  float64 // of all its rows
	Yes, No float64 // of them, weight of rows with outcome 1 and 0

	Selection, Accuracy float64
	TPR, FPR, TNR, FNR  float64
}

// RatesByGroup returns the rates of each of n groups. outcome and selected are 0 or 1, group is the number of a row's group;
// rows of a negative group are in none. Time is O(rows).
func RatesByGroup(outcome, selected, weight []float64, group []int32, n int) []GroupRates {
	checkBinary(outcome, selected, weight)
	checkYes(selected)
	if len(group) != len(outcome) {
		panic(errLength)
	}
	type cell struct{ yesIn, yesOut, noIn, noOut float64 }
	sum := make([]cell, n)
	out := make([]GroupRates, n)
	for i, g := range group {
		if g < 0 {
			continue
		}
		if int(g) >= n {
			panic(errRange)
		}
		w, c := at(weight, i), &sum[g]
		if w > 0 {
			out[g].Rows++
		}
		switch {
		case outcome[i] == 1 && selected[i] == 1:
			c.yesIn += w
		case outcome[i] == 1:
			c.yesOut += w
		case selected[i] == 1:
			c.noIn += w
		default:
			c.noOut += w
		}
	}
	share := func(part, other float64) float64 {
		if part+other == 0 {
			return 0
		}
		return part / (part + other)
	}
	for g, c := range sum {
		r := &out[g]
		r.Yes, r.No = c.yesIn+c.yesOut, c.noIn+c.noOut
		r.Weight = r.Yes + r.No
		r.Selection, r.Accuracy = (c.yesIn+c.noIn)/r.Weight, (c.yesIn+c.noOut)/r.Weight
		r.TPR, r.FNR = share(c.yesIn, c.yesOut), share(c.yesOut, c.yesIn)
		r.FPR, r.TNR = share(c.noIn, c.noOut), share(c.noOut, c.noIn)
	}
	return out
}

// Disparity is how far groups lie apart in a rate: the largest less the smallest, and the smallest over the largest. 0 and 1
// mean that all are treated alike. Groups whose rate is NaN do not count; Ratio is NaN where the largest is 0, both where no group counts.
type Disparity struct{ Difference, Ratio float64 }

// DisparityOf compares rates of groups.
func DisparityOf(rate []float64) Disparity {
	low, high := math.NaN(), math.NaN()
	for _, r := range rate {
		if low != low || r < low {
			low = r
		}
		if high != high || r > high {
			high = r
		}
	}
	return Disparity{Difference: high - low, Ratio: low / high}
}

func disparity(groups []GroupRates, of func(g *GroupRates) float64) Disparity {
	rate := make([]float64, len(groups))
	for i := range groups {
		rate[i] = of(&groups[i])
	}
	return DisparityOf(rate)
}

// DemographicParity compares how often groups are selected: Fairlearn's demographic_parity_difference and _ratio, between groups.
func DemographicParity(groups []GroupRates) Disparity {
	return disparity(groups, func(g *GroupRates) float64 { return g.Selection })
}

// EqualOpportunity compares true positive rates: Fairlearn's equal_opportunity_difference and _ratio, between groups.
func EqualOpportunity(groups []GroupRates) Disparity {
	return disparity(groups, func(g *GroupRates) float64 { return g.TPR })
}

// EqualizedOdds compares true and false positive rates and returns the worse, the larger difference and the smaller ratio:
// Fairlearn's equalized_odds_difference and _ratio, between groups, worst case. Of ratios, like there, one of false positive rates
// that are all 0 does not count, and one of true positive rates that are all 0 makes the ratio NaN.
func EqualizedOdds(groups []GroupRates) Disparity {
	tpr := EqualOpportunity(groups)
	fpr := disparity(groups, func(g *GroupRates) float64 { return g.FPR })
	out := tpr
	if fpr.Difference > out.Difference {
		out.Difference = fpr.Difference
	}
	if fpr.Ratio < out.Ratio {
		out.Ratio = fpr.Ratio
	}
	return out
}
