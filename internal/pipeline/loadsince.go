package pipeline

import (
	"context"
	"strings"

	"kequn"
	"kequn/internal/plan"
)

// resumption is where the reading of a database begins: at its beginning, or after what an earlier load has seen.
type resumption struct {
	column string
	after  string
	before bool // rows of the same table or query were loaded before
	blind  bool // rows that were loaded before cannot be told from new ones
	notes  []string
}

// resume looks up what earlier loads have seen of a database. The column that says what is new is the user's, or the one
// that the last load was given.
//
// With an id, rows at the very instant of the newest one are read again and recognised, so that none is lost which was
// written at the same instant later; without one only rows beyond it are read.
func (s *Shop) resume(j *job, kept plan.Dataset, since string) (r resumption, err error) {
	if !j.file.IsDatabase() {
		return r, nil
	}
	snap, err := s.ws.Snapshot()
	if err != nil {
		return r, err
	}
	r.column = since
	for _, f := range snap.Files(kept.Name) {
		if f.Name != j.file.Name() {
			continue
		}
		r.before = true
		if column, value, ok := strings.Cut(f.Cursor, "="); ok {
			if since == "" {
				r.column = column
			}
			if column == r.column {
				r.after = value
			}
		}
	}
	whole := kept.Role == kequn.Customers || kept.Role == kequn.Lookup || kept.With(kequn.ColID) != nil
	r.blind = r.before && r.after == "" && !whole
	if r.column == "" {
		return r, nil
	}
	if err := j.file.Since(r.column, r.after, whole); err != nil {
		return r, err
	}
	if r.after != "" {
		r.notes = append(r.notes, s.Lang.Pick("只读取上次之后的新行，依据列 ", "only rows that are new since the last load are read, by column ")+r.column)
	}
	return r, nil
}

// refuse refuses to load rows a second time that nobody would recognise.
func (r resumption) refuse(j *job, l kequn.Lang) error {
	if !r.blind {
		return nil
	}
	return kequn.Errorf(kequn.KindInput, j.path, "%s", l.Pick("以前载入过，现在的行不同，又没有标识列可以区分新旧：会重复计算", "was loaded before, has other rows now, and no id tells the new ones from the old ones: they would count twice")).
		WithHint("%s", l.Pick("用 --id COL 指明标识一行的列，或从第一次载入起用 --since-column COL 指明说明新旧的列", "name the column that identifies a row with --id COL, or the one that says what is new with --since-column COL from the first load on"))
}

// next is what the load leaves for the one after it: the column and its newest value in the snapshot that is read.
func (r resumption) next(ctx context.Context, j *job) (string, error) {
	if r.column == "" {
		return "", nil
	}
	newest, err := j.file.Newest(ctx)
	if err != nil {
		return "", err
	}
	if newest == "" {
		newest = r.after
	}
	if newest == "" {
		return "", nil
	}
	return r.column + "=" + newest, nil
}
