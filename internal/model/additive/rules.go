package additive

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/model"
)

var _ model.Ruler = (*Model)(nil)

// Rules implements [model.Ruler]: for each column, where it adds most and where least, those first that matter most. Of a
// number it is the whole stretch that is within a tenth of the shape's range of its peak. What is said of pairs, and
// multiclass models, are for [Model.Picture].
func (m *Model) Rules(lang kequn.Lang) []string {
	if len(m.body.base) > 1 {
		return nil
	}
	unit := ""
	if m.header.Task == kequn.Binary {
		unit = lang.Pick("（对数几率）", " in log-odds")
	}
	type rule struct {
		size float64
		text string
	}
	var rules []rule
	total := 0.0
	for _, s := range m.Shapes() {
		if total == 0 {
			for _, c := range s.Cells {
				total += c.Weight
			}
			total += s.Missing.Weight
		}
		add := func(where string, value, weight float64) {
			if value == 0 || weight == 0 {
				return
			}
			rules = append(rules, rule{math.Abs(value) * weight, fmt.Sprintf(lang.Pick("%s：%s%s，占 %s", "%s: %s%s, %s of the rows"),
				where, signed(value), unit, share(weight/total))})
		}
		if s.Levels != nil {
			for i, c := range s.Cells {
				if s.Levels[i] == "…" {
					add(fmt.Sprintf(lang.Pick("“%s”为少见的值", "%s is one of the rare ones"), s.Column), c.Value, c.Weight)
				} else {
					add(fmt.Sprintf(lang.Pick("“%s”为“%s”", "%s is %s"), s.Column, s.Levels[i]), c.Value, c.Weight)
				}
			}
		} else {
			for _, sign := range []float64{1, -1} {
				from, to, value, weight := s.peak(sign)
				if sign*value > 0 {
					add(s.stretch(from, to, lang), value, weight)
				}
			}
		}
		add(fmt.Sprintf(lang.Pick("“%s”缺失", "%s is missing"), s.Column), s.Missing.Value, s.Missing.Weight)
	}
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(b.size, a.size) })
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = r.text
	}
	return out
}

// peak returns the cells from … to−1 around the highest (sign 1) or lowest (−1), with their mean value and weight.
func (s *Shape) peak(sign float64) (from, to int, value, weight float64) {
	top, bottom := 0, 0
	for i, c := range s.Cells {
		if sign*c.Value > sign*s.Cells[top].Value {
			top = i
		}
		if sign*c.Value < sign*s.Cells[bottom].Value {
			bottom = i
		}
	}
	const near = 0.1
	least := sign*s.Cells[top].Value - near*sign*(s.Cells[top].Value-s.Cells[bottom].Value)
	from, to = top, top+1
	for from > 0 && sign*s.Cells[from-1].Value >= least {
		from--
	}
	for to < len(s.Cells) && sign*s.Cells[to].Value >= least {
		to++
	}
	for _, c := range s.Cells[from:to] {
		value += c.Weight * c.Value
		weight += c.Weight
	}
	if weight > 0 {
		value /= weight
	}
	return from, to, value, weight
}

// stretch tells where cells from … to−1 lie.
func (s *Shape) stretch(from, to int, lang kequn.Lang) string {
	switch n := len(s.Cells); {
	case from == 0 && to == n:
		return fmt.Sprintf(lang.Pick("“%s”有值", "%s has a value"), s.Column)
	case from == 0:
		return fmt.Sprintf(lang.Pick("“%s”不超过 %s", "%s up to %s"), s.Column, chart.Short(s.Borders[to-1]))
	case to == n:
		return fmt.Sprintf(lang.Pick("“%s”超过 %s", "%s above %s"), s.Column, chart.Short(s.Borders[from-1]))
	}
	return fmt.Sprintf(lang.Pick("“%s”在 %s 与 %s 之间", "%s from %s to %s"), s.Column, chart.Short(s.Borders[from-1]), chart.Short(s.Borders[to-1]))
}

func share(v float64) string {
	if v < 0.01 {
		return fmt.Sprintf("%.2g%%", 100*v)
	}
	return fmt.Sprintf("%.0f%%", 100*v)
}
