package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/feature"
	"kequn/internal/query"
)

// FeaturesPage is the catalogue of features: what each is, how its values look, and how far they drift.
type FeaturesPage struct {
	Lang      kequn.Lang
	Name      string // of the workspace
	Program   string
	Created   string
	Cutoff    string   // the newest
	Compared  []string // cutoffs between which drift is told, oldest first
	Customers int
	Sealed    bool
	Notes     []string
	Features  []feature.Entry
	Drifting  []feature.Entry // those that drift most, most first
}

//go:embed features.html
var featuresText string

//go:embed features.css
var featuresStyle string

var featuresTemplate = template.Must(template.New("features").Funcs(template.FuncMap{
	"t": func(string, string) string { return "" }, "int": anyInteger, "style": func() template.CSS { return style() + template.CSS(featuresStyle) },
	"pct": func(float64) string { return "" }, "say": func(string) string { return "" }, "kind": func(query.Kind) string { return "" }, "window": func(string) string { return "" },
	"picture": func(feature.Entry) template.HTML { return "" }, "bars": func() template.HTML { return "" }, "typical": func(feature.Entry) string { return "" },
	"drift": func(feature.Entry) badge { return badge{} }, "facts": func(feature.Entry) []fact { return nil }, "groups": func() []featureGroup { return nil },
	"trend": func(feature.Entry) [][]string { return nil }, "anchor": anchor, "moment": moment, "words": func(feature.Entry) string { return "" },
}).Parse(featuresText))

// WriteFeatures writes the catalogue as one self-contained HTML page that asks the network for nothing and runs no script. Everything
// that comes from data is escaped. It holds no figure of fewer than ten customers.
func WriteFeatures(w io.Writer, p FeaturesPage) error {
	t, err := featuresTemplate.Clone()
	if err != nil {
		return err
	}
	v := featuresView{p}
	return t.Funcs(template.FuncMap{
		"t": p.Lang.Pick, "say": v.word, "kind": v.kind, "window": v.window, "picture": v.histogram, "bars": v.drifting, "typical": v.typical, "drift": v.drift,
		"facts": v.facts, "groups": v.groups, "trend": v.trend, "pct": v.percent, "words": v.text,
	}).Execute(w, p)
}

type featuresView struct{ FeaturesPage }

func (v featuresView) say(zh, en string) string { return v.Lang.Pick(zh, en) }

func (v featuresView) text(e feature.Entry) string { return v.say(e.TextZH, e.TextEN) }

// anchor is the place of a feature on the page.
func anchor(name string) string { return "f-" + name }

// featureGroup is the features of one family.
type featureGroup struct {
	ID, Title string
	Open      bool
	Features  []feature.Entry
}

// groups sorts the features by family, those of the plan first.
func (v featuresView) groups() []featureGroup {
	own := featureGroup{ID: "own", Title: v.say("自定义特征", "Your own features"), Open: true}
	for _, e := range v.Features {
		if e.Own {
			own.Features = append(own.Features, e)
		}
	}
	out := []featureGroup{own}
	for _, f := range feature.Families {
		g := featureGroup{ID: string(f), Title: f.Title(v.Lang)}
		for _, e := range v.Features {
			if e.Family == f && !e.Own {
				g.Features = append(g.Features, e)
			}
		}
		out = append(out, g)
	}
	kept := out[:0]
	for _, g := range out {
		if len(g.Features) > 0 {
			kept = append(kept, g)
		}
	}
	return kept
}

// badge is a drift in a word.
type badge struct{ Class, Word string }

func (v featuresView) drift(e feature.Entry) badge {
	if len(v.Compared) < 2 || e.Stats == nil || e.Stats.Overlap == 0 && e.Stats.Drift == 0 {
		return badge{"none", "–"}
	}
	d := fmt.Sprintf("%.2f", e.Stats.Drift)
	switch {
	case e.Stats.Drift >= feature.LargeDrift:
		return badge{"bad", v.say("大 ", "large ") + d}
	case e.Stats.Drift >= feature.SmallDrift:
		return badge{"warn", v.say("中 ", "some ") + d}
	}
	return badge{"good", v.say("稳 ", "steady ") + d}
}

// drifting draws the features that moved most.
func (v featuresView) drifting() template.HTML {
	var bars []chart.Bar
	for _, e := range v.Drifting {
		color := 4
		if e.Stats.Drift >= feature.LargeDrift {
			color = 2
		}
		bars = append(bars, chart.Bar{Label: e.Name, Value: e.Stats.Drift, Text: fmt.Sprintf("%.2f", e.Stats.Drift), Color: color})
	}
	if len(bars) == 0 {
		return ""
	}
	return template.HTML("<figure>" + chart.Bars(v.say("漂移（效应量）", "drift (effect size)"), bars, 720) + "</figure>")
}

// Size of a histogram in its own units.
const histWidth, histHeight = 132.0, 34.0

// histogram draws how a feature's values are spread: bins of numbers, shares of texts.
func (v featuresView) histogram(e feature.Entry) template.HTML {
	s := e.Stats
	if s == nil || s.Few {
		return ""
	}
	var shares []float64
	var title string
	switch {
	case isCondition(e):
		if s.Mean == 0 || s.Mean == 1 {
			return ""
		}
		return template.HTML(fmt.Sprintf(`<svg class="hist" viewBox="0 0 %g %g" role="img"><title>%s</title><rect class="rest" width="%g" height="10" y="12"/><rect width="%.1f" height="10" y="12"/></svg>`,
			histWidth, histHeight, template.HTMLEscapeString(v.typical(e)), histWidth, s.Mean*histWidth))
	case s.Histogram != nil:
		shares = s.Histogram.Shares
		last := s.Histogram.From + s.Histogram.Step*float64(len(shares))
		title = fmt.Sprintf("%s – %s", v.number(e, s.Histogram.From), v.number(e, last))
		if s.Histogram.Step == 1 {
			title = fmt.Sprintf("%s – %s", v.number(e, s.Histogram.From+0.5), v.number(e, last-0.5))
		}
	case len(s.Top) > 1:
		for _, t := range s.Top {
			shares = append(shares, t.Share)
		}
		title = v.say("最常见的取值", "the commonest values")
	default:
		return ""
	}
	most := 0.0
	for _, x := range shares {
		most = math.Max(most, x)
	}
	if most == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="hist" viewBox="0 0 %g %g" role="img"><title>%s</title>`, histWidth, histHeight, template.HTMLEscapeString(title))
	w := histWidth / float64(len(shares))
	for k, x := range shares {
		if x == 0 {
			continue
		}
		h := math.Max(1, x/most*(histHeight-2))
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, float64(k)*w+0.5, histHeight-1-h, math.Max(1, w-1), h)
	}
	fmt.Fprintf(&b, `<path d="M0 %g H%g"/></svg>`, histHeight-0.5, histWidth)
	return template.HTML(b.String())
}

// isCondition tells whether a feature is yes or no.
func isCondition(e feature.Entry) bool { return e.Type == "bool" || e.Unit == "yes or no" }

// number writes a value of a feature: shares as per cent.
func (v featuresView) number(e feature.Entry, x float64) string {
	if e.Unit == "share" || isCondition(e) {
		return v.percent(x)
	}
	switch a := math.Abs(x); {
	case a >= 10_000:
		return chart.Short(x)
	case x == math.Trunc(x):
		return integer(x)
	case a >= 100:
		return integer(x)
	case a >= 1:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2g", x)
}

func (v featuresView) percent(x float64) string {
	if x > 0 && x < 0.005 {
		return "<1%"
	}
	return fmt.Sprintf("%.0f%%", 100*x)
}

// typical is what most customers have.
func (v featuresView) typical(e feature.Entry) string {
	s := e.Stats
	switch {
	case s == nil || s.Few:
		return "–"
	case e.Type == "text":
		if len(s.Top) == 0 {
			return "–"
		}
		return s.Top[0].Text + " (" + v.percent(s.Top[0].Share) + ")"
	case isCondition(e):
		return v.percent(s.Mean) + v.say(" 为是", " yes")
	case len(s.Quantiles) == 5:
		return v.number(e, s.Quantiles[2])
	}
	return v.number(e, s.Mean)
}

// fact is a word and what there is to say to it.
type fact struct {
	Word, Text string
	Code       bool
}

func (v featuresView) facts(e feature.Entry) []fact {
	out := []fact{{v.say("定义", "definition"), e.Definition, true}}
	add := func(zh, en, text string) {
		if text != "" {
			out = append(out, fact{v.say(zh, en), text, false})
		}
	}
	add("单位", "unit", v.word(e.Unit))
	add("时间窗口", "window", v.window(e.Window))
	add("取自", "reads", strings.Join(e.Sources, ", "))
	kind := v.kind(e.Kind)
	if e.Sensitive {
		kind += v.say("；敏感，不进模型", "; sensitive, kept out of models")
	}
	add("性质", "kind", kind)
	add("缺失的含义", "when missing", v.word(e.Missing))
	s := e.Stats
	if s == nil {
		return out
	}
	if s.Few {
		add("取值", "values", v.say("有值的客户不足 10 位，不予显示", "fewer than 10 customers have one, so nothing is shown"))
	}
	switch q := s.Quantiles; {
	case e.Type == "text":
		var parts []string
		for _, t := range s.Top {
			parts = append(parts, t.Text+" "+v.percent(t.Share))
		}
		if n := s.Distinct - len(s.Top); n > 0 && len(parts) > 0 {
			parts = append(parts, fmt.Sprintf(v.say("另有 %s 种", "%s others"), integer(n)))
		}
		add("取值", "values", strings.Join(parts, " · "))
	case isCondition(e):
	case len(q) == 5:
		add("多数客户在", "most customers", fmt.Sprintf(v.say("%s 至 %s（中位数 %s，一半在 %s 至 %s）", "%s to %s (median %s, half of them %s to %s)"),
			v.number(e, q[0]), v.number(e, q[4]), v.number(e, q[2]), v.number(e, q[1]), v.number(e, q[3])))
		add("平均", "mean", v.number(e, s.Mean)+" ± "+v.number(e, s.SD))
	}
	if len(v.Compared) > 1 && s.Overlap > 0 {
		words := fmt.Sprintf(v.say("效应量 %.2f，分布重叠 %s，PSI %.3f", "effect size %.2f, the two overlap by %s, PSI %.3f"), s.Drift, v.percent(s.Overlap), s.PSI)
		if e.Type != "text" {
			words += strings.Replace(fmt.Sprintf(v.say("，均值移动 %+.2f 个标准差", ", the mean moved by %+.2f standard deviations"), s.Shift), "-", "−", 1)
		}
		add("漂移", "drift", words)
	}
	return out
}

// trend tells a feature at each cutoff, the head first.
func (v featuresView) trend(e feature.Entry) [][]string {
	if e.Stats == nil || len(e.Stats.Trend) != len(v.Compared) || len(v.Compared) < 2 {
		return nil
	}
	head, mean, missing := []string{v.say("截止", "cutoff")}, []string{v.say("平均", "mean")}, []string{v.say("缺失", "missing")}
	for k, m := range e.Stats.Trend {
		head = append(head, day(v.Compared[k]))
		mean = append(mean, v.number(e, m.Mean))
		missing = append(missing, v.percent(m.MissingShare))
	}
	if e.Type == "text" {
		return [][]string{head, missing}
	}
	return [][]string{head, mean, missing}
}

// day is the date of an instant as it is written.
func day(s string) string { return s[:min(10, len(s))] }

// moment is an instant as it is written; midnight goes without saying.
func moment(s string) string {
	if len(s) > 19 && s[10:19] == "T00:00:00" {
		return s[:10]
	}
	return s
}

func (v featuresView) kind(k query.Kind) string {
	switch k {
	case query.Trait:
		return v.say("特质（无法改变）", "trait (cannot be changed)")
	case query.Behaviour:
		return v.say("行为", "behaviour")
	case query.Lever:
		return v.say("可施加影响", "lever (what we can set)")
	case query.Proxy:
		return v.say("代理变量（可能代表敏感信息，慎用）", "proxy (may stand for something sensitive: careful)")
	}
	return string(k)
}

func (v featuresView) window(w string) string {
	if w == "ever" {
		return v.say("至今", "so far")
	}
	if d, ok := strings.CutSuffix(w, "d"); ok && v.Lang == kequn.Chinese {
		return "最近 " + d + " 天"
	}
	return w
}

// word says a unit or the meaning of a missing value in the page's language.
func (v featuresView) word(s string) string {
	if v.Lang != kequn.Chinese {
		return s
	}
	return feature.InChinese(s)
}
