package treekit

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sync"
	"unsafe"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Scoring walks small numbers, not floats. Each row is translated once into codes, 16 bits per slot:
//
//	number column c     slot 2 codes: how many of the ensemble's thresholds of c lie below the value.
//	                    value ≤ k-th threshold  ⇔  code ≤ k. Missing is the largest code in the first slot (goes right)
//	                    and the smallest in the second (goes left), so a node only chooses a slot.
//	category column c   one slot per different question (set of bins and side of missing): 0 goes left, 1 right.
//
// Then every question of every tree is "code[slot] ≤ limit", a tree is an array of 8-byte nodes whose children lie side by
// side, leaves ask themselves for ever, and eight rows walk one tree in step without a branch to guess wrong.

const (
	maxSlots    = 1 << 16
	maxAnswers  = 1 << 24 // of one category column: 32 MB
	missingCode = math.MaxUint16
	lane        = 8    // rows that walk together
	rowBlock    = 1024 // rows per task
)

// fastNode asks code[slot] ≤ limit: next is left if so, left+1 if not.
type fastNode struct {
	left  uint32
	slot  uint16
	limit uint16
}

type fastTree struct {
	first uint32 // of its nodes
	depth int    // longest path
}

type fastColumn struct {
	slot      int       // first of its slots
	threshold []float64 // number: sorted thresholds
	keys      []uint64  // the same as integers of the same order, padded to a power of two less one
	bin       []uint16  // category: bin of every level
	answer    []uint16  // category: (nBins+1, nSets): for each bin, and for missing at nBins, the answer to each question
	nBins     int
	nSets     int
}

type fastTrees struct {
	nSlots  int
	columns []fastColumn
	used    []int32 // columns that are asked at all
	nodes   []fastNode
	leaf    []int32 // leaf number of a node that is one
	trees   []fastTree
	scratch sync.Pool
	asked   [][]fastNode // per tree: slot and limit of every node, by the tree's own numbers
}

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

// scorer returns the compiled ensemble, or nil if it has more different questions than 16 bits can number.
func (e *Ensemble) scorer() *fastTrees {
	e.compile.Do(func() { e.fast = e.build() })
	return e.fast
}

func (e *Ensemble) build() *fastTrees {
	f := &fastTrees{columns: make([]fastColumn, e.NCols)}
	questions := make([]map[question]int, e.NCols)
	for t := range e.Trees {
		for _, n := range e.Trees[t].Nodes {
			c := &f.columns[n.Col]
			if n.Set < 0 {
				c.threshold = append(c.threshold, n.Threshold)
				continue
			}
			q := e.questionOf(&e.Trees[t], &n)
			if questions[n.Col] == nil {
				questions[n.Col] = map[question]int{}
			}
			if _, ok := questions[n.Col][q]; !ok {
				questions[n.Col][q] = len(questions[n.Col])
			}
		}
	}
	for i := range f.columns {
		c := &f.columns[i]
		c.slot = f.nSlots
		slices.Sort(c.threshold)
		c.threshold = slices.Compact(c.threshold)
		switch {
		case len(questions[i]) > 0:
			if !c.answers(e, i, questions[i]) {
				return nil
			}
			f.nSlots += c.nSets
		case len(c.threshold) > 0:
			f.nSlots += 2
			c.keys = make([]uint64, 1<<bits.Len(uint(len(c.threshold)))-1)
			for k := range c.keys {
				c.keys[k] = math.MaxUint64
				if k < len(c.threshold) {
					c.keys[k] = valueKey(c.threshold[k])
				}
			}
		default:
			continue
		}
		f.used = append(f.used, int32(i))
		if f.nSlots > maxSlots || len(c.threshold) >= missingCode {
			return nil
		}
	}
	for t := range e.Trees {
		f.addTree(e, &e.Trees[t], questions)
	}
	return f
}

// answers fills the table of a category column; it tells whether that is small enough.
func (c *fastColumn) answers(e *Ensemble, col int, questions map[question]int) bool {
	for _, b := range e.Level[col] {
		c.bin = append(c.bin, uint16(b))
	}
	c.bin = append(c.bin, e.Wide[col]...)
	for _, b := range c.bin {
		c.nBins = max(c.nBins, int(b)+1)
	}
	c.nSets = len(questions)
	if (c.nBins+1)*c.nSets > maxAnswers {
		return false
	}
	c.answer = make([]uint16, (c.nBins+1)*c.nSets)
	for q, s := range questions {
		var wide WideSet
		for w := 0; w < len(q.wide); w += 8 {
			wide = append(wide, binary.LittleEndian.Uint64([]byte(q.wide[w:w+8])))
		}
		for b := range c.nBins {
			c.answer[b*c.nSets+s] = goesRight(wide.Has(uint16(b)) || b < 256 && q.set.Has(uint8(b)))
		}
		c.answer[c.nBins*c.nSets+s] = goesRight(q.missingLeft)
	}
	return true
}

func goesRight(left bool) uint16 {
	if left {
		return 0
	}
	return 1
}

// addTree lays the tree out level by level, so that siblings are neighbours and the nodes most walked are together.
func (f *fastTrees) addTree(e *Ensemble, t *Tree, questions []map[question]int) {
	first := len(f.nodes)
	kids := []int32{0}
	if len(t.Nodes) == 0 {
		kids[0] = ^int32(0)
	}
	depth := 0
	asked := make([]fastNode, len(t.Nodes))
	f.nodes, f.leaf = append(f.nodes, fastNode{}), append(f.leaf, 0)
	for at := first; len(kids) > 0; depth++ {
		var next []int32
		for _, k := range kids {
			if k < 0 {
				f.nodes[at] = fastNode{left: uint32(at), limit: math.MaxUint16}
				f.leaf[at] = ^k
				at++
				continue
			}
			n := &t.Nodes[k]
			c := &f.columns[n.Col]
			fn := fastNode{left: uint32(len(f.nodes))}
			if n.Set < 0 {
				i, _ := slices.BinarySearch(c.threshold, n.Threshold)
				fn.slot, fn.limit = uint16(c.slot), uint16(i)
				if n.MissingLeft {
					fn.slot, fn.limit = uint16(c.slot+1), uint16(i+1)
				}
			} else {
				fn.slot = uint16(c.slot + questions[n.Col][e.questionOf(t, n)])
			}
			f.nodes[at], asked[k] = fn, fn
			f.nodes, f.leaf = append(f.nodes, fastNode{}, fastNode{}), append(f.leaf, 0, 0)
			next = append(next, n.Left, n.Right)
			at++
		}
		kids = next
	}
	f.trees = append(f.trees, fastTree{first: uint32(first), depth: depth - 1})
	f.asked = append(f.asked, asked)
}

// answers tells for every node of a tree whether the row with the given codes goes left: bit i of word i/64.
func answers(asked []fastNode, codes []uint16, words []uint64) {
	for w := range words {
		var bits uint64
		for i, a := range asked[64*w : min(64*w+64, len(asked))] {
			bits |= uint64((uint32(codes[a.slot])-uint32(a.limit)-1)>>31) << i
		}
		words[w] = bits
	}
}

// encode writes the codes of rows [lo, hi) of the columns, nSlots apart.
func (f *fastTrees) encode(dst []uint16, num [][]float64, code [][]int32, lo, hi int) {
	for _, col := range f.used {
		c := &f.columns[col]
		at := c.slot
		if c.answer != nil {
			for _, k := range code[col][lo:hi] {
				b := c.nBins
				if k >= 0 && int(k) < len(c.bin) {
					b = int(c.bin[k])
				}
				copy(dst[at:at+c.nSets], c.answer[b*c.nSets:(b+1)*c.nSets])
				at += f.nSlots
			}
			continue
		}
		for _, x := range num[col][lo:hi] {
			k := keysBelow(c.keys, valueKey(x))
			if x != x {
				k = missingCode // and the next is 0
			}
			dst[at], dst[at+1] = uint16(k), uint16(k+1)
			at += f.nSlots
		}
	}
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

// walk returns the node where each of eight rows of codes ends in a tree. The codes of row k start at k·nSlots.
//
// It reads without bounds checks: slots are below nSlots and children are nodes by construction in addTree.
func (f *fastTrees) walk(t fastTree, codes []uint16, at *[lane]uint32) {
	nodes := unsafe.Pointer(unsafe.SliceData(f.nodes))
	base := unsafe.Pointer(unsafe.SliceData(codes))
	stride := uintptr(f.nSlots) * 2
	i0, i1, i2, i3, i4, i5, i6, i7 := t.first, t.first, t.first, t.first, t.first, t.first, t.first, t.first
	for d := t.depth; d > 0; d-- {
		i0 = step(nodes, base, i0)
		i1 = step(nodes, unsafe.Add(base, stride), i1)
		i2 = step(nodes, unsafe.Add(base, 2*stride), i2)
		i3 = step(nodes, unsafe.Add(base, 3*stride), i3)
		i4 = step(nodes, unsafe.Add(base, 4*stride), i4)
		i5 = step(nodes, unsafe.Add(base, 5*stride), i5)
		i6 = step(nodes, unsafe.Add(base, 6*stride), i6)
		i7 = step(nodes, unsafe.Add(base, 7*stride), i7)
	}
	*at = [lane]uint32{i0, i1, i2, i3, i4, i5, i6, i7}
}

// walkOne is walk for a single row.
func (f *fastTrees) walkOne(t fastTree, codes []uint16) uint32 {
	for i := t.first; ; {
		n := &f.nodes[i]
		next := n.left + (uint32(n.limit)-uint32(codes[n.slot]))>>31
		if next == i {
			return i
		}
		i = next
	}
}

func step(nodes, codes unsafe.Pointer, i uint32) uint32 {
	p := (*fastNode)(unsafe.Add(nodes, uintptr(i)*8))
	c := *(*uint16)(unsafe.Add(codes, uintptr(p.slot)*2))
	return p.left + (uint32(p.limit)-uint32(c))>>31
}

// Predict returns the score of every row of x, NOut numbers a row, row-major: Base plus the leaves' values, trees added in
// their order. x has NCols columns, Number or Category with codes by the levels of training (model.Match makes such a
// table). threads is at most how many processors are used, 0 for all; the result is the same for any number.
//
// Cost: about 10 ns a row and tree of 31 leaves a processor.
func (e *Ensemble) Predict(x *table.Table, threads int) []float64 {
	n := x.NRows()
	out := make([]float64, n*e.NOut())
	num, code := columnsOf(x)
	f := e.scorer()
	if f == nil {
		kernel.Parallel(n, threads, rowBlock, func(lo, hi int) { e.predictPlain(out, num, code, lo, hi) })
		return out
	}
	kernel.Parallel(n, threads, rowBlock, func(lo, hi int) {
		codes := f.borrow()
		defer f.scratch.Put(codes)
		for ; lo < hi; lo += f.blockRows() {
			e.predictFast(f, *codes, out, num, code, lo, min(hi, lo+f.blockRows()))
		}
	})
	return out
}

// borrow returns room for the codes of a block of rows, to be put back.
func (f *fastTrees) borrow() *[]uint16 {
	if codes, ok := f.scratch.Get().(*[]uint16); ok {
		return codes
	}
	codes := make([]uint16, f.blockRows()*f.nSlots+1)
	return &codes
}

// blockRows is how many rows are translated before they walk: their codes should stay in the nearest cache.
func (f *fastTrees) blockRows() int {
	rows := 12 << 10 / max(1, f.nSlots)
	return min(256, max(lane, rows&^(lane-1)))
}

func (e *Ensemble) predictFast(f *fastTrees, codes []uint16, out []float64, num [][]float64, code [][]int32, lo, hi int) {
	f.encode(codes, num, code, lo, hi)
	nOut := e.NOut()
	for i := lo; i < hi; i++ {
		copy(out[i*nOut:], e.Base)
	}
	var at [lane]uint32
	for t := range e.Trees {
		tree := &e.Trees[t]
		for i := lo; i < hi; i += lane {
			if hi-i == 1 {
				at[0] = f.walkOne(f.trees[t], codes[(i-lo)*f.nSlots:])
			} else {
				f.walk(f.trees[t], codes[(i-lo)*f.nSlots:], &at)
			}
			rows := min(lane, hi-i)
			if tree.Width == 1 {
				for k := range rows {
					out[(i+k)*nOut+tree.Out] += tree.Leaf[f.leaf[at[k]]]
				}
				continue
			}
			for k := range rows {
				l := int(f.leaf[at[k]]) * tree.Width
				dst := out[(i+k)*nOut+tree.Out:]
				for w, v := range tree.Leaf[l : l+tree.Width] {
					dst[w] += v
				}
			}
		}
	}
}

// predictPlain walks the trees as they are written, for ensembles too large to compile. It adds in the same order.
func (e *Ensemble) predictPlain(out []float64, num [][]float64, code [][]int32, lo, hi int) {
	nOut := e.NOut()
	for i := lo; i < hi; i++ {
		dst := out[i*nOut : (i+1)*nOut]
		copy(dst, e.Base)
		for t := range e.Trees {
			tree := &e.Trees[t]
			l := e.leafOf(tree, num, code, i) * tree.Width
			for w, v := range tree.Leaf[l : l+tree.Width] {
				dst[tree.Out+w] += v
			}
		}
	}
}

// leafOf returns the leaf of row i.
func (e *Ensemble) leafOf(t *Tree, num [][]float64, code [][]int32, i int) int {
	if len(t.Nodes) == 0 {
		return 0
	}
	for k := int32(0); ; {
		n := &t.Nodes[k]
		if e.goesLeft(t, n, num, code, i) {
			k = n.Left
		} else {
			k = n.Right
		}
		if k < 0 {
			return int(^k)
		}
	}
}

// Leaves returns the leaf of every row in every tree, row-major n×trees.
func (e *Ensemble) Leaves(x *table.Table, threads int) []int32 {
	num, code := columnsOf(x)
	out := make([]int32, x.NRows()*len(e.Trees))
	kernel.Parallel(x.NRows(), threads, rowBlock, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			for t := range e.Trees {
				out[i*len(e.Trees)+t] = int32(e.leafOf(&e.Trees[t], num, code, i))
			}
		}
	})
	return out
}

func columnsOf(x *table.Table) (num [][]float64, code [][]int32) {
	num, code = make([][]float64, len(x.Columns)), make([][]int32, len(x.Columns))
	for c, col := range x.Columns {
		num[c], code[c] = col.Num, col.Code
	}
	return num, code
}
