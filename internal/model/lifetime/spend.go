package lifetime

import (
	"cmp"
	"context"
	"math"
	"slices"

	"kequn/internal/kernel"
)

// spendModel is Gamma-Gamma: an order's amount is Gamma(p, rate ν), ν ~ Gamma(q, rate v) differs between customers, independent of how often they
// order. A customer with x repeats of mean m has ν ~ Gamma(q + p·x, v + x·m), and expects to spend p·(v + x·m)/(p·x + q − 1) on an order.
//
// q > 1, so that the mean exists. Amounts that never differ are taken as they are: flat.
type spendModel struct {
	p, q, v float64
	cov     []float64 // of log p, log(q−1), log v
	loose   []bool
	flat    float64 // every order's amount, where p is 0
	logLik  float64
	fitted  int

	// newcomer is the mean spend on an order by customers without repeats, p·v/(q−1) but where q−1 is so near 0 that this says nothing.
	newcomer    float64
	correlation float64 // of orders and mean spend
}

// nearSpend returns the spend model of Near that is fit to start from, nil where there is none.
func (o Options) nearSpend() *spendModel {
	if o.Near != nil {
		for _, m := range o.Near.Members {
			if s := m.spend; s != nil && s.p > 0 && m.Settled && !slices.Contains(s.loose, true) {
				return s
			}
		}
	}
	return nil
}

// fitSpend finds p, q, v that maximise, over customers with repeats and a positive spend,
//
//	Σ log Γ(px+q) − log Γ(px) − log Γ(q) + q·log v + px·log x + (px−1)·log m − (px+q)·log(xm+v)
//
// It returns nil where nobody's spend is known.
//
// The search starts at near, unless that is nil.
func fitSpend(ctx context.Context, all []Summary, near *spendModel, threads int) (*spendModel, bool, error) {
	var rows []Summary
	for _, s := range all {
		if s.Repeats > 0 && s.Spend > 0 {
			rows = append(rows, s)
		}
	}
	if len(rows) == 0 {
		return nil, true, nil
	}
	slices.SortFunc(rows, func(a, b Summary) int {
		if c := cmp.Compare(a.Spend, b.Spend); c != 0 {
			return c
		}
		return cmp.Compare(a.Repeats, b.Repeats)
	})
	m := &spendModel{fitted: len(rows), correlation: correlation(rows)}
	median := rows[len(rows)/2].Spend
	if rows[0].Spend == rows[len(rows)-1].Spend || len(rows) < leastBuyers {
		sum := 0.0
		for _, s := range rows {
			sum += s.Spend
		}
		m.flat = sum / float64(len(rows))
		m.newcomer = m.flat
		return m, true, nil
	}
	slices.SortStableFunc(rows, func(a, b Summary) int { return cmp.Compare(a.Repeats, b.Repeats) })
	full := newAmounts(rows, median)
	quick := full
	if n := len(rows) / 20000; n > 1 {
		var some []Summary
		for i := n / 2; i < len(rows); i += n {
			some = append(some, rows[i])
		}
		quick = newAmounts(some, median)
	}
	at := func(a *amounts) objective {
		return func(theta []float64) (float64, []float64) { return a.likelihood(theta, threads) }
	}
	starts := [][]float64{{2, 1, 1}, {6, 2.5, 0.5}, {1, 0.5, 2}}
	if near != nil {
		starts = [][]float64{{near.p, near.q - 1, near.v / median}}
	}
	o, err := maximise(ctx, starts, at(quick), at(full), true, float64(len(quick.x)), float64(len(rows)))
	if err != nil {
		return nil, false, err
	}
	theta := exps(o.logs)
	m.p, m.q, m.v = theta[0], 1+theta[1], theta[2]*median
	m.cov, m.loose = o.cov, o.loose
	m.logLik = o.value - float64(len(rows))*math.Log(median)
	m.newcomer = m.p * m.v / (m.q - 1)
	if m.q < 1.2 { // the tail is so heavy that the mean of the prior is guesswork: take the customers' own
		sum := 0.0
		for _, s := range rows {
			sum += s.Spend
		}
		m.newcomer = sum / float64(len(rows))
	}
	return m, o.settled, nil
}

// amounts are customers' repeats and mean spends, sorted by repeats, in units of the median spend.
type amounts struct {
	x      []float64
	total  []float64 // x·m
	logs   []float64 // log m
	kind   []int32   // index into distinct
	unique []float64 // distinct x
}

func newAmounts(rows []Summary, unit float64) *amounts {
	a := &amounts{}
	for _, s := range rows {
		x := float64(s.Repeats)
		if n := len(a.unique); n == 0 || a.unique[n-1] != x {
			a.unique = append(a.unique, x)
		}
		a.kind = append(a.kind, int32(len(a.unique)-1))
		a.x = append(a.x, x)
		a.total = append(a.total, x*s.Spend/unit)
		a.logs = append(a.logs, math.Log(s.Spend/unit))
	}
	return a
}

// likelihood takes p, q−1 and v; the gradient is in their logarithms.
func (a *amounts) likelihood(theta []float64, threads int) (float64, []float64) {
	p, q, v := theta[0], 1+theta[1], theta[2]
	n := len(a.unique)
	gamma, byP, byQ := make([]float64, n), make([]float64, n), make([]float64, n)
	lq, _ := math.Lgamma(q)
	psiQ := digamma(q)
	for i, x := range a.unique {
		gamma[i] = logRising(p*x, q) - lq + q*math.Log(v) + p*x*math.Log(x)
		psi := digamma(p*x + q)
		byP[i] = x * (psi - digamma(p*x) + math.Log(x))
		byQ[i] = psi - psiQ + math.Log(v)
	}
	s := kernel.Reduce(len(a.x), threads, 4096, func(lo, hi int) (s [4]float64) {
		for i := lo; i < hi; i++ {
			k, x, lm := a.kind[i], a.x[i], a.logs[i]
			end := a.total[i] + v
			le := math.Log(end)
			s[0] += gamma[k] + (p*x-1)*lm - (p*x+q)*le
			s[1] += byP[k] + x*(lm-le)
			s[2] += byQ[k] - le
			s[3] += q/v - (p*x+q)/end
		}
		return s
	}, func(a, b [4]float64) [4]float64 {
		for i := range a {
			a[i] += b[i]
		}
		return a
	})
	return s[0], []float64{s[1] * p, s[2] * (q - 1), s[3] * v}
}

// correlation is Pearson's, of log repeats and log mean spend: Gamma-Gamma takes them as independent, and raw values would show the largest customer only.
func correlation(rows []Summary) float64 {
	var mx, my, xx, yy, xy float64
	n := float64(len(rows))
	for _, s := range rows {
		mx += math.Log(float64(s.Repeats)) / n
		my += math.Log(s.Spend) / n
	}
	for _, s := range rows {
		dx, dy := math.Log(float64(s.Repeats))-mx, math.Log(s.Spend)-my
		xx += dx * dx
		yy += dy * dy
		xy += dx * dy
	}
	if xx*yy <= 1e-12 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

// posterior returns Q and V of a customer's ν ~ Gamma(Q, V), and the expected spend on an order.
func (m *spendModel) posterior(s Summary) (q, v, mean float64) {
	x, spend := float64(s.Repeats), s.Spend
	q, v = m.q+m.p*x, m.v+x*spend
	if m.q < 1.2 { // see newcomer: its weight is that of a fifth of an order
		w := 0.2 / m.p
		return q, v, (w*m.newcomer + x*spend) / (w + x)
	}
	return q, v, m.p * v / (q - 1)
}
