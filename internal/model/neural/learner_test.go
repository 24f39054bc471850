package neural_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/modeltest"
	"kequn/internal/model/neural"
	"kequn/internal/table"
)

// shop is a table with curves, an interaction, missing values, a small and a large category.
func shop(n int, seed uint64) (*table.Table, []float64) {
	s := kernel.NewStream(seed)
	age, spend := table.NewColumn("age", table.Number, n), table.NewColumn("spend", table.Number, n)
	tier, city := table.NewColumn("tier", table.Category, n), table.NewColumn("city", table.Category, n)
	var y []float64
	for range n { // amounts are rounded: the last bits of math.Exp differ between processors
		a, m, k, c := 20+50*s.Float64(), math.Round(1000*math.Exp(2*s.Norm()))/1000+0.001, s.Intn(3), s.Intn(30)
		margin := -math.Abs(a-45)/5 + 2 + math.Log(m)*float64(k-1) + math.Sin(float64(c))
		age.Num = append(age.Num, a)
		if s.Bool(0.1) {
			spend.AppendMissing()
		} else {
			spend.Num = append(spend.Num, m)
		}
		tier.AppendString([]string{"bronze", "silver", "gold"}[k])
		city.AppendString(fmt.Sprint("city", c))
		y = append(y, 0)
		if s.Bool(1 / (1 + math.Exp(-margin))) {
			y[len(y)-1] = 1
		}
	}
	return table.New(age, spend, tier, city), y
}

func fit(t *testing.T, l neural.Learner, x *table.Table, y model.Outcome, w []float64) *neural.Model {
	t.Helper()
	m, err := l.Fit(context.Background(), x, y, w)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*neural.Model)
}

// Every choice of parameters learns the shop; each is another network.
func TestChoicesLearn(t *testing.T) {
	x, y := shop(1200, 1)
	test, truth := shop(2000, 2)
	seen := map[string]string{}
	for _, c := range []struct {
		name string
		l    neural.Learner
	}{
		{"default", neural.Learner{}},
		{"relu", neural.Learner{Activation: 1}},
		{"one network", neural.Learner{Members: 1}},
		{"tanh", neural.Learner{Activation: 3}},
		{"sigmoid", neural.Learner{Activation: 4, Rate: 0.02}},
		{"momentum", neural.Learner{Optimizer: 2, Rate: 0.05, Decay: 0.001}},
		{"plain descent", neural.Learner{Optimizer: 3, Rate: 0.5, Decay: 0.001}},
		{"plateau", neural.Learner{Schedule: 2}},
		{"constant rate", neural.Learner{Schedule: 3}},
		{"clipped", neural.Learner{Clip: 0.1}},
		{"one layer", neural.Learner{Layers: 1}},
		{"no dropout", neural.Learner{Dropout: 0.001}},
		{"seed", neural.Learner{Seed: 7}},
	} {
		if c.l.Members == 0 {
			c.l.Members = 2
		}
		m := fit(t, c.l, x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
		p, err := m.Predict(test)
		if err != nil {
			t.Fatal(err)
		}
		auc := metric.AUC(truth, p, nil)
		t.Logf("%s: AUC %.4f", c.name, auc)
		if auc < 0.8 {
			t.Errorf("%s: AUC %.4f", c.name, auc)
		}
		key := fmt.Sprint(p[:20])
		if other, ok := seen[key]; ok && c.name != "constant rate" { // the same as with a plateau that comes too late

			t.Errorf("%s predicts what %s does", c.name, other)
		}
		seen[key] = c.name
	}
}

// The bytes of a model do not depend on the vector instructions of the processor. The test runs itself again with
// instructions switched off.
func TestInstructionSetsGiveTheSameBytes(t *testing.T) {
	x, y := shop(300, 3)
	var b bytes.Buffer
	for _, f := range []int{1, 2, 3, 4} {
		l := neural.Learner{Activation: f, Members: 2, Epochs: 4, Width: 20}
		if err := fit(t, l, x, model.Outcome{Task: kequn.Binary, Y: y}, nil).Encode(&b); err != nil {
			t.Fatal(err)
		}
	}
	sum := fmt.Sprintf("%s %x", kernel.InstructionSet(), sha256.Sum256(b.Bytes()))
	const name = "KEQUN_TEST_SUM"
	if os.Getenv(name) != "" {
		fmt.Println(name, sum)
		return
	}
	t.Log(sum)
	if runtime.GOARCH != "amd64" {
		t.Skip("one set only")
	}
	for _, off := range []string{"cpu.avx512f=off", "cpu.avx512f=off,cpu.avx2=off,cpu.fma=off"} {
		c := exec.Command(os.Args[0], "-test.run=^TestInstructionSetsGiveTheSameBytes$")
		c.Env = append(os.Environ(), name+"=1", "GODEBUG="+off)
		out, err := c.CombinedOutput()
		_, got, _ := strings.Cut(string(out), name+" ")
		got, _, _ = strings.Cut(got, "\n")
		if err != nil || got == "" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Log(got)
		if got[strings.IndexByte(got, ' '):] != sum[strings.IndexByte(sum, ' '):] {
			t.Errorf("with %s: %s, want %s", off, got, sum)
		}
	}
}

// Contributions find what matters: of a sum of curves, each column's own curve.
func TestContributionsOfASum(t *testing.T) {
	const n = 1500
	s := kernel.NewStream(4)
	cols := make([]*table.Column, 3)
	for j := range cols {
		cols[j] = table.NewColumn([]string{"a", "b", "c"}[j], table.Number, n)
		for range n {
			cols[j].Num = append(cols[j].Num, s.Norm())
		}
	}
	y := make([]float64, n)
	part := func(j int, v float64) float64 { return []float64{2 * v, v * v, 0}[j] }
	for i := range y {
		for j, c := range cols {
			y[i] += part(j, c.Num[i])
		}
	}
	x := table.New(cols...)
	m := fit(t, neural.Learner{Dropout: 0.001}, x, model.Outcome{Task: kequn.Regression, Y: y}, nil)
	_, phi, err := m.Attribute(x, 0)
	if err != nil {
		t.Fatal(err)
	}
	for j, c := range cols {
		mean := 0.0 // contributions are centred at the mean of the inputs, parts are not
		for i, v := range c.Num {
			mean += (part(j, v) - phi[i*3+j]) / n
		}
		gap, size := 0.0, 0.0
		for i, v := range c.Num {
			d := part(j, v) - mean - phi[i*3+j]
			gap += d * d / n
			size += y[i] * y[i] / n
		}
		t.Logf("%s: root mean square difference %.3f of %.3f", c.Name, math.Sqrt(gap), math.Sqrt(size))
		if math.Sqrt(gap) > 0.25*math.Sqrt(size) {
			t.Errorf("contributions of %s are %.3f off", c.Name, math.Sqrt(gap))
		}
	}
	if v := m.Importance(); v[2] > 0.1 {
		t.Errorf("noise has the importance %.3f", v[2])
	}
}

func TestFewPositives(t *testing.T) {
	x, _ := shop(500, 5)
	for _, positives := range []int{1, 5, 19} {
		y := make([]float64, 500)
		for i := range positives {
			y[i*20] = 1
		}
		p, err := fit(t, neural.Learner{}, x, model.Outcome{Task: kequn.Binary, Y: y}, nil).Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		mean := 0.0
		for _, v := range p {
			mean += v / 500
		}
		t.Logf("%d positives of 500: mean score %.4f", positives, mean)
		if base := float64(positives) / 500; mean < base/10 || mean > base*4 {
			t.Errorf("%d positives of 500: mean score %.4f", positives, mean)
		}
	}
}

// A category of 100,000 values, each in one row, is taken as one and left out.
func TestManyLevels(t *testing.T) {
	const n = 100_000
	x, y := shop(n, 6)
	id := table.NewColumn("id", table.Category, n)
	for i := range n {
		id.AppendString(fmt.Sprint(i))
	}
	x.Columns = append(x.Columns, id)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	m, err := neural.Learner{Epochs: 1, Members: 1, Width: 8}.Fit(ctx, x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := m.Header()
	if len(h.Columns) != 4 || !strings.Contains(strings.Join(h.Notes, "\n"), "id: ") {
		t.Errorf("columns %v, notes %q", len(h.Columns), h.Notes)
	}
}

// Rates that let training run away end in the best weights seen, or in an error that says what to do.
func TestRunsAway(t *testing.T) {
	x, y := shop(400, 7)
	for _, l := range []neural.Learner{{Rate: 10}, {Rate: 10, Optimizer: 3}, {Rate: 10, Optimizer: 2, Schedule: 3}} {
		m, err := l.Fit(context.Background(), x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
		if err != nil {
			if e := new(kequn.Error); !errors.As(err, &e) || !strings.Contains(e.Error(), "rate") {
				t.Errorf("%+v: %v", l, err)
			}
			continue
		}
		p, err := m.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range p {
			if math.IsNaN(v) {
				t.Fatalf("%+v: a score is NaN", l)
			}
		}
	}
}

// The mean AUC over five folds must reach scikit-learn's MLPClassifier (100 hidden, early stopping) on the same folds
// (../shared/bench/RESULTS.md). The large tables are tried on one fold, whose AUC lies within 0.004 of the mean.
func TestReachesPeers(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   modeltest.SharedSet
		auc   float64
		folds int
	}{
		{"telco_churn", modeltest.Telco, 0.8399, 5},
		{"german_credit", modeltest.German, 0.7470, 5},
		{"ifood_marketing", modeltest.IFood, 0.8528, 5},
		{"iranian_churn", modeltest.Iranian, 0.9098, 5},
		{"bank_marketing", modeltest.Bank, 0.9277, 1},
		{"adult_income", modeltest.Adult, 0.9132, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.folds == 1 {
				t.Skip("long")
			}
			x, y, folds := modeltest.Shared(t, c.set)
			auc, loss, seconds := modeltest.CrossValidate(t, neural.Learner{}, x, y, folds, c.folds, nil)
			t.Logf("AUC %.4f (peer %.4f), log loss %.4f, %.2f s a fit", auc, c.auc, loss, seconds)
			if auc < c.auc {
				t.Errorf("AUC %.4f, scikit-learn reaches %.4f", auc, c.auc)
			}
		})
	}
}

// The page of the family names every parameter with its default.
func TestPageNamesParameters(t *testing.T) {
	b, err := os.ReadFile("../../../docs/learners/neural.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range model.Params(neural.Learner{}) {
		if want := fmt.Sprintf("| `%s` | %v |", p.Name, p.Default); !strings.Contains(string(b), want) {
			t.Errorf("docs/learners/neural.md lacks %q", want)
		}
	}
}
