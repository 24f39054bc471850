package feature

import (
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/table"
)

// parquetRows is how many rows make a row group: enough for readers to skip and to share work, few enough to keep in memory.
const parquetRows = 1 << 17

// NewParquet returns a Parquet file, Snappy-compressed, with the columns of [NewCSV] and their types: whole numbers int64,
// other numbers double, conditions boolean, texts by dictionary, cutoffs timestamps in UTC. Rows keep the store's order (of the
// customers' hashes, the same for the same data). Memory is bounded by a row group of 131,072 rows and a partition.
func NewParquet(w io.Writer, l Layout) (File, error) {
	f := &parquetFile{layout: l}
	var fields schema.FieldList
	props := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Snappy), parquet.WithMaxRowGroupLength(parquetRows), parquet.WithBatchSize(parquetRows),
		parquet.WithDictionaryDefault(false), parquet.WithDataPageVersion(parquet.DataPageV1), parquet.WithCreatedBy("kequn"), parquet.WithStats(false),
	}
	add := func(n schema.Node, err error) error {
		fields = append(fields, n)
		return err
	}
	required := func(n *query.Node) parquet.Repetition {
		if MayMiss(n) {
			return parquet.Repetitions.Optional
		}
		return parquet.Repetitions.Required
	}
	if err := add(schema.NewPrimitiveNodeLogical(FileCustomer, parquet.Repetitions.Required, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)); err != nil {
		return nil, err
	}
	if len(l.Cutoffs) > 1 {
		if err := add(schema.NewPrimitiveNodeLogical(FileCutoff, parquet.Repetitions.Required, schema.NewTimestampLogicalType(true, schema.TimeUnitMicros), parquet.Types.Int64, -1, -1)); err != nil {
			return nil, err
		}
		props = append(props, parquet.WithDictionaryFor(FileCutoff, true))
	}
	for _, x := range l.Features {
		var err error
		switch {
		case isText(x):
			err = add(schema.NewPrimitiveNodeLogical(x.Name, parquet.Repetitions.Optional, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1))
			props = append(props, parquet.WithDictionaryFor(x.Name, true))
		case x.Node.Type == query.Bool:
			err = add(schema.NewPrimitiveNode(x.Name, parquet.Repetitions.Required, parquet.Types.Boolean, -1, -1))
		case Whole(x.Node, l.Datasets):
			err = add(schema.NewPrimitiveNode(x.Name, required(x.Node), parquet.Types.Int64, -1, -1))
			props = append(props, parquet.WithEncodingFor(x.Name, parquet.Encodings.DeltaBinaryPacked))
		default:
			err = add(schema.NewPrimitiveNode(x.Name, required(x.Node), parquet.Types.Double, -1, -1))
		}
		if err != nil {
			return nil, err
		}
	}
	root, err := schema.NewGroupNode("features", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return nil, err
	}
	f.w, err = file.NewParquetWriterWithError(w, root, file.WithWriterProps(parquet.NewWriterProperties(props...)))
	return f, err
}

type parquetFile struct {
	layout Layout
	w      *file.Writer
	kept   []*engine.Panel // of the next row group
	rows   int

	defs   []int16 // scratch
	ints   []int64
	floats []float64
	bools  []bool
	texts  []parquet.ByteArray
}

func (f *parquetFile) Write(p *engine.Panel) error {
	if p.NRows() == 0 {
		return nil
	}
	if f.rows > 0 && f.rows+p.NRows() > parquetRows {
		if err := f.group(); err != nil {
			return err
		}
	}
	f.kept = append(f.kept, p)
	f.rows += p.NRows()
	return nil
}

func (f *parquetFile) Close() error {
	if err := f.group(); err != nil {
		return err
	}
	return f.w.Close()
}

// group writes the panels kept as one row group.
func (f *parquetFile) group() error {
	if f.rows == 0 {
		return nil
	}
	g, err := f.w.AppendRowGroupChecked()
	if err != nil {
		return err
	}
	column := func(write func(file.ColumnChunkWriter, *engine.Panel) error) error {
		cw, err := g.NextColumn()
		if err != nil {
			return err
		}
		for _, p := range f.kept {
			if err := write(cw, p); err != nil {
				return err
			}
		}
		return cw.Close()
	}
	if err := column(func(cw file.ColumnChunkWriter, p *engine.Panel) error { return f.column(cw, p.Customer) }); err != nil {
		return err
	}
	if len(f.layout.Cutoffs) > 1 {
		err := column(func(cw file.ColumnChunkWriter, p *engine.Panel) error {
			f.ints = f.ints[:0]
			for _, k := range p.Cutoff {
				f.ints = append(f.ints, int64(f.layout.Cutoffs[k]))
			}
			_, err := cw.(*file.Int64ColumnChunkWriter).WriteBatch(f.ints, nil, nil)
			return err
		})
		if err != nil {
			return err
		}
	}
	for i := range f.layout.Features {
		if err := column(func(cw file.ColumnChunkWriter, p *engine.Panel) error { return f.column(cw, p.X.Columns[i]) }); err != nil {
			return fmt.Errorf("feature %s: %w", f.layout.Features[i].Name, err)
		}
	}
	f.kept, f.rows = f.kept[:0], 0
	return g.Close()
}

// column writes one column of one panel.
func (f *parquetFile) column(cw file.ColumnChunkWriter, c *table.Column) error {
	var defs []int16
	if cw.LevelInfo().DefLevel > 0 {
		defs = f.levels(c)
	}
	var err error
	switch w := cw.(type) {
	case *file.ByteArrayColumnChunkWriter:
		f.texts = f.texts[:0]
		for _, k := range c.Code {
			if k >= 0 {
				f.texts = append(f.texts, c.Dict.Bytes(int(k)))
			}
		}
		_, err = w.WriteBatch(f.texts, defs, nil)
	case *file.BooleanColumnChunkWriter:
		f.bools = f.bools[:0]
		for _, v := range c.Num {
			f.bools = append(f.bools, v != 0)
		}
		_, err = w.WriteBatch(f.bools, defs, nil)
	case *file.Int64ColumnChunkWriter:
		f.ints = f.ints[:0]
		for _, v := range c.Num {
			if defs != nil && math.IsNaN(v) {
				continue
			}
			if !wholeNumber(v) {
				return fmt.Errorf("feature: %v is no whole number, as its definition promises", v)
			}
			f.ints = append(f.ints, int64(v))
		}
		_, err = w.WriteBatch(f.ints, defs, nil)
	case *file.Float64ColumnChunkWriter:
		values := c.Num
		if defs != nil {
			f.floats = f.floats[:0]
			for _, v := range c.Num {
				if !math.IsNaN(v) {
					f.floats = append(f.floats, v)
				}
			}
			values = f.floats
		}
		_, err = w.WriteBatch(values, defs, nil)
	default:
		err = fmt.Errorf("feature: a column of an unknown type")
	}
	return err
}

// levels returns 1 for each value and 0 for each missing one.
func (f *parquetFile) levels(c *table.Column) []int16 {
	f.defs = f.defs[:0]
	if c.Kind.InCode() {
		for _, k := range c.Code {
			f.defs = append(f.defs, 1+int16(k>>31))
		}
		return f.defs
	}
	for _, v := range c.Num {
		d := int16(1)
		if v != v {
			d = 0
		}
		f.defs = append(f.defs, d)
	}
	return f.defs
}
