package treekit

import (
	"math/bits"
	"sync"
)

// Many rows are scored 64 at a time: the masks of all questions first, then tree by tree the number of each row's leaf.
//
// A general tree of up to 256 leaves passes on sets of rows: all at the root, reach & mask to the left, reach &^ mask to the
// right. What a leaf gets are its rows. A symmetric tree, whose levels each ask one question everywhere, needs not even
// that: the masks of its questions are the bits of the leaf's number.
//
//	masks of a symmetric tree     q₀ 1 0 1 1 …        leaf of row 0: 1 + 2·0 + 4·1 = 5
//	(a bit a row)                 q₁ 0 0 1 0 …
//	                              q₂ 1 1 0 0 …
//
// Either way no node is looked up by where a row happens to be: no wait for memory, no branch to guess wrong, and the work
// for 64 rows is the work for one word.
type maskTrees struct {
	questions *questions
	trees     []maskTree
	scratch   sync.Pool
}

// maskTree says where a tree is. Symmetric trees have no nodes.
type maskTree struct {
	nodes  []maskNode // general: parents before children
	levels []uint32   // symmetric: the question of each bit of the leaf's number
	leaf   []float64
	nBits  int // of a leaf's number
	out    int
	width  int
}

// maskNode has children at 64 times their number: leaves are below 256, and node k is 256+k. The factor spares the vector
// version a shift.
type maskNode struct {
	question    uint32
	left, right uint16
}

const (
	mostMasks  = 1 << 15 // 256 kB: what stays in a second-level cache
	mostLeaves = 256     // of a general tree
	mostLevels = 12      // of a symmetric tree
	fewRows    = 12      // below them it is faster to walk
)

// newMaskTrees returns nil if a tree, or what the trees ask, is too large for it.
func newMaskTrees(e *Ensemble, q *questions) *maskTrees {
	if q == nil || q.nMasks > mostMasks {
		return nil
	}
	f := &maskTrees{questions: q, trees: make([]maskTree, len(e.Trees))}
	for t := range e.Trees {
		tree := &e.Trees[t]
		m := &f.trees[t]
		*m = maskTree{out: tree.Out, width: tree.Width}
		if levels, leafAt := symmetric(tree, q.ofNode[t]); levels != nil || len(tree.Nodes) == 0 {
			m.levels, m.nBits = levels, len(levels)
			for _, l := range leafAt {
				m.leaf = append(m.leaf, tree.Leaf[l*tree.Width:(l+1)*tree.Width]...)
			}
			continue
		}
		if tree.NLeaves() > mostLeaves {
			return nil
		}
		m.nBits = bits.Len(uint(tree.NLeaves() - 1))
		m.leaf = tree.Leaf
		m.nodes = make([]maskNode, len(tree.Nodes))
		for i, n := range tree.Nodes {
			m.nodes[i] = maskNode{q.ofNode[t][i], maskKid(n.Left), maskKid(n.Right)}
		}
	}
	return f
}

func maskKid(kid int32) uint16 {
	if kid < 0 {
		return uint16(^kid) * maskRows
	}
	return uint16(mostLeaves+kid) * maskRows
}

// symmetric returns the question of every level, the root's first, and the tree's own number of each leaf, by the number
// whose bit k is set where the answer at level k is yes. levels is nil if the tree is not symmetric (or has no nodes).
func symmetric(t *Tree, question []uint32) (levels []uint32, leafAt []int) {
	depth := bits.Len(uint(t.NLeaves())) - 1
	if t.NLeaves() != 1<<depth || depth > mostLevels {
		return nil, nil
	}
	leafAt = make([]int, 1<<depth)
	if depth == 0 {
		return nil, leafAt
	}
	type place struct {
		kid    int32
		number int
	}
	level := []place{{0, 0}}
	for d := range depth {
		next := make([]place, 0, 2*len(level))
		for _, p := range level {
			if p.kid < 0 || question[p.kid] != question[level[0].kid] {
				return nil, nil
			}
			next = append(next, place{t.Nodes[p.kid].Left, p.number | 1<<d}, place{t.Nodes[p.kid].Right, p.number})
		}
		levels = append(levels, question[level[0].kid])
		level = next
	}
	for _, p := range level {
		leafAt[p.number] = int(^p.kid) // 2^depth leaves: all of them are here
	}
	return levels, leafAt
}

// maskScratch is what one goroutine needs.
type maskScratch struct {
	masks []uint64
	score []float64 // (nOut, 64)
	reach [2 * mostLeaves]uint64
	vectorScratch
}

func (f *maskTrees) borrow(nOut int) *maskScratch {
	if s, ok := f.scratch.Get().(*maskScratch); ok {
		return s
	}
	s := &maskScratch{masks: make([]uint64, f.questions.nMasks), score: make([]float64, nOut*maskRows)}
	s.init()
	return s
}

// score writes the scores of rows [lo, hi).
func (f *maskTrees) score(e *Ensemble, out []float64, num [][]float64, code [][]int32, lo, hi int) {
	nOut := e.NOut()
	s := f.borrow(nOut)
	defer f.scratch.Put(s)
	for ; lo < hi; lo += maskRows {
		end := min(hi, lo+maskRows)
		f.questions.ask(s.masks, num, code, lo, end)
		for o, v := range e.Base {
			row := s.score[o*maskRows : (o+1)*maskRows]
			for r := range row {
				row[r] = v
			}
		}
		for t := range f.trees {
			f.trees[t].add(s)
		}
		if nOut == 1 {
			copy(out[lo:end], s.score)
			continue
		}
		for o := range nOut {
			row := s.score[o*maskRows:]
			for i := lo; i < end; i++ {
				out[i*nOut+o] = row[i-lo]
			}
		}
	}
}

// addPortable adds the values of every row's leaf.
func (t *maskTree) addPortable(s *maskScratch) {
	var (
		plane  [mostLevels]uint64
		number [maskRows]uint16
	)
	for k, q := range t.levels {
		plane[k] = s.masks[q]
	}
	if t.nodes != nil {
		t.planes(&plane, s)
	}
	fromPlanes(&number, plane[:t.nBits])
	for w := range t.width {
		addLeaves((*[maskRows]float64)(s.score[(t.out+w)*maskRows:]), &number, t.leaf[w:], t.width)
	}
}

// planes writes bit k of every row's leaf number into plane[k].
func (t *maskTree) planes(plane *[mostLevels]uint64, s *maskScratch) {
	reach := &s.reach
	reach[mostLeaves] = everyRow
	clear(reach[len(t.nodes)+1 : 1<<t.nBits])
	for i := range t.nodes {
		n := &t.nodes[i]
		mask, here := s.masks[n.question], reach[mostLeaves+i]
		reach[n.left/maskRows%(2*mostLeaves)] = here & mask
		reach[n.right/maskRows%(2*mostLeaves)] = here &^ mask
	}
	for k := t.nBits - 1; k >= 0; k-- {
		// The upper half of the leaves has bit k; then it joins the lower.
		half := 1 << k
		lower, upper := reach[:half], reach[half:2*half]
		var has uint64
		for i, m := range upper {
			has |= m
			lower[i] |= m
		}
		plane[k] = has
	}
}

const everyRow = 1<<64 - 1

// spreadBits has the eight bits of a byte in eight bytes.
var spreadBits = func() (t [256]uint64) {
	for b := range t {
		for k := range 8 {
			t[b] |= uint64(b>>k&1) << (8 * k)
		}
	}
	return t
}()

// fromPlanes writes the numbers whose bit k is plane[k].
func fromPlanes(number *[maskRows]uint16, plane []uint64) {
	low := plane[:min(8, len(plane))]
	high := plane[len(low):]
	for g := 0; g < maskRows; g += 8 {
		var eight, upper uint64
		for k, p := range low {
			eight |= spreadBits[uint8(p>>g)] << k
		}
		for k, p := range high {
			upper |= spreadBits[uint8(p>>g)] << k
		}
		for r := range 8 {
			number[g+r] = uint16(uint8(eight>>(8*r))) | uint16(uint8(upper>>(8*r)))<<8
		}
	}
}

// addLeaves adds each row's value.
func addLeaves(score *[maskRows]float64, number *[maskRows]uint16, leaf []float64, width int) {
	if width == 1 {
		for r, k := range number {
			score[r] += leaf[k]
		}
		return
	}
	for r, k := range number {
		score[r] += leaf[int(k)*width]
	}
}
