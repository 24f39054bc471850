package report

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"kequn/internal/metric"
)

// tiles are the figures that are seen first.
func (v cardView) tiles() []tile {
	var out []tile
	add := func(figure, word string) { out = append(out, tile{figure, word}) }
	c, a := v.card, v.card.Accuracy
	if g := gainAt(a.Gains, .1); g != nil && v.binary() {
		add(share(g.Captured), v.say("目标客户在分数最高的 10% 里", "of those who did it are in the best scored 10%"))
	}
	for _, x := range []struct {
		name string
		of   *metric.Interval
	}{{"AUC", a.AUC}, {"R²", a.R2}} {
		if x.of != nil {
			add(number(x.of.Mean), x.name+v.say("，95% 区间 ", ", 95% interval ")+between(x.of, number))
		}
	}
	if c.Rows > 0 {
		add(integer(c.Rows), v.say("行用来评判，训练时没见过", "rows judged, none seen in training"))
	}
	if v.binary() && c.Positives > 0 {
		add(integer(c.Positives), v.sayf("行确实发生（%s）", "of them did it (%s)", share(c.Rate)))
	}
	return out
}

// gainAt returns the point of the curve at a share of the rows.
func gainAt(gains []metric.Gain, at float64) *metric.Gain {
	for i := range gains {
		if d := gains[i].Share - at; d > -1e-6 && d < 1e-6 {
			return &gains[i]
		}
	}
	return nil
}

// verdictClass is how the grade is coloured.
func verdictClass(key string) string {
	switch key {
	case "good", "excellent":
		return "good"
	case "useless", "suspicious":
		return "bad"
	}
	return "warn"
}

func (v cardView) verdict() []block {
	var out []block
	c := v.card
	if grade := c.Grade(v.Lang); grade != "" {
		out = append(out, block{Kind: "say", Class: verdictClass(c.Verdict.Key), Word: capital(grade), Text: capital(c.Advice(v.Lang))})
	}
	if s := v.pick(v.WhyChosen); s != "" {
		out = append(out, para(s))
	}
	if n := len(v.Leaks); n > 0 {
		out = append(out, block{Kind: "say", Class: "bad", Word: v.say("先核对", "Check first"),
			Text: v.say(fmt.Sprintf("有 %d 列可能在结果发生之后才写下，见文末“来历与边界”。", n), plural(n, "column")+" may have been written down after the outcome: see facts and limits, at the end.")})
	}
	return append(out, v.help()...)
}

// help is what would make the model better, most promising first.
func (v cardView) help() []block {
	var lines []string
	for _, h := range v.card.Help {
		line := v.say(h.Zh, h.En)
		if h.Gain != nil && finite(*h.Gain) {
			line += fmt.Sprintf(v.say("（%s %s）", " (%s %s)"), v.skill(), signed(*h.Gain))
		}
		if line != "" {
			lines = append(lines, capital(line))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return []block{heading(v.say("做什么最有用", "What would help most")), {Kind: "steps", Lines: lines}}
}

// plural counts things in English.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return integer(n) + " " + thing + "s"
}

// capital begins a title as titles begin.
func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}
