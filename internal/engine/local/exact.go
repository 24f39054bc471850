package local

import "math"

// exact is a number as the unevaluated sum of two floats, with 106 bits: differences of running sums keep the precision
// that a sum of the window alone would have.
//
// Reference: Dekker, A floating-point technique for extending the available precision, 1971; Knuth, TAOCP vol. 2, 4.2.2.
type exact struct{ hi, lo float64 }

func twoSum(a, b float64) (s, e float64) {
	s = a + b
	t := s - a
	return s, (a - (s - t)) + (b - t)
}

func twoProduct(a, b float64) (p, e float64) {
	p = a * b
	return p, math.FMA(a, b, -p)
}

func (x exact) add(y exact) exact {
	s, e := twoSum(x.hi, y.hi)
	e += x.lo + y.lo
	hi := s + e
	return exact{hi, e - (hi - s)}
}

func (x exact) sub(y exact) exact { return x.add(exact{-y.hi, -y.lo}) }

func (x exact) addFloat(y float64) exact {
	s, e := twoSum(x.hi, y)
	e += x.lo
	hi := s + e
	return exact{hi, e - (hi - s)}
}

func (x exact) mul(y exact) exact {
	p, e := twoProduct(x.hi, y.hi)
	e += float64(x.hi*y.lo) + float64(x.lo*y.hi)
	hi := p + e
	return exact{hi, e - (hi - p)}
}

func (x exact) value() float64 { return x.hi + x.lo }
