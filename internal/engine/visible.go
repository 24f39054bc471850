package engine

import (
	"kequn"
	"kequn/internal/table"
)

// Visible returns the rows of a set that had happened and were known before a cutoff, in order: those of [Known] that had happened by then.
// It is what features look back at, for those who need the rows themselves.
func Visible(d *Dataset, set *table.Set, before kequn.Cutoff) []int32 {
	rows := Known(d, set, before)
	time, n := set.Rows.Column(TimeColumn).Int, 0
	for _, r := range rows {
		if time[r] < int64(before) {
			rows[n] = r
			n++
		}
	}
	return rows[:n]
}

// Known returns the rows of a set that were known before an instant, whenever they happen, in order: of each id the version known last (of
// two known together, the one that arrived later), unless that version took the row back.
//
// The set's rows hold TimeColumn; KnownColumn where the dataset is Late or Versioned; IDColumn, GoneColumn and SeqColumn where it
// is Versioned: see [VisibleColumns].
func Known(d *Dataset, set *table.Set, before kequn.Instant) []int32 {
	at := int64(before)
	time := set.Rows.Column(TimeColumn).Int
	known := time
	if d.Late || d.Versioned {
		known = set.Rows.Column(KnownColumn).Int
	}
	rows := make([]int32, 0, len(time))
	if !d.Versioned {
		for r := range time {
			if known[r] < at {
				rows = append(rows, int32(r))
			}
		}
		return rows
	}
	id, gone, seq := set.Rows.Column(IDColumn), set.Rows.Column(GoneColumn).Int, set.Rows.Column(SeqColumn).Int
	newest := make([]int32, id.Dict.Len()) // by id: its newest version of the customer at hand, +1
	for i := range len(set.Start) - 1 {
		lo, hi := set.Start[i], set.Start[i+1]
		for r := lo; r < hi; r++ {
			c := id.Code[r]
			if c < 0 || known[r] >= at {
				continue
			}
			if q := newest[c] - 1; q < lo || known[r] > known[q] || known[r] == known[q] && seq[r] > seq[q] {
				newest[c] = r + 1
			}
		}
		for r := lo; r < hi; r++ {
			c := id.Code[r]
			if known[r] < at && gone[r] != 1 && (c < 0 || newest[c] == r+1) {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// VisibleColumns returns the columns that [Visible] wants of a dataset.
func VisibleColumns(d *Dataset) []string {
	columns := []string{TimeColumn}
	if d.Late || d.Versioned {
		columns = append(columns, KnownColumn)
	}
	if d.Versioned {
		columns = append(columns, IDColumn, GoneColumn, SeqColumn)
	}
	return columns
}
