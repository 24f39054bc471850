package net

import (
	"math"

	"kequn/internal/kernel"
)

// Contrastive pulls rows of the same group together and pushes others apart: with zᵢ = outᵢ/|outᵢ| and Pᵢ the other rows of i's group,
//
//	loss = mean over i with Pᵢ ≠ ∅ of  −1/|Pᵢ|·Σ_{p∈Pᵢ} log( e^{zᵢ·z_p/τ} / Σ_{a≠i} e^{zᵢ·z_a/τ} )
//
// Slices of one customer's stream are one group. Work grows with the square of the rows.
//
// Reference: Khosla et al., Supervised Contrastive Learning, 2020.
type Contrastive struct {
	Temperature float64 // τ; 0 means 0.1

	unit, similar, back []float32
}

// Loss returns the loss of a batch and writes its gradient by out to grad. It is 0 where no group has two rows.
func (c *Contrastive) Loss(out Matrix, group []int32, grad Matrix, threads int) float64 {
	n, d := out.Rows, out.Cols
	if len(group) != n || grad.Rows != n || grad.Cols != d {
		panic(errShape)
	}
	heat := float32(1 / either(c.Temperature, 0.1))
	z, s := sized(&c.unit, n, d), sized(&c.similar, n, n)
	norm := make([]float32, n)
	for i := range n {
		row := out.Row(i)
		norm[i] = max(float32(math.Sqrt(float64(kernel.Dot32(row, row)))), 1e-12)
		for j, v := range row {
			z.Row(i)[j] = v / norm[i]
		}
	}
	kernel.GemmThreads(max(1, threads), n, n, d, z.strided(), z.strided().T(), s.strided(), kernel.Strided{})
	anchors := 0
	friends := make([]int, n)
	for i, g := range group {
		for j, h := range group {
			if g == h && i != j {
				friends[i]++
			}
		}
		if friends[i] > 0 {
			anchors++
		}
	}
	clear(grad.Data)
	if anchors == 0 {
		return 0
	}
	sum := 0.0
	share := float32(1) / float32(anchors)
	for i := range n { // row i of s becomes the loss's gradient by zᵢ·z_a
		row := s.Row(i)
		if friends[i] == 0 {
			clear(row)
			continue
		}
		top, pull := float32(math.Inf(-1)), 0.0
		for a, v := range row {
			row[a] = v * heat
			if a == i {
				continue
			}
			top = max(top, row[a])
			if group[a] == group[i] {
				pull += float64(row[a])
			}
		}
		for a := range row {
			row[a] -= top
		}
		row[i] = float32(math.Inf(-1))
		kernel.Exp32(row, row)
		row[i] = 0
		total := sum32(row)
		sum += math.Log(float64(total)) + float64(top) - pull/float64(friends[i])
		scale := share * heat
		for a := range row {
			row[a] *= scale / total
			if group[a] == group[i] && a != i {
				row[a] -= scale / float32(friends[i])
			}
		}
	}
	dz := sized(&c.back, n, d)
	kernel.GemmThreads(max(1, threads), n, d, n, s.strided(), z.strided(), dz.strided(), kernel.Strided{})
	kernel.GemmThreads(max(1, threads), n, d, n, s.strided().T(), z.strided(), dz.strided(), dz.strided())
	for i := range n { // through the norm: the part along z vanishes
		from, unit, to := dz.Row(i), z.Row(i), grad.Row(i)
		along := kernel.Dot32(from, unit)
		for j, v := range from {
			to[j] = (v - unit[j]*along) / norm[i]
		}
	}
	return sum / float64(anchors)
}

// SampledSoftmax is cross-entropy over very many classes, told from a sample of them. The logit of class k is row·Table[k] + Bias[k]; the
// target is compared with the classes drawn, whose logits are lowered by the logarithm of how often they are expected in the draw, so that
// the gradient is about that of the whole softmax.
//
// Reference: Jean et al., On Using Very Large Target Vocabulary, 2015.
type SampledSoftmax struct {
	Classes, Dim int
	Table, Bias  *Param // (Classes, Dim), (Classes)

	drawn, logits, dDrawn []float32
}

// NewSampledSoftmax returns classes with small random vectors.
func NewSampledSoftmax(name string, classes, dim int, s *kernel.Stream) *SampledSoftmax {
	l := &SampledSoftmax{Classes: classes, Dim: dim, Table: newParam(name+".table", classes*dim, true), Bias: newParam(name+".bias", classes, false)}
	l.Table.Uniform(s, math.Sqrt(3/float64(dim)))
	return l
}

// Loss returns the mean loss of the rows, adds to the gradients of table and bias, and writes the gradient by out to grad. Classes drawn
// are in sample, each with the logarithm of its expected number of draws; expect holds the same for the targets.
func (l *SampledSoftmax) Loss(out Matrix, target []int32, expectTarget []float32, sample []int32, expect []float32, grad Matrix, threads int) float64 {
	n, d, m := out.Rows, l.Dim, len(sample)
	if out.Cols != d || len(target) != n || len(expectTarget) != n || len(expect) != m || len(grad.Data) != len(out.Data) {
		panic(errShape)
	}
	drawn, logits := sized(&l.drawn, m, d), sized(&l.logits, n, m+1)
	for k, c := range sample {
		copy(drawn.Row(k), l.Table.Value[int(c)*d:][:d])
	}
	kernel.GemmThreads(max(1, threads), n, m, d, out.strided(), drawn.strided().T(), logits.strided(), kernel.Strided{})
	inverse, sum := 1/float32(n), 0.0
	for i := range n {
		row := logits.Row(i)
		for k, c := range sample {
			row[k] += l.Bias.Value[c] - expect[k]
			if c == target[i] {
				row[k] = float32(math.Inf(-1)) // it counts once, as the target
			}
		}
		t := int(target[i])
		row[m] = kernel.Dot32(out.Row(i), l.Table.Value[t*d:][:d]) + l.Bias.Value[t] - expectTarget[i]
		top := row[m]
		for _, v := range row[:m] {
			top = max(top, v)
		}
		at := row[m] - top
		for k := range row {
			row[k] -= top
		}
		kernel.Exp32(row, row)
		total := sum32(row)
		sum += math.Log(float64(total)) - float64(at)
		for k := range row {
			row[k] *= inverse / total
		}
		row[m] -= inverse
	}
	kernel.GemmThreads(max(1, threads), n, d, m, logits.strided(), drawn.strided(), grad.strided(), kernel.Strided{})
	dDrawn := sized(&l.dDrawn, m, d)
	kernel.GemmThreads(max(1, threads), m, d, n, logits.strided().T(), out.strided(), dDrawn.strided(), kernel.Strided{})
	for i := range n {
		t, g := int(target[i]), logits.Row(i)[m]
		kernel.Axpy32(g, l.Table.Value[t*d:][:d], grad.Row(i))
		if l.Table.Grad != nil {
			kernel.Axpy32(g, out.Row(i), l.Table.Grad[t*d:][:d])
			l.Bias.Grad[t] += g
		}
	}
	if l.Table.Grad != nil {
		for k, c := range sample {
			kernel.Axpy32(1, dDrawn.Row(k), l.Table.Grad[int(c)*d:][:d])
		}
		for i := range n {
			for k, c := range sample {
				l.Bias.Grad[c] += logits.Row(i)[k]
			}
		}
	}
	return sum / float64(n)
}

// Params returns the parameters.
func (l *SampledSoftmax) Params() []*Param { return []*Param{l.Table, l.Bias} }
