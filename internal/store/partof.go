package store

import "math/bits"

// PartOf returns the partition that holds a customer's rows, whether or not there are any.
func (s *Snapshot) PartOf(customer string) int {
	hash := customerHash([]byte(customer))
	return int(hash >> (64 - bits.TrailingZeros(uint(s.NParts()))))
}
