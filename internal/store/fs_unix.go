//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"
)

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// flocked is a file locked by flock(2): the lock goes with the process, however it ends.
type flocked struct{ f *os.File }

func lockFile(name string) (fileLock, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, err
	}
	return flocked{f}, nil
}

func (l flocked) write(holder []byte) error {
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt(holder, 0)
	return err
}

// unlock empties the file first, so that it never names somebody who has gone.
func (l flocked) unlock() error {
	err := l.f.Truncate(0)
	return errors.Join(err, l.f.Close())
}
