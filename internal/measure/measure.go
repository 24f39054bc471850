// Package measure says what a contact changed, beside what was forecast.
package measure

import (
	"math"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/receipt"
)

// Outcome is what customers of a decision did within the horizon, in the order of its members. A customer without a row
// in the data bought nothing.
type Outcome struct {
	Converted []bool
	Earned    []float64 // margin earned, what offers gave away taken off; contact costs not
	Before    []float64 // a figure known before the decision that goes with Earned, such as earlier spend; nil without one
}

// Result is the effect of a decision, with 95 % intervals.
type Result struct {
	Campaign string `json:"campaign"`
	Receipt  string `json:"receipt"`
	From     string `json:"from"`
	To       string `json:"to"`
	Complete bool   `json:"complete"` // the whole horizon lies in the data

	Contact       int     `json:"contact"`
	Control       int     `json:"control"`
	ContactRate   float64 `json:"contact_rate"` // share that bought
	ControlRate   float64 `json:"control_rate"`
	SampleRatioP  float64 `json:"sample_ratio_p"` // probability of so uneven a split by chance
	SampleRatioOK bool    `json:"sample_ratio_ok"`

	Conversion Interval `json:"conversion"`      // effect on the share that bought
	PerPerson  Interval `json:"per_person"`      // effect on the margin of a contacted customer, contact cost taken off
	Profit     Interval `json:"profit"`          // of all contacted, fixed costs taken off
	Narrowed   float64  `json:"narrowed"`        // by which share the earlier figure narrowed the interval of per_person
	Forecast   Interval `json:"forecast"`        // profit as the receipt forecast it
	Expected   Interval `json:"expected"`        // effect on the share that buys, as forecast
	Truth      *Truth   `json:"truth,omitempty"` // the demo shop knows it
	Verdict    Verdict  `json:"verdict"`
	TextEN     string   `json:"text_en"`
	TextZH     string   `json:"text_zh"`
}

// Interval is a figure with its 95 % interval.
type Interval = metric.Interval

// Truth is what the demo shop knows: the expected effect on just those who were contacted.
type Truth struct {
	Conversion float64 `json:"conversion"`
	Profit     float64 `json:"profit"`
	Oracle     float64 `json:"oracle"` // profit of the best possible choice under the same costs
}

// Verdict is one word about the effect.
type Verdict string

// The verdicts. A winner is never named that the data cannot carry.
const (
	Earned   Verdict = "earned"    // the interval of profit lies above zero
	Lost     Verdict = "lost"      // below
	Unclear  Verdict = "unclear"   // it holds zero
	Unequal  Verdict = "unequal"   // contact and control are not as drawn: no effect may be read
	TooEarly Verdict = "too_early" // the horizon has not passed
)

// unequal is the probability below which a split is taken for a mistake, not chance (Fabijan et al., KDD 2019).
const unequal = 0.001

// Measure compares contact with control.
//
// The effect on the margin uses the earlier figure x as control variate: y − θ(x − x̄) with θ = cov(x, y)/var(x) over both
// groups, which leaves the difference unbiased and narrows its interval by the squared correlation (CUPED; Deng, Xu, Kohavi,
// Walker, WSDM 2013).
func Measure(r *receipt.Receipt, members []receipt.Member, o Outcome, contactCost func(offer string) float64) (*Result, error) {
	res := &Result{Campaign: r.Campaign.Name, Forecast: r.Forecast, Expected: r.Conversion}
	y := append([]float64(nil), o.Earned...)
	narrowed := 0.0
	if o.Before != nil {
		y, narrowed = adjust(members, y, o.Before)
	}
	var treated, held, treatedYes, heldYes, costs []float64
	for i, m := range members {
		yes := 0.0
		if o.Converted[i] {
			yes = 1
		}
		switch m.Group {
		case receipt.Contact:
			cost := contactCost(m.Offer)
			treated, treatedYes, costs = append(treated, y[i]), append(treatedYes, yes), append(costs, cost)
		case receipt.Control:
			held, heldYes = append(held, y[i]), append(heldYes, yes)
		}
	}
	res.Contact, res.Control, res.Narrowed = len(treated), len(held), narrowed
	if len(treated) == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, r.Campaign.Name, "nobody was contacted")
	}
	if len(held) < 2 {
		return nil, kequn.Errorf(kequn.KindNotEnough, r.Campaign.Name, "%d customers were held back, so nothing can be compared", len(held)).
			WithHint("decide again with control: 0.2 in the plan")
	}
	res.ContactRate, res.ControlRate = mean(treatedYes), mean(heldYes)
	res.SampleRatioP = splitP(len(treated), len(held), r.Assignment.Share)
	res.SampleRatioOK = res.SampleRatioP >= unequal

	res.Conversion = difference(treatedYes, heldYes)
	cost := mean(costs)
	d := difference(treated, held)
	res.PerPerson = Interval{Mean: d.Mean - cost, Low: d.Low - cost, High: d.High - cost}
	n, fixed := float64(len(treated)), fixedCosts(r, members)
	res.Profit = Interval{Mean: n*res.PerPerson.Mean - fixed, Low: n*res.PerPerson.Low - fixed, High: n*res.PerPerson.High - fixed}
	res.Verdict = verdict(res)
	return res, nil
}

func verdict(r *Result) Verdict {
	switch {
	case !r.SampleRatioOK:
		return Unequal
	case r.Profit.Low > 0:
		return Earned
	case r.Profit.High < 0:
		return Lost
	}
	return Unclear
}

func fixedCosts(r *receipt.Receipt, members []receipt.Member) float64 {
	sum := 0.0
	for _, o := range r.Offers {
		for _, m := range members {
			if m.Group == receipt.Contact && m.Offer == o.Name {
				sum += o.Fixed
				break
			}
		}
	}
	return sum
}

// adjust returns y − θ(x − x̄) for members in contact or control, and the share by which the standard error shrank.
func adjust(members []receipt.Member, y, x []float64) (out []float64, narrowed float64) {
	var n, sx, sy, sxx, sxy, syy float64
	in := func(i int) bool { return members[i].Group != receipt.LeftAlone }
	for i := range y {
		if in(i) {
			n, sx, sy = n+1, sx+x[i], sy+y[i]
		}
	}
	if n < 3 {
		return y, 0
	}
	mx, my := sx/n, sy/n
	for i := range y {
		if in(i) {
			dx, dy := x[i]-mx, y[i]-my
			sxx, sxy, syy = sxx+dx*dx, sxy+dx*dy, syy+dy*dy
		}
	}
	if sxx == 0 || syy == 0 {
		return y, 0
	}
	theta := sxy / sxx
	out = make([]float64, len(y))
	for i := range y {
		out[i] = y[i] - theta*(x[i]-mx)
	}
	return out, 1 - math.Sqrt(math.Max(0, 1-sxy*sxy/(sxx*syy)))
}

// difference returns mean(a) − mean(b) with Welch's normal interval.
func difference(a, b []float64) Interval {
	ma, va := moments(a)
	mb, vb := moments(b)
	se := math.Sqrt(va/float64(len(a)) + vb/float64(len(b)))
	d := ma - mb
	return Interval{Mean: d, Low: d - 1.959964*se, High: d + 1.959964*se}
}

func moments(v []float64) (m, variance float64) {
	m = mean(v)
	for _, x := range v {
		variance += (x - m) * (x - m)
	}
	return m, variance / math.Max(1, float64(len(v)-1))
}

func mean(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

// splitP returns the two-sided probability of a split at least this uneven if control had the given share.
func splitP(contact, control int, share float64) float64 {
	if share <= 0 || share >= 1 {
		return 1
	}
	n := float64(contact + control)
	z := (float64(control) - n*share) / math.Sqrt(n*share*(1-share))
	return 2 * metric.NormCDF(-math.Abs(z))
}
