package source

import (
	"math"
	"testing"
	"time"

	"kequn"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		text  string
		style style
		want  float64
		why   Reason
	}{
		{"12.5", stylePlain, 12.5, ""}, {"-0.25", stylePlain, -0.25, ""}, {"+7", stylePlain, 7, ""}, {".5", stylePlain, .5, ""}, {"5.", stylePlain, 5, ""},
		{"1e3", stylePlain, 1000, ""}, {"0.1", stylePlain, 0.1, ""}, {"123456789012345678901234567890", stylePlain, 123456789012345678901234567890, ""},
		{"9007199254740993", stylePlain, 9007199254740992, ""}, {"0.30000000000000004", stylePlain, 0.30000000000000004, ""},
		{"$1.50", stylePlain, 1.5, ""}, {"¥ 12", stylePlain, 12, ""}, {"12元", stylePlain, 12, ""}, {"(30.00)", stylePlain, -30, ""}, {"-$5", stylePlain, -5, ""}, {"$-5", stylePlain, -5, ""},
		{"1,234.50", styleComma, 1234.5, ""}, {"1,234,567", styleComma, 1234567, ""}, {"1.234,50", styleDot, 1234.5, ""}, {"12,5", styleDot, 12.5, ""},
		{"1,234.50", stylePlain, 0, AmbiguousNumber}, {"1.234,56", stylePlain, 0, AmbiguousNumber}, {"12,34.5", styleComma, 0, AmbiguousNumber},
		{"abc", stylePlain, 0, BadNumber}, {"", stylePlain, 0, BadNumber}, {"1.2.3", stylePlain, 0, BadNumber}, {"0x1F", stylePlain, 0, BadNumber}, {"1_000", stylePlain, 0, BadNumber},
		{"--5", stylePlain, 0, BadNumber}, {"1e", stylePlain, 0, BadNumber}, {"NaN", stylePlain, 0, NotANumber}, {"Infinity", stylePlain, 0, Infinite}, {"-inf", stylePlain, 0, Infinite},
		{"1e400", stylePlain, 0, NumberOverflow}, {"12 000", stylePlain, 0, BadNumber}, {"5%", stylePlain, 0, BadNumber},
	} {
		x, why := parseNumber([]byte(c.text), c.style)
		if why != c.why || why == "" && x != c.want {
			t.Errorf("%q: %v %q, want %v %q", c.text, x, why, c.want, c.why)
		}
	}
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		text    string
		scale   int
		want    int64
		rounded bool
		why     Reason
	}{
		{"19.99", 2, 1999, false, ""}, {"19.9", 2, 1990, false, ""}, {"20", 2, 2000, false, ""}, {"0.005", 2, 1, true, ""}, {"-0.005", 2, -1, true, ""},
		{"0.004", 2, 0, true, ""}, {"2.500", 2, 250, false, ""}, {"1e2", 2, 10000, false, ""}, {"1.5e-1", 2, 15, false, ""}, {"1e400", 2, 0, false, NumberOverflow},
		{"99999999999999999999", 2, 0, false, NumberOverflow}, {"46116860184273878", 2, 4611686018427387800, false, ""}, {"46116860184273880", 2, 0, false, NumberOverflow},
		{"NaN", 2, 0, false, NotANumber}, {"0.29", 2, 29, false, ""}, {"1234", 0, 1234, false, ""},
	} {
		x, rounded, why := parseMoney([]byte(c.text), stylePlain, c.scale)
		if x != c.want || rounded != c.rounded || why != c.why {
			t.Errorf("%q: %d %v %q, want %d %v %q", c.text, x, rounded, why, c.want, c.rounded, c.why)
		}
	}
}

func TestTimes(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Skip("no zone database")
	}
	for _, c := range []struct {
		text, layout string
		zone         *time.Location
		want         string
		why          Reason
	}{
		{"2017-10-01", "", time.UTC, "2017-10-01T00:00:00Z", ""},
		{"2017-10-01", "", shanghai, "2017-09-30T16:00:00Z", ""},
		{"2017-10-01 08:05:09", "", time.UTC, "2017-10-01T08:05:09Z", ""},
		{"2017-10-01T08:05:09Z", "", shanghai, "2017-10-01T08:05:09Z", ""},
		{"2017-10-01T08:05:09.123456789+08:00", "", time.UTC, "2017-10-01T00:05:09.123456Z", ""},
		{"2017-10-01 08:05:09.5 +0800", "", time.UTC, "2017-10-01T00:05:09.5Z", ""},
		{"2017-10-01 08:05", "", time.UTC, "2017-10-01T08:05:00Z", ""},
		{"2017/1/2 3:04", "", time.UTC, "2017-01-02T03:04:00Z", ""},
		{"2017年1月2日", "", time.UTC, "2017-01-02T00:00:00Z", ""},
		{"2017年1月2日 下午3:04", "", time.UTC, "2017-01-02T15:04:00Z", ""},
		{"20170102", "", time.UTC, "2017-01-02T00:00:00Z", ""},
		{"20170102030405", "", time.UTC, "2017-01-02T03:04:05Z", ""},
		{"20170102T030405Z", "", time.UTC, "2017-01-02T03:04:05Z", ""},
		{"2024-02-29T23:59:59+08:00", "", time.UTC, "2024-02-29T15:59:59Z", ""},
		{"2 Jan 2006", "dmy", time.UTC, "2006-01-02T00:00:00Z", ""},
		{"01-Jan-1995", "dmy", time.UTC, "1995-01-01T00:00:00Z", ""},
		{"31/12/2016 23:59", "dmy", time.UTC, "2016-12-31T23:59:00Z", ""},
		{"31.12.2016", "dmy", time.UTC, "2016-12-31T00:00:00Z", ""},
		{"12/31/2016 11:59 PM", "mdy", time.UTC, "2016-12-31T23:59:00Z", ""},
		{"12/1/10 8:26", "mdy", time.UTC, "2010-12-01T08:26:00Z", ""},
		{"Jan 2, 2006 3:04 PM", "mdy", time.UTC, "2006-01-02T15:04:00Z", ""},
		{"Mon, 02 Jan 2006 15:04:05 GMT", "dmy", time.UTC, "2006-01-02T15:04:05Z", ""},
		{"2016-12-31", "mdy", time.UTC, "2016-12-31T00:00:00Z", ""},
		{"874965478", "unix", time.UTC, "1997-09-22T21:57:58Z", ""},
		{"874965478.25", "unix", time.UTC, "1997-09-22T21:57:58.25Z", ""},
		{"874965478123", "unix_ms", time.UTC, "1997-09-22T21:57:58.123Z", ""},
		{"-1", "unix", time.UTC, "1969-12-31T23:59:59Z", ""},
		{"02.01.06", "02.01.06", time.UTC, "2006-01-02T00:00:00Z", ""},
		{"2025-13-01", "", time.UTC, "", NoSuchDate},
		{"1990-02-30", "", time.UTC, "", NoSuchDate},
		{"2023-02-29", "", time.UTC, "", NoSuchDate},
		{"2017-10-01 24:00:00", "", time.UTC, "", BadTime},
		{"2017-10-01 08:60", "", time.UTC, "", BadTime},
		{"01/02/2017", "", time.UTC, "", BadTime},
		{"yesterday", "", time.UTC, "", BadTime},
		{"2017-10-01x", "", time.UTC, "", BadTime},
		{"2017-10-01 08:05 CET", "", time.UTC, "", BadTime},
		{"12", "", time.UTC, "", BadTime},
	} {
		m, why := timeReader(c.layout)([]byte(c.text))
		if why != c.why {
			t.Errorf("%q: %q, want %q", c.text, why, c.why)
			continue
		}
		if why == "" {
			if got := newClock(c.zone).instant(m).String(); got != c.want {
				t.Errorf("%q: %s, want %s", c.text, got, c.want)
			}
		}
	}
}

// TestClock compares the clock that remembers with the plain way, over the changes of the clock.
func TestClock(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "UTC"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skip("no zone database")
		}
		c := newClock(zone)
		for d := daysOf(1985, 1, 1); d < daysOf(2030, 1, 1); d++ {
			for h := int64(0); h < 24; h++ {
				local := d*86400 + h*3600 + 1800
				w := time.Unix(local, 0).UTC()
				want := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), 0, 0, zone)
				if got := c.instant(moment{local: local}); got != kequn.At(want) {
					t.Fatalf("%s %s: %s, want %s", name, w, got, want)
				}
			}
		}
	}
}

func TestWords(t *testing.T) {
	for _, s := range []string{"", "NA", "N/A", "null", "NULL", `\N`, "#N/A"} {
		if !isMissingWord([]byte(s)) {
			t.Errorf("%q is a value", s)
		}
	}
	for _, s := range []string{"0", "none of it", "Nan", "-", "n"} {
		if isMissingWord([]byte(s)) {
			t.Errorf("%q is missing", s)
		}
	}
	for s, want := range map[string]bool{"true": true, "Yes": true, "是": true, "0": false, "否": false, "OFF": false} {
		if got, ok := parseBool([]byte(s)); !ok || got != want {
			t.Errorf("%q is %v, %v", s, got, ok)
		}
	}
	if _, ok := parseBool([]byte("maybe")); ok {
		t.Error("maybe is an answer")
	}
	for s, want := range map[string]bool{"CNY": true, "USD": true, "EUR": true, "ZWL": true, "AED": true, "ZZZ": false, "usd": false, "CN": false} {
		if isCurrency([]byte(s)) != want {
			t.Errorf("%q: currency %v", s, !want)
		}
	}
	for s, want := range map[string]bool{"a@b.cn": true, "user1@example.com": true, "not-an-email": false, "a@b": false, "a b@c.de": false, "a@@b.de": false} {
		if looksLikeMail([]byte(s)) != want {
			t.Errorf("%q: mail %v", s, !want)
		}
	}
}

func FuzzWhen(f *testing.F) {
	for _, s := range []string{"2017-10-01", "20170102030405", "Jan 2, 2006 3:04 PM", "2017年1月2日 下午3:04", "31.12.2016", "Mon, 02 Jan 2006 15:04:05 GMT"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, layout := range []string{LayoutISO, LayoutDayFirst, LayoutMonth, LayoutUnix, LayoutUnixMilli, LayoutUnixMicro, "2006-01-02"} {
			m, why := timeReader(layout)(b)
			if why == "" && (m.micro < 0 || m.micro >= 1e6) {
				t.Fatalf("%q has %d microseconds", b, m.micro)
			}
		}
		// What Go reads as RFC 3339, we read as the same instant.
		if w, err := time.Parse(time.RFC3339Nano, string(b)); err == nil && w.Year() > 0 && len(b) <= 48 {
			if m, why := parseWhen(b, yearFirst); why == "" {
				if got := newClock(time.UTC).instant(m); got != kequn.At(w) {
					t.Fatalf("%q is %s, want %s", b, got, w)
				}
			}
		}
	})
}

func FuzzMoney(f *testing.F) {
	for _, s := range []string{"12.5", "1,234.50", "1.234,56", "(30.00)", "$-5", "1e400", "0.30000000000000004", "12345678901234567890"} {
		f.Add([]byte(s), uint8(2))
	}
	f.Fuzz(func(t *testing.T, b []byte, scale uint8) {
		for _, st := range []style{stylePlain, styleComma, styleDot, styleAny} {
			x, why := parseNumber(b, st)
			if why == "" && (math.IsNaN(x) || math.IsInf(x, 0)) {
				t.Fatalf("%q is %v", b, x)
			}
			s := int(scale % 7)
			v, rounded, why2 := parseMoney(b, st, s)
			if why == "" && why2 == "" && !rounded && math.Abs(x) < 1e9 {
				if d := math.Abs(float64(v)/math.Pow10(s) - x); d > 1e-5*math.Max(1, math.Abs(x)) {
					t.Fatalf("%q is %v and %d·10^-%d", b, x, v, s)
				}
			}
		}
	})
}
