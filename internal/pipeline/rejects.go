package pipeline

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"kequn"
	"kequn/internal/source"
	"kequn/internal/store"
)

// rejectFiles are the files of rejected rows of one load. They appear when the load is committed. In a sealed workspace
// they are sealed blobs; kequn rejects shows them.
type rejectFiles struct {
	shop  *Shop
	files []*rejectFile
}

// rejectFile holds the rows of one file that were refused: line, reason, column and the row as it stood in the file.
type rejectFile struct {
	shop    *Shop
	dataset string
	source  string
	rows    int64
	tmp     *os.File      // of an open workspace
	sealed  *bytes.Buffer // of a sealed one: nothing readable touches the disk
	out     *csv.Writer
	final   string
}

// rejectsFolder is where an open workspace keeps rejected rows.
const rejectsFolder = "rejects"

// maxSealedRejects bounds what a sealed workspace keeps of rejected rows, because they wait in memory.
const maxSealedRejects = 64 << 20

func (r *rejectFiles) open(dataset, source string) *rejectFile {
	f := &rejectFile{shop: r.shop, dataset: dataset, source: source}
	r.files = append(r.files, f)
	return f
}

func (f *rejectFile) begin() error {
	var w io.Writer
	n := 1
	if f.shop.Sealed() {
		f.sealed = &bytes.Buffer{}
		w = f.sealed
		f.final = fmt.Sprintf("%s-%04d.csv", f.dataset, f.shop.nextReject(f.dataset))
	} else {
		dir := filepath.Join(f.shop.Dir, rejectsFolder)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for ; ; n++ {
			f.final = filepath.Join(dir, fmt.Sprintf("%s-%04d.csv", f.dataset, n))
			if _, err := os.Stat(f.final); errors.Is(err, os.ErrNotExist) {
				break
			}
		}
		tmp, err := os.CreateTemp(dir, ".new-*")
		if err != nil {
			return err
		}
		f.tmp, w = tmp, tmp
	}
	f.out = csv.NewWriter(w)
	return f.out.Write([]string{"line", "reason", "column", "row"})
}

func (f *rejectFile) write(r source.Reject) error {
	if f.out == nil {
		if err := f.begin(); err != nil {
			return err
		}
	}
	f.rows++
	if f.sealed != nil && f.sealed.Len() > maxSealedRejects {
		r.Raw = nil // the line and the reason stay
	}
	return f.out.Write([]string{strconv.FormatInt(r.Line, 10), string(r.Reason), r.Column, string(r.Raw)})
}

// name returns where the rows can be read after the commit, "" where there are none.
func (f *rejectFile) name() string {
	if f.out == nil {
		return ""
	}
	return f.final
}

func (r *rejectFiles) commit(tx *store.Tx) error {
	for _, f := range r.files {
		if f.out == nil {
			continue
		}
		f.out.Flush()
		if err := f.out.Error(); err != nil {
			return err
		}
		if f.sealed != nil {
			if _, err := tx.PutBlob(rejectsFolder, f.final, f.sealed.Bytes()); err != nil {
				return err
			}
			continue
		}
		if err := errors.Join(f.tmp.Chmod(0o600), f.tmp.Sync(), f.tmp.Close()); err != nil {
			return err
		}
		if err := os.Rename(f.tmp.Name(), f.final); err != nil {
			return err
		}
		f.tmp = nil
	}
	return nil
}

// abort removes what was not committed.
func (r *rejectFiles) abort() {
	for _, f := range r.files {
		if f.tmp != nil {
			f.tmp.Close()
			os.Remove(f.tmp.Name())
			os.Remove(filepath.Dir(f.tmp.Name())) // fails, rightly, where earlier loads left files
		}
	}
}

// Rejects returns the rejected rows of a dataset's last load that had any, as CSV.
func (s *Shop) Rejects(dataset string) ([]byte, error) {
	none := kequn.Errorf(kequn.KindUsage, dataset, "no row of this dataset was rejected")
	if !s.Sealed() {
		files, err := filepath.Glob(filepath.Join(s.Dir, rejectsFolder, dataset+"-????.csv"))
		if err != nil || len(files) == 0 {
			return nil, none
		}
		return os.ReadFile(files[len(files)-1])
	}
	n := s.nextReject(dataset) - 1
	if n == 0 {
		return nil, none
	}
	snap, err := s.ws.Snapshot()
	if err != nil {
		return nil, err
	}
	return snap.Blob(rejectsFolder, fmt.Sprintf("%s-%04d.csv", dataset, n))
}

// nextReject returns the number of a sealed dataset's next file of rejected rows.
func (s *Shop) nextReject(dataset string) int {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return 1
	}
	for n := 1; ; n++ {
		if _, ok := snap.HasBlob(rejectsFolder, fmt.Sprintf("%s-%04d.csv", dataset, n)); !ok {
			return n
		}
	}
}
