//go:build !amd64

package kernel

func gram4x4(a, b []float64, n, stride int, c []float64, nB int) {
	gram4x4Portable(a, b, n, stride, c, nB)
}
