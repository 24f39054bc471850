package svm

import (
	"context"
	"math"

	"kequn/internal/kernel"
)

// smo solves the dual of a kernel machine. With F = y − (K+D)·β it is
//
//	max  y·β − ½·βᵀ(K+D)β − ε·Σ|βᵢ|     Σβᵢ = 0,  loᵢ ≤ βᵢ ≤ hiᵢ
//
// where βᵢ is the row's coefficient in f = Σβᵢ·k(zᵢ,·) + b. The plain loss has D = 0 and bounds of C·wᵢ on the side of the
// row's class (on both for amounts); the squared loss has no bound on that side and Dᵢᵢ = 1/(2C·wᵢ). ε is 0 for classes.
//
// βᵢ can gain from going up as long as up(i) = Fᵢ ∓ ε exceeds b, and from going down while down(i) = Fᵢ ± ε is below it, so
// that the solution has max up ≤ b ≤ min down. A step takes the i of the largest up, and of all j below it the one with
// which it gains most, (up(i)−down(j))²/(Kᵢᵢ+Kⱼⱼ−2Kᵢⱼ), and moves both by the same amount in opposite directions. A row with
// lo = hi = 0 is held out: it never moves, but its F is kept, and y − F + b is what the others say of it.
type smo struct {
	k       *gram
	y       []float64
	d       []float64 // diagonal D
	lo, hi  []float64
	epsilon float64

	beta, f   []float64
	addUp     []float64 // up(i) − F, −∞ at the upper bound
	addDown   []float64 // down(i) − F, +∞ at the lower bound
	steps     int
	most      int // steps of one solve; 0: stepsARow for each row
	truncated bool
}

// newSMO returns a problem at β = 0. Bounds and D are set by [smo.bound].
func newSMO(k *gram, y []float64, epsilon float64) *smo {
	n := len(y)
	s := &smo{k: k, y: y, epsilon: epsilon}
	all := make([]float64, 7*n)
	for _, v := range []*[]float64{&s.d, &s.lo, &s.hi, &s.beta, &s.f, &s.addUp, &s.addDown} {
		*v, all = all[:n:n], all[n:]
	}
	copy(s.f, y)
	return s
}

// bound sets bounds and D for cost c, keeping β, which must lie within (it does when c rises). Rows with held are held out.
// classes says that y is ±1 and β has y's sign.
func (s *smo) bound(c float64, w []float64, hinge, classes bool, held func(i int) bool) {
	for i, y := range s.y {
		limit, d := math.Inf(1), 0.0
		if hinge {
			limit = c * w[i]
		} else {
			d = 1 / (2 * c * w[i])
		}
		s.f[i] += s.beta[i] * (s.d[i] - d)
		s.d[i], s.lo[i], s.hi[i] = d, -limit, limit
		switch {
		case held != nil && held(i):
			s.lo[i], s.hi[i] = 0, 0
		case classes && y > 0:
			s.lo[i] = 0
		case classes:
			s.hi[i] = 0
		}
		s.sides(i)
	}
}

// sides sets addUp and addDown of row i after a change of β or bounds.
func (s *smo) sides(i int) {
	b := s.beta[i]
	s.addUp[i], s.addDown[i] = -s.epsilon, s.epsilon
	if b < 0 {
		s.addUp[i] = s.epsilon
	}
	if b > 0 {
		s.addDown[i] = -s.epsilon
	}
	if b >= s.hi[i] {
		s.addUp[i] = math.Inf(-1)
	}
	if b <= s.lo[i] {
		s.addDown[i] = math.Inf(1)
	}
}

// stepsARow bounds the steps. A machine takes one to three steps a row, with a cost of 1,000 some hundreds.
const stepsARow = 1000

// solve steps until max up − min down ≤ tolerance and returns b.
func (s *smo) solve(ctx context.Context, tolerance float64) (b float64, err error) {
	i, top := s.top()
	most := s.most
	if most == 0 {
		most = stepsARow*len(s.y) + 10_000
	}
	for most += s.steps; ; s.steps++ {
		if s.steps%512 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if i < 0 {
			return s.bias(), nil
		}
		ki := s.k.row(i)
		j, bottom := kernel.PairGain(s.f, s.addDown, s.d, ki, top, 2+s.d[i])
		if j < 0 || top-bottom <= tolerance {
			return s.bias(), nil
		}
		if s.steps == most {
			s.truncated = true
			return s.bias(), nil
		}
		delta := (top - (s.f[j] + s.addDown[j])) / s.curvature(i, j, ki[j])
		limitUp, limitDown := s.hi[i]-s.beta[i], s.beta[j]-s.lo[j]
		if s.epsilon > 0 && s.beta[i] < 0 {
			limitUp = -s.beta[i]
		}
		if s.epsilon > 0 && s.beta[j] > 0 {
			limitDown = s.beta[j]
		}
		delta = min(delta, limitUp, limitDown)
		// A step to a limit ends on it exactly.
		nextUp, nextDown := s.beta[i]+delta, s.beta[j]-delta
		if delta == limitUp {
			nextUp = s.hi[i]
			if s.epsilon > 0 && s.beta[i] < 0 {
				nextUp = 0
			}
		}
		if delta == limitDown {
			nextDown = s.lo[j]
			if s.epsilon > 0 && s.beta[j] > 0 {
				nextDown = 0
			}
		}
		s.beta[i], s.beta[j] = nextUp, nextDown
		s.f[i] -= delta * s.d[i]
		s.f[j] += delta * s.d[j]
		s.sides(i)
		s.sides(j)
		i, top = kernel.PairMove(s.f, s.addUp, ki, s.k.row(j), delta)
	}
}

// curvature returns the second derivative along the pair, never below what rounding leaves of it for equal points.
func (s *smo) curvature(i, j int, k float32) float64 {
	return max(1e-12, 2-2*float64(k)+s.d[i]+s.d[j])
}

// top returns the row of the largest up, the first of equals; −1 where nothing can go up.
func (s *smo) top() (row int, best float64) {
	row, best = -1, math.Inf(-1)
	for t, f := range s.f {
		if u := f + s.addUp[t]; u > best {
			row, best = t, u
		}
	}
	return row, best
}

// bias returns b: the mean of F over rows strictly between bounds, which all have up = b or down = b at the solution, and
// where there are none the middle of what the others allow.
func (s *smo) bias() float64 {
	sum, n := 0.0, 0
	above, below := math.Inf(-1), math.Inf(1)
	for i, b := range s.beta {
		if b != 0 && b > s.lo[i] && b < s.hi[i] {
			sum += s.f[i] - math.Copysign(s.epsilon, b)
			n++
		}
		above, below = max(above, s.f[i]+s.addUp[i]), min(below, s.f[i]+s.addDown[i])
	}
	switch {
	case n > 0:
		return sum / float64(n)
	case math.IsInf(above, 0) && math.IsInf(below, 0):
		return 0
	case math.IsInf(above, 0):
		return below
	case math.IsInf(below, 0):
		return above
	}
	return (above + below) / 2
}

// said returns y − F + b, what a machine without row i says of it.
func (s *smo) said(i int, b float64) float64 { return s.y[i] - s.f[i] + b }
