package svm

import (
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Attribute implements [model.Attributor] by integrated gradients from the mean training row z̄ to the row z: coordinate j
// contributes
//
//	(zⱼ−z̄ⱼ)·∫₀¹ ∂margin/∂zⱼ at z̄+t(z−z̄) dt
//
// and a column the sum of its coordinates. Base is the margin of the mean row. For a linear machine this is βⱼ(zⱼ−z̄ⱼ). For an RBF
// machine the kernel with a support vector along the straight line is a Gaussian in t, so that the integrals are exact, by the
// error function ([along]). Contributions sum to the margin; what rounding leaves (some 1e-12) is added to the largest.
//
// Time is O(s·p) a row for s support vectors.
//
// Reference: Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, 2017.
func (m *Model) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	return m.attribute(x, class, 0)
}

func (m *Model) attribute(x *table.Table, class, threads int) (base float64, phi []float64, err error) {
	if class < 0 || class >= m.k {
		return 0, nil, kequn.Errorf(kequn.KindUsage, "", "class %d of %d", class, m.k)
	}
	p, err := m.encode(x, threads)
	if err != nil {
		return 0, nil, err
	}
	cols := len(m.terms)
	phi = make([]float64, p.n*cols)
	slope, shift := m.scale.slope[class], m.scale.shift[class]
	mean := newPoints(1, m.width)
	copy(mean.row(0), m.mean)
	mean.norms(1)
	base = slope*m.decision(mean, 1)[class] + shift
	if m.bank == nil {
		beta := m.coef[class*m.width : (class+1)*m.width]
		kernel.Parallel(p.n, threads, 0, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				z := p.row(i)
				for c, t := range m.terms {
					for j := t.at; j < t.at+t.size; j++ {
						phi[i*cols+c] += slope * beta[j] * (z[j] - m.mean[j])
					}
				}
			}
		})
		return base, phi, nil
	}
	want := m.decision(p, threads)
	n := m.bank.n
	coef := m.coef[class*n : (class+1)*n]
	toMean := make([]float64, n) // ‖z̄−zᵢ‖²
	for i := range toMean {
		toMean[i] = kernel.Distance2(m.mean, m.bank.row(i))
	}
	kernel.Parallel(p.n, threads, 8, func(lo, hi int) {
		delta, pull := make([]float64, m.width), make([]float64, m.width)
		for i := lo; i < hi; i++ {
			z, length := p.row(i), 0.0
			for j := range delta {
				delta[j] = z[j] - m.mean[j]
				length += delta[j] * delta[j]
			}
			if length == 0 {
				continue
			}
			clear(pull)
			var ahead, s0 float64
			atMean := kernel.Dot(delta, m.mean)
			for s := range n {
				v := m.bank.row(s)
				k0, k1 := along(m.gamma, toMean[s], atMean-kernel.Dot(delta, v), length)
				a := -2 * m.gamma * coef[s]
				s0 += a * k0
				ahead += a * k1
				kernel.Axpy(-a*k0, v, pull)
			}
			out, sum, largest := phi[i*cols:(i+1)*cols], 0.0, 0
			for c, t := range m.terms {
				for j := t.at; j < t.at+t.size; j++ {
					out[c] += delta[j] * (m.mean[j]*s0 + pull[j] + delta[j]*ahead)
				}
				out[c] *= slope
				sum += out[c]
				if math.Abs(out[c]) > math.Abs(out[largest]) {
					largest = c
				}
			}
			out[largest] += slope*want[i*m.k+class] + shift - base - sum
		}
	})
	return base, phi, nil
}

// along returns ∫₀¹ e(t) dt and ∫₀¹ t·e(t) dt for e(t) = exp(−γ(a + 2bt + ct²)), the kernel along a straight line: a is the squared
// distance to the support vector at its begin, c the line's squared length, b the product of both directions.
func along(gamma, a, b, c float64) (k0, k1 float64) {
	closest := min(a, a+2*b+c)
	if b < 0 && -b < c {
		closest = a - b*b/c
	}
	if gamma*closest > 800 {
		return 0, 0 // e is 0 all along
	}
	gc := gamma * c
	if gc < 0.25 {
		// A short line: the difference of error functions would cancel, and eight nodes are exact to rounding.
		for i, t := range nodes {
			e := weights[i] * math.Exp(-gamma*(a+t*(2*b+t*c)))
			k0 += e
			k1 += t * e
		}
		return k0, k1
	}
	root := math.Sqrt(gc)
	from, to := root*b/c, root*(1+b/c)
	// Both ends on one side of the peak: the complement keeps the digits.
	var d float64
	switch {
	case from > 0:
		d = math.Erfc(from) - math.Erfc(to)
	case to < 0:
		d = math.Erfc(-to) - math.Erfc(-from)
	default:
		d = math.Erf(to) - math.Erf(from)
	}
	k0 = math.Exp(-gamma*max(0, a-b*b/c)) * math.Sqrt(math.Pi) / 2 / root * d
	ends := math.Exp(-gamma*a) - math.Exp(-gamma*max(0, a+2*b+c))
	return k0, ends/(2*gc) - b/c*k0
}

// nodes and weights are Gauss's on [0, 1].
var nodes, weights = func() (t, w [8]float64) {
	x := [4]float64{0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363}
	v := [4]float64{0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763}
	for i := range x {
		t[i], t[7-i] = (1-x[i])/2, (1+x[i])/2
		w[i], w[7-i] = v[i]/2, v[i]/2
	}
	return t, w
}()
