package pipeline

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
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
	_, last := v.span()
	if ask > last && g.Column == "" {
		return nil, kequn.Errorf(kequn.KindNotEnough, g.Name, "the data end on %s, so nothing after %s can be compared", kequn.FormatZone(last, v.zone), kequn.FormatZone(ask, v.zone)).
			WithHint("choose an earlier --cutoff")
	}
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
	if f.Out != "" {
		if err := writeScores(f.Out, sc); err != nil {
			return nil, err
		}
		p.Out = f.Out
	}
	return p, nil
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
