package source

import (
	"fmt"

	"kequn/internal/table"
)

// profile is what the sampled values of a column look like.
type profile struct {
	name   string // normalised
	code   bool   // its name says identifier
	rows   int
	filled int // not missing

	distinct    int
	numbers     int // plain
	comma, dot  int // numbers in these styles, the plain ones included
	commaOnly   int // of them, those that are not plain numbers
	dotOnly     int
	whole       int
	leadingZero int // digits that begin with a zero: 00123
	negative    int
	scales      [8]int // plain decimals by number of digits, 7 is more
	least, most float64

	times    [3]int // by order: year, day, month first
	orderly  [3]int // of them, those that only this order reads, or that begin with the year
	compact  int    // 20171001
	zoned    int
	bools    int
	zeroOne  int
	mails    int
	phones   int
	currency int
	letters  int // bytes in all
}

// profileColumn looks at the values of one column of the sample.
func profileColumn(s *sample, name string, column int) *profile {
	p := &profile{name: normalName(name), code: namesCode(name), rows: s.rows}
	seen := table.NewDict()
	for i := range s.rows {
		v := trimSpace(s.value(i, column))
		if isMissingWord(v) || len(v) == 1 && v[0] == '?' || len(v) == 3 && (string(v) == "NaN" || string(v) == "nan") {
			continue
		}
		if _, why := parseNumber(v, stylePlain); why == Infinite || why == NumberOverflow {
			continue // a number that is none: one of them does not make words of the others
		}
		p.filled++
		p.letters += len(v)
		// Values repeat; each different one is looked at once and counted from then on would need a map per property, so
		// look again: ten thousand rows are cheap.
		seen.Intern(v)
		p.value(v)
	}
	p.distinct = seen.Len()
	return p
}

func (p *profile) value(v []byte) {
	if d, ok := parsePlain(v); ok {
		p.numbers++
		p.comma++
		p.dot++
		if d.scale == 0 {
			p.whole++
		} else {
			p.dot-- // 12.50 is not 1.234,56
		}
		if d.scale > 0 && d.mant%10 == 0 { // 600.0 and 29.50 need fewer digits than they show
			for d.scale > 0 && d.mant%10 == 0 {
				d.mant, d.scale = d.mant/10, d.scale-1
			}
			if d.scale == 0 && p.numbers > 0 {
				p.whole++
			}
		}
		p.scales[min(d.scale, len(p.scales)-1)]++
		if len(v) > 1 && v[0] == '0' && v[1] >= '0' && v[1] <= '9' {
			p.leadingZero++
		}
		if d.neg {
			p.negative++
		}
		x := float64(d.mant) / float64(pow10[d.scale])
		if d.neg {
			x = -x
		}
		p.span(x)
		if string(v) == "0" || string(v) == "1" {
			p.zeroOne++
		}
		if len(v) == 8 {
			if _, r := parseWhen(v, yearFirst); r == "" {
				p.compact++
			}
		}
	} else {
		if x, ok := parseAmountStyled(v, stylePlain); ok {
			p.numbers++
			p.comma++
			p.scales[2]++
			p.span(x)
		} else {
			if x, ok := parseAmountStyled(v, styleComma); ok {
				p.comma++
				p.commaOnly++
				p.span(x)
			}
			if x, ok := parseAmountStyled(v, styleDot); ok {
				p.dot++
				p.dotOnly++
				p.span(x)
			}
		}
		p.time(v)
	}
	if _, ok := parseBool(v); ok {
		p.bools++
	}
	if looksLikeMail(v) {
		p.mails++
	}
	if looksLikePhone(v) {
		p.phones++
	}
	if isCurrency(v) {
		p.currency++
	}
}

func (p *profile) span(x float64) {
	if p.least == 0 && p.most == 0 || x < p.least {
		p.least = x
	}
	if x > p.most {
		p.most = x
	}
}

func (p *profile) time(v []byte) {
	if len(v) < 6 || len(v) > 48 {
		return
	}
	var ok [3]bool
	n := 0
	for o := range ok {
		m, r := parseWhen(v, order(o))
		if r == "" {
			ok[o] = true
			n++
			p.times[o]++
			if m.zoned && n == 1 {
				p.zoned++
			}
		}
	}
	for o := range ok {
		if ok[o] && (n == 1 || ok[yearFirst]) {
			p.orderly[o]++
		}
	}
}

// share tells whether n is at least the share of the filled values.
func (p *profile) share(n int, of float64) bool {
	return p.filled > 0 && float64(n) >= of*float64(p.filled)
}

// unique tells whether the values identify rows: all but a few duplicates are different and hardly any is missing.
func (p *profile) unique() bool {
	return p.filled > 0 && float64(p.distinct) >= 0.95*float64(p.filled) && float64(p.filled) >= 0.98*float64(p.rows)
}

// numberLayout tells whether the column holds numbers, at least a share of its values, and in which style.
func (p *profile) numberLayout(of float64) (layout string, ok bool) {
	switch {
	case p.commaOnly > p.dotOnly && p.share(p.comma, of) && p.commaOnly*10 > p.filled:
		return LayoutComma, true
	case p.dotOnly > p.commaOnly && p.share(p.dot, of) && p.dotOnly*10 > p.filled:
		return LayoutDot, true
	}
	return "", p.share(p.numbers, of)
}

// timeLayout tells whether the column holds times, at least a share of its values, and how they are written.
func (p *profile) timeLayout(of float64) (layout, evidence string, ok bool) {
	iso, day, month := p.times[yearFirst], p.times[dayFirst], p.times[monthFirst]
	switch {
	case p.share(iso, of):
		if p.zoned*2 > iso {
			return LayoutZoned, "times with a zone", true
		}
		return LayoutISO, "times without a zone", true
	case day > month && p.share(day, of):
		return LayoutDayFirst, "dates with the day first", true
	case month > day && p.share(month, of):
		return LayoutMonth, "dates with the month first", true
	case month > 0 && p.share(month, of):
		return LayoutMonth, "dates in which day and month cannot be told apart: the month is taken to come first", true
	case p.share(p.compact, max(of, 0.98)):
		return LayoutISO, "dates written as eight digits", true
	case !p.share(p.whole, 0.98):
		return "", "", false
	}
	switch {
	case p.least >= 3e8 && p.most <= 4.2e9:
		return LayoutUnix, "seconds since 1970", true
	case p.least >= 3e11 && p.most <= 4.2e12:
		return LayoutUnixMilli, "milliseconds since 1970", true
	case p.least >= 3e14 && p.most <= 4.2e15:
		return LayoutUnixMicro, "microseconds since 1970", true
	}
	return "", "", false
}

// isTime tells whether the column is a time by its values, or by its values and its name where digits alone are not enough.
func (p *profile) isTime(of float64) (layout, evidence string, ok bool) {
	layout, evidence, ok = p.timeLayout(of)
	if !ok {
		return
	}
	digits := layout == LayoutUnix || layout == LayoutUnixMilli || layout == LayoutUnixMicro || p.compact > 0 && p.times[yearFirst] == 0
	if digits && !hasPart(p.name, timeParts) && !isOne(p.name, eventTimeNames) && !isOne(p.name, timeNames) && !isOne(p.name, birthNames) && !isOne(p.name, knownNames) {
		return "", "", false
	}
	return
}

// scale returns how many decimal digits money needs: what 99 % of the values have, at least 2 and at most 6.
func (p *profile) scale() int {
	total, n := 0, 0
	for _, k := range p.scales {
		total += k
	}
	for s := range 6 {
		n += p.scales[s]
		if s >= 2 && float64(n) >= 0.99*float64(total) {
			return s
		}
	}
	return 6
}

// few tells whether the values are few enough to be classes: at most 1,000, and each five times on average. In a small
// sample one cannot tell, so a name that says class decides there.
func (p *profile) few() bool {
	if p.filled < 50 && isOne(p.name, categoryNames) {
		return true
	}
	return p.distinct <= 1000 && (p.distinct*5 <= p.filled || p.distinct <= 2 && p.filled > 2)
}

func (p *profile) percent(n int) string {
	if p.filled == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.3g %%", 100*float64(n)/float64(p.filled))
}
