package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kequn"
	"kequn/internal/plan"
)

// Goals that ask "which values next" and "when is the next one" are answered with lists and dates, not with one score. What they
// share with the others is told here: whether the data can answer them, and what is said of one customer.

// isListed tells whether a goal is answered with lists or dates.
func isListed(g plan.Goal) bool { return g.Next != "" || g.When != "" }

// readyListed tells whether the data can answer such a goal.
func (s *Shop) readyListed(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff) (ReadyGoal, error) {
	r := ReadyGoal{Name: g.Name, Question: Question(g, s.Lang)}
	var err error
	if g.Next != "" {
		err = s.readyNext(ctx, v, g, ask, &r)
	} else {
		err = s.readyWhen(ctx, v, g, ask, &r)
	}
	var e *kequn.Error
	if errors.As(err, &e) && e.Kind == kequn.KindNotEnough {
		r.Why = answerable(err, s.Lang)
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.Ready = true
	return r, nil
}

func (s *Shop) readyNext(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, r *ReadyGoal) error {
	rows, err := s.valueRows(ctx, v, g)
	if err != nil {
		return err
	}
	total, err := rows.everyValue(ctx)
	if err != nil {
		return err
	}
	h, names, err := rows.all(ctx, ask, total, s.Seed)
	if err != nil {
		return err
	}
	who, err := s.whoAt(ctx, v, g, ask)
	if err != nil {
		return err
	}
	task, judged, learned, err := s.nextTask(ctx, v, g, ask, h, names, who)
	if err != nil {
		return err
	}
	r.Eligible, r.Cutoffs = len(task.Judge.Queries), append(learned, judged)
	if r.Eligible < fewestNext {
		return s.fewNext(g, r.Eligible)
	}
	r.Why = s.Lang.Pick(fmt.Sprintf("可在 %d 位之后又来过的客户上评判，共 %d 个不同的值", r.Eligible, rows.values.Len()), fmt.Sprintf("%d customers who came again can judge it; %d different values", r.Eligible, rows.values.Len()))
	return nil
}

func (s *Shop) readyWhen(ctx context.Context, v *view, g plan.Goal, ask kequn.Cutoff, r *ReadyGoal) error {
	first, err := v.beginning(ctx, g, ask)
	if err != nil {
		return err
	}
	cuts, learn, err := s.whenTime(v, g, first, ask)
	if err != nil {
		return err
	}
	who, err := s.whoAt(ctx, v, g, learn[0])
	if err != nil {
		return err
	}
	horizon := g.Within.Duration().Hours() / 24
	earlier, err := s.whenPanel(ctx, v, g, nil, who, learn, cuts.Judge, horizon)
	if err != nil {
		return err
	}
	judge, err := s.whenPanel(ctx, v, g, nil, who, []kequn.Cutoff{cuts.Judge}, ask, horizon)
	if err != nil {
		return err
	}
	for _, y := range judge.y {
		if y.event {
			r.Positives++
		}
	}
	r.Eligible = len(judge.y)
	for _, c := range append(slices.Clone(learn), cuts.Judge) {
		r.Cutoffs = append(r.Cutoffs, kequn.FormatZone(c, v.zone))
	}
	if err := s.enoughSpells(g, earlier.y, judge.y); err != nil {
		return err
	}
	r.Mean = float64(r.Positives) / float64(max(1, r.Eligible))
	r.Why = s.Lang.Pick(fmt.Sprintf("%d 位适用客户中有 %d 位在期限内又有过（%.1f%%）", r.Eligible, r.Positives, 100*r.Mean), fmt.Sprintf("%d of %d eligible customers had a next one within the horizon (%.1f %%)", r.Positives, r.Eligible, 100*r.Mean))
	return nil
}

// whyListed says what such a goal says of one customer, or nil where it says nothing.
func (s *Shop) whyListed(v *view, doc goalDoc, name, customer string) (*explained, error) {
	out := &explained{cutoff: kequn.FormatZone(doc.Ask, v.zone)}
	out.Goal, out.Question, out.Reasons = name, Question(doc.Goal, s.Lang), []WhyReason{}
	if doc.Goal.Next != "" {
		var lists nextDoc
		if err := s.readDoc("lists."+name, &lists); err != nil {
			return nil, err
		}
		i := slices.Index(lists.Customer, customer)
		if i < 0 || len(lists.Lists[i]) == 0 {
			return nil, nil
		}
		out.Score = float64(lists.Scores[i][0])
		out.Headline = out.Question
		for k, value := range lists.Lists[i] {
			x := WhyReason{Feature: lists.Values[value], Value: number(float64(k + 1)), Contribution: float64(lists.Scores[i][k]), Text: lists.Values[value]}
			if doc.Prediction != nil && doc.Prediction.Chosen == "ranker" {
				x.Text += fmt.Sprintf("  %.1f%%", 100*x.Contribution)
			}
			out.Reasons = append(out.Reasons, x)
		}
		return out, nil
	}
	var times whenDoc
	if err := s.readDoc("times."+name, &times); err != nil {
		return nil, err
	}
	i := slices.Index(times.Customer, customer)
	if i < 0 {
		return nil, nil
	}
	out.Score = times.Score[i]
	horizon := doc.Prediction.When.Horizon
	days := func(x float64) string {
		if x < 0 {
			return s.Lang.Pick(fmt.Sprintf("%.0f 天以后", horizon), fmt.Sprintf("after %.0f days", horizon))
		}
		return s.Lang.Pick(fmt.Sprintf("%.1f 天", x), fmt.Sprintf("%.1f days", x))
	}
	out.Headline = s.Lang.Pick(fmt.Sprintf("%s  中位数 %s（80%% 的把握：%s 到 %s），期限内会有的可能 %.1f%%", out.Question, days(times.Score[i]), days(times.Low[i]), days(times.High[i]), 100*times.Within[i]),
		fmt.Sprintf("%s  median %s (80 %%: from %s to %s), chance within the horizon %.1f %%", out.Question, days(times.Score[i]), days(times.Low[i]), days(times.High[i]), 100*times.Within[i]))
	return out, nil
}
