package quality

import (
	"fmt"
	"math"
	"time"

	"kequn"
	"kequn/internal/table"
)

func isTime(c *columnTally) bool { return c.kind == table.Time }

var timeKinds = []*kind{
	having(&kind{name: "future", family: "time", weight: 3, zh: "在未来", en: "lies in the future"}, future, 1, func(c *columnTally) bool {
		return isTime(c) && !planned(c.def.Name) && c.def.Role != kequn.ColBirth
	}),
	having(&kind{name: "placeholder_time", family: "values", weight: 2, zh: "是 1900-01-01、1970-01-01、9999-12-31 之类的占位日期", en: "is a date that stands for nothing (1900-01-01, 1970-01-01, 9999-12-31 …)"}, placeholder, .9, isTime),
	having(&kind{name: "too_old", family: "time", weight: 2, zh: "早于 1900 年", en: "lies before 1900"}, old, 1, func(c *columnTally) bool { return isTime(c) && c.def.Role != kequn.ColBirth }),
	beforeStart, partialTimes, zoneShift, knownBefore, lateKind, birthKind, timeOrder,
}

// planned tells whether a column's dates may well lie ahead.
func planned(name string) bool {
	for _, w := range kequn.NameWords(name) {
		switch w {
		case "end", "due", "expiry", "expires", "expiration", "valid", "until", "planned", "next", "renewal", "to":
			return true
		}
	}
	return false
}

// beforeStart: rows long before all others. Values is the day at which the data begin.
var beforeStart = &kind{name: "before_start", family: "time", weight: 2, zh: "远早于其余数据（早于开业？）", en: "lies long before all other rows (before the business began?)",
	propose: func(sc *scan, t *setTally) []Rule {
		day, n := strayStart(t)
		if n == 0 {
			return nil
		}
		r := ruleOf("before_start", t.set.Name, t.set.with(kequn.ColTime))
		r.Values = []string{dayText(t.set.days.first + day)}
		return r.sharing(0)
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		start, err := time.Parse("2006-01-02", r.Values[0])
		if err != nil {
			return unknown
		}
		m := measure{of: t.total(), zh: "数据始于 " + r.Values[0], en: "the data begin on " + r.Values[0]}
		from := int32(start.Unix()/86400) - t.set.days.first
		for d, n := range t.perDay {
			if int32(d) < from {
				m.found += n
			}
		}
		return m
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		start, err := time.Parse("2006-01-02", r.Values[0])
		if err != nil {
			return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "%q is no date", r.Values[0])
		}
		from := start.UnixMicro()
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			if s.time == nil {
				return nil
			}
			return func(r int) (bool, bool) { return true, s.local[r] < from }
		}), nil
	},
	needs: func(r *Rule) string {
		if len(r.Values) != 1 {
			return "values: [DATE]"
		}
		return ""
	},
}

// strayStart returns the first day after a long silence before which hardly anything happened, and how many rows lie before.
func strayStart(t *setTally) (day int32, stray int64) {
	var before, total int64
	for _, n := range t.perDay {
		total += n
	}
	last := -1
	for d, n := range t.perDay {
		if n == 0 {
			continue
		}
		if last >= 0 && d-last > max(90, (len(t.perDay)-d)/5) && float64(before) <= .001*float64(total) {
			day, stray = int32(d), before
		}
		before += n
		last = d
	}
	return day, stray
}

// partialTimes: some rows lost their time of day.
var partialTimes = &kind{name: "time_of_day", family: "time", weight: 1, zh: "正好在午夜：时刻可能丢失", en: "is exactly at midnight, in a column of times of day: the time may be lost",
	propose: func(sc *scan, t *setTally) []Rule {
		at := rows2(t.midnight)
		if of := t.total(); of < 10*enough || at < 10 || float64(at) < .002*float64(of) || float64(at) > .5*float64(of) {
			return nil
		}
		return ruleOf("time_of_day", t.set.Name, t.set.with(kequn.ColTime)).sharing(.001)
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		return measure{found: rows2(t.midnight), of: t.total()}
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			if s.time == nil {
				return nil
			}
			return func(r int) (bool, bool) { return true, s.local[r] == int64(dayOf(s.local[r]))*microsPerDay }
		}), nil
	},
}

// zoneShift: the hours of the day are where they were before. Max is the shift in hours that may be.
var zoneShift = &kind{name: "zone_shift", family: "time", weight: 3, value: true, zh: "小时的作息偏移（时区可能变了）", en: "hours by which the day has moved (another time zone?)",
	propose: func(sc *scan, t *setTally) []Rule {
		if !zoneJudged(t) {
			return nil
		}
		return ruleOf("zone_shift", t.set.Name, t.set.with(kequn.ColTime)).atMost(0)
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		if !zoneJudged(t) {
			return unknown
		}
		shift := hourShift(t.hours[0], t.hours[1])
		m := measure{value: math.Abs(float64(shift)), of: t.rows[1]}
		t.set.lately(&m.zh, &m.en)
		return m
	},
}

func zoneJudged(t *setTally) bool {
	var a, b, most int64
	for h := range 24 {
		a, b, most = a+t.hours[0][h], b+t.hours[1][h], max(most, t.hours[0][h])
	}
	return a >= 500 && b >= 200 && float64(most) > .07*float64(a)
}

// hourShift returns by how many hours the second day is turned against the first: the shift at which the two agree much
// better than unshifted, else 0.
func hourShift(before, after [24]int64) int {
	a, b := shares(before), shares(after)
	apart := func(shift int) (d float64) {
		for h := range 24 {
			d += math.Abs(a[h] - b[(h+shift+24)%24])
		}
		return d
	}
	still, best, at := apart(0), math.Inf(1), 0
	for k := 1; k <= 12; k++ {
		for _, s := range []int{k, -k} {
			if d := apart(s); d < best {
				best, at = d, s
			}
		}
	}
	if still > .3 && best < .4*still {
		return at
	}
	return 0
}

func shares(n [24]int64) (out [24]float64) {
	var sum int64
	for _, x := range n {
		sum += x
	}
	for h, x := range n {
		out[h] = float64(x) / float64(max(1, sum))
	}
	return out
}

// knownBefore: nothing is known before it happens.
var knownBefore = &kind{name: "known_before", family: "time", weight: 3, zh: "记录时间早于发生时间", en: "was known before it happened",
	ahead: func(sc *scan, s *set) []Rule {
		if s.timed() && s.known && s.With(kequn.ColKnownAt) != nil {
			return ruleOf("known_before", s.Name, s.With(kequn.ColKnownAt).Name).sharing(0)
		}
		return nil
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			if s.time == nil || s.known == nil {
				return nil
			}
			return func(r int) (bool, bool) { return true, s.known[r] < s.time[r] }
		}), nil
	},
}

// lateKind: rows become known soon after they happened. Max is in days.
var lateKind = &kind{name: "late", family: "time", weight: 1, zh: "迟到：发生很久后才入账", en: "became known long after it happened",
	ahead: func(sc *scan, s *set) []Rule {
		if s.timed() && s.known && s.With(kequn.ColKnownAt) != nil {
			r := ruleOf("late", s.Name, s.With(kequn.ColKnownAt).Name)
			r.Share = .05
			return r.atMost(7)
		}
		return nil
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		most := int64(7 * microsPerDay)
		if r.Max != nil {
			most = int64(*r.Max * microsPerDay)
		}
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			if s.time == nil || s.known == nil {
				return nil
			}
			return func(r int) (bool, bool) { return true, s.known[r]-s.time[r] > most }
		}), nil
	},
}

// birthKind: nobody does anything before birth, and nobody is older than Max years (120).
var birthKind = &kind{name: "birth", family: "time", weight: 2, zh: "的出生日期不可能（年龄为负、超过 120 岁，或晚于首次行为）", en: "has a birth date that cannot be (age below 0 or above 120, or after the first event)",
	ahead: func(sc *scan, s *set) []Rule {
		if c := s.With(kequn.ColBirth); s.Role == kequn.Customers && c != nil && c.Kind == table.Time && s.column(c.Name) >= 0 {
			return ruleOf("birth", s.Name, c.Name).sharing(0)
		}
		return nil
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		years := 120.0
		if r.Max != nil {
			years = *r.Max
		}
		now := int64(kequn.At(sc.o.Now))
		oldest := now - int64(years*365.25*microsPerDay)
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			col := s.col(r.Column)
			if col == nil || col.Kind != table.Time {
				return nil
			}
			return func(r int) (bool, bool) {
				born := col.Int[r]
				if born == table.Missing {
					return false, false
				}
				if born > now || born < oldest {
					return true, true
				}
				for i := range p.sets {
					o := &p.sets[i]
					if o.time != nil && o.Role != kequn.Sends && o.has(s.owner[r]) && o.time[o.start[s.owner[r]]] < born && o.time[o.start[s.owner[r]]] != table.Missing {
						return true, true
					}
				}
				return true, false
			}
		}), nil
	},
}

// timeOrder: Column is not after Other.
var timeOrder = &kind{name: "time_order", family: "time", weight: 2, zh: "的先后次序颠倒", en: "has its dates the wrong way round",
	propose: func(sc *scan, t *setTally) []Rule { return orderRules(sc, t, "time_order", true, .995) },
	measure: measureOrder, find: findOrder, needs: needsOther,
}

func needsOther(r *Rule) string {
	if r.Other == "" {
		return "other"
	}
	return ""
}

// orderRules proposes that one column is at most another, for pairs of which nearly all rows say so and few are equal.
func orderRules(sc *scan, t *setTally, name string, times bool, least float64) []Rule {
	var out []Rule
	p := sc.pairs[t.set.at]
	p.each(func(a, b, at int) {
		ca, cb := &t.columns[a], &t.columns[b]
		if (ca.kind == table.Time) != times {
			return
		}
		x := p.sum(at)
		if x.n < 4*enough {
			return
		}
		switch {
		case x.above > 0 && float64(x.below) >= least*float64(x.below+x.above) && float64(x.below) > .5*float64(x.n):
		case x.below > 0 && float64(x.above) >= least*float64(x.below+x.above) && float64(x.above) > .5*float64(x.n):
			ca, cb = cb, ca
		default:
			return
		}
		if !times && !comparable(ca, cb) {
			return
		}
		r := ruleOf(name, t.set.Name, ca.def.Name)
		r.Name += "." + cb.def.Name
		r.Other = cb.def.Name
		out = append(out, r)
	})
	return out
}

// comparable tells whether two columns measure the same kind of thing, so that one at most the other means something.
func comparable(a, b *columnTally) bool {
	money := func(c *columnTally) bool {
		switch c.def.Role {
		case kequn.ColAmount, kequn.ColDiscount, kequn.ColPrice:
			return true
		}
		return c.kind == table.Money
	}
	return money(a) && money(b)
}

func measureOrder(sc *scan, t *setTally, r *Rule) measure {
	m := unknown
	p := sc.pairs[t.set.at]
	p.each(func(a, b, at int) {
		x := p.sum(at)
		switch {
		case t.columns[a].def.Name == r.Column && t.columns[b].def.Name == r.Other:
			m = measure{found: x.above, of: x.n}
		case t.columns[b].def.Name == r.Column && t.columns[a].def.Name == r.Other:
			m = measure{found: x.below, of: x.n}
		default:
			return
		}
		m.zh, m.en = fmt.Sprintf("%s 应不大于 %s", r.Column, r.Other), fmt.Sprintf("%s is at most %s elsewhere", r.Column, r.Other)
	})
	return m
}

func findOrder(sc *scan, s *set, r *Rule) (finder, error) {
	if s.column(r.Other) < 0 {
		return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "%s has no column %q", s.Name, r.Other)
	}
	return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
		a, b := s.col(r.Column), s.col(r.Other)
		if a == nil || b == nil || a.Kind.InCode() || b.Kind.InCode() {
			return nil
		}
		return func(r int) (bool, bool) {
			x, y := a.Float(r), b.Float(r)
			return x == x && y == y, x > y
		}
	}), nil
}
