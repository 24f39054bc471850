package source

import (
	"bytes"
)

// Dialect is how a CSV file is written.
type Dialect struct {
	Delimiter byte // , ; tab | ^ or 0x01
	Quote     byte // " or ', 0 is none
	Escape    byte // backslash, or 0: a quote within quotes is written twice
	Header    bool // the first record names the columns
	Skip      int  // physical lines before the header (or the first row): blank lines, titles, comments
	Trailing  bool // every line may end in one more delimiter
}

// span is where a field's value lies in its chunk: [from, to). Values that had escapes are written behind the chunk.
type span struct{ from, to uint32 }

// flaw is what is wrong with how a record is written.
type flaw uint8

const (
	flawNone  flaw = iota
	flawJunk       // text follows a closing quote
	flawOpen       // a quote opens on the record's line and does not close properly
	flawEnd        // a quote opens, lines follow, and the file ends before it closes
	flawLines      // a quoted field has too many lines
)

// record is what scanning one record found out.
type record struct {
	next  int  // where the next record begins; -1 if the text ends before the record does
	end   int  // where the record's text ends, without its line end
	lines int  // physical lines it spans
	flaw  flaw //
	opens int  // lines from the record's first to the one where the flawed quote opens
	dirty bool // some field holds an escape: unescape must run
	ctl   byte // a control byte within, NUL before others
}

const (
	clPlain uint8 = iota
	clDelim
	clLF
	clCR
	clCtl
	clQuote
	clEscape
)

// scanner cuts text into records and fields.
//
// A record ends at LF, CR LF or a lone CR outside quotes, mixed at will. A quote opens a quoted field only where a
// field begins, after spaces perhaps; elsewhere it is a character like any other:
//
//	a,"b ""c"" d",5" disk␊   →   a · b "c" d · 5" disk
//
// Where text follows a closing quote there is no telling what was meant. If the quoted text spans lines, then most
// likely its quote never closed and has run into the next one's; the record is then cut at its first line end, so that
// one bad quote costs one line and not all that follow.
type scanner struct {
	quote, escape byte
	maxLines      int
	bare          [256]uint8 // classes outside quotes
	quoted        [256]uint8 // classes within quotes
}

func newScanner(d Dialect, maxLines int) *scanner {
	s := &scanner{quote: d.Quote, escape: d.Escape, maxLines: maxLines}
	for c := range 0x20 {
		if c != '\t' {
			s.bare[c], s.quoted[c] = clCtl, clCtl
		}
	}
	s.bare[0x7F], s.quoted[0x7F] = clCtl, clCtl
	s.bare['\n'], s.quoted['\n'] = clLF, clLF
	s.bare['\r'], s.quoted['\r'] = clCR, clCR
	s.bare[d.Delimiter] = clDelim
	s.quoted[d.Delimiter] = clPlain
	if d.Quote != 0 {
		s.quoted[d.Quote] = clQuote
	}
	if d.Escape != 0 {
		s.bare[d.Escape], s.quoted[d.Escape] = clEscape, clEscape
	}
	return s
}

// scan reads the record that begins at pos and appends its fields. final says that no text follows buf.
// Time is O(length of the record), twice that if a quote is open.
func (s *scanner) scan(buf []byte, pos int, final bool, fields []span) ([]span, record) {
	rec := record{lines: 1}
	first := len(fields)
	i := pos
	for {
		j := i
		if s.quote != 0 {
			for j < len(buf) && buf[j] == ' ' {
				j++
			}
			if j < len(buf) && buf[j] == s.quote {
				var ok bool
				i, fields, ok = s.scanQuoted(buf, j, final, fields, &rec)
				if !ok {
					switch rec.flaw {
					case flawNone:
						rec.next = -1
					case flawLines:
						rec.end, rec.next = i, i
					default:
						return s.cutAtLine(buf, pos, fields[:first], rec)
					}
					return fields, rec
				}
				goto after
			}
		}
		j = i
	bare:
		for i < len(buf) {
			switch s.bare[buf[i]] {
			case clPlain:
				i++
			case clCtl:
				rec.control(buf[i])
				i++
			case clEscape:
				rec.dirty = true
				i++
				if i < len(buf) && buf[i] != '\n' && buf[i] != '\r' {
					i++
				}
			default:
				break bare
			}
		}
		fields = append(fields, span{uint32(j), uint32(i)})
	after:
		if i >= len(buf) {
			if !final {
				rec.next = -1
				return fields, rec
			}
			rec.end, rec.next = i, i
			return fields, rec
		}
		switch s.bare[buf[i]] {
		case clDelim:
			i++
			if i >= len(buf) && final {
				fields = append(fields, span{uint32(i), uint32(i)})
				rec.end, rec.next = i, i
				return fields, rec
			}
		case clLF:
			rec.end, rec.next = i, i+1
			return fields, rec
		case clCR:
			rec.end, rec.next = i, i+1
			if i+1 < len(buf) {
				if buf[i+1] == '\n' {
					rec.next = i + 2
				}
			} else if !final {
				rec.next = -1 // an LF may follow
			}
			return fields, rec
		default:
			panic("source: a field ends inside itself")
		}
	}
}

// scanQuoted reads the quoted field whose opening quote is at i. It returns where the field's delimiter or line end is.
// ok is false if the text ends before the field (final is false), or if the quote never closes: then flaw is set.
func (s *scanner) scanQuoted(buf []byte, i int, final bool, fields []span, rec *record) (int, []span, bool) {
	open, lines := rec.lines-1, 0
	i++
	from := i
	for {
		for i < len(buf) && s.quoted[buf[i]] == clPlain {
			i++
		}
		if i >= len(buf) {
			if final {
				rec.flaw, rec.opens = flawEnd, open
			}
			return i, fields, false
		}
		switch s.quoted[buf[i]] {
		case clLF:
			lines++
			i++
		case clCR:
			if i+1 >= len(buf) && !final {
				return i, fields, false
			}
			lines++
			i++
			if i < len(buf) && buf[i] == '\n' {
				i++
			}
		case clCtl:
			rec.control(buf[i])
			i++
		case clEscape:
			if i+1 >= len(buf) {
				i++
				continue
			}
			rec.dirty = true
			if buf[i+1] == '\n' || buf[i+1] == '\r' {
				i++ // the line end is counted by the next turn
				continue
			}
			i += 2
		case clQuote:
			if i+1 >= len(buf) && !final {
				return i, fields, false
			}
			if i+1 < len(buf) && buf[i+1] == s.quote {
				rec.dirty = true
				i += 2
				continue
			}
			to := i
			i++
			for i < len(buf) && buf[i] == ' ' {
				i++
			}
			if i >= len(buf) && !final {
				return i, fields, false
			}
			if i < len(buf) && s.bare[buf[i]] != clDelim && s.bare[buf[i]] != clLF && s.bare[buf[i]] != clCR {
				if lines > 0 {
					rec.flaw, rec.opens = flawOpen, open
					return i, fields, false
				}
				for i < len(buf) && buf[i] != '\n' && buf[i] != '\r' {
					i++
				}
				if i >= len(buf) && !final {
					return i, fields, false
				}
				rec.flaw, rec.opens = flawJunk, open
			}
			rec.lines += lines
			return i, append(fields, span{uint32(from), uint32(to)}), true
		default:
			i++
		}
		if lines > s.maxLines {
			rec.flaw, rec.opens = flawLines, open
			return i, fields, false
		}
	}
}

// cutAtLine makes the record end with its first physical line. If that line is the file's last, then its open quote has
// swallowed nothing.
func (s *scanner) cutAtLine(buf []byte, pos int, fields []span, rec record) ([]span, record) {
	rec.lines, rec.dirty = 1, false
	i := pos
	for i < len(buf) && buf[i] != '\n' && buf[i] != '\r' {
		i++
	}
	rec.end, rec.next = i, min(i+1, len(buf))
	if i+1 < len(buf) && buf[i] == '\r' && buf[i+1] == '\n' {
		rec.next = i + 2
	}
	if rec.flaw == flawEnd && rec.opens == 0 && rec.next == len(buf) {
		rec.flaw = flawOpen
	}
	return fields, rec
}

func (r *record) control(c byte) {
	if r.ctl == 0 || c == 0 {
		// NUL is told apart by a value of its own, since 0 is none.
		r.ctl = c
		if c == 0 {
			r.ctl = ctlNUL
		}
	}
}

// ctlNUL stands for the byte 0 in record.ctl.
const ctlNUL = 0xFF

// unescape returns the field without its escapes: itself if it has none, else a copy at the end of buf.
//
// Within quotes two quotes are one. The escape character is dropped before a quote, a delimiter, a line end and itself;
// elsewhere it stands for itself, as people mean it who write C:\temp.
func (s *scanner) unescape(buf []byte, f span) ([]byte, span) {
	v := buf[f.from:f.to]
	double := f.from > 0 && s.quote != 0 && buf[f.from-1] == s.quote && bytes.IndexByte(v, s.quote) >= 0
	escaped := s.escape != 0 && bytes.IndexByte(v, s.escape) >= 0
	if !double && !escaped {
		return buf, f
	}
	from := len(buf)
	for i := int(f.from); i < int(f.to); i++ {
		if i+1 < int(f.to) {
			c, next := buf[i], buf[i+1]
			if double && c == s.quote && next == s.quote {
				i++
			} else if escaped && c == s.escape {
				if next == s.quote || next == s.escape || s.bare[next] == clDelim || next == '\n' || next == '\r' {
					i++
				}
			}
		}
		buf = append(buf, buf[i])
	}
	return buf, span{uint32(from), uint32(len(buf))}
}

// boundary returns where the last complete record of buf ends, and how many physical lines lie before it.
// Text without quotes is cut by searching line ends only; records with quotes are scanned.
func (s *scanner) boundary(buf []byte, final bool, scratch []span) (end, lines int) {
	if final {
		return len(buf), countLines(buf)
	}
	for end < len(buf) {
		// Up to the next quote or escape no line end is hidden within quotes.
		stop := len(buf)
		if s.quote != 0 {
			if i := bytes.IndexByte(buf[end:], s.quote); i >= 0 {
				stop = end + i
			}
		}
		if s.escape != 0 {
			if i := bytes.IndexByte(buf[end:stop], s.escape); i >= 0 {
				stop = end + i
			}
		}
		end += lastLineEnd(buf[end:stop], stop < len(buf))
		if stop == len(buf) {
			break
		}
		for end <= stop { // records that hold the quote, or stand on lines with it
			_, rec := s.scan(buf, end, false, scratch[:0])
			if rec.next < 0 {
				return end, countLines(buf[:end])
			}
			end = rec.next
		}
	}
	return end, countLines(buf[:end])
}

// lastLineEnd returns the position after the last line end of b, 0 if there is none. A CR at the very end counts only if
// something other than LF is known to follow.
func lastLineEnd(b []byte, followed bool) int {
	n := len(b)
	if !followed && n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	lf := bytes.LastIndexByte(b, '\n')
	cr := bytes.LastIndexByte(b, '\r')
	return max(lf, cr) + 1
}

// countLines counts line ends: LF, CR LF and lone CR.
func countLines(b []byte) int {
	n := bytes.Count(b, []byte{'\n'})
	for {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			return n
		}
		if i+1 == len(b) || b[i+1] != '\n' {
			n++
		}
		b = b[i+1:]
	}
}
