package pipeline

import (
	"testing"
	"time"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/plan"
)

func TestWhatOpensWithMore(t *testing.T) {
	s := &Shop{Options: Options{Lang: kequn.English, Threads: 2, Learners: []model.Named{{Name: ladder.BaseName}, {Name: "linear"}, {Name: "gbdt"}, {Name: "mlp"}}}}
	v := &view{zone: time.UTC}
	ask := kequn.At(time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC))

	yes := &study{y: model.Outcome{Task: kequn.Binary}}
	one := s.rowOpens(v, yes, 500, 12, 30, ask)
	if len(one) != 1 || one[0].Needs != minLearn || one[0].More != minLearn-12 || one[0].Unit != unitPositives {
		t.Errorf("too few to answer: %+v", one)
	}
	names := []string{ladder.BaseName, "linear", "gbdt", "mlp"}
	tried := func(f ladder.Facts, name string) bool {
		for _, x := range ladder.Policy(f, names, nil) {
			if x.Name == name {
				return x.Try
			}
		}
		return false
	}
	for _, o := range s.rowOpens(v, yes, 3000, 25, 20, ask) {
		f := ladder.Facts{Task: kequn.Binary, Rows: 1_000_000, Rarer: int(o.Needs), Threads: 2}
		if o.What != "the model gbdt" || o.Unit != unitPositives || !tried(f, "gbdt") {
			t.Errorf("%+v", o)
		}
		if f.Rarer--; tried(f, "gbdt") {
			t.Errorf("fewer would do: %+v", o)
		}
	}
	if got := s.rowOpens(v, yes, 10_000_000, 1_000_000, 100_000, ask); len(got) != 0 {
		t.Errorf("with everything open: %+v", got)
	}

	// So many more days, and not one fewer.
	g := plan.Goal{Event: "orders", Within: kequn.Days(90)}
	first := kequn.Days(120).Before(ask, time.UTC)
	later := func(c Cutoffs, ok bool) bool { return ok && !c.SameTime }
	d := daysUntil(first, ask, g, v, later)
	if d <= 0 {
		t.Fatalf("%d days", d)
	}
	for _, x := range []struct {
		days int
		want bool
	}{{d - 1, false}, {d, true}} {
		if c, ok := ChooseCutoffs(first, kequn.Days(x.days).After(ask, time.UTC), g.Gap, g.Within, time.UTC); later(c, ok) != x.want {
			t.Errorf("%d days: %v", x.days, !x.want)
		}
	}
}
