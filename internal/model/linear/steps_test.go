package linear_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/linear"
	"kequn/internal/table"
)

// The path begins without columns, gains them by their strength, and the chosen step is the model that Fit returns.
func TestPathOfModels(t *testing.T) {
	s := kernel.NewStream(3)
	names := []string{"a", "b", "c", "d", "e", "f"}
	weight := []float64{0, 2, 0, 0.7, 0, 0.2}
	for _, task := range []kequn.Task{kequn.Regression, kequn.Binary} {
		x, y := &table.Table{}, model.Outcome{Task: task}
		for _, n := range names {
			x.Columns = append(x.Columns, &table.Column{Name: n})
		}
		for range 600 {
			m := 0.0
			for j, c := range x.Columns {
				c.Num = append(c.Num, s.Norm())
				m += weight[j] * c.Num[len(c.Num)-1]
			}
			switch task {
			case kequn.Binary:
				v := 0.0
				if s.Bool(1 / (1 + math.Exp(-m))) {
					v = 1
				}
				y.Y = append(y.Y, v)
			default:
				y.Y = append(y.Y, m+s.Norm())
			}
		}
		l := linear.Learner{Straight: true}
		path, err := l.Path(context.Background(), x, y, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(path[0].Columns) != 0 || !slices.Equal(path[1].Columns, []string{"b"}) || !slices.Equal(path[2].Columns, []string{"b", "d"}) {
			t.Errorf("the path begins with %v, %v, %v", path[0].Columns, path[1].Columns, path[2].Columns)
		}
		l.L1 = 1
		fitted, err := l.Fit(context.Background(), x, y, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := fitted.Predict(x)
		chosen := 0
		for i, step := range path {
			if i > 0 && step.Penalty >= path[i-1].Penalty {
				t.Errorf("penalty %v after %v", step.Penalty, path[i-1].Penalty)
			}
			if !step.Chosen {
				continue
			}
			chosen++
			got, _ := step.Model.Predict(x)
			if !slices.Equal(got, want) {
				t.Error("the chosen step is not the model that Fit returns")
			}
		}
		if chosen != 1 {
			t.Errorf("%d steps are chosen", chosen)
		}
		few, err := l.Path(context.Background(), x, y, nil, 3)
		if err != nil || len(few) > 4 || !few[0].Chosen && !few[1].Chosen && !few[len(few)-1].Chosen {
			t.Errorf("%d steps, %v", len(few), err)
		}
	}
}
