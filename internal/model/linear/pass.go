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
	mean    float64   // regression without a link: the mean outcome, taken off y
	power   float64   // regression with a logarithmic link: the variance is as the mean to this power; 0 for none
	sat     []float64 // with power: the loss of a row that is predicted exactly
	threads int

	pen   penalty
	means []float64 // of the encoding's columns

	texts  []*textPart
	offset []float64 // (k, n): added to the margins, if there are texts
	resid  []float64 // (k, n): the loss's derivative by each margin is put here, if set

	zero *sums // regression: at coefficients of 0, once they were needed
}

func newProblem(threads int, d *design, y model.Outcome, w []float64, power float64) *problem {
	p := &problem{design: d, task: y.Task, y: y.Y, w: w, k: y.NOut(), q: d.p + 1, weight: total(w, d.n), threads: threads}
	if p.task == kequn.Regression && power > 0 {
		p.power, p.sat = power, saturated(y.Y, power)
	} else if p.task == kequn.Regression {
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
	case kequn.Regression:
		if p.power > 0 {
			beta[p.p] = p.logMean()
		}
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
	gradient    want = iota // Σ rᵢ·xᵢ, r being the loss's derivative
	hessian                 // and Σ hᵢ·xᵢxᵢᵀ, h being its second derivative
	scores2                 // and Σ rᵢ²/wᵢ·xᵢxᵢᵀ, the gradient's own variation, in place of the Hessian
	information             // and the Hessian's expectation in its place; it differs where the link is not the loss's own
)

// sums are what one pass over the rows gives, without the penalty. hess is q×q, its lower triangle filled.
type sums struct {
	loss    float64
	pearson float64 // with power and information: Σ wᵢ·(yᵢ−μᵢ)²/μᵢ^power
	grad    []float64
	hess    []float64

	gram  []float64 // on the way to hess: (side, side), of dense columns and the ones
	cross []float64 // (p−nDense, q), of sparse columns with all before them; with the ones at p
}

// subBlock is how many rows are encoded at a time: four columns of 256 rows fit a first-level cache with as many others.
const subBlock = 256

// side is the number of dense columns with the column of ones behind them, filled up with zeros.
func (p *problem) side() int { return (p.nDense + kernel.GramSide) / kernel.GramSide * kernel.GramSide }

// blocks returns how many rows one partial sum covers. It follows from the table's shape alone, so that sums are the same
// for any number of threads: at most 16 partial sums, and at most 64 MB of them.
func (p *problem) blocks(what want) int {
	most := 16
	if what != gradient {
		most = max(1, min(most, (64<<20)/(8*p.q*p.q)))
	}
	return max(2048, (p.n+most-1)/most)
}

// scratch is what one goroutine writes while it goes over rows. Columns are subBlock long.
type scratch struct {
	z, hz  []float64 // side columns
	slot   []int32
	margin []float64 // k columns
	r      []float64 // k columns, filled up with zeros to whole squares
	h      []float64
	dots   []float64 // (k filled up, side)

	order        []uint16 // see group
	level, start []int32
	count        []int32 // by column, all 0 between calls
}

func (p *problem) newScratch() *scratch {
	side, k := p.side(), (p.k+kernel.GramSide-1)/kernel.GramSide*kernel.GramSide
	s := &scratch{
		z: make([]float64, side*subBlock), hz: make([]float64, side*subBlock),
		slot: make([]int32, len(p.sparse)*subBlock), margin: make([]float64, p.k*subBlock),
		r: make([]float64, k*subBlock), h: make([]float64, subBlock), dots: make([]float64, k*side),
		order: make([]uint16, subBlock), count: make([]int32, p.q),
	}
	ones := s.z[p.nDense*subBlock : (p.nDense+1)*subBlock]
	for i := range ones {
		ones[i] = 1
	}
	return s
}

// pass goes over all rows once at the coefficients beta (k×q) and returns loss, gradient and, for one sum per row, the
// second-order sums that are wanted. With every > 1 only each so manieth lot of subBlock rows is taken.
// It returns ctx's error when cancelled.
func (p *problem) pass(ctx context.Context, beta []float64, what want, every int) (*sums, error) {
	size := p.blocks(what)
	parts := make([]*sums, kernel.NBlocks(p.n, size))
	scratches := make([]*scratch, kernel.Threads(p.threads))
	kernel.Workers(p.n, p.threads, size, func(worker, block, lo, hi int) {
		s := scratches[worker]
		if s == nil {
			s = p.newScratch()
			scratches[worker] = s
		}
		part := &sums{grad: make([]float64, p.k*p.q)}
		if what != gradient {
			part.gram, part.cross = make([]float64, p.side()*p.side()), make([]float64, (p.p-p.nDense)*p.q)
		}
		parts[block] = part
		for ; lo < hi && ctx.Err() == nil; lo += subBlock * every {
			p.rows(lo, min(hi, lo+subBlock), beta, what, s, part)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sum := parts[0]
	for _, part := range parts[1:] {
		sum.loss += part.loss
		sum.pearson += part.pearson
		kernel.Axpy(1, part.grad, sum.grad)
		if what != gradient {
			kernel.Axpy(1, part.gram, sum.gram)
			kernel.Axpy(1, part.cross, sum.cross)
		}
	}
	if what != gradient {
		p.assemble(sum)
	}
	return sum, nil
}

// assemble makes hess of its parts.
func (p *problem) assemble(s *sums) {
	side, q := p.side(), p.q
	s.hess = make([]float64, q*q)
	for j := range p.nDense {
		copy(s.hess[j*q:j*q+j+1], s.gram[j*side:])
	}
	last := s.hess[p.p*q:]
	ones := s.gram[p.nDense*side:]
	copy(last, ones[:p.nDense])
	last[p.p] = ones[p.nDense]
	for k := p.nDense; k < p.p; k++ {
		row := s.cross[(k-p.nDense)*q : (k-p.nDense+1)*q]
		copy(s.hess[k*q:k*q+k+1], row)
		last[k] = row[p.p]
	}
	s.gram, s.cross = nil, nil
}

// rows adds the rows [lo, hi) to part.
func (p *problem) rows(lo, hi int, beta []float64, what want, s *scratch, part *sums) {
	n := hi - lo
	p.fill(lo, hi, subBlock, s.z, s.slot)
	for c := range p.k {
		p.margins(n, beta[c*p.q:(c+1)*p.q], s, s.margin[c*subBlock:c*subBlock+n])
	}
	if p.offset != nil {
		for c := range p.k {
			kernel.Axpy(1, p.offset[c*p.n+lo:c*p.n+hi], s.margin[c*subBlock:c*subBlock+n])
		}
	}
	part.loss += p.derivatives(lo, n, what, s, part)
	if p.resid != nil {
		for c := range p.k {
			copy(p.resid[c*p.n+lo:c*p.n+hi], s.r[c*subBlock:c*subBlock+n])
		}
	}
	p.addGradient(n, s, part.grad)
	if what != gradient {
		p.addSquares(n, s, part)
	}
}

func (p *problem) margins(n int, beta []float64, s *scratch, margin []float64) {
	for i := range margin {
		margin[i] = beta[p.p]
	}
	j := 0
	for ; j+4 <= p.nDense; j += 4 {
		b0, b1, b2, b3 := beta[j], beta[j+1], beta[j+2], beta[j+3]
		z0, z1 := s.z[j*subBlock:][:len(margin)], s.z[(j+1)*subBlock:][:len(margin)]
		z2, z3 := s.z[(j+2)*subBlock:][:len(margin)], s.z[(j+3)*subBlock:][:len(margin)]
		for i := range margin {
			margin[i] += (b0*z0[i] + b1*z1[i]) + (b2*z2[i] + b3*z3[i])
		}
	}
	for ; j < p.nDense; j++ {
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
func (p *problem) derivatives(lo, n int, what want, s *scratch, part *sums) (loss float64) {
	if p.power > 0 {
		return p.powerDerivatives(lo, n, what, s, part)
	}
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
		if p.w == nil && what != scores2 {
			return p.binaryDerivatives(lo, n, s)
		}
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

// binaryDerivatives is derivatives without weights. The logarithms are of products: of subBlock factors from 1 to 2 each, at most 2^256.
func (p *problem) binaryDerivatives(lo, n int, s *scratch) (loss float64) {
	margin, y, r, h := s.margin[:n], p.y[lo:lo+n], s.r[:n], s.h[:n]
	product := 1.0
	for i, m := range margin {
		e := math.Exp(-math.Abs(m))
		inv := 1 / (1 + e)
		prob := inv
		if m < 0 {
			prob = e * inv
		}
		r[i], h[i] = prob-y[i], e*inv*inv
		loss += max(m, 0) - y[i]*m
		product *= 1 + e
	}
	return loss + math.Log(product)
}

// lanes returns n filled up to whole vector registers.
func lanes(n int) int { return (n + kernel.GramLanes - 1) / kernel.GramLanes * kernel.GramLanes }

func (p *problem) addGradient(n int, s *scratch, grad []float64) {
	side := p.side()
	for c := range p.k {
		clear(s.r[c*subBlock+n : c*subBlock+lanes(n)])
	}
	clear(s.dots)
	kernel.AddGram(s.r, s.z, len(s.r)/subBlock, side, lanes(n), subBlock, s.dots, false)
	for c := range p.k {
		g, r := grad[c*p.q:(c+1)*p.q], s.r[c*subBlock:c*subBlock+n]
		kernel.Axpy(1, s.dots[c*side:c*side+p.nDense], g[:p.nDense])
		g[p.p] += s.dots[c*side+p.nDense]
		for j := range p.sparse {
			for i, k := range s.slot[j*subBlock : j*subBlock+n] {
				if k >= 0 {
					g[k] += r[i]
				}
			}
		}
	}
}

// addSquares adds Σ hᵢ·xᵢxᵢᵀ. Dense columns meet each other in squares of dot products; a sparse column adds only where
// it is switched on, so that c sparse categories cost c² additions per row however many levels they have.
func (p *problem) addSquares(n int, s *scratch, part *sums) {
	side, q, h := p.side(), p.q, s.h[:n]
	for j := range p.nDense + 1 {
		z, hz := s.z[j*subBlock:j*subBlock+n], s.hz[j*subBlock:j*subBlock+n]
		for i, v := range z {
			hz[i] = h[i] * v
		}
		clear(s.hz[j*subBlock+n : j*subBlock+lanes(n)])
	}
	kernel.AddGram(s.hz, s.z, side, side, lanes(n), subBlock, part.gram, true)
	for c := range p.sparse {
		s.group(s.slot[c*subBlock : c*subBlock+n])
		for l, k := range s.level {
			rows, row := s.order[s.start[l]:s.start[l+1]], part.cross[(int(k)-p.nDense)*q:][:q]
			sum := 0.0
			for _, i := range rows {
				sum += h[i]
			}
			row[k] += sum
			row[p.p] += sum
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
}

// group lists a sparse column's rows level by level: level has the levels that occur, in the order of their first row, and the rows
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
