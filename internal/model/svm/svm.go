// Package svm fits support vector machines: a kernel machine for small tables, its approximation for large ones, and a linear one.
//
// The path of a table through the room:
//
//	table ─ canonical ─▶ rows in an order of their own ─ encode ─▶ points ─ search ─▶ γ, C
//	      points ─ gram, smo (exact) or newton (landmarks, linear) ─▶ Machine per class ─ calibrate ─▶ Model
package svm

import (
	"context"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Family is the name of the family in model files.
const Family = "svm"

// The values of [Learner.Kernel].
const (
	Auto      = iota // RBF up to MaxRows different rows, Landmarks beyond
	Linear           // f(z) = z·β + b
	RBF              // f(z) = Σᵢ βᵢ·exp(−γ‖z−zᵢ‖²) + b over the training rows
	Landmarks        // the same over a few rows only (Nyström's approximation)
)

// Learner finds the function f = g + b that minimises
//
//	½‖g‖² + C·Σᵢ wᵢ·loss(yᵢ, f(zᵢ))
//
// where z is the row after encoding, ‖g‖ the norm that belongs to the kernel, and b is free. For classes yᵢ is ±1 and the loss
//
//	max(0, 1 − y·f)²     squared hinge, the default        max(0, 1 − y·f)     with Hinge
//
// for amounts, standardised to deviation 1, max(0, |y−f|−ε)² and with Hinge max(0, |y−f|−ε). The squared loss is the
// default because its best f is 2·P(y=1)−1, an order of all rows, while the plain hinge's is the sign of that only: where one
// class is rare it ranks badly. Several classes are one machine each against the rest.
//
// Probabilities are logistic(a·f + b₂), for several classes softmax(a_c·f_c + b_c), where a and b₂ maximise the likelihood of
// rows that the machine was not trained on (Platt's scaling).
//
// Encoding. Numbers are standardised to mean 0 and deviation 1, skewed ones after a logarithm, far ones pulled in; a category has a
// 0/1 column per level, so that two different levels are as far apart as two numbers are on average. A missing number takes the
// mean and a 0/1 column says so; a missing category is a level; a level never seen is a missing one, and where none was missing
// takes the mean.
//
// C and γ that are 0 are chosen by cross-validated log loss (squared error) on at most 2,500 rows; γ around scikit-learn's
// "scale", 1/(p·variance of all encoded values). With fewer than ten rows of the rarer class they are not: too noisy.
//
// Solvers. RBF: sequential minimal optimisation of the dual, the second row of a pair chosen by second-order gain, over rows of
// the kernel matrix in a bounded cache (256 MB). Landmarks and Linear: Newton's method on the primal. Rows are first sorted by a
// hash of their values and equal ones merged, so that the model does not depend on their order, nor on whether a row stands
// twice or has weight 2. Time is O(n²·p) for the matrix and about O(n·s) for s support vectors' steps; with m landmarks O(n·m²) a step.
//
// References: Cortes, Vapnik, Support-vector networks, 1995; Fan, Chen, Lin, Working set selection using second order
// information, 2005; Platt, Probabilistic outputs for support vector machines, 1999; Williams, Seeger, Using the Nyström
// method to speed up kernel machines, 2001; Chapelle, Training a support vector machine in the primal, 2007.
type Learner struct {
	Kernel    int     `param:"default=0,min=0,max=3" doc:"0 chooses by the number of rows, 1 linear, 2 RBF over all rows, 3 RBF over landmarks"`
	C         float64 `param:"default=0,min=0,max=1e9,alias=cost" doc:"what a row on the wrong side costs; 0 chooses it"`
	Gamma     float64 `param:"default=0,min=0,max=1e6" doc:"γ of exp(−γ·distance²) in encoded units; 0 chooses it"`
	Epsilon   float64 `param:"default=0.1,min=1e-9,max=10" doc:"amounts: errors below this, in standard deviations of the outcome, cost nothing"`
	Hinge     bool    `param:"default=0" doc:"the plain loss instead of the squared one (RBF over all rows only)"`
	Landmarks int     `param:"default=500,min=2,max=5000" doc:"how many rows stand for all of them where there are too many"`
	MaxRows   int     `param:"default=10000,min=2,max=1000000" doc:"from more different rows than this, landmarks are used"`
	MinCount  int     `param:"default=10,min=1,max=1000000" doc:"levels of a category with less weight than this share one column"`
	MaxLevels int     `param:"default=50,min=1,max=5000" doc:"the most levels of one category that have a column of their own"`
	NoLog     bool    `param:"default=0" doc:"take skewed numbers as they are, not their logarithm"`
	Tolerance float64 `param:"default=0.001,min=1e-9,max=0.1" doc:"how far from optimal the solution may be, in units of the margin"`

	Threads int // 0: all processors
}

// Name returns "svm".
func (Learner) Name() string { return Family }

// Fit returns the model. See [Learner] and [model.Learner].
func (l Learner) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	l, start, err := model.Begin(ctx, l, x, y, w)
	if err != nil {
		return nil, err
	}
	x, y, w = withoutZeros(x, y, w, start.Rows)
	cols, inputs, notes := model.Inputs(x, nil)
	if len(cols) == 0 {
		return nil, model.ErrNoColumn
	}
	inputs, y, w, draw := canonical(inputs, y, w)
	e := encode(l, cols, inputs, w)
	m := &Model{h: start.Header(1, e.cols, append(notes, e.notes...)), terms: e.terms, width: e.width}
	f := newFitting(&l, e.points(inputs, draw, l.Threads), y, w)
	if err := f.run(ctx, m); err != nil {
		return nil, err
	}
	m.set("kernel", float64(f.kind))
	m.set("c", f.c)
	m.set("gamma", f.gamma)
	m.finish(inputs, w, l.Threads)
	m.h.Seconds = start.Seconds()
	return m, nil
}

// set writes a parameter in effect into the header.
func (m *Model) set(name string, v float64) {
	params := append([]model.Value(nil), m.h.Params...)
	for i := range params {
		if params[i].Name == name {
			params[i].Value = v
		}
	}
	m.h.Params = params
}

// withoutZeros drops rows of weight 0.
func withoutZeros(x *table.Table, y model.Outcome, w []float64, rows int) (*table.Table, model.Outcome, []float64) {
	if w == nil || rows == len(w) {
		return x, y, w
	}
	keep := make([]int32, 0, rows)
	for i, v := range w {
		if v > 0 {
			keep = append(keep, int32(i))
		}
	}
	return x.Take(keep), y.Take(keep), kernel.Take(w, keep)
}

// sigmoid returns 1/(1+e^−m) without overflow.
func sigmoid(m float64) float64 {
	if m < 0 {
		e := math.Exp(m)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-m))
}
