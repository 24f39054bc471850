package tree

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/treekit"
)

// Rules implements [model.Ruler]: one rule per leaf, those first that move the prediction of most customers furthest from the
// average.
func (m *Model) Rules(lang kequn.Lang) []string { return m.RulesIn(lang, model.Wording{}) }

// RulesIn implements [model.WordedRuler].
func (m *Model) RulesIn(lang kequn.Lang, words model.Wording) []string {
	t := &m.trees.Trees[0]
	type rule struct {
		weight float64
		text   string
	}
	var rules []rule
	mean := make([]float64, t.Width)
	for leaf, cover := range t.Cover {
		for c, v := range m.outcomes(t, leaf) {
			mean[c] += v * cover / m.total
		}
	}
	var walk func(at int32, path []condition)
	walk = func(at int32, path []condition) {
		if at >= 0 {
			n := &t.Nodes[at]
			walk(n.Left, m.with(path, t, n, true))
			walk(n.Right, m.with(path, t, n, false))
			return
		}
		leaf := int(^at)
		out, far := m.outcomes(t, leaf), 0.0
		for c, v := range out {
			far += math.Abs(v - mean[c])
		}
		rules = append(rules, rule{far * t.Cover[leaf], m.sentence(lang, words, path, out, t.Cover[leaf])})
	}
	if len(t.Nodes) == 0 {
		walk(^int32(0), nil)
	} else {
		walk(0, nil)
	}
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(b.weight, a.weight) })
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = r.text
	}
	return out
}

// outcomes returns what a leaf predicts: the value, the probability of yes, or one probability per class.
func (m *Model) outcomes(t *treekit.Tree, leaf int) []float64 {
	v := slices.Clone(t.Leaf[leaf*t.Width : (leaf+1)*t.Width])
	for c := range v {
		v[c] += m.trees.Base[c]
	}
	switch m.h.Task {
	case kequn.Binary:
		v[0] = logistic(v[0])
	case kequn.Multiclass:
		softmax(v)
	}
	return v
}

// condition is what a path asks of one column: a range, or a set of levels; and whether a missing value passes.
type condition struct {
	col     int
	lo, hi  float64 // lo < value ≤ hi
	levels  []bool
	missing bool
}

// with returns the path with one more question, merged with what it already asks of the column.
func (m *Model) with(path []condition, t *treekit.Tree, n *treekit.Node, left bool) []condition {
	path = slices.Clone(path)
	col := int(n.Col)
	i := slices.IndexFunc(path, func(c condition) bool { return c.col == col })
	if i < 0 {
		c := condition{col: col, lo: math.Inf(-1), hi: math.Inf(1), missing: true}
		if n.Set >= 0 {
			c.levels = make([]bool, len(m.h.Columns[col].Levels))
			for k := range c.levels {
				c.levels[k] = true
			}
		}
		path, i = append(path, c), len(path)
	}
	c := &path[i]
	c.missing = c.missing && n.MissingLeft == left
	switch {
	case n.Set >= 0:
		c.levels = slices.Clone(c.levels)
		for k := range c.levels {
			c.levels[k] = c.levels[k] && t.Sets[n.Set].Has(m.trees.Level[col][k]) == left
		}
	case left:
		c.hi = min(c.hi, n.Threshold)
	default:
		c.lo = max(c.lo, n.Threshold)
	}
	return path
}

func (m *Model) sentence(lang kequn.Lang, w model.Wording, path []condition, out []float64, cover float64) string {
	parts := make([]string, len(path))
	for i, c := range path {
		parts[i] = c.words(lang, called(w, m.h.Columns[c.col]), m.sometimesMissing[c.col] != 0)
	}
	if len(parts) == 0 {
		parts = []string{lang.Pick("所有客户", "everybody")}
	}
	then := says(lang, w, m.h, out)
	share := fmt.Sprintf(lang.Pick("（训练客户的 %.1f%%）", " (%.1f %% of training rows)"), 100*cover/m.total)
	return lang.Pick("若 ", "if ") + strings.Join(parts, lang.Pick(" 且 ", " and ")) + lang.Pick(" → ", ", then ") + then + share
}

// called returns the column under the name that the wording has for it.
func called(w model.Wording, c model.Column) model.Column {
	if w.Column != nil {
		c.Name = w.Column(c.Name)
	}
	return c
}

// says words a prediction.
func says(lang kequn.Lang, w model.Wording, h model.Header, out []float64) string {
	if w.Value != nil && h.Task != kequn.Multiclass {
		return w.Value(out[0])
	}
	switch h.Task {
	case kequn.Binary:
		return fmt.Sprintf(lang.Pick("概率 %.1f%%", "probability %.1f %%"), 100*out[0])
	case kequn.Regression:
		return fmt.Sprintf(lang.Pick("预测 %.4g", "predicts %.4g"), out[0])
	}
	best := 0
	for k := range out {
		if out[k] > out[best] {
			best = k
		}
	}
	return fmt.Sprintf(lang.Pick("最可能是“%s”（%.1f%%）", "most likely %s (%.1f %%)"), h.Classes[best], 100*out[best])
}

// mostLevels is how many levels a rule spells out.
const mostLevels = 6

// words says what the condition asks of its column; missing values are spoken of only where the training rows had some.
func (c condition) words(lang kequn.Lang, col model.Column, sometimesMissing bool) string {
	name, or := col.Name, ""
	if c.missing && sometimesMissing {
		or = lang.Pick("或缺失", " or missing")
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }
	if c.levels == nil {
		lo, hi := !math.IsInf(c.lo, -1), !math.IsInf(c.hi, 1) && c.hi != math.MaxFloat64
		switch {
		case math.IsInf(c.lo, 1):
			return name + lang.Pick(" 缺失", " is missing")
		case lo && hi:
			return number(c.lo) + " < " + name + " ≤ " + number(c.hi) + or
		case lo:
			return name + " > " + number(c.lo) + or
		case hi:
			return name + " ≤ " + number(c.hi) + or
		case or != "":
			return name + lang.Pick("任意"+or, " anything"+or)
		}
		return name + lang.Pick(" 不缺失", " is known")
	}
	var in []string
	for k, ok := range c.levels {
		if ok {
			in = append(in, col.Levels[k])
		}
	}
	if len(in) == 0 {
		return name + lang.Pick(" 缺失", " is missing")
	}
	more := ""
	if len(in) > mostLevels {
		more = fmt.Sprintf(lang.Pick(" 等 %d 类", " … (%d values)"), len(in))
		in = in[:mostLevels]
	}
	if len(in) == 1 && more == "" {
		return name + lang.Pick(" 是 ", " is ") + in[0] + or
	}
	return name + lang.Pick(" 属于 {", " is one of {") + strings.Join(in, ", ") + more + "}" + or
}
