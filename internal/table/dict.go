package table

import (
	"bytes"
	"hash/maphash"
	"slices"
	"unsafe"
)

// Dict numbers different texts 0, 1, 2 … in order of first appearance. It keeps all of them in one block of memory and
// finds them by open addressing, so that a million identifiers cost no million allocations.
//
// A Dict may be read by several goroutines at once, but not while one of them interns.
type Dict struct {
	data  []byte
	end   []int // end of text i in data
	slots []slot
	round uint32 // how often it was emptied
}

type slot struct {
	hash uint32
	code int32 // code+1; 0 is an empty slot
}

// seed only spreads slots; codes follow order of appearance, so results do not depend on it.
var seed = maphash.MakeSeed()

// NewDict returns an empty dictionary.
func NewDict() *Dict { return &Dict{} }

// DictOf returns a dictionary of the values in order. Equal values share the first one's number.
func DictOf(values ...string) *Dict {
	d := NewDict()
	for _, v := range values {
		d.InternString(v)
	}
	return d
}

// Len returns how many different texts there are.
func (d *Dict) Len() int { return len(d.end) }

// Bytes returns text i, which the caller must not change.
func (d *Dict) Bytes(i int) []byte {
	from := 0
	if i > 0 {
		from = d.end[i-1]
	}
	return d.data[from:d.end[i]:d.end[i]]
}

// At returns text i without copying it; it stays valid for as long as the string is used.
func (d *Dict) At(i int) string {
	b := d.Bytes(i)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Values returns a copy of all texts in order.
func (d *Dict) Values() []string {
	out := make([]string, d.Len())
	for i := range out {
		out[i] = string(d.Bytes(i))
	}
	return out
}

// InternString is Intern for a string.
func (d *Dict) InternString(s string) int32 {
	return d.Intern(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// Intern returns the number of b, adding a copy of it if it is new.
func (d *Dict) Intern(b []byte) int32 {
	if 4*(len(d.end)+1) > 3*len(d.slots) {
		d.grow()
	}
	h := uint32(maphash.Bytes(seed, b))
	mask := uint32(len(d.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		s := &d.slots[i]
		if s.code == 0 {
			d.data = append(d.data, b...)
			d.end = append(d.end, len(d.data))
			*s = slot{hash: h, code: int32(len(d.end))}
			return s.code - 1
		}
		if s.hash == h && bytes.Equal(d.Bytes(int(s.code-1)), b) {
			return s.code - 1
		}
	}
}

// Find returns the number of s, or -1 if the dictionary does not hold it.
func (d *Dict) Find(s string) int32 {
	if len(d.slots) == 0 {
		return -1
	}
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	h := uint32(maphash.Bytes(seed, b))
	mask := uint32(len(d.slots) - 1)
	for i := h & mask; d.slots[i].code != 0; i = (i + 1) & mask {
		if sl := d.slots[i]; sl.hash == h && bytes.Equal(d.Bytes(int(sl.code-1)), b) {
			return sl.code - 1
		}
	}
	return -1
}

func (d *Dict) grow() {
	d.slots = make([]slot, max(16, 2*len(d.slots)))
	mask := uint32(len(d.slots) - 1)
	for c := range d.end {
		h := uint32(maphash.Bytes(seed, d.Bytes(c)))
		i := h & mask
		for d.slots[i].code != 0 {
			i = (i + 1) & mask
		}
		d.slots[i] = slot{hash: h, code: int32(c + 1)}
	}
}

// Reset empties the dictionary and keeps its memory. Texts and codes taken from it before are no longer valid.
func (d *Dict) Reset() {
	d.data, d.end = d.data[:0], d.end[:0]
	clear(d.slots)
	d.round++
}

// Round tells how often the dictionary was emptied: what somebody remembers of its codes holds within one round only.
func (d *Dict) Round() uint32 { return d.round }

// Data returns all texts one after the other in one block, which the caller must not change.
func (d *Dict) Data() []byte { return d.data }

// Size returns how many bytes of memory the dictionary holds.
func (d *Dict) Size() int { return cap(d.data) + 8*cap(d.end) + 8*cap(d.slots) }

// Push adds b as the next text without looking whether it is there, which spares most of the cost where texts hardly
// repeat. Find and Intern must not be used on the dictionary afterwards.
func (d *Dict) Push(b []byte) int32 {
	d.data = append(d.data, b...)
	d.end = append(d.end, len(d.data))
	return int32(len(d.end) - 1)
}

// Grow makes room for n more texts of size bytes together, so that adding them by Push need not copy what is there.
func (d *Dict) Grow(n, size int) {
	d.data, d.end = slices.Grow(d.data, size), slices.Grow(d.end, n)
}
