package pipeline

import (
	"context"
	"strings"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// lookups are lookup datasets read whole, by name.
type lookups map[string]*lookupTable

// lookupTable is a lookup with its rows by key.
type lookupTable struct {
	key  string
	t    *table.Table
	rows map[string]int // an entry per product or campaign, not per event
}

// collect keeps the rows of a lookup that is being loaded, for later files of the same call.
func (l lookups) collect(d plan.Dataset, t *table.Table) error {
	key := d.With(kequn.ColKey)
	if key == nil {
		return nil
	}
	one := l[d.Name]
	if one == nil {
		one = &lookupTable{key: key.Name, t: &table.Table{}}
		for _, c := range t.Columns {
			e := table.NewColumn(c.Name, c.Kind, c.Len())
			e.Scale = c.Scale
			one.t.Columns = append(one.t.Columns, e)
		}
		l[d.Name] = one
	}
	return one.t.Append(t)
}

// index finds rows by key; of a key that repeats, the last row counts.
func (l *lookupTable) index() {
	if l.rows != nil {
		return
	}
	l.rows = map[string]int{}
	k := l.t.Column(l.key)
	for i := range l.t.NRows() {
		if v := textAt(k, i); v != "" {
			l.rows[v] = i
		}
	}
}

// joinColumn fills a dataset's columns that come from a lookup: from: campaign_id.start_date.
type joinColumn struct {
	def    plan.Dataset
	column string // of the required one, for rejects
	parts  []joinPart
	order  []int // for each kept column of the plan: index into the file's table, or −1−k for part k
}

type joinPart struct {
	column plan.Column
	key    string // column of the file's table
	from   *lookupTable
	value  int // column of the lookup
	must   bool
}

// joinFor prepares the columns that come from lookups, or returns nil where there are none.
func (s *Shop) joinFor(ctx context.Context, j *job, looked lookups) (*joinColumn, error) {
	out := &joinColumn{def: j.def}
	inFile := 0
	for _, c := range j.def.Columns {
		switch {
		case c.Role == kequn.ColIgnore:
		case !byLookup(c):
			out.order = append(out.order, inFile)
			inFile++
		default:
			p, err := s.joinPart(ctx, j, c, looked)
			if err != nil {
				return nil, err
			}
			out.order = append(out.order, -1-len(out.parts))
			out.parts = append(out.parts, p)
			if p.must {
				out.column = c.Name
			}
		}
	}
	if out.parts == nil {
		return nil, nil
	}
	return out, nil
}

func (s *Shop) joinPart(ctx context.Context, j *job, c plan.Column, looked lookups) (joinPart, error) {
	key, attribute, _ := strings.Cut(c.From, ".")
	key, attribute = strings.TrimSpace(key), strings.TrimSpace(attribute)
	_, at, _, err := plan.LookupOf(j.defs, j.def.Columns, key+"."+attribute)
	if err != nil || at < 0 {
		return joinPart{}, kequn.Errorf(kequn.KindInput, j.path, "column %q comes from %q, and no lookup with a key %q and a column %q is loaded", c.Name, c.From, key, attribute).
			WithHint("load the lookup first, or in the same call: kequn load LOOKUP --as lookup --key %s", key)
	}
	d := j.defs[at]
	if looked[d.Name] == nil {
		snap, err := s.ws.Snapshot()
		if err != nil {
			return joinPart{}, err
		}
		t, err := snap.Lookup(ctx, d.Name, nil)
		if err != nil {
			return joinPart{}, err
		}
		looked[d.Name] = &lookupTable{key: d.With(kequn.ColKey).Name, t: t}
	}
	l := looked[d.Name]
	l.index()
	value := l.t.Index(attribute)
	if got := l.t.Columns[value].Kind; got != c.Kind {
		return joinPart{}, kequn.Errorf(kequn.KindInput, j.path, "column %q is to be %s, but %s.%s is %s", c.Name, c.Kind, d.Name, attribute, got)
	}
	return joinPart{column: c, key: key, from: l, value: value, must: c.Role == kequn.ColTime}, nil
}

// apply adds the columns to a batch. Lines whose required value is missing are returned apart.
func (jc *joinColumn) apply(t *table.Table, lines []int64) (*table.Table, []int64, []int64) {
	filled := make([]*table.Column, len(jc.parts))
	drop := make([]bool, len(lines))
	for k, p := range jc.parts {
		key, from := t.Column(p.key), p.from.t.Columns[p.value]
		c := table.NewColumn(p.column.Name, from.Kind, len(lines))
		c.Scale = from.Scale
		for i := range lines {
			row, ok := p.from.rows[textAt(key, i)]
			switch {
			case !ok || from.IsMissing(row):
				c.AppendMissing()
				drop[i] = drop[i] || p.must
			case from.Kind == table.Number:
				c.Num = append(c.Num, from.Num[row])
			case from.Kind.InInt():
				c.Int = append(c.Int, from.Int[row])
			default:
				c.AppendString(from.String(row))
			}
		}
		filled[k] = c
	}
	out := &table.Table{}
	for _, at := range jc.order {
		if at < 0 {
			out.Columns = append(out.Columns, filled[-1-at])
		} else {
			out.Columns = append(out.Columns, t.Columns[at])
		}
	}
	var keep []int32
	var missing []int64
	for i, d := range drop {
		if d {
			missing = append(missing, lines[i])
		} else {
			keep = append(keep, int32(i))
		}
	}
	if missing == nil {
		return out, lines, nil
	}
	kept := make([]int64, len(keep))
	for i, k := range keep {
		kept[i] = lines[k]
	}
	return out.Take(keep), kept, missing
}

// textAt returns a key as text, "" when missing.
func textAt(c *table.Column, i int) string {
	if c.IsMissing(i) {
		return ""
	}
	if c.Kind.InCode() {
		return c.String(i)
	}
	return number(c.Float(i))
}
