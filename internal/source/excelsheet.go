package source

import (
	"context"
	"fmt"

	"kequn"
)

// excelCell is one cell that has a value.
type excelCell struct {
	column     int // from 0
	at         span
	number     bool
	date       bool
	uncomputed bool   // a formula whose result was not saved
	flaw       Reason // its text must not be stored
}

// sheetRow is one row of a sheet; it is used again for the next.
type sheetRow struct {
	line  int // number of the row, from 1
	cells []excelCell
	text  []byte
	twice bool // two cells claim one place, or stand out of order
}

// readSheet calls take with every row that the sheet lists, empty ones included, in order.
//
// A row is read cell by cell: value v, type t and format s of
//
//	<row r="7"><c r="A7" t="s"><v>12</v></c><c r="C7" s="3"><f>B7+1</f><v>45123.5</v></c></row>
func (f *File) readSheet(ctx context.Context, take func(*sheetRow) error) error {
	return f.readPart(f.excel.sheet, func(x *xmlScanner) error {
		row := &sheetRow{}
		inside := false
		steps := 0
		for k := x.next(); k != xmlEnd; k = x.next() {
			if k == xmlText {
				continue
			}
			switch string(x.name) {
			case "sheetData":
				inside = k == xmlOpen
			case "row":
				if !inside || k == xmlClose {
					continue
				}
				n := row.line + 1
				if x.attr("r") != nil {
					n = x.attrInt("r")
				}
				if n <= row.line || n > maxExcelRow {
					return f.badCell(fmt.Sprintf("row %d", row.line), "the row that follows it has a wrong number")
				}
				row.line, row.cells, row.text, row.twice = n, row.cells[:0], row.text[:0], false
				if k == xmlOpen {
					if err := f.readRow(x, row); err != nil {
						return err
					}
				}
				if err := take(row); err != nil {
					return err
				}
				if steps++; steps%256 == 0 && ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}
		return nil
	})
}

func (f *File) badCell(where, what string) error {
	return kequn.Errorf(kequn.KindInput, fmt.Sprintf("%s: sheet %s, %s", f.Path, f.excel.name, where), "%s", what).WithHint("open it in Excel and save it again")
}

// readRow reads the cells of a row up to its end.
func (f *File) readRow(x *xmlScanner, row *sheetRow) error {
	column := -1
	for {
		k := x.next()
		switch {
		case k == xmlEnd:
			if x.err != nil {
				return f.badPart(f.excel.sheet, x.err)
			}
			return f.badCell(fmt.Sprintf("row %d", row.line), "the sheet ends within the row")
		case k == xmlClose && string(x.name) == "row":
			return nil
		case (k == xmlOpen || k == xmlEmpty) && string(x.name) == "c":
			column++
			if ref := x.attr("r"); ref != nil {
				c, ok := columnOf(ref)
				if !ok {
					return f.badCell(fmt.Sprintf("row %d", row.line), "a cell has a place that is none")
				}
				if c < column { // cells stand in order; this one and those after it are not kept
					row.twice = true
				}
				column = max(c, column-1)
			}
			if column >= maxExcelColumn {
				return f.badCell(fmt.Sprintf("row %d", row.line), "the row has too many cells")
			}
			if k == xmlEmpty {
				continue
			}
			if err := f.readCell(x, row, column); err != nil {
				return err
			}
		}
	}
}

// columnOf returns the column of a reference such as AB12, from 0.
func columnOf(ref []byte) (int, bool) {
	n, i := 0, 0
	for ; i < len(ref) && i < 4; i++ {
		c := ref[i] | 0x20
		if c < 'a' || c > 'z' {
			break
		}
		n = n*26 + int(c-'a') + 1
	}
	return n - 1, n > 0 && n <= maxExcelColumn && i < len(ref) && ref[i]-'0' <= 9
}

// readCell reads the cell whose opening tag was just read, and keeps it if it has a value.
func (f *File) readCell(x *xmlScanner, row *sheetRow, column int) error {
	kind := cellKind(x.attr("t"))
	style := styleNumber
	if s := x.attrInt("s"); s >= 0 && s < len(f.excel.styles) {
		style = f.excel.styles[s]
	}
	from := len(row.text)
	value, formula, valued, phonetic := false, false, false, false
	depth := 0
	for done := false; !done; {
		switch k := x.next(); {
		case k == xmlEnd:
			if x.err != nil {
				return f.badPart(f.excel.sheet, x.err)
			}
			return f.badCell(cellName(column, row.line), "the sheet ends within the cell")
		case k == xmlText:
			if value && !phonetic {
				row.text = x.appendText(row.text)
				valued = true
				if len(row.text) > f.opt.Limits.Record {
					return f.rowTooLong(row)
				}
			}
		case k == xmlClose && string(x.name) == "c":
			done = true
		default:
			if depth++; depth > 1<<20 {
				return f.badCell(cellName(column, row.line), "the cell does not end")
			}
			switch string(x.name) {
			case "v":
				value = k == xmlOpen
			case "t":
				value = k == xmlOpen && kind == cellInline
			case "f":
				formula = true
			case "rPh":
				phonetic = k == xmlOpen
			}
		}
	}
	cell := excelCell{column: column}
	raw := row.text[from:]
	if kind == cellInline || kind == cellFormulaText {
		raw = unescapeExcel(raw)
		row.text = row.text[:from+len(raw)]
	}
	switch {
	case !valued:
		if !formula || kind == cellFormulaText {
			return nil
		}
		cell.uncomputed = true
	case kind == cellShared:
		s, ok := f.excel.strings.at(indexOf(trimSpace(raw)))
		if !ok {
			return f.badCell(cellName(column, row.line), "it names a text that is not there")
		}
		if from+len(s) > f.opt.Limits.Record {
			return f.rowTooLong(row)
		}
		row.text = append(row.text[:from], s...)
	case kind == cellBool:
		word := "false"
		if string(trimSpace(raw)) == "1" {
			word = "true"
		}
		row.text = append(row.text[:from], word...)
	case kind == cellNumber:
		number := string(trimSpace(raw))
		row.text = row.text[:from]
		if style != styleNumber {
			row.text = appendSerial(row.text, []byte(number), style, f.excel.since1904)
			cell.date = true
		} else {
			row.text = appendNumber(row.text, []byte(number))
			cell.number = true
		}
	case kind == cellDate:
		cell.date = true
	}
	if row.twice || len(row.text) == from && !cell.uncomputed {
		row.text = row.text[:from]
		return nil
	}
	cell.at = span{uint32(from), uint32(len(row.text))}
	cell.flaw = soundText(row.text[from:], f.opt.Limits.Field)
	row.cells = append(row.cells, cell)
	return nil
}

func (f *File) rowTooLong(row *sheetRow) error {
	return kequn.Errorf(kequn.KindInput, fmt.Sprintf("%s: sheet %s, row %d", f.Path, f.excel.name, row.line), "the row is longer than %d bytes, the limit", f.opt.Limits.Record).
		WithHint("keep the columns that are needed")
}

type cellType uint8

const (
	cellNumber cellType = iota
	cellShared
	cellInline
	cellFormulaText
	cellBool
	cellDate
	cellError
)

func cellKind(t []byte) cellType {
	switch string(t) {
	case "s":
		return cellShared
	case "inlineStr":
		return cellInline
	case "str":
		return cellFormulaText
	case "b":
		return cellBool
	case "d":
		return cellDate
	case "e": // #N/A is nothing, #DIV/0! is for the column to judge
		return cellError
	}
	return cellNumber
}

// indexOf returns a whole number of at most nine digits, or -1.
func indexOf(b []byte) int {
	if len(b) == 0 || len(b) > 9 {
		return -1
	}
	n := 0
	for _, c := range b {
		if c-'0' > 9 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// cellName returns a place as Excel names it: column 27 of row 7 is AB7.
func cellName(column, row int) string {
	name := ""
	for c := column + 1; c > 0; c = (c - 1) / 26 {
		name = string(rune('A'+(c-1)%26)) + name
	}
	return fmt.Sprintf("cell %s%d", name, row)
}

// cutExcel reads the sheet and fills chunks with the cells of its rows.
func (f *File) cutExcel(ctx context.Context, q *queue, want wanted) (sum [32]byte, err error) {
	if sum, err = f.digest(); err != nil {
		return sum, err
	}
	e, width := f.excel, len(f.Columns)
	most := batchRows(4 * want.width)
	var c *chunk
	begin := func() error {
		if c, err = q.next(ctx); err != nil {
			return err // and c is nil: nothing is left to hand over
		}
		c.reset()
		c.text, c.line = c.text[:0], 0
		return nil
	}
	if err := begin(); err != nil {
		return sum, err
	}
	err = f.readSheet(ctx, func(r *sheetRow) error {
		if r.line <= e.top {
			return nil
		}
		if c.line == 0 {
			c.line = int64(r.line)
		}
		inside, outside := 0, false
		why := Reason("")
		for _, cell := range r.cells {
			if k := cell.column - e.left; k < 0 || k >= width {
				outside = true
				continue
			}
			inside++
			if why == "" {
				why = cell.flaw
			}
		}
		if inside == 0 {
			c.blank++
			return nil
		}
		if r.twice {
			why = FieldTwice
		}
		record, row := int32(c.read), int32(len(c.records))
		c.read++
		first := len(c.cells)
		for range want.width {
			c.cells = append(c.cells, span{})
		}
		base := len(c.text)
		c.text = append(c.text, r.text...)
		for _, cell := range r.cells {
			k := cell.column - e.left
			if k < 0 || k >= width || want.place[k] < 0 {
				continue
			}
			at := span{cell.at.from + uint32(base), cell.at.to + uint32(base)}
			if cell.uncomputed {
				at = uncomputed
			}
			c.cells[first+want.place[k]] = at
		}
		if why != "" {
			raw := c.joined(c.cells[first:])
			c.cells = c.cells[:first]
			c.flawed = append(c.flawed, rejected{record, -1, why, raw, int64(r.line)})
		} else {
			c.records = append(c.records, record)
			c.lines = append(c.lines, int64(r.line))
			if outside {
				c.odd = append(c.odd, finding{row, OutsideTable})
			}
		}
		if int(c.read) >= most || len(c.text) >= f.chunk {
			q.put(c)
			return begin()
		}
		return nil
	})
	if c != nil {
		c.end = len(c.text)
		q.put(c)
	}
	return sum, err
}
