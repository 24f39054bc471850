package net

import "kequn/internal/kernel"

// Function is an activation: what a layer does to each number.
type Function int

// The activations.
const (
	ReLU    Function = iota + 1 // max(x, 0)
	GELU                        // x·Φ(x), in its tanh form
	Tanh                        // tanh x
	Sigmoid                     // 1/(1 + e⁻ˣ)
)

// Gain is the deviation of weights, times √in, that keeps the variance of numbers from layer to layer (He et al., 2015; Glorot and
// Bengio, 2010).
func (f Function) Gain() float64 {
	switch f {
	case ReLU, GELU:
		return 1.4142135623730951
	case Tanh:
		return 5. / 3
	}
	return 1
}

// Activation applies a function to each number.
type Activation struct {
	Function Function

	threads       int
	x             Matrix
	y, gate, grad []float32
}

// elementGrain is how many numbers one goroutine takes at a time where each is computed alone.
const elementGrain = 1 << 15

// Forward implements [Layer].
func (a *Activation) Forward(p Pass, x Matrix) Matrix {
	a.x, a.threads = x, p.threads()
	y := sized(&a.y, x.Rows, x.Cols)
	var gate []float32
	if a.Function == GELU {
		gate = sized(&a.gate, x.Rows, x.Cols).Data
	}
	kernel.Parallel(len(x.Data), a.threads, elementGrain, func(lo, hi int) {
		from, to := x.Data[lo:hi], y.Data[lo:hi]
		switch a.Function {
		case ReLU:
			kernel.ReLU32(to, from)
		case GELU:
			kernel.GELU32(to, gate[lo:hi], from)
		case Tanh:
			kernel.Tanh32(to, from)
		case Sigmoid:
			kernel.Sigmoid32(to, from)
		default:
			panic("net: unknown activation")
		}
	})
	return y
}

// Backward implements [Layer].
func (a *Activation) Backward(dy Matrix) Matrix {
	dx := sized(&a.grad, dy.Rows, dy.Cols)
	kernel.Parallel(len(dy.Data), a.threads, elementGrain, func(lo, hi int) {
		to, from := dx.Data[lo:hi], dy.Data[lo:hi]
		switch a.Function {
		case ReLU:
			kernel.ReLUBack32(to, from, a.y[lo:hi])
		case GELU:
			kernel.GELUBack32(to, from, a.x.Data[lo:hi], a.gate[lo:hi])
		case Tanh:
			kernel.TanhBack32(to, from, a.y[lo:hi])
		case Sigmoid:
			kernel.SigmoidBack32(to, from, a.y[lo:hi])
		}
	})
	return dx
}

// Params implements [Layer]: there are none.
func (a *Activation) Params() []*Param { return nil }

// Share implements [Layer].
func (a *Activation) Share() Layer { return &Activation{Function: a.Function} }

// Dropout sets numbers to 0 at random in training and scales the others up, so that the mean stays. The rate is taken to the
// nearest 256th.
//
// Reference: Srivastava et al., Dropout, JMLR 2014.
type Dropout struct {
	Rate float64
	Seed uint64
	ID   uint64 // of the layer: layers of one network drop independently

	on     bool
	random []byte
	y      []float32
}

func (d *Dropout) limit() int { return max(0, min(255, int(d.Rate*256+0.5))) }

func (d *Dropout) scale() float32 { return 256 / float32(256-d.limit()) }

// Forward implements [Layer].
func (d *Dropout) Forward(p Pass, x Matrix) Matrix {
	d.on = p.Train && d.limit() > 0
	if !d.on {
		return x
	}
	n := len(x.Data)
	if cap(d.random) < n+8 {
		d.random = make([]byte, n+8)
	}
	d.random = d.random[:n]
	kernel.NewStream(d.Seed, d.ID, p.Step).Bytes(d.random)
	y := sized(&d.y, x.Rows, x.Cols)
	kernel.Drop32(y.Data, x.Data, d.random, d.limit(), d.scale())
	return y
}

// Backward implements [Layer].
func (d *Dropout) Backward(dy Matrix) Matrix {
	if d.on {
		kernel.Drop32(dy.Data, dy.Data, d.random, d.limit(), d.scale())
	}
	return dy
}

// Params implements [Layer]: there are none.
func (d *Dropout) Params() []*Param { return nil }

// Share implements [Layer].
func (d *Dropout) Share() Layer { return &Dropout{Rate: d.Rate, Seed: d.Seed, ID: d.ID} }
