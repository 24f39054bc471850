package ladder

import (
	"math"

	"kequn/internal/kernel"
	"kequn/internal/model"
)

// enough is the number of rows from which calibrations and blends are chosen: their few numbers are as good as from all rows,
// in a bounded time.
const enough = 50_000

// setHash prepares the choice of rows in large tables. It follows from the rows' values, not from their order.
func (r *Result) setHash() {
	if r.in.X.NRows() > enough {
		_, inputs, _ := model.Inputs(r.in.X, nil)
		if len(inputs.Columns) > 0 {
			r.hash = model.RowHash(inputs, kernel.Mix(r.o.Seed+3))
		}
	}
}

// enoughOf returns a test that keeps about enough of n rows: all where there are no more.
func (r *Result) enoughOf(n int) func(row int32) bool {
	if n <= enough || r.hash == nil {
		return func(int32) bool { return true }
	}
	limit := uint64(float64(enough) / float64(n) * math.MaxUint64)
	return func(row int32) bool { return r.hash[row] <= limit }
}
