package quality

import (
	"fmt"
	"math"
	"strings"

	"kequn"
	"kequn/internal/table"
)

var crossKinds = []*kind{productKind, itemSum, discountKind, atMostKind, correlationKind}

// productKind: Column = the product of two others, within a cent and half a per cent. Other is "quantity * price".
var productKind = &kind{name: "product", family: "cross-column", weight: 2, zh: "不等于数量 × 单价", en: "is not quantity times price",
	ahead: func(sc *scan, s *set) []Rule {
		amount, quantity, price := s.with(kequn.ColAmount), s.with(kequn.ColQuantity), s.with(kequn.ColPrice)
		if amount == "" || quantity == "" || price == "" || s.Column(amount).From != "" || s.part < 0 {
			return nil
		}
		r := ruleOf("product", s.Name, amount)
		r.Other = quantity + " * " + price
		return r.sharing(0)
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		a, b, ok := strings.Cut(r.Other, "*")
		a, b = strings.TrimSpace(a), strings.TrimSpace(b)
		if !ok || s.column(a) < 0 || s.column(b) < 0 {
			return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "other is no product of two columns: %q", r.Other).WithHint("for example other: quantity * price")
		}
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			x, y, z := s.col(r.Column), s.col(a), s.col(b)
			if x.Kind.InCode() || y.Kind.InCode() || z.Kind.InCode() {
				return nil
			}
			return func(r int) (bool, bool) {
				have, want := x.Float(r), y.Float(r)*z.Float(r)
				return have == have && want == want, math.Abs(have-want) > .011+.005*math.Abs(want)
			}
		}), nil
	},
}

// itemSum: the lines of an order add up to its amount. Other is items.order; judged are orders with lines.
var itemSum = &kind{name: "item_sum", family: "cross-column", weight: 2, zh: "不等于其明细之和", en: "is not the sum of its lines",
	ahead: func(sc *scan, s *set) []Rule {
		items := sc.roleSet(kequn.Items)
		if s.Role != kequn.Orders || items == nil || s.with(kequn.ColAmount) == "" || items.with(kequn.ColAmount) == "" || items.with(kequn.ColOrder) == "" || s.orderKey() == "" {
			return nil
		}
		r := ruleOf("item_sum", s.Name, s.with(kequn.ColAmount))
		r.Other = items.Name + "." + items.with(kequn.ColAmount)
		return r.sharing(0)
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		name, amount, _ := strings.Cut(r.Other, ".")
		items := sc.setOf(name)
		if items == nil || items.part < 0 || items.column(amount) < 0 || items.with(kequn.ColOrder) == "" || s.orderKey() == "" {
			return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "other names no amount of lines: %q", r.Other).WithHint("write ITEMS.AMOUNT")
		}
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			lines := &p.sets[items.at]
			of, value := lines.col(items.with(kequn.ColOrder)), lines.col(amount)
			key, have := s.col(s.orderKey()), s.col(r.Column)
			if of == nil || key == nil || !of.Kind.InCode() || !key.Kind.InCode() || value.Kind.InCode() || have.Kind.InCode() {
				return nil
			}
			sums, n := make([]float64, key.Dict.Len()), make([]int32, key.Dict.Len())
			codes := translate(of, key)
			for i, k := range of.Code {
				if k >= 0 && codes[k] >= 0 && !lines.skipped(i) {
					if x := value.Float(i); x == x {
						sums[codes[k]] += x
						n[codes[k]]++
					}
				}
			}
			return func(r int) (bool, bool) {
				k := key.Code[r]
				if k < 0 || n[k] == 0 || have.IsMissing(r) {
					return false, false
				}
				return true, math.Abs(have.Float(r)-sums[k]) > .011+.005*math.Abs(sums[k])
			}
		}), nil
	},
}

// discountKind: what is taken off is not more than the amount, before or after it was taken off.
var discountKind = &kind{name: "discount", family: "cross-column", weight: 2, zh: "的折扣大于金额", en: "has a discount larger than its amount",
	ahead: func(sc *scan, s *set) []Rule {
		d, a := s.with(kequn.ColDiscount), s.with(kequn.ColAmount)
		if d == "" || a == "" || s.part < 0 {
			return nil
		}
		r := ruleOf("discount", s.Name, d)
		r.Other = a
		return r.sharing(0)
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		if s.column(r.Other) < 0 {
			return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "%s has no column %q", s.Name, r.Other)
		}
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			d, a := s.col(r.Column), s.col(r.Other)
			if d.Kind.InCode() || a.Kind.InCode() {
				return nil
			}
			return func(r int) (bool, bool) {
				x, y := math.Abs(d.Float(r)), math.Abs(a.Float(r))
				return x == x && y == y && y > 0, y > 0 && x > y+.005
			}
		}), nil
	},
	needs: needsOther,
}

// atMostKind: Column ≤ Other, where nearly all rows say so.
var atMostKind = &kind{name: "at_most", family: "cross-column", weight: 1, zh: "大于它不应超过的列", en: "is larger than the column that it does not exceed elsewhere",
	propose: func(sc *scan, t *setTally) []Rule { return orderRules(sc, t, "at_most", false, .999) },
	measure: measureOrder, find: findOrder, needs: needsOther,
}

// correlationKind: two columns that went together still do. Max is the change of their correlation (of logarithms, by a
// sample of the rows).
var correlationKind = &kind{name: "correlation", family: "cross-column", weight: 2, value: true, zh: "：两列相关性的变化（原本同增同减）", en: "is how much the correlation of two columns changed that went together",
	propose: func(sc *scan, t *setTally) []Rule {
		var out []Rule
		p := sc.pairs[t.set.at]
		p.each(func(a, b, at int) {
			x := p.sum(at)
			if t.columns[a].kind == table.Time || x.m[0].n < minBefore || x.m[1].n < minAfter {
				return
			}
			if c := x.m[0].correlation(); math.Abs(c) > .8 {
				r := ruleOf("correlation", t.set.Name, t.columns[a].def.Name)
				r.Other = t.columns[b].def.Name
				r.Name += "." + r.Other
				out = append(out, r.atMost(.3)...)
			}
		})
		return out
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		m := unknown
		p := sc.pairs[t.set.at]
		p.each(func(a, b, at int) {
			x := p.sum(at)
			if t.columns[a].def.Name != r.Column || t.columns[b].def.Name != r.Other || x.m[0].n < minBefore || x.m[1].n < minAfter {
				return
			}
			before, after := x.m[0].correlation(), x.m[1].correlation()
			if before != before {
				return
			}
			if after != after {
				after = 0
			}
			m = measure{value: math.Abs(after - before), of: t.rows[1], approx: true}
			t.set.lately(&m.zh, &m.en)
			m.zh = fmt.Sprintf("与 %s：%s %.2f，此前 %.2f", r.Other, m.zh, after, before)
			m.en = fmt.Sprintf("with %s: %.2f %s, %.2f before", r.Other, after, m.en, before)
		})
		return m
	},
	needs: needsOther,
}
