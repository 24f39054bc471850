package ladder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/modeltest"
	"kequn/internal/table"
)

func TestBaseConformance(t *testing.T) {
	none := "a constant uses no column"
	modeltest.Exercise(t, Base{}, DecodeBase, map[string]string{
		"ready/beats-constant": "it is the constant", "ready/few-levels": "it is the constant", "ready/header": none, "careful/missing-column": none, "careful/wrong-kind": none,
		"careful/no-column": none,
	})
}

// steps is a learner for tests: the mean outcome by quarter of one column, pulled toward a wrong value by Wrong.
type steps struct {
	Column string
	Wrong  float64
	Sleep  time.Duration
	Fail   error
}

func (steps) Name() string { return "steps" }

func (l steps) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	if _, err := model.Check(x, y, w); err != nil {
		return nil, err
	}
	if l.Fail != nil {
		return nil, l.Fail
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(l.Sleep):
	}
	v := x.Column(l.Column).Num
	m := &stepsModel{h: model.Header{Family: "steps", Version: 1, Task: y.Task, Columns: []model.Column{{Name: l.Column}}, Rows: len(v)}}
	m.border = kernel.Quantiles(v, 0.25, 0.5, 0.75)
	m.value = make([]float64, 4)
	n := make([]float64, 4)
	for i, a := range v {
		m.value[m.step(a)] += y.Y[i]
		n[m.step(a)]++
	}
	for k := range m.value {
		m.value[k] = (m.value[k]/max(n[k], 1))*(1-l.Wrong) + l.Wrong*float64(k%2)
	}
	return m, nil
}

type stepsModel struct {
	h             model.Header
	border, value []float64
}

func (m *stepsModel) step(a float64) int { k, _ := slices.BinarySearch(m.border, a); return k }

func (m *stepsModel) Header() model.Header { return m.h }

func (m *stepsModel) Predict(x *table.Table) ([]float64, error) {
	c := x.Column(m.h.Columns[0].Name)
	if c == nil {
		return nil, model.MissingColumns(1, 0, []string{m.h.Columns[0].Name})
	}
	out := make([]float64, c.Len())
	for i, a := range c.Num {
		out[i] = m.value[m.step(a)]
	}
	return out, nil
}

func (m *stepsModel) Margin(x *table.Table) ([]float64, error) {
	p, err := m.Predict(x)
	for i := range p {
		p[i] = logit(p[i])
	}
	return p, err
}

func (m *stepsModel) Attribute(x *table.Table, class int) (float64, []float64, error) {
	p, err := m.Margin(x)
	return 0, p, err
}

func (m *stepsModel) Importance() []float64 { return []float64{1} }

func (m *stepsModel) Encode(w io.Writer) error {
	a := model.NewArrayWriter(w)
	a.Float64s(m.border)
	a.Float64s(m.value)
	return a.Err()
}

func decodeSteps(h model.Header, r io.Reader) (model.Model, error) {
	a := model.NewArrayReader(r)
	m := &stepsModel{h: h, border: a.FiniteN(3), value: a.FiniteN(4)}
	return m, a.End()
}

func shop(n int, task kequn.Task) Input {
	s := kernel.NewStream(3)
	a, b := &table.Column{Name: "a"}, &table.Column{Name: "b"}
	y := model.Outcome{Task: task}
	for range n {
		u, v := s.Norm(), s.Norm()
		a.Num, b.Num = append(a.Num, u), append(b.Num, v)
		if task == kequn.Regression {
			y.Y = append(y.Y, 10+2*u+v+s.Norm())
			continue
		}
		yes := 0.0
		if s.Float64() < logistic(1.5*u+v) {
			yes = 1
		}
		y.Y = append(y.Y, yes)
	}
	in := Input{X: table.New(a, b), Y: y, Rungs: []model.Named{{Name: "linear", Learner: steps{Column: "b"}}, {Name: "gbdt", Learner: steps{Column: "a"}}}}
	in.Rounds = FoldRounds(Folds(in.X, y, nil, 4, 1))
	return in
}

func run(t *testing.T, in Input, o Options) *Result {
	t.Helper()
	r, err := Run(context.Background(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClimb(t *testing.T) {
	for _, task := range []kequn.Task{kequn.Binary, kequn.Regression} {
		in := shop(1200, task)
		r := run(t, in, Options{})
		base, b, a, auto := r.Entry("base"), r.Entry("linear"), r.Entry("gbdt"), r.Entry("auto")
		if !(base.Loss() > b.Loss() && b.Loss() > a.Loss() && a.Loss() > auto.Loss()) {
			t.Errorf("%s: losses %v %v %v %v do not fall", task, base.Loss(), b.Loss(), a.Loss(), auto.Loss())
		}
		if r.Chosen != "auto" || len(auto.Blend) != 2 || r.Simple != "auto" {
			t.Errorf("%s: chose %s of %v, simple %s", task, r.Chosen, auto.Blend, r.Simple)
		}
		for _, l := range []kequn.Lang{kequn.Chinese, kequn.English} {
			if w := r.Why(l); !strings.Contains(w, "auto") || !strings.Contains(w, "1,200") || strings.Contains(w, "%!") {
				t.Errorf("why: %s", w)
			}
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
		score, round, err := r.OutOfSample("auto")
		if err != nil || len(score) != 1200 || slices.Contains(round, -1) {
			t.Errorf("out of sample: %v", err)
		}
	}
}

// Same data, same seed, same bytes: for any number of threads, and when the plan is replayed.
func TestSameBytes(t *testing.T) {
	in := shop(600, kequn.Binary)
	bytesOf := func(o Options) []byte {
		r := run(t, in, o)
		score, _, _ := r.OutOfSample("auto")
		c, err := r.Fit(context.Background(), "auto")
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := model.Save(&b, c); err != nil {
			t.Fatal(err)
		}
		json.NewEncoder(&b).Encode(score)
		return b.Bytes()
	}
	want := bytesOf(Options{Threads: 1})
	for _, n := range []int{2, 3, 8} {
		if !bytes.Equal(want, bytesOf(Options{Threads: n})) {
			t.Errorf("%d threads give other bytes", n)
		}
	}
	plan := run(t, in, Options{}).Plan
	if !bytes.Equal(want, bytesOf(Options{Plan: &plan})) {
		t.Error("the replayed plan gives other bytes")
	}
}

// A model judged on a fold must not have seen its outcomes in any way: changing them changes no score of that fold.
func TestJudgedRowsStayUntouched(t *testing.T) {
	in := shop(800, kequn.Binary)
	before := run(t, in, Options{})
	changed := in
	changed.Y.Y = slices.Clone(in.Y.Y)
	for _, i := range in.Rounds[2].Test {
		changed.Y.Y[i] = 1 - changed.Y.Y[i]
	}
	after := run(t, changed, Options{})
	for _, name := range []string{"base", "linear", "gbdt", "auto"} {
		p, _, _ := before.OutOfSample(name)
		q, _, _ := after.OutOfSample(name)
		for _, i := range in.Rounds[2].Test {
			if p[i] != q[i] {
				t.Fatalf("%s: row %d scores %v, and %v after its own fold's outcomes changed", name, i, p[i], q[i])
			}
		}
	}
}

func TestBudget(t *testing.T) {
	in := shop(300, kequn.Binary)
	in.Rungs = append(in.Rungs, model.Named{Name: "additive", Learner: steps{Column: "a", Sleep: time.Hour}})
	began := time.Now()
	r := run(t, in, Options{Budget: 2 * time.Second})
	if took := time.Since(began); took > 15*time.Second { // of an hour; other work may hold the processors
		t.Errorf("took %v of 2 s", took)
	}
	if e := r.Entry("additive"); r.StoppedBy != "time" || e.Failed == "" || r.Entry("auto") == nil {
		t.Errorf("stopped by %q, additive %+v", r.StoppedBy, e)
	}
	again := run(t, in, Options{Plan: &r.Plan})
	p, _, _ := r.OutOfSample("auto")
	q, _, _ := again.OutOfSample("auto")
	if !slices.Equal(p, q) {
		t.Error("the replayed plan scores differently")
	}
	in.Rungs[2].Name = "svm" // by the table it would take far too long: not even begun
	big := in
	big.X, big.Y = &table.Table{}, model.Outcome{Task: kequn.Binary}
	for _, c := range in.X.Columns {
		v := &table.Column{Name: c.Name}
		for range 200 {
			v.Num = append(v.Num, c.Num...)
		}
		big.X.Columns = append(big.X.Columns, v)
	}
	for range 200 {
		big.Y.Y = append(big.Y.Y, in.Y.Y...)
	}
	big.Rounds = FoldRounds(Folds(big.X, big.Y, nil, 2, 1))
	if p := makePlan(big, Options{Budget: 3 * time.Second, Threads: 1}); p.step("svm").Run || !p.step("linear").Run {
		t.Errorf("plan %+v", p)
	}
}

func TestFailures(t *testing.T) {
	in := shop(300, kequn.Binary)
	in.Rungs = append(in.Rungs, model.Named{Name: "tree", Learner: steps{Column: "a", Fail: errors.New("no luck")}})
	if r := run(t, in, Options{}); r.Entry("tree").Failed != "no luck" || r.Chosen != "auto" {
		t.Errorf("%+v", r.Entry("tree"))
	}
	one := shop(100, kequn.Binary)
	clear(one.Y.Y)
	if _, err := Run(context.Background(), one, Options{}); kequn.KindOf(err) != kequn.KindNotEnough {
		t.Errorf("one class: %v", err)
	}
	if _, err := Run(context.Background(), Input{X: in.X, Y: in.Y, Rungs: in.Rungs}, Options{}); kequn.KindOf(err) != kequn.KindNotEnough {
		t.Errorf("no rounds: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Run(ctx, in, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Columns that say nothing: the ladder says so, and keeps the constant as the simplest that will do.
func TestNothingToLearn(t *testing.T) {
	in := shop(1000, kequn.Binary)
	s := kernel.NewStream(9)
	for i := range in.Y.Y {
		in.Y.Y[i] = 0
		if s.Bool(0.3) {
			in.Y.Y[i] = 1
		}
	}
	in.Rounds = FoldRounds(Folds(in.X, in.Y, nil, 4, 1))
	r := run(t, in, Options{})
	if r.Simple != BaseName || !strings.Contains(r.Why(kequn.English), "no better than the same score") {
		t.Errorf("simple is %s; %s", r.Simple, r.Why(kequn.English))
	}
	if auc := *r.Entry(AutoName).AUC; math.Abs(auc-0.5) > 0.06 {
		t.Errorf("AUC %v on noise", auc)
	}
}

func TestFolds(t *testing.T) {
	in := shop(500, kequn.Binary)
	fold := Folds(in.X, in.Y, nil, 5, 7)
	rows := make([]int32, 500)
	for i := range rows {
		rows[i] = int32(i * 7 % 500)
	}
	shuffled := Folds(in.X.Take(rows), in.Y.Take(rows), nil, 5, 7)
	count := make([]int, 5)
	for i, r := range rows {
		if shuffled[i] != fold[r] {
			t.Fatalf("row %d is in fold %d, in another order in %d", r, fold[r], shuffled[i])
		}
		count[fold[r]]++
	}
	for k, n := range count {
		if n < 95 || n > 105 {
			t.Errorf("fold %d has %d rows", k, n)
		}
	}
	group := make([]int64, 500)
	for i := range group {
		group[i] = int64(i / 10)
	}
	for i, f := range Folds(in.X, in.Y, group, 5, 7) {
		if f != Folds(in.X, in.Y, group, 5, 7)[i/10*10] {
			t.Fatal("a group is cut")
		}
	}
	r := FoldRounds([]int32{0, 1, -1, 0})
	if len(r) != 2 || !slices.Equal(r[0].Train, []int32{1}) || !slices.Equal(r[0].Test, []int32{0, 3}) {
		t.Errorf("%v", r)
	}
	if r := TimeRound([]int32{0, 1, 2, 0}, []int32{0, 1}, []int32{2}); !slices.Equal(r.Train, []int32{0, 1, 3}) || !slices.Equal(r.Test, []int32{2}) {
		t.Errorf("%v", r)
	}
}

// Where few different rows make up the table, every fold has rows of every level and its share of each class; a few duplicates stay together.
func TestFoldsOfFewLevels(t *testing.T) {
	city, y := table.NewColumn("city", table.Category, 0), model.Outcome{Task: kequn.Binary}
	for i := range 420 {
		city.AppendString(string(rune('A' + i%7)))
		y.Y = append(y.Y, float64(min(1, i/7%3)))
	}
	fold := Folds(table.New(city), y, nil, 5, 7)
	levels, classes := map[[2]int32]int{}, map[[2]int32]int{}
	for i, f := range fold {
		levels[[2]int32{f, city.Code[i]}]++
		classes[[2]int32{f, int32(y.Y[i])}]++
	}
	for f := range int32(5) {
		for l := range int32(7) {
			if n := levels[[2]int32{f, l}]; n < 3 || n > 24 {
				t.Errorf("fold %d has %d of the 60 rows of level %d", f, n, l)
			}
		}
		if no, yes := classes[[2]int32{f, 0}], classes[[2]int32{f, 1}]; no != 28 || yes != 56 {
			t.Errorf("fold %d has %d no and %d yes", f, no, yes)
		}
	}
	in := shop(300, kequn.Binary)
	rows := make([]int32, 400)
	for i := range rows {
		rows[i] = int32(i % 300)
	}
	fold = Folds(in.X.Take(rows), in.Y.Take(rows), nil, 5, 7)
	for i := range 100 {
		if fold[i] != fold[300+i] {
			t.Fatalf("row %d and its copy are in folds %d and %d", i, fold[i], fold[300+i])
		}
	}
}

func TestChoiceSavesAndExplains(t *testing.T) {
	in := shop(600, kequn.Binary)
	r := run(t, in, Options{})
	c, err := r.Fit(context.Background(), AutoName)
	if err != nil {
		t.Fatal(err)
	}
	want, err := c.Predict(in.X)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := model.Save(&file, c); err != nil {
		t.Fatal(err)
	}
	decoders := map[string]model.Decoder{AutoFamily: Decoder(map[string]model.Decoder{BaseName: DecodeBase, "steps": decodeSteps})}
	again, err := model.Load(bytes.NewReader(file.Bytes()), decoders)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Predict(in.X); err != nil || !slices.Equal(got, want) {
		t.Errorf("the loaded choice scores differently (%v)", err)
	}
	base, phi, err := again.(model.Attributor).Attribute(in.X, 0)
	if err != nil {
		t.Fatal(err)
	}
	margin, err := again.(model.Marginer).Margin(in.X)
	if err != nil {
		t.Fatal(err)
	}
	k := len(again.Header().Columns)
	for i, m := range margin {
		sum := base
		for _, v := range phi[i*k : (i+1)*k] {
			sum += v
		}
		if math.Abs(sum-m) > 1e-9 {
			t.Fatalf("row %d: contributions sum to %v, margin %v", i, sum, m)
		}
	}
	if _, err := c.Predict(in.X.Drop("a")); kequn.KindOf(err) != kequn.KindInput {
		t.Errorf("a missing column gives %v", err)
	}
	var body bytes.Buffer
	if err := c.Encode(&body); err != nil {
		t.Fatal(err)
	}
	for cut := range body.Len() {
		if _, err := decoders[AutoFamily](c.Header(), bytes.NewReader(body.Bytes()[:cut])); err == nil {
			t.Fatalf("arrays cut at %d were accepted", cut)
		}
	}
}

// TestFavourite: a favourite that is clearly behind is not chosen; one that is as good as any within the noise is, alone.
func TestFavourite(t *testing.T) {
	in := shop(1200, kequn.Regression)
	if r := run(t, in, Options{Favourite: "linear"}); len(r.Entry("auto").Blend) != 2 {
		t.Errorf("the worse rung: %v", r.Entry("auto").Blend)
	}
	twin := in
	twin.Rungs = append(slices.Clone(in.Rungs), model.Named{Name: "same", Learner: steps{Column: "a"}})
	twin.Rungs = twin.Rungs[1:]
	if r := run(t, twin, Options{Favourite: "same"}); len(r.Entry("auto").Blend) != 1 || r.Entry("auto").Blend[0].Name != "same" {
		t.Errorf("as good as any: %v", r.Entry("auto").Blend)
	}
}

// TestFitOn trains the chosen line on other rows than those that were judged.
func TestFitOn(t *testing.T) {
	in := shop(400, kequn.Regression)
	r := run(t, in, Options{})
	other := shop(400, kequn.Regression)
	for i := range other.Y.Y {
		other.Y.Y[i] += 100
	}
	c, err := r.FitOn(context.Background(), r.Chosen, other)
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Predict(in.X)
	if err != nil || kernel.Sum(f)/400 < 105 {
		t.Errorf("%v, mean %v", err, kernel.Sum(f)/400)
	}
}
