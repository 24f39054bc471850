package quality

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// traits are what can be seen of one text, number or time by itself, as bits.
type traits uint32

// The traits of texts.
const (
	padded      traits = 1 << iota // spaces before, behind, or two in a row
	garbled                        // damaged encoding: � or UTF-8 read as Latin-1
	control                        // control characters
	formula                        // would be a formula in a spreadsheet
	placeholder                    // a word that stands for nothing: unknown, n/a, null …; 9999; 1900-01-01
	trial                          // test, dummy, 测试
	numeric                        // reads as a number
	dated                          // reads as a date
	truth                          // yes, no, true, 0 …
	mail                           // looks like an e-mail address
	telephone                      // looks like a telephone number
	identity                       // looks like an identity or card number: the check digit is right
	digits                         // digits only
	zeroed                         // digits only, the first one 0
	spaced                         // has words with spaces between them
)

// The traits of numbers, beside placeholder.
const (
	negative traits = 1 << (iota + 16)
	zero
	fraction // not whole
	fine     // more than two decimals
	midnight // of times: on the day's first instant
	future
	old // before 1900
)

const nTraits = 24

var placeholderWords = wordSet(`unknown unkown undefined n/a na null none nil nan missing empty tbd tba todo xxx xxxx -- --- ? ?? #n/a #null! #ref! #value! (null) <null>
	未知 不详 无 空 暂无 待定 未填 未填写 不明`)

var testWords = wordSet(`test tests tester testing dummy demo sample foo bar asdf qwerty test1 test123 testuser test_user test-user test_customer testcustomer 测试 测试用户 测试客户 测试账号 演示`)

var truthWords = wordSet(`true false yes no y n t f 0 1 on off ja nein oui non si 是 否 有 真 假`)

// placeholderPhrases are the same of two words.
var placeholderPhrases = map[string]bool{"not available": true, "not applicable": true, "no data": true, "not known": true, "no value": true}

func wordSet(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(text) {
		out[w] = true
	}
	return out
}

// textTraits looks at a text once.
func textTraits(b []byte) traits {
	var t traits
	if len(b) == 0 {
		return 0
	}
	if b[0] == ' ' || b[len(b)-1] == ' ' || b[0] == '\t' || b[len(b)-1] == '\t' || bytes.Contains(b, []byte("  ")) || bytes.HasPrefix(b, []byte("　")) || bytes.HasSuffix(b, []byte("　")) {
		t |= padded
	}
	nDigits, nOther, ascii := 0, 0, true
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			nDigits++
		case c >= 0x80:
			ascii = false
			nOther++
		case c < ' ' || c == 0x7f:
			t |= control
			nOther++
		case c == ' ':
			t |= spaced
			nOther++
		default:
			nOther++
		}
	}
	if !ascii && looksGarbled(b) {
		t |= garbled
	}
	switch b[0] {
	case '=', '@':
		if len(b) > 1 {
			t |= formula
		}
	case '+', '-':
		// A number, a telephone number and a dash are none.
		if len(b) > 1 && b[1] != ' ' && b[1] != '-' && !readsNumber(b) && !looksPhone(b, nDigits) {
			t |= formula
		}
	}
	if nOther == 0 {
		t |= digits | numeric
		if b[0] == '0' && len(b) > 1 {
			t |= zeroed
		}
	}
	if len(b) <= 24 {
		var buf [32]byte
		low := bytes.ToLower(append(buf[:0], bytes.TrimSpace(b)...))
		if placeholderWords[string(low)] || placeholderPhrases[string(low)] {
			t |= placeholder
		}
		if testWords[string(low)] {
			t |= trial
		}
		if len(low) <= 5 && truthWords[string(low)] {
			t |= truth
		}
	}
	if nDigits == 0 {
		if nOther > 5 && bytes.IndexByte(b, '@') > 0 && looksMail(b) {
			t |= mail
		}
		return t
	}
	if nOther > 0 && readsNumber(b) {
		t |= numeric
	}
	if nDigits >= 4 && nOther > 0 && len(b) <= 32 && readsDate(b) {
		t |= dated
	}
	if bytes.IndexByte(b, '@') > 0 && looksMail(b) {
		t |= mail
	}
	if nDigits >= 7 && len(b) <= 24 && t&dated == 0 {
		if looksPhone(b, nDigits) {
			t |= telephone
		}
		if nDigits >= 13 && looksIdentity(b) {
			t |= identity
		}
	}
	return t
}

// looksGarbled tells whether a text was damaged on its way: it is no UTF-8, holds the replacement character, or UTF-8 that
// somebody read as Latin-1 ("Ã©" for "é", "ä¸­" for "中").
func looksGarbled(b []byte) bool {
	if !utf8.Valid(b) || bytes.Contains(b, []byte("\uFFFD")) || bytes.Contains(b, []byte("锟斤拷")) || bytes.Contains(b, []byte("烫烫烫")) {
		return true
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		i += n
		// A lead byte of UTF-8 as a letter, followed by a continuation byte as a sign or a C1 control.
		if r < 0xC2 || r > 0xF4 || i >= len(b) {
			continue
		}
		next, m := utf8.DecodeRune(b[i:])
		if next >= 0x80 && next <= 0xBF && !(next == 0xAA || next == 0xBA) || cp1252[next] {
			if r == 0xC3 || r == 0xC2 || r >= 0xE0 && i+m < len(b) {
				return true
			}
		}
	}
	return false
}

// cp1252 are what Windows shows for bytes 0x80 to 0x9F, as far as they do not stand behind letters in real text.
var cp1252 = map[rune]bool{'€': true, '‚': true, 'ƒ': true, '„': true, '…': false, '†': true, '‡': true, 'ˆ': true, '‰': true, 'Š': true, '‹': true, 'Œ': true, 'Ž': true,
	'˜': true, '™': true, 'š': true, '›': true, 'œ': true, 'ž': true, 'Ÿ': true}

func looksMail(b []byte) bool {
	at := bytes.IndexByte(b, '@')
	if at < 1 || bytes.IndexByte(b[at+1:], '@') >= 0 || len(b) > 254 {
		return false
	}
	dot := bytes.LastIndexByte(b, '.')
	if dot < at+2 || dot > len(b)-3 {
		return false
	}
	for _, c := range b {
		if c <= ' ' || strings.IndexByte(`,;<>()[]"\`, c) >= 0 {
			return false
		}
	}
	return true
}

// looksPhone tells whether a text is written like a telephone number: with a country code or separators, or like a Chinese mobile.
func looksPhone(b []byte, nDigits int) bool {
	if nDigits > 15 {
		return false
	}
	separators, plus := 0, b[0] == '+'
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
		case c == '+' && i == 0:
		case c == '-' || c == ' ' || c == '(' || c == ')' || c == '.' || c == '/':
			separators++
		default:
			return false
		}
	}
	if plus {
		return nDigits >= 8
	}
	if separators == 0 {
		return nDigits == 11 && b[0] == '1' && b[1] >= '3'
	}
	return nDigits >= 9 && separators <= 5 && (b[0] == '0' || b[0] == '(' || nDigits >= 10 && !readsNumber(b))
}

// looksIdentity tells whether a text is a Chinese identity number or a payment card's: the check digit is right.
func looksIdentity(b []byte) bool {
	var d [24]byte
	n := 0
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			d[n] = c - '0'
			n++
		case (c == 'X' || c == 'x') && n == 17 && i == len(b)-1:
			d[n] = 10
			n++
		case c == ' ' || c == '-':
		default:
			return false
		}
	}
	if n == 18 {
		weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
		sum := 0
		for i, w := range weights {
			if d[i] == 10 {
				return false
			}
			sum += w * int(d[i])
		}
		year, month := int(d[6])*1000+int(d[7])*100+int(d[8])*10+int(d[9]), int(d[10])*10+int(d[11])
		return (12-sum%11)%11 == int(d[17]) && year >= 1900 && year < 2100 && month >= 1 && month <= 12
	}
	if n < 13 || n > 19 || d[0] < 3 || d[0] > 6 {
		return false
	}
	sum := 0
	for i := range n {
		x := int(d[n-1-i])
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// readsNumber tells whether a text is a number as people write it: sign, thousands separators, decimals, exponent, %.
func readsNumber(b []byte) bool {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	b = bytes.TrimSuffix(b, []byte("%"))
	if len(b) == 0 {
		return false
	}
	nDigits, dots, commas, exp := 0, 0, 0, false
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			nDigits++
		case c == '.' && !exp:
			dots++
		case c == ',' && !exp && i > 0:
			commas++
		case (c == 'e' || c == 'E') && !exp && nDigits > 0 && i+1 < len(b):
			exp = true
		case (c == '-' || c == '+') && exp && (b[i-1] == 'e' || b[i-1] == 'E') && i+1 < len(b):
		default:
			return false
		}
	}
	return nDigits > 0 && (dots <= 1 || commas <= 1)
}

// readsDate tells whether a text begins like a date: 2024-03-01, 2024/3/1, 01.03.2024, 3/1/24, 2024年3月1日.
func readsDate(b []byte) bool {
	var part [3]int
	var size [3]int
	k, i := 0, 0
	var sep rune
	for i < len(b) && k < 3 {
		if c := b[i]; c >= '0' && c <= '9' {
			part[k] = part[k]*10 + int(c-'0')
			if size[k]++; size[k] > 4 {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if size[k] == 0 {
			return false
		}
		switch {
		case r == 'T' || r == ' ':
			if k < 2 {
				return false
			}
		case strings.ContainsRune("-/.年月日", r):
			if sep == 0 && r < 0x80 {
				sep = r
			} else if r < 0x80 && r != sep {
				return false
			}
		default:
			return false
		}
		k++
		i += n
	}
	if k < 2 || k == 2 && size[2] == 0 {
		return false
	}
	if i < len(b) { // a time of day behind it
		for _, c := range b[i:] {
			if !(c >= '0' && c <= '9' || strings.IndexByte(":.+-TZ APMapm", c) >= 0) {
				return false
			}
		}
	}
	y, m, d := part[0], part[1], part[2]
	if size[0] <= 2 && size[2] == 4 || size[0] <= 2 && size[2] == 2 {
		y, m, d = part[2], part[1], part[0]
		if m > 12 {
			m, d = d, m
		}
		if size[2] == 2 {
			y += 2000
		}
	} else if size[0] != 4 {
		return false
	}
	return y >= 1800 && y < 10000 && m >= 1 && m <= 12 && d >= 1 && d <= 31
}

// fold is how spellings are compared: without case, without spaces around, with one between words.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// shapeOf appends the shape of a text: A for capitals, a for small letters, 文 for other letters, 9 for digits, each with how
// many there are, and every other character as it is. It is a pattern (see [ParsePattern]) that fits the text.
func shapeOf(out, b []byte) []byte {
	var last rune
	n := 0
	end := func() {
		if n > 1 {
			out = append(out, '{')
			out = appendInt(out, n)
			out = append(out, '}')
		}
	}
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		i += size
		class := classOf(r)
		if class != 0 && class == last {
			n++
			continue
		}
		end()
		last, n = class, 1
		switch {
		case class != 0:
			out = utf8.AppendRune(out, class)
		default:
			if strings.ContainsRune(special, r) {
				out = append(out, '\\')
			}
			out = utf8.AppendRune(out, r)
		}
	}
	end()
	return out
}

// special are the characters that mean something in a pattern.
const special = `9Aa文*+?{}|\`

// classOf returns A, a, 文 or 9 for a letter or digit, and 0 for any other character.
func classOf(r rune) rune {
	switch {
	case r >= '0' && r <= '9':
		return '9'
	case r >= 'a' && r <= 'z':
		return 'a'
	case r >= 'A' && r <= 'Z':
		return 'A'
	case r == utf8.RuneError:
		return 0
	case r >= 0x80 && unicode.IsLetter(r):
		return '文'
	}
	return 0
}

func appendInt(out []byte, n int) []byte {
	if n >= 10 {
		out = appendInt(out, n/10)
	}
	return append(out, byte('0'+n%10))
}
