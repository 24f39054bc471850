package rule

// ShopForTests is the catalogue of the tests, and RulesForTests are rules that it accepts.
func ShopForTests() Catalogue { return shop() }

func RulesForTests() []string {
	var out []string
	for _, a := range accepted {
		out = append(out, a.text)
	}
	for name, f := range folds {
		column := map[string]string{"": "", "number": `"sales_value"`, "ordered": `"gift"`, "text": `"channel"`, "any": `"Unit Price"`}[f.column]
		out = append(out, "has(orders.last(\"7d\")."+name+"("+column+"))")
	}
	return out
}
