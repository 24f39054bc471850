package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"kequn"
	"kequn/internal/table"
)

// parquetOf writes n rows of a table with columns of many types; every seventh value is null where that is allowed.
func parquetOf(t testing.TB, n int, codec compress.Compression) []byte {
	t.Helper()
	item := arrow.StructOf(arrow.Field{Name: "sku", Type: arrow.BinaryTypes.String})
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "customer_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "order_id", Type: arrow.BinaryTypes.String},
		{Name: "ordered_at", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}},
		{Name: "local_at", Type: &arrow.TimestampType{Unit: arrow.Nanosecond}},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32},
		{Name: "amount", Type: &arrow.Decimal128Type{Precision: 20, Scale: 2}, Nullable: true},
		{Name: "weight", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "pieces", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "gift", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "city", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}},
		{Name: "lines", Type: arrow.ListOf(item), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer b.Release()
	start := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	for i := range n {
		at := start.Add(time.Duration(i) * time.Minute)
		b.Field(0).(*array.Int64Builder).Append(int64(1000 + i%50))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("%06d", i))
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMilli()))
		b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixNano()))
		b.Field(4).(*array.Date32Builder).Append(arrow.Date32FromTime(at))
		b.Field(7).(*array.Uint32Builder).Append(uint32(i % 5))
		if err := b.Field(9).(*array.BinaryDictionaryBuilder).AppendString([]string{"上海", "Paris", "北京"}[i%3]); err != nil {
			t.Fatal(err)
		}
		b.Field(10).AppendNull()
		if i%7 == 6 {
			b.Field(5).AppendNull()
			b.Field(6).AppendNull()
			b.Field(8).AppendNull()
			continue
		}
		b.Field(5).(*array.Decimal128Builder).Append(decimal128.FromI64(int64(i*100 + 99)))
		b.Field(6).(*array.Float64Builder).Append(float64(i) / 4)
		b.Field(8).(*array.BooleanBuilder).Append(i%2 == 0)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(parquet.WithCompression(codec), parquet.WithMaxRowGroupLength(700)), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestParquet(t *testing.T) {
	for _, codec := range []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Zstd, compress.Codecs.Gzip} {
		path := filepath.Join(t.TempDir(), "orders.parquet")
		if err := os.WriteFile(path, parquetOf(t, 2000, codec), 0o600); err != nil {
			t.Fatal(err)
		}
		zone := time.FixedZone("east", 8*3600)
		f, err := Open(path, Options{Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Rows != 2000 || len(f.Columns) != 10 || !strings.Contains(fmt.Sprint(f.Notes), "lines") {
			t.Fatalf("%d rows, columns %v, notes %v", f.Rows, f.Columns, f.Notes)
		}
		plan, err := f.Propose(Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range plan.Columns {
			got = append(got, fmt.Sprintf("%s %s %s", c.Name, c.Kind, c.Role))
		}
		want := "[customer_id text customer order_id text id ordered_at time time local_at time attribute day time attribute amount money amount " +
			"weight number attribute pieces integer quantity gift bool attribute city category category]"
		if plan.Role != kequn.Orders || fmt.Sprint(got) != want {
			t.Errorf("%s %v, want %s", plan.Role, got, want)
		}
		row := 0
		counts, err := f.Read(context.Background(), plan.Columns, func(b *Batch) error {
			c := func(name string) *table.Column { return b.Table.Column(name) }
			for i := range b.Line {
				at := time.Date(2024, 3, 1, 8, row, 0, 0, time.UTC)
				wall := kequn.At(at.Add(-8 * time.Hour))
				null := row%7 == 6
				day := kequn.At(time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, zone))
				switch {
				case c("customer_id").String(i) != fmt.Sprint(1000+row%50), c("order_id").String(i) != fmt.Sprintf("%06d", row),
					c("ordered_at").Int[i] != int64(kequn.At(at)), c("local_at").Int[i] != int64(wall), c("day").Int[i] != int64(day),
					c("pieces").Int[i] != int64(row%5), c("city").String(i) != []string{"上海", "Paris", "北京"}[row%3],
					c("amount").IsMissing(i) != null, c("weight").IsMissing(i) != null, c("gift").IsMissing(i) != null,
					!null && c("amount").Int[i] != int64(row*100+99), !null && c("weight").Num[i] != float64(row)/4,
					!null && c("gift").Int[i] != int64(1-row%2), b.Line[i] != int64(row+1):
					t.Fatalf("row %d is wrong", row)
				}
				row++
			}
			return nil
		}, func(r Reject) error {
			t.Errorf("rejected %+v", r)
			return nil
		})
		if err != nil || row != 2000 || counts.Kept != 2000 {
			t.Fatalf("%d rows, %+v, %v", row, counts, err)
		}
	}
}

// TestDamagedParquet flips and cuts a sound file at every place of its footer, and at many of its pages.
func TestDamagedParquet(t *testing.T) {
	sound := parquetOf(t, 300, compress.Codecs.Snappy)
	footer := int(binary.LittleEndian.Uint32(sound[len(sound)-8:]))
	dir := t.TempDir()
	for i := range sound {
		if pages := i < len(sound)-footer-8; pages && i%97 != 0 || !pages && i%5 != 0 {
			continue // FuzzParquet looks at the rest
		}
		b := bytes.Clone(sound)
		b[i] ^= byte(1 + i%255)
		path := filepath.Join(dir, "x.parquet")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		readAll(t, path, Overrides{})
	}
	for i := 4; i < len(sound); i += 397 {
		path := filepath.Join(dir, "x.parquet")
		if err := os.WriteFile(path, sound[:i], 0o600); err != nil {
			t.Fatal(err)
		}
		if out := readAll(t, path, Overrides{}); out.err == nil {
			t.Errorf("cut at %d, accepted", i)
		}
	}
}

func FuzzThrift(f *testing.F) {
	sound := parquetOf(f, 20, compress.Codecs.Uncompressed)
	n := int(binary.LittleEndian.Uint32(sound[len(sound)-8:]))
	f.Add(sound[len(sound)-8-n : len(sound)-8])
	f.Fuzz(func(t *testing.T, b []byte) {
		checkThrift(b)
		frame := append(append([]byte("PAR1"), b...), 0, 0, 0, 0)
		binary.LittleEndian.PutUint32(frame[len(frame)-4:], uint32(len(b)))
		frame = append(frame, "PAR1"...)
		if err := checkParquet(bytes.NewReader(frame), int64(len(frame))); (err == nil) != (checkThrift(b) == nil) {
			t.Fatalf("in its frame: %v", err)
		}
	})
}

func FuzzParquet(f *testing.F) {
	f.Add(parquetOf(f, 20, compress.Codecs.Uncompressed))
	f.Add(parquetOf(f, 20, compress.Codecs.Snappy))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		path := filepath.Join(dir, "x.parquet")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		readAll(t, path, Overrides{})
	})
}
