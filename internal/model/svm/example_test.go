package svm_test

import (
	"context"
	"fmt"
	"math"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/svm"
	"kequn/internal/table"
)

// A ring around a disk: no line separates them.
func Example() {
	var x, y, ring []float64
	for i := range 200 {
		angle, radius := float64(i), 1.0
		if i%2 == 0 {
			radius = 2
		}
		x, y = append(x, radius*math.Cos(angle)), append(y, radius*math.Sin(angle))
		ring = append(ring, radius-1)
	}
	t := table.New(&table.Column{Name: "x", Num: x}, &table.Column{Name: "y", Num: y})
	for _, kernel := range []int{svm.Linear, svm.RBF} {
		m, err := svm.Learner{Kernel: kernel}.Fit(context.Background(), t, model.Outcome{Task: kequn.Binary, Y: ring}, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		p, _ := m.Predict(t)
		right := 0
		for i := range p {
			if (p[i] > 0.5) == (ring[i] == 1) {
				right++
			}
		}
		fmt.Printf("%d of %d right\n", right, len(p))
	}
	// Output:
	// 100 of 200 right
	// 200 of 200 right
}
