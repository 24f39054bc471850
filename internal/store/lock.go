package store

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"kequn"
)

// holder is what the lock file says about who holds it.
type holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Verb  string    `json:"verb"`
	Since time.Time `json:"since"`
}

// Lock makes this process the writer until unlock is called; what names the work. It may be taken again by the same
// Workspace, and is let go with the last unlock. If another process holds it, Lock waits as long as ctx has a deadline
// in the future (without a deadline it does not wait) and then returns an error of kind busy that names the holder. The operating
// system drops the lock of a process that ends, however it ends.
func (w *Workspace) Lock(ctx context.Context, what string) (unlock func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lockHeld(ctx, what)
}

// lockHeld is Lock with w.mu held.
func (w *Workspace) lockHeld(ctx context.Context, what string) (func(), error) {
	if w.holds == 0 {
		l, err := w.waitLock(ctx)
		if err != nil {
			return nil, err
		}
		host, _ := os.Hostname()
		text, _ := json.Marshal(holder{os.Getpid(), host, what, time.Now().UTC().Truncate(time.Second)})
		if err := l.write(append(text, '\n')); err != nil {
			l.unlock()
			return nil, diskError(err)
		}
		w.lock = l
	}
	w.holds++
	released := false
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if released {
			return
		}
		released = true
		if w.holds--; w.holds == 0 {
			w.lock.unlock()
			w.lock = nil
		}
	}, nil
}

func (w *Workspace) waitLock(ctx context.Context) (fileLock, error) {
	for {
		l, err := w.fs.lock(w.path("lock"))
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, errLocked) {
			return nil, diskError(err)
		}
		if _, waits := ctx.Deadline(); !waits {
			return nil, w.busy()
		}
		select {
		case <-ctx.Done():
			return nil, w.busy()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *Workspace) busy() error {
	e := kequn.Errorf(kequn.KindBusy, "", "somebody else is writing to this workspace").WithHint("try again when it has ended")
	var h holder
	if data, err := w.fs.read(w.path("lock")); err == nil && json.Unmarshal(data, &h) == nil {
		e = kequn.Errorf(kequn.KindBusy, "", "kequn %s (process %d on %s, since %s) is writing to this workspace",
			h.Verb, h.PID, h.Host, h.Since.Format(time.RFC3339)).WithHint("try again when it has ended")
	}
	return e
}
