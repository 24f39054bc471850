// Package source reads what people have: CSV in any dialect, JSON lines, Excel, Parquet, a running PostgreSQL.
//
// A file passes through the room in three steps, each of which may be the last:
//
//	Open     what is it? format, packing, encoding, dialect, column names; a sample of its first rows
//	Propose  what does it mean? the dataset's role, and a kind and a role for each column, with the evidence
//	Read     the rows: typed batches in file order, and for every row that was refused its line and reason
//
// Whatever a row says, it ends up in a batch or among the rejects, exactly once; whatever a file says, the room neither
// panics nor takes memory beyond its [Limits]. [ReadFlat] reads a whole flat table at once, for models without a
// workspace.
package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kequn"
)

// Format is what kind of file it is, packing aside.
type Format string

// The formats that are read.
const (
	CSV      Format = "csv"
	Parquet  Format = "parquet"
	JSON     Format = "json" // lines of objects, an array of objects, or one object after the other
	Excel    Format = "xlsx"
	Postgres Format = "postgres"
)

// Options say how files are read. The zero value works.
type Options struct {
	Zone     *time.Location // of times that name none; nil is UTC
	Now      time.Time      // times more than two years later are refused; the zero value is the clock's
	Threads  int            // 0 is all processors; the rows are the same for any number
	Encoding string         // "" detects; else utf-8, utf-16le, utf-16be, gb18030 or windows-1252
	Dialect  *Dialect       // nil sniffs
	Limits   Limits
	Fields   []string // of JSON: columns though the first objects may not have them

	nameAgain bool // a second column of one name gets a name of its own, instead of refusing the file
}

// Limits bound what an untrusted file may cost. A field left 0 means its default.
type Limits struct {
	Record      int   // bytes of one record (default 1 MiB); a longer one refuses the file
	Field       int   // bytes of one field (default 64 KiB); a longer one rejects the row
	QuotedLines int   // line breaks within one quoted field (default 1,000); more refuse the file: the quote is open
	Columns     int   // columns (default 4,096)
	Unpacked    int64 // bytes after unpacking (default 64 GiB)
	Ratio       int64 // unpacked to packed (default 200), checked past RatioFrom unpacked bytes
	RatioFrom   int64 // default 256 MiB
	Memory      int64 // bytes that decoding one Parquet page may take (default 256 MiB)
}

func (l Limits) withDefaults() Limits {
	or := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	or64 := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	or(&l.Record, 1<<20)
	or(&l.Field, 64<<10)
	or(&l.QuotedLines, 1000)
	or(&l.Columns, 4096)
	or64(&l.Unpacked, 64<<30)
	or64(&l.Ratio, 200)
	or64(&l.RatioFrom, 256<<20)
	or64(&l.Memory, 256<<20)
	l.Record = min(l.Record, 256<<20) // positions within a chunk are 32-bit
	l.Field = min(l.Field, l.Record)
	return l
}

// File is an opened file. Its exported fields are for reading.
type File struct {
	Path     string
	Format   Format
	Packing  string // "", gzip or zstd
	Encoding string // of CSV: utf-8, utf-16le, utf-16be, gb18030 or windows-1252, as far as the sample shows
	Bytes    int64  // size as stored
	Columns  []string
	Dialect  Dialect  // of CSV
	Rows     int64    // of Parquet, as its footer says; -1 where only reading tells
	Notes    []string // what opening noticed and did about it, in plain words

	opt     Options
	file    *os.File
	chunk   int // bytes converted at a time
	sample  *sample
	parquet *parquetFile
	json    *jsonFile
	excel   *excelFile
	db      *database
}

// Open opens the file at path, tells by its content what it is, and takes a sample of its first rows. A sheet of a workbook
// is named behind its file (book.xlsx#Sheet2); a path such as postgres://host/shop?table=orders is a database.
//
// A file that cannot be data is refused with an input error that says what it seems to be: missing, empty, a folder, a
// program, an archive, an image, text in an unknown encoding, a damaged Parquet footer, two columns
// of one name, more columns than the limit. The caller closes the file.
func Open(path string, opt Options) (f *File, err error) {
	opt.Limits = opt.Limits.withDefaults()
	if opt.Zone == nil {
		opt.Zone = time.UTC
	}
	if opt.Now.IsZero() {
		opt.Now = time.Now()
	}
	if isDatabase(path) {
		return openPostgres(path, opt)
	}
	name, sheet := path, ""
	if at := strings.LastIndexByte(path, '#'); at > 0 && strings.HasSuffix(strings.ToLower(path[:at]), ".xlsx") {
		if _, err := os.Lstat(path); err != nil { // no file is called so: what follows the sign is a sheet
			name, sheet = path[:at], path[at+1:]
		}
	}
	// A named pipe would block the open below, so look first.
	info, err := os.Stat(name)
	if err != nil {
		return nil, openError(path, err)
	}
	if info.IsDir() {
		return nil, kequn.Errorf(kequn.KindInput, path, "is a folder, not a file").WithHint("name the files in it")
	}
	if !info.Mode().IsRegular() {
		return nil, kequn.Errorf(kequn.KindInput, path, "is not a regular file")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, openError(path, err)
	}
	f = &File{Path: path, Bytes: info.Size(), Rows: -1, opt: opt, file: file, chunk: chunkBytes}
	defer func() {
		if r := recover(); r != nil {
			err = kequn.Errorf(kequn.KindInternal, path, "source: %v", r)
		}
		if err != nil {
			file.Close()
			f = nil
		}
	}()
	if f.Bytes == 0 {
		return f, kequn.Errorf(kequn.KindInput, path, "the file is empty").WithHint("a table needs at least a header line")
	}
	head := make([]byte, min(f.Bytes, 4096))
	if _, err := file.ReadAt(head, 0); err != nil && err != io.EOF {
		return f, readError(path, err)
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return f, f.openExcel(sheet)
	}
	if sheet != "" {
		return f, kequn.Errorf(kequn.KindInput, path, "is no Excel workbook, so it has no sheet").WithHint("leave out what follows the #")
	}
	if f.Packing, err = recognise(path, head); err != nil {
		return f, err
	}
	if isParquet(head) {
		f.Format = Parquet
		return f, f.openParquet()
	}
	f.Format = CSV
	return f, f.openText()
}

// Close releases the file or the connection.
func (f *File) Close() error {
	if f.db != nil {
		return f.db.close()
	}
	return f.file.Close()
}

// Digest returns the SHA-256 that Read of the schema reports: of the file as stored, or of the rows as the database sends
// them, who must send them twice for that.
func (f *File) Digest(ctx context.Context, schema []Column) ([32]byte, error) {
	if f.db != nil {
		return f.digestDB(ctx, schema)
	}
	return f.digest()
}

// Name is the file's name without its folder, or the database's address without user and query: what records may hold.
func (f *File) Name() string {
	if f.db != nil {
		return f.Path
	}
	return filepath.Base(f.Path)
}

// IsDatabase tells whether rows come from a database, which may have other rows at every load.
func (f *File) IsDatabase() bool { return f.db != nil }

// Stem is the name that a dataset may have after the file: products.csv.gz is products, and so is the table products.
func (f *File) Stem() string {
	stem, _, _ := strings.Cut(f.name(), ".")
	return stem
}

// name is what the file's role may be guessed from: its name, that of its sheet, or that of the table.
func (f *File) name() string {
	switch {
	case f.db != nil:
		return f.db.name
	case f.excel != nil && roleOfFile(f.excel.name+".") != "":
		return f.excel.name
	}
	return filepath.Base(f.Path)
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return kequn.Errorf(kequn.KindInput, path, "there is no such file")
	case errors.Is(err, os.ErrPermission):
		return kequn.Errorf(kequn.KindInput, path, "the file may not be read").WithHint("check its permissions")
	}
	return readError(path, err)
}

// readError is trouble of the machine rather than of the file, except where it already is an input error.
func readError(path string, err error) error {
	var e *kequn.Error
	if errors.As(err, &e) {
		return err
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return &kequn.Error{Kind: kequn.KindInput, Where: path, Message: "cannot be read", Err: err}
}
