package metric

import (
	"encoding/json"
	"math"

	"kequn/internal/kernel"
)

// Logged is a randomised past: what each row was given, how likely that was, and what came of it.
type Logged struct {
	Arm        []int32   // arm given, from 0
	Propensity []float64 // probability with which that arm was given, in (0, 1]
	Outcome    []float64 // value that followed
}

// PolicyValue is what a policy would have earned a row on average, estimated from a randomised past.
type PolicyValue struct {
	Interval
	StdErr    float64
	Matched   int     // rows whose logged arm is the policy's
	Effective float64 // (Σw)²/Σw² of the matched rows' weights 1/propensity: what they are worth as a sample
	MaxWeight float64 // the largest weight: an estimate that leans on few rows is not to be trusted
}

type policyJSON struct {
	intervalJSON
	StdErr    *number `json:"std_err"`
	Matched   int     `json:"matched"`
	Effective *number `json:"effective"`
	MaxWeight *number `json:"max_weight"`
}

// MarshalJSON writes {"mean", "low", "high", "std_err", "matched", "effective", "max_weight"}.
func (v PolicyValue) MarshalJSON() ([]byte, error) {
	se, effective, weight := number(v.StdErr), number(v.Effective), number(v.MaxWeight)
	return json.Marshal(policyJSON{v.json(), &se, v.Matched, &effective, &weight})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *PolicyValue) UnmarshalJSON(b []byte) error {
	var j policyJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*v = PolicyValue{j.interval(), j.StdErr.or(math.NaN()), j.Matched, j.Effective.or(math.NaN()), j.MaxWeight.or(math.NaN())}
	return nil
}

// termInterval returns the mean of the rows' terms with its normal interval and standard error.
func termInterval(term []float64, level float64) (Interval, float64) {
	mean, se := meanError(term, nil)
	return normal(mean, se, level), se
}

// IPS returns the inverse propensity estimate mean(1[policy = arm]·outcome/propensity): unbiased, noisy (Horvitz & Thompson).
// NaN without rows.
func (l Logged) IPS(policy []int32, level float64) PolicyValue {
	v, weight := l.match(policy)
	v.Interval, v.StdErr = termInterval(l.ipsTerms(weight), level)
	return v
}

// SNIPS returns the self-normalised estimate Σ wᵢ·outcomeᵢ/Σ wᵢ, w = 1[policy = arm]/propensity: slightly biased, steadier,
// and unmoved by adding a constant to all outcomes (Swaminathan & Joachims, 2015). The interval is by the delta method. NaN
// when no row matches.
func (l Logged) SNIPS(policy []int32, level float64) PolicyValue {
	v, weight := l.match(policy)
	total := kernel.Sum(weight)
	mean := kernel.SumProduct(l.Outcome, weight) / total
	residual := make([]float64, len(weight))
	for i, w := range weight {
		residual[i] = w * (l.Outcome[i] - mean) * float64(len(weight)) / total
	}
	_, v.StdErr = meanError(residual, nil)
	v.Interval = normal(mean, v.StdErr, level)
	return v
}

// DR returns the doubly robust estimate mean(q(policy) + 1[policy = arm]·(outcome − q(arm))/propensity), with predicted[arm][row]
// the outcome that a model fitted on other rows foresees under each arm: right when either the propensities or the model
// are, and less noisy than IPS where the model is good (Dudík, Langford & Li, 2011). NaN without rows.
func (l Logged) DR(policy []int32, predicted [][]float64, level float64) PolicyValue {
	v, weight := l.match(policy)
	v.Interval, v.StdErr = termInterval(l.drTerms(policy, predicted, weight), level)
	return v
}

// IPSDifference returns what policy a would have earned a row more than policy b by [Logged.IPS], with an interval that
// takes into account that both are judged on the same rows.
func (l Logged) IPSDifference(a, b []int32, level float64) Interval {
	_, wa := l.match(a)
	_, wb := l.match(b)
	d := l.ipsTerms(wa)
	kernel.Axpy(-1, l.ipsTerms(wb), d)
	out, _ := termInterval(d, level)
	return out
}

// DRDifference is [Logged.IPSDifference] by [Logged.DR].
func (l Logged) DRDifference(a, b []int32, predicted [][]float64, level float64) Interval {
	_, wa := l.match(a)
	_, wb := l.match(b)
	d := l.drTerms(a, predicted, wa)
	kernel.Axpy(-1, l.drTerms(b, predicted, wb), d)
	out, _ := termInterval(d, level)
	return out
}

// match returns each row's weight 1[policy = arm]/propensity.
func (l Logged) match(policy []int32) (PolicyValue, []float64) {
	n := len(l.Outcome)
	if len(l.Arm) != n || len(l.Propensity) != n || len(policy) != n {
		panic(errLength)
	}
	checkFinite(l.Outcome)
	var v PolicyValue
	weight := make([]float64, n)
	sum, squares := 0.0, 0.0
	for i, p := range l.Propensity {
		if !(p > 0 && p <= 1) {
			panic(errProbability)
		}
		if policy[i] == l.Arm[i] {
			w := 1 / p
			weight[i] = w
			v.Matched++
			v.MaxWeight = max(v.MaxWeight, w)
			sum += w
			squares += w * w
		}
	}
	if v.Matched > 0 {
		v.Effective = sum * sum / squares
	}
	return v, weight
}

func (l Logged) ipsTerms(weight []float64) []float64 {
	out := make([]float64, len(weight))
	for i, w := range weight {
		out[i] = w * l.Outcome[i]
	}
	return out
}

func (l Logged) drTerms(policy []int32, predicted [][]float64, weight []float64) []float64 {
	for _, q := range predicted {
		if len(q) != len(weight) {
			panic(errLength)
		}
		checkFinite(q)
	}
	out := make([]float64, len(weight))
	for i, w := range weight {
		if policy[i] < 0 || int(policy[i]) >= len(predicted) || l.Arm[i] < 0 || int(l.Arm[i]) >= len(predicted) {
			panic(errRange)
		}
		out[i] = predicted[policy[i]][i]
		if w > 0 {
			out[i] += w * (l.Outcome[i] - predicted[l.Arm[i]][i])
		}
	}
	return out
}

// Best returns for each row the arm with the largest predicted value, the first of equals: predicted[arm][row].
func Best(predicted [][]float64) []int32 {
	if len(predicted) == 0 {
		panic(errLength)
	}
	out := make([]int32, len(predicted[0]))
	for arm, q := range predicted {
		if len(q) != len(out) {
			panic(errLength)
		}
		for i, v := range q {
			if math.IsNaN(v) {
				panic(errNaN)
			}
			if v > predicted[out[i]][i] {
				out[i] = int32(arm)
			}
		}
	}
	return out
}
