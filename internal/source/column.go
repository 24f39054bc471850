package source

import (
	"strings"

	"kequn"
	"kequn/internal/table"
)

// Column says what a column of a file is, and so how its values are read.
type Column struct {
	Name   string
	Kind   table.Kind
	Role   kequn.ColumnRole
	Scale  int    // money: decimal digits kept
	Layout string // time: one of the Layout constants or a Go layout; numbers: LayoutComma, LayoutDot or ""
	From   string // computed while reading: "Quantity * UnitPrice"; both are columns of the file

	Fixed     bool // an attribute that counts at any cutoff: birth date, sign-up channel
	Sensitive bool // gender, age, ethnicity …: no feature unless asked for

	Evidence string // why it is proposed, in plain words and without values of the data
}

// factors returns the two columns of a product, or false if From says anything else.
func (c Column) factors() (a, b string, ok bool) {
	a, b, ok = strings.Cut(c.From, "*")
	if !ok {
		a, b, ok = strings.Cut(c.From, "×")
	}
	return strings.TrimSpace(a), strings.TrimSpace(b), ok
}

// strict tells whether a value that cannot be read costs the row. Where a wrong value would be a wrong fact (who, when,
// how much, whether they agreed) it does; an attribute becomes missing, which models can live with, and is counted.
func (c Column) strict() bool {
	switch c.Role {
	case kequn.ColCustomer, kequn.ColTime, kequn.ColKnownAt, kequn.ColID, kequn.ColKey, kequn.ColAmount, kequn.ColQuantity,
		kequn.ColPrice, kequn.ColCurrency, kequn.ColConsent, kequn.ColBirth:
		return true
	}
	return false
}

// required returns why a row without the value is rejected, or "".
func (c Column) required() Reason {
	switch c.Role {
	case kequn.ColCustomer:
		return MissingCustomer
	case kequn.ColTime:
		return MissingTime
	case kequn.ColID:
		return MissingID
	case kequn.ColKey:
		return MissingKey
	}
	return ""
}

// checkSchema finds the file's column for each of the schema, -1 for products, and refuses what cannot be read.
func (f *File) checkSchema(schema []Column) ([]int, error) {
	at := make([]int, len(schema))
	for i, c := range schema {
		for _, other := range schema[:i] {
			if other.Name == c.Name {
				return nil, kequn.Errorf(kequn.KindPlan, f.Path, "column %q is named twice", c.Name)
			}
		}
		if c.Kind == table.Money && (c.Scale < 0 || c.Scale > 12) {
			return nil, kequn.Errorf(kequn.KindPlan, f.Path, "column %q: %d decimal digits", c.Name, c.Scale).WithHint("money has 0 to 12")
		}
		if c.Kind == table.Time && timeReader(c.Layout) == nil {
			return nil, kequn.Errorf(kequn.KindPlan, f.Path, "column %q: unknown time layout %q", c.Name, c.Layout).
				WithHint("known are %s, %s, %s, %s, %s, %s and layouts of Go such as 2006-01-02", LayoutZoned, LayoutDayFirst, LayoutMonth,
					LayoutUnix, LayoutUnixMilli, LayoutUnixMicro)
		}
		if c.From != "" {
			a, b, ok := c.factors()
			if !ok || c.Kind != table.Money && c.Kind != table.Number {
				return nil, kequn.Errorf(kequn.KindPlan, f.Path, "column %q cannot be computed from %q while reading", c.Name, c.From).
					WithHint("a product of two columns can, for example Quantity * UnitPrice")
			}
			for _, name := range []string{a, b} {
				if _, err := f.columnIndex(name); err != nil {
					return nil, err
				}
			}
			at[i] = -1
			continue
		}
		k, err := f.columnIndex(c.Name)
		if err != nil {
			return nil, err
		}
		at[i] = k
	}
	return at, nil
}

// columnIndex returns the position of the column called name. If there is none the error lists those there are.
func (f *File) columnIndex(name string) (int, error) {
	for i, c := range f.Columns {
		if c == name {
			return i, nil
		}
	}
	err := kequn.Errorf(kequn.KindInput, f.Path, "has no column %q", name)
	list := strings.Join(f.Columns[:min(len(f.Columns), 40)], ", ")
	if len(f.Columns) > 40 {
		list += ", …"
	}
	if near := nearest(name, f.Columns); near != "" {
		return -1, err.WithHint("did you mean %s? its columns are %s", near, list)
	}
	return -1, err.WithHint("its columns are %s", list)
}

// nearest returns the name that is closest to the given one, or "" if none is close.
func nearest(name string, names []string) string {
	best, bestCost := "", 1+len(name)/3
	for _, n := range names {
		if d := editDistance(normalName(name), normalName(n)); d < bestCost || d == bestCost && best == "" {
			best, bestCost = n, d
		}
	}
	return best
}

// editDistance is the Levenshtein distance of two strings, by bytes.
func editDistance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 1000
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
