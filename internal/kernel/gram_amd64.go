package kernel

import "unsafe"

// gramArgs is what the assembly reads; its field offsets are written there. Strides are in bytes.
type gramArgs struct {
	a, b      unsafe.Pointer
	n, stride int
	c         unsafe.Pointer
	rowC      int
}

//go:noescape
func gramAVX512(a *gramArgs)

//go:noescape
func gramAVX2(a *gramArgs)

func gram4x4(a, b []float64, n, stride int, c []float64, nB int) {
	if !hasAVX512 && !hasAVX2 {
		gram4x4Portable(a, b, n, stride, c, nB)
		return
	}
	args := gramArgs{unsafe.Pointer(&a[0]), unsafe.Pointer(&b[0]), n, 8 * stride, unsafe.Pointer(&c[0]), 8 * nB}
	if hasAVX512 {
		gramAVX512(&args)
	} else {
		gramAVX2(&args)
	}
}
