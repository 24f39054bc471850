package source

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// Batch is some of the rows that were kept, in file order.
//
// Table has the schema's columns in the schema's order; the dictionaries of its text columns are the batch's own, and those
// of customers and ids may hold a text twice. All of it is valid until the function that was given the batch returns: the
// memory is used again.
type Batch struct {
	Table *table.Table
	Line  []int64 // where each row's record starts: physical line, from 1; in Parquet the row, from 1

	// Record numbers each row's record among all that were read, from 1, rejected ones included.
	Record []int64
}

// work converts the records of one chunk.
type work struct {
	converters []*converter // schema first, then the hidden factors of products
	nSchema    int
	columns    []*table.Column
	product    [][2]int // for each column of the schema: its factors, or {-1, -1}
	batch      Batch
	keep       []int32
	bad        []int32 // for each row: 0, or 1 + the index of its reject
	rejects    []rejected
	warns      []warning
	known      [2]int // columns of time and known-at, or -1
}

type rejected struct {
	at     int32 // record within the chunk
	column int32 // of the schema, -1 for the whole record
	reason Reason
	raw    []byte
	line   int64
}

type warning struct {
	line   int64
	column int32
	reason Reason
}

// newWork prepares the reading of a schema. The same work may convert any number of chunks, one after the other.
func (f *File) newWork(schema []Column, at []int) *work {
	w := &work{nSchema: len(schema), known: [2]int{-1, -1}}
	for i, c := range schema {
		w.converters = append(w.converters, f.newConverter(c, at[i]))
		w.product = append(w.product, [2]int{-1, -1})
		if c.Kind == table.Time && c.Role == kequn.ColTime && w.known[0] < 0 {
			w.known[0] = i
		}
		if c.Kind == table.Time && c.Role == kequn.ColKnownAt {
			w.known[1] = i
		}
	}
	for i, c := range schema {
		if at[i] >= 0 {
			continue
		}
		a, b, _ := c.factors()
		for k, name := range []string{a, b} {
			j := slices.IndexFunc(schema, func(s Column) bool {
				return s.Name == name && s.From == "" && (s.Kind == table.Money || s.Kind == table.Integer || s.Kind == table.Number)
			})
			if j < 0 {
				file, _ := f.columnIndex(name) // checkSchema has found it
				role := kequn.ColQuantity
				h := f.newConverter(Column{Name: name, Kind: table.Money, Scale: 6, Role: role, Layout: c.Layout}, file)
				h.hidden = true
				j = len(w.converters)
				w.converters = append(w.converters, h)
			}
			w.product[i][k] = j
		}
	}
	w.columns = make([]*table.Column, len(w.converters))
	return w
}

// begin makes room for n rows.
func (w *work) begin(n int) {
	for i, c := range w.converters {
		w.columns[i] = c.begin(w.columns[i], n)
	}
	w.rejects, w.warns = w.rejects[:0], w.warns[:0]
}

// finish computes products, takes rejected rows out and puts the batch together. record(row) is the row's record within
// the chunk, raw(row) its text; lines has the line of each row.
func (w *work) finish(n int, lines []int64, record func(row int) int32, raw func(row int) []byte) {
	for i, p := range w.product {
		if p[0] >= 0 {
			w.converters[i].multiply(w.columns[p[0]], w.columns[p[1]])
		}
	}
	w.bad = resized(w.bad, n)
	clear(w.bad)
	for k, c := range w.converters {
		column := int32(k)
		if c.hidden {
			column = w.productOf(k)
		}
		for _, r := range c.rejects {
			if w.bad[r.row] == 0 {
				w.rejects = append(w.rejects, rejected{record(int(r.row)), column, r.reason, raw(int(r.row)), lines[r.row]})
				w.bad[r.row] = int32(len(w.rejects))
			}
		}
	}
	for k, c := range w.converters[:w.nSchema] {
		for _, r := range c.warns {
			if w.bad[r.row] == 0 {
				w.warns = append(w.warns, warning{lines[r.row], int32(k), r.reason})
			}
		}
	}
	if t, k := w.known[0], w.known[1]; t >= 0 && k >= 0 {
		at, known := w.columns[t].Int, w.columns[k].Int
		for i := range n {
			if w.bad[i] == 0 && known[i] != table.Missing && known[i] < at[i] {
				w.warns = append(w.warns, warning{lines[i], int32(k), KnownBefore})
			}
		}
	}
	slices.SortStableFunc(w.rejects, func(a, b rejected) int { return cmp.Compare(a.at, b.at) })

	w.keep = w.keep[:0]
	for i, b := range w.bad {
		if b == 0 {
			w.keep = append(w.keep, int32(i))
		}
	}
	w.batch.Line = w.batch.Line[:0]
	w.batch.Record = w.batch.Record[:0]
	for _, r := range w.keep {
		w.batch.Line = append(w.batch.Line, lines[r])
		w.batch.Record = append(w.batch.Record, int64(record(int(r))))
	}
	if len(w.keep) < n {
		for _, c := range w.columns[:w.nSchema] {
			squeeze(c, w.keep)
		}
	}
	w.batch.Table = &table.Table{Columns: w.columns[:w.nSchema:w.nSchema]}
}

func (w *work) productOf(hidden int) int32 {
	for i, p := range w.product {
		if p[0] == hidden || p[1] == hidden {
			return int32(i)
		}
	}
	return -1
}

// squeeze keeps the given rows of a column, in place.
func squeeze(c *table.Column, keep []int32) {
	switch {
	case c.Kind == table.Number:
		for i, r := range keep {
			c.Num[i] = c.Num[r]
		}
		c.Num = c.Num[:len(keep)]
	case c.Kind.InInt():
		for i, r := range keep {
			c.Int[i] = c.Int[r]
		}
		c.Int = c.Int[:len(keep)]
	default:
		for i, r := range keep {
			c.Code[i] = c.Code[r]
		}
		c.Code = c.Code[:len(keep)]
	}
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// ledger adds up what became of the records, chunk after chunk in file order.
type ledger struct {
	schema     []Column
	counts     Counts
	reasons    []tally
	warnings   []tally
	currency   int // column, or -1
	currencies []currencyRows
}

type tally struct {
	column int32
	Tally
}

type currencyRows struct {
	CurrencyRows
	line int64
}

func newLedger(schema []Column) *ledger {
	l := &ledger{schema: schema, currency: -1}
	for i, c := range schema {
		if c.Role == kequn.ColCurrency && c.Kind.InCode() && l.currency < 0 {
			l.currency = i
		}
	}
	return l
}

// take hands the work's batch and rejects on and counts them. read is how many records the chunk had.
func (l *ledger) take(ctx context.Context, w *work, read, blank int64, batch func(*Batch) error, reject func(Reject) error) error {
	before := l.counts.Read
	l.counts.Read += read
	l.counts.Blank += blank
	l.counts.Kept += int64(len(w.keep))
	l.counts.Rejected += int64(len(w.rejects))
	if l.counts.Read != l.counts.Kept+l.counts.Rejected {
		return kequn.Errorf(kequn.KindInternal, "", "source: %d records, %d kept and %d rejected", l.counts.Read, l.counts.Kept, l.counts.Rejected)
	}
	for _, r := range w.rejects {
		l.reasons = add(l.reasons, r.column, r.reason, r.line)
		if reject != nil {
			if err := reject(Reject{Line: r.line, Record: before + int64(r.at) + 1, Reason: r.reason, Column: l.column(r.column), Raw: r.raw}); err != nil {
				return err
			}
		}
	}
	for _, x := range w.warns {
		l.warnings = add(l.warnings, x.column, x.reason, x.line)
	}
	if l.currency >= 0 {
		l.countCurrencies(w)
	}
	for i := range w.batch.Record {
		w.batch.Record[i] += before + 1
	}
	if len(w.keep) > 0 && batch != nil {
		if err := batch(&w.batch); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (l *ledger) column(i int32) string {
	if i < 0 {
		return ""
	}
	return l.schema[i].Name
}

func add(list []tally, column int32, reason Reason, line int64) []tally {
	return addRows(list, column, reason, line, 1)
}

func addRows(list []tally, column int32, reason Reason, line, rows int64) []tally {
	for i := range list {
		if list[i].column == column && list[i].Reason == reason {
			list[i].Rows += rows
			list[i].Line = min(list[i].Line, line)
			return list
		}
	}
	return append(list, tally{column, Tally{Reason: reason, Rows: rows, Line: line}})
}

func (l *ledger) countCurrencies(w *work) {
	c := w.batch.Table.Columns[l.currency]
	rows := make([]int64, c.Dict.Len())
	first := make([]int64, c.Dict.Len())
	for i, k := range c.Code {
		if k < 0 {
			continue
		}
		if rows[k] == 0 {
			first[k] = w.batch.Line[i]
		}
		rows[k]++
	}
next:
	for k, n := range rows {
		if n == 0 {
			continue
		}
		for i := range l.currencies {
			if l.currencies[i].Code == c.Dict.At(k) {
				l.currencies[i].Rows += n
				continue next
			}
		}
		l.currencies = append(l.currencies, currencyRows{CurrencyRows{strings.Clone(c.Dict.At(k)), n}, first[k]})
	}
}

// close returns the counts.
func (l *ledger) close() Counts {
	slices.SortStableFunc(l.currencies, func(a, b currencyRows) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Code, b.Code))
	})
	for i, c := range l.currencies {
		l.counts.Currencies = append(l.counts.Currencies, c.CurrencyRows)
		if i > 0 {
			l.warnings = addRows(l.warnings, int32(l.currency), SecondCurrency, c.line, c.Rows)
		}
	}
	l.counts.Reasons = l.sorted(l.reasons)
	l.counts.Warnings = l.sorted(l.warnings)
	return l.counts
}

func (l *ledger) sorted(list []tally) []Tally {
	slices.SortFunc(list, func(a, b tally) int {
		return cmp.Or(cmp.Compare(a.column, b.column), strings.Compare(string(a.Reason), string(b.Reason)))
	})
	out := make([]Tally, len(list))
	for i, t := range list {
		out[i] = t.Tally
		out[i].Column = l.column(t.column)
	}
	return out
}
