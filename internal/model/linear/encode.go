package linear

import (
	"fmt"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// encoding says how columns become coefficients. Coefficients 0 … nDense−1 belong to numbers, those from nDense to p−1 to
// 0/1 columns (levels, and "is missing"); the intercept comes last, at p.
type encoding struct {
	cols   []model.Column  // those that enter, in the header's order
	terms  []term          // one per column
	in     []*table.Column // the training values, one per column
	nDense int
	p      int
	notes  []string
}

// term is how one column enters.
type term struct {
	number *number // for numbers
	slope  int     // coefficient of the number; -1 if its known values are all equal
	bend   int     // coefficient of its bend; -1 if it has none
	none   int     // coefficient of "missing"; -1 if nothing was missing
	slots  []int32 // for categories: coefficient of each level
	other  int     // for categories: coefficient shared by rare levels; -1 if there are none
	text   *textPart
}

// number is the way from a value to a standardised one.
type number struct {
	lo, hi   float64 // values seen in training lie within
	unit     float64 // of the logarithm; 0: no logarithm
	mean, sd float64 // after the logarithm
	bend     *bend   // nil: none
}

// bent returns the value before standardising. x is not NaN.
func (t *number) bent(x float64) float64 {
	x = max(t.lo, min(t.hi, x))
	if t.unit == 0 {
		return x
	}
	return signedLog(x, t.unit)
}

func (t *number) z(x float64) float64 { return (t.bent(x) - t.mean) / t.sd }

// signedLog returns sign(x)·log(1+|x|/unit), also where |x|/unit overflows.
func signedLog(x, unit float64) float64 {
	a := math.Abs(x)
	r := a / unit
	if r > 1e300 {
		return math.Copysign(math.Log(a)-math.Log(unit), x)
	}
	return math.Copysign(math.Log1p(r), x)
}

func encode(l Learner, cols []model.Column, x *table.Table, w []float64) *encoding {
	e := &encoding{}
	type pending struct {
		num     *number
		missing bool
		levels  []bool // has a coefficient of its own
		rare    bool   // some levels share one
		text    *textPart
	}
	pendings := make([]pending, len(cols))
	kernel.Parallel(len(cols), l.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			p := &pendings[j]
			if cols[j].Kind == table.Text {
				continue
			}
			if cols[j].Kind == table.Category {
				p.levels, p.rare, p.missing = chooseLevels(x.Columns[j], l, w)
			} else {
				p.num, p.missing = encodeNumber(x.Columns[j].Num, w, l.NoLog)
				if p.num != nil && !l.Straight {
					p.num.setBend(x.Columns[j].Num, w)
				}
			}
		}
	})
	var all []pending
	for j, c := range cols {
		if c.Kind == table.Text {
			t := newTextPart(l, x.Columns[j], w)
			if t == nil {
				e.notes = append(e.notes, c.Name+": no word or character is common to several rows, not used")
				continue
			}
			e.notes = append(e.notes, t.note(c.Name))
			e.cols, e.in, all = append(e.cols, c), append(e.in, x.Columns[j]), append(all, pending{text: t, missing: t.missing})
			continue
		}
		if c.Kind == table.Category {
			p := pendings[j]
			n := 0
			for _, own := range p.levels {
				if own {
					n++
				}
			}
			if n == 0 && p.rare && len(c.Levels) > 1 {
				e.notes = append(e.notes, fmt.Sprintf("%s: %d values, each of them rare, taken as one", c.Name, len(c.Levels)))
			} else if p.rare {
				e.notes = append(e.notes, fmt.Sprintf("%s: %d of %d values are rare, taken as one", c.Name, len(c.Levels)-n, len(c.Levels)))
			}
			if p.rare {
				n++
			}
			if p.missing {
				n++
			}
			if n < 2 {
				e.notes = append(e.notes, c.Name+": constant, not used")
				continue
			}
			e.cols, e.in, all = append(e.cols, c), append(e.in, x.Columns[j]), append(all, p)
			continue
		}
		num, missing := pendings[j].num, pendings[j].missing
		if num == nil && !missing {
			e.notes = append(e.notes, c.Name+": constant, not used")
			continue
		}
		if num != nil && num.unit > 0 {
			e.notes = append(e.notes, c.Name+": skewed, its logarithm is used")
		}
		e.cols, e.in, all = append(e.cols, c), append(e.in, x.Columns[j]), append(all, pending{num: num, missing: missing})
	}
	for _, p := range all {
		if p.num != nil {
			e.nDense++
			if p.num.bend != nil {
				e.nDense++
			}
		}
	}
	dense, sparse := 0, e.nDense
	take := func() int { sparse++; return sparse - 1 }
	for _, p := range all {
		t := term{number: p.num, slope: -1, bend: -1, none: -1, other: -1, text: p.text}
		if p.num != nil {
			t.slope = dense
			dense++
			if p.num.bend != nil {
				t.bend = dense
				dense++
			}
		}
		for _, own := range p.levels {
			if own {
				t.slots = append(t.slots, int32(take()))
			} else {
				t.slots = append(t.slots, -1)
			}
		}
		if p.rare {
			t.other = take()
			for k, s := range t.slots {
				if s < 0 {
					t.slots[k] = int32(t.other)
				}
			}
		}
		if p.missing {
			t.none = take()
		}
		e.terms = append(e.terms, t)
	}
	e.p = sparse
	return e
}

// texts returns the text columns' parts.
func (e *encoding) texts() []*textPart {
	var out []*textPart
	for _, t := range e.terms {
		if t.text != nil {
			out = append(out, t.text)
		}
	}
	return out
}

// chooseLevels returns which levels have a coefficient of their own: those of at least MinCount weight, and of them the
// MaxLevels heaviest (the earlier name first where weights are equal).
func chooseLevels(c *table.Column, l Learner, w []float64) (own []bool, rare, missing bool) {
	weight := make([]float64, c.Dict.Len())
	for i, k := range c.Code {
		switch {
		case k < 0:
			missing = true
		case w == nil:
			weight[k]++
		default:
			weight[k] += w[i]
		}
	}
	own = make([]bool, len(weight))
	kept := 0
	for _, k := range kernel.ArgsortDesc(weight) {
		if kept < l.MaxLevels && weight[k] >= float64(l.MinCount) {
			own[k] = true
			kept++
		} else {
			rare = true
		}
	}
	return own, rare, missing
}

// skewLimit is the skewness from which on the logarithm is tried: that of an exponential distribution is 2.
const skewLimit = 2

// encodeNumber returns how a column of numbers is standardised, nil if its known values are all equal.
//
// The logarithm is taken if the weighted skewness is beyond ±2 (or too large for a float) and the logarithm's is less than
// half as large. Infinite values count as the largest finite ones, and values far outside of all others as less far ([number.fence]).
func encodeNumber(v, w []float64, noLog bool) (t *number, missing bool) {
	t = &number{lo: math.Inf(1), hi: math.Inf(-1)}
	for _, x := range v {
		if math.IsNaN(x) {
			missing = true
		} else if !math.IsInf(x, 0) {
			t.lo, t.hi = min(t.lo, x), max(t.hi, x)
		}
	}
	if t.lo > t.hi { // infinite values only: treat them as −1 and 1
		t.lo, t.hi = -1, 1
	}
	t.mean, t.sd = 0, 1
	plain := t.moments(v, w)
	if plain.sd == 0 && plain.known() {
		return nil, missing
	}
	if !plain.known() || (!noLog && math.Abs(plain.skew) > skewLimit) {
		logged := *t
		logged.unit = medianSize(v, w, t)
		if bent := logged.moments(v, w); !plain.known() || math.Abs(bent.skew) < math.Abs(plain.skew)/2 {
			*t, plain = logged, bent
		}
	}
	if t.fence(v, w) {
		plain = t.moments(v, w)
	}
	if plain.sd == 0 || !plain.known() {
		return nil, missing
	}
	t.mean, t.sd = plain.mean, plain.sd
	return t, missing
}

// fence narrows the range of values to three times the distance between the 1st and the 99th percentile beyond them, after the
// logarithm, and tells whether any value lies outside: a single row must not have all the leverage. Where the two
// percentiles are equal, what differs is rare but may be all that matters, and the range stays.
func (t *number) fence(v, w []float64) bool {
	if t.surelyInside(v, w) {
		return false
	}
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

// surelyInside tells, at a tenth of the cost of two percentiles, that no value lies beyond the fence. It counts values in slots of equal width; where most
// of them fall into a few, as beside a huge value, it cannot tell and says no.
func (t *number) surelyInside(v, w []float64) bool {
	const slots = 4096
	lo, hi := t.bent(t.lo), t.bent(t.hi)
	scale := slots / (hi - lo)
	if !(scale > 0) || math.IsInf(scale, 0) {
		return false
	}
	var weight [slots + 1]float64
	sum := 0.0
	for i, x := range v {
		if x != x {
			continue
		}
		k := int((t.bent(x) - lo) * scale)
		if w == nil {
			weight[k]++
			sum++
		} else {
			weight[k] += w[i]
			sum += w[i]
		}
	}
	// The first percentile lies at most, the last at least, a slot beyond where the count passes it.
	below, from, to := 0.0, -1, -1
	for k, n := range weight {
		below += n
		if from < 0 && below >= 0.011*sum {
			from = k + 2
		}
		if to < 0 && below >= 0.989*sum {
			to = k - 1
		}
	}
	width := (hi - lo) / slots
	first, last := lo+float64(from)*width, lo+float64(to)*width
	return last > first && last+3*(last-first) >= hi && first-3*(last-first) <= lo
}

// unbent is the inverse of bent.
func (t *number) unbent(v float64) float64 {
	if t.unit == 0 {
		return v
	}
	return math.Copysign(t.unit*math.Expm1(math.Abs(v)), v)
}

type moments struct{ mean, sd, skew float64 }

func (m moments) known() bool {
	return !math.IsNaN(m.mean+m.sd+m.skew) && !math.IsInf(m.mean+m.sd+m.skew, 0)
}

// moments returns the weighted mean, deviation and skewness of the values before standardising.
func (t *number) moments(v, w []float64) moments {
	bent, weight := v, w // the known values
	if !t.asTheyAre(v) {
		bent, weight = make([]float64, 0, len(v)), nil
		if w != nil {
			weight = make([]float64, 0, len(v))
		}
		for i, x := range v {
			if !math.IsNaN(x) {
				bent = append(bent, t.bent(x))
				if w != nil {
					weight = append(weight, w[i])
				}
			}
		}
	}
	if len(bent) == 0 {
		return moments{}
	}
	constant := true
	for i := 0; i < len(bent) && constant; i++ {
		constant = bent[i] == bent[0]
	}
	if constant {
		return moments{mean: bent[0]}
	}
	mean, variance := kernel.MeanVar(bent, weight)
	sd := math.Sqrt(variance)
	cubes := 0.0
	for i, x := range bent {
		z := (x - mean) / sd
		if weight == nil {
			cubes += z * z * z
		} else {
			cubes += weight[i] * z * z * z
		}
	}
	return moments{mean, sd, cubes / total(weight, len(bent))}
}

// asTheyAre tells whether bending changes no value and none is missing.
func (t *number) asTheyAre(v []float64) bool {
	if t.unit > 0 {
		return false
	}
	for _, x := range v {
		if !(x >= t.lo && x <= t.hi) {
			return false
		}
	}
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
	m := kernel.WeightedQuantiles(sizes, w, []float64{0.5})[0]
	if !(m > 0) {
		return 1
	}
	return m
}
