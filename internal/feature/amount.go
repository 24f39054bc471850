package feature

import (
	"strings"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Numbers of events: money that moves (a bank's transactions) and levels that are read off (a balance, a temperature).

// maxLevels is how many numbers of an event are followed as levels, maxFlows how many types and classes have sums of their own.
const (
	maxLevels = 3
	maxFlows  = 8
)

// flows adds the amounts of events: in all, by type, and by class.
func (b *builder) flows(kind *plan.Column) {
	amount := b.d.With(kequn.ColAmount)
	if amount != nil && (!isAmount(*amount) || b.set.Column(amount.Name).Values == 0) {
		amount = nil
	}
	stem := b.prefix
	if amount != nil {
		money, from := b.currency(amount), b.source(amount.Name)
		for _, w := range b.windows {
			b.add(query.Feature{Name: stem + "_amount_sum_" + w.suffix, Node: b.agg(query.Sum, amount.Name, w, nil), Kind: query.Behaviour, Unit: money, Missing: never0, Sources: from,
				TextZH: w.zh + " " + b.d.Name + " 金额合计", TextEN: "sum of amounts of " + b.d.Name + " " + w.en})
		}
		b.level(column{*amount, amount.Name, stem + "_amount", b.set.Column(amount.Name)}, money)
	}
	n := 0
	for _, c := range b.columns(func(c plan.Column) bool { return isAmount(c) && c.Role == kequn.ColAttribute }) {
		if n == maxLevels || c.profile.Values == 0 || c.profile.Min == c.profile.Max || namesThings(c) {
			continue
		}
		n++
		b.level(c, "")
	}
	b.split(kind, amount)
}

// leastName is a number from which on whole numbers rather name things than measure them: eight digits are an account, a phone,
// a document.
const leastName = 1e7

// namesThings tells whether a column of whole numbers names things: an account number has no mean, and what its digits say of
// a customer is an accident of how they were given out.
func namesThings(c column) bool {
	if c.Kind != table.Integer {
		return false
	}
	words := kequn.NameWords(c.Column.Name)
	last := len(words) > 0 && nameWords[words[len(words)-1]] // card_number names, number_of_cards counts
	return last || c.profile.Max >= leastName || hasWord(c.Column.Name, nil, nameParts)
}

// Words of columns whose whole numbers are names.
var (
	nameWords = map[string]bool{"id": true, "account": true, "acct": true, "no": true, "nr": true, "number": true, "code": true, "key": true, "ref": true, "reference": true, "card": true, "phone": true, "tel": true,
		"zip": true, "zipcode": true, "postcode": true, "uid": true, "sku": true, "upc": true, "ean": true, "barcode": true}
	nameParts = []string{"编号", "账号", "帐号", "账户", "卡号", "号码", "代码", "邮编", "条码"}
)

// level adds how a number lies and moves.
func (b *builder) level(c column, unit string) {
	from := b.source(c.name)
	for _, f := range []struct {
		fn           query.Fn
		zh, en, miss string
		w            window
	}{
		{query.Last, "最近一次 %s", "last %s", noRows, ever}, {query.Mean, "%s 平均值", "mean %s", noRows, ever}, {query.MinOf, "%s 最小值", "smallest %s", noRows, ever}, {query.MaxOf, "%s 最大值", "largest %s", noRows, ever},
		{query.SD, "%s 标准差", "standard deviation of %s", "fewer than two rows", ever}, {query.Slope, "%s 每月的变化", "change of %s a month", tooFew, ever},
		{query.Mean, "%s 平均值", "mean %s", noRows, b.long[0]}, {query.MinOf, "%s 最小值", "smallest %s", noRows, b.long[0]},
	} {
		name := c.stem + "_" + string(f.fn) + "_" + f.w.suffix
		if b.used[name] {
			continue
		}
		u := unit
		if f.fn == query.Slope && u != "" {
			u += " a month"
		}
		b.add(query.Feature{Name: name, Node: b.agg(f.fn, c.name, f.w, nil), Kind: query.Behaviour, Unit: u, Missing: f.miss, Sources: from, Sensitive: Sensitive(c.Column),
			TextZH: f.w.zh + strings.ReplaceAll(f.zh, "%s", " "+c.Name), TextEN: strings.ReplaceAll(f.en, "%s", c.Name) + " " + f.w.en})
	}
}

// split adds amounts by type in windows, and counts and amounts by class.
func (b *builder) split(kind *plan.Column, amount *plan.Column) {
	type cut struct {
		c       column
		windows []window
		counts  bool
	}
	var cuts []cut
	if kind != nil {
		var w []window
		for _, x := range b.windows {
			if x.Span.Days != 7 {
				w = append(w, x)
			}
		}
		cuts = append(cuts, cut{column{*kind, kind.Name, b.prefix, b.set.Column(kind.Name)}, w, false}) // types counts them
	}
	n := 0
	for _, c := range b.columns(func(c plan.Column) bool { return isClass(c) && (kind == nil || c.Name != kind.Name) }) {
		if c.profile.Distinct >= 2 && c.profile.Distinct <= 200 && n < maxClasses {
			n++
			cuts = append(cuts, cut{c, []window{ever}, true})
		}
	}
	for _, k := range cuts {
		if k.c.profile.Distinct < 2 {
			continue
		}
		for i, seen := range k.c.profile.Top {
			if i == maxFlows {
				break
			}
			where, stem := equals(k.c.name, seen.Value), k.c.stem+"_"+clean(seen.Value)
			what := "「" + seen.Value + "」"
			if k.counts {
				what += "（" + k.c.Name + "）"
				b.add(query.Feature{Name: stem + "_count_ever", Node: b.agg(query.Count, "", ever, where), Kind: query.Behaviour, Unit: "events", Missing: never0, Sources: b.source(k.c.name), Sensitive: Sensitive(k.c.Column),
					TextZH: what + "次数", TextEN: b.d.Name + " with " + seen.Value + " (" + k.c.Name + ") so far"})
			}
			if amount == nil {
				continue
			}
			for _, w := range k.windows {
				b.add(query.Feature{Name: stem + "_amount_" + w.suffix, Node: b.agg(query.Sum, amount.Name, w, where), Kind: query.Behaviour, Unit: b.currency(amount), Missing: never0, Sources: b.source(k.c.name, amount.Name),
					Sensitive: Sensitive(k.c.Column), TextZH: w.zh + what + "金额合计", TextEN: "sum of amounts of " + seen.Value + " " + w.en})
			}
		}
	}
}
