package treekit

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// An ensemble is written as little-endian numbers: counts as uint32, values as float64.
//
//	columns, outputs, trees
//	base                    outputs × float64
//	per column              1 byte: 0 number, 1 category, 2 wide category; then of a category the number of levels and
//	                        one bin per level (byte, wide: uint16)
//	per tree                out, width, nodes, sets, wide sets
//	  per node              column, set+1, left, right (int32 as uint32), missing left (byte), threshold, gain, cover
//	  per set               4 × uint64
//	  per wide set          words, words × uint64
//	  leaves                (nodes+1) × width values, (nodes+1) covers
//
// docs/format/model.md refers to this list.

// Encode writes the ensemble.
func (e *Ensemble) Encode(w io.Writer) error {
	out := &encoder{w: w}
	out.ints(e.NCols, len(e.Base), len(e.Trees))
	out.floats(e.Base)
	for c := range e.NCols {
		switch {
		case e.Wide[c] != nil:
			out.raw(2)
			out.ints(len(e.Wide[c]))
			for _, b := range e.Wide[c] {
				out.buf = binary.LittleEndian.AppendUint16(out.buf, b)
			}
		case e.Level[c] != nil:
			out.raw(1)
			out.ints(len(e.Level[c]))
			out.raw(e.Level[c]...)
		default:
			out.raw(0)
		}
	}
	for t := range e.Trees {
		tree := &e.Trees[t]
		out.ints(tree.Out, tree.Width, len(tree.Nodes), len(tree.Sets), len(tree.WideSets))
		for _, n := range tree.Nodes {
			out.ints(int(n.Col), int(n.Set)+1, int(n.Left), int(n.Right))
			missing := byte(0)
			if n.MissingLeft {
				missing = 1
			}
			out.raw(missing)
			out.floats([]float64{n.Threshold, n.Gain, n.Cover})
		}
		for _, s := range tree.Sets {
			out.words(s[:])
		}
		for _, s := range tree.WideSets {
			out.ints(len(s))
			out.words(s)
		}
		out.floats(tree.Leaf)
		out.floats(tree.Cover)
		out.flush(1 << 16)
	}
	out.flush(0)
	return out.err
}

type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

func (e *encoder) raw(b ...byte) { e.buf = append(e.buf, b...) }

func (e *encoder) ints(v ...int) {
	for _, x := range v {
		e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(int32(x)))
	}
}

func (e *encoder) words(v []uint64) {
	for _, x := range v {
		e.buf = binary.LittleEndian.AppendUint64(e.buf, x)
	}
}

func (e *encoder) floats(v []float64) {
	for _, x := range v {
		e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(x))
	}
}

func (e *encoder) flush(above int) {
	if len(e.buf) > above && e.err == nil {
		_, e.err = e.w.Write(e.buf)
		e.buf = e.buf[:0]
	}
}

var errDamaged = errors.New("treekit: trees are cut or damaged")

// Decode reads an ensemble that [Ensemble.Encode] wrote. Whatever the bytes, it returns an error or an ensemble that passes
// [Ensemble.Check], and never takes more memory than a small multiple of the bytes it has read.
func Decode(r io.Reader) (*Ensemble, error) {
	in := &decoder{r: r}
	nCols, nOut, nTrees := in.count(), in.count(), in.count()
	e := &Ensemble{NCols: nCols, Base: in.floats(nOut)}
	for c := 0; c < nCols && in.err == nil; c++ {
		var level []uint8
		var wide []uint16
		switch kind := in.bytes(1)[0]; kind {
		case 0:
		case 1:
			level = in.raw(in.count())
		case 2:
			n := in.count()
			wide = make([]uint16, 0, min(n, 1<<15))
			for b := in.raw(2 * n); len(b) >= 2; b = b[2:] {
				wide = append(wide, binary.LittleEndian.Uint16(b))
			}
		default:
			in.err = errDamaged
		}
		e.Level, e.Wide = append(e.Level, level), append(e.Wide, wide)
	}
	for t := 0; t < nTrees && in.err == nil; t++ {
		e.Trees = append(e.Trees, in.tree())
	}
	if in.err != nil {
		return nil, in.err
	}
	if err := e.Check(); err != nil {
		return nil, err
	}
	return e, nil
}

type decoder struct {
	r   io.Reader
	buf [41]byte
	err error
}

func (d *decoder) tree() Tree {
	t := Tree{Out: d.count(), Width: d.count()}
	nNodes, nSets, nWide := d.count(), d.count(), d.count()
	for i := 0; i < nNodes && d.err == nil; i++ {
		b := d.bytes(41)
		t.Nodes = append(t.Nodes, Node{
			Col: int32(le32(b)), Set: int32(le32(b[4:])) - 1, Left: int32(le32(b[8:])), Right: int32(le32(b[12:])),
			MissingLeft: b[16] != 0, Threshold: leFloat(b[17:]), Gain: leFloat(b[25:]), Cover: leFloat(b[33:]),
		})
	}
	for i := 0; i < nSets && d.err == nil; i++ {
		b := d.bytes(32)
		var s Set
		for k := range s {
			s[k] = binary.LittleEndian.Uint64(b[8*k:])
		}
		t.Sets = append(t.Sets, s)
	}
	for i := 0; i < nWide && d.err == nil; i++ {
		s := WideSet{}
		for b := d.raw(8 * d.count()); len(b) >= 8; b = b[8:] {
			s = append(s, binary.LittleEndian.Uint64(b))
		}
		t.WideSets = append(t.WideSets, s)
	}
	t.Leaf = d.floats((nNodes + 1) * t.Width)
	t.Cover = d.floats(nNodes + 1)
	return t
}

func le32(b []byte) uint32     { return binary.LittleEndian.Uint32(b) }
func leFloat(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }

// bytes returns the next n ≤ 41 bytes; zeros after an error.
func (d *decoder) bytes(n int) []byte {
	b := d.buf[:n]
	if d.err == nil {
		if _, err := io.ReadFull(d.r, b); err != nil {
			d.err = errDamaged
		}
	}
	if d.err != nil {
		clear(b)
	}
	return b
}

// count reads a count. Those that no ensemble has are damage; a smaller lie is found when the bytes run out.
func (d *decoder) count() int {
	n := le32(d.bytes(4))
	if n > 1<<30 {
		d.err = errDamaged
		return 0
	}
	return int(n)
}

// raw reads n bytes, growing as they come: a length that lies must not make us allocate it.
func (d *decoder) raw(n int) []byte {
	out := make([]byte, 0, min(n, 1<<16))
	for len(out) < n && d.err == nil {
		step := min(n-len(out), 1<<16)
		from := len(out)
		out = append(out, make([]byte, step)...)
		if _, err := io.ReadFull(d.r, out[from:]); err != nil {
			d.err = errDamaged
		}
	}
	return out
}

func (d *decoder) floats(n int) []float64 {
	var out []float64
	for len(out) < n && d.err == nil {
		for b := d.raw(8 * min(n-len(out), 1<<13)); len(b) >= 8 && d.err == nil; b = b[8:] {
			out = append(out, leFloat(b))
		}
	}
	return out
}
