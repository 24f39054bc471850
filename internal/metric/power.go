package metric

import "math"

// Design is a comparison of two groups before it is made. Zero Level and Power mean 0.95 and 0.8.
//
// All figures use the normal approximation with unpooled variances: power = Φ(|effect|/se − z), z two-sided.
type Design struct {
	Treated, Control float64 // rows in each group
	Level            float64 // of the interval that will be drawn
	Power            float64 // probability of seeing a true effect of the size in question
}

func (d Design) level() float64 {
	if d.Level > 0 {
		return d.Level
	}
	return 0.95
}

func (d Design) power() float64 {
	if d.Power > 0 {
		return d.Power
	}
	return 0.8
}

// PowerOfRates returns the probability that an effect on a rate, from base in the control group to base+effect, is seen.
// The answer is NaN when a rate leaves [0, 1].
func (d Design) PowerOfRates(base, effect float64) float64 {
	p := base + effect
	if !(base >= 0 && base <= 1 && p >= 0 && p <= 1) {
		return math.NaN()
	}
	return d.seen(effect, math.Sqrt(p*(1-p)/d.Treated+base*(1-base)/d.Control))
}

// PowerOfMeans is [Design.PowerOfRates] for an amount with standard deviation sd in both groups.
func (d Design) PowerOfMeans(sd, effect float64) float64 {
	return d.seen(effect, sd*math.Sqrt(1/d.Treated+1/d.Control))
}

func (d Design) seen(effect, se float64) float64 {
	if se == 0 {
		if effect == 0 {
			return 1 - d.level()
		}
		return 1
	}
	z := zOf(d.level())
	return NormCDF(math.Abs(effect)/se-z) + NormCDF(-math.Abs(effect)/se-z)
}

// SmallestRateEffect returns the smallest increase of a rate above base that is seen with the design's power, NaN when
// even an increase to 1 is not, or a group is empty.
func (d Design) SmallestRateEffect(base float64) float64 {
	if !(base >= 0 && base < 1) || !(d.Treated > 0 && d.Control > 0) {
		return math.NaN()
	}
	low, high := 0.0, 1-base
	if d.PowerOfRates(base, high) < d.power() {
		return math.NaN()
	}
	// Power rises with the effect but for rates close to 1; the first crossing is what is asked for, so look for it from below.
	for step := high / 1024; low+step < high; low += step {
		if d.PowerOfRates(base, low+step) >= d.power() {
			high = low + step
			break
		}
	}
	for range 100 {
		mid := (low + high) / 2
		if d.PowerOfRates(base, mid) >= d.power() {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// SmallestMeanEffect returns the smallest difference of means that is seen with the design's power, for a standard
// deviation sd in both groups: (z₁₋α/₂ + z_power)·sd·√(1/n₁+1/n₀). +Inf when a group is empty.
func (d Design) SmallestMeanEffect(sd float64) float64 {
	return (zOf(d.level()) + NormQuantile(d.power())) * sd * math.Sqrt(1/d.Treated+1/d.Control)
}

// NeededForRates returns how many rows in all, a share of them treated, make an effect on a rate visible with the design's
// level and power. +Inf for no effect, NaN when a rate leaves [0, 1] or the share is not within (0, 1).
func (d Design) NeededForRates(base, effect, treatedShare float64) float64 {
	p := base + effect
	if !(base >= 0 && base <= 1 && p >= 0 && p <= 1) || !(treatedShare > 0 && treatedShare < 1) {
		return math.NaN()
	}
	return d.needed(effect, p*(1-p)/treatedShare+base*(1-base)/(1-treatedShare))
}

// NeededForMeans is [Design.NeededForRates] for an amount with standard deviation sd in both groups.
func (d Design) NeededForMeans(sd, effect, treatedShare float64) float64 {
	if !(treatedShare > 0 && treatedShare < 1) {
		return math.NaN()
	}
	return d.needed(effect, sd*sd*(1/treatedShare+1/(1-treatedShare)))
}

func (d Design) needed(effect, variance float64) float64 {
	if effect == 0 {
		return math.Inf(1)
	}
	z := zOf(d.level()) + NormQuantile(d.power())
	return math.Ceil(z * z * variance / (effect * effect))
}
