package treekit

import (
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Bins is a table as small numbers.
type Bins struct {
	NRows, NCols int
	Cuts         []Cut
	Cols         [][]uint8 // Cols[c][row]
	Groups       []Group   // the same, row by row; empty unless asked for
}

// Group is a run of at most 32 columns, stored row by row. A row takes Stride bytes, a multiple of 8, so that it can be
// copied in words; what is left over is 0.
//
//	Rows  [ c₀ c₁ c₂ … pad | c₀ c₁ c₂ … pad | … ]
//	        row 0            row 1
type Group struct {
	First, N int // columns First … First+N−1
	Stride   int
	Rows     []uint8
}

// maxGroup is how many columns a group holds at most: the histograms of a group must fit into the cache beside its rows.
const maxGroup = 32

// Options say how [Bin] works. The zero value means 255 bins, all processors, no row-major copy.
type Options struct {
	MaxBins  int
	Threads  int
	RowMajor bool
}

// Bin cuts every column of x, which must be of kind Number or Category (as model.Inputs gives them), and returns its rows
// in bins. w has a weight per row or is nil for all ones: borders are weighted quantiles, so that weight 2 is the row
// twice, and weight 0 no row at all when borders are chosen (it still gets its bins).
//
// The result does not depend on the order of rows or the number of threads. Time is O(n) per column; memory is 1 byte per
// value, twice with the row-major copy, and 16 bytes per row and thread (40 with weights) while columns are sorted.
func Bin(x *table.Table, w []float64, o Options) *Bins { return BinWith(x, Cuts(x, w, o), o) }

// Cuts returns how [Bin] would cut the columns of x.
func Cuts(x *table.Table, w []float64, o Options) []Cut {
	if o.MaxBins <= 0 || o.MaxBins > MaxBins {
		o.MaxBins = MaxBins
	}
	ww := newWeights(x.NRows(), w)
	cuts := make([]Cut, len(x.Columns))
	kernel.Parallel(len(cuts), o.Threads, 1, func(lo, hi int) {
		for c := lo; c < hi; c++ {
			if col := x.Columns[c]; col.Kind == table.Category {
				cuts[c] = cutLevels(col, ww, o.MaxBins)
			} else {
				cuts[c] = cutNumbers(col.Num, ww, o.MaxBins)
			}
		}
	})
	return cuts
}

// BinWith returns the rows of x in bins of given cuts.
func BinWith(x *table.Table, cuts []Cut, o Options) *Bins {
	b := &Bins{NRows: x.NRows(), NCols: len(cuts), Cuts: cuts, Cols: make([][]uint8, len(cuts))}
	for c := range b.Cols {
		b.Cols[c] = make([]uint8, b.NRows)
	}
	if o.RowMajor {
		b.Groups = layGroups(b.NRows, b.NCols)
	}
	kernel.Parallel(b.NRows, o.Threads, 4096, func(lo, hi int) {
		for c, cut := range cuts {
			binColumn(b.Cols[c][lo:hi], x.Columns[c].Slice(lo, hi), &cut)
		}
		for g := range b.Groups {
			b.Groups[g].fill(b.Cols, lo, hi)
		}
	})
	return b
}

func binColumn(dst []uint8, c *table.Column, cut *Cut) {
	if cut.IsCategory() {
		for i, code := range c.Code {
			dst[i] = cut.BinLevel(code)
		}
		return
	}
	// The borders, padded to 256, are searched in eight steps without a branch to guess wrong.
	var upper [256]float64
	n := copy(upper[:], cut.Upper)
	for i := n; i < len(upper); i++ {
		upper[i] = inf
	}
	missing := cut.MissingBin()
	steps := 1
	for steps <= n {
		steps <<= 1
	}
	for i, x := range c.Num {
		lo := 0
		for half := steps >> 1; half > 0; half >>= 1 {
			if upper[uint8(lo+half-1)] < x {
				lo += half
			}
		}
		bin := uint8(lo)
		if x != x {
			bin = missing
		}
		dst[i] = bin
	}
}

func layGroups(nRows, nCols int) []Group {
	nGroups := (nCols + maxGroup - 1) / maxGroup
	groups := make([]Group, nGroups)
	for g := range groups {
		first, end := nCols*g/nGroups, nCols*(g+1)/nGroups
		stride := (end - first + 7) &^ 7
		groups[g] = Group{First: first, N: end - first, Stride: stride, Rows: make([]uint8, nRows*stride)}
	}
	return groups
}

func (g *Group) fill(cols [][]uint8, lo, hi int) {
	for c := range g.N {
		at := lo*g.Stride + c
		for _, b := range cols[g.First+c][lo:hi] {
			g.Rows[at] = b
			at += g.Stride
		}
	}
}
