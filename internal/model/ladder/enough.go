package ladder

import (
	"math"

	"kequn/internal/kernel"
	"kequn/internal/model"
)

// enough is the number of rows from which calibrations and blends are chosen: their few numbers are as good as from all rows,
// in a bounded time.
const enough = 50_000

// innerRows is how many rows a model is trained on whose scores only choose and calibrate: more make it better, but hardly
// change how its scores relate to the outcomes and which family wins.
const innerRows = 40_000

// setHash prepares the choice of rows. It follows from the rows' values, not from their order.
func (r *Result) setHash() {
	if r.in.Group != nil && r.in.X.NRows() <= min(enough, innerRows) && len(r.Plan.Heats) == 0 {
		return
	}
	_, inputs, _ := model.TextInputs(r.in.X, nil)
	if len(inputs.Columns) > 0 {
		r.hash = model.RowDraw(inputs, r.in.Y, r.in.W, kernel.Mix(r.o.Seed+3))
	}
}

// key is a number of the row that follows from its values, or from whose row it is.
func (r *Result) key(row int32) uint64 {
	switch {
	case r.in.Group != nil:
		return kernel.Mix(uint64(r.in.Group[row]))
	case r.hash != nil:
		return r.hash[row]
	}
	return kernel.Mix(uint64(row)) // no columns: nothing else tells rows apart
}

// enoughOf returns a test that keeps about enough of n rows: all where there are no more.
func (r *Result) enoughOf(n int) func(row int32) bool {
	if n <= enough || r.hash == nil {
		return func(int32) bool { return true }
	}
	limit := uint64(float64(enough) / float64(n) * math.MaxUint64)
	return func(row int32) bool { return r.hash[row] <= limit }
}

// thin keeps about innerRows of the rows that an inner part trains on, those of one group together.
func (r *Result) thin(rows []int32) []int32 { return r.draw(rows, innerRows, 4) }
