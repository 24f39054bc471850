package source

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"

	"kequn"
)

// chunk is some whole records on their way through the workers.
type chunk struct {
	text  []byte // the records, and what follows them; while converting, unescaped values are written behind
	end   int    // of the records
	final bool   // no text follows
	line  int64  // of the first record
	done  chan struct{}
	err   error
	work  *work
	read  int64
	blank int64

	cells   []span // of sound records, row by row
	records []int32
	from    []uint32 // of each row's record; nil where the record as such is no text
	to      []uint32
	lines   []int64
	flawed  []rejected
	odd     []finding // what is odd about sound records as a whole
	late    []FieldRows
}

// uncomputed is the cell of a formula that nobody has computed.
var uncomputed = span{math.MaxUint32, math.MaxUint32}

// reset forgets the records of a chunk and keeps its memory.
func (c *chunk) reset() {
	c.cells, c.records, c.from, c.to, c.lines = c.cells[:0], c.records[:0], c.from[:0], c.to[:0], c.lines[:0]
	c.flawed, c.odd, c.late = c.flawed[:0], c.odd[:0], c.late[:0]
	c.read, c.blank = 0, 0
}

// raw returns a row as it stands in the file; where that is no text, its cells as a line of CSV.
func (c *chunk) raw(row, width int) []byte {
	if len(c.from) > 0 {
		return c.text[c.from[row]:c.to[row]]
	}
	return c.joined(c.cells[row*width : (row+1)*width])
}

func (c *chunk) joined(cells []span) []byte {
	var raw []byte
	for k, p := range cells {
		if k > 0 {
			raw = append(raw, ',')
		}
		if p != uncomputed {
			raw = appendQuoted(raw, c.text[p.from:p.to])
		}
	}
	return raw
}

// queue carries chunks from the goroutine that cuts to those that convert, and on to the one that hands them over.
type queue struct {
	free           chan *chunk
	tasks, ordered chan *chunk
}

// next returns a chunk that nobody uses.
func (q *queue) next(ctx context.Context) (*chunk, error) {
	select {
	case c := <-q.free:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// put hands a chunk on. Both channels are drained until they are closed, so it does not block for ever.
func (q *queue) put(c *chunk) {
	q.ordered <- c
	q.tasks <- c
}

// wanted says which cells a chunk has: those of the file's columns that the schema needs.
type wanted struct {
	place []int // of each column of the file among a row's cells, -1 if nobody wants it
	width int
}

// wantedOf lists what converters read. all keeps every column in its place.
func (f *File) wantedOf(schema []Column, at []int, all bool) wanted {
	w := wanted{place: make([]int, len(f.Columns)), width: len(f.Columns)}
	if all {
		for i := range w.place {
			w.place[i] = i
		}
		return w
	}
	for i := range w.place {
		w.place[i] = -1
	}
	w.width = 0
	for _, c := range f.newWork(schema, at).converters {
		if c.file >= 0 && w.place[c.file] < 0 {
			w.place[c.file] = w.width
			w.width++
		}
	}
	return w
}

// Read reads all rows of the file, which must have the schema's columns (it may have more), and hands them in file order
// to batch, and what was refused to reject; either may be nil. Both are called by Read's own goroutine.
//
// Each record is either kept or rejected for the first reason found, from the record as a whole (quotes, bytes, number of
// fields) to the columns in the schema's order. A file that cannot be trusted at all (a quote that never closes, a record
// beyond the limit, damaged packing or pages) is an input error that names line and reason: what was handed over before
// it must then be dropped. An error of batch or reject, or a cancelled context, ends the reading with that error.
//
// A second goroutine unpacks and cuts the text into chunks of whole records, others convert them; memory is bounded by
// a few chunks of 1 MiB a thread. The rows, rejects and counts are the same for any number of threads.
func (f *File) Read(ctx context.Context, schema []Column, batch func(*Batch) error, reject func(Reject) error) (Counts, error) {
	at, err := f.checkSchema(schema)
	if err != nil {
		return Counts{}, err
	}
	if f.Format == Parquet {
		return f.readParquet(ctx, schema, at, batch, reject)
	}
	var want wanted
	var cut func(context.Context, *queue) ([32]byte, error)
	var splitter func() func(*chunk) error // nil where the cutter has found the cells
	switch f.Format {
	case JSON:
		want = f.wantedOf(schema, at, false)
		cut = func(ctx context.Context, q *queue) ([32]byte, error) { return f.cutJSON(ctx, q, want.width) }
		splitter = func() func(*chunk) error { return f.jsonSplitter(want) }
	case Excel:
		want = f.wantedOf(schema, at, false)
		cut = func(ctx context.Context, q *queue) ([32]byte, error) { return f.cutExcel(ctx, q, want) }
	case Postgres:
		want = f.wantedOf(schema, at, false)
		cut = func(ctx context.Context, q *queue) ([32]byte, error) { return f.cutPostgres(ctx, q, want) }
		splitter = func() func(*chunk) error { return func(c *chunk) error { return f.splitCopy(c, want.width) } }
	default:
		want = f.wantedOf(schema, at, true)
		cut = f.cutCSV
		splitter = func() func(*chunk) error {
			s := newScanner(f.Dialect, f.opt.Limits.QuotedLines)
			return func(c *chunk) error { return f.splitCSV(c, s) }
		}
	}
	threads := f.opt.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	q := &queue{free: make(chan *chunk, 2*threads+4), tasks: make(chan *chunk, threads), ordered: make(chan *chunk, threads+2)}
	for range cap(q.free) {
		q.free <- &chunk{done: make(chan struct{}, 1)}
	}
	var group sync.WaitGroup
	var sum [32]byte
	var cutErr error
	group.Go(func() {
		defer close(q.ordered)
		defer close(q.tasks)
		defer func() {
			if r := recover(); r != nil {
				cutErr = kequn.Errorf(kequn.KindInternal, f.Path, "source: %v", r)
			}
		}()
		sum, cutErr = cut(ctx, q)
	})
	for range threads {
		group.Go(func() {
			var split func(*chunk) error
			if splitter != nil {
				split = splitter()
			}
			for c := range q.tasks {
				f.convert(c, split, schema, at, want)
				c.done <- struct{}{}
			}
		})
	}
	l := newLedger(schema)
	for c := range q.ordered {
		<-c.done
		if err == nil {
			err = c.err
		}
		if err == nil {
			for _, x := range c.late {
				l.counts.NewFields = addField(l.counts.NewFields, x.Name, x.Rows)
			}
			err = l.take(ctx, c.work, c.read, c.blank, batch, reject)
		}
		if err != nil {
			cancel() // and drain what is under way
		}
		q.free <- c
	}
	group.Wait()
	if err == nil {
		err = cutErr
	}
	if err != nil {
		return Counts{}, err
	}
	counts := l.close()
	counts.SHA256 = sum
	return counts, nil
}

// convert finds the cells of a chunk and converts them.
func (f *File) convert(c *chunk, split func(*chunk) error, schema []Column, at []int, want wanted) {
	defer func() {
		if r := recover(); r != nil {
			c.err = kequn.Errorf(kequn.KindInternal, fmt.Sprintf("%s: line %d", f.Path, c.line), "source: %v", r)
		}
	}()
	c.err = nil
	if c.work == nil {
		c.work = f.newWork(schema, at)
	}
	if split != nil {
		if c.err = split(c); c.err != nil {
			return
		}
	}
	w, n := c.work, len(c.records)
	w.begin(n)
	text := c.text
	for _, v := range w.converters {
		if v.file < 0 {
			continue
		}
		for i, k := 0, want.place[v.file]; i < n; i, k = i+1, k+want.width {
			p := c.cells[k]
			if p == uncomputed {
				v.fail(i, NotComputed)
				continue
			}
			v.text(i, text[p.from:p.to])
		}
	}
	w.rejects = append(w.rejects, c.flawed...)
	w.finish(n, c.lines, func(row int) int32 { return c.records[row] }, func(row int) []byte { return c.raw(row, want.width) })
	for _, o := range c.odd {
		if w.bad[o.row] == 0 {
			w.warns = append(w.warns, warning{c.lines[o.row], -1, o.reason})
		}
	}
}
