package net

import (
	"math"

	"kequn/internal/kernel"
)

// Dense is y = x·W + b, with W (in, out).
type Dense struct {
	In, Out int
	W, B    *Param

	// GradFrom is the first column of x whose gradient Backward computes; those before are 0. Columns that come from data
	// need none: In where all do.
	GradFrom int

	threads int
	x       Matrix
	y, dx   []float32
}

// NewDense returns a layer with biases of 0 and weights drawn uniformly from ±gain·√(3/in), which have deviation gain/√in.
func NewDense(name string, in, out int, gain float64, s *kernel.Stream) *Dense {
	d := &Dense{In: in, Out: out, W: newParam(name+".weight", in*out, true), B: newParam(name+".bias", out, false)}
	d.W.Uniform(s, gain*math.Sqrt(3/float64(in)))
	return d
}

func (d *Dense) weights() kernel.Strided { return kernel.RowMajor(d.W.Value, d.Out) }

// Forward implements [Layer].
func (d *Dense) Forward(p Pass, x Matrix) Matrix {
	if x.Cols != d.In {
		panic(errShape)
	}
	d.x, d.threads = x, p.threads()
	y := sized(&d.y, x.Rows, d.Out)
	kernel.GemmThreads(d.threads, x.Rows, d.Out, d.In, x.strided(), d.weights(), y.strided(), kernel.Strided{Data: d.B.Value, Col: 1})
	return y
}

var one = []float32{1}

// Backward implements [Layer]: ∂W = xᵀ·∂y, ∂b = Σ rows of ∂y, ∂x = ∂y·Wᵀ. Parameters without a gradient are passed over.
func (d *Dense) Backward(dy Matrix) Matrix {
	n := dy.Rows
	if d.W.Grad != nil {
		grad := kernel.RowMajor(d.W.Grad, d.Out)
		kernel.GemmThreads(d.threads, d.In, d.Out, n, d.x.strided().T(), dy.strided(), grad, grad)
		bias := kernel.RowMajor(d.B.Grad, d.Out)
		kernel.Gemm(1, d.Out, n, kernel.Strided{Data: one}, dy.strided(), bias, bias)
	}
	dx := sized(&d.dx, n, d.In)
	if w := d.In - d.GradFrom; w > 0 && n > 0 {
		to := dx.strided()
		if d.GradFrom > 0 {
			clear(dx.Data)
			to = to.From(0, d.GradFrom)
		}
		kernel.GemmThreads(d.threads, n, w, d.Out, dy.strided(), d.weights().From(d.GradFrom, 0).T(), to, kernel.Strided{})
	}
	return dx
}

// Params implements [Layer].
func (d *Dense) Params() []*Param { return []*Param{d.W, d.B} }

// Share implements [Layer].
func (d *Dense) Share() Layer {
	return &Dense{In: d.In, Out: d.Out, W: d.W, B: d.B, GradFrom: d.GradFrom}
}

const errShape = "net: shapes do not fit"
