package pipeline

import (
	"bytes"
	"context"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/decision"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/receipt"
	"kequn/internal/rule"
)

// Text is one thing said in both languages.
type Text struct{ ZH, EN string }

// DecideFlags say which campaign is decided, and with how much.
type DecideFlags struct {
	Campaign string
	Budget   float64 // −1 is the plan's
	Cutoff   string
	Replay   string // id of a receipt, or its beginning: decide it again and compare
}

// Decision is a decision as it was made: its receipt, and what people want to know first.
type Decision struct {
	Receipt   string           `json:"receipt"` // id
	Campaign  string           `json:"campaign"`
	Cutoff    string           `json:"cutoff"`
	Contact   int              `json:"contact"`
	Control   int              `json:"control"`
	LeftAlone int              `json:"left_alone"`
	Offers    []OfferCount     `json:"offers"`
	Reasons   []OfferCount     `json:"reasons"` // why customers are left alone
	Budget    float64          `json:"budget"`
	Cost      float64          `json:"cost"`
	Expected  metric.Interval  `json:"expected_profit"`
	Smallest  float64          `json:"smallest_visible_effect"`
	Policies  []receipt.Policy `json:"policies"`

	Method      receipt.Method  `json:"method"`
	Waterfall   []receipt.Step  `json:"waterfall"`
	ShadowPrice float64         `json:"shadow_price"`
	Conversion  metric.Interval `json:"conversion"`
	BaseRate    float64         `json:"base_rate"`
	Curve       []receipt.Point `json:"curve"`
	Currency    string          `json:"currency"`
	Horizon     string          `json:"horizon"`
	Leaks       []string        `json:"leaks"`            // features left out because they seem to know the future
	Replay      *Replay         `json:"replay,omitempty"` //

	members []receipt.Member
}

// OfferCount counts customers of one offer or one reason.
type OfferCount struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// defaultHorizon is how long an effect is measured where the campaign does not say.
const defaultHorizon = 14

// Decide chooses who gets which offer, holds back a control group, and writes the receipt.
func (s *Shop) Decide(ctx context.Context, f DecideFlags) (*Decision, error) {
	if f.Replay != "" {
		return s.replay(ctx, f)
	}
	var d *Decision
	err := s.locked(ctx, "decide", func() error {
		made, err := s.decide(ctx, f)
		if err != nil {
			return err
		}
		d, err = s.keepDecision(ctx, made)
		return err
	})
	return d, err
}

// campaign finds the campaign of the plan and its offers.
func (s *Shop) campaign(name string) (plan.Campaign, []plan.Offer, error) {
	found := s.Plan.CampaignNamed(name)
	if found == nil {
		var names []string
		for _, c := range s.Plan.Campaign {
			names = append(names, c.Name)
		}
		e := kequn.Errorf(kequn.KindUsage, "", "there is no campaign %q", name)
		if len(names) == 0 {
			return plan.Campaign{}, nil, e.WithHint("define offers and a campaign in kequn.yaml: docs/format/plan.md")
		}
		return plan.Campaign{}, nil, e.WithHint("campaigns are %s", strings.Join(names, ", "))
	}
	c := *found
	var offers []plan.Offer
	for _, o := range c.Offers {
		offers = append(offers, *s.Plan.Offer(o))
	}
	return c, offers, nil
}

// made is a decision before it is kept.
type made struct {
	receipt *receipt.Receipt
	text    []byte
	id      string
	members []receipt.Member
	models  []savedModel
	facts   map[string]any
	leaks   []string
}

// savedModel is a model as it will be stored.
type savedModel struct {
	name string
	data []byte
}

// valued is what every offer is worth for the customers, in the order of the population, and how that was judged.
type valued struct {
	value, cost [][]float64 // per offer and customer
	method      receipt.Method
	judge       judge
	models      []savedModel
	cited       []receipt.Model
	features    string // hash of the definitions
	facts       map[string]any
	leaks       []string
}

// judge values ways of choosing on the past.
type judge interface {
	// forecast returns the profit and the effect on the share that buys of those chosen now, and the share that buys
	// without contact.
	forecast(p *chosen) (profit, conversion metric.Interval, base float64)
	// policies compares ways of choosing at the share that was chosen.
	policies(p *chosen) []receipt.Policy
	// curve returns the profit of contacting the best n.
	curve(p *chosen) []receipt.Point
}

// chosen is what was decided, as judges need it.
type chosen struct {
	price    float64 // of one unit of cost: an offer is worth its value less price × cost
	eligible int     // customers who may be contacted
	contact  int     // those contacted, control taken off
	reached  int     // contacted and control
	value    float64 // expected profit of those contacted, by the models
	fixed    float64
}

// decide makes the decision without keeping it.
func (s *Shop) decide(ctx context.Context, f DecideFlags) (*made, error) {
	c, offers, err := s.campaign(f.Campaign)
	if err != nil {
		return nil, err
	}
	if f.Budget >= 0 {
		c.Budget = f.Budget
	}
	if math.IsNaN(c.Budget) || math.IsInf(c.Budget, 0) {
		return nil, kequn.Errorf(kequn.KindUsage, "--budget", "is not an amount")
	}
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	cutoff, err := v.cutoff(f.Cutoff)
	if err != nil {
		return nil, err
	}
	horizon := c.Within
	if horizon.IsZero() {
		horizon = kequn.Days(defaultHorizon)
	}
	var goal plan.Goal
	if g := s.Plan.Goal(c.Goal); g != nil {
		goal = *g
	}
	m, err := s.moneyOf(v, c, goal, horizon)
	if err != nil {
		return nil, err
	}
	pop, err := s.eligible(ctx, v, c, cutoff)
	if err != nil {
		return nil, err
	}
	if pop.left() == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, c.Name, "nobody may be contacted: %s", pop.story()).WithHint("look at audience, exclude and channel of the campaign in kequn.yaml")
	}
	w, err := s.worth(ctx, v, m, c, offers, cutoff, pop)
	if err != nil {
		return nil, err
	}
	experiment := c.Name + "@" + kequn.FormatZone(cutoff, v.zone)
	sol := decision.Choose(decision.Problem{Customers: pop.customer, Excluded: pop.excluded, Offers: c.Offers, Value: w.value, Cost: w.cost,
		Fixed: fixedCosts(offers), Budget: c.Budget, Control: c.Control, Experiment: experiment, Seed: s.Seed})
	ch := &chosen{price: sol.ShadowPrice, eligible: pop.left(), contact: sol.Contact, reached: sol.Contact + sol.Control, value: sol.Value, fixed: spentFixed(offers, sol.Members)}

	r := &receipt.Receipt{Format: receipt.Format, Program: kequn.Version, Platform: runtime.GOARCH + " " + kernel.InstructionSet(),
		Created: kequn.FormatZone(kequn.At(s.Now()), v.zone), By: s.By, Seed: s.Seed,
		Campaign: c, Offers: offers, Goal: m.goal, Rule: s.ruleOf(c.Audience), Currency: s.Plan.Currency,
		Cutoff: kequn.FormatZone(cutoff, v.zone), Horizon: horizon.String(), Data: v.fingerprint(), Features: w.features, Models: w.cited, Method: w.method,
		Waterfall: pop.steps, Contact: sol.Contact, Control: sol.Control, LeftAlone: sol.LeftAlone,
		Cost: sol.Cost, Budget: c.Budget, ShadowPrice: sol.ShadowPrice,
		Assignment: receipt.Assignment{Experiment: experiment, Share: c.Control}}
	r.Forecast, r.Conversion, r.BaseRate = w.judge.forecast(ch)
	r.Policies, r.Curve = w.judge.policies(ch), w.judge.curve(ch)
	r.Smallest = smallest(sol.Contact, sol.Control, r.BaseRate)
	var list bytes.Buffer
	if err := receipt.WriteMembers(&list, sol.Members); err != nil {
		return nil, err
	}
	r.Members = receipt.Members{Rows: len(sol.Members), Hash: receipt.ID(list.Bytes())}
	out := &made{receipt: r, members: sol.Members, models: w.models, facts: w.facts, leaks: w.leaks}
	out.text, out.id, err = r.Encode()
	return out, err
}

// smallest returns the smallest effect on the share that buys which the control can show; 1 where it can show none.
func smallest(contact, control int, base float64) float64 {
	d := metric.Design{Treated: float64(contact), Control: float64(control)}
	if x := d.SmallestRateEffect(min(max(base, 0), .999)); !math.IsNaN(x) {
		return x
	}
	return 1
}

func fixedCosts(offers []plan.Offer) []float64 {
	out := make([]float64, len(offers))
	for i, o := range offers {
		out[i] = o.Fixed
	}
	return out
}

// spentFixed returns the fixed costs of the offers that somebody gets.
func spentFixed(offers []plan.Offer, members []receipt.Member) float64 {
	sum := 0.0
	for _, o := range offers {
		if o.Fixed != 0 && slices.ContainsFunc(members, func(m receipt.Member) bool { return m.Group == receipt.Contact && m.Offer == o.Name }) {
			sum += o.Fixed
		}
	}
	return sum
}

// worth values the offers: by what they cause where a past send was random, else by response.
func (s *Shop) worth(ctx context.Context, v *view, m *money, c plan.Campaign, offers []plan.Offer, cutoff kequn.Cutoff, pop *population) (*valued, error) {
	send, why, err := s.findSend(ctx, v, c, offers, cutoff)
	if err != nil {
		return nil, err
	}
	if send != nil {
		if err := s.findRedeemed(ctx, v, m, offers, cutoff); err != nil {
			return nil, err
		}
		var p *past
		if p, why, err = s.pastOf(ctx, v, m, send, cutoff); err != nil {
			return nil, err
		}
		if p != nil {
			why = tooSmall(p)
			random := why == Text{}
			if random {
				if random, why, err = s.random(ctx, p); err != nil {
					return nil, err
				}
			}
			if random {
				return s.caused(ctx, v, m, c, offers, cutoff, pop, p)
			}
		}
	}
	return s.response(ctx, v, m, c, offers, cutoff, pop, why)
}

// keepDecision stores receipt, members and models in one write.
func (s *Shop) keepDecision(ctx context.Context, m *made) (*Decision, error) {
	tx, err := s.ws.Begin(ctx, "decide "+m.receipt.Campaign.Name)
	if err != nil {
		return nil, err
	}
	defer tx.Abort()
	for _, x := range m.models {
		if _, err := tx.PutBlob("models", x.name, x.data); err != nil {
			return nil, err
		}
	}
	var list bytes.Buffer
	if err := receipt.WriteMembers(&list, m.members); err != nil {
		return nil, err
	}
	if _, err := tx.PutBlob(memberBlobs, m.id, list.Bytes()); err != nil {
		return nil, err
	}
	if _, err := tx.PutBlob(receiptBlobs, m.receipt.Campaign.Name, m.text); err != nil {
		return nil, err
	}
	if err := putDoc(tx, "decide."+m.receipt.Campaign.Name, m.facts); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	return m.show(), nil
}

// show returns what people see of a decision.
func (m *made) show() *Decision {
	r := m.receipt
	d := &Decision{Receipt: m.id, Campaign: r.Campaign.Name, Cutoff: r.Cutoff, Contact: r.Contact, Control: r.Control, LeftAlone: r.LeftAlone, Offers: []OfferCount{}, Reasons: []OfferCount{},
		Budget: r.Budget, Cost: r.Cost, Expected: r.Forecast, Smallest: r.Smallest, Policies: r.Policies, Method: r.Method, Waterfall: r.Waterfall,
		ShadowPrice: r.ShadowPrice, Conversion: r.Conversion, BaseRate: r.BaseRate, Curve: r.Curve, Currency: r.Currency, Horizon: r.Horizon, Leaks: append([]string{}, m.leaks...), members: m.members}
	for _, o := range r.Campaign.Offers {
		n := 0
		for _, x := range m.members {
			if x.Group == receipt.Contact && x.Offer == o {
				n++
			}
		}
		d.Offers = append(d.Offers, OfferCount{o, n})
	}
	for _, reason := range []string{"audience", "excluded", "consent", "holdout", decision.ReasonNoGain, decision.ReasonBudget} {
		n := 0
		for _, x := range m.members {
			if x.Reason == reason {
				n++
			}
		}
		if n > 0 {
			d.Reasons = append(d.Reasons, OfferCount{reason, n})
		}
	}
	return d
}

// population is everybody at the cutoff, and why some may not be contacted.
type population struct {
	customer []string
	excluded []string // "" where allowed
	steps    []receipt.Step
}

func (p *population) left() int { return p.steps[len(p.steps)-1].Left }

// story tells the waterfall in one line.
func (p *population) story() string {
	var parts []string
	for _, st := range p.steps {
		parts = append(parts, st.Step+" "+strconv.Itoa(st.Left))
	}
	return strings.Join(parts, ", ")
}

// eligible finds who may be contacted: in the audience, not suppressed, with consent for the channel, not held out.
func (s *Shop) eligible(ctx context.Context, v *view, c plan.Campaign, cutoff kequn.Cutoff) (*population, error) {
	src, err := s.rules(ctx, v, cutoff)
	if err != nil {
		return nil, err
	}
	type condition struct {
		reason, step string
		stays        bool // who meets the rule stays; otherwise who meets it goes
	}
	var conditions []condition
	r := engine.Request{Cutoffs: []kequn.Cutoff{cutoff}, Zone: v.zone, AnyTime: true, Threads: s.Threads}
	add := func(reason, step, text string, stays bool) error {
		if text == "" {
			return nil
		}
		n, err := rule.Compile(text, src.Catalogue)
		if err != nil {
			return err
		}
		conditions = append(conditions, condition{reason, step, stays})
		r.Rules = append(r.Rules, engine.Rule{Name: reason, Node: n})
		return nil
	}
	consent := ""
	if c.Channel != "" {
		consent = "consent(" + strconv.Quote(c.Channel) + ")"
	}
	for _, err := range []error{
		add("audience", "audience", s.ruleOf(c.Audience), true),
		add("excluded", "not excluded", s.ruleOf(c.Exclude), false),
		add("consent", "consent for "+c.Channel, consent, true),
	} {
		if err != nil {
			return nil, err
		}
	}
	out := &population{}
	left := make([]int, len(conditions)+1)
	s.Progress(s.Lang.Pick("适用客户", "who may be contacted"), 0, 0)
	err = s.Engine.Stream(ctx, src.Data, r, func(p *engine.Panel) error {
	rows:
		for i := range p.NRows() {
			id := strings.Clone(p.Customer.String(i))
			out.customer = append(out.customer, id)
			for k, cond := range conditions {
				if p.Rules[k][i] != cond.stays {
					out.excluded = append(out.excluded, cond.reason)
					continue rows
				}
				left[k]++
			}
			if s.heldOut(id) {
				out.excluded = append(out.excluded, "holdout")
				continue
			}
			left[len(conditions)]++
			out.excluded = append(out.excluded, "")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.steps = append(out.steps, receipt.Step{Step: "everybody", Left: len(out.customer)})
	for k, cond := range conditions {
		out.steps = append(out.steps, receipt.Step{Step: cond.step, Left: left[k]})
	}
	if s.Plan.Holdout > 0 {
		out.steps = append(out.steps, receipt.Step{Step: "not held out", Left: left[len(conditions)]})
	}
	return out, nil
}

// heldOut tells whether no campaign ever contacts a customer. The draw does not depend on --seed: it stands across decisions.
func (s *Shop) heldOut(customer string) bool {
	return s.Plan.Holdout > 0 && decision.InControl(customer, "holdout", 0, s.Plan.Holdout)
}

// eachEligible computes features of those who may be contacted, partition by partition: f gets the panel's rows of them and where
// they stand in the population.
func (s *Shop) eachEligible(ctx context.Context, v *view, pop *population, cutoff kequn.Cutoff, defs []query.Feature, f func(p *engine.Panel, at []int) error) error {
	n := 0
	err := s.Engine.Stream(ctx, v.data, engine.Request{Cutoffs: []kequn.Cutoff{cutoff}, Zone: v.zone, Features: defs, Threads: s.Threads}, func(p *engine.Panel) error {
		var keep []int32
		var at []int
		for i := range p.NRows() {
			if n >= len(pop.customer) || pop.customer[n] != p.Customer.String(i) {
				return kequn.Errorf(kequn.KindInternal, "", "the engine lists customers in another order than before")
			}
			if pop.excluded[n] == "" {
				keep, at = append(keep, int32(i)), append(at, n)
			}
			n++
		}
		s.Progress(s.Lang.Pick("逐人估值", "value of each customer"), int64(n), int64(len(pop.customer)))
		if keep == nil {
			return nil
		}
		return f(&engine.Panel{Customer: p.Customer.Take(keep), X: p.X.Take(keep)}, at)
	})
	if err == nil && n != len(pop.customer) {
		err = kequn.Errorf(kequn.KindInternal, "", "the engine lists %d customers, before %d", n, len(pop.customer))
	}
	return err
}

// saveModel returns a model's bytes and how the receipt cites it.
func saveModel(name string, m model.Model) (savedModel, receipt.Model, error) {
	var b bytes.Buffer
	if err := model.Save(&b, m); err != nil {
		return savedModel{}, receipt.Model{}, err
	}
	return savedModel{name, b.Bytes()}, receipt.Model{Name: name, Family: m.Header().Family, Hash: receipt.ID(b.Bytes())}, nil
}
