package audience

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/engine/local"
	"kequn/internal/plan"
	"kequn/internal/rule"
	"kequn/internal/table"
)

// memory is a small shop in memory, in two partitions.
type memory struct {
	datasets []engine.Dataset
	tables   map[string]*table.Table // sorted by customer and time
	ids      []string                // sorted
}

func (m *memory) Datasets() []engine.Dataset { return m.datasets }
func (m *memory) NParts() int                { return 2 }

func (m *memory) Lookup(context.Context, string, []string) (*table.Table, error) { panic("no lookups") }

func (m *memory) Part(_ context.Context, p int, want []table.Want) (*table.Partition, error) {
	half := len(m.ids) / 2
	ids := [][]string{m.ids[:half], m.ids[half:]}[p]
	out := &table.Partition{Customer: table.NewColumn(engine.CustomerColumn, table.Text, 0)}
	for _, id := range ids {
		out.Customer.AppendString(id)
	}
	for _, w := range want {
		t := m.tables[w.Dataset]
		set := table.Set{Start: []int32{0}}
		var rows []int32
		who := t.Column(engine.CustomerColumn)
		for _, id := range ids {
			for i := range t.NRows() {
				if who.String(i) == id {
					rows = append(rows, int32(i))
				}
			}
			set.Start = append(set.Start, int32(len(rows)))
		}
		chosen, err := t.Select(w.Columns...)
		if err != nil {
			return nil, err
		}
		set.Rows = chosen.Take(rows)
		out.Sets = append(out.Sets, set)
	}
	return out, nil
}

func at(s string) kequn.Instant {
	i, err := kequn.ParseTime(s, time.UTC)
	if err != nil {
		panic(err)
	}
	return i
}

// shop has 60 customers with cities, consent and up to five orders in the 100 days before 10 April; some have none.
func shop() Source {
	r := rand.New(rand.NewPCG(1, 2))
	m := &memory{tables: map[string]*table.Table{}}
	column := func(name string, k table.Kind) *table.Column { return table.NewColumn(name, k, 0) }
	cid, city, consent := column(engine.CustomerColumn, table.Text), column("city", table.Category), column("consent_email", table.Bool)
	oid, when, order, amount := column(engine.CustomerColumn, table.Text), column(engine.TimeColumn, table.Time), column("order_id", table.Text), column("amount", table.Money)
	amount.Scale = 2
	cutoff := at("2024-04-10")
	for i := range 60 {
		id := fmt.Sprintf("C%03d", i)
		m.ids = append(m.ids, id)
		cid.AppendString(id)
		city.AppendString([]string{"上海", "北京", "Paris"}[r.IntN(3)])
		consent.Int = append(consent.Int, []int64{0, 1, table.Missing}[r.IntN(3)])
		var times []int64
		for range r.IntN(6) {
			times = append(times, int64(cutoff)-int64(r.IntN(100*24))*3600e6-1)
		}
		slices.Sort(times)
		for j, t := range times {
			oid.AppendString(id)
			when.Int = append(when.Int, t)
			order.AppendString(fmt.Sprint(id, "-", j))
			amount.Int = append(amount.Int, int64(r.IntN(50000)))
		}
	}
	m.tables["customers"], m.tables["orders"] = table.New(cid, city, consent), table.New(oid, when, order, amount)
	sets := []plan.Dataset{
		{Name: "customers", Role: kequn.Customers, Columns: []plan.Column{{Name: "customer", Kind: table.Text, Role: kequn.ColCustomer},
			{Name: "city", Kind: table.Category, Role: kequn.ColCategory}, {Name: "consent_email", Kind: table.Bool, Role: kequn.ColConsent}}},
		{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{{Name: "customer", Kind: table.Text, Role: kequn.ColCustomer}, {Name: "time", Kind: table.Time, Role: kequn.ColTime},
			{Name: "order_id", Kind: table.Text, Role: kequn.ColOrder}, {Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2}}},
	}
	for _, d := range sets {
		m.datasets = append(m.datasets, engine.Dataset{Dataset: d})
	}
	return Source{Engine: local.Engine{}, Data: m, Catalogue: rule.Catalogue{Datasets: sets}, Cutoff: cutoff, Zone: time.UTC}
}

var rules = []string{
	`city == "上海" && orders.last("90d").count() >= 2 && orders.sum("amount") > 500.0`,
	`consent("email")`,
	`!consent("email") && (city != "上海" || orders.exists())`,
	`orders.count() > 100`,
	`true`,
	`!orders.last("30d").exists() || orders.mean("amount") > 200`,
	`lifecycle("orders", "30d") in ["stopped", "dormant"]`,
}

func TestPreviewCountsMembers(t *testing.T) {
	s, ctx := shop(), context.Background()
	for _, text := range rules {
		p, err := s.Preview(ctx, text, kequn.Chinese)
		if err != nil {
			t.Fatal(err)
		}
		members, err := s.Members(ctx, text)
		if err != nil {
			t.Fatal(err)
		}
		if len(members) != p.Count || !slices.IsSorted(members) {
			t.Errorf("%s: preview says %d, there are %d members", text, p.Count, len(members))
		}
		last := p.Of
		for _, step := range p.Waterfall {
			if step.Left > last || step.Words == "" || step.Step == "" {
				t.Errorf("%s: step %+v after %d", text, step, last)
			}
			last = step.Left
		}
		if last != p.Count || p.SQL == "" {
			t.Errorf("%s: the waterfall ends at %d, the count is %d", text, last, p.Count)
		}
		rest, err := s.Members(ctx, "!("+text+")")
		if err != nil {
			t.Fatal(err)
		}
		if len(rest)+len(members) != p.Of || slices.ContainsFunc(rest, func(id string) bool { return slices.Contains(members, id) }) {
			t.Errorf("%s and its negation are %d and %d of %d", text, len(members), len(rest), p.Of)
		}
	}
}

// TestMembersEqualTheReferee asks the slow evaluator about everybody, and Why as well.
func TestMembersEqualTheReferee(t *testing.T) {
	s, ctx := shop(), context.Background()
	var names []string
	var wants []table.Want
	for name, columns := range map[string][]string{"customers": {"city", "consent_email"}, "orders": {engine.TimeColumn, "order_id", "amount"}} {
		names = append(names, name)
		wants = append(wants, table.Want{Dataset: name, Columns: columns})
	}
	w := &rule.World{Datasets: s.Catalogue.Datasets, Cutoff: s.Cutoff, Zone: s.Zone}
	for _, text := range rules {
		members, err := s.Members(ctx, text)
		if err != nil {
			t.Fatal(err)
		}
		n, err := rule.Compile(text, s.Catalogue)
		if err != nil {
			t.Fatal(err)
		}
		for p := range s.Data.NParts() {
			part, err := s.Data.Part(ctx, p, wants)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range rule.CustomersOf(part, names) {
				want := w.InPopulation(&c) && w.Holds(n, &c)
				if slices.Contains(members, c.ID) != want {
					t.Errorf("%s: %s is a member: %v, the referee says %v", text, c.ID, !want, want)
				}
				why, err := s.Why(ctx, text, c.ID, kequn.English)
				if err != nil {
					t.Fatal(err)
				}
				if why.Member != want {
					t.Errorf("%s: why says %s is a member: %v", text, c.ID, why.Member)
				}
			}
		}
	}
}

func TestExtras(t *testing.T) {
	s, ctx := shop(), context.Background()
	consent, err := rule.Compile(`consent("email")`, s.Catalogue)
	if err != nil {
		t.Fatal(err)
	}
	extras := []Extra{{Name: "consent email", Rule: consent}, {Name: "holdout", Keep: func(id string) bool { return !strings.HasSuffix(id, "0") }}}
	p, err := s.Preview(ctx, `city in ["上海", "北京"]`, kequn.English, extras...)
	if err != nil {
		t.Fatal(err)
	}
	members, err := s.Members(ctx, `city in ["上海", "北京"]`, extras...)
	if err != nil || len(members) != p.Count || len(p.Waterfall) != 3 || p.Waterfall[2].Left != p.Count || p.Waterfall[1].Left < p.Count {
		t.Errorf("%d members, waterfall %+v, %v", len(members), p.Waterfall, err)
	}
	if slices.ContainsFunc(members, func(id string) bool { return strings.HasSuffix(id, "0") }) {
		t.Error("somebody of the holdout is a member")
	}
}

func TestOverlap(t *testing.T) {
	s, ctx := shop(), context.Background()
	a, b := `city == "上海"`, `orders.last("30d").exists()`
	o, err := s.Overlap(ctx, Named{"a", a}, Named{"b", b})
	if err != nil {
		t.Fatal(err)
	}
	ma, _ := s.Members(ctx, a)
	mb, _ := s.Members(ctx, b)
	both, _ := s.Members(ctx, a+" && "+b)
	any, _ := s.Members(ctx, a+" || "+b)
	if o.Sizes[0] != len(ma) || o.Sizes[1] != len(mb) || o.Both[0][1] != len(both) || o.Both[1][0] != len(both) || o.Any != len(any) ||
		o.Share[0][1] != float64(len(both))/float64(len(ma)) {
		t.Errorf("overlap %+v, want %d, %d, %d, %d", o, len(ma), len(mb), len(both), len(any))
	}
	if _, err := s.Overlap(ctx, Named{"a", a}); err == nil {
		t.Error("an overlap of one was accepted")
	}
}

func TestWhyShowsValues(t *testing.T) {
	s, ctx := shop(), context.Background()
	w, err := s.Why(ctx, `city == "上海" && orders.last("90d").count() >= 2 && consent("email")`, "C001", kequn.English)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Conditions) != 3 || len(w.Conditions[1].Tests) != 1 || len(w.Conditions[1].Tests[0].Values) != 1 {
		t.Fatalf("%+v", w)
	}
	v := w.Conditions[1].Tests[0].Values[0]
	if v.Words != "number of orders in the last 90 days" || v.Text == "" || v.Rule != `orders.last("90d").count()` {
		t.Errorf("value %+v", v)
	}
	if _, err := json.Marshal(w); err != nil {
		t.Error(err)
	}
	if _, err := s.Why(ctx, `true`, "nobody", kequn.English); kequn.KindOf(err) != kequn.KindUsage {
		t.Errorf("an unknown customer gives %v", err)
	}
}

func TestBook(t *testing.T) {
	s := shop()
	c := s.Catalogue
	now := time.Date(2024, 4, 10, 0, 0, 0, 0, time.UTC)
	b := &Book{}
	save := func(name, text string) (Version, bool, error) {
		v, fresh, err := b.Save(name, text, c, now, "anna", "")
		if err == nil && fresh {
			c.Audiences = slices.DeleteFunc(slices.Clone(c.Audiences), func(a plan.Audience) bool { return a.Name == name })
			c.Audiences = append(c.Audiences, plan.Audience{Name: name, Rule: text})
		}
		return v, fresh, err
	}
	if v, fresh, err := save("vip", `orders.sum("amount") > 100`); err != nil || !fresh || v.Version != 1 {
		t.Fatalf("%+v %v %v", v, fresh, err)
	}
	if v, fresh, err := save("vip", `orders.sum("amount") > 100`); err != nil || fresh || v.Version != 1 {
		t.Errorf("the same again: %+v %v %v", v, fresh, err)
	}
	if v, fresh, err := save("vip", `orders.sum("amount") > 200`); err != nil || !fresh || v.Version != 2 || len(b.History("vip").Versions) != 2 {
		t.Errorf("changed: %+v %v %v", v, fresh, err)
	}
	if _, _, err := save("vips", `in_audience("vip") && city == "上海"`); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{"vip": `in_audience("vips")`, "self": `in_audience("self")`, "bad name!": `true`, "typo": `ctiy == "x"`, "empty": " "} {
		before := len(b.Audiences)
		if _, _, err := save(name, text); err == nil || len(b.Audiences) != before {
			t.Errorf("%s = %s was accepted", name, text)
		}
	}
	if b.History("vip").Latest().Version != 2 {
		t.Error("a refused definition changed the book")
	}
}

func TestSnapshots(t *testing.T) {
	a := NewSnapshot("vip", "true", 1, 9, []string{"a", "c", "d"})
	b := NewSnapshot("vip", "true", 2, 9, []string{"a", "b", "d", "e"})
	in, out := b.Since(a)
	if !reflect.DeepEqual(in, []string{"b", "e"}) || !reflect.DeepEqual(out, []string{"c"}) || a.Hash == b.Hash {
		t.Errorf("in %v, out %v", in, out)
	}
}

func TestWhoNarrowsThePopulation(t *testing.T) {
	s, ctx := shop(), context.Background()
	s.Who, _ = rule.Compile(`orders.last("60d").exists()`, s.Catalogue)
	p, err := s.Preview(ctx, `true`, kequn.English)
	if err != nil {
		t.Fatal(err)
	}
	s.Who = nil
	q, _ := s.Preview(ctx, `orders.last("60d").exists()`, kequn.English)
	if p.Of != q.Count || p.Count != q.Count || q.Of <= q.Count {
		t.Errorf("%d of %d, want %d", p.Count, p.Of, q.Count)
	}
}
