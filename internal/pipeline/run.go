package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"kequn"
	"kequn/internal/store"
)

// RunFlags say how everything is run.
type RunFlags struct {
	Cutoff string
	Engine string
}

// RunResult is what a run did.
type RunResult struct {
	Cutoff  string    `json:"cutoff"`
	Steps   []RunStep `json:"steps"`
	Changed bool      `json:"changed"` // anything was made anew
	Report  string    `json:"report,omitempty"`

	Quality *QualityBrief `json:"quality"`
}

// RunStep is one step of a run.
type RunStep struct {
	Name    string  `json:"name"`
	Status  string  `json:"status"` // done, up_to_date or skipped
	Seconds float64 `json:"seconds"`
	Note    string  `json:"note,omitempty"`
}

// The states of a step.
const (
	stepDone     = "done"
	stepUpToDate = "up_to_date"
	stepSkipped  = "skipped"
)

// Run makes segments, goals and the sizes of audiences, each only if something that it depends on has changed. A goal that
// the data cannot answer is skipped with the reason. Every step is kept as soon as it is done, so an interrupted run goes on
// where it stopped.
func (s *Shop) Run(ctx context.Context, f RunFlags) (*RunResult, error) {
	if f.Engine != "" && f.Engine != "local" {
		return nil, kequn.Errorf(kequn.KindUsage, "--engine", "there is no engine %q", f.Engine).WithHint("local")
	}
	res := &RunResult{Steps: []RunStep{}}
	err := s.locked(ctx, "run", func() error {
		var err error
		if res.Quality, err = s.checkBefore(ctx); err != nil {
			return err
		}
		v, err := s.look()
		if err != nil {
			return err
		}
		cutoff, err := v.cutoff(f.Cutoff)
		if err != nil {
			return err
		}
		res.Cutoff = kequn.FormatZone(cutoff, v.zone)
		for _, p := range s.Plan.Segments {
			if err := s.step(ctx, res, v, "segment."+p.Name, p, cutoff, func() error {
				_, err := s.makeSegments(ctx, p, cutoff)
				return err
			}); err != nil {
				return err
			}
		}
		for _, g := range s.Plan.Goals {
			if err := s.step(ctx, res, v, "goal."+g.Name, g, cutoff, func() error {
				now, err := s.look()
				if err != nil {
					return err
				}
				_, err = s.predict(ctx, now, g, cutoff, GoalFlags{dropLeaks: true})
				return err
			}); err != nil {
				return err
			}
		}
		for _, a := range s.Plan.Audience {
			// An audience may name scores and segments: it depends on all of them, and on the other audiences.
			if err := s.step(ctx, res, v, "audience."+a.Name, []any{a, s.Plan.Audience, s.Plan.Goals, s.Plan.Segments}, cutoff, func() error {
				return s.countAudience(ctx, a.Name, a.Rule, cutoff)
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return res, err
}

// step runs one step unless the last one of its name was made from just the same.
func (s *Shop) step(ctx context.Context, res *RunResult, v *view, name string, definition any, cutoff kequn.Cutoff, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, err := s.stepKey(v, definition, cutoff)
	if err != nil {
		return err
	}
	snap, err := s.ws.Snapshot()
	if err != nil {
		return err
	}
	if old, ok := snap.Step(name); ok && old.Key == key {
		note := skipped(snap, name)
		status := stepUpToDate
		if note != "" {
			status = stepSkipped
		}
		res.Steps = append(res.Steps, RunStep{Name: name, Status: status, Note: note})
		return nil
	}
	began := time.Now()
	out := RunStep{Name: name, Status: stepDone}
	if err := do(); err != nil {
		if out.Note = answerable(err, s.Lang); out.Note == "" {
			return err
		}
		out.Status = stepSkipped
	}
	out.Seconds = time.Since(began).Seconds()
	res.Steps, res.Changed = append(res.Steps, out), true
	return s.keepStep(ctx, name, key, out.Note)
}

// skipped returns why the last run could not do a step, or "".
func skipped(snap *store.Snapshot, name string) (note string) {
	if step, ok := snap.Step(name); ok && len(step.Facts) > 0 {
		json.Unmarshal(step.Facts, &note)
	}
	return note
}

// answerable returns why a step was skipped, or "" for trouble that ends the run: a question that the data cannot answer, or a
// leak that nobody confirmed, is no reason not to answer the others.
func answerable(err error, l kequn.Lang) string {
	var e *kequn.Error
	if !errors.As(err, &e) || e.Kind != kequn.KindNotEnough && e.Kind != kequn.KindInput {
		return ""
	}
	note := e.Message
	if e.Kind == kequn.KindInput { // a leak: the column matters, where a goal that cannot be answered names itself
		note = e.Error()
	}
	if e.Hint != "" {
		note += l.Pick("（"+e.Hint+"）", " ("+e.Hint+")")
	}
	return note
}

// stepKey identifies everything that a step depends on.
func (s *Shop) stepKey(v *view, definition any, cutoff kequn.Cutoff) (string, error) {
	b, err := json.Marshal([]any{kequn.Version, v.fingerprint(), definition, cutoff, s.Seed, s.Plan.Zone, s.Plan.Currency, s.Plan.Features})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func (s *Shop) keepStep(ctx context.Context, name, key, note string) error {
	tx, err := s.ws.Begin(ctx, "run")
	if err != nil {
		return err
	}
	defer tx.Abort()
	step := store.Step{Key: key}
	if note != "" {
		if step.Facts, err = json.Marshal(note); err != nil {
			return err
		}
	}
	tx.PutStep(name, step)
	return tx.Commit()
}

// audienceDoc is an audience's size at the last run.
type audienceDoc struct {
	Name  string `json:"name"`
	Rule  string `json:"rule"`
	Count int    `json:"count"`
	Of    int    `json:"of"`
}

func (s *Shop) countAudience(ctx context.Context, name, rule string, cutoff kequn.Cutoff) error {
	v, err := s.look()
	if err != nil {
		return err
	}
	s.Progress(s.Lang.Pick("人群包 ", "audience ")+name, 0, 0)
	src, err := s.rules(ctx, v, cutoff)
	if err != nil {
		return err
	}
	p, err := src.Preview(ctx, rule, s.Lang)
	if err != nil {
		return err
	}
	tx, err := s.ws.Begin(ctx, "audience "+name)
	if err != nil {
		return err
	}
	defer tx.Abort()
	if err := putDoc(tx, "audience."+name, audienceDoc{name, rule, p.Count, p.Of}); err != nil {
		return err
	}
	return tx.Commit()
}
