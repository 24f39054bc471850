package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Names of groups that are words of ours; all others are values or bands of them.
const (
	UnknownGroup = "unknown" // the attribute is missing
	yesGroup     = "yes"
	noGroup      = "no"
)

// GroupWord says a group's name in a language: values are as they stand in the data.
func GroupWord(name string, l kequn.Lang) string {
	switch name {
	case UnknownGroup:
		return l.Pick("未知", name)
	case yesGroup:
		return l.Pick("是", name)
	case noGroup:
		return l.Pick("否", name)
	}
	return name
}

// people are rows grouped by an attribute.
type people struct {
	of   []int32  // group of each row
	name []string // of groups: categories by size, numbers from low to high, the unknown last
}

const (
	fewValues = 8 // numbers with so many different values are groups as they are
	mostAge   = 120
)

// ageBands are where the usual bands of age begin.
var ageBands = []float64{18, 25, 35, 45, 55, 65}

// peopleOf groups rows by the attribute: a category by its values, a number with few values by those, an age by the usual bands, any
// other number by its fifths with round edges, a time by its year. Missing values are a group of their own.
func peopleOf(c *table.Column, attribute string) people {
	var p people
	switch {
	case c.Kind.InCode():
		p = byLevel(c)
	case c.Kind == table.Bool:
		p = people{of: make([]int32, c.Len()), name: []string{noGroup, yesGroup}}
		for i, v := range c.Int {
			p.of[i] = -1
			if v != table.Missing {
				p.of[i] = int32(min(max(v, 0), 1))
			}
		}
	default:
		p = byNumber(numbersOf(c), attribute)
	}
	return p.withUnknown()
}

// numbersOf returns the column as numbers, times as the year.
func numbersOf(c *table.Column) []float64 {
	if c.Kind != table.Time {
		return c.Floats()
	}
	out := make([]float64, c.Len())
	for i, t := range c.Int {
		out[i] = math.NaN()
		if t != table.Missing {
			out[i] = float64(kequn.Instant(t).Time().Year())
		}
	}
	return out
}

func byLevel(c *table.Column) people {
	n := make([]int, c.Dict.Len())
	for _, k := range c.Code {
		if k >= 0 {
			n[k]++
		}
	}
	var order []int
	for k := range n {
		if n[k] > 0 {
			order = append(order, k)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		if n[a] != n[b] {
			return cmp.Compare(n[b], n[a])
		}
		return strings.Compare(c.Dict.At(a), c.Dict.At(b))
	})
	p := people{of: make([]int32, len(c.Code))}
	to := make([]int32, len(n))
	for g, k := range order {
		to[k] = int32(g)
		p.name = append(p.name, strings.Clone(c.Dict.At(k)))
	}
	for i, k := range c.Code {
		p.of[i] = -1
		if k >= 0 {
			p.of[i] = to[k]
		}
	}
	return p
}

func byNumber(v []float64, attribute string) people {
	whole := true
	var values []float64 // different ones, at most one more than few
	for _, x := range v {
		if x-x != 0 {
			continue
		}
		whole = whole && x == math.Trunc(x)
		if len(values) <= fewValues && !slices.Contains(values, x) {
			values = append(values, x)
		}
	}
	if len(values) <= fewValues {
		slices.Sort(values)
		var p people
		if slices.Equal(values, []float64{0, 1}) {
			p.name = []string{noGroup, yesGroup}
		}
		for _, x := range values[len(p.name):] {
			p.name = append(p.name, strconv.FormatFloat(x, 'g', -1, 64))
		}
		p.of = make([]int32, len(v))
		for i, x := range v {
			p.of[i] = int32(slices.Index(values, x))
		}
		return p
	}
	edges, age := ageBands, isAge(attribute) && ages(v)
	if !age {
		edges = fifths(v)
	}
	p := people{name: bandNames(edges, whole || age)}
	p.of = make([]int32, len(v))
	for i, x := range v {
		p.of[i] = -1
		if x == x && (!age || x >= 0 && x <= mostAge) { // nobody is −3 or 208 years old
			g, _ := slices.BinarySearch(edges, x)
			if g < len(edges) && edges[g] == x {
				g++
			}
			p.of[i] = int32(g)
		}
	}
	return p
}

func isAge(name string) bool {
	return slices.Contains(kequn.NameWords(name), "age") || strings.Contains(name, "年龄")
}

// ages tells whether numbers can be ages in years: hardly any is none, and some are of grown people.
func ages(v []float64) bool {
	can, grown, all := 0.0, 0.0, 0.0
	for _, x := range v {
		if x == x {
			all++
		}
		if x >= 0 && x <= mostAge {
			can++
		}
		if x >= ageBands[1] && x <= mostAge {
			grown++
		}
	}
	return can >= 0.97*all && grown >= 0.1*all
}

// fifths returns borders near the quintiles, as round as the middle of the values allows.
func fifths(v []float64) []float64 {
	finite := slices.DeleteFunc(slices.Clone(v), func(x float64) bool { return x-x != 0 })
	q := kernel.Quantiles(finite, 0.2, 0.4, 0.6, 0.8)
	step := (q[3] - q[0]) / 6
	if !(step > 0) {
		step = math.Max(math.Abs(q[0])/10, 1e-9)
	}
	unit := math.Pow(10, math.Floor(math.Log10(step)))
	for _, k := range []float64{5, 2} {
		if k*unit <= step {
			unit *= k
			break
		}
	}
	var out []float64
	for _, x := range q {
		if x = math.Round(x/unit) * unit; !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// bandNames says the bands below, between and from the edges on: <18, 18–24, 65+.
func bandNames(edges []float64, whole bool) []string {
	text := func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
	out := []string{"<" + text(edges[0])}
	for k := 1; k < len(edges); k++ {
		from, to := edges[k-1], edges[k]
		switch {
		case whole && from == math.Trunc(from) && to == from+1:
			out = append(out, text(from))
		case whole && from == math.Trunc(from) && to == math.Trunc(to):
			out = append(out, text(from)+"–"+text(to-1))
		default:
			out = append(out, text(from)+"–<"+text(to))
		}
	}
	return append(out, text(edges[len(edges)-1])+"+")
}

// withUnknown puts rows without a group into the group of the unknown, and leaves out groups that nobody is in.
func (p people) withUnknown() people {
	unknown := int32(slices.Index(p.name, UnknownGroup)) // a value that says so itself
	if unknown < 0 {
		unknown = int32(len(p.name))
	}
	n := make([]int, len(p.name)+1)
	for i, g := range p.of {
		if g < 0 {
			p.of[i] = unknown
		}
		n[p.of[i]]++
	}
	names := append(slices.Clone(p.name), UnknownGroup)
	var order []int32
	for g := range n {
		if n[g] > 0 && int32(g) != unknown {
			order = append(order, int32(g))
		}
	}
	if n[unknown] > 0 {
		order = append(order, unknown)
	}
	to := make([]int32, len(n))
	out := people{of: make([]int32, len(p.of))}
	for g, old := range order {
		to[old] = int32(g)
		out.name = append(out.name, names[old])
	}
	for i, g := range p.of {
		out.of[i] = to[g]
	}
	return out
}

// quoted says a group's name within a sentence.
func quoted(name string) Text {
	return Text{fmt.Sprintf("“%s”", GroupWord(name, kequn.Chinese)), fmt.Sprintf("%q", name)}
}
