package linear

import (
	"context"
	"slices"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Path implements [model.Pather]: the models of an elastic net (of the lasso where L1 is not set) from the largest penalty to the
// one that Fit would choose, and a little beyond it. Of penalties with the same columns, the smallest stands for all, since its
// coefficients are shrunk least. The first step has no column at all.
//
// Cost is that of one Fit: the path is what Fit goes along.
func (l Learner) Path(ctx context.Context, x *table.Table, y model.Outcome, w []float64, most int) ([]model.PathStep, error) {
	if l.L1 == 0 {
		l.L1 = 1
	}
	l.L2 = 0
	f, err := l.prepare(ctx, x, y, w)
	if err != nil {
		return nil, err
	}
	if y.Task == kequn.Multiclass {
		return nil, model.ErrTask
	}
	s, err := f.problem.solveNet(ctx, f.Learner, f.draw)
	if err != nil {
		return nil, err
	}
	names, chosen := f.e.names(), len(s.path)-1
	for i, step := range s.path {
		if step.Lambda == s.l2 {
			chosen = i
		}
	}
	columns := make([][]string, len(s.path))
	var kept []int // steps that stand for their set of columns
	for i, step := range s.path {
		columns[i] = columnsOf(names, step.Beta)
		if n := len(kept); n > 0 && slices.Equal(columns[kept[n-1]], columns[i]) && kept[n-1] != chosen {
			kept[n-1] = i
		} else if i == chosen || n == 0 || !slices.Equal(columns[kept[n-1]], columns[i]) {
			kept = append(kept, i)
		}
	}
	kept = thin(kept, chosen, most)
	out := make([]model.PathStep, len(kept))
	width := f.problem.k * f.problem.q
	for i, at := range kept {
		one := *s
		one.path, one.raw, one.l2 = nil, nil, s.path[at].Lambda
		one.beta, one.text = s.raw[at][:width], s.raw[at][width:]
		m, err := f.model(&one)
		if err != nil {
			return nil, err
		}
		out[i] = model.PathStep{Penalty: one.l2, Columns: columns[at], Chosen: at == chosen, Model: m}
	}
	return out, nil
}

// columnsOf returns the columns with a coefficient that is not 0, by name.
func columnsOf(names []Coefficient, beta []float64) []string {
	out := []string{}
	for j, c := range names {
		if beta[j] != 0 {
			out = append(out, c.Column)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// thin leaves at most so many steps, the first, the chosen and the last among them.
func thin(steps []int, chosen, most int) []int {
	if most <= 0 || len(steps) <= most {
		return steps
	}
	most = max(most, 3)
	var out []int
	for i := range most - 1 { // one place is the chosen one's
		out = append(out, steps[i*(len(steps)-1)/(most-2)])
	}
	out = append(out, chosen)
	slices.Sort(out)
	return slices.Compact(out)
}
