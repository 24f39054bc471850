package kernel

import "math"

// TileRows is the number of rows of a tile.
const TileRows = 32

// Tiles is a table of float32 in tiles of 32 rows. Within a tile the values lie column by column, so that one vector
// instruction works on 16 rows of one column:
//
//	tile 0: column 0 of rows 0…31, column 1 of rows 0…31, …   tile 1: column 0 of rows 32…63, …
//
// The last tile is filled up with rows of zeros.
type Tiles struct {
	NRows, NCols int
	data         []float32
}

// NewTiles copies x, which is (nRows, nCols) row-major, into tiles, on up to threads goroutines.
func NewTiles(x []float32, nCols, threads int) *Tiles {
	if nCols < 1 || len(x)%nCols != 0 {
		panic(errLength)
	}
	n := len(x) / nCols
	t := &Tiles{NRows: n, NCols: nCols, data: make([]float32, NBlocks(n, TileRows)*TileRows*nCols)}
	Parallel(n, threads, 64*TileRows, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			to := t.data[t.at(i):]
			for j, v := range x[i*nCols : (i+1)*nCols] {
				to[j*TileRows] = v
			}
		}
	})
	return t
}

// at returns where column 0 of row i lies; column j lies j·TileRows further on.
func (t *Tiles) at(i int) int { return i/TileRows*TileRows*t.NCols + i%TileRows }

// Row copies row i into dst and returns it.
func (t *Tiles) Row(i int, dst []float32) []float32 {
	dst = dst[:t.NCols]
	from := t.data[t.at(i):]
	for j := range dst {
		dst[j] = from[j*TileRows]
	}
	return dst
}

// AddRow adds sign·row i to sum.
func (t *Tiles) AddRow(i int, sign float64, sum []float64) {
	from := t.data[t.at(i):]
	for j := range sum[:t.NCols] {
		sum[j] += sign * float64(from[j*TileRows])
	}
}

// Distance2 returns the squared distance of row i to c, summed in float64.
func (t *Tiles) Distance2(i int, c []float32) float64 {
	from := t.data[t.at(i):]
	s := 0.0
	for j, v := range c[:t.NCols] {
		d := float64(from[j*TileRows]) - float64(v)
		s += d * d
	}
	return s
}

// Points are the centres that [Tiles.Nearest] looks among, laid out for it in groups of four.
type Points struct {
	N, NCols int
	coord    []float32 // (groups, NCols, 4)
	half     []float32 // (groups, 4): ‖c‖²/2, infinite for the points that fill up the last group
}

const pointGroup = 4

// NewPoints lays out c, which is (n, nCols) row-major.
func NewPoints(c []float32, nCols int) *Points {
	p := &Points{}
	p.Set(c, nCols)
	return p
}

// Set lays out other points, in the same memory where it suffices.
func (p *Points) Set(c []float32, nCols int) {
	if nCols < 1 || len(c)%nCols != 0 {
		panic(errLength)
	}
	p.N, p.NCols = len(c)/nCols, nCols
	groups := NBlocks(p.N, pointGroup)
	if len(p.coord) != groups*nCols*pointGroup || len(p.half) != groups*pointGroup {
		p.coord, p.half = make([]float32, groups*nCols*pointGroup), make([]float32, groups*pointGroup)
	}
	for k := range groups * pointGroup {
		g, in := k/pointGroup, k%pointGroup
		if k >= p.N {
			p.half[k] = float32(math.Inf(1))
			continue
		}
		norm := 0.0
		for j, v := range c[k*nCols : (k+1)*nCols] {
			p.coord[(g*nCols+j)*pointGroup+in] = v
			norm += float64(v) * float64(v)
		}
		p.half[k] = float32(norm / 2)
	}
}

// Nearest finds for each row in [lo, hi) the point at the smallest Euclidean distance, the first of equals. label[i−lo] becomes
// its index and best[i−lo] the value ‖c‖²/2 − x·c, from which the squared distance is ‖x‖² + 2·best. lo is a multiple of
// TileRows; label and best are long enough for whole tiles. Everything is finite.
//
// Vector instructions (AVX-512, AVX2 with FMA) are used where the processor has them; best then differs from the
// portable version in its last bits, and a row half-way between two points may go to the other one.
func (t *Tiles) Nearest(lo, hi int, p *Points, label []int32, best []float32) {
	nTiles := NBlocks(hi-lo, TileRows)
	if lo%TileRows != 0 || hi > t.NRows || lo > hi || p.NCols != t.NCols || p.N < 1 || len(label) < nTiles*TileRows || len(best) < nTiles*TileRows {
		panic(errLength)
	}
	// A few tiles at a time, so that they stay in the first-level cache while the groups of points pass by.
	chunk := max(1, 24<<10/(TileRows*4*t.NCols))
	for at := 0; at < nTiles; at += chunk {
		n := min(chunk, nTiles-at)
		x := t.data[(lo/TileRows+at)*TileRows*t.NCols:][:n*TileRows*t.NCols]
		l, b := label[at*TileRows:][:n*TileRows], best[at*TileRows:][:n*TileRows]
		for i := range b {
			b[i] = math.MaxFloat32
			l[i] = 0
		}
		for g := range len(p.half) / pointGroup {
			nearest(n, t.NCols, x, p.coord[g*t.NCols*pointGroup:][:t.NCols*pointGroup], p.half[g*pointGroup:][:pointGroup], int32(g*pointGroup), l, b)
		}
	}
}

// nearestPortable is one group of four points against nTiles tiles, in plain Go.
func nearestPortable(nTiles, nCols int, x, coord, half []float32, base int32, label []int32, best []float32) {
	for t := range nTiles {
		tile := x[t*nCols*TileRows:][:nCols*TileRows]
		b, l := (*[TileRows]float32)(best[t*TileRows:]), (*[TileRows]int32)(label[t*TileRows:])
		for r := range TileRows {
			d0, d1, d2, d3 := half[0], half[1], half[2], half[3]
			c := coord
			for at := r; at < len(tile) && len(c) >= pointGroup; at += TileRows {
				v := tile[at]
				d0 -= v * c[0]
				d1 -= v * c[1]
				d2 -= v * c[2]
				d3 -= v * c[3]
				c = c[pointGroup:]
			}
			if d0 < b[r] {
				b[r], l[r] = d0, base
			}
			if d1 < b[r] {
				b[r], l[r] = d1, base+1
			}
			if d2 < b[r] {
				b[r], l[r] = d2, base+2
			}
			if d3 < b[r] {
				b[r], l[r] = d3, base+3
			}
		}
	}
}
