package linear

import (
	"math"
)

// bend is what a number's place among the training values tells beyond the number itself. With r(x) the share of training values below x and
// z the standardised number,
//
//	b(x) = (r̂(x) − ρ·z(x)) / √(1−ρ²),   r̂ being r standardised and ρ its correlation with z
//
// so that b has mean 0, deviation 1, and nothing in common with z: the slope is what it is without the bend, and the bend's coefficient says how
// the effect departs from a straight line, more steeply where the values are many. r is linear between knots.
type bend struct {
	x, share  []float64 // knots: bent values, ascending, and the share of weight below
	mean, sd  float64   // of r
	corr, off float64   // ρ and 1/√(1−ρ²)
}

// straight is the correlation from which on the place tells nothing beyond the number: for evenly spread values it is 1, for normally
// distributed ones, whose extremes often count for less than a line has it, 0.977.
const straight = 0.985

// knotShare is the share of weight between two knots, or in one place of many equal values.
const knotShare = 1.0 / 64

// bendSlots is how finely values are told apart: their range, from which far values are excluded already (see fence), in so many parts.
const bendSlots = 4096

// setBend adds the bend to a number, if it has one.
func (t *number) setBend(v, w []float64) {
	lo, hi := t.bent(t.lo), t.bent(t.hi)
	scale := bendSlots / (hi - lo)
	if !(scale > 0) || math.IsInf(scale, 0) {
		return
	}
	weight := make([]float64, bendSlots+1)
	sum := 0.0
	us := make([]float64, 0, len(v)) // of values that are there, in order
	for i, x := range v {
		if x == x {
			wi := 1.0
			if w != nil {
				wi = w[i]
			}
			u := t.bent(x)
			us = append(us, u)
			weight[int((u-lo)*scale)] += wi
			sum += wi
		}
	}
	b := &bend{}
	knot := func(slot int, below float64) {
		x, share := lo+float64(slot)/scale, below/sum
		if n := len(b.x); n > 0 && !(x > b.x[n-1]) {
			b.share[n-1] = share
			return
		}
		b.x, b.share = append(b.x, x), append(b.share, share)
	}
	knot(0, 0)
	below, last := 0.0, 0.0
	for k, n := range weight {
		if below+n-last >= knotShare*sum {
			if below > last {
				knot(k, below)
			}
			knot(k+1, below+n)
			last = below + n
		}
		below += n
	}
	knot(bendSlots+1, sum)
	// Moments of r and z together.
	rr, rz, mean, total := 0.0, 0.0, 0.0, 0.0
	rs := make([]float64, len(us))
	for k, u := range us {
		rs[k] = b.place(u)
	}
	each := func(f func(r, z, w float64)) {
		k := 0
		for i, x := range v {
			if x == x {
				wi := 1.0
				if w != nil {
					wi = w[i]
				}
				f(rs[k], (us[k]-t.mean)/t.sd, wi)
				k++
			}
		}
	}
	each(func(r, _, w float64) { mean += w * r; total += w })
	mean /= total
	each(func(r, z, w float64) { rr += w * (r - mean) * (r - mean); rz += w * (r - mean) * z })
	b.mean, b.sd = mean, math.Sqrt(rr/total)
	b.corr = rz / total / b.sd
	b.off = 1 / math.Sqrt(1-b.corr*b.corr)
	if !(math.Abs(b.corr) < straight) {
		return
	}
	t.bend = b
}

// place returns r of a bent value.
func (b *bend) place(u float64) float64 {
	k, n := 0, len(b.x) // the first knot that is not below u lies in [k, k+n]
	for n > 0 {
		half := n >> 1
		if b.x[k+half] < u {
			k, n = k+half+1, n-half-1
		} else {
			n = half
		}
	}
	switch {
	case k == 0:
		return b.share[0]
	case k == len(b.x):
		return b.share[k-1]
	}
	return b.share[k-1] + (b.share[k]-b.share[k-1])*(u-b.x[k-1])/(b.x[k]-b.x[k-1])
}

// departure returns b(x) for a value that is not NaN.
func (t *number) departure(x float64) float64 {
	u := t.bent(x)
	return ((t.bend.place(u)-t.bend.mean)/t.bend.sd - t.bend.corr*(u-t.mean)/t.sd) * t.bend.off
}

// departures returns the column of b(x), missing as it is.
func (t *number) departures(v []float64) denseColumn {
	c := denseColumn{v: make([]float64, len(v)), lo: math.Inf(1), hi: math.Inf(-1), inv: 1}
	for i, x := range v {
		c.v[i] = x
		if x == x {
			c.v[i] = t.departure(x)
			c.lo, c.hi = min(c.lo, c.v[i]), max(c.hi, c.v[i])
		}
	}
	return c
}

// arrays returns what is stored of a bend, none of nil.
func (b *bend) arrays() (x, share, rest []float64) {
	if b == nil {
		return nil, nil, nil
	}
	return b.x, b.share, []float64{b.mean, b.sd, b.corr}
}

// bendOf is the inverse of arrays. It tells whether the arrays are those of a bend or of none.
func bendOf(x, share, rest []float64) (*bend, bool) {
	if len(x) == 0 {
		return nil, len(share) == 0 && len(rest) == 0
	}
	if len(x) < 2 || len(x) != len(share) || len(rest) != 3 || !(rest[1] > 1e-9) || !(math.Abs(rest[2]) < 1) {
		return nil, false
	}
	for k := range x {
		if k > 0 && !(x[k] > x[k-1] && share[k] >= share[k-1]) || !(share[k] >= 0 && share[k] <= 1+1e-9) {
			return nil, false
		}
	}
	return &bend{x: x, share: share, mean: rest[0], sd: rest[1], corr: rest[2], off: 1 / math.Sqrt(1-rest[2]*rest[2])}, true
}
