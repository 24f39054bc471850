package source

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"

	"kequn"
)

// sharedData returns a folder of the shared data beside the repository, or skips the test.
func sharedData(t testing.TB, parts ...string) string {
	t.Helper()
	dir := filepath.Join(append([]string{"..", "..", "..", "shared", "data"}, parts...)...)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("shared data is absent")
	}
	return dir
}

// outcome is what became of a file: accepted with its counts, or refused with an error.
type outcome struct {
	counts Counts
	file   *File
	plan   *Proposal
	err    error
	took   time.Duration
}

// readAll runs a file through all three steps. It fails the test if the counts do not add up, if an error is not the
// kind a user can act on, or if it took long.
func readAll(t testing.TB, path string, o Overrides) (out outcome) {
	t.Helper()
	start := time.Now()
	defer func() {
		out.took = time.Since(start)
		if out.took > 10*time.Second {
			t.Errorf("%s took %v", path, out.took)
		}
		if out.err != nil {
			if kequn.KindOf(out.err) != kequn.KindInput {
				t.Errorf("%s: refused with kind %s: %v", path, kequn.KindOf(out.err), out.err)
			}
			if !strings.Contains(out.err.Error(), filepath.Base(path)) {
				t.Errorf("%s: the refusal does not name the file: %v", path, out.err)
			}
		}
	}()
	f, err := Open(path, Options{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		out.err = err
		return out
	}
	defer f.Close()
	out.file = f
	if out.plan, out.err = f.Propose(o); out.err != nil {
		return out
	}
	var kept, rejected, last int64
	out.counts, out.err = f.Read(context.Background(), out.plan.Columns, func(b *Batch) error {
		kept += int64(b.Table.NRows())
		for _, c := range b.Table.Columns {
			if c.Len() != len(b.Line) {
				t.Fatalf("%s: column %s has %d values for %d rows", path, c.Name, c.Len(), len(b.Line))
			}
		}
		for i := 1; i < len(b.Line); i++ {
			if b.Line[i] < b.Line[i-1] || b.Line[i] == b.Line[i-1] && f.Format != JSON {
				t.Fatalf("%s: line %d after %d", path, b.Line[i], b.Line[i-1])
			}
		}
		return nil
	}, func(r Reject) error {
		rejected++
		if r.Record <= last || r.Line <= 0 || r.Reason == "" {
			t.Fatalf("%s: reject %+v after record %d", path, r, last)
		}
		last = r.Record
		return nil
	})
	if c := out.counts; out.err == nil && (c.Read != c.Kept+c.Rejected || c.Kept != kept || c.Rejected != rejected) {
		t.Errorf("%s: counted %+v, saw %d kept and %d rejected", path, c, kept, rejected)
	}
	return out
}

// TestBadInput runs every file of the collection of files that broke other readers. None may crash, hang, take more than
// a gibibyte or lose a row in silence.
func TestBadInput(t *testing.T) {
	root := sharedData(t, "badinput")
	type tally struct{ accepted, refused int }
	tallies := map[string]*tally{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".py" {
			return err
		}
		folder := filepath.Base(filepath.Dir(path))
		if tallies[folder] == nil {
			tallies[folder] = &tally{}
		}
		out := readAll(t, path, Overrides{})
		if out.err != nil {
			tallies[folder].refused++
		} else {
			tallies[folder].accepted++
		}
		if os.Getenv("KEQUN_VERBOSE") != "" {
			words := "refused"
			if out.err == nil {
				words = fmt.Sprintf("%q header=%v skip=%d %d columns, %d read, %d rejected %v", out.file.Dialect.Delimiter, out.file.Dialect.Header,
					out.file.Dialect.Skip, len(out.file.Columns), out.counts.Read, out.counts.Rejected, out.counts.Reasons)
			}
			fmt.Println(folder, filepath.Base(path), words, out.err)
		}
		if strings.HasPrefix(filepath.Base(path), "n_") && out.err == nil {
			t.Errorf("%s: broken JSON was accepted", path)
		}
		if strings.HasPrefix(filepath.Base(path), "y_object") && out.err != nil && !strings.Contains(out.err.Error(), "no field") &&
			!strings.Contains(out.err.Error(), "field is there twice") && !strings.Contains(out.err.Error(), "is one object") {
			t.Errorf("%s: sound JSON was refused: %v", path, out.err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for n := range tallies {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		t.Logf("%-24s accepted %3d  refused %3d  crashed 0", n, tallies[n].accepted, tallies[n].refused)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 1<<30 {
		t.Errorf("memory grew to %d MiB", m.Sys>>20)
	}
	t.Logf("memory %d MiB", m.Sys>>20)
}

// expectation is one entry of the generator's EXPECTED.json.
type expectation struct {
	Expect string
	Why    string
	Total  int64
	Rows   map[string][2]string
}

// generated makes the hostile files, or skips the test.
func generated(t testing.TB, big bool) (dir string, expect map[string]expectation) {
	t.Helper()
	script := filepath.Join(sharedData(t, "badinput", "gen"), "gen_hostile.py")
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is absent")
	}
	dir = t.TempDir()
	args := []string{script, dir}
	if big {
		args = append(args, "--big")
	}
	if out, err := exec.Command(python, args...).CombinedOutput(); err != nil {
		t.Skipf("the generator does not run here: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "EXPECTED.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &expect); err != nil {
		t.Fatal(err)
	}
	return dir, expect
}

// TestHostile checks every labelled row of the generated files. Duplicates and unknown customers are found by those who
// see other rows and files, so the rows labelled with them may be kept here.
func TestHostile(t *testing.T) {
	dir, expect := generated(t, os.Getenv("KEQUN_BIG") != "")
	for name, e := range expect {
		t.Run(name, func(t *testing.T) {
			out := readAll(t, filepath.Join(dir, name), Overrides{})
			err := out.err
			if err == nil {
				err = out.plan.Problem()
			}
			switch e.Expect {
			case "reject-file":
				if err == nil {
					t.Errorf("accepted, though: %s", e.Why)
				} else {
					t.Log(err)
				}
				return
			case "accept":
				if err != nil {
					t.Errorf("refused (%v), though: %s", err, e.Why)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if e.Total > 0 && out.counts.Read != e.Total {
				t.Errorf("read %d records of %d", out.counts.Read, e.Total)
			}
			checkLabels(t, filepath.Join(dir, name), out.plan, e)
		})
	}
}

func checkLabels(t *testing.T, path string, plan *Proposal, e expectation) {
	f, err := Open(path, Options{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rejected := map[string]Reject{}
	counts, err := f.Read(context.Background(), plan.Columns, nil, func(r Reject) error {
		r.Raw = nil
		rejected[fmt.Sprint(r.Record+1)] = r
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for line, label := range e.Rows {
		r, is := rejected[line]
		elsewhere := strings.Contains(label[1], "duplicate")
		if want := label[0] == "reject" && !elsewhere; is != want {
			t.Errorf("record %s (%s): rejected %v, want %v: %+v", line, label[1], is, want, r)
		}
		delete(rejected, line)
	}
	for line, r := range rejected {
		if len(e.Rows) == 0 {
			break // either way will do
		}
		t.Errorf("record %s has no label but is rejected: %+v", line, r)
	}
	t.Log(counts.Reasons)
	t.Log(counts.Warnings)
}
