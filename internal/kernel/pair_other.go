//go:build !amd64

package kernel

import "math"

func pairMove(_, _ []float64, _, _ []float32, _ float64) (row int, best float64, done int) {
	return -1, math.Inf(-1), 0
}

func pairGain(_, _, _ []float64, _ []float32, _, _ float64) (row int, best, bottom float64, done int) {
	return -1, 0, math.Inf(1), 0
}
