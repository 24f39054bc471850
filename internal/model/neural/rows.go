package neural

import (
	"cmp"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// mostSpread is into how many rows those are cut that repeat much.
const mostSpread = 1 << 17

// data is the training rows in an order that depends on their values only.
type data struct {
	cols []model.Column
	x    *table.Table
	y    []float64
	w    []float64 // nil for all ones
}

// canonical sorts the rows of weight > 0 by the hash of their inputs and by outcome, and makes equal ones one row of their
// summed weight, unless there are few others ([model.Spread]).
func canonical(cols []model.Column, inputs *table.Table, y model.Outcome, w []float64) *data {
	// Where few different rows make up the table, rows merged into them would leave nothing to hold back.
	x, outcome, weights, hash := model.SpreadTo(mostSpread, inputs, y, w, 0)
	if x != nil {
		order := make([]int32, len(hash))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(hash[a], hash[b]) })
		return &data{cols: cols, x: x.Take(order), y: outcome.Take(order).Y, w: kernel.Take(weights, order)}
	}
	order := make([]int32, 0, len(hash))
	for i := range hash {
		if w == nil || w[i] > 0 {
			order = append(order, int32(i))
		}
	}
	weight := func(i int32) float64 {
		if w == nil {
			return 1
		}
		return w[i]
	}
	slices.SortFunc(order, func(a, b int32) int {
		if c := cmp.Compare(hash[a], hash[b]); c != 0 {
			return c
		}
		if c := cmp.Compare(y.Y[a], y.Y[b]); c != 0 {
			return c
		}
		return cmp.Compare(weight(a), weight(b)) // so that sums of weights have one order
	})
	rows, sums := order[:0:0], []float64(nil)
	plain := true
	for k, i := range order {
		if k > 0 {
			last := rows[len(rows)-1]
			if hash[i] == hash[last] && y.Y[i] == y.Y[last] && equalRows(inputs, i, last) {
				sums[len(sums)-1] += weight(i)
				plain = false
				continue
			}
		}
		rows, sums = append(rows, i), append(sums, weight(i))
		plain = plain && weight(i) == 1
	}
	if plain {
		sums = nil
	}
	return &data{cols: cols, x: inputs.Take(rows), y: y.Take(rows).Y, w: sums}
}

func equalRows(x *table.Table, a, b int32) bool {
	for _, c := range x.Columns {
		if c.Kind.InCode() {
			if c.Code[a] != c.Code[b] {
				return false
			}
		} else if v, u := c.Num[a], c.Num[b]; v != u && (v == v || u == u) {
			return false
		}
	}
	return true
}

func (d *data) weight(i int) float64 {
	if d.w == nil {
		return 1
	}
	return d.w[i]
}
