package linear

import (
	"math"
	"slices"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/onnx"
	"kequn/internal/table"
)

var (
	_ model.ONNXer = (*Model)(nil)
	_ model.SQLer  = (*Model)(nil)
)

// curve is a number's effect on each class as lines between points: x are values after the logarithm, y is (points, k). Before the
// first and after the last it is constant.
type curve struct {
	*number
	x, y []float64
}

func (m *Model) curve(j int) curve {
	t := m.effects[0][j].number
	c := curve{number: t}
	lo, hi := t.bent(t.lo), t.bent(t.hi)
	c.x = append(c.x, lo)
	if t.bend != nil {
		for _, u := range t.bend.x {
			if u > lo && u < hi {
				c.x = append(c.x, u)
			}
		}
	}
	if t.unit > 0 && lo < 0 && hi > 0 { // so that each piece has one sign
		if at, found := slices.BinarySearch(c.x, 0); !found {
			c.x = slices.Insert(c.x, at, 0)
		}
	}
	if hi > lo {
		c.x = append(c.x, hi)
	}
	for _, u := range c.x {
		z := (u - t.mean) / t.sd
		for k := range m.effects {
			f := &m.effects[k][j]
			v := f.slope*z - f.centre
			if t.bend != nil {
				v += f.bend * ((t.bend.place(u)-t.bend.mean)/t.bend.sd - t.bend.corr*z) * t.bend.off
			}
			c.y = append(c.y, v)
		}
	}
	return c
}

// none returns what a missing value adds to each class.
func (m *Model) none(j int) []float64 {
	out := make([]float64, m.k)
	for k := range out {
		out[k] = m.effects[k][j].none
	}
	return out
}

func (m *Model) exportable(to string) error {
	for j, c := range m.h.Columns {
		if c.Kind == table.Text {
			return model.CannotExportText(m.h, to)
		}
		if t := m.effects[0][j].number; t != nil && t.unit > 0 && max(math.Abs(t.lo), math.Abs(t.hi))/t.unit > 1e300 {
			return kequn.Errorf(kequn.KindUsage, c.Name, "has values too far apart for %s", to).WithHint("train again with --drop %s", c.Name)
		}
	}
	return nil
}

// ONNX implements [model.ONNXer].
func (m *Model) ONNX(g *onnx.Graph) (onnx.Value, error) {
	if err := m.exportable("ONNX"); err != nil {
		return onnx.Value{}, err
	}
	if len(m.h.Columns) == 0 {
		return m.linkONNX(g, g.Repeat(m.base...)), nil
	}
	parts := []onnx.Value{g.Row(m.base...)}
	for j, col := range m.h.Columns {
		parts = append(parts, m.effectONNX(g, j, col))
	}
	return m.linkONNX(g, g.Sum(parts...)), nil
}

// effectONNX returns what a column adds to each class: (rows, k).
func (m *Model) effectONNX(g *onnx.Graph, j int, col model.Column) onnx.Value {
	if col.Kind == table.Category {
		var effects []float64
		for level := range col.Levels {
			for k := range m.k {
				effects = append(effects, m.effects[k][j].levels[level])
			}
		}
		return g.Lookup(g.Codes(col.Name, col.Levels), m.k, append(effects, m.none(j)...))
	}
	x, t := g.Input(col.Name), m.effects[0][j].number
	if t == nil {
		known := make([]float64, m.k)
		for k := range known {
			known[k] = -m.effects[k][j].centre
		}
		return g.IfMissing(x, g.Row(m.none(j)...), g.Row(known...))
	}
	u := g.Clamp(x, t.lo, t.hi)
	if t.unit > 0 {
		size := g.Op("Log", g.Op("Add", g.Op("Div", g.Op("Abs", u), g.Row(t.unit)), g.Row(1)))
		u = g.Op("Mul", g.Op("Sign", u), size)
	}
	if t.bend != nil {
		c := m.curve(j)
		return g.IfMissing(x, g.Row(m.none(j)...), g.Interpolate(u, c.x, c.y, m.k))
	}
	slopes, centres := make([]float64, m.k), make([]float64, m.k)
	for k := range slopes {
		slopes[k], centres[k] = m.effects[k][j].slope, m.effects[k][j].centre
	}
	z := g.Op("Div", g.Op("Sub", u, g.Row(t.mean)), g.Row(t.sd))
	return g.IfMissing(x, g.Row(m.none(j)...), g.Op("Sub", g.Op("Mul", z, g.Row(slopes...)), g.Row(centres...)))
}

func (m *Model) linkONNX(g *onnx.Graph, margin onnx.Value) onnx.Value {
	switch {
	case m.h.Task == kequn.Binary:
		return model.LogisticONNX(g, margin)
	case m.h.Task == kequn.Multiclass:
		return g.Softmax(margin)
	case m.power() > 0:
		return model.ExpONNX(g, margin)
	}
	return margin
}

// SQL implements [model.SQLer].
func (m *Model) SQL(q *model.Query) ([]model.SQLValue, error) {
	if err := m.exportable("SQL"); err != nil {
		return nil, err
	}
	margins := make([]model.SQLValue, m.k)
	for k := range margins {
		parts := []string{q.Double(m.base[k])}
		for j, col := range m.h.Columns {
			parts = append(parts, m.effectSQL(q, k, j, col))
		}
		margins[k] = q.Let(q.Sum(parts))
	}
	switch {
	case m.h.Task == kequn.Binary:
		return []model.SQLValue{q.Logistic(margins[0])}, nil
	case m.h.Task == kequn.Multiclass:
		return q.Softmax(margins), nil
	case m.power() > 0:
		return []model.SQLValue{q.Exp(margins[0])}, nil
	}
	return margins, nil
}

func (m *Model) effectSQL(q *model.Query, k, j int, col model.Column) string {
	f, name := &m.effects[k][j], q.Quote(col.Name)
	var b sqlCase
	if col.Kind == table.Category {
		// Levels of one effect, rare ones above all, stand together.
		done := make([]bool, len(f.levels))
		for level, v := range f.levels {
			if done[level] || v == f.none {
				continue
			}
			same := make([]bool, len(f.levels))
			for other := level; other < len(f.levels); other++ {
				same[other] = f.levels[other] == v
				done[other] = done[other] || same[other]
			}
			b.when(q.Among(col, same, false), q.Number(v))
		}
		return b.otherwise(q.Number(f.none))
	}
	b.when(q.Missing(col), q.Number(f.none))
	if f.number == nil {
		return b.otherwise(q.Number(-f.centre))
	}
	c := m.curve(j)
	last := len(c.x) - 1
	b.when(name+" <= "+q.Number(c.unbent(c.x[0])), q.Number(c.y[k]))
	for i := 1; i <= last; i++ {
		u := name
		switch {
		case c.unit > 0 && c.x[i] > 0:
			u = "LN(1e0 + " + name + " / " + q.Number(c.unit) + ")"
		case c.unit > 0:
			u = "-LN(1e0 - " + name + " / " + q.Number(c.unit) + ")"
		}
		from, to := c.y[(i-1)*m.k+k], c.y[i*m.k+k]
		b.when(name+" <= "+q.Number(c.unbent(c.x[i])), q.Number(from)+" + "+q.Number((to-from)/(c.x[i]-c.x[i-1]))+" * ("+u+" - "+q.Number(c.x[i-1])+")")
	}
	return b.otherwise(q.Number(c.y[last*m.k+k]))
}

// sqlCase is a CASE in the making.
type sqlCase []byte

func (b *sqlCase) when(condition, value string) {
	if *b == nil {
		*b = append(*b, "CASE"...)
	}
	*b = append(*b, "\n  WHEN "+condition+" THEN "+value...)
}

func (b *sqlCase) otherwise(value string) string {
	if *b == nil {
		return value
	}
	return string(*b) + "\n  ELSE " + value + " END"
}
