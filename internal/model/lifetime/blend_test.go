package lifetime

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"kequn"
)

// Where the shop stays as it is, nothing is corrected; where everybody orders half as often from now on, half of that is seen.
func TestBlendSeesDrift(t *testing.T) {
	const cut, horizon = 40, 20
	all := simulate(MBGNBD, 1, stories[1].theta, 4000, cut, horizon, 8)
	var earlier []Summary
	var orders, spend, fewer []float64
	for _, c := range all {
		earlier = append(earlier, c.history)
		orders = append(orders, float64(c.orders))
		spend = append(spend, c.spend)
		fewer = append(fewer, float64(c.orders)/2)
	}
	same, err := FitBlend(t.Context(), earlier, &Backtest{earlier, horizon, orders, spend}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "orders", same.OrderFactor, 1, 0.04)
	near(t, "spend", same.SpendFactor, 1, 0.04)
	half, err := FitBlend(t.Context(), earlier, &Backtest{earlier, horizon, fewer, nil}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "half the orders", half.OrderFactor, same.OrderFactor*math.Sqrt(0.5), 1e-9)
	near(t, "half the spend", half.SpendFactor, half.OrderFactor, 0)

	pred := make([]Prediction, len(earlier))
	if err := half.Predict(t.Context(), earlier, horizon, 0, pred); err != nil {
		t.Fatal(err)
	}
	for i, p := range pred {
		alive, orders, spend := half.Means(earlier[i], horizon)
		near(t, "alive", p.Alive, alive, 1e-12)
		near(t, "orders", p.Orders.Mean, orders, 1e-6)
		near(t, "spend", p.Spend.Mean, spend, 1e-6)
		if p.Orders.Low > p.Orders.Median || p.Orders.Median > p.Orders.High {
			t.Fatalf("%+v", p)
		}
	}
	var b bytes.Buffer
	if err := half.Save(&b); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	loaded, err := LoadBlend(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	other := make([]Prediction, len(earlier))
	if err := loaded.Predict(t.Context(), earlier, horizon, 1, other); err != nil || !reflect.DeepEqual(pred, other) {
		t.Errorf("a saved blend predicts otherwise: %v", err)
	}
	if _, err := Load(bytes.NewReader(whole)); kequn.KindOf(err) != kequn.KindDamaged {
		t.Errorf("a blend read as a model: %v", err)
	}
}

// Too little to compare with corrects nothing.
func TestBlendWithoutABacktest(t *testing.T) {
	all := historiesOf(simulate(BGNBD, 1, stories[0].theta, 300, 52, 0, 9))
	for _, back := range []*Backtest{nil, {}, {all[:3], 20, []float64{500, 2, 1}, nil}, {all, 20, make([]float64, len(all)), nil}} {
		b, err := FitBlend(t.Context(), all, back, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if b.OrderFactor != 1 || b.SpendFactor != 1 {
			t.Errorf("corrected by %v, %v", b.OrderFactor, b.SpendFactor)
		}
	}
}
