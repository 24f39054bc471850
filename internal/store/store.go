// Package store keeps the workspace on disk: parts, manifests, runs, models, receipts.
//
// Everything lives below the folder .kequn (docs/format/workspace.md). Files are immutable and named by the SHA-256 of
// their bytes; a manifest says which of them make up the datasets and all that was derived from them:
//
//	manifest 16 ── parent ──▸ manifest 17      the newest is the truth
//	                            ├ orders  ─▸ parts/ab/ab12….parquet  parts/09/09ff….parquet …
//	                            ├ scores  ─▸ parts/…
//	                            └ spring  ─▸ receipts/…
//
// A write makes new files, syncs them, and then one new manifest appears by a rename. Whatever interrupts it, the
// older manifest stays whole. There is one writer (a lock) and any number of readers, each on the manifest it opened.
//
// Rows are kept by customer: (hash of the customer, customer, event time, known-at, sequence) is the order of every
// dataset, so partitions of any number are stretches of one global order (see order.go). Loading sorts in memory and
// spills sorted runs beyond a limit (buffer.go, spill.go, merge.go); loading more adds runs that reading merges.
//
// When the workspace has a keyring, every file is sealed (parts by Parquet modular encryption, all else by age), spilled
// runs included. A file that is damaged, or another one's, is an error of kind damaged that names it, never fewer rows.
package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"kequn"
	"kequn/internal/vault"
)

// Folder is the workspace's own folder below the user's.
const Folder = ".kequn"

// format is the version of the folder's layout, manifests and parts that this program writes and the newest it reads.
const format = 1

// defaultMemory bounds what loading keeps in memory when Options.Memory is 0.
const defaultMemory = 512 << 20

// Options says how a workspace is opened. The zero value opens an unsealed one.
type Options struct {
	// Secret is asked for what opens the keyring, only when the workspace is sealed.
	Secret func() (*vault.Secret, error)

	Memory  int64  // bytes that loading may hold before it spills, 0 means 512 MB
	Threads int    // 0 means all processors
	Program string // written into manifests; "" means kequn.Version

	files files // for tests; nil is the disk
}

// Workspace is an open workspace. Its methods may be called by several goroutines at once.
type Workspace struct {
	dir  string // …/.kequn
	fs   files
	opt  Options
	id   string
	keys *vault.Keyring // nil when not sealed

	mu     sync.Mutex
	lock   fileLock
	holds  int // nested holders of the lock
	tx     *Tx // the open transaction
	latest *Snapshot

	checked sync.Map // part id → true: its bytes were compared with its name in this process
}

// identity is workspace.json.
type identity struct {
	Format int    `json:"format"`
	ID     string `json:"id"` // random; manifests repeat it
}

// Create opens the workspace in a folder, making it if there is none.
func Create(dir string, o Options) (*Workspace, error) {
	w := prepare(dir, o)
	if _, err := w.fs.size(w.path("workspace.json")); errors.Is(err, fs.ErrNotExist) {
		if err := w.make(); err != nil {
			return nil, diskError(err)
		}
	}
	return Open(dir, o)
}

// Open opens the workspace in a folder. A folder without one is an error of kind usage; a wrong key, a missing keyring
// and damaged manifests are errors of kind damaged.
func Open(dir string, o Options) (*Workspace, error) {
	w := prepare(dir, o)
	data, err := w.fs.read(w.path("workspace.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, kequn.Errorf(kequn.KindUsage, dir, "there is no workspace here").
			WithHint("kequn load FILE makes one; -C DIR chooses another folder")
	}
	if err != nil {
		return nil, diskError(err)
	}
	var id identity
	if json.Unmarshal(data, &id) != nil || id.ID == "" {
		return nil, damaged(w.path("workspace.json"), "cannot be read")
	}
	if id.Format > format {
		return nil, kequn.Errorf(kequn.KindUsage, dir, "the workspace has format %d, this program reads up to %d", id.Format, format).
			WithHint("use a newer kequn")
	}
	w.id = id.ID
	if err := w.openKeys(); err != nil {
		return nil, err
	}
	if _, err := w.Snapshot(); err != nil {
		return nil, err
	}
	return w, nil
}

// Exists tells whether there is a workspace in a folder.
func Exists(dir string) bool {
	w := prepare(dir, Options{})
	_, err := w.fs.size(w.path("workspace.json"))
	return err == nil
}

// RemoveEmpty removes the workspace if nothing was ever written to it and it has no key, so that a first load that was
// refused leaves nothing behind. It does nothing to any other workspace, or while somebody else holds the lock.
func (w *Workspace) RemoveEmpty() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keys != nil || w.holds > 0 {
		return nil
	}
	l, err := w.fs.lock(w.path("lock"))
	if err != nil {
		return nil
	}
	defer l.unlock()
	if names, err := w.fs.list(w.path("manifests")); err != nil || len(names) > 0 {
		return nil
	}
	return diskError(w.fs.removeAll(w.dir))
}

func prepare(dir string, o Options) *Workspace {
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	if o.Program == "" {
		o.Program = kequn.Version
	}
	w := &Workspace{dir: filepath.Join(dir, Folder), fs: o.files, opt: o}
	if w.fs == nil {
		w.fs = disk{}
	}
	return w
}

func (w *Workspace) make() error {
	if err := w.fs.mkdir(w.dir); err != nil {
		return err
	}
	data, err := json.Marshal(identity{Format: format, ID: randomName()})
	if err != nil {
		return err
	}
	if err := w.replace("workspace.json", append(data, '\n')); err != nil {
		return err
	}
	return w.fs.syncDir(filepath.Dir(w.dir))
}

func (w *Workspace) openKeys() error {
	sealed, err := w.fs.read(w.path("keys.age"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return diskError(err)
	}
	if w.opt.Secret == nil {
		return kequn.Errorf(kequn.KindDamaged, "", "the workspace is sealed and no key was given").
			WithHint("set KEQUN_PASSPHRASE, or give --identity FILE")
	}
	secret, err := w.opt.Secret()
	if err != nil {
		return err
	}
	w.keys, err = vault.Unmarshal(sealed, secret)
	return err
}

// InitKey seals a new or empty workspace: it makes a keyring that the secret opens. Data that lie there unsealed
// already are an error of kind usage, because copies of them could not be called back.
func InitKey(dir string, secret *vault.Secret, o Options) (*Workspace, error) {
	w := prepare(dir, o)
	if _, err := w.fs.size(w.path("keys.age")); err == nil {
		return nil, kequn.Errorf(kequn.KindUsage, dir, "the workspace has a key already")
	}
	o.Secret = func() (*vault.Secret, error) { return secret, nil }
	w, err := Create(dir, o)
	if err != nil {
		return nil, err
	}
	unlock, err := w.Lock(context.Background(), "key init")
	if err != nil {
		return nil, err
	}
	defer unlock()
	switch names, err := w.fs.list(w.path("manifests")); {
	case err != nil:
		return nil, diskError(err)
	case len(names) > 0:
		return nil, kequn.Errorf(kequn.KindUsage, dir, "the workspace holds unsealed data already").
			WithHint("run kequn key init in a new folder, and load the files there")
	}
	keys, err := vault.NewKeyring()
	if err != nil {
		return nil, err
	}
	sealed, err := keys.Marshal(secret)
	if err != nil {
		return nil, err
	}
	if err := w.replace("keys.age", sealed); err != nil {
		return nil, diskError(err)
	}
	w.keys = keys
	return w, nil
}

// Sealed tells whether the workspace has a keyring, so that nothing readable touches the disk.
func (w *Workspace) Sealed() bool { return w.keys != nil }

// Dir returns the workspace's own folder, DIR/.kequn.
func (w *Workspace) Dir() string { return w.dir }

// Close ends the use of the workspace. Snapshots of it stay readable.
func (w *Workspace) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tx != nil {
		return kequn.Errorf(kequn.KindInternal, "", "store: closed with an open transaction")
	}
	return nil
}

func (w *Workspace) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

// replace writes a small file so that a crash leaves the old one or the new one.
func (w *Workspace) replace(name string, data []byte) error {
	tmp := w.path(name + ".new")
	if err := w.fs.remove(tmp); err != nil { // of a crash
		return err
	}
	if err := w.writeNew(tmp, data); err != nil {
		return err
	}
	if err := w.fs.rename(tmp, w.path(name)); err != nil {
		return err
	}
	return w.fs.syncDir(filepath.Dir(w.path(name)))
}

// writeNew writes and syncs a new file; on an error nothing is left of it.
func (w *Workspace) writeNew(path string, data []byte) error {
	f, err := w.fs.create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		w.fs.remove(path)
	}
	return err
}

func randomName() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// damaged makes the error of a file that is not what it was.
func damaged(path, text string) *kequn.Error {
	return kequn.Errorf(kequn.KindDamaged, path, "%s", text).
		WithHint("kequn verify lists every damaged file; restore it from a backup, or load the data again")
}
