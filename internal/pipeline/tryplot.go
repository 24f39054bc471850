package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model/ladder"
	"kequn/internal/model/linear"
	"kequn/internal/table"
)

// Pictures have at most so many points of each kind: more is a blot.
const plotPoints = 1500

// plot draws what suits the task: the line of one numeric feature, its S-curve, the boundary of two, the bars of one category, else curves; and
// the shapes of an additive model.
func (t *trial) plot(ctx context.Context) (string, error) {
	t.Progress(t.Lang.Pick("绘图", "draw"), 0, 0)
	var draw func(context.Context, *ladder.Choice) string
	numeric := !slices.ContainsFunc(t.x.Columns, func(c *table.Column) bool { return c.Kind.InCode() })
	switch n := len(t.x.Columns); {
	case t.y.Task == kequn.Regression && n == 1 && numeric:
		draw = t.plotLine
	case t.y.Task == kequn.Binary && n == 1 && numeric:
		draw = t.plotChance
	case t.y.Task == kequn.Binary && n == 2 && numeric:
		draw = t.plotBoundary
	case t.y.Task != kequn.Multiclass && n == 1 && t.x.Columns[0].Kind == table.Category:
		draw = t.plotLevels
	}
	shapes := t.mostly("additive")
	var m *ladder.Choice
	if draw != nil || shapes {
		var err error
		if m, err = t.ladder.Fit(ctx, t.rung(t.res.Chosen)); err != nil {
			return "", err
		}
	}
	if draw != nil {
		if svg := draw(ctx, m); svg != "" {
			return chart.Standalone(svg), nil
		}
	}
	svg, err := t.plotCurves()
	if err == nil && shapes {
		svg = t.withShapes(svg, m)
	}
	return chart.Standalone(svg), err
}

// mostly tells whether a family is what was chosen, or the heaviest part of the blend.
func (t *trial) mostly(family string) bool {
	name := t.rung(t.res.Chosen)
	if e := t.ladder.Entry(name); e != nil && len(e.Blend) > 0 {
		name = slices.MaxFunc(e.Blend, func(a, b ladder.Share) int { return cmp.Compare(a.Weight, b.Weight) }).Name
	}
	return name == family
}

// shapesShown bounds the shapes, and the grids, that are drawn.
const shapesShown = 12

// withShapes puts what each column adds below the curves.
func (t *trial) withShapes(svg string, m *ladder.Choice) string {
	members, _ := m.Members()
	for _, of := range members {
		if p, ok := of.(interface {
			Picture(lang kequn.Lang, most int) string
		}); ok {
			return chart.Sheet(t.title(), []chart.Tile{
				{Caption: t.Lang.Pick("在未参与训练的行上", "on rows that it was not trained on"), SVG: svg},
				{Caption: t.Lang.Pick("模型本身", "the model itself"), SVG: p.Picture(t.Lang, shapesShown)},
			}, 1, 1232)
		}
	}
	return svg
}

func (t *trial) title() string { return brief(t.f.Outcome, 40) + ": " + t.res.Chosen }

// alone tells whether the model is the linear one by itself.
func alone(m *ladder.Choice) bool {
	_, shares := m.Members()
	return len(shares) == 1 && shares[0].Name == linear.Family
}

// numbers is a table of columns of numbers called as the features are.
func (t *trial) numbers(values ...[]float64) *table.Table {
	out := &table.Table{}
	for j, v := range values {
		out.Columns = append(out.Columns, &table.Column{Name: t.x.Columns[j].Name, Kind: table.Number, Num: v})
	}
	return out
}

// plotLine draws an amount against its one feature, and the chosen model's line; nothing where there is no line to draw. Of a straight
// line that the linear model found alone, it has the equation and the band in which the true line lies.
func (t *trial) plotLine(_ context.Context, m *ladder.Choice) string {
	x := t.x.Columns[0]
	grid, ok := gridOf(x, 400)
	if !ok {
		return ""
	}
	v, err := m.Predict(t.numbers(grid))
	if err != nil {
		return ""
	}
	p := linePicture{lang: t.Lang, x: x.Name, y: t.f.Outcome, name: t.res.Chosen, title: t.title(), line: pairs(grid, v),
		points: t.points(func(i int) (chart.Point, bool) { return chart.Point{X: x.Float(i), Y: t.y.Y[i]}, true })}
	words := []string{fmt.Sprintf(t.Lang.Pick("%d 行", "%d rows"), t.res.Rows)}
	if e := t.entry(); e != nil && e.AmountFigures != nil && e.R2 != nil {
		words = append(words, fmt.Sprintf(t.Lang.Pick("未参与训练的行上 R² %.2f", "R² %.2f on rows left out of training"), *e.R2))
	}
	if slope, intercept, ok := straight(p.line); ok && alone(m) {
		p.title = equation(brief(t.f.Outcome, 30), brief(x.Name, 30), slope, intercept)
		p.name = equation("y", "x", slope, intercept)
		var xs, ys, fitted []float64
		for i := range t.x.NRows() {
			if at := x.Float(i); t.judged(int32(i)) && finite(at) {
				xs, ys, fitted = append(xs, at), append(ys, t.y.Y[i]), append(fitted, intercept+slope*at)
			}
		}
		if p.confidence(xs, residualDeviation(ys, fitted)); p.low != nil {
			words = append(words, t.Lang.Pick("浅色带：直线的 95% 置信", "band: 95 % confidence of the line"))
		}
	}
	p.caption = strings.Join(words, t.Lang.Pick("；", "; "))
	return p.SVG()
}

// entry is the chosen line of the result.
func (t *trial) entry() *TryModel {
	for i := range t.res.Models {
		if t.res.Models[i].Name == t.res.Chosen {
			return &t.res.Models[i]
		}
	}
	return nil
}

func pairs(x, y []float64) []chart.Point {
	out := make([]chart.Point, len(x))
	for i := range x {
		out[i] = chart.Point{X: x[i], Y: y[i]}
	}
	return out
}

// plotChance draws yes and no against the one feature, the observed share of yes, and the chosen model's chance of it: an S-curve where it
// is a logistic regression.
func (t *trial) plotChance(_ context.Context, m *ladder.Choice) string {
	x := t.x.Columns[0]
	grid, ok := gridOf(x, 400)
	if !ok {
		return ""
	}
	v, err := m.Predict(t.numbers(grid))
	if err != nil {
		return ""
	}
	p := linePicture{lang: t.Lang, x: x.Name, y: t.Lang.Pick("概率：", "chance of ") + t.f.Outcome + " = " + t.target.positive, name: t.res.Chosen, title: t.title(), line: pairs(grid, v),
		points: t.points(func(i int) (chart.Point, bool) {
			// Points at 0 and 1 would lie on each other: each is moved inwards by its own little way.
			aside := 0.05 * float64(kernel.Mix(uint64(i))>>11) / (1 << 53)
			return chart.Point{X: x.Float(i), Y: math.Abs(t.y.Y[i] - aside)}, true
		})}
	if seen := t.observed(x); seen != nil {
		p.more = []chart.Series{{Name: t.Lang.Pick("实际比例", "observed share"), CSS: inkColor, Dots: true, Marks: true, Points: seen}}
	}
	words := []string{fmt.Sprintf(t.Lang.Pick("%d 行", "%d rows"), t.res.Rows)}
	if right, n := t.accuracy(); n > 0 {
		words = append(words, fmt.Sprintf(t.Lang.Pick("未参与训练的行上准确率 %.0f%%", "accuracy %.0f %% on rows left out of training"), 100*right/n))
	}
	if slope, intercept, ok := straight(logOdds(p.line)); ok && slope != 0 && alone(m) {
		p.title = equation(t.Lang.Pick("对数几率", "log-odds"), brief(x.Name, 30), slope, intercept)
		words = append(words, fmt.Sprintf(t.Lang.Pick("一半对一半处 %s", "as likely as not at %s"), signedText(-intercept/slope)))
	}
	p.caption = strings.Join(words, t.Lang.Pick("；", "; "))
	return p.SVG()
}

// logOdds leaves out points so near to 0 or 1 that the odds have lost their digits.
func logOdds(at []chart.Point) []chart.Point {
	var out []chart.Point
	for _, p := range at {
		if p.Y > 1e-6 && p.Y < 1-1e-6 {
			out = append(out, chart.Point{X: p.X, Y: math.Log(p.Y / (1 - p.Y))})
		}
	}
	return out
}

// observed returns the share of yes of up to ten groups of rows along a feature, at each group's mean; nothing where groups would be too small to say
// anything.
func (t *trial) observed(x *table.Column) []chart.Point {
	const least = 20
	var rows []int32
	for i := range t.x.NRows() {
		if t.judged(int32(i)) && finite(x.Float(i)) {
			rows = append(rows, int32(i))
		}
	}
	groups := min(10, len(rows)/least)
	if groups < 3 {
		return nil
	}
	slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(x.Float(int(a)), x.Float(int(b))) })
	var out []chart.Point
	for g, from := 0, 0; g < groups; g++ {
		to := len(rows) * (g + 1) / groups
		for to < len(rows) && to > 0 && x.Float(int(rows[to])) == x.Float(int(rows[to-1])) {
			to++ // equal values stay together
		}
		if to-from < least {
			continue
		}
		var at chart.Point
		for _, r := range rows[from:to] {
			at.X += x.Float(int(r)) / float64(to-from)
			at.Y += t.y.Y[r] / float64(to-from)
		}
		out = append(out, at)
		from = to
	}
	return out
}

// accuracy counts rows of yes or no whose likelier answer was right, by models that were not trained on them.
func (t *trial) accuracy() (right, n float64) {
	score, round, err := t.ladder.OutOfSample(t.rung(t.res.Chosen))
	if err != nil {
		return 0, 0
	}
	var y, p []float64
	for i, r := range round {
		if r >= 0 && t.judged(int32(i)) {
			y, p = append(y, t.y.Y[i]), append(p, score[i])
		}
	}
	return rightCount(y, p), float64(len(y))
}

// plotLevels draws the observed share or mean of each value of the one category with its 95 % interval, beside what the model says.
func (t *trial) plotLevels(_ context.Context, m *ladder.Choice) string {
	const most, least = 15, 5
	x := t.x.Columns[0]
	byLevel := make([][]float64, x.Dict.Len()+1) // last: missing
	first := make([]int32, len(byLevel))
	for i := range x.Len() {
		if !t.judged(int32(i)) {
			continue
		}
		k := x.Dict.Len()
		if !x.IsMissing(i) {
			k = int(x.Code[i])
		}
		if byLevel[k] == nil {
			first[k] = int32(i)
		}
		byLevel[k] = append(byLevel[k], t.y.Y[i])
	}
	var order []int
	small := 0
	for k, y := range byLevel {
		switch {
		case len(y) >= least:
			order = append(order, k)
		case len(y) > 0:
			small++
		}
	}
	if len(order) == 0 {
		return ""
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(byLevel[b]), len(byLevel[a])) })
	rest := max(0, len(order)-most)
	order = order[:min(most, len(order))]
	rows := make([]int32, len(order))
	for i, k := range order {
		rows[i] = first[k]
	}
	said, err := m.Predict(t.x.Take(rows))
	if err != nil {
		return ""
	}
	bars := make([]chart.Bar, len(order))
	for i, k := range order {
		y := byLevel[k]
		n := float64(len(y))
		label := t.Lang.Pick("（缺失）", "(missing)")
		if k < x.Dict.Len() {
			label = x.Dict.At(k)
		}
		b := chart.Bar{Label: label, Color: 1}
		how, of := figureText, metric.Interval{}
		if t.y.Task == kequn.Binary {
			yes := 0.0
			for _, v := range y {
				yes += v
			}
			of = metric.Wilson(yes, n, 0.95)
			b.Value = yes / n
			how = func(v float64) string { return fmt.Sprintf("%.0f%%", 100*v) }
		} else {
			s := metric.SampleOf(y)
			half := metric.TQuantile(0.975, n-1) * math.Sqrt(s.Variance/n)
			of, b.Value = metric.Interval{Low: s.Mean - half, High: s.Mean + half}, s.Mean
			how = signedText
		}
		if b.Low, b.High = of.Low, of.High; !finite(b.Low) || !finite(b.High) {
			b.Low, b.High = 0, 0
		}
		b.Text = fmt.Sprintf(t.Lang.Pick("%s，模型 %s（%d 行）", "%s, model %s (%d rows)"), how(b.Value), how(said[i]), len(y))
		bars[i] = b
	}
	slices.SortStableFunc(bars, func(a, b chart.Bar) int { return cmp.Compare(b.Value, a.Value) })
	title := fmt.Sprintf(t.Lang.Pick("%s 的平均，按 %s", "mean of %s by %s"), brief(t.f.Outcome, 30), brief(x.Name, 30))
	if t.y.Task == kequn.Binary {
		title = fmt.Sprintf(t.Lang.Pick("%s = %s 的比例，按 %s", "share of %s = %s by %s"), brief(t.f.Outcome, 24), brief(t.target.positive, 16), brief(x.Name, 24))
	}
	caption := t.Lang.Pick("横线：95% 区间", "whiskers: 95 % interval")
	if small+rest > 0 {
		caption += fmt.Sprintf(t.Lang.Pick("；未画出的少见值：%d 个", "; rarer values not drawn: %d"), small+rest)
	}
	return chart.Sheet(title, []chart.Tile{{Caption: caption, SVG: chart.Bars(title, bars, 640)}}, 1, 672)
}

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
	v := slices.DeleteFunc(slices.Clone(c.Floats()), func(x float64) bool { return !finite(x) })
	if len(v) == 0 {
		return nil, false
	}
	low, high := slices.Min(v), slices.Max(v)
	// Pictures have room beside the data and compute with differences: the very ends of what floats can hold are not for them.
	return evenly(low, high, n), high > low && high-low < math.MaxFloat64/4 && max(high, -low) < math.MaxFloat64/4
}

// plotBoundary draws the two classes over the two features, and the line on which the chosen model is undecided.
func (t *trial) plotBoundary(_ context.Context, m *ladder.Choice) string {
	const n = 161
	a, b := t.x.Columns[0], t.x.Columns[1]
	xs, okX := gridOf(a, n)
	ys, okY := gridOf(b, n)
	if !okX || !okY {
		return ""
	}
	u, v := make([]float64, n*n), make([]float64, n*n)
	for i := range u {
		u[i], v[i] = xs[i%n], ys[i/n]
	}
	chance, err := m.Predict(t.numbers(u, v))
	if err != nil {
		return ""
	}
	class := func(yes float64) []chart.Point {
		return t.points(func(i int) (chart.Point, bool) { return chart.Point{X: a.Float(i), Y: b.Float(i)}, t.y.Y[i] == yes })
	}
	level := 0.5
	line := contour(xs, ys, chance, level)
	if line == nil { // nobody is as likely as not: where is the rate of everybody?
		level = metric.MeanInterval(t.y.Y, t.w, 0.95).Mean
		line = contour(xs, ys, chance, level)
	}
	no := t.target.negative
	if no == "" {
		no = t.Lang.Pick("其他", "other")
	}
	p := boundaryPicture{lang: t.Lang, title: t.title(), x: a.Name, y: b.Name, yes: t.f.Outcome + " = " + t.target.positive, no: t.f.Outcome + " = " + no,
		ofYes: class(1), ofNo: class(0), line: line, name: fmt.Sprintf("%s, p = %.2g", t.res.Chosen, level)}
	words := []string{fmt.Sprintf(t.Lang.Pick("%d 行", "%d rows"), t.res.Rows)}
	if right, of := t.accuracy(); of > 0 {
		words = append(words, fmt.Sprintf(t.Lang.Pick("未参与训练的行上准确率 %.0f%%", "accuracy %.0f %% on rows left out of training"), 100*right/of))
	}
	if alone(m) {
		if e := t.boundaryEquation(m, line); e != "" {
			p.line, p.title = ends(line), e
		}
	}
	if line == nil {
		words = append(words, t.Lang.Pick("模型对所有人说的都一样：没有分界线", "the model says the same of everybody: there is no boundary"))
	}
	p.caption = strings.Join(words, t.Lang.Pick("；", "; "))
	return p.SVG()
}

// boundaryEquation returns the line on which the linear model is undecided, "" where it is bent.
func (t *trial) boundaryEquation(m *ladder.Choice, line []chart.Point) string {
	at := ends(line)
	if len(at) < 2 || at[0] == at[1] {
		return ""
	}
	// Calibration moves the boundary along the margin: its level there is that of the contour. Weights are differences of margins.
	a, b := t.x.Columns[0].Name, t.x.Columns[1].Name
	low, high := at[0], at[1]
	midX, midY := low.X/2+high.X/2, low.Y/2+high.Y/2
	dx, dy := high.X-low.X, max(math.Abs(high.Y-low.Y), math.Abs(high.X-low.X)*1e-9)
	if dx == 0 {
		dx = dy
	}
	margin, err := m.Margin(t.numbers(
		[]float64{midX, low.X, high.X, midX - dx/4, midX + dx/4, midX, midX}, []float64{midY, low.Y, high.Y, midY, midY, midY - dy/4, midY + dy/4}))
	if err != nil {
		return ""
	}
	wx, wy := (margin[4]-margin[3])/(dx/2), (margin[6]-margin[5])/(dy/2)
	size := math.Abs(wx*dx) + math.Abs(wy*dy)
	// Straight: the middle has the margin of the ends, and lies in the middle of what is beside it.
	for _, d := range []float64{margin[1] - margin[0], margin[2] - margin[0], (margin[3]+margin[4])/2 - margin[0], (margin[5]+margin[6])/2 - margin[0]} {
		if !(math.Abs(d) <= 1e-3*size) {
			return ""
		}
	}
	switch slope := -wx / wy; {
	case !finite(slope) || math.Abs(wx*dx) > 1e6*math.Abs(wy*dy):
		return fmt.Sprintf("%s = %s", brief(a, 40), signedText(midX))
	default:
		return equation(brief(b, 30), brief(a, 30), slope, midY-slope*midX)
	}
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
	title := t.title()
	switch t.y.Task {
	case kequn.Binary:
		return beside(title, t.rocCurve(y, p), t.gainCurve(y, p), t.calibrationCurve(y, p)), nil
	case kequn.Regression:
		return beside(title, t.amountCurve(y, p)), nil
	}
	return t.confusion(title, y, p, k), nil
}

const panelWidth, panelHeight = 440, 380

// beside puts pictures of one size side by side into one, each with its title above it.
func beside(title string, panels ...chart.Line) string {
	tiles := make([]chart.Tile, len(panels))
	for i, p := range panels {
		p.Width, p.Height = panelWidth, panelHeight
		tiles[i] = chart.Tile{Caption: p.Title, SVG: p.SVG()}
	}
	return chart.Sheet(title, tiles, len(panels), (panelWidth+16)*len(panels)+16)
}

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
			{Name: fmt.Sprintf("AUC %.3f", metric.AUC(y, p, nil)), CSS: blueColor, Points: places(metric.ROC(y, p, nil, 400))},
			{Name: t.Lang.Pick("随机", "random"), CSS: greyColor, Dashed: true, Points: []chart.Point{{}, {X: 1, Y: 1}}},
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
			{Name: t.Lang.Pick("增益", "gains"), CSS: blueColor, Points: line},
			{Name: t.Lang.Pick("随机", "random"), CSS: greyColor, Dashed: true, Points: []chart.Point{{}, {X: 1, Y: 1}}},
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
			{Name: t.Lang.Pick("校准", "calibration"), CSS: blueColor, Dots: true, Points: line},
			{Name: t.Lang.Pick("完美", "perfect"), CSS: greyColor, Dashed: true, Points: []chart.Point{{}, {X: top, Y: top}}},
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
			{Name: t.Lang.Pick("数据", "data"), CSS: redColor, Marks: true, Points: at},
			{Name: t.Lang.Pick("完美", "perfect"), CSS: greyColor, Dashed: true, Points: []chart.Point{{X: low, Y: low}, {X: high, Y: high}}},
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
