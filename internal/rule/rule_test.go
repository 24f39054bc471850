package rule

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/parser"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

var shanghai = func() *time.Location { l, _ := time.LoadLocation("Asia/Shanghai"); return l }()

// shop is a catalogue with everything in it.
func shop() Catalogue {
	return Catalogue{
		Zone: shanghai,
		Datasets: []plan.Dataset{
			{Name: "customers", Role: kequn.Customers, Columns: []plan.Column{
				{Name: "customer_id", Kind: table.Text, Role: kequn.ColCustomer},
				{Name: "city", Kind: table.Category, Role: kequn.ColCategory},
				{Name: "城市等级", Kind: table.Integer, Role: kequn.ColAttribute},
				{Name: "signup_date", Kind: table.Time, Role: kequn.ColAttribute, Fixed: true},
				{Name: "birth_date", Kind: table.Time, Role: kequn.ColBirth, Fixed: true},
				{Name: "district_id", Kind: table.Text, Role: kequn.ColKey},
				{Name: "consent_email", Kind: table.Bool, Role: kequn.ColConsent},
				{Name: "sms_ok", Kind: table.Category, Role: kequn.ColConsent},
				{Name: "full name", Kind: table.Text, Role: kequn.ColName},
				{Name: "notes", Kind: table.Text, Role: kequn.ColIgnore},
			}},
			{Name: "events", Role: kequn.Events, Columns: []plan.Column{
				{Name: "customer_id", Kind: table.Text, Role: kequn.ColCustomer},
				{Name: "ts", Kind: table.Time, Role: kequn.ColTime},
				{Name: "type", Kind: table.Category, Role: kequn.ColType},
				{Name: "product_id", Kind: table.Text, Role: kequn.ColItem},
				{Name: "seconds", Kind: table.Number, Role: kequn.ColAttribute},
			}},
			{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{
				{Name: "customer_id", Kind: table.Text, Role: kequn.ColCustomer},
				{Name: "time", Kind: table.Time, Role: kequn.ColTime},
				{Name: "order_id", Kind: table.Text, Role: kequn.ColOrder},
				{Name: "sales_value", Kind: table.Money, Role: kequn.ColAmount, Scale: 2},
				{Name: "Unit Price", Kind: table.Money, Role: kequn.ColPrice, Scale: 2},
				{Name: "product_id", Kind: table.Text, Role: kequn.ColItem},
				{Name: "channel", Kind: table.Category, Role: kequn.ColCategory},
				{Name: "gift", Kind: table.Bool, Role: kequn.ColAttribute},
			}},
			{Name: "products", Role: kequn.Lookup, Columns: []plan.Column{
				{Name: "product_id", Kind: table.Text, Role: kequn.ColKey},
				{Name: "department", Kind: table.Category, Role: kequn.ColCategory},
			}},
			{Name: "districts", Role: kequn.Lookup, Columns: []plan.Column{
				{Name: "district_id", Kind: table.Text, Role: kequn.ColKey},
				{Name: "region", Kind: table.Category, Role: kequn.ColCategory},
			}},
		},
		Features: []query.Feature{{Name: "orders_count_30d", Node: query.AggOf(query.Agg{Dataset: "orders", Fn: query.Count, Window: query.Window{Span: kequn.Days(30)}}, query.Number)}},
		Goals:    []string{"churn", "spend"},
		Segments: []Segmentation{{Name: "rfm", Values: []string{"champions", "lost"}}, {Name: "groups"}},
		Audiences: []plan.Audience{{Name: "vip", Rule: `orders.sum("amount") > 1000`}, {Name: "loop_a", Rule: `in_audience("loop_b")`},
			{Name: "loop_b", Rule: `city == "x" || in_audience("loop_a")`}, {Name: "broken", Rule: `ctiy == "x"`}},
	}
}

var accepted = []struct{ text, printed string }{
	{`city == "上海" && orders.last("90d").count() >= 2 && orders.sum("amount") > 500.0`,
		`customers.city == "上海" && orders.last("90d").count() >= 2 && orders.sum("sales_value") > 500`},
	{`events.where(e, e.type == "cart").last("7d").exists() && !orders.last("7d").exists()`,
		`events.where(e, e.type == "cart").last("7d").exists() && !orders.last("7d").exists()`},
	{`sequence("view","cart").gap("24h").without("order").same("product").last("30d").exists()`,
		`sequence(events.where(e, e.type == "view"), events.where(e, e.type == "cart")).gap("24h").without(orders).same("product_id").last("30d").exists()`},
	{`score("churn") > 0.6 && !in_audience("vip") && consent("email") && lifecycle("orders","30d") == "stopped"`,
		`score("churn") > 0.6 && !(orders.sum("sales_value") > 1000) && customers.consent_email && lifecycle(orders, "30d") == "stopped"`},
	{`orders.where(o, o.product_id.department == "GROCERY").between("60d","30d").exists()`,
		`orders.where(o, o.product_id.department == "GROCERY").between("60d", "30d").exists()`},
	{`orders.where(o, o.product.department == "GROCERY").where(o, o.gift).lines() > 1`,
		`orders.where(o, o.product_id.department == "GROCERY" && o.gift).lines() > 1`},
	{`orders.where(channel == "web" && amount > 3).count() > 1`, `orders.where(o, o.channel == "web" && o.sales_value > 3).count() > 1`},
	{`10 > 500.0`, `10 > 500`},
	{`城市等级 == 1 && city in ["上海", "北京"]`, `customers.城市等级 == 1 && customers.city in ["上海", "北京"]`},
	{"orders.where(o, o.`Unit Price` > 1).exists()", "orders.where(o, o.`Unit Price` > 1).exists()"},
	{"orders.mean(price) > 1", `orders.mean("Unit Price") > 1`},
	{`signup_date >= timestamp("2017-01-01") && signup_date < date("2018-01-01")`, `customers.signup_date >= timestamp("2016-12-31T16:00:00Z") && customers.signup_date < timestamp("2017-12-31T16:00:00Z")`},
	{`signup_date > "2017-01-01"`, `customers.signup_date > timestamp("2016-12-31T16:00:00Z")`},
	{`age(birth_date) >= 18 && days_since(signup_date) < 30`, `years_since(customers.birth_date) >= 18 && days_between(customers.signup_date, cutoff) < 30`},
	{`age(birth) >= 18`, `years_since(customers.birth_date) >= 18`},
	{`percentile("churn") >= 0.9 || segment("rfm") == "champions"`, `percentile("churn") >= 0.9 || segment("rfm") == "champions"`},
	{`feature("orders_count_30d") >= 2 && orders_count_30d >= 2`, `orders.last("30d").count() >= 2 && orders.last("30d").count() >= 2`},
	{`has(city) && !has(city)`, `has(customers.city) && !has(customers.city)`},
	{`consent_email && consent("sms")`, `customers.consent_email && customers.sms_ok in ["yes", "Yes", "YES", "y", "Y", "true", "True", "TRUE", "t", "T", "1", "granted", "subscribed", "opt_in", "是", "同意", "已同意"]`},
	{`consent_email == false`, `has(customers.consent_email) && !customers.consent_email`},
	{`customer == "C1" || customer_id in ["C2"]`, `_customer == "C1" || _customer in ["C2"]`},
	{`string(城市等级) == "1"`, `string(customers.城市等级) == "1"`},
	{`city.startsWith("上") && !city.endsWith("市") && city.contains("海") && city.matches("^.海$")`,
		`customers.city.startsWith("上") && !customers.city.endsWith("市") && customers.city.contains("海") && customers.city.matches("^.海$")`},
	{`district_id.region == "N"`, `customers.district_id.region == "N"`},
	{`orders.distinct("product_id.department") > 2`, `orders.distinct("product_id.department") > 2`},
	{`(orders.sum("amount") + 1) * 2 - 3 / 4 > -(-3)`, `(orders.sum("sales_value") + 1) * 2 - 3 / 4 > -(-3)`},
	{`1 - (2 - 3) > 0 && 1 - 2 - 3 < 0`, `1 - (2 - 3) > 0 && 1 - 2 - 3 < 0`},
	{`(orders.exists() ? 1 : 2) > 1 && (orders.exists() ? events.exists() : true)`,
		`(orders.exists() ? 1 : 2) > 1 && (orders.exists() && events.exists() || !orders.exists() && true)`},
	{`coalesce(orders.mean("amount"), 0) > min(1, max(2, abs(-3), log1p(4)))`, `coalesce(orders.mean("sales_value"), 0) > min(1, max(2, abs(-3), log1p(4)))`},
	{`!(!orders.exists())`, `orders.exists()`},
	{`a_b || true`, ``},
	{`orders.latest("channel") == "web" && orders.mode("channel") != "app"`, `orders.latest("channel") == "web" && orders.mode("channel") != "app"`},
	{`orders.since("2017-01-01").count() > 1`, `orders.where(o, o._time >= timestamp("2016-12-31T16:00:00Z")).count() > 1`},
	{`order.before("30d").exists() // a comment`, `orders.before("30d").exists()`},
	{`orders.days_since_last() < 30 && events.sessions() > 3 && orders.gap_mean() < 9`, `orders.days_since_last() < 30 && events.sessions() > 3 && orders.gap_mean() < 9`},
	{`orders.max("time") > date("2017-01-01")`, `orders.max("_time") > timestamp("2016-12-31T16:00:00Z")`},
	{`1e300 > 0.1 && 9007199254740993 > 1u && 1e15 > 1`, `1e+300 > 0.1 && 9.007199254740992e+15 > 1 && 1e+15 > 1`},
	{`"\x00\"\\\t\u4e0a" == city`, "\"\\x00\\\"\\\\\\t上\" == customers.city"},
	{`lifecycle(orders.where(o, o.gift), "2w") in ["back", "regular"]`, `lifecycle(orders.where(o, o.gift), "14d") in ["back", "regular"]`},
}

func TestCompileAndPrint(t *testing.T) {
	for _, c := range accepted {
		n, err := Compile(c.text, shop())
		if c.printed == "" {
			if err == nil {
				t.Errorf("%s: was accepted", c.text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := Print(n); got != c.printed {
			t.Errorf("%s\nprints %s\nwant   %s", c.text, got, c.printed)
		}
		again, err := Compile(Print(n), shop())
		if err != nil {
			t.Errorf("%s: its print %s: %v", c.text, Print(n), err)
		} else if !reflect.DeepEqual(n, again) {
			t.Errorf("%s: another tree after printing: %s", c.text, Print(again))
		}
		for _, lang := range []kequn.Lang{kequn.Chinese, kequn.English} {
			if w := Words(n, lang, shanghai); strings.Contains(w, "%!") || w == "" {
				t.Errorf("%s: words %q", c.text, w)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ text, where, message, hint string }{
		{`ctiy == "上海"`, "rule:1:1", `no name "ctiy"`, `"city"`},
		{`city == "上海" && ordrs.count() > 1`, "rule:1:17", `no dataset "ordrs"`, `"orders"`},
		{`city == "上海" &&
 城市等极 > 1`, "rule:2:2", `no name "城市等极"`, `"城市等级"`},
		{`orders.cuont() > 1`, "rule:1:13", `no method "cuont"`, `"count"`},
		{`orders.sum("amuont") > 1`, "rule:1:12", `no column "amuont"`, ``},
		{`orders.sum("channel") > 1`, "rule:1:12", `column of numbers`, ``},
		{`score("chrun") > 1`, "rule:1:7", `no goal "chrun"`, `"churn"`},
		{`in_audience("loop_a")`, "audience loop_b:1:28", "loop_a → loop_b → loop_a", ""},
		{`in_audience("broken")`, "audience broken:1:1", `no name "ctiy"`, `"city"`},
		{`in_audience("vipp")`, "rule:1:13", `no audience "vipp"`, `"vip"`},
		{`consent("phone")`, "rule:1:9", `no consent column`, `consent_email, sms_ok`},
		{`segment("rfm") == "champion"`, "rule:1:19", `no segment of rfm`, `"champions"`},
		{`lifecycle("orders", "30d") == "stoped"`, "rule:1:31", `no state`, `"stopped"`},
		{`city = "x"`, "rule:1:6", ``, ``},
		{`city == "x`, "rule:1:9", ``, ``},
		{`city == “x”`, "rule:1:9", `'“'`, `"`},
		{"city == \"x\"\x00", "rule:1:12", `U+0000`, ``},
		{`orders.count()`, "rule:1:1", `is a number`, `compare`},
		{`city == 3`, "rule:1:9", `text is compared with a number`, `"3"`},
		{`城市等级 == "3"`, "rule:1:9", `number is compared with a text`, ``},
		{"`full name` == \"x\"", "rule:1:1", "personal", ""},
		{"notes == \"x\"", "rule:1:1", "ignored", ""},
		{`orders.last("90").count() > 1`, "rule:1:13", `duration`, ``},
		{`orders.between("30d", "60d").exists()`, "rule:1:15", `empty`, ``},
		{`orders.last("7d").last("3d").exists()`, "rule:1:23", `twice`, ``},
		{`orders.ahead("7d").exists()`, "rule:1:13", `after the cutoff`, ``},
		{`orders.where(o, city == "x").exists()`, "rule:1:17", `inside where`, ``},
		{`orders.where(o, channel == "x").exists()`, "rule:1:17", `inside where`, `o.channel`},
		{`orders.last("7d")`, "rule:1:12", `rows, not a value`, `exists`},
		{`orders`, "rule:1:1", `dataset`, ``},
		{`orders.amount > 3`, "rule:1:7", `many rows`, `latest`},
		{`city.matches("(")`, "rule:1:14", ``, `RE2`},
		{`null == city`, "rule:1:1", `null`, `has`},
		{`[1].all(x, x > 0)`, "", ``, ``},
		{`{"a": 1}.a == 1`, "", ``, ``},
		{`signup_date + signup_date > 3`, "rule:1:1", `times are not added`, `days_since`},
		{``, "rule:1:1", `empty`, ``},
		{"\xff", "rule", `UTF-8`, ``},
		{strings.Repeat("(", 65) + "true" + strings.Repeat(")", 65), "rule:1:65", `nested`, ``},
		{"true" + strings.Repeat(" && 1 > 2", 1000), "rule", `too long`, ``},
		{strings.Repeat("1 + ", 100) + "1 > 0", "rule:1:1", `nested`, ``},
		{strings.Repeat(" ", MaxBytes+1), "rule", `bytes`, ``},
		{`orders.where(o, o.product_id.departmnt == "x").exists()`, "rule:1:29", `departmnt`, `department`},
		{`import == 3`, "rule:1:1", ``, ``},
		{`customers.count() > 1`, "rule:1:1", `no time`, ``},
		{`orders.count() % 2 == 1`, "", ``, ``},
	} {
		_, err := Compile(c.text, shop())
		short := c.text[:min(len(c.text), 50)]
		if err == nil {
			t.Errorf("%s: was accepted", short)
			continue
		}
		var k *kequn.Error
		if !errors.As(err, &k) || k.Kind != kequn.KindUsage {
			t.Errorf("%s: %v is no usage error", short, err)
			continue
		}
		if c.where != "" && !strings.HasPrefix(k.Where, c.where) || !strings.Contains(k.Message, c.message) || !strings.Contains(k.Hint, c.hint) {
			t.Errorf("%s\n got  %s | %s | %s\n want %s | %s | %s", short, k.Where, k.Message, k.Hint, c.where, c.message, c.hint)
		}
	}
}

// TestParsersAgree holds CEL's two parsers against each other on our texts.
func TestParsersAgree(t *testing.T) {
	for _, c := range accepted {
		s := &source{where: "rule", text: []rune(c.text), names: map[string]string{}, aliases: map[string]string{}}
		text, err := s.replaceNames()
		if err != nil {
			t.Fatal(err)
		}
		var trees []string
		for _, pratt := range []bool{false, true} {
			p, err := parser.NewParser(parser.EnablePrattParser(pratt), parser.EnableVariadicOperatorASTs(true))
			if err != nil {
				t.Fatal(err)
			}
			tree, errs := p.Parse(common.NewTextSource(text))
			if len(errs.GetErrors()) > 0 {
				t.Fatalf("%s: %s", text, errs.ToDisplayString())
			}
			out, err := parser.Unparse(tree.Expr(), tree.SourceInfo())
			if err != nil {
				t.Fatal(err)
			}
			trees = append(trees, out)
		}
		if trees[0] != trees[1] {
			t.Errorf("%s: parsers disagree:\n%s\n%s", text, trees[0], trees[1])
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ text, zh, en string }{
		{`city == "上海" && orders.last("90d").count() >= 2`, "city 为“上海”，且近 90 天内订单的次数至少 2", "city is “上海”, and number of orders in the last 90 days is at least 2"},
		{`!orders.last("7d").exists()`, "近 7 天内没有订单", "no orders in the last 7 days"},
	} {
		n, err := Compile(c.text, shop())
		if err != nil {
			t.Fatal(err)
		}
		if got := Words(n, kequn.Chinese, nil); got != c.zh {
			t.Errorf("%q, want %q", got, c.zh)
		}
		if got := Words(n, kequn.English, nil); got != c.en {
			t.Errorf("%q, want %q", got, c.en)
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"city", "orders", "城市等级", "signup_date"}
	for name, want := range map[string]string{"ctiy": "city", "CITY": "city", "order": "orders", "城市等极": "城市等级", "signupdate": "signup_date", "zzz": "", "": ""} {
		if got := Suggest(name, known); got != want {
			t.Errorf("%q suggests %q, want %q", name, got, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, c := range accepted {
		f.Add(c.text)
	}
	catalogue := shop()
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		defer func() {
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%d bytes took %v", len(text), d)
			}
		}()
		n, err := Compile(text, catalogue)
		if err != nil {
			if kequn.KindOf(err) != kequn.KindUsage {
				t.Fatalf("%q: %v is no usage error", text, err)
			}
			return
		}
		printed := Print(n)
		again, err := Compile(printed, catalogue)
		if err != nil {
			if len(printed) > MaxBytes || strings.Contains(err.Error(), "nested") {
				return // printing may need more brackets than the text had
			}
			t.Fatalf("%q prints as %q: %v", text, printed, err)
		}
		if !reflect.DeepEqual(n, again) {
			t.Fatalf("%q prints as %q, which is another tree: %q", text, printed, Print(again))
		}
		Words(n, kequn.Chinese, nil)
		Words(n, kequn.English, nil)
	})
}

func BenchmarkCompile(b *testing.B) {
	c := shop()
	for _, a := range accepted[:4] {
		b.Run(a.text[:20], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(a.text, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
