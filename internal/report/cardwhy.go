package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn/internal/chart"
	"kequn/internal/explain"
)

// How many are drawn: the rest is in nobody's mind.
const (
	mostColumns = 12
	mostEffects = 9
)

func (v cardView) reasons() []block {
	out := []block{}
	if s := v.readable(); s != "" {
		out = append(out, para(s))
	}
	if f, ok := v.importanceFigure(); ok {
		out = append(out, heading(v.say("哪些列最要紧", "Which columns matter most")), f)
	}
	out = append(out, v.effects()...)
	out = append(out, v.standIns()...)
	out = append(out, v.simplified()...)
	for _, e := range v.Examples {
		out = append(out, v.example(e)...)
	}
	return append(out, v.missing("interpretability", "reasons", "importance", "effects", "surrogate")...)
}

// readable says how much there is to read.
func (v cardView) readable() string {
	i := v.card.Interpretability
	var parts []string
	if i.Columns > 0 && i.Used > 0 {
		parts = append(parts, v.sayf("%d 列里用到了 %d 列，其中 %d 列就占了八成的分量。", "Of %d columns it uses %d; %d of them carry four fifths of the weight.", i.Columns, i.Used, i.ForMost))
	}
	if i.Rules > 0 {
		parts = append(parts, v.say(fmt.Sprintf("整个模型可以写成 %d 条规则。", i.Rules), "The whole model can be written as "+plural(i.Rules, "rule")+"."))
	}
	if i.ExactReasons {
		parts = append(parts, v.say("每个分数都能精确拆成各列的贡献，加起来正好等于分数。", "Every score splits exactly into what each column adds."))
	}
	return sentence(v.Lang, parts...)
}

// importanceFigure shows by how much the model gets worse when a column is mixed up; where that was not measured, the model's own measure.
func (v cardView) importanceFigure() (block, bool) {
	if list := v.why.Permutation; len(list) > 0 {
		return v.permutationFigure(list)
	}
	list := v.why.Own
	if len(list) == 0 {
		for _, w := range v.card.Interpretability.Top {
			list = append(list, explain.Weight{Column: w.Column, Share: w.Share})
		}
	}
	g := table(v.say("列", "column"), ">"+v.say("占全部分量", "share of the weight"))
	title := v.say("各列在模型里的分量", "Share of each column in the model")
	l := chart.BarList{Title: title, Width: wideWidth}
	for _, w := range list[:min(mostColumns, len(list))] {
		if finite(w.Share) {
			l.Bars = append(l.Bars, chart.Bar{Label: v.column(w.Column), Value: w.Share, Text: share(w.Share), Color: 1})
			g.row(v.column(w.Column), share(w.Share))
		}
	}
	if len(l.Bars) == 0 {
		return block{}, false
	}
	return v.figure(title, l.SVG(), g), true
}

func (v cardView) permutationFigure(list []explain.Weight) (block, bool) {
	own := map[string]float64{}
	for _, w := range v.why.Own {
		own[w.Column] = w.Share
	}
	g := table(v.say("列", "column"), ">"+v.say("打乱后变差", "worse by, when mixed up"), ">"+v.say("95% 误差", "95% error"), ">"+v.say("占比", "share"), ">"+v.say("模型自己的说法", "the model's own measure"))
	title := v.say("把一列打乱，模型变差多少", "How much worse it gets when a column is mixed up")
	d := chart.Dots{Title: title, Width: wideWidth, Marks: []chart.Mark{{X: 0, Text: v.say("没有影响", "no effect")}},
		X: chart.Axis{Label: v.say("误差增加（线：95% 区间）", "growth of the error (line: 95%)")}}
	for i, w := range list {
		if i == 3*mostColumns {
			break
		}
		mine := none
		if s, ok := own[w.Column]; ok {
			mine = share(s)
		}
		se := w.SE
		g.row(v.column(w.Column), signed(w.Loss), margin95(&se), share(w.Share), mine)
		if i < mostColumns && finite(w.Loss) {
			low, high := whiskers(w.Loss, &se)
			d.Rows = append(d.Rows, chart.DotRow{Label: v.column(w.Column), Dots: []chart.Dot{{Value: w.Loss, Low: low, High: high, Color: 1}}, Text: share(w.Share)})
		}
	}
	if len(d.Rows) == 0 {
		return block{}, false
	}
	return v.figure(title, d.SVG(), g.without(none)), true
}

func (v cardView) effects() []block {
	var small []block
	for _, e := range v.why.Effects {
		if len(small) == mostEffects {
			break
		}
		if f, ok := v.effectFigure(e); ok {
			small = append(small, f)
		}
	}
	if len(small) == 0 {
		return nil
	}
	how := v.say("其他条件照常，只看这一列变化时可能性怎么变：1 是平均水平，2 是两倍（按几率）。底部灰条是客户集中的地方。",
		"What happens to the odds along one column, the others going as they usually do with it: 1 is the average, 2 is twice the odds. Grey at the bottom is where customers are.")
	if !v.binary() {
		how = v.say("其他条件照常，只看这一列变化时预测增减多少：0 是平均水平。底部灰条是客户集中的地方。",
			"What is added to the prediction along one column, the others going as they usually do with it: 0 is the average. Grey at the bottom is where customers are.")
	}
	if slices.ContainsFunc(v.why.Effects, func(e explain.Effect) bool {
		return slices.ContainsFunc(e.Points, func(p explain.EffectPoint) bool { return p.SE > 0 })
	}) {
		how = sentence(v.Lang, how, v.say("带子和横线是 95% 区间。", "Bands and lines are 95% intervals."))
	}
	return []block{heading(v.say("每一列怎么影响分数", "What each column does to the score")), para(how), {Kind: "pair", Class: "small", Parts: small}}
}

// missingLevel is how package explain calls the point of missing values.
const missingLevel = "∅"

func (v cardView) effectFigure(e explain.Effect) (block, bool) {
	var numbers, levels []explain.EffectPoint
	for _, p := range e.Points {
		switch {
		case !finite(p.Value) || !finite(p.At):
		case p.Level == "":
			numbers = append(numbers, p)
		default:
			levels = append(levels, p)
		}
	}
	g := table(v.say("取值", "value"), ">"+v.odds(), ">"+v.say("95% 区间", "95% interval"), ">"+v.say("行占比", "rows"))
	for _, p := range append(slices.Clone(numbers), levels...) {
		name := v.level(p.Level)
		if p.Level == "" {
			name = plain(p.At)
		}
		low, high := v.effectAt(p.Value-z95*p.SE), v.effectAt(p.Value+z95*p.SE)
		interval := none
		if p.SE > 0 && finite(p.SE) {
			interval = plain(rounded(low)) + " … " + plain(rounded(high))
		}
		g.row(name, plain(rounded(v.effectAt(p.Value))), interval, share(p.Share))
	}
	title, said := v.column(e.Column), v.say(e.Zh, e.En)
	var svg string
	if len(numbers) > 1 {
		svg = v.curve(title, numbers)
		// What missing values do is said: there is no place for them on the line.
		for _, p := range levels {
			said = sentence(v.Lang, said, v.withLevel(p))
		}
	} else {
		svg = v.levels(title, append(numbers, levels...))
	}
	if len(g.Rows) < 2 {
		return block{}, false
	}
	f := v.figure(title, svg, g.without(none))
	f.Lines = []string{capital(said)}
	return f, true
}

// odds is what effects are measured in.
func (v cardView) odds() string {
	if v.binary() {
		return v.say("几率，平均 = 1", "odds, average = 1")
	}
	return v.say("预测增减", "added to the prediction")
}

// effectAt turns a difference of margins into what people read: a factor of the odds, or an amount.
func (v cardView) effectAt(x float64) float64 {
	if v.binary() {
		return math.Exp(math.Max(-20, math.Min(20, x)))
	}
	return x
}

// effectAxis is logarithmic where factors are far apart.
func (v cardView) effectAxis(low, high float64) chart.Axis {
	a := chart.Axis{Label: v.odds()}
	a.Log = v.binary() && low > 0 && high/low > 4
	return a
}

func (v cardView) curve(title string, points []explain.EffectPoint) string {
	from, to := trimmed(points)
	s := chart.Series{Color: 1, Dots: to-from < 12}
	low, high := math.Inf(1), math.Inf(-1)
	banded := false
	var rug []chart.Stretch
	for i := from; i < to; i++ {
		p := points[i]
		s.Points = append(s.Points, chart.Point{X: p.At, Y: v.effectAt(p.Value)})
		se := 0.0
		if finite(p.SE) {
			se = p.SE
		}
		banded = banded || se > 0
		s.Low, s.High = append(s.Low, v.effectAt(p.Value-z95*se)), append(s.High, v.effectAt(p.Value+z95*se))
		low, high = math.Min(low, v.effectAt(p.Value)), math.Max(high, v.effectAt(p.Value))
		if i > from {
			rug = append(rug, chart.Stretch{From: points[i-1].At, To: p.At, Share: p.Share})
		}
	}
	if !banded {
		s.Low, s.High = nil, nil
	}
	l := chart.Line{Title: title, Width: smallWidth, Height: 200, Y: v.effectAxis(low, high), Series: []chart.Series{s}, Rug: rug}
	l.Y.Label = "" // said above all of them, so that the curve has the room
	return l.SVG()
}

// trimmed leaves out end cells that hold few rows but most of the axis, such as the richest twentieth.
func trimmed(p []explain.EffectPoint) (from, to int) {
	const few, wide = .06, .45
	from, to = 0, len(p)
	for to-from > 4 && p[to-1].Share <= few && p[to-1].At-p[to-2].At > wide*(p[to-1].At-p[from].At) {
		to--
	}
	for to-from > 4 && p[from+1].Share <= few && p[from+1].At-p[from].At > wide*(p[to-1].At-p[from].At) {
		from++
	}
	return from, to
}

func (v cardView) levels(title string, points []explain.EffectPoint) string {
	shown := slices.Clone(points)
	slices.SortStableFunc(shown, func(a, b explain.EffectPoint) int { return compare(b.Share, a.Share) })
	shown = shown[:min(9, len(shown))]
	slices.SortStableFunc(shown, func(a, b explain.EffectPoint) int { return compare(b.Value, a.Value) })
	d := chart.Dots{Title: title, Width: smallWidth}
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range shown {
		dot := chart.Dot{Value: v.effectAt(p.Value), Color: 1}
		if p.SE > 0 && finite(p.SE) {
			dot.Low, dot.High = v.effectAt(p.Value-z95*p.SE), v.effectAt(p.Value+z95*p.SE)
		}
		low, high = math.Min(low, dot.Value), math.Max(high, dot.Value)
		name := v.level(p.Level)
		if p.Level == "" {
			name = plain(p.At)
		}
		d.Rows = append(d.Rows, chart.DotRow{Label: name, Dots: []chart.Dot{dot}, Text: share(p.Share)})
	}
	d.X = v.effectAxis(low, high)
	d.X.Label = ""
	average := 0.0
	if v.binary() {
		average = 1
	}
	d.Marks = []chart.Mark{{X: average, Text: v.say("平均", "average")}}
	return d.SVG()
}

// withLevel says what one level does.
func (v cardView) withLevel(p explain.EffectPoint) string {
	x := plain(rounded(v.effectAt(p.Value)))
	if v.binary() {
		return v.sayf("%s时：几率是平均的 %s 倍。", "With %s: %s times the average odds.", v.level(p.Level), x)
	}
	return v.sayf("%s时：预测增减 %s。", "With %s: adds %s to the prediction.", v.level(p.Level), x)
}

func (v cardView) level(s string) string {
	if s == missingLevel {
		return v.say("没有值", "no value")
	}
	return s
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// standIns are readable models that imitate this one.
func (v cardView) standIns() []block {
	var out []block
	for _, s := range []*explain.Surrogate{v.why.Tree, v.why.Rules} {
		if s == nil || !finite(s.Fidelity) {
			continue
		}
		title := v.sayf("一棵 %d 个叶子的小树，模仿到几成", "A small tree of %d leaves: how well it imitates the model", s.Leaves)
		if s.Kind == "rules" {
			title = v.sayf("%d 条规则，模仿到几成", "%d rules: how well they imitate the model", s.Leaves)
		}
		out = append(out, heading(title))
		said := v.say(s.Zh, s.En)
		if said == "" {
			said = v.sayf("它能说出分数变化的 %s。", "It tells %s of how the scores vary.", share(s.Fidelity))
		}
		out = append(out, para(said))
		g := table(v.say("与原模型比", "beside the model"), ">"+v.say("数值", "value"))
		g.row(v.say("模仿程度（分数变化说中的比例）", "fidelity, share of the scores' variation told"), share(s.Fidelity))
		if finite(s.Top) && s.Top > 0 {
			g.row(v.say("分数最高的十分之一，两者重合", "best scored tenth, agreed on by both"), share(s.Top))
		}
		if s.Skill != nil && s.Of != nil {
			g.row(v.sayf("它自己的 %s", "its own %s", v.skill()), some(s.Skill))
			g.row(v.sayf("原模型的 %s", "the model's %s", v.skill()), some(s.Of))
		}
		out = append(out, tabled(g))
		lines := s.RulesEn
		if v.say("zh", "en") == "zh" {
			lines = s.RulesZh
		}
		if len(lines) > 0 {
			out = append(out, block{Kind: "rules", Lines: lines})
		}
	}
	if i := v.card.Interpretability; len(out) == 0 && i.TreeFidelity != nil && finite(*i.TreeFidelity) {
		out = append(out, para(v.sayf("一棵 %d 个叶子的小树能说出分数变化的 %s。", "A small tree of %d leaves tells %s of how the scores vary.", i.TreeLeaves, share(*i.TreeFidelity))))
	}
	return out
}

// simplified is what fewer columns, and a linear model from the simplest on, would do.
func (v cardView) simplified() []block {
	var figures []block
	var said string
	if f, ok := v.fewerFigure(); ok {
		figures = append(figures, f)
	}
	for _, f := range v.why.Fewer {
		if f.Enough {
			said = v.say(fmt.Sprintf("只用 %d 列就够：", f.Columns), plural(f.Columns, "column")+" would do: ") + v.columns(f.Names) + v.say("。", ".")
			break
		}
	}
	if f, ok := v.pathFigure(); ok {
		figures = append(figures, f)
	}
	if len(figures) == 0 {
		return nil
	}
	out := []block{heading(v.say("少用几列，会差多少", "What fewer columns give up"))}
	if said != "" {
		out = append(out, para(said))
	}
	return append(out, pair(figures...))
}

func (v cardView) columns(names []string) string {
	const most = 10
	var said []string
	for _, n := range names[:min(most, len(names))] {
		said = append(said, v.column(n))
	}
	out := strings.Join(said, v.say("、", ", "))
	if more := len(names) - most; more > 0 {
		out += v.sayf("等 %[1]d 列", " and %[2]d more", len(names), more)
	}
	return out
}

func (v cardView) fewerFigure() (block, bool) {
	g := table(">"+v.say("列数", "columns"), ">"+v.skill(), ">"+v.say("比全部列差", "gives up"), ">"+v.say("95% 区间", "95% interval"), ">"+v.say("训练用时", "training took"), v.say("哪些列", "which"))
	title := v.sayf("只用最重要的几列时的 %s", "%s with the best few columns only", v.skill())
	s := chart.Series{Color: 1, Dots: true, Whiskers: true}
	l := chart.Line{Title: title, Width: halfWidth, Height: 280, X: chart.Axis{Label: v.say("用到的列数（线：与全部列相差的 95% 区间）", "columns used (line: 95% of what is given up)")}, Y: chart.Axis{Label: v.skill()}}
	for _, f := range v.why.Fewer {
		gives := none
		if f.GivesUp != nil {
			gives = number(f.GivesUp.Mean)
		}
		g.row(integer(f.Columns), some(f.Skill), gives, between(f.GivesUp, number), v.seconds(f.Seconds), v.columns(f.Names))
		if f.Skill == nil || !finite(*f.Skill) {
			continue
		}
		low, high := *f.Skill, *f.Skill
		if i := f.GivesUp; i != nil && finite(i.Low) && finite(i.High) && finite(i.Mean) {
			low, high = *f.Skill-(i.High-i.Mean), *f.Skill+(i.Mean-i.Low)
		}
		s.Points, s.Low, s.High = append(s.Points, chart.Point{X: float64(f.Columns), Y: *f.Skill}), append(s.Low, low), append(s.High, high)
		if f.Enough && len(l.VLines) == 0 {
			l.VLines = []chart.Mark{{X: float64(f.Columns), Text: v.sayf("%d 列就够", "%d would do", f.Columns)}}
		}
	}
	if len(s.Points) < 2 {
		return block{}, false
	}
	l.X.Log = s.Points[0].X > 0 && s.Points[len(s.Points)-1].X/s.Points[0].X > 12
	l.Series = []chart.Series{s}
	return v.figure(title, l.SVG(), g.without(none)), true
}

func (v cardView) pathFigure() (block, bool) {
	g := table(">"+v.say("列数", "columns"), ">"+v.skill(), ">"+v.say("95% 误差", "95% error"), v.say("新加入的列", "columns that come in"), "")
	title := v.say("线性模型从最简单的一步步加列", "A linear model from the simplest on")
	s := chart.Series{Color: 1, Dots: true, Whiskers: true}
	l := chart.Line{Title: title, Width: halfWidth, Height: 280, Y: chart.Axis{Label: v.skill()},
		X: chart.Axis{Label: v.say("用到的列数（线：95% 区间）", "columns used (line: 95%)")}}
	last := math.Inf(-1)
	for _, p := range v.why.Path {
		mark := ""
		if p.Chosen {
			mark = v.say("← 选用", "← chosen")
		}
		g.row(integer(p.Columns), some(p.Skill), margin95(p.SE), v.columns(p.Entered), mark)
		if p.Skill == nil || !finite(*p.Skill) {
			continue
		}
		if p.Chosen && len(l.VLines) == 0 {
			l.VLines = []chart.Mark{{X: float64(p.Columns), Text: v.say("选用", "chosen")}}
		}
		// Many steps share a number of columns: the last of them has the least penalty.
		if float64(p.Columns) <= last && len(s.Points) > 0 {
			n := len(s.Points) - 1
			s.Points, s.Low, s.High = s.Points[:n], s.Low[:n], s.High[:n]
		}
		low, high := whiskers(*p.Skill, p.SE)
		if low == 0 && high == 0 {
			low, high = *p.Skill, *p.Skill
		}
		last = float64(p.Columns)
		s.Points, s.Low, s.High = append(s.Points, chart.Point{X: last, Y: *p.Skill}), append(s.Low, low), append(s.High, high)
	}
	if len(s.Points) < 2 {
		return block{}, false
	}
	l.Series = []chart.Series{s}
	return v.figure(title, l.SVG(), g.without(none)), true
}
