package sequence

import (
	"fmt"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/net"
)

// Body is what reads a stream of tokens.
type Body string

// The bodies.
const (
	Transformer Body = "transformer"
	GRU         Body = "gru"
)

// Shape is the size of a network.
type Shape struct {
	Body   Body `json:"body"`
	Dim    int  `json:"dim"` // numbers a token
	Layers int  `json:"layers"`
	Heads  int  `json:"heads,omitempty"` // Transformer
}

// The size ladder: about 0.1, 1 and 10 million parameters besides the vocabulary's.
var (
	Tiny  = Shape{Transformer, 64, 2, 4}
	Small = Shape{Transformer, 144, 4, 4}
	Base  = Shape{Transformer, 352, 6, 8}
)

// waves is how many frequencies a number is shown at: sin and cos of x·2^k, so that near amounts can be told apart.
const waves = 3

// numberWidth is how many inputs a number becomes.
const numberWidth = 1 + 2*waves

// network is a schema's tokens → hidden numbers of each token → guesses.
type network struct {
	shape   Shape
	fields  []*net.Embedding
	columns []int // where a field's vector begins in the input
	width   int   // of the input: all vectors, then all numbers
	in      *net.Dense
	norm    *net.LayerNorm
	drop    *net.Dropout
	body    *net.Sequence
	guess   []int        // the fields guessed
	heads   []*net.Dense // one a guess

	input  net.Matrix
	buffer []float32
	codes  [][]int32
}

// fieldDim is the length of a field's vectors: long enough to tell its levels apart.
func fieldDim(levels, dim int) int {
	return min(dim, 4*((int(2*math.Sqrt(float64(levels)))+7)/4))
}

func newNetwork(s *Schema, shape Shape, dropout float64, seed uint64) *network {
	r := kernel.NewStream(seed, kernel.ID("sequence"))
	n := &network{shape: shape}
	for i := range s.Fields {
		levels := s.Fields[i].Levels()
		d := fieldDim(levels, shape.Dim)
		n.fields = append(n.fields, net.NewEmbedding("field."+s.Fields[i].Name, levels, d, 0.5, r))
		n.columns = append(n.columns, n.width)
		n.width += d
	}
	n.width += numberWidth * len(s.Numbers)
	n.in = net.NewDense("in", n.width, shape.Dim, 1, r)
	n.drop = &net.Dropout{Rate: dropout, Seed: seed, ID: 1}
	n.body = &net.Sequence{}
	for l := range shape.Layers {
		name := fmt.Sprintf("block%d", l)
		if shape.Body == GRU {
			n.body.Layers = append(n.body.Layers, net.NewGRU(name, shape.Dim, shape.Dim, r))
		} else {
			n.body.Layers = append(n.body.Layers, net.NewBlock(name, shape.Dim, shape.Heads, 4*shape.Dim, true, dropout, seed, uint64(2+2*l), r))
		}
	}
	n.norm = net.NewLayerNorm("norm", shape.Dim)
	n.body.Layers = append(n.body.Layers, n.norm)
	for i := range s.Fields {
		if s.Fields[i].Guessed {
			n.guess = append(n.guess, i)
			n.heads = append(n.heads, net.NewDense("guess."+s.Fields[i].Name, shape.Dim, s.Fields[i].Levels(), 1, r))
		}
	}
	return n
}

// params returns all parameters, in a fixed order.
func (n *network) params() []*net.Param {
	var all []*net.Param
	for _, f := range n.fields {
		all = append(all, f.Table)
	}
	all = append(all, n.in.Params()...)
	all = append(all, n.body.Params()...)
	for _, h := range n.heads {
		all = append(all, h.Params()...)
	}
	return all
}

// nParams counts the numbers in parameters.
func nParams(params []*net.Param) int {
	sum := 0
	for _, p := range params {
		sum += len(p.Value)
	}
	return sum
}

// share returns the network with buffers of its own over the same parameters, for reading.
func (n *network) share() *network {
	m := *n
	m.in, m.drop, m.body = n.in.Share().(*net.Dense), n.drop.Share().(*net.Dropout), n.body.Share().(*net.Sequence)
	m.heads = make([]*net.Dense, len(n.heads))
	for i, h := range n.heads {
		m.heads[i] = h.Share().(*net.Dense)
	}
	m.buffer, m.codes = nil, nil
	return &m
}

// batch is tokens of some sequences, one after the other.
type batch struct {
	start   []int32
	fields  [][]int32
	numbers [][]float32
}

// clear empties the batch for a schema's fields and numbers.
func (b *batch) clear(fields, numbers int) {
	b.start = append(b.start[:0], 0)
	if b.fields == nil {
		b.fields, b.numbers = make([][]int32, fields), make([][]float32, numbers)
	}
	for i := range b.fields {
		b.fields[i] = b.fields[i][:0]
	}
	for i := range b.numbers {
		b.numbers[i] = b.numbers[i][:0]
	}
}

// add appends tokens [from, to) of the streams as one sequence. Its first pause is unknown, as it is for a stream that begins there.
func (b *batch) add(s *Streams, from, to int64) {
	for i, f := range s.Fields {
		for _, c := range f[from:to] {
			b.fields[i] = append(b.fields[i], int32(c))
		}
	}
	for i, v := range s.Numbers {
		b.numbers[i] = append(b.numbers[i], v[from:to]...)
	}
	b.start = append(b.start, b.start[len(b.start)-1]+int32(to-from))
}

// tokens returns the number of tokens in the batch.
func (b *batch) tokens() int { return int(b.start[len(b.start)-1]) }

// forward returns the hidden numbers of each token.
func (n *network) forward(p net.Pass, b *batch) net.Matrix {
	n.fill(p, b)
	return n.run(p, n.input, b.start)
}

// fill lays out the batch's input: the vectors of its codes, then its numbers.
func (n *network) fill(p net.Pass, b *batch) {
	rows := b.tokens()
	if cap(n.buffer) < rows*n.width {
		n.buffer = make([]float32, rows*n.width)
	}
	n.input = net.Matrix{Rows: rows, Cols: n.width, Data: n.buffer[:rows*n.width]}
	n.codes = b.fields
	for i, f := range n.fields {
		f.Forward(b.fields[i], n.input, n.columns[i])
	}
	if len(b.numbers) > 0 {
		col := n.width - numberWidth*len(b.numbers)
		kernel.Parallel(rows, p.Threads, 1024, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				to := n.input.Row(r)[col:]
				for k, v := range b.numbers {
					show(to[k*numberWidth:][:numberWidth], v[r])
				}
			}
		})
	}
}

// run passes an input through the network.
func (n *network) run(p net.Pass, input net.Matrix, start []int32) net.Matrix {
	p.Start = start
	return n.body.Forward(p, n.drop.Forward(p, n.in.Forward(p, input)))
}

// show writes a number and its waves.
func show(to []float32, x float32) {
	to[0] = x
	for k := range waves {
		s, c := math.Sincos(float64(x) * float64(int(1)<<k))
		to[1+2*k], to[2+2*k] = float32(s), float32(c)
	}
}

// backward adds to the gradients of all parameters, given the gradient by the hidden numbers, and returns that by the input.
func (n *network) backward(dh net.Matrix) net.Matrix {
	dx := n.in.Backward(n.drop.Backward(n.body.Backward(dh)))
	for i, f := range n.fields {
		f.Backward(n.codes[i], dx, n.columns[i])
	}
	return dx
}

// pool writes a sequence's embedding: the mean of its hidden numbers, then the last ones.
func pool(to []float32, h net.Matrix, lo, hi int) {
	d := h.Cols
	clear(to[:d])
	for r := lo; r < hi; r++ {
		kernel.Axpy32(1, h.Row(r), to[:d])
	}
	inverse := 1 / float32(max(1, hi-lo))
	for j := range d {
		to[j] *= inverse
	}
	if hi > lo {
		copy(to[d:2*d], h.Row(hi-1))
	} else {
		clear(to[d : 2*d])
	}
}

// unpool adds the gradient by a sequence's embedding to that by its hidden numbers.
func unpool(dh net.Matrix, from []float32, lo, hi int) {
	if hi <= lo {
		return
	}
	d := dh.Cols
	inverse := 1 / float32(hi-lo)
	for r := lo; r < hi; r++ {
		kernel.Axpy32(inverse, from[:d], dh.Row(r))
	}
	kernel.Axpy32(1, from[d:2*d], dh.Row(hi-1))
}
