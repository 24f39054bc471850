package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"kequn"
)

// Report is what [Workspace.Verify] found.
type Report struct {
	Manifests int
	Files     int   // files that manifests name
	Bytes     int64 // of them
	Damaged   []Damage
	Rebuild   []string // steps whose outputs are damaged and can be made again: drop them and run
}

// Damage is a file that is not what it was.
type Damage struct {
	Path    string // below the workspace's folder
	Problem string // is missing, was changed or cut …
	Of      string // what it belongs to: a dataset, table, kind/name; "" for manifests
	Derived bool   // it can be made again from what is left
}

// Verify reads every file of every manifest and compares it with its checksum, follows the chain of manifests, and opens
// the footer of every part. progress, which may be nil, is told how many of how many files are done. If anything is
// damaged, the error is of kind damaged and names the first file.
func (w *Workspace) Verify(ctx context.Context, progress func(done, of int)) (Report, error) {
	var r Report
	chain, err := w.verifyChain(&r)
	if err != nil {
		return r, err
	}
	type use struct {
		of      string
		derived bool
		part    *part
		newest  bool
	}
	uses := map[string]use{}
	var names []string
	for i, m := range chain { // newest first: what it says of a file counts
		for k, list := range [][]*dataset{m.Datasets, m.Tables} {
			derived := k == 1
			for _, d := range list {
				for k := range d.Parts {
					n := partPath(d.Parts[k].ID)
					if _, seen := uses[n]; !seen {
						uses[n] = use{d.Name, derived, &d.Parts[k], i == 0}
						names = append(names, n)
					}
				}
				for _, p := range d.People {
					for _, n := range []string{"vault/" + p.Keys, "vault/" + p.Records} {
						if _, seen := uses[n]; !seen {
							uses[n] = use{of: d.Name, newest: i == 0}
							names = append(names, n)
						}
					}
				}
			}
		}
		for _, b := range m.Blobs {
			n := b.Kind + "/" + b.File
			if _, seen := uses[n]; !seen {
				uses[n] = use{of: b.Kind + "/" + b.Name, derived: b.Kind != "receipts" && b.Kind != "docs", newest: i == 0}
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	for i, n := range names {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		u := uses[n]
		size, problem, err := w.verifyFile(n, u.part)
		if err != nil {
			return r, err
		}
		r.Files++
		r.Bytes += size
		if problem != "" {
			r.Damaged = append(r.Damaged, Damage{n, problem, u.of, u.derived})
			if u.derived && u.newest {
				r.rebuild(chain[0], u.of)
			}
		}
		if progress != nil {
			progress(i+1, len(names))
		}
	}
	if problem := w.verifyState(); problem != "" {
		r.Damaged = append(r.Damaged, Damage{Path: "state.db", Problem: problem})
	}
	return r, r.err(w)
}

// verifyChain reads all manifests, newest first.
func (w *Workspace) verifyChain(r *Report) ([]*manifest, error) {
	seqs, err := w.manifestSeqs()
	if err != nil {
		return nil, err
	}
	if _, _, err := w.newest(); err != nil {
		var e *kequn.Error
		if !errors.As(err, &e) || e.Kind != kequn.KindDamaged {
			return nil, err
		}
		r.damagedAt(w, e)
	}
	var out []*manifest
	var oldest int64
	parent := ""
	for i := len(seqs) - 1; i >= 0; i-- {
		m, sum, err := w.readManifest(seqs[i])
		if err != nil {
			var e *kequn.Error
			if !errors.As(err, &e) || e.Kind != kequn.KindDamaged {
				return nil, err
			}
			r.damagedAt(w, e)
			parent = ""
			continue
		}
		if seqs[i] < oldest {
			break // left behind by a collection that was cut short
		}
		r.Manifests++
		if parent != "" && parent != sum {
			r.add(Damage{Path: "manifests/" + manifestName(m.Seq), Problem: "is not the parent that its successor names"})
		}
		parent = m.Parent
		if len(out) == 0 {
			oldest = max(1, m.Oldest)
			for seq := oldest; seq < m.Seq; seq++ {
				if !slices.Contains(seqs, seq) {
					r.add(Damage{Path: "manifests/" + manifestName(seq), Problem: "is missing"})
				}
			}
		}
		out = append(out, m)
	}
	return out, nil
}

func (r *Report) add(d Damage) {
	if !slices.ContainsFunc(r.Damaged, func(e Damage) bool { return e.Path == d.Path }) {
		r.Damaged = append(r.Damaged, d)
	}
}

func (r *Report) damagedAt(w *Workspace, e *kequn.Error) {
	name, err := filepath.Rel(w.dir, e.Where)
	if err != nil {
		name = e.Where
	}
	r.add(Damage{Path: filepath.ToSlash(name), Problem: e.Message})
}

// verifyFile compares one file with its name and sees that it can be opened.
func (w *Workspace) verifyFile(name string, p *part) (size int64, problem string, err error) {
	full := w.path(filepath.FromSlash(name))
	data, err := w.fs.read(full)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "is missing", nil
	}
	if err != nil {
		return 0, fmt.Sprintf("cannot be read: %v", err), nil
	}
	sum := sha256.Sum256(data)
	if want := strings.TrimSuffix(path.Base(name), ".parquet"); hex.EncodeToString(sum[:]) != want {
		return int64(len(data)), "was changed or cut", nil
	}
	if p == nil {
		if w.keys != nil {
			if _, err := w.keys.OpenBytes(data); err != nil {
				return int64(len(data)), "was sealed by another key", nil
			}
		}
		return int64(len(data)), "", nil
	}
	r, err := w.openPartIn(memoryFile{bytes.NewReader(data)}, *p)
	if err != nil {
		return int64(len(data)), "cannot be read as a part", nil
	}
	return int64(len(data)), "", r.Close()
}

// rebuild notes the steps that made a damaged output.
func (r *Report) rebuild(m *manifest, output string) {
	for _, s := range m.Steps {
		if slices.Contains(s.Outputs, output) && !slices.Contains(r.Rebuild, s.Name) {
			r.Rebuild = append(r.Rebuild, s.Name)
		}
	}
}

func (r *Report) err(w *Workspace) error {
	if len(r.Damaged) == 0 {
		return nil
	}
	d := r.Damaged[0]
	e := kequn.Errorf(kequn.KindDamaged, w.path(filepath.FromSlash(d.Path)), "%s", d.Problem)
	if len(r.Damaged) > 1 {
		e = kequn.Errorf(kequn.KindDamaged, w.path(filepath.FromSlash(d.Path)), "%s (and %d other files are damaged)", d.Problem, len(r.Damaged)-1)
	}
	for _, d := range r.Damaged {
		if !d.Derived {
			return e.WithHint("restore the folder from a backup, or load the files of the damaged datasets into a new workspace")
		}
	}
	return e.WithHint("what is damaged can be made again: kequn run")
}
