package nextitem

import (
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
)

const (
	nBins       = 24     // time is cut into so many stretches, so that popularity at an earlier moment is known without the later rows
	recentBins  = 3      // popularity "lately" is of so many stretches: an eighth of the history
	nNeighbours = 64     // values kept that go with, or follow, another one
	maxPaired   = 20_000 // only the most popular values have neighbours; rarer ones have too few rows to tell
	maxDense    = 2_048  // up to so many values, pairs are counted in a square
	maxPairs    = 1 << 23
	maxRecent   = 60 // distinct values of a customer that are paired with each other, the latest
	maxBasket   = 8  // values of one visit that are paired with those of the next ones
	nextVisits  = 2  // how many visits further "follows" looks
)

// stats is what everybody's rows before a moment say about values.
type stats struct {
	until  kequn.Instant
	first  kequn.Instant
	width  float64
	cum    []float32 // (value, nBins+1): visits with the value before each stretch
	total  [nBins + 1]float64
	again  []float32 // share of customers with the value who had it again
	near   neighbours
	follow neighbours
	top    [nBins + 1][]int32 // most popular values lately, before each stretch
}

// neighbours are, per value, up to nNeighbours others with a weight, heaviest first.
type neighbours struct {
	start  []int32
	code   []int32
	weight []float32
}

func (n *neighbours) of(code int32) ([]int32, []float32) {
	if int(code)+1 >= len(n.start) {
		return nil, nil
	}
	a, b := n.start[code], n.start[code+1]
	return n.code[a:b], n.weight[a:b]
}

// nothing is the fold that leaves nobody out.
const nothing = -1

// foldOf returns the fold of a customer, by hash.
func foldOf(customer int32, folds int, seed uint64) int {
	return int(kernel.Mix(seed^uint64(customer)*0x9e3779b97f4a7c15) % uint64(folds))
}

// gather counts rows before until of customers outside the fold. Weights of pairs halve with every half of the history's length.
//
// Time is O(customers·maxRecent² + visits·maxBasket²), memory 4·(nBins+1) bytes per value and at most 100 MB for pairs.
func gather(h *History, nValues int, until kequn.Instant, fold, folds int, seed uint64, popular int) *stats {
	s := &stats{until: until, first: until}
	for c := range int32(h.NCustomers()) {
		if lo := h.Start[c]; lo < h.Start[c+1] {
			s.first = min(s.first, h.Time[lo])
		}
	}
	s.width = math.Max(1, float64(until-s.first)/nBins)
	s.cum = make([]float32, nValues*(nBins+1))
	buyers, repeats := make([]int32, nValues), make([]int32, nValues)
	seen := make([]int32, nValues) // customer + 1, negative once counted as repeated
	for c := range int32(h.NCustomers()) {
		if fold != nothing && foldOf(c, folds, seed) == fold {
			continue
		}
		lo, hi := h.before(c, until)
		for r := lo; r < hi; r++ {
			if !h.known(r, until) {
				continue
			}
			v := h.Code[r]
			s.cum[int(v)*(nBins+1)+s.bin(h.Time[r])+1]++
			switch seen[v] {
			case c + 1:
				seen[v] = -(c + 1)
				repeats[v]++
			case -(c + 1):
			default:
				seen[v] = c + 1
				buyers[v]++
			}
		}
	}
	s.again = make([]float32, nValues)
	all := make([]float64, nValues)
	for v := range nValues {
		row := s.cum[v*(nBins+1) : (v+1)*(nBins+1)]
		for b := 1; b <= nBins; b++ {
			row[b] += row[b-1]
			s.total[b] += float64(row[b])
		}
		all[v] = float64(row[nBins])
		s.again[v] = (float32(repeats[v]) + 0.5) / (float32(buyers[v]) + 2)
	}
	for b := range s.top {
		s.top[b] = s.popular(b, popular)
	}
	s.pair(h, all, fold, folds, seed)
	return s
}

// bin returns the stretch that a moment lies in.
func (s *stats) bin(t kequn.Instant) int {
	return max(0, min(nBins-1, int(float64(t-s.first)/s.width)))
}

// before returns how many stretches lie wholly before the moment.
func (s *stats) before(t kequn.Instant) int {
	return max(0, min(nBins, int(float64(t-s.first)/s.width)))
}

// lately returns the visits with a value in the last stretches before stretch b.
func (s *stats) lately(v int32, b int) float64 {
	row := s.cum[int(v)*(nBins+1):]
	return float64(row[b] - row[max(0, b-recentBins)])
}

// popular returns the most popular values lately before stretch b, those of all time where lately says nothing.
func (s *stats) popular(b, n int) []int32 {
	score := make([]float64, len(s.again))
	for v := range score {
		all := float64(s.cum[v*(nBins+1)+b])
		score[v] = s.lately(int32(v), b) + 1e-3*all/math.Max(1, s.total[b])
		if b == 0 {
			score[v] = float64(s.cum[v*(nBins+1)+1]) // before the first stretch nothing is known: take its own
		}
	}
	return best(score, nil, n)
}

// best returns the positions (or codes) of the n highest positive scores, highest first, ties by code.
func best(score []float64, code []int32, n int) []int32 {
	at := func(i int32) int32 {
		if code == nil {
			return i
		}
		return code[i]
	}
	less := func(a, b int32) bool { // a is worse than b
		if score[a] != score[b] {
			return score[a] < score[b]
		}
		return at(a) > at(b)
	}
	heap := make([]int32, 0, n)
	sink := func(i int) {
		for {
			k := 2*i + 1
			if k >= len(heap) {
				return
			}
			if k+1 < len(heap) && less(heap[k+1], heap[k]) {
				k++
			}
			if !less(heap[k], heap[i]) {
				return
			}
			heap[i], heap[k] = heap[k], heap[i]
			i = k
		}
	}
	for i := range int32(len(score)) {
		if !(score[i] > 0) || n == 0 {
			continue
		}
		if len(heap) < n {
			heap = append(heap, i)
			if len(heap) == n {
				for k := n/2 - 1; k >= 0; k-- {
					sink(k)
				}
			}
		} else if less(heap[0], i) {
			heap[0] = i
			sink(0)
		}
	}
	slices.SortFunc(heap, func(a, b int32) int {
		if less(b, a) {
			return -1
		}
		return 1
	})
	return heap
}

// pair counts which values go together in one customer's latest ones, and which follow which.
//
//	near(i, j)   = Σ over customers w·1/ln(2+k) / (√(nᵢ·nⱼ) + 10),  k the customer's distinct values, w halving with age
//	follow(i, j) = Σ over visits w·½^(d−1) / (nᵢ + 10),             d = 1 for the next visit
//
// The 10 takes the weight from pairs that were seen a few times only.
func (s *stats) pair(h *History, all []float64, fold, folds int, seed uint64) {
	const shrink = 10
	nValues := len(all)
	paired := make([]bool, nValues)
	for _, v := range best(all, nil, maxPaired) {
		paired[v] = true
	}
	near, follow := newPairs(nValues), newPairs(nValues)
	half := math.Max(1, float64(s.until-s.first)/2)
	decay := func(t kequn.Instant) float32 { return float32(math.Exp2(-float64(s.until-t) / half)) }
	mark := make([]int32, nValues)
	var own []int32
	var age []kequn.Instant
	var visits [][]int32
	count := make([]float64, nValues) // weight of values as the former of a pair that follows
	norm := make([]float64, nValues)  // weight of values among the latest
	for c := range int32(h.NCustomers()) {
		if fold != nothing && foldOf(c, folds, seed) == fold {
			continue
		}
		lo, hi := h.before(c, s.until)
		own, age, visits = own[:0], age[:0], visits[:0]
		for r := hi - 1; r >= lo && len(own) < maxRecent; r-- {
			v := h.Code[r]
			if paired[v] && mark[v] != c+1 && h.known(r, s.until) {
				mark[v] = c + 1
				own, age = append(own, v), append(age, h.Time[r])
			}
		}
		w := float32(1 / math.Log(2+float64(len(own))))
		for a := range own {
			wa := w * decay(age[a])
			norm[own[a]] += float64(wa)
			for b := a + 1; b < len(own); b++ {
				near.add(min(own[a], own[b]), max(own[a], own[b]), wa)
			}
		}
		for r := max(lo, hi-5*maxRecent); r < hi; { // long histories: their end says most
			end := r + 1
			for end < hi && h.Visit[end] == h.Visit[r] {
				end++
			}
			basket := s.basket(h, r, end, paired, seed)
			wt := decay(h.Time[r])
			for back := 1; back <= min(nextVisits, len(visits)); back++ {
				wb := wt
				for range back - 1 {
					wb /= 2
				}
				for _, i := range visits[len(visits)-back] {
					for _, j := range basket {
						if i != j {
							follow.add(i, j, wb)
						}
					}
				}
			}
			if len(basket) > 0 {
				for _, i := range basket {
					count[i] += float64(wt)
				}
				visits = append(visits, basket)
			}
			r = end
		}
	}
	s.near = near.lists(nValues, true, func(i, j int32, w float32) float32 {
		return w / float32(math.Sqrt(norm[i]*norm[j])+shrink/4)
	})
	s.follow = follow.lists(nValues, false, func(i, _ int32, w float32) float32 { return w / float32(count[i]+shrink) })
}

// basket returns the paired values of one visit, of a large one a draw by hash.
func (s *stats) basket(h *History, lo, hi int32, paired []bool, seed uint64) []int32 {
	var out []int32
	for r := lo; r < hi; r++ {
		if paired[h.Code[r]] && h.known(r, s.until) {
			out = append(out, h.Code[r])
		}
	}
	if len(out) > maxBasket {
		key := func(v int32) uint64 { return kernel.Mix(seed ^ uint64(v)*0x9e3779b97f4a7c15 ^ uint64(h.Time[lo])) }
		slices.SortFunc(out, func(a, b int32) int {
			if key(a) < key(b) {
				return -1
			}
			return 1
		})
		out = out[:maxBasket]
	}
	return out
}

// pairs counts pairs of values: in a square where there are few values, else in a table whose lightest half is dropped when it is full.
type pairs struct {
	n     int
	dense []float32
	key   []uint64 // i<<32 | j, plus one; 0 is empty
	val   []float32
	used  int
}

func newPairs(n int) *pairs {
	if n <= maxDense {
		return &pairs{n: n, dense: make([]float32, n*n)}
	}
	return &pairs{n: n, key: make([]uint64, 1<<16), val: make([]float32, 1<<16)}
}

func (p *pairs) add(i, j int32, w float32) {
	if p.dense != nil {
		p.dense[int(i)*p.n+int(j)] += w
		return
	}
	p.put(uint64(i)<<32|uint64(uint32(j))+1, w)
	if p.used*10 > len(p.key)*7 {
		p.grow()
	}
}

func (p *pairs) put(key uint64, w float32) {
	mask := uint64(len(p.key) - 1)
	for at := kernel.Mix(key) & mask; ; at = (at + 1) & mask {
		switch p.key[at] {
		case key:
			p.val[at] += w
			return
		case 0:
			p.key[at], p.val[at] = key, w
			p.used++
			return
		}
	}
}

func (p *pairs) grow() {
	key, val := p.key, p.val
	size, least := 2*len(key), float32(0)
	if size > maxPairs {
		size = len(key)
		sample := make([]float32, 0, 4096)
		for i := 0; i < len(key) && len(sample) < cap(sample); i += 1 + len(key)/cap(sample) {
			if key[i] != 0 {
				sample = append(sample, val[i])
			}
		}
		slices.Sort(sample)
		least = sample[len(sample)/2]
	}
	p.key, p.val, p.used = make([]uint64, size), make([]float32, size), 0
	for i, k := range key {
		if k != 0 && (least == 0 || val[i] > least) {
			p.put(k, val[i])
		}
	}
}

// each calls f for every pair, in order of i and j.
func (p *pairs) each(f func(i, j int32, w float32)) {
	if p.dense != nil {
		for i := range p.n {
			for j, w := range p.dense[i*p.n : (i+1)*p.n] {
				if w > 0 {
					f(int32(i), int32(j), w)
				}
			}
		}
		return
	}
	order := make([]int32, 0, p.used)
	for i, k := range p.key {
		if k != 0 {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		if p.key[a] < p.key[b] {
			return -1
		}
		return 1
	})
	for _, at := range order {
		k := p.key[at] - 1
		f(int32(k>>32), int32(uint32(k)), p.val[at])
	}
}

// lists keeps each value's heaviest neighbours. both enters a pair at either end.
func (p *pairs) lists(n int, both bool, weigh func(i, j int32, w float32) float32) neighbours {
	size := make([]int32, n+1)
	p.each(func(i, j int32, _ float32) {
		size[i]++
		if both {
			size[j]++
		}
	})
	at := make([]int32, n+1)
	for v, total := 0, int32(0); v <= n; v++ {
		at[v] = total
		total += size[v]
	}
	code, weight := make([]int32, at[n]), make([]float64, at[n])
	fill := slices.Clone(at)
	p.each(func(i, j int32, w float32) {
		x := float64(weigh(i, j, w))
		code[fill[i]], weight[fill[i]] = j, x
		fill[i]++
		if both {
			code[fill[j]], weight[fill[j]] = i, x
			fill[j]++
		}
	})
	out := neighbours{start: make([]int32, n+1)}
	for v := range n {
		lo, hi := at[v], at[v+1]
		for _, k := range best(weight[lo:hi], code[lo:hi], nNeighbours) {
			out.code, out.weight = append(out.code, code[lo+k]), append(out.weight, float32(weight[lo+k]))
		}
		out.start[v+1] = int32(len(out.code))
	}
	return out
}
