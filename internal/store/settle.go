package store

import (
	"cmp"
	"slices"

	"kequn/internal/table"
)

// nRanges is the number of buckets that customers are counted into: the most partitions there may be.
const nRanges = maxPartitions

// settle counts the rows of full chunks into buckets, of all chunks at the end, beside the caller's goroutine.
func (b *buffer) settle(end bool) {
	for b.settled < len(b.chunks) && (end || b.chunks[b.settled].n == chunkRows) {
		c := b.chunks[b.settled]
		b.settled++
		if c.cust == nil {
			continue // rows of nobody stay in order of arrival
		}
		b.tickets <- struct{}{}
		b.settling.Go(func() {
			c.settle(&b.spare)
			b.names.Add(int64(len(c.texts)) + 8*int64(len(c.ends)))
			<-b.tickets
		})
	}
	if end {
		b.settling.Wait()
	}
}

func (c *chunk) settle(s *spareColumns) {
	// Customers by bucket, and what each one's number is then.
	c.hashNew()
	nNames, texts := c.cust.Dict.Len(), len(c.cust.Dict.Data())
	c.names = make([]int32, nRanges+1)
	for _, h := range c.hash {
		c.names[h>>56+1]++
	}
	for k := range nRanges {
		c.names[k+1] += c.names[k]
	}
	next := slices.Clone(c.names[:nRanges])
	order, number := takeSpare(s, &s.i32)[:nNames], takeSpare(s, &s.i32)[:nNames]
	c.tags, c.ends, c.texts = make([]uint32, nNames), make([]uint32, nNames), make([]byte, 0, texts)
	bucket := make([]uint8, nNames)
	for i, h := range c.hash {
		at := next[h>>56]
		next[h>>56]++
		order[at], number[i] = int32(i), at
		c.tags[at], bucket[at] = uint32(h>>24), uint8(h>>56)
	}
	for at, i := range order {
		c.texts = append(c.texts, c.cust.Dict.Bytes(int(i))...)
		c.ends[at] = uint32(len(c.texts))
	}
	s.giveDict(c.cust.Dict)
	giveSpare(s, &s.hash, c.hash)
	c.hash, c.cust.Dict = nil, nil

	// Rows by bucket.
	c.rows = make([]int32, nRanges+1)
	for i, k := range c.cust.Code {
		n := number[k]
		c.cust.Code[i] = n
		c.rows[int(bucket[n])+1]++
	}
	for k := range nRanges {
		c.rows[k+1] += c.rows[k]
	}
	copy(next, c.rows)
	c.at = make([]uint16, c.n)
	for i, k := range c.cust.Code {
		slot := &next[bucket[k]]
		c.at[*slot] = uint16(i)
		*slot++
	}
	giveSpare(s, &s.i32, order)
	giveSpare(s, &s.i32, number)

	arrange(s, &s.i32, &c.cust.Code, c.at)
	arrange(s, &s.ints, &c.time, c.at)
	arrange(s, &s.ints, &c.known, c.at)
	if c.id != nil {
		arrange(s, &s.i32, &c.id.Code, c.at)
	}
	for _, f := range c.fields {
		arrange(s, &s.i32, &f.Code, c.at)
		arrange(s, &s.nums, &f.Num, c.at)
		arrange(s, &s.ints, &f.Int, c.at)
	}
	for _, f := range c.clear {
		arrange(s, &s.i32, &f.Code, c.at)
	}
}

// name returns the customer of a number of a settled chunk.
func (c *chunk) name(i int32) []byte {
	from := uint32(0)
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.texts[from:c.ends[i]:c.ends[i]]
}

// arrange puts a column in the order of at; what it lay in before is memory for the next.
func arrange[T any](s *spareColumns, list *[][]T, v *[]T, at []uint16) {
	from := *v
	if from == nil {
		return
	}
	to := takeSpare(s, list)[:len(at)]
	for i, r := range at {
		to[i] = from[r]
	}
	*v = to
	giveSpare(s, list, from)
}

// sorter sorts the buckets of a settled buffer, one after the other. It belongs to one goroutine.
type sorter struct {
	b   *buffer
	all []*block // the buffer's chunks

	to   int // buckets [k, to) are to come
	k    int
	rows []sortedRow // of the bucket at hand
	cust *table.Dict // its customers, in order
	hash []uint64
	done int // rows handed out

	slots   []int32 // customer + 1 at a hash
	names   []name
	number  [][]int32 // per chunk: customer of each of its names in the bucket
	numbers []int32
	rank    []int32
	start   []int32
	placed  []sortedRow
}

// sortedRow is a row of a chunk.
type sortedRow struct {
	time     int64
	b, r     int32
	customer int32
}

type name struct {
	hash uint64
	text []byte
	id   int32
}

// open prepares to hand out the rows of customers whose hashes lie in [from, to) 256ths.
func (s *sorter) open(b *buffer, from, to int) {
	s.b, s.k, s.to = b, from, to
	s.rows, s.done = nil, 0
	s.all = s.all[:0]
	for _, c := range b.chunks {
		s.all = append(s.all, &c.block)
	}
}

// next returns the next at most most rows, in the store's order: by customer (hash, then text), time, known-at and arrival.
// nil is the end. Blocks of one bucket share a dictionary of customers.
func (s *sorter) next(most int) *block {
	if !s.b.l.keyed {
		if s.k == 0 && s.done < len(s.b.chunks) { // in order of arrival
			s.done++
			return s.all[s.done-1]
		}
		return nil
	}
	for s.done == len(s.rows) {
		if s.k >= s.to {
			return nil
		}
		s.sort(s.k)
		s.k++
		s.done = 0
	}
	rows := s.rows[s.done:min(s.done+most, len(s.rows))]
	s.done += len(rows)
	return s.gather(rows)
}

func (s *sorter) sort(k int) {
	b := s.b
	total, nNames := 0, 0
	for _, c := range b.chunks {
		total += int(c.rows[k+1] - c.rows[k])
		nNames += int(c.names[k+1] - c.names[k])
	}
	// Names that several chunks know are brought together.
	size := 16
	for size < 2*nNames {
		size *= 2
	}
	if len(s.slots) < size {
		s.slots = make([]int32, size)
	}
	slots := s.slots[:size]
	clear(slots)
	mask := uint32(size - 1)
	s.names, s.number, s.numbers = s.names[:0], s.number[:0], slices.Grow(s.numbers[:0], nNames)
	for _, c := range b.chunks {
		from := len(s.numbers)
		for i := c.names[k]; i < c.names[k+1]; i++ {
			tag, text := c.tags[i], c.name(i)
			at := tag & mask
			for {
				id := slots[at]
				if id == 0 {
					s.names = append(s.names, name{customerHash(text), text, int32(len(s.names))})
					id = int32(len(s.names))
					slots[at] = id
				} else if n := &s.names[id-1]; uint32(n.hash>>24) != tag || string(n.text) != string(text) {
					at = (at + 1) & mask
					continue
				}
				s.numbers = append(s.numbers, id-1)
				break
			}
		}
		s.number = append(s.number, s.numbers[from:])
	}
	slices.SortFunc(s.names, func(x, y name) int {
		if x.hash != y.hash {
			return cmp.Compare(x.hash, y.hash)
		}
		return compareCustomers(x.hash, y.hash, x.text, y.text)
	})
	s.rank = resized(s.rank, len(s.names))
	s.cust, s.hash = table.NewDict(), make([]uint64, len(s.names))
	for r, n := range s.names {
		s.rank[n.id] = int32(r)
		s.cust.Push(n.text)
		s.hash[r] = n.hash
	}
	for i, id := range s.numbers {
		s.numbers[i] = s.rank[id]
	}
	// Rows are counted to their customer's place, which keeps their order of arrival.
	s.start = resized(s.start, len(s.names)+1)
	clear(s.start)
	for i, c := range b.chunks {
		first, number := c.names[k], s.number[i]
		for _, code := range c.cust.Code[c.rows[k]:c.rows[k+1]] {
			s.start[number[code-first]+1]++
		}
	}
	for r := range s.names {
		s.start[r+1] += s.start[r]
	}
	s.placed = resized(s.placed, total)
	for i, c := range b.chunks {
		first, number := c.names[k], s.number[i]
		for r := c.rows[k]; r < c.rows[k+1]; r++ {
			who := number[c.cust.Code[r]-first]
			s.placed[s.start[who]] = sortedRow{time: c.timeOf(int(r)), b: int32(i), r: r, customer: who}
			s.start[who]++
		}
	}
	if b.l.timed || b.known {
		from := int32(0)
		for r := range s.names { // start has moved on: it now says where each customer ends
			b.sortByTime(s.placed[from:s.start[r]])
			from = s.start[r]
		}
	}
	s.rows = s.placed
}

// sortByTime puts one customer's rows, which come in order of arrival, in order of time and known-at.
func (b *buffer) sortByTime(rows []sortedRow) {
	if b.known {
		slices.SortStableFunc(rows, func(x, y sortedRow) int {
			if x.time != y.time {
				return cmp.Compare(x.time, y.time)
			}
			return cmp.Compare(b.knownAt(x), b.knownAt(y))
		})
		return
	}
	if len(rows) > 32 {
		slices.SortFunc(rows, func(x, y sortedRow) int {
			switch {
			case x.time != y.time:
				return cmp.Compare(x.time, y.time)
			case x.b != y.b:
				return int(x.b - y.b)
			}
			return int(x.r - y.r)
		})
		return
	}
	for i := 1; i < len(rows); i++ {
		x, j := rows[i], i
		for ; j > 0 && rows[j-1].time > x.time; j-- {
			rows[j] = rows[j-1]
		}
		rows[j] = x
	}
}

// knownAt says when a row was known; one that does not say so, when it happened.
func (b *buffer) knownAt(x sortedRow) int64 {
	if k := b.chunks[x.b].known[x.r]; k != table.Missing {
		return k
	}
	return x.time
}

// gather copies rows into a block.
func (s *sorter) gather(rows []sortedRow) *block {
	n, b := len(rows), s.b
	out := &block{n: n, cust: &table.Column{Kind: table.Text, Code: make([]int32, n), Dict: s.cust}, hash: s.hash, seq: make([]int64, n)}
	for i, x := range rows {
		c := b.chunks[x.b]
		out.cust.Code[i], out.seq[i] = x.customer, c.first+int64(c.at[x.r])
	}
	if b.l.timed {
		out.time = make([]int64, n)
		for i, x := range rows {
			out.time[i] = x.time
		}
	}
	if b.known {
		out.known = gathered(b, rows, func(c *chunk) []int64 { return c.known })
	}
	text := func(dict *table.Dict, column func(*chunk) *table.Column) *table.Column {
		return &table.Column{Kind: table.Text, Dict: dict, Code: gathered(b, rows, func(c *chunk) []int32 { return column(c).Code })}
	}
	if b.l.hasID {
		out.id = text(b.id, func(c *chunk) *table.Column { return c.id })
	}
	for i, f := range b.l.fields {
		col := &table.Column{Name: f.Name, Kind: f.Kind, Scale: f.Scale}
		switch {
		case f.Kind.InCode():
			col = text(b.fields[i], func(c *chunk) *table.Column { return c.fields[i] })
			col.Name, col.Kind = f.Name, f.Kind
		case f.Kind == table.Number:
			col.Num = gathered(b, rows, func(c *chunk) []float64 { return c.fields[i].Num })
		default:
			col.Int = gathered(b, rows, func(c *chunk) []int64 { return c.fields[i].Int })
		}
		out.fields = append(out.fields, col)
	}
	for i := range b.l.clear {
		out.clear = append(out.clear, text(b.clear[i], func(c *chunk) *table.Column { return c.clear[i] }))
	}
	return out
}

// gathered copies one column's values of rows.
func gathered[T any](b *buffer, rows []sortedRow, column func(*chunk) []T) []T {
	from := make([][]T, len(b.chunks))
	for i, c := range b.chunks {
		from[i] = column(c)
	}
	out := make([]T, len(rows))
	for i, x := range rows {
		out[i] = from[x.b][x.r]
	}
	return out
}

func resized[T any](v []T, n int) []T {
	if cap(v) < n {
		return make([]T, n, n+n/4)
	}
	return v[:n]
}
