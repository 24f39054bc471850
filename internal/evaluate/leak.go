package evaluate

import (
	"context"
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Leak is a column that seems to know the outcome: what it says was perhaps written down after it.
type Leak struct {
	Column     string   `json:"column"`
	Reason     string   `json:"reason"` // alone, missing, vanishes, order
	Evidence   Text     `json:"evidence"`
	AUCWith    *float64 `json:"auc_with,omitempty"`    // of the probe model; R² for amounts
	AUCWithout *float64 `json:"auc_without,omitempty"` // without the column
}

// LeakProbe is what is probed.
type LeakProbe struct {
	X *table.Table
	Y model.Outcome // binary or regression
	W []float64

	// Learner is the model that is fitted with and without a suspect: quick and able to find what there is, such as a
	// small gbdt. Its models must know their importance. nil probes columns by themselves only.
	Learner model.Learner

	Seed    uint64
	Threads int
	MaxRows int // rows that are probed; 0: 20,000
}

// Limits of the probe.
const (
	aloneAUC  = 0.95 // one column alone tells this much: real customers are not that simple
	aloneR2   = 0.95
	knowsAUC  = 0.85 // a model that knows less than this has hardly seen the future
	knowsR2   = 0.8
	vanish    = 0.15 // share of what the model knows (AUC − ½, or R²) that goes with the column: honest columns share what they know
	mostWorth = 0.25 // share of importance from which on a column is worth a fit without it
	suspects  = 3    // columns that are tried so
	orderAUC  = 0.65 // what a running number may not know
)

// Leaks returns the columns that seem to know the outcome, worst first: those that alone order nearly all customers right, out of fold;
// those whose missing values do; those with which a large part of a model's accuracy vanishes; and running numbers that tell
// the outcome, for then the order of rows does.
//
// A finding is a question, not a proof: some columns are just good. Cost is O(n) per column and up to four fits on at most MaxRows rows.
func Leaks(ctx context.Context, p LeakProbe) ([]Leak, error) {
	if p.Y.Task != kequn.Binary && p.Y.Task != kequn.Regression {
		return nil, nil
	}
	if p.MaxRows <= 0 {
		p.MaxRows = 20_000
	}
	if _, err := model.Check(p.X, p.Y, p.W); err != nil {
		return nil, err
	}
	cols, inputs, _ := model.Inputs(p.X, p.W)
	if len(cols) == 0 {
		return nil, nil
	}
	p = p.sample(inputs)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_, inputs, _ = model.Inputs(p.X, p.W)
	hash := model.RowDraw(inputs, p.Y, p.W, kernel.Mix(p.Seed))
	found := make([]*Leak, len(inputs.Columns))
	alone := make([]float64, len(inputs.Columns))
	kernel.Parallel(len(inputs.Columns), p.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			alone[j], found[j] = p.column(inputs.Columns[j], hash)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []Leak
	var known = map[string]bool{}
	for _, j := range kernel.ArgsortDesc(alone) {
		if l := found[j]; l != nil {
			out = append(out, *l)
			known[l.Column] = true
		}
	}
	more, err := p.vanishing(ctx, hash, known)
	if err != nil {
		return nil, err
	}
	return append(out, more...), nil
}

// sample draws at most MaxRows rows by a hash of their values.
func (p LeakProbe) sample(inputs *table.Table) LeakProbe {
	n := p.X.NRows()
	if n <= p.MaxRows {
		return p
	}
	limit := uint64(float64(math.MaxUint64) * (float64(p.MaxRows) / float64(n)))
	var rows []int32
	for i, h := range model.RowDraw(inputs, p.Y, p.W, p.Seed) {
		if h <= limit {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) == 0 { // all rows are alike
		rows = []int32{0}
	}
	p.X, p.Y, p.W = p.X.Take(rows), p.Y.Take(rows), kernel.Take(p.W, rows)
	return p
}

// know returns how much the scores know: AUC or R².
func (p LeakProbe) know(score []float64) float64 {
	if p.Y.Task == kequn.Binary {
		return metric.AUC(p.Y.Y, score, p.W)
	}
	return metric.R2(p.Y.Y, score, p.W)
}

// column scores rows by the mean outcome of their bin in the other folds.
func (p LeakProbe) column(c *table.Column, hash []uint64) (know float64, leak *Leak) {
	bin, n := bins(c)
	know = p.know(outOfFold(bin, n, hash, p.Y.Y, p.W))
	limit := aloneAUC
	if p.Y.Task == kequn.Regression {
		limit = aloneR2
	}
	missing := make([]int32, len(bin))
	for i := range missing {
		if c.IsMissing(i) {
			missing[i] = 1
		}
	}
	byMissing := p.know(outOfFold(missing, 2, hash, p.Y.Y, p.W))
	figure := Text{fmt.Sprintf("AUC %.3f", know), fmt.Sprintf("AUC %.3f", know)}
	if p.Y.Task == kequn.Regression {
		figure = Text{fmt.Sprintf("R² %.3f", know), fmt.Sprintf("R² %.3f", know)}
	}
	switch {
	case byMissing >= limit:
		return know, &Leak{Column: c.Name, Reason: "missing", AUCWith: some(byMissing), Evidence: Text{
			"仅凭这一列有没有值就几乎能断定结果，它很可能是事后才填的。",
			"whether it has a value nearly decides the outcome: it was probably filled in afterwards.",
		}}
	case know >= limit:
		return know, &Leak{Column: c.Name, Reason: "alone", AUCWith: some(know), Evidence: Text{
			"仅凭这一列就几乎能断定结果（" + figure.Zh + "），它很可能在结果之后才知道。",
			"this column alone nearly decides the outcome (" + figure.En + "): it is probably known only afterwards.",
		}}
	case p.Y.Task == kequn.Binary && know >= orderAUC && runningNumber(c):
		return know, &Leak{Column: c.Name, Reason: "order", AUCWith: some(know), Evidence: Text{
			"这一列像是编号，却能看出结果（" + figure.Zh + "）：数据的排列顺序泄漏了结果。",
			"it looks like a running number, yet it tells the outcome (" + figure.En + "): the order of rows leaks it.",
		}}
	}
	return know, nil
}

// runningNumber tells whether the column holds whole numbers, all different and dense enough to have been counted.
func runningNumber(c *table.Column) bool {
	if c.Kind.InCode() || c.Len() < 50 {
		return false
	}
	order := kernel.Argsort(c.Num)
	for k, i := range order {
		v := c.Num[i]
		if v != math.Trunc(v) || math.IsInf(v, 0) || v != v || (k > 0 && c.Num[order[k-1]] == v) {
			return false
		}
	}
	return true
}

// vanishing fits the probe model with all columns and without each of the most important ones.
func (p LeakProbe) vanishing(ctx context.Context, hash []uint64, known map[string]bool) ([]Leak, error) {
	if p.Learner == nil {
		return nil, nil
	}
	// Columns that are caught already hide what the others do.
	var caught []string
	for _, c := range p.X.Columns {
		if known[c.Name] {
			caught = append(caught, c.Name)
		}
	}
	x := p.X.Drop(caught...)
	m, with, err := p.fit(ctx, x, hash)
	if err != nil || m == nil {
		return nil, err
	}
	a, ok := m.(model.Importancer)
	if !ok {
		return nil, nil
	}
	floor, much := 0.0, knowsR2
	if p.Y.Task == kequn.Binary {
		floor, much = 0.5, knowsAUC
	}
	if !(with >= much) {
		return nil, nil
	}
	share, cols := a.Importance(), m.Header().Columns
	var out []Leak
	for rank, j := range kernel.ArgsortDesc(share) {
		if rank == suspects || share[j] < mostWorth {
			break
		}
		_, without, err := p.fit(ctx, x.Drop(cols[j].Name), hash)
		if err != nil {
			return nil, err
		}
		gone := with - max(without, floor)
		if math.IsNaN(without) || gone < vanish*(with-floor) {
			continue
		}
		name := "AUC"
		if p.Y.Task == kequn.Regression {
			name = "R²"
		}
		out = append(out, Leak{Column: cols[j].Name, Reason: "vanishes", AUCWith: some(with), AUCWithout: some(without), Evidence: Text{
			fmt.Sprintf("去掉这一列，%s 从 %.3f 降到 %.3f：确认它在打分时已经知道。", name, with, without),
			fmt.Sprintf("without it the %s falls from %.3f to %.3f: make sure that it is known when scoring.", name, with, without),
		}})
	}
	return out, nil
}

// fit trains the probe model on two folds and returns what it knows of the third. It returns no model where it cannot.
func (p LeakProbe) fit(ctx context.Context, x *table.Table, hash []uint64) (model.Model, float64, error) {
	var train, test []int32
	for i, h := range hash {
		if h%nFolds == 0 {
			test = append(test, int32(i))
		} else {
			train = append(train, int32(i))
		}
	}
	if len(train) == 0 || len(test) == 0 {
		return nil, math.NaN(), nil
	}
	l := model.WithThreads(model.WithSeed(p.Learner, p.Seed), p.Threads)
	m, err := l.Fit(ctx, x.Take(train), p.Y.Take(train), kernel.Take(p.W, train))
	if err != nil {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		return nil, math.NaN(), nil // one class in the sample, no column left: nothing to probe
	}
	score, err := m.Predict(x.Take(test))
	if err != nil {
		return nil, 0, err
	}
	q := p
	q.Y, q.W = p.Y.Take(test), kernel.Take(p.W, test)
	return m, q.know(score), nil
}
