package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"kequn"
)

// Tx is one write: datasets loaded, tables, blobs and steps put. Nothing of it can be seen until [Tx.Commit]; after
// [Tx.Abort], or when the process ends, nothing is left of it. Its methods are for one goroutine.
type Tx struct {
	w      *Workspace
	next   *manifest
	parent string
	unlock func()
	tmp    string // own folder for temporary files

	mu      sync.Mutex
	made    []string        // files that Abort removes
	dirs    map[string]bool // folders to sync before the manifest
	changed bool
	ended   bool
	loads   map[string]bool // datasets with an open load
}

// Begin starts a write. It takes the writer's lock, unless this Workspace holds it, and keeps it until Commit or Abort. If
// somebody else writes, it returns an error of kind busy (see [Workspace.Lock]). note says what the write is for, and is
// kept in the manifest.
func (w *Workspace) Begin(ctx context.Context, note string) (*Tx, error) {
	w.mu.Lock()
	if w.tx != nil {
		w.mu.Unlock()
		return nil, kequn.Errorf(kequn.KindBusy, "", "this program is writing to the workspace already").
			WithHint("try again when it has ended")
	}
	unlock, err := w.lockHeld(ctx, note)
	if err != nil {
		w.mu.Unlock()
		return nil, err
	}
	t := &Tx{w: w, unlock: unlock, dirs: map[string]bool{}, loads: map[string]bool{}}
	w.tx = t
	w.mu.Unlock()
	if err := t.begin(note); err != nil {
		t.end()
		return nil, diskError(err)
	}
	return t, nil
}

func (t *Tx) begin(note string) error {
	m, sum, err := t.w.newest()
	if err != nil {
		return err
	}
	if m == nil {
		m = &manifest{}
	}
	if err := t.w.sweep(); err != nil {
		return err
	}
	t.next, t.parent = m.clone(), sum
	t.next.Note = note
	t.tmp = t.w.path("tmp", "tx-"+randomName())
	return t.w.fs.mkdir(t.tmp)
}

// sweep removes what a write that was cut short has left: its temporary folder, whose presence is the sign, and files that
// no manifest names.
func (w *Workspace) sweep() error {
	left, err := w.fs.list(w.path("tmp"))
	if err != nil {
		return err
	}
	left = slices.DeleteFunc(left, func(n string) bool { return !strings.HasPrefix(n, "tx-") })
	if len(left) == 0 {
		return nil
	}
	if _, err := w.removeOrphans(); err != nil {
		return err
	}
	for _, n := range left {
		if err := w.fs.removeAll(w.path("tmp", n)); err != nil {
			return err
		}
	}
	return nil
}

// Commit makes the write visible, all of it at once. After an error the workspace is as it was before.
func (t *Tx) Commit() error {
	if t.ended {
		return kequn.Errorf(kequn.KindInternal, "", "store: the transaction has ended")
	}
	if len(t.loads) > 0 {
		t.Abort()
		return kequn.Errorf(kequn.KindInternal, "", "store: a load was not closed")
	}
	if !t.changed {
		return t.end()
	}
	if err := t.commit(); err != nil {
		t.Abort()
		return diskError(err)
	}
	return t.end()
}

func (t *Tx) commit() error {
	w := t.w
	dirs := make([]string, 0, len(t.dirs))
	for d := range t.dirs {
		dirs = append(dirs, d)
	}
	slices.Sort(dirs)
	for _, d := range dirs {
		if err := w.fs.syncDir(d); err != nil {
			return err
		}
	}
	m := t.next
	m.Format, m.Workspace, m.Program = format, w.id, w.opt.Program
	m.Seq++
	m.Parent = t.parent
	m.At = time.Now().UTC().Truncate(time.Microsecond)
	sum, err := w.writeManifest(m)
	if err != nil {
		// The rename may have been done although what followed failed; then the files must stay.
		if now, _, e := w.newest(); e != nil || now != nil && now.Seq == m.Seq {
			t.made = nil
		}
		return err
	}
	t.made = nil
	w.mu.Lock()
	w.latest = &Snapshot{w: w, m: m, sum: sum}
	w.mu.Unlock()
	return nil
}

// Abort takes the write back. It may be called after Commit, when it does nothing.
func (t *Tx) Abort() {
	if t.ended {
		return
	}
	for _, path := range t.made {
		t.w.fs.remove(path)
	}
	t.end()
}

func (t *Tx) end() error {
	t.ended = true
	if t.tmp != "" {
		t.w.fs.removeAll(t.tmp)
	}
	t.w.mu.Lock()
	t.w.tx = nil
	t.w.mu.Unlock()
	t.unlock()
	return nil
}

// keep moves a finished and synced temporary file to its place below the workspace's folder, named by its content.
func (t *Tx) keep(tmp, name string) error {
	w := t.w
	path := w.path(filepath.FromSlash(name))
	if _, err := w.fs.size(path); err == nil {
		// The same content is there. It may be damaged, or the orphan of a crash that was never synced: the new file is
		// good, so it takes the place.
		if err := w.fs.rename(tmp, path); err != nil {
			return err
		}
		t.touched(path)
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.folder(filepath.Dir(path)); err != nil {
		return err
	}
	if err := w.fs.rename(tmp, path); err != nil {
		return err
	}
	t.mu.Lock()
	t.made = append(t.made, path)
	t.mu.Unlock()
	t.touched(path)
	return nil
}

func (t *Tx) touched(path string) {
	t.mu.Lock()
	t.dirs[filepath.Dir(path)] = true
	t.mu.Unlock()
}

// folder makes a folder; its parents' names must become durable too.
func (t *Tx) folder(dir string) error {
	if err := t.w.fs.mkdir(dir); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for d := filepath.Dir(dir); len(d) >= len(t.w.dir); d = filepath.Dir(d) {
		t.dirs[d] = true
	}
	return nil
}

// putFile stores bytes under the hash of what is stored, below a folder, and returns that hash.
func (t *Tx) putFile(folder string, data []byte) (string, error) {
	if t.w.keys != nil {
		var err error
		if data, err = t.w.keys.SealBytes(data); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256(data)
	id := hex.EncodeToString(sum[:])
	tmp := filepath.Join(t.tmp, "new-"+id)
	if err := t.w.writeNew(tmp, data); err != nil {
		return "", err
	}
	return id, t.keep(tmp, folder+"/"+id)
}

// readStored reads what putFile stored. A missing or changed file is an error of kind damaged.
func (w *Workspace) readStored(folder, id string) ([]byte, error) {
	path := w.path(folder, id)
	data, err := w.fs.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged(path, "is missing")
	}
	if err != nil {
		return nil, diskError(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != id {
		return nil, damaged(path, "was changed or cut")
	}
	if w.keys == nil {
		return data, nil
	}
	if data, err = w.keys.OpenBytes(data); err != nil {
		return nil, damaged(path, "was sealed by another key")
	}
	return data, nil
}

// ownFolders are not for blobs.
var ownFolders = []string{"parts", "manifests", "tmp", "cache", "audit", "vault"}

// PutBlob stores a document of a kind (models, receipts, docs …; the kind names the folder) under a name. Receipts of one
// name are all kept; of other kinds the newest replaces the one before, which older manifests still name. Storing what is
// there already changes nothing.
func (t *Tx) PutBlob(kind, name string, data []byte) (Blob, error) {
	if slices.Contains(ownFolders, kind) || kind == "" || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") != "" {
		return Blob{}, kequn.Errorf(kequn.KindInternal, "", "store: %q is no kind of document", kind)
	}
	sum := sha256.Sum256(data)
	content := hex.EncodeToString(sum[:])
	at := slices.IndexFunc(t.next.Blobs, func(b Blob) bool { return b.Kind == kind && b.Name == name && b.SHA256 == content })
	if at >= 0 {
		return t.next.Blobs[at], nil
	}
	id, err := t.putFile(kind, data)
	if err != nil {
		return Blob{}, diskError(err)
	}
	b := Blob{Kind: kind, Name: name, SHA256: content, File: id, Size: int64(len(data)), At: time.Now().UTC().Truncate(time.Microsecond)}
	if kind != "receipts" {
		t.dropBlob(kind, name)
	}
	t.next.Blobs = append(t.next.Blobs, b)
	t.changed = true
	return b, nil
}

func (t *Tx) dropBlob(kind, name string) {
	n := len(t.next.Blobs)
	t.next.Blobs = slices.DeleteFunc(t.next.Blobs, func(b Blob) bool { return b.Kind == kind && b.Name == name })
	t.changed = t.changed || len(t.next.Blobs) != n
}

// DropBlob removes a document from the newest state; older manifests still name it. Receipts cannot be dropped.
func (t *Tx) DropBlob(kind, name string) error {
	if kind == "receipts" {
		return kequn.Errorf(kequn.KindDenied, "", "receipts are kept for ever")
	}
	t.dropBlob(kind, name)
	return nil
}

// PutStep remembers a step that was run.
func (t *Tx) PutStep(name string, s Step) {
	var facts bytes.Buffer
	if json.Compact(&facts, s.Facts) == nil {
		s.Facts = facts.Bytes() // as it will be read back
	}
	for i := range t.next.Steps {
		if t.next.Steps[i].Name == name {
			if old := t.next.Steps[i].Step; old.Key == s.Key && slices.Equal(old.Outputs, s.Outputs) && bytes.Equal(old.Facts, s.Facts) {
				return
			}
			t.next.Steps[i].Step = s
			t.changed = true
			return
		}
	}
	t.next.Steps = append(t.next.Steps, step{name, s})
	t.changed = true
}

// DropStep forgets a step, so that it runs again.
func (t *Tx) DropStep(name string) {
	n := len(t.next.Steps)
	t.next.Steps = slices.DeleteFunc(t.next.Steps, func(s step) bool { return s.Name == name })
	t.changed = t.changed || len(t.next.Steps) != n
}

// DropTable removes a derived table from the newest state.
func (t *Tx) DropTable(name string) {
	n := len(t.next.Tables)
	t.next.Tables = slices.DeleteFunc(t.next.Tables, func(d *dataset) bool { return d.Name == name })
	t.changed = t.changed || len(t.next.Tables) != n
}

// newPart writes one part: fill gives it row groups. Returns the part without its place.
func (t *Tx) newPart(number int, fields []field, fill func(*partWriter) error) (p part, err error) {
	tmp := filepath.Join(t.tmp, fmt.Sprintf("part-%s-%d", randomName(), number))
	f, err := t.w.fs.create(tmp)
	if err != nil {
		return part{}, err
	}
	defer func() {
		if f != nil {
			f.Close()
		}
		if err != nil {
			t.w.fs.remove(tmp)
		}
	}()
	pw, err := newPartWriter(f, fields, t.w.keys)
	if err != nil {
		return part{}, err
	}
	if err := fill(pw); err != nil {
		return part{}, err
	}
	if p, err = pw.finish(); err != nil || p.Rows == 0 {
		if err == nil {
			t.w.fs.remove(tmp)
		}
		return part{}, err
	}
	if err := f.Sync(); err != nil {
		return part{}, err
	}
	err = f.Close()
	f = nil
	if err != nil {
		return part{}, err
	}
	return p, t.keep(tmp, partPath(p.ID))
}
