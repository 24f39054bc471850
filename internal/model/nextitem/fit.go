package nextitem

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
)

// Options say what is fitted.
type Options struct {
	Top    int      // values on a list
	Fresh  bool     // only values that the customer has not had
	Orders []string // which orders; nil is all
	Simple bool     // choose the simplest order within noise of the best, not the best

	// Learner ranks where there is much to learn from, Few where there is little.
	Learner, Few model.Learner

	Seed    uint64
	Threads int

	Progress func(done, of int)
}

// Lesson is what is learnt from at one moment (all queries have the same) or at many (each has its own).
type Lesson struct {
	Until   kequn.Instant // statistics are of rows before it
	Own     bool          // queries have moments of their own before Until: others' statistics then leave the asking customer out
	Queries []Query
}

// Task is everything that is known, and what is learnt from and judged on.
type Task struct {
	History *History
	NValues int
	Learn   []Lesson // earlier
	Judge   Lesson   // later
	Final   []Lesson // what the chosen ranker is fitted on in the end; nil keeps the judged one
	Ask     kequn.Instant
}

// Fit is the chosen order with how all did.
type Fit struct {
	Scores  []Score   // per order, of the judged moments
	Seconds []float64 // per order
	Chosen  string
	Simple  string
	Base    string // the best baseline
	Learnt  string // family of the ranker, "" without
	Queries int    // that were learnt from
	Never   bool   // values hardly ever repeat, so lists leave out what the customer had
	Drivers []Driver

	opt     Options
	ranker  model.Model
	stats   *stats
	nValues int
}

// Driver is a fact with its share in the ranker's order.
type Driver struct {
	Fact  string  `json:"fact"`
	Share float64 `json:"share"`
}

const (
	folds      = 4       // other customers' statistics, for queries with moments of their own
	maxRows    = 150_000 // candidates that a ranker learns from
	negatives  = 40      // per query, of those that did not come
	maxJudged  = 20_000  // queries
	enoughHits = 300     // candidates that came, below which the simpler learner ranks
	fewestHits = 20      // below which no ranker is learnt
	neverShare = 0.02    // of what came was had before: values hardly ever repeat
)

// FewestJudged is how many queries an order is judged on at least.
const FewestJudged = 20

// ErrFew says that too little came next to judge anything.
type ErrFew struct{ Queries, Want int }

func (e ErrFew) Error() string {
	return fmt.Sprintf("nextitem: %d customers with something that came next, %d are needed", e.Queries, e.Want)
}

// Learn judges every order on the later lesson, the ranker after learning from the earlier ones, and chooses.
//
// An order takes the place of the best simpler one only where its NDCG is higher by more than noise: the 95 % interval of the
// difference, customer by customer, lies above zero.
func Learn(ctx context.Context, t Task, o Options) (*Fit, error) {
	if len(t.Judge.Queries) < FewestJudged {
		return nil, ErrFew{len(t.Judge.Queries), FewestJudged}
	}
	if o.Orders == nil {
		o.Orders = Names
	}
	f := &Fit{opt: o, nValues: t.NValues}
	f.Never = !o.Fresh && neverRepeats(t.History, t.Judge.Queries)
	if f.Never {
		f.opt.Fresh = true
	}
	t.Judge.Queries = draw(t.Judge.Queries, maxJudged, o.Seed)
	steps, of := 0, len(t.Learn)+1+len(t.Final)
	step := func() {
		steps++
		if o.Progress != nil {
			o.Progress(steps, of)
		}
	}
	if slices.Contains(f.opt.Orders, Ranker) && o.Learner != nil {
		began := time.Now()
		if err := f.teach(ctx, t, t.Learn, step); err != nil {
			return nil, err
		}
		f.Seconds = append(f.Seconds, time.Since(began).Seconds())
	}
	if err := f.judge(ctx, t); err != nil {
		return nil, err
	}
	step()
	if f.Chosen == Ranker && t.Final != nil {
		if err := f.teach(ctx, t, t.Final, step); err != nil {
			return nil, err
		}
	}
	f.stats = gather(t.History, t.NValues, t.Ask, nothing, 0, o.Seed, f.nPopular())
	return f, ctx.Err()
}

func (f *Fit) nPopular() int { return max(60, 2*f.opt.Top) }

// neverRepeats tells whether what came had hardly ever been had before.
func neverRepeats(h *History, queries []Query) bool {
	again, all := 0, 0
	for _, q := range queries {
		lo, hi := h.before(q.Customer, q.At)
		all += len(q.Relevant)
		for _, v := range h.Code[lo:hi] {
			if _, ok := slices.BinarySearch(q.Relevant, v); ok {
				again++
				break
			}
		}
	}
	return float64(again) < neverShare*float64(all)
}

// draw keeps at most n queries, drawn by hash of customer and moment.
func draw(q []Query, n int, seed uint64) []Query {
	if len(q) <= n {
		return q
	}
	key := func(x Query) uint64 {
		return kernel.Mix(kernel.Mix(seed^uint64(x.Customer)*0x9e3779b97f4a7c15) ^ uint64(x.At))
	}
	share := uint64(float64(math.MaxUint64) * float64(n) / float64(len(q)))
	var out []Query
	for _, x := range q {
		if key(x) < share {
			out = append(out, x)
		}
	}
	return out
}

// contexts gathers the statistics that a lesson's queries are asked under, one or one per fold.
func (f *Fit) contexts(h *History, l *Lesson) []*stats {
	if !l.Own {
		for i := range l.Queries {
			l.Queries[i].context = 0
		}
		return []*stats{gather(h, f.nValues, l.Until, nothing, 0, f.opt.Seed, f.nPopular())}
	}
	for i := range l.Queries {
		l.Queries[i].context = foldOf(l.Queries[i].Customer, folds, f.opt.Seed)
	}
	out := make([]*stats, folds)
	kernel.Blocks(folds, min(2, kernel.Threads(f.opt.Threads)), 1, func(k, _, _ int) {
		out[k] = gather(h, f.nValues, l.Until, k, folds, f.opt.Seed, f.nPopular())
	})
	return out
}

// sample is the candidates of one query that a ranker learns from.
type sample struct {
	fact []float32
	y, w []float64
}

// teach fits the ranker.
func (f *Fit) teach(ctx context.Context, t Task, lessons []Lesson, step func()) error {
	var fact []float32
	var y, w []float64
	hits, queries := 0, 0
	for i := range lessons {
		l := lessons[i]
		l.Queries = slices.Clone(draw(l.Queries, maxRows/(negatives+5)/max(1, len(lessons)), f.opt.Seed))
		if len(l.Queries) == 0 {
			step()
			continue
		}
		stats := f.contexts(t.History, &l)
		parts := make([]sample, kernel.NBlocks(len(l.Queries), 32))
		pools := make([]*pool, kernel.Threads(f.opt.Threads))
		kernel.Workers(len(l.Queries), f.opt.Threads, 32, func(worker, block, lo, hi int) {
			if pools[worker] == nil {
				pools[worker] = newPool(t.History, f.nValues, f.opt.Fresh)
			}
			for _, q := range l.Queries[lo:hi] {
				if ctx.Err() == nil {
					pools[worker].find(stats[q.context], q.Customer, q.At)
					pools[worker].learn(&parts[block], q, f.opt.Seed)
				}
			}
		})
		for _, p := range parts {
			fact, y, w = append(fact, p.fact...), append(y, p.y...), append(w, p.w...)
		}
		queries += len(l.Queries)
		step()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, v := range y {
		hits += int(v)
	}
	f.Queries, f.ranker, f.Learnt = queries, nil, ""
	if hits < fewestHits || hits == len(y) {
		return nil
	}
	learner := f.opt.Learner
	if hits < enoughHits && f.opt.Few != nil {
		learner = f.opt.Few
	}
	m, err := learner.Fit(ctx, asTable(fact, len(y)), model.Outcome{Task: kequn.Binary, Y: y}, w)
	if err != nil {
		return err
	}
	f.ranker, f.Learnt = m, learner.Name()
	f.Drivers = nil
	if imp, ok := m.(model.Importancer); ok {
		share := imp.Importance()
		for i, c := range m.Header().Columns {
			f.Drivers = append(f.Drivers, Driver{c.Name, share[i]})
		}
		slices.SortStableFunc(f.Drivers, func(a, b Driver) int {
			switch {
			case a.Share > b.Share:
				return -1
			case a.Share < b.Share:
				return 1
			}
			return strings.Compare(a.Fact, b.Fact)
		})
	}
	return nil
}

// learn adds a query's candidates: all that came, and a draw of the others, weighted so that together they stand for all.
func (p *pool) learn(out *sample, q Query, seed uint64) {
	var no []int
	for k, v := range p.code {
		if _, ok := slices.BinarySearch(q.Relevant, v); ok {
			out.fact = append(out.fact, p.fact[k*nFacts:(k+1)*nFacts]...)
			out.y, out.w = append(out.y, 1), append(out.w, 1)
		} else {
			no = append(no, k)
		}
	}
	all := len(no)
	if all > negatives {
		r := kernel.NewStream(seed, kernel.ID("negatives"), uint64(q.Customer), uint64(q.At))
		picked := r.Sample(all, negatives)
		slices.Sort(picked)
		for i, k := range picked {
			no[i] = no[k]
		}
		no = no[:negatives]
	}
	for _, k := range no {
		out.fact = append(out.fact, p.fact[k*nFacts:(k+1)*nFacts]...)
		out.y, out.w = append(out.y, 0), append(out.w, float64(all)/float64(len(no)))
	}
}

// judge lets every order answer the later queries.
func (f *Fit) judge(ctx context.Context, t Task) error {
	q := t.Judge.Queries
	stats := gather(t.History, f.nValues, t.Judge.Until, nothing, 0, f.opt.Seed, f.nPopular())
	var orders []string
	for _, name := range Names {
		if slices.Contains(f.opt.Orders, name) && !(name == Ranker && f.ranker == nil) && !(f.opt.Fresh && (name == Repeat || name == Recent)) {
			orders = append(orders, name)
		}
	}
	if orders == nil {
		orders = []string{Popular}
	}
	relevant := make([][]int32, len(q))
	for i := range q {
		relevant[i] = q[i].Relevant
	}
	lists, _, spent, err := f.lists(ctx, t.History, stats, q, orders)
	if err != nil {
		return err
	}
	for k, name := range orders {
		if name == Ranker && len(f.Seconds) == 1 {
			spent[k] += f.Seconds[0]
		}
	}
	f.Seconds = spent
	k := min(10, f.opt.Top)
	base := 0
	ndcg := make([][]float64, len(orders))
	for i := range orders {
		u := newTally(len(q))
		for j := range q {
			u.judge(j, lists[i][j], relevant[j], k)
		}
		ndcg[i] = u.ndcg
		if slices.Contains(Baselines, orders[i]) && kernel.Sum(ndcg[i]) > kernel.Sum(ndcg[base]) {
			base = i
		}
	}
	f.Base = orders[base]
	best, most := base, base
	for i := range orders {
		f.Scores = append(f.Scores, Compare(orders[i], k, lists[i], relevant, lists[base], f.Base, f.nValues))
		if i > base && !slices.Contains(Baselines, orders[i]) && difference(ndcg[i], ndcg[best]).Low > 0 {
			best = i
		}
		if kernel.Sum(ndcg[i]) > kernel.Sum(ndcg[most]) {
			most = i
		}
	}
	f.Simple = orders[best]
	for i := range orders {
		if d := difference(ndcg[most], ndcg[i]); d.Mean <= (d.High-d.Mean)/1.96 { // within one paired standard error
			f.Simple = orders[i]
			break
		}
	}
	f.Chosen = orders[best]
	if f.opt.Simple {
		f.Chosen = f.Simple
	}
	return nil
}

// block is how many queries are ranked together: one call of the ranker for all their candidates.
const block = 64

// lists answers queries by each of the orders, in parallel; the result does not depend on the number of threads. spent is the
// seconds of all threads that went into ranking by each order.
func (f *Fit) lists(ctx context.Context, h *History, s *stats, q []Query, orders []string) (list [][][]int32, score [][][]float64, spent []float64, err error) {
	list, score = make([][][]int32, len(orders)), make([][][]float64, len(orders))
	for k := range orders {
		list[k], score[k] = make([][]int32, len(q)), make([][]float64, len(q))
	}
	workers := kernel.Threads(f.opt.Threads)
	pools, errs := make([]*pool, workers), make([]error, kernel.NBlocks(len(q), block))
	took := make([][]time.Duration, workers)
	kernel.Workers(len(q), f.opt.Threads, block, func(worker, at, lo, hi int) {
		if pools[worker] == nil {
			pools[worker], took[worker] = newPool(h, f.nValues, f.opt.Fresh), make([]time.Duration, len(orders))
		}
		p := pools[worker]
		var code []int32
		var fact []float32
		ends := make([]int, 0, hi-lo)
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			p.find(s, q[i].Customer, q[i].At)
			code, fact = append(code, p.code...), append(fact, p.fact...)
			ends = append(ends, len(code))
		}
		for k, name := range orders {
			began := time.Now()
			all, err := scores(fact, len(code), name, f.ranker)
			if err != nil {
				errs[at] = err
				return
			}
			from := 0
			for i, to := range ends {
				for _, c := range top(all[from:to], f.opt.Top) {
					list[k][lo+i], score[k][lo+i] = append(list[k][lo+i], code[from+int(c)]), append(score[k][lo+i], all[from+int(c)])
				}
				from = to
			}
			took[worker][k] += time.Since(began)
		}
	})
	spent = make([]float64, len(orders))
	for _, w := range took {
		for k := range w {
			spent[k] += w[k].Seconds()
		}
	}
	for _, e := range errs {
		if e != nil {
			return nil, nil, nil, e
		}
	}
	return list, score, spent, ctx.Err()
}

// Lists returns, for each order asked for, the list of each customer of a history at the moment of asking, with scores: of the
// ranker, the chance that the value comes; of the others, numbers that only order.
func (f *Fit) Lists(ctx context.Context, h *History, orders ...string) (list [][][]int32, score [][][]float64, err error) {
	q := make([]Query, h.NCustomers())
	for c := range q {
		q[c] = Query{Customer: int32(c), At: f.stats.until}
	}
	list, score, _, err = f.lists(ctx, h, f.stats, q, orders)
	return list, score, err
}
