// Package ladder tries families of models from simple to complex, says by how much each beats the one below, and chooses.
//
// rounds.go says which rows are trained on and which are judged, plan.go what is worth trying in the time there is, run.go
// does it, blend.go chooses and blends, judge.go counts, why.go says why, and choice.go is the model that comes out.
package ladder

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Names of what the ladder adds to the rungs it is given.
const (
	BaseName = "base" // rung zero: the same score for everybody
	AutoName = "auto" // the most accurate, perhaps a blend
)

// Input is what is to be predicted from what, by whom, and how that is judged.
type Input struct {
	X *table.Table
	Y model.Outcome
	W []float64 // nil for all ones

	// Rungs are the families, the simplest first. The constant is added before them.
	Rungs []model.Named

	// Rounds say which rows are trained on and which are judged by the model that comes out. A row is judged at most once.
	Rounds []Round

	// Group has a number per row such that rows of one number (a customer's, at several cutoffs) are never trained on
	// and judged in one inner split, and count as one in standard errors; nil for rows that stand alone.
	Group []int64
}

// Options are the ladder's own parameters. The zero value works.
type Options struct {
	Seed    uint64
	Threads int           // 0: all processors
	Budget  time.Duration // of everything Run does and of the final fit; 0: no limit
	Left    time.Duration // of the budget, by the clock when Run begins; 0: all. The plan does not depend on it
	Effort  time.Duration // what is planned for without a clock: families that would go beyond it are left out; 0: no limit
	Memory  int64         // bytes that training may use; 0: no limit
	NoAuto  bool          // only the rungs by themselves
	Inside  bool          // auto's line shows the blend that was chosen inside the (only) round's training rows, not the final one
	Asked   []string      // rungs that somebody asked for by name: run however few rows there are
	Plan    *Plan         // replay this plan, without a clock

	// Favourite is a rung that auto is, unless what the judged rows would choose saves more than two paired standard errors against it: where one period judges, whose
	// noise is larger than most differences.
	Favourite string

	Progress func(done, of float64, doing string)
}

// Result is the ladder after the climb.
type Result struct {
	Task      kequn.Task `json:"task"`
	Rows      int        `json:"rows"`                // rows that took part
	Positives int        `json:"positives,omitempty"` // binary: those with the outcome 1
	Folds     int        `json:"folds"`               // rounds
	Plan      Plan       `json:"plan"`
	Models    []Entry    `json:"models"` // the rungs in their order, then auto
	Chosen    string     `json:"chosen"` // auto, or the only rung
	Simple    string     `json:"simple"` // the simplest rung within one paired standard error of the chosen one
	StoppedBy string     `json:"stopped_by,omitempty"`

	in    Input
	o     Options
	began time.Time
	rungs []*rung
	auto  *outOfSample
	round []int32  // of each row, -1 where it was not judged
	hash  []uint64 // of each row's values, in large tables
}

// Entry is one line of the ladder.
type Entry struct {
	Name string `json:"name"`
	Figures
	FitSeconds     float64            `json:"fit_seconds"`     // mean per round, from columns in memory to the fitted model
	PredictSeconds float64            `json:"predict_seconds"` // mean per round
	PeakMB         float64            `json:"peak_mb"`         // high water of the program's heap while it was fitted
	Params         map[string]float64 `json:"params"`
	Calibration    string             `json:"calibration,omitempty"`
	Blend          []Share            `json:"blend,omitempty"`  // auto: what it is made of
	Behind         *Gap               `json:"behind,omitempty"` // how much worse than the chosen one
	Failed         string             `json:"failed,omitempty"` // why there are no figures
}

// Share is a part of a blend.
type Share struct {
	Name   string  `json:"name"`
	Weight float64 `json:"weight"`
}

// Gap is a difference in mean loss (log loss or squared error) of two models on the same rows, with its standard error.
type Gap struct {
	Loss float64 `json:"loss"`
	SE   float64 `json:"se"`
}

// Run climbs the ladder: every rung is trained and judged in every round, on scores that were calibrated inside the training
// rows; auto is chosen and blended inside the training rows too, so that its figures are those of rows it has never seen.
//
// With a budget, the plan says beforehand which rungs are likely to fit into it; the clock only drops the rungs that come last.
// It returns a not_enough error if the outcome has one class in some round's training rows, or nothing can be judged.
func Run(ctx context.Context, in Input, o Options) (*Result, error) {
	r := &Result{Task: in.Y.Task, in: in, o: o, began: time.Now(), Folds: len(in.Rounds)}
	if err := r.prepare(); err != nil {
		return nil, err
	}
	if o.Plan != nil {
		r.Plan = *o.Plan
		r.Plan.Steps = slices.Clone(r.Plan.Steps)
	} else {
		r.Plan = makePlan(in, o)
	}
	r.setHash()
	if err := r.climb(ctx); err != nil {
		return nil, err
	}
	r.judge()
	return r, nil
}

// prepare checks the rounds.
func (r *Result) prepare() error {
	in := &r.in
	n := in.X.NRows()
	if _, err := model.Check(in.X, in.Y, in.W); err != nil {
		return refuse(err)
	}
	if in.Group != nil && len(in.Group) != n {
		return fmt.Errorf("ladder: %d rows, %d groups", n, len(in.Group))
	}
	if len(in.Rounds) == 0 {
		return kequn.Errorf(kequn.KindNotEnough, "", "no rows to judge models on")
	}
	r.round = make([]int32, n)
	part := make([]bool, n)
	for i := range r.round {
		r.round[i] = -1
	}
	for k, round := range in.Rounds {
		for _, i := range round.Test {
			if r.round[i] >= 0 {
				return fmt.Errorf("ladder: row %d is judged twice", i)
			}
			r.round[i] = int32(k)
			part[i] = true
		}
		for _, i := range round.Train {
			if r.round[i] == int32(k) {
				return fmt.Errorf("ladder: row %d is trained on and judged in one round", i)
			}
			part[i] = true
		}
		if len(round.Test) == 0 || len(round.Train) == 0 {
			return kequn.Errorf(kequn.KindNotEnough, "", "round %d has %d rows to train on and %d to judge", k, len(round.Train), len(round.Test))
		}
	}
	for i, p := range part {
		if p {
			r.Rows++
			if in.Y.Task == kequn.Binary && in.Y.Y[i] == 1 {
				r.Positives++
			}
		}
	}
	return nil
}

// refuse says in the user's words what the data lack.
func refuse(err error) error {
	switch {
	case errors.Is(err, model.ErrOneClass):
		return kequn.Errorf(kequn.KindNotEnough, "", "the outcome has one value only, there is nothing to tell apart").
			WithHint("choose another outcome, a longer horizon or a wider population")
	case errors.Is(err, model.ErrNoRows):
		return kequn.Errorf(kequn.KindNotEnough, "", "no rows to train on")
	case errors.Is(err, model.ErrNoColumn):
		return kequn.Errorf(kequn.KindNotEnough, "", "no usable column")
	}
	return err
}

// OutOfSample returns the scores that a line of the ladder gave to rows it was not trained on, as Predict gives them (NOut per
// row), NaN for rows that no round judged; and the round of each row, −1 for those.
func (r *Result) OutOfSample(name string) (score []float64, round []int32, err error) {
	if name == AutoName && r.auto != nil {
		return r.auto.final, r.round, nil
	}
	for _, g := range r.rungs {
		if g.named.Name == name && g.whole() {
			return g.final, r.round, nil
		}
	}
	return nil, nil, kequn.Errorf(kequn.KindUsage, "", "no scores of %q", name)
}

// Entry returns the line of a name, nil if there is none.
func (r *Result) Entry(name string) *Entry {
	for i := range r.Models {
		if r.Models[i].Name == name {
			return &r.Models[i]
		}
	}
	return nil
}

// Fit returns the chosen model (or that of any line) trained on all rows that took part: its members refitted, blend and
// calibration taken from the out-of-sample scores of the rounds.
func (r *Result) Fit(ctx context.Context, name string) (*Choice, error) {
	recipe, err := r.recipe(name)
	if err != nil {
		return nil, err
	}
	rows := r.taking()
	x, y, w := take(r.in, rows)
	c := &Choice{weights: recipe.weights, calibration: recipe.calibration, each: recipe.each, name: name}
	began := time.Now()
	for _, g := range recipe.rungs {
		l := model.WithThreads(model.WithSeed(g.named.Learner, r.o.Seed), r.o.Threads)
		m, err := l.Fit(ctx, x, y, w)
		if err != nil {
			return nil, refuse(err)
		}
		c.members = append(c.members, m)
		c.names = append(c.names, g.named.Name)
	}
	c.setHeader(y, len(rows))
	c.h.Seconds = time.Since(began).Seconds()
	return c, nil
}

// FitOn returns a line's model trained on other rows than those that were judged, by the learners that in gives under the names of the line's rungs: where what is
// asked lies further ahead than what could be judged. Blend and calibration are those of the rounds.
func (r *Result) FitOn(ctx context.Context, name string, in Input) (*Choice, error) {
	recipe, err := r.recipe(name)
	if err != nil {
		return nil, err
	}
	c := &Choice{weights: recipe.weights, calibration: recipe.calibration, each: recipe.each, name: name}
	began := time.Now()
	for _, g := range recipe.rungs {
		i := slices.IndexFunc(rungs(in.Rungs), func(n model.Named) bool { return n.Name == g.named.Name })
		if i < 0 {
			return nil, fmt.Errorf("ladder: no learner %q", g.named.Name)
		}
		m, err := model.WithThreads(model.WithSeed(rungs(in.Rungs)[i].Learner, r.o.Seed), r.o.Threads).Fit(ctx, in.X, in.Y, in.W)
		if err != nil {
			return nil, refuse(err)
		}
		c.members = append(c.members, m)
		c.names = append(c.names, g.named.Name)
	}
	c.setHeader(in.Y, in.X.NRows())
	c.h.Seconds = time.Since(began).Seconds()
	return c, nil
}

// taking returns the rows that take part in some round.
func (r *Result) taking() []int32 {
	part := make([]bool, r.in.X.NRows())
	for _, round := range r.in.Rounds {
		for _, i := range round.Train {
			part[i] = true
		}
		for _, i := range round.Test {
			part[i] = true
		}
	}
	var rows []int32
	for i, p := range part {
		if p {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

func take(in Input, rows []int32) (*table.Table, model.Outcome, []float64) {
	if len(rows) == in.X.NRows() {
		return in.X, in.Y, in.W // rows are increasing, so these are all of them in order
	}
	return in.X.Take(rows), in.Y.Take(rows), kernel.Take(in.W, rows)
}

// recipe is how a line's model is made: which rungs in which shares, each with its calibration, and the whole's.
type recipe struct {
	rungs       []*rung
	weights     []float64
	each        []metric.Calibration
	calibration metric.Calibration
}

func (r *Result) recipe(name string) (*recipe, error) {
	if name == AutoName && r.auto != nil {
		return r.auto.recipe, nil
	}
	for _, g := range r.rungs {
		if g.named.Name == name && g.whole() {
			return g.recipe, nil
		}
	}
	return nil, kequn.Errorf(kequn.KindUsage, "", "the ladder has no model %q", name)
}

// nan returns n missing values.
func nan(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = math.NaN()
	}
	return v
}
