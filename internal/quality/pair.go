package quality

import (
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// maxPaired bounds the columns that are compared two by two.
const maxPaired = 8

// pairShare is one over the share of rows that correlations are made of, drawn by hash of the order of arrival.
const pairShare = 4

// pairSums compares the columns of a dataset two by two: numbers with numbers, times with times.
type pairSums struct {
	columns []int // positions of columns, numbers first
	times   int   // how many of them are times
	parts   [][]pairSum
}

// pairSum is what is counted of two columns a and b.
type pairSum struct {
	n, above, below int64 // rows with both values, a > b, a < b
	m               [2]moments
}

// moments are of signed logarithms of a sample of rows.
type moments struct{ n, a, b, aa, bb, ab float64 }

func (m *moments) add(x, y float64) {
	m.n++
	m.a, m.b, m.aa, m.bb, m.ab = m.a+x, m.b+y, m.aa+x*x, m.bb+y*y, m.ab+x*y
}

func (m *moments) plus(o moments) moments {
	return moments{m.n + o.n, m.a + o.a, m.b + o.b, m.aa + o.aa, m.bb + o.bb, m.ab + o.ab}
}

// correlation is Pearson's, NaN where a side is constant.
func (m moments) correlation() float64 {
	a, b := m.aa-m.a*m.a/m.n, m.bb-m.b*m.b/m.n
	if !(a > 1e-9*m.aa) || !(b > 1e-9*m.bb) {
		return math.NaN()
	}
	return (m.ab - m.a*m.b/m.n) / math.Sqrt(a*b)
}

func newPairSums(s *set, parts int) *pairSums {
	p := &pairSums{parts: make([][]pairSum, parts)}
	if s.part < 0 {
		return p
	}
	var times []int
	for i, name := range s.names {
		c := s.Column(name)
		switch {
		case c.Kind == table.Time && len(times) < maxPaired && c.Role != kequn.ColKnownAt && c.Role != kequn.ColBirth:
			times = append(times, i)
		case (c.Kind == table.Number || c.Kind == table.Money || c.Kind == table.Integer) && len(p.columns) < maxPaired && !idLike(c.Name):
			p.columns = append(p.columns, i)
		}
	}
	p.times = len(times)
	p.columns = append(p.columns, times...)
	return p
}

// each calls f with the positions of two columns and the place of their sums.
func (p *pairSums) each(f func(a, b, at int)) {
	n, at := len(p.columns)-p.times, 0
	for i := range p.columns {
		for j := i + 1; j < len(p.columns); j++ {
			if (i < n) == (j < n) {
				f(p.columns[i], p.columns[j], at)
				at++
			}
		}
	}
}

func (p *pairSums) count() (n int) {
	p.each(func(_, _, at int) { n = at + 1 })
	return n
}

func (p *pairSums) take(s *pieceSet, number int) {
	n := p.count()
	if n == 0 || s.n == 0 {
		return
	}
	sums := make([]pairSum, n)
	p.parts[number] = sums
	floats := make([][]float64, len(s.names))
	logs := make([][]float64, len(s.names))
	var sampled []int32
	for r := range s.n {
		if !s.skipped(r) && kernel.Mix(uint64(s.seq[r]))%pairShare == 0 {
			sampled = append(sampled, int32(r))
		}
	}
	for _, i := range p.columns {
		floats[i] = s.t.Columns[i].Floats()
		if s.t.Columns[i].Kind == table.Time {
			continue
		}
		logs[i] = make([]float64, len(sampled))
		for k, r := range sampled {
			x := floats[i][r]
			logs[i][k] = math.Copysign(math.Log1p(math.Abs(x)), x)
		}
	}
	p.each(func(a, b, at int) {
		t := &sums[at]
		x, y := floats[a], floats[b]
		for r := range x {
			switch d := x[r] - y[r]; {
			case s.skipped(r):
			case d > 0:
				t.n++
				t.above++
			case d < 0:
				t.n++
				t.below++
			case d == 0:
				t.n++
			}
		}
		for k, r := range sampled {
			if logs[a] == nil {
				break
			}
			if u, v := logs[a][k], logs[b][k]; u == u && v == v {
				t.m[s.side(int(r))].add(u, v)
			}
		}
	})
}

// sum returns the sums of all partitions, added in their order.
func (p *pairSums) sum(at int) (out pairSum) {
	for _, part := range p.parts {
		if part == nil {
			continue
		}
		t := &part[at]
		out.n, out.above, out.below = out.n+t.n, out.above+t.above, out.below+t.below
		for k := range 2 {
			out.m[k] = out.m[k].plus(t.m[k])
		}
	}
	return out
}
