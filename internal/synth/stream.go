package synth

import "math"

// Purposes keep the streams of one customer (and day) apart, so that drawing more for one purpose moves no other.
const (
	forTraits uint64 = iota + 1
	forLife
	forOrder
	forBrowse
	forMessage
	forDirt
	forArm
	forProfile
	forChange
)

const golden = 0x9e3779b97f4a7c15

// finish is the finaliser of SplitMix64: a bijection of 64 bits that leaves no visible pattern.
// Source: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
func finish(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// key folds three numbers into one.
func key(a, b, c uint64) uint64 {
	h := finish(a + golden)
	h = finish(h ^ (b+1)*golden)
	return finish(h ^ (c+1)*0xd1342543de82ef95)
}

// unit maps 64 random bits to [0, 1).
func unit(bits uint64) float64 { return float64(bits>>11) * (1.0 / (1 << 53)) }

// stream is a SplitMix64 generator.
type stream struct{ state uint64 }

func (r *stream) bits() uint64 {
	r.state += golden
	return finish(r.state)
}

// unit draws from [0, 1).
func (r *stream) unit() float64 { return unit(r.bits()) }

// chance tells whether something of probability p happens. It always draws once.
func (r *stream) chance(p float64) bool { return r.unit() < p }

// below draws a whole number from [0, n).
func (r *stream) below(n int) int { return int(r.unit() * float64(n)) }

// between draws from [lo, hi).
func (r *stream) between(lo, hi float64) float64 { return lo + (hi-lo)*r.unit() }

// normal draws from N(0, 1) (Box and Muller 1958; the second of the pair is not kept).
func (r *stream) normal() float64 {
	u := 1 - r.unit()
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*r.unit())
}

// gamma draws from a gamma distribution of the given shape ≥ 1 and mean 1 (Marsaglia and Tsang 2000).
func (r *stream) gamma(shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.normal()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-r.unit()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v / shape
		}
	}
}

// pick draws an index from cumulative weights that end at 1.
func (r *stream) pick(cumulative []float64) int { return pickAt(cumulative, r.unit()) }

func pickAt(cumulative []float64, u float64) int {
	for i, c := range cumulative {
		if u < c {
			return i
		}
	}
	return len(cumulative) - 1
}

// cumulate turns weights into cumulative shares, in place.
func cumulate(weights []float64) []float64 {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	run := 0.0
	for i, w := range weights {
		run += w
		weights[i] = run / sum
	}
	return weights
}
