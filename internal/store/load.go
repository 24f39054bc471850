package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"sort"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// LoadOptions says where the rows of a load come from.
type LoadOptions struct {
	File     string        // name without its folder, for the records
	FileHash string        // of the unpacked bytes; "" when there is no file
	LoadedAt kequn.Instant // when the rows became known, for those that do not say so themselves
	Rejected int64         // rows the reader refused, for the records only
	Cursor   string        // of a database: column=value of the newest row
}

// Reject is a row that was not kept.
type Reject struct {
	Line   int64
	Reason string
}

// LoadCounts is the account of a load: rows appended = Kept + Duplicate + Rejected.
type LoadCounts struct {
	Kept      int64
	Duplicate int64 // the same id and content as a row there is
	Rejected  int64
	Rejects   []Reject // in order of line
	Identical int64    // kept rows without an id that repeat another kept row of this load
	Corrected int64    // kept rows that change an earlier row of the same id
	First     kequn.Instant
	Last      kequn.Instant // of the kept rows; kequn.NoTime for datasets without event time
}

// Load takes the rows of one dataset. Its methods are for one goroutine.
type Load struct {
	tx      *Tx
	d       *dataset // a copy that becomes the new state
	l       *layout
	o       LoadOptions
	mapping string
	ended   bool

	buf      *buffer
	scratch  *scratch
	runs     []*run
	ids      *ids
	contents *contents
	byKnown  bool
	first    int64 // sequence number of the first row

	counts LoadCounts
	lines  lineIndex
	keep   []int32
	read   int64
}

// HasFile tells whether a file of that hash was loaded into the dataset with the same columns, and what came of it.
// Loading it again would change nothing: every row is a duplicate.
func (t *Tx) HasFile(ds plan.Dataset, hash string) (File, bool) { return hasFile(t.next, ds, hash) }

// HasFiles tells whether any file was loaded into the dataset of that name.
func (t *Tx) HasFiles(dataset string) bool {
	d := findDataset(t.next.Datasets, dataset)
	return d != nil && len(d.Files) > 0
}

func hasFile(m *manifest, ds plan.Dataset, hash string) (File, bool) {
	if d := findDataset(m.Datasets, ds.Name); d != nil && hash != "" {
		want := mappingOf(ds)
		for _, f := range d.Files {
			if f.Hash == hash && f.Mapping == want {
				return f, true
			}
		}
	}
	return File{}, false
}

// mappingOf hashes what a dataset's definition makes of a file.
func mappingOf(ds plan.Dataset) string {
	data, _ := json.Marshal(columnsOf(ds))
	sum := sha256.Sum256(append(data, ds.Role...))
	return hex.EncodeToString(sum[:8])
}

// Load begins to add rows to a dataset, which is made if it is new. Columns that the dataset has from earlier loads stay;
// a column whose kind has changed is an error of kind plan.
func (t *Tx) Load(ds plan.Dataset, o LoadOptions) (*Load, error) {
	if t.ended {
		return nil, kequn.Errorf(kequn.KindInternal, "", "store: the transaction has ended")
	}
	if t.loads[ds.Name] {
		return nil, kequn.Errorf(kequn.KindInternal, "", "store: dataset %q is being loaded", ds.Name)
	}
	if findDataset(t.next.Tables, ds.Name) != nil {
		return nil, kequn.Errorf(kequn.KindPlan, "", "%q is the name of a derived table", ds.Name).WithHint("give the dataset another name")
	}
	d, err := prepareDataset(findDataset(t.next.Datasets, ds.Name), ds)
	if err != nil {
		return nil, err
	}
	x := &Load{tx: t, d: d, o: o, mapping: mappingOf(ds), l: layoutOf(d, t.w.keys != nil), first: d.NextSeq}
	x.byKnown = x.l.aliases[knownColumn] != ""
	x.counts.First, x.counts.Last = kequn.NoTime, kequn.NoTime
	if x.scratch, err = newScratch(t.w.fs, t.tmp, t.w.keys != nil); err != nil {
		return nil, err
	}
	x.buf = newBuffer(x.l, t.w.keys, x.byKnown, x.first, t.w.opt.Threads)
	var seed [8]byte
	rand.Read(seed[:])
	x.contents = newContents(binary.LittleEndian.Uint64(seed[:]))
	if d.idColumn() != nil {
		x.ids = newIDs(x.byKnown || len(d.Parts) > 0, t.w.opt.Memory/4, x.scratch)
	}
	t.loads[ds.Name] = true
	return x, nil
}

// prepareDataset returns the dataset with the columns of a new load added.
func prepareDataset(old *dataset, ds plan.Dataset) (*dataset, error) {
	columns := columnsOf(ds)
	for _, c := range columns {
		if reserved[c.Name] {
			return nil, kequn.Errorf(kequn.KindPlan, "", "a column cannot be called %q: the store uses that name", c.Name).
				WithHint("rename the column in the file")
		}
	}
	if old == nil {
		return &dataset{Name: ds.Name, Role: ds.Role, Columns: columns, ByCustomer: ds.Role.HasCustomer(),
			First: kequn.NoTime, Last: kequn.NoTime, LoadedAt: kequn.NoTime}, nil
	}
	d := *old
	if d.Role != ds.Role {
		return nil, kequn.Errorf(kequn.KindPlan, "", "dataset %q holds %s, not %s", ds.Name, d.Role, ds.Role).
			WithHint("give the new dataset another name")
	}
	d.Columns = slices.Clone(d.Columns)
	for _, c := range columns {
		was := d.column(c.Name)
		if was == nil {
			if d.with(c.Role) != nil && single(c.Role) {
				return nil, kequn.Errorf(kequn.KindPlan, "", "column %q cannot be the %s of dataset %q, which is column %q", c.Name, c.Role, d.Name, d.with(c.Role).Name)
			}
			if single(c.Role) && len(d.Parts) > 0 {
				return nil, kequn.Errorf(kequn.KindPlan, "", "dataset %q was loaded without a %s column", d.Name, c.Role).
					WithHint("load its files again under another name, or without %q", c.Name)
			}
			d.Columns = append(d.Columns, c)
			continue
		}
		if was.Kind != c.Kind || was.Scale != c.Scale || (single(was.Role) || single(c.Role)) && was.Role != c.Role ||
			was.Role.Personal() != c.Role.Personal() {
			return nil, kequn.Errorf(kequn.KindPlan, "", "column %q of dataset %q is %s %s, now %s %s", c.Name, d.Name, was.Role, was.Kind, c.Role, c.Kind).
				WithHint("keep the column as it was, or load the files under another name")
		}
		*was = c
	}
	return &d, nil
}

// single tells whether a role decides how rows are kept, so that it cannot change between loads.
func single(r kequn.ColumnRole) bool {
	return r == kequn.ColCustomer || r == kequn.ColTime || r == kequn.ColKnownAt || r == kequn.ColID || r == kequn.ColKey
}

// Append adds the rows of t, whose columns are the dataset's by the file's names; those that t lacks are missing. line
// gives each row's line in the file, or is nil when rows are lines 1, 2, 3 … The rows are copied.
//
// A row without customer, or without time where the dataset has one, is rejected.
func (x *Load) Append(t *table.Table, line []int64) error {
	n := t.NRows()
	if n == 0 {
		return nil
	}
	in, err := x.l.match(t)
	if err != nil {
		return err
	}
	x.keep = x.keep[:0]
	for i := range n {
		at := x.read + 1
		if line != nil {
			at = line[i]
		}
		x.read++
		switch {
		case in.cust != nil && blank(in.cust, i):
			x.reject(at, "no customer")
			continue
		case in.time != nil && in.time.IsMissing(i):
			x.reject(at, "no time")
			continue
		}
		x.lines.add(at)
		x.keep = append(x.keep, int32(i))
	}
	for rest := x.keep; len(rest) > 0; {
		k := min(len(rest), chunkRows)
		if err := x.add(in, rest[:k]); err != nil {
			return diskError(err)
		}
		rest = rest[k:]
	}
	return nil
}

func blank(c *table.Column, i int) bool {
	return c.IsMissing(i) || c.Kind.InCode() && len(c.Dict.Bytes(int(c.Code[i]))) == 0
}

func (x *Load) reject(line int64, reason string) {
	x.counts.Rejected++
	x.counts.Rejects = append(x.counts.Rejects, Reject{line, reason})
}

func (x *Load) add(in *batch, rows []int32) error {
	from := x.buf.rows
	x.buf.add(in, rows)
	if x.ids != nil {
		if err := x.identify(from); err != nil {
			return err
		}
	}
	if x.buf.bytes() < x.tx.w.opt.Memory/2 {
		return nil
	}
	return x.spill()
}

func (x *Load) spill() error {
	runs, err := x.scratch.spill(x.buf, x.tx.w.opt.Threads)
	if err != nil {
		return err
	}
	x.runs = append(x.runs, runs...)
	x.buf.renew()
	x.contents.forget()
	return nil
}

// identify records the ids of the buffer's rows from one on.
func (x *Load) identify(from int) error {
	get := x.idOf()
	for _, c := range x.buf.chunks[from>>chunkBits:] {
		c.hashNew()
	}
	for row := from; row < x.buf.rows; row++ {
		b, r := &x.buf.chunks[row>>chunkBits].block, row&(chunkRows-1)
		id := get(b, r)
		if id == nil {
			continue // a row without an id is itself only
		}
		seq := b.first + int64(r)
		err := x.ids.add(id, x.contents.row(b, r), uint64(seq-x.first), x.knownOf(b, r), b.timeOf(r), b.hashOf(r))
		if err != nil {
			return err
		}
		if r == chunkRows-1 && b.cust != nil {
			x.contents.drop(b.cust.Dict)
		}
	}
	return nil
}

// knownOf says when a row was known, as far as it says so itself.
func (x *Load) knownOf(b *block, r int) int64 {
	if b.known != nil && b.known[r] != table.Missing {
		return b.known[r]
	}
	if b.time != nil {
		return b.time[r]
	}
	return int64(x.o.LoadedAt)
}

// idOf returns how a row's id is found in a block; nil stands for none.
func (x *Load) idOf() func(b *block, r int) []byte {
	text := func(c *table.Column, r int) []byte {
		if c == nil || c.Code[r] < 0 {
			return nil
		}
		return c.Dict.Bytes(int(c.Code[r]))
	}
	switch {
	case x.d.Role == kequn.Customers:
		return func(b *block, r int) []byte { return b.custOf(r) }
	case x.d.Role == kequn.Lookup:
		at := x.keyField()
		if x.l.fields[at].Kind.InCode() {
			return func(b *block, r int) []byte { return text(b.fields[at], r) }
		}
		var plain []byte
		return func(b *block, r int) []byte {
			if b.fields[at] == nil || b.fields[at].IsMissing(r) {
				return nil
			}
			plain = appendPlain(plain[:0], b.fields[at], r)
			return plain
		}
	}
	return func(b *block, r int) []byte { return text(b.id, r) }
}

// keyField returns the position of a lookup's key among the fields.
func (x *Load) keyField() int {
	return slices.IndexFunc(x.l.fields, func(f field) bool { return f.Role == kequn.ColKey })
}

// Close sorts the rows, writes them as parts and returns the account. The parts count from the transaction's Commit on.
// After an error the transaction can only be aborted.
func (x *Load) Close() (LoadCounts, error) {
	if x.ended {
		return x.counts, kequn.Errorf(kequn.KindInternal, "", "store: the load has ended")
	}
	x.ended = true
	defer x.scratch.close()
	if err := x.close(); err != nil {
		return LoadCounts{}, diskError(err)
	}
	delete(x.tx.loads, x.d.Name)
	return x.counts, nil
}

func (x *Load) close() error {
	rows := x.buf.first + int64(x.buf.rows) - x.first
	v := newVerdict(x.first, rows)
	if err := x.judge(v); err != nil {
		return err
	}
	v.idle = v.duplicate == 0 && len(v.rejected)+len(v.fixes)+len(v.leaves) == 0
	x.counts.Duplicate = v.duplicate
	x.counts.Rejected += int64(len(v.rejected))
	x.counts.Rejects = append(x.counts.Rejects, v.rejected...)
	slices.SortStableFunc(x.counts.Rejects, func(a, b Reject) int { return int(min(max(a.Line-b.Line, -1), 1)) })
	x.counts.Kept = rows - v.duplicate - int64(len(v.rejected))
	x.counts.Corrected = int64(len(v.fixes))
	d := x.d
	d.NextSeq = v.number(x.first + rows)
	marks, err := x.oldMarks(v)
	if err != nil {
		return err
	}
	if x.counts.Kept > 0 || len(d.Parts) == 0 {
		if err := x.write(v, marks); err != nil {
			return err
		}
	}
	d.Versioned = d.Versioned || v.versions > 0
	if x.counts.Kept > 0 {
		d.LoadedAt = max(d.LoadedAt, x.o.LoadedAt)
		d.Loads++
	}
	if x.o.FileHash != "" {
		d.Files = append(slices.Clone(d.Files), File{Name: x.o.File, Hash: x.o.FileHash, Mapping: x.mapping, LoadedAt: x.o.LoadedAt,
			Kept: x.counts.Kept, Duplicate: x.counts.Duplicate, Rejected: x.counts.Rejected + x.o.Rejected, First: x.first, Cursor: x.o.Cursor})
	}
	t := x.tx
	if x.counts.Kept == 0 && x.o.FileHash == "" && findDataset(t.next.Datasets, d.Name) != nil {
		return nil // nothing was said that was not known
	}
	t.next.Datasets = setDataset(t.next.Datasets, d)
	t.changed = true
	return nil
}

// judge compares the rows of the load with each other and with those there are.
func (x *Load) judge(v *verdict) error {
	if x.ids == nil {
		return nil
	}
	if len(x.d.Parts) > 0 && x.ids.n > 0 {
		if err := x.recordOld(); err != nil {
			return err
		}
	}
	lineOf := func(row int64) int64 { return x.lines.of(row) }
	if err := x.ids.judge(v, x.byKnown, int64(x.o.LoadedAt), lineOf); err != nil {
		return err
	}
	if x.d.Role == kequn.Lookup && len(x.d.Parts) == 0 && len(v.rejected) > 0 {
		v.keepAll()
		x.d.Loose = true
		x.ids = nil
	}
	return nil
}

// recordOld adds records of the rows in parts whose ids were loaded again. Ids are read first, and whole rows only where
// some may match.
func (x *Load) recordOld() error {
	f, err := x.ids.filter()
	if err != nil {
		return err
	}
	get := x.idOf()
	for i, p := range x.d.Parts {
		if i >= 1<<(rowBits-1-partRow) || p.Rows >= 1<<partRow {
			return errors.New("store: too many parts or rows for ids to be compared")
		}
		err := x.tx.w.eachGroup(p, func(r *partReader, g int, first int64) error {
			b, err := r.block(g, x.l, x.idOnly)
			if err != nil {
				return err
			}
			var rows []int
			for row := range b.n {
				id := get(b, row)
				if id != nil && f.mayHold(kernel.Hash64(x.ids.seeds[0], id)) && !b.goneOf(row) {
					rows = append(rows, row)
				}
			}
			if len(rows) == 0 {
				return nil
			}
			if b, err = r.block(g, x.l, nil); err != nil {
				return err
			}
			for _, row := range rows {
				at := uint64(i)<<partRow | uint64(first+int64(row)) | oldRow
				err := x.ids.add(get(b, row), x.contents.row(b, row), at, x.knownOld(b, row), b.timeOf(row), b.hashOf(row))
				if err != nil {
					return err
				}
			}
			x.contents.forget()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *Load) knownOld(b *block, r int) int64 {
	if b.known != nil {
		return b.known[r]
	}
	return b.timeOf(r)
}

// idOnly tells whether a column is needed to find a row's id.
func (x *Load) idOnly(name string) bool {
	switch {
	case name == goneColumn:
		return true
	case x.d.Role == kequn.Customers:
		return name == customerColumn
	case x.d.Role == kequn.Lookup:
		return name == x.l.fields[x.keyField()].Name
	}
	return name == idColumn
}

// oldMarks reads the rows in parts whose id leaves their customer, as a sorted block of marks.
func (x *Load) oldMarks(v *verdict) (*block, error) {
	if len(v.oldLeaves) == 0 {
		return nil, nil
	}
	var blocks []*block
	var picks []pick
	rest := v.oldLeaves
	for i, p := range x.d.Parts {
		if len(rest) == 0 || rest[0].row>>partRow != int64(i) {
			continue
		}
		err := x.tx.w.eachGroup(p, func(r *partReader, g int, first int64) error {
			end := int64(i)<<partRow | (first + int64(r.groups[g].rows))
			if len(rest) == 0 || rest[0].row >= end {
				return nil
			}
			b, err := r.block(g, x.l, nil)
			if err != nil {
				return err
			}
			for ; len(rest) > 0 && rest[0].row < end; rest = rest[1:] {
				row := rest[0].row&(1<<partRow-1) - first
				picks = append(picks, pick{b: int32(len(blocks)), r: int32(row), known: rest[0].known, seq: rest[0].seq, gone: true})
			}
			blocks = append(blocks, b)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(picks, func(a, b pick) int {
		p, q := blocks[a.b], blocks[b.b]
		if c := compareCustomers(p.hashOf(int(a.r)), q.hashOf(int(b.r)), p.custOf(int(a.r)), q.custOf(int(b.r))); c != 0 {
			return c
		}
		return compareTimed(timedRow{p.timeOf(int(a.r)), a.known, int32(a.seq - v.first)}, timedRow{q.timeOf(int(b.r)), b.known, int32(b.seq - v.first)})
	})
	var g gatherer
	out := g.take(x.l, blocks, picks, false)
	out.known, out.gone = make([]int64, len(picks)), make([]int64, len(picks))
	for i, p := range picks {
		out.known[i], out.gone[i] = p.known, 1
	}
	out.hashCustomers()
	return out, nil
}

// lineIndex remembers the lines of rows, which mostly follow each other, as stretches.
type lineIndex struct {
	n      int64
	starts []int64 // row at which a stretch begins
	lines  []int64 // its line
}

func (x *lineIndex) add(line int64) {
	k := len(x.starts) - 1
	if k < 0 || x.lines[k]+x.n-x.starts[k] != line {
		x.starts, x.lines = append(x.starts, x.n), append(x.lines, line)
	}
	x.n++
}

func (x *lineIndex) of(row int64) int64 {
	k := sort.Search(len(x.starts), func(i int) bool { return x.starts[i] > row }) - 1
	return x.lines[k] + row - x.starts[k]
}
