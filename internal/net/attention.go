package net

import (
	"math"

	"kequn/internal/kernel"
)

// Attention lets every row of a sequence look at the others: for each of Heads heads
//
//	y = softmax(q·kᵀ/√w)·v,   w = Dim/Heads
//
// with q, k, v the row's own linear maps, and the heads' results mapped linearly to the output. Causal rows look at themselves
// and older ones only. Where a row stands is told by turning q and k by angles that grow with the row's number in its sequence
// (rotary positions): their product then depends on how far apart two rows are.
//
// Work and memory grow with the square of a sequence's length; Pass.Start says where sequences begin.
//
// References: Vaswani et al., Attention Is All You Need, 2017; Su et al., RoFormer, 2021.
type Attention struct {
	Dim, Heads int
	Causal     bool
	In, Out    *Dense // (Dim, 3·Dim): q, k and v of all heads; (Dim, Dim)

	start         []int32
	threads       int
	qkv           Matrix
	share         []float32 // softmax of all sequences and heads
	at            []int     // where a sequence's begin in share
	mixed, dqkv   []float32
	scratch       [][]float32 // by worker
	cosine, sinus []float32   // by position and pair
}

// NewAttention returns a layer of dim numbers a row; dim is a multiple of 2·heads.
func NewAttention(name string, dim, heads int, causal bool, s *kernel.Stream) *Attention {
	if heads < 1 || dim%(2*heads) != 0 {
		panic(errShape)
	}
	return &Attention{Dim: dim, Heads: heads, Causal: causal, In: NewDense(name+".in", dim, 3*dim, 1, s), Out: NewDense(name+".out", dim, dim, 1, s)}
}

// bounds returns where sequences begin: all rows are one sequence where nobody said.
func bounds(start []int32, rows int) []int32 {
	if start == nil {
		return []int32{0, int32(rows)}
	}
	if len(start) == 0 || start[0] != 0 || int(start[len(start)-1]) != rows {
		panic(errShape)
	}
	return start
}

// angles prepares the turns of positions up to n.
func (a *Attention) angles(n int) {
	half := a.Dim / a.Heads / 2
	for p := len(a.cosine) / half; p < n; p++ {
		for k := range half {
			s, c := math.Sincos(float64(p) * math.Pow(10000, -float64(k)/float64(half)))
			a.cosine, a.sinus = append(a.cosine, float32(c)), append(a.sinus, float32(s))
		}
	}
}

// turn turns q and k of a row by its position, or back.
func (a *Attention) turn(row []float32, position int, back bool) {
	width := a.Dim / a.Heads
	half := width / 2
	c, s := a.cosine[position*half:][:half], a.sinus[position*half:][:half]
	for h := range 2 * a.Heads {
		x, y := row[h*width:][:half], row[h*width+half:][:half]
		for k := range half {
			u, v, sine := x[k], y[k], s[k]
			if back {
				sine = -sine
			}
			x[k], y[k] = u*c[k]-v*sine, u*sine+v*c[k]
		}
	}
}

// Forward implements [Layer].
func (a *Attention) Forward(p Pass, x Matrix) Matrix {
	a.start, a.threads = bounds(p.Start, x.Rows), p.threads()
	a.qkv = a.In.Forward(p, x)
	n, longest, total := len(a.start)-1, 0, 0
	a.at = a.at[:0]
	for i := range n {
		length := int(a.start[i+1] - a.start[i])
		longest = max(longest, length)
		a.at = append(a.at, total)
		total += a.Heads * length * length
	}
	a.angles(longest)
	share := sized(&a.share, 1, total)
	mixed := sized(&a.mixed, x.Rows, a.Dim)
	width := a.Dim / a.Heads
	scale := float32(1 / math.Sqrt(float64(width)))
	kernel.Parallel(n, a.threads, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			from, length := int(a.start[i]), int(a.start[i+1]-a.start[i])
			for r := range length {
				a.turn(a.qkv.Row(from+r), r, false)
			}
			for h := range a.Heads {
				q, k, v := a.head(a.qkv, from, h)
				s := share.Data[a.at[i]+h*length*length:][:length*length]
				kernel.Gemm(length, length, width, q, k.T(), kernel.RowMajor(s, length), kernel.Strided{})
				for r := range length {
					softmax(s[r*length:][:length], a.seen(r, length), scale)
				}
				kernel.Gemm(length, width, length, kernel.RowMajor(s, length), v, mixed.strided().From(from, h*width), kernel.Strided{})
			}
		}
	})
	return a.Out.Forward(p, mixed)
}

// seen returns how many rows of its sequence row r looks at.
func (a *Attention) seen(r, length int) int {
	if a.Causal {
		return r + 1
	}
	return length
}

// head returns q, k and v of a head, from a row on.
func (a *Attention) head(m Matrix, row, h int) (q, k, v kernel.Strided) {
	width := a.Dim / a.Heads
	all := m.strided().From(row, 0)
	return all.From(0, h*width), all.From(0, a.Dim+h*width), all.From(0, 2*a.Dim+h*width)
}

// softmax turns the first n numbers, times scale, into shares; the others become 0.
func softmax(row []float32, n int, scale float32) {
	top := row[0]
	for _, v := range row[1:n] {
		top = max(top, v)
	}
	for j := range n {
		row[j] = (row[j] - top) * scale
	}
	kernel.Exp32(row[:n], row[:n])
	inverse := 1 / sum32(row[:n])
	for j := range n {
		row[j] *= inverse
	}
	clear(row[n:])
}

// Backward implements [Layer]: ∂v = sᵀ·∂o; ∂s = ∂o·vᵀ; through the softmax ∂a = s·(∂s − Σ s·∂s)/√w; ∂q = ∂a·k; ∂k = ∂aᵀ·q.
func (a *Attention) Backward(dy Matrix) Matrix {
	dMixed := a.Out.Backward(dy)
	dqkv := sized(&a.dqkv, dy.Rows, 3*a.Dim)
	width := a.Dim / a.Heads
	scale := float32(1 / math.Sqrt(float64(width)))
	n := len(a.start) - 1
	for len(a.scratch) < kernel.Threads(a.threads) {
		a.scratch = append(a.scratch, nil)
	}
	kernel.Workers(n, a.threads, 1, func(worker, _, lo, hi int) {
		for i := lo; i < hi; i++ {
			from, length := int(a.start[i]), int(a.start[i+1]-a.start[i])
			ds := sized(&a.scratch[worker], length, length)
			for h := range a.Heads {
				q, k, v := a.head(a.qkv, from, h)
				dq, dk, dv := a.head(dqkv, from, h)
				s := Matrix{length, length, a.share[a.at[i]+h*length*length:][:length*length]}
				do := dMixed.strided().From(from, h*width)
				kernel.Gemm(length, width, length, s.strided().T(), do, dv, kernel.Strided{})
				kernel.Gemm(length, length, width, do, v.T(), ds.strided(), kernel.Strided{})
				for r := range length {
					share, d := s.Row(r), ds.Row(r)
					seen := a.seen(r, length)
					along := kernel.Dot32(share[:seen], d[:seen])
					for j, p := range share[:seen] {
						d[j] = p * (d[j] - along) * scale
					}
					clear(d[seen:])
				}
				kernel.Gemm(length, width, length, ds.strided(), k, dq, kernel.Strided{})
				kernel.Gemm(length, width, length, ds.strided().T(), q, dk, kernel.Strided{})
			}
			for r := range length {
				a.turn(dqkv.Row(from+r), r, true)
			}
		}
	})
	return a.In.Backward(dqkv)
}

// Params implements [Layer].
func (a *Attention) Params() []*Param { return append(a.In.Params(), a.Out.Params()...) }

// Share implements [Layer].
func (a *Attention) Share() Layer {
	return &Attention{Dim: a.Dim, Heads: a.Heads, Causal: a.Causal, In: a.In.Share().(*Dense), Out: a.Out.Share().(*Dense)}
}

// NewBlock returns one block of a Transformer: attention, then two dense layers of inner numbers with GELU, each after a
// [LayerNorm], followed by dropout and added to what came in. id is the first of two numbers of dropout layers.
func NewBlock(name string, dim, heads, inner int, causal bool, dropout float64, seed, id uint64, s *kernel.Stream) Layer {
	return &Sequence{Layers: []Layer{
		&Residual{Body: &Sequence{Layers: []Layer{NewLayerNorm(name+".before", dim), NewAttention(name+".attention", dim, heads, causal, s), &Dropout{Rate: dropout, Seed: seed, ID: id}}}},
		&Residual{Body: &Sequence{Layers: []Layer{NewLayerNorm(name+".between", dim), NewDense(name+".widen", dim, inner, GELU.Gain(), s), &Activation{Function: GELU},
			NewDense(name+".narrow", inner, dim, 1, s), &Dropout{Rate: dropout, Seed: seed, ID: id + 1}}}},
	}}
}
