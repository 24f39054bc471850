package treekit

import "kequn/internal/kernel"

// shapFacts is what attribution needs to know of a tree, whatever the rows.
type shapFacts struct {
	points int       // of quadrature: half the most different columns on a path
	depth  int       // the most nodes on a path
	mean   []float64 // per value of a leaf: the cover-weighted mean
}

func (e *Ensemble) factsOf(t int) *shapFacts {
	e.count.Do(func() {
		e.facts = make([]shapFacts, len(e.Trees))
		kernel.Parallel(len(e.Trees), 0, 16, func(lo, hi int) {
			asked := make([]int, e.NCols)
			for t := lo; t < hi; t++ {
				e.facts[t] = newShapFacts(&e.Trees[t], asked)
			}
		})
	})
	return &e.facts[t]
}

func newShapFacts(t *Tree, asked []int) shapFacts {
	f := shapFacts{mean: make([]float64, t.Width)}
	if len(t.Nodes) == 0 {
		copy(f.mean, t.Leaf)
		return f
	}
	most := 0
	var walk func(kid int32, reach float64, depth, cols int)
	walk = func(kid int32, reach float64, depth, cols int) {
		f.depth, most = max(f.depth, depth), max(most, cols)
		if kid < 0 {
			for w, v := range t.Leaf[int(^kid)*t.Width:][:t.Width] {
				f.mean[w] += reach * v
			}
			return
		}
		n := &t.Nodes[kid]
		if asked[n.Col]++; asked[n.Col] == 1 {
			cols++
		}
		left, right := t.shares(n)
		walk(n.Left, reach*left, depth+1, cols)
		walk(n.Right, reach*right, depth+1, cols)
		asked[n.Col]--
	}
	walk(0, 1, 0, 0)
	f.points = (most + 1) / 2
	return f
}

// shares returns which shares of the node's cover go left and right.
func (t *Tree) shares(n *Node) (left, right float64) {
	l, r := coverOf(t, n.Left), coverOf(t, n.Right)
	if total := l + r; total > 0 {
		return l / total, r / total
	}
	return 0.5, 0.5
}

// rowShap goes down trees with one row after the other.
//
// On the way down, product has for each point of the quadrature (its weight and) the product of the factors t·o + (1−t)·z of the
// columns asked so far; on the way up, below has the sum over the leaves below of product × value. Column j gains, at the edge that asks it for
// the first time, Σ below·(o−z)/(t·o + (1−t)·z). Asked again, its factor changes: product is divided by the old one, and phi loses what
// the old one gave to the leaves below and gains what the new one does. Once it has turned off it stays off: only its share
// changes then, and phi knows of it already.
type rowShap struct {
	e    *Ensemble
	num  [][]float64
	code [][]int32
	row  int
	phi  []float64 // of the row

	rules  [][4][]float64 // per number of points: t, 1−t, weight, −1/(1−t)
	k, out int
	t, u   []float64
	gone   []float64

	product, below []float64 // per depth, k
	inverse        []float64 // per depth, k: 1/factor of the column asked there
	z              []float64 // per column: share of the cover that it passes on so far
	at             []int     // per column: depth of its inverse, 0 if it was not asked
	off            []bool    // per column: the row did not pass
}

// newRowShap returns a walker with room for the given trees.
func (e *Ensemble) newRowShap(trees []int, num [][]float64, code [][]int32) *rowShap {
	points, room := 0, 0
	for _, t := range trees {
		f := e.factsOf(t)
		points, room = max(points, f.points), max(room, (f.depth+1)*f.points)
	}
	s := &rowShap{e: e, num: num, code: code, rules: make([][4][]float64, points+1),
		product: make([]float64, room), below: make([]float64, room), inverse: make([]float64, room),
		z: make([]float64, e.NCols), at: make([]int, e.NCols), off: make([]bool, e.NCols)}
	for c := range s.z {
		s.z[c] = 1
	}
	return s
}

// tree adds a tree's Shapley values for rows lo to hi to phi, which is of all rows.
func (s *rowShap) tree(t, out, lo, hi int, phi []float64) {
	tree, f := &s.e.Trees[t], s.e.factsOf(t)
	if len(tree.Nodes) == 0 {
		return
	}
	if s.rules[f.points][0] == nil {
		point, weight := gaussLegendre(f.points)
		r := [4][]float64{point, make([]float64, f.points), weight, make([]float64, f.points)}
		for q, t := range point {
			r[1][q], r[3][q] = 1-t, -1/(1-t)
		}
		s.rules[f.points] = r
	}
	r := &s.rules[f.points]
	s.k, s.out, s.t, s.u, s.gone = f.points, out, r[0], r[1], r[3]
	for i := lo; i < hi; i++ {
		s.row, s.phi = i, phi[i*s.e.NCols:(i+1)*s.e.NCols]
		copy(s.product, r[2])
		s.node(tree, 0, 0)
	}
}

// node goes through what lies below a node, and leaves its sum in below.
func (s *rowShap) node(tree *Tree, node int32, depth int) {
	k := s.k
	n := &tree.Nodes[node]
	col := n.Col
	product, below := s.product[depth*k:][:k], s.below[depth*k:][:k]
	next, under := s.product[(depth+1)*k:][:k], s.below[(depth+1)*k:][:k]
	t, u := s.t[:k], s.u[:k]
	left := s.e.goesLeft(tree, n, s.num, s.code, s.row)
	toLeft, toRight := tree.shares(n)
	y, at, off := s.z[col], s.at[col], s.off[col]
	before := s.inverse[at*k:][:k] // not used if at is 0
	for side, kid := range [2]int32{n.Left, n.Right} {
		share := toLeft
		if side == 1 {
			share = toRight
		}
		z, sum := y*share, 0.0
		switch passes := left == (side == 0); {
		case off:
			for q, v := range product {
				next[q] = v * share
			}
			s.kid(tree, kid, depth+1, next, under)
		case passes:
			inverse := s.inverse[(depth+1)*k:][:k]
			if at == 0 {
				for q, v := range product {
					pass := t[q] + u[q]*z
					next[q], inverse[q] = v*pass, 1/pass
				}
			} else {
				for q, v := range product {
					pass := t[q] + u[q]*z
					next[q], inverse[q] = v*pass*before[q], 1/pass
				}
			}
			s.z[col], s.at[col] = z, depth+1
			s.kid(tree, kid, depth+1, next, under)
			s.z[col], s.at[col] = y, at
			if at == 0 {
				for q, v := range under {
					sum += v * inverse[q]
				}
				sum *= 1 - z
			} else {
				for q, v := range under {
					sum += v * ((1-z)*inverse[q] - (1-y)*before[q])
				}
			}
		default:
			if at == 0 {
				for q, v := range product {
					next[q] = v * u[q] * z
				}
			} else {
				for q, v := range product {
					next[q] = v * u[q] * z * before[q]
				}
			}
			s.off[col] = true
			s.kid(tree, kid, depth+1, next, under)
			s.off[col] = false
			gone := s.gone[:k]
			if at == 0 {
				for q, v := range under {
					sum += v * gone[q]
				}
			} else {
				for q, v := range under {
					sum += v * (gone[q] - (1-y)*before[q])
				}
			}
		}
		s.phi[col] += sum
		if side == 0 {
			copy(below, under)
			continue
		}
		for q, v := range under {
			below[q] += v
		}
	}
}

func (s *rowShap) kid(tree *Tree, kid int32, depth int, product, below []float64) {
	if kid >= 0 {
		s.node(tree, kid, depth)
		return
	}
	value := tree.Leaf[int(^kid)*tree.Width+s.out]
	for q, v := range product {
		below[q] = v * value
	}
}

// treesTogether is how many trees a task takes for few rows. What tasks add is put together in their order, so that it does not
// depend on threads.
const treesTogether = 16

// attributeFew adds the Shapley values of the given trees for fewer than 64 rows to phi.
func (e *Ensemble) attributeFew(num [][]float64, code [][]int32, trees []int, out, threads int, phi []float64) {
	n := len(phi) / max(1, e.NCols)
	parts := make([][]float64, (len(trees)+treesTogether-1)/treesTogether)
	kernel.Parallel(len(parts), threads, 1, func(p, _ int) {
		part := make([]float64, len(phi))
		own := trees[p*treesTogether : min(len(trees), (p+1)*treesTogether)]
		s := e.newRowShap(own, num, code)
		for _, t := range own {
			s.tree(t, out-e.Trees[t].Out, 0, n, part)
		}
		parts[p] = part
	})
	for _, part := range parts {
		for i, v := range part {
			phi[i] += v
		}
	}
}
