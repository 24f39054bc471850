package pipeline

import (
	"context"
	"slices"

	"kequn/internal/feature"
	"kequn/internal/model/gbdt"
	"kequn/internal/query"
	"kequn/internal/table"
)

// narrow leaves out of a goal's panel what adds nothing: constants, columns that say the same, and those that tell no more than
// chance in the rows that may be learnt from. The rows that judge are not looked at; where folds of the same cutoff judge one
// another there are none that only learn, and only constants and duplicates go.
func (s *Shop) narrow(ctx context.Context, t *study) error {
	if len(t.defs) != len(t.panel.X.Columns) {
		return nil
	}
	selector := feature.Selector{Seed: s.Seed, Threads: s.Threads}
	rows := t.onlyLearnt()
	if len(rows) > 0 {
		selector.Learner = gbdt.Learner{Trees: 60, Leaves: 15, Rate: .1, Bins: 63, RowShare: .8, ColumnShare: .5, MinRows: 20}
	} else {
		for i := range t.panel.NRows() {
			rows = append(rows, int32(i))
		}
	}
	chosen, err := selector.Select(ctx, t.panel.X, t.y, rows, t.group, t.defs)
	if err != nil {
		return err
	}
	if len(chosen.Kept) == 0 {
		return nil
	}
	var defs []query.Feature
	var columns []*table.Column
	for i, f := range t.defs {
		if slices.Contains(chosen.Kept, f.Name) {
			defs, columns = append(defs, f), append(columns, t.panel.X.Columns[i])
		}
	}
	t.defs, t.panel.X, t.selection = defs, &table.Table{Columns: columns}, chosen
	return nil
}

// onlyLearnt returns the rows that some round learns from and none judges by.
func (t *study) onlyLearnt() []int32 {
	const learns, judges = 1, 2
	use := make([]uint8, t.panel.NRows())
	for _, r := range t.rounds {
		for _, i := range r.Train {
			use[i] |= learns
		}
		for _, i := range r.Test {
			use[i] |= judges
		}
	}
	var out []int32
	for i, u := range use {
		if u == learns {
			out = append(out, int32(i))
		}
	}
	return out
}
