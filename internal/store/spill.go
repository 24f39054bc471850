package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/klauspost/compress/s2"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// spillRows is the number of rows of a block of a spilled run: merging holds one block of each run.
const spillRows = 1 << 13

// scratch makes temporary files. In a sealed workspace each piece that is written is sealed by AES-256-GCM under a random
// key that only this process's memory knows, with the piece's place authenticated, so nothing readable touches the disk and
// what is left of a crash says nothing.
type scratch struct {
	fs    files
	dir   string
	aead  cipher.AEAD // nil when not sealed
	files []*scratchFile
}

// scratchFile is one temporary file: written piece by piece, then read in any order.
type scratchFile struct {
	id     uint64
	s      *scratch
	path   string
	w      writeFile
	r      readFile
	size   int64
	pieces int
	sealed []byte
}

// ref is where a piece of a temporary file lies.
type ref struct {
	offset, size int64
	piece        int
}

func newScratch(fs files, dir string, sealed bool) (*scratch, error) {
	s := &scratch{fs: fs, dir: dir}
	if sealed {
		key := make([]byte, 32)
		rand.Read(key)
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		if s.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *scratch) create() (*scratchFile, error) {
	f := &scratchFile{id: uint64(len(s.files)), s: s, path: fmt.Sprintf("%s/run-%d", s.dir, len(s.files))}
	var err error
	if f.w, err = s.fs.create(f.path); err != nil {
		return nil, err
	}
	s.files = append(s.files, f)
	return f, nil
}

// close removes the files.
func (s *scratch) close() {
	for _, f := range s.files {
		if f.w != nil {
			f.w.Close()
		}
		if f.r != nil {
			f.r.Close()
		}
		s.fs.remove(f.path)
	}
	s.files = nil
}

// put adds a piece.
func (f *scratchFile) put(data []byte) (ref, error) {
	if f.s.aead != nil {
		f.sealed = f.s.aead.Seal(f.sealed[:0], nil, data, f.place(f.pieces))
		data = f.sealed
	}
	at := ref{f.size, int64(len(data)), f.pieces}
	f.size += at.size
	f.pieces++
	_, err := f.w.Write(data)
	return at, err
}

// place is what a sealed piece is bound to.
func (f *scratchFile) place(piece int) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, f.id), uint64(piece))
}

// reading ends the writing.
func (f *scratchFile) reading() error {
	err := f.w.Close()
	f.w, f.sealed = nil, nil
	if err != nil {
		return err
	}
	f.r, err = f.s.fs.open(f.path)
	return err
}

func (f *scratchFile) get(at ref) ([]byte, error) {
	data := make([]byte, at.size)
	if n, err := f.r.ReadAt(data, at.offset); int64(n) < at.size {
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	if f.s.aead == nil {
		return data, nil
	}
	data, err := f.s.aead.Open(nil, nil, data, f.place(at.piece))
	if err != nil {
		return nil, errSpill
	}
	return data, nil
}

var errSpill = errors.New("a temporary file was changed while loading")

// run is a temporary file of sorted rows, in blocks.
type run struct {
	l      *layout
	file   *scratchFile
	blocks []runBlock
	known  bool
}

type runBlock struct {
	ref
	rows  int
	first uint64 // hash of the first row's customer
}

// spill writes the buffer's rows as sorted runs: one for each thread, of neighbouring customers.
func (s *scratch) spill(b *buffer, threads int) ([]*run, error) {
	b.settle(true)
	threads = max(1, min(kernel.Threads(threads), b.rows/spillRows, nRanges))
	if !b.l.keyed {
		threads = 1
	}
	runs, errs := make([]*run, threads), make([]error, threads)
	for i := range runs {
		f, err := s.create()
		if err != nil {
			return nil, err
		}
		runs[i] = &run{l: b.l, file: f, known: b.known}
	}
	kernel.Blocks(threads, threads, 1, func(i, _, _ int) {
		errs[i] = runs[i].write(b, i*nRanges/threads, (i+1)*nRanges/threads)
	})
	for i, r := range runs {
		if errs[i] == nil {
			errs[i] = r.file.reading()
		}
	}
	return runs, errors.Join(errs...)
}

// write writes the rows of customers whose hashes lie in [from, to) 256ths.
func (r *run) write(b *buffer, from, to int) error {
	var (
		s      sorter
		g      gatherer
		picks  []pick
		plain  []byte
		packed []byte
	)
	s.open(b, from, to)
	for in := s.next(spillRows); in != nil; in = s.next(spillRows) {
		for at := 0; at < in.n; at += spillRows { // rows of nobody come in larger blocks
			n := min(spillRows, in.n-at)
			picks = picks[:0]
			for i := at; i < at+n; i++ {
				picks = append(picks, pick{r: int32(i), seq: in.seqOf(i)})
			}
			plain = appendBlock(plain[:0], g.take(b.l, []*block{in}, picks, b.known))
			packed = s2.Encode(packed[:cap(packed)], plain)
			place, err := r.file.put(packed)
			if err != nil {
				return err
			}
			r.blocks = append(r.blocks, runBlock{place, n, in.hashOf(at)})
		}
	}
	return nil
}

// read reads block i.
func (r *run) read(i int) (*block, error) {
	data, err := r.file.get(r.blocks[i].ref)
	if err != nil {
		return nil, err
	}
	if data, err = s2.Decode(nil, data); err != nil {
		return nil, errSpill
	}
	b, err := r.l.readBlock(data, r.blocks[i].rows, r.known)
	if err != nil {
		return nil, err
	}
	b.hashCustomers()
	return b, nil
}

// Blocks are written in this machine's byte order: nobody else reads them, and nobody later.

func appendBlock(out []byte, b *block) []byte {
	ints := func(v []int64) {
		if v != nil {
			out = append(out, arrow.Int64Traits.CastToBytes(v)...)
		}
	}
	column := func(c *table.Column) {
		switch {
		case c.Kind.InCode():
			out = append(out, arrow.Int32Traits.CastToBytes(c.Code)...)
			out = binary.LittleEndian.AppendUint32(out, uint32(c.Dict.Len()))
			for i := range c.Dict.Len() {
				out = binary.LittleEndian.AppendUint32(out, uint32(len(c.Dict.Bytes(i))))
			}
			out = append(out, c.Dict.Data()...)
		case c.Kind == table.Number:
			out = append(out, arrow.Float64Traits.CastToBytes(c.Num)...)
		default:
			ints(c.Int)
		}
	}
	ints(b.seq)
	if b.cust != nil {
		column(b.cust)
	}
	ints(b.time)
	ints(b.known)
	if b.id != nil {
		column(b.id)
	}
	for _, c := range b.fields {
		column(c)
	}
	for _, c := range b.clear {
		column(c)
	}
	return out
}

// readBlock is the inverse of appendBlock.
func (l *layout) readBlock(in []byte, n int, known bool) (*block, error) {
	bad := false
	cut := func(size int) []byte {
		if size < 0 || size > len(in) {
			bad = true
			return make([]byte, max(size, 0)%(1<<20))
		}
		out := in[:size]
		in = in[size:]
		return out
	}
	ints := func() []int64 {
		v := make([]int64, n)
		copy(arrow.Int64Traits.CastToBytes(v), cut(8*n))
		return v
	}
	column := func(f field) *table.Column {
		c := &table.Column{Name: f.Name, Kind: f.Kind, Scale: f.Scale}
		switch {
		case f.Kind.InCode():
			c.Code, c.Dict = make([]int32, n), table.NewDict()
			copy(arrow.Int32Traits.CastToBytes(c.Code), cut(4*n))
			var size [4]byte
			copy(size[:], cut(4))
			k := int(binary.LittleEndian.Uint32(size[:]))
			lengths := cut(4 * k)
			for ; len(lengths) >= 4 && !bad; lengths = lengths[4:] {
				c.Dict.Push(cut(int(binary.LittleEndian.Uint32(lengths))))
			}
		case f.Kind == table.Number:
			c.Num = make([]float64, n)
			copy(arrow.Float64Traits.CastToBytes(c.Num), cut(8*n))
		default:
			c.Int = ints()
		}
		return c
	}
	text := textField
	b := &block{n: n, seq: ints()}
	if l.keyed {
		b.cust = column(text)
	}
	if l.timed {
		b.time = ints()
	}
	if known {
		b.known = ints()
	}
	if l.hasID {
		b.id = column(text)
	}
	for _, f := range l.fields {
		b.fields = append(b.fields, column(f))
	}
	for range l.clear {
		b.clear = append(b.clear, column(text))
	}
	if bad || len(in) > 0 {
		return nil, errSpill
	}
	return b, nil
}
