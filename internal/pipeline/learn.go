package pipeline

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// rungs returns the learners that --models names, or all.
func (s *Shop) rungs(models string) ([]model.Named, error) {
	if models == "" || models == ladder.AutoName {
		return s.Learners, nil
	}
	var out []model.Named
	for _, name := range strings.Split(models, ",") {
		name = strings.TrimSpace(name)
		if name == ladder.AutoName || name == "simple" {
			continue
		}
		if name == sequenceRung { // trees that see the embeddings beside the features
			if i := slices.IndexFunc(s.Learners, func(n model.Named) bool { return n.Name == "gbdt" }); i >= 0 {
				out = append(out, model.Named{Name: name, Learner: s.Learners[i].Learner})
			}
			continue
		}
		i := slices.IndexFunc(s.Learners, func(n model.Named) bool { return n.Name == name })
		if i < 0 {
			known := make([]string, len(s.Learners))
			for k, l := range s.Learners {
				known[k] = l.Name
			}
			return nil, kequn.Errorf(kequn.KindUsage, "--models", "there is no model %q", name).WithHint("models are %s, auto and simple", strings.Join(known, ", "))
		}
		out = append(out, s.Learners[i])
	}
	if out == nil {
		return s.Learners, nil
	}
	return out, nil
}

// goalEffort is what is planned for the models of one goal: `run` has several goals, every week.
const goalEffort = 8 * time.Second

// learned is a goal's chosen model with its ladder.
type learned struct {
	study  *study
	ladder *ladder.Result
	choice *ladder.Choice
	line   string
	median func(x *table.Table) ([]float64, error) // of counts and amounts: where half of the customers' outcomes lie below
}

// learn climbs the ladder and fits the chosen model on everything known.
func (s *Shop) learn(ctx context.Context, t *study, models, prefer string) (*learned, error) {
	if t.value != nil {
		return s.learnValue(ctx, t, models, prefer)
	}
	rungs, err := s.rungs(models)
	if err != nil {
		return nil, err
	}
	var asked []string
	if behaviourOf(t.defs) != "" {
		rungs, asked = withSequence(rungs), []string{sequenceRung}
	}
	r, err := ladder.Run(ctx, ladder.Input{X: t.panel.X, Y: t.y, Rungs: rungs, Rounds: t.rounds, Group: t.group}, ladder.Options{
		Seed: s.Seed, Threads: s.Threads, Memory: s.Memory, Effort: goalEffort, Asked: asked,
		Progress: func(done, of float64, doing string) {
			s.Progress(s.Lang.Pick("模型 ", "models of ")+t.goal.Name, int64(1000*done/math.Max(of, 1e-9)), 1000)
		},
	})
	if err != nil {
		return nil, err
	}
	line, err := preferred(r, prefer)
	if err != nil {
		return nil, err
	}
	choice, err := r.Fit(ctx, line)
	if err != nil {
		return nil, err
	}
	return &learned{study: t, ladder: r, choice: choice, line: line}, nil
}

// preferred returns the line of the ladder that --prefer means.
func preferred(r *ladder.Result, prefer string) (string, error) {
	switch prefer {
	case "", ladder.AutoName:
		return r.Chosen, nil
	case "simple":
		return r.Simple, nil
	}
	return "", kequn.Errorf(kequn.KindUsage, "--prefer", "%q is neither auto nor simple", prefer)
}

// studyOf makes the panel of a goal: that of a count or an amount where it is one and the history allows, else the ordinary one.
func (s *Shop) studyOf(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) (*study, error) {
	if isValue(g) {
		if t, err := s.prepareValue(ctx, v, g, ask); t != nil || err != nil {
			return t, err
		}
	}
	return s.prepare(ctx, v, g, ask)
}

// learnGoal makes the panel of a goal, probes it for leaks, and climbs the ladder.
func (s *Shop) learnGoal(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, f GoalFlags) (*learned, []Leak, error) {
	t, err := s.studyOf(ctx, v, g, ask)
	if err != nil {
		return nil, nil, err
	}
	t.view = v
	leaks, err := s.leaks(ctx, t, f.ConfirmLeak, f.dropLeaks)
	if err != nil {
		return nil, nil, err
	}
	if t.value == nil {
		if err := s.narrow(ctx, t); err != nil {
			return nil, nil, err
		}
	}
	if t.value == nil && asksFor(f.Models, sequenceRung) {
		if err := s.attachBehaviour(ctx, v, t); err != nil {
			return nil, nil, err
		}
	}
	l, err := s.learn(ctx, t, f.Models, f.Prefer)
	return l, leaks, err
}

// asksFor tells whether --models names a rung.
func asksFor(models, name string) bool {
	return slices.ContainsFunc(strings.Split(models, ","), func(m string) bool { return strings.TrimSpace(m) == name })
}
