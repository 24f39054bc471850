package gbdt_test

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"testing"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/table"
)

// TestGoldenLightGBM compares scores with LightGBM's, where both have the same bins (see testdata/golden.py). All trees
// must be the same; what is left is LightGBM's float32 gradients and our rounded ones. After more binary rounds a question
// differs here and there: the rows of a side are guessed from hessians, and LightGBM rounds them bin by bin.
func TestGoldenLightGBM(t *testing.T) {
	f, err := os.Open("testdata/lightgbm.golden")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string][]float64{}
	x := &table.Table{}
	for j, name := range rows[0] {
		col := table.NewColumn(name, table.Number, len(rows))
		if name == "city" || name == "item" {
			col = table.NewColumn(name, table.Category, len(rows))
		}
		for _, row := range rows[1:] {
			v, err := strconv.ParseFloat(row[j], 64)
			switch {
			case col.Kind == table.Category:
				col.AppendString("level " + row[j])
			case err != nil:
				col.AppendMissing()
			default:
				col.Num = append(col.Num, v)
			}
		}
		if j < 4 {
			x.Columns = append(x.Columns, col)
		}
		column[name] = col.Num
	}
	for _, c := range []struct {
		task    kequn.Task
		outcome string
		scores  string
		rounds  int
	}{{kequn.Binary, "yes", "binary", 5}, {kequn.Regression, "amount", "regression", 20}} {
		m := fit(t, gbdt.Learner{Trees: c.rounds}, x, model.Outcome{Task: c.task, Y: column[c.outcome]}, nil)
		got, err := m.Margin(x)
		if err != nil {
			t.Fatal(err)
		}
		if len(column[c.scores]) != len(got) {
			t.Fatalf("%d golden scores, %d rows", len(column[c.scores]), len(got))
		}
		worst := 0.0
		for i, want := range column[c.scores] {
			worst = max(worst, math.Abs(got[i]-want))
		}
		t.Logf("%s: scores differ by %.2g at most", c.scores, worst)
		if worst > 3e-4 {
			t.Errorf("%s: scores differ from LightGBM's by %.2g", c.scores, worst)
		}
	}
}
