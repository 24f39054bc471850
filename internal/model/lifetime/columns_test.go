package lifetime

import (
	"bytes"
	"context"
	"math"
	"testing"

	"kequn/internal/model"
	"kequn/internal/table"
)

// histories is a table of the columns that summaries are read from.
func histories(rows ...[7]float64) *table.Table {
	x := &table.Table{}
	for k, name := range []string{ActiveColumn, FirstColumn, LastColumn, AmountColumn, BeginsColumn, GapMeanColumn, GapSDColumn} {
		c := table.NewColumn(name, table.Number, len(rows))
		for _, r := range rows {
			c.Num = append(c.Num, r[k])
		}
		x.Columns = append(x.Columns, c)
	}
	return x
}

func TestSummaries(t *testing.T) {
	nan := math.NaN()
	all, err := Summaries(histories(
		[7]float64{4, 100.5, 10.2, 70, 10, 30, 0}, // three repeats, one every 30 days
		[7]float64{1, 20, 20, 5, 5, nan, nan},     // once
		[7]float64{0, nan, nan, 0, nan, nan, nan}, // never
		[7]float64{2, 3.2, 3.1, 9, 10, 1, nan},    // two dates on one number; refunded
	), true)
	if err != nil {
		t.Fatal(err)
	}
	want := []Summary{{3, 90, 100, 20, 3 * math.Log(30)}, {0, 0, 20, 0, 0}, {Repeats: -1}, {1, 1, 3, 0, 0}}
	for i, s := range all {
		if s != want[i] {
			t.Errorf("row %d: %+v, want %+v", i, s, want[i])
		}
	}
	if n := len(Known(all)); n != 3 {
		t.Errorf("%d known", n)
	}
	// Gaps as uneven as chance have the logarithm's mean of an exponential.
	if got := logGaps(Summary{Repeats: 10, Recency: 100, Age: 200}, 10, 10); math.Abs(got-10*(math.Log(10)-0.5772156649)) > 1e-6 {
		t.Errorf("exponential gaps: %v", got)
	}
}

// TestForecast: windows after a gap add up to the whole, chances and medians are such, and a saved model says the same.
func TestForecast(t *testing.T) {
	var all []Summary
	var rows [][7]float64
	for i := range 400 {
		s := Summary{Repeats: i % 5 * (i % 2), Age: float64(60 + i%40)}
		row := [7]float64{float64(s.Repeats + 1), s.Age, s.Age, 10, 10, math.NaN(), math.NaN()}
		if s.Repeats > 0 {
			s.Recency, s.Spend, s.LogGaps = float64(10+i%50), float64(5+i%9), float64(s.Repeats)
			row[2], row[3], row[5], row[6] = s.Age-s.Recency, 10+float64(s.Repeats)*s.Spend, s.Recency/float64(s.Repeats), 4
		}
		all, rows = append(all, s), append(rows, row)
	}
	b, err := FitBlend(context.Background(), all, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := histories(append(rows, [7]float64{0, math.NaN(), math.NaN(), 0, math.NaN(), math.NaN(), math.NaN()})...)
	at := func(gap, horizon float64, money bool) []Expected {
		e, err := NewForecast(b, Question{Money: money, Gap: gap, Horizon: horizon, Rows: 1}).Expect(x, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, money := range []bool{false, true} {
		near, far, whole := at(0, 20, money), at(20, 70, money), at(0, 90, money)
		for i := range whole {
			if math.Abs(near[i].Mean+far[i].Mean-whole[i].Mean) > 1e-9*max(1, whole[i].Mean) {
				t.Fatalf("row %d: %v and %v, together %v", i, near[i].Mean, far[i].Mean, whole[i].Mean)
			}
			if e := far[i]; !(e.Chance >= 0 && e.Chance <= 1 && e.Median >= 0 && e.Alive >= 0 && e.Alive <= 1) {
				t.Fatalf("row %d: %+v", i, e)
			}
		}
		if last := whole[len(whole)-1]; last != (Expected{}) {
			t.Errorf("a customer without orders: %+v", last)
		}
		f := NewForecast(b, Question{Money: money, Gap: 2, Horizon: 30, Rows: 1.5})
		var file bytes.Buffer
		if err := model.Save(&file, f); err != nil {
			t.Fatal(err)
		}
		again, err := model.Load(&file, map[string]model.Decoder{Family: Decode})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := f.Predict(x)
		got, err := again.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("row %d: %v, was %v", i, got[i], want[i])
			}
		}
	}
}
