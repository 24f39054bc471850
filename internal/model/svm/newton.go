package svm

import (
	"context"
	"math"

	"kequn/internal/kernel"
)

// primal finds β and b that minimise
//
//	½·βᵀRβ + C·Σᵢ wᵢ·loss(yᵢ, φᵢ·β + b)
//
// for a squared loss by Newton's method: only rows with a loss bend the objective, so that a step solves
// (R + 2C·Σ wᵢφᵢφᵢᵀ)·Δ = −gradient over these, with the step halved until it helps. φ is the encoded row and R the identity for
// the linear machine; for m landmarks φ holds the row's kernel with each and R that of the landmarks among themselves.
type primal struct {
	n, q    int
	phi     []float32 // (n, q)
	r       []float64 // (q, q), nil for the identity
	y, w    []float64
	classes bool
	epsilon float64
	threads int
}

// slack returns the part of the error that costs, in the direction in which f must move, and 0 where none does.
func (p *primal) slack(y, f float64) float64 {
	if p.classes {
		return y * max(0, 1-y*f)
	}
	e := y - f
	if math.Abs(e) <= p.epsilon {
		return 0
	}
	return e - math.Copysign(p.epsilon, e)
}

// outputs returns φ·β + b for each row.
func (p *primal) outputs(theta []float64) []float64 {
	f := make([]float64, p.n)
	beta, b := theta[:p.q], theta[p.q]
	kernel.Parallel(p.n, p.threads, 1024, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			f[i] = b + dotMixed(p.phi[i*p.q:(i+1)*p.q], beta)
		}
	})
	return f
}

func dotMixed(a []float32, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	for len(a) >= 4 && len(b) >= 4 {
		s0 += float64(a[0]) * b[0]
		s1 += float64(a[1]) * b[1]
		s2 += float64(a[2]) * b[2]
		s3 += float64(a[3]) * b[3]
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		s0 += float64(v) * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// objective returns the value and each row's slack.
func (p *primal) objective(c float64, f []float64, penalty float64) (value float64, slack []float64) {
	slack = make([]float64, p.n)
	for i, y := range p.y {
		slack[i] = p.slack(y, f[i])
	}
	loss := kernel.Reduce(p.n, 1, 4096, func(lo, hi int) float64 {
		s := 0.0
		for i := lo; i < hi; i++ {
			s += p.w[i] * slack[i] * slack[i]
		}
		return s
	}, func(a, b float64) float64 { return a + b })
	return penalty/2 + c*loss, slack
}

// times returns R·β.
func (p *primal) times(beta []float64) []float64 {
	if p.r == nil {
		return append([]float64(nil), beta...)
	}
	out := make([]float64, p.q)
	for i := range out {
		out[i] = kernel.Dot(p.r[i*p.q:(i+1)*p.q], beta)
	}
	return out
}

const (
	newtonSteps = 60   // from any start under 15 on every table tried
	denseLimit  = 1500 // beyond so many columns steps are found by conjugate gradients: a factorisation takes q³/6
)

// solve returns (β, b) from a start, nil for 0.
func (p *primal) solve(ctx context.Context, c float64, start []float64) ([]float64, error) {
	theta := make([]float64, p.q+1)
	copy(theta, start)
	f := p.outputs(theta)
	rb := p.times(theta[:p.q])
	value, slack := p.objective(c, f, kernel.Dot(rb, theta[:p.q]))
	for range newtonSteps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		g := p.gradient(rb, c, slack)
		var step []float64
		if p.q <= denseLimit {
			step, _ = kernel.SolveSPD(p.hessian(c, slack), p.q+1, g)
		} else {
			step = p.conjugate(c, slack, g)
		}
		if step == nil {
			break
		}
		decrement := kernel.Dot(step, g)
		df, rs := p.outputs(step), p.times(step[:p.q])
		improved := false
		for t := 1.0; t > 1e-6; t /= 2 {
			next, nf, nrb := make([]float64, p.q+1), make([]float64, p.n), make([]float64, p.q)
			for i := range next {
				next[i] = theta[i] - t*step[i]
			}
			for i := range nf {
				nf[i] = f[i] - t*df[i]
			}
			for i := range nrb {
				nrb[i] = rb[i] - t*rs[i]
			}
			if v, sl := p.objective(c, nf, kernel.Dot(nrb, next[:p.q])); v < value {
				improved = true
				theta, f, rb, value, slack = next, nf, nrb, v, sl
				break
			}
		}
		if !improved || decrement < 1e-9*value {
			break
		}
	}
	return theta, nil
}

// gradient returns R·β − 2C·Σ wᵢ·slackᵢ·φᵢ, and for b the same without R.
func (p *primal) gradient(rb []float64, c float64, slack []float64) []float64 {
	sum := kernel.Reduce(p.n, p.threads, 4096, func(lo, hi int) []float64 {
		s := make([]float64, p.q+1)
		for i := lo; i < hi; i++ {
			if r := 2 * c * p.w[i] * slack[i]; r != 0 {
				for j, v := range p.phi[i*p.q : (i+1)*p.q] {
					s[j] -= r * float64(v)
				}
				s[p.q] -= r
			}
		}
		return s
	}, add)
	for j, v := range rb {
		sum[j] += v
	}
	return sum
}

func add(a, b []float64) []float64 {
	kernel.Axpy(1, b, a)
	return a
}

// hessian returns R + 2C·Σ wᵢφᵢφᵢᵀ over rows with slack, φ with a last 1 for b: (q+1)², its lower triangle.
func (p *primal) hessian(c float64, slack []float64) []float64 {
	const rows = 256
	wide := up(p.q+1, kernel.GramSide)
	// As many partial sums as make work for the processors, but not more memory than the rows themselves take.
	size := max(2048, up(kernel.NBlocks(p.n, 8), rows))
	sum := kernel.Reduce(p.n, p.threads, size, func(lo, hi int) []float64 {
		h, col := make([]float64, wide*wide), make([]float64, wide*rows)
		k := 0
		flush := func() {
			n := up(k, kernel.GramLanes)
			for j := 0; j <= p.q; j++ {
				clear(col[j*rows+k : j*rows+n])
			}
			kernel.AddGram(col, col, wide, wide, n, rows, h, true)
			k = 0
		}
		for i := lo; i < hi; i++ {
			if slack[i] == 0 || p.w[i] == 0 {
				continue
			}
			a := math.Sqrt(2 * c * p.w[i])
			for j, v := range p.phi[i*p.q : (i+1)*p.q] {
				col[j*rows+k] = a * float64(v)
			}
			col[p.q*rows+k] = a
			if k++; k == rows {
				flush()
			}
		}
		if k > 0 {
			flush()
		}
		return h
	}, add)
	h := make([]float64, (p.q+1)*(p.q+1))
	for i := range p.q + 1 {
		row := h[i*(p.q+1) : i*(p.q+1)+i+1]
		copy(row, sum[i*wide:])
		if i == p.q {
			break
		}
		if p.r == nil {
			row[i]++
		} else {
			kernel.Axpy(1, p.r[i*p.q:i*p.q+i+1], row)
		}
	}
	return h
}

// conjugate solves the same system without making it, by conjugate gradients to a hundredth of the gradient.
func (p *primal) conjugate(c float64, slack, g []float64) []float64 {
	x, r, d := make([]float64, len(g)), append([]float64(nil), g...), append([]float64(nil), g...)
	rr := kernel.Dot(r, r)
	limit := 1e-4 * rr
	for range 200 {
		if rr <= limit || rr == 0 {
			break
		}
		hd := p.bend(c, slack, d)
		a := rr / kernel.Dot(d, hd)
		kernel.Axpy(a, d, x)
		kernel.Axpy(-a, hd, r)
		next := kernel.Dot(r, r)
		for i := range d {
			d[i] = r[i] + next/rr*d[i]
		}
		rr = next
	}
	return x
}

// bend returns the Hessian times v.
func (p *primal) bend(c float64, slack, v []float64) []float64 {
	f := p.outputs(v)
	for i := range f {
		if slack[i] == 0 {
			f[i] = 0
		} else {
			f[i] = -f[i]
		}
	}
	return p.gradient(p.times(v[:p.q]), c, f)
}
