package ladder

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
)

// outOfSample is what a line of the ladder says about rows that it was not trained on.
type outOfSample struct {
	raw    []float64 // NOut per row of the table, before calibration; NaN where no round judged
	final  []float64 // after it
	recipe *recipe   // for the final fit
	first  *recipe   // auto: of the first round
}

// rung is one family on its way up.
type rung struct {
	outOfSample
	named  model.Named
	params []model.Value
	failed string

	// alive has, per round, whether the family came through that round's heats; nil where there were none. Heats are held inside
	// each round's training rows, so that what is judged has no part in them.
	alive []bool

	// inner has, per round and row of its Train, what models said that were not trained on that row; NaN where none did.
	inner [][]float64

	rounds []metric.Calibration // per round, fitted on inner

	fitSeconds, predictSeconds, peakMB float64
}

// in tells whether the family has scores of a round.
func (g *rung) in(round int) bool {
	return g.failed == "" && (g.alive == nil || g.alive[round])
}

// whole tells whether the family has scores of all rounds: only then it has a line of its own and may be in the final blend.
func (g *rung) whole() bool {
	return g.failed == "" && !slices.Contains(g.alive, false)
}

// job is one fit: of a round, on all its training rows (part −1) or without one inner part of them.
type job struct {
	round, part int
}

// smallTable is the number of cells below which fits run side by side, each on one processor, rather than one after the other
// on all: the result is the same.
const smallTable = 3_000_000

// climb runs the rungs of the plan, those first that are worth most for their cost. Rungs that the clock stops are dropped.
func (r *Result) climb(ctx context.Context) error {
	inner := make([][]int32, len(r.in.Rounds))
	for k := range r.in.Rounds {
		inner[k] = r.innerParts(k)
	}
	for _, named := range rungs(r.in.Rungs) {
		g := &rung{named: named}
		if s := r.Plan.step(named.Name); s == nil {
			g.failed = "not run"
		} else if !s.Run {
			g.failed = s.Reason.En
		}
		r.rungs = append(r.rungs, g)
	}
	order := slices.Clone(r.rungs)
	slices.SortStableFunc(order, func(a, b *rung) int { return worth(a.named.Name) - worth(b.named.Name) })

	done := 0.0
	if err := r.limited(ctx, func(ctx context.Context) error { return r.heats(ctx, inner, &done) }); err != nil {
		return err
	}
	for _, g := range order {
		step := r.Plan.step(g.named.Name)
		if g.failed != "" || !slices.Contains(g.alive, true) && g.alive != nil {
			continue
		}
		if r.StoppedBy != "" {
			g.failed, step.Run = timeUp, false
			continue
		}
		r.progress(done, g.named.Name)
		run := func(ctx context.Context) error { return r.runRung(ctx, g, inner) }
		var err error
		if g.named.Name == BaseName {
			err = run(ctx)
		} else {
			err = r.limited(ctx, run)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case r.StoppedBy != "":
			g.failed, step.Run = timeUp, false
		case err == nil:
			step.Done = true
		case g.named.Name == BaseName:
			return refuse(err)
		default:
			g.failed = err.Error()
		}
		done += step.Seconds
	}
	r.progress(done, "")
	tried := 0
	for _, g := range r.rungs[1:] {
		if g.failed == "" {
			tried++
		}
	}
	if tried == 0 && r.StoppedBy == "" && r.o.Plan == nil {
		for _, g := range r.rungs[1:] {
			return kequn.Errorf(kequn.KindNotEnough, "", "no model could be trained: %s: %s", g.named.Name, g.failed)
		}
	}
	r.calibrate()
	if !r.o.NoAuto && tried > 0 {
		r.chooseAuto()
	}
	return nil
}

// timeUp is why a rung has no figures that the clock stopped.
const timeUp = "the time was up"

func (r *Result) progress(done float64, doing string) {
	if r.o.Progress != nil {
		r.o.Progress(done, r.Plan.Seconds, doing)
	}
}

// limited runs something until the clock says that the time is up, and then says so in StoppedBy.
func (r *Result) limited(ctx context.Context, run func(context.Context) error) error {
	limited := ctx
	if at, ok := r.deadline(); ok {
		var stop context.CancelFunc
		limited, stop = context.WithDeadline(ctx, at)
		defer stop()
	}
	err := run(limited)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		r.StoppedBy = "time"
		return nil
	}
	return err
}

func (p *Plan) step(name string) *Step {
	for i := range p.Steps {
		if p.Steps[i].Name == name {
			return &p.Steps[i]
		}
	}
	return nil
}

// innerParts cuts the training rows of a round into parts.
func (r *Result) innerParts(round int) []int32 {
	rows := r.in.Rounds[round].Train
	x, y, _ := take(r.in, rows)
	var group []int64
	if r.in.Group != nil {
		group = make([]int64, len(rows))
		for i, row := range rows {
			group[i] = r.in.Group[row]
		}
	}
	return Folds(x, y, group, r.Plan.Inner, kernel.Mix(r.o.Seed+1))
}

// runRung fits one family in all rounds and inner parts.
func (r *Result) runRung(ctx context.Context, g *rung, inner [][]int32) error {
	n, k := r.in.X.NRows(), r.in.Y.NOut()
	g.raw = nan(n * k)
	g.inner = make([][]float64, len(r.in.Rounds))
	var jobs []job
	for round := range r.in.Rounds {
		g.inner[round] = nan(len(r.in.Rounds[round].Train) * k)
		if !g.in(round) {
			continue
		}
		for part := -1; part < r.Plan.InnerOf; part++ {
			jobs = append(jobs, job{round, part})
		}
	}
	memory := watchHeap()
	defer memory.stop()
	threads, each := 1, r.o.Threads
	if n*len(r.in.X.Columns) <= smallTable {
		threads, each = kernel.Threads(r.o.Threads), 1
	}
	errs := make([]error, len(jobs))
	took := make([][2]float64, len(jobs))
	params := make([][]model.Value, len(jobs))
	kernel.Parallel(len(jobs), threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			params[j], took[j], errs[j] = r.runJob(ctx, g, jobs[j], inner[jobs[j].round], each)
		}
	})
	for j, err := range errs {
		if err != nil {
			return err
		}
		if jobs[j].part < 0 {
			g.fitSeconds += took[j][0] / float64(len(r.in.Rounds))
			g.predictSeconds += took[j][1] / float64(len(r.in.Rounds))
			g.params = params[j]
		}
	}
	g.peakMB = memory.stop()
	return nil
}

func (r *Result) runJob(ctx context.Context, g *rung, j job, part []int32, threads int) (params []model.Value, took [2]float64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, took, err
	}
	k := r.in.Y.NOut()
	round := r.in.Rounds[j.round]
	train, test, into, at := round.Train, round.Test, g.raw, round.Test
	if j.part >= 0 {
		train, test, into, at = nil, nil, g.inner[j.round], nil
		for i, row := range round.Train {
			if part[i] == int32(j.part) {
				test, at = append(test, row), append(at, int32(i))
			} else {
				train = append(train, row)
			}
		}
		train = r.thin(train)
		if len(test) == 0 || len(train) == 0 {
			return nil, took, nil
		}
	}
	x, y, w := take(r.in, train)
	l := model.WithThreads(model.WithSeed(g.named.Learner, r.o.Seed), threads)
	began := time.Now()
	m, err := l.Fit(ctx, x, y, w)
	took[0] = time.Since(began).Seconds()
	if err != nil {
		if j.part >= 0 && (errors.Is(err, model.ErrOneClass) || errors.Is(err, model.ErrNoRows)) {
			return nil, took, nil // this part cannot be held out; the others may
		}
		return nil, took, err
	}
	began = time.Now()
	score, err := m.Predict(r.in.X.Take(test))
	took[1] = time.Since(began).Seconds()
	if err != nil {
		return nil, took, err
	}
	for i, row := range at {
		copy(into[int(row)*k:(int(row)+1)*k], score[i*k:(i+1)*k])
	}
	return m.Header().Params, took, nil
}

// calibrate fits the rungs' calibrations inside the training rows of each round and applies them to the rows judged; and once
// more on all rows judged, for the final fit.
func (r *Result) calibrate() {
	var alive []*rung
	for _, g := range r.rungs {
		if g.failed == "" { // judged in some rounds at least
			g.final = append([]float64(nil), g.raw...)
			g.rounds = make([]metric.Calibration, len(r.in.Rounds))
			g.recipe = &recipe{rungs: []*rung{g}, weights: []float64{1}, each: []metric.Calibration{{}}}
			if g.named.Name != BaseName {
				alive = append(alive, g)
			}
		}
	}
	if r.Task != kequn.Binary {
		return
	}
	perRung := len(r.in.Rounds) + 1
	kernel.Parallel(len(alive)*perRung, r.o.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			g, k := alive[j/perRung], j%perRung
			if k == len(r.in.Rounds) {
				g.recipe.calibration = r.calibrationOf(g.raw)
				continue
			}
			if !g.in(k) {
				continue
			}
			g.rounds[k] = r.calibration(g.inner[k], r.in.Rounds[k].Train)
			for _, i := range r.in.Rounds[k].Test {
				g.final[i] = g.rounds[k].Apply(g.raw[i])
			}
		}
	})
}

// calibration chooses a calibration for scores of the given rows; NaN scores are left out, and of very many rows most.
func (r *Result) calibration(score []float64, rows []int32) metric.Calibration {
	n := 0
	for i := range rows {
		if !math.IsNaN(score[i]) {
			n++
		}
	}
	keep := r.enoughOf(n)
	var y, p, w []float64
	var group []int64
	for i, row := range rows {
		if math.IsNaN(score[i]) || !keep(row) {
			continue
		}
		y, p = append(y, r.in.Y.Y[row]), append(p, score[i])
		if r.in.W != nil {
			w = append(w, r.in.W[row])
		}
		if r.in.Group != nil {
			group = append(group, r.in.Group[row])
		}
	}
	c, _ := metric.ChooseCalibration(y, p, w, group, r.o.Seed)
	return c
}

// calibrationOf chooses a calibration for scores of the rows judged.
func (r *Result) calibrationOf(score []float64) metric.Calibration {
	rows := make([]int32, len(score))
	for i := range rows {
		rows[i] = int32(i)
	}
	return r.calibration(score, rows)
}
