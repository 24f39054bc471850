package additive

import (
	"kequn/internal/kernel"
	"kequn/internal/treekit"
)

// Terms are packed side by side so that a row's cells of several are read as one word. Eight terms are a block: they see the
// gradient of the same scores. Rates are small enough that even 8 equal columns do not overshoot.
//
//	block of columns   a word per row    [ c₀ c₁ c₂ c₃ c₄ c₅ c₆ c₇ ]                       a byte each
//	block of pairs     two words per row [  p₀    p₁    p₂    p₃   ] [  p₄    p₅    p₆    p₇   ]   16 bits each
const (
	lanes       = 8
	columnCells = 256
	pairCells   = pairSteps * pairSteps
	pairSteps   = 32
	pairLanes   = 4 // per word
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
	cells  int          // room per term
	part   [][][]uint64 // weight of the training rows in units: part[f][t][cell]
}

// block is up to lanes terms, from … to−1.
type block struct {
	from, to int
	words    [][]uint64
}

// newStage packs the terms; cell gives the cells of a term's rows in the order of r.
func newStage(terms []term, cells int, r *rows, threads int, cell func(t int, out []uint16)) *stage {
	s := &stage{terms: terms, cells: cells}
	nBlocks := (len(terms) + lanes - 1) / lanes
	s.blocks = make([]block, nBlocks)
	for i := range s.blocks {
		s.blocks[i] = block{from: len(terms) * i / nBlocks, to: len(terms) * (i + 1) / nBlocks}
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
				perWord, bits := lanes, 8
				if cells == pairCells {
					perWord, bits = pairLanes, 16
				}
				lane := t - b.from
				if lane%perWord == 0 {
					b.words = append(b.words, make([]uint64, r.n))
				}
				word, shift := b.words[lane/perWord], lane%perWord*bits
				for row, k := range column {
					word[row] |= uint64(k) << shift
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
	return newStage(terms, columnCells, r, threads, func(t int, out []uint16) {
		col := bins.Cols[used[t]]
		for i, row := range r.source {
			out[i] = uint16(col[row])
		}
	})
}
