package neural_test

import (
	"context"
	"fmt"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/neural"
	"kequn/internal/table"
)

// Two columns that say nothing alone: the outcome is whether they have the same sign.
func Example() {
	const side = 20
	a, b, y := make([]float64, 0, side*side), make([]float64, 0, side*side), make([]float64, 0, side*side)
	for i := range side {
		for j := range side {
			u, v := float64(i)-9.5, float64(j)-9.5
			same := 0.0
			if u*v > 0 {
				same = 1
			}
			a, b, y = append(a, u), append(b, v), append(y, same)
		}
	}
	x := table.New(&table.Column{Name: "a", Num: a}, &table.Column{Name: "b", Num: b})
	m, err := neural.Learner{}.Fit(context.Background(), x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := m.Predict(table.New(&table.Column{Name: "a", Num: []float64{5, 5, -5}}, &table.Column{Name: "b", Num: []float64{5, -5, -5}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range p {
		fmt.Println(v > 0.5)
	}
	// Output:
	// true
	// false
	// true
}
