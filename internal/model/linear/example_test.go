package linear_test

import (
	"context"
	"fmt"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/linear"
	"kequn/internal/table"
)

// The line y = 3x + 2, found from five points.
func Example() {
	x := table.New(&table.Column{Name: "x", Num: []float64{0, 1, 2, 3, 4}})
	y := model.Outcome{Task: kequn.Regression, Y: []float64{2, 5, 8, 11, 14}}
	m, err := linear.Learner{L2: 1e-9}.Fit(context.Background(), x, y, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range m.(*linear.Model).Coefficients() {
		fmt.Printf("%s %s %.3f\n", c.Kind, c.Column, c.Value)
	}
	// Output:
	// intercept  2.000
	// slope x 3.000
}
