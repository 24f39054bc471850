package feature_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/engine/enginetest"
	"kequn/internal/engine/local"
	"kequn/internal/feature"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

var start = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)

func day(d float64) kequn.Instant {
	return kequn.At(start.Add(time.Duration(d * 24 * float64(time.Hour))))
}

// toyShop is customers, events, orders with refunds, sends and products over 500 days.
func toyShop(nCustomers int, until float64) []enginetest.Rows {
	r := kernel.NewStream(7)
	text := func(name string, k table.Kind) *table.Column { return table.NewColumn(name, k, 0) }
	cust, city, gender, name := text(engine.CustomerColumn, table.Text), text("city", table.Category), text("gender", table.Category), text("name", table.Text)
	birth, consent, note := text("birth_date", table.Time), text("email_ok", table.Bool), text("note", table.Text)
	household := text("household_id", table.Text)
	whoO, atO, basket, product, amount, quantity, discount := text(engine.CustomerColumn, table.Text), text(engine.TimeColumn, table.Time), text("order_id", table.Text),
		text("product_id", table.Text), text("amount", table.Money), text("quantity", table.Integer), text("discount", table.Money)
	amount.Scale, discount.Scale = 2, 2
	whoE, atE, typ, item := text(engine.CustomerColumn, table.Text), text(engine.TimeColumn, table.Time), text("type", table.Category), text("product_id", table.Text)
	whoS, atS, arm := text(engine.CustomerColumn, table.Text), text(engine.TimeColumn, table.Time), text("offer", table.Category)
	key, department := text("product_id", table.Text), text("department", table.Category)
	for p := range 20 {
		key.AppendString(fmt.Sprint("p", p))
		department.AppendString([]string{"食品", "books", "toys"}[p%3])
	}
	for c := range nCustomers {
		id := fmt.Sprintf("C%05d", c)
		cust.AppendString(id)
		city.AppendString([]string{"上海", "北京", "Paris"}[r.Intn(3)])
		gender.AppendString([]string{"f", "m"}[r.Intn(2)])
		name.AppendString("name of " + id)
		note.AppendString("note on " + id)
		household.AppendString(fmt.Sprint("H", c*2/3)) // every other of two
		birth.Int = append(birth.Int, int64(day(-float64(8000+r.Intn(9000)))))
		consent.Int = append(consent.Int, int64(r.Intn(2)))
		for k := range r.Poisson(6) {
			at := day(r.Float64() * until)
			for range 1 + r.Intn(3) {
				whoO.AppendString(id)
				atO.Int = append(atO.Int, int64(at))
				basket.AppendString(fmt.Sprint(id, "-", k))
				product.AppendString(fmt.Sprint("p", r.Intn(20)))
				v := int64(100 + r.Intn(5000))
				if r.Bool(.08) {
					v = -v
				}
				amount.Int = append(amount.Int, v)
				quantity.Int = append(quantity.Int, int64(1+r.Intn(3)))
				discount.Int = append(discount.Int, int64(r.Intn(2)*r.Intn(300)))
			}
		}
		for range r.Poisson(20) {
			whoE.AppendString(id)
			atE.Int = append(atE.Int, int64(day(r.Float64()*until)))
			typ.AppendString([]string{"view", "view", "view", "cart", "search"}[r.Intn(5)])
			item.AppendString(fmt.Sprint("p", r.Intn(20)))
		}
		if r.Bool(.6) {
			whoS.AppendString(id)
			atS.Int = append(atS.Int, int64(day(r.Float64()*until)))
			arm.AppendString([]string{"control", "coupon10", "freeship"}[r.Intn(3)])
		}
	}
	set := func(name string, role kequn.Role, cols []plan.Column, t *table.Table) enginetest.Rows {
		return enginetest.Rows{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: name, Role: role, Columns: cols}, LoadedAt: day(-1)}, Table: t}
	}
	return []enginetest.Rows{
		set("customers", kequn.Customers, []plan.Column{{Name: "city", Kind: table.Category, Role: kequn.ColCategory}, {Name: "gender", Kind: table.Category, Role: kequn.ColAttribute},
			{Name: "name", Kind: table.Text, Role: kequn.ColName}, {Name: "birth_date", Kind: table.Time, Role: kequn.ColBirth, Fixed: true}, {Name: "email_ok", Kind: table.Bool, Role: kequn.ColConsent},
			{Name: "note", Kind: table.Text, Role: kequn.ColText}, {Name: "household_id", Kind: table.Text, Role: kequn.ColGroup}}, table.New(cust, city, gender, name, birth, consent, note, household)),
		set("orders", kequn.Orders, []plan.Column{{Name: "order_id", Kind: table.Text, Role: kequn.ColOrder}, {Name: "product_id", Kind: table.Text, Role: kequn.ColItem},
			{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2, Currency: "CNY"}, {Name: "quantity", Kind: table.Integer, Role: kequn.ColQuantity}, {Name: "discount", Kind: table.Money, Role: kequn.ColDiscount, Scale: 2}},
			table.New(whoO, atO, basket, product, amount, quantity, discount)),
		set("events", kequn.Events, []plan.Column{{Name: "type", Kind: table.Category, Role: kequn.ColType}, {Name: "product_id", Kind: table.Text, Role: kequn.ColItem}}, table.New(whoE, atE, typ, item)),
		set("sends", kequn.Sends, []plan.Column{{Name: "offer", Kind: table.Category, Role: kequn.ColArm}}, table.New(whoS, atS, arm)),
		set("products", kequn.Lookup, []plan.Column{{Name: "product_id", Kind: table.Text, Role: kequn.ColKey}, {Name: "department", Kind: table.Category, Role: kequn.ColCategory}}, table.New(key, department)),
	}
}

func automatic(t testing.TB, m engine.Data, cutoff kequn.Cutoff) []query.Feature {
	p, err := feature.TakeProfile(context.Background(), m, cutoff, 2)
	if err != nil {
		t.Fatal(err)
	}
	return feature.Automatic(m.Datasets(), p, feature.Options{Currency: "CNY"})
}

func TestAutomaticSet(t *testing.T) {
	m := enginetest.NewMemory(4, toyShop(300, 500)...)
	fs := automatic(t, m, day(480))
	if len(fs) < 120 || len(fs) > 250 {
		t.Errorf("%d features, want 120 to 250", len(fs))
	}
	byName := map[string]query.Feature{}
	for _, f := range fs {
		if _, twice := byName[f.Name]; twice {
			t.Errorf("%s twice", f.Name)
		}
		byName[f.Name] = f
		if f.Kind == "" || f.Missing == "" || f.TextZH == "" || f.TextEN == "" || len(f.Sources) == 0 {
			t.Errorf("%s lacks words: %+v", f.Name, f)
		}
		for _, s := range f.Sources {
			if strings.HasSuffix(s, ".name") || strings.HasSuffix(s, ".note") {
				t.Errorf("%s reads %s", f.Name, s)
			}
		}
	}
	for _, name := range []string{"orders_count_30d", "spend_sum_90d", "days_since_last_order", "order_value_mean_365d", "order_gap_mean", "order_overdue", "order_trend_30d", "orders_count_ever",
		"events_view_count_7d", "events_sessions_30d", "events_type_entropy", "events_hour", "refunds_share", "discount_share_ever", "department_食品_share", "age", "city", "email_ok",
		"contacts_coupon10_ever", "days_since_last_contact", "contact_responded", "order_count_year_ago",
		"events_session_minutes_ever", "events_sessions_with_cart", "events_sessions_ending_cart", "order_gap_last", "order_gap_trend", "order_overdue_max", "order_state_90d", "order_weekday_entropy", "order_month_turn_share",
		"order_same_quarter_share", "order_value_sd", "order_value_last", "order_value_slope", "order_single_share", "order_department_mean", "order_piece_price_ever", "order_new_products_share_90d", "order_product_top_share",
		"department_食品_shift_90d", "contact_answer_rate_30d", "contact_answer_rate_coupon10", "contacts_unanswered", "household_members", "household_others_orders_90d", "household_others_spend_ever",
		"household_others_days_since_last", "household_own_share"} {
		if _, ok := byName[name]; !ok {
			t.Errorf("no feature %s", name)
		}
	}
	for name, want := range map[string]bool{"age": true, "gender": true, "city": false, "spend_sum_90d": false} {
		if byName[name].Sensitive != want {
			t.Errorf("%s sensitive: %t", name, !want)
		}
	}
	if k := byName["contacts_coupon10_ever"].Kind; k != query.Lever {
		t.Errorf("a contact is a %s", k)
	}
	if t.Failed() {
		for _, f := range fs {
			t.Log(f.Name)
		}
	}
}

// The choice of features sees nothing of the time after its cutoff.
func TestAutomaticIsBlind(t *testing.T) {
	sets := toyShop(200, 500)
	cutoff := day(200)
	all := automatic(t, enginetest.NewMemory(3, sets...), cutoff)
	for i := range sets {
		at := sets[i].Table.Column(engine.TimeColumn)
		if at == nil {
			continue
		}
		var past []int32
		for r, v := range at.Int {
			if kequn.Instant(v) < cutoff {
				past = append(past, int32(r))
			}
		}
		sets[i].Table = sets[i].Table.Take(past)
	}
	if a, b := query.Hash(all), query.Hash(automatic(t, enginetest.NewMemory(5, sets...), cutoff)); a != b {
		t.Error("deleting the future changed the definitions")
	}
}

func TestValues(t *testing.T) {
	m := enginetest.NewMemory(4, toyShop(300, 500)...)
	fs := automatic(t, m, day(300))
	cutoffs := []kequn.Cutoff{day(300), day(400), day(480)}
	panel, err := engine.Collect(context.Background(), local.Engine{}, m, engine.Request{Cutoffs: cutoffs, Features: fs, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	entries := feature.Catalogue(fs)
	all := feature.NewSummary(fs, len(cutoffs))
	all.Add(panel)
	all.Describe(entries)
	for _, e := range entries {
		switch {
		case e.Stats == nil || e.Stats.Rows == 0 || e.Stats.Rows > panel.NRows():
			t.Fatalf("%s has no stats", e.Name)
		case e.Stats.MissingShare == 1:
			t.Errorf("%s is missing for everybody: %s", e.Name, e.Definition)
		case strings.HasSuffix(e.Name, "share") && len(e.Stats.Quantiles) > 0 && (e.Stats.Quantiles[0] < 0 || e.Stats.Quantiles[4] > 1) && e.Name != "refunds_share":
			t.Errorf("%s goes from %v to %v", e.Name, e.Stats.Quantiles[0], e.Stats.Quantiles[4])
		case math.IsNaN(e.Stats.Mean) || math.IsInf(e.Stats.Drift, 0):
			t.Errorf("%s: %+v", e.Name, *e.Stats)
		}
	}
	if e := find(entries, "days_since_first_order"); e.Stats.Drift < .2 {
		t.Errorf("tenure drifts by %v between cutoffs", e.Stats.Drift)
	}
	if e := find(entries, "orders_count_30d"); e.Window != "30d" || !strings.Contains(e.Definition, `orders.where(`) {
		t.Errorf("orders_count_30d is %+v", e)
	}
	if e := find(entries, "age"); e.Window != "" {
		t.Errorf("age looks back %s", e.Window)
	}
}

func find(entries []feature.Entry, name string) feature.Entry {
	for _, e := range entries {
		if e.Name == name {
			return e
		}
	}
	return feature.Entry{Name: name, Stats: &feature.Stats{}}
}

func TestOutcome(t *testing.T) {
	text := func(name string, kind table.Kind, values ...string) *table.Column {
		c := table.NewColumn(name, kind, 0)
		for _, v := range values {
			c.AppendString(v)
		}
		return c
	}
	at := func(days ...float64) *table.Column {
		c := table.NewColumn(engine.TimeColumn, table.Time, 0)
		for _, d := range days {
			c.Int = append(c.Int, int64(day(d)))
		}
		return c
	}
	money := &table.Column{Name: "amount", Kind: table.Money, Scale: 2, Int: []int64{100, 500, -200, 100, -100, 100, 300, table.Missing}}
	later := text("answer", table.Category, "yes", "no")
	later.AppendMissing()
	m := enginetest.NewMemory(2,
		enginetest.Rows{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: "bills", Role: kequn.Orders, Columns: []plan.Column{
			{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2}, {Name: "kind", Kind: table.Category, Role: kequn.ColType}}}},
			Table: table.New(text(engine.CustomerColumn, table.Text, "buys", "buys", "buys", "returns", "returns", "late", "late", "unpriced"),
				at(1, 12, 13, 2, 15, 3, 40, 12), money, text("kind", table.Category, "web", "web", "web", "web", "web", "web", "shop", "web"))},
		enginetest.Rows{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: "customers", Role: kequn.Customers, Columns: []plan.Column{
			{Name: "answer", Kind: table.Category, Role: kequn.ColAttribute}}}, LoadedAt: day(100)},
			Table: table.New(text(engine.CustomerColumn, table.Text, "buys", "returns", "late"), later)})
	datasets := []plan.Dataset{m.Datasets()[0].Dataset, m.Datasets()[1].Dataset}
	month := kequn.Days(30)
	for _, test := range []struct {
		goal plan.Goal
		want map[string]float64
	}{
		{plan.Goal{Event: "bills", Within: month}, map[string]float64{"buys": 1, "returns": 0, "late": 0}},
		{plan.Goal{Event: "orders", Within: month}, map[string]float64{"buys": 1, "returns": 0, "late": 0}}, // a role's name
		{plan.Goal{Event: "bills", Absent: true, Within: month}, map[string]float64{"buys": 0, "returns": 1, "late": 1}},
		{plan.Goal{Event: "bills.shop", Within: kequn.Days(60)}, map[string]float64{"buys": 0, "returns": 0, "late": 1}},
		{plan.Goal{Event: "bills", Gap: kequn.Days(20), Within: month}, map[string]float64{"buys": 0, "returns": 0, "late": 1}},
		{plan.Goal{Sum: "bills.amount", Within: month}, map[string]float64{"buys": 3, "returns": -1, "late": 0}},
		{plan.Goal{Count: "bills", Within: month}, map[string]float64{"buys": 1, "returns": 0, "late": 0}},
		{plan.Goal{Column: "customers.answer", Positive: "yes"}, map[string]float64{"buys": 1, "returns": 0, "late": math.NaN()}},
	} {
		n, err := feature.Outcome(test.goal, datasets)
		if err != nil {
			t.Fatalf("%+v: %v", test.goal, err)
		}
		p, err := engine.Collect(context.Background(), local.Engine{}, m, engine.Request{Cutoffs: []kequn.Cutoff{day(10)}, Outcomes: []engine.Outcome{{Name: "y", Node: n}}})
		if err != nil {
			t.Fatal(err)
		}
		if p.NRows() != len(test.want) {
			t.Errorf("%+v: %d customers", test.goal, p.NRows())
		}
		for i := range p.NRows() {
			if got, want := p.Y.Columns[0].Num[i], test.want[p.Customer.String(i)]; got != want && !(got != got && want != want) {
				t.Errorf("%+v of %s: %v, want %v", test.goal, p.Customer.String(i), got, want)
			}
		}
	}
	for _, g := range []plan.Goal{{Event: "nothing", Within: month}, {Event: "bills"}, {Sum: "bills.kind", Within: month}, {Sum: "bills", Within: month}, {}, {Event: "customers", Within: month},
		{Column: "bills.amount"}, {Column: "customers.answer"}} {
		if _, err := feature.Outcome(g, datasets); kequn.KindOf(err) != kequn.KindPlan {
			t.Errorf("%+v: %v", g, err)
		}
	}
}

func TestSentence(t *testing.T) {
	m := enginetest.NewMemory(2, toyShop(100, 500)...)
	byName := map[string]query.Feature{}
	for _, f := range automatic(t, m, day(480)) {
		byName[f.Name] = f
	}
	for _, test := range []struct {
		name   string
		value  float64
		text   string
		zh, en string
	}{
		{"orders_count_30d", 3, "", "过去 30 天下单 3 次", "3 orders in the last 30 days"},
		{"orders_count_30d", 1, "", "过去 30 天下单 1 次", "1 order in the last 30 days"},
		{"days_since_last_order", 12.3456, "", "距最近一次下单 12.3 天", "12.3 days since the last order"},
		{"days_since_last_order", math.NaN(), "", "距最近一次下单的天数：无", "days since the last order: none (no order yet)"},
		{"spend_sum_90d", 12345.5, "", "过去 90 天净消费额：12,346 元", "spend net of refunds in the last 90 days: 12,346 CNY"},
		{"order_weekend_share_ever", .25, "", "至今下单在周末的占比：25%", "share of orders at the weekend so far: 25%"},
		{"city", math.NaN(), "上海", "city：上海", "city: 上海"},
		{"email_ok", 1, "", "同意联系（email_ok）：是", "consent to contact (email_ok): yes"},
		{"events_view_count_7d", 2, "", "过去 7 天「view」 2 次", "2 view events in the last 7 days"},
		{"age", 41, "", "年龄：41 岁", "age: 41 years"},
	} {
		f := byName[test.name]
		if f.Node == nil {
			t.Errorf("no feature %s", test.name)
			continue
		}
		if got := feature.Sentence(f, test.value, test.text, kequn.Chinese); got != test.zh {
			t.Errorf("%s: %q, want %q", test.name, got, test.zh)
		}
		if got := feature.Sentence(f, test.value, test.text, kequn.English); got != test.en {
			t.Errorf("%s: %q, want %q", test.name, got, test.en)
		}
	}
}

// Sensitive attributes are found whether they may be features or not; one that the plan allows is a feature like any other.
func TestSensitiveAttributes(t *testing.T) {
	rows := toyShop(60, 500)
	for _, allow := range []bool{false, true} {
		rows[0].Dataset.Columns[1].Allow = allow // gender
		m := enginetest.NewMemory(2, rows...)
		var got []string
		for _, f := range feature.Attributes(m.Datasets()) {
			got = append(got, f.Name+" of "+f.Sources[0])
		}
		if want := []string{"gender of customers.gender", "age of customers.birth_date"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		for _, f := range automatic(t, m, day(480)) {
			if f.Name == "gender" && f.Sensitive == allow || f.Name == "age" && !f.Sensitive {
				t.Errorf("%s: sensitive %v, allowed %v", f.Name, f.Sensitive, allow)
			}
		}
	}
}
