package explain

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// sum is a model for tests: a weighted sum of its columns, missing values counting 0.
type sum struct {
	h      model.Header
	weight []float64
}

func newSum(task kequn.Task, names []string, weight ...float64) *sum {
	m := &sum{weight: weight, h: model.Header{Family: "sum", Task: task}}
	for _, n := range names {
		m.h.Columns = append(m.h.Columns, model.Column{Name: n})
	}
	return m
}

func (m *sum) Header() model.Header     { return m.h }
func (m *sum) Encode(w io.Writer) error { return nil }
func (m *sum) Importance() []float64    { return m.weight }

func (m *sum) Attribute(x *table.Table, class int) (float64, []float64, error) {
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return 0, nil, err
	}
	phi := make([]float64, x.NRows()*len(m.weight))
	for j, c := range in.Columns {
		for i, v := range c.Num {
			if v == v {
				phi[i*len(m.weight)+j] = m.weight[j] * v
			}
		}
	}
	return 0.5, phi, nil
}

func (m *sum) Predict(x *table.Table) ([]float64, error) {
	base, phi, err := m.Attribute(x, 0)
	if err != nil {
		return nil, err
	}
	out := make([]float64, x.NRows())
	for i := range out {
		out[i] = base + kernel.Sum(phi[i*len(m.weight):(i+1)*len(m.weight)])
		if m.h.Task == kequn.Binary {
			out[i] = 1 / (1 + math.Exp(-out[i]))
		}
	}
	return out, nil
}

func TestReasons(t *testing.T) {
	x := table.New(&table.Column{Name: "orders_90d", Kind: table.Integer, Int: []int64{3, 0}}, &table.Column{Name: "discount", Num: []float64{0.25, math.NaN()}},
		&table.Column{Name: "age", Num: []float64{40, 20}})
	words := func(name string) Words {
		switch name {
		case "orders_90d":
			return Words{Zh: "近 90 天订单数", En: "orders in 90 days", Unit: "orders", Kind: "behaviour"}
		case "discount":
			return Words{Zh: "折扣比例", En: "share discounted", Unit: "share", Kind: "lever", MissingZh: "没有（从未购买）", MissingEn: "is absent (never bought)"}
		}
		return Words{}
	}
	m := newSum(kequn.Binary, []string{"age", "discount", "orders_90d"}, 0.001, -8, 0.2)
	got, err := Reasons(m, x, 0, 2, words)
	if err != nil {
		t.Fatal(err)
	}
	first := got[0]
	if len(first.Reasons) != 2 || first.Reasons[0].Column != "discount" || first.Reasons[1].Kind != "behaviour" || math.Abs(first.Rest-0.04) > 1e-12 {
		t.Fatalf("%+v", first)
	}
	total := first.Base + first.Rest
	for _, r := range first.Reasons {
		total += r.Contribution
	}
	if math.Abs(total-first.Margin) > 1e-12 {
		t.Errorf("sum %v, margin %v", total, first.Margin)
	}
	for i, want := range []string{
		"折扣比例 为 25%：可能性（几率）降到 7.39 分之一", "近 90 天订单数 为 3 orders：可能性（几率）提高到 1.82 倍",
	} {
		if first.Reasons[i].Zh != want {
			t.Errorf("got %q, want %q", first.Reasons[i].Zh, want)
		}
	}
	if want := "orders in 90 days is 3 orders: raises the odds 1.82 times"; first.Reasons[1].En != want {
		t.Errorf("got %q", first.Reasons[1].En)
	}
	if r := got[1].Reasons; len(r) != 1 || r[0].En != "age is 20: raises the odds a little" {
		t.Errorf("%+v", r)
	}
	amount, err := Reasons(newSum(kequn.Regression, []string{"age"}, -2), x, 0, 0, nil)
	if err != nil || amount[0].Reasons[0].En != "age is 40: takes 80 off the prediction" {
		t.Errorf("%+v %v", amount, err)
	}
	if _, err := Reasons(m, x.Drop("age"), 0, 0, nil); kequn.KindOf(err) != kequn.KindInput {
		t.Errorf("a missing column: %v", err)
	}
}

func TestPermutation(t *testing.T) {
	const n = 3000
	s := kernel.NewStream(4)
	x := table.New(&table.Column{Name: "big"}, &table.Column{Name: "none"}, &table.Column{Name: "small"})
	y := model.Outcome{Task: kequn.Regression}
	for range n {
		for _, c := range x.Columns {
			c.Num = append(c.Num, s.Norm())
		}
	}
	m := newSum(kequn.Regression, []string{"big", "none", "small"}, 3, 0, 1)
	p, err := m.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	y.Y = p
	w, err := Permutation{}.Weights(context.Background(), m, x, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Shuffling a column of variance 1 and weight b adds 2b² to the squared error.
	if w[0].Column != "big" || math.Abs(w[0].Loss-18) > 1 || math.Abs(w[1].Loss-2) > 0.2 || w[2].Loss != 0 || math.Abs(w[0].Share-0.9) > 0.01 {
		t.Errorf("%+v", w)
	}
	again, err := Permutation{Threads: 1}.Weights(context.Background(), m, x, y, nil)
	if err != nil || !slices.Equal(w, again) {
		t.Errorf("one thread gives %+v (%v)", again, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := (Permutation{}).Weights(ctx, m, x, y, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if own := Importance(m); len(own) != 2 || own[0].Column != "big" {
		t.Errorf("%+v", own)
	}
}
