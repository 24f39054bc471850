package value_test

import (
	"bytes"
	"context"
	"io"
	"math"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/value"
	"kequn/internal/table"
)

// teller is a lifetime model that reads its answers from the table.
type teller struct{}

func (teller) Header() model.Header {
	return model.Header{Family: "teller", Version: 1, Task: kequn.Regression, Columns: []model.Column{{Name: "rate", Kind: table.Number}}}
}
func (t teller) Predict(x *table.Table) ([]float64, error) { m, _, err := t.Outlook(x); return m, err }
func (teller) Encode(io.Writer) error                      { return nil }
func (teller) Outlook(x *table.Table) (mean, chance []float64, err error) {
	for _, v := range x.Column("rate").Num {
		mean, chance = append(mean, v), append(chance, 1-math.Exp(-v))
	}
	return mean, chance, nil
}

// crowd is n customers whose outcomes are Poisson with a mean of level × rate, seen in windows of half the horizon.
func crowd(n int, level float64) (*table.Table, model.Outcome) {
	s := kernel.NewStream(1, 2)
	rate, half, chance, scale, y := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		rate[i] = 0.2 + 3*s.Float64()
		half[i], scale[i] = rate[i]/2, 2
		chance[i] = 1 - math.Exp(-half[i])
		for limit, p := math.Exp(-level*half[i]), s.Float64(); p > limit; p *= s.Float64() {
			y[i] += 2 // stretched to the horizon
		}
	}
	col := func(name string, v []float64) *table.Column {
		return &table.Column{Name: name, Kind: table.Number, Num: v}
	}
	return table.New(col("rate", rate), col(value.BaseColumn, half), col(value.ChanceColumn, chance), col(value.ScaleColumn, scale)), model.Outcome{Task: kequn.Regression, Y: y}
}

func learner(parts ...value.Kind) value.Learner {
	trees := func(power float64) model.Learner { return gbdt.Learner{Trees: 40, Leaves: 8, Rate: 0.1, Power: power} }
	return value.Learner{Parts: parts, Power: 1, Base: teller{}, Correct: trees, Alone: trees, Whether: func() model.Learner { return gbdt.Learner{Trees: 40, Leaves: 8} }}
}

func total(t *testing.T, m model.Model, x *table.Table) float64 {
	t.Helper()
	f, err := m.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range f {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			t.Fatalf("a forecast of %v", v)
		}
	}
	return kernel.Sum(f)
}

// TestLevels lets a lifetime model say half of what happens: trees find the level, the lifetime model keeps its own.
func TestLevels(t *testing.T) {
	x, y := crowd(4000, 2)
	want := kernel.Sum(y.Y)
	for kind, share := range map[value.Kind]float64{value.Base: 0.5, value.Poisson: 1, value.Tweedie: 1, value.TwoPart: 0.9} {
		m, err := learner(kind).Fit(context.Background(), x, y, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := total(t, m, x) / want; math.Abs(got-share) > 0.12 {
			t.Errorf("%s: %.2f of the total, want about %.1f", kind, got, share)
		}
	}
	mixed, err := learner(value.Base, value.Poisson, value.TwoPart).Fit(context.Background(), x, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := total(t, mixed, x) / want; math.Abs(got-2.4/3) > 0.12 {
		t.Errorf("the mean: %.2f of the total", got)
	}
}

// TestRefunds takes a fifth of the total back: forecasts shrink by it, and none is negative.
func TestRefunds(t *testing.T) {
	x, y := crowd(4000, 1)
	back := kernel.Sum(y.Y) / 5
	for i := range 40 {
		y.Y[i] -= back / 40
	}
	m, err := learner(value.Poisson).Fit(context.Background(), x, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := total(t, m, x) / kernel.Sum(y.Y); math.Abs(got-1) > 0.1 {
		t.Errorf("%.2f of the net total", got)
	}
}

func TestRefuses(t *testing.T) {
	x, y := crowd(200, 1)
	for i := range y.Y {
		y.Y[i] = 0
	}
	if _, err := learner(value.Poisson).Fit(context.Background(), x, y, nil); kequn.KindOf(err) != kequn.KindNotEnough {
		t.Errorf("nobody did anything: %v", err)
	}
	l := learner(value.TwoPart)
	l.Base = nil
	if _, err := l.Fit(context.Background(), x, y, nil); err == nil {
		t.Error("two parts without a lifetime model")
	}
}

// TestSaved loads what was saved: the same scores, and explanations that add up.
func TestSaved(t *testing.T) {
	x, y := crowd(1000, 1)
	m, err := learner(value.Base, value.Poisson, value.TwoPart).Fit(context.Background(), x, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := model.Save(&b, m); err != nil {
		t.Fatal(err)
	}
	decoders := map[string]model.Decoder{gbdt.Name: gbdt.Decode, "teller": func(model.Header, io.Reader) (model.Model, error) { return teller{}, nil }}
	decoders[value.Family] = value.Decoder(decoders)
	again, err := model.Load(bytes.NewReader(b.Bytes()), decoders)
	if err != nil {
		t.Fatal(err)
	}
	bare := x.Drop(value.BaseColumn, value.ChanceColumn, value.ScaleColumn)
	f, _ := m.Predict(bare)
	g, err := again.Predict(bare)
	if err != nil {
		t.Fatal(err)
	}
	for i := range f {
		if f[i] != g[i] {
			t.Fatalf("row %d: %v, was %v", i, g[i], f[i])
		}
	}
	base, phi, err := again.(model.Attributor).Attribute(bare, 0)
	if err != nil {
		t.Fatal(err)
	}
	margin, _ := again.(model.Marginer).Margin(bare)
	for i := range margin {
		if math.Abs(base+phi[i]-margin[i]) > 1e-9 {
			t.Fatalf("row %d: %v + %v is not %v", i, base, phi[i], margin[i])
		}
	}
	for cut := 1; cut < b.Len(); cut += 97 {
		if _, err := model.Load(bytes.NewReader(b.Bytes()[:cut]), decoders); err == nil {
			t.Fatal("a cut file was read")
		}
	}
}
