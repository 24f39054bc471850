package source

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"kequn/internal/table"
)

// valueKind is what the values of a Parquet column are to us.
type valueKind uint8

const (
	valInt     valueKind = iota
	valDecimal           // ints of 10^-scale
	valFloat
	valBool
	valTime  // counts of unit since 1970
	valDate  // days since 1970
	valClock // microseconds since midnight
	valText
	valUUID
)

// parquetColumn is a flat column: one value or null a row.
type parquetColumn struct {
	leaf     int
	physical parquet.Type
	kind     valueKind
	scale    int
	unit     int64 // valTime: counts in a second; valClock likewise
	zoned    bool  // valTime: instants rather than wall clocks
	unsigned int   // valInt: width if unsigned
	half     bool  // valFloat: 16 bits
	optional bool
}

// newParquetColumn returns false for types that no column of ours can hold.
func newParquetColumn(leaf int, c *schema.Column) (parquetColumn, bool) {
	p := parquetColumn{leaf: leaf, physical: c.PhysicalType(), optional: c.MaxDefinitionLevel() > 0}
	integer := p.physical == parquet.Types.Int32 || p.physical == parquet.Types.Int64
	switch t := c.LogicalType().(type) {
	case schema.StringLogicalType, schema.EnumLogicalType, schema.JSONLogicalType:
		p.kind = valText
		return p, p.physical == parquet.Types.ByteArray || p.physical == parquet.Types.FixedLenByteArray
	case schema.UUIDLogicalType:
		p.kind = valUUID
		return p, p.physical == parquet.Types.FixedLenByteArray
	case schema.DecimalLogicalType:
		p.kind, p.scale = valDecimal, int(t.Scale())
		return p, p.scale >= 0 && p.scale <= 38 && p.physical != parquet.Types.Int96
	case *schema.DecimalLogicalType:
		p.kind, p.scale = valDecimal, int(t.Scale())
		return p, p.scale >= 0 && p.scale <= 38 && p.physical != parquet.Types.Int96
	case schema.DateLogicalType:
		p.kind = valDate
		return p, integer
	case schema.TimestampLogicalType:
		p.kind, p.unit, p.zoned = valTime, perSecond(t.TimeUnit()), t.IsAdjustedToUTC()
		return p, integer
	case *schema.TimestampLogicalType:
		p.kind, p.unit, p.zoned = valTime, perSecond(t.TimeUnit()), t.IsAdjustedToUTC()
		return p, integer
	case schema.TimeLogicalType:
		p.kind, p.unit = valClock, perSecond(t.TimeUnit())
		return p, integer
	case *schema.TimeLogicalType:
		p.kind, p.unit = valClock, perSecond(t.TimeUnit())
		return p, integer
	case schema.IntLogicalType:
		if !t.IsSigned() {
			p.unsigned = int(t.BitWidth())
		}
		return p, integer
	case *schema.IntLogicalType:
		if !t.IsSigned() {
			p.unsigned = int(t.BitWidth())
		}
		return p, integer
	case schema.Float16LogicalType:
		p.kind, p.half = valFloat, true
		return p, p.physical == parquet.Types.FixedLenByteArray && c.TypeLength() == 2
	case schema.IntervalLogicalType, schema.BSONLogicalType:
		return p, false
	}
	switch p.physical {
	case parquet.Types.Boolean:
		p.kind = valBool
	case parquet.Types.Int32, parquet.Types.Int64:
		p.kind = valInt
	case parquet.Types.Int96: // Impala's and Spark's timestamps
		p.kind, p.unit, p.zoned = valTime, 1e6, true
	case parquet.Types.Float, parquet.Types.Double:
		p.kind = valFloat
	case parquet.Types.ByteArray, parquet.Types.FixedLenByteArray:
		p.kind = valText // old writers do not say which bytes are text
	default:
		return p, false
	}
	return p, true
}

func perSecond(u schema.TimeUnitType) int64 {
	switch u {
	case schema.TimeUnitMillis:
		return 1e3
	case schema.TimeUnitNanos:
		return 1e9
	}
	return 1e6
}

// parquetValues are the decoded values of one column in a batch of rows.
type parquetValues struct {
	*parquetColumn
	chunk file.ColumnChunkReader

	null  []bool
	ints  []int64 // also times, dates, decimals, booleans
	float []float64
	spans []span // of text
	text  []byte
	flaws []finding

	levels []int16
	dense  denseValues
}

// denseValues hold what one call of the library returns: the values that are not null.
type denseValues struct {
	b   []bool
	i32 []int32
	i64 []int64
	i96 []parquet.Int96
	f32 []float32
	f64 []float64
	ba  []parquet.ByteArray
	fl  []parquet.FixedLenByteArray
}

// decodeStep is how many values are asked of the library at a time; the values of a page of prefixes may be far larger
// than the page, so few at a time bound the memory.
const decodeStep = 1024

func (v *parquetValues) open(chunk file.ColumnChunkReader) { v.chunk = chunk }

// read decodes the next n rows.
func (v *parquetValues) read(n int, limits Limits) error {
	v.null = resized(v.null, n)
	v.flaws = v.flaws[:0]
	v.text = v.text[:0]
	switch v.kind {
	case valFloat:
		v.float = resized(v.float, n)
	case valText, valUUID:
		v.spans = resized(v.spans, n)
	default:
		v.ints = resized(v.ints, n)
	}
	v.levels = resized(v.levels, decodeStep)
	idle := 0
	for row := 0; row < n; {
		step := min(decodeStep, n-row)
		levels, read, err := v.step(step)
		if err == nil {
			err = v.chunk.Err()
		}
		if err != nil {
			return err
		}
		if levels == 0 && read == 0 {
			// An empty page is no harm, a column that has come to its end is.
			if idle++; idle > 16 || !v.chunk.HasNext() {
				return fmt.Errorf("a column has %d rows too few", n-row)
			}
			continue
		}
		idle = 0
		if !v.optional {
			levels = int64(read)
		}
		if levels > int64(step) || int64(read) > levels {
			return fmt.Errorf("a page has more values than it says")
		}
		k := 0
		for i := range int(levels) {
			r := row + i
			if v.null[r] = v.optional && v.levels[i] == 0; v.null[r] {
				continue
			}
			if k >= read {
				return fmt.Errorf("a page has fewer values than it says")
			}
			v.put(r, k, limits)
			k++
		}
		if k != read {
			return fmt.Errorf("a page has more values than it says")
		}
		row += int(levels)
		if int64(len(v.text)) > limits.Memory {
			return fmt.Errorf("%d rows hold more than %d bytes of text, the limit", n, limits.Memory)
		}
	}
	return nil
}

// step asks the library for up to n rows of the current page.
func (v *parquetValues) step(n int) (levels int64, read int, err error) {
	var def []int16
	if v.optional {
		def = v.levels[:n]
	}
	d, m := &v.dense, int64(n)
	switch c := v.chunk.(type) {
	case *file.BooleanColumnChunkReader:
		d.b = resized(d.b, n)
		return c.ReadBatchInPage(m, d.b, def, nil)
	case *file.Int32ColumnChunkReader:
		d.i32 = resized(d.i32, n)
		return c.ReadBatchInPage(m, d.i32, def, nil)
	case *file.Int64ColumnChunkReader:
		d.i64 = resized(d.i64, n)
		return c.ReadBatchInPage(m, d.i64, def, nil)
	case *file.Int96ColumnChunkReader:
		d.i96 = resized(d.i96, n)
		return c.ReadBatchInPage(m, d.i96, def, nil)
	case *file.Float32ColumnChunkReader:
		d.f32 = resized(d.f32, n)
		return c.ReadBatchInPage(m, d.f32, def, nil)
	case *file.Float64ColumnChunkReader:
		d.f64 = resized(d.f64, n)
		return c.ReadBatchInPage(m, d.f64, def, nil)
	case *file.ByteArrayColumnChunkReader:
		d.ba = resized(d.ba, n)
		return c.ReadBatchInPage(m, d.ba, def, nil)
	case *file.FixedLenByteArrayColumnChunkReader:
		d.fl = resized(d.fl, n)
		return c.ReadBatchInPage(m, d.fl, def, nil)
	}
	return 0, 0, fmt.Errorf("a column of an unknown type")
}

// put stores dense value k as the value of row r.
func (v *parquetValues) put(r, k int, limits Limits) {
	d := &v.dense
	switch v.physical {
	case parquet.Types.Boolean:
		v.ints[r] = 0
		if d.b[k] {
			v.ints[r] = 1
		}
	case parquet.Types.Int32:
		v.ints[r] = int64(d.i32[k])
		if v.unsigned == 32 {
			v.ints[r] = int64(uint32(d.i32[k]))
		}
	case parquet.Types.Int64:
		v.ints[r] = d.i64[k]
		if v.unsigned == 64 && d.i64[k] < 0 {
			v.flaw(r, NumberOverflow)
		}
	case parquet.Types.Int96:
		nanos := int64(binary.LittleEndian.Uint64(d.i96[k][:8]))
		day := int64(binary.LittleEndian.Uint32(d.i96[k][8:])) - 2440588 // the Julian day of 1970-01-01
		if day > 4e6 || nanos < 0 || nanos > 86400e9 {
			v.flaw(r, TimeOutOfRange)
		}
		v.ints[r] = day*86400e6 + nanos/1000
	case parquet.Types.Float:
		v.float[r] = float64(d.f32[k])
	case parquet.Types.Double:
		v.float[r] = d.f64[k]
	case parquet.Types.ByteArray:
		v.putBytes(r, d.ba[k], limits)
	case parquet.Types.FixedLenByteArray:
		v.putBytes(r, d.fl[k], limits)
	}
}

func (v *parquetValues) putBytes(r int, b []byte, limits Limits) {
	switch v.kind {
	case valFloat:
		if len(b) != 2 {
			v.flaw(r, BadNumber)
			return
		}
		v.float[r] = halfFloat(binary.LittleEndian.Uint16(b))
	case valDecimal:
		x, ok := bigEndian(b)
		if !ok {
			v.flaw(r, NumberOverflow)
		}
		v.ints[r] = x
	case valUUID:
		from := len(v.text)
		v.text = fmt.Appendf(v.text, "%x", b)
		v.spans[r] = span{uint32(from), uint32(len(v.text))}
	default:
		if why := soundText(b, limits.Field); why != "" {
			v.flaw(r, why)
			v.spans[r] = span{0, 0}
			return
		}
		// A value of a dictionary is the same memory each time; storing it once keeps a small file from growing large.
		if r > 0 && !v.null[r-1] && len(b) > 0 {
			if p := v.spans[r-1]; int(p.to-p.from) == len(b) && string(v.text[p.from:p.to]) == unsafe.String(&b[0], len(b)) {
				v.spans[r] = p
				return
			}
		}
		from := len(v.text)
		v.text = append(v.text, b...)
		v.spans[r] = span{uint32(from), uint32(len(v.text))}
	}
}

func (v *parquetValues) flaw(r int, why Reason) { v.flaws = append(v.flaws, finding{int32(r), why}) }

// bigEndian reads a two's complement number of any length; ok is false if it needs more than 64 bits.
func bigEndian(b []byte) (x int64, ok bool) {
	if len(b) == 0 {
		return 0, true
	}
	x = int64(int8(b[0]))
	for _, c := range b[1:] {
		if x > math.MaxInt64>>8 || x < math.MinInt64>>8 {
			return 0, false
		}
		x = x<<8 | int64(c)
	}
	return x, true
}

func halfFloat(h uint16) float64 {
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	exp, frac := int(h>>10)&31, float64(h&1023)
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

// moment returns value r of a time or date column; ok is false if it is beyond any calendar.
func (v *parquetValues) moment(r int) (m moment, ok bool) {
	x := v.ints[r]
	if v.kind == valDate {
		return moment{local: x * 86400}, x > -4e6 && x < 4e6
	}
	sec, rest := x/v.unit, x%v.unit
	if rest < 0 {
		sec, rest = sec-1, rest+v.unit
	}
	m = moment{local: sec, zoned: v.zoned}
	if v.unit <= 1e6 {
		m.micro = rest * (1e6 / v.unit)
	} else {
		m.micro = rest / (v.unit / 1e6)
	}
	return m, sec > -3e11 && sec < 3e11
}

// render appends value r, which is not null, as text.
func (v *parquetValues) render(dst []byte, r int) []byte {
	switch v.kind {
	case valInt:
		return strconv.AppendInt(dst, v.ints[r], 10)
	case valDecimal:
		return appendDecimal(dst, v.ints[r], v.scale)
	case valFloat:
		x := v.float[r]
		if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e15) {
			return strconv.AppendFloat(dst, x, 'g', -1, 64)
		}
		return strconv.AppendFloat(dst, x, 'f', -1, 64)
	case valBool:
		return strconv.AppendBool(dst, v.ints[r] != 0)
	case valTime, valDate:
		m, ok := v.moment(r)
		if !ok {
			return append(dst, "out of range"...)
		}
		t := time.Unix(m.local, m.micro*1000).UTC()
		switch {
		case v.kind == valDate:
			return t.AppendFormat(dst, "2006-01-02")
		case m.zoned:
			return t.AppendFormat(dst, "2006-01-02T15:04:05.999999Z")
		}
		return t.AppendFormat(dst, "2006-01-02 15:04:05.999999")
	case valClock:
		return time.Unix(0, v.ints[r]*(1e9/v.unit)).UTC().AppendFormat(dst, "15:04:05.999999")
	}
	p := v.spans[r]
	return append(dst, v.text[p.from:p.to]...)
}

func appendDecimal(dst []byte, x int64, scale int) []byte {
	if scale == 0 {
		return strconv.AppendInt(dst, x, 10)
	}
	digits := strconv.FormatUint(magnitude(x), 10)
	for len(digits) <= scale {
		digits = "0" + digits
	}
	if x < 0 {
		dst = append(dst, '-')
	}
	dst = append(dst, digits[:len(digits)-scale]...)
	dst = append(dst, '.')
	return append(dst, digits[len(digits)-scale:]...)
}

// convert hands n values to a converter: numbers, times and booleans directly, the rest as text.
func (v *parquetValues) convert(c *converter, n int) {
	flaws := v.flaws
	var scratch []byte
	for r := range n {
		if v.null[r] {
			c.missing(r)
			continue
		}
		if len(flaws) > 0 && int(flaws[0].row) == r {
			why := flaws[0].reason
			flaws = flaws[1:]
			c.out.AppendMissing()
			if c.isStrict || v.kind == valText {
				c.reject(r, why)
			} else {
				c.warn(r, Unreadable)
			}
			continue
		}
		if v.direct(c, r) {
			continue
		}
		scratch = v.render(scratch[:0], r)
		c.text(r, scratch)
	}
}

// direct converts value r without writing it down, where kinds allow.
func (v *parquetValues) direct(c *converter, r int) bool {
	switch {
	case c.Kind == table.Number && v.kind == valFloat:
		c.number(r, v.float[r], "")
	case c.Kind == table.Number && v.kind == valInt:
		c.number(r, float64(v.ints[r]), "")
	case c.Kind == table.Integer && v.kind == valInt:
		c.integer(r, v.ints[r], "")
	case c.Kind == table.Money && v.kind == valFloat:
		x, rounded, why := moneyOf(v.float[r], c.Scale)
		c.money(r, x, rounded, why)
	case c.Kind == table.Money && (v.kind == valInt || v.kind == valDecimal) && v.scale <= 18:
		x := v.ints[r]
		y, rounded, ok := decimal{mant: magnitude(x), scale: v.scale, neg: x < 0}.rescale(c.Scale)
		if !ok {
			c.money(r, 0, false, NumberOverflow)
		} else {
			c.money(r, y, rounded, "")
		}
	case c.Kind == table.Time && (v.kind == valTime || v.kind == valDate):
		m, ok := v.moment(r)
		if !ok {
			c.moment(r, m, TimeOutOfRange)
		} else {
			c.moment(r, m, "")
		}
	case c.Kind == table.Bool && v.kind == valBool:
		c.boolean(r, v.ints[r] != 0, true)
	case c.Kind.InCode() && v.kind == valText:
		p := v.spans[r]
		c.text(r, v.text[p.from:p.to])
	default:
		return false
	}
	return true
}
