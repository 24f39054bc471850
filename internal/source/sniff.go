package source

import (
	"bytes"
	"unicode/utf8"
)

// sniffRecords is how many records decide the dialect. More make it slower, not better.
const sniffRecords = 1000

// sniffDialect guesses delimiter, quote and escape of text by trying each combination, as CleverCSV does: a good dialect
// cuts the records into equally many fields, and the fields into things that look like values. Its score is
//
//	(1/K)·Σₖ Nₖ·max(ε, Lₖ−1)/Lₖ  ×  share of fields that look like a value  ×  (1 − share of flawed records)²
//
// where Nₖ of the records have Lₖ fields and K is the number of different Lₖ. Of equal scores the first in the order
// comma, semicolon, tab, bar, caret, 0x01 wins; backslash escapes, single quotes and no quotes are tried only where the
// text gives cause.
//
// Reference: G. van den Burg, A. Nazábal, C. Sutton, Wrangling messy CSV files by detecting row and type patterns (2019).
func sniffDialect(text []byte, final bool) Dialect {
	if d, ok := declaredDelimiter(text); ok {
		return Dialect{Delimiter: d, Quote: '"'}
	}
	backslash := bytes.Contains(text, []byte(`\"`)) || bytes.Contains(text, []byte(`\,`)) || bytes.Contains(text, []byte(`\'`))
	var best Dialect
	bestScore := -1.0
	try := func(d Dialect) (flawed bool) {
		score, flawed := dialectScore(text, final, d)
		if score > bestScore*(1+1e-9) {
			best, bestScore = d, score
		}
		return flawed
	}
	for _, delim := range []byte{',', ';', '\t', '|', '^', 0x01} {
		if delim != ',' && bytes.IndexByte(text, delim) < 0 {
			continue
		}
		flawed := try(Dialect{Delimiter: delim, Quote: '"'})
		if backslash {
			try(Dialect{Delimiter: delim, Quote: '"', Escape: '\\'})
		}
		if singleQuoted(text, delim) {
			try(Dialect{Delimiter: delim, Quote: '\''})
			if backslash {
				try(Dialect{Delimiter: delim, Quote: '\'', Escape: '\\'})
			}
		}
		if flawed && delim != ',' && delim != ';' { // tab-separated dumps often know no quotes at all
			try(Dialect{Delimiter: delim})
		}
	}
	return best
}

// declaredDelimiter reads the line sep=; with which spreadsheet programs begin a file.
func declaredDelimiter(text []byte) (byte, bool) {
	if len(text) >= 6 && bytes.EqualFold(text[:4], []byte("sep=")) && (text[5] == '\r' || text[5] == '\n') {
		return text[4], bytes.IndexByte([]byte(",;\t|^\x01"), text[4]) >= 0
	}
	return 0, false
}

func singleQuoted(text []byte, delim byte) bool {
	return text[0] == '\'' || bytes.Contains(text, []byte{delim, '\''}) || bytes.Contains(text, []byte("\n'"))
}

func dialectScore(text []byte, final bool, d Dialect) (score float64, flawed bool) {
	s := newScanner(d, 1000)
	var fields []span
	var scratch []byte
	counts := map[int]int{} // read by sums over whole numbers only, so order does not matter
	var records, flaws, cells, typed int
	for pos := 0; pos < len(text) && records < sniffRecords; {
		var rec record
		fields, rec = s.scan(text, pos, final, fields[:0])
		if rec.next < 0 {
			break
		}
		if rec.next == pos {
			flaws++
			break
		}
		pos = rec.next
		if len(fields) == 1 && fields[0].from == fields[0].to {
			continue // a blank line
		}
		records++
		if rec.flaw != flawNone {
			flaws++
			continue
		}
		counts[len(fields)]++
		for _, f := range fields {
			cells++
			v := text[f.from:f.to]
			if rec.dirty {
				scratch = append(scratch[:0], v...)
				_, u := s.unescape(text[:len(text):len(text)], f)
				if int(u.to) <= len(text) {
					v = text[u.from:u.to]
				}
			}
			if quotedSpan(text, f, d.Quote) || looksLikeValue(v) {
				typed++
			}
		}
	}
	if records == 0 || cells == 0 {
		return 0, flaws > 0
	}
	var pattern, single float64
	for l, n := range counts {
		if l == 1 {
			single += float64(n) * 1e-3
		}
	}
	// Sum in a fixed order: by number of fields.
	for l := 2; l <= maxKey(counts); l++ {
		if n := counts[l]; n > 0 {
			pattern += float64(n) * float64(l-1) / float64(l)
		}
	}
	pattern = (pattern + single) / float64(len(counts))
	sound := 1 - float64(flaws)/float64(records+flaws)
	return pattern * (float64(typed) + 1e-3) / float64(cells) * sound * sound, flaws > 0
}

func maxKey(m map[int]int) int {
	top := 0
	for k := range m {
		top = max(top, k)
	}
	return top
}

func quotedSpan(text []byte, f span, quote byte) bool {
	return quote != 0 && f.from > 0 && text[f.from-1] == quote && int(f.to) < len(text) && text[f.to] == quote
}

// looksLikeValue tells whether a field could be one value: empty, a number, a time, or words. Delimiters of other
// dialects and quotes speak against it.
func looksLikeValue(v []byte) bool {
	v = trimSpace(v)
	if len(v) == 0 || isMissingWord(v) {
		return true
	}
	if len(v) > 200 {
		return false
	}
	if _, ok := parseAmountStyled(v, styleAny); ok {
		return true
	}
	for _, c := range v {
		if c < utf8.RuneSelf && bytes.IndexByte([]byte(",;\t|^\x01\"'{}[]\\"), c) >= 0 {
			return false
		}
	}
	return true
}

// findBody sets Skip, Header and Trailing of a dialect whose delimiter, quote and escape are known, and returns the
// column names, the position of the first row in text, and the number of the line before it. If the first record that is
// not blank is flawed or does not end, names is nil and body and line are that record's.
func findBody(text []byte, final bool, d *Dialect, limits Limits) (names []string, body, line int) {
	s := newScanner(*d, limits.QuotedLines)
	type row struct {
		pos, line, n, filled int
		lastEmpty            bool
		cells                []string
	}
	var rows []row
	var fields []span
	buf := text[:len(text):len(text)]
	at := 0
	for pos := 0; pos < len(text) && len(rows) < 300; {
		var rec record
		fields, rec = s.scan(text, pos, final, fields[:0])
		if rec.next <= pos {
			if len(rows) == 0 {
				return nil, pos, at
			}
			break
		}
		r := row{pos: pos, line: at, n: len(fields)}
		if rec.flaw != flawNone && len(rows) == 0 {
			return nil, pos, at
		}
		pos = rec.next
		at += rec.lines
		if rec.flaw != flawNone || isBlank(text, fields) {
			continue
		}
		for _, f := range fields {
			v := text[f.from:f.to]
			if rec.dirty {
				long, u := s.unescape(buf, f)
				v = long[u.from:u.to]
			}
			v = trimSpace(v)
			if len(v) > 0 {
				r.filled++
			}
			r.cells = append(r.cells, string(v))
		}
		r.lastEmpty = r.cells[r.n-1] == ""
		rows = append(rows, r)
		if r.n > limits.Columns {
			break
		}
	}
	if len(rows) == 0 {
		return nil, 0, 0
	}
	// The most frequent number of fields, of the wider one at a tie.
	counts := map[int]int{}
	for _, r := range rows {
		counts[r.n]++
	}
	width := 0
	for _, r := range rows {
		if counts[r.n] > counts[width] || counts[r.n] == counts[width] && r.n > width {
			width = r.n
		}
	}
	first := 0
	if _, ok := declaredDelimiter(text); ok && len(rows) > 1 {
		first = 1
	}
	// Titles and comments above the table: lines with one value where the table has several.
	for k := first; k < len(rows)-1 && k < 30 && width > 1; k++ {
		if rows[k].filled > 1 || width == 2 && rows[k].n == 2 {
			break
		}
		if rows[k+1].filled > 1 && rows[k+1].n >= width-1 && counts[width] >= 2 {
			first = k + 1
			break
		}
	}
	head := rows[first]
	rest := rows[first+1:]
	cells := make([][]string, 0, len(rest))
	ends, full := 0, 0
	for _, r := range rest {
		if r.n == head.n {
			cells = append(cells, r.cells)
		}
		if r.n == width {
			full++
			if r.lastEmpty {
				ends++
			}
		}
	}
	d.Skip = head.line
	d.Header = hasHeader(head.cells, cells)
	n := head.n
	allEmpty := full > 0 && ends == full
	switch {
	case d.Header && head.n == width && head.n > 1 && head.lastEmpty && (allEmpty || full == 0):
		d.Trailing = true
		n--
	case head.n == width-1 && allEmpty:
		d.Trailing = true
	case !d.Header && head.n == width && head.n > 2 && head.lastEmpty && allEmpty && full > 1:
		d.Trailing = true
		n--
	}
	if !d.Header {
		return make([]string, n), head.pos, head.line
	}
	names = head.cells[:n:n]
	_, rec := s.scan(text, head.pos, final, fields[:0])
	return names, rec.next, head.line + rec.lines
}

func isBlank(text []byte, fields []span) bool {
	return len(fields) == 1 && len(trimSpace(text[fields[0].from:fields[0].to])) == 0 &&
		(fields[0].from == 0 || text[fields[0].from-1] != '"' && text[fields[0].from-1] != '\'')
}

// hasHeader tells whether the first record names the columns. People's files have a header, so it takes evidence to say
// no: a number, a date or a code like C1 where the rows below have the same kind of value.
func hasHeader(first []string, rest [][]string) bool {
	var header, data int
	years := risingYears(first)
	for c, h := range first {
		if h == "" {
			continue
		}
		if knownName(h) {
			header += 2
			continue
		}
		kind := valueClass(h)
		if years && kind == classNumber {
			kind = classWord
		}
		var same, filled, repeats, alike int
		shape := digitShape(h)
		for i, r := range rest {
			if i == 200 {
				break
			}
			v := r[c]
			if v == "" || isMissingWord([]byte(v)) {
				continue
			}
			filled++
			if valueClass(v) == kind {
				same++
			}
			if v == h {
				repeats++
			}
			if shape != "" && digitShape(v) == shape {
				alike++
			}
		}
		switch {
		case filled == 0 && kind != classWord && len(rest) == 0:
			data++
		case filled == 0:
		case kind != classWord && same*2 > filled:
			data++
		case kind == classWord && same*5 < filled:
			header++
		case kind == classWord && shape != "" && alike*5 >= filled*4:
			data++
		case kind == classWord && repeats > 0:
			data++
		}
	}
	return data == 0 || header > data
}

func risingYears(cells []string) bool {
	last, n := 0, 0
	for _, c := range cells {
		if len(c) != 4 || valueClass(c) != classNumber {
			continue
		}
		y := int(c[0]-'0')*1000 + int(c[1]-'0')*100 + int(c[2]-'0')*10 + int(c[3]-'0')
		if y < 1900 || y > 2100 || y <= last {
			return false
		}
		last = y
		n++
	}
	return n >= 2
}

type class uint8

const (
	classWord class = iota
	classNumber
	classTime
	classMail
)

func valueClass(s string) class {
	b := []byte(s)
	if _, ok := parseAmountStyled(b, styleAny); ok {
		return classNumber
	}
	if _, ok := parseAnyTime(b); ok {
		return classTime
	}
	if looksLikeMail(b) {
		return classMail
	}
	return classWord
}

// digitShape returns s with digits as 9 and letters as a, or "" if it has no digit: C1 and C2 have the same shape.
func digitShape(s string) string {
	out := make([]byte, 0, len(s))
	digit := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			digit = true
			if len(out) == 0 || out[len(out)-1] != '9' {
				out = append(out, '9')
			}
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf:
			if len(out) == 0 || out[len(out)-1] != 'a' {
				out = append(out, 'a')
			}
		default:
			out = append(out, c)
		}
	}
	if !digit {
		return ""
	}
	return string(out)
}
