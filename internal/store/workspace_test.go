package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/table"
)

func TestSetsOfDifferentPartitionsAreAligned(t *testing.T) {
	w := newWorkspace(t, Options{})
	o := ordersPlan(false)
	orders := randomOrders(o, 1, 120_000, 3000) // 4 partitions
	load(t, w, o, orders, LoadOptions{})
	e := smallPlan(false)
	e.Name, e.Role = "events", kequn.Events
	events := emptyTable(e)
	for i := range 30_000 { // 2 partitions
		row(events, fmt.Sprintf("C%06d %d %d E%d", (i*7)%4000, i%50, i, i))
	}
	load(t, w, e, events, LoadOptions{})
	c := peoplePlan()
	people := emptyTable(c)
	for i := range 5000 { // 1 partition
		row(people, fmt.Sprintf("C%06d N%d - Ulm", i, i))
	}
	load(t, w, c, people, LoadOptions{})
	load(t, w, c, rowsOf(c, "X1 New - Ulm"), LoadOptions{})
	tx, err := w.Begin(ctx, "scores")
	if err != nil {
		t.Fatal(err)
	}
	who, score := table.NewColumn(customerColumn, table.Text, 0), table.NewColumn("churn", table.Number, 0)
	for i := range 4500 {
		who.AppendString(fmt.Sprintf("C%06d", i))
		score.Num = append(score.Num, float64(i))
	}
	if err := tx.PutTable("scores", table.New(who, score), map[string]string{"goal": "churn"}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, w)
	if s.NParts() != 4 {
		t.Fatalf("%d partitions", s.NParts())
	}
	want := []table.Want{{Dataset: "orders", Columns: []string{"amount"}}, {Dataset: "events", Columns: []string{"amount", "no"}},
		{Dataset: "customers", Columns: []string{"name"}}, {Dataset: "scores", Columns: []string{"churn"}}}
	seen := map[string]bool{}
	var lastHash uint64
	rows := [4]int{}
	for p := range s.NParts() {
		part, err := s.Part(ctx, p, want)
		if err != nil {
			t.Fatal(err)
		}
		for i := range part.Customer.Len() {
			id := part.Customer.String(i)
			if seen[id] {
				t.Fatalf("customer %s is there twice", id)
			}
			seen[id] = true
			if h := customerHash([]byte(id)); h < lastHash {
				t.Fatal("customers are not in the store's order")
			} else {
				lastHash = h
			}
			for k, set := range part.Sets {
				n := int(set.Start[i+1] - set.Start[i])
				rows[k] += n
				switch {
				case k == 2 && id != "X1" && (n != 1 || set.Rows.Columns[0].String(int(set.Start[i])) != fmt.Sprint("N", strings.TrimLeft(id[1:6], "0")+id[6:])):
					t.Fatalf("customer %s has the name %s", id, set.Rows.Columns[0].String(int(set.Start[i])))
				case k == 3 && n == 1 && fmt.Sprintf("C%06d", int(set.Rows.Columns[0].Num[set.Start[i]])) != id:
					t.Fatalf("customer %s has another's score", id)
				}
				// What a caller gets is theirs to change.
				for _, c := range set.Rows.Columns {
					if c.Kind.InCode() {
						c.AppendString("changed")
						c.Code = c.Code[:len(c.Code)-1]
					}
				}
			}
		}
	}
	if rows != [4]int{120_000, 30_000, 5001, 4500} || len(seen) != 5001 {
		t.Errorf("rows %v of %d customers", rows, len(seen))
	}
	tab, meta, err := s.Table("scores")
	if err != nil || tab.NRows() != 4500 || meta["goal"] != "churn" || tab.Columns[0].Name != customerColumn {
		t.Errorf("table of %d rows, %v, %v", tab.NRows(), meta, err)
	}
	if _, err := s.Part(ctx, 0, []table.Want{{Dataset: "none"}}); kequn.KindOf(err) != kequn.KindInput {
		t.Errorf("an unknown dataset: %v", err)
	}
	if _, err := s.Part(ctx, 0, []table.Want{{Dataset: "orders", Columns: []string{"none"}}}); kequn.KindOf(err) != kequn.KindInput {
		t.Errorf("an unknown column: %v", err)
	}
	var group sync.WaitGroup
	for p := range s.NParts() {
		group.Go(func() {
			if _, err := s.Part(ctx, p, want); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestBlobsAndSteps(t *testing.T) {
	w := newWorkspace(t, Options{})
	put := func(f func(*Tx) error) {
		t.Helper()
		tx, err := w.Begin(ctx, "run")
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Abort()
		if err := f(tx); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	blob := func(kind, name, data string) func(*Tx) error {
		return func(tx *Tx) error { _, err := tx.PutBlob(kind, name, []byte(data)); return err }
	}
	put(blob("models", "churn", "one"))
	put(blob("models", "churn", "two"))
	put(blob("receipts", "spring", "r1"))
	put(blob("receipts", "spring", "r2"))
	put(blob("docs", "quality", "{}"))
	seq := snapshot(t, w).Seq()
	put(blob("receipts", "spring", "r1")) // is there already
	s := snapshot(t, w)
	if s.Seq() != seq {
		t.Error("storing what is there made a manifest")
	}
	if b, err := s.Blob("models", "churn"); err != nil || string(b) != "two" || len(s.Blobs("models")) != 1 {
		t.Errorf("the model is %q, %v", b, err)
	}
	if b, err := s.Blob("receipts", "spring"); err != nil || string(b) != "r2" || len(s.Blobs("receipts")) != 2 {
		t.Errorf("the receipt is %q, %v", b, err)
	}
	if _, err := s.Blob("models", "none"); kequn.KindOf(err) != kequn.KindUsage {
		t.Errorf("a missing model: %v", err)
	}
	put(func(tx *Tx) error {
		tx.PutStep("features", Step{Key: "k1", Outputs: []string{"models/churn"}, Facts: []byte("{\n\"rows\": 3}")})
		return nil
	})
	s = snapshot(t, w)
	if st, ok := s.Step("features"); !ok || st.Key != "k1" || string(st.Facts) != `{"rows":3}` {
		t.Errorf("step is %+v", st)
	}
	put(func(tx *Tx) error {
		tx.PutStep("features", Step{Key: "k1", Outputs: []string{"models/churn"}, Facts: []byte(`{"rows":3}`)})
		return nil
	})
	if snapshot(t, w).Seq() != s.Seq() {
		t.Error("the same step made a manifest")
	}
	// A damaged model can be made again, and verify says by which step.
	path := w.path("models", s.Blobs("models")[0].File)
	os.WriteFile(path, []byte("three"), 0o600)
	report, err := w.Verify(ctx, nil)
	if kequn.KindOf(err) != kequn.KindDamaged || fmt.Sprint(report.Rebuild) != "[features]" || !report.Damaged[0].Derived {
		t.Errorf("report %+v, %v", report, err)
	}
	if _, err := s.Blob("models", "churn"); kequn.KindOf(err) != kequn.KindDamaged {
		t.Errorf("a damaged model: %v", err)
	}
	put(blob("models", "churn", "two again"))
	put(blob("models", "churn", "two")) // makes it whole again
	if _, err := w.Collect(ctx, snapshot(t, w).Seq()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Verify(ctx, nil); err != nil {
		t.Error(err)
	}
	if n := len(snapshot(t, w).Blobs("receipts")); n != 2 {
		t.Errorf("%d receipts after collecting", n)
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := w.Lock(ctx, "serve")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := w.Begin(ctx, "load")
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Begin(ctx, "run")
	if kequn.KindOf(err) != kequn.KindBusy || !strings.Contains(err.Error(), "kequn serve") || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("another writer: %v", err)
	}
	if _, err := w.Begin(ctx, "run"); kequn.KindOf(err) != kequn.KindBusy {
		t.Errorf("a second transaction: %v", err)
	}
	if _, err := other.Snapshot(); err != nil {
		t.Errorf("a reader beside the writer: %v", err)
	}
	tx.Abort()
	tx.Abort()
	soon, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	time.AfterFunc(50*time.Millisecond, unlock)
	tx, err = other.Begin(soon, "run")
	if err != nil {
		t.Fatalf("waiting for the lock: %v", err)
	}
	tx.Abort()
	unlock()
}

func TestAbortLeavesNothing(t *testing.T) {
	w := newWorkspace(t, Options{Memory: 1})
	p := smallPlan(false)
	load(t, w, p, rowsOf(p, "a 1 5 N1"), LoadOptions{})
	files := func() (out []string) {
		filepath.WalkDir(w.Dir(), func(path string, e os.DirEntry, _ error) error {
			if !e.IsDir() {
				data, _ := os.ReadFile(path)
				out = append(out, path+hashText(data))
			}
			return nil
		})
		return out
	}
	before := files()
	tx, err := w.Begin(ctx, "load")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tx.Load(p, LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(rowsOf(p, "b 1 5 N2\nc 1 5 N3"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.PutBlob("models", "m", []byte("x")); err != nil {
		t.Fatal(err)
	}
	tx.Abort()
	if after := files(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("files are\n%v, were\n%v", after, before)
	}
}

func TestJobs(t *testing.T) {
	w := newWorkspace(t, Options{})
	if jobs, err := w.Jobs(5); err != nil || len(jobs) != 0 {
		t.Fatal(jobs, err)
	}
	if _, err := os.Stat(w.path("state.db")); err == nil {
		t.Error("state.db was made by asking")
	}
	for i := range 3 {
		id, err := w.StartJob("load")
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			break // cut short
		}
		if err := w.EndJob(id, 3*i, 100); err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := w.Jobs(2)
	if err != nil || len(jobs) != 2 || jobs[0].Status != "running" || jobs[1].Status != "failed" || jobs[1].Exit != 3 || jobs[1].Rows != 100 || jobs[1].Ended.IsZero() {
		t.Errorf("jobs %+v, %v", jobs, err)
	}
	if _, err := w.Verify(ctx, nil); err != nil {
		t.Error(err)
	}
}

func TestOldWorkspacesOpen(t *testing.T) {
	for _, name := range []string{"v1", "v1sealed"} {
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, Folder), os.DirFS(filepath.Join("testdata", name))); err != nil {
			t.Fatal(err)
		}
		got, err := readAll(dir, fixtureOptions())
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata", name+".golden"))
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s reads\n%s\nwant\n%s", name, got, want)
		}
		w, err := Open(dir, fixtureOptions())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Verify(ctx, nil); err != nil {
			t.Error(err)
		}
		// And they can be written on.
		load(t, w, fixturePlan(), rowsOf(fixturePlan(), "u 30 70 Ulm O9"), LoadOptions{LoadedAt: kequn.Instant(40 * day)})
	}
}

func TestANewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(w.path("workspace.json"))
	os.WriteFile(w.path("workspace.json"), bytes.Replace(data, []byte(`"format":1`), []byte(`"format":2`), 1), 0o600)
	if _, err := Open(dir, Options{}); kequn.KindOf(err) != kequn.KindUsage || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("got %v", err)
	}
}

func fixturePlan() plan.Dataset {
	return plan.Dataset{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{
		{Name: "who", Kind: table.Text, Role: kequn.ColCustomer},
		{Name: "day", Kind: table.Time, Role: kequn.ColTime},
		{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2, Currency: "EUR"},
		{Name: "city", Kind: table.Category, Role: kequn.ColCategory},
		{Name: "no", Kind: table.Text, Role: kequn.ColID},
	}}
}

func TestNotedJobsAreListed(t *testing.T) {
	w, err := Create(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Minute)
	for exit, verb := range []string{"load", "run"} {
		if err := w.NoteJob(verb, began, exit); err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := w.Jobs(10)
	if err != nil || len(jobs) != 2 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	if j := jobs[0]; j.Verb != "run" || j.Status != "failed" || j.Exit != 1 || j.Ended.Sub(j.Started) < time.Minute {
		t.Errorf("the newest is %+v", j)
	}
}
