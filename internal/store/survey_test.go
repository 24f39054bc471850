package store

import (
	"slices"
	"testing"

	"kequn/internal/table"
)

// Numbers come back as they were, whichever encoding their first row group chose.
func TestEncodingsKeepNumbers(t *testing.T) {
	n := 2*groupRows + 5000
	make64 := func(f func(i int64) int64) []int64 {
		v := make([]int64, n)
		for i := range v {
			v[i] = f(int64(i))
		}
		return v
	}
	const day = 86400 * 1000000
	for _, c := range []struct {
		name string
		v    []int64
		few  bool
		step int64
	}{
		{"days", make64(func(i int64) int64 { return (i*7919%730 - 300) * day }), true, day},
		{"seconds", make64(func(i int64) int64 { return i * 7919 % 86400 * 1e6 }), false, 1e6},
		{"cents", make64(func(i int64) int64 { return i * 7919 % 100003 }), false, 1},
		{"extremes", make64(func(i int64) int64 { return []int64{-1, 0, 1<<63 - 1, -1<<63 + 1, table.Missing}[i%5] }), true, 1},
		{"few at first", make64(func(i int64) int64 { return i / groupRows * i }), true, 0},
		{"all missing", make64(func(int64) int64 { return table.Missing }), true, 0},
	} {
		var p partWriter
		if few, step := p.survey(c.v[:groupRows]); few != c.few || step != c.step {
			t.Errorf("%s: few %v and step %d, want %v and %d", c.name, few, step, c.few, c.step)
		}
		w := newWorkspace(t, Options{})
		tx, err := w.Begin(ctx, "test")
		if err != nil {
			t.Fatal(err)
		}
		tab := table.New(&table.Column{Name: "x", Kind: table.Integer, Int: c.v})
		if err := tx.PutTable("numbers", tab, nil); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		got, _, err := snapshot(t, w).Table("numbers")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Column("x").Int, c.v) {
			t.Errorf("%s: other numbers came back", c.name)
		}
	}
}
