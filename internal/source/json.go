package source

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"kequn"
)

// jsonFile is what opening a JSON file found out.
type jsonFile struct {
	shape jsonShape
	root  *jsonNode // its fields; place is the column
}

// isJSON tells whether text is to be read as JSON: by how it begins, or by the file's name.
func isJSON(path string, text []byte) bool {
	return looksJSON(bytes.TrimLeft(text[:min(len(text), 64<<10)], " \t\r\n")) || jsonName(path)
}

// openJSON finds how the objects follow each other, what fields they have, and a sample.
//
// The columns are the fields of the first 10,000 objects. An object within an object gives its fields with its name
// before theirs (customer.id); an array is one value, its text.
func (f *File) openJSON(text []byte, final bool) error {
	f.Format = JSON
	f.Dialect = Dialect{Header: true}
	f.json = &jsonFile{root: &jsonNode{place: -1}}
	f.json.shape = shapeOf(f.Path, text, final, f.opt.Limits.Field)

	records, flaw, err := f.jsonRecords(text, final)
	if err != nil {
		return err
	}
	p := &jsonParser{text: text[:len(text):len(text)], root: f.json.root, learn: true, fieldMax: len(text)}
	sound := records[:0]
	first := NotJSON
	for i, r := range records {
		why := p.parse(r.from, r.to)
		if i == 0 {
			first = why
		}
		if p.nodes > 4*f.opt.Limits.Columns {
			return f.tooManyColumns("more than " + fmt.Sprint(f.opt.Limits.Columns))
		}
		if why == "" && utf8.Valid(text[r.from:r.to]) {
			sound = append(sound, r)
		}
	}
	if len(sound) == 0 {
		if flaw != "" {
			return kequn.Errorf(kequn.KindInput, f.Path, "is no JSON: %s", flaw).WithHint("give one object a line, or an array of objects")
		}
		return f.noObject(len(records), first)
	}
	if f.json.shape != jsonArray && len(records) == 1 && final {
		for _, k := range f.json.root.kids {
			if k.rows {
				return kequn.Errorf(kequn.KindInput, f.Path, "is one object; its rows seem to lie in its field %q", k.name).
					WithHint("write them one a line: jq -c '.[%q][]' %s > rows.jsonl", k.name, f.name())
			}
		}
	}
	for _, field := range f.opt.Fields {
		f.json.root.want(field)
	}
	var names []string
	f.json.root.walk(func(n *jsonNode) {
		if n.value || n.null && len(n.kids) == 0 {
			n.place = len(names)
			names = append(names, n.path)
		}
	})
	if len(names) == 0 {
		return kequn.Errorf(kequn.KindInput, f.Path, "its objects have no field").WithHint("a row needs at least one field, for example {\"customer_id\": \"C1\"}")
	}
	if len(names) > f.opt.Limits.Columns {
		return f.tooManyColumns(fmt.Sprint(len(names)))
	}
	if err := f.nameColumns(names); err != nil {
		return err
	}
	f.sampleJSON(text, sound, final)
	if f.Encoding != "" && f.Encoding != "utf-8" {
		f.Notes = append(f.Notes, "the text is in "+f.Encoding)
	}
	return nil
}

// want makes a field a column that the first objects need not have.
func (n *jsonNode) want(field string) {
	found := false
	n.walk(func(k *jsonNode) {
		if k.path == field {
			k.value, found = true, true
		}
	})
	if found {
		return
	}
	for name := range strings.SplitSeq(field, ".") {
		kid := n.kid([]byte(name))
		if kid == nil {
			kid = n.add(name)
		}
		n = kid
	}
	n.value = true
}

// noObject refuses a file without a sound object among its first records.
func (f *File) noObject(n int, first Reason) error {
	switch {
	case n == 0:
		return kequn.Errorf(kequn.KindInput, f.Path, "holds no object").WithHint("give one object a line, or an array of objects")
	case first == NotObject:
		return kequn.Errorf(kequn.KindInput, f.Path, "holds JSON, but no objects").WithHint("a row is an object that names its fields: {\"customer_id\": \"C1\", \"amount\": 20}")
	}
	return kequn.Errorf(kequn.KindInput, f.Path, "looks like JSON, but no object of it can be read: the first is %s", first.Words(kequn.English)).
		WithHint("check it with: jq . %s", f.name())
}

// shapeOf tells how objects follow each other: by the first character, and by whether the first line with anything on it
// is an object by itself.
func shapeOf(path string, text []byte, final bool, field int) jsonShape {
	start := bytes.TrimLeft(text, " \t\r\n")
	if len(start) > 0 && start[0] == '[' {
		// A line such as [1,2] in a file of lines is one bad line.
		if ext := jsonExt(path); ext != ".jsonl" && ext != ".ndjson" || !firstLineEnds(start) {
			return jsonArray
		}
	}
	p := &jsonParser{root: &jsonNode{}, fieldMax: len(text), learn: true}
	tries := 1
	if ext := jsonExt(path); ext == ".jsonl" || ext == ".ndjson" {
		tries = 100
	}
	for rest := text; tries > 0 && len(rest) > 0; tries-- {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		rest = after
		if len(bytes.TrimSpace(line)) == 0 {
			tries++
			continue
		}
		p.text = line
		if why := p.parse(0, len(line)); why != NotJSON && why != NotObject && (whole || final) {
			return jsonLines
		}
		if !whole && !final {
			return jsonLines // one line, longer than the sample: the limit will say so
		}
	}
	return jsonStream
}

// firstLineEnds tells whether a first line that begins with a bracket is a value by itself and others follow.
func firstLineEnds(text []byte) bool {
	line, rest, _ := bytes.Cut(text, []byte{'\n'})
	to, whole := jsonExtent(line, 0, false)
	return whole && len(bytes.TrimSpace(line[to:])) == 0 && len(bytes.TrimSpace(rest)) > 0
}

// jsonRecords finds the records of the sample. flaw says why the text cannot be cut on; what came before stands.
func (f *File) jsonRecords(text []byte, final bool) (records []jsonPiece, flaw string, err error) {
	cutter := &jsonCutter{shape: f.json.shape, line: 1}
	for pos := 0; pos < len(text) && len(records) < sampleRows; {
		p := cutter.next(text, pos, final)
		if p.trouble != "" {
			return records, fmt.Sprintf("line %d: %s", p.line, p.trouble), nil
		}
		if p.next < 0 {
			if len(text)-pos > f.opt.Limits.Record {
				return nil, "", f.jsonTooLong(cutter.line)
			}
			break
		}
		if p.from >= 0 {
			if p.to-p.from > f.opt.Limits.Record {
				return nil, "", f.jsonTooLong(p.line)
			}
			records = append(records, p)
		}
		pos = p.next
	}
	return records, "", nil
}

// sampleJSON takes the cells of the sound records.
func (f *File) sampleJSON(text []byte, records []jsonPiece, final bool) {
	width := len(f.Columns)
	want := min(len(records), max(10, (1<<20)/width))
	out := &sample{width: width}
	p := &jsonParser{text: text[:len(text):len(text)], root: f.json.root, fieldMax: f.opt.Limits.Field, record: 1 << 40}
	for _, r := range records[:want] {
		first := len(out.cells)
		for range width {
			out.cells = append(out.cells, span{})
		}
		p.cells = out.cells[first:]
		if p.parse(r.from, r.to) != "" {
			out.cells = out.cells[:first]
			continue
		}
		out.rows++
	}
	out.text = p.text
	out.all = final && want == len(records) && len(records) < sampleRows
	f.sample = out
}

// jsonExt returns the ending of a JSON file's name without its packing, or "".
func jsonExt(path string) string {
	name := strings.ToLower(path)
	for _, ext := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, ext)
	}
	switch ext := filepath.Ext(name); ext {
	case ".json", ".jsonl", ".ndjson", ".geojson", ".geojsonl":
		return ext
	}
	return ""
}

func jsonName(path string) bool { return jsonExt(path) != "" }
