package additive

import (
	"kequn/internal/kernel"
	"kequn/internal/treekit"
)

// Terms are packed side by side so that a row's cells of several are read as one word: 8 columns of at most 256 cells, or 4
// pairs of at most 1,024. The terms of a block see the gradient of the same scores; the rate is small enough that even
// 8 equal columns do not overshoot.
//
//	block of columns   word of a row  [ c₀ c₁ c₂ c₃ c₄ c₅ c₆ c₇ ]   a byte each
//	block of pairs     word of a row  [  p₀    p₁    p₂    p₃   ]   16 bits each
const (
	columnLanes, columnCells = 8, 256
	pairLanes, pairCells     = 4, pairSteps * pairSteps
	pairSteps                = 32
)

// term is what a shape is made for: a column, or a pair.
type term struct {
	a, b  int // columns by their index among those used; b is -1 for a column alone
	cells int
	cut   *treekit.Cut // a column alone
	na    int          // a pair: steps of the first column, the one for missing values among them
	nb    int
}

// stage is a set of terms that are boosted together.
type stage struct {
	terms  []term
	blocks []block
	lanes  int          // terms per block at most
	cells  int          // room per term
	part   [][][]uint64 // weight of the training rows in units: part[f][t][cell]
}

// block is up to lanes terms, from … to−1.
type block struct {
	from, to int
	words    []uint64
}

// newStage packs the terms; cell gives the cells of a term's rows in the order of r.
func newStage(terms []term, lanes, cells int, r *rows, threads int, cell func(t int, out []uint16)) *stage {
	s := &stage{terms: terms, lanes: lanes, cells: cells}
	nBlocks := (len(terms) + lanes - 1) / lanes
	s.blocks = make([]block, nBlocks)
	for i := range s.blocks {
		s.blocks[i] = block{from: len(terms) * i / nBlocks, to: len(terms) * (i + 1) / nBlocks, words: make([]uint64, r.n)}
	}
	nParts := len(r.from) - 1
	s.part = make([][][]uint64, nParts)
	for f := range s.part {
		s.part[f] = make([][]uint64, len(terms))
		for t := range terms {
			s.part[f][t] = make([]uint64, terms[t].cells)
		}
	}
	kernel.Parallel(nBlocks, threads, 1, func(lo, hi int) {
		column := make([]uint16, r.n)
		for i := lo; i < hi; i++ {
			b := &s.blocks[i]
			for t := b.from; t < b.to; t++ {
				cell(t, column)
				shift := (t - b.from) * (64 / lanes)
				for row, k := range column {
					b.words[row] |= uint64(k) << shift
				}
				for f := range nParts {
					sum := s.part[f][t]
					for row := r.from[f]; row < r.from[f+1]; row++ {
						if r.units == nil {
							sum[column[row]]++
						} else {
							sum[column[row]] += r.units[row]
						}
					}
				}
			}
		}
	})
	return s
}

// weights returns the weight of the rows of every cell, those of the part left out; part -1 leaves none out.
func (s *stage) weights(t, without int, unit float64) []float64 {
	out := make([]float64, s.terms[t].cells)
	for c := range out {
		var sum uint64
		for f := range s.part {
			if f != without {
				sum += s.part[f][t][c]
			}
		}
		out[c] = float64(sum) * unit
	}
	return out
}

// columnStage has a term for every column used.
func columnStage(bins *treekit.Bins, used []int, r *rows, threads int) *stage {
	terms := make([]term, len(used))
	for i, c := range used {
		terms[i] = term{a: i, b: -1, cells: bins.Cuts[c].Cells(), cut: &bins.Cuts[c]}
	}
	return newStage(terms, columnLanes, columnCells, r, threads, func(t int, out []uint16) {
		col := bins.Cols[used[t]]
		for i, row := range r.source {
			out[i] = uint16(col[row])
		}
	})
}
