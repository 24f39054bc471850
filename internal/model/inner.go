package model

import (
	"slices"

	"kequn"
	"kequn/internal/table"
)

// AttributeInner returns the contributions of a model within another one: a number per row and column of columns, 0 for those that it
// does not use. A model that has none is a usage error.
func AttributeInner(inner Model, columns []Column, x *table.Table, class int) (base float64, phi []float64, err error) {
	a, ok := inner.(Attributor)
	if !ok {
		return 0, nil, kequn.Errorf(kequn.KindUsage, "", "%s has no contributions", inner.Header().Family)
	}
	base, part, err := a.Attribute(x, class)
	if err != nil {
		return 0, nil, err
	}
	to, width := innerPlaces(inner, columns), len(columns)
	phi = make([]float64, x.NRows()*width)
	for i := range x.NRows() {
		for j, at := range to {
			phi[i*width+at] = part[i*len(to)+j]
		}
	}
	return base, phi, nil
}

// ImportanceInner returns the importance of a model within another one by the columns of that, all 0 where it knows none.
func ImportanceInner(inner Model, columns []Column) []float64 {
	out := make([]float64, len(columns))
	if a, ok := inner.(Importancer); ok {
		to := innerPlaces(inner, columns)
		for j, v := range a.Importance() {
			out[to[j]] = v
		}
	}
	return out
}

// innerPlaces returns where the columns of a model within another one lie among those of the whole.
func innerPlaces(inner Model, columns []Column) []int {
	own := inner.Header().Columns
	to := make([]int, len(own))
	for j, c := range own {
		to[j] = slices.IndexFunc(columns, func(a Column) bool { return a.Name == c.Name })
	}
	return to
}
