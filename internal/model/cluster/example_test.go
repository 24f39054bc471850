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
