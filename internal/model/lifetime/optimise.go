package lifetime

import (
	"context"
	"math"

	"kequn/internal/kernel"
)

const (
	// reach bounds the logarithm of a parameter, in units of the mean age and the median spend. Beyond ±9 no likelihood that a computer
	// can tell apart depends on it any more.
	reach = 12
	edge  = 9
)

// objective is a log likelihood and its gradient in the logarithms of the parameters.
type objective func(theta []float64) (float64, []float64)

// optimum is where a likelihood is largest.
type optimum struct {
	logs  []float64 // logarithms of the parameters
	value float64
	// cov is the inverse of the negative second derivatives in the logarithms, row-major. Parameters that do not matter, or
	// that the data push out of reach, are loose: their rows are 0.
	cov     []float64
	loose   []bool
	settled bool

	customers float64 // that the value is a sum over
}

// maximise climbs from each start on the quick objective, and from the best of them on the full one; then Newton's method settles the last digits.
// The climb is L-BFGS on z with log θ = reach·tanh(z/reach): there is no penalty that would pull θ, it cannot leave the numbers, that is all.
func maximise(ctx context.Context, starts [][]float64, quick, full objective, curved bool, partial, scale float64) (optimum, error) {
	var best []float64
	bestValue := math.Inf(-1)
	settled := false
	for _, s := range starts {
		logs := make([]float64, len(s))
		for i, v := range s {
			logs[i] = max(-reach+1, min(reach-1, math.Log(v)))
		}
		at, value, _, err := climb(ctx, logs, quick, partial, 60, nil)
		if err != nil {
			return optimum{}, err
		}
		if best == nil || value > bestValue+1e-9*math.Abs(bestValue) {
			best, bestValue = at, value
		}
	}
	// Where curved is set: the curvature of the part is nearly that of the whole, per customer: with it as metric the climb on the whole takes few steps.
	part := optimum{logs: best, customers: partial}
	if curved {
		part.curvature(quick)
	}
	var err error
	if best, bestValue, settled, err = climb(ctx, best, full, scale, 500, &part); err != nil {
		return optimum{}, err
	}
	o := optimum{logs: best, value: bestValue, settled: settled}
	for range 6 {
		if err := ctx.Err(); err != nil {
			return optimum{}, err
		}
		_, grad := full(exps(o.logs))
		o.curvature(full)
		step, gain := make([]float64, len(o.logs)), 0.0
		for i := range step {
			for j := range step {
				step[i] += o.cov[i*len(step)+j] * grad[j]
			}
			gain += step[i] * grad[i]
		}
		if gain < 1e-7 { // log likelihood still to gain: a millionth of what one customer brings
			o.settled = true
			break
		}
		moved := false
		for size := 1.0; size > 1e-3 && !moved; size /= 4 {
			trial := make([]float64, len(step))
			for i := range trial {
				trial[i] = max(-reach, min(reach, o.logs[i]+size*max(-1, min(1, step[i]))))
			}
			if value, _ := full(exps(trial)); value > o.value {
				o.logs, o.value, moved = trial, value, true
			}
		}
		if !moved {
			break
		}
	}
	return o, nil
}

func climb(ctx context.Context, logs []float64, f objective, scale float64, steps int, near *optimum) ([]float64, float64, bool, error) {
	z := make([]float64, len(logs))
	for i, v := range logs {
		z[i] = reach * math.Atanh(max(-0.999, min(0.999, v/reach)))
	}
	theta := func(z []float64) (logs, slope []float64) {
		logs, slope = make([]float64, len(z)), make([]float64, len(z))
		for i, v := range z {
			t := math.Tanh(v / reach)
			logs[i], slope[i] = reach*t, 1-t*t
		}
		return logs, slope
	}
	var metric func([]float64)
	if near != nil && near.cov != nil {
		_, slope := theta(z)
		metric = func(v []float64) {
			out := make([]float64, len(v))
			for i := range v {
				if near.loose[i] {
					out[i] = v[i]
				}
				for j := range v {
					out[i] += near.cov[i*len(v)+j] * near.customers / (slope[i] * slope[j]) * v[j]
				}
			}
			copy(v, out)
		}
	}
	at, value, settled, err := kernel.LBFGS{Quiet: 2, Tolerance: 1e-12, MaxSteps: steps, Metric: metric}.Minimise(z, func(z []float64) (float64, []float64, error) {
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		logs, slope := theta(z)
		v, grad := f(exps(logs))
		out := make([]float64, len(grad))
		for i := range grad {
			out[i] = -grad[i] * slope[i] / scale
		}
		if math.IsNaN(v) {
			v = math.Inf(-1)
		}
		return -v / scale, out, nil
	})
	if err != nil {
		return nil, 0, false, err
	}
	logs, _ = theta(at)
	return logs, -value * scale, settled, nil
}

// curvature fills cov and loose by central differences of the gradient.
func (o *optimum) curvature(f objective) {
	n := len(o.logs)
	const h = 1e-4 // the gradient is good to 1e-11, so second derivatives are to about 1e-7
	info := make([]float64, n*n)
	for i := range n {
		up, down := append([]float64(nil), o.logs...), append([]float64(nil), o.logs...)
		up[i] += h
		down[i] -= h
		_, gu := f(exps(up))
		_, gd := f(exps(down))
		for j := range n {
			info[i*n+j] = (gd[j] - gu[j]) / (2 * h)
		}
	}
	o.loose = make([]bool, n)
	for i, v := range o.logs {
		o.loose[i] = math.Abs(v) > edge || !(info[i*n+i] > 1e-4) // a factor e would change the likelihood by less than it takes to notice
	}
	for {
		var free []int
		for i, l := range o.loose {
			if !l {
				free = append(free, i)
			}
		}
		m := len(free)
		l := make([]float64, m*m)
		for a, i := range free {
			for b, j := range free {
				l[a*m+b] = (info[i*n+j] + info[j*n+i]) / 2
			}
		}
		o.cov = make([]float64, n*n)
		if m == 0 {
			return
		}
		if kernel.Cholesky(l, m) {
			inv := kernel.CholeskyInverse(l, m)
			for a, i := range free {
				for b, j := range free {
					o.cov[i*n+j] = inv[a*m+b]
				}
			}
			return
		}
		least := free[0]
		for _, i := range free {
			if info[i*n+i] < info[least*n+least] {
				least = i
			}
		}
		o.loose[least] = true
	}
}

func exps(logs []float64) []float64 {
	out := make([]float64, len(logs))
	for i, v := range logs {
		out[i] = math.Exp(v)
	}
	return out
}
