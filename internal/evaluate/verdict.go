package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/metric"
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
	"useless":    {"不比瞎猜好，不可用", "no better than chance: do not use"},
	"unsure":     {"数据太少，说不准", "too few rows to tell"},
	"weak":       {"偏弱，只可粗略排序", "weak: a rough order only"},
	"fair":       {"可用于排序", "good enough to rank"},
	"good":       {"良好", "good"},
	"excellent":  {"优秀", "excellent"},
	"suspicious": {"好得可疑，先查泄漏", "too good to be true: look for a leak first"},
}

// Limits of grades. The AUC's are by the interval's lower end, so that a lucky draw of few rows does not shine; several classes go by the macro
// AUC. Whatever the interval says, skill must lie three standard errors above chance: of a thousand models of shuffled outcomes one does.
const (
	mostDoIt     = 0.8 // from this rate on, those who do not are the ones worth finding
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
	aboveChance  = 3 // standard errors
)

// ladder of limits for a task, least skill first.
func limits(t kequn.Task) (chance, fair, good, excellent, tooGood float64) {
	if t == kequn.Regression {
		return 0, fairR2, goodR2, excellentR2, tooGoodR2
	}
	return 0.5, fairAUC, goodAUC, excellentAUC, tooGoodAUC
}

// skill returns the interval that the grade goes by, nil where there is none.
func (c *Card) skill() *metric.Interval {
	switch c.Task {
	case kequn.Regression:
		return c.Accuracy.R2
	case kequn.Multiclass:
		return c.Accuracy.MacroAUC
	}
	return c.Accuracy.AUC
}

// byChance tells whether skill lies within three standard errors of what guessing has, or below it.
func (c *Card) byChance() bool {
	s := c.skill()
	chance, _, _, _, _ := limits(c.Task)
	return s == nil || !(s.Mean-aboveChance*(s.Mean-s.Low)/1.96 > chance)
}

// few tells whether there are too few judged rows for a grade below fair.
func (c *Card) few() bool {
	switch c.Task {
	case kequn.Regression:
		return c.Rows < fewRows
	case kequn.Multiclass:
		n := 0
		for _, k := range c.Classes {
			if k.Rows >= fewPositives {
				n++
			}
		}
		return n < 2
	}
	return min(c.Positives, c.Rows-c.Positives) < fewPositives
}

func (c *Card) gradeKey() string {
	s := c.skill()
	_, fair, good, excellent, tooGood := limits(c.Task)
	switch {
	case s == nil || !finite(s.Low):
		return "unsure"
	case c.few() && (c.Task == kequn.Regression || s.Low <= fair):
		return "unsure"
	case c.byChance() && s.High > fair:
		return "unsure"
	case c.byChance():
		return "useless"
	case s.Low > tooGood || c.suspected():
		return "suspicious"
	case s.Low > excellent:
		return "excellent"
	case s.Low > good:
		return "good"
	case s.Low > fair:
		return "fair"
	}
	return "weak"
}

// grade returns the verdict in words: beside the key, whether it may be no more than chance, and whether it can be used in money.
func (c *Card) grade() Verdict {
	v := Verdict{Key: c.gradeKey()}
	v.Text = verdicts[v.Key]
	switch {
	case v.Key == "suspicious" && c.suspected():
		v.Text = Text{"可能看到了将来，先确认泄漏", "it may have seen the future: settle the leak first"}
	case v.Key == "unsure" && c.skill() != nil && c.byChance():
		v.Text = Text{"数据太少，还不能说它比瞎猜好", "too few rows: it cannot be told from chance"}
	case c.off != nil && (v.Key == "fair" || v.Key == "good" || v.Key == "excellent"):
		w, d := c.off.where(c.Task), verdicts[v.Key]
		zh, en := "可用于排序，但不宜按概率算钱", "good enough to rank, not to price"
		what := Text{"概率", "probabilities are off "}
		if c.Task == kequn.Regression {
			zh, en = "可用于排序，但不宜用于预算", "good enough to rank, not to budget by"
			what = Text{"预测金额", "predicted amounts are off "}
		}
		if v.Key != "fair" {
			zh, en = d.Zh+"，"+zh, d.En+": "+en
			zh = strings.Replace(zh, "可用于排序，但", "适合排序，但", 1)
			en = strings.Replace(en, "good enough to rank", "ranks well", 1)
			en += "; "
		} else {
			en += ": "
		}
		v.Text = Text{zh + "：" + what.Zh + space(w.Zh) + c.off.word().Zh, en + what.En + w.En}
	}
	return v
}

// Conclude fills the verdict, the advice and the help from all other parts of the card. NewCard and Experiment.Run call it; call it again where
// parts were added since.
func (c *Card) Conclude() {
	c.Verdict, c.Tips = c.grade(), nil
	c.advise()
	c.help()
}

func (c *Card) say(zh, en string, a ...any) {
	c.Tips = append(c.Tips, Text{tidy(fmt.Sprintf(zh, inLang(a, kequn.Chinese)...)), fmt.Sprintf(en, inLang(a, kequn.English)...)})
}

func (c *Card) advise() {
	name := skillName(c.Task)
	switch c.Verdict.Key {
	case "useless":
		c.say("打分与随机排序没有区别，不比瞎猜好。换一批特征、更长的历史，或换一个问题。", "The scores order customers no better than chance. Try other features, more history, or another question.")
		return
	case "unsure":
		c.unsure()
		return
	case "suspicious":
		for _, x := range c.Suspects {
			if !x.Aside {
				c.suspect(x, name)
			}
		}
		if c.suspected() {
			break
		}
		c.say("很可能有列在结果发生之后才知道。检查最重要的列：%s。", "Some column is probably known only after the outcome. Check the most important ones: %[1]s.", c.topNames(3, c.words))
	}
	low := c.Accuracy.Calibration
	switch g := c.Accuracy.TopDecileGain; {
	case c.Task == kequn.Binary && c.Rate > mostDoIt && len(low) > 1 && low[0].Rate < c.Rate:
		// Where nearly all do it, the score is for finding those who will not.
		c.say("几乎人人都会（%.0f%%），所以它的用处是找出不会的人：分数最低的十分之一里有 %.0f%% 没有做，是平均的 %.1f 倍。",
			"Nearly everybody does it (%.0f %%), so it serves to find those who will not: of the lowest scored tenth %.0f %% did not, %.1f times the average.",
			100*c.Rate, 100*(1-low[0].Rate), (1-low[0].Rate)/(1-c.Rate))
	case g != nil && g.Mean > 1:
		c.say("只联系分数最高的十分之一，找到的人是随机联系的 %.1f 倍。", "Contacting the best scored tenth finds %.1f times as many as contacting at random.", g.Mean)
	}
	if a := c.Accuracy; a.Right != nil && a.RightBase != nil {
		c.say("每 100 行猜对 %.0f 行；总是猜最常见的一类能对 %.0f 行。", "It has %.0f of 100 rows right; always saying the most frequent class has %.0f.", 100*a.Right.Mean, 100**a.RightBase)
	}
	if c.Verdict.Key != "suspicious" { // else nothing here is fit for money
		c.calibrationTip()
	}
	c.generalTip(name)
	if s := c.Stability; s.SD != nil && *s.SD > 0.03 && s.Worst != nil {
		c.say("各轮之间差别较大（%s标准差 %.3f，最差 %.3f）。", "Rounds differ much (standard deviation of the %s %.3f, worst %.3f).", name, *s.SD, *s.Worst)
	}
	if s := c.Stability; s.PSI != nil && *s.PSI > 0.25 {
		c.say("分数的分布在各轮之间明显移动（PSI %.2f），应更频繁地重新训练。", "The scores' distribution moves between rounds (PSI %.2f): train it again more often.", *s.PSI)
	}
	c.variationTip(name)
	if t := c.Interpretability.Top; len(t) > 1 && t[0].Share > 0.6 {
		c.say("一列“%s”占了 %.0f%% 的重要性：确认它在打分时确实已知。", "One column, %s, holds %.0f %% of the importance: make sure that it is known when scoring.", named(t[0].Column, c.words), 100*t[0].Share)
	}
}

// suspected tells whether the model's own figures are in doubt.
func (c *Card) suspected() bool {
	return slices.ContainsFunc(c.Suspects, func(x Suspect) bool { return !x.Aside })
}

// suspect says what a column that seems to know the outcome is worth, and what to do about it.
func (c *Card) suspect(x Suspect, name Text) {
	worth := Text{"", ""}
	if x.With != nil && x.Without != nil {
		worth = Text{fmt.Sprintf("（%s %.3f，去掉后 %.3f）", name.Zh, *x.With, *x.Without), fmt.Sprintf(" (%s %.3f, %.3f without it)", name.En, *x.With, *x.Without)}
	}
	switch x.Kind {
	case LeakOrder:
		c.say("行的排列顺序泄漏了结果%s：相邻的行彼此相像，随机切分的数字偏高。按时间或按人切分再评判。", "The order of rows leaks the outcome%s: rows that stand together are alike, so the figures of a random split flatter. Judge by time or by person instead.", worth)
	case LeakPerson:
		c.say("“%s”的同一个值有好几行、结果也相同%s：随机切分让训练和评判见到同一个人。用 --id 指明它再训练。", "%s has several rows a value, which share their outcome%s: a random split shows one person to both sides. Train again with --id.", named(x.Column, c.words), worth)
	case LeakTwins, LeakNear:
		c.say("有些记录重复出现、结果也相同%s：随机切分的数字偏高。去重再训练。", "Some records stand in the data more than once, outcome included%s: figures of a random split flatter. Remove them and train again.", worth)
	default:
		c.say("“%s”可能在结果发生之后才知道%s：决策时如果还不知道它，这里的数字都不算数，去掉它再训练。", "%s may be known only after the outcome%s: if it is not known when you decide, none of these figures will hold; train again without it.", named(x.Column, c.words), worth)
	}
}

// unsure says what is too little.
func (c *Card) unsure() {
	s := c.skill()
	switch {
	case s == nil && c.Task == kequn.Binary:
		c.say("判断用的 %d 行中只有 %d 个正例，什么数字都没有意义。先积累更多结果。", "Of %d rows to judge by %d are positive: no figure would mean anything. Collect more outcomes first.", c.Rows, c.Positives)
	case s == nil:
		c.say("判断用的数据只有 %d 行，或者结果几乎都一样，什么数字都没有意义。先积累更多结果。", "There are %d rows to judge by, or nearly all with one outcome: no figure would mean anything. Collect more outcomes first.", c.Rows)
	case c.Task == kequn.Binary:
		c.say("判断用的数据只有 %d 行、%d 个正例，区间太宽。先积累更多结果。", "There are only %d rows with %d positive ones to judge by: the interval is too wide. Collect more outcomes first.", c.Rows, c.Positives)
	default:
		c.say("判断用的数据只有 %d 行，区间太宽。先积累更多结果。", "There are only %d rows to judge by: the interval is too wide. Collect more outcomes first.", c.Rows)
	}
	if s != nil && c.byChance() {
		c.say("现在还不能说它比瞎猜好。", "As it is, it cannot be told from chance.")
	}
}

// calibrationTip says whether probabilities (or amounts) can be used in money, and where they are off.
func (c *Card) calibrationTip() {
	if c.off != nil {
		c.Tips = append(c.Tips, c.off.tip(c.Task))
	}
	switch {
	case c.Task == kequn.Regression:
		if t := c.Accuracy.TotalError; t != nil && math.Abs(*t) > offBy {
			c.say("预测总额偏差 %+.0f%%，不要直接用于预算。", "Predicted totals are off by %+.0f %%: do not budget by them.", 100**t)
		} else if t != nil && c.off == nil {
			c.say("预测金额从低到高都与实际相符，可以用于预算。", "Predicted amounts agree with what happened, from low to high: they can be used in budgets.")
		}
	case c.Task == kequn.Binary && c.off == nil:
		c.say("概率与实际发生的比例相符，可以用来算钱。", "Probabilities agree with what happened: they can be used in money.")
	}
}

// generalTip says whether what was learnt holds elsewhere.
func (c *Card) generalTip(name Text) {
	g := c.Generalization
	if g.Moved != nil && g.Inside != nil && g.TestSkill != nil {
		switch m := *g.Moved; {
		case m.High < 0:
			c.say("在另一份数据上%s为 %.3f，训练文件内是 %.3f（相差 %.3f，区间 %.3f 到 %.3f）：两份数据不完全是一回事，以这里的数字为准。",
				"On the other data the %s is %.3f against %.3f inside the training file (%+.3f, %+.3f to %+.3f): the two differ; go by the figure here.", name, *g.TestSkill, g.Inside.Mean, m.Mean, m.Low, m.High)
		case m.Low > 0:
			c.say("在另一份数据上%s为 %.3f，比训练文件内的 %.3f 还高（%+.3f，区间 %+.3f 到 %+.3f）：那份数据可能更容易。",
				"On the other data the %s is %.3f, even above the %.3f inside the training file (%+.3f, %+.3f to %+.3f): those rows may be easier.", name, *g.TestSkill, g.Inside.Mean, m.Mean, m.Low, m.High)
		default:
			c.say("在另一份数据上%s为 %.3f，与训练文件内的 %.3f 没有可分辨的差别：学到的规律在那里也成立。",
				"On the other data the %s is %.3f, not different from the %.3f inside the training file beyond noise: what was learnt holds there too.", name, *g.TestSkill, g.Inside.Mean)
		}
	}
	if g.TrainSkill != nil && g.TestSkill != nil && *g.TrainSkill-*g.TestSkill > 0.1 {
		c.say("训练数据上的%s高出 %.2f：模型记住了不少偶然，更多数据或更简单的模型会有帮助。", "Its %s on training rows is %.2f higher: it has learnt much by heart; more rows or a simpler model would help.", name, *g.TrainSkill-*g.TestSkill)
	} else if !g.Later && !g.Other {
		c.say("评估用的是同一时期的数据；用于将来之前，最好再用更晚的数据验证。", "It was judged on rows of the same time; before relying on it for the future, judge it on later ones.")
	}
	// A group is worth words where it does worse unseen by more than noise and by more than anybody would overlook.
	var worst *GroupFigure
	for i, f := range g.Groups {
		if f.Unseen == nil || f.Seen == nil || f.SE == nil || *f.Seen-*f.Unseen < math.Max(0.03, aboveChance**f.SE) {
			continue
		}
		if worst == nil || *f.Seen-*f.Unseen > *worst.Seen-*worst.Unseen {
			worst = &g.Groups[i]
		}
	}
	switch {
	case worst == nil:
	case c.Task == kequn.Regression && *worst.Unseen < 0:
		c.say("训练时去掉“%s＝%s”这群人，再拿他们来评判，预测还不如直接用他们的平均值：用到没见过的新群体前先验证。", "Trained without %s = %s and judged on them, it does worse than their mean would: check it before using it on groups that it has never seen.",
			named(worst.Column, c.words), worst.Group)
	default:
		c.say("训练时去掉“%s＝%s”这群人，再拿他们来评判，%s只有 %.3f（没去掉时 %.3f）：用到没见过的新群体前先验证。", "Trained without %s = %s and judged on them, its %s is %.3f (%.3f when trained with them): check it before using it on groups that it has never seen.",
			named(worst.Column, c.words), worst.Group, name, *worst.Unseen, *worst.Seen)
	}
}

// variationTip says so where chance or a parameter moves the model.
func (c *Card) variationTip(name Text) {
	least := 1.0
	for _, v := range c.Stability.Seeds {
		if v.Rank != nil {
			least = math.Min(least, *v.Rank)
		}
	}
	if least < 0.8 {
		c.say("换一批抽样或随机数，打分的次序就变（相关最低 %.2f）：不要看重两个人之间的小差别。", "Other draws or seeds change the order of scores (correlation down to %.2f): do not read much into small differences between two people.", least)
	}
	var best *Variation
	for i, v := range c.Stability.Parameters {
		if v.Change != nil && v.SE != nil && *v.Change > math.Max(0.005, aboveChance**v.SE) && (best == nil || *v.Change > *best.Change) {
			best = &c.Stability.Parameters[i]
		}
	}
	if best != nil {
		c.say("把参数 %s 改为 %.4g，%s能再高 %.3f：值得一试。", "With %s at %.4g the %s is %.3f higher: worth a try.", best.What, best.Value, name, *best.Change)
	}
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
