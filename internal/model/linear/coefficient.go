package linear

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// CoefficientKind says what a coefficient multiplies.
type CoefficientKind string

// The kinds of coefficient.
const (
	Intercept CoefficientKind = "intercept" // numbers at 0, categories at their average
	Slope     CoefficientKind = "slope"     // per unit of the column, or of its logarithm
	Bend      CoefficientKind = "bend"      // of a number's place among the training values, as far as the number does not tell it; per deviation
	Level     CoefficientKind = "level"     // of one value of a category, against the column's average
	Rare      CoefficientKind = "rare"      // of the rare values of a category, likewise
	Gram      CoefficientKind = "gram"      // of an n-gram: what it adds on average where a text has it; only those that matter most are listed
	None      CoefficientKind = "missing"   // of a missing value: against the mean value (numbers) or the average (categories)
)

// Coefficient is one line of a regression table, on the margin: log-odds (binary) or the outcome's unit (regression).
type Coefficient struct {
	Column string          `json:"column,omitempty"`
	Kind   CoefficientKind `json:"kind"`
	Level  string          `json:"level,omitempty"`
	Value  float64         `json:"value"`
	SE     float64         `json:"se"` // standard error; NaN where it was not computed

	// LogUnit is not 0 where the column enters as sign(x)·log(1+|x|/LogUnit).
	LogUnit float64 `json:"log_unit,omitempty"`
}

// Z returns value over standard error.
func (c Coefficient) Z() float64 { return c.Value / c.SE }

// P returns the two-sided p-value of the coefficient being 0, by the normal distribution.
func (c Coefficient) P() float64 { return math.Erfc(math.Abs(c.Z()) / math.Sqrt2) }

// Coefficients returns the regression table of a binary or regression model, the intercept first. It is nil for several classes.
//
// Standard errors are the square roots of the diagonal of A⁻¹·H·A⁻¹, A = H + λD: the variance of the penalised estimate
// (times the residual variance in a regression). They say nothing of the bias that a large penalty brings.
func (m *Model) Coefficients() []Coefficient { return slices.Clone(m.coefs) }

func (e *encoding) coefficients(p *problem, s *solution, beta, means []float64) []Coefficient {
	cov := p.covariance(s)
	line := func(c Coefficient, contrast map[int]float64, order []int) Coefficient {
		variance := math.NaN()
		if cov != nil {
			variance = 0
			for _, i := range order {
				for _, j := range order {
					variance += contrast[i] * contrast[j] * cov[int(p.column[i])*p.q+int(p.column[j])] * p.share[i] * p.share[j]
				}
			}
		}
		for _, i := range order {
			c.Value += contrast[i] * beta[i]
		}
		c.SE = math.Sqrt(max(variance, 0))
		if cov == nil {
			c.SE = math.NaN()
		}
		return c
	}
	at0, order0 := map[int]float64{e.p: 1}, []int{e.p}
	var out []Coefficient
	for j, t := range e.terms {
		name := e.cols[j].Name
		if t.number != nil {
			out = append(out, line(Coefficient{Column: name, Kind: Slope, LogUnit: t.number.unit}, map[int]float64{t.slope: 1 / t.number.sd}, []int{t.slope}))
			at0[t.slope] = -t.number.mean / t.number.sd
			order0 = append(order0, t.slope)
			if t.bend >= 0 {
				out = append(out, line(Coefficient{Column: name, Kind: Bend, LogUnit: t.number.unit}, map[int]float64{t.bend: 1}, []int{t.bend}))
				at0[t.bend] = t.number.departure(0)
				order0 = append(order0, t.bend)
			}
		}
		if e.cols[j].Kind == table.Number {
			if t.none >= 0 {
				out = append(out, line(Coefficient{Column: name, Kind: None}, map[int]float64{t.none: 1}, []int{t.none}))
			}
			continue
		}
		all := t.all()
		centred := func(k int) map[int]float64 {
			c := map[int]float64{}
			for _, i := range all {
				c[i] = -means[i]
			}
			c[k]++
			return c
		}
		for _, k := range all {
			at0[k] = means[k]
			order0 = append(order0, k)
		}
		for level, k := range t.slots {
			if int(k) != t.other {
				out = append(out, line(Coefficient{Column: name, Kind: Level, Level: e.cols[j].Levels[level]}, centred(int(k)), all))
			}
		}
		if t.other >= 0 {
			out = append(out, line(Coefficient{Column: name, Kind: Rare}, centred(t.other), all))
		}
		if t.none >= 0 {
			out = append(out, line(Coefficient{Column: name, Kind: None}, centred(t.none), all))
		}
	}
	first := line(Coefficient{Kind: Intercept}, at0, order0)
	first.Value += p.mean
	return append([]Coefficient{first}, out...)
}

// Rules implements [model.Ruler]: the coefficients in words, those that move the score most first. A slope is told per
// standard deviation, so that columns can be compared.
func (m *Model) Rules(lang kequn.Lang) []string {
	type rule struct {
		size float64
		text string
	}
	var rules []rule
	unit := ""
	if m.h.Task == kequn.Binary {
		unit = lang.Pick("（对数几率）", " in log-odds")
	}
	for j, col := range m.h.Columns {
		if m.k > 1 {
			break
		}
		f := m.effects[0][j]
		if f.number != nil {
			what := lang.Pick("每高一个标准差", "one standard deviation more")
			if f.number.unit > 0 {
				what = lang.Pick("按对数每高一个标准差", "one standard deviation more of its logarithm")
			}
			rules = append(rules, rule{math.Abs(f.slope), fmt.Sprintf(lang.Pick("“%s”%s：%+.3g%s", "%s, %s: %+.3g%s"), col.Name, what, f.slope, unit)})
		}
		if f.bend != 0 {
			what := lang.Pick("名次每高一个标准差（直线之外）", "one standard deviation more of its rank, beyond the line")
			rules = append(rules, rule{math.Abs(f.bend), fmt.Sprintf(lang.Pick("“%s”%s：%+.3g%s", "%s, %s: %+.3g%s"), col.Name, what, f.bend, unit)})
		}
		for level, v := range f.levels {
			rules = append(rules, rule{math.Abs(v), fmt.Sprintf(lang.Pick("“%s”为“%s”：%+.3g%s", "%s is %s: %+.3g%s"), col.Name, col.Levels[level], v, unit)})
		}
		if m.texts[j] != nil {
			continue // below, by gram
		}
		if f.none != 0 && (f.levels != nil || f.none != -f.centre) {
			rules = append(rules, rule{math.Abs(f.none), fmt.Sprintf(lang.Pick("“%s”缺失：%+.3g%s", "%s is missing: %+.3g%s"), col.Name, f.none, unit)})
		}
	}
	for _, c := range m.coefs {
		if c.Kind == Gram {
			rules = append(rules, rule{math.Abs(c.Value), fmt.Sprintf(lang.Pick("“%s”里有“%s”：%+.3g%s", "%s says “%s”: %+.3g%s"), c.Column, strings.TrimSpace(c.Level), c.Value, unit)})
		}
	}
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(b.size, a.size) })
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = r.text
	}
	return out
}
