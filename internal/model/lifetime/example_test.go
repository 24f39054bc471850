package lifetime_test

import (
	"context"
	"fmt"

	"kequn/internal/model/lifetime"
)

// A shop's orders by day, summarised in weeks; then what to expect of two customers in the next half year.
func Example() {
	var all []lifetime.Summary
	for i := range 400 {
		days := []int32{int32(i % 50)}
		for gap := int32(5 + i%37); i%3 > 0 && days[len(days)-1]+gap < int32(60+i*7%240); gap += int32(i % 11) {
			days = append(days, days[len(days)-1]+gap)
		}
		amounts := make([]float64, len(days))
		for j := range amounts {
			amounts[j] = float64(20 + (i*13+j*7)%40)
		}
		s, err := lifetime.Summarise(days, amounts, 300, lifetime.Week)
		if err != nil {
			panic(err)
		}
		all = append(all, s)
	}
	m, err := lifetime.Fit(context.Background(), all, lifetime.Options{Process: lifetime.BGNBD})
	if err != nil {
		panic(err)
	}
	for _, s := range []lifetime.Summary{
		{Repeats: 6, Recency: 40, Age: 41, Spend: 45},
		{Repeats: 6, Recency: 12, Age: 41, Spend: 45},
	} {
		p := m.Expect(s, 26)
		fmt.Printf("alive %.2f, orders %.1f (%g to %g), spend %.0f\n", p.Alive, p.Orders.Mean, p.Orders.Low, p.Orders.High, p.Spend.Mean)
	}
	// Output:
	// alive 0.84, orders 2.4 (0 to 6), spend 94
	// alive 0.01, orders 0.0 (0 to 0), spend 1
}
