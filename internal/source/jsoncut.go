package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"unicode/utf8"

	"kequn"
)

// jsonShape is how objects follow each other in a file.
type jsonShape uint8

const (
	jsonLines  jsonShape = iota // one a line
	jsonArray                   // [{…}, {…}]
	jsonStream                  // one after the other, over any number of lines
	copyLines                   // no JSON: rows of PostgreSQL's COPY, one a line, blank ones too
)

// jsonCutter finds where records begin and end, without looking into them. Brackets are counted, strings passed over;
// whether the brackets match is for the parser to say.
type jsonCutter struct {
	shape jsonShape
	line  int64 // of the position reached, from 1
	state jsonState
}

type jsonState uint8

const (
	jsonStart jsonState = iota // of the file
	jsonValue                  // a value follows
	jsonAfter                  // a value has ended: in an array a comma or its end follows
	jsonEnded                  // nothing may follow
)

// jsonPiece is what the next step of a cutter found: a record text[from:to], or none if from < 0. next is where to go on, -1 if
// the text ends before the record does.
type jsonPiece struct {
	from, to, next int
	line           int64
	blank          bool   // a line of spaces
	trouble        string // why the file cannot be read on
}

// next finds the next record at or after pos.
func (c *jsonCutter) next(text []byte, pos int, final bool) jsonPiece {
	if c.shape == jsonLines || c.shape == copyLines {
		return c.nextLine(text, pos, final)
	}
	began := c.line
	none := jsonPiece{from: -1, line: c.line}
	i := pos
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') {
		if text[i] == '\n' {
			c.line++
		}
		i++
	}
	none.next, none.line = i, c.line
	if i == len(text) {
		if final && c.shape == jsonArray && c.state != jsonEnded {
			none.trouble = "the array does not end: the file is cut off"
		}
		if i == pos && !final {
			none.next = -1
		}
		return none // the spaces are done with
	}
	switch {
	case c.shape == jsonArray && c.state == jsonStart: // an opening bracket, as opening the file has found
		c.state = jsonValue
		none.next = i + 1
		if k := skipSpace(text, i+1); k < len(text) && text[k] == ']' {
			c.state = jsonAfter
		}
		return none
	case c.state == jsonAfter && text[i] == ',':
		c.state = jsonValue
		none.next = i + 1
		return none
	case c.state == jsonAfter && text[i] == ']':
		c.state = jsonEnded
		none.next = i + 1
		return none
	case c.state == jsonAfter:
		none.trouble = "neither a comma nor a closing bracket follows the object before"
		return none
	case c.state == jsonEnded:
		none.trouble = "text follows the end of the array"
		return none
	}
	if c.shape == jsonStream && text[i] != '{' {
		none.trouble = "something other than an object stands here"
		return none
	}
	to, whole := jsonExtent(text, i, final)
	if !whole {
		if final {
			none.trouble = "the object that begins here does not end: the file is cut off or a quote or bracket is missing"
		}
		c.line = began // they are looked at again with what follows
		none.next = -1
		return none
	}
	if to == i {
		none.trouble = "no value begins here"
		return none
	}
	found := jsonPiece{from: i, to: to, next: to, line: c.line}
	c.line += int64(bytes.Count(text[i:to], []byte{'\n'}))
	if c.shape == jsonArray {
		c.state = jsonAfter
	}
	return found
}

func (c *jsonCutter) nextLine(text []byte, pos int, final bool) jsonPiece {
	if pos == len(text) && final {
		return jsonPiece{from: -1, next: pos, line: c.line}
	}
	to := len(text)
	next := to
	if k := bytes.IndexByte(text[pos:], '\n'); k >= 0 {
		to = pos + k
		next = to + 1
	} else if !final {
		return jsonPiece{from: -1, next: -1, line: c.line}
	}
	p := jsonPiece{from: pos, to: to, next: next, line: c.line}
	c.line++
	if k := skipSpace(text, pos); k >= to && c.shape == jsonLines {
		p.from, p.blank = -1, to > pos || next > to
	}
	return p
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// jsonExtent returns where the value that begins at i ends; whole is false if the text ends before.
func jsonExtent(text []byte, i int, final bool) (to int, whole bool) {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			i++
			for {
				k := bytes.IndexByte(text[i:], '"')
				if k < 0 {
					return i, false
				}
				i += k + 1
				back := 0
				for text[i-2-back] == '\\' {
					back++
				}
				if back%2 == 0 {
					break
				}
			}
			if depth == 0 {
				return i, true
			}
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i, true // of the array around, or a stray one
			}
			depth--
			i++
			if depth == 0 {
				return i, true
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i, true
			}
			i++
		default:
			i++
		}
	}
	return i, final && depth == 0
}

// cutJSON unpacks, decodes and cuts the file into chunks of whole records.
func (f *File) cutJSON(ctx context.Context, q *queue, width int) (sum [32]byte, err error) {
	u, err := f.unpack(true)
	if err != nil {
		return sum, err
	}
	defer u.Close()
	d, err := newDecoder(f.Path, u, f.opt.Encoding)
	if err != nil {
		return sum, err
	}
	cutter := &jsonCutter{shape: f.json.shape, line: 1}
	if err := f.cutRecords(ctx, q, d, cutter, batchRows(4*width)); err != nil {
		return sum, err
	}
	return f.endOf(u)
}

// cutRecords reads text and cuts it into chunks of at most rowsMost records.
func (f *File) cutRecords(ctx context.Context, q *queue, r io.Reader, cutter *jsonCutter, rowsMost int) error {
	var buf []byte
	pos, final := 0, false
	for !final || pos < len(buf) {
		c, err := q.next(ctx)
		if err != nil {
			return err
		}
		c.reset()
		c.text, c.line = c.text[:0], cutter.line
		first := -1 // where the records that wait to be copied begin
		copied := func() {
			if first >= 0 {
				// Positions were noted in buf; the text of the chunk begins with its first record.
				c.text = append(c.text, buf[first:pos]...)
				for i := range c.from {
					c.from[i] -= uint32(first)
					c.to[i] -= uint32(first)
				}
				first = -1
			}
		}
		for len(c.from) < rowsMost {
			p := cutter.next(buf, pos, final)
			if p.trouble != "" {
				return kequn.Errorf(kequn.KindInput, fmt.Sprintf("%s: line %d", f.Path, p.line), "is no JSON: %s", p.trouble).
					WithHint("write the file again; one object a line (.jsonl) survives a broken line")
			}
			if p.next < 0 {
				if len(c.from) > 0 {
					break // hand over what is whole
				}
				if len(buf)-pos > f.opt.Limits.Record {
					return f.jsonTooLong(cutter.line)
				}
				if buf, final, err = f.refill(ctx, r, buf[:copy(buf, buf[pos:])]); err != nil {
					return err
				}
				pos = 0
				continue
			}
			if p.blank {
				c.blank++
			}
			if p.from >= 0 {
				if p.to-p.from > f.opt.Limits.Record {
					return f.jsonTooLong(p.line)
				}
				if first < 0 {
					first = p.from
				}
				c.from = append(c.from, uint32(p.from))
				c.to = append(c.to, uint32(p.to))
				c.lines = append(c.lines, p.line)
			}
			pos = p.next
			if final && pos >= len(buf) {
				break
			}
		}
		copied()
		c.end = len(c.text)
		q.put(c)
	}
	if p := cutter.next(nil, 0, true); p.trouble != "" {
		return kequn.Errorf(kequn.KindInput, fmt.Sprintf("%s: line %d", f.Path, p.line), "is no JSON: %s", p.trouble).WithHint("copy or write the file again")
	}
	return nil
}

// refill reads on until the buffer is full or the file has ended; a buffer that is full already grows.
func (f *File) refill(ctx context.Context, r io.Reader, buf []byte) (_ []byte, final bool, err error) {
	want := max(f.chunk, 2*len(buf))
	if cap(buf) < want {
		buf = append(make([]byte, 0, want), buf...)
	}
	for len(buf) < want {
		n, err := r.Read(buf[len(buf):want])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, true, nil
		}
		if err != nil {
			return buf, false, err
		}
		if err := ctx.Err(); err != nil {
			return buf, false, err
		}
	}
	return buf, false, nil
}

func (f *File) jsonTooLong(line int64) error {
	if f.db != nil {
		return kequn.Errorf(kequn.KindInput, fmt.Sprintf("%s: row %d", f.Path, line), "the row is longer than %d bytes, the limit", f.opt.Limits.Record).
			WithHint("leave out what is not needed: ?query=SELECT … with the columns that are")
	}
	return kequn.Errorf(kequn.KindInput, fmt.Sprintf("%s: line %d", f.Path, line), "the object is longer than %d bytes, the limit", f.opt.Limits.Record).
		WithHint("if the rows lie within one object, write them one a line: jq -c '.rows[]' %s > rows.jsonl", f.name())
}

// jsonSplitter returns what finds the cells of a chunk's records; it belongs to one goroutine.
func (f *File) jsonSplitter(want wanted) func(*chunk) error {
	p := &jsonParser{root: f.json.root.copy(want.place), fieldMax: f.opt.Limits.Field}
	return func(c *chunk) error {
		text := c.text[:c.end:c.end] // unescaped values make it grow, elsewhere
		valid := utf8.Valid(text)
		sound := 0
		p.text = text
		for i := range c.from {
			from, to := int(c.from[i]), int(c.to[i])
			record := int32(c.read)
			c.read++
			first := len(c.cells)
			for range want.width {
				c.cells = append(c.cells, span{})
			}
			p.cells = c.cells[first:]
			why := Reason("")
			if !valid && !utf8.Valid(text[from:to]) {
				why = BadEncoding
			} else {
				why = p.parse(from, to)
			}
			if why != "" {
				c.cells = c.cells[:first]
				c.flawed = append(c.flawed, rejected{record, -1, why, text[from:to:to], c.lines[i]})
				continue
			}
			if p.late {
				c.odd = append(c.odd, finding{int32(sound), LateField})
				for _, name := range p.fields {
					c.late = addField(c.late, name, 1)
				}
			}
			c.records = append(c.records, record)
			c.from[sound], c.to[sound], c.lines[sound] = c.from[i], c.to[i], c.lines[i]
			sound++
		}
		c.from, c.to, c.lines = c.from[:sound], c.to[:sound], c.lines[:sound]
		c.text = p.text
		return nil
	}
}
