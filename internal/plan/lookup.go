package plan

import (
	"strings"

	"kequn"
)

// LookupOf splits the name "column.attribute" and finds the lookup dataset that it goes through: one whose key column has
// the same name as the column; else one called like the column (product_id: product or products); else the only lookup
// that has the attribute. It returns the column, the position of the lookup in datasets and the attribute. A name without
// a dot, or one that is a column's own name, has position −1 and no attribute; one that no lookup answers is a plan error.
//
// own are the columns of the dataset that the name is used on.
func LookupOf(datasets []Dataset, own []Column, name string) (column string, lookup int, attribute string, err error) {
	for _, c := range own {
		if c.Name == name {
			return name, -1, "", nil
		}
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return name, -1, "", nil
	}
	column, attribute = name[:dot], name[dot+1:]
	named, only, n := -1, -1, 0
	for i := range datasets {
		d := &datasets[i]
		if d.Role != kequn.Lookup || d.Column(attribute) == nil {
			continue
		}
		key := d.With(kequn.ColKey)
		if key == nil {
			continue
		}
		if key.Name == column {
			return column, i, attribute, nil
		}
		if stem := strings.TrimSuffix(column, "_id"); named < 0 && (d.Name == stem || strings.TrimSuffix(d.Name, "s") == stem) {
			named = i
		}
		only, n = i, n+1
	}
	if named >= 0 {
		return column, named, attribute, nil
	}
	if n == 1 {
		return column, only, attribute, nil
	}
	return "", -1, "", kequn.Errorf(kequn.KindPlan, "", "no lookup of %q has a column %q", column, attribute).
		WithHint("a lookup dataset needs a column with role key that is called %s, and the column %s", column, attribute)
}
