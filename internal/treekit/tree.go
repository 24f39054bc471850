package treekit

import (
	"fmt"
	"math"
	"sync"
)

// Set is a set of bins of a category column.
type Set [4]uint64

// Add puts a bin into the set.
func (s *Set) Add(bin uint8) { s[bin>>6] |= 1 << (bin & 63) }

// Has tells whether the set holds a bin.
func (s *Set) Has(bin uint8) bool { return s[bin>>6]>>(bin&63)&1 != 0 }

// WideSet is a set of bins of a wide category column: 64 bins a word. What lies beyond its words is not in it.
type WideSet []uint64

// NewWideSet returns an empty set with room for bins below n.
func NewWideSet(n int) WideSet { return make(WideSet, (n+63)/64) }

// Add puts a bin into the set.
func (s WideSet) Add(bin uint16) { s[bin>>6] |= 1 << (bin & 63) }

// Has tells whether the set holds a bin.
func (s WideSet) Has(bin uint16) bool { return int(bin>>6) < len(s) && s[bin>>6]>>(bin&63)&1 != 0 }

// Node is a question to one column. Rows for which the answer is yes go left.
type Node struct {
	Col         int32   // the column asked
	Set         int32   // a category column: index into Tree.Sets (wide: WideSets) of the bins that go left; -1 for numbers
	Threshold   float64 // a number column: value ≤ Threshold goes left
	MissingLeft bool    // where missing (and unknown) values go
	Left, Right int32   // index of a node, or ^leaf
	Gain        float64 // how much the question lowered the training loss; ≥ 0
	Cover       float64 // weight of the training rows that came here
}

// Tree is one binary tree. Node 0 is the root and a child's index is above its parent's; a tree without nodes is leaf 0.
type Tree struct {
	Out   int // leaf values add to outputs Out … Out+Width−1
	Width int // values per leaf

	Nodes    []Node
	Sets     []Set
	WideSets []WideSet
	Leaf     []float64 // nLeaves×Width
	Cover    []float64 // weight of the training rows per leaf
}

// NLeaves returns how many leaves the tree has.
func (t *Tree) NLeaves() int { return len(t.Cover) }

// Ensemble is a sum of trees: output o of a row is Base[o] plus the value of the row's leaf in every tree that adds to o.
// It must not be changed once it has scored; then its methods may be called by several goroutines at once.
type Ensemble struct {
	NCols int
	// Level has, for each narrow category column, the bin of every level (see [Cut].Level); nil for others.
	Level [][]uint8
	Wide  [][]uint16 // the same for wide ones
	Base  []float64
	Trees []Tree

	compile sync.Once
	ready   *compiled

	count sync.Once
	facts []shapFacts // per tree, for attribution
}

// NewEnsemble returns an ensemble without trees for columns cut as given.
func NewEnsemble(cuts []Cut, base []float64) *Ensemble {
	e := &Ensemble{NCols: len(cuts), Level: make([][]uint8, len(cuts)), Wide: make([][]uint16, len(cuts)), Base: base}
	for c := range cuts {
		e.Level[c], e.Wide[c] = cuts[c].Level, cuts[c].Wide
	}
	return e
}

// Levels returns how many levels column c has, -1 for a number column.
func (e *Ensemble) Levels(c int) int {
	switch {
	case e.Wide[c] != nil:
		return len(e.Wide[c])
	case e.Level[c] != nil:
		return len(e.Level[c])
	}
	return -1
}

// NOut returns how many numbers a row scores.
func (e *Ensemble) NOut() int { return len(e.Base) }

// Importance returns the share of each column in the gain of all questions; all 0 without any.
func (e *Ensemble) Importance() []float64 {
	share := make([]float64, e.NCols)
	total := 0.0
	for t := range e.Trees {
		for _, n := range e.Trees[t].Nodes {
			share[n.Col] += n.Gain
			total += n.Gain
		}
	}
	if total > 0 {
		for c := range share {
			share[c] /= total
		}
	}
	return share
}

// Check tells what is wrong with the ensemble's shape: an index out of range, a leaf reached twice or never, a number
// that is not finite. An ensemble without fault cannot make the other methods panic or run for ever.
func (e *Ensemble) Check() error {
	if len(e.Level) != e.NCols || len(e.Wide) != e.NCols {
		return fmt.Errorf("treekit: %d columns, levels of %d and %d", e.NCols, len(e.Level), len(e.Wide))
	}
	for _, v := range e.Base {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("treekit: base is %v", v)
		}
	}
	for i := range e.Trees {
		if err := e.checkTree(&e.Trees[i]); err != nil {
			return fmt.Errorf("treekit: tree %d: %w", i, err)
		}
	}
	return nil
}

func (e *Ensemble) checkTree(t *Tree) error {
	nNodes, nLeaves := len(t.Nodes), len(t.Cover)
	switch {
	case t.Width < 1 || t.Out < 0 || t.Out > len(e.Base) || t.Width > len(e.Base)-t.Out:
		return fmt.Errorf("outputs %d to %d of %d", t.Out, t.Out+t.Width, len(e.Base))
	case nLeaves != nNodes+1 || len(t.Leaf) != nLeaves*t.Width:
		return fmt.Errorf("%d nodes, %d leaves, %d values", nNodes, nLeaves, len(t.Leaf))
	}
	for _, v := range t.Leaf {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("leaf value is %v", v)
		}
	}
	for _, v := range t.Cover {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("cover is %v", v)
		}
	}
	reached := make([]bool, nNodes+nLeaves)
	for i, n := range t.Nodes {
		if n.Col < 0 || int(n.Col) >= e.NCols {
			return fmt.Errorf("node %d asks column %d of %d", i, n.Col, e.NCols)
		}
		nSets := 0
		switch {
		case e.Wide[n.Col] != nil:
			nSets = len(t.WideSets)
		case e.Level[n.Col] != nil:
			nSets = len(t.Sets)
		}
		switch {
		case (n.Set >= 0) != (e.Levels(int(n.Col)) >= 0) || int(n.Set) >= nSets && n.Set >= 0:
			return fmt.Errorf("node %d asks column %d in the wrong way", i, n.Col)
		case n.Threshold != n.Threshold || !(n.Gain >= 0) || math.IsInf(n.Gain, 0) || !(n.Cover >= 0) || math.IsInf(n.Cover, 0):
			return fmt.Errorf("node %d has a number out of range", i)
		}
		for _, kid := range [2]int32{n.Left, n.Right} {
			at := int(kid)
			if kid < 0 {
				at = nNodes + int(^kid)
			} else if at <= i {
				return fmt.Errorf("node %d leads to %d", i, kid)
			}
			if at >= len(reached) || (kid >= 0 && at >= nNodes) || reached[at] {
				return fmt.Errorf("node %d leads to %d", i, kid)
			}
			reached[at] = true
		}
	}
	return nil
}

// goesLeft answers node n for row i of columns in the ensemble's order.
func (e *Ensemble) goesLeft(t *Tree, n *Node, num [][]float64, code [][]int32, i int) bool {
	if n.Set < 0 {
		x := num[n.Col][i]
		if x != x {
			return n.MissingLeft
		}
		return x <= n.Threshold
	}
	k := code[n.Col][i]
	if wide := e.Wide[n.Col]; wide != nil {
		if k < 0 || int(k) >= len(wide) {
			return n.MissingLeft
		}
		return t.WideSets[n.Set].Has(wide[k])
	}
	if k < 0 || int(k) >= len(e.Level[n.Col]) {
		return n.MissingLeft
	}
	return t.Sets[n.Set].Has(e.Level[n.Col][k])
}
