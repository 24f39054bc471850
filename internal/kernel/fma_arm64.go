package kernel

// fma32 returns a·b + c rounded once: the compiler makes one instruction of it, which a test holds it to. The conversion keeps
// a product that c comes from out of it.
func fma32(a, b, c float32) float32 { return a*b + float32(c) }
