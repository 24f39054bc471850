package gbdt

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"kequn/internal/kernel"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// randomBins returns a binned table with narrow, wide, missing and constant-like columns; and the same with small columns packed.
func randomBins(s *kernel.Stream, n, nNum int, wide bool) (plain, packed *treekit.Bins) {
	x := &table.Table{}
	for c := range nNum {
		col := table.NewColumn(fmt.Sprint("n", c), table.Number, n)
		for range n {
			if s.Bool(0.1) {
				col.AppendMissing()
			} else {
				col.Num = append(col.Num, float64(s.Intn([]int{1, 2, 2, 3, 9, 40, 300}[c%7])))
			}
		}
		x.Columns = append(x.Columns, col)
	}
	if wide {
		col := table.NewColumn("w", table.Category, n)
		for l := range 3 * n {
			col.Dict.InternString(fmt.Sprint(l))
		}
		for range n {
			col.Code = append(col.Code, int32(s.Intn(3*n)))
		}
		x.Columns = append(x.Columns, col)
	}
	o := treekit.Options{RowMajor: true, MaxLevels: 5000}
	plain = treekit.Bin(x, nil, o)
	o.Pack = true
	return plain, treekit.Bin(x, nil, o)
}

// TestCountIsThePlainLoop compares with the three lines that a histogram is.
func TestCountIsThePlainLoop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
		n := rapid.SampledFrom([]int{1, 7, 128, 129, 1000, 20_000}).Draw(t, "rows")
		bins, counted := randomBins(s, n, rapid.IntRange(0, 70).Draw(t, "columns"), rapid.Bool().Draw(t, "wide") || n < 2)
		if rapid.Bool().Draw(t, "not packed") {
			counted = bins
		}
		f := fixed{exact: rapid.Bool().Draw(t, "exact"), pour: rapid.SampledFrom([]int{128, 200, 32768}).Draw(t, "pour")}
		gh := make([]int64, n)
		var rows []int32
		for i := range gh {
			gh[i] = pack(int64(s.Intn(1<<17))-1<<16, int64(s.Intn(1<<16)))
			if s.Bool(0.4) {
				rows = append(rows, int32(i))
			}
		}
		all := rapid.Bool().Draw(t, "all rows")
		if all {
			rows = rows[:0]
			for i := range n {
				rows = append(rows, int32(i))
			}
		}
		c := newCounter(counted, rapid.IntRange(1, 4).Draw(t, "threads"))
		got, want := make(histogram, c.layout.nCells), make(histogram, c.layout.nCells)
		c.count(got, rows, all, gh, f)
		for _, r := range rows {
			g, h := unpack(gh[r])
			for col := range bins.Cuts {
				bin := 0
				if bins.Cuts[col].IsWide() {
					bin = int(bins.Wide[col][r])
				} else {
					bin = int(bins.Cols[col][r])
				}
				cell := &want[c.layout.first[col]+bin]
				cell.g += float64(g)
				cell.h += float64(h)
			}
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("cell %d is %v, want %v", i, got[i], want[i])
			}
		}
	})
}

func TestPackAndUnpack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, h := rapid.Int64Range(-1<<31, 1<<31-1).Draw(t, "g"), rapid.Int64Range(0, 1<<32-1).Draw(t, "h")
		if a, b := unpack(pack(g, h)); a != g || b != h {
			t.Fatalf("(%d, %d) comes back as (%d, %d)", g, h, a, b)
		}
	})
}

func TestPartitionKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
		n := rapid.SampledFrom([]int{1, 2, 1000, 3*moveGrain + 1, 9*moveGrain + 17}).Draw(t, "rows")
		col := make([]uint8, n)
		g := &grower{rows: make([]int32, n), spare: make([]int32, n), counter: &counter{threads: rapid.IntRange(1, 4).Draw(t, "threads")}}
		var sp split
		for b := range 256 {
			if s.Bool(0.5) {
				sp.left.Add(uint8(b))
			}
		}
		var left, right []int32
		for i := range col {
			col[i] = uint8(s.Uint64())
			g.rows[i] = int32(i)
			if sp.left.Has(col[i]) {
				left = append(left, int32(i))
			} else {
				right = append(right, int32(i))
			}
		}
		mid := partition(g, col, sp.goes(), 0, n)
		want := append(left, right...)
		if mid != len(left) {
			t.Fatalf("border %d, want %d", mid, len(left))
		}
		for i := range want {
			if g.rows[i] != want[i] {
				t.Fatalf("place %d holds row %d, want %d", i, g.rows[i], want[i])
			}
		}
	})
}

func BenchmarkCount(b *testing.B) {
	for _, n := range []int{10_000, 200_000} {
		for _, all := range []bool{true, false} {
			b.Run(fmt.Sprintf("rows=%d,cols=28,all=%v", n, all), func(b *testing.B) {
				s := kernel.NewStream(1)
				bins, _ := randomBins(s, n, 28, false)
				gh := make([]int64, n)
				var rows []int32
				for i := range gh {
					gh[i] = pack(int64(s.Intn(1<<17))-1<<16, int64(s.Intn(1<<16)))
					if i%4 == 0 {
						rows = append(rows, int32(i))
					}
				}
				c := newCounter(bins, 1)
				hist := make(histogram, c.layout.nCells)
				counted := len(rows)
				if all {
					counted = n
				}
				for b.Loop() {
					c.count(hist, rows, all, gh, fixed{pour: 32768})
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*counted*28), "ns/value")
			})
		}
	}
}
