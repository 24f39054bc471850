package ngram

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// folder brings texts into the form that is compared: compatibility forms made one (ｆｕｌｌ width, ligatures), then case folded.
// It is used by one goroutine.
type folder struct {
	fold cases.Caser
	a, b []byte
}

func newFolder() *folder { return &folder{fold: cases.Fold()} }

// clip returns the first maxBytes of a text, cut between characters.
func clip(text string) string {
	if len(text) <= maxBytes {
		return text
	}
	n := maxBytes
	for n > maxBytes-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// bytes returns the folded text, valid until the next call. Invalid UTF-8 stays as it is.
func (f *folder) bytes(text string) []byte {
	text = clip(text)
	f.a = f.a[:0]
	ascii := true
	for i := 0; i < len(text) && ascii; i++ {
		ascii = text[i] < utf8.RuneSelf
	}
	if ascii {
		for i := range len(text) {
			c := text[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			f.a = append(f.a, c)
		}
		return f.a
	}
	f.a = norm.NFKC.AppendString(f.a, text)
	// Case folding never makes a text more than three times as long, so the buffer only grows on the longest texts.
	if cap(f.b) < 3*len(f.a)+16 {
		f.b = make([]byte, 3*len(f.a)+16)
	}
	n, _, err := f.fold.Transform(f.b[:cap(f.b)], f.a, true)
	if err != nil { // only where the buffer is too short after all
		return f.a
	}
	return f.b[:n]
}

// class is what a character is to the cutter.
type class uint8

const (
	gap    class = iota // ends everything: punctuation, control, invalid bytes
	space               // ends a word, not a pair of words
	letter              // of scripts that put spaces between words; digits and marks too
	dense               // of scripts that do not
	symbol              // a gram of its own: emoji, !, ?
)

func classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z':
			return letter
		case r == ' ' || '\t' <= r && r <= '\r':
			return space
		case r == '\'':
			return letter // don't
		case r == '!' || r == '?' || r == '$' || r == '%':
			return symbol
		}
		return gap
	case 0x4e00 <= r && r <= 0x9fff, 0x3040 <= r && r <= 0x30ff, 0xac00 <= r && r <= 0xd7a3:
		return dense
	case r == utf8.RuneError:
		return gap
	case 0x1f000 <= r && r <= 0x1faff:
		return symbol
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
		return dense
	case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
		return letter
	case unicode.IsSpace(r):
		return space
	case unicode.IsSymbol(r):
		return symbol
	}
	return gap
}
