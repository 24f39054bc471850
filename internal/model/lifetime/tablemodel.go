package lifetime

import (
	"bytes"
	"context"
	"io"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Family is the name of a [Forecast] in model files.
const Family = "lifetime"

// Question is what a [Forecast] answers about each row of a table, with times in days.
type Question struct {
	Money   bool    // spend, else orders
	Gap     float64 // days from the cutoff to where counting begins
	Horizon float64 // days counted
	Rows    float64 // counted orders per active day: a day may have several; 1 for spend
}

// Forecast is a fitted blend as a model of tables: it answers one question from the columns that [Columns] names. A customer without an order has nothing to go
// by and gets the mean of newcomers' first forecast, 0.
type Forecast struct {
	h     model.Header
	blend *Blend
	ask   Question
}

// NewForecast makes a model of a blend.
func NewForecast(b *Blend, q Question) *Forecast {
	rows := 0
	if len(b.Members) > 0 {
		rows = b.Members[0].Customers
	}
	return &Forecast{blend: b, ask: q, h: model.Header{
		Family: Family, Version: 1, Task: kequn.Regression, Columns: Columns(q.Money), Rows: rows,
		Params: []model.Value{{Name: "horizon_days", Value: q.Horizon}, {Name: "gap_days", Value: q.Gap}, {Name: "money", Value: truth(q.Money)},
			{Name: "order_factor", Value: b.OrderFactor}, {Name: "spend_factor", Value: b.SpendFactor}, {Name: "rows_per_day", Value: q.Rows}},
	}}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Blend returns the blend that forecasts.
func (f *Forecast) Blend() *Blend { return f.blend }

// Question returns what is asked.
func (f *Forecast) Question() Question { return f.ask }

// Header implements [model.Model].
func (f *Forecast) Header() model.Header { return f.h }

// Expected is what a blend says of one customer within a question's horizon.
type Expected struct {
	Alive  float64 // P(still a customer)
	Orders float64 // active days expected
	Mean   float64 // of what is asked
	Median float64 // 0 unless asked for
	Chance float64 // P(at least one active day)
}

// Expect answers the question for each row; medians take about ten times as long as means.
func (f *Forecast) Expect(x *table.Table, threads int, median bool) ([]Expected, error) {
	all, err := Summaries(x, f.ask.Money)
	if err != nil {
		return nil, err
	}
	out := make([]Expected, len(all))
	var whole []Prediction
	if median {
		whole = make([]Prediction, len(all))
		if err := f.blend.Predict(context.Background(), all, f.ask.Horizon, threads, whole); err != nil {
			return nil, err
		}
	}
	f.each(all, threads, func(i int, alive, orders, spend, chance float64) {
		e := Expected{Alive: alive, Orders: orders, Mean: orders * f.ask.Rows, Chance: chance}
		if f.ask.Money {
			e.Mean = spend
		}
		if median {
			r := whole[i].Orders
			if e.Median = r.Median * f.ask.Rows; f.ask.Money {
				r = whole[i].Spend
				e.Median = r.Median
			}
			if f.ask.Gap > 0 && r.Mean > 0 { // the later it begins, the fewer are left
				e.Median *= min(1, e.Mean/(r.Mean*max(1e-9, f.ask.Rows)))
			}
		}
		out[i] = e
	})
	return out, nil
}

// Predict implements [model.Model]: expected orders or spend.
func (f *Forecast) Predict(x *table.Table) ([]float64, error) {
	e, err := f.Expect(x, 0, false)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(e))
	for i := range e {
		out[i] = e[i].Mean
	}
	return out, nil
}

// Importance implements [model.Importancer]: when and how often count for orders, and what they were worth for spend.
func (f *Forecast) Importance() []float64 {
	out := make([]float64, len(f.h.Columns))
	for i, c := range f.h.Columns {
		switch c.Name {
		case ActiveColumn, LastColumn, FirstColumn:
			out[i] = 1.0 / 3
		case AmountColumn:
			out[i] = 1.0 / 3
		}
	}
	total := 0.0
	for _, v := range out {
		total += v
	}
	for i := range out {
		out[i] /= total
	}
	return out
}

// Encode implements [model.Model].
func (f *Forecast) Encode(w io.Writer) error {
	var b bytes.Buffer
	if err := f.blend.Save(&b); err != nil {
		return err
	}
	a := model.NewArrayWriter(w)
	a.Bool(f.ask.Money)
	a.Float64(f.ask.Gap)
	a.Float64(f.ask.Horizon)
	a.Float64(f.ask.Rows)
	a.Bytes(b.Bytes())
	return a.Err()
}

// Decode reads what [Forecast.Encode] wrote.
func Decode(h model.Header, r io.Reader) (model.Model, error) {
	if err := h.UpTo(1); err != nil {
		return nil, err
	}
	a := model.NewArrayReader(r)
	q := Question{Money: a.Bool(), Gap: a.Finite(), Horizon: a.Finite(), Rows: a.Finite()}
	text := a.Bytes()
	if err := a.End(); err != nil {
		return nil, err
	}
	if q.Gap < 0 || !(q.Horizon > 0) || !(q.Rows > 0) || h.Task != kequn.Regression || len(h.Columns) != len(Columns(q.Money)) {
		return nil, model.ErrArrays
	}
	for i, c := range Columns(q.Money) {
		if h.Columns[i].Name != c.Name || h.Columns[i].Kind != c.Kind {
			return nil, model.ErrArrays
		}
	}
	b, err := LoadBlend(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return &Forecast{h: h, blend: b, ask: q}, nil
}

// each calls fn with P(alive), expected active days, expected spend and P(any) of each summary within the horizon after the gap.
func (f *Forecast) each(all []Summary, threads int, fn func(i int, alive, orders, spend, chance float64)) {
	kernel.Parallel(len(all), threads, 256, func(lo, hi int) {
		var last Summary
		var now [4]float64
		known := false
		walk := newForecaster(f.blend.Members...)
		for i := lo; i < hi; i++ {
			s := all[i]
			if s.Repeats < 0 {
				fn(i, 0, 0, 0, 0)
				continue
			}
			if !known || s != last {
				alive, orders, spend := f.blend.Means(s, f.ask.Gap+f.ask.Horizon)
				chance := 0.0
				if _, mean := walk.distribution(s, f.ask.Horizon); len(walk.tail) > 0 {
					chance = walk.tail[0]
					if f.ask.Gap > 0 {
						_, o, v := f.blend.Means(s, f.ask.Gap)
						orders, spend = max(0, orders-o), max(0, spend-v)
						if mean > 0 {
							chance *= min(1, orders/(mean*f.blend.OrderFactor))
						}
					}
				}
				now = [4]float64{alive, finite(orders), finite(spend), min(1, max(0, chance))}
				last, known = s, true
			}
			fn(i, now[0], now[1], now[2], now[3])
		}
	})
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0
	}
	return v
}

// Outlook returns the expected outcome of each row and the chance that there is any.
func (f *Forecast) Outlook(x *table.Table) (mean, chance []float64, err error) {
	e, err := f.Expect(x, 0, false)
	if err != nil {
		return nil, nil, err
	}
	mean, chance = make([]float64, len(e)), make([]float64, len(e))
	for i := range e {
		mean[i], chance[i] = e[i].Mean, e[i].Chance
	}
	return mean, chance, nil
}

// HasSpend tells whether the blend knows what orders cost.
func (f *Forecast) HasSpend() bool {
	return len(f.blend.Members) > 0 && f.blend.Members[0].spend != nil
}

// Means returns the expected outcome of each summary.
func (f *Forecast) Means(all []Summary, threads int) []float64 {
	out := make([]float64, len(all))
	f.each(all, threads, func(i int, _, orders, spend, _ float64) {
		if out[i] = orders * f.ask.Rows; f.ask.Money {
			out[i] = spend
		}
	})
	return out
}
