package kernel

// Strided is a matrix of float32 in a slice: element (i, j) lies at Data[i·Row + j·Col]. A row-major matrix of n columns
// has Row n and Col 1, its transpose Row 1 and Col n; Row 0 is one row repeated.
type Strided struct {
	Data     []float32
	Row, Col int
}

// RowMajor returns the matrix of nCols columns whose rows lie in data one after the other.
func RowMajor(data []float32, nCols int) Strided { return Strided{data, nCols, 1} }

// T returns the transpose, in the same memory.
func (s Strided) T() Strided { return Strided{s.Data, s.Col, s.Row} }

// From returns the matrix without the rows above i and the columns left of j.
func (s Strided) From(i, j int) Strided { return Strided{s.Data[i*s.Row+j*s.Col:], s.Row, s.Col} }

// holds tells whether m×n elements lie within Data, with Data[0] the first.
func (s Strided) holds(m, n int) bool {
	return s.Row >= 0 && s.Col >= 0 && (m == 0 || n == 0 || (m-1)*s.Row+(n-1)*s.Col < len(s.Data))
}

// Gemm computes C = S + A·B in float32, where C is m×n, A m×k, B k×n and S m×n; C and S have Col 1. S may be C (add to
// it), a bias with Row 0, or empty Data for zeros. C must not overlap A or B.
//
// Every element is computed alone, as
//
//	c = s;  c = fma(a[i,0], b[0,j], c);  c = fma(a[i,1], b[1,j], c);  …
//
// with one rounding a step. So the bits are the same with AVX-512, AVX2 with FMA and portable Go, for any number of threads,
// and whichever other rows and columns are computed beside it.
//
// Tiles of 12×32 (AVX-512) or 6×16 (AVX2) stay in registers; A is read where it lies, B too if its rows lie together, else its
// columns are brought together first. The portable version is about 50 times slower.
func Gemm(m, n, k int, a, b, c, s Strided) {
	if m == 0 || n == 0 {
		return
	}
	if m < 0 || n < 0 || k < 0 || c.Col != 1 || !a.holds(m, k) || !b.holds(k, n) || !c.holds(m, n) {
		panic(errLength)
	}
	if len(s.Data) == 0 {
		s = Strided{zeros[:], 0, 1}
		for j := 0; j < n; j += len(zeros) { // the zeros do for so many columns
			w := min(len(zeros), n-j)
			gemm(m, w, k, a, b.from(k, j), Strided{c.Data[j:], c.Row, 1}, s)
		}
		return
	}
	if s.Col != 1 || !s.holds(m, n) {
		panic(errLength)
	}
	gemm(m, n, k, a, b, c, s)
}

// from returns the columns from j on of a matrix of k rows, which may be none.
func (s Strided) from(k, j int) Strided {
	if k == 0 {
		return s
	}
	return s.From(0, j)
}

var zeros [4096]float32

// GemmThreads is [Gemm] on up to threads goroutines.
func GemmThreads(threads, m, n, k int, a, b, c, s Strided) {
	const grain = 48 // rows: four tiles
	if threads == 1 || m <= grain || m*n*k < 1<<18 {
		Gemm(m, n, k, a, b, c, s)
		return
	}
	Parallel(m, threads, max(grain, (m/Threads(threads)+11)/12*12), func(lo, hi int) {
		part := s
		if len(s.Data) > 0 {
			part = s.From(lo, 0)
		}
		Gemm(hi-lo, n, k, a.From(lo, 0), b, c.From(lo, 0), part)
	})
}

// gemmPortable is [Gemm] in plain Go.
func gemmPortable(m, n, k int, a, b, c, s Strided) {
	for i := range m {
		row := c.Data[i*c.Row:][:n]
		copy(row, s.Data[i*s.Row:][:n])
		for p := range k {
			x := a.Data[i*a.Row+p*a.Col]
			if b.Col == 1 {
				for j, v := range b.Data[p*b.Row:][:n] {
					row[j] = fma32(x, v, row[j])
				}
				continue
			}
			for j := range row {
				row[j] = fma32(x, b.Data[p*b.Row+j*b.Col], row[j])
			}
		}
	}
}
