package model

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// SQLer is a model that can be written as SQL expressions.
type SQLer interface {
	// SQL adds the model to the query and returns what Predict gives, NOut values.
	SQL(q *Query) ([]SQLValue, error)
}

// Dialect is how a database writes what others write differently.
type Dialect struct {
	Name string
	For  string // the databases that read it

	quote     string // around names
	backslash bool   // \ in a text escapes
	double    string // the type of float64
	once      string // what keeps a step from being computed again for each use
}

// Dialects are those that there are. The first one is standard SQL.
var Dialects = []Dialect{
	{Name: "standard", For: "SQLite, DuckDB, PostgreSQL", quote: `"`, double: "DOUBLE PRECISION", once: "MATERIALIZED "},
	{Name: "spark", For: "Spark, Databricks", quote: "`", backslash: true, double: "DOUBLE"},
	{Name: "clickhouse", For: "ClickHouse", quote: "`", backslash: true, double: "Float64"},
}

// DialectOf returns the dialect of a name.
func DialectOf(name string) (Dialect, error) {
	var names []string
	for _, d := range Dialects {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return Dialect{}, kequn.Errorf(kequn.KindUsage, "--dialect", "there is no dialect %q", name).WithHint("available: %s", strings.Join(names, ", "))
}

// Quote quotes the name of a column or table.
func (d Dialect) Quote(name string) string {
	if d.backslash {
		name = strings.ReplaceAll(name, `\`, `\\`)
	}
	return d.quote + strings.ReplaceAll(name, d.quote, d.quote+d.quote) + d.quote
}

// Text writes a text.
func (d Dialect) Text(s string) string {
	if d.backslash {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// Number writes a float64 in full, with an exponent so that no database takes it for a decimal. It must be finite.
func (d Dialect) Number(v float64) string {
	s := strconv.FormatFloat(v, 'e', -1, 64)
	if v < 0 || math.Signbit(v) {
		return "(" + s + ")"
	}
	return s
}

// SQLValue is a value of each row: a helper column of the query.
type SQLValue struct {
	text string // the helper's name
	step int    // in which step it is made, from 1
}

// String returns the value as an expression of later steps.
func (v SQLValue) String() string { return v.text }

// Query is a SELECT in the making: steps of helper columns, each made of the table's columns and of earlier helpers. Every helper is
// computed once a row.
type Query struct {
	Dialect
	prefix string
	steps  [][]string // expressions by step
	names  [][]string
	next   int
}

// NewQuery returns a query over a table that has the given columns.
func NewQuery(d Dialect, columns []Column) *Query {
	q := &Query{Dialect: d, prefix: "kequn"}
	for slices.ContainsFunc(columns, func(c Column) bool { return strings.HasPrefix(strings.ToLower(c.Name), q.prefix+"_") }) {
		q.prefix += "_"
	}
	return q
}

// Let makes a helper of an expression that uses the given values, and columns of the table.
func (q *Query) Let(expression string, uses ...SQLValue) SQLValue {
	step := 0
	for _, u := range uses {
		step = max(step, u.step)
	}
	q.next++
	v := SQLValue{text: fmt.Sprintf("%s_%d", q.prefix, q.next), step: step + 1}
	for len(q.steps) <= step {
		q.steps, q.names = append(q.steps, nil), append(q.names, nil)
	}
	q.steps[step], q.names[step] = append(q.steps[step], expression), append(q.names[step], v.text)
	return v
}

// Clamp returns the expression of a value held between two bounds.
func (q *Query) Clamp(v string, lo, hi float64) string {
	return fmt.Sprintf("CASE WHEN %s < %s THEN %s WHEN %s > %s THEN %s ELSE %s END", v, q.Number(lo), q.Number(lo), v, q.Number(hi), q.Number(hi), v)
}

// Double makes a float64 of a constant, so that sums with it are in float64 too.
func (q *Query) Double(v float64) string { return "CAST(" + q.Number(v) + " AS " + q.double + ")" }

// Sum adds up expressions, in pairs so that they are not nested deeper than databases allow.
func (q *Query) Sum(parts []string) string {
	switch len(parts) {
	case 1:
		return parts[0]
	case 2:
		return parts[0] + "\n+ " + parts[1]
	}
	if len(parts) <= 30 {
		return strings.Join(parts, "\n+ ")
	}
	half := len(parts) / 2
	return "(" + q.Sum(parts[:half]) + ")\n+ (" + q.Sum(parts[half:]) + ")"
}

// Logistic returns 1/(1+e^−margin).
func (q *Query) Logistic(margin SQLValue) SQLValue {
	held := q.Let(q.Clamp(margin.text, -mostExponent, mostExponent), margin)
	return q.Let("1e0 / (1e0 + EXP(-"+held.text+"))", held)
}

// Exp returns e^margin, finite.
func (q *Query) Exp(margin SQLValue) SQLValue {
	return q.Let("EXP("+q.Clamp(margin.text, -mostExponent, mostExponent)+")", margin)
}

// Softmax returns e^margin over the sum of all, as 1/Σ e^(other − margin).
func (q *Query) Softmax(margins []SQLValue) []SQLValue {
	out := make([]SQLValue, len(margins))
	for c, m := range margins {
		parts := make([]string, len(margins))
		for k, o := range margins {
			if parts[k] = "1e0"; k != c {
				parts[k] = "EXP(" + q.Clamp("("+o.text+" - "+m.text+")", -mostExponent, mostExponent) + ")"
			}
		}
		out[c] = q.Let("1e0 / ("+q.Sum(parts)+")", margins...)
	}
	return out
}

// Interpolate returns the line through (x[i], y[i]) at v: constant before the first and after the last point.
func (q *Query) Interpolate(v SQLValue, x, y []float64) SQLValue {
	var b strings.Builder
	fmt.Fprintf(&b, "CASE WHEN %s <= %s THEN %s", v, q.Number(x[0]), q.Number(y[0]))
	for k := 1; k < len(x); k++ {
		fmt.Fprintf(&b, "\n  WHEN %s <= %s THEN ", v, q.Number(x[k]))
		if y[k] == y[k-1] {
			b.WriteString(q.Number(y[k]))
		} else {
			fmt.Fprintf(&b, "%s + %s * ((%s - %s) / %s)", q.Number(y[k-1]), q.Number(y[k]-y[k-1]), v, q.Number(x[k-1]), q.Number(x[k]-x[k-1]))
		}
	}
	fmt.Fprintf(&b, "\n  ELSE %s END", q.Number(y[len(y)-1]))
	return q.Let(b.String(), v)
}

// Missing returns the condition that a column has no value.
func (q *Query) Missing(c Column) string { return q.Quote(c.Name) + " IS NULL" }

// AtMost returns the condition that a number is at most a limit; missing says what holds where it has no value.
func (q *Query) AtMost(c Column, limit float64, missing bool) string {
	name := q.Quote(c.Name)
	var is string
	switch {
	case math.IsInf(limit, 1):
		is = name + " IS NOT NULL"
	case math.IsInf(limit, -1):
		is = name + " < " + q.Number(-math.MaxFloat64)
	default:
		is = name + " <= " + q.Number(limit)
	}
	if missing {
		return "(" + is + " OR " + name + " IS NULL)"
	}
	return is
}

// Among returns the condition that a category has one of the chosen levels; missing says what holds where it has no value, or one
// that is no level.
func (q *Query) Among(c Column, chosen []bool, missing bool) string {
	name := q.Quote(c.Name)
	list := func(is bool) string {
		var texts []string
		for k, l := range c.Levels {
			if chosen[k] == is {
				texts = append(texts, q.Text(l))
			}
		}
		return strings.Join(texts, ", ")
	}
	if yes := list(true); !missing {
		if yes == "" {
			return "1 = 0"
		}
		return name + " IN (" + yes + ")"
	}
	no := list(false)
	if no == "" {
		return "1 = 1"
	}
	return "(" + name + " NOT IN (" + no + ") OR " + name + " IS NULL)"
}

// SQLOptions say how a query is written.
type SQLOptions struct {
	Dialect Dialect
	Table   string   // what the rows are read from; "" is customers
	Keep    []string // columns of the table that the result keeps; none is all of them
}

// ExportSQL returns the model as one SELECT whose column score is what Predict gives; of several classes, score_1, score_2, … in their order.
//
// A column is read as it is: numbers for number columns, with NULL for missing (NaN is none), texts for categories. Models that cannot
// be written so, or would be too long, are refused with a usage error.
func ExportSQL(m Model, o SQLOptions) (string, error) {
	s, ok := m.(SQLer)
	if !ok {
		return "", CannotExport(m.Header(), "SQL")
	}
	h := m.Header()
	if slices.ContainsFunc(h.Columns, func(c Column) bool { return c.Kind == table.Text }) {
		return "", CannotExportText(h, "SQL")
	}
	if o.Table == "" {
		o.Table = "customers"
	}
	q := NewQuery(o.Dialect, h.Columns)
	scores, err := s.SQL(q)
	if err != nil {
		return "", err
	}
	names := []string{"score"}
	if h.Task == kequn.Multiclass {
		names = nil
		for i := range scores {
			names = append(names, fmt.Sprintf("score_%d", i+1))
		}
	}
	return q.text(h, o, scores, names), nil
}

func (q *Query) text(h Header, o SQLOptions, scores []SQLValue, names []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s (%s), written by kequn %s for %s. NULL is a missing value.\n", h.Family, h.Task, kequn.Version, q.For)
	for i, c := range h.Classes {
		fmt.Fprintf(&b, "-- score_%d: %s\n", i+1, strings.NewReplacer("\n", " ", "\r", " ").Replace(c))
	}
	// The last step needs no name of its own if all it makes is what is asked for.
	last := map[string]string{} // looked up only
	if n := len(q.steps); n > 0 && len(q.steps[n-1]) == len(scores) {
		for i, name := range q.names[n-1] {
			last[name] = q.steps[n-1][i]
		}
		for _, s := range scores {
			if last[s.text] == "" {
				clear(last)
				break
			}
		}
	}
	steps := len(q.steps)
	if len(last) > 0 {
		steps--
	}
	from := q.Quote(o.Table)
	for k := range steps {
		b.WriteString(map[bool]string{true: "WITH ", false: ",\n"}[k == 0])
		fmt.Fprintf(&b, "%s_step%d AS %s(\nSELECT *", q.prefix, k+1, q.once)
		for i, e := range q.steps[k] {
			fmt.Fprintf(&b, ",\n%s AS %s", e, q.names[k][i])
		}
		fmt.Fprintf(&b, "\nFROM %s)", from)
		from = fmt.Sprintf("%s_step%d", q.prefix, k+1)
	}
	if steps > 0 {
		b.WriteString("\n")
	}
	b.WriteString("SELECT ")
	if len(o.Keep) == 0 {
		b.WriteString("*")
	}
	for i, k := range o.Keep {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(q.Quote(k))
	}
	for i, s := range scores {
		e := s.text
		if last[s.text] != "" {
			e = last[s.text]
		}
		fmt.Fprintf(&b, ",\n%s AS %s", e, names[i])
	}
	fmt.Fprintf(&b, "\nFROM %s\n", from)
	return b.String()
}
