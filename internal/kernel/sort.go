package kernel

import (
	"math"
	"slices"
)

// Argsort returns the rows of v in increasing order of value; equal values (and −0 and 0) keep their order, NaN comes last.
// Values already in order are noticed in one pass. v holds fewer than 2³¹ values.
//
// A stable radix sort by 11-bit digits that skips digits in which all values agree: about 30 ms a million random scores,
// 36 bytes a row while it runs.
func Argsort(v []float64) []int32 { return argsort(v, 0) }

// ArgsortDesc returns the rows of v in decreasing order of value; equal values keep their order, NaN comes first.
func ArgsortDesc(v []float64) []int32 { return argsort(v, math.MaxUint64) }

// orderKey maps floats to integers of the same order.
func orderKey(x float64) uint64 {
	if x != x {
		return math.MaxUint64
	}
	b := math.Float64bits(x + 0) // −0 becomes 0
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

type keyed struct {
	key uint64
	row int32
}

const (
	digitBits = 11
	nDigits   = 6
	radix     = 1 << digitBits
)

func argsort(v []float64, flip uint64) []int32 {
	n := len(v)
	if n > math.MaxInt32 {
		panic(errRange)
	}
	order := make([]int32, n)
	from := make([]keyed, n)
	sorted, last := true, uint64(0)
	for i, x := range v {
		k := orderKey(x) ^ flip
		sorted = sorted && k >= last
		last = k
		from[i] = keyed{k, int32(i)}
	}
	switch {
	case sorted:
	case n < 512:
		slices.SortStableFunc(from, func(a, b keyed) int {
			if a.key < b.key {
				return -1
			}
			if a.key > b.key {
				return 1
			}
			return 0
		})
	default:
		from = radixSort(from)
	}
	for i := range from {
		order[i] = from[i].row
	}
	return order
}

func radixSort(from []keyed) []keyed {
	var counts [nDigits][radix]int32
	for i := range from {
		k := from[i].key
		counts[0][k&(radix-1)]++
		counts[1][k>>11&(radix-1)]++
		counts[2][k>>22&(radix-1)]++
		counts[3][k>>33&(radix-1)]++
		counts[4][k>>44&(radix-1)]++
		counts[5][k>>55]++
	}
	to := make([]keyed, len(from))
	for d := range nDigits {
		shift := d * digitBits
		count := &counts[d]
		if count[from[0].key>>shift&(radix-1)] == int32(len(from)) {
			continue // all agree
		}
		start := int32(0)
		for i, c := range count {
			count[i] = start
			start += c
		}
		for i := range from {
			slot := &count[from[i].key>>shift&(radix-1)]
			to[*slot] = from[i]
			*slot++
		}
		from, to = to, from
	}
	return from
}
