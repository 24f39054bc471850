package treekit

import (
	"math"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Attribute returns the Shapley values of the columns for output out, and their base, so that for each row
//
//	base + Σ_c phi[row·NCols+c] = Predict's output        (to about 1e-12 of the largest leaf)
//
// in the path-dependent game: a tree asked without knowing column c goes both ways in proportion to the cover. base is
// Base plus the cover-weighted mean of the leaves. x is as in [Ensemble.Predict].
//
// A leaf with value v whose path asks d different columns, column j leading on in a share z_j of the cover and letting this
// row pass (o_j = 1) or not (o_j = 0), is worth v·Π_{j∈T} o_j·Π_{j∉T} z_j to a set T of known columns. As
// |T|!·(d−|T|−1)!/d! = ∫₀¹ t^|T|·(1−t)^(d−|T|−1) dt, its Shapley values are
//
//	phi_i = v·(o_i − z_i)·∫₀¹ Π_{j≠i} (t·o_j + (1−t)·z_j) dt
//
// and the integrand is a polynomial of degree d−1, which Gauss–Legendre quadrature with K = ⌈d/2⌉ points integrates exactly.
// For each t the products grow by one factor per edge on the way down and their sums over leaves gather on the way up, so
// a row and tree take O(nodes·K), where the recursion of Lundberg et al. takes O(leaves·depth²). All factors are positive:
// nothing cancels on the way.
//
// Reference: Lundberg, Erion, Lee, Consistent Individualized Feature Attribution for Tree Ensembles (2018); Yu et al.,
// Linear TreeShap (2022).
//
// Where many rows are asked for, the few columns of a leaf make few different cases: what each adds is then put into a table
// once, and rows only look up their cases: see shapCell. Few rows, and trees whose tables would cost more than they save, go down
// the nodes: see rowShap.
func (e *Ensemble) Attribute(x *table.Table, out, threads int) (base float64, phi []float64) {
	n := x.NRows()
	phi = make([]float64, n*e.NCols)
	num, code := columnsOf(x)
	base = e.Base[out]
	var own []int // trees that add to the output
	for t := range e.Trees {
		if tree := &e.Trees[t]; out >= tree.Out && out < tree.Out+tree.Width {
			own = append(own, t)
		}
	}
	if n < maskRows {
		for _, t := range own {
			base += e.factsOf(t).mean[out-e.Trees[t].Out]
		}
		e.attributeFew(num, code, own, out, threads, phi)
		return base, phi
	}
	asker := newAsker(e)
	// A task has many rows, so that a tree's tables are used often while they are in the cache, but one for each processor.
	share := (n + kernel.Threads(threads) - 1) / kernel.Threads(threads)
	rows := max(1, min(shapGroups, (share+maskRows-1)/maskRows, mostMasks*2/max(1, asker.nMasks))) * maskRows
	// Trees are prepared and used in turns, so that memory stays bounded for large forests.
	for len(own) > 0 {
		turn, nodes := 0, 0
		for turn < len(own) && turn < maxTurn && (turn == 0 || nodes < maxTurnNodes) {
			nodes += len(e.Trees[own[turn]].Nodes)
			turn++
		}
		plans := make([]*shapTree, turn)
		kernel.Parallel(turn, threads, 1, func(lo, _ int) {
			t := own[lo]
			plans[lo] = e.newShapTree(t, out-e.Trees[t].Out, asker.ofNode[t], n, turn)
		})
		for _, p := range plans {
			base += p.mean
		}
		kernel.Parallel(n, threads, rows, func(lo, hi int) {
			s := newShapScratch(asker.nMasks, (hi-lo+maskRows-1)/maskRows)
			walk := e.newRowShap(own[:turn], num, code)
			for g := range s.masks {
				first := lo + g*maskRows
				asker.ask(s.masks[g], num, code, first, min(hi, first+maskRows))
			}
			for k, p := range plans {
				if p.walks {
					walk.tree(own[k], out-e.Trees[own[k]].Out, lo, hi, phi)
					continue
				}
				for g, masks := range s.masks {
					first := lo + g*maskRows
					asker.askTree(masks, own[k], num, code, first, min(hi, first+maskRows))
					p.attribute(s, masks, phi[first*e.NCols:min(hi, first+maskRows)*e.NCols], e.NCols)
				}
			}
		})
		own = own[turn:]
	}
	return base, phi
}

const (
	maxTurn      = 64      // trees prepared at once
	maxTurnNodes = 1 << 12 // and their nodes, at about 1 kB each
	maxTurnCells = 1 << 23 // and the numbers in their tables: 64 MB
	shapGroups   = 8       // groups of 64 rows per task
)

// asker answers the questions of trees for 64 rows: from the masks of the compiled ensemble, or, where that has too many
// questions, tree by tree.
type asker struct {
	e      *Ensemble
	q      *questions
	nMasks int
	ofNode [][]uint32 // per tree and node: its mask
}

func newAsker(e *Ensemble) *asker {
	if q := e.asked(); q != nil {
		return &asker{e, q, q.nMasks, q.ofNode}
	}
	a := &asker{e: e, ofNode: make([][]uint32, len(e.Trees))}
	for t := range e.Trees {
		a.nMasks = max(a.nMasks, len(e.Trees[t].Nodes))
		for k := range e.Trees[t].Nodes {
			a.ofNode[t] = append(a.ofNode[t], uint32(k))
		}
	}
	return a
}

func (a *asker) ask(masks []uint64, num [][]float64, code [][]int32, lo, hi int) {
	if a.q != nil {
		a.q.ask(masks, num, code, lo, hi)
	}
}

func (a *asker) askTree(masks []uint64, t int, num [][]float64, code [][]int32, lo, hi int) {
	if a.q != nil {
		return
	}
	tree := &a.e.Trees[t]
	clear(masks)
	for k := range tree.Nodes {
		for i := lo; i < hi; i++ {
			if a.e.goesLeft(tree, &tree.Nodes[k], num, code, i) {
				masks[k] |= 1 << (i - lo)
			}
		}
	}
}

// shapTree is a tree prepared for attribution of many rows to one output.
type shapTree struct {
	tree *Tree
	mean float64

	question []uint32   // of each node: the mask that answers it
	cells    []shapCell // all leaves are in tables
	deep     []deepCell // of leaves with too many columns for one table
	walks    bool       // tables would not be worth it: rows go down the nodes
}

// newShapTree prepares tree t for n rows, of so many trees in memory.
func (e *Ensemble) newShapTree(t, out int, question []uint32, n, trees int) *shapTree {
	f := e.factsOf(t)
	p := &shapTree{tree: &e.Trees[t], question: question, mean: f.mean[out]}
	p.walks = len(p.tree.Nodes) > 0 && !p.makeCells(out, cellBudget(n, trees, len(p.tree.Nodes)*f.points))
	return p
}

type shapScratch struct {
	masks  [][]uint64 // of each group of rows
	number [2][maskRows]uint16
}

func newShapScratch(nMasks, groups int) *shapScratch {
	s := &shapScratch{masks: make([][]uint64, groups)}
	for g := range s.masks {
		s.masks[g] = make([]uint64, nMasks)
	}
	return s
}

// attribute adds the tree's Shapley values to phi, given the masks of at most 64 rows.
func (p *shapTree) attribute(s *shapScratch, masks []uint64, phi []float64, nCols int) {
	for i := range p.cells {
		p.cells[i].add(s, masks, phi, nCols)
	}
	for i := range p.deep {
		p.deep[i].add(s, masks, phi, nCols)
	}
}

// gaussLegendre returns the k points and weights on [0, 1] that integrate polynomials up to degree 2k−1 exactly:
// the roots of the Legendre polynomial, by Newton's method from Chebyshev's guess.
func gaussLegendre(k int) (point, weight []float64) {
	point, weight = make([]float64, k), make([]float64, k)
	for i := range k {
		x := math.Cos(math.Pi * (float64(i) + 0.75) / (float64(k) + 0.5))
		slope := 0.0
		for range 100 {
			p, before := 1.0, 0.0
			for n := 1; n <= k; n++ {
				p, before = ((2*float64(n)-1)*x*p-(float64(n)-1)*before)/float64(n), p
			}
			slope = float64(k) * (x*p - before) / (x*x - 1)
			step := p / slope
			x -= step
			if math.Abs(step) < 1e-16 {
				break
			}
		}
		point[i], weight[i] = (1-x)/2, 1/((1-x*x)*slope*slope)
	}
	return point, weight
}
