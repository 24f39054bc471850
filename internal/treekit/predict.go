package treekit

import (
	"sync"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

const rowBlock = 1024 // rows per task

// Predict returns the score of every row of x, NOut numbers a row, row-major: Base plus the leaves' values, trees added in
// their order. x has NCols columns, Number or Category with codes by the levels of training (model.Match makes such a
// table). threads is at most how many processors are used, 0 for all; the result is the same bits for any number, and for
// any way of finding the leaves: see maskTrees, walkTrees and predictPlain.
func (e *Ensemble) Predict(x *table.Table, threads int) []float64 {
	n := x.NRows()
	out := make([]float64, n*e.NOut())
	num, code := columnsOf(x)
	score, grain := e.predictPlain, rowBlock
	if n >= fewRows && e.masked() != nil {
		f := e.masked()
		score = func(out []float64, num [][]float64, code [][]int32, lo, hi int) { f.score(e, out, num, code, lo, hi) }
	} else if f := e.walked(); f != nil {
		share := (n + kernel.Threads(threads) - 1) / kernel.Threads(threads)
		grain = max(rowBlock/4, min(f.blockRows(), share))
		score = func(out []float64, num [][]float64, code [][]int32, lo, hi int) { f.score(e, out, num, code, lo, hi) }
	}
	if n <= grain {
		score(out, num, code, 0, n)
		return out
	}
	kernel.Parallel(n, threads, grain, func(lo, hi int) { score(out, num, code, lo, hi) })
	return out
}

// compiled has what is made of an ensemble when it is first needed.
type compiled struct {
	questions func() *questions
	masks     func() *maskTrees
	walks     func() *walkTrees
}

func (e *Ensemble) compiled() *compiled {
	e.compile.Do(func() {
		q := sync.OnceValue(func() *questions { return newQuestions(e) })
		e.ready = &compiled{
			questions: q,
			masks:     sync.OnceValue(func() *maskTrees { return newMaskTrees(e, q()) }),
			walks:     sync.OnceValue(func() *walkTrees { return newWalkTrees(e, q()) }),
		}
	})
	return e.ready
}

func (e *Ensemble) asked() *questions  { return e.compiled().questions() }
func (e *Ensemble) masked() *maskTrees { return e.compiled().masks() }
func (e *Ensemble) walked() *walkTrees { return e.compiled().walks() }

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
