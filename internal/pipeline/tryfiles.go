package pipeline

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kequn"
	"kequn/internal/model/ladder"
)

// stage holds files back until all of them are written: then they appear, or none does.
type stage struct {
	inputs []string // never written over
	files  []staged
}

type staged struct{ tmp, path string }

// check refuses outputs that cannot be, before any work is done.
func (s *stage) check(outputs ...string) error {
	for i, path := range outputs {
		if path == "" {
			continue
		}
		if slices.Contains(outputs[:i], path) {
			return usage(path, "two outputs have one name")
		}
		dir, err := os.Stat(filepath.Dir(path))
		if err != nil || !dir.IsDir() {
			return usage(path, "the folder does not exist").WithHint("make it first")
		}
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if info.IsDir() {
			return usage(path, "is a folder, not a file")
		}
		for _, in := range s.inputs {
			if other, err := os.Stat(in); in != "" && err == nil && os.SameFile(info, other) {
				return usage(path, "is read by the same command and would be overwritten")
			}
		}
	}
	return nil
}

// write has f write a file, which appears with commit. What is no regular file, such as a pipe, is written at once.
func (s *stage) write(path string, f func(w io.Writer) error) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	var file *os.File
	if info, e := os.Stat(path); e == nil && !info.Mode().IsRegular() {
		file, err = os.OpenFile(path, os.O_WRONLY, 0)
	} else {
		file, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
		if err == nil {
			s.files = append(s.files, staged{file.Name(), path})
		}
	}
	if err != nil {
		return kequn.Errorf(kequn.KindInput, path, "cannot be written: %v", plain(err))
	}
	out := bufio.NewWriterSize(file, 1<<16)
	err = errors.Join(f(out), out.Flush())
	if err == nil && s.files != nil && s.files[len(s.files)-1].tmp == file.Name() {
		err = errors.Join(file.Chmod(0o644), file.Sync())
	}
	if e := file.Close(); err == nil {
		err = e
	}
	var p *os.PathError
	if errors.As(err, &p) {
		return kequn.Errorf(kequn.KindInput, path, "cannot be written: %v", p.Err)
	}
	return err
}

func plain(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// commit lets the files appear.
func (s *stage) commit() error {
	for len(s.files) > 0 {
		f := s.files[0]
		if err := os.Rename(f.tmp, f.path); err != nil {
			return kequn.Errorf(kequn.KindInput, f.path, "cannot be written: %v", err)
		}
		s.files = s.files[1:]
	}
	return nil
}

// abort removes what has not appeared.
func (s *stage) abort() {
	for _, f := range s.files {
		os.Remove(f.tmp)
	}
}

// write writes what the flags ask for.
func (t *trial) write(ctx context.Context, files *stage) error {
	defer files.abort()
	lines, err := t.lines(ctx)
	if err != nil {
		return err
	}
	if t.f.Predictions != "" {
		if err := files.write(t.f.Predictions, func(w io.Writer) error { return t.writePredictions(w, lines) }); err != nil {
			return err
		}
	}
	if t.f.Plot != "" {
		svg, err := t.plot(ctx)
		if err != nil {
			return err
		}
		if err := files.write(t.f.Plot, func(w io.Writer) error { _, err := io.WriteString(w, svg); return err }); err != nil {
			return err
		}
	}
	if t.f.Card != "" && t.f.WriteCard != nil {
		t.res.Seconds = time.Since(t.began).Seconds()
		if err := files.write(t.f.Card, func(w io.Writer) error { return t.f.WriteCard(w, t.res) }); err != nil {
			return err
		}
	}
	if err := t.saveModel(ctx, files); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return files.commit()
}

// scored is a line with its scores: NOut numbers for each of rows.
type scored struct {
	name  string
	rows  []int64 // as the file numbers them
	fold  []int64
	score []float64
}

// lines returns the scores of the lines asked for. Where the clock left none of them, the constant stands in.
func (t *trial) lines(ctx context.Context) ([]scored, error) {
	names := slices.DeleteFunc(slices.Clone(t.asked), func(name string) bool {
		return !slices.ContainsFunc(t.res.Models, func(m TryModel) bool { return m.Name == name })
	})
	if len(names) == 0 {
		names = []string{t.res.Chosen}
	}
	var out []scored
	k := t.y.NOut()
	for _, name := range names {
		s := scored{name: name}
		if t.apart != nil {
			m, err := t.ladder.Fit(ctx, t.rung(name))
			if err != nil {
				return nil, err
			}
			if s.score, err = m.Predict(t.apart); err != nil {
				return nil, err
			}
			s.rows = t.row[t.x.NRows():]
			s.fold = make([]int64, len(s.rows))
		} else {
			score, round, err := t.ladder.OutOfSample(t.rung(name))
			if err != nil {
				return nil, err
			}
			for i, r := range round {
				if r >= 0 {
					s.rows, s.fold = append(s.rows, t.row[i]), append(s.fold, t.split.name[r])
					s.score = append(s.score, score[i*k:(i+1)*k]...)
				}
			}
		}
		for _, v := range s.score {
			if !finite(v) || t.y.Task != kequn.Regression && (v < 0 || v > 1) {
				return nil, kequn.Errorf(kequn.KindInternal, "", "%s gave a score that is none: %v", name, v)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func (t *trial) writePredictions(w io.Writer, lines []scored) error {
	head := "row,fold,model,score\n"
	k := t.y.NOut()
	classes := make([]string, len(t.target.classes))
	if t.y.Task == kequn.Multiclass {
		head = "row,fold,model,class,score\n"
		for i, c := range t.target.classes {
			classes[i] = csvField(c) + ","
		}
	}
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	var b []byte
	for _, s := range lines {
		for i, row := range s.rows {
			for c := range k {
				b = strconv.AppendInt(b[:0], row, 10)
				b = append(b, ',')
				b = strconv.AppendInt(b, s.fold[i], 10)
				b = append(b, ',')
				b = append(b, s.name...)
				b = append(b, ',')
				if t.y.Task == kequn.Multiclass {
					b = append(b, classes[c]...)
				}
				b = strconv.AppendFloat(b, s.score[i*k+c], 'g', -1, 64)
				b = append(b, '\n')
				if _, err := w.Write(b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// csvField quotes a text where CSV needs it.
func csvField(s string) string {
	if strings.ContainsAny(s, ",\"\r\n") || s != strings.TrimSpace(s) {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// maxSchedule bounds what is read as a schedule.
const maxSchedule = 16 << 20

// readSchedule reads the plan to repeat: the JSON document of an earlier call, or its plan alone. Seed and models of a
// document are repeated too, unless flags name models.
func (t *trial) readSchedule() error {
	path := t.f.Schedule
	var doc struct {
		Plan  *ladder.Plan `json:"plan"`
		Seed  *uint64      `json:"seed"`
		Asked []string     `json:"asked"`
		Limit int          `json:"train_limit"`
	}
	var bare ladder.Plan
	if path != "" {
		f, err := os.Open(path)
		if err != nil {
			return kequn.Errorf(kequn.KindInput, path, "cannot be read: %v", plain(err))
		}
		text, err := io.ReadAll(io.LimitReader(f, maxSchedule))
		f.Close()
		if err == nil {
			err = errors.Join(json.Unmarshal(text, &doc), json.Unmarshal(text, &bare))
		}
		if err != nil {
			return kequn.Errorf(kequn.KindInput, path, "is no schedule: %v", err).WithHint("give the JSON that an earlier kequn try --json printed")
		}
		t.plan = doc.Plan
		if t.plan == nil {
			t.plan = &bare
		}
		if err := t.checkPlan(path); err != nil {
			return err
		}
		if doc.Seed != nil {
			t.Seed, t.res.Seed = *doc.Seed, *doc.Seed
		}
		t.res.TrainLimit = max(0, doc.Limit)
		if len(t.asked) == 0 {
			t.f.Models = doc.Asked
			if err := t.checkModels(); err != nil {
				return err
			}
		}
	}
	if len(t.asked) == 0 {
		t.asked = []string{ladder.AutoName}
	}
	return nil
}

// checkPlan refuses a plan that the ladder could not follow.
func (t *trial) checkPlan(path string) error {
	p := t.plan
	if len(p.Steps) == 0 || p.Inner < 2 || p.Inner > 100 || p.InnerOf < 1 || p.InnerOf > p.Inner || math.IsNaN(p.Seconds) {
		return kequn.Errorf(kequn.KindInput, path, "is no schedule: it has no plan with steps and inner folds").
			WithHint("give the JSON that an earlier kequn try --json printed")
	}
	for i := range p.Steps {
		p.Steps[i].Done = false
	}
	return nil
}
