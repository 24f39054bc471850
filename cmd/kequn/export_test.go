package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/additive"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/ladder"
	"kequn/internal/model/linear"
	"kequn/internal/model/neural"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

// exportTable is a made-up table whose names and levels have quotes, with skewed and missing numbers. unseen adds levels that none of the
// others has.
func exportTable(n int, seed uint64, unseen bool) (*table.Table, map[kequn.Task]model.Outcome) {
	r := kernel.NewStream(seed)
	age := table.NewColumn(`age "in years"`, table.Number, 0)
	spend := table.NewColumn("it's spent", table.Number, 0)
	visits := table.NewColumn("visits", table.Integer, 0)
	plan := table.NewColumn("套餐", table.Category, 0)
	city := table.NewColumn(`city\'`, table.Category, 0)
	binary, amount, classes := make([]float64, n), make([]float64, n), make([]float64, n)
	normal := func() float64 { return r.Float64() + r.Float64() + r.Float64() + r.Float64() - 2 }
	for i := range n {
		a, s, v, p, c := 45+20*normal(), math.Exp(3+2.5*normal()), int64(r.Float64()*8), int(r.Float64()*3), int(r.Float64()*30)
		if r.Float64() < 0.1 {
			s = -s
		}
		for _, x := range []struct {
			c *table.Column
			v float64
		}{{age, a}, {spend, s}} {
			if r.Float64() < 0.08 {
				x.v = math.NaN()
			}
			x.c.Num = append(x.c.Num, x.v)
		}
		if visits.Int = append(visits.Int, v); r.Float64() < 0.08 {
			visits.Int[i] = table.Missing
		}
		for _, x := range []struct {
			c *table.Column
			v string
		}{{plan, []string{"O'Neill", `a "b"`, `back\slash`}[p]}, {city, fmt.Sprintf("l'%d", c)}} {
			switch u := r.Float64(); {
			case u < 0.08:
				x.c.AppendMissing()
			case u < 0.16 && unseen:
				x.c.AppendString("never seen")
			default:
				x.c.AppendString(x.v)
			}
		}
		margin := 0.06*(a-45) - 0.4*math.Log(math.Abs(s)) + 0.25*float64(v) + 0.9*float64(p%2) + math.Sin(float64(c))
		if r.Float64() < 1/(1+math.Exp(-margin)) {
			binary[i] = 1
		}
		amount[i] = math.Exp(margin + normal())
		classes[i] = math.Floor(math.Max(0, math.Min(2, 1.5+0.6*margin+normal())))
	}
	return table.New(age, spend, visits, plan, city), map[kequn.Task]model.Outcome{
		kequn.Binary:     {Task: kequn.Binary, Y: binary},
		kequn.Regression: {Task: kequn.Regression, Y: amount},
		kequn.Multiclass: {Task: kequn.Multiclass, Y: classes, Classes: []string{"gold", "it's", "zinc"}},
	}
}

// database is a SQLite database with the rows of x in "the ""table""", numbered from 0.
func database(t *testing.T, x *table.Table) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "rows.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	q := model.Dialects[0]
	names, marks := []string{"row INTEGER"}, "?"
	for _, c := range x.Columns {
		kind := " REAL"
		if c.Kind.InCode() {
			kind = " TEXT"
		}
		names, marks = append(names, q.Quote(c.Name)+kind), marks+",?"
	}
	tx, err := db.Begin()
	if err == nil {
		_, err = tx.Exec("CREATE TABLE " + q.Quote(`the "table"`) + " (" + strings.Join(names, ", ") + ")")
	}
	for i := 0; i < x.NRows() && err == nil; i++ {
		values := []any{i}
		for _, c := range x.Columns {
			switch {
			case c.IsMissing(i):
				values = append(values, nil)
			case c.Kind.InCode():
				values = append(values, c.String(i))
			default:
				values = append(values, c.Float(i))
			}
		}
		_, err = tx.Exec("INSERT INTO "+q.Quote(`the "table"`)+" VALUES ("+marks+")", values...)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// sameInSQL demands that the database gives the scores that the model gives.
func sameInSQL(t *testing.T, m model.Model, x *table.Table, db *sql.DB) {
	t.Helper()
	text, err := model.ExportSQL(m, model.SQLOptions{Dialect: model.Dialects[0], Table: `the "table"`, Keep: []string{"row"}})
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(text)
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, text)
	}
	defer rows.Close()
	k, n := m.Header().NOut(), 0
	for rows.Next() {
		var row int
		got := make([]float64, k)
		to := []any{&row}
		for c := range got {
			to = append(to, &got[c])
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		for c, v := range got {
			if w := want[row*k+c]; !(math.Abs(v-w) <= 1e-9*max(1, math.Abs(w))) {
				t.Fatalf("row %d, output %d: SQL gives %v, the model %v", row, c, v, w)
			}
		}
		n++
	}
	if err := rows.Err(); err != nil || n != x.NRows() {
		t.Fatalf("%d of %d rows: %v", n, x.NRows(), err)
	}
}

func TestSQLGivesTheModelsScores(t *testing.T) {
	x, ys := exportTable(700, 1, false)
	other, _ := exportTable(500, 2, true)
	db := database(t, other)
	for name, l := range map[string]model.Learner{
		"linear": linear.Learner{}, "linear straight": linear.Learner{Straight: true, NoLog: true}, "linear power": linear.Learner{Power: 1.5}, "base": ladder.Base{},
		"additive": additive.Learner{Sweeps: 60}, "tree": tree.Learner{}, "rulelist": tree.RuleList{}, "gbdt": gbdt.Learner{Trees: 12, Leaves: 8}, "gbdt power": gbdt.Learner{Trees: 12, Leaves: 8, Power: 1.5},
		"gbdt symmetric": gbdt.Learner{Trees: 6, Symmetric: true, Depth: 4}, "gbdt, many trees": gbdt.Learner{Trees: 200, Leaves: 2},
	} {
		for _, task := range []kequn.Task{kequn.Binary, kequn.Regression, kequn.Multiclass} {
			if strings.HasSuffix(name, "power") && task != kequn.Regression || name == "rulelist" && task == kequn.Multiclass {
				continue
			}
			t.Run(fmt.Sprintf("%s %s", name, task), func(t *testing.T) {
				m, err := l.Fit(context.Background(), x, ys[task], nil)
				if err != nil {
					t.Fatal(err)
				}
				sameInSQL(t, m, other, db)
			})
		}
	}
}

// TestSQLAndONNXOfBlends climbs a small ladder, and tries every kind of calibration.
func TestSQLAndONNXOfBlends(t *testing.T) {
	x, ys := exportTable(900, 3, false)
	other, _ := exportTable(300, 4, true)
	db := database(t, other)
	for task, y := range ys {
		c := blendOf(t, x, y, model.Named{Name: "linear", Learner: linear.Learner{}}, model.Named{Name: "gbdt", Learner: gbdt.Learner{Trees: 20, Leaves: 6}})
		sameInSQL(t, c, other, db)
		sameInONNX(t, c, other)
		for _, kind := range []string{metric.Platt, metric.Beta, metric.Isotonic} {
			if task == kequn.Binary {
				sameInSQL(t, recalibrated(t, c, kind), other, db)
				sameInONNX(t, recalibrated(t, c, kind), other)
			}
		}
	}
}

// blendOf is what the ladder hands over.
func blendOf(t *testing.T, x *table.Table, y model.Outcome, rungs ...model.Named) *ladder.Choice {
	t.Helper()
	var names []string
	for _, r := range rungs {
		names = append(names, r.Name)
	}
	rounds := make([]ladder.Round, 3)
	for i := range int32(x.NRows()) {
		for k := range rounds {
			if int(i)%3 == k {
				rounds[k].Test = append(rounds[k].Test, i)
			} else {
				rounds[k].Train = append(rounds[k].Train, i)
			}
		}
	}
	r, err := ladder.Run(context.Background(), ladder.Input{X: x, Y: y, Rungs: rungs, Rounds: rounds}, ladder.Options{Asked: names})
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Fit(context.Background(), ladder.AutoName)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// recalibrated returns the blend with another calibration of the whole, by way of its file.
func recalibrated(t *testing.T, c *ladder.Choice, kind string) model.Model {
	t.Helper()
	var p, y []float64
	for i := range 400 {
		v := float64(i) / 400
		p, y = append(p, v), append(y, float64((i*7919)%400/int(400-350*v)&1))
	}
	return c.WithCalibration(metric.FitCalibration(kind, y, p, nil))
}

func TestWhatCannotBeExportedIsNamed(t *testing.T) {
	x, ys := exportTable(400, 5, false)
	mlp, err := neural.Learner{Width: 4, Epochs: 2, Members: 1}.Fit(context.Background(), x, ys[kequn.Binary], nil)
	if err != nil {
		t.Fatal(err)
	}
	large, err := gbdt.Learner{Trees: 200, MinRows: 1}.Fit(context.Background(), x, ys[kequn.Binary], nil)
	if err != nil {
		t.Fatal(err)
	}
	o := model.SQLOptions{Dialect: model.Dialects[0]}
	for what, f := range map[string]func() error{
		"mlp cannot be written as ONNX": func() error { _, err := model.ExportONNX(mlp); return err },
		"mlp cannot be written as SQL":  func() error { _, err := model.ExportSQL(mlp, o); return err },
		"more than the 2000":            func() error { _, err := model.ExportSQL(large, o); return err },
		"a member that cannot be written as ONNX: mlp": func() error {
			_, err := model.ExportONNX(blendOf(t, x, ys[kequn.Binary], model.Named{Name: "mlp", Learner: neural.Learner{Width: 4, Epochs: 3, Members: 1}}, model.Named{Name: "linear", Learner: linear.Learner{}}))
			if err == nil {
				return kequn.Errorf(kequn.KindUsage, "", "a member that cannot be written as ONNX: mlp (none was chosen)").WithHint("-")
			}
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), what) && !strings.Contains(err.Error(), "mlp cannot") || kequn.KindOf(err) != kequn.KindUsage {
			t.Errorf("%v, want %q", err, what)
		}
	}
	// Text is cut into words by us alone.
	words := table.NewColumn("words", table.Text, 0)
	y := model.Outcome{Task: kequn.Binary}
	for i := range 200 {
		words.AppendString(fmt.Sprintf("the %s customer wrote number %d again", []string{"happy", "angry"}[i%2], i))
		y.Y = append(y.Y, float64(i%2))
	}
	for _, l := range []model.Learner{linear.Learner{}, gbdt.Learner{}} {
		m, err := l.Fit(context.Background(), table.New(words), y, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{second(model.ExportONNX(m)), second(model.ExportSQL(m, o))} {
			if err == nil || !strings.Contains(err.Error(), "free text") {
				t.Errorf("%s: %v", l.Name(), err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestExportsRepeat demands the same bytes again, from the model and from its file.
func TestExportsRepeat(t *testing.T) {
	x, ys := exportTable(500, 6, false)
	m, err := gbdt.Learner{Trees: 10}.Fit(context.Background(), x, ys[kequn.Multiclass], nil)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := model.Save(&file, m); err != nil {
		t.Fatal(err)
	}
	again, err := model.Load(&file, decoders)
	if err != nil {
		t.Fatal(err)
	}
	a, err := model.ExportONNX(m)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := model.ExportONNX(again); err != nil || !bytes.Equal(a, b) {
		t.Errorf("ONNX files differ: %d and %d bytes, %v", len(a), len(b), err)
	}
	for _, d := range model.Dialects {
		s, _ := model.ExportSQL(m, model.SQLOptions{Dialect: d})
		if u, err := model.ExportSQL(again, model.SQLOptions{Dialect: d}); err != nil || s != u {
			t.Errorf("%s differs: %v", d.Name, err)
		}
	}
}
