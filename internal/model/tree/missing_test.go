package tree_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

// Where only it matters whether there is a value, one question finds it, and the leaves hold what they were counted to hold.
func TestWhetherThereIsAValue(t *testing.T) {
	s := kernel.NewStream(4)
	x := &table.Column{Name: "rating"}
	y := model.Outcome{Task: kequn.Binary}
	for range 2000 {
		v, rate := s.Norm(), 0.1
		if s.Bool(0.4) {
			v, rate = math.NaN(), 0.8
		}
		yes := 0.0
		if s.Bool(rate) {
			yes = 1
		}
		x.Num, y.Y = append(x.Num, v), append(y.Y, yes)
	}
	m, err := tree.Learner{MaxLeaves: 2, NoPrune: true}.Fit(context.Background(), table.New(x), y, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Predict(table.New(x))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range x.Num {
		if want := map[bool]float64{true: 0.8, false: 0.1}[math.IsNaN(v)]; math.Abs(p[i]-want) > 0.05 {
			t.Fatalf("value %v scores %v, want about %v", v, p[i], want)
		}
	}
	rules := strings.Join(m.(model.Ruler).Rules(kequn.English), "\n")
	if !strings.Contains(rules, "rating is missing") || !strings.Contains(rules, "rating is known") {
		t.Error(rules)
	}
}
