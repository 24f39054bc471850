package svm

import (
	"context"
	"math"
	"slices"

	"kequn/internal/kernel"
)

// What is tried. Curves of cross-validated loss are flat around their best: steps of 3 find it.
var (
	gammas      = []float64{0.3, 1, 0.1} // times scale
	costs       = []float64{0.1, 0.3, 1, 3, 10, 30}
	linearCosts = []float64{0.001, 0.01, 0.1, 1, 10}
)

// usualCost does well on most tables at the first γ.
const usualCost = 0.3

// searchRows is of how many rows at most γ and C are chosen; with several classes they are shared by the machines.
const (
	searchRows  = 2500
	sharedRows  = 3600
	searchFolds = 3
)

// search sets c and gamma to the pair of smallest cross-validated loss.
func (f *fitting) search(ctx context.Context) error {
	p := f.p.first(min(searchRows, max(600, sharedRows/f.k)))
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
		folds = 10
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
		tried, err := f.try(ctx, p, part, 0, tryC)
		if err == nil {
			f.c = tried[best(tried)].c
		}
		return err
	}
	tryG := []float64{f.l.Gamma}
	if f.l.Gamma == 0 {
		tryG = nil
		for _, g := range gammas {
			tryG = append(tryG, g*f.scale())
		}
	}
	var tried []candidate
	at := 0
	for i, g := range tryG {
		from := 0
		if i > 0 {
			// A larger γ, which bends more, wants a smaller cost, and the other way round.
			from = slices.Index(tryC, tried[at].c)
			if g > tried[at].gamma {
				from = max(0, from-2)
			}
		}
		more, err := f.try(ctx, p, part, g, tryC[from:])
		if err != nil {
			return err
		}
		tried = append(tried, more...)
		at = best(tried)
	}
	// Of candidates that chance may have put first, the usual one is the safer.
	for _, usual := range tried {
		if usual.gamma == tryG[0] && usual.c == usualCost && !tried[at].clearlyBetter(usual) {
			f.c, f.gamma = usual.c, usual.gamma
			return nil
		}
	}
	f.c, f.gamma = tried[at].c, tried[at].gamma
	return nil
}

// candidate is a pair that was tried.
type candidate struct {
	gamma, c float64
	mean     float64   // loss
	losses   []float64 // weighted, of each row
}

func best(tried []candidate) int {
	at := 0
	for i, t := range tried {
		if t.mean < tried[at].mean {
			at = i
		}
	}
	return at
}

// clearlyBetter tells whether the mean loss is smaller by more than half a standard error of the difference, paired by row.
func (a candidate) clearlyBetter(b candidate) bool {
	d := make([]float64, len(a.losses))
	for i := range d {
		d[i] = b.losses[i] - a.losses[i]
	}
	mean, variance := kernel.MeanVar(d, nil)
	return mean > 0.5*math.Sqrt(variance/float64(len(d)))
}

// try returns the cross-validated losses for a γ. It goes up the costs, each solution the start of the next, until the
// loss has risen twice.
func (f *fitting) try(ctx context.Context, p *points, part []int8, gamma float64, costs []float64) (tried []candidate, err error) {
	folds := 0
	for _, h := range part {
		folds = max(folds, int(h)+1)
	}
	trial := f.trial(p, part, gamma, folds)
	rows := rowsOf(part, folds)
	worse, least := 0, math.Inf(1)
	for _, cost := range costs {
		said := make([][]float64, f.k)
		for k := range said {
			said[k] = make([]float64, p.n)
		}
		errs := make([]error, folds*f.k)
		kernel.Parallel(len(errs), f.l.Threads, 1, func(t, _ int) { errs[t] = trial(ctx, cost, t%f.k, t/f.k, said[t%f.k]) })
		if err := first(errs); err != nil {
			return nil, err
		}
		t := candidate{gamma: gamma, c: cost}
		t.mean, t.losses = f.loss(said, rows)
		tried = append(tried, t)
		if t.mean < least {
			least, worse = t.mean, 0
		} else if worse++; worse == 2 {
			break
		}
	}
	return tried, nil
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
			s.most = searchSteps * p.n
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
const searchTolerance = 0.03

// searchSteps bounds the steps a row that a trial may take: one that needs more has too high a cost for its noise.
const searchSteps = 20

// loss returns the weighted mean log loss after Platt's scaling, or the mean squared error in units of the outcome's
// variance, and what each row adds to its sum.
func (f *fitting) loss(said [][]float64, rows []int32) (mean float64, losses []float64) {
	losses = make([]float64, len(rows))
	total := 0.0
	for _, i := range rows {
		total += f.w[i]
	}
	if !f.classes() {
		for r, i := range rows {
			e := f.targets[0][i] - said[0][i]
			losses[r] = f.w[i] * e * e
		}
		return kernel.Sum(losses) / total, losses
	}
	s := f.platt(said, rows)
	m, out := make([]float64, f.k), make([]float64, f.k)
	for r, i := range rows {
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
		losses[r] = -f.w[i] * math.Log(max(p, 1e-15))
	}
	return kernel.Sum(losses) / total, losses
}
