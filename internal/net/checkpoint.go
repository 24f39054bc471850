package net

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// ErrCheckpoint says that a checkpoint is cut or belongs to another network.
var ErrCheckpoint = errors.New("net: the checkpoint is cut or of another network")

const checkpointMagic = 0x3154454e4b // "KNET1"

// WriteCheckpoint writes all that training goes on from: parameters, the optimizer's memory and steps. With the same data and
// seed, training that stops and resumes gives the same bits as training that never stopped.
func WriteCheckpoint(w io.Writer, params []*Param, o Optimizer) error {
	b := bufio.NewWriter(w)
	memory, count := o.Memory()
	writeUint64(b, checkpointMagic)
	writeUint64(b, *count)
	writeUint64(b, uint64(len(params)))
	writeUint64(b, uint64(len(memory)))
	for _, p := range params {
		writeArray(b, p.Value)
	}
	for _, m := range memory {
		writeArray(b, m)
	}
	return b.Flush()
}

// ReadCheckpoint restores parameters and optimizer of a network of the same shape. After an error both are undefined.
func ReadCheckpoint(r io.Reader, params []*Param, o Optimizer) error {
	b := bufio.NewReader(r)
	if readUint64(b) != checkpointMagic {
		return ErrCheckpoint
	}
	steps := readUint64(b)
	if readUint64(b) != uint64(len(params)) {
		return ErrCheckpoint
	}
	arrays := readUint64(b)
	if arrays > 0 { // memory is made by the first step: one that moves nothing
		if memory, _ := o.Memory(); memory == nil {
			still := make([]*Param, len(params))
			for i, p := range params {
				n := len(p.Value)
				still[i] = &Param{Value: make([]float32, n), Grad: make([]float32, n)}
			}
			o.Step(still, 0)
		}
	}
	memory, count := o.Memory()
	if arrays != uint64(len(memory)) {
		return ErrCheckpoint
	}
	*count = steps
	for _, p := range params {
		if err := readArray(b, p.Value); err != nil {
			return err
		}
	}
	for _, m := range memory {
		if err := readArray(b, m); err != nil {
			return err
		}
	}
	if _, err := b.ReadByte(); err != io.EOF {
		return ErrCheckpoint
	}
	return nil
}

func writeUint64(b *bufio.Writer, v uint64) {
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], v)
	b.Write(word[:])
}

// readUint64 returns the largest number where the file ends, which fits nothing.
func readUint64(b *bufio.Reader) uint64 {
	var word [8]byte
	if _, err := io.ReadFull(b, word[:]); err != nil {
		return math.MaxUint64
	}
	return binary.LittleEndian.Uint64(word[:])
}

func writeArray(b *bufio.Writer, v []float32) {
	writeUint64(b, uint64(len(v)))
	var word [4]byte
	for _, x := range v {
		binary.LittleEndian.PutUint32(word[:], math.Float32bits(x))
		b.Write(word[:])
	}
}

func readArray(b *bufio.Reader, v []float32) error {
	if readUint64(b) != uint64(len(v)) {
		return ErrCheckpoint
	}
	var word [4]byte
	for i := range v {
		if _, err := io.ReadFull(b, word[:]); err != nil {
			return ErrCheckpoint
		}
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(word[:]))
	}
	return nil
}
