package metric

import (
	"math"

	"kequn/internal/kernel"
)

// RMSE returns √ mean (y−p)², in the outcome's unit. NaN without weight.
func RMSE(outcome, prediction, weight []float64) float64 {
	checkPair(outcome, prediction, weight)
	return math.Sqrt(meanSquare(outcome, prediction, weight))
}

// MAE returns mean |y−p|, in the outcome's unit. NaN without weight.
func MAE(outcome, prediction, weight []float64) float64 {
	checkPair(outcome, prediction, weight)
	d := make([]float64, len(outcome))
	for i, y := range outcome {
		d[i] = math.Abs(y - prediction[i])
	}
	return kernel.SumProduct(d, weight) / totalWeight(len(d), weight)
}

// R2 returns 1 − Σ(y−p)²/Σ(y−ȳ)²: the share of the outcome's variance explained; below 0 is worse than the mean. NaN when
// the outcome is constant or has no weight.
func R2(outcome, prediction, weight []float64) float64 {
	checkPair(outcome, prediction, weight)
	_, variance := kernel.MeanVar(outcome, weight)
	if !(variance > 0) {
		return math.NaN()
	}
	return 1 - meanSquare(outcome, prediction, weight)/variance
}

// MeanError returns mean (p−y), in the outcome's unit: above 0, predictions are too high on average. NaN without weight.
func MeanError(outcome, prediction, weight []float64) float64 {
	checkPair(outcome, prediction, weight)
	d := make([]float64, len(outcome))
	for i, y := range outcome {
		d[i] = prediction[i] - y
	}
	return kernel.SumProduct(d, weight) / totalWeight(len(d), weight)
}

// TotalError returns Σp/Σy − 1: by what share the predicted total misses the true one. NaN when the outcomes sum to 0.
func TotalError(outcome, prediction, weight []float64) float64 {
	checkPair(outcome, prediction, weight)
	total := kernel.SumProduct(outcome, weight)
	if total == 0 {
		return math.NaN()
	}
	return kernel.SumProduct(prediction, weight)/total - 1
}

// SpearmanRank returns the correlation of the ranks of outcome and prediction, equal values sharing their mean rank. NaN
// when either is constant.
func SpearmanRank(outcome, prediction []float64) float64 {
	checkPair(outcome, prediction, nil)
	a, b := midranks(outcome), midranks(prediction)
	ma, va := kernel.MeanVar(a, nil)
	mb, vb := kernel.MeanVar(b, nil)
	if !(va > 0 && vb > 0) {
		return math.NaN()
	}
	for i := range a {
		a[i] -= ma
		b[i] -= mb
	}
	return kernel.SumProduct(a, b) / float64(len(a)) / math.Sqrt(va*vb)
}

// midranks returns each value's rank from 1, equal values sharing their mean rank.
func midranks(v []float64) []float64 {
	out := make([]float64, len(v))
	done := 0
	groups(kernel.Argsort(v), v, func(rows []int32) bool {
		for _, i := range rows {
			out[i] = float64(done) + float64(len(rows)+1)/2
		}
		done += len(rows)
		return true
	})
	return out
}
