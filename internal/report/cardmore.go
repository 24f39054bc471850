package report

import (
	"fmt"
	"math"

	"kequn/internal/chart"
)

func (v cardView) more() []block {
	s := v.card.Scalability
	var out []block
	if s.More != nil {
		if t := v.say(s.More.Zh, s.More.En); t != "" {
			out = append(out, para(t))
		}
	}
	var figures []block
	if f, ok := v.learningFigure(); ok {
		figures = append(figures, f)
	}
	if f, ok := v.secondsFigure(); ok {
		figures = append(figures, f)
	}
	if f, ok := v.threadsFigure(); ok {
		figures = append(figures, f)
	}
	if len(figures) > 0 {
		out = append(out, pair(figures...))
		if s.By != "" && len(s.Curve) > 0 {
			out = append(out, soft(v.sayf("曲线是%s的。", "The curve is that of %s.", v.family(s.By))))
		}
	}
	g := table(v.say("开销", "cost"), ">"+v.say("数值", "value"))
	if s.TrainRows > 0 {
		g.row(v.say("训练行数", "rows trained on"), integer(s.TrainRows))
	}
	if s.FitSeconds > 0 {
		g.row(v.say("训练用时", "training took"), v.seconds(s.FitSeconds))
	}
	if s.PeakMB > 0 {
		g.row(v.say("内存峰值", "memory at most"), integer(math.Ceil(s.PeakMB))+" MB")
	}
	if s.RowsPerSecond != nil && finite(*s.RowsPerSecond) {
		g.row(v.say("每秒打分行数", "rows scored per second"), integer(rounded(*s.RowsPerSecond)))
	}
	if len(g.Rows) > 0 {
		out = append(out, tabled(g))
	}
	return append(out, v.missing("scalability", "curve", "learning", "threads")...)
}

func (v cardView) seconds(x float64) string {
	if !finite(x) {
		return none
	}
	switch {
	case x < .01:
		return v.say("不到 0.01 秒", "under 0.01 s")
	case x < 10:
		return fmt.Sprintf("%.2f", x) + v.say(" 秒", " s")
	case x < 100:
		return fmt.Sprintf("%.1f", x) + v.say(" 秒", " s")
	}
	return plain(x) + v.say(" 秒", " s")
}

func (v cardView) learningFigure() (block, bool) {
	s := v.card.Scalability
	g := table(">"+v.say("训练行数", "rows trained on"), ">"+v.skill(), ">"+v.say("95% 误差", "95% error"), ">"+v.say("在训练行上", "on training rows"))
	title := v.sayf("数据越多，%s 如何变化", "%s by number of rows", v.skill())
	test := chart.Series{Name: v.say("没见过的行（带：95%）", "rows not seen (band: 95%)"), Color: 1, Dots: true}
	train := chart.Series{Name: v.say("训练行", "training rows"), Color: 8}
	for _, p := range s.Curve {
		g.row(integer(p.Rows), some(p.Skill), margin95(p.SE), some(p.TrainSkill))
		x := float64(p.Rows)
		if p.Skill != nil && finite(*p.Skill) && p.Rows > 0 {
			low, high := whiskers(*p.Skill, p.SE)
			if low == 0 && high == 0 {
				low, high = *p.Skill, *p.Skill
			}
			test.Points, test.Low, test.High = append(test.Points, chart.Point{X: x, Y: *p.Skill}), append(test.Low, low), append(test.High, high)
		}
		if p.TrainSkill != nil && finite(*p.TrainSkill) && p.Rows > 0 {
			train.Points = append(train.Points, chart.Point{X: x, Y: *p.TrainSkill})
		}
	}
	if len(test.Points) < 2 {
		return block{}, false
	}
	l := chart.Line{Title: title, Width: halfWidth, Height: 300, X: chart.Axis{Label: v.say("训练行数", "rows trained on"), Log: true}, Y: chart.Axis{Label: v.skill()},
		Series: []chart.Series{test}}
	if len(train.Points) > 1 {
		l.Series = append(l.Series, train)
	}
	if m := s.More; m != nil && m.Gain != nil && m.Rows > 0 && finite(m.Gain.Mean) {
		end := test.Points[len(test.Points)-1]
		to := chart.Point{X: float64(m.Rows), Y: end.Y + m.Gain.Mean}
		l.Series = append(l.Series,
			chart.Series{Name: v.say("推算：行数加倍", "expected with twice the rows"), Color: 4, Dashed: true, Points: []chart.Point{end, to}},
			chart.Series{Color: 4, Marks: true, Whiskers: true, Points: []chart.Point{to}, Low: []float64{end.Y + m.Gain.Low}, High: []float64{end.Y + m.Gain.High}})
		g.row(integer(m.Rows)+v.say("（推算）", " (expected)"), number(to.Y), none, none)
	}
	return v.figure(title, l.SVG(), g.without(none)), true
}

func (v cardView) secondsFigure() (block, bool) {
	g := table(">"+v.say("训练行数", "rows trained on"), ">"+v.say("用时", "time"), ">MB")
	title := v.say("数据越多，训练多久", "Seconds to train by number of rows")
	s := chart.Series{Color: 1, Dots: true}
	for _, p := range v.card.Scalability.Curve {
		mb := none
		if p.MB > 0 {
			mb = plain(p.MB)
		}
		g.row(integer(p.Rows), v.seconds(p.Seconds), mb)
		if finite(p.Seconds) {
			s.Points = append(s.Points, chart.Point{X: float64(p.Rows), Y: p.Seconds})
		}
	}
	if len(s.Points) < 2 {
		return block{}, false
	}
	l := chart.Line{Title: title, Width: halfWidth, Height: 300, X: chart.Axis{Label: v.say("训练行数", "rows trained on")}, Y: chart.Axis{Label: v.say("秒", "seconds")}, Series: []chart.Series{s}}
	return v.figure(title, l.SVG(), g.without(none)), true
}

func (v cardView) threadsFigure() (block, bool) {
	g := table(">"+v.say("线程", "threads"), ">"+v.say("用时", "time"), ">"+v.say("快了", "faster by"))
	title := v.say("用几个线程，训练多久", "Seconds to train by number of threads")
	l := chart.BarList{Title: title, Width: halfWidth}
	for _, p := range v.card.Scalability.Threads {
		g.row(integer(p.Threads), v.seconds(p.Seconds), times(p.Speedup))
		l.Bars = append(l.Bars, chart.Bar{Label: v.say(integer(p.Threads)+" 个线程", plural(p.Threads, "thread")), Value: p.Seconds, Text: v.seconds(p.Seconds) + " · " + times(p.Speedup), Color: 1})
	}
	if len(l.Bars) == 0 {
		return block{}, false
	}
	return v.figure(title, l.SVG(), g), true
}
