package pipeline

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/additive"
)

// leastSquares is the plain version: the textbook's formulas, from the file that a reader has.
func leastSquares(t *testing.T, file string) (slope, intercept, slopeSE, interceptSE, sigma, r2 float64) {
	t.Helper()
	var x, y []float64
	for _, row := range readCSV(t, file)[1:] {
		a, _ := strconv.ParseFloat(row[0], 64)
		b, _ := strconv.ParseFloat(row[1], 64)
		x, y = append(x, a), append(y, b)
	}
	n := float64(len(x))
	var mx, my, sxx, sxy, syy, rss float64
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	for i := range x {
		sxx, sxy, syy = sxx+(x[i]-mx)*(x[i]-mx), sxy+(x[i]-mx)*(y[i]-my), syy+(y[i]-my)*(y[i]-my)
	}
	slope = sxy / sxx
	intercept = my - slope*mx
	for i := range x {
		e := y[i] - intercept - slope*x[i]
		rss += e * e
	}
	sigma = math.Sqrt(rss / (n - 2))
	return slope, intercept, sigma / math.Sqrt(sxx), sigma * math.Sqrt(1/n+mx*mx/sxx), sigma, 1 - rss/syy
}

func TestLineIsLeastSquares(t *testing.T) {
	for seed := range uint64(8) {
		data := filepath.Join(t.TempDir(), "line.csv")
		d, err := RunLine(context.Background(), Options{Seed: seed}, TextbookFlags{Data: data})
		if err != nil {
			t.Fatal(err)
		}
		slope, intercept, slopeSE, interceptSE, sigma, r2 := leastSquares(t, data)
		for _, c := range []struct {
			name      string
			got, want float64
		}{
			{"slope", d.Slope, slope}, {"intercept", d.Intercept, intercept}, {"error of the slope", d.SlopeSE, slopeSE},
			{"error of the intercept", d.InterceptSE, interceptSE}, {"sigma", d.Sigma, sigma}, {"R²", d.R2, r2},
			{"t", *d.Coefficients[1].T, slope / slopeSE},
			{"width of the interval", d.Coefficients[1].High - d.Coefficients[1].Low, 2 * 1.984467454426692 * slopeSE}, // scipy 1.16: t.ppf(0.975, 98)
		} {
			if !(math.Abs(c.got-c.want) <= 1e-9*max(1, math.Abs(c.want))) {
				t.Errorf("seed %d, %s: %.15g, want %.15g", seed, c.name, c.got, c.want)
			}
		}
		if math.Abs(d.Intercept-2.5) > 0.2 || math.Abs(d.Slope-3) > 0.4 || d.Rows != 100 {
			t.Errorf("seed %d: %+v", seed, d)
		}
	}
}

// The boundary's coefficients satisfy the equations of maximum likelihood: the residuals have nothing in common with 1, x1 and x2. And its errors are
// those of the inverse of the information, to 1e-5: the learner takes the information a last, tiny step before its coefficients.
func TestBoundaryIsMaximumLikelihood(t *testing.T) {
	for seed := range uint64(8) {
		data := filepath.Join(t.TempDir(), "b.csv")
		d, err := RunBoundary(context.Background(), Options{Seed: seed}, TextbookFlags{Data: data})
		if err != nil {
			t.Fatal(err)
		}
		var gradient [3]float64
		var info [3][3]float64
		right, loss := 0.0, 0.0
		for _, row := range readCSV(t, data)[1:] {
			var z [3]float64
			z[0] = 1
			z[1], _ = strconv.ParseFloat(row[0], 64)
			z[2], _ = strconv.ParseFloat(row[1], 64)
			y, _ := strconv.ParseFloat(row[2], 64)
			m := 0.0
			for j := range z {
				m += d.Coefficients[j].Value * z[j]
			}
			p := 1 / (1 + math.Exp(-m))
			if (m >= 0) == (y == 1) {
				right++
			}
			loss -= y*math.Log(p) + (1-y)*math.Log(1-p)
			for j := range z {
				gradient[j] += (y - p) * z[j]
				for k := range z {
					info[j][k] += p * (1 - p) * z[j] * z[k]
				}
			}
		}
		for j, g := range gradient {
			if math.Abs(g) > 1e-6 {
				t.Errorf("seed %d: the gradient of coefficient %d is %g", seed, j, g)
			}
		}
		minor := func(a, b, c, e float64) float64 { return a*e - b*c }
		c00 := minor(info[1][1], info[1][2], info[2][1], info[2][2])
		det := info[0][0]*c00 - info[0][1]*minor(info[1][0], info[1][2], info[2][0], info[2][2]) + info[0][2]*minor(info[1][0], info[1][1], info[2][0], info[2][1])
		for j, c := range []float64{c00, minor(info[0][0], info[0][2], info[2][0], info[2][2]), minor(info[0][0], info[0][1], info[1][0], info[1][1])} {
			if want := math.Sqrt(c / det); math.Abs(d.Coefficients[j].SE-want) > 1e-5*want {
				t.Errorf("seed %d: the error of coefficient %d is %g, want %g", seed, j, d.Coefficients[j].SE, want)
			}
		}
		if d.Accuracy != right/100 || math.Abs(d.LogLoss-loss/100) > 1e-9 {
			t.Errorf("seed %d: accuracy %g, want %g; log loss %g, want %g", seed, d.Accuracy, right/100, d.LogLoss, loss/100)
		}
		if d.Accuracy < 0.75 || d.CVAccuracy < 0.7 || d.CVAccuracy > 1 || d.Positives != 50 {
			t.Errorf("seed %d: %+v", seed, d)
		}
	}
}

// Both languages, no figure that is none, points in the colours that are promised, and the same bytes again.
func TestTextbookPictures(t *testing.T) {
	for _, lang := range []kequn.Lang{kequn.Chinese, kequn.English} {
		dir := t.TempDir()
		draw := func(name string, threads int) (line, boundary []byte) {
			o := Options{Lang: lang, Threads: threads}
			a, b := filepath.Join(dir, name+"a.svg"), filepath.Join(dir, name+"b.svg")
			if _, err := RunLine(context.Background(), o, TextbookFlags{Plot: a}); err != nil {
				t.Fatal(err)
			}
			if _, err := RunBoundary(context.Background(), o, TextbookFlags{Plot: b}); err != nil {
				t.Fatal(err)
			}
			line, _ = os.ReadFile(a)
			boundary, _ = os.ReadFile(b)
			return line, boundary
		}
		line, boundary := draw("one", 1)
		line2, boundary2 := draw("two", 2)
		if !bytes.Equal(line, line2) || !bytes.Equal(boundary, boundary2) {
			t.Error("the picture depends on the number of threads")
		}
		points := func(svg []byte, color string) int {
			return len(regexp.MustCompile(`<circle [^>]*r="3" fill="`+color+`"`).FindAll(svg, -1))
		}
		if n := points(line, redColor); n != 100 {
			t.Errorf("%d red points of the line", n)
		}
		if a, b := points(boundary, redColor), points(boundary, blueColor); a != 50 || b != 50 {
			t.Errorf("%d and %d points of the classes", a, b)
		}
		if !regexp.MustCompile(`<polyline [^>]*stroke="` + blueColor + `"`).Match(line) {
			t.Error("no blue line")
		}
		for _, svg := range [][]byte{line, boundary} {
			if bytes.Contains(svg, []byte("NaN")) || !bytes.Contains(svg, []byte(lang.Pick("真", "tru"))) {
				t.Errorf("%s", svg[:300])
			}
		}
	}
}

// One feature, odd tables: whatever is drawn, it is drawn without a figure that is none.
func TestTryPicturesOfOddTables(t *testing.T) {
	huge := func(i int) string { return fmt.Sprintf("%de%d,%g", 1+i%7, 290+i%17, float64(i%9)*1e299) }
	for _, c := range []struct {
		name, head string
		rows       int
		row        func(i int) string
		want       []string
		models     string
	}{
		{"line", "visits,y", 60, func(i int) string { return fmt.Sprintf("%d,%g", i, 3*float64(i)+2+float64(i*7%5)) }, []string{"y = 3.0", "× visits", redColor, blueColor}, "linear"},
		{"missing", "x,y", 60, func(i int) string {
			return []string{"", strconv.Itoa(i)}[min(1, i%3)] + "," + strconv.Itoa(i)
		}, []string{redColor}, "linear,tree"},
		{"huge", "x,y", 60, huge, nil, "linear,tree"},
		{"chance", "x,y", 200, func(i int) string { return fmt.Sprintf("%d,%v", i%50, (i*i)%97 > 60+i%50-25) }, []string{"log-odds = ", "observed share", "as likely as not", redColor, blueColor}, "linear"},
		{"levels", "city,y", 90, func(i int) string {
			return []string{"上海", "北京", "Köln"}[i%3] + "," + []string{"yes", "no"}[min(1, i%7%3)]
		}, []string{"上海", "model", "whiskers"}, "linear"},
		{"amounts", "city,y", 90, func(i int) string { return []string{"a", "b", "c"}[i%3] + "," + fmt.Sprint(i%3*10+i%7) }, []string{"mean of y by city", "(30 rows)"}, "linear"},
		{"upright", "x1,x2,y", 120, func(i int) string { return fmt.Sprintf("%d,%d,%v", i%40, i*31%37, i%40+i%7 > 22) }, []string{"accuracy", "y = true"}, "linear"},
	} {
		var b strings.Builder
		b.WriteString(c.head + "\n")
		for i := range c.rows {
			b.WriteString(c.row(i) + "\n")
		}
		dir := t.TempDir()
		file, svg := filepath.Join(dir, "t.csv"), filepath.Join(dir, "p.svg")
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Try(context.Background(), Options{Learners: tryLearners, Lang: kequn.English}, TryFlags{File: file, Outcome: "y", Models: strings.Split(c.models, ","), Plot: svg})
		if kequn.KindOf(err) == kequn.KindInternal && err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		text, readErr := os.ReadFile(svg)
		if err != nil {
			if len(c.want) > 0 || readErr == nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		for _, w := range append(c.want, "<svg") {
			if !bytes.Contains(text, []byte(w)) {
				t.Errorf("%s: no %q in the picture", c.name, w)
			}
		}
		if bytes.Contains(text, []byte("NaN")) || bytes.Contains(text, []byte("Inf")) || regexp.MustCompile(`[0-9]{40}`).Match(text) {
			t.Errorf("%s: a figure that is none", c.name)
		}
	}
}

// An additive model is drawn as what it is, below how good it is.
func TestTryDrawsShapes(t *testing.T) {
	file := tryTable(t, "t.csv", 200, "y", yesNo)
	svg := filepath.Join(t.TempDir(), "p.svg")
	try(t, Options{Lang: kequn.English, Learners: []model.Named{{Name: "additive", Learner: additive.Learner{Sweeps: 50}}}}, TryFlags{File: file, Outcome: "y", Models: []string{"additive"}, Plot: svg})
	text, _ := os.ReadFile(svg)
	for _, w := range []string{"the model itself", "ROC", "calibration", "of all)"} {
		if !bytes.Contains(text, []byte(w)) {
			t.Errorf("no %q in the picture", w)
		}
	}
}

func TestEquations(t *testing.T) {
	for _, c := range []struct {
		slope, intercept float64
		x, want          string
	}{
		{3.0249, 2.4871, "x", "y = 3.02 x + 2.49"}, {-0.0713, -12345, "x", "y = −0.0713 x − 12,345"}, {2, 0, "visits", "y = 2.00 × visits"},
		{0, 7, "x", "y = 7.00"}, {1e-7, 1e300, "x", "y = 1e-07 x + 1e+300"},
	} {
		if got := equation("y", c.x, c.slope, c.intercept); got != c.want {
			t.Errorf("%v, %v: %q, want %q", c.slope, c.intercept, got, c.want)
		}
	}
}

func TestTextbookFilesAreAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	plot := filepath.Join(dir, "p.svg")
	if _, err := RunLine(context.Background(), Options{}, TextbookFlags{Plot: plot, Data: filepath.Join(dir, "absent", "d.csv")}); kequn.KindOf(err) != kequn.KindUsage {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := RunBoundary(ctx, Options{}, TextbookFlags{Plot: plot}); err == nil {
		t.Error("went on after it was cancelled")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v behind", left)
	}
	var b bytes.Buffer
	x, _ := boundaryPoints(3)
	if err := writeNumbers(&b, x); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 101 || rows[1][0] != strconv.FormatFloat(x.Columns[0].Num[0], 'g', -1, 64) {
		t.Errorf("%v, %d rows", err, len(rows))
	}
}
