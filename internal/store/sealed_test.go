package store

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/table"
	"kequn/internal/vault"
)

func peoplePlan() plan.Dataset {
	return plan.Dataset{Name: "customers", Role: kequn.Customers, Columns: []plan.Column{
		{Name: "id", Kind: table.Text, Role: kequn.ColCustomer},
		{Name: "name", Kind: table.Text, Role: kequn.ColName},
		{Name: "mail", Kind: table.Text, Role: kequn.ColEmail},
		{Name: "city", Kind: table.Category, Role: kequn.ColCategory},
	}}
}

func TestPersonalValuesLieInTheVault(t *testing.T) {
	p := peoplePlan()
	for _, sealed := range []bool{false, true} {
		w := newWorkspace(t, Options{})
		if sealed {
			w = sealedWorkspace(t, Options{})
		}
		load(t, w, p, rowsOf(p, "1 Ann a@x.org Ulm\n2 Bob b@x.org Bonn\n3 - - Rom"), LoadOptions{LoadedAt: 1})
		load(t, w, p, rowsOf(p, "1 Anna a@x.org Ulm\n4 Ann d@x.org Ulm"), LoadOptions{LoadedAt: 2})
		for range 9 { // enough layers to be merged
			load(t, w, p, rowsOf(p, fmt.Sprintf("%d Cid c@x.org Köln", 100+snapshot(t, w).Seq())), LoadOptions{LoadedAt: 3})
		}
		s := snapshot(t, w)
		for customer, want := range map[string]string{"1": "map[mail:a@x.org name:Anna]", "2": "map[mail:b@x.org name:Bob]", "3": "map[]", "4": "map[mail:d@x.org name:Ann]", "5": "map[]", "102": "map[mail:c@x.org name:Cid]"} {
			got, err := s.Personal(ctx, customer)
			if err != nil || fmt.Sprint(got) != want {
				t.Errorf("sealed %v: customer %s is %v, %v; want %s", sealed, customer, got, err, want)
			}
		}
		lines := strings.Join(scan(t, s, table.Want{Dataset: "customers", Columns: []string{"name", "mail"}}), "\n")
		if got := strings.Contains(lines, "Bob"); got == sealed {
			t.Errorf("sealed %v: parts hold the clear name: %v", sealed, got)
		}
		if sealed {
			if n := strings.Count(lines, w.keys.Pseudonym("name", "Ann")); n != 2 {
				t.Errorf("equal names have %d equal pseudonyms, want 2", n)
			}
		}
	}
}

// canaries are values whose appearance anywhere would show.
var canaries = []string{"canary-Ωmega-customer", "canary.mail@example.org", "canary note 上海 text", "canary-city"}

// forms are the ways in which a canary may lie about.
func forms(s string) [][]byte {
	u := utf16.Encode([]rune(s))
	var le, be []byte
	for _, x := range u {
		le = append(le, byte(x), byte(x>>8))
		be = append(be, byte(x>>8), byte(x))
	}
	out := [][]byte{[]byte(s), le, be, []byte(hex.EncodeToString([]byte(s))), []byte(strings.ToUpper(hex.EncodeToString([]byte(s))))}
	// Base64 of the text at each of three offsets, without the characters that depend on its neighbours.
	for k := range 3 {
		e := base64.StdEncoding.EncodeToString(append(make([]byte, k), s...))
		out = append(out, []byte(e[4*((k+2)/3):len(e)-4]))
	}
	return out
}

var needles = sync.OnceValue(func() (out [][]byte) {
	for _, c := range canaries {
		out = append(out, forms(c)...)
	}
	return out
})

// leaks looks for canaries in bytes, and in what they unpack to.
func leaks(data []byte) (found []string) {
	look := func(data []byte, how string) {
		for i, f := range needles() {
			if bytes.Contains(data, f) {
				found = append(found, fmt.Sprintf("needle %d%s", i, how))
			}
		}
	}
	look(data, "")
	for _, magic := range []struct {
		bytes  string
		unpack func([]byte) []byte
	}{
		{"\x28\xb5\x2f\xfd", func(b []byte) []byte {
			r, err := zstd.NewReader(bytes.NewReader(b))
			if err != nil {
				return nil
			}
			defer r.Close()
			out, _ := io.ReadAll(io.LimitReader(r, 1<<24))
			return out
		}},
		{"\x1f\x8b", func(b []byte) []byte {
			r, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				return nil
			}
			out, _ := io.ReadAll(io.LimitReader(r, 1<<24))
			return out
		}},
	} {
		for at := 0; ; {
			i := bytes.Index(data[at:], []byte(magic.bytes))
			if i < 0 {
				break
			}
			at += i
			look(magic.unpack(data[at:]), " packed")
			at++
		}
	}
	if n, err := s2.DecodedLen(data); err == nil && n < 1<<24 {
		if out, err := s2.Decode(nil, data); err == nil {
			look(out, " in S2")
		}
	}
	return found
}

// watched is the disk, looking at every byte that is written while it is written.
type watched struct {
	disk
	mu    sync.Mutex
	found []string
	files int
}

func (w *watched) create(name string) (writeFile, error) {
	f, err := w.disk.create(name)
	w.mu.Lock()
	w.files++
	w.mu.Unlock()
	return &watchedFile{f, w, name}, err
}

type watchedFile struct {
	writeFile
	w    *watched
	name string
}

func (f *watchedFile) Write(p []byte) (int, error) {
	if found := leaks(p); len(found) > 0 {
		f.w.mu.Lock()
		f.w.found = append(f.w.found, filepath.Base(f.name)+": "+found[0])
		f.w.mu.Unlock()
	}
	return f.writeFile.Write(p)
}

// plant loads canaries in every kind of place, with so little memory that everything spills.
func plant(t *testing.T, w *Workspace) {
	p := peoplePlan()
	people := emptyTable(p)
	o := ordersPlan(true)
	orders := emptyTable(o)
	for i := range 300 {
		people.Columns[0].AppendString(fmt.Sprint(canaries[0], i))
		people.Columns[1].AppendString(canaries[2])
		people.Columns[2].AppendString(fmt.Sprint(i, canaries[1]))
		people.Columns[3].AppendString(canaries[3])
		row(orders, fmt.Sprintf("X %d 100 X 1 1.5 1 X N%d", i, i))
		for k, c := range map[int]string{0: canaries[0], 3: canaries[3], 7: canaries[2], 8: fmt.Sprint(canaries[1], i)} {
			col := orders.Columns[k]
			col.Code = col.Code[:i]
			col.AppendString(c)
		}
	}
	for range 2 {
		load(t, w, p, people, LoadOptions{File: canaries[0], FileHash: "h", LoadedAt: 1})
		load(t, w, o, orders, LoadOptions{File: canaries[1], LoadedAt: 1})
		orders.Columns[2].Int[5]++
	}
	tx, err := w.Begin(ctx, "run")
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Abort()
	if _, err := tx.PutBlob("models", canaries[3], []byte(strings.Repeat(canaries[2], 100))); err != nil {
		t.Fatal(err)
	}
	who := table.NewColumn(customerColumn, table.Text, 0)
	who.AppendString(canaries[0])
	if err := tx.PutTable("segments", table.New(who), map[string]string{"note": canaries[1]}); err != nil {
		t.Fatal(err)
	}
	tx.PutStep(canaries[0], Step{Key: canaries[1], Facts: []byte(`{"x":"` + canaries[3] + `"}`)})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, inMemory := w.fs.(*memoryFS); inMemory {
		return
	}
	id, err := w.StartJob("load")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.EndJob(id, 0, 300); err != nil {
		t.Fatal(err)
	}
}

func TestNothingReadableTouchesTheDisk(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		fs := &watched{}
		secret, err := vault.Passphrase([]byte("correct horse"), 10)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		o := Options{Memory: 1, files: fs}
		var w *Workspace
		if sealed {
			w, err = InitKey(dir, secret, o)
		} else {
			w, err = Create(dir, o)
		}
		if err != nil {
			t.Fatal(err)
		}
		plant(t, w)
		found := fs.found
		n := 0
		err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			n++
			data, err := os.ReadFile(path)
			found = append(found, leaks(data)...)
			found = append(found, leaks([]byte(e.Name()))...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case fs.files < 20 || n < 10:
			t.Errorf("only %d files were written, %d are left: nothing spilled?", fs.files, n)
		case sealed && len(found) > 0:
			t.Errorf("%d canaries, for example %v", len(found), found[:min(3, len(found))])
		case !sealed && len(found) < 10:
			t.Errorf("the search finds only %d canaries where nothing is sealed", len(found))
		}
	}
}

func TestWrongKeysAndMissingKeysAreRefused(t *testing.T) {
	dir := t.TempDir()
	pass := func(p string) Options {
		return Options{Secret: func() (*vault.Secret, error) { return vault.Passphrase([]byte(p), 10) }}
	}
	secret, _ := pass("right").Secret()
	w, err := InitKey(dir, secret, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := smallPlan(false)
	load(t, w, p, rowsOf(p, "a 1 5 N1"), LoadOptions{})
	if w, err := Open(dir, pass("right")); err != nil || !w.Sealed() {
		t.Fatalf("the right key: %v", err)
	}
	for _, o := range []Options{pass("wrong"), {}} {
		if _, err := Open(dir, o); kequn.KindOf(err) != kequn.KindDamaged {
			t.Errorf("got %v, want an error of kind damaged", err)
		}
	}
	if _, err := InitKey(dir, secret, Options{}); kequn.KindOf(err) != kequn.KindUsage {
		t.Errorf("a second key: %v", err)
	}
	// The keyring of another workspace opens with the same passphrase, and yet none of the files.
	other := t.TempDir()
	if _, err := InitKey(other, secret, Options{}); err != nil {
		t.Fatal(err)
	}
	keys, _ := os.ReadFile(filepath.Join(other, Folder, "keys.age"))
	os.WriteFile(filepath.Join(dir, Folder, "keys.age"), keys, 0o600)
	if _, err := Open(dir, pass("right")); kequn.KindOf(err) != kequn.KindDamaged {
		t.Errorf("a keyring of another workspace: %v", err)
	}
	os.Remove(filepath.Join(dir, Folder, "keys.age"))
	if _, err := Open(dir, pass("right")); kequn.KindOf(err) != kequn.KindDamaged || !strings.Contains(err.Error(), "keys.age") {
		t.Errorf("without the keyring: %v", err)
	}
}

func TestUnsealedDataAreNotSealedAfterwards(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := vault.Passphrase([]byte("x"), 10)
	p := smallPlan(false)
	load(t, w, p, rowsOf(p, "a 1 5 N1"), LoadOptions{})
	if _, err := InitKey(dir, secret, Options{}); kequn.KindOf(err) != kequn.KindUsage {
		t.Fatalf("got %v, want an error of kind usage", err)
	}
	if _, err := os.Stat(filepath.Join(dir, Folder, "keys.age")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused key init left a keyring")
	}
	if _, err := Open(filepath.Join(dir, "none"), Options{}); kequn.KindOf(err) != kequn.KindUsage {
		t.Errorf("a missing workspace: %v", err)
	}
}

// readAll reads everything a workspace holds, as a user would.
func readAll(dir string, o Options) (string, error) {
	w, err := Open(dir, o)
	if err != nil {
		return "", err
	}
	s, err := w.Snapshot()
	if err != nil {
		return "", err
	}
	out := ""
	for p := range s.NParts() {
		var want []table.Want
		for _, d := range s.Datasets() {
			var names []string
			for _, c := range d.Columns {
				names = append(names, c.Name)
			}
			want = append(want, table.Want{Dataset: d.Name, Columns: names})
		}
		part, err := s.Part(ctx, p, want)
		if err != nil {
			return "", err
		}
		for _, set := range part.Sets {
			for i := range set.Rows.NRows() {
				out += dump(set.Rows, i) + "\n"
			}
		}
		for i := range part.Customer.Len() {
			who, err := s.Personal(ctx, part.Customer.String(i))
			if err != nil {
				return "", err
			}
			out += fmt.Sprint(who)
		}
	}
	for _, b := range s.Blobs("models") {
		data, err := s.ReadBlob(b)
		if err != nil {
			return "", err
		}
		out += string(data)
	}
	for _, i := range s.Tables() {
		tab, meta, err := s.Table(i.Name)
		if err != nil {
			return "", err
		}
		out += fmt.Sprint(tab.NRows(), meta)
	}
	return out, nil
}

// Every flipped bit, cut, swap and removal is either found by verify, which names the file, or changes nothing that is
// read; and reading never gives anything else than the truth or an error of kind damaged.
func TestDamageIsFoundAndNamed(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		secret, _ := vault.Passphrase([]byte("x"), 1)
		mem := newMemoryFS()
		o := Options{files: mem, Memory: 1, Secret: func() (*vault.Secret, error) { return secret, nil }}
		dir := "mem"
		var w *Workspace
		var err error
		if sealed {
			w, err = InitKey(dir, secret, o)
		} else {
			w, err = Create(dir, o)
		}
		if err != nil {
			t.Fatal(err)
		}
		plant(t, w)
		want, err := readAll(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		for name := range mem.now {
			files = append(files, name)
		}
		slices.Sort(files)
		flips := 0
		for k, path := range files {
			good := mem.now[path]
			for how := range 5 {
				bad := bytes.Clone(good.data)
				switch how {
				case 0, 1, 2:
					at := []int{0, len(bad) / 2, len(bad) - 2}[how]
					bad[at] ^= 1 << (k % 7)
				case 3:
					bad = bad[:len(bad)*2/3]
				case 4:
					bad = nil
				}
				if bad == nil {
					delete(mem.now, path)
				} else {
					mem.now[path] = &memNode{data: bad}
				}
				flips++
				rel, _ := filepath.Rel(w.Dir(), path)
				got, err := readAll(dir, o)
				if err == nil && got != want {
					t.Fatalf("sealed %v, %s damaged (%d): read something else", sealed, rel, how)
				}
				if err != nil && kequn.KindOf(err) != kequn.KindDamaged && rel != "workspace.json" && !strings.Contains(err.Error(), "format") {
					t.Fatalf("sealed %v, %s damaged (%d): %v", sealed, rel, how, err)
				}
				if v, err2 := Open(dir, o); err2 == nil {
					report, err2 := v.Verify(ctx, nil)
					noticed := err2 != nil && len(report.Damaged) > 0
					if named := noticed && strings.Contains(fmt.Sprint(report.Damaged), filepath.ToSlash(rel)); !named && (rel != "head" || how < 4) && rel != "workspace.json" {
						t.Fatalf("sealed %v, %s damaged (%d): verify says %v, %v", sealed, rel, how, report.Damaged, err2)
					}
				} else if rel != "keys.age" && rel != "workspace.json" && rel != "head" && !strings.HasPrefix(rel, "manifests") {
					t.Fatalf("sealed %v, %s damaged (%d): open says %v", sealed, rel, how, err2)
				}
				mem.now[path] = good
			}
		}
		if got, err := readAll(dir, o); err != nil || got != want {
			t.Fatalf("put back, it reads otherwise: %v", err)
		}
		t.Logf("sealed %v: %d damages of %d files", sealed, flips, len(files))
	}
}

func TestSwappedPartsAndRollbacksAreRefused(t *testing.T) {
	w := sealedWorkspace(t, Options{})
	p := smallPlan(false)
	load(t, w, p, rowsOf(p, "a 1 5 N1"), LoadOptions{})
	load(t, w, p, rowsOf(p, "a 1 6 N2\nb 1 6 N3"), LoadOptions{})
	d := snapshot(t, w).m.Datasets[0]
	// A part under another's name fails by its checksum; with the checksum forged, by the identity bound to its pages.
	q := d.Parts[0]
	other := d.Parts[len(d.Parts)-1]
	if q.ID == other.ID {
		load(t, w, p, rowsOf(p, "z 1 6 N9"), LoadOptions{})
		other = snapshot(t, w).m.Datasets[0].Parts[1]
	}
	forged := q
	forged.ID, forged.Bytes, forged.Rows = other.ID, other.Bytes, other.Rows
	if _, err := w.openPart(forged); kequn.KindOf(err) != kequn.KindDamaged {
		t.Errorf("a swapped part: %v", err)
	}
	// The newest manifest taken away: the head remembers.
	seq := snapshot(t, w).Seq()
	path := w.path("manifests", manifestName(seq))
	data, _ := os.ReadFile(path)
	os.Remove(path)
	if _, err := w.Snapshot(); kequn.KindOf(err) != kequn.KindDamaged {
		t.Errorf("a rollback: %v", err)
	}
	os.WriteFile(path, data, 0o600)
	if _, err := w.Snapshot(); err != nil {
		t.Error(err)
	}
}
