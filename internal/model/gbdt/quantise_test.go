package gbdt

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"kequn/internal/kernel"
)

func TestExp(t *testing.T) {
	for x := -690.0; x < 690; x += 0.0137 {
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 1e-10*want {
			t.Fatalf("exp(%v) is %v, want %v", x, got, want)
		}
	}
	for _, x := range []float64{0, math.Inf(1), math.Inf(-1), 1e300, -1e300} {
		if got := exp(x); math.IsNaN(got) || math.IsInf(got, 0) || got <= 0 {
			t.Fatalf("exp(%v) is %v", x, got)
		}
	}
}

func TestExactSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float64Range(-1e12, 1e12), 1, 50).Draw(t, "v")
		want := new(big.Float).SetPrec(2000)
		most := 0.0
		for _, x := range v {
			want.Add(want, big.NewFloat(x))
			most = max(most, math.Abs(x))
		}
		exact, _ := want.Float64()
		got := exactSum(len(v), func(i int) float64 { return v[i] })
		if math.Abs(got-exact) > 1e-15*(math.Abs(exact)+most)+0x1p-1021 { // crumbs below the smallest normal number are lost
			t.Fatalf("got %v, want %v", got, exact)
		}
		if back := exactSum(len(v), func(i int) float64 { return v[len(v)-1-i] }); back != got {
			t.Fatalf("backwards %v, forwards %v", back, got)
		}
	})
}

// TestQuantiseRoundsFinely checks the promise of quantise.go: the error of every row is at most half a unit, a unit is at
// most 2^-15 of the largest, sums fit 32 bits between two pours, and the usual gradient keeps its leading bits.
func TestQuantiseRoundsFinely(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
		tail := rapid.SampledFrom([]float64{0, 2, 6}).Draw(t, "tail")
		weights := rapid.SampledFrom([]string{"none", "counts", "fractions"}).Draw(t, "weights")
		n := rapid.IntRange(1, 300).Draw(t, "rows")
		d, w := make([]derivative, n), make([]float64, n)
		for i := range d {
			d[i] = derivative{float32(s.Norm() * math.Exp(tail*s.Norm())), float32(s.Float64())}
			w[i] = float64(s.Intn(8))
			if weights == "fractions" {
				w[i] *= 0.37
			}
		}
		if weights == "none" {
			w = nil
		}
		k := kindOf(w)
		e := extentOf(d, k, 0, n)
		gh := make([]int64, n)
		f := quantise(d, e, k, gh, 1)
		var most int64
		for i := range d {
			g, h := unpack(gh[i])
			v := 1.0
			if w != nil {
				v = w[i]
			}
			slack := 0.5
			if k.whole {
				slack *= v
			}
			if diff := math.Abs(float64(g) - v*float64(d[i].g)/f.gUnit); diff > slack+1e-6 {
				t.Fatalf("row %d: g %v is off by %v units", i, d[i].g, diff)
			}
			if diff := math.Abs(float64(h) - v*float64(d[i].h)/f.hUnit); diff > slack+1e-6 {
				t.Fatalf("row %d: h %v is off by %v units", i, d[i].h, diff)
			}
			most = max(most, g, -g, h)
		}
		if !f.exact && (f.pour < gatherRows || most*int64(f.pour) > 1<<31-1) {
			t.Fatalf("%d rows of up to %d do not fit 32 bits", f.pour, most)
		}
		if mean := e.sumG / max(1, e.sumW); e.g > 0 && e.g/f.gUnit < 1<<15 || !f.exact && e.sumG > 0 && mean/f.gUnit < 100 {
			t.Fatalf("unit %v: largest %v, mean %v", f.gUnit, e.g, mean)
		}
	})
}
