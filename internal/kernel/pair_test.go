package kernel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Both passes give bit for bit what their loops say, for each set of instructions.
func TestPairPasses(t *testing.T) {
	withInstructions(func(name string) {
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.IntRange(0, 70).Draw(t, "n")
			s := NewStream(rapid.Uint64().Draw(t, "seed"))
			coarse := rapid.Bool().Draw(t, "ties")
			draw := func() float64 {
				if coarse {
					return float64(s.Intn(3))
				}
				return s.Norm()
			}
			f, up, down, d := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
			ki, kj := make([]float32, n), make([]float32, n)
			for i := range n {
				f[i], d[i], ki[i], kj[i] = draw(), float64(s.Intn(2)), float32(draw()), float32(draw())
				if s.Bool(0.3) {
					up[i] = math.Inf(-1)
				}
				if s.Bool(0.3) {
					down[i] = math.Inf(1)
				}
			}
			delta := draw()
			want, wantRow, wantBest := append([]float64(nil), f...), -1, math.Inf(-1)
			for i := range want {
				want[i] -= float64(delta * float64(ki[i]-kj[i]))
				if u := want[i] + up[i]; u > wantBest {
					wantRow, wantBest = i, u
				}
			}
			row, best := PairMove(f, up, ki, kj, delta)
			if row != wantRow || best != wantBest {
				t.Fatalf("%s: move found %d, %v, want %d, %v", name, row, best, wantRow, wantBest)
			}
			for i := range f {
				if f[i] != want[i] {
					t.Fatalf("%s: f[%d] is %v, want %v", name, i, f[i], want[i])
				}
			}
			wantRow, gain, bottom := -1, 0.0, math.Inf(1)
			for i := range f {
				bottom = min(bottom, f[i]+down[i])
				if diff := best - (f[i] + down[i]); diff > 0 {
					if g := diff * diff / max(1e-12, 2+d[i]-2*float64(ki[i])); g > gain {
						wantRow, gain = i, g
					}
				}
			}
			if row, low := PairGain(f, down, d, ki, best, 2); row != wantRow || low != bottom {
				t.Fatalf("%s: gain found %d, %v, want %d, %v", name, row, low, wantRow, bottom)
			}
		})
	})
}

func BenchmarkPair(b *testing.B) {
	const n = 5600
	f, add, d, ki, kj := make([]float64, n), make([]float64, n), make([]float64, n), make([]float32, n), make([]float32, n)
	for i := range f {
		f[i], ki[i], kj[i] = math.Sin(float64(i)), float32(i%7)/7, float32(i%5)/5
	}
	b.Run("move", func(b *testing.B) {
		for b.Loop() {
			PairMove(f, add, ki, kj, 1e-9)
		}
	})
	b.Run("gain", func(b *testing.B) {
		for b.Loop() {
			PairGain(f, add, d, ki, 1, 2)
		}
	})
}
