package net

import (
	"math"

	"kequn/internal/kernel"
)

// Loss compares the outputs of a batch with what should be. It returns the weighted mean loss
//
//	Σᵢ wᵢ·lossᵢ / rows
//
// and writes its gradient by out to grad. w is nil for all ones; weights are meant to average 1. The loss is summed in float64.
type Loss func(out Matrix, y, w []float32, grad Matrix) float64

// SquaredError is (out − y)²/2, for one output.
func SquaredError(out Matrix, y, w []float32, grad Matrix) float64 {
	check(out, y, w, grad)
	inverse, sum := 1/float32(out.Rows), 0.0
	for i, v := range out.Data {
		d := v - y[i]
		scale := inverse
		if w != nil {
			scale *= w[i]
		}
		grad.Data[i] = d * scale
		sum += float64(d) * float64(d) / 2 * float64(scale)
	}
	return sum
}

// BinaryCrossEntropy is log(1 + e^out) − y·out, for one output, the log-odds, and y from 0 to 1.
func BinaryCrossEntropy(out Matrix, y, w []float32, grad Matrix) float64 {
	check(out, y, w, grad)
	kernel.Sigmoid32(grad.Data, out.Data)
	inverse, sum := 1/float32(out.Rows), 0.0
	for i, p := range grad.Data {
		scale := inverse
		if w != nil {
			scale *= w[i]
		}
		m := float64(out.Data[i])
		q := float64(p) // of the likelier side, so that its logarithm is exact where it is small
		if m < 0 {
			q = 1 - q
		}
		sum += (max(m, 0) - float64(y[i])*m - math.Log(q)) * float64(scale)
		grad.Data[i] = (p - y[i]) * scale
	}
	return sum
}

// CrossEntropy is −log softmax(out)[y], for as many outputs as classes; y is the index of the class.
func CrossEntropy(out Matrix, y, w []float32, grad Matrix) float64 {
	if len(y) != out.Rows || len(grad.Data) != len(out.Data) || (w != nil && len(w) != out.Rows) {
		panic(errShape)
	}
	inverse, sum := 1/float32(out.Rows), 0.0
	for i := range out.Rows {
		row, g := out.Row(i), grad.Row(i)
		top := row[0]
		for _, v := range row[1:] {
			top = max(top, v)
		}
		for j, v := range row {
			g[j] = v - top
		}
		chosen := int(y[i])
		at := float64(g[chosen])
		kernel.Exp32(g, g)
		total := float32(0)
		for _, v := range g {
			total += v
		}
		scale := inverse
		if w != nil {
			scale *= w[i]
		}
		sum += (math.Log(float64(total)) - at) * float64(scale)
		for j, v := range g {
			g[j] = v / total * scale
		}
		g[chosen] -= scale
	}
	return sum
}

func check(out Matrix, y, w []float32, grad Matrix) {
	if out.Cols != 1 || len(y) != out.Rows || len(grad.Data) != out.Rows || (w != nil && len(w) != out.Rows) {
		panic(errShape)
	}
}
