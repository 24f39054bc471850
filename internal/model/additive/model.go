package additive

import (
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// Model is a fitted sum of shapes. It can explain, rank its columns, give margins and show itself.
type Model struct {
	header model.Header
	body   *body
	match  *model.Matcher
}

var (
	_ model.Attributor  = (*Model)(nil)
	_ model.Importancer = (*Model)(nil)
	_ model.Marginer    = (*Model)(nil)
)

// body holds the model's numbers.
type body struct {
	cuts       []treekit.Cut // of every column
	base       []float64     // per output: the score of the average customer
	columns    []shape
	pairs      []pairShape
	importance []float64 // per column
}

// shape is a step function: value[output][cell], the last cell for missing values.
type shape struct {
	column int
	value  [][]float64
	spread [][]float64 // standard deviation between bags
	weight []float64   // of training rows per cell
}

// pairShape is a grid: value[output][i·nb+j], where i and j are the steps of a's and b's cells.
type pairShape struct {
	a, b     int
	na, nb   int
	ofA, ofB []uint8
	shape
}

func newShape(column int, weight []float64, outputs int) shape {
	s := shape{column: column, weight: weight}
	for range outputs {
		s.value = append(s.value, make([]float64, len(weight)))
		s.spread = append(s.spread, make([]float64, len(weight)))
	}
	return s
}

// add adds one bag's values; factor is its share in the average.
func (s *shape) add(k int, value []float64, factor float64) {
	for c, v := range value {
		s.value[k][c] += factor * v
		s.spread[k][c] += factor * v * factor * v
	}
}

// finish turns the sums of squares of n bags into standard deviations, and scores into the outcome's units.
func (s *shape) finish(n int, unit float64) {
	for k := range s.value {
		for c, mean := range s.value[k] {
			// Σ(v/n)² = (sd² + mean²)/n
			s.spread[k][c] = unit * math.Sqrt(max(0, s.spread[k][c]*float64(n)-mean*mean))
			s.value[k][c] = unit * mean
		}
	}
}

// forget makes a cell without training rows neutral.
func (s *shape) forget(cell int) {
	for k := range s.value {
		s.value[k][cell], s.spread[k][cell] = 0, 0
	}
}

// forgetEmptySides makes rows and columns of the grid without any training row neutral.
func (p *pairShape) forgetEmptySides() {
	rows, cols := make([]float64, p.na), make([]float64, p.nb)
	for c, w := range p.weight {
		rows[c/p.nb] += w
		cols[c%p.nb] += w
	}
	for c := range p.weight {
		if rows[c/p.nb] == 0 || cols[c%p.nb] == 0 {
			p.forget(c)
		}
	}
}

// Header says what the model is and wants.
func (m *Model) Header() model.Header { return m.header }

// Predict returns probabilities or values as model.Model says.
func (m *Model) Predict(x *table.Table) ([]float64, error) {
	score, err := m.Margin(x)
	if err != nil {
		return nil, err
	}
	switch n := len(m.body.base); m.header.Task {
	case kequn.Binary:
		for i, s := range score {
			score[i] = 1 / (1 + math.Exp(-s))
		}
	case kequn.Multiclass:
		for i := 0; i < len(score); i += n {
			row := score[i : i+n]
			lse := logSumExp(row)
			for k, s := range row {
				row[k] = math.Exp(s - lse)
			}
		}
	}
	return score, nil
}

// Margin returns the log-odds (binary), the value (regression) or the logarithms of unnormed chances (multiclass, one per
// class) on which contributions add up.
func (m *Model) Margin(x *table.Table) ([]float64, error) {
	in, err := m.match.Match(x)
	if err != nil {
		return nil, err
	}
	b := m.body
	n := len(b.base)
	score := make([]float64, in.NRows()*n)
	b.cells(in, func(lo int, cells [][]uint8) {
		for k := range n {
			for i := range len(cells[0]) {
				score[(lo+i)*n+k] = b.base[k]
			}
			for t := range b.columns {
				s := &b.columns[t]
				value := s.value[k]
				for i, c := range cells[s.column] {
					score[(lo+i)*n+k] += value[c]
				}
			}
			for t := range b.pairs {
				p := &b.pairs[t]
				value := p.value[k]
				cb := cells[p.b]
				for i, c := range cells[p.a] {
					score[(lo+i)*n+k] += value[int(p.ofA[c])*p.nb+int(p.ofB[cb[i]])]
				}
			}
		}
	})
	return score, nil
}

// cells calls f with the cells of blocks of rows, column by column.
func (b *body) cells(x *table.Table, f func(lo int, cells [][]uint8)) {
	const few = 16 // below, laying out borders for a fast search costs more than searching
	kernel.Parallel(x.NRows(), 0, 4096, func(lo, hi int) {
		if hi-lo >= few {
			f(lo, treekit.BinWith(x.Slice(lo, hi), b.cuts, treekit.Options{Threads: 1}).Cols)
			return
		}
		cells := make([][]uint8, len(b.cuts))
		for c := range cells {
			cells[c] = make([]uint8, hi-lo)
			cut, col := &b.cuts[c], x.Columns[c]
			for i := range cells[c] {
				if cut.IsCategory() {
					cells[c][i] = cut.BinLevel(col.Code[lo+i])
				} else {
					cells[c][i] = cut.BinNumber(col.Num[lo+i])
				}
			}
		}
		f(lo, cells)
	})
}

// Attribute returns what each column adds to the margin: the value of its shape, and half of each of its pairs. As shapes
// are centred and pairs purified on the training rows, base is the mean margin there.
func (m *Model) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	if m.header.Task != kequn.Multiclass {
		class = 0
	}
	if class < 0 || class >= len(m.body.base) {
		return 0, nil, kequn.Errorf(kequn.KindUsage, "", "the model has classes 0 to %d, not %d", len(m.body.base)-1, class)
	}
	in, err := m.match.Match(x)
	if err != nil {
		return 0, nil, err
	}
	n := len(m.header.Columns)
	phi = make([]float64, in.NRows()*n)
	m.body.cells(in, func(lo int, cells [][]uint8) {
		m.body.contributions(class, cells, phi[lo*n:])
	})
	return m.body.base[class], phi, nil
}

// contributions adds to phi, one number per row and column, what the columns add to output k.
func (b *body) contributions(k int, cells [][]uint8, phi []float64) {
	n := len(b.cuts)
	for t := range b.columns {
		s := &b.columns[t]
		for i, c := range cells[s.column] {
			phi[i*n+s.column] += s.value[k][c]
		}
	}
	for t := range b.pairs {
		p := &b.pairs[t]
		cb := cells[p.b]
		for i, c := range cells[p.a] {
			half := p.value[k][int(p.ofA[c])*p.nb+int(p.ofB[cb[i]])] / 2
			phi[i*n+p.a] += half
			phi[i*n+p.b] += half
		}
	}
}

// Importance returns each column's share in the mean absolute contribution in training.
func (m *Model) Importance() []float64 { return append([]float64(nil), m.body.importance...) }

// rank computes the importance of columns.
func (b *booster) rank(m *body) {
	n := len(m.cuts)
	total := kernel.Reduce(b.rows.n, b.threads, 4096, func(lo, hi int) []float64 {
		cells := make([][]uint8, n)
		for c := range cells {
			cells[c] = kernel.Take(b.bins.Cols[c], b.rows.source[lo:hi])
		}
		sum := make([]float64, n)
		for k := range m.base {
			phi := make([]float64, (hi-lo)*n)
			m.contributions(k, cells, phi)
			for i := range hi - lo {
				w := b.rows.weight(lo + i)
				for c, v := range phi[i*n : (i+1)*n] {
					sum[c] += w / b.rows.total * math.Abs(v)
				}
			}
		}
		return sum
	}, func(a, z []float64) []float64 {
		for c := range a {
			a[c] += z[c]
		}
		return a
	})
	m.importance = total
	whole := kernel.Sum(total)
	for c := range total {
		if whole > 0 && finite(whole) {
			total[c] /= whole
		} else {
			total[c] = 0
		}
	}
}
