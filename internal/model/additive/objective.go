package additive

import (
	"math"
	"math/bits"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
)

// objective is a loss that boosting lowers. Scores are float32, per output and row: what training sees need not be finer than
// the steps it takes. Gradients are whole numbers, so that their sums do not depend on the order of rows.
type objective interface {
	// outputs returns how many scores a row has.
	outputs() int
	// base returns the best constant score of each output, in units of scores.
	base() []float64
	// unit is what a score of 1 means in the outcome's units; origin is what a score of 0 means.
	unit() float64
	origin() float64
	// gradient writes first and second derivative for rows [lo, hi), per output.
	gradient(lo, hi int, score [][]float32, out [][]int64)
	// split tells a sum of at most pourRows gradients apart.
	split(sum int64) (g, h int64)
	// scale says what 1 stands for; h is 0 if the hessian of a row is its weight.
	scale() (g, h float64)
	// loss returns the loss of rows [lo, hi) as a whole number of lossUnits.
	loss(lo, hi int, score [][]float32) int64
}

func objectiveOf(y model.Outcome, r *rows) objective {
	switch y.Task {
	case kequn.Binary:
		return newLogistic(r)
	case kequn.Multiclass:
		return newSoftmax(r, len(y.Classes))
	}
	return newSquares(r)
}

// A packed gradient is g<<32 + h, both at most 2¹⁷. pourRows of them can be added before either half overflows, fewer where
// they are multiplied by weights.
const (
	packing  = 1 << 17
	pourRows = 8192
)

// pourRows returns how many gradients can be added.
func (r *rows) pourRows() int {
	if r.times == nil {
		return pourRows
	}
	return pourRows >> bits.Len(uint(r.most)-1)
}

func unpack(gh int64) (g, h int64) {
	h = int64(uint32(gh))
	return (gh - h) >> 32, h
}

// nearest rounds |x| < 2²² to the nearest whole number, by moving the point of the sum to the lowest bit.
func nearest(x float32) int64 {
	const point = 3 << 22
	return int64(int32(math.Float32bits(x+point)) - 0x4b400000)
}

// timesWeight multiplies gradients by whole weights.
func (r *rows) timesWeight(lo int, gh []int64) {
	if r.times == nil {
		return
	}
	for i, t := range r.times[lo : lo+len(gh)] {
		gh[i] *= t
	}
}

// Losses are added as whole numbers too: whether boosting stops must not depend on the order of rows.
const (
	lossUnit = 0x1p-34
	mostLoss = 1 << 8

	squareLoss = 16 // what a difference of 1 squared counts: outcomes lie within ±1, most far within
)

func (r *rows) addLoss(sum int64, i int, loss float64) int64 {
	q := int64(min(loss, mostLoss) / lossUnit)
	switch {
	case r.times != nil:
		q *= r.times[i]
	case r.share != nil:
		q = int64(float64(q) * float64(r.share[i]))
	}
	return sum + q
}

// logistic is −y·log p − (1−y)·log(1−p) with p = 1/(1+e^−s): g = p − y, h = p·(1−p).
type logistic struct {
	r *rows
	y []float32
}

func newLogistic(r *rows) *logistic {
	o := &logistic{r: r, y: make([]float32, r.n)}
	for i, v := range r.y {
		o.y[i] = float32(v)
	}
	return o
}

func (o *logistic) outputs() int                 { return 1 }
func (o *logistic) unit() float64                { return 1 }
func (o *logistic) origin() float64              { return 0 }
func (o *logistic) split(sum int64) (g, h int64) { return unpack(sum) }
func (o *logistic) scale() (g, h float64) {
	k := 1.0
	if o.r.share != nil {
		k = o.r.most
	}
	return k / packing, k / (4 * packing)
}

func (o *logistic) base() []float64 {
	p := o.r.mean(func(i int) float64 { return o.r.y[i] })
	return []float64{math.Log(p / (1 - p))}
}

func (o *logistic) gradient(lo, hi int, score [][]float32, out [][]int64) {
	var room [grainRows]float32
	for lo < hi {
		n := min(hi-lo, grainRows)
		p, y, gh := room[:n], o.y[lo:lo+n], out[0][:n]
		kernel.Sigmoid32(p, score[0][lo:lo+n])
		if o.r.share == nil {
			for i, p := range p {
				gh[i] = nearest((p-y[i])*packing)<<32 + nearest((p-p*p)*(4*packing))
			}
			o.r.timesWeight(lo, gh)
		} else {
			for i, share := range o.r.share[lo : lo+n] {
				gh[i] = nearest((p[i]-y[i])*share*packing)<<32 + nearest((p[i]-p[i]*p[i])*share*(4*packing))
			}
		}
		lo += n
		out = [][]int64{out[0][n:]}
	}
}

func (o *logistic) loss(lo, hi int, score [][]float32) (sum int64) {
	for i := lo; i < hi; i++ {
		s := float64(score[0][i])
		if o.y[i] > 0 {
			s = -s
		}
		sum = o.r.addLoss(sum, i, softplus(s))
	}
	return sum
}

// exp returns e^x for x ≤ 0 to a relative 1e-5, for gradients: 2 to the whole part of x/ln 2, times a polynomial in the rest.
func exp(x float32) float32 {
	const point = 3 << 22 // moves the point of the sum to the lowest bit
	x = max(x, -80) * math.Log2E
	whole := x + point
	f := (x - (whole - point)) * math.Ln2 // |f| ≤ 0.35
	p := 1 + f*(1+f*(0.5+f*(1.0/6+f*(1.0/24+f*(1.0/120+f*(1.0/720))))))
	return math.Float32frombits(math.Float32bits(p) + math.Float32bits(whole)<<23)
}

// squares is ½·(s − y)²: g = s − y, and the hessian is the weight. Outcomes are shifted by their mean and divided by a power
// of two near the largest that is left.
type squares struct {
	r           *rows
	y           []float32
	at, divisor float64
	packing     float32 // a power of two
}

func newSquares(r *rows) *squares {
	o := &squares{r: r, y: make([]float32, r.n)}
	o.at = r.mean(func(i int) float64 { return r.y[i] })
	most := 0.0
	for _, v := range r.y {
		most = max(most, math.Abs(v/2-o.at/2))
	}
	_, e := math.Frexp(most)
	o.divisor = math.Ldexp(1, min(e+1, 1000))
	for i, v := range r.y {
		o.y[i] = float32(v/o.divisor - o.at/o.divisor)
	}
	weight := max(1.0, float64(r.n))
	if r.times != nil {
		weight *= r.most
	}
	o.packing = float32(math.Ldexp(1, min(40, 58-bits.Len64(uint64(weight)))))
	return o
}

func (o *squares) outputs() int                 { return 1 }
func (o *squares) unit() float64                { return o.divisor }
func (o *squares) origin() float64              { return o.at }
func (o *squares) base() []float64              { return []float64{0} }
func (o *squares) split(sum int64) (g, h int64) { return sum, 0 }
func (o *squares) scale() (g, h float64) {
	k := 1.0
	if o.r.share != nil {
		k = o.r.most
	}
	return k / float64(o.packing), 0
}

func (o *squares) gradient(lo, hi int, score [][]float32, out [][]int64) {
	s, gh, y := score[0][lo:hi], out[0][:hi-lo], o.y[lo:hi]
	for i, v := range s {
		g := min(max(v-y[i], -8), 8)
		if o.r.share != nil {
			g *= o.r.share[lo+i]
		}
		gh[i] = int64(g * o.packing)
	}
	o.r.timesWeight(lo, gh)
}

func (o *squares) loss(lo, hi int, score [][]float32) (sum int64) {
	for i := lo; i < hi; i++ {
		d := float64(score[0][i]) - float64(o.y[i])
		sum = o.r.addLoss(sum, i, squareLoss*d*d)
	}
	return sum
}

// softmax is −log p_y with p = softmax(s): g_k = p_k − [y = k], and h_k = K/(K−1)·p_k·(1−p_k), the bound that makes K
// one-dimensional steps a step of the whole (Friedman 2001, LogitBoost).
type softmax struct {
	r       *rows
	classes int
}

func newSoftmax(r *rows, classes int) *softmax {
	return &softmax{r: r, classes: classes}
}

func (o *softmax) outputs() int                 { return o.classes }
func (o *softmax) unit() float64                { return 1 }
func (o *softmax) origin() float64              { return 0 }
func (o *softmax) split(sum int64) (g, h int64) { return unpack(sum) }
func (o *softmax) scale() (g, h float64) {
	k := 1.0
	if o.r.share != nil {
		k = o.r.most
	}
	return k / packing, k / (2 * packing)
}

func (o *softmax) base() []float64 {
	out := make([]float64, o.classes)
	for k := range out {
		share := o.r.mean(func(i int) float64 {
			if int(o.r.y[i]) == k {
				return 1
			}
			return 0
		})
		out[k] = math.Log(max(share, 1e-15)) // a class without rows keeps a chance that no score can make negative
	}
	return out
}

func (o *softmax) gradient(lo, hi int, score [][]float32, out [][]int64) {
	factor := 2 * packing * float32(o.classes) / float32(max(1, o.classes-1))
	var room [16]float32
	p := room[:0]
	for range o.classes {
		p = append(p, 0)
	}
	for i := lo; i < hi; i++ {
		most := score[0][i]
		for k := range p {
			most = max(most, score[k][i])
		}
		sum := float32(0)
		for k := range p {
			p[k] = exp(score[k][i] - most)
			sum += p[k]
		}
		weight := 1 / sum
		share := float32(1)
		if o.r.share != nil {
			share = o.r.share[i]
		}
		own := int(o.r.y[i])
		for k := range p {
			q := p[k] * weight
			g := q
			if k == own {
				g--
			}
			out[k][i-lo] = nearest(g*share*packing)<<32 + nearest(q*(1-q)*share*factor)
		}
	}
	for k := range p {
		o.r.timesWeight(lo, out[k][:hi-lo])
	}
}

func (o *softmax) loss(lo, hi int, score [][]float32) (sum int64) {
	row := make([]float64, o.classes)
	for i := lo; i < hi; i++ {
		for k := range row {
			row[k] = float64(score[k][i])
		}
		sum = o.r.addLoss(sum, i, logSumExp(row)-row[int(o.r.y[i])])
	}
	return sum
}

// mean returns the weighted mean of a value of each row, which does not depend on the order of rows.
func (r *rows) mean(at func(i int) float64) float64 {
	size := 1.0
	if r.share != nil {
		size = r.most
	}
	return kernel.ExactSum(r.n, func(i int) float64 { return r.weight(i) / size * at(i) }) / (r.total / size)
}

// softplus returns log(1 + e^s).
func softplus(s float64) float64 {
	if s > 0 {
		return s + math.Log1p(math.Exp(-s))
	}
	return math.Log1p(math.Exp(s))
}

func logSumExp(v []float64) float64 {
	most := math.Inf(-1)
	for _, x := range v {
		most = max(most, x)
	}
	sum := 0.0
	for _, x := range v {
		sum += math.Exp(x - most)
	}
	return most + math.Log(sum)
}
