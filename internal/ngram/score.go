package ngram

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/kernel"
)

// score is a linear model of the texts alone: intercept + Σ weight·coef, on the margin. Coefficients are float32, as they are stored.
type score struct {
	intercept float64
	coef      []float32
}

// target is one thing to be told from the texts: for each line the weight of its rows and Σ w·y.
type target struct {
	logistic  bool
	weight, y []float64
}

// targets sums the outcome by line: one target for a binary outcome or an amount, one per class else.
func (m *Matrix) targets(task kequn.Task, y, w []float64, classes int) []target {
	n := 1
	if task == kequn.Multiclass {
		n = classes
	}
	out := make([]target, n)
	weight := make([]float64, m.NTexts)
	for k := range out {
		out[k] = target{logistic: task != kequn.Regression, weight: weight, y: make([]float64, m.NTexts)}
	}
	for i, t := range m.Row {
		if t < 0 || !m.Learnt[t] || weightOf(w, i) == 0 {
			continue
		}
		wi := weightOf(w, i)
		weight[t] += wi
		switch {
		case task == kequn.Multiclass:
			out[int(y[i])].y[t] += wi
		default:
			out[0].y[t] += wi * y[i]
		}
	}
	return out
}

// without returns the target with the weight taken off the lines of a fold.
func (t target) without(fold []uint8, f uint8) target {
	out := target{logistic: t.logistic, weight: make([]float64, len(t.weight)), y: make([]float64, len(t.y))}
	for i := range t.weight {
		if fold[i] != f {
			out.weight[i], out.y[i] = t.weight[i], t.y[i]
		}
	}
	return out
}

// start returns the intercept without any text.
func (t target) start() float64 {
	w, y := kernel.Sum(t.weight), kernel.Sum(t.y)
	if !t.logistic {
		if w == 0 {
			return 0
		}
		return y / w
	}
	return math.Log((y + 0.5) / (w - y + 0.5))
}

// loss returns the loss of margins u, and writes its derivative by each to r.
func (t target) loss(u, r []float64) float64 {
	sum := 0.0
	for i, w := range t.weight {
		if w == 0 {
			r[i] = 0
			continue
		}
		m := u[i]
		if !t.logistic {
			// (m−ȳ)²·w/2: what the rows of a line differ by among themselves is the same whatever m.
			d := m - t.y[i]/w
			r[i] = w * d
			sum += 0.5 * w * d * d
			continue
		}
		e := math.Exp(-math.Abs(m))
		p := 1 / (1 + e)
		if m < 0 {
			p = e / (1 + e)
		}
		r[i] = w*p - t.y[i]
		sum += w*(max(m, 0)+math.Log1p(e)) - t.y[i]*m
	}
	return sum
}

// fit minimises loss + l2/2·‖coef‖² from beta on (the intercept last).
func (m *Matrix) fit(ctx context.Context, t target, l2 float64, beta []float64, threads int) ([]float64, error) {
	q := m.NCols
	h := make([]float64, m.NTexts)
	total := 0.0
	share := 1.0
	if t.logistic {
		p := 1 / (1 + math.Exp(-t.start()))
		share = max(p*(1-p), 0.01)
	}
	for i, w := range t.weight {
		h[i] = share * w
		total += h[i]
	}
	scale := make([]float64, q+1)
	m.Squares(h, threads, scale[:q])
	for j := range q {
		scale[j] = 1 / (scale[j] + l2)
	}
	scale[q] = 1 / (total + 1e-6)
	u, r := make([]float64, m.NTexts), make([]float64, m.NTexts)
	// The last digits of a text's score tell nothing: 1e-5 of the loss is far below what other rows would change.
	search := kernel.LBFGS{MaxSteps: 60, Tolerance: 1e-5, Quiet: 2, Metric: func(v []float64) {
		for j := range v {
			v[j] *= scale[j]
		}
	}}
	best, _, _, err := search.Minimise(beta, func(beta []float64) (float64, []float64, error) {
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		m.Margins(beta[:q], threads, u)
		for i := range u {
			u[i] += beta[q]
		}
		grad := make([]float64, q+1)
		value := t.loss(u, r) + 0.5*l2*kernel.Dot(beta[:q], beta[:q])
		m.Gradient(r, threads, grad[:q])
		kernel.Axpy(l2, beta[:q], grad[:q])
		grad[q] = kernel.Sum(r)
		return value, grad, nil
	})
	return best, err
}

// Penalties that are tried, from the strongest: on lines of length 1, 1 is what text classifiers commonly take.
var penalties = []float64{10, 3, 1, 0.3, 0.1}

// scoreFolds is how many parts the training texts are cut into: each is scored by a model of the others.
const scoreFolds = 4

const foldSeed = 0x73636f7265

// folds returns a part for each line, by its content.
func (m *Matrix) folds(texts Texts) []uint8 {
	out := make([]uint8, m.NTexts)
	for t, k := range m.code {
		out[t] = uint8(kernel.Hash64(foldSeed, texts.At(int(k))) % scoreFolds)
	}
	return out
}

// honest returns for each line the margin of a model that has not seen it, and the model of all lines. The penalty is the one that does
// best on the first part held out.
func (m *Matrix) honest(ctx context.Context, t target, fold []uint8, threads int) (margin []float64, all score, err error) {
	q := m.NCols
	begin := make([]float64, q+1)
	begin[q] = t.start()
	margin = make([]float64, m.NTexts)
	u := make([]float64, m.NTexts)
	predict := func(beta []float64, f uint8) {
		m.Margins(beta[:q], threads, u)
		for i := range u {
			if fold[i] == f {
				margin[i] = u[i] + beta[q]
			}
		}
	}
	first, held := t.without(fold, 0), t
	held.weight, held.y = make([]float64, m.NTexts), make([]float64, m.NTexts)
	for i := range fold {
		if fold[i] == 0 {
			held.weight[i], held.y[i] = t.weight[i], t.y[i]
		}
	}
	r := make([]float64, m.NTexts)
	l2, least := 0.0, math.Inf(1)
	best, beta := begin, begin
	for _, l := range penalties {
		if beta, err = m.fit(ctx, first, l, beta, threads); err != nil {
			return nil, all, err
		}
		m.Margins(beta[:q], threads, u)
		for i := range u {
			u[i] += beta[q]
		}
		if loss := held.loss(u, r); loss < least {
			l2, least, best = l, loss, beta
		} else {
			break
		}
	}
	if l2 == 0 { // no number of them could be compared
		l2 = penalties[0]
	}
	predict(best, 0)
	for f := uint8(1); f < scoreFolds; f++ {
		// From the very beginning: any other start has seen the part's outcomes, and what it learnt would not be forgotten in full.
		if beta, err = m.fit(ctx, t.without(fold, f), l2, begin, threads); err != nil {
			return nil, all, err
		}
		predict(beta, f)
	}
	if beta, err = m.fit(ctx, t, l2, best, threads); err != nil {
		return nil, all, err
	}
	all = score{intercept: beta[q], coef: make([]float32, q)}
	for j := range q {
		all.coef[j] = finite(float32(beta[j]))
	}
	if math.IsNaN(all.intercept) || math.IsInf(all.intercept, 0) {
		all.intercept = 0
	}
	return margin, all, nil
}

func finite(x float32) float32 {
	if x != x || math.Abs(float64(x)) > 1e30 {
		return 0
	}
	return x
}
