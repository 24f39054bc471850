package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/decision"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model/uplift"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/receipt"
)

// minBuyers is the fewest buyers that every arm of a past send needs: with fewer, effects of a few points drown in noise.
const minBuyers = 30

// tooSmall says why a past send cannot teach effects, or nothing.
func tooSmall(p *past) Text {
	for a, name := range p.send.arms {
		n, buyers := 0, 0
		for i := range p.arm {
			if p.arm[i] == a {
				n, buyers = n+1, buyers+int(p.bought[i])
			}
		}
		// Every fold leaves a part out, and what is left must still do.
		if n*(folds-1) < uplift.MinRows*folds*5/4 || buyers < minBuyers {
			return Text{fmt.Sprintf("过去投放 %s 的 %s 组只有 %d 人、%d 人购买，不足以学习效果", p.send.campaign, name, n, buyers),
				fmt.Sprintf("arm %s of the past send %s has %d customers of whom %d bought: too few to learn effects from", name, p.send.campaign, n, buyers)}
		}
	}
	return Text{}
}

// caused values offers by what they caused in a past random send.
func (s *Shop) caused(ctx context.Context, v *view, m *money, c plan.Campaign, offers []plan.Offer, cutoff kequn.Cutoff, pop *population, p *past) (*valued, error) {
	now, err := s.sampleNow(ctx, v, pop, cutoff, p.defs)
	if err != nil {
		return nil, err
	}
	f, seen, err := s.fitSurface(ctx, p, now, v.plans())
	if err != nil {
		return nil, err
	}
	e := earningOf(c, offers, p)
	w := &valued{value: zeros(len(offers), len(pop.customer)), cost: zeros(len(offers), len(pop.customer)), facts: e.describe(f), leaks: p.leaks}
	w.features = query.Hash(p.defs)
	arm := armsOf(p.send, len(offers))
	err = s.eachEligible(ctx, v, pop, cutoff, append(slices.Clone(p.defs), m.extras()...), func(panel *engine.Panel, at []int) error {
		r := rowsOf(panel.X)
		prob, err := f.Predict(panel.X)
		if err != nil {
			return err
		}
		for k, i := range at {
			amount := e.basket.of(r, k)
			for o := range offers {
				if arm[o] == 0 { // the past send says nothing about this offer
					w.value[o][i], w.cost[o][i] = math.Inf(-1), 1
					continue
				}
				w.value[o][i], w.cost[o][i] = e.value(o, prob[arm[o]][k], prob[0][k], amount)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	j := newCausedJudge(p, e, seen, arm)
	w.judge = j
	w.method = receipt.Method{Kind: "uplift", History: p.send.campaign, HistoryRows: len(p.arm)}
	why := j.words(offers)
	w.method.WhyZH, w.method.Why = why.ZH, why.EN
	return w, f.save(w, c.Name, p.send.arms)
}

// armsOf returns the arm of each offer in a past send, 0 where it has none.
func armsOf(send *pastSend, nOffers int) []int {
	arm := make([]int, nOffers)
	for a, o := range send.offers {
		if o >= 0 {
			arm[o] = a
		}
	}
	return arm
}

// save puts the models beside the decision.
func (f *surface) save(w *valued, campaign string, arms []string) error {
	for i, b := range f.bases {
		shared, cited, err := saveModel("decide/"+campaign+"/all."+b.name, f.shared[i])
		if err != nil {
			return err
		}
		w.models, w.cited = append(w.models, shared), append(w.cited, cited)
		for a, m := range f.arms[i].Arms {
			one, cited, err := saveModel("decide/"+campaign+"/"+arms[a]+"."+b.name, m)
			if err != nil {
				return err
			}
			w.models, w.cited = append(w.models, one), append(w.cited, cited)
		}
	}
	return nil
}

// causedJudge values ways of choosing on the past send, with predictions of models that did not see the customer.
//
// Whether somebody bought is taken as it happened; what a purchase earned is taken as expected of the customer, because the
// sizes of baskets are noise of which arms tell nothing (where they clearly do, the expectation has it: earning.larger).
type causedJudge struct {
	past   *past
	arm    []int
	e      *earning
	profit decision.History // per customer: profit
	bought decision.History // per customer: purchase
	value  [][]float64      // per offer: expected profit of contacting, −∞ for offers without an arm
	cost   [][]float64
	plain  []float64 // probability of a purchase without contact
}

func newCausedJudge(p *past, e *earning, seen [][]float64, arm []int) *causedJudge {
	n := len(p.arm)
	j := &causedJudge{past: p, arm: arm, e: e, value: zeros(len(arm), n), cost: zeros(len(arm), n), plain: seen[0]}
	expected := zeros(len(seen), n)
	profit := make([]float64, n)
	for i := range n {
		amount := e.basket.of(p.rows, i)
		for a, o := range p.send.offers {
			worth, contact := e.plain(amount), 0.0
			if o >= 0 {
				worth, contact = e.with(o, amount), e.offers[o].Contact
				j.value[o][i], j.cost[o][i] = e.value(o, seen[a][i], seen[0][i], amount)
			}
			expected[a][i] = seen[a][i]*worth - contact
			if p.arm[i] == a {
				profit[i] = p.bought[i]*worth - contact
			}
		}
		for o := range arm {
			if arm[o] == 0 {
				j.value[o][i] = math.Inf(-1)
			}
		}
	}
	j.profit = decision.History{Arm: p.arm, Share: p.send.share, Profit: profit, Predicted: expected}
	j.bought = decision.History{Arm: p.arm, Share: p.send.share, Profit: p.bought, Predicted: seen}
	return j
}

// choose returns for each customer of the past the arm − 1 of the best offer at a price of cost, and what it is worth.
func (j *causedJudge) choose(price float64) (offer []int, worth []float64) {
	n := len(j.past.arm)
	offer, worth = make([]int, n), make([]float64, n)
	for i := range n {
		best, of := math.Inf(-1), 0
		for o := range j.arm {
			if x := j.value[o][i] - price*j.cost[o][i]; x > best {
				best, of = x, j.arm[o]-1
			}
		}
		offer[i], worth[i] = of, best
	}
	return offer, worth
}

// gains returns the estimates of those for whom keep holds.
func gains(h decision.History, offer []int, keep func(i int) bool) []float64 {
	var out []float64
	for i, o := range offer {
		if keep(i) {
			out = append(out, h.Gain(i, o))
		}
	}
	return out
}

// forecast combines what the past send shows of customers chosen in the same way with what the models expect of those chosen now.
// The models' sum is taken to be as uncertain as it is large; both are weighted by precision. What the past shows alone is
// the policy "uplift".
func (j *causedJudge) forecast(c *chosen) (profit, conversion metric.Interval, base float64) {
	offer, worth := j.choose(c.price)
	in := func(i int) bool { return worth[i] > 0 }
	base = mean(j.plain)
	if c.contact == 0 {
		return metric.Interval{}, metric.Interval{}, base
	}
	measured, effect := gains(j.profit, offer, in), gains(j.bought, offer, in)
	n := float64(c.contact)
	modelled := (c.value + c.fixed) / n
	each := combine(measured, modelled)
	profit = metric.Interval{Mean: n*each.Mean - c.fixed, Low: n*each.Low - c.fixed, High: n*each.High - c.fixed}
	var expected, plain []float64
	for i := range offer {
		if in(i) {
			expected = append(expected, j.bought.Predicted[offer[i]+1][i]-j.plain[i])
			plain = append(plain, j.plain[i])
		}
	}
	if len(plain) > 0 {
		base = mean(plain)
	}
	return profit, combine(effect, mean(expected)), base
}

// combine weights a measured mean with a modelled one whose standard deviation is its own size. Where the two disagree by more than
// both errors, the interval is widened by the factor (Birge ratio; as the Particle Data Group averages).
func combine(measured []float64, modelled float64) metric.Interval {
	prior := math.Max(math.Abs(modelled), 1e-9)
	w, x, wider := 1/(prior*prior), modelled/(prior*prior), 1.0
	if len(measured) > 1 {
		m := metric.MeanInterval(measured, nil, .95)
		if se := (m.High - m.Low) / (2 * 1.959964); se > 0 {
			w, x = w+1/(se*se), x+m.Mean/(se*se)
			wider = math.Max(1, math.Abs(m.Mean-modelled)/math.Hypot(se, prior))
		}
	}
	half := 1.959964 * wider / math.Sqrt(w)
	return metric.Interval{Mean: x / w, Low: x/w - half, High: x/w + half}
}

func mean(v []float64) float64 { return kernel.Sum(v) / math.Max(1, float64(len(v))) }

// policies compares contacting everybody with the best single offer, the best customers by RFM, those likeliest to buy, and
// those chosen, all by inverse propensity with doubly robust scores on the past send.
func (j *causedJudge) policies(c *chosen) []receipt.Policy {
	n := len(j.past.arm)
	single := j.profit.BestSingle(len(j.past.send.arms) - 1)
	all := make([]int, n)
	for i := range all {
		all[i] = single
	}
	own, worth := j.choose(c.price)
	picked := 0
	for _, x := range worth {
		if x > 0 {
			picked++
		}
	}
	one := func(name string, offer []int, keep func(i int) bool, contacted int) receipt.Policy {
		p := receipt.Policy{Name: name, Contacted: contacted, Basis: "ips"}
		if g := gains(j.profit, offer, keep); len(g) > 1 {
			m := metric.MeanInterval(g, nil, .95)
			k := float64(contacted)
			p.Profit = metric.Interval{Mean: k * m.Mean, Low: k * m.Low, High: k * m.High}
		}
		return p
	}
	top := func(rank []float64) func(int) bool {
		in := make([]bool, n)
		for _, i := range kernel.ArgsortDesc(rank)[:picked] {
			in[i] = true
		}
		return func(i int) bool { return in[i] }
	}
	return []receipt.Policy{
		one("contact_all", all, func(int) bool { return true }, c.eligible),
		one("rfm", all, top(rfmRank(j.past.rows)), c.contact),
		one("response", all, top(j.plain), c.contact),
		one("uplift", own, func(i int) bool { return worth[i] > 0 }, c.contact),
	}
}

func (j *causedJudge) curve(c *chosen) []receipt.Point {
	offer, worth := j.choose(c.price)
	return j.profit.Curve(worth, offer, c.eligible, curvePoints)
}

// curvePoints is how many points the profit curve has.
const curvePoints = 20

// rfmRank is the sum of the quintiles of recency, frequency and amount of the last year.
func rfmRank(r rows) []float64 {
	n := len(r.count)
	rank := make([]float64, n)
	add := func(v []float64) {
		for k, i := range kernel.Argsort(v) {
			rank[i] += float64(5 * k / n)
		}
	}
	recent := make([]float64, n)
	for i, x := range r.recency {
		recent[i] = math.Inf(-1)
		if !math.IsNaN(x) {
			recent[i] = -x
		}
	}
	for _, v := range [][]float64{recent, r.year, r.yearSum} {
		filled := make([]float64, n)
		for i, x := range v {
			filled[i] = zeroIfMissing(x)
		}
		add(filled)
	}
	return rank
}

// words says what the values rest on, and whether the past proves that choosing by effect earns.
func (j *causedJudge) words(offers []plan.Offer) Text {
	own, worth := j.choose(0)
	m := metric.MeanInterval(append(gains(j.profit, own, func(i int) bool { return worth[i] > 0 }), 0, 0), nil, .95)
	send := j.past.send
	t := Text{
		fmt.Sprintf("按优惠带来的增量计价：取自过去的随机投放 %s（%d 人），随机性已检验。", send.campaign, len(j.past.arm)),
		fmt.Sprintf("Value is what an offer causes, learnt from the past send %s (%d customers), which was checked to be random.", send.campaign, len(j.past.arm)),
	}
	for o, a := range j.arm {
		if a == 0 {
			t.ZH += fmt.Sprintf("其中没有 %s，故不使用该方案。", offers[o].Name)
			t.EN += fmt.Sprintf(" It had no arm with %s, so that offer is not used.", offers[o].Name)
		}
	}
	if m.Low <= 0 {
		t.ZH += "仅凭这次投放尚不能在 95% 把握下证明盈利：请以对照组的结果为准。"
		t.EN += " That send alone does not prove at 95 % that choosing so earns: let the control group tell."
	}
	return t
}
