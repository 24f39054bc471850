package linear_test

import (
	"context"
	"math"
	"testing"

	"kequn/internal/metric"
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
			auc, loss, seconds, l2 := 0.0, 0.0, 0.0, 1.0
			for f := range int32(5) {
				var train, test []int32
				for i, g := range folds {
					switch {
					case g == f:
						test = append(test, int32(i))
					case g >= 0:
						train = append(train, int32(i))
					}
				}
				m, err := linear.Learner{}.Fit(context.Background(), x.Take(train), y.Take(train), nil)
				if err != nil {
					t.Fatal(err)
				}
				p, err := m.Predict(x.Take(test))
				if err != nil {
					t.Fatal(err)
				}
				truth := y.Take(test).Y
				auc += metric.AUC(truth, p, nil) / 5
				loss += metric.LogLoss(truth, p, nil) / 5
				seconds += m.Header().Seconds / 5
				l2 *= math.Pow(m.(*linear.Model).L2(), 0.2)
				if f == 0 {
					t.Log(m.Header().Notes)
				}
			}
			t.Logf("AUC %.4f (peer %.4f), log loss %.4f, %.3f s a fit, λ about %.3g", auc, c.auc, loss, seconds, l2)
			if auc < c.auc || loss > c.loss {
				t.Errorf("AUC %.4f, log loss %.4f; scikit-learn reaches %.4f, %.4f", auc, loss, c.auc, c.loss)
			}
		})
	}
}

var _ model.Importancer = (*linear.Model)(nil)
