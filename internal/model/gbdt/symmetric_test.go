package gbdt_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/modeltest"
	"kequn/internal/treekit"
)

func TestConformanceOfSymmetricTrees(t *testing.T) {
	modeltest.Exercise(t, gbdt.Learner{Symmetric: true, Trees: 30}, gbdt.Decode, nil)
}

// Every tree is complete and asks one question per level, of numbers, single levels, groups and wide columns.
func TestSymmetricTreesAreSymmetric(t *testing.T) {
	x, y := shop(20_000, 21)
	for _, depth := range []int{1, 4, 6} {
		m := fit(t, gbdt.Learner{Symmetric: true, Depth: depth, Trees: 40, Levels: 400}, x, y, nil)
		e, asked := m.Ensemble(), map[int32]bool{}
		for _, tree := range e.Trees {
			if n := len(tree.Nodes); len(tree.Leaf) != n+1 || n&(n+1) != 0 || n+1 > 1<<depth {
				t.Fatalf("%d nodes, %d leaves", n, len(tree.Leaf))
			}
			for at, n := range tree.Nodes {
				first := 1<<(bits.Len(uint(at+1))-1) - 1 // of the level
				if got, want := question(e, &tree, n), question(e, &tree, tree.Nodes[first]); got != want {
					t.Fatalf("node %d asks %v, node %d %v", at, got, first, want)
				}
				if 2*at+1 < len(tree.Nodes) && (n.Left != int32(2*at+1) || n.Right != int32(2*at+2)) {
					t.Fatalf("node %d leads to %d and %d", at, n.Left, n.Right)
				}
				asked[n.Col] = true
			}
		}
		if depth > 1 && len(asked) != len(x.Columns) {
			t.Errorf("depth %d: only columns %v are asked", depth, asked)
		}
	}
}

// question prints what a node asks.
func question(e *treekit.Ensemble, t *treekit.Tree, n treekit.Node) string {
	switch {
	case n.Set < 0:
		return fmt.Sprint(n.Col, n.Threshold, n.MissingLeft)
	case e.Wide[n.Col] != nil:
		return fmt.Sprint(n.Col, t.WideSets[n.Set], n.MissingLeft)
	}
	return fmt.Sprint(n.Col, t.Sets[n.Set], n.MissingLeft)
}

func TestSymmetricTreesSameBytes(t *testing.T) {
	x, y := shop(60_000, 1)
	w := make([]float64, len(y.Y))
	s := kernel.NewStream(2)
	order := make([]int32, len(w))
	for i := range w {
		w[i], order[i] = math.Round(30*s.Float64())/10, int32(i)
	}
	s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	v := make([]float64, len(w))
	for i, r := range order {
		v[i] = w[r]
	}
	l := gbdt.Learner{Symmetric: true, Trees: 10, Threads: 1}
	want := saved(t, fit(t, l, x, y, w))
	for _, threads := range []int{2, 4, 8} {
		l.Threads = threads
		if !bytes.Equal(saved(t, fit(t, l, x, y, w)), want) {
			t.Errorf("%d threads give other bytes", threads)
		}
	}
	if !bytes.Equal(saved(t, fit(t, l, x.Take(order), y.Take(order), v)), want) {
		t.Error("shuffled rows give other bytes")
	}
}

func TestSymmetricDepth(t *testing.T) {
	x, y := shop(500, 3)
	_, err := gbdt.Learner{Symmetric: true, Depth: 17}.Fit(context.Background(), x, y, nil)
	if kequn.KindOf(err) != kequn.KindUsage || !strings.Contains(err.Error(), "depth") {
		t.Error(err)
	}
	m := fit(t, gbdt.Learner{Symmetric: true, Trees: 3}, x, y, nil)
	for _, v := range m.Header().Params {
		if v.Name == "depth" && v.Value != 6 {
			t.Error("the depth in effect is", v.Value)
		}
	}
}
