package evaluate

import (
	"fmt"
	"math"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
)

// words is the verdict: who is selected less often, who is reached less often of those who did it, for whom scores promise too much,
// and whether the model knows the attribute. A difference that chance may have made is called that.
func (f *fairness) words() Text {
	var zh, en []string
	say := func(t Text) {
		if t.En != "" {
			zh, en = append(zh, t.Zh), append(en, t.En)
		}
	}
	switch {
	case len(f.shown) == 0:
		return Text{fmt.Sprintf("每个群体都不足 %d 行，无法比较。", leastPeople), fmt.Sprintf("no group has %d rows: nothing to compare.", leastPeople)}
	case len(f.shown) == 1:
		name := f.quoted(0)
		return Text{fmt.Sprintf("只有%s这一个群体有至少 %d 行，没有可比的对象。", name.Zh, leastPeople), fmt.Sprintf("only the group %s has %d rows: nothing to compare it with.", name.En, leastPeople)}
	}
	say(f.selection())
	say(f.reached())
	say(f.wronged())
	say(f.promised())
	say(f.knowing())
	say(f.leftOut())
	return Text{strings.Join(zh, ""), strings.Join(en, " ")}
}

// pair is two groups that differ in a rate.
type pair struct {
	low, high   int // position in out.Groups
	lowR, highR float64
	clear       bool // more than chance makes of so many comparisons, 95 times in 100
}

func (p pair) ratio() float64 { return p.lowR / p.highR }
func (p pair) gap() float64   { return p.highR - p.lowR }

// between returns the groups that lie furthest apart in a rate, of those that do so by more than chance if there are any. rows returns
// the rows that a group's rate is over, nil for one that does not take part; worse tells whether a pair lies further apart than another.
func (f *fairness) between(rows func(group int) []int32, worse func(a, b pair) bool) (p pair, ok bool) {
	var at []int
	var counts []metric.Count
	for i := range f.out.Groups {
		if r := rows(i); r != nil {
			at, counts = append(at, i), append(counts, f.count(r))
		}
	}
	n := len(at)
	level := 1 - 0.05/max(1, float64(n*(n-1))/2)
	for i := range at {
		for k := range at {
			q := pair{low: at[i], high: at[k], lowR: counts[i].Rate(), highR: counts[k].Rate()}
			if i == k || q.lowR > q.highR || q.lowR == q.highR && i > k {
				continue
			}
			q.clear = metric.NewcombeDifference(counts[k], counts[i], level).Low > 0
			if !ok || q.clear && !p.clear || q.clear == p.clear && worse(q, p) {
				p, ok = q, true
			}
		}
	}
	return p, ok
}

func byRatio(a, b pair) bool {
	if x, y := a.ratio(), b.ratio(); x != y {
		return x < y
	}
	return byGap(a, b)
}

func byGap(a, b pair) bool { return a.gap() > b.gap() }

func (f *fairness) groupRows(i int) []int32 { return f.rows[f.shown[i]] }

// answered returns the rows of a group with an outcome, nil where they are too few.
func (f *fairness) answered(answer float64) func(int) []int32 {
	return func(i int) []int32 {
		if g := f.out.Groups[i]; answer == 1 && g.TPR == nil || answer == 0 && g.FPR == nil {
			return nil
		}
		var out []int32
		for _, r := range f.groupRows(i) {
			if f.Y[r] == answer {
				out = append(out, r)
			}
		}
		return out
	}
}

func (f *fairness) names(p pair) (low, high Text) {
	return f.quoted(p.low), f.quoted(p.high)
}

// quoted says a group within a sentence; a yes or no needs its question.
func (f *fairness) quoted(i int) Text {
	name := f.out.Groups[i].Group
	if name == yesGroup || name == noGroup {
		return Text{fmt.Sprintf("“%s：%s”", f.Attribute, GroupWord(name, kequn.Chinese)), fmt.Sprintf("%q", f.Attribute+": "+name)}
	}
	return quoted(name)
}

// selection says who is selected how often, and the four-fifths rule.
func (f *fairness) selection() Text {
	p, ok := f.between(f.groupRows, byRatio)
	if !ok || p.highR == 0 {
		if f.out.Share == 0 {
			return Text{"没有人达到门槛，无法比较。", "nobody reaches the threshold: nothing to compare."}
		}
		return Text{"各群体被选中的机会相同。", "all groups are selected equally often."}
	}
	low, high := f.names(p)
	ratio := p.ratio()
	zh := fmt.Sprintf("选出分数最高的 %s 时，%s被选中的机会是%s的 %.2f 倍（%s 对 %s）", percent(f.out.Share), low.Zh, high.Zh, ratio, percent(p.lowR), percent(p.highR))
	en := fmt.Sprintf("when the best scored %s are selected, %s are selected %.2f times as often as %s (%s against %s)", percent(f.out.Share), low.En, ratio, high.En, percent(p.lowR), percent(p.highR))
	if ratio < rarely {
		zh = fmt.Sprintf("选出分数最高的 %s 时，%s几乎不会被选中，%s则会（%s 对 %s）", percent(f.out.Share), low.Zh, high.Zh, percent(p.lowR), percent(p.highR))
		en = fmt.Sprintf("when the best scored %s are selected, %s hardly ever are, unlike %s (%s against %s)", percent(f.out.Share), low.En, high.En, percent(p.lowR), percent(p.highR))
	}
	switch {
	case !p.clear:
		return Text{zh + "，差别可能只是偶然。", en + ", which may be chance."}
	case ratio >= fourFifths && f.out.Parity != nil && f.out.Parity.Ratio < fourFifths:
		return Text{zh + "；其他群体差得更多，但可能只是偶然。", en + "; other groups lie further apart, which may be chance."}
	case ratio >= fourFifths:
		return Text{zh + "，没有低于通行的五分之四。", en + ": not below the usual four fifths."}
	}
	a, b := *f.out.Groups[p.low].Rate, *f.out.Groups[p.high].Rate
	happened := Text{fmt.Sprintf("实际发生的是 %s 对 %s。", percent(a), percent(b)), fmt.Sprintf("What happened: %s against %s.", percent(a), percent(b))}
	if !f.binary {
		happened = Text{fmt.Sprintf("实际平均是 %.4g 对 %.4g。", a, b), fmt.Sprintf("What happened: %.4g against %.4g on average.", a, b)}
	}
	return Text{zh + "，低于通行的五分之四界线。" + happened.Zh, en + ", below the usual limit of four fifths. " + happened.En}
}

// reached says of whom fewer are reached among those who did it.
func (f *fairness) reached() Text {
	if !f.binary {
		return Text{}
	}
	p, ok := f.between(f.answered(1), byGap)
	if !ok {
		return Text{}
	}
	low, high := f.names(p)
	points := 100 * p.gap()
	switch {
	case p.gap() < tellPoints:
		return Text{fmt.Sprintf("真正会发生的人里，各群体被选到的比例相近（%s 到 %s）。", percent(p.lowR), percent(p.highR)),
			fmt.Sprintf("Of those who did it, about as many are reached in every group (%s to %s).", percent(p.lowR), percent(p.highR))}
	case !p.clear:
		return Text{fmt.Sprintf("真正会发生的人里，%s被选到的少 %.0f 个百分点，但可能只是偶然。", low.Zh, points),
			fmt.Sprintf("Of those who did it, %.0f points fewer %s are reached than %s, which may be chance.", points, low.En, high.En)}
	}
	return Text{fmt.Sprintf("真正会发生的人里，%s比%s少选到 %.0f 个百分点（%s 对 %s）。", low.Zh, high.Zh, points, percent(p.lowR), percent(p.highR)),
		fmt.Sprintf("Of those who did it, %.0f points fewer %s are reached than %s (%s against %s).", points, low.En, high.En, percent(p.lowR), percent(p.highR))}
}

// wronged says who is selected more often among those who did not, where that is the wider gap.
func (f *fairness) wronged() Text {
	if !f.binary || f.out.Odds == nil || f.out.Equal != nil && f.out.Odds.Difference <= f.out.Equal.Difference {
		return Text{}
	}
	p, ok := f.between(f.answered(0), byGap)
	if !ok || !p.clear || p.gap() < tellPoints {
		return Text{}
	}
	low, high := f.names(p)
	points := 100 * p.gap()
	return Text{fmt.Sprintf("不会发生的人里，%s比%s多选了 %.0f 个百分点。", high.Zh, low.Zh, points),
		fmt.Sprintf("Of those who did not, %.0f points more %s are selected than %s.", points, high.En, low.En)}
}

// promised names the group for which scores are furthest from what happened, where that is far and not chance.
func (f *fairness) promised() Text {
	worst, at := tellPromise, -1
	level := 1 - 0.05/float64(len(f.out.Groups))
	for i, g := range f.out.Groups {
		rows := f.groupRows(i)
		if !(*g.Rate > 0) || f.binary && g.TPR == nil {
			continue
		}
		miss := make([]float64, len(rows))
		for k, r := range rows {
			miss[k] = f.Score[r] - f.Y[r]
		}
		off := math.Abs(*g.Predicted / *g.Rate - 1)
		if ci := metric.MeanInterval(miss, kernel.Take(f.W, rows), level); off > worst && !ci.Contains(0) && ci.Low == ci.Low {
			worst, at = off, i
		}
	}
	if at < 0 {
		return Text{}
	}
	g := f.out.Groups[at]
	said, was := percent(*g.Predicted), percent(*g.Rate)
	if !f.binary {
		said, was = fmt.Sprintf("%.4g", *g.Predicted), fmt.Sprintf("%.4g", *g.Rate)
	}
	name := f.quoted(at)
	if *g.Predicted > *g.Rate {
		return Text{fmt.Sprintf("对%s预测偏高：平均 %s，实际 %s。", name.Zh, said, was), fmt.Sprintf("For %s scores promise too much: %s on average, and %s happened.", name.En, said, was)}
	}
	return Text{fmt.Sprintf("对%s预测偏低：平均 %s，实际 %s。", name.Zh, said, was), fmt.Sprintf("For %s scores promise too little: %s on average, and %s happened.", name.En, said, was)}
}

// How many proxies, and groups without figures, the verdict names.
const (
	namedProxies = 3
	mostNamed    = 5
)

// knowing says whether the model knows the attribute, by itself or through others.
func (f *fairness) knowing() Text {
	var names []string
	for _, p := range f.out.Proxies[:min(len(f.out.Proxies), namedProxies)] {
		names = append(names, p.Column)
	}
	told := Text{fmt.Sprintf("从其他列也能看出它：%s。", strings.Join(names, "、")), fmt.Sprintf("Other columns tell it: %s.", strings.Join(names, ", "))}
	switch {
	case f.Used && len(names) > 0:
		return Text{"模型直接用了这一属性。" + told.Zh, "The model uses the attribute itself. " + told.En}
	case f.Used:
		return Text{"模型直接用了这一属性。", "The model uses the attribute itself."}
	case len(names) > 0:
		return Text{"模型没有用这一属性，但" + told.Zh, "The model does not use the attribute, but o" + told.En[1:]}
	case f.X == nil:
		return Text{"模型没有用这一属性。", "The model does not use the attribute."}
	}
	return Text{"模型没有用这一属性，也没有哪一列单独就能看出它。", "The model does not use the attribute, and no other column alone tells it."}
}

// leftOut says which groups have no figure, or not all.
func (f *fairness) leftOut() Text {
	var t Text
	if f.small > 0 {
		var zh, en []string
		for _, n := range f.out.TooSmall[:min(len(f.out.TooSmall), mostNamed)] {
			q := quoted(n)
			zh, en = append(zh, q.Zh), append(en, q.En)
		}
		if len(zh) == 0 {
			return Text{fmt.Sprintf("另有 %d 个群体各不足 %d 行，未作比较。", f.small, leastPeople), fmt.Sprintf("Not compared: %d groups of fewer than %d rows each.", f.small, leastPeople)}
		}
		t = Text{fmt.Sprintf("不足 %d 行、未作比较的群体：%s", leastPeople, strings.Join(zh, "、")), fmt.Sprintf("Not compared, with fewer than %d rows: %s", leastPeople, strings.Join(en, ", "))}
		if more := f.small - len(zh); more > 0 {
			t.Zh, t.En = t.Zh+fmt.Sprintf("等 %d 个", f.small), t.En+fmt.Sprintf(" and %d more", more)
		}
		t.Zh, t.En = t.Zh+"。", t.En+"."
	}
	if f.beyond > 0 {
		t.Zh += fmt.Sprintf("另有 %d 个较小的群体未列出。", f.beyond)
		t.En = strings.TrimSpace(t.En + fmt.Sprintf(" %d more groups, all smaller, are not shown.", f.beyond))
	}
	if !f.binary {
		return t
	}
	var zh, en []string
	n := 0
	for i, g := range f.out.Groups {
		if g.TPR != nil {
			continue
		}
		if n++; n <= mostNamed {
			q := f.quoted(i)
			zh, en = append(zh, q.Zh), append(en, q.En)
		}
	}
	if n > 0 {
		t.Zh += fmt.Sprintf("会发生的不足 %d 行、不比较选到比例的群体：%s", leastAnswers, strings.Join(zh, "、"))
		t.En = strings.TrimSpace(t.En + fmt.Sprintf(" With fewer than %d who did it, so no share reached: %s", leastAnswers, strings.Join(en, ", ")))
		if n > mostNamed {
			t.Zh, t.En = t.Zh+fmt.Sprintf("等 %d 个", n), t.En+fmt.Sprintf(" and %d more", n-mostNamed)
		}
		t.Zh, t.En = t.Zh+"。", t.En+"."
	}
	return t
}

// percent says a share: whole, or with a digit where it is small.
func percent(x float64) string {
	if p := 100 * x; p >= 10 || p == 0 {
		return fmt.Sprintf("%.0f%%", p)
	} else {
		return fmt.Sprintf("%.1f%%", p)
	}
}

// LooksSensitive tells whether a column's name says that its groups should be compared: see [kequn.LooksSensitive].
func LooksSensitive(name string) bool { return kequn.LooksSensitive(name) }
