package neural

import (
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/net"
	"kequn/internal/table"
)

// Model is a fitted ensemble of networks.
type Model struct {
	h           model.Header
	encoder     *encoder
	nOut        int
	mean, scale float64   // regression: margin = mean + scale·output
	members     []*member // none for a constant
	base        []float64 // margins of a constant
	weight      []float64 // importance per column
	matcher     *model.Matcher
}

// constant makes the model one that knows no column.
func (m *Model) constant(base []float64) {
	m.base = base
	m.weight = make([]float64, len(m.encoder.cols))
}

// Header implements [model.Model].
func (m *Model) Header() model.Header { return m.h }

// chunk is how many rows go through a network at once.
const chunk = 256

// margins returns (n, nOut): the mean of the members' outputs, before a regression's mean and scale.
func (m *Model) margins(in *table.Table, n int) []float64 {
	out := make([]float64, n*m.nOut)
	if len(m.members) == 0 {
		for i := range out {
			out[i] = m.base[i%m.nOut]
		}
		return out
	}
	kernel.Parallel(n, 0, 8*chunk, func(lo, hi int) {
		c := m.encoder.cells(in.Slice(lo, hi), 1)
		m.pass(c, out[lo*m.nOut:hi*m.nOut])
	})
	return out
}

// pass adds up the members' outputs for all cells and divides by their number.
func (m *Model) pass(c *cells, out []float64) {
	mine := make([]*member, len(m.members))
	for k := range mine {
		mine[k] = m.members[k].share()
	}
	width := m.encoder.width()
	size := min(chunk, c.n)
	buffer, rows, codes := make([]float32, size*width), make([]int32, size), make([]int32, size)
	for lo := 0; lo < c.n; lo += chunk {
		n := min(chunk, c.n-lo)
		for i := range n {
			rows[i] = int32(lo + i)
		}
		x := net.Matrix{Rows: n, Cols: width, Data: buffer[:n*width]}
		m.encoder.write(c, rows[:n], x)
		to := out[lo*m.nOut:][:n*m.nOut]
		for _, b := range mine {
			for i, v := range b.forward(net.Pass{}, m.encoder, c, rows[:n], x, codes).Data {
				to[i] += float64(v)
			}
		}
		kernel.Scale(1/float64(len(mine)), to)
	}
}

// Margin implements [model.Marginer].
func (m *Model) Margin(x *table.Table) ([]float64, error) {
	in, err := m.matcher.Match(x)
	if err != nil {
		return nil, err
	}
	out := m.margins(in, x.NRows())
	if m.h.Task == kequn.Regression {
		for i, v := range out {
			out[i] = m.mean + m.scale*v
		}
	}
	return out, nil
}

// Predict implements [model.Model].
func (m *Model) Predict(x *table.Table) ([]float64, error) {
	out, err := m.Margin(x)
	if err != nil {
		return nil, err
	}
	switch m.h.Task {
	case kequn.Binary:
		for i, v := range out {
			out[i] = logistic(v)
		}
	case kequn.Multiclass:
		for i := 0; i < len(out); i += m.nOut {
			softmax(out[i : i+m.nOut])
		}
	}
	return out, nil
}

func logistic(m float64) float64 {
	if m < 0 {
		e := math.Exp(m)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-m))
}

func softmax(v []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, x := range v {
		top = max(top, x)
	}
	for c, x := range v {
		v[c] = math.Exp(x - top)
		sum += v[c]
	}
	for c := range v {
		v[c] /= sum
	}
}
