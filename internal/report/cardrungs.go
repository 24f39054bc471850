package report

import (
	"slices"

	"kequn/internal/chart"
)

func (v cardView) rungs() []block {
	var out []block
	for _, c := range v.card.Comparison {
		if c.Simple && !c.Chosen {
			if said := v.say(c.Zh, c.En); said != "" {
				out = append(out, para(v.sayf("够用的最简模型（%s）：%s", "The simplest that will do, %s: %s", v.family(c.Name), said)))
			}
			break
		}
	}
	if g := v.ladder(); len(g.Rows) > 0 {
		out = append(out, tabled(g))
	}
	if f, ok := v.comparisonFigure(); ok {
		out = append(out, f)
	}
	return append(out, v.missing("comparison", "rungs")...)
}

// ladder is the table of rungs, simplest first.
func (v cardView) ladder() *grid {
	loss := v.say("对数损失", "log loss")
	if !v.binary() {
		loss = "RMSE"
	}
	g := table(v.say("模型（由简到繁）", "model, simplest first"), ">"+v.skill(), ">± "+v.say("误差", "noise"), ">"+loss, ">"+v.say("训练用时", "training took"), "")
	for i, r := range v.Rungs {
		name := v.pick(r.Title)
		if name == "" {
			name = v.family(r.Name)
		}
		se, mark, lost := none, "", none
		if r.SE > 0 && finite(r.SE) {
			se = number(r.SE)
		}
		if r.Loss > 0 && finite(r.Loss) {
			lost = number(r.Loss)
		}
		if r.Chosen {
			mark, g.Strong = v.say("← 选用", "← chosen"), i
		}
		g.row(name, number(r.Score), se, lost, v.seconds(r.Seconds), mark)
	}
	return g.without(none)
}

func (v cardView) comparisonFigure() (block, bool) {
	title := v.sayf("比选用的模型差多少（同样的行，%s）", "How far behind the one chosen (same rows, %s)", v.skill())
	g := table(v.say("模型", "model"), ">"+v.skill(), ">"+v.say("落后", "behind by"), ">"+v.say("95% 区间", "95% interval"), v.say("意思", "what it means"))
	d := chart.Dots{Title: title, Width: wideWidth, Marks: []chart.Mark{{X: 0, Text: v.say("与选用的一样好", "as good as the one chosen")}},
		X: chart.Axis{Label: v.say("落后（线：95% 区间）", "behind by (line: 95%)")}}
	for _, c := range v.card.Comparison {
		name := v.family(c.Name)
		if c.Chosen {
			continue
		}
		mean := none
		if c.Behind != nil {
			mean = signed(c.Behind.Mean)
		}
		said := v.say(c.Zh, c.En)
		if said == "" && c.Tied {
			said = v.say("分不出高下", "no telling them apart")
		}
		g.row(name, some(c.Skill), mean, between(c.Behind, signed), said)
		if b := c.Behind; b != nil && finite(b.Mean) && c.Name != "base" { // the base rate is so far behind that no other could be told apart
			color := 1
			if c.Tied {
				color = 8
			}
			d.Rows = append(d.Rows, chart.DotRow{Label: name, Dots: []chart.Dot{{Value: b.Mean, Low: b.Low, High: b.High, Color: color}}, Text: signed(b.Mean), Strong: c.Simple})
		}
	}
	if len(d.Rows) == 0 {
		return block{}, false
	}
	if i := slices.IndexFunc(d.Rows, func(r chart.DotRow) bool { return r.Strong }); i >= 0 {
		title += v.say("，粗体：够用的最简模型", "; bold: the simplest that will do")
	}
	return v.figure(title, d.SVG(), g.without(none)), true
}
