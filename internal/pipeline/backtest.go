package pipeline

import (
	"context"
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/plan"
)

// Backtest compares scores with what happened.
type Backtest struct {
	Rows   int     `json:"rows"`
	AUC    float64 `json:"auc,omitempty"`
	Loss   float64 `json:"log_loss,omitempty"`
	RMSE   float64 `json:"rmse,omitempty"`
	MAE    float64 `json:"mae,omitempty"`
	Median float64 `json:"median_mae,omitempty"` // MAE of the median, of counts and amounts
	Mean   float64 `json:"mean_score"`
	Actual float64 `json:"mean_actual"`
}

// Backtest learns a goal as if it were the cutoff, and compares with what happened. Nothing is kept.
func (s *Shop) Backtest(ctx context.Context, f GoalFlags) (*Prediction, error) {
	g, v, ask, err := s.asked(f)
	if err != nil {
		return nil, err
	}
	var notes []string
	if g.Column == "" {
		if notes, err = s.comparable(ctx, v, g, ask); err != nil {
			return nil, err
		}
	}
	p, err := s.backtest(ctx, v, g, ask, f)
	if err != nil {
		return nil, err
	}
	p.Notes = append(p.Notes, notes...)
	return p, nil
}

// leastSeen is the share of an outcome window that the data must cover to compare with it: of the rest, nobody knows.
const leastSeen = 0.9

// comparable refuses a backtest whose outcome window runs past the end of the data, which is the midnight after the last event. Where less than a tenth of the horizon
// is missing, a note says so: what happened is then a little more than what is seen.
func (s *Shop) comparable(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) ([]string, error) {
	first, err := v.begins(ctx, ask)
	if err != nil {
		return nil, err
	}
	_, last := v.span()
	end, p := kequn.DefaultCutoff(last, v.zone), phase{gap: g.Gap, within: g.Within, zone: v.zone}
	from, until := g.Gap.After(ask, v.zone), p.end(ask)
	if until <= end && ask <= last {
		return nil, nil
	}
	if seen := float64(end - from); ask <= last && seen > leastSeen*float64(until-from) {
		return []string{fmt.Sprintf(s.Lang.Pick("数据止于 %s，而结果窗口到 %s：最后 %d 天发生的事还不知道，实际结果会略高", "the data end on %s and the outcome window on %s: what happened on its last %d days is not known, so what really happened is a little more"),
			day(last, v), day(until, v), daysBetween(end, until))}, nil
	}
	e := kequn.Errorf(kequn.KindNotEnough, g.Name, s.Lang.Pick("数据止于 %[1]s，最多只能比较到这一天；截止 %[2]s 的结果窗口到 %[3]s", "the data end on %[1]s, the last day that can be compared; the outcome window of the cutoff %[2]s ends on %[3]s"), day(last, v), day(ask, v), day(until-1, v))
	days, latest := int((end-from)/dayMicros), p.before(end)
	for days > 0 && kequn.Days(days).After(from, v.zone) > end { // over a clock change
		days--
	}
	earlier := s.Lang.Pick("加载更新的数据，或加载更早的历史", "newer data, or older history")
	if latest > first && !g.Within.IsZero() {
		earlier = fmt.Sprintf(s.Lang.Pick("选择更早的 --cutoff，最晚 %s", "choose an earlier --cutoff, %s at the latest"), day(latest, v))
	}
	if days > 0 && !g.Within.IsZero() {
		return nil, e.WithHint(s.Lang.Pick("%[1]s；或在此截止时刻把效果期缩短到 --within %[2]dd 以内", "%[1]s; or at this cutoff a horizon of at most --within %[2]dd"), earlier, days)
	}
	if g.Within.IsZero() {
		earlier = fmt.Sprintf(s.Lang.Pick("选择更早的 --cutoff，早于 %s", "choose an earlier --cutoff, before %s"), day(last, v))
	}
	return nil, e.WithHint("%s", earlier)
}

func (s *Shop) backtest(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags) (*Prediction, error) {
	switch {
	case g.Next != "":
		return s.backtestNext(ctx, v, g, ask, f)
	case g.When != "":
		return s.backtestWhen(ctx, v, g, ask, f)
	}
	l, leaks, err := s.learnGoal(ctx, v, g, ask, f)
	if err != nil {
		return nil, err
	}
	sc, err := s.score(ctx, v, l, true)
	if err != nil {
		return nil, err
	}
	if g.Column != "" {
		l.heldOut(sc)
	}
	p := s.describe(v, l)
	p.Leaks, p.Scored, p.Actual = leaks, len(sc.score), compareScores(l.study.y.Task, sc)
	return p, p.write(f.Out, func(path string) error { return writeScores(path, sc) })
}

func compareScores(task kequn.Task, sc *scores) *Backtest {
	var y, f, mid []float64
	for i, a := range sc.actual {
		if !math.IsNaN(a) {
			y, f = append(y, a), append(f, sc.score[i])
			if sc.median != nil {
				mid = append(mid, sc.median[i])
			}
		}
	}
	b := &Backtest{Rows: len(y)}
	if len(y) == 0 {
		return b
	}
	b.Mean, b.Actual = kernel.Sum(f)/float64(len(f)), kernel.Sum(y)/float64(len(y))
	if task == kequn.Binary {
		b.AUC, b.Loss = orZero(metric.AUC(y, f, nil)), orZero(metric.LogLoss(y, f, nil))
	} else {
		b.RMSE, b.MAE = metric.RMSE(y, f, nil), metric.MAE(y, f, nil)
		if sc.median != nil {
			b.Median = metric.MAE(y, mid, nil)
		}
	}
	return b
}

func orZero(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
