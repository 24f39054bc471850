package source

// sample is the first rows of a file as text, from which kinds and roles are proposed.
type sample struct {
	text  []byte
	cells []span // row by row
	width int
	rows  int
	all   bool // the sample is the whole file

	body, line int // CSV: where the first row begins in the decoded text, and the lines before it
}

func (s *sample) value(row, column int) []byte {
	p := s.cells[row*s.width+column]
	return s.text[p.from:p.to]
}

// sampleCSV takes the sound records at the beginning of the body.
func (f *File) sampleCSV(text []byte, final bool, body int) *sample {
	s := newScanner(f.Dialect, f.opt.Limits.QuotedLines)
	out := &sample{width: len(f.Columns)}
	buf := text[:len(text):len(text)]
	n := len(text)
	pos := body
	for pos < n && out.rows < sampleRows {
		first := len(out.cells)
		var rec record
		out.cells, rec = s.scan(text, pos, final, out.cells)
		if rec.next <= pos {
			out.cells = out.cells[:first]
			break
		}
		fields := out.cells[first:]
		pos = rec.next
		if len(fields) == out.width+1 && f.Dialect.Trailing {
			fields = fields[:out.width]
		}
		if rec.flaw != flawNone || rec.ctl != 0 || len(fields) != out.width || isBlank(text, fields) {
			out.cells = out.cells[:first]
			continue
		}
		out.cells = out.cells[:first+out.width]
		if rec.dirty {
			for k := range fields {
				buf, fields[k] = s.unescape(buf, fields[k])
			}
		}
		out.rows++
	}
	out.text = buf
	out.all = final && pos >= n
	return out
}
