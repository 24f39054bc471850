package tree_test

import (
	"os"
	"strings"
	"testing"

	"kequn/internal/model"
	"kequn/internal/model/modeltest"
	"kequn/internal/model/tree"
)

// The mean AUC over five folds must reach scikit-learn's RandomForestClassifier (500 trees, 5 rows a leaf) on the same folds, less
// what a forest differs by from draw to draw; and a rule list must come near a tree.
func TestForestsReachPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	for _, c := range []struct {
		name   string
		set    modeltest.SharedSet
		forest float64
		list   float64
	}{
		{"telco_churn", modeltest.Telco, 0.8451, 0.79},
		{"german_credit", modeltest.German, 0.7973, 0.65},
		{"iranian_churn", modeltest.Iranian, 0.9837, 0.92},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, y, folds := modeltest.Shared(t, c.set)
			for _, l := range []struct {
				name    string
				learner model.Learner
				least   float64
			}{
				{"forest", tree.Forest{}, c.forest - 0.003},
				{"extra trees", tree.Forest{Extra: true}, c.forest - 0.012},
				{"rule list", tree.RuleList{}, c.list},
			} {
				auc, loss, _ := modeltest.CrossValidate(t, l.learner, x, y, folds, 5, nil)
				t.Logf("%s: AUC %.4f, log loss %.4f", l.name, auc, loss)
				if auc < l.least {
					t.Errorf("%s: AUC %.4f, want %.4f", l.name, auc, l.least)
				}
			}
		})
	}
}

// Every parameter is explained in the manual.
func TestPagesNameParameters(t *testing.T) {
	for page, l := range map[string]model.Learner{"tree": tree.Learner{}, "forest": tree.Forest{}, "rulelist": tree.RuleList{}} {
		b, err := os.ReadFile("../../../docs/learners/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range model.Params(l) {
			if !strings.Contains(string(b), "`"+p.Name+"`") {
				t.Errorf("docs/learners/%s.md does not explain %s", page, p.Name)
			}
		}
	}
}
