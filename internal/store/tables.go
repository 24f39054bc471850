package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// TableInfo describes a derived table.
type TableInfo struct {
	Name       string
	Rows       int64
	Columns    []*table.Column // empty: names, kinds and scales
	ByCustomer bool            // rows are in the store's order of customers and can be read by Part
	Meta       map[string]string
}

// PutTable stores a derived table under a name in place of the one before: segments, scores, members of an audience.
// A table with a Text column _customer is put in the store's order (rows of one customer keep theirs) and can be read by
// Part beside the datasets; others keep their order of rows.
func (t *Tx) PutTable(name string, tab *table.Table, meta map[string]string) error {
	if findDataset(t.next.Datasets, name) != nil {
		return kequn.Errorf(kequn.KindPlan, "", "%q is the name of a dataset", name).WithHint("give the dataset another name")
	}
	d := &dataset{Name: name, First: kequn.NoTime, Last: kequn.NoTime, LoadedAt: kequn.NoTime, Partitions: 1, Meta: maps.Clone(meta)}
	for _, c := range tab.Columns {
		if c.Name == customerColumn && c.Kind.InCode() {
			d.ByCustomer = true
			continue
		}
		if reserved[c.Name] {
			return kequn.Errorf(kequn.KindInternal, "", "store: a table cannot have a column %q", c.Name)
		}
		d.Columns = append(d.Columns, column{Name: c.Name, Kind: c.Kind, Scale: c.Scale})
	}
	l := layoutOf(d, false)
	in := &batch{fields: make([]*table.Column, len(l.fields))}
	for i, f := range l.fields {
		in.fields[i] = tab.Column(f.Name)
	}
	n := tab.NRows()
	if d.ByCustomer {
		in.cust = tab.Column(customerColumn)
		for i := range n {
			if in.cust.IsMissing(i) {
				return kequn.Errorf(kequn.KindInternal, "", "store: table %q has a row without customer", name)
			}
		}
	}
	buf := newBuffer(l, nil, false, 0, t.w.opt.Threads)
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	buf.add(in, rows)
	if err := t.writeTable(d, l, buf); err != nil {
		return diskError(err)
	}
	t.next.Tables = setDataset(t.next.Tables, d)
	t.changed = true
	return nil
}

func (t *Tx) writeTable(d *dataset, l *layout, buf *buffer) error {
	w := t.w
	buf.settle(true)
	if d.ByCustomer {
		d.Partitions = partitionCount(int64(buf.rows), buf.bytes())
	}
	d.Rows = int64(buf.rows)
	d.NextSeq = d.Rows
	if d.Rows == 0 {
		return nil
	}
	fields := l.partFields(false, false)
	parts, errs := make([]part, d.Partitions), make([]error, d.Partitions)
	kits := make([]kit, kernel.Threads(w.opt.Threads))
	kernel.Workers(d.Partitions, w.opt.Threads, 1, func(worker, i, _, _ int) {
		step := maxPartitions / d.Partitions
		lo, hi := bounds(i*step, (i+1)*step)
		g := &kits[worker].gather
		m := &merger{l: l, from: lo, to: hi}
		if errs[i] = m.buffer(buf, &kits[worker].sorter, i*step, (i+1)*step); errs[i] != nil {
			return
		}
		parts[i], errs[i] = t.newPart(i, fields, func(pw *partWriter) error {
			m.sink = func(blocks []*block, picks []pick) error {
				return pw.group(g.columns(l, blocks, picks, false, false), blocks[picks[0].b].hashOf(int(picks[0].r)))
			}
			return m.merge()
		})
		parts[i].From, parts[i].To = i*step, (i+1)*step
		parts[i].First, parts[i].Last = kequn.NoTime, kequn.NoTime
	})
	if err := errors.Join(errs...); err != nil {
		return errs[slices.IndexFunc(errs, func(e error) bool { return e != nil })]
	}
	for _, p := range parts {
		if p.Rows > 0 {
			d.Parts = append(d.Parts, p)
		}
	}
	return nil
}

// Tables lists the derived tables.
func (s *Snapshot) Tables() []TableInfo {
	var out []TableInfo
	for _, d := range s.m.Tables {
		out = append(out, d.info())
	}
	return out
}

func (d *dataset) info() TableInfo {
	i := TableInfo{Name: d.Name, Rows: d.Rows, ByCustomer: d.ByCustomer, Meta: maps.Clone(d.Meta)}
	for _, c := range d.Columns {
		e := table.NewColumn(c.Name, c.Kind, 0)
		e.Scale = c.Scale
		i.Columns = append(i.Columns, e)
	}
	return i
}

// Table reads a derived table whole, with _customer first where rows belong to customers, and its facts. A missing one is
// an error of kind usage.
func (s *Snapshot) Table(name string) (*table.Table, map[string]string, error) {
	d := findDataset(s.m.Tables, name)
	if d == nil {
		return nil, nil, kequn.Errorf(kequn.KindUsage, "", "there is no table %q", name).WithHint("kequn run makes it")
	}
	var names []string
	if d.ByCustomer {
		names = append(names, customerColumn)
	}
	for _, c := range d.Columns {
		names = append(names, c.Name)
	}
	set, err := s.concat(d, names)
	if err != nil {
		return nil, nil, err
	}
	return set, maps.Clone(d.Meta), nil
}

// Rows reads columns of a whole dataset or table, in the store's order: for small ones.
func (s *Snapshot) Rows(ctx context.Context, name string, columns []string) (*table.Table, error) {
	d := s.find(name)
	if d == nil {
		return nil, kequn.Errorf(kequn.KindInput, "", "there is no dataset %q", name)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.concat(d, columns)
}

// concat reads a dataset one partition after the other.
func (s *Snapshot) concat(d *dataset, names []string) (*table.Table, error) {
	var out *table.Table
	for i := range d.Partitions {
		step := maxPartitions / d.Partitions
		set, err := s.stretch(d, i*step, (i+1)*step, names)
		if err != nil {
			return nil, err
		}
		t := &table.Table{Columns: set.rows.Columns[:len(names)]}
		if out == nil {
			out = t
			continue
		}
		if err := out.Append(t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func hashText(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
