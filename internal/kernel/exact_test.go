package kernel

import (
	"math"
	"testing"
)

func TestExactSumDoesNotDependOnOrder(t *testing.T) {
	s := NewStream(1)
	v := make([]float64, 5000)
	for i := range v {
		v[i] = s.Norm() * math.Exp(10*s.Norm())
	}
	at := func(i int) float64 { return v[i] }
	want := ExactSum(len(v), at)
	for range 5 {
		s.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
		if got := ExactSum(len(v), at); got != want {
			t.Fatalf("%v and %v", got, want)
		}
	}
	if plain := Sum(v); math.Abs(plain-want) > 1e-9*math.Abs(want) {
		t.Errorf("%v, want about %v", want, plain)
	}
	for _, c := range [][]float64{{}, {0, 0}, {1, -1}, {3, 4}, {-0.5, -0.25}, {5e-324, 5e-324}, {math.MaxFloat64, -math.MaxFloat64}} {
		want := 0.0
		for _, x := range c {
			want += x
		}
		if got := ExactSum(len(c), func(i int) float64 { return c[i] }); math.Abs(got-want) > 1e-300 {
			t.Errorf("%v sum to %v", c, got)
		}
	}
}
