package value

import (
	"math"
	"sync"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Fits remembers the parts of learners that share it, so that the same part of the same rows is fitted once: a rung by itself, and as a part of another.
type Fits struct {
	mu   sync.Mutex
	made map[fitKey]part // looked up only
}

// fitKey is a part with all that it is fitted to and by.
type fitKey struct {
	kind    Kind
	seed    uint64
	power   float64
	content [2]uint64
}

func (f *Fits) get(k fitKey) (part, bool) {
	if f == nil {
		return part{}, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.made[k]
	return p, ok
}

func (f *Fits) put(k fitKey, p part) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made == nil {
		f.made = map[fitKey]part{}
	}
	f.made[k] = p
}

// content hashes every value that parts are fitted to, in 128 bits. Cost is a pass over the table.
func (d *data) content() [2]uint64 {
	a, b := uint64(len(d.y)), uint64(0x9e3779b97f4a7c15)
	add := func(v uint64) { a, b = kernel.Mix(a^v), b*0xd1342543de82ef95+v }
	numbers := func(v []float64) {
		add(uint64(len(v)))
		for _, x := range v {
			add(math.Float64bits(x))
		}
	}
	numbers(d.y)
	numbers(d.w)
	numbers(d.base)
	numbers(d.chance)
	numbers(d.scale)
	for _, c := range d.x.Columns {
		add(kernel.ID(c.Name))
		add(uint64(c.Kind))
		if c.Kind == table.Number {
			numbers(c.Num)
			continue
		}
		for i := range c.Len() {
			switch {
			case c.IsMissing(i):
				add(1)
			case c.Kind.InCode():
				add(kernel.ID(c.String(i)))
			default:
				add(math.Float64bits(c.Float(i)))
			}
		}
	}
	return [2]uint64{a, b}
}
