package cluster

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// PrepareOptions say how columns become numbers on one scale. The zero value takes every column that can serve.
type PrepareOptions struct {
	Columns   []string // only these; nil for all
	MaxLevels int      // categories with more values are left out; 0 means 8, −1 leaves all categories out
	NoLog     bool     // never take the logarithm of skewed columns
}

const (
	// skewed is how lopsided a column must be before its logarithm is tried: an exponential distribution has 2, and
	// counts and amounts of customers have more.
	skewed = 1.0
	// edge is where standardised values are cut. k-means squares distances, so one customer at 40 deviations would
	// outweigh a thousand at 1, and get a group alone.
	edge = 5.0
	// rareLevel is the least share of rows for which a value of a category is told apart.
	rareLevel = 0.01
)

// Column says how one column of a table becomes one or more prepared columns.
//
//	number     z = (f(v) − Mean)/Scale, cut at ±5, f being sign(v)·ln(1+|v|) where Log is set; missing becomes 0, the mean
//	category   per level l: ([v = l] − Mean_l)/Scale, where Scale makes all levels together weigh as much as one number
type Column struct {
	Name   string    `json:"name"`
	Log    bool      `json:"log,omitempty"`
	Mean   float64   `json:"mean"`
	Scale  float64   `json:"scale"`
	Levels []string  `json:"levels,omitempty"` // category: the values told apart, sorted
	Share  []float64 `json:"share,omitempty"`  // category: the share of rows of each level
}

func (c Column) width() int { return max(1, len(c.Levels)) }

// Preparation is how the columns of a table become rows of float32 in which distances mean something.
type Preparation struct {
	Columns []Column `json:"columns"` // sorted by name, so that groups do not depend on the order of columns
	Notes   []string `json:"notes,omitempty"`
}

// NCols returns the number of prepared columns.
func (p *Preparation) NCols() int {
	n := 0
	for _, c := range p.Columns {
		n += c.width()
	}
	return n
}

// Names returns the names of the prepared columns: the column's own, or "column=level".
func (p *Preparation) Names() []string {
	var out []string
	for _, c := range p.Columns {
		if c.Levels == nil {
			out = append(out, c.Name)
		}
		for _, l := range c.Levels {
			out = append(out, c.Name+"="+l)
		}
	}
	return out
}

// Prepare learns from the rows of t how its columns are to be put on one scale. Text, constant and infinite columns and
// categories of too many values are left out with a note. A column named in the options that t lacks is an input
// error; that no column is left is a not_enough error.
func Prepare(t *table.Table, o PrepareOptions) (*Preparation, error) {
	if o.Columns != nil {
		var err error
		if t, err = t.Select(o.Columns...); err != nil {
			return nil, err
		}
	}
	if o.MaxLevels == 0 {
		o.MaxLevels = 8
	}
	columns := slices.Clone(t.Columns)
	slices.SortStableFunc(columns, func(a, b *table.Column) int { return strings.Compare(a.Name, b.Name) })
	p := &Preparation{}
	for _, c := range columns {
		var (
			col Column
			why string
		)
		if c.Kind.InCode() {
			col, why = prepareCategory(c, o.MaxLevels)
		} else {
			col, why = prepareNumber(c, o.NoLog)
		}
		if why != "" {
			p.Notes = append(p.Notes, c.Name+": "+why)
			continue
		}
		p.Columns = append(p.Columns, col)
	}
	if len(p.Columns) == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", "no column can serve for groups (%s)", strings.Join(p.Notes, "; ")).
			WithHint("groups need numbers, or categories of few values, in which rows differ")
	}
	return p, nil
}

func prepareNumber(c *table.Column, noLog bool) (Column, string) {
	v := make([]float64, 0, c.Len())
	for _, x := range c.Floats() {
		if math.IsInf(x, 0) {
			return Column{}, "infinite values, not used"
		}
		if x == x {
			v = append(v, x)
		}
	}
	out := Column{Name: c.Name}
	mean, variance := kernel.MeanVar(v, nil)
	if !(variance > 0) || slices.Max(v) == slices.Min(v) {
		return Column{}, "constant, not used"
	}
	if s := skewness(v, mean, variance); !noLog && math.Abs(s) > skewed {
		u := make([]float64, len(v))
		for i, x := range v {
			u[i] = signedLog(x)
		}
		if m, va := kernel.MeanVar(u, nil); va > 0 && math.Abs(skewness(u, m, va)) < math.Abs(s) {
			out.Log, mean, variance = true, m, va
		}
	}
	out.Mean, out.Scale = mean, math.Sqrt(variance)
	if !(out.Scale > 1e-12*math.Abs(mean)) || math.IsInf(out.Scale, 0) {
		return Column{}, "too little or too much variation for its size, not used"
	}
	return out, ""
}

func skewness(v []float64, mean, variance float64) float64 {
	cubes := make([]float64, len(v))
	sd := math.Sqrt(variance)
	for i, x := range v {
		z := (x - mean) / sd
		cubes[i] = z * z * z
	}
	return kernel.Sum(cubes) / float64(len(v))
}

func signedLog(x float64) float64 { return math.Copysign(math.Log1p(math.Abs(x)), x) }

func prepareCategory(c *table.Column, maxLevels int) (Column, string) {
	if c.Kind == table.Text {
		return Column{}, "text, not used"
	}
	count, n := make([]int, c.Dict.Len()), 0
	for _, k := range c.Code {
		if k >= 0 {
			count[k]++
			n++
		}
	}
	distinct, out := 0, Column{Name: c.Name}
	for k, m := range count {
		if m > 0 {
			distinct++
		}
		if float64(m) >= rareLevel*float64(c.Len()) && m > 0 {
			out.Levels = append(out.Levels, strings.Clone(c.Dict.At(k)))
		}
	}
	switch {
	case maxLevels < 0:
		return Column{}, "category, not used"
	case distinct > maxLevels:
		return Column{}, fmt.Sprintf("category of %d values, not used", distinct)
	case distinct == 0 || distinct == 1 && n == c.Len():
		return Column{}, "constant, not used"
	}
	slices.Sort(out.Levels)
	total := 0.0 // variance of all levels together
	for _, l := range out.Levels {
		share := float64(count[c.Dict.Find(l)]) / float64(c.Len())
		out.Share = append(out.Share, share)
		total += share * (1 - share)
	}
	if total == 0 {
		return Column{}, "constant, not used"
	}
	out.Scale = math.Sqrt(total)
	return out, ""
}

// Rows returns the prepared rows of t, (n, NCols), row-major. Columns are matched by name; a missing one, or one of
// another kind, is an input error that names it. A missing value, or an infinite one, becomes 0: the middle.
func (p *Preparation) Rows(t *table.Table) ([]float32, error) {
	width, n := p.NCols(), t.NRows()
	out := make([]float32, n*width)
	at := 0
	for _, c := range p.Columns {
		from := t.Column(c.Name)
		switch {
		case from == nil:
			return nil, kequn.Errorf(kequn.KindInput, c.Name, "the groups were made from this column, and the table lacks it")
		case from.Kind.InCode() != (c.Levels != nil):
			return nil, kequn.Errorf(kequn.KindInput, c.Name, "is %s, unlike when the groups were made", from.Kind)
		case c.Levels != nil:
			c.fillCategory(out[at:], width, from)
		default:
			c.fillNumber(out[at:], width, from)
		}
		at += c.width()
	}
	return out, nil
}

func (c Column) fillNumber(out []float32, width int, from *table.Column) {
	for i, v := range from.Floats() {
		if c.Log {
			v = signedLog(v)
		}
		z := (v - c.Mean) / c.Scale
		if v-v != 0 {
			z = 0
		}
		out[i*width] = float32(min(max(z, -edge), edge))
	}
}

func (c Column) fillCategory(out []float32, width int, from *table.Column) {
	base := make([]float32, len(c.Levels))
	for l, share := range c.Share {
		base[l] = float32(-share / c.Scale)
	}
	level := make([]int, from.Dict.Len())
	for k := range level {
		level[k] = slices.Index(c.Levels, from.Dict.At(k))
	}
	for i, k := range from.Code {
		if k < 0 {
			continue // missing: the middle
		}
		row := out[i*width:][:len(base)]
		copy(row, base)
		if l := level[k]; l >= 0 {
			row[l] = float32((1 - c.Share[l]) / c.Scale)
		}
	}
}

// Original returns what a prepared value of column c means in the column's own unit: the inverse of standardising and of
// the logarithm. For a category it is the share of rows with the level.
func (c Column) Original(z float64, level int) float64 {
	if c.Levels != nil {
		return z*c.Scale + c.Share[level]
	}
	v := z*c.Scale + c.Mean
	if c.Log {
		return math.Copysign(math.Expm1(math.Abs(v)), v)
	}
	return v
}

func (p *Preparation) valid() bool {
	for _, c := range p.Columns {
		if !(c.Scale > 0) || math.IsInf(c.Scale, 0) || c.Mean-c.Mean != 0 || len(c.Levels) != len(c.Share) {
			return false
		}
	}
	return len(p.Columns) > 0
}
