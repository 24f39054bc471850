package metric

import (
	"math"

	"kequn/internal/kernel"
)

// AUCError returns the AUC and its standard error after DeLong, DeLong & Clarke-Pearson (1988), in the fast form of Sun & Xu
// (2014): time of one sort, so it serves at a million rows. Both are NaN with one outcome only; the error is NaN with
// fewer than two rows of either outcome.
func AUCError(outcome, score []float64) (auc, se float64) {
	checkBinary(outcome, score, nil)
	auc, yes, no := components(outcome, score)
	return auc, math.Sqrt(variance(yes, auc)/float64(len(yes)) + variance(no, auc)/float64(len(no)))
}

// AUCInterval returns the AUC with an interval from [AUCError], laid on the logit scale so that it stays within (0, 1).
// When the AUC is 0 or 1 the bounds equal it only if the error says so; they are NaN where the error is.
func AUCInterval(outcome, score []float64, level float64) Interval {
	a, se := AUCError(outcome, score)
	if !(a > 0 && a < 1) || math.IsNaN(se) {
		i := normal(a, se, level)
		return Interval{a, max(0, i.Low), min(1, i.High)}
	}
	l := normal(math.Log(a/(1-a)), se/(a*(1-a)), level)
	return Interval{a, 1 / (1 + math.Exp(-l.Low)), 1 / (1 + math.Exp(-l.High))}
}

// AUCDifference returns AUC(a) − AUC(b) of two models' scores for the same rows, with its normal interval and standard
// error after DeLong, which takes their correlation into account. NaN as in [AUCError].
func AUCDifference(outcome, scoreA, scoreB []float64, level float64) (difference Interval, se float64) {
	checkBinary(outcome, scoreA, nil)
	checkBinary(outcome, scoreB, nil)
	aucA, yesA, noA := components(outcome, scoreA)
	aucB, yesB, noB := components(outcome, scoreB)
	for i := range yesA {
		yesA[i] -= yesB[i]
	}
	for i := range noA {
		noA[i] -= noB[i]
	}
	d := aucA - aucB
	se = math.Sqrt(variance(yesA, d)/float64(len(yesA)) + variance(noA, d)/float64(len(noA)))
	return normal(d, se, level), se
}

// components returns DeLong's structural components: for each row with outcome 1 the share of rows with outcome 0 scored
// below it, and for each row with outcome 0 the share of rows with outcome 1 scored above it, ties half. Their means are the AUC.
func components(outcome, score []float64) (auc float64, yes, no []float64) {
	nYes := 0
	for _, y := range outcome {
		nYes += int(y)
	}
	nNo := len(outcome) - nYes
	if nYes == 0 || nNo == 0 {
		return math.NaN(), nil, nil
	}
	// One walk over the sorted rows gives both, as rank within all less rank within its own kind.
	below := make([]float64, len(outcome))
	seenYes, seenNo := 0.0, 0.0
	groups(kernel.Argsort(score), score, func(rows []int32) bool {
		tieYes := 0.0
		for _, i := range rows {
			tieYes += outcome[i]
		}
		tieNo := float64(len(rows)) - tieYes
		for _, i := range rows {
			if outcome[i] == 1 {
				below[i] = (seenNo + tieNo/2) / float64(nNo)
			} else {
				below[i] = 1 - (seenYes+tieYes/2)/float64(nYes)
			}
		}
		seenYes += tieYes
		seenNo += tieNo
		return true
	})
	yes, no = make([]float64, 0, nYes), make([]float64, 0, nNo)
	for i, y := range outcome {
		if y == 1 {
			yes = append(yes, below[i])
		} else {
			no = append(no, below[i])
		}
	}
	return kernel.Sum(yes) / float64(nYes), yes, no
}

// variance returns the sample variance about a known mean, with n−1.
func variance(v []float64, mean float64) float64 {
	if len(v) < 2 {
		return math.NaN()
	}
	d := make([]float64, len(v))
	for i, x := range v {
		d[i] = (x - mean) * (x - mean)
	}
	return kernel.Sum(d) / float64(len(v)-1)
}
