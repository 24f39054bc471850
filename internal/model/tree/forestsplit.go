package tree

import (
	"math/bits"
)

// The search of a question counts a node's rows by bin, for four columns in one pass, and then looks at the bins that have rows. In
// a small node few have: then a bit per bin notes which, and nothing is ever sorted or cleared but these.
//
//	hist       Σ packed(row)        by column and bin
//	occupied   bins that have rows  where the node is small
//
// A packed number holds draws and Σ draws·y of whole numbers in one word, so that one addition counts both, and no order of rows
// changes the sum.

const (
	lanes = 4   // columns counted in one pass
	few   = 192 // rows up to which only occupied bins are looked at
)

// question is the best one found for a node.
type question struct {
	col         int32
	cut         uint8
	missingLeft bool
	gain        float64 // how much the squared (classes: Gini) loss of the draws falls
}

// ask returns the best question of the columns that the node draws. Its gain is 0 where there is none.
func (g *thicket) ask(rows []int32, depth int) (best question) {
	if len(rows) < 2 || depth >= g.l.MaxDepth {
		return best
	}
	s := search{thicket: g, rows: rows}
	if g.classes != nil {
		if !s.countAll() {
			return best
		}
	} else {
		for _, e := range rows {
			s.total += g.value[e]
		}
		s.n, s.sum = unpack(s.total)
		if g.class != nil && (s.sum == 0 || s.sum == s.n) {
			return best
		}
		s.whole = s.sum * s.sum / s.n
	}
	if s.n < 2*g.l.MinLeaf {
		return best
	}
	s.whole += s.whole*1e-10 + 1e-12 // what rounding may make up is no gain
	// Where none of the columns drawn has a question, more are drawn.
	for at := 0; at < len(g.columns) && (at < g.nTry || s.best.gain == 0); {
		k := 1
		if at < g.nTry {
			k = min(lanes, g.nTry-at)
		}
		for i := at; i < at+k; i++ {
			j := i + g.random.Intn(len(g.columns)-i)
			g.columns[i], g.columns[j] = g.columns[j], g.columns[i]
		}
		cols := g.columns[at : at+k]
		at += k
		if g.classes != nil {
			for _, c := range cols {
				s.classesOf(c)
			}
			continue
		}
		g.count(rows, cols)
		for lane, c := range cols {
			if g.l.Extra {
				s.guess(lane, c)
			} else {
				s.scan(lane, c)
			}
		}
	}
	return s.best
}

// count adds the rows to the histograms of at most four columns.
func (g *thicket) count(rows, cols []int32) {
	n := g.nCols
	if len(rows) <= few {
		for lane, c := range cols {
			h, occupied, cells := &g.hist[lane], &g.occupied[lane], g.cells[c:]
			for _, e := range rows {
				b := cells[int(e)*n]
				h[b] += g.value[e]
				occupied[b>>6] |= 1 << (b & 63)
			}
		}
		return
	}
	if len(cols) == lanes {
		h0, h1, h2, h3 := &g.hist[0], &g.hist[1], &g.hist[2], &g.hist[3]
		c0, c1, c2, c3 := int(cols[0]), int(cols[1]), int(cols[2]), int(cols[3])
		for _, e := range rows {
			x := g.cells[int(e)*n:][:n]
			v := g.value[e]
			h0[x[c0]] += v
			h1[x[c1]] += v
			h2[x[c2]] += v
			h3[x[c3]] += v
		}
		return
	}
	for lane, c := range cols {
		h, cells := &g.hist[lane], g.cells[c:]
		for _, e := range rows {
			h[cells[int(e)*n]] += g.value[e]
		}
	}
}

// search is the search of one node.
type search struct {
	*thicket
	rows  []int32
	total int64   // packed
	n     float64 // draws
	sum   float64 // Σ draws·y
	whole float64 // sum²/n, a little more; classes: Σ_c n_c²/n
	best  question
}

// scan looks for the best cut of a counted column and clears its histogram.
func (s *search) scan(lane int, c int32) {
	h := &s.hist[lane]
	missing := s.cuts[c].NBins
	none := h[missing]
	h[missing] = 0
	var left int64
	prev := -1
	if len(s.rows) <= few {
		occupied := &s.occupied[lane]
		occupied[missing>>6] &^= 1 << (missing & 63)
		for w := range occupied {
			for occupied[w] != 0 {
				b := w<<6 | bits.TrailingZeros64(occupied[w])
				occupied[w] &= occupied[w] - 1
				if prev >= 0 {
					s.try(c, left, none, prev, b)
				}
				left += h[b]
				h[b] = 0
				prev = b
			}
		}
	} else {
		for b, v := range h[:missing] {
			if v == 0 {
				continue
			}
			if prev >= 0 {
				s.try(c, left, none, prev, b)
			}
			left += v
			h[b] = 0
			prev = b
		}
	}
	if none != 0 && prev >= 0 {
		s.judge(c, left, missing-1, false, false)
	}
}

// guess asks for one border of a counted column, drawn evenly between the least and the largest bin that has rows, and clears its
// histogram.
func (s *search) guess(lane int, c int32) {
	h := &s.hist[lane]
	missing := s.cuts[c].NBins
	none := h[missing]
	h[missing] = 0
	lo, hi := 0, missing-1
	if len(s.rows) <= few {
		occupied := &s.occupied[lane]
		occupied[missing>>6] &^= 1 << (missing & 63)
		for w := len(occupied) - 1; w >= 0; w-- {
			if occupied[w] != 0 {
				lo = w<<6 | bits.TrailingZeros64(occupied[w])
			}
		}
		for w := range occupied {
			if occupied[w] != 0 {
				hi = w<<6 + bits.Len64(occupied[w]) - 1
			}
		}
		*occupied = [4]uint64{}
	}
	for lo < hi && h[lo] == 0 {
		lo++
	}
	for hi > lo && h[hi] == 0 {
		hi--
	}
	if lo < hi {
		cut := lo + s.random.Intn(hi-lo)
		left := int64(0)
		for _, v := range h[lo : cut+1] {
			left += v
		}
		s.judge(c, left, cut, false, none == 0)
		if none != 0 {
			s.judge(c, left+none, cut, true, false)
		}
	}
	if none != 0 && h[lo] != 0 {
		left := int64(0)
		for _, v := range h[lo : hi+1] {
			left += v
		}
		s.judge(c, left, missing-1, false, false)
	}
	if missing > 0 {
		clear(h[lo : hi+1])
	}
}

// try asks for a border between two neighbouring bins that have rows: half-way, since nobody knows where between them it belongs.
func (s *search) try(c int32, left, none int64, prev, next int) {
	cut := (prev + next - 1) / 2
	s.judge(c, left, cut, false, none == 0)
	if none != 0 {
		s.judge(c, left+none, cut, true, false)
	}
}

// judge keeps the question if it is better. Where no row of the node is missing, missing values will go with the most.
func (s *search) judge(c int32, left int64, cut int, missingLeft, neverMissing bool) {
	n, sum := unpack(left)
	m, rest := s.n-n, s.sum-sum
	if n < s.l.MinLeaf || m < s.l.MinLeaf {
		return
	}
	gain := (sum*sum*m+rest*rest*n)/(n*m) - s.whole
	if gain > s.best.gain {
		s.best = question{col: c, cut: uint8(cut), missingLeft: missingLeft || neverMissing && n >= m, gain: gain}
	}
}

// countAll counts the classes of the node; it tells whether there are two.
func (s *search) countAll() bool {
	all := s.tally[0]
	clear(all)
	for _, e := range s.rows {
		all[s.class[e]] += int64(s.times[e])
	}
	nClasses := 0
	for _, n := range all {
		s.n += float64(n)
		if n > 0 {
			nClasses++
		}
	}
	s.whole = squares(all) / s.n
	return nClasses > 1
}

func squares(v []int64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}

// classesOf looks for the best cut of a column where there are several classes.
func (s *search) classesOf(c int32) {
	k := s.k
	var occupied [4]uint64
	cells := s.cells[c:]
	for _, e := range s.rows {
		b := cells[int(e)*s.nCols]
		s.classes[int(b)*k+int(s.class[e])] += s.times[e]
		occupied[b>>6] |= 1 << (b & 63)
	}
	missing := s.cuts[c].NBins
	left, right := s.tally[1], s.tally[2]
	none := s.classes[missing*k : missing*k+k]
	sometimes := occupied[missing>>6]>>(missing&63)&1 != 0
	occupied[missing>>6] &^= 1 << (missing & 63)
	clear(left)
	prev, seen := -1, occupied
	judge := func(cut int, missingLeft bool) {
		n := 0.0
		for i, v := range left {
			if missingLeft {
				v += int64(none[i])
				left[i] = v
			}
			right[i] = s.tally[0][i] - v
			n += float64(v)
		}
		m := s.n - n
		if n >= s.l.MinLeaf && m >= s.l.MinLeaf {
			if gain := squares(left)/n + squares(right)/m - s.whole; gain > s.best.gain {
				s.best = question{col: c, cut: uint8(cut), missingLeft: missingLeft || !sometimes && n >= m, gain: gain}
			}
		}
		if missingLeft {
			for i := range left {
				left[i] -= int64(none[i])
			}
		}
	}
	for w := range occupied {
		for ; occupied[w] != 0; occupied[w] &= occupied[w] - 1 {
			b := w<<6 | bits.TrailingZeros64(occupied[w])
			if prev >= 0 {
				judge((prev+b-1)/2, false)
				if sometimes {
					judge((prev+b-1)/2, true)
				}
			}
			for i, v := range s.classes[b*k : b*k+k] {
				left[i] += int64(v)
			}
			prev = b
		}
	}
	if sometimes && prev >= 0 {
		judge(missing-1, false)
	}
	clear(none)
	for w := range seen {
		for ; seen[w] != 0; seen[w] &= seen[w] - 1 {
			b := w<<6 | bits.TrailingZeros64(seen[w])
			clear(s.classes[b*k : b*k+k])
		}
	}
}
