package neural

import (
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/net"
	"kequn/internal/table"
)

// nNodes leaves a gap of a millionth with GELU, tanh or sigmoid, and of half a percent with ReLU, whose edges a quadrature cannot see.
const nNodes = 8

// nodes and weights of Gauss-Legendre quadrature on [0, 1].
var nodes, nodeWeights = legendre(nNodes)

// attributeRows is how many rows are explained at once: with their nodes they fill one chunk.
const attributeRows = chunk / nNodes

// Attribute implements [model.Attributor] by integrated gradients: the contribution of an input of the network is
//
//	(z − z̄)·∫₀¹ ∂margin/∂z at z̄ + t·(z − z̄) dt
//
// with z̄ the mean of the encoded training rows, and that of a column is the sum over its inputs. The integral is taken at 8
// Gauss-Legendre nodes: smooth networks leave a gap of about 1e-6 of margin − base, float32's rounding, those of ReLU one of half a percent (shared tables,
// mean over rows). The gap is spread over the columns in proportion to the size of their contributions, so that they add up.
//
// Time is 8 passes forward and backward per row and member.
//
// Reference: Sundararajan, Taly, Yan, Axiomatic Attribution for Deep Networks, 2017.
func (m *Model) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	if class < 0 || class >= m.nOut {
		return 0, nil, kequn.Errorf(kequn.KindUsage, "", "class %d of %d", class, m.nOut)
	}
	in, err := m.matcher.Match(x)
	if err != nil {
		return 0, nil, err
	}
	n, cols := x.NRows(), len(m.encoder.cols)
	phi = make([]float64, n*cols)
	if len(m.members) == 0 {
		return m.mean + m.scale*m.base[class], phi, nil
	}
	kernel.Parallel(n, 0, 4*attributeRows, func(lo, hi int) {
		c := m.encoder.cells(in.Slice(lo, hi), 1)
		b := m.contributions(c, class, phi[lo*cols:hi*cols])
		if lo == 0 {
			base = b
		}
	})
	if n == 0 {
		base = m.contributions(m.encoder.cells(in, 1), class, phi)
	}
	return base, phi, nil
}

// contributions writes (n, columns) contributions of the cells' rows and returns their common base.
func (m *Model) contributions(c *cells, class int, phi []float64) float64 {
	e := m.encoder
	width, cols := e.width(), len(e.blocks)
	mine := make([]*member, len(m.members))
	centre := make([]float32, len(mine)*width) // of each member: 0 where slots are
	for k := range mine {
		mine[k] = m.members[k].share()
		mine[k].layers.Layers[0].(*net.Dense).GradFrom = 0
		for j := range e.blocks {
			if b := &e.blocks[j]; b.embedded {
				copy(centre[k*width+b.at:], mine[k].centre(e, j))
			}
		}
	}
	base := 0.0
	for k, b := range mine {
		base += float64(b.layers.Forward(net.Pass{}, net.Matrix{Rows: 1, Cols: width, Data: centre[k*width : (k+1)*width]}).Data[class])
	}
	base /= float64(len(mine))

	margins := make([]float64, c.n*m.nOut)
	m.pass(c, margins)
	z, path, grad := make([]float32, attributeRows*width), make([]float32, chunk*width), make([]float32, chunk*m.nOut)
	rows, codes := make([]int32, attributeRows), make([]int32, attributeRows)
	slopes := make([]float64, width)
	for lo := 0; lo < c.n; lo += attributeRows {
		n := min(attributeRows, c.n-lo)
		for i := range n {
			rows[i] = int32(lo + i)
		}
		x := net.Matrix{Rows: n, Cols: width, Data: z[:n*width]}
		e.write(c, rows[:n], x)
		for k, b := range mine {
			for j, t := range b.embeddings {
				if t != nil {
					c.codes(j, rows[:n], codes[:n])
					t.Forward(codes[:n], x, e.blocks[j].at)
				}
			}
			from := centre[k*width : (k+1)*width]
			along := net.Matrix{Rows: n * len(nodes), Cols: width, Data: path[:n*len(nodes)*width]}
			for i := range n {
				for q, t := range nodes {
					to := along.Row(i*len(nodes) + q)
					for s, v := range x.Row(i) {
						to[s] = from[s] + float32(t)*(v-from[s])
					}
				}
			}
			b.layers.Forward(net.Pass{}, along)
			dy := net.Matrix{Rows: along.Rows, Cols: m.nOut, Data: grad[:along.Rows*m.nOut]}
			clear(dy.Data)
			for i := range along.Rows {
				dy.Data[i*m.nOut+class] = 1
			}
			dx := b.layers.Backward(dy)
			for i := range n {
				clear(slopes)
				for q, w := range nodeWeights {
					for s, g := range dx.Row(i*len(nodes) + q) {
						slopes[s] += w * float64(g)
					}
				}
				to, row := phi[(lo+i)*cols:][:cols], x.Row(i)
				for j := range e.blocks {
					b := &e.blocks[j]
					for s := b.at; s < b.at+b.width; s++ {
						to[j] += slopes[s] * float64(row[s]-from[s])
					}
				}
			}
		}
		for i := range n {
			to := phi[(lo+i)*cols:][:cols]
			kernel.Scale(1/float64(len(mine)), to)
			complete(to, margins[(lo+i)*m.nOut+class]-base)
			kernel.Scale(m.scale, to)
		}
	}
	return m.mean + m.scale*base
}

// complete changes contributions in proportion to their size, so that they add up to the total.
func complete(phi []float64, total float64) {
	gap, size := total, 0.0
	for _, v := range phi {
		gap -= v
		size += math.Abs(v)
	}
	for j, v := range phi {
		if size > 0 {
			phi[j] += gap * math.Abs(v) / size
		} else {
			phi[j] = total / float64(len(phi))
		}
	}
}

// Importance implements [model.Importancer]: the weighted mean size of a column's contributions over a sample of the training
// rows, summed over classes.
func (m *Model) Importance() []float64 { return append([]float64(nil), m.weight...) }

// importanceRows is how many training rows importances are taken from. Rows lie in order of their hash: the first are a sample.
const importanceRows = 256

func (m *Model) importance(c *cells, w []float32, threads int) {
	n, cols := min(c.n, importanceRows), c.nCols
	m.weight = make([]float64, cols)
	phi := make([]float64, n*cols)
	for class := range m.nOut {
		clear(phi)
		kernel.Parallel(n, threads, 4*attributeRows, func(lo, hi int) {
			part := &cells{n: hi - lo, nCols: cols, pattern: c.pattern[lo*cols : hi*cols], share: c.share[lo*cols : hi*cols]}
			m.contributions(part, class, phi[lo*cols:hi*cols])
		})
		for i, v := range phi {
			size := math.Abs(v)
			if w != nil {
				size *= float64(w[i/cols])
			}
			m.weight[i%cols] += size
		}
	}
	if sum := kernel.Sum(m.weight); sum > 0 {
		kernel.Scale(1/sum, m.weight)
	} else {
		clear(m.weight)
	}
}

// legendre returns nodes and weights of Gauss-Legendre quadrature with n points on [0, 1].
func legendre(n int) (at, weight []float64) {
	at, weight = make([]float64, n), make([]float64, n)
	for i := range n {
		x := math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5))
		slope := 0.0
		for range 100 {
			p, q := 1.0, 0.0 // Legendre polynomials of degree k and k−1 at x
			for k := range n {
				p, q = (float64(2*k+1)*x*p-float64(k)*q)/float64(k+1), p
			}
			slope = float64(n) * (x*p - q) / (x*x - 1)
			step := p / slope
			x -= step
			if math.Abs(step) < 1e-15 {
				break
			}
		}
		at[i], weight[i] = (1-x)/2, 1/((1-x*x)*slope*slope)
	}
	return at, weight
}
