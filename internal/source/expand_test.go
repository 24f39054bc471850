package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.csv", "a.jsonl.gz", "c.XLSX", "notes.md", ".hidden.csv", "~$c.xlsx", "odd[1].csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.MkdirAll(filepath.Join(dir, "sub", "empty"), 0o700)
	for _, c := range []struct{ in, files, passed, err string }{
		{"@", "a.jsonl.gz b.csv c.XLSX odd[1].csv", "notes.md sub", ""},
		{"@/*.csv", "b.csv odd[1].csv", "", ""},
		{"@/*", "a.jsonl.gz b.csv c.XLSX notes.md odd[1].csv", "", ""},
		{"@/.h*", ".hidden.csv", "", ""},
		{"@/b.csv @/*.csv @/./b.csv", "b.csv odd[1].csv", "", ""},
		{"@/odd[1].csv", "odd[1].csv", "", ""},
		{"@/none.csv", "none.csv", "", ""},
		{"@/c.XLSX#S2", "c.XLSX#S2", "", ""},
		{"postgres://h/d?table=a*b", "postgres://h/d?table=a*b", "", ""},
		{"@/*.parquet", "", "", "no file fits"},
		{"@/[", "", "", "cannot be read"},
		{"@/sub/*", "", "", "no file fits"},
		{"@/sub", "", "", "holds no table"},
	} {
		files, passed, err := Expand(strings.Fields(strings.ReplaceAll(c.in, "@", dir)))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.in, err, c.err)
			}
			continue
		}
		short := func(list []string) string {
			for i := range list {
				list[i] = strings.TrimPrefix(filepath.Clean(list[i]), dir+"/")
			}
			return strings.Join(list, " ")
		}
		if c.in[0] == 'p' {
			if err != nil || files[0] != c.files {
				t.Errorf("%s: %v %v", c.in, files, err)
			}
			continue
		}
		if got := short(files); err != nil || got != c.files || short(passed) != c.passed {
			t.Errorf("%s: files %q, passed %q, %v; want %q and %q", c.in, got, passed, err, c.files, c.passed)
		}
	}
}
