package neural

import (
	"io"
	"math"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/net"
	"kequn/internal/table"
)

// Encode implements [model.Model].
func (m *Model) Encode(w io.Writer) error {
	a := model.NewArrayWriter(w)
	a.Float64(m.mean)
	a.Float64(m.scale)
	a.Float64s(m.weight)
	a.Float64s(m.base)
	for i := range m.encoder.blocks {
		b := &m.encoder.blocks[i]
		if b.number {
			a.Float64s(b.knots)
			a.Float64s(b.places)
			a.Float64s(b.edges)
			a.Float32s([]float32{b.slope})
		} else {
			a.Int32s(b.levels)
			a.Float32s(b.shares) // none unless it is embedded
		}
		a.Int(b.width)
		a.Int(int(b.none))
		a.Float32s(b.patterns)
	}
	a.Int(len(m.members))
	for _, k := range m.members {
		a.Int(len(k.layers.Params()) / 2)
		for _, e := range k.embeddings {
			if e != nil {
				a.Float32s(e.Table.Value)
			}
		}
		for _, l := range k.layers.Layers {
			switch l := l.(type) {
			case *net.Dense:
				a.Int(l.Out)
				a.Float32s(l.W.Value)
				a.Float32s(l.B.Value)
			case *net.Activation:
				a.Int(int(l.Function))
			}
		}
	}
	return a.Err()
}

// Limits of what a file may say: far above what Fit makes.
const (
	maxMembers = 1 << 10
	maxDense   = 1 << 8
	maxWidth   = 1 << 20
)

// Decode reads what Encode wrote.
func Decode(h model.Header, r io.Reader) (model.Model, error) {
	if err := h.UpTo(1); err != nil {
		return nil, err
	}
	a := model.NewArrayReader(r)
	m := &Model{h: h, nOut: h.NOut(), encoder: &encoder{cols: h.Columns}, matcher: model.NewMatcher(h.Columns)}
	cols := len(h.Columns)
	m.mean, m.scale, m.weight = a.Finite(), a.Finite(), a.FiniteN(cols)
	m.base = a.Float64s()
	if len(m.base) > 0 && len(m.base) != m.nOut || m.nOut < 1 {
		a.Fail()
	}
	for _, v := range m.base {
		if v-v != 0 {
			a.Fail()
		}
	}
	for _, c := range h.Columns {
		m.encoder.blocks = append(m.encoder.blocks, decodeBlock(a, c))
	}
	if a.Err() != nil {
		return nil, a.Err()
	}
	e := m.encoder
	for i := range e.blocks {
		if b := &e.blocks[i]; !b.embedded {
			b.at = e.nSlots
			e.nSlots += b.width
		}
	}
	at := e.nSlots
	for i := range e.blocks {
		if b := &e.blocks[i]; b.embedded {
			b.at = at
			at += b.width
		}
	}
	members := a.Int()
	if members > maxMembers || (members == 0) != (len(m.base) > 0) || at > maxWidth {
		a.Fail()
	}
	for range members {
		if a.Err() != nil {
			break
		}
		m.members = append(m.members, decodeMember(a, m, at))
	}
	if err := a.End(); err != nil {
		return nil, err
	}
	if h.Task != kequn.Regression && (m.mean != 0 || m.scale != 1) {
		return nil, model.ErrArrays
	}
	return m, nil
}

func decodeBlock(a *model.ArrayReader, c model.Column) (b block) {
	b.number = c.Kind == table.Number
	rows := 0 // of patterns, or of the embedding
	if b.number {
		b.knots = a.Float64s()
		b.places = a.FiniteN(len(b.knots))
		b.edges = a.Float64s()
		slope := a.Finite32s()
		if !rising(b.knots) || !rising(b.places) || !rising(b.edges) || len(b.edges) == 1 || len(b.edges) > 0 && len(b.knots) < 2 || len(slope) != 1 {
			a.Fail()
			return b
		}
		b.slope = slope[0]
		rows = max(2, len(b.edges))
	} else {
		b.levels = a.Int32s()
		b.shares = a.Finite32s()
		b.embedded = len(b.shares) > 0
		rows = len(b.shares)
		if len(b.levels) != len(c.Levels) {
			a.Fail()
		}
	}
	b.width, b.none = a.Int(), int32(a.Uint32())
	b.patterns = a.Finite32s()
	if !b.number && !b.embedded && b.width > 0 {
		rows = len(b.patterns) / b.width
	}
	b.rows = rows
	if b.width < 1 || b.width > maxWidth || rows < 1 || rows > math.MaxUint16 || b.none < 0 || int(b.none) >= rows ||
		b.number && b.width < len(b.edges)-1 || b.embedded != (len(b.patterns) == 0) || !b.embedded && len(b.patterns) != rows*b.width {
		a.Fail()
	}
	for _, k := range b.levels {
		if k < 0 || int(k) >= rows {
			a.Fail()
		}
	}
	return b
}

// decodeMember reads one network of the given input width.
func decodeMember(a *model.ArrayReader, m *Model, width int) *member {
	k := &member{embeddings: make([]*net.Embedding, len(m.encoder.blocks)), layers: &net.Sequence{}}
	dense := a.Int()
	if dense < 1 || dense > maxDense {
		a.Fail()
		return nil
	}
	for j := range m.encoder.blocks {
		b := &m.encoder.blocks[j]
		if !b.embedded {
			continue
		}
		t := &net.Embedding{Levels: b.rows, Dim: b.width, Table: &net.Param{Value: a.Finite32s()}}
		if len(t.Table.Value) != b.rows*b.width {
			a.Fail()
			return nil
		}
		k.embeddings[j] = t
	}
	in := width
	for i := range dense {
		out := a.Int()
		d := &net.Dense{In: in, Out: out, W: &net.Param{Value: a.Finite32s()}, B: &net.Param{Value: a.Finite32s()}}
		if out < 1 || out > maxWidth || len(d.W.Value) != in*out || len(d.B.Value) != out {
			a.Fail()
			return nil
		}
		k.layers.Layers = append(k.layers.Layers, d)
		in = out
		if i+1 == dense {
			break
		}
		f := net.Function(a.Int())
		if f < net.ReLU || f > net.Sigmoid {
			a.Fail()
			return nil
		}
		k.layers.Layers = append(k.layers.Layers, &net.Activation{Function: f})
	}
	if in != m.nOut {
		a.Fail()
	}
	return k
}

func rising(v []float64) bool {
	for i, x := range v {
		if x-x != 0 || i > 0 && !(x > v[i-1]) {
			return false
		}
	}
	return true
}
