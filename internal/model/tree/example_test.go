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

func ExampleForest() {
	x := &table.Column{Name: "visits"}
	y := model.Outcome{Task: kequn.Binary}
	for i := range 400 {
		x.Num = append(x.Num, float64(i%20))
		bought := 0.0
		if i%20 >= 10 || i%7 == 0 {
			bought = 1
		}
		y.Y = append(y.Y, bought)
	}
	m, err := tree.Forest{Trees: 50}.Fit(context.Background(), table.New(x), y, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := m.Predict(table.New(&table.Column{Name: "visits", Num: []float64{3, 15}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	facts := m.(*tree.ForestModel).OutOfBag()
	fmt.Println(p[0] < 0.4, p[1] > 0.9, facts.Loss < facts.BaseLoss)
	// Output: true true true
}

func ExampleRuleList() {
	visits, plan := &table.Column{Name: "visits"}, table.NewColumn("plan", table.Category, 600)
	y := model.Outcome{Task: kequn.Regression}
	for i := range 600 {
		visits.Num = append(visits.Num, float64(i%10))
		plan.AppendString([]string{"free", "basic", "gold"}[i%3])
		switch {
		case i%3 == 2:
			y.Y = append(y.Y, 90)
		case i%10 >= 6:
			y.Y = append(y.Y, 30)
		default:
			y.Y = append(y.Y, 10)
		}
	}
	m, err := tree.RuleList{}.Fit(context.Background(), table.New(visits, plan), y, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rule := range m.(model.Ruler).Rules(kequn.English) {
		fmt.Println(rule)
	}
	// Output:
	// if plan is gold, then predicts 89.52 (33.3 % of training rows)
	// else if visits > 5.5, then predicts 30.15 (26.7 % of training rows)
	// else, then predicts 10.26 (40.0 % of training rows)
}
