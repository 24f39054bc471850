package source

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unsafe"
)

// style is how numbers of a column write thousands and decimals. The zero value accepts no thousands separator.
type style uint8

const (
	stylePlain style = iota // 1234.56
	styleComma              // 1,234.56
	styleDot                // 1.234,56 and 1234,56
	styleAny                // any of them, for looking at values only
)

// The layouts of numbers, as they stand in plans.
const (
	LayoutComma = "1,234.56"
	LayoutDot   = "1.234,56"
)

func styleOf(layout string) style {
	switch layout {
	case LayoutComma:
		return styleComma
	case LayoutDot:
		return styleDot
	}
	return stylePlain
}

var pow10 = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// decimal is ±mant·10^−scale.
type decimal struct {
	mant  uint64
	scale int
	neg   bool
}

// parsePlain reads digits with a sign and a decimal point, at most 18 digits: nearly every number there is.
func parsePlain(b []byte) (d decimal, ok bool) {
	i := 0
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		d.neg = b[0] == '-'
		i = 1
	}
	if len(b)-i > 19 {
		return d, false
	}
	start := i
	for i < len(b) {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		d.mant = d.mant*10 + uint64(c)
		i++
	}
	digits := i - start
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for i < len(b) {
			c := b[i] - '0'
			if c > 9 {
				return d, false
			}
			d.mant = d.mant*10 + uint64(c)
			i++
		}
		d.scale = i - point
		digits += d.scale
	}
	return d, i == len(b) && digits > 0 && digits <= 18
}

// digits returns a number of one to 18 digits and nothing else.
func digits(b []byte) (x int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		x = x*10 + int64(c)
	}
	return x, true
}

// normalNumber rewrites a number as strconv reads it: currency signs, brackets for minus and thousands separators are
// taken away. The result lies in tmp.
func normalNumber(b []byte, st style, tmp []byte) ([]byte, Reason) {
	b = trimSpace(b)
	neg := false
	if len(b) > 2 && b[0] == '(' && b[len(b)-1] == ')' {
		neg, b = true, trimSpace(b[1:len(b)-1])
	}
	b, signed := cutSign(b, &neg)
	b = cutCurrency(b)
	if !signed {
		b, _ = cutSign(b, &neg)
	}
	if len(b) == 0 || len(b) > 64 {
		return nil, BadNumber
	}
	if r := notFinite(b); r != "" {
		return nil, r
	}
	mantissa := len(b)
	if i := bytes.IndexAny(b, "eE"); i >= 0 {
		mantissa = i
		exp := b[i+1:]
		if len(exp) > 0 && (exp[0] == '-' || exp[0] == '+') {
			exp = exp[1:]
		}
		if !allDigits(exp) {
			return nil, BadNumber
		}
	}
	tmp = tmp[:0]
	if neg {
		tmp = append(tmp, '-')
	}
	m := b[:mantissa]
	commas, dots := bytes.Count(m, []byte{','}), bytes.Count(m, []byte{'.'})
	for _, c := range m {
		if (c < '0' || c > '9') && c != '.' && c != ',' {
			return nil, BadNumber
		}
	}
	if len(m) == commas+dots {
		return nil, BadNumber
	}
	group, point := byte(','), byte('.')
	if st == styleDot || st == styleAny && (commas == 1 && (dots > 1 || dots == 1 && bytes.IndexByte(m, ',') > bytes.IndexByte(m, '.') || dots == 0 && !grouped(m, ','))) {
		group, point = '.', ','
	}
	switch {
	case st == stylePlain && commas > 0:
		return nil, AmbiguousNumber
	case bytes.Count(m, []byte{point}) > 1:
		if st == stylePlain {
			return nil, BadNumber
		}
		return nil, AmbiguousNumber
	}
	whole, fraction := m, []byte(nil)
	if i := bytes.IndexByte(m, point); i >= 0 {
		whole, fraction = m[:i], m[i+1:]
	}
	if bytes.IndexByte(fraction, group) >= 0 || bytes.IndexByte(whole, group) >= 0 && !grouped(whole, group) {
		return nil, AmbiguousNumber
	}
	for _, c := range whole {
		if c != group {
			tmp = append(tmp, c)
		}
	}
	if len(fraction) > 0 {
		tmp = append(append(tmp, '.'), fraction...)
	}
	return append(tmp, b[mantissa:]...), ""
}

// grouped tells whether whole is digits in groups of three: 1,234,567.
func grouped(whole []byte, sep byte) bool {
	parts := bytes.Split(whole, []byte{sep})
	for i, p := range parts {
		if i == 0 && (len(p) == 0 || len(p) > 3) || i > 0 && len(p) != 3 {
			return false
		}
	}
	return len(parts) > 1
}

func cutSign(b []byte, neg *bool) ([]byte, bool) {
	if len(b) == 0 || b[0] != '-' && b[0] != '+' {
		return b, false
	}
	if b[0] == '-' {
		*neg = !*neg
	}
	return trimSpace(b[1:]), true
}

var currencySigns = [][]byte{[]byte("$"), []byte("¥"), []byte("￥"), []byte("€"), []byte("£"), []byte("元"), []byte("RMB"), []byte("CNY"), []byte("USD"), []byte("EUR"), []byte("GBP")}

func cutCurrency(b []byte) []byte {
	for _, s := range currencySigns {
		if bytes.HasPrefix(b, s) {
			return trimSpace(b[len(s):])
		}
		if bytes.HasSuffix(b, s) {
			return trimSpace(b[:len(b)-len(s)])
		}
	}
	return b
}

func notFinite(b []byte) Reason {
	switch strings.ToLower(string(b)) {
	case "nan":
		return NotANumber
	case "inf", "infinity", "1.#inf":
		return Infinite
	}
	return ""
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// parseNumber reads a number: the nearest float64.
func parseNumber(b []byte, st style) (float64, Reason) {
	if d, ok := parsePlain(b); ok {
		if d.mant < 1<<53 {
			// Both are exact, so the quotient is the nearest float64; 10^18 < 10^22 is exact too.
			x := float64(d.mant) / float64(pow10[d.scale])
			if d.neg {
				x = -x
			}
			return x, ""
		}
		x, _ := strconv.ParseFloat(view(b), 64)
		return x, ""
	}
	var tmp [80]byte
	n, r := normalNumber(b, st, tmp[:])
	if r != "" {
		return math.NaN(), r
	}
	x, err := strconv.ParseFloat(view(n), 64)
	if err != nil {
		if math.IsInf(x, 0) {
			return math.NaN(), NumberOverflow
		}
		return math.NaN(), BadNumber
	}
	return x, ""
}

// parseInteger reads a whole number. 17850.0 is one.
func parseInteger(b []byte, st style) (int64, Reason) {
	if x, ok := digits(b); ok {
		return x, ""
	}
	v, rounded, r := parseMoney(b, st, 0)
	if r == "" && rounded {
		return 0, NotWhole
	}
	return v, r
}

// parseMoney reads an amount as units of 10^-scale, rounding halves away from zero, and tells whether it had to round.
func parseMoney(b []byte, st style, scale int) (v int64, rounded bool, r Reason) {
	d, ok := parsePlain(b)
	if !ok {
		var tmp [80]byte
		n, r := normalNumber(b, st, tmp[:])
		if r != "" {
			return 0, false, r
		}
		if d, ok = parsePlain(n); !ok {
			return moneyOfFloat(n, scale)
		}
	}
	if v, rounded, ok = d.rescale(scale); !ok {
		return 0, false, NumberOverflow
	}
	return v, rounded, ""
}

// moneyOfFloat reads what has an exponent or more than 18 digits.
func moneyOfFloat(n []byte, scale int) (int64, bool, Reason) {
	x, err := strconv.ParseFloat(view(n), 64)
	if math.IsInf(x, 0) {
		return 0, false, NumberOverflow
	}
	if err != nil {
		return 0, false, BadNumber
	}
	return moneyOf(x, scale)
}

// moneyOf rounds a float64 to units of 10^-scale.
func moneyOf(x float64, scale int) (int64, bool, Reason) {
	switch {
	case math.IsNaN(x):
		return 0, false, NotANumber
	case math.IsInf(x, 0):
		return 0, false, Infinite
	}
	y := x * float64(pow10[scale])
	if math.Abs(y) >= 1<<62 {
		return 0, false, NumberOverflow
	}
	v := math.Round(y)
	// A float64 such as 0.29 is not exactly 29 hundredths; only what is far from any unit was rounded.
	return int64(v), math.Abs(y-v) > 1e-6*math.Max(1, math.Abs(y)), ""
}

// rescale returns the decimal as units of 10^-scale; ok is false if they do not fit.
func (d decimal) rescale(scale int) (v int64, rounded, ok bool) {
	m := d.mant
	switch {
	case d.scale < scale:
		hi, lo := bits.Mul64(m, pow10[min(scale-d.scale, 19)])
		if hi != 0 || lo >= 1<<62 {
			return 0, false, false
		}
		m = lo
	case d.scale > scale:
		p := pow10[d.scale-scale]
		rest := m % p
		m /= p
		rounded = rest != 0
		if rest >= p-rest {
			m++
		}
	}
	if m >= 1<<62 {
		return 0, false, false
	}
	if d.neg {
		return -int64(m), rounded, true
	}
	return int64(m), rounded, true
}

// parseAmountStyled tells whether b is a number in the style, for looking at values.
func parseAmountStyled(b []byte, st style) (float64, bool) {
	if len(b) == 0 || len(b) > 40 {
		return 0, false
	}
	x, r := parseNumber(b, st)
	return x, r == ""
}

// view is the bytes as a string, without copying; it must not outlive a change of them.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func trimSpace(b []byte) []byte {
	if n := len(b); n > 0 && b[0]-'!' < 0x7F-'!' && b[n-1]-'!' < 0x7F-'!' {
		return b // which is nearly always so
	}
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t' || b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	// Spreadsheets pad with no-break and ideographic spaces.
	for len(b) >= 2 && b[0] == 0xC2 && b[1] == 0xA0 {
		b = trimSpace(b[2:])
	}
	for len(b) >= 3 && b[0] == 0xE3 && b[1] == 0x80 && b[2] == 0x80 {
		b = trimSpace(b[3:])
	}
	if n := len(b); n >= 2 && b[n-2] == 0xC2 && b[n-1] == 0xA0 {
		return trimSpace(b[:n-2])
	}
	if n := len(b); n >= 3 && b[n-3] == 0xE3 && b[n-2] == 0x80 && b[n-1] == 0x80 {
		return trimSpace(b[:n-3])
	}
	return b
}
