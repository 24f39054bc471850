package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"kequn"
)

// files is every operation on disk that the store makes, apart from the lock and state.db. Tests put a layer under the
// store that fails, tears and forgets (see fault_test.go).
type files interface {
	create(name string) (writeFile, error) // a new file; it is an error if there is one
	open(name string) (readFile, error)
	read(name string) ([]byte, error)
	rename(from, to string) error // replaces
	remove(name string) error     // nil if there is none
	removeAll(dir string) error
	mkdir(dir string) error             // with parents
	list(dir string) ([]string, error)  // names in order; none if the folder is missing
	size(name string) (int64, error)    // an fs.ErrNotExist if missing
	syncDir(dir string) error           // makes names in the folder durable
	lock(name string) (fileLock, error) // an exclusive lock, errLocked if somebody has it
}

type writeFile interface {
	io.Writer
	io.Closer
	Sync() error
}

type readFile interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

type fileLock interface {
	write(holder []byte) error // says who holds it
	unlock() error
}

var errLocked = errors.New("store: locked")

// disk is the operating system's file system.
type disk struct{}

func (disk) create(name string) (writeFile, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func (disk) open(name string) (readFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return diskFile{f, info.Size()}, nil
}

type diskFile struct {
	*os.File
	size int64
}

func (f diskFile) Size() int64 { return f.size }

func (disk) read(name string) ([]byte, error)   { return os.ReadFile(name) }
func (disk) rename(from, to string) error       { return os.Rename(from, to) }
func (disk) removeAll(dir string) error         { return os.RemoveAll(dir) }
func (disk) mkdir(dir string) error             { return os.MkdirAll(dir, 0o700) }
func (disk) syncDir(dir string) error           { return syncDir(dir) }
func (disk) lock(name string) (fileLock, error) { return lockFile(name) }

func (disk) remove(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (disk) list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (disk) size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// diskError says what a user can do about an error of the machine.
func diskError(err error) error {
	var known *kequn.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC):
		e := kequn.Errorf(kequn.KindInternal, "", "the disk is full; nothing was changed").
			WithHint("free some space and run the command again")
		e.Err = err
		return e
	case errors.Is(err, fs.ErrPermission):
		e := kequn.Errorf(kequn.KindDenied, "", "the workspace's folder may not be written or read")
		e.Err = err
		return e
	}
	return err
}
