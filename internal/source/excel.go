package source

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"kequn"
)

// excelFile is an opened workbook: which part is the sheet, and what its cells refer to.
type excelFile struct {
	parts     *zip.Reader
	sheet     *zip.File
	name      string   // of the sheet
	others    []string // names of the other sheets
	first     bool     // it is the first sheet to be seen
	since1904 bool
	styles    []cellStyle // by index of cell format
	strings   sharedStrings

	left, top int // the header's first column, from 0; rows up to this one are not part of the table
}

// sharedStrings are the texts of a workbook, which cells name by number.
type sharedStrings struct {
	text []byte
	ends []uint32
}

func (s *sharedStrings) at(i int) ([]byte, bool) {
	if i < 0 || i >= len(s.ends) {
		return nil, false
	}
	from := uint32(0)
	if i > 0 {
		from = s.ends[i-1]
	}
	return s.text[from:s.ends[i]], true
}

// maxExcelRow and maxExcelColumn are the limits of Excel itself.
const (
	maxExcelRow    = 1 << 20
	maxExcelColumn = 1 << 14
)

// openExcel finds the sheet, its header and a sample. wanted is the sheet's name, "" the first one to be seen.
func (f *File) openExcel(wantedSheet string) error {
	f.Format = Excel
	parts, err := zip.NewReader(io.NewSectionReader(f.file, 0, f.Bytes), f.Bytes)
	if err != nil {
		return kequn.Errorf(kequn.KindInput, f.Path, "is a damaged zip archive or Excel workbook: %s", strings.TrimPrefix(err.Error(), "zip: ")).WithHint("copy the file again")
	}
	if len(parts.File) > 100_000 {
		return kequn.Errorf(kequn.KindInput, f.Path, "has %d parts: it is no workbook that Excel wrote", len(parts.File))
	}
	parts.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	f.excel = &excelFile{parts: parts}
	if err := f.workbook(wantedSheet); err != nil {
		return err
	}
	if err := f.excelStyles(); err != nil {
		return err
	}
	if err := f.sharedStrings(); err != nil {
		return err
	}
	if len(f.excel.others) > 0 && wantedSheet == "" {
		list := strings.Join(f.excel.others[:min(len(f.excel.others), 10)], ", ")
		f.Notes = append(f.Notes, fmt.Sprintf("sheet %s is read; the others (%s) are named as in %s#%s", f.excel.name, list, f.Path, f.excel.others[0]))
	}
	return f.sampleExcel()
}

// excelPart returns the part of a name. Excel compares names without case.
func (e *excelFile) part(name string) *zip.File {
	name = strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
	for _, p := range e.parts.File {
		if strings.EqualFold(strings.ReplaceAll(p.Name, `\`, "/"), name) {
			return p
		}
	}
	return nil
}

// readPart calls do with a scanner of the part.
func (f *File) readPart(p *zip.File, do func(*xmlScanner) error) error {
	r, err := p.Open()
	if err != nil {
		return f.badPart(p, err)
	}
	defer r.Close()
	in := &partReader{f: f, r: r, packed: int64(min(p.CompressedSize64, uint64(f.Bytes)))}
	x := newXMLScanner(in, f.opt.Limits.Record)
	if x.more() && (len(x.buf) >= 2 && (x.buf[0] == 0xFE || x.buf[0] == 0xFF)) {
		return f.badPart(p, errXMLWide)
	}
	if err := do(x); err != nil {
		return err
	}
	if x.err != nil {
		return f.badPart(p, x.err)
	}
	return nil
}

func (f *File) badPart(p *zip.File, err error) error {
	var e *kequn.Error
	if errors.As(err, &e) {
		return err
	}
	return kequn.Errorf(kequn.KindInput, f.Path, "the workbook is damaged: part %.100q: %v", p.Name, err).WithHint("open it in Excel and save it again, or save the sheet as CSV (UTF-8)")
}

// partReader unpacks a part within the limits.
type partReader struct {
	f      *File
	r      io.Reader
	n      int64
	packed int64
}

func (p *partReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.n += int64(n)
	l := p.f.opt.Limits
	if p.n > l.Unpacked {
		return n, kequn.Errorf(kequn.KindInput, p.f.Path, "unpacks to more than %d bytes, the limit", l.Unpacked).WithHint("split the sheet")
	}
	if p.n > l.RatioFrom && p.n/l.Ratio > p.packed {
		return n, kequn.Errorf(kequn.KindInput, p.f.Path, "unpacks to more than %d times its size, the limit (%d bytes from %d): it looks like a bomb", l.Ratio, p.n, p.packed).
			WithHint("if it is genuine, save the sheet as CSV (UTF-8)")
	}
	return n, err
}

// relations reads which part an id of the given part stands for, and of what type it is.
func (f *File) relations(of string) (target, kind map[string]string, err error) {
	target, kind = map[string]string{}, map[string]string{} // looked up only
	p := f.excel.part(path.Join(path.Dir(of), "_rels", path.Base(of)+".rels"))
	if p == nil {
		return target, kind, nil
	}
	err = f.readPart(p, func(x *xmlScanner) error {
		for k := x.next(); k != xmlEnd; k = x.next() {
			if (k == xmlOpen || k == xmlEmpty) && string(x.name) == "Relationship" && len(target) < 100_000 {
				to := x.attrText("Target")
				if !strings.HasPrefix(to, "/") {
					to = path.Join(path.Dir(of), to)
				}
				id := x.attrText("Id")
				target[id], kind[id] = to, path.Base(x.attrText("Type"))
			}
		}
		return nil
	})
	return target, kind, err
}

// workbook reads the list of sheets and finds the wanted one.
func (f *File) workbook(sheet string) error {
	e := f.excel
	book := e.part("xl/workbook.xml")
	if book == nil {
		return f.noWorkbook()
	}
	target, kind, err := f.relations("xl/workbook.xml")
	if err != nil {
		return err
	}
	var names []string
	chosen := ""
	first := ""
	err = f.readPart(book, func(x *xmlScanner) error {
		for k := x.next(); k != xmlEnd; k = x.next() {
			if k != xmlOpen && k != xmlEmpty {
				continue
			}
			switch string(x.name) {
			case "workbookPr":
				v := x.attrText("date1904")
				e.since1904 = v == "1" || v == "true" || v == "on"
			case "sheet":
				name, id, state := x.attrText("name"), x.attrText(":id"), x.attrText("state")
				if k := kind[id]; k != "worksheet" || !utf8.ValidString(name) || len(names) > 10_000 {
					continue
				}
				hidden := state == "hidden" || state == "veryHidden"
				if first == "" && !hidden {
					first = name
				}
				if chosen == "" && (sheet == "" && !hidden || sheet != "" && strings.EqualFold(name, sheet)) {
					chosen, e.name = target[id], name
					continue
				}
				if !hidden {
					names = append(names, name)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if chosen == "" {
		if sheet != "" {
			return kequn.Errorf(kequn.KindInput, f.Path, "the workbook has no sheet of that name").WithHint("its sheets are %s", orElse(strings.Join(names[:min(len(names), 20)], ", "), "none that can be seen"))
		}
		return kequn.Errorf(kequn.KindInput, f.Path, "the workbook has no sheet of cells")
	}
	if e.sheet = e.part(chosen); e.sheet == nil {
		return kequn.Errorf(kequn.KindInput, f.Path, "the workbook is damaged: its sheet %s is not there", e.name).WithHint("open it in Excel and save it again")
	}
	e.others, e.first = names, e.name == first
	return nil
}

// noWorkbook says what the zip archive is instead.
func (f *File) noWorkbook() error {
	switch {
	case f.excel.part("xl/workbook.bin") != nil:
		return kequn.Errorf(kequn.KindInput, f.Path, "is a binary Excel workbook (.xlsb)").WithHint("save it as .xlsx, or the sheet as CSV (UTF-8)")
	case f.excel.part("mimetype") != nil && f.excel.part("content.xml") != nil:
		return kequn.Errorf(kequn.KindInput, f.Path, "is an OpenDocument file").WithHint("save the sheet as .xlsx or CSV (UTF-8)")
	case f.excel.part("word/document.xml") != nil:
		return kequn.Errorf(kequn.KindInput, f.Path, "is a Word document").WithHint("save the table as CSV (UTF-8)")
	case f.excel.part("ppt/presentation.xml") != nil:
		return kequn.Errorf(kequn.KindInput, f.Path, "is a PowerPoint presentation")
	case len(f.excel.parts.File) == 0:
		return kequn.Errorf(kequn.KindInput, f.Path, "is an empty zip archive, not a table")
	}
	return kequn.Errorf(kequn.KindInput, f.Path, "is a zip archive, not a table").WithHint("unpack it and load the files in it")
}

// excelStyles reads which cell formats are dates.
func (f *File) excelStyles() error {
	p := f.excel.part("xl/styles.xml")
	if p == nil {
		return nil
	}
	own := map[int]cellStyle{} // looked up only
	inside := false
	return f.readPart(p, func(x *xmlScanner) error {
		for k := x.next(); k != xmlEnd; k = x.next() {
			switch string(x.name) {
			case "numFmt":
				if id := x.attrInt("numFmtId"); k != xmlClose && k != xmlText && id >= 0 && len(own) < 10_000 {
					own[id] = styleOfFormat(x.attrText("formatCode"))
				}
			case "cellXfs":
				inside = k == xmlOpen
			case "xf":
				if inside && (k == xmlOpen || k == xmlEmpty) && len(f.excel.styles) < 100_000 {
					id := x.attrInt("numFmtId")
					style, ok := own[id]
					if !ok {
						style = builtinStyle(id)
					}
					f.excel.styles = append(f.excel.styles, style)
				}
			}
		}
		return nil
	})
}

// sharedStrings reads the texts that cells name by number. They are held in memory, within the limit of memory.
func (f *File) sharedStrings() error {
	p := f.excel.part("xl/sharedStrings.xml")
	if p == nil {
		return nil
	}
	s := &f.excel.strings
	return f.readPart(p, func(x *xmlScanner) error {
		text, phonetic := false, false
		for k := x.next(); k != xmlEnd; k = x.next() {
			switch {
			case k == xmlText:
				if text && !phonetic {
					s.text = x.appendText(s.text)
				}
				if int64(len(s.text))+4*int64(len(s.ends)) > f.opt.Limits.Memory {
					return kequn.Errorf(kequn.KindInput, f.Path, "holds more than %d bytes of texts, the limit", f.opt.Limits.Memory).WithHint("save the sheet as CSV (UTF-8)")
				}
			case string(x.name) == "t":
				text = k == xmlOpen
			case string(x.name) == "rPh": // how Japanese is pronounced
				phonetic = k == xmlOpen
			case string(x.name) == "si" && k != xmlOpen:
				from := 0
				if n := len(s.ends); n > 0 {
					from = int(s.ends[n-1])
				}
				s.text = s.text[:from+len(unescapeExcel(s.text[from:]))]
				s.ends = append(s.ends, uint32(len(s.text)))
				text, phonetic = false, false
			}
		}
		return nil
	})
}

// unescapeExcel undoes in place how workbooks write characters that XML cannot: _x000D_ is a carriage return.
func unescapeExcel(b []byte) []byte {
	if !bytes.Contains(b, []byte("_x")) {
		return b
	}
	out := b[:0]
	for i := 0; i < len(b); i++ {
		if b[i] == '_' && i+6 < len(b) && b[i+1] == 'x' && b[i+6] == '_' {
			if r, ok := hex4(b[i+2 : i+6]); ok && utf8.ValidRune(r) {
				out = utf8.AppendRune(out, r)
				i += 6
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// excelRow is one row that has a value, as headers are looked for in it.
type excelRow struct {
	line  int
	cells []excelCell
	text  []byte
}

func (r *excelRow) value(c excelCell) []byte { return r.text[c.at.from:c.at.to] }

func (r *excelRow) at(column int) (excelCell, bool) {
	i, ok := slices.BinarySearchFunc(r.cells, column, func(c excelCell, column int) int { return c.column - column })
	if !ok {
		return excelCell{}, false
	}
	return r.cells[i], true
}

// sampleExcel finds the header and takes the first rows.
func (f *File) sampleExcel() error {
	e := f.excel
	var rows []excelRow
	size, all := 0, true
	err := f.readSheet(context.Background(), func(r *sheetRow) error {
		if len(r.cells) == 0 {
			return nil
		}
		rows = append(rows, excelRow{r.line, slices.Clone(r.cells), slices.Clone(r.text)})
		if size += len(r.text) + 32*len(r.cells); len(rows) > sampleRows || size > 4*sampleBytes {
			all = false
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return err
	}
	if len(rows) == 0 {
		err := kequn.Errorf(kequn.KindInput, f.Path, "sheet %s has no cell with a value", e.name)
		if len(e.others) > 0 {
			return err.WithHint("its other sheets are %s; name one as in %s#%s", strings.Join(e.others[:min(len(e.others), 20)], ", "), f.Path, e.others[0])
		}
		return err
	}
	head := findExcelHeader(rows)
	e.left, e.top = head.left, head.last
	if len(head.names) > f.opt.Limits.Columns {
		return f.tooManyColumns(fmt.Sprint(len(head.names)))
	}
	f.Dialect = Dialect{Header: head.last > 0}
	if err := f.nameColumns(head.names); err != nil {
		return err
	}
	switch {
	case head.last == 0:
		f.Notes = append(f.Notes, "the sheet seems to have no header row; columns are called column_1, column_2 …")
	case head.first > rows[0].line:
		f.Notes = append(f.Notes, fmt.Sprintf("rows 1 to %d are not part of the table and were passed over", head.first-1))
	}
	if head.last > head.first {
		f.Notes = append(f.Notes, fmt.Sprintf("the header takes rows %d to %d", head.first, head.last))
	}
	out := &sample{width: len(f.Columns), all: all}
	want := max(10, (1<<20)/out.width)
	for _, r := range rows {
		if r.line <= e.top {
			continue
		}
		if out.rows >= want {
			out.all = false
			break
		}
		first := len(out.cells)
		for range out.width {
			out.cells = append(out.cells, span{})
		}
		for _, c := range r.cells {
			if k := c.column - e.left; k >= 0 && k < out.width && !c.uncomputed && c.flaw == "" {
				from := uint32(len(out.text))
				out.text = append(out.text, r.value(c)...)
				out.cells[first+k] = span{from, uint32(len(out.text))}
			}
		}
		out.rows++
	}
	f.sample = out
	return nil
}

// excelHeader is where a table begins in a sheet.
type excelHeader struct {
	names       []string
	left        int // first column, from 0
	first, last int // rows of the header, from 1; 0 is none
}

// findExcelHeader looks for the row that names the columns: the first that is about as wide as the table and holds
// words, or years among words. Titles above are narrower.
//
// A header of two rows has groups above names (merged cells, so there are gaps) and data below that the names are unlike:
//
//	Customer |      | 2024 |      | 2025 |
//	id       | city | sum  | n    | sum  | n        →   id, city, 2024 sum, 2024 n, 2025 sum, 2025 n
func findExcelHeader(rows []excelRow) excelHeader {
	look := rows[:min(len(rows), 50)]
	width := 0
	for _, r := range look {
		width = max(width, len(r.cells))
	}
	h := -1
	for i, r := range look {
		if 10*len(r.cells) < 6*width {
			continue
		}
		if namesColumns(r) {
			h = i
		}
		break
	}
	if h < 0 {
		out := excelHeader{left: rows[0].cells[0].column}
		right := 0
		for _, r := range rows {
			out.left = min(out.left, r.cells[0].column)
			right = max(right, r.cells[len(r.cells)-1].column)
		}
		out.names = make([]string, right-out.left+1)
		return out
	}
	above, own := -1, h
	if h+2 < len(look) && look[h+1].line == look[h].line+1 && namesColumns(look[h+1]) && groupsOf(look[h], look[h+1]) && unlike(look[h+1], look[h+2:]) {
		above, own = h, h+1
	} else if h > 0 && look[h-1].line == look[h].line-1 && len(look[h-1].cells) > 1 && namesColumns(look[h-1]) {
		above = h - 1 // a title has one cell; groups have several
	}
	row := look[own]
	out := excelHeader{left: row.cells[0].column, first: row.line, last: row.line}
	right := row.cells[len(row.cells)-1].column
	if above >= 0 && own == h+1 {
		out.left = min(out.left, look[above].cells[0].column)
		right = max(right, look[above].cells[len(look[above].cells)-1].column)
		out.first = look[above].line
	}
	seen := map[string]int{} // looked up only
	for k := out.left; k <= right; k++ {
		name := ""
		if c, ok := row.at(k); ok {
			name = string(trimSpace(row.value(c)))
		}
		seen[strings.ToLower(name)]++
		out.names = append(out.names, name)
	}
	if above < 0 {
		return out
	}
	group := ""
	for i := range out.names {
		if c, ok := look[above].at(out.left + i); ok {
			group = string(trimSpace(look[above].value(c)))
			if out.names[i] == "" {
				out.names[i] = group
				out.first = look[above].line
				continue
			}
		}
		if seen[strings.ToLower(out.names[i])] > 1 && group != "" && out.names[i] != "" {
			out.names[i] = group + " " + out.names[i]
			out.first = look[above].line
		}
	}
	return out
}

// namesColumns tells whether a row's cells are words, or years among words.
func namesColumns(r excelRow) bool {
	words := 0
	for _, c := range r.cells {
		v := trimSpace(r.value(c))
		switch {
		case c.uncomputed || c.date || c.flaw != "":
			return false
		case c.number:
			if y, err := strconv.Atoi(string(v)); err != nil || y < 1900 || y > 2100 {
				return false
			}
		case len(v) > 300:
			return false
		default:
			if _, why := parseNumber(v, stylePlain); why != "" {
				words++
			}
		}
	}
	return words > 0
}

// groupsOf tells whether row above has gaps that the names below fill.
func groupsOf(above, below excelRow) bool {
	filled := 0
	for _, c := range below.cells {
		if _, ok := above.at(c.column); !ok {
			filled++
		}
	}
	return filled > 0
}

// unlike tells whether rows of data have numbers or dates under the names.
func unlike(names excelRow, data []excelRow) bool {
	for _, r := range data {
		for _, c := range r.cells {
			if _, ok := names.at(c.column); ok && (c.number || c.date) {
				return true
			}
		}
	}
	return false
}
