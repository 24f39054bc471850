// Package lifetime forecasts orders and spend of customers who leave without saying so, from four numbers about each: BG/NBD, MBG/CNBD-k, Pareto/NBD and Gamma-Gamma.
//
// The path of orders through the room:
//
//	days, amounts ─ Summarise ─▶ Summary per customer ─ group ─▶ different summaries with their number
//	      ─ maximise (BG/NBD, MBG/NBD, MBG/CNBD-k, Pareto/NBD) ─▶ how often, and whether still there
//	      ─ maximise (Gamma-Gamma)                             ─▶ how much an order is worth
//	      ─ Model ─▶ P(alive), and the whole distribution of orders and of spend within a horizon
//
// All of these suppose that nobody is told when a customer leaves (a shop, not a subscription), that customers differ smoothly, and
// that the world stays as it is: no seasons, no campaigns. Forecasts are exact for the fitted process: the distribution of orders to
// come is summed, not simulated, so its mean, median and interval have no sampling noise.
//
// References: Fader, Hardie, Lee, "Counting your customers" the easy way, Marketing Science 24, 2005 (BG/NBD); Schmittlein, Morrison,
// Colombo, Counting your customers, Management Science 33, 1987 (Pareto/NBD); Batislam, Denizel, Filiztekin, Empirical validation and
// comparison of models for customer base analysis, IJRM 24, 2007 (MBG/NBD); Platzer, Reutterer, Ticking away the moments, Marketing
// Science 35, 2016, and Reutterer, Platzer, Schröder, Leveraging purchase regularity for predicting customer behavior the easy way,
// IJRM 38, 2021 (regular gaps); Fader, Hardie, RFM and CLV, JMR 42, 2005 (Gamma-Gamma with Pareto/NBD).
package lifetime

import (
	"context"
	"math"
	"slices"

	"kequn"
	"kequn/internal/metric"
)

// Process is how customers order and leave.
type Process string

// The processes. Gaps are exponential but in MBGCNBD, where they are Erlang-k: more regular than chance.
const (
	Auto      Process = ""           // the one of the largest likelihood; one more parameter must earn its place (BIC)
	BGNBD     Process = "bg_nbd"     // may leave after each repeat order
	MBGNBD    Process = "mbg_nbd"    // may leave after each order, the first included
	MBGCNBD   Process = "mbg_cnbd_k" // the same with regular gaps
	ParetoNBD Process = "pareto_nbd" // may leave at any moment
)

// Options are how to fit. The zero value is right for most.
type Options struct {
	Process Process
	K       int     // MBGCNBD: the k of Erlang-k gaps; 0 chooses 1 … 12 by likelihood
	Level   float64 // of intervals; 0 means 0.9
	Threads int     // 0: all processors. The model does not depend on it.
	NoSpend bool    // orders only

	// Near is a blend of nearly the same customers, at a day not far from this one: the search starts at its parameters alone, where they are held by data.
	Near *Blend
}

// near returns the model of the process in Near that is fit to start from, nil where there is none.
func (o Options) near(p Process) *Model {
	if o.Near != nil {
		for _, m := range o.Near.Members {
			if m.Process == p && m.Settled && !slices.Contains(m.loose, true) {
				return m
			}
		}
	}
	return nil
}

// Parameter is a fitted number with its asymptotic interval.
type Parameter struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Error float64 `json:"error"` // standard error by the delta method; 0 where Loose
	Low   float64 `json:"low"`   // of the interval at Options.Level, symmetric in the logarithm
	High  float64 `json:"high"`
	Loose bool    `json:"loose,omitempty"` // the data do not hold it: no error, no interval
}

// Candidate is a process that was tried.
type Candidate struct {
	Process       Process `json:"process"`
	K             int     `json:"k"`
	LogLikelihood float64 `json:"log_likelihood"`
}

// Model is a fitted process, with a spend model where spend is known. It may be used by several goroutines.
type Model struct {
	Process       Process
	K             int
	LogLikelihood float64 // of the orders, in the caller's unit of time
	Customers     int
	Buyers        int // customers with repeats
	Tried         []Candidate
	Settled       bool // whether the search ended where the likelihood is flat

	level float64
	theta []float64 // in the caller's unit
	cov   []float64 // of the logarithms of theta
	loose []bool
	spend *spendModel
	span  float64 // the mean age
	notes []note
}

// process is a likelihood with what follows from it.
type process interface {
	likelihood(theta []float64, g *groups, threads int) (float64, []float64)
	starts(rate float64) [][]float64
	state(theta []float64, s Summary, to *state)
}

// leastBuyers is the fewest customers with repeats from which four parameters are estimated at all.
const leastBuyers = 10

// mostK is the most regular process tried: gaps that vary by less than 1/√12 of their mean are a subscription's.
const mostK = 12

// Fit finds the parameters that maximise the likelihood of all summaries, without any penalty, and the spend model beside it.
//
// Errors: a summary that cannot be (kind input, with its index), fewer than ten customers with repeats (kind not_enough). A likelihood that grows
// towards the end of a parameter's range (nobody leaves; all order equally often) is followed there: such a parameter is Loose and a note says so.
//
// Time is O(n log n) to group equal summaries, then about 30 evaluations of the likelihood of the different ones; where these are many, the search starts
// on a part of them. The result is the same for any number of threads and any order of customers.
func Fit(ctx context.Context, all []Summary, o Options) (*Model, error) {
	if o.Level == 0 {
		o.Level = 0.9
	}
	if !(o.Level > 0 && o.Level < 1) || o.K < 0 || o.K > mostK {
		return nil, kequn.Errorf(kequn.KindUsage, "", "level %v and k %d: level must lie between 0 and 1, k between 0 and %d", o.Level, o.K, mostK)
	}
	if o.K > 1 && o.Process != MBGCNBD && o.Process != Auto {
		return nil, kequn.Errorf(kequn.KindUsage, "", "process %q has no k", o.Process).WithHint("take %q", MBGCNBD)
	}
	buyers := 0
	for i, s := range all {
		if fault := s.fault(); fault != "" {
			return nil, kequn.Errorf(kequn.KindInput, "", "summary %d: %s", i, fault)
		}
		if s.Repeats > 0 {
			buyers++
		}
	}
	if buyers < leastBuyers {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", "%d of %d customers ordered again, a lifetime model needs %d", buyers, len(all), leastBuyers).
			WithHint("a longer history, or the history of more customers")
	}
	g := group(all)
	m := &Model{Customers: len(all), Buyers: buyers, level: o.Level, span: g.scale, LogLikelihood: math.Inf(-1)}
	if err := m.choose(ctx, g, o); err != nil {
		return nil, err
	}
	if !o.NoSpend {
		spend, settled, err := fitSpend(ctx, all, o.nearSpend(), o.Threads)
		if err != nil {
			return nil, err
		}
		m.spend = spend
		m.Settled = m.Settled && settled
	}
	m.notes = m.remarks()
	return m, nil
}

// choose fits the processes asked for and keeps the best.
func (m *Model) choose(ctx context.Context, g *groups, o Options) error {
	var simple []Process
	switch o.Process {
	case Auto:
		simple = []Process{BGNBD, ParetoNBD, MBGNBD}
	case BGNBD, MBGNBD, ParetoNBD:
		simple = []Process{o.Process}
	case MBGCNBD:
	default:
		return kequn.Errorf(kequn.KindUsage, "", "process %q is none of %q, %q, %q and %q", o.Process, BGNBD, MBGNBD, MBGCNBD, ParetoNBD)
	}
	best, price := math.Inf(-1), math.Log(g.customers)/2
	var warm []float64
	try := func(p Process, k int, price float64) (float64, error) {
		opt, err := m.fitProcess(ctx, p, k, g, o.Threads, warm, o.near(p))
		if err != nil {
			return 0, err
		}
		// Densities of times: every order's time is in units of the scale.
		ll := opt.value - g.repeats*math.Log(g.scale)
		m.Tried = append(m.Tried, Candidate{p, k, ll})
		if p == MBGNBD || p == MBGCNBD {
			warm = exps(opt.logs)
		}
		if ll-price <= best+1e-7*math.Abs(best) {
			return ll, nil
		}
		best = ll - price
		m.Process, m.K, m.LogLikelihood, m.Settled = p, k, ll, opt.settled
		m.theta, m.cov, m.loose = exps(opt.logs), opt.cov, opt.loose
		m.theta[1] *= g.scale
		if p == ParetoNBD {
			m.theta[3] *= g.scale
		}
		return ll, nil
	}
	for _, p := range simple {
		if _, err := try(p, 1, 0); err != nil {
			return err
		}
	}
	if o.Process != MBGCNBD && (o.Process != Auto || !g.gaps) {
		return nil
	}
	from, to := 1, mostK
	switch {
	case o.K > 0:
		from, to, price = o.K, o.K, 0
	case !g.gaps:
		to = 1 // without gaps k cannot be told
	case o.Process == Auto:
		from = 2
	}
	last, falls := math.Inf(-1), 0
	for k := from; k <= to && falls < 2; k++ {
		ll, err := try(MBGCNBD, k, price)
		if err != nil {
			return err
		}
		if ll < last {
			falls++
		}
		last = ll
	}
	return nil
}

func processOf(p Process, k int) process {
	switch p {
	case BGNBD:
		return betaGeometric{k: 1}
	case ParetoNBD:
		return paretoNBD{}
	}
	return betaGeometric{k: k, zero: 1}
}

// firstLook is of how many different summaries the starts are tried on a part.
const firstLook = 4000

func (m *Model) fitProcess(ctx context.Context, p Process, k int, g *groups, threads int, warm []float64, near *Model) (optimum, error) {
	proc := processOf(p, k)
	time := 0.0
	for i, t := range g.age {
		time += g.weight[i] * t
	}
	starts := proc.starts(g.repeats * float64(k) / max(time, 1e-9))
	if p == MBGCNBD && warm != nil { // regular gaps need k times the ticks
		starts = [][]float64{{warm[0], warm[1] * float64(k-1) / float64(k), warm[2], warm[3]}}
	}
	whole := len(starts) > 1
	if near != nil && warm == nil {
		start := slices.Clone(near.theta)
		start[1] /= g.scale
		if p == ParetoNBD {
			start[3] /= g.scale
		} else {
			start[1] *= float64(near.K) / float64(k)
		}
		starts = [][]float64{start}
	}
	quick := g
	if len(g.x) >= 2*firstLook {
		quick = g.thin(len(g.x) / firstLook)
	}
	at := func(g *groups) objective {
		return func(theta []float64) (float64, []float64) { return proc.likelihood(theta, g, threads) }
	}
	return maximise(ctx, starts, at(quick), at(g), whole, quick.customers, g.customers)
}

// The names of the parameters, as in the literature.
var names = map[Process][]string{
	BGNBD: {"r", "alpha", "a", "b"}, MBGNBD: {"r", "alpha", "a", "b"}, MBGCNBD: {"r", "alpha", "a", "b"}, ParetoNBD: {"r", "alpha", "s", "beta"},
}

// Parameters returns those of the process, then p, q, v of the spend model where there is one.
func (m *Model) Parameters() []Parameter {
	var out []Parameter
	for i, name := range names[m.Process] {
		out = append(out, m.parameter(name, m.theta[i], 0, m.cov[i*4+i], m.loose[i]))
	}
	if s := m.spend; s != nil && s.p > 0 {
		out = append(out, m.parameter("p", s.p, 0, s.cov[0], s.loose[0]), m.parameter("q", s.q, 1, s.cov[4], s.loose[1]), m.parameter("v", s.v, 0, s.cov[8], s.loose[2]))
	}
	return out
}

// parameter describes low + e^l, where l has the given variance.
func (m *Model) parameter(name string, value, low, variance float64, loose bool) Parameter {
	p := Parameter{Name: name, Value: value, Loose: loose}
	if !loose {
		se, z := math.Sqrt(variance), metric.NormQuantile(0.5+m.level/2)
		p.Error = (value - low) * se
		p.Low, p.High = low+(value-low)*math.Exp(-z*se), low+(value-low)*math.Exp(z*se)
	}
	return p
}

// SpendCorrelation returns the correlation of log repeats and log mean spend, over the customers that the spend model was fitted to, and their number.
// Gamma-Gamma supposes 0.
func (m *Model) SpendCorrelation() (correlation float64, customers int) {
	if m.spend == nil {
		return 0, 0
	}
	return m.spend.correlation, m.spend.fitted
}
