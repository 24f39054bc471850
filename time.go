package kequn

import (
	"math"
	"strconv"
	"time"
)

// Instant is a point in time: microseconds since 1970-01-01T00:00:00Z.
type Instant int64

// NoTime is a missing instant. It sorts before every other.
const NoTime Instant = math.MinInt64

// Cutoff is the instant of decision: an event at or after it is the future.
type Cutoff = Instant

// At returns the instant of t, cut to the microsecond.
func At(t time.Time) Instant { return Instant(t.UnixMicro()) }

// Time returns the instant in UTC.
func (i Instant) Time() time.Time { return time.UnixMicro(int64(i)).UTC() }

// String returns the instant as RFC 3339 in UTC, or "-" when missing.
func (i Instant) String() string {
	if i == NoTime {
		return "-"
	}
	return i.Time().Format(time.RFC3339Nano)
}

// Window is a half-open stretch of time [From, To).
type Window struct{ From, To Instant }

// Contains tells whether i lies in the window.
func (w Window) Contains(i Instant) bool { return i >= w.From && i < w.To }

// Span is a length of time: whole calendar days in the plan's zone, or an exact duration. Only one of them is set.
type Span struct {
	Days  int
	Exact time.Duration
}

// Day is how long a calendar day is where no daylight-saving change falls in it.
const Day = 24 * time.Hour

// Days returns a span of n calendar days.
func Days(n int) Span { return Span{Days: n} }

// ParseSpan reads a number with s, m, h (exact), d or w (calendar days): "90d", "36h", "2w".
func ParseSpan(s string) (Span, error) {
	bad := Errorf(KindUsage, "", "duration %q is not a number with s, m, h, d or w", s).WithHint("for example 36h, 90d or 2w")
	if len(s) < 2 {
		return Span{}, bad
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil || n < 0 || n > 1_000_000 {
		return Span{}, bad
	}
	switch s[len(s)-1] {
	case 's':
		return Span{Exact: time.Duration(n) * time.Second}, nil
	case 'm':
		return Span{Exact: time.Duration(n) * time.Minute}, nil
	case 'h':
		return Span{Exact: time.Duration(n) * time.Hour}, nil
	case 'd':
		return Span{Days: n}, nil
	case 'w':
		return Span{Days: 7 * n}, nil
	}
	return Span{}, bad
}

// IsZero tells whether the span has no length.
func (s Span) IsZero() bool { return s.Days == 0 && s.Exact == 0 }

// String is the inverse of ParseSpan.
func (s Span) String() string {
	switch {
	case s.Exact == 0:
		return strconv.Itoa(s.Days) + "d"
	case s.Exact%time.Hour == 0:
		return strconv.Itoa(int(s.Exact/time.Hour)) + "h"
	case s.Exact%time.Minute == 0:
		return strconv.Itoa(int(s.Exact/time.Minute)) + "m"
	}
	return strconv.Itoa(int(s.Exact/time.Second)) + "s"
}

// MarshalText writes the span as ParseSpan reads it.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a span.
func (s *Span) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSpan(string(b))
	return err
}

// Duration returns the span's length where every day has 24 hours: for showing and for rough sizes, not for windows.
func (s Span) Duration() time.Duration { return time.Duration(s.Days)*Day + s.Exact }

// Before returns the instant one span before i; days are calendar days in the zone.
func (s Span) Before(i Instant, zone *time.Location) Instant { return s.shift(i, zone, -1) }

// After returns the instant one span after i; days are calendar days in the zone.
func (s Span) After(i Instant, zone *time.Location) Instant { return s.shift(i, zone, 1) }

func (s Span) shift(i Instant, zone *time.Location, sign int) Instant {
	if i == NoTime {
		return i
	}
	if s.Days == 0 {
		return i + Instant(sign)*Instant(s.Exact.Microseconds())
	}
	if zone == nil {
		zone = time.UTC
	}
	return At(time.UnixMicro(int64(i)).In(zone).AddDate(0, 0, sign*s.Days))
}

// ParseTime reads a time argument: RFC 3339, or a date or a time without a zone, which are taken in the given zone.
func ParseTime(s string, zone *time.Location) (Instant, error) {
	if zone == nil {
		zone = time.UTC
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return At(t), nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return At(t), nil
		}
	}
	return NoTime, Errorf(KindUsage, "", "time %q is neither a date nor RFC 3339", s).WithHint("for example 2017-10-01 or 2017-10-01T08:00:00+08:00")
}

// Midnight returns the first instant of the day that holds i, in the zone.
func Midnight(i Instant, zone *time.Location) Instant {
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := time.UnixMicro(int64(i)).In(zone).Date()
	return At(time.Date(y, m, d, 0, 0, 0, 0, zone))
}

// DefaultCutoff returns the midnight after the last event: the first instant from which every event lies in the past.
func DefaultCutoff(last Instant, zone *time.Location) Cutoff {
	return Days(1).After(Midnight(last, zone), zone)
}

// FormatZone prints an instant in a zone as RFC 3339.
func FormatZone(i Instant, zone *time.Location) string {
	if i == NoTime {
		return ""
	}
	if zone == nil {
		zone = time.UTC
	}
	return time.UnixMicro(int64(i)).In(zone).Format(time.RFC3339Nano)
}
