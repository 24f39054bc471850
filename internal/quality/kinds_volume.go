package quality

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
)

var volumeKinds = []*kind{staleKind, behindKind, gapKind, dayVolume, levelKind, smallLoad}

// history is how long ago data may end and still be thought to go on. What ended earlier is history: nobody waits for it.
const history = 366

// staleKind: there is an event within Max days.
var staleKind = &kind{name: "stale", family: "freshness", weight: 3, value: true, zh: "天没有新数据", en: "days without new data",
	propose: func(sc *scan, t *setTally) []Rule {
		if !t.set.timed() || activeDays(t.perDay) < 10 || t.set.Role == kequn.Sends || ageDays(sc, t) > history {
			return nil
		}
		return ruleOf("stale", t.set.Name, "").atMost(float64(max(7, 3*usualGap(t))))
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		if !t.set.timed() {
			return unknown
		}
		last := dayText(t.set.days.first + int32(lastDay(t)))
		return measure{value: float64(ageDays(sc, t)), zh: "最后一行在 " + last, en: "the last row is of " + last}
	},
}

func lastDay(t *setTally) int {
	for d := len(t.perDay) - 1; d >= 0; d-- {
		if t.perDay[d] > 0 {
			return d
		}
	}
	return 0
}

func ageDays(sc *scan, t *setTally) int {
	today := dayOf(sc.clock.local(int64(kequn.At(sc.o.Now))))
	return int(today) - int(t.set.days.first) - lastDay(t)
}

// usualGap returns the days that lie between two days with rows in all but one of fifty cases.
func usualGap(t *setTally) int {
	gaps := gapsOf(t)
	if len(gaps) == 0 {
		return 1
	}
	slices.Sort(gaps)
	return gaps[len(gaps)*49/50]
}

func gapsOf(t *setTally) []int {
	var gaps []int
	last := -1
	for d, n := range t.perDay {
		if n == 0 {
			continue
		}
		if last >= 0 {
			gaps = append(gaps, d-last)
		}
		last = d
	}
	return gaps
}

// behindKind: datasets that used to end together still do. Max is in days.
var behindKind = &kind{name: "behind", family: "freshness", weight: 2, value: true, zh: "天落后于其他数据集", en: "days behind the other datasets",
	propose: func(sc *scan, t *setTally) []Rule {
		if !t.set.timed() || t.set.Role == kequn.Sends || activeDays(t.perDay) < 30 {
			return nil
		}
		return ruleOf("behind", t.set.Name, "").atMost(float64(max(7, 3*usualGap(t))))
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		own, newest := int(t.set.days.first)+lastDay(t), math.MinInt
		for _, o := range sc.tallies {
			if o.set.timed() && o.set.Role != kequn.Sends && len(o.perDay) > 0 {
				newest = max(newest, int(o.set.days.first)+lastDay(o))
			}
		}
		if newest == math.MinInt {
			return unknown
		}
		return measure{value: float64(newest - own), zh: "最后一行在 " + dayText(int32(own)), en: "its last row is of " + dayText(int32(own))}
	},
}

// gapKind: no stretch of days without rows longer than Max, as they would be without a load.
var gapKind = &kind{name: "day_gap", family: "volume", weight: 2, value: true, zh: "天连续无数据（最长的空档）", en: "days in a row without a row (the longest gap)",
	propose: func(sc *scan, t *setTally) []Rule {
		if activeDays(t.perDay) < 50 || t.set.Role == kequn.Sends {
			return nil
		}
		// A gap is learnt from the others: thrice the usual one; on sparse data as many days as chance would rarely make.
		rate := float64(activeDays(t.perDay)) / float64(lastDay(t)-firstDay(t)+1)
		chance := math.Log(.001/float64(len(t.perDay))) / math.Log(max(1e-9, 1-rate))
		if rate >= 1 {
			chance = 0
		}
		_, stray := strayStart(t)
		if stray > 0 {
			return nil // before_start says it
		}
		return ruleOf("day_gap", t.set.Name, "").atMost(math.Ceil(max(3, 3*float64(usualGap(t)-1), chance)))
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		most, at, last := 0, 0, -1
		n := 0
		for d, x := range t.perDay {
			if x == 0 {
				continue
			}
			if last >= 0 && d-last-1 > most {
				most, at = d-last-1, last+1
			}
			if last >= 0 && r.Max != nil && float64(d-last-1) > *r.Max {
				n++
			}
			last = d
		}
		m := measure{value: float64(most), found: int64(n), of: int64(activeDays(t.perDay))}
		if most > 0 {
			from := dayText(t.set.days.first + int32(at))
			m.zh, m.en = "始于 "+from, "from "+from
		}
		return m
	},
}

func firstDay(t *setTally) int {
	for d, n := range t.perDay {
		if n > 0 {
			return d
		}
	}
	return 0
}

// dayVolume: the rows of a day lie in the band that the same weekdays around it keep to. Max is in robust deviations.
var dayVolume = &kind{name: "day_volume", family: "volume", weight: 1, days: true, zh: "的当日行数远离同一星期日的常态", en: "has far more or fewer rows than such weekdays have",
	propose: func(sc *scan, t *setTally) []Rule {
		if activeDays(t.perDay) < 60 || t.set.Role == kequn.Sends || float64(t.total()) < 10*float64(activeDays(t.perDay)) {
			return nil
		}
		r := ruleOf("day_volume", t.set.Name, "")
		return r.atMost(8)
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		limit := 8.0
		if r.Max != nil {
			limit = *r.Max
		}
		odd, of := oddDays(t, limit)
		m := measure{found: int64(len(odd)), of: int64(of)}
		var days []string
		for _, d := range odd[max(0, len(odd)-3):] {
			days = append(days, dayText(t.set.days.first+int32(d)))
		}
		if len(odd) > 0 {
			m.zh, m.en = "最近："+strings.Join(days, "、"), "the latest: "+strings.Join(days, ", ")
		}
		return m
	},
}

// oddDays returns the days whose number of rows is far from that of the eight same weekdays before and after: beyond limit
// deviations of the square root, of which the variance is about ¼ for independent arrivals, and beyond half or double.
func oddDays(t *setTally, limit float64) (odd []int, of int) {
	first, last := firstDay(t), lastDay(t)
	var near []float64
	for d := first; d <= last; d++ {
		near = near[:0]
		for k := 1; k <= 4; k++ {
			for _, o := range []int{d - 7*k, d + 7*k} {
				if o >= first && o <= last {
					near = append(near, math.Sqrt(float64(t.perDay[o])))
				}
			}
		}
		if len(near) < 4 {
			continue
		}
		of++
		slices.Sort(near)
		median := near[len(near)/2]
		for i, x := range near {
			near[i] = math.Abs(x - median)
		}
		slices.Sort(near)
		spread := max(.5, 1.4826*near[len(near)/2])
		x := math.Sqrt(float64(t.perDay[d]))
		if math.Abs(x-median) > limit*spread && (x > 1.6*median || x < .6*median) && !(d == last && x < median) {
			odd = append(odd, d)
		}
	}
	return odd, of
}

// levelKind: the rows of a day do not change their level for good. Max is the factor up or down.
var levelKind = &kind{name: "level_jump", family: "volume", weight: 2, value: true, zh: "倍：日行数的水平突变", en: "times: the rows per day jumped to another level",
	propose: func(sc *scan, t *setTally) []Rule {
		if activeDays(t.perDay) < 90 || t.set.Role == kequn.Sends || float64(t.total()) < 5*float64(len(t.perDay)) {
			return nil
		}
		return ruleOf("level_jump", t.set.Name, "").atMost(3)
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		factor, at := levelJump(t)
		day := dayText(t.set.days.first + int32(at))
		m := measure{value: factor, of: int64(activeDays(t.perDay))}
		if at > 0 {
			m.zh, m.en = "在 "+day, "on "+day
		}
		return m
	},
}

// levelJump returns the largest sudden change between the medians of four weeks before a day and four weeks from it, as a
// factor above 1: sudden, so the week before and the week after differ as much.
func levelJump(t *setTally) (factor float64, at int) {
	first, last := firstDay(t), lastDay(t)
	factor = 1
	level := func(from, to int) float64 {
		x := make([]int64, 0, to-from)
		x = append(x, t.perDay[from:to]...)
		slices.Sort(x)
		return float64(x[len(x)/2])
	}
	for d := first + 28; d+28 <= last; d++ {
		a, b := level(d-28, d), level(d, d+28)
		c, e := level(d-7, d), level(d, d+7)
		if max(a, b) < 10 {
			continue
		}
		ratio := func(x, y float64) float64 { return max(x, y, 1) / max(1, min(x, y)) }
		same := (a < b) == (c < e)
		if f := min(ratio(a, b), ratio(c, e)); same && f > factor {
			factor, at = f, d
		}
	}
	return factor, at
}

// smallLoad: a load brings at least Min of what loads usually bring.
var smallLoad = &kind{name: "small_load", family: "volume", weight: 2, value: true, percent: true, zh: "：最近一次加载的行数与以往之比", en: "of the rows that loads usually bring came with the newest one",
	propose: func(sc *scan, t *setTally) []Rule {
		if len(loadSizes(t.set)) < 3 {
			return nil
		}
		return ruleOf("small_load", t.set.Name, "").atLeast(.2)
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		sizes := loadSizes(t.set)
		if len(sizes) < 2 {
			return unknown
		}
		newest := sizes[len(sizes)-1]
		before := slices.Clone(sizes[:len(sizes)-1])
		slices.Sort(before)
		usual := before[len(before)/2]
		if usual == 0 {
			return unknown
		}
		return measure{value: newest / usual, zh: fmt.Sprintf("%.0f 行，以往 %.0f 行", newest, usual), en: fmt.Sprintf("%.0f rows, usually %.0f", newest, usual)}
	},
}

// loadSizes returns the rows kept of each load: files of one moment are one. The first is the stock, where others follow.
func loadSizes(s *set) []float64 {
	var out []float64
	var at kequn.Instant
	for i, l := range s.loads {
		if i > 0 && l.At == at {
			out[len(out)-1] += float64(l.Kept)
			continue
		}
		at = l.At
		out = append(out, float64(l.Kept))
	}
	if len(out) > 2 {
		out = out[1:]
	}
	return out
}
