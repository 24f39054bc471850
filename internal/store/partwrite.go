package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"kequn/internal/table"
	"kequn/internal/vault"
)

// groupRows is the number of rows of a row group: a column of one then fits the second-level cache, and slicing a part
// reads little more than it needs.
const groupRows = 1 << 16

// Keys of a part's Parquet metadata.
const (
	metaFormat = "kequn.format" // version of the part's layout
	metaKinds  = "kequn.kinds"  // kinds of the columns, in order, separated by commas
	metaGroups = "kequn.groups" // hash of the first customer of each row group, in hexadecimal, separated by commas
)

// fewValues is the number of different whole numbers up to which a column is written by dictionary: 12 bits a value, where
// times of day take 37 as differences.
const fewValues = 1 << 12

// partWriter writes one part, row group by row group. The first one decides how numbers are encoded.
type partWriter struct {
	fields []field
	keys   *vault.Keyring
	out    *partSink
	w      *file.Writer
	keyID  string
	file   [16]byte
	starts []string // hash of each row group's first customer
	rows   int64

	defs    []int16 // scratch
	ints    []int64
	floats  []float64
	bools   []bool
	texts   []parquet.ByteArray
	indices []int32
	bitmap  []byte
}

// partSink counts and hashes what goes to the file.
type partSink struct {
	w   io.Writer
	sum hash.Hash
	n   int64
	err error
}

func (s *partSink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.sum.Write(p[:n])
	s.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.err = err
	return n, err
}

func newPartWriter(w io.Writer, fields []field, keys *vault.Keyring) (*partWriter, error) {
	return &partWriter{fields: fields, keys: keys, out: &partSink{w: w, sum: sha256.New()}}, nil
}

// begin writes what comes before the first row group, whose columns decide between encodings: no columns stand for a part
// without rows. Integers, money and times are written as differences, or by dictionary where they are few; what is packed to
// the bit already is not compressed once more.
func (p *partWriter) begin(columns []*table.Column) error {
	node, err := parquetSchema(p.fields)
	if err != nil {
		return err
	}
	props := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(1),
		parquet.WithMaxRowGroupLength(groupRows),
		parquet.WithBatchSize(groupRows),
		parquet.WithDictionaryDefault(false),
		parquet.WithDictionaryPageSizeLimit(64 << 20),
		parquet.WithDataPageVersion(parquet.DataPageV2),
		parquet.WithCreatedBy("kequn"),
		parquet.WithStoreDecimalAsInteger(true),
	}
	for i, f := range p.fields {
		switch {
		case f.Kind.InCode() && f.Name != idColumn:
			props = append(props, parquet.WithDictionaryFor(f.Name, true))
		case f.Kind.InInt() && f.Kind != table.Bool:
			few, step := false, int64(1)
			if columns != nil && f.Name != seqColumn {
				few, step = p.survey(columns[i].Int)
			}
			if few {
				props = append(props, parquet.WithDictionaryFor(f.Name, true))
			} else {
				props = append(props, parquet.WithEncodingFor(f.Name, parquet.Encodings.DeltaBinaryPacked))
			}
			if few || step == 1 {
				props = append(props, parquet.WithCompressionFor(f.Name, compress.Codecs.Uncompressed))
			}
		}
	}
	if p.keys != nil {
		rand.Read(p.file[:])
		p.keyID = p.keys.Newest()
		key, err := p.keys.PartKey(p.keyID, p.file[:])
		if err != nil {
			return err
		}
		props = append(props, parquet.WithEncryptionProperties(parquet.NewFileEncryptionProperties(string(key),
			parquet.WithFooterKeyMetadata(keyMetadata(p.keyID, p.file)), parquet.WithAadPrefix(hex.EncodeToString(p.file[:])))))
	}
	p.w, err = file.NewParquetWriterWithError(p.out, node, file.WithWriterProps(parquet.NewWriterProperties(props...)))
	return p.failed(err)
}

// survey tells whether there are at most fewValues different numbers, each four times or more, and the greatest step of which
// the first ones are multiples.
func (p *partWriter) survey(v []int64) (few bool, step int64) {
	for _, x := range v[:min(len(v), fewValues)] {
		if x != table.Missing && step != 1 {
			step = gcd(step, x)
		}
	}
	const bits = 13
	var slots [1 << bits]int64 // numbers but for their sign bit: 0 is none, as no number is table.Missing
	n, most := 0, min(fewValues, len(v)/4)
	for _, x := range v {
		if x == table.Missing {
			continue
		}
		x ^= table.Missing
		at := uint64(x) * 0x9e3779b97f4a7c15 >> (64 - bits)
		for slots[at] != 0 && slots[at] != x {
			at = (at + 1) % (1 << bits)
		}
		if slots[at] == 0 {
			slots[at] = x
			if n++; n > most {
				return false, step
			}
		}
	}
	return true, step
}

// gcd returns the greatest common divisor of two numbers, not negative.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}

// keyMetadata is stored in the clear in a sealed part, so that a reader can ask for the right key.
func keyMetadata(id string, file [16]byte) string {
	data, _ := json.Marshal(map[string]string{"kequn_key": id, "file": hex.EncodeToString(file[:])})
	return string(data)
}

func parquetSchema(fields []field) (*schema.GroupNode, error) {
	var nodes schema.FieldList
	for _, f := range fields {
		rep := parquet.Repetitions.Optional
		if f.Name == customerColumn || f.Name == seqColumn || f.Name == goneColumn || f.Name == timeColumn || f.Name == knownColumn {
			rep = parquet.Repetitions.Required
		}
		var n schema.Node
		var err error
		switch f.Kind {
		case table.Number:
			n, err = schema.NewPrimitiveNode(f.Name, rep, parquet.Types.Double, -1, -1)
		case table.Integer:
			n, err = schema.NewPrimitiveNode(f.Name, rep, parquet.Types.Int64, -1, -1)
		case table.Bool:
			n, err = schema.NewPrimitiveNode(f.Name, rep, parquet.Types.Boolean, -1, -1)
		case table.Time:
			n, err = schema.NewPrimitiveNodeLogical(f.Name, rep, schema.NewTimestampLogicalType(true, schema.TimeUnitMicros), parquet.Types.Int64, 0, -1)
		case table.Money:
			n, err = schema.NewPrimitiveNodeLogical(f.Name, rep, schema.NewDecimalLogicalType(18, int32(f.Scale)), parquet.Types.Int64, 0, -1)
		default:
			n, err = schema.NewPrimitiveNodeLogical(f.Name, rep, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
		}
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return schema.NewGroupNode("kequn", parquet.Repetitions.Required, nodes, -1)
}

// group writes a row group of at most groupRows rows: a column for each field, in order. first is the hash of the first
// row's customer.
func (p *partWriter) group(columns []*table.Column, first uint64) error {
	n := columns[0].Len()
	if n == 0 {
		return nil
	}
	if p.w == nil {
		if err := p.begin(columns); err != nil {
			return err
		}
	}
	rg, err := p.w.AppendRowGroupChecked()
	if err != nil {
		return p.failed(err)
	}
	for i, c := range columns {
		cw, err := rg.NextColumn()
		if err != nil {
			return p.failed(err)
		}
		if err := p.column(cw, c); err != nil {
			return p.failed(fmt.Errorf("column %d: %w", i, err))
		}
		if err := cw.Close(); err != nil {
			return p.failed(err)
		}
	}
	if err := rg.Close(); err != nil {
		return p.failed(err)
	}
	p.starts = append(p.starts, strconv.FormatUint(first, 16))
	p.rows += int64(n)
	return nil
}

// failed prefers the disk's error to what the library makes of it.
func (p *partWriter) failed(err error) error {
	if p.out.err != nil {
		return p.out.err
	}
	return err
}

// finish writes the footer and describes the part.
func (p *partWriter) finish() (part, error) {
	if p.w == nil {
		if err := p.begin(nil); err != nil {
			return part{}, err
		}
	}
	kinds := make([]string, len(p.fields))
	for i, f := range p.fields {
		kinds[i] = f.Kind.String()
	}
	for _, kv := range [][2]string{{metaFormat, strconv.Itoa(format)}, {metaKinds, strings.Join(kinds, ",")}, {metaGroups, strings.Join(p.starts, ",")}} {
		if err := p.w.AppendKeyValueMetadata(kv[0], kv[1]); err != nil {
			return part{}, err
		}
	}
	if err := p.w.Close(); err != nil {
		return part{}, p.failed(err)
	}
	out := part{ID: hex.EncodeToString(p.out.sum.Sum(nil)), Bytes: p.out.n, Rows: p.rows, Key: p.keyID}
	if p.keyID != "" {
		out.File = hex.EncodeToString(p.file[:])
	}
	return out, nil
}

// dictWriter is what the library's dictionary encoders can do; their package is internal to it.
type dictWriter interface {
	PutDictionary(arrow.Array) error
	NumEntries() int
}

// statsWriter is what the library's statistics of texts can do.
type statsWriter interface {
	IncNulls(int64)
	IncNumValues(int64)
	UpdateFromArrow(arrow.Array, bool) error
}

func (p *partWriter) column(cw file.ColumnChunkWriter, c *table.Column) error {
	n := c.Len()
	required := cw.LevelInfo().DefLevel == 0
	if !required {
		p.levels(c, n)
	}
	var defs []int16
	if !required {
		defs = p.defs[:n]
	}
	var err error
	switch w := cw.(type) {
	case *file.Float64ColumnChunkWriter:
		values := c.Num
		if !required {
			p.floats = p.floats[:0]
			for _, v := range c.Num {
				if !math.IsNaN(v) {
					p.floats = append(p.floats, v)
				}
			}
			values = p.floats
		}
		_, err = w.WriteBatch(values, defs, nil)
	case *file.Int64ColumnChunkWriter:
		values := c.Int
		if !required {
			p.ints = p.ints[:0]
			for _, v := range c.Int {
				if v != table.Missing {
					p.ints = append(p.ints, v)
				}
			}
			values = p.ints
		}
		_, err = w.WriteBatch(values, defs, nil)
	case *file.BooleanColumnChunkWriter:
		p.bools = p.bools[:0]
		for _, v := range c.Int {
			if v != table.Missing {
				p.bools = append(p.bools, v != 0)
			}
		}
		_, err = w.WriteBatch(p.bools, defs, nil)
	case *file.ByteArrayColumnChunkWriter:
		err = p.text(w, c, defs)
	default:
		err = errors.New("store: column of an unknown kind")
	}
	return err
}

// levels fills p.defs with 1 for values and 0 for missing ones.
func (p *partWriter) levels(c *table.Column, n int) {
	if cap(p.defs) < n {
		p.defs = make([]int16, n, max(n, groupRows))
	}
	d := p.defs[:n]
	switch {
	case c.Kind == table.Number:
		for i, v := range c.Num {
			d[i] = 1
			if math.IsNaN(v) {
				d[i] = 0
			}
		}
	case c.Kind.InInt():
		for i, v := range c.Int {
			d[i] = 1
			if v == table.Missing {
				d[i] = 0
			}
		}
	default:
		for i, v := range c.Code {
			d[i] = 1
			if v < 0 {
				d[i] = 0
			}
		}
	}
	p.defs = d
}

// text writes a text column by dictionary, or plain where most values differ.
func (p *partWriter) text(w *file.ByteArrayColumnChunkWriter, c *table.Column, defs []int16) error {
	dict, byDict := w.CurrentEncoder().(dictWriter)
	if byDict && 2*c.Dict.Len() > len(c.Code) && c.Dict.Len() > 64 {
		w.FallbackToPlain()
		byDict = false
	}
	if !byDict {
		p.texts = p.texts[:0]
		for _, k := range c.Code {
			if k >= 0 {
				p.texts = append(p.texts, c.Dict.Bytes(int(k)))
			}
		}
		_, err := w.WriteBatch(p.texts, defs, nil)
		return err
	}
	values, err := arrowTexts(c.Dict)
	if err != nil {
		return err
	}
	defer values.Release()
	if err := dict.PutDictionary(values); err != nil {
		return err
	}
	if dict.NumEntries() != c.Dict.Len() {
		return errors.New("store: a dictionary holds a text twice")
	}
	indices, nulls := p.arrowIndices(c.Code)
	defer indices.Release()
	if s, ok := w.PageStatistics().(statsWriter); ok && c.Dict.Len() > 0 {
		s.IncNulls(int64(nulls))
		s.IncNumValues(int64(len(c.Code) - nulls))
		if err := s.UpdateFromArrow(values, false); err != nil {
			return err
		}
	}
	return w.WriteDictIndices(indices, defs, nil)
}

// arrowTexts wraps a dictionary's texts without copying them.
func arrowTexts(d *table.Dict) (arrow.Array, error) {
	offsets := make([]int32, d.Len()+1)
	total := 0
	for i := range d.Len() {
		total += len(d.Bytes(i))
		if total > math.MaxInt32 {
			return nil, errors.New("store: the texts of one row group exceed 2 GB")
		}
		offsets[i+1] = int32(total)
	}
	out := array.NewData(arrow.BinaryTypes.Binary, d.Len(), []*memory.Buffer{nil,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(d.Data())}, nil, 0, 0)
	defer out.Release()
	return array.NewBinaryData(out), nil
}

// arrowIndices wraps codes as an arrow array; the codes of missing values are set to 0 in a copy.
func (p *partWriter) arrowIndices(codes []int32) (arrow.Array, int) {
	nulls := 0
	for _, k := range codes {
		if k < 0 {
			nulls++
		}
	}
	var bitmap *memory.Buffer
	if nulls > 0 {
		p.indices = append(p.indices[:0], codes...)
		p.bitmap = append(p.bitmap[:0], make([]byte, (len(codes)+7)/8)...)
		for i, k := range codes {
			if k < 0 {
				p.indices[i] = 0
			} else {
				p.bitmap[i>>3] |= 1 << (i & 7)
			}
		}
		codes, bitmap = p.indices, memory.NewBufferBytes(p.bitmap)
	}
	data := array.NewData(arrow.PrimitiveTypes.Int32, len(codes), []*memory.Buffer{bitmap,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(codes))}, nil, nulls, 0)
	defer data.Release()
	return array.NewInt32Data(data), nulls
}
