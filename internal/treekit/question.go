package treekit

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// questions are what an ensemble asks, each once. Answers are kept for 64 rows at a time, one bit a row: a mask a question,
// set where the row goes left.
//
//	number column, n thresholds    n masks: value ≤ threshold k, missing goes right
//	                               n masks: the same, missing goes left
//	category column                a mask per different pair of a set of bins and a side of missing
//
// Masks of a number column come from one search a row: the row's bit is put into the mask of the first threshold that is not
// below its value, and spreads from there to all later ones.
type questions struct {
	columns []askedColumn
	nMasks  int
	ofNode  [][]uint32 // per tree and node
	sets    []map[question]int
}

// askedColumn is a column that some node asks.
type askedColumn struct {
	col       int
	isNumber  bool
	threshold []float64 // number: sorted thresholds
	keys      []uint64  // the same as integers of the same order, padded to a power of two less one
	heap      []float64 // the same as a heap, for vector instructions: node i is followed by 2i (value ≤ it) and 2i+1
	levels    int       // of the heap
	first     [2]int    // first mask: missing right, missing left; the first again of a category
	asked     [2]bool   // whether there are such

	bin    []uint16 // category: bin of every level
	nBins  int
	nSets  int
	answer []uint64 // (nBins+1, ⌈nSets/64⌉): for each bin, and for missing at nBins, bit s answers question s
}

const maxAnswers = 1 << 21 // words of one category column: 16 MB

// question is what a category node asks.
type question struct {
	set         Set
	wide        string // the words of a WideSet
	missingLeft bool
}

func (e *Ensemble) questionOf(t *Tree, n *Node) question {
	if e.Wide[n.Col] == nil {
		return question{set: t.Sets[n.Set], missingLeft: n.MissingLeft}
	}
	var b []byte
	for _, w := range t.WideSets[n.Set] {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return question{wide: string(b), missingLeft: n.MissingLeft}
}

// newQuestions returns nil if a category column has more different questions than it is worth keeping answers for.
func newQuestions(e *Ensemble) *questions {
	q := &questions{sets: make([]map[question]int, e.NCols)}
	all := make([]askedColumn, e.NCols)
	for t := range e.Trees {
		tree := &e.Trees[t]
		for i := range tree.Nodes {
			n := &tree.Nodes[i]
			c := &all[n.Col]
			if n.Set < 0 {
				c.threshold = append(c.threshold, n.Threshold+0) // −0 is 0
				if len(c.threshold) >= 1<<16 {                   // many trees ask the same
					c.threshold = sortedOnce(c.threshold)
				}
				c.asked[side(n.MissingLeft)] = true
				continue
			}
			if q.sets[n.Col] == nil {
				q.sets[n.Col] = map[question]int{}
			}
			what := e.questionOf(tree, n)
			if _, ok := q.sets[n.Col][what]; !ok {
				q.sets[n.Col][what] = len(q.sets[n.Col])
			}
		}
	}
	at := make([]int, e.NCols)
	for i := range all {
		c := &all[i]
		c.col = i
		switch {
		case len(q.sets[i]) > 0:
			if !c.setAnswers(e, q.sets[i]) {
				return nil
			}
			c.first = [2]int{q.nMasks, q.nMasks}
			q.nMasks += c.nSets
		case len(c.threshold) > 0:
			c.setThresholds()
			c.first[0] = q.nMasks
			for side, is := range c.asked {
				c.first[side] = q.nMasks
				if is {
					q.nMasks += len(c.threshold)
				}
			}
		default:
			continue
		}
		at[i] = len(q.columns)
		q.columns = append(q.columns, *c)
	}
	q.ofNode = make([][]uint32, len(e.Trees))
	for t := range e.Trees {
		tree := &e.Trees[t]
		q.ofNode[t] = make([]uint32, len(tree.Nodes))
		for i := range tree.Nodes {
			n := &tree.Nodes[i]
			c := &q.columns[at[n.Col]]
			mask := 0
			if c.isNumber {
				k, _ := slices.BinarySearch(c.threshold, n.Threshold)
				mask = c.first[side(n.MissingLeft)] + k
			} else {
				mask = c.first[0] + q.sets[n.Col][e.questionOf(tree, n)]
			}
			q.ofNode[t][i] = uint32(mask)
		}
	}
	return q
}

func side(missingLeft bool) int {
	if missingLeft {
		return 1
	}
	return 0
}

func sortedOnce(v []float64) []float64 {
	slices.Sort(v)
	return slices.Compact(v)
}

func (c *askedColumn) setThresholds() {
	c.isNumber = true
	c.threshold = slices.Clip(sortedOnce(c.threshold))
	c.keys = make([]uint64, 1<<bits.Len(uint(len(c.threshold)))-1)
	for k := range c.keys {
		c.keys[k] = math.MaxUint64
		if k < len(c.threshold) {
			c.keys[k] = valueKey(c.threshold[k])
		}
	}
	c.levels = max(heapLevels, bits.Len(uint(len(c.threshold))))
	c.heap = make([]float64, 1<<c.levels)
	for d := range c.levels {
		for k := range 1 << d {
			at := (2*k+1)<<(c.levels-1-d) - 1
			c.heap[1<<d+k] = math.Inf(1) // nothing is above
			if at < len(c.threshold) {
				c.heap[1<<d+k] = c.threshold[at]
			}
		}
	}
}

// heapLevels of a heap fit into vector registers.
const heapLevels = 6

// setAnswers fills the table of a category column; it tells whether that is small enough.
func (c *askedColumn) setAnswers(e *Ensemble, sets map[question]int) bool {
	for _, b := range e.Level[c.col] {
		c.bin = append(c.bin, uint16(b))
	}
	c.bin = append(c.bin, e.Wide[c.col]...)
	for _, b := range c.bin {
		c.nBins = max(c.nBins, int(b)+1)
	}
	c.nSets = len(sets)
	words := (c.nSets + 63) / 64
	if (c.nBins+1)*words > maxAnswers {
		return false
	}
	c.answer = make([]uint64, (c.nBins+1)*words)
	for what, s := range sets {
		var wide WideSet
		for w := 0; w < len(what.wide); w += 8 {
			wide = append(wide, binary.LittleEndian.Uint64([]byte(what.wide[w:w+8])))
		}
		for b := range c.nBins {
			if wide.Has(uint16(b)) || b < 256 && what.set.Has(uint8(b)) {
				c.answer[b*words+s/64] |= 1 << (s % 64)
			}
		}
		if what.missingLeft {
			c.answer[c.nBins*words+s/64] |= 1 << (s % 64)
		}
	}
	return true
}

// binOf returns the row of answer for a level.
func (c *askedColumn) binOf(level int32) int {
	if level >= 0 && int(level) < len(c.bin) {
		return int(c.bin[level])
	}
	return c.nBins
}

// maskRows is how many rows a mask answers for.
const maskRows = 64

// ask writes the masks of rows [lo, hi), at most 64.
func (q *questions) ask(masks []uint64, num [][]float64, code [][]int32, lo, hi int) {
	for i := range q.columns {
		if c := &q.columns[i]; c.isNumber {
			c.askNumbers(masks, num[c.col][lo:hi])
		} else {
			c.askLevels(masks, code[c.col][lo:hi])
		}
	}
}

func (c *askedColumn) askNumbers(masks []uint64, x []float64) {
	var below [maskRows]uint16
	missing := c.search(&below, x)
	n := len(c.threshold)
	for side, first := range c.first {
		if !c.asked[side] {
			continue
		}
		if side == 0 {
			compare(&below, masks[first:first+n], len(x), 0)
		} else {
			compare(&below, masks[first:first+n], len(x), missing)
		}
	}
}

// comparePortable sets bit r of masks[k] where below[r] ≤ k, or where it is set in also.
func comparePortable(below *[maskRows]uint16, masks []uint64, rows int, also uint64) {
	clear(masks)
	for r, k := range below[:rows] {
		if int(k) < len(masks) {
			masks[k] |= 1 << r
		}
	}
	for k, m := range masks {
		also |= m
		masks[k] = also
	}
}

// searchPortable writes how many thresholds are below each value, all of them for missing ones, and returns which are missing.
func (c *askedColumn) searchPortable(below *[maskRows]uint16, x []float64) (missing uint64) {
	n := uint16(len(c.threshold))
	for r, v := range x {
		k := uint16(keysBelow(c.keys, valueKey(v)))
		if v != v {
			k = n
			missing |= 1 << r
		}
		below[r] = k
	}
	return missing
}

// keysBelow returns how many of the sorted 2^k−1 keys are < key, without a branch to guess wrong.
func keysBelow(keys []uint64, key uint64) int {
	lo := 0
	for half := (len(keys) + 1) >> 1; half > 0; half >>= 1 {
		_, below := bits.Sub64(keys[lo+half-1], key, 0)
		lo += half & -int(below)
	}
	return lo
}

func (c *askedColumn) askLevels(masks []uint64, level []int32) {
	words := (c.nSets + 63) / 64
	var at [maskRows]int
	for r, k := range level {
		at[r] = c.binOf(k) * words
	}
	for w := range words {
		var square [64]uint64
		for r := range level {
			square[r] = c.answer[at[r]+w]
		}
		transpose(&square)
		copy(masks[c.first[0]+64*w:c.first[0]+c.nSets], square[:])
	}
}

// transpose turns bit j of word i into bit i of word j, by halves, quarters and so on (Hacker's Delight, §7-3).
func transpose(a *[64]uint64) {
	mask := uint64(1<<32 - 1)
	for j := 32; j != 0; j >>= 1 {
		for k := 0; k < 64; k = (k + j + 1) &^ j {
			t := (a[k]>>j ^ a[k+j]) & mask
			a[k] ^= t << j
			a[k+j] ^= t
		}
		mask ^= mask << (j >> 1)
	}
}
