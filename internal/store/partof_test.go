package store

import (
	"context"
	"fmt"
	"testing"

	"kequn/internal/table"
)

func TestPartOfFindsEveryCustomer(t *testing.T) {
	w, err := Create(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := w.Begin(context.Background(), "test")
	if err != nil {
		t.Fatal(err)
	}
	key := table.NewColumn(customerColumn, table.Text, 0)
	for i := range 30_000 {
		key.AppendString(fmt.Sprint("C", i))
	}
	if err := tx.PutTable("scores", table.New(key), nil); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	s, err := w.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if s.NParts() < 2 {
		t.Fatalf("%d partitions, too few to tell", s.NParts())
	}
	for p := range s.NParts() {
		part, err := s.Part(context.Background(), p, []table.Want{{Dataset: "scores"}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range part.Customer.Len() {
			if c := part.Customer.String(i); s.PartOf(c) != p {
				t.Fatalf("%s lies in partition %d, PartOf says %d", c, p, s.PartOf(c))
			}
		}
	}
}
