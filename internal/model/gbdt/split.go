package gbdt

import "kequn/internal/treekit"

// split is the best question found for a leaf. Sums are in the whole-number units of the round.
type split struct {
	gain        float64 // > 0; what is gained over no question, in units of g²/h; 0 if there is no question
	col         int
	bin         int             // numbers: bins up to this go left
	left        treekit.Set     // bins that go left, the one for missing values included
	wide        treekit.WideSet // the same of a wide column
	missingLeft bool
	isSet       bool // a group of levels
	g, h        float64
	l2          float64 // penalty under which the children's values were weighed
}

// finder looks for questions of one leaf.
//
// A leaf with sums G, H and value −G/(H+λ) lowers the loss by ½·G²/(H+λ), so a question gains
//
//	score(left) + score(right) − score(leaf),    score = G²/(H+λ)
//
// (twice the loss). The number of rows on a side is taken as its share of the hessian.
type finder struct {
	cuts   []treekit.Cut
	layout layout
	rules  rules

	direction []int8 // of each column's values, nil if all are free
}

// rules are the parameters that bear on questions, in the units of the round where they meet sums.
type rules struct {
	l2, categoryL2       float64 // in units of h
	minHessian           float64 // in units of h
	minGain              float64 // in units of g²/h
	minRows              float64 // weight of rows
	smooth               float64 // in units of h
	smoothRows           float64 // weight of rows
	groupRows            float64 // weight of rows
	maxLevels, maxSingle int
}

// sums of a leaf, and what follows from them.
type sums struct {
	g, h   float64
	weight float64 // of its rows
	alone  float64 // score of no question
	bar    float64 // score that a question must exceed
	least  float64 // hessian a side needs at least, for MinHessian and MinRows
	perH   float64 // weight of rows per unit of h
	limits limits
}

func (r *rules) sumsOf(g, h, weight float64, within limits) sums {
	s := sums{limits: within, g: g, h: h, weight: weight, alone: score(g, h, r.l2)}
	s.bar = s.alone + max(r.minGain, 1e-10*s.alone) // below, it would be rounding
	if h > 0 {
		s.perH = weight / h
		s.least = max(r.minHessian, (r.minRows-0.5)/s.perH)
	}
	return s
}

func score(g, h, l2 float64) float64 {
	if h+l2 <= 0 {
		return 0
	}
	return g * g / (h + l2)
}

// splittable tells whether two sides can be large enough at all.
func (r *rules) splittable(s sums) bool { return s.h > 0 && s.h >= 2*s.least }

// column returns the best question to column c.
func (f *finder) column(hist histogram, c int, s sums, levels *levelScratch) split {
	cut := &f.cuts[c]
	cells := hist[f.layout.first[c]:][:cut.Cells()]
	var best split
	switch {
	case !cut.IsCategory():
		best = f.number(cells, s, f.directed(c))
	case cut.NBins <= f.rules.maxSingle:
		best = f.singleLevel(cells, s)
	default:
		best = f.levelGroup(cells, s, levels, cut.IsWide())
	}
	best.col = c
	return best
}

// number tries every border twice, with missing values on the right and on the left; without missing rows, once.
func (f *finder) number(cells []cell, s sums, direction int8) split {
	missing := cells[len(cells)-1]
	values := cells[:len(cells)-1]
	none := missing.g == 0 && missing.h == 0
	// With missing rows on the right, "is there a value at all" is the last question.
	borders := len(values)
	if none {
		borders--
	}
	best := f.scan(values[:borders], 0, 0, s, direction)
	if !none {
		if other := f.scan(values[:len(values)-1], missing.g, missing.h, s, direction); other.gain > best.gain {
			best = other
			best.missingLeft = true
		}
	}
	if best.gain == 0 {
		return best
	}
	// Between here and the next bin with rows every border does the same; the middle one is fairest to new rows.
	next := best.bin + 1
	for next < len(values) && values[next].h == 0 && values[next].g == 0 {
		next++
	}
	if next < len(values) {
		best.bin += (next - 1 - best.bin) / 2
	}
	if none {
		best.missingLeft = 2*best.h > s.h // none came here: with the heavier side
	}
	for b := 0; b <= best.bin; b++ {
		best.left.Add(uint8(b))
	}
	if best.missingLeft {
		best.left.Add(uint8(len(values)))
	}
	return best
}

// scan moves bins from right to left one by one; g and h start with what is on the left beforehand.
func (f *finder) scan(values []cell, g, h float64, s sums, direction int8) split {
	if s.limits.on {
		return f.scanWithin(values, g, h, s, direction)
	}
	l2, least := f.rules.l2, s.least
	most := s.h - least // more must not go left
	best, bin := s.bar, -1
	var bestG, bestH float64
	for b, v := range values {
		if v.h == 0 && v.g == 0 {
			continue
		}
		g += v.g
		h += v.h
		if h < least {
			continue
		}
		if h > most {
			break
		}
		gr, hl, hr := s.g-g, h+l2, s.h-h+l2
		if now := (g*g*hr + gr*gr*hl) / (hl * hr); now > best {
			best, bin, bestG, bestH = now, b, g, h
		}
	}
	if bin < 0 {
		return split{}
	}
	return split{gain: best - s.alone, bin: bin, g: bestG, h: bestH, l2: l2}
}

// singleLevel tries every level against all others; missing values are a level.
func (f *finder) singleLevel(cells []cell, s sums) split {
	l2 := f.rules.l2
	best, bin := s.bar, -1
	for b, v := range cells {
		if v.h < s.least || s.h-v.h < s.least {
			continue
		}
		if now := s.limits.pair(v.g, v.h, s.g-v.g, s.h-v.h, l2, 0); now > best {
			best, bin = now, b
		}
	}
	if bin < 0 {
		return split{}
	}
	out := split{gain: best - s.alone, g: cells[bin].g, h: cells[bin].h, l2: l2, isSet: true, missingLeft: bin == len(cells)-1}
	out.left.Add(uint8(bin))
	return out
}

// levelScratch is reused from column to column. It holds the levels with the lowest and the highest ratios, in order.
type levelScratch struct {
	low, high []level

	// of symmetric trees
	hists  [][]cell // cells of one column, per leaf
	total  []float64
	pooled []pooledLevel
}

type level struct {
	ratio float64
	bin   uint16
}

// before orders levels by ratio, equal ones by bin.
func (a level) before(b level) bool { return a.ratio < b.ratio || a.ratio == b.ratio && a.bin < b.bin }

// insert puts a level into a list ordered by before and drops the last if the list is full.
func insert(list []level, l level, full int, before func(a, b level) bool) []level {
	if len(list) == full {
		if !before(l, list[full-1]) {
			return list
		}
		list = list[:full-1]
	}
	at := len(list)
	list = append(list, l)
	for ; at > 0 && before(l, list[at-1]); at-- {
		list[at] = list[at-1]
	}
	list[at] = l
	return list
}

// levelGroup orders levels by g/(h+smooth) and tries the lowest and the highest few against the rest, which is optimal
// for the squared loss (Fisher 1958) and near it for others. Missing values are a level. Rare levels stay on the right, and
// so do levels that have no rows here.
func (f *finder) levelGroup(cells []cell, s sums, scratch *levelScratch, wide bool) split {
	r := &f.rules
	low, high, n := scratch.low[:0], scratch.high[:0], 0
	lower := level.before
	higher := func(a, b level) bool { return b.before(a) }
	for b, v := range cells {
		if v.h*s.perH < r.smoothRows-0.5 {
			continue
		}
		n++
		l := level{v.g / (v.h + r.smooth), uint16(b)}
		low = insert(low, l, r.maxLevels, lower)
		high = insert(high, l, r.maxLevels, higher)
	}
	scratch.low, scratch.high = low, high
	l2 := r.l2 + r.categoryL2
	most := min(r.maxLevels, (n+1)/2)
	best, bestLevels := s.bar, []level(nil)
	var bestG, bestH float64
	for _, side := range [2][]level{low, high} {
		var g, h, group float64
		for k, l := range side[:most] {
			v := cells[l.bin]
			g += v.g
			h += v.h
			group += v.h * s.perH
			if h < s.least {
				continue
			}
			rest := s.h - h
			if rest < s.least || rest*s.perH < r.groupRows-0.5 {
				break
			}
			if group < r.groupRows-0.5 {
				continue
			}
			group = 0
			if now := s.limits.pair(g, h, s.g-g, rest, l2, 0); now > best {
				best, bestLevels, bestG, bestH = now, side[:k+1], g, h
			}
		}
	}
	if bestLevels == nil {
		return split{}
	}
	out := split{gain: best - s.alone, g: bestG, h: bestH, l2: l2, isSet: true}
	out.collect(bestLevels, len(cells), wide)
	return out
}
