package evaluate

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Limits of what a text may say.
const (
	textRows    = 20_000  // texts that are read
	textBytes   = 400     // of each
	textBuckets = 1 << 16 // words are told apart by hash
	textOfClass = 0.2     // share of the outcome's rows that have a word which occurs with that outcome only
	rareClass   = 0.6     // an outcome as frequent as this shares words and levels by nature
)

// texts looks for words that say the outcome, in columns of free text and in those that no model reads.
func (x *xray) texts() {
	y := x.happened()
	if y == nil {
		return
	}
	var list []*table.Column
	for _, t := range []*table.Table{x.X, x.Others} {
		if t == nil {
			continue
		}
		for _, c := range t.Columns {
			if c.Kind == table.Text {
				list = append(list, c)
			}
		}
	}
	found := make([]*Leak, len(list))
	kernel.Parallel(len(list), x.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			found[j] = x.text(list[j], y)
		}
	})
	for _, l := range found {
		if l != nil {
			x.add(*l)
		}
	}
}

// text counts, for each word, the rows with it and those of them with the outcome.
func (x *xray) text(c *table.Column, y []float64) *Leak {
	rows := x.known
	if len(rows) > textRows {
		rows = nil
		for k := range textRows {
			rows = append(rows, x.known[k*len(x.known)/textRows])
		}
	}
	word := make([]purity, textBuckets)
	seen := make([]int32, textBuckets) // row + 1 that a word was last counted for
	example := make([]int32, textBuckets)
	var total purity
	for _, i := range rows {
		total.rows++
		total.yes += y[i]
		if c.Code[i] < 0 {
			continue
		}
		eachWord(c.Dict.At(int(c.Code[i])), func(w string) {
			b := kernel.Hash64(0, w) % textBuckets
			if seen[b] != i+1 {
				seen[b], example[b] = i+1, i
				word[b].rows++
				word[b].yes += y[i]
			}
		})
	}
	best, most, reason := -1, 0.0, ""
	for b, p := range word {
		if p.rows < pureRows {
			continue
		}
		tells := p.yes/total.yes - (p.rows-p.yes)/(total.rows-total.yes)
		if tells < 0 {
			tells = -tells
		}
		yes, pure := p.one(total)
		class := total.yes
		if !yes {
			class = total.rows - total.yes
		}
		switch {
		case 0.5+tells/2 >= aloneAUC && tells > most:
			best, most, reason = b, tells, LeakCopy
		case pure && class <= rareClass*total.rows && p.rows >= textOfClass*class && tells > most:
			best, most, reason = b, tells, LeakRefund
		}
	}
	if best < 0 {
		return nil
	}
	said := ""
	eachWord(c.Dict.At(int(c.Code[example[best]])), func(w string) {
		if kernel.Hash64(0, w)%textBuckets == uint64(best) {
			said = strconv.Quote(strings.Clone(w))
		}
	})
	auc := 0.5 + most/2
	return &Leak{Column: c.Name, Reason: reason, AUCWith: some(auc), Evidence: Text{
		fmt.Sprintf("文字里有没有 %s 就几乎说出了结果（%.0f 行有它，其中 %.0f 行出现结果）：文字很可能是事后写的。", said, word[best].rows, word[best].yes),
		fmt.Sprintf("whether the text says %s nearly gives the outcome away (%.0f rows have it, %.0f of them with the outcome): it was probably written afterwards.", said, word[best].rows, word[best].yes)}}
}

// eachWord calls f with the words of a text in lower case; of scripts without spaces, with each pair of characters.
func eachWord(s string, f func(string)) {
	if len(s) > textBytes {
		n := textBytes
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	s = strings.ToLower(s)
	from, before := -1, -1
	end := func(at int) {
		if from >= 0 {
			f(s[from:at])
			from = -1
		}
	}
	for i, r := range s {
		switch {
		case unicode.Is(unicode.Han, r):
			end(i)
			if before >= 0 {
				f(s[before : i+utf8.RuneLen(r)])
			}
			before = i
			continue
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if from < 0 {
				from = i
			}
		default:
			end(i)
		}
		before = -1
	}
	end(len(s))
}
