package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"kequn/internal/chart"
	"kequn/internal/measure"
	"kequn/internal/receipt"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	// Placeholders: the real ones know the language and are set for each page.
	"t": func(string, string) string { return "" }, "pick": func(Text) string { return "" },
	"pct": percent, "int": anyInteger, "money": func(float64) string { return "" }, "short": chart.Short, "points": points,
	"picture": func(string, any) template.HTML { return "" }, "style": style,
	"family": func(string) string { return "" },
	"help":   func(*CardPage) []block { return nil }, "sections": func(*CardPage) []section { return nil },
	"fixed": fixed, "shortid": func(s string) string { return s[:min(12, len(s))] },
}).Parse(pageText + cardText))

// Write writes the page. Everything that comes from data is escaped.
func Write(w io.Writer, d Data) error {
	v := view{d}
	t, err := page.Clone()
	if err != nil {
		return err
	}
	return t.Funcs(template.FuncMap{
		"t": v.say, "pick": v.pick, "money": v.money, "picture": v.picture, "family": v.family, "help": v.help, "sections": v.sections,
	}).Execute(w, d)
}

func style() template.CSS { return template.CSS(pageStyle + cardStyle + chart.Style) }

type view struct{ Data }

// help is what would make a goal's model better, in the page's language.
func (v view) help(card *CardPage) []block {
	p := *card
	p.Lang = v.Lang
	return cardOf(p).help()
}

// sections are those of a goal's card, but for its verdict, which stands above it.
func (v view) sections(card *CardPage) []section {
	p := *card
	p.Lang = v.Lang
	return slices.DeleteFunc(cardOf(p).document().Sections, func(s section) bool { return s.ID == "verdict" })
}

func (v view) say(zh, en string) string { return v.Lang.Pick(zh, en) }
func (v view) pick(t Text) string       { return v.Lang.Pick(t.ZH, t.EN) }

func (v view) money(x float64) string {
	return strings.TrimSpace(integer(math.Round(x)) + " " + v.Currency)
}

// picture draws one of the page's pictures, with a table of its figures for those who cannot see it.
func (v view) picture(kind string, of any) template.HTML {
	var svg string
	var rows [][]string
	switch x := of.(type) {
	case []Month:
		svg, rows = v.months(x)
	case *Grid:
		svg = v.grid(x)
	case []Segment:
		svg = v.segments(x)
	case Goal:
		switch kind {
		case "gains":
			svg, rows = v.gains(x)
		case "calibration":
			svg, rows = v.calibration(x)
		default:
			svg = v.drivers(x)
		}
	case *receipt.Receipt:
		switch kind {
		case "waterfall":
			svg = v.waterfall(x)
		case "policies":
			svg = v.policies(x)
		default:
			svg, rows = v.curve(x)
		}
	case *measure.Result:
		svg = v.measured(x)
	}
	if svg == "" {
		return ""
	}
	return template.HTML(`<figure>` + svg + v.table(rows) + `</figure>`)
}

// table prints figures behind a "show as table" word; the first row is the head.
func (v view) table(rows [][]string) string {
	if len(rows) < 2 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<details class="figures"><summary>%s</summary><table>`, v.say("查看数据表", "show as table"))
	for i, r := range rows {
		b.WriteString("<tr>")
		for _, c := range r {
			tag := "td"
			if i == 0 {
				tag = "th"
			}
			fmt.Fprintf(&b, "<%s>%s</%s>", tag, template.HTMLEscapeString(c), tag)
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table></details>")
	return b.String()
}

func (v view) months(m []Month) (string, [][]string) {
	if len(m) < 2 {
		return "", nil
	}
	rows := [][]string{{v.say("月份", "month"), v.say("订单", "orders"), v.say("销售额", "revenue")}}
	var bars []chart.Bar
	for _, x := range m {
		rows = append(rows, []string{x.Name, integer(x.Orders), integer(x.Revenue)})
		bars = append(bars, chart.Bar{Label: x.Name, Value: x.Revenue, Text: chart.Short(x.Revenue) + " · " + integer(x.Orders), Color: 1})
	}
	return chart.Bars(v.say("每月销售额与订单数", "revenue and orders by month"), bars, 640), rows
}

func (v view) grid(g *Grid) string {
	most := 1
	for _, r := range g.Cells {
		for _, c := range r {
			most = max(most, c.Count)
		}
	}
	cells := make([][]chart.Cell, len(g.Cells))
	for i, r := range g.Cells {
		for _, c := range r {
			cells[i] = append(cells[i], chart.Cell{Share: math.Sqrt(float64(c.Count) / float64(most)), Text: integer(float64(c.Count)), Sub: v.pick(c.Name)})
		}
	}
	return chart.Grid("RFM", g.Rows, g.Cols, cells, v.pick(g.X), v.pick(g.Y), 760)
}

func (v view) segments(s []Segment) string {
	var bars []chart.Bar
	for _, x := range s {
		word := fmt.Sprintf("%s (%s)", integer(float64(x.Size)), percent(x.Share))
		bars = append(bars, chart.Bar{Label: v.pick(x.Name), Value: x.Share, Text: word, Color: 1})
	}
	return chart.Bars(v.say("各分群人数", "customers by segment"), bars, 720)
}

func (v view) gains(g Goal) (string, [][]string) {
	if len(g.Gains) == 0 {
		return "", nil
	}
	rows := [][]string{{v.say("触达比例", "contacted"), v.say("覆盖目标比例", "reached")}}
	for _, p := range g.Gains {
		rows = append(rows, []string{percent(p.X), percent(p.Y)})
	}
	l := chart.Line{Title: v.say("增益曲线", "gains"), Width: 520, Height: 330,
		X: chart.Axis{Label: v.say("按分数从高到低触达的客户比例", "share of customers, best scores first"), Min: 0, Max: 1, Percent: true},
		Y: chart.Axis{Label: v.say("覆盖的目标客户比例", "share of those who did it"), Min: 0, Max: 1, Percent: true},
		Series: []chart.Series{
			{Name: v.say("模型", "model"), Points: append([]chart.Point{{X: 0, Y: 0}}, g.Gains...), Color: 1},
			{Name: v.say("随机", "random"), Points: []chart.Point{{X: 0, Y: 0}, {X: 1, Y: 1}}, Color: 8, Dashed: true},
		}}
	return l.SVG(), rows
}

func (v view) calibration(g Goal) (string, [][]string) {
	if len(g.Calib) == 0 {
		return "", nil
	}
	rows := [][]string{{v.say("预测", "predicted"), v.say("实际", "actual"), v.say("占比", "share of rows")}}
	var pts []chart.Point
	most := 0.0
	for _, c := range g.Calib {
		pts = append(pts, chart.Point{X: c.Predicted, Y: c.Actual})
		most = math.Max(most, math.Max(c.Predicted, c.Actual))
		rows = append(rows, []string{v.value(g, c.Predicted), v.value(g, c.Actual), percent(c.Share)})
	}
	most *= 1.05
	if g.Binary {
		most = math.Min(1, most)
	}
	if most <= 0 {
		most = 1
	}
	l := chart.Line{Title: v.say("校准曲线", "calibration"), Width: 520, Height: 330,
		X: chart.Axis{Label: v.say("预测值", "predicted"), Min: 0, Max: most, Percent: g.Binary},
		Y: chart.Axis{Label: v.say("实际值", "what happened"), Min: 0, Max: most, Percent: g.Binary},
		Series: []chart.Series{
			{Name: v.say("模型", "model"), Points: pts, Color: 1, Dots: true},
			{Name: v.say("完全准确", "perfect"), Points: []chart.Point{{X: 0, Y: 0}, {X: most, Y: most}}, Color: 8, Dashed: true},
		}}
	return l.SVG(), rows
}

func (v view) value(g Goal, x float64) string {
	if g.Binary {
		return percent(x)
	}
	return chart.Short(x)
}

func (v view) drivers(g Goal) string {
	var bars []chart.Bar
	for _, d := range g.Drivers {
		bars = append(bars, chart.Bar{Label: v.pick(d.Text), Value: d.Share, Text: percent(d.Share), Color: kindColor(d.Kind)})
	}
	if len(bars) == 0 {
		return ""
	}
	return chart.Bars(v.say("影响分数的特征", "what moves the score"), bars, 720)
}

// kindColor tells levers (green), traits (grey) and proxies (amber) from behaviour (blue).
func kindColor(kind string) int {
	switch kind {
	case "lever":
		return 3
	case "trait":
		return 8
	case "proxy":
		return 4
	}
	return 1
}

func (v view) waterfall(r *receipt.Receipt) string {
	var bars []chart.Bar
	for _, s := range r.Waterfall {
		bars = append(bars, chart.Bar{Label: v.word(s.Step), Value: float64(s.Left), Text: integer(float64(s.Left)), Color: 8})
	}
	bars = append(bars,
		chart.Bar{Label: v.say("触达", "contact"), Value: float64(r.Contact), Text: integer(float64(r.Contact)), Color: 1},
		chart.Bar{Label: v.say("对照（不触达）", "control, held back"), Value: float64(r.Control), Text: integer(float64(r.Control)), Color: 4},
		chart.Bar{Label: v.say("不打扰", "left alone"), Value: float64(r.LeftAlone), Text: integer(float64(r.LeftAlone)), Color: 8})
	return chart.Bars(v.say("人数漏斗", "who is left after each step"), bars, 720)
}

func (v view) curve(r *receipt.Receipt) (string, [][]string) {
	if len(r.Curve) < 2 {
		return "", nil
	}
	rows := [][]string{{v.say("触达人数", "contacted"), v.say("预期利润", "expected profit"), v.say("下限", "low"), v.say("上限", "high")}}
	s := chart.Series{Color: 1}
	for _, p := range r.Curve {
		s.Points = append(s.Points, chart.Point{X: float64(p.Contacted), Y: p.Profit.Mean})
		s.Low, s.High = append(s.Low, p.Profit.Low), append(s.High, p.Profit.High)
		rows = append(rows, []string{integer(float64(p.Contacted)), integer(p.Profit.Mean), integer(p.Profit.Low), integer(p.Profit.High)})
	}
	l := chart.Line{Title: v.say("利润曲线", "profit curve"), Width: 720, Height: 340,
		X:      chart.Axis{Label: v.say("按价值从高到低触达的人数", "customers contacted, most valuable first")},
		Y:      chart.Axis{Label: v.say("预期利润", "expected profit") + " " + v.Currency},
		Series: []chart.Series{s},
		VLines: []chart.Mark{{X: float64(r.Contact + r.Control), Text: v.say("本次选中", "chosen")}}}
	return l.SVG(), rows
}

func (v view) policies(r *receipt.Receipt) string {
	var bars []chart.Bar
	for i, p := range r.Policies {
		bars = append(bars, chart.Bar{Label: fmt.Sprintf("%s · %s", v.word(p.Name), integer(float64(p.Contacted))), Value: p.Profit.Mean, Low: p.Profit.Low, High: p.Profit.High,
			Text: integer(p.Profit.Mean), Color: 1 + i%2*7})
	}
	if len(bars) == 0 {
		return ""
	}
	return chart.Bars(v.say("不同选人方式的预期利润", "expected profit by way of choosing"), bars, 720)
}

func (v view) measured(m *measure.Result) string {
	bars := []chart.Bar{
		{Label: v.say("事前预测", "forecast"), Value: m.Forecast.Mean, Low: m.Forecast.Low, High: m.Forecast.High, Text: integer(m.Forecast.Mean), Color: 8},
		{Label: v.say("实际测得", "measured"), Value: m.Profit.Mean, Low: m.Profit.Low, High: m.Profit.High, Text: integer(m.Profit.Mean), Color: 1},
	}
	if m.Truth != nil {
		bars = append(bars, chart.Bar{Label: v.say("真值（演示商店）", "truth (demo shop)"), Value: m.Truth.Profit, Text: integer(m.Truth.Profit), Color: 3})
	}
	return chart.Bars(v.say("利润：预测与实际", "profit: forecast and fact"), bars, 720)
}

// word says a step, a reason or a policy in the page's language; what it does not know stays as it is.
func (v view) word(s string) string {
	if t, ok := words[s]; ok {
		return v.pick(t)
	}
	return s
}

var words = map[string]Text{
	"everybody":   {"全体客户", "everybody"},
	"eligible":    {"符合条件", "eligible"},
	"consent":     {"同意接收", "with consent"},
	"holdout":     {"扣除全局留出", "not in the holdout"},
	"excluded":    {"扣除排除名单", "not suppressed"},
	"uplift":      {"按增益选（本次）", "by uplift (this decision)"},
	"response":    {"按响应率选", "by response"},
	"rfm":         {"按 RFM 选", "by RFM"},
	"chosen":      {"本次选择", "this decision"},
	"contact_all": {"全部触达", "contact everybody"},
}

func (v view) family(name string) string {
	if t, ok := families[name]; ok {
		return v.pick(t)
	}
	return name
}

var families = map[string]Text{
	"base":   {"基准（平均值）", "base rate"},
	"linear": {"线性 / 逻辑回归", "linear, logistic regression"},
	"tree":   {"决策树", "decision tree"},
	"gbdt":   {"梯度提升树", "gradient boosting"},
	"auto":   {"自动（可融合）", "auto (may blend)"},
	"simple": {"最简可用", "simple"},
	"blend":  {"融合", "blend"},

	"forest":   {"随机森林", "random forest"},
	"additive": {"可加模型", "additive model"},
	"svm":      {"支持向量机", "support vector machine"},
	"mlp":      {"神经网络", "neural network"},
}

func percent(x float64) string {
	if !finite(x) {
		return "–"
	}
	return fmt.Sprintf("%.1f%%", 100*x)
}

// fixed writes a score with three decimals, zero without a sign.
func fixed(x float64) string {
	if !finite(x) {
		return "–"
	}
	if math.Abs(x) < 0.0005 {
		x = 0
	}
	return fmt.Sprintf("%.3f", x)
}

func points(x float64) string { return fmt.Sprintf("%.2f", 100*x) }

// anyInteger is integer for templates, which hand over values of any numeric type.
func anyInteger(x any) string {
	switch x := x.(type) {
	case int:
		return integer(x)
	case int64:
		return integer(x)
	case float64:
		return integer(x)
	}
	return "–"
}

// integer writes a number without decimals, with thousands separators.
func integer[T int | int64 | float64](x T) string {
	f := math.Round(float64(x))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "–"
	}
	s := fmt.Sprintf("%.0f", math.Abs(f))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if f < 0 {
		return "−" + s
	}
	return s
}
