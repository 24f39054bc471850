package svm

import "kequn/internal/kernel"

// gram is the matrix K of exp(−γ‖zᵢ−zⱼ‖²) over points, by rows, in float32 as libsvm's cache is. A matrix of up to
// cacheBytes is made whole; of a larger one rows are made when they are asked for, in fours, and the least recently used are
// forgotten.
type gram struct {
	p     *points
	gamma float64
	whole []float32 // (n, n), or nil

	block [][]float32 // rows 4b … 4b+3 of the matrix, nil where not in memory
	used  []int64     // when a block was last asked for
	clock int64
	held  int // blocks in memory
	most  int
	sums  []float64
}

// cacheBytes bounds the memory of one kernel matrix: all of 8,192 rows.
const cacheBytes = 256 << 20

// tile is the side of the squares that the whole matrix is made in.
const tile = 64

func newGram(p *points, gamma float64, threads int) *gram {
	g := &gram{p: p, gamma: gamma}
	if 4*p.n*p.n > cacheBytes {
		g.setLazy(max(2, cacheBytes/(4*kernel.GramSide*p.n)))
		return g
	}
	n := p.n
	g.whole = make([]float32, n*n)
	// One task is a band of the lower triangle; the longest go first, so that none is left over at the end.
	bands := kernel.NBlocks(n, tile)
	kernel.Parallel(bands, threads, 1, func(b, _ int) {
		b = bands - 1 - b
		from, to := b*tile, min(n, (b+1)*tile)
		product, row := make([]float64, tile*tile), make([]float32, tile)
		for c := 0; c <= b; c++ {
			left := c * tile
			wide := up(min(n, left+tile)-left, kernel.GramSide)
			clear(product)
			kernel.AddGram(p.z[from*p.stride:], p.z[left*p.stride:], up(to-from, kernel.GramSide), wide, p.stride, p.stride, product, false)
			right := min(n, left+wide)
			for i := from; i < to; i++ {
				out := row[:right-left]
				exponents(g.gamma, p.norm[i], p.norm[left:right], product[(i-from)*wide:], out)
				kernel.Exp32(out, out)
				copy(g.whole[i*n+left:i*n+right], out)
				if c < b {
					for j, v := range out {
						g.whole[(left+j)*n+i] = v
					}
				}
			}
		}
	})
	return g
}

func (g *gram) setLazy(most int) {
	blocks := kernel.NBlocks(g.p.n, kernel.GramSide)
	g.block, g.used, g.most = make([][]float32, blocks), make([]int64, blocks), most
	g.sums = make([]float64, kernel.GramSide*up(g.p.n, kernel.GramSide))
}

// exponents sets out[j] = −γ·(a + norm[j] − 2·product[j]).
func exponents(gamma, a float64, norm, product []float64, out []float32) {
	product, norm = product[:len(out)], norm[:len(out)]
	for j := range out {
		out[j] = float32(-gamma * max(0, a+norm[j]-2*product[j]))
	}
}

// row returns row i. It stays valid while one other row is asked for.
func (g *gram) row(i int) []float32 {
	n := g.p.n
	if g.whole != nil {
		return g.whole[i*n : (i+1)*n]
	}
	b := i / kernel.GramSide
	g.clock++
	g.used[b] = g.clock
	if g.block[b] == nil {
		g.block[b] = g.room()
		g.make(b)
		g.held++
	}
	at := i % kernel.GramSide * n
	return g.block[b][at : at+n]
}

// room returns memory for a block, that of the least recently used one where there is no more.
func (g *gram) room() []float32 {
	if g.held < g.most {
		return make([]float32, kernel.GramSide*g.p.n)
	}
	oldest := -1
	for b, rows := range g.block {
		if rows != nil && (oldest < 0 || g.used[b] < g.used[oldest]) {
			oldest = b
		}
	}
	rows := g.block[oldest]
	g.block[oldest] = nil
	g.held--
	return rows
}

func (g *gram) make(b int) {
	p, n, wide := g.p, g.p.n, up(g.p.n, kernel.GramSide)
	clear(g.sums)
	from := b * kernel.GramSide
	kernel.AddGram(p.z[from*p.stride:], p.z, kernel.GramSide, wide, p.stride, p.stride, g.sums, false)
	for i := range min(kernel.GramSide, n-from) {
		out := g.block[b][i*n : (i+1)*n]
		exponents(g.gamma, p.norm[from+i], p.norm, g.sums[i*wide:], out)
		kernel.Exp32(out, out)
	}
}
