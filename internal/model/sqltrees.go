package model

import (
	"fmt"
	"strings"

	"kequn"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// MostSQLNodes is the number of questions beyond which trees are not written as SQL: databases take minutes to plan them.
const MostSQLNodes = 2000

// TreeSQL returns one tree as nested CASE; leaf writes a leaf's value.
func (q *Query) TreeSQL(cols []Column, e *treekit.Ensemble, t *treekit.Tree, leaf func(leaf int) string) string {
	var b strings.Builder
	var walk func(k int32, depth int)
	walk = func(k int32, depth int) {
		if k < 0 {
			b.WriteString(leaf(int(^k)))
			return
		}
		n := &t.Nodes[k]
		pad := "\n" + strings.Repeat("  ", min(depth, 40))
		fmt.Fprintf(&b, "CASE WHEN %s THEN%s  ", q.question(cols, e, t, n), pad)
		walk(n.Left, depth+1)
		b.WriteString(pad + "ELSE" + pad + "  ")
		walk(n.Right, depth+1)
		b.WriteString(pad + "END")
	}
	if len(t.Nodes) == 0 {
		return leaf(0)
	}
	walk(0, 0)
	return b.String()
}

func (q *Query) question(cols []Column, e *treekit.Ensemble, t *treekit.Tree, n *treekit.Node) string {
	c := cols[n.Col]
	if c.Kind != table.Category {
		return q.AtMost(c, n.Threshold, n.MissingLeft)
	}
	left := make([]bool, len(c.Levels))
	for level := range left {
		left[level] = inSet(e, t, n, binOfLevel(e, int(n.Col), level))
	}
	return q.Among(c, left, n.MissingLeft)
}

// TreesSQL returns the outputs of an ensemble, base included. It refuses too many questions with a usage error that calls the model by
// its family.
func (q *Query) TreesSQL(family string, cols []Column, e *treekit.Ensemble) ([]SQLValue, error) {
	nodes := 0
	for i := range e.Trees {
		nodes += len(e.Trees[i].Nodes) * e.Trees[i].Width
	}
	if nodes > MostSQLNodes {
		return nil, kequn.Errorf(kequn.KindUsage, "", "%s has %d questions, more than the %d that databases take as SQL", family, nodes, MostSQLNodes).
			WithHint("export it --to onnx, or train a simpler one: --models linear, tree or rulelist")
	}
	parts := make([][]string, e.NOut())
	for o, v := range e.Base {
		parts[o] = []string{q.Double(v)}
	}
	for i := range e.Trees {
		t := &e.Trees[i]
		for w := range t.Width {
			parts[t.Out+w] = append(parts[t.Out+w], q.TreeSQL(cols, e, t, func(leaf int) string { return q.Number(t.Leaf[leaf*t.Width+w]) }))
		}
	}
	out := make([]SQLValue, len(parts))
	for o, p := range parts {
		out[o] = q.Let(q.Sum(p))
	}
	return out, nil
}
