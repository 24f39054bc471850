package gbdt_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/modeltest"
	"kequn/internal/table"
)

func TestConformance(t *testing.T) {
	modeltest.Exercise(t, gbdt.Learner{}, gbdt.Decode, nil)
}

// The same promises hold where rows and columns are drawn and rows are held out.
func TestConformanceOfSamples(t *testing.T) {
	l := gbdt.Learner{Trees: 15, RowShare: 0.7, ColumnShare: 0.6, Patience: 10, Seed: 5}
	modeltest.Exercise(t, l, gbdt.Decode, nil)
}

// shop is a table large enough for the parallel paths: numbers, missing values, few and many levels.
func shop(n int, seed uint64) (*table.Table, model.Outcome) {
	s := kernel.NewStream(seed)
	x := table.New(
		table.NewColumn("age", table.Number, n), table.NewColumn("spend", table.Number, n), table.NewColumn("orders", table.Number, n),
		table.NewColumn("city", table.Category, n), table.NewColumn("item", table.Category, n),
	)
	y := model.Outcome{Task: kequn.Binary}
	for range n {
		age, spend := 18+60*s.Float64(), math.Exp(2*s.Norm())
		orders, city, item := s.Poisson(2), s.Intn(6), s.Intn(500)
		z := math.Sin(age/9) + 0.5*math.Log(spend) - 0.3*float64(orders) + float64(city%3)*0.5 + 3*(kernel.HashUnit(9, fmt.Sprint(item))-0.5)
		if s.Bool(0.1) {
			age, z = math.NaN(), z+1
		}
		x.Columns[0].Num = append(x.Columns[0].Num, age)
		x.Columns[1].Num = append(x.Columns[1].Num, spend)
		x.Columns[2].Num = append(x.Columns[2].Num, float64(orders))
		x.Columns[3].AppendString(fmt.Sprint("city ", city))
		x.Columns[4].AppendString(fmt.Sprint("item ", item))
		v := 0.0
		if s.Bool(1 / (1 + math.Exp(-z))) {
			v = 1
		}
		y.Y = append(y.Y, v)
	}
	return x, y
}

func fit(t testing.TB, l gbdt.Learner, x *table.Table, y model.Outcome, w []float64) *gbdt.Model {
	t.Helper()
	m, err := l.Fit(context.Background(), x, y, w)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*gbdt.Model)
}

func saved(t testing.TB, m model.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := model.Save(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Every sum over rows is one of whole numbers, so that neither threads nor the order of rows change a single byte.
func TestSameBytes(t *testing.T) {
	x, y := shop(60_000, 1)
	w := make([]float64, len(y.Y))
	s := kernel.NewStream(2)
	order := make([]int32, len(w))
	for i := range w {
		w[i], order[i] = math.Round(30*s.Float64())/10, int32(i)
	}
	s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	v := make([]float64, len(w))
	for i, r := range order {
		v[i] = w[r]
	}
	for _, l := range []gbdt.Learner{{Trees: 10}, {Trees: 10, RowShare: 0.5, ColumnShare: 0.7, Patience: 3}} {
		l.Threads = 1
		want := saved(t, fit(t, l, x, y, w))
		for _, threads := range []int{2, 4, 8} {
			l.Threads = threads
			if !bytes.Equal(saved(t, fit(t, l, x, y, w)), want) {
				t.Errorf("%d threads give other bytes", threads)
			}
		}
		if !bytes.Equal(saved(t, fit(t, l, x.Take(order), y.Take(order), v)), want) {
			t.Error("shuffled rows give other bytes")
		}
	}
}

func TestManyLevelsAreToldApart(t *testing.T) {
	x, y := shop(40_000, 3)
	in, out := x.Slice(0, 30_000), x.Slice(30_000, 40_000)
	yIn, yOut := model.Outcome{Task: y.Task, Y: y.Y[:30_000]}, y.Y[30_000:]
	auc := func(l gbdt.Learner) float64 {
		p, err := fit(t, l, in, yIn, nil).Predict(out)
		if err != nil {
			t.Fatal(err)
		}
		return metric.AUC(yOut, p, nil)
	}
	apart, pooled := auc(gbdt.Learner{}), auc(gbdt.Learner{Levels: 255})
	t.Logf("AUC %.4f, with 255 levels at most %.4f", apart, pooled)
	if apart < pooled+0.004 {
		t.Error("many levels are worth nothing")
	}
}

func TestParameters(t *testing.T) {
	x, y := shop(3000, 4)
	t.Run("trees and leaves", func(t *testing.T) {
		m := fit(t, gbdt.Learner{Trees: 7, Leaves: 5}, x, y, nil)
		if m.NTrees() != 7 {
			t.Errorf("%d trees", m.NTrees())
		}
		for _, tree := range m.Ensemble().Trees {
			if tree.NLeaves() > 5 {
				t.Errorf("%d leaves", tree.NLeaves())
			}
		}
	})
	t.Run("depth", func(t *testing.T) {
		m := fit(t, gbdt.Learner{Trees: 10, Depth: 2}, x, y, nil)
		for _, tree := range m.Ensemble().Trees {
			if tree.NLeaves() > 4 {
				t.Errorf("%d leaves", tree.NLeaves())
			}
		}
	})
	t.Run("rows of a leaf", func(t *testing.T) {
		// For squares the hessian counts rows, so that the least number is kept exactly.
		r := model.Outcome{Task: kequn.Regression, Y: x.Column("spend").Num}
		m := fit(t, gbdt.Learner{Trees: 20, MinRows: 150}, x, r, nil)
		for _, tree := range m.Ensemble().Trees {
			for _, c := range tree.Cover {
				if c < 150 {
					t.Errorf("a leaf of %v rows", c)
				}
			}
		}
	})
	t.Run("penalty", func(t *testing.T) {
		biggest := func(l gbdt.Learner) (most float64) {
			for _, v := range fit(t, l, x, y, nil).Ensemble().Trees[0].Leaf {
				most = max(most, math.Abs(v))
			}
			return most
		}
		if biggest(gbdt.Learner{Trees: 1, L2: 1000}) > biggest(gbdt.Learner{Trees: 1})/2 {
			t.Error("l2 does not shrink leaves")
		}
	})
	t.Run("gain", func(t *testing.T) {
		m := fit(t, gbdt.Learner{MinGain: 1e6}, x, y, nil)
		if m.NTrees() != 0 || !strings.Contains(strings.Join(m.Header().Notes, "\n"), "no question gains anything") {
			t.Errorf("%d trees, notes %v", m.NTrees(), m.Header().Notes)
		}
	})
	t.Run("patience", func(t *testing.T) {
		m := fit(t, gbdt.Learner{Trees: 3000, Rate: 0.3, Patience: 20}, x, y, nil)
		if m.NTrees() < 5 || m.NTrees() > 500 {
			t.Errorf("%d trees", m.NTrees())
		}
	})
	t.Run("unknown is named", func(t *testing.T) {
		if _, err := model.With(gbdt.Learner{}, "num_leafs", 1); err == nil || !strings.Contains(fmt.Sprint(err), "num_leafs") {
			t.Error(err)
		}
		if l, err := model.With(gbdt.Learner{}, "num_leaves", 7); err != nil || l.(gbdt.Learner).Leaves != 7 {
			t.Error(l, err)
		}
	})
}

// Outcomes times a power of two give scores times that power, to the bit.
func TestAmountsOfAnySize(t *testing.T) {
	x, _ := shop(2000, 6)
	base := fit(t, gbdt.Learner{Trees: 20}, x, model.Outcome{Task: kequn.Regression, Y: x.Column("spend").Num}, nil)
	want, _ := base.Predict(x)
	for _, scale := range []float64{0x1p-900, 0x1p-40, 0x1p40, 0x1p900} {
		y := make([]float64, len(want))
		for i, v := range x.Column("spend").Num {
			y[i] = v * scale
		}
		got, err := fit(t, gbdt.Learner{Trees: 20}, x, model.Outcome{Task: kequn.Regression, Y: y}, nil).Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i] != want[i]*scale {
				t.Fatalf("scale %g: row %d scores %v, want %v", scale, i, got[i], want[i]*scale)
			}
		}
	}
}

// Gradients of rare positives and of heavy tails differ by many powers of two; neither end may drown.
func TestHeavyTails(t *testing.T) {
	const n = 20_000
	s := kernel.NewStream(8)
	x := table.New(table.NewColumn("a", table.Number, n))
	y := model.Outcome{Task: kequn.Regression}
	for range n {
		a := s.Float64()
		x.Columns[0].Num = append(x.Columns[0].Num, a)
		y.Y = append(y.Y, math.Floor(4*a))
	}
	y.Y[7] = 1e6
	p, err := fit(t, gbdt.Learner{Trees: 200}, x, y, nil).Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i := range p {
		if x.Columns[0].Num[i] < 0.5 != (x.Columns[0].Num[7] < 0.5) && math.Abs(p[i]-y.Y[i]) > 0.05 {
			wrong++
		}
	}
	if wrong > n/50 {
		t.Errorf("%d rows far from the outlier are missed", wrong)
	}
}

func TestMulticlassLearns(t *testing.T) {
	x, _ := shop(5000, 9)
	y := model.Outcome{Task: kequn.Multiclass, Classes: []string{"none", "few", "many", "never"}}
	for _, v := range x.Column("orders").Num {
		y.Y = append(y.Y, min(2, v))
	}
	m := fit(t, gbdt.Learner{Trees: 30}, x, y, nil)
	p, err := m.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, v := range y.Y {
		if p[4*i+int(v)] > 0.5 {
			right++
		}
		if sum := p[4*i] + p[4*i+1] + p[4*i+2] + p[4*i+3]; math.Abs(sum-1) > 1e-12 {
			t.Fatalf("row %d: probabilities sum to %v", i, sum)
		}
	}
	if right < 4950 {
		t.Errorf("%d of 5000 right", right)
	}
	if !reflect.DeepEqual(m.Header().Classes, y.Classes) {
		t.Error(m.Header().Classes)
	}
}

func FuzzDecode(f *testing.F) {
	x, y := shop(600, 10)
	m := fit(f, gbdt.Learner{Trees: 3, Leaves: 6}, x, y, nil)
	var b bytes.Buffer
	m.Encode(&b)
	f.Add(b.Bytes())
	row := x.Slice(0, 2)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := gbdt.Decode(m.Header(), bytes.NewReader(data))
		if err != nil {
			return
		}
		p, err := d.Predict(row)
		if err != nil || len(p) != 2 || !(p[0] >= 0 && p[0] <= 1) {
			t.Fatal(p, err)
		}
		d.(model.Attributor).Attribute(row, 0)
	})
}

func BenchmarkFit(b *testing.B) {
	for _, n := range []int{2000, 50_000} {
		b.Run(fmt.Sprintf("rows=%d,cols=5,threads=%d", n, runtime.GOMAXPROCS(0)), func(b *testing.B) {
			x, y := shop(n, 1)
			b.ReportAllocs()
			for b.Loop() {
				fit(b, gbdt.Learner{}, x, y, nil)
			}
		})
	}
}
