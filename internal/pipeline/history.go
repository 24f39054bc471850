package pipeline

import (
	"context"
	"fmt"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// Rows from before a silence are put aside if they are fewer than one in strayShare: a date of 1970 says that nobody knew the
// date, not that history is fifty years long.
const (
	strayShare  = 1000
	straySilent = 180 // days
)

// begins returns when history begins, of what happened and was known before ask; NoTime where nothing was. One pass over the
// times of events, orders and items, remembered for the next goal.
func (v *view) begins(ctx context.Context, ask kequn.Cutoff) (kequn.Instant, error) {
	if at, ok := v.begun[ask]; ok {
		return at, nil
	}
	days := &dayCounts{}
	for i := range v.datasets {
		d := &v.datasets[i]
		if d.Role != kequn.Events && d.Role != kequn.Orders && d.Role != kequn.Items || d.First == kequn.NoTime || d.First >= ask {
			continue
		}
		days.reach(dayNumber(int64(d.First)), dayNumber(int64(min(d.Last, ask))))
	}
	for p := range v.data.NParts() {
		var want []table.Want
		for _, d := range v.datasets {
			if d.Role == kequn.Events || d.Role == kequn.Orders || d.Role == kequn.Items {
				want = append(want, table.Want{Dataset: d.Name, Columns: []string{engine.TimeColumn, engine.KnownColumn}})
			}
		}
		part, err := v.data.Part(ctx, p, want)
		if err != nil {
			return 0, err
		}
		for _, set := range part.Sets {
			days.add(set.Rows.Columns[0].Int, set.Rows.Columns[1].Int, int64(ask))
		}
	}
	at := days.begin()
	if v.begun == nil {
		v.begun = map[kequn.Cutoff]kequn.Instant{}
	}
	v.begun[ask] = at
	return at, nil
}

// beginning is begins for a goal, which cannot be answered where nothing had happened.
func (v *view) beginning(ctx context.Context, g plan.Goal, ask kequn.Cutoff) (kequn.Instant, error) {
	first, err := v.begins(ctx, ask)
	if err == nil && first == kequn.NoTime {
		err = kequn.Errorf(kequn.KindNotEnough, g.Name, v.lang.Pick("截止 %s 之前还没有任何行为记录", "nothing was known to have happened before %s"), day(ask, v))
	}
	return first, err
}

const dayMicros = 86_400_000_000

func dayNumber(at int64) int64 {
	d := at / dayMicros
	if at%dayMicros < 0 {
		d--
	}
	return d
}

// dayCounts counts rows by day, and knows the first instant of each.
type dayCounts struct {
	from  int64 // day of count[0]
	count []int64
	first []int64
}

// reach makes room for the days from one to another.
func (c *dayCounts) reach(from, to int64) {
	if len(c.count) > 0 {
		from, to = min(from, c.from), max(to, c.from+int64(len(c.count))-1)
	}
	c.from, c.count, c.first = from, make([]int64, to-from+1), make([]int64, to-from+1)
}

func (c *dayCounts) add(times, known []int64, before int64) {
	for i, t := range times {
		if t >= before || known[i] >= before || t == table.Missing {
			continue
		}
		d := dayNumber(t) - c.from
		if c.count[d] == 0 || t < c.first[d] {
			c.first[d] = t
		}
		c.count[d]++
	}
}

func (c *dayCounts) begin() kequn.Instant {
	total := int64(0)
	for _, n := range c.count {
		total += n
	}
	begin, last, sum := kequn.NoTime, -1, int64(0)
	for d, n := range c.count {
		if n == 0 {
			continue
		}
		if begin == kequn.NoTime || d-last > straySilent && sum*strayShare < total {
			begin = kequn.Instant(c.first[d])
		}
		last, sum = d, sum+n
	}
	return begin
}

// cutoffsOf chooses where a goal is learnt, judged and asked, with notes on what history did not allow.
func (s *Shop) cutoffsOf(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) (Cutoffs, []string, error) {
	first, err := v.beginning(ctx, g, ask)
	if err != nil {
		return Cutoffs{}, nil, err
	}
	cuts, ok := ChooseCutoffs(first, ask, g.Gap, g.Within, v.zone)
	if ok && g.Column != "" {
		// A fact has no date of its own: at every cutoff it is the same, so that a customer's earlier row would tell it.
		return Cutoffs{Judge: cuts.Judge, Ask: ask, Within: g.Within, SameTime: true, Rounds: []CutoffRound{{}}}, nil, nil
	}
	if err := s.coveredUntil(v, g, ask); err != nil {
		return cuts, nil, err
	}
	young := cuts.Judge < kequn.Days(minHistory).After(first, v.zone)
	if ok && !(young && cuts.SameTime && g.Event != "") {
		return cuts, nil, nil
	}
	if g.Event != "" {
		if shorter, fits := Shorter(first, ask, g.Gap, g.Within, v.zone); fits {
			return shorter, []string{fmt.Sprintf(s.Lang.Pick("历史只有 %[1]d 天，学不到 %[2]s内的结果：改按 %[3]s内的结果学习和评判。分数的高低次序可用，数值是 %[3]s内的可能性；满 %[2]s的学习要到 %[4]s",
				"history is %[1]d days, too short to learn what happens within %[2]s: learnt and judged on %[3]s instead. Scores rank customers for the longer time too, but are the chance within %[3]s; the goal itself can be learnt from %[4]s on"),
				daysBetween(first, ask), spanWords(g.Within, s.Lang), spanWords(shorter.Within, s.Lang), day(needed(first, g.Gap, g.Within, v.zone), v))}, nil
		}
	}
	if ok {
		return cuts, nil, nil
	}
	whole := needed(first, g.Gap, g.Within, v.zone)
	from := whole
	switch {
	case g.Event != "":
		from = min(whole, shorterFrom(first, g.Gap, g.Within, v.zone))
	case isValue(g):
		from = min(whole, valueFrom(first, g, v.zone))
	}
	return cuts, nil, kequn.Errorf(kequn.KindNotEnough, g.Name, s.Lang.Pick("截止 %[4]s 只有 %[1]d 天历史（始于 %[2]s），而效果期为 %[3]s", "before %[4]s there are %[1]d days of history (from %[2]s on), and the horizon is %[3]s"),
		daysBetween(first, ask), day(first, v), spanWords(g.Within, s.Lang), day(ask, v)).
		WithHint(s.Lang.Pick("缩短效果期（--within），或加载更早的历史。至少需要 %[2]d 天：%[1]s 起可以用较短的时间学习；%[3]s（满 %[4]d 天）起可以按完整的效果期学习，并在之后的时间评判",
			"a shorter horizon (--within), or older history. At least %[2]d days are needed: from %[1]s on it can be learnt within a shorter time; the whole horizon can be learnt and judged on later time from %[3]s on (%[4]d days)"),
			day(from, v), daysBetween(first, from), day(whole, v), daysBetween(first, whole))
}

// coveredUntil refuses a goal asked so long after the data end that nothing is known of the time it would be judged on.
func (s *Shop) coveredUntil(v *view, g plan.Goal, ask kequn.Cutoff) error {
	_, last := v.span()
	p := phase{gap: g.Gap, within: g.Within, zone: v.zone}
	if last == kequn.NoTime || p.before(ask) < kequn.DefaultCutoff(last, v.zone) {
		return nil
	}
	return kequn.Errorf(kequn.KindNotEnough, g.Name, s.Lang.Pick("数据止于 %[1]s，而截止时刻是 %[2]s：评判所需的 %[3]s里没有任何数据", "the data end on %[1]s and the cutoff is %[2]s: of the %[3]s before it, which models are judged on, nothing is known"),
		day(last, v), day(ask, v), spanWords(g.Within, s.Lang)).WithHint(s.Lang.Pick("加载更新的数据，或把 --cutoff 放在 %s 或之前", "newer data, or a --cutoff of %s or before"), day(kequn.DefaultCutoff(last, v.zone), v))
}

// daysBetween counts days, a begun one as whole.
func daysBetween(a, b kequn.Instant) int { return int((b - a + dayMicros - 1) / dayMicros) }

// knownBy is what [Cutoffs.KnownBy] says where it matters: where everything was known as it happened, windows end in time anyway.
func (v *view) knownBy(c Cutoffs) []kequn.Instant {
	for i := range v.datasets {
		if d := &v.datasets[i]; d.Late || d.Versioned || d.HasHistory() {
			return c.KnownBy()
		}
	}
	return nil
}

// lateAttributes names attributes that were not known yet at the earliest cutoff learnt from, so that nothing can be learnt of them.
func (s *Shop) lateAttributes(v *view, earliest kequn.Cutoff) []string {
	for i := range v.datasets {
		d := &v.datasets[i]
		if d.Role != kequn.Customers || d.Late || d.Versioned || d.LoadedAt == kequn.NoTime || d.LoadedAt < earliest {
			continue
		}
		for _, c := range d.Columns {
			if (c.Role == kequn.ColAttribute || c.Role == kequn.ColCategory) && !c.Fixed && !feature.Sensitive(c) {
				return []string{fmt.Sprintf(s.Lang.Pick("%[1]s 的属性（如 %[2]s）是 %[3]s 才加载的，之前的截止时刻不使用。从不改变的属性可在 kequn.yaml 中标记 fixed: true；若当时已知，可用 --loaded-at 或 --known-at 说明",
					"attributes of %[1]s (such as %[2]s) are known since they were loaded on %[3]s, and not used for cutoffs before. Mark those that never change fixed: true in kequn.yaml; if they were known earlier, say so with --loaded-at or --known-at"),
					d.Name, c.Name, day(d.LoadedAt, v))}
			}
		}
	}
	return nil
}
