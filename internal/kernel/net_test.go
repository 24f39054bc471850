package kernel

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// exactFMA rounds a·b + c once, by arbitrary precision.
func exactFMA(a, b, c float32) float32 {
	if math.IsInf(float64(a), 0) || math.IsInf(float64(b), 0) || math.IsInf(float64(c), 0) {
		return float32(float64(a)*float64(b) + float64(c))
	}
	exact := func(x float32) *big.Float { return new(big.Float).SetPrec(700).SetFloat64(float64(x)) }
	sum := new(big.Float).SetPrec(700).Mul(exact(a), exact(b))
	sum.Add(sum, exact(c))
	if sum.Sign() == 0 {
		return float32(float64(a)*float64(b) + float64(c)) // the sign of zero
	}
	f, _ := sum.Float32()
	return f
}

func TestFMA32RoundsOnce(t *testing.T) {
	check := func(a, b, c float32) {
		t.Helper()
		got, want := fma32(a, b, c), exactFMA(a, b, c)
		if math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
			t.Fatalf("%x·%x + %x = %x, want %x", a, b, c, got, want)
		}
	}
	// Sums that lie near half-way between two float32, subnormal and overflowing ones.
	s := NewStream(1)
	for range 200_000 {
		a, b := math.Float32frombits(uint32(s.Uint64())), math.Float32frombits(uint32(s.Uint64()))
		c := math.Float32frombits(uint32(s.Uint64()))
		if a != a || b != b || c != c {
			continue
		}
		check(a, b, c)
		// Products of few bits land on borders.
		x := float32(1+s.Intn(1<<12)) * 0x1p-12
		y := float32(1+s.Intn(1<<13)) * 0x1p-36
		check(x, y, 1)
		check(-x, y, 1+0x1p-23)
		check(x*0x1p-70, y*0x1p-40, float32(s.Intn(1<<20))*0x1p-149)
		check(x*0x1p-60, 0x1p-70, 0x1p-126)
		check(0x1p-30, 0x1p-30+float32(s.Intn(3))*0x1p-53, 1+float32(s.Intn(5))*0x1p-23)
		check(1+0x1p-23, float32(1+s.Intn(7))*0x1p-25, float32(1+s.Intn(1<<22)))
	}
	check(0x1p-24, 1+0x1p-23, 1) // a hair above half-way
	check(0x1p-24, 1-0x1p-24, 1) // a hair below
	check(0x1p-24, 1, 1)         // half-way: to even
	check(0x1p-24, 1, 1+0x1p-23)
}

func drawMatrix(t *rapid.T, s *Stream, rows, cols int, name string) Strided {
	pad := rapid.IntRange(0, 5).Draw(t, name+" padding")
	m := Strided{Row: cols + pad, Col: 1}
	if name != "c" && rapid.Bool().Draw(t, name+" transposed") {
		m = Strided{Row: 1, Col: rows + pad}
	}
	m.Data = make([]float32, rows*cols+pad*(rows+cols)+1)
	for i := range m.Data {
		m.Data[i] = float32(s.Norm())
	}
	if rapid.IntRange(0, 3).Draw(t, name+" odd") == 0 {
		for i := range m.Data {
			if s.Intn(3) == 0 {
				m.Data[i] = []float32{0, float32(math.Copysign(0, -1)), 1e-30, -1e-38, 1e-42, 1e15}[s.Intn(6)]
			}
		}
	}
	return m
}

func gemmProperty(t *rapid.T) {
	size := rapid.OneOf(rapid.IntRange(0, 70), rapid.SampledFrom([]int{1, 12, 16, 32, 128}))
	m, n, k := size.Draw(t, "m"), size.Draw(t, "n"), rapid.OneOf(size, rapid.IntRange(500, 1100)).Draw(t, "k")
	s := NewStream(rapid.Uint64().Draw(t, "seed"))
	a, b, c := drawMatrix(t, s, m, k, "a"), drawMatrix(t, s, k, n, "b"), drawMatrix(t, s, m, n, "c")
	start := Strided{}
	switch rapid.IntRange(0, 2).Draw(t, "start") {
	case 0:
		start = c
	case 1:
		start = Strided{Data: drawMatrix(t, s, 1, n, "bias").Data, Col: 1}
	}
	run := func(f func(m, n, k int, a, b, c, s Strided)) []float32 {
		to, from := c, start
		to.Data = append([]float32(nil), c.Data...)
		if len(from.Data) > 0 && from.Row > 0 {
			from.Data = to.Data
		}
		f(m, n, k, a, b, to, from)
		return to.Data
	}
	want := run(func(m, n, k int, a, b, c, s Strided) { // the definition
		for i := range m {
			for j := range n {
				x := float32(0)
				if len(s.Data) > 0 {
					x = s.Data[i*s.Row+j]
				}
				for p := range k {
					x = fma32(a.Data[i*a.Row+p*a.Col], b.Data[p*b.Row+j*b.Col], x)
				}
				c.Data[i*c.Row+j] = x
			}
		}
	})
	withInstructions(func(name string) {
		for threads := 1; threads <= 3; threads += 2 {
			got := run(func(m, n, k int, a, b, c, s Strided) { GemmThreads(threads, m, n, k, a, b, c, s) })
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%s, %d threads, %d×%d×%d: element %d is %x, want %x", name, threads, m, n, k, i, got[i], want[i])
				}
			}
		}
	})
}

func TestGemmIsItsDefinition(t *testing.T) { rapid.Check(t, gemmProperty) }

func FuzzGemm(f *testing.F) { f.Fuzz(rapid.MakeFuzz(gemmProperty)) }

// elementProperty runs every function on elements with each instruction set: all bits are equal.
func elementProperty(t *rapid.T) {
	n := rapid.IntRange(0, 100).Draw(t, "n")
	s := NewStream(rapid.Uint64().Draw(t, "seed"))
	scale := rapid.SampledFrom([]float64{1e-20, 1e-3, 1, 10, 100}).Draw(t, "scale")
	var in [4][]float32
	for k := range in {
		in[k] = make([]float32, n)
		for i := range in[k] {
			in[k][i] = float32(scale * s.Norm())
			if s.Intn(20) == 0 {
				in[k][i] = []float32{0, float32(math.Copysign(0, -1)), 1e-40, -1e-31, 88, -87, 0.625, -0.625, math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1))}[s.Intn(11)]
			}
		}
	}
	random := make([]byte, n)
	for i := range random {
		random[i] = byte(s.Uint64())
	}
	limit := rapid.IntRange(0, 256).Draw(t, "limit")
	step := AdamStep{0.9, 0.999, 1e-8, 1e-3, 1 - 1e-5, rapid.IntRange(1, 2000).Draw(t, "step")}
	size := func(v []float32) []float32 { // a running mean of squares is positive
		for i := range v {
			v[i] = min(1e30, math.Float32frombits(math.Float32bits(v[i])&^(1<<31)))
		}
		return v
	}
	for _, c := range []struct {
		name string
		run  func(a, b, c, d []float32)
	}{
		{"exp", func(a, b, c, d []float32) { Exp32(a, b) }},
		{"sigmoid", func(a, b, c, d []float32) { Sigmoid32(a, a) }},
		{"sigmoidBack", func(a, b, c, d []float32) { SigmoidBack32(a, b, c) }},
		{"tanh", func(a, b, c, d []float32) { Tanh32(a, b) }},
		{"tanhBack", func(a, b, c, d []float32) { TanhBack32(a, a, c) }},
		{"gelu", func(a, b, c, d []float32) { GELU32(a, b, c) }},
		{"geluBack", func(a, b, c, d []float32) { GELUBack32(a, b, c, d) }},
		{"relu", func(a, b, c, d []float32) { ReLU32(a, b) }},
		{"reluBack", func(a, b, c, d []float32) { ReLUBack32(a, b, c) }},
		{"drop", func(a, b, c, d []float32) { Drop32(a, b, random, limit, 1.25) }},
		{"addScaled", func(a, b, c, d []float32) { AddScaled32(a, 0.3, b) }},
		{"momentum", func(a, b, c, d []float32) { Momentum32(a, b, c, 0.9, 0.1, 0.999) }},
		{"adam", func(a, b, c, d []float32) { Adam32(a, b, c, size(d), step) }},
	} {
		var want [4][]float32
		all := map[string][4][]float32{}
		withInstructions(func(set string) {
			var v [4][]float32
			for k := range v {
				v[k] = append([]float32(nil), in[k]...)
			}
			c.run(v[0], v[1], v[2], v[3])
			all[set], want = v, v // the portable one comes last
		})
		for set, got := range all {
			for k := range got {
				for i := range got[k] {
					g, w := got[k][i], want[k][i]
					if math.Float32bits(g) != math.Float32bits(w) && (g == g || w == w) {
						t.Fatalf("%s, %s: slice %d, element %d of %d is %x, want %x (from %x %x %x %x)", c.name, set, k, i, n, g, w, in[0][i], in[1][i], in[2][i], in[3][i])
					}
				}
			}
		}
	}
}

func TestElementwiseSameBits(t *testing.T) { rapid.Check(t, elementProperty) }

func FuzzElementwise(f *testing.F) { f.Fuzz(rapid.MakeFuzz(elementProperty)) }

// The functions against float64: in units of the last place of float32.
func TestElementwiseAccuracy(t *testing.T) {
	const n = 100_000
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i-n/2) / (n / 2) * 20
	}
	y, gate := make([]float32, n), make([]float32, n)
	for _, c := range []struct {
		name  string
		run   func()
		want  func(x float64) float64
		units float64
	}{
		{"exp", func() { Exp32(y, x) }, math.Exp, 2},
		{"sigmoid", func() { Sigmoid32(y, x) }, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 3},
		{"tanh", func() { Tanh32(y, x) }, math.Tanh, 3},
		{"gelu", func() { GELU32(y, gate, x) }, func(x float64) float64 {
			return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}, 100}, // the exponent is large where the result is small
	} {
		c.run()
		worst := 0.0
		for i, v := range y {
			want := c.want(float64(x[i]))
			if math.Abs(want) < 1e-30 {
				continue
			}
			worst = max(worst, math.Abs(float64(v)-want)/math.Abs(want)*0x1p23)
		}
		t.Logf("%s: %.2f units in the last place", c.name, worst)
		if worst > c.units {
			t.Errorf("%s is %.1f units off, want at most %v", c.name, worst, c.units)
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, c := range []struct {
		name    string
		m, n, k int
		at, bt  bool
	}{
		{"512x512x512", 512, 512, 512, false, false}, {"256x128x128", 256, 128, 128, false, false}, {"256x128x128/bT", 256, 128, 128, false, true},
		{"128x128x256/aT", 128, 128, 256, true, false}, {"512x256x30", 512, 256, 30, false, false}, {"30x256x512/aT", 30, 256, 512, true, false}, {"256x1x128", 256, 1, 128, false, false},
		{"4096x64x64", 4096, 64, 64, false, false}, {"256x100x100", 256, 100, 100, false, false},
	} {
		withInstructions(func(set string) {
			b.Run(c.name+"/"+set, func(b *testing.B) {
				A, B, C := RowMajor(make([]float32, c.m*c.k), c.k), RowMajor(make([]float32, c.k*c.n), c.n), RowMajor(make([]float32, c.m*c.n), c.n)
				if c.at {
					A = RowMajor(A.Data, c.m).T()
				}
				if c.bt {
					B = RowMajor(B.Data, c.k).T()
				}
				for b.Loop() {
					Gemm(c.m, c.n, c.k, A, B, C, Strided{})
				}
				b.ReportMetric(2*float64(c.m*c.n*c.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		})
	}
}

func BenchmarkElementwise(b *testing.B) {
	n := 1 << 15
	x, y, z, w := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"exp", func() { Exp32(y, x) }}, {"tanh", func() { Tanh32(y, x) }}, {"gelu", func() { GELU32(y, z, x) }}, {"geluBack", func() { GELUBack32(y, z, x, w) }},
		{"relu", func() { ReLU32(y, x) }}, {"adam", func() { Adam32(x, y, z, w, AdamStep{0.9, 0.999, 1e-8, 1e-3, 1, 5}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.run()
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(n), "ns/element")
		})
	}
}
