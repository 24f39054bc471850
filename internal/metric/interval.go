package metric

import (
	"encoding/json"
	"math"
	"slices"

	"kequn/internal/kernel"
)

// Interval is an estimate with the bounds of its confidence interval. In JSON a bound that is not finite is null.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Contains tells whether x lies within the bounds.
func (i Interval) Contains(x float64) bool { return i.Low <= x && x <= i.High }

// number is a float64 whose JSON is null where it is not finite, which JSON cannot write.
type number float64

func (x number) MarshalJSON() ([]byte, error) {
	if x-x != 0 {
		return []byte("null"), nil
	}
	return json.Marshal(float64(x))
}

// or returns the number that JSON held, or what null stands for.
func (x *number) or(null float64) float64 {
	if x == nil {
		return null
	}
	return float64(*x)
}

type intervalJSON struct {
	Mean *number `json:"mean"`
	Low  *number `json:"low"`
	High *number `json:"high"`
}

func (i Interval) json() intervalJSON {
	mean, low, high := number(i.Mean), number(i.Low), number(i.High)
	return intervalJSON{&mean, &low, &high}
}

func (j intervalJSON) interval() Interval {
	return Interval{j.Mean.or(math.NaN()), j.Low.or(math.NaN()), j.High.or(math.NaN())}
}

// MarshalJSON writes {"mean", "low", "high"}. A struct that embeds an Interval needs a MarshalJSON of its own, or this
// one stands for all of it.
func (i Interval) MarshalJSON() ([]byte, error) { return json.Marshal(i.json()) }

// UnmarshalJSON reads what MarshalJSON writes; null becomes NaN.
func (i *Interval) UnmarshalJSON(b []byte) error {
	var j intervalJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*i = j.interval()
	return nil
}

// normal returns mean ± z·se at the confidence level.
func normal(mean, se, level float64) Interval {
	z := zOf(level)
	return Interval{mean, mean - z*se, mean + z*se}
}

// zOf returns the normal quantile of a two-sided confidence level, such as 1.96 for 0.95.
func zOf(level float64) float64 {
	if !(level > 0 && level < 1) {
		panic(errRange)
	}
	return NormQuantile(0.5 + level/2)
}

// MeanInterval returns the weighted mean of v with its normal interval. The standard error is √Σwᵢ²(vᵢ−mean)²/Σwᵢ (with the
// factor n/(n−1)), which holds for weights that are not counts; NaN bounds for fewer than two rows with weight.
func MeanInterval(v, weight []float64, level float64) Interval {
	checkFinite(v)
	checkWeight(len(v), weight)
	mean, se := meanError(v, weight)
	return normal(mean, se, level)
}

func meanError(v, weight []float64) (mean, se float64) {
	mean, _ = kernel.MeanVar(v, weight)
	d := make([]float64, len(v))
	n := 0.0
	for i, x := range v {
		w := at(weight, i)
		if w > 0 {
			n++
		}
		d[i] = w * w * (x - mean) * (x - mean)
	}
	if n < 2 {
		return mean, math.NaN()
	}
	return mean, math.Sqrt(kernel.Sum(d)*n/(n-1)) / totalWeight(len(v), weight)
}

// Bootstrap says how resampling is done. The zero value is 200 resamples, 95 %, seed 0, all processors.
type Bootstrap struct {
	Resamples int
	Level     float64
	Seed      uint64
	Threads   int
}

func (b Bootstrap) resamples() int {
	if b.Resamples > 0 {
		return b.Resamples
	}
	return 200
}

func (b Bootstrap) level() float64 {
	if b.Level > 0 {
		return b.Level
	}
	return 0.95
}

// Interval returns the score on all rows with its percentile bootstrap interval: rows are drawn with replacement, and each
// resample is scored as a weighting of the rows. The same seed gives the same interval for any number of threads.
// Resamples whose score is NaN (one class drawn) are left out; with fewer than half left the bounds are NaN.
//
// Rows are sorted by prediction once, so that a rank score costs O(n) a resample: about 50 ms of one processor at a million rows. For AUC
// see [AUCInterval], which needs no resampling.
func (b Bootstrap) Interval(score Score, outcome, prediction, weight []float64) Interval {
	checkPair(outcome, prediction, weight)
	order := kernel.Argsort(prediction)
	y, p, w := kernel.Take(outcome, order), kernel.Take(prediction, order), kernel.Take(weight, order)
	return b.Of(len(y), func(weight []float64) float64 { return score(y, p, weight) }, w)
}

// Difference returns score(a) − score(b) of two models' predictions for the same rows, with the interval of the paired
// bootstrap: both are scored on the same resample, so what the rows have in common cancels.
func (b Bootstrap) Difference(score Score, outcome, predictionA, predictionB, weight []float64) Interval {
	checkPair(outcome, predictionA, weight)
	checkPair(outcome, predictionB, weight)
	order := kernel.Argsort(predictionA)
	y, p, q, w := kernel.Take(outcome, order), kernel.Take(predictionA, order), kernel.Take(predictionB, order), kernel.Take(weight, order)
	return b.Of(len(y), func(weight []float64) float64 { return score(y, p, weight) - score(y, q, weight) }, w)
}

// Of returns f on the given weights (nil for all ones) with the interval of f over resampled weights. f is called from
// several goroutines and must not keep or change its argument.
func (b Bootstrap) Of(n int, f func(weight []float64) float64, weight []float64) Interval {
	checkWeight(n, weight)
	out := Interval{Mean: f(weight), Low: math.NaN(), High: math.NaN()}
	if n == 0 {
		return out
	}
	value := make([]float64, b.resamples())
	scratch := make([][]float64, kernel.Threads(b.Threads))
	kernel.Workers(len(value), b.Threads, 1, func(worker, rep, _, _ int) {
		if scratch[worker] == nil {
			scratch[worker] = make([]float64, n)
		}
		w := scratch[worker]
		clear(w)
		s := kernel.NewStream(b.Seed, kernel.ID("bootstrap"), uint64(rep))
		for range n {
			w[s.Intn(n)]++
		}
		for i := range weight {
			w[i] *= weight[i]
		}
		value[rep] = f(w)
	})
	kept := slices.DeleteFunc(slices.Clone(value), math.IsNaN)
	if 2*len(kept) < len(value) {
		return out
	}
	slices.Sort(kept)
	tail := (1 - b.level()) / 2
	out.Low, out.High = kernel.QuantileSorted(kept, tail), kernel.QuantileSorted(kept, 1-tail)
	return out
}
