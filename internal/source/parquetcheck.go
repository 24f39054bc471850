package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxFooter is the largest Parquet footer that is read. Files of 4,096 columns and 10,000 row groups stay below.
const maxFooter = 64 << 20

// isParquet tells whether a file begins as Parquet.
func isParquet(head []byte) bool { return len(head) >= 4 && string(head[:4]) == "PAR1" }

// checkParquet looks at a Parquet file's frame before any library does: magic numbers, the footer's length, and whether
// the footer is sound Thrift whose lists and strings fit into it. So no claimed size is believed that the file cannot hold.
func checkParquet(r io.ReaderAt, size int64) error {
	if size < 12 {
		return errors.New("the file is too short")
	}
	var tail [8]byte
	if _, err := r.ReadAt(tail[:], size-8); err != nil {
		return err
	}
	switch string(tail[4:]) {
	case "PAR1":
	case "PARE":
		return errors.New("its footer is encrypted")
	default:
		return errors.New("it does not end as Parquet does: was it cut off?")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if n > size-12 {
		return fmt.Errorf("its footer claims %d bytes, more than the file holds", n)
	}
	if n > maxFooter {
		return fmt.Errorf("its footer has %d bytes, the limit is %d", n, maxFooter)
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-8-n); err != nil {
		return err
	}
	return checkThrift(footer)
}

// checkThrift walks one struct in Thrift's compact protocol and checks that all of it lies within b.
func checkThrift(b []byte) error {
	w := thriftWalk{b: b}
	return w.structure(0)
}

type thriftWalk struct {
	b []byte
	i int
}

var errThrift = errors.New("its footer is damaged")

// The types of the compact protocol.
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

func (w *thriftWalk) structure(depth int) error {
	if depth > 24 { // Parquet's own metadata nests about 8 deep
		return errThrift
	}
	for {
		head, err := w.byte()
		if err != nil {
			return err
		}
		if head == thriftStop {
			return nil
		}
		if head>>4 == 0 { // the field's number follows
			if _, err := w.varint(); err != nil {
				return err
			}
		}
		switch kind := head & 0x0F; kind {
		case thriftTrue, thriftFalse: // the value is the type
		default:
			if err := w.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

func (w *thriftWalk) value(kind byte, depth int) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		_, err := w.byte()
		return err
	case thriftI16, thriftI32, thriftI64:
		_, err := w.varint()
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftUUID:
		return w.skip(16)
	case thriftBinary:
		n, err := w.varint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thriftList, thriftSet:
		head, err := w.byte()
		if err != nil {
			return err
		}
		n := uint64(head >> 4)
		if n == 15 {
			if n, err = w.varint(); err != nil {
				return err
			}
		}
		if n > uint64(len(w.b)-w.i) { // an element takes a byte at least
			return errThrift
		}
		for range n {
			if err := w.element(head&0x0F, depth); err != nil {
				return err
			}
		}
		return nil
	case thriftMap:
		n, err := w.varint()
		if err != nil || n == 0 {
			return err
		}
		kinds, err := w.byte()
		if err != nil || n > uint64(len(w.b)-w.i) {
			return errThrift
		}
		for range n {
			if err := w.element(kinds>>4, depth); err != nil {
				return err
			}
			if err := w.element(kinds&0x0F, depth); err != nil {
				return err
			}
		}
		return nil
	case thriftStruct:
		return w.structure(depth + 1)
	}
	return errThrift
}

func (w *thriftWalk) element(kind byte, depth int) error {
	if kind == thriftList || kind == thriftSet || kind == thriftMap {
		depth++
		if depth > 24 {
			return errThrift
		}
	}
	return w.value(kind, depth)
}

func (w *thriftWalk) byte() (byte, error) {
	if w.i >= len(w.b) {
		return 0, errThrift
	}
	w.i++
	return w.b[w.i-1], nil
}

func (w *thriftWalk) varint() (uint64, error) {
	v, n := binary.Uvarint(w.b[w.i:])
	if n <= 0 {
		return 0, errThrift
	}
	w.i += n
	return v, nil
}

func (w *thriftWalk) skip(n uint64) error {
	if n > uint64(len(w.b)-w.i) {
		return errThrift
	}
	w.i += int(n)
	return nil
}
