package ladder

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/table"
)

// AutoFamily is the family name of a [Choice] in model files.
const AutoFamily = "auto"

// Choice is the model that the ladder hands over: one or several members, each with its calibration, blended on the margin, and the
// whole's calibration. What it can explain is its main member (see [Choice.Main]): contributions add up to that
// member's margin, before calibration and blending.
type Choice struct {
	h           model.Header
	name        string // the line of the ladder it was made from
	members     []model.Model
	names       []string
	weights     []float64
	each        []metric.Calibration
	calibration metric.Calibration
}

// setHeader makes the header out of the members'.
func (c *Choice) setHeader(y model.Outcome, rows int) {
	c.h = model.Header{Family: AutoFamily, Version: 1, Task: y.Task, Classes: y.Classes, Rows: rows}
	for i, m := range c.members {
		h := m.Header()
		for _, col := range h.Columns {
			if at, ok := slices.BinarySearchFunc(c.h.Columns, col.Name, func(a model.Column, name string) int { return strings.Compare(a.Name, name) }); !ok {
				c.h.Columns = slices.Insert(c.h.Columns, at, col)
			}
		}
		for _, note := range h.Notes {
			if !slices.Contains(c.h.Notes, note) {
				c.h.Notes = append(c.h.Notes, note)
			}
		}
		c.h.Params = append(c.h.Params, model.Value{Name: c.names[i], Value: c.weights[i]})
	}
}

// Header implements [model.Model]. Its parameters are the members' weights.
func (c *Choice) Header() model.Header { return c.h }

// Line returns the name of the ladder's line that the model was made from, such as "auto" or "gbdt".
func (c *Choice) Line() string { return c.name }

// Members returns the members in the ladder's order with their shares.
func (c *Choice) Members() ([]model.Model, []Share) {
	shares := make([]Share, len(c.members))
	for i := range shares {
		shares[i] = Share{c.names[i], c.weights[i]}
	}
	return slices.Clone(c.members), shares
}

// Main returns the member that explains: the one with most weight among those whose contributions are quick and exact, or, where
// there is none, the one with most weight.
func (c *Choice) Main() model.Model {
	best := -1
	for i, w := range c.weights {
		if best < 0 || traitOf(c.names[best]).mute && !traitOf(c.names[i]).mute || w > c.weights[best] && traitOf(c.names[i]).mute == traitOf(c.names[best]).mute {
			best = i
		}
	}
	return c.members[best]
}

// Predict implements [model.Model].
func (c *Choice) Predict(x *table.Table) ([]float64, error) {
	scores := make([][]float64, len(c.members))
	for i, m := range c.members {
		s, err := m.Predict(x)
		if err != nil {
			return nil, err
		}
		scores[i] = s
	}
	_, final := blendScores(c.h.Task, c.weights, c.each, c.calibration, scores)
	return final, nil
}

// Margin implements [model.Marginer]: the margin of the main member.
func (c *Choice) Margin(x *table.Table) ([]float64, error) {
	if m, ok := c.Main().(model.Marginer); ok {
		return m.Margin(x)
	}
	return nil, kequn.Errorf(kequn.KindUsage, "", "%s has no margin", c.Main().Header().Family)
}

// Attribute implements [model.Attributor]: the contributions of the main member, 0 for columns that it does not use.
func (c *Choice) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	return model.AttributeInner(c.Main(), c.h.Columns, x, class)
}

// Importance implements [model.Importancer]: that of the main member.
func (c *Choice) Importance() []float64 { return model.ImportanceInner(c.Main(), c.h.Columns) }

// Rules implements [model.Ruler]: those of the main member, nil if it has none.
func (c *Choice) Rules(lang kequn.Lang) []string {
	if r, ok := c.Main().(model.Ruler); ok {
		return r.Rules(lang)
	}
	return nil
}

// Encode implements [model.Model]: names, weights and calibrations, then each member as a model file of its own.
func (c *Choice) Encode(w io.Writer) error {
	a := model.NewArrayWriter(w)
	a.String(c.name)
	a.Int(len(c.members))
	calibration := func(k metric.Calibration) {
		b, _ := json.Marshal(k) // numbers are finite, so that this cannot fail
		a.Bytes(b)
	}
	calibration(c.calibration)
	for i, m := range c.members {
		a.String(c.names[i])
		a.Float64(c.weights[i])
		calibration(c.each[i])
		var b bytes.Buffer
		if err := model.Save(&b, m); err != nil {
			return err
		}
		a.Bytes(b.Bytes())
	}
	return a.Err()
}

// Decoder returns the decoder of choices whose members are of the given families (its own is not among them).
func Decoder(members map[string]model.Decoder) model.Decoder {
	return func(h model.Header, r io.Reader) (model.Model, error) {
		if err := h.UpTo(1); err != nil {
			return nil, err
		}
		a := model.NewArrayReader(r)
		c := &Choice{h: h, name: a.String()}
		n := a.Int()
		calibration := func() (k metric.Calibration) {
			if b := a.Bytes(); a.Err() == nil && (json.Unmarshal(b, &k) != nil || !k.Valid()) {
				a.Fail()
			}
			return k
		}
		c.calibration = calibration()
		total := 0.0
		for range n {
			c.names = append(c.names, a.String())
			weight := a.Finite()
			c.weights = append(c.weights, weight)
			c.each = append(c.each, calibration())
			b := a.Bytes()
			if a.Err() != nil {
				return nil, a.Err()
			}
			m, err := model.Load(bytes.NewReader(b), members)
			if err != nil {
				return nil, err
			}
			if g := m.Header(); g.Task != h.Task || g.NOut() != h.NOut() || !(weight > 0) || !covers(h.Columns, g.Columns) {
				return nil, model.ErrArrays
			}
			total += weight
			c.members = append(c.members, m)
		}
		if len(c.members) == 0 || total > 1+1e-6 || total < 1-1e-6 || h.Version != 1 {
			return nil, model.ErrArrays
		}
		return c, a.End()
	}
}

// covers tells whether all has every column of some.
func covers(all, some []model.Column) bool {
	for _, s := range some {
		if !slices.ContainsFunc(all, func(a model.Column) bool { return a.Name == s.Name && a.Kind == s.Kind }) {
			return false
		}
	}
	return true
}
