package plan

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/table"
)

var sample = Plan{
	Zone: "Asia/Shanghai", Currency: "CNY",
	Datasets: []Dataset{
		{Name: "customers", Role: kequn.Customers, Columns: []Column{
			{Name: "客户编号", Kind: table.Text, Role: kequn.ColCustomer},
			{Name: "gender: m/f", Kind: table.Category, Role: kequn.ColAttribute, Sensitive: true, Fixed: true},
			{Name: "yes", Kind: table.Bool, Role: kequn.ColConsent},
		}},
		{Name: "orders", Role: kequn.Orders, Columns: []Column{
			{Name: "customer_id", Kind: table.Text, Role: kequn.ColCustomer},
			{Name: "ts", Kind: table.Time, Role: kequn.ColTime, Layout: "02/01/2006 15:04"},
			{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2, From: "Quantity * UnitPrice"},
		}},
	},
	Goals: []Goal{
		{Name: "buys_again", Event: "orders", Within: kequn.Days(30)},
		{Name: "spend", Sum: "orders.amount", Within: kequn.Days(90), Gap: kequn.Days(3), Who: `orders.last("90d").exists()`},
	},
	Segments: []Segmentation{{Name: "rfm", Method: "rfm"}},
	Audience: []Audience{{Name: "vip", Rule: `city == "上海" && orders.sum("amount") > 500.0`}},
	Offers:   []Offer{{Name: "coupon10", Contact: 0.5, Rate: 0.1}},
	Campaign: []Campaign{{Name: "spring", Goal: "spend", Offers: []string{"coupon10"}, Margin: 0.3, Budget: 20000, Control: 0.2, Channel: "email", Within: kequn.Days(14)}},
}

func write(p Plan) *Edit {
	e := NewEdit(New(p.Zone, p.Currency))
	for _, d := range p.Datasets {
		e.PutDataset(d, map[string]string{"ts": "times without a zone"})
	}
	for _, g := range p.Goals {
		e.PutGoal(g)
	}
	for _, s := range p.Segments {
		e.PutSegmentation(s)
	}
	for _, a := range p.Audience {
		e.PutAudience(a)
	}
	for _, o := range p.Offers {
		e.PutOffer(o)
	}
	for _, c := range p.Campaign {
		e.PutCampaign(c)
	}
	return e
}

func TestWrittenPlanReadsBack(t *testing.T) {
	text, err := write(sample).Bytes()
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(write(sample).lines, "\n"))
	}
	got, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, sample) {
		t.Errorf("got  %+v\nwant %+v\n%s", *got, sample, text)
	}
}

func TestEditKeepsWhatPeopleWrote(t *testing.T) {
	text := `zone: UTC # mine
datasets:
  orders: # ours
    role: orders
    columns:
      c: {role: customer, kind: text}   # who
      t: {role: time, kind: time}
# goals follow
goals: {}
audiences:
  # the good ones
  vip: 'orders.count() > 3'
  other: 'orders.exists()'   # keep
`
	e := NewEdit([]byte(text))
	e.PutAudience(Audience{Name: "vip", Rule: "orders.count() > 5"})
	e.PutGoal(Goal{Name: "again", Event: "orders", Within: kequn.Days(30)})
	got, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(text, "vip: 'orders.count() > 3'", `vip: "orders.count() > 5"`, 1)
	want = strings.Replace(want, "goals: {}", "goals:\n  again: {event: orders, within: 30d}", 1)
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMistakesNameTheirLine(t *testing.T) {
	head := "datasets:\n  orders:\n    role: orders\n    columns:\n      c: {role: customer, kind: text}\n      t: {role: time, kind: time}\n"
	for _, c := range []struct{ name, text, want string }{
		{"unknown section", "goal: {}\n", `line 1: unknown section "goal"`},
		{"unknown field", head + "goals:\n  a: {evnt: orders}\n", `line 8: unknown field "evnt"`},
		{"unknown role", "datasets:\n  x:\n    role: order\n", `line 3: unknown role "order"`},
		{"bad zone", "zone: Mars/Base\n", `line 1: "Mars/Base" is not a time zone`},
		{"no such dataset", head + "goals:\n  a: {event: carts, within: 3d}\n", `goals: a: there is no dataset "carts"`},
		{"two kinds of goal", head + "goals:\n  a: {event: orders, count: orders, within: 3d}\n", "exactly one of"},
		{"bad span", head + "goals:\n  a: {event: orders, within: soon}\n", `"soon"`},
		{"twice", "zone: UTC\nzone: UTC\n", "zone"},
		{"control of 2", head + "offers:\n  o: {contact: 1}\ncampaigns:\n  s: {offers: [o], control: 2}\n", "control: is 2"},
		{"not a mapping", "- a\n", "want names with values"},
		{"newer version", "version: 2\n", "newer program"},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || kequn.KindOf(err) != kequn.KindPlan {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestScalarsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringN(1, 20, -1).Draw(t, "rule")
		if strings.TrimSpace(s) == "" || strings.ContainsRune(s, '\u0085') || strings.ContainsAny(s, "\u2028\u2029\ufeff\x7f") {
			t.Skip("line separators of YAML")
		}
		e := NewEdit(New("UTC", "EUR"))
		e.PutAudience(Audience{Name: "a", Rule: s})
		text, err := e.Bytes()
		if err != nil {
			t.Fatalf("%q: %v\n%s", s, err, strings.Join(e.lines, "\n"))
		}
		p, _ := Parse(text)
		if p.Audience[0].Rule != s {
			t.Fatalf("wrote %q, read %q", s, p.Audience[0].Rule)
		}
	})
}

func FuzzParse(f *testing.F) {
	text, _ := write(sample).Bytes()
	f.Add(text)
	f.Add([]byte("datasets: {a: {role: orders, columns: {}}}"))
	f.Add([]byte("goals: &a\n  b: *a\n"))
	f.Fuzz(func(t *testing.T, text []byte) { Parse(text) })
}

// A sensitive column that is asked for keeps that mark on the way through the file.
func TestAllow(t *testing.T) {
	c := Column{Name: "age", Kind: table.Integer, Role: kequn.ColAttribute, Sensitive: true, Allow: true}
	p, err := Parse([]byte("version: 1\ndatasets:\n  people:\n    role: customers\n    columns:\n      id: {role: customer, kind: text}\n      age: {" + c.text() + "}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Datasets[0].Columns[1]; got != c {
		t.Errorf("%+v", got)
	}
}
