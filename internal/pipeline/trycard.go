package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"slices"
	"time"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/explain"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// TryExample is one judged row with the reasons of its score.
type TryExample struct {
	Title  evaluate.Text      `json:"title"`
	Row    int64              `json:"row"` // as the file numbers it
	Score  float64            `json:"score"`
	Why    *explain.Explained `json:"why,omitempty"`
	Change *explain.Change    `json:"change,omitempty"` // the nearest that takes it across the threshold
}

// Where no time was set, the card may take as long as the ladder took, but not less or more than these: a busy machine must not
// cost it its parts.
const (
	leastCardTime = time.Minute
	mostCardTime  = 3 * time.Minute
)

// mostExampleReasons is how many reasons an example tells.
const mostExampleReasons = 5

// card judges the chosen line and explains it.
func (t *trial) card(ctx context.Context) error {
	if t.f.Quick {
		return nil
	}
	end := time.Now().Add(min(max(time.Since(t.began), leastCardTime), mostCardTime))
	if t.f.Time > 0 {
		end = t.began.Add(t.f.Time*92/100 - time.Duration(t.x.NRows())*afterwards)
	}
	j := &judging{Options: t.Options, ladder: t.ladder, line: t.rung(t.res.Chosen), x: t.x, y: t.y, w: t.w, group: t.group, rounds: t.limited(t.split.rounds),
		other: t.f.Test != "" && t.apart == nil, left: func() time.Duration { return time.Until(end) }}
	for _, l := range t.res.Leaks {
		x := evaluate.Suspect{Column: l.Column, Kind: l.Kind, Aside: t.aside(l), With: l.AUCWith, Without: l.AUCWithout}
		if t.y.Task == kequn.Regression {
			x.With, x.Without = l.R2With, l.R2Without
		}
		j.leaks = append(j.leaks, x)
	}
	var err error
	if t.res.DataHash, err = hashOf(t.f.File); err != nil {
		return err
	}
	if t.res.Card, t.res.Reasons, err = j.judge(ctx); err != nil {
		return err
	}
	if t.y.Task != kequn.Multiclass {
		if t.res.Card.Fairness, err = t.fairness(j.line, j.held); err != nil {
			return err
		}
	}
	if j.held != nil && j.left() > 0 {
		t.res.Examples, err = t.examples(ctx, j.held, j.telling().Test)
	}
	return err
}

// examples explains the highest, a middling and the lowest of the rows that the model was held back from, and what would take each
// across the border of the best scored tenth.
func (t *trial) examples(ctx context.Context, m model.Model, rows []int32) ([]TryExample, error) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r int32) bool { return !t.judged(r) })
	if _, ok := m.(model.Attributor); !ok || len(rows) < 20 || t.y.Task == kequn.Multiclass {
		return nil, nil
	}
	if len(rows) > mostExplainRows {
		rows = rows[:mostExplainRows]
	}
	x := t.x.Take(rows)
	score, err := m.Predict(x)
	if err != nil {
		return nil, err
	}
	order := kernel.ArgsortDesc(score)
	border := score[order[len(order)/10]]
	if border == score[order[len(order)-1]] {
		return nil, nil // one score for nearly everybody
	}
	var fixed []string // nobody becomes younger
	for _, c := range t.likelySensitive() {
		fixed = append(fixed, c.Name)
	}
	flip := explain.FlipOptions{Background: some(x, t.Seed), Fixed: fixed, Seed: t.Seed}
	var out []TryExample
	for _, pick := range []struct {
		at     int
		zh, en string
	}{{0, "分数最高的一行", "the highest score"}, {len(order) * 3 / 10, "排在前 30% 处的一行", "at the best 30 %"}, {len(order) - 1, "分数最低的一行", "the lowest score"}} {
		i := int(order[pick.at])
		why, err := explain.Reasons(m, x.Take([]int32{int32(i)}), 0, mostExampleReasons, nil)
		if err != nil {
			return nil, err
		}
		e := TryExample{Title: evaluate.Text{Zh: pick.zh, En: pick.en}, Row: t.row[rows[i]], Score: score[i], Why: &why[0]}
		if e.Change, err = explain.Flip(ctx, m, x, i, border, flip); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// plausibleRows bounds what plausible values are taken from.
const plausibleRows = 5_000

// some returns the table, or a draw of it.
func some(x *table.Table, seed uint64) *table.Table {
	if x.NRows() <= plausibleRows {
		return x
	}
	rows := kernel.NewStream(seed, kernel.ID("plausible")).Sample(x.NRows(), plausibleRows)
	slices.Sort(rows)
	return x.Take(rows)
}

// hashOf returns the SHA-256 of a file, "" for what is no regular file and cannot be read twice.
func hashOf(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", kequn.Errorf(kequn.KindInput, path, "cannot be read: %v", plain(err))
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", kequn.Errorf(kequn.KindInput, path, "cannot be read: %v", plain(err))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
