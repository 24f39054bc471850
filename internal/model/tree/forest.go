package tree

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// ForestFamily is the name of the forest's family in model files.
const ForestFamily = "forest"

// Forest is a random forest: the mean of many deep trees, each grown on its own draw of the rows, each question the best of a few
// columns drawn for it. With Extra, borders are drawn too, one a column (extremely randomised trees).
//
// Draws: a row of weight w is drawn a Poisson number of times with mean w, by a hash of its values; equal rows are one row of the
// sum of their weights. Weights that are small on average are scaled up so that as much is drawn as there are different rows; on
// large tables a tree draws 200,000 rows on average.
//
// Growing: numbers are cut into at most 255 bins and a node looks for the border that lowers the squared loss of the draws most
// (two or more classes: the Gini loss), half-way between neighbouring bins that have rows. The levels of a category are put in order of
// their mean outcome (several classes: along the direction in which shares differ most), and asked like numbers: once for all trees where
// levels have many rows; else for each tree by the rows that it did not draw, so that no row is told its own outcome. Missing values go to
// the side where they lower the loss more; where a node has none, with most rows.
//
// Leaves: a node's estimate is (Σy + m·v)/(draws + m), v being its parent's estimate. The smoothing m is the one for which rows
// out of bag (asked of the trees that did not draw them) have the least loss: near 0 where the outcome follows the columns closely, 150
// where it is mostly chance. On the same rows the mean probability p is calibrated, to the margin a·log(p/(1−p)) + b; with several
// classes to a·log(p_c).
//
// Time is O(trees·n·log n·columns drawn); memory 1 byte a value, 40 bytes a row and thread, and about 70 bytes a leaf. Trees
// have at most 20,000 leaves: on large tables MinLeaf is raised to draws/20,000. Contributions take O(leaves·depth) a row.
//
// Reference: Breiman, Random Forests (2001); Geurts, Ernst, Wehenkel, Extremely Randomized Trees (2006); Wright, König, Splitting on
// Categorical Predictors in Random Forests (2019); Agarwal et al., Hierarchical Shrinkage (2022).
type Forest struct {
	Trees     int     `param:"default=250,min=1,max=10000,alias=n_estimators" doc:"how many trees"`
	MinLeaf   float64 `param:"default=5,min=1,max=1e9,alias=min_samples_leaf" doc:"the least draws in a leaf"`
	MaxDepth  int     `param:"default=60,min=1,max=200,alias=max_depth" doc:"the most questions from the root to a leaf"`
	Columns   int     `param:"default=0,min=0,max=1000000,alias=max_features" doc:"columns that a question is chosen from; 0: 1.5 times the root of their number, for amounts a third, for extra trees half"`
	Extra     bool    `param:"default=0" doc:"extremely randomised trees: a border a column is drawn, not searched"`
	Smoothing float64 `param:"default=0,min=0,max=1e9" doc:"draws of the parent's estimate that a node's own is pulled to; 0 lets rows out of bag choose"`
	Seed      uint64  `param:"default=0" doc:"seed of the draws of rows, columns and borders"`

	Threads int // 0: all processors
}

// mostLeaves bounds the leaves of a tree: on large tables the least leaf is a share of the draws. Five million leaves of 250 trees take
// about 350 MB; smoothing has long made leaves of so few rows say little of their own.
const mostLeaves = 20_000

// Name returns "forest".
func (Forest) Name() string { return ForestFamily }

// Fit returns the forest. See [Forest] and [model.Learner].
func (l Forest) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	l, start, err := model.Begin(ctx, l, x, y, w)
	if err != nil {
		return nil, err
	}
	cols, inputs, notes := model.Inputs(x, w)
	if len(cols) == 0 {
		return nil, model.ErrNoColumn
	}
	b := newBag(inputs, y, w, l)
	l.MinLeaf = max(l.MinLeaf, b.rate*b.total/mostLeaves)
	trees, judged, err := b.growAll(ctx, l)
	if err != nil {
		return nil, err
	}
	m := &ForestModel{h: start.Header(1, cols, notes)}
	var smoothing float64
	smoothing, m.link, m.facts = judged.choose(b)
	for i := range start.Params {
		switch start.Params[i].Name {
		case "smoothing":
			start.Params[i].Value = smoothing
		case "min_leaf":
			start.Params[i].Value = l.MinLeaf
		}
	}
	base := make([]float64, b.k)
	if y.Task == kequn.Regression {
		base[0] = b.centre
	}
	m.trees = treekit.NewEnsemble(b.cuts, base)
	m.trees.Trees = make([]treekit.Tree, l.Trees)
	kernel.Parallel(l.Trees, l.Threads, 1, func(i, _ int) {
		m.trees.Trees[i] = trees[i].plant(b, smoothing, 1/float64(l.Trees))
		trees[i] = sapling{}
	})
	m.h.Seconds = start.Seconds()
	return m, nil
}

// growAll grows the trees and asks them for the rows that they did not draw.
func (b *bag) growAll(ctx context.Context, l Forest) ([]sapling, *unseen, error) {
	nTry := l.Columns
	switch {
	case nTry > 0:
	case l.Extra:
		nTry = (b.nCols + 1) / 2
	case b.task == kequn.Regression:
		nTry = (b.nCols + 2) / 3
	default:
		nTry = int(math.Round(1.5 * math.Sqrt(float64(b.nCols))))
	}
	nTry = max(1, min(nTry, b.nCols))
	pulls := forestPulls
	if l.Smoothing > 0 {
		pulls = []float64{l.Smoothing}
	}
	judges := newUnseen(b, pulls)
	trees := make([]sapling, l.Trees)
	errs := make([]error, l.Trees)
	type worker struct {
		*thicket
		*unseen
	}
	workers := make([]worker, kernel.Threads(l.Threads))
	kernel.Workers(l.Trees, l.Threads, 1, func(i, tree, _, _ int) {
		if workers[i].thicket == nil {
			workers[i] = worker{newThicket(b, l, nTry), judges.fresh()}
		}
		w := workers[i]
		if errs[tree] = w.grow(ctx, tree); errs[tree] == nil {
			trees[tree] = w.take()
			w.add(w.thicket, &trees[tree])
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, nil, err
		}
	}
	judged := judges.fresh()
	for _, w := range workers {
		if w.unseen != nil {
			judged.join(w.unseen)
		}
	}
	return trees, judged, nil
}
