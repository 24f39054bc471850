package nextitem

import (
	"math"
	"slices"

	"kequn"
)

// The facts of a candidate, in the order of the ranker's columns.
const (
	ownCount   = iota // visits in which the customer had it, log
	ownShare          // share of the customer's visits
	ownRank           // how many other values the customer had since; missing where never had
	ownDays           // days since last had
	ownDue            // days since last had over the customer's mean gap of it
	ownRecent         // visits with it, each counting half as much as one five visits later
	ownLately         // the same by time: half as much per eighth of everybody's history
	nearLong          // company: how much it goes with the customer's latest values
	nearShort         // with the very latest
	nearMost          // with the closest one of them
	nearPlace         // place among the candidates by nearLong
	followAll         // how much it follows the customer's latest values
	followRank        // place among the candidates by followAll
	blend             // near and follow together, each over its most among the candidates
	blendPlace        // place by that
	popAll            // share of all visits' values, log
	popLately         // share lately, log
	popTrend          // lately over all time, log
	popRepeat         // share of customers with it who had it again
	whoVisits         // the customer's visits, log
	whoKinds          // different values, log
	whoRepeats        // share of the customer's values that were had before
	whoDays           // days since the customer's last visit
	nFacts
)

// FactNames are the ranker's columns.
var FactNames = [nFacts]string{"own_count", "own_share", "own_rank", "own_days", "own_due", "own_recent", "own_lately", "near_long", "near_short", "near_most",
	"near_place", "follow", "follow_place", "company", "company_place", "popular", "popular_lately", "popular_trend", "repeat_rate", "visits", "kinds", "repeats", "days"}

// How many candidates each source gives, and how far it looks back.
const (
	fromOwn    = 120
	fromNear   = 80
	fromFollow = 60
	latest     = 100  // of the customer's distinct values, for company
	latestNext = 12   // for what follows
	rowsBack   = 4000 // of one customer
)

// had is a value that the customer had.
type had struct {
	code        int32
	visits      int32
	rank        int32
	first, last kequn.Instant
	recent      float64
	lately      float64
}

// pool finds candidates; it is scratch memory of one goroutine.
type pool struct {
	h       *History
	nValues int
	fresh   bool

	own    []had
	slot   []int32 // value → 1 + place in own, 0 none
	code   []int32 // candidates
	place  []int32 // value → 1 + place in touched, 0 none
	fact   []float32
	touch  []int32
	near   []float64
	short  []float64
	most   []float64
	follow []float64
	mark   []bool // by place: is a candidate
}

func newPool(h *History, nValues int, fresh bool) *pool {
	return &pool{h: h, nValues: nValues, fresh: fresh, slot: make([]int32, nValues), place: make([]int32, nValues)}
}

// find fills the candidates and their facts for a customer at a moment. Candidates are in the order of their codes.
func (p *pool) find(s *stats, customer int32, at kequn.Instant) {
	p.reset()
	h := p.h
	lo, hi := h.before(customer, at)
	lo = max(lo, hi-rowsBack)
	halfTime := math.Max(1, float64(s.until-s.first)/8)
	visits, again, last := 0, 0, kequn.NoTime
	lastVisit := int32(-1)
	for r := hi - 1; r >= lo; r-- {
		if !h.known(r, at) {
			continue
		}
		if last == kequn.NoTime {
			last = h.Time[r]
		}
		if h.Visit[r] != lastVisit {
			lastVisit = h.Visit[r]
			visits++
		}
		v := h.Code[r]
		k := p.slot[v]
		if k == 0 {
			p.own = append(p.own, had{code: v, rank: int32(len(p.own)), last: h.Time[r]})
			k = int32(len(p.own))
			p.slot[v] = k
		} else {
			again++
		}
		o := &p.own[k-1]
		o.visits++
		o.first = h.Time[r]
		o.recent += math.Exp2(-float64(visits-1) / 5)
		o.lately += math.Exp2(-float64(at-h.Time[r]) / halfTime)
	}
	for r := range p.own[:min(len(p.own), latest)] {
		code, weight := s.near.of(p.own[r].code)
		long, short := 1/math.Pow(1+float64(r), 0.4), math.Pow(0.75, float64(r))
		for k, v := range code {
			t := p.reach(v)
			w := float64(weight[k])
			p.near[t] += w * long
			p.short[t] += w * short
			p.most[t] = math.Max(p.most[t], w)
		}
	}
	for r := range p.own[:min(len(p.own), latestNext)] {
		code, weight := s.follow.of(p.own[r].code)
		w := math.Pow(0.7, float64(r))
		for k, v := range code {
			p.follow[p.reach(v)] += float64(weight[k]) * w
		}
	}
	bin := s.before(at)
	for _, v := range s.top[bin] {
		p.mark[p.reach(v)] = true
	}
	for _, t := range best(p.near, p.touch, fromNear) {
		p.mark[t] = true
	}
	for _, t := range best(p.follow, p.touch, fromFollow) {
		p.mark[t] = true
	}
	if !p.fresh {
		habit := make([]float64, len(p.own))
		for k := range p.own {
			habit[k] = p.own[k].recent + 1/(1+float64(p.own[k].rank))
		}
		for _, k := range best(habit, nil, fromOwn) {
			p.mark[p.reach(p.own[k].code)] = true
		}
	}
	for t, v := range p.touch {
		if p.mark[t] && !(p.fresh && p.slot[v] > 0) {
			p.code = append(p.code, v)
		}
	}
	slices.Sort(p.code)
	p.facts(s, at, bin, visits, again, last)
}

func (p *pool) reset() {
	for _, o := range p.own {
		p.slot[o.code] = 0
	}
	for _, v := range p.touch {
		p.place[v] = 0
	}
	p.own, p.code, p.touch, p.near, p.short, p.most, p.follow, p.mark = p.own[:0], p.code[:0], p.touch[:0], p.near[:0], p.short[:0], p.most[:0], p.follow[:0], p.mark[:0]
}

// reach returns the value's place among those touched.
func (p *pool) reach(v int32) int32 {
	if p.place[v] == 0 {
		p.touch = append(p.touch, v)
		p.near, p.short, p.most, p.follow, p.mark = append(p.near, 0), append(p.short, 0), append(p.most, 0), append(p.follow, 0), append(p.mark, false)
		p.place[v] = int32(len(p.touch))
	}
	return p.place[v] - 1
}

const dayMicros = 24 * 3600 * 1e6

func (p *pool) facts(s *stats, at kequn.Instant, bin, visits, again int, last kequn.Instant) {
	n := len(p.code)
	p.fact = slices.Grow(p.fact[:0], n*nFacts)[:n*nFacts]
	missing := float32(math.NaN())
	log := func(x float64) float32 { return float32(math.Log1p(x)) }
	all, lately := math.Max(1, s.total[bin]), math.Max(1, s.total[bin]-s.total[max(0, bin-recentBins)])
	rows := 0
	for _, o := range p.own {
		rows += int(o.visits)
	}
	for k, v := range p.code {
		f := p.fact[k*nFacts : (k+1)*nFacts]
		clear(f)
		f[ownRank], f[ownDays], f[ownDue] = missing, missing, missing
		if t := p.slot[v]; t > 0 {
			o := &p.own[t-1]
			f[ownCount], f[ownShare] = log(float64(o.visits)), float32(float64(o.visits)/math.Max(1, float64(visits)))
			f[ownRank], f[ownDays] = float32(o.rank), float32(float64(at-o.last)/dayMicros)
			if o.visits > 1 && o.last > o.first {
				f[ownDue] = float32(float64(at-o.last) * float64(o.visits-1) / float64(o.last-o.first))
			}
			f[ownRecent], f[ownLately] = float32(o.recent), float32(o.lately)
		}
		if t := p.place[v]; t > 0 {
			f[nearLong], f[nearShort], f[nearMost], f[followAll] = float32(p.near[t-1]), float32(p.short[t-1]), float32(p.most[t-1]), float32(p.follow[t-1])
		}
		ever, now := float64(s.cum[int(v)*(nBins+1)+bin]), s.lately(v, bin)
		f[popAll], f[popLately] = log(1e4*ever/all), log(1e4*now/lately)
		f[popTrend] = f[popLately] - f[popAll]
		f[popRepeat] = s.again[v]
		f[whoVisits], f[whoKinds] = log(float64(visits)), log(float64(len(p.own)))
		f[whoRepeats] = float32(float64(again) / math.Max(1, float64(rows)))
		f[whoDays] = missing
		if last != kequn.NoTime {
			f[whoDays] = float32(float64(at-last) / dayMicros)
		}
	}
	mostNear, mostFollow := float32(1e-12), float32(1e-12)
	for k := range p.code {
		mostNear, mostFollow = max(mostNear, p.fact[k*nFacts+nearLong]), max(mostFollow, p.fact[k*nFacts+followAll])
	}
	for k := range p.code {
		f := p.fact[k*nFacts : (k+1)*nFacts]
		f[blend] = f[nearLong]/mostNear + f[followAll]/mostFollow
	}
	p.ranks(blend, blendPlace)
	p.ranks(nearLong, nearPlace)
	p.ranks(followAll, followRank)
}

// ranks writes each candidate's place by a fact.
func (p *pool) ranks(by, to int) {
	score := make([]float64, len(p.code))
	for k := range score {
		score[k] = float64(p.fact[k*nFacts+by])
		p.fact[k*nFacts+to] = float32(len(p.code))
	}
	for place, k := range best(score, p.code, len(score)) {
		p.fact[int(k)*nFacts+to] = float32(place)
	}
}
