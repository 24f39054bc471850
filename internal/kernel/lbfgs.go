package kernel

import "math"

// LBFGS is the limited-memory BFGS method with Armijo steps, for smooth functions of many numbers.
//
// Reference: Nocedal and Wright, Numerical Optimization, §7.2.
type LBFGS struct {
	// History is how many steps are remembered, 0 for 10. With a good metric to start from, more bring nothing.
	History int

	// MaxSteps is the most steps, 0 for 1000.
	MaxSteps int

	// Tolerance is the decrease, relative to the value, that counts as none, and Quiet how many steps in a row without any end
	// the search, 0 for 1. Near the end the value no longer tells steps apart while the gradient still does: where the last digits
	// matter, let Tolerance be near rounding and Quiet above 1.
	Tolerance float64
	Quiet     int

	// Metric multiplies a vector, in place, by an approximate inverse of the second derivatives. nil is the identity.
	Metric func(v []float64)
}

// Minimise returns where f, which gives value and gradient, is least from x on, and whether it settled there. f must not keep or change its
// argument, nor the gradients it returned before. The first error of f ends the search and is returned.
func (o LBFGS) Minimise(x []float64, f func(x []float64) (float64, []float64, error)) (best []float64, value float64, settled bool, err error) {
	history, maxSteps, metric := o.History, o.MaxSteps, o.Metric
	if history == 0 {
		history = 10
	}
	if maxSteps == 0 {
		maxSteps = 1000
	}
	if metric == nil {
		metric = func([]float64) {}
	}
	x = append([]float64(nil), x...)
	value, grad, err := f(x)
	if err != nil {
		return nil, 0, false, err
	}
	var steps, changes [][]float64
	quiet := 0
	for range maxSteps {
		dir := twoLoops(grad, steps, changes, metric)
		slope := Dot(dir, grad)
		if slope <= 1e-20*(1+math.Abs(value)) {
			return x, value, true, nil
		}
		size := 1.0
		var trial, g []float64
		var v float64
		for ; size > 1e-10; size /= 2 {
			trial = append([]float64(nil), x...)
			Axpy(-size, dir, trial)
			if v, g, err = f(trial); err != nil {
				return nil, 0, false, err
			}
			if v <= value-1e-4*size*slope || math.Abs(v-value) <= 1e-13*(1+math.Abs(value)) {
				break
			}
		}
		if size <= 1e-10 {
			return x, value, true, nil
		}
		step, change := make([]float64, len(g)), make([]float64, len(g))
		for j := range g {
			step[j], change[j] = trial[j]-x[j], g[j]-grad[j]
		}
		if Dot(step, change) > 0 {
			steps, changes = append(steps, step), append(changes, change)
			if len(steps) > history {
				steps, changes = steps[1:], changes[1:]
			}
		}
		if value-v <= max(o.Tolerance, 1e-13)*(1+math.Abs(value)) {
			quiet++
		} else {
			quiet = 0
		}
		x, value, grad = trial, v, g
		if quiet >= max(o.Quiet, 1) {
			return x, value, true, nil
		}
	}
	return x, value, false, nil
}

// twoLoops returns the approximate inverse of the second derivatives times the gradient.
func twoLoops(grad []float64, steps, changes [][]float64, metric func([]float64)) []float64 {
	d := append([]float64(nil), grad...)
	alpha := make([]float64, len(steps))
	for i := len(steps) - 1; i >= 0; i-- {
		alpha[i] = Dot(steps[i], d) / Dot(steps[i], changes[i])
		Axpy(-alpha[i], changes[i], d)
	}
	metric(d)
	for i := range steps {
		beta := Dot(changes[i], d) / Dot(steps[i], changes[i])
		Axpy(alpha[i]-beta, steps[i], d)
	}
	return d
}
