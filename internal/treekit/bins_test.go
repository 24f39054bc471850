package treekit

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

func TestCutNumbers(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name    string
		v, w    []float64
		maxBins int
		upper   []float64
		missing bool
	}{
		{"few values have a bin each", []float64{3, 1, 2, 1}, nil, 255, []float64{1.5, 2.5}, false},
		{"missing", []float64{3, nan, 1}, nil, 255, []float64{2}, true},
		{"constant", []float64{7, 7}, nil, 255, nil, false},
		{"nothing", []float64{nan, nan}, nil, 255, nil, true},
		{"weight 0 is no row", []float64{1, 2, nan, 3}, []float64{1, 0, 0, 1}, 255, []float64{2}, false},
		{"infinities", []float64{math.Inf(-1), 0, math.Inf(1)}, nil, 255, []float64{math.Inf(-1), math.MaxFloat64}, false},
		{"neighbours in float64", []float64{1, math.Nextafter(1, 2)}, nil, 255, []float64{1}, false},
		{"zeros of both signs are one value", []float64{math.Copysign(0, -1), 0, 1}, nil, 255, []float64{0.5}, false},
		{"even shares", []float64{1, 2, 3, 4, 5, 6}, nil, 3, []float64{2.5, 4.5}, false},
		{"a heavy value is alone", []float64{1, 2, 3, 3, 3, 3, 4, 5}, nil, 3, []float64{2.5, 3.5}, false},
		{"weights count", []float64{1, 2, 3, 4}, []float64{3, 1, 1, 1}, 2, []float64{1.5}, false},
	} {
		got := cutNumbers(c.v, newWeights(len(c.v), c.w), c.maxBins, &sortScratch{})
		if !slices.Equal(got.Upper, c.upper) || got.Missing != c.missing {
			t.Errorf("%s: got %v missing %v, want %v missing %v", c.name, got.Upper, got.Missing, c.upper, c.missing)
		}
		if max(got.NBins, 1) != len(got.Upper)+1 {
			t.Errorf("%s: %d bins, %d borders", c.name, got.NBins, len(got.Upper))
		}
	}
}

// A weight of k must cut as k rows do, in any order of rows, and every row must lie in the bin of its borders.
func TestBinIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
		n := rapid.IntRange(1, 400).Draw(t, "rows")
		o := Options{MaxBins: rapid.IntRange(2, 255).Draw(t, "bins"), MaxLevels: rapid.SampledFrom([]int{0, 256, 300, 1000}).Draw(t, "max levels"), RowMajor: true}
		x := randomTable(s, n, rapid.IntRange(0, 40).Draw(t, "numbers"), 2, rapid.IntRange(1, 400).Draw(t, "levels"))
		w := make([]float64, n)
		var twice []int32
		for i := range w {
			w[i] = float64(s.Intn(4))
			for range int(w[i]) {
				twice = append(twice, int32(i))
			}
		}
		s.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
		a, b := Bin(x, w, o), Bin(x.Take(twice), nil, o)
		if !reflect.DeepEqual(a.Cuts, b.Cuts) {
			t.Fatalf("cuts differ\n%+v\n%+v", a.Cuts, b.Cuts)
		}
		for c, cut := range a.Cuts {
			if cut.NBins > o.MaxBins && !(cut.IsCategory() && cut.NBins <= o.MaxLevels) || cut.IsWide() != (cut.NBins > MaxBins) {
				t.Fatalf("column %d: %d bins", c, cut.NBins)
			}
			for i := range n {
				if cut.IsWide() {
					want := cut.NBins
					if k := x.Columns[c].Code[i]; k >= 0 {
						want = int(cut.Wide[k])
					}
					if got := int(a.Wide[c][i]); got != want {
						t.Fatalf("column %d row %d: bin %d, want %d", c, i, got, want)
					}
					continue
				}
				want := cut.MissingBin()
				if col := x.Columns[c]; cut.IsCategory() {
					want = cut.BinLevel(col.Code[i])
				} else if !col.IsMissing(i) {
					want = uint8(0)
					for _, u := range cut.Upper {
						if u < col.Num[i] {
							want++
						}
					}
					if got := cut.BinNumber(col.Num[i]); got != want {
						t.Fatalf("BinNumber gives %d, want %d", got, want)
					}
				}
				if got := a.Cols[c][i]; got != want {
					t.Fatalf("column %d row %d: bin %d, want %d", c, i, got, want)
				}
			}
		}
		seen := 0
		for c := range a.Cuts {
			if a.Cuts[c].IsWide() {
				seen++
			}
		}
		for _, g := range a.Groups {
			if len(g.Cols) > maxGroup || g.Stride%8 != 0 || g.Stride < len(g.Cols) {
				t.Fatalf("group of columns %v, stride %d", g.Cols, g.Stride)
			}
			seen += len(g.Cols)
			for i := range n {
				for k, c := range g.Cols {
					if g.Rows[i*g.Stride+k] != a.Cols[c][i] {
						t.Fatalf("row-major copy differs at row %d column %d", i, c)
					}
				}
			}
		}
		if seen != a.NCols {
			t.Fatalf("%d columns in groups, want %d", seen, a.NCols)
		}
	})
}

func TestFractionalWeightsCutInAnyOrder(t *testing.T) {
	s := kernel.NewStream(2)
	x := randomTable(s, 5000, 4, 1, 400)
	w := make([]float64, 5000)
	order := make([]int32, len(w))
	for i := range w {
		w[i], order[i] = 0.1*float64(1+s.Intn(3)), int32(i)
	}
	s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	v := make([]float64, len(w))
	for i, r := range order {
		v[i] = w[r]
	}
	a, b := Bin(x, w, Options{}), Bin(x.Take(order), v, Options{})
	if !reflect.DeepEqual(a.Cuts, b.Cuts) {
		t.Fatal("cuts depend on the order of rows")
	}
}

func TestPooledLevels(t *testing.T) {
	col := table.NewColumn("z", table.Category, 0)
	for l := range 1000 {
		for range 1 + (l+3)%7 {
			col.AppendString(fmt.Sprintf("%04d", l))
		}
	}
	cut := Bin(table.New(col), nil, Options{MaxBins: 10}).Cuts[0]
	if cut.NBins != 10 || len(cut.Level) != 1000 {
		t.Fatalf("%d bins, %d levels", cut.NBins, len(cut.Level))
	}
	for l, bin := range cut.Level {
		// The heaviest levels are 3, 10, 17 …; the first nine of them have their own bins.
		want := uint8(9)
		if l%7 == 3 && l/7 < 9 {
			want = uint8(l / 7)
		}
		if bin != want {
			t.Fatalf("level %d has bin %d, want %d", l, bin, want)
		}
	}
}

func TestRadixSort(t *testing.T) {
	s := kernel.NewStream(4)
	v := make([]float64, 20_000)
	for i := range v {
		v[i] = s.Norm() * math.Pow(10, float64(s.Intn(9)-4))
		if i%3 == 0 {
			v[i] = float64(float32(v[i]))
		}
	}
	v[5] = math.Inf(-1)
	keys, _ := (&sortScratch{}).sort(v, newWeights(len(v), nil))
	slices.Sort(v)
	for i, k := range keys {
		if keyValue(k) != v[i] {
			t.Fatalf("place %d holds %v, want %v", i, keyValue(k), v[i])
		}
	}
}

func BenchmarkBin(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d,cols=8", n), func(b *testing.B) {
			s := kernel.NewStream(6)
			x := &table.Table{}
			for c := range 8 {
				col := table.NewColumn(fmt.Sprint(c), table.Number, n)
				for range n {
					col.Num = append(col.Num, float64(float32(s.Norm())))
				}
				x.Columns = append(x.Columns, col)
			}
			b.ReportAllocs()
			for b.Loop() {
				Bin(x, nil, Options{Threads: 1, RowMajor: true})
			}
		})
	}
}

// The digits of a pack are the bins of its columns, whatever mix of columns there is.
func TestPacksHoldTheSameBins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
		n := rapid.IntRange(1, 300).Draw(t, "rows")
		x := &table.Table{}
		for c := range rapid.IntRange(1, 40).Draw(t, "columns") {
			kinds := []int{1, 2, 3, 16, 40}[s.Intn(5)]
			missing := s.Bool(0.5)
			col := table.NewColumn(fmt.Sprint("c", c), table.Number, n)
			if c%2 == 1 {
				col = table.NewColumn(fmt.Sprint("c", c), table.Category, n)
			}
			for range n {
				switch v := s.Intn(kinds); {
				case missing && s.Bool(0.2):
					col.AppendMissing()
				case c%2 == 1:
					col.AppendString(fmt.Sprint(v))
				default:
					col.Num = append(col.Num, float64(v))
				}
			}
			x.Columns = append(x.Columns, col)
		}
		plain := Bin(x, nil, Options{RowMajor: true})
		packed := Bin(x, nil, Options{RowMajor: true, Pack: true})
		seen := 0
		for _, p := range packed.Packs {
			if size := p.Place(len(p.Cols)); size > 256 || len(p.Cols) < 2 {
				t.Fatalf("a pack of %d columns has %d values", len(p.Cols), size)
			}
			for k, c := range p.Cols {
				seen++
				for i, v := range p.Rows {
					if got := int(v) / p.Place(k) % p.Radix[k]; got != int(plain.Cols[c][i]) {
						t.Fatalf("column %d, row %d: digit %d, bin %d", c, i, got, plain.Cols[c][i])
					}
				}
			}
		}
		for c := range x.Columns {
			if packed.Cols[c] != nil {
				seen++
			}
		}
		if seen != len(x.Columns) {
			t.Fatalf("%d of %d columns are somewhere", seen, len(x.Columns))
		}
	})
}
