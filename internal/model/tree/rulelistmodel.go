package tree

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// listRule is one rule of a list. The last has no condition and takes everybody whom no other fits.
type listRule struct {
	conditions []condition // one a column
	margin     float64
	weight     float64   // of the training rows that it takes
	pass       []float64 // by set of conditions that are known to hold: the share of the training rows for which the others hold too
}

// RuleListModel is a fitted rule list.
type RuleListModel struct {
	h                model.Header
	rules            []listRule
	total            float64 // weight of the training rows
	gain             []float64
	sometimesMissing []byte
}

// Header implements [model.Model].
func (m *RuleListModel) Header() model.Header { return m.h }

// NRules returns how many rules stand before the last, which takes everybody else.
func (m *RuleListModel) NRules() int { return len(m.rules) - 1 }

// holds tells whether the condition holds for a row of its column.
func (c *condition) holds(col *table.Column, i int) bool {
	if c.levels != nil {
		k := col.Code[i]
		if k < 0 || int(k) >= len(c.levels) {
			return c.missing
		}
		return c.levels[k]
	}
	v := col.Num[i]
	if v != v {
		return c.missing
	}
	// A lower border of −∞ is none: it lets −∞ pass too.
	return (v > c.lo || math.IsInf(c.lo, -1)) && v <= c.hi
}

// Margin implements [model.Marginer]: the log-odds, or the amount.
func (m *RuleListModel) Margin(x *table.Table) ([]float64, error) {
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return nil, err
	}
	out := make([]float64, x.NRows())
	kernel.Parallel(len(out), 0, 4096, func(lo, hi int) {
	next:
		for i := lo; i < hi; i++ {
			for r := range m.rules {
				if m.rules[r].holds(in, i) {
					out[i] = m.rules[r].margin
					continue next
				}
			}
		}
	})
	return out, nil
}

func (r *listRule) holds(in *table.Table, i int) bool {
	for j := range r.conditions {
		if c := &r.conditions[j]; !c.holds(in.Columns[c.col], i) {
			return false
		}
	}
	return true
}

// Predict implements [model.Model].
func (m *RuleListModel) Predict(x *table.Table) ([]float64, error) {
	out, err := m.Margin(x)
	if err != nil {
		return nil, err
	}
	if m.h.Task == kequn.Binary {
		for i, v := range out {
			out[i] = logistic(v)
		}
	}
	return out, nil
}

// Attribute implements [model.Attributor]: the Shapley values of the game in which a column that is not known leaves its conditions
// open. A rule then takes a row in the share in which the training rows that reached it and pass its known conditions pass the
// others too; what it does not take goes on to the next rule:
//
//	v(S) = Σ_r margin_r · pass_r(S) · Π_{q<r} (1 − pass_q(S))
//
// All sets S of the columns asked (at most 12) are tried, so that the values are exact. Rows for which the same conditions hold
// have the same values, which are found once. Time is about 0.1 ms a different row, with 12 columns and 10 rules.
func (m *RuleListModel) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	if class != 0 {
		return 0, nil, kequn.Errorf(kequn.KindUsage, "", "class %d of 1", class)
	}
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return 0, nil, err
	}
	n := len(m.h.Columns)
	phi = make([]float64, x.NRows()*n)
	g := m.newGame()
	base = g.value(make([]uint8, len(m.rules)), 0)
	kernel.Parallel(x.NRows(), 0, 1024, func(lo, hi int) {
		known := map[string][]float64{}
		holds := make([]uint8, len(m.rules))
		for i := lo; i < hi; i++ {
			for r := range m.rules {
				holds[r] = 0
				for j := range m.rules[r].conditions {
					if c := &m.rules[r].conditions[j]; c.holds(in.Columns[c.col], i) {
						holds[r] |= 1 << j
					}
				}
			}
			v, ok := known[string(holds)]
			if !ok {
				v = g.shapley(holds)
				known[string(holds)] = v
			}
			for k, c := range g.cols {
				phi[i*n+c] = v[k]
			}
		}
	})
	return base, phi, nil
}

// game is the list as a game between the columns that it asks.
type game struct {
	rules  []listRule
	cols   []int
	place  [][]uint8 // of each rule's conditions: which of cols
	weight []float64 // by size of a set: that of joining it
}

func (m *RuleListModel) newGame() *game {
	g := &game{rules: m.rules, place: make([][]uint8, len(m.rules))}
	for r := range m.rules {
		for _, c := range m.rules[r].conditions {
			k := slices.Index(g.cols, c.col)
			if k < 0 {
				k = len(g.cols)
				g.cols = append(g.cols, c.col)
			}
			g.place[r] = append(g.place[r], uint8(k))
		}
	}
	n := len(g.cols)
	g.weight = make([]float64, n)
	for k := range g.weight { // k!·(n−k−1)!/n! = 1/(n·binomial(n−1, k))
		choose := 1.0
		for i := range k {
			choose *= float64(n-1-i) / float64(i+1)
		}
		g.weight[k] = 1 / (float64(n) * choose)
	}
	return g
}

// value returns v(S) of a row for which the given conditions hold.
func (g *game) value(holds []uint8, set uint32) float64 {
	sum, reach := 0.0, 1.0
	for r := range g.rules {
		known := uint8(0)
		for j, k := range g.place[r] {
			known |= uint8(set>>k&1) << j
		}
		if known&^holds[r] != 0 {
			continue
		}
		take := reach * g.rules[r].pass[known]
		sum += take * g.rules[r].margin
		reach -= take
	}
	return sum
}

func (g *game) shapley(holds []uint8) []float64 {
	phi := make([]float64, len(g.cols))
	v := make([]float64, 1<<len(g.cols))
	for set := range v {
		v[set] = g.value(holds, uint32(set))
	}
	for set := range v {
		w := bits.OnesCount(uint(set))
		for k := range phi {
			if set>>k&1 == 0 {
				phi[k] += g.weight[w] * (v[set|1<<k] - v[set])
			}
		}
	}
	return phi
}

// Importance implements [model.Importancer]: the share of each column in what the rules take away of the training loss, a rule's
// divided evenly among its columns.
func (m *RuleListModel) Importance() []float64 { return slices.Clone(m.gain) }

// Rules implements [model.Ruler]: the rules in their order, for who fits one goes no further.
func (m *RuleListModel) Rules(lang kequn.Lang) []string { return m.RulesIn(lang, model.Wording{}) }

// RulesIn implements [model.WordedRuler].
func (m *RuleListModel) RulesIn(lang kequn.Lang, words model.Wording) []string {
	out := make([]string, len(m.rules))
	for i, r := range m.rules {
		parts := make([]string, len(r.conditions))
		for j, c := range r.conditions {
			parts[j] = c.words(lang, called(words, m.h.Columns[c.col]), m.sometimesMissing[c.col] != 0)
		}
		var who string
		switch {
		case len(m.rules) == 1:
			who = lang.Pick("所有客户", "everybody")
		case len(parts) == 0:
			who = lang.Pick("否则", "else")
		case i == 0:
			who = lang.Pick("若 ", "if ")
		default:
			who = lang.Pick("否则若 ", "else if ")
		}
		p := r.margin
		if m.h.Task == kequn.Binary {
			p = logistic(p)
		}
		out[i] = who + strings.Join(parts, lang.Pick(" 且 ", " and ")) + lang.Pick(" → ", ", then ") + says(lang, words, m.h, []float64{p}) +
			fmt.Sprintf(lang.Pick("（训练客户的 %.1f%%）", " (%.1f %% of training rows)"), 100*r.weight/m.total)
	}
	return out
}

// Encode implements [model.Model].
func (m *RuleListModel) Encode(w io.Writer) error {
	a := model.NewArrayWriter(w)
	a.Float64(m.total)
	a.Bytes(m.sometimesMissing)
	a.Float64s(m.gain)
	a.Int(len(m.rules))
	for _, r := range m.rules {
		a.Float64(r.margin)
		a.Float64(r.weight)
		a.Float64s(r.pass)
		a.Int(len(r.conditions))
		for _, c := range r.conditions {
			a.Int(c.col)
			a.Float64(c.lo)
			a.Float64(c.hi)
			a.Bool(c.missing)
			a.Int(len(c.levels))
			for _, ok := range c.levels {
				a.Bool(ok)
			}
		}
	}
	return a.Err()
}

// mostListRules and mostConditions are limits of the parameters, which a file must keep too.
const (
	mostListRules  = 51
	mostConditions = 5
)

// DecodeRuleList reads what Encode wrote.
func DecodeRuleList(h model.Header, r io.Reader) (model.Model, error) {
	if err := h.UpTo(1); err != nil {
		return nil, err
	}
	a := model.NewArrayReader(r)
	m := &RuleListModel{h: h, total: a.Finite(), sometimesMissing: a.Bytes(), gain: a.FiniteN(len(h.Columns))}
	n := a.Int()
	if a.Err() != nil || h.Version != 1 || !(m.total > 0) || len(m.sometimesMissing) != len(h.Columns) || n < 1 || n > mostListRules || h.NOut() != 1 {
		a.Fail()
		return nil, a.Err()
	}
	asked := map[int]bool{}
	for i := range n {
		rule := listRule{margin: a.Finite(), weight: a.Finite(), pass: a.Float64s()}
		k := a.Int()
		if a.Err() != nil || k > mostConditions || len(rule.pass) != 1<<k || (k == 0) != (i == n-1) {
			a.Fail()
			return nil, a.Err()
		}
		for _, p := range rule.pass {
			if !(p >= 0 && p <= 1) {
				a.Fail()
			}
		}
		inRule := map[int]bool{}
		for range k {
			c := condition{col: a.Int(), lo: a.Float64(), hi: a.Float64(), missing: a.Bool()}
			levels := a.Int()
			if a.Err() != nil || c.col >= len(h.Columns) || inRule[c.col] || c.lo != c.lo || c.hi != c.hi || levels != len(h.Columns[c.col].Levels) {
				a.Fail()
				return nil, a.Err()
			}
			inRule[c.col], asked[c.col] = true, true
			if h.Columns[c.col].Kind == table.Category {
				c.levels = make([]bool, levels)
				for j := range c.levels {
					c.levels[j] = a.Bool()
				}
			}
			rule.conditions = append(rule.conditions, c)
		}
		m.rules = append(m.rules, rule)
	}
	if len(asked) > mostColumns {
		a.Fail()
	}
	if err := a.End(); err != nil {
		return nil, err
	}
	return m, nil
}
