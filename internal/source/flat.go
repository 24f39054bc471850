package source

import (
	"context"

	"kequn"
	"kequn/internal/ngram"
	"kequn/internal/table"
)

// Info is what reading a flat table found out beside the table.
type Info struct {
	Format   Format
	Encoding string
	Dialect  Dialect
	Columns  []Column // how each column was read
	Counts   Counts
	Notes    []string

	// Row has for each row of the table its number among the file's data rows, from 0, rejected ones included. It is nil
	// if no row was rejected: then row i of the table is row i of the file.
	Row []int64
}

// ReadFlat reads a whole table into memory, in file order, without roles. The kind of a column follows from all its
// values, missing ones aside:
//
//	Number    every value is a number; numbers beyond float64 and infinities become missing and are counted
//	Time      every value is a date or a time; dates that do not exist become missing and are counted
//	Category  anything else, yes and no included; codes too, however many, as long as each has two rows on average
//	Text      anything else of which a value has fewer than five rows on average: sentences ([ngram.Prose]) from 20
//	          different ones on, and from 1,000 on names and codes that have fewer than two
//
// Learners read sentences (model.IsText); names and codes that hardly repeat are of no use to them.
//
// Digits that begin with a zero are no numbers. A record that is flawed as a whole (wrong number of fields, broken
// quotes, invalid bytes) is left out and counted, and Info.Row then keeps the numbering.
//
// A second column of the same name is called "name (2)"; Info.Notes says so.
//
// The file is read once, or again when a value past the sample shows that a column is not what it seemed.
func ReadFlat(ctx context.Context, path string, opt Options) (*table.Table, *Info, error) {
	opt.nameAgain = true // nobody else looks for a column of a flat table by its name
	f, err := Open(path, opt)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	schema := make([]Column, len(f.Columns))
	unsure := make([]bool, len(f.Columns))
	for i, name := range f.Columns {
		p := profileColumn(f.sample, name, i)
		schema[i] = Column{Name: name, Kind: table.Category, Role: kequn.ColAttribute}
		unsure[i] = p.filled == 0
		if layout, ok := p.numberLayout(1); ok && p.leadingZero == 0 {
			schema[i].Kind, schema[i].Layout = table.Number, layout
			if layout, _, isTime := p.isTime(1); isTime && layout == LayoutISO && p.compact == p.filled {
				schema[i].Kind, schema[i].Layout = table.Time, layout // 20171001 under the name of a date
			}
		} else if layout, _, ok := p.isTime(1); ok {
			schema[i].Kind, schema[i].Layout = table.Time, layout
		}
	}
	for {
		out, counts, rows, err := f.readWhole(ctx, schema)
		if err != nil {
			return nil, nil, err
		}
		again := false
		for _, w := range counts.Warnings {
			if w.Reason != Unreadable {
				continue
			}
			i, _ := f.columnIndex(w.Column)
			if schema[i].Kind != table.Category { // what not even words can say, such as a time beyond any calendar, stays missing
				schema[i].Kind, schema[i].Layout, unsure[i] = table.Category, "", false
				again = true
			}
		}
		for i, c := range out.Columns {
			if unsure[i] && numbersOnly(c) {
				schema[i].Kind, again = table.Number, true
			}
			unsure[i] = false
		}
		if again {
			continue
		}
		for i, c := range out.Columns {
			if c.Kind == table.Category && isText(c) {
				c.Kind, schema[i].Kind = table.Text, table.Text
			}
		}
		info := &Info{Format: f.Format, Encoding: f.Encoding, Dialect: f.Dialect, Columns: schema, Counts: counts, Notes: f.Notes}
		if counts.Rejected > 0 {
			info.Row = rows
		}
		return out, info, nil
	}
}

// readWhole reads all batches into one table, with each row's number among the file's data rows.
func (f *File) readWhole(ctx context.Context, schema []Column) (*table.Table, Counts, []int64, error) {
	out := &table.Table{}
	for _, c := range schema {
		out.Columns = append(out.Columns, table.NewColumn(c.Name, c.Kind, 0))
	}
	var rows []int64
	counts, err := f.Read(ctx, schema, func(b *Batch) error {
		for _, r := range b.Record {
			rows = append(rows, r-1)
		}
		// Objects and sheets may leave fields out, so a small file can claim a huge table of nothing.
		if cells := int64(len(rows)) * int64(len(schema)); f.db == nil && cells > 1<<25 && cells/64 > f.Bytes {
			return kequn.Errorf(kequn.KindInput, f.Path, "%d rows of %d columns from %d bytes: nearly all of it is empty, and it would fill the memory", len(rows), len(schema), f.Bytes).
				WithHint("keep the fields that are needed")
		}
		return out.Append(b.Table)
	}, nil)
	return out, counts, rows, err
}

// isText tells whether a column of words is free text, or names and codes that hardly repeat, rather than a category.
func isText(c *table.Column) bool {
	filled := 0
	for _, k := range c.Code {
		if k >= 0 {
			filled++
		}
	}
	distinct := c.Dict.Len()
	switch {
	case distinct < 20 || distinct*5 <= filled:
		return false
	case ngram.ProseOf(c.Dict):
		return true
	}
	return distinct > 1000 && distinct*2 > filled
}

func numbersOnly(c *table.Column) bool {
	if c.Dict == nil || c.Dict.Len() == 0 {
		return false
	}
	for i := range c.Dict.Len() {
		if _, why := parseNumber(c.Dict.Bytes(i), stylePlain); why != "" {
			return false
		}
	}
	return true
}
