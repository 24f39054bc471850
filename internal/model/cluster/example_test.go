package cluster_test

import (
	"context"
	"fmt"

	"kequn/internal/model/cluster"
	"kequn/internal/table"
)

func ExampleFind() {
	orders, spend := table.NewColumn("orders", table.Number, 0), table.NewColumn("spend", table.Number, 0)
	for i := range 60 {
		orders.Num = append(orders.Num, float64(1+i%3))
		spend.Num = append(spend.Num, float64(20+i%7))
	}
	for i := range 40 {
		orders.Num = append(orders.Num, float64(12+i%3))
		spend.Num = append(spend.Num, float64(300+10*(i%7)))
	}
	m, group, err := cluster.Find(context.Background(), table.New(orders, spend), cluster.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.K, m.Sizes, group[0], group[99], m.Stability)
	// Output: 2 [60 40] 0 1 1
}

// Two clouds that overlap: a mixture says how sure it is.
func ExampleMixture() {
	var x []float32
	for i := range 300 {
		v := float32(i%20-10) / 5 // from -2 to 1.8
		if i%3 == 0 {
			v += 4
		}
		x = append(x, v)
	}
	g, err := cluster.Mixture{K: 2}.Fit(context.Background(), x, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, at := range []float32{-2, 2, 6} {
		r := g.Responsibilities([]float32{at}, 1)
		fmt.Printf("%2.0f: %.2f %.2f\n", at, r[0], r[1])
	}
	// Output:
	// -2: 1.00 0.00
	//  2: 0.82 0.18
	//  6: 0.00 1.00
}
