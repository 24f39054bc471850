package report

import (
	"math"

	"kequn/internal/chart"
	"kequn/internal/evaluate"
)

func (v cardView) stability() []block {
	s := v.card.Stability
	var out, figures []block
	if s.SD != nil && s.Worst != nil {
		out = append(out, para(v.sayf("在 %d 轮不同的客户上评判，%s 的标准差是 %s，最差的一轮是 %s。", "Judged in %d rounds on different customers, the %s has a standard deviation of %s; the worst round has %s.",
			len(s.Rounds), v.skill(), number(*s.SD), number(*s.Worst))))
	}
	if t := v.moved(); t != "" {
		out = append(out, para(t))
	}
	if s.PSI != nil && finite(*s.PSI) {
		out = append(out, soft(v.sayf("首轮与末轮之间分数分布的移动（PSI）：%s，%s。", "How much the scores moved between the first and the last round (PSI): %s, %s.", number(*s.PSI), v.psi(*s.PSI))))
	}
	if f, ok := v.roundsFigure(); ok {
		figures = append(figures, f)
	}
	if f, ok := v.variationFigure(v.say("换随机种子、换训练行", "Other seeds, other training rows"), s.Seeds); ok {
		figures = append(figures, f)
	}
	if f, ok := v.variationFigure(v.say("参数减半、加倍", "Parameters halved and doubled"), s.Parameters); ok {
		figures = append(figures, f)
	}
	if len(figures) > 0 {
		out = append(out, pair(figures...))
	}
	if s.By != "" && len(s.Seeds)+len(s.Parameters) > 0 {
		out = append(out, soft(v.sayf("重新训练用的是%s，%s 行。", "Trained again with %s, on %s rows.", v.family(s.By), integer(s.ByRows))))
	}
	return append(out, v.missing("stability", "seeds", "parameters", "rounds")...)
}

// psi says what a drift figure means.
func (v cardView) psi(x float64) string {
	switch {
	case x < .1:
		return v.say("基本没动", "hardly at all")
	case x < .25:
		return v.say("略有移动", "a little")
	}
	return v.say("明显移动", "clearly")
}

func (v cardView) roundsFigure() (block, bool) {
	rounds := v.card.Stability.Rounds
	if len(rounds) < 2 {
		return block{}, false
	}
	loss := v.say("对数损失", "log loss")
	if !v.binary() {
		loss = "RMSE"
	}
	g := table(v.say("轮次", "round"), ">"+v.say("行数", "rows"), ">"+v.skill(), ">"+loss)
	title := v.sayf("各轮的 %s", "%s of each round", v.skill())
	d := chart.Dots{Title: title, X: chart.Axis{Label: v.skill()}, Width: halfWidth}
	first := rounds[0].Round
	for _, r := range rounds {
		first = min(first, r.Round)
	}
	for _, r := range rounds {
		skill := r.AUC
		if !v.binary() {
			skill = r.R2
		}
		name := v.sayf("第 %d 轮", "round %d", r.Round-first+1)
		g.row(name, integer(r.Rows), some(skill), some(r.Loss))
		if skill != nil && finite(*skill) {
			d.Rows = append(d.Rows, chart.DotRow{Label: name, Dots: []chart.Dot{{Value: *skill, Color: 1}}, Text: number(*skill)})
		}
	}
	if len(d.Rows) < 2 {
		return block{Kind: "table", Table: g}, true
	}
	if i := v.overall(); i != nil {
		d.Marks = []chart.Mark{{X: *i, Text: v.say("全部合起来", "all together")}}
	}
	return v.figure(title, d.SVG(), g), true
}

// overall is the skill of all judged rows.
func (v cardView) overall() *float64 {
	i := v.card.Accuracy.AUC
	if !v.binary() {
		i = v.card.Accuracy.R2
	}
	if i == nil || !finite(i.Mean) {
		return nil
	}
	return &i.Mean
}

// variationFigure shows by how much the skill changes when one thing is changed.
func (v cardView) variationFigure(title string, list []evaluate.Variation) (block, bool) {
	if len(list) == 0 {
		return block{}, false
	}
	g := table(v.say("改动", "changed"), ">"+v.skill(), ">"+v.say("变化", "change"), ">"+v.say("95% 误差", "95% error"), ">"+v.say("排序相关", "order agrees"),
		">"+v.say("前 10% 重合", "best tenth agrees"), ">"+v.say("主要依据重合", "reasons agree"))
	d := chart.Dots{Title: title, X: chart.Axis{Label: v.sayf("%s 的变化（线：95%% 区间）", "change of the %s (line: 95%%)", v.skill())}, Width: halfWidth,
		Marks: []chart.Mark{{X: 0, Text: v.say("与选用的模型一样", "as the model chosen")}}}
	draws := 0
	for _, x := range list {
		if x.What == "rows" {
			draws++
		}
		change := none
		if x.Change != nil {
			change = slight(*x.Change)
		}
		name := v.variation(x, draws)
		g.row(name, some(x.Skill), change, margin95(x.SE), some(x.Rank), someShare(x.TopShared), someShare(x.Reasons))
		if x.Change != nil && finite(*x.Change) {
			low, high := whiskers(*x.Change, x.SE)
			d.Rows = append(d.Rows, chart.DotRow{Label: name, Dots: []chart.Dot{{Value: *x.Change, Low: low, High: high, Color: 1}}, Text: change})
		}
	}
	g = g.without(none)
	if len(d.Rows) == 0 {
		return block{Kind: "table", Table: g}, true
	}
	return v.figure(title, d.SVG(), g), true
}

// variation says what was changed; draw numbers the draws of other rows, whose value is how many they are.
func (v cardView) variation(x evaluate.Variation, draw int) string {
	switch x.What {
	case "seed":
		return v.sayf("种子 %s", "seed %s", plain(x.Value))
	case "rows":
		return v.sayf("另抽的行 第 %d 次", "other rows, draw %d", draw)
	}
	return labelled(v.parameter(x.What), plain(x.Value))
}

// moved sums the seeds up: how little or much a reader's list would change.
func (v cardView) moved() string {
	most, n := 0.0, 0
	shared, nShared := 0.0, 0
	for _, x := range v.card.Stability.Seeds {
		if x.Change != nil && finite(*x.Change) {
			most, n = math.Max(most, math.Abs(*x.Change)), n+1
		}
		if x.TopShared != nil && finite(*x.TopShared) {
			shared, nShared = shared+*x.TopShared, nShared+1
		}
	}
	if n == 0 {
		return ""
	}
	out := v.sayf("重新训练 %d 次（换种子、换训练行），%s 最多变化 %s", "Trained again %d times with other seeds and rows, its %s changed by at most %s", n, v.skill(), number(most))
	if nShared > 0 {
		out += v.sayf("；分数最高的十分之一里，平均 %s 的人不变", "; of the best scored tenth, %s stayed the same on average", share(shared/float64(nShared)))
	}
	return out + v.say("。", ".")
}

// parameter says what a parameter is, with its name; one that is not known is called by its name.
func (v cardView) parameter(name string) string {
	if t, ok := parameters[name]; ok {
		return v.pick(t)
	}
	return name
}

var parameters = map[string]Text{
	"trees":         {"树的棵数", "trees"},
	"leaves":        {"每棵树的叶子", "leaves"},
	"max_leaves":    {"最多叶子", "most leaves"},
	"rate":          {"学习率", "learning rate"},
	"bins":          {"分箱数", "bins"},
	"depth":         {"深度", "depth"},
	"max_depth":     {"最大深度", "greatest depth"},
	"min_rows":      {"叶子最少行数", "rows of a leaf"},
	"min_leaf":      {"叶子最少行数", "rows of a leaf"},
	"min_leaf_rows": {"叶子最少行数", "rows of a leaf"},
	"l1":            {"L1 惩罚", "L1 penalty"},
	"l2":            {"L2 惩罚", "L2 penalty"},
	"column_share":  {"每棵树用的列", "share of columns"},
	"row_share":     {"每棵树用的行", "share of rows"},
	"epochs":        {"训练轮数", "epochs"},
	"width":         {"网络宽度", "width"},
	"layers":        {"网络层数", "layers"},
	"dropout":       {"丢弃率", "dropout"},
	"min_count":     {"最少出现次数", "least count"},
	"smoothing":     {"平滑", "smoothing"},
	"patience":      {"耐心", "patience"},
}
