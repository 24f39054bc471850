package pipeline

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
)

// fewFeatures is the number of features up to which it is no wonder that much of what a model knows goes with one of them.
const fewFeatures = 4

// probe looks for columns that know the outcome too well, before anything is trained: with a time limit it may take a quarter
// of it. What it finds is a warning.
func (t *trial) probe(ctx context.Context) error {
	t.Progress(t.Lang.Pick("检查泄漏", "look for leaks"), 0, 0)
	n := t.trainRows()
	p := evaluate.LeakProbe{X: t.x.Slice(0, n), Y: t.y, Ordered: true, Records: true, Seed: t.Seed, Threads: t.Threads}
	p.Y.Y = t.y.Y[:n]
	if t.group != nil {
		p.Group = t.group[:n]
	}
	if t.unused != nil && len(t.unused.Columns) > 0 {
		p.Others = t.unused.Slice(0, n)
	}
	for _, l := range t.Learners {
		if l.Name == "gbdt" || p.Learner == nil {
			p.Learner = l.Learner
		}
	}
	limited, stop := ctx, context.CancelFunc(func() {})
	if t.f.Time > 0 {
		limited, stop = context.WithDeadline(ctx, t.began.Add(t.f.Time/4))
	}
	leaks, err := evaluate.Leaks(limited, p)
	stop()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		t.note("时间不足，未检查泄漏", "no time to look for leaks")
		return nil
	case err != nil:
		return err
	}
	for _, l := range leaks {
		switch {
		case l.Reason == evaluate.LeakVanishes && len(t.x.Columns) <= fewFeatures:
		case t.y.Task == kequn.Regression && len(t.x.Columns) == 1: // a clean line is no crime
		default:
			t.leaks = append(t.leaks, l)
		}
	}
	return nil
}

// trainRows returns the number of rows that are not the test file's.
func (t *trial) trainRows() int {
	if t.f.Test != "" && t.apart == nil {
		return t.x.NRows() - int(t.res.TestRows)
	}
	return t.x.NRows()
}

// weighLeaks says how much accuracy goes with the columns found: the best single rung as it was judged, and trained again
// without them. Columns that tell the outcome by themselves are taken away together, for each would hide the loss of the others.
func (t *trial) weighLeaks(ctx context.Context) error {
	rung := t.bestRung()
	together := []string{}
	for _, l := range t.leaks {
		if l.Reason != evaluate.LeakVanishes && t.x.Column(l.Column) != nil {
			together = append(together, l.Column)
		}
	}
	var all *float64
	for _, l := range t.leaks {
		out := TryLeak{Column: l.Column, Kind: l.Reason, Evidence: l.Evidence.In(t.Lang)}
		with, without := l.AUCWith, l.AUCWithout // of what no model here has seen: ids, the order of rows, copies kept together
		if rung != nil && t.x.Column(l.Column) != nil && l.Reason != evaluate.LeakPerson {
			with, without = t.skill(rung), nil
			names, err := together, error(nil)
			if l.Reason == evaluate.LeakVanishes {
				names = append(slices.Clone(together), l.Column)
			} else {
				without = all
			}
			if without == nil {
				if without, err = t.without(ctx, rung, names); err != nil {
					return err
				}
			}
			if l.Reason != evaluate.LeakVanishes {
				all = without
			}
		}
		if t.y.Task == kequn.Regression {
			out.R2With, out.R2Without = with, without
		} else {
			out.AUCWith, out.AUCWithout = with, without
		}
		t.res.Leaks = append(t.res.Leaks, out)
	}
	return nil
}

// bestRung returns the single rung with the least loss, nil if none was run. One that trains quickly is taken if there is one, for it
// is trained again.
func (t *trial) bestRung() *model.Named {
	var best *model.Named
	least, cheap := math.Inf(1), false
	for _, n := range t.rungs() {
		e := t.ladder.Entry(n.Name)
		if e == nil || e.Failed != "" || e.Name == ladder.BaseName || cheap && !ladder.Cheap(n.Name) {
			continue
		}
		if e.Loss() < least || ladder.Cheap(n.Name) && !cheap {
			best, least, cheap = &n, e.Loss(), ladder.Cheap(n.Name)
		}
	}
	return best
}

// skill returns the rung's AUC, the mean AUC of classes, or R².
func (t *trial) skill(rung *model.Named) *float64 {
	switch e := t.ladder.Entry(rung.Name); t.y.Task {
	case kequn.Binary:
		return sound(e.AUC)
	case kequn.Multiclass:
		return sound(e.MacroAUC)
	default:
		return sound(e.R2)
	}
}

// skillOf is the same figure of scores.
func (t *trial) skillOf(y, score []float64) float64 {
	switch t.y.Task {
	case kequn.Binary:
		return metric.AUC(y, score, nil)
	case kequn.Multiclass:
		class := make([]int32, len(y))
		for i, v := range y {
			class[i] = int32(v)
		}
		return metric.MacroAUC(class, score, len(t.y.Classes), nil)
	}
	return metric.R2(y, score, nil)
}

// without returns the rung's skill without some columns, the mean over rounds. It is nil where no other column is left, where the
// rung cannot be trained without them, or where there is no time for it.
func (t *trial) without(ctx context.Context, rung *model.Named, names []string) (*float64, error) {
	e := t.ladder.Entry(rung.Name)
	took := time.Duration((e.FitSeconds + e.PredictSeconds) * float64(len(t.split.rounds)) * float64(time.Second))
	if t.f.Time > 0 && time.Since(t.began)+2*took > t.f.Time*95/100 {
		return nil, nil
	}
	x := t.x.Drop(names...)
	if len(x.Columns) == 0 {
		return nil, nil
	}
	l := model.WithThreads(model.WithSeed(rung.Learner, t.Seed), t.Threads)
	sum, rounds := 0.0, 0.0
	for _, round := range t.split.rounds {
		m, err := l.Fit(ctx, x.Take(round.Train), t.y.Take(round.Train), nil)
		if errors.Is(err, model.ErrNoColumn) || errors.Is(err, model.ErrOneClass) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		rows := slices.DeleteFunc(slices.Clone(round.Test), func(r int32) bool { return !t.judged(r) })
		p, err := m.Predict(x.Take(rows))
		if err != nil {
			return nil, err
		}
		if skill := t.skillOf(t.y.Take(rows).Y, p); finite(skill) {
			sum += skill
			rounds++
		}
	}
	if rounds == 0 {
		return nil, nil
	}
	sum /= rounds
	return &sum, nil
}

// aside tells whether a finding leaves the figures of this call as they are: an id is no feature, and equal rows were kept in one fold.
func (t *trial) aside(l TryLeak) bool {
	switch l.Kind {
	case evaluate.LeakTwins:
		return t.f.Folds == "" && t.f.Test == ""
	case evaluate.LeakNear, evaluate.LeakOrder, evaluate.LeakPerson:
		return false
	}
	return t.x.Column(l.Column) == nil
}
