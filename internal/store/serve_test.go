package store

import (
	"context"
	"fmt"
	"testing"
)

// A load that is held back is in the newest manifest, but earlier datasets answer; documents are always the newest.
func TestServedData(t *testing.T) {
	ctx := context.Background()
	w := newWorkspace(t, Options{})
	orders := ordersPlan(true)
	commit := func(f func(tx *Tx)) int64 {
		t.Helper()
		tx, err := w.Begin(ctx, "test")
		if err != nil {
			t.Fatal(err)
		}
		f(tx)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		s, err := w.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		return s.Seq()
	}
	served := func() (rows int64, doc string) {
		t.Helper()
		s, err := w.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if s, err = s.Served(); err != nil {
			t.Fatal(err)
		}
		d, _ := s.Dataset("orders")
		b, _ := s.Blob("docs", "note")
		return d.Rows, string(b)
	}
	fill := func(tx *Tx, seed uint64, n int) {
		t.Helper()
		x, err := tx.Load(orders, LoadOptions{File: "f", FileHash: fmt.Sprint(seed), LoadedAt: 1})
		if err != nil {
			t.Fatal(err)
		}
		lines := make([]int64, n)
		if err := x.Append(randomOrders(orders, seed, n, 4), lines); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	good := commit(func(tx *Tx) { fill(tx, 1, 300) })
	first, _ := served()
	commit(func(tx *Tx) { fill(tx, 2, 500); tx.Serve(good) })
	commit(func(tx *Tx) {
		if _, err := tx.PutBlob("docs", "note", []byte("later")); err != nil {
			t.Fatal(err)
		}
	})
	if rows, doc := served(); rows != first || doc != "later" {
		t.Errorf("serves %d rows and the document %q", rows, doc)
	}
	if _, err := w.Collect(ctx, 99); err != nil {
		t.Fatal(err)
	}
	if rows, _ := served(); rows != first {
		t.Errorf("after collecting %d rows are served", rows)
	}
	commit(func(tx *Tx) { tx.Serve(0) })
	if rows, _ := served(); rows <= first {
		t.Errorf("%d rows are served once nothing is held back", rows)
	}
	commit(func(tx *Tx) {
		if err := tx.Revert(good); err != nil {
			t.Fatal(err)
		}
	})
	if rows, doc := served(); rows != first || doc != "later" {
		t.Errorf("after taking the load back: %d rows, %q", rows, doc)
	}
}
