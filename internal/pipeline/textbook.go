package pipeline

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/model/linear"
	"kequn/internal/table"
)

// Both textbook examples have so many points.
const textbookRows = 100

// textbookLearner is the model of the textbooks: coefficients are not held back, numbers enter as they are. A penalty of exactly 0 would ask for a
// penalty to be chosen; this one changes no coefficient in its first eleven digits.
var textbookLearner = linear.Learner{L2: 1e-12, NoLog: true, Straight: true}

// TextbookFlags say which files a textbook example writes.
type TextbookFlags struct {
	Plot string // SVG to write
	Data string // CSV to write: the points
}

// TextbookCoefficient is one line of a regression table, with its 95 % interval.
type TextbookCoefficient struct {
	Name      string   `json:"name"` // intercept, or the feature
	Value     float64  `json:"value"`
	SE        float64  `json:"se"` // standard error
	Low       float64  `json:"low"`
	High      float64  `json:"high"`
	T         *float64 `json:"t,omitempty"`          // of a line: value over error, by Student's distribution
	Z         *float64 `json:"z,omitempty"`          // of a boundary: the same, by the normal distribution
	P         float64  `json:"p"`                    // chance of a coefficient this far from 0 were the truth 0
	OddsRatio *float64 `json:"odds_ratio,omitempty"` // of a boundary: what one unit more multiplies the odds by
	Truth     float64  `json:"truth"`
}

// LineDemo is 100 points of y = 3x + 2 + u and the line of least squares through them.
type LineDemo struct {
	Demo         string                `json:"demo"`
	Rows         int                   `json:"rows"`
	Seed         uint64                `json:"seed"`
	Formula      string                `json:"formula"` // the points are made by
	Model        string                `json:"model"`
	Method       string                `json:"method"`
	Equation     string                `json:"equation"` // of the fitted line
	Slope        float64               `json:"slope"`
	Intercept    float64               `json:"intercept"`
	SlopeSE      float64               `json:"slope_se"`
	InterceptSE  float64               `json:"intercept_se"`
	Coefficients []TextbookCoefficient `json:"coefficients"`
	R2           float64               `json:"r2"`
	Sigma        float64               `json:"sigma"` // how far points scatter around the line
	DF           int                   `json:"df"`    // degrees of freedom of sigma
	Truth        LineTruth             `json:"truth"`
	Why          string                `json:"why"` // the intercept is near 2.5
	Plot         string                `json:"plot,omitempty"`
	Data         string                `json:"data,omitempty"`
}

// LineTruth is what the points were made with, the mean of u being part of the intercept.
type LineTruth struct {
	Slope     float64 `json:"slope"`
	Intercept float64 `json:"intercept"`
	Sigma     float64 `json:"sigma"`
}

// BoundaryDemo is 100 points of two classes over two features and the line on which a logistic regression is undecided.
type BoundaryDemo struct {
	Demo             string                `json:"demo"`
	Rows             int                   `json:"rows"`
	Positives        int                   `json:"positives"`
	Seed             uint64                `json:"seed"`
	Formula          string                `json:"formula"`
	Model            string                `json:"model"`
	Method           string                `json:"method"`
	Equation         string                `json:"equation"` // of the boundary
	Words            string                `json:"words"`    // the same, in words
	Coefficients     []TextbookCoefficient `json:"coefficients"`
	Accuracy         float64               `json:"accuracy"` // on the points it was fitted to
	AccuracyInterval metric.Interval       `json:"accuracy_interval"`
	CVAccuracy       float64               `json:"cv_accuracy"` // five folds: on points it was not fitted to
	Folds            int                   `json:"folds"`
	AUC              float64               `json:"auc"`
	LogLoss          float64               `json:"log_loss"`
	Truth            BoundaryTruth         `json:"truth"`
	Plot             string                `json:"plot,omitempty"`
	Data             string                `json:"data,omitempty"`
}

// BoundaryTruth is what the points were made with, and how often the best of all rules is right about new points.
type BoundaryTruth struct {
	Intercept float64 `json:"intercept"`
	X1        float64 `json:"x1"`
	X2        float64 `json:"x2"`
	Accuracy  float64 `json:"accuracy"`
}

// RunLine makes up 100 points of y = 3x + 2 + u, x and u uniform on [0, 1), and fits a line by ordinary least squares:
//
//	slope = Σ(x−x̄)(y−ȳ) / Σ(x−x̄)²,   intercept = ȳ − slope·x̄,   σ² = Σ(y−ŷ)² / (n−2)
//
// Intervals and p-values are by Student's distribution with n−2 degrees of freedom. It writes what the flags ask for: all of the files or, on
// an error, none.
func RunLine(ctx context.Context, o Options, f TextbookFlags) (*LineDemo, error) {
	o = o.withDefaults()
	files := &stage{}
	if err := files.check(f.Plot, f.Data); err != nil {
		return nil, err
	}
	x, y := linePoints(o.Seed)
	l := textbookLearner
	l.Threads = o.Threads
	at := table.New(&table.Column{Name: "x", Kind: table.Number, Num: x})
	m, err := l.Fit(ctx, at, model.Outcome{Task: kequn.Regression, Y: y}, nil)
	if err != nil {
		return nil, err
	}
	fitted, err := m.Predict(at)
	if err != nil {
		return nil, err
	}
	df := textbookRows - 2
	d := &LineDemo{Demo: "line", Rows: textbookRows, Seed: o.Seed, Model: l.Name(), DF: df, Plot: f.Plot, Data: f.Data,
		Formula: o.Lang.Pick("y = 3x + 2 + u，x、u 均匀分布于 [0, 1)", "y = 3x + 2 + u, x and u uniform on [0, 1)"),
		Method:  o.Lang.Pick("普通最小二乘", "ordinary least squares"),
		Truth:   LineTruth{Slope: 3, Intercept: 2.5, Sigma: math.Sqrt(1.0 / 12)},
		R2:      metric.R2(y, fitted, nil), Sigma: residualDeviation(y, fitted),
		Why: o.Lang.Pick("截距接近 2.5 而不是 2：u 平均为 0.5，直线把这个平均值算进了截距（2 + 0.5）；u 余下的起伏（标准差 1/√12 ≈ 0.289）就是 σ。",
			"The intercept is near 2.5, not 2: u is 0.5 on average, and the line takes the average up (2 + 0.5). What is left of u scatters by 1/√12 ≈ 0.289, which is σ."),
	}
	d.Coefficients = regressionTable(m, func(c *TextbookCoefficient) {
		t := c.Value / c.SE
		c.T, c.P = &t, 2*metric.TCDF(-math.Abs(t), float64(df))
	}, metric.TQuantile(0.975, float64(df)), d.Truth.Intercept, d.Truth.Slope)
	d.Intercept, d.InterceptSE = d.Coefficients[0].Value, d.Coefficients[0].SE
	d.Slope, d.SlopeSE = d.Coefficients[1].Value, d.Coefficients[1].SE
	d.Equation = equation("y", "x", d.Slope, d.Intercept)
	return d, o.writeTextbook(ctx, files, f, table.New(at.Columns[0], &table.Column{Name: "y", Kind: table.Number, Num: y}), func() string {
		return d.picture(o.Lang, x, y)
	})
}

// linePoints draws the points of a seed.
func linePoints(seed uint64) (x, y []float64) {
	s := kernel.NewStream(seed, kernel.ID("demo line"))
	x, y = make([]float64, textbookRows), make([]float64, textbookRows)
	for i := range x {
		x[i] = s.Float64()
		y[i] = 3*x[i] + 2 + s.Float64()
	}
	return x, y
}

// residualDeviation is √(Σ(y−ŷ)²/(n−2)), NaN for fewer than three rows.
func residualDeviation(y, fitted []float64) float64 {
	if len(y) < 3 {
		return math.NaN()
	}
	sum := 0.0
	for i := range y {
		sum += (y[i] - fitted[i]) * (y[i] - fitted[i])
	}
	return math.Sqrt(sum / float64(len(y)-2))
}

// regressionTable reads the coefficients of a linear model. test adds what is said about a coefficient being 0; quantile is that of its interval.
func regressionTable(m model.Model, test func(*TextbookCoefficient), quantile float64, truth ...float64) []TextbookCoefficient {
	var out []TextbookCoefficient
	for i, c := range m.(*linear.Model).Coefficients() {
		line := TextbookCoefficient{Name: c.Column, Value: c.Value, SE: c.SE, Low: c.Value - quantile*c.SE, High: c.Value + quantile*c.SE, Truth: truth[i]}
		if c.Kind == linear.Intercept {
			line.Name = "intercept"
		}
		test(&line)
		out = append(out, line)
	}
	return out
}

func (d *LineDemo) picture(lang kequn.Lang, x, y []float64) string {
	at := make([]chart.Point, len(x))
	for i := range x {
		at[i] = chart.Point{X: x[i], Y: y[i]}
	}
	grid := evenly(0, 1, 101)
	p := linePicture{
		lang: lang, x: "x", y: "y", points: at, name: d.Equation,
		title: d.Formula,
		caption: fmt.Sprintf(lang.Pick("斜率 %.3f ± %.3f，截距 %.3f ± %.3f，R² %.3f；浅色带：95%% 置信", "slope %.3f ± %.3f, intercept %.3f ± %.3f, R² %.3f; band: 95 %% confidence"),
			d.Slope, d.SlopeSE, d.Intercept, d.InterceptSE, d.R2),
	}
	for _, g := range grid {
		p.line = append(p.line, chart.Point{X: g, Y: d.Intercept + d.Slope*g})
		p.truth = append(p.truth, chart.Point{X: g, Y: d.Truth.Intercept + d.Truth.Slope*g})
	}
	p.truthName = lang.Pick("真相 ", "truth ") + fmt.Sprintf("y = %g x + %g", d.Truth.Slope, d.Truth.Intercept)
	p.confidence(x, d.Sigma)
	return p.SVG()
}

// The two clouds of the boundary are normal with deviation 1 around −centre and centre, so that the true log-odds are 2·x1 + 1.5·x2.
var cloudCentre = [2]float64{1, 0.75}

// RunBoundary makes up 50 points around (1, 0.75) and 50 around (−1, −0.75), normally distributed with deviation 1 in both features, and fits a logistic
// regression by maximum likelihood:
//
//	log(p/(1−p)) = b + w₁·x1 + w₂·x2,   minimising Σ −log p(yᵢ)
//
// The boundary is where p is one half. It writes what the flags ask for: all of the files or, on an error, none.
func RunBoundary(ctx context.Context, o Options, f TextbookFlags) (*BoundaryDemo, error) {
	o = o.withDefaults()
	files := &stage{}
	if err := files.check(f.Plot, f.Data); err != nil {
		return nil, err
	}
	x, y := boundaryPoints(o.Seed)
	l := textbookLearner
	l.Threads = o.Threads
	outcome := model.Outcome{Task: kequn.Binary, Y: y}
	m, err := l.Fit(ctx, x, outcome, nil)
	if err != nil {
		return nil, err
	}
	p, err := m.Predict(x)
	if err != nil {
		return nil, err
	}
	distance := 2 * math.Hypot(cloudCentre[0], cloudCentre[1])
	d := &BoundaryDemo{Demo: "boundary", Rows: textbookRows, Positives: textbookRows / 2, Seed: o.Seed, Model: l.Name(), Folds: 5, Plot: f.Plot, Data: f.Data,
		Formula: o.Lang.Pick("两团正态点，中心 (1, 0.75) 与 (−1, −0.75)，标准差 1，各 50 个", "two normal clouds of 50 points around (1, 0.75) and (−1, −0.75), deviation 1"),
		Method:  o.Lang.Pick("逻辑回归，最大似然", "logistic regression, maximum likelihood"),
		AUC:     metric.AUC(y, p, nil), LogLoss: metric.LogLoss(y, p, nil),
		Truth: BoundaryTruth{X1: 2 * cloudCentre[0], X2: 2 * cloudCentre[1], Accuracy: metric.NormCDF(distance / 2)},
	}
	right := rightCount(y, p)
	d.Accuracy, d.AccuracyInterval = right/textbookRows, metric.Wilson(right, textbookRows, 0.95)
	if d.CVAccuracy, err = foldAccuracy(ctx, l, x, outcome, d.Folds, o.Seed); err != nil {
		return nil, err
	}
	d.Coefficients = regressionTable(m, func(c *TextbookCoefficient) {
		z := c.Value / c.SE
		c.Z, c.P = &z, math.Erfc(math.Abs(z)/math.Sqrt2)
		if c.Name != "intercept" {
			odds := math.Exp(c.Value)
			c.OddsRatio = &odds
		}
	}, metric.NormQuantile(0.975), 0, d.Truth.X1, d.Truth.X2)
	b, w1, w2 := d.Coefficients[0].Value, d.Coefficients[1].Value, d.Coefficients[2].Value
	d.Equation = equation("x2", "x1", -w1/w2, -b/w2)
	sum := fmt.Sprintf("%s %s %s", product(w1, "x1"), added(w2, "x2"), added(b, ""))
	d.Words = fmt.Sprintf(o.Lang.Pick("对数几率 = %s：大于 0 判为 1，小于 0 判为 0；等于 0 处是分界线 %s。", "log-odds = %s: above 0 the class is 1, below 0 it is 0; where it is 0 lies the boundary, %s."), sum, d.Equation)
	data := table.New(append(append([]*table.Column{}, x.Columns...), &table.Column{Name: "y", Kind: table.Number, Num: y})...)
	return d, o.writeTextbook(ctx, files, f, data, func() string { return d.picture(o.Lang, x, y) })
}

// boundaryPoints draws the points of a seed, the classes in turn.
func boundaryPoints(seed uint64) (*table.Table, []float64) {
	s := kernel.NewStream(seed, kernel.ID("demo boundary"))
	a, b, y := make([]float64, textbookRows), make([]float64, textbookRows), make([]float64, textbookRows)
	for i := range y {
		y[i] = float64(i % 2)
		side := 2*y[i] - 1
		a[i] = side*cloudCentre[0] + s.Norm()
		b[i] = side*cloudCentre[1] + s.Norm()
	}
	return table.New(&table.Column{Name: "x1", Kind: table.Number, Num: a}, &table.Column{Name: "x2", Kind: table.Number, Num: b}), y
}

// rightCount counts the rows whose likelier class is the true one.
func rightCount(y, p []float64) float64 {
	n := 0.0
	for i := range y {
		if (p[i] >= 0.5) == (y[i] == 1) {
			n++
		}
	}
	return n
}

// foldAccuracy is the share of rows that are right by models which were not trained on them.
func foldAccuracy(ctx context.Context, l model.Learner, x *table.Table, y model.Outcome, folds int, seed uint64) (float64, error) {
	fold := ladder.Folds(x, y, nil, folds, seed)
	right := 0.0
	for k := range folds {
		var train, test []int32
		for i, f := range fold {
			if int(f) == k {
				test = append(test, int32(i))
			} else {
				train = append(train, int32(i))
			}
		}
		m, err := l.Fit(ctx, x.Take(train), y.Take(train), nil)
		if err != nil {
			return 0, err
		}
		p, err := m.Predict(x.Take(test))
		if err != nil {
			return 0, err
		}
		right += rightCount(y.Take(test).Y, p)
	}
	return right / float64(len(fold)), nil
}

func (d *BoundaryDemo) picture(lang kequn.Lang, x *table.Table, y []float64) string {
	b, w1, w2 := d.Coefficients[0].Value, d.Coefficients[1].Value, d.Coefficients[2].Value
	p := boundaryPicture{
		lang: lang, x: "x1", y: "x2", yes: "y = 1", no: "y = 0", name: lang.Pick("分界线 ", "boundary ") + d.Equation,
		title: d.Formula,
		caption: fmt.Sprintf(lang.Pick("准确率 %.0f%%，五折 %.0f%%（可能的最好水平 %.0f%%）", "accuracy %.0f %%, in five folds %.0f %% (best possible %.0f %%)"),
			100*d.Accuracy, 100*d.CVAccuracy, 100*d.Truth.Accuracy),
	}
	x1, x2 := x.Columns[0].Num, x.Columns[1].Num
	for i := range y {
		at := chart.Point{X: x1[i], Y: x2[i]}
		if y[i] == 1 {
			p.ofYes = append(p.ofYes, at)
		} else {
			p.ofNo = append(p.ofNo, at)
		}
	}
	us, _ := gridOf(x.Columns[0], 61)
	vs, _ := gridOf(x.Columns[1], 61)
	margin, truth := make([]float64, 0, len(us)*len(vs)), make([]float64, 0, len(us)*len(vs))
	for _, v := range vs {
		for _, u := range us {
			margin, truth = append(margin, b+w1*u+w2*v), append(truth, d.Truth.Intercept+d.Truth.X1*u+d.Truth.X2*v)
		}
	}
	p.line, p.truth = ends(contour(us, vs, margin, 0)), ends(contour(us, vs, truth, 0))
	return p.SVG()
}

// writeTextbook writes the files of a textbook example.
func (o Options) writeTextbook(ctx context.Context, files *stage, f TextbookFlags, data *table.Table, picture func() string) error {
	defer files.abort()
	if f.Data != "" {
		if err := files.write(f.Data, func(w io.Writer) error { return writeNumbers(w, data) }); err != nil {
			return err
		}
	}
	if f.Plot != "" {
		if err := files.write(f.Plot, func(w io.Writer) error { _, err := io.WriteString(w, chart.Standalone(picture())); return err }); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return files.commit()
}

// writeNumbers writes columns of numbers as CSV, to the last digit.
func writeNumbers(w io.Writer, t *table.Table) error {
	out := bufio.NewWriter(w)
	for j, name := range t.Names() {
		if j > 0 {
			out.WriteByte(',')
		}
		out.WriteString(csvField(name))
	}
	for i := range t.NRows() {
		for j, c := range t.Columns {
			sep := byte(',')
			if j == 0 {
				sep = '\n'
			}
			out.WriteByte(sep)
			out.WriteString(strconv.FormatFloat(c.Num[i], 'g', -1, 64))
		}
	}
	out.WriteByte('\n')
	return out.Flush()
}
