package evaluate

import (
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
)

const (
	offBy       = 0.05  // a probability further off than this is not for pricing
	offShare    = 0.15  // an amount further off than this share of the usual amount
	offLevel    = 0.995 // of the interval that a bin must lie outside of: of ten bins one in twenty cards errs
	leastOfBin  = 30    // rows of a bin that may say something
	nearlyRound = 0.02  // how near 0 or 1 a border is taken for the end
)

// off is a range of scores that are wrong by more than noise.
type off struct {
	from, to        float64
	low, high       bool // the range begins at the least score, ends at the largest
	predicted, rate float64
	weight          float64
}

// offRange returns the widest run of neighbouring bins that are off in the same direction, nil if none is.
func offRange(bins []metric.Bin, wrong func(metric.Bin) bool) *off {
	var best, now *off
	sign := 0.0
	bins = slices.DeleteFunc(slices.Clone(bins), func(b metric.Bin) bool { return b.Rows < leastOfBin })
	for i, b := range bins {
		d := b.Predicted - b.Rate
		if !wrong(b) {
			now = nil
			continue
		}
		if now == nil || d*sign < 0 {
			now, sign = &off{from: b.Low, low: i == 0}, d
		}
		all := now.weight + b.Weight
		now.predicted = (now.predicted*now.weight + b.Predicted*b.Weight) / all
		now.rate = (now.rate*now.weight + b.Rate*b.Weight) / all
		now.weight, now.to, now.high = all, b.High, i == len(bins)-1
		if best == nil || now.weight > best.weight {
			best = now
		}
	}
	return best
}

// offProbabilities returns where probabilities are off, if anywhere: in ten bins of equal width, whose borders people can remember, else in ten of equal weight.
func offProbabilities(s Scored) *off {
	wrong := func(b metric.Bin) bool {
		i := metric.Wilson(b.Rate*b.Weight, b.Weight, offLevel)
		return math.Abs(b.Rate-b.Predicted) > offBy && !i.Contains(b.Predicted)
	}
	if o := offRange(metric.Reliability(s.Y, s.Score, s.W, 10), wrong); o != nil {
		return o
	}
	return offRange(metric.ReliabilityByRank(s.Y, s.Score, s.W, 10), wrong)
}

// amountBins compares predicted amounts with true ones in ten bins of equal weight; the interval of Rate is normal, for a mean.
func amountBins(s Scored) (bins []metric.Bin) {
	order := kernel.Argsort(s.Score)
	n := len(order)
	for lo, b := 0, 1; lo < n; b++ {
		hi := max(lo, n*b/10)
		for hi > lo && hi < n && s.Score[order[hi]] == s.Score[order[hi-1]] {
			hi++ // equal predictions stay together
		}
		if hi == lo {
			continue
		}
		rows := order[lo:hi]
		y, p, w := kernel.Take(s.Y, rows), kernel.Take(s.Score, rows), kernel.Take(s.W, rows)
		i := metric.MeanInterval(y, w, 0.95)
		mean, _ := kernel.MeanVar(p, w)
		weight := float64(len(rows))
		if w != nil {
			weight = kernel.Sum(w)
		}
		if i.Low-i.Low != 0 || i.High-i.High != 0 {
			i.Low, i.High = i.Mean, i.Mean
		}
		if finite(i.Mean) && finite(mean) && finite(i.Low) && finite(i.High) {
			bins = append(bins, metric.Bin{Low: p[0], High: p[len(p)-1], Rows: len(rows), Weight: weight, Predicted: mean, Rate: i.Mean, RateLow: i.Low, RateHigh: i.High})
		}
		lo = hi
	}
	return bins
}

func finite(v float64) bool { return v-v == 0 }

// offAmounts returns where predicted amounts are off, if anywhere.
func offAmounts(s Scored, bins []metric.Bin) *off {
	size := make([]float64, len(s.Y))
	for i, y := range s.Y {
		size[i] = math.Abs(y)
	}
	usual, _ := kernel.MeanVar(size, s.W)
	const wider = 2.807 / 1.96 // from a 95 % interval to one of offLevel
	return offRange(bins, func(b metric.Bin) bool {
		half := (b.RateHigh - b.RateLow) / 2 * wider
		return math.Abs(b.Rate-b.Predicted) > math.Max(half, offShare*math.Max(usual, math.Abs(b.Rate)))
	})
}

// where says the range in words.
func (o *off) where(task kequn.Task) Text {
	from, to := fmt.Sprintf("%.4g", o.from), fmt.Sprintf("%.4g", o.to)
	low, high := o.low, o.high
	if task == kequn.Binary {
		from, to = fmt.Sprintf("%.2g", o.from), fmt.Sprintf("%.2g", o.to)
		low, high = low || o.from < nearlyRound, high || o.to > 1-nearlyRound
	}
	switch {
	case low && high:
		return Text{"全部范围", "everywhere"}
	case high:
		return Text{from + " 以上", "above " + from}
	case low:
		return Text{to + " 以下", "below " + to}
	}
	return Text{from + " 到 " + to + " 之间", "between " + from + " and " + to}
}

// word says in which direction.
func (o *off) word() Text {
	if o.predicted > o.rate {
		return Text{"偏高", "too high"}
	}
	return Text{"偏低", "too low"}
}

// calibration finds where scores are off, and keeps it for the verdict.
func (c *Card) calibration(s Scored) {
	switch c.Task {
	case kequn.Binary:
		c.Accuracy.Calibration = metric.ReliabilityByRank(s.Y, s.Score, s.W, 10)
		c.off = offProbabilities(s)
	case kequn.Regression:
		c.Accuracy.Calibration = amountBins(s)
		c.off = offAmounts(s, c.Accuracy.Calibration)
	}
}

// offTip is the advice about it.
func (o *off) tip(task kequn.Task) Text {
	w, d := o.where(task), o.word()
	if task == kequn.Regression {
		return Text{fmt.Sprintf("可以排序，但不宜直接用于预算：预测金额%s%s（平均预测 %.4g，实际 %.4g）。", space(w.Zh), d.Zh, o.predicted, o.rate),
			fmt.Sprintf("Good to rank, not to budget by: predicted amounts %s are %s (%.4g on average, %.4g happened).", w.En, d.En, o.predicted, o.rate)}
	}
	return Text{fmt.Sprintf("可以排序，但不宜按概率算钱：概率%s%s（平均 %.0f%%，实际 %.0f%%）。", space(w.Zh), d.Zh, 100*o.predicted, 100*o.rate),
		fmt.Sprintf("Good to rank, not to price: probabilities %s are %s (%.0f %% on average, %.0f %% happened).", w.En, d.En, 100*o.predicted, 100*o.rate)}
}

// space puts a space before a Chinese phrase that begins with a digit.
func space(s string) string {
	if s != "" && slices.Contains([]byte("-0123456789"), s[0]) {
		return " " + s
	}
	return s
}
