package metric

import (
	"math"

	"kequn/internal/kernel"
)

// LogLoss returns −mean(y·log q + (1−y)·log(1−q)) with q = p held in [1e-15, 1−1e-15], in nats. NaN without weight.
func LogLoss(outcome, p, weight []float64) float64 {
	checkProbability(outcome, p, weight)
	return kernel.SumProduct(logLossRows(outcome, p), weight) / totalWeight(len(p), weight)
}

func logLossRows(outcome, p []float64) []float64 {
	out := make([]float64, len(p))
	for i, q := range p {
		q = min(max(q, 1e-15), 1-1e-15)
		if outcome[i] == 1 {
			out[i] = -math.Log(q)
		} else {
			out[i] = -math.Log1p(-q)
		}
	}
	return out
}

// Brier returns the mean squared difference of probability and outcome. NaN without weight.
func Brier(outcome, p, weight []float64) float64 {
	checkProbability(outcome, p, weight)
	return meanSquare(outcome, p, weight)
}

// eceBins is the number of equal-width bins of [ECE].
const eceBins = 15

// ECE returns the expected calibration error: rows fall into 15 bins [i/15, (i+1)/15) by probability, the last one closed,
// and the answer is the mean of |mean outcome − mean probability| over bins, weighted by their share of the weight.
// NaN without weight.
func ECE(outcome, p, weight []float64) float64 {
	checkProbability(outcome, p, weight)
	sum, total := 0.0, 0.0
	for _, b := range widthBins(outcome, p, weight, eceBins) {
		if b.Weight > 0 {
			sum += b.Weight * math.Abs(b.Rate-b.Predicted)
			total += b.Weight
		}
	}
	return sum / total
}

// Bin is one bin of a reliability curve.
type Bin struct {
	Low       float64 `json:"low"`       // lowest probability: the bin's border, or of its rows
	High      float64 `json:"high"`      // highest
	Rows      int     `json:"rows"`      // number of rows with weight
	Weight    float64 `json:"weight"`    // their weight
	Predicted float64 `json:"predicted"` // mean probability
	Rate      float64 `json:"rate"`      // mean outcome
	RateLow   float64 `json:"rate_low"`  // 95 % Wilson interval of Rate, taking Weight for a count
	RateHigh  float64 `json:"rate_high"`
}

// Reliability returns the calibration curve over equal-width bins; empty bins are left out.
func Reliability(outcome, p, weight []float64, bins int) []Bin {
	checkProbability(outcome, p, weight)
	if bins < 1 {
		panic(errRange)
	}
	return keepFilled(widthBins(outcome, p, weight, bins))
}

// ReliabilityByRank is [Reliability] over bins of equal weight, for probabilities that crowd near 0: rows with equal
// probability stay together.
func ReliabilityByRank(outcome, p, weight []float64, bins int) []Bin {
	checkProbability(outcome, p, weight)
	if bins < 1 {
		panic(errRange)
	}
	out := make([]Bin, bins)
	total, done, b := totalWeight(len(p), weight), 0.0, 0
	groups(kernel.Argsort(p), p, func(rows []int32) bool {
		for b+1 < bins && done >= total*float64(b+1)/float64(bins) {
			b++
		}
		for _, i := range rows {
			w := at(weight, int(i))
			if w == 0 {
				continue
			}
			if out[b].Rows == 0 {
				out[b].Low = p[i]
			}
			out[b].High = p[i]
			out[b].add(outcome[i], p[i], w)
			done += w
		}
		return true
	})
	finish(out)
	return keepFilled(out)
}

func widthBins(outcome, p, weight []float64, bins int) []Bin {
	out := make([]Bin, bins)
	for i, q := range p {
		if w := at(weight, i); w > 0 {
			out[min(int(q*float64(bins)), bins-1)].add(outcome[i], q, w)
		}
	}
	for b := range out {
		out[b].Low, out[b].High = float64(b)/float64(bins), float64(b+1)/float64(bins)
	}
	finish(out)
	return out
}

func (b *Bin) add(outcome, p, w float64) {
	b.Rows++
	b.Weight += w
	b.Predicted += w * p
	b.Rate += w * outcome
}

// finish turns the sums of each bin into means.
func finish(bins []Bin) {
	for i := range bins {
		if b := &bins[i]; b.Weight > 0 {
			b.Predicted /= b.Weight
			b.Rate /= b.Weight
			ci := Wilson(b.Rate*b.Weight, b.Weight, 0.95)
			b.RateLow, b.RateHigh = ci.Low, ci.High
		}
	}
}

func keepFilled(bins []Bin) []Bin {
	out := bins[:0]
	for _, b := range bins {
		if b.Rows > 0 {
			out = append(out, b)
		}
	}
	return out
}

func totalWeight(n int, weight []float64) float64 {
	if weight == nil {
		return float64(n)
	}
	return kernel.Sum(weight)
}

func meanSquare(a, b, weight []float64) float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = (a[i] - b[i]) * (a[i] - b[i])
	}
	return kernel.SumProduct(d, weight) / totalWeight(len(a), weight)
}
