package metric

import (
	"math"

	"kequn/internal/kernel"
)

// The kinds of [Calibration], from simple to free.
const (
	NoCalibration = "none"     // p stays as it is
	Platt         = "platt"    // σ(A·logit p + B)
	Beta          = "beta"     // σ(A·ln p − B·ln(1−p) + C)
	Isotonic      = "isotonic" // a rising step-like line through (X, Y)
)

// Calibration maps a score in [0, 1] to a probability in [0, 1]. No kind ever reverses the order of two scores. The zero value
// changes nothing. A score that is a margin m enters as σ(m), of which Platt takes the logit again.
type Calibration struct {
	Kind string    `json:"kind,omitempty"`
	A    float64   `json:"a,omitempty"`
	B    float64   `json:"b,omitempty"`
	C    float64   `json:"c,omitempty"`
	X    []float64 `json:"x,omitempty"`
	Y    []float64 `json:"y,omitempty"`
}

// calibrationEdge holds scores away from 0 and 1 before their logarithm is taken. A tree's leaf of 20 rows may say 0; beyond
// one in a million such a score carries no more meaning, and would pull a fitted line by its end.
const calibrationEdge = 1e-6

// Apply returns the probability for a score. It panics for a score outside [0, 1] or a kind that does not exist.
func (c Calibration) Apply(p float64) float64 {
	if !(p >= 0 && p <= 1) {
		panic(errProbability)
	}
	switch c.Kind {
	case "", NoCalibration:
		return p
	case Platt:
		return sigmoid(c.A*logit(p) + c.B)
	case Beta:
		lp, lq := betaFeatures(p)
		return sigmoid(c.A*lp + c.B*lq + c.C)
	case Isotonic:
		return interpolate(c.X, c.Y, p)
	}
	panic("metric: unknown kind of calibration")
}

// ApplyAll returns the probabilities of all scores in a new slice.
func (c Calibration) ApplyAll(p []float64) []float64 {
	out := make([]float64, len(p))
	for i, q := range p {
		out[i] = c.Apply(q)
	}
	return out
}

// Valid tells whether the calibration can be applied: its kind exists, its numbers are finite, and an isotonic one has
// knots that rise from left to right within [0, 1]. For what was read from a file.
func (c Calibration) Valid() bool {
	if c.A-c.A != 0 || c.B-c.B != 0 || c.C-c.C != 0 || len(c.X) != len(c.Y) {
		return false
	}
	for i := range c.X {
		if !(c.X[i] >= 0 && c.X[i] <= 1 && c.Y[i] >= 0 && c.Y[i] <= 1) || i > 0 && (c.X[i] <= c.X[i-1] || c.Y[i] < c.Y[i-1]) {
			return false
		}
	}
	switch c.Kind {
	case "", NoCalibration:
		return true
	case Platt:
		return c.A >= 0
	case Beta:
		return c.A >= 0 && c.B >= 0
	case Isotonic:
		return len(c.X) > 0
	}
	return false
}

// FitCalibration fits a calibration of the kind to outcomes and scores that the scored model has not been trained on.
//
// Platt and Beta are maximum likelihood with Platt's targets (n₁+1)/(n₁+2) and 1/(n₀+2) in place of 1 and 0, so that
// separable scores do not run away; a slope that would reverse the order becomes 0. Isotonic is the weighted
// least-squares rising fit (pool adjacent violators) with straight lines between its blocks; a block at an end whose mean
// is 0 or 1 is moved to Laplace's 1/(w+2) or (w+1)/(w+2), though never past its neighbour, since a promise of "never" or
// "always" from a few rows costs without limit when it is broken. Blocks are tilted by a thousandth of the score: the
// probability hardly changes, and of two rows in one block the one that scored higher stays ahead.
//
// Sources: Platt 1999; Kull, Silva Filho & Flach 2017; Zadrozny & Elkan 2002. Without weight the zero value is returned.
func FitCalibration(kind string, outcome, score, weight []float64) Calibration {
	checkProbability(outcome, score, weight)
	if totalWeight(len(score), weight) == 0 {
		return Calibration{}
	}
	switch kind {
	case "", NoCalibration:
		return Calibration{Kind: NoCalibration}
	case Platt:
		l := make([]float64, len(score))
		for i, p := range score {
			l[i] = logit(p)
		}
		b := risingLogistic(outcome, weight, l)
		return Calibration{Kind: Platt, A: b[0], B: b[1]}
	case Beta:
		lp, lq := make([]float64, len(score)), make([]float64, len(score))
		for i, p := range score {
			lp[i], lq[i] = betaFeatures(p)
		}
		b := risingLogistic(outcome, weight, lp, lq)
		return Calibration{Kind: Beta, A: b[0], B: b[1], C: b[2]}
	case Isotonic:
		x, y := pooled(outcome, score, weight, true)
		x, y = tilted(x, y)
		return Calibration{Kind: Isotonic, X: x, Y: y}
	}
	panic("metric: unknown kind of calibration")
}

// CalibrationTrial is how one kind of calibration did in cross-validation.
type CalibrationTrial struct {
	Kind    string  `json:"kind"`
	LogLoss float64 `json:"log_loss"` // on rows it was not fitted to
	Gain    float64 `json:"gain"`     // log loss saved against the kind chosen before it in the list
	GainErr float64 `json:"gain_err"` // standard error of Gain, paired by row
}

const calibrationFolds = 5

// ChooseCalibration compares no calibration, Platt, Beta and Isotonic by log loss in 5-fold cross-validation and returns the
// chosen kind, fitted to all rows, with the trials. A freer kind replaces a simpler one only if it saves more than one paired
// standard error. group keeps rows of equal number (a customer's) in one fold; nil for rows that stand alone. With fewer than 10 rows
// of either outcome nothing is chosen: the zero value and no trials.
func ChooseCalibration(outcome, score, weight []float64, group []int64, seed uint64) (Calibration, []CalibrationTrial) {
	checkProbability(outcome, score, weight)
	if group != nil && len(group) != len(score) {
		panic(errLength)
	}
	yes, no := 0, 0
	for i, y := range outcome {
		switch {
		case at(weight, i) == 0:
		case y == 1:
			yes++
		default:
			no++
		}
	}
	if yes < 10 || no < 10 {
		return Calibration{}, nil
	}
	fold := calibrationFold(outcome, group, seed)
	best := logLossRows(outcome, score)
	total := totalWeight(len(score), weight)
	trials := []CalibrationTrial{{Kind: NoCalibration, LogLoss: kernel.SumProduct(best, weight) / total}}
	chosen := NoCalibration
	for _, kind := range []string{Platt, Beta, Isotonic} {
		loss := logLossRows(outcome, crossCalibrated(kind, outcome, score, weight, fold))
		saved := make([]float64, len(loss))
		for i := range saved {
			saved[i] = best[i] - loss[i]
		}
		gain, se := meanError(saved, weight)
		trials = append(trials, CalibrationTrial{kind, kernel.SumProduct(loss, weight) / total, gain, se})
		if gain > se {
			chosen, best = kind, loss
		}
	}
	return FitCalibration(chosen, outcome, score, weight), trials
}

func calibrationFold(outcome []float64, group []int64, seed uint64) []int {
	fold := make([]int, len(outcome))
	if group != nil {
		for i, g := range group {
			fold[i] = int(kernel.Mix(seed^kernel.Mix(uint64(g))) % calibrationFolds)
		}
		return fold
	}
	// Deal each outcome's rows round in random order, so that every fold has its share of both.
	dealt := [2]int{}
	for _, i := range kernel.NewStream(seed, kernel.ID("calibration")).Perm(len(outcome)) {
		k := int(outcome[i])
		fold[i] = dealt[k] % calibrationFolds
		dealt[k]++
	}
	return fold
}

// crossCalibrated returns each row's probability by a calibration fitted to the other folds.
func crossCalibrated(kind string, outcome, score, weight []float64, fold []int) []float64 {
	out := make([]float64, len(score))
	var y, s, w []float64
	for f := range calibrationFolds {
		y, s, w = y[:0], s[:0], w[:0]
		for i, k := range fold {
			if k != f {
				y, s, w = append(y, outcome[i]), append(s, score[i]), append(w, at(weight, i))
			}
		}
		c := FitCalibration(kind, y, s, w)
		for i, k := range fold {
			if k == f {
				out[i] = c.Apply(score[i])
			}
		}
	}
	return out
}

func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

func logit(p float64) float64 {
	a, b := betaFeatures(p)
	return a + b
}

// betaFeatures returns ln p and −ln(1−p), both rising in p.
func betaFeatures(p float64) (lp, lq float64) {
	p = min(max(p, calibrationEdge), 1-calibrationEdge)
	return math.Log(p), -math.Log1p(-p)
}

// interpolate returns the value at p of the straight lines through (x, y), level beyond both ends.
func interpolate(x, y []float64, p float64) float64 {
	lo, hi := 0, len(x) // x[lo−1] < p ≤ x[lo] is looked for
	for lo < hi {
		if mid := (lo + hi) / 2; x[mid] < p {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	switch {
	case lo == len(x):
		return y[lo-1]
	case lo == 0 || x[lo] == p:
		return y[lo]
	}
	return y[lo-1] + (y[lo]-y[lo-1])*((p-x[lo-1])/(x[lo]-x[lo-1]))
}

// tilt is the share of the score itself in an isotonic calibration.
const tilt = 1e-3

// tilted gives level blocks, and what lies beyond the first and the last, a slope.
func tilted(x, y []float64) (tx, ty []float64) {
	add := func(a, b float64) { tx, ty = append(tx, a), append(ty, (1-tilt)*b+tilt*a) }
	if x[0] > 0 {
		add(0, y[0])
	}
	for i := range x {
		add(x[i], y[i])
	}
	if last := len(x) - 1; x[last] < 1 {
		add(1, y[last])
	}
	return tx, ty
}

// pooled returns the knots of the rising fit of outcome on score: of each block its first and last score.
func pooled(outcome, score, weight []float64, laplace bool) (x, y []float64) {
	type block struct{ w, sum, first, last float64 }
	var stack []block
	groups(kernel.Argsort(score), score, func(rows []int32) bool {
		b := block{first: score[rows[0]], last: score[rows[0]]}
		for _, i := range rows {
			b.w += at(weight, int(i))
			b.sum += at(weight, int(i)) * outcome[i]
		}
		if b.w == 0 {
			return true
		}
		for len(stack) > 0 {
			a := stack[len(stack)-1]
			if a.sum*b.w < b.sum*a.w { // mean of a < mean of b
				break
			}
			b = block{a.w + b.w, a.sum + b.sum, a.first, b.last}
			stack = stack[:len(stack)-1]
		}
		stack = append(stack, b)
		return true
	})
	mean := make([]float64, len(stack))
	for i, b := range stack {
		mean[i] = b.sum / b.w
	}
	if n := len(stack); laplace {
		low, high := stack[0], stack[n-1]
		lowIsNever, highIsAlways := low.sum == 0, high.sum == high.w
		if lowIsNever {
			mean[0] = 1 / (low.w + 2)
		}
		if highIsAlways {
			mean[n-1] = (high.w + 1) / (high.w + 2)
		}
		if n > 1 && lowIsNever {
			mean[0] = min(mean[0], mean[1])
		}
		if n > 1 && highIsAlways {
			mean[n-1] = max(mean[n-1], mean[n-2])
		}
	}
	for i, b := range stack {
		x, y = append(x, b.first), append(y, mean[i])
		if b.last > b.first {
			x, y = append(x, b.last), append(y, mean[i])
		}
	}
	return x, y
}

// risingLogistic returns the slopes and the intercept of the logistic regression of outcome on the features with Platt's
// targets; features whose slope would be negative are taken out, worst first, and keep slope 0.
func risingLogistic(outcome, weight []float64, features ...[]float64) []float64 {
	yes, total := 0.0, 0.0
	for i, y := range outcome {
		w := at(weight, i)
		yes += w * y
		total += w
	}
	target := make([]float64, len(outcome))
	for i, y := range outcome {
		if target[i] = 1 / (total - yes + 2); y == 1 {
			target[i] = (yes + 1) / (yes + 2)
		}
	}
	used := make([]int, len(features))
	for i := range used {
		used[i] = i
	}
	out := make([]float64, len(features)+1)
	for {
		x := make([][]float64, len(used))
		for k, f := range used {
			x[k] = features[f]
		}
		b := logistic(target, weight, x)
		worst := -1
		for k := range used {
			if b[k] < 0 && (worst < 0 || b[k] < b[worst]) {
				worst = k
			}
		}
		if worst < 0 {
			for k, f := range used {
				out[f] = b[k]
			}
			out[len(features)] = b[len(used)]
			return out
		}
		used = append(used[:worst], used[worst+1:]...)
	}
}

// slopePenalty, times the weight, is laid on the squared slopes of standardised features: too little to be seen in a
// probability, enough to make the minimum unique where two features say the same.
const slopePenalty = 1e-8

// logistic minimises Σ w·cross-entropy(target, σ(x·b + b₀)) by Newton's method with halved steps; the intercept comes
// last. A constant feature gets slope 0.
func logistic(target, weight []float64, x [][]float64) []float64 {
	d := len(x) + 1
	z := make([][]float64, d) // standardised features, then ones
	mean, spread := make([]float64, d-1), make([]float64, d-1)
	for k, v := range x {
		m, variance := kernel.MeanVar(v, weight)
		mean[k], spread[k] = m, math.Sqrt(variance)
		if !(spread[k] > 1e-9*(1+math.Abs(m))) {
			spread[k] = math.Inf(1) // standardised, a constant is 0
		}
		z[k] = make([]float64, len(v))
		for i, u := range v {
			z[k][i] = (u - m) / spread[k]
		}
	}
	z[d-1] = make([]float64, len(target))
	for i := range target {
		z[d-1][i] = 1
	}
	b := newtonLogistic(target, weight, z, slopePenalty*totalWeight(len(target), weight))
	for k := range x {
		b[k] /= spread[k]
		b[d-1] -= b[k] * mean[k]
	}
	return b
}

// settled is the decrease, relative to the loss, below which a Newton step is the last: as steps converge quadratically, it lands at
// the minimum to rounding, and the loss could no longer tell.
const settled = 1e-10

// newtonLogistic minimises Σ w·cross-entropy(target, σ(x·b)) + penalty/2·Σ bₖ², the last coefficient going free.
func newtonLogistic(target, weight []float64, x [][]float64, penalty float64) []float64 {
	d := len(x)
	b, row := make([]float64, d), make([]float64, d)
	eta, mu, trial := make([]float64, len(target)), make([]float64, len(target)), make([]float64, len(target))
	loss := func(b, mu []float64) float64 {
		clear(eta)
		for k := range x {
			kernel.Axpy(b[k], x[k], eta)
		}
		sum := penalty / 2 * kernel.Dot(b[:d-1], b[:d-1])
		for i, m := range eta {
			e := math.Exp(-math.Abs(m))
			mu[i] = 1 / (1 + e)
			if m < 0 {
				mu[i] = e / (1 + e)
			}
			// softplus(m) − target·m
			sum += at(weight, i) * (max(m, 0) + math.Log1p(e) - target[i]*m)
		}
		return sum
	}
	now := loss(b, mu)
	next := make([]float64, d)
	for range 100 { // Newton settles in under 10; the rest is for steps that were halved
		g, h := make([]float64, d), make([]float64, d*d)
		for k := range d - 1 {
			g[k], h[k*d+k] = penalty*b[k], penalty
		}
		for i, m := range mu {
			w := at(weight, i)
			for k := range x {
				row[k] = x[k][i]
			}
			r, c := w*(m-target[i]), w*m*(1-m)
			for j, u := range row {
				g[j] += r * u
				u *= c
				for k, v := range row[:j+1] {
					h[j*d+k] += u * v
				}
			}
		}
		step, _ := kernel.SolveSPD(h, d, g)
		if step == nil {
			return b
		}
		if kernel.Dot(g, step) <= settled*now {
			kernel.Axpy(-1, step, b)
			return b
		}
		after, scale := math.Inf(1), 1.0
		for ; scale > 1e-9; scale /= 2 {
			for j := range b {
				next[j] = b[j] - scale*step[j]
			}
			if after = loss(next, trial); after <= now {
				break
			}
		}
		if !(after <= now) {
			return b // no step helps: this is the minimum as far as floats can tell
		}
		copy(b, next)
		mu, trial = trial, mu
		now = after
	}
	return b
}
