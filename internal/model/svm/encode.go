package svm

import (
	"fmt"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// term is how one column becomes coordinates of a point.
type term struct {
	at     int       // the first coordinate
	size   int       // how many there are
	number *number   // numbers: its value, if the known values differ
	flag   bool      // numbers: a last coordinate is 1 where the value is missing
	slot   []int32   // categories: coordinate of each level, counted from at
	none   int32     // categories: coordinate of "missing"; −1 if none was missing
	mean   []float64 // weighted mean of each coordinate over the training rows
}

// number is the way from a value to a standardised one.
type number struct {
	lo, hi   float64 // values are pulled into this range
	unit     float64 // of the logarithm; 0: no logarithm
	mean, sd float64 // after the logarithm
}

func (t *number) bent(x float64) float64 {
	x = max(t.lo, min(t.hi, x))
	if t.unit == 0 {
		return x
	}
	return math.Copysign(math.Log1p(math.Abs(x)/t.unit), x)
}

func (t *number) unbent(v float64) float64 {
	if t.unit == 0 {
		return v
	}
	return math.Copysign(t.unit*math.Expm1(math.Abs(v)), v)
}

func (t *number) z(x float64) float64 { return (t.bent(x) - t.mean) / t.sd }

// write puts the coordinates of one value into p, which holds zeros.
func (t *term) write(c *table.Column, row int, p []float64) {
	p = p[t.at : t.at+t.size]
	if c.Kind == table.Number {
		x := c.Num[row]
		switch {
		case x != x && t.flag:
			p[t.size-1] = 1
		case x == x && t.number != nil:
			p[0] = t.number.z(x)
		}
		return
	}
	switch k := c.Code[row]; {
	case k >= 0:
		p[t.slot[k]] = 1
	case t.none >= 0:
		p[t.none] = 1
	default:
		copy(p, t.mean)
	}
}

// encoding says how the columns become points of width coordinates.
type encoding struct {
	cols  []model.Column
	in    []*table.Column
	terms []term
	width int
	notes []string
}

func encode(l Learner, cols []model.Column, x *table.Table, w []float64) *encoding {
	all := make([]term, len(cols))
	rare := make([]int, len(cols))
	kernel.Parallel(len(cols), l.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			if cols[j].Kind == table.Category {
				all[j], rare[j] = encodeLevels(x.Columns[j], l, w)
			} else {
				all[j] = encodeNumber(x.Columns[j].Num, w, l.NoLog)
			}
		}
	})
	e := &encoding{}
	for j, t := range all {
		c := cols[j]
		if rare[j] > 0 {
			e.notes = append(e.notes, fmt.Sprintf("%s: %d of %d values are rare, taken as one", c.Name, rare[j], len(c.Levels)))
		}
		if t.size == 0 {
			e.notes = append(e.notes, c.Name+": constant, not used")
			continue
		}
		if t.number != nil && t.number.unit > 0 {
			e.notes = append(e.notes, c.Name+": skewed, its logarithm is used")
		}
		t.at = e.width
		e.width += t.size
		e.cols, e.in, e.terms = append(e.cols, c), append(e.in, x.Columns[j]), append(e.terms, t)
	}
	kernel.Parallel(len(e.terms), l.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			e.terms[j].average(e.in[j], w)
		}
	})
	return e
}

// average fills mean.
func (t *term) average(c *table.Column, w []float64) {
	sum, p, shifted := make([]float64, t.size), make([]float64, t.size), *t
	shifted.at, shifted.mean = 0, sum[:0]
	for i, v := range w {
		clear(p)
		shifted.write(c, i, p)
		kernel.Axpy(v, p, sum)
	}
	kernel.Scale(1/kernel.Sum(w), sum)
	t.mean = sum
}

// encodeLevels gives a coordinate to each level of at least MinCount weight, of the MaxLevels heaviest, one to all others
// together, and one to missing values.
func encodeLevels(c *table.Column, l Learner, w []float64) (t term, rare int) {
	weight, missing := make([]float64, c.Dict.Len()), false
	for i, k := range c.Code {
		if k < 0 {
			missing = true
		} else {
			weight[k] += w[i]
		}
	}
	t = term{slot: make([]int32, len(weight)), none: -1}
	for i := range t.slot {
		t.slot[i] = -1
	}
	for _, k := range kernel.ArgsortDesc(weight) {
		if t.size < l.MaxLevels && weight[k] >= float64(l.MinCount) {
			t.slot[k] = int32(t.size)
			t.size++
		} else {
			rare++
		}
	}
	if rare > 0 {
		for k, s := range t.slot {
			if s < 0 {
				t.slot[k] = int32(t.size)
			}
		}
		t.size++
	}
	if missing {
		t.none = int32(t.size)
		t.size++
	}
	if t.size < 2 {
		return term{none: -1}, rare
	}
	return t, rare
}

// skewLimit is the skewness from which on the logarithm is tried: that of an exponential distribution is 2.
const skewLimit = 2

// encodeNumber standardises a column of numbers: by its logarithm where the skewness is beyond ±2 and the logarithm's less
// than half of it. Values further than three times the distance between the 1st and the 99th percentile beyond these, infinite ones
// among them, are pulled in to there: one row must not be far away from all others.
func encodeNumber(v, w []float64, noLog bool) term {
	out := term{none: -1}
	t := &number{lo: math.Inf(1), hi: math.Inf(-1), sd: 1}
	known := make([]float64, 0, len(v))
	weight := make([]float64, 0, len(v))
	for i, x := range v {
		switch {
		case x != x:
			out.flag = true
		default:
			known, weight = append(known, x), append(weight, w[i])
			if !math.IsInf(x, 0) {
				t.lo, t.hi = min(t.lo, x), max(t.hi, x)
			}
		}
	}
	if t.lo > t.hi { // infinite values only
		t.lo, t.hi = -1, 1
	}
	// Squares of the largest floats overflow.
	t.lo, t.hi = max(t.lo, -1e150), min(t.hi, 1e150)
	if mean, sd, skew := t.moments(known, weight); sd > 0 {
		if !noLog && !(math.Abs(skew) <= skewLimit) {
			bent := *t
			bent.unit = medianSize(known, weight, t)
			if m, s, k := bent.moments(known, weight); s > 0 && !(math.Abs(k) >= math.Abs(skew)/2) {
				*t, mean, sd = bent, m, s
			}
		}
		if t.fence(known, weight) {
			mean, sd, _ = t.moments(known, weight)
		}
		if sd > 0 && !math.IsInf(sd, 0) {
			t.mean, t.sd = mean, sd
			out.number = t
			out.size++
		}
	}
	if out.flag && out.size+len(known) > 0 {
		out.size++
	} else {
		out.flag = false
	}
	return out
}

// moments returns weighted mean, deviation and skewness after the logarithm; the deviation is 0 where all values are equal.
func (t *number) moments(v, w []float64) (mean, sd, skew float64) {
	if len(v) == 0 {
		return 0, 0, 0
	}
	bent, constant := make([]float64, len(v)), true
	for i, x := range v {
		bent[i] = t.bent(x)
		constant = constant && bent[i] == bent[0]
	}
	if constant {
		return bent[0], 0, 0
	}
	mean, variance := kernel.MeanVar(bent, w)
	sd = math.Sqrt(variance)
	for i, x := range bent {
		z := (x - mean) / sd
		skew += w[i] * z * z * z
	}
	return mean, sd, skew / kernel.Sum(w)
}

// fence narrows the range; it tells whether any value lies outside. Where both percentiles are equal, what differs is rare
// but may be all that matters, and the range stays.
func (t *number) fence(v, w []float64) bool {
	q := kernel.WeightedQuantiles(v, w, []float64{0.01, 0.99})
	lo, hi := t.bent(q[0]), t.bent(q[1])
	spread := hi - lo
	if !(spread > 0) || math.IsInf(spread, 0) {
		return false
	}
	lo, hi = t.unbent(lo-3*spread), t.unbent(hi+3*spread)
	if lo <= t.lo && hi >= t.hi {
		return false
	}
	t.lo, t.hi = max(t.lo, lo), min(t.hi, hi)
	return true
}

// medianSize returns the weighted median of |x| over x ≠ 0.
func medianSize(v, w []float64, t *number) float64 {
	sizes := make([]float64, len(v))
	for i, x := range v {
		sizes[i] = math.NaN()
		if x = math.Abs(max(t.lo, min(t.hi, x))); x > 0 {
			sizes[i] = x
		}
	}
	if m := kernel.WeightedQuantiles(sizes, w, []float64{0.5})[0]; m > 0 {
		return m
	}
	return 1
}

// points are encoded rows.
type points struct {
	n, width int
	stride   int       // width, filled up with zeros as [kernel.AddGram] wants
	z        []float64 // (rows of a multiple of 4, stride)
	norm     []float64 // ‖z‖², as AddGram gives it
	hash     []uint64  // the draw of each row; nil for rows to be predicted
}

// points encodes the training rows; draw is theirs.
func (e *encoding) points(x *table.Table, draw []uint64, threads int) *points {
	p := encodeRows(e.terms, e.width, e.in, x.NRows(), threads)
	p.hash = draw
	return p
}

func up(n, to int) int { return (n + to - 1) / to * to }

func newPoints(n, width int) *points {
	p := &points{n: n, width: width, stride: max(kernel.GramLanes, up(width, kernel.GramLanes))}
	p.z, p.norm = make([]float64, up(n, kernel.GramSide)*p.stride), make([]float64, up(n, kernel.GramSide))
	return p
}

func encodeRows(terms []term, width int, in []*table.Column, n, threads int) *points {
	p := newPoints(n, width)
	kernel.Parallel(n, threads, 1024, func(lo, hi int) {
		for j := range terms {
			for i := lo; i < hi; i++ {
				terms[j].write(in[j], i, p.row(i))
			}
		}
	})
	p.norms(threads)
	return p
}

// norms fills norm by the same instructions that give products, so that the distance of a point to itself is exactly 0.
func (p *points) norms(threads int) {
	kernel.Parallel(len(p.norm)/kernel.GramSide, threads, 256, func(lo, hi int) {
		var square [kernel.GramSide * kernel.GramSide]float64
		for b := lo; b < hi; b++ {
			clear(square[:])
			rows := p.z[b*kernel.GramSide*p.stride:]
			kernel.AddGram(rows, rows, kernel.GramSide, kernel.GramSide, p.stride, p.stride, square[:], false)
			for i := range kernel.GramSide {
				p.norm[b*kernel.GramSide+i] = square[i*(kernel.GramSide+1)]
			}
		}
	})
}

func (p *points) row(i int) []float64 { return p.z[i*p.stride : i*p.stride+p.width] }

// first returns the first n points.
func (p *points) first(n int) *points {
	if n >= p.n {
		return p
	}
	k := up(n, kernel.GramSide)
	return &points{n: n, width: p.width, stride: p.stride, z: p.z[:k*p.stride], norm: p.norm[:k], hash: p.hash[:n]}
}
