package net

import (
	"cmp"
	"slices"

	"kequn/internal/kernel"
)

// GRU is a recurrent layer: it walks down a sequence and keeps a state h of Dim numbers, which is its output at every row.
//
//	r  = σ(x·Wr + h·Ur + b)          how much of the state counts for the new one
//	z  = σ(x·Wz + h·Uz + b)          how much of it stays
//	n  = tanh(x·Wn + b + r∘(h·Un + c))
//	h' = (1 − z)∘n + z∘h             from h = 0 at the sequence's first row
//
// All sequences of a batch walk together, so that every step is one matrix product. Pass.Start says where they begin.
//
// Reference: Cho et al., Learning Phrase Representations using RNN Encoder–Decoder, 2014, in the form of cuDNN.
type GRU struct {
	InDim, Dim int
	In, State  *Dense // (InDim, 3·Dim) and (Dim, 3·Dim): r, z, n

	threads int
	steps   []int32 // where a step's rows begin in the arrays by step; the last is the end
	rows    []int32 // the batch's row of each row by step
	fromX   Matrix
	fromH   []float32 // h·U + c by step
	gates   []float32 // r, z, n by step
	before  []float32 // h before the step
	y, dx   []float32
	dFromH  []float32
	dState  []float32
}

// NewGRU returns a layer.
func NewGRU(name string, in, dim int, s *kernel.Stream) *GRU {
	return &GRU{InDim: in, Dim: dim, In: NewDense(name+".in", in, 3*dim, 1, s), State: NewDense(name+".state", dim, 3*dim, 1, s)}
}

// walk lays the rows out by step: the longest sequences first, so that those still walking are the first ones of each step.
func (g *GRU) walk(start []int32) {
	order := make([]int32, len(start)-1)
	for i := range order {
		order[i] = int32(i)
	}
	length := func(i int32) int32 { return start[i+1] - start[i] }
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(length(b), length(a)) })
	g.steps, g.rows = append(g.steps[:0], 0), g.rows[:0]
	for t := int32(0); len(order) > 0 && t < length(order[0]); t++ {
		for _, i := range order {
			if length(i) <= t {
				break
			}
			g.rows = append(g.rows, start[i]+t)
		}
		g.steps = append(g.steps, int32(len(g.rows)))
	}
}

// Forward implements [Layer].
func (g *GRU) Forward(p Pass, x Matrix) Matrix {
	g.threads = p.threads()
	g.walk(bounds(p.Start, x.Rows))
	d := g.Dim
	g.fromX = g.In.Forward(p, x)
	fromH, gates, before, y := sized(&g.fromH, x.Rows, 3*d), sized(&g.gates, x.Rows, 3*d), sized(&g.before, x.Rows, d), sized(&g.y, x.Rows, d)
	for t := range len(g.steps) - 1 {
		lo, hi := int(g.steps[t]), int(g.steps[t+1])
		if t == 0 {
			clear(before.Data[:hi*d])
		} else {
			for k := lo; k < hi; k++ { // the sequence stood at the same place of the step before
				copy(before.Row(k), y.Row(int(g.rows[int(g.steps[t-1])+k-lo])))
			}
		}
		kernel.GemmThreads(g.threads, hi-lo, 3*d, d, before.strided().From(lo, 0), g.State.weights(), fromH.strided().From(lo, 0), kernel.Strided{Data: g.State.B.Value, Col: 1})
		for k := lo; k < hi; k++ {
			row := int(g.rows[k])
			fx, fh, gate, h, out := g.fromX.Row(row), fromH.Row(k), gates.Row(k), before.Row(k), y.Row(row)
			for j := range 2 * d {
				gate[j] = fx[j] + fh[j]
			}
			kernel.Sigmoid32(gate[:2*d], gate[:2*d])
			for j := range d {
				gate[2*d+j] = fx[2*d+j] + gate[j]*fh[2*d+j]
			}
			kernel.Tanh32(gate[2*d:], gate[2*d:])
			for j := range d {
				z := gate[d+j]
				out[j] = (1-z)*gate[2*d+j] + z*h[j]
			}
		}
	}
	return y
}

// Backward implements [Layer]: back through time, the last step first.
func (g *GRU) Backward(dy Matrix) Matrix {
	d := g.Dim
	gates, before, fromH := Matrix{dy.Rows, 3 * d, g.gates}, Matrix{dy.Rows, d, g.before}, Matrix{dy.Rows, 3 * d, g.fromH}
	dFromH, dState := sized(&g.dFromH, dy.Rows, 3*d), sized(&g.dState, dy.Rows, d)
	dFromX := sized(&g.dx, dy.Rows, 3*d)
	for t := len(g.steps) - 2; t >= 0; t-- {
		lo, hi := int(g.steps[t]), int(g.steps[t+1])
		for k := lo; k < hi; k++ {
			row := int(g.rows[k])
			gate, h, fh, out := gates.Row(k), before.Row(k), fromH.Row(k), dy.Row(row)
			dfx, dfh, dh := dFromX.Row(row), dFromH.Row(k), dState.Row(k)
			var later []float32 // what the next step of this sequence wants changed
			if next := k - lo + hi; t+2 < len(g.steps) && next < int(g.steps[t+2]) {
				later = dState.Row(next)
			}
			for j := range d {
				r, z, n := gate[j], gate[d+j], gate[2*d+j]
				v := out[j]
				if later != nil {
					v += later[j]
				}
				dn := v * (1 - z) * (1 - n*n)
				dz := v * (h[j] - n) * z * (1 - z)
				dr := dn * fh[2*d+j] * r * (1 - r)
				dfx[j], dfx[d+j], dfx[2*d+j] = dr, dz, dn
				dfh[j], dfh[d+j], dfh[2*d+j] = dr, dz, dn*r
				dh[j] = v * z
			}
		}
		state := dState.strided().From(lo, 0)
		kernel.GemmThreads(g.threads, hi-lo, d, 3*d, dFromH.strided().From(lo, 0), g.State.weights().T(), state, state)
	}
	if g.State.W.Grad != nil {
		grad := kernel.RowMajor(g.State.W.Grad, 3*d)
		kernel.GemmThreads(g.threads, d, 3*d, dy.Rows, before.strided().T(), dFromH.strided(), grad, grad)
		bias := kernel.RowMajor(g.State.B.Grad, 3*d)
		kernel.Gemm(1, 3*d, dy.Rows, kernel.Strided{Data: one}, dFromH.strided(), bias, bias)
	}
	return g.In.Backward(dFromX)
}

// Params implements [Layer].
func (g *GRU) Params() []*Param { return append(g.In.Params(), g.State.Params()...) }

// Share implements [Layer].
func (g *GRU) Share() Layer {
	return &GRU{InDim: g.InDim, Dim: g.Dim, In: g.In.Share().(*Dense), State: g.State.Share().(*Dense)}
}
