package kernel

import (
	"math"
	"math/big"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"
)

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*(1+math.Abs(a)+math.Abs(b)) || math.IsNaN(a) && math.IsNaN(b)
}

func TestVectorsEqualPlainLoops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 700).Draw(t, "n")
		s := NewStream(rapid.Uint64().Draw(t, "seed"))
		a, b := make([]float64, n), make([]float64, n)
		a32, b32 := make([]float32, n), make([]float32, n)
		var dot, distance, sum float64
		for i := range a {
			a[i], b[i] = float64(float32(s.Norm())), float64(float32(s.Norm()))
			a32[i], b32[i] = float32(a[i]), float32(b[i])
			dot += a[i] * b[i]
			distance += (a[i] - b[i]) * (a[i] - b[i])
			sum += a[i]
		}
		mean, variance := MeanVar(a, b32to64ones(n))
		plainMean, plainVar := MeanVar(a, nil)
		for _, c := range []struct {
			name      string
			got, want float64
			tolerance float64
		}{
			{"Dot", Dot(a, b), dot, 1e-12}, {"Dot32", float64(Dot32(a32, b32)), dot, 1e-4},
			{"Distance2", Distance2(a, b), distance, 1e-12}, {"Distance2f32", float64(Distance2f32(a32, b32)), distance, 1e-4},
			{"Sum", Sum(a), sum, 1e-12}, {"SumProduct", SumProduct(a, b), dot, 1e-12},
			{"mean", mean, plainMean, 1e-12}, {"variance", variance, plainVar, 1e-12},
		} {
			if !near(c.got, c.want, c.tolerance) {
				t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
			}
		}
		y := slices.Clone(b)
		Axpy(2, a, y)
		y32 := slices.Clone(b32)
		Axpy32(2, a32, y32)
		for i := range y {
			if y[i] != b[i]+2*a[i] || y32[i] != b32[i]+2*a32[i] {
				t.Fatal("Axpy")
			}
		}
	})
}

func b32to64ones(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1
	}
	return w
}

// Pairwise summation of a million values loses far less than a running sum does: against exact arithmetic.
func TestSumIsAccurate(t *testing.T) {
	v := make([]float64, 1_000_000)
	exact := new(big.Float).SetPrec(200)
	for i := range v {
		v[i] = 0.1 + float64(i%7)*1e-9
		exact.Add(exact, big.NewFloat(v[i]))
	}
	want, _ := exact.Float64()
	if got := Sum(v); math.Abs(got-want) > 6e-11 { // 4 units in the last place
		t.Errorf("sum is off by %g", got-want)
	}
}

func TestCholesky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		s := NewStream(rapid.Uint64().Draw(t, "seed"))
		g := make([]float64, n*n)
		for i := range g {
			g[i] = s.Norm()
		}
		a := make([]float64, n*n) // gᵀg + I
		for i := range n {
			for j := range n {
				for k := range n {
					a[i*n+j] += g[k*n+i] * g[k*n+j]
				}
			}
			a[i*n+i]++
		}
		want, b := make([]float64, n), make([]float64, n)
		for i := range want {
			want[i] = s.Norm()
		}
		for i := range b {
			b[i] = Dot(a[i*n:i*n+n], want)
		}
		x, ridge := SolveSPD(a, n, b)
		if ridge != 0 {
			t.Fatalf("ridge %v", ridge)
		}
		for i := range x {
			if !near(x[i], want[i], 1e-8) {
				t.Fatalf("x = %v, want %v", x, want)
			}
		}
		l := slices.Clone(a)
		if !Cholesky(l, n) {
			t.Fatal("not positive definite")
		}
		inv := CholeskyInverse(l, n)
		for i := range n {
			for j := range n {
				e := 0.0
				for k := range n {
					e += a[i*n+k] * inv[k*n+j]
				}
				if i == j {
					e--
				}
				if math.Abs(e) > 1e-8 {
					t.Fatalf("a·a⁻¹ is off by %g at %d, %d", e, i, j)
				}
			}
		}
	})
}

func TestSolveSPDSharesRepeatedColumns(t *testing.T) {
	x, ridge := SolveSPD([]float64{2, 2, 2, 2}, 2, []float64{4, 4})
	if ridge == 0 || ridge > 1e-8 || !near(x[0], 1, 1e-5) || !near(x[1], 1, 1e-5) {
		t.Errorf("x = %v, ridge %v", x, ridge)
	}
	if x, _ := SolveSPD([]float64{0, 0, 0, 0}, 2, []float64{0, 0}); x == nil || x[0] != 0 {
		t.Errorf("zero matrix: %v", x)
	}
	if x, _ := SolveSPD([]float64{math.NaN()}, 1, []float64{1}); x != nil {
		t.Errorf("NaN: %v", x)
	}
	if x, _ := SolveSPD([]float64{1, 0, 5, 1}, 2, []float64{1, 1}); x != nil {
		t.Errorf("indefinite: %v", x)
	}
}

func TestArgsortEqualsStableSort(t *testing.T) {
	special := []float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, -5e-324, math.MaxFloat64}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 2000).Draw(t, "n")
		distinct := rapid.IntRange(1, 3000).Draw(t, "distinct")
		s := NewStream(rapid.Uint64().Draw(t, "seed"))
		v := make([]float64, n)
		for i := range v {
			if s.Bool(0.1) {
				v[i] = special[s.Intn(len(special))]
			} else {
				v[i] = float64(s.Intn(distinct)-distinct/2) * 0.37
			}
		}
		less := func(a, b float64) bool { return a < b || math.IsNaN(b) && !math.IsNaN(a) }
		up, down := make([]int32, n), make([]int32, n)
		for i := range up {
			up[i], down[i] = int32(i), int32(i)
		}
		sort.SliceStable(up, func(i, j int) bool { return less(v[up[i]], v[up[j]]) })
		sort.SliceStable(down, func(i, j int) bool { return less(v[down[j]], v[down[i]]) })
		if got := Argsort(v); !slices.Equal(got, up) {
			t.Fatalf("Argsort(%v) = %v, want %v", v, got, up)
		}
		if got := ArgsortDesc(v); !slices.Equal(got, down) {
			t.Fatalf("ArgsortDesc(%v) = %v, want %v", v, got, down)
		}
	})
}

func TestWeightTwoIsTheRowTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		s := NewStream(rapid.Uint64().Draw(t, "seed"))
		v, w := make([]float64, n), make([]float64, n)
		var long []float64
		for i := range v {
			v[i], w[i] = float64(s.Intn(9)), float64(s.Intn(4))
			for range int(w[i]) {
				long = append(long, v[i])
			}
		}
		q := []float64{0, 0.1, 0.25, 0.5, 0.77, 1}
		a, b := WeightedQuantiles(v, w, q), WeightedQuantiles(long, nil, q)
		for i := range q {
			if a[i] != b[i] && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) {
				t.Fatalf("%v weighted %v: %v, repeated %v", v, w, a, b)
			}
		}
	})
}

// numpy 2.4.6: np.quantile([3,1,4,1,5,9,2,6], q) by "linear", and by "inverted_cdf" with weights 1..8.
func TestQuantilesAgreeWithNumpy(t *testing.T) {
	v := []float64{3, 1, 4, math.NaN(), 1, 5, 9, 2, 6}
	q := []float64{0, 0.1, 0.25, 0.5, 0.9, 1}
	for i, want := range []float64{1, 1, 1.75, 3.5, 6.9, 9} {
		if got := Quantiles(v, q...)[i]; !near(got, want, 1e-15) {
			t.Errorf("quantile %v: %v, want %v", q[i], got, want)
		}
	}
	w := []float64{1, 2, 3, 100, 4, 5, 6, 7, 8}
	for i, want := range []float64{1, 1, 2, 5, 9, 9} {
		if got := WeightedQuantiles(v, w, q)[i]; got != want {
			t.Errorf("weighted quantile %v: %v, want %v", q[i], got, want)
		}
	}
	if !math.IsNaN(Median(nil)) || !math.IsNaN(WeightedQuantiles([]float64{1}, []float64{0}, []float64{0.5})[0]) {
		t.Error("no values must give NaN")
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"Dot":      func() { Dot(make([]float64, 2), make([]float64, 3)) },
		"Axpy":     func() { Axpy(1, make([]float64, 2), make([]float64, 3)) },
		"Cholesky": func() { Cholesky(make([]float64, 3), 2) },
	} {
		func() {
			defer func() {
				if r := recover(); r != errLength {
					t.Errorf("%s: %v", name, r)
				}
			}()
			f()
		}()
	}
}

func BenchmarkArgsort(b *testing.B) {
	s := NewStream(1)
	v := make([]float64, 1_000_000)
	for i := range v {
		v[i] = s.Float64()
	}
	b.ReportAllocs()
	for b.Loop() {
		Argsort(v)
	}
}

func TestTake(t *testing.T) {
	if got := Take([]string{"a", "b", "c"}, []int32{2, 0, 2}); len(got) != 3 || got[0] != "c" || got[1] != "a" || got[2] != "c" {
		t.Errorf("took %q", got)
	}
	if Take([]float64(nil), []int32{1}) != nil {
		t.Error("weights of all ones became numbers")
	}
}
