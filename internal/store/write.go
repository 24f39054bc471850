package store

import (
	"errors"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
	"kequn/internal/vault"
)

// maxLayers is the number of loads a dataset may carry beside its base before they are merged.
const maxLayers = 8

// rewrite says which parts a load takes up into its own: all of them once what was loaded since the base outgrows half of
// it, the later ones when there are too many layers. So every row is rewritten a few times in its life, and reading never
// merges more than a few runs.
func rewrite(d *dataset, rows int64) (layer int, taken []part) {
	var base, later int64
	layers := map[int]bool{}
	top := -1
	for _, p := range d.Parts {
		if p.Layer == 0 {
			base += p.Rows
		} else {
			later += p.Rows
			layers[p.Layer] = true
		}
		top = max(top, p.Layer)
	}
	switch {
	case d.Role == kequn.Lookup, 2*(later+rows) > base:
		return 0, d.Parts
	case len(layers) >= maxLayers:
		for _, p := range d.Parts {
			if p.Layer > 0 {
				taken = append(taken, p)
			}
		}
		return 1, taken
	}
	return top + 1, nil
}

// write merges all sources into parts, one range of customers after the other on several processors.
func (x *Load) write(v *verdict, marks *block) error {
	w, d := x.tx.w, x.d
	layer, taken := rewrite(d, x.counts.Kept)
	x.buf.settle(true)
	rows := x.counts.Kept
	known, gone := !x.l.timed || x.byKnown || len(v.fixes) > 0 || marks != nil, len(v.leaves) > 0 || marks != nil
	for _, p := range taken {
		rows += p.Rows
		r, err := w.openPart(p)
		if err != nil {
			return err
		}
		known, gone = known || r.has(knownColumn), gone || r.has(goneColumn)
		r.Close()
	}
	if len(d.Parts) == 0 {
		d.Partitions = 1
		if x.l.keyed {
			d.Partitions = partitionCount(rows, x.buf.bytes()*rows/max(1, int64(x.buf.rows)))
		}
	}
	pieces := d.Partitions
	if layer > 0 {
		pieces = deltaCount(rows, d.Partitions)
	}
	fields := x.l.partFields(known, gone)
	results := make([]*written, pieces)
	errs := make([]error, pieces)
	workers := kernel.Threads(w.opt.Threads)
	kits := make([]kit, workers)
	kernel.Workers(pieces, workers, 1, func(worker, i, _, _ int) {
		kt := &kits[worker]
		if kt.contents == nil {
			kt.contents = newContents(x.contents.seed)
		}
		step := maxPartitions / pieces
		out := &written{from: i * step, to: (i + 1) * step}
		results[i] = out
		errs[i] = x.writeRange(out, kt, v, marks, taken, fields, known, gone)
	})
	if err := errors.Join(errs...); err != nil {
		return errs[slices.IndexFunc(errs, func(e error) bool { return e != nil })]
	}
	return x.record(results, layer, taken)
}

// kit is the scratch memory of one worker.
type kit struct {
	gather   gatherer
	sorter   sorter
	contents *contents
}

// written is what came of one range.
type written struct {
	from, to    int
	part        part
	late        bool
	first, last int64 // event times of all rows
	newFirst    int64 // of the load's own rows
	newLast     int64
	identical   int64
	people      *vault.People
}

func (x *Load) writeRange(out *written, kt *kit, v *verdict, marks *block, taken []part, fields []field, known, gone bool) error {
	lo, hi := bounds(out.from, out.to)
	out.first, out.last, out.newFirst, out.newLast = table.Missing, table.Missing, table.Missing, table.Missing
	m := &merger{l: x.l, from: lo, to: hi, verdict: v, loadedAt: int64(x.o.LoadedAt)}
	if x.ids == nil && x.l.keyed {
		m.contents = kt.contents
	}
	if x.buf.rows > 0 {
		if err := m.buffer(x.buf, &kt.sorter, out.from, out.to); err != nil {
			return err
		}
	}
	for _, r := range x.runs {
		if err := m.run(r); err != nil {
			return err
		}
	}
	if marks != nil {
		sent := false
		if err := m.stream(func() (*block, error) {
			if sent {
				return nil, nil
			}
			sent = true
			return marks, nil
		}); err != nil {
			return err
		}
	}
	var opened []*partReader
	defer func() {
		for _, r := range opened {
			r.Close()
		}
	}()
	for _, p := range taken {
		if p.To <= out.from || p.From >= out.to {
			continue
		}
		r, err := x.tx.w.openPart(p)
		if err != nil {
			return err
		}
		opened = append(opened, r)
		g, end := r.groupsIn(lo, hi)
		if err := m.stream(func() (*block, error) {
			if g == end {
				return nil, nil
			}
			g++
			return r.block(g-1, x.l, nil)
		}); err != nil {
			return err
		}
	}
	if len(m.heap) == 0 {
		return nil
	}
	clear := x.newPeople()
	var err error
	out.part, err = x.tx.newPart(out.from, fields, func(pw *partWriter) error {
		m.sink = func(blocks []*block, picks []pick) error {
			out.note(x, v, blocks, picks)
			if clear != nil {
				if err := clear.add(&kt.gather, blocks, picks); err != nil {
					return err
				}
			}
			first := blocks[picks[0].b].hashOf(int(picks[0].r))
			return pw.group(kt.gather.columns(x.l, blocks, picks, known, gone), first)
		}
		return m.merge()
	})
	if err != nil {
		return err
	}
	if clear != nil {
		out.people = clear.set
	}
	out.identical = m.identical
	return nil
}

// note keeps the facts of rows that are written.
func (out *written) note(x *Load, v *verdict, blocks []*block, picks []pick) {
	for _, p := range picks {
		if x.l.timed {
			t := blocks[p.b].time[p.r]
			widen(&out.first, &out.last, t)
			if v.isNew(p.seq) && !p.gone {
				widen(&out.newFirst, &out.newLast, t)
			}
			out.late = out.late || p.known != t
		} else {
			out.late = out.late || p.known != int64(x.o.LoadedAt)
		}
	}
}

// widen makes a stretch of time, which may be empty, hold t.
func widen(first, last *int64, t int64) {
	if t == table.Missing {
		return
	}
	if *first == table.Missing || t < *first {
		*first = t
	}
	*last = max(*last, t)
}

// record makes the parts written the dataset's.
func (x *Load) record(results []*written, layer int, taken []part) error {
	d := x.d
	var parts []part
	for _, p := range d.Parts {
		if !slices.ContainsFunc(taken, func(q part) bool { return q.ID == p.ID }) {
			parts = append(parts, p)
		}
	}
	first, last := int64(d.First), int64(d.Last)
	newFirst, newLast := int64(table.Missing), int64(table.Missing)
	if !x.l.timed && d.Loads > 0 && d.LoadedAt != x.o.LoadedAt {
		d.Late = true
	}
	for _, r := range results {
		x.counts.Identical += r.identical
		widen(&newFirst, &newLast, r.newFirst)
		widen(&newFirst, &newLast, r.newLast)
		if r.part.Rows == 0 {
			continue
		}
		p := r.part
		p.From, p.To, p.Layer = r.from, r.to, layer
		p.First, p.Last = kequn.Instant(r.first), kequn.Instant(r.last)
		parts = append(parts, p)
		widen(&first, &last, r.first)
		widen(&first, &last, r.last)
		d.Late = d.Late || r.late
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		if a.Layer != b.Layer {
			return a.Layer - b.Layer
		}
		return a.From - b.From
	})
	d.Parts = parts
	d.First, d.Last = kequn.Instant(first), kequn.Instant(last)
	x.counts.First, x.counts.Last = kequn.Instant(newFirst), kequn.Instant(newLast)
	d.Rows = 0
	for _, p := range parts {
		d.Rows += p.Rows
	}
	return x.keepPeople(results)
}
