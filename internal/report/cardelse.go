package report

import (
	"kequn/internal/chart"
)

func (v cardView) elsewhere() []block {
	g := v.card.Generalization
	var out []block
	if v.card.Rows > 0 {
		said := v.say("评判用的是同一时期的其他客户，不是更晚的时间。", "It was judged on other customers of the same time, not on a later one.")
		switch {
		case g.Other:
			said = v.say("评判用的是另一份同样结构的数据。", "It was judged on another dataset of the same shape.")
		case g.Later:
			said = v.say("评判用的是比训练更晚的时间，最接近真实使用。", "It was judged on a later time than it was trained on, which is nearest to real use.")
		}
		out = append(out, para(said))
	}
	t := table("", ">"+v.say("训练过的行", "rows trained on"), ">"+v.say("没见过的行", "rows not seen"))
	if g.TrainAUC != nil && g.TestAUC != nil {
		t.row("AUC", some(g.TrainAUC), some(g.TestAUC))
	}
	if g.TrainLoss != nil && g.TestLoss != nil {
		loss := v.say("对数损失", "log loss")
		if !v.binary() {
			loss = "RMSE"
		}
		t.row(loss, some(g.TrainLoss), some(g.TestLoss))
	}
	if len(t.Rows) > 0 {
		out = append(out, tabled(t), soft(v.say("两栏相差越大，说明模型背下来的偶然越多。", "The further apart, the more has been learnt by heart.")))
	}
	var figures []block
	if f, ok := v.groupsFigure(); ok {
		figures = append(figures, f)
	}
	if f, ok := v.chanceFigure(); ok {
		figures = append(figures, f)
	}
	if f, ok := v.driftFigure(); ok {
		figures = append(figures, f)
	}
	if len(figures) > 0 {
		out = append(out, pair(figures...))
	}
	return append(out, v.missing("generalization", "groups", "drift", "chance", "later")...)
}

func (v cardView) groupsFigure() (block, bool) {
	groups := v.card.Generalization.Groups
	t := table(v.say("群体", "group"), ">"+v.say("行数", "rows"), ">"+v.say("训练时没见过", "never seen"), ">"+v.say("训练时见过", "seen"), ">"+v.say("差的 95% 误差", "95% error of the difference"))
	title := v.say("没见过的群体", "Groups that it never saw")
	d := chart.Dots{Title: title, Width: halfWidth, X: chart.Axis{Label: v.skill()},
		Keys: []chart.DotKey{{Name: v.say("训练时见过同类", "others of the group seen"), Color: 8, Hollow: true}, {Name: v.say("整组没见过", "group never seen"), Color: 1}}}
	for _, x := range groups {
		name := labelled(v.column(x.Column), x.Group)
		t.row(name, integer(x.Rows), some(x.Unseen), some(x.Seen), margin95(x.SE))
		row := chart.DotRow{Label: name, Joined: true, Text: integer(x.Rows)}
		if x.Seen != nil && finite(*x.Seen) {
			row.Dots = append(row.Dots, chart.Dot{Value: *x.Seen, Color: 8, Hollow: true})
		}
		if x.Unseen != nil && finite(*x.Unseen) {
			row.Dots = append(row.Dots, chart.Dot{Value: *x.Unseen, Color: 1})
		}
		if len(row.Dots) > 0 {
			d.Rows = append(d.Rows, row)
		}
	}
	if len(d.Rows) == 0 {
		return block{}, false
	}
	return v.figure(title, d.SVG(), t.without(none)), true
}

func (v cardView) chanceFigure() (block, bool) {
	c := v.card.Chance
	if c == nil || !finite(c.Skill) || !finite(c.Mean) {
		return block{}, false
	}
	title := v.sayf("会不会只是碰巧：结果打乱 %d 次", "Could it be luck: outcomes shuffled %d times", c.Shuffles)
	t := table("", ">"+v.skill())
	t.row(v.say("真实结果", "true outcomes"), number(c.Skill))
	t.row(v.say("打乱后，平均", "shuffled, mean"), number(c.Mean))
	t.row(v.say("打乱后，标准差", "shuffled, standard deviation"), number(c.SD))
	t.row(v.say("打乱后，最高", "shuffled, highest"), number(c.Highest))
	t.row(v.say("碰巧这么好的机会不超过", "chance of doing as well by luck, at most"), number(c.P))
	shuffled := chart.DotRow{Label: v.say("打乱的结果", "shuffled")}
	for _, s := range c.Skills {
		shuffled.Dots = append(shuffled.Dots, chart.Dot{Value: s, Color: 8, Hollow: true})
	}
	if len(shuffled.Dots) == 0 {
		shuffled.Dots = []chart.Dot{{Value: c.Mean, Low: c.Mean - z95*c.SD, High: c.Mean + z95*c.SD, Color: 8, Hollow: true}, {Value: c.Highest, Color: 8, Hollow: true}}
	}
	d := chart.Dots{Title: title, Width: halfWidth, X: chart.Axis{Label: v.skill()},
		Rows: []chart.DotRow{{Label: v.say("真实的结果", "true outcomes"), Dots: []chart.Dot{{Value: c.Skill, Color: 1}}, Text: number(c.Skill)}, shuffled}}
	f := v.figure(title, d.SVG(), t)
	f.Lines = []string{capital(v.say(c.Zh, c.En))}
	return f, true
}

func (v cardView) driftFigure() (block, bool) {
	title := v.say("哪些列变了：训练时与评判时", "Columns that changed between training and judging")
	t := table(v.say("列", "column"), ">PSI", v.say("说明", "what changed"))
	l := chart.BarList{Title: title, Width: halfWidth, Marks: []chart.Mark{{X: .25, Text: v.say("0.25：明显变了", "0.25: clearly changed")}}}
	for i, x := range v.card.Generalization.Drift {
		said := v.say(x.Zh, x.En)
		t.row(v.column(x.Column), number(x.PSI), said)
		if i < mostColumns && finite(x.PSI) {
			l.Bars = append(l.Bars, chart.Bar{Label: v.column(x.Column), Value: x.PSI, Text: number(x.PSI), Color: 4})
		}
	}
	if len(l.Bars) == 0 {
		return block{}, false
	}
	return v.figure(title, l.SVG(), t.without(none)), true
}
