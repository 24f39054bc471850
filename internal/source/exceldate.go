package source

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// cellStyle is what a cell's number format makes of its number.
type cellStyle uint8

const (
	styleNumber cellStyle = iota
	styleDate             // days, perhaps with a time
	styleClock            // a time of day, or hours that add up
)

// builtinStyle is the meaning of the formats that need no definition (ECMA-376, 18.8.30, with those of East Asia).
func builtinStyle(id int) cellStyle {
	switch {
	case id >= 14 && id <= 17, id == 22, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return styleDate
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id >= 45 && id <= 47, id == 55, id == 56:
		return styleClock
	}
	return styleNumber
}

// styleOfFormat tells what a format code such as yyyy\-mm\-dd;@ or [$-409]h:mm AM/PM makes of a number. Only its first
// section, for positive numbers, counts.
func styleOfFormat(code string) cellStyle {
	var letters strings.Builder
	elapsed := false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"':
			for i++; i < len(code) && code[i] != '"'; i++ {
			}
		case '\\', '_', '*':
			i++
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return styleNumber
			}
			switch strings.ToLower(strings.Trim(code[i+1:i+end], "hmsHMS")) {
			case "":
				elapsed = end > 1
			}
			i += end
		case ';':
			i = len(code)
		default:
			letters.WriteByte(c | 0x20)
		}
	}
	s := letters.String()
	if strings.Contains(s, "general") {
		return styleNumber
	}
	for _, n := range []string{"0", "#", "?"} { // 0.0 "d" is a number; seconds with decimals are the exception
		if strings.Contains(strings.ReplaceAll(s, "s.0", "s"), n) && !strings.ContainsAny(s, "hs") {
			return styleNumber
		}
	}
	switch {
	case elapsed:
		return styleClock
	case strings.ContainsAny(s, "yd") || strings.Contains(s, "m") && !strings.ContainsAny(s, "hs"):
		return styleDate
	case strings.ContainsAny(s, "hs"):
		return styleClock
	}
	return styleNumber
}

// appendSerial writes the number of a date cell as a date. Day 1 is 1900-01-01, or day 0 is 1904-01-01 in workbooks of
// the old Macintosh; Excel takes 1900 for a leap year, so that day 60 is a day that never was. Numbers that are no date
// of Excel's (before day 1, after the year 9999) stand as they are.
func appendSerial(dst []byte, number []byte, style cellStyle, since1904 bool) []byte {
	x, err := strconv.ParseFloat(string(number), 64)
	if err != nil || math.IsNaN(x) || x < 0 || x >= 2958466 {
		return append(dst, number...)
	}
	day := math.Floor(x)
	ms := int64(math.Round((x - day) * 86400e3))
	if style == styleClock {
		if x >= 1 {
			return appendHours(dst, int64(day)*86400e3+ms)
		}
		return time.UnixMilli(ms).UTC().AppendFormat(dst, "15:04:05.999")
	}
	from := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case since1904:
		from = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case day < 1: // a time without a day under the format of a date
		return time.UnixMilli(ms).UTC().AppendFormat(dst, "15:04:05.999")
	case day == 60:
		return append(dst, "1900-02-29"...)
	case day < 60:
		from = from.AddDate(0, 0, 1)
	}
	t := from.AddDate(0, 0, int(day)).Add(time.Duration(ms) * time.Millisecond)
	if ms == 0 {
		return t.AppendFormat(dst, "2006-01-02")
	}
	return t.AppendFormat(dst, "2006-01-02 15:04:05.999")
}

func appendHours(dst []byte, ms int64) []byte {
	dst = strconv.AppendInt(dst, ms/3600e3, 10)
	return time.UnixMilli(ms%3600e3).UTC().AppendFormat(dst, ":04:05.999")
}

// appendNumber writes a number as Excel shows it, with 15 digits: what is stored is the nearest binary fraction, so that
// 0.1 + 0.2 stands there as 0.30000000000000004. Numbers of up to 15 digits stand as they are.
func appendNumber(dst, number []byte) []byte {
	digits, point := 0, false
	for _, c := range number {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			point = true
		case c == 'e' || c == 'E':
			digits = 99
		}
	}
	if digits <= 15 || digits < 99 && !point {
		return append(dst, number...)
	}
	x, err := strconv.ParseFloat(string(number), 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return append(dst, number...)
	}
	short := strconv.FormatFloat(x, 'g', 15, 64)
	if x, err = strconv.ParseFloat(short, 64); err != nil {
		return append(dst, number...)
	}
	if a := math.Abs(x); a != 0 && (a < 1e-9 || a >= 1e18) {
		return strconv.AppendFloat(dst, x, 'g', -1, 64)
	}
	return strconv.AppendFloat(dst, x, 'f', -1, 64)
}
