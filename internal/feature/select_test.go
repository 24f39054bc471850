package feature_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"kequn"
	"kequn/internal/feature"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/query"
	"kequn/internal/table"
)

// people is a table in which two columns tell of the outcome, others repeat them, and the rest is noise; each person has four rows.
func people(n int) (*table.Table, model.Outcome, []int64, []int32) {
	r := kernel.NewStream(5)
	names := []string{"recency", "spend", "recency_in_weeks", "spend_rank", "constant", "always_missing"}
	for i := range 30 {
		names = append(names, fmt.Sprint("noise_", i))
	}
	x := &table.Table{}
	for _, name := range names {
		x.Columns = append(x.Columns, &table.Column{Name: name, Num: make([]float64, n)})
	}
	y, group, rows := make([]float64, n), make([]int64, n), make([]int32, n)
	own := make([]float64, len(names)) // noise that stays with a person
	for i := range n {
		rows[i], group[i] = int32(i), int64(i/4)
		if i%4 == 0 {
			for j := range own {
				own[j] = r.Norm()
			}
		}
		recency, spend := r.Norm(), r.Norm()
		for j, v := range []float64{recency, spend, recency / 7, math.Exp(spend), 3, math.NaN()} {
			x.Columns[j].Num[i] = v
		}
		for j := 6; j < len(names); j++ {
			x.Columns[j].Num[i] = own[j]
		}
		if r.Float64() < 1/(1+math.Exp(-1.2*recency-math.Abs(spend)+1)) {
			y[i] = 1
		}
	}
	return x, model.Outcome{Task: kequn.Binary, Y: y}, group, rows
}

func TestSelect(t *testing.T) {
	x, y, group, rows := people(6000)
	var defs []query.Feature
	for i, c := range x.Columns {
		n := query.AttrOf("customers", c.Name, query.Number)
		if i == 0 { // longer than its double
			n = query.Apply(query.Mul, query.Number, n, query.Num(7))
		}
		defs = append(defs, query.Feature{Name: c.Name, Node: n})
	}
	s := feature.Selector{Learner: gbdt.Learner{Trees: 40, Leaves: 15, ColumnShare: .5}, Seed: 3, Threads: 2}
	got, err := s.Select(context.Background(), x, y, rows, group, defs)
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]feature.Dropped{}
	for _, d := range got.Dropped {
		why[d.Name] = d
	}
	for name, want := range map[string]feature.Dropped{
		"recency": {Name: "recency", Reason: feature.Duplicate, Like: "recency_in_weeks"}, "spend_rank": {Name: "spend_rank", Reason: feature.Duplicate, Like: "spend"},
		"constant": {Name: "constant", Reason: feature.Constant}, "always_missing": {Name: "always_missing", Reason: feature.Constant},
	} {
		if why[name] != want {
			t.Errorf("%s: %+v, want %+v", name, why[name], want)
		}
	}
	noise := 0
	for _, d := range got.Dropped {
		if d.Reason == feature.Nothing {
			noise++
		}
		for _, lang := range []kequn.Lang{kequn.Chinese, kequn.English} {
			if d.Words(lang) == "" {
				t.Errorf("%s has no words", d.Name)
			}
		}
	}
	if noise < 25 || !slices.Contains(got.Kept, "recency_in_weeks") || !slices.Contains(got.Kept, "spend") {
		t.Errorf("kept %v", got.Kept)
	}
	s.Threads = 1
	again, err := s.Select(context.Background(), x, y, rows, group, defs)
	if err != nil || !slices.Equal(again.Kept, got.Kept) || !slices.Equal(again.Dropped, got.Dropped) {
		t.Error("threads change the answer")
	}

	// What the selection is not shown does not matter.
	half := rows[:3000]
	first, err := s.Select(context.Background(), x, y, half, group, defs)
	if err != nil {
		t.Fatal(err)
	}
	for i := 3000; i < 6000; i++ {
		y.Y[i] = 1 - y.Y[i]
		for _, c := range x.Columns {
			c.Num[i] = float64(i)
		}
	}
	second, err := s.Select(context.Background(), x, y, half, group, defs)
	if err != nil || !slices.Equal(first.Dropped, second.Dropped) {
		t.Error("rows that judge change the answer")
	}
}

// Where nothing tells of the outcome, or too few rows do, nothing is taken away for that.
func TestSelectKeepsWhatItCannotTell(t *testing.T) {
	x, y, group, rows := people(400)
	s := feature.Selector{Learner: gbdt.Learner{Trees: 20, Leaves: 7}, Threads: 2}
	got, err := s.Select(context.Background(), x, y, rows, group, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range got.Dropped {
		if d.Reason == feature.Nothing {
			t.Errorf("%s dropped by %d rows", d.Name, len(rows))
		}
	}
	clear(y.Y)
	if got, err = s.Select(context.Background(), x, y, rows, group, nil); err != nil || len(got.Kept) < 30 {
		t.Errorf("one outcome: %v, %v", got, err)
	}
	if got, err = s.Select(context.Background(), x, y, nil, group, nil); err != nil || len(got.Kept) != 0 {
		t.Errorf("no rows: %v, %v", got, err)
	}
}
