package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/model"
	"kequn/internal/model/sequence"
	"kequn/internal/plan"
	"kequn/internal/store"
	"kequn/internal/vault"
)

// Options are what every verb needs: where, with what, and whom to tell how far it is.
type Options struct {
	Dir     string
	Seed    uint64
	Threads int   // 0 is all
	Memory  int64 // 0 is half of the machine's
	Lang    kequn.Lang

	Learners []model.Named            // rungs of the ladder, simplest first
	Decoders map[string]model.Decoder // by family, for models read back
	Engine   engine.Engine

	Secret   func() (*vault.Secret, error) // asked for when the workspace is sealed
	Now      func() time.Time              // the wall clock; receipts and loads keep it
	By       string                        // who acts, for receipts
	Progress func(step string, done, total int64)
}

func (o Options) withDefaults() Options {
	if o.Dir == "" {
		o.Dir = "."
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = defaultMemory()
	}
	if o.Lang == "" {
		o.Lang = kequn.English
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	return o
}

// LimitMemory tells the runtime to collect garbage before the program grows past the limit. The program's own text and tables, which the
// runtime does not count, have a share of it.
func LimitMemory(bytes int64) { debug.SetMemoryLimit(bytes - min(bytes/10, programBytes)) }

// programBytes is about what the program itself takes while it runs.
const programBytes = 64 << 20

// Shop is an open workspace with its plan.
type Shop struct {
	Options
	Plan *plan.Plan

	ws   *store.Workspace
	text []byte // the plan as it stands in the file

	behaviours map[string]*sequence.Model // models of behaviour by the name of their dataset

	fresh     bool // the workspace was made by this call
	newFolder bool // and so was its folder
}

// Open opens the workspace in Options.Dir. There must be one.
func Open(o Options) (*Shop, error) {
	o = o.withDefaults()
	ws, err := store.Open(o.Dir, o.store())
	if err != nil {
		return nil, err
	}
	s := &Shop{Options: o, ws: ws}
	return s, s.readPlan()
}

// Create opens the workspace in Options.Dir and makes it if there is none. A workspace that it made and that nothing was
// written to goes again with [Shop.Discard].
func Create(o Options) (*Shop, error) {
	o = o.withDefaults()
	_, err := os.Stat(o.Dir)
	s := &Shop{Options: o, newFolder: errors.Is(err, fs.ErrNotExist), fresh: !store.Exists(o.Dir)}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, kequn.Errorf(kequn.KindInput, o.Dir, "the folder cannot be made: %v", errors.Unwrap(err))
	}
	if s.ws, err = store.Create(o.Dir, o.store()); err != nil {
		return nil, err
	}
	if err := s.readPlan(); err != nil {
		return nil, errors.Join(err, s.Discard())
	}
	return s, nil
}

// Discard takes back what [Create] made, if nothing was written to it since: a first load that is refused leaves neither
// files nor an empty folder behind.
func (s *Shop) Discard() error {
	if !s.fresh {
		return nil
	}
	err := s.ws.RemoveEmpty()
	if s.newFolder {
		os.Remove(s.Dir) // fails, rightly, unless it is empty
	}
	return err
}

func (o Options) store() store.Options {
	return store.Options{Secret: o.Secret, Memory: o.Memory / 2, Threads: o.Threads}
}

// Close ends the use of the workspace.
func (s *Shop) Close() error { return s.ws.Close() }

// Sealed tells whether the workspace is encrypted.
func (s *Shop) Sealed() bool { return s.ws.Sealed() }

// Name returns what the workspace is called: its folder's name.
func (s *Shop) Name() string { return folderName(s.Dir) }

func (s *Shop) planPath() string { return filepath.Join(s.Dir, plan.FileName) }

func (s *Shop) readPlan() error {
	text, err := os.ReadFile(s.planPath())
	if errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil
	}
	if err != nil {
		return kequn.Errorf(kequn.KindPlan, s.planPath(), "cannot be read: %v", err)
	}
	p, err := plan.Parse(text)
	if err != nil {
		return err
	}
	s.Plan, s.text = p, text
	return nil
}

// writePlan puts an edited plan into the file: the old one or the new one, never half of it.
func (s *Shop) writePlan(e *plan.Edit) error {
	text, err := e.Bytes()
	if err != nil {
		return err
	}
	p, err := plan.Parse(text)
	if err != nil {
		return err
	}
	if err := s.putPlan(text); err != nil {
		return err
	}
	s.Plan, s.text = p, text
	return nil
}

// restorePlan puts the plan's text back as it was before an edit whose data could not be kept.
func (s *Shop) restorePlan(text []byte) error {
	if len(text) == 0 {
		return os.Remove(s.planPath())
	}
	return s.putPlan(text)
}

func (s *Shop) putPlan(text []byte) error {
	tmp, err := os.CreateTemp(s.Dir, "."+plan.FileName+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), s.planPath())
}

// edit begins to edit the plan, a new one where there is none yet. A new plan does not depend on the user's language, so
// that the same data gives the same answer to everybody.
func (s *Shop) edit() *plan.Edit {
	if len(s.text) == 0 {
		return plan.NewEdit(plan.New("UTC", ""))
	}
	return plan.NewEdit(s.text)
}

// locked runs f as the only writer of the workspace.
func (s *Shop) locked(ctx context.Context, verb string, f func() error) error {
	unlock, err := s.ws.Lock(ctx, verb)
	if err != nil {
		return err
	}
	defer unlock()
	started, before := time.Now(), s.seq()
	err = f()
	if after := s.seq(); after != before {
		// The list of jobs tells what changed the workspace; what changed nothing leaves nothing.
		err = errors.Join(err, s.ws.NoteJob(verb, started, kequn.ExitCode(err)))
	}
	return err
}

// seq returns the number of the newest manifest, 0 where there is none or it cannot be read.
func (s *Shop) seq() int64 {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return 0
	}
	return snap.Seq()
}

// InitKey makes a sealed workspace that the secret opens.
func InitKey(o Options, secret *vault.Secret) error {
	o = o.withDefaults()
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return kequn.Errorf(kequn.KindInput, o.Dir, "the folder cannot be made: %v", errors.Unwrap(err))
	}
	ws, err := store.InitKey(o.Dir, secret, o.store())
	if err != nil {
		return err
	}
	return ws.Close()
}

// asDuration returns a length of time in microseconds as a duration.
func asDuration(length kequn.Instant) time.Duration {
	return time.Duration(length) * time.Microsecond
}

// baseName returns the last part of a folder's full path.
func baseName(dir string) string {
	if full, err := filepath.Abs(dir); err == nil {
		dir = full
	}
	return filepath.Base(dir)
}
