package additive

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Cell is one step of a shape: what the column adds to the margin where its value lies there.
type Cell struct {
	Value  float64
	Spread float64 // standard deviation between the bags
	Weight float64 // of training rows
}

// Shape is what one column adds to the margin, over its values. Its mean over the training rows is 0.
type Shape struct {
	Column string
	Class  string // multiclass: the class whose margin it is

	// Borders of a number column: cell i holds values above Borders[i−1] up to Borders[i], the first all lower, the last all
	// higher ones. Nil for categories.
	Borders []float64
	Levels  []string // of a category column, one per cell; "…" stands for the rare ones, which share one. Nil for numbers.
	Cells   []Cell

	Missing Cell // of rows without a value; of weight 0, and 0, if training had none

	Importance float64 // the column's share in the mean absolute contribution, pairs included
}

// Shapes returns the shapes, the most important columns first, and per column the classes in their order. The result is the
// caller's.
func (m *Model) Shapes() []Shape {
	var out []Shape
	for _, t := range m.byImportance() {
		s := &m.body.columns[t]
		c, cut := m.header.Columns[s.column], &m.body.cuts[s.column]
		for k := range s.value {
			shape := Shape{Column: c.Name, Class: m.class(k), Importance: m.body.importance[s.column]}
			if cut.IsCategory() {
				shape.Levels = m.levels(s.column)
			} else {
				shape.Borders = slices.Clone(cut.Upper)
			}
			for i := range s.weight {
				cell := Cell{Value: s.value[k][i], Spread: s.spread[k][i], Weight: s.weight[i]}
				if i == cut.NBins {
					shape.Missing = cell
				} else {
					shape.Cells = append(shape.Cells, cell)
				}
			}
			out = append(out, shape)
		}
	}
	return out
}

// byImportance returns the indexes of the columns' shapes, the most important first.
func (m *Model) byImportance() []int {
	order := make([]int, len(m.body.columns))
	for t := range order {
		order[t] = t
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return cmp.Compare(m.body.importance[m.body.columns[y].column], m.body.importance[m.body.columns[x].column])
	})
	return order
}

func (m *Model) class(k int) string {
	if len(m.header.Classes) > k {
		return m.header.Classes[k]
	}
	return ""
}

// levels returns the level of every bin of a category.
func (m *Model) levels(column int) []string {
	cut := &m.body.cuts[column]
	names, count := make([]string, cut.NBins), make([]int, cut.NBins)
	for l, bin := range cut.Level {
		if int(bin) < cut.NBins {
			names[bin] = m.header.Columns[column].Levels[l]
			count[bin]++
		}
	}
	for i, n := range count {
		if n != 1 {
			names[i] = "…"
		}
	}
	return names
}

// Side is one side of a grid.
type Side struct {
	Column  string
	Borders []float64  // a number column: of its steps, as in [Shape]
	Levels  [][]string // a category column: the levels that share a step
}

// Steps returns how many steps the side has, the one for missing values left out.
func (s *Side) Steps() int {
	if s.Levels != nil {
		return len(s.Levels)
	}
	return len(s.Borders) + 1
}

// Grid is what a pair of columns adds to the margin beyond what both add alone: over the training rows its mean is 0 for
// every step of either side. Of a contribution, half counts for each column.
type Grid struct {
	A, B Side
	// Cells[i][j] is for step i of A and step j of B; the last of each is for missing values.
	Cells    [][]Cell
	Strength float64 // mean absolute value over the training rows
}

// Grids returns the pairs, the strongest first. The result is the caller's.
func (m *Model) Grids() []Grid {
	var out []Grid
	for t := range m.body.pairs {
		p := &m.body.pairs[t]
		g := Grid{A: m.side(p.a, p.ofA, p.na), B: m.side(p.b, p.ofB, p.nb), Cells: make([][]Cell, p.na)}
		total := 0.0
		for i := range p.na {
			g.Cells[i] = make([]Cell, p.nb)
			for j := range p.nb {
				c := (i+1)%p.na*p.nb + (j+1)%p.nb // step 0, of missing values, comes last
				g.Cells[i][j] = Cell{p.value[0][c], p.spread[0][c], p.weight[c]}
				g.Strength += p.weight[c] * math.Abs(p.value[0][c])
				total += p.weight[c]
			}
		}
		if total > 0 {
			g.Strength /= total
		}
		out = append(out, g)
	}
	slices.SortStableFunc(out, func(x, y Grid) int {
		if c := cmp.Compare(y.Strength, x.Strength); c != 0 {
			return c
		}
		return strings.Compare(x.A.Column+"\x00"+x.B.Column, y.A.Column+"\x00"+y.B.Column)
	})
	return out
}

// side tells the steps of a column's cells; of has the step of each, 0 for missing values.
func (m *Model) side(column int, of []uint8, steps int) Side {
	cut := &m.body.cuts[column]
	s := Side{Column: m.header.Columns[column].Name}
	if cut.IsCategory() {
		s.Levels = make([][]string, max(0, steps-1))
		for bin, name := range m.levels(column) {
			if step := int(of[bin]); step > 0 {
				s.Levels[step-1] = append(s.Levels[step-1], name)
			}
		}
		return s
	}
	for bin, border := range cut.Upper {
		if of[bin+1] != of[bin] {
			s.Borders = append(s.Borders, border)
		}
	}
	return s
}
