package linear

import (
	"context"
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
)

// PathStep is one penalty of the path of an elastic net and what it leads to.
type PathStep struct {
	Lambda  float64
	Loss    float64   // per row, on held-out rows; NaN where λ was given and none were held out
	NonZero int       // coefficients that are not 0, over all classes
	Beta    []float64 // coefficients of the encoded columns, class by class, in the order of [Model.PathColumns]
}

// The grid of a path: so many penalties in equal ratios, from the least that leaves no coefficient down to a thousandth of it (a
// hundredth where there are more coefficients than rows, for which less is hardly determined).
const netSteps = 40

// netFolds is how many parts of the rows are held out in turn where that is cheap, and dearNet the number of rows × coefficients² from
// which on only the first part is.
const (
	netFolds = 5
	dearNet  = 3e7
)

// solveNet minimises
//
//	loss + Σ_j (1−a)/2·ridge_j(λ)·β_j² + a·λ·σ_j·|β_j|
//
// where a is L1, ridge_j the penalty of ridge regression, and σ_j 1 for numbers and the deviation √(s(1−s)) of a level's 0/1 column: the lasso of standardised
// columns at a = 1, ridge regression at 0. If λ is to be chosen, it is the one of the least loss on rows held out (by the hash of
// their values: their order does not matter). Penalties are gone through from the largest, each beginning where the last one ended.
//
// Reference: Friedman, Hastie, Tibshirani, Regularization Paths for Generalized Linear Models via Coordinate Descent (2010).
func (p *problem) solveNet(ctx context.Context, l Learner, hash []uint64) (*solution, error) {
	s := &solution{l2: l.L2, textL2: l.TextL2}
	if len(p.texts) > 0 && s.textL2 == 0 {
		s.textL2 = 1
	}
	n := &net{problem: p, corner: l.L1, textL2: s.textL2, maxSteps: l.MaxSteps}
	most, err := n.most(ctx)
	if err != nil {
		return nil, err
	}
	grid := []float64{l.L2}
	if l.L2 == 0 {
		ratio := 1e-3
		if p.weight < float64(p.q+p.textWidth()) {
			ratio = 1e-2
		}
		grid = grid[:0]
		for i := range netSteps {
			grid = append(grid, most*math.Pow(ratio, float64(i)/(netSteps-1)))
		}
	} else if l.L2 < most { // the way there is quicker than the place at once
		grid = nil
		for i := range 10 {
			grid = append(grid, most*math.Pow(l.L2/most, float64(i)/9))
		}
		grid[9] = l.L2
	}
	loss := make([]float64, len(grid))
	for i := range loss {
		loss[i] = math.NaN()
	}
	at := len(grid) - 1
	if l.L2 == 0 && p.weight >= 2*netFolds {
		if loss, err = n.heldOut(ctx, grid, hash); err != nil {
			return nil, err
		}
		for i, v := range loss {
			if v < loss[at] || math.IsNaN(loss[at]) {
				at = i
			}
		}
	}
	beta := n.begin()
	for i, lambda := range grid {
		precision := roughly
		if i == at {
			precision = exactly
		}
		if beta, err = n.at(ctx, beta, lambda, precision); err != nil {
			return nil, err
		}
		step := PathStep{Lambda: lambda, Loss: loss[i], Beta: p.spread(p.k, beta[:p.k*p.q])}
		step.Beta = withoutIntercepts(step.Beta, p.k)
		for _, b := range step.Beta {
			if b != 0 {
				step.NonZero++
			}
		}
		s.path, s.raw = append(s.path, step), append(s.raw, beta)
		if i == at {
			s.l2, s.beta, s.text = lambda, beta[:p.k*p.q], beta[p.k*p.q:]
		}
	}
	if p.task == kequn.Regression {
		s.sigma = math.NaN()
	}
	s.edf = float64(s.path[at].NonZero + p.k)
	s.notes = append(s.notes, fmt.Sprintf("%d of %d coefficients are not 0", s.path[at].NonZero, len(s.path[at].Beta)))
	return s, nil
}

func withoutIntercepts(beta []float64, k int) []float64 {
	full := len(beta) / k
	out := make([]float64, 0, len(beta)-k)
	for c := range k {
		out = append(out, beta[c*full:(c+1)*full-1]...)
	}
	return out
}

// net is a problem with a share of the penalty on absolute values. Coefficients are k×q of the columns, then those of texts, which are under
// a ridge penalty of their own.
type net struct {
	*problem
	corner   float64 // a: the share of the penalty on absolute values
	textL2   float64
	maxSteps int

	lipschitz []float64 // for descent along the gradient: about the second derivative by each coefficient
}

// How exactly a penalty is solved: the relative decrease of the objective that counts as none.
const (
	roughly = 1e-7
	exactly = 1e-13
)

func (n *net) begin() []float64 {
	beta := make([]float64, n.k*(n.q+n.textWidth()))
	copy(beta, n.start())
	return beta
}

// l1 returns what multiplies |β| of column j.
func (n *net) l1(j int, lambda float64) float64 {
	return n.corner * lambda * math.Sqrt(n.pen.scaled[j])
}

// l2 returns what multiplies ½β² of column j.
func (n *net) l2(j int, lambda float64) float64 { return (1 - n.corner) * n.ridge(j, lambda) }

// most returns the least λ that leaves no coefficient.
func (n *net) most(ctx context.Context) (float64, error) {
	at, err := n.pass(ctx, n.start(), gradient, 1)
	if err != nil {
		return 0, err
	}
	most := 0.0
	for c := range n.k {
		for j := range n.p {
			if w := n.l1(j, 1); w > 0 {
				most = max(most, math.Abs(at.grad[c*n.q+j])/w)
			}
		}
	}
	if !(most > 0) || math.IsInf(most, 0) {
		return 1, nil
	}
	return most, nil
}

// heldOut returns for each λ the loss per row on held-out rows.
func (n *net) heldOut(ctx context.Context, grid []float64, hash []uint64) ([]float64, error) {
	folds := netFolds
	if n.k > 1 || len(n.texts) > 0 || n.q > maxNewton || (n.task != kequn.Regression || n.power > 0) && float64(n.n)*float64(n.q)*float64(n.q) > dearNet {
		folds = 1
	}
	loss, weight := make([]float64, len(grid)), 0.0
	for f := range folds {
		learn, judge := make([]float64, n.n), make([]float64, n.n)
		for i := range learn {
			if int(kernel.Mix(hash[i])%netFolds) == f {
				judge[i] = n.weightOf(i)
			} else {
				learn[i] = n.weightOf(i)
			}
		}
		inner, outer := n.weighted(learn), n.weighted(judge)
		if inner.oneClass() || inner.weight == 0 || outer.weight == 0 {
			continue
		}
		weight += outer.weight
		beta := inner.begin()
		for i, lambda := range grid {
			var err error
			if beta, err = inner.at(ctx, beta, lambda*inner.weight/n.weight, roughly); err != nil {
				return nil, err
			}
			v, _, err := outer.smooth(ctx, beta, 0, false)
			if err != nil {
				return nil, err
			}
			loss[i] += v
		}
	}
	for i := range loss {
		loss[i] /= weight // NaN if no part could be judged
	}
	return loss, nil
}

// weighted returns the net with other weights of the same rows.
func (n *net) weighted(w []float64) *net {
	p := *n.problem
	p.w, p.weight, p.zero = w, kernel.Sum(w), nil
	return &net{problem: &p, corner: n.corner, textL2: n.textL2, maxSteps: n.maxSteps}
}

// at returns the coefficients for a λ, from beta on.
func (n *net) at(ctx context.Context, beta []float64, lambda, precision float64) ([]float64, error) {
	switch {
	case n.k > 1 || len(n.texts) > 0 || n.q > maxNewton:
		return n.alongGradient(ctx, beta, lambda, precision)
	case n.task == kequn.Regression && n.power == 0:
		at, err := n.atZero(ctx)
		if err != nil {
			return nil, err
		}
		return n.coordinates(at, make([]float64, n.q), beta, lambda, precision), nil
	}
	return n.quadratics(ctx, beta, lambda, precision)
}

// quadratics minimises a quadratic approximation in each step: Newton's method with a penalty that has corners.
func (n *net) quadratics(ctx context.Context, beta []float64, lambda, precision float64) ([]float64, error) {
	at, err := n.pass(ctx, beta, hessian, 1)
	if err != nil {
		return nil, err
	}
	value := at.loss + n.penalty(beta, lambda)
	for range n.maxSteps {
		goal := n.coordinates(at, beta, beta, lambda, precision/10)
		size := 1.0
		for {
			trial := append([]float64(nil), beta...)
			for j := range trial {
				trial[j] += size * (goal[j] - beta[j])
			}
			next, err := n.pass(ctx, trial, hessian, 1)
			if err != nil {
				return nil, err
			}
			v := next.loss + n.penalty(trial, lambda)
			if v <= value || size < 1e-6 {
				done := value-v <= precision*(1+math.Abs(value))
				if v <= value {
					beta, at, value = trial, next, v
				}
				if done {
					return beta, nil
				}
				break
			}
			size /= 2
		}
	}
	return beta, nil
}

func (n *net) penalty(beta []float64, lambda float64) float64 {
	sum := 0.0
	for c := range n.k {
		for j, b := range beta[c*n.q : c*n.q+n.p] {
			sum += 0.5*n.l2(j, lambda)*b*b + n.l1(j, lambda)*math.Abs(b)
		}
	}
	return sum
}

// coordinates minimises, one coefficient at a time, the penalty and the quadratic with the gradient and Hessian of at, taken at the point
// there, beginning at beta. As the gradient is kept up to date, a coefficient that stays 0 costs nothing but a look; so no rule needs to
// foresee which do.
func (n *net) coordinates(at *sums, there, beta []float64, lambda, precision float64) []float64 {
	q := n.q
	h := append([]float64(nil), at.hess...)
	for i := range q {
		for j := range i {
			h[j*q+i] = h[i*q+j]
		}
	}
	beta = append([]float64(nil), beta...)
	grad := append([]float64(nil), at.grad...)
	for j := range q {
		if d := beta[j] - there[j]; d != 0 {
			kernel.Axpy(d, h[j*q:(j+1)*q], grad)
		}
	}
	l1, l2 := make([]float64, q), make([]float64, q)
	for j := range n.p {
		l1[j], l2[j] = n.l1(j, lambda), n.l2(j, lambda)
	}
	move := func(j int) float64 {
		hj := h[j*q+j]
		if !(hj+l2[j] > 0) {
			return 0
		}
		b := soft(hj*beta[j]-grad[j], l1[j]) / (hj + l2[j])
		d := b - beta[j]
		if d == 0 {
			return 0
		}
		beta[j] = b
		kernel.Axpy(d, h[j*q:(j+1)*q], grad)
		return d * d * (hj + l2[j])
	}
	// A sweep saves about half of what it moves; the loss at the start is the measure of "little".
	little := precision * (1 + math.Abs(at.loss))
	for range 1000 {
		moved := 0.0
		for j := range q {
			moved = max(moved, move(j))
		}
		if moved <= little {
			break
		}
		for range 1000 { // those that are not 0
			moved = 0.0
			for j := range q {
				if beta[j] != 0 {
					moved = max(moved, move(j))
				}
			}
			if moved <= little {
				break
			}
		}
	}
	return beta
}

// soft brings x nearer to 0 by t.
func soft(x, t float64) float64 {
	switch {
	case x > t:
		return x - t
	case x < -t:
		return x + t
	}
	return 0
}

// smooth returns the loss with the part of the penalty that has no corners, and its gradient.
func (n *net) smooth(ctx context.Context, beta []float64, lambda float64, penalised bool) (float64, []float64, error) {
	textL2 := n.textL2
	if !penalised {
		textL2 = 0
	}
	value, grad, err := n.textLoss(ctx, beta, 0, textL2)
	if err != nil || !penalised {
		return value, grad, err
	}
	for c := range n.k {
		for j, b := range beta[c*n.q : c*n.q+n.p] {
			r := n.l2(j, lambda)
			value += 0.5 * r * b * b
			grad[c*n.q+j] += r * b
		}
	}
	return value, grad, nil
}

// alongGradient is for problems too wide for a Hessian: accelerated steps along the gradient, each coefficient at its own scale, begun anew
// whenever the objective would rise.
//
// Reference: Beck and Teboulle (2009), A Fast Iterative Shrinkage-Thresholding Algorithm; O'Donoghue and Candès (2015), restarts.
func (n *net) alongGradient(ctx context.Context, beta []float64, lambda, precision float64) ([]float64, error) {
	if err := n.setLipschitz(ctx); err != nil {
		return nil, err
	}
	x := append([]float64(nil), beta...)
	y := append([]float64(nil), beta...)
	objective := func(b []float64) (float64, error) {
		v, _, err := n.smooth(ctx, b, lambda, true)
		return v + n.penaltyCorners(b, lambda), err
	}
	value, err := objective(x)
	if err != nil {
		return nil, err
	}
	momentum, step, quiet := 1.0, 1.0, 0
	for range 20 * n.maxSteps {
		smooth, grad, err := n.smooth(ctx, y, lambda, true)
		if err != nil {
			return nil, err
		}
		var next []float64
		var v float64
		for ; ; step /= 2 {
			next = make([]float64, len(y))
			model := smooth
			for j := range y {
				scale := n.lipschitz[j] / step
				b := y[j] - grad[j]/scale
				if c := j % n.q; j < n.k*n.q && c < n.p {
					scale := scale + n.l2(c, lambda)
					b = soft(y[j]-grad[j]/scale, n.l1(c, lambda)/scale)
				}
				next[j] = b
				d := b - y[j]
				model += grad[j]*d + 0.5*scale*d*d
			}
			after, _, err := n.smooth(ctx, next, lambda, true)
			if err != nil {
				return nil, err
			}
			v = after + n.penaltyCorners(next, lambda)
			if after <= model+n.slack(next, y, lambda)+1e-12*(1+math.Abs(model)) || step < 1e-6 {
				break
			}
		}
		if v > value && momentum > 1 { // too far: begin anew from here
			momentum = 1
			copy(y, x)
			continue
		}
		if value-v <= precision*(1+math.Abs(value)) {
			if quiet++; quiet >= 3 {
				return next, nil
			}
		} else {
			quiet = 0
		}
		m := (1 + math.Sqrt(1+4*momentum*momentum)) / 2
		for j := range y {
			y[j] = next[j] + (momentum-1)/m*(next[j]-x[j])
		}
		x, value, momentum = next, min(v, value), m
	}
	return x, nil
}

// slack is what the ridge part adds to the bound of a step: its scale is larger by just that.
func (n *net) slack(next, y []float64, lambda float64) float64 {
	sum := 0.0
	for c := range n.k {
		for j := range n.p {
			d := next[c*n.q+j] - y[c*n.q+j]
			sum += 0.5 * n.l2(j, lambda) * d * d
		}
	}
	return sum
}

func (n *net) penaltyCorners(beta []float64, lambda float64) float64 {
	sum := 0.0
	for c := range n.k {
		for j, b := range beta[c*n.q : c*n.q+n.p] {
			sum += n.l1(j, lambda) * math.Abs(b)
		}
	}
	return sum
}

func (n *net) setLipschitz(ctx context.Context) error {
	if n.lipschitz != nil {
		return nil
	}
	h := 0.5
	if n.k == 1 {
		h = n.curvature()
	}
	// Columns of z have a mean square of 1 (numbers) or their share; those of equal columns are merged and larger.
	squares := make([]float64, n.q)
	scratch := n.newScratch()
	for lo := 0; lo < n.n; lo += subBlock {
		hi := min(n.n, lo+subBlock)
		n.fill(lo, hi, subBlock, scratch.z, scratch.slot)
		for j := range n.nDense {
			for i, v := range scratch.z[j*subBlock : j*subBlock+hi-lo] {
				squares[j] += n.weightOf(lo+i) * v * v
			}
		}
		for j := range n.sparse {
			for i, k := range scratch.slot[j*subBlock : j*subBlock+hi-lo] {
				if k >= 0 {
					squares[k] += n.weightOf(lo + i)
				}
			}
		}
	}
	squares[n.p] = n.weight
	n.lipschitz = make([]float64, n.k*(n.q+n.textWidth()))
	for c := range n.k {
		for j, v := range squares {
			n.lipschitz[c*n.q+j] = h*v + 1e-9*n.weight
		}
	}
	if len(n.texts) > 0 {
		scale, err := n.textScale(n.textL2)
		if err != nil {
			return err
		}
		for j := range n.k * len(scale) {
			n.lipschitz[n.k*n.q+j] = 1 / scale[j%len(scale)]
		}
	}
	return nil
}
