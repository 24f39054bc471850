package evaluate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/linear"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

// people makes n rows of four numbers and two categories; strength is that of the signal.
func people(n int, task kequn.Task, strength float64, seed uint64) (*table.Table, model.Outcome) {
	r := kernel.NewStream(seed)
	x := &table.Table{}
	z := make([]float64, n)
	for j := range 4 {
		c := table.NewColumn(fmt.Sprintf("n%d", j), table.Number, n)
		for i := range n {
			v := r.Norm()
			c.Num = append(c.Num, v)
			z[i] += strength * v / float64(1+j)
		}
		x.Columns = append(x.Columns, c)
	}
	for j, levels := range [][]string{{"north", "south", "west"}, {"web", "shop"}} {
		c := table.NewColumn([]string{"region", "channel"}[j], table.Category, n)
		for i := range n {
			k := r.Intn(len(levels))
			c.AppendString(levels[k])
			z[i] += strength * 0.4 * float64(k)
		}
		x.Columns = append(x.Columns, c)
	}
	y := model.Outcome{Task: task}
	if task == kequn.Multiclass {
		y.Classes = []string{"low", "middle", "high"}
	}
	for i := range n {
		v := z[i] + r.Norm()
		switch task {
		case kequn.Binary:
			v = 0
			if r.Bool(1 / (1 + math.Exp(1-z[i]))) {
				v = 1
			}
		case kequn.Multiclass:
			v = math.Min(2, math.Max(0, math.Floor(v+1)))
		}
		y.Y = append(y.Y, v)
	}
	return x, y
}

func halves(n int) (train, test []int32) {
	for i := range int32(n) {
		if i%3 == 0 {
			test = append(test, i)
		} else {
			train = append(train, i)
		}
	}
	return train, test
}

// judged trains once and makes the card that experiments are added to.
func judged(t *testing.T, l model.Learner, x *table.Table, y model.Outcome, train, test []int32) *evaluate.Card {
	t.Helper()
	m, err := l.Fit(context.Background(), x.Take(train), y.Take(train), nil)
	if err != nil {
		t.Fatal(err)
	}
	score, err := m.Predict(x.Take(test))
	if err != nil {
		t.Fatal(err)
	}
	c, err := evaluate.NewCard(evaluate.Input{Task: y.Task, Classes: y.Classes, Name: l.Name(), Model: m, Judged: evaluate.Scored{Y: y.Take(test).Y, Score: score}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// figures is the card's JSON without what the clock says.
func figures(t *testing.T, c *evaluate.Card) string {
	t.Helper()
	for i := range c.Scalability.Curve {
		c.Scalability.Curve[i].Seconds, c.Scalability.Curve[i].MB = 0, 0
	}
	c.Scalability.Threads = nil
	b, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every part is filled, for each task, with the same figures for any number of threads.
func TestExperiment(t *testing.T) {
	for _, task := range []kequn.Task{kequn.Binary, kequn.Regression, kequn.Multiclass} {
		x, y := people(1800, task, 1, 1)
		train, test := halves(1800)
		var first string
		for _, threads := range []int{1, 2} {
			c := judged(t, linear.Learner{}, x, y, train, test)
			steps := 0
			e := evaluate.Experiment{X: x, Y: y, Train: train, Test: test, Learner: model.Named{Name: "linear", Learner: linear.Learner{}}, Threads: threads, MaxRows: 800,
				Progress: func(float64, float64, evaluate.Text) { steps++ }}
			if err := e.Run(context.Background(), c); err != nil {
				t.Fatal(task, err)
			}
			if threads == 2 && (len(c.Scalability.Threads) != 2 || !c.Scalability.Threads[0].Same || !c.Scalability.Threads[1].Same) {
				t.Errorf("%s: threads %+v", task, c.Scalability.Threads)
			}
			if len(c.Scalability.Curve) != 5 || c.Scalability.More == nil || c.Scalability.More.Gain == nil || len(c.Stability.Seeds) != 3 || len(c.Stability.Parameters) < 2 ||
				c.Chance == nil || c.Chance.Distance < 5 || len(c.Generalization.Drift) != 0 || len(c.Help) == 0 || steps < 5 {
				t.Errorf("%s: %s", task, figures(t, c))
			}
			if task != kequn.Multiclass && len(c.Generalization.Groups) != 5 {
				t.Errorf("%s: groups %+v", task, c.Generalization.Groups)
			}
			c.NotMeasured = slices.DeleteFunc(c.NotMeasured, func(n evaluate.NotMeasured) bool { return n.Part == "threads" })
			if got := figures(t, c); first == "" {
				first = got
			} else if got != first {
				t.Errorf("%s: one thread says\n%s\ntwo say\n%s", task, first, got)
			}
			for _, text := range append(c.Tips, c.Verdict.Text, c.Chance.Text, c.Scalability.More.Text) {
				if text.Zh == "" || text.En == "" || strings.Contains(text.Zh+text.En, "%!") || strings.Contains(text.En, "NaN") {
					t.Errorf("%s: %+v", task, text)
				}
			}
		}
	}
}

// Rows in another order give nearly the same figures: draws go by what is in a row.
func TestExperimentOfShuffledRows(t *testing.T) {
	x, y := people(1500, kequn.Binary, 1, 2)
	train, test := halves(1500)
	run := func(x *table.Table, y model.Outcome, train, test []int32) *evaluate.Card {
		c := judged(t, linear.Learner{}, x, y, train, test)
		if err := (evaluate.Experiment{X: x, Y: y, Train: train, Test: test, Learner: model.Named{Name: "linear", Learner: linear.Learner{}}}).Run(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	a := run(x, y, train, test)
	order := make([]int32, 1500)
	at := make([]int32, 1500)
	for i, j := range kernel.NewStream(5).Perm(1500) {
		order[i] = int32(j)
		at[j] = int32(i)
	}
	moved := func(rows []int32) []int32 { return kernel.Take(at, rows) }
	b := run(x.Take(order), y.Take(order), moved(train), moved(test))
	for i, p := range a.Scalability.Curve {
		if q := b.Scalability.Curve[i]; p.Rows != q.Rows || math.Abs(*p.Skill-*q.Skill) > 1e-6 {
			t.Errorf("%d rows: %v, in another order %v", p.Rows, *p.Skill, *q.Skill)
		}
	}
	for i, v := range a.Stability.Seeds {
		if w := b.Stability.Seeds[i]; math.Abs(*v.Skill-*w.Skill) > 1e-6 {
			t.Errorf("%s: %v, in another order %v", v.What, *v.Skill, *w.Skill)
		}
	}
}

// Twenty models of shuffled outcomes, each by its own shuffle: the AUC lies within three standard errors of ½, and the card says what that means.
func TestShuffledOutcomesAreChance(t *testing.T) {
	for _, l := range []model.Learner{linear.Learner{}, gbdt.Learner{Trees: 20}} {
		for seed := range uint64(20) {
			const n = 400
			x, y := people(n, kequn.Binary, 1, 100)
			kernel.NewStream(seed).Shuffle(n, func(i, j int) { y.Y[i], y.Y[j] = y.Y[j], y.Y[i] })
			score, round := make([]float64, n), make([]int32, n)
			for f := range int32(4) {
				var train, test []int32
				for i := range int32(n) {
					if round[i] = i % 4; round[i] == f {
						test = append(test, i)
					} else {
						train = append(train, i)
					}
				}
				m, err := l.Fit(context.Background(), x.Take(train), y.Take(train), nil)
				if err != nil {
					t.Fatal(err)
				}
				p, _ := m.Predict(x.Take(test))
				for k, i := range test {
					score[i] = p[k]
				}
			}
			c, err := evaluate.NewCard(evaluate.Input{Task: kequn.Binary, Judged: evaluate.Scored{Y: y.Y, Score: score, Round: round}})
			if err != nil {
				t.Fatal(err)
			}
			a := c.Accuracy.AUC
			if se := (a.High - a.Low) / 3.92; math.Abs(a.Mean-0.5) > 3*se {
				t.Errorf("%s, shuffle %d: AUC %+v", l.Name(), seed, a)
			}
			said := c.Grade(kequn.English) + c.Advice(kequn.English)
			if k := c.Verdict.Key; k != "useless" && k != "unsure" || !strings.Contains(said, "chance") || !strings.Contains(c.Grade(kequn.Chinese), "比瞎猜好") {
				t.Errorf("%s, shuffle %d: %s", l.Name(), seed, said)
			}
		}
	}
}

// What cannot be measured is said, and never a figure that means nothing; the card can always be written.
func TestExperimentOfOddTables(t *testing.T) {
	for _, c := range []struct {
		name  string
		n     int
		task  kequn.Task
		odd   func(x *table.Table, y model.Outcome)
		parts string // that were not measured
		none  bool   // no experiment at all
	}{
		{"12 rows", 12, kequn.Binary, func(*table.Table, model.Outcome) {}, "accuracy curve chance drift seeds", true},
		{"12 amounts", 12, kequn.Regression, func(*table.Table, model.Outcome) {}, "accuracy curve chance", true},
		{"one answer in judging", 600, kequn.Binary, func(_ *table.Table, y model.Outcome) {
			for i := 0; i < 600; i += 3 {
				y.Y[i] = 0
			}
		}, "accuracy curve chance", true},
		{"one amount", 300, kequn.Regression, func(_ *table.Table, y model.Outcome) { clear(y.Y) }, "accuracy chance", true},
		{"constant columns", 600, kequn.Binary, func(x *table.Table, _ model.Outcome) {
			for _, c := range x.Columns {
				clear(c.Num)
				clear(c.Code)
			}
		}, "chance groups", false},
		{"columns without values", 600, kequn.Binary, func(x *table.Table, _ model.Outcome) {
			for _, c := range x.Columns {
				for i := range c.Num {
					c.Num[i] = math.NaN()
				}
				for i := range c.Code {
					c.Code[i] = -1
				}
			}
		}, "chance seeds", false},
		{"huge amounts", 600, kequn.Regression, func(_ *table.Table, y model.Outcome) {
			for i := range y.Y {
				y.Y[i] *= 1e250
			}
		}, "", false},
		{"few rows", 150, kequn.Binary, func(*table.Table, model.Outcome) {}, "curve groups", false},
	} {
		x, y := people(c.n, c.task, 1, 3)
		c.odd(x, y)
		train, test := halves(c.n)
		card, err := evaluate.NewCard(evaluate.Input{Task: c.task, Judged: evaluate.Scored{Y: y.Take(test).Y, Score: constant(len(test), 0.4)}})
		if err != nil {
			t.Fatal(c.name, err)
		}
		for _, l := range []model.Learner{linear.Learner{}, tree.Learner{}} {
			err = evaluate.Experiment{X: x, Y: y, Train: train, Test: test, Learner: model.Named{Name: l.Name(), Learner: l}}.Run(context.Background(), card)
			if err != nil {
				t.Fatal(c.name, err)
			}
		}
		text := figures(t, card)
		for _, part := range strings.Fields(c.parts) {
			if !slices.ContainsFunc(card.NotMeasured, func(n evaluate.NotMeasured) bool { return n.Part == part && n.Zh != "" && n.En != "" }) {
				t.Errorf("%s: nothing said about %s: %+v", c.name, part, card.NotMeasured)
			}
		}
		if c.none && (card.Accuracy.AUC != nil || card.Accuracy.R2 != nil || card.Scalability.Curve != nil || card.Chance != nil || card.Verdict.Key != "unsure") {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

func constant(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func TestExperimentByTheClock(t *testing.T) {
	x, y := people(900, kequn.Binary, 1, 4)
	train, test := halves(900)
	c := judged(t, linear.Learner{}, x, y, train, test)
	e := evaluate.Experiment{X: x, Y: y, Train: train, Test: test, Learner: model.Named{Name: "linear", Learner: linear.Learner{}}, Left: func() time.Duration { return 0 }}
	if err := e.Run(context.Background(), c); err != nil || len(c.NotMeasured) != 7 || c.Scalability.Curve != nil {
		t.Errorf("%v, %+v", err, c.NotMeasured)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e.Left = nil
	if err := e.Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Columns that moved are named, the one that moved most first; the others are not.
func TestDrift(t *testing.T) {
	x, y := people(3000, kequn.Binary, 1, 5)
	train, test := halves(3000)
	for _, r := range test {
		x.Columns[1].Num[r] += 2
		if r%2 == 0 {
			x.Column("region").Code[r] = 0
		}
	}
	c := judged(t, linear.Learner{}, x, y, train, test)
	if err := (evaluate.Experiment{X: x, Y: y, Train: train, Test: test, Learner: model.Named{Name: "linear", Learner: linear.Learner{}}, MaxRows: 500}).Run(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	d := c.Generalization.Drift
	if len(d) != 2 || d[0].Column != "n1" || d[1].Column != "region" || !strings.Contains(d[1].Zh, "“") || !strings.HasPrefix(d[0].En, "median") {
		t.Errorf("%+v", d)
	}
}

func TestCompare(t *testing.T) {
	x, y := people(3000, kequn.Binary, 1, 6)
	train, test := halves(3000)
	fit := func(x *table.Table, l model.Learner) []float64 {
		m, err := l.Fit(context.Background(), x.Take(train), y.Take(train), nil)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := m.Predict(x.Take(test))
		return p
	}
	best := fit(x, linear.Learner{})
	out := evaluate.Compare(y.Take(test), nil, nil, []evaluate.Line{
		{Name: "constant", Score: constant(len(test), 0.3)},
		{Name: "tree", Score: fit(x, tree.Learner{}), Simple: true},
		{Name: "straight", Score: fit(x, linear.Learner{Straight: true})},
		{Name: "linear", Score: best, Chosen: true},
		{Name: "not run", Score: constant(len(test), math.NaN())},
	})
	if len(out) != 4 || out[0].Tied || out[0].Behind.Low < 0.1 || !out[2].Tied || !out[3].Chosen || out[3].Behind != nil ||
		!strings.HasPrefix(out[1].En, "the simplest that will do: gives up 0.0") || !strings.Contains(out[1].Zh, "每 1,000 位目标客户") {
		t.Errorf("%+v", out)
	}
	if evaluate.Compare(y.Take(test[:12]), nil, nil, []evaluate.Line{{Name: "a", Score: best[:12], Chosen: true}, {Name: "b", Score: best[:12]}}) != nil {
		t.Error("twelve rows are compared")
	}
}

// Of several classes, and of amounts, a card says what it says of yes or no.
func TestCardOfClasses(t *testing.T) {
	x, y := people(2000, kequn.Multiclass, 1.5, 7)
	train, test := halves(2000)
	c := judged(t, linear.Learner{}, x, y, train, test)
	a := c.Accuracy
	if a.MacroAUC == nil || a.Right == nil || a.LogLoss == nil || a.Right.Mean < *a.RightBase || a.LogLoss.Mean > *a.LogLossBase || len(c.Classes) != 3 || c.Stability.Rounds[0].Macro == nil {
		t.Errorf("%s", figures(t, c))
	}
	if k := c.Verdict.Key; k != "good" && k != "excellent" || !strings.Contains(c.Advice(kequn.English), "of 100 rows right") {
		t.Errorf("%s: %s", k, c.Advice(kequn.English))
	}
}

// Judged on another file, the card sets its figure beside that inside the training file.
func TestCardOfAnotherFile(t *testing.T) {
	x, y := people(2000, kequn.Binary, 1.5, 8)
	train, test := halves(2000)
	m, _ := linear.Learner{}.Fit(context.Background(), x.Take(train), y.Take(train), nil)
	inside, _ := m.Predict(x.Take(test))
	other, truth := people(1500, kequn.Binary, 0.7, 9)
	score, _ := m.Predict(other)
	c, err := evaluate.NewCard(evaluate.Input{Task: kequn.Binary, Judged: evaluate.Scored{Y: truth.Y, Score: score}, Other: true, Inside: &evaluate.Scored{Y: y.Take(test).Y, Score: inside}})
	if err != nil {
		t.Fatal(err)
	}
	g := c.Generalization
	if !g.Other || g.Inside == nil || g.Moved == nil || g.Moved.High >= 0 || !strings.Contains(c.Advice(kequn.English), "inside the training file") {
		t.Errorf("%+v: %s", g, c.Advice(kequn.English))
	}
}

// Rows of weight 0 are not there, and a round with one answer has no figure but words.
func TestCardLeavesOut(t *testing.T) {
	x, y := people(900, kequn.Binary, 1, 10)
	train, test := halves(900)
	m, _ := linear.Learner{}.Fit(context.Background(), x.Take(train), y.Take(train), nil)
	score, _ := m.Predict(x.Take(test))
	s := evaluate.Scored{Y: y.Take(test).Y, Score: score, W: constant(len(test), 1)}
	for i := range score {
		s.Round = append(s.Round, int32(i%3))
		if i%3 == 2 && s.Y[i] == 1 {
			s.W[i] = 0
		}
	}
	c, err := evaluate.NewCard(evaluate.Input{Task: kequn.Binary, Judged: s})
	if err != nil {
		t.Fatal(err)
	}
	if c.Rows == len(test) || c.Stability.Rounds[2].AUC != nil || c.Stability.Rounds[1].AUC == nil || len(c.NotMeasured) != 1 || c.NotMeasured[0].Part != "round 2" {
		t.Errorf("%s", figures(t, c))
	}
}

// Customers at several cutoffs are drawn together and count once; places may be columns that the model does not have.
func TestExperimentOfGroups(t *testing.T) {
	x, y := people(1800, kequn.Binary, 1, 11)
	group := make([]int64, 1800)
	for i := range group {
		group[i] = int64(i % 600)
	}
	train, test := halves(1800) // i and i+600 lie on one side
	place := x.Column("region")
	x = x.Drop("region", "channel")
	run := func(group []int64) *evaluate.Card {
		c := judged(t, linear.Learner{}, x, y, train, test)
		e := evaluate.Experiment{X: x, Y: y, Group: group, Train: train, Test: test, Learner: model.Named{Name: "linear", Learner: linear.Learner{}}, Places: []*table.Column{place}}
		if err := e.Run(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	alone, together := run(nil), run(group)
	g := together.Generalization.Groups
	if len(g) != 3 || g[0].Column != "region" || g[0].Unseen == nil {
		t.Errorf("%+v", g)
	}
	a, b := alone.Scalability.Curve[4], together.Scalability.Curve[4]
	if *a.Skill != *b.Skill || *a.SE == *b.SE || *b.SE < *a.SE/2 {
		t.Errorf("alone %v ± %v, together %v ± %v", *a.Skill, *a.SE, *b.Skill, *b.SE)
	}
}
