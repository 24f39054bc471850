package source

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// xmlScanner cuts a stream of XML into tags and texts, with memory for one of them.
//
// It knows what the parts of a workbook need: elements, attributes, texts, CDATA, comments and the five entities. A
// document type, which is where entity bombs live, is an error; names are compared without their prefix. Whether tags
// match is not checked: a sheet is read for its rows and cells.
type xmlScanner struct {
	r     io.Reader
	buf   []byte
	pos   int
	limit int // bytes of one tag or text
	eof   bool
	err   error

	kind  xmlKind
	name  []byte // of a tag, without prefix
	attrs []byte // of an opening tag, as written
	text  []byte // as written
	plain bool   // the text is CDATA: it has no entities
}

type xmlKind uint8

const (
	xmlEnd   xmlKind = iota // of the stream, or trouble: err tells
	xmlOpen                 // <c r="A1">
	xmlEmpty                // <c r="A1"/>
	xmlClose                // </c>
	xmlText
)

var (
	errXMLLong = errors.New("a tag or text is too long")
	errXMLType = errors.New("it declares a document type, which workbooks do not")
	errXMLOpen = errors.New("the XML ends within a tag")
	errXMLWide = errors.New("its XML is not UTF-8")
	errXMLBad  = errors.New("the XML is broken")
)

func newXMLScanner(r io.Reader, limit int) *xmlScanner {
	return &xmlScanner{r: r, buf: make([]byte, 0, 64<<10), limit: limit}
}

// more reads on. What lies before pos is dropped.
func (x *xmlScanner) more() bool {
	if x.eof {
		return false
	}
	n := copy(x.buf[:cap(x.buf)], x.buf[x.pos:])
	x.buf, x.pos = x.buf[:n], 0
	if n == cap(x.buf) {
		if n > x.limit {
			x.err = errXMLLong
			return false
		}
		x.buf = append(make([]byte, 0, 2*n), x.buf...)
	}
	for range 100 {
		k, err := x.r.Read(x.buf[n:cap(x.buf)])
		x.buf = x.buf[:n+k]
		if err != nil {
			x.eof = true
			if err != io.EOF {
				x.err = err
			}
		}
		if k > 0 || err != nil {
			return k > 0
		}
	}
	x.err = io.ErrNoProgress
	return false
}

// until returns the text up to mark, which is passed over.
func (x *xmlScanner) until(mark string) ([]byte, bool) {
	for from := 0; ; {
		if k := bytes.Index(x.buf[x.pos+from:], []byte(mark)); k >= 0 {
			out := x.buf[x.pos : x.pos+from+k]
			x.pos += from + k + len(mark)
			return out, true
		}
		from = max(0, len(x.buf)-x.pos-len(mark)+1)
		if !x.more() {
			return nil, false
		}
	}
}

// skip passes over everything up to mark, however long.
func (x *xmlScanner) skip(mark string) bool {
	for {
		if k := bytes.Index(x.buf[x.pos:], []byte(mark)); k >= 0 {
			x.pos += k + len(mark)
			return true
		}
		x.pos = max(x.pos, len(x.buf)-len(mark)+1)
		if !x.more() {
			return false
		}
	}
}

func (x *xmlScanner) stop(err error) xmlKind {
	if x.err == nil {
		x.err = err
	}
	x.kind = xmlEnd
	return xmlEnd
}

// next moves on to the next tag or text; its slices are valid until the next call.
func (x *xmlScanner) next() xmlKind {
	for {
		for x.pos == len(x.buf) {
			if !x.more() {
				return x.stop(nil)
			}
		}
		if x.buf[x.pos] != '<' {
			from := 0
			for {
				k := bytes.IndexByte(x.buf[x.pos+from:], '<')
				if k >= 0 {
					x.text, x.plain, x.kind = x.buf[x.pos:x.pos+from+k], false, xmlText
					x.pos += from + k
					return xmlText
				}
				from = len(x.buf) - x.pos
				if !x.more() {
					if x.err != nil {
						return x.stop(nil)
					}
					x.text, x.plain, x.kind = x.buf[x.pos:], false, xmlText
					x.pos = len(x.buf)
					return xmlText
				}
			}
		}
		for len(x.buf)-x.pos < 9 && x.more() {
		}
		head := x.buf[x.pos:]
		switch {
		case bytes.HasPrefix(head, []byte("<!--")):
			x.pos += 4
			if !x.skip("-->") {
				return x.stop(errXMLOpen)
			}
			continue
		case bytes.HasPrefix(head, []byte("<![CDATA[")):
			x.pos += 9
			text, ok := x.until("]]>")
			if !ok {
				return x.stop(errXMLOpen)
			}
			x.text, x.plain, x.kind = text, true, xmlText
			return xmlText
		case bytes.HasPrefix(head, []byte("<!")):
			return x.stop(errXMLType)
		case bytes.HasPrefix(head, []byte("<?")):
			x.pos += 2
			if !x.skip("?>") {
				return x.stop(errXMLOpen)
			}
			continue
		}
		return x.tag()
	}
}

// tag reads the tag at pos.
func (x *xmlScanner) tag() xmlKind {
	i, quote := 1, byte(0)
	for {
		for ; x.pos+i < len(x.buf); i++ {
			c := x.buf[x.pos+i]
			if quote != 0 {
				if c == quote {
					quote = 0
				}
				continue
			}
			if c == '"' || c == '\'' {
				quote = c
			} else if c == '>' {
				break
			}
		}
		if x.pos+i < len(x.buf) {
			break
		}
		if !x.more() {
			return x.stop(errXMLOpen)
		}
	}
	tag := x.buf[x.pos+1 : x.pos+i]
	x.pos += i + 1
	x.kind = xmlOpen
	if len(tag) > 0 && tag[0] == '/' {
		x.kind, tag = xmlClose, tag[1:]
	} else if len(tag) > 0 && tag[len(tag)-1] == '/' {
		x.kind, tag = xmlEmpty, tag[:len(tag)-1]
	}
	n := 0
	for n < len(tag) && tag[n] > ' ' {
		n++
	}
	x.name, x.attrs = tag[:n], tag[n:]
	if k := bytes.IndexByte(x.name, ':'); k >= 0 {
		x.name = x.name[k+1:]
	}
	if len(x.name) == 0 {
		return x.stop(errXMLBad)
	}
	return x.kind
}

// attr returns the value of an attribute of the opening tag as written, nil if there is none. A name of ":id" finds the
// attribute id of any prefix.
func (x *xmlScanner) attr(name string) []byte {
	for b := x.attrs; ; {
		i := 0
		for i < len(b) && b[i] <= ' ' {
			i++
		}
		b = b[i:]
		eq := bytes.IndexByte(b, '=')
		if eq < 0 {
			return nil
		}
		key := bytes.TrimRight(b[:eq], " \t\r\n")
		b = bytes.TrimLeft(b[eq+1:], " \t\r\n")
		if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
			return nil
		}
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			return nil
		}
		if string(key) == name || name[0] == ':' && bytes.HasSuffix(key, []byte(name)) {
			return b[1 : 1+end : 1+end]
		}
		b = b[2+end:]
	}
}

// attrText returns the value of an attribute without entities.
func (x *xmlScanner) attrText(name string) string { return string(appendXML(nil, x.attr(name))) }

// attrInt returns the value of an attribute that is a whole number, or -1.
func (x *xmlScanner) attrInt(name string) int { return indexOf(x.attr(name)) }

// appendText appends the text without entities.
func (x *xmlScanner) appendText(dst []byte) []byte {
	if x.plain {
		return append(dst, x.text...)
	}
	return appendXML(dst, x.text)
}

// appendXML appends text without its entities; one that is not known stands as it is.
func appendXML(dst, b []byte) []byte {
	for {
		k := bytes.IndexByte(b, '&')
		if k < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:k]...)
		b = b[k:]
		end := bytes.IndexByte(b[:min(len(b), 12)], ';')
		if end < 0 {
			dst, b = append(dst, '&'), b[1:]
			continue
		}
		r := rune(-1)
		switch e := b[1:end]; string(e) {
		case "amp":
			r = '&'
		case "lt":
			r = '<'
		case "gt":
			r = '>'
		case "quot":
			r = '"'
		case "apos":
			r = '\''
		default:
			if len(e) > 1 && e[0] == '#' {
				digits, base := string(e[1:]), 10
				if digits[0] == 'x' || digits[0] == 'X' {
					digits, base = digits[1:], 16
				}
				if n, err := strconv.ParseUint(digits, base, 32); err == nil && n <= utf8.MaxRune {
					r = rune(n)
				}
			}
		}
		if r < 0 {
			dst, b = append(dst, '&'), b[1:]
			continue
		}
		dst, b = utf8.AppendRune(dst, r), b[end+1:]
	}
}
