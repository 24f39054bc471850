package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"kequn"
)

// parquetFile is an opened Parquet file: the library's reader and our columns, which are the flat ones.
type parquetFile struct {
	reader  *file.Reader
	columns []parquetColumn
}

// openParquet checks the file's frame, reads its footer and takes a sample.
func (f *File) openParquet() error {
	if err := checkParquet(f.file, f.Bytes); err != nil {
		return f.damaged(err)
	}
	props := parquet.NewReaderProperties(memory.NewGoAllocator())
	props.BufferedStreamEnabled = true
	props.BufferSize = 256 << 10
	props.MaxUncompressedPageSize = f.opt.Limits.Memory
	props.MaxCompressedPageSize = min(f.opt.Limits.Memory, f.Bytes)
	err := f.guard(func() error {
		reader, err := file.NewParquetReader(io.NewSectionReader(f.file, 0, f.Bytes), file.WithReadProps(props))
		if err != nil {
			return err
		}
		f.parquet = &parquetFile{reader: reader}
		return f.parquetColumns()
	})
	if err != nil {
		return err
	}
	return f.sampleParquet()
}

// guard runs f and turns a panic of the library, and any error that is not ours, into the refusal of a damaged file.
func (f *File) guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = f.damaged(errors.New("its parts contradict each other"))
			if _, ours := r.(runtime.Error); !ours { // the library's own words are worth passing on
				err = f.damaged(fmt.Errorf("%.200v", r))
			}
		}
	}()
	if err = do(); err == nil {
		return nil
	}
	if k := kequn.KindOf(err); k == kequn.KindInput || err == context.Canceled || err == context.DeadlineExceeded {
		return err
	}
	return f.damaged(err)
}

func (f *File) damaged(err error) error {
	return kequn.Errorf(kequn.KindInput, f.Path, "the Parquet file is damaged: %s", strings.TrimPrefix(err.Error(), "parquet: ")).
		WithHint("write it again, or save it as CSV")
}

// parquetColumns lists the flat columns and checks what the footer claims about rows and row groups.
func (f *File) parquetColumns() error {
	meta := f.parquet.reader.MetaData()
	leaves := meta.Schema.NumColumns()
	if leaves > f.opt.Limits.Columns {
		return f.tooManyColumns(fmt.Sprint(leaves))
	}
	var nested []string
	var names []string
	last := ""
	for i := range leaves {
		leaf := meta.Schema.Column(i)
		path := leaf.ColumnPath()
		if len(path) == 0 {
			return fmt.Errorf("column %d has no name", i+1)
		}
		if len(path) != 1 || leaf.MaxRepetitionLevel() > 0 || leaf.MaxDefinitionLevel() > 1 {
			if path[0] != last {
				nested = append(nested, path[0])
				last = path[0]
			}
			continue
		}
		c, ok := newParquetColumn(i, leaf)
		if !ok {
			f.Notes = append(f.Notes, fmt.Sprintf("column %s is left out: values of type %s are not read", path[0], typeName(leaf)))
			continue
		}
		f.parquet.columns = append(f.parquet.columns, c)
		names = append(names, path[0])
	}
	if len(nested) > 0 {
		f.Notes = append(f.Notes, "nested columns are left out: "+strings.Join(nested, ", "))
	}
	if len(names) == 0 {
		return kequn.Errorf(kequn.KindInput, f.Path, "has no flat column (nested: %s)", orElse(strings.Join(nested, ", "), "none")).
			WithHint("flatten it: one column for each value")
	}
	f.Dialect.Header = true
	if err := f.nameColumns(names); err != nil {
		return err
	}
	var rows int64
	for i := range f.parquet.reader.NumRowGroups() {
		g := f.parquet.reader.RowGroup(i)
		n := g.NumRows()
		if n < 0 || g.NumColumns() != leaves || rows+n < rows {
			return fmt.Errorf("row group %d has %d rows and %d columns", i+1, n, g.NumColumns())
		}
		rows += n
		for k := range leaves {
			c, err := g.MetaData().ColumnChunk(k)
			if err != nil {
				return err
			}
			at, size := c.DataPageOffset(), c.TotalCompressedSize()
			if at < 4 || size < 0 || at > f.Bytes || size > f.Bytes {
				return fmt.Errorf("row group %d places column %d outside the file", i+1, k+1)
			}
			if path := c.FilePath(); path != "" {
				return fmt.Errorf("its column %d lies in another file", k+1)
			}
		}
	}
	if n := f.parquet.reader.NumRows(); n != rows {
		return fmt.Errorf("it claims %d rows, its row groups %d", n, rows)
	}
	if rows > 4<<20 && rows/2000 > f.Bytes {
		return kequn.Errorf(kequn.KindInput, f.Path, "claims %d rows in %d bytes: it looks like a bomb", rows, f.Bytes)
	}
	f.Rows = rows
	return nil
}

// batchRows is how many rows are decoded at a time: fewer where rows are wide, so that memory stays bounded.
func batchRows(nColumns int) int { return min(16<<10, max(64, (4<<20)/max(nColumns, 1))) }

// sampleParquet renders the first rows as text.
func (f *File) sampleParquet() error {
	want := min(sampleRows, max(10, (1<<20)/len(f.Columns)))
	out := &sample{width: len(f.Columns)}
	all := make([]int, len(f.Columns))
	for i := range all {
		all[i] = i
	}
	err := f.readGroups(context.Background(), all, min(want, batchRows(len(all))), func(values []*parquetValues, n int) error {
		for i := range min(n, want-out.rows) {
			for _, v := range values {
				from := len(out.text)
				if !v.null[i] {
					out.text = v.render(out.text, i)
				}
				out.cells = append(out.cells, span{uint32(from), uint32(len(out.text))})
			}
			if len(out.text) > 64<<20 {
				return errEnough
			}
			out.rows++
		}
		if out.rows >= want {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return err
	}
	out.cells = out.cells[:out.rows*out.width]
	out.all = int64(out.rows) == f.Rows
	f.sample = out
	return nil
}

// errEnough ends reading early; it never leaves the room.
var errEnough = kequn.Errorf(kequn.KindInput, "", "enough")

// readGroups decodes the given columns, batch after batch of at most size rows, columns in parallel.
func (f *File) readGroups(ctx context.Context, columns []int, size int, take func(values []*parquetValues, n int) error) error {
	values := make([]*parquetValues, len(columns))
	for i, k := range columns {
		values[i] = &parquetValues{parquetColumn: &f.parquet.columns[k]}
	}
	threads := f.opt.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	for g := range f.parquet.reader.NumRowGroups() {
		var rows int64
		err := f.guard(func() error {
			group := f.parquet.reader.RowGroup(g)
			rows = group.NumRows()
			for _, v := range values {
				chunk, err := group.Column(v.leaf)
				if err != nil {
					return err
				}
				v.open(chunk)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for done := int64(0); done < rows; {
			n := int(min(int64(size), rows-done))
			if err := f.decode(values, n, threads); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := take(values, n); err != nil {
				return err
			}
			done += int64(n)
		}
	}
	return nil
}

// decode reads n values of every column. The error is that of the first column that has one.
func (f *File) decode(values []*parquetValues, n, threads int) error {
	errs := make([]error, len(values))
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(threads, len(values)) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(values) {
					return
				}
				errs[i] = f.guard(func() error { return values[i].read(n, f.opt.Limits) })
			}
		})
	}
	group.Wait()
	text := 0
	for i, err := range errs {
		if err != nil {
			return err
		}
		text += len(values[i].text)
	}
	if int64(text) > f.opt.Limits.Memory {
		return kequn.Errorf(kequn.KindInput, f.Path, "%d rows hold more than %d bytes of text, the limit", n, f.opt.Limits.Memory)
	}
	return nil
}

func (f *File) readParquet(ctx context.Context, schema []Column, at []int, batch func(*Batch) error, reject func(Reject) error) (Counts, error) {
	w := f.newWork(schema, at)
	var columns []int   // of the file, each once
	place := []int(nil) // for each converter, its position in columns
	for _, c := range w.converters {
		k := -1
		if c.file >= 0 {
			for i, other := range columns {
				if other == c.file {
					k = i
				}
			}
			if k < 0 {
				k = len(columns)
				columns = append(columns, c.file)
			}
		}
		place = append(place, k)
	}
	sum, err := f.digest()
	if err != nil {
		return Counts{}, err
	}
	l := newLedger(schema)
	var line int64
	var lines []int64
	err = f.readGroups(ctx, columns, batchRows(len(columns)), func(values []*parquetValues, n int) error {
		w.begin(n)
		lines = lines[:0]
		for range n {
			line++
			lines = append(lines, line)
		}
		var group sync.WaitGroup
		errs := make([]error, len(w.converters))
		for k, c := range w.converters {
			if place[k] >= 0 {
				group.Go(func() {
					errs[k] = f.guard(func() error {
						values[place[k]].convert(c, n)
						return nil
					})
				})
			}
		}
		group.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		w.finish(n, lines, func(row int) int32 { return int32(row) }, func(row int) []byte {
			var raw []byte
			for k, v := range values {
				if k > 0 {
					raw = append(raw, ',')
				}
				if !v.null[row] {
					raw = appendQuoted(raw, v.render(nil, row))
				}
			}
			return raw
		})
		return l.take(ctx, w, int64(n), 0, batch, reject)
	})
	if err != nil {
		return Counts{}, err
	}
	counts := l.close()
	counts.SHA256 = sum
	return counts, nil
}

// digest is the SHA-256 of the file as stored. Another sheet than the first one has its name behind the file, because it is
// another table.
func (f *File) digest() (sum [32]byte, err error) {
	h := sha256.New()
	if n, err := io.Copy(h, io.NewSectionReader(f.file, 0, f.Bytes)); err != nil || n != f.Bytes {
		return sum, f.shrunk(orError(err, io.ErrUnexpectedEOF))
	}
	if f.excel != nil && !f.excel.first {
		io.WriteString(h, "#"+f.excel.name)
	}
	return [32]byte(h.Sum(nil)), nil
}

func orError(err, other error) error {
	if err == nil {
		return other
	}
	return err
}

// appendQuoted appends a value as a CSV field.
func appendQuoted(dst, v []byte) []byte {
	plain := true
	for _, c := range v {
		if c == ',' || c == '"' || c == '\n' || c == '\r' {
			plain = false
		}
	}
	if plain {
		return append(dst, v...)
	}
	dst = append(dst, '"')
	for _, c := range v {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

func typeName(leaf *schema.Column) string {
	if t := leaf.LogicalType(); t != nil && !t.IsNone() {
		return strings.ToLower(t.String())
	}
	return strings.ToLower(leaf.PhysicalType().String())
}
