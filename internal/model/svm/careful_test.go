package svm_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/svm"
	"kequn/internal/table"
)

// With few rows of the rarer class there is a model, its scores are probabilities, and its notes say what was not chosen.
func TestFewPositives(t *testing.T) {
	const n = 600
	s := kernel.NewStream(1)
	a, b := &table.Column{Name: "a"}, &table.Column{Name: "b"}
	for range n {
		a.Num, b.Num = append(a.Num, s.Norm()), append(b.Num, s.Norm())
	}
	for _, positives := range []int{1, 2, 5, 19} {
		y := model.Outcome{Task: kequn.Binary, Y: make([]float64, n)}
		for i := range positives {
			y.Y[i*31] = 1
			a.Num[i*31] += 3
		}
		for _, kind := range []int{svm.Auto, svm.Linear, svm.Landmarks} {
			m, err := svm.Learner{Kernel: kind, Landmarks: 50}.Fit(context.Background(), table.New(a, b), y, nil)
			if err != nil {
				t.Fatalf("%d positives: %v", positives, err)
			}
			p, err := m.Predict(table.New(a, b))
			if err != nil {
				t.Fatal(err)
			}
			mean := 0.0
			for _, v := range p {
				if !(v >= 0 && v <= 1) {
					t.Fatalf("%d positives: a score of %v", positives, v)
				}
				mean += v / n
			}
			if rate := float64(positives) / n; mean > 3*rate+0.01 {
				t.Errorf("%d positives, kernel %d: mean score %v, base rate %v", positives, kind, mean, rate)
			}
			if positives < 10 && len(m.Header().Notes) == 0 {
				t.Errorf("%d positives: no note", positives)
			}
		}
	}
}

// A column of 100,000 values is one column of rare ones, and says so.
func TestHugeCategory(t *testing.T) {
	const n = 100_000
	id, x := table.NewColumn("id", table.Category, n), &table.Column{Name: "x"}
	y := model.Outcome{Task: kequn.Binary, Y: make([]float64, n)}
	s := kernel.NewStream(1)
	for i := range n {
		id.AppendString(fmt.Sprint("c", i))
		x.Num = append(x.Num, s.Norm())
		if s.Bool(0.2 + 0.6*math.Abs(math.Tanh(x.Num[i]))) {
			y.Y[i] = 1
		}
	}
	m, err := svm.Learner{Landmarks: 100, C: 1, Gamma: 0.5}.Fit(context.Background(), table.New(id, x), y, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.(*svm.Model).Vectors() != 100 || len(m.Header().Columns) != 1 || len(m.Header().Notes) < 2 {
		t.Errorf("%d vectors, columns %v, notes %q", m.(*svm.Model).Vectors(), m.Header().Columns, m.Header().Notes)
	}
}

// The curve of a noisy sine is found, by either loss.
func TestRegression(t *testing.T) {
	const n = 1500
	x, y := &table.Column{Name: "x"}, model.Outcome{Task: kequn.Regression}
	s := kernel.NewStream(1)
	for range n {
		v := 6 * s.Float64()
		x.Num = append(x.Num, v)
		y.Y = append(y.Y, 100+20*math.Sin(v)+2*s.Norm())
	}
	for _, l := range []svm.Learner{{}, {Hinge: true}, {Kernel: svm.Landmarks, Landmarks: 40}} {
		m, err := l.Fit(context.Background(), table.New(x), y, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Predict(table.New(x))
		if err != nil {
			t.Fatal(err)
		}
		squares := 0.0
		for i, v := range x.Num {
			d := p[i] - 100 - 20*math.Sin(v)
			squares += d * d / n
		}
		if rmse := math.Sqrt(squares); rmse > 0.6 {
			t.Errorf("%+v: %.2f off the curve", l, rmse)
		}
	}
}
