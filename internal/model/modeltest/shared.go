package modeltest

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/table"
)

// SharedSet names a public dataset that lies beside the repository, as ../shared/bench reads it.
type SharedSet struct {
	File     string // below ../shared/data
	Folds    string // below ../shared/splits; "" for none
	Outcome  string
	Positive string
	Drop     []string
}

// The sets that the peers were measured on.
var (
	Telco          = SharedSet{"telco_churn/Telco-Customer-Churn.csv", "telco_churn.csv", "Churn", "Yes", []string{"customerID"}}
	Bank           = SharedSet{"bank_marketing/bank-full.csv.gz", "bank_marketing.csv", "y", "yes", nil}
	BankNoDuration = SharedSet{"bank_marketing/bank-full.csv.gz", "bank_marketing.csv", "y", "yes", []string{"duration"}}
	German         = SharedSet{"german_credit/german.csv", "german_credit.csv", "credit_risk", "2", nil}
	IFood          = SharedSet{"ifood_marketing/marketing_campaign.csv", "ifood_marketing.csv", "Response", "1", []string{"ID", "Z_CostContact", "Z_Revenue"}}
	Iranian        = SharedSet{"iranian_churn/iranian_churn.csv", "iranian_churn.csv", "Churn", "1", nil}
	Adult          = SharedSet{"adult_income/adult_train.csv.gz", "adult_income.csv", "income", ">50K", nil}
)

// Shared reads a set: numbers where nearly every value is one, categories else, and the fold of each row. It skips the
// test when the data are absent.
func Shared(t testing.TB, s SharedSet) (*table.Table, model.Outcome, []int32) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..", "..", "..", "shared")
	rows, ok := readCSV(filepath.Join(root, "data", s.File))
	if !ok {
		t.Skip("shared data is absent")
	}
	x, y := &table.Table{}, model.Outcome{Task: kequn.Binary}
next:
	for j, name := range rows[0] {
		for _, d := range s.Drop {
			if d == name {
				continue next
			}
		}
		if name == s.Outcome {
			for _, r := range rows[1:] {
				v := 0.0
				if strings.TrimSpace(r[j]) == s.Positive {
					v = 1
				}
				y.Y = append(y.Y, v)
			}
			continue
		}
		x.Columns = append(x.Columns, column(name, rows[1:], j))
	}
	if s.Folds == "" {
		return x, y, nil
	}
	folds := make([]int32, len(y.Y))
	lines, ok := readCSV(filepath.Join(root, "splits", s.Folds))
	if !ok {
		t.Skip("shared data is absent")
	}
	for i, r := range lines[1:] {
		f, err := strconv.Atoi(r[1])
		if err != nil {
			t.Fatal(err)
		}
		folds[i] = int32(f)
	}
	return x, y, folds
}

// CrossValidate trains a learner without each of the first n folds in turns and judges it on that fold. It returns the mean AUC and log loss and the
// mean seconds of a fit; see, which may be nil, is shown each fold's model with its figures.
func CrossValidate(t testing.TB, l model.Learner, x *table.Table, y model.Outcome, folds []int32, n int, see func(fold int, m model.Model, auc, loss float64)) (auc, loss, seconds float64) {
	t.Helper()
	for f := range int32(n) {
		var train, test []int32
		for i, g := range folds {
			switch {
			case g == f:
				test = append(test, int32(i))
			case g >= 0:
				train = append(train, int32(i))
			}
		}
		m, err := l.Fit(t.Context(), x.Take(train), y.Take(train), nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Predict(x.Take(test))
		if err != nil {
			t.Fatal(err)
		}
		truth := y.Take(test).Y
		foldAUC, foldLoss := metric.AUC(truth, p, nil), metric.LogLoss(truth, p, nil)
		auc, loss, seconds = auc+foldAUC/float64(n), loss+foldLoss/float64(n), seconds+m.Header().Seconds/float64(n)
		if see != nil {
			see(int(f), m, foldAUC, foldLoss)
		}
	}
	return auc, loss, seconds
}

func readCSV(path string) ([][]string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, false
		}
	}
	r := csv.NewReader(in)
	r.TrimLeadingSpace = true
	rows, err := r.ReadAll()
	return rows, err == nil && len(rows) > 1
}

func column(name string, rows [][]string, j int) *table.Column {
	num, known, numbers := numberColumn(name, len(rows), func(int) float64 { return math.NaN() }), 0, 0
	for i, r := range rows {
		text := strings.TrimSpace(r[j])
		if text == "" {
			continue
		}
		known++
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			num.Num[i] = v
			numbers++
		}
	}
	if numbers*100 > known*95 {
		return num
	}
	if day := dates(name, rows, j); day != nil {
		return day
	}
	cat := table.NewColumn(name, table.Category, len(rows))
	for _, r := range rows {
		if text := strings.TrimSpace(r[j]); text == "" {
			cat.AppendMissing()
		} else {
			cat.AppendString(text)
		}
	}
	return cat
}

// dates returns the column as time if every value is a date, else nil.
func dates(name string, rows [][]string, j int) *table.Column {
	c := table.NewColumn(name, table.Time, len(rows))
	for _, r := range rows {
		at, err := kequn.ParseTime(strings.TrimSpace(r[j]), nil)
		if err != nil {
			return nil
		}
		c.Int = append(c.Int, int64(at))
	}
	return c
}
