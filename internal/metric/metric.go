// Package metric scores predictions against outcomes: AUC, log loss, Brier, ECE, gains, Qini, AUUC, effects, intervals.
//
// Everything works on slices. Most scores are a [Score]: outcome, prediction, weight, in this order and of one length.
//
//   - weight may be nil for all ones. A row of weight 2 counts as the row twice, a row of weight 0 not at all.
//   - Outcomes of yes-or-no scores are 0 and 1. Predictions are finite; probabilities lie in [0, 1].
//   - A score that the data cannot answer (one class only, no rows, no weight) is NaN; each function says when.
//   - NaN among the arguments, a negative weight or a wrong length is a mistake of the caller and panics with a constant text.
//
// Sums run in row order or in order of prediction, so equal input gives equal bytes.
package metric

import "math"

const (
	errLength      = "metric: length mismatch"
	errNaN         = "metric: value is not finite"
	errOutcome     = "metric: outcome is not 0 or 1"
	errProbability = "metric: probability is outside [0, 1]"
	errWeight      = "metric: weight is negative or not finite"
	errRange       = "metric: argument out of range"
)

// Score is the shape of most functions here: how well predictions agree with outcomes. weight may be nil.
type Score func(outcome, prediction, weight []float64) float64

func checkFinite(v []float64) {
	for _, x := range v {
		if x-x != 0 { // NaN or infinite
			panic(errNaN)
		}
	}
}

func checkWeight(n int, weight []float64) {
	if weight == nil {
		return
	}
	if len(weight) != n {
		panic(errLength)
	}
	for _, w := range weight {
		if !(w >= 0) || math.IsInf(w, 1) {
			panic(errWeight)
		}
	}
}

func checkPair(outcome, prediction, weight []float64) {
	if len(outcome) != len(prediction) {
		panic(errLength)
	}
	checkFinite(outcome)
	checkFinite(prediction)
	checkWeight(len(outcome), weight)
}

func checkBinary(outcome, prediction, weight []float64) {
	if len(outcome) != len(prediction) {
		panic(errLength)
	}
	checkYes(outcome)
	checkFinite(prediction)
	checkWeight(len(outcome), weight)
}

func checkYes(outcome []float64) {
	for _, y := range outcome {
		if y != 0 && y != 1 {
			panic(errOutcome)
		}
	}
}

func checkProbability(outcome, p, weight []float64) {
	if len(outcome) != len(p) {
		panic(errLength)
	}
	checkYes(outcome)
	for _, q := range p {
		if !(q >= 0 && q <= 1) {
			panic(errProbability)
		}
	}
	checkWeight(len(outcome), weight)
}

// at returns weight[i], or 1 where there are no weights.
func at(weight []float64, i int) float64 {
	if weight == nil {
		return 1
	}
	return weight[i]
}
