package net

import (
	"math"

	"kequn/internal/kernel"
)

// Embedding is a table of Levels vectors of Dim numbers, one for each level of a category. Its input are codes, not numbers,
// so that it is no [Layer]: it writes its vectors into columns of a batch, and reads their gradient from there.
type Embedding struct {
	Levels, Dim int
	Table       *Param // (Levels, Dim)
}

// NewEmbedding returns a table drawn uniformly from ±√3 deviations.
func NewEmbedding(name string, levels, dim int, deviation float64, s *kernel.Stream) *Embedding {
	e := &Embedding{Levels: levels, Dim: dim, Table: newParam(name+".table", levels*dim, true)}
	e.Table.Uniform(s, math.Sqrt(3)*deviation)
	return e
}

// Forward writes the vector of each row's code to columns [col, col+Dim) of x.
func (e *Embedding) Forward(codes []int32, x Matrix, col int) {
	if len(codes) != x.Rows || col+e.Dim > x.Cols {
		panic(errShape)
	}
	for i, k := range codes {
		copy(x.Data[i*x.Cols+col:][:e.Dim], e.Table.Value[int(k)*e.Dim:])
	}
}

// Backward adds the gradient in columns [col, col+Dim) of dx to the vectors of the codes, row by row.
func (e *Embedding) Backward(codes []int32, dx Matrix, col int) {
	if len(codes) != dx.Rows || col+e.Dim > dx.Cols {
		panic(errShape)
	}
	for i, k := range codes {
		to := e.Table.Grad[int(k)*e.Dim:][:e.Dim]
		for j, v := range dx.Data[i*dx.Cols+col:][:e.Dim] {
			to[j] += v
		}
	}
}
