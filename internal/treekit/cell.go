package treekit

import "slices"

// A shapCell has what all leaves below some node add to each column, for every state a row can be in:
//
//	path columns        bit j: column j lets the row pass, on the way from the root to the node
//	questions below     bit k: the answer to the k-th different question below the node
//
// A single leaf has no questions below it. A symmetric tree, with one question a level, is a cell as a whole: what it adds
// depends on the leaf alone. States that no row can be in are computed too; nobody asks for them.
type shapCell struct {
	bits []cellBit
	cols []int32
	phi  []float64 // (2^bits, cols)
}

// cellBit is set for rows that give all its answers.
type cellBit []answer

// answer is yes or no to a question.
type answer struct {
	question uint32
	not      uint64 // all ones for no
}

func (b cellBit) rows(masks []uint64) uint64 {
	rows := uint64(everyRow)
	for _, a := range b {
		rows &= masks[a.question] ^ a.not
	}
	return rows
}

const (
	maxCellBits = 12
	maxLeafSize = 1 << 13 // numbers of a table with one leaf: 64 kB; above, two smaller ones are multiplied
	maxHalf     = 10      // columns of each of these
)

// cellBudget is how many numbers a tree's tables may have when n rows are asked for, so many trees are in memory and going down
// the tree takes so many steps (nodes × points). Measured on trees of 15 to 1000 leaves: tables pay once rows × steps are 4 times
// their numbers, and larger ones than mostCells do not, for then each look-up misses the cache.
func cellBudget(n, trees, steps int) int {
	return min(maxTurnCells/trees, n*steps/4, mostCells)
}

const mostCells = 1 << 17 // 1 MB

// pathStep is one edge of a path.
type pathStep struct {
	col      int32
	question uint32
	left     bool
	share    float64
}

type cellMaker struct {
	p      *shapTree
	out    int
	merged int  // most numbers of a table with several leaves
	left   int  // of the budget
	dry    bool // only count
	path   []pathStep
	below  [][]uint32 // per node: the different questions at and below it; nil if too many
}

// makeCells makes the tables, or tells that they would be larger than the budget.
func (p *shapTree) makeCells(out, budget int) bool {
	m := &cellMaker{p: p, out: out, left: budget, merged: 1 << 11, below: make([][]uint32, len(p.tree.Nodes))}
	for i := len(p.tree.Nodes) - 1; i >= 0; i-- {
		own := []uint32{p.question[i]}
		for _, kid := range [2]int32{p.tree.Nodes[i].Left, p.tree.Nodes[i].Right} {
			if kid < 0 {
				continue
			}
			if m.below[kid] == nil {
				own = nil
				break
			}
			for _, q := range m.below[kid] {
				if !slices.Contains(own, q) {
					own = append(own, q)
				}
			}
		}
		if len(own) <= maxCellBits {
			m.below[i] = own
		}
	}
	m.dry = true
	if !m.make(0) {
		return false
	}
	m.dry, m.left = false, budget
	return m.make(0)
}

// make makes the cells of the leaves at and below kid, whose path is m.path.
func (m *cellMaker) make(kid int32) bool {
	t := m.p.tree
	cols, bits, z := m.pathColumns()
	if kid < 0 {
		value := t.Leaf[int(^kid)*t.Width+m.out]
		d := len(cols)
		if d<<d > maxLeafSize {
			return m.makeDeep(cols, bits, z, value)
		}
		if m.left -= d << d; m.dry || m.left < 0 {
			return m.left >= 0
		}
		return m.keep(shapCell{bits, cols, leafTable(z, value)})
	}
	if below := m.below[kid]; below != nil {
		cols = m.columnsBelow(kid, cols)
		if n := len(bits) + len(below); n <= maxCellBits && len(cols)<<n <= m.merged {
			if m.left -= len(cols) << n; m.dry || m.left < 0 {
				return m.left >= 0
			}
			c := shapCell{bits, cols, make([]float64, len(cols)<<n)}
			for _, q := range below {
				c.bits = append(c.bits, cellBit{{question: q}})
			}
			m.addLeaves(&c, kid, below, len(bits), len(m.path))
			return m.keep(c)
		}
	}
	return m.toKids(kid, m.make)
}

// toKids calls f for the children of a node, each with its edge on the path.
func (m *cellMaker) toKids(node int32, f func(kid int32) bool) bool {
	t := m.p.tree
	n := &t.Nodes[node]
	left, right := coverOf(t, n.Left), coverOf(t, n.Right)
	share := 0.5
	if total := left + right; total > 0 {
		share = left / total
	}
	m.path = append(m.path, pathStep{n.Col, m.p.question[node], true, share})
	ok := f(n.Left)
	if ok {
		if total := left + right; total > 0 {
			share = right / total
		}
		last := &m.path[len(m.path)-1]
		last.left, last.share = false, share
		ok = f(n.Right)
	}
	m.path = m.path[:len(m.path)-1]
	return ok
}

func coverOf(t *Tree, kid int32) float64 {
	if kid < 0 {
		return t.Cover[^kid]
	}
	return t.Nodes[kid].Cover
}

func (m *cellMaker) keep(c shapCell) bool {
	m.p.cells = append(m.p.cells, c)
	return true
}

// pathColumns returns the different columns of the path, for each the answers that let a row pass, and the share that does.
func (m *cellMaker) pathColumns() (cols []int32, bits []cellBit, z []float64) {
	for _, s := range m.path {
		j := slices.Index(cols, s.col)
		if j < 0 {
			j = len(cols)
			cols, bits, z = append(cols, s.col), append(bits, nil), append(z, 1)
		}
		a := answer{question: s.question}
		if !s.left {
			a.not = everyRow
		}
		bits[j] = append(bits[j], a)
		z[j] *= s.share
	}
	return cols, bits, z
}

func (m *cellMaker) columnsBelow(kid int32, cols []int32) []int32 {
	if kid < 0 {
		return cols
	}
	n := &m.p.tree.Nodes[kid]
	if !slices.Contains(cols, n.Col) {
		cols = append(cols, n.Col)
	}
	return m.columnsBelow(n.Right, m.columnsBelow(n.Left, cols))
}

// addLeaves adds the tables of the leaves at and below kid to the cell's, whose bits are nPath columns of the path, of
// which the first above edges are the cell's, and the questions below.
func (m *cellMaker) addLeaves(c *shapCell, kid int32, below []uint32, nPath, above int) {
	if kid >= 0 {
		m.toKids(kid, func(kid int32) bool {
			m.addLeaves(c, kid, below, nPath, above)
			return true
		})
		return
	}
	cols, _, z := m.pathColumns()
	value := m.p.tree.Leaf[int(^kid)*m.p.tree.Width+m.out]
	phi := leafTable(z, value)
	d := len(cols)
	// Column j passes in the states that agree with want[j] where mask[j] is set. The path's columns come first in both.
	mask, want, at, never := make([]int, d), make([]int, d), make([]int, d), make([]bool, d)
	for j, col := range cols {
		at[j] = slices.Index(c.cols, col)
		if j < nPath {
			mask[j], want[j] = 1<<j, 1<<j
		}
	}
	for _, s := range m.path[above:] {
		j, bit := slices.Index(cols, s.col), 1<<(nPath+slices.Index(below, s.question))
		// Where a question was asked above too, and answered otherwise, no state agrees with both.
		never[j] = never[j] || mask[j]&bit != 0 && want[j]&bit != 0 != s.left
		mask[j] |= bit
		if s.left {
			want[j] |= bit
		}
	}
	for state := range len(c.phi) / len(c.cols) {
		k := 0
		for j := range mask {
			if state&mask[j] == want[j] && !never[j] {
				k |= 1 << j
			}
		}
		dst := c.phi[state*len(c.cols) : (state+1)*len(c.cols)]
		for j, v := range phi[k*d : (k+1)*d] {
			dst[at[j]] += v
		}
	}
}

// leafTable returns (2^d, d) Shapley values of a leaf by the formula of [Ensemble.Attribute], for each case: bit j is set
// if column j lets the row pass, of which z[j] is the share that does.
func leafTable(z []float64, value float64) []float64 {
	d := len(z)
	point, weight := gaussLegendre((d + 1) / 2)
	factor, inverse := factors(z, point)
	table := make([]float64, d<<d)
	for c := range 1 << d {
		phi := table[c*d : (c+1)*d]
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
	return table
}

// factors returns t·o + (1−t)·z for o = 0 and 1, (points, columns), and their inverses.
func factors(z, point []float64) (factor, inverse [2][]float64) {
	d := len(z)
	for o := range factor {
		factor[o], inverse[o] = make([]float64, len(point)*d), make([]float64, len(point)*d)
		for q, t := range point {
			for j := range z {
				v := t*float64(o) + (1-t)*z[j]
				factor[o][q*d+j] = v
				if v > 0 { // else z is 0 as o is, and the column adds nothing
					inverse[o][q*d+j] = 1 / v
				}
			}
		}
	}
	return factor, inverse
}

// A deepCell is a leaf with many columns, in two halves. At each point of the quadrature the product over all columns is
// that of the first half times that of the second, and each half has few cases.
type deepCell struct {
	k    int // points
	half [2]halfCell
}

type halfCell struct {
	bits []cellBit
	cols []int32
	all  []float64 // (2^d, k): product over the half's columns (the first half's with value and weight)
	each []float64 // (2^d, d, k): the same without column j, times o_j − z_j
}

func (m *cellMaker) makeDeep(cols []int32, bits []cellBit, z []float64, value float64) bool {
	if len(cols) > 2*maxHalf {
		return false
	}
	c := deepCell{k: (len(cols) + 1) / 2}
	middle := len(cols) / 2
	size := 0
	for _, d := range [2]int{middle, len(cols) - middle} {
		size += (d + 1) * c.k << d
	}
	if m.left -= size; m.dry || m.left < 0 {
		return m.left >= 0
	}
	point, weight := gaussLegendre(c.k)
	for q := range weight {
		weight[q] *= value
	}
	ones := slices.Repeat([]float64{1}, c.k)
	c.half[0] = newHalf(bits[:middle], cols[:middle], z[:middle], point, weight)
	c.half[1] = newHalf(bits[middle:], cols[middle:], z[middle:], point, ones)
	m.p.deep = append(m.p.deep, c)
	return true
}

func newHalf(bits []cellBit, cols []int32, z, point, start []float64) halfCell {
	d, k := len(z), len(point)
	h := halfCell{bits: bits, cols: cols, all: make([]float64, k<<d), each: make([]float64, d*k<<d)}
	factor, inverse := factors(z, point)
	for c := range 1 << d {
		for q := range point {
			product := start[q]
			for j := range z {
				product *= factor[c>>j&1][q*d+j]
			}
			h.all[c*k+q] = product
			for j := range z {
				h.each[(c*d+j)*k+q] = product * inverse[c>>j&1][q*d+j] * (float64(c>>j&1) - z[j])
			}
		}
	}
	return h
}

// states writes the state of every row.
func states(number *[maskRows]uint16, bits []cellBit, masks []uint64) {
	var plane [maxCellBits]uint64
	for k, b := range bits {
		plane[k] = b.rows(masks)
	}
	fromPlanes(number, plane[:len(bits)])
}

// add adds the cell's values to phi of at most 64 rows.
func (c *shapCell) add(s *shapScratch, masks []uint64, phi []float64, nCols int) {
	states(&s.number[0], c.bits, masks)
	d := len(c.cols)
	for r := 0; len(phi) > 0; r, phi = r+1, phi[nCols:] {
		at := int(s.number[0][r]) * d
		for j, v := range c.phi[at : at+d] {
			phi[c.cols[j]] += v
		}
	}
}

func (c *deepCell) add(s *shapScratch, masks []uint64, phi []float64, nCols int) {
	for h := range c.half {
		states(&s.number[h], c.half[h].bits, masks)
	}
	k := c.k
	for r := 0; len(phi) > 0; r, phi = r+1, phi[nCols:] {
		for h := range c.half {
			own, other := &c.half[h], &c.half[1-h]
			d, at, all := len(own.cols), int(s.number[h][r]), int(s.number[1-h][r])*k
			rest := other.all[all : all+k]
			for j, col := range own.cols {
				sum := 0.0
				for q, v := range own.each[(at*d+j)*k : (at*d+j+1)*k] {
					sum += v * rest[q]
				}
				phi[col] += sum
			}
		}
	}
}
