package rule

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/query"
	"kequn/internal/table"
)

func instant(s string) kequn.Instant {
	i, err := kequn.ParseTime(s, shanghai)
	if err != nil {
		panic(err)
	}
	return i
}

func text(s string) Cell     { return Cell{Kind: table.Text, Text: s} }
func money(units int64) Cell { return Cell{Kind: table.Money, Scale: 2, Int: units} }
func truth(b int64) Cell     { return Cell{Kind: table.Bool, Int: b} }
func moment(s string) Cell   { return Cell{Kind: table.Time, Int: int64(instant(s))} }
func row(at string, cells ...any) Row {
	r := Row{Time: instant(at), Cells: map[string]Cell{}}
	r.Known = r.Time
	for i := 0; i < len(cells); i += 2 {
		r.Cells[cells[i].(string)] = cells[i+1].(Cell)
	}
	return r
}

// lily is a customer of the shop, asked at midnight of 1 April 2024 in Shanghai.
func lily() *Customer {
	c := &Customer{ID: "C1", Rows: map[string][]Row{
		"customers": {{Time: kequn.NoTime, Known: kequn.NoTime, Cells: map[string]Cell{"city": text("上海"), "birth_date": moment("2000-02-29"),
			"signup_date": moment("2024-01-01"), "district_id": text("d1")}}},
		"events": {
			row("2024-03-01 10:00", "type", text("view"), "product_id", text("p1")),
			row("2024-03-01 11:00", "type", text("view"), "product_id", text("p2")),
			row("2024-03-01 23:30", "type", text("cart"), "product_id", text("p2")),
			row("2024-03-05 10:00", "type", text("cart"), "product_id", text("p1")),
			row("2024-03-31 23:59", "type", text("view"), "product_id", text("p3")),
			row("2024-04-01", "type", text("cart"), "product_id", text("p3")), // at the cutoff: the future
		},
		"orders": {
			row("2024-01-01", "order_id", text("o1"), "sales_value", money(1999), "channel", text("web"), "product_id", text("p1")),
			row("2024-01-01", "order_id", text("o1"), "sales_value", money(1), "channel", text("web"), "product_id", text("p2")),
			row("2024-03-02 12:00", "order_id", text("o2"), "sales_value", money(5000), "channel", text("app"), "gift", truth(1)),
			row("2024-03-30 12:00", "sales_value", money(-1000), "channel", text("app"), "gift", truth(0)),
			row("2024-05-01 12:00", "order_id", text("o4"), "sales_value", money(7000)),
		},
	}}
	for name := range c.Rows {
		for i := range c.Rows[name] {
			c.Rows[name][i].Seq = int64(i)
		}
	}
	return c
}

func world() *World {
	w := &World{Datasets: shop().Datasets, Cutoff: instant("2024-04-01"), Zone: shanghai, Lookups: map[string]*table.Table{}}
	for name, rows := range map[string][][2]string{"products": {{"p1", "GROCERY"}, {"p2", "TOYS"}, {"p1", "LATER"}}, "districts": {{"d1", "N"}}} {
		key, value := table.NewColumn(name[:len(name)-1]+"_id", table.Text, 0), table.NewColumn(map[string]string{"products": "department", "districts": "region"}[name], table.Category, 0)
		for _, r := range rows {
			key.AppendString(r[0])
			value.AppendString(r[1])
		}
		w.Lookups[name] = table.New(key, value)
	}
	return w
}

func show(v *query.Value) string {
	if v == nil {
		return "missing"
	}
	if v.Type == query.Number {
		return fmt.Sprint(math.Round(v.Num*1e6) / 1e6)
	}
	return label(v)
}

func TestEval(t *testing.T) {
	c := shop()
	c.Ahead = true
	for _, line := range strings.Split(strings.TrimSpace(`
orders.count()                                           = 3     the order without an id is one of its own; May is the future
orders.lines()                                           = 4
orders.sum("amount")                                     = 60
orders.last("30d").sum("amount")                         = 40    2 March 12:00 is just inside: it begins 2 March 0:00
orders.last("29d").count()                               = 1
orders.between("91d","30d").count()                      = 1     1 January 0:00 is the window's first instant
orders.between("90d","30d").count()                      = 0
orders.before("30d").count()                             = 1
orders.mean("amount")                                    = 15
orders.min("amount")                                     = -10
orders.max("amount")                                     = 50
orders.sd("amount")                                      = 26.454994
orders.distinct("channel")                               = 2
orders.distinct("product_id.department")                 = 2
orders.where(o, o.product_id.department == "GROCERY").count() = 1  the first row of a key counts
orders.first("channel")                                  = web
orders.latest("channel")                                 = app
orders.latest("product_id")                              = p2    rows without one are passed over
orders.mode("channel")                                   = app   the smaller text on a tie
orders.mode_share("channel")                             = 0.5
orders.entropy("channel")                                = 0.693147
orders.days_since_last()                                 = 1.5
orders.days_since_first()                                = 91
orders.active_days()                                     = 3
orders.gap_mean()                                        = 44.5
orders.gap_sd()                                          = 23.334524
orders.last("3d").gap_mean()                             = missing
orders.last("3d").sd("amount")                           = missing
orders.last("1d").mean("amount")                         = missing
orders.last("1d").sum("amount")                          = 0
orders.weekend_share()                                   = 0.5
events.night_share()                                     = 0.4
events.sessions()                                        = 5     a pause of an hour
events.hour_mean()                                       = 8.14366
orders.where(o, o.gift).count()                          = 1
orders.where(o, o.gift == false).count()                 = 1     a missing gift is neither
orders.where(o, !o.gift).count()                         = 2     ! is two-valued: o1 and the last one
orders.ahead("60d").sum("amount")                        = 70
orders.ahead("30d").count()                              = 0
city == "上海"                                           = true
city != "上海"                                           = false
sms_ok == "x"                                            = false
sms_ok != "x"                                            = false
!(sms_ok == "x")                                         = true
has(sms_ok)                                              = false
has(consent_email)                                       = false
consent_email                                            = false
has(orders.exists())                                     = true
district_id.region                                       = N
age(birth_date)                                          = 24
days_since(signup_date)                                  = 91
customer                                                 = C1
1.0 / (orders.count() - 3)                               = missing
coalesce(1.0 / (orders.count() - 3), 7)                  = 7
1.0 / (orders.count() - 3) > 0 || 1.0 / (orders.count() - 3) <= 0 = false
log1p(-1)                                                = missing
string(orders.sum("amount") / 7)                         = 8.571428571428571
string(signup_date)                                      = 2023-12-31T16:00:00Z
lifecycle("orders", "30d")                               = back
lifecycle("orders", "10d")                               = back
lifecycle("events", "30d")                               = regular
lifecycle("order", "45d")                                = back
lifecycle(orders.where(o, o.channel == "web"), "30d")    = dormant
lifecycle(orders.where(o, o.channel == "web"), "50d")    = stopped
lifecycle(orders.where(o, o.channel == "fax"), "50d")    = never
lifecycle("orders", "100d")                              = first
sequence("view", "cart").exists()                        = true
sequence("view", "cart").same("product").exists()        = true
sequence("view", "cart").same("product").gap("12h").exists()  = false   p2: from 11:00 to 23:30
sequence("view", "cart").same("product").gap("750m").exists() = true
sequence("view", "cart").same("product").gap("13h").without(events.where(e, e.product_id == "p3")).exists() = true
sequence("view", "cart").same("product").gap("13h").without("view").exists()    = true
sequence("view", "view", "cart", "cart").without("orders").exists()   = false
sequence("view", "view", "cart", "cart").exists()        = true
sequence("view", "cart").last("20d").exists()            = false   the cart is at the cutoff
sequence("cart", "orders").gap("12h").exists()           = false   2 March 12:00 is 12:30 later
sequence("cart", "orders").gap("1d").exists()            = true
sequence("orders", "orders").exists()                    = true    two lines of one instant, in the store's order
`), "\n") {
		expr, rest, _ := strings.Cut(line, " = ")
		n, err := CompileValue(expr, c)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		want := strings.Fields(rest)[0]
		if got := show(world().Eval(n, lily())); got != want {
			t.Errorf("%s is %s, want %s", strings.TrimSpace(expr), got, want)
		}
	}
}

func TestKnownAtAndVersions(t *testing.T) {
	c := &Customer{ID: "C1", Rows: map[string][]Row{"orders": {
		{Time: instant("2024-03-01"), Known: instant("2024-03-01"), Seq: 1, ID: "a", Cells: map[string]Cell{"sales_value": money(100)}},
		{Time: instant("2024-03-01"), Known: instant("2024-03-20"), Seq: 2, ID: "a", Cells: map[string]Cell{"sales_value": money(200)}}, // corrected
		{Time: instant("2024-03-05"), Known: instant("2024-04-02"), Seq: 3, ID: "b", Cells: map[string]Cell{"sales_value": money(900)}}, // came late
		{Time: instant("2024-03-06"), Known: instant("2024-03-06"), Seq: 4, ID: "c", Cells: map[string]Cell{"sales_value": money(5000)}},
		{Time: instant("2024-03-06"), Known: instant("2024-03-25"), Seq: 5, ID: "c", Gone: true, Cells: map[string]Cell{}}, // was somebody else's
	}}}
	n, err := CompileValue(`orders.sum("amount")`, shop())
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{"2024-03-01": "0", "2024-03-02": "1", "2024-03-20": "51", "2024-03-21": "52", "2024-03-26": "2", "2024-04-02": "2", "2024-04-03": "11"} {
		w := world()
		w.Cutoff = instant(at)
		if got := show(w.Eval(n, c)); got != want {
			t.Errorf("at %s the sum is %s, want %s", at, got, want)
		}
	}
	ahead := query.AggOf(query.Agg{Dataset: "orders", Fn: query.Sum, Column: "sales_value", Window: query.Window{Span: kequn.Days(30), Ahead: true}}, query.Number)
	for by, want := range map[kequn.Instant]string{0: "11", instant("2024-03-22"): "52"} {
		w := world()
		w.Cutoff, w.KnownBy = instant("2024-03-01"), by
		if got := show(w.Eval(ahead, c)); got != want {
			t.Errorf("known by %v the coming sum is %s, want %s", by, got, want)
		}
	}
}

func TestAttributesWithoutHistory(t *testing.T) {
	c := &Customer{Rows: map[string][]Row{"customers": {
		{Time: kequn.NoTime, Known: instant("2024-02-01"), Cells: map[string]Cell{"city": text("北京"), "birth_date": moment("1990-01-01")}},
		{Time: kequn.NoTime, Known: instant("2024-03-01"), Cells: map[string]Cell{"city": text("上海"), "birth_date": moment("1990-01-01")}},
	}}}
	city, _ := CompileValue("city", shop())
	born, _ := CompileValue("age(birth_date)", shop())
	for at, want := range map[string]string{"2024-01-01": "missing 34", "2024-02-01": "missing 34", "2024-02-02": "北京 34", "2024-03-02": "上海 34"} {
		w := world()
		w.Cutoff = instant(at)
		if got := show(w.Eval(city, c)) + " " + show(w.Eval(born, c)); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	w := world()
	w.Cutoff, w.AnyTime = instant("2024-01-01"), true
	if got := show(w.Eval(city, c)); got != "北京" {
		t.Errorf("at any time the city is %s", got)
	}
}

// TestCalendarDays crosses the change to summer time: a day there has 23 hours.
func TestCalendarDays(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("no time zones here")
	}
	c := shop()
	c.Zone = paris
	day, _ := CompileValue(`orders.last("1d").lines()`, c)
	hours, _ := CompileValue(`orders.last("24h").lines()`, c)
	at, _ := kequn.ParseTime("2024-04-01", paris)
	customer := &Customer{Rows: map[string][]Row{"orders": nil}}
	for i, s := range []string{"2024-03-30T22:30:00Z", "2024-03-30T23:00:00Z", "2024-03-31T21:59:59Z"} {
		i64, _ := kequn.ParseTime(s, paris)
		customer.Rows["orders"] = append(customer.Rows["orders"], Row{Time: i64, Known: i64, Seq: int64(i)})
	}
	w := &World{Datasets: c.Datasets, Cutoff: at, Zone: paris}
	if d, h := show(w.Eval(day, customer)), show(w.Eval(hours, customer)); d != "2" || h != "3" {
		t.Errorf("a calendar day holds %s rows, 24 hours %s; want 2 and 3", d, h)
	}
}

// TestNegationSplitsEverybody: of a rule and its negation exactly one holds, whatever is missing.
func TestNegationSplitsEverybody(t *testing.T) {
	c := shop()
	var rules []*query.Node
	for _, a := range accepted {
		if n, err := Compile(a.text, c); err == nil && !strings.Contains(a.text, "score") && !strings.Contains(a.text, "percentile") {
			rules = append(rules, n)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rules[rapid.IntRange(0, len(rules)-1).Draw(t, "rule")]
		full := lily()
		for _, name := range []string{"customers", "events", "orders"} { // take some cells away
			rows := full.Rows[name]
			for i := range rows {
				for _, col := range slices.Sorted(maps.Keys(rows[i].Cells)) {
					if col[0] != '_' && rapid.Bool().Draw(t, name+col) {
						delete(rows[i].Cells, col)
					}
				}
			}
		}
		w := world()
		if w.Holds(n, full) == w.Holds(not(n), full) {
			t.Fatalf("%s and its negation agree", Print(n))
		}
	})
}
