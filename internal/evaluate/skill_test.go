package evaluate

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/table"

	"pgregory.net/rapid"
)

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

// The jury's errors of an AUC are DeLong's, but for n/(n−1) by class instead of over all rows.
func TestJuryIsDeLong(t *testing.T) {
	s := scored(3000, 1.2, 1)
	other := slices.Clone(s.Score)
	r := kernel.NewStream(3)
	for i := range other {
		other[i] += 0.3 * r.Float64()
	}
	j := newJury(model.Outcome{Task: kequn.Binary, Y: s.Y}, nil, nil)
	a, b := j.judge(s.Score), j.judge(other)
	auc, se := metric.AUCError(s.Y, s.Score)
	if !near(a.skill, auc, 1e-12) || !near(j.se(a)/se, 1, 2e-3) {
		t.Errorf("%v ± %v, want %v ± %v", a.skill, j.se(a), auc, se)
	}
	want, wantSE := metric.AUCDifference(s.Y, s.Score, other, 0.95)
	if d, se := j.less(a, b); !near(d, want.Mean, 1e-12) || !near(se/wantSE, 1, 2e-3) {
		t.Errorf("difference %v ± %v, want %v ± %v", d, se, want.Mean, wantSE)
	}
}

func TestJuryIsBootstrap(t *testing.T) {
	r := kernel.NewStream(9)
	y := model.Outcome{Task: kequn.Regression}
	var p, w []float64
	for range 2000 {
		v := r.Exp()
		y.Y, p, w = append(y.Y, v+0.7*r.Norm()), append(p, v), append(w, 1+r.Float64())
	}
	j := newJury(y, w, nil)
	f := j.judge(p)
	b := metric.Bootstrap{Resamples: 400}.Interval(metric.R2, y.Y, p, w)
	if !near(f.skill, b.Mean, 1e-12) || !near(j.se(f)/((b.High-b.Low)/3.92), 1, 0.15) {
		t.Errorf("R² %v ± %v, bootstrap %+v", f.skill, j.se(f), b)
	}
}

// A row of weight 2 is the row twice, and copies of a row in its group add no certainty.
func TestJuryCountsGroups(t *testing.T) {
	for _, task := range []kequn.Task{kequn.Binary, kequn.Regression, kequn.Multiclass} {
		y := model.Outcome{Task: task}
		twice := model.Outcome{Task: task}
		if task == kequn.Multiclass {
			y.Classes = []string{"a", "b", "c"}
			twice.Classes = y.Classes
		}
		k := y.NOut()
		r := kernel.NewStream(4)
		var p, p2, w []float64
		var group []int64
		for i := range 300 {
			v := float64(r.Intn(max(2, k)))
			y.Y, twice.Y = append(y.Y, v), append(twice.Y, v, v)
			row := make([]float64, k)
			for c := range row {
				row[c] = r.Float64() / 2
			}
			row[int(v)%k] += 0.3 * r.Float64()
			p, p2 = append(p, row...), append(append(p2, row...), row...)
			group, w = append(group, int64(i), int64(i)), append(w, 2)
		}
		one, two, weighted := newJury(y, nil, nil), newJury(twice, nil, group), newJury(y, w, nil)
		a, b, c := one.judge(p), two.judge(p2), weighted.judge(p)
		if !near(a.skill, b.skill, 1e-12) || !near(a.skill, c.skill, 1e-12) || !near(one.se(a), two.se(b), 1e-12) || !near(one.se(a), weighted.se(c), 1e-12) {
			t.Errorf("%s: %v ± %v, in groups %v ± %v, weighted %v ± %v", task, a.skill, one.se(a), b.skill, two.se(b), c.skill, weighted.se(c))
		}
		if task != kequn.Multiclass {
			continue
		}
		if want := metric.MacroAUC(classesOf(y.Y), p, k, nil); !near(a.skill, want, 1e-12) {
			t.Errorf("macro AUC %v, want %v", a.skill, want)
		}
	}
}

// Draws are nested, and hold the same rows whatever the order of rows and columns.
func TestDraws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "rows")
		r := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
		a := &table.Column{Name: "a", Kind: table.Number}
		b := table.NewColumn("b", table.Category, n)
		y := model.Outcome{Task: kequn.Regression}
		rows := make([]int32, n)
		for i := range n {
			a.Num = append(a.Num, float64(r.Intn(3))) // many equal rows
			b.AppendString([]string{"x", "y"}[r.Intn(2)])
			y.Y = append(y.Y, float64(r.Intn(2)))
			rows[i] = int32(i)
		}
		d := newDrawer(table.New(a, b), y, nil, rows, 1)
		k := rapid.IntRange(0, n).Draw(t, "k")
		few, all := d.draw(k, 5), d.draw(n, 5)
		if !slices.Equal(few, all[:k]) || !slices.Equal(sorted(all), rows) {
			t.Fatalf("%v is no beginning of %v", few, all)
		}
		order := make([]int32, n)
		for i, j := range r.Perm(n) {
			order[i] = int32(j)
		}
		moved := newDrawer(table.New(b.Take(order), a.Take(order)), y.Take(order), nil, rows, 1).draw(k, 5)
		text := func(rows []int32, a, b *table.Column, y []float64) []string {
			var out []string
			for _, i := range rows {
				out = append(out, b.String(int(i))+string(rune('0'+int(a.Num[i])))+string(rune('0'+int(y[i]))))
			}
			slices.Sort(out)
			return out
		}
		if x, y := text(few, a, b, y.Y), text(moved, a.Take(order), b.Take(order), y.Take(order).Y); !slices.Equal(x, y) {
			t.Fatalf("drew %v, of rows in another order %v", x, y)
		}
	})
}

func TestFitCurve(t *testing.T) {
	n := []float64{1000, 2000, 4000, 8000, 16000}
	se := []float64{0.002, 0.002, 0.002, 0.002, 0.002}
	law := func(a, b, c float64) []float64 {
		s := make([]float64, len(n))
		for i := range n {
			s[i] = a - b*math.Pow(n[i]/16000, -c)
		}
		return s
	}
	for _, c := range []struct {
		name  string
		skill []float64
		gain  float64
	}{
		{"rising", law(0.8, 0.05, 0.5), 0.05 * (1 - math.Sqrt(0.5))},
		{"flat", []float64{0.7, 0.7, 0.7, 0.7, 0.7}, 0},
		{"falling", []float64{0.75, 0.74, 0.73, 0.72, 0.71}, 0},
		{"noise", []float64{0.7, 0.703, 0.699, 0.7, 0.701}, 0},
	} {
		f := fitCurve(n, c.skill, se)
		if gain := f.at(32000) - f.at(16000); !near(gain, c.gain, 3e-4) || f.at(1e12) > 1 {
			t.Errorf("%s: gain %v, want %v (%+v)", c.name, gain, c.gain, f)
		}
	}
	if f := fitCurve(n, law(1.3, 0.6, 0.1), se); f.a > 1 || f.at(64000) > 1 {
		t.Errorf("a skill above 1: %+v", f)
	}
}

func TestOffProbabilities(t *testing.T) {
	r := kernel.NewStream(6)
	var s Scored
	for range 20000 {
		p := r.Float64()
		happens := p
		if p > 0.6 {
			happens = 0.6 + (p-0.6)/4
		}
		y := 0.0
		if r.Bool(happens) {
			y = 1
		}
		s.Y, s.Score = append(s.Y, y), append(s.Score, p)
	}
	c, err := NewCard(Input{Task: kequn.Binary, Judged: s})
	if err != nil {
		t.Fatal(err)
	}
	if w := c.off.where(kequn.Binary); c.off == nil || w.En != "above 0.7" || c.off.word().En != "too high" {
		t.Errorf("%+v: %s", c.off, w.En)
	}
	if g := c.Grade(kequn.English); g != "good enough to rank, not to price: probabilities are off above 0.7" {
		t.Error(g)
	}
	if g := c.Grade(kequn.Chinese); g != "可用于排序，但不宜按概率算钱：概率 0.7 以上偏高" {
		t.Error(g)
	}
	// Amounts: the largest are predicted too large.
	var a Scored
	for range 5000 {
		v := 100 * r.Exp()
		p := v
		if v > 150 {
			p = 1.5 * v
		}
		a.Y, a.Score = append(a.Y, v+10*r.Norm()), append(a.Score, p)
	}
	c, err = NewCard(Input{Task: kequn.Regression, Judged: a})
	if err != nil {
		t.Fatal(err)
	}
	if c.off == nil || !c.off.high || c.off.from < 120 || len(c.Accuracy.Calibration) != 10 {
		t.Errorf("%+v", c.off)
	}
}

// Whatever is judged, the card can be written, and says nothing in figures where there are too few rows of an answer.
func TestCardAlwaysEncodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		task := rapid.SampledFrom([]kequn.Task{kequn.Binary, kequn.Regression, kequn.Multiclass}).Draw(t, "task")
		n := rapid.IntRange(1, 40).Draw(t, "rows")
		r := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
		kinds := 1 + r.Intn(3)
		in := Input{Task: task, Later: r.Bool(0.5)}
		k := 1
		if task == kequn.Multiclass {
			in.Classes = []string{"a", "b", "c"}
			k = 3
		}
		s := &in.Judged
		for range n {
			v := float64(r.Intn(kinds))
			if task == kequn.Binary {
				v = math.Min(v, 1)
			}
			s.Y = append(s.Y, v)
			for range k {
				s.Score = append(s.Score, float64(r.Intn(kinds))/3)
			}
			s.W, s.Round, s.Group = append(s.W, float64(r.Intn(3))), append(s.Round, int32(r.Intn(3))), append(s.Group, int64(r.Intn(10)))
		}
		s.W[0] = 1
		if r.Bool(0.5) {
			in.Train, in.Other, in.Inside = *s, true, s
		}
		c, err := NewCard(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Fatal(err)
		}
		if c.skill() == nil && (c.Accuracy.LogLoss != nil || c.Accuracy.RMSE != nil || c.Accuracy.Calibration != nil || c.Verdict.Key != "unsure" || len(c.NotMeasured) == 0) {
			t.Fatalf("%+v", c)
		}
		for _, l := range []kequn.Lang{kequn.Chinese, kequn.English} {
			if said := c.Grade(l) + c.Advice(l); strings.Contains(said, "NaN") || strings.Contains(said, "Inf") || strings.Contains(said, "%!") {
				t.Fatal(said)
			}
		}
	})
}
