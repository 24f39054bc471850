package gbdt_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/modeltest"
	"kequn/internal/table"
)

// TestGoldenLosses compares scores under other losses with LightGBM's, which sums gradients in float32 (see testdata/losses.py).
func TestGoldenLosses(t *testing.T) {
	x, column := goldenTable(t, "losses.golden", "age", "orders", "visits")
	for _, c := range []struct {
		scores, outcome string
		l               gbdt.Learner
		tolerance       float64
	}{
		{"poisson", "count", gbdt.Learner{Power: 1}, 1e-3},
		{"tweedie", "spend", gbdt.Learner{Power: 1.5}, 1e-3},
		{"gamma", "price", gbdt.Learner{Power: 2}, 1e-3},
		{"quantile", "price", gbdt.Learner{Quantile: 0.8}, 1e-3},
		{"monotone", "price", gbdt.Learner{Monotone: map[string]int{"age": 1, "visits": -1}}, 1e-3},
	} {
		c.l.Trees, c.l.Leaves, c.l.MinRows, c.l.MinHessian = 10, 15, 1, 20
		m := fit(t, c.l, x, model.Outcome{Task: kequn.Regression, Y: column[c.outcome]}, nil)
		checkGolden(t, c.scores, m, x, column[c.scores], c.tolerance)
	}
}

func TestConformanceOfLosses(t *testing.T) {
	modeltest.Exercise(t, gbdt.Learner{Quantile: 0.5, Trees: 40}, gbdt.Decode, nil)
}

// amountsOf makes amounts that rise with spend, and nothing else can be said of their size.
func amountsOf(x *table.Table, scale float64) model.Outcome {
	y := model.Outcome{Task: kequn.Regression}
	s := kernel.NewStream(31)
	for _, v := range x.Column("spend").Num {
		y.Y = append(y.Y, scale*float64(s.Poisson(1+min(v, 10))))
	}
	return y
}

// The score never falls along a column named so, whatever the others say, leaf by leaf or symmetric.
func TestMonotone(t *testing.T) {
	x, y := shop(4000, 14)
	for _, l := range []gbdt.Learner{{}, {Symmetric: true}, {Symmetric: true, Depth: 3, MinRows: 300}, {Leaves: 200, MinRows: 1, L2: 1}} {
		l.Trees, l.Monotone = 40, map[string]int{"spend": 1, "orders": -1}
		free := l
		free.Monotone = nil
		if l.MinRows == 0 && falls(t, fit(t, free, x, y, nil), x, "spend", 1) == 0 {
			t.Error("nothing to hold: the free model rises anyway")
		}
		m := fit(t, l, x, y, nil)
		if n := falls(t, m, x, "spend", 1); n > 0 {
			t.Errorf("%v: falls with spend at %d places", l, n)
		}
		if n := falls(t, m, x, "orders", -1); n > 0 {
			t.Errorf("%v: rises with orders at %d places", l, n)
		}
		p, _ := m.Predict(x)
		if auc := metric.AUC(y.Y, p, nil); auc < 0.7 {
			t.Errorf("AUC %.3f", auc)
		}
	}
}

// falls counts where the score goes against the direction when only one column of a row changes.
func falls(t *testing.T, m *gbdt.Model, x *table.Table, name string, direction float64) (n int) {
	t.Helper()
	for row := 0; row < 60; row++ {
		probe := x.Take(make([]int32, 80))
		for i := range 80 {
			for c := range probe.Columns {
				if probe.Columns[c].Kind == table.Number {
					probe.Columns[c].Num[i] = x.Columns[c].Num[row]
				} else {
					probe.Columns[c].Code[i] = x.Columns[c].Code[row]
				}
			}
			probe.Column(name).Num[i] = float64(i) / 8
		}
		p, err := m.Margin(probe)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(p); i++ {
			if direction*(p[i]-p[i-1]) < -1e-12 {
				n++
			}
		}
	}
	return n
}

func TestLossesThatDoNotFit(t *testing.T) {
	x, _ := shop(300, 5)
	amounts := amountsOf(x, 1)
	below := model.Outcome{Task: kequn.Regression, Y: append([]float64{-1}, amounts.Y[1:]...)}
	for _, c := range []struct {
		l    gbdt.Learner
		y    model.Outcome
		kind kequn.Kind
		says string
	}{
		{gbdt.Learner{Power: 0.5}, amounts, kequn.KindUsage, "distribution"},
		{gbdt.Learner{Power: 1, Quantile: 0.5}, amounts, kequn.KindUsage, "one loss"},
		{gbdt.Learner{Power: 1}, below, kequn.KindInput, "row 0"},
		{gbdt.Learner{Power: 2}, amounts, kequn.KindInput, "row"},
		{gbdt.Learner{Monotone: map[string]int{"speed": 1}}, amounts, kequn.KindUsage, "speed"},
		{gbdt.Learner{Monotone: map[string]int{"city": 1}}, amounts, kequn.KindUsage, "city"},
		{gbdt.Learner{Monotone: map[string]int{"age": 2}}, amounts, kequn.KindUsage, "direction"},
		{gbdt.Learner{Monotone: map[string]int{"age": 1}, Quantile: 0.5}, amounts, kequn.KindUsage, "rise or fall"},
	} {
		_, err := c.l.Fit(context.Background(), x, c.y, nil)
		if kequn.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%v: %v", c.l, err)
		}
	}
}

// Amounts of any size, and none at all, give finite predictions in their size; a share of the outcomes lies below a quantile.
func TestAmountsAndQuantiles(t *testing.T) {
	x, _ := shop(3000, 6)
	for _, scale := range []float64{0, 1e-200, 1e-3, 1, 1e6, 1e200} {
		y := amountsOf(x, scale)
		for _, l := range []gbdt.Learner{{Power: 1}, {Power: 1.5}, {Quantile: 0.3}, {Quantile: 0.9}, {Quantile: 0.9, Symmetric: true}} {
			l.Trees = 50
			m := fit(t, l, x, y, nil)
			p, err := m.Predict(x)
			if err != nil {
				t.Fatal(err)
			}
			var sum, want, below float64
			for i, v := range p {
				if v != v || math.IsInf(v, 0) {
					t.Fatalf("%v of scale %g: %v", l, scale, v)
				}
				sum, want = sum+v/math.Max(scale, 1e-300), want+y.Y[i]/math.Max(scale, 1e-300)
				if y.Y[i] <= v {
					below++
				}
			}
			if l.Power > 0 && scale > 0 && math.Abs(sum/want-1) > 0.02 {
				t.Errorf("power %v, scale %g: sum %g, want %g", l.Power, scale, sum, want)
			}
			if l.Quantile > 0 && (below/3000 < l.Quantile-0.03 || scale == 0 && below < 3000) {
				t.Errorf("quantile %v, scale %g: %.3f lie below", l.Quantile, scale, below/3000)
			}
		}
	}
}
