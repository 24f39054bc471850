package model

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// ArrayWriter writes numbers, slices and texts, little endian, slices with their length before them. The first error
// stays; [ArrayWriter.Err] returns it.
type ArrayWriter struct {
	w   io.Writer
	buf []byte
	err error
}

// NewArrayWriter returns a writer to w. Call Err at the end: it flushes.
func NewArrayWriter(w io.Writer) *ArrayWriter { return &ArrayWriter{w: w} }

func (a *ArrayWriter) room() {
	if len(a.buf) >= 1<<16 {
		a.flush()
	}
}

func (a *ArrayWriter) flush() {
	if a.err == nil && len(a.buf) > 0 {
		_, a.err = a.w.Write(a.buf)
	}
	a.buf = a.buf[:0]
}

// Err flushes and returns the first error.
func (a *ArrayWriter) Err() error { a.flush(); return a.err }

// Uint32 writes a number.
func (a *ArrayWriter) Uint32(v uint32) { a.room(); a.buf = binary.LittleEndian.AppendUint32(a.buf, v) }

// Int writes a number from 0 to 2³²−1.
func (a *ArrayWriter) Int(v int) { a.Uint32(uint32(v)) }

// Bool writes one truth value.
func (a *ArrayWriter) Bool(v bool) {
	if v {
		a.Uint32(1)
	} else {
		a.Uint32(0)
	}
}

// Float64 writes a number.
func (a *ArrayWriter) Float64(v float64) {
	a.room()
	a.buf = binary.LittleEndian.AppendUint64(a.buf, math.Float64bits(v))
}

// Float64s writes a slice.
func (a *ArrayWriter) Float64s(v []float64) {
	a.Int(len(v))
	for _, x := range v {
		a.Float64(x)
	}
}

// Float32s writes a slice.
func (a *ArrayWriter) Float32s(v []float32) {
	a.Int(len(v))
	for _, x := range v {
		a.Uint32(math.Float32bits(x))
	}
}

// Int32s writes a slice.
func (a *ArrayWriter) Int32s(v []int32) {
	a.Int(len(v))
	for _, x := range v {
		a.Uint32(uint32(x))
	}
}

// Bytes writes a slice.
func (a *ArrayWriter) Bytes(v []byte) {
	a.Int(len(v))
	a.buf = append(a.buf, v...)
	a.room()
}

// String writes a text.
func (a *ArrayWriter) String(v string) { a.Bytes([]byte(v)) }

// ErrArrays says that a model's arrays are cut, too long or contradict themselves.
var ErrArrays = errors.New("arrays are cut or contradict themselves")

// ArrayReader reads what [ArrayWriter] wrote. After the first error it returns zeros; [ArrayReader.End] returns the error.
// A length that lies costs no more memory than there are bytes.
type ArrayReader struct {
	data []byte
	err  error
}

// NewArrayReader reads all of r.
func NewArrayReader(r io.Reader) *ArrayReader {
	data, err := io.ReadAll(r)
	return &ArrayReader{data: data, err: err}
}

func (a *ArrayReader) take(n int) []byte {
	if a.err == nil && (n < 0 || n > len(a.data)) {
		a.err = ErrArrays
	}
	if a.err != nil {
		return nil
	}
	b := a.data[:n]
	a.data = a.data[n:]
	return b
}

// Uint32 reads a number.
func (a *ArrayReader) Uint32() uint32 {
	if b := a.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Int reads a number that [ArrayWriter.Int] wrote.
func (a *ArrayReader) Int() int { return int(a.Uint32()) }

// Bool reads a truth value.
func (a *ArrayReader) Bool() bool {
	v := a.Uint32()
	if v > 1 {
		a.Fail()
	}
	return v == 1
}

// Float64 reads a number.
func (a *ArrayReader) Float64() float64 {
	if b := a.take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// Finite reads a number that is not NaN and not infinite.
func (a *ArrayReader) Finite() float64 {
	v := a.Float64()
	if math.IsNaN(v) || math.IsInf(v, 0) {
		a.Fail()
		return 0
	}
	return v
}

func (a *ArrayReader) length(size int) int {
	n := a.Int()
	if a.err == nil && n > len(a.data)/size {
		a.err = ErrArrays
	}
	if a.err != nil {
		return 0
	}
	return n
}

// Float64s reads a slice.
func (a *ArrayReader) Float64s() []float64 {
	v := make([]float64, a.length(8))
	for i := range v {
		v[i] = a.Float64()
	}
	return v
}

// FiniteN reads a slice of n finite numbers.
func (a *ArrayReader) FiniteN(n int) []float64 {
	v := a.Float64s()
	if len(v) != n {
		a.Fail()
		return nil
	}
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			a.Fail()
			return nil
		}
	}
	return v
}

// Finite32s reads a slice of finite float32.
func (a *ArrayReader) Finite32s() []float32 {
	v := make([]float32, a.length(4))
	for i := range v {
		if v[i] = math.Float32frombits(a.Uint32()); v[i]-v[i] != 0 {
			a.Fail()
			return nil
		}
	}
	return v
}

// Int32s reads a slice.
func (a *ArrayReader) Int32s() []int32 {
	v := make([]int32, a.length(4))
	for i := range v {
		v[i] = int32(a.Uint32())
	}
	return v
}

// Bytes reads a slice.
func (a *ArrayReader) Bytes() []byte { return a.take(a.length(1)) }

// String reads a text.
func (a *ArrayReader) String() string { return string(a.Bytes()) }

// Fail marks the arrays as contradicting themselves.
func (a *ArrayReader) Fail() {
	if a.err == nil {
		a.err = ErrArrays
	}
}

// Err returns the first error so far.
func (a *ArrayReader) Err() error { return a.err }

// End returns the first error, or ErrArrays when something is left over.
func (a *ArrayReader) End() error {
	if a.err == nil && len(a.data) > 0 {
		a.err = ErrArrays
	}
	return a.err
}
