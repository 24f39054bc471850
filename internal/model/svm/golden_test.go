package svm_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/svm"
	"kequn/internal/table"
)

// moons reads testdata/moons.csv, which testdata/golden.py made.
func moons(t testing.TB) (x *table.Table, col map[string][]float64) {
	t.Helper()
	f, err := os.Open("testdata/moons.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col = map[string][]float64{}
	for j, name := range rows[0] {
		for _, r := range rows[1:] {
			v, err := strconv.ParseFloat(r[j], 64)
			if err != nil {
				t.Fatal(err)
			}
			col[name] = append(col[name], v)
		}
	}
	return table.New(&table.Column{Name: "x", Num: col["x"]}, &table.Column{Name: "y", Num: col["y"]}), col
}

// scikit-learn solves the same convex problems to 1e-8; kernels here are float32, and the solver stops at 1e-7.
func TestEqualsScikitLearn(t *testing.T) {
	x, col := moons(t)
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct{ Hinge, Squared, Linear, Regression []float64 }
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	side := model.Outcome{Task: kequn.Binary, Y: col["side"]}
	amount := model.Outcome{Task: kequn.Regression, Y: col["amount"]}
	for _, c := range []struct {
		name string
		l    svm.Learner
		y    model.Outcome
		w    []float64
		want []float64
	}{
		{"hinge", svm.Learner{C: 2, Gamma: 0.7, Hinge: true}, side, col["weight"], g.Hinge},
		{"squared hinge", svm.Learner{C: 2, Gamma: 0.7}, side, col["weight"], g.Squared},
		{"linear", svm.Learner{Kernel: svm.Linear, C: 0.5}, side, col["weight"], g.Linear},
		{"regression", svm.Learner{C: 1.5, Gamma: 0.4, Epsilon: 0.1, Hinge: true}, amount, nil, g.Regression},
	} {
		c.l.Tolerance, c.l.NoLog = 1e-7, true
		m, err := c.l.Fit(context.Background(), x, c.y, c.w)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.(*svm.Model).Decision(x)
		if err != nil {
			t.Fatal(err)
		}
		apart := 0.0
		for i, v := range got {
			apart = max(apart, math.Abs(v-c.want[i]))
		}
		t.Logf("%s: at most %.1g apart, %d vectors", c.name, apart, m.(*svm.Model).Vectors())
		if !(apart <= 1e-4) {
			t.Errorf("%s: decision values %.2g apart", c.name, apart)
		}
	}
}

// All rows as landmarks are the exact machine.
func TestLandmarksApproachTheExactMachine(t *testing.T) {
	x, col := moons(t)
	y := model.Outcome{Task: kequn.Binary, Y: col["side"]}
	decide := func(l svm.Learner) []float64 {
		m, err := l.Fit(context.Background(), x, y, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, err := m.(*svm.Model).Decision(x)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	exact := decide(svm.Learner{C: 2, Gamma: 0.7, Tolerance: 1e-7})
	for _, c := range []struct {
		landmarks int
		within    float64
	}{{20, 1}, {60, 0.1}, {239, 2e-3}} {
		apart := 0.0
		for i, v := range decide(svm.Learner{Kernel: svm.Landmarks, Landmarks: c.landmarks, C: 2, Gamma: 0.7}) {
			apart = max(apart, math.Abs(v-exact[i]))
		}
		t.Logf("%d landmarks: at most %.2g apart", c.landmarks, apart)
		if apart > c.within {
			t.Errorf("%d landmarks are %.3g from the exact machine, want %v", c.landmarks, apart, c.within)
		}
	}
}
