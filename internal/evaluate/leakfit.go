package evaluate

import (
	"context"
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// vanishing fits the probe model with all columns and without each of the most important ones.
func (x *xray) vanishing(ctx context.Context) error {
	if x.Learner == nil {
		return nil
	}
	t := x.rest() // columns that are caught already hide what the others do
	m, with, err := x.fit(ctx, t, x.hash, nil, 0)
	if err != nil || m == nil {
		return err
	}
	a, ok := m.(model.Importancer)
	if !ok {
		return nil
	}
	much := knowsR2
	if x.Y.Task == kequn.Binary {
		much = knowsAUC
	}
	if !(with >= much) {
		return nil
	}
	share, cols := a.Importance(), m.Header().Columns
	for rank, j := range kernel.ArgsortDesc(share) {
		if rank == suspects || share[j] < mostWorth {
			break
		}
		_, without, err := x.fit(ctx, t.Drop(cols[j].Name), x.hash, nil, 0)
		if err != nil {
			return err
		}
		gone := with - max(without, x.chance())
		if math.IsNaN(without) || gone < vanish*(with-x.chance()) {
			continue
		}
		x.add(Leak{Column: cols[j].Name, Reason: LeakVanishes, AUCWith: some(with), AUCWithout: some(without), Evidence: Text{
			fmt.Sprintf("去掉这一列，%s 从 %.3f 降到 %.3f：确认它在打分时已经知道。", x.figure(), with, without),
			fmt.Sprintf("without it the %s falls from %.3f to %.3f: make sure that it is known when scoring.", x.figure(), with, without),
		}})
	}
	return nil
}

// rest are the features without those that are caught.
func (x *xray) rest() *table.Table {
	var caught []string
	for _, l := range x.found {
		if l.IsColumn() && l.Reason != LeakPerson && l.Reason != LeakVanishes {
			caught = append(caught, l.Column)
		}
	}
	return x.X.Drop(caught...)
}

// weigh says how much the probe model knows with each finding, and without any of them, and drops findings that are in doubt and add
// nothing: what an id or the order of rows tells may be what other columns tell honestly.
func (x *xray) weigh(ctx context.Context) ([]Leak, error) {
	if x.Learner == nil || len(x.found) == 0 {
		return x.found, nil
	}
	clean := x.rest()
	base, fitted := math.NaN(), false
	var out []Leak
	for k, l := range x.found {
		if l.AUCWith != nil && l.AUCWithout != nil || k >= mostWeighed && !x.doubt[l.Column] {
			out = append(out, l)
			continue
		}
		var with, without float64
		var err error
		if s, ok := x.apart[l.Column]; ok {
			if with, err = x.skill(ctx, clean, s.with, nil); err != nil {
				return nil, err
			}
			t := clean
			if l.Reason == LeakPerson {
				t = clean.Drop(l.Column)
			}
			if without, err = x.skill(ctx, t, s.without, s.keep); err != nil {
				return nil, err
			}
		} else {
			if !fitted {
				if base, err = x.skill(ctx, clean, x.hash, nil); err != nil {
					return nil, err
				}
				fitted = true
			}
			without = base
			t := &table.Table{Columns: append([]*table.Column{}, clean.Columns...)}
			if c := x.suspect(l.Column); c != nil {
				t.Columns = append(t.Columns, c)
			}
			if with, err = x.skill(ctx, t, x.hash, nil); err != nil {
				return nil, err
			}
		}
		if x.doubt[l.Column] && with-max(without, x.chance()) < idGain {
			continue
		}
		if with == with {
			l.AUCWith = some(with)
		}
		if without == without {
			l.AUCWithout = some(without)
		}
		out = append(out, l)
	}
	x.found = out
	return out, nil
}

// suspect returns what a finding would add to the model.
func (x *xray) suspect(name string) *table.Column {
	if x.extra != nil {
		if c := x.extra.Column(name); c != nil {
			return c
		}
	}
	return x.X.Column(name)
}

// fewJudged is the number of rows below which every fold is judged in turn: one fold of fewer is mostly noise.
const fewJudged = 10_000

// skill returns what the probe model knows of rows it has not seen, the mean over folds where rows are few.
func (x *xray) skill(ctx context.Context, t *table.Table, fold []uint64, keep []bool) (float64, error) {
	rounds := 1
	if len(x.known) < fewJudged {
		rounds = nFolds
	}
	sum := 0.0
	for k := range rounds {
		_, v, err := x.fit(ctx, t, fold, keep, uint64(k))
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum / float64(rounds), nil
}

// fit trains the probe model on two folds and returns what it knows of the third. It returns no model where it cannot. Only rows to keep
// take part; nil keeps all.
func (x *xray) fit(ctx context.Context, t *table.Table, fold []uint64, keep []bool, judged uint64) (model.Model, float64, error) {
	var train, test []int32
	for i, h := range fold {
		switch {
		case keep != nil && !keep[i]:
		case h%nFolds == judged:
			test = append(test, int32(i))
		default:
			train = append(train, int32(i))
		}
	}
	if len(train) == 0 || len(test) == 0 || len(t.Columns) == 0 {
		return nil, math.NaN(), nil
	}
	l := model.WithThreads(model.WithSeed(x.Learner, x.Seed), x.Threads)
	m, err := l.Fit(ctx, t.Take(train), x.Y.Take(train), kernel.Take(x.W, train))
	if err != nil {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		return nil, math.NaN(), nil // one class in the sample, no column left: nothing to probe
	}
	score, err := m.Predict(t.Take(test))
	if err != nil {
		return nil, 0, err
	}
	q := x.LeakProbe
	q.Y, q.W = x.Y.Take(test), kernel.Take(x.W, test)
	return m, q.know(score), nil
}
