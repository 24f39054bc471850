package pipeline

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/tree"
)

// peopleTable writes a table of people whose sex tells part of the outcome, and of whom height tells the sex.
func peopleTable(t *testing.T, name string, n int, seed uint64) string {
	t.Helper()
	s := kernel.NewStream(seed)
	var b strings.Builder
	b.WriteString("sex,age,height,visits,bought\n")
	for range n {
		sex, tall := "f", 165.0
		if s.Bool(0.5) {
			sex, tall = "m", 179
		}
		visits := s.Norm()
		z := visits - 1
		if sex == "m" {
			z += 1.5
		}
		bought := "no"
		if s.Float64() < 1/(1+math.Exp(-z)) {
			bought = "yes"
		}
		fmt.Fprintf(&b, "%s,%d,%.1f,%.3f,%s\n", sex, 18+s.Intn(60), tall+6*s.Norm(), visits, bought)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func attributes(f []evaluate.Fairness) (out []string) {
	for _, x := range f {
		out = append(out, fmt.Sprint(x.Attribute, " ", x.Used))
	}
	return out
}

func tryFair(t *testing.T, f TryFlags) (*trial, []evaluate.Fairness) {
	t.Helper()
	ctx := context.Background()
	f.Models = []string{"linear"}
	x := &trial{Options: Options{Learners: tryLearners}.withDefaults(), f: f, began: time.Now(), res: &TryResult{}}
	for _, step := range []func() error{x.checkFlags, func() error { return x.read(ctx) }, func() error { return x.climb(ctx) }} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	out, err := x.fairness("linear", nil)
	if err != nil {
		t.Fatal(err)
	}
	return x, out
}

func TestTryFairness(t *testing.T) {
	file := peopleTable(t, "people.csv", 3000, 1)
	x, f := tryFair(t, TryFlags{File: file, Outcome: "bought", Sensitive: []string{"sex"}})
	if got := x.x.Names(); !slices.Equal(got, []string{"age", "height", "visits"}) {
		t.Errorf("features %v", got)
	}
	if got := attributes(f); !slices.Equal(got, []string{"sex false", "age true"}) {
		t.Fatalf("%v", got)
	}
	if len(f[0].Groups) != 2 || f[0].Groups[0].Rows+f[0].Groups[1].Rows != 3000 || f[0].Parity == nil || f[0].Parity.Ratio > 0.8 {
		t.Errorf("%+v", f[0])
	}
	if len(f[0].Proxies) != 1 || f[0].Proxies[0].Column != "height" || !strings.Contains(f[0].En, "other columns tell it: height") {
		t.Errorf("%+v: %s", f[0].Proxies, f[0].En)
	}
	if notes := strings.Join(x.res.Notes, "; "); !strings.Contains(notes, "--sensitive age ") {
		t.Error(notes)
	}

	// Without the flag every column is used, and those that look sensitive are compared.
	if x, f = tryFair(t, TryFlags{File: file, Outcome: "bought"}); len(x.x.Columns) != 4 || !slices.Equal(attributes(f), []string{"sex true", "age true"}) {
		t.Errorf("%v %v", x.x.Names(), attributes(f))
	}

	// Rows of a test file are judged with their own groups.
	x, f = tryFair(t, TryFlags{File: file, Outcome: "bought", Sensitive: []string{"sex"}, Test: peopleTable(t, "test.csv", 1000, 2)})
	if x.sensitive.NRows() != 4000 || f[0].Groups[0].Rows+f[0].Groups[1].Rows != 1000 || f[0].Parity.Ratio > 0.8 {
		t.Errorf("%d rows, %+v", x.sensitive.NRows(), f[0].Groups)
	}
	tryRefused(t, kequn.KindInput, `no column "gender"`, TryFlags{File: file, Outcome: "bought", Sensitive: []string{"gender"}})
	tryRefused(t, kequn.KindUsage, "--sensitive", TryFlags{File: file, Outcome: "bought", Sensitive: []string{"bought"}})
}

// Customers' sensitive attributes are no features of a goal, and their groups are compared.
func TestShopFairness(t *testing.T) {
	s := demoShop(t, 1000, nil)
	s.Learners = []model.Named{{Name: "tree", Learner: tree.Learner{}}} // quick
	ctx := context.Background()
	g, v, ask, err := s.asked(GoalFlags{Goal: s.Plan.Goals[0].Name})
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := s.learnGoal(ctx, v, g, ask, GoalFlags{dropLeaks: true})
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.fairness(ctx, v, l)
	if err != nil {
		t.Fatal(err)
	}
	if len(f) == 0 {
		t.Fatal("no attribute was compared")
	}
	judged := 0
	_, round, _ := l.ladder.OutOfSample(l.line)
	for _, r := range round {
		if r >= 0 {
			judged++
		}
	}
	for _, x := range f {
		rows := 0
		for _, g := range x.Groups {
			rows += g.Rows
			if g.Group == evaluate.UnknownGroup && g.Rows == judged {
				t.Errorf("%s is known of nobody", x.Attribute)
			}
		}
		if x.Used || rows < judged-150 || rows > judged {
			t.Errorf("%s: %d of %d rows, used %v", x.Attribute, rows, judged, x.Used)
		}
	}
}
