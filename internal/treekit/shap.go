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
// once, and rows only look up their cases: see shapCell.
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
			plans[lo] = newShapTree(&e.Trees[t], out-e.Trees[t].Out, asker.ofNode[t], cellBudget(n, turn))
		})
		for _, p := range plans {
			base += p.mean
		}
		kernel.Parallel(n, threads, rows, func(lo, hi int) {
			s := newShapScratch(plans, asker.nMasks, (hi-lo+maskRows-1)/maskRows)
			for g := range s.masks {
				first := lo + g*maskRows
				asker.ask(s.masks[g], num, code, first, min(hi, first+maskRows))
			}
			for k, p := range plans {
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
	maxTurnCells = 1 << 22 // and the numbers in their tables: 32 MB
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

// shapTree is a tree prepared for attribution to one output: its edges in preorder, so that a parent's come first.
type shapTree struct {
	tree  *Tree
	k     int // points of quadrature
	edges []shapEdge
	mean  float64

	question []uint32   // of each node: the mask that answers it
	cells    []shapCell // all leaves are in tables; nil if there are none
	deep     []deepCell // of leaves with too many columns for one table

	// tables holds, per edge, four vectors of k numbers, where z is the share of the cover that the edge's column passes on
	// from the root to here and y the same one question of that column earlier (1 if there is none):
	//
	//	0  (t + (1−t)z) / (t + (1−t)y)      the factor that changes when the row passes here
	//	1  (1−t)z / (t + (1−t)y)            … when it had passed so far, and turns off here
	//	2  A(z) − A(y)                      what phi gains per unit of the sum below, when the row passes
	//	3  −1/(1−t) − A(y)                  … when it turns off here
	//
	// with A(z) = (1−z)/(t+(1−t)z). When it has turned off earlier, the factor is z/y and phi gains nothing.
	tables []float64
}

type shapEdge struct {
	node   int32   // the parent, whose question it is
	col    int32   //
	parent int32   // edge that leads to the parent; −1 at the root
	before int32   // last edge above with the same column, −1 if none
	leaf   int32   // ≥ 0 where the edge ends in a leaf
	right  bool    // the edge of the answer no
	share  float64 // z/y
	value  float64 // the leaf's value
}

// newShapTree prepares a tree with tables of about so many numbers, or none if budget is 0 or too small for it.
func newShapTree(t *Tree, out int, question []uint32, budget int) *shapTree {
	p := &shapTree{tree: t, question: question}
	if len(t.Nodes) == 0 {
		p.mean = t.Leaf[out]
		return p
	}
	p.edges = make([]shapEdge, 0, 2*len(t.Nodes))
	z := make([]float64, 0, 2*len(t.Nodes)) // of each edge
	deepest := 0
	var walk func(node, parent int32, reach float64, nCols int)
	walk = func(node, parent int32, reach float64, nCols int) {
		n := &t.Nodes[node]
		coverOf := func(kid int32) float64 {
			if kid < 0 {
				return t.Cover[^kid]
			}
			return t.Nodes[kid].Cover
		}
		before := parent
		for before >= 0 && p.edges[before].col != n.Col {
			before = p.edges[before].parent
		}
		y, cols := 1.0, nCols+1
		if before >= 0 {
			y, cols = z[before], nCols
		}
		deepest = max(deepest, cols)
		left, right := coverOf(n.Left), coverOf(n.Right)
		for side, kid := range [2]int32{n.Left, n.Right} {
			share := 0.5
			if total := left + right; total > 0 {
				share = [2]float64{left / total, right / total}[side]
			}
			e := shapEdge{node: node, col: n.Col, parent: parent, before: before, leaf: -1, right: side == 1, share: share}
			if kid < 0 {
				e.leaf = ^kid
				e.value = t.Leaf[int(^kid)*t.Width+out]
				p.mean += reach * share * e.value
			}
			at := int32(len(p.edges))
			p.edges, z = append(p.edges, e), append(z, y*share)
			if kid >= 0 {
				walk(kid, at, reach*share, cols)
			}
		}
	}
	walk(0, -1, 1, 0)
	if budget == 0 || !p.makeCells(out, budget) {
		p.makeSteps(z, (deepest+1)/2)
	}
	return p
}

// makeSteps fills tables, given the share of the cover that each edge's column passes on.
func (p *shapTree) makeSteps(z []float64, k int) {
	p.k = k
	ts, weight := gaussLegendre(p.k)
	p.tables = make([]float64, 4*p.k*len(p.edges))
	for i := range p.edges {
		e := &p.edges[i]
		y := 1.0
		if e.before >= 0 {
			y = z[e.before]
		}
		v := p.tables[4*p.k*i:]
		for q, t := range ts {
			pass, passed := t+(1-t)*z[i], t+(1-t)*y
			v[q] = pass / passed
			v[p.k+q] = (1 - t) * z[i] / passed
			v[2*p.k+q] = (1-z[i])/pass - (1-y)/passed
			v[3*p.k+q] = -1/(1-t) - (1-y)/passed
			// The weights of the quadrature go into the last factors, once for every leaf.
			for s := range 4 {
				if s >= 2 {
					v[s*p.k+q] *= weight[q]
				}
			}
		}
	}
}

type shapScratch struct {
	masks   [][]uint64         // of each group of rows
	product []float64          // per edge, k: product of factors from the root to here
	below   []float64          // per edge, k: Σ over leaves below of value × product
	state   []uint8            // per edge: 0 passes, 1 turns off here, 2 had turned off
	answers [maskRows][]uint64 // per row and node, one bit: the row goes left
	number  [2][maskRows]uint16
}

func newShapScratch(plans []*shapTree, nMasks, groups int) *shapScratch {
	size, edges, nodes := 0, 0, 0
	for _, p := range plans {
		if p.k > 0 {
			size, edges, nodes = max(size, p.k*len(p.edges)), max(edges, len(p.edges)), max(nodes, len(p.tree.Nodes))
		}
	}
	s := &shapScratch{masks: make([][]uint64, groups), product: make([]float64, size), below: make([]float64, size), state: make([]uint8, edges)}
	for g := range s.masks {
		s.masks[g] = make([]uint64, nMasks)
	}
	for r := range s.answers {
		s.answers[r] = make([]uint64, (nodes+63)/64)
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
	if p.k == 0 {
		return
	}
	for w := 0; w < len(p.question); w += 64 {
		var square [64]uint64
		for i, q := range p.question[w:min(w+64, len(p.question))] {
			square[i] = masks[q]
		}
		transpose(&square)
		for r, answers := range square {
			s.answers[r][w/64] = answers
		}
	}
	for r := 0; len(phi) > 0; r, phi = r+1, phi[nCols:] {
		p.walkEdges(s, s.answers[r], phi[:nCols])
	}
}

// walkEdges goes down the tree with the products and up with the sums.
func (p *shapTree) walkEdges(s *shapScratch, answers []uint64, phi []float64) {
	k := p.k
	for i := range p.edges {
		e := &p.edges[i]
		state := uint8(0)
		switch {
		case e.before >= 0 && s.state[e.before] != 0:
			state = 2
		case answers[e.node/64]>>(e.node%64)&1 != 0 == e.right:
			state = 1
		}
		s.state[i] = state
		product := s.product[k*i : k*i+k]
		switch {
		case state == 2 && e.parent < 0:
			panic("treekit: a root edge cannot have turned off before")
		case state == 2:
			for q, v := range s.product[k*int(e.parent):][:k] {
				product[q] = v * e.share
			}
		case e.parent < 0:
			copy(product, p.tables[4*k*i+k*int(state):])
		default:
			factor := p.tables[4*k*i+k*int(state):][:k]
			for q, v := range s.product[k*int(e.parent):][:k] {
				product[q] = v * factor[q]
			}
		}
		below := s.below[k*i : k*i+k]
		if e.leaf >= 0 {
			for q, v := range product {
				below[q] = v * e.value
			}
		} else {
			clear(below)
		}
	}
	for i := len(p.edges) - 1; i >= 0; i-- {
		e := &p.edges[i]
		below := s.below[k*i : k*i+k]
		if state := s.state[i]; state != 2 {
			gain := p.tables[4*k*i+k*(2+int(state)):][:k]
			sum := 0.0
			for q, v := range below {
				sum += v * gain[q]
			}
			phi[e.col] += sum
		}
		if e.parent >= 0 {
			for q, v := range s.below[k*int(e.parent):][:k] {
				s.below[k*int(e.parent)+q] = v + below[q]
			}
		}
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
