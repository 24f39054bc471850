package gbdt

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

// A column that the score must rise with allows only questions whose left value is not above the right one. That alone would
// not do: further down, a leaf on the left could climb above one on the right. So the half-way value between the two is a
// ceiling for all below on the left and a floor for all on the right; a value beyond its limits is cut to them, and
// questions are weighed with the values as cut:
//
//	           age ≤ 30: 0.2 | 0.6
//	         ≤ 0.4 /       \ ≥ 0.4
//
// This is LightGBM's "basic" method. In a symmetric tree, a leaf in which the level's question would go the wrong way takes
// no part in it, and its own value is the border.

// limits are between what the value of a leaf must be, in units of the round.
type limits struct {
	on     bool
	lo, hi float64
}

// value returns −g/(h + l2) cut to the limits.
func (b limits) value(g, h, l2 float64) float64 {
	v := -g / (h + l2)
	if b.on {
		v = min(max(v, b.lo), b.hi)
	}
	return v
}

// worth is score for a value within limits: −2·g·v − (h + l2)·v².
func (b limits) worth(g, h, l2 float64) float64 {
	if !b.on {
		return score(g, h, l2)
	}
	v := b.value(g, h, l2)
	return -(2*g + (h+l2)*v) * v
}

// pair returns what two sides are worth, −∞ if the question goes against the direction, 1 or −1 or 0 for any.
func (b limits) pair(gl, hl, gr, hr, l2 float64, direction int8) float64 {
	if direction != 0 && float64(direction)*(b.value(gr, hr, l2)-b.value(gl, hl, l2)) < 0 {
		return math.Inf(-1)
	}
	return b.worth(gl, hl, l2) + b.worth(gr, hr, l2)
}

// halves returns the limits of both sides of a question whose values meet at mid.
func (b limits) halves(mid float64, direction int8) (left, right limits) {
	left, right = b, b
	switch {
	case direction > 0:
		left.hi, right.lo = min(b.hi, mid), max(b.lo, mid)
	case direction < 0:
		left.lo, right.hi = max(b.lo, mid), min(b.hi, mid)
	}
	return left, right
}

// directed returns the direction that questions to a column have to keep to.
func (f *finder) directed(c int) int8 {
	if f.direction == nil {
		return 0
	}
	return f.direction[c]
}

// scanWithin is scan for values within limits.
func (f *finder) scanWithin(values []cell, g, h float64, s sums, direction int8) split {
	l2 := f.rules.l2
	best, bin := s.bar, -1
	var bestG, bestH float64
	for b, v := range values {
		if v.h == 0 && v.g == 0 {
			continue
		}
		g += v.g
		h += v.h
		if h < s.least {
			continue
		}
		if h > s.h-s.least {
			break
		}
		if now := s.limits.pair(g, h, s.g-g, s.h-h, l2, direction); now > best {
			best, bin, bestG, bestH = now, b, g, h
		}
	}
	if bin < 0 {
		return split{}
	}
	return split{gain: best - s.alone, bin: bin, g: bestG, h: bestH, l2: l2}
}

// checkMonotone refuses names that are no number columns, and adds the directions to the parameters in effect.
func (l Learner) checkMonotone(columns []model.Column, values []model.Value) ([]model.Value, error) {
	names := make([]string, 0, len(l.Monotone))
	for name := range l.Monotone {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		d := l.Monotone[name]
		at := slices.IndexFunc(columns, func(c model.Column) bool { return c.Name == name })
		switch {
		case at < 0:
			var known []string
			for _, c := range columns {
				if c.Kind == table.Number {
					known = append(known, c.Name)
				}
			}
			return nil, kequn.Errorf(kequn.KindUsage, "monotone", "the table has no usable column %q", name).
				WithHint("its number columns are %s", strings.Join(known, ", "))
		case columns[at].Kind != table.Number:
			return nil, kequn.Errorf(kequn.KindUsage, "monotone", "column %q has no order to rise along", name)
		case d < -1 || d > 1:
			return nil, kequn.Errorf(kequn.KindUsage, "monotone", "the direction of %q is %d, want 1, -1 or 0", name, d)
		}
		values = append(values, model.Value{Name: fmt.Sprintf("monotone: %s", name), Value: float64(d)})
	}
	return values, nil
}

// directions returns the direction of each binned column, nil if all are free.
func (l Learner) directions(columns []model.Column, used []int) []int8 {
	free := true
	out := make([]int8, len(used))
	for i, c := range used {
		out[i] = int8(l.Monotone[columns[c].Name])
		free = free && out[i] == 0
	}
	if free {
		return nil
	}
	return out
}
