package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// nearestArgs is what the assembly reads; its field offsets are written there.
type nearestArgs struct {
	nTiles, nCols  int
	x, coord, half unsafe.Pointer
	best, label    unsafe.Pointer
	index          [pointGroup]int32
}

//go:noescape
func nearestAVX512(a *nearestArgs)

//go:noescape
func nearestAVX2(a *nearestArgs)

var (
	hasAVX512 = cpu.X86.HasAVX512F
	hasAVX2   = cpu.X86.HasAVX2 && cpu.X86.HasFMA
)

// InstructionSet names the vector instructions in use: "avx512", "avx2" or "portable". Results are the same bytes for the
// same build and instruction set.
func InstructionSet() string {
	switch {
	case hasAVX512:
		return "avx512"
	case hasAVX2:
		return "avx2"
	}
	return "portable"
}

func nearest(nTiles, nCols int, x, coord, half []float32, base int32, label []int32, best []float32) {
	if !hasAVX512 && !hasAVX2 {
		nearestPortable(nTiles, nCols, x, coord, half, base, label, best)
		return
	}
	a := nearestArgs{nTiles, nCols, unsafe.Pointer(&x[0]), unsafe.Pointer(&coord[0]), unsafe.Pointer(&half[0]), unsafe.Pointer(&best[0]), unsafe.Pointer(&label[0]),
		[pointGroup]int32{base, base + 1, base + 2, base + 3}}
	if hasAVX512 {
		nearestAVX512(&a)
	} else {
		nearestAVX2(&a)
	}
}
