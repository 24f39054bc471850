package plan

import "kequn"

// LookupOf returns the lookup dataset keyed by a column of another dataset, or nil: the one whose key column has the same
// name; failing that, for an item, the lookup called items or products; failing that, for an item or key, the only lookup.
func LookupOf(sets []Dataset, column Column) *Dataset {
	var lookups []*Dataset
	for i := range sets {
		if d := &sets[i]; d.Role == kequn.Lookup && d.With(kequn.ColKey) != nil {
			if d.With(kequn.ColKey).Name == column.Name {
				return d
			}
			lookups = append(lookups, d)
		}
	}
	if column.Role != kequn.ColItem && column.Role != kequn.ColKey {
		return nil
	}
	if column.Role == kequn.ColItem {
		for _, d := range lookups {
			switch d.Name {
			case "items", "products", "item", "product", "goods":
				return d
			}
		}
	}
	if len(lookups) == 1 {
		return lookups[0]
	}
	return nil
}
