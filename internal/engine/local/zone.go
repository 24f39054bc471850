package local

import (
	"sort"
	"time"
)

const (
	dayMicros    = 86_400_000_000
	hourMicros   = 3_600_000_000
	sessionPause = 30 * 60 * 1_000_000
)

// zoneTable holds a zone's offsets from UTC, so that local days and hours of millions of rows need no time.Time.
type zoneTable struct {
	zone   *time.Location
	from   []int64 // instants at which an offset begins, microseconds; the first is the table's beginning
	offset []int64 // microseconds east of UTC
	end    int64
}

// newZoneTable reads the changes between 1900 and 2200. Instants outside are answered by the time package.
func newZoneTable(zone *time.Location) *zoneTable {
	if zone == nil {
		zone = time.UTC
	}
	z := &zoneTable{zone: zone}
	t := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	z.end = last.UnixMicro()
	for t.Before(last) {
		_, offset := t.In(zone).Zone()
		z.from = append(z.from, t.UnixMicro())
		z.offset = append(z.offset, int64(offset)*1_000_000)
		_, end := t.In(zone).ZoneBounds()
		if end.IsZero() || !end.After(t) {
			break
		}
		t = end
	}
	return z
}

// local returns the wall clock of instants as microseconds since 1970-01-01T00:00 local time.
func (z *zoneTable) local(at []int64, out []int64) {
	lo, hi, off := int64(1), int64(0), int64(0) // an empty stretch
	for i, t := range at {
		if t < lo || t >= hi {
			lo, hi, off = z.stretch(t)
		}
		out[i] = t + off
	}
}

// stretch returns the stretch of constant offset that holds t.
func (z *zoneTable) stretch(t int64) (from, to, offset int64) {
	if t < z.from[0] || t >= z.end {
		_, o := time.UnixMicro(t).In(z.zone).Zone()
		return t, t + 1, int64(o) * 1_000_000
	}
	i := sort.Search(len(z.from), func(i int) bool { return z.from[i] > t }) - 1
	to = z.end
	if i+1 < len(z.from) {
		to = z.from[i+1]
	}
	return z.from[i], to, z.offset[i]
}

// floorDiv returns ⌊a/b⌋ for b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// civil returns the proleptic Gregorian date of a day number (1970-01-01 is 0).
//
// Reference: Hinnant, chrono-compatible low-level date algorithms, civil_from_days.
func civil(day int64) (year, month, dom int64) {
	z := day + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	dom = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if mp >= 10 {
		month = mp - 9
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, dom
}

// civilMoment is a wall clock as numbers that compare in order within a year.
type civilMoment struct {
	year   int64
	within int64 // month, day and time of day: order within the year
}

func momentOf(local int64) civilMoment {
	day := floorDiv(local, dayMicros)
	y, m, d := civil(day)
	return civilMoment{y, (m*32+d)*dayMicros + local - day*dayMicros}
}

// yearsFrom returns the full calendar years from birth to now; 29 February is passed on 1 March of other years.
func (now civilMoment) yearsFrom(birth civilMoment) int64 {
	n := now.year - birth.year
	if now.within < birth.within {
		n--
	}
	return n
}
