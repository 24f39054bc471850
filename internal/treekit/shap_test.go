package treekit

import (
	"math"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// worth is what the tree gives to a set of known columns: the definition of the game.
func worth(e *Ensemble, t *Tree, known uint, num [][]float64, code [][]int32, row, out int) float64 {
	var walk func(kid int32) float64
	cover := func(kid int32) float64 {
		if kid < 0 {
			return t.Cover[^kid]
		}
		return t.Nodes[kid].Cover
	}
	walk = func(kid int32) float64 {
		if kid < 0 {
			return t.Leaf[int(^kid)*t.Width+out-t.Out]
		}
		n := &t.Nodes[kid]
		if known>>uint(n.Col)&1 != 0 {
			if e.goesLeft(t, n, num, code, row) {
				return walk(n.Left)
			}
			return walk(n.Right)
		}
		l, r := cover(n.Left), cover(n.Right)
		if l+r == 0 {
			l, r = 1, 1 // nobody came here in training
		}
		return (walk(n.Left)*l + walk(n.Right)*r) / (l + r)
	}
	if len(t.Nodes) == 0 {
		return t.Leaf[out-t.Out]
	}
	return walk(0)
}

// TestAttributionsAreShapleyValues compares with the sum over all subsets of columns.
func TestAttributionsAreShapleyValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, e := drawEnsemble(t)
		if depth := rapid.IntRange(0, 6).Draw(t, "symmetric"); depth > 0 {
			e = symmetricEnsemble(kernel.NewStream(uint64(depth)), x, 2, depth, e.NOut(), 1)
		}
		out := rapid.IntRange(0, e.NOut()-1).Draw(t, "output")
		base, phi := e.Attribute(x, out, 0)
		num, code := columnsOf(x)
		score := e.Predict(x, 1)
		for row := range x.NRows() {
			sum := base
			for c := range e.NCols {
				want := 0.0
				for i := range e.Trees {
					if tree := &e.Trees[i]; out >= tree.Out && out < tree.Out+tree.Width {
						for known := range uint(1) << e.NCols {
							if known>>c&1 != 0 {
								continue
							}
							with := worth(e, tree, known|1<<c, num, code, row, out)
							without := worth(e, tree, known, num, code, row, out)
							want += (with - without) / (float64(e.NCols) * choose(e.NCols-1, bits.OnesCount(known)))
						}
					}
				}
				got := phi[row*e.NCols+c]
				if !(math.Abs(got-want) <= 1e-9) {
					t.Fatalf("row %d column %d: got %v, want %v", row, c, got, want)
				}
				sum += got
			}
			if want := score[row*e.NOut()+out]; !(math.Abs(sum-want) <= 1e-9) {
				t.Fatalf("row %d: base and attributions sum to %v, score is %v", row, sum, want)
			}
		}
	})
}

func choose(n, k int) float64 {
	c := 1.0
	for i := range k {
		c = c * float64(n-i) / float64(i+1)
	}
	return c
}

// recursiveShap is Algorithm 2 of Lundberg, Erion, Lee (2018), as printed: the plain version for deep trees.
func recursiveShap(e *Ensemble, t *Tree, phi []float64, num [][]float64, code [][]int32, row int) {
	type part struct {
		col            int32
		zero, one, way float64
	}
	extend := func(path []part, zero, one float64, col int32) []part {
		m := append(append([]part{}, path...), part{col, zero, one, 0})
		l := len(path)
		if l == 0 {
			m[0].way = 1
		}
		for i := l - 1; i >= 0; i-- {
			m[i+1].way += one * m[i].way * float64(i+1) / float64(l+1)
			m[i].way = zero * m[i].way * float64(l-i) / float64(l+1)
		}
		return m
	}
	unwind := func(path []part, at int) []part {
		l := len(path) - 1
		m := append([]part{}, path...)
		next := m[l].way
		for j := l - 1; j >= 0; j-- {
			if path[at].one != 0 {
				was := m[j].way
				m[j].way = next * float64(l+1) / (float64(j+1) * path[at].one)
				next = was - m[j].way*path[at].zero*float64(l-j)/float64(l+1)
			} else {
				m[j].way = m[j].way * float64(l+1) / (path[at].zero * float64(l-j))
			}
		}
		for j := at; j < l; j++ {
			m[j].col, m[j].zero, m[j].one = m[j+1].col, m[j+1].zero, m[j+1].one
		}
		return m[:l]
	}
	cover := func(kid int32) float64 {
		if kid < 0 {
			return t.Cover[^kid]
		}
		return t.Nodes[kid].Cover
	}
	var walk func(kid int32, path []part, zero, one float64, col int32)
	walk = func(kid int32, path []part, zero, one float64, col int32) {
		m := extend(path, zero, one, col)
		if kid < 0 {
			for i := 1; i < len(m); i++ {
				sum := 0.0
				for _, p := range unwind(m, i) {
					sum += p.way
				}
				phi[m[i].col] += sum * (m[i].one - m[i].zero) * t.Leaf[^kid]
			}
			return
		}
		n := &t.Nodes[kid]
		hot, cold := n.Right, n.Left
		if e.goesLeft(t, n, num, code, row) {
			hot, cold = cold, hot
		}
		z, o := 1.0, 1.0
		for k := 1; k < len(m); k++ {
			if m[k].col == n.Col {
				z, o = m[k].zero, m[k].one
				m = unwind(m, k)
				break
			}
		}
		toHot, toCold := cover(hot), cover(cold)
		if toHot+toCold == 0 {
			toHot, toCold = 1, 1
		}
		walk(hot, m, z*toHot/(toHot+toCold), o, n.Col)
		walk(cold, m, z*toCold/(toHot+toCold), 0, n.Col)
	}
	walk(0, nil, 1, 1, -1)
}

func TestAttributionsOfDeepTrees(t *testing.T) {
	s := kernel.NewStream(11)
	x := randomTable(s, 3000, 20, 4, 40)
	e := randomEnsemble(s, x, 3, 300, 1, 1)
	complete := symmetricEnsemble(s, x, 1, 9, 1, 1).Trees[0]
	for l := range complete.Cover {
		complete.Cover[l] += 0.25 // the recursion divides by shares
	}
	for k := len(complete.Nodes) - 1; k >= 0; k-- {
		n := &complete.Nodes[k]
		n.Cover = coverOf(&complete, n.Left) + coverOf(&complete, n.Right)
	}
	e.Trees = append(e.Trees, complete)
	// Few rows go along the edges, many are looked up in tables.
	for _, n := range []int{40, 150} {
		few := x.Slice(0, n)
		_, phi := e.Attribute(few, 0, 0)
		num, code := columnsOf(few)
		worst := 0.0
		for row := range n {
			want := make([]float64, e.NCols)
			for i := range e.Trees {
				recursiveShap(e, &e.Trees[i], want, num, code, row)
			}
			for c := range want {
				worst = max(worst, math.Abs(want[c]-phi[row*e.NCols+c]))
			}
		}
		if !(worst <= 1e-9) {
			t.Fatalf("%d rows: attributions differ from the recursion's by %g", n, worst)
		}
	}
	// Tables are tried here whether or not they are worth it.
	tables, halves, points := 0, 0, 0
	asker, few := newAsker(e), x.Slice(0, 40)
	num, code := columnsOf(few)
	scratch := newShapScratch(asker.nMasks, 1)
	asker.ask(scratch.masks[0], num, code, 0, 40)
	for i := range e.Trees {
		p := &shapTree{tree: &e.Trees[i], question: asker.ofNode[i]}
		if !p.makeCells(0, maxTurnCells) {
			t.Fatalf("tree %d has no tables", i)
		}
		tables, halves, points = tables+len(p.cells), halves+len(p.deep), max(points, e.factsOf(i).points)
		phi, want := make([]float64, 40*e.NCols), make([]float64, 40*e.NCols)
		asker.askTree(scratch.masks[0], i, num, code, 0, 40)
		p.attribute(scratch, scratch.masks[0], phi, e.NCols)
		for row := range 40 {
			recursiveShap(e, &e.Trees[i], want[row*e.NCols:(row+1)*e.NCols], num, code, row)
		}
		for c := range want {
			if !(math.Abs(want[c]-phi[c]) <= 1e-9) {
				t.Fatalf("tree %d: tables say %v, the recursion %v", i, phi[c], want[c])
			}
		}
	}
	t.Logf("%d tables, %d leaves in halves; up to %d points", tables, halves, points)
	if tables == 0 || halves == 0 || points < 4 {
		t.Fatal("not every way is tried")
	}
}

func TestGaussLegendreIntegratesPolynomials(t *testing.T) {
	for k := 1; k <= 40; k++ {
		point, weight := gaussLegendre(k)
		for degree := range 2 * k {
			sum := 0.0
			for q, p := range point {
				sum += weight[q] * math.Pow(p, float64(degree))
			}
			if want := 1 / float64(degree+1); math.Abs(sum-want) > 1e-13 {
				t.Fatalf("%d points: ∫x^%d = %v, want %v", k, degree, sum, want)
			}
		}
	}
}

func benchEnsemble() (*table.Table, *Ensemble) {
	s := kernel.NewStream(7)
	x := randomTable(s, 10_000, 28, 0, 1)
	return x, randomEnsemble(s, x, 100, 31, 1, 1)
}

func BenchmarkPredict(b *testing.B) {
	x, e := benchEnsemble()
	b.ReportAllocs()
	for b.Loop() {
		e.Predict(x, 1)
	}
	b.ReportMetric(float64(x.NRows())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkAttribute(b *testing.B) {
	x, e := benchEnsemble()
	x = x.Slice(0, 1000)
	b.ReportAllocs()
	for b.Loop() {
		e.Attribute(x, 0, 1)
	}
	b.ReportMetric(float64(x.NRows())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
