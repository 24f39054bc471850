package quality

import (
	"kequn"
	"kequn/internal/table"
)

var peopleKinds = []*kind{rateKind, allDayKind, burstKind, bigCustomer}

// human proposes a rule ahead for datasets of what people do.
func human(k string, share, limit float64) func(sc *scan, s *set) []Rule {
	return func(sc *scan, s *set) []Rule {
		if s.Role != kequn.Events && s.Role != kequn.Orders {
			return nil
		}
		r := ruleOf(k, s.Name, "")
		r.Share = share
		return r.atMost(limit)
	}
}

// bound returns Max, or what stands for it.
func (r *Rule) bound(x float64) float64 {
	if r.Max != nil {
		return *r.Max
	}
	return x
}

// rateKind: nobody does more than Max different things within a minute. Rows of one instant are one deed (lines of a basket).
var rateKind = &kind{name: "inhuman_rate", family: "people", weight: 2, zh: "来自一分钟内行为过密的客户（机器人？）", en: "belongs to a stretch with more deeds a minute than a person can do (a bot?)",
	ahead: human("inhuman_rate", 0, 60),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		limit := int(r.bound(60))
		return eachCustomer("", func(s *pieceSet, _ *table.Column, from, to int, emit func(int)) (of int64) {
			if s.time == nil {
				return 0
			}
			of = int64(to - from)
			if to-from <= limit {
				return of
			}
			begin, deeds, told := from, 0, from
			for r := from; r < to; r++ {
				if r == from || s.time[r] != s.time[r-1] {
					deeds++
				}
				for s.time[r]-s.time[begin] >= 60e6 {
					if s.time[begin+1] != s.time[begin] {
						deeds--
					}
					begin++
				}
				if deeds > limit {
					for k := max(begin, told); k <= r; k++ {
						emit(k)
					}
					told = r + 1
				}
			}
			return of
		}), nil
	},
}

// allDayKind: nobody is active in Max different hours of one day.
var allDayKind = &kind{name: "never_sleeps", family: "people", weight: 2, zh: "来自一天几乎每小时都活跃的客户（机器人？）", en: "belongs to a day on which the customer was active nearly every hour (a bot?)",
	ahead: human("never_sleeps", 0, 20),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		limit := int(r.bound(20))
		return eachDay(func(s *pieceSet, from, to int) bool {
			if to-from < limit {
				return false
			}
			var hours [24]bool
			n := 0
			for r := from; r < to; r++ {
				h := (s.local[r] - int64(dayOf(s.local[r]))*microsPerDay) / 3600e6
				if !hours[h] {
					hours[h] = true
					n++
				}
			}
			return n >= limit
		}), nil
	},
}

// eachDay finds the rows of a customer's days that are bad.
func eachDay(bad func(s *pieceSet, from, to int) bool) finder {
	return eachCustomer("", func(s *pieceSet, _ *table.Column, from, to int, emit func(int)) (of int64) {
		if s.time == nil {
			return 0
		}
		for r := from; r < to; {
			day, end := dayOf(s.local[r]), r+1
			for end < to && dayOf(s.local[end]) == day {
				end++
			}
			if bad(s, r, end) {
				for k := r; k < end; k++ {
					emit(k)
				}
			}
			r = end
		}
		return int64(to - from)
	})
}

// burstKind: no day on which a customer does more than Max different things.
var burstKind = &kind{name: "burst", family: "people", weight: 1, zh: "来自某客户一天内的异常爆发", en: "belongs to a day on which one customer did far more than anybody does",
	ahead: human("burst", 0, 500),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		limit := int(r.bound(500))
		return eachDay(func(s *pieceSet, from, to int) bool {
			if to-from <= limit {
				return false
			}
			deeds := 1
			for r := from + 1; r < to; r++ {
				if s.time[r] != s.time[r-1] {
					deeds++
				}
			}
			return deeds > limit
		}), nil
	},
}

// bigCustomer: no customer has more than Max of all rows: a collective account, or a till's own number.
var bigCustomer = &kind{name: "big_customer", family: "people", weight: 2, value: true, percent: true, zh: "：行数最多的一位客户占全部的比例（公共账户？）", en: "of all rows belong to one customer (a collective account?)",
	propose: func(sc *scan, t *setTally) []Rule {
		if t.set.part < 0 || t.set.Role == kequn.Customers || t.customers < 2*enough {
			return nil
		}
		usual := t.perHead.quantile(.99) / float64(max(1, t.total()))
		return ruleOf("big_customer", t.set.Name, "").atMost(max(.05, 10*usual))
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		if t.total() == 0 {
			return unknown
		}
		return measure{value: float64(t.busiest) / float64(t.total()), found: t.busiest, of: t.total()}
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		limit := r.bound(.05) * float64(s.Rows)
		return eachCustomer("", func(s *pieceSet, _ *table.Column, from, to int, emit func(int)) int64 {
			if float64(to-from) > limit {
				for k := from; k < to; k++ {
					emit(k)
				}
			}
			return int64(to - from)
		}), nil
	},
}
