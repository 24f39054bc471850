package ladder

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

var menu = []string{"base", "linear", "tree", "svm", "additive", "forest", "gbdt", "gbdt-careful", "gbdt-symmetric", "mlp"}

// The three criteria of the mission: the type of the problem, the size of the data, and the compute.
func TestPolicy(t *testing.T) {
	tried := func(f Facts, asked ...string) []string {
		var out []string
		for _, v := range Policy(f, menu, asked) {
			if v.Try {
				out = append(out, v.Name)
			}
			if v.Reason.Zh == "" || v.Reason.En == "" || strings.Contains(v.Reason.Zh+v.Reason.En, "%!") || v.Rule == "" {
				t.Errorf("%+v of %+v", v, f)
			}
		}
		return out
	}
	for _, c := range []struct {
		what  string
		facts Facts
		asked []string
		want  string
	}{
		{"small: nothing deep", Facts{Task: kequn.Binary, Rows: 400, Columns: 20, Rarer: 120}, nil, "base linear tree svm additive forest gbdt gbdt-careful gbdt-symmetric"},
		{"hardly anybody bought: simple ones", Facts{Task: kequn.Binary, Rows: 50_000, Columns: 20, Rarer: 19}, nil, "base linear tree"},
		{"asked for by name: tried", Facts{Task: kequn.Binary, Rows: 500, Columns: 20, Rarer: 19}, []string{"mlp"}, "base linear tree mlp"},
		{"medium: everything", Facts{Task: kequn.Binary, Rows: 6000, Columns: 20, Rarer: 1200}, nil, strings.Join(menu, " ")},
		{"large: no kernel machine", Facts{Task: kequn.Binary, Rows: 40_000, Columns: 20, Rarer: 4000}, nil, "base linear tree additive forest gbdt gbdt-careful gbdt-symmetric mlp"},
		{"a few amounts", Facts{Task: kequn.Regression, Rows: 40, Columns: 3}, nil, "base linear tree"},
		{"very many classes", Facts{Task: kequn.Multiclass, Classes: 100, Rows: 30_000, Columns: 20}, nil, "base linear tree forest gbdt mlp"},
		{"little memory", Facts{Task: kequn.Binary, Rows: 2_000_000, Columns: 50, Rarer: 200_000, Memory: 1 << 30}, nil, "base gbdt gbdt-careful gbdt-symmetric"},
	} {
		if got := strings.Join(tried(c.facts, c.asked...), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// With less time there are fewer inner parts, then heats, then fewer families; the plan never goes beyond what is given as long as
// anything can be left out.
func TestPlanFitsTheTime(t *testing.T) {
	in := wide(60_000)
	for _, name := range menu[1:] {
		in.Rungs = append(in.Rungs, model.Named{Name: name, Learner: steps{Column: "a"}})
	}
	all := makePlan(in, Options{Threads: 2})
	heats, last := false, 0
	for seconds := all.Seconds * 2; seconds > 0.5; seconds *= 0.7 {
		p := makePlan(in, Options{Threads: 2, Budget: time.Duration(seconds * float64(time.Second))})
		n := 0
		for _, s := range p.Steps {
			if s.Run && !s.Heat {
				n++
			}
		}
		if len(p.Heats) > 0 {
			n += p.Heats[len(p.Heats)-1].Keep
		}
		last = n
		heats = heats || len(p.Heats) > 0
		if p.Seconds > planShare*seconds && n > 2 {
			t.Errorf("%.1f s given, %.1f planned for %d families", seconds, p.Seconds, n)
		}
	}
	if !heats {
		t.Error("no budget led to heats")
	}
	if last > 2 {
		t.Errorf("half a second for %d families", last)
	}
}

// wide is a table of many rows whose only content is noise.
func wide(n int) Input {
	in := shop(1000, kequn.Binary)
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i % 1000)
	}
	in.X, in.Y, in.Rungs = in.X.Take(rows), in.Y.Take(rows), nil
	for i := range 20 {
		in.X.Columns = append(in.X.Columns, &table.Column{Name: fmt.Sprint("c", i), Num: in.X.Columns[i%2].Num})
	}
	in.Rounds = FoldRounds(Folds(in.X, in.Y, nil, 3, 1))
	return in
}

// In a heat the families that tell most go on; what a round judges has no part in its heats.
func TestHeats(t *testing.T) {
	in := shop(12_000, kequn.Binary)
	in.Rounds = FoldRounds(Folds(in.X, in.Y, nil, 2, 1))
	in.Rungs = []model.Named{
		{Name: "linear", Learner: steps{Column: "b"}},
		{Name: "additive", Learner: steps{Column: "b", Wrong: 0.9}},
		{Name: "forest", Learner: steps{Column: "a"}},
		{Name: "mlp", Learner: steps{Column: "b", Wrong: 0.8}},
	}
	plan := makePlan(in, Options{})
	for i := range plan.Steps {
		plan.Steps[i].Heat = i > 1
	}
	plan.Heats = []Heat{{Rows: 2000, Keep: 1}}
	r := run(t, in, Options{Plan: &plan})
	for _, name := range []string{"additive", "mlp"} {
		if e := r.Entry(name); e.Failed == "" || e.AUC != nil {
			t.Errorf("%s came through: %+v", name, e)
		}
	}
	if e := r.Entry("forest"); e.AUC == nil {
		t.Errorf("forest did not come through: %+v", e)
	}
	if auto := r.Entry(AutoName); !slices.ContainsFunc(auto.Blend, func(s Share) bool { return s.Name == "forest" }) {
		t.Errorf("blend %v", auto.Blend)
	}
	if w := r.Why(kequn.English); !strings.Contains(w, "heat") {
		t.Error(w)
	}
	again := run(t, in, Options{Plan: &r.Plan})
	p, _, _ := r.OutOfSample(AutoName)
	q, _, _ := again.OutOfSample(AutoName)
	if !slices.Equal(p, q) {
		t.Error("the replayed plan scores differently")
	}
	changed := in
	changed.Y.Y = slices.Clone(in.Y.Y)
	for _, i := range in.Rounds[1].Test {
		changed.Y.Y[i] = 1 - changed.Y.Y[i]
	}
	other := run(t, changed, Options{Plan: &plan})
	q, _, _ = other.OutOfSample(AutoName)
	for _, i := range in.Rounds[1].Test {
		if p[i] != q[i] {
			t.Fatalf("row %d scores %v, and %v after its own fold's outcomes changed", i, p[i], q[i])
		}
	}
	if _, err := r.Fit(context.Background(), AutoName); err != nil {
		t.Error(err)
	}
}
