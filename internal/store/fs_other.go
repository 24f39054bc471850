//go:build !unix && !windows

package store

import "errors"

func syncDir(string) error { return nil }

func lockFile(string) (fileLock, error) {
	return nil, errors.New("store: this system has no file locks")
}
