// Package ngram turns free text, Chinese included, into numbers: hashed n-grams of characters and words.
//
// A text is folded (NFKC, then case), cut into runs, and each run into grams:
//
//	"质量很好，快递慢"  →  质 量 很 好 质量 量很 很好 质量很 量很好 · 快 递 慢 快递 递慢 快递慢     scripts without spaces: 1 to 3 characters
//	"Not good!"      →  _no not ot_ _not not_ · _go goo ood od_ … · not · good · not+good · !    others: 3 and 4 characters, words, pairs of words
//
// Every gram falls by its hash into one of 2^18 buckets; two grams may share one, which costs little. A [Vocabulary] knows the buckets
// that training saw often enough and how common each was; it gives a text its weights, and a [Matrix] holds those of many texts.
// [Encoder] makes number columns of text columns for learners that take numbers only.
//
// Nothing depends on a language or a word list, so nothing needs to be told which language a text is in.
//
// Reference: Weinberger et al., Feature Hashing for Large Scale Multitask Learning (2009); Cavnar and Trenkle, N-Gram-Based Text
// Categorization (1994).
package ngram

// Bits is the size of a bucket's number: there are 2^Bits of them, enough that of 50,000 different grams four of five have one to
// themselves.
const Bits = 18

const nBuckets = 1 << Bits

// Buckets from firstInner on are for the characters inside of words, so that one can tell their weights from those of words.
const firstInner = nBuckets / 2

// maxBytes is how much of one text counts: 16 KiB are more than 2,000 words. What follows is passed over, so that one cell of a
// megabyte costs what a long letter does.
const maxBytes = 16 << 10

// Texts are different texts by number. [kequn/internal/table.Dict] is one.
type Texts interface {
	Len() int
	At(i int) string
}

// Cells is a column of texts: Code has a number of Texts for each row, negative where there is none.
type Cells struct {
	Texts Texts
	Code  []int32
}

// distinct returns for each row a number below n, counted in the order of first appearance, -1 for none, and the code that each number
// stands for.
func (c Cells) distinct() (row, code []int32) {
	row = make([]int32, len(c.Code))
	if len(c.Code) < c.Texts.Len()/8 { // few rows of a large dictionary: it is only looked up, never gone through
		seen := make(map[int32]int32, len(c.Code))
		for i, k := range c.Code {
			row[i] = -1
			if k < 0 {
				continue
			}
			at, ok := seen[k]
			if !ok {
				at = int32(len(code))
				seen[k] = at
				code = append(code, k)
			}
			row[i] = at
		}
		return row, code
	}
	seen := make([]int32, c.Texts.Len())
	for i, k := range c.Code {
		row[i] = -1
		if k < 0 {
			continue
		}
		if seen[k] == 0 {
			code = append(code, k)
			seen[k] = int32(len(code))
		}
		row[i] = seen[k] - 1
	}
	return row, code
}
