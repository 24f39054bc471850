//go:build !amd64

package kernel

func elementwise(op elementOp, args mapArgs, slices ...[]float32) {
	var a [4][]float32
	copy(a[:], slices)
	elementPortable(op, &args.scalar, a)
}

func dropElements(dst, x []float32, random []byte, limit int, scale float32) {
	dropPortable(dst, x, random, limit, scale)
}
