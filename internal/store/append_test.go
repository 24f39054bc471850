package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// smallPlan is orders of a customer, a day, an amount and an id; with a known-at column if asked for.
func smallPlan(known bool) plan.Dataset {
	p := plan.Dataset{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{
		{Name: "who", Kind: table.Text, Role: kequn.ColCustomer},
		{Name: "day", Kind: table.Time, Role: kequn.ColTime},
		{Name: "amount", Kind: table.Integer, Role: kequn.ColQuantity},
		{Name: "no", Kind: table.Text, Role: kequn.ColID},
	}}
	if known {
		p.Columns = append(p.Columns, plan.Column{Name: "seen", Kind: table.Time, Role: kequn.ColKnownAt})
	}
	return p
}

func rowsOf(p plan.Dataset, text string) *table.Table {
	t := emptyTable(p)
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if strings.TrimSpace(line) != "" {
			row(t, line)
		}
	}
	return t
}

// Loads are separated by ---; lines are numbered from 2. The dump is who, amount, no, day, then known and gone where the
// dataset has them.
func TestDuplicatesConflictsAndCorrections(t *testing.T) {
	for _, c := range []struct {
		name, loads string
		known       bool
		counts      []string // kept duplicate rejected corrected
		rejects     string
		rows        string
	}{{
		name: "the same id and content is a duplicate, another content conflicts",
		loads: `ann 1 10 N1
			ann 2 20 N2
			ann 1 10 N1
			ann 1 11 N1
			- 3 30 N3
			bob - 30 N4`,
		counts:  []string{"2 1 3 0"},
		rejects: "5:conflicts with line 2, which has the same id 6:no customer 7:no time",
		rows: `ann 10 N1 1
			ann 20 N2 2`,
	}, {
		name: "a later load corrects; the same again is a duplicate",
		loads: `ann 1 10 N1
			bob 1 5 N2
			---
			ann 1 12 N1
			bob 1 5 N2
			cid 9 1 N3
			---
			ann 1 12 N1
			---
			ann 1 10 N1`,
		counts: []string{"2 0 0 0", "2 1 0 1", "0 1 0 0", "1 0 0 1"},
		rows: `bob 5 N2 1 1 0
			cid 1 N3 9 9 0
			ann 10 N1 1 1 0
			ann 12 N1 1 101 0
			ann 10 N1 1 103 0`,
	}, {
		name: "a correction that changes the customer leaves a mark",
		loads: `ann 1 10 N1
			---
			bob 1 10 N1
			---
			ann 2 10 N1`,
		counts: []string{"1 0 0 0", "1 0 0 1", "1 0 0 1"},
		rows: `bob 10 N1 1 101 0
			bob 10 N1 1 102 1
			ann 10 N1 1 1 0
			ann 10 N1 1 101 1
			ann 10 N1 2 102 0`,
	}, {
		name:  "a known-at column makes versions within a load",
		known: true,
		loads: `ann 1 10 N1 5
			ann 1 11 N1 7
			ann 1 11 N1 8
			ann 1 12 N1 7
			ann 1 9 N1 3
			bob 2 10 N2 -`,
		counts:  []string{"4 1 1 0"},
		rejects: "5:conflicts with line 3, which has the same id",
		rows: `bob 10 N2 2 2 0
			ann 9 N1 1 3 0
			ann 10 N1 1 5 0
			ann 11 N1 1 7 0`,
	}, {
		name:  "known at the same moment in a later load: it corrects",
		known: true,
		loads: `ann 1 10 N1 5
			---
			ann 1 11 N1 5
			bob 1 11 N2 6
			---
			ann 1 8 N1 4`,
		counts: []string{"1 0 0 0", "2 0 0 1", "1 0 0 0"},
		rows: `bob 11 N2 1 6 0
			ann 8 N1 1 4 0
			ann 10 N1 1 5 0
			ann 11 N1 1 101 0`,
	}, {
		name:  "moving between customers within a load",
		known: true,
		loads: `ann 1 10 N1 2
			bob 1 10 N1 4
			ann 1 10 N1 6`,
		counts: []string{"3 0 0 0"},
		rows: `bob 10 N1 1 4 0
			bob 10 N1 1 6 1
			ann 10 N1 1 2 0
			ann 10 N1 1 4 1
			ann 10 N1 1 6 0`,
	}, {
		name: "rows without an id are themselves",
		loads: `ann 1 10 -
			ann 1 10 -
			---
			ann 1 10 -`,
		counts: []string{"2 0 0 0", "1 0 0 0"},
		rows: `ann 10 - 1
			ann 10 - 1
			ann 10 - 1`,
	}} {
		for _, memory := range []int64{0, 1} { // 1 byte: every batch and every record spills
			t.Run(fmt.Sprintf("%s/memory=%d", c.name, memory), func(t *testing.T) {
				w := newWorkspace(t, Options{Memory: memory})
				p := smallPlan(c.known)
				var rejects []string
				for i, text := range strings.Split(c.loads, "---") {
					got := load(t, w, p, rowsOf(p, text), LoadOptions{LoadedAt: kequn.Instant(int64(100+i) * day)})
					if s := fmt.Sprint(got.Kept, got.Duplicate, got.Rejected, got.Corrected); s != c.counts[i] {
						t.Errorf("load %d: kept, duplicate, rejected, corrected are %s, want %s", i, s, c.counts[i])
					}
					for _, r := range got.Rejects {
						rejects = append(rejects, fmt.Sprintf("%d:%s", r.Line, r.Reason))
					}
				}
				if s := strings.Join(rejects, " "); s != c.rejects {
					t.Errorf("rejects are %q, want %q", s, c.rejects)
				}
				want := strings.Split(c.rows, "\n")
				for i := range want {
					want[i] = strings.TrimSpace(want[i])
				}
				s := snapshot(t, w)
				columns := []string{"amount", "no", "day"}
				if d := s.Datasets()[0]; d.Versioned {
					columns = append(columns, knownColumn, goneColumn)
				}
				var got []string
				for _, l := range scan(t, s, table.Want{Dataset: "orders", Columns: columns}) {
					f := strings.Fields(l)
					got = append(got, strings.Join(slices.Delete(f, 1, 2)[:1+len(columns)], " "))
				}
				byCustomer := func(a, b string) int { return strings.Compare(a[:3], b[:3]) }
				slices.SortStableFunc(got, byCustomer)
				slices.SortStableFunc(want, byCustomer)
				equalLines(t, got, want)
				if _, err := w.Verify(ctx, nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Whatever is loaded in whatever pieces and with whatever memory, the newest version of each id is the one that a plain
// map finds, and rows, ids and counts agree.
func TestManyLoadsAgreeWithAPlainMap(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w, err := Create("mem", Options{files: newMemoryFS(), Memory: rapid.SampledFrom([]int64{0, 1, 1 << 20}).Draw(r, "memory")})
		if err != nil {
			r.Fatal(err)
		}
		p := smallPlan(false)
		seed := rapid.Uint64().Draw(r, "seed")
		s := kernel.NewStream(seed)
		newest := map[string]string{} // id → row
		nLoads := rapid.IntRange(1, 12).Draw(r, "loads")
		versioned := false
		for i := range nLoads {
			rows := emptyTable(p)
			said := map[string]string{}
			var kept, duplicate, rejected int64
			for range s.Intn(60) {
				id := fmt.Sprint("N", s.Intn(40))
				line := fmt.Sprintf("c%d %d %d %s", s.Intn(6), s.Intn(3), s.Intn(2), id)
				row(rows, line)
				first, again := said[id]
				switch {
				case again && first == line, !again && newest[id] == line:
					duplicate++
				case again:
					rejected++
				default:
					kept++
					versioned = versioned || newest[id] != ""
					newest[id] = line
				}
				if !again {
					said[id] = line
				}
			}
			c := load(t, w, p, rows, LoadOptions{LoadedAt: kequn.Instant(int64(1000+i) * day)})
			if c.Kept != kept || c.Duplicate != duplicate || c.Rejected != rejected {
				r.Fatalf("load %d: %+v, want %d kept, %d duplicate, %d rejected", i, c, kept, duplicate, rejected)
			}
		}
		snap := snapshot(t, w)
		if d := snap.Datasets()[0]; d.Versioned != versioned {
			r.Fatalf("versioned is %v, want %v", d.Versioned, versioned)
		}
		got := map[string]string{}
		for p := range snap.NParts() {
			part, err := snap.Part(ctx, p, []table.Want{{Dataset: "orders", Columns: []string{"who", "day", "amount", idColumn, knownColumn, seqColumn}}})
			if err != nil {
				r.Fatal(err)
			}
			rows := part.Sets[0].Rows
			gone := rows.Column(goneColumn)
			for i := range part.Customer.Len() {
				last := map[string]int32{} // of this customer
				for k := part.Sets[0].Start[i]; k < part.Sets[0].Start[i+1]; k++ {
					id := rows.Column(idColumn).String(int(k))
					if j, ok := last[id]; !ok || rows.Column(knownColumn).Int[k] >= rows.Column(knownColumn).Int[j] {
						last[id] = k
					}
				}
				for id, k := range last {
					if gone != nil && gone.Int[k] != 0 {
						continue
					}
					if _, twice := got[id]; twice {
						r.Fatalf("id %s counts for two customers", id)
					}
					got[id] = dump(&table.Table{Columns: rows.Columns[:4]}, int(k))
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(newest) {
			r.Fatalf("newest versions are\n%v, want\n%v", got, newest)
		}
		if _, err := w.Verify(ctx, nil); err != nil {
			r.Fatal(err)
		}
	})
}

func TestAppendedRunsAreMergedAndCompacted(t *testing.T) {
	w := newWorkspace(t, Options{})
	p := ordersPlan(false)
	all := emptyTable(p)
	for i := range 24 {
		n := 40
		if i == 0 {
			n = 25_000 // two partitions
		}
		rows := randomOrders(p, uint64(i), n, 500)
		if err := all.Append(rows); err != nil {
			t.Fatal(err)
		}
		load(t, w, p, rows, LoadOptions{})
		d := snapshot(t, w).m.Datasets[0]
		layers := map[int]int64{}
		for _, p := range d.Parts {
			layers[p.Layer] += p.Rows
		}
		if len(layers) > maxLayers+1 {
			t.Fatalf("%d layers after load %d", len(layers), i)
		}
	}
	s := snapshot(t, w)
	if d := s.m.Datasets[0]; d.Rows != int64(all.NRows()) || d.Partitions != 2 || s.NParts() != 2 {
		t.Fatalf("%d rows of %d in %d partitions", d.Rows, all.NRows(), d.Partitions)
	}
	columns := append(allColumns, timeColumn)
	equalLines(t, scan(t, s, table.Want{Dataset: "orders", Columns: columns}), expected(all, "who", "when", append(allColumns, "when")))
	big := randomOrders(p, 99, 20_000, 500)
	all.Append(big)
	load(t, w, p, big, LoadOptions{})
	s = snapshot(t, w)
	for _, p := range s.m.Datasets[0].Parts {
		if p.Layer != 0 {
			t.Error("a load of the base's size was not merged with it")
		}
	}
	equalLines(t, scan(t, s, table.Want{Dataset: "orders", Columns: columns}), expected(all, "who", "when", append(allColumns, "when")))
}

func TestIdenticalLinesAreCounted(t *testing.T) {
	p := smallPlan(false)
	p.Columns = p.Columns[:3]
	for _, memory := range []int64{0, 1} {
		w := newWorkspace(t, Options{Memory: memory})
		c := load(t, w, p, rowsOf(p, "a 1 5\na 1 6\na 1 5\na 1 5\nb 1 5\na 2 5"), LoadOptions{})
		if c.Kept != 6 || c.Identical != 2 {
			t.Errorf("memory %d: %d kept, %d identical; want 6 and 2", memory, c.Kept, c.Identical)
		}
	}
}

func TestCustomersAreOneEach(t *testing.T) {
	p := plan.Dataset{Name: "customers", Role: kequn.Customers, Columns: []plan.Column{
		{Name: "id", Kind: table.Integer, Role: kequn.ColCustomer},
		{Name: "city", Kind: table.Category, Role: kequn.ColCategory},
	}}
	w := newWorkspace(t, Options{})
	if c := load(t, w, p, rowsOf(p, "7 Ulm\n8 Bonn\n7 Ulm\n8 Köln"), LoadOptions{LoadedAt: kequn.Instant(5 * day)}); c.Kept != 2 || c.Duplicate != 1 || c.Rejected != 1 || c.First != kequn.NoTime {
		t.Errorf("counts %+v", c)
	}
	s := snapshot(t, w)
	if d := s.Datasets()[0]; d.Late || d.Versioned || d.LoadedAt != kequn.Instant(5*day) || d.First != kequn.NoTime {
		t.Errorf("facts %+v", d)
	}
	equalLines(t, scan(t, s, table.Want{Dataset: "customers", Columns: []string{"city", "id", knownColumn}}), []string{"7 customers Ulm 7 5", "8 customers Bonn 8 5"})
	load(t, w, p, rowsOf(p, "8 Köln\n9 Rom"), LoadOptions{LoadedAt: kequn.Instant(6 * day)})
	s = snapshot(t, w)
	if d := s.Datasets()[0]; !d.Late || !d.Versioned || d.LoadedAt != kequn.Instant(6*day) {
		t.Errorf("facts %+v", d)
	}
	equalLines(t, scan(t, s, table.Want{Dataset: "customers", Columns: []string{"city"}}),
		[]string{"9 customers Rom 6 0", "7 customers Ulm 5 0", "8 customers Bonn 5 0", "8 customers Köln 6 0"})
}

func TestLookups(t *testing.T) {
	p := plan.Dataset{Name: "products", Role: kequn.Lookup, Columns: []plan.Column{
		{Name: "sku", Kind: table.Integer, Role: kequn.ColKey},
		{Name: "class", Kind: table.Category, Role: kequn.ColCategory},
	}}
	lines := func(s *Snapshot, columns ...string) (out []string) {
		tab, err := s.Lookup(ctx, "products", columns)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tab.NRows() {
			out = append(out, dump(tab, i))
		}
		return out
	}
	w := newWorkspace(t, Options{})
	load(t, w, p, rowsOf(p, "3 tea\n1 oil\n2 tea\n1 oil"), LoadOptions{})
	equalLines(t, lines(snapshot(t, w)), []string{"3 tea", "1 oil", "2 tea"})
	load(t, w, p, rowsOf(p, "1 fat\n4 oil"), LoadOptions{LoadedAt: 9})
	equalLines(t, lines(snapshot(t, w), "class", "sku"), []string{"tea 3", "tea 2", "fat 1", "oil 4"})

	// A key that repeats identifies nothing.
	w = newWorkspace(t, Options{})
	if c := load(t, w, p, rowsOf(p, "1 tea\n1 oil\n1 tea"), LoadOptions{}); c.Kept != 3 {
		t.Errorf("counts %+v", c)
	}
	load(t, w, p, rowsOf(p, "1 tea"), LoadOptions{})
	equalLines(t, lines(snapshot(t, w)), []string{"1 tea", "1 oil", "1 tea", "1 tea"})
}

func TestTheSameFileIsKnown(t *testing.T) {
	w := newWorkspace(t, Options{})
	p := smallPlan(false)
	load(t, w, p, rowsOf(p, "a 1 5 N1"), LoadOptions{File: "orders.csv", FileHash: "abc"})
	s := snapshot(t, w)
	if f, ok := s.HasFile(p, "abc"); !ok || f.Name != "orders.csv" || f.Kept != 1 {
		t.Errorf("file is %+v, %v", f, ok)
	}
	q := smallPlan(false)
	q.Columns[3].Role = kequn.ColText
	if _, ok := s.HasFile(q, "abc"); ok {
		t.Error("the same file read another way is another file")
	}
	if _, ok := s.HasFile(p, "abd"); ok {
		t.Error("found a file that was not loaded")
	}
}

func TestColumnsOfLaterLoads(t *testing.T) {
	w := newWorkspace(t, Options{})
	p := smallPlan(false)
	p.Columns = p.Columns[:3]
	load(t, w, p, rowsOf(p, "a 1 5"), LoadOptions{})
	q := smallPlan(false)
	q.Columns = append(q.Columns[:2:2], plan.Column{Name: "city", Kind: table.Category, Role: kequn.ColCategory})
	load(t, w, q, rowsOf(q, "a 2 Ulm"), LoadOptions{})
	equalLines(t, scan(t, snapshot(t, w), table.Want{Dataset: "orders", Columns: []string{"amount", "city"}}), []string{"a orders 5 - 1", "a orders - Ulm 2"})

	for _, change := range []func(*plan.Dataset){
		func(d *plan.Dataset) { d.Columns[2].Kind = table.Money },
		func(d *plan.Dataset) { d.Columns[0].Role = kequn.ColAttribute },
		func(d *plan.Dataset) { d.Role = kequn.Events },
		func(d *plan.Dataset) { d.Columns[2].Name = "_seq" },
		func(d *plan.Dataset) {
			d.Columns = append(d.Columns, plan.Column{Name: "no", Kind: table.Text, Role: kequn.ColID})
		},
	} {
		bad := smallPlan(false)
		bad.Columns = bad.Columns[:3]
		change(&bad)
		tx, err := w.Begin(ctx, "load")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Load(bad, LoadOptions{}); kequn.KindOf(err) != kequn.KindPlan {
			t.Errorf("got %v, want an error of kind plan", err)
		}
		tx.Abort()
	}
}
