package treekit

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// randomTable returns n rows of nNum number columns and nCat category columns with missing values and ties.
func randomTable(s *kernel.Stream, n, nNum, nCat, nLevels int) *table.Table {
	x := &table.Table{}
	for c := range nNum {
		col := table.NewColumn(fmt.Sprintf("n%d", c), table.Number, n)
		for range n {
			v := s.Norm()
			if c%2 == 0 {
				v = math.Round(3 * v)
			}
			if s.Bool(0.15) {
				v = math.NaN()
			}
			col.Num = append(col.Num, v)
		}
		x.Columns = append(x.Columns, col)
	}
	for c := range nCat {
		col := table.NewColumn(fmt.Sprintf("z%d", c), table.Category, n)
		for l := range nLevels {
			col.Dict.InternString(fmt.Sprintf("level %03d", l))
		}
		for range n {
			k := int32(s.Intn(nLevels))
			if s.Bool(0.15) {
				k = -1
			}
			col.Code = append(col.Code, k)
		}
		x.Columns = append(x.Columns, col)
	}
	return x
}

// randomEnsemble grows trees on x by random questions; covers are those of x's rows.
func randomEnsemble(s *kernel.Stream, x *table.Table, nTrees, nLeaves, nOut, width int) *Ensemble {
	bins := Bin(x, nil, Options{MaxLevels: 1000})
	e := NewEnsemble(bins.Cuts, make([]float64, nOut))
	for o := range e.Base {
		e.Base[o] = s.Norm()
	}
	num, code := columnsOf(x)
	for range nTrees {
		t := Tree{Out: s.Intn(nOut - width + 1), Width: width}
		rows := [][]int{make([]int, x.NRows())}
		for i := range rows[0] {
			rows[0][i] = i
		}
		parent := []int32{-1}
		for tries := 0; len(rows) < nLeaves && tries < 20*nLeaves; tries++ {
			leaf := s.Intn(len(rows))
			n := Node{Col: int32(s.Intn(len(x.Columns))), Set: -1, MissingLeft: s.Bool(0.5), Gain: s.Float64(), Cover: float64(len(rows[leaf]))}
			cut := &bins.Cuts[n.Col]
			if cut.IsWide() {
				set := NewWideSet(cut.NBins)
				for b := range cut.NBins {
					if s.Bool(0.4) {
						set.Add(uint16(b))
					}
				}
				t.WideSets = append(t.WideSets, set)
				n.Set = int32(len(t.WideSets) - 1)
			} else if cut.IsCategory() {
				var set Set
				for b := range cut.NBins {
					if s.Bool(0.4) {
						set.Add(uint8(b))
					}
				}
				t.Sets = append(t.Sets, set)
				n.Set = int32(len(t.Sets) - 1)
			} else if len(cut.Upper) > 0 {
				n.Threshold = cut.Upper[s.Intn(len(cut.Upper))]
			}
			var left, right []int
			for _, i := range rows[leaf] {
				if e.goesLeft(&t, &n, num, code, i) {
					left = append(left, i)
				} else {
					right = append(right, i)
				}
			}
			if len(left) == 0 || len(right) == 0 {
				continue
			}
			at := int32(len(t.Nodes))
			if p := parent[leaf]; p >= 0 {
				if t.Nodes[p].Left == ^int32(leaf) {
					t.Nodes[p].Left = at
				} else {
					t.Nodes[p].Right = at
				}
			}
			n.Left, n.Right = ^int32(leaf), ^int32(len(rows))
			t.Nodes = append(t.Nodes, n)
			rows[leaf] = left
			rows = append(rows, right)
			parent[leaf] = at
			parent = append(parent, at)
		}
		for _, r := range rows {
			t.Cover = append(t.Cover, float64(len(r)))
			for range width {
				t.Leaf = append(t.Leaf, s.Norm())
			}
		}
		e.Trees = append(e.Trees, t)
	}
	return e
}

func drawEnsemble(t *rapid.T) (*table.Table, *Ensemble) {
	s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
	x := randomTable(s, rapid.SampledFrom([]int{1, 2, 5, 20, 60, 400}).Draw(t, "rows"), rapid.IntRange(0, 4).Draw(t, "numbers"), rapid.IntRange(1, 3).Draw(t, "categories"), rapid.SampledFrom([]int{1, 2, 5, 100, 2000}).Draw(t, "levels"))
	nOut := rapid.IntRange(1, 3).Draw(t, "outputs")
	width := rapid.SampledFrom([]int{1, nOut}).Draw(t, "width")
	return x, randomEnsemble(s, x, rapid.IntRange(0, 6).Draw(t, "trees"), rapid.IntRange(1, 20).Draw(t, "leaves"), nOut, width)
}

func TestCompiledScoresArePlainScores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, e := drawEnsemble(t)
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		num, code := columnsOf(x)
		want := make([]float64, x.NRows()*e.NOut())
		e.predictPlain(want, num, code, 0, x.NRows())
		if got := e.Predict(x, 0); !equalBits(got, want) {
			t.Fatalf("got %v\nwant %v", got, want)
		}
		leaves := e.Leaves(x, 0)
		if len(leaves) != x.NRows()*len(e.Trees) {
			t.Fatalf("%d leaves", len(leaves))
		}
	})
}

func TestTreesWithTooManyQuestionsScorePlainly(t *testing.T) {
	s := kernel.NewStream(1)
	x := randomTable(s, 500, 1, 1, 200)
	e := randomEnsemble(s, x, 1500, 80, 1, 1)
	if e.masked() != nil || e.walked() != nil {
		t.Skip("the questions fit into 16 bits")
	}
	num, code := columnsOf(x)
	want := make([]float64, x.NRows())
	e.predictPlain(want, num, code, 0, x.NRows())
	if got := e.Predict(x, 0); !equalBits(got, want) {
		t.Fatal("differs")
	}
}

func TestUnknownCodesAreMissing(t *testing.T) {
	s := kernel.NewStream(3)
	x := randomTable(s, 40, 0, 1, 6)
	e := randomEnsemble(s, x, 5, 6, 1, 1)
	absent, beyond := x.Take([]int32{0}), x.Take([]int32{0})
	absent.Columns[0].Code[0], beyond.Columns[0].Code[0] = -1, 1000
	if a, b := e.Predict(absent, 1), e.Predict(beyond, 1); !equalBits(a, b) {
		t.Fatal(a, b)
	}
	if e.Leaves(absent, 1)[0] != e.Leaves(beyond, 1)[0] {
		t.Fatal("leaves differ")
	}
}

func equalBits(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float64bits(a[i]) != math.Float64bits(b[i]) {
			return false
		}
	}
	return true
}

func TestEncodeDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, e := drawEnsemble(t)
		var b bytes.Buffer
		if err := e.Encode(&b); err != nil {
			t.Fatal(err)
		}
		written := bytes.Clone(b.Bytes())
		d, err := Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if b.Len() != 0 {
			t.Fatalf("%d bytes left", b.Len())
		}
		if !equalBits(d.Predict(x, 1), e.Predict(x, 1)) {
			t.Fatal("scores differ")
		}
		var again bytes.Buffer
		d.Encode(&again)
		if !bytes.Equal(again.Bytes(), written) {
			t.Fatal("bytes differ")
		}
		if cut := rapid.IntRange(0, len(written)-1).Draw(t, "cut"); true {
			if _, err := Decode(bytes.NewReader(written[:cut])); err == nil {
				t.Fatalf("cut at %d of %d is taken", cut, len(written))
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	s := kernel.NewStream(5)
	for _, nOut := range []int{1, 2} {
		x := randomTable(s, 30, 2, 1, 5)
		var b bytes.Buffer
		randomEnsemble(s, x, 2, 5, nOut, nOut).Encode(&b)
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(bytes.NewReader(data))
		if err != nil || e.NCols > 100 || e.NOut() == 0 || e.NOut() > 100 {
			return
		}
		// Whatever was taken can be used.
		x := &table.Table{}
		for c := range e.NCols {
			if e.Levels(c) < 0 {
				x.Columns = append(x.Columns, &table.Column{Kind: table.Number, Num: []float64{0, math.NaN(), math.Inf(1)}})
			} else {
				x.Columns = append(x.Columns, &table.Column{Kind: table.Category, Code: []int32{0, -1, 1 << 30}})
			}
		}
		if len(x.Columns) > 0 {
			e.Predict(x, 1)
			e.Attribute(x, 0, 1)
		}
		e.Importance()
	})
}
