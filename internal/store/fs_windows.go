package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// syncDir does nothing: NTFS keeps names in its journal, and folders cannot be flushed.
func syncDir(string) error { return nil }

// lockByte lies far behind the holder's name, which others must be able to read while the lock is held.
const lockByte = 1 << 30

type locked struct{ f *os.File }

func lockFile(name string) (fileLock, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	at := &windows.Overlapped{Offset: lockByte}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if err != nil {
		f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
			return nil, errLocked
		}
		return nil, err
	}
	return locked{f}, nil
}

func (l locked) write(holder []byte) error {
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt(holder, 0)
	return err
}

func (l locked) unlock() error {
	err := l.f.Truncate(0)
	return errors.Join(err, l.f.Close())
}
