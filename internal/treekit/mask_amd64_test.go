package treekit

// withInstructions calls f once for every set of vector instructions the processor has, and once for none.
func withInstructions(f func(name string)) {
	a, b := hasAVX512, hasAVX2
	defer func() { hasAVX512, hasAVX2 = a, b }()
	if a {
		f("avx512")
	}
	hasAVX512 = false
	if b {
		f("avx2")
	}
	hasAVX2 = false
	f("portable")
}
