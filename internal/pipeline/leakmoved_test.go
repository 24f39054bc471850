package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

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

// saidInFull tells findings in full, figures bit by bit.
func saidInFull(found []Leak) (out []string) {
	for _, l := range found {
		out = append(out, strings.Join([]string{l.Column, l.Kind, l.EvidenceEN, l.EvidenceZH, bits(l.AUCWith), bits(l.AUCWithout)}, " | "))
	}
	return out
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
