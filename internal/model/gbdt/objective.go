package gbdt

import (
	"math"

	"kequn"
	"kequn/internal/model"
)

// link turns margins into predictions.
type link uint8

const (
	identity    link = iota // regression
	logistic                // binary
	softmax                 // multiclass
	exponential             // regression of amounts ≥ 0
)

func linkOf(t kequn.Task, power float64) link {
	switch t {
	case kequn.Regression:
		if power != 0 {
			return exponential
		}
	case kequn.Binary:
		return logistic
	case kequn.Multiclass:
		return softmax
	}
	return identity
}

// apply turns the margins of rows, nOut numbers each, into predictions in place.
func (l link) apply(score []float64, nOut int) {
	switch l {
	case logistic:
		for i, s := range score {
			score[i] = 1 / (1 + math.Exp(-s))
		}
	case exponential:
		for i, s := range score {
			score[i] = math.Exp(min(s, 700)) // below infinity
		}
	case softmax:
		for i := 0; i < len(score); i += nOut {
			row := score[i : i+nOut]
			lse := logSumExp(row)
			for k, s := range row {
				row[k] = math.Exp(s - lse)
			}
		}
	}
}

// objective is a loss that boosting can lower. Scores are kept per output: score[k][row].
type objective interface {
	// outputs returns how many scores a row has, and trees a round.
	outputs() int
	// base returns the best constant score of each output.
	base() []float64
	// unit is what a score of 1 means in the outcome's units.
	unit() float64
	// shift is what the score lacks in the outcome's units.
	shift() float64
	// prepare is called before the trees of a round are grown.
	prepare(lo, hi int, score [][]float64)
	// gradient writes first and second derivative of the loss by score k, for rows [lo, hi) and per unit of weight.
	gradient(k, lo, hi int, score [][]float64, out []derivative)
	// loss returns the loss of a row per unit of weight.
	loss(row int, score [][]float64) float64
}

// derivative is (g, h) of one row; h ≥ 0.
type derivative struct{ g, h float32 }

// A leafwise objective takes the values of leaves from their rows.
type leafwise interface {
	rest(rows []int32, score []float64) float64
}

func (l Learner) objectiveOf(y model.Outcome, kind *weightKind) objective {
	w := kind.w
	switch y.Task {
	case kequn.Regression:
		if l.Power != 0 {
			return newPowers(y.Y, w, l.Power)
		}
		if l.Quantile != 0 {
			return newQuantiles(y.Y, w, l.Quantile, kind)
		}
	case kequn.Binary:
		return &logLoss{y: y.Y, w: w}
	case kequn.Multiclass:
		return &crossEntropy{y: y.Y, w: w, nClasses: len(y.Classes), lse: make([]float64, len(y.Y))}
	}
	return newSquares(y.Y, w)
}

// logLoss is −y·log p − (1−y)·log(1−p) with p = 1/(1+e^−s): g = p − y, h = p·(1−p).
type logLoss struct{ y, w []float64 }

func (o *logLoss) outputs() int                      { return 1 }
func (o *logLoss) unit() float64                     { return 1 }
func (o *logLoss) shift() float64                    { return 0 }
func (o *logLoss) prepare(int, int, [][]float64)     {}
func (o *logLoss) loss(i int, s [][]float64) float64 { return softplus(s[0][i]) - o.y[i]*s[0][i] }
func (o *logLoss) base() []float64                   { p := mean(o.y, o.w); return []float64{math.Log(p / (1 - p))} }

func (o *logLoss) gradient(_, lo, hi int, score [][]float64, out []derivative) {
	y := o.y[lo:hi]
	out = out[lo:hi]
	for i, s := range score[0][lo:hi] {
		p := sigmoid(s)
		out[i] = derivative{float32(p - y[i]), float32(p * (1 - p))}
	}
}

// squares is ½·(s − y)²: g = s − y, h = 1. Outcomes are divided by a power of two near the largest, so that those of any
// size stay within the range of float32 and of squares.
type squares struct {
	y, w  []float64
	scale float64
	mean  float64
}

func newSquares(y, w []float64) *squares {
	most := 0.0
	for i, v := range y {
		if w == nil || w[i] > 0 {
			most = max(most, math.Abs(v))
		}
	}
	_, e := math.Frexp(most)
	o := &squares{y: make([]float64, len(y)), w: w, scale: math.Ldexp(1, min(e, 1000))}
	for i, v := range y {
		if w == nil || w[i] > 0 {
			o.y[i] = v / o.scale
		}
	}
	o.mean = mean(o.y, w)
	return o
}

func (o *squares) outputs() int                  { return 1 }
func (o *squares) unit() float64                 { return o.scale }
func (o *squares) shift() float64                { return 0 }
func (o *squares) prepare(int, int, [][]float64) {}
func (o *squares) base() []float64               { return []float64{o.mean} }
func (o *squares) loss(i int, s [][]float64) float64 {
	d := s[0][i] - o.y[i]
	return d * d / 2
}

func (o *squares) gradient(_, lo, hi int, score [][]float64, out []derivative) {
	y := o.y[lo:hi]
	out = out[lo:hi]
	for i, s := range score[0][lo:hi] {
		out[i] = derivative{float32(s - y[i]), 1}
	}
}

// crossEntropy is −log p_y with p = softmax(s): g_k = p_k − [y = k], and h_k = K/(K−1)·p_k·(1−p_k), the bound that makes
// K one-dimensional steps a step of the whole (Friedman 2001, LogitBoost).
type crossEntropy struct {
	y, w     []float64
	nClasses int
	lse      []float64 // log Σ_k e^s_k of each row before the round
}

func (o *crossEntropy) outputs() int   { return o.nClasses }
func (o *crossEntropy) unit() float64  { return 1 }
func (o *crossEntropy) shift() float64 { return 0 }

func (o *crossEntropy) base() []float64 {
	share := make([]float64, o.nClasses)
	is := make([]float64, len(o.y))
	for k := range share {
		for i, y := range o.y {
			is[i] = 0
			if int(y) == k {
				is[i] = 1
			}
		}
		// A class without rows keeps a chance that no score can make negative.
		share[k] = math.Log(max(mean(is, o.w), 1e-15))
	}
	return share
}

func (o *crossEntropy) prepare(lo, hi int, score [][]float64) {
	row := make([]float64, o.nClasses)
	for i := lo; i < hi; i++ {
		for k := range row {
			row[k] = score[k][i]
		}
		o.lse[i] = logSumExp(row)
	}
}

func (o *crossEntropy) gradient(k, lo, hi int, score [][]float64, out []derivative) {
	factor := float64(o.nClasses) / float64(max(1, o.nClasses-1))
	for i := lo; i < hi; i++ {
		p := exp(score[k][i] - o.lse[i])
		g := p
		if int(o.y[i]) == k {
			g--
		}
		out[i] = derivative{float32(g), float32(factor * p * (1 - p))}
	}
}

func (o *crossEntropy) loss(i int, score [][]float64) float64 {
	row := make([]float64, o.nClasses)
	for k := range row {
		row[k] = score[k][i]
	}
	return logSumExp(row) - row[int(o.y[i])]
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
