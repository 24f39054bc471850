package pipeline

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/feature"
	"kequn/internal/kernel"
	"kequn/internal/query"
	"kequn/internal/table"
)

// movedStudy is a study whose attribute counts as known at the judging cutoff, a hundred days before today.
func movedStudy() *study {
	day := kequn.Cutoff(kequn.Day.Microseconds())
	return &study{cuts: Cutoffs{Judge: 100 * day, Ask: 200 * day}}
}

func numberColumn(name string, v []float64) *table.Column {
	return &table.Column{Name: name, Kind: table.Number, Num: v}
}

// What most customers have anyway equals many a figure of today; the figure itself does so for everybody it differs for.
func TestOfToday(t *testing.T) {
	r := kernel.NewStream(3)
	var then, now, consent, total []float64
	for range 400 {
		a := float64(r.Intn(2))
		b := a
		if r.Bool(0.5) {
			b++
		}
		then, now, total = append(then, a), append(now, b), append(total, b)
		if r.Bool(0.97) {
			consent = append(consent, 1)
		} else {
			consent = append(consent, 0)
		}
	}
	// Only new customers of the figure: all of theirs is 1, as nearly every consent is.
	var none, first []float64
	for range 400 {
		none = append(none, math.NaN())
		first = append(first, 1)
	}
	figure := query.Feature{Name: "orders", Node: query.AggOf(query.Agg{Dataset: "orders", Fn: query.Count}, query.Number), TextEN: "orders", TextZH: "订单"}
	attribute := query.Feature{Name: "x", Node: &query.Node{Op: query.Attr, Name: "x"}}
	for _, c := range []struct {
		name                 string
		attribute, then, now []float64
		found                bool
	}{
		{"a total of today", total, then, now, true},
		{"a total of then", then, then, now, false},
		{"a consent", consent, then, now, false},
		{"a consent beside figures that begin", consent, none, first, false},
	} {
		l := movedStudy().ofToday(attribute, figure, numberColumn("x", c.attribute), numberColumn("orders", c.then), numberColumn("orders", c.now))
		if (l != nil) != c.found {
			t.Errorf("%s: found %v", c.name, l)
		}
	}
}

func TestAgreeByLot(t *testing.T) {
	exact := func(float64) float64 { return 0 }
	for _, c := range []struct {
		values, figures []float64
		want            float64
	}{
		{[]float64{1, 1, 1, 1}, []float64{1, 1, 1, 1}, 4},
		{[]float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}, 1},
		{[]float64{1, 2, 3, 4}, []float64{5, 6, 0, -1}, 0},
		{nil, nil, 0},
	} {
		if got := agreeByLot(c.values, c.figures, exact); got != c.want {
			t.Errorf("%v %v: %v, want %v", c.values, c.figures, got, c.want)
		}
	}
	if got := agreeByLot([]float64{0, 1, 2, 9}, []float64{1}, func(float64) float64 { return 1 }); got != 0.75 {
		t.Errorf("within 1: %v", got)
	}
}

// A value of today that a model does as well without gives nothing away; a date of the future is wrong whatever it is worth.
func TestHarmless(t *testing.T) {
	less, more := 0.52, 0.53
	for _, c := range []struct {
		l    evaluate.Leak
		want bool
	}{
		{evaluate.Leak{Reason: evaluate.LeakMoved, AUCWith: &less, AUCWithout: &more}, true},
		{evaluate.Leak{Reason: evaluate.LeakMoved, AUCWith: &more, AUCWithout: &less}, false},
		{evaluate.Leak{Reason: evaluate.LeakMoved}, false},
		{evaluate.Leak{Reason: evaluate.LeakFuture, AUCWith: &less, AUCWithout: &more}, false},
	} {
		if got := harmless(c.l); got != c.want {
			t.Errorf("%+v: %v", c.l, got)
		}
	}
}

// loadedTwice is a workspace whose customers were loaded twice after the judging cutoff, with a tier that is marked as fixed and yet told each
// time who had bought of late. If it does not move, it was dealt once and stays.
func loadedTwice(t *testing.T, moves bool, threads int) *Shop {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	s := kernel.NewStream(12)
	var orders, early, late strings.Builder
	orders.WriteString("order_id,customer,time,amount\n")
	early.WriteString("customer,city,tier\n")
	late.WriteString("customer,city,tier\n")
	id := 0
	for c := range 900 {
		n, gap := 0, 10+60*s.Float64()
		var first, again bool // bought in the forty days before each load
		for day := 300 * s.Float64(); day < 400 && !s.Bool(0.08); day += gap * -math.Log(1-s.Float64()) {
			id, n = id+1, n+1
			first, again = first || day > 350 && day < 390, again || day > 358 && day < 398
			fmt.Fprintf(&orders, "O%d,C%05d,%s,%.2f\n", id, (c*7919)%90000, time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(day*24)*time.Hour).Format(time.RFC3339), 5+50*s.Float64())
		}
		if n == 0 {
			continue
		}
		tiers := []string{"basic", "plus"}
		city, tier := string(rune('A'+s.Intn(5))), tiers[s.Intn(2)]
		after := tier
		if moves {
			tier, after = tiers[0], tiers[0]
			if first {
				tier = tiers[1]
			}
			if again {
				after = tiers[1]
			}
		}
		fmt.Fprintf(&early, "C%05d,%s,%s\n", (c*7919)%90000, city, tier)
		fmt.Fprintf(&late, "C%05d,%s,%s\n", (c*7919)%90000, city, after)
	}
	for name, text := range map[string]string{"orders.csv": orders.String(), "early.csv": early.String(), "late.csv": late.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := shopOptions(filepath.Join(dir, "shop"))
	o.Threads = threads
	shop, err := Create(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []LoadFlags{
		{Files: []string{filepath.Join(dir, "orders.csv")}, As: "orders", Customer: "customer", Time: "time", Amount: "amount", ID: "order_id"},
		{Files: []string{filepath.Join(dir, "early.csv")}, As: "customers", Customer: "customer", LoadedAt: "2025-01-25"},
		{Files: []string{filepath.Join(dir, "late.csv")}, As: "customers", Customer: "customer", LoadedAt: "2025-02-02"},
	} {
		if _, err := shop.Load(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := shop.Close(); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "shop", "kequn.yaml")
	text, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	marked := regexp.MustCompile(`(?m)(^ +tier: +\{[^}]*)\}`).ReplaceAll(text, []byte("$1, fixed: true}"))
	if string(marked) == string(text) {
		t.Fatalf("no tier in the plan:\n%s", text)
	}
	if err := os.WriteFile(at, marked, 0o644); err != nil {
		t.Fatal(err)
	}
	if shop, err = Open(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shop.Close() })
	return shop
}

func TestFixedThatChanged(t *testing.T) {
	ctx := context.Background()
	f := GoalFlags{Event: "orders", Within: "45d", Models: "linear"}
	var told []string
	for _, threads := range []int{1, 3} {
		s := loadedTwice(t, true, threads)
		_, err := s.Predict(ctx, f)
		wantKind(t, err, kequn.KindInput, "tier: may know the outcome: it is marked as fixed")
		told = append(told, fmt.Sprint(err))
	}
	if told[0] != told[1] {
		t.Errorf("1 thread: %s\n3 threads: %s", told[0], told[1])
	}
	if p, err := loadedTwice(t, false, 2).Predict(ctx, f); err != nil || len(p.Leaks) > 0 {
		t.Errorf("nothing changed: %v", err)
	}
}

func bits(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%x", math.Float64bits(*v))
}

// Every kind of leak is found with the same words and figures by one thread and by three.
func TestLeaksOfThreads(t *testing.T) {
	for k, plant := range plants {
		var told []string
		for _, threads := range []int{1, 3} {
			q := newPeople(1500, plant.amount, 7000+uint64(k))
			plant.plant(q)
			q.p.Threads = threads
			found, err := evaluate.Leaks(context.Background(), q.p)
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, l := range found {
				all = append(all, strings.Join([]string{l.Column, l.Reason, l.Evidence.En, bits(l.AUCWith), bits(l.AUCWithout)}, " | "))
			}
			told = append(told, strings.Join(all, "\n"))
		}
		if told[0] != told[1] {
			t.Errorf("%s: 1 thread:\n%s\n3 threads:\n%s", plant.kind, told[0], told[1])
		}
	}
}

func TestDroppedLine(t *testing.T) {
	chosen := &feature.Selection{Kept: []string{"a", "b"}, Dropped: []feature.Dropped{{Name: "c", Reason: feature.Constant}, {Name: "d", Reason: feature.Duplicate, Like: "a"}, {Name: "e", Reason: feature.Nothing}, {Name: "f", Reason: feature.Nothing, Like: "a"}}}
	p := &Prediction{Offered: 6, Dropped: unlearnt(chosen, kequn.English)}
	for lang, want := range map[kequn.Lang]string{
		kequn.English: "4 of 6 features add nothing and are not learnt from (1 the same for everybody, 1 say the same as another, 2 no better than chance)",
		kequn.Chinese: "6 个特征里有 4 个没有帮助，不用来学习（1 个人人相同，1 个与别的重复，2 个不比碰运气强）",
	} {
		if got := p.DroppedLine(lang); got != want {
			t.Errorf("%s", got)
		}
	}
	if got := p.Dropped[1].Why; got != "says the same as a" {
		t.Errorf("%q", got)
	}
	if got := (&Prediction{Dropped: unlearnt(nil, kequn.English)}).DroppedLine(kequn.English); got != "" {
		t.Errorf("%q", got)
	}
}

// No nearest change may touch one figure of a history alone.
func TestBoundTogether(t *testing.T) {
	got := boundTogether([]query.Feature{{Name: "orders_90d"}, {Name: "lifetime_first"}, {Name: "city"}, {Name: "lifetime_last"}})
	if !slices.Equal(got, []string{"lifetime_first", "lifetime_last"}) {
		t.Errorf("%v", got)
	}
}
