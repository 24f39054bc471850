package report

import (
	"math"
	"strings"

	"kequn/internal/chart"
	"kequn/internal/evaluate"
)

// fourFifths is the rule of thumb of many authorities: a group selected less than four fifths as often as another is looked into.
const fourFifths = .8

func (v cardView) fairness() []block {
	var out []block
	for _, f := range v.card.Fairness {
		out = append(out, v.fair(f)...)
	}
	if len(out) > 0 {
		intro := para(v.say("“选中”指分数达到门槛的客户。各群体被选中的比例、以及真正会发生的人里有多少被选中，差得越小越公平；误差大的群体只能看个大概。",
			"Selected means a score at or above the threshold. The closer groups are in how many are selected, and in how many of those who will do it are, the fairer; where the error is large, it is a rough guide only."))
		out = append([]block{intro}, out...)
	}
	return append(out, v.missing("fairness", "sensitive")...)
}

func (v cardView) fair(f evaluate.Fairness) []block {
	out := []block{heading(v.sayf("按“%s”看", "By %s", v.column(f.Attribute)))}
	if said := v.say(f.Zh, f.En); said != "" {
		out = append(out, para(said))
	}
	used := v.say("模型没有用这一列。", "The model does not use this column.")
	switch {
	case v.say(f.Zh, f.En) != "":
		used = "" // the sentence above says it
	case f.Used:
		used = v.say("注意：模型用了这一列。", "Careful: the model uses this column.")
	}
	if finite(f.Threshold) && finite(f.Share) {
		used = sentence(v.Lang, used, v.sayf("门槛 %s，全体有 %s 被选中。", "Threshold %s; of everybody, %s are selected.", number(f.Threshold), share(f.Share)))
	}
	out = append(out, soft(used))
	g := table(v.say("群体", "group"), ">"+v.say("行数", "rows"), ">"+v.say("选中", "selected"), ">"+v.say("95% 区间", "95% interval"), ">"+v.say("会发生的人里选中", "selected of those who did it"),
		">"+v.say("不会的人里选中", "selected of those who did not"), ">AUC", ">"+v.say("预测", "predicted"), ">"+v.say("实际", "happened"))
	selected := chart.BarList{Title: v.say("各群体被选中的比例", "Share selected of each group"), Width: halfWidth}
	hits := chart.Dots{Title: v.say("真正会发生的人里，有多少被选中", "Of those who did it, how many are selected"), Width: halfWidth, X: chart.Axis{Label: v.say("线：95% 区间", "line: 95%"), Percent: true}}
	highest := 0.0
	for _, x := range f.Groups {
		sel, tpr, fpr := none, none, none
		if i := x.Selected; i != nil && finite(i.Mean) {
			sel, highest = share(i.Mean), math.Max(highest, i.Mean)
			selected.Bars = append(selected.Bars, chart.Bar{Label: x.Group, Value: i.Mean, Low: i.Low, High: i.High, Text: sel, Color: 1})
		}
		if i := x.TPR; i != nil && finite(i.Mean) {
			tpr = share(i.Mean)
			hits.Rows = append(hits.Rows, chart.DotRow{Label: x.Group, Dots: []chart.Dot{{Value: i.Mean, Low: i.Low, High: i.High, Color: 1}}, Text: tpr})
		}
		if i := x.FPR; i != nil {
			fpr = share(i.Mean)
		}
		g.row(x.Group, integer(x.Rows), sel, between(x.Selected, share), tpr, fpr, some(x.AUC), someShare(x.Predicted), someShare(x.Rate))
	}
	var figures []block
	if len(selected.Bars) > 1 && highest > 0 {
		selected.Marks = []chart.Mark{{X: fourFifths * highest, Text: v.say("最高群体的五分之四", "four fifths of the highest")}}
		figures = append(figures, v.figure(selected.Title, selected.SVG(), g.without(none)))
	}
	if len(hits.Rows) > 1 {
		figures = append(figures, v.figure(hits.Title, hits.SVG(), nil))
	}
	if len(figures) > 0 {
		out = append(out, pair(figures...))
	} else if len(g.Rows) > 0 {
		out = append(out, tabled(g.without(none)))
	}
	out = append(out, v.gaps(f)...)
	if len(f.TooSmall) > 0 {
		out = append(out, soft(v.sayf("人数太少、不给数字的群体：%s。", "Groups too small for any figure: %s.", strings.Join(f.TooSmall, v.say("、", ", ")))))
	}
	return append(out, v.proxies(f)...)
}

// gaps are the largest differences between groups.
func (v cardView) gaps(f evaluate.Fairness) []block {
	g := table(v.say("最大差距", "largest gap"), ">"+v.say("相差", "difference"), ">"+v.say("低的是高的", "low of high"), v.say("意思", "what it means"))
	add := func(name string, gap *evaluate.FairGap, means string) {
		if gap != nil && finite(gap.Difference) && finite(gap.Ratio) {
			g.row(name, share(gap.Difference), share(gap.Ratio), means)
		}
	}
	add(v.say("选中比例（人口均等）", "selection rate (demographic parity)"), f.Parity, v.say("各群体被选中的机会；低于 80% 应当追查", "how often groups are selected; below 80% is to be looked into"))
	add(v.say("机会均等", "equal opportunity"), f.Equal, v.say("真正会发生的人里，被选中的机会", "how often those who will do it are selected"))
	add(v.say("均等几率", "equalized odds"), f.Odds, v.say("选对与选错两种机会里，差得更大的那个", "the worse of the gaps in right and in wrong selections"))
	if len(g.Rows) == 0 {
		return nil
	}
	return []block{tabled(g)}
}

func (v cardView) proxies(f evaluate.Fairness) []block {
	if len(f.Proxies) == 0 {
		return nil
	}
	g := table(v.say("能看出这一属性的列", "column that tells the attribute"), ">AUC", ">"+v.say("在模型里的分量", "weight in the model"), v.say("说明", "meaning"))
	for _, p := range f.Proxies {
		weight := none
		if p.Share > 0 {
			weight = share(p.Share)
		}
		g.row(v.column(p.Column), number(p.AUC), weight, v.say(p.Zh, p.En))
	}
	return []block{para(v.say("即使不用这一属性，下面的列也能看出它（AUC 0.5 是看不出，1 是完全看得出）：", "Even without the attribute, these columns tell it (AUC 0.5: not at all, 1: entirely):")), tabled(g.without(none))}
}
