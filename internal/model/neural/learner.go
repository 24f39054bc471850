// Package neural fits multilayer perceptrons: numbers as piecewise linear codes, embeddings for categories, a few networks averaged.
//
// How columns become numbers is in encode.go, the canonical order of rows in rows.go, the network and its training in
// train.go, what comes out in model.go and attribute.go.
package neural

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/net"
	"kequn/internal/table"
)

// Family is the name of the family in model files.
const Family = "mlp"

// Learner trains Members networks and averages their margins. Each is
//
//	h₀ = encoded row,  hₗ = drop(f(hₗ₋₁·Wₗ + bₗ)) for l = 1 … Layers,  margin = h·W + b
//
// and minimises the weighted mean of log(1+eᵐ) − y·m (binary), the cross entropy of the softmax (multiclass) or (y−m)²/2
// with y standardised (regression), by AdamW in batches. Each member holds back another part of the rows, stops when its loss
// there has not become smaller for a while, and keeps the weights that were best.
//
// Encoding. A number becomes its place among the training values, cut into Bins pieces of which those below it are 1, the
// one it lies in the share below it, and those above 0. A category of up to 8 levels becomes a 0/1 column per level, a larger one a
// vector of its own that is learned. Levels of less weight than MinCount are taken together. Missing values have a column
// (numbers) or a level (categories) of their own, if there were any in training; else they count as the average, and so
// do levels never seen. Every column is scaled to mean 0 and variance 1.
//
// Rows are sorted by their values' hash first, and equal ones become one of their summed weight: so the order of rows does not
// matter although training takes one batch after the other.
//
// Time is about 3·(rows·epochs)·(weights) multiplications per member; members are trained on different goroutines. The same bytes for any
// number of threads and with each of kernel's instruction sets.
//
// References: Gorishniy, Rubachev, Babenko, On Embeddings for Numerical Features in Tabular Deep Learning, 2022 (the piecewise linear
// code); Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019; Lakshminarayanan et al., Simple and Scalable
// Predictive Uncertainty Estimation using Deep Ensembles, 2017.
type Learner struct {
	Width      int     `param:"default=96,min=1,max=4096,alias=hidden" doc:"numbers per hidden layer"`
	Layers     int     `param:"default=2,min=1,max=16" doc:"hidden layers"`
	Activation int     `param:"default=2,min=1,max=4" doc:"function of hidden layers: 1 ReLU, 2 GELU, 3 tanh, 4 sigmoid"`
	Members    int     `param:"default=0,min=0,max=64" doc:"networks that are averaged, each trained on other rows; 0: 8, over 10,000 rows 4"`
	Epochs     int     `param:"default=0,min=0,max=10000" doc:"the most passes over the rows; 0: 40, over 25,000 rows a million rows' worth, but at least 3"`
	Patience   int     `param:"default=10,min=1,max=10000" doc:"passes without a smaller loss on held-back rows before training stops"`
	Batch      int     `param:"default=256,min=1,max=65536" doc:"rows per step; fewer on small tables"`
	Rate       float64 `param:"default=0.002,min=1e-9,max=10,alias=learning_rate" doc:"the largest step size"`
	Decay      float64 `param:"default=0.2,min=1e-12,max=100,alias=weight_decay" doc:"weight decay: each step shrinks weights by this times the step size"`
	Dropout    float64 `param:"default=0.15,min=1e-6,max=0.9" doc:"share of hidden numbers that a training step leaves out; below 0.002: none"`
	Optimizer  int     `param:"default=1,min=1,max=3" doc:"1 AdamW, 2 gradient descent with momentum 0.9, 3 plain gradient descent"`
	Schedule   int     `param:"default=1,min=1,max=3" doc:"of the step size: 1 half a cosine, 2 halved when the held-back loss stays, 3 constant"`
	Clip       float64 `param:"default=0,min=0,max=1e6" doc:"the largest norm of a step's gradient; 0: no limit"`
	Bins       int     `param:"default=16,min=1,max=256" doc:"pieces that a number is cut into; fewer where there are more than 48 numbers"`
	MinCount   int     `param:"default=10,min=1,max=1000000" doc:"levels of a category with less weight than this are taken together"`
	MaxLevels  int     `param:"default=1000,min=1,max=50000" doc:"the most levels of one category that are told apart"`

	Seed    uint64 `param:"default=0" doc:"of first weights, batches and dropout"`
	Threads int    // 0: all processors
}

// Name returns "mlp".
func (Learner) Name() string { return Family }

// Fit returns the model. See [Learner] and [model.Learner].
func (l Learner) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	l, start, err := model.Begin(ctx, l, x, y, w)
	if err != nil {
		return nil, err
	}
	cols, inputs, notes := model.Inputs(x, w)
	if len(cols) == 0 {
		return nil, model.ErrNoColumn
	}
	d := canonical(cols, inputs, y, w)
	l, start.Params = l.sized(d, start.Params)
	e := newEncoder(l, d)
	m := &Model{h: start.Header(1, e.cols, append(notes, e.notes...)), encoder: e, nOut: y.NOut(), scale: 1, matcher: model.NewMatcher(e.cols)}
	t := &training{l: l, m: m, y: make([]float32, len(d.y))}
	for i, v := range d.y {
		t.y[i] = float32(v)
	}
	t.weigh(d.w)
	if y.Task == kequn.Regression {
		m.mean, m.scale = standardise(d.y, d.w)
		for i, v := range d.y {
			t.y[i] = float32((v - m.mean) / m.scale)
		}
	}
	t.base = baseMargins(y.Task, d.y, d.w, m.nOut)
	if e.width() > 0 && !(y.Task == kequn.Regression && constant(d.y)) {
		t.cells = e.cells(d.x, l.Threads)
		if err := t.run(ctx); err != nil {
			return nil, err
		}
		m.importance(t.cells, t.w, l.Threads)
	} else {
		m.constant(t.base)
	}
	m.h.Seconds = start.Seconds()
	return m, nil
}

const (
	manyMembers, fewMembers, fewMembersRows = 8, 4, 10_000
	mostEpochs, leastEpochs, epochsRows     = 40, 3, 1_000_000
	// mostPieces bounds the work on wide tables, whose cost is that of the first layer.
	mostPieces = 768
)

// sized settles the parameters that depend on the table.
func (l Learner) sized(d *data, params []model.Value) (Learner, []model.Value) {
	n, numbers := len(d.y), 0
	for _, c := range d.cols {
		if c.Kind == table.Number {
			numbers++
		}
	}
	if l.Members == 0 {
		if l.Members = manyMembers; n > fewMembersRows {
			l.Members = fewMembers
		}
	}
	if l.Epochs == 0 {
		l.Epochs = max(leastEpochs, min(mostEpochs, epochsRows/n))
	}
	l.Bins = min(l.Bins, max(2, mostPieces/max(1, numbers)))
	out := append([]model.Value(nil), params...)
	for i, p := range out {
		switch p.Name {
		case "members":
			out[i].Value = float64(l.Members)
		case "epochs":
			out[i].Value = float64(l.Epochs)
		case "bins":
			out[i].Value = float64(l.Bins)
		}
	}
	return l, out
}

// standardise returns mean and deviation, 1 where all values are equal.
func standardise(y, w []float64) (mean, deviation float64) {
	mean, variance := kernel.MeanVar(y, w)
	if constant(y) {
		return y[0], 1
	}
	deviation = math.Sqrt(variance)
	if !(deviation > 0) || math.IsInf(deviation, 0) {
		deviation = 1
	}
	return mean, deviation
}

func constant(y []float64) bool {
	for _, v := range y {
		if v != y[0] {
			return false
		}
	}
	return true
}

// baseMargins returns the margins that fit best without any column.
func baseMargins(task kequn.Task, y, w []float64, nOut int) []float64 {
	out := make([]float64, nOut)
	if task == kequn.Regression {
		return out
	}
	share := make([]float64, max(2, nOut))
	total := 0.0
	for i, v := range y {
		weight := 1.0
		if w != nil {
			weight = w[i]
		}
		share[int(v)] += weight
		total += weight
	}
	if task == kequn.Binary {
		out[0] = math.Log(share[1] / share[0])
		return out
	}
	for c := range out {
		out[c] = math.Log(max(share[c], 0.01) / total) // a class that never occurs
	}
	return out
}

func (l Learner) function() net.Function { return net.Function(l.Activation) }
