package store

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
)

// outside are folders that manifests do not speak about.
var outside = []string{"manifests", "tmp", "cache", "audit"}

// files lists every file that a manifest names, as folder/name below the workspace's folder.
func (m *manifest) files() []string {
	var out []string
	for _, list := range [][]*dataset{m.Datasets, m.Tables} {
		for _, d := range list {
			for _, p := range d.Parts {
				out = append(out, partPath(p.ID))
			}
			for _, p := range d.People {
				out = append(out, "vault/"+p.Keys, "vault/"+p.Records)
			}
		}
	}
	for _, b := range m.Blobs {
		out = append(out, b.Kind+"/"+b.File)
	}
	return out
}

// removeOrphans removes files that no manifest names, as a write that was cut short leaves them. It must be called under
// the lock. If a manifest cannot be read, nothing is removed.
func (w *Workspace) removeOrphans() (int, error) {
	seqs, err := w.manifestSeqs()
	if err != nil {
		return 0, err
	}
	named := map[string]bool{}
	for _, seq := range seqs {
		m, _, err := w.readManifest(seq)
		if err != nil {
			return 0, err
		}
		for _, f := range m.files() {
			named[f] = true
		}
	}
	removed := 0
	err = w.stored(func(name string) error {
		if named[name] {
			return nil
		}
		removed++
		return w.fs.remove(w.path(filepath.FromSlash(name)))
	})
	return removed, err
}

// stored calls f for every file in the folders of content-addressed files.
func (w *Workspace) stored(f func(name string) error) error {
	top, err := w.fs.list(w.dir)
	if err != nil {
		return err
	}
	for _, folder := range top {
		if slices.Contains(outside, folder) || strings.Contains(folder, ".") {
			continue
		}
		names, err := w.fs.list(w.path(folder))
		if err != nil {
			continue // a file: lock, head
		}
		for _, n := range names {
			if folder != "parts" {
				if len(n) == 64 {
					if err := f(folder + "/" + n); err != nil {
						return err
					}
				}
				continue
			}
			parts, err := w.fs.list(w.path(folder, n))
			if err != nil {
				continue
			}
			for _, p := range parts {
				if strings.HasSuffix(p, ".parquet") {
					if err := f(folder + "/" + n + "/" + p); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// Collect removes manifests before the one numbered oldest, and the files that only they name. It returns how many files
// were removed. Receipts are in every later manifest and stay.
func (w *Workspace) Collect(ctx context.Context, oldest int64) (int, error) {
	t, err := w.Begin(ctx, "gc")
	if err != nil {
		return 0, err
	}
	defer t.Abort()
	oldest = min(oldest, t.next.Seq)
	if t.next.Serving > 0 {
		oldest = min(oldest, t.next.Serving) // it still answers
	}
	if oldest <= max(1, t.next.Oldest) {
		n, err := w.removeOrphans()
		return n, diskError(err)
	}
	unlock, err := w.Lock(ctx, "gc")
	if err != nil {
		return 0, err
	}
	defer unlock()
	t.next.Oldest, t.changed = oldest, true
	if err := t.Commit(); err != nil {
		return 0, err
	}
	seqs, err := w.manifestSeqs()
	if err != nil {
		return 0, err
	}
	for _, seq := range seqs {
		if seq < oldest {
			if err := w.fs.remove(w.path("manifests", manifestName(seq))); err != nil {
				return 0, diskError(err)
			}
		}
	}
	n, err := w.removeOrphans()
	return n, diskError(err)
}
