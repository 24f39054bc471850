package store

import (
	"bytes"

	"kequn/internal/kernel"
)

// Every dataset is kept in one order: by (hash of the customer, customer, event time, known-at, sequence). Partitions are
// stretches of the range of hashes, so the order of rows does not depend on how many there are:
//
//	0 ────────────── hash ──────────────▸ 2⁶⁴
//	│   partition 0 of 2    │   1 of 2    │        customers, a small dataset
//	│ 0 of 4   │  1 of 4    │ 2   │   3   │        orders, a larger one
//
// Ranges are counted in 256ths, the most partitions a dataset may have.
const maxPartitions = 256

// hashSeed is part of the format: changing it would misplace every customer.
const hashSeed = 0x6b657175_6e2d3031

func customerHash(id []byte) uint64 { return kernel.Hash64(hashSeed, id) }

// bounds returns the hashes [from, to) of a range of 256ths; a to of 0 is the end of the range.
func bounds(from, to int) (uint64, uint64) { return uint64(from) << 56, uint64(to) << 56 }

// partitionCount chooses how many partitions a dataset of a first load gets: about 300,000 rows or 64 MB each, and a few
// even when small, so that several processors have work.
func partitionCount(rows, bytes int64) int {
	n := 1
	for n < maxPartitions && (rows > int64(n)*400_000 || bytes > int64(n)<<26) {
		n *= 2
	}
	switch {
	case rows >= 100_000:
		n = max(n, 4)
	case rows >= 20_000:
		n = max(n, 2)
	}
	return n
}

// deltaCount chooses how many files a further load is cut into: one while it is small, never more than there are
// partitions.
func deltaCount(rows int64, partitions int) int {
	n := 1
	for n < partitions && rows > int64(n)*groupRows {
		n *= 2
	}
	return n
}

// compareCustomers orders customers: by hash, and where two share one, by text.
func compareCustomers(ha, hb uint64, a, b []byte) int {
	switch {
	case ha < hb:
		return -1
	case ha > hb:
		return 1
	}
	return bytes.Compare(a, b)
}
