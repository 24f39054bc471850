package gbdt_test

import (
	"context"
	"fmt"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/table"
)

// Whoever has not ordered for long leaves, unless they are subscribed.
func Example() {
	days := table.NewColumn("days_since_order", table.Number, 400)
	plan := table.NewColumn("plan", table.Category, 400)
	leaves := model.Outcome{Task: kequn.Binary}
	for i := range 400 {
		subscribed := i%2 == 0
		days.Num = append(days.Num, float64(i/2))
		plan.AppendString(map[bool]string{true: "subscribed", false: "none"}[subscribed])
		leaves.Y = append(leaves.Y, 0)
		if !subscribed && i/2 >= 120 {
			leaves.Y[i] = 1
		}
	}
	customers := table.New(days, plan)
	m, err := gbdt.Learner{Trees: 50, MinRows: 5}.Fit(context.Background(), customers, leaves, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	some := customers.Take([]int32{1, 360, 361})
	chance, _ := m.Predict(some)
	base, reasons, _ := m.(model.Attributor).Attribute(some, 0)
	for i, p := range chance {
		fmt.Printf("%.0f days, %-10s  %.2f   log-odds %.1f = %.1f %+.1f for days %+.1f for plan\n",
			days.Num[[]int{1, 360, 361}[i]], some.Columns[1].String(i), p, base+reasons[2*i]+reasons[2*i+1], base, reasons[2*i], reasons[2*i+1])
	}
	// Output:
	// 0 days, none        0.00   log-odds -6.6 = -4.2 -3.6 for days +1.2 for plan
	// 180 days, subscribed  0.00   log-odds -6.6 = -4.2 +1.8 for days -4.2 for plan
	// 180 days, none        1.00   log-odds 5.3 = -4.2 +5.4 for days +4.2 for plan
}

// A discount never makes a sale less likely, whatever the few rows at the edge say.
func ExampleLearner_monotone() {
	discount := table.NewColumn("discount", table.Number, 200)
	buys := model.Outcome{Task: kequn.Binary}
	for i := range 200 {
		discount.Num = append(discount.Num, float64(i/10))
		buys.Y = append(buys.Y, 0)
		if i%10 < i/25 && i < 190 { // more and more of ten; but nobody at the highest discount
			buys.Y[i] = 1
		}
	}
	for _, l := range []gbdt.Learner{{MinRows: 5, Symmetric: true}, {MinRows: 5, Symmetric: true, Monotone: map[string]int{"discount": 1}}} {
		m, err := l.Fit(context.Background(), table.New(discount), buys, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		chance, _ := m.Predict(table.New(discount).Take([]int32{0, 100, 180, 190}))
		fmt.Printf("%.1f\n", chance)
	}
	// Output:
	// [0.0 0.4 0.6 0.1]
	// [0.0 0.4 0.5 0.5]
}
