package svm

import (
	"math"

	"kequn/internal/kernel"
)

// scaling turns the outputs of machines into margins: margin_c = slope[c]·f_c + shift[c]. For one machine the margin is a log-odds,
// for several their softmax are the probabilities.
type scaling struct{ slope, shift []float64 }

// platt returns the scaling of largest likelihood. f has k outputs a row, label is 0 or 1 for k = 1, else a class.
//
// Outcomes count as a little less than certain, after Platt: 1 as (N₁+1)/(N₁+2), 0 as 1/(N₀+2), and with several classes each
// row's class as (N+1)/(N+k) and the others as 1/(N+k); so slopes stay finite where machines are always right. A slope is never below 0.
//
// Newton's method with halved steps; convex, so that it always gets there. Time O(n·k²) a step.
//
// Reference: Lin, Lin, Weng, A note on Platt's probabilistic outputs for support vector machines, 2007.
func platt(f []float64, k int, label, w []float64) scaling {
	n := len(label)
	weight := make([]float64, max(k, 2))
	for i, c := range label {
		weight[int(c)] += w[i]
	}
	total := kernel.Sum(weight)
	s := scaling{make([]float64, k), make([]float64, k)}
	target := make([]float64, n*k)
	for i, c := range label {
		if k == 1 {
			target[i] = 1 / (weight[0] + 2)
			if c == 1 {
				target[i] = (weight[1] + 1) / (weight[1] + 2)
			}
			continue
		}
		for j := range k {
			target[i*k+j] = 1 / (total + float64(k))
		}
		target[i*k+int(c)] = (total + 1) / (total + float64(k))
	}
	if k == 1 {
		s.shift[0] = math.Log((weight[1] + 1) / (weight[0] + 1))
	} else {
		for j := range k {
			s.shift[j] = math.Log((weight[j] + 1) / (total + float64(k)))
		}
	}
	loss := s.loss(f, k, target, w)
	q := 2 * k
	for range 100 {
		g, h := s.derivatives(f, k, target, w)
		step, _ := kernel.SolveSPD(h, q, g)
		if step == nil {
			return s
		}
		improved := false
		for t := 1.0; t > 1e-9; t /= 2 {
			next := scaling{make([]float64, k), make([]float64, k)}
			for c := range k {
				next.slope[c] = max(0, s.slope[c]-t*step[2*c])
				next.shift[c] = s.shift[c] - t*step[2*c+1]
			}
			if l := next.loss(f, k, target, w); l < loss {
				improved = loss-l > 1e-12*math.Abs(loss)
				s, loss = next, l
				break
			}
		}
		if !improved {
			break
		}
	}
	return s
}

// margins writes slope·f + shift.
func (s scaling) margins(f, out []float64) {
	for c, v := range f {
		out[c] = s.slope[c]*v + s.shift[c]
	}
}

// ridge keeps several classes' scaling from running along directions that change no probability.
const ridge = 1e-6

func (s scaling) loss(f []float64, k int, target, w []float64) float64 {
	m, sum := make([]float64, k), 0.0
	for i, v := range w {
		s.margins(f[i*k:(i+1)*k], m)
		if k == 1 {
			// log(1+eᵐ) − t·m without overflow
			sum += v * (max(m[0], 0) + math.Log1p(math.Exp(-math.Abs(m[0]))) - target[i]*m[0])
			continue
		}
		top, e := math.Inf(-1), 0.0
		for _, x := range m {
			top = max(top, x)
		}
		dot := 0.0
		for c, x := range m {
			e += math.Exp(x - top)
			dot += target[i*k+c] * x
		}
		sum += v * (top + math.Log(e) - dot)
	}
	if k > 1 {
		for c := range k {
			sum += ridge / 2 * (s.slope[c]*s.slope[c] + s.shift[c]*s.shift[c])
		}
	}
	return sum
}

// derivatives returns gradient and Hessian by slope and shift of each class in turn.
func (s scaling) derivatives(f []float64, k int, target, w []float64) (g, h []float64) {
	q := 2 * k
	g, h = make([]float64, q), make([]float64, q*q)
	p := make([]float64, k)
	for i, v := range w {
		fi := f[i*k : (i+1)*k]
		s.margins(fi, p)
		probabilities(p)
		for c := range k {
			r := v * (p[c] - target[i*k+c])
			g[2*c] += r * fi[c]
			g[2*c+1] += r
			for b := 0; b <= c; b++ {
				var e float64
				switch {
				case k == 1:
					e = v * p[0] * (1 - p[0])
				case b == c:
					e = v * p[c] * (1 - p[c])
				default:
					e = -v * p[c] * p[b]
				}
				h[2*c*q+2*b] += e * fi[c] * fi[b]
				h[(2*c+1)*q+2*b] += e * fi[b]
				h[(2*c+1)*q+2*b+1] += e
				if b < c {
					h[2*c*q+2*b+1] += e * fi[c]
				}
			}
		}
	}
	for c := range k {
		if k > 1 {
			g[2*c] += ridge * s.slope[c]
			g[2*c+1] += ridge * s.shift[c]
			h[2*c*q+2*c] += ridge
			h[(2*c+1)*q+2*c+1] += ridge
		}
	}
	return g, h
}

// probabilities replaces margins by what they mean.
func probabilities(m []float64) {
	if len(m) == 1 {
		m[0] = sigmoid(m[0])
		return
	}
	top, sum := math.Inf(-1), 0.0
	for _, x := range m {
		top = max(top, x)
	}
	for c, x := range m {
		m[c] = math.Exp(x - top)
		sum += m[c]
	}
	for c := range m {
		m[c] /= sum
	}
}
