package report

import (
	"math"

	"kequn/internal/chart"
	"kequn/internal/explain"
)

// example explains one score: what each column adds, from the average customer to this one.
func (v cardView) example(e Example) []block {
	x := e.Explained
	if len(x.Reasons) == 0 || !finite(x.Base) || !finite(x.Margin) {
		return nil
	}
	title := v.pick(e.Title)
	if title == "" {
		title = v.say("一个例子", "An example")
	}
	g := table(v.say("依据", "reason"), ">"+v.say("贡献", "adds"), ">"+v.multiplies())
	l := chart.BarList{Title: title, Width: wideWidth}
	add := func(label, said string, phi float64) {
		if !finite(phi) {
			return
		}
		color := 1
		if phi < 0 {
			color = 2
		}
		text := signed(phi)
		factor := none
		if v.binary() {
			text = "× " + plain(rounded(math.Exp(math.Max(-20, math.Min(20, phi)))))
			factor = text
		}
		l.Bars = append(l.Bars, chart.Bar{Label: label, Value: phi, Text: text, Color: color})
		g.row(said, signed(phi), factor)
	}
	for i, r := range x.Reasons {
		if i == mostColumns {
			break
		}
		label := v.column(r.Column)
		if r.Value != "" {
			label = labelled(label, r.Value)
		}
		said := v.say(r.Zh, r.En)
		if said == "" {
			said = label
		}
		add(label, said, r.Contribution)
	}
	rest := x.Rest
	for i, r := range x.Reasons {
		if i >= mostColumns {
			rest += r.Contribution
		}
	}
	if rest != 0 {
		all := v.say("其余各列合计", "all other columns together")
		add(all, all, rest)
	}
	out := []block{heading(title), v.figure(v.from(x), l.SVG(), g.without(none))}
	if c := e.Change; c != nil {
		if said := v.say(c.Zh, c.En); said != "" {
			out = append(out, block{Kind: "say", Word: v.say("怎样会改变结论", "What would change it"), Text: capital(said)})
		} else if len(c.Steps) > 0 {
			out = append(out, v.steps(c))
		}
	}
	return out
}

// multiplies heads the column of factors.
func (v cardView) multiplies() string {
	if v.binary() {
		return v.say("几率乘以", "odds times")
	}
	return ""
}

func rounded(x float64) float64 {
	if x == 0 || !finite(x) {
		return x
	}
	p := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*p) / p
}

// from says from where to where the contributions lead.
func (v cardView) from(x explain.Explained) string {
	if !v.binary() {
		return v.sayf("从平均的 %s 到这位客户的 %s", "From the average, %s, to this customer's %s", plain(x.Base), plain(x.Margin))
	}
	p := func(m float64) string { return share(1 / (1 + math.Exp(-m))) }
	return v.sayf("从平均客户的 %s 到这位客户的 %s（校准前）", "From the average customer's %s to this one's %s (before calibration)", p(x.Base), p(x.Margin))
}

func (v cardView) steps(c *explain.Change) block {
	g := table(v.say("最近的改变", "nearest change"), v.say("现在", "now"), v.say("改为", "to"))
	for _, s := range c.Steps {
		g.row(v.column(s.Column), s.From, s.To)
	}
	g.row(v.say("分数", "score"), v.rate(c.From), v.rate(c.To))
	return tabled(g)
}
