package pipeline

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/receipt"
)

// response values offers by the calibrated probability that a customer buys within the horizon: an upper bound of what contact
// can cause, because many would have bought anyway. The receipt says so.
func (s *Shop) response(ctx context.Context, v *view, m *money, c plan.Campaign, offers []plan.Offer, cutoff kequn.Cutoff, pop *population, why Text) (*valued, error) {
	g := plan.Goal{Name: "buys", Event: m.dataset.Name, Within: m.horizon}
	if m.goal.Event != "" {
		g.Event = m.goal.Event
	}
	t, err := s.prepare(ctx, v, g, cutoff)
	if err != nil {
		return nil, err
	}
	for _, name := range s.knownLeaks() {
		if t.panel.X.Column(name) != nil {
			t.leave(name)
		}
	}
	found, err := s.leaks(ctx, t, nil, true)
	if err != nil {
		return nil, err
	}
	l, err := s.learn(ctx, t, "", "")
	if err != nil {
		return nil, err
	}
	e := newEarning(c, offers)
	j, err := s.responseJudge(ctx, v, m, l, e, cutoff)
	if err != nil {
		return nil, err
	}
	w := &valued{value: zeros(len(offers), len(pop.customer)), cost: zeros(len(offers), len(pop.customer)), judge: j, facts: e.describe(nil), features: query.Hash(t.defs)}
	for _, x := range found {
		w.leaks = append(w.leaks, x.Column)
	}
	defs := append(append([]query.Feature(nil), t.defs...), m.extras()...)
	err = s.eachEligible(ctx, v, pop, cutoff, defs, func(p *engine.Panel, at []int) error {
		r := rowsOf(p.X)
		prob, err := l.choice.Predict(p.X)
		if err != nil {
			return err
		}
		for k, i := range at {
			for o := range offers {
				w.value[o][i], w.cost[o][i] = e.value(o, prob[k], 0, e.basket.of(r, k))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	w.method = receipt.Method{Kind: "response",
		WhyZH: "按购买概率计价，不是优惠带来的增量：" + why.ZH + "。其中许多人不触达也会购买，故区间下限按毫无增量计；对照组将给出真正的增量。",
		Why:   "Value is the chance to buy, not what contact causes: " + why.EN + ". Many of them would buy anyway, so the interval reaches down to no effect at all; the control group will tell what was caused."}
	model, cited, err := saveModel("decide/"+c.Name+"/response", l.choice)
	if err != nil {
		return nil, err
	}
	w.models, w.cited = []savedModel{model}, []receipt.Model{cited}
	return w, nil
}

// responseJudge values ways of choosing on the judging cutoff, as if everything bought after contact were its doing.
type responseJudge struct {
	value, cost [][]float64 // per offer, of customers at the judging cutoff
	actual      [][]float64 // per offer: profit as it would have been booked, everything bought being its doing
	wasted      [][]float64 // per offer: profit if nothing was: those who bought would have done so anyway, and redeem the offer
	rank        rows
	score       []float64
	bought      []float64
}

func (s *Shop) responseJudge(ctx context.Context, v *view, m *money, l *learned, e *earning, cutoff kequn.Cutoff) (*responseJudge, error) {
	t := l.study
	judge := t.cuts.Judge
	score, round, err := l.ladder.OutOfSample(l.line)
	if err != nil {
		return nil, err
	}
	at := map[string]int{} // one entry per judged customer
	last := int32(len(t.cuts.Learn))
	for i := range score {
		if round[i] >= 0 && t.panel.Cutoff[i] == last {
			at[t.panel.Customer.String(i)] = i
		}
	}
	j := &responseJudge{}
	var amount []float64
	r := engine.Request{Cutoffs: []kequn.Cutoff{judge}, Zone: v.zone, Features: m.extras(), Outcomes: m.outcomes(nil), Who: t.who, KnownBy: cutoff, Threads: s.Threads}
	err = s.Engine.Stream(ctx, v.data, r, func(p *engine.Panel) error {
		x := rowsOf(p.X)
		for i := range p.NRows() {
			k, ok := at[p.Customer.String(i)]
			if !ok {
				continue
			}
			j.score = append(j.score, score[k])
			j.bought, amount = append(j.bought, p.Y.Columns[0].Num[i]), append(amount, zeroIfMissing(p.Y.Columns[1].Num[i]))
			j.rank.count, j.rank.spent = append(j.rank.count, x.count[i]), append(j.rank.spent, x.spent[i])
			j.rank.recency, j.rank.year, j.rank.yearSum = append(j.rank.recency, x.recency[i]), append(j.rank.year, x.year[i]), append(j.rank.yearSum, x.yearSum[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	e.basket = fitBasket(j.rank, j.bought, amount)
	n := len(j.score)
	j.value, j.cost, j.actual, j.wasted = zeros(len(e.offers), n), zeros(len(e.offers), n), zeros(len(e.offers), n), zeros(len(e.offers), n)
	for o := range e.offers {
		for i := range n {
			a := e.basket.of(j.rank, i)
			j.value[o][i], j.cost[o][i] = e.value(o, j.score[i], 0, a)
			j.actual[o][i] = j.bought[i]*e.with(o, a) - e.offers[o].Contact
			j.wasted[o][i] = -j.bought[i]*e.taken(o, a) - e.offers[o].Contact
		}
	}
	return j, nil
}

// profits returns what each judged customer's best offer at a price would have been booked with, what it would have lost without any
// effect, and what it is worth.
func (j *responseJudge) profits(price float64) (profit, wasted, worth []float64) {
	profit, wasted, worth = make([]float64, len(j.score)), make([]float64, len(j.score)), make([]float64, len(j.score))
	for i := range j.score {
		worth[i] = math.Inf(-1)
		for o := range j.value {
			if x := j.value[o][i] - price*j.cost[o][i]; x > worth[i] {
				worth[i], profit[i], wasted[i] = x, j.actual[o][i], j.wasted[o][i]
			}
		}
	}
	return profit, wasted, worth
}

// forecast is what would be booked if contact caused everything that is bought; its interval reaches down to what is lost if it
// causes nothing, because no data here tell.
func (j *responseJudge) forecast(c *chosen) (profit, conversion metric.Interval, base float64) {
	booked, wasted, worth := j.profits(c.price)
	var in, lost, yes []float64
	for i, x := range worth {
		if x > 0 {
			in, lost, yes = append(in, booked[i]), append(lost, wasted[i]), append(yes, j.bought[i])
		}
	}
	base = mean(yes)
	if c.contact == 0 || len(in) < 2 {
		return metric.Interval{}, metric.Interval{}, base
	}
	each, least := metric.MeanInterval(in, nil, .95), metric.MeanInterval(lost, nil, .95)
	n := float64(c.contact)
	return metric.Interval{Mean: n*each.Mean - c.fixed, Low: n*least.Low - c.fixed, High: n*each.High - c.fixed}, metric.Interval{Mean: base, Low: 0, High: base}, base
}

func (j *responseJudge) policies(c *chosen) []receipt.Policy {
	booked, _, worth := j.profits(c.price)
	picked := 0
	for _, x := range worth {
		if x > 0 {
			picked++
		}
	}
	one := func(name string, rank []float64, k, contacted int) receipt.Policy {
		p := receipt.Policy{Name: name, Contacted: contacted, Basis: "model"}
		var in []float64
		for _, i := range kernel.ArgsortDesc(rank)[:k] {
			in = append(in, booked[i])
		}
		if len(in) > 1 {
			m := metric.MeanInterval(in, nil, .95)
			x := float64(contacted)
			p.Profit = metric.Interval{Mean: x * m.Mean, Low: x * m.Low, High: x * m.High}
		}
		return p
	}
	return []receipt.Policy{
		one("contact_all", worth, len(worth), c.eligible),
		one("rfm", rfmRank(j.rank), picked, c.contact),
		one("response", worth, picked, c.contact),
	}
}

func (j *responseJudge) curve(c *chosen) []receipt.Point {
	booked, _, worth := j.profits(c.price)
	n := len(worth)
	out := []receipt.Point{{}}
	order := kernel.ArgsortDesc(worth)
	var in []float64
	next := 1
	for k, i := range order {
		in = append(in, booked[i])
		if k+1 != n*next/curvePoints {
			continue
		}
		next++
		if len(in) < 2 {
			continue
		}
		m := metric.MeanInterval(in, nil, .95)
		x := float64(len(in)) / float64(n) * float64(c.eligible)
		out = append(out, receipt.Point{Contacted: int(math.Round(x)), Profit: metric.Interval{Mean: x * m.Mean, Low: x * m.Low, High: x * m.High}})
	}
	return out
}
