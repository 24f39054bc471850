package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sort"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/table"
	"kequn/internal/vault"
)

var ctx = context.Background()

const day = int64(86400e6)

// ordersPlan has every kind of column.
func ordersPlan(id bool) plan.Dataset {
	p := plan.Dataset{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{
		{Name: "who", Kind: table.Text, Role: kequn.ColCustomer},
		{Name: "when", Kind: table.Time, Role: kequn.ColTime},
		{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2},
		{Name: "city", Kind: table.Category, Role: kequn.ColCategory},
		{Name: "qty", Kind: table.Integer, Role: kequn.ColQuantity},
		{Name: "weight", Kind: table.Number, Role: kequn.ColAttribute},
		{Name: "gift", Kind: table.Bool, Role: kequn.ColAttribute},
		{Name: "note", Kind: table.Text, Role: kequn.ColText},
	}}
	if id {
		p.Columns = append(p.Columns, plan.Column{Name: "order_no", Kind: table.Text, Role: kequn.ColID})
	}
	return p
}

// emptyTable returns a table with the columns of a plan.
func emptyTable(p plan.Dataset) *table.Table {
	t := &table.Table{}
	for _, c := range p.Columns {
		col := table.NewColumn(c.Name, c.Kind, 0)
		col.Scale = c.Scale
		t.Columns = append(t.Columns, col)
	}
	return t
}

// row adds a row written as text: values separated by spaces, - is missing.
func row(t *table.Table, text string) {
	for i, v := range strings.Fields(text) {
		c := t.Columns[i]
		switch {
		case v == "-":
			c.AppendMissing()
		case c.Kind.InCode():
			c.AppendString(v)
		case c.Kind == table.Number:
			var x float64
			fmt.Sscan(v, &x)
			c.Num = append(c.Num, x)
		default:
			var x int64
			fmt.Sscan(v, &x)
			if c.Kind == table.Time {
				x *= day
			}
			c.Int = append(c.Int, x)
		}
	}
}

// randomOrders makes n rows of customers with skew, in no order.
func randomOrders(p plan.Dataset, seed uint64, n, nCust int) *table.Table {
	t := emptyTable(p)
	s := kernel.NewStream(seed)
	cities := []string{"上海", "Paris", "São Paulo", "Köln"}
	for i := range n {
		who := s.Intn(nCust)
		if s.Bool(0.2) {
			who = s.Intn(max(1, nCust/50))
		}
		for _, c := range t.Columns {
			if s.Bool(0.05) && c.Name != "who" && c.Name != "when" && c.Name != "order_no" {
				c.AppendMissing()
				continue
			}
			switch c.Name {
			case "who":
				c.AppendString(fmt.Sprintf("C%06d", who))
			case "when":
				c.Int = append(c.Int, int64(s.Intn(700))*day+int64(s.Intn(3))*3600e6)
			case "amount":
				c.Int = append(c.Int, int64(s.Intn(100000)-5000))
			case "city":
				c.AppendString(cities[s.Intn(len(cities))])
			case "qty":
				c.Int = append(c.Int, int64(s.Intn(9)))
			case "weight":
				c.Num = append(c.Num, s.Float64())
			case "gift":
				c.Int = append(c.Int, int64(s.Intn(2)))
			case "note":
				c.AppendString(fmt.Sprint("note ", s.Intn(n)))
			case "order_no":
				c.AppendString(fmt.Sprint("N", i))
			}
		}
	}
	return t
}

func newWorkspace(t testing.TB, o Options) *Workspace {
	t.Helper()
	w, err := Create(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func sealedWorkspace(t testing.TB, o Options) *Workspace {
	t.Helper()
	secret, err := vault.Passphrase([]byte("correct horse"), 10)
	if err != nil {
		t.Fatal(err)
	}
	w, err := InitKey(t.TempDir(), secret, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// load loads a table in batches and commits.
func load(t testing.TB, w *Workspace, p plan.Dataset, rows *table.Table, o LoadOptions) LoadCounts {
	t.Helper()
	tx, err := w.Begin(ctx, "load")
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Abort()
	l, err := tx.Load(p, o)
	if err != nil {
		t.Fatal(err)
	}
	const batch = 1000
	for i := 0; i < rows.NRows(); i += batch {
		end := min(i+batch, rows.NRows())
		line := make([]int64, end-i)
		for k := range line {
			line[k] = int64(i+k) + 2
		}
		if err := l.Append(rows.Slice(i, end), line); err != nil {
			t.Fatal(err)
		}
	}
	c, err := l.Close()
	if err != nil {
		t.Fatal(err)
	}
	if int64(rows.NRows()) != c.Kept+c.Duplicate+c.Rejected {
		t.Fatalf("%d rows, but %d kept + %d duplicate + %d rejected", rows.NRows(), c.Kept, c.Duplicate, c.Rejected)
	}
	if int64(len(c.Rejects)) != c.Rejected {
		t.Fatalf("%d rejects, %d rejected", len(c.Rejects), c.Rejected)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return c
}

func snapshot(t testing.TB, w *Workspace) *Snapshot {
	t.Helper()
	s, err := w.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dump writes rows as text, one line each.
func dump(t *table.Table, i int) string {
	var b strings.Builder
	for k, c := range t.Columns {
		if k > 0 {
			b.WriteByte(' ')
		}
		switch {
		case c.IsMissing(i):
			b.WriteByte('-')
		case c.Kind.InCode():
			b.WriteString(c.String(i))
		case c.Kind == table.Number:
			fmt.Fprint(&b, c.Num[i])
		case c.Kind == table.Time:
			fmt.Fprintf(&b, "%g", float64(c.Int[i])/float64(day))
		default:
			fmt.Fprint(&b, c.Int[i])
		}
	}
	return b.String()
}

// scan reads datasets partition by partition, as lines of customer, dataset and row.
func scan(t testing.TB, s *Snapshot, want ...table.Want) []string {
	t.Helper()
	var out []string
	for p := range s.NParts() {
		part, err := s.Part(ctx, p, want)
		if err != nil {
			t.Fatal(err)
		}
		for i := range part.Customer.Len() {
			if part.Customer.IsMissing(i) {
				t.Fatal("a customer is missing")
			}
			for k, set := range part.Sets {
				if len(set.Start) != part.Customer.Len()+1 || int(set.Start[len(set.Start)-1]) != set.Rows.NRows() {
					t.Fatalf("set %d has %d starts for %d customers", k, len(set.Start), part.Customer.Len())
				}
				for r := set.Start[i]; r < set.Start[i+1]; r++ {
					out = append(out, fmt.Sprintf("%s %s %s", part.Customer.String(i), want[k].Dataset, dump(set.Rows, int(r))))
				}
			}
		}
	}
	return out
}

// expected sorts rows as the store should, by the plain way.
func expected(rows *table.Table, who, when string, columns []string) []string {
	type keyed struct {
		hash uint64
		who  string
		when int64
		i    int
	}
	keys := make([]keyed, rows.NRows())
	for i := range keys {
		w := rows.Column(who).String(i)
		keys[i] = keyed{customerHash([]byte(w)), w, rows.Column(when).Int[i], i}
	}
	sort.Slice(keys, func(a, b int) bool {
		x, y := keys[a], keys[b]
		switch {
		case x.hash != y.hash:
			return x.hash < y.hash
		case x.who != y.who:
			return x.who < y.who
		case x.when != y.when:
			return x.when < y.when
		}
		return x.i < y.i
	})
	sel, _ := rows.Select(columns...)
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.who + " orders " + dump(sel, k.i)
	}
	return out
}

func equalLines(t testing.TB, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d\ngot  %.5q\nwant %.5q", len(got), len(want), got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("line %d is\n%q, want\n%q", i, got[i], want[i])
		}
	}
}

var allColumns = []string{"amount", "city", "qty", "weight", "gift", "note", "when"}

func TestLoadedRowsComeBackInOrder(t *testing.T) {
	for _, c := range []struct {
		rows   int
		memory int64
		sealed bool
	}{{0, 0, false}, {1, 0, true}, {7, 1, true}, {3000, 0, false}, {3000, 1, false}, {3000, 1, true}, {25_000, 1 << 20, true}, {110_000, 1 << 22, false}} {
		w := memoryWorkspace(t, c.sealed, Options{Memory: c.memory})
		p := ordersPlan(false)
		rows := randomOrders(p, uint64(c.rows), c.rows, max(1, c.rows/10))
		counts := load(t, w, p, rows, LoadOptions{LoadedAt: 800 * kequn.Instant(day)})
		if counts.Kept != int64(c.rows) || counts.Duplicate+counts.Rejected != 0 {
			t.Fatalf("counts %+v", counts)
		}
		s := snapshot(t, w)
		got := scan(t, s, table.Want{Dataset: "orders", Columns: allColumns})
		for i := range got {
			got[i] = got[i][:strings.LastIndex(got[i], " ")] // the _time that comes behind
		}
		equalLines(t, got, expected(rows, "who", "when", allColumns))
		if d, _ := s.Dataset("orders"); d.Rows != int64(c.rows) || d.Late || d.Versioned {
			t.Fatalf("facts %+v", d)
		}
		if _, err := w.Verify(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// memoryWorkspace is a workspace that touches no disk.
func memoryWorkspace(t testing.TB, sealed bool, o Options) *Workspace {
	t.Helper()
	o.files = newMemoryFS()
	w, err := Create("mem", o)
	if sealed {
		secret, _ := vault.Passphrase([]byte("x"), 1)
		w, err = InitKey("mem", secret, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func partIDs(d *dataset) (out []string) {
	for _, p := range d.Parts {
		out = append(out, p.ID)
	}
	return out
}

func TestSpillingChangesNoByte(t *testing.T) {
	for _, id := range []bool{false, true} {
		p := ordersPlan(id)
		rows := randomOrders(p, 5, 30_000, 3_000)
		var ids []string
		var first LoadCounts
		for i, o := range []Options{{}, {Memory: 2 << 20}, {Memory: 1 << 20, Threads: 1}, {Threads: 4}} {
			w := memoryWorkspace(t, false, o)
			c := load(t, w, p, rows, LoadOptions{})
			got := partIDs(snapshot(t, w).m.Datasets[0])
			if i == 0 {
				ids, first = got, c
				continue
			}
			if fmt.Sprint(got) != fmt.Sprint(ids) {
				t.Errorf("id %v, options %+v: parts differ", id, o)
			}
			if fmt.Sprint(c) != fmt.Sprint(first) {
				t.Errorf("counts %+v, want %+v", c, first)
			}
			if left, _ := w.fs.list(w.path("tmp")); len(left) > 0 {
				t.Errorf("%d temporary folders left", len(left))
			}
		}
	}
}

// However the range of customers is cut, the pieces put together are the same rows; one customer may fill several row
// groups, and a part may reach over many pieces.
func TestPiecesPutTogetherAreTheWhole(t *testing.T) {
	w := memoryWorkspace(t, false, Options{})
	p := ordersPlan(false)
	p.Columns = p.Columns[:4]
	rows := emptyTable(p)
	s := kernel.NewStream(3)
	for i := range 190_000 {
		who := "heavy" // two and a half row groups
		if i%190 < 30 {
			who = fmt.Sprint("c", s.Intn(300))
		}
		rows.Columns[0].AppendString(who)
		rows.Columns[1].Int = append(rows.Columns[1].Int, int64(s.Intn(1000))*day)
		rows.Columns[2].Int = append(rows.Columns[2].Int, int64(i))
		rows.Columns[3].AppendString([]string{"Ulm", "Bonn"}[i%2])
	}
	load(t, w, p, rows, LoadOptions{})
	load(t, w, p, rows.Slice(0, 1000), LoadOptions{}) // and a second run
	snap := snapshot(t, w)
	d := snap.m.Datasets[0]
	columns := []string{"who", "when", "amount", "city"}
	read := func(width int) string {
		var all *table.Table
		for from := 0; from < maxPartitions; from += width {
			part, err := snap.stretch(d, from, from+width, columns)
			if err != nil {
				t.Fatal(err)
			}
			if all == nil {
				all = part.rows
			} else if err := all.Append(part.rows); err != nil {
				t.Fatal(err)
			}
		}
		sum := sha256.New()
		for i := range all.NRows() {
			fmt.Fprintln(sum, all.Columns[0].String(i), all.Columns[1].Int[i], all.Columns[2].Int[i], all.Columns[3].String(i))
		}
		return fmt.Sprintf("%d rows %x", all.NRows(), sum.Sum(nil))
	}
	want := read(maxPartitions / d.Partitions)
	if !strings.HasPrefix(want, "191000 ") || d.Partitions != 4 {
		t.Fatal(want, d.Partitions)
	}
	for _, width := range []int{256, 16, 1} {
		if got := read(width); got != want {
			t.Errorf("in pieces of %d: %s, want %s", width, got, want)
		}
	}
}
