package quality

import (
	"fmt"

	"kequn"
	"kequn/internal/table"
)

var moneyKinds = []*kind{refundFirst, refundLarger, currencies, cancelled}

// amounts proposes a rule ahead for datasets of orders or items with an amount.
func amounts(name string, share float64) func(sc *scan, s *set) []Rule {
	return func(sc *scan, s *set) []Rule {
		if s.Role != kequn.Orders && s.Role != kequn.Items || s.with(kequn.ColAmount) == "" {
			return nil
		}
		return ruleOf(name, s.Name, s.with(kequn.ColAmount)).sharing(share)
	}
}

// eachCustomer finds rows customer by customer, in order of time. judge gets a customer's stretch of rows.
func eachCustomer(column string, judge func(s *pieceSet, col *table.Column, from, to int, emit func(int)) (of int64)) finder {
	return func(p *piece, s *pieceSet, emit func(int)) (of int64) {
		var col *table.Column
		if column != "" {
			if col = s.col(column); col == nil {
				return 0
			}
		}
		for c := 0; c+1 < len(s.start); c++ {
			if from, to := int(s.start[c]), int(s.start[c+1]); to > from {
				of += judge(s, col, from, to, emit)
			}
		}
		return of
	}
}

// refundFirst: nobody is refunded before buying.
var refundFirst = &kind{name: "refund_first", family: "money", weight: 2, zh: "是首次购买之前的退款", en: "is a refund before the customer's first purchase",
	ahead: amounts("refund_first", 0),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return eachCustomer(r.Column, func(s *pieceSet, col *table.Column, from, to int, emit func(int)) (of int64) {
			if col.Kind.InCode() {
				return 0
			}
			bought := false
			for r := from; r < to; r++ {
				if s.skipped(r) {
					continue
				}
				of++
				switch x := col.Float(r); {
				case x > 0:
					bought = true
				case x < 0 && !bought:
					// A purchase of the same instant may stand behind it.
					for k := r + 1; k < to && s.time[k] == s.time[r]; k++ {
						bought = bought || col.Float(k) > 0
					}
					if !bought {
						emit(r)
					}
				}
			}
			return of
		}), nil
	},
}

// refundLarger: nobody gets back more than he has paid until then.
var refundLarger = &kind{name: "refund_larger", family: "money", weight: 2, zh: "的退款使累计退款超过累计付款", en: "refunds more than the customer had paid until then",
	ahead: amounts("refund_larger", 0),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return eachCustomer(r.Column, func(s *pieceSet, col *table.Column, from, to int, emit func(int)) (of int64) {
			if col.Kind.InCode() {
				return 0
			}
			paid, some := 0.0, false
			for r := from; r < to; {
				// Rows of one instant count together.
				end, before := r, paid
				for ; end < to && (s.time == nil || s.time[end] == s.time[r]); end++ {
					if x := col.Float(end); x == x && !s.skipped(end) {
						of++
						paid += x
						some = some || x > 0
					}
				}
				if paid < -.005 && some {
					for k := r; k < end; k++ {
						if col.Float(k) < 0 && before >= 0 && !s.skipped(k) {
							emit(k)
						}
					}
				}
				r = end
			}
			return of
		}), nil
	},
}

// currencies: one column of amounts is of one currency. Max is how many there may be.
var currencies = &kind{name: "currencies", family: "money", weight: 3, value: true, zh: "种货币在同一金额列中：合计没有意义", en: "currencies in one column of amounts: their sum means nothing",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if c.def.Role != kequn.ColCurrency || c.values == nil {
			return nil
		}
		return ruleOf("currencies", t.set.Name, c.def.Name).atMost(1)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if c.values == nil || !c.kind.InCode() {
			return unknown
		}
		m := measure{of: t.total()}
		folded := map[string]bool{}
		for i, s := range c.values.top() {
			f := fold(s.text)
			if !folded[f] {
				m.value++
				if i > 0 {
					m.zh, m.en = m.zh+", ", m.en+", "
				}
				m.zh += fmt.Sprintf("%s %s", s.text, percent(float64(s.rows())/float64(t.total())))
				m.en = m.zh
			}
			folded[f] = true
			if len(folded) > 1 {
				m.found += s.rows()
			}
		}
		return m
	}),
}

// cancelled: orders whose number begins with a letter where the others are digits: cancellations, credit notes.
var cancelled = &kind{name: "cancelled", family: "money", weight: 1, zh: "的单号以字母开头（退单、红字单？），其余为纯数字", en: "begins with a letter where other order numbers are digits (cancelled?)",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if c.def.Role != kequn.ColOrder && c.def.Role != kequn.ColID || !c.kind.InCode() {
			return nil
		}
		of := t.total() - c.empties()
		n := lettered(c)
		if n == 0 || float64(n) > .2*float64(of) || float64(c.hits(digits)) < .8*float64(of) {
			return nil
		}
		return ruleOf("cancelled", t.set.Name, c.def.Name).sharing(0)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		return measure{found: lettered(c), of: t.total() - c.empties()}
	}),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyText(r.Column, func(b []byte) bool { return letterAhead(string(b)) }), nil
	},
}

// lettered counts the rows whose value is one letter and then digits.
func lettered(c *columnTally) (n int64) {
	if c.shapes == nil {
		return 0
	}
	for i := range c.shapes.items {
		if letterAhead(example(c.shapes.items[i].text)) {
			n += c.shapes.items[i].rows()
		}
	}
	return n
}

func letterAhead(s string) bool {
	if len(s) < 3 || classOf(rune(s[0])) != 'A' && classOf(rune(s[0])) != 'a' {
		return false
	}
	for _, b := range []byte(s[1:]) {
		if b < '0' || b > '9' {
			return false
		}
	}
	return true
}
