package additive_test

import (
	"context"
	"fmt"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/additive"
	"kequn/internal/table"
)

// Who has not ordered for long leaves; members stay a little longer.
func Example() {
	days := table.NewColumn("days_since_order", table.Number, 800)
	plan := table.NewColumn("plan", table.Category, 800)
	leaves := model.Outcome{Task: kequn.Binary}
	for i := range 800 {
		member, day := i%2 == 0, i*37%100
		days.Num = append(days.Num, float64(day))
		plan.AppendString(map[bool]string{true: "member", false: "none"}[member])
		risk := float64(day) / 100
		if member {
			risk -= 0.2
		}
		leaves.Y = append(leaves.Y, 0)
		if float64(i*61%89)/89 < risk {
			leaves.Y[i] = 1
		}
	}
	customers := table.New(days, plan)
	fitted, err := additive.Learner{Pairs: -1}.Fit(context.Background(), customers, leaves, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	m := fitted.(*additive.Model)
	for _, s := range m.Shapes() {
		fmt.Printf("%s, %.0f %% of all\n", s.Column, 100*s.Importance)
		for i, level := range s.Levels {
			fmt.Printf("  %-6s %+.1f\n", level, s.Cells[i].Value)
		}
		for i := 10; i < len(s.Borders); i += 40 {
			fmt.Printf("  up to %g: %+.1f\n", s.Borders[i], s.Cells[i].Value)
		}
	}
	some := customers.Take([]int32{0, 27})
	margin, _ := m.Margin(some)
	base, parts, _ := m.Attribute(some, 0)
	for i := range margin {
		fmt.Printf("%3.0f days, %s: log-odds %.1f = %.1f %+.1f %+.1f\n", some.Columns[0].Num[i], some.Columns[1].String(i), margin[i], base, parts[2*i], parts[2*i+1])
	}
	// Output:
	// days_since_order, 68 % of all
	//   up to 10.5: -2.3
	//   up to 50.5: -0.1
	//   up to 90.5: +2.7
	// plan, 32 % of all
	//   member -0.8
	//   none   +0.8
	//   0 days, member: log-odds -4.1 = -0.7 -2.6 -0.8
	//  99 days, none: log-odds 3.2 = -0.7 +3.1 +0.8
}
