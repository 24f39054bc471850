package store

import (
	"kequn"
	"kequn/internal/table"
)

// Columns that the store adds. Programs ask for them by these names, whatever the file called them.
const (
	customerColumn = "_customer" // Text: whose row it is
	timeColumn     = "_time"     // Time: when it happened; datasets without event time lack it
	knownColumn    = "_known"    // Time: when it was known
	seqColumn      = "_seq"      // Integer: order of arrival, unique within a dataset
	idColumn       = "_id"       // Text: the declared id, where there is one
	goneColumn     = "_gone"     // Bool: 1 says that the id is no longer this customer's from _known on
)

var reserved = map[string]bool{customerColumn: true, timeColumn: true, knownColumn: true, seqColumn: true, idColumn: true, goneColumn: true}

// layout says how a dataset's rows lie in memory while they are sorted, and in parts.
//
// A column that plays a role of its own is stored once, under the store's name: the file's customer, time, known-at and
// text id column are _customer, _time, _known and _id, and reading gives them back under either name.
type layout struct {
	keyed   bool // rows belong to customers
	timed   bool // rows happen at an instant
	hasID   bool // there is an _id column
	fields  []field
	clear   []field           // personal columns whose clear values go to the vault
	aliases map[string]string // file's name → store's name
}

// field is one stored column besides the store's own.
type field struct {
	column
	from string // name of the column in the loaded table, "" for columns that are made
}

// layoutOf derives the layout of a dataset. sealed parts hold pseudonyms in place of personal values.
func layoutOf(d *dataset, sealed bool) *layout {
	l := &layout{keyed: d.ByCustomer, timed: d.ByCustomer && d.Role.HasTime(), aliases: map[string]string{}}
	for _, c := range d.Columns {
		switch {
		case reserved[c.Name]:
			continue
		case c.Role == kequn.ColCustomer && l.keyed && l.aliases[customerColumn] == "":
			if c.Kind == table.Text {
				l.alias(c.Name, customerColumn)
				continue
			}
			l.aliases[customerColumn] = c.Name
		case c.Role == kequn.ColTime && l.timed && l.aliases[timeColumn] == "":
			l.alias(c.Name, timeColumn)
			continue
		case c.Role == kequn.ColKnownAt && l.aliases[knownColumn] == "":
			l.alias(c.Name, knownColumn)
			continue
		case c.Role == kequn.ColID && l.keyed && d.Role != kequn.Customers && l.aliases[idColumn] == "":
			l.hasID = true
			if c.Kind == table.Text {
				l.alias(c.Name, idColumn)
				continue
			}
			l.aliases[idColumn] = c.Name
		case sealed && l.keyed && c.Role.Personal():
			l.clear = append(l.clear, field{c, c.Name})
			c.Kind, c.Scale = table.Text, 0 // a pseudonym
		}
		l.fields = append(l.fields, field{c, c.Name})
	}
	return l
}

// alias notes that the file's column is stored under the store's name.
func (l *layout) alias(file, own string) {
	l.aliases[own] = file
	l.aliases[file] = own
}

// stored returns the name under which a column is stored.
func (l *layout) stored(name string) string {
	if own, ok := l.aliases[name]; ok && reserved[own] {
		return own
	}
	return name
}

// partFields lists the columns of a part in order. Which of the optional ones there are is decided when the part is made.
func (l *layout) partFields(known, gone bool) []field {
	var out []field
	add := func(name string, kind table.Kind) { out = append(out, field{column: column{Name: name, Kind: kind}}) }
	if l.keyed {
		add(customerColumn, table.Text)
	}
	if l.timed {
		add(timeColumn, table.Time)
	}
	if known {
		add(knownColumn, table.Time)
	}
	add(seqColumn, table.Integer)
	if l.hasID {
		add(idColumn, table.Text)
	}
	if gone {
		add(goneColumn, table.Bool)
	}
	return append(out, l.fields...)
}

var textField = field{column: column{Kind: table.Text}}
