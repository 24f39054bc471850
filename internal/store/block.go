package store

import (
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// block is some rows of a dataset on their way through sorting: a chunk of the buffer, a piece of a spilled run, or rows
// of a part that is being rewritten. Columns that all rows lack are nil.
type block struct {
	n      int
	cust   *table.Column // nil where rows belong to nobody
	hash   []uint64      // of each text of cust.Dict
	time   []int64
	known  []int64 // nil: see knownOf
	seq    []int64 // nil: first, first+1 …
	first  int64
	gone   []int64
	id     *table.Column
	fields []*table.Column // in the layout's order
	clear  []*table.Column // likewise
}

func (b *block) seqOf(r int) int64 {
	if b.seq == nil {
		return b.first + int64(r)
	}
	return b.seq[r]
}

func (b *block) timeOf(r int) int64 {
	if b.time == nil {
		return 0
	}
	return b.time[r]
}

func (b *block) goneOf(r int) bool { return b.gone != nil && b.gone[r] != 0 }

// hashOf returns the customer's hash of a row, 0 where rows belong to nobody.
func (b *block) hashOf(r int) uint64 {
	if b.cust == nil {
		return 0
	}
	return b.hash[b.cust.Code[r]]
}

func (b *block) custOf(r int) []byte {
	if b.cust == nil {
		return nil
	}
	return b.cust.Dict.Bytes(int(b.cust.Code[r]))
}

// hashCustomers computes hash.
func (b *block) hashCustomers() {
	b.hash = nil
	b.hashNew()
}

// hashNew computes the hashes of customers that came since.
func (b *block) hashNew() {
	if b.cust == nil {
		return
	}
	was, n := len(b.hash), b.cust.Dict.Len()
	b.hash = slices.Grow(b.hash, n-was)[:n]
	for i := was; i < n; i++ {
		b.hash[i] = customerHash(b.cust.Dict.Bytes(i))
	}
}

// contents hashes what rows say, to tell a repeated row from a changed one: all columns but the known-at one. The hash is
// keyed by a random seed of the load; each text of a dictionary is hashed once.
type contents struct {
	seed  uint64
	texts map[*table.Dict][]uint64
	slots []textSlot // the dictionary last seen in each column, to spare the map
}

type textSlot struct {
	dict *table.Dict
	of   []uint64
}

func newContents(seed uint64) *contents {
	return &contents{seed: seed, texts: map[*table.Dict][]uint64{}}
}

// forget drops what is remembered of dictionaries.
func (c *contents) forget() {
	clear(c.texts)
	c.slots = nil
}

// drop forgets one dictionary, whose memory may serve another.
func (c *contents) drop(d *table.Dict) {
	delete(c.texts, d)
	for i := range c.slots {
		if c.slots[i].dict == d {
			c.slots[i] = textSlot{}
		}
	}
}

const missingHash = 0x9ae16a3b2f90404f // any number that no value is likely to hash to

// text hashes a text of the column in a slot.
func (c *contents) text(slot int, d *table.Dict, code int32) uint64 {
	if code < 0 {
		return missingHash
	}
	for slot >= len(c.slots) {
		c.slots = append(c.slots, textSlot{})
	}
	s := &c.slots[slot]
	if s.dict != d {
		s.dict, s.of = d, c.texts[d]
	}
	if int(code) >= len(s.of) {
		s.of = append(s.of, make([]uint64, d.Len()-len(s.of))...)
		c.texts[d] = s.of
	}
	if s.of[code] == 0 {
		s.of[code] = kernel.Hash64(c.seed, d.Bytes(int(code))) | 1
	}
	return s.of[code]
}

// row hashes one row: customer, time and all fields. Rows are compared with others of the same id only, or have none.
func (c *contents) row(b *block, r int) uint64 {
	h := kernel.Mix(c.seed ^ uint64(b.timeOf(r)))
	if b.cust != nil {
		h = kernel.Mix(h ^ c.text(0, b.cust.Dict, b.cust.Code[r]))
	}
	for i, f := range b.fields {
		h = kernel.Mix(h ^ c.value(i+1, f, r))
	}
	return h
}

func (c *contents) value(slot int, f *table.Column, r int) uint64 {
	switch {
	case f == nil || f.IsMissing(r):
		return missingHash
	case f.Kind == table.Number:
		return math.Float64bits(f.Num[r] + 0) // −0 is 0
	case f.Kind.InInt():
		return uint64(f.Int[r])
	}
	return c.text(slot, f.Dict, f.Code[r])
}
