package evaluate

import (
	"fmt"
	"slices"

	"kequn"
)

// help lists what would make the model better or its use safer, the most promising first, from everything on the card.
//
// Promise is in units of skill where the card has a number, and otherwise a rank that stands for one: a model that cannot be judged gains
// most from outcomes, one that is right but off gains from calibration, and so on.
func (c *Card) help() {
	type item struct {
		Help
		promise float64
	}
	var list []item
	add := func(promise float64, key string, gain *float64, zh, en string, a ...any) {
		list = append(list, item{Help{Key: key, Gain: gain, Text: Text{tidy(fmt.Sprintf(zh, inLang(a, kequn.Chinese)...)), fmt.Sprintf(en, inLang(a, kequn.English)...)}}, promise})
	}
	key, name := c.Verdict.Key, skillName(c.Task)
	poor := key == "useless" || key == "weak" || key == "unsure"
	switch {
	case key == "unsure" && c.Task == kequn.Regression:
		add(1, "more_positives", nil, "先积累更多已知结果：至少 %d 行，才能判断模型好坏", "collect more known outcomes first: at least %d rows, to tell good from bad", fewRows)
	case key == "unsure" || c.Task != kequn.Regression && c.few():
		add(1, "more_positives", nil, "先积累更多已知结果：每种结果至少 %d 个，才能判断模型好坏", "collect more known outcomes first: at least %d of each answer, to tell good from bad", fewPositives)
	}
	flat := false
	if m := c.Scalability.More; m != nil && m.Gain != nil {
		g := m.Gain
		flat = g.High < 5*leastGain
		if g.Low > 0 && g.Mean >= leastGain && key != "useless" {
			add(g.Mean, "more_rows", some(g.Mean), "更多数据：%s", "more rows: %s", m.Text)
			if c.Generalization.Later {
				add(0.8*g.Mean, "more_history", nil, "更长的历史：多几个截止时刻，训练数据就多几倍", "more history: further cutoffs give several times the rows to train on")
			}
		}
	}
	if c.Generalization.Later && poor && !slices.ContainsFunc(list, func(i item) bool { return i.Key == "more_history" }) {
		add(0.05, "more_history", nil, "更长的历史：更早的行为和更多的截止时刻", "more history: earlier behaviour and further cutoffs")
	}
	if c.off != nil && !poor {
		add(0.08, "calibrate", nil, "重新校准后再用来算钱：%s%s", "calibrate before using it in money: scores %s are %s", Text{"分数" + space(c.off.where(c.Task).Zh), c.off.where(c.Task).En}, c.off.word())
	}
	s := c.skill()
	_, fair, good, _, _ := limits(c.Task)
	switch {
	case key == "suspicious":
	case s != nil && flat && s.Mean < good:
		add(0.04, "other_columns", nil, "换新的特征：多加行数已经没有用，%s只能靠新的列提高", "new kinds of columns: more rows no longer help, only new columns can raise the %s", name)
	case s != nil && s.Mean < fair:
		add(0.03, "other_columns", nil, "换新的特征：现有的列对结果知道得不多", "new kinds of columns: those there are know little about the outcome")
	}
	if !c.Generalization.Later && !c.Generalization.Other && s != nil && !poor {
		add(0.02, "later_judging", nil, "用更晚的数据再评一次：现在的数字来自同一时期，用到将来往往偏高", "judge it on later rows: the figures are of the same time and mostly too high for the future")
	}
	if i := c.Interpretability; i.Columns >= 15 && i.ForMost > 0 && i.ForMost*3 <= i.Columns && !poor {
		add(0.0005, "fewer_columns", nil, "更少的列：%d 列中 %d 列就有八成的重要性，少用几列更好懂、更好维护", "fewer columns: of %d columns %d hold 80 %% of the importance; fewer are easier to explain and to keep", i.Columns, i.ForMost)
	}
	switch {
	case s == nil || key == "useless":
	case c.Task == kequn.Binary:
		add(0.001, "randomised_send", nil, "随机发送一次：分数只说谁会做，不说联系了谁才会改变；只有随机对照能回答", "a randomised send: the score says who will, not whom a contact would change; only a random control group tells")
	case c.Task == kequn.Regression:
		add(0.001, "randomised_send", nil, "随机发送一次：预测只说谁会花多少，不说联系会多带来多少；只有随机对照能回答", "a randomised send: the score says how much, not how much more a contact would bring; only a random control group tells")
	}
	slices.SortStableFunc(list, func(a, b item) int {
		switch {
		case a.promise > b.promise:
			return -1
		case a.promise < b.promise:
			return 1
		}
		return 0
	})
	c.Help = nil
	for _, i := range list {
		c.Help = append(c.Help, i.Help)
	}
}
