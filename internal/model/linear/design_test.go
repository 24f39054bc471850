package linear

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// crowd has numbers, holes, and categories of few and of many levels.
func crowd(n int) (*table.Table, model.Outcome) {
	s := kernel.NewStream(11)
	x := &table.Table{}
	for j := range 3 {
		c := &table.Column{Name: fmt.Sprint("n", j)}
		for range n {
			v := s.Norm()
			if j > 0 && s.Bool(0.2) {
				v = math.NaN()
			}
			c.Num = append(c.Num, v)
		}
		x.Columns = append(x.Columns, c)
	}
	for j, levels := range []int{3, 9, 40} {
		c := &table.Column{Name: fmt.Sprint("c", j), Kind: table.Category, Dict: table.NewDict()}
		for k := range levels {
			c.Dict.InternString(fmt.Sprint("level", k))
		}
		for range n {
			c.Code = append(c.Code, int32(s.Intn(levels+1))-1)
		}
		x.Columns = append(x.Columns, c)
	}
	y := model.Outcome{Task: kequn.Binary}
	for i := range n {
		yes := 0.0
		if s.Float64() < logistic(x.Columns[0].Num[i]-0.5*float64(x.Columns[3].Code[i])) {
			yes = 1
		}
		y.Y = append(y.Y, yes)
	}
	return x, y
}

func fitted(t *testing.T, l Learner, x *table.Table, y model.Outcome, w []float64) *Model {
	t.Helper()
	m, err := l.Fit(context.Background(), x, y, w)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*Model)
}

func same(t *testing.T, what string, a, b []Coefficient, tolerance float64) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d coefficients, %d", what, len(a), len(b))
	}
	for i := range a {
		if math.Abs(a[i].Value-b[i].Value) > tolerance || math.Abs(a[i].SE-b[i].SE) > tolerance {
			t.Errorf("%s: %s %s %s: %v ± %v, and %v ± %v", what, a[i].Column, a[i].Kind, a[i].Level, a[i].Value, a[i].SE, b[i].Value, b[i].SE)
		}
	}
}

// Whether a category is kept as numbers or as the level switched on changes nothing but the time.
func TestDenseAndSparseLevels(t *testing.T) {
	defer func(n int) { fewSlots = n }(fewSlots)
	x, y := crowd(3000)
	w := make([]float64, len(y.Y))
	for i := range w {
		w[i] = float64(1 + i%3)
	}
	spend := model.Outcome{Task: kequn.Regression, Y: x.Columns[0].Num}
	for _, l2 := range []float64{0, 1} {
		l := Learner{L2: l2}
		var binary, amount [][]Coefficient
		for _, n := range []int{0, 10, 1000} {
			fewSlots = n
			binary = append(binary, fitted(t, l, x, y, w).Coefficients())
			amount = append(amount, fitted(t, l, x.Drop("n0"), spend, nil).Coefficients())
		}
		for k := 1; k < 3; k++ {
			same(t, "binary", binary[0], binary[k], 1e-8)
			same(t, "regression", amount[0], amount[k], 1e-8)
		}
	}
}

// Equal columns are solved for once; the solution is the one of the table with all of them.
func TestEqualColumnsShare(t *testing.T) {
	x, y := crowd(2000)
	twice := &table.Table{Columns: append([]*table.Column(nil), x.Columns...)}
	apart := &table.Table{Columns: append([]*table.Column(nil), x.Columns...)}
	for j := range 3 {
		for copies := range 2 {
			c := *x.Columns[j]
			c.Name += fmt.Sprint(" copy ", copies)
			d := c
			d.Num = append([]float64(nil), c.Num...)
			d.Num[7+copies] += 1e-9 // too little to matter, enough to be another column
			twice.Columns, apart.Columns = append(twice.Columns, &c), append(apart.Columns, &d)
		}
	}
	a, b := fitted(t, Learner{L2: 1}, twice, y, nil), fitted(t, Learner{L2: 1}, apart, y, nil)
	same(t, "copies", a.Coefficients(), b.Coefficients(), 1e-6)
	if math.Abs(a.Coefficients()[1].Value) < 1e-3 {
		t.Error("nothing was learnt")
	}
	cols, inputs, _ := model.Inputs(twice, nil)
	if e := encode(Learner{MinCount: 10, MaxLevels: 100}, cols, inputs, nil).design(2000, 1); e.nDense != 3+3+2+4+10 {
		t.Errorf("%d columns are solved for", e.nDense) // numbers, their bends, is-missing, levels with missing of two categories
	}
}

// A start from a sample leads to the same solution, also where the rows are in an order that makes the sample useless.
func TestStartFromASample(t *testing.T) {
	x, y := crowd(40_000)
	order := make([]int32, 0, len(y.Y))
	for _, yes := range []float64{0, 1} {
		for i, v := range y.Y {
			if v == yes {
				order = append(order, int32(i))
			}
		}
	}
	var want *Model
	for _, rows := range [][]int32{nil, order} {
		tx, ty := x, y
		if rows != nil {
			tx, ty = x.Take(rows), y.Take(rows)
		}
		m := fitted(t, Learner{L2: 1, Threads: 1}, tx, ty, nil)
		if want == nil {
			want = m
		}
		same(t, "order", want.Coefficients(), m.Coefficients(), 1e-6) // standard errors are of the step before the last
		var one, eight bytes.Buffer
		if err := m.Encode(&one); err != nil {
			t.Fatal(err)
		}
		if err := fitted(t, Learner{L2: 1, Threads: 8}, tx, ty, nil).Encode(&eight); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one.Bytes(), eight.Bytes()) {
			t.Error("eight threads give other bytes than one")
		}
	}
}
