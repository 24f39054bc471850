package enginetest

import (
	"fmt"
	"testing"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/rule"
	"kequn/internal/table"
)

// crowd is two thousand customers of whom one is a robot with thousands of rows, a tenth of the rows known late and some
// corrected: enough to fill the blocks, batches or pages of any engine.
func crowd() []Rows {
	r := kernel.NewStream(11)
	who, at, known := table.NewColumn(engine.CustomerColumn, table.Text, 0), table.NewColumn(engine.TimeColumn, table.Time, 0), table.NewColumn(engine.KnownColumn, table.Time, 0)
	id, basket, product, amount, value := table.NewColumn(engine.IDColumn, table.Text, 0), table.NewColumn("basket", table.Text, 0), table.NewColumn("product_id", table.Text, 0),
		table.NewColumn("amount", table.Money, 0), table.NewColumn("value", table.Number, 0)
	amount.Scale = 2
	gone := table.NewColumn(engine.GoneColumn, table.Bool, 0)
	row := func(c string, n int) {
		who.AppendString(c)
		t := int64(r.Intn(400*1440)) * int64(minute)
		at.Int = append(at.Int, t)
		if r.Bool(.1) {
			t += int64(r.Intn(30*1440)) * int64(minute)
		}
		known.Int = append(known.Int, t)
		id.AppendString(fmt.Sprint(c, "/", n-r.Intn(2)*r.Intn(2)))
		gone.Int = append(gone.Int, int64(r.Intn(60)/59))
		basket.AppendString(fmt.Sprint("b", r.Intn(40)))
		product.AppendString(fmt.Sprint("p", r.Intn(300)))
		amount.Int = append(amount.Int, int64(r.Intn(10_000)-500))
		if r.Bool(.05) {
			value.AppendMissing()
		} else {
			value.Num = append(value.Num, r.Norm())
		}
	}
	for c := range 2000 {
		for n := range r.Poisson(6) {
			row(fmt.Sprint("c", c), n)
		}
	}
	for n := range 6000 {
		row("robot", n)
	}
	keys, department := table.NewColumn("product_id", table.Text, 0), table.NewColumn("department", table.Category, 0)
	for p := range 280 {
		keys.AppendString(fmt.Sprint("p", p))
		department.AppendString(fmt.Sprint("d", p%7))
	}
	columns := []plan.Column{{Name: "basket", Kind: table.Text, Role: kequn.ColOrder}, {Name: "product_id", Kind: table.Text, Role: kequn.ColItem},
		{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2}, {Name: "value", Kind: table.Number, Role: kequn.ColAttribute}}
	return []Rows{
		{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: "orders", Role: kequn.Orders, Columns: columns}}, Table: table.New(who, at, known, id, gone, basket, product, amount, value)},
		{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: "products", Role: kequn.Lookup, Columns: []plan.Column{{Name: "product_id", Kind: table.Text, Role: kequn.ColKey},
			{Name: "department", Kind: table.Category, Role: kequn.ColCategory}}}}, Table: table.New(keys, department)},
	}
}

func crowdRequest() engine.Request {
	r := engine.Request{}
	for _, d := range []int{100, 250, 399} {
		r.Cutoffs = append(r.Cutoffs, kequn.Instant(d*1440)*minute)
	}
	fns := []struct {
		fn     query.Fn
		column string
	}{{query.Count, ""}, {query.Sum, "amount"}, {query.Mean, "value"}, {query.SD, "value"}, {query.MinOf, "value"}, {query.MaxOf, "amount"}, {query.Distinct, "product_id"},
		{query.Distinct, "amount"}, {query.Entropy, "product_id.department"}, {query.ModeShare, "product_id"}, {query.First, "value"}, {query.Last, "value"}, {query.DaysFirst, ""}, {query.DaysLast, ""},
		{query.ActiveDays, ""}, {query.GapMean, ""}, {query.GapSD, ""}, {query.Slope, "value"}, {query.Weekend, ""}, {query.Night, ""}, {query.HourMean, ""}, {query.Sessions, ""},
		{query.GapLast, ""}, {query.GapRecent, ""}, {query.GapMax, ""}, {query.SessionMinutes, ""}, {query.SessionLongest, ""}, {query.SessionsWith, ""}, {query.SessionsEnding, ""},
		{query.HourEntropy, ""}, {query.WeekdayEntropy, ""}, {query.MonthTurn, ""}, {query.SameMonth, ""}, {query.SameQuarter, ""}, {query.Fresh, "product_id"}, {query.Fresh, "amount"},
		{query.OrderMean, "amount"}, {query.OrderSD, "value"}, {query.OrderMax, "amount"}, {query.OrderLast, "value"}, {query.OrderSlope, "amount"}, {query.OrderSingle, ""},
		{query.OrderDistinct, "product_id.department"}, {query.OrderDistinct, "amount"}, {query.Answered, ""}, {query.Unanswered, ""}}
	food := query.Apply(query.In, query.Bool, query.FieldOf("product_id.department", query.Text), query.Str("d1"), query.Str("d2"))
	for i, f := range fns {
		for _, days := range []int{30, 0} {
			a := query.Agg{Dataset: "orders", Fn: f.fn, Column: f.column, Window: query.Window{Span: kequn.Days(days)}}
			if i%2 == days%4/2 {
				a.Where = food
			}
			switch hit, then := f.fn.Needs(); {
			case hit:
				a.Hit = query.Apply(query.Gt, query.Bool, query.FieldOf("value", query.Number), query.Num(.5))
			case then:
				a.Then, a.Within = &query.Step{Dataset: "orders", Where: query.Apply(query.Not, query.Bool, food)}, kequn.Days(2)
			}
			r.Features = append(r.Features, query.Feature{Name: fmt.Sprint(f.fn, f.column, days), Node: query.AggOf(a, query.Number)})
		}
	}
	r.Features = append(r.Features, query.Feature{Name: "top", Node: query.AggOf(query.Agg{Dataset: "orders", Fn: query.Mode, Column: "product_id.department"}, query.Text)})
	r.Outcomes = []engine.Outcome{{Name: "next", Node: query.AggOf(query.Agg{Dataset: "orders", Fn: query.Sum, Column: "amount", Window: query.Window{Span: kequn.Days(30), Ahead: true}}, query.Number)}}
	return r
}

// exerciseCrowd compares some of the crowd with the plain evaluator, and all of it across partitions and threads.
func exerciseCrowd(t *testing.T, e engine.Engine) {
	sets, r := crowd(), crowdRequest()
	r.Threads = 1
	m := NewMemory(1, sets...)
	one := collect(t, e, m, r)
	many := r
	many.Threads = 3
	equal(t, r, one, collect(t, e, NewMemory(5, crowd()...), many))
	for i, c := range plainCustomers(m) {
		if i%97 != 0 && c.ID != "robot" {
			continue
		}
		for k, cutoff := range r.Cutoffs {
			w := referee(m, r, k)
			a, ok := one[cell{c.ID, int32(k)}]
			if ok != there(w, r, &c) {
				t.Errorf("%s at %s: in the population %t", c.ID, cutoff, ok)
			}
			if !ok {
				continue
			}
			for j, f := range r.Features {
				same(t, fmt.Sprintf("%s of %s at %s", rule.Print(f.Node), c.ID, cutoff), f.Node, a.x[j], a.num[j], w.Eval(f.Node, &c))
			}
			same(t, "outcome of "+c.ID, r.Outcomes[0].Node, "", a.y[0], w.Eval(r.Outcomes[0].Node, &c))
		}
	}
}
