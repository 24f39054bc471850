// Package table holds typed columns with missing values, in memory.
//
// A [Table] is a set of named columns of equal length. What a column's values are is its [Kind]; where they lie follows
// from the kind:
//
//	Number            Num   float64, NaN is missing
//	Time              Int   microseconds since 1970 UTC (kequn.Instant), Missing is missing
//	Money             Int   units of 10^-Scale of a currency, Missing is missing
//	Integer           Int   int64, Missing is missing
//	Bool              Int   0 or 1, Missing is missing
//	Category, Text    Code  index into Dict, -1 is missing
//
// Category and Text are stored alike; a Category has few values that mean something by themselves, a Text does not
// (identifiers, names, notes).
package table

import (
	"fmt"
	"math"

	"kequn"
)

// Kind is the type of a column's values.
type Kind uint8

// The kinds of column.
const (
	Number Kind = iota
	Integer
	Money
	Time
	Bool
	Category
	Text
)

var kindNames = [...]string{"number", "integer", "money", "time", "bool", "category", "text"}

// String returns the kind's name as it stands in plans and schemas.
func (k Kind) String() string { return kindNames[k] }

// ParseKind is the inverse of String.
func ParseKind(s string) (Kind, bool) {
	for i, n := range kindNames {
		if n == s {
			return Kind(i), true
		}
	}
	return 0, false
}

// MarshalText writes the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name.
func (k *Kind) UnmarshalText(b []byte) error {
	v, ok := ParseKind(string(b))
	if !ok {
		return fmt.Errorf("table: unknown column kind %q", b)
	}
	*k = v
	return nil
}

// InInt tells whether values of the kind lie in Column.Int.
func (k Kind) InInt() bool { return k == Integer || k == Money || k == Time || k == Bool }

// InCode tells whether values of the kind lie in Column.Code.
func (k Kind) InCode() bool { return k == Category || k == Text }

// Missing is the missing value of columns in Int.
const Missing = math.MinInt64

// Column is one named column. Only the slice that its kind uses is set.
type Column struct {
	Name string
	Kind Kind

	Num  []float64
	Int  []int64
	Code []int32
	Dict *Dict // values of Code; may be shared by columns and holds no value twice

	Scale int // Money: number of decimal digits of the unit
}

// NewColumn returns an empty column with room for n values.
func NewColumn(name string, kind Kind, n int) *Column {
	c := &Column{Name: name, Kind: kind}
	switch {
	case kind == Number:
		c.Num = make([]float64, 0, n)
	case kind.InInt():
		c.Int = make([]int64, 0, n)
	default:
		c.Code, c.Dict = make([]int32, 0, n), NewDict()
	}
	return c
}

// Len returns the number of values.
func (c *Column) Len() int {
	switch {
	case c.Kind == Number:
		return len(c.Num)
	case c.Kind.InInt():
		return len(c.Int)
	}
	return len(c.Code)
}

// IsMissing tells whether value i is missing.
func (c *Column) IsMissing(i int) bool {
	switch {
	case c.Kind == Number:
		return math.IsNaN(c.Num[i])
	case c.Kind.InInt():
		return c.Int[i] == Missing
	}
	return c.Code[i] < 0
}

// AppendMissing adds a missing value.
func (c *Column) AppendMissing() {
	switch {
	case c.Kind == Number:
		c.Num = append(c.Num, math.NaN())
	case c.Kind.InInt():
		c.Int = append(c.Int, Missing)
	default:
		c.Code = append(c.Code, -1)
	}
}

// AppendString adds a text or category value.
func (c *Column) AppendString(s string) { c.Code = append(c.Code, c.Dict.InternString(s)) }

// AppendBytes adds a text or category value; b is copied.
func (c *Column) AppendBytes(b []byte) { c.Code = append(c.Code, c.Dict.Intern(b)) }

// String returns value i of a text or category column, "" when missing.
func (c *Column) String(i int) string {
	if k := c.Code[i]; k >= 0 {
		return c.Dict.At(int(k))
	}
	return ""
}

// Float returns value i as a number: money in whole currency units, time in seconds since 1970, NaN when missing.
// It panics for text and category columns.
func (c *Column) Float(i int) float64 {
	if c.Kind == Number {
		return c.Num[i]
	}
	v := c.Int[i]
	if v == Missing {
		return math.NaN()
	}
	switch c.Kind {
	case Money:
		return float64(v) / math.Pow10(c.Scale)
	case Time:
		return float64(v) / 1e6
	}
	return float64(v)
}

// Floats returns the column as numbers, as [Column.Float] does. A Number column's own slice is returned, not a copy.
func (c *Column) Floats() []float64 {
	if c.Kind == Number {
		return c.Num
	}
	out := make([]float64, c.Len())
	for i := range out {
		out[i] = c.Float(i)
	}
	return out
}

// Reset empties the column and keeps its memory and its dictionary.
func (c *Column) Reset() { c.Num, c.Int, c.Code = c.Num[:0], c.Int[:0], c.Code[:0] }

// Take returns a new column with the values at rows, in that order. The dictionary is shared.
func (c *Column) Take(rows []int32) *Column {
	out := &Column{Name: c.Name, Kind: c.Kind, Dict: c.Dict, Scale: c.Scale}
	switch {
	case c.Kind == Number:
		out.Num = take(c.Num, rows)
	case c.Kind.InInt():
		out.Int = take(c.Int, rows)
	default:
		out.Code = take(c.Code, rows)
	}
	return out
}

// Slice returns the values [from, to) without copying.
func (c *Column) Slice(from, to int) *Column {
	out := *c
	switch {
	case c.Kind == Number:
		out.Num = c.Num[from:to:to]
	case c.Kind.InInt():
		out.Int = c.Int[from:to:to]
	default:
		out.Code = c.Code[from:to:to]
	}
	return &out
}

func take[T any](v []T, rows []int32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = v[r]
	}
	return out
}

// Table is a set of columns of equal length with different names.
type Table struct {
	Columns []*Column
}

// New returns a table of the columns. It panics if their lengths differ.
func New(columns ...*Column) *Table {
	t := &Table{Columns: columns}
	for _, c := range columns {
		if c.Len() != columns[0].Len() {
			panic("table: column lengths differ")
		}
	}
	return t
}

// NRows returns the number of rows.
func (t *Table) NRows() int {
	if len(t.Columns) == 0 {
		return 0
	}
	return t.Columns[0].Len()
}

// Column returns the column called name, or nil.
func (t *Table) Column(name string) *Column {
	if i := t.Index(name); i >= 0 {
		return t.Columns[i]
	}
	return nil
}

// Index returns the position of the column called name, or -1.
func (t *Table) Index(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// Names returns the columns' names in order.
func (t *Table) Names() []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

// Select returns a table of the named columns in that order, without copying. An unknown name is an input error.
func (t *Table) Select(names ...string) (*Table, error) {
	out := &Table{}
	for _, n := range names {
		c := t.Column(n)
		if c == nil {
			return nil, kequn.Errorf(kequn.KindInput, "", "no column %q", n)
		}
		out.Columns = append(out.Columns, c)
	}
	return out, nil
}

// Drop returns a table without the named columns, without copying. Unknown names are passed over.
func (t *Table) Drop(names ...string) *Table {
	out := &Table{}
next:
	for _, c := range t.Columns {
		for _, n := range names {
			if c.Name == n {
				continue next
			}
		}
		out.Columns = append(out.Columns, c)
	}
	return out
}

// Take returns a new table with the given rows in that order.
func (t *Table) Take(rows []int32) *Table {
	out := &Table{Columns: make([]*Column, len(t.Columns))}
	for i, c := range t.Columns {
		out.Columns[i] = c.Take(rows)
	}
	return out
}

// Slice returns the rows [from, to) without copying.
func (t *Table) Slice(from, to int) *Table {
	out := &Table{Columns: make([]*Column, len(t.Columns))}
	for i, c := range t.Columns {
		out.Columns[i] = c.Slice(from, to)
	}
	return out
}

// Append adds the rows of u, whose columns must have the same names, kinds and scales in the same order.
// Dictionaries are merged.
func (t *Table) Append(u *Table) error {
	if len(t.Columns) != len(u.Columns) {
		return fmt.Errorf("table: %d columns, want %d", len(u.Columns), len(t.Columns))
	}
	for i, c := range t.Columns {
		d := u.Columns[i]
		if c.Name != d.Name || c.Kind != d.Kind || c.Scale != d.Scale {
			return fmt.Errorf("table: column %d is %s %s, want %s %s", i, d.Kind, d.Name, c.Kind, c.Name)
		}
	}
	for i, c := range t.Columns {
		c.appendColumn(u.Columns[i])
	}
	return nil
}

func (c *Column) appendColumn(d *Column) {
	switch {
	case c.Kind == Number:
		c.Num = append(c.Num, d.Num...)
	case c.Kind.InInt():
		c.Int = append(c.Int, d.Int...)
	case c.Dict == d.Dict:
		c.Code = append(c.Code, d.Code...)
	default:
		// Each value of the other dictionary is looked up at most once.
		to := make([]int32, d.Dict.Len())
		for i := range to {
			to[i] = -1
		}
		for _, k := range d.Code {
			if k < 0 {
				c.Code = append(c.Code, -1)
				continue
			}
			if to[k] < 0 {
				to[k] = c.Dict.Intern(d.Dict.Bytes(int(k)))
			}
			c.Code = append(c.Code, to[k])
		}
	}
}
