package rule

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/query"
	"kequn/internal/table"
)

// TestSQLElsewhere writes random customers, rules, their SQL and the referee's members to a folder, for
// testdata/sql_check.py to run in DuckDB and compare:
//
//	KEQUN_SQL_CHECK=DIR go test -run SQLElsewhere ./internal/rule && python3 internal/rule/testdata/sql_check.py DIR
func TestSQLElsewhere(t *testing.T) {
	dir := os.Getenv("KEQUN_SQL_CHECK")
	if dir == "" {
		t.Skip("KEQUN_SQL_CHECK names no folder")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewSource(3))
	w := world()
	var people []*Customer
	for i := 0; i < 60; i++ {
		c := &Customer{ID: fmt.Sprintf("C%d", i), Rows: map[string][]Row{}}
		pick := func(xs ...string) Cell { return text(xs[r.Intn(len(xs))]) }
		cr := Row{Time: kequn.NoTime, Known: kequn.NoTime, Cells: map[string]Cell{}}
		put := func(row *Row, name string, c Cell) {
			if r.Intn(4) > 0 {
				row.Cells[name] = c
			}
		}
		put(&cr, "city", pick("上海", "北京", "x", "上市"))
		put(&cr, "城市等级", Cell{Kind: table.Integer, Int: int64(r.Intn(3))})
		put(&cr, "signup_date", Cell{Kind: table.Time, Int: int64(instant("2016-01-01")) + int64(r.Intn(3000))*86400e6})
		put(&cr, "birth_date", Cell{Kind: table.Time, Int: int64(instant("1990-01-01")) + int64(r.Intn(9000))*86400e6})
		put(&cr, "district_id", pick("d1", "d2"))
		put(&cr, "consent_email", truth(int64(r.Intn(2))))
		put(&cr, "sms_ok", pick("yes", "no", "是"))
		c.Rows["customers"] = []Row{cr}
		for k := r.Intn(8); k > 0; k-- {
			e := Row{Time: instant("2024-01-15") + kequn.Instant(r.Intn(80*48))*1800e6, Seq: int64(r.Intn(1 << 30)), Cells: map[string]Cell{}}
			e.Known = e.Time
			put(&e, "type", pick("view", "cart"))
			put(&e, "product_id", pick("p1", "p2", "p3"))
			put(&e, "seconds", Cell{Kind: table.Number, Num: float64(r.Intn(100))})
			c.Rows["events"] = append(c.Rows["events"], e)
		}
		for k := r.Intn(7); k > 0; k-- {
			e := Row{Time: instant("2023-12-15") + kequn.Instant(r.Intn(110*4))*6*3600e6, Seq: int64(r.Intn(1 << 30)), Cells: map[string]Cell{}}
			e.Known = e.Time
			put(&e, "order_id", pick("o1", "o2", "o3"))
			put(&e, "sales_value", money(int64(r.Intn(90000)-10000)))
			put(&e, "Unit Price", money(int64(r.Intn(900))))
			put(&e, "product_id", pick("p1", "p2", "p3"))
			put(&e, "channel", pick("web", "app", "fax"))
			put(&e, "gift", truth(int64(r.Intn(2))))
			c.Rows["orders"] = append(c.Rows["orders"], e)
		}
		people = append(people, c)
	}
	for _, d := range w.Datasets[:3] {
		f, err := os.Create(filepath.Join(dir, d.Name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		cw := csv.NewWriter(f)
		header := []string{"_customer", "_time", "_known", "_seq"}
		for _, col := range d.Columns {
			if col.Role != kequn.ColCustomer && col.Role != kequn.ColTime {
				header = append(header, col.Name)
			}
		}
		cw.Write(header)
		for _, c := range people {
			for _, row := range c.Rows[d.Name] {
				line := []string{c.ID, row.Time.Time().Format("2006-01-02 15:04:05.999999"), row.Time.Time().Format("2006-01-02 15:04:05.999999"), fmt.Sprint(row.Seq)}
				for _, name := range header[4:] {
					cell, ok := row.Cells[name]
					s := ""
					if ok {
						switch cell.Kind {
						case table.Text:
							s = cell.Text
						case table.Number:
							s = fmt.Sprint(cell.Num)
						case table.Money:
							s = strconv.FormatFloat(float64(cell.Int)/100, 'f', 2, 64)
						case table.Bool:
							s = strconv.FormatBool(cell.Int == 1)
						case table.Time:
							s = kequn.Instant(cell.Int).Time().Format("2006-01-02 15:04:05.999999")
						default:
							s = fmt.Sprint(cell.Int)
						}
					}
					line = append(line, s)
				}
				cw.Write(line)
			}
		}
		cw.Flush()
		f.Close()
	}
	for _, c := range people {
		w.Everybody = append(w.Everybody, *c)
	}
	cat := shop()
	var out []map[string]any
	texts := []string{}
	for _, a := range accepted {
		texts = append(texts, a.text)
	}
	for _, e := range []string{"orders.count()", "orders.lines()", `orders.last("60d").sum("amount")`, `orders.mean("amount")`, `orders.min("amount")`, `orders.sd("amount")`, `orders.distinct("channel")`,
		`orders.mode_share("channel")`, `orders.entropy("channel")`, "orders.days_since_last()", "orders.days_since_first()", "orders.active_days()", "orders.gap_mean()", "orders.gap_sd()",
		`orders.slope("amount")`, "orders.weekend_share()", "events.night_share()", "events.hour_mean()", "events.sessions()", "age(birth_date)", "days_since(signup_date)", "log1p(orders.count())",
		`orders.max("time") > date("2024-02-01") ? 1 : 0`, `min(orders.count(), events.count())`, `1.0 / (orders.count() - 3)`, `coalesce(orders.mean("amount"), -1)`,
		"orders.gap_last()", "orders.gap_recent()", "orders.gap_max()", "events.session_minutes()", "events.session_longest()", `events.sessions_with(e, e.type == "cart")`, `events.sessions_ending(e, e.type == "cart")`,
		"events.hour_entropy()", "orders.weekday_entropy()", "orders.month_turn()", "orders.same_month()", "orders.same_quarter()", `orders.last("60d").fresh("channel")`, `orders.fresh("channel")`,
		`orders.order_mean("amount")`, `orders.order_sd("amount")`, `orders.order_max("amount")`, `orders.order_last("amount")`, `orders.order_slope("amount")`, "orders.order_single()", `orders.order_distinct("channel")`,
		`events.answered(orders.where(o, o.channel == "web"), "20d")`, `events.last("60d").unanswered(orders, "12h")`, `events.unanswered(orders, "9d")`,
		"group_count(city)", "others_count(district_id)", `others_mean(city, orders.last("60d").sum("amount"))`, "group_sum(district_id, orders.count())", "others_max(city, events.days_since_last())",
		`others_min(orders.mode("channel"), age(birth_date))`} {
		n, err := CompileValue(e, cat)
		if err != nil {
			t.Fatal(err)
		}
		var vals []float64
		for _, c := range people {
			if v := w.Eval(n, c); v != nil {
				vals = append(vals, v.Num)
			}
		}
		sort.Float64s(vals)
		m := vals[len(vals)/2] + 1e-6
		texts = append(texts, fmt.Sprintf("(%s) > %s", e, number(m)), fmt.Sprintf("!has(%s)", e))
	}
	texts = append(texts, `orders.first("channel") == "web"`, `orders.latest("channel") == "web"`, `orders.mode("channel") == "web"`,
		`sequence("view","cart").exists()`, `sequence("view","cart","orders").same("product_id").exists()`, `sequence("orders","orders").gap("10d").without("cart").exists()`,
		`sequence(orders, events, orders).gap("20d").last("60d").exists()`, `lifecycle("orders","20d") == "back"`, `lifecycle("events","20d") == "first"`, `lifecycle("orders","20d") == "dormant"`,
		`orders.where(o, !(o.channel == "web")).count() > 1`)
	for _, text := range texts {
		n, err := Compile(text, cat)
		if err != nil || asksTheHouse(n) {
			continue
		}
		members := []string{}
		for _, c := range people {
			if w.InPopulation(c) && w.Holds(n, c) {
				members = append(members, c.ID)
			}
		}
		sort.Strings(members)
		out = append(out, map[string]any{"rule": text, "sql": SQL(n, cat, w.Cutoff), "members": members})
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSQLQuotesData: whatever stands in a rule stays data in its SQL.
func TestSQLQuotesData(t *testing.T) {
	n, err := Compile("city == \"x'; DROP TABLE orders; --\" && orders.where(o, o.`Unit Price` > 1).exists() && city != \"a\\x00b\"", shop())
	if err != nil {
		t.Fatal(err)
	}
	sql := SQL(n, shop(), instant("2024-04-01"))
	for _, want := range []string{"'x''; DROP TABLE orders; --'", `"Unit Price"`, "concat('a', chr(0), 'b')", "TIMESTAMP '2024-03-31 16:00:00'"} {
		if !strings.Contains(sql, want) {
			t.Errorf("the statement lacks %s:\n%s", want, sql)
		}
	}
}

// asksTheHouse tells whether a rule asks for scores or segments, which the folder does not hold.
func asksTheHouse(n *query.Node) bool {
	found := false
	n.Walk(func(n *query.Node) {
		if n.Dataset != "" && n.Dataset[0] == '_' {
			found = true
		}
	})
	return found
}
