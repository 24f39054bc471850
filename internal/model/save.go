package model

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"kequn"
)

// A model file is
//
//	"KQMODEL\x01"              8 bytes, the last one is the container's version
//	length of header           uint32, little endian
//	header                     JSON of Header
//	length of arrays           uint64, little endian
//	arrays                     what the family's Encode wrote
//	SHA-256                    32 bytes, of everything before
//
// docs/format/model.md says every byte.
const (
	magic       = "KQMODEL\x01"
	maxHeader   = 64 << 20 // a header with 100,000 categories takes a few megabytes
	maxArrays   = 16 << 30
	readAtATime = 1 << 20 // a length that lies must not make us allocate it
)

// Decoder reads the arrays that a family's Encode wrote.
type Decoder func(h Header, r io.Reader) (Model, error)

// Save writes a model as one file.
func Save(w io.Writer, m Model) error {
	head, err := json.Marshal(m.Header())
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := m.Encode(&body); err != nil {
		return err
	}
	sum := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(w, sum))
	out.WriteString(magic)
	binary.Write(out, binary.LittleEndian, uint32(len(head)))
	out.Write(head)
	binary.Write(out, binary.LittleEndian, uint64(body.Len()))
	out.Write(body.Bytes())
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// Load reads a model that [Save] wrote, with the decoder of its family. A file that is cut, changed or of a newer
// version is refused with a damaged error before anything of it is used.
func Load(r io.Reader, decoders map[string]Decoder) (Model, error) {
	sum := sha256.New()
	in := io.TeeReader(bufio.NewReader(r), sum)
	var m [len(magic)]byte
	if _, err := io.ReadFull(in, m[:]); err != nil || string(m[:len(m)-1]) != magic[:len(magic)-1] {
		return nil, damaged("not a model file")
	}
	if m[len(m)-1] != magic[len(magic)-1] {
		return nil, damaged("model file of container version %d, this program reads %d", m[len(m)-1], magic[len(magic)-1]).
			WithHint(newer)
	}
	var headLen uint32
	if err := binary.Read(in, binary.LittleEndian, &headLen); err != nil || headLen > maxHeader {
		return nil, damaged("model file is cut or its header is too long")
	}
	head, err := readN(in, uint64(headLen))
	if err != nil {
		return nil, damaged("model file is cut in its header")
	}
	var bodyLen uint64
	if err := binary.Read(in, binary.LittleEndian, &bodyLen); err != nil || bodyLen > maxArrays {
		return nil, damaged("model file is cut or its arrays are too long")
	}
	body, err := readN(in, bodyLen)
	if err != nil {
		return nil, damaged("model file is cut in its arrays")
	}
	want := sum.Sum(nil)
	got := make([]byte, sha256.Size)
	if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(want, got) {
		return nil, damaged("model file's checksum is wrong")
	}
	var h Header
	if err := json.Unmarshal(head, &h); err != nil {
		return nil, damaged("model header: %v", err)
	}
	decode, ok := decoders[h.Family]
	if !ok {
		return nil, damaged("model of an unknown family %q", h.Family).WithHint(newer)
	}
	model, err := decode(h, bytes.NewReader(body))
	var inside *kequn.Error // of a model within this one
	switch {
	case errors.Is(err, ErrNewer):
		return nil, damaged("%s model of version %d, which this program does not know", h.Family, h.Version).WithHint(newer)
	case errors.As(err, &inside):
		return nil, damaged("%s model: %v", h.Family, err).WithHint("%s", inside.Hint)
	case err != nil:
		return nil, damaged("%s model: %v", h.Family, err)
	}
	return model, nil
}

const newer = "it was written by a newer program: use that one"

func damaged(format string, args ...any) *kequn.Error {
	return kequn.Errorf(kequn.KindDamaged, "", "%v", fmt.Errorf(format, args...))
}

func readN(r io.Reader, n uint64) ([]byte, error) {
	var b bytes.Buffer
	for n > 0 {
		k, err := io.CopyN(&b, r, int64(min(n, readAtATime)))
		if err != nil {
			return nil, err
		}
		n -= uint64(k)
	}
	return b.Bytes(), nil
}
