package net

import (
	"math"

	"kequn/internal/kernel"
)

// Optimizer moves parameters against their gradients. It keeps memory per parameter, so that it serves one list of parameters.
type Optimizer interface {
	// Step moves the parameters by their gradients at the given rate.
	Step(params []*Param, rate float64)

	// Memory returns what the optimizer remembers, to be saved and restored: arrays and the number of steps.
	Memory() ([][]float32, *uint64)
}

// SGD is stochastic gradient descent with momentum: m = μ·m + g, w = w·(1 − rate·decay) − rate·m. Momentum 0 is the plain one.
type SGD struct {
	Momentum, Decay float64

	count uint64
	m     [][]float32
}

// Step implements [Optimizer].
func (o *SGD) Step(params []*Param, rate float64) {
	o.m = remember(o.m, params)
	o.count++
	for i, p := range params {
		kernel.Momentum32(p.Value, p.Grad, o.m[i], float32(o.Momentum), float32(rate), float32(keep(p, rate, o.Decay)))
	}
}

// Memory implements [Optimizer].
func (o *SGD) Memory() ([][]float32, *uint64) { return o.m, &o.count }

// Adam is AdamW (see [kernel.Adam32]). Zero fields mean β₁ = 0.9, β₂ = 0.999, ε = 1e-8; Decay shrinks weights by rate·Decay a step.
type Adam struct {
	Beta1, Beta2, Epsilon, Decay float64

	count uint64
	both  [][]float32 // m of all parameters, then v of all
}

// Step implements [Optimizer].
func (o *Adam) Step(params []*Param, rate float64) {
	o.both = remember(o.both, params, params)
	o.count++
	s := kernel.AdamStep{Beta1: either(o.Beta1, 0.9), Beta2: either(o.Beta2, 0.999), Epsilon: either(o.Epsilon, 1e-8), Rate: rate, Count: int(o.count)}
	for i, p := range params {
		s.Keep = keep(p, rate, o.Decay)
		kernel.Adam32(p.Value, p.Grad, o.both[i], o.both[len(params)+i], s)
	}
}

// Memory implements [Optimizer].
func (o *Adam) Memory() ([][]float32, *uint64) { return o.both, &o.count }

func either(v, standard float64) float64 {
	if v == 0 {
		return standard
	}
	return v
}

func keep(p *Param, rate, decay float64) float64 {
	if !p.Decay {
		return 1
	}
	return 1 - rate*decay
}

// remember returns memory of zeros for the parameters of each list, unless there is some already.
func remember(have [][]float32, lists ...[]*Param) [][]float32 {
	if have != nil {
		return have
	}
	for _, params := range lists {
		for _, p := range params {
			have = append(have, make([]float32, len(p.Value)))
		}
	}
	return have
}

// Cosine returns the share of the full rate at a step: a linear rise during warm-up, then half a cosine down to 0 at the end.
//
// Reference: Loshchilov and Hutter, SGDR, 2017.
func Cosine(step, warmUp, total int) float64 {
	if step < warmUp {
		return float64(step+1) / float64(warmUp)
	}
	return (1 + math.Cos(math.Pi*float64(step-warmUp)/float64(max(1, total-warmUp)))) / 2
}

// Plateau halves the rate when a score has not become better for a while.
type Plateau struct {
	Patience int // scores without a better one before the rate is halved

	best  float64
	since int
	share float64
}

// Next takes a score, smaller is better, and returns the share of the full rate from now on.
func (p *Plateau) Next(score float64) float64 {
	if p.share == 0 {
		p.share, p.best = 1, math.Inf(1)
	}
	if score < p.best {
		p.best, p.since = score, 0
	} else if p.since++; p.since > p.Patience {
		p.share /= 2
		p.since = 0
	}
	return p.share
}
