package kernel

import "math"

// The functions of this file work on each element alone, in the same operations and roundings with AVX-512, AVX2 and
// portable Go: the bits are the same. Slices are of one length; results may go where arguments lie. Arguments are not NaN.

// mapArgs is what the assembly reads; its field offsets are written there.
type mapArgs struct {
	n      int
	slice  [6]*float32
	scalar [8]float32
}

// Exp32 sets dst = eˣ, to 2 units in the last place. x below −87 counts as −87 and above 88 as 88, so that results are
// normal finite numbers.
//
// Source: Cephes expf (Moshier), with 2ⁿ put into the exponent.
func Exp32(dst, x []float32) {
	same(len(dst), len(x))
	elementwise(opExp, mapArgs{}, dst, x)
}

// Sigmoid32 sets dst = 1/(1 + e⁻ˣ).
func Sigmoid32(dst, x []float32) {
	same(len(dst), len(x))
	elementwise(opSigmoid, mapArgs{}, dst, x)
}

// SigmoidBack32 sets dx = dy·y·(1−y), the gradient where y is a sigmoid's result.
func SigmoidBack32(dx, dy, y []float32) {
	same(len(dx), len(dy), len(y))
	elementwise(opSigmoidBack, mapArgs{}, dx, dy, y)
}

// Tanh32 sets dst = tanh x, to 3 units in the last place.
//
// Source: Cephes tanhf (Moshier).
func Tanh32(dst, x []float32) {
	same(len(dst), len(x))
	elementwise(opTanh, mapArgs{}, dst, x)
}

// TanhBack32 sets dx = dy·(1−y²), the gradient where y is a tanh's result.
func TanhBack32(dx, dy, y []float32) {
	same(len(dx), len(dy), len(y))
	elementwise(opTanhBack, mapArgs{}, dx, dy, y)
}

// GELU32 sets gate = σ(2√(2/π)·(x + 0.044715·x³)) and dst = x·gate: the Gaussian error linear unit in its tanh form,
// x/2·(1 + tanh(√(2/π)(x + 0.044715x³))).
//
// Reference: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
func GELU32(dst, gate, x []float32) {
	same(len(dst), len(gate), len(x))
	elementwise(opGELU, mapArgs{}, dst, gate, x)
}

// GELUBack32 sets dx to the gradient at x, given dy and the gate that GELU32 wrote.
func GELUBack32(dx, dy, x, gate []float32) {
	same(len(dx), len(dy), len(x), len(gate))
	elementwise(opGELUBack, mapArgs{}, dx, dy, x, gate)
}

// ReLU32 sets dst = max(x, 0).
func ReLU32(dst, x []float32) {
	same(len(dst), len(x))
	elementwise(opReLU, mapArgs{}, dst, x)
}

// ReLUBack32 sets dx = dy where y > 0, else 0.
func ReLUBack32(dx, dy, y []float32) {
	same(len(dx), len(dy), len(y))
	elementwise(opReLUBack, mapArgs{}, dx, dy, y)
}

// Drop32 sets dst = x·scale where the random byte is at least limit, else 0.
func Drop32(dst, x []float32, random []byte, limit int, scale float32) {
	same(len(dst), len(x), len(random))
	if limit < 0 || limit > 256 {
		panic(errRange)
	}
	dropElements(dst, x, random, limit, scale)
}

// AddScaled32 adds a·x to y, with one rounding.
func AddScaled32(y []float32, a float32, x []float32) {
	same(len(y), len(x))
	elementwise(opAddScaled, mapArgs{scalar: [8]float32{a}}, y, x)
}

// Momentum32 takes one step of gradient descent with momentum μ: m = μ·m + g; w = w·keep − rate·m.
func Momentum32(w, g, m []float32, mu, rate, keep float32) {
	same(len(w), len(g), len(m))
	elementwise(opMomentum, mapArgs{scalar: [8]float32{mu, rate, keep}}, w, g, m)
}

// AdamStep is one step of [Adam32].
type AdamStep struct {
	Beta1, Beta2 float64 // how much of the running means of g and g² is kept
	Epsilon      float64
	Rate         float64
	Keep         float64 // of the weights: 1 − rate·decay
	Count        int     // steps taken so far, this one included
}

// Adam32 takes one step of AdamW on the weights w with gradient g:
//
//	m = β₁·m + (1−β₁)·g,  v = β₂·v + (1−β₂)·g²,  w = w·keep − rate/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
//
// v is kept at 1e-30 or above, and |m| below that is 0.
//
// Reference: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
func Adam32(w, g, m, v []float32, s AdamStep) {
	same(len(w), len(g), len(m), len(v))
	t := float64(s.Count)
	elementwise(opAdam, mapArgs{scalar: [8]float32{
		float32(s.Beta1), float32(1 - s.Beta1), float32(s.Beta2), float32(1 - s.Beta2),
		float32(s.Rate / (1 - power(s.Beta1, t))), float32(1 / math.Sqrt(1-power(s.Beta2, t))), float32(s.Epsilon), float32(s.Keep),
	}}, w, g, m, v)
}

// power returns bᵗ for a whole t ≥ 0 by squaring: the same bits on every processor, as math.Pow does not promise.
func power(b, t float64) float64 {
	p := 1.0
	for n := uint64(t); n > 0; n >>= 1 {
		if n&1 == 1 {
			p *= b
		}
		b *= b
	}
	return p
}

func same(first int, others ...int) {
	for _, n := range others {
		if n != first {
			panic(errLength)
		}
	}
}

// elementOp is a function on elements.
type elementOp int

const (
	opExp elementOp = iota
	opSigmoid
	opSigmoidBack
	opTanh
	opTanhBack
	opGELU
	opGELUBack
	opReLU
	opReLUBack
	opAddScaled
	opMomentum
	opAdam
)

// elementPortable is what the assembly does, one element after the other.
func elementPortable(op elementOp, s *[8]float32, a [4][]float32) {
	switch op {
	case opExp:
		for i, x := range a[1] {
			a[0][i] = exp32(x)
		}
	case opSigmoid:
		for i, x := range a[1] {
			a[0][i] = sigmoid32(x)
		}
	case opSigmoidBack:
		for i, y := range a[2] {
			a[0][i] = float32(y*float32(1-y)) * a[1][i]
		}
	case opTanh:
		for i, x := range a[1] {
			a[0][i] = tanh32(x)
		}
	case opTanhBack:
		for i, y := range a[2] {
			a[0][i] = fma32(-y, y, 1) * a[1][i]
		}
	case opGELU:
		for i, x := range a[2] {
			s := sigmoid32(x * fma32(x*x, geluCube*geluSlope, geluSlope))
			a[1][i] = s
			a[0][i] = s * x
		}
	case opGELUBack:
		for i, x := range a[2] {
			s := a[3][i]
			u := x * fma32(x*x, 3*geluCube*geluSlope, geluSlope)
			a[0][i] = fma32(s*float32(1-s), u, s) * a[1][i]
		}
	case opReLU:
		for i, x := range a[1] {
			if !(x > 0) {
				x = 0
			}
			a[0][i] = x
		}
	case opReLUBack:
		for i, y := range a[2] {
			d := a[1][i]
			if !(y > 0) {
				d = 0
			}
			a[0][i] = d
		}
	case opAddScaled:
		for i, x := range a[1] {
			a[0][i] = fma32(s[0], x, a[0][i])
		}
	case opMomentum:
		for i, g := range a[1] {
			m := fma32(s[0], a[2][i], g)
			a[2][i] = m
			a[0][i] = fma32(-m, s[1], a[0][i]*s[2])
		}
	case opAdam:
		for i, g := range a[1] {
			m := fma32(s[0], a[2][i], g*s[1])
			if !(m >= 1e-30 || m <= -1e-30) {
				m = 0
			}
			v := fma32(s[2], a[3][i], float32(g*g)*s[3])
			if !(v > 1e-30) {
				v = 1e-30
			}
			a[2][i], a[3][i] = m, v
			root := float32(math.Sqrt(float64(v)))
			a[0][i] = float32(a[0][i]*s[7]) - float32(m*s[4])/fma32(root, s[5], s[6])
		}
	}
}

func dropPortable(dst, x []float32, random []byte, limit int, scale float32) {
	for i, v := range x {
		v *= scale
		if int(random[i]) < limit {
			v = 0
		}
		dst[i] = v
	}
}

const (
	geluSlope = 1.5957691216057308 // 2·√(2/π)
	geluCube  = 0.044715
	expMagic  = 12582912 // 1.5·2²³: added to a small number, its last bits are the nearest integer
)

func exp32(x float32) float32 {
	if !(x > -87) {
		x = -87
	}
	if !(x < 88) {
		x = 88
	}
	t := fma32(x, 1.44269504088896341, expMagic)
	n := t - expMagic
	x = fma32(-n, 0.693359375, x)
	x = fma32(-n, -2.12194440e-4, x)
	p := float32(1.9875691500e-4)
	p = fma32(p, x, 1.3981999507e-3)
	p = fma32(p, x, 8.3334519073e-3)
	p = fma32(p, x, 4.1665795894e-2)
	p = fma32(p, x, 1.6666665459e-1)
	p = fma32(p, x, 5.0000001201e-1)
	p = fma32(float32(p*x), x, x)
	return math.Float32frombits(math.Float32bits(float32(p+1)) + math.Float32bits(t)<<23)
}

func sigmoid32(x float32) float32 { return 1 / float32(1+exp32(0-x)) }

func tanh32(x float32) float32 {
	size := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	if size < 0.625 {
		z := x * x
		p := float32(-5.70498872745e-3)
		p = fma32(p, z, 2.06390887954e-2)
		p = fma32(p, z, -5.37397155531e-2)
		p = fma32(p, z, 1.33314422036e-1)
		p = fma32(p, z, -3.33332819422e-1)
		return fma32(float32(p*z), x, x)
	}
	y := 1 - float32(2/float32(1+exp32(size+size)))
	return math.Float32frombits(math.Float32bits(y) | math.Float32bits(x)&(1<<31))
}
