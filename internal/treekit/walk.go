package treekit

import (
	"math"
	"sync"
	"unsafe"
)

// Few rows, and trees too large for masks, are walked by small numbers instead of floats. Each row is translated once into
// codes, 16 bits per slot:
//
//	number column c     up to 2 slots: how many of the ensemble's thresholds of c lie below the value.
//	                    value ≤ k-th threshold  ⇔  code ≤ k. Missing is the largest code in one slot (goes right)
//	                    and the smallest in the other (goes left), so a node only chooses a slot.
//	category column c   one slot per different question (set of bins and side of missing): 0 goes left, 1 right.
//
// Then every question of every tree is "code[slot] ≤ limit", a tree is an array of 8-byte nodes whose children lie side by
// side, leaves ask themselves for ever, and eight rows walk one tree (or one row walks eight trees) in step, without a
// branch to guess wrong.
type walkTrees struct {
	questions *questions
	nSlots    int
	slot      [][2]int   // of each asked column: where missing goes right, left; a category's first slot
	answer    [][]uint16 // category: (nBins+1, nSets) codes
	nodes     []walkNode
	leaf      []int32 // leaf number of a node that is one
	trees     []walkTree
	scratch   sync.Pool
}

// walkNode asks code[slot] ≤ limit: next is left if so, left+1 if not.
type walkNode struct {
	left  uint32
	slot  uint16
	limit uint16
}

type walkTree struct {
	first uint32 // of its nodes
	depth int32  // longest path
}

const (
	maxSlots    = 1 << 16
	missingCode = math.MaxUint16
	lane        = 8 // that walk together
)

// newWalkTrees returns nil if the ensemble has more different questions than 16 bits can number.
func newWalkTrees(e *Ensemble, q *questions) *walkTrees {
	if q == nil {
		return nil
	}
	f := &walkTrees{questions: q, slot: make([][2]int, len(q.columns)), answer: make([][]uint16, len(q.columns))}
	at := make([]int, e.NCols)
	for i := range q.columns {
		c := &q.columns[i]
		at[c.col] = i
		f.slot[i] = [2]int{f.nSlots, f.nSlots}
		if c.isNumber {
			for side, asked := range c.asked {
				f.slot[i][side] = f.nSlots
				if asked {
					f.nSlots++
				}
			}
		} else {
			f.nSlots += c.nSets
			f.answer[i] = c.codes()
		}
		if f.nSlots > maxSlots || len(c.threshold) >= missingCode {
			return nil
		}
	}
	for t := range e.Trees {
		f.addTree(&e.Trees[t], q.ofNode[t], at)
	}
	return f
}

// codes has for every bin, and for missing, the code of each question.
func (c *askedColumn) codes() []uint16 {
	words := (c.nSets + 63) / 64
	out := make([]uint16, (c.nBins+1)*c.nSets)
	for b := range c.nBins + 1 {
		for s := range c.nSets {
			out[b*c.nSets+s] = uint16(c.answer[b*words+s/64]>>(s%64)&1 ^ 1)
		}
	}
	return out
}

// addTree lays the tree out level by level, so that siblings are neighbours and the nodes most walked are together.
func (f *walkTrees) addTree(t *Tree, question []uint32, at []int) {
	first := len(f.nodes)
	kids := []int32{0}
	if len(t.Nodes) == 0 {
		kids[0] = ^int32(0)
	}
	depth := int32(0)
	f.nodes, f.leaf = append(f.nodes, walkNode{}), append(f.leaf, 0)
	for k := first; len(kids) > 0; depth++ {
		var next []int32
		for _, kid := range kids {
			if kid < 0 {
				f.nodes[k] = walkNode{left: uint32(k), limit: math.MaxUint16}
				f.leaf[k] = ^kid
				k++
				continue
			}
			n := &t.Nodes[kid]
			i := at[n.Col]
			c := &f.questions.columns[i]
			missing := side(n.MissingLeft)
			own := walkNode{left: uint32(len(f.nodes)), slot: uint16(f.slot[i][missing])}
			if number := int(question[kid]) - c.first[missing]; c.isNumber {
				own.limit = uint16(number + missing)
			} else {
				own.slot += uint16(number)
			}
			f.nodes[k] = own
			f.nodes, f.leaf = append(f.nodes, walkNode{}, walkNode{}), append(f.leaf, 0, 0)
			next = append(next, n.Left, n.Right)
			k++
		}
		kids = next
	}
	f.trees = append(f.trees, walkTree{first: uint32(first), depth: depth - 1})
}

// encode writes the codes of rows [lo, hi) of the columns, nSlots apart.
func (f *walkTrees) encode(dst []uint16, num [][]float64, code [][]int32, lo, hi int) {
	for i := range f.questions.columns {
		c := &f.questions.columns[i]
		if !c.isNumber {
			answer, at := f.answer[i], f.slot[i][0]
			for _, k := range code[c.col][lo:hi] {
				copy(dst[at:at+c.nSets], answer[c.binOf(k)*c.nSets:])
				at += f.nSlots
			}
			continue
		}
		x := num[c.col][lo:hi]
		var below [maskRows]uint16
		for r := 0; r < len(x); r += maskRows {
			part := x[r:min(r+maskRows, len(x))]
			var missing uint64
			if len(part) < lane {
				missing = c.searchPortable(&below, part)
			} else {
				missing = c.search(&below, part)
			}
			for side, at := range f.slot[i] {
				if !c.asked[side] {
					continue
				}
				ifMissing := uint16(missingCode)
				if side == 1 {
					ifMissing = 0
				}
				at += r * f.nSlots
				for k := range part {
					code := below[k] + uint16(side)
					if missing>>k&1 != 0 {
						code = ifMissing
					}
					dst[at] = code
					at += f.nSlots
				}
			}
		}
	}
}

// step goes from a node to one of its children.
//
// It reads without bounds checks: slots are below nSlots and children are nodes by construction in addTree.
func step(nodes, codes unsafe.Pointer, i uint32) uint32 {
	p := (*walkNode)(unsafe.Add(nodes, uintptr(i)*8))
	c := *(*uint16)(unsafe.Add(codes, uintptr(p.slot)*2))
	return p.left + (uint32(p.limit)-uint32(c))>>31
}

// walkRows returns the node where each of eight rows of codes ends in a tree. The codes of row k start at k·nSlots.
func (f *walkTrees) walkRows(t walkTree, codes []uint16, at *[lane]uint32) {
	nodes := unsafe.Pointer(unsafe.SliceData(f.nodes))
	base := unsafe.Pointer(unsafe.SliceData(codes))
	stride := uintptr(f.nSlots) * 2
	i0, i1, i2, i3, i4, i5, i6, i7 := t.first, t.first, t.first, t.first, t.first, t.first, t.first, t.first
	for d := t.depth; d > 0; {
		for range min(d, 4) {
			i0 = step(nodes, base, i0)
			i1 = step(nodes, unsafe.Add(base, stride), i1)
			i2 = step(nodes, unsafe.Add(base, 2*stride), i2)
			i3 = step(nodes, unsafe.Add(base, 3*stride), i3)
			i4 = step(nodes, unsafe.Add(base, 4*stride), i4)
			i5 = step(nodes, unsafe.Add(base, 5*stride), i5)
			i6 = step(nodes, unsafe.Add(base, 6*stride), i6)
			i7 = step(nodes, unsafe.Add(base, 7*stride), i7)
		}
		// In a deep tree most rows arrive long before the longest path ends.
		if d -= 4; f.nodes[i0].left == i0 && f.nodes[i1].left == i1 && f.nodes[i2].left == i2 && f.nodes[i3].left == i3 &&
			f.nodes[i4].left == i4 && f.nodes[i5].left == i5 && f.nodes[i6].left == i6 && f.nodes[i7].left == i7 {
			break
		}
	}
	*at = [lane]uint32{i0, i1, i2, i3, i4, i5, i6, i7}
}

// walkRow returns the node where one row of codes ends in each of eight trees.
func (f *walkTrees) walkRow(t *[lane]walkTree, codes []uint16, at *[lane]uint32) {
	nodes := unsafe.Pointer(unsafe.SliceData(f.nodes))
	base := unsafe.Pointer(unsafe.SliceData(codes))
	depth := max(t[0].depth, t[1].depth, t[2].depth, t[3].depth, t[4].depth, t[5].depth, t[6].depth, t[7].depth)
	i0, i1, i2, i3, i4, i5, i6, i7 := t[0].first, t[1].first, t[2].first, t[3].first, t[4].first, t[5].first, t[6].first, t[7].first
	for range depth {
		i0 = step(nodes, base, i0)
		i1 = step(nodes, base, i1)
		i2 = step(nodes, base, i2)
		i3 = step(nodes, base, i3)
		i4 = step(nodes, base, i4)
		i5 = step(nodes, base, i5)
		i6 = step(nodes, base, i6)
		i7 = step(nodes, base, i7)
	}
	*at = [lane]uint32{i0, i1, i2, i3, i4, i5, i6, i7}
}

// borrow returns room for the codes of a block of rows, to be put back.
func (f *walkTrees) borrow() *[]uint16 {
	if codes, ok := f.scratch.Get().(*[]uint16); ok {
		return codes
	}
	codes := make([]uint16, f.blockRows()*f.nSlots+1)
	return &codes
}

// blockRows is how many rows are translated before they walk. Their codes should stay in the nearest cache, or, where the
// trees are so large that they must not be fetched too often, in the second one.
func (f *walkTrees) blockRows() int {
	codes := 12 << 10
	if len(f.nodes) > 1<<16 {
		codes = 192 << 10
	}
	return min(4096, max(lane, codes/max(1, f.nSlots)&^(lane-1)))
}

// score writes the scores of rows [lo, hi).
func (f *walkTrees) score(e *Ensemble, out []float64, num [][]float64, code [][]int32, lo, hi int) {
	codes := f.borrow()
	defer f.scratch.Put(codes)
	for block := f.blockRows(); lo < hi; lo += block {
		end := min(hi, lo+block)
		f.encode(*codes, num, code, lo, end)
		for i := lo; i < end; i++ {
			copy(out[i*e.NOut():], e.Base)
		}
		if end-lo < lane {
			for i := lo; i < end; i++ {
				f.scoreRow(e, out[i*e.NOut():(i+1)*e.NOut()], (*codes)[(i-lo)*f.nSlots:])
			}
			continue
		}
		var at [lane]uint32
		for t := range e.Trees {
			for i := lo; i < end; i += lane {
				f.walkRows(f.trees[t], (*codes)[(i-lo)*f.nSlots:], &at)
				for k := range min(lane, end-i) {
					f.add(e, t, at[k], out[(i+k)*e.NOut():])
				}
			}
		}
	}
}

func (f *walkTrees) scoreRow(e *Ensemble, out []float64, codes []uint16) {
	var (
		trees [lane]walkTree
		at    [lane]uint32
	)
	for t := 0; t < len(f.trees); t += lane {
		n := copy(trees[:], f.trees[t:])
		for k := n; k < lane; k++ {
			trees[k] = trees[0]
		}
		f.walkRow(&trees, codes, &at)
		for k := range n {
			f.add(e, t+k, at[k], out)
		}
	}
}

// add adds the values of the leaf at a node of tree t.
func (f *walkTrees) add(e *Ensemble, t int, node uint32, out []float64) {
	tree := &e.Trees[t]
	l := int(f.leaf[node])
	if tree.Width == 1 {
		out[tree.Out] += tree.Leaf[l]
		return
	}
	dst := out[tree.Out : tree.Out+tree.Width]
	for w, v := range tree.Leaf[l*tree.Width : (l+1)*tree.Width] {
		dst[w] += v
	}
}
