package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/metric"
	"kequn/internal/table"
)

// Pictures have at most so many points of each kind: more is a blot.
const plotPoints = 1500

// plot draws what suits the task: the line of one numeric feature, the boundary of two, else curves.
func (t *trial) plot(ctx context.Context) (string, error) {
	t.Progress(t.Lang.Pick("绘图", "draw"), 0, 0)
	numeric := 0
	for _, c := range t.x.Columns {
		if !c.Kind.InCode() {
			numeric++
		}
	}
	var svg string
	var err error
	switch n := len(t.x.Columns); {
	case t.y.Task == kequn.Regression && n == 1 && numeric == 1:
		svg, err = t.plotLine(ctx)
	case t.y.Task == kequn.Binary && n == 2 && numeric == 2:
		svg, err = t.plotBoundary(ctx)
	default:
		svg, err = t.plotCurves()
	}
	return chart.Standalone(svg), err
}

// plotLine draws an amount against its one feature, and the chosen model's line.
func (t *trial) plotLine(ctx context.Context) (string, error) {
	m, err := t.ladder.Fit(ctx, t.rung(t.res.Chosen))
	if err != nil {
		return "", err
	}
	x := t.x.Columns[0]
	grid, ok := gridOf(x, 400)
	if !ok {
		return t.plotCurves()
	}
	y, err := m.Predict(table.New(&table.Column{Name: x.Name, Kind: table.Number, Num: grid}))
	if err != nil {
		return "", err
	}
	line := make([]chart.Point, len(grid))
	for i := range grid {
		line[i] = chart.Point{X: grid[i], Y: y[i]}
	}
	return chart.Line{
		Title: fmt.Sprintf("%s ~ %s", t.f.Outcome, x.Name), X: chart.Axis{Label: x.Name}, Y: chart.Axis{Label: t.f.Outcome}, Height: 400,
		Series: []chart.Series{
			{Name: t.Lang.Pick("数据", "data"), CSS: pointColor, Marks: true, Points: t.points(func(i int) (chart.Point, bool) {
				return chart.Point{X: x.Float(i), Y: t.y.Y[i]}, true
			})},
			{Name: t.Lang.Pick("模型 ", "model ") + t.res.Chosen, CSS: lineColor, Points: line},
		},
	}.SVG(), nil
}

// The colours of pictures whose points and lines have a meaning of their own.
const (
	pointColor = "#2563a8"
	lineColor  = "#d1495b"
)

// points returns the places of rows that are shown, evenly thinned out.
func (t *trial) points(at func(i int) (chart.Point, bool)) []chart.Point {
	var out []chart.Point
	for i := range t.x.NRows() {
		if p, ok := at(i); ok && t.judged(int32(i)) && finite(p.X) && finite(p.Y) {
			out = append(out, p)
		}
	}
	if len(out) <= plotPoints {
		return out
	}
	thin := make([]chart.Point, plotPoints)
	for i := range thin {
		thin[i] = out[i*len(out)/plotPoints]
	}
	return thin
}

// gridOf returns n values over the range of a column.
func gridOf(c *table.Column, n int) ([]float64, bool) {
	v := slices.DeleteFunc(slices.Clone(c.Floats()), math.IsNaN)
	if len(v) == 0 {
		return nil, false
	}
	low, high := slices.Min(v), slices.Max(v)
	out := make([]float64, n)
	for i := range out {
		out[i] = low + (high-low)*float64(i)/float64(n-1)
	}
	return out, high > low
}

// plotBoundary draws the two classes over the two features, and the line on which the chosen model is undecided.
func (t *trial) plotBoundary(ctx context.Context) (string, error) {
	m, err := t.ladder.Fit(ctx, t.rung(t.res.Chosen))
	if err != nil {
		return "", err
	}
	const n = 161
	a, b := t.x.Columns[0], t.x.Columns[1]
	xs, okX := gridOf(a, n)
	ys, okY := gridOf(b, n)
	if !okX || !okY {
		return t.plotCurves()
	}
	u, v := make([]float64, n*n), make([]float64, n*n)
	for i := range u {
		u[i], v[i] = xs[i%n], ys[i/n]
	}
	p, err := m.Predict(table.New(&table.Column{Name: a.Name, Kind: table.Number, Num: u}, &table.Column{Name: b.Name, Kind: table.Number, Num: v}))
	if err != nil {
		return "", err
	}
	class := func(yes float64) []chart.Point {
		return t.points(func(i int) (chart.Point, bool) { return chart.Point{X: a.Float(i), Y: b.Float(i)}, t.y.Y[i] == yes })
	}
	level := 0.5
	line := contour(xs, ys, p, level)
	if line == nil { // nobody is as likely as not: where is the rate of everybody?
		level = metric.MeanInterval(t.y.Y, t.w, 0.95).Mean
		line = contour(xs, ys, p, level)
	}
	no := t.target.negative
	if no == "" {
		no = t.Lang.Pick("其他", "other")
	}
	return chart.Line{
		Title: fmt.Sprintf("%s ~ %s, %s", t.f.Outcome, a.Name, b.Name), X: chart.Axis{Label: a.Name}, Y: chart.Axis{Label: b.Name}, Height: 480,
		Series: []chart.Series{
			{Name: t.f.Outcome + " = " + t.target.positive, CSS: lineColor, Marks: true, Points: class(1)},
			{Name: t.f.Outcome + " = " + no, CSS: pointColor, Marks: true, Points: class(0)},
			{Name: fmt.Sprintf("%s, p = %.2g", t.res.Chosen, level), CSS: "var(--kq-ink,#24292f)", Points: line},
		},
	}.SVG(), nil
}

// contour returns the line on which z, given at the crossings of xs and ys (row by row), has the level: pairs of points, each
// followed by a break. Within a cell of the grid the line is straight (marching squares).
//
//	ys[j+1]  d───c
//	         │ ╲ │     the line enters and leaves where z passes the level along an edge
//	ys[j]    a───b
func contour(xs, ys, z []float64, level float64) []chart.Point {
	var out []chart.Point
	n := len(xs)
	for j := 0; j+1 < len(ys); j++ {
		for i := 0; i+1 < n; i++ {
			corner := [4]chart.Point{{X: xs[i], Y: ys[j]}, {X: xs[i+1], Y: ys[j]}, {X: xs[i+1], Y: ys[j+1]}, {X: xs[i], Y: ys[j+1]}}
			value := [4]float64{z[j*n+i], z[j*n+i+1], z[(j+1)*n+i+1], z[(j+1)*n+i]}
			var cross []chart.Point
			for k := range 4 {
				from, to := value[k], value[(k+1)%4]
				if (from < level) != (to < level) {
					s := (level - from) / (to - from)
					p, q := corner[k], corner[(k+1)%4]
					cross = append(cross, chart.Point{X: p.X + s*(q.X-p.X), Y: p.Y + s*(q.Y-p.Y)})
				}
			}
			for len(cross) >= 2 {
				out = append(out, cross[0], cross[1], chart.Point{X: math.NaN(), Y: math.NaN()})
				cross = cross[2:]
			}
		}
	}
	return out
}

// plotCurves draws how good the chosen line is on rows that it was not trained on.
func (t *trial) plotCurves() (string, error) {
	score, round, err := t.ladder.OutOfSample(t.rung(t.res.Chosen))
	if err != nil {
		return "", err
	}
	k := t.y.NOut()
	var y, p []float64
	for i, r := range round {
		if r >= 0 && t.judged(int32(i)) {
			y, p = append(y, t.y.Y[i]), append(p, score[i*k:(i+1)*k]...)
		}
	}
	title := fmt.Sprintf("%s: %s", t.f.Outcome, t.res.Chosen)
	switch t.y.Task {
	case kequn.Binary:
		return beside(title, t.rocCurve(y, p), t.gainCurve(y, p), t.calibrationCurve(y, p)), nil
	case kequn.Regression:
		return beside(title, t.amountCurve(y, p)), nil
	}
	return t.confusion(title, y, p, k), nil
}

const panelWidth, panelHeight = 440, 380

// beside puts pictures of one size side by side into one.
func beside(title string, panels ...chart.Line) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" class="kq" role="img" aria-label="%s">`, panelWidth*len(panels), panelHeight, escape(title))
	for i, p := range panels {
		p.Width, p.Height = panelWidth, panelHeight
		fmt.Fprintf(&b, `<svg x="%d" y="0" width="%d" height="%d"%s`, i*panelWidth, panelWidth, panelHeight, strings.TrimPrefix(p.SVG(), "<svg"))
	}
	b.WriteString("</svg>")
	return b.String()
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace

func places(of []metric.Point) []chart.Point {
	out := make([]chart.Point, len(of))
	for i, p := range of {
		out[i] = chart.Point{X: p.X, Y: p.Y}
	}
	return out
}

func (t *trial) rocCurve(y, p []float64) chart.Line {
	return chart.Line{
		Title: "ROC",
		X:     chart.Axis{Label: t.Lang.Pick("误报率", "false positive rate"), Max: 1, Percent: true},
		Y:     chart.Axis{Label: t.Lang.Pick("命中率", "true positive rate"), Max: 1, Percent: true},
		Series: []chart.Series{
			{Name: fmt.Sprintf("AUC %.3f", metric.AUC(y, p, nil)), CSS: pointColor, Points: places(metric.ROC(y, p, nil, 400))},
			{Name: t.Lang.Pick("随机", "random"), CSS: "#8b949e", Dashed: true, Points: []chart.Point{{}, {X: 1, Y: 1}}},
		},
	}
}

func (t *trial) gainCurve(y, p []float64) chart.Line {
	line := []chart.Point{{}}
	for _, g := range metric.Gains(y, p, nil, 100) {
		line = append(line, chart.Point{X: g.Share, Y: g.Captured})
	}
	return chart.Line{
		Title: t.Lang.Pick("增益", "gains"),
		X:     chart.Axis{Label: t.Lang.Pick("按分数取前", "share contacted, best scores first"), Max: 1, Percent: true},
		Y:     chart.Axis{Label: t.Lang.Pick("找到的正例", "positives found"), Max: 1, Percent: true},
		Series: []chart.Series{
			{Name: t.Lang.Pick("增益", "gains"), CSS: pointColor, Points: line},
			{Name: t.Lang.Pick("随机", "random"), CSS: "#8b949e", Dashed: true, Points: []chart.Point{{}, {X: 1, Y: 1}}},
		},
	}
}

func (t *trial) calibrationCurve(y, p []float64) chart.Line {
	var line []chart.Point
	top := 0.05
	for _, b := range metric.ReliabilityByRank(y, p, nil, 15) {
		line = append(line, chart.Point{X: b.Predicted, Y: b.Rate})
		top = max(top, b.Predicted, b.Rate)
	}
	top = min(1, math.Ceil(20*top)/20)
	return chart.Line{
		Title: t.Lang.Pick("校准", "calibration"),
		X:     chart.Axis{Label: t.Lang.Pick("预测概率", "predicted"), Max: top, Percent: true},
		Y:     chart.Axis{Label: t.Lang.Pick("实际比例", "observed"), Max: top, Percent: true},
		Series: []chart.Series{
			{Name: t.Lang.Pick("校准", "calibration"), CSS: pointColor, Dots: true, Points: line},
			{Name: t.Lang.Pick("完美", "perfect"), CSS: "#8b949e", Dashed: true, Points: []chart.Point{{}, {X: top, Y: top}}},
		},
	}
}

// amountCurve draws what happened against what was predicted.
func (t *trial) amountCurve(y, p []float64) chart.Line {
	low, high := min(slices.Min(y), slices.Min(p)), max(slices.Max(y), slices.Max(p))
	step := max(1, len(y)/plotPoints)
	var at []chart.Point
	for i := 0; i < len(y); i += step {
		at = append(at, chart.Point{X: p[i], Y: y[i]})
	}
	return chart.Line{
		Title: t.Lang.Pick("预测与实际", "predicted and actual"),
		X:     chart.Axis{Label: t.Lang.Pick("预测值", "predicted")}, Y: chart.Axis{Label: t.f.Outcome},
		Series: []chart.Series{
			{Name: t.Lang.Pick("数据", "data"), CSS: pointColor, Marks: true, Points: at},
			{Name: t.Lang.Pick("完美", "perfect"), CSS: "#8b949e", Dashed: true, Points: []chart.Point{{X: low, Y: low}, {X: high, Y: high}}},
		},
	}
}

// confusion draws how often each class is taken for which.
func (t *trial) confusion(title string, y, p []float64, k int) string {
	count := make([]float64, k*k)
	of := make([]float64, k)
	for i, c := range metric.TopClass(p, k) {
		count[int(y[i])*k+int(c)]++
		of[int(y[i])]++
	}
	cells := make([][]chart.Cell, k)
	for i := range cells {
		cells[i] = make([]chart.Cell, k)
		for j := range cells[i] {
			share := count[i*k+j] / max(1, of[i])
			cells[i][j] = chart.Cell{Share: share, Text: fmt.Sprintf("%.0f%%", 100*share), Sub: fmt.Sprintf("%.0f", count[i*k+j])}
		}
	}
	names := t.target.classes
	return chart.Grid(title, names, names, cells, t.Lang.Pick("预测", "predicted"), t.Lang.Pick("实际", "actual"), max(640, 90+80*k))
}
