package linear

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
)

// problem is a design with its outcome: what the solvers minimise.
type problem struct {
	*design
	task    kequn.Task
	y, w    []float64
	k       int // linear sums per row: 1, or the number of classes
	q       int // p coefficients and the intercept
	weight  float64
	mean    float64 // regression: the mean outcome, taken off y
	threads int
}

func newProblem(threads int, d *design, y model.Outcome, w []float64) *problem {
	p := &problem{design: d, task: y.Task, y: y.Y, w: w, k: y.NOut(), q: d.p + 1, weight: total(w, d.n), threads: threads}
	if p.task == kequn.Regression {
		// Sums of squares of values near each other keep more digits around their mean.
		p.mean, _ = kernel.MeanVar(y.Y, w)
		p.y = make([]float64, d.n)
		for i, v := range y.Y {
			p.y[i] = v - p.mean
		}
	}
	return p
}

// start returns coefficients of 0 and the intercept of the base rate.
func (p *problem) start() []float64 {
	beta := make([]float64, p.k*p.q)
	switch p.task {
	case kequn.Binary:
		mean := kernel.SumProduct(p.y, p.w) / p.weight
		beta[p.p] = math.Log(mean / (1 - mean))
	case kequn.Multiclass:
		share := make([]float64, p.k)
		for i, v := range p.y {
			share[int(v)] += p.weightOf(i)
		}
		for c := range share {
			// Half a row keeps the intercept of a class without rows finite.
			beta[c*p.q+p.p] = math.Log((share[c] + 0.5) / (p.weight + 0.5*float64(p.k)))
		}
	}
	return beta
}

func (p *problem) weightOf(i int) float64 {
	if p.w == nil {
		return 1
	}
	return p.w[i]
}

// want says which sums a pass makes beside the loss.
type want int

const (
	gradient want = iota // Σ rᵢ·xᵢ, r being the loss's derivative
	hessian              // and Σ hᵢ·xᵢxᵢᵀ, h being its second derivative
	scores2              // and Σ rᵢ²/wᵢ·xᵢxᵢᵀ, the gradient's own variation, in place of the Hessian
)

// sums are what one pass over the rows gives, without the penalty. hess is q×q, its lower triangle filled.
type sums struct {
	loss float64
	grad []float64
	hess []float64
}

// subBlock is how many rows are encoded at a time: 256 rows of 30 numbers fit a first-level cache twice.
const subBlock = 256

// blocks returns how many rows one partial sum covers. It follows from the table's shape alone, so that sums are the same
// for any number of threads: at most 16 partial sums, and at most 64 MB of them.
func (p *problem) blocks(what want) int {
	most := 16
	if what != gradient {
		most = max(1, min(most, (64<<20)/(8*p.q*p.q)))
	}
	return max(2048, (p.n+most-1)/most)
}

// scratch is what one goroutine writes while it goes over rows.
type scratch struct {
	z, hz  []float64
	slot   []int32
	margin []float64 // (k, subBlock)
	r, h   []float64

	order        []uint16 // see group
	level, start []int32
	count        []int32 // by level, all 0 between calls
}

// pass goes over all rows once at the coefficients beta (k×q) and returns loss, gradient and, for one sum per row, the
// second-order sums that are wanted. It returns ctx's error when cancelled.
func (p *problem) pass(ctx context.Context, beta []float64, what want) (*sums, error) {
	size := p.blocks(what)
	n := kernel.NBlocks(p.n, size)
	parts := make([]*sums, n)
	scratches := make([]*scratch, kernel.Threads(p.threads))
	kernel.Workers(p.n, p.threads, size, func(worker, block, lo, hi int) {
		s := scratches[worker]
		if s == nil {
			s = &scratch{
				z: make([]float64, p.nDense*subBlock), hz: make([]float64, p.nDense*subBlock),
				slot: make([]int32, len(p.sparse)*subBlock), margin: make([]float64, p.k*subBlock),
				r: make([]float64, p.k*subBlock), h: make([]float64, subBlock), order: make([]uint16, subBlock), count: make([]int32, p.q),
			}
			scratches[worker] = s
		}
		part := &sums{grad: make([]float64, p.k*p.q)}
		if what != gradient {
			part.hess = make([]float64, p.q*p.q)
		}
		parts[block] = part
		for ; lo < hi && ctx.Err() == nil; lo += subBlock {
			p.rows(lo, min(hi, lo+subBlock), beta, what, s, part)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sum := parts[0]
	for _, part := range parts[1:] {
		sum.loss += part.loss
		kernel.Axpy(1, part.grad, sum.grad)
		if what != gradient {
			kernel.Axpy(1, part.hess, sum.hess)
		}
	}
	return sum, nil
}

// rows adds the rows [lo, hi) to part.
func (p *problem) rows(lo, hi int, beta []float64, what want, s *scratch, part *sums) {
	n := hi - lo
	p.fill(lo, hi, subBlock, s.z, s.slot)
	for c := range p.k {
		p.margins(n, beta[c*p.q:(c+1)*p.q], s, s.margin[c*subBlock:c*subBlock+n])
	}
	part.loss += p.derivatives(lo, n, what, s)
	for c := range p.k {
		p.addGradient(n, s.r[c*subBlock:c*subBlock+n], s, part.grad[c*p.q:(c+1)*p.q])
	}
	if what != gradient {
		p.addSquares(n, s, part.hess)
	}
}

func (p *problem) margins(n int, beta []float64, s *scratch, margin []float64) {
	for i := range margin {
		margin[i] = beta[p.p]
	}
	for j := range p.nDense {
		kernel.Axpy(beta[j], s.z[j*subBlock:j*subBlock+n], margin)
	}
	for j := range p.sparse {
		for i, k := range s.slot[j*subBlock : j*subBlock+n] {
			if k >= 0 {
				margin[i] += beta[k]
			}
		}
	}
}

// derivatives writes r and h of the n rows from lo and returns their loss.
func (p *problem) derivatives(lo, n int, what want, s *scratch) (loss float64) {
	switch p.task {
	case kequn.Regression:
		for i := range n {
			w, d := p.weightOf(lo+i), s.margin[i]-p.y[lo+i]
			s.r[i], s.h[i] = w*d, w
			if what == scores2 {
				s.h[i] = w * d * d
			}
			loss += 0.5 * w * d * d
		}
	case kequn.Binary:
		for i := range n {
			w, m, y := p.weightOf(lo+i), s.margin[i], p.y[lo+i]
			e := math.Exp(-math.Abs(m))
			prob := 1 / (1 + e)
			if m < 0 {
				prob = e / (1 + e)
			}
			d := prob - y
			s.r[i], s.h[i] = w*d, w*e/((1+e)*(1+e))
			if what == scores2 {
				s.h[i] = w * d * d
			}
			loss += w * (max(m, 0) - y*m + math.Log1p(e))
		}
	default:
		for i := range n {
			w, y := p.weightOf(lo+i), int(p.y[lo+i])
			top := math.Inf(-1)
			for c := range p.k {
				top = max(top, s.margin[c*subBlock+i])
			}
			sum := 0.0
			for c := range p.k {
				e := math.Exp(s.margin[c*subBlock+i] - top)
				s.r[c*subBlock+i] = e
				sum += e
			}
			for c := range p.k {
				s.r[c*subBlock+i] *= w / sum
			}
			s.r[y*subBlock+i] -= w
			loss += w * (math.Log(sum) + top - s.margin[y*subBlock+i])
			s.h[i] = w
		}
	}
	return loss
}

func (p *problem) addGradient(n int, r []float64, s *scratch, grad []float64) {
	for j := range p.nDense {
		grad[j] += kernel.Dot(r, s.z[j*subBlock:j*subBlock+n])
	}
	for j := range p.sparse {
		for i, k := range s.slot[j*subBlock : j*subBlock+n] {
			if k >= 0 {
				grad[k] += r[i]
			}
		}
	}
	for _, v := range r {
		grad[p.p] += v
	}
}

// addSquares adds Σ hᵢ·xᵢxᵢᵀ to the lower triangle of a. Numbers meet numbers in dot products; a 0/1 column adds only where
// it is switched on, level by level, so that c categories cost c² additions per row however many levels they have.
func (p *problem) addSquares(n int, s *scratch, a []float64) {
	q, h := p.q, s.h[:n]
	last := a[p.p*q:]
	for j := range p.nDense {
		z, hz := s.z[j*subBlock:j*subBlock+n], s.hz[j*subBlock:j*subBlock+n]
		sum := 0.0
		for i, v := range z {
			hz[i] = h[i] * v
			sum += hz[i]
		}
		last[j] += sum
		row := a[j*q : j*q+j+1]
		k := 0
		for ; k+4 <= len(row); k += 4 {
			s0, s1, s2, s3 := dot4(hz, s.z[k*subBlock:], s.z[(k+1)*subBlock:], s.z[(k+2)*subBlock:], s.z[(k+3)*subBlock:])
			row[k] += s0
			row[k+1] += s1
			row[k+2] += s2
			row[k+3] += s3
		}
		for ; k < len(row); k++ {
			row[k] += kernel.Dot(hz, s.z[k*subBlock:k*subBlock+n])
		}
	}
	for c := range p.sparse {
		s.group(s.slot[c*subBlock : c*subBlock+n])
		for l, k := range s.level {
			rows, row := s.order[s.start[l]:s.start[l+1]], a[int(k)*q:int(k+1)*q]
			sum := 0.0
			for _, i := range rows {
				sum += h[i]
			}
			row[k] += sum
			last[k] += sum
			j := 0
			for ; j+4 <= p.nDense; j += 4 {
				s0, s1, s2, s3 := gather4(rows, (*[subBlock]float64)(s.hz[j*subBlock:]), (*[subBlock]float64)(s.hz[(j+1)*subBlock:]),
					(*[subBlock]float64)(s.hz[(j+2)*subBlock:]), (*[subBlock]float64)(s.hz[(j+3)*subBlock:]))
				row[j] += s0
				row[j+1] += s1
				row[j+2] += s2
				row[j+3] += s3
			}
			for ; j < p.nDense; j++ {
				sum, hz := 0.0, s.hz[j*subBlock:j*subBlock+n]
				for _, i := range rows {
					sum += hz[i]
				}
				row[j] += sum
			}
			for d := range c {
				other := s.slot[d*subBlock : d*subBlock+n]
				for _, i := range rows {
					if o := other[i]; o >= 0 {
						row[o] += h[i]
					}
				}
			}
		}
	}
	for _, v := range h {
		last[p.p] += v
	}
}

// group lists a 0/1 column's rows level by level: level has the levels that occur, in the order of their first row, and the rows
// of level[l] are order[start[l]:start[l+1]]. Sums over one level then run in registers.
func (s *scratch) group(on []int32) {
	s.level, s.start = s.level[:0], s.start[:0]
	for _, k := range on {
		if k < 0 {
			continue
		}
		if s.count[k] == 0 {
			s.level = append(s.level, k)
		}
		s.count[k]++
	}
	at := int32(0)
	for _, k := range s.level {
		s.start = append(s.start, at)
		at, s.count[k] = at+s.count[k], at
	}
	s.start = append(s.start, at)
	for i, k := range on {
		if k >= 0 {
			s.order[s.count[k]] = uint16(i)
			s.count[k]++
		}
	}
	for _, k := range s.level {
		s.count[k] = 0
	}
}

// gather4 returns the sums of four columns over some rows.
func gather4(rows []uint16, b0, b1, b2, b3 *[subBlock]float64) (s0, s1, s2, s3 float64) {
	for _, r := range rows {
		i := r % subBlock // all are below: this only tells the compiler
		s0 += b0[i]
		s1 += b1[i]
		s2 += b2[i]
		s3 += b3[i]
	}
	return s0, s1, s2, s3
}

// dot4 returns the dot products of a with four others, which are at least as long.
func dot4(a, b0, b1, b2, b3 []float64) (s0, s1, s2, s3 float64) {
	b0, b1, b2, b3 = b0[:len(a)], b1[:len(a)], b2[:len(a)], b3[:len(a)]
	for i, v := range a {
		s0 += v * b0[i]
		s1 += v * b1[i]
		s2 += v * b2[i]
		s3 += v * b3[i]
	}
	return s0, s1, s2, s3
}
