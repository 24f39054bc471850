package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
)

// Verdict is the grade in a word.
type Verdict struct {
	Key string `json:"key"` // useless weak fair good excellent suspicious unsure
	Text
}

// Grade returns the grade in words.
func (c *Card) Grade(l kequn.Lang) string { return c.Verdict.In(l) }

// Advice returns the advice as one text.
func (c *Card) Advice(l kequn.Lang) string {
	parts := make([]string, len(c.Tips))
	for i, t := range c.Tips {
		parts[i] = t.In(l)
	}
	return strings.Join(parts, l.Pick("", " "))
}

var verdicts = map[string]Text{
	"useless":    {"看不出规律，不可用", "no better than chance: do not use"},
	"unsure":     {"数据太少，说不准", "too few rows to tell"},
	"weak":       {"偏弱，只可粗略排序", "weak: a rough order only"},
	"fair":       {"可用于排序", "good enough to rank"},
	"good":       {"良好", "good"},
	"excellent":  {"优秀", "excellent"},
	"suspicious": {"好得可疑，先查泄漏", "too good to be true: look for a leak first"},
}

// Limits of grades. The AUC's are by the interval's lower end, so that a lucky draw of few rows does not shine.
const (
	tooGoodAUC   = 0.985
	excellentAUC = 0.85
	goodAUC      = 0.75
	fairAUC      = 0.65
	tooGoodR2    = 0.99
	excellentR2  = 0.7
	goodR2       = 0.4
	fairR2       = 0.15
	fewPositives = 30
	fewRows      = 60
	offBy        = 0.05 // a probability further off than this is not for pricing
)

func (c *Card) judge(words func(string) (Text, bool)) {
	key := c.gradeKey()
	c.Verdict = Verdict{key, verdicts[key]}
	say := func(zh, en string, a ...any) {
		c.Tips = append(c.Tips, Text{fmt.Sprintf(zh, inLang(a, kequn.Chinese)...), fmt.Sprintf(en, inLang(a, kequn.English)...)})
	}
	switch key {
	case "useless":
		say("打分与随机排序没有区别。换一批特征、更长的历史，或换一个问题。", "The scores order customers no better than chance. Try other features, more history, or another question.")
		return
	case "unsure":
		say("判断用的数据只有 %d 行、%d 个正例，区间太宽。先积累更多结果。", "There are only %d rows with %d positive ones to judge by: the interval is too wide. Collect more outcomes first.", c.Rows, c.Positives)
		return
	case "suspicious":
		say("很可能有列在结果发生之后才知道。检查最重要的列：%s。", "Some column is probably known only after the outcome. Check the most important ones: %[1]s.", c.topNames(3, words))
	}
	a := c.Accuracy
	if g := a.TopDecileGain; g != nil && g.Mean > 1 {
		say("只联系分数最高的十分之一，找到的人是随机联系的 %.1f 倍。", "Contacting the best scored tenth finds %.1f times as many as contacting at random.", g.Mean)
	}
	c.calibrationTip(say)
	g := c.Generalization
	switch {
	case g.TrainAUC != nil && g.TestAUC != nil && *g.TrainAUC-*g.TestAUC > 0.1:
		say("训练数据上的 AUC 高出 %.2f：模型记住了不少偶然，更多数据或更简单的模型会有帮助。", "Its AUC on training rows is %.2f higher: it has learnt much by heart; more rows or a simpler model would help.", *g.TrainAUC-*g.TestAUC)
	case !g.Later:
		say("评估用的是同一时期的数据；用于将来之前，最好再用更晚的数据验证。", "It was judged on rows of the same time; before relying on it for the future, judge it on later ones.")
	}
	if s := c.Stability; s.SD != nil && *s.SD > 0.03 && c.Task == kequn.Binary {
		say("各轮之间差别较大（AUC 标准差 %.3f，最差 %.3f）。", "Rounds differ much (standard deviation of the AUC %.3f, worst %.3f).", *s.SD, *s.Worst)
	}
	if s := c.Stability; s.PSI != nil && *s.PSI > 0.25 {
		say("分数的分布在各轮之间明显移动（PSI %.2f），应更频繁地重新训练。", "The scores' distribution moves between rounds (PSI %.2f): train it again more often.", *s.PSI)
	}
	if t := c.Interpretability.Top; len(t) > 1 && t[0].Share > 0.6 {
		say("一列“%s”占了 %.0f%% 的重要性：确认它在打分时确实已知。", "One column, %s, holds %.0f %% of the importance: make sure that it is known when scoring.", named(t[0].Column, words), 100*t[0].Share)
	}
}

func (c *Card) gradeKey() string {
	a := c.Accuracy
	if c.Task == kequn.Regression {
		switch {
		case a.R2 == nil || c.Rows < fewRows:
			return "unsure"
		case a.R2.Low > tooGoodR2:
			return "suspicious"
		case a.R2.Low > excellentR2:
			return "excellent"
		case a.R2.Low > goodR2:
			return "good"
		case a.R2.Low > fairR2:
			return "fair"
		case a.R2.Low > 0:
			return "weak"
		case a.R2.High > fairR2:
			return "unsure"
		}
		return "useless"
	}
	switch {
	case a.AUC == nil:
		return "unsure"
	case (c.Positives < fewPositives || c.Rows-c.Positives < fewPositives) && a.AUC.Low <= fairAUC:
		return "unsure"
	case a.AUC.Low > tooGoodAUC:
		return "suspicious"
	case a.AUC.Low > excellentAUC:
		return "excellent"
	case a.AUC.Low > goodAUC:
		return "good"
	case a.AUC.Low > fairAUC:
		return "fair"
	case a.AUC.Low > 0.5:
		return "weak"
	case a.AUC.High > fairAUC:
		return "unsure"
	}
	return "useless"
}

// calibrationTip says whether probabilities (or totals) can be used in money, and where they are off.
func (c *Card) calibrationTip(say func(zh, en string, a ...any)) {
	if c.Task == kequn.Regression {
		if t := c.Accuracy.TotalError; t != nil && math.Abs(*t) > offBy {
			say("预测总额偏差 %+.0f%%，不要直接用于预算。", "Predicted totals are off by %+.0f %%: do not budget by them.", 100**t)
		}
		return
	}
	for _, b := range c.Accuracy.Calibration {
		// A bin is off only where its own noise cannot explain it.
		if math.Abs(b.Rate-b.Predicted) <= offBy || (b.RateLow <= b.Predicted && b.Predicted <= b.RateHigh) {
			continue
		}
		word := Text{"偏低", "too low"}
		if b.Rate < b.Predicted {
			word = Text{"偏高", "too high"}
		}
		c.Tips = append(c.Tips, Text{
			fmt.Sprintf("可以排序，但不宜按概率算钱：%.0f%% 左右的概率%s（实际 %.0f%%）。", 100*b.Predicted, word.Zh, 100*b.Rate),
			fmt.Sprintf("Good to rank, not to price: probabilities near %.0f %% are %s (%.0f %% happened).", 100*b.Predicted, word.En, 100*b.Rate),
		})
		return
	}
	say("概率与实际发生的比例相符，可以用来算钱。", "Probabilities agree with what happened: they can be used in money.")
}

// inLang puts texts among the arguments of a sentence into its language.
func inLang(args []any, l kequn.Lang) []any {
	out := slices.Clone(args)
	for i, a := range out {
		if t, ok := a.(Text); ok {
			out[i] = t.In(l)
		}
	}
	return out
}

// named returns what a column is in words, or its name.
func named(column string, words func(string) (Text, bool)) Text {
	if words != nil {
		if t, ok := words(column); ok {
			return t
		}
	}
	return Text{column, column}
}

func (c *Card) topNames(n int, words func(string) (Text, bool)) Text {
	var zh, en []string
	for i, w := range c.Interpretability.Top {
		if i < n {
			t := named(w.Column, words)
			zh, en = append(zh, t.Zh), append(en, t.En)
		}
	}
	return Text{strings.Join(zh, "、"), strings.Join(en, "; ")}
}
