package metric

import "math"

// NormCDF returns P(Z ≤ x) of the standard normal distribution.
func NormCDF(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

// NormQuantile returns x with P(Z ≤ x) = p, to 1e-13 relative; ∓Inf at 0 and 1.
func NormQuantile(p float64) float64 {
	if !(p >= 0 && p <= 1) {
		panic(errRange)
	}
	switch {
	case p == 0:
		return math.Inf(-1)
	case p > 0.5:
		if p == 1 {
			return math.Inf(1)
		}
		return -NormQuantile(1 - p)
	case p > 0.02:
		return math.Sqrt2 * math.Erfinv(2*p-1)
	}
	// Far out, 2p−1 has lost p's digits: start from the tail's expansion and let Newton work on log Φ, which is nearly a parabola.
	r := math.Sqrt(-2 * math.Log(p))
	x := -(r - (2.515517+0.802853*r+0.010328*r*r)/(1+1.432788*r+0.189269*r*r+0.001308*r*r*r))
	for range 6 {
		cdf := NormCDF(x)
		step := cdf * (math.Log(cdf) - math.Log(p)) / (math.Exp(-x*x/2) / math.Sqrt(2*math.Pi))
		x -= step
		if math.Abs(step) < 1e-15*math.Abs(x) {
			break
		}
	}
	return x
}

// TCDF returns P(T ≤ x) of Student's distribution with df > 0 degrees of freedom (which need not be whole).
func TCDF(x, df float64) float64 {
	if !(df > 0) {
		panic(errRange)
	}
	if math.IsInf(df, 1) {
		return NormCDF(x)
	}
	// The two branches keep the argument of the incomplete beta function away from 1.
	tail := 0.5 * betaInc(df/2, 0.5, df/(df+x*x))
	if x > 0 {
		return 1 - tail
	}
	return tail
}

// TQuantile returns x with TCDF(x, df) = p, by bisection and Newton's method from the normal quantile.
func TQuantile(p, df float64) float64 {
	if !(p >= 0 && p <= 1) || !(df > 0) {
		panic(errRange)
	}
	switch {
	case math.IsInf(df, 1), p == 0, p == 1:
		return NormQuantile(p)
	case p == 0.5:
		return 0
	case p > 0.5:
		return -TQuantile(1-p, df)
	}
	low, high := -1.0, 0.0
	for TCDF(low, df) > p {
		low, high = low*2, low
	}
	lg1, _ := math.Lgamma((df + 1) / 2)
	lg2, _ := math.Lgamma(df / 2)
	logC := lg1 - lg2 - 0.5*math.Log(df*math.Pi)
	x := max(low, min(high, NormQuantile(p)))
	for range 200 {
		f := TCDF(x, df)
		if f > p {
			high = x
		} else {
			low = x
		}
		next := x - (f-p)/math.Exp(logC-(df+1)/2*math.Log1p(x*x/df))
		if !(next > low && next < high) {
			next = (low + high) / 2
		}
		if math.Abs(next-x) <= 1e-15*math.Abs(x) {
			return next
		}
		x = next
	}
	return x
}

// ChiSquareTail returns P(X ≥ x) of the chi-square distribution with df > 0 degrees of freedom.
func ChiSquareTail(x, df float64) float64 {
	if !(df > 0) {
		panic(errRange)
	}
	if x <= 0 {
		return 1
	}
	return gammaTail(df/2, x/2)
}

// betaInc returns the regularised incomplete beta function I_x(a, b), by the continued fraction of Lentz's method
// (Numerical Recipes §6.4).
func betaInc(a, b, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return front * betaFraction(a, b, x) / a
	}
	return 1 - front*betaFraction(b, a, 1-x)/b
}

func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 1-(a+b)*x/(a+1)
	if math.Abs(d) < tiny {
		d = tiny
	}
	d = 1 / d
	h := d
	for m := 1.0; m <= 10_000; m++ {
		for _, num := range [2]float64{m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)), -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))} {
			d = 1 + num*d
			if math.Abs(d) < tiny {
				d = tiny
			}
			c = 1 + num/c
			if math.Abs(c) < tiny {
				c = tiny
			}
			d = 1 / d
			h *= d * c
		}
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	return h
}

// gammaTail returns the regularised upper incomplete gamma function Q(a, x): by its series below a+1, by its continued
// fraction above (Numerical Recipes §6.2).
func gammaTail(a, x float64) float64 {
	lg, _ := math.Lgamma(a)
	front := math.Exp(-x + a*math.Log(x) - lg)
	if x < a+1 {
		sum, term := 1/a, 1/a
		for n := 1.0; n < 100_000; n++ {
			term *= x / (a + n)
			sum += term
			if term < sum*1e-17 {
				break
			}
		}
		return max(0, 1-sum*front)
	}
	const tiny = 1e-300
	b := x + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for i := 1.0; i < 100_000; i++ {
		num := -i * (i - a)
		b += 2
		d = num*d + b
		if math.Abs(d) < tiny {
			d = tiny
		}
		c = b + num/c
		if math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		h *= d * c
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	return front * h
}
