package net

import (
	"testing"

	"kequn/internal/kernel"
)

// BenchmarkTransformerStep is one step of training of a Transformer of 3 blocks of 64 numbers, 4 heads
// and 256 inner ones, 64 sequences of 64 rows, 500 classes.
func BenchmarkTransformerStep(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run([]string{"", "1 thread", "2 threads"}[threads], func(b *testing.B) {
			const dim, rows, classes = 64, 64 * 64, 500
			s := kernel.NewStream(1)
			table := NewEmbedding("e", classes, dim, 0.1, s)
			body := &Sequence{}
			for i := range 3 {
				body.Layers = append(body.Layers, NewBlock("b", dim, 4, 256, true, 0, 1, uint64(2*i), s))
			}
			body.Layers = append(body.Layers, NewLayerNorm("n", dim), NewDense("out", dim, classes, 1, s))
			params := append([]*Param{table.Table}, body.Params()...)
			var start []int32
			for i := range 65 {
				start = append(start, int32(i*64))
			}
			codes, y := make([]int32, rows), make([]float32, rows)
			for i := range codes {
				codes[i] = int32(s.Uint64() % classes)
				y[i] = float32(s.Uint64() % classes)
			}
			x, grad := NewMatrix(rows, dim), NewMatrix(rows, classes)
			o := &Adam{}
			p := Pass{Train: true, Threads: threads, Start: start}
			for b.Loop() {
				ClearGrads(params)
				table.Forward(codes, x, 0)
				out := body.Forward(p, x)
				CrossEntropy(out, y, nil, grad)
				table.Backward(codes, body.Backward(grad), 0)
				o.Step(params, 1e-3)
				p.Step++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}
