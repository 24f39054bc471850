package source

import (
	"math"
	"math/bits"
	"time"
	"unicode/utf8"

	"kequn"
	"kequn/internal/table"
)

// finding is something found in one row of one column.
type finding struct {
	row    int32
	reason Reason
}

// converter turns the values of one column, row by row, into a typed column. It belongs to one goroutine.
//
// It appends one value for every row, rejected or not, and notes what it finds; the rows are taken out afterwards.
type converter struct {
	Column
	file     int // column of the file
	hidden   bool
	must     Reason
	isStrict bool
	st       style
	read     func([]byte) (moment, Reason)
	clock    *clock
	now      kequn.Instant
	fieldMax int

	loose   bool // see named
	out     *table.Column
	rejects []finding
	warns   []finding
}

var (
	year1800 = kequn.At(time.Date(1800, 1, 1, 0, 0, 0, 0, time.UTC))
	year1900 = kequn.At(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC))
	year2101 = kequn.At(time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC))
)

func (f *File) newConverter(c Column, file int) *converter {
	v := &converter{
		Column: c, file: file, must: c.required(), isStrict: c.strict(), st: styleOf(c.Layout), now: kequn.At(f.opt.Now),
		fieldMax: f.opt.Limits.Field,
	}
	if c.Kind == table.Time {
		v.read, v.clock = timeReader(c.Layout), newClock(f.opt.Zone)
	}
	return v
}

// begin makes room for n rows in out, keeping its memory.
func (c *converter) begin(out *table.Column, n int) *table.Column {
	if out == nil {
		out = table.NewColumn(c.Name, c.Kind, n)
		out.Scale = c.Scale
	} else {
		out.Reset()
		if out.Dict != nil {
			out.Dict.Reset()
		}
	}
	c.out, c.loose, c.rejects, c.warns = out, false, c.rejects[:0], c.warns[:0]
	return out
}

func (c *converter) reject(row int, why Reason) {
	c.rejects = append(c.rejects, finding{int32(row), why})
}
func (c *converter) warn(row int, what Reason) { c.warns = append(c.warns, finding{int32(row), what}) }

// missing adds a missing value and rejects the row if the column must have one.
func (c *converter) missing(row int) {
	c.out.AppendMissing()
	if c.must != "" {
		c.reject(row, c.must)
	} else if c.Role == kequn.ColAmount {
		c.warn(row, MissingAmount)
	}
}

// fail deals with a value that cannot be read.
func (c *converter) fail(row int, why Reason) {
	c.out.AppendMissing()
	switch {
	case c.isStrict:
		c.reject(row, why)
	case why == NotANumber: // how programs write nothing
	case why == Infinite || why == NumberOverflow || why == NoSuchDate || why == TimeOutOfRange || why == FarFuture:
		c.warn(row, why) // of the right kind, and yet no value
	default:
		c.warn(row, Unreadable)
	}
}

// text reads a value as it is written. b is valid UTF-8 without control bytes.
func (c *converter) text(row int, b []byte) {
	if c.Kind == table.Integer {
		if x, ok := digits(b); ok {
			c.integer(row, x, "")
			return
		}
	}
	v := trimSpace(b)
	switch c.Kind {
	case table.Text, table.Category:
		c.word(row, b, v)
		return
	}
	if isMissingWord(v) || len(v) == 1 && v[0] == '?' {
		c.missing(row)
		return
	}
	switch c.Kind {
	case table.Number:
		x, why := parseNumber(v, c.st)
		c.number(row, x, why)
	case table.Integer:
		x, why := parseInteger(v, c.st)
		c.integer(row, x, why)
	case table.Money:
		x, rounded, why := parseMoney(v, c.st, c.Scale)
		c.money(row, x, rounded, why)
	case table.Time:
		m, why := c.read(v)
		c.moment(row, m, why)
	case table.Bool:
		x, ok := parseBool(v)
		c.boolean(row, x, ok)
	}
}

// word reads a text: b as written, v without the spaces around it.
func (c *converter) word(row int, b, v []byte) {
	switch c.Role {
	case kequn.ColName, kequn.ColText:
		if isNoName(v) {
			c.missing(row)
			return
		}
		c.out.AppendBytes(b)
		return
	}
	if isMissingWord(v) || string(v) == "NaN" || string(v) == "nan" || len(v) == 1 && v[0] == '?' && c.Kind == table.Category {
		c.missing(row)
		return
	}
	switch c.Role {
	case kequn.ColCurrency:
		if !isCurrency(v) {
			c.fail(row, BadCurrency)
			return
		}
	case kequn.ColEmail:
		if !looksLikeMail(v) {
			c.warn(row, BrokenMail)
		}
	}
	if c.named(row) {
		c.out.Code = append(c.out.Code, c.out.Dict.Push(v))
		return
	}
	c.out.AppendBytes(v)
}

// looseAfter is how many rows of a batch tell whether customers and ids repeat within it.
const looseAfter = 4096

// named tells whether a text names somebody or something that hardly occurs twice in a batch: looking for it then costs more
// than keeping it twice.
func (c *converter) named(row int) bool {
	if row == looseAfter && (c.Role == kequn.ColCustomer || c.Role == kequn.ColID) {
		c.loose = 2*c.out.Dict.Len() > looseAfter
	}
	return c.loose
}

func (c *converter) number(row int, x float64, why Reason) {
	if why == "" && math.IsNaN(x) {
		why = NotANumber
	}
	if why == "" && math.IsInf(x, 0) {
		why = Infinite
	}
	if why != "" {
		c.fail(row, why)
		return
	}
	c.out.Num = append(c.out.Num, x)
	if c.Role == kequn.ColAmount {
		c.sign(row, x < 0, x == 0)
	}
}

func (c *converter) integer(row int, x int64, why Reason) {
	if why == "" && x == table.Missing {
		why = NumberOverflow
	}
	if why != "" {
		c.fail(row, why)
		return
	}
	c.out.Int = append(c.out.Int, x)
	if c.Role == kequn.ColAmount {
		c.sign(row, x < 0, x == 0)
	}
}

func (c *converter) money(row int, x int64, rounded bool, why Reason) {
	c.integer(row, x, why)
	if rounded && why == "" {
		c.warn(row, Rounded)
	}
}

func (c *converter) sign(row int, negative, zero bool) {
	if negative {
		c.warn(row, NegativeAmount)
	} else if zero {
		c.warn(row, ZeroAmount)
	}
}

func (c *converter) moment(row int, m moment, why Reason) {
	if why != "" {
		c.fail(row, why)
		return
	}
	at := c.clock.instant(m)
	earliest, latest := year1900, c.now+2*365*86400*1e6
	if c.Role == kequn.ColBirth || !c.isStrict {
		earliest, latest = year1800, year2101
	}
	switch {
	case at >= latest:
		c.fail(row, FarFuture)
		return
	case at < earliest:
		c.fail(row, TimeOutOfRange)
		return
	}
	c.out.Int = append(c.out.Int, int64(at))
	if !m.zoned && c.Layout == LayoutZoned {
		c.warn(row, NoZone)
	}
	if c.Role == kequn.ColBirth {
		const year = 365.2425 * 86400e6
		if at > c.now {
			c.warn(row, FutureBirth)
		} else if float64(c.now-at) > 121*year {
			c.warn(row, OldAge)
		}
	}
}

func (c *converter) boolean(row int, x, ok bool) {
	if !ok {
		c.fail(row, BadBool)
		return
	}
	v := int64(0)
	if x {
		v = 1
	}
	c.out.Int = append(c.out.Int, v)
}

// multiply makes the column the product of two others, row by row: units of 10^-Scale for money.
func (c *converter) multiply(a, b *table.Column) {
	for i := range a.Len() {
		if a.IsMissing(i) || b.IsMissing(i) {
			c.missing(i)
			continue
		}
		if c.Kind == table.Number || a.Kind == table.Number || b.Kind == table.Number {
			x := a.Float(i) * b.Float(i)
			if c.Kind == table.Number {
				c.number(i, x, "")
				continue
			}
			v, rounded, why := moneyOf(x, c.Scale)
			c.money(i, v, rounded, why)
			continue
		}
		hi, lo := bits.Mul64(magnitude(a.Int[i]), magnitude(b.Int[i]))
		if hi != 0 {
			c.money(i, 0, false, NumberOverflow)
			continue
		}
		d := decimal{mant: lo, scale: a.Scale + b.Scale, neg: a.Int[i] < 0 != (b.Int[i] < 0)}
		if d.scale > c.Scale+19 {
			c.money(i, 0, false, NumberOverflow)
			continue
		}
		v, rounded, ok := d.rescale(c.Scale)
		if !ok {
			c.money(i, 0, false, NumberOverflow)
			continue
		}
		c.money(i, v, rounded, "")
	}
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return uint64(-v)
	}
	return uint64(v)
}

// soundText tells why a text value from a binary format must not be stored, or "".
func soundText(b []byte, fieldMax int) Reason {
	if len(b) > fieldMax {
		return FieldTooLong
	}
	for _, ch := range b {
		if ch < 0x20 && ch != '\t' && ch != '\n' && ch != '\r' || ch == 0x7F {
			if ch == 0 {
				return NULByte
			}
			return ControlByte
		}
	}
	if !utf8.Valid(b) {
		return BadEncoding
	}
	return ""
}
