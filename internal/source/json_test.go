package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"kequn/internal/table"
)

// TestJSONRecords reads objects in every arrangement; rows as in TestRecords.
func TestJSONRecords(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
	for _, c := range []struct{ name, file, text, columns, rows, rejects, err string }{
		{"lines", "x.jsonl", `{"id":1,"name":"a"}` + "\n" + `{"name":"b","id":2}`, "id,name", "1|a@1; 2|b@2", "", ""},
		{"line ends of Windows, blank lines, a mark", "x.jsonl", "\xef\xbb\xbf{\"id\":1}\r\n\r\n  \n{\"id\":2}\r\n", "id", "1@1; 2@4", "", ""},
		{"array", "x.json", `[{"id":1},` + "\n" + ` {"id":2}]` + "\n", "id", "1@1; 2@2", "", ""},
		{"one after the other", "x.json", "{\n \"id\":1\n}\n{\n \"id\":2\n}\n", "id", "1@1; 2@4", "", ""},
		{"by its text alone", "x.csv", `{"id":1,"name":"a"}` + "\n", "id,name", "1|a@1", "", ""},
		{"nested", "x.jsonl", `{"id":1,"who":{"name":"a","tags":["x",{"y":2}]},"z":[]}` + "\n", "id,who.name,who.tags,z", `1|a|["x",{"y":2}]|@1`, "", ""},
		{"missing and null", "x.jsonl", `{"id":1,"a":null}` + "\n" + `{"id":2,"a":"x","b":true}` + "\n", "id,a,b", "1||@1; 2|x|true@2", "", ""},
		{"null where others have an object", "x.jsonl", `{"id":1,"a":null}` + "\n" + `{"id":2,"a":{"b":3}}` + "\n", "id,a.b", "1|@1; 2|3@2", "", ""},
		{"mixed types", "x.jsonl", `{"a":1}` + "\n" + `{"a":"x"}` + "\n" + `{"a":{"b":2}}` + "\n" + `{"a":[1]}` + "\n", "a,a.b", "1|@1; x|@2; |2@3; [1]|@4", "", ""},
		{"escapes", "x.jsonl", `{"a":"q\" \\ \/ \u674e\ud83d\ude00\n"}` + "\n", "a", "q\" \\ / 李😀\n@1", "", ""},
		{"escaped key", "x.jsonl", `{"\u0061":1}` + "\n" + `{"a":2}` + "\n", "a", "1@1; 2@2", "", ""},
		{"numbers", "x.jsonl", `{"a":-0.5e+3}` + "\n" + `{"a":01}` + "\n" + `{"a":1.}` + "\n" + `{"a":NaN}` + "\n" + `{"a":-Infinity}` + "\n" + `{"a":.5}` + "\n", "a",
			"-0.5e+3@1; NaN@4; -Infinity@5", "2:not_json 3:not_json 6:not_json", ""},
		{"broken lines cost one line", "x.jsonl", `{"a":1}` + "\n" + `{"a":` + "\n" + `{"a":"x}` + "\n" + `{"a":2}}` + "\n" + `{"a":3}`, "a", "1@1; 3@5", "2:not_json 3:not_json 4:not_json", ""},
		{"cut off in the last line", "x.jsonl", `{"a":1}` + "\n" + `{"a":2`, "a", "1@1", "2:not_json", ""},
		{"no object", "x.jsonl", `{"a":1}` + "\n" + `[1]` + "\n" + `7` + "\n" + `"s"` + "\n", "a", "1@1", "2:not_an_object 3:not_an_object 4:not_an_object", ""},
		{"a field twice", "x.jsonl", `{"a":1}` + "\n" + `{"a":1,"a":2}` + "\n" + `{"b":{"c":1},"b":{"d":1}}` + "\n", "a,b.c,b.d", "1||@1", "2:field_twice 3:field_twice", ""},
		{"nested too deeply", "x.jsonl", `{"a":1}` + "\n" + deep + "\n" + `{"b":` + strings.Repeat("[", 9999) + "\n", "a", "1@1", "2:nested_too_deep 3:nested_too_deep", ""},
		{"bytes that are no text", "x.jsonl", "{\"a\":\"李四李四\"}\n{\"a\":\"\xff\"}\n{\"a\":\"\\u0000\"}\n{\"a\":\"\\u0007\"}\n{\"a\":\"\\ud800\"}\n{\"a\":\"\x01\"}\n{\"a\":\"\x7f\"}\n", "a", "李四李四@1",
			"2:bad_encoding 3:nul_byte 4:control_byte 5:bad_encoding 6:not_json 7:control_byte", ""},
		{"a value too long", "x.jsonl", `{"a":"x"}` + "\n" + `{"a":"` + strings.Repeat("y", 70_000) + `"}` + "\n", "a", "x@1", "2:field_too_long", ""},
		{"a broken object of an array", "x.json", `[{"a":1},{"a":x},{"a":3}]`, "a", "1@1; 3@1", "1:not_json", ""},
		{"one column without a name", "x.jsonl", `{"":1}` + "\n", "column_1", "1@1", "", ""},

		{"empty array", "x.json", "[]", "", "", "", "holds no object"},
		{"numbers only", "x.json", "[1,2]", "", "", "", "no objects"},
		{"one object around the rows", "x.json", `{"next":null,"data":[{"id":1},{"id":2}]}`, "", "", "", `its field "data"`},
		{"cut off array", "x.json", `[{"a":1},{"a":2}`, "", "", "", "does not end"},
		{"cut off in an object", "x.json", `[{"a":1},{"a":`, "", "", "", "line 1: is no JSON"},
		{"text behind", "x.json", `[{"a":1}] x`, "", "", "", "text follows"},
		{"no comma", "x.json", `[{"a":1} {"a":2}]`, "", "", "", "neither a comma"},
		{"named alike", "x.jsonl", `{"a":1,"A":2}`, "", "", "", "both called"},
		{"a line too long", "x.jsonl", `{"a":1}` + "\n" + `{"a":"` + strings.Repeat("y", 1<<20+1) + `"}` + "\n", "", "", "", "line 2: the object is longer"},
		{"not JSON at all", "x.json", "id,name\n1,a\n", "", "", "", "is no JSON"},
		{"nothing in it", "x.jsonl", "{}\n{}\n", "", "", "", "no field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.file, c.text)
			for _, chunk := range []int{0, 1, 7, 64} {
				cells, rejects, _, err := asText(t, path, Options{Threads: 2}, chunk)
				if c.err != "" {
					if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), c.file) {
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
				if got := strings.Join(cells[0], ","); got != c.columns {
					t.Errorf("columns %q, want %q", got, c.columns)
				}
				if got := strings.Join(rows, "; "); got != c.rows {
					t.Errorf("chunk %d: rows %q, want %q", chunk, got, c.rows)
				}
				if got := strings.Join(rejects, " "); got != c.rejects {
					t.Errorf("chunk %d: rejects %q, want %q", chunk, got, c.rejects)
				}
			}
		})
	}
}

// TestJSONLateField: a field that the sample does not have is left out and counted.
func TestJSONLateField(t *testing.T) {
	var b strings.Builder
	for i := range sampleRows + 5 {
		if i == sampleRows+1 {
			b.WriteString(`{"id":1,"late":2,"deep":{"x":1}}` + "\n")
			continue
		}
		fmt.Fprintf(&b, "{\"id\":%d}\n", i)
	}
	_, _, counts, err := asText(t, write(t, "x.jsonl", b.String()), Options{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Tally{Reason: LateField, Rows: 1, Line: sampleRows + 2}); len(counts.Warnings) != 1 || counts.Warnings[0] != want {
		t.Errorf("warnings %+v, want %+v", counts.Warnings, want)
	}
	if want := []FieldRows{{"late", 1}, {"deep.x", 1}}; !slices.Equal(counts.NewFields, want) {
		t.Errorf("new fields %+v, want %+v", counts.NewFields, want)
	}
	// Who names them reads them.
	cells, _, counts, err := asText(t, write(t, "x.jsonl", b.String()), Options{Fields: []string{"late", "deep.x"}}, 0)
	if err != nil || !slices.Equal(cells[sampleRows+2][:3], []string{"1", "2", "1"}) || len(counts.Warnings) != 0 || counts.NewFields != nil {
		t.Errorf("cells %q, %+v, %v", cells[sampleRows+2], counts.Warnings, err)
	}
}

// TestJSONPacked: the same rows, packed and in other encodings.
func TestJSONPacked(t *testing.T) {
	text := []byte(`{"id":1,"name":"李娜李娜"}` + "\n" + `{"id":2,"name":"b"}` + "\n")
	var gz, zs, wide bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Write(text)
	w.Close()
	z, _ := zstd.NewWriter(&zs)
	z.Write(text)
	z.Close()
	wide.WriteString("\xff\xfe")
	for _, r := range string(text) {
		wide.Write([]byte{byte(r), byte(r >> 8)})
	}
	for name, b := range map[string][]byte{"x.jsonl.gz": gz.Bytes(), "x.ndjson.zst": zs.Bytes(), "x.json": wide.Bytes()} {
		cells, _, _, err := asText(t, write(t, name, string(b)), Options{}, 0)
		if err != nil || len(cells) != 3 || cells[1][1] != "李娜李娜" {
			t.Errorf("%s: %v %v", name, cells, err)
		}
	}
}

// TestJSONSparse: a few fields and many empty objects are no reason to take memory for all of their cells.
func TestJSONSparse(t *testing.T) {
	var b strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&b, "%c\"k%d\":1", "{,"[min(i, 1)], i)
	}
	b.WriteString("}\n" + strings.Repeat("{}\n", 100_000))
	_, _, err := ReadFlat(context.Background(), write(t, "x.jsonl", b.String()), Options{Threads: 1})
	if err == nil || !strings.Contains(err.Error(), "nearly all of it is empty") {
		t.Errorf("error %v", err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("memory %d MiB", m.Sys>>20)
}

// TestJSONIsCSV reads the same orders from both and compares every value.
func TestJSONIsCSV(t *testing.T) {
	dir := t.TempDir()
	lines, rows := filepath.Join(dir, "orders.jsonl"), filepath.Join(dir, "orders.csv")
	writeOrders(t, lines, rows, 30_000)
	a, _, err := ReadFlat(context.Background(), lines, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := ReadFlat(context.Background(), rows, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	sameTable(t, a, b)
}

func sameTable(t *testing.T, a, b *table.Table) {
	t.Helper()
	if a.NRows() != b.NRows() || len(a.Columns) != len(b.Columns) {
		t.Fatalf("%d rows of %d columns, and %d of %d", a.NRows(), len(a.Columns), b.NRows(), len(b.Columns))
	}
	for k, c := range a.Columns {
		if c.Name != b.Columns[k].Name || c.Kind != b.Columns[k].Kind {
			t.Fatalf("column %s is %s, and %s is %s", c.Name, c.Kind, b.Columns[k].Name, b.Columns[k].Kind)
		}
		for i := range c.Len() {
			d := b.Columns[k]
			if c.IsMissing(i) != d.IsMissing(i) || !c.IsMissing(i) && (c.Kind.InCode() && c.String(i) != d.String(i) || !c.Kind.InCode() && c.Float(i) != d.Float(i)) {
				t.Fatalf("%s row %d differs", c.Name, i)
			}
		}
	}
}

// writeOrders writes n orders as lines of JSON and as CSV.
func writeOrders(t testing.TB, lines, rows string, n int) {
	t.Helper()
	var j, c bytes.Buffer
	c.WriteString("order_id,customer_id,ordered_at,amount,city,quantity,note\n")
	cities := []string{"上海", "北京", "Berlin", "New York"}
	for i := range n {
		amount := fmt.Sprintf("%d.%02d", i%900, i%100)
		when := fmt.Sprintf("2024-%02d-%02dT%02d:00:00Z", 1+i%12, 1+i%28, i%24)
		fmt.Fprintf(&j, `{"order_id":"O%07d","customer_id":"C%05d","ordered_at":"%s","amount":%s,"city":"%s","quantity":%d,"note":null}`+"\n", i, i%5000, when, amount, cities[i%4], i%5)
		fmt.Fprintf(&c, "O%07d,C%05d,%s,%s,%s,%d,\n", i, i%5000, when, amount, cities[i%4], i%5)
	}
	for path, b := range map[string][]byte{lines: j.Bytes(), rows: c.Bytes()} {
		if path == "" {
			continue
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzJSONParser: a record is accepted exactly if encoding/json accepts it as an object (the non-finite numbers aside),
// and its text values are those of encoding/json.
func FuzzJSONParser(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":"\u674e","b":{"c":[1,2,{"d":null}]}}`, `{"a":1e5,"b":-0.1}`, `{ "a" : true , "b":false}`, `{"a":"\ud83d\ude00"}`, `{}`, `{"a":01}`, `[1]`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<12 || bytes.Contains(b, []byte("NaN")) || bytes.Contains(b, []byte("Infinity")) {
			return
		}
		root := &jsonNode{place: -1}
		p := &jsonParser{text: bytes.Clone(b), root: root, learn: true, fieldMax: 1 << 20}
		why := p.parse(0, len(b))
		valid := json.Valid(b)
		object := valid && bytes.TrimLeft(b, " \t\r\n")[0] == '{'
		switch why {
		case NotJSON:
			if valid {
				t.Fatalf("%q is sound", b)
			}
			return
		case NotObject:
			if !valid || object {
				t.Fatalf("%q is an object: %v, sound: %v", b, object, valid)
			}
			return
		case TooDeep:
			return
		}
		if !object {
			t.Fatalf("%q was taken as an object (%s)", b, why)
		}
		if why != "" {
			return
		}
		n := 0
		root.walk(func(k *jsonNode) { k.place = n; n++ })
		p = &jsonParser{text: bytes.Clone(b), root: root, cells: make([]span, n), fieldMax: 1 << 20, record: 1 << 40}
		switch why := p.parse(0, len(b)); {
		case why == NULByte || why == ControlByte || why == BadEncoding:
			return // behind an escape, which is looked at only where the value is wanted
		case why != "" || p.late:
			t.Fatalf("%q: %q the second time", b, why)
		}
		var want map[string]any
		if err := json.Unmarshal(b, &want); err != nil {
			return // a number that float64 cannot hold
		}
		for _, k := range root.kids {
			v := p.cells[k.place]
			if s, ok := want[k.name].(string); ok && utf8Sound(b) {
				if got := string(p.text[v.from:v.to]); got != s {
					t.Fatalf("%q: %s is %q, want %q", b, k.name, got, s)
				}
			}
		}
	})
}

func utf8Sound(b []byte) bool { return bytes.Equal(bytes.ToValidUTF8(b, []byte("?")), b) }

// FuzzJSONFile runs any bytes through all three steps, whole and in small chunks.
func FuzzJSONFile(f *testing.F) {
	for _, s := range []string{"{\"a\":1}\n{\"a\":2}\n", `[{"a":1},{"b":"x"}]`, "{\n\"a\":1}\n{\"a\":2}", `[{"a":"\\"},1]`, `{"a":[{}]}`} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || len(b) > 1<<14 {
			return
		}
		for _, name := range []string{"x.json", "x.jsonl"} {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			readAll(t, path, Overrides{})
			whole, rejects, counts, err := asText(t, path, Options{Threads: 1}, 0)
			if err != nil {
				continue
			}
			again, rejectsAgain, countsAgain, err := asText(t, path, Options{Threads: 2}, 3)
			if err != nil || fmt.Sprint(whole, rejects, counts) != fmt.Sprint(again, rejectsAgain, countsAgain) {
				t.Fatalf("%q: %v %v %v in one chunk, %v %v %v %v in many", b, whole, rejects, counts, again, rejectsAgain, countsAgain, err)
			}
		}
	})
}

func BenchmarkJSON(b *testing.B) {
	lines, rows := filepath.Join(b.TempDir(), "orders.jsonl"), filepath.Join(b.TempDir(), "orders.csv")
	writeOrders(b, lines, rows, 200_000)
	for _, path := range []string{lines, rows} {
		b.Run("file="+filepath.Base(path)+",threads=1", func(b *testing.B) {
			info, _ := os.Stat(path)
			b.SetBytes(info.Size())
			b.ReportAllocs()
			for b.Loop() {
				readWhole(b, path, Options{Threads: 1})
			}
		})
	}
}

// readWhole opens, proposes and reads a source, as a load does.
func readWhole(b *testing.B, name string, o Options) {
	b.Helper()
	f, err := Open(name, o)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	p, err := f.Propose(Overrides{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := f.Read(context.Background(), p.Columns, nil, nil); err != nil {
		b.Fatal(err)
	}
}
