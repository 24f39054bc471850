package kernel

import (
	"math"
	"slices"
	"testing"
)

// The reference output of SipHash-2-4 for the key 00 01 … 0f and the messages "", 00 01 … 0e (Aumasson & Bernstein,
// appendix A, and the vectors of their C code).
func TestSipHashVectors(t *testing.T) {
	const k0, k1 = 0x0706050403020100, 0x0f0e0d0c0b0a0908
	msg := make([]byte, 15)
	for i := range msg {
		msg[i] = byte(i)
	}
	for n, want := range map[int]uint64{0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 15: 0xa129ca6149be45e5} {
		if got := sipHash(k0, k1, msg[:n]); got != want {
			t.Errorf("%d bytes: %#x, want %#x", n, got, want)
		}
	}
}

// These values are promised in the doc comments: assignments of people to arms depend on them.
func TestHashIsFixedForEver(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		text string
		want uint64
	}{
		{0, "", 0x12b5de254099d909}, {0, "C10482", 0x6624e3d327e21499}, {1, "C10482", 0xb71e9c0a4aa3d10b},
	} {
		if got := Hash64(c.seed, c.text); got != c.want {
			t.Errorf("Hash64(%d, %q) = %#x, want %#x", c.seed, c.text, got, c.want)
		}
		if Hash64(c.seed, c.text) != Hash64(c.seed, []byte(c.text)) {
			t.Errorf("%q: text and bytes differ", c.text)
		}
	}
	if got := Mix(0); got != 0xe220a8397b1dcdaf {
		t.Errorf("Mix(0) = %#x", got)
	}
	if u := HashUnit(0, "C10482"); u < 0 || u >= 1 {
		t.Errorf("HashUnit %v", u)
	}
	if n := testing.AllocsPerRun(100, func() { Hash64(7, "customer 12345678") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The first outputs of the authors' xoshiro256plusplus.c from the state 1, 2, 3, 4.
func TestXoshiroVectors(t *testing.T) {
	s := &Stream{s0: 1, s1: 2, s2: 3, s3: 4}
	for i, want := range []uint64{41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205, 9973669472204895162} {
		if got := s.Uint64(); got != want {
			t.Errorf("output %d: %d, want %d", i, got, want)
		}
	}
}

func TestStreamsAreFixedAndIndependent(t *testing.T) {
	if got, want := NewStream(0).Uint64(), uint64(0x84f09bf307c1073a); got != want {
		t.Errorf("first number of seed 0: %#x, want %#x", got, want)
	}
	if got, want := NewStream(42, 1, ID("bootstrap")).Uint64(), uint64(0x80e759236f074417); got != want {
		t.Errorf("first number of a substream: %#x, want %#x", got, want)
	}
	a := NewStream(3, 1)
	a.Uint64()
	if a.Split(2).Uint64() != NewStream(3, 1, 2).Uint64() {
		t.Error("Split differs from NewStream with one more id")
	}
	seen := map[uint64]string{}
	for name, s := range map[string]*Stream{"": NewStream(0), "0": NewStream(0, 0), "1": NewStream(0, 1), "0,1": NewStream(0, 0, 1),
		"1,0": NewStream(0, 1, 0), "0,0": NewStream(0, 0, 0), "seed 1": NewStream(1)} {
		x := s.Uint64()
		if other, ok := seen[x]; ok {
			t.Errorf("streams %q and %q begin alike", name, other)
		}
		seen[x] = name
	}
}

// Mean, variance and, where given, the fourth central moment of each distribution, within 5 standard errors.
func TestMoments(t *testing.T) {
	const n = 400_000
	for _, c := range []struct {
		name         string
		draw         func(*Stream) float64
		mean, spread float64
		fourth       float64
	}{
		{"uniform", (*Stream).Float64, 0.5, 1.0 / 12, 1.0 / 80},
		{"uniform32", func(s *Stream) float64 { return float64(s.Float32()) }, 0.5, 1.0 / 12, 1.0 / 80},
		{"norm", (*Stream).Norm, 0, 1, 3},
		{"exp", (*Stream).Exp, 1, 1, 9},
		{"poisson 0.3", func(s *Stream) float64 { return float64(s.Poisson(0.3)) }, 0.3, 0.3, 0.3 + 3*0.09},
		{"poisson 9", func(s *Stream) float64 { return float64(s.Poisson(9)) }, 9, 9, 9 + 3*81},
		{"poisson 11", func(s *Stream) float64 { return float64(s.Poisson(11)) }, 11, 11, 11 + 3*121},
		{"poisson 500", func(s *Stream) float64 { return float64(s.Poisson(500)) }, 500, 500, 500 + 3*250000},
		{"gamma 0.4", func(s *Stream) float64 { return s.Gamma(0.4) }, 0.4, 0.4, 0.4 * 3 * (0.4 + 2)},
		{"gamma 7", func(s *Stream) float64 { return s.Gamma(7) }, 7, 7, 7 * 3 * (7 + 2)},
		{"intn 7", func(s *Stream) float64 { return float64(s.Intn(7)) }, 3, 4, 28},
		{"beta 2 3", func(s *Stream) float64 { return s.Beta(2, 3) }, 0.4, 0.04, 0},
		{"choice", func(s *Stream) float64 { return float64(s.Choice([]float64{1, 0, 3})) }, 1.5, 0.75, 1.3125},
	} {
		s := NewStream(5, ID(c.name))
		v := make([]float64, n)
		for i := range v {
			v[i] = c.draw(s)
		}
		mean, variance := MeanVar(v, nil)
		if se := math.Sqrt(c.spread / n); math.Abs(mean-c.mean) > 5*se {
			t.Errorf("%s: mean %v, want %v ± %v", c.name, mean, c.mean, se)
		}
		tolerance := 0.02 * c.spread
		if c.fourth > 0 {
			tolerance = 5 * math.Sqrt((c.fourth-c.spread*c.spread)/n)
		}
		if math.Abs(variance-c.spread) > tolerance {
			t.Errorf("%s: variance %v, want %v ± %v", c.name, variance, c.spread, tolerance)
		}
	}
}

// The share of normal numbers beyond each point, against the exact tail, reaches into the ziggurat's tail branch.
func TestNormTail(t *testing.T) {
	s := NewStream(9)
	const n = 2_000_000
	limits := []float64{0.5, 1, 2, 3, 3.5, 4}
	count := make([]float64, len(limits))
	for range n {
		x := s.Norm()
		for i, l := range limits {
			if x > l {
				count[i]++
			}
		}
	}
	for i, l := range limits {
		p := 0.5 * math.Erfc(l/math.Sqrt2)
		if z := (count[i]/n - p) / math.Sqrt(p*(1-p)/n); math.Abs(z) > 4.5 {
			t.Errorf("P(x > %v) = %v, want %v (z = %.1f)", l, count[i]/n, p, z)
		}
	}
}

func TestPermSampleShuffle(t *testing.T) {
	s := NewStream(1)
	p := s.Perm(1000)
	slices.Sort(p)
	for i, v := range p {
		if i != v {
			t.Fatal("not a permutation")
		}
	}
	count := make([]int, 10)
	for range 20_000 {
		rows := s.Sample(10, 3)
		if len(rows) != 3 || rows[0] >= rows[1] || rows[1] >= rows[2] {
			t.Fatal(rows)
		}
		for _, r := range rows {
			count[r]++
		}
	}
	for r, c := range count {
		if c < 5600 || c > 6400 {
			t.Errorf("row %d was sampled %d times of 6000", r, c)
		}
	}
	if got := s.Sample(3, 9); len(got) != 3 {
		t.Error(got)
	}
	v := []int{1, 2, 3, 4}
	s.Shuffle(4, func(i, j int) { v[i], v[j] = v[j], v[i] })
	slices.Sort(v)
	if !slices.Equal(v, []int{1, 2, 3, 4}) {
		t.Error(v)
	}
}

func BenchmarkNorm(b *testing.B) {
	s := NewStream(1)
	for b.Loop() {
		s.Norm()
	}
}

func BenchmarkHash64(b *testing.B) {
	id := []byte("C10482-000")
	for b.Loop() {
		Hash64(7, id)
	}
}
