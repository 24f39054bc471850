// Package gbdt fits gradient-boosted decision trees on histograms: leaf by leaf or symmetric, with missing values, categories and weights.
//
// Every round looks at the gradient g and hessian h of the loss at each row's score and grows one tree (one per class) that
// lowers Σ g·s + ½·h·s² most. The way of a round through the files:
//
//	objective.go   score of each row  →  g, h
//	quantise.go    g, h               →  whole numbers, so that sums do not depend on their order
//	histogram.go   rows of a leaf     →  Σg, Σh per column and bin
//	split.go       histogram          →  the best question
//	grow.go        leaf with the best question → two leaves, until there are enough
//	symmetric.go   or: all leaves of a level with one question → twice as many
//	boost.go       tree               →  new score of each row
//
// Reference: Friedman, Greedy Function Approximation (2001); Chen, Guestrin, XGBoost (2016); Ke et al., LightGBM (2017),
// whose default growth, categorical splits and parameters are followed.
package gbdt

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// Name is the family's name.
const Name = "gbdt"

// Learner fits boosted trees. Its zero value works.
type Learner struct {
	Trees   int     `param:"default=100,min=1,max=100000,alias=n_estimators" doc:"rounds of boosting: trees, or trees per class"`
	Leaves  int     `param:"default=31,min=2,max=131072,alias=num_leaves" doc:"the most leaves one tree may have"`
	Rate    float64 `param:"default=0.1,min=0.000001,max=1,alias=learning_rate" doc:"how much of each tree is added to the score"`
	Bins    int     `param:"default=255,min=2,max=255,alias=max_bin" doc:"the most bins a column is cut into, the one for missing values left out"`
	BinRows float64 `param:"default=1,min=1,max=1000000000,alias=min_data_in_bin" doc:"weight of rows per bin on average at least: small tables get fewer bins"`
	Depth   int     `param:"default=0,min=0,max=1000,alias=max_depth" doc:"the most questions on the way to a leaf, 0 for any number"`

	Symmetric bool `param:"default=0" doc:"trees that ask all leaves of a level the same question; depth, 6 if not set, takes the place of leaves"`

	MinRows    float64 `param:"default=20,min=1,max=1000000000,alias=min_child_samples" doc:"the least weight of rows in a leaf"`
	MinHessian float64 `param:"default=0.001,min=0.000000001,max=1000000000,alias=min_child_weight" doc:"the least sum of hessians in a leaf"`
	MinGain    float64 `param:"default=0,min=0,max=1000000000,alias=min_split_gain" doc:"the least gain of a question"`
	L2         float64 `param:"default=0,min=0,max=1000000000,alias=reg_lambda" doc:"penalty on the square of leaf values"`

	CategorySmooth float64 `param:"default=10,min=0.000001,max=1000000000,alias=cat_smooth" doc:"levels are ordered by gradient over (hessian + this); rarer ones are not ordered at all"`
	CategoryL2     float64 `param:"default=10,min=0.000001,max=1000000000,alias=cat_l2" doc:"added to l2 where a question asks for a group of levels"`
	CategoryRows   float64 `param:"default=100,min=1,max=1000000000,alias=min_data_per_group" doc:"the least weight of rows by which groups of levels differ"`
	CategoryLevels int     `param:"default=32,min=1,max=255,alias=max_cat_threshold" doc:"the most levels on the smaller side of a question"`
	Levels         int     `param:"default=4096,min=2,max=32768" doc:"the most levels of a column that are told apart; the rarest of more are pooled"`
	SingleLevels   int     `param:"default=4,min=1,max=255" doc:"columns with at most this many levels are asked for one level at a time"`

	Power    float64 `param:"default=0,min=0,max=2,alias=tweedie_variance_power" doc:"of a regression: amounts ≥ 0 whose variance is as the mean to this power: 1 Poisson, between 1 and 2 Tweedie, 2 gamma; 0 is squared error"`
	Quantile float64 `param:"default=0,min=0,max=0.999999" doc:"of a regression: the share of outcomes that shall lie below the prediction; 0 predicts the mean"`

	RowShare    float64 `param:"default=1,min=0.01,max=1,alias=subsample" doc:"share of rows each tree is grown on"`
	ColumnShare float64 `param:"default=1,min=0.01,max=1,alias=colsample_bytree" doc:"share of columns each tree may ask"`

	Patience int     `param:"default=0,min=0,max=100000,alias=early_stopping_rounds" doc:"stop after so many rounds without a lower loss on held-out rows; 0 grows all trees on all rows"`
	HeldOut  float64 `param:"default=0.1,min=0.01,max=0.9" doc:"share of rows held out to tell when to stop, if patience is set"`
	Refit    bool    `param:"default=0" doc:"once it is known when to stop, grow as many rounds again on all rows; small tables then hold out several shares in turns, to know better"`

	Seed uint64 `param:"default=0,min=0,max=9007199254740991" doc:"chooses rows and columns where their share is below 1, and the rows held out"`

	// Monotone says by column name that the score never falls (+1) or never rises (-1) as the column rises. Only numbers
	// can be named. It is kept in the model's header, as parameters "monotone: NAME".
	Monotone map[string]int

	// Threads is how many processors Fit uses at most, 0 for all. The model is the same for any number.
	Threads int
}

// Name returns "gbdt".
func (Learner) Name() string { return Name }

// Fit grows the trees.
//
// Columns are cut into at most Bins bins of about equal weight; missing values have a bin of their own and each question
// learns their side. Categories are asked for groups of levels, found by ordering levels by their mean gradient; of a
// column with more than Levels levels the rarest are pooled. Infinite values are the lowest and highest numbers.
//
// Sums over rows are sums of whole numbers, so the model is the same for any number of threads and any order of rows (but
// for rounding in the initial score, below 1e-12). If no question has any gain, growing ends early.
//
// Time is O(rows·columns·log(leaves)) per tree, memory 2 bytes per value and about 32 bytes per row, beside the table.
func (l Learner) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	if hasText(x, w) {
		return l.fitText(ctx, x, y, w)
	}
	began := time.Now()
	l, values, err := model.Resolve(l)
	if err != nil {
		return nil, err
	}
	if err := l.settleDepth(values); err != nil {
		return nil, err
	}
	rows, err := model.Check(x, y, w)
	if err != nil {
		return nil, err
	}
	if err := l.checkLoss(y, w); err != nil {
		return nil, err
	}
	columns, inputs, notes := model.Inputs(x, w)
	if len(columns) == 0 {
		return nil, model.ErrNoColumn
	}
	if values, err = l.checkMonotone(columns, values); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var hash []uint64
	if l.RowShare < 1 || l.Patience > 0 {
		inputs, y, w, hash = model.Spread(inputs, y, w, l.Seed)
	}
	options := treekit.Options{MaxBins: min(l.Bins, max(fewestBins, int(weightOf(inputs.NRows(), w)/l.BinRows))), Threads: l.Threads, RowMajor: true, Pack: true, MaxLevels: l.Levels}
	cuts := treekit.Cuts(inputs, w, options)
	used := usable(cuts)
	for c, at := 0, 0; c < len(cuts); c++ {
		if at < len(used) && used[at] == c {
			at++
		} else {
			notes = append(notes, fmt.Sprintf("%s: constant, not used", columns[c].Name))
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if x.NRows() >= worthCollecting {
		runtime.GC()
	}
	b := newBooster(ctx, l, y, w, treekit.BinWith(pick(inputs, used), pickCuts(cuts, used), options), hash)
	b.grower.finder.direction = l.directions(columns, used)
	if err := b.run(); err != nil {
		return nil, err
	}
	m := &Model{
		header: model.Header{
			Family: Name, Version: formatVersion, Task: y.Task, Columns: columns, Params: values, Rows: rows,
			Notes: append(notes, b.notes...),
		},
		link:  linkOf(y.Task, l.Power),
		match: model.NewMatcher(columns),
		trees: b.ensemble(cuts, used),
	}
	if y.Task == kequn.Multiclass {
		m.header.Classes = append([]string(nil), y.Classes...)
	}
	m.header.Seconds = time.Since(began).Seconds()
	return m, nil
}

// Sorting columns for their borders takes 16 to 32 bytes a row and thread, which the binned table can then take over if they are
// given back at once. Left to itself, the collector waits until the heap has doubled: 90 MB more at a million rows.
const worthCollecting = 1 << 19

// fewestBins is what [Learner.BinRows] leaves at least.
const fewestBins = 16

// A symmetric tree has 2^Depth leaves, of which most are empty where it is deep.
const (
	usualDepth   = 6
	deepestEqual = 16
)

// settleDepth gives symmetric trees a depth if none is set, in the values too.
func (l *Learner) settleDepth(values []model.Value) error {
	if !l.Symmetric {
		return nil
	}
	if l.Depth > deepestEqual {
		return kequn.Errorf(kequn.KindUsage, "depth", "is %d, want at most %d for symmetric trees", l.Depth, deepestEqual)
	}
	if l.Depth == 0 {
		l.Depth = usualDepth
	}
	for i := range values {
		if values[i].Name == "depth" {
			values[i].Value = float64(l.Depth)
		}
	}
	return nil
}

// usable returns the columns that tell rows apart.
func usable(cuts []treekit.Cut) []int {
	var used []int
	for c := range cuts {
		if kinds := cuts[c].NBins; kinds > 1 || (kinds == 1 && cuts[c].Missing) {
			used = append(used, c)
		}
	}
	return used
}

func pick(x *table.Table, used []int) *table.Table {
	out := &table.Table{Columns: make([]*table.Column, len(used))}
	for i, c := range used {
		out.Columns[i] = x.Columns[c]
	}
	return out
}

func pickCuts(cuts []treekit.Cut, used []int) []treekit.Cut {
	out := make([]treekit.Cut, len(used))
	for i, c := range used {
		out[i] = cuts[c]
	}
	return out
}
