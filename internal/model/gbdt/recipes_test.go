package gbdt_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/modeltest"
)

func TestConformanceOfRecipes(t *testing.T) {
	for name, l := range map[string]gbdt.Learner{"symmetric": gbdt.Symmetric(), "careful": gbdt.Careful(), "varied": gbdt.Varied()} {
		t.Run(name, func(t *testing.T) {
			l.Trees, l.Patience = 25, 5
			modeltest.Exercise(t, l, gbdt.Decode, nil)
		})
	}
}

// Every parameter has its line in the manual, with its default and its words.
func TestThePageExplainsEveryParameter(t *testing.T) {
	b, err := os.ReadFile("../../../docs/learners/gbdt.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range model.Params(gbdt.Learner{}) {
		if line := fmt.Sprintf("| `%s` | %v | %s |\n", p.Name, p.Default, p.Doc); !strings.Contains(string(b), line) {
			t.Errorf("docs/learners/gbdt.md lacks %s", line)
		}
	}
}

// What stopping found is grown again on all rows, as if one had asked for so many rounds.
func TestRefit(t *testing.T) {
	x, y := shop(3000, 17)
	m := fit(t, gbdt.Learner{Trees: 300, Leaves: 8, Patience: 10, Refit: true}, x, y, nil)
	if n := m.NTrees(); n < 5 || n > 290 {
		t.Fatalf("%d trees", n)
	}
	again := fit(t, gbdt.Learner{Trees: m.NTrees(), Leaves: 8}, x, y, nil)
	got, _ := m.Margin(x)
	want, _ := again.Margin(x)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d scores %v, want %v", i, got[i], want[i])
		}
	}
	if notes := fmt.Sprint(m.Header().Notes); !strings.Contains(notes, "rounds lower the loss") {
		t.Error(notes)
	}
	one := model.Outcome{Task: kequn.Binary, Y: []float64{0, 1, 1}}
	fit(t, gbdt.Learner{Trees: 5, MinRows: 1, Patience: 2, Refit: true}, x.Slice(0, 3), one, nil)
}

// Both recipes are above LightGBM's default where there is noise (mean AUC over the folds of the shared data).
func TestRecipesBesideThePeers(t *testing.T) {
	for _, c := range []struct {
		name            string
		set             modeltest.SharedSet
		l               gbdt.Learner
		tuned, catboost float64
	}{
		{"telco symmetric", modeltest.Telco, gbdt.Symmetric(), 0.8469, 0.8454},
		{"telco careful", modeltest.Telco, gbdt.Careful(), 0.8469, 0.8454},
		{"german symmetric", modeltest.German, gbdt.Symmetric(), 0.7763, 0.7919},
		{"ifood careful", modeltest.IFood, gbdt.Careful(), 0.9098, 0.9128},
	} {
		auc := meanAUC(t, c.l, c.set)
		t.Logf("%s: AUC %.4f, LightGBM tuned %.4f, CatBoost %.4f", c.name, auc, c.tuned, c.catboost)
		if auc < max(c.tuned, c.catboost)-0.002 {
			t.Errorf("%s: AUC %.4f is below the peers'", c.name, auc)
		}
	}
}
