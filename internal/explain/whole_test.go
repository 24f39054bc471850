package explain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"kequn"
	"kequn/internal/explain"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/linear"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

// shop makes customers whose outcome depends on visits (up to 10), city, a missing last order and an interaction; the other columns are noise.
func shop(n, noise int, task kequn.Task, seed uint64) (*table.Table, model.Outcome) {
	s := kernel.NewStream(seed)
	visits := &table.Column{Name: "visits", Kind: table.Integer}
	days := &table.Column{Name: "days_since_order", Kind: table.Number}
	discount := &table.Column{Name: "discount", Kind: table.Number}
	city := table.NewColumn("city", table.Category, n)
	x := &table.Table{Columns: []*table.Column{visits, days, discount, city}}
	for j := range noise {
		x.Columns = append(x.Columns, &table.Column{Name: fmt.Sprintf("noise_%02d", j), Kind: table.Number})
	}
	y := model.Outcome{Task: task}
	for range n {
		v, d, off := float64(s.Poisson(6)), 100*s.Float64(), s.Float64()
		c := s.Intn(4)
		visits.Int = append(visits.Int, int64(v))
		city.AppendString([]string{"Beijing", "Shanghai", "Xi'an", "Wuhan"}[c])
		discount.Num = append(discount.Num, off)
		m := 0.4*min(v, 10) - 4 + []float64{0.8, 0, -0.8, 0}[c]
		if s.Bool(0.2) {
			days.Num = append(days.Num, math.NaN())
			m -= 1.5
		} else {
			days.Num = append(days.Num, d)
			m -= 0.02 * d
		}
		if c == 1 {
			m += 2 * off
		}
		for _, col := range x.Columns[4:] {
			col.Num = append(col.Num, s.Norm())
		}
		if task == kequn.Binary {
			if s.Bool(1 / (1 + math.Exp(-m))) {
				y.Y = append(y.Y, 1)
			} else {
				y.Y = append(y.Y, 0)
			}
		} else {
			y.Y = append(y.Y, m+s.Norm())
		}
	}
	return x, y
}

func words(column string) explain.Words {
	switch column {
	case "visits":
		return explain.Words{Zh: "近 30 天访问次数", En: "visits in 30 days", Kind: "behaviour"}
	case "days_since_order":
		return explain.Words{Zh: "距上次下单天数", En: "days since the last order", Kind: "behaviour"}
	case "discount":
		return explain.Words{Zh: "折扣", En: "discount", Unit: "share", Kind: "lever"}
	case "city":
		return explain.Words{Zh: "城市", En: "city", Kind: "trait"}
	}
	return explain.Words{}
}

func question(t testing.TB, rows, noise int, task kequn.Task, l model.Named) explain.Question {
	t.Helper()
	x, y := shop(rows, noise, task, 1)
	judged, outcome := shop(max(rows/4, 200), noise, task, 2)
	m, err := l.Learner.Fit(context.Background(), x, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	return explain.Question{Model: m, Name: l.Name, X: judged, Y: outcome, Train: x, TrainY: y, Learner: l,
		Tree: tree.Learner{}, RuleList: tree.RuleList{}, Path: linear.Learner{}, Words: words}
}

func cpu() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// BenchmarkExplain tells the seconds of processor time of each part of an explanation of 100,000 rows and 50 columns.
func BenchmarkExplain(b *testing.B) {
	q := question(b, 100_000, 46, kequn.Binary, model.Named{Name: "gbdt", Learner: gbdt.Learner{}})
	for b.Loop() {
		began := cpu()
		last := began
		q.Left = func() bool {
			now := cpu()
			fmt.Printf("%.2f ", now-last)
			last = now
			return true
		}
		g, err := explain.Explain(context.Background(), q)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(cpu()-began, "cpu-s/op")
		if os.Getenv("KEQUN_SHOW") != "" {
			var out bytes.Buffer
			e := json.NewEncoder(&out)
			e.SetIndent("", " ")
			e.SetEscapeHTML(false)
			if err := e.Encode(g); err != nil {
				b.Fatal(err)
			}
			fmt.Println(out.String())
		}
	}
}

func TestExplain(t *testing.T) {
	for _, task := range []kequn.Task{kequn.Binary, kequn.Regression} {
		q := question(t, 3000, 4, task, model.Named{Name: "gbdt", Learner: gbdt.Learner{Trees: 30, Leaves: 8}})
		q.Threads = 2
		g, err := explain.Explain(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		first := g.Permutation[0]
		if first.Column != "visits" && first.Column != "city" && first.Column != "days_since_order" || !(first.SE > 0 && first.SE < first.Loss) || !(g.Own[0].SE > 0 && g.Own[0].SE < g.Own[0].Share) {
			t.Errorf("%+v %+v", first, g.Own[0])
		}
		for _, e := range g.Effects {
			switch e.Column {
			case "visits":
				if last := e.Points[len(e.Points)-1]; !(last.Value-e.Points[0].Value > 1) || e.En == "" || e.Zh == "" {
					t.Errorf("%+v", e)
				}
			case "days_since_order":
				if last := e.Points[len(e.Points)-1]; last.Level != "∅" || math.Abs(last.Share-0.2) > 0.05 {
					t.Errorf("missing values: %+v", last)
				}
			}
		}
		if g.Tree == nil || g.Rules == nil || !(g.Tree.Fidelity > 0.6) || !(g.Rules.Fidelity > 0.4) || g.Tree.Leaves > 16 || g.Tree.Skill == nil || len(g.Rules.RulesZh) != g.Rules.Leaves {
			t.Fatalf("%+v %+v", g.Tree, g.Rules)
		}
		last := g.Fewer[len(g.Fewer)-1]
		if n := len(g.Fewer); n != 5 || last.Columns != 8 || last.GivesUp != nil || g.Fewer[0].GivesUp.Low < 0 {
			t.Errorf("%+v", g.Fewer)
		}
		enough := 0
		for _, f := range g.Fewer {
			if f.Enough {
				enough++
			}
		}
		if enough != 1 {
			t.Errorf("%d are enough", enough)
		}
		chosen := 0
		for _, p := range g.Path {
			if p.Chosen {
				chosen++
			}
		}
		if len(g.Path) < 4 || chosen != 1 || g.Path[0].Columns != 0 || len(g.Path[1].Entered) == 0 || len(g.Missing) > 0 {
			t.Errorf("%+v %+v", g.Path, g.Missing)
		}
		q.Threads = 1
		again, err := explain.Explain(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := figures(t, g), figures(t, again); a != b {
			t.Errorf("with one thread: %s\nwith two: %s", b, a)
		}
	}
}

// figures is what must not depend on threads.
func figures(t *testing.T, g *explain.Global) string {
	for i := range g.Fewer {
		g.Fewer[i].Seconds = 0
	}
	b, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Parts for which data or time do not suffice are left out, and named.
func TestExplainSaysWhatIsMissing(t *testing.T) {
	ctx := context.Background()
	q := question(t, 1000, 1, kequn.Binary, model.Named{Name: "gbdt", Learner: gbdt.Learner{Trees: 10}})
	all := q
	q.X, q.Y = q.X.Slice(0, 12), model.Outcome{Task: q.Y.Task, Y: q.Y.Y[:12]}
	g, err := explain.Explain(ctx, q)
	if err != nil || len(g.Missing) != 1 || len(g.Own) == 0 || len(g.Effects)+len(g.Permutation)+len(g.Fewer) > 0 {
		t.Errorf("12 rows: %+v %v", g, err)
	}
	q = all
	q.Y = model.Outcome{Task: q.Y.Task, Y: make([]float64, q.X.NRows())}
	g, err = explain.Explain(ctx, q)
	if err != nil || len(g.Missing) != 3 || len(g.Effects) == 0 || len(g.Permutation)+len(g.Fewer)+len(g.Path) > 0 || g.Tree == nil || g.Tree.Skill != nil {
		t.Errorf("one class: %+v %v", g, err)
	}
	q = all
	parts := 0
	q.Left = func() bool { parts++; return parts <= 2 }
	g, err = explain.Explain(ctx, q)
	if err != nil || len(g.Missing) != 5 || len(g.Effects) == 0 || g.Tree != nil {
		t.Errorf("no time: %+v %v", g.Missing, err)
	}
	q = all
	w := make([]float64, q.X.NRows()) // weights: as if all other rows were absent
	for i := range w {
		w[i] = float64(i % 2)
	}
	q.W = w
	if g, err = explain.Explain(ctx, q); err != nil || len(g.Fewer) == 0 || g.Fewer[0].GivesUp == nil {
		t.Errorf("weights: %+v %v", g, err)
	}
	flat := table.New(&table.Column{Name: "flat", Num: make([]float64, 300)})
	y := model.Outcome{Task: kequn.Binary}
	for i := range 300 {
		y.Y = append(y.Y, float64(i%2))
	}
	m, err := gbdt.Learner{Trees: 5}.Fit(ctx, flat, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err = explain.Explain(ctx, explain.Question{Model: m, X: flat, Y: y, Train: flat, TrainY: y, Learner: model.Named{Name: "gbdt", Learner: gbdt.Learner{Trees: 5}},
		Tree: tree.Learner{}, RuleList: tree.RuleList{}, Path: linear.Learner{}})
	if err != nil || g.Tree != nil || len(g.Effects) > 0 {
		t.Errorf("constant columns: %+v %v", g, err)
	}
	if _, err := explain.Explain(ctx, explain.Question{Model: m, X: flat, Y: model.Outcome{Task: kequn.Multiclass}}); err == nil {
		t.Error("several classes were explained")
	}
}

// BenchmarkEach tells how long the contributions of a million rows of 28 columns through 100 trees of 31 leaves take.
func BenchmarkEach(b *testing.B) {
	ctx := context.Background()
	x, y := shop(100_000, 24, kequn.Binary, 1)
	m, err := gbdt.Learner{}.Fit(ctx, x, y, nil)
	if err != nil {
		b.Fatal(err)
	}
	big, _ := shop(1_000_000, 24, kequn.Binary, 2)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak, worst, began := uint64(0), 0.0, cpu()
	for b.Loop() {
		margin, err := m.(model.Marginer).Margin(big)
		if err != nil {
			b.Fatal(err)
		}
		n := len(m.Header().Columns)
		if err := explain.Each(ctx, m.(model.Attributor), big, 0, func(first int, base float64, phi []float64) error {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
			for i := 0; i < len(phi); i += n {
				worst = max(worst, math.Abs(base+kernel.Sum(phi[i:i+n])-margin[first+i/n]))
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpu()-began)/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(peak-before.HeapAlloc)/1e6, "MB")
	b.ReportMetric(worst, "difference")
}
