package svm

import (
	"context"
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
)

// fitting is one fit in progress. Rows are canonical: hash order, none twice.
type fitting struct {
	l       *Learner
	p       *points
	task    kequn.Task
	label   []float64 // 0 or 1, a class, or the amount
	w       []float64
	k       int         // machines: 1, or one per class
	targets [][]float64 // of each machine: ±1, or the standardised amount
	centre  float64     // of amounts
	spread  float64
	epsilon float64

	kind     int
	c, gamma float64
	notes    []string
}

func newFitting(l *Learner, p *points, y model.Outcome, w []float64) *fitting {
	f := &fitting{l: l, p: p, task: y.Task, label: y.Y, w: w, k: y.NOut(), spread: 1, c: l.C, gamma: l.Gamma, kind: l.Kernel}
	if f.kind == Auto {
		f.kind = RBF
		if p.n > l.MaxRows {
			f.kind = Landmarks
		}
	}
	if f.kind == Landmarks && l.Landmarks >= p.n {
		f.kind = RBF
	}
	if y.Task == kequn.Regression {
		mean, variance := kernel.MeanVar(y.Y, w)
		f.centre, f.spread, f.epsilon = mean, math.Sqrt(variance), l.Epsilon
		if constant(y.Y) {
			f.centre, f.spread = y.Y[0], 0
		}
		t := make([]float64, p.n)
		for i, v := range y.Y {
			t[i] = (v - f.centre) / f.spread
		}
		f.targets = [][]float64{t}
		return f
	}
	for c := range f.k {
		if f.k == 1 {
			c = 1
		}
		t := make([]float64, p.n)
		for i, v := range y.Y {
			t[i] = -1
			if int(v) == c {
				t[i] = 1
			}
		}
		f.targets = append(f.targets, t)
	}
	return f
}

func constant(v []float64) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}

func (f *fitting) classes() bool { return f.task != kequn.Regression }

// machine is one function f = Σ coef·k(·, support) + b.
type machine struct {
	coef []float64 // per row of the fit, per landmark, or per coordinate
	b    float64
}

// minority is how many rows of the rarer class are needed for choosing parameters, and crossFit for calibrating.
const (
	minority = 10
	crossFit = 2
)

func (f *fitting) run(ctx context.Context, m *Model) error {
	if f.gamma == 0 {
		f.gamma = gammas[0] * f.scale()
	}
	searched := f.c == 0 || f.l.Gamma == 0 && f.kind != Linear
	if f.c == 0 {
		f.c = usualCost
	}
	least := f.rarest()
	if f.p.width == 0 || f.spread == 0 || least < crossFit {
		if f.p.width > 0 && f.spread > 0 {
			m.h.Notes = append(m.h.Notes, "one row of the rarer class: nothing can be learnt, scores are the base rate")
		}
		f.plain(m)
		return nil
	}
	if searched && least >= minority {
		if err := f.search(ctx); err != nil {
			return err
		}
	} else if searched {
		f.notes = append(f.notes, fmt.Sprintf("%d different rows of the rarer class: C = %.3g and γ = %.3g are not chosen but common values", least, f.c, f.gamma))
	}
	var err error
	switch f.kind {
	case RBF:
		err = f.exact(ctx, m)
	default:
		err = f.primal(ctx, m)
	}
	m.h.Notes = append(m.h.Notes, f.notes...)
	return err
}

// scale returns scikit-learn's γ "scale" for the encoded rows.
func (f *fitting) scale() float64 {
	var sum, squares float64
	for i, w := range f.w {
		for _, v := range f.p.row(i) {
			sum += w * v
			squares += w * v * v
		}
	}
	cells := kernel.Sum(f.w) * float64(f.p.width)
	variance := squares/cells - sum/cells*sum/cells
	if !(variance > 0) {
		return 1
	}
	return 1 / (float64(f.p.width) * variance)
}

// rarest returns how many different rows the rarest class has, or how many there are for amounts.
func (f *fitting) rarest() int {
	if !f.classes() {
		return f.p.n
	}
	count := make([]int, max(2, f.k))
	for _, c := range f.label {
		count[int(c)]++
	}
	least := f.p.n
	for _, n := range count {
		if n > 0 {
			least = min(least, n)
		}
	}
	return least
}

// plain makes a model without any machine: the base rate, or the mean.
func (f *fitting) plain(m *Model) {
	m.kind, m.k = Linear, f.k
	m.coef, m.bias = make([]float64, f.k*m.width), make([]float64, f.k)
	if f.classes() {
		m.scale = platt(make([]float64, len(f.label)*f.k), f.k, f.label, f.w)
		clear(m.scale.slope)
		return
	}
	m.scale = scaling{[]float64{1}, []float64{f.centre}}
}

// calibrationRows is how many rows trained without them suffice for Platt's two numbers.
const calibrationRows = 2000

// exact fits the machines over all rows.
func (f *fitting) exact(ctx context.Context, m *Model) error {
	g := newGram(f.p, f.gamma, f.l.Threads)
	machines, said, rows := make([]machine, f.k), [][]float64(nil), []int32(nil)
	folds, use := 5, 0
	var part []int8
	if f.classes() {
		folds = min(5, f.rarest())
		use = min(folds, kernel.NBlocks(calibrationRows*folds, f.p.n))
		part = f.parts(f.p, folds)
		rows = rowsOf(part, use)
		said = make([][]float64, f.k)
	}
	errs := make([]error, f.k)
	truncated := make([]bool, f.k)
	threads := f.l.Threads
	if g.whole == nil {
		threads = 1 // rows of the matrix are made and forgotten by one at a time
	}
	kernel.Parallel(f.k, threads, 1, func(c, _ int) {
		s := newSMO(g, f.targets[c], f.epsilon)
		s.bound(f.c, f.w, f.l.Hinge, f.classes(), nil)
		b, err := s.solve(ctx, f.l.Tolerance)
		if err != nil {
			errs[c] = err
			return
		}
		truncated[c] = s.truncated
		machines[c] = machine{coef: s.beta, b: b}
		if use == 0 {
			return
		}
		out := make([]float64, f.p.n)
		inner := make([]error, use)
		kernel.Parallel(use, threads, 1, func(h, _ int) {
			held := func(i int) bool { return int(part[i]) == h }
			v := s.without(held, f.classes())
			v.bound(f.c, f.w, f.l.Hinge, f.classes(), held)
			b, err := v.solve(ctx, f.l.Tolerance)
			if err != nil {
				inner[h] = err
				return
			}
			for i := range out {
				if held(i) {
					out[i] = v.said(i, b)
				}
			}
		})
		errs[c] = first(inner)
		said[c] = out
	})
	if err := first(errs); err != nil {
		return err
	}
	for _, t := range truncated {
		if t {
			f.notes = append(f.notes, "the solver was stopped before it settled; a smaller C settles sooner")
			break
		}
	}
	m.fromRows(f, machines)
	f.calibrate(m, said, rows)
	return nil
}

func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// parts deals the first rows out into folds.
func (f *fitting) parts(p *points, folds int) []int8 {
	n := 0
	if f.classes() {
		n = max(2, f.k)
	}
	return foldsOf(p.hash, f.label[:p.n], n, folds)
}

// rowsOf returns the rows of the first parts.
func rowsOf(part []int8, parts int) []int32 {
	var out []int32
	for i, h := range part {
		if int(h) < parts {
			out = append(out, int32(i))
		}
	}
	return out
}

// calibrate sets the scaling from outputs on rows that the machines had not seen; amounts go back to their own scale.
func (f *fitting) calibrate(m *Model, said [][]float64, rows []int32) {
	if !f.classes() {
		m.scale = scaling{[]float64{f.spread}, []float64{f.centre}}
		return
	}
	m.scale = f.platt(said, rows)
}

func (f *fitting) platt(said [][]float64, rows []int32) scaling {
	out, label, w := make([]float64, len(rows)*f.k), make([]float64, len(rows)), make([]float64, len(rows))
	for r, i := range rows {
		label[r], w[r] = f.label[i], f.w[i]
		for c := range f.k {
			out[r*f.k+c] = said[c][i]
		}
	}
	return platt(out, f.k, label, w)
}

// without returns a problem that starts from the solution of s with rows held out: their β is 0, and the side that
// is then heavier is made lighter in proportion.
func (s *smo) without(held func(i int) bool, classes bool) *smo {
	v := newSMO(s.k, s.y, s.epsilon)
	var plus, minus float64
	for i, b := range s.beta {
		if held(i) {
			continue
		}
		v.beta[i] = b
		if b > 0 {
			plus += b
		} else {
			minus -= b
		}
	}
	if plus == 0 || minus == 0 {
		clear(v.beta)
		return v
	}
	up, down := min(1, minus/plus), min(1, plus/minus)
	for i, b := range v.beta {
		switch {
		case b > 0:
			v.beta[i] *= up
		case b < 0:
			v.beta[i] *= down
		}
		if v.beta[i] == 0 {
			continue
		}
		b = v.beta[i]
		for t, k := range v.k.row(i)[:len(v.f)] {
			v.f[t] -= b * float64(k)
		}
	}
	return v
}

// primal fits the machines over landmarks, or linear ones.
func (f *fitting) primal(ctx context.Context, m *Model) error {
	pr := f.features(f.p)
	machines, said, rows := make([]machine, f.k), make([][]float64, f.k), []int32(nil)
	var part []int8
	use := 0
	if f.classes() {
		folds := min(5, f.rarest())
		use = min(folds, kernel.NBlocks(calibrationRows*folds, f.p.n))
		part = f.parts(f.p, folds)
		rows = rowsOf(part, use)
	}
	for c := range f.k {
		pr.y, pr.w = f.targets[c], f.w
		theta, err := pr.solve(ctx, f.c, nil)
		if err != nil {
			return err
		}
		machines[c] = machine{coef: theta[:pr.q], b: theta[pr.q]}
		if use == 0 {
			continue
		}
		out := make([]float64, f.p.n)
		for h := range use {
			held := *pr
			held.w = append([]float64(nil), f.w...)
			for i := range held.w {
				if int(part[i]) == h {
					held.w[i] = 0
				}
			}
			without, err := held.solve(ctx, f.c, theta)
			if err != nil {
				return err
			}
			for i, v := range held.outputs(without) {
				if int(part[i]) == h {
					out[i] = v
				}
			}
		}
		said[c] = out
	}
	m.fromFeatures(f, machines)
	f.calibrate(m, said, rows)
	return nil
}

// features returns the problem of f.kind over p without outcome: the encoded rows, or their kernels with the first rows.
func (f *fitting) features(p *points) *primal {
	pr := &primal{n: p.n, classes: f.classes(), epsilon: f.epsilon, threads: f.l.Threads}
	if f.kind == Linear {
		pr.q = p.width
		pr.phi = make([]float32, p.n*pr.q)
		for i := range p.n {
			for j, v := range p.row(i) {
				pr.phi[i*pr.q+j] = float32(v)
			}
		}
		return pr
	}
	marks := p.first(f.l.Landmarks)
	pr.q = marks.n
	pr.phi = make([]float32, p.n*pr.q)
	kernel.Parallel(kernel.NBlocks(p.n, tile), f.l.Threads, 1, func(b, _ int) {
		from := b * tile
		rows := min(p.n, from+tile) - from
		wide := up(pr.q, kernel.GramSide)
		product := make([]float64, up(rows, kernel.GramSide)*wide)
		kernel.AddGram(p.z[from*p.stride:], marks.z, up(rows, kernel.GramSide), wide, p.stride, p.stride, product, false)
		for i := range rows {
			out := pr.phi[(from+i)*pr.q : (from+i+1)*pr.q]
			exponents(f.gamma, p.norm[from+i], marks.norm, product[i*wide:], out)
			kernel.Exp32(out, out)
		}
	})
	pr.r = make([]float64, pr.q*pr.q)
	for i := range pr.q {
		for j := range pr.q {
			pr.r[i*pr.q+j] = float64(pr.phi[i*pr.q+j])
		}
		pr.r[i*pr.q+i] += 1e-6 // what float32 leaves of positive definiteness
	}
	return pr
}
