package rule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"kequn"
	"kequn/internal/query"
)

// Words says a tree in plain Chinese or English. Dates are of the zone; nil is UTC.
func Words(n *query.Node, lang kequn.Lang, zone *time.Location) string {
	if zone == nil {
		zone = time.UTC
	}
	w := words{lang: lang, zone: zone}
	if lang == kequn.Chinese {
		return spaced(w.say(n))
	}
	return w.say(n)
}

// spaced puts a space between Chinese and Latin letters or digits, as printed Chinese has it.
func spaced(s string) string {
	var b strings.Builder
	last := ' '
	for _, r := range s {
		if unicode.Is(unicode.Han, last) && isLatin(r) || isLatin(last) && unicode.Is(unicode.Han, r) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

func isLatin(r rune) bool { return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_') }

type words struct {
	lang kequn.Lang
	zone *time.Location
}

func (w words) pick(zh, en string) string { return w.lang.Pick(zh, en) }

func (w words) say(n *query.Node) string {
	switch n.Op {
	case query.And, query.Or:
		parts := make([]string, len(n.Args))
		for i, a := range n.Args {
			if parts[i] = w.say(a); a.Op == query.Or || a.Op == query.And {
				parts[i] = w.pick("（"+parts[i]+"）", "("+parts[i]+")")
			}
		}
		if n.Op == query.And {
			return strings.Join(parts, w.pick("，且", ", and "))
		}
		return strings.Join(parts, w.pick("，或", ", or "))
	case query.Not:
		return w.not(n.Args[0])
	case query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge:
		return w.say(n.Args[0]) + w.pick(comparisonZH[n.Op], " "+comparisonEN[n.Op]+" ") + w.say(n.Args[1])
	case query.In:
		list := w.list(n.Args[1:])
		return w.pick(w.say(n.Args[0])+"是 "+list+" 之一", w.say(n.Args[0])+" is one of "+list)
	case query.Contains:
		return w.say(n.Args[0]) + w.pick("包含", " contains ") + w.say(n.Args[1])
	case query.StartsWith:
		return w.pick(w.say(n.Args[0])+"以"+w.say(n.Args[1])+"开头", w.say(n.Args[0])+" starts with "+w.say(n.Args[1]))
	case query.EndsWith:
		return w.pick(w.say(n.Args[0])+"以"+w.say(n.Args[1])+"结尾", w.say(n.Args[0])+" ends with "+w.say(n.Args[1]))
	case query.Matches:
		return w.pick(w.say(n.Args[0])+"符合模式"+w.say(n.Args[1]), w.say(n.Args[0])+" matches "+w.say(n.Args[1]))
	case query.Has:
		return w.say(n.Args[0]) + w.pick("有值", " is known")
	case query.SeqOp:
		return w.sequence(n.Seq)
	case query.AggOp:
		return w.aggregate(n.Agg)
	}
	return w.value(n)
}

var comparisonZH = map[query.Op]string{query.Eq: "为", query.Ne: "不为", query.Lt: "小于", query.Le: "至多", query.Gt: "大于", query.Ge: "至少"}
var comparisonEN = map[query.Op]string{query.Eq: "is", query.Ne: "is known and not", query.Lt: "is below", query.Le: "is at most", query.Gt: "is above", query.Ge: "is at least"}

func (w words) not(n *query.Node) string {
	switch n.Op {
	case query.AggOp:
		if n.Agg.Fn == query.Exists {
			return w.pick(w.when(n.Agg.Window)+"没有"+w.rows(n.Agg.Dataset, n.Agg.Where), "no "+w.rows(n.Agg.Dataset, n.Agg.Where)+w.when(n.Agg.Window))
		}
	case query.Eq:
		return w.pick(w.say(n.Args[0])+"不是"+w.say(n.Args[1])+"（含缺失）", w.say(n.Args[0])+" is not "+w.say(n.Args[1])+" (or unknown)")
	case query.Has:
		return w.say(n.Args[0]) + w.pick("缺失", " is unknown")
	case query.Attr:
		return w.pick("不是 "+w.value(n), "not "+w.value(n))
	}
	return w.pick("不满足（"+w.say(n)+"）", "not ("+w.say(n)+")")
}

func (w words) list(nodes []*query.Node) string {
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = w.say(n)
	}
	return strings.Join(parts, w.pick("、", ", "))
}

// value says a value that is no condition.
func (w words) value(n *query.Node) string {
	switch n.Op {
	case query.Const:
		return w.literal(n.Value)
	case query.Now:
		return w.pick("截止时刻", "the cutoff")
	case query.Attr:
		switch n.Dataset {
		case "":
			return w.pick("客户编号", "customer id")
		case query.ScoreSet:
			return w.pick("“"+n.Name+"”分数", "score of "+n.Name)
		case query.PercentileSet:
			return w.pick("“"+n.Name+"”分数的百分位", "score percentile of "+n.Name)
		case query.SegmentSet:
			return w.pick("“"+n.Name+"”分群", "segment of "+n.Name)
		}
		return n.Name
	case query.Field:
		switch n.Name {
		case query.TimeColumn:
			return w.pick("时间", "time")
		case query.KnownColumn:
			return w.pick("入库时间", "known-at time")
		case query.IDColumn:
			return w.pick("编号", "id")
		}
		return n.Name
	case query.GroupOp:
		return w.group(n.Group)
	case query.LifeO:
		period := w.span(n.Life.Period)
		rows := w.rows(n.Life.Dataset, n.Life.Where)
		return w.pick(rows+"的状态（每期 "+period+"）", "state of "+rows+" (periods of "+period+")")
	case query.If:
		return w.pick("若"+w.say(n.Args[0])+"则 "+w.say(n.Args[1])+" 否则 "+w.say(n.Args[2]), "("+w.say(n.Args[1])+" if "+w.say(n.Args[0])+", else "+w.say(n.Args[2])+")")
	case query.Else:
		return w.pick(w.list(n.Args)+"中第一个有值的", "the first known of "+w.list(n.Args))
	case query.DaysBetween:
		if n.Args[1].Op == query.Now {
			return w.pick("距"+w.say(n.Args[0])+"的天数", "days since "+w.say(n.Args[0]))
		}
		return w.pick(w.say(n.Args[0])+"到"+w.say(n.Args[1])+"的天数", "days from "+w.say(n.Args[0])+" to "+w.say(n.Args[1]))
	case query.YearsSince:
		return w.pick("距"+w.say(n.Args[0])+"的整年数", "full years since "+w.say(n.Args[0]))
	case query.Label, query.Abs, query.Log1p, query.Min, query.Max:
		name := map[query.Op][2]string{query.Label: {"文本", "text of "}, query.Abs: {"绝对值", "absolute value of "}, query.Log1p: {"对数(1+x)", "log of 1 + "},
			query.Min: {"最小值", "least of "}, query.Max: {"最大值", "greatest of "}}[n.Op]
		return w.pick("（"+w.list(n.Args)+"）的"+name[0], name[1]+w.list(n.Args))
	case query.Neg:
		return "−" + w.bracket(n.Args[0])
	case query.Add, query.Sub, query.Mul, query.Div:
		sign := map[query.Op]string{query.Add: " + ", query.Sub: " − ", query.Mul: " × ", query.Div: " ÷ "}[n.Op]
		parts := make([]string, len(n.Args))
		for i, a := range n.Args {
			parts[i] = w.bracket(a)
		}
		return strings.Join(parts, sign)
	}
	return w.say(n)
}

func (w words) bracket(n *query.Node) string {
	if len(n.Args) > 1 {
		return "(" + w.say(n) + ")"
	}
	return w.say(n)
}

var statesZH = map[string]string{query.LifeFirst: "首次", query.LifeRegular: "经常", query.LifeBack: "回归", query.LifeStopped: "已停", query.LifeDormant: "沉睡", query.LifeNever: "从未"}

func (w words) literal(v *query.Value) string {
	switch v.Type {
	case query.Bool:
		if v.Bool {
			return w.pick("所有人", "everybody")
		}
		return w.pick("没有人", "nobody")
	case query.Number:
		return number(v.Num)
	case query.Time:
		t := v.Time.Time().In(w.zone)
		if h, m, s := t.Clock(); h == 0 && m == 0 && s == 0 && t.Nanosecond() == 0 {
			return t.Format("2006-01-02")
		}
		return t.Format("2006-01-02 15:04:05")
	}
	if zh := statesZH[v.Text]; zh != "" && w.lang == kequn.Chinese {
		return "“" + zh + "”"
	}
	return w.pick("“"+v.Text+"”", "\u201c"+v.Text+"\u201d")
}

// datasetWords name what rows of the usual datasets are.
var datasetWords = map[string][2]string{"orders": {"订单", "orders"}, "events": {"事件", "events"}, "items": {"订单行", "order lines"}, "sends": {"触达", "contacts"}}

func (w words) rows(dataset string, where *query.Node) string {
	name := dataset
	if d, ok := datasetWords[dataset]; ok {
		name = w.pick(d[0], d[1])
	}
	if where == nil {
		return name
	}
	return w.pick(name+"（"+w.say(where)+"）", name+" where "+w.say(where))
}

func (w words) span(s kequn.Span) string {
	switch text := s.String(); text[len(text)-1] {
	case 'd':
		return w.pick(strconv.Itoa(s.Days)+" 天", plural(s.Days, "day"))
	case 'h':
		return w.pick(text[:len(text)-1]+" 小时", plural(int(s.Exact/time.Hour), "hour"))
	case 'm':
		return w.pick(text[:len(text)-1]+" 分钟", plural(int(s.Exact/time.Minute), "minute"))
	default:
		return w.pick(text[:len(text)-1]+" 秒", plural(int(s.Exact/time.Second), "second"))
	}
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprint(n, " ", unit, "s")
}

// when says a window: in Chinese it comes first, in English last.
func (w words) when(win query.Window) string {
	span, skip := w.span(win.Span), w.span(win.Skip)
	switch {
	case win.Ahead && win.Skip.IsZero():
		return w.pick("之后 "+span+"内", " in the next "+span)
	case win.Ahead:
		return w.pick(skip+"后的 "+span+"内", " in the "+span+" that begin after "+skip)
	case win.Span.IsZero() && win.Skip.IsZero():
		return w.pick("至今", " so far")
	case win.Span.IsZero():
		return w.pick(skip+"以前", " more than "+skip+" ago")
	case win.Skip.IsZero():
		return w.pick("近 "+span+"内", " in the last "+span)
	}
	return w.pick(span+"前到 "+skip+"前", " between "+span+" and "+skip+" ago")
}

// foldWords are an aggregate in Chinese, after the rows, and in English, before them; %s is the column.
var foldWords = map[query.Fn][2]string{
	query.Count: {"次数", "number of"}, query.Sum: {" %s 合计", "total %s of"}, query.Mean: {" %s 均值", "mean %s of"},
	query.MinOf: {" %s 最小值", "smallest %s of"}, query.MaxOf: {" %s 最大值", "greatest %s of"}, query.SD: {" %s 标准差", "standard deviation of %s of"},
	query.Distinct: {"不同 %s 数", "number of different %s of"}, query.First: {"最早的 %s", "first %s of"}, query.Last: {"最新的 %s", "newest %s of"},
	query.Mode: {"最常见的 %s", "commonest %s of"}, query.ModeShare: {"最常见 %s 的占比", "share of the commonest %s of"}, query.Entropy: {" %s 的熵", "entropy of %s of"},
	query.DaysFirst: {"距首次的天数", "days since the first of"}, query.DaysLast: {"距最近一次的天数", "days since the last of"}, query.ActiveDays: {"活跃天数", "days with"},
	query.GapMean: {"平均间隔天数", "mean days between"}, query.GapSD: {"间隔天数的标准差", "standard deviation of days between"}, query.Slope: {" %s 每 30 天的趋势", "trend per 30 days of %s of"},
	query.Weekend: {"周末占比", "weekend share of"}, query.Night: {"夜间占比", "night share of"}, query.HourMean: {"平均时刻", "mean hour of"}, query.Sessions: {"会话数", "sessions of"},
	query.GapLast: {"最近一次间隔天数", "days between the last two days with"}, query.GapRecent: {"最近三次间隔的平均天数", "mean of the last three gaps between"}, query.GapMax: {"最长间隔天数", "longest gap in days between"},
	query.SessionMinutes: {"会话平均分钟数", "mean minutes of a session of"}, query.SessionLongest: {"最长会话分钟数", "minutes of the longest session of"},
	query.HourEntropy: {"钟点分布的熵", "entropy of hours of"}, query.WeekdayEntropy: {"星期分布的熵", "entropy of weekdays of"}, query.MonthTurn: {"月末月初（25 日至 5 日）占比", "share around the turn of the month of"},
	query.SameMonth: {"与截止时刻同月份的占比", "share in the cutoff's month of"}, query.SameQuarter: {"与截止时刻同季度的占比", "share in the cutoff's quarter of"},
	query.Fresh: {"首次出现的不同 %s 数", "number of first-time %s of"}, query.OrderMean: {"每单 %s 均值", "mean %s an order of"}, query.OrderSD: {"每单 %s 标准差", "standard deviation of %s an order of"},
	query.OrderMax: {"每单 %s 最大值", "greatest %s of an order of"}, query.OrderLast: {"最近一单的 %s", "%s of the newest order of"}, query.OrderSlope: {"每单 %s 每 30 天的趋势", "trend per 30 days of %s an order of"},
	query.OrderSingle: {"只有一行的订单占比", "share of orders of one line of"}, query.OrderDistinct: {"平均每单的不同 %s 数", "mean number of different %s an order of"},
}

func (w words) aggregate(a *query.Agg) string {
	rows, when := w.rows(a.Dataset, a.Where), w.when(a.Window)
	if a.Fn == query.Exists {
		return w.pick(when+"有"+rows, "some "+rows+when)
	}
	fold := foldWords[a.Fn]
	if a.Fn == query.Count && a.Lines {
		fold = [2]string{"行数", "number of lines of"}
	}
	switch a.Fn {
	case query.SessionsWith:
		fold = [2]string{"含有「" + w.say(a.Hit) + "」的会话数", "sessions in which " + w.say(a.Hit) + " of"}
	case query.SessionsEnding:
		fold = [2]string{"以「" + w.say(a.Hit) + "」结束的会话数", "sessions that end where " + w.say(a.Hit) + " of"}
	case query.Answered:
		then := w.rows(a.Then.Dataset, a.Then.Where)
		return w.pick(when+rows+"之后 "+w.span(a.Within)+"内有"+then+"的次数", "number of "+rows+when+" followed by "+then+" within "+w.span(a.Within))
	case query.Unanswered:
		then := w.rows(a.Then.Dataset, a.Then.Where)
		return w.pick(when+"最近一次有回应（"+w.span(a.Within)+"内有"+then+"）之后的"+rows+"次数", "number of "+rows+when+" since the last one followed by "+then+" within "+w.span(a.Within))
	}
	text := w.pick(fold[0], fold[1])
	text = strings.ReplaceAll(text, "%s", a.Column)
	if w.lang == kequn.Chinese {
		return when + rows + "的" + strings.TrimSpace(text)
	}
	return text + " " + rows + when
}

func (w words) sequence(s *query.Sequence) string {
	steps := make([]string, len(s.Steps))
	for i, step := range s.Steps {
		steps[i] = w.rows(step.Dataset, step.Where)
	}
	var extra []string
	if !s.Gap.IsZero() {
		extra = append(extra, w.pick("相邻不超过 "+w.span(s.Gap), "at most "+w.span(s.Gap)+" apart"))
	}
	if s.Same != "" {
		extra = append(extra, w.pick("同一 "+s.Same, "of the same "+s.Same))
	}
	for _, step := range s.Without {
		extra = append(extra, w.pick("其间没有"+w.rows(step.Dataset, step.Where), "with no "+w.rows(step.Dataset, step.Where)+" between"))
	}
	text := w.pick(w.when(s.Window)+"先有"+strings.Join(steps, "，再有"), strings.Join(steps, ", then ")+w.when(s.Window))
	if len(extra) > 0 {
		text += w.pick("（"+strings.Join(extra, "，")+"）", " ("+strings.Join(extra, ", ")+")")
	}
	return text
}
