package quality

import (
	"math"

	"kequn"
	"kequn/internal/table"
)

func isNumber(c *columnTally) bool { return c.num[0].bins != nil }

// numberColumn proposes for columns of numbers with enough of them.
func numberColumn(f func(sc *scan, t *setTally, c *columnTally, all numbers) []Rule) func(sc *scan, t *setTally) []Rule {
	return eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !isNumber(c) || c.num[0].n+c.num[1].n < enough || c.def.Role == kequn.ColID || c.def.Role == kequn.ColOrder {
			return nil
		}
		return f(sc, t, c, c.numberOf())
	})
}

var numberKinds = []*kind{
	withTrait(&kind{name: "negative", family: "range", weight: 2, zh: "为负数", en: "is negative",
		propose: numberColumn(func(sc *scan, t *setTally, c *columnTally, all numbers) []Rule {
			if n := c.hits(negative); n > 0 && float64(n) < .2*float64(all.n) {
				return ruleOf("negative", t.set.Name, c.def.Name).sharing(0)
			}
			return nil
		})}, negative),
	withTrait(&kind{name: "zero", family: "range", weight: 1, zh: "为零", en: "is zero",
		propose: numberColumn(func(sc *scan, t *setTally, c *columnTally, all numbers) []Rule {
			switch c.def.Role {
			case kequn.ColAmount, kequn.ColPrice, kequn.ColQuantity:
				if n := c.hits(zero); n > 0 && float64(n) < .2*float64(all.n) {
					return ruleOf("zero", t.set.Name, c.def.Name).sharing(0)
				}
			}
			return nil
		})}, zero),
	withTrait(&kind{name: "fraction", family: "type", weight: 1, zh: "不是整数，而该列几乎都是整数", en: "is not whole, in a column of whole numbers",
		propose: numberColumn(func(sc *scan, t *setTally, c *columnTally, all numbers) []Rule {
			if n := c.hits(fraction); n > 0 && float64(n) <= .005*float64(all.n) && all.n >= 4*enough {
				return ruleOf("fraction", t.set.Name, c.def.Name).sharing(0)
			}
			return nil
		})}, fraction),
	withTrait(&kind{name: "decimals", family: "money", weight: 1, zh: "的小数多于两位", en: "has more than two decimals",
		propose: numberColumn(func(sc *scan, t *setTally, c *columnTally, all numbers) []Rule {
			money := c.kind == table.Money || c.def.Role == kequn.ColAmount || c.def.Role == kequn.ColPrice || c.def.Role == kequn.ColDiscount
			if n := c.hits(fine); money && n > 0 && float64(n) < .05*float64(all.n) {
				return ruleOf("decimals", t.set.Name, c.def.Name).sharing(0)
			}
			return nil
		})}, fine),
	placeholderNumber, outlierKind, rangeKind,
}

// placeholderNumber: 9999, −1 and their like, where they stick out: far more of them than of their neighbours.
var placeholderNumber = withTrait(&kind{name: "placeholder_number", family: "values", weight: 1, zh: "是 9999、-1 之类的占位数", en: "is a number that stands for nothing (9999, -1 …)",
	propose: numberColumn(func(sc *scan, t *setTally, c *columnTally, all numbers) []Rule {
		n := c.hits(placeholder)
		switch c.def.Role {
		case kequn.ColQuantity, kequn.ColAmount, kequn.ColPrice, kequn.ColDiscount:
			return nil // one piece given back is −1
		}
		if n < 3 || float64(n) > .5*float64(all.n) || idLike(c.def.Name) {
			return nil
		}
		// Where 1000 and 998 are as usual as 999, 999 is a number: what lies beside them is compared.
		near := all.above(binOf(900)) + all.below(binOf(-1)-1) - n
		if float64(n) < 5*float64(max(1, near)) && float64(c.hits(negative)) > float64(n) || float64(near) > .2*float64(n) {
			return nil
		}
		return ruleOf("placeholder_number", t.set.Name, c.def.Name).sharing(0)
	})}, placeholder)

// outlierKind: numbers far beyond the rest. Min and Max are borders of histogram bins, so that rows beyond are counted exactly.
var outlierKind = &kind{name: "outlier", family: "range", weight: 1, zh: "远离其余数值", en: "lies far beyond the rest",
	propose: numberColumn(func(sc *scan, t *setTally, c *columnTally, all numbers) []Rule {
		if idLike(c.def.Name) || c.def.Role == kequn.ColKey || c.def.Role == kequn.ColItem || all.n < 10*enough {
			return nil
		}
		// The upper fence: as far beyond the 99.9 % point as that is above the median, twice, on the scale of logarithms; so
		// that long tails are not called outliers.
		r := ruleOf("outlier", t.set.Name, c.def.Name)
		median, far := all.quantile(.5), all.quantile(.999)
		broken := false
		if fence := fenceBin(median, far); fence < nBins && all.max > 1.5*edge(fence) {
			x := edge(fence)
			r.Max, broken = &x, true
		}
		if low := all.quantile(.001); low < 0 {
			if fence := fenceBin(-median, -low); fence < nBins && all.min < -1.5*edge(fence) {
				x := -edge(fence)
				r.Min, broken = &x, true
			}
		}
		if !broken {
			return nil
		}
		return r.sharing(0)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		all := c.numberOf()
		m := measure{of: all.n}
		if r.Max != nil {
			m.found = all.above(binOf(*r.Max))
			m.zh, m.en = "最大 "+short(all.max)+"，界限 "+short(*r.Max), "largest "+short(all.max)+", limit "+short(*r.Max)
		}
		if r.Min != nil {
			m.found += all.below(binOf(*r.Min))
			if r.Max == nil {
				m.zh, m.en = "最小 "+short(all.min)+"，界限 "+short(*r.Min), "smallest "+short(all.min)+", limit "+short(*r.Min)
			}
		}
		return m
	}),
	find:  findRange(true),
	needs: minOrMax,
}

// fenceBin returns the bin from which a positive number lies far beyond: far · max(16, far/median).
func fenceBin(median, far float64) int {
	if !(far > 0) {
		return nBins
	}
	factor := 16.0
	if median > 0 {
		factor = max(factor, far/median)
	}
	return binOf(far*min(factor, 1000)) + 1
}

// rangeKind: numbers lie within Min and Max. Proposed where an earlier load shows the range that values keep to.
var rangeKind = &kind{name: "range", family: "range", weight: 2, zh: "超出允许范围", en: "lies outside the range",
	propose: numberColumn(func(sc *scan, t *setTally, c *columnTally, all numbers) []Rule {
		if !t.set.byLoad || c.num[0].n < 10*enough || c.num[1].n == 0 || idLike(c.def.Name) {
			return nil
		}
		lo, hi := c.num[0].min, c.num[0].max
		room := max((hi-lo)/2, math.Abs(hi), 1)
		lo, hi = lo-room, hi+room
		if c.num[0].min >= 0 {
			lo = 0
		}
		r := ruleOf("range", t.set.Name, c.def.Name)
		r.Min, r.Max = &lo, &hi
		return r.sharing(0)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		all := c.numberOf()
		m := measure{of: all.n, approx: true}
		switch {
		case (r.Min == nil || all.min >= *r.Min) && (r.Max == nil || all.max <= *r.Max):
			m.approx = false
		default:
			if r.Max != nil {
				m.found = all.above(binOf(*r.Max) + 1)
				if all.max > *r.Max {
					m.found = max(1, m.found)
				}
			}
			if r.Min != nil && all.min < *r.Min {
				m.found += max(1, all.below(binOf(*r.Min)-1))
			}
		}
		return m
	}),
	find:  findRange(false),
	needs: minOrMax,
}

// findRange finds numbers beyond Min and Max, or, strict, at them too.
func findRange(strict bool) func(sc *scan, s *set, r *Rule) (finder, error) {
	return func(sc *scan, s *set, r *Rule) (finder, error) {
		lo, hi := math.Inf(-1), math.Inf(1)
		if r.Min != nil {
			lo = *r.Min
		}
		if r.Max != nil {
			hi = *r.Max
		}
		return everyNumber(r.Column, func(x float64) bool {
			return x < lo || x > hi || strict && (x == lo && r.Min != nil || x == hi && r.Max != nil)
		}), nil
	}
}
