package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/source/sourcetest"
	"kequn/internal/table"
)

// TestPostgres reads from a real server. One server serves all parts.
func TestPostgres(t *testing.T) {
	db := sourcetest.StartPostgres(t)
	t.Run("types", func(t *testing.T) { postgresTypes(t, db) })
	t.Run("propose", func(t *testing.T) { postgresPropose(t, db) })
	t.Run("refused", func(t *testing.T) { postgresRefused(t, db) })
	t.Run("snapshot", func(t *testing.T) { postgresSnapshot(t, db) })
	t.Run("since", func(t *testing.T) { postgresSince(t, db) })
	t.Run("like a file", func(t *testing.T) { postgresRows(t, db) })
	t.Run("cancelled", func(t *testing.T) { postgresCancelled(t, db) })
}

func postgresTypes(t *testing.T, db *sourcetest.Postgres) {
	db.Exec(t, `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN code AS text; CREATE SCHEMA "My Shop";
		CREATE TABLE types (i2 int2, i8 int8, n numeric(12,3), f float8, m money, b bool, t text, c char(5), v varchar, d date, ts timestamp, tz timestamptz,
			u uuid, j json, jb jsonb, a int[], at text[], e mood, dom code, iv interval, bytes bytea, r int4range);
		INSERT INTO types VALUES (1, 9223372036854775807, 12.340, 0.1, 1234.5, true, E'tab\t back\\ line\nend', 'ab', '李娜', '2024-02-29', '2024-03-31 02:30:00.123456',
			'2024-03-31 02:30:00+02', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', '{"a": [1, "x"]}', '{"b":2}', '{1,2}', '{"a,b","c"}', 'ok', '007', '1 day', 'x', '[1,5)'),
			(NULL, NULL, 'NaN', 'Infinity', NULL, false, '', NULL, E'\\N', NULL, 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
		CREATE TABLE "My Shop"."Big Orders" (id int); INSERT INTO "My Shop"."Big Orders" VALUES (7);`)
	columns, rows, rejects, err := rowsText(t, db.Address("table", "types"), 0)
	if err != nil || rejects != "" {
		t.Fatal(err, rejects)
	}
	if want := "i2,i8,n,f,m,b,t,c,v,d,ts,tz,u,j,jb,a,at,e,dom,iv,r"; columns != want {
		t.Errorf("columns %s, want %s", columns, want)
	}
	want := `1|9223372036854775807|12.340|0.1|1234.50|true|` + "tab\t back\\ line\nend" + `|ab   |李娜|2024-02-29|2024-03-31 02:30:00.123456|2024-03-31 00:30:00+00|` +
		`6ba7b810-9dad-11d1-80b4-00c04fd430c8|{"a": [1, "x"]}|{"b": 2}|{1,2}|{"a,b",c}|ok|007|P1D|[1,5)@1; ||NaN|Infinity||false|||||infinity||||||||||@2`
	if rows != want {
		t.Errorf("rows\n%s, want\n%s", rows, want)
	}
	for _, name := range []string{`"My Shop"."Big Orders"`, "My Shop.Big Orders"} {
		if _, rows, _, err := rowsText(t, db.Address("table", name), 0); err != nil || rows != "7@1" {
			t.Errorf("%s: %q %v", name, rows, err)
		}
	}
	if _, rows, _, err := rowsText(t, db.Address("query", "SELECT i2 + 1 AS x FROM types WHERE t <> '' -- a comment"), 1); err != nil || rows != "2@1" {
		t.Errorf("a query: %q %v", rows, err)
	}
}

func postgresPropose(t *testing.T, db *sourcetest.Postgres) {
	db.Exec(t, `CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id text NOT NULL, ordered_at timestamptz, amount numeric(10,2), zip text, gift bool, later timestamptz, score int);
		COMMENT ON TABLE orders IS 'paid orders'; COMMENT ON COLUMN orders.zip IS E'postal code\nof the address';
		INSERT INTO orders SELECT i, 'C' || i % 50, '2024-01-01 12:00+08'::timestamptz + i * interval '1 hour', i / 7.0, (10000 + i % 100)::text, i % 2 = 0 FROM generate_series(1, 500) i;`)
	f, err := Open(db.Address("table", "public.orders"), Options{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := f.Propose(Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Role != kequn.Orders || p.Problem() != nil {
		t.Errorf("role %s, %v", p.Role, p.Problem())
	}
	kinds := ""
	for _, c := range p.Columns {
		kinds += fmt.Sprintf("%s %s %s;", c.Name, c.Kind, c.Role)
	}
	for _, want := range []string{"order_id text id;", "customer_id text customer;", "ordered_at time time;", "amount money amount;", "zip category category;", "gift bool attribute;", "later time attribute;", "score integer attribute;"} {
		if !strings.Contains(kinds, want) {
			t.Errorf("%q is not in %s", want, kinds)
		}
	}
	if e := p.Columns[4].Evidence; !strings.HasSuffix(e, "the database says: postal code of the address") {
		t.Errorf("evidence %q", e)
	}
	if !strings.Contains(strings.Join(f.Notes, ";"), "paid orders") {
		t.Errorf("notes %q", f.Notes)
	}
	var first int64
	counts, err := f.Read(context.Background(), p.Columns, func(b *Batch) error {
		if first == 0 {
			first = b.Table.Columns[2].Int[0]
		}
		return nil
	}, nil)
	if err != nil || counts.Kept != 500 || counts.Rejected != 0 {
		t.Fatal(counts, err)
	}
	if want := int64(kequn.At(time.Date(2024, 1, 1, 5, 0, 0, 0, time.UTC))); first != want {
		t.Errorf("the first instant is %d, want %d", first, want)
	}
	sum, err := f.Digest(context.Background(), p.Columns)
	if err != nil || sum != counts.SHA256 {
		t.Errorf("the digest is another one than Read's: %v", err)
	}
}

func postgresRefused(t *testing.T, db *sourcetest.Postgres) {
	db.Exec(t, `CREATE TABLE victims (id int); CREATE ROLE reader LOGIN PASSWORD 'x'; CREATE TABLE names (name text); INSERT INTO names VALUES ('Ann Secret');
		CREATE FUNCTION evil() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO victims VALUES (1); RETURN 1; END $$;`)
	for _, c := range []struct{ address, want string }{
		{db.Address("table", "nope"), "no such table"},
		{db.Address("table", "a b; DROP TABLE victims"), "no such table"},
		{db.Address("table", `"`), "no such table"},
		{db.Address("query", "SELECT 1) TO STDOUT; COMMIT; INSERT INTO victims VALUES (1); COPY (SELECT 1"), "does not accept"},
		{db.Address("query", "SELECT 1; INSERT INTO victims VALUES (1)"), "does not accept"},
		{db.Address("query", "INSERT INTO victims VALUES (1) RETURNING id"), "does not accept"},
		{db.Address("query", "WITH x AS (INSERT INTO victims VALUES (1) RETURNING id) SELECT * FROM x"), "does not accept"},
		{db.Address("query", "SELECT evil()"), "would write"},
		{db.Address("query", "SELECT 1 /* open"), "does not accept"},
		{db.Address("query", "SELECT name::int FROM names"), "SQLSTATE 22P02"},
		{db.Address("query", "SELECT 1 AS a, 2 AS a"), "both called"},
		{db.Address("x", "y"), "refuses"},
		{strings.Replace(db.Address("table", "victims"), "kequn@", "kequn:"+sourcetest.Password+"@", 1), "does not belong into the address"},
		{db.Address("table", "victims") + "&password=" + sourcetest.Password, "does not belong into the address"},
		{strings.Replace(db.Address("table", "victims"), "kequn@", "nobody@", 1), "refuses"},
		{"postgres://localhost:1/x?table=y", "refused"},
		{"postgres://localhost:99999999/x?table=y", "cannot be"},
		{"postgres://%zz", "cannot be read"},
		{"postgres://localhost/x?table=a&query=b", "both a table and a query"},
	} {
		f, err := Open(c.address, Options{})
		if err == nil {
			var p *Proposal
			if p, err = f.Propose(Overrides{}); err == nil {
				_, err = f.Read(context.Background(), p.Columns, nil, nil)
			}
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: error %v, want %q", c.address, err, c.want)
			continue
		}
		var e *kequn.Error
		all := err.Error()
		if errors.As(err, &e) {
			all += e.Hint + fmt.Sprint(e.Err)
		}
		if kequn.KindOf(err) == kequn.KindInternal || strings.Contains(all, sourcetest.Password) || strings.Contains(all, "Ann Secret") {
			t.Errorf("kind %s: %s", kequn.KindOf(err), all)
		}
	}
	_, rows, _, err := rowsText(t, db.Address("query", "SELECT count(*) AS n FROM victims"), 0)
	if err != nil || rows != "0@1" {
		t.Errorf("something was written: %q %v", rows, err)
	}
	t.Setenv("PGPASSWORD", "wrong")
	if _, err := Open(db.Address("table", "victims"), Options{}); err == nil || !strings.Contains(err.Error(), "refuses") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password: %v", err)
	}
}

// postgresSnapshot: what others write after opening is not seen.
func postgresSnapshot(t *testing.T, db *sourcetest.Postgres) {
	db.Exec(t, `CREATE TABLE moving (id int, x text); INSERT INTO moving SELECT i, 'a' FROM generate_series(1, 30) i`)
	f, err := Open(db.Address("table", "moving"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	db.Exec(t, `UPDATE moving SET x = 'b'; INSERT INTO moving SELECT i, 'b' FROM generate_series(1, 30) i`)
	counts, err := f.Read(context.Background(), []Column{{Name: "x", Kind: table.Category, Role: kequn.ColCategory}}, func(b *Batch) error {
		for i := range b.Line {
			if v := b.Table.Columns[0].String(i); v != "a" {
				t.Errorf("row %d is %s", i, v)
			}
		}
		return nil
	}, nil)
	if err != nil || counts.Kept != 30 {
		t.Error(counts, err)
	}
}

func postgresSince(t *testing.T, db *sourcetest.Postgres) {
	db.Exec(t, `CREATE TABLE log (id int, updated_at timestamptz, n numeric, s text); INSERT INTO log SELECT i, '2024-01-01 00:00+00'::timestamptz + i * interval '1 microsecond', i / 3.0, 'x' FROM generate_series(1, 9) i;
		INSERT INTO log VALUES (10, NULL, NULL, NULL)`)
	schema := []Column{{Name: "id", Kind: table.Integer, Role: kequn.ColAttribute}}
	read := func(column, after string, inclusive bool) (rows int64, newest string) {
		t.Helper()
		f, err := Open(db.Address("table", "log"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Since(column, after, inclusive); err != nil {
			t.Fatal(err)
		}
		counts, err := f.Read(context.Background(), schema, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if newest, err = f.Newest(context.Background()); err != nil {
			t.Fatal(err)
		}
		return counts.Read, newest
	}
	for _, column := range []string{"updated_at", "n", "id"} {
		rows, newest := read(column, "", false)
		if rows != 10 {
			t.Errorf("%s: %d rows", column, rows)
		}
		if rows, _ := read(column, newest, false); rows != 0 {
			t.Errorf("%s after %s: %d rows are new", column, newest, rows)
		}
		if rows, _ := read(column, newest, true); rows != 1 {
			t.Errorf("%s from %s on: %d rows", column, newest, rows)
		}
	}
	_, newest := read("updated_at", "", false)
	db.Exec(t, `INSERT INTO log VALUES (11, '2024-01-01 00:00:00.00001+00', 4, 'x')`)
	if rows, _ := read("updated_at", newest, false); rows != 1 {
		t.Errorf("%d new rows after %s", rows, newest)
	}
	f, err := Open(db.Address("table", "log"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Since("s", "", false); kequn.KindOf(err) != kequn.KindUsage {
		t.Errorf("a text as cursor: %v", err)
	}
	if err := f.Since("id", "1' OR 'x'='x", false); kequn.KindOf(err) != kequn.KindInternal {
		t.Errorf("an injection: %v", err)
	}
}

// postgresRows: rejects with their row and reason, counts that add up, any number of threads.
func postgresRows(t *testing.T, db *sourcetest.Postgres) {
	db.Exec(t, `CREATE TABLE mixed (customer_id text, ordered_at text, amount text);
		INSERT INTO mixed SELECT 'C' || i % 100, CASE WHEN i % 1000 = 7 THEN 'never' ELSE '2024-01-01' END, CASE WHEN i % 1000 = 9 THEN E'1\x022' ELSE i::text END FROM generate_series(1, 40000) i;
		INSERT INTO mixed VALUES (NULL, '2024-01-01', '1'), ('C1', '2024-01-01', repeat('9', 70000))`)
	var before string
	for _, threads := range []int{1, 3} {
		f, err := Open(db.Address("table", "mixed"), Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		counts, err := f.Read(context.Background(), []Column{{Name: "customer_id", Kind: table.Text, Role: kequn.ColCustomer}, {Name: "ordered_at", Kind: table.Time, Role: kequn.ColTime},
			{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2}}, nil, func(r Reject) error {
			lines = append(lines, fmt.Sprintf("%d:%s:%.10s", r.Line, r.Reason, r.Raw))
			return nil
		})
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if counts.Read != 40_002 || counts.Rejected != 82 || counts.Kept+counts.Rejected != counts.Read {
			t.Errorf("counts %+v", counts)
		}
		got := fmt.Sprint(counts, lines)
		if before != "" && got != before {
			t.Error("another number of threads gives another answer")
		}
		before = got
		if want := "7:bad_time:C7,never,7"; lines[0] != want[:min(len(want), len(lines[0]))] {
			t.Errorf("%q, want %q", lines[0], want)
		}
	}
	out := readAll(t, db.Address("table", "mixed"), Overrides{})
	if out.err != nil {
		t.Error(out.err)
	}
	db.Exec(t, `CREATE TABLE fat (id int, doc text); INSERT INTO fat VALUES (1, repeat('x', 2000000))`)
	f, err := Open(db.Address("table", "fat"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(context.Background(), []Column{{Name: "doc", Kind: table.Text, Role: kequn.ColText}}, nil, nil); err == nil || !strings.Contains(err.Error(), "row 1: the row is longer") {
		t.Errorf("a row of 2 MB: %v", err)
	}
}

func postgresCancelled(t *testing.T, db *sourcetest.Postgres) {
	f, err := Open(db.Address("query", "SELECT i AS id, i AS x FROM generate_series(1, 20000000) i"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(context.Background())
	start := time.Now()
	_, err = f.Read(ctx, []Column{{Name: "x", Kind: table.Integer, Role: kequn.ColAttribute}}, func(*Batch) error { cancel(); return nil }, nil)
	if err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func FuzzCopyLines(f *testing.F) {
	f.Add([]byte("a\tb\n\\N\t\\\\\\t\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file := &File{opt: Options{Limits: Limits{}.withDefaults()}}
		c := &chunk{text: append(b, '\n'), from: []uint32{0}, to: []uint32{uint32(len(b))}, lines: []int64{1}}
		c.end = len(c.text)
		for i, ch := range b {
			if ch == '\n' {
				c.to[0] = uint32(i)
				break
			}
		}
		width := 1 + strings.Count(string(c.text[:c.to[0]]), "\t")
		if err := file.splitCopy(c, width); err != nil || c.read != 1 || len(c.records)+len(c.flawed) != 1 {
			t.Fatalf("%q: %v %+v", b, err, c)
		}
	})
}

func BenchmarkPostgres(b *testing.B) {
	db := sourcetest.StartPostgres(b)
	db.Exec(b, `CREATE TABLE orders AS SELECT 'O' || i AS order_id, 'C' || i % 5000 AS customer_id, '2024-01-01 00:00+00'::timestamptz + i * interval '1 minute' AS ordered_at, (i % 90000) / 100.0 AS amount, 'Berlin' AS city, i % 5 AS quantity
		FROM generate_series(1, 500000) i`)
	for b.Loop() {
		readWhole(b, db.Address("table", "orders"), Options{})
	}
	b.ReportMetric(500_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
