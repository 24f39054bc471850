package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/explain"
	"kequn/internal/metric"
)

func ptr(v float64) *float64 { return &v }

func interval(mean, half float64) *metric.Interval {
	return &metric.Interval{Mean: mean, Low: mean - half, High: mean + half}
}

func evText(zh, en string) evaluate.Text { return evaluate.Text{Zh: zh, En: en} }
func exText(zh, en string) explain.Text  { return explain.Text{Zh: zh, En: en} }

// hostileName is a column as an attacker of the page or of the Markdown would call it.
const hostileName = "a|b <img src=x> `c` *d* [e](http://f)\n# g"

// sampleCard has every part, with values as a bank's campaign gives them.
func sampleCard(lang kequn.Lang) CardPage {
	c := &evaluate.Card{Task: kequn.Binary, Model: "auto", Rows: 41188, Positives: 4640, Rate: .1127}
	c.Verdict = evaluate.Verdict{Key: "good", Text: evText("良好", "good")}
	c.Tips = []evaluate.Text{
		evText("只联系分数最高的十分之一，找到的人是随机联系的 4.1 倍。", "Contacting the best scored tenth finds 4.1 times as many as contacting at random."),
		evText("可以排序，但不宜按概率算钱：60% 左右的概率偏高（实际 52%）。", "Good to rank, not to price: probabilities near 60% are too high (52% happened)."),
		evText("评估用的是同一时期的数据；用于将来之前，最好再用更晚的数据验证。", "It was judged on rows of the same time; before relying on it for the future, judge it on later ones."),
	}
	a := &c.Accuracy
	a.AUC, a.PRAUC, a.LogLoss, a.LogLossBase = interval(.797, .008), interval(.464, .016), interval(.274, .004), ptr(.352)
	a.Brier, a.ECE, a.TopDecileGain = interval(.079, .002), interval(.012, .004), interval(4.1, .13)
	for i := 1; i <= 20; i++ {
		x := float64(i) / 20
		y := 1 - math.Pow(1-x, 4.2)
		a.Gains = append(a.Gains, metric.Gain{Share: x, Captured: y, Gain: y / x, Rate: .1127 * y / x})
	}
	for i := range 10 {
		x := .02 + .0075*float64(i*i)
		a.Calibration = append(a.Calibration, metric.Bin{Rows: 4118, Predicted: x, Rate: .92 * x, RateLow: .92*x - .02, RateHigh: .92*x + .02, Weight: 4118})
	}
	s := &c.Stability
	for i := range 5 {
		s.Rounds = append(s.Rounds, evaluate.RoundFigure{Round: i, Rows: 8237, AUC: ptr(.79 + .004*float64(i%3)), Loss: ptr(.275)})
	}
	s.SD, s.Worst, s.PSI, s.By, s.ByRows = ptr(.0037), ptr(.79), ptr(.03), "gbdt", 20000
	for i := range 6 {
		what := "seed"
		if i > 2 {
			what = "rows"
		}
		s.Seeds = append(s.Seeds, evaluate.Variation{What: what, Value: float64(i + 1), Skill: ptr(.795), Change: ptr(-.002 + .0007*float64(i)), SE: ptr(.001), Rank: ptr(.983), TopShared: ptr(.91), Reasons: ptr(.8)})
	}
	for i, name := range []string{"trees", "trees", "leaves", "leaves", "rate", "rate", "category_smooth"} {
		s.Parameters = append(s.Parameters, evaluate.Variation{What: name, Value: 50 * float64(i+1), Skill: ptr(.79), Change: ptr(-.005 + .001*float64(i)), SE: ptr(.0011), Rank: ptr(.97), TopShared: ptr(.88)})
	}
	names := []string{"euribor3m", "nr.employed", "month", "pdays", "contact", "age", "poutcome", hostileName, "job", "campaign", "education", "day_of_week", "default", "housing"}
	c.Interpretability = evaluate.Interpretability{Columns: 19, Used: 17, ForMost: 6, ExactReasons: true, TreeFidelity: ptr(.81), TreeLeaves: 8}
	why := &explain.Global{}
	for i, n := range names {
		w := .4 * math.Pow(.72, float64(i))
		c.Interpretability.Top = append(c.Interpretability.Top, evaluate.Weight{Column: n, Share: w})
		why.Own = append(why.Own, explain.Weight{Column: n, Share: w, SE: .01})
		why.Permutation = append(why.Permutation, explain.Weight{Column: n, Share: w, Loss: .05*w - .0004, SE: .0006})
	}
	c.Scalability = evaluate.Scalability{TrainRows: 41188, FitSeconds: 2.34, RowsPerSecond: ptr(812345), PeakMB: 143.2, PredictSeconds: .05, By: "gbdt"}
	for i := range 7 {
		n := 644 << i
		c.Scalability.Curve = append(c.Scalability.Curve, evaluate.CurvePoint{Rows: n, Skill: ptr(.8 - .6*math.Pow(float64(n), -.38)), SE: ptr(.05 * math.Pow(float64(n), -.3)), TrainSkill: ptr(.8 + .9*math.Pow(float64(n), -.3)), Loss: ptr(.28), Seconds: .02 + float64(n)*5e-5, MB: 2 + float64(n)/300})
	}
	c.Scalability.Threads = []evaluate.ThreadPoint{{Threads: 1, Seconds: 2.3, Speedup: 1}, {Threads: 2, Seconds: 1.25, Speedup: 1.84}}
	c.Scalability.More = &evaluate.MoreRows{Rows: 82376, Gain: interval(.0021, .0016), Text: evText("行数加倍预计让 AUC 提高 0.002（0.001 到 0.004）：用处不大。", "Twice the rows would bring about 0.002 AUC (0.001 to 0.004): not much.")}
	g := &c.Generalization
	g.TrainAUC, g.TestAUC, g.TrainLoss, g.TestLoss = ptr(.842), ptr(.797), ptr(.251), ptr(.274)
	for i, n := range []string{"blue-collar", "student", hostileName, "retired"} {
		g.Groups = append(g.Groups, evaluate.GroupFigure{Column: "job", Group: n, Rows: 900 * (i + 1), Unseen: ptr(.74 + .01*float64(i)), Seen: ptr(.77 + .008*float64(i)), SE: ptr(.01)})
	}
	g.Drift = []evaluate.ColumnDrift{{Column: "euribor3m", PSI: .61, Text: evText("评判时更低：平均 3.6 变为 1.2", "lower when judged: mean 3.6, then 1.2")}, {Column: hostileName, PSI: .14}}
	c.Chance = &evaluate.Chance{Shuffles: 20, Mean: .5005, SD: .0062, Highest: .513, Skill: .797, P: 1. / 21, Distance: 47, Text: evText("结果打乱后重训 20 次，AUC 都在 0.5 上下：不是碰巧。", "Trained on shuffled outcomes 20 times, the AUC stays near 0.5: this is no luck.")}
	for i := range 20 {
		c.Chance.Skills = append(c.Chance.Skills, .49+.0012*float64((i*7)%20))
	}
	for i, n := range []string{"linear", "tree", "forest", "gbdt", "additive", "auto"} {
		k := evaluate.Comparison{Name: n, Skill: ptr(.78 + .003*float64(i)), Behind: interval(.017-.0034*float64(i), .003), Tied: i > 3, Chosen: n == "auto", Simple: n == "additive"}
		if k.Simple {
			k.Text = evText("少 0.003 AUC（0.000 到 0.006）：每 1,000 个目标客户里少找到 5 个。", "gives up 0.003 AUC (0.000 to 0.006): 5 fewer of 1,000 buyers among the best tenth.")
		}
		if k.Chosen {
			k.Behind = nil
		}
		c.Comparison = append(c.Comparison, k)
	}
	c.Help = []evaluate.Help{
		{Key: "later_judging", Text: evText("用更晚时间的数据再评判一次：现在的数字可能偏乐观。", "Judge it on later data: today's figures may be too rosy.")},
		{Key: "calibrate", Text: evText("按概率算钱之前，先校准 60% 以上的概率。", "Calibrate the probabilities above 60% before you use them in money.")},
		{Key: "more_rows", Gain: ptr(.0021), Text: evText("行数加倍。", "Twice as many rows.")},
	}
	for _, attribute := range []string{"age_group", hostileName} {
		f := evaluate.Fairness{Attribute: attribute, Threshold: .231, Share: .1, Parity: &evaluate.FairGap{Difference: .21, Ratio: .27}, Odds: &evaluate.FairGap{Difference: .18, Ratio: .6}, Equal: &evaluate.FairGap{Difference: .18, Ratio: .72},
			TooSmall: []string{"90+", hostileName}, Text: evText("60 岁以上的人被选中得多得多；其中真会发生的比例也更高。", "People over 60 are selected far more often; more of them do it, too.")}
		for i, n := range []string{"18–30", "31–45", "46–60", "60+", hostileName} {
			r := .08 + .05*float64(i)
			f.Groups = append(f.Groups, evaluate.FairGroup{Group: n, Rows: 9000 - 1500*i, Positives: 700, Selected: interval(r, .01+.004*float64(i)), TPR: interval(.4+r, .04), FPR: interval(r/2, .01), AUC: ptr(.78), Rate: ptr(.1 + r/4), Predicted: ptr(.1 + r/4)})
		}
		f.Proxies = []evaluate.Proxy{{Column: "job", AUC: .83, Share: .02, Text: evText("“退休”几乎就是 60 岁以上", "retired is nearly the same as over 60")}, {Column: "education", AUC: .66}}
		c.Fairness = append(c.Fairness, f)
	}
	c.NotMeasured = []evaluate.NotMeasured{{Part: "groups.customer", Text: evText("客户群的泛化：表里没有客户编号。", "unseen customers: the table has no customer id.")}}

	why.Missing = []explain.Text{exText("各列的影响：文本列不画。", "effects of text columns are not drawn.")}
	for i, n := range []string{"euribor3m", "age", "campaign"} {
		e := explain.Effect{Column: n, Method: "ale", Swing: 1.4, Text: exText("越低，可能性越高；3 以上变化不大。", "the lower, the likelier; little change above 3.")}
		for k := range 21 {
			x := float64(k)
			e.Points = append(e.Points, explain.EffectPoint{At: math.Pow(x, 1+float64(i)), Value: math.Cos(x/6) * (1.2 - .4*float64(i)), SE: .03 + .01*math.Abs(x-10)/3, Share: .05})
		}
		e.Points = append(e.Points, explain.EffectPoint{Level: missingLevel, Value: -.3, SE: .1, Share: .02})
		why.Effects = append(why.Effects, e)
	}
	for _, n := range []string{"month", hostileName} {
		e := explain.Effect{Column: n, Method: "ale", Text: exText("三月最高，五月最低。", "highest in March, lowest in May.")}
		for k, l := range []string{"may", "jul", "aug", "jun", "nov", "apr", "oct", "sep", "mar", "dec", hostileName} {
			e.Points = append(e.Points, explain.EffectPoint{Level: l, Value: -.6 + .2*float64(k), SE: .1, Share: .3 * math.Pow(.7, float64(k))})
		}
		why.Effects = append(why.Effects, e)
	}
	why.Tree = &explain.Surrogate{Kind: "tree", Leaves: 4, Fidelity: .81, Top: .72, Skill: ptr(.77), Of: ptr(.797), RulesZh: []string{"若 euribor3m < 1.3 且 pdays < 16：63%", "否则若 " + hostileName + "：5%"}, RulesEn: []string{"if euribor3m < 1.3 and pdays < 16: 63%", "otherwise, if " + hostileName + ": 5%"}}
	why.Rules = &explain.Surrogate{Kind: "rules", Leaves: 2, Fidelity: .76, Top: .7, RulesZh: []string{"一", "二"}, RulesEn: []string{"one", "two"}, Text: exText("2 条规则说出 76%。", "2 rules tell 76%.")}
	for i, n := range []int{1, 2, 3, 5, 8, 12, 19} {
		loss := .06 * math.Pow(.45, float64(i))
		why.Fewer = append(why.Fewer, explain.Fewer{Columns: n, Names: names[:min(n, len(names))], Skill: ptr(.797 - loss), GivesUp: interval(loss, .003+loss/8), Enough: n == 8, Seconds: .3 * float64(n)})
	}
	for i, n := range []int{0, 1, 1, 2, 4, 7, 11, 19} {
		why.Path = append(why.Path, explain.PathPoint{Penalty: math.Pow(10, -float64(i)/2), Columns: n, Entered: names[i : i+1], Skill: ptr(.785 - .285*math.Pow(.3, float64(i))), SE: ptr(.004), Chosen: n == 11})
	}
	ex := explain.Explained{Base: -2.3, Margin: .61, Rest: .11}
	for i, n := range names[:6] {
		ex.Reasons = append(ex.Reasons, explain.Reason{Column: n, Value: fmt.Sprint(i), Contribution: 1.4 * math.Pow(-.7, float64(i)), Zh: n + " 为 " + fmt.Sprint(i) + "：可能性（几率）提高", En: n + " is " + fmt.Sprint(i) + ": raises the odds"})
	}
	change := &explain.Change{From: .64, To: .31, Steps: []explain.Step{{Column: "contact", From: "cellular", To: "telephone"}}, Text: exText("如果联系方式从手机改为座机，就不再选中（64% → 31%）。", "If contact were telephone, not cellular, it would no longer be selected (64% → 31%).")}
	return CardPage{Lang: lang, Title: "bank_marketing: y = yes", Program: "0.5.0", Created: "2026-07-01", Data: "bank-additional-full.csv", DataHash: strings.Repeat("ab12", 16), Window: lang.Pick("一张表，5 折", "one table, 5 folds"), Seed: 42,
		Params: ParamsOf(map[string]float64{"trees": 100, "leaves": 31, "rate": .1}), Card: c, Why: why,
		Rungs:     []Rung{{Name: "base", Score: .5, Loss: .352}, {Name: "linear", Score: .78, SE: .004, Loss: .289, Seconds: .4}, {Name: "gbdt", Score: .794, SE: .004, Loss: .276, Seconds: 2.1}, {Name: "auto", Score: .797, SE: .004, Loss: .274, Seconds: 8, Chosen: true}},
		WhyChosen: Text{"融合比梯度提升树高 0.003 ± 0.001，超出噪声。", "The blend beats boosting by 0.003 ± 0.001, more than noise."},
		Leaks:     []Text{{"duration：通话时长只有打完电话才知道；去掉后 AUC 从 0.95 降到 0.80。", "duration: how long the call took is known only after it; without it the AUC falls from 0.95 to 0.80."}},
		Notes:     []string{lang.Pick("12 行重复，已去掉", "12 duplicate rows were dropped"), hostileName},
		Examples:  []Example{{Title: Text{"一位高分客户", "A customer with a high score"}, Explained: ex, Change: change}},
		Words: func(c string) Text {
			return map[string]Text{"age": {"年龄", "age in years"}, "euribor3m": {"三个月拆借利率", "three-month interest rate"}, "age_group": {"年龄段", "age group"}}[c]
		}}
}

// sampleAmounts has few parts, of an amount.
func sampleAmounts(lang kequn.Lang) CardPage {
	p := sampleCard(lang)
	c := *p.Card
	c.Task, c.Fairness, c.Chance, c.Positives, c.Help = kequn.Regression, nil, nil, 0, nil
	c.Accuracy = evaluate.Accuracy{RMSE: interval(132.4, 5), MAE: interval(61.2, 2), R2: interval(.42, .03), TotalError: ptr(-.034), Gains: c.Accuracy.Gains}
	c.Stability.Rounds = []evaluate.RoundFigure{{Rows: 100, R2: ptr(.4)}, {Round: 1, Rows: 100, R2: ptr(.44)}}
	p.Card, p.Leaks, p.Title = &c, nil, lang.Pick("未来 90 天会花多少钱", "How much will they spend in 90 days")
	return p
}

func written(t testing.TB, p CardPage) (page, text string) {
	t.Helper()
	var h, m bytes.Buffer
	if err := WriteCard(&h, p); err != nil {
		t.Fatal(err)
	}
	if err := WriteCardMarkdown(&m, p); err != nil {
		t.Fatal(err)
	}
	return h.String(), m.String()
}

var svgs = regexp.MustCompile(`(?s)<svg.*?</svg>`)

func checkPage(t testing.TB, name, page, text string) {
	t.Helper()
	for _, bad := range []string{"<script", "NaN", "+Inf", "-Inf", "%!", "<img", "href=\"http"} {
		if strings.Contains(page, bad) {
			t.Errorf("%s: the page holds %q", name, bad)
		}
		if strings.Contains(text, bad) {
			t.Errorf("%s: the Markdown holds %q", name, bad)
		}
	}
	for _, svg := range svgs.FindAllString(page, -1) {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: a picture is not well formed: %v\n%s", name, err, svg)
			}
		}
	}
}

func TestCardPages(t *testing.T) {
	for _, lang := range []kequn.Lang{kequn.Chinese, kequn.English} {
		for name, p := range map[string]CardPage{"card": sampleCard(lang), "amounts": sampleAmounts(lang), "empty": {Lang: lang}} {
			name += "-" + string(lang)
			page, text := written(t, p)
			checkPage(t, name, page, text)
			if dir := os.Getenv("KEQUN_REPORT_DIR"); dir != "" {
				os.WriteFile(dir+"/"+name+".html", []byte(page), 0o644)
				os.WriteFile(dir+"/"+name+".md", []byte(text), 0o644)
			}
		}
	}
}

// A page that is asked for in one language has no word of the other left.
func TestCardSpeaksOneLanguage(t *testing.T) {
	han := regexp.MustCompile(`\p{Han}+`)
	tags := regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`)
	for _, make := range []func(kequn.Lang) CardPage{sampleCard, sampleAmounts} {
		page, text := written(t, make(kequn.English))
		for _, s := range []string{page, text} {
			if found := han.FindString(s); found != "" {
				t.Errorf("the English card says %s", found)
			}
		}
		page, text = written(t, make(kequn.Chinese))
		// Names of columns and figures are not translated: three words in a row are a sentence.
		sentence := regexp.MustCompile(`\b[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}`)
		for _, s := range []string{tags.ReplaceAllString(page, "\n"), text} {
			if found := sentence.FindString(s); found != "" {
				t.Errorf("the Chinese card says %q", found)
			}
		}
	}
}

func TestCardIsReadInOrder(t *testing.T) {
	page, text := written(t, sampleCard(kequn.English))
	at, atText := -1, -1
	for _, want := range []string{"The verdict", "How well it ranks", "How stable it is", "Why it scores as it does", "Would more data help", "Does it hold elsewhere", "Would a simpler model do", "Is it fair to groups", "Facts and limits"} {
		i, j := strings.Index(page, `">`+want+"</h2>"), strings.Index(text, "## "+want)
		if want == "Would more data help" {
			i = strings.Index(page, `<h2 id="more">`)
		}
		if i <= at || j <= atText {
			t.Errorf("%s stands at %d, %d, after what stands at %d, %d", want, i, j, at, atText)
		}
		at, atText = i, j
	}
	for _, want := range []string{"best scored 10%", "three-month interest rate", "four fifths", "0.797", "known only after it", "not cellular", "8 columns would do", "no customer id"} {
		if !strings.Contains(page, want) || !strings.Contains(text, want) {
			t.Errorf("the card does not say %q", want)
		}
	}
}

// Whatever a column is called, Markdown has one cell more for it and no line more.
func TestMarkdownCellsHold(t *testing.T) {
	_, text := written(t, sampleCard(kequn.English))
	cells := regexp.MustCompile(`(?:^|[^\\])(?:\\\\)*\|`)
	columns := 0
	for i, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		n := len(cells.FindAllString(line, -1))
		if columns != 0 && n != columns {
			t.Errorf("line %d has %d cells, its table %d: %s", i+1, n, columns, line)
		}
		columns = n
	}
	for s, want := range map[string]string{
		"a|b": `a\|b`, "<b>": "&lt;b&gt;", "x\n# y": `x \# y`, "- x": `\- x`, "1. x": `1\. x`, "-3.5": "-3.5", "0.79": "0.79", "http://a.b": "http&#58;//a.b", "a_b`c`": "a\\_b\\`c\\`", "WWW.x": "www&#46;x", `a\|`: `a\\\|`,
	} {
		if got := escaped(s); got != want {
			t.Errorf("escaped(%q) = %q, want %q", s, got, want)
		}
	}
}

// Any card at all is printed, with figures that mean nothing left out or shown as a dash.
func TestAnyCard(t *testing.T) { rapid.Check(t, anyCard) }

func FuzzAnyCard(f *testing.F) { f.Fuzz(rapid.MakeFuzz(anyCard)) }

func anyCard(t *rapid.T) {
	p := CardPage{Lang: kequn.Chinese, Card: &evaluate.Card{}, Why: &explain.Global{}}
	if rapid.Bool().Draw(t, "english") {
		p.Lang = kequn.English
	}
	fill(t, reflect.ValueOf(p.Card).Elem(), 0)
	fill(t, reflect.ValueOf(p.Why).Elem(), 0)
	fill(t, reflect.ValueOf(&p.Rungs).Elem(), 0)
	fill(t, reflect.ValueOf(&p.Examples).Elem(), 0)
	fill(t, reflect.ValueOf(&p.Params).Elem(), 0)
	if rapid.Bool().Draw(t, "amounts") {
		p.Card.Task = kequn.Regression
	}
	var page, text bytes.Buffer
	if err := WriteCard(&page, p); err != nil {
		t.Fatal(err)
	}
	if err := WriteCardMarkdown(&text, p); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{page.String(), text.String()} {
		if m := regexp.MustCompile(`NaN|[+-]Inf|%!|<script|<nil>|0x[0-9a-f]{6}`).FindString(s); m != "" {
			t.Fatalf("holds %s", m)
		}
	}
}

// fill draws any value, the odd ones often.
func fill(t *rapid.T, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Float64:
		v.SetFloat(rapid.OneOf(rapid.SampledFrom([]float64{0, 1, -1, .5, math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e300, 5e-324, 1e15}), rapid.Float64Range(-10, 10)).Draw(t, "x"))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(rapid.SampledFrom([]int64{0, 1, 5, -3, 1 << 40}).Draw(t, "n"))
	case reflect.String:
		v.SetString(rapid.SampledFrom([]string{"", "x", "<script>", "|", hostileName, "rules", "seed", missingLevel}).Draw(t, "s"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "b"))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "some") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth+1)
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, "len")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(t, v.Field(i), depth+1)
			}
		}
	}
}
