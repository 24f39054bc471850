package additive_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/additive"
	"kequn/internal/model/modeltest"
	"kequn/internal/table"
)

func TestConformance(t *testing.T) {
	modeltest.Exercise(t, additive.Learner{}, additive.Decode, nil)
}

func FuzzDecode(f *testing.F) {
	modeltest.Fuzz(f, additive.Learner{Pairs: 3, Bags: 2, Bins: 12}, additive.Decode)
}

func saved(t testing.TB, m model.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := model.Save(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Threads share bags where rows are few and the rows of a bag where they are many; both give the same bytes for any number
// of them, with weights that are fractions too. Shuffled rows move scores by less than 1e-9.
func TestSameBytes(t *testing.T) {
	for _, n := range []int{3000, 110_000} {
		x, y, _ := shop(n, 6)
		w := make([]float64, n)
		s := kernel.NewStream(7)
		order := make([]int32, n)
		for i := range w {
			w[i], order[i] = s.Float64(), int32(i)
		}
		s.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
		l := additive.Learner{Sweeps: 7, Pairs: 3, Threads: 1}
		first := fit(t, l, x, y, w)
		want := saved(t, first)
		for _, threads := range []int{2, 4, 8} {
			l.Threads = threads
			if !bytes.Equal(saved(t, fit(t, l, x, y, w)), want) {
				t.Errorf("%d rows: %d threads give other bytes", n, threads)
			}
		}
		a, _ := first.Predict(x)
		b, _ := fit(t, l, x.Take(order), y.Take(order), kernel.Take(w, order)).Predict(x)
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1e-9 {
				t.Fatalf("%d rows: shuffled, row %d scores %v, not %v", n, i, b[i], a[i])
			}
		}
	}
}

// A table that no picture is drawn of gets a model all the same, or an error that says why.
func TestOddTables(t *testing.T) {
	numbers := func(n int, at func(i int) float64) *table.Column {
		c := table.NewColumn("x", table.Number, n)
		for i := range n {
			c.Num = append(c.Num, at(i))
		}
		return c
	}
	positives := func(n, k int) (y model.Outcome) {
		y = model.Outcome{Task: kequn.Binary, Y: make([]float64, n)}
		for i := range k {
			y.Y[i*n/k] = 1
		}
		return y
	}
	finite := func(t *testing.T, l additive.Learner, x *table.Table, y model.Outcome) {
		t.Helper()
		p, err := fit(t, l, x, y, nil).Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range p {
			if math.IsNaN(v) || math.IsInf(v, 0) || (y.Task == kequn.Binary && (v <= 0 || v >= 1)) {
				t.Fatalf("row %d scores %v", i, v)
			}
		}
	}
	for _, k := range []int{1, 5, 19} {
		t.Run(fmt.Sprint(k, " positives"), func(t *testing.T) {
			x, _, _ := shop(800, 8)
			finite(t, additive.Learner{}, x, positives(800, k))
		})
	}
	t.Run("two rows", func(t *testing.T) {
		finite(t, additive.Learner{}, table.New(numbers(2, func(i int) float64 { return float64(i) })), positives(2, 1))
	})
	t.Run("a column that tells all", func(t *testing.T) {
		y := positives(500, 250)
		finite(t, additive.Learner{}, table.New(numbers(500, func(i int) float64 { return y.Y[i] })), y)
	})
	t.Run("equal columns", func(t *testing.T) {
		x, y, _ := shop(2000, 9)
		for i := range 15 {
			c := *x.Columns[0]
			c.Name = fmt.Sprint("age ", i)
			x.Columns = append(x.Columns, &c)
		}
		finite(t, additive.Learner{}, x, y)
		one, many := fit(t, additive.Learner{Pairs: -1}, table.New(x.Columns[:5]...), y, nil), fit(t, additive.Learner{Pairs: -1}, x, y, nil)
		a, _ := one.Predict(x)
		b, _ := many.Predict(x)
		if u, v := metric.LogLoss(y.Y, a, nil), metric.LogLoss(y.Y, b, nil); v > u+0.01 {
			t.Errorf("log loss %.4f with a column 16 times, %.4f with it once", v, u)
		}
	})
	t.Run("100,000 levels", func(t *testing.T) {
		const n = 100_000
		x, y, _ := shop(n, 10)
		id := table.NewColumn("id", table.Category, n)
		for i := range n {
			id.AppendString(fmt.Sprint("customer ", i))
		}
		x.Columns = append(x.Columns, id)
		finite(t, additive.Learner{Sweeps: 10, Pairs: 2}, x, y)
	})
	t.Run("amounts of any size", func(t *testing.T) {
		x, _, margin := shop(1500, 11)
		base, _ := fit(t, additive.Learner{Pairs: 2}, x, model.Outcome{Task: kequn.Regression, Y: margin}, nil).Predict(x)
		for _, scale := range []float64{0x1p-900, 0x1p900} {
			y := model.Outcome{Task: kequn.Regression}
			for _, v := range margin {
				y.Y = append(y.Y, v*scale)
			}
			p, err := fit(t, additive.Learner{Pairs: 2}, x, y, nil).Predict(x)
			if err != nil {
				t.Fatal(err)
			}
			for i := range p {
				if math.Abs(p[i]/scale-base[i]) > 1e-9 {
					t.Fatalf("scale %g: row %d scores %v, want %v", scale, i, p[i]/scale, base[i])
				}
			}
		}
	})
	t.Run("an outlier", func(t *testing.T) {
		x, _, margin := shop(3000, 12)
		margin[17] = 1e9
		finite(t, additive.Learner{}, x, model.Outcome{Task: kequn.Regression, Y: margin})
	})
}

func TestClassesAreTold(t *testing.T) {
	x, _, margin := shop(4000, 13)
	y := model.Outcome{Task: kequn.Multiclass, Classes: []string{"low", "middle", "high", "never"}}
	for _, z := range margin {
		y.Y = append(y.Y, map[bool]float64{true: 0, false: 1}[z < -0.5])
		if z > 1 {
			y.Y[len(y.Y)-1] = 2
		}
	}
	m := fit(t, additive.Learner{}, x.Slice(0, 3000), model.Outcome{Task: y.Task, Classes: y.Classes, Y: y.Y[:3000]}, nil)
	p, err := m.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i := 3000; i < 4000; i++ {
		best := 0
		for k, v := range p[4*i : 4*i+4] {
			if v > p[4*i+best] {
				best = k
			}
		}
		if best == int(y.Y[i]) {
			right++
		}
	}
	t.Logf("%d of 1000 right", right)
	if right < 650 {
		t.Errorf("%d of 1000 right", right)
	}
	if s := m.Shapes(); s[0].Class != "low" || s[3].Class != "never" || s[0].Column != s[3].Column {
		t.Errorf("classes of the first column: %s … %s", s[0].Class, s[3].Class)
	}
}

// Every parameter is explained in the manual.
func TestPageNamesParameters(t *testing.T) {
	b, err := os.ReadFile("../../../docs/learners/additive.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range model.Params(additive.Learner{}) {
		if line := fmt.Sprintf("| `%s` | %v | %s |", p.Name, p.Default, p.Doc); !strings.Contains(string(b), line) {
			t.Errorf("docs/learners/additive.md lacks %s", line)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	for _, n := range []int{2000, 20_000} {
		b.Run(fmt.Sprintf("rows=%d,cols=5,threads=%d", n, runtime.GOMAXPROCS(0)), func(b *testing.B) {
			x, y, _ := shop(n, 1)
			b.ReportAllocs()
			for b.Loop() {
				fit(b, additive.Learner{}, x, y, nil)
			}
		})
	}
}

func BenchmarkPredict(b *testing.B) {
	x, y, _ := shop(20_000, 1)
	m := fit(b, additive.Learner{Sweeps: 20}, x, y, nil)
	one := x.Slice(5, 6)
	for name, t := range map[string]*table.Table{"rows=20000": x, "rows=1": one} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Predict(t); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
