package gbdt

import (
	"math"
	"math/bits"

	"kequn/internal/kernel"
)

// Gradients and hessians are summed as whole numbers. A row holds both in one int64,
//
//	gh = g<<32 + h        g signed, h not negative
//
// so that one addition adds both, and no order of rows or threads changes a sum. (A float64 sum of tens of thousands of
// rows has a random last digit; two splits of equal gain then swap from run to run.)
//
// A number is rounded to nearest with `bits` bits for the largest of the tree. 32 bits hold the sum of nearly 2^(31−bits) rows;
// after that many, a histogram is poured into float64 cells, which hold whole numbers up to 2⁵³ exactly. 16 bits make the
// error of a row's gradient at most 1/131072 of the largest, which is far below the noise of any split; but where the
// largest is far above the usual (rare positives, heavy tails) more are taken, up to 26, and beyond 20 rows are added to
// float64 cells directly.
const (
	fewestBits = 16
	mostBits   = 20 // packed: 2,048 rows between two pours cost a tenth of the additions
	exactBits  = 26
	smallCount = 8 // whole weights up to this multiply a row's rounded numbers, so that weight 2 is exactly the row twice
)

// fixed is the whole-number form of a tree's gradients.
type fixed struct {
	gUnit, hUnit float64 // what 1 stands for; powers of two
	exact        bool    // rows are added to float64 cells directly
	pour         int     // else: how many rows may be added before pouring
}

// weightKind says how weights enter.
type weightKind struct {
	w     []float64
	whole bool // small whole numbers
	most  float64

	// units are the weights as multiples of unit, to add up the weight of a leaf in any order.
	units []uint32
	unit  float64
}

func kindOf(w []float64) weightKind {
	k := weightKind{w: w, whole: true, most: 1, unit: 1}
	if w == nil {
		return k
	}
	most := 0.0
	for _, v := range w {
		k.whole = k.whole && v == math.Trunc(v) && v <= smallCount
		most = max(most, v)
	}
	k.most = max(k.most, most)
	if !k.whole {
		k.unit = unitOf(most, 31)
	}
	k.units = make([]uint32, len(w))
	for i, v := range w {
		k.units[i] = uint32(math.RoundToEven(v / k.unit))
	}
	return k
}

// sum returns the weight of rows.
func (k *weightKind) sum(rows []int32, threads int) float64 {
	if k.units == nil {
		return float64(len(rows))
	}
	return k.unit * float64(kernel.Reduce(len(rows), threads, rowGrain, func(lo, hi int) (sum uint64) {
		for _, r := range rows[lo:hi] {
			sum += uint64(k.units[r])
		}
		return sum
	}, func(a, b uint64) uint64 { return a + b }))
}

// extent is what rounding has to know of a tree's gradients: the largest, and the mean of |g|.
type extent struct{ g, h, sumG, sumW float64 }

func (a extent) join(b extent) extent {
	return extent{max(a.g, b.g), max(a.h, b.h), a.sumG + b.sumG, a.sumW + b.sumW}
}

// extentOf looks at rows [lo, hi).
func extentOf(d []derivative, wk weightKind, lo, hi int) (e extent) {
	w := wk.w
	for i := lo; i < hi; i++ {
		g, h := math.Abs(float64(d[i].g)), float64(d[i].h)
		if w != nil {
			if w[i] == 0 {
				continue
			}
			if !wk.whole {
				g, h = g*w[i], h*w[i]
			}
		}
		e.g, e.h = max(e.g, g), max(e.h, h)
		e.sumG += g
		e.sumW++
	}
	return e
}

// quantise rounds the derivatives, which are per unit of weight, into gh.
func quantise(d []derivative, e extent, wk weightKind, gh []int64, threads int) fixed {
	w := wk.w
	// Enough bits that the mean gradient has eight of them.
	need := fewestBits
	if e.sumG > 0 {
		need = int(math.Ceil(math.Log2(e.g*e.sumW/e.sumG))) + 8
	}
	f := fixed{exact: need > mostBits}
	nBits := max(fewestBits, need)
	if f.exact {
		nBits = exactBits
	}
	most := 1
	if wk.whole && w != nil {
		most = 1 << bits.Len(uint(wk.most)-1)
	}
	f.pour = 1<<(31-nBits)/most - 1 // one less, for +2³¹ does not fit
	f.gUnit, f.hUnit = unitOf(e.g, nBits), unitOf(e.h, nBits)
	gScale, hScale := 1/f.gUnit, 1/f.hUnit
	kernel.Parallel(len(d), threads, rowGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g, h := float64(d[i].g)*gScale, float64(d[i].h)*hScale
			switch {
			case w == nil:
				gh[i] = pack(nearest(g), nearest(h))
			case w[i] == 0:
				gh[i] = 0
			case wk.whole:
				gh[i] = pack(nearest(g), nearest(h)) * int64(w[i])
			default:
				gh[i] = pack(nearest(g*w[i]), nearest(h*w[i]))
			}
		}
	})
	return f
}

// unitOf returns the power of two that makes most at most 2^bits units.
func unitOf(most float64, bits int) float64 {
	if most == 0 {
		return 1
	}
	f, e := math.Frexp(most)
	if f == 0.5 {
		e-- // most is a power of two itself
	}
	return math.Ldexp(1, e-bits)
}

// nearest rounds |x| < 2³¹ to the nearest whole number, by moving the point of the sum to the lowest bit.
func nearest(x float64) int64 {
	const point = 3 << 51
	return int64(int32(math.Float64bits(x + point)))
}

func pack(g, h int64) int64 { return g<<32 + h }

func unpack(gh int64) (g, h int64) {
	h = int64(uint32(gh))
	return (gh - h) >> 32, h
}

// weightOf returns the weight of all n rows.
func weightOf(n int, w []float64) float64 {
	if w == nil {
		return float64(n)
	}
	return exactSum(n, func(i int) float64 { return w[i] })
}

// mean returns the weighted mean. It does not depend on the order of rows: sums are whole numbers of 128 bits.
func mean(v, w []float64) float64 {
	if w == nil {
		return exactSum(len(v), func(i int) float64 { return v[i] }) / float64(len(v))
	}
	return exactSum(len(v), func(i int) float64 {
		if w[i] == 0 {
			return 0
		}
		return w[i] * v[i]
	}) / exactSum(len(w), func(i int) float64 { return w[i] })
}

// exactSum adds numbers rounded to 2⁻⁶² of the largest, in an order that does not matter.
func exactSum(n int, at func(i int) float64) float64 {
	most := 0.0
	for i := range n {
		most = max(most, math.Abs(at(i)))
	}
	if most == 0 {
		return 0
	}
	unit := max(unitOf(most, 62), 0x1p-1022) // below, the smallest numbers are lost
	var hi int64
	var lo uint64
	for i := range n {
		q := int64(at(i) / unit) // no rounding: unit is a power of two and 62 bits hold a float64 of this size
		var carry uint64
		lo, carry = bits.Add64(lo, uint64(q), 0)
		hi += q>>63 + int64(carry)
	}
	return (float64(hi)*0x1p64 + float64(lo)) * unit
}
