package quality

import (
	"math"
	"math/bits"
	"unsafe"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// Sizes of what a column's tally keeps.
const (
	sampleValues = 1024 // different values; all of them where there are no more
	sampleShapes = 256
	maxLength    = 256 // texts of that length and longer are counted together
	shapeBytes   = 48  // longer texts have no shape
	months       = 31  // days of a month in which amounts are compared
)

// setTally is what is counted of a dataset's rows.
type setTally struct {
	set       *set
	rows      [2]int64
	customers int64
	perDay    []int64 // rows, by day
	hours     [2][24]int64
	midnight  [2]int64
	outside   int64 // rows whose day lies outside the range
	busiest   int64 // most rows of one customer
	perHead   numbers
	columns   []columnTally
}

// columnTally is what is counted of a column, by side where it matters.
type columnTally struct {
	def      plan.Column
	kind     table.Kind
	missing  [2]int64
	traits   [2][nTraits]int64
	values   *sample
	shapes   *sample
	lengths  [maxLength + 1]int64
	num      [2]numbers
	monthly  []numbers64 // of money, by stretch of months days
	dayEmpty []int64     // rows without a value, by day
	first    int64       // of times
	last     int64
}

// numbers64 is a coarse histogram: four bins to a doubling of the size of amounts above 0.
type numbers64 [256]int32

func newSetTally(s *set) *setTally {
	t := &setTally{set: s, perDay: make([]int64, s.days.n), perHead: newNumbers(), columns: make([]columnTally, len(s.names))}
	for i, name := range s.names {
		c := &t.columns[i]
		c.def = *s.Column(name)
		c.kind = c.def.Kind
		c.first, c.last = math.MaxInt64, math.MinInt64
		c.dayEmpty = make([]int64, s.days.n)
		switch {
		case c.kind.InCode():
			c.values, c.shapes = newSample(sampleValues), newSample(sampleShapes)
		case c.kind == table.Number || c.kind == table.Integer || c.kind == table.Money:
			c.num = [2]numbers{newNumbers(), newNumbers()}
			c.values = newSample(sampleValues)
			if c.kind == table.Money || c.def.Role == kequn.ColPrice || c.def.Role == kequn.ColAmount {
				c.monthly = make([]numbers64, int(s.days.n)/months+1)
			}
		case c.kind == table.Bool:
			c.values = newSample(sampleValues)
		}
	}
	return t
}

func (t *setTally) column(name string) *columnTally {
	if i := t.set.column(name); i >= 0 {
		return &t.columns[i]
	}
	return nil
}

// total returns the number of rows of both sides.
func (t *setTally) total() int64 { return t.rows[0] + t.rows[1] }

// take counts the rows of a piece.
func (t *setTally) take(sc *scan, s *pieceSet) {
	side := make([]uint8, s.n)
	const out = 2 // of rows that do not count
	for r := range s.n {
		if s.skipped(r) {
			side[r] = out
			continue
		}
		k := s.side(r)
		side[r] = uint8(k)
		t.rows[k]++
		if s.time == nil {
			continue
		}
		if d := s.day[r]; d >= 0 {
			t.perDay[d]++
			inDay := s.local[r] - floorDiv(s.local[r], microsPerDay)*microsPerDay
			if inDay == 0 {
				t.midnight[k]++
			} else {
				t.hours[k][inDay/3600e6]++
			}
		} else {
			t.outside++
		}
	}
	for c := 0; c+1 < len(s.start); c++ {
		if n := int64(s.start[c+1] - s.start[c]); n > 0 {
			t.customers++
			t.busiest = max(t.busiest, n)
			t.perHead.add(float64(n))
		}
	}
	now := int64(kequn.At(sc.o.Now))
	for i := range t.columns {
		t.columns[i].take(s, s.t.Columns[i], side, now)
	}
}

func (c *columnTally) take(s *pieceSet, col *table.Column, side []uint8, now int64) {
	switch {
	case col.Kind.InCode():
		c.takeTexts(s, col, side)
	case col.Kind == table.Time:
		c.takeTimes(s, col, side, now)
	default:
		c.takeNumbers(s, col, side)
	}
}

func (c *columnTally) empty(s *pieceSet, r int, side uint8) {
	c.missing[side]++
	if s.day != nil && s.day[r] >= 0 {
		c.dayEmpty[s.day[r]]++
	}
}

// codeTally is the rows of one text in a piece, and who has it.
type codeTally struct {
	n         [2]int64
	low, high uint64
}

func (c *columnTally) takeTexts(s *pieceSet, col *table.Column, side []uint8) {
	counts := make([]codeTally, col.Dict.Len())
	shared := c.def.Role != kequn.ColCustomer && s.owner != nil
	for r, k := range col.Code {
		if side[r] > 1 {
			continue
		}
		if k < 0 {
			c.empty(s, r, side[r])
			continue
		}
		e := &counts[k]
		if e.n[0]+e.n[1] == 0 {
			e.low = math.MaxUint64
		}
		e.n[side[r]]++
		if shared {
			h := uint64(s.owner[r])
			e.low, e.high = min(e.low, h), max(e.high, h)
		}
	}
	var shape [4 * shapeBytes]byte
	keepText := !s.private(c.def.Name)
	for k := range counts {
		e := &counts[k]
		rows := e.n[0] + e.n[1]
		if rows == 0 {
			continue
		}
		b := col.Dict.Bytes(k)
		tr := textTraits(b)
		for x := tr; x != 0; x &= x - 1 {
			bit := bits.TrailingZeros32(uint32(x))
			c.traits[0][bit] += e.n[0]
			c.traits[1][bit] += e.n[1]
		}
		c.lengths[min(len(b), maxLength)] += rows
		h := kernel.Hash64(hashSeed, b)
		if h <= c.values.limit {
			text := ""
			if keepText {
				text = string(b)
			}
			low, high := uint64(0), uint64(0)
			if shared && s.owner != nil {
				low, high = ownerHash(s, e.low), ownerHash(s, e.high)
				low, high = min(low, high), max(low, high)
			}
			c.values.add(h, text, e.n, low, high)
		}
		if len(b) <= shapeBytes {
			sh := shapeOf(shape[:0], b)
			if hs := kernel.Hash64(hashSeed, sh); hs <= c.shapes.limit {
				c.shapes.add(hs, unsafe.String(unsafe.SliceData(sh), len(sh)), e.n, 0, 0) // kept texts are copied
			}
		}
	}
}

// hashSeed is of the hashes of samples.
const hashSeed = 0x6b657175

// ownerHash names a customer of a piece so that he is told from customers of other pieces.
func ownerHash(s *pieceSet, owner uint64) uint64 {
	if s.people == nil || owner >= uint64(s.people.Len()) {
		return owner
	}
	return kernel.Hash64(hashSeed, s.people.Dict.Bytes(int(s.people.Code[owner])))
}

func (c *columnTally) takeNumbers(s *pieceSet, col *table.Column, side []uint8) {
	n := col.Len()
	scale := 1.0
	if col.Kind == table.Money {
		scale = math.Pow10(-col.Scale)
	}
	lastBits, lastHash := uint64(1), uint64(0)
	for r := range n {
		k := side[r]
		if k > 1 {
			continue
		}
		var x float64
		if col.Kind == table.Number {
			x = col.Num[r]
		} else {
			if col.Int[r] == table.Missing {
				c.empty(s, r, k)
				continue
			}
			x = float64(col.Int[r])
			if scale != 1 {
				x *= scale
			}
		}
		if x != x {
			c.empty(s, r, k)
			continue
		}
		b := math.Float64bits(x)
		if b != lastBits {
			lastBits, lastHash = b, kernel.Mix(b)
		}
		if lastHash <= c.values.limit {
			var one [2]int64
			one[k] = 1
			c.values.add(lastHash, "", one, b, b)
		}
		if c.kind == table.Bool {
			continue
		}
		c.num[k].add(x)
		tr := numberTraits(x)
		for ; tr != 0; tr &= tr - 1 {
			c.traits[k][bits.TrailingZeros32(uint32(tr))]++
		}
		if c.monthly != nil && s.day != nil && s.day[r] >= 0 && x > 0 {
			c.monthly[s.day[r]/months][(binOf(x)-zeroBin-1)/4]++
		}
	}
}

// numberTraits looks at a number once.
func numberTraits(x float64) traits {
	var t traits
	if x <= 0 {
		if x == 0 {
			return zero
		}
		t = negative
	}
	if w := math.Trunc(x); w != x {
		t |= fraction
		if c := x * 100; math.Abs(c-math.Round(c)) > 1e-6*max(1, math.Abs(c)) {
			t |= fine
		}
		return t
	}
	switch x {
	case 999, 9999, 99999, 999999, 9999999, 99999999, 999999999, -1, -9, -99, -999, -9999, -99999, 12345, 123456, 123456789, 111111, 1111111, 1e9, 2147483647, -2147483648:
		t |= placeholder
	}
	return t
}

func (c *columnTally) takeTimes(s *pieceSet, col *table.Column, side []uint8, now int64) {
	for r, v := range col.Int {
		k := side[r]
		if k > 1 {
			continue
		}
		if v == table.Missing {
			c.empty(s, r, k)
			continue
		}
		c.first, c.last = min(c.first, v), max(c.last, v)
		for tr := timeTraits(v, now); tr != 0; tr &= tr - 1 {
			c.traits[k][bits.TrailingZeros32(uint32(tr))]++
		}
	}
}

// timeTraits looks at an instant once. What happens within a day from now may be another zone's clock.
func timeTraits(v, now int64) traits {
	var t traits
	if v > now+microsPerDay {
		t |= future
	}
	if floorDiv(v, 1e6)%86400 == 0 {
		t |= midnight
		switch v / 1e6 {
		case 0, -2208988800, -2209075200, 253402214400, 4102444800, -62135596800, -2203891200, 32503680000, 4070908800: // 1970, 1900, 9999, 2100, year 1 …
			t |= placeholder
		}
	}
	if v < -2208988800e6 {
		t |= old
	}
	return t
}

// count returns the rows of a trait, by side.
func (c *columnTally) count(t traits) (n [2]int64) {
	for ; t != 0; t &= t - 1 {
		b := bits.TrailingZeros32(uint32(t))
		n[0] += c.traits[0][b]
		n[1] += c.traits[1][b]
	}
	return n
}

func (c *columnTally) hits(t traits) int64 { n := c.count(t); return n[0] + n[1] }

func (c *columnTally) empties() int64 { return c.missing[0] + c.missing[1] }

// numberOf returns the histogram of both sides.
func (c *columnTally) numberOf() numbers { return c.num[0].plus(&c.num[1]) }

func (t *setTally) merge(o *setTally) {
	for k := range 2 {
		t.rows[k] += o.rows[k]
		t.midnight[k] += o.midnight[k]
		for h := range t.hours[k] {
			t.hours[k][h] += o.hours[k][h]
		}
	}
	t.customers += o.customers
	t.outside += o.outside
	t.busiest = max(t.busiest, o.busiest)
	t.perHead.merge(&o.perHead)
	for i, n := range o.perDay {
		t.perDay[i] += n
	}
	for i := range t.columns {
		t.columns[i].merge(&o.columns[i])
	}
}

func (c *columnTally) merge(o *columnTally) {
	for k := range 2 {
		c.missing[k] += o.missing[k]
		for b := range c.traits[k] {
			c.traits[k][b] += o.traits[k][b]
		}
		if c.num[k].bins != nil {
			c.num[k].merge(&o.num[k])
		}
	}
	if c.values != nil {
		c.values.merge(o.values)
	}
	if c.shapes != nil {
		c.shapes.merge(o.shapes)
	}
	for i, n := range o.lengths {
		c.lengths[i] += n
	}
	for i := range o.monthly {
		for b, n := range o.monthly[i] {
			c.monthly[i][b] += n
		}
	}
	for i, n := range o.dayEmpty {
		c.dayEmpty[i] += n
	}
	c.first, c.last = min(c.first, o.first), max(c.last, o.last)
}

func (t *setTally) done() {
	for i := range t.columns {
		c := &t.columns[i]
		if c.values != nil {
			c.values.done()
		}
		if c.shapes != nil {
			c.shapes.done()
		}
	}
}
