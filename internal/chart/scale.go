package chart

import (
	"math"
	"strconv"
	"strings"
)

// scale maps data from [min, max] to pixels from … to.
type scale struct {
	min, max float64
	from, to float64
	log      bool
}

// scaleOf fits a scale to the values, with a little room, unless the axis says its range.
func scaleOf(a Axis, values []float64, from, to float64) scale {
	s := scale{min: a.Min, max: a.Max, from: from, to: to, log: a.Log}
	if a.Min != 0 || a.Max != 0 {
		return s
	}
	s.min, s.max = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if finite(v) && (!a.Log || v > 0) {
			s.min, s.max = math.Min(s.min, v), math.Max(s.max, v)
		}
	}
	switch {
	case s.min > s.max:
		s.min, s.max = 0, 1
		if a.Log {
			s.min = .1
		}
	case s.min == s.max && a.Log:
		s.min, s.max = s.min/2, s.max*2
	case s.min == s.max:
		room := math.Max(math.Abs(s.min)*.1, .5)
		s.min, s.max = s.min-room, s.max+room
	case !a.Log:
		room := .04 * (s.max - s.min)
		if s.min > 0 && s.min < .3*(s.max-s.min) {
			s.min = 0
		} else if s.min != 0 {
			s.min -= room
		}
		s.max += room
	}
	return s
}

func (s scale) at(v float64) float64 {
	lo, hi := s.min, s.max
	if s.log {
		lo, hi, v = math.Log10(lo), math.Log10(hi), math.Log10(math.Max(v, 1e-300))
	}
	t := (v - lo) / (hi - lo)
	return s.from + math.Min(1.02, math.Max(-.02, t))*(s.to-s.from)
}

// ticks returns about n round values within the range: 1, 2 or 5 times a power of ten apart.
func (s scale) ticks(n int) []float64 {
	if s.log {
		if !(s.min > 0) || !finite(s.max) {
			return nil
		}
		// Powers of ten; between them 2 and 5 where there are few.
		steps := []float64{1, 2, 5}
		if math.Log10(s.max)-math.Log10(s.min) > 2.5 {
			steps = steps[:1]
		}
		var out []float64
		for e := math.Floor(math.Log10(s.min)); e <= math.Floor(math.Log10(s.max)); e++ {
			for _, m := range steps {
				if v := m * math.Pow(10, e); v >= s.min*(1-1e-9) && v <= s.max*(1+1e-9) {
					out = append(out, v)
				}
			}
		}
		for len(out) > 12 { // many powers: every second of them
			for i := 0; 2*i < len(out); i++ {
				out[i] = out[2*i]
			}
			out = out[:(len(out)+1)/2]
		}
		return out
	}
	raw := (s.max - s.min) / float64(n)
	if !(raw > 0) || !finite(raw) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*step >= raw {
			step *= m
			break
		}
	}
	if math.Max(math.Abs(s.min), math.Abs(s.max))/step > 1e9 {
		return nil // they are too near to each other, so far from 0, to be told apart
	}
	var out []float64
	for k := math.Ceil(s.min/step - 1e-9); k <= math.Floor(s.max/step+1e-9); k++ {
		out = append(out, k*step+0) // + 0 turns −0 into 0
	}
	return out
}

func tick(v float64, percent bool) string {
	if percent {
		return strconv.FormatFloat(math.Round(v*1e4)/1e2, 'f', -1, 64) + "%"
	}
	return Short(v)
}

// Short writes a number as people read it: 12,345 and 0.0123, at most four figures after the point that say something.
func Short(v float64) string {
	switch a := math.Abs(v); {
	case !finite(v):
		return "–"
	case v == 0:
		return "0"
	case a >= 1e9:
		return trim(v/1e9, 2) + "G"
	case a >= 1e6:
		return trim(v/1e6, 2) + "M"
	case a >= 100:
		return thousands(math.Round(v))
	case a >= 1:
		return trim(v, 2)
	case a >= .001:
		return trim(v, 4)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

func trim(v float64, digits int) string {
	p := math.Pow(10, float64(digits))
	return strconv.FormatFloat(math.Round(v*p)/p, 'f', -1, 64)
}

func thousands(v float64) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v < 0 {
		s = "-" + s
	}
	return strings.TrimPrefix(s, ",")
}
