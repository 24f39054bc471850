package additive_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/additive"
	"kequn/internal/table"
)

// shop makes customers whose log-odds are known: a bend over age, a step over spend, a few cities, and an age that counts the
// other way in one of two plans.
func shop(n int, seed uint64) (*table.Table, model.Outcome, []float64) {
	s := kernel.NewStream(seed)
	x := table.New(
		table.NewColumn("age", table.Number, n), table.NewColumn("spend", table.Number, n), table.NewColumn("noise", table.Number, n),
		table.NewColumn("city", table.Category, n), table.NewColumn("plan", table.Category, n),
	)
	y := model.Outcome{Task: kequn.Binary}
	var margin []float64
	for range n {
		age, spend, noise, city, plan := 18+60*s.Float64(), 100*s.Float64(), s.Norm(), s.Intn(4), s.Intn(2)
		z := 1.5*math.Sin(age/9) + 0.5*float64(city) - 1
		if spend > 40 {
			z++
		}
		z += (age - 48) / 20 * float64(2*plan-1)
		if s.Bool(0.1) {
			spend, z = math.NaN(), z-0.5
		}
		x.Columns[0].Num = append(x.Columns[0].Num, age)
		x.Columns[1].Num = append(x.Columns[1].Num, spend)
		x.Columns[2].Num = append(x.Columns[2].Num, noise)
		x.Columns[3].AppendString([]string{"上海", "北京", "广州", "成都"}[city])
		x.Columns[4].AppendString([]string{"none", "member"}[plan])
		v := 0.0
		if s.Bool(1 / (1 + math.Exp(-z))) {
			v = 1
		}
		y.Y, margin = append(y.Y, v), append(margin, z)
	}
	return x, y, margin
}

func fit(t testing.TB, l additive.Learner, x *table.Table, y model.Outcome, w []float64) *additive.Model {
	t.Helper()
	m, err := l.Fit(context.Background(), x, y, w)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*additive.Model)
}

func TestShapesAreFound(t *testing.T) {
	x, y, margin := shop(12_000, 1)
	m := fit(t, additive.Learner{}, x, y, nil)
	got, err := m.Margin(x)
	if err != nil {
		t.Fatal(err)
	}
	off := 0.0
	for i := range got {
		off += (got[i] - margin[i]) * (got[i] - margin[i]) / float64(len(got))
	}
	t.Logf("root mean square error of the log-odds %.3f", math.Sqrt(off))
	if off > 0.3*0.3 {
		t.Errorf("log-odds are off by %.3f", math.Sqrt(off))
	}
	shapes, grids := m.Shapes(), m.Grids()
	if shapes[0].Column != "age" || shapes[len(shapes)-1].Column != "noise" {
		t.Errorf("%s is most and %s least important", shapes[0].Column, shapes[len(shapes)-1].Column)
	}
	if len(grids) == 0 || grids[0].A.Column != "age" || grids[0].B.Column != "plan" {
		t.Fatalf("the pair of age and plan is not the first of %d", len(grids))
	}
	for _, s := range shapes {
		switch s.Column {
		case "age":
			for i, b := range s.Borders[1:] {
				want := 1.5*math.Sin((b+s.Borders[i])/18) - 0.2 // its mean over ages is near 0.2
				if c := s.Cells[i+1]; math.Abs(c.Value-want) > 0.45 {
					t.Errorf("age %.1f adds %.2f, want about %.2f", b, c.Value, want)
				}
			}
		case "spend":
			if d := s.Cells[len(s.Cells)-5].Value - s.Cells[5].Value; math.Abs(d-1) > 0.35 {
				t.Errorf("much spending adds %.2f more than little, want about 1", d)
			}
			if s.Missing.Weight < 1000 {
				t.Errorf("%v rows without spend", s.Missing.Weight)
			}
		case "noise":
			square, total := 0.0, 0.0
			for _, c := range s.Cells {
				square += c.Weight * c.Value * c.Value
				total += c.Weight
			}
			if mean := math.Sqrt(square / total); mean > 0.1 {
				t.Errorf("noise adds %.2f on average", mean)
			}
		}
	}
}

// Means over the training rows: 0 for every shape, and for every step of either side of a grid.
func TestShapesAreCentredAndPairsPure(t *testing.T) {
	x, y, _ := shop(4000, 2)
	w := make([]float64, len(y.Y))
	s := kernel.NewStream(3)
	for i := range w {
		w[i] = s.Float64()
	}
	m := fit(t, additive.Learner{Pairs: 5}, x, y, w)
	for _, s := range m.Shapes() {
		mean, total := s.Missing.Value*s.Missing.Weight, s.Missing.Weight
		for _, c := range s.Cells {
			mean += c.Value * c.Weight
			total += c.Weight
		}
		if math.Abs(mean/total) > 1e-9 {
			t.Errorf("%s: mean %g", s.Column, mean/total)
		}
	}
	grids := m.Grids()
	if len(grids) == 0 {
		t.Fatal("no pairs")
	}
	for _, g := range grids {
		rows, cols := make([]float64, len(g.Cells)), make([]float64, len(g.Cells[0]))
		total := 0.0
		for i := range g.Cells {
			for j, c := range g.Cells[i] {
				rows[i] += c.Weight * c.Value
				cols[j] += c.Weight * c.Value
				total += c.Weight
			}
		}
		for _, v := range append(rows, cols...) {
			if math.Abs(v)/total > 1e-9 {
				t.Errorf("%s × %s: a mean of %g is left", g.A.Column, g.B.Column, v/total)
			}
		}
	}
}

func TestPicture(t *testing.T) {
	x, y, _ := shop(2500, 4)
	many := model.Outcome{Task: kequn.Multiclass, Classes: []string{"a", "b<", "c"}}
	amounts := model.Outcome{Task: kequn.Regression}
	for i, v := range y.Y {
		many.Y = append(many.Y, v+float64(i%2))
		amounts.Y = append(amounts.Y, v*100)
	}
	for _, o := range []model.Outcome{y, many, amounts} {
		m := fit(t, additive.Learner{Pairs: 3, Bags: 3}, x, o, nil)
		for _, lang := range []kequn.Lang{kequn.English, kequn.Chinese} {
			for _, most := range []int{0, 2} {
				svg := m.Picture(lang, most)
				d := xml.NewDecoder(strings.NewReader(svg))
				for {
					if _, err := d.Token(); err == io.EOF {
						break
					} else if err != nil {
						t.Fatal(err)
					}
				}
				if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
					t.Error("the picture holds a number that is none")
				}
				if most == 0 && (!strings.Contains(svg, "noise") || !strings.Contains(svg, "上海")) {
					t.Error("a column or level is missing from the picture")
				}
			}
		}
		rules := strings.Join(m.Rules(kequn.English), "\n")
		if o.Task == kequn.Binary && !strings.Contains(rules, "city is 成都: +") {
			t.Errorf("rules:\n%s", rules)
		}
	}
}

func TestParametersAreHeeded(t *testing.T) {
	x, y, _ := shop(1500, 5)
	if n := len(fit(t, additive.Learner{Pairs: -1}, x, y, nil).Grids()); n != 0 {
		t.Errorf("%d pairs, want none", n)
	}
	m := fit(t, additive.Learner{Pairs: 2, Bins: 16, PairBins: 4}, x, y, nil)
	for _, s := range m.Shapes() {
		if len(s.Cells) > 16 {
			t.Errorf("%s has %d cells", s.Column, len(s.Cells))
		}
	}
	for _, g := range m.Grids() {
		if g.A.Steps() > 4 || g.B.Steps() > 4 || len(g.Cells) != g.A.Steps()+1 {
			t.Errorf("%s × %s has %d × %d steps", g.A.Column, g.B.Column, g.A.Steps(), g.B.Steps())
		}
	}
	if a, b := fit(t, additive.Learner{Seed: 1}, x, y, nil), fit(t, additive.Learner{Seed: 2}, x, y, nil); fmt.Sprint(a.Shapes()[0]) == fmt.Sprint(b.Shapes()[0]) {
		t.Error("the seed chooses nothing")
	}
	one := fit(t, additive.Learner{Sweeps: 1, Pairs: -1}, x, y, nil)
	for _, s := range one.Shapes() {
		for _, c := range s.Cells {
			if math.Abs(c.Value) > 0.3 {
				t.Errorf("after one sweep, a cell of %s is at %v", s.Column, c.Value)
			}
		}
	}
}
