package treekit

// withInstructions calls f once for every set of vector instructions the processor has, and once for none.
func withInstructions(f func(name string)) {
	was := hasAVX512
	defer func() { hasAVX512 = was }()
	if was {
		f("avx512")
	}
	hasAVX512 = false
	f("portable")
}
