package svm

import (
	"context"
	"math"

	"kequn/internal/kernel"
)

// What is tried. Curves of cross-validated loss are flat around their best: steps of 3 find it.
var (
	gammas      = []float64{0.3, 1, 0.1} // times scale
	costs       = []float64{0.03, 0.1, 0.3, 1, 3, 10, 30}
	linearCosts = []float64{0.001, 0.01, 0.1, 1, 10}
)

const (
	searchRows  = 2500
	searchFolds = 3
)

// search sets c and gamma to the pair of smallest cross-validated loss.
func (f *fitting) search(ctx context.Context) error {
	p := f.p.first(searchRows)
	least := len(f.label)
	if f.classes() {
		count := make([]int, max(2, f.k))
		for _, c := range f.label[:p.n] {
			count[int(c)]++
		}
		for _, n := range count {
			least = min(least, n)
		}
	}
	if least < searchFolds {
		return nil // a class that the sample hardly has: common values are safer
	}
	folds := searchFolds
	if p.n < 1000 {
		folds = 5
	}
	part := f.parts(p, min(folds, least))
	tryC := costs
	if f.kind == Linear {
		tryC = linearCosts
	}
	if f.l.C > 0 {
		tryC = []float64{f.l.C}
	}
	if f.kind == Linear {
		_, c, err := f.try(ctx, p, part, 0, tryC)
		f.c = c
		return err
	}
	tryG := []float64{f.l.Gamma}
	if f.l.Gamma == 0 {
		tryG = nil
		for _, g := range gammas {
			tryG = append(tryG, g*f.scale())
		}
	}
	best := math.Inf(1)
	for _, g := range tryG {
		loss, c, err := f.try(ctx, p, part, g, tryC)
		if err != nil {
			return err
		}
		if loss < best {
			best, f.c, f.gamma = loss, c, g
		}
	}
	return nil
}

// try returns the smallest cross-validated loss for a γ, and its C. It goes up the costs, each solution the start of the
// next, until the loss has risen twice.
func (f *fitting) try(ctx context.Context, p *points, part []int8, gamma float64, costs []float64) (best, c float64, err error) {
	folds := 0
	for _, h := range part {
		folds = max(folds, int(h)+1)
	}
	trial := f.trial(p, part, gamma, folds)
	rows := rowsOf(part, folds)
	best, c = math.Inf(1), costs[0]
	worse := 0
	for _, cost := range costs {
		said := make([][]float64, f.k)
		for k := range said {
			said[k] = make([]float64, p.n)
		}
		errs := make([]error, folds*f.k)
		kernel.Parallel(len(errs), f.l.Threads, 1, func(t, _ int) { errs[t] = trial(ctx, cost, t%f.k, t/f.k, said[t%f.k]) })
		if err := first(errs); err != nil {
			return 0, 0, err
		}
		loss := f.loss(said, rows)
		if loss < best {
			best, c, worse = loss, cost, 0
		} else if worse++; worse == 2 {
			break
		}
	}
	return best, c, nil
}

// trial returns a function that trains machine k without part h at a cost and writes what it says of that part.
func (f *fitting) trial(p *points, part []int8, gamma float64, folds int) func(ctx context.Context, cost float64, k, h int, said []float64) error {
	if f.kind == Linear {
		features := f.features(p)
		starts := make([][]float64, folds*f.k)
		return func(ctx context.Context, cost float64, k, h int, said []float64) error {
			pr := *features
			pr.threads = 1
			pr.y, pr.w = f.targets[k][:p.n], append([]float64(nil), f.w[:p.n]...)
			for i := range pr.w {
				if int(part[i]) == h {
					pr.w[i] = 0
				}
			}
			theta, err := pr.solve(ctx, cost, starts[h*f.k+k])
			if err != nil {
				return err
			}
			starts[h*f.k+k] = theta
			for i, v := range pr.outputs(theta) {
				if int(part[i]) == h {
					said[i] = v
				}
			}
			return nil
		}
	}
	g := newGram(p, gamma, f.l.Threads)
	solvers := make([]*smo, folds*f.k)
	return func(ctx context.Context, cost float64, k, h int, said []float64) error {
		s := solvers[h*f.k+k]
		if s == nil {
			s = newSMO(g, f.targets[k][:p.n], f.epsilon)
			solvers[h*f.k+k] = s
		}
		held := func(i int) bool { return int(part[i]) == h }
		s.bound(cost, f.w, f.l.Hinge, f.classes(), held)
		b, err := s.solve(ctx, max(f.l.Tolerance, searchTolerance))
		if err != nil {
			return err
		}
		for i := range said {
			if held(i) {
				said[i] = s.said(i, b)
			}
		}
		return nil
	}
}

// searchTolerance is enough to tell which parameters are better.
const searchTolerance = 0.01

// loss returns the weighted mean log loss after Platt's scaling, or the mean squared error in units of the outcome's variance.
func (f *fitting) loss(said [][]float64, rows []int32) float64 {
	sum, total := 0.0, 0.0
	if !f.classes() {
		for _, i := range rows {
			e := f.targets[0][i] - said[0][i]
			sum += f.w[i] * e * e
			total += f.w[i]
		}
		return sum / total
	}
	s := f.platt(said, rows)
	m, out := make([]float64, f.k), make([]float64, f.k)
	for _, i := range rows {
		for c := range f.k {
			out[c] = said[c][i]
		}
		s.margins(out, m)
		probabilities(m)
		p := m[0]
		switch {
		case f.k > 1:
			p = m[int(f.label[i])]
		case f.label[i] == 0:
			p = 1 - p
		}
		sum -= f.w[i] * math.Log(max(p, 1e-15))
		total += f.w[i]
	}
	return sum / total
}
