package pipeline

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// target says how values of the outcome's column become numbers.
type target struct {
	file, column string
	task         kequn.Task
	classes      []string // multiclass, in order
	positive     string   // binary
	negative     string   // binary: the only other value; "" where every other value counts as no
}

// outcomeValue is a value of the outcome with the number of rows that have it.
type outcomeValue struct {
	text string
	rows int
}

// Bounds of what counts as classes.
const (
	manyNumbers = 10 // more different whole numbers than this are an amount
	manyClasses = 50 // more different words than this are no classes
)

// targetOf decides what kind of outcome a column is.
func targetOf(c *table.Column, f TryFlags) (*target, error) {
	t := &target{file: f.File, column: c.Name, task: kequn.Task(f.Task)}
	values, whole := outcomeValues(c)
	if len(values) == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, f.File, "no row has an outcome: column %q is empty", c.Name)
	}
	if f.Positive != "" || t.task == kequn.Binary {
		return t, t.binary(c, values, f.Positive)
	}
	if len(values) == 1 {
		return nil, t.oneValue()
	}
	if t.task == "" {
		switch {
		case len(values) == 2:
			return t, t.binary(c, values, "")
		case !c.Kind.InCode() && (!whole || len(values) > manyNumbers):
			t.task = kequn.Regression
		default:
			t.task = kequn.Multiclass
		}
	}
	if t.task == kequn.Regression {
		if c.Kind.InCode() {
			return nil, kequn.Errorf(kequn.KindInput, f.File, "column %q does not hold numbers throughout, so it is no amount", c.Name).
				WithHint("--task multiclass, or --positive VALUE for yes or no")
		}
		return t, nil
	}
	if len(values) > manyClasses {
		return nil, kequn.Errorf(kequn.KindInput, f.File, "column %q has more than %d different values, which are no classes", c.Name, manyClasses).
			WithHint("--positive VALUE asks for one value against the rest")
	}
	for _, v := range values {
		t.classes = append(t.classes, v.text)
	}
	return t, nil
}

func (t *target) oneValue() error {
	return kequn.Errorf(kequn.KindNotEnough, t.file, "every row has the same outcome in column %q: there is nothing to tell apart", t.column).
		WithHint("rows with another outcome are missing")
}

func (t *target) binary(c *table.Column, values []outcomeValue, positive string) error {
	t.task = kequn.Binary
	if positive == "" {
		switch len(values) {
		case 1:
			return t.oneValue()
		case 2:
			yes := chooseYes(values)
			t.positive, t.negative = values[yes].text, values[1-yes].text
			return nil
		}
		return usage("--positive", "column %q has %s different values: say which one counts as yes", t.column, counted(values)).WithHint("--positive VALUE")
	}
	t.positive = positive
	yes, no := 0, 0
	for _, v := range t.values(c) {
		switch v {
		case 1:
			yes++
		case 0:
			no++
		}
	}
	switch {
	case yes == 0:
		err := kequn.Errorf(kequn.KindInput, t.file, "no row has the value of --positive in column %q", t.column)
		if words := shown(values); words != "" {
			err = err.WithHint("its values are %s", words)
		}
		return err
	case no == 0:
		return t.oneValue()
	}
	return nil
}

func counted(values []outcomeValue) string {
	if len(values) > manyClasses {
		return fmt.Sprintf("more than %d", manyClasses)
	}
	return strconv.Itoa(len(values))
}

// shown lists values that are classes beyond doubt: few, short and repeated, so that none of them can be somebody's name.
func shown(values []outcomeValue) string {
	var words []string
	for _, v := range values {
		if len(values) > manyNumbers || len(v.text) > 20 || v.rows < 5 {
			return ""
		}
		words = append(words, v.text)
	}
	return strings.Join(words, ", ")
}

// sameValue compares as text, or as numbers where both are.
func sameValue(a, b string) bool {
	if a == b {
		return true
	}
	x, errA := strconv.ParseFloat(strings.TrimSpace(a), 64)
	y, errB := strconv.ParseFloat(strings.TrimSpace(b), 64)
	return errA == nil && errB == nil && x == y
}

// Words for yes and no, in lower case.
var (
	yesWords = []string{"1", "yes", "y", "true", "t", "on", "positive", "pos", "是", "有", "真", "对", "已"}
	noWords  = []string{"0", "-1", "no", "n", "false", "f", "off", "negative", "neg", "否", "无", "没有", "假", "错", "未"}
)

// chooseYes returns which of two values counts as yes: the word for it, else the rarer, else the later.
func chooseYes(v []outcomeValue) int {
	is := func(i int, words []string) bool { return slices.Contains(words, strings.ToLower(v[i].text)) }
	for i := range v {
		if is(i, yesWords) && is(1-i, noWords) {
			return i
		}
	}
	if v[0].rows < v[1].rows {
		return 0
	}
	return 1
}

// outcomeValues returns the different values in order of number or text, at most a few more than are classes, and whether all
// are whole numbers.
func outcomeValues(c *table.Column) (values []outcomeValue, whole bool) {
	if c.Kind.InCode() {
		rows := make([]int, c.Dict.Len())
		for _, k := range c.Code {
			if k >= 0 {
				rows[k]++
			}
		}
		for k, n := range rows {
			if n > 0 {
				values = append(values, outcomeValue{c.Dict.At(k), n})
			}
		}
		slices.SortFunc(values, func(a, b outcomeValue) int { return strings.Compare(a.text, b.text) })
		return values[:min(len(values), manyClasses+1)], false
	}
	whole = true
	rows := map[float64]int{} // bounded; its order is not used
	for i := range c.Len() {
		v := c.Float(i)
		if math.IsNaN(v) {
			continue
		}
		whole = whole && v == math.Trunc(v)
		if _, ok := rows[v]; ok || len(rows) <= manyClasses {
			rows[v]++
		}
	}
	numbers := make([]float64, 0, len(rows))
	for v := range rows {
		numbers = append(numbers, v)
	}
	slices.Sort(numbers)
	for _, v := range numbers {
		values = append(values, outcomeValue{numberText(c.Kind, v), rows[v]})
	}
	return values, whole
}

func numberText(k table.Kind, v float64) string {
	if k == table.Bool {
		return strconv.FormatBool(v != 0)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// values returns the outcome of each row: 0 or 1, the amount, or the class's index; NaN where it is missing or no value of
// the training table.
func (t *target) values(c *table.Column) []float64 {
	if t.task == kequn.Regression {
		return slices.Clone(c.Floats())
	}
	out := make([]float64, c.Len())
	if c.Kind.InCode() {
		of := make([]float64, c.Dict.Len())
		for k := range of {
			of[k] = t.value(c.Dict.At(k))
		}
		for i, k := range c.Code {
			out[i] = math.NaN()
			if k >= 0 {
				out[i] = of[k]
			}
		}
		return out
	}
	last, value := math.NaN(), math.NaN()
	for i := range out {
		v := c.Float(i)
		if math.IsNaN(v) {
			out[i] = v
			continue
		}
		if v != last {
			last, value = v, t.value(numberText(c.Kind, v))
		}
		out[i] = value
	}
	return out
}

func (t *target) value(text string) float64 {
	if t.task == kequn.Multiclass {
		if i := slices.IndexFunc(t.classes, func(c string) bool { return sameValue(c, text) }); i >= 0 {
			return float64(i)
		}
		return math.NaN()
	}
	switch {
	case sameValue(text, t.positive):
		return 1
	case t.negative == "" || sameValue(text, t.negative):
		return 0
	}
	return math.NaN()
}
