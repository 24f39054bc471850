package gbdt

import (
	"errors"
	"io"

	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// formatVersion is the version of the arrays: one byte for the link (0 identity, 1 logistic, 2 softmax, 3 exponential), then the
// ensemble as treekit writes it.
const formatVersion = 1

// Encode writes the model's arrays.
func (m *Model) Encode(w io.Writer) error {
	if _, err := w.Write([]byte{byte(m.link)}); err != nil {
		return err
	}
	return m.trees.Encode(w)
}

// Decode reads what [Model.Encode] wrote. Arrays that are cut, contradict themselves or do not fit the header are refused.
func Decode(h model.Header, r io.Reader) (model.Model, error) {
	if h.Version == textVersion {
		return decodeText(h, r)
	}
	if err := h.UpTo(formatVersion); err != nil {
		return nil, err
	}
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, errors.New("gbdt: arrays are cut")
	}
	e, err := treekit.Decode(r)
	if err != nil {
		return nil, err
	}
	var more [1]byte
	if _, err := io.ReadFull(r, more[:]); err != io.EOF {
		return nil, errors.New("gbdt: there is more than the arrays")
	}
	m := &Model{header: h, link: link(b[0]), trees: e, match: model.NewMatcher(h.Columns)}
	if err := m.fits(); err != nil {
		return nil, err
	}
	return m, nil
}

// fits tells whether header and arrays belong together.
func (m *Model) fits() error {
	h, e := m.header, m.trees
	power := 0.0
	for _, v := range h.Params {
		if v.Name == "power" {
			power = v.Value
		}
	}
	if m.link != linkOf(h.Task, power) || e.NOut() != h.NOut() || e.NCols != len(h.Columns) || e.NOut() == 0 {
		return errors.New("gbdt: arrays do not fit the header")
	}
	for c, col := range h.Columns {
		isCategory := col.Kind == table.Category
		if isCategory != (e.Levels(c) >= 0) || (isCategory && e.Levels(c) != len(col.Levels)) {
			return errors.New("gbdt: arrays do not fit the header's columns")
		}
	}
	return nil
}
