package pipeline

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/nextitem"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// Next is what a "next" goal came to: the ranked lists, and how far to trust them.
type Next struct {
	Column    string           `json:"column"`
	Top       int              `json:"top"`
	Values    int              `json:"values"` // different ones
	Fresh     bool             `json:"fresh"`  // lists hold only what the customer has not had
	Never     bool             `json:"never_repeats,omitempty"`
	Models    []nextitem.Score `json:"models"`
	Seconds   []float64        `json:"fit_seconds"`
	Chosen    string           `json:"chosen"`
	Simple    string           `json:"simple"`
	Baseline  string           `json:"baseline"`
	LearntOn  int              `json:"learnt_from"` // customers × moments
	Judged    string           `json:"judged_from"` // moments from here on were judged
	Family    string           `json:"family,omitempty"`
	Drivers   []NextDriver     `json:"drivers,omitempty"`
	Happened  []nextitem.Score `json:"happened,omitempty"` // backtest: chosen order and baselines against what came after the cutoff
	Examples  []NextValue      `json:"commonest"`          // values that stand first on most lists
	Customers int              `json:"customers"`
}

// NextDriver is a fact with its share in the learnt order.
type NextDriver struct {
	Fact   string  `json:"fact"`
	Share  float64 `json:"share"`
	TextZH string  `json:"text_zh"`
	TextEN string  `json:"text_en"`
}

// NextValue is a value with how many lists it leads.
type NextValue struct {
	Value string `json:"value"`
	Lists int    `json:"lists"`
}

// nextLists are the lists of all eligible customers.
type nextLists struct {
	customer []string
	list     [][]int32
	score    [][]float64
	relevant [][]int32 // backtest
	base     map[string][][]int32
	values   []string
}

// defaultTop is how many values a list holds where nobody says.
const defaultTop = 20

// nextOrders reads --models of a "next" goal.
func nextOrders(models string) ([]string, error) {
	if models == "" || models == "auto" {
		return nil, nil
	}
	var out []string
	for _, name := range strings.Split(models, ",") {
		switch name = strings.TrimSpace(name); {
		case name == "auto" || name == "simple":
		case name == "sequence":
			return nil, kequn.Errorf(kequn.KindUsage, "--models", "sequence is not built in this version").WithHint("models of a next goal are %s", strings.Join(nextitem.Names, ", "))
		case slices.Contains(nextitem.Names, name):
			out = append(out, name)
		default:
			return nil, kequn.Errorf(kequn.KindUsage, "--models", "there is no model %q of a next goal", name).WithHint("models are %s", strings.Join(nextitem.Names, ", "))
		}
	}
	return out, nil
}

// named returns the learner of that name, or nil.
func (s *Shop) named(name string) model.Learner {
	for _, l := range s.Learners {
		if l.Name == name {
			return l.Learner
		}
	}
	return nil
}

// fewLeaves is what candidates and stretches of time are judged by: outcomes that are mostly noise, in rows that come in bunches of one
// customer. Few leaves with a penalty, and no early stopping: held-out rows of the same customers would tell nothing.
var fewLeaves = gbdt.Learner{Trees: 150, Rate: 0.08, Leaves: 15, L2: 10, MinRows: 40, ColumnShare: 0.7, Bins: 127}

// nextGoal learns a "next" goal as known at ask and makes every eligible customer's list. With actual, what came after is compared.
func (s *Shop) nextGoal(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags, actual bool) (*Prediction, *nextLists, error) {
	if g.Top == 0 {
		g.Top = defaultTop
	}
	orders, err := nextOrders(f.Models)
	if err != nil {
		return nil, nil, err
	}
	if f.Prefer != "" && f.Prefer != "auto" && f.Prefer != "simple" {
		return nil, nil, kequn.Errorf(kequn.KindUsage, "--prefer", "%q is neither auto nor simple", f.Prefer)
	}
	rows, err := s.valueRows(ctx, v, g)
	if err != nil {
		return nil, nil, err
	}
	s.Progress(s.Lang.Pick("读取 ", "history of ")+g.Name, 0, 0)
	total, err := rows.everyValue(ctx)
	if err != nil {
		return nil, nil, err
	}
	h, names, err := rows.all(ctx, ask, total, s.Seed)
	if err != nil {
		return nil, nil, err
	}
	who, err := s.whoAt(ctx, v, g, ask)
	if err != nil {
		return nil, nil, err
	}
	task, judged, learned, err := s.nextTask(ctx, v, g, ask, h, names, who)
	if err != nil {
		return nil, nil, err
	}
	task.NValues = rows.values.Len()
	fit, err := nextitem.Learn(ctx, task, nextitem.Options{Top: g.Top, Fresh: g.Fresh, Orders: orders, Simple: f.Prefer == "simple",
		Learner: fewLeaves, Few: s.named("linear"), Seed: s.Seed, Threads: s.Threads,
		Progress: func(done, of int) { s.Progress(s.Lang.Pick("模型 ", "models of ")+g.Name, int64(done), int64(of)) }})
	if few := (nextitem.ErrFew{}); errors.As(err, &few) {
		return nil, nil, s.fewNext(g, few.Queries)
	}
	if err != nil {
		return nil, nil, err
	}
	lists, err := s.nextLists(ctx, v, g, ask, rows, who, fit, actual)
	if err != nil {
		return nil, nil, err
	}
	p := s.describeNext(v, g, ask, rows, fit, lists, judged, learned)
	if total > maxNextRows {
		p.Notes = append(p.Notes, fmt.Sprintf("learnt from a sample of %d customers", len(names)))
	}
	if actual {
		s.nextHappened(p.Next, fit, lists)
	}
	return p, lists, nil
}

// fewestNext is how many customers judge an order at least.
const fewestNext = nextitem.FewestJudged

func (s *Shop) fewNext(g plan.Goal, n int) error {
	return kequn.Errorf(kequn.KindNotEnough, g.Name, s.Lang.Pick("可供评判的客户只有 %d 位（之前有过记录、之后又有新值），至少需要 %d 位", "only %d customers to judge on, with something before and something that came next; at least %d are needed"), n, fewestNext).
		WithHint("%s", s.Lang.Pick("加载更多历史、更多客户，或延长效果期（--within）", "more history, more customers or a longer horizon (--within)"))
}

// whoAt compiles the goal's rule of the eligible population, with the features that are known before ask.
func (s *Shop) whoAt(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) (*query.Node, error) {
	if g.Who == "" {
		return nil, nil
	}
	defs, err := s.definitions(ctx, v, ask)
	if err != nil {
		return nil, err
	}
	return s.who(v, g.Who, defs)
}

// eligibleAt marks those of the named customers that belong to the population at each cutoff.
func (s *Shop) eligibleAt(ctx context.Context, v *view, who *query.Node, cutoffs []kequn.Cutoff, names []string) ([][]bool, error) {
	out := make([][]bool, len(cutoffs))
	if who == nil {
		return out, nil
	}
	at := make(map[string]int32, len(names)) // looked up only
	for i, n := range names {
		at[n] = int32(i)
	}
	for k := range out {
		out[k] = make([]bool, len(names))
	}
	err := s.Engine.Stream(ctx, v.data, engine.Request{Cutoffs: cutoffs, Zone: v.zone, Who: who, Threads: s.Threads}, func(p *engine.Panel) error {
		for i := range p.NRows() {
			if c, ok := at[p.Customer.String(i)]; ok {
				out[p.Cutoff[i]][c] = true
			}
		}
		return nil
	})
	return out, err
}

// nextTask says what is learnt from and what is judged on.
//
// With a horizon, as for every goal: customers at a few cutoffs, with what came within the horizon after. Without one, the question is
// what comes with the very next visit after a cutoff, whenever that is. Where too few came back after any cutoff, each customer's own
// last visits are asked, each at its beginning: those that began before a moment are learnt from, those after are judged on.
func (s *Shop) nextTask(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, h *nextitem.History, names []string, who *query.Node) (t nextitem.Task, judged string, learned []string, err error) {
	t = nextitem.Task{History: h, Ask: ask}
	first, err := v.beginning(ctx, g, ask)
	if err != nil {
		return t, "", nil, err
	}
	if g.Within.IsZero() {
		last := h.LastVisits(ask)
		if len(last) == 0 {
			return t, "", nil, s.notEnoughVisits(g)
		}
		sets, err := s.eligibleAt(ctx, v, who, []kequn.Cutoff{ask}, names)
		if err != nil {
			return t, "", nil, err
		}
		asks := &nextAsks{h: h, v: v, g: g, first: first, customers: sets[0]}
		if back := asks.spacing(ask, len(last)); back > 0 {
			t.Judge = asks.at(ask-back, ask)
			for k := kequn.Instant(3); k >= 1; k-- {
				if c := ask - (k+1)*back; c > first {
					t.Learn = append(t.Learn, asks.at(c, ask-back))
					learned = append(learned, kequn.FormatZone(c, v.zone))
				}
				if c := ask - k*back; c > first {
					t.Final = append(t.Final, asks.at(c, ask))
				}
			}
			// Where few come back after a moment, their visits at other moments teach too; days since the last visit tell them apart.
			if asks.few(t.Learn) {
				t.Learn = append(t.Learn, asks.own(ask-back))
				t.Final = append(t.Final, asks.own(ask))
			}
			return t, kequn.FormatZone(ask-back, v.zone), learned, nil
		}
		from := last[len(last)*3/5] // two fifths of the customers are judged
		t.Judge = nextitem.Lesson{Until: from, Queries: h.Visits(from, ask, 1, sets[0], g.Fresh)}
		t.Learn, t.Final = []nextitem.Lesson{asks.own(from)}, []nextitem.Lesson{asks.own(ask)}
		return t, kequn.FormatZone(from, v.zone), []string{}, nil
	}
	cuts, ok := ChooseCutoffs(first, ask, g.Gap, g.Within, v.zone)
	if !ok || cuts.SameTime {
		return t, "", nil, kequn.Errorf(kequn.KindNotEnough, g.Name, s.Lang.Pick("历史始于 %s，不足以先学习、再在之后的时间评判（效果期 %s，截止 %s）", "history begins on %s, too late to learn at one cutoff and judge at a later one with a horizon of %s before %s"),
			day(first, v), spanWords(g.Within, s.Lang), day(ask, v)).WithHint("%s", s.Lang.Pick("缩短效果期（--within），或不给效果期，直接问下一次", "a shorter horizon (--within), or none: then the very next visit is asked about"))
	}
	all := cuts.All()
	if len(all) > 4 {
		all = all[len(all)-4:]
	}
	sets, err := s.eligibleAt(ctx, v, who, all, names)
	if err != nil {
		return t, "", nil, err
	}
	for i, c := range all {
		from := g.Gap.After(c, v.zone)
		l := nextitem.Lesson{Until: c, Queries: h.Within(c, from, g.Within.After(from, v.zone), sets[i], g.Fresh)}
		if i == len(all)-1 {
			t.Judge = l
			t.Final = append(slices.Clone(t.Learn[min(1, len(t.Learn)-1):]), l)
		} else {
			t.Learn = append(t.Learn, l)
			learned = append(learned, kequn.FormatZone(c, v.zone))
		}
	}
	return t, kequn.FormatZone(cuts.Judge, v.zone), learned, nil
}

// nextAsks makes lessons of a goal without a horizon.
type nextAsks struct {
	h         *nextitem.History
	v         *view
	g         plan.Goal
	first     kequn.Instant
	customers []bool
}

// at asks everybody at a cutoff what came with the next visit, as far as that was before to.
func (a *nextAsks) at(c kequn.Cutoff, to kequn.Instant) nextitem.Lesson {
	return nextitem.Lesson{Until: c, Queries: a.h.After(c, a.g.Gap.After(c, a.v.zone), to, a.customers, a.g.Fresh)}
}

// own asks each customer at the beginning of his last visits before a moment.
func (a *nextAsks) own(until kequn.Instant) nextitem.Lesson {
	return nextitem.Lesson{Until: until, Own: true, Queries: a.h.Visits(kequn.NoTime, until, 8, a.customers, a.g.Fresh)}
}

// The numbers of customers judged at a cutoff that are plenty, and that are enough.
const (
	plentyNext = 1000
	enoughNext = 80
	teachNext  = 3000 // customers × cutoffs that teach a ranker
)

// spacing returns how long before the asking cutoff the judging one lies: the least part of the history after which plenty of customers, or
// half of them, had come back; 0 where never enough did.
func (a *nextAsks) spacing(ask kequn.Cutoff, returning int) kequn.Instant {
	best, most := kequn.Instant(0), 0
	for _, part := range []kequn.Instant{64, 32, 16, 8, 5} {
		back := (ask - a.first) / part
		if back <= 0 {
			continue
		}
		n := len(a.at(ask-back, ask).Queries)
		if n >= plentyNext || n >= max(enoughNext, returning/2) {
			return back
		}
		if n > most {
			best, most = back, n
		}
	}
	if most < enoughNext {
		return 0
	}
	return best
}

func (a *nextAsks) few(l []nextitem.Lesson) bool {
	n := 0
	for _, x := range l {
		n += len(x.Queries)
	}
	return n < teachNext
}

func (s *Shop) notEnoughVisits(g plan.Goal) error {
	return kequn.Errorf(kequn.KindNotEnough, g.Name, "%s", s.Lang.Pick("没有客户来过两次，无从得知接下来是什么", "no customer came twice, so nothing shows what comes next")).
		WithHint("%s", s.Lang.Pick("加载更多历史", "more history"))
}

// nextLists makes the lists of every eligible customer, partition by partition.
func (s *Shop) nextLists(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, rows *valueRows, who *query.Node, fit *nextitem.Fit, actual bool) (*nextLists, error) {
	out := &nextLists{values: rows.values.Values(), base: map[string][][]int32{}}
	from, to := kequn.Instant(0), kequn.Instant(0)
	if actual {
		from, to = g.Gap.After(ask, v.zone), latestInstant
		if !g.Within.IsZero() {
			to = g.Within.After(from, v.zone)
		}
	}
	part := 0
	err := s.Engine.Stream(ctx, v.data, engine.Request{Cutoffs: []kequn.Cutoff{ask}, Zone: v.zone, Who: who, Threads: s.Threads}, func(p *engine.Panel) error {
		customers, past, future, err := rows.part(ctx, part, ask, from, to)
		part++
		if err != nil || p.NRows() == 0 {
			return err
		}
		at := make(map[string]int, customers.Len()) // looked up only
		for i := range customers.Len() {
			at[customers.String(i)] = i
		}
		h := &nextitem.History{}
		for i := range p.NRows() {
			name := strings.Clone(p.Customer.String(i))
			out.customer = append(out.customer, name)
			c, ok := at[name]
			if !ok {
				h.Add(nil, nil, nil, nil)
				if actual {
					out.relevant = append(out.relevant, nil)
				}
				continue
			}
			copyHistory(h, past, c)
			if actual {
				out.relevant = append(out.relevant, relevantOf(past, future, c, !g.Within.IsZero(), g.Fresh))
			}
		}
		orders := []string{fit.Chosen}
		if actual {
			for _, m := range fit.Scores {
				if m.Name != fit.Chosen {
					orders = append(orders, m.Name)
				}
			}
		}
		list, score, err := fit.Lists(ctx, h, orders...)
		if err != nil {
			return err
		}
		out.list, out.score = append(out.list, list[0]...), append(out.score, score[0]...)
		if actual {
			for k, name := range orders {
				out.base[name] = append(out.base[name], list[k]...)
			}
		}
		s.Progress(s.Lang.Pick("排名 ", "lists of ")+g.Name, int64(len(out.list)), 0)
		return nil
	})
	return out, err
}

func copyHistory(to, from *nextitem.History, c int) {
	lo, hi := from.Start[c], from.Start[c+1]
	var known []kequn.Instant
	if from.Known != nil {
		known = from.Known[lo:hi]
	}
	to.Add(from.Code[lo:hi], from.Time[lo:hi], known, from.Visit[lo:hi])
}

// relevantOf returns what came: everything in the window, or where there is none, what came with the first visit.
func relevantOf(past, future *nextitem.History, c int, whole, fresh bool) []int32 {
	lo, hi := future.Start[c], future.Start[c+1]
	var out []int32
	for r := lo; r < hi && (whole || future.Visit[r] == future.Visit[lo]); r++ {
		if !fresh || !slices.Contains(past.Code[past.Start[c]:past.Start[c+1]], future.Code[r]) {
			out = append(out, future.Code[r])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// nextHappened compares the lists with what came, among customers with something that came.
func (s *Shop) nextHappened(n *Next, fit *nextitem.Fit, l *nextLists) {
	var rows []int
	for i, r := range l.relevant {
		if len(r) > 0 {
			rows = append(rows, i)
		}
	}
	if len(rows) == 0 {
		return
	}
	pick := func(list [][]int32) [][]int32 {
		out := make([][]int32, len(rows))
		for k, i := range rows {
			out[k] = list[i]
		}
		return out
	}
	relevant := pick(l.relevant)
	for _, m := range fit.Scores {
		n.Happened = append(n.Happened, nextitem.Compare(m.Name, m.K, pick(l.base[m.Name]), relevant, pick(l.base[fit.Base]), fit.Base, len(l.values)))
	}
}

func (s *Shop) describeNext(v *view, g plan.Goal, ask kequn.Cutoff, rows *valueRows, fit *nextitem.Fit, l *nextLists, judged string, learned []string) *Prediction {
	n := &Next{Column: g.Next, Top: g.Top, Values: rows.values.Len(), Fresh: g.Fresh || fit.Never, Never: fit.Never, Models: fit.Scores, Seconds: fit.Seconds, Chosen: fit.Chosen,
		Simple: fit.Simple, Baseline: fit.Base, LearntOn: fit.Queries, Judged: judged, Family: fit.Learnt, Customers: len(l.customer)}
	for _, d := range fit.Drivers[:min(6, len(fit.Drivers))] {
		w := nextWords[d.Fact]
		n.Drivers = append(n.Drivers, NextDriver{d.Fact, d.Share, w[0], w[1]})
	}
	lead := make([]int, len(l.values))
	for _, list := range l.list {
		if len(list) > 0 {
			lead[list[0]]++
		}
	}
	order := make([]int, len(lead))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return lead[b] - lead[a] })
	for _, k := range order[:min(5, len(order))] {
		if lead[k] > 0 {
			n.Examples = append(n.Examples, NextValue{l.values[k], lead[k]})
		}
	}
	p := &Prediction{Goal: g, Name: g.Name, Question: Question(g, s.Lang), Task: g.Task(), Cutoff: kequn.FormatZone(ask, v.zone), Judged: judged, Learned: learned,
		Chosen: fit.Chosen, Simple: fit.Simple, Leaks: []Leak{}, Scored: len(l.customer), Rows: fit.Queries, Next: n, DataHash: v.fingerprint()}
	if p.Learned == nil {
		p.Learned = []string{}
	}
	p.WhyZH, p.WhyEN = nextWhy(n, kequn.Chinese), nextWhy(n, kequn.English)
	p.Why = s.Lang.Pick(p.WhyZH, p.WhyEN)
	p.Brief = p.Why
	return p
}

// nextNames are the orders in words.
var nextNames = map[string][2]string{ // looked up only
	nextitem.Popular: {"近期热门", "what is popular lately"},
	nextitem.Repeat:  {"客户自己最常有的", "what the customer had most often"},
	nextitem.Recent:  {"客户自己最近有的", "what the customer had last"},
	nextitem.Cooccur: {"与客户已有的常在一起或随后出现的", "what goes with, and follows, what the customer had"},
	nextitem.Ranker:  {"学习到的排序", "the learnt order"},
}

// nextWords are the facts in words.
var nextWords = map[string][2]string{ // looked up only
	"own_count": {"客户有过几次", "how often the customer had it"}, "own_share": {"占客户历次的比例", "share of the customer's visits that had it"},
	"own_rank": {"上次之后又有过几种别的", "how many others the customer had since"}, "own_days": {"距上次多少天", "days since the customer had it"},
	"own_due": {"距上次与平时间隔之比", "days since, over the customer's usual gap"}, "own_recent": {"最近几次里有过几次", "how often in the last few visits"},
	"own_lately": {"近期有过几次", "how often lately"}, "near_long": {"与客户已有的常在一起", "how much it goes with what the customer had"},
	"near_short": {"与客户最近的常在一起", "how much it goes with what the customer had last"}, "near_most": {"与最相近的一种有多近", "how near the nearest one is"},
	"near_place": {"在一起程度的名次", "place by how much it goes with the customer's"}, "follow": {"常跟在客户最近的之后", "how much it follows what the customer had last"},
	"follow_place": {"跟随程度的名次", "place by how much it follows"}, "popular": {"一直以来的热门程度", "how popular it is"}, "popular_lately": {"近期热门程度", "how popular it is lately"},
	"company": {"与客户已有的和最近的有多近", "how much it goes with and follows the customer's"}, "company_place": {"按此的名次", "place by how much it goes with and follows the customer's"},
	"popular_trend": {"热度在升还是在降", "whether it is becoming more popular"}, "repeat_rate": {"大家会不会再要", "how often people have it again"},
	"visits": {"客户来过几次", "how often the customer came"}, "kinds": {"客户有过几种", "how many kinds the customer had"},
	"repeats": {"客户重复的比例", "how often the customer repeats"}, "days": {"距客户上次来多少天", "days since the customer came"},
}

func nextWhy(n *Next, l kequn.Lang) string {
	name := func(x string) string { w := nextNames[x]; return l.Pick(w[0], w[1]) }
	var chosen, base nextitem.Score
	for _, m := range n.Models {
		if m.Name == n.Chosen {
			chosen = m
		}
		if m.Name == n.Baseline {
			base = m
		}
	}
	if chosen.Name == base.Name {
		return l.Pick(fmt.Sprintf("按“%s”排：在之后的 %d 位客户上，没有哪种排法比它好得超出偶然。前 %d 名命中率 %.1f%%。", name(n.Chosen), chosen.Queries, chosen.K, 100*chosen.HitRate.Mean),
			fmt.Sprintf("Ordered by %s: on %d later customers nothing was better than it by more than noise. %.1f %% find one of theirs among the first %d.", name(n.Chosen), chosen.Queries, 100*chosen.HitRate.Mean, chosen.K))
	}
	return l.Pick(fmt.Sprintf("按“%s”排：在之后的 %d 位客户上，前 %d 名命中率 %.1f%%，最好的简单排法（%s）为 %.1f%%；NDCG 高 %.4f（95%% 区间 %.4f 至 %.4f）。", name(n.Chosen), chosen.Queries, chosen.K, 100*chosen.HitRate.Mean, name(n.Baseline), 100*base.HitRate.Mean, chosen.Gain.Mean, chosen.Gain.Low, chosen.Gain.High),
		fmt.Sprintf("Ordered by %s: of %d later customers %.1f %% find one of theirs among the first %d, against %.1f %% by the best simple order (%s); NDCG is higher by %.4f (95 %% interval %.4f to %.4f).", name(n.Chosen), chosen.Queries, 100*chosen.HitRate.Mean, chosen.K, 100*base.HitRate.Mean, name(n.Baseline), chosen.Gain.Mean, chosen.Gain.Low, chosen.Gain.High))
}

// writeLists writes customer,rank,value,score, customers sorted.
func writeLists(path string, l *nextLists) error {
	order := make([]int, len(l.customer))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(l.customer[a], l.customer[b]) })
	return writeFile(path, func(w *csv.Writer) error {
		if err := w.Write([]string{"customer", "rank", "value", "score"}); err != nil {
			return err
		}
		for _, i := range order {
			for k, v := range l.list[i] {
				if err := w.Write([]string{l.customer[i], strconv.Itoa(k + 1), l.values[v], strconv.FormatFloat(l.score[i][k], 'g', -1, 64)}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *Shop) backtestNext(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags) (*Prediction, error) {
	p, lists, err := s.nextGoal(ctx, v, g, ask, f, true)
	if err != nil {
		return nil, err
	}
	return p, p.write(f.Out, func(path string) error { return writeLists(path, lists) })
}

// nextDoc is what is kept of a "next" goal: what [goalDoc] has, and the lists.
type nextDoc struct {
	Ask      kequn.Cutoff `json:"ask"`
	Customer []string     `json:"customers"`
	Values   []string     `json:"values"`
	Lists    [][]int32    `json:"lists"`
	Scores   [][]float32  `json:"scores"`
}

func (s *Shop) predictNext(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags) (*Prediction, error) {
	p, lists, err := s.nextGoal(ctx, v, g, ask, f, false)
	if err != nil {
		return nil, err
	}
	if err := p.write(f.Out, func(path string) error { return writeLists(path, lists) }); err != nil {
		return nil, err
	}
	tx, err := s.ws.Begin(ctx, "predict "+p.Name)
	if err != nil {
		return nil, err
	}
	defer tx.Abort()
	doc := nextDoc{Ask: ask, Customer: lists.customer, Values: lists.values, Lists: lists.list, Scores: make([][]float32, len(lists.score))}
	for i, sc := range lists.score {
		doc.Scores[i] = make([]float32, len(sc))
		for k, x := range sc {
			if !math.IsNaN(x) {
				doc.Scores[i][k] = float32(x)
			}
		}
	}
	if err := putDoc(tx, "goal."+p.Name, goalDoc{Prediction: p, Goal: g, WhyZH: p.WhyZH, WhyEN: p.WhyEN, Ask: ask}); err != nil {
		return nil, err
	}
	if err := putDoc(tx, "lists."+p.Name, doc); err != nil {
		return nil, err
	}
	return p, tx.Commit()
}

// nextQuestion says a "next" goal in words.
func nextQuestion(g plan.Goal, l kequn.Lang) string {
	what := g.Next
	if g.Within.IsZero() {
		return l.Pick(fmt.Sprintf("客户接下来会有哪些 %s%s？", what, fresh(g, l)), fmt.Sprintf("Which %s%s come next?", what, fresh(g, l)))
	}
	when := l.Pick(spanWords(g.Within, l)+"内", "within "+spanWords(g.Within, l))
	if !g.Gap.IsZero() {
		when = l.Pick(spanWords(g.Gap, l)+"之后的 "+spanWords(g.Within, l)+"内", when+", beginning "+spanWords(g.Gap, l)+" from now")
	}
	return l.Pick(fmt.Sprintf("未来 %s客户会有哪些 %s%s？", when, what, fresh(g, l)), fmt.Sprintf("Which %s%s come next %s?", what, fresh(g, l), when))
}

func fresh(g plan.Goal, l kequn.Lang) string {
	if !g.Fresh {
		return ""
	}
	return l.Pick("（客户未有过的）", " that the customer has not had")
}
