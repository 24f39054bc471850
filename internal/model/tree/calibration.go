package tree

import "math"

// calibration turns a forest's mean probabilities into margins whose logistic (softmax) are calibrated probabilities:
//
//	two classes      margin   = slope·log(p/(1−p)) + shift
//	several classes  margin_c = slope·log(p_c)
//
// A forest's mean is drawn to the middle, since trees disagree where they should be sure: slope is mostly above 1. It is positive, so
// that no order changes.
//
// Reference: Platt, Probabilistic Outputs for Support Vector Machines (1999); Niculescu-Mizil, Caruana, Predicting Good
// Probabilities with Supervised Learning (2005).
type calibration struct{ slope, shift float64 }

const (
	leastSlope = 0.05
	mostSlope  = 10
	surest     = 1e-12 // probabilities are kept this far from 0 and 1
	// ridge is the strength of the wish for slope 1 and shift 0: next to nothing beside a hundred rows.
	ridge = 2
)

func clip(p float64) float64 { return max(surest, min(p, 1-surest)) }

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

// margin returns the margin of a probability, of one class of k.
func (l calibration) margin(p float64, k int) float64 {
	if k > 1 {
		return l.slope * math.Log(clip(p))
	}
	return l.slope*logit(clip(p)) + l.shift
}

// secant returns (margin(p) − margin(q))/(p − q), and the derivative where p and q are nearly equal.
func (l calibration) secant(p, q float64, k int) float64 {
	if p, q := clip(p), clip(q); math.Abs(p-q) > 1e-7*min(p, 1-p) {
		return (l.margin(p, k) - l.margin(q, k)) / (p - q)
	}
	if p = clip(p); k > 1 {
		return l.slope / p
	}
	return l.slope / (p * (1 - p))
}

// calibrate finds slope and shift by Newton's method on Σ w·(log loss), and returns that sum. p is n×k.
func calibrate(p, truth, weight []float64, k int) (l calibration, loss float64) {
	l = calibration{slope: 1}
	x := make([]float64, len(p))
	for i, v := range p {
		if k > 1 {
			x[i] = math.Log(clip(v))
		} else {
			x[i] = logit(clip(v))
		}
	}
	for range 25 {
		g0, g1 := float64(ridge)*(l.slope-1), float64(ridge)*l.shift
		h00, h01, h11 := float64(ridge), 0.0, float64(ridge)
		if k > 1 {
			temper(x, truth, weight, k, l.slope, &g0, &h00)
		} else {
			for i, z := range x {
				q := logistic(l.slope*z + l.shift)
				d, v := weight[i]*(q-truth[i]), weight[i]*q*(1-q)
				g0 += d * z
				g1 += d
				h00 += v * z * z
				h01 += v * z
				h11 += v
			}
		}
		det := h00*h11 - h01*h01
		a, b := (h11*g0-h01*g1)/det, (h00*g1-h01*g0)/det
		if !(det > 0) || math.IsInf(a, 0) || math.IsInf(b, 0) {
			break
		}
		was := l
		l.slope = max(leastSlope, min(l.slope-max(-1, min(a, 1)), mostSlope))
		l.shift -= max(-2, min(b, 2))
		if math.Abs(l.slope-was.slope)+math.Abs(l.shift-was.shift) < 1e-10 {
			break
		}
	}
	m := make([]float64, k)
	for i, w := range weight {
		if k == 1 {
			z := l.slope*x[i] + l.shift
			if truth[i] == 1 {
				z = -z
			}
			loss += w * (max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))))
			continue
		}
		for c := range m {
			m[c] = l.slope * x[i*k+c]
		}
		softmax(m)
		loss -= w * math.Log(clip(m[int(truth[i])]))
	}
	return l, loss
}

// temper adds gradient and curvature of the log loss of several classes in the slope.
func temper(x, truth, weight []float64, k int, slope float64, g, h *float64) {
	m := make([]float64, k)
	for i, w := range weight {
		row := x[i*k : i*k+k]
		for c, z := range row {
			m[c] = slope * z
		}
		softmax(m)
		mean, square := 0.0, 0.0
		for c, z := range row {
			mean += m[c] * z
			square += m[c] * z * z
		}
		*g += w * (mean - row[int(truth[i])])
		*h += w * (square - mean*mean)
	}
}
