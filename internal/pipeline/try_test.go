package pipeline

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/linear"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

var tryLearners = []model.Named{
	{Name: "linear", Learner: linear.Learner{}}, {Name: "tree", Learner: tree.Learner{}}, {Name: "gbdt", Learner: gbdt.Learner{Trees: 20}},
}

// tryTable writes a CSV file of n rows: two numbers, one of them with holes, a category, and what cell says of each row.
func tryTable(t *testing.T, name string, n int, head string, cell func(s *kernel.Stream, a, b float64, c string) string) string {
	t.Helper()
	s := kernel.NewStream(11)
	var out strings.Builder
	out.WriteString("a,b,c," + head + "\n")
	for range n {
		a, b, c := s.Norm(), s.Norm(), []string{"上海", "北京", "other, place"}[s.Intn(3)]
		shown := strconv.FormatFloat(b, 'g', 6, 64)
		if s.Bool(0.1) {
			shown = ""
		}
		fmt.Fprintf(&out, "%.6g,%s,%q,%s\n", a, shown, c, cell(s, a, b, c))
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func yesNo(s *kernel.Stream, a, b float64, c string) string {
	z := 1.5*a + b
	if c == "上海" {
		z++
	}
	if s.Bool(1 / (1 + math.Exp(-z))) {
		return "yes"
	}
	return "no"
}

// try runs what most tests look at: the ladder and its files. Cards have tests of their own.
func try(t *testing.T, o Options, f TryFlags) *TryResult {
	t.Helper()
	f.Quick = true
	if o.Learners == nil {
		o.Learners = tryLearners
	}
	r, err := Try(context.Background(), o, f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// tryRefused wants an error of a kind, and no output.
func tryRefused(t *testing.T, kind kequn.Kind, words string, f TryFlags) {
	t.Helper()
	dir := t.TempDir()
	if f.Predictions == "" {
		f.Predictions = filepath.Join(dir, "p.csv")
	}
	_, err := Try(context.Background(), Options{Learners: tryLearners}, f)
	if kequn.KindOf(err) != kind || !strings.Contains(fmt.Sprint(err), words) {
		t.Errorf("%+v:\n got %v (%s)\nwant %s with %q", f, err, kequn.KindOf(err), kind, words)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%+v: left %v behind", f, left)
	}
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestTryBinary(t *testing.T) {
	file := tryTable(t, "t.csv", 400, "y", yesNo)
	dir := t.TempDir()
	folds := filepath.Join(dir, "folds.csv")
	var text strings.Builder
	text.WriteString("row,fold\n")
	fold := make([]int, 400)
	for i := range fold {
		fold[i] = []int{-1, 2, 5, 9}[i%4]
		fmt.Fprintf(&text, "%d,%d\n", i, fold[i])
	}
	os.WriteFile(folds, []byte(text.String()), 0o644)
	p, svg := filepath.Join(dir, "p.csv"), filepath.Join(dir, "p.svg")
	r := try(t, Options{}, TryFlags{File: file, Outcome: "y", Folds: folds, Models: []string{"auto", "gbdt", "simple"}, Predictions: p, Plot: svg})
	if r.Task != kequn.Binary || r.Positive != "yes" || r.Rows != 300 || r.RowsRead != 400 || r.Folds != 3 || r.Features != 3 || r.Chosen != "auto" {
		t.Errorf("%+v", r)
	}
	var names []string
	for _, m := range r.Models {
		names = append(names, m.Name)
	}
	if want := []string{"linear", "tree", "gbdt", "auto", "simple"}; !slices.Equal(names, want) {
		t.Errorf("models %v, want %v", names, want)
	}

	// The figures are means over folds of what stands in the file.
	outcome := map[int]float64{}
	for i, row := range readCSV(t, file)[1:] {
		if row[3] == "yes" {
			outcome[i] = 1
		}
	}
	type foldOf struct {
		model string
		fold  int
	}
	y, score := map[foldOf][]float64{}, map[foldOf][]float64{}
	rows := readCSV(t, p)
	if !slices.Equal(rows[0], []string{"row", "fold", "model", "score"}) || len(rows) != 1+3*300 {
		t.Fatalf("%v, %d lines", rows[0], len(rows))
	}
	for _, row := range rows[1:] {
		i, _ := strconv.Atoi(row[0])
		k, _ := strconv.Atoi(row[1])
		v, err := strconv.ParseFloat(row[3], 64)
		if err != nil || !(v >= 0 && v <= 1) || k != fold[i] || k < 0 {
			t.Fatalf("%v", row)
		}
		at := foldOf{row[2], k}
		y[at], score[at] = append(y[at], outcome[i]), append(score[at], v)
	}
	for _, m := range r.Models {
		var auc, loss, ece float64
		for _, k := range []int{2, 5, 9} {
			at := foldOf{m.Name, k}
			if y[at] == nil {
				continue
			}
			auc += metric.AUC(y[at], score[at], nil) / 3
			loss += metric.LogLoss(y[at], score[at], nil) / 3
			ece += metric.ECE(y[at], score[at], nil) / 3
		}
		if auc > 0 && (math.Abs(auc-*m.AUC) > 1e-12 || math.Abs(loss-*m.LogLoss) > 1e-12 || math.Abs(ece-*m.ECE) > 1e-12) {
			t.Errorf("%s: AUC %v, log loss %v, ECE %v; the file says %v, %v, %v", m.Name, *m.AUC, *m.LogLoss, *m.ECE, auc, loss, ece)
		}
		if *m.AUC < 0.7 || *m.AUC > 0.95 {
			t.Errorf("%s: AUC %v", m.Name, *m.AUC)
		}
	}
	if b, _ := os.ReadFile(svg); !bytes.Contains(b, []byte("<svg")) || !bytes.Contains(b, []byte("AUC")) {
		t.Errorf("the picture is %.80s", b)
	}
	if left, _ := os.ReadDir(dir); len(left) != 3 {
		t.Errorf("files left behind: %v", left)
	}
}

// The contract's keys, in each task.
func TestTryJSON(t *testing.T) {
	binary := try(t, Options{}, TryFlags{File: tryTable(t, "t.csv", 200, "y", yesNo), Outcome: "y", Models: []string{"linear"}})
	amount := try(t, Options{}, TryFlags{File: tryTable(t, "t.csv", 200, "y", func(s *kernel.Stream, a, b float64, _ string) string {
		return fmt.Sprint(3 + 2*a + b + s.Norm())
	}), Outcome: "y", Models: []string{"linear"}})
	classes := try(t, Options{}, TryFlags{File: tryTable(t, "t.csv", 200, "y", func(_ *kernel.Stream, a, b float64, c string) string {
		if a > 0.5 {
			return `"x, y"`
		}
		return strconv.Quote(c)
	}), Outcome: "y", Models: []string{"tree"}})
	for _, c := range []struct {
		r    *TryResult
		keys string
	}{
		{binary, "name auc auc_sd pr_auc log_loss brier ece top_decile_gain fit_seconds predict_seconds peak_mb params"},
		{amount, "name rmse mae r2 fit_seconds predict_seconds peak_mb params"},
		{classes, "name accuracy log_loss macro_auc fit_seconds predict_seconds peak_mb params"},
	} {
		b, _ := json.Marshal(c.r)
		var doc map[string]any
		json.Unmarshal(b, &doc)
		for _, k := range strings.Fields("task rows folds models chosen why leaks") {
			if doc[k] == nil {
				t.Errorf("%s: no %s", c.r.Task, k)
			}
		}
		m := doc["models"].([]any)[0].(map[string]any)
		for _, k := range strings.Fields(c.keys) {
			if m[k] == nil {
				t.Errorf("%s: no %s in %v", c.r.Task, k, m)
			}
		}
		if len(c.r.Models) != 1 || c.r.Chosen != c.r.Models[0].Name {
			t.Errorf("%s: chose %s of %v", c.r.Task, c.r.Chosen, c.r.Models)
		}
	}
	if *amount.Models[0].R2 < 0.6 || *classes.Models[0].Accuracy < 0.8 || !slices.Contains(classes.Classes, "x, y") {
		t.Errorf("R² %v, accuracy %v of %v", *amount.Models[0].R2, *classes.Models[0].Accuracy, classes.Classes)
	}
}

// Same file, same seed, same bytes: for any number of threads, in any order of columns, and when the schedule is replayed.
func TestTrySameBytes(t *testing.T) {
	file := tryTable(t, "t.csv", 300, "y", yesNo)
	p := filepath.Join(t.TempDir(), "p.csv")
	scores := func(o Options, f TryFlags) ([]byte, *TryResult) {
		f.Outcome, f.Predictions = "y", p
		r := try(t, o, f)
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		return b, r
	}
	want, r := scores(Options{Threads: 1, Seed: 3}, TryFlags{File: file, Models: []string{"auto", "tree"}})
	for _, n := range []int{2, 8} {
		if got, _ := scores(Options{Threads: n, Seed: 3}, TryFlags{File: file, Models: []string{"auto", "tree"}}); !bytes.Equal(got, want) {
			t.Errorf("%d threads give other bytes", n)
		}
	}
	schedule := filepath.Join(t.TempDir(), "s.json")
	b, _ := json.Marshal(r)
	os.WriteFile(schedule, b, 0o644)
	if got, _ := scores(Options{}, TryFlags{File: file, Schedule: schedule}); !bytes.Equal(got, want) {
		t.Error("the schedule gives other bytes")
	}
	var turned strings.Builder
	w := csv.NewWriter(&turned)
	for _, row := range readCSV(t, file) {
		slices.Reverse(row)
		w.Write(row)
	}
	w.Flush()
	other := filepath.Join(t.TempDir(), "o.csv")
	os.WriteFile(other, []byte(turned.String()), 0o644)
	if got, _ := scores(Options{Seed: 3}, TryFlags{File: other, Models: []string{"auto", "tree"}}); !bytes.Equal(got, want) {
		t.Error("columns in another order give other bytes")
	}
}

func TestTryOtherFile(t *testing.T) {
	file := tryTable(t, "t.csv", 300, "y", yesNo)
	dir := t.TempDir()
	p := filepath.Join(dir, "p.csv")
	test := func(name, text string) string {
		path := filepath.Join(dir, name)
		os.WriteFile(path, []byte(text), 0o644)
		return path
	}
	// Columns in another order, a category never seen, a word among numbers, a row without an outcome.
	r := try(t, Options{}, TryFlags{File: file, Outcome: "y", Predictions: p,
		Test: test("a.csv", "y,c,b,a\nyes,上海,1,2\nno,火星,-1,-2\n,北京,what,0.5\nyes,北京,1.5,1\nno,上海,-2,-1\n")})
	if rows := readCSV(t, p); len(rows) != 6 || rows[1][1] != "0" || rows[5][0] != "4" {
		t.Errorf("%v", rows)
	}
	if r.Folds != 1 || r.TestRows != 5 || r.Rows != 300 || *r.Models[0].AUC != 1 || r.Models[0].AUCSD != nil {
		t.Errorf("%+v", r)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "1 rows of") || !strings.Contains(notes, "missing") {
		t.Errorf("notes %q", notes)
	}
	r = try(t, Options{}, TryFlags{File: file, Outcome: "y", Predictions: p, Models: []string{"linear"}, Test: test("b.csv", "a,b,c\n3,3,上海\n-3,-3,上海\n")})
	if rows := readCSV(t, p); len(rows) != 3 || rows[1][3] <= rows[2][3] || r.Folds != 5 {
		t.Errorf("%v, %d folds", rows, r.Folds)
	}
	tryRefused(t, kequn.KindInput, "b, c", TryFlags{File: file, Outcome: "y", Test: test("c.csv", "a,y\n1,yes\n")})
	tryRefused(t, kequn.KindUsage, "exclude", TryFlags{File: file, Outcome: "y", Test: file, Folds: file})
}

func TestTryOddColumns(t *testing.T) {
	n := 0
	file := tryTable(t, "t.csv", 300, "const,empty,name,number,big,y", func(s *kernel.Stream, a, b float64, c string) string {
		n++
		big := "1e400"
		if n%3 > 0 {
			big = fmt.Sprint(n)
		}
		return fmt.Sprintf("7,,u%d,%d,%s,%s", n*7919%1000, n, big, yesNo(s, a, b, c))
	})
	r := try(t, Options{}, TryFlags{File: file, Outcome: "y", Drop: []string{"number"}})
	notes := strings.Join(r.Notes, "\n")
	for _, w := range []string{"const: one value", "empty: no value", "name: a different value", "big"} {
		if !strings.Contains(notes, w) {
			t.Errorf("notes %q lack %q", notes, w)
		}
	}
	if r.Features != 4 || len(r.Leaks) > 0 {
		t.Errorf("%d features, leaks %+v", r.Features, r.Leaks)
	}
	copied := tryTable(t, "t.csv", 300, "copy,y", func(s *kernel.Stream, a, b float64, c string) string {
		v := yesNo(s, a, b, c)
		return v + "," + v
	})
	r = try(t, Options{}, TryFlags{File: copied, Outcome: "y"})
	if len(r.Leaks) != 1 || r.Leaks[0].Column != "copy" || *r.Leaks[0].AUCWith < 0.99 || *r.Leaks[0].AUCWithout > 0.95 {
		t.Errorf("leaks %+v", r.Leaks)
	}
}

func TestTryRefuses(t *testing.T) {
	ok := tryTable(t, "t.csv", 60, "y", yesNo)
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "f.csv")
		os.WriteFile(path, []byte(text), 0o644)
		return path
	}
	positives := func(k int) string {
		n := 0
		return tryTable(t, "t.csv", 100, "y", func(*kernel.Stream, float64, float64, string) string {
			if n++; n <= k {
				return "1"
			}
			return "0"
		})
	}
	flags := func(f TryFlags) TryFlags {
		if f.File == "" {
			f.File = ok
		}
		if f.Outcome == "" {
			f.Outcome = "y"
		}
		return f
	}
	for _, c := range []struct {
		kind  kequn.Kind
		words string
		f     TryFlags
	}{
		{kequn.KindNotEnough, "same outcome", TryFlags{File: positives(0)}},
		{kequn.KindNotEnough, "rarer outcome in column \"y\": 1;", TryFlags{File: positives(1)}},
		{kequn.KindNotEnough, ": 4; at least 5", TryFlags{File: positives(4)}},
		{kequn.KindNotEnough, "at least 5", TryFlags{File: write("a,y\n1,0\n2,1\n")}},
		{kequn.KindNotEnough, "is empty", TryFlags{File: write("a,y\n1,\n2,\n")}},
		{kequn.KindNotEnough, "rows with an outcome: 4", TryFlags{File: write("a,y\n1,0.5\n2,1.5\n3,2.25\n4,9\n")}},
		{kequn.KindNotEnough, "no column", TryFlags{Drop: []string{"a", "b", "c"}}},
		{kequn.KindInput, "no row", TryFlags{File: write("a,y\n")}},
		{kequn.KindInput, "two columns are called", TryFlags{File: write("a,y,y\n1,2,3\n")}},
		{kequn.KindInput, "no such file", TryFlags{File: "absent.csv"}},
		{kequn.KindInput, `no column "z"`, TryFlags{Outcome: "z"}},
		{kequn.KindInput, `no column "z"`, TryFlags{Drop: []string{"z"}}},
		{kequn.KindInput, "no row has", TryFlags{Positive: "maybe"}},
		{kequn.KindInput, "59 lines", TryFlags{Folds: write("row,fold\n" + strings.Repeat("1,1\n", 59))}},
		{kequn.KindInput, "fold already", TryFlags{Folds: write("row,fold\n" + strings.Repeat("1,1\n", 60))}},
		{kequn.KindInput, "no columns row and fold", TryFlags{Folds: ok}},
		{kequn.KindInput, "no schedule", TryFlags{Schedule: write("[]")}},
		{kequn.KindInput, "no schedule", TryFlags{Schedule: write("{}")}},
		{kequn.KindInput, "times", TryFlags{File: write("a,y\n1,2024-01-02\n2,2024-01-05\n")}},
		{kequn.KindUsage, "no model", TryFlags{Models: []string{"gdbt"}}},
		{kequn.KindUsage, "no task", TryFlags{Task: "ranking"}},
		{kequn.KindUsage, "folder", TryFlags{Predictions: filepath.Join(t.TempDir(), "no", "p.csv")}},
		{kequn.KindUsage, "overwritten", TryFlags{Predictions: ok}},
		{kequn.KindUsage, "one name", TryFlags{Predictions: "x.csv", Plot: "x.csv"}},
	} {
		if c.words == "no task" {
			c.words = "is not a task"
		}
		tryRefused(t, c.kind, c.words, flags(c.f))
	}
	// Few positives are trained with a word of warning.
	for _, k := range []int{5, 19} {
		r := try(t, Options{}, TryFlags{File: positives(k), Outcome: "y"})
		if *r.Positives != k || !strings.Contains(strings.Join(r.Notes, ""), "noise") {
			t.Errorf("%d positives: %+v", k, r.Notes)
		}
	}
}

func TestTryTime(t *testing.T) {
	file := tryTable(t, "t.csv", 300, "y", yesNo)
	p := filepath.Join(t.TempDir(), "p.csv")
	slow := append(slices.Clone(tryLearners), model.Named{Name: "svm", Learner: sleeper{}})
	began := time.Now()
	r := try(t, Options{Learners: slow}, TryFlags{File: file, Outcome: "y", Time: 2 * time.Second, Predictions: p})
	if took := time.Since(began); took > 20*time.Second { // of an hour; other work may hold the processors
		t.Errorf("took %v of 2 s", took)
	}
	if r.StoppedBy != "time" && !slices.ContainsFunc(r.NotRun, func(n TryNotRun) bool { return n.Name == "svm" }) {
		t.Errorf("stopped by %q, not run %v", r.StoppedBy, r.NotRun)
	}
	want, _ := os.ReadFile(p)
	schedule := filepath.Join(t.TempDir(), "s.json")
	b, _ := json.Marshal(r)
	os.WriteFile(schedule, b, 0o644)
	try(t, Options{Learners: slow}, TryFlags{File: file, Outcome: "y", Schedule: schedule, Predictions: p})
	if got, _ := os.ReadFile(p); !bytes.Equal(got, want) {
		t.Error("the schedule gives other bytes")
	}
}

// sleeper is a learner that never ends by itself.
type sleeper struct{}

func (sleeper) Name() string { return "svm" }

func (sleeper) Fit(ctx context.Context, _ *table.Table, _ model.Outcome, _ []float64) (model.Model, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestTryIDsStayTogether(t *testing.T) {
	n := 0
	file := tryTable(t, "t.csv", 300, "who,y", func(s *kernel.Stream, a, b float64, c string) string {
		n++
		return fmt.Sprintf("c%d,%s", n/3, yesNo(s, a, b, c))
	})
	p := filepath.Join(t.TempDir(), "p.csv")
	try(t, Options{}, TryFlags{File: file, Outcome: "y", ID: "who", Models: []string{"linear"}, Predictions: p})
	fold := map[int]string{}
	for _, row := range readCSV(t, p)[1:] {
		i, _ := strconv.Atoi(row[0])
		if f, ok := fold[(i+1)/3]; ok && f != row[1] {
			t.Fatalf("rows of one id lie in folds %s and %s", f, row[1])
		}
		fold[(i+1)/3] = row[1]
	}
}

func TestTryPictures(t *testing.T) {
	line := tryTable(t, "t.csv", 120, "y", func(s *kernel.Stream, a, _ float64, _ string) string { return fmt.Sprint(1 + 2*a + 0.3*s.Norm()) })
	circle := tryTable(t, "t.csv", 200, "y", func(_ *kernel.Stream, a, b float64, _ string) string { return strconv.FormatBool(a*a+b*b < 1) })
	for _, c := range []struct {
		f    TryFlags
		want []string
	}{
		{TryFlags{File: line, Drop: []string{"b", "c"}}, []string{"<circle", "<polyline", redColor, blueColor}},
		{TryFlags{File: circle, Drop: []string{"c"}}, []string{"y = true", "y = false", "p = 0.5", "<polyline"}},
		{TryFlags{File: line}, []string{"predicted"}},
		{TryFlags{File: circle, Task: "multiclass"}, []string{"actual"}},
	} {
		c.f.Outcome, c.f.Plot = "y", filepath.Join(t.TempDir(), "p.svg")
		try(t, Options{}, c.f)
		b, _ := os.ReadFile(c.f.Plot)
		for _, w := range c.want {
			if !bytes.Contains(b, []byte(w)) {
				t.Errorf("%+v: no %q in the picture", c.f, w)
			}
		}
		if bytes.Contains(b, []byte("NaN")) {
			t.Errorf("%+v: NaN in the picture", c.f)
		}
	}
}

// The contour of a plane is a straight line.
func TestContour(t *testing.T) {
	x := []float64{0, 1, 2, 3}
	var z []float64
	for _, b := range x {
		for _, a := range x {
			z = append(z, a+2*b)
		}
	}
	line := contour(x, x, z, 4.5)
	if len(line) == 0 {
		t.Fatal("no line")
	}
	for _, p := range line {
		if !math.IsNaN(p.X) && math.Abs(p.X+2*p.Y-4.5) > 1e-12 {
			t.Errorf("%v is not on the line", p)
		}
	}
}

func TestTryCluster(t *testing.T) {
	file := tryTable(t, "t.csv", 200, "d,y", func(s *kernel.Stream, _, _ float64, c string) string {
		far := 0.0
		if c == "上海" {
			far = 30
		}
		return fmt.Sprintf("%g,x", far+s.Norm())
	})
	labels := filepath.Join(t.TempDir(), "l.csv")
	r, err := TryCluster(context.Background(), Options{}, TryFlags{File: file, Drop: []string{"a", "b", "y"}, K: "auto", Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	if rows := readCSV(t, labels); len(rows) != 201 || !slices.Equal(rows[0], []string{"row", "cluster"}) {
		t.Errorf("%d rows, %v", len(rows), rows[0])
	}
	if r.K < 2 || r.Silhouette < 0.5 || r.Stability <= 0 || r.Inertia <= 0 || r.Rows != 200 {
		t.Errorf("%+v", r)
	}
	for _, f := range []TryFlags{{File: file, K: "1"}, {File: file, K: "many"}, {File: file, Predictions: "p.csv"}} {
		if _, err := TryCluster(context.Background(), Options{}, f); kequn.KindOf(err) != kequn.KindUsage {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		values, positive, task string
		want                   string
	}{
		{"yes no no", "", "", "binary yes"},
		{"0 1 1 1", "", "", "binary 1"},
		{"1 2 2 1 1", "", "", "binary 2"},
		{"1 2 2", "", "", "binary 1"},
		{"是 否 是 是", "", "", "binary 是"},
		{"True False", "", "", "binary True"},
		{">50K <=50K <=50K", "", "", "binary >50K"},
		{"a b c", "", "", "multiclass a,b,c"},
		{"a b c", "c", "", "binary c"},
		{"1 2 3", "2.0", "", "binary 2.0"},
		{"3 1 2", "", "", "multiclass 1,2,3"},
		{"3 1 2", "", "regression", "regression "},
		{"1.5 2 3.5", "", "", "regression "},
		{"1 2 3 4 5 6 7 8 9 10 11", "", "", "regression "},
		{"0 1", "", "regression", "regression "},
		{"0 1", "", "multiclass", "multiclass 0,1"},
		{"a b", "", "regression", "input"},
		{"a b c", "", "binary", "usage"},
		{"a a a", "", "", "not_enough"},
		{"a a a", "a", "", "not_enough"},
		{"a b", "z", "", "input"},
	} {
		words := strings.Fields(c.values)
		col := table.NewColumn("y", table.Category, 0)
		if _, err := strconv.ParseFloat(words[0], 64); err == nil {
			col = table.NewColumn("y", table.Number, 0)
		}
		for _, w := range words {
			if col.Kind == table.Number {
				v, _ := strconv.ParseFloat(w, 64)
				col.Num = append(col.Num, v)
			} else {
				col.AppendString(w)
			}
		}
		g, err := targetOf(col, TryFlags{Outcome: "y", Positive: c.positive, Task: c.task})
		got := string(kequn.KindOf(err))
		if err == nil {
			got = string(g.task) + " " + g.positive + strings.Join(g.classes, ",")
		}
		if got != c.want {
			t.Errorf("%+v: %s (%v)", c, got, err)
		}
	}
}
