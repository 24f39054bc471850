package additive

import (
	"math"

	"kequn/internal/kernel"
)

// rows are the training rows, those of weight 0 left out, sorted by part: rows from[f] … from[f+1]−1 are part f. Which part
// a row is in depends on its values and the seed only. Bag b trains on all parts but part b.
type rows struct {
	n      int
	from   []int
	source []int32 // the row of the table
	y      []float64

	// Weights enter gradients as whole factors, so that weight 2 is exactly the row twice, or where they are not small
	// whole numbers as shares of the largest. Both nil: all 1.
	times []int64
	share []float32

	// The same as multiples of unit, to add them up in any order.
	units []uint64
	unit  float64
	total float64 // Σ weights
	most  float64 // the largest weight
}

const smallWeight = 8 // whole weights up to this are factors

var forParts = kernel.ID("additive: parts")

func sortRows(hash []uint64, y, w []float64, n, parts int) *rows {
	r := &rows{n: n, from: make([]int, parts+1), source: make([]int32, n), y: make([]float64, n), unit: 1, total: float64(n), most: 1}
	part := make([]int32, len(y))
	for i := range part {
		part[i] = -1
		if w == nil || w[i] > 0 {
			part[i] = int32(kernel.Mix(hash[i]^forParts) % uint64(parts))
			r.from[part[i]+1]++
		}
	}
	for f := range parts {
		r.from[f+1] += r.from[f]
	}
	next := append([]int(nil), r.from[:parts]...)
	for i, f := range part {
		if f >= 0 {
			r.source[next[f]], r.y[next[f]] = int32(i), y[i]
			next[f]++
		}
	}
	if w != nil {
		r.weigh(kernel.Take(w, r.source))
	}
	return r
}

func (r *rows) weigh(w []float64) {
	whole, ones := true, true
	r.most = 0
	for _, v := range w {
		whole = whole && v == math.Trunc(v) && v <= smallWeight
		ones = ones && v == 1
		r.most = max(r.most, v)
	}
	if ones {
		return
	}
	if whole {
		r.times = make([]int64, r.n)
	} else {
		r.share = make([]float32, r.n)
		_, e := math.Frexp(r.most)
		r.unit = math.Ldexp(1, max(e-40, -1022))
	}
	r.units = make([]uint64, r.n)
	var sum uint64
	for i, v := range w {
		r.units[i] = uint64(math.RoundToEven(v / r.unit))
		sum += r.units[i]
		if whole {
			r.times[i] = int64(v)
		} else {
			r.share[i] = float32(v / r.most)
		}
	}
	r.total = float64(sum) * r.unit
}

// weight returns the weight of row i.
func (r *rows) weight(i int) float64 {
	if r.units == nil {
		return 1
	}
	return float64(r.units[i]) * r.unit
}
