// Package linear fits weighted sums of columns: ridge, lasso and logistic regression, its multinomial form, and counts and amounts from Poisson to gamma.
//
// How columns enter the sum is in encode.go, bend.go and text.go, their blocks of rows are in design.go, the sums over rows in pass.go and power.go, the penalty in
// penalty.go, the solvers in newton.go, lbfgs.go and net.go, the choice of the penalty in path.go, and what comes out in model.go and coefficient.go.
package linear

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Family is the name of the family in model files.
const Family = "linear"

// Learner finds the coefficients β and the intercept b that minimise
//
//	Σᵢ wᵢ·loss(yᵢ, b + zᵢ·β) + λ/2·‖β‖²
//
// where the loss is log(1+eᵐ) − y·m (binary), the cross entropy of the softmax (multiclass), (y−m)²/2 (regression) or, with a Power, half of the unit deviance of
// amounts with a logarithmic link (power.go), and z is the row after encoding: numbers standardised to mean 0 and deviation 1, categories as one 0/1 column
// per level. b is not penalised. λ = 1 is scikit-learn's C = 1; levels are penalised as penalty.go says. L1 is the share of the penalty that
// is on absolute values instead (net.go).
//
// Encoding. A number that is missing takes the mean, and a 0/1 column says so if that happened in training. A strongly
// skewed number x enters as sign(x)·log(1+|x|/m), m being the median of its non-zero absolute values, so that one huge
// value cannot rule the fit (see [encodeNumber] for the rule). Beside it enters its place among the training values, as far as that tells
// more (bend.go). Values outside of those seen in training, infinite ones
// included, count as the nearest seen. Levels of a category with less weight than MinCount share one coefficient; a level
// never seen is a missing one, and if no value was missing in training it takes the average effect. Free text enters as n-grams (text.go).
//
// Solver. Newton's method on the normal equations for up to 1000 coefficients; beyond, and for several classes, L-BFGS
// with the inverse of the first Hessian as its metric. Of many rows, a sample is solved first and all rows start from there.
// Columns that are equal after encoding are solved for once. Time is O(n·p²) per step, with [kernel.AddGram]'s small constant,
// where p counts numeric columns and levels of small categories, and O(n·c²) for c large ones; memory is O(n·s) for s skewed
// columns beside the table.
//
// Reference: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, §3.4.1 and §4.4.1.
type Learner struct {
	L2        float64 `param:"default=0,min=0,max=1e12,alias=lambda" doc:"penalty λ on squared coefficients; 0 chooses one by an information criterion"`
	L1        float64 `param:"default=0,min=0,max=1,alias=l1_ratio" doc:"share of the penalty that is on absolute values: 0 ridge, 1 lasso, between them the elastic net"`
	MinCount  int     `param:"default=10,min=1,max=1000000" doc:"levels of a category with less weight than this share one coefficient"`
	MaxLevels int     `param:"default=100,min=1,max=5000" doc:"the most levels of one category that have a coefficient of their own"`
	NoLog     bool    `param:"default=0" doc:"take skewed numbers as they are, not their logarithm"`
	Power     float64 `param:"default=0,min=0,max=2,alias=tweedie_variance_power" doc:"amounts ≥ 0 with a logarithmic link whose variance is as the mean to this power: 1 Poisson, between 1 and 2 Tweedie, 2 gamma; 0 for any amount, without a link"`
	NoText    bool    `param:"default=0" doc:"leave free-text columns out"`
	TextL2    float64 `param:"default=0,min=0,max=1e12" doc:"penalty on squared coefficients of the n-grams of texts; 0 chooses one by held-out texts"`
	Straight  bool    `param:"default=0" doc:"take numbers as they are only, not also their place among the training values"`
	MaxSteps  int     `param:"default=100,min=1,max=10000" doc:"the most steps of the solver"`

	Threads int // 0: all processors
}

// Name returns "linear".
func (Learner) Name() string { return Family }

// Fit returns the model. See [Learner] and [model.Learner].
func (l Learner) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	f, err := l.prepare(ctx, x, y, w)
	if err != nil {
		return nil, err
	}
	p := f.problem
	var fitted *solution
	switch {
	case f.L1 > 0:
		fitted, err = p.solveNet(ctx, f.Learner, f.draw)
	case len(p.texts) > 0:
		fitted, err = p.solveText(ctx, f.Learner, textHash(f.inputs))
	default:
		fitted, err = solve(ctx, f.Learner, p)
	}
	if err != nil {
		return nil, err
	}
	return f.model(fitted)
}

// prepared is a table encoded for the solvers.
type prepared struct {
	Learner // defaults resolved
	start   model.Start
	notes   []string
	inputs  *table.Table
	draw    []uint64 // of each row, if rows are held out to choose the penalty of a net
	e       *encoding
	problem *problem
}

func (l Learner) prepare(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (*prepared, error) {
	l, start, err := model.Begin(ctx, l, x, y, w)
	if err != nil {
		return nil, err
	}
	if y.Task == kequn.Multiclass {
		if err := checkClasses(y, w); err != nil {
			return nil, err
		}
	}
	if err := checkPower(l.Power, y, w); err != nil {
		return nil, err
	}
	x, y, w = withoutZeros(x, y, w, start.Rows)
	inputsOf := model.TextInputs
	if l.NoText {
		inputsOf = model.Inputs
	}
	cols, inputs, notes := inputsOf(x, nil)
	if len(cols) == 0 {
		return nil, model.ErrNoColumn
	}
	hasText := slices.ContainsFunc(cols, func(c model.Column) bool { return c.Kind == table.Text })
	if hasText {
		order := canonical(inputs, y.Y, w)
		inputs, y = inputs.Take(order), y.Take(order)
		if w != nil {
			w = kernel.Take(w, order)
		}
	}
	var draw []uint64
	if l.L1 > 0 {
		inputs, y, w, draw = model.Spread(inputs, y, w, 3)
	}
	e := encode(l, cols, inputs, w)
	w = e.onlyLearnt(w)
	p := newProblem(l.Threads, e.design(inputs.NRows(), l.Threads), y, w, l.Power)
	p.texts = e.texts()
	p.setPenalty(e)
	return &prepared{Learner: l, start: start, notes: notes, inputs: inputs, draw: draw, e: e, problem: p}, nil
}

// model returns the model of a solution.
func (f *prepared) model(s *solution) (*Model, error) {
	if err := s.finite(); err != nil {
		return nil, err
	}
	params := f.start.Params
	if f.L2 == 0 {
		params = setParam(params, "l2", s.l2)
	}
	if f.TextL2 == 0 {
		params = setParam(params, "text_l2", s.textL2)
	}
	start := f.start
	start.Params = params
	notes := append(append(slices.Clone(f.notes), f.e.notes...), s.notes...)
	m := newModel(start.Header(formatVersion, f.e.cols, notes), f.e, f.problem, s)
	m.h.Seconds = start.Seconds()
	return m, nil
}

// checkClasses refuses class numbers that have no name.
func checkClasses(y model.Outcome, w []float64) error {
	for i, v := range y.Y {
		if (w == nil || w[i] > 0) && (v < 0 || v >= float64(len(y.Classes)) || v != math.Trunc(v)) {
			return fmt.Errorf("linear: outcome of row %d is %v, want a class from 0 to %d", i, v, len(y.Classes)-1)
		}
	}
	return nil
}

// withoutZeros drops rows of weight 0 and turns weights that are all 1 into nil.
func withoutZeros(x *table.Table, y model.Outcome, w []float64, rows int) (*table.Table, model.Outcome, []float64) {
	if w == nil {
		return x, y, nil
	}
	if rows < len(w) {
		keep := make([]int32, 0, rows)
		for i, v := range w {
			if v > 0 {
				keep = append(keep, int32(i))
			}
		}
		kept := make([]float64, rows)
		for i, r := range keep {
			kept[i] = w[r]
		}
		x, y, w = x.Take(keep), y.Take(keep), kept
	}
	for _, v := range w {
		if v != 1 {
			return x, y, w
		}
	}
	return x, y, nil
}

func setParam(params []model.Value, name string, v float64) []model.Value {
	out := make([]model.Value, len(params))
	for i, p := range params {
		out[i] = p
		if p.Name == name {
			out[i].Value = v
		}
	}
	return out
}

// solution is what a solver found: K vectors of p coefficients and, last, the intercept.
type solution struct {
	beta   []float64
	l2     float64
	path   []PathStep
	raw    [][]float64 // of each step of the path: coefficients as the solver has them, texts' last
	text   []float64   // k×width coefficients of the texts' grams
	textL2 float64
	hess   []float64 // lower triangle at beta without penalty, q×q; nil if it was never made
	sigma  float64   // regression: variance of the residuals
	edf    float64   // effective number of coefficients, the intercept included; 0 if unknown
	steps  int
	notes  []string
}

// maxNewton is how many coefficients normal equations are solved for: a 1000×1000 Hessian takes 8 MB and 0.1 s to factor.
const maxNewton = 1000

// defaultL2 is the penalty where the data are too many for it to matter, or too wide for choosing one.
const defaultL2 = 1

func solve(ctx context.Context, l Learner, p *problem) (*solution, error) {
	var s *solution
	var err error
	switch {
	case p.k > 1 || p.q > maxNewton:
		l2 := l.L2
		if l2 == 0 {
			l2 = defaultL2
		}
		s, err = p.lbfgs(ctx, l2, l.MaxSteps)
	case l.L2 > 0:
		var start []float64
		if start, err = p.warm(ctx, l.L2); err == nil {
			s, err = p.newton(ctx, start, l.L2, l.MaxSteps)
		}
	default:
		s, err = p.path(ctx, l.MaxSteps)
	}
	return s, err
}

func (s *solution) finite() error {
	for _, part := range [][]float64{s.beta, s.text} {
		for _, v := range part {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return errNotFinite
			}
		}
	}
	return nil
}

var errNotFinite = errors.New("linear: the coefficients are not finite; the outcome's values are too large")

// total returns the sum of weights.
func total(w []float64, n int) float64 {
	if w == nil {
		return float64(n)
	}
	return kernel.Sum(w)
}
