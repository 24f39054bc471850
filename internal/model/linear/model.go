package linear

import (
	"io"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/ngram"
	"kequn/internal/table"
)

// Model is a fitted linear model: per class, a base and an effect of each column. Effects are centred, so that the base is the
// mean margin of the training rows and an effect says how far a value moves a customer away from the average one.
type Model struct {
	h       model.Header
	k       int
	base    []float64     // k
	effects [][]effect    // per class, per column
	texts   []*textEffect // per column, nil for others
	coefs   []Coefficient
	path    []PathStep
	paths   []Coefficient // what the path's coefficients multiply; values are not set
	weight  []float64     // importance per column
	edf     float64
}

// effect is what one column adds to one class's margin.
type effect struct {
	number *number // numbers: slope·z, or missing
	slope  float64
	bend   float64   // of the number's departure from a line
	centre float64   // taken off the slope's part
	levels []float64 // categories: by level
	none   float64   // when missing, or never seen
}

func newModel(h model.Header, e *encoding, p *problem, s *solution) *Model {
	m := &Model{h: h, k: p.k, edf: s.edf}
	means, all := p.means, p.spread(p.k, s.beta)
	m.texts = make([]*textEffect, len(e.terms))
	width, at := p.textWidth(), 0
	for j, t := range e.terms {
		if t.text != nil {
			f := &textEffect{vocabulary: t.text.vocabulary}
			for c := range p.k {
				f.coef = append(f.coef, s.text[c*width+at:][:t.text.matrix.NCols])
			}
			m.texts[j], at = f, at+t.text.matrix.NCols
		}
	}
	for c := range p.k {
		beta := all[c*(e.p+1) : (c+1)*(e.p+1)]
		base := beta[e.p] + p.mean
		effects := make([]effect, len(e.terms))
		for j, t := range e.terms {
			centre := 0.0
			for _, k := range t.all() {
				centre += means[k] * beta[k]
			}
			if t.text != nil {
				centre += t.text.mean(p, m.texts[j].coef[c])
			}
			base += centre
			f := effect{number: t.number, centre: centre}
			if t.number != nil {
				f.slope = beta[t.slope]
				if t.bend >= 0 {
					f.bend = beta[t.bend]
				}
			}
			if t.none >= 0 {
				f.none = beta[t.none] - centre
			} else if t.text != nil {
				f.none = 0 // the average text
			} else if e.cols[j].Kind == table.Number {
				f.none = -centre // the mean: z is 0
			}
			for _, k := range t.slots {
				f.levels = append(f.levels, beta[k]-centre)
			}
			effects[j] = f
		}
		m.base, m.effects = append(m.base, base), append(m.effects, effects)
	}
	if p.k == 1 {
		m.coefs = e.coefficients(p, s, all, means)
		for j, t := range e.terms {
			if t.text != nil {
				m.coefs[0].Value += t.text.mean(p, m.texts[j].coef[0])
				m.coefs = append(m.coefs, t.text.sayGrams(e.cols[j].Name, e.in[j], p.w, m.texts[j].coef[0])...)
			}
		}
	}
	if m.path = s.path; m.path != nil {
		m.paths = e.names()
	}
	m.weight = m.importance(e, p)
	return m
}

// all returns the coefficients of the term.
func (t *term) all() []int {
	var out []int
	if t.slope >= 0 {
		out = append(out, t.slope)
	}
	if t.bend >= 0 {
		out = append(out, t.bend)
	}
	for _, k := range t.slots {
		if int(k) != t.other {
			out = append(out, int(k))
		}
	}
	if t.other >= 0 {
		out = append(out, t.other)
	}
	if t.none >= 0 {
		out = append(out, t.none)
	}
	return out
}

// means returns the weighted mean of every encoded column over the training rows: of 0/1 columns their share.
func (e *encoding) means(p *problem) []float64 {
	sum := make([]float64, p.p)
	s := p.newScratch()
	for lo := 0; lo < p.n; lo += subBlock {
		n := min(p.n, lo+subBlock) - lo
		p.fill(lo, lo+n, subBlock, s.z, s.slot)
		for i := range n {
			s.r[i] = p.weightOf(lo + i)
		}
		clear(s.r[n:lanes(n)])
		clear(s.dots)
		kernel.AddGram(s.r, s.z, kernel.GramSide, p.side(), lanes(n), subBlock, s.dots, false)
		kernel.Axpy(1, s.dots[:p.nDense], sum[:p.nDense])
		for j := range p.sparse {
			for i, k := range s.slot[j*subBlock : j*subBlock+n] {
				if k >= 0 {
					sum[k] += s.r[i]
				}
			}
		}
	}
	kernel.Scale(1/p.weight, sum)
	out := make([]float64, e.p)
	for j := range out {
		out[j] = sum[p.column[j]] * p.share[j]
	}
	return out
}

// Header implements [model.Model].
func (m *Model) Header() model.Header { return m.h }

// L2 returns the penalty in effect, and EffectiveCoefficients how many free coefficients it leaves (0: not computed).
func (m *Model) L2() float64 { return m.param("l2") }

// power returns the variance's power of a model of amounts with a logarithmic link, 0 for others.
func (m *Model) power() float64 {
	if m.h.Task != kequn.Regression {
		return 0
	}
	return m.param("power")
}

func (m *Model) param(name string) float64 {
	for _, v := range m.h.Params {
		if v.Name == name {
			return v.Value
		}
	}
	return 0
}

// EffectiveCoefficients returns the trace of the hat matrix, the intercept included; 0 where it was not computed.
func (m *Model) EffectiveCoefficients() float64 { return m.edf }

// Path returns the steps of an elastic net from the largest penalty to the smallest, for the picture of which columns come in when;
// nil for ridge regression. What is returned must not be changed.
func (m *Model) Path() []PathStep { return m.path }

// PathColumns says what each coefficient of a step multiplies (column, kind, level): numbers are standardised, all others 0/1.
func (m *Model) PathColumns() []Coefficient { return m.paths }

// names returns what each coefficient of the encoding belongs to.
func (e *encoding) names() []Coefficient {
	out := make([]Coefficient, e.p)
	for j, t := range e.terms {
		c := Coefficient{Column: e.cols[j].Name}
		set := func(k int, kind CoefficientKind, level string) {
			if k >= 0 {
				c.Kind, c.Level = kind, level
				out[k] = c
			}
		}
		set(t.slope, Slope, "")
		set(t.bend, Bend, "")
		for level, k := range t.slots {
			set(int(k), Level, e.cols[j].Levels[level])
		}
		set(t.other, Rare, "")
		set(t.none, None, "")
	}
	return out
}

// addTo adds the effect for each row to out.
func (f *effect) addTo(c *table.Column, out []float64) {
	if f.number == nil && c.Kind == table.Number {
		for i, x := range c.Num {
			if x != x {
				out[i] += f.none
			} else {
				out[i] -= f.centre
			}
		}
		return
	}
	if c.Kind == table.Number {
		for i, x := range c.Num {
			switch {
			case x != x:
				out[i] += f.none
			case f.number.bend != nil:
				out[i] += f.slope*f.number.z(x) + f.bend*f.number.departure(x) - f.centre
			default:
				out[i] += f.slope*f.number.z(x) - f.centre
			}
		}
		return
	}
	for i, k := range c.Code {
		if k < 0 {
			out[i] += f.none
		} else {
			out[i] += f.levels[k]
		}
	}
}

// addTo adds the effects of column j on each class for each row to out.
func (m *Model) addTo(j int, c *table.Column, out [][]float64) {
	if m.texts[j] != nil {
		m.texts[j].addTo(c, m.effectsOf(j), out)
		return
	}
	for k := range out {
		m.effects[k][j].addTo(c, out[k])
	}
}

// effectsOf returns column j's effect on each class.
func (m *Model) effectsOf(j int) []*effect {
	out := make([]*effect, m.k)
	for k := range out {
		out[k] = &m.effects[k][j]
	}
	return out
}

// margins returns (k, n): base and effects of each class, one class after the other.
func (m *Model) margins(x *table.Table) ([][]float64, error) {
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return nil, err
	}
	n := x.NRows()
	out := make([][]float64, m.k)
	for c := range out {
		out[c] = make([]float64, n)
		for i := range out[c] {
			out[c][i] = m.base[c]
		}
	}
	kernel.Parallel(n, 0, 0, func(lo, hi int) {
		parts := make([][]float64, m.k)
		for c := range out {
			parts[c] = out[c][lo:hi]
		}
		for j, col := range in.Columns {
			m.addTo(j, col.Slice(lo, hi), parts)
		}
	})
	return out, nil
}

// Margin implements [model.Marginer]. With a Power it is the logarithm of the value.
func (m *Model) Margin(x *table.Table) ([]float64, error) {
	out, err := m.margins(x)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// Predict implements [model.Model].
func (m *Model) Predict(x *table.Table) ([]float64, error) {
	out, err := m.margins(x)
	if err != nil {
		return nil, err
	}
	switch m.h.Task {
	case kequn.Regression:
		if m.power() > 0 {
			for i, v := range out[0] {
				out[0][i] = math.Exp(min(v, 700)) // finite
			}
		}
		return out[0], nil
	case kequn.Binary:
		for i, v := range out[0] {
			out[0][i] = logistic(v)
		}
		return out[0], nil
	}
	p := make([]float64, x.NRows()*m.k)
	for i := range x.NRows() {
		softmax(out, i, p[i*m.k:(i+1)*m.k])
	}
	return p, nil
}

func logistic(m float64) float64 {
	if m < 0 {
		e := math.Exp(m)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-m))
}

func softmax(margins [][]float64, i int, p []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, m := range margins {
		top = max(top, m[i])
	}
	for c, m := range margins {
		p[c] = math.Exp(m[i] - top)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
}

// Attribute implements [model.Attributor]. A contribution is the column's effect, centred at the training mean: base is the
// mean margin of the training rows.
func (m *Model) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	if class < 0 || class >= m.k {
		return 0, nil, kequn.Errorf(kequn.KindUsage, "", "class %d of %d", class, m.k)
	}
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return 0, nil, err
	}
	n, cols := x.NRows(), len(in.Columns)
	phi = make([]float64, n*cols)
	kernel.Parallel(n, 0, 0, func(lo, hi int) {
		part := make([]float64, hi-lo)
		for j, col := range in.Columns {
			clear(part)
			if t := m.texts[j]; t != nil {
				one := &textEffect{t.vocabulary, t.coef[class : class+1]}
				one.addTo(col.Slice(lo, hi), []*effect{&m.effects[class][j]}, [][]float64{part})
			} else {
				m.effects[class][j].addTo(col.Slice(lo, hi), part)
			}
			for i, v := range part {
				phi[(lo+i)*cols+j] = v
			}
		}
	})
	return m.base[class], phi, nil
}

// Importance implements [model.Importancer]: the weighted mean size of a column's contribution to the training rows, summed
// over classes.
func (m *Model) Importance() []float64 { return append([]float64(nil), m.weight...) }

func (m *Model) importance(e *encoding, p *problem) []float64 {
	out := make([]float64, len(e.terms))
	kernel.Parallel(len(e.in), p.threads, 1, func(from, to int) {
		cells, parts := make([]float64, p.k*subBlock), make([][]float64, p.k)
		for j := from; j < to; j++ {
			if t := e.terms[j].text; t != nil {
				for class, coef := range m.texts[j].coef {
					for i, v := range t.effects(e.in[j], coef, m.effects[class][j], 1) {
						out[j] += p.weightOf(i) * math.Abs(v)
					}
				}
				continue
			}
			for lo := 0; lo < p.n; lo += subBlock {
				n := min(subBlock, p.n-lo)
				clear(cells)
				for class := range parts {
					parts[class] = cells[class*subBlock:][:n]
				}
				m.addTo(j, e.in[j].Slice(lo, lo+n), parts)
				for _, part := range parts {
					for i, v := range part {
						out[j] += p.weightOf(lo+i) * math.Abs(v)
					}
				}
			}
		}
	})
	if sum := kernel.Sum(out); sum > 0 {
		kernel.Scale(1/sum, out)
	} else {
		clear(out)
	}
	return out
}

// formatVersion is the version of the arrays: 2 knows text columns.
const formatVersion = 2

// How a column enters the sum.
const (
	entersOtherwise = iota // a category, or a number of which only its absence tells something
	entersAsNumber
	entersAsText
)

// Encode implements [model.Model].
func (m *Model) Encode(w io.Writer) error {
	a := model.NewArrayWriter(w)
	a.Int(m.k)
	a.Float64(m.edf)
	a.Float64s(m.base)
	a.Float64s(m.weight)
	for j := range m.h.Columns {
		t := m.effects[0][j].number
		switch {
		case m.texts[j] != nil:
			a.Int(entersAsText)
			a.Bytes(m.texts[j].vocabulary.Append(nil))
			for c := range m.k {
				a.Float64s(m.texts[j].coef[c])
			}
		case t != nil:
			a.Int(entersAsNumber)
			a.Float64s([]float64{t.lo, t.hi, t.unit, t.mean, t.sd})
			x, share, rest := t.bend.arrays()
			a.Float64s(x)
			a.Float64s(share)
			a.Float64s(rest)
		default:
			a.Int(entersOtherwise)
		}
		for c := range m.k {
			f := m.effects[c][j]
			a.Float64s([]float64{f.slope, f.centre, f.none, f.bend})
			a.Float64s(f.levels)
		}
	}
	a.Int(len(m.coefs))
	for _, c := range m.coefs {
		a.String(c.Column)
		a.String(string(c.Kind))
		a.String(c.Level)
		a.Float64s([]float64{c.Value, c.SE, c.LogUnit})
	}
	a.Int(len(m.path))
	a.Int(len(m.paths))
	for _, c := range m.paths {
		a.String(c.Column)
		a.String(string(c.Kind))
		a.String(c.Level)
	}
	for _, s := range m.path {
		a.Float64s([]float64{s.Lambda, s.Loss})
		a.Float64s(s.Beta)
	}
	return a.Err()
}

// Decode reads what Encode wrote.
func Decode(h model.Header, r io.Reader) (model.Model, error) {
	if err := h.UpTo(formatVersion); err != nil {
		return nil, err
	}
	a := model.NewArrayReader(r)
	m := &Model{h: h, k: a.Int()}
	if h.Version < 1 || h.Version > formatVersion || m.k != h.NOut() || m.k < 1 {
		return nil, model.ErrArrays
	}
	m.edf = a.Finite()
	m.base, m.weight = a.FiniteN(m.k), a.FiniteN(len(h.Columns))
	m.effects = make([][]effect, m.k)
	m.texts = make([]*textEffect, len(h.Columns))
	for j, col := range h.Columns {
		var t *number
		enters := a.Int()
		if enters > entersAsText || (enters == entersAsText) != (col.Kind == table.Text) || enters == entersAsText && h.Version < 2 {
			return nil, model.ErrArrays
		}
		switch enters {
		case entersAsText:
			v, rest, err := ngram.ReadVocabulary(a.Bytes())
			if err != nil || len(rest) > 0 {
				return nil, model.ErrArrays
			}
			f := &textEffect{vocabulary: v}
			for range m.k {
				f.coef = append(f.coef, a.FiniteN(v.NCols()))
			}
			m.texts[j] = f
		case entersAsNumber:
			v := a.FiniteN(5)
			if len(v) != 5 || v[0] > v[1] || v[2] < 0 || !(v[4] > 0) || col.Kind != table.Number {
				return nil, model.ErrArrays
			}
			t = &number{lo: v[0], hi: v[1], unit: v[2], mean: v[3], sd: v[4]}
			if h.Version >= 2 {
				var ok bool
				if t.bend, ok = bendOf(a.Float64s(), a.Float64s(), a.Float64s()); !ok {
					return nil, model.ErrArrays
				}
			}
		}
		for c := range m.k {
			width := 4
			if h.Version == 1 {
				width = 3
			}
			v := a.FiniteN(width)
			if len(v) != width {
				return nil, model.ErrArrays
			}
			f := effect{number: t, slope: v[0], centre: v[1], none: v[2]}
			if width == 4 {
				f.bend = v[3]
			}
			f.levels = a.FiniteN(len(col.Levels))
			if a.Err() != nil {
				return nil, a.Err()
			}
			m.effects[c] = append(m.effects[c], f)
		}
	}
	for range a.Int() {
		c := Coefficient{Column: a.String(), Kind: CoefficientKind(a.String()), Level: a.String()}
		v := a.Float64s()
		if len(v) != 3 || a.Err() != nil {
			return nil, model.ErrArrays
		}
		c.Value, c.SE, c.LogUnit = v[0], v[1], v[2]
		m.coefs = append(m.coefs, c)
	}
	if h.Version >= 2 {
		m.readPath(a)
	}
	return m, a.End()
}

func (m *Model) readPath(a *model.ArrayReader) {
	steps := a.Int()
	for range a.Int() {
		if a.Err() != nil {
			return
		}
		m.paths = append(m.paths, Coefficient{Column: a.String(), Kind: CoefficientKind(a.String()), Level: a.String()})
	}
	for range steps {
		v := a.Float64s()
		if len(v) != 2 || a.Err() != nil {
			a.Fail()
			return
		}
		s := PathStep{Lambda: v[0], Loss: v[1], Beta: a.FiniteN(m.k * len(m.paths))}
		for _, b := range s.Beta {
			if b != 0 {
				s.NonZero++
			}
		}
		m.path = append(m.path, s)
	}
}
