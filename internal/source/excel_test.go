package source

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"kequn"
	"kequn/internal/table"
)

// workbookOf writes a workbook by excelize, a writer that is not ours.
func workbookOf(t testing.TB, make func(x *excelize.File)) string {
	t.Helper()
	x := excelize.NewFile()
	defer x.Close()
	make(x)
	path := filepath.Join(t.TempDir(), "x.xlsx")
	if err := x.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// setRows fills a sheet; nil leaves a cell out.
func setRows(x *excelize.File, sheet string, rows [][]any) {
	for i, r := range rows {
		for k, v := range r {
			if v != nil {
				cell, _ := excelize.CoordinatesToCellName(k+1, i+1)
				x.SetCellValue(sheet, cell, v)
			}
		}
	}
}

// rowsText reads a file as free text: columns, rows as in TestRecords, rejects.
func rowsText(t testing.TB, path string, chunk int) (columns, rows, rejects string, err error) {
	t.Helper()
	cells, bad, _, err := asText(t, path, Options{Threads: 2}, chunk)
	if err != nil {
		return "", "", "", err
	}
	var out []string
	for _, r := range cells[1:] {
		n := len(r) - 1
		out = append(out, strings.Join(r[:n], "|")+"@"+r[n])
	}
	return strings.Join(cells[0], ","), strings.Join(out, "; "), strings.Join(bad, " "), nil
}

func TestExcel(t *testing.T) {
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name          string
		make          func(x *excelize.File)
		columns, rows string
		note          string
	}{
		{"plain", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{"id", "name", "amount", "ok"}, {"C1", "李娜", 12.5, true}, {"C2", "a & <b>", 0.1 + 0.2, false}, {"00123", nil, -3, nil}})
		}, "id,name,amount,ok", "C1|李娜|12.5|true@2; C2|a & <b>|0.3|false@3; 00123||-3|@4", ""},
		{"dates by the format of the cell", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{"id", "d", "dt", "own", "clock", "number"}, {1, nil, day.Add(36 * time.Hour), nil, nil, 45351}})
			for cell, f := range map[string]excelize.Style{"B2": {NumFmt: 14}, "D2": {CustomNumFmt: ptr(`yyyy"年"m"月"d"日";@`)}, "E2": {CustomNumFmt: ptr("[$-409]h:mm AM/PM")}, "F2": {CustomNumFmt: ptr(`0.00 "days"`)}} {
				id, _ := x.NewStyle(&f)
				x.SetCellStyle("Sheet1", cell, cell, id)
			}
			x.SetCellValue("Sheet1", "B2", 45351)
			x.SetCellValue("Sheet1", "D2", 45351.75)
			x.SetCellValue("Sheet1", "E2", 0.4375)
		}, "id,d,dt,own,clock,number", "1|2024-02-29|2024-03-01 12:00:00|2024-02-29 18:00:00|10:30:00|45351@2", ""},
		{"title, empty rows, an indented table", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{nil, "Report of May"}, nil, {nil, "id", "amount"}, nil, {nil, "C1", 3}, nil, {nil, "C2", 4}})
			x.MergeCell("Sheet1", "B1", "C1")
		}, "id,amount", "C1|3@5; C2|4@7", "rows 1 to 2"},
		{"header of two rows", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{"Customer", nil, 2024, nil, 2025, nil}, {"id", "city", "sum", "n", "sum", "n"}, {"C1", "Ulm", 1, 2, 3, 4}, {"C2", "Bonn", 5, 6, 7, 8}})
			x.MergeCell("Sheet1", "A1", "B1")
			x.MergeCell("Sheet1", "C1", "D1")
		}, "id,city,2024 sum,2024 n,2025 sum,2025 n", "C1|Ulm|1|2|3|4@3; C2|Bonn|5|6|7|8@4", "rows 1 to 2"},
		{"merged downwards", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{"id", "order", nil, "note"}, {nil, "date", "amount", nil}, {"C1", "2024-01-01", 3, "x"}})
			x.MergeCell("Sheet1", "A1", "A2")
			x.MergeCell("Sheet1", "B1", "C1")
		}, "id,date,amount,note", "C1|2024-01-01|3|x@3", "rows 1 to 2"},
		{"no header", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{1, 2}, {3, 4}})
		}, "column_1,column_2", "1|2@1; 3|4@2", "no header"},
		{"years among words", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{"region", 2019, 2020}, {"north", 1, 2}})
		}, "region,2019,2020", "north|1|2@2", ""},
		{"formulas have their saved results", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{"id", "sum", "error"}, {"C1", 7, nil}, {"C2", nil, nil}})
			x.SetCellFormula("Sheet1", "B2", "3+4")
			x.SetCellFormula("Sheet1", "B3", "3+4") // nobody has computed it
		}, "id,sum,error", "C1|7|@2; C2||@3", ""},
		{"text of more than one run, line breaks", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{"id", "note"}, {"C1", "two\nlines"}, {"C2", " spaces "}})
			x.SetCellRichText("Sheet1", "A2", []excelize.RichTextRun{{Text: "C"}, {Text: "1", Font: &excelize.Font{Bold: true}}})
		}, "id,note", "C1|two\nlines@2; C2| spaces @3", ""},
		{"another sheet is named", func(x *excelize.File) {
			setRows(x, "Sheet1", [][]any{{"id", "x"}, {"C1", 1}})
			x.NewSheet("Other")
		}, "id,x", "C1|1@2", "#Other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := workbookOf(t, c.make)
			for _, chunk := range []int{0, 1} {
				columns, rows, rejects, err := rowsText(t, path, chunk)
				if err != nil {
					t.Fatal(err)
				}
				if columns != c.columns || rows != c.rows || rejects != "" {
					t.Errorf("columns %q, rows %q, rejects %q; want %q and %q", columns, rows, rejects, c.columns, c.rows)
				}
			}
			f, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if c.note != "" && !strings.Contains(strings.Join(f.Notes, "; "), c.note) {
				t.Errorf("notes %q, want %q", f.Notes, c.note)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

// TestExcelStrict: where a value matters, an uncomputed formula and an error cost the row.
func TestExcelStrict(t *testing.T) {
	path := handmade(t, sheetXML(`<row r="1">`+inline("A1", "customer_id")+inline("B1", "amount")+`</row>`+
		`<row r="2">`+inline("A2", "C1")+`<c r="B2"><f>1+1</f><v>2</v></c></row>`+
		`<row r="3">`+inline("A3", "C2")+`<c r="B3"><f>1+1</f></c></row>`+
		`<row r="4">`+inline("A4", "C3")+`<c r="B4" t="e"><v>#DIV/0!</v></c></row>`+
		`<row r="5">`+inline("A5", "C4")+`<c r="B5" t="e"><v>#N/A</v></c></row>`+
		`<row r="6">`+inline("A6", "C5")+`<c r="B6"><v>5</v></c>`+inline("D6", "beside the table")+`</row>`))
	f, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var bad []string
	counts, err := f.Read(context.Background(), []Column{{Name: "customer_id", Kind: table.Text, Role: kequn.ColCustomer}, {Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2}}, nil, func(r Reject) error {
		bad = append(bad, fmt.Sprintf("%d:%s:%s", r.Line, r.Reason, r.Raw))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(bad, " "), "3:formula_without_value:C2, 4:bad_number:C3,#DIV/0!"; got != want {
		t.Errorf("rejects %q, want %q", got, want)
	}
	if got, want := fmt.Sprint(counts.Kept, counts.Rejected, counts.Warnings), "3 2 [{outside_the_table  1 6} {missing_amount amount 1 5}]"; got != want {
		t.Errorf("counts %s, want %s", got, want)
	}
}

func inline(cell, text string) string {
	return fmt.Sprintf(`<c r="%s" t="inlineStr"><is><t>%s</t></is></c>`, cell, text)
}

func sheetXML(rows string) string {
	return `<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + rows + `</sheetData></worksheet>`
}

const (
	bookXML = `<workbook xmlns:r="r"><workbookPr/><sheets><sheet name="Orders" sheetId="1" r:id="rId1"/></sheets></workbook>`
	relsXML = `<Relationships><Relationship Id="rId1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`
)

// handmade writes a workbook part by part; more are pairs of name and content that replace or add parts.
func handmade(t testing.TB, sheet string, more ...string) string {
	t.Helper()
	return write(t, "x.xlsx", string(handmadeParts(zip.Deflate, sheet, more...)))
}

func handmadeParts(method uint16, sheet string, more ...string) []byte {
	parts := [][2]string{{"xl/workbook.xml", bookXML}, {"xl/_rels/workbook.xml.rels", relsXML}, {"xl/worksheets/sheet1.xml", sheet}}
next:
	for i := 0; i+1 < len(more); i += 2 {
		for k := range parts {
			if parts[k][0] == more[i] {
				parts[k][1] = more[i+1]
				continue next
			}
		}
		parts = append(parts, [2]string{more[i], more[i+1]})
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w, _ := z.CreateHeader(&zip.FileHeader{Name: p[0], Method: method})
		w.Write([]byte(p[1]))
	}
	z.Close()
	return b.Bytes()
}

func TestExcelHostile(t *testing.T) {
	head := `<row r="1">` + inline("A1", "id") + inline("B1", "n") + `</row>`
	for _, c := range []struct{ name, path, rows, rejects, err string }{
		{"a document type", handmade(t, `<!DOCTYPE x [<!ENTITY a "aaaa">]>`+sheetXML(head)), "", "", "document type"},
		{"no sheet", handmade(t, "", "xl/workbook.xml", `<workbook><sheets/></workbook>`), "", "", "no sheet of cells"},
		{"a zip of something else", zipOf(t, "a.txt", "x"), "", "", "is a zip archive, not a table"},
		{"a text that is not there", handmade(t, sheetXML(head+`<row r="2"><c r="A2" t="s"><v>7</v></c></row>`)), "", "", "cell A2: it names a text"},
		{"rows backwards", handmade(t, sheetXML(head+`<row r="3"><c r="A3"><v>1</v></c></row><row r="2"><c r="A2"><v>1</v></c></row>`)), "", "", "row 3: the row that follows"},
		{"a row beyond Excel", handmade(t, sheetXML(head+`<row r="99999999"><c r="A3"><v>1</v></c></row>`)), "", "", "wrong number"},
		{"a cell nowhere", handmade(t, sheetXML(head+`<row r="2"><c r="ZZZZ9"><v>1</v></c></row>`)), "", "", "a place that is none"},
		{"a place twice", handmade(t, sheetXML(head+`<row r="2"><c r="B2"><v>1</v></c><c r="B2"><v>2</v></c></row><row r="3"><c r="A3"><v>1</v></c></row>`)), "1|@3", "2:field_twice", ""},
		{"cut off in a row", handmade(t, strings.TrimSuffix(sheetXML(head+`<row r="2"><c r="A2"><v>1</v></c>`), `</sheetData></worksheet>`)), "", "", "ends within the row"},
		{"bytes that are no text", handmade(t, sheetXML(head+`<row r="2"><c r="A2" t="str"><v>`+"\xff"+`</v></c></row><row r="3"><c r="A3" t="str"><v>&#0;</v></c></row><row r="4"><c r="A4" t="str"><v>ok</v></c></row>`)), "ok|@4", "2:bad_encoding 3:nul_byte", ""},
		{"nothing", handmade(t, sheetXML("")), "", "", "no cell with a value"},
		{"header only", handmade(t, sheetXML(head)), "", "", ""},
		{"a tag without end", handmade(t, `<worksheet><sheetData><row r="1`+strings.Repeat("x", 3<<20)), "", "", "too long"},
		{"a text without end", handmade(t, sheetXML(`<row r="1"><c r="A1" t="str"><v>`+strings.Repeat("x", 3<<20)+`</v></c></row>`)), "", "", "too long"},
		{"one text many times in a row", handmade(t, sheetXML(head+`<row r="2">`+strings.Repeat(`<c t="s"><v>0</v></c>`, 5000)+`</row>`), "xl/sharedStrings.xml", `<sst><si><t>`+strings.Repeat("x", 60_000)+`</t></si></sst>`), "", "", "row 2: the row is longer"},
		{"too many columns", handmade(t, sheetXML(`<row r="1">`+strings.Repeat(`<c t="str"><v>x</v></c>`, 5000)+`</row>`)), "", "", "columns; the limit is 4096"},
		{"names twice", handmade(t, sheetXML(`<row r="1">`+inline("A1", "id")+inline("B1", "ID")+`</row>`)), "", "", "both called"},
		{"CDATA, comments, other prefixes", handmade(t, `<x:worksheet><!-- <row> --><x:sheetData><x:row><x:c t="str"><x:v><![CDATA[id]]></x:v></x:c></x:row><x:row><x:c><x:v>5</x:v></x:c></x:row></x:sheetData></x:worksheet>`), "5@2", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			readAll(t, c.path, Overrides{})
			_, rows, rejects, err := rowsText(t, c.path, 0)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || rows != c.rows || rejects != c.rejects {
				t.Errorf("rows %q, rejects %q, error %v; want %q and %q", rows, rejects, err, c.rows, c.rejects)
			}
		})
	}
}

func zipOf(t testing.TB, name, text string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create(name)
	w.Write([]byte(text))
	z.Close()
	return write(t, "x.xlsx", b.String())
}

// TestExcelBombs: a million empty rows are passed over, and what grows beyond the limits is refused, both soon.
func TestExcelBombs(t *testing.T) {
	head := `<row r="1">` + inline("A1", "id") + inline("B1", "n") + `</row>`
	var b strings.Builder
	b.WriteString(head)
	for i := 2; i < 1_000_000; i++ {
		fmt.Fprintf(&b, `<row r="%d" s="1"/>`, i)
	}
	b.WriteString(`<row r="1000000"><c r="A1000000"><v>1</v></c></row>`)
	start := time.Now()
	_, rows, _, err := rowsText(t, handmade(t, sheetXML(b.String())), 0)
	if err != nil || rows != "1|@1000000" {
		t.Errorf("rows %q, %v", rows, err)
	}
	bomb := handmade(t, sheetXML(head+strings.Repeat("<!--"+strings.Repeat(" ", 1<<10)+"-->", 8<<10)))
	_, err = Open(bomb, Options{Limits: Limits{RatioFrom: 1 << 20}})
	if err == nil || !strings.Contains(err.Error(), "bomb") {
		t.Errorf("a bomb: %v", err)
	}
	_, err = Open(bomb, Options{Limits: Limits{Unpacked: 1 << 20}})
	if err == nil || !strings.Contains(err.Error(), "the limit") {
		t.Errorf("a large part: %v", err)
	}
	texts := handmade(t, sheetXML(head), "xl/sharedStrings.xml", "<sst>"+strings.Repeat("<si><t>abcdefgh</t></si>", 1<<20)+"</sst>")
	if _, err = Open(texts, Options{Limits: Limits{Memory: 1 << 20}}); err == nil || !strings.Contains(err.Error(), "texts, the limit") {
		t.Errorf("many texts: %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestExcelSheets: a sheet is named behind a sign, and is another file than the first sheet.
func TestExcelSheets(t *testing.T) {
	path := workbookOf(t, func(x *excelize.File) {
		setRows(x, "Sheet1", [][]any{{"id"}, {"A"}})
		x.NewSheet("客户")
		setRows(x, "客户", [][]any{{"id"}, {"B"}})
		x.NewSheet("secret")
		setRows(x, "secret", [][]any{{"id"}, {"C"}})
		x.SetSheetVisible("secret", false)
	})
	sums := map[[32]byte]bool{}
	for sheet, want := range map[string]string{"": "A@2", "#客户": "B@2", "#secret": "C@2"} {
		_, rows, _, err := rowsText(t, path+sheet, 0)
		if err != nil || rows != want {
			t.Errorf("%s: %q, %v", sheet, rows, err)
		}
		f, err := Open(path+sheet, Options{})
		if err != nil {
			t.Fatal(err)
		}
		sum, err := f.Digest(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		sums[sum] = true
		f.Close()
	}
	if len(sums) != 3 {
		t.Error("two sheets have one digest")
	}
	_, err := Open(path+"#none", Options{})
	var e *kequn.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "客户") || strings.Contains(e.Hint, "secret") {
		t.Errorf("an unknown sheet: %v", err)
	}
}

// TestExcelSerials checks both systems of dates against days that are known.
func TestExcelSerials(t *testing.T) {
	for _, c := range []struct {
		number    string
		style     cellStyle
		since1904 bool
		want      string
	}{
		{"1", styleDate, false, "1900-01-01"}, {"59", styleDate, false, "1900-02-28"}, {"60", styleDate, false, "1900-02-29"},
		{"61", styleDate, false, "1900-03-01"}, {"45351", styleDate, false, "2024-02-29"}, {"45351.999994", styleDate, false, "2024-02-29 23:59:59.482"},
		{"45351.99999999", styleDate, false, "2024-02-29 23:59:59.999"}, {"2958465", styleDate, false, "9999-12-31"}, {"2958466", styleDate, false, "2958466"},
		{"-1", styleDate, false, "-1"}, {"x", styleDate, false, "x"}, {"1e300", styleDate, false, "1e300"}, {"NaN", styleDate, false, "NaN"},
		{"0", styleDate, true, "1904-01-01"}, {"43889", styleDate, true, "2024-02-29"}, {"0.5", styleDate, false, "12:00:00"},
		{"0.5", styleClock, false, "12:00:00"}, {"1.5", styleClock, false, "36:00:00"},
	} {
		if got := string(appendSerial(nil, []byte(c.number), c.style, c.since1904)); got != c.want {
			t.Errorf("%s: %s, want %s", c.number, got, c.want)
		}
	}
	for code, want := range map[string]cellStyle{
		"General": styleNumber, "0.00": styleNumber, "#,##0": styleNumber, `0.0 "days"`: styleNumber, "yyyy-mm-dd": styleDate, "d/m/yy h:mm": styleDate,
		"[h]:mm:ss": styleClock, "h:mm AM/PM": styleClock, "mm:ss.0": styleClock, `yyyy"年"m"月"d"日"`: styleDate, "[$-804]aaaa;@": styleNumber,
		`"d"0`: styleNumber, "[Red]0": styleNumber, "mmm-yy": styleDate, `\d0`: styleNumber, "@": styleNumber, "[": styleNumber, "0.00E+00": styleNumber,
		"_(* #,##0.00_)": styleNumber, "[$€-407]#,##0": styleNumber,
	} {
		if got := styleOfFormat(code); got != want {
			t.Errorf("%q is %d, want %d", code, got, want)
		}
	}
	for number, want := range map[string]string{"0.30000000000000004": "0.3", "13800138000": "13800138000", "1.380013800E10": "13800138000", "123456789012345678": "123456789012345678",
		"1E-3": "0.001", "19.989999999999998": "19.99", "12.5": "12.5", "1e999": "1e999"} {
		if got := string(appendNumber(nil, []byte(number))); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
}

// TestExcelIsExcelize reads random sheets with our reader and with excelize's.
func TestExcelIsExcelize(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	values := []any{"a", "李娜", "x,y", "", 1, 2.5, -7, true, "two\nlines", " padded ", "&lt;", "1e5", "0012"}
	for round := range 40 {
		var rows [][]any
		rows = append(rows, []any{"c0", "c1", "c2", "c3"})
		for range 1 + r.IntN(30) {
			row := []any{fmt.Sprint("id", r.IntN(100))}
			for range 3 {
				if r.IntN(4) > 0 {
					row = append(row, values[r.IntN(len(values))])
				} else {
					row = append(row, nil)
				}
			}
			rows = append(rows, row)
		}
		path := workbookOf(t, func(x *excelize.File) { setRows(x, "Sheet1", rows) })
		cells, rejects, _, err := asText(t, path, Options{}, 0)
		if err != nil || len(rejects) > 0 {
			t.Fatal(err, rejects)
		}
		x, err := excelize.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := x.GetRows("Sheet1", excelize.Options{RawCellValue: true})
		x.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range want[1:] {
			for k := range 4 {
				v := ""
				if k < len(row) {
					v = row[k]
				}
				if b, ok := rows[i+1][min(k, len(rows[i+1])-1)].(bool); ok {
					v = fmt.Sprint(b)
				}
				if got := cells[i+1][k]; got != v {
					t.Fatalf("round %d row %d column %d: %q, want %q", round, i, k, got, v)
				}
			}
		}
	}
}

// TestExcelDamaged flips bytes of a workbook and cuts it: an answer, soon, and no panic.
func TestExcelDamaged(t *testing.T) {
	path := workbookOf(t, func(x *excelize.File) {
		setRows(x, "Sheet1", [][]any{{"id", "n"}, {"C1", 1}, {"C2", 2}})
	})
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "x.xlsx")
	for i := 4; i < len(sound); i += 37 {
		b := bytes.Clone(sound)
		b[i] ^= byte(1 + i%255)
		os.WriteFile(at, b, 0o600)
		readAll(t, at, Overrides{})
		os.WriteFile(at, sound[:i], 0o600)
		if out := readAll(t, at, Overrides{}); out.err == nil {
			t.Errorf("cut at %d, accepted", i)
		}
	}
}

// TestExcelMutated reads sheets with a few wrong bytes, which fuzzing by coverage reaches but slowly.
func TestExcelMutated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	base := sheetXML(`<row r="1">` + inline("A1", "id") + inline("B1", "n") + `</row><row r="2"><c r="A2" s="1"><f>x</f><v>45123.5</v></c><c r="B2" t="s"><v>0</v></c></row>`)
	path := filepath.Join(t.TempDir(), "x.xlsx")
	for range 1000 {
		b := []byte(base)
		for range 1 + r.IntN(4) {
			if k := r.IntN(len(b)); r.IntN(2) == 0 {
				b[k] = byte(r.IntN(256))
			} else {
				b[k] = "<>/\"&;rcvsA19 "[r.IntN(14)]
			}
		}
		book := handmadeParts(zip.Store, string(b), "xl/styles.xml", `<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`, "xl/sharedStrings.xml", "<sst><si><t>x</t></si></sst>")
		if err := os.WriteFile(path, book, 0o600); err != nil {
			t.Fatal(err)
		}
		readAll(t, path, Overrides{})
	}
}

func FuzzExcelSheet(f *testing.F) {
	f.Add([]byte(sheetXML(`<row r="1">` + inline("A1", "id") + `</row><row r="2"><c r="A2" s="1"><f>x</f><v>45123.5</v></c></row>`)))
	f.Add([]byte(sheetXML(`<row><c t="s"><v>0</v></c><c t="b"><v>1</v></c></row><row><c t="e"><v>#N/A</v></c></row>`)))
	f.Add([]byte(`<a><![CDATA[x]]><!-- c --><?p?></a>`))
	path := filepath.Join(f.TempDir(), "x.xlsx")
	f.Fuzz(func(t *testing.T, sheet []byte) {
		if len(sheet) > 1<<14 {
			return
		}
		b := handmadeParts(zip.Store, string(sheet), "xl/styles.xml", `<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`, "xl/sharedStrings.xml", string(sheet)+"<sst><si><t>x</t></si></sst>")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		readAll(t, path, Overrides{})
	})
}

func FuzzXMLText(f *testing.F) {
	f.Add([]byte("a &amp; b &#x4e00; &#999999999; &; &x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out := appendXML(nil, b); len(out) > len(b) {
			t.Fatalf("%q grew to %q", b, out)
		}
		if out := unescapeExcel(bytes.Clone(b)); len(out) > len(b) {
			t.Fatalf("%q grew to %q", b, out)
		}
		styleOfFormat(string(b))
		appendSerial(nil, b, styleDate, false)
		appendNumber(nil, b)
	})
}

func BenchmarkExcel(b *testing.B) {
	x := excelize.NewFile()
	w, _ := x.NewStreamWriter("Sheet1")
	w.SetRow("A1", []any{"order_id", "customer_id", "ordered_at", "amount", "city", "quantity"})
	style, _ := x.NewStyle(&excelize.Style{NumFmt: 22})
	for i := range 100_000 {
		cell, _ := excelize.CoordinatesToCellName(1, i+2)
		w.SetRow(cell, []any{fmt.Sprintf("O%07d", i), fmt.Sprintf("C%05d", i%5000), excelize.Cell{StyleID: style, Value: 45000 + float64(i%300)}, float64(i%90000) / 100, "上海", i % 5})
	}
	w.Flush()
	path := filepath.Join(b.TempDir(), "orders.xlsx")
	if err := x.SaveAs(path); err != nil {
		b.Fatal(err)
	}
	b.Run("rows=1e5,threads=1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			readWhole(b, path, Options{Threads: 1})
		}
	})
	b.Run("rows=1e5,reader=excelize", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x, err := excelize.OpenFile(path)
			if err != nil {
				b.Fatal(err)
			}
			rows, _ := x.Rows("Sheet1")
			for rows.Next() {
				rows.Columns(excelize.Options{RawCellValue: true})
			}
			x.Close()
		}
	})
}
