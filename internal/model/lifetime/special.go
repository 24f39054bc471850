package lifetime

import "math"

// digamma returns the derivative of log Γ at x > 0: by recurrence up to 8, then Stirling's expansion, to about 1e-14.
func digamma(x float64) float64 {
	v := 0.0
	for ; x < 8; x++ {
		v -= 1 / x
	}
	i := 1 / (x * x)
	return v + math.Log(x) - 0.5/x - i*(1.0/12-i*(1.0/120-i*(1.0/252-i*(1.0/240-i*(1.0/132-i*691.0/32760)))))
}

// logRising returns log Γ(x+d) − log Γ(x) for x > 0, d ≥ 0. Far out the two cancel, so there it is the difference of their expansions.
func logRising(x, d float64) float64 {
	if x < 1e3 {
		hi, _ := math.Lgamma(x + d)
		lo, _ := math.Lgamma(x)
		return hi - lo
	}
	y := x + d
	return (x-0.5)*math.Log1p(d/x) + d*math.Log(y) - d + (1/y-1/x)/12 - (1/(y*y*y)-1/(x*x*x))/360
}

// logBeta returns log B(a, b).
func logBeta(a, b float64) float64 {
	if a > b {
		a, b = b, a
	}
	la, _ := math.Lgamma(a)
	return la - logRising(b, a)
}

// incompleteBeta returns I_x(a, b), y = 1−x, with lb = logBeta(a, b), by Lentz's continued fraction (Press et al., Numerical Recipes, §6.4).
func incompleteBeta(a, b, x, y, lb float64) float64 {
	switch {
	case x <= 0:
		return 0
	case y <= 0:
		return 1
	}
	front := math.Exp(a*math.Log(x) + b*math.Log(y) - lb)
	if x < (a+1)/(a+b+2) {
		return min(1, front/a*betaFraction(a, b, x))
	}
	return max(0, 1-front/b*betaFraction(b, a, y))
}

func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/guard(1-(a+b)*x/(a+1))
	h := d
	for m := 1.0; m < 10000; m++ { // settles in O(√max(a, b))
		n := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/guard(1+n*d), guard(1+n/c)
		h *= d * c
		n = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/guard(1+n*d), guard(1+n/c)
		h *= d * c
		if math.Abs(d*c-1) < 1e-12 {
			break
		}
	}
	return h
}

// rule is Gauss and Legendre's on [−1, 1].
type rule struct{ nodes, weights []float64 }

var gauss8, gauss16 = gaussLegendre(8), gaussLegendre(16)

// gaussLegendre returns the rule of n points, its nodes found by Newton's method on the polynomial.
func gaussLegendre(n int) rule {
	r := rule{make([]float64, n), make([]float64, n)}
	for i := range n {
		x := math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5))
		var slope float64
		for range 100 {
			p, last := 1.0, 0.0
			for j := range n {
				p, last = ((2*float64(j)+1)*x*p-float64(j)*last)/float64(j+1), p
			}
			slope = float64(n) * (x*p - last) / (x*x - 1)
			step := p / slope
			x -= step
			if math.Abs(step) < 1e-16 {
				break
			}
		}
		r.nodes[i], r.weights[i] = x, 2/((1-x*x)*slope*slope)
	}
	return r
}

// logSum returns log(eᵃ + eᵇ).
func logSum(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
