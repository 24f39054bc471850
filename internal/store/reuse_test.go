package store

import (
	"strings"
	"testing"

	"kequn"
	"kequn/internal/table"
)

// A source may empty its dictionaries and fill them anew for each batch, as the one of Parquet does: a customer's rows then
// carry other codes in each batch, and all of them are his.
func TestDictionariesAreUsedAgain(t *testing.T) {
	p := ordersPlan(false)
	all, batch := emptyTable(p), emptyTable(p)
	w := newWorkspace(t, Options{})
	tx, err := w.Begin(ctx, "load")
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Abort()
	l, err := tx.Load(p, LoadOptions{LoadedAt: 800 * kequn.Instant(day)})
	if err != nil {
		t.Fatal(err)
	}
	for b := range 4 {
		one := randomOrders(p, uint64(b), 300, 150)
		for i, c := range batch.Columns {
			c.Reset()
			if c.Dict != nil {
				c.Dict.Reset()
			}
			if err := table.New(c).Append(table.New(one.Columns[i])); err != nil {
				t.Fatal(err)
			}
		}
		if err := all.Append(one); err != nil {
			t.Fatal(err)
		}
		lines := make([]int64, 300)
		for i := range lines {
			lines[i] = int64(300*b + i)
		}
		if err := l.Append(batch, lines); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	got := scan(t, snapshot(t, w), table.Want{Dataset: "orders", Columns: allColumns})
	if len(got) != 1200 {
		t.Fatalf("%d rows", len(got))
	}
	for i := range got {
		got[i] = got[i][:strings.LastIndex(got[i], " ")] // the _time that comes behind
	}
	equalLines(t, got, expected(all, "who", "when", allColumns))
}
