package segment

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model/cluster"
	"kequn/internal/plan"
	"kequn/internal/table"
)

func number(name string, v ...float64) *table.Column {
	return &table.Column{Name: name, Kind: table.Number, Num: v}
}

func TestScoresOfTies(t *testing.T) {
	nan := math.NaN()
	// Six of ten bought once, two twice, one three times, one ten times; two never.
	frequency := []float64{1, 1, 1, 1, 1, 1, 2, 2, 3, 10, 0, 0}
	recency := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, nan, nan}
	monetary := []float64{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 0, 0}
	r, err := FitRFM(recency, frequency, monetary)
	if err != nil {
		t.Fatal(err)
	}
	if r.Buyers != 10 || r.Frequency != [4]float64{1, 1, 1, 2} {
		t.Errorf("thresholds %+v", r)
	}
	for _, c := range []struct {
		recency, frequency, monetary float64
		want                         Score
	}{
		{1, 1, 10, Score{5, 1, 1}}, {2, 1, 20, Score{5, 1, 1}}, {3, 1, 30, Score{4, 1, 2}}, {10, 10, 100, Score{1, 5, 5}}, {8, 2, 80, Score{2, 4, 4}},
		{0, 1e9, 1e9, Score{5, 5, 5}}, {1e9, 1, -5, Score{1, 1, 1}}, {nan, 0, nan, Score{}}, {3, 1, nan, Score{4, 1, 1}},
	} {
		if got := r.Score(c.recency, c.frequency, c.monetary); got != c.want {
			t.Errorf("%v days, %v orders, %v spent: %v, want %v", c.recency, c.frequency, c.monetary, got, c.want)
		}
	}
	if _, err := FitRFM(recency[8:], frequency[8:], monetary[8:]); kequn.KindOf(err) != kequn.KindNotEnough {
		t.Errorf("two buyers give %v", err)
	}
}

func TestEveryClassCanBe(t *testing.T) {
	seen := map[string]bool{ClassOf(Score{}): true}
	for r := 1; r <= 5; r++ {
		for f := 1; f <= 5; f++ {
			for m := 1; m <= 5; m++ {
				c := ClassOf(Score{r, f, m})
				if !slices.Contains(ClassNames(), c) {
					t.Errorf("%d%d%d is %q, which is no class", r, f, m, c)
				}
				seen[c] = true
			}
		}
	}
	for _, c := range ClassNames() {
		if !seen[c] {
			t.Errorf("nobody can be %s", c)
		}
	}
	for s, want := range map[Score]string{{5, 5, 5}: "champions", {5, 1, 5}: "new", {4, 1, 1}: "promising", {1, 1, 1}: "lost", {1, 5, 5}: "cannot_lose", {2, 3, 3}: "at_risk", {3, 3, 3}: "need_attention"} {
		if got := ClassOf(s); got != want {
			t.Errorf("%v is %s, want %s", s, got, want)
		}
	}
}

// TestScoresRise: buying later, more often or more never lowers a score.
func TestScoresRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(5, 40).Draw(t, "n")
		days, orders, money := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			days[i] = float64(rapid.IntRange(0, 9).Draw(t, "days"))
			orders[i] = float64(rapid.IntRange(1, 4).Draw(t, "orders"))
			money[i] = float64(rapid.IntRange(-5, 50).Draw(t, "money"))
		}
		r, err := FitRFM(days, orders, money)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			a := r.Score(days[i], orders[i], money[i])
			b := r.Score(days[i]-1, orders[i]+1, money[i]+1)
			if b.R < a.R || b.F < a.F || b.M < a.M || a.R < 1 || b.R > 5 {
				t.Fatalf("%v then %v", a, b)
			}
		}
	})
}

// people are four kinds of customers, told apart by what they do.
func people(n int) (Input, []int32) {
	r := rand.New(rand.NewPCG(5, 6))
	orders, spend, recency, visits := number("behaviour_orders"), number("behaviour_spend"), number("behaviour_recency"), number("behaviour_visits")
	rr, rf, rm := number(RecencyFeature), number(FrequencyFeature), number(MonetaryFeature)
	city := table.NewColumn("city", table.Category, 0)
	var revenue []float64
	var kind []int32
	for i := range n {
		k := i % 4
		kind = append(kind, int32(k))
		o := []float64{20, 2, 2, 0}[k]
		if o > 0 {
			o += float64(r.IntN(3))
		}
		s := o * []float64{100, 20, 200, 0}[k] * (0.8 + 0.4*r.Float64())
		d := []float64{5, 150, 20, math.NaN()}[k] * (0.8 + 0.4*r.Float64())
		orders.Num, spend.Num, recency.Num, visits.Num = append(orders.Num, o), append(spend.Num, s), append(recency.Num, d), append(visits.Num, []float64{30, 3, 10, 1}[k]+float64(r.IntN(3)))
		rr.Num, rf.Num, rm.Num = append(rr.Num, d), append(rf.Num, o), append(rm.Num, s)
		city.AppendString([]string{"上海", "北京"}[min(1, r.IntN(4)+boolInt(k != 0))/1])
		revenue = append(revenue, s)
	}
	return Input{Name: "groups", X: table.New(orders, spend, recency, visits), Profile: table.New(orders, spend, recency, visits, city, rr, rf, rm), Revenue: revenue}, kind
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestByRFM(t *testing.T) {
	in, _ := people(400)
	in.X, in.Name = in.Profile, "rfm"
	s, keys, err := ByRFM(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	size, share, revenue := 0, 0.0, 0.0
	for _, seg := range s.Segments {
		size, share, revenue = size+seg.Size, share+seg.Share, revenue+*seg.Revenue
		n := 0
		for _, k := range keys {
			if k == seg.Key {
				n++
			}
		}
		if n != seg.Size || seg.Name.ZH == "" || seg.Name.EN == "" || seg.Text.ZH == "" {
			t.Errorf("%+v, %d customers have the key", seg, n)
		}
	}
	cells := 0
	for _, row := range s.Grid {
		for _, c := range row {
			cells += c.Count
		}
	}
	if size != 400 || math.Abs(share-1) > 1e-12 || math.Abs(revenue-1) > 1e-12 || cells != 300 {
		t.Errorf("sizes %d, shares %v, revenue %v, cells %d", size, share, revenue, cells)
	}
	// Scoring again with the kept thresholds, read back from JSON, gives the same.
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Segmentation
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, err := back.RFM.Keys(in.X)
	if err != nil || !slices.Equal(again, keys) {
		t.Errorf("scored again: %v, other keys: %v", err, !slices.Equal(again, keys))
	}
}

func findGroups(ctx context.Context, x *table.Table, k int) (*Groups, error) {
	m, label, err := cluster.Find(ctx, x, cluster.Options{K: k, Seed: 1})
	if err != nil {
		return nil, err
	}
	return &Groups{Label: label, K: m.K, Stability: m.Stability, Silhouette: m.Silhouette, Notes: m.Notes}, nil
}

func TestByBehaviour(t *testing.T) {
	in, kind := people(400)
	s, keys, err := ByBehaviour(context.Background(), in, 4, findGroups)
	if err != nil {
		t.Fatal(err)
	}
	var label []int32
	for _, k := range keys {
		label = append(label, int32(k[1]-'1'))
	}
	if a := metric.AdjustedRand(label, kind); a < 0.95 {
		t.Errorf("groups agree with the kinds by %.2f", a)
	}
	names := map[string]bool{}
	for i, seg := range s.Segments {
		if names[seg.Name.ZH] || names[seg.Name.EN] {
			t.Errorf("two groups are called %v", seg.Name)
		}
		names[seg.Name.ZH], names[seg.Name.EN] = true, true
		if i > 0 && *seg.Revenue > *s.Segments[i-1].Revenue {
			t.Error("groups are not by revenue")
		}
		t.Log(seg.Key, seg.Size, seg.Name, seg.Text.EN)
	}
	if top := s.Segments[0].Name; !strings.Contains(top.ZH, "高频大额") || !strings.HasPrefix(top.EN, "Frequent big spenders") {
		t.Errorf("the best group is called %v", top)
	}
	if _, ok := names["很少来·未购买"]; !ok {
		t.Errorf("nobody is called by never having bought: %v", names)
	}
	if s.Stability == nil || *s.Stability < 0.9 {
		t.Errorf("stability %v", s.Stability)
	}
}

func TestNamesAreDistinctAndTruthful(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(20, 80).Draw(t, "n"), rapid.IntRange(2, 6).Draw(t, "k")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		x := &table.Table{}
		for _, a := range aspects {
			c := number(a.feature)
			for range n {
				c.Num = append(c.Num, math.Floor(r.ExpFloat64()*10))
			}
			x.Columns = append(x.Columns, c)
		}
		label := make([]int32, n)
		for i := range label {
			label[i] = int32(i % k)
			if r.IntN(2) == 0 {
				label[i] = int32(r.IntN(k))
			}
			x.Columns[0].Num[i] += 10 * float64(label[i])
		}
		s, keys, err := ByBehaviour(context.Background(), Input{X: x}, k, func(context.Context, *table.Table, int) (*Groups, error) {
			return &Groups{Label: label, K: k, Stability: math.NaN()}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[Text]bool{}
		for _, seg := range s.Segments {
			if seen[seg.Name] {
				t.Fatalf("two groups are called %v", seg.Name)
			}
			seen[seg.Name] = true
			mean := func(of string) (m float64) {
				c := 0.0
				for i, key := range keys {
					if key == of || of == "" {
						m, c = m+math.Log1p(x.Columns[0].Num[i]), c+1
					}
				}
				return m / c
			}
			if strings.Contains(seg.Name.ZH, "高频") && mean(seg.Key) <= mean("") || strings.Contains(seg.Name.ZH, "低频") && mean(seg.Key) >= mean("") {
				t.Fatalf("%v has mean %v, all %v", seg.Name, mean(seg.Key), mean(""))
			}
		}
		if _, err := json.Marshal(s); err != nil {
			t.Fatal(err)
		}
	})
}

// TestProfileEqualsTheSplit compares the figures with those of the two parts, taken apart.
func TestProfileEqualsTheSplit(t *testing.T) {
	in, _ := people(200)
	label := make([]int32, 200)
	for i := range label {
		label[i] = int32(i % 3)
	}
	for _, tr := range compare(Trait{}, in.Revenue, label, 3) {
		var mine, rest []float64
		for i, v := range in.Revenue {
			if int(label[i]) == tr.segment {
				mine = append(mine, v)
			} else {
				rest = append(rest, v)
			}
		}
		a, b, all := metric.SampleOf(mine), metric.SampleOf(rest), metric.SampleOf(in.Revenue)
		e := metric.MeanDifference(a, b, 0.95)
		if math.Abs(tr.P-e.P) > 1e-9 || math.Abs(tr.Effect-(a.Mean-b.Mean)/math.Sqrt(all.Variance)) > 1e-9 || math.Abs(tr.Index-100*a.Mean/all.Mean) > 1e-9 {
			t.Errorf("%+v, want p %v", tr, e.P)
		}
	}
}

func TestAdjust(t *testing.T) {
	// scipy 1.17: scipy.stats.false_discovery_control([0.01, 0.04, 0.03, 0.5, 0.002])
	want := []float64{0.025, 0.05, 0.05, 0.5, 0.01}
	var traits []segmentTrait
	for _, p := range []float64{0.01, 0.04, 0.03, 0.5, 0.002} {
		traits = append(traits, segmentTrait{Trait: Trait{P: p}})
	}
	adjust(traits)
	for i := range want {
		if math.Abs(traits[i].P-want[i]) > 1e-12 {
			t.Errorf("p %d is %v, want %v", i, traits[i].P, want[i])
		}
	}
}

func TestMoves(t *testing.T) {
	m := Moves([]string{"a", "b", "c"}, []string{"x", "x", "y"}, []string{"b", "c", "d"}, []string{"x", "x", "z"})
	if m.Both != 2 || m.Stayed != 0.5 || m.Gone != 1 || m.Joined != 1 || m.Counts[1][0] != 1 || m.Counts[0][0] != 1 {
		t.Errorf("%+v", m)
	}
}

func TestFeatures(t *testing.T) {
	sets := []plan.Dataset{{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{{Name: "amount", Kind: table.Money, Role: kequn.ColAmount}, {Name: "sku", Kind: table.Text, Role: kequn.ColItem}}},
		{Name: "events", Role: kequn.Events}}
	for _, f := range append(BehaviourFeatures(sets, kequn.Days(365)), RFMFeatures(&sets[0], kequn.Span{})...) {
		if f.TextZH == "" || f.TextEN == "" || f.Node == nil || f.Missing == "" {
			t.Errorf("%+v", f)
		}
	}
	for _, a := range aspects {
		if a.feature == "" || a.high.ZH == a.low.ZH {
			t.Errorf("%+v", a)
		}
	}
}
