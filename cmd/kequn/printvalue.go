package main

import (
	"fmt"
	"io"
	"strings"

	"kequn/internal/pipeline"
)

// printLifetime writes how customers come, leave and spend, as a count's or an amount's lifetime models see it.
func (a *app) printLifetime(w io.Writer, all []pipeline.LifetimeFacts) {
	for i, f := range all {
		if i == 0 {
			fmt.Fprintf(w, a.say("客户生命周期（%s 位客户，其中 %s 位复购；按天计，括号内为 90%% 区间）：\n", "customer lifetimes (%s customers, %s of them came again; per day, 90 %% intervals in brackets):\n"), count(f.Customers), count(f.Buyers))
		}
		parts := make([]string, len(f.Parameters))
		for k, p := range f.Parameters {
			parts[k] = fmt.Sprintf("%s %.4g [%.4g–%.4g]", p.Name, p.Value, p.Low, p.High)
			if p.Loose {
				parts[k] = fmt.Sprintf(a.say("%s %.4g（数据无法确定）", "%s %.4g (the data do not hold it)"), p.Name, p.Value)
			}
		}
		name := string(f.Process)
		if f.K > 1 {
			name = fmt.Sprintf("%s, k = %d", name, f.K)
		}
		fmt.Fprintf(w, "  %s: %s\n", name, strings.Join(parts, ", "))
	}
	if len(all) > 0 {
		for _, n := range all[0].Notes {
			fmt.Fprintf(w, "  %s\n", n)
		}
	}
}

// printOutlook writes what the lifetime model says of one customer.
func (a *app) printOutlook(w io.Writer, o *pipeline.Outlook) {
	if o != nil {
		fmt.Fprintf(w, a.say("  仍是客户的概率 %s，预计 %.2f 天有购买，预计值 %.2f，中位数 %.2f\n", "  still a customer: %s; days with an order: %.2f; expected: %.2f, median %.2f\n"), percent(o.Alive), o.Orders, o.Value, o.Median)
	}
}
