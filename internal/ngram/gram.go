package ngram

import (
	"math/bits"
	"unicode/utf8"

	"kequn/internal/kernel"
)

// Kinds of grams hash apart: the word "not" is not the three letters n, o, t inside of another.
const (
	saltChars  = 0x6368617273
	saltWord   = 0x776f7264
	saltPair   = 0x70616972
	saltDense  = 0x64656e7365
	saltSymbol = 0x73796d62
)

// maxWord is how many characters of one word count; what is longer is no word.
const maxWord = 40

// cutter cuts texts into grams. It is used by one goroutine.
type cutter struct {
	*folder
	light bool // words, pairs, and 1 or 2 dense characters: a quarter of the grams

	count   []uint16 // by bucket: how often in this text; all 0 between texts
	touched []uint32 // the buckets, in order of first appearance

	run  []rune // the word or the dense characters so far
	last uint64 // hash of the word before, 0 if there is none

	named func(bucket uint32, gram string) // told of every gram, if set
	said  string                           // the word before, if named is set
}

func newCutter(light bool) *cutter {
	return &cutter{folder: newFolder(), light: light, count: make([]uint16, nBuckets)}
}

// cut counts the grams of a text in count and touched. Call done afterwards.
func (c *cutter) cut(text string) {
	b := c.bytes(text)
	inside := gap // letter or dense while a run is under way
	c.last = 0
	for len(b) > 0 {
		r, size := rune(b[0]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(b)
		}
		b = b[size:]
		if r == '’' {
			r = '\''
		}
		k := classOf(r)
		if k != inside && len(c.run) > 0 {
			c.end(inside)
		}
		inside = k
		switch k {
		case letter, dense:
			if len(c.run) == 4*maxWord { // a run of dense characters is as good in pieces; a word as long is none
				c.end(k)
			}
			c.run = append(c.run, r)
		case symbol:
			c.add(kernel.Mix(saltSymbol^uint64(r)), r)
			c.last = 0
		case gap:
			c.last = 0
		}
	}
	if len(c.run) > 0 {
		c.end(inside)
	}
}

// done forgets the text.
func (c *cutter) done() {
	for _, k := range c.touched {
		c.count[k] = 0
	}
	c.touched = c.touched[:0]
}

// end counts the grams of the run.
func (c *cutter) end(k class) {
	if k == dense {
		c.dense()
		c.last = 0
	} else {
		c.word()
	}
	c.run = c.run[:0]
}

func (c *cutter) dense() {
	longest := 3
	if c.light {
		longest = 2
	}
	for i := range c.run {
		h := uint64(saltDense)
		for n := 1; n <= longest && i+n <= len(c.run); n++ {
			h = kernel.Mix(h ^ uint64(c.run[i+n-1]))
			c.add(h, c.run[i:i+n]...)
		}
	}
}

func (c *cutter) word() {
	w := c.run[:min(len(c.run), maxWord)]
	for len(w) > 0 && w[0] == '\'' { // quotes, unlike the one inside of don't
		w = w[1:]
	}
	for len(w) > 0 && w[len(w)-1] == '\'' {
		w = w[:len(w)-1]
	}
	if len(w) == 0 {
		return
	}
	h := uint64(saltWord)
	for _, r := range w {
		h = kernel.Mix(h ^ uint64(r))
	}
	c.add(h, w...)
	if c.last != 0 {
		c.addPair(kernel.Mix(saltPair^bits.RotateLeft64(c.last, 29)^h), w)
	}
	c.last = h
	if c.named != nil {
		c.said = string(w)
	}
	if c.light || len(w) < 3 {
		return
	}
	at := func(i int) rune { // the word between blanks
		if i < 0 || i >= len(w) {
			return ' '
		}
		return w[i]
	}
	for i := -1; i+3 <= len(w)+1; i++ {
		h := uint64(saltChars)
		for n := range 3 {
			h = kernel.Mix(h ^ uint64(at(i+n)))
		}
		c.inner(h, at(i), at(i+1), at(i+2))
		if i+4 <= len(w)+1 {
			c.inner(kernel.Mix(h^uint64(at(i+3))), at(i), at(i+1), at(i+2), at(i+3))
		}
	}
}

// inner counts a gram of characters inside of a word.
func (c *cutter) inner(h uint64, gram ...rune) {
	k := firstInner + uint32(h>>(65-Bits))
	c.bump(k)
	if c.named != nil {
		c.named(k, string(gram))
	}
}

func (c *cutter) add(h uint64, gram ...rune) {
	k := uint32(h >> (65 - Bits))
	c.bump(k)
	if c.named != nil {
		c.named(k, string(gram))
	}
}

func (c *cutter) addPair(h uint64, w []rune) {
	k := uint32(h >> (65 - Bits))
	c.bump(k)
	if c.named != nil {
		c.named(k, c.said+" "+string(w))
	}
}

func (c *cutter) bump(k uint32) {
	if c.count[k] == 0 {
		c.touched = append(c.touched, k)
	}
	if c.count[k] < 1<<16-1 {
		c.count[k]++
	}
}
