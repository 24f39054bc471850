package pipeline

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/query"
	"kequn/internal/rule"
	"kequn/internal/table"
)

// strangeDays are local midnights around which calendars are strange.
var strangeDays = []struct{ zone, day string }{
	{"Europe/London", "2024-04-01"},       // the day before had 23 hours
	{"Europe/London", "2024-10-28"},       // 25 hours
	{"America/New_York", "2024-03-11"},    // 23 hours
	{"America/New_York", "2023-11-06"},    // 25 hours
	{"Asia/Shanghai", "2024-01-01"},       // a year ends
	{"Asia/Shanghai", "2024-03-01"},       // after a leap day
	{"Australia/Lord_Howe", "2024-04-08"}, // 24½ hours
	{"Australia/Lord_Howe", "2024-10-07"}, // 23½ hours
	{"UTC", "2024-02-29"},
}

// pastWorld is a small random workspace's files as rows, with what each row says of when it happened and was known.
type pastWorld struct {
	zone   *time.Location
	cutoff kequn.Cutoff
	files  []pastFile
}

type pastFile struct {
	name, dataset, head string
	role                kequn.Role
	rows                []pastRow
}

type pastRow struct {
	time, known kequn.Instant // NoTime: the dataset has none
	stays       bool          // a version of an id: it says what was known, whatever the time it speaks of
	text        string
}

const pastPlan = `version: 1
zone: %s
datasets:
  customers:
    role: customers
    columns:
      customer: {kind: text, role: customer}
      seen_at: {kind: time, role: known_at}
      city: {kind: category, role: category}
      points: {kind: number}
      district_id: {kind: category, role: category}
  products:
    role: lookup
    columns:
      product_id: {kind: text, role: key}
      valid_from: {kind: time, role: known_at}
      class: {kind: category, role: category}
      price: {kind: number}
  orders:
    role: orders
    columns:
      order_id: {kind: text, role: id}
      customer: {kind: text, role: customer}
      time: {kind: time, role: time}
      known: {kind: time, role: known_at}
      product_id: {kind: text, role: item}
      amount: {kind: money, role: amount, scale: 2}
  events:
    role: events
    columns:
      customer: {kind: text, role: customer}
      time: {kind: time, role: time}
      known: {kind: time, role: known_at}
      type: {kind: category, role: type}
      value: {kind: number}
`

// near draws an instant that is often on or beside the cutoff, or on the edge of a window before or after it.
func (w *pastWorld) near(t *rapid.T, label string) kequn.Instant {
	at := w.cutoff
	switch days := rapid.SampledFrom([]int{0, 0, 1, 7, 30, 60, 90, 365, -1, -30}).Draw(t, label+" days"); {
	case days < 0:
		at = kequn.Days(-days).After(at, w.zone)
	case days > 0:
		at = kequn.Days(days).Before(at, w.zone)
	}
	const hour = kequn.Instant(3_600_000_000)
	return at + rapid.SampledFrom([]kequn.Instant{0, 0, -1, -1, 1, -hour / 2, -hour, -hour - 1, -3 * hour, hour, -23 * hour}).Draw(t, label+" beside")
}

func stamp(i kequn.Instant) string { return i.Time().Format("2006-01-02T15:04:05.000000Z07:00") }

func drawPast(t *rapid.T) *pastWorld {
	s := rapid.SampledFrom(strangeDays).Draw(t, "day")
	zone, err := time.LoadLocation(s.zone)
	if err != nil {
		t.Fatal(err)
	}
	cutoff, err := kequn.ParseTime(s.day, zone)
	if err != nil {
		t.Fatal(err)
	}
	w := &pastWorld{zone: zone, cutoff: cutoff}
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	whole := func(label string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, label) }
	customer := func() string { return pick("customer", "a", "b", "c", "0d") }
	late := func(at kequn.Instant) kequn.Instant {
		if whole("late", 0, 2) == 0 {
			return max(at, w.near(t, "known"))
		}
		return at
	}

	orders := pastFile{name: "orders.csv", dataset: "orders", role: kequn.Orders, head: "order_id,customer,time,known,product_id,amount"}
	more := orders
	more.name = "more.csv" // loaded afterwards: corrections, some of which say that it was another's, and late rows
	order := func(f *pastFile, id int, stays bool) {
		at := w.near(t, "order")
		known := late(at)
		f.rows = append(f.rows, pastRow{at, known, stays, fmt.Sprintf("N%d,%s,%s,%s,%s,%d.%02d", id, customer(), stamp(at), stamp(known),
			pick("product", "tea", "cup", "pot", "jar"), whole("amount", -20, 90), whole("cents", 0, 99))})
	}
	n := whole("orders", 6, 20)
	corrected := map[int]bool{}
	for range whole("corrections", 0, 4) {
		corrected[whole("corrected", 0, n-1)] = true
	}
	for i := range n {
		order(&orders, i, corrected[i])
	}
	for i := range n {
		if corrected[i] {
			order(&more, i, true)
		}
	}
	for i := range whole("later orders", 1, 5) {
		order(&more, n+i, false)
	}

	events := pastFile{name: "events.csv", dataset: "events", role: kequn.Events, head: "customer,time,known,type,value"}
	for range whole("events", 4, 20) {
		at := w.near(t, "event")
		known := late(at)
		events.rows = append(events.rows, pastRow{at, known, false, fmt.Sprintf("%s,%s,%s,%s,%d.5", customer(), stamp(at), stamp(known), pick("type", "view", "cart", "search"), whole("value", -3, 9))})
	}

	customers := pastFile{name: "customers.csv", dataset: "customers", role: kequn.Customers, head: "customer,seen_at,city,points,district_id"}
	for range whole("customer rows", 0, 7) {
		known := w.near(t, "seen")
		customers.rows = append(customers.rows, pastRow{kequn.NoTime, known, false, fmt.Sprintf("%s,%s,%s,%d,%s", customer(), stamp(known), pick("city", "Ulm", "Rom", "Bern"), whole("points", 0, 3), pick("district", "d1", "d2"))})
	}
	products := pastFile{name: "products.csv", dataset: "products", role: kequn.Lookup, head: "product_id,valid_from,class,price"}
	for range whole("product rows", 0, 8) {
		known := w.near(t, "valid from")
		products.rows = append(products.rows, pastRow{kequn.NoTime, known, false, fmt.Sprintf("%s,%s,%s,%d", pick("product", "tea", "cup", "pot"), stamp(known), pick("class", "food", "ware", "gift"), whole("price", 1, 5))})
	}
	// One row of each that was there long before, so that no dataset is missing.
	old := kequn.Days(400).Before(cutoff, zone)
	row := func(time kequn.Instant, text string) []pastRow {
		return []pastRow{{time, old, false, fmt.Sprintf(text, stamp(old))}}
	}
	products.rows = append(row(kequn.NoTime, "old,%s,food,1"), products.rows...)
	customers.rows = append(row(kequn.NoTime, "z,%s,Ulm,1,d1"), customers.rows...)
	orders.rows = append(row(old, "N,z,%[1]s,%[1]s,old,5.00"), orders.rows...)
	events.rows = append(row(old, "z,%[1]s,%[1]s,view,1.5"), events.rows...)
	if rapid.Bool().Draw(t, "older yet") { // but not known in time: history began before anybody knew
		older := kequn.Days(90).Before(old, zone)
		events.rows = append(events.rows, pastRow{older, cutoff, false, fmt.Sprintf("z,%s,%s,view,2.5", stamp(older), stamp(cutoff))})
	}
	w.files = []pastFile{products, customers, orders, events, more}
	return w
}

// load makes a workspace of the rows that keep says, and looks at it.
func (w *pastWorld) load(t failer, dir string, keep func(pastRow) bool) (*Shop, *view) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kequn.yaml"), fmt.Appendf(nil, pastPlan, w.zone), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Create(shopOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range w.files {
		text := f.head + "\n"
		for _, r := range f.rows {
			if keep(r) {
				text += r.text + "\n"
			}
		}
		if strings.Count(text, "\n") == 1 {
			continue
		}
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(context.Background(), LoadFlags{Files: []string{path}, As: string(f.role), Name: f.dataset, LoadedAt: "2030-01-01"}); err != nil {
			t.Fatalf("%s: %v\n%s", f.name, err, text)
		}
	}
	v, err := s.look()
	if err != nil {
		if kequn.KindOf(err) == kequn.KindNotEnough {
			return s, nil
		}
		t.Fatal(err)
	}
	return s, v
}

type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// seen is everything that is known at the cutoff: the profile, the definitions made of it, their values and who meets some rules.
func (w *pastWorld) seen(t failer, s *Shop, v *view) string {
	ctx := context.Background()
	profile, err := feature.TakeProfile(ctx, v.data, w.cutoff, 1)
	if err != nil {
		t.Fatal(err)
	}
	defs, err := s.allDefinitions(ctx, v, w.cutoff)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetIndent("", " ")
	for _, x := range []any{profile, defs} {
		if err := enc.Encode(x); err != nil {
			t.Fatal(err)
		}
	}
	r := engine.Request{Cutoffs: []kequn.Cutoff{w.cutoff}, Zone: w.zone, Features: defs}
	for _, text := range []string{`orders.last("30d").sum("amount") > 20.0`, `orders.where(o, o.product_id.class == "food").count() >= 1`, `city == "Ulm"`, `!events.where(e, e.type == "cart").exists()`,
		`sequence("view", "cart").last("7d").exists()`, `lifecycle("orders", "30d") == "stopped"`} {
		n, err := rule.Compile(text, s.catalogue(v, defs))
		if err != nil {
			t.Fatal(err)
		}
		r.Rules = append(r.Rules, engine.Rule{Name: text, Node: n})
	}
	p, err := engine.Collect(ctx, s.Engine, v.data, r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.NRows() {
		fmt.Fprintf(&out, "%s", p.Customer.String(i))
		for _, c := range p.X.Columns {
			if c.Kind == table.Category {
				fmt.Fprintf(&out, " %s=%s", c.Name, c.String(i))
			} else if !math.IsNaN(c.Num[i]) {
				fmt.Fprintf(&out, " %s=%x", c.Name, math.Float64bits(c.Num[i]))
			}
		}
		for k := range r.Rules {
			fmt.Fprintf(&out, " %t", p.Rules[k][i])
		}
		out.WriteByte('\n')
	}
	first, err := v.begins(ctx, w.cutoff)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&out, "history begins", first)
	return out.String()
}

// few makes rapid try less often unless the user says how often: every try loads two workspaces.
func few(t *testing.T, checks string) {
	f := flag.Lookup("rapid.checks")
	if f == nil || f.Value.String() != f.DefValue {
		return
	}
	f.Value.Set(checks)
	t.Cleanup(func() { f.Value.Set(f.DefValue) })
}

// TestPastKeepsItsBits deletes every row at or after the cutoff, or known at or after it: no profile, no definition, no feature,
// no rule's members and no beginning of history change by a bit.
func TestPastKeepsItsBits(t *testing.T) {
	few(t, "8")
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawPast(t)
		n++
		s, all := w.load(t, filepath.Join(dir, fmt.Sprint("all", n)), func(pastRow) bool { return true })
		defer s.Close()
		before, cut := w.load(t, filepath.Join(dir, fmt.Sprint("past", n)), func(r pastRow) bool {
			return r.known < w.cutoff && (r.stays || r.time < w.cutoff)
		})
		defer before.Close()
		if all == nil || cut == nil || len(all.datasets) != len(cut.datasets) {
			t.Fatal("a dataset is missing")
		}
		x, y := strings.Split(w.seen(t, s, all), "\n"), strings.Split(w.seen(t, before, cut), "\n")
		for i := range x {
			if i >= len(y) || x[i] != y[i] {
				t.Fatalf("line %d with the future:\n%s\nwithout:\n%s", i, x[i], y[min(i, len(y)-1)])
			}
		}
	})
}

// TestOutcomesKeepTheirBits changes everything outside of an outcome's half-open window, or known too late: its sum stays.
func TestOutcomesKeepTheirBits(t *testing.T) {
	few(t, "8")
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawPast(t)
		n++
		gap := kequn.Days(rapid.SampledFrom([]int{0, 1, 7}).Draw(t, "gap"))
		within := kequn.Days(rapid.SampledFrom([]int{1, 7, 30}).Draw(t, "within"))
		at := gap.Before(within.Before(w.cutoff, w.zone), w.zone) // the window ends about at the cutoff, where most rows are
		from := gap.After(at, w.zone)
		to := within.After(from, w.zone)
		known := kequn.Instant(rapid.SampledFrom([]int64{int64(w.cutoff), int64(kequn.Days(30).After(w.cutoff, w.zone))}).Draw(t, "known by"))
		node := query.AggOf(query.Agg{Dataset: "events", Fn: query.Sum, Column: "value", Window: query.Window{Span: within, Skip: gap, Ahead: true}}, query.Number)
		who := query.True()
		sums := func(name string, keep func(pastRow) bool) map[string]float64 {
			s, v := w.load(t, filepath.Join(dir, fmt.Sprint(name, n)), keep)
			defer s.Close()
			out := map[string]float64{}
			if v == nil || !slices.ContainsFunc(v.datasets, func(d engine.Dataset) bool { return d.Name == "events" }) {
				return out
			}
			p, err := engine.Collect(context.Background(), s.Engine, v.data, engine.Request{Cutoffs: []kequn.Cutoff{at}, Zone: w.zone, KnownBy: known, Who: who,
				Outcomes: []engine.Outcome{{Name: "sum", Node: node}}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range p.NRows() {
				if y := p.Y.Columns[0].Num[i]; y != 0 {
					out[p.Customer.String(i)] = y
				}
			}
			return out
		}
		inside := func(r pastRow) bool { return r.time >= from && r.time < to && r.known < known }
		got := sums("all", func(pastRow) bool { return true })
		want := map[string]float64{}
		for _, r := range w.files[3].rows {
			f := strings.Split(r.text, ",")
			var x float64
			fmt.Sscan(f[4], &x)
			if inside(r) {
				want[f[0]] += x
			}
		}
		there := sums("inside", func(r pastRow) bool { return inside(r) || r.time < at && r.known < at })
		for c, y := range got {
			if y != want[c] || y != there[c] {
				t.Fatalf("%s: %v, by hand %v, of the window's rows alone %v", c, y, want[c], there[c])
			}
		}
	})
}
