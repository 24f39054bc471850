package source

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/table"
)

// write puts text into a file of the test's own folder.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// asText reads every column of a file as free text, and returns cells, rejects as line:reason, and the error.
func asText(t testing.TB, path string, opt Options, chunk int) (cells [][]string, rejects []string, counts Counts, err error) {
	t.Helper()
	f, err := Open(path, opt)
	if err != nil {
		return nil, nil, counts, err
	}
	defer f.Close()
	if chunk > 0 {
		f.chunk = chunk
	}
	var schema []Column
	for _, n := range f.Columns {
		schema = append(schema, Column{Name: n, Kind: table.Text, Role: kequn.ColText})
	}
	cells = append(cells, f.Columns)
	counts, err = f.Read(context.Background(), schema, func(b *Batch) error {
		for i := range b.Line {
			var row []string
			for _, c := range b.Table.Columns {
				row = append(row, strings.Clone(c.String(i)))
			}
			cells = append(cells, append(row, fmt.Sprint(b.Line[i])))
		}
		return nil
	}, func(r Reject) error {
		rejects = append(rejects, fmt.Sprintf("%d:%s", r.Line, r.Reason))
		return nil
	})
	if err == nil && counts.Read != counts.Kept+counts.Rejected {
		t.Fatalf("counts do not add up: %+v", counts)
	}
	return cells, rejects, counts, err
}

func TestRecords(t *testing.T) {
	for _, c := range []struct {
		name, text string
		cells      string // rows as name|value…@line, joined by ;
		rejects    string
		err        string
	}{
		{"plain", "id,name\n1,a\n2,b\n", "1|a@2; 2|b@3", "", ""},
		{"no end of line", "id,name\n1,a\n2,b", "1|a@2; 2|b@3", "", ""},
		{"mixed line ends", "id,name\r\n1,a\r2,b\n3,c\r\n", "1|a@2; 2|b@3; 3|c@4", "", ""},
		{"carriage returns only", "id,name\r1,a\r2,b\r", "1|a@2; 2|b@3", "", ""},
		{"blank lines", "\n\nid,name\n\n1,a\n  \n2,b\n\n", "1|a@5; 2|b@7", "", ""},
		{"quotes", "id,name\n1,\"a,\"\"b\"\"\nc\"\n2,5\" disk\n", "1|a,\"b\"\nc@2; 2|5\" disk@4", "", ""},
		{"spaces round quotes", "id,name\n1, \"a,b\" \n2,c\n", "1|a,b@2; 2|c@3", "", ""},
		{"backslash", "id,name\n1,\"a\\\"b\"\n2,\"c\\\\d\"\n3,\"C:\\temp\"\n", "1|a\"b@2; 2|c\\d@3; 3|C:\\temp@4", "", ""},
		{"semicolons with decimal commas", "id;x\n1;1,5\n2;2,25\n", "1|1,5@2; 2|2,25@3", "", ""},
		{"tabs", "id\tname\n1\ta, b\n2\tc\n", "1|a, b@2; 2|c@3", "", ""},
		{"bars", "id|name\n1|a\n2|b\n", "1|a@2; 2|b@3", "", ""},
		{"single quotes", "id,name\n1,'a,b'\n2,'c''d'\n", "1|a,b@2; 2|c'd@3", "", ""},
		{"declared", "sep=;\nid;name\n1;a\n", "1|a@3", "", ""},
		{"title above", "Report of May,,\n\nid,name,x\n1,a,b\n2,c,d\n", "1|a|b@4; 2|c|d@5", "", ""},
		{"trailing delimiter", "id,name,\n1,a,\n2,b,\n", "1|a@2; 2|b@3", "", ""},
		{"trailing delimiter in rows only", "id,name\n1,a,\n2,b,\n", "1|a@2; 2|b@3", "", ""},
		{"empty fields", "id,name\n1,\n,b\n", "1|@2; |b@3", "", ""},
		{"too few and too many", "id,name\n1\n2,b\n3,c,d\n", "2|b@3", "2:too_few_fields 4:too_many_fields", ""},
		{"text after a quote", "id,name\n1,\"a\" b\n2,c\n", "2|c@3", "2:bad_quote", ""},
		{"open quote runs into the next", "id,name\n1,\"a\n2,\"b\"\n3,\"c\"\n", "2|b@3; 3|c@4", "2:open_quote", ""},
		{"open quote in the last line", "id,name\n1,a\n2,\"b\n", "1|a@2", "3:open_quote", ""},
		{"open quote to the end", "id,name\n1,\"a\n2,b\n3,c\n", "", "", "line 2: a quote opens here and does not close"},
		{"NUL and control bytes", "id,name\n1,a\x00b\n2,c\x07d\n3,e\tf\n", "3|e\tf@4", "2:nul_byte 3:control_byte", ""},
		{"invalid UTF-8", "id,name\n1,\xff\n2,李\n3,王\n4,张\n", "2|李@3; 3|王@4; 4|张@5", "2:bad_encoding", ""},
		{"header only", "id,name\n", "", "", ""},
		{"one column", "name\na\nb\n", "a@2; b@3", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "x.csv", c.text)
			for _, chunk := range []int{0, 1, 7, 16} {
				cells, rejects, _, err := asText(t, path, Options{Threads: 2}, chunk)
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) {
						t.Fatalf("error %v, want %q", err, c.err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				var rows []string
				for _, r := range cells[1:] {
					n := len(r) - 1
					rows = append(rows, strings.Join(r[:n], "|")+"@"+r[n])
				}
				if got := strings.Join(rows, "; "); got != c.cells {
					t.Errorf("chunk %d: rows %q, want %q", chunk, got, c.cells)
				}
				if got := strings.Join(rejects, " "); got != c.rejects {
					t.Errorf("chunk %d: rejects %q, want %q", chunk, got, c.rejects)
				}
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct{ text, columns, err string }{
		{"CustomerID,InvoiceDate\n1,2020-01-01\n", "CustomerID,InvoiceDate", ""},
		{"客户编号,金额\nC1,3\n", "客户编号,金额", ""},
		{"C1,a\nC2,b\nC3,c\n", "column_1,column_2", ""},
		{"1,2,3\n4,5,6\n", "column_1,column_2,column_3", ""},
		{"region,2019,2020,2021\nnorth,1,2,3\nsouth,4,5,6\n", "region,2019,2020,2021", ""},
		{"id,,age\n1,x,3\n", "id,column_2,age", ""},
		{"\"multi\nline\",b\n1,2\n", "multi line,b", ""},
		{"id,name,Name\n1,2,3\n", "", "both called"},
		{"\"id,name\n1,2\n3,4\n", "", "a quote opens here"},
		{"\xef\xbb\xbfid,name\n1,a\n", "id,name", ""},
	} {
		f, err := Open(write(t, "x.csv", c.text), Options{})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error %v, want %q", c.text, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := strings.Join(f.Columns, ","); got != c.columns {
			t.Errorf("%q: columns %s, want %s", c.text, got, c.columns)
		}
		f.Close()
	}
}

// TestRoundTrip writes random tables in every dialect and reads them back, in chunks of random size.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"a", "Ann Lee", "李娜", "x,y", "p;q", "say \"hi\"", "two\nlines", "cr\r\nlf", "O'Neill", "5\" disk", "tab\there", "=1+1", "end\\", "|", "👩‍👩‍👧", "12.50", "2020-01-01"}
	for round := range 300 {
		n, width := 3+r.IntN(20), 2+r.IntN(4)
		rows := make([][]string, n)
		for i := range rows {
			rows[i] = append(rows[i], fmt.Sprint("id", i))
			for range width - 1 {
				rows[i] = append(rows[i], words[r.IntN(len(words))])
			}
		}
		header := []string{"customer_id"}
		for k := range width - 1 {
			header = append(header, fmt.Sprint("column", string(rune('a'+k))))
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma = []rune(",;\t|")[r.IntN(4)]
		w.UseCRLF = r.IntN(2) == 0
		w.Write(header)
		w.WriteAll(rows)
		want := rows
		if w.UseCRLF { // that writer turns line ends within quotes into CRLF as well
			want = nil
			for _, row := range rows {
				var out []string
				for _, v := range row {
					out = append(out, strings.ReplaceAll(strings.ReplaceAll(v, "\r\n", "\n"), "\n", "\r\n"))
				}
				want = append(want, out)
			}
		}
		path := write(t, "x.csv", b.String())
		d := Dialect{Delimiter: byte(w.Comma), Quote: '"', Header: true}
		cells, rejects, _, err := asText(t, path, Options{Dialect: &d}, 1+r.IntN(200))
		if err != nil || len(rejects) > 0 {
			t.Fatalf("round %d: %v %v\n%s", round, err, rejects, b.String())
		}
		for i, row := range cells[1:] {
			if !slices.Equal(row[:width], want[i]) {
				t.Fatalf("round %d row %d: %q, want %q\n%s", round, i, row[:width], want[i], b.String())
			}
		}
	}
}

func TestCSVSpectrum(t *testing.T) {
	dir := sharedData(t, "badinput", "csv-spectrum")
	for _, name := range []string{"newlines", "utf8", "location_coordinates"} {
		b, err := os.ReadFile(filepath.Join(dir, "json__"+name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if b[0] == '{' {
			b = append(append([]byte{'['}, b...), ']')
		}
		var want []map[string]string
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		cells, rejects, _, err := asText(t, filepath.Join(dir, "csvs__"+name+".csv"), Options{}, 0)
		if err != nil || len(rejects) > 0 || len(cells)-1 != len(want) {
			t.Fatalf("%s: %d rows, %v, %v", name, len(cells)-1, rejects, err)
		}
		for i, row := range cells[1:] {
			for k, column := range cells[0] {
				if _, known := want[i][column]; name == "location_coordinates" && (column == "Contact Phone Number" || !known) {
					continue // the collection's own answer has another number, and not all columns
				}
				if row[k] != want[i][column] {
					t.Errorf("%s row %d %s: %q, want %q", name, i, column, row[k], want[i][column])
				}
			}
		}
	}
}

// FuzzRead runs arbitrary bytes through all three steps. Chunks of any size give the same rows.
func FuzzRead(f *testing.F) {
	f.Add([]byte("id,name\n1,a\n2,\"b\"\"c\nd\"\n"), uint8(3))
	f.Add([]byte("a;b\r\n1,5;\"x\r\n2;y\r\n"), uint8(1))
	f.Add([]byte("\xff\xfea\x00,\x00b\x00\n\x001\x00"), uint8(9))
	f.Add([]byte("客户,金额\nC1,\xb1\xb1\n"), uint8(9))
	f.Add([]byte("x,y\n1,\"a\n2,\"b\"\n3,\\\"\n"), uint8(2))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte, chunk uint8) {
		if len(b) > 1<<16 {
			return
		}
		path := filepath.Join(dir, "fuzz.csv")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		opt := Options{Threads: 2, Limits: Limits{Record: 4096, Field: 512, QuotedLines: 20}}
		cells, rejects, counts, err := asText(t, path, opt, 0)
		if kequn.KindOf(err) == kequn.KindInternal && err != nil {
			t.Fatal(err)
		}
		cells2, rejects2, counts2, err2 := asText(t, path, opt, int(chunk)+1)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("whole: %v; in chunks: %v", err, err2)
		}
		if err != nil {
			return
		}
		if fmt.Sprint(cells, rejects, counts) != fmt.Sprint(cells2, rejects2, counts2) {
			t.Fatalf("whole: %q %q %+v; in chunks of %d: %q %q %+v", cells, rejects, counts, chunk+1, cells2, rejects2, counts2)
		}
		file, err := Open(path, opt)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		plan, err := file.Propose(Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Read(context.Background(), plan.Columns, nil, nil); err != nil && kequn.KindOf(err) != kequn.KindInput {
			t.Fatal(err)
		}
	})
}
