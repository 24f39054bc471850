package gbdt

import (
	"context"
	"fmt"
	"testing"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// BenchmarkPredictOne is one row through the public path: 100 trees of 31 leaves, 28 number columns.
func BenchmarkPredictOne(b *testing.B) {
	s := kernel.NewStream(3)
	x := &table.Table{}
	n := 5000
	y := make([]float64, n)
	for c := range 28 {
		col := table.NewColumn(fmt.Sprintf("c%02d", c), table.Number, n)
		for i := range n {
			col.Num = append(col.Num, s.Norm())
			y[i] += col.Num[i] * float64(c%4)
		}
		x.Columns = append(x.Columns, col)
	}
	for i := range y {
		if y[i] > 0 {
			y[i] = 1
		} else {
			y[i] = 0
		}
	}
	m, err := Learner{}.Fit(context.Background(), x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
	if err != nil {
		b.Fatal(err)
	}
	one := x.Slice(17, 18)
	b.ReportAllocs()
	best := time.Hour
	for b.Loop() {
		began := time.Now()
		m.Predict(one)
		best = min(best, time.Since(began)) // other work on the machine does not count
	}
	b.ReportMetric(float64(best.Nanoseconds()), "best-ns")
}
