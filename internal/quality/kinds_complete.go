package quality

import (
	"fmt"
	"math"

	"kequn"
	"kequn/internal/table"
)

var completeKinds = []*kind{missingKind, emptyKind, missingJump, emptySince, rejectedKind, unreadableKind}

// missingKind: the share of rows without a value stays below Share. Proposed where hardly any is missing.
var missingKind = &kind{name: "missing", family: "completeness", weight: 1, zh: "缺失", en: "is missing",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		n, of := c.empties(), t.total()
		if of < enough || n == 0 || float64(n) > .05*float64(of) {
			return nil
		}
		r := ruleOf("missing", t.set.Name, c.def.Name)
		switch c.def.Role {
		case kequn.ColAmount, kequn.ColQuantity, kequn.ColPrice, kequn.ColItem, kequn.ColType, kequn.ColOrder, kequn.ColCampaign, kequn.ColArm, kequn.ColCurrency:
			return r.sharing(0) // what every row should say
		}
		return r.sharing(max(.01, math.Ceil(1500*float64(n)/float64(of))/1000)) // not everybody tells his birthday
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		return measure{found: c.empties(), of: t.total()}
	}),
	find: func(sc *scan, s *set, r *Rule) (finder, error) { return findMissing(r.Column), nil },
}

func findMissing(column string) finder {
	return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
		col := s.col(column)
		if col == nil {
			return nil
		}
		return func(r int) (bool, bool) { return true, col.IsMissing(r) }
	})
}

// emptyKind: a column without any value.
var emptyKind = &kind{name: "empty_column", family: "completeness", weight: 1, value: true, zh: "个值：该列是空的", en: "values: the column is empty",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if t.total() == 0 || c.empties() < t.total() {
			return nil
		}
		return ruleOf("empty_column", t.set.Name, c.def.Name).atLeast(1)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		return measure{value: float64(t.total() - c.empties()), of: t.total()}
	}),
}

// missingJump: values are not suddenly missing more often than before. Max is by how much the share may grow.
var missingJump = &kind{name: "missing_jump", family: "completeness", weight: 3, value: true, percent: true, zh: "缺失比例的增幅（此后突然多缺）", en: "more of the rows lack it than before",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if t.rows[0] < minBefore || t.rows[1] < minAfter || c.missing[0] == t.rows[0] {
			return nil
		}
		r := ruleOf("missing_jump", t.set.Name, c.def.Name)
		before := float64(c.missing[0]) / float64(t.rows[0])
		limit := .05 + 4*math.Sqrt(before*(1-before)/float64(t.rows[1]))
		if !t.set.byLoad {
			limit += .1
		}
		// A column that the dataset is about, suddenly empty in a new load, is a broken export.
		if after := float64(c.missing[1]) / float64(t.rows[1]); t.set.byLoad && after-before > .5 && before < .2 {
			switch c.def.Role {
			case kequn.ColAmount, kequn.ColPrice, kequn.ColQuantity, kequn.ColItem, kequn.ColType, kequn.ColOrder, kequn.ColArm, kequn.ColCampaign:
				r.Level = Stop
			}
		}
		return r.atMost(limit)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if t.rows[0] < minBefore || t.rows[1] < minAfter {
			return unknown
		}
		before, after := float64(c.missing[0])/float64(t.rows[0]), float64(c.missing[1])/float64(t.rows[1])
		m := measure{value: after - before, found: c.missing[1], of: t.rows[1]}
		t.set.lately(&m.zh, &m.en)
		m.zh = fmt.Sprintf("%s缺 %s，此前 %s", m.zh, percent(after), percent(before))
		m.en = fmt.Sprintf("%s missing %s, %s before", percent(after), m.en, percent(before))
		return m
	}),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			col := s.col(r.Column)
			if col == nil {
				return nil
			}
			return func(r int) (bool, bool) { return true, s.side(r) == 1 && col.IsMissing(r) }
		}), nil
	},
}

func percent(x float64) string {
	if a := math.Abs(x); a > 0 && a < .001 {
		return fmt.Sprintf("%.2g %%", 100*x)
	}
	return fmt.Sprintf("%.1f %%", 100*x)
}

// emptySince: a column that had values has had none since a day. Max is the days that may pass.
var emptySince = &kind{name: "empty_since", family: "completeness", weight: 3, value: true, zh: "天没有任何值", en: "days without any value",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !t.set.timed() || t.rows[0]+t.rows[1] < 10*enough || c.empties() == 0 || float64(c.empties()) > .8*float64(t.total()) || c.kind == table.Time && c.def.Role == kequn.ColTime {
			return nil
		}
		longest, now := emptyRuns(t, c)
		if now == 0 && longest == 0 {
			return nil
		}
		return ruleOf("empty_since", t.set.Name, c.def.Name).atMost(float64(max(3, 2*longest)))
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		_, now := emptyRuns(t, c)
		m := measure{value: float64(now), of: int64(activeDays(t.perDay))}
		if now > 0 {
			day := t.set.days.first + lastValueDay(t, c)
			m.zh, m.en = "最后一个值在 "+dayText(day), "the last value is of "+dayText(day)
		}
		return m
	}),
}

func lastValueDay(t *setTally, c *columnTally) int32 {
	for d := len(t.perDay) - 1; d >= 0; d-- {
		if t.perDay[d] > c.dayEmpty[d] {
			return int32(d)
		}
	}
	return 0
}

// emptyRuns returns the longest run of days with rows but without a value that ended, and how long the last one is.
func emptyRuns(t *setTally, c *columnTally) (longest, now int) {
	run, began := 0, false
	for d, n := range t.perDay {
		switch {
		case n == 0:
		case n == c.dayEmpty[d]:
			run++
		default:
			if began {
				longest = max(longest, run)
			}
			run, began = 0, true
		}
	}
	if !began {
		return 0, 0
	}
	return longest, run
}

// rejectedKind: loads do not refuse more rows than Share.
var rejectedKind = &kind{name: "rejected_rows", family: "completeness", weight: 2, zh: "在加载时被拒收", en: "was refused when it was loaded",
	propose: func(sc *scan, t *setTally) []Rule {
		if n := len(t.set.loads); n == 0 || t.set.loads[n-1].Rejected == 0 {
			return nil
		}
		return ruleOf("rejected_rows", t.set.Name, "").sharing(.001)
	},
	measure: func(sc *scan, t *setTally, r *Rule) measure {
		n := len(t.set.loads)
		if n == 0 {
			return unknown
		}
		m := measure{zh: "kequn rejects " + t.set.Name + " 可查看", en: "kequn rejects " + t.set.Name + " shows them"}
		for i := n - 1; i >= 0 && t.set.loads[i].At == t.set.loads[n-1].At; i-- {
			m.found += t.set.loads[i].Rejected
			m.of += t.set.loads[i].Read
		}
		return m
	},
}

// unreadableKind: cells of the newest load that could not be read as what their column is.
var unreadableKind = &kind{name: "unreadable", family: "type", weight: 2, zh: "无法按该列的类型读出", en: "could not be read as what its column is",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if n := len(t.set.loads); n > 0 && t.set.loads[n-1].Unreadable[c.def.Name] > 0 {
			return ruleOf("unreadable", t.set.Name, c.def.Name).sharing(0)
		}
		return nil
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		n := len(t.set.loads)
		if n == 0 {
			return unknown
		}
		l := t.set.loads[n-1]
		return measure{found: l.Unreadable[c.def.Name], of: l.Read}
	}),
}
