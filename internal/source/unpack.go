package source

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"kequn"
)

// stored reads the bytes of a file as they lie on disk, counts and hashes them.
type stored struct {
	r   io.Reader
	n   int64
	sum hash.Hash // nil does not hash
}

func (s *stored) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if s.sum != nil {
		s.sum.Write(p[:n])
	}
	return n, err
}

// unpacker undoes gzip or zstd and refuses what grows beyond the limits.
type unpacker struct {
	path   string
	in     *stored
	r      io.Reader
	done   func()
	n      int64
	limits Limits
	packed bool
}

// unpack returns the file's bytes from its beginning, unpacked. The caller closes it.
func (f *File) unpack(hashed bool) (*unpacker, error) {
	in := &stored{r: io.NewSectionReader(f.file, 0, f.Bytes)}
	if hashed {
		in.sum = sha256.New()
	}
	u := &unpacker{path: f.Path, in: in, r: in, limits: f.opt.Limits, packed: f.Packing != "", done: func() {}}
	switch f.Packing {
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, u.damaged(err)
		}
		u.r = z
	case "zstd":
		// The window bounds the decoder's memory; 128 MiB is what zstd --long writes at most by default.
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderMaxMemory(uint64(u.limits.Unpacked)))
		if err != nil {
			return nil, u.damaged(err)
		}
		u.r, u.done = z, z.Close
	}
	return u, nil
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.n += int64(n)
	if u.packed {
		if u.n > u.limits.Unpacked {
			return n, kequn.Errorf(kequn.KindInput, u.path, "unpacks to more than %d bytes, the limit", u.limits.Unpacked).
				WithHint("split the file")
		}
		if u.n > u.limits.RatioFrom && u.n/u.limits.Ratio > u.in.n {
			return n, kequn.Errorf(kequn.KindInput, u.path, "unpacks to more than %d times its size, the limit (%d bytes from %d): it looks like a bomb",
				u.limits.Ratio, u.n, u.in.n).WithHint("if it is genuine, unpack it and load the plain file")
		}
		if err != nil && err != io.EOF {
			return n, u.damaged(err)
		}
	}
	if err != nil && err != io.EOF {
		err = readError(u.path, err)
	}
	return n, err
}

func (u *unpacker) Close() { u.done() }

func (u *unpacker) damaged(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return readError(u.path, err)
	}
	what := "is damaged: cannot be unpacked"
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		what = "ends in the middle: cannot be unpacked"
	}
	return &kequn.Error{Kind: kequn.KindInput, Where: u.path, Message: what, Err: err, Hint: "copy or pack the file again"}
}
