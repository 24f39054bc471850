// Package net holds layers, losses and optimisers on slices of float32, with gradients derived by hand; neural and sequence models share it.
//
// A network is a list of layers. Forward passes a batch down the list, Backward passes the gradient of the loss back up and
// adds to the gradient of every parameter on its way, an [Optimizer] moves the parameters:
//
//	x ─ Dense ─ Activation ─ Dropout ─ Dense ─ loss
//	    ←──────────── Backward ────────────────┘
//
// Everything is computed by kernel's functions in float32 in a fixed order, so that training gives the same bits for any number
// of threads and with every instruction set that kernel knows. Random numbers depend on a seed, the layer and the step
// only. So a checkpoint is the parameters, the optimizer's memory and the number of steps (see [WriteCheckpoint]).
//
// Layers keep buffers and are not safe for several goroutines: [Sequence.Share] gives each its own, over the same parameters.
package net

import (
	"math"

	"kequn/internal/kernel"
)

// Matrix is rows×cols numbers, row-major.
type Matrix struct {
	Rows, Cols int
	Data       []float32
}

// NewMatrix returns a matrix of zeros.
func NewMatrix(rows, cols int) Matrix { return Matrix{rows, cols, make([]float32, rows*cols)} }

// Row returns row i, not a copy.
func (m Matrix) Row(i int) []float32 { return m.Data[i*m.Cols : (i+1)*m.Cols] }

func (m Matrix) strided() kernel.Strided { return kernel.RowMajor(m.Data, m.Cols) }

// sized returns the buffer as a matrix of the shape; its numbers are undefined.
func sized(buffer *[]float32, rows, cols int) Matrix {
	if cap(*buffer) < rows*cols {
		*buffer = make([]float32, rows*cols)
	}
	return Matrix{rows, cols, (*buffer)[:rows*cols]}
}

// Param is one parameter array of a layer and the gradient of the loss by it.
type Param struct {
	Name  string
	Value []float32
	Grad  []float32 // nil in a network that is only read
	Decay bool      // shrunk by weight decay: weights, not biases
}

func newParam(name string, n int, decay bool) *Param {
	return &Param{Name: name, Value: make([]float32, n), Grad: make([]float32, n), Decay: decay}
}

// Uniform draws the values from (−limit, limit).
func (p *Param) Uniform(s *kernel.Stream, limit float64) {
	for i := range p.Value {
		p.Value[i] = float32(limit * (2*s.Float64() - 1))
	}
}

// Pass says what a forward pass is for.
type Pass struct {
	Train   bool
	Step    uint64 // the step of training, which dropout depends on
	Threads int    // goroutines within a layer; 0 or 1 for none, which suits small layers

	// Start divides the rows of a batch of sequences: sequence s is rows Start[s] to Start[s+1], oldest first. Rows of sequences
	// lie one after the other without padding. Layers that look at other rows (Attention, GRU) stay within a sequence.
	Start []int32
}

func (p Pass) threads() int { return max(1, p.Threads) }

// Layer is one differentiable step.
type Layer interface {
	// Forward returns the layer's output for the batch x. The layer keeps x until Backward; the output is the layer's and
	// holds until the next Forward.
	Forward(p Pass, x Matrix) Matrix

	// Backward takes the gradient of the loss by the last output, adds to the gradients of the parameters and returns the
	// gradient by x. It may overwrite dy. The result is the layer's and holds until the next Backward.
	Backward(dy Matrix) Matrix

	// Params returns the parameters, always in the same order.
	Params() []*Param

	// Share returns a layer with buffers of its own over the same parameters, for reading.
	Share() Layer
}

// Sequence is layers one after the other.
type Sequence struct {
	Layers []Layer
}

// Forward passes the batch through all layers.
func (s *Sequence) Forward(p Pass, x Matrix) Matrix {
	for _, l := range s.Layers {
		x = l.Forward(p, x)
	}
	return x
}

// Backward passes the gradient back through all layers.
func (s *Sequence) Backward(dy Matrix) Matrix {
	for i := len(s.Layers) - 1; i >= 0; i-- {
		dy = s.Layers[i].Backward(dy)
	}
	return dy
}

// Params returns the parameters of all layers.
func (s *Sequence) Params() []*Param {
	var all []*Param
	for _, l := range s.Layers {
		all = append(all, l.Params()...)
	}
	return all
}

// Share returns the same network with buffers of its own.
func (s *Sequence) Share() Layer {
	t := &Sequence{Layers: make([]Layer, len(s.Layers))}
	for i, l := range s.Layers {
		t.Layers[i] = l.Share()
	}
	return t
}

// ClearGrads sets all gradients to 0, as is done before the passes of a step.
func ClearGrads(params []*Param) {
	for _, p := range params {
		clear(p.Grad)
	}
}

// ClipGrads scales the gradients down to a common Euclidean norm of at most limit and returns the norm before.
func ClipGrads(params []*Param, limit float64) float64 {
	sum := 0.0
	for _, p := range params {
		sum += kernel.SumSquares32(p.Grad)
	}
	norm := math.Sqrt(sum)
	if norm > limit {
		scale := float32(limit / norm)
		for _, p := range params {
			for i := range p.Grad {
				p.Grad[i] *= scale
			}
		}
	}
	return norm
}

// EachLayer calls f for a layer and every layer within it, the outer one first.
func EachLayer(l Layer, f func(Layer)) {
	f(l)
	switch l := l.(type) {
	case *Sequence:
		for _, x := range l.Layers {
			EachLayer(x, f)
		}
	case *Residual:
		EachLayer(l.Body, f)
	}
}
