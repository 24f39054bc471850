package linear_test

import (
	"bytes"
	"context"
	"math"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/linear"
	"kequn/internal/model/modeltest"
	"kequn/internal/table"
)

// The path begins with no coefficient, the chosen step is the one of the least held-out loss, and columns of noise come in late.
func TestPath(t *testing.T) {
	s := kernel.NewStream(9)
	const n, p = 400, 40
	x, y := &table.Table{}, make([]float64, n)
	for j := range p {
		c := &table.Column{Name: string(rune('A' + j)), Num: make([]float64, n)}
		for i := range n {
			c.Num[i] = s.Norm()
			if j < 3 {
				y[i] += float64(3-j) * c.Num[i]
			}
		}
		x.Columns = append(x.Columns, c)
	}
	bought := make([]float64, n)
	for i := range y {
		y[i] += 3 * s.Norm()
		if y[i] > 0 {
			bought[i] = 1
		}
	}
	for _, o := range []model.Outcome{{Task: kequn.Regression, Y: y}, {Task: kequn.Binary, Y: bought}} {
		m := fit(t, linear.Learner{L1: 1}, x, o, nil)
		path := m.Path()
		best := 0
		for i, step := range path {
			if i > 0 && !(step.Lambda < path[i-1].Lambda) {
				t.Fatal("λ does not fall")
			}
			if step.Loss < path[best].Loss {
				best = i
			}
		}
		if path[0].NonZero != 0 || m.L2() != path[best].Lambda || best == 0 || best == len(path)-1 {
			t.Errorf("%s: %d coefficients at first, step %d chosen: λ %v", o.Task, path[0].NonZero, best, m.L2())
		}
		if path[best].NonZero > 25 {
			t.Errorf("%s: %d of %d coefficients are not 0", o.Task, path[best].NonZero, p)
		}
		names := m.PathColumns()
		for i, b := range path[5].Beta { // early on, only what matters
			if b != 0 && names[i].Column != "A" && names[i].Column != "B" && names[i].Column != "C" {
				t.Errorf("%s: column %s comes in early", o.Task, names[i].Column)
			}
		}
		got, _ := m.Predict(x)
		saved(t, m, x, got)
		if again := fit(t, linear.Learner{L1: 1, L2: m.L2()}, x, o, nil); true {
			same, _ := again.Predict(x)
			near(t, "λ given", same, got, 1e-5)
			if !math.IsNaN(again.Path()[3].Loss) {
				t.Error("rows were held out although λ is given")
			}
		}
	}
}

// Threads and the order of rows do not matter, nor does text beside it.
func TestNetIsFair(t *testing.T) {
	for _, task := range []kequn.Task{kequn.Binary, kequn.Multiclass} {
		x, y := modeltest.Reviews(task, 400, 5)
		l := linear.Learner{L1: 0.5, L2: 3}
		arrays := func(threads int, x *table.Table, y model.Outcome) []byte {
			l.Threads = threads
			var b bytes.Buffer
			if err := fit(t, l, x, y, nil).Encode(&b); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
		want := arrays(1, x, y)
		if !bytes.Equal(want, arrays(8, x, y)) {
			t.Errorf("%s: eight threads give other bytes", task)
		}
		back := make([]int32, 400)
		for i := range back {
			back[i] = int32(399 - i)
		}
		if !bytes.Equal(want, arrays(2, x.Take(back), y.Take(back))) {
			t.Errorf("%s: rows in another order give other bytes", task)
		}
	}
}

// A city that matters keeps its effect where many numbers that do not call for a large penalty.
func TestLevelsAreNotShrunkToNothing(t *testing.T) {
	s := kernel.NewStream(2)
	const n = 600
	x := &table.Table{}
	for j := range 60 {
		c := &table.Column{Name: string(rune('A' + j)), Num: make([]float64, n)}
		for i := range n {
			c.Num[i] = s.Norm()
		}
		x.Columns = append(x.Columns, c)
	}
	city, y := table.NewColumn("city", table.Category, n), make([]float64, n)
	for i := range n {
		k := s.Intn(8)
		city.AppendString(string(rune('a' + k)))
		if s.Bool([]float64{0.2, 0.8}[k%2]) {
			y[i] = 1
		}
	}
	x.Columns = append(x.Columns, city)
	m := fit(t, linear.Learner{}, x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
	for _, c := range m.Coefficients() {
		if c.Kind == linear.Level && math.Abs(c.Value) < 0.6 { // the truth is ±1.4
			t.Errorf("%s: %.2f (λ %.0f)", c.Level, c.Value, m.L2())
		}
	}
}

func TestPowersThatAreNone(t *testing.T) {
	x := table.New(&table.Column{Name: "x", Num: []float64{1, 2, 3, 4}})
	for _, c := range []struct {
		power float64
		y     []float64
		kind  kequn.Kind
	}{
		{0.5, []float64{1, 2, 3, 4}, kequn.KindUsage},
		{3, []float64{1, 2, 3, 4}, kequn.KindUsage},
		{1, []float64{1, 2, -3, 4}, kequn.KindInput},
		{2, []float64{1, 0, 3, 4}, kequn.KindInput},
	} {
		_, err := linear.Learner{Power: c.power}.Fit(context.Background(), x, model.Outcome{Task: kequn.Regression, Y: c.y}, nil)
		if kequn.KindOf(err) != c.kind {
			t.Errorf("power %v, %v: %v", c.power, c.y, err)
		}
	}
	// Nothing but zeros, huge and tiny amounts: finite values.
	for _, y := range [][]float64{{0, 0, 0, 0}, {1e12, 0, 3e11, 5e12}, {1e-9, 2e-9, 0, 1e-9}} {
		m, err := linear.Learner{Power: 1}.Fit(context.Background(), x, model.Outcome{Task: kequn.Regression, Y: y}, nil)
		if err != nil {
			t.Error(y, err)
			continue
		}
		p, _ := m.Predict(table.New(&table.Column{Name: "x", Num: []float64{1, math.Inf(1), math.NaN(), 1e300}}))
		for _, v := range p {
			if !(v >= 0) || math.IsInf(v, 0) {
				t.Errorf("%v gives %v", y, p)
			}
		}
	}
}
