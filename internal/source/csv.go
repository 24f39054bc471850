package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"kequn"
)

const (
	sampleBytes = 4 << 20   // decoded text looked at when a file is opened
	sniffBytes  = 256 << 10 // of it, what decides the dialect
	sampleRows  = 10_000    // rows that proposals are based on
	chunkBytes  = 1 << 20   // text converted at a time: some 20,000 orders, whose texts stay in the second cache
)

// openText finds out whether text is JSON or CSV, and of CSV encoding, dialect, column names and a sample.
func (f *File) openText() error {
	text, final, err := f.head()
	if err != nil {
		return err
	}
	if len(trimSpace(text)) == 0 {
		return kequn.Errorf(kequn.KindInput, f.Path, "holds nothing but blank lines").WithHint("a table needs at least a header line")
	}
	if f.Packing != "" {
		if err := f.refuseUnpacked(text); err != nil {
			return err
		}
	}
	if f.opt.Dialect == nil && isJSON(f.Path, text) {
		return f.openJSON(text, final)
	}
	window := text
	if len(window) > sniffBytes {
		window = window[:sniffBytes]
		if !bytes.ContainsAny(window, "\r\n") {
			window = text
		}
	}
	whole := final && len(window) == len(text)
	limits := f.opt.Limits
	if f.opt.Dialect != nil {
		f.Dialect = *f.opt.Dialect
	} else {
		f.Dialect = sniffDialect(window, whole)
	}
	given := f.Dialect
	names, body, line := findBody(text, final, &f.Dialect, limits)
	if f.opt.Dialect != nil {
		// What was declared stands; only where the rows begin is looked up.
		f.Dialect.Header, f.Dialect.Trailing = given.Header, given.Trailing
		names, body, line = f.declaredBody(text, final)
	}
	if names == nil {
		return f.noRecord(text, body, line, final)
	}
	if len(names) > limits.Columns {
		return f.tooManyColumns(fmt.Sprint(len(names)))
	}
	if err := f.nameColumns(names); err != nil {
		return err
	}
	if f.Dialect.Skip > 0 && strings.TrimSpace(string(text[:min(body, len(text))])) != "" && f.Dialect.Skip > blankLines(text) {
		f.Notes = append(f.Notes, fmt.Sprintf("lines 1 to %d are not part of the table and were passed over", f.Dialect.Skip))
	}
	if !f.Dialect.Header {
		f.Notes = append(f.Notes, "the file seems to have no header line; columns are called column_1, column_2 …")
	}
	f.sample = f.sampleCSV(text, final, body)
	f.sample.body, f.sample.line = body, line
	if f.Encoding != "" && f.Encoding != "utf-8" {
		f.Notes = append(f.Notes, "the text is in "+f.Encoding)
	}
	return nil
}

// head returns the first text of the file in UTF-8, and whether it is all.
func (f *File) head() (text []byte, final bool, err error) {
	u, err := f.unpack(false)
	if err != nil {
		return nil, false, err
	}
	defer u.Close()
	d, err := newDecoder(f.Path, u, f.opt.Encoding)
	if err != nil {
		return nil, false, err
	}
	most := max(sampleBytes, 2*f.opt.Limits.Record)
	text = make([]byte, 0, min(int64(most), max(f.Bytes*4, 4096)))
	for len(text) < most {
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
		n, err := d.Read(text[len(text):min(cap(text), most)])
		text = text[:len(text)+n]
		if err == io.EOF {
			final = true
			break
		}
		if err != nil {
			return nil, false, err
		}
	}
	f.Encoding = orElse(d.encoding, "utf-8")
	return text, final, nil
}

// refuseUnpacked refuses an archive within an archive and other things that are no text.
func (f *File) refuseUnpacked(text []byte) error {
	if p, _ := recognise(f.Path, text[:min(len(text), 4096)]); p != "" {
		return kequn.Errorf(kequn.KindInput, f.Path, "is packed twice").WithHint("unpack it once")
	}
	if isParquet(text) {
		return kequn.Errorf(kequn.KindInput, f.Path, "is a packed Parquet file").WithHint("unpack it; Parquet is packed inside")
	}
	if len(text) > 262 && string(text[257:262]) == "ustar" {
		return kequn.Errorf(kequn.KindInput, f.Path, "is a tar archive, not a table").WithHint("unpack it and load the files in it")
	}
	return refuse(f.Path, text[:min(len(text), 4096)])
}

// noRecord says why the text has no header: the record at pos is the first one, and flawed or far too long.
func (f *File) noRecord(text []byte, pos, line int, final bool) error {
	s := newScanner(f.Dialect, f.opt.Limits.QuotedLines)
	fields, rec := s.scan(text, pos, true, nil)
	switch {
	case len(fields) > f.opt.Limits.Columns:
		return f.tooManyColumns("more than " + fmt.Sprint(f.opt.Limits.Columns))
	case rec.flaw == flawJunk || rec.flaw == flawOpen:
		return kequn.Errorf(kequn.KindInput, fmt.Sprintf("%s: line %d", f.Path, line+1), "the header line is broken: %s", BadQuote.Words(kequn.English))
	}
	return f.tooLong(rec, int64(line)+1)
}

func (f *File) tooManyColumns(n string) error {
	return kequn.Errorf(kequn.KindInput, f.Path, "has %s columns; the limit is %d", n, f.opt.Limits.Columns).
		WithHint("keep the columns that are needed")
}

// tooLong is the refusal of a record that goes on and on.
func (f *File) tooLong(rec record, line int64) error {
	if rec.flaw == flawEnd || rec.flaw == flawLines || rec.flaw == flawOpen {
		return kequn.Errorf(kequn.KindInput, fmt.Sprintf("%s: line %d", f.Path, line+int64(rec.opens)), "a quote opens here and does not close").
			WithHint("close it, or write quotes within a text twice")
	}
	return kequn.Errorf(kequn.KindInput, fmt.Sprintf("%s: line %d", f.Path, line), "the record is longer than %d bytes, the limit", f.opt.Limits.Record)
}

// declaredBody is findBody for a dialect that the caller gave.
func (f *File) declaredBody(text []byte, final bool) (names []string, body, line int) {
	s := newScanner(f.Dialect, f.opt.Limits.QuotedLines)
	pos := 0
	for line < f.Dialect.Skip && pos < len(text) {
		_, rec := s.scan(text, pos, final, nil)
		if rec.next < 0 {
			return nil, 0, 0
		}
		pos = rec.next
		line += rec.lines
	}
	fields, rec := s.scan(text, pos, final, nil)
	if rec.next < 0 {
		return nil, 0, 0
	}
	n := len(fields)
	if f.Dialect.Trailing {
		n--
	}
	if !f.Dialect.Header {
		return make([]string, n), pos, line
	}
	buf := text[:len(text):len(text)]
	for _, v := range fields[:n] {
		long, u := s.unescape(buf, v)
		names = append(names, string(trimSpace(long[u.from:u.to])))
	}
	return names, rec.next, line + rec.lines
}

func blankLines(text []byte) int {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') {
		i++
	}
	return countLines(text[:i])
}

// nameColumns checks the header's names, puts their spaces in order and names those that have none.
func (f *File) nameColumns(names []string) error {
	seen := map[string]int{} // looked up only
	var blank []string
	for i, n := range names {
		if !utf8.ValidString(n) || strings.ContainsRune(n, 0) {
			return kequn.Errorf(kequn.KindInput, f.Path, "the name of column %d is not valid text", i+1).WithHint("save the file as UTF-8")
		}
		n = strings.Join(strings.FieldsFunc(n, func(r rune) bool { return r <= ' ' || r == 0x7F || r == 0xFEFF || r == 0xA0 }), " ")
		if len(n) > 300 {
			return kequn.Errorf(kequn.KindInput, f.Path, "the name of column %d is %d bytes long", i+1, len(n)).WithHint("is the header line missing?")
		}
		if n == "" {
			n = fmt.Sprintf("column_%d", i+1)
			if f.Dialect.Header {
				blank = append(blank, n)
			}
		}
		if at, twice := seen[strings.ToLower(n)]; twice && f.opt.nameAgain {
			first := n
			for k := 2; twice; k++ {
				n = fmt.Sprintf("%s (%d)", first, k)
				_, twice = seen[strings.ToLower(n)]
			}
			f.Notes = append(f.Notes, fmt.Sprintf("columns %d and %d are both called %s; the second is called %s here", at+1, i+1, first, n))
		} else if twice {
			return kequn.Errorf(kequn.KindInput, f.Path, "columns %d and %d are both called %q", at+1, i+1, n).WithHint("rename one of them")
		}
		seen[strings.ToLower(n)] = i
		names[i] = n
	}
	f.Columns = names
	if len(blank) > 0 {
		f.Notes = append(f.Notes, "columns without a name are called "+strings.Join(blank[:min(len(blank), 5)], ", "))
	}
	return nil
}

// cutCSV unpacks, decodes and cuts the file into chunks of whole records.
func (f *File) cutCSV(ctx context.Context, q *queue) (sum [32]byte, err error) {
	u, err := f.unpack(true)
	if err != nil {
		return sum, err
	}
	defer u.Close()
	d, err := newDecoder(f.Path, u, f.opt.Encoding)
	if err != nil {
		return sum, err
	}
	if _, err := io.CopyN(io.Discard, d, int64(f.sample.body)); err != nil {
		return sum, f.shrunk(err)
	}
	s := newScanner(f.Dialect, f.opt.Limits.QuotedLines)
	line := int64(f.sample.line) + 1
	var carry []byte
	var scratch []span
	final := false
	for !final || len(carry) > 0 {
		c, err := q.next(ctx)
		if err != nil {
			return sum, err
		}
		text := append(c.text[:0], carry...)
		want := f.chunk
		var end, lines int
		for {
			for len(text) < want && !final {
				if cap(text)-len(text) < 64<<10 {
					text = append(make([]byte, 0, max(2*len(text), f.chunk+f.chunk/4, 128<<10)), text...)
				}
				n, err := d.Read(text[len(text):min(cap(text), want)])
				text = text[:len(text)+n]
				if err == io.EOF {
					final = true
				} else if err != nil {
					return sum, err
				}
				if err := ctx.Err(); err != nil {
					return sum, err
				}
			}
			end, lines = s.boundary(text, final, scratch)
			if end > 0 || final {
				break
			}
			if len(text) > f.opt.Limits.Record {
				_, rec := s.scan(text, 0, true, scratch[:0])
				return sum, f.tooLong(rec, line)
			}
			want = 2 * len(text)
		}
		carry = append(carry[:0], text[end:]...)
		// Whether a quote closes may show only behind the chunk's end, so the text that was looked at goes along.
		c.text, c.end, c.final, c.line = text, end, final, line
		line += int64(lines)
		q.put(c)
		if final && len(carry) == 0 {
			break
		}
	}
	return f.endOf(u)
}

// endOf hashes what lies behind the packed data, too, and returns the hash of the file as stored.
func (f *File) endOf(u *unpacker) (sum [32]byte, err error) {
	if _, err := io.Copy(io.Discard, u.in); err != nil {
		return sum, readError(f.Path, err)
	}
	if u.in.n != f.Bytes {
		return sum, f.shrunk(io.ErrUnexpectedEOF)
	}
	return [32]byte(u.in.sum.Sum(nil)), nil
}

func (f *File) shrunk(err error) error {
	var e *kequn.Error
	if errors.As(err, &e) {
		return err
	}
	return kequn.Errorf(kequn.KindInput, f.Path, "changed while it was read").WithHint("try again when nobody writes to it")
}

// splitCSV finds the records and fields of a chunk, and which records are flawed as a whole.
func (f *File) splitCSV(c *chunk, s *scanner) error {
	limits, width := f.opt.Limits, len(f.Columns)
	c.reset()
	n, full := c.end, len(c.text)
	text := c.text[:full:full] // unescaped values make it grow, elsewhere
	valid := utf8.Valid(text[:n])
	line := c.line
	for pos := 0; pos < n; {
		first := len(c.cells)
		var rec record
		c.cells, rec = s.scan(text[:full], pos, c.final, c.cells)
		fields := c.cells[first:]
		start, here := pos, line
		if rec.next <= pos {
			panic("a chunk ends within a record")
		}
		pos = rec.next
		line += int64(rec.lines)
		if rec.flaw == flawEnd || rec.flaw == flawLines {
			return f.tooLong(rec, here)
		}
		if rec.end-start > limits.Record {
			return f.tooLong(rec, here)
		}
		if rec.flaw == flawNone && isBlank(text, fields) {
			c.blank++
			c.cells = c.cells[:first]
			continue
		}
		record := int32(c.read)
		c.read++
		why := f.unsound(text, fields, rec, start, valid)
		if why == "" && len(fields) == width+1 {
			last := fields[width]
			if f.Dialect.Trailing && len(trimSpace(text[last.from:last.to])) == 0 {
				fields = fields[:width]
				c.cells = c.cells[:first+width]
			}
		}
		switch {
		case why != "":
		case len(fields) < width:
			why = TooFewFields
		case len(fields) > width:
			why = TooManyFields
		}
		if why != "" {
			c.flawed = append(c.flawed, rejected{record, -1, why, text[start:rec.end:rec.end], here})
			c.cells = c.cells[:first]
			continue
		}
		if rec.dirty {
			for k := range fields {
				text, fields[k] = s.unescape(text, fields[k])
			}
		}
		c.records = append(c.records, record)
		c.from = append(c.from, uint32(start))
		c.to = append(c.to, uint32(rec.end))
		c.lines = append(c.lines, here)
	}
	c.text = text
	return nil
}

// unsound tells what is wrong with a record as a whole, or "".
func (f *File) unsound(text []byte, fields []span, rec record, start int, valid bool) Reason {
	switch {
	case rec.flaw == flawJunk:
		return BadQuote
	case rec.flaw == flawOpen:
		return OpenQuote
	case rec.ctl == ctlNUL:
		return NULByte
	case rec.ctl != 0:
		return ControlByte
	case !valid && !utf8.Valid(text[start:rec.end]):
		return BadEncoding
	}
	if rec.end-start > f.opt.Limits.Field {
		for _, p := range fields {
			if int(p.to-p.from) > f.opt.Limits.Field {
				return FieldTooLong
			}
		}
	}
	return ""
}
