package source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"strings"

	"kequn"
)

// copySQL asks for columns of the file as text, one row a line, with tabs between values and \N for nothing.
func (d *database) copySQL(columns []int, tail string) string {
	var b strings.Builder
	b.WriteString("COPY (SELECT ")
	for i, k := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(d.columns[k].sql)
	}
	b.WriteString(" FROM " + d.from + " AS kequn_rows" + tail + ") TO STDOUT")
	return b.String()
}

// copyReader streams the answer to a COPY and hashes it.
type copyReader struct {
	pipe *io.PipeReader
	stop context.CancelFunc
	done chan struct{}
	sum  hash.Hash
}

func (f *File) copyOut(ctx context.Context, sql string) *copyReader {
	ctx, stop := context.WithCancel(ctx)
	r, w := io.Pipe()
	c := &copyReader{pipe: r, stop: stop, done: make(chan struct{}), sum: sha256.New()}
	go func() {
		defer close(c.done)
		b := bufio.NewWriterSize(w, 256<<10)
		_, err := f.db.conn.CopyTo(ctx, b, sql)
		if err == nil {
			err = b.Flush()
		} else {
			err = f.dbError(err)
		}
		w.CloseWithError(err)
	}()
	return c
}

func (c *copyReader) Read(p []byte) (int, error) {
	n, err := c.pipe.Read(p)
	c.sum.Write(p[:n])
	return n, err
}

// Close ends the stream and waits until nobody uses the connection. A stream that is closed before its end costs the
// connection.
func (c *copyReader) Close() {
	c.pipe.Close()
	c.stop()
	<-c.done
}

// columns lists the file's columns in the order of their cells.
func (w wanted) columns() []int {
	out := make([]int, w.width)
	for i, p := range w.place {
		if p >= 0 {
			out[p] = i
		}
	}
	return out
}

// sampleDB takes the first rows.
func (f *File) sampleDB(ctx context.Context) error {
	width := len(f.Columns)
	all := f.wantedOf(nil, nil, true)
	want := min(sampleRows, max(10, (1<<20)/width))
	r := f.copyOut(ctx, f.db.copySQL(all.columns(), " LIMIT "+itoa(want+1)))
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 64<<20))
	if err != nil {
		return f.dbError(err)
	}
	if len(text) == 64<<20 { // rows of documents: what has come will do, and the connection must stay
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		if _, err := io.Copy(io.Discard, r); err != nil {
			return f.dbError(err)
		}
	}
	c := &chunk{text: text, end: len(text)}
	for pos := 0; pos < len(text); {
		to := pos + bytes.IndexByte(text[pos:], '\n')
		if to < pos {
			break
		}
		c.from, c.to, c.lines = append(c.from, uint32(pos)), append(c.to, uint32(to)), append(c.lines, 1)
		pos = to + 1
	}
	if err := f.splitCopy(c, width); err != nil {
		return err
	}
	f.sample = &sample{text: c.text, width: width, rows: min(len(c.records), want), all: int(c.read) <= want}
	f.sample.cells = c.cells[:f.sample.rows*width]
	return nil
}

func itoa(n int) string { return string(appendDecimal(nil, int64(n), 0)) }

// cutPostgres reads the rows that are wanted and cuts them into chunks.
func (f *File) cutPostgres(ctx context.Context, q *queue, want wanted) (sum [32]byte, err error) {
	r := f.copyOut(ctx, f.db.copySQL(want.columns(), f.db.where()))
	defer r.Close()
	if err := f.cutRecords(ctx, q, r, &jsonCutter{shape: copyLines, line: 1}, batchRows(4*want.width)); err != nil {
		return sum, f.dbError(err)
	}
	return f.sumOf(r, want), nil
}

// sumOf is the hash of rows as the server sent them, of the names of their columns and of where the reading began: the
// same rows read as news of another day are news.
func (f *File) sumOf(r *copyReader, want wanted) [32]byte {
	for _, k := range want.columns() {
		io.WriteString(r.sum, "\n"+f.Columns[k])
	}
	io.WriteString(r.sum, "\n"+f.db.where())
	return [32]byte(r.sum.Sum(nil))
}

// digestDB asks for the rows of a schema once, to hash them.
func (f *File) digestDB(ctx context.Context, schema []Column) (sum [32]byte, err error) {
	at, err := f.checkSchema(schema)
	if err != nil {
		return sum, err
	}
	want := f.wantedOf(schema, at, false)
	r := f.copyOut(ctx, f.db.copySQL(want.columns(), f.db.where()))
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		return sum, f.dbError(err)
	}
	return f.sumOf(r, want), nil
}

// splitCopy finds the cells of a chunk of lines as COPY writes them.
func (f *File) splitCopy(c *chunk, width int) error {
	text := c.text[:c.end:c.end]
	sound := 0
	for i := range c.from {
		from, to := int(c.from[i]), int(c.to[i])
		record := int32(c.read)
		c.read++
		first := len(c.cells)
		escaped := bytes.IndexByte(text[from:to], '\\') >= 0
		why := Reason("")
		for pos := from; ; {
			end := to
			if k := bytes.IndexByte(text[pos:to], '\t'); k >= 0 {
				end = pos + k
			}
			v := span{uint32(pos), uint32(end)}
			if escaped {
				switch s := text[pos:end]; {
				case string(s) == `\N`:
					v = span{}
				case bytes.IndexByte(s, '\\') >= 0:
					at := uint32(len(text))
					text = appendCopied(text, s)
					v = span{at, uint32(len(text))}
				}
			}
			if why == "" {
				why = soundText(text[v.from:v.to], f.opt.Limits.Field)
			}
			c.cells = append(c.cells, v)
			if end == to {
				break
			}
			pos = end + 1
		}
		c.text = text
		if len(c.cells) != first+width {
			if width == 0 && from == to { // no column is wanted
				c.cells = c.cells[:first]
			} else {
				return kequn.Errorf(kequn.KindInternal, f.Path, "source: a row of %d values, not %d", len(c.cells)-first, width)
			}
		}
		if why != "" {
			raw := c.joined(c.cells[first:])
			c.cells = c.cells[:first]
			c.flawed = append(c.flawed, rejected{record, -1, why, raw, c.lines[i]})
			continue
		}
		c.records = append(c.records, record)
		c.lines[sound] = c.lines[i]
		sound++
	}
	c.from, c.to, c.lines = c.from[:0], c.to[:0], c.lines[:sound]
	return nil
}

// appendCopied appends a value without the escapes of COPY.
func appendCopied(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		b := v[i]
		if b == '\\' && i+1 < len(v) {
			i++
			switch b = v[i]; b {
			case 'b':
				b = '\b'
			case 'f':
				b = '\f'
			case 'n':
				b = '\n'
			case 'r':
				b = '\r'
			case 't':
				b = '\t'
			case 'v':
				b = '\v'
			}
		}
		dst = append(dst, b)
	}
	return dst
}
