package tree_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

// Categories of many levels that say nothing must do a forest no harm, though their levels are put in order of the outcome: a postcode
// must not tell the training rows their own outcome. Levels that do say something must help.
func TestForestManyLevels(t *testing.T) {
	const train, n, levels = 1500, 4500, 150
	r := rand.New(rand.NewPCG(1, 2))
	var numbers, chance []*table.Column
	score := make([]float64, n)
	for j, effect := range []float64{1, 0.7, 0.5, 0.3, 0, 0} {
		c := &table.Column{Name: fmt.Sprint("x", j), Kind: table.Number}
		for i := range n {
			c.Num = append(c.Num, r.NormFloat64())
			score[i] += effect * c.Num[i]
		}
		numbers = append(numbers, c)
	}
	codes := func(name string, add float64) *table.Column {
		c, effect := table.NewColumn(name, table.Category, n), make([]float64, levels)
		for k := range effect {
			effect[k] = add * r.NormFloat64()
		}
		for i := range n {
			k := r.IntN(levels)
			c.AppendString(fmt.Sprint("level ", k))
			score[i] += effect[k]
		}
		return c
	}
	town := codes("town", 1)
	for j := range 3 {
		chance = append(chance, codes(fmt.Sprint("chance", j), 0))
	}
	y := model.Outcome{Task: kequn.Binary, Y: make([]float64, n)}
	for i, s := range score {
		if r.Float64() < 1/(1+math.Exp(-s)) {
			y.Y[i] = 1
		}
	}
	auc := func(cols ...*table.Column) float64 {
		x := table.New(cols...)
		m, err := tree.Forest{Trees: 100}.Fit(context.Background(), x.Slice(0, train), model.Outcome{Task: y.Task, Y: y.Y[:train]}, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Predict(x.Slice(train, n))
		if err != nil {
			t.Fatal(err)
		}
		facts := m.(*tree.ForestModel).OutOfBag()
		if loss := metric.LogLoss(y.Y[train:], p, nil); math.Abs(loss-facts.Loss) > 0.05 {
			t.Errorf("log loss out of bag %.4f, on other rows %.4f", facts.Loss, loss)
		}
		return metric.AUC(y.Y[train:], p, nil)
	}
	bare := auc(numbers...)
	noisy := auc(append(chance, numbers...)...)
	whole := auc(append(numbers, town)...)
	t.Logf("AUC %.4f with the numbers, %.4f with chance, %.4f with the town", bare, noisy, whole)
	if noisy < bare-0.02 {
		t.Errorf("levels of pure chance take AUC from %.4f to %.4f", bare, noisy)
	}
	if whole < bare+0.008 {
		t.Errorf("levels that matter take AUC from %.4f to %.4f only", bare, whole)
	}
}
