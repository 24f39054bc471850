package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func randomRows(s *Stream, n, nCols int) []float32 {
	x := make([]float32, n*nCols)
	for i := range x {
		x[i] = float32(s.Norm())
	}
	return x
}

func TestTilesKeepRows(t *testing.T) {
	x := randomRows(NewStream(1), 77, 5)
	tiles := NewTiles(x, 5, 2)
	sum := make([]float64, 5)
	for i := range 77 {
		if got := tiles.Row(i, make([]float32, 5)); !slices.Equal(got, x[i*5:i*5+5]) {
			t.Fatalf("row %d: %v", i, got)
		}
		tiles.AddRow(i, 1, sum)
		if d := tiles.Distance2(i, x[i*5:i*5+5]); d != 0 {
			t.Fatalf("row %d is %v away from itself", i, d)
		}
	}
	for j, s := range sum {
		want := 0.0
		for i := range 77 {
			want += float64(x[i*5+j])
		}
		if s != want {
			t.Errorf("column %d: %v, want %v", j, s, want)
		}
	}
}

// Each version finds, up to float32 rounding, what the definition finds over all pairs.
func TestNearestIsNearest(t *testing.T) {
	withInstructions(func(name string) {
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.IntRange(1, 300).Draw(t, "n")
			nCols := rapid.IntRange(1, 40).Draw(t, "cols")
			k := rapid.IntRange(1, 13).Draw(t, "k")
			s := NewStream(rapid.Uint64().Draw(t, "seed"))
			x, c := randomRows(s, n, nCols), randomRows(s, k, nCols)
			lo := rapid.IntRange(0, (n-1)/TileRows).Draw(t, "first tile") * TileRows
			hi := rapid.IntRange(lo, n).Draw(t, "hi")
			room := NBlocks(hi-lo, TileRows) * TileRows
			label, best := make([]int32, room+1), make([]float32, room+1)
			label[room], best[room] = -7, -7
			NewTiles(x, nCols, 1).Nearest(lo, hi, NewPoints(c, nCols), label, best)
			if label[room] != -7 || best[room] != -7 {
				t.Fatal("wrote beyond the last tile")
			}
			for i := lo; i < hi; i++ {
				row := x[i*nCols : (i+1)*nCols]
				least := math.Inf(1)
				for j := range k {
					least = min(least, plainDistance2(row, c[j*nCols:(j+1)*nCols]))
				}
				got := plainDistance2(row, c[int(label[i-lo])*nCols:][:nCols])
				norm := plainDistance2(row, make([]float32, nCols))
				if got > least+1e-4*(1+norm) {
					t.Fatalf("%s: row %d goes to a point at %v, the nearest is at %v", name, i, got, least)
				}
				if d := norm + 2*float64(best[i-lo]); math.Abs(d-least) > 1e-4*(1+norm) {
					t.Fatalf("%s: row %d: distance %v, want %v", name, i, d, least)
				}
			}
		})
	})
}

func plainDistance2(a, b []float32) float64 {
	s := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		s += d * d
	}
	return s
}

func TestNearestTakesTheFirstOfEquals(t *testing.T) {
	withInstructions(func(name string) {
		label, best := make([]int32, 64), make([]float32, 64)
		x := NewTiles(randomRows(NewStream(1), 40, 3), 3, 1)
		x.Nearest(0, 40, NewPoints(make([]float32, 27), 3), label, best)
		if slices.Max(label) != 0 {
			t.Errorf("%s: %v", name, label)
		}
	})
}

func BenchmarkNearest(b *testing.B) {
	const n, nCols, k = 262_144, 16, 8
	s := NewStream(1)
	x, c := NewTiles(randomRows(s, n, nCols), nCols, 0), NewPoints(randomRows(s, k, nCols), nCols)
	label, best := make([]int32, 4096), make([]float32, 4096)
	withInstructions(func(name string) {
		b.Run(fmt.Sprintf("%s/rows=%d,cols=%d,k=%d", name, n, nCols, k), func(b *testing.B) {
			for b.Loop() {
				for lo := 0; lo < n; lo += 4096 {
					x.Nearest(lo, lo+4096, c, label, best)
				}
			}
		})
	})
}
