package kernel

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Stream is a seeded source of random numbers: xoshiro256++ (Blackman & Vigna, 2019), seeded by SplitMix64. Equal seeds and
// ids give equal numbers on every platform, but for the last bit of Norm, Exp, Gamma and Beta where math functions differ.
//
// A Stream is not safe for several goroutines: give each block its own, NewStream(seed, id, block).
type Stream struct {
	key            uint64
	s0, s1, s2, s3 uint64
}

// NewStream returns the stream of a seed and of any ids below it, in order: a block's index, or ID("name"). Streams of
// different ids are independent for all practical purposes, and NewStream(s, a).Split(b) is NewStream(s, a, b).
func NewStream(seed uint64, ids ...uint64) *Stream {
	s := &Stream{}
	s.seed(Mix(seed), ids)
	return s
}

// Split returns the substream of ids below s. It does not depend on how many numbers s has given, nor changes s.
func (s *Stream) Split(ids ...uint64) *Stream {
	t := &Stream{}
	t.seed(s.key, ids)
	return t
}

func (s *Stream) seed(key uint64, ids []uint64) {
	for _, id := range ids {
		key = Mix(bits.RotateLeft64(key, 23)*0xd1342543de82ef95 ^ Mix(id))
	}
	s.key = key
	for _, word := range []*uint64{&s.s0, &s.s1, &s.s2, &s.s3} {
		*word = Mix(key)
		key += 0x9e3779b97f4a7c15
	}
}

// Uint64 returns 64 random bits.
func (s *Stream) Uint64() uint64 {
	out := bits.RotateLeft64(s.s0+s.s3, 23) + s.s0
	t := s.s1 << 17
	s.s2 ^= s.s0
	s.s3 ^= s.s1
	s.s1 ^= s.s2
	s.s0 ^= s.s3
	s.s2 ^= t
	s.s3 = bits.RotateLeft64(s.s3, 45)
	return out
}

// Float64 returns a multiple of 2⁻⁵³ in [0, 1).
func (s *Stream) Float64() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// Float32 returns a multiple of 2⁻²⁴ in [0, 1).
func (s *Stream) Float32() float32 { return float32(s.Uint64()>>40) / (1 << 24) }

// Bool returns true with probability p.
func (s *Stream) Bool(p float64) bool { return s.Float64() < p }

// Intn returns a number in [0, n), each equally likely (Lemire's multiplication with rejection). It panics if n ≤ 0.
func (s *Stream) Intn(n int) int {
	if n <= 0 {
		panic(errRange)
	}
	hi, lo := bits.Mul64(s.Uint64(), uint64(n))
	if lo < uint64(n) {
		reject := -uint64(n) % uint64(n)
		for lo < reject {
			hi, lo = bits.Mul64(s.Uint64(), uint64(n))
		}
	}
	return int(hi)
}

// Exp returns an exponential number with mean 1.
func (s *Stream) Exp() float64 { return -math.Log(1 - s.Float64()) }

// Perm returns the numbers 0 … n−1 in random order.
func (s *Stream) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		j := s.Intn(i + 1)
		p[i] = p[j]
		p[j] = i
	}
	return p
}

// Shuffle puts n things in random order by swapping (Fisher–Yates).
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.Intn(i+1))
	}
}

// Sample returns k different numbers of [0, n) in increasing order, each set equally likely; all of them if k ≥ n.
// Time is O(n), memory O(k) (Knuth's selection sampling).
func (s *Stream) Sample(n, k int) []int32 {
	k = max(0, min(k, n))
	out := make([]int32, 0, k)
	for i := 0; len(out) < k; i++ {
		if s.Intn(n-i) < k-len(out) {
			out = append(out, int32(i))
		}
	}
	return out
}

// Choice returns an index with probability proportional to its weight. Weights must be finite, not negative and not all 0.
func (s *Stream) Choice(weight []float64) int {
	total, last := 0.0, -1
	for i, w := range weight {
		if !(w >= 0) || math.IsInf(w, 1) {
			panic(errRange)
		}
		if w > 0 {
			last = i
		}
		total += w
	}
	if last < 0 {
		panic(errRange)
	}
	u := s.Float64() * total
	for i, w := range weight {
		if u -= w; u < 0 {
			return i
		}
	}
	return last // rounding left a crumb
}

// Bytes fills b with random bytes, eight of each number.
func (s *Stream) Bytes(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, s.Uint64())
	}
	if len(b) > 0 {
		for v := s.Uint64(); len(b) > 0; b = b[1:] {
			b[0] = byte(v)
			v >>= 8
		}
	}
}
