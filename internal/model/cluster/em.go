package cluster

import (
	"math"

	"kequn/internal/kernel"
)

// em walks through the rows in blocks and takes the sums that expectation maximisation needs, all of it as products of
// small matrices ([kernel.AddGram]):
//
//	full      Wₖ = Lₖ⁻¹ where Σₖ = LₖLₖᵀ;  ln N = cₖ − ½·‖Wₖx − Wₖμₖ‖²       sums  Σ r·(1 x)(1 x)ᵀ
//	diagonal  ln N = cₖ + Σⱼ xⱼ²·(−½/σ²) + xⱼ·μ/σ²                       sums  Σ r·(x x² 1)
//
// x is taken about the mean row, so that sums of squares lose no digits.
type em struct {
	set    Mixture
	x      []float32
	n, p   int
	g      *Gaussians
	still  bool      // no sums are wanted
	centre []float64 // mean row
	floor  float64

	// One component after the other: what AddGram multiplies rows with, filled up with zeros.
	wide  int       // numbers of a row as multiplied: p, or x² and x, up to a multiple of 8
	form  []float64 // (K·p or K, up to a multiple of 4; wide)
	shift []float64 // full: Wₖμₖ, (K, p)
	level []float64 // cₖ, the log weight included
}

// emRows is the number of rows of a block, emChunk that of rows whose sums are taken together. Columns of a block lie a
// little further apart: at powers of two they would fall on the same cache lines.
const (
	emRows   = 256
	emStride = emRows + 8
	emChunk  = 4096
)

// sums are what one chunk, or all rows, add up to.
type sums struct {
	likelihood float64
	moments    []float64 // (K, side, side) lower triangle, or (K up to 4, side)
}

// scratch is one chunk's memory.
type scratch struct {
	row     []float64 // (emStride, wide)
	product []float64
	density []float64 // (K up to 4, emStride): log densities, then responsibilities
	column  []float64 // (side, emStride)
	scaled  []float64 // (side, emStride)
	moments []float64
	top     [emRows]float64
	sum     [emRows]float64
}

func newEM(m Mixture, x []float32, p int) *em {
	e := &em{set: m, x: x, p: p, n: len(x) / p}
	e.g = &Gaussians{K: m.K, NCols: p, Diagonal: m.Diagonal}
	e.g.Weights, e.g.Means = make([]float64, m.K), make([]float64, m.K*p)
	e.g.Cov = make([]float64, m.K*e.g.size())
	// Sums are taken about the first row, near enough to the mean for float64.
	type moments struct{ sum, square []float64 }
	m2 := kernel.Reduce(e.n, m.Threads, emChunk, func(lo, hi int) moments {
		s := moments{make([]float64, p), make([]float64, p)}
		for i := lo; i < hi; i++ {
			for j, v := range x[i*p : (i+1)*p] {
				d := float64(v) - float64(x[j])
				s.sum[j] += d
				s.square[j] += d * d
			}
		}
		return s
	}, func(a, b moments) moments {
		kernel.Axpy(1, b.sum, a.sum)
		kernel.Axpy(1, b.square, a.square)
		return a
	})
	e.centre = make([]float64, p)
	variance := 0.0
	for j := range p {
		d := m2.sum[j] / float64(e.n)
		e.centre[j] = float64(x[j]) + d
		variance += max(0, m2.square[j]/float64(e.n)-d*d) / float64(p)
	}
	if variance == 0 {
		variance = 1 // all rows are alike: any width will do
	}
	e.floor = m.Floor * variance
	return e
}

// side returns the number of columns whose products are summed.
func (e *em) side() int {
	if e.set.Diagonal {
		return up4(2*e.p + 1)
	}
	return up4(e.p + 1)
}

func up4(n int) int { return (n + 3) &^ 3 }
func up8(n int) int { return (n + 7) &^ 7 }

// first sets the components to the given groups.
func (e *em) first(label []int32) {
	e.wide, e.form = 0, nil
	e.maximise(e.pass(func(lo, rows int, s *scratch) float64 {
		clear(s.density)
		for r := range rows {
			s.density[int(label[lo+r])*emStride+r] = 1
		}
		return 0
	}))
}

// pass lets expect fill the responsibilities of each block and returns the sums.
func (e *em) pass(expect func(lo, rows int, s *scratch) float64) *sums {
	k4, side := up4(e.set.K), e.side()
	return kernel.Reduce(e.n, e.set.Threads, emChunk, func(lo, hi int) *sums {
		s := &scratch{row: make([]float64, emStride*e.wide), density: make([]float64, k4*emStride)}
		if !e.set.Diagonal {
			s.product = make([]float64, up4(e.set.K*e.p)*emStride)
		}
		out := &sums{}
		if !e.still {
			s.column = make([]float64, side*emStride)
			if e.set.Diagonal {
				s.moments = make([]float64, k4*side)
			} else {
				s.scaled, s.moments = make([]float64, side*emStride), make([]float64, e.set.K*side*side)
			}
		}
		for b := lo; b < hi; b += emRows {
			rows := min(hi-b, emRows)
			out.likelihood += expect(b, rows, s)
			if !e.still {
				for k := range e.set.K {
					clear(s.density[k*emStride+rows : (k+1)*emStride])
				}
				e.add(b, rows, s)
			}
		}
		out.moments = s.moments
		return out
	}, func(a, b *sums) *sums {
		a.likelihood += b.likelihood
		if !e.still {
			kernel.Axpy(1, b.moments, a.moments)
		}
		return a
	})
}

// densities sets density to ln πₖN(x | μₖ, Σₖ) for the rows from lo on.
func (e *em) densities(lo, rows int, s *scratch) {
	p := e.p
	for r := range rows {
		x, to := e.x[(lo+r)*p:(lo+r+1)*p], s.row[r*e.wide:(r+1)*e.wide]
		for j, v := range x {
			d := float64(v) - e.centre[j]
			if e.set.Diagonal {
				to[p+j] = d
				d *= d
			}
			to[j] = d
		}
	}
	if e.set.Diagonal {
		clear(s.density)
		kernel.AddGram(e.form, s.row, up4(e.set.K), emStride, e.wide, e.wide, s.density, false)
		for k := range e.set.K {
			c, d := e.level[k], s.density[k*emStride:k*emStride+rows]
			for r := range d {
				d[r] += c
			}
		}
		return
	}
	clear(s.product)
	kernel.AddGram(e.form, s.row, up4(e.set.K*p), emStride, e.wide, e.wide, s.product, false)
	for k := range e.set.K {
		d := s.density[k*emStride : k*emStride+rows]
		for r := range d {
			d[r] = e.level[k]
		}
		for i := range p {
			m, y := e.shift[k*p+i], s.product[(k*p+i)*emStride:(k*p+i)*emStride+rows]
			for r, v := range y {
				v -= m
				d[r] -= 0.5 * v * v
			}
		}
	}
}

// responsibilities sets density to the probability of each component and returns the sum of log-likelihoods.
func (e *em) responsibilities(lo, rows int, s *scratch) float64 {
	e.densities(lo, rows, s)
	top, sum := s.top[:rows], s.sum[:rows]
	copy(top, s.density)
	for k := 1; k < e.set.K; k++ {
		for r, d := range s.density[k*emStride : k*emStride+rows] {
			top[r] = max(top[r], d)
		}
	}
	clear(sum)
	for k := range e.set.K {
		density := s.density[k*emStride : k*emStride+rows]
		for r, d := range density {
			// Below e⁻⁷⁰⁰ nothing is left of a component.
			if d -= top[r]; d > -700 {
				d = math.Exp(d)
			} else {
				d = 0
			}
			density[r] = d
			sum[r] += d
		}
	}
	total := 0.0
	for r, v := range sum {
		total += top[r] + math.Log(v)
		sum[r] = 1 / v
	}
	for k := range e.set.K {
		density := s.density[k*emStride : k*emStride+rows]
		for r, v := range sum {
			density[r] *= v
		}
	}
	return total
}

// add adds the block's moments.
func (e *em) add(lo, rows int, s *scratch) {
	p, side := e.p, e.side()
	for r := range rows {
		for j, v := range e.x[(lo+r)*p : (lo+r+1)*p] {
			d := float64(v) - e.centre[j]
			s.column[j*emStride+r] = d
			if e.set.Diagonal {
				s.column[(p+j)*emStride+r] = d * d
			}
		}
	}
	one := p
	if e.set.Diagonal {
		one = 2 * p
	}
	for r := range rows {
		s.column[one*emStride+r] = 1
	}
	if e.set.Diagonal {
		kernel.AddGram(s.density, s.column, up4(e.set.K), side, emRows, emStride, s.moments, false)
		return
	}
	for k := range e.set.K {
		w, any := s.density[k*emStride:(k+1)*emStride], false
		for _, v := range w {
			if v > 0 {
				any = true
				break
			}
		}
		if !any {
			continue
		}
		for j := range p + 1 {
			from, to := s.column[j*emStride:(j+1)*emStride], s.scaled[j*emStride:(j+1)*emStride]
			for r, v := range from {
				to[r] = w[r] * v
			}
		}
		kernel.AddGram(s.scaled, s.column, side, side, emRows, emStride, s.moments[k*side*side:], true)
	}
}

// maximise sets the components to what the sums say. A component that no row belongs to keeps its shape and loses its weight.
func (e *em) maximise(s *sums) {
	p, side, g := e.p, e.side(), e.g
	for k := range g.K {
		weight := 0.0
		var first, second func(i, j int) float64 // Σ r·xⱼ and Σ r·xᵢxⱼ
		if e.set.Diagonal {
			row := s.moments[k*side : (k+1)*side]
			weight = row[2*p]
			first, second = func(_, j int) float64 { return row[j] }, func(i, _ int) float64 { return row[p+i] }
		} else {
			square := s.moments[k*side*side : (k+1)*side*side]
			weight = square[p*side+p]
			first, second = func(_, j int) float64 { return square[p*side+j] }, func(i, j int) float64 { return square[i*side+j] }
		}
		g.Weights[k] = weight / float64(e.n)
		if !(weight > 1e-8) {
			if g.Iterations == 0 && len(g.Trace) == 0 { // never had a row
				e.shapeless(k)
			}
			continue
		}
		mean := g.Means[k*p : (k+1)*p]
		for j := range mean {
			mean[j] = first(0, j) / weight
		}
		if e.set.Diagonal {
			for j, m := range mean {
				g.Cov[k*p+j] = max(e.floor, second(j, j)/weight-m*m)
			}
		} else {
			cov := g.Cov[k*p*p : (k+1)*p*p]
			for i := range p {
				for j := range i + 1 {
					c := second(i, j)/weight - mean[i]*mean[j]
					cov[i*p+j], cov[j*p+i] = c, c
				}
			}
			raise(cov, p, e.floor)
		}
		kernel.Axpy(1, e.centre, mean)
	}
	e.prepare()
}

// shapeless sets a component without rows to the middle, as narrow as may be.
func (e *em) shapeless(k int) {
	copy(e.g.Means[k*e.p:], e.centre)
	for j := range e.p {
		if e.set.Diagonal {
			e.g.Cov[k*e.p+j] = e.floor
		} else {
			e.g.Cov[k*e.p*e.p+j*(e.p+1)] = e.floor
		}
	}
}

// prepare makes from the components what densities multiplies with.
func (e *em) prepare() {
	g, p := e.g, e.p
	e.level = make([]float64, g.K)
	if e.set.Diagonal {
		e.wide = up8(2 * p)
		e.form = make([]float64, up4(g.K)*e.wide)
		for k := range g.K {
			c := math.Log(g.Weights[k]) - 0.5*float64(p)*math.Log(2*math.Pi)
			f := e.form[k*e.wide : (k+1)*e.wide]
			for j := range p {
				v, m := g.Cov[k*p+j], g.Means[k*p+j]-e.centre[j]
				f[j], f[p+j] = -0.5/v, m/v
				c -= 0.5 * (math.Log(v) + m*m/v)
			}
			e.level[k] = c
		}
		return
	}
	e.wide = up8(p)
	e.form, e.shift = make([]float64, up4(g.K*p)*e.wide), make([]float64, g.K*p)
	for k := range g.K {
		l := append([]float64(nil), g.Cov[k*p*p:(k+1)*p*p]...)
		if !kernel.Cholesky(l, p) { // cannot be after raise; a mixture that was read is checked
			panic("cluster: covariance is not positive definite")
		}
		c := math.Log(g.Weights[k]) - 0.5*float64(p)*math.Log(2*math.Pi)
		// W = L⁻¹ by forward substitution, row by row.
		for i := range p {
			w := e.form[(k*p+i)*e.wide : (k*p+i+1)*e.wide]
			d := l[i*p+i]
			c -= math.Log(d)
			for j := range i {
				s := 0.0
				for t := j; t < i; t++ {
					s += l[i*p+t] * e.form[(k*p+t)*e.wide+j]
				}
				w[j] = -s / d
			}
			w[i] = 1 / d
			for j := range i + 1 {
				e.shift[k*p+i] += w[j] * (g.Means[k*p+j] - e.centre[j])
			}
		}
		e.level[k] = c
	}
}

// raise lifts eigenvalues of the symmetric matrix a below floor to it.
func raise(a []float64, p int, floor float64) {
	l := append([]float64(nil), a...)
	for i := range p {
		l[i*(p+1)] -= floor
	}
	if kernel.Cholesky(l, p) {
		return
	}
	values, vectors := eigen(a, p)
	clear(a)
	for k, v := range values {
		v = max(v, floor)
		for i := range p {
			s := v * vectors[i*p+k]
			for j := range i + 1 {
				a[i*p+j] += s * vectors[j*p+k]
			}
		}
	}
	for i := range p {
		for j := range i {
			a[j*p+i] = a[i*p+j]
		}
	}
}

// eigen returns eigenvalues and eigenvectors (in columns) of a symmetric matrix by Jacobi's rotations. Time is O(p³) for each
// of some ten sweeps.
func eigen(a []float64, p int) (values, vectors []float64) {
	a = append([]float64(nil), a...)
	v := make([]float64, p*p)
	for i := range p {
		v[i*(p+1)] = 1
	}
	for range 50 {
		off, all := 0.0, 0.0
		for i := range p {
			all += a[i*(p+1)] * a[i*(p+1)]
			for j := range i {
				off += a[i*p+j] * a[i*p+j]
			}
		}
		if off <= 1e-30*(all+off) {
			break
		}
		for i := 1; i < p; i++ {
			for j := range i {
				if a[i*p+j] == 0 {
					continue
				}
				theta := (a[i*(p+1)] - a[j*(p+1)]) / (2 * a[i*p+j])
				t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
				if theta < 0 {
					t = -t
				}
				c := 1 / math.Sqrt(t*t+1)
				s := t * c
				for k := range p {
					x, y := a[k*p+j], a[k*p+i]
					a[k*p+j], a[k*p+i] = c*x-s*y, s*x+c*y
				}
				for k := range p {
					x, y := a[j*p+k], a[i*p+k]
					a[j*p+k], a[i*p+k] = c*x-s*y, s*x+c*y
					x, y = v[k*p+j], v[k*p+i]
					v[k*p+j], v[k*p+i] = c*x-s*y, s*x+c*y
				}
			}
		}
	}
	values = make([]float64, p)
	for i := range p {
		values[i] = a[i*(p+1)]
	}
	return values, v
}
