package kernel

import (
	"math"
	"unsafe"
)

// pairArgs is what the assembly reads and writes; its field offsets are written there.
type pairArgs struct {
	f, add, d, ki, kj unsafe.Pointer // 0 8 16 24 32
	n                 int            // 40
	scalar            [2]float64     // 48 δ, or top and base
	start             float64        // 64 below every value
	value             [8]float64     // 72
	index             [8]int64       // 136
	bottom            [8]float64     // 200
}

//go:noescape
func pairMoveAVX512(a *pairArgs)

//go:noescape
func pairMoveAVX2(a *pairArgs)

//go:noescape
func pairGainAVX512(a *pairArgs)

//go:noescape
func pairGainAVX2(a *pairArgs)

func pairMove(f, add []float64, ki, kj []float32, delta float64) (row int, best float64, done int) {
	done = len(f) &^ 7
	if done == 0 || !hasAVX512 && !hasAVX2 {
		return -1, math.Inf(-1), 0
	}
	a := pairArgs{
		f: unsafe.Pointer(&f[0]), add: unsafe.Pointer(&add[0]), ki: unsafe.Pointer(&ki[0]), kj: unsafe.Pointer(&kj[0]), n: done,
		scalar: [2]float64{delta}, start: math.Inf(-1),
	}
	lanes := 8
	if hasAVX512 {
		pairMoveAVX512(&a)
	} else {
		pairMoveAVX2(&a)
		lanes = 4
	}
	row, best = firstBest(a.value[:lanes], a.index[:lanes])
	return row, best, done
}

func pairGain(f, add, d []float64, k []float32, top, base float64) (row int, best, bottom float64, done int) {
	done = len(f) &^ 7
	if done == 0 || !hasAVX512 && !hasAVX2 {
		return -1, 0, math.Inf(1), 0
	}
	a := pairArgs{
		f: unsafe.Pointer(&f[0]), add: unsafe.Pointer(&add[0]), d: unsafe.Pointer(&d[0]), ki: unsafe.Pointer(&k[0]), n: done,
		scalar: [2]float64{top, base},
	}
	lanes := 8
	if hasAVX512 {
		pairGainAVX512(&a)
	} else {
		pairGainAVX2(&a)
		lanes = 4
	}
	row, best = firstBest(a.value[:lanes], a.index[:lanes])
	bottom = math.Inf(1)
	for _, v := range a.bottom[:lanes] {
		bottom = min(bottom, v)
	}
	return row, max(0, best), bottom, done
}
