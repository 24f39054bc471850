package quality

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/plan"
)

func TestSameReportForAnyThreadsAndPartitions(t *testing.T) {
	spoilt := func() *testShop {
		s := cleanShop(2)
		for _, d := range defects {
			if d.loads == 2 && d.kind != "type_drift" || d.kind == "duplicates" || d.kind == "unknown_customer" || d.kind == "shared_key" {
				d.spoil(s)
			}
		}
		return s
	}
	var want string
	for _, x := range [][2]int{{4, 1}, {4, 2}, {4, 5}, {1, 1}, {16, 3}} {
		rep := spoilt().check(t, x[0], x[1])
		for i := range rep.Results {
			if rep.Results[i].Kind == "correlation" { // sums of parts are added in their order: another number of parts rounds otherwise
				rep.Results[i].Value = math.Round(rep.Results[i].Value*1e6) / 1e6
			}
		}
		b, err := json.Marshal(rep.Results)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(b)
		}
		if string(b) != want {
			t.Errorf("%d partitions, %d threads: another report", x[0], x[1])
		}
	}
}

func TestRulesOfThePlan(t *testing.T) {
	check := func(q plan.Quality) (*Report, error) {
		s := cleanShop(1)
		s.sets["orders"].rows[3]["amount"] = -5
		s.rules = []plan.Quality{q}
		data, o := s.data(2)
		return Check(context.Background(), data, o)
	}
	for _, c := range []struct {
		name   string
		q      plan.Quality
		status string
		found  int64
	}{
		{"a range", plan.Quality{Name: "r", Dataset: "orders", Column: "weight", Check: "range", Min: float(0), Max: float(5.9), Level: Stop}, Broken, 1199},
		{"a share that may break it", plan.Quality{Name: "r", Dataset: "orders", Column: "weight", Check: "range", Max: float(5.9), Share: .3}, OK, 1199},
		{"values", plan.Quality{Name: "r", Dataset: "orders", Column: "channel", Check: "values", Values: []string{"web", "shop", "phone"}}, OK, 0},
		{"a reference", plan.Quality{Name: "r", Dataset: "items", Column: "product", Check: "unknown_key", Other: "products.product"}, OK, 0},
		{"an order of columns", plan.Quality{Name: "r", Dataset: "orders", Column: "list_price", Check: "at_most", Other: "price"}, Broken, 4800},
		{"a figure", plan.Quality{Name: "r", Dataset: "events", Check: "stale", Max: float(0)}, Broken, 0},
		{"a proposed one, made to stop", plan.Quality{Name: "orders.amount.negative", Dataset: "orders", Column: "amount", Check: "negative", Level: Stop}, Broken, 1},
		{"one switched off", plan.Quality{Name: "orders.amount.negative", Level: Off}, "", 0},
	} {
		rep, err := check(c.q)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r := rep.Named(c.q.Name)
		switch {
		case c.status == "":
			if r != nil {
				t.Errorf("%s: is there: %s", c.name, r.Text)
			}
		case r == nil || r.Status != c.status || c.found != 0 && r.Found != c.found || r.Proposedly():
			t.Errorf("%s: %+v", c.name, r)
		}
		if (rep.Stops > 0) != (c.q.Level == Stop) {
			t.Errorf("%s: %d stop", c.name, rep.Stops)
		}
	}
	for _, q := range []plan.Quality{
		{Name: "r", Dataset: "orders", Column: "weight", Check: "rnage"},
		{Name: "r", Dataset: "orders", Column: "weight", Check: "range"},
		{Name: "r", Dataset: "orders", Column: "voucher", Check: "pattern", Pattern: "9{"},
		{Name: "r", Dataset: "items", Column: "product", Check: "unknown_key", Other: "nothing.there"},
		{Name: "r", Dataset: "orders", Column: "nothing", Check: "negative"},
	} {
		var e *kequn.Error
		if _, err := check(q); !errors.As(err, &e) || e.Kind != kequn.KindPlan {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Proposedly tells whether a result is of a proposed rule.
func (r *Result) Proposedly() bool { return r.Rule.Proposed }

// Proposals that become the plan's rules judge the same data as the proposed ones did.
func TestProposalsAreStable(t *testing.T) {
	make := func() *testShop {
		s := cleanShop(2)
		for _, d := range defects {
			if d.kind == "negative" || d.kind == "outlier" || d.kind == "shape" || d.kind == "values" || d.kind == "spelling" || d.kind == "length" || d.kind == "before_start" || d.kind == "product" {
				d.spoil(s)
			}
		}
		return s
	}
	first := make().check(t, 4, 2)
	s := make()
	text := plan.NewEdit(plan.New("UTC", "EUR"))
	for _, name := range s.order {
		text.PutDataset(s.sets[name].def, nil)
	}
	for _, q := range first.Proposals() {
		text.PutQuality(q)
	}
	b, err := text.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	s.rules = p.Quality
	second := s.check(t, 4, 2)
	for _, r := range first.Results {
		o := second.Named(r.Name)
		if o == nil || o.Status != r.Status || o.Found != r.Found && !r.Approx {
			t.Errorf("%s: was %s %d, is %+v", r.Name, r.Status, r.Found, o)
		}
	}
}

// Nothing that a finding says, and nothing that is proposed for the plan, holds a value of a column that may be personal.
func TestFindingsHoldNoPersonalValue(t *testing.T) {
	s := cleanShop(2)
	for _, r := range s.sets["customers"].rows {
		r["note"] = "Zacharias@example.org"
		r["phone"] = "Zacharias"
		r["email"] = "Zacharias Zacharias"
		r["zip"] = " Zacharias"
	}
	s.sets["customers"].rows[0]["note"] = "zacharias@example.org"
	rep := s.check(t, 3, 2)
	b, err := json.Marshal([]any{rep.Results, rep.Proposals()})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToLower(string(b)), "zacharias") {
		t.Error("a personal value is shown")
	}
}

func TestSampleIsExactAndMerges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.IntRange(0, 400), 0, 3000).Draw(t, "values")
		cut := rapid.IntRange(0, len(values)).Draw(t, "cut")
		fill := func(s *sample, vs []int) {
			for _, v := range vs {
				s.add(kernel.Mix(uint64(v)), fmt.Sprint(v), [2]int64{1, 0}, 0, 0)
			}
		}
		whole, a, b := newSample(64), newSample(64), newSample(64)
		fill(whole, values)
		fill(a, values[:cut])
		fill(b, values[cut:])
		a.merge(b)
		whole.done()
		a.done()
		if fmt.Sprint(whole.items) != fmt.Sprint(a.items) {
			t.Fatal("merging parts gives another sample")
		}
		counts := map[string]int64{}
		for _, v := range values {
			counts[fmt.Sprint(v)]++
		}
		for _, x := range whole.items {
			if counts[x.text] != x.n[0] {
				t.Fatalf("%s: %d rows, want %d", x.text, x.n[0], counts[x.text])
			}
		}
		if whole.exact() && len(whole.items) != len(counts) {
			t.Fatal("values are missing")
		}
		if n := float64(len(counts)); n > 0 && math.Abs(whole.distinct()-n) > .5*n+1 {
			t.Fatalf("%v different values, want about %v", whole.distinct(), n)
		}
	})
}

func TestBinsAreOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		if a > b {
			a, b = b, a
		}
		if binOf(a) > binOf(b) {
			t.Fatalf("%v is in bin %d, %v in bin %d", a, binOf(a), b, binOf(b))
		}
	})
	for bin := range nBins {
		if got := binOf(edge(bin)); got != bin {
			t.Fatalf("the edge %v of bin %d lies in bin %d", edge(bin), bin, got)
		}
	}
}

func TestQuantilesAreNear(t *testing.T) {
	h := newNumbers()
	for i := range 10001 {
		h.add(float64(i) / 10)
	}
	for _, q := range []float64{.1, .5, .9, .999} {
		if got, want := h.quantile(q), 1000*q; math.Abs(got-want) > want/16 {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
}

func TestTraits(t *testing.T) {
	for _, c := range []struct {
		text string
		want traits
	}{
		{"12,345.60", numeric}, {"-3", numeric}, {"1.2.3", 0}, {"1e5", numeric}, {"", 0}, {"e5", 0},
		{"2024-02-29", dated}, {"2024-02-29T10:00:00Z", dated}, {"29.02.2024", dated}, {"3/14/24", dated}, {"2024年3月1日", dated}, {"2024-13-01", 0}, {"1.2.3.4", 0},
		{"a.b@example.org", mail}, {"a@b", 0}, {"@example.org", formula}, {"two@at@example.org", 0},
		{"+351 912345678", telephone}, {"13812345678", telephone}, {"(030) 123-4567", telephone}, {"12345", 0},
		{"11010519491231002X", identity}, {"110105194912310021", 0}, {"4111 1111 1111 1111", identity}, {"4111 1111 1111 1112", 0},
		{" x", padded}, {"a  b", padded}, {"=1+1", formula}, {"-", 0}, {"-x", formula}, {"+1+cmd", formula}, {"+44", 0}, {"-12.5", 0}, {"N/A", placeholder}, {"未知", placeholder}, {"test", trial},
		{"SÃ£o", garbled}, {"ä¸\u00adæ–‡", garbled}, {"São Paulo", 0}, {"Ångström", 0}, {"中文", 0}, {"Île-de-France", 0}, {"caf\xe9", garbled}, {"x\ufffdy", garbled},
		{"no", truth}, {"是", truth}, {"0042", zeroed}, {"a\tb", control},
	} {
		const judged = padded | garbled | control | formula | placeholder | trial | dated | mail | telephone | identity
		got := textTraits([]byte(c.text))
		if c.want&(numeric|truth|zeroed) != 0 {
			if got&c.want == 0 {
				t.Errorf("%q: %b", c.text, got)
			}
			continue
		}
		if got&judged != c.want {
			t.Errorf("%q: %b, want %b", c.text, got&judged, c.want)
		}
	}
}

// FuzzPattern reads any pattern, and demands that the shape of a text is a pattern that the text fits.
func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"9{3}-9{4}", "555-0100"}, {"A?9+", "C12"}, {`\{9}`, "{9}"}, {"a|A|文", "中"}, {"9{2,}", "1234"}, {"*", "x\ny"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if p, err := ParsePattern(pattern); err == nil {
			p.Fits([]byte(text))
			if q, err := ParsePattern(p.String()); err != nil || q.Fits([]byte(text)) != p.Fits([]byte(text)) {
				t.Errorf("%q is read otherwise the second time", pattern)
			}
		}
		textTraits([]byte(text))
		if len(text) > shapeBytes || !strings.EqualFold(text, strings.ToValidUTF8(text, "")) {
			return
		}
		shape := string(shapeOf(nil, []byte(text)))
		p, err := ParsePattern(shape)
		if err != nil {
			t.Fatalf("the shape %q of %q is no pattern: %v", shape, text, err)
		}
		if !p.Fits([]byte(text)) {
			t.Fatalf("%q does not fit its shape %q", text, shape)
		}
		if !p.Fits([]byte(example(shape))) {
			t.Fatalf("the example %q does not fit %q", example(shape), shape)
		}
	})
}

func TestEveryKindIsInTheManual(t *testing.T) {
	text, err := os.ReadFile("../../docs/quality.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds() {
		if !strings.Contains(string(text), "| `"+k.Name+"` | "+k.EN+" |") && k.Name != "rule" {
			t.Errorf("docs/quality.md does not say what %s reports: %s", k.Name, k.EN)
		}
		if k.ZH == "" || k.Family == "" {
			t.Errorf("%s has no words", k.Name)
		}
	}
}

// A check of some datasets only, as a load makes it, finds the same about them as a check of all.
func TestOneDatasetIsCheckedAlone(t *testing.T) {
	s := cleanShop(2)
	for _, d := range defects {
		switch d.kind {
		case "unit_jump", "unknown_customer", "item_sum", "product", "missing_jump":
			d.spoil(s)
		}
	}
	all := s.check(t, 3, 2)
	data, o := s.data(3)
	o.Datasets = []string{"orders"}
	one, err := Check(context.Background(), data, o)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range all.Results {
		if r.Dataset != "orders" || r.Kind == "behind" {
			continue
		}
		n++
		if o := one.Named(r.Name); o == nil || o.Text != r.Text || o.Status != r.Status || o.Level != r.Level {
			t.Errorf("%s: %+v, alone %+v", r.Name, r.Text, o)
		}
	}
	if n < 20 || len(one.Results) > n+1 || one.Stops == 0 {
		t.Errorf("%d rules of orders, %d alone, %d stop", n, len(one.Results), one.Stops)
	}
}
