package local

import (
	"slices"
	"strconv"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/table"
)

// lookup is a table joined by a key, whole in memory. Of rows with the same key the first counts; where the lookup has
// history, the one known newest at the moment of asking.
type lookup struct {
	def     *engine.Dataset
	ahead   bool     // asked about the future: as known at Request.KnownBy
	known   int      // position of KnownColumn, −1 where there is no history
	columns []string // the key, then attributes
	rows    *table.Table
	row     []int32     // key's code → row
	keys    *table.Dict // keys as text
	numbers []int64     // keys as integers, sorted, where the key column is one
	numRow  []int32
}

// index finds the row of each key for who asks at an instant. anyTime takes the oldest row where none was known yet.
func (l *lookup) index(t *table.Table, asked int64, anyTime bool) error {
	l.rows = &table.Table{}
	for _, name := range l.columns {
		c := t.Column(name)
		if c == nil {
			return kequn.Errorf(kequn.KindInternal, "", "lookup %q came without column %q", l.def.Name, name)
		}
		l.rows.Columns = append(l.rows.Columns, c)
	}
	key := l.rows.Columns[0]
	switch {
	case key.Kind.InCode():
		l.keys = key.Dict
		l.row = make([]int32, l.keys.Len())
		fill(l.row, -1)
		for i, c := range key.Code {
			if c >= 0 {
				l.row[c] = l.better(l.row[c], int32(i), asked)
			}
		}
	case key.Kind == table.Integer:
		l.keys = table.NewDict()
		type pair struct {
			key int64
			row int32
		}
		var pairs []pair
		for i, v := range key.Int {
			if v == table.Missing {
				continue
			}
			pairs = append(pairs, pair{v, int32(i)})
			c := l.keys.InternString(strconv.FormatInt(v, 10))
			if int(c) == len(l.row) {
				l.row = append(l.row, -1)
			}
			l.row[c] = l.better(l.row[c], int32(i), asked)
		}
		slices.SortStableFunc(pairs, func(a, b pair) int {
			switch {
			case a.key < b.key:
				return -1
			case a.key > b.key:
				return 1
			}
			return 0
		})
		for i, p := range pairs {
			if i == 0 || p.key != pairs[i-1].key {
				l.numbers, l.numRow = append(l.numbers, p.key), append(l.numRow, -1)
			}
			last := &l.numRow[len(l.numRow)-1]
			*last = l.better(*last, p.row, asked)
		}
	default:
		return kequn.Errorf(kequn.KindPlan, "", "key %q of lookup %q is a %s", key.Name, l.def.Name, key.Kind).WithHint("a key is a text, a category or an integer")
	}
	if l.known >= 0 && !anyTime && l.def.With(kequn.ColKnownAt) != nil {
		l.forget(l.row, asked)
		l.forget(l.numRow, asked)
	}
	return nil
}

// better returns which of two rows of a key counts for who asks at an instant: of those known before it the newest, else the
// oldest, and the first of two known together. row may be −1.
func (l *lookup) better(row, other int32, asked int64) int32 {
	if row < 0 {
		return other
	}
	if l.known < 0 {
		return row
	}
	at := l.rows.Columns[l.known].Int
	a, b := at[row], at[other]
	switch {
	case (a < asked) != (b < asked):
		if b < asked {
			return other
		}
	case a < asked && b > a, a >= asked && b < a:
		return other
	}
	return row
}

// forget takes out rows that were not known yet.
func (l *lookup) forget(rows []int32, asked int64) {
	for i, row := range rows {
		if row >= 0 && l.rows.Columns[l.known].Int[row] >= asked {
			rows[i] = -1
		}
	}
}

// translate writes the lookup's row, or −1, of each value [from, to) of a column. memo keeps answers for one dictionary.
func (l *lookup) translate(c *table.Column, from, to int, m *lookupMemo, out []int32) {
	if c.Kind.InCode() {
		if m.dict != c.Dict {
			m.dict = c.Dict
			m.row = make([]int32, c.Dict.Len())
			fill(m.row, -2)
		}
		for i, k := range c.Code[from:to] {
			if k < 0 {
				out[i] = -1
				continue
			}
			if m.row[k] == -2 {
				m.row[k] = -1
				if f := l.keys.Find(c.Dict.At(int(k))); f >= 0 {
					m.row[k] = l.row[f]
				}
			}
			out[i] = m.row[k]
		}
		return
	}
	for i := range to - from {
		out[i] = -1
		if c.Kind != table.Integer || c.Int[from+i] == table.Missing {
			continue
		}
		v := c.Int[from+i]
		if l.numbers != nil {
			if at, ok := slices.BinarySearch(l.numbers, v); ok {
				out[i] = l.numRow[at]
			}
		} else if f := l.keys.Find(strconv.FormatInt(v, 10)); f >= 0 {
			out[i] = l.row[f]
		}
	}
}

// lookupMemo remembers the row of each text of a dictionary; −2 is not asked yet.
type lookupMemo struct {
	dict *table.Dict
	row  []int32
}
