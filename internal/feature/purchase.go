package feature

import (
	"fmt"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// purchases adds how often, how recently and how much customers buy, how full their baskets are, and what they return.
func (b *builder) purchases() {
	bought := purchase(&b.d.Dataset)
	stem := "order"
	zh, en, plural := "下单", "order", "orders"
	if len(b.sets(b.d.Role)) > 1 { // several datasets of orders: their names tell them apart
		stem, zh, en, plural = b.prefix, b.d.Name+" 下单", b.d.Name+" order", b.d.Name+" orders"
	}
	amount, quantity := b.d.With(kequn.ColAmount), b.d.With(kequn.ColQuantity)
	item, order := b.d.With(kequn.ColItem), b.d.With(kequn.ColOrder)
	if amount != nil && !isAmount(*amount) {
		amount = nil
	}
	src := b.source(b.timeColumn())
	for _, w := range b.windows {
		count := b.agg(query.Count, "", w, bought)
		b.add(query.Feature{Name: stem + "s_count_" + w.suffix, Node: count, Kind: query.Behaviour, Unit: "orders", Missing: never0, Sources: src,
			TextZH: w.zh + zh + "次数", TextEN: plural + " " + w.en})
		if amount != nil {
			money, from := b.currency(amount), b.source(amount.Name)
			b.add(query.Feature{Name: b.spend("sum", w), Node: b.agg(query.Sum, amount.Name, w, nil), Kind: query.Behaviour, Unit: money, Missing: never0, Sources: from,
				TextZH: w.zh + "净消费额", TextEN: "spend net of refunds " + w.en})
			b.add(query.Feature{Name: stem + "_value_mean_" + w.suffix, Node: divide(b.agg(query.Sum, amount.Name, w, bought), count), Kind: query.Behaviour, Unit: money, Missing: noRows, Sources: from,
				TextZH: w.zh + "客单价", TextEN: "mean value of an " + en + " " + w.en})
		}
		if quantity != nil && isAmount(*quantity) {
			b.add(query.Feature{Name: stem + "_pieces_" + w.suffix, Node: b.agg(query.Sum, quantity.Name, w, bought), Kind: query.Behaviour, Unit: "pieces", Missing: never0, Sources: b.source(quantity.Name),
				TextZH: w.zh + "购买件数", TextEN: "pieces bought " + w.en})
		}
		if item != nil {
			b.add(query.Feature{Name: stem + "_products_" + w.suffix, Node: b.agg(query.Distinct, item.Name, w, bought), Kind: query.Behaviour, Unit: "products", Missing: never0, Sources: b.source(item.Name),
				TextZH: w.zh + "购买的不同商品数", TextEN: "different products bought " + w.en})
		}
	}
	b.rhythm(bought, stem, zh, en, plural)
	for _, w := range b.long {
		if order != nil {
			lines := query.AggOf(query.Agg{Dataset: b.d.Name, Fn: query.Count, Lines: true, Window: w.Window, Where: bought}, query.Number)
			b.add(query.Feature{Name: stem + "_lines_mean_" + w.suffix, Node: divide(lines, b.agg(query.Count, "", w, bought)), Kind: query.Behaviour, Unit: "lines", Missing: noRows, Sources: b.source(order.Name),
				TextZH: w.zh + "平均每单行数", TextEN: "mean lines an " + en + " " + w.en})
		}
		if quantity != nil && isAmount(*quantity) {
			b.add(query.Feature{Name: stem + "_pieces_mean_" + w.suffix, Node: divide(b.agg(query.Sum, quantity.Name, w, bought), b.agg(query.Count, "", w, bought)), Kind: query.Behaviour, Unit: "pieces", Missing: noRows,
				Sources: b.source(quantity.Name), TextZH: w.zh + "平均每单件数", TextEN: "mean pieces an " + en + " " + w.en})
		}
	}
	b.baskets(stem, zh, en, plural, bought, amount, quantity, item, order)
	if item != nil {
		b.add(query.Feature{Name: stem + "_repeat_products", Node: divide(b.agg(query.Distinct, item.Name, ever, bought), b.linesOf(item.Name, ever, bought)), Kind: query.Behaviour, Unit: "share", Missing: noRows,
			Sources: b.source(item.Name), TextZH: "不同商品数占购买行数之比", TextEN: "different products per line bought"})
	}
	if amount != nil {
		b.amounts(amount, bought, en)
		b.discounts(amount, bought)
		b.refunds(amount)
	}
	b.numbers(bought)
}

// linesOf counts rows that have a value.
func (b *builder) linesOf(_ string, w window, where *query.Node) *query.Node {
	return query.AggOf(query.Agg{Dataset: b.d.Name, Fn: query.Count, Lines: true, Window: w.Window, Where: where}, query.Number)
}

// sets returns the datasets of a role that have rows.
func (b *builder) sets(role kequn.Role) []string {
	var out []string
	for i := range b.datasets {
		if b.datasets[i].Role == role && b.profile.Set(b.datasets[i].Name).Rows > 0 {
			out = append(out, b.datasets[i].Name)
		}
	}
	return out
}

// spend names a feature of the dataset's amount.
func (b *builder) spend(what string, w window) string {
	name := "spend_" + what
	if len(b.sets(b.d.Role)) > 1 {
		name = b.prefix + "_" + name
	}
	return name + "_" + w.suffix
}

// amounts adds how the money is spread.
func (b *builder) amounts(c *plan.Column, bought *query.Node, en string) {
	money, from := b.currency(c), b.source(c.Name)
	for _, f := range []struct {
		fn     query.Fn
		zh, en string
		miss   string
	}{{query.MaxOf, "单笔最高金额", "largest amount", noRows}, {query.MinOf, "单笔最低金额", "smallest amount", noRows}, {query.SD, "单笔金额的标准差", "standard deviation of amounts", "fewer than two rows"},
		{query.First, "首笔金额", "first amount", noRows}, {query.Last, "最近一笔金额", "last amount", noRows}} {
		b.add(query.Feature{Name: b.spend(string(f.fn), ever), Node: b.agg(f.fn, c.Name, ever, bought), Kind: query.Behaviour, Unit: money, Missing: f.miss, Sources: from, TextZH: f.zh, TextEN: f.en})
	}
	b.add(query.Feature{Name: b.spend("slope", ever), Node: b.agg(query.Slope, c.Name, ever, bought), Kind: query.Behaviour, Unit: money + " a month", Missing: tooFew, Sources: from,
		TextZH: "金额随时间每月的变化", TextEN: "change of amounts over time, a month"})
	for _, w := range b.windows {
		if w.Span.Days != 30 && w.Span.Days != 90 || kequn.Instant(2*w.Span.Duration().Microseconds()) > b.profile.Cutoff-b.set.First {
			continue
		}
		before := window{Window: query.Window{Span: kequn.Days(2 * w.Span.Days), Skip: w.Span}}
		b.add(query.Feature{Name: b.spend("trend", w), Node: divide(b.agg(query.Sum, c.Name, w, bought), b.agg(query.Sum, c.Name, before, bought)), Kind: query.Behaviour, Unit: "ratio",
			Missing: fmt.Sprintf("no spend in the %d days before", w.Span.Days), Sources: from,
			TextZH: fmt.Sprintf("近 %d 天消费与前 %d 天之比", w.Span.Days, w.Span.Days), TextEN: fmt.Sprintf("spend of the last %d days over that of the %d before", w.Span.Days, w.Span.Days)})
	}
	b.add(query.Feature{Name: b.spend("per_month", ever), Node: divide(query.Apply(query.Mul, query.Number, query.Num(30), b.agg(query.Sum, c.Name, ever, nil)), query.Apply(query.Max, query.Number, query.Num(30), b.agg(query.DaysFirst, "", ever, bought))),
		Kind: query.Behaviour, Unit: money + " a month", Missing: "no " + en + " yet", Sources: from, TextZH: "首单以来月均净消费额", TextEN: "net spend a month since the first " + en})
}

// discounts adds how much of the price was taken off: something we set.
func (b *builder) discounts(amount *plan.Column, bought *query.Node) {
	for _, c := range b.columns(func(c plan.Column) bool { return c.Role == kequn.ColDiscount && isAmount(c) }) {
		if c.profile.Negative+c.profile.Positive == 0 {
			continue
		}
		for _, w := range b.long {
			off := query.Apply(query.Abs, query.Number, b.agg(query.Sum, c.name, w, bought))
			b.add(query.Feature{Name: c.stem + "_share_" + w.suffix, Node: divide(off, plus(off, b.agg(query.Sum, amount.Name, w, bought))), Kind: query.Lever, Unit: "share", Missing: noRows, Sources: b.source(c.name, amount.Name),
				TextZH: w.zh + "优惠（" + c.Name + "）占原价的比例", TextEN: "share of the price taken off (" + c.Name + ") " + w.en})
		}
		used := query.Apply(query.Ne, query.Bool, query.FieldOf(c.name, query.Number), query.Num(0))
		b.add(query.Feature{Name: c.stem + "_lines_share", Node: divide(b.linesOf("", ever, both(bought, used)), b.linesOf("", ever, bought)), Kind: query.Lever, Unit: "share", Missing: noRows, Sources: b.source(c.name),
			TextZH: "带优惠（" + c.Name + "）的购买行占比", TextEN: "share of lines with a discount (" + c.Name + ") so far"})
	}
}

// refunds adds what was given back, where anything ever was.
func (b *builder) refunds(amount *plan.Column) {
	p := b.set.Column(amount.Name)
	if p.Negative == 0 {
		return
	}
	back := query.Apply(query.Lt, query.Bool, query.FieldOf(amount.Name, query.Number), query.Num(0))
	money, from := b.currency(amount), b.source(amount.Name)
	for _, w := range b.long {
		b.add(query.Feature{Name: "refunds_count_" + w.suffix, Node: b.agg(query.Count, "", w, back), Kind: query.Behaviour, Unit: "refunds", Missing: never0, Sources: from,
			TextZH: w.zh + "退款次数", TextEN: "refunds " + w.en})
		b.add(query.Feature{Name: "refunds_sum_" + w.suffix, Node: query.Apply(query.Abs, query.Number, b.agg(query.Sum, amount.Name, w, back)), Kind: query.Behaviour, Unit: money, Missing: never0, Sources: from,
			TextZH: w.zh + "退款金额", TextEN: "money refunded " + w.en})
	}
	b.add(query.Feature{Name: "refunds_share", Node: divide(query.Apply(query.Abs, query.Number, b.agg(query.Sum, amount.Name, ever, back)), b.agg(query.Sum, amount.Name, ever, purchase(&b.d.Dataset))), Kind: query.Behaviour, Unit: "share",
		Missing: noRows, Sources: from, TextZH: "退款金额占消费额的比例", TextEN: "share of spend refunded so far"})
	b.add(query.Feature{Name: "refunds_orders_share", Node: divide(b.agg(query.Count, "", ever, back), b.agg(query.Count, "", ever, purchase(&b.d.Dataset))), Kind: query.Behaviour, Unit: "share",
		Missing: noRows, Sources: from, TextZH: "退款次数与下单次数之比", TextEN: "refunds an order so far"})
	b.add(query.Feature{Name: "days_since_last_refund", Node: b.agg(query.DaysLast, "", ever, back), Kind: query.Behaviour, Unit: "days", Missing: "no refund yet", Sources: b.source(b.timeColumn()),
		TextZH: "距最近一次退款的天数", TextEN: "days since the last refund"})
}

// maxNumbers is how many other numbers of a row become features: further ones repeat each other.
const maxNumbers = 6

// numbers adds means of the rows' other numbers.
func (b *builder) numbers(where *query.Node) {
	cols := b.columns(func(c plan.Column) bool {
		return isAmount(c) && (c.Role == kequn.ColAttribute || c.Role == kequn.ColPrice || c.Role == kequn.ColAmount && b.d.With(kequn.ColAmount).Name != c.Name)
	})
	for i, c := range cols {
		if i == maxNumbers || c.profile.Values == 0 || namesThings(c) {
			continue
		}
		for _, w := range b.long {
			if b.used[c.stem+"_mean_"+w.suffix] {
				continue // a level of events
			}
			b.add(query.Feature{Name: c.stem + "_mean_" + w.suffix, Node: b.agg(query.Mean, c.name, w, where), Kind: query.Behaviour, Unit: "", Missing: noRows, Sources: b.source(c.name),
				TextZH: w.zh + c.Name + " 的平均值", TextEN: "mean " + c.Name + " " + w.en})
		}
	}
}

// maxClasses is how many columns of classes get features: a product table may have dozens.
const maxClasses = 6

// categories adds which classes of goods customers buy, and how evenly.
func (b *builder) categories() {
	bought := purchase(&b.d.Dataset)
	amount := b.d.With(kequn.ColAmount)
	if amount != nil && !isAmount(*amount) {
		amount = nil
	}
	n := 0
	for _, c := range b.columns(isClass) {
		if c.profile.Distinct < 2 || n == maxClasses {
			continue
		}
		n++
		b.class(c, bought, "purchases", "购买")
		if c.profile.Distinct > 200 {
			continue
		}
		for i, seen := range c.profile.Top {
			if i == b.opts.Top || c.profile.Distinct == 2 && i == 1 { // the other one's share says the same
				break
			}
			where := both(bought, equals(c.name, seen.Value))
			f := query.Feature{Name: c.stem + "_" + clean(seen.Value) + "_share", Kind: query.Behaviour, Unit: "share", Missing: noRows, Sources: b.source(c.name),
				TextZH: "「" + seen.Value + "」（" + c.Name + "）占消费的比例", TextEN: "share of spend on " + seen.Value + " (" + c.Name + ")"}
			if amount != nil {
				f.Node = divide(b.agg(query.Sum, amount.Name, ever, where), b.agg(query.Sum, amount.Name, ever, bought))
				f.Sources = append(f.Sources, b.source(amount.Name)...)
			} else {
				f.Node = divide(b.linesOf("", ever, where), b.linesOf("", ever, bought))
				f.TextZH, f.TextEN = "「"+seen.Value+"」（"+c.Name+"）占购买行的比例", "share of lines of "+seen.Value+" ("+c.Name+")"
			}
			b.add(f)
		}
	}
	b.shifts(bought, amount)
}

// class adds how many different values of a class there were, which is commonest, and how evenly they are spread.
func (b *builder) class(c column, where *query.Node, en, zh string) {
	stem, src := b.prefix+"_"+c.stem, b.source(c.name)
	if c.Sensitive {
		stem = c.stem
	}
	for _, w := range b.long {
		b.add(query.Feature{Name: stem + "_distinct_" + w.suffix, Node: b.agg(query.Distinct, c.name, w, where), Kind: query.Behaviour, Unit: "kinds", Missing: never0, Sources: src, Sensitive: Sensitive(c.Column),
			TextZH: w.zh + zh + "的不同 " + c.Name + " 数", TextEN: "different values of " + c.Name + " among " + en + " " + w.en})
	}
	b.add(query.Feature{Name: stem + "_entropy", Node: b.agg(query.Entropy, c.name, ever, where), Kind: query.Behaviour, Unit: "nats", Missing: noRows, Sources: src, Sensitive: Sensitive(c.Column),
		TextZH: zh + "在 " + c.Name + " 上的分散程度", TextEN: "spread of " + en + " over " + c.Name})
	b.add(query.Feature{Name: stem + "_top_share", Node: b.agg(query.ModeShare, c.name, ever, where), Kind: query.Behaviour, Unit: "share", Missing: noRows, Sources: src, Sensitive: Sensitive(c.Column),
		TextZH: "最常见的 " + c.Name + " 占" + zh + "的比例", TextEN: "share of the commonest " + c.Name + " in " + en})
	if c.profile.Distinct <= 200 {
		b.add(query.Feature{Name: stem + "_top", Node: b.agg(query.Mode, c.name, ever, where), Kind: query.Behaviour, Unit: "", Missing: noRows, Sources: src, Sensitive: Sensitive(c.Column),
			TextZH: zh + "中最常见的 " + c.Name, TextEN: "commonest " + c.Name + " of " + en})
	}
}
