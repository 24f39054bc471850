package linear

import (
	"math"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// design gives the encoded rows of a table in blocks, in its own columns: 0 … nDense−1 are kept as numbers per row, those from
// nDense to p−1 belong to levels of categories with many of them and are kept as the one that is switched on, and the
// intercept comes last, at p.
//
// Encoded columns that are equal in every row are one column of the design. With m of them merged it is √m times as
// large, and its coefficient γ stands for m coefficients γ/√m: sums, loss and penalty are the same as with all m.
type design struct {
	n      int
	nDense int
	p      int
	dense  []denseColumn
	sparse []sparseColumn
	column []int32   // by coefficient of the encoding, the intercept included: its column
	share  []float64 // by coefficient of the encoding: what γ is multiplied by, 1/√m
}

// denseColumn is a number, or 0/1.
type denseColumn struct {
	v         []float64 // as they are, or their logarithm; for is-missing columns the raw values
	lo, hi    float64   // of v
	mean, inv float64   // z = (v − mean)·inv
	plain     bool      // every value lies between lo and hi
	flag      bool      // z = inv where v is missing or code is one of on, else 0
	code      []int32
	on        []bool // by level
	none      bool   // a missing code is on
}

type sparseColumn struct {
	code  []int32 // level, -1 for missing
	slots []int32 // column by level
	none  int32   // column of missing, -1 if none
}

// fewSlots is how many 0/1 columns a category may have to be kept as numbers. Products with numbers take a vector instruction per
// 8 rows then, against an addition per row that goes anywhere.
var fewSlots = 24 // a variable so that a test can compare both ways

func (e *encoding) design(n, threads int) *design {
	d := &design{n: n, column: make([]int32, e.p+1), share: make([]float64, e.p+1)}
	var coefs []int // of the dense columns before they are merged
	var all []denseColumn
	addFlag := func(coef int, c denseColumn) {
		c.flag, c.inv = true, 1
		coefs, all = append(coefs, coef), append(all, c)
	}
	for j, t := range e.terms {
		c := e.in[j]
		if t.number != nil {
			coefs, all = append(coefs, t.slope), append(all, t.number.column(c.Num))
			if t.bend >= 0 {
				coefs, all = append(coefs, t.bend), append(all, t.number.departures(c.Num))
			}
		}
		if t.text != nil {
			if t.none >= 0 {
				addFlag(t.none, denseColumn{code: t.text.column(c), on: make([]bool, c.Dict.Len()), none: true})
			}
			continue
		}
		if e.cols[j].Kind == table.Number {
			if t.none >= 0 {
				addFlag(t.none, denseColumn{v: c.Num})
			}
			continue
		}
		slots := t.all()
		if len(slots) > fewSlots {
			continue
		}
		for _, k := range slots {
			f := denseColumn{code: c.Code, on: make([]bool, len(t.slots)), none: k == t.none}
			for level, s := range t.slots {
				f.on[level] = int(s) == k
			}
			addFlag(k, f)
		}
	}
	d.merge(coefs, all, threads)
	d.p = d.nDense
	for j, t := range e.terms {
		slots := t.all()
		if e.cols[j].Kind != table.Category || len(slots) <= fewSlots {
			continue
		}
		s := sparseColumn{code: e.in[j].Code, slots: make([]int32, len(t.slots)), none: -1}
		for _, k := range slots {
			d.column[k], d.share[k] = int32(d.p), 1
			d.p++
		}
		for level, k := range t.slots {
			s.slots[level] = d.column[k]
		}
		if t.none >= 0 {
			s.none = d.column[t.none]
		}
		d.sparse = append(d.sparse, s)
	}
	d.column[e.p], d.share[e.p] = int32(d.p), 1
	return d
}

// merge sets the dense columns: equal ones once.
func (d *design) merge(coefs []int, all []denseColumn, threads int) {
	hash := make([]uint64, len(all))
	kernel.Parallel(len(all), threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			hash[j] = all[j].hash()
		}
	})
	seen := map[uint64][]int{} // by hash: places in d.dense
	var count []float64
	at := make([]int, len(all))
	for j := range all {
		at[j] = -1
		for _, k := range seen[hash[j]] {
			if d.dense[k].equal(&all[j]) {
				at[j] = k
				break
			}
		}
		if at[j] < 0 {
			at[j] = len(d.dense)
			seen[hash[j]] = append(seen[hash[j]], at[j])
			d.dense, count = append(d.dense, all[j]), append(count, 0)
		}
		count[at[j]]++
	}
	for k := range d.dense {
		d.dense[k].inv *= math.Sqrt(count[k])
	}
	for j, k := range at {
		d.column[coefs[j]], d.share[coefs[j]] = int32(k), 1/math.Sqrt(count[k])
	}
	d.nDense = len(d.dense)
}

// hash is equal for columns that are equal in every row.
func (c *denseColumn) hash() uint64 {
	h := uint64(0)
	// Some rows are enough to tell most columns apart; equal ones are compared in full.
	stride := max(1, max(len(c.v), len(c.code))/(1<<15))
	switch {
	case c.code != nil:
		for i := 0; i < len(c.code); i += stride {
			if c.isOn(c.code[i]) {
				h = kernel.Mix(h ^ uint64(i))
			}
		}
	case c.flag:
		for i := 0; i < len(c.v); i += stride {
			if v := c.v[i]; v != v {
				h = kernel.Mix(h ^ uint64(i))
			}
		}
	default:
		h = 1
		for i := 0; i < len(c.v); i += stride {
			v := c.v[i]
			if v != v {
				v = c.mean
			}
			h = kernel.Mix(h ^ math.Float64bits(v))
		}
	}
	return h
}

func (c *denseColumn) isOn(k int32) bool {
	if k < 0 {
		return c.none
	}
	return c.on[k]
}

func (c *denseColumn) equal(o *denseColumn) bool {
	if c.flag != o.flag {
		return false
	}
	if !c.flag {
		if c.lo != o.lo || c.hi != o.hi || c.mean != o.mean || c.v == nil {
			return false
		}
		for i, v := range c.v {
			if w := o.v[i]; v != w && (v == v || w == w) {
				return false
			}
		}
		return true
	}
	n := max(len(c.v), len(c.code))
	for i := range n {
		if c.flagged(i) != o.flagged(i) {
			return false
		}
	}
	return true
}

func (c *denseColumn) flagged(i int) bool {
	if c.code != nil {
		return c.isOn(c.code[i])
	}
	return c.v[i] != c.v[i]
}

func (t *number) column(v []float64) denseColumn {
	c := denseColumn{v: v, lo: t.lo, hi: t.hi, mean: t.mean, inv: 1 / t.sd}
	if t.unit > 0 {
		c.v = make([]float64, len(v))
		for i, x := range v {
			c.v[i] = math.NaN()
			if !math.IsNaN(x) {
				c.v[i] = t.bent(x)
			}
		}
		c.lo, c.hi = signedLog(t.lo, t.unit), signedLog(t.hi, t.unit)
	}
	c.plain = true
	for i := 0; i < len(c.v) && c.plain; i++ {
		c.plain = c.v[i] >= c.lo && c.v[i] <= c.hi
	}
	return c
}

// fill writes the rows [lo, hi): z is (nDense, size), one column after the other, and slot is (len(sparse), size) with the
// column that is switched on in each row, or -1.
func (d *design) fill(lo, hi, size int, z []float64, slot []int32) {
	for j := range d.dense {
		c := &d.dense[j]
		out := z[j*size : j*size+hi-lo]
		switch {
		case c.code != nil:
			for i, k := range c.code[lo:hi] {
				out[i] = 0
				if c.isOn(k) {
					out[i] = c.inv
				}
			}
		case c.flag:
			for i, x := range c.v[lo:hi] {
				out[i] = 0
				if x != x {
					out[i] = c.inv
				}
			}
		case c.plain:
			mean, inv := c.mean, c.inv
			for i, x := range c.v[lo:hi] {
				out[i] = (x - mean) * inv
			}
		default:
			least, most := (c.lo-c.mean)*c.inv, (c.hi-c.mean)*c.inv
			for i, x := range c.v[lo:hi] {
				u := (x - c.mean) * c.inv
				if u < least {
					u = least
				}
				if u > most {
					u = most
				}
				if x != x {
					u = 0
				}
				out[i] = u
			}
		}
	}
	for j := range d.sparse {
		c := &d.sparse[j]
		out := slot[j*size : j*size+hi-lo]
		for i, k := range c.code[lo:hi] {
			if k < 0 {
				out[i] = c.none
			} else {
				out[i] = c.slots[k]
			}
		}
	}
}

// spread returns the coefficients of the encoding that the design's, beta (k×(p+1)), stand for.
func (d *design) spread(k int, beta []float64) []float64 {
	q, full := d.p+1, len(d.column)
	out := make([]float64, k*full)
	for c := range k {
		for j, at := range d.column {
			out[c*full+j] = beta[c*q+int(at)] * d.share[j]
		}
	}
	return out
}
