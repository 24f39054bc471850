package feature

import (
	"cmp"
	"slices"

	"kequn/internal/plan"
	"kequn/internal/query"
)

// baskets adds what single orders look like: their values one by one, how many are of one line, and how mixed they are.
func (b *builder) baskets(stem, zh, en, plural string, bought *query.Node, amount, quantity, item, order *plan.Column) {
	if amount != nil && order != nil { // without an order column every row is an order, and the amounts say it all
		money, from := b.currency(amount), b.source(amount.Name, order.Name)
		for _, f := range []struct {
			fn             query.Fn
			name, zh, en   string
			unit, missText string
		}{
			{query.OrderSD, "_value_sd", "每单金额的标准差", "standard deviation of the value of " + plural, money, "fewer than two orders"},
			{query.OrderMax, "_value_max", "最高一单的金额", "largest value of an " + en, money, noRows},
			{query.OrderLast, "_value_last", "最近一单的金额", "value of the last " + en, money, noRows},
			{query.OrderSlope, "_value_slope", "客单价每月的变化", "change of the value of " + plural + " a month", money + " a month", tooFew},
		} {
			b.add(query.Feature{Name: stem + f.name, Node: b.agg(f.fn, amount.Name, ever, bought), Kind: query.Behaviour, Unit: f.unit, Missing: f.missText, Sources: from, TextZH: f.zh, TextEN: f.en})
		}
		b.add(query.Feature{Name: stem + "_value_last_ratio", Node: divide(b.agg(query.OrderLast, amount.Name, ever, bought), b.agg(query.OrderMean, amount.Name, ever, bought)), Kind: query.Behaviour, Unit: "ratio",
			Missing: noRows, Sources: from, TextZH: "最近一单金额与客单价之比", TextEN: "value of the last " + en + " over the mean"})
	}
	if order != nil {
		b.add(query.Feature{Name: stem + "_single_share", Node: b.agg(query.OrderSingle, "", ever, bought), Kind: query.Behaviour, Unit: "share", Missing: noRows, Sources: b.source(order.Name),
			TextZH: "只有一行的订单占比", TextEN: "share of " + plural + " of a single line"})
		for _, c := range b.widest(maxMixed, func(c column) bool {
			return c.profile.Distinct >= 3 && c.name != c.Column.Name // an order's own class, such as its shop, is one in every order
		}) {
			b.add(query.Feature{Name: stem + "_" + c.stem + "_mean", Node: b.agg(query.OrderDistinct, c.name, ever, bought), Kind: query.Behaviour, Unit: "kinds", Missing: noRows, Sources: b.source(c.name, order.Name),
				Sensitive: Sensitive(c.Column), TextZH: "平均每单的不同 " + c.Name + " 数", TextEN: "mean number of different values of " + c.Name + " in an " + en})
		}
	}
	if amount != nil && quantity != nil && isAmount(*quantity) {
		money := b.currency(amount)
		price := func(w window) *query.Node {
			return divide(b.agg(query.Sum, amount.Name, w, bought), b.agg(query.Sum, quantity.Name, w, bought))
		}
		b.add(query.Feature{Name: stem + "_piece_price_ever", Node: price(ever), Kind: query.Behaviour, Unit: money, Missing: noRows, Sources: b.source(amount.Name, quantity.Name),
			TextZH: "平均每件价格", TextEN: "mean price of a piece"})
		if len(b.long) > 1 {
			w := b.long[0]
			b.add(query.Feature{Name: stem + "_piece_price_trend_" + w.suffix, Node: divide(price(w), price(ever)), Kind: query.Behaviour, Unit: "ratio", Missing: noRows, Sources: b.source(amount.Name, quantity.Name),
				TextZH: w.zh + "每件价格与一贯水平之比", TextEN: "price of a piece " + w.en + " over that so far"})
		}
	}
	if item != nil {
		b.taste(stem, zh, bought, item)
	}
}

// maxMixed is how many classes of goods are counted order by order.
const maxMixed = 2

// taste adds how loyal customers are to products, and how much they try.
func (b *builder) taste(stem, zh string, bought *query.Node, item *plan.Column) {
	src := b.source(item.Name)
	for _, w := range b.windows[:len(b.windows)-1] {
		if w.Span.Days != 30 && w.Span.Days != 90 {
			continue
		}
		b.add(query.Feature{Name: stem + "_new_products_share_" + w.suffix, Node: divide(b.agg(query.Fresh, item.Name, w, bought), b.agg(query.Distinct, item.Name, w, bought)), Kind: query.Behaviour, Unit: "share",
			Missing: noRows, Sources: src, TextZH: w.zh + "首次购买的商品占比", TextEN: "share of products bought for the first time " + w.en})
	}
	b.add(query.Feature{Name: stem + "_product_entropy", Node: b.agg(query.Entropy, item.Name, ever, bought), Kind: query.Behaviour, Unit: "nats", Missing: noRows, Sources: src,
		TextZH: zh + "在商品上的分散程度", TextEN: "spread of purchases over products"})
	b.add(query.Feature{Name: stem + "_product_top_share", Node: b.agg(query.ModeShare, item.Name, ever, bought), Kind: query.Behaviour, Unit: "share", Missing: noRows, Sources: src,
		TextZH: "最常买的商品占购买行的比例", TextEN: "share of the product bought most in lines"})
}

// widest returns the classes that most rows have a value of, at most so many, in the order of the columns.
func (b *builder) widest(most int, want func(column) bool) []column {
	var out []column
	for _, c := range b.columns(isClass) {
		if c.profile.Values > 0 && want(c) {
			out = append(out, c)
		}
	}
	if len(out) <= most {
		return out
	}
	sorted := slices.Clone(out)
	slices.SortStableFunc(sorted, func(x, y column) int { return cmp.Compare(y.profile.Values, x.profile.Values) })
	least := sorted[most-1].profile.Values
	return slices.DeleteFunc(out, func(c column) bool { return c.profile.Values < least })[:most]
}

// Shifts are followed of so many classes of goods, and of so many values of each.
const (
	maxShiftClasses = 2
	maxShifts       = 3
)

// shifts adds how tastes change.
func (b *builder) shifts(bought *query.Node, amount *plan.Column) {
	for _, c := range b.widest(maxShiftClasses, func(c column) bool { return c.profile.Distinct >= 2 && c.profile.Distinct <= 200 }) {
		b.shift(c, bought, amount)
	}
}

// shift adds how the share of the commonest classes changes from what it always was to the long window.
func (b *builder) shift(c column, bought *query.Node, amount *plan.Column) {
	if len(b.long) < 2 {
		return
	}
	w := b.long[0]
	for i, seen := range c.profile.Top {
		if i == maxShifts || c.profile.Distinct == 2 && i == 1 {
			return
		}
		where := both(bought, equals(c.name, seen.Value))
		share := func(w window) *query.Node {
			if amount != nil {
				return divide(b.agg(query.Sum, amount.Name, w, where), b.agg(query.Sum, amount.Name, w, bought))
			}
			return divide(b.linesOf("", w, where), b.linesOf("", w, bought))
		}
		from := b.source(c.name)
		if amount != nil {
			from = append(from, b.source(amount.Name)...)
		}
		b.add(query.Feature{Name: c.stem + "_" + clean(seen.Value) + "_shift_" + w.suffix, Node: query.Apply(query.Sub, query.Number, share(w), share(ever)), Kind: query.Behaviour, Unit: "share", Missing: noRows, Sources: from,
			Sensitive: Sensitive(c.Column), TextZH: w.zh + "「" + seen.Value + "」（" + c.Name + "）占比与一贯占比之差", TextEN: "share of " + seen.Value + " (" + c.Name + ") " + w.en + " less that so far"})
	}
}
