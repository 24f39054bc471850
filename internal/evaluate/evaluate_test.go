package evaluate

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// scored makes n rows whose score is a true probability, bent by the given power, with signal strength k.
func scored(n int, k, bend float64) Scored {
	s := kernel.NewStream(5)
	var out Scored
	for i := range n {
		p := 1 / (1 + math.Exp(-(k*s.Norm() - 1)))
		y := 0.0
		if s.Bool(p) {
			y = 1
		}
		out.Y, out.Score, out.Round = append(out.Y, y), append(out.Score, math.Pow(p, bend)), append(out.Round, int32(i%4))
	}
	return out
}

func TestVerdict(t *testing.T) {
	noise := scored(4000, 0, 1)
	s := kernel.NewStream(8)
	for i := range noise.Score {
		noise.Score[i] = s.Float64()
	}
	for _, c := range []struct {
		name   string
		judged Scored
		key    string
		says   string
	}{
		{"good", scored(8000, 1.5, 1), "good", "can be used in money"},
		{"weak", scored(8000, 0.5, 1), "weak", ""},
		{"excellent", scored(8000, 5, 1), "excellent", ""},
		{"noise", noise, "useless", "no better than chance"},
		{"few", scored(40, 1, 1), "unsure", "too wide"},
		{"too good", scored(20000, 60, 1), "suspicious", "known only after"},
		{"off", scored(8000, 1.5, 0.4), "good", "not to price"},
	} {
		card, err := NewCard(Input{Task: kequn.Binary, Name: "m", Judged: c.judged})
		if err != nil {
			t.Fatal(err)
		}
		if card.Verdict.Key != c.key || !strings.Contains(card.Advice(kequn.English), c.says) {
			t.Errorf("%s: %s (AUC %+v): %s", c.name, card.Verdict.Key, card.Accuracy.AUC, card.Advice(kequn.English))
		}
		if strings.Contains(card.Advice(kequn.Chinese)+card.Advice(kequn.English), "%!") || card.Grade(kequn.Chinese) == "" {
			t.Errorf("%s: %s", c.name, card.Advice(kequn.Chinese))
		}
		if _, err := json.Marshal(card); err != nil {
			t.Error(err)
		}
	}
}

func TestCardOfAmounts(t *testing.T) {
	s := kernel.NewStream(5)
	var in Scored
	for range 3000 {
		v := 50 + 10*s.Norm()
		in.Y, in.Score = append(in.Y, v+5*s.Norm()), append(in.Score, v)
	}
	card, err := NewCard(Input{Task: kequn.Regression, Judged: in, Later: true, PredictSeconds: 0.5, PredictRows: 3000})
	if err != nil {
		t.Fatal(err)
	}
	if r := card.Accuracy.R2; card.Verdict.Key != "excellent" || math.Abs(r.Mean-0.8) > 0.03 || *card.Scalability.RowsPerSecond != 6000 {
		t.Errorf("%s %+v", card.Verdict.Key, r)
	}
	if card.Accuracy.AUC != nil || len(card.Accuracy.Gains) != 20 || len(card.Stability.Rounds) != 1 {
		t.Errorf("%+v", card)
	}
}

// A card is made of few rows, of one class, of constant scores: with what can be said, or an error, never a figure that means nothing.
func TestOddCards(t *testing.T) {
	for _, in := range []Scored{
		{Y: []float64{1}, Score: []float64{0.5}},
		{Y: []float64{0, 0, 0}, Score: []float64{0.1, 0.2, 0.3}, Round: []int32{0, 1, 2}},
		{Y: []float64{0, 1}, Score: []float64{0.5, 0.5}, W: []float64{1, 3}},
	} {
		card, err := NewCard(Input{Task: kequn.Binary, Judged: in})
		if err != nil {
			t.Fatal(err)
		}
		if card.Verdict.Key != "unsure" {
			t.Errorf("%+v is %s", in, card.Verdict.Key)
		}
		if _, err := json.Marshal(card); err != nil {
			t.Error(err)
		}
	}
	if _, err := NewCard(Input{Task: kequn.Binary}); err == nil {
		t.Error("a card without rows")
	}
	if _, err := NewCard(Input{Task: kequn.Multiclass, Judged: scored(5, 1, 1)}); err == nil {
		t.Error("a card of several classes")
	}
}

// additive is a learner for tests: the sum over columns of each bin's log-odds.
type additive struct{}

func (additive) Name() string { return "additive" }

func (additive) Fit(_ context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	cols, in, _ := model.Inputs(x, w)
	m := &additiveModel{h: model.Header{Family: "additive", Task: y.Task, Columns: cols}}
	mean, _ := kernel.MeanVar(y.Y, nil)
	for _, c := range in.Columns {
		border := kernel.Quantiles(c.Num, 0.2, 0.4, 0.6, 0.8)
		sum, n := make([]float64, 5), make([]float64, 5)
		for i, v := range c.Num {
			b := binOf(border, v)
			sum[b] += y.Y[i]
			n[b]++
		}
		value, spread := make([]float64, 5), 0.0
		for b := range value {
			p := (sum[b] + mean) / (n[b] + 1)
			value[b] = math.Log(p/(1-p)) - math.Log(mean/(1-mean))
			spread += n[b] * value[b] * value[b]
		}
		m.border, m.value, m.weight = append(m.border, border), append(m.value, value), append(m.weight, spread)
	}
	kernel.Scale(1/kernel.Sum(m.weight), m.weight)
	return m, nil
}

func binOf(border []float64, v float64) int {
	for b, x := range border {
		if v <= x {
			return b
		}
	}
	return len(border)
}

type additiveModel struct {
	h             model.Header
	border, value [][]float64
	weight        []float64
}

func (m *additiveModel) Header() model.Header     { return m.h }
func (m *additiveModel) Importance() []float64    { return m.weight }
func (m *additiveModel) Encode(w io.Writer) error { return nil }
func (m *additiveModel) Predict(x *table.Table) ([]float64, error) {
	out := make([]float64, x.NRows())
	for j, c := range m.h.Columns {
		for i, v := range x.Column(c.Name).Num {
			out[i] += m.value[j][binOf(m.border[j], v)]
		}
	}
	for i, v := range out {
		out[i] = 1 / (1 + math.Exp(-v))
	}
	return out, nil
}

func TestLeaks(t *testing.T) {
	const n = 4000
	s := kernel.NewStream(2)
	column := func(at func(i int) float64) *table.Column {
		c := &table.Column{}
		for i := range n {
			c.Num = append(c.Num, at(i))
		}
		return c
	}
	honest, honest2 := column(func(int) float64 { return s.Norm() }), column(func(int) float64 { return s.Norm() })
	honest.Name, honest2.Name = "visits", "spend"
	y := model.Outcome{Task: kequn.Binary}
	for i := range n {
		v := 0.0
		if s.Bool(1 / (1 + math.Exp(1-honest.Num[i]-0.8*honest2.Num[i]))) {
			v = 1
		}
		y.Y = append(y.Y, v)
	}
	for _, c := range []struct {
		name   string
		column *table.Column
		reason string
	}{
		{"refund", column(func(i int) float64 { return y.Y[i]*10 + s.Float64() }), "copy"},
		{"closed_at", column(func(i int) float64 {
			if y.Y[i] == 1 {
				return s.Float64()
			}
			return math.NaN()
		}), "missing"},
		{"call_seconds", column(func(i int) float64 { return 1.7*y.Y[i] + s.Norm() }), "vanishes"},
		{"session", column(func(i int) float64 { return float64(i) + float64(n)*y.Y[i]*float64(i%2) }), "id"},
		{"tenure", column(func(i int) float64 { return 0.3*y.Y[i] + s.Norm() }), ""},
	} {
		c.column.Name = c.name
		x := table.New(honest, honest2, c.column)
		leaks, err := Leaks(context.Background(), LeakProbe{X: x, Y: y, Learner: additive{}})
		if err != nil {
			t.Fatal(err)
		}
		if c.reason == "" {
			if len(leaks) > 0 {
				t.Errorf("%s is called a leak: %+v", c.name, leaks)
			}
			continue
		}
		if len(leaks) != 1 || leaks[0].Column != c.name || leaks[0].Reason != c.reason || leaks[0].Evidence.Zh == "" {
			t.Errorf("%s: found %+v, want %s", c.name, leaks, c.reason)
		}
	}
	// Amounts: the total copied.
	amount := model.Outcome{Task: kequn.Regression, Y: honest.Num}
	copied := &table.Column{Name: "total", Num: append([]float64(nil), honest.Num...)}
	leaks, err := Leaks(context.Background(), LeakProbe{X: table.New(honest2, copied), Y: amount, MaxRows: 2000})
	if err != nil || len(leaks) != 1 || leaks[0].Column != "total" {
		t.Errorf("amounts: %+v, %v", leaks, err)
	}
}
