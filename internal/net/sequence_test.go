package net

import (
	"math"
	"slices"
	"testing"

	"kequn/internal/kernel"
)

// lengths of sequences in a batch: empty ones, one row, and unequal.
var testStart = []int32{0, 5, 5, 6, 13, 16}

func TestSequenceLayerGradients(t *testing.T) {
	s := kernel.NewStream(11)
	for _, c := range []struct {
		name  string
		layer Layer
		cols  int
	}{
		{"layer norm", NewLayerNorm("n", 9), 9},
		{"residual", &Residual{Body: NewDense("d", 6, 6, 1, s)}, 6},
		{"attention", NewAttention("a", 12, 3, false, s), 12},
		{"causal attention", NewAttention("a", 8, 2, true, s), 8},
		{"block", NewBlock("b", 8, 2, 12, true, 0.2, 1, 2, s), 8},
		{"gru", NewGRU("g", 5, 7, s), 5},
		{"stack", &Sequence{Layers: []Layer{NewGRU("g", 5, 6, s), NewLayerNorm("n", 6), NewDense("d", 6, 2, 1, s)}}, 5},
	} {
		for _, threads := range []int{1, 3} {
			checkLayer(t, c.name, c.layer, randomMatrix(s, 16, c.cols), Pass{Train: true, Step: 2, Threads: threads, Start: testStart})
		}
	}
}

// A sequence's rows depend on nothing beside it, in a batch of any shape, and causal ones on nothing later.
func TestSequencesAreAlone(t *testing.T) {
	s := kernel.NewStream(12)
	for name, l := range map[string]Layer{
		"attention": NewAttention("a", 8, 2, false, s), "causal": NewBlock("b", 8, 2, 12, true, 0, 1, 2, s), "gru": NewGRU("g", 8, 5, s),
	} {
		x := randomMatrix(s, 16, 8)
		y := l.Forward(Pass{Start: testStart}, x)
		all := Matrix{y.Rows, y.Cols, slices.Clone(y.Data)}
		for i := range len(testStart) - 1 {
			lo, hi := int(testStart[i]), int(testStart[i+1])
			for n := 1; n <= hi-lo; n++ {
				if name == "attention" && n < hi-lo {
					continue
				}
				part := l.Share().Forward(Pass{}, Matrix{n, 8, x.Data[lo*8 : (lo+n)*8]})
				if !slices.Equal(part.Data, all.Data[lo*all.Cols:(lo+n)*all.Cols]) {
					t.Errorf("%s: the first %d rows of sequence %d differ alone", name, n, i)
				}
			}
		}
	}
}

func TestSequenceLayersSameForAnyThreads(t *testing.T) {
	for _, kind := range []string{"block", "gru"} {
		var want []float32
		for _, threads := range []int{1, 2, 5} {
			s := kernel.NewStream(5)
			l := NewBlock("b", 32, 4, 64, true, 0.1, 1, 2, s)
			if kind == "gru" {
				l = NewGRU("g", 32, 24, s)
			}
			var start []int32
			for i := range 41 {
				start = append(start, int32(i*20))
			}
			x := randomMatrix(s, 800, 32)
			y := l.Forward(Pass{Train: true, Threads: threads, Start: start}, x)
			ClearGrads(l.Params())
			got := slices.Clone(y.Data)
			got = append(got, l.Backward(Matrix{y.Rows, y.Cols, slices.Clone(y.Data)}).Data...)
			for _, p := range l.Params() {
				got = append(got, p.Grad...)
			}
			if want == nil {
				want = got
			} else if !slices.Equal(got, want) {
				t.Errorf("%s: %d threads give other bits", kind, threads)
			}
		}
	}
}

// Equal inputs at other distances are told apart, and moving a whole sequence changes nothing but rounding.
func TestAttentionKnowsDistance(t *testing.T) {
	s := kernel.NewStream(8)
	a := NewAttention("a", 8, 2, false, s)
	x := randomMatrix(s, 3, 8)
	order := func(rows ...int) Matrix {
		m := NewMatrix(len(rows), 8)
		for i, r := range rows {
			copy(m.Row(i), x.Row(r))
		}
		return m
	}
	row := func(m Matrix, i int) []float32 { return slices.Clone(a.Forward(Pass{}, m).Row(i)) }
	if slices.Equal(row(order(0, 1, 2), 0), row(order(0, 2, 1), 0)) {
		t.Error("the order of rows makes no difference")
	}
}

func TestContrastive(t *testing.T) {
	s := kernel.NewStream(9)
	out := randomMatrix(s, 7, 5)
	group := []int32{1, 2, 1, 3, 2, 1, 4}
	grad := NewMatrix(7, 5)
	c := Contrastive{Temperature: 0.5}
	got := c.Loss(out, group, grad, 1)

	// By the definition, in float64.
	want, anchors := 0.0, 0.0
	similar := func(i, j int) float64 {
		dot, a, b := 0.0, 0.0, 0.0
		for k := range 5 {
			x, y := float64(out.Row(i)[k]), float64(out.Row(j)[k])
			dot, a, b = dot+x*y, a+x*x, b+y*y
		}
		return dot / math.Sqrt(a*b) / 0.5
	}
	for i := range 7 {
		total, pull, friends := 0.0, 0.0, 0.0
		for j := range 7 {
			if i == j {
				continue
			}
			total += math.Exp(similar(i, j))
			if group[i] == group[j] {
				pull, friends = pull+similar(i, j), friends+1
			}
		}
		if friends > 0 {
			want, anchors = want+math.Log(total)-pull/friends, anchors+1
		}
	}
	if want /= anchors; math.Abs(got-want) > 1e-5 {
		t.Errorf("loss %v, want %v", got, want)
	}
	spare := NewMatrix(7, 5)
	slopes(t, "contrastive", s, [][]float32{out.Data}, [][]float32{grad.Data}, func() float64 { return c.Loss(out, group, spare, 1) })
	if l := c.Loss(out, []int32{1, 2, 3, 4, 5, 6, 7}, grad, 1); l != 0 || slices.Max(grad.Data) != 0 {
		t.Errorf("nobody belongs together: loss %v", l)
	}
}

// With every class drawn once and expected once, the sampled softmax is the whole one.
func TestSampledSoftmax(t *testing.T) {
	s := kernel.NewStream(10)
	l := NewSampledSoftmax("s", 6, 4, s)
	l.Bias.Uniform(s, 1)
	out, target := randomMatrix(s, 5, 4), []int32{0, 3, 3, 5, 1}
	all, zero := []int32{0, 1, 2, 3, 4, 5}, make([]float32, 6)
	grad := NewMatrix(5, 4)
	ClearGrads(l.Params())
	got := l.Loss(out, target, zero[:5], all, zero, grad, 1)
	want := 0.0
	for i := range 5 {
		total := 0.0
		logit := func(k int) float64 {
			return float64(kernel.Dot32(out.Row(i), l.Table.Value[k*4:][:4]) + l.Bias.Value[k])
		}
		for k := range 6 {
			total += math.Exp(logit(k))
		}
		want += (math.Log(total) - logit(int(target[i]))) / 5
	}
	if math.Abs(got-want) > 1e-5 {
		t.Errorf("loss %v, want %v", got, want)
	}
	values := [][]float32{out.Data, l.Table.Value, l.Bias.Value}
	grads := [][]float32{slices.Clone(grad.Data), slices.Clone(l.Table.Grad), slices.Clone(l.Bias.Grad)}
	slopes(t, "sampled softmax", s, values, grads, func() float64 { return l.Loss(out, target, zero[:5], all, zero, grad, 1) })
}
