package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// pastSend is a campaign of the past found in the sends.
type pastSend struct {
	dataset  *plan.Dataset
	campaign string
	arms     []string // arm 0 is control, then those of the decision's offers that were sent
	offers   []int    // per arm, the decision's offer; −1 for control
	share    []float64
	declared bool // share is what the file says, not what was counted
	days     []kequn.Cutoff
	last     kequn.Instant
	rows     int64
}

// maxSendDays bounds the midnights at which a long past send is looked at.
const maxSendDays = 12

// probabilityNames are what files call the chance with which an arm was drawn.
var probabilityNames = []string{"probability", "propensity", "prob", "概率", "分流概率"}

// sendStats counts the rows of one campaign in one pass.
type sendStats struct {
	arm  map[string]int64
	prob map[string]float64
	days map[kequn.Cutoff]int64
	last kequn.Instant
}

// findSend looks for the past send that teaches what offers cause: the plan's history, or else the newest campaign whose arms
// include a control and one of the offers. nil with the reason where there is none.
func (s *Shop) findSend(ctx context.Context, v *view, c plan.Campaign, offers []plan.Offer, cutoff kequn.Cutoff) (*pastSend, Text, error) {
	var best *pastSend
	seen := false
	for i := range v.datasets {
		d := &v.datasets[i]
		if d.Role != kequn.Sends || d.With(kequn.ColArm) == nil || d.Rows == 0 {
			continue
		}
		stats, err := countSends(ctx, v, &d.Dataset, cutoff)
		if err != nil {
			return nil, Text{}, err
		}
		for _, name := range sortedKeys(stats) {
			if c.History != "" && name != c.History {
				continue
			}
			seen = true
			p := stats[name].send(name, &d.Dataset, offers)
			if p != nil && (best == nil || p.last > best.last) {
				best = p
			}
		}
	}
	switch {
	case best != nil:
		return best, Text{}, nil
	case c.History != "" && !seen:
		return nil, Text{}, kequn.Errorf(kequn.KindPlan, "campaigns: "+c.Name, "history: there is no past campaign %q in the sends", c.History)
	case seen:
		return nil, Text{"过去的投放没有同时包含随机对照组与本次的优惠方案", "no past send had both a control group and one of these offers"}, nil
	}
	return nil, Text{"没有投放记录", "there is no record of past sends"}, nil
}

// countSends counts arms and days of every campaign in a dataset of sends, before a cutoff.
func countSends(ctx context.Context, v *view, d *plan.Dataset, cutoff kequn.Cutoff) (map[string]*sendStats, error) {
	arm, campaign, prob := d.With(kequn.ColArm), d.With(kequn.ColCampaign), probabilityColumn(d)
	want := table.Want{Dataset: d.Name, Columns: []string{engine.TimeColumn, arm.Name}}
	if campaign != nil {
		want.Columns = append(want.Columns, campaign.Name)
	}
	if prob != nil {
		want.Columns = append(want.Columns, prob.Name)
	}
	out := map[string]*sendStats{}
	for p := range v.data.NParts() {
		part, err := v.data.Part(ctx, p, []table.Want{want})
		if err != nil {
			return nil, err
		}
		rows := part.Sets[0].Rows
		times, arms := rows.Column(engine.TimeColumn), rows.Column(arm.Name)
		var campaigns, probs *table.Column
		if campaign != nil {
			campaigns = rows.Column(campaign.Name)
		}
		if prob != nil {
			probs = rows.Column(prob.Name)
		}
		var one *sendStats
		var of string
		for i := range rows.NRows() {
			at := kequn.Instant(times.Int[i])
			if at >= cutoff || arms.IsMissing(i) {
				continue
			}
			name := ""
			if campaigns != nil {
				name = textAt(campaigns, i)
			}
			if one == nil || name != of {
				of = strings.Clone(name)
				if one = out[of]; one == nil {
					one = &sendStats{arm: map[string]int64{}, prob: map[string]float64{}, days: map[kequn.Cutoff]int64{}, last: kequn.NoTime}
					out[of] = one
				}
			}
			a := textAt(arms, i)
			if _, ok := one.arm[a]; !ok {
				a = strings.Clone(a)
			}
			one.arm[a]++
			if probs != nil {
				one.prob[a] += probs.Float(i)
			}
			one.days[kequn.Midnight(at, v.zone)]++
			one.last = max(one.last, at)
		}
	}
	return out, nil
}

func probabilityColumn(d *plan.Dataset) *plan.Column {
	for _, name := range probabilityNames {
		if c := d.Column(name); c != nil && !c.Kind.InCode() && c.Kind != table.Time {
			return c
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// send returns the campaign as a past send, or nil where it has no control or none of the offers.
func (x *sendStats) send(name string, d *plan.Dataset, offers []plan.Offer) *pastSend {
	p := &pastSend{dataset: d, campaign: name, last: x.last, declared: true}
	var control string
	for _, a := range sortedKeys(x.arm) {
		if isControl(a) && (control == "" || x.arm[a] > x.arm[control]) {
			control = a
		}
	}
	if control == "" {
		return nil
	}
	add := func(arm string, offer int) {
		p.arms, p.offers = append(p.arms, arm), append(p.offers, offer)
		p.rows += x.arm[arm]
		mean := x.prob[arm] / float64(x.arm[arm])
		p.share = append(p.share, mean)
		if !(mean > 0 && mean < 1) {
			p.declared = false
		}
	}
	add(control, -1)
	for o, offer := range offers {
		if arm := armOf(offer); x.arm[arm] > 0 {
			add(arm, o)
		}
	}
	if len(p.arms) < 2 {
		return nil
	}
	if !p.declared {
		for i, a := range p.arms {
			p.share[i] = float64(x.arm[a]) / float64(p.rows)
		}
	}
	// Arms of other offers are left out: what remains was drawn with these chances.
	sum := 0.0
	for _, h := range p.share {
		sum += h
	}
	for i := range p.share {
		p.share[i] /= sum
	}
	for day := range x.days {
		p.days = append(p.days, day)
	}
	slices.SortFunc(p.days, func(a, b kequn.Cutoff) int {
		return cmp.Or(cmp.Compare(x.days[b], x.days[a]), cmp.Compare(a, b))
	})
	p.days = p.days[:min(maxSendDays, len(p.days))]
	slices.Sort(p.days)
	return p
}

// armOf returns what the sends call an offer.
func armOf(o plan.Offer) string {
	if o.Arm != "" {
		return o.Arm
	}
	return o.Name
}

// is returns the condition that a row's column has a value.
func is(c *plan.Column, value string) *query.Node {
	if c.Kind.InCode() {
		return query.Apply(query.Eq, query.Bool, query.FieldOf(c.Name, query.Text), query.Str(value))
	}
	x, _ := strconv.ParseFloat(value, 64)
	return query.Apply(query.Eq, query.Bool, query.FieldOf(c.Name, query.Number), query.Num(x))
}

// past is what followed a past send: one row per customer and midnight on which a message, or none, was drawn.
type past struct {
	send *pastSend
	rows
	arm   []int
	defs  []query.Feature
	x     *table.Table
	who   *table.Column // customers
	leaks []string      // features left out because they seem to know the future

	bought []float64 // 1 for an order within the horizon
	amount []float64 // of the horizon, refunds taken off
	orders []float64 // redeemed: of the arm's offer
	given  []float64 // their amount
}

// rows are figures of customers that value wants beside the model's features.
type rows struct {
	count   []float64 // purchases to date
	spent   []float64 // their amount to date, refunds taken off
	recency []float64 // days since the last one, NaN without any
	year    []float64 // purchases of the last year
	yearSum []float64 // their amount
	quarter []float64 // amount of the last 90 days
}

// extras are the definitions of rows.
func (m *money) extras() []query.Feature {
	back := func(name string, fn query.Fn, column string, days int, where *query.Node) query.Feature {
		return query.Feature{Name: name, Node: query.AggOf(query.Agg{Dataset: m.dataset.Name, Column: column, Fn: fn, Window: query.Window{Span: kequn.Days(days)}, Where: where}, query.Number)}
	}
	out := []query.Feature{back("_count", query.Count, "", 0, m.purchase), back("_recency", query.DaysLast, "", 0, m.purchase), back("_year", query.Count, "", 365, m.purchase)}
	if m.column != "" {
		out = append(out, back("_spent", query.Sum, m.column, 0, nil), back("_year_sum", query.Sum, m.column, 365, nil), back("_quarter", query.Sum, m.column, 90, nil))
	}
	return out
}

// rowsOf takes the extras out of a panel's columns.
func rowsOf(x *table.Table) rows {
	zero := make([]float64, x.NRows())
	col := func(name string) []float64 {
		if c := x.Column(name); c != nil {
			return c.Num
		}
		return zero
	}
	return rows{count: col("_count"), spent: col("_spent"), recency: col("_recency"), year: col("_year"), yearSum: col("_year_sum"), quarter: col("_quarter")}
}

// money says where a campaign earns: the dataset of purchases and its amount.
type money struct {
	dataset  *plan.Dataset
	column   string      // amount, "" where there is none
	purchase *query.Node // which rows are purchases
	redeemed *plan.Column
	goal     plan.Goal // the campaign's, as the receipt cites it
	bought   *query.Node
	horizon  kequn.Span
}

// moneyOf finds where a campaign earns. The event is the goal's, or any purchase.
func (s *Shop) moneyOf(v *view, c plan.Campaign, goal plan.Goal, horizon kequn.Span) (*money, error) {
	m := &money{horizon: horizon, goal: goal}
	at := "campaigns: " + c.Name
	source := m.goal.Sum + m.goal.Count + m.goal.Event
	name, column, _ := strings.Cut(source, ".")
	for i := range v.datasets {
		if d := &v.datasets[i].Dataset; d.Name == name && d.Role.HasTime() {
			m.dataset = d
		}
	}
	if m.dataset == nil {
		m.dataset = v.purchases()
	}
	if m.dataset == nil {
		return nil, kequn.Errorf(kequn.KindNotEnough, at, "no purchases are loaded, so nothing can be earned").WithHint("load a table of orders")
	}
	if m.goal.Sum != "" && m.dataset.Name == name {
		if col := m.dataset.Column(column); col != nil {
			m.column = col.Name
		} else if col := m.dataset.With(kequn.ColumnRole(column)); col != nil {
			m.column = col.Name
		}
	} else if a := m.dataset.With(kequn.ColAmount); a != nil {
		m.column = a.Name
	}
	if m.goal.Name == "" {
		m.goal = plan.Goal{Name: "buys", Event: m.dataset.Name, Within: horizon}
	}
	if c.Value == 0 && (m.column == "" || c.Margin == 0) {
		return nil, kequn.Errorf(kequn.KindPlan, at, "what a purchase earns is not said").WithHint("margin: 0.35 (share of the amount), or value: 20 (of one purchase)")
	}
	event := m.dataset.Name
	if m.goal.Event != "" {
		event = m.goal.Event
	}
	var err error
	if m.bought, err = feature.Outcome(plan.Goal{Name: c.Name, Event: event, Within: horizon}, v.plans()); err != nil {
		return nil, err
	}
	m.purchase = m.bought.Agg.Where
	return m, nil
}

// findRedeemed looks for a column of the orders that names the offers: its rows are the redeemed orders.
func (s *Shop) findRedeemed(ctx context.Context, v *view, m *money, offers []plan.Offer, before kequn.Cutoff) error {
	p, err := feature.TakeProfile(ctx, v.data, before, s.Threads)
	if err != nil {
		return err
	}
	set := p.Set(m.dataset.Name)
	for i := range m.dataset.Columns {
		col := &m.dataset.Columns[i]
		if !col.Kind.InCode() {
			continue
		}
		for _, seen := range set.Column(col.Name).Top {
			if slices.ContainsFunc(offers, func(o plan.Offer) bool { return armOf(o) == seen.Value }) {
				m.redeemed = col
				return nil
			}
		}
	}
	return nil
}

// outcomes are what follows a cutoff: bought and amount, then for each arm its redeemed orders and their amount.
func (m *money) outcomes(arms []string) []engine.Outcome {
	ahead := query.Window{Span: m.horizon, Ahead: true}
	out := []engine.Outcome{{Name: "bought", Node: m.bought}}
	sum := func(name string, where *query.Node) {
		n := query.Num(0)
		if m.column != "" {
			n = query.AggOf(query.Agg{Dataset: m.dataset.Name, Column: m.column, Fn: query.Sum, Window: ahead, Where: where}, query.Number)
		}
		out = append(out, engine.Outcome{Name: name, Node: n})
	}
	sum("amount", nil)
	for _, a := range arms {
		where := m.purchase
		if m.redeemed != nil {
			where = is(m.redeemed, a)
			if m.purchase != nil {
				where = query.Apply(query.And, query.Bool, where, m.purchase)
			}
		}
		out = append(out, engine.Outcome{Name: "orders " + a, Node: query.AggOf(query.Agg{Dataset: m.dataset.Name, Fn: query.Count, Window: ahead, Where: where}, query.Number)})
		sum("given "+a, where)
	}
	return out
}

// pastOf reads what followed a past send, as known at the cutoff. It returns nil with the reason where the send cannot teach.
func (s *Shop) pastOf(ctx context.Context, v *view, m *money, send *pastSend, cutoff kequn.Cutoff) (*past, Text, error) {
	days := slices.DeleteFunc(slices.Clone(send.days), func(d kequn.Cutoff) bool { return m.horizon.After(d, v.zone) > cutoff })
	if len(days) == 0 {
		return nil, Text{"过去投放的效果期尚未结束", "the horizon of the past send has not passed yet"}, nil
	}
	defs, err := s.definitions(ctx, v, days[0])
	if err != nil {
		return nil, Text{}, err
	}
	r := engine.Request{Cutoffs: days, Zone: v.zone, Features: append(slices.Clone(defs), m.extras()...), Outcomes: m.outcomes(send.arms[1:]), KnownBy: cutoff, Threads: s.Threads}
	first := len(r.Outcomes)
	for _, a := range send.arms {
		where := is(send.dataset.With(kequn.ColArm), a)
		if c := send.dataset.With(kequn.ColCampaign); c != nil {
			where = query.Apply(query.And, query.Bool, is(c, send.campaign), where)
		}
		r.Outcomes = append(r.Outcomes, engine.Outcome{Name: "sent " + a, Node: query.AggOf(query.Agg{Dataset: send.dataset.Name, Fn: query.Exists, Window: query.Window{Span: kequn.Days(1), Ahead: true}, Where: where}, query.Bool)})
	}
	s.Progress(s.Lang.Pick("读过去的随机投放 ", "past random send ")+send.campaign, 0, 0)
	p := &past{send: send, defs: defs}
	all, err := s.drawn(ctx, v, r, first, len(send.arms), p)
	if err != nil || all == nil {
		return nil, Text{"过去投放的客户在当时没有任何行为记录", "nobody of the past send had done anything before it"}, err
	}
	p.rows = rowsOf(all.X)
	p.x, p.who = all.X.Drop("_count", "_recency", "_year", "_spent", "_year_sum", "_quarter"), all.Customer
	y := all.Y.Columns
	p.bought, p.amount = y[0].Num, y[1].Num
	p.orders, p.given = make([]float64, len(p.arm)), make([]float64, len(p.arm))
	for i, a := range p.arm {
		if a > 0 {
			p.orders[i], p.given[i] = y[2*a].Num[i], y[2*a+1].Num[i]
		}
		p.amount[i], p.given[i] = zeroIfMissing(p.amount[i]), zeroIfMissing(p.given[i])
	}
	return p, Text{}, s.dropLeaks(ctx, p)
}

func zeroIfMissing(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return x
}

// drawn collects the rows of customers for whom exactly one arm was drawn on the day: by day, then in the store's order.
func (s *Shop) drawn(ctx context.Context, v *view, r engine.Request, first, nArms int, p *past) (*engine.Panel, error) {
	var all *engine.Panel
	err := s.Engine.Stream(ctx, v.data, r, func(panel *engine.Panel) error {
		var keep []int32
		for i := range panel.NRows() {
			arm, n := 0, 0
			for a := range nArms {
				if panel.Y.Columns[first+a].Num[i] == 1 {
					arm, n = a, n+1
				}
			}
			if n == 1 {
				keep, p.arm = append(keep, int32(i)), append(p.arm, arm)
			}
		}
		if keep == nil {
			return nil
		}
		one := takeRows(panel, keep)
		if all == nil {
			all = one
			return nil
		}
		all.Cutoff = append(all.Cutoff, one.Cutoff...)
		if err := all.X.Append(one.X); err != nil {
			return err
		}
		if err := all.Y.Append(one.Y); err != nil {
			return err
		}
		who := table.New(all.Customer)
		return who.Append(table.New(one.Customer))
	})
	if err != nil || all == nil {
		return nil, err
	}
	order := make([]int32, all.NRows())
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(all.Cutoff[a], all.Cutoff[b]) })
	arm := make([]int, len(order))
	for k, i := range order {
		arm[k] = p.arm[i]
	}
	p.arm = arm
	return takeRows(all, order), nil
}

func takeRows(p *engine.Panel, rows []int32) *engine.Panel {
	out := &engine.Panel{Customer: p.Customer.Take(rows), X: p.X.Take(rows), Y: p.Y.Take(rows), Cutoff: make([]int32, len(rows))}
	for k, i := range rows {
		out.Cutoff[k] = p.Cutoff[i]
	}
	return out
}

// dropLeaks leaves out the features that seem to know the outcome, and those that were found to know a goal's.
func (s *Shop) dropLeaks(ctx context.Context, p *past) error {
	t := &study{goal: plan.Goal{Name: p.send.campaign}, defs: p.defs, panel: &engine.Panel{Customer: p.who, Cutoff: make([]int32, len(p.arm)), X: p.x},
		y: model.Outcome{Task: kequn.Binary, Y: p.bought}, rounds: []ladder.Round{{Train: allRows(len(p.arm))}}}
	for _, name := range s.knownLeaks() {
		if t.panel.X.Column(name) != nil {
			t.leave(name)
			p.leaks = append(p.leaks, name)
		}
	}
	found, err := s.leaks(ctx, t, nil, true)
	if err != nil {
		return err
	}
	for _, l := range found {
		p.leaks = append(p.leaks, l.Column)
	}
	p.defs, p.x = t.defs, t.panel.X
	return nil
}

// knownLeaks are the features left out of the plan's goals as leaks.
func (s *Shop) knownLeaks() []string {
	var out []string
	for _, g := range s.Plan.Goals {
		var doc goalDoc
		if err := s.readDoc("goal."+g.Name, &doc); err != nil || doc.Prediction == nil {
			continue
		}
		for _, l := range doc.Prediction.Leaks {
			if l.Dropped && !slices.Contains(out, l.Column) {
				out = append(out, l.Column)
			}
		}
	}
	return out
}

func allRows(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

// What a random draw may look like by chance: sizes of arms less likely than this, or features that tell the arm by more than this
// AUC and this many standard errors, are no random draw.
const (
	unlikelySplit = 0.001
	tellingAUC    = 0.53
	tellingErrors = 4
)

// random tells whether the arms look drawn at random: their sizes fit the declared chances, and what was known of customers
// before does not tell who got what. Otherwise it says why not.
func (s *Shop) random(ctx context.Context, p *past) (bool, Text, error) {
	n := make([]float64, len(p.send.arms))
	for _, a := range p.arm {
		n[a]++
	}
	if _, prob := metric.SampleRatio(n, p.send.share); p.send.declared && prob < unlikelySplit {
		return false, Text{fmt.Sprintf("过去投放 %s 各组人数与声明的分流概率不符", p.send.campaign), fmt.Sprintf("the arms of the past send %s are not of the sizes that their declared chances give", p.send.campaign)}, nil
	}
	l := s.learner("linear", map[string]float64{"l2": 300})
	for a := 1; a < len(p.send.arms); a++ {
		var pair []int32
		for i, arm := range p.arm {
			if arm == 0 || arm == a {
				pair = append(pair, int32(i))
			}
		}
		y := make([]float64, len(pair))
		group := make([]int64, len(pair))
		for k, i := range pair {
			group[k] = customerNumber(p.who.String(int(i)))
			if p.arm[i] == a {
				y[k] = 1
			}
		}
		score, err := crossFit(ctx, l, p.x.Take(pair), model.Outcome{Task: kequn.Binary, Y: y}, foldsOf(group, 3, s.Seed))
		if err != nil {
			return false, Text{}, err
		}
		auc, se := metric.AUCError(y, score)
		if auc > tellingAUC && auc-.5 > tellingErrors*se {
			return false, Text{fmt.Sprintf("过去投放 %s 并非随机：事前特征就能分辨谁收到 %s（AUC %.2f）", p.send.campaign, p.send.arms[a], auc),
				fmt.Sprintf("the past send %s was not random: what was known before tells who got %s (AUC %.2f)", p.send.campaign, p.send.arms[a], auc)}, nil
		}
	}
	return true, Text{}, nil
}
