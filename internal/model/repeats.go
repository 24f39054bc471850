package model

import (
	"cmp"
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// A table of a few categories has few different rows, each of them many times. Drawn by [RowHash], all copies of a row would be
// held out together, and whoever is judged on them has never seen their level: nothing would seem worth learning. There each copy
// has a draw of its own. Tables of mostly different rows keep to RowHash, since a copy on both sides tells its outcome.
const (
	manyCopies  = 5   // copies from which a row is one of many
	leastMany   = 0.5 // share of the table that such rows make up at least
	leastMixed  = 0.1 // of those, the share whose copies differ in their outcome; with less they are copies of a record, made by a join or to balance classes
	fewRows     = 50  // different rows up to which that does not matter: each is a level, not a record
	mostPieces  = 1 << 17
	wholeWeight = 1 << 52
)

var forCopies = kernel.ID("model: copies of a row")

// RowDraw is [RowHash] with a number of its own for each copy of a row where the table repeats much: at least half of the weight of
// rows is on rows of 5 or more copies, and these are not plain duplicates (of a tenth of them, copies differ in the outcome, or
// the table has 50 different rows at most). Copies are told apart by outcome, then by weight; which draw a copy gets is chance. Equal rows of
// equal outcome and weight are interchangeable, so that the order of rows still does not matter. Rows of weight 0 keep their hash.
//
// A row of weight 2 has one draw, its two copies have two: learners want [Spread]. Cost is O(n), and O(n·log n) if the table repeats.
func RowDraw(inputs *table.Table, y Outcome, w []float64, seed uint64) []uint64 {
	hash := RowHash(inputs, seed)
	if !repeats(hash, y.Y, w) {
		return hash
	}
	partCopies(hash, sorted(hash, y.Y, w))
	return hash
}

// Spread returns the rows as learners that hold rows back train on them, and the draw of each: the arguments and [RowHash] as they are,
// unless the table repeats much ([RowDraw]). Then rows of weight 0 are left out, the others are sorted by their hash and outcome, and of whole
// weights equal rows are joined and cut into pieces of weight 1 (of more in a table of more than 131,072), each with
// its own draw: a row of weight 2 is the row twice. Rows of other weights are pieces as they are.
func Spread(inputs *table.Table, y Outcome, w []float64, seed uint64) (*table.Table, Outcome, []float64, []uint64) {
	x, y, w, draw := SpreadTo(mostPieces, inputs, y, w, seed)
	if x == nil {
		x = inputs
	}
	return x, y, w, draw
}

// SpreadTo is [Spread] into about most pieces at most for learners that do something else where the table does not repeat much: then it returns a nil table and
// the rest as [Spread] does.
func SpreadTo(most int, inputs *table.Table, y Outcome, w []float64, seed uint64) (*table.Table, Outcome, []float64, []uint64) {
	hash := RowHash(inputs, seed)
	if !repeats(hash, y.Y, w) {
		return nil, y, w, hash
	}
	rows := sorted(hash, y.Y, w)
	weights := kernel.Take(w, rows)
	if whole(w) {
		rows, weights = pieces(float64(most), rows, hash, y.Y, w)
	}
	draw, order := kernel.Take(hash, rows), make([]int32, len(rows))
	for k := range order {
		order[k] = int32(k)
	}
	partCopies(draw, order)
	return inputs.Take(rows), y.Take(rows), weights, draw
}

// repeats tells whether few different rows make up most of the table. It counts a row of a whole weight as so many rows.
func repeats(hash []uint64, y, w []float64) bool {
	type kind struct {
		hash   uint64
		copies float64
		first  float64
		mixed  bool
	}
	counts := whole(w)
	size := 1
	for size < 2*len(hash) {
		size *= 2
	}
	slots := make([]int32, size)
	var kinds []kind
	total := 0.0
	for i, h := range hash {
		copies := 1.0
		if w != nil {
			switch {
			case w[i] == 0:
				continue
			case counts:
				copies = w[i]
			}
		}
		total += copies
		at := int(h) & (size - 1)
		for slots[at] != 0 && kinds[slots[at]-1].hash != h {
			at = (at + 1) & (size - 1)
		}
		if slots[at] == 0 {
			kinds = append(kinds, kind{hash: h, first: y[i]})
			slots[at] = int32(len(kinds))
		}
		k := &kinds[slots[at]-1]
		k.copies += copies
		k.mixed = k.mixed || y[i] != k.first
	}
	many, mixed := 0.0, 0.0
	for _, k := range kinds {
		if k.copies >= manyCopies {
			many += k.copies
			if k.mixed {
				mixed += k.copies
			}
		}
	}
	return len(kinds) > 1 && many >= leastMany*total && (len(kinds) <= fewRows || mixed >= leastMixed*many)
}

// whole tells whether weights are counts, few enough to be added up without rounding.
func whole(w []float64) bool {
	sum := 0.0
	for _, v := range w {
		sum += v
		if v != math.Trunc(v) {
			return false
		}
	}
	return sum <= wholeWeight
}

// sorted returns the rows of weight > 0 by hash, outcome and weight.
func sorted(hash []uint64, y, w []float64) []int32 {
	rows := make([]int32, 0, len(hash))
	for i := range hash {
		if w == nil || w[i] > 0 {
			rows = append(rows, int32(i))
		}
	}
	slices.SortStableFunc(rows, func(a, b int32) int {
		if c := cmp.Compare(hash[a], hash[b]); c != 0 {
			return c
		}
		if c := cmp.Compare(y[a], y[b]); c != 0 || w == nil {
			return c
		}
		return cmp.Compare(w[a], w[b])
	})
	return rows
}

// pieces joins sorted rows of equal hash and outcome and cuts them into at most limit pieces (or one each, if they are more). It returns the
// row that each piece is one of, and its weight: nil if all are 1.
func pieces(limit float64, rows []int32, hash []uint64, y, w []float64) (out []int32, weights []float64) {
	same := func(a, b int32) bool { return hash[a] == hash[b] && y[a] == y[b] }
	different, total := 0, 0.0
	for k, i := range rows {
		if k == 0 || !same(i, rows[k-1]) {
			different++
		}
		total += weightAt(w, i)
	}
	most := total
	if total > limit {
		most = max(1, math.Floor(limit/float64(different)))
	}
	ones := true
	for from := 0; from < len(rows); {
		to, sum := from, 0.0
		for to < len(rows) && same(rows[to], rows[from]) {
			sum += weightAt(w, rows[to])
			to++
		}
		n := min(sum, most)
		each := math.Floor(sum / n)
		more := sum - each*n // pieces that are heavier by 1
		for p := 0.0; p < n; p++ {
			v := each
			if p < more {
				v++
			}
			ones = ones && v == 1
			out, weights = append(out, rows[from]), append(weights, v)
		}
		from = to
	}
	if ones {
		weights = nil
	}
	return out, weights
}

func weightAt(w []float64, i int32) float64 {
	if w == nil {
		return 1
	}
	return w[i]
}

// partCopies gives each copy of a row, which lie together in rows, a draw of its own; the first keeps the row's, and so does a row of few
// copies: nothing is gained by parting them.
func partCopies(hash []uint64, rows []int32) {
	for from := 0; from < len(rows); {
		h, to := hash[rows[from]], from
		for to < len(rows) && hash[rows[to]] == h {
			to++
		}
		if to-from >= manyCopies {
			for k, i := range rows[from:to] {
				if k > 0 {
					hash[i] = kernel.Mix(h ^ kernel.Mix(forCopies+uint64(k)))
				}
			}
		}
		from = to
	}
}
