package treekit

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// oddNumbers are where comparisons go wrong.
var oddNumbers = []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(math.NaN(), -1), math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, 1, -1}

func drawNumber(s *kernel.Stream) float64 {
	switch s.Intn(4) {
	case 0:
		return oddNumbers[s.Intn(len(oddNumbers))]
	case 1:
		return math.Round(20 * s.Norm())
	}
	return s.Norm()
}

// Every version answers every threshold as a comparison does.
func TestMasksAreComparisons(t *testing.T) {
	withInstructions(func(name string) {
		rapid.Check(t, func(t *rapid.T) {
			s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
			c := askedColumn{asked: [2]bool{rapid.Bool().Draw(t, "right"), rapid.Bool().Draw(t, "left")}}
			for range rapid.SampledFrom([]int{1, 2, 7, 60, 63, 64, 65, 130, 254, 255, 256, 300, 1500}).Draw(t, "thresholds") {
				v := drawNumber(s)
				for v != v {
					v = drawNumber(s)
				}
				c.threshold = append(c.threshold, v+0)
			}
			c.setThresholds()
			n := len(c.threshold)
			c.first = [2]int{1, n + 1}
			x := make([]float64, rapid.IntRange(1, maskRows).Draw(t, "rows"))
			for r := range x {
				if x[r] = drawNumber(s); s.Bool(0.5) {
					x[r] = c.threshold[s.Intn(n)]
				}
			}
			masks := make([]uint64, 2*n+2)
			masks[0], masks[2*n+1] = 17, 19
			c.askNumbers(masks, x)
			if masks[0] != 17 || masks[2*n+1] != 19 {
				t.Fatal("wrote beyond the end")
			}
			for side, first := range c.first {
				for k, v := range c.threshold {
					for r := range x {
						want := c.asked[side] && (x[r] <= v || side == 1 && x[r] != x[r])
						if got := masks[first+k]>>r&1 != 0; got != want {
							t.Fatalf("%s: side %d, is %v ≤ %v (threshold %d of %d)? got %v", name, side, x[r], v, k, n, got)
						}
					}
				}
			}
		})
	})
}

func TestTransposeAndPlanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
		var a, b [64]uint64
		for i := range a {
			a[i] = s.Uint64()
		}
		b = a
		transpose(&b)
		n := rapid.IntRange(0, mostLevels).Draw(t, "planes")
		var number [maskRows]uint16
		fromPlanes(&number, a[:n])
		for i := range a {
			for j := range b {
				if a[i]>>j&1 != b[j]>>i&1 {
					t.Fatal("not transposed", i, j)
				}
				if want := a[i] >> j & 1; i < n && uint64(number[j]>>i&1) != want {
					t.Fatal("wrong bit", i, j)
				}
			}
			if number[i]>>n != 0 {
				t.Fatal("too many bits")
			}
		}
	})
}

// symmetricEnsemble has complete trees that ask one question a level; levels may repeat a question or a column.
func symmetricEnsemble(s *kernel.Stream, x *table.Table, nTrees, depth, nOut, width int) *Ensemble {
	bins := Bin(x, nil, Options{MaxLevels: 1000})
	e := NewEnsemble(bins.Cuts, make([]float64, nOut))
	num, code := columnsOf(x)
	for range nTrees {
		t := Tree{Out: s.Intn(nOut - width + 1), Width: width}
		var asked []Node
		for d := range depth {
			n := Node{Col: int32(s.Intn(len(x.Columns))), Set: -1, MissingLeft: s.Bool(0.5)}
			cut := &bins.Cuts[n.Col]
			switch {
			case d > 0 && s.Bool(0.1):
				n = asked[s.Intn(d)]
			case cut.IsWide():
				set := NewWideSet(cut.NBins)
				for b := range cut.NBins {
					if s.Bool(0.4) {
						set.Add(uint16(b))
					}
				}
				n.Set = int32(len(t.WideSets))
				t.WideSets = append(t.WideSets, set)
			case cut.IsCategory():
				var set Set
				for b := range cut.NBins {
					if s.Bool(0.4) {
						set.Add(uint8(b))
					}
				}
				n.Set = int32(len(t.Sets))
				t.Sets = append(t.Sets, set)
			case len(cut.Upper) > 0:
				n.Threshold = cut.Upper[s.Intn(len(cut.Upper))]
			}
			asked = append(asked, n)
		}
		// The node of answers a (bit 0 is the last one) on level d is 2^d − 1 + a; leaves are mixed.
		order := make([]int32, 1<<depth)
		for i := range order {
			order[i] = int32(i)
		}
		s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		t.Cover = make([]float64, 1<<depth)
		t.Leaf = make([]float64, width<<depth)
		for d, n := range asked {
			for a := range int32(1) << d {
				if n.Left, n.Right = int32(1)<<(d+1)-1+2*a, int32(1)<<(d+1)+2*a; d == depth-1 {
					n.Left, n.Right = ^order[2*a], ^order[2*a+1]
				}
				t.Nodes = append(t.Nodes, n)
			}
		}
		for i := range t.Leaf {
			t.Leaf[i] = s.Norm()
		}
		for i := range x.NRows() {
			t.Cover[e.leafOf(&t, num, code, i)]++
		}
		for k := len(t.Nodes) - 1; k >= 0; k-- {
			t.Nodes[k].Cover = coverOf(&t, t.Nodes[k].Left) + coverOf(&t, t.Nodes[k].Right)
		}
		e.Trees = append(e.Trees, t)
	}
	return e
}

// Symmetric trees are recognised, and both kinds score as the trees are written, whatever finds the leaves.
func TestMasksScoreAsWalks(t *testing.T) {
	withInstructions(func(name string) {
		rapid.Check(t, func(t *rapid.T) {
			s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
			x := randomTable(s, rapid.SampledFrom([]int{1, 2, 11, 12, 63, 64, 65, 500}).Draw(t, "rows"), 4, 3, rapid.SampledFrom([]int{1, 5, 100, 2000}).Draw(t, "levels"))
			for _, c := range x.Columns[:4] {
				for i := range c.Num {
					if s.Bool(0.2) {
						c.Num[i] = oddNumbers[s.Intn(len(oddNumbers))]
					}
				}
			}
			nOut := rapid.IntRange(1, 3).Draw(t, "outputs")
			width := rapid.SampledFrom([]int{1, nOut}).Draw(t, "width")
			var e *Ensemble
			depth := rapid.IntRange(-1, 10).Draw(t, "depth")
			if depth < 0 {
				e = randomEnsemble(s, x, rapid.IntRange(0, 20).Draw(t, "trees"), rapid.IntRange(1, 300).Draw(t, "leaves"), nOut, width)
			} else {
				e = symmetricEnsemble(s, x, rapid.IntRange(1, 5).Draw(t, "trees"), depth, nOut, width)
			}
			if err := e.Check(); err != nil {
				t.Fatal(err)
			}
			if depth >= 0 {
				for i := range e.masked().trees {
					if e.masked().trees[i].nodes != nil {
						t.Fatal("a symmetric tree is not seen to be one")
					}
				}
			}
			num, code := columnsOf(x)
			n := x.NRows() * nOut
			want, walked := make([]float64, n), make([]float64, n)
			e.predictPlain(want, num, code, 0, x.NRows())
			e.walked().score(e, walked, num, code, 0, x.NRows())
			if !equalBits(walked, want) {
				t.Fatal("walks differ")
			}
			if f := e.masked(); f != nil {
				masked := make([]float64, n)
				f.score(e, masked, num, code, 0, x.NRows())
				if !equalBits(masked, want) {
					t.Fatalf("%s: masks differ\n%v\n%v", name, masked, want)
				}
			}
			if !equalBits(e.Predict(x, 2), want) {
				t.Fatal("Predict differs")
			}
		})
	})
}

func BenchmarkScore(b *testing.B) {
	s := kernel.NewStream(7)
	x := randomTable(s, 4096, 28, 0, 1)
	for _, e := range []struct {
		name string
		e    *Ensemble
	}{{"leafwise", randomEnsemble(s, x, 100, 31, 1, 1)}, {"symmetric", symmetricEnsemble(s, x, 100, 6, 1, 1)}} {
		withInstructions(func(name string) {
			b.Run(fmt.Sprintf("%s/%s", e.name, name), func(b *testing.B) {
				for b.Loop() {
					e.e.Predict(x, 1)
				}
				b.ReportMetric(float64(x.NRows())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		})
	}
}
