package source

import (
	"strings"
	"time"

	"kequn"
)

// The layouts of times, as they stand in plans. Any Go layout (with 2006 or 06 in it) is one as well.
const (
	LayoutISO       = ""        // year first: 2017-10-01, 2017/10/1 8:05, 20171001, 2017年10月1日, 2017-10-01T08:05:00.5; a zone where given
	LayoutZoned     = "rfc3339" // the same, and values without a zone are odd
	LayoutDayFirst  = "dmy"     // 1/10/2017, 01.10.2017 08:05, 1-Oct-2017
	LayoutMonth     = "mdy"     // 10/1/2017 8:05 PM, Oct 1, 2017
	LayoutUnix      = "unix"    // seconds since 1970
	LayoutUnixMilli = "unix_ms"
	LayoutUnixMicro = "unix_us"
)

// moment is a time as written: a wall clock, and the zone's distance from UTC if there is one.
type moment struct {
	local  int64 // seconds since 1970 on the wall clock
	micro  int64
	offset int64 // seconds east of UTC
	zoned  bool
}

// order is which of year, month and day comes first.
type order uint8

const (
	yearFirst order = iota
	dayFirst
	monthFirst
)

// clock turns wall clocks of one zone into instants. It remembers the last stretch between two changes of the clock, so
// that neighbouring times cost no search.
type clock struct {
	zone     *time.Location
	from, to int64 // UTC seconds in which offset holds, a day's margin taken off
	offset   int64
	utc      bool
}

func newClock(zone *time.Location) *clock {
	return &clock{zone: zone, utc: zone == nil || zone == time.UTC}
}

// instant returns the moment as an instant. A wall clock that a change of the clock leaves out is moved as time.Date does.
func (c *clock) instant(m moment) kequn.Instant {
	sec := m.local
	switch {
	case m.zoned:
		sec -= m.offset
	case !c.utc:
		sec = c.utcSeconds(m.local)
	}
	return kequn.Instant(sec*1e6 + m.micro)
}

func (c *clock) utcSeconds(local int64) int64 {
	if guess := local - c.offset; guess >= c.from && guess < c.to {
		return guess
	}
	t := time.Date(1970, 1, 1, 0, 0, int(local), 0, c.zone)
	start, end := t.ZoneBounds()
	_, off := t.Zone()
	const margin = 26 * 3600 // a wall clock may differ from UTC by half a day, and from itself by hours at a change
	c.from, c.to, c.offset = -1<<62, 1<<62, int64(off)
	if !start.IsZero() {
		c.from = start.Unix() + margin
	}
	if !end.IsZero() {
		c.to = end.Unix() - margin
	}
	return t.Unix()
}

// daysOf returns the number of days from 1970-01-01 to a date of the Gregorian calendar.
// Source: H. Hinnant, chrono-compatible low-level date algorithms.
func daysOf(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

var monthDays = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func validDate(y, m, d int) bool {
	if m < 1 || m > 12 || d < 1 || d > monthDays[m] {
		return false
	}
	return m != 2 || d < 29 || y%4 == 0 && (y%100 != 0 || y%400 == 0)
}

// two returns the number of two digits, or a negative number.
func two(b []byte, i int) int {
	a, c := b[i]-'0', b[i+1]-'0'
	if a > 9 || c > 9 {
		return -1 << 20
	}
	return int(a)*10 + int(c)
}

// parseWhen reads a date, or a date and a time, whose parts come in the given order. A date with the year first and four
// digits long is understood in any order.
func parseWhen(b []byte, ord order) (m moment, r Reason) {
	// 2017-10-01 and 2017-10-01 08:05:00, which is most of the world's data.
	if len(b) >= 10 && b[4] == '-' && b[7] == '-' && (len(b) == 10 || len(b) == 19 && b[13] == ':' && b[16] == ':' && (b[10] == ' ' || b[10] == 'T')) {
		y, mo, d := two(b, 0)*100+two(b, 2), two(b, 5), two(b, 8)
		if y >= 0 && mo >= 0 && d >= 0 {
			if !validDate(y, mo, d) {
				return m, NoSuchDate
			}
			m.local = daysOf(y, mo, d) * 86400
			if len(b) == 10 {
				return m, ""
			}
			h, mi, s := two(b, 11), two(b, 14), two(b, 17)
			if h >= 0 && mi >= 0 && s >= 0 {
				if h > 23 || mi > 59 || s > 59 {
					return m, BadTime
				}
				m.local += int64(h*3600 + mi*60 + s)
				return m, ""
			}
		}
	}
	if len(b) < 6 || len(b) > 48 {
		return m, BadTime
	}
	p := timeParser{b: b}
	return p.parse(ord)
}

// timeParser reads the less usual ways to write a time.
type timeParser struct {
	b []byte
	i int
}

func (p *timeParser) parse(ord order) (m moment, r Reason) {
	y, mo, d, ok := p.date(ord)
	if !ok {
		return m, BadTime
	}
	if !validDate(y, mo, d) {
		return m, NoSuchDate
	}
	m.local = daysOf(y, mo, d) * 86400
	if p.i == len(p.b) {
		return m, ""
	}
	if !p.timeOfDay(&m) || p.i != len(p.b) {
		return m, BadTime
	}
	return m, ""
}

// number reads up to n digits.
func (p *timeParser) number(n int) (v, digits int) {
	for p.i < len(p.b) && digits < n {
		c := p.b[p.i] - '0'
		if c > 9 {
			break
		}
		v = v*10 + int(c)
		p.i++
		digits++
	}
	return v, digits
}

func (p *timeParser) skip(set string) bool {
	at := p.i
	for p.i < len(p.b) && strings.IndexByte(set, p.b[p.i]) >= 0 {
		p.i++
	}
	return p.i > at
}

func (p *timeParser) word(words ...string) bool {
	for _, w := range words {
		if len(p.b)-p.i >= len(w) && string(p.b[p.i:p.i+len(w)]) == w {
			p.i += len(w)
			return true
		}
	}
	return false
}

const monthNames = "janfebmaraprmayjunjulaugsepoctnovdec"

// monthName reads Jan, January, JAN. and so on; 0 if there is none.
func (p *timeParser) monthName() int {
	at := p.i
	var low [9]byte
	n := 0
	for p.i < len(p.b) && n < len(low) {
		c := p.b[p.i] | 0x20
		if c < 'a' || c > 'z' {
			break
		}
		low[n] = c
		n++
		p.i++
	}
	if n >= 3 {
		if k := strings.Index(monthNames, string(low[:3])); k >= 0 && k%3 == 0 {
			month := k/3 + 1
			full := strings.ToLower(time.Month(month).String())
			if strings.HasPrefix(full, string(low[:n])) || string(low[:n]) == "sept" {
				p.word(".")
				return month
			}
		}
	}
	p.i = at
	return 0
}

// weekday skips Mon, or Monday,.
func (p *timeParser) weekday() {
	for d := time.Sunday; d <= time.Saturday; d++ {
		name := d.String()
		if p.word(name, name[:3]) {
			p.skip(", ")
			return
		}
	}
}

func (p *timeParser) date(ord order) (y, m, d int, ok bool) {
	if c := p.b[0]; c >= 'A' && c <= 'Z' {
		p.weekday()
	}
	const gaps = "-/. ,"
	if m = p.monthName(); m > 0 { // Oct 1, 2017
		var n, k int
		p.skip(gaps)
		d, n = p.number(2)
		gap := p.skip(gaps)
		y, k = p.number(4)
		return y, m, d, n > 0 && gap && k == 4
	}
	first, n := p.number(9)
	switch {
	case n == 8 && (p.i == len(p.b) || p.b[p.i] == ' ' || p.b[p.i] == 'T' || p.b[p.i] == '_'): // 20171001
		return first / 10000, first / 100 % 100, first % 100, true
	case n == 9 && allDigits(p.b) && len(p.b) == 14: // 20171001080500
		p.i = 8
		v := first / 10
		return v / 10000, v / 100 % 100, v % 100, true
	case n == 4: // 2017-10-1, 2017年10月1日
		if !p.skip(gaps) && !p.word("年") {
			return 0, 0, 0, false
		}
		if m = p.monthName(); m == 0 {
			if m, n = p.number(2); n == 0 {
				return 0, 0, 0, false
			}
		}
		if !p.skip(gaps) && !p.word("月") {
			return 0, 0, 0, false
		}
		d, n = p.number(2)
		p.word("日", "号")
		return first, m, d, n > 0
	case n != 1 && n != 2 || ord == yearFirst:
		return 0, 0, 0, false
	}
	if !p.skip(gaps) {
		return 0, 0, 0, false
	}
	if m = p.monthName(); m > 0 { // 1-Oct-2017
		d = first
	} else {
		second, k := p.number(2)
		if k == 0 {
			return 0, 0, 0, false
		}
		d, m = first, second
		if ord == monthFirst {
			d, m = second, first
		}
	}
	if !p.skip(gaps) {
		return 0, 0, 0, false
	}
	y, n = p.number(4)
	if n == 2 { // 69 is 1969 and 68 is 2068, as POSIX has it
		y += 1900
		if y < 1969 {
			y += 100
		}
	}
	return y, m, d, n == 2 || n == 4
}

func (p *timeParser) timeOfDay(m *moment) bool {
	if !p.skip(" _") && !p.word("T", "t") {
		if len(p.b) != 14 || p.i != 8 {
			return false
		}
		h, mi, s := two(p.b, 8), two(p.b, 10), two(p.b, 12)
		p.i = 14
		m.local += int64(h*3600 + mi*60 + s)
		return h <= 23 && mi <= 59 && s <= 59
	}
	early, late := p.word("上午"), false
	if !early {
		late = p.word("下午", "晚上")
	}
	h, n := p.number(2)
	if n == 0 {
		return false
	}
	var mi, s int
	if p.word(":", "时", "点") {
		if mi, n = p.number(2); n == 0 {
			return false
		}
		if p.word(":") || p.word("分") && p.i < len(p.b) {
			if s, n = p.number(2); n == 0 {
				return false
			}
			p.word("秒")
			if p.word(".", ",") {
				digits := 0
				for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
					if digits < 6 {
						m.micro = m.micro*10 + int64(p.b[p.i]-'0')
						digits++
					}
					p.i++
				}
				if digits == 0 {
					return false
				}
				for ; digits < 6; digits++ {
					m.micro *= 10
				}
			}
		}
	} else if mi, n = p.number(2); n == 2 { // 080500
		if s, n = p.number(2); n != 2 {
			return false
		}
	} else {
		return false
	}
	at := p.i
	p.skip(" ")
	switch {
	case early || p.word("AM", "am", "a.m."):
		early = true
	case late || p.word("PM", "pm", "p.m."):
		late = true
	default:
		p.i = at
	}
	if early || late {
		if h > 12 || h == 0 && late {
			return false
		}
		h %= 12
		if late {
			h += 12
		}
	}
	if h > 23 || mi > 59 || s > 59 {
		return false
	}
	m.local += int64(h*3600 + mi*60 + s)
	return p.zoneOffset(m)
}

func (p *timeParser) zoneOffset(m *moment) bool {
	at := p.i
	p.skip(" ")
	if p.i == len(p.b) {
		return true
	}
	if p.word("Z", "z", "UTC", "GMT") {
		m.zoned = true
		return true
	}
	sign := int64(1)
	switch {
	case p.word("+"):
	case p.word("-", "−"):
		sign = -1
	default:
		p.i = at
		return false
	}
	h, n := p.number(2)
	if n != 2 {
		return false
	}
	p.word(":")
	mi, k := p.number(2)
	if k != 0 && k != 2 || h > 15 || mi > 59 {
		return false
	}
	m.offset, m.zoned = sign*int64(h*3600+mi*60), true
	return true
}

// parseUnix reads a count of seconds, milliseconds or microseconds since 1970.
func parseUnix(b []byte, unit int64) (m moment, r Reason) {
	d, ok := parsePlain(b)
	if !ok {
		return m, BadTime
	}
	scale := 6
	switch unit {
	case 1000:
		scale = 3
	case 1000000:
		scale = 0
	}
	v, _, ok := d.rescale(scale)
	if !ok {
		return m, TimeOutOfRange
	}
	sec, micro := v/1e6, v%1e6
	if micro < 0 {
		sec, micro = sec-1, micro+1e6
	}
	return moment{local: sec, micro: micro, zoned: true}, ""
}

// timeReader returns the function that reads times of a layout.
func timeReader(layout string) func([]byte) (moment, Reason) {
	switch layout {
	case LayoutISO, LayoutZoned, "iso", "ymd":
		return func(b []byte) (moment, Reason) { return parseWhen(b, yearFirst) }
	case LayoutDayFirst:
		return func(b []byte) (moment, Reason) { return parseWhen(b, dayFirst) }
	case LayoutMonth:
		return func(b []byte) (moment, Reason) { return parseWhen(b, monthFirst) }
	case LayoutUnix:
		return func(b []byte) (moment, Reason) { return parseUnix(b, 1) }
	case LayoutUnixMilli:
		return func(b []byte) (moment, Reason) { return parseUnix(b, 1000) }
	case LayoutUnixMicro:
		return func(b []byte) (moment, Reason) { return parseUnix(b, 1000000) }
	}
	if !strings.Contains(layout, "06") {
		return nil
	}
	zoned := strings.ContainsAny(layout, "Z") || strings.Contains(layout, "-07") || strings.Contains(layout, "MST")
	return func(b []byte) (m moment, r Reason) {
		t, err := time.Parse(layout, string(b))
		if err != nil {
			if strings.Contains(err.Error(), "out of range") {
				return m, NoSuchDate
			}
			return m, BadTime
		}
		_, off := t.Zone()
		return moment{local: t.Unix() + int64(off), micro: int64(t.Nanosecond() / 1000), offset: int64(off), zoned: zoned}, ""
	}
}

// parseAnyTime tries every order, for looking at values.
func parseAnyTime(b []byte) (moment, bool) {
	if len(b) < 6 || len(b) > 48 || b[0] < '0' || b[0] > '9' && (b[0]|0x20 < 'a' || b[0]|0x20 > 'z') {
		return moment{}, false
	}
	for _, o := range []order{yearFirst, dayFirst, monthFirst} {
		if m, r := parseWhen(b, o); r == "" {
			return m, true
		}
	}
	return moment{}, false
}
