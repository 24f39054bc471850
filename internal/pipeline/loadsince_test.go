package pipeline

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/source/sourcetest"
)

// TestLoadPostgres loads a table that grows, again and again, with and without a column that says what is new.
func TestLoadPostgres(t *testing.T) {
	db := sourcetest.StartPostgres(t)
	db.Exec(t, `CREATE TABLE orders (order_id bigint, customer_id text, ordered_at timestamptz, updated_at timestamptz, amount numeric(10,2));
		INSERT INTO orders SELECT i, 'C' || i % 7, '2024-01-01'::timestamptz + i * interval '1 hour', '2024-02-01'::timestamptz + i * interval '1 hour', i FROM generate_series(1, 40) i;
		CREATE TABLE visits (customer_id text, visited_at timestamptz, page text);
		INSERT INTO visits SELECT 'C' || i % 7, '2024-01-01'::timestamptz + i * interval '1 hour', 'home' FROM generate_series(1, 30) i`)
	dir := t.TempDir()
	load := func(f LoadFlags) (string, error) {
		t.Helper()
		s, err := Create(Options{Dir: dir, Lang: kequn.English})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		res, err := s.Load(context.Background(), f)
		if err != nil {
			return "", err
		}
		d := res.Datasets[0]
		return fmt.Sprintf("%s read %d kept %d duplicate %d corrected %d again %v", d.Name, d.Read, d.Kept, d.Duplicate, d.Corrected, d.Again), nil
	}
	expect := func(f LoadFlags, want string) {
		t.Helper()
		if got, err := load(f); err != nil || got != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	orders := LoadFlags{Files: []string{db.Address("table", "orders")}}
	first := orders
	first.SinceColumn = "updated_at"
	expect(first, "orders read 40 kept 40 duplicate 0 corrected 0 again false")
	expect(orders, "orders read 1 kept 0 duplicate 1 corrected 0 again false") // the newest is read again and recognised
	expect(orders, "orders read 1 kept 0 duplicate 1 corrected 0 again true")
	db.Exec(t, `INSERT INTO orders VALUES (41, 'C1', '2024-02-10', '2024-02-10', 5); UPDATE orders SET amount = 99, updated_at = '2024-02-11' WHERE order_id = 3`)
	expect(orders, "orders read 3 kept 2 duplicate 1 corrected 1 again false")

	visits := LoadFlags{Files: []string{db.Address("table", "visits")}}
	expect(visits, "events read 30 kept 30 duplicate 0 corrected 0 again false")
	expect(visits, "events read 30 kept 0 duplicate 30 corrected 0 again true")
	db.Exec(t, `INSERT INTO visits VALUES ('C1', '2024-03-01', 'shop')`)
	if _, err := load(visits); err == nil || !strings.Contains(err.Error(), "count twice") {
		t.Errorf("rows without an id that nobody recognises: %v", err)
	}
	visits = LoadFlags{Files: []string{db.Address("query", "SELECT * FROM visits")}, Name: "looks", SinceColumn: "visited_at"}
	expect(visits, "looks read 31 kept 31 duplicate 0 corrected 0 again false")
	expect(visits, "looks read 0 kept 0 duplicate 0 corrected 0 again true")
	db.Exec(t, `INSERT INTO visits VALUES ('C1', '2024-03-02', 'shop')`)
	expect(visits, "looks read 1 kept 1 duplicate 0 corrected 0 again false")

	// The password is nowhere in the workspace.
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if b, _ := os.ReadFile(path); strings.Contains(string(b), sourcetest.Password) {
				t.Errorf("%s holds the password", path)
			}
		}
		return nil
	})
}

// TestLoadFolder: more files than are held open at a time, and the same again.
func TestLoadFolder(t *testing.T) {
	dir, folder := t.TempDir(), t.TempDir()
	for i := range maxOpen + 9 {
		text := fmt.Sprintf("order_id,customer_id,ordered_at,amount\nO%d,C1,2024-01-%02d,5\n", i, 1+i)
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("day-%02d.csv", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int64{maxOpen + 9, 0} {
		s, err := Create(Options{Dir: dir, Lang: kequn.English})
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Load(context.Background(), LoadFlags{Files: []string{folder}})
		s.Close()
		if err != nil {
			t.Fatal(err)
		}
		var kept, duplicate int64
		for _, d := range res.Datasets {
			kept, duplicate = kept+d.Kept, duplicate+d.Duplicate
		}
		if kept != want || kept+duplicate != maxOpen+9 {
			t.Errorf("kept %d, duplicate %d; want %d kept", kept, duplicate, want)
		}
	}
}
