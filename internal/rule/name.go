package rule

import (
	"strings"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// column is a column as trees name it, with its kind.
type column struct {
	name string
	kind table.Kind
}

func (c column) queryType() query.Type {
	switch c.kind {
	case table.Number, table.Integer, table.Money:
		return query.Number
	case table.Bool:
		return query.Bool
	case table.Time:
		return query.Time
	}
	return query.Text
}

// synonyms are words for roles that people use in rules.
var synonyms = map[string]kequn.ColumnRole{"product": kequn.ColItem, "sku": kequn.ColItem, "date": kequn.ColTime}

// datasetOf returns the dataset of that name, or the first of that role; "order" is as good as "orders".
func (c *checker) datasetOf(name string) *plan.Dataset {
	for _, n := range []string{name, name + "s"} {
		for i := range c.Datasets {
			if c.Datasets[i].Name == n {
				return &c.Datasets[i]
			}
		}
		for i := range c.Datasets {
			if string(c.Datasets[i].Role) == n {
				return &c.Datasets[i]
			}
		}
	}
	// Where only the lines of orders were loaded, they are the orders.
	if name == "orders" || name == "order" {
		return c.datasetOf(string(kequn.Items))
	}
	return nil
}

// systemColumns are the store's own columns, with the role of the file's column that they replace.
var systemColumns = []struct {
	column
	role kequn.ColumnRole
}{
	{column{query.CustomerColumn, table.Text}, kequn.ColCustomer},
	{column{query.TimeColumn, table.Time}, kequn.ColTime},
	{column{query.KnownColumn, table.Time}, kequn.ColKnownAt},
	{column{query.IDColumn, table.Text}, kequn.ColID},
	{column{query.SeqColumn, table.Integer}, ""},
}

// columnOf finds a column by its name, or else by its role's name. lookups lets it look in the dataset's lookups too.
func (c *checker) columnOf(d *plan.Dataset, name string) (column, error) {
	for _, s := range systemColumns {
		if s.name == name {
			return s.column, nil
		}
	}
	if col := d.Column(name); col != nil {
		return stored(d, *col)
	}
	role, ok := synonyms[name]
	if !ok {
		role = kequn.ColumnRole(name)
	}
	if role != "" {
		if col := d.With(role); col != nil {
			return stored(d, *col)
		}
	}
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		return c.lookupOf(d, name[:dot], name[dot+1:])
	}
	return column{}, errNoColumn
}

// lookupOf finds an attribute of the lookup that is keyed by a column.
func (c *checker) lookupOf(d *plan.Dataset, key, attribute string) (column, error) {
	k, err := c.columnOf(d, key)
	if err != nil {
		return column{}, err
	}
	name := k.name + "." + attribute
	_, at, _, err := plan.LookupOf(c.Datasets, d.Columns, name)
	if err != nil {
		return column{}, c.noLookup(d, k.name, attribute)
	}
	if at < 0 { // the column's own name has a dot
		return stored(d, *d.Column(name))
	}
	l := &c.Datasets[at]
	a, err := stored(l, *l.Column(attribute))
	return column{name, a.kind}, err
}

// noLookup says why a.b is nothing: no such lookup, or a lookup without such a column.
func (c *checker) noLookup(d *plan.Dataset, key, attribute string) error {
	for i := range c.Datasets {
		if l := &c.Datasets[i]; l.Role == kequn.Lookup && l.With(kequn.ColKey) != nil && l.With(kequn.ColKey).Name == key {
			return missingColumn(l, attribute)
		}
	}
	return kequn.Errorf(kequn.KindUsage, "", "no lookup of %s.%s has a column %q", d.Name, key, attribute).WithHint("load one with --as lookup --key %s", key)
}

// errNoColumn says that a name is no column; who asks makes a better error of it.
var errNoColumn = kequn.Errorf(kequn.KindUsage, "", "no such column")

// stored returns the name under which the store keeps a column.
func stored(d *plan.Dataset, col plan.Column) (column, error) {
	for _, s := range systemColumns {
		if s.role == col.Role && s.role != "" && d.Role != kequn.Lookup && (s.role != kequn.ColTime || d.Role.HasTime()) {
			return s.column, nil
		}
	}
	switch {
	case col.Role.Personal():
		return column{}, kequn.Errorf(kequn.KindUsage, "", "%q holds personal data, which rules cannot see", col.Name)
	case col.Role == kequn.ColIgnore:
		return column{}, kequn.Errorf(kequn.KindUsage, "", "%q is ignored by the plan and was not kept", col.Name).WithHint("give it another role in kequn.yaml and load again")
	}
	return column{col.Name, col.Kind}, nil
}

func missingColumn(d *plan.Dataset, name string) error {
	var names []string
	for _, col := range d.Columns {
		if !col.Role.Personal() && col.Role != kequn.ColIgnore {
			names = append(names, col.Name)
		}
	}
	err := kequn.Errorf(kequn.KindUsage, "", "%s has no column %q", d.Name, name)
	if near := Suggest(name, names); near != "" {
		return err.WithHint("did you mean %q?", near)
	}
	return err.WithHint("its columns are %s", strings.Join(names, ", "))
}

// attribute finds what a bare name of a customer is: an attribute, or (by role) a role's attribute.
func (c *checker) attribute(name string, byRole bool) (*query.Node, error) {
	for i := range c.Datasets {
		d := &c.Datasets[i]
		if d.Role != kequn.Customers {
			continue
		}
		var col *plan.Column
		if !byRole {
			col = d.Column(name)
		} else if col = d.With(kequn.ColumnRole(name)); col != nil && col.Role == kequn.ColAttribute {
			col = nil // a role that says nothing
		}
		if col != nil {
			return c.attributeNode(d, col.Name)
		}
	}
	return nil, nil
}

// attributeNode returns an attribute of a customer table, perhaps through a lookup.
func (c *checker) attributeNode(d *plan.Dataset, name string) (*query.Node, error) {
	col, err := c.columnOf(d, name)
	if err == errNoColumn {
		return nil, missingColumn(d, name)
	}
	if err != nil {
		return nil, err
	}
	if col.name == query.CustomerColumn {
		return query.CustomerID(), nil
	}
	return query.AttrOf(d.Name, col.name, col.queryType()), nil
}

// consentOf finds the column that says whether a channel may be used.
func (c *checker) consentOf(channel string) (*query.Node, []string, error) {
	type found struct {
		d   *plan.Dataset
		col plan.Column
	}
	var columns []found
	var names []string
	for i := range c.Datasets {
		d := &c.Datasets[i]
		if d.Role != kequn.Customers {
			continue
		}
		for _, col := range d.Columns {
			if col.Role == kequn.ColConsent {
				columns = append(columns, found{d, col})
				names = append(names, col.Name)
			}
		}
	}
	for _, match := range []func(string) bool{
		func(n string) bool { return n == channel },
		func(n string) bool { return n == "consent_"+channel || n == channel+"_consent" },
		func(n string) bool {
			for _, word := range strings.FieldsFunc(strings.ToLower(n), func(r rune) bool { return r == '_' || r == '-' || r == ' ' }) {
				if word == strings.ToLower(channel) {
					return true
				}
			}
			return false
		},
	} {
		for _, f := range columns {
			if match(f.col.Name) {
				n, err := consentNode(f.d, f.col)
				return n, names, err
			}
		}
	}
	if len(columns) == 1 && columns[0].col.Name == "consent" {
		n, err := consentNode(columns[0].d, columns[0].col)
		return n, names, err
	}
	return nil, names, nil
}

// consentWords are the texts that mean yes in a consent column.
var consentWords = []string{"yes", "Yes", "YES", "y", "Y", "true", "True", "TRUE", "t", "T", "1", "granted", "subscribed", "opt_in", "是", "同意", "已同意"}

func consentNode(d *plan.Dataset, col plan.Column) (*query.Node, error) {
	at := column{col.Name, col.Kind}
	n := query.AttrOf(d.Name, col.Name, at.queryType())
	switch n.Type {
	case query.Bool:
		return n, nil
	case query.Number:
		return query.Apply(query.Gt, query.Bool, n, query.Num(0)), nil
	case query.Text:
		args := []*query.Node{n}
		for _, w := range consentWords {
			args = append(args, query.Str(w))
		}
		return query.Apply(query.In, query.Bool, args...), nil
	}
	return query.Apply(query.Lt, query.Bool, n, &query.Node{Op: query.Now, Type: query.Time}), nil
}
