package feature

import (
	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// maxSessionTypes is how many types of event are looked for in sessions: of rarer ones few sessions have any.
const maxSessionTypes = 4

// sessions adds how long visits are, what happens in them and where they end. Where times are dates there are no sessions
// but days, which the rhythm counts.
func (b *builder) sessions(kind *plan.Column, stem string) {
	if !b.set.Clock {
		return
	}
	src := b.source(b.timeColumn())
	for _, w := range b.windows {
		b.add(query.Feature{Name: stem + "_sessions_" + w.suffix, Node: b.agg(query.Sessions, "", w, nil), Kind: query.Behaviour, Unit: "sessions", Missing: never0, Sources: src,
			TextZH: w.zh + "会话数", TextEN: "sessions (pauses of over half an hour) " + w.en})
	}
	for _, w := range b.long {
		b.add(query.Feature{Name: stem + "_per_session_" + w.suffix, Node: divide(b.agg(query.Count, "", w, nil), b.agg(query.Sessions, "", w, nil)), Kind: query.Behaviour, Unit: "events", Missing: noRows, Sources: src,
			TextZH: w.zh + "每次会话的事件数", TextEN: "events a session " + w.en})
		b.add(query.Feature{Name: stem + "_session_minutes_" + w.suffix, Node: b.agg(query.SessionMinutes, "", w, nil), Kind: query.Behaviour, Unit: "minutes", Missing: noRows, Sources: src,
			TextZH: w.zh + "每次会话的平均分钟数", TextEN: "mean minutes of a session " + w.en})
	}
	b.add(query.Feature{Name: stem + "_session_longest", Node: b.agg(query.SessionLongest, "", ever, nil), Kind: query.Behaviour, Unit: "minutes", Missing: noRows, Sources: src,
		TextZH: "最长一次会话的分钟数", TextEN: "minutes of the longest session"})
	if kind == nil {
		return
	}
	p := b.set.Column(kind.Name)
	if p.Distinct < 2 {
		return
	}
	src = b.source(kind.Name, b.timeColumn())
	hits := func(fn query.Fn, value string) *query.Node {
		n := b.agg(fn, "", ever, nil)
		n.Agg.Hit = equals(kind.Name, value)
		return divide(n, b.agg(query.Sessions, "", ever, nil))
	}
	for i, seen := range p.Top {
		cart, sale := hasWord(seen.Value, cartWords, cartParts), hasWord(seen.Value, saleWords, saleParts)
		if i >= maxSessionTypes && !cart && !sale {
			continue
		}
		b.add(query.Feature{Name: stem + "_sessions_with_" + clean(seen.Value), Node: hits(query.SessionsWith, seen.Value), Kind: query.Behaviour, Unit: "share", Missing: noRows, Sources: src,
			TextZH: "含「" + seen.Value + "」的会话占比", TextEN: "share of sessions with " + seen.Value})
		if cart {
			b.add(query.Feature{Name: stem + "_sessions_ending_" + clean(seen.Value), Node: hits(query.SessionsEnding, seen.Value), Kind: query.Behaviour, Unit: "share", Missing: noRows, Sources: src,
				TextZH: "以「" + seen.Value + "」结束的会话占比", TextEN: "share of sessions that end with " + seen.Value})
		}
	}
}

// Words of types of event that put goods aside, and that buy them.
var (
	cartWords = map[string]bool{"cart": true, "basket": true, "checkout": true, "addtocart": true, "trolley": true, "bag": true}
	cartParts = []string{"购物车", "加购", "结算"}
	saleWords = map[string]bool{"order": true, "purchase": true, "buy": true, "transaction": true, "sale": true, "pay": true, "payment": true}
	saleParts = []string{"下单", "购买", "支付", "付款", "成交"}
)

// pauses adds what the gaps between visits do: the last one, the longest, and whether they grow.
func (b *builder) pauses(where *query.Node, stem, zh, en, plural string) {
	src := b.source(b.timeColumn())
	mean := b.agg(query.GapMean, "", ever, where)
	for _, f := range []struct {
		name, unit, zh, en string
		node               *query.Node
	}{
		{"_gap_last", "days", "最近两次" + zh + "的间隔天数", "days between the last two days with " + plural, b.agg(query.GapLast, "", ever, where)},
		{"_gap_trend", "ratio", "最近三次" + zh + "间隔与平均间隔之比（大于 1 表示越来越疏）", "last three gaps between " + plural + " over the mean gap: above 1 they grow", divide(b.agg(query.GapRecent, "", ever, where), mean)},
		{"_gap_max", "days", zh + "的最长间隔天数", "longest gap between " + plural, b.agg(query.GapMax, "", ever, where)},
		{"_overdue_max", "ratio", "距最近一次" + zh + "的时间与最长间隔之比", "time since the last " + en + " over the longest gap", divide(b.agg(query.DaysLast, "", ever, where), b.agg(query.GapMax, "", ever, where))},
	} {
		b.add(query.Feature{Name: stem + f.name, Node: f.node, Kind: query.Behaviour, Unit: f.unit, Missing: "fewer than two active days", Sources: src, TextZH: f.zh, TextEN: f.en})
	}
	b.add(query.Feature{Name: stem + "_days_a_month", Node: divide(query.Apply(query.Mul, query.Number, query.Num(30), b.agg(query.ActiveDays, "", ever, where)), query.Apply(query.Max, query.Number, query.Num(30), b.agg(query.DaysFirst, "", ever, where))),
		Kind: query.Behaviour, Unit: "days a month", Missing: "no " + en + " yet", Sources: src, TextZH: "首次" + zh + "以来每月有" + zh + "的天数", TextEN: "days with " + plural + " a month since the first " + en})
	if period := b.period(); period != (kequn.Span{}) {
		b.add(query.Feature{Name: stem + "_state_" + period.String(), Node: &query.Node{Op: query.LifeO, Type: query.Text, Life: &query.Lifecycle{Dataset: b.d.Name, Where: where, Period: period}},
			Kind: query.Behaviour, Missing: "never missing: never is a state", Sources: src,
			TextZH: zh + "生命周期状态（每期 " + spanWords(period, kequn.Chinese) + "）", TextEN: "state of " + plural + " (periods of " + spanWords(period, kequn.English) + ")"})
	}
}

// period is the length of a lifecycle's periods: 90 days, or 30 where history is short; none where even that is too long to
// see who came back.
func (b *builder) period() kequn.Span {
	for _, days := range []int{90, 30} {
		if b.reaches(3 * days) {
			return kequn.Days(days)
		}
	}
	return kequn.Span{}
}

// reaches tells whether the dataset's history before the profile's cutoff is that long.
func (b *builder) reaches(days int) bool {
	return b.set.First != kequn.NoTime && b.profile.Cutoff-b.set.First >= kequn.Instant(days)*kequn.Instant(kequn.Day.Microseconds())
}

func spanWords(s kequn.Span, lang kequn.Lang) string {
	return lang.Pick(Number(float64(s.Days), 0)+" 天", Number(float64(s.Days), 0)+" days")
}

// seasons adds the shape of the day, of the week and of the month, and what the same season was like before.
func (b *builder) seasons(where *query.Node, stem, zh, plural string) {
	src := b.source(b.timeColumn())
	add := func(name, unit, wordsZH, wordsEN string, n *query.Node) {
		b.add(query.Feature{Name: stem + name, Node: n, Kind: query.Behaviour, Unit: unit, Missing: noRows, Sources: src, TextZH: wordsZH, TextEN: wordsEN})
	}
	if b.set.Clock {
		for _, w := range b.long {
			add("_night_share_"+w.suffix, "share", w.zh+zh+"在夜间（22 至 6 时）的占比", "share of "+plural+" between 22 and 6 o'clock "+w.en, b.agg(query.Night, "", w, where))
		}
		b.add(query.Feature{Name: stem + "_hour", Node: b.agg(query.HourMean, "", ever, where), Kind: query.Behaviour, Unit: "o'clock", Missing: "none yet, or at no hour rather than another", Sources: src,
			TextZH: zh + "的平均钟点", TextEN: "mean hour of " + plural})
		add("_hour_entropy", "nats", zh+"在一天各钟点上的分散程度", "spread of "+plural+" over the hours of the day", b.agg(query.HourEntropy, "", ever, where))
	}
	add("_weekday_entropy", "nats", zh+"在星期几上的分散程度", "spread of "+plural+" over the days of the week", b.agg(query.WeekdayEntropy, "", ever, where))
	add("_month_turn_share", "share", zh+"在月末月初（25 日至次月 5 日，发薪前后）的占比", "share of "+plural+" from the 25th to the 5th, around payday", b.agg(query.MonthTurn, "", ever, where))
	if b.reaches(395) {
		add("_same_month_share", "share", zh+"发生在与截止时刻相同月份的占比", "share of "+plural+" in the cutoff's month of any year", b.agg(query.SameMonth, "", ever, where))
		add("_same_quarter_share", "share", zh+"发生在与截止时刻相同季度的占比", "share of "+plural+" in the cutoff's quarter of any year", b.agg(query.SameQuarter, "", ever, where))
	}
}
