package svm

import (
	"io"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Model is a fitted machine, or one per class.
type Model struct {
	h     model.Header
	terms []term
	width int
	kind  int // Linear or RBF
	gamma float64
	k     int
	bank  *points   // RBF: support vectors
	coef  []float64 // (k, support vectors), or (k, width)
	bias  []float64 // k
	scale scaling
	mean  []float64 // the mean training row, encoded
	share []float64 // importance per column
}

// fromRows keeps the rows with a coefficient in any machine.
func (m *Model) fromRows(f *fitting, machines []machine) {
	var keep []int32
	for i := range f.p.n {
		for _, c := range machines {
			if c.coef[i] != 0 {
				keep = append(keep, int32(i))
				break
			}
		}
	}
	m.kind, m.gamma, m.k = RBF, f.gamma, f.k
	m.bank = f.p.take(keep)
	for _, c := range machines {
		m.coef = append(m.coef, kernel.Take(c.coef, keep)...)
		m.bias = append(m.bias, c.b)
	}
}

// fromFeatures takes the machines of landmarks, or linear ones.
func (m *Model) fromFeatures(f *fitting, machines []machine) {
	m.kind, m.k = Linear, f.k
	if f.kind == Landmarks {
		m.kind, m.gamma = RBF, f.gamma
		keep := make([]int32, len(machines[0].coef))
		for i := range keep {
			keep[i] = int32(i)
		}
		m.bank = f.p.take(keep)
	}
	for _, c := range machines {
		m.coef = append(m.coef, c.coef...)
		m.bias = append(m.bias, c.b)
	}
}

// take returns copies of the points.
func (p *points) take(rows []int32) *points {
	out := newPoints(len(rows), p.width)
	for k, i := range rows {
		copy(out.row(k), p.row(int(i)))
	}
	out.norms(1)
	return out
}

// finish computes what is derived from the fitted machines.
func (m *Model) finish(inputs *table.Table, w []float64, threads int) {
	m.average()
	m.share = make([]float64, len(m.h.Columns))
	if len(m.share) == 0 {
		return
	}
	sample := inputs.Slice(0, min(inputs.NRows(), importanceRows))
	for c := range m.k {
		_, phi, err := m.attribute(sample, c, threads)
		if err != nil {
			panic("svm: the training rows do not fit their own model")
		}
		for i := range sample.NRows() {
			for j := range m.share {
				m.share[j] += w[i] * math.Abs(phi[i*len(m.share)+j])
			}
		}
	}
	if sum := kernel.Sum(m.share); sum > 0 {
		kernel.Scale(1/sum, m.share)
	} else {
		clear(m.share)
	}
}

// importanceRows are enough for a mean that nobody reads to more than two digits; rows are in random order.
const importanceRows = 200

func (m *Model) average() {
	m.mean = nil
	for _, t := range m.terms {
		m.mean = append(m.mean, t.mean...)
	}
}

// Header implements [model.Model].
func (m *Model) Header() model.Header { return m.h }

// Vectors returns how many support vectors or landmarks the model holds; 0 for a linear one.
func (m *Model) Vectors() int {
	if m.bank == nil {
		return 0
	}
	return m.bank.n
}

func (m *Model) encode(x *table.Table, threads int) (*points, error) {
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return nil, err
	}
	return encodeRows(m.terms, m.width, in.Columns, x.NRows(), threads), nil
}

// Decision returns f of each machine, (n, k) row-major: for classes above 0 on the positive side, for amounts in standard
// deviations of the outcome from its mean. It is what scikit-learn calls the decision function.
func (m *Model) Decision(x *table.Table) ([]float64, error) {
	p, err := m.encode(x, 0)
	if err != nil {
		return nil, err
	}
	return m.decision(p, 0), nil
}

func (m *Model) decision(p *points, threads int) []float64 {
	out := make([]float64, p.n*m.k)
	const rows = 32
	kernel.Parallel(p.n, threads, rows, func(lo, hi int) {
		if m.bank == nil {
			for i := lo; i < hi; i++ {
				for c := range m.k {
					out[i*m.k+c] = m.bias[c] + kernel.Dot(m.coef[c*m.width:(c+1)*m.width], p.row(i))
				}
			}
			return
		}
		n, wide := m.bank.n, len(m.bank.norm)
		k := make([]float64, up(hi-lo, kernel.GramSide)*wide)
		kernel.AddGram(p.z[lo*p.stride:], m.bank.z, up(hi-lo, kernel.GramSide), wide, p.stride, p.stride, k, false)
		for i := lo; i < hi; i++ {
			row := k[(i-lo)*wide : (i-lo)*wide+n]
			for j, dot := range row {
				row[j] = math.Exp(-m.gamma * max(0, p.norm[i]+m.bank.norm[j]-2*dot))
			}
			for c := range m.k {
				out[i*m.k+c] = m.bias[c] + kernel.Dot(m.coef[c*n:(c+1)*n], row)
			}
		}
	})
	return out
}

func (m *Model) margins(x *table.Table) ([]float64, error) {
	out, err := m.Decision(x)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(out); i += m.k {
		m.scale.margins(out[i:i+m.k], out[i:i+m.k])
	}
	return out, nil
}

// Margin implements [model.Marginer]: of several classes that of the first.
func (m *Model) Margin(x *table.Table) ([]float64, error) {
	all, err := m.margins(x)
	if err != nil || m.k == 1 {
		return all, err
	}
	out := make([]float64, len(all)/m.k)
	for i := range out {
		out[i] = all[i*m.k]
	}
	return out, nil
}

// Predict implements [model.Model].
func (m *Model) Predict(x *table.Table) ([]float64, error) {
	out, err := m.margins(x)
	if err != nil || m.h.Task == kequn.Regression {
		return out, err
	}
	for i := 0; i < len(out); i += m.k {
		probabilities(out[i : i+m.k])
	}
	return out, nil
}

// Importance implements [model.Importancer]: the weighted mean size of a column's contributions over 200 training rows.
func (m *Model) Importance() []float64 { return append([]float64(nil), m.share...) }

// Encode implements [model.Model].
func (m *Model) Encode(w io.Writer) error {
	a := model.NewArrayWriter(w)
	a.Int(m.kind)
	a.Int(m.k)
	a.Float64(m.gamma)
	for _, t := range m.terms {
		a.Int(t.size)
		a.Bool(t.number != nil)
		if t.number != nil {
			a.Float64s([]float64{t.number.lo, t.number.hi, t.number.unit, t.number.mean, t.number.sd})
		}
		a.Bool(t.flag)
		a.Int32s(t.slot)
		a.Int(int(t.none + 1))
		a.Float64s(t.mean)
	}
	a.Float64s(m.bias)
	a.Float64s(m.scale.slope)
	a.Float64s(m.scale.shift)
	a.Float64s(m.share)
	a.Float64s(m.coef)
	if m.bank != nil {
		a.Int(m.bank.n)
		for i := range m.bank.n {
			a.Float64s(m.bank.row(i))
		}
	}
	return a.Err()
}

// Decode reads what Encode wrote.
func Decode(h model.Header, r io.Reader) (model.Model, error) {
	if err := h.UpTo(1); err != nil {
		return nil, err
	}
	a := model.NewArrayReader(r)
	m := &Model{h: h, kind: a.Int(), k: a.Int(), gamma: a.Finite()}
	if h.Version != 1 || m.k != h.NOut() || m.k < 1 || (m.kind != Linear && m.kind != RBF) || m.gamma < 0 {
		return nil, model.ErrArrays
	}
	for _, c := range h.Columns {
		t := term{at: m.width, size: a.Int()}
		if a.Bool() {
			v := a.FiniteN(5)
			if len(v) != 5 || v[0] > v[1] || v[2] < 0 || !(v[4] > 0) {
				return nil, model.ErrArrays
			}
			t.number = &number{v[0], v[1], v[2], v[3], v[4]}
		}
		t.flag, t.slot, t.none = a.Bool(), a.Int32s(), int32(a.Int())-1
		t.mean = a.FiniteN(t.size)
		if a.Err() != nil || !t.valid(c) {
			return nil, model.ErrArrays
		}
		m.terms = append(m.terms, t)
		m.width += t.size
	}
	m.bias, m.scale.slope, m.scale.shift = a.FiniteN(m.k), a.FiniteN(m.k), a.FiniteN(m.k)
	m.share = a.FiniteN(len(h.Columns))
	m.coef = a.Float64s()
	size := m.width
	if m.kind == RBF && a.Err() == nil {
		size = a.Int()
		if len(m.coef) != m.k*size {
			return nil, model.ErrArrays
		}
		m.bank = newPoints(size, m.width)
		for i := range size {
			copy(m.bank.row(i), a.FiniteN(m.width))
		}
		m.bank.norms(1)
	}
	for _, v := range m.coef {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			a.Fail()
		}
	}
	if len(m.coef) != m.k*size {
		a.Fail()
	}
	m.average()
	return m, a.End()
}

// valid tells whether a term that was read can encode a column.
func (t *term) valid(c model.Column) bool {
	if c.Kind != table.Category {
		n := 0
		if t.number != nil {
			n++
		}
		if t.flag {
			n++
		}
		return t.size == n && len(t.slot) == 0 && t.none == -1
	}
	if t.number != nil || t.flag || len(t.slot) != len(c.Levels) || int(t.none) >= t.size {
		return false
	}
	for _, s := range t.slot {
		if s < 0 || int(s) >= t.size {
			return false
		}
	}
	return true
}
