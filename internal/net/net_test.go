package net

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"kequn/internal/kernel"
)

func randomMatrix(s *kernel.Stream, rows, cols int) Matrix {
	m := NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(s.Norm())
	}
	return m
}

// slopes compares the gradient that backward computes with the slope of f along random directions: f is evaluated a step h
// ahead and behind. With numbers of 24 bits and h = 2⁻⁷ the two agree to about 1e-4 of the gradient's size.
func slopes(t *testing.T, name string, s *kernel.Stream, values, grads [][]float32, f func() float64) {
	t.Helper()
	const h = 0x1p-7
	for trial := range 6 {
		along, size := 0.0, 0.0
		var direction [][]float32
		for k, v := range values {
			d := make([]float32, len(v))
			for i := range d {
				d[i] = float32(s.Norm()) / float32(math.Sqrt(float64(len(v)*len(values))))
				along += float64(d[i]) * float64(grads[k][i])
				size += float64(grads[k][i]) * float64(grads[k][i]) / float64(len(v)*len(values))
			}
			direction = append(direction, d)
		}
		move := func(by float32) float64 {
			old := make([][]float32, len(values))
			for k, v := range values {
				old[k] = slices.Clone(v)
				for i := range v {
					v[i] += by * direction[k][i]
				}
			}
			y := f()
			for k, v := range values {
				copy(v, old[k])
			}
			return y
		}
		numeric := (move(h) - move(-h)) / (2 * h)
		if d := math.Abs(numeric - along); d > 2e-3*max(math.Sqrt(size), math.Abs(along))+2e-4 {
			t.Errorf("%s, direction %d: backward says %.6f, the difference quotient %.6f", name, trial, along, numeric)
		}
	}
}

// checkLayer holds a layer's gradients, by its input and its parameters, to numeric ones of Σ r·y for random r.
func checkLayer(t *testing.T, name string, l Layer, x Matrix, p Pass) {
	t.Helper()
	s := kernel.NewStream(3)
	y := l.Forward(p, x)
	r := randomMatrix(s, y.Rows, y.Cols)
	ClearGrads(l.Params())
	dx := l.Backward(Matrix{r.Rows, r.Cols, slices.Clone(r.Data)})
	values, grads := [][]float32{x.Data}, [][]float32{slices.Clone(dx.Data)}
	for _, q := range l.Params() {
		values, grads = append(values, q.Value), append(grads, slices.Clone(q.Grad))
	}
	slopes(t, name, s, values, grads, func() float64 {
		sum := 0.0
		for i, v := range l.Forward(p, x).Data {
			sum += float64(v) * float64(r.Data[i])
		}
		return sum
	})
}

// awayFromEdges moves numbers away from 0, where ReLU has no gradient.
func awayFromEdges(x Matrix) Matrix {
	for i, v := range x.Data {
		x.Data[i] = v + float32(math.Copysign(0.1, float64(v)))
	}
	return x
}

func TestGradients(t *testing.T) {
	s := kernel.NewStream(1)
	for _, c := range []struct {
		name  string
		layer Layer
		cols  int
	}{
		{"dense", NewDense("d", 7, 5, 1, s), 7},
		{"dense wide", NewDense("d", 40, 33, 1, s), 40},
		{"relu", &Activation{Function: ReLU}, 9},
		{"gelu", &Activation{Function: GELU}, 9},
		{"tanh", &Activation{Function: Tanh}, 9},
		{"sigmoid", &Activation{Function: Sigmoid}, 9},
		{"dropout", &Dropout{Rate: 0.3, Seed: 5, ID: 1}, 9},
		{"sequence", &Sequence{Layers: []Layer{NewDense("a", 6, 8, 1, s), &Activation{Function: Tanh}, &Dropout{Rate: 0.2, ID: 2}, NewDense("b", 8, 3, 1, s), &Activation{Function: GELU}}}, 6},
	} {
		for _, threads := range []int{1, 3} {
			checkLayer(t, c.name, c.layer, awayFromEdges(randomMatrix(s, 13, c.cols)), Pass{Train: true, Step: 4, Threads: threads})
		}
	}
}

func TestDenseGradFrom(t *testing.T) {
	s := kernel.NewStream(2)
	d := NewDense("d", 6, 4, 1, s)
	x, dy := randomMatrix(s, 5, 6), randomMatrix(s, 5, 4)
	d.Forward(Pass{}, x)
	want := slices.Clone(d.Backward(dy).Data)
	for from := range 7 {
		d.GradFrom = from
		got := d.Backward(dy)
		for i, v := range got.Data {
			w := want[i]
			if i%6 < from {
				w = 0
			}
			if from < 6 && v != w {
				t.Fatalf("gradient from column %d: element %d is %v, want %v", from, i, v, w)
			}
		}
	}
}

func TestEmbeddingGradient(t *testing.T) {
	s := kernel.NewStream(1)
	e := NewEmbedding("e", 4, 3, 1, s)
	codes := []int32{0, 3, 3, 1, 0}
	r := randomMatrix(s, 5, 5)
	e.Backward(codes, r, 1)
	x := NewMatrix(5, 5)
	slopes(t, "embedding", s, [][]float32{e.Table.Value}, [][]float32{e.Table.Grad}, func() float64 {
		e.Forward(codes, x, 1)
		sum := 0.0
		for i, v := range x.Data {
			sum += float64(v) * float64(r.Data[i])
		}
		return sum
	})
}

func TestLossGradients(t *testing.T) {
	s := kernel.NewStream(1)
	w := []float32{0.5, 1.5, 1, 0, 2, 1}
	for _, c := range []struct {
		name string
		loss Loss
		cols int
		y    []float32
	}{
		{"squared error", SquaredError, 1, []float32{0.3, -2, 1, 0, 5, 1}},
		{"binary cross-entropy", BinaryCrossEntropy, 1, []float32{0, 1, 1, 0, 0.25, 1}},
		{"cross-entropy", CrossEntropy, 3, []float32{0, 2, 1, 1, 2, 0}},
	} {
		for _, w := range [][]float32{nil, w} {
			out := randomMatrix(s, 6, c.cols)
			grad := NewMatrix(6, c.cols)
			c.loss(out, c.y, w, grad)
			scratch := NewMatrix(6, c.cols)
			slopes(t, c.name, s, [][]float32{out.Data}, [][]float32{grad.Data}, func() float64 { return c.loss(out, c.y, w, scratch) })
		}
	}
}

// Far margins have the loss that the formula says, not infinity.
func TestBinaryCrossEntropyFar(t *testing.T) {
	out := Matrix{4, 1, []float32{50, -50, 50, -50}}
	got := BinaryCrossEntropy(out, []float32{1, 0, 0, 1}, nil, NewMatrix(4, 1))
	if math.Abs(got-25) > 1e-6 {
		t.Errorf("loss %v, want 25", got)
	}
}

func TestDropoutKeepsMean(t *testing.T) {
	x := NewMatrix(400, 100)
	for i := range x.Data {
		x.Data[i] = 1
	}
	d := &Dropout{Rate: 0.25, Seed: 1, ID: 1}
	first := slices.Clone(d.Forward(Pass{Train: true, Step: 1}, x).Data)
	sum, zeros := 0.0, 0
	for _, v := range first {
		sum += float64(v)
		if v == 0 {
			zeros++
		}
	}
	if mean := sum / 40000; math.Abs(mean-1) > 0.02 || math.Abs(float64(zeros)/40000-0.25) > 0.01 {
		t.Errorf("mean %.4f with %d of 40000 dropped", mean, zeros)
	}
	if slices.Equal(first, d.Forward(Pass{Train: true, Step: 2}, x).Data) {
		t.Error("two steps dropped the same")
	}
	if !slices.Equal(first, d.Forward(Pass{Train: true, Step: 1}, x).Data) {
		t.Error("one step twice dropped differently")
	}
	if got := d.Forward(Pass{}, x); &got.Data[0] != &x.Data[0] {
		t.Error("dropped outside of training")
	}
}

// small is a network on a small problem, and its loss after steps.
type small struct {
	seq  *Sequence
	x    Matrix
	y    []float32
	step int
}

func newSmall() *small {
	s := kernel.NewStream(9)
	n := &small{seq: &Sequence{Layers: []Layer{NewDense("a", 5, 16, 1.4, s), &Activation{Function: ReLU}, &Dropout{Rate: 0.1, Seed: 3, ID: 1}, NewDense("b", 16, 1, 1, s)}}}
	n.x = randomMatrix(s, 64, 5)
	for i := range 64 {
		r := n.x.Row(i)
		n.y = append(n.y, float32(math.Sin(2*float64(r[0]))+float64(r[1]*r[2])))
	}
	return n
}

func (n *small) train(o Optimizer, steps int, rate float64) float64 {
	grad, loss := NewMatrix(64, 1), 0.0
	params := n.seq.Params()
	for range steps {
		ClearGrads(params)
		loss = SquaredError(n.seq.Forward(Pass{Train: true, Step: uint64(n.step)}, n.x), n.y, nil, grad)
		n.seq.Backward(grad)
		ClipGrads(params, 5)
		o.Step(params, rate)
		n.step++
	}
	return loss
}

func TestOptimizersLearn(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Optimizer
		rate float64
	}{
		{"adam", &Adam{Decay: 1e-3}, 0.01}, {"momentum", &SGD{Momentum: 0.9}, 0.05}, {"sgd", &SGD{}, 0.1},
	} {
		n := newSmall()
		first := n.train(c.o, 1, c.rate)
		last := n.train(c.o, 500, c.rate)
		t.Logf("%s: loss %.4f → %.4f", c.name, first, last)
		if !(last < first/3) {
			t.Errorf("%s: loss %.4f after %.4f", c.name, last, first)
		}
	}
}

// Training that stops, is written and read and goes on gives the bits of training that never stopped.
func TestCheckpointResumes(t *testing.T) {
	for name, make := range map[string]func() Optimizer{
		"adam": func() Optimizer { return &Adam{Decay: 0.01} }, "momentum": func() Optimizer { return &SGD{Momentum: 0.9} },
	} {
		whole := newSmall()
		whole.train(make(), 60, 0.01)

		half, o := newSmall(), make()
		half.train(o, 25, 0.01)
		var file bytes.Buffer
		if err := WriteCheckpoint(&file, half.seq.Params(), o); err != nil {
			t.Fatal(err)
		}
		again, p := newSmall(), make()
		again.step = 25
		if err := ReadCheckpoint(bytes.NewReader(file.Bytes()), again.seq.Params(), p); err != nil {
			t.Fatal(err)
		}
		again.train(p, 35, 0.01)
		for i, q := range whole.seq.Params() {
			if !slices.Equal(q.Value, again.seq.Params()[i].Value) {
				t.Fatalf("%s: %s differs after resuming", name, q.Name)
			}
		}
		for cut := 0; cut < file.Len(); cut += 37 {
			if err := ReadCheckpoint(bytes.NewReader(file.Bytes()[:cut]), again.seq.Params(), make()); err == nil {
				t.Fatalf("%s: a checkpoint cut at %d of %d bytes was read", name, cut, file.Len())
			}
		}
		if err := ReadCheckpoint(bytes.NewReader(append(slices.Clone(file.Bytes()), 0)), again.seq.Params(), make()); err == nil {
			t.Fatalf("%s: a byte too many was read", name)
		}
		other := NewDense("other", 3, 3, 1, kernel.NewStream(1))
		if err := ReadCheckpoint(bytes.NewReader(file.Bytes()), other.Params(), make()); err == nil {
			t.Fatalf("%s: another network took the checkpoint", name)
		}
	}
}

func TestSchedules(t *testing.T) {
	if a, b, c := Cosine(0, 10, 100), Cosine(9, 10, 100), Cosine(100, 10, 100); a != 0.1 || b != 1 || c != 0 {
		t.Errorf("cosine %v %v %v", a, b, c)
	}
	p := Plateau{Patience: 1}
	var got []float64
	for _, score := range []float64{3, 2, 2, 2, 2, 2, 1} {
		got = append(got, p.Next(score))
	}
	if want := []float64{1, 1, 1, 0.5, 0.5, 0.25, 0.25}; !slices.Equal(got, want) {
		t.Errorf("plateau %v, want %v", got, want)
	}
}

func TestClipGrads(t *testing.T) {
	p := []*Param{{Grad: []float32{3, 0}}, {Grad: []float32{4}}}
	if n := ClipGrads(p, 1); n != 5 || math.Abs(float64(p[0].Grad[0])-0.6) > 1e-6 || math.Abs(float64(p[1].Grad[0])-0.8) > 1e-6 {
		t.Errorf("norm %v, clipped to %v %v", n, p[0].Grad, p[1].Grad)
	}
	if n := ClipGrads(p, 10); math.Abs(n-1) > 1e-6 {
		t.Errorf("norm %v", n)
	}
}
