package additive

import (
	"io"
	"math"

	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// formatVersion is the version of the arrays. They are, per column: borders, or the bin of every level (none of both for a
// column of one bin), and the number of bins; then the base per output; then the number of shapes and each with its column,
// weights per cell and, per output, values and spreads; then the number of pairs and each with its two columns, the steps of
// their cells, weights, values and spreads; then the importance per column.
const formatVersion = 1

// Encode writes the model's arrays.
func (m *Model) Encode(w io.Writer) error {
	a := model.NewArrayWriter(w)
	b := m.body
	for i := range b.cuts {
		c := &b.cuts[i]
		a.Float64s(c.Upper)
		a.Bytes(c.Level)
		a.Int(c.NBins)
		a.Bool(c.Missing)
	}
	a.Float64s(b.base)
	a.Int(len(b.columns))
	for i := range b.columns {
		a.Int(b.columns[i].column)
		b.columns[i].encode(a)
	}
	a.Int(len(b.pairs))
	for i := range b.pairs {
		p := &b.pairs[i]
		a.Int(p.a)
		a.Int(p.b)
		a.Int(p.na)
		a.Int(p.nb)
		a.Bytes(p.ofA)
		a.Bytes(p.ofB)
		p.encode(a)
	}
	a.Float64s(b.importance)
	return a.Err()
}

func (s *shape) encode(a *model.ArrayWriter) {
	a.Float64s(s.weight)
	for k := range s.value {
		a.Float64s(s.value[k])
		a.Float64s(s.spread[k])
	}
}

// Decode reads what [Model.Encode] wrote. Arrays that are cut, contradict themselves or do not fit the header are refused.
func Decode(h model.Header, r io.Reader) (model.Model, error) {
	if err := h.UpTo(formatVersion); err != nil {
		return nil, err
	}
	a := model.NewArrayReader(r)
	n, outputs := len(h.Columns), h.NOut()
	b := &body{}
	for _, c := range h.Columns {
		cut := decodeCut(a, c)
		if a.Err() != nil {
			return nil, a.Err()
		}
		b.cuts = append(b.cuts, cut)
	}
	b.base = a.FiniteN(outputs)
	column := -1
	for range decodeCount(a, n) {
		c := a.Int()
		if c <= column || c >= n {
			return nil, model.ErrArrays
		}
		column = c
		s, ok := decodeShape(a, outputs, b.cuts[c].Cells())
		if !ok {
			return nil, model.ErrArrays
		}
		s.column = c
		b.columns = append(b.columns, s)
	}
	for range decodeCount(a, n*n) {
		p := pairShape{a: a.Int(), b: a.Int(), na: a.Int(), nb: a.Int(), ofA: a.Bytes(), ofB: a.Bytes()}
		if a.Err() != nil || p.a >= p.b || p.b >= n || p.na > pairSteps || p.nb > pairSteps ||
			!stepsFit(p.ofA, &b.cuts[p.a], p.na) || !stepsFit(p.ofB, &b.cuts[p.b], p.nb) {
			return nil, model.ErrArrays
		}
		s, ok := decodeShape(a, outputs, p.na*p.nb)
		if !ok {
			return nil, model.ErrArrays
		}
		s.column, p.shape = -1, s
		b.pairs = append(b.pairs, p)
	}
	b.importance = a.FiniteN(n)
	if err := a.End(); err != nil {
		return nil, err
	}
	return &Model{header: h, body: b, match: model.NewMatcher(h.Columns)}, nil
}

// decodeCount reads how many things follow.
func decodeCount(a *model.ArrayReader, most int) int {
	n := a.Int()
	if n > most {
		a.Fail()
	}
	if a.Err() != nil {
		return 0
	}
	return n
}

func decodeCut(a *model.ArrayReader, c model.Column) treekit.Cut {
	cut := treekit.Cut{Upper: a.Float64s(), Level: a.Bytes(), NBins: a.Int(), Missing: a.Bool()}
	if a.Err() != nil {
		return cut
	}
	ok := cut.NBins >= 1 && cut.NBins <= treekit.MaxBins
	if c.Kind == table.Category {
		ok = ok && len(cut.Upper) == 0 && len(cut.Level) == len(c.Levels)
		for _, bin := range cut.Level {
			ok = ok && int(bin) <= cut.NBins
		}
		if cut.Level == nil {
			cut.Level = []uint8{}
		}
	} else {
		ok = ok && len(cut.Level) == 0 && len(cut.Upper) == cut.NBins-1
		cut.Level = nil
		for i, u := range cut.Upper {
			ok = ok && !math.IsNaN(u) && (i == 0 || cut.Upper[i-1] < u)
		}
	}
	if !ok {
		a.Fail()
	}
	return cut
}

func decodeShape(a *model.ArrayReader, outputs, cells int) (s shape, ok bool) {
	s.weight = a.FiniteN(cells)
	for range outputs {
		s.value = append(s.value, a.FiniteN(cells))
		s.spread = append(s.spread, a.FiniteN(cells))
	}
	for _, w := range s.weight {
		ok = ok || w >= 0
	}
	return s, a.Err() == nil && (ok || cells == 0)
}

// stepsFit tells whether of has a step for every cell: 0 for missing values, then 1, 2, … for numbers in order, or any but
// 0 for levels.
func stepsFit(of []uint8, cut *treekit.Cut, steps int) bool {
	if len(of) != cut.Cells() || of[cut.NBins] != 0 {
		return false
	}
	last := uint8(0)
	for i, s := range of[:cut.NBins] {
		if s == 0 || int(s) >= steps || (!cut.IsCategory() && s != last && s != last+1) || (i == 0 && !cut.IsCategory() && s != 1) {
			return false
		}
		last = s
	}
	return cut.IsCategory() || int(last) == steps-1
}
