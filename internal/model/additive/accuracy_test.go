package additive_test

import (
	"os"
	"testing"

	"kequn/internal/model/additive"
	"kequn/internal/model/modeltest"
)

// TestAccuracyBesideEBM holds the mean AUC and log loss over five folds against what InterpretML 0.7.8's explainable boosting
// machine reached with its defaults on the same folds (bench/RESULTS.md of the shared data). A seed moves AUC by 0.001 to
// 0.002 on the smallest set.
func TestAccuracyBesideEBM(t *testing.T) {
	for _, c := range []struct {
		name      string
		set       modeltest.SharedSet
		auc, loss float64
		slow      bool
	}{
		{"telco_churn", modeltest.Telco, 0.8493, 0.4111, false},
		{"german_credit", modeltest.German, 0.8036, 0.4860, false},
		{"ifood_marketing", modeltest.IFood, 0.9126, 0.2490, false},
		{"bank_marketing_noduration", modeltest.BankNoDuration, 0.7980, 0.2867, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.slow && os.Getenv("KEQUN_LONG") == "" {
				t.Skip("a large set, 20 s and more: KEQUN_LONG=1 runs it")
			}
			x, y, folds := modeltest.Shared(t, c.set)
			auc, loss, _ := modeltest.CrossValidate(t, additive.Learner{}, x, y, folds, 5, nil)
			t.Logf("AUC %.4f (EBM %.4f), log loss %.4f (EBM %.4f)", auc, c.auc, loss, c.loss)
			if auc < c.auc-0.003 || loss > c.loss+0.001 {
				t.Errorf("AUC %.4f and log loss %.4f, EBM %.4f and %.4f", auc, loss, c.auc, c.loss)
			}
		})
	}
}
