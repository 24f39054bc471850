//go:build !amd64

package kernel

// InstructionSet names the vector instructions in use: "portable". Results are the same bytes for the same build and
// instruction set.
func InstructionSet() string { return "portable" }

func nearest(nTiles, nCols int, x, coord, half []float32, base int32, label []int32, best []float32) {
	nearestPortable(nTiles, nCols, x, coord, half, base, label, best)
}
