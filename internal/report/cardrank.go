package report

import (
	"math"

	"kequn/internal/chart"
	"kequn/internal/metric"
)

// Width of a picture in its own units: two stand side by side on a desk, one fills a phone without its words growing too small.
const (
	halfWidth  = 430
	wideWidth  = 480
	smallWidth = 330
)

func (v cardView) rankTitle() string {
	if v.binary() {
		return v.say("排得准不准", "How well it ranks")
	}
	return v.say("估得准不准", "How close its figures are")
}

func (v cardView) accuracy() []block {
	var out []block
	if g := v.best(); g != nil {
		out = append(out, para(v.say("把客户按分数从高到低排好，只联系最前面的一部分，能找到多少目标：", "Put customers in order of their score and contact only the first of them: this is what you find.")), tabled(g))
	}
	var figures []block
	if f, ok := v.gainsFigure(); ok {
		figures = append(figures, f)
	}
	if f, ok := v.calibrationFigure(); ok {
		figures = append(figures, f)
	}
	if len(figures) > 0 {
		out = append(out, pair(figures...))
	}
	if g := v.figures(); len(g.Rows) > 0 {
		out = append(out, heading(v.say("各项指标，用大白话说", "The figures, in plain words")), tabled(g),
			soft(v.say("全部在训练时没见过的行上计算。95% 区间：换一批同样的客户再算，数字大致会落在里面。", "All on rows that were not trained on. 95% interval: with other customers of the same kind, the figure would mostly fall in there.")))
	}
	return append(out, v.missing("accuracy", "calibration", "gains")...)
}

// best is what contacting the best scored finds.
func (v cardView) best() *grid {
	g := table(v.say("联系的比例", "contacted"), ">"+v.say("找到的目标占全部", "found, of all there are"), ">"+v.say("比随机联系", "against random"), ">"+v.say("其中发生率", "rate among them"))
	if !v.binary() {
		g = table(v.say("联系的比例", "contacted"), ">"+v.say("占总额", "of the total amount"), ">"+v.say("比随机联系", "against random"), ">"+v.say("人均", "mean amount"))
	}
	for _, at := range []float64{.1, .2, .3} {
		if x := gainAt(v.card.Accuracy.Gains, at); x != nil {
			g.row(v.sayf("分数最高的 %.0f%%", "best scored %.0f%%", 100*at), share(x.Captured), times(x.Gain), v.rate(x.Rate))
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	return g
}

// rate writes a mean outcome: a share of a yes or no, else an amount.
func (v cardView) rate(x float64) string {
	if v.binary() {
		return share(x)
	}
	return plain(x)
}

func (v cardView) gainsFigure() (block, bool) {
	gains := v.card.Accuracy.Gains
	if len(gains) == 0 {
		return block{}, false
	}
	g := table(">"+v.say("联系的比例", "contacted"), ">"+v.say("找到的目标", "found"), ">"+v.say("比随机", "against random"))
	points := []chart.Point{{}}
	highest := 1.0
	for _, x := range gains {
		points = append(points, chart.Point{X: x.Share, Y: x.Captured})
		if finite(x.Captured) {
			highest = math.Max(highest, x.Captured)
		}
		g.row(share(x.Share), share(x.Captured), times(x.Gain))
	}
	title := v.say("联系多少人，能找到多少目标", "How many are found by contacting how many")
	l := chart.Line{Title: title, Width: halfWidth, Height: 300,
		X: chart.Axis{Label: v.say("联系的客户比例（分数高的先联系）", "customers contacted, best scores first"), Max: 1, Percent: true},
		Y: chart.Axis{Label: v.say("找到的目标", "found"), Max: highest, Percent: true},
		Series: []chart.Series{
			{Name: v.say("按这个模型", "by this model"), Points: points, Color: 1},
			{Name: v.say("随机联系", "at random"), Points: []chart.Point{{X: 0, Y: 0}, {X: 1, Y: 1}}, Color: 8, Dashed: true},
		}}
	return v.figure(title, l.SVG(), g), true
}

func (v cardView) calibrationFigure() (block, bool) {
	bins := v.card.Accuracy.Calibration
	if len(bins) == 0 {
		return block{}, false
	}
	g := table(">"+v.say("预测", "predicted"), ">"+v.say("实际", "happened"), ">"+v.say("实际的 95% 区间", "95% interval"), ">"+v.say("行数", "rows"))
	s := chart.Series{Name: v.say("每十分之一客户（竖线：95% 区间）", "each tenth of customers (line: 95%)"), Color: 1, Marks: true, Whiskers: true}
	most := 0.0
	for _, b := range bins {
		s.Points = append(s.Points, chart.Point{X: b.Predicted, Y: b.Rate})
		s.Low, s.High = append(s.Low, b.RateLow), append(s.High, b.RateHigh)
		for _, x := range []float64{b.Predicted, b.Rate, b.RateHigh} {
			if finite(x) {
				most = math.Max(most, x)
			}
		}
		g.row(v.rate(b.Predicted), v.rate(b.Rate), v.rate(b.RateLow)+" … "+v.rate(b.RateHigh), integer(b.Rows))
	}
	most *= 1.03
	if v.binary() {
		most = math.Min(1, most)
	}
	if most <= 0 {
		most = 1
	}
	title := v.say("说 30% 时，真有 30% 吗", "When it says 30%, do 30% do it")
	if !v.binary() {
		title = v.say("预测的数与实际的数", "What was predicted and what happened")
	}
	l := chart.Line{Title: title, Width: halfWidth, Height: 300,
		X: chart.Axis{Label: v.say("预测", "predicted"), Max: most, Percent: v.binary()},
		Y: chart.Axis{Label: v.say("实际", "happened"), Max: most, Percent: v.binary()},
		Series: []chart.Series{s,
			{Name: v.say("完全相符", "exactly right"), Points: []chart.Point{{X: 0, Y: 0}, {X: most, Y: most}}, Color: 8, Dashed: true},
		}}
	return v.figure(title, l.SVG(), g), true
}

// figures are the scores of accuracy, each with its meaning.
func (v cardView) figures() *grid {
	g := table(v.say("指标", "figure"), ">"+v.say("数值", "value"), ">"+v.say("95% 区间", "95% interval"), v.say("意思", "what it means"))
	add := func(name string, i *metric.Interval, as func(float64) string, zh, en string, args ...any) {
		if i != nil && finite(i.Mean) {
			g.row(name, as(i.Mean), between(i, as), v.sayf(zh, en, args...))
		}
	}
	a := v.card.Accuracy
	add("AUC", a.AUC, number, "任取一个发生的客户和一个没发生的，前者分数更高的机会；0.5 等于瞎猜，1 是全对",
		"take one customer who did it and one who did not: how often the first has the higher score; 0.5 is guessing, 1 is perfect")
	add("PR-AUC", a.PRAUC, number, "从高分往低分点名，平均有多少点对；瞎猜是 %s", "going down the list, how many of those named are right, on average; guessing gives %s", number(v.card.Rate))
	add(v.say("前 10% 增益", "top 10% gain"), a.TopDecileGain, times, "分数最高的十分之一里，目标客户是随机联系的几倍", "how many times as many the best scored tenth finds as contacting at random")
	base := ""
	if a.LogLossBase != nil {
		base = v.sayf("；对所有人都报平均发生率是 %s", "; saying the mean rate of everybody gives %s", number(*a.LogLossBase))
	}
	add(v.say("对数损失", "log loss"), a.LogLoss, number, "概率离事实有多远，越小越好%s", "how far probabilities are from what happened, lower is better%s", base)
	add(v.say("Brier 分数", "Brier score"), a.Brier, number, "概率与事实之差的平方的平均，越小越好", "mean square of the difference between probability and fact, lower is better")
	add(v.say("校准误差 ECE", "calibration error, ECE"), a.ECE, number, "概率平均偏了多少；0.02 就是 2 个百分点", "by how much probabilities are off, on average; 0.02 is two points of a hundred")
	add("R²", a.R2, number, "客户之间的差别说中了多少；0 等于只报平均数，1 是全中", "how much of the differences between customers it tells; 0 is saying the mean, 1 is all")
	add("RMSE", a.RMSE, plain, "预测与实际通常差多少，大的偏差算得更重", "how far off a prediction usually is, large misses counting more")
	add("MAE", a.MAE, plain, "预测与实际平均差多少", "how far off a prediction is, on average")
	if a.TotalError != nil && finite(*a.TotalError) {
		s := share(*a.TotalError)
		if *a.TotalError > 0 {
			s = "+" + s
		}
		g.row(v.say("总额偏差", "error of the total"), s, none, v.say("预测总额比实际总额多（+）或少（−）多少", "by how much the predicted total is above (+) or below (−) the true one"))
	}
	return g
}
