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
// Where many rows are asked for, a leaf's few columns make few different cases: what each adds is then put into a table once
// (2^d·d numbers a leaf), and a row only looks up its cases. The time falls to O(leaves·d), about 0.3 µs a tree of 31 leaves.
func (e *Ensemble) Attribute(x *table.Table, out, threads int) (base float64, phi []float64) {
	n := x.NRows()
	phi = make([]float64, n*e.NCols)
	num, code := columnsOf(x)
	f := e.scorer()
	base = e.Base[out]
	var own []int // trees that add to the output
	for t := range e.Trees {
		if tree := &e.Trees[t]; out >= tree.Out && out < tree.Out+tree.Width {
			own = append(own, t)
		}
	}
	// Trees are prepared and used in turns, so that memory stays bounded for large forests.
	for len(own) > 0 {
		turn, nodes := 0, 0
		for turn < len(own) && turn < maxTurn && (turn == 0 || nodes < maxTurnNodes) {
			nodes += len(e.Trees[own[turn]].Nodes)
			turn++
		}
		plans := make([]*shapTree, turn)
		kernel.Parallel(turn, threads, 1, func(lo, _ int) {
			tree := &e.Trees[own[lo]]
			plans[lo] = newShapTree(tree, out-tree.Out)
			if n >= worthTables {
				plans[lo].makeTables()
			}
		})
		for _, p := range plans {
			base += p.mean
		}
		kernel.Parallel(n, threads, shapRows, func(lo, hi int) {
			s := newShapScratch(plans)
			if f == nil {
				e.attributePlain(plans, s, phi, num, code, lo, hi)
				return
			}
			s.codes = make([]uint16, (hi-lo)*f.nSlots+1)
			f.encode(s.codes, num, code, lo, hi)
			for k, p := range plans {
				for i := lo; i < hi; i++ {
					answers(f.asked[own[k]], s.codes[(i-lo)*f.nSlots:], s.answers[:(len(p.tree.Nodes)+63)/64])
					p.attribute(s, phi[i*e.NCols:(i+1)*e.NCols])
				}
			}
		})
		own = own[turn:]
	}
	return base, phi
}

const (
	maxTurn      = 128     // trees prepared at once
	maxTurnNodes = 1 << 14 // and their nodes, at about 1 kB each
	shapRows     = 64      // rows per task
	worthTables  = 256     // rows for which making tables pays
)

// shapTree is a tree prepared for attribution to one output: its edges in preorder, so that a parent's come first.
type shapTree struct {
	tree  *Tree
	k     int // points of quadrature
	edges []shapEdge
	mean  float64

	leaves []leafTable // nil if there are no tables

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

func newShapTree(t *Tree, out int) *shapTree {
	p := &shapTree{tree: t}
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
	p.k = (deepest + 1) / 2
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
	return p
}

// A leafTable has what a leaf adds to each column of its path in every case: which of them let the row pass.
type leafTable struct {
	cols []int32
	// Column j lets the row pass if its answers agree with want[j] wherever mask[j] is set.
	mask, want []uint64
	phi        []float64 // (2^d, d)
}

const (
	maxTableCols = 10      // of one leaf
	maxTable     = 1 << 16 // numbers of a whole tree: half a megabyte, to stay in the second-level cache
)

// makeTables makes the tables of all leaves, or none if they were too large.
func (p *shapTree) makeTables() {
	if len(p.tree.Nodes) > 64 {
		return
	}
	var leaves []leafTable
	size := 0
	for at := range p.edges {
		if p.edges[at].leaf < 0 {
			continue
		}
		var l leafTable
		var z []float64
		for i := int32(at); i >= 0; i = p.edges[i].parent {
			e := &p.edges[i]
			j := 0
			for j < len(l.cols) && l.cols[j] != e.col {
				j++
			}
			if j == len(l.cols) {
				l.cols, l.mask, l.want, z = append(l.cols, e.col), append(l.mask, 0), append(l.want, 0), append(z, 1)
			}
			l.mask[j] |= 1 << e.node
			if !e.right {
				l.want[j] |= 1 << e.node
			}
			z[j] *= e.share
		}
		d := len(l.cols)
		if size += d << d; d > maxTableCols || size > maxTable {
			return
		}
		l.fill(z, p.edges[at].value)
		leaves = append(leaves, l)
	}
	p.leaves = leaves
}

// fill computes the table by the formula of [Ensemble.Attribute].
func (l *leafTable) fill(z []float64, value float64) {
	d := len(z)
	k := (d + 1) / 2
	ts, weight := gaussLegendre(k)
	// factor[o] is (k, d): t·o + (1−t)·z.
	var factor, inverse [2][]float64
	for o := range factor {
		factor[o], inverse[o] = make([]float64, k*d), make([]float64, k*d)
		for q, t := range ts {
			for j := range z {
				v := t*float64(o) + (1-t)*z[j]
				factor[o][q*d+j] = v
				if v > 0 { // else z is 0 as o is, and the column adds nothing
					inverse[o][q*d+j] = 1 / v
				}
			}
		}
	}
	l.phi = make([]float64, d<<d)
	for c := range 1 << d {
		phi := l.phi[c*d : (c+1)*d]
		for q, w := range weight {
			product := value * w
			for j := range z {
				product *= factor[c>>j&1][q*d+j]
			}
			for j := range z {
				phi[j] += product * inverse[c>>j&1][q*d+j]
			}
		}
		for j := range z {
			phi[j] *= float64(c>>j&1) - z[j]
		}
	}
}

type shapScratch struct {
	product []float64 // per edge, k: product of factors from the root to here
	below   []float64 // per edge, k: Σ over leaves below of value × product
	state   []uint8   // per edge: 0 passes, 1 turns off here, 2 had turned off
	answers []uint64  // per node, one bit: the row goes left
	codes   []uint16
}

func newShapScratch(plans []*shapTree) *shapScratch {
	size, edges, nodes := 0, 0, 0
	for _, p := range plans {
		size, edges, nodes = max(size, p.k*len(p.edges)), max(edges, len(p.edges)), max(nodes, len(p.tree.Nodes))
	}
	return &shapScratch{
		product: make([]float64, size), below: make([]float64, size),
		state: make([]uint8, edges), answers: make([]uint64, (nodes+63)/64),
	}
}

// attributePlain asks the trees as they are written, for ensembles too large to compile.
func (e *Ensemble) attributePlain(plans []*shapTree, s *shapScratch, phi []float64, num [][]float64, code [][]int32, lo, hi int) {
	for _, p := range plans {
		for i := lo; i < hi; i++ {
			clear(s.answers)
			for k := range p.tree.Nodes {
				if e.goesLeft(p.tree, &p.tree.Nodes[k], num, code, i) {
					s.answers[k/64] |= 1 << (k % 64)
				}
			}
			p.attribute(s, phi[i*e.NCols:(i+1)*e.NCols])
		}
	}
}

// attribute adds the tree's Shapley values to phi, given the answer of each node.
func (p *shapTree) attribute(s *shapScratch, phi []float64) {
	switch {
	case p.leaves != nil:
		p.lookUp(s.answers[0], phi)
	case len(p.edges) > 0:
		p.walkEdges(s, phi)
	}
}

func (p *shapTree) lookUp(answers uint64, phi []float64) {
	for i := range p.leaves {
		l := &p.leaves[i]
		d := len(l.cols)
		c := 0
		for j, mask := range l.mask {
			differs := (answers ^ l.want[j]) & mask
			c |= int((differs-1)&^differs>>63) << j // 1 if nothing differs
		}
		for j, v := range l.phi[c*d : c*d+d] {
			phi[l.cols[j]] += v
		}
	}
}

// walkEdges goes down the tree with the products and up with the sums.
func (p *shapTree) walkEdges(s *shapScratch, phi []float64) {
	k := p.k
	for i := range p.edges {
		e := &p.edges[i]
		state := uint8(0)
		switch {
		case e.before >= 0 && s.state[e.before] != 0:
			state = 2
		case s.answers[e.node/64]>>(e.node%64)&1 != 0 == e.right:
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
