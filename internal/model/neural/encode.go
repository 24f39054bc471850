package neural

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/net"
	"kequn/internal/table"
)

// encoder turns rows into the network's inputs: first the slots of blocks, then the vectors of embedded categories.
type encoder struct {
	cols   []model.Column
	blocks []block // one per column
	nSlots int     // of the blocks that are not embedded
	notes  []string
}

// block is how one column enters. A value becomes a cell: one of the block's patterns, and for numbers how far it lies in
// its piece.
//
// A number cut into three pieces and with missing values has 4 slots and, before centring and scaling, the patterns
//
//	piece 0    f 0 0 · 0      f is the share of the piece that lies below the value
//	piece 1    1 f 0 · 0
//	piece 2    1 1 f · 0
//	missing    m m m · 1      m the mean over the known values
type block struct {
	at, width int // slots; for embedded ones the first column in the network's input, and the vector's length

	number   bool
	knots    []float64 // numbers: values …
	places   []float64 // … and their places among all values, from 0 to 1; between them lines
	edges    []float64 // borders of the pieces, as places
	slope    float32   // what f is multiplied by in its slot
	patterns []float32 // (patterns, width)

	levels   []int32 // categories: pattern, or row of the embedding, by level
	embedded bool
	none     int32     // pattern or row of missing and unseen values
	rows     int       // of the embedding
	shares   []float32 // of the training weight that each row of the embedding has
}

const (
	fineKnots = 256 // places are told apart to 1/256 of the rows, finer than any choice of Bins
	fewLevels = 8   // categories of so many levels have a slot for each
	// leastVariance limits how far a rare value is scaled up: a 0/1 column of 1 % ones would get the value 10.
	leastVariance = 0.05
)

// width is the number of columns of the network's input.
func (e *encoder) width() int {
	w := e.nSlots
	for i := range e.blocks {
		if e.blocks[i].embedded {
			w += e.blocks[i].width
		}
	}
	return w
}

func newEncoder(l Learner, d *data) *encoder {
	e := &encoder{}
	made := make([]*block, len(d.cols))
	notes := make([]string, len(d.cols))
	kernel.Parallel(len(d.cols), l.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			if d.cols[j].Kind == table.Category {
				made[j], notes[j] = categoryBlock(l, d, j)
			} else {
				made[j] = numberBlock(l, d, j)
			}
		}
	})
	for j, b := range made {
		if notes[j] != "" {
			e.notes = append(e.notes, d.cols[j].Name+": "+notes[j])
		}
		if b == nil {
			e.notes = append(e.notes, d.cols[j].Name+": constant, not used")
			continue
		}
		if !b.embedded {
			b.at = e.nSlots
			e.nSlots += b.width
		}
		e.cols, e.blocks = append(e.cols, d.cols[j]), append(e.blocks, *b)
	}
	at := e.nSlots
	for i := range e.blocks {
		if e.blocks[i].embedded {
			e.blocks[i].at = at
			at += e.blocks[i].width
		}
	}
	return e
}

// numberBlock returns nil where the column has one value and none is missing.
func numberBlock(l Learner, d *data, j int) *block {
	v := finite(d.x.Columns[j].Num)
	b := &block{number: true}
	known, missing := 0.0, 0.0
	for i, x := range v {
		if x != x {
			missing += d.weight(i)
		} else {
			known += d.weight(i)
		}
	}
	b.knots, b.places = places(v, d.w)
	if len(b.knots) > 1 {
		b.edges = b.pieces(l.Bins, v, d.w)
	}
	nPieces := max(0, len(b.edges)-1)
	b.width = nPieces
	if missing > 0 {
		b.width++
	}
	if b.width == 0 {
		return nil
	}
	// Mean and variance of every slot over the known values.
	mean, square := make([]float64, b.width), make([]float64, b.width)
	if nPieces > 0 {
		raw := make([]float64, nPieces)
		for i, x := range v {
			if x != x {
				continue
			}
			piece, f := b.piece(x)
			w := d.weight(i) / known
			for s := range raw {
				switch {
				case s < piece:
					raw[s] = 1
				case s == piece:
					raw[s] = f
				default:
					raw[s] = 0
				}
				mean[s] += w * raw[s]
				square[s] += w * raw[s] * raw[s]
			}
		}
	}
	variance := 0.0
	for s := range nPieces {
		variance += square[s] - mean[s]*mean[s]
	}
	scale := 1 / math.Sqrt(max(variance, leastVariance))
	b.slope = float32(scale)
	none := missing / (known + missing)
	noneScale := 1 / math.Sqrt(max(none*(1-none), leastVariance))
	b.patterns = make([]float32, (nPieces+1)*b.width)
	for k := range nPieces {
		for s := range nPieces {
			x := 0.0
			if s < k {
				x = 1
			}
			b.patterns[k*b.width+s] = float32((x - mean[s]) * scale)
		}
		if missing > 0 {
			b.patterns[k*b.width+nPieces] = float32(-none * noneScale)
		}
	}
	if nPieces == 0 { // one known value: a pattern for it and one for missing
		b.patterns = []float32{float32(-none * noneScale), 0}
		nPieces = 1
	}
	b.none = int32(nPieces)
	if missing > 0 {
		b.patterns[len(b.patterns)-1] = float32((1 - none) * noneScale)
	}
	return b
}

// finite returns the values with infinite ones as the largest and smallest finite numbers.
func finite(v []float64) []float64 {
	for i, x := range v {
		if math.IsInf(x, 0) {
			v = slices.Clone(v)
			for k := i; k < len(v); k++ {
				v[k] = max(-math.MaxFloat64, min(math.MaxFloat64, v[k]))
			}
			break
		}
	}
	return v
}

// places returns values and the share of the weight below each plus half of that at it, between the smallest value (0) and
// the largest (1). Of many different values, fineKnots quantiles are taken.
func places(v, w []float64) (knots, at []float64) {
	type pair struct{ x, w float64 }
	var known []pair
	for i, x := range v {
		if x == x {
			weight := 1.0
			if w != nil {
				weight = w[i]
			}
			known = append(known, pair{x + 0, weight})
		}
	}
	slices.SortFunc(known, func(a, b pair) int {
		switch {
		case a.x < b.x:
			return -1
		case a.x > b.x:
			return 1
		case a.w < b.w:
			return -1
		case a.w > b.w:
			return 1
		}
		return 0
	})
	total := 0.0
	for _, p := range known {
		total += p.w
	}
	below, last := 0.0, math.Inf(-1)
	for k := 0; k < len(known); {
		x, here := known[k].x, 0.0
		for ; k < len(known) && known[k].x == x; k++ {
			here += known[k].w
		}
		mid := (below + here/2) / total
		below += here
		// A value is a knot if it is the first, the last, holds much weight, or lies far enough from the last knot.
		if len(knots) == 0 || k == len(known) || mid-last >= 1./fineKnots {
			knots, at = append(knots, x), append(at, mid)
			last = mid
		}
	}
	if n := len(at); n > 1 {
		lo, hi := at[0], at[n-1]
		for i := range at {
			at[i] = (at[i] - lo) / (hi - lo)
		}
		at[0], at[n-1] = 0, 1
	}
	return knots, at
}

// place returns where x lies among the training values, from 0 to 1. x is not NaN.
func (b *block) place(x float64) float64 {
	n := len(b.knots)
	if !(x > b.knots[0]) {
		return 0
	}
	if x >= b.knots[n-1] {
		return 1
	}
	k := sort.SearchFloat64s(b.knots, x) // knots[k−1] < x ≤ knots[k]
	lo, hi := b.knots[k-1], b.knots[k]
	f := (x/2 - lo/2) / (hi/2 - lo/2) // halves, for huge values
	return b.places[k-1] + f*(b.places[k]-b.places[k-1])
}

// pieces returns the borders of up to n pieces of equal weight.
func (b *block) pieces(n int, v, w []float64) []float64 {
	u := make([]float64, len(v))
	for i, x := range v {
		u[i] = x
		if x == x {
			u[i] = b.place(x)
		}
	}
	if len(b.places) <= n+1 {
		return b.places
	}
	q := make([]float64, n+1)
	for k := range q {
		q[k] = float64(k) / float64(n)
	}
	return slices.Compact(kernel.WeightedQuantiles(u, w, q))
}

// piece returns the piece that x lies in and the share of it below x.
func (b *block) piece(x float64) (int, float64) {
	u := b.place(x)
	k := min(sort.SearchFloat64s(b.edges, u), len(b.edges)-1) // edges[k−1] < u ≤ edges[k]
	if k == 0 {
		return 0, 0
	}
	lo, hi := b.edges[k-1], b.edges[k]
	return k - 1, min(1, (u-lo)/(hi-lo))
}

// categoryBlock returns nil where all rows are alike.
func categoryBlock(l Learner, d *data, j int) (*block, string) {
	c := d.x.Columns[j]
	weight, missing, total := make([]float64, len(d.cols[j].Levels)), 0.0, 0.0
	for i, k := range c.Code {
		w := d.weight(i)
		total += w
		if k < 0 {
			missing += w
		} else {
			weight[k] += w
		}
	}
	b := &block{levels: make([]int32, len(weight)), none: -1}
	var share []float64
	rare := 0.0
	kept := 0
	for _, k := range kernel.ArgsortDesc(weight) {
		if kept < l.MaxLevels && weight[k] >= float64(l.MinCount) {
			b.levels[k] = int32(kept)
			share = append(share, weight[k]/total)
			kept++
		} else {
			b.levels[k] = -1
			rare += weight[k]
		}
	}
	note := ""
	if kept < len(weight) {
		note = fmt.Sprintf("%d of %d values are rare, taken as one", len(weight)-kept, len(weight))
		for k := range b.levels {
			if b.levels[k] < 0 {
				b.levels[k] = int32(kept)
			}
		}
		share = append(share, rare/total)
		b.none = int32(kept) // what is unseen is rare
	}
	if missing > 0 {
		b.none = int32(len(share))
		share = append(share, missing/total)
	}
	n := len(share)
	if n < 2 {
		return nil, note
	}
	if n > fewLevels {
		b.embedded = true
		b.rows, b.width = n, min(8, n)
		for _, s := range share {
			b.shares = append(b.shares, float32(s))
		}
		if b.none < 0 { // a row of its own, which becomes the average of the others
			b.none = int32(n)
			b.shares = append(b.shares, 0)
			b.rows++
		}
		return b, note
	}
	b.width = n
	variance := 0.0
	for _, s := range share {
		variance += s * (1 - s)
	}
	scale := 1 / math.Sqrt(max(variance, leastVariance))
	for k := range n {
		for s := range n {
			x := -share[s]
			if s == k {
				x++
			}
			b.patterns = append(b.patterns, float32(x*scale))
		}
	}
	if b.none < 0 {
		b.none = int32(n)
		b.patterns = append(b.patterns, make([]float32, n)...) // the average
	}
	return b, note
}

// cells is encoded rows in little room: (n, columns) patterns and shares of pieces.
type cells struct {
	n, nCols int
	pattern  []uint16
	share    []float32
}

// cells encodes rows of the encoder's columns by name.
func (e *encoder) cells(x *table.Table, threads int) *cells {
	n := x.NRows()
	c := &cells{n: n, nCols: len(e.blocks), pattern: make([]uint16, n*len(e.blocks)), share: make([]float32, n*len(e.blocks))}
	cols := make([]*table.Column, len(e.cols))
	for j, col := range e.cols {
		cols[j] = x.Column(col.Name)
	}
	kernel.Parallel(n, threads, 0, func(lo, hi int) {
		for j := range e.blocks {
			b := &e.blocks[j]
			if !b.number {
				for i, k := range cols[j].Code[lo:hi] {
					p := b.none
					if k >= 0 {
						p = b.levels[k]
					}
					c.pattern[(lo+i)*c.nCols+j] = uint16(p)
				}
				continue
			}
			for i, v := range cols[j].Num[lo:hi] {
				at := (lo+i)*c.nCols + j
				switch {
				case v != v:
					c.pattern[at] = uint16(b.none)
				case len(b.edges) > 1:
					k, f := b.piece(v)
					c.pattern[at], c.share[at] = uint16(k), float32(f)
				}
			}
		}
	})
	return c
}

// write fills the first nSlots columns of x with the rows' patterns.
func (e *encoder) write(c *cells, rows []int32, x net.Matrix) {
	for i, r := range rows {
		to := x.Data[i*x.Cols : (i+1)*x.Cols]
		pattern, share := c.pattern[int(r)*c.nCols:][:c.nCols], c.share[int(r)*c.nCols:][:c.nCols]
		for j := range e.blocks {
			b := &e.blocks[j]
			if b.embedded {
				continue
			}
			k := int(pattern[j])
			copy(to[b.at:b.at+b.width], b.patterns[k*b.width:])
			if b.number && k < len(b.edges)-1 {
				to[b.at+k] += share[j] * b.slope
			}
		}
	}
}

// codes fills the rows' codes of an embedded column.
func (c *cells) codes(j int, rows []int32, to []int32) {
	for i, r := range rows {
		to[i] = int32(c.pattern[int(r)*c.nCols+j])
	}
}
