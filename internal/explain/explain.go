// Package explain says why a score is what it is: importance of columns, and reasons of one customer in plain words.
package explain

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Words are what people call a column.
type Words struct {
	Zh, En    string // plain name; the column's own where empty
	Unit      string // "orders", "days", "CNY"; "share" prints as a percentage
	Kind      string // trait, behaviour, lever, proxy; "" where nobody said
	MissingZh string // what a missing value means; "" for "unknown"
	MissingEn string

	// Fact says what the column holds in a row, in plain sentences; nil puts name, value and unit together.
	Fact func(c *table.Column, row int) (zh, en string)
}

// Catalogue returns the words of a column. It may be nil.
type Catalogue func(column string) Words

// Reason is one column's part in one score.
type Reason struct {
	Column       string  `json:"column"`
	Value        string  `json:"value"`        // as people read it, in no language in particular
	Contribution float64 `json:"contribution"` // on the margin, against the average customer
	SE           float64 `json:"se,omitempty"` // of a contribution that was sampled
	Kind         string  `json:"kind,omitempty"`
	Flag         Text    `json:"flag,omitzero"` // what the kind means for whoever acts on it: can it be changed, may it stand for something else
	Zh           string  `json:"zh"`
	En           string  `json:"en"`
}

// Explained is why one row's margin is what it is: Base plus the contributions of all reasons (and of Rest) is Margin, to 1e-9.
type Explained struct {
	Base    float64  `json:"base"`    // margin of the average customer
	Margin  float64  `json:"margin"`  // before calibration and blending
	Reasons []Reason `json:"reasons"` // largest first
	Rest    float64  `json:"rest"`    // what the columns that are not listed contribute together
	Summary Text     `json:"summary"` // all of it in a sentence
}

// Reasons explains the rows of x by at most the n columns that contribute most (0: all that contribute anything). The model must be a
// [model.Attributor]; for several classes, class says which one.
//
// A contribution φ on log-odds multiplies the odds by e^φ; the words say so: "raises the odds 1.8 times". In a regression it is in
// the outcome's unit.
func Reasons(m model.Model, x *table.Table, class, n int, words Catalogue) ([]Explained, error) {
	a, ok := m.(model.Attributor)
	if !ok {
		return nil, kequn.Errorf(kequn.KindUsage, "", "%s gives no reasons", m.Header().Family)
	}
	base, phi, err := a.Attribute(x, class)
	if err != nil {
		return nil, err
	}
	return reasonsOf(m.Header(), x, base, phi, nil, n, words), nil
}

// Reasons is the function [Reasons] with sampled contributions, for any model.
func (s Sampled) Reasons(ctx context.Context, m model.Model, x *table.Table, n int, words Catalogue) ([]Explained, error) {
	base, phi, se, err := s.Attribute(ctx, m, x)
	if err != nil {
		return nil, err
	}
	return reasonsOf(m.Header(), x, base, phi, se, n, words), nil
}

// Each attributes many rows in blocks, so that memory stays bounded: f gets the first row of each block in order, and what
// [model.Attributor] says of its rows.
func Each(ctx context.Context, m model.Attributor, x *table.Table, class int, f func(first int, base float64, phi []float64) error) error {
	// Trees make their tables anew for each block: at this size that is a few per cent of the work.
	const block = 1 << 16
	for lo := 0; lo < x.NRows(); lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		base, phi, err := m.Attribute(x.Slice(lo, min(lo+block, x.NRows())), class)
		if err != nil {
			return err
		}
		if err := f(lo, base, phi); err != nil {
			return err
		}
	}
	return nil
}

func reasonsOf(h model.Header, x *table.Table, base float64, phi, se []float64, n int, words Catalogue) []Explained {
	cols := h.Columns
	out := make([]Explained, x.NRows())
	size := make([]float64, len(cols))
	for i := range out {
		row := phi[i*len(cols) : (i+1)*len(cols)]
		e := Explained{Base: base, Margin: base, Reasons: []Reason{}}
		for j, v := range row {
			size[j] = math.Abs(v)
			e.Margin += v
		}
		for rank, j := range kernel.ArgsortDesc(size) {
			if row[j] == 0 {
				break
			}
			if n > 0 && rank >= n {
				e.Rest += row[j]
				continue
			}
			r := reason(h.Task, x.Column(cols[j].Name), i, row[j], words)
			if se != nil {
				r.SE = se[i*len(cols)+int(j)]
			}
			e.Reasons = append(e.Reasons, r)
		}
		e.Summary = summary(h.Task, e, x, i, words)
		out[i] = e
	}
	return out
}

func reason(task kequn.Task, c *table.Column, row int, phi float64, words Catalogue) Reason {
	w := words.called(c.Name)
	r := Reason{Column: c.Name, Value: Value(c, row, w.Unit), Contribution: phi, Kind: w.Kind}
	r.Flag = flag(w.Kind)
	fact := factOf(c, row, w, r.Value)
	r.Zh, r.En = fact.Zh+"："+effect(kequn.Chinese, task, phi), fact.En+": "+effect(kequn.English, task, phi)
	return r
}

// factOf says what the column holds in the row.
func factOf(c *table.Column, row int, w Words, value string) Text {
	if w.Fact != nil {
		zh, en := w.Fact(c, row)
		return Text{zh, en}
	}
	isZh, isEn := "为 "+value, "is "+value
	if c.IsMissing(row) {
		isZh, isEn = w.MissingZh, w.MissingEn
		if isZh == "" {
			isZh = "未知"
		}
		if isEn == "" {
			isEn = "is unknown"
		}
	}
	return Text{w.Zh + " " + isZh, w.En + " " + isEn}
}

// effect says what a contribution does.
func effect(l kequn.Lang, task kequn.Task, phi float64) string {
	if task == kequn.Regression {
		if phi > 0 {
			return fmt.Sprintf(l.Pick("使预测增加 %s", "adds %s to the prediction"), short(phi))
		}
		return fmt.Sprintf(l.Pick("使预测减少 %s", "takes %s off the prediction"), short(-phi))
	}
	times := math.Exp(math.Abs(phi))
	switch {
	case times < 1.05 && phi > 0:
		return l.Pick("略微提高可能性", "raises the odds a little")
	case times < 1.05:
		return l.Pick("略微降低可能性", "lowers the odds a little")
	case times > 1e4:
		times = 1e4
	}
	if phi > 0 {
		return fmt.Sprintf(l.Pick("可能性（几率）提高到 %s 倍", "raises the odds %s times"), short(times))
	}
	return fmt.Sprintf(l.Pick("可能性（几率）降到 %s 分之一", "lowers the odds %s times"), short(times))
}

// short prints a number with as many digits as people compare: three.
func short(v float64) string {
	s := strconv.FormatFloat(v, 'g', 3, 64)
	if strings.ContainsAny(s, "e") {
		s = strconv.FormatFloat(v, 'f', 0, 64)
	}
	return s
}

// Value prints the value of a row as people read it: "" for missing; dates as dates, shares as percentages.
func Value(c *table.Column, row int, unit string) string {
	if c.IsMissing(row) {
		return ""
	}
	switch {
	case c.Kind.InCode():
		return c.String(row)
	case c.Kind == table.Time:
		return kequn.Instant(c.Int[row]).Time().Format("2006-01-02")
	case c.Kind == table.Bool:
		return strconv.FormatBool(c.Int[row] == 1)
	}
	v := c.Float(row)
	if unit == "share" {
		return short(100*v) + "%"
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if v != math.Trunc(v) || math.Abs(v) >= 1e15 {
		text = short(v)
		if math.Abs(v) >= 1000 {
			text = strconv.FormatFloat(v, 'f', 0, 64)
		}
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}

// spoken returns the unit that a sentence needs in both languages: shares and currencies. "Days" and "orders" are said by the column's
// name already, and in one language only.
func spoken(unit string) string {
	if unit == "share" || len(unit) == 3 && unit == strings.ToUpper(unit) {
		return unit
	}
	return ""
}
