package tree

import (
	"bytes"
	"io"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// ForestModel is a fitted forest.
type ForestModel struct {
	h     model.Header
	trees *treekit.Ensemble // the mean of its leaves: a probability, an amount, or one probability per class
	link  calibration
	facts OutOfBag
}

// Header implements [model.Model].
func (m *ForestModel) Header() model.Header { return m.h }

// OutOfBag returns how the forest did on rows that its trees did not draw.
func (m *ForestModel) OutOfBag() OutOfBag { return m.facts }

// NLeaves returns the number of leaves of all trees.
func (m *ForestModel) NLeaves() int {
	n := 0
	for t := range m.trees.Trees {
		n += m.trees.Trees[t].NLeaves()
	}
	return n
}

// Margin implements [model.Marginer]: the calibrated log-odds of the mean probability, or the amount.
func (m *ForestModel) Margin(x *table.Table) ([]float64, error) {
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return nil, err
	}
	out := m.trees.Predict(in, 0)
	if m.h.Task != kequn.Regression {
		for i, p := range out {
			out[i] = m.link.margin(p, m.h.NOut())
		}
	}
	return out, nil
}

// Predict implements [model.Model].
func (m *ForestModel) Predict(x *table.Table) ([]float64, error) {
	out, err := m.Margin(x)
	if err != nil {
		return nil, err
	}
	toPredictions(m.h, out)
	return out, nil
}

// Attribute implements [model.Attributor].
//
// Of an amount, contributions are the Shapley values of the path-dependent game. Of a probability, those exist for the mean
// probability p of the trees, p = q + Σφ with q the mean over the training rows; on the margin m(p) they are stretched by the slope of
// the secant,
//
//	base = m(q),   contribution_j = φ_j·(m(p) − m(q))/(p − q),
//
// so that signs and proportions are those of the exact values and the sum is the margin.
//
// Reference: the rescale rule of Shrikumar et al., DeepLIFT (2017), by which Chen, Lundberg, Lee, Explaining a Series of Models by
// Propagating Shapley Values (2022) carry Shapley values through a link.
func (m *ForestModel) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	k := m.h.NOut()
	if class < 0 || class >= k {
		return 0, nil, kequn.Errorf(kequn.KindUsage, "", "class %d of %d", class, k)
	}
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return 0, nil, err
	}
	base, phi = m.trees.Attribute(in, class, 0)
	if m.h.Task == kequn.Regression {
		return base, phi, nil
	}
	n := len(m.h.Columns)
	for i := 0; i < len(phi); i += n {
		row := phi[i : i+n]
		kernel.Scale(m.link.secant(base+kernel.Sum(row), base, k), row)
	}
	return m.link.margin(base, k), phi, nil
}

// Importance implements [model.Importancer]: the share of each column in what the questions take away of the draws' squared (classes:
// Gini) loss.
func (m *ForestModel) Importance() []float64 { return m.trees.Importance() }

// Encode implements [model.Model].
func (m *ForestModel) Encode(w io.Writer) error {
	var trees bytes.Buffer
	if err := m.trees.Encode(&trees); err != nil {
		return err
	}
	a := model.NewArrayWriter(w)
	a.Float64(m.link.slope)
	a.Float64(m.link.shift)
	a.Int(m.facts.Rows)
	a.Float64(m.facts.Loss)
	a.Float64(m.facts.BaseLoss)
	a.Bytes(trees.Bytes())
	return a.Err()
}

// DecodeForest reads what Encode wrote.
func DecodeForest(h model.Header, r io.Reader) (model.Model, error) {
	if err := h.UpTo(1); err != nil {
		return nil, err
	}
	a := model.NewArrayReader(r)
	m := &ForestModel{h: h, link: calibration{a.Finite(), a.Finite()}}
	m.facts = OutOfBag{a.Int(), a.Finite(), a.Finite()}
	body := bytes.NewReader(a.Bytes())
	if err := a.End(); err != nil {
		return nil, err
	}
	trees, err := treekit.Decode(body)
	if err != nil {
		return nil, err
	}
	m.trees = trees
	if body.Len() > 0 || h.Version != 1 || !(m.link.slope >= leastSlope && m.link.slope <= mostSlope) || math.Abs(m.link.shift) > 1e6 ||
		trees.NCols != len(h.Columns) || trees.NOut() != h.NOut() {
		return nil, model.ErrArrays
	}
	for i := range trees.Trees {
		if trees.Trees[i].Width != h.NOut() {
			return nil, model.ErrArrays
		}
	}
	for j, c := range h.Columns {
		if (c.Kind == table.Category) != (trees.Level[j] != nil) || len(trees.Level[j]) != len(c.Levels) {
			return nil, model.ErrArrays
		}
	}
	return m, nil
}
