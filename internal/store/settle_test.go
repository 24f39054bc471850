package store

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// plainRow is a row as the plain sort sees it.
type plainRow struct {
	customer         string
	time, known, seq int64
	amount           int64
	category         string
}

func (r plainRow) compare(q plainRow) int {
	return cmp.Or(cmp.Compare(customerHash([]byte(r.customer)), customerHash([]byte(q.customer))), bytes.Compare([]byte(r.customer), []byte(q.customer)),
		cmp.Compare(r.time, q.time), cmp.Compare(r.known, q.known), cmp.Compare(r.seq, q.seq))
}

// Sorting by buckets must give what one stable sort of all rows gives, whatever the batches and dictionaries they came in.
func TestBucketsSortLikeOneSort(t *testing.T) {
	d := &dataset{Name: "orders", Role: kequn.Orders, ByCustomer: true, Columns: columnsOf(plan.Dataset{Columns: []plan.Column{
		{Name: "who", Kind: table.Text, Role: kequn.ColCustomer}, {Name: "at", Kind: table.Time, Role: kequn.ColTime},
		{Name: "told", Kind: table.Time, Role: kequn.ColKnownAt}, {Name: "amount", Kind: table.Money, Scale: 2, Role: kequn.ColAmount},
		{Name: "category", Kind: table.Category},
	}})}
	l := layoutOf(d, false)
	try := func(t interface{ Fatalf(string, ...any) }, sizes []int, nCust, nTimes int, known, reuse bool, seed uint64) {
		s := kernel.NewStream(seed)
		buf := newBuffer(l, nil, known, 7, 2)
		var want []plainRow
		tab := emptyTable(d.plan())
		for _, n := range sizes {
			if reuse {
				for _, c := range tab.Columns {
					c.Reset()
					if c.Dict != nil {
						c.Dict.Reset()
					}
				}
			} else {
				tab = emptyTable(d.plan())
			}
			var rows []int32
			for i := range n {
				r := plainRow{customer: fmt.Sprint("c", s.Intn(nCust)), time: int64(s.Intn(nTimes)), seq: 7 + int64(len(want)), amount: int64(s.Intn(1000)), category: fmt.Sprint("k", s.Intn(5))}
				told := int64(table.Missing)
				if r.known = r.time; known && s.Intn(2) == 0 {
					told = r.time + int64(s.Intn(3))
					r.known = told
				}
				tab.Columns[0].AppendString(r.customer)
				tab.Columns[1].Int = append(tab.Columns[1].Int, r.time)
				tab.Columns[2].Int = append(tab.Columns[2].Int, told)
				tab.Columns[3].Int = append(tab.Columns[3].Int, r.amount)
				tab.Columns[4].AppendString(r.category)
				rows, want = append(rows, int32(i)), append(want, r)
			}
			in, err := l.match(tab)
			if err != nil {
				t.Fatalf("%v", err)
			}
			buf.add(in, rows)
		}
		buf.settle(true)
		slices.SortFunc(want, plainRow.compare)
		var x sorter
		for _, cut := range []int{0, 100} { // in two ranges
			x.open(buf, cut, map[int]int{0: 100, 100: nRanges}[cut])
			for b := x.next(1000); b != nil; b = x.next(1000) {
				for i := range b.n {
					w := want[0]
					want = want[1:]
					got := plainRow{customer: string(b.custOf(i)), time: b.timeOf(i), known: w.known, seq: b.seqOf(i), amount: b.fields[0].Int[i], category: b.fields[1].String(i)}
					if got != w || b.hashOf(i) != customerHash([]byte(w.customer)) {
						t.Fatalf("row %d: %+v, want %+v", i, got, w)
					}
				}
			}
		}
		if len(want) > 0 {
			t.Fatalf("%d rows are lost", len(want))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 300), 0, 8).Draw(t, "sizes")
		try(t, sizes, rapid.IntRange(1, 200).Draw(t, "customers"), rapid.IntRange(1, 50).Draw(t, "times"), rapid.Bool().Draw(t, "known"),
			rapid.Bool().Draw(t, "reuse"), rapid.Uint64().Draw(t, "seed"))
	})
	// More than two chunks, whose memory is used again.
	try(t, []int{50_000, 40_000, 65_536, 1, 20_000}, 30_000, 1000, false, true, 3)
	try(t, []int{70_000, 70_000}, 3, 100_000, true, false, 4)
}
