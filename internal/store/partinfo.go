package store

import (
	"encoding/hex"
	"path/filepath"
	"strings"

	"kequn"
)

// PartInfo describes one part to other programs that read it.
type PartInfo struct {
	ID       string
	Path     string
	Dataset  string
	Rows     int64
	Bytes    int64
	From, To int // 256ths of the range of customers' hashes
	Layer    int
	Sealed   bool
}

// Parts lists the parts of a dataset or table, all of them if the name is empty.
func (s *Snapshot) Parts(name string) []PartInfo {
	var out []PartInfo
	for _, list := range [][]*dataset{s.m.Datasets, s.m.Tables} {
		for _, d := range list {
			if name != "" && d.Name != name {
				continue
			}
			for _, p := range d.Parts {
				out = append(out, PartInfo{p.ID, s.w.path(filepath.FromSlash(partPath(p.ID))), d.Name, p.Rows, p.Bytes, p.From, p.To, p.Layer, p.Key != ""})
			}
		}
	}
	return out
}

// PartKey returns the key of one sealed part, and the AAD prefix that its pages are bound to: what another Parquet reader
// needs to open this file, and no other one. The part is named by its id, a prefix of at least 8 characters of it, or its
// path.
func (s *Snapshot) PartKey(id string) (key []byte, aadPrefix string, err error) {
	id = strings.TrimSuffix(filepath.Base(filepath.ToSlash(id)), ".parquet")
	if s.w.keys == nil {
		return nil, "", kequn.Errorf(kequn.KindUsage, "", "the workspace is not sealed: its parts need no key")
	}
	for _, list := range [][]*dataset{s.m.Datasets, s.m.Tables} {
		for _, d := range list {
			for _, p := range d.Parts {
				if p.ID != id && (len(id) < 8 || !strings.HasPrefix(p.ID, id)) {
					continue
				}
				file, err := hex.DecodeString(p.File)
				if err != nil {
					return nil, "", damaged(s.w.path("manifests"), "names a part without its identity")
				}
				key, err := s.w.keys.PartKey(p.Key, file)
				return key, p.File, err
			}
		}
	}
	return nil, "", kequn.Errorf(kequn.KindUsage, "", "there is no part %q", id).WithHint("name a file of .kequn/parts")
}
