package metric

import (
	"encoding/json"
	"math"

	"kequn/internal/kernel"
)

// Effect is a difference between two groups, A − B.
type Effect struct {
	Interval         // of the difference
	StdErr   float64 // of the difference
	DF       float64 // degrees of freedom of the t interval; +Inf for a normal one
	P        float64 // two-sided p-value of "no difference"
}

type effectJSON struct {
	intervalJSON
	StdErr *number `json:"std_err"`
	DF     *number `json:"df"` // null for a normal interval
	P      *number `json:"p"`
}

// MarshalJSON writes {"mean", "low", "high", "std_err", "df", "p"}; df is null for a normal interval.
func (e Effect) MarshalJSON() ([]byte, error) {
	se, df, p := number(e.StdErr), number(e.DF), number(e.P)
	return json.Marshal(effectJSON{e.json(), &se, &df, &p})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Effect) UnmarshalJSON(b []byte) error {
	var j effectJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*e = Effect{j.interval(), j.StdErr.or(math.NaN()), j.DF.or(math.Inf(1)), j.P.or(math.NaN())}
	if j.StdErr == nil && j.DF == nil { // nothing could be said, rather than a normal interval
		e.DF = math.NaN()
	}
	return nil
}

// Sample is what a difference of means needs to know of a group.
type Sample struct {
	N        float64 // rows
	Mean     float64
	Variance float64 // with n−1
}

// SampleOf returns the sample of v.
func SampleOf(v []float64) Sample {
	checkFinite(v)
	mean, variance := kernel.MeanVar(v, nil)
	n := float64(len(v))
	return Sample{n, mean, variance * n / (n - 1)}
}

// MeanDifference returns mean(A) − mean(B) with Welch's t interval, which does not suppose equal variances. With fewer
// than two rows in a group the bounds are NaN.
func MeanDifference(a, b Sample, level float64) Effect {
	e := Effect{DF: math.NaN(), P: math.NaN()}
	e.Interval = Interval{a.Mean - b.Mean, math.NaN(), math.NaN()}
	e.StdErr = math.NaN()
	if a.N < 2 || b.N < 2 {
		return e
	}
	va, vb := a.Variance/a.N, b.Variance/b.N
	e.StdErr = math.Sqrt(va + vb)
	if e.StdErr == 0 { // two constants
		e.Low, e.High, e.DF = e.Mean, e.Mean, math.Inf(1)
		if e.Mean == 0 {
			e.P = 1
		} else {
			e.P = 0
		}
		return e
	}
	e.DF = (va + vb) * (va + vb) / (va*va/(a.N-1) + vb*vb/(b.N-1))
	t := -TQuantile((1-level)/2, e.DF)
	e.Low, e.High = e.Mean-t*e.StdErr, e.Mean+t*e.StdErr
	e.P = 2 * TCDF(-math.Abs(e.Mean)/e.StdErr, e.DF)
	return e
}

// Count is a number of successes among n rows.
type Count struct{ Yes, N float64 }

// Rate returns Yes/N.
func (c Count) Rate() float64 { return c.Yes / c.N }

// WaldDifference returns rate(A) − rate(B) with the normal interval from the two sample variances, and the p-value of the
// pooled z test. Simple, and too narrow for few successes: prefer [NewcombeDifference]. NaN when a group is empty.
func WaldDifference(a, b Count, level float64) Effect {
	checkCounts(a, b)
	pa, pb := a.Rate(), b.Rate()
	se := math.Sqrt(pa*(1-pa)/a.N + pb*(1-pb)/b.N)
	return Effect{normal(pa-pb, se, level), se, math.Inf(1), pooledP(a, b)}
}

// NewcombeDifference returns rate(A) − rate(B) with Newcombe's hybrid score interval (1998, method 10), which stays within
// [−1, 1] and keeps its level for rare outcomes, and the p-value of the pooled z test. NaN when a group is empty.
func NewcombeDifference(a, b Count, level float64) Effect {
	checkCounts(a, b)
	pa, pb := a.Rate(), b.Rate()
	e := Effect{Interval{pa - pb, math.NaN(), math.NaN()}, math.Sqrt(pa*(1-pa)/a.N + pb*(1-pb)/b.N), math.Inf(1), pooledP(a, b)}
	if a.N == 0 || b.N == 0 {
		return e
	}
	wa, wb := Wilson(a.Yes, a.N, level), Wilson(b.Yes, b.N, level)
	e.Low = e.Mean - math.Hypot(pa-wa.Low, wb.High-pb)
	e.High = e.Mean + math.Hypot(wa.High-pa, pb-wb.Low)
	return e
}

func checkCounts(counts ...Count) {
	for _, c := range counts {
		if !(c.Yes >= 0 && c.Yes <= c.N) {
			panic(errRange)
		}
	}
}

// pooledP returns the two-sided p-value of equal rates, 1 when nobody or everybody said yes.
func pooledP(a, b Count) float64 {
	pool := (a.Yes + b.Yes) / (a.N + b.N)
	se := math.Sqrt(pool * (1 - pool) * (1/a.N + 1/b.N))
	if se == 0 {
		return 1
	}
	return 2 * NormCDF(-math.Abs(a.Rate()-b.Rate())/se)
}

// Wilson returns yes/n with Wilson's score interval. NaN when n is 0.
func Wilson(yes, n, level float64) Interval {
	z := zOf(level)
	p := yes / n
	mid := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(max(0, p*(1-p)/n)+z*z/(4*n*n))
	return Interval{p, max(0, mid-half), min(1, mid+half)}
}

// SampleRatio tests whether people fell into groups as planned: Pearson's Σ(count − expected)²/expected with its p-value.
// share is the plan, in any scale. A p below 0.001 means that assignment or logging is broken and the effect should not be
// trusted. NaN with nobody in any group.
func SampleRatio(count, share []float64) (chiSquare, p float64) {
	if len(count) != len(share) || len(count) < 2 {
		panic(errLength)
	}
	checkWeight(len(count), count)
	checkWeight(len(share), share)
	n, total := kernel.Sum(count), kernel.Sum(share)
	for i, c := range count {
		expected := n * share[i] / total
		if expected == 0 && c > 0 {
			return math.Inf(1), 0
		}
		if expected > 0 {
			chiSquare += (c - expected) * (c - expected) / expected
		}
	}
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	return chiSquare, ChiSquareTail(chiSquare, float64(len(count)-1))
}
