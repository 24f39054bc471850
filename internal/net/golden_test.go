package net

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"kequn/internal/kernel"
)

func wave(v []float32, seed, scale float64) {
	for i := range v {
		v[i] = float32(scale * math.Sin(1.7*float64(i)+seed))
	}
}

// From the same first weights, losses follow those of PyTorch (testdata/golden.py) for 20 steps. Both round float32 sums, in
// another order: differences of 1e-6 grow a little from step to step.
func TestFollowsPyTorch(t *testing.T) {
	const n, tolerance = 24, 2e-5
	f, err := os.Open("testdata/pytorch.golden")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		word := strings.Fields(lines.Text())
		if word[0] == "#" {
			continue
		}
		act := map[string]Function{"relu": ReLU, "gelu": GELU, "tanh": Tanh, "sigmoid": Sigmoid}[word[0]]
		outs, y, w := 1, make([]float32, n), make([]float32, n)
		var loss Loss
		switch word[1] {
		case "binary":
			loss = BinaryCrossEntropy
			for i := range y {
				if i*7%5 < 2 {
					y[i] = 1
				}
			}
		case "classes":
			loss, outs = CrossEntropy, 3
			for i := range y {
				y[i] = float32(i * 7 % 3)
			}
		default:
			loss = SquaredError
			wave(y, 2.5, 2)
		}
		var o Optimizer = &SGD{}
		rate := 0.05
		switch word[2] {
		case "adamw":
			o, rate = &Adam{Decay: 0.05}, 0.01
		case "momentum":
			o = &SGD{Momentum: 0.9}
		}
		for i := range w {
			w[i] = 0.5 + float32(i%3)*0.5
		}
		x := NewMatrix(n, 6)
		wave(x.Data, 0.3, 1.5)
		seq := &Sequence{}
		widths := []int{6, 8, 5, outs}
		for k := range 3 {
			d := NewDense("d", widths[k], widths[k+1], 1, kernel.NewStream(1))
			wave(d.W.Value, float64(k+1), 0.6)
			wave(d.B.Value, float64(k+7), 0.2)
			seq.Layers = append(seq.Layers, d)
			if k < 2 {
				seq.Layers = append(seq.Layers, &Activation{Function: act})
			}
		}
		grad := NewMatrix(n, outs)
		for step, text := range word[3:] {
			want, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			ClearGrads(seq.Params())
			got := loss(seq.Forward(Pass{Train: true, Step: uint64(step)}, x), y, w, grad)
			if math.Abs(got-want) > tolerance*want {
				t.Fatalf("%s: loss %.8f at step %d, PyTorch has %.8f", strings.Join(word[:3], " "), got, step, want)
			}
			seq.Backward(grad)
			o.Step(seq.Params(), rate)
		}
	}
}
