package pipeline

import (
	"context"
	"slices"
	"strings"
	"testing"

	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/ladder"
	"kequn/internal/query"
)

// A goal learnt with the embeddings of behaviour: other rungs do not see them, the model of behaviour is kept with the goal's, and why a
// customer has his score is told from it by a program that opens the workspace anew.
func TestSequenceRung(t *testing.T) {
	s := demoShop(t, 500, nil)
	s.Learners = []model.Named{{Name: "gbdt", Learner: gbdt.Learner{Trees: 20, Leaves: 7}}}
	s.Decoders = map[string]model.Decoder{"gbdt": gbdt.Decode, ladder.BaseName: ladder.DecodeBase}
	s.Decoders[ladder.AutoFamily] = ladder.Decoder(s.Decoders)
	ctx := context.Background()
	g, v, ask, err := s.asked(GoalFlags{Goal: "buys_again"})
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := s.learnGoal(ctx, v, g, ask, GoalFlags{dropLeaks: true, Models: "gbdt,sequence"})
	if err != nil {
		t.Fatal(err)
	}
	embedded := func(line string) (n int) {
		c, err := l.ladder.Fit(ctx, line)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range c.Header().Columns {
			if strings.HasPrefix(c.Name, "behaviour_") {
				n++
			}
		}
		return n
	}
	if e := l.ladder.Entry("sequence"); e == nil || e.Failed != "" || e.AUC == nil || *e.AUC < 0.6 {
		t.Fatalf("the rung of behaviour: %+v", e)
	}
	if embedded("gbdt") != 0 || embedded("sequence") == 0 {
		t.Errorf("gbdt sees %d numbers of behaviour, sequence %d", embedded("gbdt"), embedded("sequence"))
	}

	l.line = "sequence"
	if l.choice, err = l.ladder.Fit(ctx, l.line); err != nil {
		t.Fatal(err)
	}
	sc, err := s.score(ctx, v, l, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.locked(ctx, "predict", func() error { return s.keepGoal(ctx, v, l, s.describe(v, l), sc) }); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.Options)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	var doc goalDoc
	if err := again.readDoc("goal.buys_again", &doc); err != nil {
		t.Fatal(err)
	}
	name := behaviourOf(doc.Definitions)
	v, err = again.look()
	if err != nil {
		t.Fatal(err)
	}
	data, err := again.reading(v, doc.Definitions, doc.Ask)
	if err != nil {
		t.Fatal(err)
	}
	if sets := data.Datasets(); name == "" || sets[len(sets)-1].Name != name {
		t.Fatalf("no model of behaviour is kept: %q", name)
	}
	scores, _, err := v.snap.Table(query.ScoreSet)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		customer := scores.Column(query.CustomerColumn).String(i)
		why, err := again.Why(ctx, customer, "buys_again")
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(why.Goals, func(g WhyGoal) bool { return g.Goal == "buys_again" }); i < 0 || len(why.Goals[i].Reasons) == 0 {
			t.Errorf("no reasons: %+v", why)
		}
	}
}
