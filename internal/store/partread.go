package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"kequn/internal/table"
)

// partReader reads columns of one part. It is for one goroutine.
type partReader struct {
	path   string
	part   part
	r      *file.Reader
	close  func() error
	groups []groupInfo
	index  map[string]int // column's position by name
}

type groupInfo struct {
	rows  int
	start uint64 // hash of the first customer
}

func partPath(id string) string { return "parts/" + id[:2] + "/" + id + ".parquet" }

// openPart opens a part. The first time in this process that a part is opened, its bytes are compared with its name.
func (w *Workspace) openPart(p part) (*partReader, error) {
	in, err := w.openChecked(w.path(partPath(p.ID)), p)
	if err != nil {
		return nil, err
	}
	return w.openPartIn(in, p)
}

// openPartIn opens a part whose bytes are in a file. The file is closed with the reader, or after an error.
func (w *Workspace) openPartIn(in readFile, p part) (*partReader, error) {
	path := w.path(partPath(p.ID))
	r := &partReader{path: path, part: p, close: in.Close}
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	if w.keys != nil {
		file, err := hex.DecodeString(p.File)
		if err != nil || p.Key == "" {
			in.Close()
			return nil, damaged(path, "is not sealed, but the workspace is")
		}
		key, err := w.keys.PartKey(p.Key, file)
		if err != nil {
			in.Close()
			return nil, err
		}
		props.FileDecryptProps = parquet.NewFileDecryptionProperties(parquet.WithFooterKey(string(key)), parquet.WithDecryptAadPrefix(p.File))
	}
	if err := r.open(in, props); err != nil {
		in.Close()
		return nil, damaged(path, "cannot be read as a part")
	}
	return r, nil
}

// openChecked opens a part's file, after reading it whole once to see that it is what its name says.
func (w *Workspace) openChecked(path string, p part) (readFile, error) {
	if _, done := w.checked.Load(p.ID); done {
		f, err := w.fs.open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, damaged(path, "is missing")
		}
		if err == nil && f.Size() != p.Bytes {
			f.Close()
			return nil, damaged(path, "was changed or cut")
		}
		return f, diskError(err)
	}
	data, err := w.fs.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged(path, "is missing")
	}
	if err != nil {
		return nil, diskError(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != p.ID {
		return nil, damaged(path, "was changed or cut")
	}
	w.checked.Store(p.ID, true)
	return memoryFile{bytes.NewReader(data)}, nil
}

type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error { return nil }

// open reads the footer. The library panics on some broken files; here that is an error.
func (r *partReader) open(in readFile, props *parquet.ReaderProperties) (err error) {
	defer recovered(&err)
	r.r, err = file.NewParquetReader(&seeker{in, 0}, file.WithReadProps(props))
	if err != nil {
		return err
	}
	meta := r.r.MetaData()
	kv := meta.KeyValueMetadata()
	if v := kv.FindValue(metaFormat); v == nil || *v != strconv.Itoa(format) {
		return errors.New("store: no part of a known format")
	}
	r.index = map[string]int{}
	for i := range meta.Schema.NumColumns() {
		r.index[meta.Schema.Column(i).Name()] = i
	}
	starts := kv.FindValue(metaGroups)
	if starts == nil {
		return errors.New("store: no row groups' hashes")
	}
	list := strings.Split(*starts, ",")
	if *starts == "" {
		list = nil
	}
	rows := int64(0)
	for i := range r.r.NumRowGroups() {
		if i >= len(list) {
			return errors.New("store: too few row groups' hashes")
		}
		start, err := strconv.ParseUint(list[i], 16, 64)
		if err != nil {
			return err
		}
		n := meta.RowGroup(i).NumRows()
		if n < 0 || n > groupRows {
			return errors.New("store: a row group of a wrong size")
		}
		rows += n
		r.groups = append(r.groups, groupInfo{int(n), start})
	}
	if rows != r.part.Rows {
		return errors.New("store: a part with a wrong number of rows")
	}
	return nil
}

// seeker gives a file a position, of which the library only wants the end.
type seeker struct {
	readFile
	at int64
}

func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case 0:
		s.at = offset
	case 1:
		s.at += offset
	default:
		s.at = s.Size() + offset
	}
	return s.at, nil
}

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("store: %v", r)
	}
}

// Close lets go of the file.
func (r *partReader) Close() error { return r.close() }

// has tells whether the part has a column of that name.
func (r *partReader) has(name string) bool { _, ok := r.index[name]; return ok }

// groupsIn returns the row groups [a, b) that may hold customers with hashes in [from, to); to 0 is the end.
func (r *partReader) groupsIn(from, to uint64) (a, b int) {
	for b < len(r.groups) && (to == 0 || r.groups[b].start < to) {
		b++
	}
	// A group may begin before from and reach into it; equal starts are the same customer going on.
	for a = 0; a+1 < b && r.groups[a+1].start < from; a++ {
	}
	return a, b
}

// read appends the rows of the row groups [a, b) to columns, which are named and of the kinds of fields. Columns that
// the part lacks are filled with missing values.
func (r *partReader) read(a, b int, fields []field) (out []*table.Column, err error) {
	defer func() {
		if err != nil {
			err = damaged(r.path, "cannot be read as a part")
		}
	}()
	defer recovered(&err)
	n := 0
	for g := a; g < b; g++ {
		n += r.groups[g].rows
	}
	for _, f := range fields {
		c := table.NewColumn(f.Name, f.Kind, n)
		c.Scale = f.Scale
		if err := r.column(c, a, b); err != nil {
			return nil, err
		}
		if c.Len() != n {
			return nil, errors.New("store: a column of another length")
		}
		out = append(out, c)
	}
	return out, nil
}

func (r *partReader) column(c *table.Column, a, b int) error {
	at, ok := r.index[c.Name]
	for g := a; g < b; g++ {
		n := r.groups[g].rows
		if !ok {
			for range n {
				c.AppendMissing()
			}
			continue
		}
		if err := r.chunk(c, g, at, n); err != nil {
			return err
		}
	}
	return nil
}

// chunk appends one row group of a column.
func (r *partReader) chunk(c *table.Column, g, at, n int) error {
	rg := r.r.RowGroup(g)
	if c.Kind.InCode() {
		return r.textChunk(c, rg, at, n)
	}
	cr, err := rg.Column(at)
	if err != nil {
		return err
	}
	var defs []int16
	if cr.Descriptor().MaxDefinitionLevel() > 0 {
		defs = make([]int16, n)
	}
	rows, values := int64(0), 0
	switch cr := cr.(type) {
	case *file.Float64ColumnChunkReader:
		if c.Kind != table.Number {
			return errKind
		}
		from := len(c.Num)
		c.Num = append(c.Num, make([]float64, n)...)
		rows, values, err = cr.ReadBatch(int64(n), c.Num[from:], defs, nil)
		spread(c.Num[from:], defs, values, math.NaN())
	case *file.Int64ColumnChunkReader:
		if !c.Kind.InInt() || c.Kind == table.Bool {
			return errKind
		}
		from := len(c.Int)
		c.Int = append(c.Int, make([]int64, n)...)
		rows, values, err = cr.ReadBatch(int64(n), c.Int[from:], defs, nil)
		spread(c.Int[from:], defs, values, table.Missing)
	case *file.BooleanColumnChunkReader:
		if c.Kind != table.Bool {
			return errKind
		}
		bools := make([]bool, n)
		rows, values, err = cr.ReadBatch(int64(n), bools, defs, nil)
		from := len(c.Int)
		c.Int = append(c.Int, make([]int64, n)...)
		for i, v := range bools[:values] {
			if v {
				c.Int[from+i] = 1
			}
		}
		spread(c.Int[from:], defs, values, table.Missing)
	default:
		return errKind
	}
	if err != nil {
		return err
	}
	if rows != int64(n) {
		return errors.New("store: a column chunk is short")
	}
	return nil
}

var errKind = errors.New("store: a column of another kind than the manifest says")

// spread moves the values, which lie packed at the front, to the rows that have one.
func spread[T any](v []T, defs []int16, values int, missing T) {
	if defs == nil || values == len(v) {
		return
	}
	for i := len(v) - 1; i >= 0; i-- {
		if defs[i] == 0 {
			v[i] = missing
			continue
		}
		values--
		v[i] = v[values]
	}
}

var textType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.Binary}

// textChunk appends one row group of a text column: by dictionary where it was written so, else text by text.
func (r *partReader) textChunk(c *table.Column, rg *file.RowGroupReader, at, n int) error {
	descr := r.r.MetaData().Schema.Column(at)
	if descr.PhysicalType() != parquet.Types.ByteArray {
		return errKind
	}
	chunk, err := rg.MetaData().ColumnChunk(at)
	if err != nil {
		return err
	}
	if !chunk.HasDictionaryPage() {
		return r.plainTextChunk(c, rg, at, n)
	}
	pages, err := rg.GetColumnPageReader(at)
	if err != nil {
		return err
	}
	info := file.LevelInfo{NullSlotUsage: 1, DefLevel: descr.MaxDefinitionLevel()}
	rr := file.NewRecordReader(descr, info, textType, memory.DefaultAllocator, r.r.BufferPool())
	defer rr.Release()
	if err := rr.(file.RecordReaderWithError).SetPageReaderWithError(pages); err != nil {
		return err
	}
	if err := rr.Reserve(int64(n)); err != nil {
		return err
	}
	for got := int64(0); got < int64(n); {
		k, err := rr.ReadRecords(int64(n) - got)
		if err != nil {
			return err
		}
		if k == 0 {
			return errors.New("store: a column chunk is short")
		}
		got += k
	}
	chunks := rr.(file.BinaryRecordReader).GetBuilderChunks()
	defer func() {
		for _, a := range chunks {
			a.Release()
		}
	}()
	for _, a := range chunks {
		d, ok := a.(*array.Dictionary)
		if !ok {
			return errKind
		}
		if err := appendDictionary(c, d); err != nil {
			return err
		}
	}
	return nil
}

func appendDictionary(c *table.Column, d *array.Dictionary) error {
	texts, ok := d.Dictionary().(*array.Binary)
	if !ok {
		return errKind
	}
	indices, ok := d.Indices().(*array.Int32)
	if !ok {
		return errKind
	}
	to := make([]int32, texts.Len())
	for i := range to {
		to[i] = c.Dict.Intern(texts.Value(i))
	}
	values := indices.Int32Values()
	if indices.NullN() == 0 {
		for _, v := range values {
			c.Code = append(c.Code, to[v])
		}
		return nil
	}
	for i, v := range values {
		if indices.IsNull(i) {
			c.Code = append(c.Code, -1)
		} else {
			c.Code = append(c.Code, to[v])
		}
	}
	return nil
}

func (r *partReader) plainTextChunk(c *table.Column, rg *file.RowGroupReader, at, n int) error {
	cr, err := rg.Column(at)
	if err != nil {
		return err
	}
	texts, ok := cr.(*file.ByteArrayColumnChunkReader)
	if !ok {
		return errKind
	}
	var defs []int16
	if cr.Descriptor().MaxDefinitionLevel() > 0 {
		defs = make([]int16, n)
	}
	values := make([]parquet.ByteArray, n)
	for got := 0; got < n; {
		// In a page at a time: the texts lie in the page's memory, which the next page takes.
		var d []int16
		if defs != nil {
			d = defs[got:]
		}
		rows, k, err := texts.ReadBatchInPage(int64(n-got), values, d, nil)
		if err != nil {
			return err
		}
		if rows == 0 {
			return errors.New("store: a column chunk is short")
		}
		next := 0
		for i := range int(rows) {
			if d != nil && d[i] == 0 {
				c.Code = append(c.Code, -1)
				continue
			}
			c.Code = append(c.Code, c.Dict.Intern(values[next]))
			next++
		}
		if next != k {
			return errors.New("store: a column chunk is short")
		}
		got += int(rows)
	}
	return nil
}

// eachGroup reads the row groups of a part one after the other; first is the number of rows before a group.
func (w *Workspace) eachGroup(p part, f func(r *partReader, g int, first int64) error) error {
	r, err := w.openPart(p)
	if err != nil {
		return err
	}
	defer r.Close()
	first := int64(0)
	for g, info := range r.groups {
		if err := f(r, g, first); err != nil {
			return err
		}
		first += int64(info.rows)
	}
	return nil
}

// block reads one row group as a block, with the columns that want names (nil names all).
func (r *partReader) block(g int, l *layout, want func(name string) bool) (*block, error) {
	b := &block{n: r.groups[g].rows, fields: make([]*table.Column, len(l.fields))}
	get := func(f field) (*table.Column, error) {
		if !r.has(f.Name) || want != nil && !want(f.Name) {
			return nil, nil
		}
		c, err := r.read(g, g+1, []field{f})
		if err != nil {
			return nil, err
		}
		return c[0], nil
	}
	for _, f := range l.partFields(true, true)[:len(l.partFields(true, true))-len(l.fields)] {
		c, err := get(f)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		switch f.Name {
		case customerColumn:
			b.cust = c
		case timeColumn:
			b.time = c.Int
		case knownColumn:
			b.known = c.Int
		case seqColumn:
			b.seq = c.Int
		case idColumn:
			b.id = c
		case goneColumn:
			b.gone = c.Int
		}
	}
	for i, f := range l.fields {
		c, err := get(f)
		if err != nil {
			return nil, err
		}
		b.fields[i] = c
	}
	b.hashCustomers()
	return b, nil
}
