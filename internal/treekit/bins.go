package treekit

import (
	"math"
	"math/bits"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Bins is a table as small numbers.
type Bins struct {
	NRows, NCols int
	Cuts         []Cut
	Cols         [][]uint8  // Cols[c][row]; nil where the column is wide or packed
	Wide         [][]uint16 // Wide[c][row] of wide columns; nil where it is not
	Packs        []Pack     // columns of few bins that share a byte; empty unless asked for
	Groups       []Group    // the narrow columns and packs again, row by row; empty unless asked for
}

// Group is at most 32 narrow columns or packs, stored row by row. A row takes Stride bytes, a multiple of 8, so that it can be
// copied in words; what is left over is 0.
//
//	Rows  [ c₀ c₁ c₂ … pad | c₀ c₁ c₂ … pad | … ]
//	        row 0            row 1
type Group struct {
	Cols   []int // which columns; ^p is pack p
	Stride int
	Rows   []uint8
}

// maxGroup is how many columns a group holds at most: the histograms of a group must fit into the cache beside its rows.
const maxGroup = 32

// Options say how [Bin] works. The zero value means 255 bins, all processors, no row-major copy, no wide columns.
type Options struct {
	MaxBins   int
	MaxLevels int // the most bins of a category if more than MaxBins: such columns are wide
	Threads   int
	RowMajor  bool
	Pack      bool // columns of few bins share bytes
}

// Bin cuts every column of x, which must be of kind Number or Category (as model.Inputs gives them), and returns its rows
// in bins. w has a weight per row or is nil for all ones: borders are weighted quantiles, so that weight 2 is the row
// twice, and weight 0 no row at all when borders are chosen (it still gets its bins).
//
// The result does not depend on the order of rows or the number of threads. Time is O(n) per column; memory is 1 byte per
// value, twice with the row-major copy, and 16 bytes per row and thread (32 with weights) while columns are sorted.
func Bin(x *table.Table, w []float64, o Options) *Bins { return BinWith(x, Cuts(x, w, o), o) }

// Cuts returns how [Bin] would cut the columns of x.
func Cuts(x *table.Table, w []float64, o Options) []Cut {
	if o.MaxBins <= 0 || o.MaxBins > MaxBins {
		o.MaxBins = MaxBins
	}
	maxLevels := max(o.MaxBins, min(o.MaxLevels, MostLevels))
	ww := newWeights(x.NRows(), w)
	cuts := make([]Cut, len(x.Columns))
	scratch := make([]sortScratch, kernel.Threads(o.Threads))
	kernel.Workers(len(cuts), o.Threads, 1, func(worker, c, _, _ int) {
		if col := x.Columns[c]; col.Kind == table.Category {
			cuts[c] = cutLevels(col, ww, maxLevels)
		} else {
			cuts[c] = cutNumbers(col.Num, ww, o.MaxBins, &scratch[worker])
		}
	})
	return cuts
}

// BinWith returns the rows of x in bins of given cuts.
func BinWith(x *table.Table, cuts []Cut, o Options) *Bins {
	b := &Bins{NRows: x.NRows(), NCols: len(cuts), Cuts: cuts, Cols: make([][]uint8, len(cuts)), Wide: make([][]uint16, len(cuts))}
	packed := make([]bool, len(cuts))
	if o.Pack {
		b.Packs = packsOf(cuts)
		for p := range b.Packs {
			b.Packs[p].Rows = make([]uint8, b.NRows)
			for _, c := range b.Packs[p].Cols {
				packed[c] = true
			}
		}
	}
	var narrow []int
	for c := range cuts {
		switch {
		case packed[c]:
		case cuts[c].IsWide():
			b.Wide[c] = make([]uint16, b.NRows)
		default:
			b.Cols[c] = make([]uint8, b.NRows)
			narrow = append(narrow, c)
		}
	}
	for p := range b.Packs {
		narrow = append(narrow, ^p)
	}
	if o.RowMajor {
		b.Groups = layGroups(b.NRows, narrow)
	}
	kernel.Parallel(b.NRows, o.Threads, 4096, func(lo, hi int) {
		for c := range cuts {
			switch cut := &cuts[c]; {
			case packed[c]:
			case cut.IsWide():
				binLevels(b.Wide[c][lo:hi], x.Columns[c].Code[lo:hi], cut.Wide, uint16(cut.NBins))
			default:
				binColumn(b.Cols[c][lo:hi], x.Columns[c].Slice(lo, hi), cut)
			}
		}
		for p := range b.Packs {
			b.Packs[p].fill(x, cuts, lo, hi)
		}
		for g := range b.Groups {
			b.Groups[g].fill(b, lo, hi)
		}
	})
	return b
}

func binColumn(dst []uint8, col *table.Column, cut *Cut) {
	if cut.IsCategory() {
		binLevels(dst, col.Code, cut.Level, cut.MissingBin())
	} else {
		binNumbers(dst, col.Num, cut)
	}
}

func binLevels[B uint8 | uint16](dst []B, code []int32, bin []B, missing B) {
	for i, k := range code {
		if k < 0 {
			dst[i] = missing
		} else {
			dst[i] = bin[k]
		}
	}
}

func binNumbers(dst []uint8, num []float64, cut *Cut) {
	// The borders, padded to 256, are searched in eight steps or fewer without a branch to guess wrong: as integers of the
	// same order, whose difference borrows where the border is below.
	var upper [256]uint64
	n := len(cut.Upper)
	for i := range upper {
		upper[i] = math.MaxUint64
		if i < n {
			upper[i] = valueKey(cut.Upper[i])
		}
	}
	missing := cut.MissingBin()
	first := 1
	for first <= n {
		first <<= 1
	}
	first >>= 1
	for i, x := range num {
		key := valueKey(x)
		lo := 0
		for half := first; half > 0; half >>= 1 {
			_, below := bits.Sub64(upper[uint8(lo+half-1)], key, 0)
			lo += half & -int(below)
		}
		bin := uint8(lo)
		if x != x {
			bin = missing
		}
		dst[i] = bin
	}
}

func layGroups(nRows int, cols []int) []Group {
	nGroups := (len(cols) + maxGroup - 1) / maxGroup
	groups := make([]Group, nGroups)
	for g := range groups {
		own := cols[len(cols)*g/nGroups : len(cols)*(g+1)/nGroups]
		stride := (len(own) + 7) &^ 7
		groups[g] = Group{Cols: own, Stride: stride, Rows: make([]uint8, nRows*stride)}
	}
	return groups
}

func (g *Group) fill(b *Bins, lo, hi int) {
	for k, c := range g.Cols {
		at := lo*g.Stride + k
		var rows []uint8
		if c < 0 {
			rows = b.Packs[^c].Rows
		} else {
			rows = b.Cols[c]
		}
		for _, b := range rows[lo:hi] {
			g.Rows[at] = b
			at += g.Stride
		}
	}
}
