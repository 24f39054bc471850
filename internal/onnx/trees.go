package onnx

import "math"

// Question is one node of a tree. Rows for which the answer is yes go to Yes.
type Question struct {
	Col     int       // of the matrix that is asked
	Split   float64   // a number: value ≤ Split
	Members []float64 // a category: the value is one of these (then Split is not used)
	Missing bool      // the answer for NaN
	Yes, No int32     // index of a question, or ^leaf
}

// Leaf adds a value to one of the outputs.
type Leaf struct {
	Output int
	Value  float64
}

// Trees is a sum of trees. Roots are indexes of questions; a tree has at least one.
type Trees struct {
	Outputs   int
	Questions []Question
	Leaves    []Leaf
	Roots     []int
}

// Modes of questions in TreeEnsemble.
const (
	modeLessEqual = 0
	modeMember    = 6
)

// Trees returns the sum of the leaves that each row of x, (rows, cols), reaches: (rows, outputs).
func (g *Graph) Trees(x Value, t *Trees) Value {
	n := len(t.Questions)
	modes, cols, missing := make([]int64, n), make([]int64, n), make([]int64, n)
	kids := [2][2][]int64{} // yes and no: whether it is a leaf, and which
	for side := range kids {
		kids[side] = [2][]int64{make([]int64, n), make([]int64, n)}
	}
	splits := make([]float64, n)
	var members []float64
	for i := range t.Questions {
		q := &t.Questions[i]
		cols[i], splits[i] = int64(q.Col), q.Split
		if q.Missing {
			missing[i] = 1
		}
		if q.Members != nil {
			modes[i], splits[i] = modeMember, 0
			members = append(append(members, q.Members...), math.NaN()) // NaN ends a set
		}
		for side, kid := range [2]int32{q.Yes, q.No} {
			kids[side][1][i] = int64(kid)
			if kid < 0 {
				kids[side][0][i], kids[side][1][i] = 1, int64(^kid)
			}
		}
	}
	outputs, values := make([]int64, len(t.Leaves)), make([]float64, len(t.Leaves))
	for i, l := range t.Leaves {
		outputs[i], values[i] = int64(l.Output), l.Value
	}
	roots := make([]int64, len(t.Roots))
	for i, r := range t.Roots {
		roots[i] = int64(r)
	}
	attrs := []attr{
		intAttr("aggregate_function", 1), intAttr("post_transform", 0), intAttr("n_targets", int64(t.Outputs)), intsAttr("tree_roots", roots),
		tensorAttr("nodes_modes", &tensor{name: "nodes_modes", dims: []int64{int64(n)}, kind: typeUint8, ints: modes}),
		intsAttr("nodes_featureids", cols), doublesAttr("nodes_splits", splits), intsAttr("nodes_missing_value_tracks_true", missing),
		intsAttr("nodes_trueleafs", kids[0][0]), intsAttr("nodes_truenodeids", kids[0][1]),
		intsAttr("nodes_falseleafs", kids[1][0]), intsAttr("nodes_falsenodeids", kids[1][1]),
		intsAttr("leaf_targetids", outputs), doublesAttr("leaf_weights", values),
	}
	if members != nil {
		attrs = append(attrs, doublesAttr("membership_values", members))
	}
	return g.add(mlDomain, "TreeEnsemble", attrs, x)
}

// LeafIndex returns for each row of x and each tree the value of its leaf, as whole numbers: (rows, trees). The leaves' outputs must be
// their trees' numbers and their values whole.
func (g *Graph) LeafIndex(x Value, t *Trees) Value { return g.whole(g.Trees(x, t)) }

// LookupSum adds up the rows of a table, (_, cols), that a (rows, n) value of whole numbers names: (rows, cols).
func (g *Graph) LookupSum(index Value, cols int, values []float64) Value {
	deep := g.add("", "Gather", []attr{intAttr("axis", 0)}, g.Matrix(cols, values), index) // (rows, n, cols)
	return g.add("", "ReduceSum", []attr{intAttr("keepdims", 0)}, deep, g.wholes(1))
}

// Interpolate returns the lines through (x[i], y[i·k+c]) at each v, (rows, 1), for c below k: (rows, k). They are constant before the first
// and after the last point. x rises strictly. What it gives for NaN means nothing.
func (g *Graph) Interpolate(v Value, x, y []float64, k int) Value {
	// A tree finds the piece, the number of x below v; a table has where each begins, its width, its heights and what they rise by.
	n, cols := len(x), 2+2*k
	table := make([]float64, 0, cols*(n+1))
	for i := range n + 1 {
		from, to := max(i-1, 0), min(i, n-1)
		if from == to {
			table = append(table, 0, 1)
		} else {
			table = append(table, x[from], x[to]-x[from])
		}
		table = append(table, y[from*k:(from+1)*k]...)
		for c := range k {
			table = append(table, y[to*k+c]-y[from*k+c])
		}
	}
	piece := g.Lookup(g.whole(g.Trees(v, steps(x))), cols, table)
	// Outside of all points lines rise by 0, but 0·∞ would be NaN.
	share := g.Clamp(g.Op("Div", g.Op("Sub", v, g.Pick(piece, 0)), g.Pick(piece, 1)), 0, 1)
	return g.Op("Add", g.picks(piece, 2, k), g.Op("Mul", g.picks(piece, 2+k, k), share))
}

// picks returns n columns of a value.
func (g *Graph) picks(v Value, from, n int) Value {
	at := make([]int64, n)
	for i := range at {
		at[i] = int64(from + i)
	}
	return g.add("", "Gather", []attr{intAttr("axis", 1)}, v, g.wholes(at...))
}

// Place returns how many borders, rising, are below each x, (rows, 1), as whole numbers; missing for NaN.
func (g *Graph) Place(x Value, borders []float64, missing int64) Value {
	if len(borders) == 0 {
		return g.IfMissing(x, g.wholes(missing), g.wholes(0))
	}
	return g.IfMissing(x, g.wholes(missing), g.whole(g.Trees(x, steps(borders))))
}

// LookupWhole returns the entry of a list that each code, (rows, 1), names.
func (g *Graph) LookupWhole(code Value, values []int64) Value {
	return g.add("", "Gather", []attr{intAttr("axis", 0)}, g.wholes(values...), code)
}

// steps is the tree that counts how many of x, rising, are below a value.
func steps(x []float64) *Trees {
	t := &Trees{Outputs: 1, Roots: []int{0}}
	var grow func(lo, hi int) int32 // the count lies in [lo, hi]
	grow = func(lo, hi int) int32 {
		if lo == hi {
			t.Leaves = append(t.Leaves, Leaf{Value: float64(lo)})
			return ^int32(len(t.Leaves) - 1)
		}
		at, mid := len(t.Questions), (lo+hi)/2
		t.Questions = append(t.Questions, Question{Split: x[mid], Missing: true})
		yes := grow(lo, mid)
		no := grow(mid+1, hi)
		t.Questions[at].Yes, t.Questions[at].No = yes, no
		return int32(at)
	}
	grow(0, len(x))
	return t
}
