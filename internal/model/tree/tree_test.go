package tree_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/modeltest"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

func TestConformance(t *testing.T) {
	modeltest.Exercise(t, tree.Learner{}, tree.Decode, nil)
}

// The mean AUC over five folds must reach scikit-learn's DecisionTreeClassifier (depth 6, 50 rows a leaf) on the same folds.
func TestReachesPeers(t *testing.T) {
	for _, c := range []struct {
		name string
		set  modeltest.SharedSet
		auc  float64
	}{
		{"telco_churn", modeltest.Telco, 0.8333},
		{"german_credit", modeltest.German, 0.7245},
		{"ifood_marketing", modeltest.IFood, 0.8218},
		{"iranian_churn", modeltest.Iranian, 0.9303},
		{"bank_marketing", modeltest.Bank, 0.8655},
		{"bank_marketing without duration", modeltest.BankNoDuration, 0.7116},
		{"adult_income", modeltest.Adult, 0.8963},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, y, folds := modeltest.Shared(t, c.set)
			leaves := 0
			auc, loss, seconds := modeltest.CrossValidate(t, tree.Learner{}, x, y, folds, 5, func(fold int, m model.Model, _, _ float64) {
				leaves += m.(*tree.Model).NLeaves()
				if fold == 0 {
					t.Log(m.(model.Ruler).Rules(kequn.Chinese)[0])
				}
			})
			t.Logf("AUC %.4f (peer %.4f), log loss %.4f, %.3f s a fit, %.1f leaves", auc, c.auc, loss, seconds, float64(leaves)/5)
			if auc < c.auc-0.005 {
				t.Errorf("AUC %.4f, scikit-learn reaches %.4f", auc, c.auc)
			}
		})
	}
}

func TestRules(t *testing.T) {
	age := &table.Column{Name: "age", Num: []float64{20, 25, 30, 35, 40, 45, 50, 55, 60, 65}}
	y := model.Outcome{Task: kequn.Binary, Y: []float64{0, 0, 0, 0, 0, 1, 1, 1, 1, 1}}
	m, err := tree.Learner{MinLeaf: 2, NoPrune: true, Smoothing: 2}.Fit(context.Background(), table.New(age), y, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[kequn.Lang][]string{
		kequn.English: {"if age > 42.5, then probability 85.7 % (50.0 % of training rows)", "if age ≤ 42.5, then probability 14.3 % (50.0 % of training rows)"},
		kequn.Chinese: {"若 age > 42.5 → 概率 85.7%（训练客户的 50.0%）", "若 age ≤ 42.5 → 概率 14.3%（训练客户的 50.0%）"},
	}
	for lang, w := range want {
		got := m.(model.Ruler).Rules(lang)
		slices.Sort(got)
		slices.Sort(w)
		if !slices.Equal(got, w) {
			t.Errorf("got %q", got)
		}
	}
}

// With the same limits, no pruning and next to no smoothing the tree is scikit-learn's.
func TestEqualsScikitLearn(t *testing.T) {
	f, err := os.Open("testdata/people.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	v := map[string][]float64{}
	for j, name := range rows[0] {
		for _, r := range rows[1:] {
			x, err := strconv.ParseFloat(r[j], 64)
			if err != nil {
				t.Fatal(err)
			}
			v[name] = append(v[name], x)
		}
	}
	var want struct{ Probability, Value, Importance []float64 }
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	x := table.New(&table.Column{Name: "age", Num: v["age"]}, &table.Column{Name: "income", Num: v["income"]}, &table.Column{Name: "visits", Num: v["visits"]})
	l := tree.Learner{MaxLeaves: 9, MaxDepth: 5, MinLeaf: 8, NoPrune: true, Smoothing: 1e-9}
	for _, c := range []struct {
		y    model.Outcome
		want []float64
	}{
		{model.Outcome{Task: kequn.Binary, Y: v["bought"]}, want.Probability},
		{model.Outcome{Task: kequn.Regression, Y: v["spend"]}, want.Value},
	} {
		m, err := l.Fit(context.Background(), x, c.y, v["weight"])
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-7*max(1, c.want[i]) {
				t.Fatalf("%s: row %d is %v, want %v", c.y.Task, i, got[i], c.want[i])
			}
		}
		if c.y.Task == kequn.Regression {
			for j, v := range m.(model.Importancer).Importance() {
				if math.Abs(v-want.Importance[j]) > 1e-7 {
					t.Errorf("importance of column %d is %v, want %v", j, v, want.Importance[j])
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) { modeltest.Fuzz(f, tree.Learner{}, tree.Decode) }
