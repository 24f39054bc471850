package explain

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
)

// fewerSizes are the numbers of columns that smaller models are given; the last fit has all.
var fewerSizes = []int{1, 2, 3, 5, 8, 12, 20}

// fewer trains the family again on its best columns: on 1, 2, 3, 5, 8, 12 and 20 of them, and on all, on the same rows (at most FitRows
// of the training rows), so that what fewer columns give up is a difference of like and like.
func (q *Question) fewer(ctx context.Context, s *sample, g *Global) error {
	if q.Learner.Learner == nil || q.Train == nil {
		return nil
	}
	if s.few || tooFew(q.TrainY) {
		g.missSkill("更少的列", "fewer columns")
		return nil
	}
	best := g.important()
	all := q.inputs().Names()
	best = slices.DeleteFunc(best, func(name string) bool { return !slices.Contains(all, name) })
	if len(best) == 0 || len(all) < 2 {
		g.miss("更少的列：模型只有一列", "fewer columns: the model has one column only")
		return nil
	}
	x, y, w := someRows(q.inputs(), q.TrainY, q.TrainW, q.Seed, q.FitRows)
	fit := func(names []string) ([]float64, float64, error) {
		some, err := x.Select(names...)
		if err != nil {
			return nil, 0, err
		}
		began := time.Now()
		m, err := q.Learner.Learner.Fit(ctx, some, y, w)
		if err != nil {
			return nil, 0, err
		}
		seconds := time.Since(began).Seconds()
		p, err := m.Predict(s.asRead)
		return p, seconds, err
	}
	whole, seconds, err := fit(all)
	if err != nil {
		return err
	}
	enough := false
	for _, n := range fewerSizes {
		if n > len(best) || n >= len(all) {
			break
		}
		if q.Left != nil && !q.Left() {
			g.miss(fmt.Sprintf("更少的列：时间只够试到 %d 列", n-1), fmt.Sprintf("fewer columns: no time for %d and more", n))
			break
		}
		names := slices.Clone(best[:n])
		p, seconds, err := fit(names)
		if err != nil {
			return err
		}
		f := Fewer{Columns: n, Names: names, Skill: some(skill(s, p)), Seconds: seconds}
		if d, se := q.givesUp(s, whole, p); !math.IsNaN(d.Mean) && !math.IsNaN(se) {
			f.GivesUp = &d
			if !enough && d.Mean <= se {
				f.Enough, enough = true, true
			}
		}
		g.Fewer = append(g.Fewer, f)
	}
	g.Fewer = append(g.Fewer, Fewer{Columns: len(all), Names: ordered(best, all), Skill: some(skill(s, whole)), Enough: !enough, Seconds: seconds})
	return nil
}

// ordered returns all names, the best first.
func ordered(best, all []string) []string {
	out := slices.Clone(best)
	for _, name := range all {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// skill is the AUC of a score, or the R² of a value.
func skill(s *sample, p []float64) float64 {
	if s.y.Task == kequn.Regression {
		return metric.R2(s.y.Y, p, s.w)
	}
	return metric.AUC(s.y.Y, p, s.w)
}

// pairedResamples are drawn where a paired difference has no formula of its own.
const pairedResamples = 100

// givesUp returns the skill of a less that of b on the same rows with its 95 % interval and standard error: DeLong's for AUC without
// weights, else by the paired bootstrap.
func (q *Question) givesUp(s *sample, a, b []float64) (metric.Interval, float64) {
	if s.y.Task == kequn.Binary && s.w == nil {
		return metric.AUCDifference(s.y.Y, a, b, 0.95)
	}
	score := metric.AUC
	if s.y.Task == kequn.Regression {
		score = metric.R2
	}
	d := metric.Bootstrap{Resamples: pairedResamples, Seed: q.Seed, Threads: q.Threads}.Difference(score, s.y.Y, a, b, s.w)
	return d, (d.High - d.Low) / (2 * metric.NormQuantile(0.975))
}

// mostSteps of the path are told.
const mostSteps = 12

// path follows a linear model from the simplest on.
func (q *Question) path(ctx context.Context, s *sample, g *Global) error {
	if q.Path == nil || q.Train == nil {
		return nil
	}
	if s.few || tooFew(q.TrainY) {
		g.missSkill("惩罚路径", "the path of penalties")
		return nil
	}
	x, y, w := someRows(q.inputs(), q.TrainY, q.TrainW, q.Seed, min(q.FitRows, mostPathRows))
	steps, err := q.Path.Path(ctx, x, y, w, mostSteps)
	if err != nil {
		return err
	}
	var before []string
	for _, step := range steps {
		p := PathPoint{Penalty: step.Penalty, Columns: len(step.Columns), Entered: []string{}, Chosen: step.Chosen}
		for _, name := range step.Columns {
			if !slices.Contains(before, name) {
				p.Entered = append(p.Entered, name)
			}
		}
		before = step.Columns
		score, err := step.Model.Predict(s.asRead)
		if err != nil {
			return err
		}
		p.Skill, p.SE = q.skillError(s, score)
		g.Path = append(g.Path, p)
	}
	return nil
}

// skillError returns the skill with its standard error.
func (q *Question) skillError(s *sample, p []float64) (value, se *float64) {
	if s.y.Task == kequn.Binary && s.w == nil {
		a, e := metric.AUCError(s.y.Y, p)
		return some(a), some(e)
	}
	score := metric.AUC
	if s.y.Task == kequn.Regression {
		score = metric.R2
	}
	i := metric.Bootstrap{Resamples: pairedResamples / 2, Seed: q.Seed, Threads: q.Threads}.Interval(score, s.y.Y, p, s.w)
	return some(i.Mean), some((i.High - i.Low) / (2 * metric.NormQuantile(0.975)))
}

const (
	ownRefits = 5      // models of other draws of the rows, for the error of the model's own importance
	ownRows   = 10_000 // rows drawn for each at most
)

// ownErrors says how much the model's own importance depends on the rows: the spread over models of the family on rows drawn with
// replacement. From m drawn rows it is brought to the n that the model was trained on by √(m/n).
func (q *Question) ownErrors(ctx context.Context, _ *sample, g *Global) error {
	if q.Learner.Learner == nil || q.Train == nil || len(g.Own) == 0 || tooFew(q.TrainY) {
		return nil
	}
	n := q.Train.NRows()
	m := min(n, ownRows, q.FitRows)
	x := q.inputs()
	share := make([][]float64, len(g.Own)) // per column, of each refit
	for r := range ownRefits {
		if q.Left != nil && !q.Left() {
			break
		}
		stream, rows := kernel.NewStream(q.Seed, kernel.ID("own importance"), uint64(r)), make([]int32, m)
		for i := range rows {
			rows[i] = int32(stream.Intn(n))
		}
		slices.Sort(rows)
		drawn := q.TrainY.Take(rows)
		if tooFew(drawn) {
			break
		}
		fitted, err := q.Learner.Learner.Fit(ctx, x.Take(rows), drawn, kernel.Take(q.TrainW, rows))
		if err != nil {
			return err
		}
		a, ok := fitted.(model.Importancer)
		if !ok {
			return nil
		}
		of, cols := a.Importance(), fitted.Header().Columns
		for i, w := range g.Own {
			v := 0.0
			for j, c := range cols {
				if c.Name == w.Column {
					v = of[j]
				}
			}
			share[i] = append(share[i], v)
		}
	}
	if len(share[0]) < 3 {
		g.miss("模型自身重要性的误差：没有测量", "the error of the model's own importance: not measured")
		return nil
	}
	for i := range g.Own {
		_, variance := kernel.MeanVar(share[i], nil)
		k := float64(len(share[i]))
		g.Own[i].SE = math.Sqrt(variance * k / (k - 1) * float64(m) / float64(n))
	}
	return nil
}
