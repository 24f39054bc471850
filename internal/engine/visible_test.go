package engine_test

import (
	"slices"
	"testing"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/table"
)

func TestVisible(t *testing.T) {
	times := func(name string, v ...int64) *table.Column {
		c := table.NewColumn(name, table.Time, 0)
		c.Int = v
		return c
	}
	id := table.NewColumn(engine.IDColumn, table.Text, 0)
	for _, s := range []string{"a", "a", "b", "", "a"} {
		if s == "" {
			id.AppendMissing()
		} else {
			id.AppendString(s)
		}
	}
	set := &table.Set{Start: []int32{0, 4, 5}, Rows: table.New(
		times(engine.TimeColumn, 10, 12, 20, 30, 10), times(engine.KnownColumn, 10, 40, 25, 30, 10), id,
		times(engine.GoneColumn, 0, 0, 0, 0, 1), times(engine.SeqColumn, 1, 5, 2, 3, 4))}
	for _, c := range []struct {
		before int64
		late   bool
		ids    bool
		want   []int32
	}{
		{11, false, false, []int32{0, 4}},
		{30, false, false, []int32{0, 1, 2, 4}}, // at the cutoff is the future
		{31, false, false, []int32{0, 1, 2, 3, 4}},
		{25, true, false, []int32{0, 4}},   // 12 is known at 40, 20 at 25
		{41, true, true, []int32{1, 2, 3}}, // the newer version of a; another customer's a was taken back
		{40, true, true, []int32{0, 2, 3}},
	} {
		d := &engine.Dataset{Late: c.late, Versioned: c.ids}
		if got := engine.Visible(d, set, kequn.Cutoff(c.before)); !slices.Equal(got, c.want) {
			t.Errorf("before %d, late %v, ids %v: rows %v, want %v", c.before, c.late, c.ids, got, c.want)
		}
	}
}
