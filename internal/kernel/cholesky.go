package kernel

import "math"

// Cholesky replaces the lower triangle of the symmetric n×n matrix a (row-major; only its lower triangle is read) by L
// with L·Lᵀ = a. It returns false, with a half overwritten, when a is not numerically positive definite: a pivot fell below
// 1e-13 of its diagonal element. Time is n³/6 multiplications.
func Cholesky(a []float64, n int) bool {
	if len(a) != n*n {
		panic(errLength)
	}
	for i := range n {
		ri := a[i*n : i*n+n]
		for j := range i {
			ri[j] = (ri[j] - Dot(ri[:j], a[j*n:j*n+j])) / a[j*n+j]
		}
		d := ri[i] - Dot(ri[:i], ri[:i])
		if !(d > 1e-13*math.Abs(ri[i])) || math.IsInf(d, 1) {
			return false
		}
		ri[i] = math.Sqrt(d)
	}
	return true
}

// CholeskySolve replaces b by the solution x of L·Lᵀ·x = b, where l comes from [Cholesky].
func CholeskySolve(l []float64, n int, b []float64) {
	if len(l) != n*n || len(b) != n {
		panic(errLength)
	}
	for i := range n {
		b[i] = (b[i] - Dot(l[i*n:i*n+i], b[:i])) / l[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		b[i] /= l[i*n+i]
		Axpy(-b[i], l[i*n:i*n+i], b[:i])
	}
}

// CholeskyInverse returns (L·Lᵀ)⁻¹, n×n, row-major and symmetric, where l comes from [Cholesky].
func CholeskyInverse(l []float64, n int) []float64 {
	if len(l) != n*n {
		panic(errLength)
	}
	inv := make([]float64, n*n)
	for j := range n {
		inv[j*n+j] = 1
		CholeskySolve(l, n, inv[j*n:j*n+n])
	}
	for i := range n { // rounding differs between the halves
		for j := range i {
			inv[j*n+i] = inv[i*n+j]
		}
	}
	return inv
}

// SolveSPD returns x with (a + ridge·D)·x = b, where a is a symmetric positive semidefinite n×n matrix (row-major, lower
// triangle read) and D its diagonal (with zeros replaced by the mean diagonal, or 1). The ridge is 0 where the plain
// factorisation works; otherwise the first of 1e-10, 1e-9, … that does, so that columns that repeat each other share
// their coefficient instead of failing. a and b are left alone. x is nil when a or b is not finite, or a is far from semidefinite.
func SolveSPD(a []float64, n int, b []float64) (x []float64, ridge float64) {
	if len(a) != n*n || len(b) != n {
		panic(errLength)
	}
	mean := 0.0
	for i := range n {
		mean += a[i*n+i] / float64(n)
	}
	if mean <= 0 {
		mean = 1
	}
	l := make([]float64, n*n)
	for ridge = 0; ridge <= 1; ridge = max(1e-10, ridge*10) {
		copy(l, a)
		for i := range n {
			d := a[i*n+i]
			if d <= 0 {
				d = mean
			}
			l[i*n+i] += ridge * d
		}
		if Cholesky(l, n) {
			x = append([]float64(nil), b...)
			CholeskySolve(l, n, x)
			for _, v := range x {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return nil, ridge
				}
			}
			return x, ridge
		}
	}
	return nil, ridge
}
