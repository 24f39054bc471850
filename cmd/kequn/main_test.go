package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/text/encoding/simplifiedchinese"

	"kequn/internal/kernel"
	"kequn/internal/store"
	"kequn/internal/vault"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/*.txtar")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kequn": main, "hold": hold})
}

// TestScripts runs testdata/*.txtar: the command line as its users see it. Beyond testscript's own commands there are
//
//	exits CODE kequn ARG…     run the program and demand an exit code
//	json PATH VALUE           the last stdout is one JSON document whose value at PATH (a.0.b, a.len) is VALUE
//	buyers FOLDER N           customers.csv and orders.csv of N made-up customers
//	keep FOLDER NAME          remember every file below a folder: names, bytes and times
//	[!] kept FOLDER NAME      compare with what was remembered
//	identity FILE             a new age identity
//	[!] holds FOLDER WORD     is WORD in any file below, raw, as UTF-16, base64 or hex?
//	flip FILE                 turn one bit in the middle of a file round; FILE may be a pattern
//	swap FILE                 exchange the first two files that match a pattern
//	encode FORM FILE OUT      the file as gzip, gb18030, utf16, crlf, base64, or broken: empty, junk, wide, long, open, torn
//	filter FILE OUT REGEXP    the file without the lines that match
//	replace FILE OLD NEW      edit a file
//	cell FILE CUSTOMER COL V  the value of a customer's column in a CSV file is V
//	union A B ALL             the lines of two lists are disjoint and together a third, sorted
//	rows FILE PATH            as many lines below the header as the last stdout's JSON says
//	hold FOLDER &             another process that holds the writer's lock until it is interrupted
//	waitfor FILE              until it is there
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LANG", "en_US.UTF-8")
			e.Setenv("LC_ALL", "")
			e.Setenv("TZ", "Asia/Tokyo") // no answer may depend on the machine's zone
			e.Values[kept{}] = map[string]string{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "json": jsonValue, "buyers": buyers, "keep": keep, "kept": sameAsKept,
			"identity": identity, "holds": holds, "waitfor": waitFor,
			"encode": encode, "filter": filter, "replace": replace, "cell": cell, "union": union, "rows": rows, "flip": flip, "swap": swap,
		},
	})
}

// hold is a program of its own: the writer of a workspace, for as long as nobody interrupts it.
func hold() {
	w, err := store.Open(os.Args[1], store.Options{})
	if err == nil {
		_, err = w.Lock(context.Background(), "hold")
	}
	if err == nil {
		err = os.WriteFile("held", nil, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	select {
	case <-stop:
	case <-time.After(time.Minute):
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE kequn ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		text := ts.ReadFile(stream)
		if strings.Contains(text, "goroutine ") || strings.Contains(text, "panic") {
			ts.Fatalf("a stack trace on %s", stream)
		}
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] json PATH VALUE")
	}
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		ts.Fatalf("stdout is no JSON document: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		ts.Fatalf("stdout holds more than one JSON document")
	}
	path := args[0]
	for _, name := range strings.Split(path, ".") {
		switch x := doc.(type) {
		case map[string]any:
			v, ok := x[name]
			if !ok {
				ts.Fatalf("%s: there is no %q", path, name)
			}
			doc = v
		case []any:
			if name == "len" {
				doc = len(x)
				continue
			}
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(x) {
				ts.Fatalf("%s: there is no element %q in a list of %d", path, name, len(x))
			}
			doc = x[i]
		default:
			ts.Fatalf("%s: %q is below a value", path, name)
		}
	}
	got := fmt.Sprint(doc)
	if (got == args[1]) == neg {
		ts.Fatalf("%s is %s, want %s", path, got, args[1])
	}
}

// buyers writes a small shop: customers who buy every 5 to 60 days for two years, some of whom leave. Who buys often and
// whose city is Alpha buys on, so that there is something to learn.
func buyers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: buyers FOLDER N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	var customers, orders bytes.Buffer
	customers.WriteString("customer,city,birth_date,email\n")
	orders.WriteString("order_id,customer,time,amount,category\n")
	begin := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	cities, categories := []string{"Alpha", "Beta", "Gamma"}, []string{"tea", "cups", "books", "lamps"}
	order := 0
	for c := range n {
		r := kernel.NewStream(7, uint64(c))
		id, city := fmt.Sprintf("C%05d", c), cities[r.Intn(3)]
		fmt.Fprintf(&customers, "%s,%s,%s,c%d@example.org\n", id, city, begin.AddDate(-20-r.Intn(50), r.Intn(12), r.Intn(28)).Format(time.DateOnly), c)
		pace, leaves := 5+55*r.Float64(), 900.0
		if city != "Alpha" && r.Float64() < 0.6 {
			leaves = 730 * r.Float64()
		}
		for day := 60 * r.Float64(); day < min(730, leaves); day += pace * r.Exp() {
			order++
			at := begin.Add(time.Duration(day * 24 * float64(time.Hour))).Truncate(time.Second)
			fmt.Fprintf(&orders, "%d,%s,%s,%d.%02d,%s\n", order, id, at.Format("2006-01-02 15:04:05"), 5+r.Intn(90), r.Intn(100), categories[r.Intn(4)])
		}
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "customers.csv"), customers.Bytes(), 0o644))
	ts.Check(os.WriteFile(filepath.Join(dir, "orders.csv"), orders.Bytes(), 0o644))
}

// kept is the key of what keep remembers in a script.
type kept struct{}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep FOLDER NAME")
	}
	ts.Value(kept{}).(map[string]string)[args[1]] = filesBelow(ts, args[0])
}

func sameAsKept(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] kept FOLDER NAME")
	}
	before, now := ts.Value(kept{}).(map[string]string)[args[1]], filesBelow(ts, args[0])
	if (before == now) == neg {
		ts.Fatalf("before\n%s\nnow\n%s", before, now)
	}
}

// filesBelow lists files with hash and time, but not the writer's lock, which says who held it last.
func filesBelow(ts *testscript.TestScript, dir string) string {
	var b strings.Builder
	each(ts, dir, func(path string, content []byte) {
		if filepath.Base(path) == "lock" {
			return
		}
		info, err := os.Stat(path)
		ts.Check(err)
		fmt.Fprintf(&b, "%s %x %s\n", path, sha256.Sum256(content), info.ModTime().Format(time.RFC3339Nano))
	})
	return b.String()
}

func each(ts *testscript.TestScript, dir string, f func(path string, content []byte)) {
	ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f(path, content)
		return nil
	}))
}

func identity(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: identity FILE")
	}
	text, err := vault.NewIdentity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

func holds(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] holds FOLDER WORD")
	}
	word := args[1]
	var wide []byte
	for _, u := range utf16.Encode([]rune(word)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	forms := map[string][]byte{"raw": []byte(word), "UTF-16LE": wide, "hex": []byte(hex.EncodeToString([]byte(word)))}
	// Base64 of a word depends on where in a longer text it begins; its ends are cut, where neighbours have a say.
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString(append(make([]byte, shift), word...))
		forms[fmt.Sprintf("base64+%d", shift)] = []byte(text[4 : len(text)-4])
	}
	var found []string
	each(ts, args[0], func(path string, content []byte) {
		low := bytes.ToLower(content)
		for form, b := range forms {
			if bytes.Contains(content, b) || form == "hex" && bytes.Contains(low, b) || strings.Contains(path, word) {
				found = append(found, path+" ("+form+")")
			}
		}
	})
	slices.Sort(found)
	if (len(found) > 0) == neg {
		ts.Fatalf("%q found in: %s", word, strings.Join(found, ", "))
	}
}

func match(ts *testscript.TestScript, pattern string, least int) []string {
	files, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	if len(files) < least {
		ts.Fatalf("%d files match %s, %d are needed", len(files), pattern, least)
	}
	return files
}

func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	path := match(ts, args[0], 1)[0]
	content, err := os.ReadFile(path)
	ts.Check(err)
	content[len(content)/2] ^= 4
	ts.Check(os.WriteFile(path, content, 0o600))
}

func swap(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: swap PATTERN")
	}
	files := match(ts, args[0], 2)
	ts.Check(os.Rename(files[0], files[0]+".away"))
	ts.Check(os.Rename(files[1], files[0]))
	ts.Check(os.Rename(files[0]+".away", files[1]))
}

func encode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: encode FORM FILE OUT")
	}
	text := ts.ReadFile(args[1])
	lines := strings.SplitAfter(text, "\n")
	var out []byte
	switch args[0] {
	case "gzip", "torn":
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := io.WriteString(w, text)
		ts.Check(errors.Join(err, w.Close()))
		if out = b.Bytes(); args[0] == "torn" {
			out = out[:len(out)*2/3]
		}
	case "gb18030":
		s, err := simplifiedchinese.GB18030.NewEncoder().String(text)
		ts.Check(err)
		out = []byte(s)
	case "utf16":
		out = []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(text)) {
			out = append(out, byte(u), byte(u>>8))
		}
	case "base64":
		out = []byte(base64.StdEncoding.EncodeToString([]byte(text)))
	case "crlf": // on every other line, after a byte order mark
		out = []byte("\ufeff")
		for i, l := range lines {
			if i%2 == 0 {
				l = strings.Replace(l, "\n", "\r\n", 1)
			}
			out = append(out, l...)
		}
	case "empty":
	case "junk":
		r := kernel.NewStream(3)
		for range 5000 {
			out = append(out, byte(r.Uint64()))
		}
	case "wide":
		out = []byte(strings.Repeat("c,", 10_000) + "c\n" + strings.Repeat("1,", 10_000) + "1\n")
	case "long":
		out = []byte(strings.Join(lines[:3], "") + strings.Repeat("x", 3<<20) + "\n")
	case "open":
		out = []byte(strings.Join(lines[:3], "") + `9,"8,2023-01-01,1` + "\n" + strings.Repeat("10,8,2023-01-01,1\n", 3000))
	default:
		ts.Fatalf("there is no form %q", args[0])
	}
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[2])), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), out, 0o644))
}

func filter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: filter FILE OUT REGEXP")
	}
	drop, err := regexp.Compile(args[2])
	ts.Check(err)
	lines := slices.DeleteFunc(strings.SplitAfter(ts.ReadFile(args[0]), "\n"), drop.MatchString)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines, "")), 0o644))
}

func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644))
}

func cell(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: cell FILE CUSTOMER COL VALUE")
	}
	records, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	col := slices.Index(records[0], args[2])
	if col < 0 {
		ts.Fatalf("there is no column %s among %s", args[2], strings.Join(records[0], ", "))
	}
	for _, r := range records[1:] {
		if r[0] != args[1] {
			continue
		}
		if r[col] != args[3] {
			ts.Fatalf("%s of %s is %s, want %s", args[2], args[1], r[col], args[3])
		}
		return
	}
	ts.Fatalf("there is no customer %s", args[1])
}

func union(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: union A B ALL")
	}
	list := func(name string) []string { return strings.Fields(ts.ReadFile(name))[1:] }
	both := append(list(args[0]), list(args[1])...)
	slices.Sort(both)
	if all := list(args[2]); !slices.Equal(both, all) {
		ts.Fatalf("%d and %d are not the %d", len(list(args[0])), len(list(args[1])), len(all))
	}
}

func rows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: rows FILE PATH")
	}
	jsonValue(ts, false, []string{args[1], strconv.Itoa(len(strings.Fields(ts.ReadFile(args[0]))) - 1)})
}

// waitFor waits until a file is there.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor FILE")
	}
	path := ts.MkAbs(args[0])
	for range 500 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("%s does not appear", args[0])
}
