package quality

import (
	"context"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"time"

	"kequn"
	"kequn/internal/table"
)

// WriteRows writes the rows that break a rule as CSV, with the reason and the columns of their dataset, and returns how many
// there are. It reads the data once more. At most `most` rows are written (0: all).
func (rep *Report) WriteRows(ctx context.Context, w io.Writer, name string, most int64) (int64, error) {
	res := rep.Named(name)
	if res == nil {
		return 0, kequn.Errorf(kequn.KindUsage, name, "there is no such rule").WithHint("kequn check lists the rules by name")
	}
	sc := rep.scan
	k, s := kindNamed(res.Kind), sc.setOf(res.Dataset)
	if !res.Rows {
		return 0, kequn.Errorf(kequn.KindUsage, name, "this rule is about the dataset as a whole: there are no single rows to show")
	}
	find, err := k.find(sc, s, &res.Rule)
	if err != nil {
		return 0, err
	}
	out := csv.NewWriter(w)
	customer := s.with(kequn.ColCustomer)
	head := []string{"reason"}
	if s.part >= 0 {
		head = append(head, "customer")
	}
	var columns []int
	for i, c := range s.names {
		if c != customer || s.part < 0 {
			head = append(head, c)
			columns = append(columns, i)
		}
	}
	if err := out.Write(head); err != nil {
		return 0, err
	}
	var n int64
	reason := sc.o.Lang.Pick(k.zh, k.en)
	record := make([]string, 0, len(head))
	write := func(s *pieceSet, rows []int) error {
		slices.Sort(rows)
		for _, r := range rows {
			if most > 0 && n >= most {
				return nil
			}
			n++
			record = append(record[:0], reason)
			if s.owner != nil {
				record = append(record, s.people.String(int(s.owner[r])))
			}
			for _, i := range columns {
				record = append(record, cell(s.t.Columns[i], r, sc.o.Zone))
			}
			if err := out.Write(record); err != nil {
				return err
			}
		}
		return nil
	}
	var rows []int
	if s.part < 0 {
		one := &pieceSet{set: s, t: s.rows, n: s.rows.NRows(), present: true}
		find(&piece{sc: sc, sets: sc.lookupSets()}, one, func(r int) { rows = append(rows, r) })
		if err := write(one, rows); err != nil {
			return n, err
		}
	} else {
		for p := range rep.data.NParts() {
			one, err := sc.piece(ctx, rep.data, p)
			if err != nil {
				return n, err
			}
			rows = rows[:0]
			find(one, &one.sets[s.at], func(r int) { rows = append(rows, r) })
			if err := write(&one.sets[s.at], rows); err != nil {
				return n, err
			}
		}
	}
	out.Flush()
	return n, out.Error()
}

// cell writes a value as a file would hold it.
func cell(c *table.Column, r int, zone *time.Location) string {
	switch {
	case c.IsMissing(r):
		return ""
	case c.Kind.InCode():
		return c.String(r)
	case c.Kind == table.Time:
		return kequn.FormatZone(kequn.Instant(c.Int[r]), zone)
	case c.Kind == table.Money:
		return strconv.FormatFloat(c.Float(r), 'f', c.Scale, 64)
	case c.Kind == table.Number:
		return strconv.FormatFloat(c.Num[r], 'g', -1, 64)
	}
	return strconv.FormatInt(c.Int[r], 10)
}
