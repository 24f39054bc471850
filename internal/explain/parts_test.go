package explain

import (
	"context"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// curves is a model that is a sum of curves of single columns, and, for tests, of one product.
type curves struct {
	h      model.Header
	margin func(get func(name string) (num float64, level string)) float64
}

func newCurves(task kequn.Task, x *table.Table, margin func(get func(string) (float64, string)) float64) *curves {
	m := &curves{margin: margin, h: model.Header{Family: "curves", Task: task}}
	cols, _, _ := model.Inputs(x, nil)
	m.h.Columns = cols
	return m
}

func (m *curves) Header() model.Header     { return m.h }
func (m *curves) Encode(w io.Writer) error { return nil }

func (m *curves) Margin(x *table.Table) ([]float64, error) {
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return nil, err
	}
	out := make([]float64, x.NRows())
	for i := range out {
		out[i] = m.margin(func(name string) (float64, string) {
			c := in.Column(name)
			if c.Kind.InCode() {
				return math.NaN(), c.String(i)
			}
			return c.Num[i], ""
		})
	}
	return out, nil
}

func (m *curves) Predict(x *table.Table) ([]float64, error) {
	out, err := m.Margin(x)
	if err == nil && m.h.Task == kequn.Binary {
		for i, v := range out {
			out[i] = 1 / (1 + math.Exp(-v))
		}
	}
	return out, err
}

// mixed is a table of numbers, some of them missing, and categories that go together with them.
func mixed(n int, seed uint64) *table.Table {
	s := kernel.NewStream(seed)
	a := &table.Column{Name: "a"}
	b := &table.Column{Name: "b", Kind: table.Integer}
	c := table.NewColumn("c", table.Category, n)
	d := &table.Column{Name: "d"}
	for range n {
		u := s.Norm()
		a.Num = append(a.Num, u)
		b.Int = append(b.Int, int64(s.Poisson(math.Exp(0.5*u))))
		c.AppendString([]string{"x", "y", "z", "q"}[min(3, s.Poisson(math.Exp(u/2)))])
		if s.Bool(0.3) {
			a.Num[len(a.Num)-1] = math.NaN()
		}
		if s.Bool(0.1) {
			c.Code[len(c.Code)-1] = -1
		}
		d.Num = append(d.Num, s.Float64())
	}
	return table.New(a, b, c, d)
}

func shapeA(v float64) float64 {
	if v != v {
		return -2
	}
	return math.Sin(2*v) + v
}

func shapeC(v string) float64 {
	return map[string]float64{"x": 0.3, "y": -1, "z": 2, "q": 0.5, "": -0.7}[v]
}

// The accumulated local effects of a sum of curves are the curves.
func TestEffectsOfASumAreItsCurves(t *testing.T) {
	x := mixed(3000, 1)
	m := newCurves(kequn.Binary, x, func(get func(string) (float64, string)) float64 {
		a, _ := get("a")
		b, _ := get("b")
		_, c := get("c")
		return 0.2 + shapeA(a) - b*b/4 + shapeC(c)
	})
	w := make([]float64, x.NRows())
	for i := range w {
		w[i] = 1 + float64(i%3)
	}
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		column string
		shape  func(p EffectPoint) float64
		least  int
	}{
		{"a", func(p EffectPoint) float64 {
			if p.Level != "" {
				return shapeA(math.NaN())
			}
			return shapeA(p.At)
		}, 22},
		{"b", func(p EffectPoint) float64 { return -p.At * p.At / 4 }, 4},
		{"c", func(p EffectPoint) float64 { return shapeC(strings.TrimPrefix(p.Level, missingLevel)) }, 5},
	} {
		e, err := effectOf(m, in, w, in.Index(want.column), 0)
		if err != nil || e == nil {
			t.Fatal(want.column, e, err)
		}
		mean, share := 0.0, 0.0
		for _, p := range e.Points {
			mean += p.Share * want.shape(p)
			share += p.Share
		}
		if math.Abs(share-1) > 1e-9 || len(e.Points) < want.least || e.Method != "shape" {
			t.Errorf("%s: shares sum to %v, %d points, %s", want.column, share, len(e.Points), e.Method)
		}
		for _, p := range e.Points {
			if v := want.shape(p) - mean; math.Abs(p.Value-v) > 1e-9 || p.SE > 1e-9 {
				t.Errorf("%s at %v %q: %v ± %v, want %v", want.column, p.At, p.Level, p.Value, p.SE, v)
			}
		}
	}
	if e, err := effectOf(m, in, w, in.Index("d"), 0); err != nil || e.Swing > 1e-9 {
		t.Errorf("a column without effect: %+v %v", e, err)
	}
}

// Of a product, the local effect is that of the rows in the cell: with b = a, f = a·b changes by b·Δa.
func TestEffectsOfAProduct(t *testing.T) {
	s := kernel.NewStream(3)
	x := table.New(&table.Column{Name: "a"}, &table.Column{Name: "b"})
	for range 20_000 {
		u := s.Float64()
		x.Columns[0].Num, x.Columns[1].Num = append(x.Columns[0].Num, u), append(x.Columns[1].Num, u)
	}
	m := newCurves(kequn.Regression, x, func(get func(string) (float64, string)) float64 {
		a, _ := get("a")
		b, _ := get("b")
		return a * b
	})
	e, err := effectOf(m, x, nil, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range e.Points { // ∫ a da = a²/2, less its mean 1/6
		if math.Abs(p.Value-(p.At*p.At/2-1.0/6)) > 0.015 || p.SE > 0.01 {
			t.Errorf("at %v: %v ± %v", p.At, p.Value, p.SE)
		}
	}
	if e.Method != "ale" {
		t.Error(e.Method)
	}
}

func TestCurvesInWords(t *testing.T) {
	const n = 20
	for _, c := range []struct {
		f    func(v float64) float64
		task kequn.Task
		en   string
		zh   string
	}{
		{func(v float64) float64 { return v / 50 }, kequn.Binary, "rises throughout (odds differ up to 7.39 times)", "越大越高（几率高低相差 7.39 倍）"},
		{func(v float64) float64 { return -v / 50 }, kequn.Binary, "falls throughout (odds differ up to 7.39 times)", "越大越低（几率高低相差 7.39 倍）"},
		{func(v float64) float64 { return min(v, 40) / 40 }, kequn.Regression, "rises until 40, then flat (by 1 from lowest to highest)", "上升到 40 后平稳（高低相差 1）"},
		{func(v float64) float64 { return -max(v, 60) / 40 }, kequn.Regression, "flat until 60, then falls (by 1 from lowest to highest)", "60 以内平稳，之后下降（高低相差 1）"},
		{func(v float64) float64 { return min(max(v, 30), 70) / 40 }, kequn.Regression, "rises between 30 and 70, flat on both sides (by 1 from lowest to highest)", "在 30 到 70 之间上升，两侧平稳（高低相差 1）"},
		{func(v float64) float64 { return 1 - math.Abs(v-50)/50 }, kequn.Regression, "rises until 50, then falls (by 1 from lowest to highest)", "上升到 50 后下降（高低相差 1）"},
		{func(v float64) float64 { return math.Abs(v-50) / 50 }, kequn.Regression, "falls until 50, then rises (by 1 from lowest to highest)", "下降到 50 后上升（高低相差 1）"},
		{func(v float64) float64 { return map[bool]float64{true: 1}[v > 35] }, kequn.Regression, "one step up above 35 (by 1 from lowest to highest)", "超过 35 后上升一级（高低相差 1）"},
		{func(v float64) float64 { return math.Sin(v / 10) }, kequn.Regression, "goes up and down: highest near 15, lowest near 45 (by 1.98 from lowest to highest)", "时升时降：在 15 附近最高，在 45 附近最低（高低相差 1.98）"},
		{func(v float64) float64 { return -v/50 + 0.3*math.Sin(v) }, kequn.Regression, "falls on the whole (by 2.15 from lowest to highest)", "总体上越大越低（高低相差 2.15）"},
		{func(v float64) float64 { return v / 5000 }, kequn.Binary, "hardly changes the score", "几乎不影响分数"},
	} {
		e := &Effect{}
		low, high := math.Inf(1), math.Inf(-1)
		for i := range n + 1 {
			v := c.f(float64(5 * i))
			e.Points = append(e.Points, EffectPoint{At: float64(5 * i), Value: v, Share: 1 / float64(n+1)})
			low, high = min(low, v), max(high, v)
		}
		e.Swing = high - low
		if got := describe(e, nil, c.task, Words{}); got.En != c.en || got.Zh != c.zh {
			t.Errorf("got  %q %q\nwant %q %q", got.En, got.Zh, c.en, c.zh)
		}
	}
}

func TestAgreement(t *testing.T) {
	want := []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
	for _, c := range []struct {
		got   []float64
		share float64
		same  float64
	}{
		{want, 0.2, 1},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.2, 0},
		{[]float64{1, 1, 1, 1, 0, 0, 0, 0, 0, 0}, 0.2, 0.5}, // four tie for two places
		{[]float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0.2, 0.2},
	} {
		if got := agreement(want, c.got, nil, c.share); math.Abs(got-c.same) > 1e-12 {
			t.Errorf("%v: %v, want %v", c.got, got, c.same)
		}
	}
}

func TestFlip(t *testing.T) {
	x := mixed(400, 5)
	m := newCurves(kequn.Binary, x, func(get func(string) (float64, string)) float64 {
		a, _ := get("a")
		b, _ := get("b")
		_, c := get("c")
		d, _ := get("d")
		if a != a {
			a = -1
		}
		return a + 0.5*b + shapeC(c) + 2*d*a - 1
	})
	words := func(name string) Words {
		return map[string]Words{"a": {Zh: "甲", En: "visits", Kind: "behaviour"}, "d": {Unit: "share", Zh: "折扣", En: "discount", Kind: "lever"}}[name]
	}
	ctx, flips, none := context.Background(), [4]int{}, 0
	scores, _ := m.Predict(x)
	for row := range 60 {
		for _, threshold := range []float64{0.2, 0.7, 0.9999, 0.9999999} {
			o := FlipOptions{Background: x, Words: words}
			got, err := Flip(ctx, m, x, row, threshold, o)
			if err != nil {
				t.Fatal(err)
			}
			want := bruteFlip(t, m, x, row, threshold, o)
			if (want == nil) != (len(got.Steps) == 0) {
				t.Fatalf("row %d, %v: %+v, want %+v", row, threshold, got, want)
			}
			if want == nil {
				if none++; !strings.HasPrefix(got.En, "no change of up to 3 columns") || got.To != got.From {
					t.Error(got.En)
				}
				continue
			}
			flips[len(got.Steps)]++
			if len(got.Steps) != len(want.columns) || math.Abs(got.To-want.score) > 1e-12 {
				t.Fatalf("row %d, %v: %+v, want %+v", row, threshold, got, want)
			}
			if got.From != scores[row] || got.From >= threshold == (got.To >= threshold) {
				t.Errorf("row %d: %v does not flip %v to %v", row, got.To, got.From, threshold)
			}
		}
	}
	if flips[1] == 0 || flips[2] == 0 || none == 0 {
		t.Errorf("not everything is tried: %v, %d without", flips, none)
	}
	one := table.New(&table.Column{Name: "a", Num: []float64{0}}, &table.Column{Name: "b", Kind: table.Integer, Int: []int64{0}}, x.Column("c").Slice(0, 1), &table.Column{Name: "d", Num: []float64{0.5}})
	got, err := Flip(ctx, m, one, 0, 0.5, FlipOptions{Background: x, Words: words, Fixed: []string{"b", "c"}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.En, "if visits were ") || !strings.Contains(got.En, " instead of 0, the score would pass 50% (") || !strings.HasPrefix(got.Zh, "若 甲 为 ") {
		t.Errorf("%q %q", got.En, got.Zh)
	}
	stuck, err := Flip(ctx, m, one, 0, 0.5, FlipOptions{Background: x, Fixed: []string{"a", "b", "c", "d"}})
	if err != nil || stuck.En != "there is no column that can be changed" {
		t.Errorf("%+v %v", stuck, err)
	}
	levers, err := Flip(ctx, m, one, 0, 0.9, FlipOptions{Background: x, Words: words, LeversOnly: true})
	if err != nil || len(levers.Steps) > 1 || len(levers.Steps) == 1 && levers.Steps[0].Column != "d" {
		t.Errorf("%+v %v", levers, err)
	}
	if _, err := Flip(ctx, m, one, 1, 0.5, FlipOptions{Background: x}); kequn.KindOf(err) != kequn.KindUsage {
		t.Error(err)
	}
}

// bruteFlip tries all sets of columns and values of the same grid.
func bruteFlip(t *testing.T, m model.Model, x *table.Table, row int, threshold float64, o FlipOptions) *flipped {
	in, err := model.Match(m.Header().Columns, x.Take([]int32{int32(row)}))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newFlipSearch(m, in, threshold, o)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 3; n++ {
		var all []flipped
		var add func(from int, columns, values []int)
		add = func(from int, columns, values []int) {
			if len(columns) == n {
				all = append(all, flipped{columns: slices.Clone(columns), values: slices.Clone(values)})
				return
			}
			for c := from; c < len(s.columns); c++ {
				for v := range s.columns[c].values {
					add(c+1, append(columns, c), append(values, v))
				}
			}
		}
		if n == 3 { // three columns are tried at fewer values: only whether two do not suffice is compared
			b, err := s.nearest(3)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		add(0, nil, nil)
		if err := s.try(all); err != nil {
			t.Fatal(err)
		}
		var best *flipped
		for i := range all {
			if s.passes(all[i].score) {
				for k, c := range all[i].columns {
					all[i].distance += s.columns[c].values[all[i].values[k]].distance
				}
				if best == nil || s.nearer(&all[i], best) {
					best = &all[i]
				}
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

func TestSampledContributions(t *testing.T) {
	x := mixed(300, 7)
	m := newCurves(kequn.Binary, x, func(get func(string) (float64, string)) float64 {
		a, _ := get("a")
		b, _ := get("b")
		_, c := get("c")
		d, _ := get("d")
		return shapeA(a) + shapeC(c) + b*d
	})
	few := x.Slice(0, 20)
	s := Sampled{Background: x, Pairs: 300}
	base, phi, se, err := s.Attribute(context.Background(), m, few)
	if err != nil {
		t.Fatal(err)
	}
	margin, _ := m.Margin(few)
	all, _ := m.Margin(x)
	if math.Abs(base-kernel.Sum(all)/300) > 1e-9 { // every row was drawn
		t.Errorf("base %v", base)
	}
	meanA, meanC := 0.0, 0.0
	for i, v := range x.Column("a").Num {
		meanA += shapeA(v) / 300
		meanC += shapeC(x.Column("c").String(i)) / 300
	}
	for i := range margin {
		row := phi[4*i : 4*i+4]
		if sum := base + kernel.Sum(row); math.Abs(sum-margin[i]) > 1e-9 {
			t.Errorf("row %d: %v, margin %v", i, sum, margin[i])
		}
		// Columns that enter alone are exact: the value of the curve less its mean over the background.
		if want := shapeA(x.Columns[0].Num[i]) - meanA; math.Abs(row[0]-want) > 1e-9 {
			t.Errorf("row %d, a: %v, want %v", i, row[0], want)
		}
		if want := shapeC(x.Columns[2].String(i)) - meanC; math.Abs(row[2]-want) > 1e-9 {
			t.Errorf("row %d, c: %v, want %v", i, row[2], want)
		}
		// b·d exactly: the mean over the background of ½(bd − b₀d + bd₀ − b₀d₀).
		b, d, want := float64(x.Columns[1].Int[i]), x.Columns[3].Num[i], 0.0
		for k := range 300 {
			b0, d0 := float64(x.Columns[1].Int[k]), x.Columns[3].Num[k]
			want += ((b-b0)*d + (b-b0)*d0) / 2 / 300
		}
		if math.Abs(row[1]-want) > 4*se[4*i+1]+1e-9 {
			t.Errorf("row %d, b: %v ± %v, want %v", i, row[1], se[4*i+1], want)
		}
	}
	s.Threads = 1
	_, again, _, err := s.Attribute(context.Background(), m, few)
	if err != nil || !slices.Equal(again, phi) {
		t.Error("another number of threads gives others", err)
	}
	r, err := s.Reasons(context.Background(), m, few, 2, nil)
	if err != nil || len(r[0].Reasons) != 2 || r[0].Summary.En == "" {
		t.Errorf("%+v %v", r[0], err)
	}
}

func TestSummary(t *testing.T) {
	x := table.New(&table.Column{Name: "orders_90d", Kind: table.Integer, Int: []int64{3}}, &table.Column{Name: "discount", Num: []float64{0.25}},
		&table.Column{Name: "district", Num: []float64{2}})
	words := func(name string) Words {
		return map[string]Words{"orders_90d": {Zh: "近 90 天订单数", En: "orders in 90 days", Kind: "behaviour"}, "discount": {Zh: "折扣比例", En: "share discounted", Unit: "share", Kind: "lever"},
			"district": {Kind: "proxy"}}[name]
	}
	m := newSum(kequn.Binary, []string{"discount", "district", "orders_90d"}, -4, -0.2, 0.8)
	got, err := Reasons(m, x, 0, 0, words)
	if err != nil {
		t.Fatal(err)
	}
	want := Text{"高于平均客户（几率为其 2.72 倍），主要因为近 90 天订单数 为 3；相反的因素：折扣比例 为 25%、district 为 2；您可以改变：折扣比例",
		"above the average customer (2.72 times the odds), mainly because orders in 90 days is 3; on the other hand share discounted is 25% and district is 2; what you can change: share discounted"}
	if got[0].Summary != want {
		t.Errorf("got  %q\n%q\nwant %q\n%q", got[0].Summary.Zh, got[0].Summary.En, want.Zh, want.En)
	}
	if f := got[0].Reasons[2].Flag; !strings.Contains(f.En, "use with care") {
		t.Errorf("%+v", f)
	}
	amount, err := Reasons(newSum(kequn.Regression, []string{"orders_90d"}, -2), x, 0, 0, words)
	if err != nil || amount[0].Summary.En != "6 below the average customer, mainly because orders in 90 days is 3" {
		t.Errorf("%q %v", amount[0].Summary, err)
	}
}
