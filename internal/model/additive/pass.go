package additive

// grainRows is how many rows are looked at at once: their gradients stay in the nearest cache.
const grainRows = 512

// blockRoom is room for the cells of a block.
const blockRoom = lanes * max(columnCells, pairCells)

// counter adds up gradients per cell of a block's terms. It is scratch memory of one goroutine.
type counter struct {
	gh   [][]int64 // of grainRows rows, per output
	hist [][]int64 // of at most pourRows rows: per output lanes·cells
	g, h [][]int64 // of all rows

	pourRows int
}

func newCounter(outputs, pourRows int) *counter {
	c := &counter{pourRows: pourRows}
	for range outputs {
		c.gh = append(c.gh, make([]int64, grainRows))
		c.hist = append(c.hist, make([]int64, blockRoom))
		c.g = append(c.g, make([]int64, blockRoom))
		c.h = append(c.h, make([]int64, blockRoom))
	}
	return c
}

// clear forgets the sums of a block.
func (c *counter) clear(s *stage, b *block) {
	n := (b.to - b.from) * s.cells
	for k := range c.g {
		clear(c.g[k][:n])
		clear(c.h[k][:n])
	}
}

// count brings in the updates of block prev (nil: none) to rows [lo, hi) and adds their gradients to the cells of block next.
func (c *counter) count(o objective, s *stage, prev *block, up [][]float32, next *block, score [][]float32, lo, hi int) {
	for from := lo; from < hi; from += c.pourRows {
		to := min(from+c.pourRows, hi)
		for a := from; a < to; a += grainRows {
			z := min(a+grainRows, to)
			if prev != nil {
				s.update(prev, up, score, a, z)
			}
			o.gradient(a, z, score, c.gh)
			for k, hist := range c.hist {
				if s.cells == columnCells {
					countColumns(next.words[0][a:z], c.gh[k], (*[lanes * columnCells]int64)(hist))
					continue
				}
				for i, words := range next.words {
					countPairs(words[a:z], c.gh[k], (*[pairLanes * pairCells]int64)(hist[i*pairLanes*pairCells:]))
				}
			}
		}
		c.pour(o, s, next)
	}
}

// pour empties the packed sums into the wide ones.
func (c *counter) pour(o objective, s *stage, b *block) {
	for k := range c.hist {
		for t := b.from; t < b.to; t++ {
			at := (t - b.from) * s.cells
			hist, g, h := c.hist[k][at:at+s.terms[t].cells], c.g[k][at:], c.h[k][at:]
			for i, v := range hist {
				dg, dh := o.split(v)
				g[i] += dg
				h[i] += dh
			}
		}
		clear(c.hist[k][:lanes*s.cells])
	}
}

// update adds a block's updates to the scores of rows [lo, hi).
func (s *stage) update(b *block, up [][]float32, score [][]float32, lo, hi int) {
	for k := range score {
		if s.cells == columnCells {
			updateColumns(b.words[0][lo:hi], (*[lanes * columnCells]float32)(up[k]), score[k][lo:hi])
			continue
		}
		for i, words := range b.words {
			updatePairs(words[lo:hi], (*[pairLanes * pairCells]float32)(up[k][i*pairLanes*pairCells:]), score[k][lo:hi])
		}
	}
}

func updateColumns(words []uint64, up *[8 * 256]float32, score []float32) {
	score = score[:len(words)]
	for i, w := range words {
		score[i] += (up[uint8(w)] + up[256+int(uint8(w>>8))]) + (up[512+int(uint8(w>>16))] + up[768+int(uint8(w>>24))]) +
			((up[1024+int(uint8(w>>32))] + up[1280+int(uint8(w>>40))]) + (up[1536+int(uint8(w>>48))] + up[1792+int(uint8(w>>56))]))
	}
}

func countColumns(words []uint64, gh []int64, hist *[8 * 256]int64) {
	gh = gh[:len(words)]
	for i, w := range words {
		v := gh[i]
		hist[uint8(w)] += v
		hist[256+int(uint8(w>>8))] += v
		hist[512+int(uint8(w>>16))] += v
		hist[768+int(uint8(w>>24))] += v
		hist[1024+int(uint8(w>>32))] += v
		hist[1280+int(uint8(w>>40))] += v
		hist[1536+int(uint8(w>>48))] += v
		hist[1792+int(uint8(w>>56))] += v
	}
}

func updatePairs(words []uint64, up *[4 * 1024]float32, score []float32) {
	score = score[:len(words)]
	for i, w := range words {
		score[i] += (up[w&1023] + up[1024+(w>>16&1023)]) + (up[2048+(w>>32&1023)] + up[3072+(w>>48&1023)])
	}
}

func countPairs(words []uint64, gh []int64, hist *[4 * 1024]int64) {
	gh = gh[:len(words)]
	for i, w := range words {
		v := gh[i]
		hist[w&1023] += v
		hist[1024+(w>>16&1023)] += v
		hist[2048+(w>>32&1023)] += v
		hist[3072+(w>>48&1023)] += v
	}
}

// add adds the sums of another counter.
func (c *counter) add(o *counter, s *stage, b *block) {
	n := (b.to - b.from) * s.cells
	for k := range c.g {
		for i, v := range o.g[k][:n] {
			c.g[k][i] += v
		}
		for i, v := range o.h[k][:n] {
			c.h[k][i] += v
		}
	}
}
