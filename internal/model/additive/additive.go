// Package additive fits sums of shape functions of single columns and of chosen pairs, boosted in turn; their picture is the model.
//
// The score of a row is
//
//	intercept + Σ_c f_c(x_c) + Σ_(c,d) f_cd(x_c, x_d)
//
// with a step function f_c for every column and a grid f_cd for a few pairs. The way of a fit through the files:
//
//	rows.go       rows, sorted by the part that a bag holds out
//	stage.go      columns, then pairs, as terms packed side by side
//	objective.go  score of each row → gradient and hessian as whole numbers
//	pass.go       one pass over the rows: last updates in, sums per cell of the next terms out
//	step.go       sums per cell → a tree of at most three leaves, or of four over a pair
//	boost.go      bags in step with each other, stopped together by the rows they hold out
//	detect.go     which pairs say more than their two columns
//	purify.go     what a pair says about one of its columns alone goes to that column
//	shape.go      the result for people: shapes, grids, a picture (picture.go)
//
// Reference: Lou, Caruana, Gehrke, Hooker, Accurate Intelligible Models with Pairwise Interactions (2013); Nori et al.,
// InterpretML (2019); Lengerich et al., Purifying Interaction Effects with the Functional ANOVA (2020).
package additive

import (
	"context"
	"fmt"
	"time"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// Name is the family's name.
const Name = "additive"

// Learner fits shape functions. Its zero value works.
type Learner struct {
	Sweeps int     `param:"default=2000,min=1,max=100000,alias=max_rounds" doc:"the most sweeps over all columns; fewer where held-out rows say so"`
	Rate   float64 `param:"default=0.05,min=0.000001,max=1,alias=learning_rate" doc:"how much of each step is added to a shape"`
	Bins   int     `param:"default=255,min=2,max=255,alias=max_bins" doc:"the most steps of a shape; the rarest of more levels are pooled"`

	Pairs    int `param:"default=0,min=-1,max=10000,alias=interactions" doc:"how many pairs of columns have a grid: 0 chooses by the number of columns, -1 is none"`
	PairBins int `param:"default=31,min=2,max=31,alias=max_interaction_bins" doc:"the most steps of each side of a grid; fewer where rows are few"`

	Bags     int `param:"default=0,min=0,max=100,alias=outer_bags" doc:"models that are averaged, each stopped by rows it does not see; 0 chooses by the number of rows"`
	Patience int `param:"default=25,min=1,max=100000,alias=early_stopping_rounds" doc:"sweeps without a lower loss on held-out rows before boosting ends"`

	MinRows        float64 `param:"default=10,min=1,max=1000000000,alias=min_samples_leaf" doc:"the least weight of rows in a leaf"`
	L2             float64 `param:"default=0,min=0,max=1000000000,alias=reg_lambda" doc:"penalty on the square of leaf values"`
	CategorySmooth float64 `param:"default=10,min=0.000001,max=1000000000,alias=cat_smooth" doc:"penalty on the square of what a level, or the lack of a value, is worth; small levels move slowly"`

	Seed uint64 `param:"default=0,min=0,max=9007199254740991" doc:"chooses the rows that bags hold out"`

	// Threads is how many processors Fit uses at most, 0 for all. The model is the same for any number.
	Threads int
}

// Name returns "additive".
func (Learner) Name() string { return Name }

// Fit finds the shapes.
func (l Learner) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	began := time.Now()
	l, values, err := model.Resolve(l)
	if err != nil {
		return nil, err
	}
	n, err := model.Check(x, y, w)
	if err != nil {
		return nil, err
	}
	columns, inputs, notes := model.Inputs(x, w)
	if len(columns) == 0 {
		return nil, model.ErrNoColumn
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	inputs, y, w, draw := model.Spread(inputs, y, w, l.Seed)
	cuts := treekit.Cuts(inputs, w, treekit.Options{MaxBins: l.Bins, Threads: l.Threads})
	bins := treekit.BinWith(inputs, cuts, treekit.Options{Threads: l.Threads})
	var used []int
	for c := range cuts {
		if kinds := cuts[c].NBins; kinds > 1 || (kinds == 1 && cuts[c].Missing) {
			used = append(used, c)
		} else {
			notes = append(notes, fmt.Sprintf("%s: constant, not used", columns[c].Name))
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := newBooster(ctx, l, draw, bins, y, w, used)
	if err := b.run(); err != nil {
		return nil, err
	}
	m := &Model{
		header: model.Header{
			Family: Name, Version: formatVersion, Task: y.Task, Columns: columns, Params: values, Rows: n,
			Notes: append(notes, b.notes...),
		},
		body:  b.body(),
		match: model.NewMatcher(columns),
	}
	if y.Task == kequn.Multiclass {
		m.header.Classes = append([]string(nil), y.Classes...)
	}
	m.header.Seconds = time.Since(began).Seconds()
	return m, nil
}
