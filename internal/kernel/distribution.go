package kernel

import "math"

// The ziggurat of Marsaglia & Tsang in Doornik's form (ZIGNOR, 2005): the half bell curve is covered by 128 layers of equal
// area; most draws fall inside a layer's inner rectangle and cost one multiplication.
const (
	zigLayers = 128
	zigR      = 3.442619855899      // where the tail begins
	zigArea   = 9.91256303526217e-3 // area of each layer
)

var zigX, zigRatio = zigTables()

func zigTables() (x [zigLayers + 1]float64, ratio [zigLayers]float64) {
	f := math.Exp(-0.5 * zigR * zigR)
	x[0], x[1] = zigArea/f, zigR
	for i := 2; i < zigLayers; i++ {
		x[i] = math.Sqrt(-2 * math.Log(zigArea/x[i-1]+f))
		f = math.Exp(-0.5 * x[i] * x[i])
	}
	for i := range ratio {
		ratio[i] = x[i+1] / x[i]
	}
	return x, ratio
}

// Norm returns a standard normal number.
func (s *Stream) Norm() float64 {
	for {
		bits := s.Uint64()
		i := bits & (zigLayers - 1)
		u := float64(int64(bits)>>11) / (1 << 52) // in [−1, 1), from bits that do not choose the layer
		if math.Abs(u) < zigRatio[i] {
			return u * zigX[i]
		}
		if i == 0 {
			return math.Copysign(s.normTail(), u)
		}
		x := u * zigX[i]
		f0 := math.Exp(-0.5 * (zigX[i]*zigX[i] - x*x))
		f1 := math.Exp(-0.5 * (zigX[i+1]*zigX[i+1] - x*x))
		if f1+s.Float64()*(f0-f1) < 1 {
			return x
		}
	}
}

func (s *Stream) normTail() float64 {
	for {
		x := math.Log(1-s.Float64()) / zigR
		y := math.Log(1 - s.Float64())
		if -2*y >= x*x {
			return zigR - x
		}
	}
}

// Poisson returns a Poisson number: by multiplying uniforms below a mean of 10, by transformed rejection (PTRS, Hörmann
// 1993) above. The mean must be at least 0 and finite.
func (s *Stream) Poisson(mean float64) int {
	switch {
	case !(mean >= 0) || mean > 1<<52:
		panic(errRange)
	case mean < 10:
		limit, k := math.Exp(-mean), 0
		for p := s.Float64(); p > limit; p *= s.Float64() {
			k++
		}
		return k
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	invAlpha := 1.1239 + 1.1328/(b-3.4)
	vr := 0.9277 - 3.6224/(b-2)
	logMean := math.Log(mean)
	for {
		u := s.Float64() - 0.5
		v := 1 - s.Float64() // in (0, 1]
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= vr {
			return int(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		lg, _ := math.Lgamma(k + 1)
		if math.Log(v*invAlpha/(a/(us*us)+b)) <= k*logMean-mean-lg {
			return int(k)
		}
	}
}

// Gamma returns a gamma number with the given shape and scale 1 (Marsaglia & Tsang, 2000). The shape must be above 0.
func (s *Stream) Gamma(shape float64) float64 {
	if !(shape > 0) {
		panic(errRange)
	}
	boost := 1.0
	if shape < 1 {
		boost = math.Pow(1-s.Float64(), 1/shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.Norm()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if u := 1 - s.Float64(); math.Log(u) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return boost * d * v
		}
	}
}

// Beta returns a beta number with parameters a, b > 0.
func (s *Stream) Beta(a, b float64) float64 {
	x, y := s.Gamma(a), s.Gamma(b)
	if x+y == 0 {
		return s.pickEnd(a, b) // both so small that they underflow
	}
	return x / (x + y)
}

func (s *Stream) pickEnd(a, b float64) float64 {
	if s.Float64() < a/(a+b) {
		return 1
	}
	return 0
}
