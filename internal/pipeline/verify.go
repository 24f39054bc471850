package pipeline

import (
	"context"
	"encoding/hex"
	"strings"

	"kequn"
)

// Verified is a sound workspace.
type Verified struct {
	Files     int      `json:"files"`
	Manifests int      `json:"manifests"`
	Bytes     int64    `json:"bytes"`
	Rebuilt   []string `json:"rebuild,omitempty"`
}

// Verify checks every checksum and the chain of manifests. Damage is a damaged error that names every damaged file. What
// can be made again from sound files is forgotten, so that the next run makes it.
func (s *Shop) Verify(ctx context.Context) (*Verified, error) {
	r, err := s.ws.Verify(ctx, func(done, of int) { s.Progress(s.Lang.Pick("校验", "verify"), int64(done), int64(of)) })
	if len(r.Damaged) > 0 {
		var names []string
		derived := true
		for _, d := range r.Damaged {
			names = append(names, d.Path+" "+d.Problem)
			derived = derived && d.Derived
		}
		e := kequn.Errorf(kequn.KindDamaged, "", "%d of %d files are damaged: %s", len(r.Damaged), r.Files, strings.Join(names, "; "))
		if derived {
			return nil, e.WithHint("all of it can be made again: kequn run")
		}
		return nil, e.WithHint("restore them from a backup, or load the data again in a new folder")
	}
	if err != nil {
		return nil, err
	}
	return &Verified{Files: r.Files, Manifests: r.Manifests, Bytes: r.Bytes}, nil
}

// PartKey returns the key of one sealed part in hexadecimal, and its AAD prefix.
func (s *Shop) PartKey(part string) (key, aadPrefix string, err error) {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return "", "", err
	}
	k, prefix, err := snap.PartKey(part)
	return hex.EncodeToString(k), prefix, err
}
