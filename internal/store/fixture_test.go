package store

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"kequn"
	"kequn/internal/table"
	"kequn/internal/vault"
)

var makeFixture = flag.String("fixture", "", "make the workspace of this name in testdata, which must not be there: v1, v1sealed")

// The passphrase of the sealed fixture is "fixture".
func fixtureOptions() Options {
	return Options{Secret: func() (*vault.Secret, error) { return vault.Passphrase([]byte("fixture"), 10) }}
}

// TestMakeFixture makes a kept workspace once, when a format is new. Kept workspaces are never changed.
func TestMakeFixture(t *testing.T) {
	if *makeFixture == "" {
		t.Skip("no -fixture")
	}
	dir := t.TempDir()
	w, err := Create(dir, Options{})
	if *makeFixture == "v1sealed" {
		secret, _ := fixtureOptions().Secret()
		w, err = InitKey(t.TempDir(), secret, Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	p := fixturePlan()
	load(t, w, p, rowsOf(p, "u 1 1050 Ulm O1\nv 2 -200 Köln O2\nu 3 5 - O3\nw 1 99 上海 O4"), LoadOptions{File: "orders.csv", FileHash: "00", LoadedAt: kequn.Instant(10 * day)})
	load(t, w, p, rowsOf(p, "v 1 1050 Ulm O1\nx 9 7 Rom O5"), LoadOptions{LoadedAt: kequn.Instant(20 * day)})
	c := peoplePlan()
	load(t, w, c, rowsOf(c, "u Uwe u@example.org Ulm\nv Vera - Köln"), LoadOptions{LoadedAt: kequn.Instant(10 * day)})
	tx, err := w.Begin(ctx, "run")
	if err != nil {
		t.Fatal(err)
	}
	who := table.NewColumn(customerColumn, table.Text, 0)
	who.AppendString("v")
	if err := tx.PutTable("segments", table.New(who), map[string]string{"k": "1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.PutBlob("models", "churn", []byte("a model")); err != nil {
		t.Fatal(err)
	}
	tx.PutStep("model", Step{Key: "k", Outputs: []string{"models/churn"}})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	os.Remove(w.path("lock"))
	os.Remove(w.path("tmp"))
	to := filepath.Join("testdata", *makeFixture)
	if err := os.CopyFS(to, os.DirFS(w.Dir())); err != nil {
		t.Fatal(err)
	}
	got, err := readAll(filepath.Dir(w.Dir()), fixtureOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+".golden", []byte(got), 0o600); err != nil {
		t.Fatal(err)
	}
}
