package tree_test

import (
	"context"
	"fmt"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

func Example() {
	x := table.New(&table.Column{Name: "visits", Num: []float64{0, 1, 1, 2, 5, 6, 7, 9}})
	y := model.Outcome{Task: kequn.Regression, Y: []float64{10, 10, 10, 10, 50, 50, 50, 50}}
	m, err := tree.Learner{MinLeaf: 2, NoPrune: true, Smoothing: 1e-9}.Fit(context.Background(), x, y, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rule := range m.(model.Ruler).Rules(kequn.English) {
		fmt.Println(rule)
	}
	// Output:
	// if visits ≤ 3.5, then predicts 10 (50.0 % of training rows)
	// if visits > 3.5, then predicts 50 (50.0 % of training rows)
}
