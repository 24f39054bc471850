package gbdt

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"kequn/internal/model"
	"kequn/internal/ngram"
	"kequn/internal/table"
)

// textModel is a model of a table with free text: trees over number columns that [ngram.Encoder] makes of the texts, in front of
// which the encoder stands. To everybody else each text column is one column.
type textModel struct {
	header  model.Header
	encoder *ngram.Encoder
	trees   *Model
	owner   []int // by column of the trees: the column of the header that it was made of
	match   *model.Matcher
}

var (
	_ model.Attributor  = (*textModel)(nil)
	_ model.Importancer = (*textModel)(nil)
	_ model.Marginer    = (*textModel)(nil)
)

// textVersion is the version of arrays with an encoder: the length (uint32) and JSON of the trees' own header, the length and bytes of the
// encoder, then arrays of version 1.
const textVersion = 2

// hasText tells whether some column of x is free text.
func hasText(x *table.Table, w []float64) bool {
	return (w == nil || len(w) == x.NRows()) && slices.ContainsFunc(x.Columns, func(c *table.Column) bool { return model.IsText(c, w) })
}

// fitText fits a table with free text. The score of each training text is that of a linear model which has not seen it, so that the trees
// trust it no more than they should.
func (l Learner) fitText(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	if _, _, err := model.Resolve(l); err != nil {
		return nil, err
	}
	rows, err := model.Check(x, y, w)
	if err != nil {
		return nil, err
	}
	columns, inputs, notes := model.TextInputs(x, w)
	encoder, made, err := ngram.Train(ctx, inputs, y.Task, y.Y, w, len(y.Classes), l.Threads)
	if err != nil {
		return nil, err
	}
	fitted, err := l.Fit(ctx, made, y, w)
	if err != nil {
		return nil, err
	}
	m := &textModel{encoder: encoder, trees: fitted.(*Model), header: fitted.Header(), match: model.NewMatcher(columns)}
	m.header.Version, m.header.Columns, m.header.Rows = textVersion, columns, rows
	m.header.Notes = notes
	for _, n := range m.trees.header.Notes {
		if !strings.ContainsRune(n, 0) { // not of columns that nobody has seen
			m.header.Notes = append(m.header.Notes, n)
		}
	}
	for _, c := range columns {
		if c.Kind == table.Text {
			m.header.Notes = append(m.header.Notes, c.Name+": free text, as the score of a linear model of its n-grams, and those n-grams that tell most")
		}
	}
	m.trees.header.Notes, m.trees.header.Seconds = nil, 0
	return m, m.settle()
}

// settle finds the owners of the trees' columns.
func (m *textModel) settle() error {
	at := map[string]int{}
	for i, name := range m.encoder.Names() {
		at[name] = m.encoder.Owner()[i]
	}
	m.owner = make([]int, len(m.trees.header.Columns))
	for j, c := range m.trees.header.Columns {
		i, ok := at[c.Name]
		if !ok {
			return model.ErrArrays
		}
		m.owner[j] = i
	}
	return nil
}

// Header says what the model is and wants.
func (m *textModel) Header() model.Header { return m.header }

// made returns the trees' table of x.
func (m *textModel) made(x *table.Table) (*table.Table, error) {
	in, err := m.match.Match(x)
	if err != nil {
		return nil, err
	}
	return m.encoder.Table(in, 0), nil
}

// Predict returns probabilities or values as model.Model says.
func (m *textModel) Predict(x *table.Table) ([]float64, error) {
	in, err := m.made(x)
	if err != nil {
		return nil, err
	}
	return m.trees.Predict(in)
}

// Margin is [Model.Margin].
func (m *textModel) Margin(x *table.Table) ([]float64, error) {
	in, err := m.made(x)
	if err != nil {
		return nil, err
	}
	return m.trees.Margin(in)
}

// Attribute is [Model.Attribute]; a text's contribution is the sum of those of the columns made of it.
func (m *textModel) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	in, err := m.made(x)
	if err != nil {
		return 0, nil, err
	}
	base, all, err := m.trees.Attribute(in, class)
	if err != nil {
		return 0, nil, err
	}
	inner, outer := len(m.owner), len(m.header.Columns)
	phi = make([]float64, x.NRows()*outer)
	for i := range x.NRows() {
		for j, o := range m.owner {
			phi[i*outer+o] += all[i*inner+j]
		}
	}
	return base, phi, nil
}

// Importance returns the share of each column in the gain of all questions.
func (m *textModel) Importance() []float64 {
	out := make([]float64, len(m.header.Columns))
	for j, v := range m.trees.Importance() {
		out[m.owner[j]] += v
	}
	return out
}

// Encode writes the model's arrays.
func (m *textModel) Encode(w io.Writer) error {
	h, err := json.Marshal(m.trees.header)
	if err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(h)))
	b = append(b, h...)
	e := m.encoder.Append(nil)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e)))
	if _, err := w.Write(append(b, e...)); err != nil {
		return err
	}
	return m.trees.Encode(w)
}

// decodeText reads what textModel.Encode wrote.
func decodeText(h model.Header, r io.Reader) (model.Model, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	part := func() []byte {
		if len(b) < 4 || int(binary.LittleEndian.Uint32(b)) > len(b)-4 {
			b = nil
			return nil
		}
		n := int(binary.LittleEndian.Uint32(b))
		out := b[4 : 4+n]
		b = b[4+n:]
		return out
	}
	head, code := part(), part()
	var inner model.Header
	if json.Unmarshal(head, &inner) != nil || inner.Version >= textVersion || inner.Task != h.Task || !slices.Equal(inner.Classes, h.Classes) {
		return nil, model.ErrArrays
	}
	names, text := make([]string, len(h.Columns)), make([]bool, len(h.Columns))
	for j, c := range h.Columns {
		names[j], text[j] = c.Name, c.Kind == table.Text
	}
	encoder, rest, err := ngram.ReadEncoder(code, names, text)
	if err != nil || len(rest) > 0 || !slices.Contains(text, true) {
		return nil, model.ErrArrays
	}
	trees, err := Decode(inner, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	m := &textModel{header: h, encoder: encoder, trees: trees.(*Model), match: model.NewMatcher(h.Columns)}
	for j, c := range inner.Columns { // what the encoder makes is what the trees are asked with
		if i := slices.Index(encoder.Names(), c.Name); i < 0 || kindMade(h.Columns[encoder.Owner()[i]].Kind) != c.Kind {
			return nil, model.ErrArrays
		} else if k := h.Columns[encoder.Owner()[i]]; c.Kind == table.Category && !slices.Equal(k.Levels, inner.Columns[j].Levels) {
			return nil, model.ErrArrays
		}
	}
	return m, m.settle()
}

// kindMade returns the kind of the columns that the encoder makes of one.
func kindMade(k table.Kind) table.Kind {
	if k == table.Text {
		return table.Number
	}
	return k
}
