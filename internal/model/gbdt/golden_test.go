package gbdt_test

import (
	"encoding/csv"
	"math"
	"os"
	"slices"
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
	x, column := goldenTable(t, "lightgbm.golden", "age", "city", "item", "visits")
	for _, c := range []struct {
		task    kequn.Task
		outcome string
		scores  string
		rounds  int
	}{{kequn.Binary, "yes", "binary", 5}, {kequn.Regression, "amount", "regression", 20}} {
		m := fit(t, gbdt.Learner{Trees: c.rounds}, x, model.Outcome{Task: c.task, Y: column[c.outcome]}, nil)
		checkGolden(t, c.scores, m, x, column[c.scores], 3e-4)
	}
}

// TestGoldenCatBoost compares symmetric trees with CatBoost's, which rounds gradients to float32 (see testdata/symmetric.py).
func TestGoldenCatBoost(t *testing.T) {
	x, column := goldenTable(t, "catboost.golden", "age", "orders", "visits")
	l := gbdt.Learner{Symmetric: true, Depth: 4, Trees: 30, L2: 3, MinRows: 1}
	m := fit(t, l, x, model.Outcome{Task: kequn.Regression, Y: column["amount"]}, nil)
	checkGolden(t, "symmetric", m, x, column["score"], 3e-4)
}

// goldenTable reads a golden file: a table of the named inputs, and all columns of numbers.
func goldenTable(t *testing.T, file string, inputs ...string) (*table.Table, map[string][]float64) {
	t.Helper()
	f, err := os.Open("testdata/" + file)
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
		if slices.Contains(inputs, name) {
			x.Columns = append(x.Columns, col)
		}
		column[name] = col.Num
	}
	return x, column
}

func checkGolden(t *testing.T, name string, m *gbdt.Model, x *table.Table, want []float64, tolerance float64) {
	t.Helper()
	got, err := m.Margin(x)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Fatalf("%d golden scores, %d rows", len(want), len(got))
	}
	worst := 0.0
	for i := range want {
		worst = max(worst, math.Abs(got[i]-want[i]))
	}
	t.Logf("%s: scores differ by %.2g at most", name, worst)
	if worst > tolerance {
		t.Errorf("%s: scores differ from the peer's by %.2g", name, worst)
	}
}
