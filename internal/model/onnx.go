package model

import (
	"encoding/json"
	"math"
	"slices"

	"kequn"
	"kequn/internal/onnx"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// ONNXer is a model that can be written as a computation over columns.
type ONNXer interface {
	// ONNX adds the model to the graph, whose inputs are the columns of its header, and returns what Predict gives: (rows, NOut).
	ONNX(g *onnx.Graph) (onnx.Value, error)
}

// ExportONNX returns the model as an ONNX file. Its inputs are the header's columns, each (rows, 1): float64 with NaN for missing, or
// text with "" for missing. Its output is score, (rows, 1); of several classes scores, (rows, classes), and class, the name of the
// likeliest. The metadata name family, task and classes.
//
// Models that cannot be written so are refused with a usage error.
func ExportONNX(m Model) ([]byte, error) {
	o, ok := m.(ONNXer)
	if !ok {
		return nil, CannotExport(m.Header(), "ONNX")
	}
	h := m.Header()
	var columns []onnx.Column
	for _, c := range h.Columns {
		columns = append(columns, onnx.Column{Name: c.Name, Text: c.Kind != table.Number})
	}
	g := onnx.New(columns)
	score, err := o.ONNX(g)
	if err != nil {
		return nil, err
	}
	g.Note("family", h.Family)
	g.Note("task", string(h.Task))
	if h.Task == kequn.Multiclass {
		g.Output("scores", score, len(h.Classes))
		g.OutputClass("class", score, h.Classes)
		classes, _ := json.Marshal(h.Classes) // texts always can
		g.Note("classes", string(classes))
	} else {
		g.Output("score", score, 1)
	}
	return g.Encode(), nil
}

// CannotExport is the error of a model that cannot be written as ONNX or SQL.
func CannotExport(h Header, to string) *kequn.Error {
	err := kequn.Errorf(kequn.KindUsage, "", "%s cannot be written as %s", h.Family, to)
	if slices.ContainsFunc(h.Columns, func(c Column) bool { return c.Kind == table.Text }) {
		err = CannotExportText(h, to)
	}
	return err.WithHint("train one that can: --models linear, tree, rulelist, additive or gbdt%s", map[string]string{"ONNX": ", forest, extra"}[to])
}

// CannotExportText is the error of a model that reads free text, which is cut into words by our own program only.
func CannotExportText(h Header, to string) *kequn.Error {
	i := slices.IndexFunc(h.Columns, func(c Column) bool { return c.Kind == table.Text })
	return kequn.Errorf(kequn.KindUsage, h.Columns[i].Name, "is free text, which %s cannot read", to).WithHint("train again with --drop %s", h.Columns[i].Name)
}

// TreesONNX adds an ensemble over the given columns to the graph: (rows, outputs), base included.
func TreesONNX(g *onnx.Graph, cols []Column, e *treekit.Ensemble) (onnx.Value, error) {
	x, at, bins := askedONNX(g, cols, e)
	out := &onnx.Trees{Outputs: e.NOut()}
	base := slices.Clone(e.Base)
	var leaves []float64 // rows of Width values, where trees have several outputs
	wide := slices.ContainsFunc(e.Trees, func(t treekit.Tree) bool { return t.Width > 1 })
	for i := range e.Trees {
		t := &e.Trees[i]
		if len(t.Nodes) == 0 {
			for k, v := range t.Leaf {
				base[t.Out+k] += v
			}
			continue
		}
		first, firstLeaf := int32(len(out.Questions)), int32(len(out.Leaves))
		kid := func(k int32) int32 {
			if k < 0 {
				return ^(^k + firstLeaf)
			}
			return k + first
		}
		for _, n := range t.Nodes {
			q := onnx.Question{Col: at[n.Col], Split: n.Threshold, Missing: n.MissingLeft, Yes: kid(n.Left), No: kid(n.Right)}
			if n.Set >= 0 {
				askMembers(&q, e, t, &n, bins[n.Col])
			}
			out.Questions = append(out.Questions, q)
		}
		for l := range t.NLeaves() {
			if !wide {
				out.Leaves = append(out.Leaves, onnx.Leaf{Output: t.Out, Value: t.Leaf[l]})
				continue
			}
			out.Leaves = append(out.Leaves, onnx.Leaf{Output: len(out.Roots), Value: float64(len(leaves) / e.NOut())})
			row := make([]float64, e.NOut())
			copy(row[t.Out:], t.Leaf[l*t.Width:(l+1)*t.Width])
			leaves = append(leaves, row...)
		}
		out.Roots = append(out.Roots, int(first))
	}
	switch {
	case len(out.Roots) == 0:
		return g.Repeat(base...), nil
	case wide: // a leaf of TreeEnsemble has one value: its number names a row of a table
		out.Outputs = len(out.Roots)
		return g.Op("Add", g.LookupSum(g.LeafIndex(x, out), e.NOut(), leaves), g.Row(base...)), nil
	}
	return g.Op("Add", g.Trees(x, out), g.Row(base...)), nil
}

// askedONNX returns the matrix of the columns that the trees ask, where each column lies in it, and of categories the bins that its
// levels have. A level is the number of its bin, from 1 on; one that is missing or unknown is NaN.
func askedONNX(g *onnx.Graph, cols []Column, e *treekit.Ensemble) (x onnx.Value, at []int, bins [][]int) {
	asked := make([]bool, e.NCols)
	for t := range e.Trees {
		for _, n := range e.Trees[t].Nodes {
			asked[n.Col] = true
		}
	}
	at, bins = make([]int, e.NCols), make([][]int, e.NCols)
	var parts []onnx.Value
	for c, ok := range asked {
		if !ok {
			continue
		}
		at[c] = len(parts)
		if cols[c].Kind != table.Category {
			parts = append(parts, g.Input(cols[c].Name))
			continue
		}
		binOf := make([]float64, 0, len(cols[c].Levels)+1)
		for level := range cols[c].Levels {
			b := binOfLevel(e, c, level)
			binOf = append(binOf, float64(b+1))
			bins[c] = append(bins[c], b)
		}
		slices.Sort(bins[c])
		bins[c] = slices.Compact(bins[c])
		parts = append(parts, g.Lookup(g.Codes(cols[c].Name, cols[c].Levels), 1, append(binOf, math.NaN())))
	}
	if len(parts) > 0 {
		x = g.Concat(parts...)
	}
	return x, at, bins
}

func binOfLevel(e *treekit.Ensemble, c, level int) int {
	if e.Wide[c] != nil {
		return int(e.Wide[c][level])
	}
	return int(e.Level[c][level])
}

func inSet(e *treekit.Ensemble, t *treekit.Tree, n *treekit.Node, bin int) bool {
	if e.Wide[n.Col] != nil {
		return t.WideSets[n.Set].Has(uint16(bin))
	}
	return t.Sets[n.Set].Has(uint8(bin))
}

// askMembers asks for the smaller of the two groups of bins.
func askMembers(q *onnx.Question, e *treekit.Ensemble, t *treekit.Tree, n *treekit.Node, bins []int) {
	var left, right []float64
	for _, b := range bins {
		if inSet(e, t, n, b) {
			left = append(left, float64(b+1))
		} else {
			right = append(right, float64(b+1))
		}
	}
	if len(right) < len(left) {
		left = right
		q.Yes, q.No, q.Missing = q.No, q.Yes, !q.Missing
	}
	q.Split, q.Members = 0, left // without members: no bin is ≤ 0
}

// LogisticONNX returns 1/(1+e^−margin).
func LogisticONNX(g *onnx.Graph, margin onnx.Value) onnx.Value { return g.Op("Sigmoid", margin) }

// ExpONNX returns e^margin, finite.
func ExpONNX(g *onnx.Graph, margin onnx.Value) onnx.Value {
	return g.Op("Exp", g.Op("Min", margin, g.Row(mostExponent)))
}

// mostExponent is the exponent up to which models of amounts go.
const mostExponent = 700
