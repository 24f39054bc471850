package store

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/table"
	"kequn/internal/vault"
)

// Dataset is a dataset's definition and facts: field by field what an engine asks for.
type Dataset struct {
	plan.Dataset
	Rows  int64
	First kequn.Instant // earliest event time, NoTime without one
	Last  kequn.Instant // latest event time

	// Late tells whether any row was known after it happened; of datasets without event time, whether rows were known at
	// different moments.
	Late bool

	// Versioned tells whether an id may occur more than once: of each id, only the row with the newest known-at time
	// before the moment of asking counts, and if its _gone is 1, none.
	Versioned bool

	// LoadedAt is when the newest rows were loaded.
	LoadedAt kequn.Instant
}

// Snapshot is the workspace at one moment. It never changes, whatever is written meanwhile. Its methods may be called by
// several goroutines at once.
type Snapshot struct {
	w   *Workspace
	m   *manifest // nil of an empty workspace
	sum string

	mu     sync.Mutex
	cache  partCache
	people map[string]*vault.People // opened last
	served *Snapshot                // opened before
}

// Snapshot returns the newest state.
func (w *Workspace) Snapshot() (*Snapshot, error) {
	m, sum, err := w.newest()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest == nil || w.latest.sum != sum {
		if m == nil {
			m = &manifest{}
		}
		w.latest = &Snapshot{w: w, m: m, sum: sum}
	}
	return w.latest, nil
}

// Seq returns the manifest's number; 0 is an empty workspace.
func (s *Snapshot) Seq() int64 { return s.m.Seq }

// At returns when the manifest was written.
func (s *Snapshot) At() time.Time { return s.m.At }

// Hash returns the manifest's SHA-256: two snapshots with the same hash hold the same.
func (s *Snapshot) Hash() string { return s.sum }

// Datasets lists the loaded datasets in order of first loading.
func (s *Snapshot) Datasets() []Dataset {
	out := make([]Dataset, 0, len(s.m.Datasets))
	for _, d := range s.m.Datasets {
		out = append(out, d.facts())
	}
	return out
}

// Dataset returns the dataset of that name, loaded or derived.
func (s *Snapshot) Dataset(name string) (Dataset, bool) {
	if d := s.find(name); d != nil {
		return d.facts(), true
	}
	return Dataset{}, false
}

func (d *dataset) facts() Dataset {
	return Dataset{Dataset: d.plan(), Rows: d.Rows, First: d.First, Last: d.Last, Late: d.Late, Versioned: d.Versioned, LoadedAt: d.LoadedAt}
}

func (s *Snapshot) find(name string) *dataset {
	if d := findDataset(s.m.Datasets, name); d != nil {
		return d
	}
	return findDataset(s.m.Tables, name)
}

// Content returns a hash of what a dataset or table holds: equal as long as nothing was loaded into it. It changes when
// parts are merged, though rows stay the same.
func (s *Snapshot) Content(name string) string {
	d := s.find(name)
	if d == nil {
		return ""
	}
	data, _ := json.Marshal(struct {
		C []column
		P []part
	}{d.Columns, d.Parts})
	return hashText(data)
}

// HasFile tells whether a file of that hash was loaded into the dataset with the same columns.
func (s *Snapshot) HasFile(ds plan.Dataset, hash string) (File, bool) { return hasFile(s.m, ds, hash) }

// Files lists the files loaded into a dataset, in order.
func (s *Snapshot) Files(dataset string) []File {
	if d := findDataset(s.m.Datasets, dataset); d != nil {
		return append([]File(nil), d.Files...)
	}
	return nil
}

// Blob returns the newest document of a kind and name; a missing one is an error of kind usage.
func (s *Snapshot) Blob(kind, name string) ([]byte, error) {
	for i := len(s.m.Blobs) - 1; i >= 0; i-- {
		if b := s.m.Blobs[i]; b.Kind == kind && b.Name == name {
			return s.ReadBlob(b)
		}
	}
	return nil, kequn.Errorf(kequn.KindUsage, "", "there is no %q in %s", name, kind)
}

// HasBlob tells whether there is a document of a kind and name, and describes the newest.
func (s *Snapshot) HasBlob(kind, name string) (Blob, bool) {
	for i := len(s.m.Blobs) - 1; i >= 0; i-- {
		if b := s.m.Blobs[i]; b.Kind == kind && b.Name == name {
			return b, true
		}
	}
	return Blob{}, false
}

// Blobs lists the documents of a kind in order of storing; receipts of one name are all there.
func (s *Snapshot) Blobs(kind string) []Blob {
	var out []Blob
	for _, b := range s.m.Blobs {
		if b.Kind == kind {
			out = append(out, b)
		}
	}
	return out
}

// ReadBlob reads a listed document.
func (s *Snapshot) ReadBlob(b Blob) ([]byte, error) {
	data, err := s.w.readStored(b.Kind, b.File)
	if err != nil {
		return nil, err
	}
	if hashText(data) != b.SHA256 {
		return nil, damaged(s.w.path(b.Kind, b.File), "holds another document")
	}
	return data, nil
}

// Step returns what was remembered of a step.
func (s *Snapshot) Step(name string) (Step, bool) {
	for _, st := range s.m.Steps {
		if st.Name == name {
			out := st.Step
			out.Facts = bytes.Clone(out.Facts)
			return out, true
		}
	}
	return Step{}, false
}

// Steps lists the names of the steps that are remembered.
func (s *Snapshot) Steps() []string {
	var out []string
	for _, st := range s.m.Steps {
		out = append(out, st.Name)
	}
	return out
}

// NParts returns the number of partitions: that of the dataset or table with the most.
func (s *Snapshot) NParts() int {
	n := 1
	for _, list := range [][]*dataset{s.m.Datasets, s.m.Tables} {
		for _, d := range list {
			n = max(n, d.Partitions)
		}
	}
	return n
}

// Part reads partition p of the wanted columns, of datasets or of derived tables by customer.
//
// Columns go by the file's names or by the store's (_customer, _time, _known, _seq, _id). Behind the wanted ones each set
// also has, unless they were asked for: _time where the dataset has event time, _known where it is Late, _id (where there
// is one) and _gone where it is Versioned. An unknown dataset or column is an error of kind input; a damaged part is one
// of kind damaged that names the file.
func (s *Snapshot) Part(ctx context.Context, p int, want []table.Want) (*table.Partition, error) {
	n := s.NParts()
	if p < 0 || p >= n {
		return nil, kequn.Errorf(kequn.KindInternal, "", "store: partition %d of %d", p, n)
	}
	from, to := p*maxPartitions/n, (p+1)*maxPartitions/n
	sets := make([]*stretch, len(want))
	for i, q := range want {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d := s.find(q.Dataset)
		if d == nil {
			return nil, kequn.Errorf(kequn.KindInput, "", "there is no dataset %q", q.Dataset).WithHint("kequn load FILE adds one")
		}
		if !d.ByCustomer {
			return nil, kequn.Errorf(kequn.KindInput, "", "rows of %q do not belong to customers", q.Dataset)
		}
		set, err := s.stretch(d, from, to, q.Columns)
		if err != nil {
			return nil, err
		}
		sets[i] = set
	}
	return align(sets), nil
}

// Lookup reads a dataset without customers whole, in order of arrival: of each key, the row known last, or every version where
// columns name _known. No columns named means all of the dataset's.
func (s *Snapshot) Lookup(ctx context.Context, name string, columns []string) (*table.Table, error) {
	d := s.find(name)
	if d == nil {
		return nil, kequn.Errorf(kequn.KindInput, "", "there is no dataset %q", name).WithHint("kequn load FILE adds one")
	}
	if d.ByCustomer {
		return nil, kequn.Errorf(kequn.KindInput, "", "%q is no lookup: its rows belong to customers", name)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		for _, c := range d.Columns {
			columns = append(columns, c.Name)
		}
	}
	set, err := s.stretch(d, 0, maxPartitions, columns)
	if err != nil {
		return nil, err
	}
	if key := d.idColumn(); key != nil && d.Versioned && !slices.Contains(columns, knownColumn) {
		return s.newestOfKey(d, set.rows, key.Name, len(columns))
	}
	return &table.Table{Columns: set.rows.Columns[:len(columns)]}, nil
}

// newestOfKey keeps the last of each key: rows come in order of arrival, and later loads were known later unless the rows
// say otherwise.
func (s *Snapshot) newestOfKey(d *dataset, rows *table.Table, key string, n int) (*table.Table, error) {
	extra, err := s.stretch(d, 0, maxPartitions, []string{key, knownColumn})
	if err != nil {
		return nil, err
	}
	keys, known := extra.rows.Columns[0], extra.rows.Columns[1].Int
	best := map[string]int32{}
	var plain []byte
	text := func(i int) string {
		if keys.Kind.InCode() {
			return keys.String(i)
		}
		plain = appendPlain(plain[:0], keys, i)
		return string(plain)
	}
	for i := range known {
		if keys.IsMissing(i) {
			continue
		}
		if j, ok := best[text(i)]; !ok || known[i] >= known[j] {
			best[text(i)] = int32(i)
		}
	}
	var keep []int32
	for i := range known {
		if keys.IsMissing(i) || best[text(i)] == int32(i) {
			keep = append(keep, int32(i))
		}
	}
	return (&table.Table{Columns: rows.Columns[:n]}).Take(keep), nil
}

// Personal returns a customer's names, phones and e-mails by dataset column, nil if nothing is known. In a sealed
// workspace they come from the vault.
func (s *Snapshot) Personal(ctx context.Context, customer string) (map[string]string, error) {
	out := map[string]string{}
	at := int(customerHash([]byte(customer)) >> 56)
	for _, d := range s.m.Datasets {
		if s.w.keys == nil {
			if err := s.plainPersonal(ctx, d, customer, at, out); err != nil {
				return nil, err
			}
			continue
		}
		for _, p := range d.People {
			if at < p.From || at >= p.To {
				continue
			}
			set, err := s.peopleOf(p)
			if err != nil {
				return nil, err
			}
			fields, err := set.Get(s.w.keys.Person(customer))
			if err != nil {
				return nil, damaged(s.w.path("vault", p.Records), "was changed")
			}
			for name, v := range fields { // later layers win
				out[name] = v
			}
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

const keptPeople = 8 // opened ranges of records kept for the next question

func (s *Snapshot) peopleOf(p people) (*vault.People, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if set := s.people[p.Keys]; set != nil {
		return set, nil
	}
	set, err := s.w.readPeople(p)
	if err != nil {
		return nil, err
	}
	if s.people == nil || len(s.people) >= keptPeople {
		s.people = map[string]*vault.People{}
	}
	s.people[p.Keys] = set
	return set, nil
}

// plainPersonal reads a customer's personal columns of one dataset of a workspace that is not sealed.
func (s *Snapshot) plainPersonal(ctx context.Context, d *dataset, customer string, at int, out map[string]string) error {
	var names []string
	for _, c := range d.Columns {
		if c.Role.Personal() && d.ByCustomer {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	width := maxPartitions / s.NParts()
	set, err := s.stretch(d, at/width*width, (at/width+1)*width, append(names, customerColumn))
	if err != nil {
		return err
	}
	c := set.rows.Columns[len(names)]
	code := c.Dict.Find(customer)
	for i, k := range c.Code {
		if k != code || code < 0 {
			continue
		}
		for j, name := range names {
			if col := set.rows.Columns[j]; !col.IsMissing(i) {
				out[name] = col.String(i)
			}
		}
	}
	return ctx.Err()
}
