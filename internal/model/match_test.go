package model_test

import (
	"slices"
	"strings"
	"testing"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Whatever the order of the columns and whatever lies between them, each is found by its name.
func TestMatcherFindsColumnsByName(t *testing.T) {
	var want []model.Column
	x := &table.Table{}
	for _, name := range []string{"a", "b", "between", "c", "d", "z"} {
		c := table.NewColumn(name, table.Number, 1)
		c.Num = append(c.Num, float64(name[0])+float64(len(name)))
		x.Columns = append(x.Columns, c)
		if name != "between" {
			want = append(want, model.Column{Name: name, Kind: table.Number})
		}
	}
	m := model.NewMatcher(want)
	s := kernel.NewStream(1)
	for range 50 {
		in, err := m.Match(x)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range in.Columns {
			if c.Name != want[i].Name || c.Num[0] != float64(c.Name[0])+1 {
				t.Fatalf("column %d is %s with %v, want %s", i, c.Name, c.Num[0], want[i].Name)
			}
		}
		s.Shuffle(len(x.Columns), func(i, j int) { x.Columns[i], x.Columns[j] = x.Columns[j], x.Columns[i] })
	}
	in, _ := m.Match(x)
	if again, err := m.Match(in); again != in || err != nil {
		t.Fatal("a table that fits is not given back", err)
	}
	short := &table.Table{Columns: slices.DeleteFunc(slices.Clone(x.Columns), func(c *table.Column) bool { return c.Name == "c" })}
	if _, err := m.Match(short); err == nil || !strings.Contains(err.Error(), "c") {
		t.Fatal("a missing column is not named:", err)
	}
}
