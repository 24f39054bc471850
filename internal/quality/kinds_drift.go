package quality

import (
	"fmt"
	"math"

	"kequn"
	"kequn/internal/metric"
)

var driftKinds = []*kind{numberShift, classShift, shareJump, typeDrift, unitJump}

// numberShift: numbers are distributed as before. Max is the Kolmogorov–Smirnov distance.
var numberShift = &kind{name: "number_shift", family: "distribution", weight: 1, value: true, zh: "：数值分布与此前的距离（KS）", en: "is how far the numbers moved from before (KS distance)",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !isNumber(c) || !compared(t, c) || idLike(c.def.Name) || c.def.Role == kequn.ColID || c.def.Role == kequn.ColOrder {
			return nil
		}
		// What counts weeks or rows moves on by itself.
		if d := c.num[0].distance(&c.num[1]); counting(c.def.Name) || d > .9 && !t.set.byLoad {
			return nil
		}
		return ruleOf("number_shift", t.set.Name, c.def.Name).atMost(drifting(t, .15, .35))
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if !isNumber(c) || !compared(t, c) {
			return unknown
		}
		m := measure{value: c.num[0].distance(&c.num[1]), of: t.rows[1]}
		t.set.lately(&m.zh, &m.en)
		m.zh = fmt.Sprintf("%s中位数 %s，此前 %s", m.zh, short(c.num[1].quantile(.5)), short(c.num[0].quantile(.5)))
		m.en = fmt.Sprintf("median %s %s, %s before", short(c.num[1].quantile(.5)), m.en, short(c.num[0].quantile(.5)))
		return m
	}),
}

// counting tells whether a column's name says that it counts time.
func counting(name string) bool {
	for _, w := range kequn.NameWords(name) {
		switch w {
		case "year", "quarter", "month", "week", "day", "date", "time", "timestamp", "seq", "sequence", "row", "line":
			return true
		}
	}
	return false
}

// drifting chooses the limit of a distance: loads are compared more strictly than stretches of time, which have seasons; few
// rows on a side leave room for chance.
func drifting(t *setTally, load, period float64) float64 {
	x := period
	if t.set.byLoad {
		x = load
	}
	return x + 2/math.Sqrt(float64(max(1, t.rows[1])))
}

// classShift: classes are as frequent as before. Max is the population stability index.
var classShift = &kind{name: "class_shift", family: "distribution", weight: 1, value: true, zh: "：类别占比与此前的差异（PSI）", en: "is how far the classes moved from before (PSI)",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if c.values == nil || !c.kind.InCode() || c.def.Role == kequn.ColCampaign || idLike(c.def.Name) || !c.values.exact() || c.values.distinct() > 200 || !compared(t, c) || len(c.values.items) < 2 {
			return nil
		}
		few := 4 * float64(len(c.values.items)) / float64(t.rows[1])
		return ruleOf("class_shift", t.set.Name, c.def.Name).atMost(drifting(t, .25, .6) + few)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if c.values == nil || !compared(t, c) {
			return unknown
		}
		var a, b []float64
		for i := range c.values.items {
			a, b = append(a, float64(c.values.items[i].n[0])), append(b, float64(c.values.items[i].n[1]))
		}
		m := measure{value: metric.PSI(a, b), of: t.rows[1], approx: !c.values.exact()}
		t.set.lately(&m.zh, &m.en)
		return m
	}),
}

// shareJump: no class's share changes by more than Max.
var shareJump = &kind{name: "share_jump", family: "distribution", weight: 1, value: true, percent: true, zh: "：某一类别占比的最大变化", en: "is the largest change of a class's share",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !isClass(t, c) || !compared(t, c) || len(c.values.items) < 2 {
			return nil
		}
		return ruleOf("share_jump", t.set.Name, c.def.Name).atMost(drifting(t, .15, .3))
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if c.values == nil || !compared(t, c) || t.set.private(c.def.Name) {
			return unknown
		}
		before, after := float64(t.rows[0]-c.missing[0]), float64(t.rows[1]-c.missing[1])
		m := measure{of: t.rows[1]}
		for _, s := range c.values.top() {
			a, b := float64(s.n[0])/before, float64(s.n[1])/after
			if d := math.Abs(b - a); d > m.value {
				m.value = d
				m.zh = fmt.Sprintf("%s 由 %s 变为 %s", s.text, percent(a), percent(b))
				m.en = fmt.Sprintf("%s went from %s to %s", s.text, percent(a), percent(b))
			}
		}
		return m
	}),
}

// typeDrift: texts are of the type they were: numbers, dates, yes and no. Max is the change of share.
var typeDrift = &kind{name: "type_drift", family: "type", weight: 3, value: true, percent: true, zh: "：取值类型（数字、日期、是否、文字）占比的变化", en: "is how much the share of numbers, dates, yes/no among the texts changed",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !isFree(c) || !compared(t, c) {
			return nil
		}
		r := ruleOf("type_drift", t.set.Name, c.def.Name)
		if x, _ := typeChange(t, c); t.set.byLoad && x > .5 {
			switch c.def.Role {
			case kequn.ColItem, kequn.ColType, kequn.ColArm, kequn.ColCampaign:
				r.Level = Stop
			}
		}
		return r.atMost(drifting(t, .1, .2))
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if !compared(t, c) {
			return unknown
		}
		x, which := typeChange(t, c)
		return measure{value: x, of: t.rows[1], zh: which[0], en: which[1]}
	}),
}

func typeChange(t *setTally, c *columnTally) (most float64, which [2]string) {
	before, after := float64(t.rows[0]-c.missing[0]), float64(t.rows[1]-c.missing[1])
	for _, x := range []struct {
		tr     traits
		zh, en string
	}{{numeric, "数字", "numbers"}, {dated, "日期", "dates"}, {truth, "是否", "yes/no"}} {
		n := c.count(x.tr)
		a, b := float64(n[0])/before, float64(n[1])/after
		if d := math.Abs(a - b); d > most {
			most = d
			which = [2]string{fmt.Sprintf("%s由 %s 变为 %s", x.zh, percent(a), percent(b)), fmt.Sprintf("%s went from %s to %s", x.en, percent(a), percent(b))}
		}
	}
	return most, which
}

// unitJump: amounts keep their unit: not suddenly 10, 100 or 1000 times as large, as cents instead of whole units would be.
// Max is the factor.
var unitJump = &kind{name: "unit_jump", family: "money", weight: 3, value: true, zh: "倍：数值整体跳变（单位可能变了，如元变成分）", en: "times: all amounts jumped (another unit, such as cents?)",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !isNumber(c) || idLike(c.def.Name) || c.def.Role == kequn.ColQuantity || c.def.Role == kequn.ColID || c.def.Role == kequn.ColOrder {
			return nil
		}
		if compared(t, c) && t.set.byLoad || len(c.monthly) > 2 {
			r := ruleOf("unit_jump", t.set.Name, c.def.Name)
			if x, byLoad := unitFactor(t, c); byLoad && x >= 8 && (c.def.Role == kequn.ColAmount || c.def.Role == kequn.ColPrice) {
				r.Level = Stop
			}
			return r.atMost(8)
		}
		return nil
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if !isNumber(c) {
			return unknown
		}
		x, byLoad := unitFactor(t, c)
		m := measure{value: x, of: t.rows[1]}
		if byLoad {
			t.set.lately(&m.zh, &m.en)
		} else {
			m.zh, m.en = "在历史中的某个月", "in some month of the history"
		}
		return m
	}),
}

// unitFactor returns by what factor all amounts jumped: between the sides, or between two neighbouring months. The whole
// distribution must have moved: lower quartile, median and upper quartile by about the same factor.
func unitFactor(t *setTally, c *columnTally) (factor float64, byLoad bool) {
	factor = 1
	if t.set.byLoad && compared(t, c) {
		if f := moved(&c.num[0], &c.num[1]); f > factor {
			factor, byLoad = f, true
		}
	}
	prev := -1
	for i := range c.monthly {
		if total(&c.monthly[i]) < 100 {
			continue
		}
		if prev >= 0 {
			lo, hi := math.Inf(1), 0.0
			for _, q := range []float64{.25, .5, .75} {
				a, b := monthQuantile(&c.monthly[prev], q), monthQuantile(&c.monthly[i], q)
				f := b / a
				lo, hi = min(lo, f), max(hi, f)
			}
			if f := max(lo, 1/hi); f > factor {
				factor, byLoad = f, false
			}
		}
		prev = i
	}
	return factor, byLoad
}

func moved(a, b *numbers) float64 {
	lo, hi := math.Inf(1), 0.0
	for _, q := range []float64{.25, .5, .75} {
		x, y := a.quantile(q), b.quantile(q)
		if !(x > 0) || !(y > 0) {
			return 1
		}
		lo, hi = min(lo, y/x), max(hi, y/x)
	}
	return max(lo, 1/hi, 1)
}

func total(m *numbers64) (n int64) {
	for _, x := range m {
		n += int64(x)
	}
	return n
}

func monthQuantile(m *numbers64, q float64) float64 {
	want, sum := int64(q*float64(total(m)-1)), int64(0)
	for i, n := range m {
		if sum += int64(n); sum > want {
			return edge(zeroBin + 1 + 4*i)
		}
	}
	return 1
}
