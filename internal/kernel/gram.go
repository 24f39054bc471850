package kernel

// GramLanes is what the length of columns in [AddGram] is a multiple of: one vector register's float64.
const GramLanes = 8

// GramSide is what the number of columns in [AddGram] is a multiple of: the side of the squares it works on.
const GramSide = 4

// AddGram adds the products A·Bᵀ of two sets of columns to c: c[i·nB+j] += Σ_r a_i[r]·b_j[r].
//
//	a  nA columns, column i at a[i·stride:][:n]
//	b  nB columns, likewise
//	c  (nA, nB), row-major
//
// With lower, only the squares of 4 × 4 that hold something on or below the diagonal are touched. nA and nB are multiples
// of 4, n of 8: fill up with zeros. Each square is one running sum per vector lane over the n rows, added up in a fixed order.
//
// Vector instructions (AVX-512, AVX2 with FMA) are used where the processor has them; sums then differ from the portable
// version in their last bits. Time is nA·nB·n multiplications, half of them with lower: about 20 per nanosecond with AVX-512.
func AddGram(a, b []float64, nA, nB, n, stride int, c []float64, lower bool) {
	if nA%GramSide != 0 || nB%GramSide != 0 || n%GramLanes != 0 || n > stride || len(c) < nA*nB ||
		nA > 0 && len(a) < (nA-1)*stride+n || nB > 0 && len(b) < (nB-1)*stride+n {
		panic(errLength)
	}
	if n == 0 {
		return
	}
	for i := 0; i < nA; i += GramSide {
		to := nB
		if lower {
			to = min(nB, i+GramSide)
		}
		for j := 0; j < to; j += GramSide {
			gram4x4(a[i*stride:], b[j*stride:], n, stride, c[i*nB+j:], nB)
		}
	}
}

// gram4x4Portable is one square in plain Go.
func gram4x4Portable(a, b []float64, n, stride int, c []float64, nB int) {
	b0, b1, b2, b3 := b[:n], b[stride:stride+n], b[2*stride:2*stride+n], b[3*stride:3*stride+n]
	for i := range GramSide {
		var s0, s1, s2, s3 float64
		for r, v := range a[i*stride : i*stride+n] {
			s0 += v * b0[r]
			s1 += v * b1[r]
			s2 += v * b2[r]
			s3 += v * b3[r]
		}
		row := c[i*nB : i*nB+GramSide]
		row[0] += s0
		row[1] += s1
		row[2] += s2
		row[3] += s3
	}
}
