package ngram

import "unicode/utf8"

// proseWords is how many words a text has on average for a column to be prose: names have two, codes one.
const proseWords = 3

// Prose tells whether the texts of a column, those that occur in a row of weight > 0 (w nil: in any), read like free text and not like
// codes or names: at least three words on average. A character of a script without spaces is half a word; what has fewer than
// two letters is none. Each different text counts once, so neither order nor weight matters.
func Prose(c Cells, w []float64) bool {
	seen := make([]bool, c.Texts.Len())
	for i, k := range c.Code {
		if k >= 0 && (w == nil || w[i] > 0) {
			seen[k] = true
		}
	}
	texts, halves := 0, 0
	for k, ok := range seen {
		if ok {
			texts++
			halves += halfWords(c.Texts.At(k))
		}
	}
	return texts > 0 && halves >= 2*proseWords*texts
}

// ProseOf is [Prose] of all the texts.
func ProseOf(t Texts) bool {
	halves := 0
	for k := range t.Len() {
		halves += halfWords(t.At(k))
	}
	return t.Len() > 0 && halves >= 2*proseWords*t.Len()
}

// enoughHalves ends the count of one text: a single letter among codes must not make prose of them.
const enoughHalves = 40

func halfWords(text string) int {
	n, letters := 0, 0
	end := func() {
		if letters >= 2 {
			n += 2
		}
		letters = 0
	}
	for i := 0; i < len(text) && n < enoughHalves; {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		i += size
		switch {
		case r == ',' || r == ';' || r == '!' || r == '?':
			end()
		case r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'):
			letters++
		case r >= '0' && r <= '9':
			letters = min(letters, -100) // a token with a digit is a code
		default:
			switch classOf(r) {
			case space:
				end()
			case dense:
				end()
				n++
			case letter:
				letters++
			}
		}
	}
	end()
	return min(n, enoughHalves)
}
