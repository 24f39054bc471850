package additive_test

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"testing"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/additive"
	"kequn/internal/table"
)

// TestGoldenEBM holds shapes and chances against InterpretML's explainable boosting machine on the same rows (see
// testdata/golden.py). Both look for the same functions by different steps, so they agree as far as 1,200 rows decide: the
// correlation of what each column adds, over the test rows, is above 0.96, and on rows that neither has seen we may not do
// worse by more than 0.005, about a standard error of the difference.
func TestGoldenEBM(t *testing.T) {
	f, err := os.Open("testdata/ebm.golden")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"age", "city", "spend", "visits"}
	x := &table.Table{}
	y := model.Outcome{Task: kequn.Binary}
	for j, name := range names {
		c := table.NewColumn(name, table.Number, len(lines))
		if name == "city" {
			c = table.NewColumn(name, table.Category, len(lines))
		}
		for _, line := range lines[1:] {
			v, err := strconv.ParseFloat(line[1+j], 64)
			switch {
			case name == "city":
				c.AppendString(line[1+j])
			case err != nil:
				c.AppendMissing()
			default:
				c.Num = append(c.Num, v)
			}
		}
		x.Columns = append(x.Columns, c)
	}
	var train, test []int32
	theirs := make([][]float64, 6)
	for i, line := range lines[1:] {
		v, _ := strconv.ParseFloat(line[5], 64)
		y.Y = append(y.Y, v)
		if line[0] == "train" {
			train = append(train, int32(i))
			continue
		}
		test = append(test, int32(i))
		for j := range theirs {
			v, err := strconv.ParseFloat(line[6+j], 64)
			if err != nil {
				t.Fatal(err)
			}
			theirs[j] = append(theirs[j], v)
		}
	}
	in, yIn, out, truth := x.Take(train), y.Take(train), x.Take(test), y.Take(test).Y
	plain := fit(t, additive.Learner{Pairs: -1}, in, yIn, nil)
	_, phi, err := plain.Attribute(out, 0)
	if err != nil {
		t.Fatal(err)
	}
	for j, name := range names {
		ours := make([]float64, len(test))
		for i := range ours {
			ours[i] = phi[i*len(names)+j]
		}
		c := correlation(ours, theirs[j])
		t.Logf("%s: correlation %.4f", name, c)
		if !(c > 0.96) {
			t.Errorf("%s: the shapes' correlation is %.3f", name, c)
		}
	}
	for _, c := range []struct {
		name   string
		m      *additive.Model
		theirs []float64
	}{{"without pairs", plain, theirs[4]}, {"with pairs", fit(t, additive.Learner{}, in, yIn, nil), theirs[5]}} {
		p, err := c.m.Predict(out)
		if err != nil {
			t.Fatal(err)
		}
		auc, loss := metric.AUC(truth, p, nil), metric.LogLoss(truth, p, nil)
		aucTheirs, lossTheirs := metric.AUC(truth, c.theirs, nil), metric.LogLoss(truth, c.theirs, nil)
		t.Logf("%s: AUC %.4f (theirs %.4f), log loss %.4f (theirs %.4f), correlation %.4f", c.name, auc, aucTheirs, loss, lossTheirs, correlation(p, c.theirs))
		if auc < aucTheirs-0.005 || loss > lossTheirs+0.005 {
			t.Errorf("%s: AUC %.4f and log loss %.4f, theirs %.4f and %.4f", c.name, auc, loss, aucTheirs, lossTheirs)
		}
	}
}

func correlation(a, b []float64) float64 {
	var ma, mb float64
	for i := range a {
		ma += a[i] / float64(len(a))
		mb += b[i] / float64(len(b))
	}
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}
