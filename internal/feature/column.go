package feature

import (
	"slices"
	"strings"
	"unicode"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// usable tells whether a column may be looked at for features at all. Names, phones and e-mails, identifiers, free text and
// columns with a role of their own in the store never are.
func usable(c plan.Column) bool {
	switch c.Role {
	case kequn.ColName, kequn.ColPhone, kequn.ColEmail, kequn.ColCustomer, kequn.ColTime, kequn.ColKnownAt, kequn.ColID, kequn.ColOrder,
		kequn.ColKey, kequn.ColText, kequn.ColIgnore, kequn.ColCurrency, kequn.ColGroup:
		return false
	case kequn.ColType, kequn.ColItem, kequn.ColCategory, kequn.ColCampaign, kequn.ColArm, kequn.ColConsent:
		return true
	}
	return c.Kind != table.Text
}

// lookupAttributes returns the attributes that a lookup adds to a column: those of few values or numbers.
func lookupAttributes(plans []plan.Dataset, own []plan.Column, c plan.Column) []plan.Column {
	if c.Role != kequn.ColItem && c.Role != kequn.ColKey && c.Role != kequn.ColCampaign && c.Role != kequn.ColCategory && c.Role != kequn.ColAttribute {
		return nil
	}
	if !c.Kind.InCode() {
		return nil
	}
	var out []plan.Column
	for i := range plans {
		d := &plans[i]
		if d.Role != kequn.Lookup {
			continue
		}
		for _, a := range d.Columns {
			// A row that says a thing itself needs no lookup to say it again.
			if slices.ContainsFunc(own, func(o plan.Column) bool { return o.Name == a.Name }) {
				continue
			}
			if a.Role == kequn.ColKey || !usable(a) || a.Kind == table.Text || a.Kind == table.Time {
				continue
			}
			if _, at, _, err := plan.LookupOf(plans, own, c.Name+"."+a.Name); err == nil && at == i && keyed(d, c) {
				out = append(out, a)
			}
		}
	}
	return out
}

// keyed tells whether a lookup is meant for a column, not only the one lookup that happens to have an attribute.
func keyed(d *plan.Dataset, c plan.Column) bool {
	stem := strings.TrimSuffix(c.Name, "_id")
	return d.With(kequn.ColKey).Name == c.Name || d.Name == stem || strings.TrimSuffix(d.Name, "s") == stem || c.Role == kequn.ColItem
}

// typeOf returns what a column's values are in a definition.
func typeOf(k table.Kind) query.Type {
	switch {
	case k.InCode():
		return query.Text
	case k == table.Time:
		return query.Time
	}
	return query.Number
}

// proxyWords are parts of names of attributes that often stand for something sensitive.
var proxyWords = map[string]bool{"zip": true, "zipcode": true, "postcode": true, "postal": true, "district": true, "neighbourhood": true,
	"neighborhood": true, "surname": true, "language": true, "income": true, "household": true, "homeowner": true, "children": true, "kids": true}

var proxyParts = []string{"邮编", "邮政编码", "籍贯", "户籍", "小区", "街道", "收入", "姓氏", "子女"}

func hasWord(name string, words map[string]bool, parts []string) bool {
	for _, w := range kequn.NameWords(name) {
		if words[w] {
			return true
		}
	}
	for _, p := range parts {
		if strings.Contains(name, p) {
			return true
		}
	}
	return false
}

// Sensitive tells whether a column must not become a feature: it is about something that must not decide about people, and nobody
// asked for it all the same.
func Sensitive(c plan.Column) bool { return About(c) && !c.Allow }

// About tells whether a column is about something that must not decide about people unless asked for: the plan marks it, it is
// a date of birth, or its name says so (gender, age, ethnicity …, in English and Chinese).
func About(c plan.Column) bool {
	return c.Sensitive || c.Role == kequn.ColBirth || kequn.LooksSensitive(c.Name)
}

// kindOf returns the kind of a feature made of a customer's attribute.
func kindOf(c plan.Column) query.Kind {
	if hasWord(c.Name, proxyWords, proxyParts) {
		return query.Proxy
	}
	return query.Trait
}

// clean makes part of a feature's name of any text: letters and digits of any script, lower case, others as one underscore.
func clean(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('_')
			gap = false
		}
		b.WriteRune(unicode.ToLower(r))
	}
	if b.Len() == 0 {
		return "other"
	}
	return b.String()
}
