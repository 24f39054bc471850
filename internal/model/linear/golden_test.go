package linear_test

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
	"kequn/internal/model/linear"
	"kequn/internal/table"
)

// people reads testdata/people.csv, which testdata/golden.py made.
func people(t *testing.T) (x *table.Table, y func(name string) []float64) {
	t.Helper()
	f, err := os.Open("testdata/people.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	x = &table.Table{}
	all := map[string][]float64{}
	for j, name := range rows[0] {
		if name == "city" {
			c := table.NewColumn(name, table.Category, 0)
			for _, r := range rows[1:] {
				c.AppendString(r[j])
			}
			x.Columns = append(x.Columns, c)
			continue
		}
		for _, r := range rows[1:] {
			v, err := strconv.ParseFloat(r[j], 64)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = append(all[name], v)
		}
		if name == "age" || name == "visits" {
			x.Columns = append(x.Columns, &table.Column{Name: name, Num: all[name]})
		}
	}
	return x, func(name string) []float64 { return all[name] }
}

type golden struct {
	Logistic, Softmax, Ridge        []float64
	Amount, Poisson, Tweedie, Gamma []float64
	Lasso, Net                      []float64
	LassoLogistic                   []float64 `json:"lasso_logistic"`
	NetLogistic                     []float64 `json:"net_logistic"`
	LassoSoftmax                    []float64 `json:"lasso_softmax"`

	Logit, OLS, Pois, Twee, Gam struct{ Params, BSE, P []float64 }
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(got[i] - want[i]); !(d <= tolerance*max(1, math.Abs(want[i]))) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func fit(t *testing.T, l linear.Learner, x *table.Table, y model.Outcome, w []float64) *linear.Model {
	t.Helper()
	m, err := l.Fit(context.Background(), x, y, w)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*linear.Model)
}

// scikit-learn stops at a gradient of 1e-12 in its own scaling; both solve the same strictly convex problem.
func TestEqualsScikitLearn(t *testing.T) {
	x, y := people(t)
	g, w := readGolden(t), y("weight")
	for _, c := range []struct {
		name string
		l2   float64
		y    model.Outcome
		want []float64
	}{
		{"logistic", 2.5, model.Outcome{Task: kequn.Binary, Y: y("bought")}, g.Logistic},
		{"softmax", 1, model.Outcome{Task: kequn.Multiclass, Y: y("kind"), Classes: []string{"a", "b", "c"}}, g.Softmax},
		{"ridge", 2.5, model.Outcome{Task: kequn.Regression, Y: y("spend")}, g.Ridge},
	} {
		got, err := fit(t, linear.Learner{L2: c.l2, NoLog: true, Straight: true}, x, c.y, w).Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		near(t, c.name, got, c.want, 1e-7)
	}
}

// Amounts with a logarithmic link. scikit-learn's solver stops at 1e-12 of its gradient.
func TestPowersEqualScikitLearn(t *testing.T) {
	x, y := people(t)
	g, w := readGolden(t), y("weight")
	more := make([]float64, len(g.Amount))
	for i, v := range g.Amount {
		more[i] = v + 1
	}
	for _, c := range []struct {
		name    string
		power   float64
		x       *table.Table
		y, want []float64
	}{
		{"poisson", 1, x, y("visits"), g.Poisson},
		{"tweedie", 1.5, x, g.Amount, g.Tweedie},
		{"gamma", 2, x, more, g.Gamma},
	} {
		o := model.Outcome{Task: kequn.Regression, Y: c.y}
		m := fit(t, linear.Learner{L2: 2.5, Power: c.power, NoLog: true, Straight: true}, c.x, o, w)
		got, err := m.Predict(c.x)
		if err != nil {
			t.Fatal(err)
		}
		near(t, c.name, got, c.want, 1e-6)
		contributionsAddUp(t, m, c.x)
		saved(t, m, c.x, got)
		if m.L2() != 2.5 {
			t.Errorf("%s: λ is %v", c.name, m.L2())
		}
		if l2 := fit(t, linear.Learner{Power: c.power}, c.x, o, w).L2(); !(l2 > 0) {
			t.Errorf("%s: λ chosen is %v", c.name, l2)
		}
	}
}

// The lasso and the elastic net, with a λ given; scikit-learn's coordinate descent stops at a dual gap of 1e-14, saga at 1e-12.
func TestNetEqualsScikitLearn(t *testing.T) {
	x, y := people(t)
	numbers := x.Drop("city")
	g, w := readGolden(t), y("weight")
	for _, c := range []struct {
		name      string
		l1, l2    float64
		x         *table.Table
		y         model.Outcome
		want      []float64
		tolerance float64
	}{
		{"lasso", 1, 60, x, model.Outcome{Task: kequn.Regression, Y: y("spend")}, g.Lasso, 1e-6},
		{"net", 0.5, 200, numbers, model.Outcome{Task: kequn.Regression, Y: y("spend")}, g.Net, 1e-6},
		{"lasso logistic", 1, 12, x, model.Outcome{Task: kequn.Binary, Y: y("bought")}, g.LassoLogistic, 1e-6},
		{"net logistic", 0.5, 40, numbers, model.Outcome{Task: kequn.Binary, Y: y("bought")}, g.NetLogistic, 1e-6},
		{"lasso softmax", 1, 12, x, model.Outcome{Task: kequn.Multiclass, Y: y("kind"), Classes: []string{"a", "b", "c"}}, g.LassoSoftmax, 1e-5},
	} {
		got, err := fit(t, linear.Learner{L1: c.l1, L2: c.l2, NoLog: true, Straight: true}, c.x, c.y, w).Predict(c.x)
		if err != nil {
			t.Fatal(err)
		}
		near(t, c.name, got, c.want, c.tolerance)
	}
}

// Without a penalty the standard errors are the textbook's, as statsmodels gives them.
func TestCoefficientsEqualStatsmodels(t *testing.T) {
	x, y := people(t)
	x = x.Drop("city")
	g := readGolden(t)
	check := func(name string, m *linear.Model, params, bse, p []float64) {
		var value, se, pValue []float64
		for _, c := range m.Coefficients() {
			value, se, pValue = append(value, c.Value), append(se, c.SE), append(pValue, c.P())
		}
		near(t, name+" coefficients", value, params, 1e-6)
		near(t, name+" standard errors", se, bse, 1e-6)
		if p != nil {
			near(t, name+" p-values", pValue, p, 1e-6)
		}
	}
	l := linear.Learner{L2: 1e-9, NoLog: true, Straight: true}
	check("logit", fit(t, l, x, model.Outcome{Task: kequn.Binary, Y: y("bought")}, y("weight")), g.Logit.Params, g.Logit.BSE, g.Logit.P)
	check("poisson", fit(t, linear.Learner{L2: 1e-9, NoLog: true, Straight: true, Power: 1}, x.Drop("visits"), model.Outcome{Task: kequn.Regression, Y: y("visits")}, y("weight")), g.Pois.Params, g.Pois.BSE, g.Pois.P)
	more := make([]float64, len(g.Amount))
	for i, v := range g.Amount {
		more[i] = v + 1
	}
	check("tweedie", fit(t, linear.Learner{L2: 1e-9, NoLog: true, Straight: true, Power: 1.5}, x, model.Outcome{Task: kequn.Regression, Y: g.Amount}, y("weight")), g.Twee.Params, g.Twee.BSE, g.Twee.P)
	check("gamma", fit(t, linear.Learner{L2: 1e-9, NoLog: true, Straight: true, Power: 2}, x, model.Outcome{Task: kequn.Regression, Y: more}, y("weight")), g.Gam.Params, g.Gam.BSE, g.Gam.P)
	check("ols", fit(t, l, x, model.Outcome{Task: kequn.Regression, Y: y("spend")}, nil), g.OLS.Params, g.OLS.BSE, nil)
}

// The line y = 3x + 2 is found to rounding, and its coefficients read as the textbook writes them.
func TestLine(t *testing.T) {
	v := make([]float64, 50)
	y := make([]float64, 50)
	for i := range v {
		v[i] = float64(i) / 10
		y[i] = 3*v[i] + 2
	}
	m := fit(t, linear.Learner{L2: 1e-9}, table.New(&table.Column{Name: "x", Num: v}), model.Outcome{Task: kequn.Regression, Y: y}, nil)
	c := m.Coefficients()
	near(t, "line", []float64{c[0].Value, c[1].Value}, []float64{2, 3}, 1e-8)
	if c[0].Kind != linear.Intercept || c[1].Column != "x" {
		t.Errorf("got %+v", c)
	}
}

// One customer with a million times the usual amount must not rule the fit.
func TestOneHugeValue(t *testing.T) {
	x, y := people(t)
	visits := append([]float64(nil), x.Column("visits").Num...)
	visits[0] = 1e7
	bent := table.New(x.Column("age"), &table.Column{Name: "visits", Num: visits})
	o := model.Outcome{Task: kequn.Regression, Y: y("spend")}
	plain, huge := fit(t, linear.Learner{}, x.Drop("city"), o, nil), fit(t, linear.Learner{}, bent, o, nil)
	a, _ := plain.Predict(x)
	b, err := huge.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	apart := 0.0
	for i := range a[1:] {
		apart += math.Abs(a[i+1]-b[i+1]) / float64(len(a)-1)
	}
	if apart > 1 { // the residual deviation is about 4
		t.Fatalf("the huge value moves the others by %.2f on average", apart)
	}
}

// Many more coefficients than a Hessian is made for: the other solver, no standard errors, still a good model.
func TestWide(t *testing.T) {
	const n, p = 300, 1200
	x := &table.Table{}
	y := model.Outcome{Task: kequn.Binary, Y: make([]float64, n)}
	for j := range p {
		c := &table.Column{Name: "c" + strconv.Itoa(j), Num: make([]float64, n)}
		for i := range n {
			c.Num[i] = math.Sin(float64(i * (j + 3) * 7919 % 10007))
		}
		x.Columns = append(x.Columns, c)
	}
	for i := range n {
		if x.Columns[0].Num[i]+x.Columns[1].Num[i] > 0 {
			y.Y[i] = 1
		}
	}
	m := fit(t, linear.Learner{}, x, y, nil)
	s, err := m.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i := range s {
		if (s[i] > 0.5) == (y.Y[i] == 1) {
			right++
		}
	}
	if right < 295 || !math.IsNaN(m.Coefficients()[0].SE) {
		t.Errorf("%d of %d right, standard error %v", right, n, m.Coefficients()[0].SE)
	}
}

func TestRules(t *testing.T) {
	x, y := people(t)
	m := fit(t, linear.Learner{Straight: true}, x, model.Outcome{Task: kequn.Binary, Y: y("bought")}, nil)
	for _, lang := range []kequn.Lang{kequn.Chinese, kequn.English} {
		r := m.Rules(lang)
		if len(r) != 5 {
			t.Errorf("%d rules: %q", len(r), r)
		}
		t.Log(r)
	}
}

func BenchmarkFit(b *testing.B) {
	const n, p = 200_000, 28
	x := &table.Table{}
	y := model.Outcome{Task: kequn.Binary, Y: make([]float64, n)}
	for j := range p {
		c := &table.Column{Name: "c" + strconv.Itoa(j), Num: make([]float64, n)}
		for i := range n {
			c.Num[i] = math.Sin(float64(i * (j + 3) * 7919 % 100003))
			if j < 5 && c.Num[i] > 0.4 {
				y.Y[i] = 1
			}
		}
		x.Columns = append(x.Columns, c)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (linear.Learner{}).Fit(context.Background(), x, y, nil); err != nil {
			b.Fatal(err)
		}
	}
}
