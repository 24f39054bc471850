package tree

import (
	"context"
	"math"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// ForestFamily is the name of the forest's family in model files.
const ForestFamily = "forest"

// Forest grows many deep trees, each on its own draw of the rows, and averages what they say.
type Forest struct {
	Trees     int     `param:"default=300,min=1,max=10000,alias=n_estimators" doc:"how many trees"`
	MinLeaf   float64 `param:"default=5,min=1,max=1e9,alias=min_samples_leaf" doc:"the least draws in a leaf"`
	MaxDepth  int     `param:"default=60,min=1,max=200,alias=max_depth" doc:"the most questions from the root to a leaf"`
	Columns   int     `param:"default=0,min=0,max=1000000,alias=max_features" doc:"columns that a question is chosen from; 0: the root of their number, for amounts a third"`
	Smoothing float64 `param:"default=0,min=0,max=1e9" doc:"draws of the parent's estimate that a node's own is pulled to; 0 lets rows out of bag choose"`
	Seed      uint64  `param:"default=0" doc:"seed of the draws of rows and columns"`

	Threads int // 0: all processors
}

// Name returns "forest".
func (Forest) Name() string { return ForestFamily }

// Fit returns the forest. See [Forest] and [model.Learner].
func (l Forest) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	began := time.Now()
	l, params, err := model.Resolve(l)
	if err != nil {
		return nil, err
	}
	switch y.Task {
	case kequn.Binary, kequn.Regression, kequn.Multiclass:
	default:
		return nil, model.ErrTask
	}
	rows, err := model.Check(x, y, w)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cols, inputs, notes := model.Inputs(x, w)
	if len(cols) == 0 {
		return nil, model.ErrNoColumn
	}
	b := newBag(inputs, y, w, l)
	trees, judged, err := b.growAll(ctx, l)
	if err != nil {
		return nil, err
	}
	m := &ForestModel{h: model.Header{Family: ForestFamily, Version: 1, Task: y.Task, Classes: y.Classes, Columns: cols, Params: params, Rows: rows, Notes: notes}}
	var smoothing float64
	smoothing, m.link, m.facts = judged.choose(b)
	for i := range params {
		if params[i].Name == "smoothing" {
			params[i].Value = smoothing
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
	m.h.Seconds = time.Since(began).Seconds()
	return m, nil
}

// growAll grows the trees and asks them for the rows that they did not draw.
func (b *bag) growAll(ctx context.Context, l Forest) ([]sapling, *unseen, error) {
	nTry := l.Columns
	switch {
	case nTry > 0:
	case b.task == kequn.Regression:
		nTry = b.nCols / 3
	default:
		nTry = int(math.Sqrt(float64(b.nCols)))
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
			w.add(b, &trees[tree], w.thicket.times)
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
