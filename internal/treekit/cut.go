package treekit

import (
	"cmp"
	"math"
	"slices"

	"kequn/internal/table"
)

// MaxBins is the most bins a narrow column can have, the one for missing values left out.
const MaxBins = 255

// MostLevels is the most bins a wide category column can have.
const MostLevels = 1 << 15

// Cut says how the values of one column become bins 0 … NBins−1, and NBins for missing ones.
type Cut struct {
	// Upper has the upper border of every bin but the last, increasing: a number's bin is how many borders lie below
	// it. Borders lie half-way between neighbouring values of the training rows.
	Upper []float64

	// Level has the bin of every level of a category. It is nil for numbers. The most frequent levels have bins of
	// their own; if there are too many, the last bin pools all others.
	Level []uint8

	// Wide takes the place of Level where a category has more than MaxBins bins (see [Options.MaxLevels]).
	Wide []uint16

	NBins   int  // bins without the one for missing values; 0 if no row has a value
	Missing bool // some row of weight > 0 is missing
}

// IsCategory tells whether bins stand for levels, which have no order, or for numbers.
func (c *Cut) IsCategory() bool { return c.Level != nil || c.Wide != nil }

// IsWide tells whether bins take 16 bits.
func (c *Cut) IsWide() bool { return c.Wide != nil }

// Cells returns the number of bins with the one for missing values.
func (c *Cut) Cells() int { return c.NBins + 1 }

// MissingBin returns the bin of missing values of a narrow column.
func (c *Cut) MissingBin() uint8 { return uint8(c.NBins) }

// BinNumber returns the bin of a number.
func (c *Cut) BinNumber(x float64) uint8 {
	if x != x {
		return c.MissingBin()
	}
	lo, n := 0, len(c.Upper)
	for n > 0 {
		half := n >> 1
		if c.Upper[lo+half] < x {
			lo += half + 1
			n -= half + 1
		} else {
			n = half
		}
	}
	return uint8(lo)
}

// BinLevel returns the bin of a narrow category's code.
func (c *Cut) BinLevel(code int32) uint8 {
	if code < 0 {
		return c.MissingBin()
	}
	return c.Level[code]
}

// weights are row weights as whole numbers, whose sums do not depend on their order. A weight of 2 counts as two rows.
type weights struct {
	unit []uint64 // nil: every row counts 1
	rows []int32  // nil: all rows
	n    int      // rows that count
}

// newWeights leaves out rows of weight 0. Weights that are whole numbers stay as they are; others become multiples of
// a power of two so small that rounding is far below anything a bin border could feel.
func newWeights(n int, w []float64) weights {
	if w == nil {
		return weights{n: n}
	}
	whole, most, positive := true, 0.0, 0
	for _, v := range w {
		whole = whole && v == math.Trunc(v)
		most = max(most, v)
		if v > 0 {
			positive++
		}
	}
	scale := 1.0
	if limit := math.Exp2(52) / float64(n+1); !whole || most > limit {
		scale = math.Exp2(math.Floor(math.Log2(limit / most)))
	}
	out := weights{unit: make([]uint64, 0, positive), rows: make([]int32, 0, positive), n: positive}
	for i, v := range w {
		if v > 0 {
			out.unit = append(out.unit, max(1, uint64(math.RoundToEven(v*scale))))
			out.rows = append(out.rows, int32(i))
		}
	}
	return out
}

func (w weights) row(k int) int {
	if w.rows == nil {
		return k
	}
	return int(w.rows[k])
}

func (w weights) of(k int) uint64 {
	if w.unit == nil {
		return 1
	}
	return w.unit[k]
}

// cutLevels gives the maxBins−1 heaviest levels a bin each and the others one together; if there are no more than maxBins,
// all have their own. Bins are numbered by level, so that they depend on nothing else.
func cutLevels(c *table.Column, w weights, maxBins int) Cut {
	var cut Cut
	weight := make([]uint64, c.Dict.Len())
	for k := range w.n {
		if code := c.Code[w.row(k)]; code >= 0 {
			weight[code] += w.of(k)
		} else {
			cut.Missing = true
		}
	}
	var seen []int32
	for l, n := range weight {
		if n > 0 {
			seen = append(seen, int32(l))
		}
	}
	own := seen
	if len(seen) > maxBins {
		slices.SortStableFunc(seen, func(a, b int32) int { return cmp.Compare(weight[b], weight[a]) })
		own = seen[:maxBins-1]
		slices.Sort(own)
		cut.NBins = 1 // the pool
	}
	cut.NBins += len(own)
	pool := len(own) // levels without rows count as missing where there is no pool
	if cut.NBins > MaxBins {
		cut.Wide = numberLevels[uint16](len(weight), own, pool)
	} else {
		cut.Level = numberLevels[uint8](len(weight), own, pool)
	}
	return cut
}

func numberLevels[B uint8 | uint16](nLevels int, own []int32, pool int) []B {
	bin := make([]B, nLevels)
	for l := range bin {
		bin[l] = B(pool)
	}
	for b, l := range own {
		bin[l] = B(b)
	}
	return bin
}

// cutNumbers gives every distinct value a bin of its own if there are no more than maxBins, and otherwise bins of about
// equal weight.
func cutNumbers(v []float64, w weights, maxBins int, scratch *sortScratch) Cut {
	value, weight, missing := distinct(v, w, scratch)
	cut := Cut{Missing: missing, NBins: min(len(value), maxBins)}
	if len(value) <= maxBins {
		for i := 1; i < len(value); i++ {
			cut.Upper = append(cut.Upper, between(keyValue(value[i-1]), keyValue(value[i])))
		}
		return cut
	}
	cut.Upper = equalWeight(value, weight, maxBins)
	cut.NBins = len(cut.Upper) + 1
	return cut
}

// equalWeight returns the borders of at most maxBins bins. A value that weighs as much as an average bin gets a bin of its
// own; the others share what is left evenly (the greedy rule of LightGBM's bin.cpp). Values are keys.
func equalWeight(value, weight []uint64, maxBins int) []float64 {
	var total uint64
	for _, n := range weight {
		total += n
	}
	average := float64(total) / float64(maxBins)
	heavy := func(i int) bool { return float64(weight[i]) >= average }
	restBins, rest := maxBins, total
	for i, n := range weight {
		if heavy(i) {
			restBins--
			rest -= n
		}
	}
	mean := float64(rest) / float64(max(1, restBins))
	var upper []float64
	var inBin uint64
	for i := 0; i+1 < len(value) && len(upper) < maxBins-1; i++ {
		if !heavy(i) {
			rest -= weight[i]
		}
		inBin += weight[i]
		if heavy(i) || float64(inBin) >= mean || (heavy(i+1) && float64(inBin) >= mean/2) {
			upper = append(upper, between(keyValue(value[i]), keyValue(value[i+1])))
			inBin = 0
			if !heavy(i) {
				restBins--
				mean = float64(rest) / float64(max(1, restBins))
			}
		}
	}
	return upper
}

// between returns a border b with lo ≤ b < hi, half-way where that is possible.
func between(lo, hi float64) float64 {
	mid := lo/2 + hi/2
	switch {
	case math.IsInf(hi, 1):
		mid = math.MaxFloat64
		if lo == mid {
			return lo
		}
	case math.IsInf(lo, -1):
		return lo
	}
	if !(mid >= lo && mid < hi) {
		return lo
	}
	return mid
}

// distinct returns the keys of the different values in increasing order with the weight of each. Both lie in scratch.
func distinct(v []float64, w weights, scratch *sortScratch) (value, weight []uint64, missing bool) {
	keys, unit := scratch.sort(v, w)
	n := 0
	for i := 0; i < len(keys); {
		key, sum := keys[i], uint64(0)
		for ; i < len(keys) && keys[i] == key; i++ {
			if w.unit == nil {
				sum++
			} else {
				sum += unit[i]
			}
		}
		keys[n], unit[n] = key, sum
		n++
	}
	return keys[:n], unit[:n], len(keys) < w.n
}
