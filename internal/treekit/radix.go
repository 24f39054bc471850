package treekit

import (
	"math"
	"slices"
)

// sortedKeys returns the values of the rows that count as integers of the same order, sorted, missing ones left out.
//
// A radix sort by 11-bit digits which skips digits that are equal everywhere: about 12 ms a million values, 16 bytes a row.
func sortedKeys(v []float64, w weights) (keys []uint64, missing bool) {
	keys = make([]uint64, 0, w.n)
	for k := range w.n {
		x := v[w.row(k)]
		if x != x {
			missing = true
			continue
		}
		keys = append(keys, valueKey(x))
	}
	if len(keys) < 4096 {
		slices.Sort(keys)
		return keys, missing
	}
	return radixSort(keys), missing
}

const (
	digitBits = 11
	radix     = 1 << digitBits
	nDigits   = 6
)

func radixSort(from []uint64) []uint64 {
	var counts [nDigits][radix]uint32
	for _, k := range from {
		counts[0][k&(radix-1)]++
		counts[1][k>>11&(radix-1)]++
		counts[2][k>>22&(radix-1)]++
		counts[3][k>>33&(radix-1)]++
		counts[4][k>>44&(radix-1)]++
		counts[5][k>>55]++
	}
	var to []uint64
	for d := range nDigits {
		shift := d * digitBits
		count := &counts[d]
		if count[from[0]>>shift&(radix-1)] == uint32(len(from)) {
			continue // all agree
		}
		if to == nil {
			to = make([]uint64, len(from))
		}
		start := uint32(0)
		for i, c := range count {
			count[i] = start
			start += c
		}
		for _, k := range from {
			digit := k >> shift & (radix - 1)
			to[count[digit]] = k
			count[digit]++
		}
		from, to = to, from
	}
	return from
}

// valueKey maps numbers to integers of the same order; −0 is 0.
func valueKey(x float64) uint64 {
	b := math.Float64bits(x + 0)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

// keyValue is the inverse of valueKey.
func keyValue(k uint64) float64 {
	if k>>63 != 0 {
		return math.Float64frombits(k &^ (1 << 63))
	}
	return math.Float64frombits(^k)
}
