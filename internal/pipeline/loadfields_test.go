package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kequn"
)

// TestLoadNewFields: a field that comes after an export's first rows is named with its rows and what to do, and doing that reads it.
func TestLoadNewFields(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "orders.jsonl")
	var b strings.Builder
	for i := range 10_050 {
		more := ""
		if i >= 10_020 {
			more = `,"coupon":"SPRING"`
		}
		fmt.Fprintf(&b, `{"order_id":"O%d","customer_id":"C%d","ordered_at":"2024-01-%02dT10:00:00Z","amount":%d%s}`+"\n", i, i%50, 1+i%28, 1+i%7, more)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	load := func(l kequn.Lang) LoadedFile {
		t.Helper()
		s, err := Create(Options{Dir: work, Lang: l})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		res, err := s.Load(context.Background(), LoadFlags{Files: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		return res.Datasets[0]
	}
	if got := strings.Join(load(kequn.English).Notes, "; "); !strings.Contains(got, "coupon (30 rows)") || !strings.Contains(got, "kequn.yaml") {
		t.Errorf("notes %q", got)
	}
	plan := filepath.Join(work, "kequn.yaml")
	text, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), "      amount:", "      coupon: {kind: text, role: category}\n      amount:", 1)
	if err := os.WriteFile(plan, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := load(kequn.Chinese); got.Name != "orders" || got.Kept != 30 || got.Corrected != 30 || got.Duplicate != 10_020 || len(got.Notes) != 0 {
		t.Errorf("with the column: %+v", got)
	}
}
