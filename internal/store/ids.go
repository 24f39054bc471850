package store

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"

	"kequn/internal/kernel"
)

// ids collects what is needed to tell repeated, changed and contradicting rows of an id apart: a record for each row,
// 24 bytes for a first load, 48 where rows can be corrections. Records are put into buckets by the id's hash; when they
// outgrow the limit they go to a temporary file, and only one bucket at a time comes back.
//
// An id is known by 88 bits of SipHash under a random key: among a hundred million ids, two share them with a
// probability of 2·10⁻¹¹, and nobody can make them do so.
type ids struct {
	width   int // words of a record
	seeds   [2]uint64
	buckets [nBuckets][]uint64
	held    int64
	limit   int64
	scratch *scratch
	file    *scratchFile
	refs    [nBuckets][]spilledIDs
	n       int64
}

// spilledIDs is a piece of a bucket on disk.
type spilledIDs struct {
	file *scratchFile
	at   ref
}

const (
	nBuckets   = 64
	shortWidth = 3 // id, contents, id and row
	fullWidth  = 6 // and known-at, customer, time

	rowBits = 40 // of the third word; the other 24 are of the id's second hash
	rowMask = 1<<rowBits - 1
	oldRow  = 1 << (rowBits - 1) // the row is one of a part: (part << partShift) + row
	partRow = 27                 // bits of a row within a part
)

func newIDs(full bool, limit int64, s *scratch) *ids {
	x := &ids{width: shortWidth, limit: limit, scratch: s}
	if full {
		x.width = fullWidth
	}
	var seed [16]byte
	rand.Read(seed[:])
	x.seeds = [2]uint64{binary.LittleEndian.Uint64(seed[:]), binary.LittleEndian.Uint64(seed[8:])}
	return x
}

// add records a row. The last three values matter only in full records.
func (x *ids) add(id []byte, contents, row uint64, known, time int64, cust uint64) error {
	h := kernel.Hash64(x.seeds[0], id)
	k := h >> (64 - 6)
	b := append(x.buckets[k], h, contents, kernel.Hash64(x.seeds[1], id)<<rowBits|row)
	if x.width == fullWidth {
		b = append(b, uint64(known), cust, uint64(time))
	}
	x.buckets[k] = b
	x.n++
	if x.held += 8 * int64(x.width); x.held >= x.limit {
		return x.spill()
	}
	return nil
}

func (x *ids) spill() error {
	if x.file == nil || x.file.w == nil { // none yet, or it is being read
		f, err := x.scratch.create()
		if err != nil {
			return err
		}
		x.file = f
	}
	for k, b := range x.buckets {
		if len(b) == 0 {
			continue
		}
		at, err := x.file.put(arrow.Uint64Traits.CastToBytes(b))
		if err != nil {
			return err
		}
		x.refs[k] = append(x.refs[k], spilledIDs{x.file, at})
		x.buckets[k] = nil
	}
	x.held = 0
	return nil
}

// bucket returns all records of a bucket.
func (x *ids) bucket(k int) ([]uint64, error) {
	if len(x.refs[k]) == 0 {
		return x.buckets[k], nil
	}
	var out []uint64
	for _, piece := range x.refs[k] {
		if piece.file.w != nil {
			if err := piece.file.reading(); err != nil {
				return nil, err
			}
		}
		data, err := piece.file.get(piece.at)
		if err != nil {
			return nil, err
		}
		n := len(out)
		out = append(out, make([]uint64, len(data)/8)...)
		copy(arrow.Uint64Traits.CastToBytes(out[n:]), data)
	}
	return append(out, x.buckets[k]...), nil
}

// filter tells which ids were certainly not loaded, so that most rows of the dataset need no record.
type filter struct {
	bits []uint64
	mask uint64
}

const maxFilter = 64 << 20 // bytes

func (x *ids) filter() (*filter, error) {
	words := uint64(1)
	for words < maxFilter/8 && words*64 < 16*uint64(x.n) {
		words *= 2
	}
	f := &filter{make([]uint64, words), words*64 - 1}
	for k := range nBuckets {
		b, err := x.bucket(k)
		if err != nil {
			return nil, err
		}
		for ; len(b) > 0; b = b[x.width:] {
			f.bits[b[0]&f.mask>>6] |= 1 << (b[0] & 63)
			g := b[0] >> 29
			f.bits[g&f.mask>>6] |= 1 << (g & 63)
		}
	}
	return f, nil
}

func (f *filter) mayHold(h uint64) bool {
	g := h >> 29
	return f.bits[h&f.mask>>6]>>(h&63)&1 != 0 && f.bits[g&f.mask>>6]>>(g&63)&1 != 0
}

// verdict says what becomes of the rows of a load.
type verdict struct {
	first     int64    // sequence number of the load's first row
	end       int64    // behind that of the last
	drop      []uint64 // bit i: row first+i is not kept
	duplicate int64
	idle      bool // every row is kept as it came
	rejected  []Reject
	fixes     []rowMoment // corrections: rows whose known-at moment was set, by row
	leaves    []rowMoment // new rows whose id leaves their customer at a moment, by row
	oldLeaves []rowMoment // the same of rows in parts: (part << partRow) + row
	versions  int64       // ids with several versions
}

type rowMoment struct {
	row, known, seq int64
}

func newVerdict(first, rows int64) *verdict {
	return &verdict{first: first, end: first + rows, drop: make([]uint64, (rows+63)/64)}
}

// isNew tells a row of the load from older ones and from marks, whose numbers lie before and behind.
func (v *verdict) isNew(seq int64) bool { return seq >= v.first && seq < v.end }

func (v *verdict) dropped(seq int64) bool {
	i := seq - v.first
	return v.drop[i>>6]>>(i&63)&1 != 0
}

func (v *verdict) fixed(seq int64) (int64, bool) {
	if len(v.fixes) == 0 {
		return 0, false
	}
	row := seq - v.first
	i := sort.Search(len(v.fixes), func(i int) bool { return v.fixes[i].row >= row })
	if i < len(v.fixes) && v.fixes[i].row == row {
		return v.fixes[i].known, true
	}
	return 0, false
}

// left lists the moments at which the id of a row left its customer.
func (v *verdict) left(seq int64) []rowMoment {
	if len(v.leaves) == 0 {
		return nil
	}
	row := seq - v.first
	i := sort.Search(len(v.leaves), func(i int) bool { return v.leaves[i].row >= row })
	k := i
	for k < len(v.leaves) && v.leaves[k].row == row {
		k++
	}
	return v.leaves[i:k]
}

// judge decides about every record. byKnown says that the dataset has a known-at column; lineOf gives a row's line.
func (x *ids) judge(v *verdict, byKnown bool, loadedAt int64, lineOf func(row int64) int64) error {
	for k := range nBuckets {
		b, err := x.bucket(k)
		if err != nil {
			return err
		}
		x.judgeBucket(b, v, byKnown, loadedAt, lineOf)
		x.buckets[k], x.refs[k] = nil, nil
	}
	slices.SortFunc(v.rejected, func(a, b Reject) int { return cmp.Compare(a.Line, b.Line) })
	for _, list := range [][]rowMoment{v.fixes, v.leaves, v.oldLeaves} {
		slices.SortFunc(list, func(a, b rowMoment) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.known, b.known)) })
	}
	return nil
}

// record is one row of an id.
type record struct {
	contents uint64
	row      int64 // within the load, or (part << partRow) + row of an old one
	old      bool
	known    int64
	cust     uint64
	time     int64
}

// judgeBucket groups the records by id with a table of chains.
func (x *ids) judgeBucket(b []uint64, v *verdict, byKnown bool, loadedAt int64, lineOf func(int64) int64) {
	n := len(b) / x.width
	size := 1
	for size < 2*n {
		size *= 2
	}
	heads := make([]int32, size) // index+1 of the last record of a slot
	next := make([]int32, n)     // index+1 of the one before
	grouped := false
	for i := range n {
		h := b[i*x.width]
		s := kernel.Mix(h) & uint64(size-1)
		next[i] = heads[s]
		heads[s] = int32(i + 1)
		grouped = grouped || next[i] != 0
	}
	if !grouped {
		return
	}
	same := func(i, j int) bool {
		p, q := b[i*x.width:], b[j*x.width:]
		return p[0] == q[0] && p[2]>>rowBits == q[2]>>rowBits
	}
	var chain []int
	var group []record
	for _, head := range heads {
		if head == 0 || next[head-1] == 0 {
			continue
		}
		chain = chain[:0]
		for i := head; i != 0; i = next[i-1] {
			chain = append(chain, int(i-1))
		}
		for len(chain) > 0 {
			// Take the first and all that share its id; leave the others in the chain.
			group = group[:0]
			rest := chain[:0]
			first := chain[0]
			for _, i := range chain {
				if i == first || same(first, i) {
					group = append(group, x.record(b[i*x.width:]))
				} else {
					rest = append(rest, i)
				}
			}
			chain = rest
			if len(group) > 1 {
				v.judge(group, byKnown, loadedAt, lineOf)
			}
		}
	}
}

func (x *ids) record(w []uint64) record {
	r := record{contents: w[1], row: int64(w[2] & rowMask &^ oldRow), old: w[2]&oldRow != 0}
	if x.width == fullWidth {
		r.known, r.cust, r.time = int64(w[3]), w[4], int64(w[5])
	}
	return r
}

// judge decides about the rows of one id, some of which may be in the dataset already (old).
//
// In order of known-at moment, a row that says the same as the version before it is a duplicate. One that says something
// else is a new version if it was known later or came in a later load; two rows of one load that were known at the same
// moment contradict each other, and the later line is rejected. Where a version belongs to another customer than the one
// before, the old customer gets a mark that the id has left.
func (v *verdict) judge(group []record, byKnown bool, loadedAt int64, lineOf func(int64) int64) {
	slices.SortFunc(group, func(a, b record) int {
		if byKnown || a.old || b.old {
			if a.old != b.old && !byKnown {
				return oldFirst(a)
			}
			if c := cmp.Compare(a.known, b.known); c != 0 {
				return c
			}
			if a.old != b.old {
				return oldFirst(a)
			}
		}
		return cmp.Compare(a.row, b.row)
	})
	versions := make([]record, 0, len(group))
	var again []record // known at the same moment as a version of an earlier load
	said := -1         // row of this load that spoke last, for messages
	for _, r := range group {
		if r.old || len(versions) == 0 {
			versions = append(versions, r)
			if !r.old {
				said = int(r.row)
			}
			continue
		}
		last := &versions[len(versions)-1]
		switch {
		case r.contents == last.contents:
			v.dropRow(r.row)
			v.duplicate++
			if said < 0 || last.old {
				said = int(r.row)
			}
		case byKnown && r.known > last.known:
			versions = append(versions, r)
			said = int(r.row)
		case last.old && (byKnown || said < 0):
			again = append(again, r)
			if !byKnown {
				// Without a known-at column the first row of the load speaks for it.
				again[0].known = max(loadedAt, last.known+1)
				versions = append(versions, again[0])
				v.fixes = append(v.fixes, rowMoment{row: r.row, known: again[0].known})
				again = again[:0]
				said = int(r.row)
			}
		default:
			v.dropRow(r.row)
			v.rejected = append(v.rejected, Reject{lineOf(r.row), fmt.Sprintf("conflicts with line %d, which has the same id", lineOf(int64(said)))})
		}
	}
	for i, r := range again {
		last := versions[len(versions)-1]
		switch {
		case r.contents == last.contents:
			v.dropRow(r.row)
			v.duplicate++
		case i > 0:
			v.dropRow(r.row)
			v.rejected = append(v.rejected, Reject{lineOf(r.row), fmt.Sprintf("conflicts with line %d, which has the same id", lineOf(again[0].row))})
		default:
			r.known = max(loadedAt, last.known+1)
			versions = append(versions, r)
			v.fixes = append(v.fixes, rowMoment{row: r.row, known: r.known})
		}
	}
	if len(versions) > 1 {
		v.versions++
	}
	for i := 1; i < len(versions); i++ {
		a, b := versions[i-1], versions[i]
		if a.cust == b.cust || a.old && b.old {
			continue
		}
		leave := rowMoment{row: a.row, known: b.known}
		if a.old {
			v.oldLeaves = append(v.oldLeaves, leave)
		} else {
			v.leaves = append(v.leaves, leave)
		}
	}
}

func oldFirst(a record) int {
	if a.old {
		return -1
	}
	return 1
}

func (v *verdict) dropRow(row int64) { v.drop[row>>6] |= 1 << (row & 63) }

// number gives the marks of leaving their sequence numbers, which follow those of the load's rows.
func (v *verdict) number(next int64) int64 {
	for _, list := range [][]rowMoment{v.leaves, v.oldLeaves} {
		for i := range list {
			list[i].seq = next
			next++
		}
	}
	return next
}

// keepAll takes back every verdict, for a lookup whose key turned out to repeat.
func (v *verdict) keepAll() {
	clear(v.drop)
	v.duplicate, v.rejected, v.fixes, v.leaves, v.oldLeaves, v.versions = 0, nil, nil, nil, nil, 0
}
