package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// manifest is everything that the workspace holds at one moment. docs/format/manifest.md says every field.
type manifest struct {
	Format    int       `json:"format"`
	Workspace string    `json:"workspace"`
	Seq       int64     `json:"seq"`
	Parent    string    `json:"parent,omitempty"` // SHA-256 of the stored bytes of manifest Seq−1
	At        time.Time `json:"at"`
	Program   string    `json:"program"`
	Note      string    `json:"note,omitempty"`
	Oldest    int64     `json:"oldest,omitempty"`  // manifests before it were collected
	Serving   int64     `json:"serving,omitempty"` // the manifest whose datasets answer in place of these, which broke a rule

	Datasets []*dataset `json:"datasets,omitempty"`
	Tables   []*dataset `json:"tables,omitempty"` // derived: segments, scores …
	Blobs    []Blob     `json:"blobs,omitempty"`
	Steps    []step     `json:"steps,omitempty"`
}

// dataset is one loaded dataset or derived table.
type dataset struct {
	Name       string            `json:"name"`
	Role       kequn.Role        `json:"role,omitempty"`
	Columns    []column          `json:"columns"`
	Partitions int               `json:"partitions"`
	Rows       int64             `json:"rows"`
	First      kequn.Instant     `json:"first"` // earliest event, kequn.NoTime without one
	Last       kequn.Instant     `json:"last"`
	Late       bool              `json:"late,omitempty"`
	Versioned  bool              `json:"versioned,omitempty"`
	Loose      bool              `json:"loose,omitempty"`     // lookup whose key repeats, so that it identifies nothing
	LoadedAt   kequn.Instant     `json:"loaded_at,omitempty"` // of the last load
	Loads      int               `json:"loads,omitempty"`
	NextSeq    int64             `json:"next_seq"`
	Parts      []part            `json:"parts,omitempty"`
	People     []people          `json:"people,omitempty"`
	Files      []File            `json:"files,omitempty"`
	ByCustomer bool              `json:"by_customer,omitempty"` // rows are sorted by customer and can be read by partition
	Meta       map[string]string `json:"meta,omitempty"`        // of derived tables
}

// column is a column's definition.
type column struct {
	Name      string           `json:"name"`
	Kind      table.Kind       `json:"kind"`
	Role      kequn.ColumnRole `json:"role,omitempty"`
	Scale     int              `json:"scale,omitempty"`
	Layout    string           `json:"layout,omitempty"`
	Currency  string           `json:"currency,omitempty"`
	From      string           `json:"from,omitempty"`
	Fixed     bool             `json:"fixed,omitempty"`
	Sensitive bool             `json:"sensitive,omitempty"`
}

// part is one file of sorted rows: those of the dataset whose customers' hashes lie in [From, To) 256ths.
type part struct {
	ID    string        `json:"id"` // SHA-256 of the file
	Bytes int64         `json:"bytes"`
	Rows  int64         `json:"rows"`
	From  int           `json:"from"`
	To    int           `json:"to"`
	Layer int           `json:"layer"` // 0 is the base; higher ones were loaded later
	First kequn.Instant `json:"first"`
	Last  kequn.Instant `json:"last"`
	Key   string        `json:"key,omitempty"`  // id of the file key
	File  string        `json:"file,omitempty"` // random identity: salt of the part's key, and AAD prefix
}

// people is a pair of files with personal records of customers in a stretch of hashes.
type people struct {
	From    int    `json:"from"`
	To      int    `json:"to"`
	Layer   int    `json:"layer"`
	Keys    string `json:"keys"`
	Records string `json:"records"`
	Count   int    `json:"count"`
}

// File is one file that was loaded into a dataset.
type File struct {
	Name      string        `json:"name"` // without its folder
	Hash      string        `json:"hash"` // of the unpacked bytes, as the loader gave it
	Mapping   string        `json:"mapping"`
	LoadedAt  kequn.Instant `json:"loaded_at"`
	Kept      int64         `json:"kept"`
	Duplicate int64         `json:"duplicate"`
	Rejected  int64         `json:"rejected"`
	First     int64         `json:"first,omitempty"`  // sequence number of its first row
	Cursor    string        `json:"cursor,omitempty"` // of a database: column=value of the newest row, after which the next load begins
}

// Blob is one stored document: a model, a receipt, a JSON document. Receipts of a name are all kept.
type Blob struct {
	Kind   string    `json:"kind"` // also the folder
	Name   string    `json:"name"`
	SHA256 string    `json:"sha256"` // of the content
	File   string    `json:"file"`   // of the stored bytes, which is the file's name
	Size   int64     `json:"size"`   // of the content
	At     time.Time `json:"at"`
}

type step struct {
	Name string `json:"name"`
	Step
}

// Step is what a pipeline remembers of a step it ran, to know whether it is up to date.
type Step struct {
	Key     string          `json:"key"`               // hash of everything the step depends on
	Outputs []string        `json:"outputs,omitempty"` // names of tables, and kind/name of blobs
	Facts   json.RawMessage `json:"facts,omitempty"`
}

// head is the file head: the newest manifest that was certainly written, so that a workspace put back to an older
// state is noticed.
type head struct {
	Seq    int64  `json:"seq"`
	SHA256 string `json:"sha256"`
}

func manifestName(seq int64) string { return fmt.Sprintf("%08d.json", seq) }

// manifestSeqs lists the manifests there are, in order.
func (w *Workspace) manifestSeqs() ([]int64, error) {
	names, err := w.fs.list(w.path("manifests"))
	if err != nil {
		return nil, diskError(err)
	}
	var out []int64
	for _, n := range names {
		base, ok := strings.CutSuffix(n, ".json")
		if seq, err := strconv.ParseInt(base, 10, 64); ok && err == nil && seq > 0 && manifestName(seq) == n {
			out = append(out, seq)
		}
	}
	slices.Sort(out)
	return out, nil
}

// readManifest reads and opens one manifest and returns the hash of its stored bytes.
func (w *Workspace) readManifest(seq int64) (*manifest, string, error) {
	path := w.path("manifests", manifestName(seq))
	data, err := w.fs.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", damaged(path, "is missing")
	}
	if err != nil {
		return nil, "", diskError(err)
	}
	sum := sha256.Sum256(data)
	if w.keys != nil {
		if data, err = w.keys.OpenBytes(data); err != nil {
			return nil, "", damaged(path, "was changed, cut, or sealed by another key")
		}
	} else if bytes.HasPrefix(data, []byte("age-encryption.org/")) {
		return nil, "", damaged(w.path("keys.age"), "is missing, but the workspace is sealed")
	}
	m := new(manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, "", damaged(path, "was changed or cut")
	}
	if m.Format > format {
		return nil, "", kequn.Errorf(kequn.KindUsage, path, "has format %d, this program reads up to %d", m.Format, format).
			WithHint("use a newer kequn")
	}
	if m.Seq != seq || m.Workspace != w.id {
		return nil, "", damaged(path, "is another manifest than its name says")
	}
	return m, hex.EncodeToString(sum[:]), nil
}

// newest returns the newest manifest, nil if there is none yet. It follows the chain back to the head file, so that
// a removed or replaced manifest is noticed.
func (w *Workspace) newest() (*manifest, string, error) {
	seqs, err := w.manifestSeqs()
	if err != nil {
		return nil, "", err
	}
	var h head
	headPath := w.path("head")
	switch data, err := w.fs.read(headPath); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, "", diskError(err)
	case json.Unmarshal(data, &h) != nil:
		return nil, "", damaged(headPath, "was changed or cut")
	}
	last := int64(0)
	if len(seqs) > 0 {
		last = seqs[len(seqs)-1]
	}
	if last < h.Seq {
		return nil, "", damaged(w.path("manifests", manifestName(h.Seq)), "is missing")
	}
	if last == 0 {
		return nil, "", nil
	}
	m, sum, err := w.readManifest(last)
	if err != nil {
		return nil, "", err
	}
	// Usually the head is the newest. After a crash between the two writes it is one behind.
	for at, atSum := m, sum; at.Seq >= h.Seq && h.Seq > 0; {
		if at.Seq == h.Seq {
			if atSum != h.SHA256 {
				return nil, "", damaged(w.path("manifests", manifestName(at.Seq)), "is not the one that was written last")
			}
			break
		}
		parent, parentSum, err := w.readManifest(at.Seq - 1)
		if err != nil {
			return nil, "", err
		}
		if at.Parent != parentSum {
			return nil, "", damaged(w.path("manifests", manifestName(at.Seq-1)), "is not the parent that its successor names")
		}
		at, atSum = parent, parentSum
	}
	return m, sum, nil
}

// writeManifest makes m the newest manifest.
func (w *Workspace) writeManifest(m *manifest) (string, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	data = append(data, '\n')
	if w.keys != nil {
		if data, err = w.keys.SealBytes(data); err != nil {
			return "", err
		}
	}
	if err := w.fs.mkdir(w.path("manifests")); err != nil {
		return "", err
	}
	if m.Seq == 1 {
		if err := w.fs.syncDir(w.dir); err != nil {
			return "", err
		}
	}
	if err := w.replace("manifests/"+manifestName(m.Seq), data); err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	h, err := json.Marshal(head{m.Seq, hash})
	if err != nil {
		return "", err
	}
	// The manifest counts from here on. A head that lags behind is caught up by the next write, so its failure is none.
	w.replace("head", append(h, '\n'))
	return hash, nil
}

// clone returns a copy whose lists can be changed; the datasets in it are shared until they are replaced.
func (m *manifest) clone() *manifest {
	c := *m
	c.Datasets = append([]*dataset(nil), m.Datasets...)
	c.Tables = append([]*dataset(nil), m.Tables...)
	c.Blobs = append([]Blob(nil), m.Blobs...)
	c.Steps = append([]step(nil), m.Steps...)
	return &c
}

func findDataset(list []*dataset, name string) *dataset {
	for _, d := range list {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// setDataset replaces the dataset of the same name or adds it.
func setDataset(list []*dataset, d *dataset) []*dataset {
	for i := range list {
		if list[i].Name == d.Name {
			list[i] = d
			return list
		}
	}
	return append(list, d)
}

func columnsOf(p plan.Dataset) []column {
	var out []column
	for _, c := range p.Columns {
		if c.Role == kequn.ColIgnore {
			continue
		}
		out = append(out, column{c.Name, c.Kind, c.Role, c.Scale, c.Layout, c.Currency, c.From, c.Fixed, c.Sensitive})
	}
	return out
}

func (d *dataset) plan() plan.Dataset {
	p := plan.Dataset{Name: d.Name, Role: d.Role}
	for _, c := range d.Columns {
		p.Columns = append(p.Columns, plan.Column{Name: c.Name, Kind: c.Kind, Role: c.Role, Scale: c.Scale, Layout: c.Layout,
			Currency: c.Currency, From: c.From, Fixed: c.Fixed, Sensitive: c.Sensitive})
	}
	return p
}

func (d *dataset) column(name string) *column {
	for i := range d.Columns {
		if d.Columns[i].Name == name {
			return &d.Columns[i]
		}
	}
	return nil
}

func (d *dataset) with(role kequn.ColumnRole) *column {
	for i := range d.Columns {
		if d.Columns[i].Role == role {
			return &d.Columns[i]
		}
	}
	return nil
}

// idColumn returns the column that identifies a row, or nil: the declared id, the customer of customers, the key of a
// lookup unless it repeats.
func (d *dataset) idColumn() *column {
	switch d.Role {
	case kequn.Customers:
		return d.with(kequn.ColCustomer)
	case kequn.Lookup:
		if d.Loose {
			return nil
		}
		return d.with(kequn.ColKey)
	}
	return d.with(kequn.ColID)
}
