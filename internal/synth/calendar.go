package synth

import (
	"time"

	"kequn"
)

// The shop's calendar never depends on the clock: the same seed is the same shop for ever.
const (
	// HistoryDays is how many days of events and orders the first files hold.
	HistoryDays = 540
	// Horizon is for how many days after contact an offer works, and over how many days the truth counts.
	Horizon = 14

	longestLag = 45 // no row is recorded more days after the day of life that caused it
	daySeconds = 86400
)

// firstDay is the first day of the history; the last one is 2026-06-30.
var firstDay = time.Date(2025, 1, 7, 0, 0, 0, 0, time.UTC)

// winterDay is when the past campaign was sent, counted from firstDay: 2026-01-12.
var winterDay = int(time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC).Sub(firstDay) / kequn.Day)

// Zone returns the name of the shop's time zone, and the zone itself as a fixed offset (neither has summer time).
func Zone(lang kequn.Lang) (string, *time.Location) {
	if lang == kequn.Chinese {
		return "Asia/Shanghai", time.FixedZone("CST", 8*3600)
	}
	return "UTC", time.UTC
}

// A day is quiet, has a small sale, or a festival.
const (
	quiet = iota
	smallSale
	festival
	nSales
)

// calendar holds what is the same for all customers on a day.
type calendar struct {
	lang   kequn.Lang
	suffix string    // the zone as printed behind a time
	date   []string  // 2026-06-30
	code   []string  // 260630
	visit  []float64 // multiplies interest
	buy    []float64 // multiplies buying
	gift   []bool    // people look for presents
	sale   []uint8   // quiet, smallSale or festival
	mail   []bool    // the newsletter goes out
}

func newCalendar(lang kequn.Lang, days int) *calendar {
	c := &calendar{
		lang: lang, suffix: lang.Pick("+08:00", "Z"),
		date: make([]string, days), code: make([]string, days), visit: make([]float64, days), buy: make([]float64, days),
		gift: make([]bool, days), sale: make([]uint8, days), mail: make([]bool, days),
	}
	for d := range days {
		t := firstDay.AddDate(0, 0, d)
		c.date[d], c.code[d] = t.Format("2006-01-02"), t.Format("060102")
		c.visit[d], c.buy[d] = 1, 1
		switch t.Weekday() {
		case time.Saturday, time.Sunday:
			c.visit[d], c.buy[d] = 1.22, 1.15
		case time.Friday:
			c.visit[d], c.buy[d] = 1.06, 1.05
		}
		if n := t.Day(); n >= 10 && n <= 12 || n >= 25 && n <= 27 { // paydays
			c.buy[d] *= 1.18
		}
		c.mail[d] = t.Day() == 5 || t.Day() == 20
		c.sale[d], c.gift[d] = saleOn(lang, t)
		switch c.sale[d] {
		case smallSale:
			c.visit[d] *= 1.15
		case festival:
			c.visit[d] *= 1.5
		}
		if lang == kequn.Chinese && springFestival(t) { // the country is travelling, parcels wait
			c.visit[d] *= 0.6
			c.buy[d] *= 0.5
		}
		if lang == kequn.English && t.Month() == time.December && t.Day() >= 24 && t.Day() <= 25 {
			c.visit[d] *= 0.6
			c.buy[d] *= 0.4
		}
	}
	return c
}

// saleOn tells which sale a date has, and whether people look for presents.
func saleOn(lang kequn.Lang, t time.Time) (sale uint8, gift bool) {
	md := int(t.Month())*100 + t.Day()
	in := func(from, to int) bool { return md >= from && md <= to }
	if lang == kequn.Chinese {
		switch {
		case in(601, 603), in(615, 618), in(1101, 1103), in(1109, 1111): // 618 and 双十一, each with its opening days
			sale = festival
		case in(306, 308), in(818, 818), in(909, 909), in(1210, 1212): // 女神节 and the shop's own days
			sale = smallSale
		}
		return sale, in(110, 126) || in(210, 214) || in(505, 520) || in(808, 820) || in(908, 928) || in(1215, 1225)
	}
	lastFriday := 1100 + 30 // Black Friday: the Friday after the fourth Thursday of November
	for n := 23; n <= 29; n++ {
		if time.Date(t.Year(), time.November, n, 0, 0, 0, 0, time.UTC).Weekday() == time.Friday {
			lastFriday = 1100 + n
		}
	}
	switch {
	case in(lastFriday-1, lastFriday+1), in(1201, 1201), in(612, 618), in(1226, 1229): // Black Friday, summer sale, Boxing Day
		sale = festival
	case in(306, 308), in(828, 830), in(1001, 1003), in(1210, 1211):
		sale = smallSale
	}
	return sale, in(1128, 1222) || in(204, 213) || in(308, 326) || in(605, 614)
}

// springFestival tells whether a date lies in the week of the Chinese new year.
func springFestival(t time.Time) bool {
	start := map[int]int{2025: 128, 2026: 216, 2027: 205, 2028: 125, 2029: 212, 2030: 202}[t.Year()]
	if start == 0 {
		return false
	}
	first := time.Date(t.Year(), time.Month(start/100), start%100, 0, 0, 0, 0, time.UTC)
	days := t.Sub(first) / kequn.Day
	return days >= 0 && days < 8
}

// instant returns the first moment of a day.
func (c *calendar) instant(day int) kequn.Instant {
	_, zone := Zone(c.lang)
	y, m, n := firstDay.AddDate(0, 0, day).Date()
	return kequn.At(time.Date(y, m, n, 0, 0, 0, 0, zone))
}

// appendTime appends a moment, in seconds since the first day began, as RFC 3339.
func (c *calendar) appendTime(b []byte, sec int64) []byte {
	b = append(b, c.date[sec/daySeconds]...)
	b = append(b, 'T')
	return append(appendClock(b, int(sec%daySeconds)), c.suffix...)
}

func appendClock(b []byte, s int) []byte {
	h, m := s/3600, s/60%60
	s %= 60
	return append(b, '0'+byte(h/10), '0'+byte(h%10), ':', '0'+byte(m/10), '0'+byte(m%10), ':', '0'+byte(s/10), '0'+byte(s%10))
}

// hours is how activity spreads over the day: a small peak at lunch, a large one in the evening.
var hours = cumulate([]float64{1.2, .6, .3, .2, .2, .4, 1, 2, 3, 4, 4.6, 5, 5.6, 4.8, 4.2, 4.2, 4.4, 4.8, 5.6, 7.4, 9.6, 10, 7.6, 3.2})

// clock draws a time of day in seconds. Nothing happens in the first ten minutes of a day, when offers go out, so nothing
// on the day of contact comes before its cause; and nothing begins in the last half hour, so that no visit crosses midnight.
func (r *stream) clock() int64 {
	h := r.pick(hours)
	from, to := 0, 3600
	switch h {
	case 0:
		from = 600
	case 23:
		to = 1800
	}
	return int64(h*3600 + from + r.below(to-from))
}
