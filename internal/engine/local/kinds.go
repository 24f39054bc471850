package local

import (
	"bytes"
	"math"

	"kequn/internal/query"
	"kequn/internal/table"
)

// tally is how often a value was met in the walk of an epoch.
type tally struct {
	epoch uint32
	n     int32
}

// seen returns a mark for each of n values. A mark holds when it equals the epoch of the walk at hand, so that marks need no
// clearing between walks.
func (w *worker) seen(n int) []uint32 {
	if len(w.epochs) < n {
		w.epochs = make([]uint32, max(n, 2*len(w.epochs)))
	}
	return w.epochs
}

func (w *worker) tally(n int) []tally {
	if len(w.tallies) < n {
		w.tallies = make([]tally, max(n, 2*len(w.tallies)))
	}
	return w.tallies
}

func (w *worker) nextEpoch() {
	w.epoch++
	if w.epoch == 0 { // after four billion walks marks could be mistaken
		clear(w.epochs)
		clear(w.tallies)
		w.epoch = 1
	}
}

// nCodes returns a bound of a column's codes.
func (w *worker) nCodes(v *values) int {
	if v.dict != nil {
		return v.dict.Len()
	}
	return w.coder.n
}

// nLogs is how many values of n·log n are kept.
const nLogs = 4096

var nLogN = func() (t [nLogs]float64) {
	for n := 2; n < nLogs; n++ {
		t[n] = float64(n) * math.Log(float64(n))
	}
	return t
}()

func xLogX(n int32) float64 {
	if n < nLogs {
		return nLogN[n]
	}
	return float64(n) * math.Log(float64(n))
}

// kinds walks for numbers of different values, the commonest, its share, and the entropy log n − Σ nᵢ·log nᵢ / n.
func (f *folder) kinds(walks []walk) {
	w, v := f.b.w, f.v
	col := f.b.text(f.cg.ref)
	code := col.code
	if v.rows != nil {
		code = gather(w.i32.get(v.n), col.code, v.rows)
	}
	distinctOnly := true
	for _, o := range f.cg.ops {
		switch o.fn {
		case query.Mode:
			w.code(o.slot, col.dict)
			distinctOnly = false
		case query.ModeShare, query.Entropy:
			distinctOnly = false
		}
	}
	if distinctOnly {
		f.distinct(walks, code, w.nCodes(col))
		return
	}
	f.tallyKinds(walks, code, col.dict, w.nCodes(col))
}

// tallyKinds is kinds of any codes below nCodes; dict breaks ties of Mode.
func (f *folder) tallyKinds(walks []walk, code []int32, dict *table.Dict, nCodes int) {
	w, v, nc := f.b.w, f.v, f.nc
	tallies := w.tally(nCodes)
	for _, wk := range walks {
		hi := v.at[wk.hi*nc:][:nc]
		for i := range nc {
			w.nextEpoch()
			epoch := w.epoch
			j, n := hi[i], hi[i]
			distinct, best, bestCode, spread := int32(0), int32(0), int32(-1), 0.0
			for _, st := range wk.stops {
				a := v.at[st.lo*nc+i]
				for j > a {
					j--
					c := code[j]
					t := &tallies[c]
					if t.epoch != epoch {
						*t = tally{epoch, 0}
						distinct++
					}
					t.n++
					if t.n > 1 {
						spread += xLogX(t.n) - xLogX(t.n-1)
					}
					if t.n > best || t.n == best && dict != nil && c != bestCode && bytes.Compare(dict.Bytes(int(c)), dict.Bytes(int(bestCode))) < 0 {
						best, bestCode = t.n, c
					}
				}
				cell := (v.k0+wk.k)*nc + i
				rows := n - a
				for _, id := range st.ops {
					o := f.cg.ops[id]
					if o.fn == query.Mode {
						w.codes[o.slot][cell] = bestCode
						continue
					}
					x := math.NaN()
					switch {
					case o.fn == query.Distinct:
						x = float64(distinct)
					case rows == 0:
					case o.fn == query.ModeShare:
						x = float64(best) / float64(rows)
					case distinct == 1:
						x = 0
					default:
						x = max(0, math.Log(float64(rows))-spread/float64(rows))
					}
					w.num(o.slot)[cell] = x
				}
			}
		}
	}
}

// distinct is kinds where only the number of different values is asked for.
func (f *folder) distinct(walks []walk, code []int32, nCodes int) {
	w, v, nc := f.b.w, f.v, f.nc
	seen := w.seen(nCodes)
	for _, wk := range walks {
		hi := v.at[wk.hi*nc:][:nc]
		for i := range nc {
			w.nextEpoch()
			epoch := w.epoch
			j, n := hi[i], 0
			for _, st := range wk.stops {
				a := v.at[st.lo*nc+i]
				for j > a {
					j--
					if c := code[j]; seen[c] != epoch {
						seen[c] = epoch
						n++
					}
				}
				for _, id := range st.ops {
					w.num(f.cg.ops[id].slot)[(v.k0+wk.k)*nc+i] = float64(n)
				}
			}
		}
	}
}

// coder numbers different floats of a block. −0 and 0 are the same value.
type coder struct {
	slots []coded
	stamp uint32
	n     int
}

type coded struct {
	stamp uint32
	code  int32
	bits  uint64
}

func (c *coder) encode(v []float64, out []int32) {
	size := 16
	for size < 2*len(v) {
		size *= 2
	}
	if len(c.slots) < size {
		c.slots, c.stamp = make([]coded, size), 0
	}
	c.stamp++
	if c.stamp == 0 {
		clear(c.slots)
		c.stamp = 1
	}
	mask := uint64(len(c.slots) - 1)
	n := int32(0)
	for i, x := range v {
		if x != x {
			out[i] = -1
			continue
		}
		b := math.Float64bits(x + 0)
		h := b * 0x9e3779b97f4a7c15
		at := (h ^ h>>29) & mask
		for ; ; at = (at + 1) & mask {
			s := &c.slots[at]
			if s.stamp != c.stamp {
				*s = coded{c.stamp, n, b}
				n++
			} else if s.bits != b {
				continue
			}
			out[i] = s.code
			break
		}
	}
	c.n = max(c.n, int(n))
}
