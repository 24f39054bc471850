//go:build !amd64

package kernel

func gemm(m, n, k int, a, b, c, s Strided) { gemmPortable(m, n, k, a, b, c, s) }
