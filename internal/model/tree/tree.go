// Package tree fits single decision trees that people can read.
//
// grow.go grows a tree on binned columns, split.go finds the best question, prune.go takes back what other rows do not
// confirm, and rules.go prints what is left.
package tree

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// Family is the name of the family in model files.
const Family = "tree"

// Learner grows a classification or regression tree (CART) and prunes it.
//
// Growing: the leaf whose best question lowers the training loss most is split next, until no question lowers it, or MaxLeaves
// is reached. The loss is the deviance −Σ wᵢ·log p(yᵢ) for classes, the sum of squares for amounts. A number is asked
// whether it is at most a border (of at most 255), a category whether it is one of a set: levels are put in order of
// their mean outcome and cut in two. Missing values go to the side where they lower the loss more.
//
// Pruning: of all subtrees that are best for some price α per leaf, the one with the least loss on held-out rows is kept (α by
// cross-validation over 5 parts of the rows, chosen by a hash of their values, so that their order does not matter).
// Prefer a smaller tree with OneSE: the smallest one within one standard error of the best.
//
// Leaf values are pulled toward those above them: a node's estimate is (Σw·y + m·v)/(Σw + m), v being its parent's estimate and
// m = Smoothing rows, so that a leaf of 20 rows without a positive one does not claim to be certain. m is chosen together
// with α. The margin of a probability is its log-odds.
//
// Time is O(n·c·depth) a tree and 6 trees with pruning; memory one byte a value and 24 a row.
//
// Reference: Breiman, Friedman, Olshen, Stone, Classification and Regression Trees (1984), chapters 3, 8 and 11; for the pull
// Agarwal et al., Hierarchical Shrinkage (2022).
type Learner struct {
	MaxDepth  int     `param:"default=10,min=1,max=60" doc:"the most questions from the root to a leaf"`
	MaxLeaves int     `param:"default=64,min=1,max=4096" doc:"the most leaves before pruning"`
	MinLeaf   float64 `param:"default=20,min=1e-9,max=1e12,alias=min_child_samples" doc:"the least weight of training rows in a leaf"`
	Smoothing float64 `param:"default=0,min=0,max=1e9" doc:"rows of the parent's estimate that a node's own is pulled to; 0 lets held-out rows choose"`
	NoPrune   bool    `param:"default=0" doc:"keep the tree as it was grown"`
	OneSE     bool    `param:"default=0" doc:"prune to the smallest tree within one standard error of the best"`
	Seed      uint64  `param:"default=0" doc:"seed of the parts of rows that pruning holds out"`

	Threads int // 0: all processors
}

// Name returns "tree".
func (Learner) Name() string { return Family }

// Fit returns the tree. See [Learner] and [model.Learner].
func (l Learner) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	l, start, err := model.Begin(ctx, l, x, y, w)
	if err != nil {
		return nil, err
	}
	if err := checkClasses(y, w); err != nil {
		return nil, err
	}
	cols, inputs, notes := model.Inputs(x, w)
	if len(cols) == 0 {
		return nil, model.ErrNoColumn
	}
	inputs, y, w, draw := model.Spread(inputs, y, w, l.Seed)
	s := newSample(inputs, y, w, l.Threads, 0)
	full, err := s.grow(ctx, l, s.rows)
	if err != nil {
		return nil, err
	}
	chosen, err := s.prune(ctx, l, full, draw)
	if err != nil {
		return nil, err
	}
	for i := range start.Params {
		if start.Params[i].Name == "smoothing" {
			start.Params[i].Value = chosen
		}
	}
	m := &Model{h: start.Header(1, cols, notes)}
	m.trees = s.ensemble(full, chosen)
	m.total = s.total
	m.sometimesMissing = make([]byte, len(cols))
	for c := range cols {
		if s.bins.Cuts[c].Missing {
			m.sometimesMissing[c] = 1
		}
	}
	m.h.Seconds = start.Seconds()
	return m, nil
}

// checkClasses refuses class numbers that have no name.
func checkClasses(y model.Outcome, w []float64) error {
	if y.Task != kequn.Multiclass {
		return nil
	}
	for i, v := range y.Y {
		if (w == nil || w[i] > 0) && (v < 0 || v >= float64(len(y.Classes)) || v != math.Trunc(v)) {
			return fmt.Errorf("tree: outcome of row %d is %v, want a class from 0 to %d", i, v, len(y.Classes)-1)
		}
	}
	return nil
}

// Model is a fitted tree.
type Model struct {
	h     model.Header
	trees *treekit.Ensemble // one tree, its leaves on the margin
	total float64           // weight of the training rows

	// sometimesMissing tells for each column whether a training row had no value, so that rules mention it.
	sometimesMissing []byte
}

// Header implements [model.Model].
func (m *Model) Header() model.Header { return m.h }

// NLeaves returns the number of leaves.
func (m *Model) NLeaves() int { return m.trees.Trees[0].NLeaves() }

// Margin implements [model.Marginer].
func (m *Model) Margin(x *table.Table) ([]float64, error) {
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return nil, err
	}
	return m.trees.Predict(in, 0), nil
}

// Predict implements [model.Model].
func (m *Model) Predict(x *table.Table) ([]float64, error) {
	out, err := m.Margin(x)
	if err != nil {
		return nil, err
	}
	toPredictions(m.h, out)
	return out, nil
}

// toPredictions turns margins into what the header's task predicts: probabilities, or the values they are.
func toPredictions(h model.Header, out []float64) {
	switch h.Task {
	case kequn.Binary:
		for i, v := range out {
			out[i] = logistic(v)
		}
	case kequn.Multiclass:
		k := h.NOut()
		for i := 0; i < len(out); i += k {
			softmax(out[i : i+k])
		}
	}
}

func logistic(m float64) float64 {
	if m < 0 {
		e := math.Exp(m)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-m))
}

func softmax(v []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, m := range v {
		top = max(top, m)
	}
	for c, m := range v {
		v[c] = math.Exp(m - top)
		sum += v[c]
	}
	kernel.Scale(1/sum, v)
}

// Attribute implements [model.Attributor]: the Shapley values of the path-dependent game on the margin.
func (m *Model) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	if class < 0 || class >= m.h.NOut() {
		return 0, nil, kequn.Errorf(kequn.KindUsage, "", "class %d of %d", class, m.h.NOut())
	}
	in, err := model.Match(m.h.Columns, x)
	if err != nil {
		return 0, nil, err
	}
	base, phi = m.trees.Attribute(in, class, 0)
	return base, phi, nil
}

// Importance implements [model.Importancer]: the share of each column in the loss that the tree's questions take away.
func (m *Model) Importance() []float64 { return m.trees.Importance() }

// Encode implements [model.Model].
func (m *Model) Encode(w io.Writer) error {
	var trees bytes.Buffer
	if err := m.trees.Encode(&trees); err != nil {
		return err
	}
	a := model.NewArrayWriter(w)
	a.Float64(m.total)
	a.Bytes(m.sometimesMissing)
	a.Bytes(trees.Bytes())
	return a.Err()
}

// Decode reads what Encode wrote.
func Decode(h model.Header, r io.Reader) (model.Model, error) {
	if err := h.UpTo(1); err != nil {
		return nil, err
	}
	a := model.NewArrayReader(r)
	m := &Model{h: h, total: a.Finite(), sometimesMissing: a.Bytes()}
	body := bytes.NewReader(a.Bytes())
	if err := a.End(); err != nil {
		return nil, err
	}
	trees, err := treekit.Decode(body)
	if err != nil {
		return nil, err
	}
	m.trees = trees
	if body.Len() > 0 || h.Version != 1 || !(m.total > 0) || len(m.sometimesMissing) != len(h.Columns) ||
		trees.NCols != len(h.Columns) || trees.NOut() != h.NOut() || len(trees.Trees) != 1 || trees.Trees[0].Width != h.NOut() {
		return nil, model.ErrArrays
	}
	for j, c := range h.Columns {
		if (c.Kind == table.Category) != (trees.Level[j] != nil) || len(trees.Level[j]) != len(c.Levels) {
			return nil, model.ErrArrays
		}
	}
	return m, nil
}
