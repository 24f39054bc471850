package linear_test

import (
	"math"
	"testing"

	"kequn/internal/model"
	"kequn/internal/model/linear"
	"kequn/internal/model/modeltest"
)

// The mean AUC and log loss over five folds must reach scikit-learn's LogisticRegression(C=1) on the same folds
// (../shared/bench/RESULTS.md).
func TestReachesPeers(t *testing.T) {
	for _, c := range []struct {
		name string
		set  modeltest.SharedSet
		auc  float64
		loss float64
	}{
		{"telco_churn", modeltest.Telco, 0.8454, 0.4173},
		{"german_credit", modeltest.German, 0.7913, 0.4968},
		{"ifood_marketing", modeltest.IFood, 0.8982, 0.2673},
		{"iranian_churn", modeltest.Iranian, 0.9310, 0.2269},
		{"bank_marketing", modeltest.Bank, 0.9067, 0.2397},
		{"bank_marketing without duration", modeltest.BankNoDuration, 0.7654, 0.3014},
		{"adult_income", modeltest.Adult, 0.9070, 0.3188},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, y, folds := modeltest.Shared(t, c.set)
			l2 := 1.0
			auc, loss, seconds := modeltest.CrossValidate(t, linear.Learner{}, x, y, folds, 5, func(fold int, m model.Model, _, _ float64) {
				l2 *= math.Pow(m.(*linear.Model).L2(), 0.2)
				if fold == 0 {
					t.Log(m.Header().Notes)
				}
			})
			t.Logf("AUC %.4f (peer %.4f), log loss %.4f, %.3f s a fit, λ about %.3g", auc, c.auc, loss, seconds, l2)
			if auc < c.auc || loss > c.loss {
				t.Errorf("AUC %.4f, log loss %.4f; scikit-learn reaches %.4f, %.4f", auc, loss, c.auc, c.loss)
			}
		})
	}
}

var _ model.Importancer = (*linear.Model)(nil)
