package quality

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"kequn"
)

// Pattern says how texts of a column are written. Every text must fit from end to end.
//
//	9  a digit          A  a capital A–Z     a  a small letter a–z     文  any other letter
//	*  any characters   ?  the item before may be missing     +  once or more
//	{3}  three times    {2,4}  two to four times             |  or
//	\  the next character itself; every other character stands for itself
//
// 9{3}-9{4} fits 555-0100; A?9{6} fits A123456 and 123456.
type Pattern struct {
	text string
	re   *regexp.Regexp
}

// maxPattern bounds a pattern's length; shapes of values are shorter.
const maxPattern = 400

// ParsePattern reads a pattern. It is matched in time linear in the text, whatever the pattern.
func ParsePattern(text string) (*Pattern, error) {
	bad := func(why string) error {
		return kequn.Errorf(kequn.KindPlan, "", "pattern %q: %s", text, why).WithHint("for example 9{3}-9{4}: 9 is a digit, A a capital, a a small letter, {n} repeats; see docs/quality.md")
	}
	if len(text) > maxPattern || !utf8.ValidString(text) {
		return nil, bad("is too long, or no UTF-8")
	}
	var b strings.Builder
	b.WriteString(`(?s)^(?:`)
	item := false // there is one that can be repeated
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		switch r {
		case '9':
			b.WriteString(`[0-9]`)
			item = true
		case 'A':
			b.WriteString(`[A-Z]`)
			item = true
		case 'a':
			b.WriteString(`[a-z]`)
			item = true
		case '文':
			b.WriteString(`\p{L}`)
			item = true
		case '*':
			b.WriteString(`.*`)
			item = false
		case '?', '+':
			if !item {
				return nil, bad(string(r) + " follows nothing that repeats")
			}
			b.WriteRune(r)
			item = false
		case '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 || !item {
				return nil, bad("{ is not closed, or follows nothing that repeats")
			}
			inner := text[i : i+end]
			if !repeats.MatchString(inner) {
				return nil, bad("{" + inner + "} is no number of times, or more than 255")
			}
			b.WriteString("{" + inner + "}")
			i += end + 1
			item = false
		case '}':
			return nil, bad("} without {")
		case '|':
			b.WriteByte('|')
			item = false
		case '\\':
			if i >= len(text) {
				return nil, bad(`ends with \`)
			}
			r, n = utf8.DecodeRuneInString(text[i:])
			i += n
			b.WriteString(regexp.QuoteMeta(string(r)))
			item = true
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
			item = true
		}
	}
	b.WriteString(`)\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, bad("cannot be read")
	}
	return &Pattern{text, re}, nil
}

var repeats = regexp.MustCompile(`^([1-9]?[0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])(,([1-9]?[0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])?)?$`)

// Fits tells whether the text is written as the pattern says.
func (p *Pattern) Fits(text []byte) bool { return p.re.Match(text) }

// String returns the pattern's text.
func (p *Pattern) String() string { return p.text }
