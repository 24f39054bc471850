package quality

import (
	"cmp"
	"slices"
	"strings"
)

// sample keeps the k values with the smallest hashes, each with its exact number of rows on both sides. With k values or
// fewer it holds all of them; else it is a fair draw of the different values, whatever their order and their frequency:
//
//	different values ≈ (k−1) · 2⁶⁴ / largest hash kept
//
// A value that is among the k smallest in the end was so all the time, so its count is exact, and merging samples of parts
// gives the sample of the whole.
type sample struct {
	k     int
	limit uint64 // hashes above it cannot be kept any more
	at    map[uint64]int32
	items []seen
	full  bool
}

// seen is one value of a sample.
type seen struct {
	hash uint64
	text string // "" where values are not to be known
	n    [2]int64
	low  uint64 // smallest and largest hash of the customers who have it
	high uint64
}

func (s *seen) rows() int64 { return s.n[0] + s.n[1] }

func newSample(k int) *sample {
	return &sample{k: k, limit: ^uint64(0), at: map[uint64]int32{}}
}

// add counts n rows of a value on a side. text may be a view of memory that will be written over.
func (s *sample) add(hash uint64, text string, n [2]int64, low, high uint64) {
	if hash > s.limit {
		return
	}
	if i, ok := s.at[hash]; ok {
		e := &s.items[i]
		e.n[0] += n[0]
		e.n[1] += n[1]
		e.low, e.high = min(e.low, low), max(e.high, high)
		return
	}
	s.at[hash] = int32(len(s.items))
	s.items = append(s.items, seen{hash, strings.Clone(text), n, low, high})
	if len(s.items) >= 2*s.k {
		s.prune()
	}
}

func (s *sample) prune() {
	slices.SortFunc(s.items, func(a, b seen) int { return cmp.Compare(a.hash, b.hash) })
	if len(s.items) > s.k {
		s.items, s.full = s.items[:s.k], true
		s.limit = s.items[s.k-1].hash
	}
	clear(s.at)
	for i := range s.items {
		s.at[s.items[i].hash] = int32(i)
	}
}

func (s *sample) merge(o *sample) {
	for i := range o.items {
		e := &o.items[i]
		s.add(e.hash, e.text, e.n, e.low, e.high)
	}
	if o.full {
		s.full = true
		s.limit = min(s.limit, o.limit)
	}
}

// done ends the counting: items are the sample, by hash.
func (s *sample) done() { s.prune() }

// exact tells whether the sample holds every value.
func (s *sample) exact() bool { return !s.full }

// distinct returns how many different values there are.
func (s *sample) distinct() float64 {
	if !s.full {
		return float64(len(s.items))
	}
	return float64(s.k-1) / (float64(s.limit) / (1 << 32) / (1 << 32))
}

// top returns the values with the most rows first, ties by text.
func (s *sample) top() []seen {
	out := slices.Clone(s.items)
	slices.SortFunc(out, func(a, b seen) int {
		return cmp.Or(cmp.Compare(b.rows(), a.rows()), cmp.Compare(a.text, b.text), cmp.Compare(a.hash, b.hash))
	})
	return out
}

// sums returns the rows of the values kept, by side.
func (s *sample) sums() (n [2]int64) {
	for i := range s.items {
		n[0] += s.items[i].n[0]
		n[1] += s.items[i].n[1]
	}
	return n
}
