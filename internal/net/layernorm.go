package net

import (
	"math"

	"kequn/internal/kernel"
)

// LayerNorm brings every row to mean 0 and deviation 1 and scales it by learnt numbers: y = (x − mean)/√(variance + 1e-5)·gain + bias.
//
// Reference: Ba, Kiros and Hinton, Layer Normalization, 2016.
type LayerNorm struct {
	Dim        int
	Gain, Bias *Param

	threads       int
	y, dx, normal []float32
	inverse       []float32 // 1/deviation of each row
	parts         []float32 // gradients of gain and bias by block of rows
}

// NewLayerNorm returns a layer that only brings rows to mean 0 and deviation 1.
func NewLayerNorm(name string, dim int) *LayerNorm {
	l := &LayerNorm{Dim: dim, Gain: newParam(name+".gain", dim, false), Bias: newParam(name+".bias", dim, false)}
	for i := range l.Gain.Value {
		l.Gain.Value[i] = 1
	}
	return l
}

// normBlock is how many rows are summed at a time: fixed, so that sums do not depend on the number of threads.
const normBlock = 256

// Forward implements [Layer].
func (l *LayerNorm) Forward(p Pass, x Matrix) Matrix {
	if x.Cols != l.Dim {
		panic(errShape)
	}
	l.threads = p.threads()
	y, normal, inverse := sized(&l.y, x.Rows, l.Dim), sized(&l.normal, x.Rows, l.Dim), sized(&l.inverse, x.Rows, 1)
	gain, bias := l.Gain.Value, l.Bias.Value
	kernel.Parallel(x.Rows, l.threads, normBlock, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row, to, out := x.Row(i), normal.Row(i), y.Row(i)
			mean := sum32(row) / float32(l.Dim)
			for j, v := range row {
				to[j] = v - mean
			}
			scale := float32(1 / math.Sqrt(float64(kernel.Dot32(to, to))/float64(l.Dim)+1e-5))
			inverse.Data[i] = scale
			for j, v := range to {
				v *= scale
				to[j] = v
				out[j] = v*gain[j] + bias[j]
			}
		}
	})
	return y
}

// Backward implements [Layer]: with g = ∂y·gain and n the normal row, ∂x = (g − mean(g) − n·mean(g·n))/deviation.
func (l *LayerNorm) Backward(dy Matrix) Matrix {
	dx, normal := sized(&l.dx, dy.Rows, l.Dim), Matrix{dy.Rows, l.Dim, l.normal[:dy.Rows*l.Dim]}
	gain := l.Gain.Value
	parts := sized(&l.parts, kernel.NBlocks(dy.Rows, normBlock), 2*l.Dim)
	clear(parts.Data)
	kernel.Blocks(dy.Rows, l.threads, normBlock, func(block, lo, hi int) {
		dGain, dBias := parts.Row(block)[:l.Dim], parts.Row(block)[l.Dim:]
		for i := lo; i < hi; i++ {
			from, n, to := dy.Row(i), normal.Row(i), dx.Row(i)
			for j, v := range from {
				dGain[j] += v * n[j]
				dBias[j] += v
				to[j] = v * gain[j]
			}
			mean, along := sum32(to)/float32(l.Dim), kernel.Dot32(to, n)/float32(l.Dim)
			scale := l.inverse[i]
			for j, v := range to {
				to[j] = (v - mean - n[j]*along) * scale
			}
		}
	})
	if l.Gain.Grad != nil {
		for b := range parts.Rows {
			kernel.Axpy32(1, parts.Row(b)[:l.Dim], l.Gain.Grad)
			kernel.Axpy32(1, parts.Row(b)[l.Dim:], l.Bias.Grad)
		}
	}
	return dx
}

// Params implements [Layer].
func (l *LayerNorm) Params() []*Param { return []*Param{l.Gain, l.Bias} }

// Share implements [Layer].
func (l *LayerNorm) Share() Layer { return &LayerNorm{Dim: l.Dim, Gain: l.Gain, Bias: l.Bias} }

// sum32 returns the sum in four running sums.
func sum32(v []float32) float32 {
	var a, b, c, d float32
	for len(v) >= 4 {
		a, b, c, d = a+v[0], b+v[1], c+v[2], d+v[3]
		v = v[4:]
	}
	for _, x := range v {
		a += x
	}
	return (a + b) + (c + d)
}

// Residual is y = x + body(x).
type Residual struct {
	Body Layer

	threads      int
	y, dx, spare []float32
}

// Forward implements [Layer].
func (r *Residual) Forward(p Pass, x Matrix) Matrix {
	out := r.Body.Forward(p, x)
	if out.Rows != x.Rows || out.Cols != x.Cols {
		panic(errShape)
	}
	r.threads = p.threads()
	y := sized(&r.y, x.Rows, x.Cols)
	add(r.threads, y.Data, x.Data, out.Data)
	return y
}

// Backward implements [Layer].
func (r *Residual) Backward(dy Matrix) Matrix {
	spare := sized(&r.spare, dy.Rows, dy.Cols) // the body may overwrite what it is given
	copy(spare.Data, dy.Data)
	back := r.Body.Backward(spare)
	dx := sized(&r.dx, dy.Rows, dy.Cols)
	add(r.threads, dx.Data, dy.Data, back.Data)
	return dx
}

// add writes a + b to dst.
func add(threads int, dst, a, b []float32) {
	kernel.Parallel(len(dst), threads, elementGrain, func(lo, hi int) {
		to, x, y := dst[lo:hi], a[lo:hi], b[lo:hi]
		for i, v := range x {
			to[i] = v + y[i]
		}
	})
}

// Params implements [Layer].
func (r *Residual) Params() []*Param { return r.Body.Params() }

// Share implements [Layer].
func (r *Residual) Share() Layer { return &Residual{Body: r.Body.Share()} }
