package quality

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/engine/enginetest"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// row is one row of a test's dataset, by column.
type row map[string]any

// testSet is a dataset that tests may spoil.
type testSet struct {
	def  plan.Dataset
	rows []row
	// before is how many rows came with the first load; the rest with a second one. 0: there was one load.
	before int
	loads  []Load
}

// testShop is a small clean business: every kind of rule finds nothing in it, and its own defect once planted.
type testShop struct {
	sets    map[string]*testSet
	order   []string
	designs []Design
	rules   []plan.Quality
	now     time.Time
}

func col(name string, kind table.Kind, role kequn.ColumnRole) plan.Column {
	return plan.Column{Name: name, Kind: kind, Role: role, Scale: 2}
}

var testStart = time.Date(2023, 1, 2, 0, 0, 0, 0, time.UTC)

const testDays = 200

// cleanShop makes the business: a second load brings its last weeks if loads is 2.
func cleanShop(loads int) *testShop {
	s := &testShop{sets: map[string]*testSet{}, now: testStart.AddDate(0, 0, testDays).Add(6 * time.Hour)}
	add := func(name string, role kequn.Role, columns ...plan.Column) *testSet {
		t := &testSet{def: plan.Dataset{Name: name, Role: role, Columns: columns}}
		s.sets[name] = t
		s.order = append(s.order, name)
		return t
	}
	// A small generator of its own, so that a change elsewhere never changes what these tests see.
	state := uint64(7)
	draw := func(n int) int {
		state = state*6364136223846793005 + 1442695040888963407
		return int((state >> 33) % uint64(n))
	}
	products := add("products", kequn.Lookup, col("product", table.Text, kequn.ColKey), col("class", table.Category, kequn.ColCategory))
	for i := range 40 {
		products.rows = append(products.rows, row{"product": fmt.Sprintf("P%04d", i), "class": []string{"Tea", "Cups", "Pots", "Cake"}[i%4]})
	}
	campaigns := add("campaigns", kequn.Lookup, col("campaign", table.Text, kequn.ColKey), col("start_date", table.Time, kequn.ColAttribute), col("end_date", table.Time, kequn.ColAttribute))
	campaigns.rows = append(campaigns.rows, row{"campaign": "spring", "start_date": testStart.AddDate(0, 0, 50), "end_date": testStart.AddDate(0, 0, 80)})
	customers := add("customers", kequn.Customers, col("customer", table.Text, kequn.ColCustomer), col("birth", table.Time, kequn.ColBirth), col("city", table.Category, kequn.ColCategory),
		col("phone", table.Text, kequn.ColPhone), col("email", table.Text, kequn.ColEmail), col("zip", table.Text, kequn.ColAttribute), col("mail_ok", table.Category, kequn.ColConsent),
		col("note", table.Text, kequn.ColText), col("points", table.Text, kequn.ColAttribute), col("since", table.Text, kequn.ColAttribute), col("vip", table.Text, kequn.ColAttribute))
	const nCustomers = 400
	for i := range nCustomers {
		customers.rows = append(customers.rows, row{"customer": fmt.Sprintf("C%05d", i), "birth": time.Date(1950+i%50, time.Month(1+i%12), 1+i%28, 0, 0, 0, 0, time.UTC),
			"city": []string{"Lisbon", "Porto", "Faro"}[i%3], "phone": fmt.Sprintf("+351 91%07d", 1000000+i*7), "email": fmt.Sprintf("someone%d@example.org", i),
			"zip": fmt.Sprintf("%05d", (i*37)%9000+500), "mail_ok": []string{"yes", "yes", "no"}[i%3], "note": "likes tea", "points": fmt.Sprint(100 + i%50*3), "since": fmt.Sprintf("20%02d-0%d-1%d", 10+i%10, 1+i%9, i%10), "vip": []string{"yes", "no"}[i%2]})
	}
	sends := add("sends", kequn.Sends, col("customer", table.Text, kequn.ColCustomer), col("sent", table.Time, kequn.ColTime), col("campaign", table.Text, kequn.ColCampaign), col("arm", table.Category, kequn.ColArm))
	for i := range nCustomers {
		if i%3 != 2 {
			arm := "mail"
			if i%10 < 3 {
				arm = "control"
			}
			sends.rows = append(sends.rows, row{"customer": fmt.Sprintf("C%05d", i), "sent": testStart.AddDate(0, 0, 55).Add(9 * time.Hour), "campaign": "spring", "arm": arm})
		}
	}
	s.designs = []Design{{Campaign: "spring", Control: .3}}
	orders := add("orders", kequn.Orders, col("customer", table.Text, kequn.ColCustomer), col("at", table.Time, kequn.ColTime), col("recorded", table.Time, kequn.ColKnownAt), col("order_id", table.Text, kequn.ColOrder),
		col("amount", table.Money, kequn.ColAmount), col("quantity", table.Integer, kequn.ColQuantity), col("price", table.Money, kequn.ColPrice), col("discount", table.Money, kequn.ColDiscount),
		col("currency", table.Category, kequn.ColCurrency), col("channel", table.Category, kequn.ColCategory), col("weight", table.Number, kequn.ColAttribute), col("shipped", table.Time, kequn.ColAttribute),
		col("delivered", table.Time, kequn.ColAttribute), col("list_price", table.Money, kequn.ColAttribute), col("cost", table.Number, kequn.ColAttribute), col("voucher", table.Text, kequn.ColAttribute))
	items := add("items", kequn.Items, col("customer", table.Text, kequn.ColCustomer), col("at", table.Time, kequn.ColTime), col("order_id", table.Text, kequn.ColOrder), col("product", table.Text, kequn.ColItem), col("line_amount", table.Money, kequn.ColAmount))
	events := add("events", kequn.Events, col("customer", table.Text, kequn.ColCustomer), col("at", table.Time, kequn.ColTime), col("event_id", table.Text, kequn.ColAttribute), col("type", table.Category, kequn.ColType), col("page", table.Category, kequn.ColCategory), col("device_id", table.Text, kequn.ColAttribute))
	n := 0
	for d := range testDays {
		for k := range 24 {
			c := draw(nCustomers)
			hour := []int{9, 10, 10, 11, 12, 17, 18, 19, 19, 20}[draw(10)]
			at := testStart.AddDate(0, 0, d).Add(time.Duration(hour)*time.Hour + time.Duration(draw(3600))*time.Second)
			id := fmt.Sprint(100000 + n)
			n++
			quantity, price := 1+draw(4), 500+25*draw(80)
			amount := quantity * price
			customer := fmt.Sprintf("C%05d", c)
			orders.rows = append(orders.rows, row{"customer": customer, "at": at, "recorded": at.Add(time.Hour), "order_id": id, "amount": amount, "quantity": quantity, "price": price, "discount": amount / 20, "currency": "EUR",
				"channel": []string{"web", "shop", "phone"}[draw(3)], "weight": float64(quantity) * 1.5, "shipped": at.Add(time.Hour), "delivered": at.Add(5 * time.Hour), "list_price": price + 100, "cost": float64(amount) / 200, "voucher": fmt.Sprintf("AB-%04d", draw(9000)+1000)})
			half := amount/2 - 7
			items.rows = append(items.rows, row{"customer": customer, "at": at, "order_id": id, "product": fmt.Sprintf("P%04d", draw(40)), "line_amount": half},
				row{"customer": customer, "at": at, "order_id": id, "product": fmt.Sprintf("P%04d", draw(40)), "line_amount": amount - half})
			for j := range 2 {
				who := draw(nCustomers)
				events.rows = append(events.rows, row{"customer": fmt.Sprintf("C%05d", who), "at": testStart.AddDate(0, 0, d).Add(time.Duration(hour)*time.Hour + time.Duration(draw(3600))*time.Second),
					"event_id": fmt.Sprintf("%d", 5000000+100*n+50*j+k%7), "type": []string{"view", "cart", "search"}[draw(3)], "page": []string{"home", "tea", "cups", "help"}[draw(4)], "device_id": fmt.Sprintf("dev-%06d", who)})
			}
		}
	}
	if loads == 2 {
		for _, name := range []string{"orders", "items", "events"} {
			t := s.sets[name]
			t.before = len(t.rows) * 9 / 10
		}
	}
	return s
}

// with returns a copy of a row with some values changed.
func (r row) with(changes row) row {
	out := row{}
	for k, v := range r {
		out[k] = v
	}
	for k, v := range changes {
		out[k] = v
	}
	return out
}

// data lays the shop out in memory.
func (s *testShop) data(parts int) (*enginetest.Memory, Options) {
	var list []enginetest.Rows
	o := Options{Now: s.now, Zone: time.UTC, Lang: kequn.English, Loads: map[string][]Load{}, Designs: s.designs, Rules: s.rules}
	for _, name := range s.order {
		t := s.sets[name]
		tab := &table.Table{}
		for _, c := range t.def.Columns {
			out := table.NewColumn(c.Name, c.Kind, len(t.rows))
			out.Scale = c.Scale
			for _, r := range t.rows {
				switch v := r[c.Name].(type) {
				case nil:
					out.AppendMissing()
				case string:
					out.AppendString(v)
				case time.Time:
					out.Int = append(out.Int, v.UnixMicro())
				case int:
					if c.Kind == table.Number {
						out.Num = append(out.Num, float64(v))
					} else {
						out.Int = append(out.Int, int64(v))
					}
				case float64:
					out.Num = append(out.Num, v)
				}
			}
			tab.Columns = append(tab.Columns, out)
			alias := func(as string) {
				a := *out
				a.Name = as
				tab.Columns = append(tab.Columns, &a)
			}
			switch {
			case c.Role == kequn.ColCustomer:
				alias(engine.CustomerColumn)
			case c.Role == kequn.ColTime:
				alias(engine.TimeColumn)
			case c.Role == kequn.ColKnownAt:
				alias(engine.KnownColumn)
			}
		}
		list = append(list, enginetest.Rows{Dataset: engine.Dataset{Dataset: t.def}, Table: tab})
		o.Loads[name] = t.loads
		if t.loads == nil {
			n := int64(len(t.rows))
			o.Loads[name] = []Load{{At: 1, Read: n, Kept: n}}
			if t.before > 0 {
				b := int64(t.before)
				o.Loads[name] = []Load{{At: 1, Read: b, Kept: b}, {At: 2, From: b, Read: n - b, Kept: n - b}}
			}
		}
	}
	return enginetest.NewMemory(parts, list...), o
}

// check judges the shop.
func (s *testShop) check(t *testing.T, parts, threads int) *Report {
	t.Helper()
	data, o := s.data(parts)
	o.Threads = threads
	rep, err := Check(context.Background(), data, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// broken returns the names of the kinds of the broken rules.
func (rep *Report) brokenKinds() []string {
	var out []string
	for _, r := range rep.Broken() {
		if !slices.Contains(out, r.Kind) {
			out = append(out, r.Kind)
		}
	}
	return out
}

func TestCleanShopIsQuiet(t *testing.T) {
	for _, loads := range []int{1, 2} {
		rep := cleanShop(loads).check(t, 4, 2)
		if got := rep.Broken(); len(got) > 0 {
			for _, r := range got {
				t.Errorf("%d loads: %s: %s", loads, r.Name, r.Text)
			}
		}
		if len(rep.Results) < 30 {
			t.Errorf("%d loads: only %d rules proposed", loads, len(rep.Results))
		}
	}
}

// defect is one thing that goes wrong.
type defect struct {
	kind  string
	loads int
	spoil func(s *testShop)
	found int64 // expected, 0: any number
	stop  bool
}

func each(set string, from, n int, f func(i int, r row)) func(*testShop) {
	return func(s *testShop) {
		for i := range n {
			f(i, s.sets[set].rows[from+i*3])
		}
	}
}

// late spoils all rows of the second load.
func late(set string, f func(i int, r row)) func(*testShop) {
	return func(s *testShop) {
		t := s.sets[set]
		for i, r := range t.rows[t.before:] {
			f(i, r)
		}
	}
}

func put(name string, v any) func(int, row) {
	return func(_ int, r row) { r[name] = v }
}

func own(q plan.Quality) func(*testShop) {
	return func(s *testShop) { q.Name = "mine"; s.rules = append(s.rules, q) }
}

func float(x float64) *float64 { return &x }

var defects = []defect{
	{kind: "number_text", spoil: each("customers", 0, 5, put("points", "many")), found: 5},
	{kind: "date_text", spoil: each("customers", 0, 4, put("since", "long ago")), found: 4},
	{kind: "yes_no_text", spoil: each("customers", 0, 4, put("vip", "maybe so")), found: 4},
	{kind: "email", spoil: each("customers", 0, 6, put("email", "nobody at home")), found: 6},
	{kind: "phone", spoil: each("customers", 0, 6, put("phone", "ask her")), found: 6},
	{kind: "shape", spoil: each("orders", 0, 12, put("voucher", "AB 1234")), found: 12},
	{kind: "pattern", spoil: func(s *testShop) {
		own(plan.Quality{Dataset: "orders", Column: "voucher", Check: "pattern", Pattern: "A{2}-9{4}"})(s)
		each("orders", 0, 2, put("voucher", "ab-1234"))(s)
	}, found: 2},
	{kind: "length", spoil: each("orders", 0, 3, put("voucher", strings.Repeat("AB-1234 ", 12))), found: 3},
	{kind: "spaces", spoil: each("customers", 0, 3, put("city", " Porto")), found: 3},
	{kind: "encoding", spoil: each("customers", 0, 2, put("city", "SÃ£o Paulo")), found: 2},
	{kind: "control_characters", spoil: each("customers", 0, 2, put("note", "two\nlines")), found: 2},
	{kind: "formula", spoil: each("customers", 0, 2, put("note", "=HYPERLINK(1)")), found: 2},
	{kind: "placeholder", spoil: each("customers", 0, 7, put("city", "unknown")), found: 7},
	{kind: "test_data", spoil: each("customers", 0, 2, put("note", "Test")), found: 2},
	{kind: "leading_zeros", spoil: func(s *testShop) {
		for _, r := range s.sets["customers"].rows {
			if z := r["zip"].(string); z[0] == '0' && z > "00700" && z < "00900" {
				r["zip"] = strings.TrimLeft(z, "0")
			}
		}
	}},
	{kind: "personal_data", spoil: each("customers", 0, 9, func(i int, r row) { r["note"] = fmt.Sprintf("call 138%08d", 12345678+i)[5:] }), found: 9},
	{kind: "negative", spoil: each("orders", 0, 5, put("weight", -2.0)), found: 5},
	{kind: "zero", spoil: each("orders", 0, 5, put("price", 0)), found: 5},
	{kind: "fraction", spoil: func(s *testShop) {
		for i, r := range s.sets["orders"].rows {
			r["weight"] = float64(2 + i%3)
			if i < 3 {
				r["weight"] = 2.5
			}
		}
	}, found: 3},
	{kind: "decimals", spoil: func(s *testShop) {
		o := s.sets["orders"]
		for i := range o.def.Columns {
			if o.def.Columns[i].Name == "amount" {
				o.def.Columns[i].Kind = table.Number
			}
		}
		for i, r := range o.rows {
			r["amount"] = float64(r["amount"].(int)) / 100
			if i < 4 {
				r["amount"] = r["amount"].(float64) + .00123
			}
		}
	}, found: 4},
	{kind: "placeholder_number", spoil: each("orders", 0, 9, put("weight", 9999.0)), found: 9},
	{kind: "outlier", spoil: each("orders", 0, 3, put("weight", 5e6)), found: 3},
	{kind: "range", loads: 2, spoil: late("orders", func(i int, r row) {
		if i < 4 {
			r["weight"] = 900.0
		}
	}), found: 4},
	{kind: "values", loads: 2, spoil: late("orders", func(i int, r row) {
		if i < 4 {
			r["channel"] = "fax"
		}
	}), found: 4},
	{kind: "vanished_value", loads: 2, spoil: late("orders", func(i int, r row) {
		if r["channel"] == "phone" {
			r["channel"] = "web"
		}
	}), found: 1},
	{kind: "spelling", spoil: each("customers", 0, 6, func(i int, r row) { r["city"] = "PORTO" }), found: 6},
	{kind: "constant", spoil: func(s *testShop) {
		for _, r := range s.sets["orders"].rows {
			r["channel"] = "web"
		}
	}},
	{kind: "unique", spoil: func(s *testShop) {
		e := s.sets["events"]
		for i := range 40 {
			e.rows[i*100]["event_id"] = e.rows[i*100+1]["event_id"]
		}
	}},
	{kind: "duplicates", spoil: func(s *testShop) {
		o := s.sets["orders"]
		o.rows = append(o.rows, o.rows[7].with(nil), o.rows[9].with(nil))
	}, found: 2},
	{kind: "double_submit", spoil: func(s *testShop) {
		o := s.sets["orders"]
		for i := range 5 {
			at := o.rows[i]["at"].(time.Time).Add(7 * time.Second)
			o.rows = append(o.rows, o.rows[i].with(row{"at": at, "recorded": at.Add(time.Hour), "order_id": fmt.Sprint(900000 + i)}))
		}
	}, found: 5},
	{kind: "shared_key", spoil: each("events", 0, 60, put("device_id", "dev-000007"))},
	{kind: "missing", spoil: each("orders", 0, 8, put("quantity", nil)), found: 8},
	{kind: "empty_column", spoil: func(s *testShop) {
		for _, r := range s.sets["customers"].rows {
			r["note"] = nil
		}
	}},
	{kind: "missing_jump", loads: 2, spoil: late("orders", put("quantity", nil)), stop: true},
	{kind: "empty_since", spoil: func(s *testShop) {
		for _, r := range s.sets["orders"].rows {
			if r["at"].(time.Time).After(testStart.AddDate(0, 0, testDays-9)) {
				r["channel"] = nil
			}
		}
	}},
	{kind: "rejected_rows", spoil: func(s *testShop) {
		s.sets["orders"].loads = []Load{{At: 1, Read: 5000, Kept: 4800, Rejected: 200}}
	}, found: 200},
	{kind: "unreadable", spoil: func(s *testShop) {
		s.sets["orders"].loads = []Load{{At: 1, Read: 4800, Kept: 4800, Unreadable: map[string]int64{"weight": 12}}}
	}, found: 12},
	{kind: "unknown_customer", spoil: func(s *testShop) {
		o := s.sets["orders"]
		for i := range 3 {
			o.rows = append(o.rows, o.rows[i].with(row{"customer": "X1", "order_id": fmt.Sprint(900000 + i)}))
		}
	}, found: 3},
	{kind: "silent_customer", spoil: func(s *testShop) {
		c := s.sets["customers"]
		for i := range 600 {
			c.rows = append(c.rows, c.rows[i%3].with(row{"customer": fmt.Sprintf("S%05d", i), "email": fmt.Sprintf("s%d@example.org", i), "phone": fmt.Sprintf("+351 92%07d", i)}))
		}
	}, found: 600},
	{kind: "unknown_key", spoil: each("items", 0, 4, put("product", "P9999")), found: 4},
	{kind: "unknown_order", spoil: each("items", 0, 4, put("order_id", "77")), found: 4},
	{kind: "future", spoil: each("orders", 0, 2, put("delivered", time.Date(2044, 5, 1, 0, 0, 0, 0, time.UTC))), found: 2},
	{kind: "placeholder_time", spoil: each("customers", 0, 3, put("birth", time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC))), found: 3},
	{kind: "too_old", spoil: each("orders", 0, 3, put("shipped", time.Date(1816, 1, 1, 0, 0, 0, 0, time.UTC))), found: 3},
	{kind: "before_start", spoil: each("events", 0, 2, put("at", time.Date(2019, 3, 1, 10, 0, 0, 0, time.UTC))), found: 2},
	{kind: "time_of_day", spoil: each("events", 0, 90, func(_ int, r row) { r["at"] = r["at"].(time.Time).Truncate(24 * time.Hour) }), found: 90},
	{kind: "zone_shift", loads: 2, spoil: late("events", func(_ int, r row) { r["at"] = r["at"].(time.Time).Add(8 * time.Hour) })},
	{kind: "known_before", spoil: each("orders", 0, 3, func(_ int, r row) { r["recorded"] = r["at"].(time.Time).Add(-time.Hour) }), found: 3},
	{kind: "late", spoil: each("orders", 0, 500, func(_ int, r row) { r["recorded"] = r["at"].(time.Time).AddDate(0, 0, 40) }), found: 500},
	{kind: "birth", spoil: each("customers", 0, 3, put("birth", time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))), found: 3},
	{kind: "time_order", spoil: each("orders", 0, 5, func(_ int, r row) { r["delivered"] = r["shipped"].(time.Time).AddDate(0, 0, -1) }), found: 5},
	{kind: "stale", spoil: func(s *testShop) { s.now = s.now.AddDate(0, 0, 60) }},
	{kind: "behind", spoil: func(s *testShop) {
		e := s.sets["events"]
		e.rows = slices.DeleteFunc(e.rows, func(r row) bool { return r["at"].(time.Time).After(testStart.AddDate(0, 0, testDays-30)) })
	}},
	{kind: "day_gap", spoil: func(s *testShop) {
		e := s.sets["events"]
		e.rows = slices.DeleteFunc(e.rows, func(r row) bool {
			d := int(r["at"].(time.Time).Sub(testStart).Hours() / 24)
			return d >= 90 && d < 98
		})
	}, found: 1},
	{kind: "day_volume", spoil: func(s *testShop) {
		e := s.sets["events"]
		for i := range 300 {
			r := e.rows[i]
			e.rows = append(e.rows, r.with(row{"at": testStart.AddDate(0, 0, 120).Add(9*time.Hour + time.Duration(i)*91*time.Second), "event_id": fmt.Sprint(i)}))
		}
	}, found: 1},
	{kind: "level_jump", spoil: func(s *testShop) {
		e := s.sets["events"]
		n := 0
		e.rows = slices.DeleteFunc(e.rows, func(r row) bool {
			n++
			return r["at"].(time.Time).After(testStart.AddDate(0, 0, 100)) && n%8 != 0
		})
	}},
	{kind: "small_load", spoil: func(s *testShop) {
		s.sets["events"].loads = []Load{{At: 1, Kept: 5000, Read: 5000}, {At: 2, From: 5000, Kept: 1000, Read: 1000}, {At: 3, From: 6000, Kept: 1100, Read: 1100}, {At: 4, From: 9590, Kept: 10, Read: 10}}
	}},
	{kind: "number_shift", loads: 2, spoil: late("orders", func(_ int, r row) { r["weight"] = r["weight"].(float64)*.5 + 5 })},
	{kind: "class_shift", loads: 2, spoil: late("events", func(i int, r row) {
		if i%20 != 0 {
			r["page"] = "help"
		}
	})},
	{kind: "share_jump", loads: 2, spoil: late("events", func(i int, r row) {
		if i%20 != 0 {
			r["page"] = "help"
		}
	})},
	{kind: "type_drift", loads: 2, spoil: func(s *testShop) {
		o := s.sets["orders"]
		for i, r := range o.rows {
			r["voucher"] = fmt.Sprint(1000 + i%77)
			if i >= o.before {
				r["voucher"] = "none given"
			}
		}
	}},
	{kind: "unit_jump", loads: 2, spoil: late("orders", func(_ int, r row) { r["amount"] = r["amount"].(int) * 100 }), stop: true},
	{kind: "product", spoil: each("orders", 0, 5, func(_ int, r row) { r["amount"] = r["amount"].(int) + 333 }), found: 5},
	{kind: "item_sum", spoil: func(s *testShop) {
		for i := range 3 {
			s.sets["items"].rows[i*2]["line_amount"] = s.sets["items"].rows[i*2]["line_amount"].(int) + 1000
		}
	}, found: 3},
	{kind: "discount", spoil: each("orders", 0, 5, func(_ int, r row) { r["discount"] = r["amount"].(int) + 500 }), found: 5},
	{kind: "at_most", spoil: each("orders", 0, 2, func(_ int, r row) { r["list_price"] = r["price"].(int) - 300 }), found: 2},
	{kind: "correlation", loads: 2, spoil: func(s *testShop) {
		o := s.sets["orders"]
		for i, r := range o.rows[o.before:] {
			r["cost"] = float64(1 + (i*7919)%60)
		}
	}},
	{kind: "refund_first", spoil: func(s *testShop) {
		o := s.sets["orders"]
		o.rows = append(o.rows, o.rows[0].with(row{"customer": "C00001", "at": testStart.Add(-time.Hour), "recorded": testStart, "amount": -500, "quantity": -1, "order_id": "r1"}))
	}, found: 1},
	{kind: "refund_larger", spoil: func(s *testShop) {
		o := s.sets["orders"]
		last := o.rows[len(o.rows)-1]
		o.rows = append(o.rows, last.with(row{"at": testStart.AddDate(0, 0, testDays), "recorded": testStart.AddDate(0, 0, testDays), "amount": -900000000, "order_id": "r2"}))
	}, found: 1},
	{kind: "currencies", spoil: each("orders", 0, 11, put("currency", "USD")), found: 11},
	{kind: "cancelled", spoil: each("orders", 0, 9, func(i int, r row) { r["order_id"] = "C" + r["order_id"].(string) }), found: 9},
	{kind: "inhuman_rate", spoil: func(s *testShop) {
		e := s.sets["events"]
		for i := range 90 {
			e.rows = append(e.rows, e.rows[i%4].with(row{"customer": "C00003", "event_id": fmt.Sprint(i), "page": fmt.Sprint("p", i), "at": testStart.AddDate(0, 0, 30).Add(time.Duration(i) * 300 * time.Millisecond)}))
		}
	}, found: 90},
	{kind: "never_sleeps", spoil: func(s *testShop) {
		e := s.sets["events"]
		for i := range 24 {
			e.rows = append(e.rows, e.rows[i].with(row{"customer": "C00003", "event_id": fmt.Sprint(i), "at": testStart.AddDate(0, 0, 30).Add(time.Duration(i)*time.Hour + time.Minute)}))
		}
	}},
	{kind: "burst", spoil: func(s *testShop) {
		e := s.sets["events"]
		for i := range 700 {
			e.rows = append(e.rows, e.rows[i].with(row{"customer": "C00003", "event_id": fmt.Sprint(i), "page": fmt.Sprint("p", i), "at": testStart.AddDate(0, 0, 30).Add(9*time.Hour + time.Duration(i)*10*time.Second)}))
		}
	}},
	{kind: "big_customer", spoil: func(s *testShop) {
		for i, r := range s.sets["events"].rows {
			if i%5 == 0 {
				r["customer"], r["device_id"] = "C00000", "dev-000000"
			}
		}
	}},
	{kind: "no_consent", spoil: func(s *testShop) {
		x := s.sets["sends"]
		x.rows = append(x.rows, x.rows[5].with(row{"customer": "C00002", "arm": "mail"}), x.rows[5].with(row{"customer": "C00005", "arm": "mail"}))
	}, found: 2},
	{kind: "control_contacted", spoil: func(s *testShop) {
		x := s.sets["sends"]
		x.rows = append(x.rows, x.rows[0].with(row{"arm": "mail"}))
	}, found: 1},
	{kind: "two_arms", spoil: func(s *testShop) {
		x := s.sets["sends"]
		x.rows = append(x.rows, x.rows[5].with(row{"arm": "phone"}))
	}, found: 1},
	{kind: "send_after_end", spoil: each("sends", 0, 4, put("sent", testStart.AddDate(0, 0, 99))), found: 4},
	{kind: "arm_ratio", spoil: func(s *testShop) {
		for i, r := range s.sets["sends"].rows {
			if i%4 != 0 {
				r["arm"] = "mail"
			}
		}
	}},
}

func TestEveryKindFindsItsDefect(t *testing.T) {
	covered := map[string]bool{}
	for _, d := range defects {
		covered[d.kind] = true
		t.Run(d.kind, func(t *testing.T) {
			s := cleanShop(max(1, d.loads))
			d.spoil(s)
			rep := s.check(t, 4, 2)
			var hit *Result
			for _, r := range rep.Broken() {
				if r.Kind == d.kind && (hit == nil || d.found > 0 && r.Found == d.found) {
					hit = &r
				}
			}
			if hit == nil {
				for _, r := range rep.Results {
					if r.Kind == d.kind {
						t.Logf("%s: %s: %s", r.Name, r.Status, r.Text)
					}
				}
				t.Fatalf("not found; broken are %v", rep.brokenKinds())
			}
			if d.found > 0 && hit.Found != d.found {
				t.Errorf("found %d rows, planted %d: %s", hit.Found, d.found, hit.Text)
			}
			if d.stop != (hit.Level == Stop) {
				t.Errorf("level is %s: %s", hit.Level, hit.Text)
			}
			if hit.Words[0] == "" || hit.Words[1] == "" || !strings.ContainsFunc(hit.Words[0], func(r rune) bool { return r >= 0x4e00 && r < 0xa000 }) {
				t.Errorf("words: %q", hit.Words)
			}
			if !hit.Rows || hit.Found == 0 {
				return
			}
			var b strings.Builder
			n, err := rep.WriteRows(context.Background(), &b, hit.Name, 0)
			if err != nil {
				t.Fatal(err)
			}
			if k := kindNamed(d.kind); !k.value && !hit.Approx && n != hit.Found {
				t.Errorf("wrote %d rows, found %d: %s", n, hit.Found, hit.Text)
			}
			if lines := strings.Count(b.String(), "\n"); n > 0 && !strings.Contains(b.String(), "two\nlines") && int64(lines) != n+1 {
				t.Errorf("%d lines for %d rows", lines, n)
			}
		})
	}
	for _, k := range kinds() {
		if !covered[k.name] && k != ruleKind { // the front door tests it
			t.Errorf("kind %s has no test", k.name)
		}
	}
	if n := len(kinds()); n < 40 {
		t.Errorf("only %d kinds", n)
	}
}
