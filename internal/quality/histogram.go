package quality

import "math"

// Bins of a histogram of numbers of any size and sign: sixteen to a doubling, so that a bin is at most 1/16 wide of what it holds.
//
//	… −2 ┊ −1 ┊ … −2⁻²⁰ │ 0 │ 2⁻²⁰ … 1 ┊ 2 ┊ 4 … 2⁴⁴
//
// Bins count whole rows, so histograms of parts add up to that of all in any order. A limit that lies on a border of bins is
// counted exactly.
const (
	perDoubling = 16
	minExponent = -20
	maxExponent = 44
	halfBins    = (maxExponent - minExponent) * perDoubling
	zeroBin     = halfBins
	nBins       = 2*halfBins + 1
)

// binOf returns the bin of a number that is not NaN. Bins are ordered as numbers are.
func binOf(x float64) int {
	if x == 0 {
		return zeroBin
	}
	bits := math.Float64bits(x)
	e := int(bits>>52&0x7ff) - 1023
	k := 0
	switch {
	case e < minExponent:
	case e >= maxExponent:
		k = halfBins - 1
	default:
		k = (e-minExponent)*perDoubling + int(bits>>48&15)
	}
	if bits>>63 == 1 {
		return zeroBin - 1 - k
	}
	return zeroBin + 1 + k
}

// edge returns the smallest size of the numbers of a bin (the largest number of a negative bin).
func edge(bin int) float64 {
	if bin == zeroBin {
		return 0
	}
	k, sign := bin-zeroBin-1, 1.0
	if bin < zeroBin {
		k, sign = zeroBin-1-bin, -1
	}
	return sign * math.Ldexp(1+float64(k%perDoubling)/perDoubling, k/perDoubling+minExponent)
}

// numbers is the histogram of one side.
type numbers struct {
	n    int64
	bins []int64
	min  float64
	max  float64
}

func newNumbers() numbers {
	return numbers{bins: make([]int64, nBins), min: math.Inf(1), max: math.Inf(-1)}
}

func (h *numbers) add(x float64) {
	h.n++
	h.bins[binOf(x)]++
	if x < h.min {
		h.min = x
	}
	if x > h.max {
		h.max = x
	}
}

func (h *numbers) merge(o *numbers) {
	h.n += o.n
	for i, n := range o.bins {
		h.bins[i] += n
	}
	h.min, h.max = min(h.min, o.min), max(h.max, o.max)
}

// plus returns the histogram of both sides.
func (h *numbers) plus(o *numbers) numbers {
	out := newNumbers()
	out.merge(h)
	out.merge(o)
	return out
}

// quantile returns about the q-quantile: the border of its bin that is nearer to 0.
func (h *numbers) quantile(q float64) float64 {
	if h.n == 0 {
		return math.NaN()
	}
	return edge(h.quantileBin(q))
}

func (h *numbers) quantileBin(q float64) int {
	want, sum := int64(q*float64(h.n-1)), int64(0)
	for i, n := range h.bins {
		if sum += n; sum > want {
			return i
		}
	}
	return nBins - 1
}

// above counts the numbers in bins from one on.
func (h *numbers) above(bin int) (n int64) {
	for i := max(0, bin); i < nBins; i++ {
		n += h.bins[i]
	}
	return n
}

// below counts the numbers in bins up to one, itself included.
func (h *numbers) below(bin int) (n int64) {
	for i := 0; i <= min(bin, nBins-1); i++ {
		n += h.bins[i]
	}
	return n
}

// distance is the Kolmogorov–Smirnov statistic of two histograms: the largest difference of their cumulated shares.
func (h *numbers) distance(o *numbers) float64 {
	if h.n == 0 || o.n == 0 {
		return 0
	}
	var a, b int64
	most := 0.0
	for i := range h.bins {
		a, b = a+h.bins[i], b+o.bins[i]
		most = max(most, math.Abs(float64(a)/float64(h.n)-float64(b)/float64(o.n)))
	}
	return most
}
