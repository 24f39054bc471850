package treekit

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Vector instructions in use. Results are the same bits with and without.
var (
	hasAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ
	hasAVX2   = cpu.X86.HasAVX2
)

// searchArgs is what the assembly reads and writes; its field offsets are written there.
type searchArgs struct {
	x, heap unsafe.Pointer
	gathers int    // levels of the heap beyond the sixth
	width   uint64 // of its last level
	n       uint64
	below   unsafe.Pointer
	missing uint64
}

//go:noescape
func searchAVX512(a *searchArgs)

//go:noescape
func masksAVX512(below *[maskRows]uint16, masks *uint64, n int, missing uint64)

//go:noescape
func numbersAVX512(masks *uint64, nodes *maskNode, n int, values *[2 * mostLeaves][maskRows]uint8, number *[maskRows]uint8)

//go:noescape
func levelsAVX512(masks *uint64, levels *uint32, n int, number *[maskRows]uint8)

//go:noescape
func addAVX512(score *float64, number *[maskRows]uint8, leaf *float64, width int)

//go:noescape
func masksAVX2(below *[maskRows]uint16, masks *uint64, n int, missing uint64)

//go:noescape
func numbersAVX2(masks *uint64, nodes *maskNode, n int, values *[2 * mostLeaves][maskRows]uint8, number *[maskRows]uint8)

//go:noescape
func levelsAVX2(masks *uint64, levels *uint32, n int, number *[maskRows]uint8)

//go:noescape
func addAVX2(score *float64, number *[maskRows]uint8, leaf *float64, width int)

// search writes how many thresholds are below each value, all of them for missing ones, and returns which are missing.
func (c *askedColumn) search(below *[maskRows]uint16, x []float64) (missing uint64) {
	if !hasAVX512 {
		return c.searchPortable(below, x)
	}
	var all [maskRows]float64
	if len(x) < maskRows {
		copy(all[:], x)
		x = all[:]
	}
	a := searchArgs{unsafe.Pointer(&x[0]), unsafe.Pointer(&c.heap[0]), c.levels - heapLevels, 1 << c.levels, uint64(len(c.threshold)), unsafe.Pointer(below), 0}
	searchAVX512(&a)
	return a.missing
}

func compare(below *[maskRows]uint16, masks []uint64, rows int, also uint64) {
	switch {
	case len(masks) > 255:
		comparePortable(below, masks, rows, also)
	case hasAVX512:
		masksAVX512(below, &masks[0], len(masks), also)
	case hasAVX2:
		masksAVX2(below, &masks[0], len(masks), also)
	default:
		comparePortable(below, masks, rows, also)
	}
}

// vectorScratch has what vector instructions need besides.
type vectorScratch struct {
	values *[2 * mostLeaves][maskRows]uint8 // value k < 256 is k for every row
	number [maskRows]uint8
}

func (s *vectorScratch) init() {
	s.values = new([2 * mostLeaves][maskRows]uint8)
	for k := range mostLeaves {
		for r := range s.values[k] {
			s.values[k][r] = uint8(k)
		}
	}
}

// add adds the values of every row's leaf.
func (t *maskTree) add(s *maskScratch) {
	switch {
	case t.nBits > 8 || t.nBits == 0:
		t.addPortable(s)
	case hasAVX512:
		if t.nodes != nil {
			numbersAVX512(&s.masks[0], &t.nodes[0], len(t.nodes), s.values, &s.number)
		} else {
			levelsAVX512(&s.masks[0], &t.levels[0], len(t.levels), &s.number)
		}
		for w := range t.width {
			addAVX512(&s.score[(t.out+w)*maskRows], &s.number, &t.leaf[w], t.width)
		}
	case hasAVX2:
		if t.nodes != nil {
			numbersAVX2(&s.masks[0], &t.nodes[0], len(t.nodes), s.values, &s.number)
		} else {
			levelsAVX2(&s.masks[0], &t.levels[0], len(t.levels), &s.number)
		}
		for w := range t.width {
			addAVX2(&s.score[(t.out+w)*maskRows], &s.number, &t.leaf[w], t.width)
		}
	default:
		t.addPortable(s)
	}
}
